// Counts the packets of one SSRC for the reports about it (RFC 3550, A.1, A.3, A.8). Retransmissions have an SSRC of their own (RFC 4588) and are not counted.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rtcp-writer.h"

// Sequence numbers further apart than this are those of a sender that began again (RFC 3550, A.1: MAX_DROPOUT).
#define MAX_JUMP 3000

typedef struct {
  uint32_t ssrc;
  double last_arrival;
  bool has_ended;
  // The highest sequence number so far with its cycles; another beginning of the sender's numbers lies more than a cycle ahead.
  int64_t highest;
  // What the number of cycles is counted from, for the publisher.
  int64_t origin;
  int64_t first, received, lost_before, expected_at_report, received_at_report;
  // Of the packet before.
  bool has_transit;
  uint32_t transit_timestamp;
  double transit_arrival;
  // In units of the RTP clock.
  double jitter;
  double clock_rate;
  // Of the last sender report.
  bool has_report;
  uint32_t report_ntp;
  double report_arrival;
} Source;

void source_begin(Source *source, uint32_t ssrc, uint16_t sequence, double now);
// The number of a packet that came, never again used by this source; false for one so far off that it may belong to another beginning.
bool source_take(Source *source, uint16_t sequence, double now, int64_t *number);
// The number nearest to the highest one with these 16 bits.
int64_t source_near(const Source *source, uint16_t sequence);
// Interarrival jitter (RFC 3550, A.8).
void source_measure(Source *source, uint32_t timestamp, double now, double clock_rate);
void source_reported(Source *source, uint32_t compact_ntp, double now);
double source_jitter_ms(const Source *source);
// Expected minus received, over all beginnings: what the network lost, whether or not it was sent again.
int64_t source_lost(const Source *source);
// Something came since the last report.
bool source_has_new_packets(const Source *source);
// What a report says now; ends the interval of the share that was lost.
ReportBlock source_block(Source *source, double now);
// The sender's numbers begin again with this one, which is to be taken next.
void source_begin_anew(Source *source, uint16_t sequence);
