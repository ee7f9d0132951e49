// A publisher that means no good, made of the fuzzer's bytes: packets with odd numbers, sources and clocks, reports, and whatever else, into a
// receiver. For libFuzzer (clang), or for driver.c where there is none. What comes out is checked as well.
#include "../receiver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bytes.h"

#define SSRC 0x07070707
#define FIRST_MS 1000.0
// A time is at most 10 s back, and a packet is held for 400 ms and the longest wait.
#define FURTHEST_MS 13000.0
// So that a request fits into a packet of the network.
#define MOST_RTCP_BYTES 1300
#define MID_EXTENSION 4
#define TRANSPORT_CC_EXTENSION 3

typedef struct {
  Receiver *receiver;
  double now;
  uint16_t sequences[4];
  uint32_t timestamps[4];
  // So that what comes out is read.
  unsigned sum;
} Session;

static void expect(bool is_so) {
  if (!is_so) abort();
}

static void on_packet(void *user, const Format *format, const OrderedPacket *packet) {
  Session *session = user;
  expect(format != NULL && fabs(packet->time - session->now) < FURTHEST_MS);
  for (size_t i = 0; i < packet->length; i++) session->sum += packet->payload[i];
}

static void on_lost(void *user, const Format *format, uint32_t count) {
  (void)user;
  expect(format != NULL && count > 0);
}

static void on_rtcp(void *user, const uint8_t *packet, size_t length) {
  Session *session = user;
  expect(length >= 8 && length % 4 == 0 && length < MOST_RTCP_BYTES);
  for (size_t i = 0; i < length; i++) session->sum += packet[i];
}

// In memory of exactly its size: a read behind its end is found.
static void give(Session *session, const Bytes *datagram, bool is_rtcp, double late) {
  uint8_t *exact = rtp_alloc(datagram->length + (datagram->length == 0));
  if (datagram->length > 0) memcpy(exact, datagram->data, datagram->length);
  if (is_rtcp)
    receiver_rtcp(session->receiver, exact, datagram->length, session->now - late);
  else
    receiver_rtp(session->receiver, exact, datagram->length, session->now - late, session->now);
  free(exact);
}

static void write_extension(Bytes *out, Cursor *input) {
  Bytes elements = {0};
  static const char *const MIDS[] = {"0", "1", "a", "xyz"};
  const char *mid = MIDS[cursor_u8(input) % 4];
  bytes_u8(&elements, (uint8_t)(MID_EXTENSION << 4 | (strlen(mid) - 1)));
  bytes_add(&elements, mid, strlen(mid));
  bytes_u8(&elements, TRANSPORT_CC_EXTENSION << 4 | 1);
  bytes_u16(&elements, cursor_u16(input));
  bytes_zeros(&elements, (4 - elements.length % 4) % 4);
  bytes_u16(out, 0xbede);
  bytes_u16(out, (uint16_t)(elements.length / 4));
  bytes_add(out, elements.data, elements.length);
  bytes_free(&elements);
}

static void write_rtp(Session *session, Bytes *out, Cursor *input) {
  static const uint8_t TYPES[] = {96, 97, 98, 99, 111, 96, 96, 98};
  uint8_t flags = cursor_u8(input), track = flags & 3;
  int8_t step = (int8_t)cursor_u8(input);
  session->sequences[track] = (uint16_t)(session->sequences[track] + (step == 127 ? cursor_u16(input) : step == -128 ? 600 : step / 16));
  session->timestamps[track] += step == 127 ? cursor_u32(input) : (uint32_t)(step * 90);
  bytes_u8(out, flags & 0x80 ? 0x90 : 0x80);
  bytes_u8(out, (uint8_t)(TYPES[cursor_u8(input) % 8] | (flags & 0x40 ? 0x80 : 0)));
  bytes_u16(out, session->sequences[track]);
  bytes_u32(out, session->timestamps[track]);
  bytes_u32(out, flags & 0x20 ? cursor_u8(input) % 24 : track);
  if (flags & 0x80) write_extension(out, input);
  // Before the payload of what is sent again: a number near those of the other packets.
  if (flags & 0x10) bytes_u16(out, (uint16_t)(session->sequences[track] - cursor_u8(input) % 32));
  Cursor payload = cursor_part(input, cursor_u8(input) % 32);
  bytes_add(out, payload.at, payload.left);
  if (flags & 0x08) bytes_zeros(out, 1200);
}

