// The module: a receiver, as JavaScript calls it. What comes of a call is returned by it, in one Buffer of records: nothing calls back.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "addon.h"
#include "receiver.h"

// Larger room for records than a usual call needs is given back.
#define USUAL_RECORDS 262144
// Before each packet of a batch: its length and whether it is RTCP, 16 bits each; the lower 32 bits of a clock (us) when it came.
#define BATCH_HEAD_BYTES 8

typedef enum { ORDERED_PACKET, LOST_PACKETS, RTCP_PACKET } RecordKind;

// Before the bytes of each record; its layout is that of libs/rtp/src/records.ts.
typedef struct {
  uint8_t kind, format, marker, unused;
  // Of the bytes that follow; of LOST_PACKETS, how many are lost, and none follow.
  uint32_t length;
  uint32_t sequence, timestamp;
  double time;
} Record;

_Static_assert(sizeof(Record) == 24, "records have no gaps");

typedef struct {
  Receiver *receiver;
  Bytes records;
} Wrapper;

static void add_record(Wrapper *wrapper, const Record *record, const uint8_t *bytes) {
  bytes_add(&wrapper->records, record, sizeof *record);
  if (record->kind != LOST_PACKETS) bytes_add(&wrapper->records, bytes, record->length);
}

static void on_packet(void *user, const Format *format, const OrderedPacket *packet) {
  Record record = {ORDERED_PACKET, format->index, packet->marker, 0, (uint32_t)packet->length, packet->sequence, packet->timestamp, packet->time};
  add_record(user, &record, packet->payload);
}

static void on_lost(void *user, const Format *format, uint32_t count) {
  Record record = {.kind = LOST_PACKETS, .format = format->index, .length = count};
  add_record(user, &record, NULL);
}

static void on_rtcp(void *user, const uint8_t *packet, size_t length) {
  Record record = {.kind = RTCP_PACKET, .length = (uint32_t)length};
  add_record(user, &record, packet);
}

static void release(void *data) {
  Wrapper *wrapper = data;
  receiver_free(wrapper->receiver);
  bytes_free(&wrapper->records);
  free(wrapper);
}

// What came of the call; undefined: nothing.
static napi_value records_of(napi_env env, Wrapper *wrapper) {
  if (wrapper->records.length == 0) return NULL;
  napi_value result = NULL;
  napi_create_buffer_copy(env, wrapper->records.length, wrapper->records.data, NULL, &result);
  wrapper->records.length = 0;
  if (wrapper->records.capacity > USUAL_RECORDS) bytes_free(&wrapper->records);
  return result;
}

// makeReceiver(ssrc, cname, time origin, id of the mid extension, id of the transport-cc extension (0: none), reduced size)
static napi_value make_receiver(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  char cname[MAX_CNAME + 1];
  text_at(&arguments, 1, cname, sizeof cname);
  ReceiverSettings settings = {
      .ssrc = wrapped(number_at(&arguments, 0)),
      .cname = cname,
      .time_origin = number_at(&arguments, 2),
      .mid_extension = (uint8_t)wrapped(number_at(&arguments, 3)),
      .transport_cc_extension = (uint8_t)wrapped(number_at(&arguments, 4)),
      .reduced_size = bool_at(&arguments, 5),
  };
  if (!arguments.ok) return NULL;
  Wrapper *wrapper = rtp_alloc(sizeof *wrapper);
  *wrapper = (Wrapper){receiver_new(&settings, &(ReceiverEvents){wrapper, on_packet, on_lost, on_rtcp}), {0}};
  return wrap(env, wrapper, release);
}

// addFormat(receiver, mid, is video, payload type, payload type of retransmissions (-1: none), clock rate, nack, codec): false where there are too many.
static napi_value add_format(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Wrapper *wrapper = wrapped_at(&arguments, 0);
  // One byte more than the longest, so that what is longer is noticed.
  char mid[MAX_MID + 2];
  text_at(&arguments, 1, mid, sizeof mid);
  bool is_video = bool_at(&arguments, 2);
  double rtx = number_at(&arguments, 4), clock_rate = number_at(&arguments, 5);
  Format format = {
      .payload_type = (uint8_t)wrapped(number_at(&arguments, 3)),
      .has_rtx = rtx >= 0,
      .rtx_payload_type = (uint8_t)wrapped(rtx),
      .nack = bool_at(&arguments, 6),
      .codec = (Codec)wrapped(number_at(&arguments, 7)),
      .clock_rate = clock_rate,
  };
  if (!arguments.ok) return NULL;
  if (clock_rate < 1) return fail(env, "a clock rate is at least 1 Hz");
  return to_bool(env, receiver_add(wrapper->receiver, mid, is_video, format));
}

