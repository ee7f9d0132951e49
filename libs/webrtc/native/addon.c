// The module: ICE, DTLS and SRTP of sessions. What carries events and values is that of the GStreamer binding (libs/gst/native), compiled in once more;
// an object that this addon or the binding gave to JavaScript is taken by both.
#include "transport.h"

// init(dispatch): dispatch(id, ...values) gets every event from now on.
static napi_value init(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  if (!events_init(env, args[0])) return throw_error(env, "ICE, DTLS and SRTP serve one JavaScript thread of a process");
  return NULL;
}

NAPI_MODULE_INIT() {
  export_function(env, exports, "init", init);
  export_ice(env, exports);
  export_transport(env, exports);
  return exports;
}
