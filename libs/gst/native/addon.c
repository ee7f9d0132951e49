// The module: initialises GStreamer.
#include "addon.h"

// init(dispatch): dispatch(id, ...values) gets every event from now on. Returns GStreamer's version.
static napi_value init(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  if (!events_init(env, args[0])) return throw_error(env, "the GStreamer binding serves one JavaScript thread of a process");
  log_init();
  g_autoptr(GError) error = NULL;
  if (!gst_init_check(NULL, NULL, &error)) return throw_error(env, "GStreamer: %s", error->message);
  g_autofree char *version = gst_version_string();
  return to_js_string(env, version);
}

NAPI_MODULE_INIT() {
  export_function(env, exports, "init", init);
  export_function(env, exports, "keepAlive", events_keep_alive);
  export_objects(env, exports);
  export_signals(env, exports);
  export_pipelines(env, exports);
  export_samples(env, exports);
  export_converters(env, exports);
  return exports;
}
