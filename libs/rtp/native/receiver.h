// Receives the RTP of one publisher's session: puts its packets in order, has the lost ones sent again, and reports. It has no thread and no
// timer: the caller gives it what comes, calls `receiver_work` after that and when it is due, and gets what becomes of it by `events`.
#pragma once

#include "track.h"
#include "transport-feedback.h"

// Media sections of a session; libs/sdp accepts four.
#define MAX_TRACKS MAX_CLOCKS
// Codecs of all sections.
#define MAX_FORMATS 32
#define MAX_CNAME 64

typedef struct {
  // Of what we send; random.
  uint32_t ssrc;
  // Of this session only (RFC 7022, 4.2), up to MAX_CNAME ASCII characters.
  const char *cname;
  // Our clock's beginning, Unix time, ms.
  double time_origin;
  // Ids of the header extensions (RFC 8285); 0 where not negotiated.
  uint8_t mid_extension, transport_cc_extension;
  // Feedback without a report before it (RFC 5506) was negotiated.
  bool reduced_size;
} ReceiverSettings;

typedef struct {
  // What the network lost of all tracks, in total: expected minus received (RFC 3550, A.3). Retransmissions are packets of their own
  // (RFC 4588), so what was mended counts as well.
  int64_t packets_lost;
  // Of the track that has most (RFC 3550, A.8), ms; INFINITY before the first packet.
  double jitter_ms;
  // To the publisher and back, ms; INFINITY until it answered a report or sent a packet again.
  double round_trip_ms;
  // Of all RTP packets of the tracks, with headers and retransmissions, in total.
  uint64_t bytes;
  // Of the last packet of any track that was not sent again; -INFINITY before the first.
  double last_arrival;
  // What is held of packets not followed yet: how many, their bytes, and sources that are remembered.
  size_t kept, kept_bytes, seen;
} ReceiverFigures;

typedef struct Receiver Receiver;

Receiver *receiver_new(const ReceiverSettings *settings, const ReceiverEvents *events);
void receiver_free(Receiver *receiver);
// Frees the packets that it holds, which do not come any more; it may go on.
void receiver_clear(Receiver *receiver);
// One more codec of the section with this mid, which is a track from its first codec on. False where that would be too many.
bool receiver_add(Receiver *receiver, const char *mid, bool is_video, Format format);

// A decrypted RTP packet. `arrival`: when it came, for all that measures the network; `now`: when we see it, for our own deadlines.
void receiver_rtp(Receiver *receiver, const uint8_t *bytes, size_t length, double arrival, double now);
void receiver_rtcp(Receiver *receiver, const uint8_t *bytes, size_t length, double arrival);
// Sends what is due.
void receiver_work(Receiver *receiver, double now);
// When `receiver_work` has something to do at the latest; INFINITY: nothing.
double receiver_deadline(const Receiver *receiver);
// Asks for a key frame (PLI). False while no packet of a video track has come.
bool receiver_request_keyframe(Receiver *receiver);
ReceiverFigures receiver_figures(const Receiver *receiver);
