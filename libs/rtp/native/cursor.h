// Reads bytes that strangers sent. Nothing else in this library does: a cursor never reads beyond its end, and says when it was asked to.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const uint8_t *at;
  size_t left;
  // Something was asked for that is not there; what was read since is 0.
  bool is_short;
} Cursor;

static inline Cursor cursor_of(const uint8_t *bytes, size_t length) { return (Cursor){bytes, length, false}; }

// The next so many bytes, and goes behind them. Empty and short where there are fewer.
static inline Cursor cursor_part(Cursor *cursor, size_t length) {
  if (length > cursor->left) {
    *cursor = (Cursor){cursor->at, 0, true};
    return *cursor;
  }
  Cursor part = {cursor->at, length, false};
  cursor->at += length;
  cursor->left -= length;
  return part;
}

static inline void cursor_skip(Cursor *cursor, size_t length) { (void)cursor_part(cursor, length); }

// The byte so far ahead; 0 where there is none.
static inline uint8_t cursor_peek(const Cursor *cursor, size_t ahead) { return ahead < cursor->left ? cursor->at[ahead] : 0; }

static inline uint8_t cursor_u8(Cursor *cursor) {
  Cursor part = cursor_part(cursor, 1);
  return cursor_peek(&part, 0);
}

static inline uint16_t cursor_u16(Cursor *cursor) {
  Cursor part = cursor_part(cursor, 2);
  return (uint16_t)(cursor_peek(&part, 0) << 8 | cursor_peek(&part, 1));
}

static inline uint32_t cursor_u32(Cursor *cursor) {
  uint32_t high = cursor_u16(cursor);
  return high << 16 | cursor_u16(cursor);
}
