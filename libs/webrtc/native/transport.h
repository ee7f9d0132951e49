// One publisher's transport, shared by ICE (ice.c, paths.c), DTLS (dtls.c) and what becomes of packets (transport.c).
#pragma once

#include <gio/gio.h>
#include <sys/socket.h>

#include "addon.h"
#include "dtls.h"
#include "srtp.h"
#include "stun.h"

#define MAX_PACKET 1500
// Addresses of the machine that are offered.
#define MAX_SOCKETS 16
// Ways over which the peer has asked properly; a phone with two networks and IPv6 has a handful.
#define MAX_PATHS 16
// Of RFC 8839: at most 256 bytes each.
#define MAX_CREDENTIAL 257

typedef struct {
  GSocket *socket;
  GSource *source;
  // Of the question to a STUN server that is not answered yet.
  guint8 transaction[STUN_TRANSACTION_BYTES];
  gboolean is_asked;
} IceSocket;

// Which of our sockets, and the peer's address.
typedef struct {
  guint socket;
  socklen_t length;
  struct sockaddr_storage peer;
  // Bytes, since the peer has asked here.
  guint64 received, sent;
  // DTLS records that came.
  guint records;
  // When it asked last, as a number that grows with each check.
  guint64 asked;
  // Over which the peer has asked first; a DTLS record came; a packet came that only the peer can have encrypted.
  gboolean is_first, has_records, is_proven;
} Path;

typedef struct {
  char ufrag[MAX_CREDENTIAL];
  char pwd[MAX_CREDENTIAL];
} Credentials;

#define TRANSPORT_TYPE (transport_get_type())
G_DECLARE_FINAL_TYPE(Transport, transport, MANYCAST, TRANSPORT, GObject)

struct _Transport {
  GObject parent;
  // Batches of packets, and what ICE and DTLS have to say.
  guint32 packets_id, state_id;
  // Covers all that follows.
  GMutex lock;
  gboolean is_closed;
  Dtls dtls;
  // NULL before the handshake is done.
  Srtp *srtp;
  GQueue waiting;
  GByteArray *batch;
  IceSocket sockets[MAX_SOCKETS];
  guint socket_count;
  // Those that the peer uses, and those of a restart that it has not used yet; an empty fragment: none.
  Credentials used, offered;
  Path paths[MAX_PATHS];
  guint path_count;
  guint64 last_asked;
  // Of `paths`, -1: none. Where we send to; which the peer has nominated last.
  gint selected, nominated;
  // Proper checks, and checks of somebody else, so far.
  guint checks, strangers;
};

// The context of the thread that serves all sockets.
GMainContext *transport_context(void);
// Its place among the paths; -1: the peer has not asked there.
gint ice_find_path(const Transport *transport, const Path *path);
// Where there is no room, it takes the place of the one over which the peer has not asked for longest, and that we do not send to.
gint ice_add_path(Transport *transport, const Path *path);
gboolean ice_send_on(const Transport *transport, const Path *path, const void *data, gsize length);
// What came from the peer over this path; on that thread, locked.
void transport_take(Transport *transport, guint path, const guint8 *packet, gsize length);
// Brings JavaScript the packets that came so far. Locked.
void transport_hand_over(Transport *transport);
// A DTLS record of the handshake came over this path. Locked.
void ice_record_came(Transport *transport, guint path);
// A packet came over this path that only the peer can have encrypted. Locked.
void ice_proven(Transport *transport, guint path);
// Sends to the peer; false when there is no way to it, or more than may go to an address that could be somebody else's. Locked.
gboolean ice_send(Transport *transport, const void *data, gsize length);
// Stops listening. Locked.
void ice_close(Transport *transport);

void export_ice(napi_env env, napi_value exports);
void export_transport(napi_env env, napi_value exports);
