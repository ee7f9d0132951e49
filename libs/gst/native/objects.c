// Elements, bins, pads and their properties.
#include <gst/video/video.h>

#include "addon.h"

static napi_value make(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  STRING(factory, 0);
  STRING(name, 1);
  GstElement *element = factory ? gst_element_factory_make(factory, name) : NULL;
  if (element == NULL) return throw_error(env, "GStreamer has no element \"%s\"; is its plugin installed?", factory);
  return wrap_object(env, gst_object_ref_sink(element));
}

static napi_value make_pipeline(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  STRING(name, 0);
  return wrap_object(env, gst_object_ref_sink(gst_pipeline_new(name)));
}

// Loads the plugins of these factories now, so that the first pipeline need not.
static napi_value preload(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  uint32_t length = 0;
  napi_get_array_length(env, args[0], &length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value item;
    napi_get_element(env, args[0], i, &item);
    g_autofree char *name = js_string(env, item);
    GstElementFactory *factory = name ? gst_element_factory_find(name) : NULL;
    if (factory == NULL) return throw_error(env, "GStreamer has no element \"%s\"; is its plugin installed?", name);
    GstPluginFeature *loaded = gst_plugin_feature_load(GST_PLUGIN_FEATURE(factory));
    if (loaded) gst_object_unref(loaded);
    gst_object_unref(factory);
  }
  return NULL;
}

static napi_value add(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(bin, 0, GST_TYPE_BIN);
  OBJECT(element, 1, GST_TYPE_ELEMENT);
  if (!gst_bin_add(bin, element)) return throw_error(env, "%s cannot be added", GST_OBJECT_NAME(element));
  return NULL;
}

static napi_value link_elements(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  OBJECT(source, 0, GST_TYPE_ELEMENT);
  OBJECT(target, 1, GST_TYPE_ELEMENT);
  STRING(source_pad, 2);
  STRING(target_pad, 3);
  if (!gst_element_link_pads(source, source_pad, target, target_pad)) {
    return throw_error(env, "%s does not link to %s", GST_OBJECT_NAME(source), GST_OBJECT_NAME(target));
  }
  return NULL;
}

static GParamSpec *property_of(napi_env env, gpointer object, const char *name) {
  GParamSpec *spec = name ? g_object_class_find_property(G_OBJECT_GET_CLASS(object), name) : NULL;
  if (spec == NULL) throw_error(env, "%s has no property \"%s\"", G_OBJECT_TYPE_NAME(object), name);
  return spec;
}

static napi_value set_property(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(object, 0, G_TYPE_OBJECT);
  STRING(name, 1);
  GParamSpec *spec = property_of(env, object, name);
  if (spec == NULL) return NULL;
  GValue value = G_VALUE_INIT;
  g_value_init(&value, spec->value_type);
  if (js_to_value(env, args[2], &value)) {
    g_object_set_property(object, name, &value);
  } else {
    throw_error(env, "%s.%s does not take this value", G_OBJECT_TYPE_NAME(object), name);
  }
  g_value_unset(&value);
  return NULL;
}

static napi_value get_property(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(object, 0, G_TYPE_OBJECT);
  STRING(name, 1);
  GParamSpec *spec = property_of(env, object, name);
  if (spec == NULL) return NULL;
  GValue value = G_VALUE_INIT;
  g_value_init(&value, spec->value_type);
  g_object_get_property(object, name, &value);
  napi_value result = value_to_js(env, &value);
  g_value_unset(&value);
  return result;
}

// Asks whatever is upstream of the element's sink pad for a key frame (in WebRTC: sends a PLI).
static napi_value force_key_unit(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(element, 0, GST_TYPE_ELEMENT);
  GstPad *pad = gst_element_get_static_pad(element, "sink");
  if (pad == NULL) return throw_error(env, "%s has no sink pad", GST_OBJECT_NAME(element));
  gboolean handled = gst_pad_push_event(pad, gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, FALSE, 0));
  gst_object_unref(pad);
  return to_js_bool(env, handled);
}

void export_objects(napi_env env, napi_value exports) {
  export_function(env, exports, "make", make);
  export_function(env, exports, "makePipeline", make_pipeline);
  export_function(env, exports, "preload", preload);
  export_function(env, exports, "add", add);
  export_function(env, exports, "link", link_elements);
  export_function(env, exports, "set", set_property);
  export_function(env, exports, "get", get_property);
  export_function(env, exports, "forceKeyUnit", force_key_unit);
}
