// A publisher's transport: ICE (ice.c), SRTP (RFC 3711) by libsrtp with the keys of a DTLS handshake that GStreamer's elements make
// (RFC 5764). One thread serves the sockets of all transports, so that connectivity checks are answered whatever else is busy. It decrypts
// what comes and hands it over in batches: waking JavaScript costs more than a packet does.
#include "transport.h"

// Packets of a picture follow each other; so long after the first of a burst, the rest is waited for.
#define GATHER_US 3000
// A batch is handed over at the latest when it is as large.
#define MAX_BATCH 262144
#define MAX_WAITING_BYTES 8000000
// A picture with its audio.
#define USUAL_BATCH 16384
// What came before the keys did: the handshake's last step may be overtaken by the first media.
#define MAX_WAITING 64
// RFC 3711, 3.3.2: a packet that is sent again may be as far behind.
#define REPLAY_WINDOW 4096
#define KEY_BYTES SRTP_AES_ICM_128_KEY_LEN_WSALT

// Before each packet of a batch: its length and whether it is RTCP, 16 bits each; the lower 32 bits of the monotonic clock (us) when it came.
#define HEAD_BYTES 8

G_DEFINE_FINAL_TYPE(Transport, transport, G_TYPE_OBJECT)

static GMainContext *context;
// Transports that have a batch; touched by the thread of the sockets only.
static GQueue filled = G_QUEUE_INIT;

GMainContext *transport_context(void) { return context; }

static void transport_finalize(GObject *object) {
  Transport *transport = MANYCAST_TRANSPORT(object);
  if (transport->in) srtp_dealloc(transport->in);
  if (transport->out) srtp_dealloc(transport->out);
  g_queue_clear_full(&transport->waiting, (GDestroyNotify)g_bytes_unref);
  if (transport->batch) g_byte_array_unref(transport->batch);
  g_clear_object(&transport->dtls);
  g_mutex_clear(&transport->lock);
  G_OBJECT_CLASS(transport_parent_class)->finalize(object);
}

static void transport_class_init(TransportClass *class) { G_OBJECT_CLASS(class)->finalize = transport_finalize; }

static void transport_init(Transport *transport) {
  g_mutex_init(&transport->lock);
  g_queue_init(&transport->waiting);
  transport->selected = transport->nominated = -1;
}

// Locked, as all that touches a batch.
static void hand_over(Transport *transport) {
  // JavaScript is seconds behind: what it cannot take is lost, as on a network.
  if (event_bytes_waiting() > MAX_WAITING_BYTES) {
    g_clear_pointer(&transport->batch, g_byte_array_unref);
    return;
  }
  Event *event = event_new(transport->packets_id);
  event->bytes = g_byte_array_free_to_bytes(g_steal_pointer(&transport->batch));
  event_post(event);
}

static gpointer serve(gpointer data) {
  (void)data;
  g_main_context_push_thread_default(context);
  for (;;) {
    g_main_context_iteration(context, TRUE);
    if (g_queue_is_empty(&filled)) continue;
    g_usleep(GATHER_US);
    // Not longer, for a flood has no end.
    gint64 until = g_get_monotonic_time() + GATHER_US;
    while (g_main_context_iteration(context, FALSE) && g_get_monotonic_time() < until) continue;
    for (Transport *transport; (transport = g_queue_pop_head(&filled)) != NULL; g_object_unref(transport)) {
      g_mutex_lock(&transport->lock);
      if (transport->batch != NULL && !transport->is_closed) hand_over(transport);
      g_mutex_unlock(&transport->lock);
    }
  }
  return NULL;
}

// RFC 5761, section 4: packet types of RTCP are those that no RTP payload type with its marker bit looks like.
static gboolean is_rtcp(const guint8 *packet) { return packet[1] >= 192 && packet[1] <= 223; }

static guint32 source_of(const guint8 *packet, gboolean rtcp) { return GST_READ_UINT32_BE(packet + (rtcp ? 4 : 8)); }

// A publisher that sends under ever new names must not fill the memory: who has been silent longest is forgotten.
static void remember_source(Transport *transport, guint32 source) {
  guint at = 0;
  while (at < transport->source_count && transport->sources[at] != source) at++;
  if (at == MAX_SOURCES) {
    srtp_remove_stream(transport->in, g_htonl(transport->sources[0]));
    at = 0;
  } else if (at == transport->source_count) {
    transport->source_count++;
  }
  memmove(&transport->sources[at], &transport->sources[at + 1], (transport->source_count - 1 - at) * sizeof source);
  transport->sources[transport->source_count - 1] = source;
}

