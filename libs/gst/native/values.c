// Between JavaScript values and GObject's.
#include "addon.h"

char *js_string(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type != napi_string) return NULL;
  size_t length;
  napi_get_value_string_utf8(env, value, NULL, 0, &length);
  char *text = g_malloc(length + 1);
  napi_get_value_string_utf8(env, value, text, length + 1, &length);
  return text;
}

double js_number(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

// A time in ns; null: none. What is before the beginning is at the beginning: as an unsigned number it would be centuries ahead.
GstClockTime js_time(napi_env env, napi_value value) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) return GST_CLOCK_TIME_NONE;
  if (!(number > 0)) return 0;
  return number < (double)G_MAXINT64 ? (GstClockTime)number : G_MAXINT64;
}

bool js_bool(napi_env env, napi_value value) {
  bool result = false;
  napi_get_value_bool(env, value, &result);
  return result;
}

napi_value to_js_string(napi_env env, const char *text) {
  napi_value result;
  if (text == NULL)
    napi_get_null(env, &result);
  else
    napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result);
  return result;
}

napi_value to_js_bool(napi_env env, gboolean value) {
  napi_value result;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value to_js_number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

void set_named(napi_env env, napi_value object, const char *name, napi_value value) {
  if (value != NULL) napi_set_named_property(env, object, name, value);
}

static void finalize_object(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  // The last reference to an element may wait for its threads: not here.
  work_push(WORK_UNREF, data, 0, 0);
}

// Takes over the reference. NULL becomes null.
napi_value wrap_object(napi_env env, gpointer object) {
  napi_value result;
  if (object == NULL)
    napi_get_null(env, &result);
  else
    napi_create_external(env, object, finalize_object, NULL, &result);
  return result;
}

// The object of this type, or NULL with a TypeError thrown.
gpointer unwrap_object(napi_env env, napi_value value, GType type) {
  napi_valuetype js_type;
  napi_typeof(env, value, &js_type);
  void *object = NULL;
  if (js_type == napi_external) napi_get_value_external(env, value, &object);
  if (object == NULL || !G_TYPE_CHECK_INSTANCE_TYPE(object, type)) {
    g_autofree char *text = g_strdup_printf("not a %s", g_type_name(type));
    napi_throw_type_error(env, NULL, text);
    return NULL;
  }
  return object;
}

static gboolean add_field(GQuark field, const GValue *value, gpointer data) {
  gpointer *both = data;
  set_named(both[0], both[1], g_quark_to_string(field), value_to_js(both[0], value));
  return TRUE;
}

// Fields as properties; the structure's own name is `$name`.
static napi_value structure_to_js(napi_env env, const GstStructure *structure) {
  napi_value result;
  if (structure == NULL) {
    napi_get_null(env, &result);
    return result;
  }
  napi_create_object(env, &result);
  set_named(env, result, "$name", to_js_string(env, gst_structure_get_name(structure)));
  gpointer both[2] = {env, result};
  gst_structure_foreach(structure, add_field, both);
  return result;
}

static napi_value error_to_js(napi_env env, const GError *error) {
  napi_value result;
  if (error == NULL) {
    napi_get_null(env, &result);
    return result;
  }
  napi_create_object(env, &result);
  set_named(env, result, "message", to_js_string(env, error->message));
  set_named(env, result, "domain", to_js_string(env, g_quark_to_string(error->domain)));
  set_named(env, result, "code", to_js_number(env, error->code));
  return result;
}

static napi_value list_to_js(napi_env env, const GValue *value) {
  bool is_array = GST_VALUE_HOLDS_ARRAY(value);
  guint size = is_array ? gst_value_array_get_size(value) : gst_value_list_get_size(value);
  napi_value result;
  napi_create_array_with_length(env, size, &result);
  for (guint i = 0; i < size; i++) {
    const GValue *element = is_array ? gst_value_array_get_value(value, i) : gst_value_list_get_value(value, i);
    napi_set_element(env, result, i, value_to_js(env, element));
  }
  return result;
}

static napi_value enum_to_js(napi_env env, const GValue *value) {
  GEnumClass *class = g_type_class_ref(G_VALUE_TYPE(value));
  GEnumValue *found = g_enum_get_value(class, g_value_get_enum(value));
  napi_value result = to_js_string(env, found ? found->value_nick : NULL);
  g_type_class_unref(class);
  return result;
}

// 64-bit numbers become doubles: exact up to 2^53, which is 104 days of nanoseconds.
napi_value value_to_js(napi_env env, const GValue *value) {
  GType type = G_VALUE_TYPE(value);
  switch (G_TYPE_FUNDAMENTAL(type)) {
    case G_TYPE_STRING: return to_js_string(env, g_value_get_string(value));
    case G_TYPE_BOOLEAN: return to_js_bool(env, g_value_get_boolean(value));
    case G_TYPE_INT: return to_js_number(env, g_value_get_int(value));
    case G_TYPE_UINT: return to_js_number(env, g_value_get_uint(value));
    case G_TYPE_LONG: return to_js_number(env, (double)g_value_get_long(value));
    case G_TYPE_ULONG: return to_js_number(env, (double)g_value_get_ulong(value));
    case G_TYPE_INT64: return to_js_number(env, (double)g_value_get_int64(value));
    case G_TYPE_UINT64: return to_js_number(env, (double)g_value_get_uint64(value));
    case G_TYPE_FLOAT: return to_js_number(env, g_value_get_float(value));
    case G_TYPE_DOUBLE: return to_js_number(env, g_value_get_double(value));
    case G_TYPE_ENUM: return enum_to_js(env, value);
    default: break;
  }
  if (type == GST_TYPE_STRUCTURE) return structure_to_js(env, g_value_get_boxed(value));
  if (type == G_TYPE_ERROR) return error_to_js(env, g_value_get_boxed(value));
  if (GST_VALUE_HOLDS_ARRAY(value) || GST_VALUE_HOLDS_LIST(value)) return list_to_js(env, value);
  if (G_VALUE_HOLDS_OBJECT(value)) return wrap_object(env, g_value_dup_object(value));
  const GstCaps *caps = type == GST_TYPE_CAPS ? gst_value_get_caps(value) : NULL;
  g_autofree char *text = type != GST_TYPE_CAPS ? gst_value_serialize(value) : caps ? gst_caps_to_string(caps) : NULL;
  return to_js_string(env, text);
}

static bool number_from_js(double number, GValue *value) {
  switch (G_TYPE_FUNDAMENTAL(G_VALUE_TYPE(value))) {
    case G_TYPE_INT: g_value_set_int(value, (gint)number); return true;
    case G_TYPE_UINT: g_value_set_uint(value, (guint)number); return true;
    case G_TYPE_LONG: g_value_set_long(value, (glong)number); return true;
    case G_TYPE_ULONG: g_value_set_ulong(value, (gulong)number); return true;
    case G_TYPE_INT64: g_value_set_int64(value, (gint64)number); return true;
    case G_TYPE_UINT64: g_value_set_uint64(value, (guint64)number); return true;
    case G_TYPE_FLOAT: g_value_set_float(value, (gfloat)number); return true;
    case G_TYPE_DOUBLE: g_value_set_double(value, number); return true;
    case G_TYPE_ENUM: g_value_set_enum(value, (gint)number); return true;
    case G_TYPE_FLAGS: g_value_set_flags(value, (guint)number); return true;
    default: return false;
  }
}

static bool string_from_js(napi_env env, napi_value js, GValue *value) {
  g_autofree char *text = js_string(env, js);
  if (G_VALUE_HOLDS_STRING(value)) {
    g_value_set_string(value, text);
    return true;
  }
  return gst_value_deserialize(value, text);
}

// Fills a value that is initialised to its type; false (nothing thrown) when the JavaScript value does not fit.
bool js_to_value(napi_env env, napi_value js, GValue *value) {
  napi_valuetype type;
  napi_typeof(env, js, &type);
  if (type == napi_null || type == napi_undefined) {
    // A fresh GValue of these is NULL already.
    return G_VALUE_HOLDS_STRING(value) || G_VALUE_HOLDS_BOXED(value) || G_VALUE_HOLDS_OBJECT(value);
  }
  if (type == napi_boolean && G_VALUE_HOLDS_BOOLEAN(value)) {
    g_value_set_boolean(value, js_bool(env, js));
    return true;
  }
  if (type == napi_number) return number_from_js(js_number(env, js), value);
  if (type == napi_string) return string_from_js(env, js, value);
  if (type == napi_external && G_VALUE_HOLDS_OBJECT(value)) {
    gpointer object = unwrap_object(env, js, G_VALUE_TYPE(value));
    if (object) g_value_set_object(value, object);
    return object != NULL;
  }
  return false;
}
