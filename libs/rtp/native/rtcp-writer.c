#include "rtcp-writer.h"

#include <math.h>
#include <string.h>

#define VERSION 2
enum { RECEIVER_REPORT = 201, DESCRIPTION = 202, TRANSPORT_FEEDBACK = 205, PAYLOAD_FEEDBACK = 206, EXTENDED_REPORT = 207 };
// Feedback message types: of the transport (RFC 4585, 6.2; draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1) and of the payload (RFC 4585, 6.3).
enum { GENERIC_NACK = 1, TRANSPORT_WIDE = 15, PICTURE_LOSS = 1 };
// A kind of XR block (RFC 3611, 4.4).
#define REFERENCE_TIME 4
#define CNAME 1
#define MAX_CNAME 255
// From NTP's epoch, 1900, to Unix's.
#define NTP_TO_UNIX_S 2208988800.0
// RFC 3550, 6.4.1: 24 bits with a sign.
#define LEAST_LOST (-0x800000)
#define MOST_LOST 0x7fffff

uint32_t wrapped(double value) {
  if (!isfinite(value)) return 0;
  double rest = fmod(trunc(value), 4294967296.0);
  return (uint32_t)(int64_t)rest;
}

// `length`: with this header.
static void start(Bytes *out, uint8_t type, unsigned count, size_t length) {
  bytes_u8(out, (uint8_t)(VERSION << 6 | count));
  bytes_u8(out, type);
  bytes_u16(out, (uint16_t)(length / 4 - 1));
}

void rtcp_receiver_report(Bytes *out, uint32_t sender, const ReportBlock *blocks, size_t count) {
  start(out, RECEIVER_REPORT, (unsigned)count, 8 + 24 * count);
  bytes_u32(out, sender);
  for (size_t i = 0; i < count; i++) {
    const ReportBlock *block = &blocks[i];
    int64_t lost = block->cumulative_lost < LEAST_LOST ? LEAST_LOST : block->cumulative_lost > MOST_LOST ? MOST_LOST : block->cumulative_lost;
    bytes_u32(out, block->ssrc);
    bytes_u8(out, block->fraction_lost);
    bytes_u24(out, (uint32_t)lost);
    bytes_u32(out, block->highest);
    bytes_u32(out, block->jitter);
    bytes_u32(out, block->last_report);
    bytes_u32(out, block->since_last_report);
  }
}

void rtcp_source_description(Bytes *out, uint32_t sender, const char *cname) {
  size_t length = strnlen(cname, MAX_CNAME);
  // At least one zero ends the list of items, and it ends on a word.
  size_t items = 4 * ((2 + length) / 4 + 1);
  start(out, DESCRIPTION, 1, 8 + items);
  bytes_u32(out, sender);
  bytes_u8(out, CNAME);
  bytes_u8(out, (uint8_t)length);
  bytes_add(out, cname, length);
  bytes_zeros(out, items - 2 - length);
}

// Of the clock that is never set: a round trip is measured by it.
static double ntp_seconds(double wall) { return wall / 1000 + NTP_TO_UNIX_S; }

void rtcp_reference_time(Bytes *out, uint32_t sender, double wall) {
  double seconds = ntp_seconds(wall);
  start(out, EXTENDED_REPORT, 0, 20);
  bytes_u32(out, sender);
  bytes_u16(out, REFERENCE_TIME << 8);
  bytes_u16(out, 2);
  bytes_u32(out, wrapped(floor(seconds)));
  bytes_u32(out, wrapped(floor(fmod(seconds, 1) * 4294967296.0)));
}

uint32_t compact_ntp(double wall) { return wrapped(floor(fmod(ntp_seconds(wall), 65536) * 65536)); }

// RFC 4585, 6.1. `length`: of the feedback control information that follows.
static void feedback(Bytes *out, uint8_t type, unsigned format, uint32_t sender, uint32_t media, size_t length) {
  start(out, type, format, 12 + length);
  bytes_u32(out, sender);
  bytes_u32(out, media);
}

void rtcp_generic_nack(Bytes *out, uint32_t sender, uint32_t media, const uint16_t *sequences, size_t count) {
  uint16_t first[MAX_ASKED], following[MAX_ASKED];
  size_t pairs = 0;
  for (size_t i = 0; i < count && i < MAX_ASKED; i++) {
    unsigned behind = pairs > 0 ? (uint16_t)(sequences[i] - first[pairs - 1]) : UINT16_MAX;
    if (behind <= 16) {
      if (behind > 0) following[pairs - 1] = (uint16_t)(following[pairs - 1] | 1u << (behind - 1));
    } else {
      first[pairs] = sequences[i];
      following[pairs++] = 0;
    }
  }
  feedback(out, TRANSPORT_FEEDBACK, GENERIC_NACK, sender, media, 4 * pairs);
  for (size_t i = 0; i < pairs; i++) {
    bytes_u16(out, first[i]);
    bytes_u16(out, following[i]);
  }
}

void rtcp_picture_loss(Bytes *out, uint32_t sender, uint32_t media) { feedback(out, PAYLOAD_FEEDBACK, PICTURE_LOSS, sender, media, 0); }

void rtcp_transport_wide(Bytes *out, uint32_t sender, uint32_t media, const uint8_t *content, size_t length) {
  feedback(out, TRANSPORT_FEEDBACK, TRANSPORT_WIDE, sender, media, length);
  bytes_add(out, content, length);
}