// False: it is not the publisher's, or came before.
static gboolean take_media(Transport *transport, const guint8 *packet, guint length) {
  gboolean rtcp = is_rtcp(packet);
  // libsrtp reads the header by words.
  _Alignas(8) guint8 plain[MAX_PACKET];
  memcpy(plain, packet, length);
  int bytes = (int)length;
  srtp_err_status_t status = rtcp ? srtp_unprotect_rtcp(transport->in, plain, &bytes) : srtp_unprotect(transport->in, plain, &bytes);
  if (status != srtp_err_status_ok) return FALSE;
  remember_source(transport, source_of(packet, rtcp));
  if (transport->batch == NULL) {
    transport->batch = g_byte_array_sized_new(USUAL_BATCH);
    g_queue_push_tail(&filled, g_object_ref(transport));
  }
  GByteArray *batch = transport->batch;
  guint8 head[HEAD_BYTES];
  GST_WRITE_UINT16_BE(head, bytes);
  GST_WRITE_UINT16_BE(head + 2, rtcp);
  GST_WRITE_UINT32_BE(head + 4, (guint32)g_get_monotonic_time());
  g_byte_array_append(batch, head, sizeof head);
  g_byte_array_append(batch, plain, (guint)bytes);
  if (batch->len >= MAX_BATCH) hand_over(transport);
  return TRUE;
}

static void take_waiting(Transport *transport) {
  for (GBytes *bytes; (bytes = g_queue_pop_head(&transport->waiting)) != NULL; g_bytes_unref(bytes)) {
    gsize length;
    const guint8 *packet = g_bytes_get_data(bytes, &length);
    take_media(transport, packet, (guint)length);
  }
}

// What kind a packet is, its first byte says (RFC 7983).
void transport_take(Transport *transport, guint path, const guint8 *packet, gsize length) {
  if (length < 12) return;
  if (packet[0] >= 20 && packet[0] <= 63) {
    transport->records++;
    if (transport->in == NULL) ice_record_came(transport, path);
    gst_app_src_push_buffer(transport->dtls, gst_buffer_new_memdup(packet, length));
    return;
  }
  if (packet[0] < 128 || packet[0] > 191 || length > MAX_PACKET) return;
  if (transport->in != NULL) {
    take_waiting(transport);
    if (take_media(transport, packet, (guint)length)) ice_proven(transport, path);
  } else if (transport->waiting.length < MAX_WAITING) {
    g_queue_push_tail(&transport->waiting, g_bytes_new(packet, length));
  }
}

// makeTransport(dtls) -> transport: DTLS records go to this appsrc.
static napi_value make_transport(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(dtls, 0, GST_TYPE_APP_SRC);
  if (context == NULL) {
    srtp_err_status_t status = srtp_init();
    // So it answers whoever comes second: GStreamer's own plugin may have been before us.
    if (status != srtp_err_status_ok && status != srtp_err_status_bad_param) return throw_error(env, "libsrtp does not start: error %d", status);
    context = g_main_context_new();
    g_thread_unref(g_thread_new("ice", serve, NULL));
  }
  Transport *transport = g_object_new(TRANSPORT_TYPE, NULL);
  transport->dtls = gst_object_ref(dtls);
  return wrap_object(env, transport);
}

// subscribeTransport(transport, packets id, state id): batches of decrypted packets go to the first. The second hears `connected` once the peer has
// found a way, and `mapped` (socket, address, port) from a STUN server. To be called before there are sockets.
static napi_value subscribe_transport(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  transport->packets_id = (guint32)js_number(env, args[1]);
  transport->state_id = (guint32)js_number(env, args[2]);
  return NULL;
}

// closeTransport(transport): its sockets are closed, nothing is delivered any more.
static napi_value close_transport(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  g_mutex_lock(&transport->lock);
  transport->is_closed = TRUE;
  ice_close(transport);
  g_mutex_unlock(&transport->lock);
  return NULL;
}

