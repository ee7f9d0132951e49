// Tells a sender when each of its packets came, over all tracks, from which it knows how much the network carries
// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
#pragma once

#include <stdbool.h>

#include "bytes.h"

// Packets further back than this are forgotten, and a larger step in either direction is a new beginning.
#define HISTORY 1024

typedef struct {
  // Arrival of the last HISTORY packets, quarters of a ms.
  int64_t arrivals[HISTORY];
  // Numbers that do not wrap, and are never less than a cycle: what came before the first packet has one too.
  bool has_begun;
  int64_t highest;
  // The first packet that the next feedback tells of.
  int64_t next;
  unsigned pending;
  double sent_at;
  // Of the feedback packets.
  uint8_t count;
  int64_t reference;
} TransportFeedback;

void feedback_init(TransportFeedback *feedback);
// `sequence`: of the whole transport. `now`: ms.
void feedback_record(TransportFeedback *feedback, uint16_t sequence, double now);
// RTCP packets that tell what came since the last ones; none while it is too early, or nothing came.
void feedback_work(TransportFeedback *feedback, uint32_t sender, uint32_t media, double now, Bytes *out);
