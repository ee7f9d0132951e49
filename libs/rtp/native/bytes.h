// Bytes of our own that grow at their end.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t *data;
  size_t length, capacity;
} Bytes;

// Memory of this size. There is always some: a process that gets none ends, as it does where JavaScript gets none.
void *rtp_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));

void bytes_free(Bytes *bytes);
void bytes_add(Bytes *bytes, const void *data, size_t length);
void bytes_zeros(Bytes *bytes, size_t length);
// In network order.
void bytes_u8(Bytes *bytes, uint8_t value);
void bytes_u16(Bytes *bytes, uint16_t value);
void bytes_u24(Bytes *bytes, uint32_t value);
void bytes_u32(Bytes *bytes, uint32_t value);
