#include "addon.h"

#include <math.h>
#include <stdlib.h>

// Of the objects of this library; no other addon's are taken for one.
static const napi_type_tag TAG = {0x6d616e7963617374, 0x7274707265636569};
// 30,000 years, ms.
#define LARGEST 1e15

typedef struct {
  void *data;
  void (*release)(void *data);
} Wrapped;

Arguments arguments_of(napi_env env, napi_callback_info info) {
  Arguments arguments = {.env = env, .ok = true};
  size_t count = MAX_ARGUMENTS;
  napi_get_cb_info(env, info, &count, arguments.values, NULL, NULL);
  for (; count < MAX_ARGUMENTS; count++) napi_get_undefined(env, &arguments.values[count]);
  return arguments;
}

static void refuse(Arguments *arguments, const char *message) {
  if (arguments->ok) napi_throw_type_error(arguments->env, NULL, message);
  arguments->ok = false;
}

double number_at(Arguments *arguments, size_t index) {
  double value = 0;
  if (napi_get_value_double(arguments->env, arguments->values[index], &value) == napi_ok && fabs(value) <= LARGEST) return value;
  refuse(arguments, "a number is expected");
  return 0;
}

bool bool_at(Arguments *arguments, size_t index) {
  bool value = false;
  if (napi_get_value_bool(arguments->env, arguments->values[index], &value) != napi_ok) refuse(arguments, "a boolean is expected");
  return value;
}

void text_at(Arguments *arguments, size_t index, char *text, size_t size) {
  size_t length = 0;
  text[0] = '\0';
  if (napi_get_value_string_utf8(arguments->env, arguments->values[index], text, size, &length) != napi_ok) refuse(arguments, "a text is expected");
}

const uint8_t *buffer_at(Arguments *arguments, size_t index, size_t *length) {
  void *data = NULL;
  *length = 0;
  if (napi_get_buffer_info(arguments->env, arguments->values[index], &data, length) != napi_ok) refuse(arguments, "a Buffer is expected");
  return data;
}

void *wrapped_at(Arguments *arguments, size_t index) {
  bool is_ours = false;
  void *found = NULL;
  napi_env env = arguments->env;
  if (napi_check_object_type_tag(env, arguments->values[index], &TAG, &is_ours) == napi_ok && is_ours && napi_unwrap(env, arguments->values[index], &found) == napi_ok)
    return ((Wrapped *)found)->data;
  refuse(arguments, "an object of this library is expected");
  return NULL;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  Wrapped *wrapped = data;
  wrapped->release(wrapped->data);
  free(wrapped);
}

napi_value wrap(napi_env env, void *data, void (*release)(void *data)) {
  Wrapped *wrapped = malloc(sizeof *wrapped);
  if (wrapped == NULL) abort();
  *wrapped = (Wrapped){data, release};
  napi_value object = NULL;
  napi_create_object(env, &object);
  napi_type_tag_object(env, object, &TAG);
  napi_wrap(env, object, wrapped, finalize, NULL, NULL);
  return object;
}

napi_value to_number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

napi_value to_bool(napi_env env, bool value) {
  napi_value result = NULL;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value fail(napi_env env, const char *message) {
  napi_throw_error(env, NULL, message);
  return NULL;
}

void export_function(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function = NULL;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}
