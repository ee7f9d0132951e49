#include "jitter-buffer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "source.h"

// How long a lost packet may take to be sent again: time for three requests at a round trip of 100 ms.
#define JITTER_MS 400
// Where nothing can be sent again, only for those that were overtaken.
#define REORDER_MS 100
// A packet that was merely overtaken comes within this, as a rule, and need not be sent again.
#define PATIENCE_MS 15
// Between requests for the same packet: what the answer needs, and a little (at a round trip of 170 ms there is time for two); while it is
// unknown, that of a far publisher.
#define ASK_AGAIN_ROUND_TRIPS 1.1
#define ASK_AGAIN_BEYOND_MS 10
#define MIN_ASK_AGAIN_MS 40
#define UNKNOWN_ASK_AGAIN_MS 100
#define MAX_REQUESTS 10
#define NONE (-1)

// What becomes full holds at most one packet more, and may notice as many missing ones as are looked for at all.
_Static_assert(2 * MAX_MISSING + MAX_HELD + 2 <= PLACES, "every number between the oldest missing and the highest has its place");

struct Held {
  int64_t number;
  const Format *format;
  OrderedPacket packet;
  uint8_t payload[];
};

typedef enum { EVERYTHING, WAITED_LONG, TOO_MUCH } Reason;

static Held *copy_of(int64_t number, const Format *format, const OrderedPacket *packet) {
  Held *held = rtp_alloc(sizeof *held + packet->length);
  *held = (Held){.number = number, .format = format, .packet = *packet};
  if (packet->length > 0) memcpy(held->payload, packet->payload, packet->length);
  held->packet.payload = held->payload;
  return held;
}

static Place *place_of(JitterBuffer *buffer, int64_t number) { return &buffer->places[(uint64_t)number % PLACES]; }

// The next packet is the first one.
static void begin_again(JitterBuffer *buffer) {
  buffer->has_next = false;
  buffer->highest = NONE;
  buffer->started_at = INFINITY;
  buffer->due = INFINITY;
}

void buffer_init(JitterBuffer *buffer, BufferEvents events) {
  buffer->events = events;
  buffer->round_trip_ms = INFINITY;
  begin_again(buffer);
}

void buffer_clear(JitterBuffer *buffer) {
  for (size_t i = 0; i < buffer->first_count; i++) free(buffer->first[i]);
  buffer->first_count = 0;
  for (int64_t number = buffer->next; buffer->has_next && number <= buffer->highest; number++) {
    Place *place = place_of(buffer, number);
    if (place->state == HELD) free(place->held);
    place->state = EMPTY;
  }
  buffer->missing_count = buffer->held_count = buffer->held_bytes = 0;
  begin_again(buffer);
}

bool buffer_wants(const JitterBuffer *buffer, int64_t number) {
  for (size_t i = 0; i < buffer->first_count; i++) {
    if (buffer->first[i]->number == number) return false;
  }
  return !buffer->has_next || number > buffer->highest || buffer_is_missing(buffer, number);
}

bool buffer_is_missing(const JitterBuffer *buffer, int64_t number) {
  return buffer->has_next && number >= buffer->next && number <= buffer->highest && buffer->places[(uint64_t)number % PLACES].state == MISSING;
}

static void give_out(JitterBuffer *buffer, Held *held) {
  buffer->events.on_packet(buffer->events.user, held->format, &held->packet);
  free(held);
}

// Lets go of what waits for nothing any more.
static void release(JitterBuffer *buffer) {
  while (buffer->next <= buffer->highest) {
    Place *place = place_of(buffer, buffer->next);
    if (place->state != HELD) return;
    Held *held = place->held;
    place->state = EMPTY;
    buffer->held_count -= 1;
    buffer->held_bytes -= held->packet.length;
    buffer->next += 1;
    give_out(buffer, held);
  }
}

static bool is_full(const JitterBuffer *buffer) {
  return buffer->missing_count > MAX_MISSING || buffer->held_count > MAX_HELD || buffer->held_bytes > MAX_HELD_BYTES;
}

static bool is_over(const JitterBuffer *buffer, const Place *oldest, Reason reason, double now) {
  if (reason == WAITED_LONG) return now - oldest->noticed_at >= (buffer->nack ? JITTER_MS : REORDER_MS);
  return reason == EVERYTHING || is_full(buffer);
}

// Gives up missing packets, the oldest first; what they held up goes out.
static void give_up(JitterBuffer *buffer, Reason reason, double now) {
  uint32_t lost = 0;
  while (buffer->next <= buffer->highest) {
    Place *place = place_of(buffer, buffer->next);
    if (place->state != MISSING || !is_over(buffer, place, reason, now)) break;
    place->state = EMPTY;
    buffer->missing_count -= 1;
    buffer->next += 1;
    lost += 1;
    if (buffer->next > buffer->highest || place_of(buffer, buffer->next)->state != HELD) continue;
    buffer->events.on_lost(buffer->events.user, lost);
    lost = 0;
    release(buffer);
  }
  if (lost > 0) buffer->events.on_lost(buffer->events.user, lost);
}

