#include "track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "entry-points.h"

// Another source is followed when the present one has been silent for so long; immediately, if it is no older than this and brings parameter
// sets or a key frame.
#define HANDOVER_MS 200

static void give_out(void *user, const Format *format, const OrderedPacket *packet) {
  const ReceiverEvents *events = ((Track *)user)->events;
  events->on_packet(events->user, format, packet);
}

static void tell_lost(void *user, uint32_t count) {
  const Track *track = user;
  track->events->on_lost(track->events->user, track->format, count);
}

void track_init(Track *track, const ReceiverEvents *events, LipSync *sync) {
  track->events = events;
  buffer_init(&track->buffer, (BufferEvents){track, give_out, tell_lost});
  sync_add(sync, &track->clock);
}

void track_clear(Track *track) {
  buffer_clear(&track->buffer);
  look_back_clear(&track->look_back);
}

void track_add(Track *track, const Format *format) {
  if (track->format == NULL) track->format = format;
  track->formats[format->payload_type % PAYLOAD_TYPES] = format;
  if (format->has_rtx) track->retransmitted[format->rtx_payload_type % PAYLOAD_TYPES] = format;
}

bool track_takes(const Track *track, uint8_t payload_type) {
  return track->formats[payload_type % PAYLOAD_TYPES] != NULL || track->retransmitted[payload_type % PAYLOAD_TYPES] != NULL;
}

double track_last_arrival(const Track *track) { return track->has_source ? track->source.last_arrival : -INFINITY; }

int64_t track_lost(const Track *track) { return track->lost_before + (track->has_source ? source_lost(&track->source) : 0); }

void track_sender_report(Track *track, const RtcpMessage *report, double arrival) {
  if (!track->has_source || track->source.ssrc != report->ssrc) return;
  source_reported(&track->source, report->compact_ntp, arrival);
  sync_report(track->clock.sync, &track->clock, report->ntp_ms, report->timestamp, arrival);
}

void track_bye(Track *track, uint32_t ssrc) {
  if (track->has_source && track->source.ssrc == ssrc) track->source.has_ended = true;
}

// `is_answer`: what was asked for comes so.
static void deliver(Track *track, int64_t number, const Format *format, const RtpHeader *header, Cursor payload, double now, bool is_answer) {
  OrderedPacket packet = {
      .sequence = (uint16_t)number,
      .timestamp = header->timestamp,
      .marker = header->marker,
      .time = clock_map(&track->clock, header->timestamp, now),
      .payload = payload.at,
      .length = payload.left,
  };
  track->buffer.nack = format->nack;
  buffer_push(&track->buffer, number, format, &packet, now, is_answer);
}

// A packet that was lost, sent again with its sequence number before its payload (RFC 4588, 4); without payload, the sender only probes its bandwidth.
static void retransmission(Track *track, const RtpHeader *header, double now) {
  const Format *format = track->retransmitted[header->payload_type];
  Cursor payload = header->payload;
  uint16_t sequence = cursor_u16(&payload);
  if (format == NULL || !track->has_source || payload.is_short) return;
  int64_t number = source_near(&track->source, sequence);
  if (buffer_is_missing(&track->buffer, number)) deliver(track, number, format, header, payload, now, true);
}

// False for a packet that the buffer does not want.
static bool observe(Track *track, int64_t number, const Format *format, const RtpHeader *header, double arrival) {
  track->format = format;
  source_measure(&track->source, header->timestamp, arrival, format->clock_rate);
  if (!buffer_wants(&track->buffer, number)) return false;
  if (number == track->source.highest) clock_observe(&track->clock, header->timestamp, format->clock_rate, arrival);
  return true;
}

// Of the present source. False for a packet that may belong to another beginning of it.
static bool take(Track *track, const Format *format, const RtpHeader *header, double arrival, double now) {
  int64_t number;
  if (!source_take(&track->source, header->sequence, arrival, &number)) return false;
  if (observe(track, number, format, header, arrival)) deliver(track, number, format, header, header->payload, now, !format->has_rtx);
  return true;
}

