// The certificate of this process, and those of its peers (RFC 8122): nobody has signed them, their fingerprints stand in offer and answer.
#pragma once

#include <glib.h>
#include <openssl/ssl.h>

// SHA-256 as text, two digits a byte and a colon between.
#define FINGERPRINT_TEXT 96

// Makes a key and its certificate. False: OpenSSL could not.
gboolean certificate_make(SSL_CTX *context, char fingerprint[FINGERPRINT_TEXT]);
// Whether it has one of these digests (GBytes): of SHA-256, SHA-384 or SHA-512, which their lengths tell.
gboolean certificate_is_one_of(const X509 *certificate, const GPtrArray *digests);
