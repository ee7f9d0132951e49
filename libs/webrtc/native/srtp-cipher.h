// The ciphers of SRTP (RFC 3711, sections 4.1 to 4.3; RFC 7714) by OpenSSL, for one packet whose parts and index are known.
#pragma once

#include <glib.h>
#include <openssl/evp.h>

#define SRTP_MAX_KEY 32
#define SRTP_MAX_SALT 14
#define SRTP_MAX_TAG 16
#define SRTP_AUTH_KEY 20

typedef struct {
  // As DTLS names it (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
  guint id;
  const char *name;
  guint key, salt, tag;
  gboolean is_gcm;
} SrtpProfile;

typedef struct {
  guint8 key[SRTP_MAX_KEY];
  // A shorter one ends with zeros (RFC 7714, section 11).
  guint8 salt[SRTP_MAX_SALT];
} SrtpMaster;

// What protects the packets of one direction and kind. Both contexts keep their key.
typedef struct {
  guint tag;
  guint8 salt[SRTP_MAX_SALT];
  EVP_CIPHER_CTX *cipher;
  // NULL with GCM.
  EVP_MAC_CTX *mac;
} SrtpKeys;

typedef struct {
  guint32 ssrc;
  // 48 bits of RTP, 31 of RTCP.
  guint64 index;
  // Signed, not encrypted.
  const guint8 *head;
  gsize head_length;
  const guint8 *body;
  gsize body_length;
  // Signed as if it stood behind them.
  guint8 extra[4];
  gsize extra_length;
} SrtpParts;

// The first of a key derivation's labels (RFC 3711, section 4.3.2): encryption, then authentication, then salt.
#define SRTP_LABEL_RTP 0
#define SRTP_LABEL_RTCP 3

// NULL: not known.
const SrtpProfile *srtp_profile(guint id);
// Section 4.3.1, without a key derivation rate.
gboolean srtp_derive(const SrtpProfile *profile, const SrtpMaster *master, guint label, guint8 *derived, gsize length);
// False, and nothing to be closed: OpenSSL lacks something.
gboolean srtp_keys_open(SrtpKeys *keys, const SrtpProfile *profile, const SrtpMaster *master, guint label, gboolean is_encrypting);
// The same with keys that are derived already; `auth` is not read with GCM.
gboolean srtp_keys_set(SrtpKeys *keys, const SrtpProfile *profile, const guint8 *key, const guint8 *auth, const guint8 *salt, gboolean is_encrypting);
void srtp_keys_close(SrtpKeys *keys);
// Decrypts the body. False: the tag is wrong; what `plain` has then means nothing.
gboolean srtp_open_parts(const SrtpKeys *keys, const SrtpParts *parts, const guint8 *tag, guint8 *plain);
// Encrypts the body, and makes the tag.
gboolean srtp_seal_parts(const SrtpKeys *keys, const SrtpParts *parts, guint8 *encrypted, guint8 *tag);
