// Reads bytes that come from outside. Nothing behind the end is ever touched: a read that does not fit gives zeros, and the cursor stays over.
#pragma once

#include <glib.h>

typedef struct {
  const guint8 *at;
  gsize left;
  // More was asked for than there is.
  gboolean is_over;
} Cursor;

static inline Cursor cursor_of(const guint8 *data, gsize length) { return (Cursor){.at = data, .left = length}; }

// The next bytes, passed over; NULL: there are not so many.
static inline const guint8 *cursor_take(Cursor *cursor, gsize length) {
  if (cursor->is_over || length > cursor->left) {
    cursor->is_over = TRUE;
    return NULL;
  }
  const guint8 *taken = cursor->at;
  cursor->at += length;
  cursor->left -= length;
  return taken;
}

static inline void cursor_skip(Cursor *cursor, gsize length) { (void)cursor_take(cursor, length); }

static inline guint8 cursor_u8(Cursor *cursor) {
  const guint8 *at = cursor_take(cursor, 1);
  return at == NULL ? 0 : at[0];
}

// Of network byte order, as the next one.
static inline guint16 cursor_u16(Cursor *cursor) {
  const guint8 *at = cursor_take(cursor, 2);
  return at == NULL ? 0 : (guint16)(at[0] << 8 | at[1]);
}

static inline guint32 cursor_u32(Cursor *cursor) {
  guint32 high = cursor_u16(cursor);
  return high << 16 | cursor_u16(cursor);
}
