// Header of an RTP packet (RFC 3550, 5.1).
#pragma once

#include "cursor.h"

typedef struct {
  bool marker;
  // 7 bits.
  uint8_t payload_type;
  uint16_t sequence;
  uint32_t timestamp;
  // Synchronization source.
  uint32_t ssrc;
  // The elements of the header extension; empty where there is none of a form that we know.
  Cursor extension;
  // The elements have headers of two bytes (RFC 8285, 4.3), else of one (4.2).
  bool is_two_byte;
  // Before the padding.
  Cursor payload;
} RtpHeader;

// False for what is no RTP packet. The header refers to `bytes`.
bool rtp_parse(const uint8_t *bytes, size_t length, RtpHeader *header);
// What the header extension with this id holds; false where it is absent.
bool rtp_element(const RtpHeader *header, uint8_t id, Cursor *content);
// The number in the header extension with this id; false where it is absent or shorter than two bytes.
bool rtp_number(const RtpHeader *header, uint8_t id, uint16_t *number);
