#include "source.h"

#include <math.h>

#define CYCLE 0x10000
// A clock that was set is no jitter, s.
#define MAX_TRANSIT_CHANGE_S 3

void source_begin(Source *source, uint32_t ssrc, uint16_t sequence, double now) {
  *source = (Source){.ssrc = ssrc, .last_arrival = now, .origin = CYCLE, .clock_rate = 1};
  source->first = source->origin + sequence;
  source->highest = source->first - 1;
}

bool source_take(Source *source, uint16_t sequence, double now, int64_t *number) {
  source->last_arrival = now;
  *number = source_near(source, sequence);
  int64_t ahead = *number - source->highest;
  if (ahead > MAX_JUMP || ahead < -MAX_JUMP) return false;
  if (ahead > 0) source->highest = *number;
  source->received += 1;
  return true;
}

int64_t source_near(const Source *source, uint16_t sequence) { return source->highest + (int16_t)(uint16_t)(sequence - (uint16_t)source->highest); }

void source_measure(Source *source, uint32_t timestamp, double now, double clock_rate) {
  if (!source->has_transit || clock_rate != source->clock_rate) {
    if (clock_rate != source->clock_rate) source->jitter = 0;
    source->clock_rate = clock_rate;
    source->has_transit = true;
  } else {
    double change = fabs((now - source->transit_arrival) * clock_rate / 1000 - (int32_t)(timestamp - source->transit_timestamp));
    if (change < MAX_TRANSIT_CHANGE_S * clock_rate) source->jitter += (change - source->jitter) / 16;
  }
  source->transit_timestamp = timestamp;
  source->transit_arrival = now;
}

void source_reported(Source *source, uint32_t compact_ntp, double now) {
  source->has_report = true;
  source->report_ntp = compact_ntp;
  source->report_arrival = now;
}

double source_jitter_ms(const Source *source) { return source->jitter * 1000 / source->clock_rate; }

static int64_t expected(const Source *source) { return source->highest - source->first + 1; }

int64_t source_lost(const Source *source) {
  int64_t lost = expected(source) - source->received;
  return source->lost_before + (lost > 0 ? lost : 0);
}

bool source_has_new_packets(const Source *source) { return source->received > source->received_at_report; }

ReportBlock source_block(Source *source, double now) {
  int64_t all = expected(source);
  int64_t since = all - source->expected_at_report;
  int64_t lost = since - (source->received - source->received_at_report);
  source->expected_at_report = all;
  source->received_at_report = source->received;
  int64_t fraction = since <= 0 || lost <= 0 ? 0 : lost * 256 / since;
  return (ReportBlock){
      .ssrc = source->ssrc,
      .fraction_lost = (uint8_t)(fraction > UINT8_MAX ? UINT8_MAX : fraction),
      .cumulative_lost = all - source->received,
      .highest = (uint32_t)(source->highest - source->origin),
      .jitter = wrapped(floor(source->jitter)),
      .last_report = source->has_report ? source->report_ntp : 0,
      .since_last_report = source->has_report ? wrapped(floor((now - source->report_arrival) * 65536 / 1000)) : 0,
  };
}

void source_begin_anew(Source *source, uint16_t sequence) {
  source->lost_before = source_lost(source);
  source->origin = (source->highest / CYCLE + 2) * CYCLE;
  source->first = source->origin + sequence;
  source->highest = source->first - 1;
  source->received = 0;
  source->expected_at_report = 0;
  source->received_at_report = 0;
  source->has_transit = false;
}
