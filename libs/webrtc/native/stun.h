// What a lite ICE agent needs of STUN (RFC 8489, RFC 8445): Binding requests read and answered. Pure functions.
#pragma once

#include <glib.h>
#include <sys/socket.h>

#define STUN_TRANSACTION_BYTES 12
// An answer: its head, an IPv6 address, a reason, integrity and fingerprint.
#define STUN_MAX_ANSWER 128

typedef enum { STUN_OTHER, STUN_REQUEST, STUN_SUCCESS } StunKind;

typedef struct {
  StunKind kind;
  const guint8 *data;
  const guint8 *transaction;
  const char *username;
  guint username_length;
  // Offset of MESSAGE-INTEGRITY; 0: there is none.
  guint integrity_at;
  gboolean nominates;
  // The peer believes that we lead.
  gboolean is_controlled;
  // Of a success: the address that the server saw; family AF_UNSPEC: none.
  struct sockaddr_storage mapped;
} StunMessage;

// False for what is no well-formed message of RFC 8489.
gboolean stun_read(const guint8 *data, gsize length, StunMessage *message);
// Whether the message has the MESSAGE-INTEGRITY of this password.
gboolean stun_is_signed(const StunMessage *message, const char *password);
// Whether its USERNAME is for the agent with this fragment.
gboolean stun_is_for(const StunMessage *message, const char *ufrag);
// Writes a success for who asked from `peer`, or error 487 (Role Conflict); returns its length.
gsize stun_answer(const StunMessage *request, const struct sockaddr *peer, const char *password, gboolean role_conflict, guint8 answer[STUN_MAX_ANSWER]);
// Writes a Binding request without credentials, for a STUN server; returns its length.
gsize stun_ask(const guint8 transaction[STUN_TRANSACTION_BYTES], guint8 request[STUN_MAX_ANSWER]);
