#include <stdlib.h>

#include "../source.h"
#include "../transport-feedback.h"
#include "parts.h"

// makeSource(ssrc, sequence, now)
static napi_value make_source(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  uint32_t ssrc = wrapped(number_at(&arguments, 0)), sequence = wrapped(number_at(&arguments, 1));
  double now = number_at(&arguments, 2);
  if (!arguments.ok) return NULL;
  Source *source = rtp_alloc(sizeof *source);
  source_begin(source, ssrc, (uint16_t)sequence, now);
  return wrap(env, source, free);
}

// take(source, sequence, now): the number; undefined: it may belong to another beginning.
static napi_value take(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Source *source = wrapped_at(&arguments, 0);
  uint32_t sequence = wrapped(number_at(&arguments, 1));
  double now = number_at(&arguments, 2);
  int64_t number;
  return arguments.ok && source_take(source, (uint16_t)sequence, now, &number) ? to_number(env, (double)number) : NULL;
}

// measure(source, timestamp, now, clock rate)
static napi_value measure(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Source *source = wrapped_at(&arguments, 0);
  uint32_t timestamp = wrapped(number_at(&arguments, 1));
  double now = number_at(&arguments, 2), clock_rate = number_at(&arguments, 3);
  if (arguments.ok) source_measure(source, timestamp, now, clock_rate);
  return NULL;
}

// reported(source, compact NTP, now)
static napi_value reported(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Source *source = wrapped_at(&arguments, 0);
  uint32_t ntp = wrapped(number_at(&arguments, 1));
  double now = number_at(&arguments, 2);
  if (arguments.ok) source_reported(source, ntp, now);
  return NULL;
}

// beginAnew(source, sequence)
static napi_value begin_anew(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Source *source = wrapped_at(&arguments, 0);
  uint32_t sequence = wrapped(number_at(&arguments, 1));
  if (arguments.ok) source_begin_anew(source, (uint16_t)sequence);
  return NULL;
}

// block(source, now): the fields of ReportBlock, in their order.
static napi_value block(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Source *source = wrapped_at(&arguments, 0);
  double now = number_at(&arguments, 1);
  if (!arguments.ok) return NULL;
  ReportBlock found = source_block(source, now);
  double fields[] = {found.ssrc, found.fraction_lost, (double)found.cumulative_lost, found.highest, found.jitter, found.last_report, found.since_last_report};
  return to_numbers(env, fields, sizeof fields / sizeof *fields);
}

// state(source): has new packets, lost, jitter ms.
static napi_value state(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  const Source *source = wrapped_at(&arguments, 0);
  if (!arguments.ok) return NULL;
  return to_numbers(env, (double[]){source_has_new_packets(source), (double)source_lost(source), source_jitter_ms(source)}, 3);
}

static napi_value make_feedback(napi_env env, napi_callback_info info) {
  (void)info;
  TransportFeedback *feedback = rtp_alloc(sizeof *feedback);
  feedback_init(feedback);
  return wrap(env, feedback, free);
}

// record(feedback, sequence, now)
static napi_value record(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  TransportFeedback *feedback = wrapped_at(&arguments, 0);
  uint32_t sequence = wrapped(number_at(&arguments, 1));
  double now = number_at(&arguments, 2);
  if (arguments.ok) feedback_record(feedback, (uint16_t)sequence, now);
  return NULL;
}

// feedback(feedback, sender, media, now): RTCP packets, one after the other.
static napi_value work(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  TransportFeedback *feedback = wrapped_at(&arguments, 0);
  uint32_t sender = wrapped(number_at(&arguments, 1)), media = wrapped(number_at(&arguments, 2));
  double now = number_at(&arguments, 3);
  Bytes out = {0};
  if (!arguments.ok) return NULL;
  feedback_work(feedback, sender, media, now, &out);
  return to_buffer(env, &out);
}

void export_sources(napi_env env, napi_value exports) {
  export_function(env, exports, "makeSource", make_source);
  export_function(env, exports, "take", take);
  export_function(env, exports, "measure", measure);
  export_function(env, exports, "reported", reported);
  export_function(env, exports, "beginAnew", begin_anew);
  export_function(env, exports, "block", block);
  export_function(env, exports, "state", state);
  export_function(env, exports, "makeFeedback", make_feedback);
  export_function(env, exports, "record", record);
  export_function(env, exports, "feedback", work);
}
