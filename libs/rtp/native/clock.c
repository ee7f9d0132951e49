#include "clock.h"

#include <math.h>

#include "types.h"

// Where RTP time is further off than this from where arrivals say it should be, the sender set its clock to another time.
#define JUMP_MS 1000
// Packets that are so late were held up by the network if they now come closer: then they catch up. Otherwise RTP time stood still.
#define CATCHING_UP_MS 100
// An error halves in 7 s: 200 ppm of drift are followed 2 ms behind, and what is left of the network's jitter does not show.
#define FOLLOW_S 10
// Faster than this (ms per s) is no drift, and would be heard.
#define MAX_FOLLOW 5
// No network and no drift: the sender's RTP clock runs at another speed than it says. What is beyond this is followed within FAST_S, so that no
// track runs away from the others.
#define FAST_BEYOND_MS 200
#define FAST_S 1
// Sender reports are not exact: within this, two tracks are together.
#define TOLERATED_MS 2
// What they are further apart is mended within seconds, slower than audio can be moved unheard.
#define MEND_S 3
#define MAX_MEND 40
// A time that is so far back is wrong; the network may hold packets up for seconds.
#define MAX_LATE_MS 10000
// One that is so far ahead as well: nothing comes before it was sampled, but for what one track was moved to be with the other.
#define MAX_EARLY_MS 1500
#define SECONDS (WINDOW_S + 1)

static int32_t ticks_ahead(const TrackClock *clock, uint32_t timestamp) { return (int32_t)(timestamp - clock->timestamp); }

static double *second_at(TrackClock *clock, int64_t second) { return &clock->least_of_second[(second % SECONDS + SECONDS) % SECONDS]; }

static void measure(TrackClock *clock, double delay, double now) {
  int64_t second = (int64_t)floor(now / 1000);
  int64_t passed = second - clock->second < SECONDS ? second - clock->second : SECONDS;
  clock->second = second;
  for (int64_t i = 0; i < passed; i++) *second_at(clock, second - i) = INFINITY;
  *second_at(clock, second) = least(*second_at(clock, second), delay);
  if (delay < clock->least_delay) {
    clock->least_delay = delay;
  } else if (passed > 0) {
    clock->least_delay = INFINITY;
    for (size_t i = 0; i < SECONDS; i++) clock->least_delay = least(clock->least_delay, clock->least_of_second[i]);
  }
}

static void begin(TrackClock *clock, uint32_t timestamp, double clock_rate, double now) {
  clock_unalign(clock);
  clock->reported = NAN;
  clock->has_begun = true;
  clock->timestamp = timestamp;
  clock->ticks = 0;
  clock->clock_rate = clock_rate;
  clock->least_delay = now;
  clock->offset = now + clock->alignment_shift;
  for (size_t i = 0; i < SECONDS; i++) clock->least_of_second[i] = INFINITY;
  clock->is_late = false;
  clock->is_over = false;
  measure(clock, now, now);
}

// Late by more than a jump for a second, and coming no closer.
static bool is_late_for_good(TrackClock *clock, double delay, double now) {
  if (!clock->is_late || delay < clock->late_delay - CATCHING_UP_MS) {
    clock->is_late = true;
    clock->late_since = now;
    clock->late_delay = delay;
  }
  return now - clock->late_since > JUMP_MS;
}

void clock_observe(TrackClock *clock, uint32_t timestamp, double clock_rate, double now) {
  clock->last_arrival = now;
  if (!clock->has_begun || clock->is_over || clock_rate != clock->clock_rate) return begin(clock, timestamp, clock_rate, now);
  int32_t ahead = ticks_ahead(clock, timestamp);
  int64_t ticks = clock->ticks + ahead;
  double delay = now - (double)ticks * 1000 / clock_rate;
  if (delay < clock->least_delay - JUMP_MS) return begin(clock, timestamp, clock_rate, now);
  if (delay > clock->least_delay + JUMP_MS) {
    // Packets whose RTP time goes back so far do not come late: they are sent with another clock.
    if (-(double)ahead * 1000 / clock_rate > JUMP_MS || is_late_for_good(clock, delay, now)) return begin(clock, timestamp, clock_rate, now);
  } else {
    clock->is_late = false;
    measure(clock, delay, now);
  }
  // B-frames are sent after frames that are shown later.
  if (ahead > 0) {
    clock->timestamp = timestamp;
    clock->ticks = ticks;
  }
  sync_follow(clock->sync, now);
}

double clock_map(const TrackClock *clock, uint32_t timestamp, double now) {
  double time = clock_media_ms(clock, timestamp) + clock->offset;
  return most(now - MAX_LATE_MS, least(now + MAX_EARLY_MS, time));
}

double clock_media_ms(const TrackClock *clock, uint32_t timestamp) {
  if (!clock->has_begun) return 0;
  return (double)(clock->ticks + ticks_ahead(clock, timestamp)) * 1000 / clock->clock_rate;
}

void clock_reset(TrackClock *clock) { clock->is_over = true; }

// How fast an error is to be mended, ms per s.
static double limited(double error, double seconds, double limit) { return most(-limit, least(limit, error / seconds)); }

// What of an error is beyond what is tolerated.
static double beyond(double error, double tolerated) { return copysign(most(0, fabs(error) - tolerated), error); }

double clock_followed(double error, double seconds) {
  double excess = beyond(error, FAST_BEYOND_MS);
  return limited(error, FOLLOW_S, MAX_FOLLOW) * seconds + excess * least(1, seconds / FAST_S);
}

void clock_adjust(TrackClock *clock, double wall_clock_offset, double change, double seconds) {
  if (!clock->is_aligned || isnan(wall_clock_offset) || isnan(clock->ntp)) {
    clock->offset += clock_followed(clock->least_delay + clock->alignment_shift - clock->offset, seconds);
    return;
  }
  double error = clock->ntp + wall_clock_offset - change - clock->offset;
  clock->offset += change + limited(beyond(error, TOLERATED_MS), MEND_S, MAX_MEND) * seconds;
}

void clock_unalign(TrackClock *clock) {
  if (clock->is_aligned) clock->alignment_shift = most(-MAX_APART_MS, least(MAX_APART_MS, clock->offset - clock->least_delay));
  clock->is_aligned = false;
  clock->ntp = NAN;
}
