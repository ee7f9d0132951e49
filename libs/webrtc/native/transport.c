// A publisher's transport: ICE (ice.c), and SRTP (srtp.c) with the keys of a DTLS handshake (dtls.c). One thread serves the sockets of all
// transports, so that connectivity checks are answered whatever else is busy. It decrypts what comes and hands it over in batches: waking
// JavaScript costs more than a packet does.
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
// A handshake with losses takes a few dozens. A session without keys is given up after seconds.
#define MAX_HANDSHAKE_RECORDS 1000

// Before each packet of a batch: its length and whether it is RTCP, 16 bits each; the lower 32 bits of the monotonic clock (us) when it came.
#define HEAD_BYTES 8

G_DEFINE_FINAL_TYPE(Transport, transport, G_TYPE_OBJECT)

static GMainContext *context;
// Serves the sockets, until its environment ends. NULL: not yet.
static GThread *thread;
static gint is_ending;
// Transports that have a batch; touched by the thread of the sockets only.
static GQueue filled = G_QUEUE_INIT;

GMainContext *transport_context(void) { return context; }

static void transport_finalize(GObject *object) {
  Transport *transport = MANYCAST_TRANSPORT(object);
  dtls_close(transport);
  g_clear_pointer(&transport->srtp, srtp_free);
  g_queue_clear_full(&transport->waiting, (GDestroyNotify)g_bytes_unref);
  if (transport->batch) g_byte_array_unref(transport->batch);
  g_mutex_clear(&transport->lock);
  G_OBJECT_CLASS(transport_parent_class)->finalize(object);
}

static void transport_class_init(TransportClass *class) { G_OBJECT_CLASS(class)->finalize = transport_finalize; }

static void transport_init(Transport *transport) {
  g_mutex_init(&transport->lock);
  g_queue_init(&transport->waiting);
  transport->selected = transport->nominated = -1;
}

void transport_hand_over(Transport *transport) {
  if (transport->batch == NULL) return;
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
  while (!g_atomic_int_get(&is_ending)) {
    g_main_context_iteration(context, TRUE);
    if (g_queue_is_empty(&filled)) continue;
    g_usleep(GATHER_US);
    // Not longer, for a flood has no end.
    gint64 until = g_get_monotonic_time() + GATHER_US;
    while (g_main_context_iteration(context, FALSE) && g_get_monotonic_time() < until) continue;
    for (Transport *transport; (transport = g_queue_pop_head(&filled)) != NULL; g_object_unref(transport)) {
      g_mutex_lock(&transport->lock);
      if (!transport->is_closed) transport_hand_over(transport);
      g_mutex_unlock(&transport->lock);
    }
  }
  return NULL;
}

// RFC 5761, section 4: packet types of RTCP are those that no RTP payload type with its marker bit looks like.
static gboolean is_rtcp(const guint8 *packet) { return packet[1] >= 192 && packet[1] <= 223; }

// False: it is not the publisher's, or came before.
static gboolean take_media(Transport *transport, const guint8 *packet, guint length) {
  gboolean rtcp = is_rtcp(packet);
  guint8 plain[MAX_PACKET];
  gssize bytes = rtcp ? srtp_unprotect_rtcp(transport->srtp, packet, length, plain) : srtp_unprotect_rtp(transport->srtp, packet, length, plain);
  if (bytes < 0) return FALSE;
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
  if (batch->len >= MAX_BATCH) transport_hand_over(transport);
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
    // Of each address, so that what somebody else sends takes nothing from the publisher.
    if (transport->srtp == NULL && transport->paths[path].records++ >= MAX_HANDSHAKE_RECORDS) return;
    if (transport->srtp == NULL) ice_record_came(transport, path);
    dtls_take(transport, packet, length);
    if (transport->srtp != NULL) take_waiting(transport);
    return;
  }
  if (packet[0] < 128 || packet[0] > 191 || length > MAX_PACKET) return;
  if (transport->srtp != NULL) {
    if (take_media(transport, packet, (guint)length)) ice_proven(transport, path);
  } else if (transport->waiting.length < MAX_WAITING) {
    g_queue_push_tail(&transport->waiting, g_bytes_new(packet, length));
  }
}

