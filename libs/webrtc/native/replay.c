#include "replay.h"

#include <string.h>

#define SEQUENCE 0x10000
#define HALF 0x8000

static guint64 word_of(guint64 index) { return index % REPLAY_WINDOW / 64; }
static guint64 bit_of(guint64 index) { return G_GUINT64_CONSTANT(1) << index % 64; }

gboolean replay_guess(const Replay *replay, guint16 seq, guint64 *index) {
  *index = seq;
  if (!replay->is_begun) return TRUE;
  guint16 highest = (guint16)replay->top;
  guint64 turn = replay->top - highest;
  if (highest < HALF && seq - highest > HALF) {
    if (turn == 0) return FALSE;
    turn -= SEQUENCE;
  } else if (highest >= HALF && highest - HALF > seq) {
    turn += SEQUENCE;
  }
  *index = turn + seq;
  return *index <= SRTP_MAX_INDEX;
}

gboolean replay_is_new(const Replay *replay, guint64 index) {
  if (!replay->is_begun || index > replay->top) return TRUE;
  return replay->top - index < REPLAY_WINDOW && (replay->seen[word_of(index)] & bit_of(index)) == 0;
}

void replay_mark(Replay *replay, guint64 index) {
  if (!replay->is_begun) {
    *replay = (Replay){.is_begun = TRUE, .top = index};
  } else if (index > replay->top) {
    if (index - replay->top >= REPLAY_WINDOW) memset(replay->seen, 0, sizeof replay->seen);
    else
      for (guint64 between = replay->top + 1; between <= index; between++) replay->seen[word_of(between)] &= ~bit_of(between);
    replay->top = index;
  }
  replay->seen[word_of(index)] |= bit_of(index);
}
