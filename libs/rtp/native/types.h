// What the parts of the receiver have in common. Times are ms of one clock that is never set; INFINITY stands for "never" or "not known".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Those whose packets show where decoding can begin.
typedef enum { CODEC_OTHER, CODEC_H264, CODEC_VP8, CODEC_VP9, CODEC_AV1 } Codec;

// One codec of a publisher's session, as offer and answer agreed on it.
typedef struct {
  // Its place among those of the receiver.
  uint8_t index;
  uint8_t payload_type;
  // Its lost packets can be sent again (RFC 4588), with a payload type of their own.
  bool has_rtx;
  uint8_t rtx_payload_type;
  // Lost packets may be asked for (RFC 4585).
  bool nack;
  Codec codec;
  // Hz.
  double clock_rate;
} Format;

// A packet in its place: those of one track come in the order in which they were sent, each once.
typedef struct {
  uint16_t sequence;
  uint32_t timestamp;
  bool marker;
  // When it was sampled, on our clock: smooth, and comparable between the tracks of a session.
  double time;
  // Without header, extensions and padding; valid during the call. Empty where a sender only probes its bandwidth.
  const uint8_t *payload;
  size_t length;
} OrderedPacket;

typedef struct {
  void *user;
  void (*on_packet)(void *user, const Format *format, const OrderedPacket *packet);
  // So many packets of this track were given up, between those that came before and after.
  void (*on_lost)(void *user, const Format *format, uint32_t count);
  // An RTCP packet for the publisher, still to be encrypted.
  void (*send)(void *user, const uint8_t *packet, size_t length);
} ReceiverEvents;

static inline double least(double a, double b) { return a < b ? a : b; }
static inline double most(double a, double b) { return a > b ? a : b; }
