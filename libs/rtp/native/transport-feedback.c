#include "transport-feedback.h"

#include <math.h>

#include "rtcp-writer.h"

// What a sender's bandwidth estimate needs to follow the network; with what lies between two batches of packets, some 100 ms, as browsers do.
#define INTERVAL_MS 90
// Reported together, however fast they come.
#define MAX_PACKETS 250
// In one feedback packet, so that it fits the network's packets.
#define MAX_SYMBOLS 500
#define NOT_RECEIVED INT64_MIN
#define CYCLE 0x10000
// Arrival times are told in quarters of a millisecond, the first relative to a multiple of 64 ms.
#define TICKS_PER_MS 4
#define TICKS_PER_REFERENCE 256
// What a packet's status says of it (3.1.1).
enum { ABSENT, SMALL_DELTA, LARGE_DELTA };
#define MAX_SMALL_DELTA 0xff
#define MAX_LARGE_DELTA 0x7fff
// Kinds of chunks (3.1.3 and 3.1.4), and how many packets one tells of.
#define VECTOR_OF_BITS 0x8000
#define VECTOR_OF_PAIRS 0xc000
#define BITS 14
#define PAIRS 7

// Of the packets that one feedback tells of: the status of each, and the times of those that came.
typedef struct {
  uint8_t symbols[MAX_SYMBOLS];
  size_t symbol_count;
  int16_t deltas[MAX_SYMBOLS];
  size_t delta_count;
} Statuses;

void feedback_init(TransportFeedback *feedback) { *feedback = (TransportFeedback){.sent_at = -INFINITY}; }

static int64_t *arrival_of(TransportFeedback *feedback, int64_t number) { return &feedback->arrivals[(uint64_t)number % HISTORY]; }

static void begin(TransportFeedback *feedback, uint16_t sequence) {
  for (size_t i = 0; i < HISTORY; i++) feedback->arrivals[i] = NOT_RECEIVED;
  feedback->has_begun = true;
  feedback->highest = feedback->next = CYCLE + sequence;
}

// As JavaScript's Math.round.
static int64_t rounded(double value) {
  double above = ceil(value);
  return (int64_t)(above - 0.5 > value ? above - 1 : above);
}

void feedback_record(TransportFeedback *feedback, uint16_t sequence, double now) {
  if (!feedback->has_begun) begin(feedback, sequence);
  int64_t number = feedback->highest + (int16_t)(uint16_t)(sequence - (uint16_t)feedback->highest);
  if (number - feedback->highest >= HISTORY || feedback->highest - number >= HISTORY) {
    begin(feedback, sequence);
    number = feedback->highest;
  }
  for (int64_t each = feedback->highest + 1; each <= number; each++) *arrival_of(feedback, each) = NOT_RECEIVED;
  if (number > feedback->highest) feedback->highest = number;
  if (*arrival_of(feedback, number) != NOT_RECEIVED) return;
  *arrival_of(feedback, number) = rounded(now * TICKS_PER_MS);
  // One that was told to be absent: what follows it is told again.
  if (number < feedback->next) feedback->next = number;
  feedback->pending += 1;
}

static bool is_small(int64_t delta) { return delta >= 0 && delta <= MAX_SMALL_DELTA; }

// Towards less, as times before the clock's beginning need it.
static int64_t reference_of(int64_t arrival) { return (arrival - ((arrival % TICKS_PER_REFERENCE + TICKS_PER_REFERENCE) % TICKS_PER_REFERENCE)) / TICKS_PER_REFERENCE; }

// Of the packets from `next` on, as many as one feedback can tell of: times further apart than 8 s need another.
static void collect(TransportFeedback *feedback, Statuses *statuses) {
  bool has_before = false;
  int64_t before = 0;
  for (; feedback->next <= feedback->highest && statuses->symbol_count < MAX_SYMBOLS; feedback->next++) {
    int64_t arrival = *arrival_of(feedback, feedback->next);
    if (arrival == NOT_RECEIVED) {
      statuses->symbols[statuses->symbol_count++] = ABSENT;
      continue;
    }
    if (!has_before) {
      feedback->reference = reference_of(arrival);
      before = feedback->reference * TICKS_PER_REFERENCE;
      has_before = true;
    }
    int64_t delta = arrival - before;
    if (delta > MAX_LARGE_DELTA || delta < -MAX_LARGE_DELTA) return;
    statuses->symbols[statuses->symbol_count++] = is_small(delta) ? SMALL_DELTA : LARGE_DELTA;
    statuses->deltas[statuses->delta_count++] = (int16_t)delta;
    before = arrival;
  }
}

// One chunk of statuses from `at` on; where the next begins.
static size_t write_chunk(Bytes *content, const Statuses *statuses, size_t at) {
  const uint8_t *symbols = statuses->symbols;
  size_t count = statuses->symbol_count, run = at + 1;
  while (run < count && symbols[run] == symbols[at]) run++;
  bool fits_bits = true;
  for (size_t i = at; i < count && i < at + BITS; i++) fits_bits = fits_bits && symbols[i] != LARGE_DELTA;
  size_t most = fits_bits ? BITS : PAIRS;
  if (run == count || run - at >= most) {
    bytes_u16(content, (uint16_t)((unsigned)symbols[at] << 13 | (unsigned)(run - at)));
    return run;
  }
  unsigned chunk = fits_bits ? VECTOR_OF_BITS : VECTOR_OF_PAIRS, width = fits_bits ? 1 : 2;
  for (size_t i = 0; i < most && at + i < count; i++) chunk |= (unsigned)symbols[at + i] << (width * (most - 1 - i));
  bytes_u16(content, (uint16_t)chunk);
  return at + most;
}

static void write(TransportFeedback *feedback, uint32_t sender, uint32_t media, Bytes *out) {
  uint16_t base = (uint16_t)feedback->next;
  Statuses statuses = {.symbol_count = 0};
  collect(feedback, &statuses);
  Bytes content = {0};
  bytes_u16(&content, base);
  bytes_u16(&content, (uint16_t)statuses.symbol_count);
  bytes_u24(&content, (uint32_t)feedback->reference);
  bytes_u8(&content, feedback->count++);
  // The statuses as runs of equal ones, or as vectors of single ones where these tell more.
  for (size_t at = 0; at < statuses.symbol_count;) at = write_chunk(&content, &statuses, at);
  for (size_t i = 0; i < statuses.delta_count; i++) {
    if (is_small(statuses.deltas[i]))
      bytes_u8(&content, (uint8_t)statuses.deltas[i]);
    else
      bytes_u16(&content, (uint16_t)statuses.deltas[i]);
  }
  bytes_zeros(&content, (4 - content.length % 4) % 4);
  rtcp_transport_wide(out, sender, media, content.data, content.length);
  bytes_free(&content);
}

void feedback_work(TransportFeedback *feedback, uint32_t sender, uint32_t media, double now, Bytes *out) {
  if (feedback->pending == 0 || (now - feedback->sent_at < INTERVAL_MS && feedback->pending < MAX_PACKETS)) return;
  feedback->sent_at = now;
  feedback->pending = 0;
  if (feedback->next < feedback->highest - HISTORY + 1) feedback->next = feedback->highest - HISTORY + 1;
  while (feedback->next <= feedback->highest) write(feedback, sender, media, out);
}
