// ICE of a server (RFC 8445, section 2.5: lite). It listens on host addresses, answers whoever knows the password of the session, and sends
// nothing to anybody else (paths.c): candidates of a peer are never looked at, so nobody can have packets sent to an address of their choice.
#include <arpa/inet.h>
#include <errno.h>

#include "transport.h"

// With sanitizers, what lies behind a datagram in the buffer is no part of it.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

// A flood on one socket leaves the others a turn.
#define MAX_PACKETS_PER_TURN 64
#define MAX_DATAGRAM 2048

// The credentials that the request was made with, or NULL.
static const Credentials *credentials_of(const Transport *transport, const StunMessage *request) {
  const Credentials *both[] = {&transport->offered, &transport->used};
  for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
    if (both[i]->ufrag[0] != '\0' && stun_is_for(request, both[i]->ufrag) && stun_is_signed(request, both[i]->pwd)) return both[i];
  }
  return NULL;
}

static void select_first(Transport *transport, gint path) {
  transport->paths[path].is_first = TRUE;
  transport->selected = path;
  dtls_begin(transport);
}

// RFC 8445, section 7.3. Who does not know the password gets no answer: with a wrong sender's address, it would go to somebody else.
static void answer_check(Transport *transport, const Path *path, const StunMessage *request, gsize size) {
  const Credentials *credentials = credentials_of(transport, request);
  if (credentials == NULL) {
    transport->strangers++;
    return;
  }
  transport->checks++;
  guint8 answer[STUN_MAX_ANSWER];
  gsize length = stun_answer(request, (const struct sockaddr *)&path->peer, credentials->pwd, request->is_controlled, answer);
  // A check has a priority and a role (section 7.1) and is longer.
  if (length > size) return;
  ice_send_on(transport, path, answer, length);
  gint at = ice_find_path(transport, path);
  if (at < 0 && request->is_controlled) return;
  if (at < 0) at = ice_add_path(transport, path);
  transport->paths[at].sent += length;
  if (request->is_controlled) return;
  transport->paths[at].asked = ++transport->last_asked;
  if (request->nominates) transport->nominated = at;
  // Some publishers (FFmpeg) never nominate: the first way is as good.
  if (transport->selected < 0) select_first(transport, at);
  // After a restart the earlier credentials count until the new way is chosen, so that a restart nobody uses ends nothing (section 9).
  gboolean is_new = credentials == &transport->offered;
  if (is_new && (request->nominates || transport->used.ufrag[0] == '\0')) {
    transport->used = transport->offered;
    transport->offered.ufrag[0] = '\0';
  }
}

// An answer to what was asked, once: anybody can send more of them.
static void tell_mapped(Transport *transport, guint index, const StunMessage *answer) {
  IceSocket *own = &transport->sockets[index];
  if (!own->is_asked || answer->mapped.ss_family == AF_UNSPEC || memcmp(answer->transaction, own->transaction, STUN_TRANSACTION_BYTES) != 0) return;
  own->is_asked = FALSE;
  char text[INET6_ADDRSTRLEN];
  const struct sockaddr_in *v4 = (const void *)&answer->mapped;
  const struct sockaddr_in6 *v6 = (const void *)&answer->mapped;
  gboolean is_v4 = v4->sin_family == AF_INET;
  if (inet_ntop(v4->sin_family, is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr, text, sizeof text) == NULL) return;
  Event *event = event_new(transport->state_id);
  event_add_string(event, "mapped");
  g_value_set_uint(event_add(event, G_TYPE_UINT), index);
  event_add_string(event, text);
  g_value_set_uint(event_add(event, G_TYPE_UINT), g_ntohs(is_v4 ? v4->sin_port : v6->sin6_port));
  event_post(event);
}

