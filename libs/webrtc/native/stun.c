// Numbers are of RFC 8489, sections 5, 14 and 18, and of RFC 8445, section 16.
#include "stun.h"

#include <netinet/in.h>
#include <string.h>

#include "cursor.h"

#define HEAD 20
#define COOKIE 0x2112A442u
// Other protocols that share the port begin with higher numbers (RFC 7983).
#define MAX_TYPE 0x03ff
#define BINDING_REQUEST 0x0001
#define BINDING_SUCCESS 0x0101
#define BINDING_ERROR 0x0111
#define USERNAME 0x0006
#define MESSAGE_INTEGRITY 0x0008
#define ERROR_CODE 0x0009
#define XOR_MAPPED_ADDRESS 0x0020
#define USE_CANDIDATE 0x0025
#define FINGERPRINT 0x8028
#define ICE_CONTROLLED 0x8029
#define SHA1_BYTES 20
#define INTEGRITY_BYTES (4 + SHA1_BYTES)
#define FINGERPRINT_BYTES 8
#define FINGERPRINT_XOR 0x5354554eu
#define ROLE_CONFLICT "Role Conflict"

static void write16(guint8 *at, guint value) {
  at[0] = (guint8)(value >> 8);
  at[1] = (guint8)value;
}
static void write32(guint8 *at, guint32 value) {
  write16(at, value >> 16);
  write16(at + 2, value & 0xffff);
}

// XOR with the cookie, and for IPv6 with the transaction as well: its own inverse.
static void xor_address(guint8 *address, gsize length, const guint8 *transaction) {
  guint8 mask[16];
  write32(mask, COOKIE);
  memcpy(mask + 4, transaction, STUN_TRANSACTION_BYTES);
  for (gsize i = 0; i < length; i++) address[i] ^= mask[i];
}

static void read_mapped(Cursor value, StunMessage *message) {
  cursor_skip(&value, 1);
  guint8 family = cursor_u8(&value);
  guint16 port = (guint16)(cursor_u16(&value) ^ (COOKIE >> 16));
  if (family == 1 && value.left == 4) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&message->mapped;
    v4->sin_family = AF_INET;
    v4->sin_port = g_htons(port);
    memcpy(&v4->sin_addr, value.at, 4);
    xor_address((guint8 *)&v4->sin_addr, 4, message->transaction);
  } else if (family == 2 && value.left == 16) {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&message->mapped;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = g_htons(port);
    memcpy(&v6->sin6_addr, value.at, 16);
    xor_address((guint8 *)&v6->sin6_addr, 16, message->transaction);
  }
}

gboolean stun_read(const guint8 *data, gsize length, StunMessage *message) {
  Cursor cursor = cursor_of(data, length);
  guint type = cursor_u16(&cursor), claimed = cursor_u16(&cursor);
  guint32 cookie = cursor_u32(&cursor);
  const guint8 *transaction = cursor_take(&cursor, STUN_TRANSACTION_BYTES);
  if (cursor.is_over || length % 4 != 0 || type > MAX_TYPE || claimed != cursor.left || cookie != COOKIE) return FALSE;
  *message = (StunMessage){.kind = type == BINDING_REQUEST ? STUN_REQUEST : type == BINDING_SUCCESS ? STUN_SUCCESS : STUN_OTHER, .data = data, .transaction = transaction};
  // What stands behind MESSAGE-INTEGRITY is not covered by it, and means nothing (section 14.5).
  while (cursor.left > 0 && message->integrity_at == 0) {
    gsize at = length - cursor.left;
    guint attribute = cursor_u16(&cursor), size = cursor_u16(&cursor);
    const guint8 *value = cursor_take(&cursor, (size + 3u) & ~3u);
    if (value == NULL) return FALSE;
    if (attribute == USERNAME) {
      message->username = (const char *)value;
      message->username_length = size;
    } else if (attribute == MESSAGE_INTEGRITY && size == SHA1_BYTES) {
      message->integrity_at = (guint)at;
    } else if (attribute == USE_CANDIDATE) {
      message->nominates = TRUE;
    } else if (attribute == ICE_CONTROLLED) {
      message->is_controlled = TRUE;
    } else if (attribute == XOR_MAPPED_ADDRESS) {
      read_mapped(cursor_of(value, size), message);
    }
  }
  return TRUE;
}

