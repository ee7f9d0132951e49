#include "bytes.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST 256

void *rtp_alloc(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL) abort();
  return memory;
}

void bytes_free(Bytes *bytes) {
  free(bytes->data);
  *bytes = (Bytes){0};
}

// Room for so many more bytes, which count as there from now on.
static uint8_t *extend(Bytes *bytes, size_t length) {
  if (length > SIZE_MAX / 2 - bytes->length) abort();
  size_t needed = bytes->length + length;
  if (needed > bytes->capacity) {
    size_t capacity = bytes->capacity < SMALLEST ? SMALLEST : bytes->capacity;
    while (capacity < needed) capacity *= 2;
    uint8_t *data = realloc(bytes->data, capacity);
    if (data == NULL) abort();
    bytes->data = data;
    bytes->capacity = capacity;
  }
  uint8_t *room = bytes->data + bytes->length;
  bytes->length = needed;
  return room;
}

void bytes_add(Bytes *bytes, const void *data, size_t length) {
  if (length > 0) memcpy(extend(bytes, length), data, length);
}

void bytes_zeros(Bytes *bytes, size_t length) {
  if (length > 0) memset(extend(bytes, length), 0, length);
}

void bytes_u8(Bytes *bytes, uint8_t value) { *extend(bytes, 1) = value; }

void bytes_u16(Bytes *bytes, uint16_t value) {
  bytes_u8(bytes, (uint8_t)(value >> 8));
  bytes_u8(bytes, (uint8_t)value);
}

void bytes_u24(Bytes *bytes, uint32_t value) {
  bytes_u8(bytes, (uint8_t)(value >> 16));
  bytes_u16(bytes, (uint16_t)value);
}

void bytes_u32(Bytes *bytes, uint32_t value) {
  bytes_u16(bytes, (uint16_t)(value >> 16));
  bytes_u16(bytes, (uint16_t)value);
}