// When the environment ends, before its OpenSSL and what carries our events do.
static void stop(void *data) {
  (void)data;
  g_atomic_int_set(&is_ending, TRUE);
  g_main_context_wakeup(context);
  g_thread_join(g_steal_pointer(&thread));
}

// What all transports of the process share, once. False: thrown.
static gboolean start(napi_env env) {
  if (thread != NULL) return TRUE;
  const char *fault = dtls_init();
  if (fault != NULL) {
    throw_error(env, "OpenSSL does not start: %s", fault);
    return FALSE;
  }
  if (context == NULL) context = g_main_context_new();
  g_atomic_int_set(&is_ending, FALSE);
  thread = g_thread_new("ice", serve, NULL);
  napi_add_env_cleanup_hook(env, stop, NULL);
  return TRUE;
}

// Of an array of Buffers; NULL: thrown.
static GPtrArray *read_digests(napi_env env, napi_value array) {
  g_autoptr(GPtrArray) digests = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
  uint32_t count = 0;
  napi_get_array_length(env, array, &count);
  for (uint32_t i = 0; i < count; i++) {
    napi_value item;
    void *data;
    size_t size;
    if (napi_get_element(env, array, i, &item) != napi_ok || napi_get_buffer_info(env, item, &data, &size) != napi_ok) {
      throw_error(env, "makeTransport needs digests as Buffers");
      return NULL;
    }
    g_ptr_array_add(digests, g_bytes_new(data, size));
  }
  return g_steal_pointer(&digests);
}

// makeTransport(is client, digests) -> transport: whether our handshake begins, and what may be the fingerprint of the peer's certificate (dtls.h).
static napi_value make_transport(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  if (!start(env)) return NULL;
  GPtrArray *digests = read_digests(env, args[1]);
  if (digests == NULL) return NULL;
  Transport *transport = g_object_new(TRANSPORT_TYPE, NULL);
  if (dtls_open(transport, js_bool(env, args[0]), digests)) return wrap_object(env, transport);
  dtls_close(transport);
  g_object_unref(transport);
  return throw_error(env, "OpenSSL has no memory for a handshake");
}

// ownFingerprint() -> of the certificate that all transports of the process have: SHA-256 as SDP writes it.
static napi_value own_fingerprint(napi_env env, napi_callback_info info) {
  (void)info;
  return start(env) ? to_js_string(env, dtls_fingerprint()) : NULL;
}

// subscribeTransport(transport, packets id, state id): batches of decrypted packets go to the first. The second hears `mapped` (socket, address, port) from a
// STUN server, and `closed` or `dtls_failed` (detail) when nothing can come any more. To be called before there are sockets.
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
  dtls_close(transport);
  g_mutex_unlock(&transport->lock);
  return NULL;
}

// sayGoodbye(transport) -> whether the peer was told that nothing comes any more (a close_notify of DTLS).
static napi_value say_goodbye(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  g_mutex_lock(&transport->lock);
  gboolean is_told = dtls_say_goodbye(transport);
  g_mutex_unlock(&transport->lock);
  return to_js_bool(env, is_told);
}

// sendRtcp(transport, data): encrypted. False when there are no keys or no way to the peer.
static napi_value send_rtcp(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  void *data;
  size_t size;
  if (napi_get_buffer_info(env, args[1], &data, &size) != napi_ok || size > MAX_PACKET) return throw_error(env, "sendRtcp needs a Buffer of at most %d bytes", MAX_PACKET);
  guint8 packet[MAX_PACKET + SRTP_MAX_TRAILER];
  g_mutex_lock(&transport->lock);
  gssize bytes = transport->srtp == NULL ? -1 : srtp_protect_rtcp(transport->srtp, data, size, packet);
  gboolean is_sent = bytes > 0 && ice_send(transport, packet, (gsize)bytes);
  g_mutex_unlock(&transport->lock);
  return to_js_bool(env, is_sent);
}

void export_transport(napi_env env, napi_value exports) {
  export_function(env, exports, "makeTransport", make_transport);
  export_function(env, exports, "subscribeTransport", subscribe_transport);
  export_function(env, exports, "closeTransport", close_transport);
  export_function(env, exports, "ownFingerprint", own_fingerprint);
  export_function(env, exports, "sayGoodbye", say_goodbye);
  export_function(env, exports, "sendRtcp", send_rtcp);
}