static double first_seen(Track *track, uint32_t ssrc, double arrival) {
  for (size_t i = 0; i < track->seen_count; i++) {
    if (track->seen[i].ssrc == ssrc) return track->seen[i].at;
  }
  track->seen[track->seen_count].ssrc = ssrc;
  track->seen[track->seen_count++].at = arrival;
  if (track->seen_count > MAX_SEEN) {
    size_t most = MAX_SEEN, gone = track->seen_count - most;
    memmove(track->seen, track->seen + gone, most * sizeof *track->seen);
    track->seen_count = most;
  }
  return arrival;
}

// Followed once, it is not new again.
static void mark_followed(Track *track, uint32_t ssrc) {
  for (size_t i = 0; i < track->seen_count; i++) {
    if (track->seen[i].ssrc != ssrc) continue;
    track->seen[i].at = -INFINITY;
    return;
  }
  if (track->seen_count > MAX_SEEN) return;
  track->seen[track->seen_count].ssrc = ssrc;
  track->seen[track->seen_count++].at = -INFINITY;
}

// Another source sends from now on.
static void begin(Track *track, const RtpHeader *header, double arrival) {
  if (track->has_source) {
    buffer_flush(&track->buffer);
    track->lost_before += source_lost(&track->source);
    clock_reset(&track->clock);
    mark_followed(track, track->source.ssrc);
  }
  first_seen(track, header->ssrc, arrival);
  source_begin(&track->source, header->ssrc, header->sequence, arrival);
  track->has_source = true;
}

static int distance(uint16_t from, uint16_t to) { return abs((int16_t)(uint16_t)(to - from)); }

// Keeps a packet of another source, or from where the present one's numbers have jumped to. True: that is followed from now on. A
// publisher that restarts its encoder may choose another SSRC, and its first packets hold what all others need. A source that sends
// beside the present one (a second layer, a stray packet) takes over only where it begins with a key frame, and once: else the two
// would cut each other off with every key frame.
static bool keep(Track *track, const Format *format, const RtpHeader *header, double arrival) {
  const Source *present = &track->source;
  const KeptPacket *last = look_back_last(&track->look_back);
  bool is_next = last != NULL && header->sequence == (uint16_t)(last->header.sequence + 1);
  if (last != NULL && (last->header.ssrc != header->ssrc || distance(last->header.sequence, header->sequence) > MAX_JUMP)) look_back_clear(&track->look_back);
  look_back_add(&track->look_back, format, header, arrival);
  // Two in a row make a jump believable (RFC 3550, A.1).
  if (header->ssrc == present->ssrc) return is_next;
  if (present->has_ended || arrival - present->last_arrival >= HANDOVER_MS) return true;
  return arrival - first_seen(track, header->ssrc, arrival) < HANDOVER_MS && is_entry_point(format->codec, header->payload);
}

static void follow_kept(Track *track, double now) {
  const KeptPacket *first = look_back_first(&track->look_back);
  if (first == NULL) return;
  if (track->has_source && first->header.ssrc == track->source.ssrc)
    source_begin_anew(&track->source, first->header.sequence);
  else
    begin(track, &first->header, first->arrival);
  for (KeptPacket *kept; (kept = look_back_take(&track->look_back)) != NULL; free(kept)) take(track, kept->format, &kept->header, kept->arrival, now);
}

void track_packet(Track *track, const RtpHeader *header, double arrival, double now) {
  const Format *format = track->formats[header->payload_type];
  if (format == NULL) return retransmission(track, header, now);
  if (!track->has_source) begin(track, header, arrival);
  if (track->source.ssrc == header->ssrc && take(track, format, header, arrival, now)) return;
  if (keep(track, format, header, arrival)) follow_kept(track, now);
}