static void take_datagram(Transport *transport, Path *from, const guint8 *data, gsize length) {
  StunMessage message;
  gint known = ice_find_path(transport, from);
  if (known >= 0)
    transport->paths[known].received += length;
  else
    from->received = length;
  if (length > 0 && data[0] > 3) {
    if (known >= 0) transport_take(transport, (guint)known, data, length);
  } else if (stun_read(data, length, &message)) {
    if (message.kind == STUN_REQUEST)
      answer_check(transport, from, &message, length);
    else if (message.kind == STUN_SUCCESS)
      tell_mapped(transport, from->socket, &message);
  }
}

// On the thread of the sockets.
static gboolean on_readable(GSocket *socket, GIOCondition condition, gpointer user_data) {
  (void)condition;
  Transport *transport = user_data;
  gint fd = g_socket_get_fd(socket);
  guint8 data[MAX_DATAGRAM];
  g_mutex_lock(&transport->lock);
  guint index = 0;
  while (index < transport->socket_count && transport->sockets[index].socket != socket) index++;
  for (guint i = 0; i < MAX_PACKETS_PER_TURN && !transport->is_closed && index < transport->socket_count; i++) {
    Path path = {.socket = index, .length = sizeof path.peer};
    gssize length = recvfrom(fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&path.peer, &path.length);
    // An ICMP error of an earlier packet is reported once, and is no end.
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (length <= 0) continue;
    ASAN_POISON_MEMORY_REGION(data + length, sizeof data - (gsize)length);
    take_datagram(transport, &path, data, (gsize)length);
    ASAN_UNPOISON_MEMORY_REGION(data, sizeof data);
  }
  gboolean goes_on = !transport->is_closed;
  g_mutex_unlock(&transport->lock);
  return goes_on ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void ice_close(Transport *transport) {
  for (guint i = 0; i < transport->socket_count; i++) {
    g_source_destroy(transport->sockets[i].source);
    g_source_unref(transport->sockets[i].source);
    g_socket_close(transport->sockets[i].socket, NULL);
    g_object_unref(transport->sockets[i].socket);
  }
  transport->socket_count = 0;
}

// A socket on this address and a free port of the range; NULL when there is none.
static GSocket *bind_socket(GInetAddress *address, guint lowest, guint highest, gint receive_buffer) {
  GSocket *socket = g_socket_new(g_inet_address_get_family(address), G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, NULL);
  if (socket == NULL) return NULL;
  g_socket_set_blocking(socket, FALSE);
  g_socket_set_option(socket, SOL_SOCKET, SO_RCVBUF, receive_buffer, NULL);
  guint ports = lowest == 0 ? 1 : highest - lowest + 1, first = (guint)g_random_int_range(0, (gint)ports);
  for (guint i = 0; i < ports; i++) {
    g_autoptr(GSocketAddress) bound = g_inet_socket_address_new(address, (guint16)(lowest + (first + i) % ports));
    g_autoptr(GError) error = NULL;
    if (g_socket_bind(socket, bound, FALSE, &error)) return socket;
    // The address is not this machine's: no port will do.
    if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE)) break;
  }
  g_object_unref(socket);
  return NULL;
}

static void listen_on(Transport *transport, GSocket *socket) {
  IceSocket *own = &transport->sockets[transport->socket_count++];
  own->socket = socket;
  own->source = g_socket_create_source(socket, G_IO_IN, NULL);
  g_source_set_callback(own->source, G_SOURCE_FUNC(on_readable), g_object_ref(transport), g_object_unref);
  g_source_attach(own->source, transport_context());
}

// listenOn(transport, addresses, lowest port, highest port, receive buffer) -> [{address, port}]: those that could be had. Ports 0: any.
static napi_value listen_on_addresses(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  guint lowest = (guint)js_number(env, args[2]), highest = (guint)js_number(env, args[3]);
  uint32_t length = 0, count = 0;
  napi_get_array_length(env, args[1], &length);
  napi_value result;
  napi_create_array(env, &result);
  for (uint32_t i = 0; i < length && transport->socket_count < MAX_SOCKETS; i++) {
    napi_value item, entry;
    napi_get_element(env, args[1], i, &item);
    g_autofree char *text = js_string(env, item);
    g_autoptr(GInetAddress) address = text ? g_inet_address_new_from_string(text) : NULL;
    if (address == NULL) return throw_error(env, "\"%s\" is not an address", text);
    GSocket *socket = bind_socket(address, lowest, highest, (gint)js_number(env, args[4]));
    if (socket == NULL) continue;
    g_autoptr(GSocketAddress) bound = g_socket_get_local_address(socket, NULL);
    napi_create_object(env, &entry);
    set_named(env, entry, "address", to_js_string(env, text));
    set_named(env, entry, "port", to_js_number(env, g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound))));
    napi_set_element(env, result, count++, entry);
    g_mutex_lock(&transport->lock);
    listen_on(transport, socket);
    g_mutex_unlock(&transport->lock);
  }
  return result;
}

