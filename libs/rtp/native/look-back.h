// Recent packets of a source not yet selected (or of a new beginning of the present one), replayed if it is.
#pragma once

#include "packet.h"
#include "types.h"

// What came longer ago belongs to no beginning that is still to be followed: twice the silence after which another source is.
#define KEPT_MS 400
// So much of a usual stream comes in that time several times over; a hostile publisher must not fill the memory.
#define MAX_KEPT 512
#define MAX_KEPT_BYTES 1000000

// A packet that is not followed yet.
typedef struct {
  const Format *format;
  // Refers to `bytes`, without extension.
  RtpHeader header;
  double arrival;
  uint8_t bytes[];
} KeptPacket;

typedef struct {
  // The oldest is at `first`; one more for a moment.
  KeptPacket *packets[MAX_KEPT + 1];
  size_t first, count, bytes;
} LookBack;

// The one kept last; NULL: none is.
const KeptPacket *look_back_last(const LookBack *back);
const KeptPacket *look_back_first(const LookBack *back);
// Keeps a copy; what is too much or too old is forgotten.
void look_back_add(LookBack *back, const Format *format, const RtpHeader *header, double arrival);
// The oldest, which is not kept any more: the caller frees it. NULL: none is.
KeptPacket *look_back_take(LookBack *back);
void look_back_clear(LookBack *back);
