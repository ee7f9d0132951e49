// Tracks of one sender, put together by what its reports say.
#include <math.h>

#include "clock.h"
#include "types.h"

#define STEP_MS 20
// The share of a new report that is taken over: reports are not exact.
#define REPORT_SHARE 0.25
// A report that differs by more than this from the one before says that the sender's wall clock was set, or is wrong.
#define STEADY_MS 50
// An encoder that looks ahead is behind its source by so much at most: a report of another time is wrong.
#define MAX_REPORTED_MS 3000

void sync_init(LipSync *sync) { *sync = (LipSync){.wall_clock_offset = NAN, .followed_at = -INFINITY}; }

void sync_add(LipSync *sync, TrackClock *clock) {
  *clock = (TrackClock){.sync = sync, .ntp = NAN, .reported = NAN, .last_arrival = -INFINITY, .clock_rate = 1};
  if (sync->count < MAX_CLOCKS) sync->clocks[sync->count++] = clock;
}

// The sender's wall clock is another: the times stay until all tracks have been reported by that one.
static void forget(LipSync *sync) {
  for (size_t i = 0; i < sync->count; i++) clock_unalign(sync->clocks[i]);
  sync->wall_clock_offset = NAN;
}

// Puts the tracks together that have had a report, at the time of the one that takes longest to us: so each moves forward only, once.
// (A gap in the audio is filled with silence; going back would throw some away.)
static void align(LipSync *sync, double most_apart) {
  TrackClock *known[MAX_CLOCKS];
  size_t count = 0;
  bool is_any_aligned = false;
  for (size_t i = 0; i < sync->count; i++) {
    if (isnan(sync->clocks[i]->ntp)) continue;
    known[count++] = sync->clocks[i];
    is_any_aligned = is_any_aligned || sync->clocks[i]->is_aligned;
  }
  if (count < 2) return;
  double together = is_any_aligned && !isnan(sync->wall_clock_offset) ? sync->wall_clock_offset : -INFINITY;
  double offset = together;
  for (size_t i = 0; i < count; i++) {
    if (!known[i]->is_aligned) offset = most(offset, known[i]->offset - known[i]->ntp);
  }
  for (size_t i = 0; i < count; i++) {
    if (!(fabs(known[i]->ntp + offset - known[i]->least_delay) <= most_apart)) return;
  }
  for (size_t i = 0; i < count; i++) {
    known[i]->offset = known[i]->is_aligned ? known[i]->offset + offset - together : known[i]->ntp + offset;
    known[i]->is_aligned = true;
  }
  sync->wall_clock_offset = offset;
}

void sync_report(LipSync *sync, TrackClock *clock, double ntp_ms, uint32_t timestamp, double now) {
  if (!clock->has_begun || ntp_ms == 0) return;
  double media = clock_media_ms(clock, timestamp);
  if (fabs(media + clock->offset - now) > MAX_REPORTED_MS) return;
  double before = clock->reported;
  double ntp = ntp_ms - media;
  clock->reported = ntp;
  bool is_steady = !isnan(before) && fabs(ntp - before) <= STEADY_MS;
  if (!isnan(before) && !is_steady) return forget(sync);
  clock->ntp = isnan(clock->ntp) ? ntp : clock->ntp + (ntp - clock->ntp) * REPORT_SHARE;
  if (!clock->is_aligned) align(sync, is_steady ? MAX_APART_MS : APART_AT_ONCE_MS);
}

void sync_follow(LipSync *sync, double now) {
  double passed = now - sync->followed_at;
  if (passed < STEP_MS) return;
  sync->followed_at = now;
  double seconds = least(passed, 1000) / 1000;
  double change = 0;
  if (!isnan(sync->wall_clock_offset)) {
    double latest = -INFINITY;
    for (size_t i = 0; i < sync->count; i++) {
      const TrackClock *clock = sync->clocks[i];
      if (clock->is_aligned && !isnan(clock->ntp) && now - clock->last_arrival < WINDOW_S * 1000) latest = most(latest, clock->least_delay - clock->ntp);
    }
    if (latest != -INFINITY) change = clock_followed(latest - sync->wall_clock_offset, seconds);
    sync->wall_clock_offset += change;
  }
  for (size_t i = 0; i < sync->count; i++) {
    if (sync->clocks[i]->has_begun) clock_adjust(sync->clocks[i], sync->wall_clock_offset, change, seconds);
  }
}
