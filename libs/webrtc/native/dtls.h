// The handshake of a session (RFC 6347, RFC 5764) by OpenSSL, over the datagrams of its transport; dtls.c says how.
#pragma once

#include <glib.h>
#include <openssl/ssl.h>

typedef struct _Transport Transport;

typedef enum { DTLS_NEW, DTLS_HANDSHAKING, DTLS_SECURED, DTLS_OVER } DtlsState;

typedef struct {
  SSL *ssl;
  DtlsState state;
  // What may be the fingerprint of the peer's certificate (GBytes).
  GPtrArray *digests;
  // Sends again what is not answered.
  GSource *timer;
  // A datagram that OpenSSL has not read yet.
  const guint8 *datagram;
  gsize datagram_length;
  // What was sent last has gone out.
  gboolean is_sent;
  gboolean is_stranger;
} Dtls;

// Makes the certificate of this process; before all others. NULL, or what did not work.
const char *dtls_init(void);
const char *dtls_fingerprint(void);
// `digests` becomes its own. False: OpenSSL could not. The others need the transport locked.
gboolean dtls_open(Transport *transport, gboolean is_client, GPtrArray *digests);
// There is a way to the peer: a client's handshake begins.
void dtls_begin(Transport *transport);
// DTLS records came. Once the handshake is done, the transport has its SRTP.
void dtls_take(Transport *transport, const guint8 *datagram, gsize length);
// Tells the peer that nothing comes any more (close_notify). False: it was not sent, or there was nothing to be closed.
gboolean dtls_say_goodbye(Transport *transport);
void dtls_close(Transport *transport);
