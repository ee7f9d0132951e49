// Where the decoding of a track can begin, as far as one packet shows it.
#include "entry-points.h"

// Types of NAL units (ITU-T H.264, table 7-1) and of packets (RFC 6184, 5.2).
enum { IDR_SLICE = 5, SPS = 7, PPS = 8, STAP_A = 24, FU_A = 28 };
// N of the aggregation header (RTP Payload Format For AV1, 4.4): a new coded video sequence begins.
#define NEW_SEQUENCE 0x08
// Of the payload descriptors of VP8 (RFC 7741) and VP9 (RFC 9628): more of it follows; a picture's number does.
#define MORE 0x80

static bool is_entry_nal(uint8_t header) {
  uint8_t type = header & 0x1f;
  return type == IDR_SLICE || type == SPS || type == PPS;
}

static bool is_h264_entry_point(Cursor payload) {
  uint8_t type = cursor_peek(&payload, 0) & 0x1f;
  // Only the fragment with the start bit begins a unit.
  if (type == FU_A) return (cursor_peek(&payload, 1) & 0x80) != 0 && is_entry_nal(cursor_peek(&payload, 1));
  if (type != STAP_A) return is_entry_nal(type);
  cursor_skip(&payload, 1);
  while (payload.left > 2) {
    uint16_t size = cursor_u16(&payload);
    if (is_entry_nal(cursor_peek(&payload, 0))) return true;
    cursor_skip(&payload, size);
  }
  return false;
}

// Of a picture's number: two bytes where its first bit is set.
static size_t number_bytes(const Cursor *payload, size_t at) { return cursor_peek(payload, at) & 0x80 ? 2 : 1; }

static bool begins_vp8_keyframe(Cursor payload) {
  uint8_t first = cursor_peek(&payload, 0);
  size_t at = 1;
  if (first & MORE) {
    uint8_t present = cursor_peek(&payload, at++);
    // I: the picture's number; L; T or K.
    if (present & 0x80) at += number_bytes(&payload, at);
    if (present & 0x40) at += 1;
    if (present & 0x30) at += 1;
  }
  // S: the start of a partition, and of the first (PID 0). P of the frame tag (RFC 6386, section 9.1): 0 for key frames.
  return (first & 0x17) == 0x10 && at < payload.left && (cursor_peek(&payload, at) & 1) == 0;
}

static bool begins_vp9_keyframe(Cursor payload) {
  // P: predicted from another frame; B: the start of a frame. Where layers are (L), the lowest spatial one begins a frame.
  uint8_t first = cursor_peek(&payload, 0);
  if ((first & 0x48) != 0x08) return false;
  if (!(first & 0x20)) return true;
  size_t at = 1;
  if (first & MORE) at += number_bytes(&payload, at);
  return at < payload.left && (cursor_peek(&payload, at) & 0x0e) == 0;
}

bool is_entry_point(Codec codec, Cursor payload) {
  switch (codec) {
    case CODEC_H264: return is_h264_entry_point(payload);
    case CODEC_VP8: return begins_vp8_keyframe(payload);
    case CODEC_VP9: return begins_vp9_keyframe(payload);
    case CODEC_AV1: return (cursor_peek(&payload, 0) & NEW_SEQUENCE) != 0;
    default: return false;
  }
}