// rtp(receiver, packet, arrival, now)
static napi_value rtp(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Wrapper *wrapper = wrapped_at(&arguments, 0);
  size_t length;
  const uint8_t *packet = buffer_at(&arguments, 1, &length);
  double arrival = number_at(&arguments, 2), now = number_at(&arguments, 3);
  if (!arguments.ok) return NULL;
  receiver_rtp(wrapper->receiver, packet, length, arrival, now);
  return records_of(env, wrapper);
}

// rtcp(receiver, packet, arrival)
static napi_value rtcp(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Wrapper *wrapper = wrapped_at(&arguments, 0);
  size_t length;
  const uint8_t *packet = buffer_at(&arguments, 1, &length);
  double arrival = number_at(&arguments, 2);
  if (!arguments.ok) return NULL;
  receiver_rtcp(wrapper->receiver, packet, length, arrival);
  return records_of(env, wrapper);
}

// batch(receiver, batch, now, clock): packets with heads; `clock` is now on the clock of the heads. What is due is done, too.
static napi_value batch(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Wrapper *wrapper = wrapped_at(&arguments, 0);
  size_t size;
  const uint8_t *bytes = buffer_at(&arguments, 1, &size);
  double now = number_at(&arguments, 2);
  uint32_t clock = wrapped(number_at(&arguments, 3));
  if (!arguments.ok) return NULL;
  Cursor rest = cursor_of(bytes, size);
  while (rest.left >= BATCH_HEAD_BYTES) {
    uint16_t length = cursor_u16(&rest);
    bool is_rtcp = cursor_u16(&rest) != 0;
    int32_t waited = (int32_t)(clock - cursor_u32(&rest));
    Cursor packet = cursor_part(&rest, length);
    double arrival = now - most(0, waited) / 1000;
    if (is_rtcp)
      receiver_rtcp(wrapper->receiver, packet.at, packet.left, arrival);
    else
      receiver_rtp(wrapper->receiver, packet.at, packet.left, arrival, now);
  }
  receiver_work(wrapper->receiver, now);
  return records_of(env, wrapper);
}

// work(receiver, now)
static napi_value work(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Wrapper *wrapper = wrapped_at(&arguments, 0);
  double now = number_at(&arguments, 1);
  if (!arguments.ok) return NULL;
  receiver_work(wrapper->receiver, now);
  return records_of(env, wrapper);
}

// deadline(receiver): Infinity where nothing is due.
static napi_value deadline(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  const Wrapper *wrapper = wrapped_at(&arguments, 0);
  return arguments.ok ? to_number(env, receiver_deadline(wrapper->receiver)) : NULL;
}

// requestKeyframe(receiver): undefined while no packet of a video track has come.
static napi_value request_keyframe(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Wrapper *wrapper = wrapped_at(&arguments, 0);
  if (!arguments.ok) return NULL;
  receiver_request_keyframe(wrapper->receiver);
  return records_of(env, wrapper);
}

// clear(receiver)
static napi_value clear(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  const Wrapper *wrapper = wrapped_at(&arguments, 0);
  if (arguments.ok) receiver_clear(wrapper->receiver);
  return NULL;
}

// figures(receiver): as ReceiverFigures has them, in that order.
static napi_value figures(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  const Wrapper *wrapper = wrapped_at(&arguments, 0);
  if (!arguments.ok) return NULL;
  ReceiverFigures found = receiver_figures(wrapper->receiver);
  const double values[] = {
      (double)found.packets_lost, found.jitter_ms,   found.round_trip_ms,       (double)found.bytes,
      found.last_arrival,         (double)found.kept, (double)found.kept_bytes, (double)found.seen,
  };
  napi_value result = NULL;
  napi_create_array(env, &result);
  for (uint32_t i = 0; i < sizeof values / sizeof *values; i++) napi_set_element(env, result, i, to_number(env, values[i]));
  return result;
}

NAPI_MODULE_INIT() {
  export_function(env, exports, "makeReceiver", make_receiver);
  export_function(env, exports, "addFormat", add_format);
  export_function(env, exports, "rtp", rtp);
  export_function(env, exports, "rtcp", rtcp);
  export_function(env, exports, "batch", batch);
  export_function(env, exports, "work", work);
  export_function(env, exports, "deadline", deadline);
  export_function(env, exports, "requestKeyframe", request_keyframe);
  export_function(env, exports, "clear", clear);
  export_function(env, exports, "figures", figures);
  return exports;
}
