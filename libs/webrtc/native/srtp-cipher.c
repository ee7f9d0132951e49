#include "srtp-cipher.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/srtp.h>
#include <string.h>

#define BLOCK 16
#define SHA1_BYTES 20

static const SrtpProfile PROFILES[] = {
    {.id = SRTP_AEAD_AES_128_GCM, .name = "SRTP_AEAD_AES_128_GCM", .key = 16, .salt = 12, .tag = 16, .is_gcm = TRUE},
    {.id = SRTP_AEAD_AES_256_GCM, .name = "SRTP_AEAD_AES_256_GCM", .key = 32, .salt = 12, .tag = 16, .is_gcm = TRUE},
    {.id = SRTP_AES128_CM_SHA1_80, .name = "SRTP_AES128_CM_SHA1_80", .key = 16, .salt = 14, .tag = 10},
};

const SrtpProfile *srtp_profile(guint id) {
  for (guint i = 0; i < G_N_ELEMENTS(PROFILES); i++) {
    if (PROFILES[i].id == id) return &PROFILES[i];
  }
  return NULL;
}

static const EVP_CIPHER *cipher_of(const SrtpProfile *profile, gboolean is_gcm) {
  if (profile->key == 32) return is_gcm ? EVP_aes_256_gcm() : EVP_aes_256_ctr();
  return is_gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr();
}

// The key stream (counter mode) of zeros is what is derived.
gboolean srtp_derive(const SrtpProfile *profile, const SrtpMaster *master, guint label, guint8 *derived, gsize length) {
  guint8 iv[BLOCK] = {0};
  memcpy(iv, master->salt, SRTP_MAX_SALT);
  iv[7] ^= (guint8)label;
  memset(derived, 0, length);
  int written;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  gboolean is_made = context != NULL && EVP_EncryptInit_ex(context, cipher_of(profile, FALSE), NULL, master->key, iv) == 1 &&
                     EVP_EncryptUpdate(context, derived, &written, derived, (int)length) == 1;
  EVP_CIPHER_CTX_free(context);
  return is_made;
}

static EVP_MAC_CTX *open_mac(const guint8 *key) {
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA1", 0), OSSL_PARAM_construct_end()};
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  EVP_MAC_CTX *context = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
  EVP_MAC_free(mac);
  if (context != NULL && EVP_MAC_init(context, key, SRTP_AUTH_KEY, parameters) == 1) return context;
  EVP_MAC_CTX_free(context);
  return NULL;
}

void srtp_keys_close(SrtpKeys *keys) {
  EVP_CIPHER_CTX_free(keys->cipher);
  EVP_MAC_CTX_free(keys->mac);
  OPENSSL_cleanse(keys, sizeof *keys);
}

gboolean srtp_keys_set(SrtpKeys *keys, const SrtpProfile *profile, const guint8 *key, const guint8 *auth, const guint8 *salt, gboolean is_encrypting) {
  *keys = (SrtpKeys){.tag = profile->tag, .cipher = EVP_CIPHER_CTX_new(), .mac = profile->is_gcm ? NULL : open_mac(auth)};
  memcpy(keys->salt, salt, profile->salt);
  if ((profile->is_gcm || keys->mac != NULL) && keys->cipher != NULL && EVP_CipherInit_ex(keys->cipher, cipher_of(profile, profile->is_gcm), NULL, key, NULL, is_encrypting) == 1) return TRUE;
  srtp_keys_close(keys);
  return FALSE;
}

gboolean srtp_keys_open(SrtpKeys *keys, const SrtpProfile *profile, const SrtpMaster *master, guint label, gboolean is_encrypting) {
  guint8 key[SRTP_MAX_KEY], auth[SRTP_AUTH_KEY], salt[SRTP_MAX_SALT];
  gboolean is_open = srtp_derive(profile, master, label, key, profile->key) && srtp_derive(profile, master, label + 1, auth, sizeof auth) &&
                     srtp_derive(profile, master, label + 2, salt, profile->salt) && srtp_keys_set(keys, profile, key, auth, salt, is_encrypting);
  OPENSSL_cleanse(key, sizeof key);
  OPENSSL_cleanse(auth, sizeof auth);
  OPENSSL_cleanse(salt, sizeof salt);
  return is_open;
}

