#include "rtcp-reader.h"

#define VERSION 2
enum { TYPE_SENDER_REPORT = 200, TYPE_BYE = 203, TYPE_EXTENDED_REPORT = 207 };
// A kind of XR block (RFC 3611, 4.5).
#define BLOCK_REFERENCE_ANSWER 5
#define SENDER_REPORT_BYTES 24

typedef struct {
  void (*take)(void *user, const RtcpMessage *message);
  void *user;
} Reader;

static void read_sender_report(const Reader *reader, Cursor packet) {
  if (packet.left < SENDER_REPORT_BYTES) return;
  RtcpMessage message = {.type = SENDER_REPORT, .ssrc = cursor_u32(&packet)};
  uint32_t seconds = cursor_u32(&packet), fraction = cursor_u32(&packet);
  message.ntp_ms = (double)seconds * 1000 + (double)fraction * 1000 / 4294967296.0;
  message.compact_ntp = seconds << 16 | fraction >> 16;
  message.timestamp = cursor_u32(&packet);
  reader->take(reader->user, &message);
}

static void read_bye(const Reader *reader, Cursor packet, unsigned count) {
  for (; count > 0 && packet.left >= 4; count--) {
    RtcpMessage message = {.type = BYE, .ssrc = cursor_u32(&packet)};
    reader->take(reader->user, &message);
  }
}

static void read_extended_report(const Reader *reader, Cursor packet) {
  // Of whom it is.
  cursor_skip(&packet, 4);
  while (packet.left >= 4) {
    uint8_t type = cursor_u8(&packet);
    cursor_skip(&packet, 1);
    Cursor block = cursor_part(&packet, 4 * (size_t)cursor_u16(&packet));
    if (block.is_short) return;
    while (type == BLOCK_REFERENCE_ANSWER && block.left >= 12) {
      RtcpMessage message = {.type = REFERENCE_ANSWER, .ssrc = cursor_u32(&block)};
      message.last_report = cursor_u32(&block);
      message.delay = cursor_u32(&block);
      reader->take(reader->user, &message);
    }
  }
}

void rtcp_read(const uint8_t *bytes, size_t length, void (*take)(void *user, const RtcpMessage *message), void *user) {
  Reader reader = {take, user};
  Cursor all = cursor_of(bytes, length);
  while (all.left >= 4) {
    uint8_t first = cursor_u8(&all), type = cursor_u8(&all);
    Cursor packet = cursor_part(&all, 4 * (size_t)cursor_u16(&all));
    if (first >> 6 != VERSION || packet.is_short) return;
    if (type == TYPE_SENDER_REPORT) read_sender_report(&reader, packet);
    if (type == TYPE_BYE) read_bye(&reader, packet, first & 0x1f);
    if (type == TYPE_EXTENDED_REPORT) read_extended_report(&reader, packet);
  }
}
