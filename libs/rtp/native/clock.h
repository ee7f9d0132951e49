// From the RTP times of a session's tracks to our clock: smooth, and the same for what was sampled at the same time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The least delay of so many seconds is what the network always takes; more would follow a drifting clock too late.
#define WINDOW_S 5
// A session has up to four.
#define MAX_CLOCKS 8

typedef struct LipSync LipSync;

// The clock of one track. What is not known is NAN.
typedef struct {
  LipSync *sync;
  // The sender's wall clock (NTP) minus its media time, ms; not known before a sender report that is believed.
  double ntp;
  // The same, as the last report had it.
  double reported;
  // The time is what the sender reports of both tracks say, else what the arrivals of this one say.
  bool is_aligned;
  // When it was aligned last, it was moved by so much, ms: that stays until it is again.
  double alignment_shift;
  // Our clock minus media time, ms: what times are mapped by.
  double offset;
  // The least that arrival minus media time was of late, ms: which `offset` follows.
  double least_delay;
  double last_arrival;
  // Of the latest RTP time, once a packet came. Media time is counted from the packet at which the clock began.
  bool has_begun;
  uint32_t timestamp;
  int64_t ticks;
  double clock_rate;
  // The least of each second.
  double least_of_second[WINDOW_S + 1];
  int64_t second;
  // Another source sends from now on.
  bool is_over;
  // What came later than ever, since when, and by how much.
  bool is_late;
  double late_since, late_delay;
} TrackClock;

// What the clocks of a session have in common: by the sender reports, the sender's wall clock, as it is on ours (RFC 3550, 6.4.1).
struct LipSync {
  TrackClock *clocks[MAX_CLOCKS];
  size_t count;
  // Our clock minus the sender's, ms; NAN until the tracks have been put together.
  double wall_clock_offset;
  double followed_at;
};

void sync_init(LipSync *sync);
// The clock must stay where it is as long as `sync` is used. Does nothing beyond MAX_CLOCKS: that clock is on its own.
void sync_add(LipSync *sync, TrackClock *clock);
// A sender report says what a track's RTP clock showed at a time of the sender's wall clock. Not all are right: those of GStreamer 1.22
// may run at twice the time. What differs from the report before is believed when the next one agrees. `ntp_ms`: 0 if it has none.
void sync_report(LipSync *sync, TrackClock *clock, double ntp_ms, uint32_t timestamp, double now);
// Lets the times follow the arrivals a little; the tracks that are together move together.
void sync_follow(LipSync *sync, double now);

// A packet came that is the first in its place: none that was overtaken or sent again. Must be told of a packet before its time is asked for.
void clock_observe(TrackClock *clock, uint32_t timestamp, double clock_rate, double now);
// When it was sampled, on our clock, ms.
double clock_map(const TrackClock *clock, uint32_t timestamp, double now);
// Since the clock began, ms.
double clock_media_ms(const TrackClock *clock, uint32_t timestamp);
// Another source sends this track from now on: its times have nothing to do with those before.
void clock_reset(TrackClock *clock);
// `wall_clock_offset`: our clock minus the sender's wall clock, and by how much that changed, ms.
void clock_adjust(TrackClock *clock, double wall_clock_offset, double change, double seconds);
// What the reports said is not valid any more.
void clock_unalign(TrackClock *clock);

// Tracks are not further apart than this on their way to us, as far as one report of each is to be believed; and as far as two are that agree.
#define APART_AT_ONCE_MS 200
#define MAX_APART_MS 1000
// How much of an error is mended in so many seconds, ms: what may be a drift slowly, so that it is not heard, what cannot be a drift immediately.
double clock_followed(double error, double seconds);
