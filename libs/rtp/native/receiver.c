#include "receiver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The first tells the publisher soon that we hear it, and how far away we are.
#define FIRST_REPORT_MS 200
#define REPORT_MS 1000
// What is due so soon is done immediately: a timer costs more.
#define SOON_MS 20
// A session has two or four; what else a hostile publisher makes up is forgotten again.
#define MAX_SOURCES 16
#define MAX_RTCP_BYTES 1100
// A longer round trip was not measured.
#define MAX_ROUND_TRIP_MS 10000

struct Receiver {
  ReceiverSettings settings;
  char cname[MAX_CNAME + 1];
  ReceiverEvents events;
  Format formats[MAX_FORMATS];
  size_t format_count, track_count;
  LipSync sync;
  TransportFeedback feedback;
  // Which track an SSRC belongs to; the oldest first. The present sources of all tracks are never forgotten.
  struct {
    uint32_t ssrc;
    Track *track;
  } sources[MAX_SOURCES + 1];
  size_t source_count;
  uint64_t bytes;
  uint32_t last_ssrc;
  double report_at;
  // The round trip by an answer to our reports, ms; INFINITY: there was none.
  double answered_ms;
  // What is to be sent, and the compound packet that it is put into.
  Bytes messages, compound;
  Track tracks[MAX_TRACKS];
};

_Static_assert(MAX_TRACKS < MAX_SOURCES, "among the remembered sources there is always one that is not the present one of a track");

Receiver *receiver_new(const ReceiverSettings *settings, const ReceiverEvents *events) {
  // Most of it is never touched: the places of packets that are missing or held.
  Receiver *receiver = calloc(1, sizeof *receiver);
  if (receiver == NULL) abort();
  receiver->settings = *settings;
  memcpy(receiver->cname, settings->cname, strnlen(settings->cname, MAX_CNAME));
  receiver->settings.cname = receiver->cname;
  receiver->events = *events;
  sync_init(&receiver->sync);
  feedback_init(&receiver->feedback);
  receiver->report_at = receiver->answered_ms = INFINITY;
  return receiver;
}

void receiver_clear(Receiver *receiver) {
  for (size_t i = 0; i < receiver->track_count; i++) track_clear(&receiver->tracks[i]);
}

void receiver_free(Receiver *receiver) {
  receiver_clear(receiver);
  bytes_free(&receiver->messages);
  bytes_free(&receiver->compound);
  free(receiver);
}

static Track *track_of(Receiver *receiver, const char *mid, size_t length, bool is_video) {
  for (size_t i = 0; i < receiver->track_count; i++) {
    if (receiver->tracks[i].mid_length == length && memcmp(receiver->tracks[i].mid, mid, length) == 0) return &receiver->tracks[i];
  }
  if (receiver->track_count == MAX_TRACKS) return NULL;
  Track *track = &receiver->tracks[receiver->track_count++];
  track_init(track, &receiver->events, &receiver->sync);
  memcpy(track->mid, mid, length);
  track->mid_length = length;
  track->is_video = is_video;
  return track;
}

bool receiver_add(Receiver *receiver, const char *mid, bool is_video, Format format) {
  size_t length = strnlen(mid, MAX_MID + 1);
  if (receiver->format_count == MAX_FORMATS || length > MAX_MID) return false;
  Track *track = track_of(receiver, mid, length, is_video);
  if (track == NULL) return false;
  Format *kept = &receiver->formats[receiver->format_count];
  *kept = format;
  kept->index = (uint8_t)receiver->format_count++;
  track_add(track, kept);
  return true;
}

static bool is_present(const Track *track, uint32_t ssrc) { return track->has_source && track->source.ssrc == ssrc; }

static void remember(Receiver *receiver, uint32_t ssrc, Track *track) {
  size_t at = 0;
  while (at < receiver->source_count && receiver->sources[at].ssrc != ssrc) at++;
  receiver->sources[at].ssrc = ssrc;
  receiver->sources[at].track = track;
  if (at == receiver->source_count) receiver->source_count += 1;
  if (receiver->source_count <= MAX_SOURCES) return;
  size_t gone = 0;
  while (gone < MAX_SOURCES && is_present(receiver->sources[gone].track, receiver->sources[gone].ssrc)) gone++;
  memmove(&receiver->sources[gone], &receiver->sources[gone + 1], (MAX_SOURCES - gone) * sizeof *receiver->sources);
  receiver->source_count -= 1;
}