// What lies before this packet, which is the latest, is missing.
static void notice(JitterBuffer *buffer, int64_t number, double now) {
  int64_t count = number - buffer->highest - 1;
  if (count == 0) return;
  if (count > MAX_MISSING) {
    give_up(buffer, EVERYTHING, now);
    buffer->next = number;
    buffer->events.on_lost(buffer->events.user, (uint32_t)count);
    return;
  }
  for (int64_t each = buffer->highest + 1; each < number; each++) {
    *place_of(buffer, each) = (Place){.state = MISSING, .noticed_at = now, .asked_at = INFINITY, .ask_at = now + PATIENCE_MS};
  }
  buffer->missing_count += (size_t)count;
  buffer->due = least(buffer->due, now + (buffer->nack ? PATIENCE_MS : REORDER_MS));
}

static void answered(JitterBuffer *buffer, double ms) {
  if (buffer->answer_count == ANSWERS) {
    memmove(buffer->answers, buffer->answers + 1, (ANSWERS - 1) * sizeof *buffer->answers);
    buffer->answer_count -= 1;
  }
  buffer->answers[buffer->answer_count++] = ms;
  buffer->round_trip_ms = INFINITY;
  for (size_t i = 0; i < buffer->answer_count; i++) buffer->round_trip_ms = least(buffer->round_trip_ms, buffer->answers[i]);
}

static void put(JitterBuffer *buffer, Held *held, double now, bool is_answer) {
  if (held->number > buffer->highest) {
    notice(buffer, held->number, now);
    buffer->highest = held->number;
  } else {
    if (!buffer_is_missing(buffer, held->number)) return free(held);
    const Place *place = place_of(buffer, held->number);
    if (is_answer && place->asked_at != INFINITY) answered(buffer, now - place->asked_at);
    buffer->missing_count -= 1;
  }
  Place *place = place_of(buffer, held->number);
  place->state = HELD;
  place->held = held;
  buffer->held_count += 1;
  buffer->held_bytes += held->packet.length;
  release(buffer);
  if (is_full(buffer)) give_up(buffer, TOO_MUCH, now);
  if (buffer->missing_count == 0) buffer->due = INFINITY;
}

static void begin(JitterBuffer *buffer, double now) {
  Held *first[FIRST_PACKETS];
  size_t count = buffer->first_count;
  for (size_t i = 0; i < count; i++) {
    size_t at = i;
    for (; at > 0 && first[at - 1]->number > buffer->first[i]->number; at--) first[at] = first[at - 1];
    first[at] = buffer->first[i];
  }
  buffer->first_count = 0;
  buffer->due = INFINITY;
  buffer->has_next = true;
  buffer->next = count > 0 ? first[0]->number : buffer->highest + 1;
  buffer->highest = buffer->next - 1;
  for (size_t i = 0; i < count; i++) put(buffer, first[i], now, false);
}

void buffer_push(JitterBuffer *buffer, int64_t number, const Format *format, const OrderedPacket *packet, double now, bool is_answer) {
  if (buffer->has_next && number == buffer->next && number > buffer->highest) {
    buffer->highest = number;
    buffer->next = number + 1;
    buffer->events.on_packet(buffer->events.user, format, packet);
    return;
  }
  if (buffer->highest != NONE && number - buffer->highest > MAX_JUMP) buffer_flush(buffer);
  Held *held = copy_of(number, format, packet);
  if (buffer->has_next) return put(buffer, held, now, is_answer);
  if (buffer->started_at == INFINITY) buffer->started_at = now;
  buffer->due = buffer->started_at + FIRST_PACKETS_MS;
  buffer->first[buffer->first_count++] = held;
  if (buffer->highest < number) buffer->highest = number;
  if (buffer->first_count == FIRST_PACKETS || now >= buffer->due) begin(buffer, now);
}

static size_t ask(JitterBuffer *buffer, double now, double round_trip_ms, uint16_t *sequences) {
  double patience = buffer->nack ? JITTER_MS : REORDER_MS;
  double again = round_trip_ms == INFINITY ? UNKNOWN_ASK_AGAIN_MS : most(MIN_ASK_AGAIN_MS, ASK_AGAIN_ROUND_TRIPS * round_trip_ms + ASK_AGAIN_BEYOND_MS);
  size_t count = 0;
  buffer->due = INFINITY;
  for (int64_t number = buffer->next; number <= buffer->highest; number++) {
    Place *place = place_of(buffer, number);
    if (place->state != MISSING) continue;
    if (buffer->nack && place->requests < MAX_REQUESTS && now >= place->ask_at && count < MAX_MISSING) {
      place->requests += 1;
      if (place->asked_at == INFINITY) place->asked_at = now;
      place->ask_at = now + again;
      sequences[count++] = (uint16_t)number;
    }
    double give_up_at = place->noticed_at + patience;
    buffer->due = least(buffer->due, buffer->nack && place->requests < MAX_REQUESTS ? least(place->ask_at, give_up_at) : give_up_at);
  }
  return count;
}

size_t buffer_work(JitterBuffer *buffer, double now, double round_trip_ms, uint16_t *sequences) {
  if (now < buffer->due) return 0;
  if (!buffer->has_next) begin(buffer, now);
  give_up(buffer, WAITED_LONG, now);
  return ask(buffer, now, round_trip_ms, sequences);
}

void buffer_flush(JitterBuffer *buffer) {
  if (!buffer->has_next) begin(buffer, buffer->started_at == INFINITY ? 0 : buffer->started_at);
  give_up(buffer, EVERYTHING, 0);
  begin_again(buffer);
}
