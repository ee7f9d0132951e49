#include "packet.h"

#define FIXED_BYTES 12
#define VERSION 2
#define PADDING 0x20
#define EXTENSION 0x10
// What stands before the elements of a header extension (RFC 8285, 4.2 and 4.3; the last 4 bits of the latter are the application's).
#define ONE_BYTE_FORM 0xbede
#define TWO_BYTE_FORM 0x1000
// An element of the one-byte form with this id ends the extension (RFC 8285, 4.2).
#define STOP_ID 15

bool rtp_parse(const uint8_t *bytes, size_t length, RtpHeader *header) {
  const Cursor whole = cursor_of(bytes, length);
  Cursor all = whole;
  if (length < FIXED_BYTES) return false;
  uint8_t first = cursor_u8(&all);
  if (first >> 6 != VERSION) return false;
  uint8_t second = cursor_u8(&all);
  *header = (RtpHeader){.marker = second >= 0x80, .payload_type = second & 0x7f};
  header->sequence = cursor_u16(&all);
  header->timestamp = cursor_u32(&all);
  header->ssrc = cursor_u32(&all);
  // Contributing sources.
  cursor_skip(&all, 4 * (size_t)(first & 0x0f));
  if (first & EXTENSION) {
    uint16_t form = cursor_u16(&all);
    Cursor elements = cursor_part(&all, 4 * (size_t)cursor_u16(&all));
    header->is_two_byte = (form & 0xfff0) == TWO_BYTE_FORM;
    if (header->is_two_byte || form == ONE_BYTE_FORM) header->extension = elements;
  }
  // Its last byte says how long the padding is.
  size_t padding = first & PADDING ? cursor_peek(&whole, length - 1) : 0;
  if (all.is_short || padding > all.left) return false;
  header->payload = cursor_part(&all, all.left - padding);
  return true;
}

bool rtp_element(const RtpHeader *header, uint8_t id, Cursor *content) {
  size_t head = header->is_two_byte ? 2 : 1;
  for (Cursor rest = header->extension; rest.left >= head;) {
    uint8_t first = cursor_u8(&rest);
    uint8_t found = header->is_two_byte ? first : first >> 4;
    // Id 0 is one byte of padding between elements, whatever else is in that byte.
    if (found == 0) continue;
    if (!header->is_two_byte && found == STOP_ID) return false;
    size_t length = header->is_two_byte ? cursor_u8(&rest) : (size_t)(first & 0x0f) + 1;
    Cursor element = cursor_part(&rest, length);
    if (element.is_short) return false;
    if (found != id) continue;
    *content = element;
    return true;
  }
  return false;
}

bool rtp_number(const RtpHeader *header, uint8_t id, uint16_t *number) {
  Cursor content;
  if (!rtp_element(header, id, &content) || content.left < 2) return false;
  *number = cursor_u16(&content);
  return true;
}
