// What GStreamer's webrtcbin needs of an application beyond properties and signals: promises, session descriptions, and its libnice agent.
#include <gst/sdp/sdp.h>
#include <gst/webrtc/webrtc.h>
#include <nice/agent.h>

#include "addon.h"

typedef struct {
  GClosure closure;
  char *property;
  char *value;
} Setting;

static void setting_free(gpointer data, GClosure *closure) {
  (void)data;
  Setting *setting = (Setting *)closure;
  g_free(setting->property);
  g_free(setting->value);
}

// A marshaller of its own: signals have any number of arguments behind the object.
static void setting_marshal(GClosure *closure, GValue *result, guint count, const GValue *values, gpointer hint, gpointer data) {
  (void)result;
  (void)hint;
  (void)data;
  Setting *setting = (Setting *)closure;
  if (count > 1 && G_VALUE_HOLDS_OBJECT(&values[1])) gst_util_set_object_arg(g_value_get_object(&values[1]), setting->property, setting->value);
}

// setOnSignal(object, signal, property, "value"): sets it on the object that the signal brings, before whoever emitted goes on.
static napi_value set_on_signal(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  OBJECT(object, 0, G_TYPE_OBJECT);
  STRING(signal, 1);
  STRING(property, 2);
  STRING(value, 3);
  if (property == NULL || value == NULL) return throw_error(env, "setOnSignal needs a property and its value as text");
  if (signal == NULL || g_signal_lookup(signal, G_OBJECT_TYPE(object)) == 0) return throw_error(env, "%s has no signal \"%s\"", G_OBJECT_TYPE_NAME(object), signal);
  Setting *setting = (Setting *)g_closure_new_simple(sizeof(Setting), NULL);
  setting->property = g_steal_pointer(&property);
  setting->value = g_steal_pointer(&value);
  g_closure_add_finalize_notifier(&setting->closure, NULL, setting_free);
  g_closure_set_marshal(&setting->closure, setting_marshal);
  g_signal_connect_closure(object, signal, &setting->closure, FALSE);
  return NULL;
}

// Brings how it ended, the reply, and the SDP of an offer in it.
static void promise_done(GstPromise *promise, gpointer data) {
  Event *event = event_new(GPOINTER_TO_UINT(data));
  GstPromiseResult result = gst_promise_wait(promise);
  event_add_string(event, result == GST_PROMISE_RESULT_REPLIED ? "replied" : result == GST_PROMISE_RESULT_INTERRUPTED ? "interrupted" : "expired");
  const GstStructure *reply = result == GST_PROMISE_RESULT_REPLIED ? gst_promise_get_reply(promise) : NULL;
  g_value_set_boxed(event_add(event, GST_TYPE_STRUCTURE), reply);
  GstWebRTCSessionDescription *offer = NULL;
  if (reply != NULL) gst_structure_get(reply, "offer", GST_TYPE_WEBRTC_SESSION_DESCRIPTION, &offer, NULL);
  g_value_take_string(event_add(event, G_TYPE_STRING), offer ? gst_sdp_message_as_text(offer->sdp) : NULL);
  if (offer != NULL) gst_webrtc_session_description_free(offer);
  event_post(event);
}

// ask(webrtcbin, signal, "offer" | "answer" | null, sdp | null, id): an action signal that takes a description, or nothing, and a promise.
static napi_value ask(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  OBJECT(object, 0, GST_TYPE_ELEMENT);
  STRING(signal, 1);
  STRING(type, 2);
  STRING(sdp, 3);
  if (signal == NULL || g_signal_lookup(signal, G_OBJECT_TYPE(object)) == 0) return throw_error(env, "%s has no signal \"%s\"", G_OBJECT_TYPE_NAME(object), signal);
  GstWebRTCSessionDescription *description = NULL;
  if (sdp != NULL) {
    GstSDPMessage *message;
    if (gst_sdp_message_new_from_text(sdp, &message) != GST_SDP_OK) return throw_error(env, "\"%s\" does not take this SDP", signal);
    description = gst_webrtc_session_description_new(g_strcmp0(type, "offer") == 0 ? GST_WEBRTC_SDP_TYPE_OFFER : GST_WEBRTC_SDP_TYPE_ANSWER, message);
  }
  GstPromise *promise = gst_promise_new_with_change_func(promise_done, GUINT_TO_POINTER((guint32)js_number(env, args[4])), NULL);
  g_signal_emit_by_name(object, signal, description, promise);
  gst_promise_unref(promise);
  if (description != NULL) gst_webrtc_session_description_free(description);
  return NULL;
}

// localDescription(webrtcbin) -> SDP or null
static napi_value local_description(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(object, 0, GST_TYPE_ELEMENT);
  GstWebRTCSessionDescription *description = NULL;
  g_object_get(object, "local-description", &description, NULL);
  g_autofree char *sdp = description ? gst_sdp_message_as_text(description->sdp) : NULL;
  if (description != NULL) gst_webrtc_session_description_free(description);
  return to_js_string(env, sdp);
}

// addLocalAddress(agent, "192.0.2.1"): of a webrtcbin's libnice agent; only addresses given so are offered.
static napi_value add_local_address(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(agent, 0, NICE_TYPE_AGENT);
  STRING(text, 1);
  NiceAddress address;
  nice_address_init(&address);
  if (text == NULL || !nice_address_set_from_string(&address, text)) return throw_error(env, "\"%s\" is not an address", text);
  return to_js_bool(env, nice_agent_add_local_address(agent, &address));
}

// init(dispatch): dispatch(id, ...values) gets every event from now on.
static napi_value init(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  if (!events_init(env, args[0])) return throw_error(env, "webrtcbin serves one JavaScript thread of a process");
  g_type_ensure(GST_TYPE_WEBRTC_SESSION_DESCRIPTION);
  return NULL;
}

NAPI_MODULE_INIT() {
  export_function(env, exports, "init", init);
  export_function(env, exports, "ask", ask);
  export_function(env, exports, "setOnSignal", set_on_signal);
  export_function(env, exports, "localDescription", local_description);
  export_function(env, exports, "addLocalAddress", add_local_address);
  return exports;
}