// The track of an SSRC that is new: what the packet says itself (RFC 9143, 15), or the only one that negotiated the payload type.
static Track *assign(Receiver *receiver, const RtpHeader *header) {
  uint8_t id = receiver->settings.mid_extension;
  Cursor mid;
  bool has_mid = id != 0 && rtp_element(header, id, &mid);
  for (size_t i = 0; i < receiver->track_count; i++) {
    Track *track = &receiver->tracks[i];
    if (has_mid && (mid.left != track->mid_length || memcmp(mid.at, track->mid, mid.left) != 0)) continue;
    if (!track_takes(track, header->payload_type)) continue;
    remember(receiver, header->ssrc, track);
    return track;
  }
  return NULL;
}

static Track *known(const Receiver *receiver, uint32_t ssrc) {
  for (size_t i = 0; i < receiver->source_count; i++) {
    if (receiver->sources[i].ssrc == ssrc) return receiver->sources[i].track;
  }
  return NULL;
}

void receiver_rtp(Receiver *receiver, const uint8_t *bytes, size_t length, double arrival, double now) {
  RtpHeader header;
  if (!rtp_parse(bytes, length, &header)) return;
  receiver->last_ssrc = header.ssrc;
  if (receiver->report_at == INFINITY) receiver->report_at = now + FIRST_REPORT_MS;
  uint8_t id = receiver->settings.transport_cc_extension;
  uint16_t sequence;
  if (id != 0 && rtp_number(&header, id, &sequence)) feedback_record(&receiver->feedback, sequence, arrival);
  Track *track = known(receiver, header.ssrc);
  if (track == NULL || !track_takes(track, header.payload_type)) track = assign(receiver, &header);
  if (track == NULL) return;
  receiver->bytes += length;
  track_packet(track, &header, arrival, now);
}

typedef struct {
  Receiver *receiver;
  double arrival;
} Reading;

static void answered(Receiver *receiver, const RtcpMessage *message, double arrival) {
  if (message->last_report == 0) return;
  int32_t units = (int32_t)(compact_ntp(receiver->settings.time_origin + arrival) - message->last_report - message->delay);
  double ms = (double)units * 1000 / 65536;
  // Clocks of both sides are read in steps: on a near network there may be less than nothing.
  if (ms > -1 && ms < MAX_ROUND_TRIP_MS) receiver->answered_ms = most(0, ms);
}

static void take_message(void *user, const RtcpMessage *message) {
  const Reading *reading = user;
  Receiver *receiver = reading->receiver;
  for (size_t i = 0; i < receiver->track_count; i++) {
    if (message->type == SENDER_REPORT) track_sender_report(&receiver->tracks[i], message, reading->arrival);
    if (message->type == BYE) track_bye(&receiver->tracks[i], message->ssrc);
  }
  if (message->type == REFERENCE_ANSWER && message->ssrc == receiver->settings.ssrc) answered(receiver, message, reading->arrival);
}

void receiver_rtcp(Receiver *receiver, const uint8_t *bytes, size_t length, double arrival) {
  Reading reading = {receiver, arrival};
  rtcp_read(bytes, length, take_message, &reading);
}

// Browsers answer our reports. Of others we know only how long a packet took that we asked for.
static double round_trip_ms(const Receiver *receiver) {
  if (receiver->answered_ms != INFINITY) return receiver->answered_ms;
  double shortest = INFINITY;
  for (size_t i = 0; i < receiver->track_count; i++) shortest = least(shortest, receiver->tracks[i].buffer.round_trip_ms);
  return shortest;
}

static void write_report(Receiver *receiver, double now, Bytes *out) {
  ReportBlock blocks[MAX_TRACKS];
  size_t count = 0;
  for (size_t i = 0; i < receiver->track_count; i++) {
    Track *track = &receiver->tracks[i];
    // Nothing is said of a source of which nothing came since the last report (RFC 3550, 6.4).
    if (track->has_source && source_has_new_packets(&track->source)) blocks[count++] = source_block(&track->source, now);
  }
  rtcp_receiver_report(out, receiver->settings.ssrc, blocks, count);
  rtcp_source_description(out, receiver->settings.ssrc, receiver->cname);
  rtcp_reference_time(out, receiver->settings.ssrc, receiver->settings.time_origin + now);
}

