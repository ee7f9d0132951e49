// What the kernel knows of this process and takes from it. An addon without GStreamer, GLib or anything else.
#pragma once

#include <node_api.h>

void export_function(napi_env env, napi_value exports, const char *name, napi_callback callback);
void export_sandbox(napi_env env, napi_value exports);
void export_tcp(napi_env env, napi_value exports);
