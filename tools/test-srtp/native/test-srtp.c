// The functions of libs/webrtc/native/srtp.h for tests: with keys of a test's choice, and without a connection.
#include "addon.h"
#include "srtp.h"

static gboolean read_bytes(napi_env env, napi_value value, const guint8 **data, size_t *length) {
  return napi_get_buffer_info(env, value, (void **)data, length) == napi_ok;
}

static napi_value to_buffer(napi_env env, const guint8 *data, gssize length) {
  napi_value result;
  if (length < 0)
    napi_get_null(env, &result);
  else
    napi_create_buffer_copy(env, (size_t)length, data, NULL, &result);
  return result;
}

static void release(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  srtp_free(data);
}

static napi_value wrap_srtp(napi_env env, Srtp *srtp) {
  if (srtp == NULL) return throw_error(env, "no SRTP with these keys");
  napi_value result;
  napi_create_external(env, srtp, release, NULL, &result);
  return result;
}

static Srtp *srtp_of(napi_env env, napi_value value) {
  void *srtp = NULL;
  napi_get_value_external(env, value, &srtp);
  return srtp;
}

// A key with its salt behind it, as long as the profile wants them.
static gboolean read_master(napi_env env, napi_value value, const SrtpProfile *profile, SrtpMaster *master) {
  const guint8 *data;
  size_t length;
  if (profile == NULL || !read_bytes(env, value, &data, &length) || length != profile->key + profile->salt) return FALSE;
  memset(master, 0, sizeof *master);
  memcpy(master->key, data, profile->key);
  memcpy(master->salt, data + profile->key, profile->salt);
  return TRUE;
}

// derive(profile, master, label, length)
static napi_value derive(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  const SrtpProfile *profile = srtp_profile((guint)js_number(env, args[0]));
  SrtpMaster master;
  guint8 derived[256];
  gsize length = (gsize)js_number(env, args[3]);
  if (length > sizeof derived || !read_master(env, args[1], profile, &master)) return throw_error(env, "derive needs a profile, its master key and at most 256 bytes");
  return to_buffer(env, derived, srtp_derive(profile, &master, (guint)js_number(env, args[2]), derived, length) ? (gssize)length : -1);
}

// open(profile, master of the peer, master of ours)
static napi_value open_srtp(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  const SrtpProfile *profile = srtp_profile((guint)js_number(env, args[0]));
  SrtpMaster in, out;
  if (!read_master(env, args[1], profile, &in) || !read_master(env, args[2], profile, &out)) return throw_error(env, "open needs a profile and two of its master keys");
  return wrap_srtp(env, srtp_new(profile, &in, &out));
}

// openDerived(profile, key, auth, salt): as with those of the RFCs' examples, all directions have the same keys.
static napi_value open_derived(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  const SrtpProfile *profile = srtp_profile((guint)js_number(env, args[0]));
  const guint8 *key, *auth, *salt;
  size_t key_length, auth_length, salt_length;
  if (profile == NULL || !read_bytes(env, args[1], &key, &key_length) || !read_bytes(env, args[2], &auth, &auth_length) || !read_bytes(env, args[3], &salt, &salt_length) ||
      key_length != profile->key || auth_length != SRTP_AUTH_KEY || salt_length != profile->salt)
    return throw_error(env, "openDerived needs a profile, its keys and its salt");
  Srtp *srtp = g_new0(Srtp, 1);
  srtp->profile = profile;
  srtp_keys_set(&srtp->rtp_in, profile, key, auth, salt, FALSE);
  srtp_keys_set(&srtp->rtcp_in, profile, key, auth, salt, FALSE);
  srtp_keys_set(&srtp->rtcp_out, profile, key, auth, salt, TRUE);
  return wrap_srtp(env, srtp);
}

// unprotect(srtp, packet, is RTCP) -> what was protected, or null
static napi_value unprotect(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  Srtp *srtp = srtp_of(env, args[0]);
  const guint8 *packet;
  size_t length;
  if (srtp == NULL || !read_bytes(env, args[1], &packet, &length)) return throw_error(env, "unprotect needs SRTP and a packet");
  g_autofree guint8 *plain = g_malloc(length + 1);
  // As much as there is, so that a sanitizer sees one more.
  g_autofree guint8 *copy = g_memdup2(packet, length);
  return to_buffer(env, plain, js_bool(env, args[2]) ? srtp_unprotect_rtcp(srtp, copy, length, plain) : srtp_unprotect_rtp(srtp, copy, length, plain));
}

// protectRtcp(srtp, packet) -> the protected one, or null
static napi_value protect_rtcp(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  Srtp *srtp = srtp_of(env, args[0]);
  const guint8 *packet;
  size_t length;
  if (srtp == NULL || !read_bytes(env, args[1], &packet, &length)) return throw_error(env, "protectRtcp needs SRTP and a packet");
  g_autofree guint8 *protected = g_malloc(length + SRTP_MAX_TRAILER);
  return to_buffer(env, protected, srtp_protect_rtcp(srtp, packet, length, protected));
}

// setRtcpIndex(srtp, index): of the packet that was sent last.
static napi_value set_rtcp_index(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  Srtp *srtp = srtp_of(env, args[0]);
  if (srtp != NULL) srtp->rtcp_index = (guint32)js_number(env, args[1]);
  return NULL;
}

// encryptBody(srtp, ssrc, index, head, body) -> encrypted body and tag of an RTP packet
static napi_value encrypt_body(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  Srtp *srtp = srtp_of(env, args[0]);
  const guint8 *head, *body;
  size_t head_length, body_length;
  if (srtp == NULL || !read_bytes(env, args[3], &head, &head_length) || !read_bytes(env, args[4], &body, &body_length)) return throw_error(env, "encryptBody needs SRTP and two Buffers");
  SrtpParts parts = {.ssrc = (guint32)js_number(env, args[1]), .index = (guint64)js_number(env, args[2]), .head = head, .head_length = head_length, .body = body, .body_length = body_length};
  g_autofree guint8 *result = g_malloc(body_length + SRTP_MAX_TAG);
  gboolean is_made = srtp_seal_parts(&srtp->rtcp_out, &parts, result, result + body_length);
  return to_buffer(env, result, is_made ? (gssize)(body_length + srtp->profile->tag) : -1);
}

NAPI_MODULE_INIT() {
  export_function(env, exports, "derive", derive);
  export_function(env, exports, "open", open_srtp);
  export_function(env, exports, "openDerived", open_derived);
  export_function(env, exports, "unprotect", unprotect);
  export_function(env, exports, "protectRtcp", protect_rtcp);
  export_function(env, exports, "setRtcpIndex", set_rtcp_index);
  export_function(env, exports, "encryptBody", encrypt_body);
  return exports;
}
