#include "srtp.h"

#include <openssl/crypto.h>
#include <string.h>

#include "cursor.h"

// Sender's name and what stands before it: never encrypted (RFC 3711, section 3.4).
#define RTCP_HEAD 8
#define RTCP_INDEX 4
#define ENCRYPTED 0x80000000u
// RFC 3711, section 9.2: after as many packets a key must not be used any more.
#define MAX_RTCP_INDEX 0x7fffffffu

Srtp *srtp_new(const SrtpProfile *profile, const SrtpMaster *in, const SrtpMaster *out) {
  Srtp *srtp = g_new0(Srtp, 1);
  srtp->profile = profile;
  if (srtp_keys_open(&srtp->rtp_in, profile, in, SRTP_LABEL_RTP, FALSE) && srtp_keys_open(&srtp->rtcp_in, profile, in, SRTP_LABEL_RTCP, FALSE) &&
      srtp_keys_open(&srtp->rtcp_out, profile, out, SRTP_LABEL_RTCP, TRUE))
    return srtp;
  srtp_free(srtp);
  return NULL;
}

void srtp_free(Srtp *srtp) {
  srtp_keys_close(&srtp->rtp_in);
  srtp_keys_close(&srtp->rtcp_in);
  srtp_keys_close(&srtp->rtcp_out);
  g_free(srtp);
}

static SrtpSource *find_source(Srtp *srtp, guint32 ssrc) {
  for (guint i = 0; i < SRTP_MAX_SOURCES; i++) {
    if (srtp->sources[i].used != 0 && srtp->sources[i].ssrc == ssrc) return &srtp->sources[i];
  }
  return NULL;
}

// Of a packet that is authentic: others must not fill the places.
static SrtpSource *use_source(Srtp *srtp, guint32 ssrc) {
  SrtpSource *source = find_source(srtp, ssrc);
  if (source == NULL) {
    source = &srtp->sources[0];
    for (guint i = 1; i < SRTP_MAX_SOURCES; i++) {
      if (srtp->sources[i].used < source->used) source = &srtp->sources[i];
    }
    *source = (SrtpSource){.ssrc = ssrc};
  }
  source->used = ++srtp->packets;
  return source;
}

// RFC 3550, section 5.1. What stands behind the header is left in the cursor.
static gboolean read_rtp_header(Cursor *cursor, guint16 *seq, guint32 *ssrc) {
  guint8 first = cursor_u8(cursor);
  cursor_skip(cursor, 1);
  *seq = cursor_u16(cursor);
  cursor_skip(cursor, 4);
  *ssrc = cursor_u32(cursor);
  cursor_skip(cursor, 4u * (first & 0x0f));
  if (first & 0x10) {
    cursor_skip(cursor, 2);
    cursor_skip(cursor, 4u * cursor_u16(cursor));
  }
  return !cursor->is_over;
}

static void write_u32(guint8 *at, guint32 value) {
  for (guint i = 0; i < 4; i++) at[i] = (guint8)(value >> (24 - 8 * i));
}

static gssize open_packet(const SrtpKeys *keys, const SrtpParts *parts, const guint8 *tag, guint8 *plain) {
  if (!srtp_open_parts(keys, parts, tag, plain + parts->head_length)) return -1;
  memcpy(plain, parts->head, parts->head_length);
  return (gssize)(parts->head_length + parts->body_length);
}

gssize srtp_unprotect_rtp(Srtp *srtp, const guint8 *packet, gsize length, guint8 *plain) {
  static const Replay nothing;
  gsize tag = srtp->profile->tag;
  if (length < tag) return -1;
  Cursor cursor = cursor_of(packet, length - tag);
  guint16 seq;
  SrtpParts parts = {.head = packet};
  if (!read_rtp_header(&cursor, &seq, &parts.ssrc)) return -1;
  parts.body = cursor.at;
  parts.body_length = cursor.left;
  parts.head_length = length - tag - cursor.left;
  const SrtpSource *source = find_source(srtp, parts.ssrc);
  const Replay *replay = source ? &source->rtp : &nothing;
  if (!replay_guess(replay, seq, &parts.index) || !replay_is_new(replay, parts.index)) return -1;
  // In GCM the roll-over counter is part of the IV alone.
  parts.extra_length = srtp->profile->is_gcm ? 0 : sizeof parts.extra;
  write_u32(parts.extra, (guint32)(parts.index >> 16));
  gssize plain_length = open_packet(&srtp->rtp_in, &parts, packet + length - tag, plain);
  if (plain_length >= 0) replay_mark(&use_source(srtp, parts.ssrc)->rtp, parts.index);
  return plain_length;
}

// RFC 3711, section 3.4: the index, then the tag. RFC 7714, section 9.2: the tag, then the index. No MKI.
gssize srtp_unprotect_rtcp(Srtp *srtp, const guint8 *packet, gsize length, guint8 *plain) {
  gsize tag = srtp->profile->tag;
  if (length < RTCP_HEAD + RTCP_INDEX + tag) return -1;
  gsize covered = length - RTCP_INDEX - tag;
  gsize index_at = srtp->profile->is_gcm ? covered + tag : covered, tag_at = srtp->profile->is_gcm ? covered : covered + RTCP_INDEX;
  Cursor head = cursor_of(packet + 4, 4), trailer = cursor_of(packet + index_at, RTCP_INDEX);
  guint32 word = cursor_u32(&trailer);
  gsize head_length = word & ENCRYPTED ? RTCP_HEAD : covered;
  SrtpParts parts = {.ssrc = cursor_u32(&head),
                     .index = word & ~ENCRYPTED,
                     .head = packet,
                     .head_length = head_length,
                     .body = packet + head_length,
                     .body_length = covered - head_length,
                     .extra_length = sizeof parts.extra};
  write_u32(parts.extra, word);
  const SrtpSource *source = find_source(srtp, parts.ssrc);
  if (source != NULL && !replay_is_new(&source->rtcp, parts.index)) return -1;
  gssize plain_length = open_packet(&srtp->rtcp_in, &parts, packet + tag_at, plain);
  if (plain_length >= 0) replay_mark(&use_source(srtp, parts.ssrc)->rtcp, parts.index);
  return plain_length;
}

gssize srtp_protect_rtcp(Srtp *srtp, const guint8 *packet, gsize length, guint8 *protected) {
  if (length < RTCP_HEAD || srtp->rtcp_index >= MAX_RTCP_INDEX) return -1;
  Cursor head = cursor_of(packet + 4, 4);
  SrtpParts parts = {.ssrc = cursor_u32(&head),
                     .index = ++srtp->rtcp_index,
                     .head = packet,
                     .head_length = RTCP_HEAD,
                     .body = packet + RTCP_HEAD,
                     .body_length = length - RTCP_HEAD,
                     .extra_length = sizeof parts.extra};
  write_u32(parts.extra, (guint32)parts.index | ENCRYPTED);
  guint8 *trailer = protected + length, *tag = srtp->profile->is_gcm ? trailer : trailer + RTCP_INDEX;
  if (!srtp_seal_parts(&srtp->rtcp_out, &parts, protected + RTCP_HEAD, tag)) return -1;
  memcpy(protected, packet, RTCP_HEAD);
  memcpy(srtp->profile->is_gcm ? trailer + srtp->profile->tag : trailer, parts.extra, RTCP_INDEX);
  return (gssize)(length + RTCP_INDEX + srtp->profile->tag);
}
