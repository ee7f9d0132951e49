#include "certificate.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>

// A clock that is a day behind ours makes no difference; a process may run for long.
#define BEFORE_SECONDS (-86400)
#define AFTER_SECONDS (86400L * 365)

static gboolean fill(X509 *certificate, EVP_PKEY *key) {
  guint64 serial;
  X509_NAME *name = X509_get_subject_name(certificate);
  return RAND_bytes((guint8 *)&serial, sizeof serial) == 1 && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), BEFORE_SECONDS) != NULL && X509_gmtime_adj(X509_getm_notAfter(certificate), AFTER_SECONDS) != NULL &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const guint8 *)"manycast", -1, -1, 0) == 1 && X509_set_issuer_name(certificate, name) == 1 &&
         X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) != 0;
}

static gboolean write_fingerprint(const X509 *certificate, char text[FINGERPRINT_TEXT]) {
  guint8 digest[EVP_MAX_MD_SIZE];
  guint length;
  if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1 || length * 3 > FINGERPRINT_TEXT) return FALSE;
  for (guint i = 0; i < length; i++) g_snprintf(text + 3 * i, 4, i + 1 < length ? "%02X:" : "%02X", digest[i]);
  return TRUE;
}

gboolean certificate_make(SSL_CTX *context, char fingerprint[FINGERPRINT_TEXT]) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  gboolean is_made = key != NULL && certificate != NULL && fill(certificate, key) && SSL_CTX_use_certificate(context, certificate) == 1 &&
                     SSL_CTX_use_PrivateKey(context, key) == 1 && write_fingerprint(certificate, fingerprint);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return is_made;
}

gboolean certificate_is_one_of(const X509 *certificate, const GPtrArray *digests) {
  const EVP_MD *hashes[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
  for (guint i = 0; i < G_N_ELEMENTS(hashes); i++) {
    guint8 digest[EVP_MAX_MD_SIZE];
    guint length;
    if (X509_digest(certificate, hashes[i], digest, &length) != 1) continue;
    for (guint j = 0; j < digests->len; j++) {
      gsize size;
      gconstpointer accepted = g_bytes_get_data(digests->pdata[j], &size);
      if (size == length && memcmp(accepted, digest, length) == 0) return TRUE;
    }
  }
  return FALSE;
}
