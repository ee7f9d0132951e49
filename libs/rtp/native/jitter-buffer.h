// Puts the packets of one track in order. What comes in order goes out immediately; only what a later packet overtook is missing, and holds
// up what follows until it comes or is given up. Packets are known by numbers that do not wrap (source_take).
#pragma once

#include "types.h"

// More than this is an outage that no publisher mends in time (1.6 s of a usual stream), and not worth the load of asking.
#define MAX_MISSING 512
// A hostile publisher must not fill the memory: seconds of any usual stream.
#define MAX_HELD 2048
#define MAX_HELD_BYTES 4000000
// The first packets of a stream may have overtaken each other: before nothing is known to be missing, so many are awaited, or for so long.
#define FIRST_PACKETS 3
#define FIRST_PACKETS_MS 20
// That the round trip is taken from: those that a lost request delayed, or the network, must not stand for it.
#define ANSWERS 5
// Numbers from the oldest missing one to the highest: what is missing and held, and what one packet can add before some is given up.
#define PLACES 4096

typedef struct Held Held;

// One number's place: what is held there, or since when it is missing.
typedef struct {
  enum { EMPTY, MISSING, HELD } state;
  uint8_t requests;
  union {
    Held *held;
    // `asked_at`: of the first request; INFINITY before.
    struct {
      double noticed_at, asked_at, ask_at;
    };
  };
} Place;

typedef struct {
  void *user;
  void (*on_packet)(void *user, const Format *format, const OrderedPacket *packet);
  // So many were given up, between the packets before and after.
  void (*on_lost)(void *user, uint32_t count);
} BufferEvents;

typedef struct {
  BufferEvents events;
  // Lost packets may be asked for.
  bool nack;
  // How long the publisher took from the first request for a packet until it came, ms: the shortest of the last few; INFINITY before the first.
  double round_trip_ms;
  // When `buffer_work` has something to do: to ask for, or to give up. INFINITY while nothing is missing.
  double due;
  // The first packets are in order: there is a number that goes out next, the oldest missing one, or the one after the highest.
  bool has_next;
  int64_t next, highest;
  // Before that: when the first came (INFINITY: none has), and what came.
  double started_at;
  Held *first[FIRST_PACKETS];
  size_t first_count;
  size_t missing_count, held_count, held_bytes;
  double answers[ANSWERS];
  size_t answer_count;
  Place places[PLACES];
} JitterBuffer;

void buffer_init(JitterBuffer *buffer, BufferEvents events);
// Forgets everything that is held or missing, and begins again with the next packet.
void buffer_clear(JitterBuffer *buffer);
// False for what came before or comes too late.
bool buffer_wants(const JitterBuffer *buffer, int64_t number);
bool buffer_is_missing(const JitterBuffer *buffer, int64_t number);
// Takes a packet that the buffer wants. `is_answer`: the packet, if it was asked for, came for that.
void buffer_push(JitterBuffer *buffer, int64_t number, const Format *format, const OrderedPacket *packet, double now, bool is_answer);
// Gives up what has waited long enough. What must be asked for now, 16 bits each, oldest first, goes to `sequences` (room for MAX_MISSING): how many.
// `round_trip_ms`: INFINITY where it is unknown.
size_t buffer_work(JitterBuffer *buffer, double now, double round_trip_ms, uint16_t *sequences);
// Gives everything out that is held, and begins again with the next packet.
void buffer_flush(JitterBuffer *buffer);