// HMAC-SHA1 of what stands before the attribute, with a length as if the message ended behind it (section 14.5).
static void sign(const guint8 *message, gsize before, const char *password, guint8 digest[SHA1_BYTES]) {
  guint8 head[HEAD];
  memcpy(head, message, HEAD);
  write16(head + 2, (guint)(before - HEAD + INTEGRITY_BYTES));
  gsize size = SHA1_BYTES;
  GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, (const guchar *)password, strlen(password));
  g_hmac_update(hmac, head, HEAD);
  g_hmac_update(hmac, message + HEAD, (gssize)(before - HEAD));
  g_hmac_get_digest(hmac, digest, &size);
  g_hmac_unref(hmac);
}

gboolean stun_is_signed(const StunMessage *message, const char *password) {
  if (message->integrity_at == 0) return FALSE;
  guint8 expected[SHA1_BYTES], difference = 0;
  sign(message->data, message->integrity_at, password, expected);
  const guint8 *given = message->data + message->integrity_at + 4;
  for (guint i = 0; i < SHA1_BYTES; i++) difference |= (guint8)(expected[i] ^ given[i]);
  return difference == 0;
}

gboolean stun_is_for(const StunMessage *message, const char *ufrag) {
  gsize length = strlen(ufrag);
  return message->username_length > length && message->username[length] == ':' && memcmp(message->username, ufrag, length) == 0;
}

static guint32 crc32_of(const guint8 *data, gsize length) {
  guint32 crc = ~0u;
  for (gsize i = 0; i < length; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

static gsize begin(guint8 *message, guint type, const guint8 *transaction) {
  write16(message, type);
  write32(message + 4, COOKIE);
  memcpy(message + 8, transaction, STUN_TRANSACTION_BYTES);
  return HEAD;
}

static gsize add_mapped(guint8 *at, const struct sockaddr *peer, const guint8 *transaction) {
  gboolean is_v6 = peer->sa_family == AF_INET6;
  const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
  gsize length = is_v6 ? 16 : 4;
  write16(at, XOR_MAPPED_ADDRESS);
  write16(at + 2, (guint)(4 + length));
  write16(at + 4, is_v6 ? 2 : 1);
  write16(at + 6, g_ntohs(is_v6 ? v6->sin6_port : v4->sin_port) ^ (COOKIE >> 16));
  memcpy(at + 8, is_v6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr, length);
  xor_address(at + 8, length, transaction);
  return 8 + length;
}

static gsize add_role_conflict(guint8 *at) {
  gsize length = strlen(ROLE_CONFLICT), padded = (length + 3) & ~(gsize)3;
  memset(at, 0, 8 + padded);
  write16(at, ERROR_CODE);
  write16(at + 2, (guint)(4 + length));
  at[6] = 4;
  at[7] = 87;
  memcpy(at + 8, ROLE_CONFLICT, length);
  return 8 + padded;
}

gsize stun_answer(const StunMessage *request, const struct sockaddr *peer, const char *password, gboolean role_conflict, guint8 answer[STUN_MAX_ANSWER]) {
  gsize length = begin(answer, role_conflict ? BINDING_ERROR : BINDING_SUCCESS, request->transaction);
  length += role_conflict ? add_role_conflict(answer + length) : add_mapped(answer + length, peer, request->transaction);
  write16(answer + length, MESSAGE_INTEGRITY);
  write16(answer + length + 2, SHA1_BYTES);
  sign(answer, length, password, answer + length + 4);
  length += INTEGRITY_BYTES;
  write16(answer + 2, (guint)(length - HEAD + FINGERPRINT_BYTES));
  write16(answer + length, FINGERPRINT);
  write16(answer + length + 2, 4);
  write32(answer + length + 4, crc32_of(answer, length) ^ FINGERPRINT_XOR);
  return length + FINGERPRINT_BYTES;
}

gsize stun_ask(const guint8 transaction[STUN_TRANSACTION_BYTES], guint8 request[STUN_MAX_ANSWER]) {
  gsize length = begin(request, BINDING_REQUEST, transaction);
  write16(request + 2, 0);
  return length;
}
