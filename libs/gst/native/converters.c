// Elements that work on JavaScript's own thread: what is pushed into a converter has passed them all when the call returns. For work that
// takes less time than waking another thread for it, and the first one again for the result.
#include <gst/app/gstappsink.h>

#include "addon.h"

static GQuark sink_quark(void) { return g_quark_from_static_string("manycast-converter-sink"); }

static gboolean ignore_event(GstPad *pad, GstObject *parent, GstEvent *event) {
  (void)pad;
  (void)parent;
  gst_event_unref(event);
  return TRUE;
}

static gboolean refuse_query(GstPad *pad, GstObject *parent, GstQuery *query) {
  (void)pad;
  (void)parent;
  (void)query;
  return FALSE;
}

// openConverter(element, appsink, caps) -> converter: into the element's sink pad, out of the appsink at the end. Both must be playing.
static napi_value open_converter(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(element, 0, GST_TYPE_ELEMENT);
  OBJECT(sink, 1, GST_TYPE_APP_SINK);
  STRING(text, 2);
  g_autoptr(GstCaps) caps = text ? gst_caps_from_string(text) : NULL;
  if (caps == NULL) return throw_error(env, "\"%s\" are no caps", text);
  g_autoptr(GstPad) target = gst_element_get_static_pad(element, "sink");
  GstPad *pad = gst_object_ref_sink(gst_pad_new("converter", GST_PAD_SRC));
  g_object_set_qdata_full(G_OBJECT(pad), sink_quark(), gst_object_ref(sink), gst_object_unref);
  gst_pad_set_event_function(pad, ignore_event);
  gst_pad_set_query_function(pad, refuse_query);
  gst_pad_set_active(pad, TRUE);
  if (target == NULL || gst_pad_link(pad, target) != GST_PAD_LINK_OK) {
    gst_object_unref(pad);
    return throw_error(env, "%s takes nothing from us", GST_OBJECT_NAME(element));
  }
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_pad_push_event(pad, gst_event_new_stream_start("converter"));
  gst_pad_push_event(pad, gst_event_new_caps(caps));
  gst_pad_push_event(pad, gst_event_new_segment(&segment));
  return wrap_object(env, pad);
}

// [data, pts, data, pts...] of what has come out; pts is null where there is none.
static napi_value take_out(napi_env env, GstAppSink *sink) {
  napi_value result;
  napi_create_array(env, &result);
  uint32_t count = 0;
  for (GstSample *sample; (sample = gst_app_sink_try_pull_sample(sink, 0)) != NULL; gst_sample_unref(sample)) {
    GstBuffer *buffer = gst_sample_get_buffer(sample);
    napi_set_element(env, result, count++, copy_buffer(env, buffer));
    napi_set_element(env, result, count++, GST_BUFFER_PTS_IS_VALID(buffer) ? to_js_number(env, (double)GST_BUFFER_PTS(buffer)) : to_js_string(env, NULL));
  }
  return result;
}

// convert(converter, data, pts) -> what comes out
static napi_value convert(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(pad, 0, GST_TYPE_PAD);
  void *data;
  size_t size;
  if (napi_get_buffer_info(env, args[1], &data, &size) != napi_ok || size == 0) return throw_error(env, "a converter needs a Buffer that is not empty");
  GstBuffer *buffer = gst_buffer_new_memdup(data, size);
  GST_BUFFER_PTS(buffer) = js_time(env, args[2]);
  gst_pad_push(pad, buffer);
  return take_out(env, g_object_get_qdata(pad, sink_quark()));
}

// convertGap(converter, pts, duration) -> what comes out: decoders fill in what is missing.
static napi_value convert_gap(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(pad, 0, GST_TYPE_PAD);
  gst_pad_push_event(pad, gst_event_new_gap(js_time(env, args[1]), js_time(env, args[2])));
  return take_out(env, g_object_get_qdata(pad, sink_quark()));
}

void export_converters(napi_env env, napi_value exports) {
  export_function(env, exports, "openConverter", open_converter);
  export_function(env, exports, "convert", convert);
  export_function(env, exports, "convertGap", convert_gap);
}
