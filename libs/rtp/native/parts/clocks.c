#include <math.h>
#include <stdlib.h>

#include "../clock.h"
#include "../rtcp-writer.h"
#include "parts.h"

typedef struct {
  LipSync sync;
  TrackClock clocks[MAX_CLOCKS];
} Clocks;

static napi_value make_sync(napi_env env, napi_callback_info info) {
  (void)info;
  Clocks *clocks = rtp_alloc(sizeof *clocks);
  sync_init(&clocks->sync);
  return wrap(env, clocks, free);
}

// addTrack(sync): its place.
static napi_value add_track(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Clocks *clocks = wrapped_at(&arguments, 0);
  if (!arguments.ok || clocks->sync.count == MAX_CLOCKS) return NULL;
  size_t place = clocks->sync.count;
  sync_add(&clocks->sync, &clocks->clocks[place]);
  return to_number(env, (double)place);
}

static TrackClock *clock_at(Arguments *arguments) {
  Clocks *clocks = wrapped_at(arguments, 0);
  uint32_t place = wrapped(number_at(arguments, 1));
  arguments->ok = arguments->ok && place < clocks->sync.count;
  return arguments->ok ? &clocks->clocks[place] : NULL;
}

// observe(sync, track, timestamp, clock rate, now)
static napi_value observe(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  TrackClock *clock = clock_at(&arguments);
  uint32_t timestamp = wrapped(number_at(&arguments, 2));
  double clock_rate = number_at(&arguments, 3), now = number_at(&arguments, 4);
  if (arguments.ok) clock_observe(clock, timestamp, clock_rate, now);
  return NULL;
}

// map(sync, track, timestamp, now)
static napi_value map(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  const TrackClock *clock = clock_at(&arguments);
  uint32_t timestamp = wrapped(number_at(&arguments, 2));
  double now = number_at(&arguments, 3);
  return arguments.ok ? to_number(env, clock_map(clock, timestamp, now)) : NULL;
}

// resetClock(sync, track)
static napi_value reset_clock(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  TrackClock *clock = clock_at(&arguments);
  if (arguments.ok) clock_reset(clock);
  return NULL;
}

// report(sync, track, NTP ms, timestamp, now)
static napi_value report(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  TrackClock *clock = clock_at(&arguments);
  double ntp = 0;
  // Also what no time is.
  napi_get_value_double(env, arguments.values[2], &ntp);
  uint32_t timestamp = wrapped(number_at(&arguments, 3));
  double now = number_at(&arguments, 4);
  if (arguments.ok) sync_report(clock->sync, clock, ntp, timestamp, now);
  return NULL;
}

void export_clocks(napi_env env, napi_value exports) {
  export_function(env, exports, "makeSync", make_sync);
  export_function(env, exports, "addTrack", add_track);
  export_function(env, exports, "observe", observe);
  export_function(env, exports, "map", map);
  export_function(env, exports, "resetClock", reset_clock);
  export_function(env, exports, "report", report);
}
