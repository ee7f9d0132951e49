// One m-section's media: the source that sends it at present, its packets in order, its clock.
#pragma once

#include "clock.h"
#include "jitter-buffer.h"
#include "look-back.h"
#include "rtcp-reader.h"
#include "source.h"

// An id in a header extension of two-byte form is no longer (RFC 8285, 4.3).
#define MAX_MID 255
#define PAYLOAD_TYPES 128
// Sources whose first packets are remembered: a publisher with more of them at a time gets no better than one whose sources are all new.
#define MAX_SEEN 16

typedef struct {
  const ReceiverEvents *events;
  // Of the m-section (RFC 9143).
  char mid[MAX_MID + 1];
  size_t mid_length;
  bool is_video;
  // By payload type, and by that of the retransmissions; NULL: not of this track.
  const Format *formats[PAYLOAD_TYPES], *retransmitted[PAYLOAD_TYPES];
  // Of the latest packet.
  const Format *format;
  bool has_source;
  Source source;
  JitterBuffer buffer;
  TrackClock clock;
  LookBack look_back;
  // When the first packet of a source came, the oldest first; -INFINITY: it has been followed. Two more for a moment.
  struct {
    uint32_t ssrc;
    double at;
  } seen[MAX_SEEN + 2];
  size_t seen_count;
  int64_t lost_before;
} Track;

// The track stays where it is from now on.
void track_init(Track *track, const ReceiverEvents *events, LipSync *sync);
// Forgets the packets that it holds.
void track_clear(Track *track);
// One more codec of the section; the first is the one until a packet comes.
void track_add(Track *track, const Format *format);
bool track_takes(const Track *track, uint8_t payload_type);
void track_packet(Track *track, const RtpHeader *header, double arrival, double now);
void track_sender_report(Track *track, const RtcpMessage *report, double arrival);
void track_bye(Track *track, uint32_t ssrc);
// Of a packet that was not sent again; -INFINITY before the first.
double track_last_arrival(const Track *track);
// Expected minus received (RFC 3550, A.3), over all sources.
int64_t track_lost(const Track *track);