static void write_rtcp(Session *session, Bytes *out, Cursor *input) {
  uint8_t kind = cursor_u8(input), track = kind & 3;
  if (kind < 128) {
    bytes_u32(out, 0x80c80006);
    bytes_u32(out, track);
    bytes_u32(out, 0xe0000000u + (uint32_t)(session->now / 1000) + (cursor_u8(input) > 240));
    bytes_u32(out, cursor_u32(input));
    bytes_u32(out, session->timestamps[track] + cursor_u8(input));
    bytes_zeros(out, 8);
  } else if (kind < 160) {
    bytes_u32(out, 0x81cb0001);
    bytes_u32(out, track);
  } else {
    bytes_u32(out, 0x80cf0005);
    bytes_u32(out, 1);
    bytes_u32(out, 0x05000003);
    bytes_u32(out, SSRC);
    bytes_u32(out, cursor_u32(input));
    bytes_u32(out, cursor_u32(input));
  }
}

// One thing that a publisher does.
static void step(Session *session, Cursor *input) {
  uint8_t what = cursor_u8(input), wait = cursor_u8(input);
  session->now += wait < 250 ? wait / 16.0 : wait * 10.0;
  if (session->now >= receiver_deadline(session->receiver)) receiver_work(session->receiver, session->now);
  Bytes datagram = {0};
  bool is_rtcp = what % 16 >= 12;
  if (what % 16 < 12)
    write_rtp(session, &datagram, input);
  else
    write_rtcp(session, &datagram, input);
  if (what % 32 == 31) {
    Cursor noise = cursor_part(input, cursor_u8(input) % 64);
    bytes_add(&datagram, noise.at, noise.left);
  }
  // A byte of it changed, or its end cut off.
  if (what >= 192 && datagram.length > 0) datagram.data[cursor_u8(input) % datagram.length] = cursor_u8(input);
  if (what >= 240 && datagram.length > 0) datagram.length = cursor_u8(input) % datagram.length;
  give(session, &datagram, what == 0 ? !is_rtcp : is_rtcp, wait % 5);
  bytes_free(&datagram);
  if (what & 0x20) receiver_work(session->receiver, session->now);
  if (what == 0x57 && wait == 7) receiver_clear(session->receiver);
  if (what == 0x47) receiver_request_keyframe(session->receiver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Cursor input = cursor_of(data, size);
  uint8_t options = cursor_u8(&input);
  Session session = {.now = FIRST_MS};
  ReceiverSettings settings = {
      .ssrc = SSRC,
      .cname = "fuzz",
      .time_origin = 1.7e12,
      .mid_extension = options & 1 ? MID_EXTENSION : 0,
      .transport_cc_extension = options & 2 ? TRANSPORT_CC_EXTENSION : 0,
      .reduced_size = options & 4,
  };
  session.receiver = receiver_new(&settings, &(ReceiverEvents){&session, on_packet, on_lost, on_rtcp});
  Codec codec = (Codec)(1 + options / 8 % 4);
  receiver_add(session.receiver, "0", true, (Format){.payload_type = 96, .has_rtx = true, .rtx_payload_type = 97, .nack = true, .codec = codec, .clock_rate = 90000});
  receiver_add(session.receiver, "0", true, (Format){.payload_type = 98, .nack = true, .codec = CODEC_VP8, .clock_rate = 90000});
  receiver_add(session.receiver, "a", false, (Format){.payload_type = 111, .clock_rate = 48000});
  while (input.left > 0) {
    step(&session, &input);
    ReceiverFigures figures = receiver_figures(session.receiver);
    expect(figures.packets_lost >= 0 && !isnan(figures.jitter_ms) && !isnan(figures.round_trip_ms));
    expect(figures.kept_bytes <= 2 * MAX_KEPT_BYTES && figures.kept <= 2 * MAX_KEPT && figures.seen <= 2 * (MAX_SEEN + 2));
  }
  receiver_free(session.receiver);
  return 0;
}
