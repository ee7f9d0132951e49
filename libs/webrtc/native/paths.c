// The addresses over which a peer has asked with the password (ice.c), and which of them we send to. Others may come to know that password, or repeat
// a check under another sender's address: so an address gets little until a packet came from it that only the peer can have encrypted, and once
// there are keys, we send where the last such packet came from.
#include <netinet/in.h>

#include "transport.h"

// Bytes that go to an address for one that came from it, until it is proven (RFC 9000, section 8.1).
#define MAX_RATIO 3
// What the first address of a session gets beyond that: a publisher that has asked once and then waits for our handshake (FFmpeg), needs some
// of its records twice. It is less than the request that began the session.
#define ALLOWANCE 1500

static gboolean same_address(const struct sockaddr *a, const struct sockaddr *b) {
  if (a->sa_family != b->sa_family) return FALSE;
  if (a->sa_family == AF_INET) {
    const struct sockaddr_in *one = (const void *)a, *other = (const void *)b;
    return one->sin_port == other->sin_port && one->sin_addr.s_addr == other->sin_addr.s_addr;
  }
  const struct sockaddr_in6 *one = (const void *)a, *other = (const void *)b;
  return one->sin6_port == other->sin6_port && one->sin6_scope_id == other->sin6_scope_id && memcmp(&one->sin6_addr, &other->sin6_addr, 16) == 0;
}

static gboolean same_path(const Path *a, const Path *b) {
  return a->socket == b->socket && same_address((const struct sockaddr *)&a->peer, (const struct sockaddr *)&b->peer);
}

gint ice_find_path(const Transport *transport, const Path *path) {
  for (gint i = (gint)transport->path_count - 1; i >= 0; i--) {
    if (same_path(&transport->paths[i], path)) return i;
  }
  return -1;
}

gint ice_add_path(Transport *transport, const Path *path) {
  gint at = transport->selected == 0 ? 1 : 0;
  if (transport->path_count < MAX_PATHS) {
    at = (gint)transport->path_count++;
  } else {
    for (gint i = at + 1; i < MAX_PATHS; i++) {
      if (i != transport->selected && transport->paths[i].asked < transport->paths[at].asked) at = i;
    }
    if (transport->nominated == at) transport->nominated = -1;
  }
  transport->paths[at] = *path;
  return at;
}

gboolean ice_send_on(const Transport *transport, const Path *path, const void *data, gsize length) {
  gssize sent = sendto(g_socket_get_fd(transport->sockets[path->socket].socket), data, length, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&path->peer, path->length);
  return sent == (gssize)length;
}

static gboolean send_within_ratio(Transport *transport, gint at, const void *data, gsize length) {
  Path *path = &transport->paths[at];
  if (!path->is_proven && path->sent + length > path->received * MAX_RATIO + (path->is_first ? ALLOWANCE : 0)) return FALSE;
  path->sent += length;
  return ice_send_on(transport, path, data, length);
}

gboolean ice_send(Transport *transport, const void *data, gsize length) {
  if (transport->is_closed || transport->selected < 0) return FALSE;
  gboolean is_sent = send_within_ratio(transport, transport->selected, data, length);
  // A handshake that nobody has answered yet: the first way may lead nowhere.
  gboolean is_answered = transport->srtp != NULL || transport->paths[transport->selected].has_records;
  if (!is_answered && transport->nominated >= 0 && transport->nominated != transport->selected) is_sent |= send_within_ratio(transport, transport->nominated, data, length);
  return is_sent;
}

void ice_record_came(Transport *transport, guint path) {
  transport->paths[path].has_records = TRUE;
  transport->selected = (gint)path;
}

void ice_proven(Transport *transport, guint path) {
  transport->paths[path].is_proven = TRUE;
  transport->selected = (gint)path;
}