// setCredentials(transport, ufrag, pwd): ours. The first are those of the answer; later ones are of a restart.
static napi_value set_credentials(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  STRING(ufrag, 1);
  STRING(pwd, 2);
  if (ufrag == NULL || pwd == NULL || *ufrag == '\0' || strlen(ufrag) >= MAX_CREDENTIAL || strlen(pwd) >= MAX_CREDENTIAL) return throw_error(env, "ICE credentials are texts of 1 to 256 bytes");
  g_mutex_lock(&transport->lock);
  g_strlcpy(transport->offered.ufrag, ufrag, MAX_CREDENTIAL);
  g_strlcpy(transport->offered.pwd, pwd, MAX_CREDENTIAL);
  g_mutex_unlock(&transport->lock);
  return NULL;
}

// askStun(transport, transaction, address, port): asks from every socket of that family how it is seen; the state `mapped` tells.
static napi_value ask_stun(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  void *transaction;
  size_t size;
  STRING(text, 2);
  g_autoptr(GInetAddress) address = text ? g_inet_address_new_from_string(text) : NULL;
  if (address == NULL || napi_get_buffer_info(env, args[1], &transaction, &size) != napi_ok || size != STUN_TRANSACTION_BYTES) return throw_error(env, "askStun needs a transaction of 12 bytes and an address");
  g_autoptr(GSocketAddress) server = g_inet_socket_address_new(address, (guint16)js_number(env, args[3]));
  guint8 request[STUN_MAX_ANSWER];
  gsize length = stun_ask(transaction, request);
  g_mutex_lock(&transport->lock);
  for (guint i = 0; i < transport->socket_count; i++) {
    if (g_socket_get_family(transport->sockets[i].socket) != g_inet_address_get_family(address)) continue;
    memcpy(transport->sockets[i].transaction, transaction, STUN_TRANSACTION_BYTES);
    transport->sockets[i].is_asked = TRUE;
    g_socket_send_to(transport->sockets[i].socket, server, (const gchar *)request, length, NULL, NULL);
  }
  g_mutex_unlock(&transport->lock);
  return NULL;
}

// iceFigures(transport) -> {checks, strangers, socket, isSecured}: checks that came so far; the socket that the peer uses, -1 before any; whether media can be decrypted.
static napi_value ice_figures(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(object, 0, TRANSPORT_TYPE);
  Transport *transport = object;
  g_mutex_lock(&transport->lock);
  guint checks = transport->checks, strangers = transport->strangers;
  gboolean is_secured = transport->srtp != NULL;
  gint socket = transport->selected >= 0 ? (gint)transport->paths[transport->selected].socket : -1;
  g_mutex_unlock(&transport->lock);
  napi_value result;
  napi_create_object(env, &result);
  set_named(env, result, "checks", to_js_number(env, checks));
  set_named(env, result, "strangers", to_js_number(env, strangers));
  set_named(env, result, "socket", to_js_number(env, socket));
  set_named(env, result, "isSecured", to_js_bool(env, is_secured));
  return result;
}

void export_ice(napi_env env, napi_value exports) {
  export_function(env, exports, "listenOn", listen_on_addresses);
  export_function(env, exports, "setCredentials", set_credentials);
  export_function(env, exports, "askStun", ask_stun);
  export_function(env, exports, "iceFigures", ice_figures);
}
