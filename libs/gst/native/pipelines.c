// States and bus messages of pipelines.
#include "addon.h"

// setState(element, "null" | "ready" | "paused" | "playing", id): the outcome goes to `id`.
static napi_value set_state(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(element, 0, GST_TYPE_ELEMENT);
  STRING(name, 1);
  static const char *const names[] = {"null", "ready", "paused", "playing"};
  for (int i = 0; i < 4; i++) {
    if (g_strcmp0(name, names[i]) != 0) continue;
    work_push(WORK_SET_STATE, element, GST_STATE_NULL + i, (guint32)js_number(env, args[2]));
    return NULL;
  }
  return throw_error(env, "no such state: %s", name);
}

static void post_report(guint32 id, GstMessage *message) {
  g_autoptr(GError) error = NULL;
  g_autofree char *debug = NULL;
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
    gst_message_parse_error(message, &error, &debug);
  else
    gst_message_parse_warning(message, &error, &debug);
  Event *event = event_new(id);
  event_add_string(event, GST_MESSAGE_TYPE_NAME(message));
  event_add_string(event, GST_MESSAGE_SRC_NAME(message));
  g_value_set_boxed(event_add(event, G_TYPE_ERROR), error);
  event_add_string(event, debug);
  event_post(event);
}

// Runs on whatever thread posts; nothing is left on the bus, since no main loop of GLib's would take it off.
static GstBusSyncReply on_message(GstBus *bus, GstMessage *message, gpointer data) {
  (void)bus;
  guint32 id = GPOINTER_TO_UINT(data);
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR:
    case GST_MESSAGE_WARNING: post_report(id, message); break;
    case GST_MESSAGE_EOS:
    case GST_MESSAGE_ELEMENT:
    case GST_MESSAGE_LATENCY: {
      Event *event = event_new(id);
      event_add_string(event, GST_MESSAGE_TYPE_NAME(message));
      event_add_string(event, GST_MESSAGE_SRC_NAME(message));
      g_value_set_boxed(event_add(event, GST_TYPE_STRUCTURE), gst_message_get_structure(message));
      event_post(event);
      break;
    }
    default: break;
  }
  gst_message_unref(message);
  return GST_BUS_DROP;
}

// onMessage(pipeline, id): (type, source, error | structure, debug?) for each error, warning, EOS, element and latency message.
static napi_value on_bus_message(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(pipeline, 0, GST_TYPE_PIPELINE);
  GstBus *bus = gst_element_get_bus(pipeline);
  gst_bus_set_sync_handler(bus, on_message, GUINT_TO_POINTER((guint32)js_number(env, args[1])), NULL);
  gst_object_unref(bus);
  return NULL;
}

static napi_value recalculate_latency(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(bin, 0, GST_TYPE_BIN);
  work_push(WORK_RECALCULATE_LATENCY, bin, 0, 0);
  return NULL;
}

void export_pipelines(napi_env env, napi_value exports) {
  export_function(env, exports, "setState", set_state);
  export_function(env, exports, "onMessage", on_bus_message);
  export_function(env, exports, "recalculateLatency", recalculate_latency);
}
