// Media between GStreamer and JavaScript (appsink, appsrc).
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#include "addon.h"

typedef struct {
  guint32 id;
  GstCaps *caps;
} Sink;

static void sink_free(gpointer data) {
  Sink *sink = data;
  gst_clear_caps(&sink->caps);
  g_free(sink);
}

static GstFlowReturn on_sample(GstAppSink *element, gpointer data) {
  Sink *sink = data;
  GstSample *sample = gst_app_sink_pull_sample(element);
  if (sample == NULL) return GST_FLOW_EOS;
  Event *event = event_new(sink->id);
  event->sample = sample;
  event->new_caps = gst_caps_replace(&sink->caps, gst_sample_get_caps(sample));
  event_post(event);
  return GST_FLOW_OK;
}

// onSample(appsink, id): (data, pts, dts, keyframe, caps | null, codecData | null); caps only when they changed.
static napi_value on_samples(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(element, 0, GST_TYPE_APP_SINK);
  Sink *sink = g_new0(Sink, 1);
  sink->id = (guint32)js_number(env, args[1]);
  GstAppSinkCallbacks callbacks = {.new_sample = on_sample};
  gst_app_sink_set_callbacks(element, &callbacks, sink, sink_free);
  return NULL;
}

napi_value copy_buffer(napi_env env, GstBuffer *buffer) {
  napi_value result;
  void *target;
  gsize size = gst_buffer_get_size(buffer);
  napi_create_buffer(env, size, &target, &result);
  if (size > 0) gst_buffer_extract(buffer, 0, target, size);
  return result;
}

// Running time, ns; negative for what decodes before the segment begins (H.264 with B-frames).
static napi_value running_time(napi_env env, const GstSegment *segment, GstClockTime time) {
  guint64 result;
  int sign = GST_CLOCK_TIME_IS_VALID(time) ? gst_segment_to_running_time_full(segment, GST_FORMAT_TIME, time, &result) : 0;
  return sign == 0 ? to_js_string(env, NULL) : to_js_number(env, sign * (double)result);
}

void sample_to_js(napi_env env, Event *event, napi_value *arguments, size_t *count) {
  GstBuffer *buffer = gst_sample_get_buffer(event->sample);
  const GstSegment *segment = gst_sample_get_segment(event->sample);
  arguments[(*count)++] = copy_buffer(env, buffer);
  arguments[(*count)++] = running_time(env, segment, GST_BUFFER_PTS(buffer));
  arguments[(*count)++] = running_time(env, segment, GST_BUFFER_DTS(buffer));
  arguments[(*count)++] = to_js_bool(env, !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT));
  if (!event->new_caps) return;
  GstCaps *caps = gst_sample_get_caps(event->sample);
  g_autofree char *text = gst_caps_to_string(caps);
  arguments[(*count)++] = to_js_string(env, text);
  const GValue *codec_data = gst_structure_get_value(gst_caps_get_structure(caps, 0), "codec_data");
  arguments[(*count)++] = codec_data ? copy_buffer(env, gst_value_get_buffer(codec_data)) : to_js_string(env, NULL);
}

// push(appsrc, data, pts | null, duration | null): never waits; the element's own limits decide what happens to too much.
static napi_value push(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  OBJECT(element, 0, GST_TYPE_APP_SRC);
  void *data;
  size_t size;
  if (napi_get_buffer_info(env, args[1], &data, &size) != napi_ok) return throw_error(env, "push needs a Buffer");
  // An empty Buffer has no address.
  GstBuffer *buffer = size > 0 ? gst_buffer_new_memdup(data, size) : gst_buffer_new();
  GST_BUFFER_PTS(buffer) = js_time(env, args[2]);
  GST_BUFFER_DURATION(buffer) = js_time(env, args[3]);
  return to_js_string(env, gst_flow_get_name(gst_app_src_push_buffer(element, buffer)));
}

void export_samples(napi_env env, napi_value exports) {
  export_function(env, exports, "onSample", on_samples);
  export_function(env, exports, "push", push);
}
