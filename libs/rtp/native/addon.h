// What the functions of the module have in common.
#pragma once

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_ARGUMENTS 8

// Arguments of a call; a wrong one is 0 and leaves an exception behind, and `ok` false.
typedef struct {
  napi_env env;
  napi_value values[MAX_ARGUMENTS];
  bool ok;
} Arguments;

Arguments arguments_of(napi_env env, napi_callback_info info);
// Finite, and no further from 0 than any time: so that it can be counted in whole units.
double number_at(Arguments *arguments, size_t index);
bool bool_at(Arguments *arguments, size_t index);
// At most `size` - 1 bytes of UTF-8.
void text_at(Arguments *arguments, size_t index, char *text, size_t size);
const uint8_t *buffer_at(Arguments *arguments, size_t index, size_t *length);
// What `wrap` made.
void *wrapped_at(Arguments *arguments, size_t index);

// An object of JavaScript that stands for `data`, which is freed with it.
napi_value wrap(napi_env env, void *data, void (*release)(void *data));
napi_value to_number(napi_env env, double value);
napi_value to_bool(napi_env env, bool value);
napi_value fail(napi_env env, const char *message);
void export_function(napi_env env, napi_value exports, const char *name, napi_callback callback);