static void write_requests(Receiver *receiver, double now, Bytes *out) {
  double round_trip = round_trip_ms(receiver);
  for (size_t i = 0; i < receiver->track_count; i++) {
    Track *track = &receiver->tracks[i];
    uint16_t sequences[MAX_MISSING];
    size_t count = buffer_work(&track->buffer, now, round_trip, sequences);
    for (size_t at = 0; at < count; at += MAX_ASKED) {
      size_t asked = count - at < MAX_ASKED ? count - at : MAX_ASKED;
      rtcp_generic_nack(out, receiver->settings.ssrc, track->has_source ? track->source.ssrc : 0, sequences + at, asked);
    }
  }
}

static void begin_compound(Receiver *receiver, bool has_report) {
  receiver->compound.length = 0;
  if (has_report || receiver->settings.reduced_size) return;
  rtcp_receiver_report(&receiver->compound, receiver->settings.ssrc, NULL, 0);
  rtcp_source_description(&receiver->compound, receiver->settings.ssrc, receiver->cname);
}

// As few compound packets as hold the messages. Each begins with a report, unless the publisher agreed to do without (RFC 5506).
static void send_messages(Receiver *receiver, bool begins_with_report) {
  Bytes *compound = &receiver->compound;
  begin_compound(receiver, begins_with_report);
  size_t filled = 0;
  Cursor rest = cursor_of(receiver->messages.data, receiver->messages.length);
  while (rest.left > 0) {
    Cursor head = rest;
    cursor_skip(&head, 2);
    Cursor message = cursor_part(&rest, 4 * ((size_t)cursor_u16(&head) + 1));
    if (filled > 0 && filled + message.left > MAX_RTCP_BYTES) {
      receiver->events.send(receiver->events.user, compound->data, compound->length);
      begin_compound(receiver, false);
      filled = 0;
    }
    bytes_add(compound, message.at, message.left);
    filled += message.left;
  }
  receiver->events.send(receiver->events.user, compound->data, compound->length);
}

void receiver_work(Receiver *receiver, double now) {
  Bytes *messages = &receiver->messages;
  messages->length = 0;
  bool is_report_due = receiver->report_at != INFINITY && now >= receiver->report_at - SOON_MS;
  if (is_report_due) {
    receiver->report_at = now + REPORT_MS;
    write_report(receiver, now, messages);
  }
  feedback_work(&receiver->feedback, receiver->settings.ssrc, receiver->last_ssrc, now, messages);
  write_requests(receiver, now, messages);
  if (messages->length > 0) send_messages(receiver, is_report_due);
}

double receiver_deadline(const Receiver *receiver) {
  double earliest = receiver->report_at;
  for (size_t i = 0; i < receiver->track_count; i++) earliest = least(earliest, receiver->tracks[i].buffer.due);
  return earliest;
}

bool receiver_request_keyframe(Receiver *receiver) {
  receiver->messages.length = 0;
  for (size_t i = 0; i < receiver->track_count; i++) {
    const Track *track = &receiver->tracks[i];
    if (track->is_video && track->has_source) rtcp_picture_loss(&receiver->messages, receiver->settings.ssrc, track->source.ssrc);
  }
  if (receiver->messages.length == 0) return false;
  send_messages(receiver, false);
  return true;
}

ReceiverFigures receiver_figures(const Receiver *receiver) {
  ReceiverFigures figures = {.jitter_ms = INFINITY, .round_trip_ms = round_trip_ms(receiver), .bytes = receiver->bytes, .last_arrival = -INFINITY};
  for (size_t i = 0; i < receiver->track_count; i++) {
    const Track *track = &receiver->tracks[i];
    figures.packets_lost += track_lost(track);
    figures.last_arrival = most(figures.last_arrival, track_last_arrival(track));
    figures.kept += track->look_back.count;
    figures.kept_bytes += track->look_back.bytes;
    figures.seen += track->seen_count;
    if (!track->has_source) continue;
    double jitter = source_jitter_ms(&track->source);
    figures.jitter_ms = figures.jitter_ms == INFINITY ? jitter : most(figures.jitter_ms, jitter);
  }
  return figures;
}
