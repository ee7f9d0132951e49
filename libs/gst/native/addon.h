// A generic GStreamer binding over Node-API; knows nothing of streams. Two rules make it sound:
//  1. No JavaScript is ever run on, or waited for by, a GStreamer thread: every signal, promise reply, bus message and
//     sample is copied and queued for the JavaScript thread without blocking.
//  2. What may join GStreamer threads (state changes, dropping the last reference) runs on a pool thread.
#pragma once

#include <gst/gst.h>
#include <node_api.h>
#include <stdbool.h>

#define MAX_EVENT_VALUES 6

// Something that happened on another thread, on its way to the JavaScript function registered under `id`.
typedef struct {
  guint32 id;
  guint count;
  GValue values[MAX_EVENT_VALUES];
  GstSample *sample;
  gboolean new_caps;
  GBytes *bytes;
} Event;

Event *event_new(guint32 id);
GValue *event_add(Event *event, GType type);
void event_add_string(Event *event, const char *text);
void event_post(Event *event);
// Of all events that JavaScript has not dealt with yet.
gint event_bytes_waiting(void);
// dispatch(id, ...values) gets every event from now on. False: another one does, in the same addon.
bool events_init(napi_env env, napi_value dispatch);
napi_value events_keep_alive(napi_env env, napi_callback_info info);

// Work for the pool thread; `done_id` 0 means that nobody waits.
typedef enum { WORK_SET_STATE, WORK_RECALCULATE_LATENCY, WORK_UNREF } WorkKind;
void work_push(WorkKind kind, gpointer object, int argument, guint32 done_id);

napi_value wrap_object(napi_env env, gpointer object);
gpointer unwrap_object(napi_env env, napi_value value, GType type);
napi_value value_to_js(napi_env env, const GValue *value);
napi_value copy_buffer(napi_env env, GstBuffer *buffer);
void sample_to_js(napi_env env, Event *event, napi_value *arguments, size_t *count);
bool js_to_value(napi_env env, napi_value js, GValue *value);

char *js_string(napi_env env, napi_value value);
double js_number(napi_env env, napi_value value);
GstClockTime js_time(napi_env env, napi_value value);
bool js_bool(napi_env env, napi_value value);
napi_value to_js_string(napi_env env, const char *text);
napi_value to_js_bool(napi_env env, gboolean value);
napi_value to_js_number(napi_env env, double value);
void set_named(napi_env env, napi_value object, const char *name, napi_value value);
napi_value throw_error(napi_env env, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define ARGUMENTS(n)                                                                 \
  napi_value args[n];                                                                \
  size_t given = n;                                                                  \
  napi_get_cb_info(env, info, &given, args, NULL, NULL);                             \
  for (size_t missing = given; missing < n; missing++) napi_get_undefined(env, &args[missing])

// Declares `name` from argument `index`, or leaves with the TypeError already thrown.
#define OBJECT(name, index, type)                          \
  gpointer name = unwrap_object(env, args[index], (type)); \
  if (name == NULL) return NULL

#define STRING(name, index) g_autofree char *name = js_string(env, args[index])

// How much of GLib's warnings reaches stderr; once for the process.
void log_init(void);

// The functions of each file, entered into the module's exports by addon.c.
void export_objects(napi_env env, napi_value exports);
void export_signals(napi_env env, napi_value exports);
void export_pipelines(napi_env env, napi_value exports);
void export_samples(napi_env env, napi_value exports);
void export_converters(napi_env env, napi_value exports);
void export_function(napi_env env, napi_value exports, const char *name, napi_callback callback);
