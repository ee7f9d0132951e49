// SRTP of one session (RFC 3711, RFC 7714): packets of the peer decrypted, our RTCP encrypted. Not for several threads at once.
#pragma once

#include "replay.h"
#include "srtp-cipher.h"

// Sources whose state is kept; a publisher has four.
#define SRTP_MAX_SOURCES 16
// What protection adds to RTCP at most: a tag, and the index.
#define SRTP_MAX_TRAILER (SRTP_MAX_TAG + 4)

typedef struct {
  guint32 ssrc;
  // Grows with each packet of any source; 0: this place is free.
  guint64 used;
  Replay rtp, rtcp;
} SrtpSource;

typedef struct {
  const SrtpProfile *profile;
  SrtpKeys rtp_in, rtcp_in, rtcp_out;
  SrtpSource sources[SRTP_MAX_SOURCES];
  guint64 packets;
  // Of the RTCP packet that was sent last.
  guint32 rtcp_index;
} Srtp;

// NULL: OpenSSL lacks something.
Srtp *srtp_new(const SrtpProfile *profile, const SrtpMaster *in, const SrtpMaster *out);
void srtp_free(Srtp *srtp);
// Writes what was protected, and returns its length; `plain` has room for `length` bytes. -1: it is not the peer's, came before, or is too far behind.
// A new source takes the place of the one that is silent for longest.
gssize srtp_unprotect_rtp(Srtp *srtp, const guint8 *packet, gsize length, guint8 *plain);
gssize srtp_unprotect_rtcp(Srtp *srtp, const guint8 *packet, gsize length, guint8 *plain);
// `protected` has room for SRTP_MAX_TRAILER bytes more. -1: it is no RTCP packet, or these keys have protected as many as they may.
gssize srtp_protect_rtcp(Srtp *srtp, const guint8 *packet, gsize length, guint8 *protected);
