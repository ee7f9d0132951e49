// OpenSSL is the one inside Node.js, which gives its functions to addons: a library of the system would be a second one whose calls end up in the
// first all the same. It reads and writes datagrams by a BIO of ours, on the thread of the sockets, and never waits: what has to be sent again is
// so by a timer of that thread. What a peer can make it keep is bounded: one certificate message, ten messages ahead, a hundred records of keys to come.
#include "dtls.h"

#include <openssl/err.h>

#include "certificate.h"
#include "srtp.h"
#include "transport.h"

// Every way has room for so much (RFC 8831, section 5, for one).
#define MTU 1200
// Certificates that nobody else has signed are below 2 kB.
#define MAX_CERTIFICATES 16384
// What is not answered is sent again after so long, then after twice that, and so on. RFC 6347, section 4.2.4.1, wants a second, but a publisher
// that waits is worth more than some bytes; FFmpeg, for one, begins to listen just after our first record came.
#define FIRST_REPEAT_US 50000
#define LAST_REPEAT_US 4000000
// GCM first: it takes a quarter of the time.
#define PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"
// RFC 8827, section 6.5: forward secrecy, and AES in GCM mode, which all have. In CBC mode a forged record may end a session: OpenSSL takes one
// whose MAC is wrong (RFC 7366) for an error, not for a record of somebody else.
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"
#define EXPORTER "EXTRACTOR-dtls_srtp"

static SSL_CTX *context;
static BIO_METHOD *datagrams;
static char fingerprint[FINGERPRINT_TEXT];

const char *dtls_fingerprint(void) { return fingerprint; }

static int write_datagram(BIO *bio, const char *data, int length) {
  Transport *transport = BIO_get_data(bio);
  // What cannot be sent now is lost, as on a network.
  transport->dtls.is_sent = ice_send(transport, data, (gsize)length);
  return length;
}

static int read_datagram(BIO *bio, char *data, int size) {
  Dtls *dtls = &((Transport *)BIO_get_data(bio))->dtls;
  BIO_clear_retry_flags(bio);
  if (dtls->datagram == NULL) {
    BIO_set_retry_read(bio);
    return -1;
  }
  gsize length = MIN(dtls->datagram_length, (gsize)size);
  memcpy(data, dtls->datagram, length);
  dtls->datagram = NULL;
  return (int)length;
}

