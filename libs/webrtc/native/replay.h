// The packets of one source that have come (RFC 3711, section 3.3): the index of the next one is guessed by its sequence number, and none is taken twice.
#pragma once

#include <glib.h>

// A packet that is sent again may be as far behind (section 3.3.2 wants 64 at least).
#define REPLAY_WINDOW 4096
// Of SRTP; one key protects no more packets (section 9.2).
#define SRTP_MAX_INDEX ((G_GUINT64_CONSTANT(1) << 48) - 1)

typedef struct {
  gboolean is_begun;
  // The highest index that came.
  guint64 top;
  // A bit for each index from top - REPLAY_WINDOW + 1 to top, at its number modulo REPLAY_WINDOW.
  guint64 seen[REPLAY_WINDOW / 64];
} Replay;

// The index with this sequence number that is closest to the highest one (section 3.3.1). False: it would be before the first or behind the last.
gboolean replay_guess(const Replay *replay, guint16 seq, guint64 *index);
// Whether it has not come yet and is not too far behind. A packet must be authentic before it is marked.
gboolean replay_is_new(const Replay *replay, guint64 index);
void replay_mark(Replay *replay, guint64 index);
