// Carries events to JavaScript, and work that may wait away from it.
#include "addon.h"

#include <stdarg.h>

static napi_threadsafe_function to_javascript;
static GThreadPool *pool;
// Has one thread: a pair of DTLS elements whose last references are dropped at the same time ends the process by an assertion of GObject.
static GThreadPool *last_references;

// Events in their order. Waking the JavaScript thread costs more than most events do, so one wake-up takes all that are there.
static struct {
  GMutex lock;
  GQueue events;
  gboolean woken;
} queue = {.events = G_QUEUE_INIT};

static gint bytes_waiting;

Event *event_new(guint32 id) {
  Event *event = g_new0(Event, 1);
  event->id = id;
  return event;
}

GValue *event_add(Event *event, GType type) {
  g_assert(event->count < MAX_EVENT_VALUES);
  return g_value_init(&event->values[event->count++], type);
}

void event_add_string(Event *event, const char *text) { g_value_set_string(event_add(event, G_TYPE_STRING), text); }

static void event_free(Event *event) {
  for (guint i = 0; i < event->count; i++) g_value_unset(&event->values[i]);
  if (event->sample) gst_sample_unref(event->sample);
  if (event->bytes) {
    g_atomic_int_add(&bytes_waiting, -(gint)g_bytes_get_size(event->bytes));
    g_bytes_unref(event->bytes);
  }
  g_free(event);
}

gint event_bytes_waiting(void) { return g_atomic_int_get(&bytes_waiting); }

void event_post(Event *event) {
  if (event->bytes) g_atomic_int_add(&bytes_waiting, (gint)g_bytes_get_size(event->bytes));
  g_mutex_lock(&queue.lock);
  g_queue_push_tail(&queue.events, event);
  gboolean wakes = !queue.woken;
  queue.woken = TRUE;
  g_mutex_unlock(&queue.lock);
  // Refused only while the process ends; what is queued ends with it.
  if (wakes) napi_call_threadsafe_function(to_javascript, NULL, napi_tsfn_nonblocking);
}

static void dispatch_event(napi_env env, napi_value dispatch, Event *event) {
  napi_handle_scope scope;
  napi_open_handle_scope(env, &scope);
  napi_value arguments[MAX_EVENT_VALUES + 1], global, result;
  size_t count = 1;
  arguments[0] = to_js_number(env, event->id);
  if (event->sample) sample_to_js(env, event, arguments, &count);
  if (event->bytes) napi_create_buffer_copy(env, g_bytes_get_size(event->bytes), g_bytes_get_data(event->bytes, NULL), NULL, &arguments[count++]);
  for (guint i = 0; i < event->count; i++) arguments[count++] = value_to_js(env, &event->values[i]);
  napi_get_global(env, &global);
  if (napi_call_function(env, global, dispatch, count, arguments, &result) == napi_pending_exception) {
    napi_value exception;
    napi_get_and_clear_last_exception(env, &exception);
    napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

static void deliver(napi_env env, napi_value dispatch, void *context, void *data) {
  (void)context;
  (void)data;
  // What comes meanwhile is for the next turn: other work of the event loop has its turn before.
  g_mutex_lock(&queue.lock);
  GQueue events = queue.events;
  g_queue_init(&queue.events);
  queue.woken = FALSE;
  g_mutex_unlock(&queue.lock);
  for (Event *event; (event = g_queue_pop_head(&events)) != NULL; event_free(event)) {
    if (env != NULL) dispatch_event(env, dispatch, event);
  }
}

typedef struct {
  WorkKind kind;
  gpointer object;
  int argument;
  guint32 done_id;
} Work;

void work_push(WorkKind kind, gpointer object, int argument, guint32 done_id) {
  Work *work = g_new(Work, 1);
  // An UNREF takes over the caller's reference; the others need one of their own.
  *work = (Work){kind, kind == WORK_UNREF ? object : gst_object_ref(object), argument, done_id};
  g_thread_pool_push(kind == WORK_UNREF ? last_references : pool, work, NULL);
}

static void work_run(gpointer data, gpointer user_data) {
  (void)user_data;
  Work *work = data;
  if (work->kind == WORK_SET_STATE) {
    GstStateChangeReturn result = gst_element_set_state(work->object, work->argument);
    Event *event = event_new(work->done_id);
    event_add_string(event, gst_element_state_change_return_get_name(result));
    event_post(event);
  } else if (work->kind == WORK_RECALCULATE_LATENCY) {
    gst_bin_recalculate_latency(work->object);
  }
  if (work->kind == WORK_UNREF)
    g_object_unref(work->object);
  else
    work_push(WORK_UNREF, work->object, 0, 0);
  g_free(work);
}

bool events_init(napi_env env, napi_value dispatch) {
  if (to_javascript != NULL) return false;
  napi_value name = to_js_string(env, "gstreamer");
  napi_create_threadsafe_function(env, dispatch, NULL, name, 0, 1, NULL, NULL, NULL, deliver, &to_javascript);
  napi_unref_threadsafe_function(env, to_javascript);
  pool = g_thread_pool_new(work_run, NULL, -1, FALSE, NULL);
  last_references = g_thread_pool_new(work_run, NULL, 1, FALSE, NULL);
  return true;
}

// keepAlive(bool): whether expected events keep the process from ending.
napi_value events_keep_alive(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  if (js_bool(env, args[0]))
    napi_ref_threadsafe_function(env, to_javascript);
  else
    napi_unref_threadsafe_function(env, to_javascript);
  return NULL;
}

napi_value throw_error(napi_env env, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *text = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  napi_throw_error(env, NULL, text);
  return NULL;
}

void export_function(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}
