#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../jitter-buffer.h"
#include "parts.h"

// Packets of a test have no more.
#define MAX_PAYLOAD 1500

// A buffer, and what came out of it: RTP times of packets, and losses as negative numbers.
typedef struct {
  JitterBuffer buffer;
  Format format;
  Bytes out;
} Tested;

static void note(Tested *tested, double value) { bytes_add(&tested->out, &value, sizeof value); }
static void on_packet(void *user, const Format *format, const OrderedPacket *packet) {
  (void)format;
  note(user, packet->timestamp);
}
static void on_lost(void *user, uint32_t count) { note(user, -(double)count); }

static void release(void *data) {
  Tested *tested = data;
  buffer_clear(&tested->buffer);
  bytes_free(&tested->out);
  free(tested);
}

// makeBuffer(nack)
static napi_value make_buffer(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  bool nack = bool_at(&arguments, 0);
  if (!arguments.ok) return NULL;
  Tested *tested = calloc(1, sizeof *tested);
  if (tested == NULL) abort();
  buffer_init(&tested->buffer, (BufferEvents){tested, on_packet, on_lost});
  tested->buffer.nack = nack;
  return wrap(env, tested, release);
}

// wants(buffer, number)
static napi_value wants(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  const Tested *tested = wrapped_at(&arguments, 0);
  double number = number_at(&arguments, 1);
  return arguments.ok ? to_bool(env, buffer_wants(&tested->buffer, (int64_t)number)) : NULL;
}

// push(buffer, number, timestamp, bytes of payload, now, is answer)
static napi_value push(napi_env env, napi_callback_info info) {
  static const uint8_t PAYLOAD[MAX_PAYLOAD];
  Arguments arguments = arguments_of(env, info);
  Tested *tested = wrapped_at(&arguments, 0);
  double number = number_at(&arguments, 1), timestamp = number_at(&arguments, 2), bytes = number_at(&arguments, 3), now = number_at(&arguments, 4);
  bool is_answer = bool_at(&arguments, 5);
  if (!arguments.ok || bytes < 0 || bytes > MAX_PAYLOAD) return NULL;
  OrderedPacket packet = {.timestamp = (uint32_t)timestamp, .payload = PAYLOAD, .length = (size_t)bytes};
  buffer_push(&tested->buffer, (int64_t)number, &tested->format, &packet, now, is_answer);
  return NULL;
}

// work(buffer, now, round trip (Infinity: unknown)): what is asked for.
static napi_value work(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Tested *tested = wrapped_at(&arguments, 0);
  double now = number_at(&arguments, 1), round_trip = INFINITY;
  napi_get_value_double(env, arguments.values[2], &round_trip);
  if (!arguments.ok) return NULL;
  uint16_t sequences[MAX_MISSING];
  double numbers[MAX_MISSING];
  size_t count = buffer_work(&tested->buffer, now, round_trip, sequences);
  for (size_t i = 0; i < count; i++) numbers[i] = sequences[i];
  return to_numbers(env, numbers, count);
}

// flush(buffer)
static napi_value flush(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Tested *tested = wrapped_at(&arguments, 0);
  if (arguments.ok) buffer_flush(&tested->buffer);
  return NULL;
}

// out(buffer): what came out since the last call.
static napi_value out(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Tested *tested = wrapped_at(&arguments, 0);
  if (!arguments.ok) return NULL;
  napi_value result = NULL;
  napi_create_array(env, &result);
  for (size_t at = 0; at < tested->out.length; at += sizeof(double)) {
    double value;
    memcpy(&value, tested->out.data + at, sizeof value);
    napi_set_element(env, result, (uint32_t)(at / sizeof value), to_number(env, value));
  }
  bytes_free(&tested->out);
  return result;
}

// times(buffer): when something is due, and the round trip; Infinity: never, unknown.
static napi_value times(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  const Tested *tested = wrapped_at(&arguments, 0);
  return arguments.ok ? to_numbers(env, (double[]){tested->buffer.due, tested->buffer.round_trip_ms}, 2) : NULL;
}

void export_buffers(napi_env env, napi_value exports) {
  export_function(env, exports, "makeBuffer", make_buffer);
  export_function(env, exports, "wants", wants);
  export_function(env, exports, "push", push);
  export_function(env, exports, "work", work);
  export_function(env, exports, "flush", flush);
  export_function(env, exports, "out", out);
  export_function(env, exports, "times", times);
}
