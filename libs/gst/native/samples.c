// Media between GStreamer and JavaScript (appsink, appsrc), and counters of what passes a pad.
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

static napi_value copy_buffer(napi_env env, GstBuffer *buffer) {
  napi_value result;
  void *target;
  gsize size = gst_buffer_get_size(buffer);
  napi_create_buffer(env, size, &target, &result);
  gst_buffer_extract(buffer, 0, target, size);
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
  GstBuffer *buffer = gst_buffer_new_memdup(data, size);
  double number;
  if (napi_get_value_double(env, args[2], &number) == napi_ok) GST_BUFFER_PTS(buffer) = (GstClockTime)number;
  if (napi_get_value_double(env, args[3], &number) == napi_ok) GST_BUFFER_DURATION(buffer) = (GstClockTime)number;
  return to_js_string(env, gst_flow_get_name(gst_app_src_push_buffer(element, buffer)));
}

typedef struct {
  GMutex lock;
  guint64 packets, bytes;
  gint64 last;
} Counter;

static GQuark counter_quark(void) { return g_quark_from_static_string("manycast-counter"); }

static void counter_free(gpointer data) {
  Counter *counter = data;
  g_mutex_clear(&counter->lock);
  g_free(counter);
}

static GstPadProbeReturn count_buffers(GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  (void)pad;
  Counter *counter = data;
  guint packets = 1;
  gsize bytes;
  if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER_LIST) {
    GstBufferList *list = GST_PAD_PROBE_INFO_BUFFER_LIST(info);
    packets = gst_buffer_list_length(list);
    bytes = gst_buffer_list_calculate_size(list);
  } else {
    bytes = gst_buffer_get_size(GST_PAD_PROBE_INFO_BUFFER(info));
  }
  g_mutex_lock(&counter->lock);
  counter->packets += packets;
  counter->bytes += bytes;
  counter->last = g_get_monotonic_time();
  g_mutex_unlock(&counter->lock);
  return GST_PAD_PROBE_OK;
}

// countPad(pad): from now on, readCounter(pad) tells what passed.
static napi_value count_pad(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(pad, 0, GST_TYPE_PAD);
  if (g_object_get_qdata(pad, counter_quark()) != NULL) return NULL;
  Counter *counter = g_new0(Counter, 1);
  g_mutex_init(&counter->lock);
  counter->last = g_get_monotonic_time();
  // The pad owns the counter, and its probes end before its data.
  g_object_set_qdata_full(pad, counter_quark(), counter, counter_free);
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, count_buffers, counter, NULL);
  return NULL;
}

// readCounter(pad) -> [packets, bytes, ms since the last one (or since counting began)]
static napi_value read_counter(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(pad, 0, GST_TYPE_PAD);
  Counter *counter = g_object_get_qdata(pad, counter_quark());
  if (counter == NULL) return throw_error(env, "%s is not counted", GST_OBJECT_NAME(pad));
  g_mutex_lock(&counter->lock);
  double numbers[3] = {(double)counter->packets, (double)counter->bytes, (double)(g_get_monotonic_time() - counter->last) / 1000};
  g_mutex_unlock(&counter->lock);
  napi_value result;
  napi_create_array_with_length(env, 3, &result);
  for (uint32_t i = 0; i < 3; i++) napi_set_element(env, result, i, to_js_number(env, numbers[i]));
  return result;
}

void export_samples(napi_env env, napi_value exports) {
  export_function(env, exports, "onSample", on_samples);
  export_function(env, exports, "push", push);
  export_function(env, exports, "countPad", count_pad);
  export_function(env, exports, "readCounter", read_counter);
}