static gboolean open_srtp(srtp_t *session, srtp_ssrc_type_t direction, guint8 *key, gboolean is_short) {
  srtp_policy_t policy = {.ssrc = {.type = direction}, .key = key, .window_size = REPLAY_WINDOW, .allow_repeat_tx = 1};
  if (is_short)
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
  else
    srtp_crypto_policy_set_rtp_default(&policy.rtp);
  srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
  return srtp_create(session, &policy) == srtp_err_status_ok;
}

// The master key of a direction. GStreamer 1.22 declares one of the properties as caps, and gives a buffer all the same.
static gboolean read_key(gpointer element, const char *property, guint8 *key) {
  GstMiniObject *value = NULL;
  g_object_get(element, property, &value, NULL);
  gboolean is_read = GST_IS_BUFFER(value) && gst_buffer_extract(GST_BUFFER(value), 0, key, KEY_BYTES) == KEY_BYTES;
  if (value != NULL) gst_mini_object_unref(value);
  return is_read;
}

// GstDtlsSrtpAuth
#define AUTH_HMAC_SHA1_32 1

// useKeys(transport, dtlsdec, dtlsenc): the handshake is done, media is decrypted from now on.
static napi_value use_keys(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(object, 0, TRANSPORT_TYPE);
  OBJECT(decoder, 1, GST_TYPE_ELEMENT);
  OBJECT(encoder, 2, GST_TYPE_ELEMENT);
  Transport *transport = object;
  guint8 in_key[KEY_BYTES], out_key[KEY_BYTES];
  guint auth = 0;
  srtp_t in = NULL, out = NULL;
  g_object_get(decoder, "srtp-auth", &auth, NULL);
  if (!read_key(decoder, "decoder-key", in_key) || !read_key(encoder, "encoder-key", out_key) ||
      !open_srtp(&in, ssrc_any_inbound, in_key, auth == AUTH_HMAC_SHA1_32) ||
      !open_srtp(&out, ssrc_any_outbound, out_key, auth == AUTH_HMAC_SHA1_32)) {
    if (in) srtp_dealloc(in);
    return throw_error(env, "the DTLS handshake has brought no keys for SRTP");
  }
  g_mutex_lock(&transport->lock);
  // A second handshake would begin both directions anew; there is none in WebRTC.
  if (transport->in == NULL) {
    transport->in = g_steal_pointer(&in);
    transport->out = g_steal_pointer(&out);
  }
  g_mutex_unlock(&transport->lock);
  if (in) srtp_dealloc(in);
  if (out) srtp_dealloc(out);
  return NULL;
}

// sendPacket(transport, data): as it is. False when there is no way to the peer (yet).
static napi_value send_packet(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  void *data;
  size_t size;
  if (napi_get_buffer_info(env, args[1], &data, &size) != napi_ok) return throw_error(env, "sendPacket needs a Buffer");
  g_mutex_lock(&transport->lock);
  gboolean is_sent = ice_send(transport, data, size);
  g_mutex_unlock(&transport->lock);
  return to_js_bool(env, is_sent);
}

// sendRtcp(transport, data): encrypted. False when there are no keys or no way to the peer.
static napi_value send_rtcp(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  void *data;
  size_t size;
  if (napi_get_buffer_info(env, args[1], &data, &size) != napi_ok || size > MAX_PACKET) return throw_error(env, "sendRtcp needs a Buffer of at most %d bytes", MAX_PACKET);
  _Alignas(8) guint8 packet[MAX_PACKET + SRTP_MAX_TRAILER_LEN + 4];
  memcpy(packet, data, size);
  int bytes = (int)size;
  g_mutex_lock(&transport->lock);
  gboolean is_sent = transport->out != NULL && srtp_protect_rtcp(transport->out, packet, &bytes) == srtp_err_status_ok && ice_send(transport, packet, (gsize)bytes);
  g_mutex_unlock(&transport->lock);
  return to_js_bool(env, is_sent);
}

void export_transport(napi_env env, napi_value exports) {
  export_function(env, exports, "makeTransport", make_transport);
  export_function(env, exports, "subscribeTransport", subscribe_transport);
  export_function(env, exports, "closeTransport", close_transport);
  export_function(env, exports, "useKeys", use_keys);
  export_function(env, exports, "sendPacket", send_packet);
  export_function(env, exports, "sendRtcp", send_rtcp);
}
