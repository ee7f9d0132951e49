#include "parts.h"

size_t numbers_at(Arguments *arguments, size_t index, double *numbers) {
  uint32_t length = 0;
  napi_get_array_length(arguments->env, arguments->values[index], &length);
  size_t count = length < MAX_NUMBERS ? length : MAX_NUMBERS;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element = NULL;
    napi_get_element(arguments->env, arguments->values[index], i, &element);
    napi_get_value_double(arguments->env, element, &numbers[i]);
  }
  return count;
}

napi_value to_numbers(napi_env env, const double *numbers, size_t count) {
  napi_value result = NULL;
  napi_create_array(env, &result);
  for (size_t i = 0; i < count; i++) napi_set_element(env, result, (uint32_t)i, to_number(env, numbers[i]));
  return result;
}

napi_value to_buffer(napi_env env, Bytes *bytes) {
  napi_value result = NULL;
  napi_create_buffer_copy(env, bytes->length, bytes->data, NULL, &result);
  bytes_free(bytes);
  return result;
}

NAPI_MODULE_INIT() {
  export_clocks(env, exports);
  export_buffers(env, exports);
  export_packets(env, exports);
  export_sources(env, exports);
  return exports;
}