static long control_datagrams(BIO *bio, int command, long number, void *pointer) {
  (void)bio;
  (void)number;
  (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

// Called by OpenSSL while dtls_take runs.
static int verify(X509_STORE_CTX *store, void *data) {
  (void)data;
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  Dtls *dtls = &((Transport *)SSL_get_app_data(ssl))->dtls;
  if (certificate_is_one_of(X509_STORE_CTX_get0_cert(store), dtls->digests)) return 1;
  dtls->is_stranger = TRUE;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  return 0;
}

static guint next_repeat(SSL *ssl, guint last_us) {
  (void)ssl;
  return last_us == 0 ? FIRST_REPEAT_US : MIN(2 * last_us, LAST_REPEAT_US);
}

static gboolean set_up_context(void) {
  if (!SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) || !certificate_make(context, fingerprint)) return FALSE;
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_max_cert_list(context, MAX_CERTIFICATES);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  SSL_CTX_set_cert_verify_callback(context, verify, NULL);
  // This one answers with 0 when it worked.
  return SSL_CTX_set_cipher_list(context, CIPHERS) == 1 && SSL_CTX_set1_groups_list(context, GROUPS) == 1 && SSL_CTX_set_tlsext_use_srtp(context, PROFILES) == 0;
}

static gboolean set_up_datagrams(void) {
  datagrams = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
  return datagrams != NULL && BIO_meth_set_write(datagrams, write_datagram) == 1 && BIO_meth_set_read(datagrams, read_datagram) == 1 &&
         BIO_meth_set_ctrl(datagrams, control_datagrams) == 1;
}

const char *dtls_init(void) {
  if (OPENSSL_version_major() != OPENSSL_VERSION_MAJOR) return "it is another one than that of the headers that this addon was built with";
  context = SSL_CTX_new(DTLS_method());
  gboolean is_up = context != NULL && set_up_context() && set_up_datagrams();
  const char *reason = is_up ? NULL : ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return is_up ? NULL : reason != NULL ? reason : "it lacks something";
}

static void end(Transport *transport, const char *reason, const char *detail) {
  transport->dtls.state = DTLS_OVER;
  transport_hand_over(transport);
  Event *event = event_new(transport->state_id);
  event_add_string(event, reason);
  event_add_string(event, detail);
  event_post(event);
}

// After an error that OpenSSL cannot go on from.
static void fail(Transport *transport) {
  if (transport->dtls.is_stranger) return end(transport, "dtls_failed", "the publisher's certificate is not the one in its offer");
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  g_autofree char *detail = g_strdup_printf("the DTLS %s failed%s%s", transport->srtp == NULL ? "handshake" : "connection", reason ? ": " : "", reason ? reason : "");
  end(transport, "dtls_failed", detail);
}

// RFC 5764, section 4.2: keys and salts of the client and the server, by turns.
static Srtp *derive_srtp(SSL *ssl, const SrtpProfile *profile) {
  guint8 material[2 * (SRTP_MAX_KEY + SRTP_MAX_SALT)];
  gsize half = profile->key + profile->salt;
  if (SSL_export_keying_material(ssl, material, 2 * half, EXPORTER, sizeof EXPORTER - 1, NULL, 0, 0) != 1) return NULL;
  SrtpMaster masters[2] = {0};
  for (guint side = 0; side < 2; side++) {
    memcpy(masters[side].key, material + side * profile->key, profile->key);
    memcpy(masters[side].salt, material + 2 * profile->key + side * profile->salt, profile->salt);
  }
  Srtp *srtp = SSL_is_server(ssl) ? srtp_new(profile, &masters[0], &masters[1]) : srtp_new(profile, &masters[1], &masters[0]);
  OPENSSL_cleanse(material, sizeof material);
  OPENSSL_cleanse(masters, sizeof masters);
  return srtp;
}

static void make_keys(Transport *transport) {
  SSL *ssl = transport->dtls.ssl;
  const SRTP_PROTECTION_PROFILE *selected = SSL_get_selected_srtp_profile(ssl);
  const SrtpProfile *profile = selected ? srtp_profile((guint)selected->id) : NULL;
  transport->srtp = profile ? derive_srtp(ssl, profile) : NULL;
  if (transport->srtp != NULL)
    transport->dtls.state = DTLS_SECURED;
  else
    end(transport, "dtls_failed", "the DTLS handshake has brought no keys for SRTP");
}

// Of a result that is no success: whether OpenSSL only waits for more.
static gboolean goes_on(Transport *transport, int result) {
  Dtls *dtls = &transport->dtls;
  int error = SSL_get_error(dtls->ssl, result);
  if (error == SSL_ERROR_WANT_READ) return TRUE;
  if (error != SSL_ERROR_ZERO_RETURN) {
    fail(transport);
    return FALSE;
  }
  // RFC 5246, section 7.2.1: who hears it says it as well.
  if (dtls->state == DTLS_SECURED) SSL_shutdown(dtls->ssl);
  end(transport, "closed", "the publisher closed the connection");
  return FALSE;
}

static void set_timer(Dtls *dtls) {
  struct timeval left;
  gboolean is_set = dtls->state != DTLS_OVER && DTLSv1_get_timeout(dtls->ssl, &left) == 1;
  g_source_set_ready_time(dtls->timer, is_set ? g_get_monotonic_time() + left.tv_sec * G_USEC_PER_SEC + left.tv_usec : -1);
}

static void go_on(Transport *transport) {
  Dtls *dtls = &transport->dtls;
  ERR_clear_error();
  if (dtls->state == DTLS_HANDSHAKING) {
    int result = SSL_do_handshake(dtls->ssl);
    if (result == 1)
      make_keys(transport);
    else
      goes_on(transport, result);
  }
  // Nothing but alerts, and what the handshake has to repeat, is expected: data is thrown away.
  for (int result = 1; dtls->state == DTLS_SECURED && result > 0;) {
    char data[256];
    // SSL_get_error looks there first.
    ERR_clear_error();
    result = SSL_read(dtls->ssl, data, sizeof data);
    if (result <= 0 && !goes_on(transport, result)) break;
  }
  set_timer(dtls);
  ERR_clear_error();
}

void dtls_begin(Transport *transport) {
  Dtls *dtls = &transport->dtls;
  if (dtls->state != DTLS_NEW || SSL_is_server(dtls->ssl)) return;
  dtls->state = DTLS_HANDSHAKING;
  go_on(transport);
}

void dtls_take(Transport *transport, const guint8 *datagram, gsize length) {
  Dtls *dtls = &transport->dtls;
  if (dtls->state == DTLS_OVER) return;
  if (dtls->state == DTLS_NEW) dtls->state = DTLS_HANDSHAKING;
  dtls->datagram = datagram;
  dtls->datagram_length = length;
  go_on(transport);
  dtls->datagram = NULL;
}

static gboolean on_time(gpointer data) {
  Transport *transport = data;
  g_mutex_lock(&transport->lock);
  Dtls *dtls = &transport->dtls;
  if (!transport->is_closed && dtls->state != DTLS_OVER) {
    ERR_clear_error();
    if (DTLSv1_handle_timeout(dtls->ssl) < 0) fail(transport);
    set_timer(dtls);
    ERR_clear_error();
  }
  g_mutex_unlock(&transport->lock);
  return G_SOURCE_CONTINUE;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data) {
  (void)source;
  return callback(data);
}

gboolean dtls_open(Transport *transport, gboolean is_client, GPtrArray *digests) {
  static GSourceFuncs functions = {.dispatch = dispatch};
  Dtls *dtls = &transport->dtls;
  dtls->digests = digests;
  dtls->timer = g_source_new(&functions, sizeof(GSource));
  g_source_set_callback(dtls->timer, on_time, g_object_ref(transport), g_object_unref);
  g_source_attach(dtls->timer, transport_context());
  dtls->ssl = SSL_new(context);
  BIO *bio = BIO_new(datagrams);
  if (dtls->ssl == NULL || bio == NULL) {
    BIO_free(bio);
    return FALSE;
  }
  BIO_set_data(bio, transport);
  BIO_set_init(bio, 1);
  SSL_set_bio(dtls->ssl, bio, bio);
  SSL_set_app_data(dtls->ssl, transport);
  SSL_set_mtu(dtls->ssl, MTU);
  DTLS_set_timer_cb(dtls->ssl, next_repeat);
  if (is_client)
    SSL_set_connect_state(dtls->ssl);
  else
    SSL_set_accept_state(dtls->ssl);
  return TRUE;
}

gboolean dtls_say_goodbye(Transport *transport) {
  Dtls *dtls = &transport->dtls;
  if (dtls->state != DTLS_SECURED) return FALSE;
  dtls->state = DTLS_OVER;
  dtls->is_sent = FALSE;
  SSL_shutdown(dtls->ssl);
  ERR_clear_error();
  return dtls->is_sent;
}

void dtls_close(Transport *transport) {
  Dtls *dtls = &transport->dtls;
  dtls->state = DTLS_OVER;
  if (dtls->timer != NULL) {
    g_source_destroy(dtls->timer);
    g_clear_pointer(&dtls->timer, g_source_unref);
  }
  g_clear_pointer(&dtls->ssl, SSL_free);
  g_clear_pointer(&dtls->digests, g_ptr_array_unref);
  ERR_clear_error();
}
