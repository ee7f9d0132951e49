// The parts of the receiver as tests see them, one by one; not in the module that the product loads.
#pragma once

#include "../addon.h"
#include "../bytes.h"

#define MAX_NUMBERS 1024

// An array of numbers, at most MAX_NUMBERS: how many.
size_t numbers_at(Arguments *arguments, size_t index, double *numbers);
napi_value to_numbers(napi_env env, const double *numbers, size_t count);
// Frees the bytes.
napi_value to_buffer(napi_env env, Bytes *bytes);

void export_clocks(napi_env env, napi_value exports);
void export_buffers(napi_env env, napi_value exports);
void export_packets(napi_env env, napi_value exports);
void export_sources(napi_env env, napi_value exports);
