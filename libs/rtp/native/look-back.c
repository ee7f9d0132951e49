#include "look-back.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define PLACES (MAX_KEPT + 1)

const KeptPacket *look_back_last(const LookBack *back) { return back->count > 0 ? back->packets[(back->first + back->count - 1) % PLACES] : NULL; }

const KeptPacket *look_back_first(const LookBack *back) { return back->count > 0 ? back->packets[back->first] : NULL; }

static bool is_too_much(const LookBack *back, double now) {
  return back->count > 0 && (back->count > MAX_KEPT || back->bytes > MAX_KEPT_BYTES || now - back->packets[back->first]->arrival > KEPT_MS);
}

void look_back_add(LookBack *back, const Format *format, const RtpHeader *header, double arrival) {
  const Cursor *payload = &header->payload;
  KeptPacket *packet = rtp_alloc(sizeof *packet + payload->left);
  packet->format = format;
  packet->header = *header;
  packet->arrival = arrival;
  if (payload->left > 0) memcpy(packet->bytes, payload->at, payload->left);
  packet->header.payload = cursor_of(packet->bytes, payload->left);
  packet->header.extension = cursor_of(NULL, 0);
  back->packets[(back->first + back->count++) % PLACES] = packet;
  back->bytes += payload->left;
  while (is_too_much(back, arrival)) free(look_back_take(back));
}

KeptPacket *look_back_take(LookBack *back) {
  if (back->count == 0) return NULL;
  KeptPacket *packet = back->packets[back->first];
  back->first = (back->first + 1) % PLACES;
  back->count -= 1;
  back->bytes -= packet->header.payload.left;
  return packet;
}

void look_back_clear(LookBack *back) {
  while (back->count > 0) free(look_back_take(back));
}
