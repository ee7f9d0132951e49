// Reads RTCP packets (RFC 3550, section 6), as far as a receiver of media needs them.
#pragma once

#include "cursor.h"

typedef enum {
  SENDER_REPORT,
  BYE,
  // Answers our receiver reference time (RFC 3611, 4.5).
  REFERENCE_ANSWER,
} RtcpType;

// What a publisher tells us.
typedef struct {
  RtcpType type;
  uint32_t ssrc;
  // SENDER_REPORT: the sender's wall clock, ms since 1900; 0 if it has none.
  double ntp_ms;
  // The same as reports refer to it: the middle 32 of its 64 bits, units of 1/65536 s.
  uint32_t compact_ntp;
  // What the RTP clock showed at that time.
  uint32_t timestamp;
  // REFERENCE_ANSWER: what we sent, as compact NTP, and how long ago it had come, 1/65536 s.
  uint32_t last_report, delay;
} RtcpMessage;

// Calls `take` with what we understand of a compound packet; from where it is malformed on, the rest is passed over.
void rtcp_read(const uint8_t *bytes, size_t length, void (*take)(void *user, const RtcpMessage *message), void *user);
