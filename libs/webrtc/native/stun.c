// Numbers are of RFC 8489, sections 5, 14 and 18, and of RFC 8445, section 16.
#include "stun.h"

#include <netinet/in.h>
#include <string.h>

#define HEAD 20
#define COOKIE 0x2112A442u
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

static guint16 read16(const guint8 *at) { return (guint16)(at[0] << 8 | at[1]); }
static guint32 read32(const guint8 *at) { return (guint32)read16(at) << 16 | read16(at + 2); }
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

static void read_mapped(const guint8 *value, guint length, StunMessage *message) {
  guint16 port = (guint16)(read16(value + 2) ^ (COOKIE >> 16));
  if (value[1] == 1 && length == 8) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&message->mapped;
    v4->sin_family = AF_INET;
    v4->sin_port = g_htons(port);
    memcpy(&v4->sin_addr, value + 4, 4);
    xor_address((guint8 *)&v4->sin_addr, 4, message->transaction);
  } else if (value[1] == 2 && length == 20) {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&message->mapped;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = g_htons(port);
    memcpy(&v6->sin6_addr, value + 4, 16);
    xor_address((guint8 *)&v6->sin6_addr, 16, message->transaction);
  }
}

gboolean stun_read(const guint8 *data, gsize length, StunMessage *message) {
  if (length < HEAD || length % 4 != 0 || data[0] > 3 || read16(data + 2) != length - HEAD || read32(data + 4) != COOKIE) return FALSE;
  guint type = read16(data);
  *message = (StunMessage){.kind = type == BINDING_REQUEST ? STUN_REQUEST : type == BINDING_SUCCESS ? STUN_SUCCESS : STUN_OTHER, .data = data, .transaction = data + 8};
  // What stands behind MESSAGE-INTEGRITY is not covered by it, and means nothing (section 14.5).
  for (gsize at = HEAD; at + 4 <= length && message->integrity_at == 0;) {
    guint attribute = read16(data + at), size = read16(data + at + 2);
    const guint8 *value = data + at + 4;
    gsize next = at + 4 + ((size + 3u) & ~3u);
    if (next > length) return FALSE;
    if (attribute == USERNAME) {
      message->username = (const char *)value;
      message->username_length = size;
    } else if (attribute == MESSAGE_INTEGRITY && size == SHA1_BYTES) {
      message->integrity_at = (guint)at;
    } else if (attribute == USE_CANDIDATE) {
      message->nominates = TRUE;
    } else if (attribute == ICE_CONTROLLED) {
      message->is_controlled = TRUE;
    } else if (attribute == XOR_MAPPED_ADDRESS && size >= 8) {
      read_mapped(value, size, message);
    }
    at = next;
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
