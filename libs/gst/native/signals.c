// Signals out of GObjects, action signals into them.
#include "addon.h"

typedef struct {
  GClosure closure;
  guint32 id;
} Listener;

static void listener_marshal(GClosure *closure, GValue *result, guint count, const GValue *values, gpointer hint, gpointer data) {
  (void)result;
  (void)hint;
  (void)data;
  Listener *listener = (Listener *)closure;
  Event *event = event_new(listener->id);
  for (guint i = 1; i < count && event->count < MAX_EVENT_VALUES; i++) {
    if (G_VALUE_HOLDS_PARAM(&values[i])) {
      // A `notify`: what is wanted is the property's value at this moment.
      GParamSpec *spec = g_value_get_param(&values[i]);
      g_object_get_property(g_value_get_object(&values[0]), spec->name, event_add(event, spec->value_type));
      continue;
    }
    g_value_copy(&values[i], event_add(event, G_VALUE_TYPE(&values[i])));
  }
  event_post(event);
}

// connect(object, signal, id) -> handler id
static napi_value connect(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(object, 0, G_TYPE_OBJECT);
  STRING(signal, 1);
  Listener *listener = (Listener *)g_closure_new_simple(sizeof(Listener), NULL);
  listener->id = (guint32)js_number(env, args[2]);
  g_closure_set_marshal(&listener->closure, listener_marshal);
  gulong handler = signal ? g_signal_connect_closure(object, signal, &listener->closure, FALSE) : 0;
  if (handler == 0) return throw_error(env, "%s has no signal \"%s\"", G_OBJECT_TYPE_NAME(object), signal);
  return to_js_number(env, (double)handler);
}

static napi_value disconnect(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(object, 0, G_TYPE_OBJECT);
  g_signal_handler_disconnect(object, (gulong)js_number(env, args[1]));
  return NULL;
}

#define MAX_SIGNAL_ARGUMENTS 6

// emit(object, signal, arguments)
static napi_value emit(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(object, 0, G_TYPE_OBJECT);
  STRING(name, 1);
  guint signal = name ? g_signal_lookup(name, G_OBJECT_TYPE(object)) : 0;
  if (signal == 0) return throw_error(env, "%s has no signal \"%s\"", G_OBJECT_TYPE_NAME(object), name);
  GSignalQuery query;
  g_signal_query(signal, &query);
  if (query.n_params > MAX_SIGNAL_ARGUMENTS) return throw_error(env, "\"%s\" has too many arguments", name);

  GValue values[MAX_SIGNAL_ARGUMENTS + 1] = {G_VALUE_INIT};
  guint filled = 0;
  uint32_t next = 0;
  g_value_init(&values[filled++], G_OBJECT_TYPE(object));
  g_value_set_object(&values[0], object);
  bool fits = true;
  for (guint i = 0; i < query.n_params && fits; i++) {
    GValue *value = g_value_init(&values[filled++], query.param_types[i] & ~G_SIGNAL_TYPE_STATIC_SCOPE);
    napi_value argument;
    napi_get_element(env, args[2], next++, &argument);
    fits = js_to_value(env, argument, value);
  }
  GValue result = G_VALUE_INIT;
  if (fits) {
    if (query.return_type != G_TYPE_NONE) g_value_init(&result, query.return_type & ~G_SIGNAL_TYPE_STATIC_SCOPE);
    g_signal_emitv(values, signal, 0, &result);
  }
  napi_value js = NULL;
  if (G_IS_VALUE(&result)) {
    js = value_to_js(env, &result);
    g_value_unset(&result);
  }
  for (guint i = 0; i < filled; i++) g_value_unset(&values[i]);
  return fits ? js : throw_error(env, "\"%s\" does not take argument %u", name, next);
}

void export_signals(napi_env env, napi_value exports) {
  export_function(env, exports, "connect", connect);
  export_function(env, exports, "disconnect", disconnect);
  export_function(env, exports, "emit", emit);
}