// RFC 3711, section 4.1.1, and RFC 7714, sections 8.1 and 9.1: salt XOR source and index, which stand at 4 in counter mode and at 2 in GCM.
static void make_iv(const SrtpKeys *keys, const SrtpParts *parts, guint8 iv[BLOCK]) {
  memset(iv, 0, BLOCK);
  memcpy(iv, keys->salt, SRTP_MAX_SALT);
  guint at = keys->mac == NULL ? 2 : 4;
  for (guint i = 0; i < 4; i++) iv[at + i] ^= (guint8)(parts->ssrc >> (24 - 8 * i));
  for (guint i = 0; i < 6; i++) iv[at + 4 + i] ^= (guint8)(parts->index >> (40 - 8 * i));
}

static gboolean set_iv(const SrtpKeys *keys, const SrtpParts *parts) {
  guint8 iv[BLOCK];
  make_iv(keys, parts, iv);
  return EVP_CipherInit_ex(keys->cipher, NULL, NULL, NULL, iv, -1) == 1;
}

static gboolean crypt(const SrtpKeys *keys, const SrtpParts *parts, guint8 *out) {
  int written;
  return parts->body_length == 0 || EVP_CipherUpdate(keys->cipher, out, &written, parts->body, (int)parts->body_length) == 1;
}

static gboolean also_sign(const SrtpKeys *keys, const guint8 *data, gsize length) {
  int written;
  return length == 0 || EVP_CipherUpdate(keys->cipher, NULL, &written, data, (int)length) == 1;
}

// All but the tag, which is set before where it is to be checked.
static gboolean run_gcm(const SrtpKeys *keys, const SrtpParts *parts, guint8 *out) {
  guint8 rest[BLOCK];
  int written;
  return also_sign(keys, parts->head, parts->head_length) && also_sign(keys, parts->extra, parts->extra_length) && crypt(keys, parts, out) &&
         EVP_CipherFinal_ex(keys->cipher, rest, &written) == 1;
}

// HMAC-SHA1 over the encrypted packet (RFC 3711, section 4.2). Without a key, the one of before is used.
static gboolean sign(const SrtpKeys *keys, const SrtpParts *parts, const guint8 *encrypted, guint8 digest[SHA1_BYTES]) {
  gsize length;
  return EVP_MAC_init(keys->mac, NULL, 0, NULL) == 1 && EVP_MAC_update(keys->mac, parts->head, parts->head_length) == 1 &&
         EVP_MAC_update(keys->mac, encrypted, parts->body_length) == 1 && EVP_MAC_update(keys->mac, parts->extra, parts->extra_length) == 1 &&
         EVP_MAC_final(keys->mac, digest, &length, SHA1_BYTES) == 1;
}

gboolean srtp_open_parts(const SrtpKeys *keys, const SrtpParts *parts, const guint8 *tag, guint8 *plain) {
  if (keys->mac == NULL) {
    return set_iv(keys, parts) && EVP_CIPHER_CTX_ctrl(keys->cipher, EVP_CTRL_AEAD_SET_TAG, (int)keys->tag, (void *)tag) == 1 && run_gcm(keys, parts, plain);
  }
  guint8 digest[SHA1_BYTES];
  if (!sign(keys, parts, parts->body, digest) || CRYPTO_memcmp(digest, tag, keys->tag) != 0) return FALSE;
  return set_iv(keys, parts) && crypt(keys, parts, plain);
}

gboolean srtp_seal_parts(const SrtpKeys *keys, const SrtpParts *parts, guint8 *encrypted, guint8 *tag) {
  if (!set_iv(keys, parts)) return FALSE;
  if (keys->mac == NULL) return run_gcm(keys, parts, encrypted) && EVP_CIPHER_CTX_ctrl(keys->cipher, EVP_CTRL_AEAD_GET_TAG, (int)keys->tag, tag) == 1;
  guint8 digest[SHA1_BYTES];
  if (!crypt(keys, parts, encrypted) || !sign(keys, parts, encrypted, digest)) return FALSE;
  memcpy(tag, digest, keys->tag);
  return TRUE;
}
