// Writes RTCP packets (RFC 3550, section 6), each at the end of `out`.
#pragma once

#include "bytes.h"

// What is reported about one source (RFC 3550, 6.4.1).
typedef struct {
  uint32_t ssrc;
  // Since the report before, in 1/256.
  uint8_t fraction_lost;
  // Less than 0 where packets came twice.
  int64_t cumulative_lost;
  // Sequence number with its cycles.
  uint32_t highest;
  // In units of the RTP clock.
  uint32_t jitter;
  // Compact NTP of the last sender report, 0 if there was none.
  uint32_t last_report;
  // Since then, 1/65536 s.
  uint32_t since_last_report;
} ReportBlock;

// As JavaScript's >>> 0: whole, modulo 2^32; 0 where it is not finite.
uint32_t wrapped(double value);

// RFC 3550, 6.4.2. At most 31 blocks.
void rtcp_receiver_report(Bytes *out, uint32_t sender, const ReportBlock *blocks, size_t count);
// The name that every compound packet must carry (RFC 3550, 6.5.1), up to 255 ASCII characters.
void rtcp_source_description(Bytes *out, uint32_t sender, const char *cname);
// Our clock, so that the publisher can answer with how long it kept it (RFC 3611, 4.4): who sends nothing learns the round trip only so. `wall`: Unix time, ms.
void rtcp_reference_time(Bytes *out, uint32_t sender, double wall);
// Our wall clock as reports refer to it, units of 1/65536 s.
uint32_t compact_ntp(double wall);

// What one request may ask for, so that it fits into a packet of the network at any pattern of losses.
#define MAX_ASKED 256
// Asks for lost packets (RFC 4585, 6.2.1), at most MAX_ASKED, in the order in which they were sent.
void rtcp_generic_nack(Bytes *out, uint32_t sender, uint32_t media, const uint16_t *sequences, size_t count);
// Asks for a key frame (RFC 4585, 6.3.1).
void rtcp_picture_loss(Bytes *out, uint32_t sender, uint32_t media);
// `length` bytes, a number of words, follow the two SSRCs (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1).
void rtcp_transport_wide(Bytes *out, uint32_t sender, uint32_t media, const uint8_t *content, size_t length);
