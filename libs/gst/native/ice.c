// libnice agents: addresses, candidates, credentials, restart, socket buffers.
#include <nice/agent.h>
#include <sys/socket.h>

#include "addon.h"

static napi_value candidates_to_js(napi_env env, NiceAgent *agent, guint stream) {
  napi_value result;
  napi_create_array(env, &result);
  uint32_t count = 0;
  GSList *candidates = nice_agent_get_local_candidates(agent, stream, NICE_COMPONENT_TYPE_RTP);
  for (GSList *item = candidates; item; item = item->next) {
    g_autofree char *line = nice_agent_generate_local_candidate_sdp(agent, item->data);
    napi_set_element(env, result, count++, to_js_string(env, line));
  }
  g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
  return result;
}

static napi_value half_to_js(napi_env env, NiceAgent *agent, guint stream) {
  g_autofree char *ufrag = NULL;
  g_autofree char *pwd = NULL;
  if (!nice_agent_get_local_credentials(agent, stream, &ufrag, &pwd)) return throw_error(env, "the ICE agent has no stream %u", stream);
  napi_value result;
  napi_create_object(env, &result);
  set_named(env, result, "ufrag", to_js_string(env, ufrag));
  set_named(env, result, "pwd", to_js_string(env, pwd));
  set_named(env, result, "candidates", candidates_to_js(env, agent, stream));
  return result;
}

// gather(agent, stream, lowest port, highest port): 0 and 65535 for any. The agent's signal says when it is done.
static napi_value gather(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  OBJECT(agent, 0, NICE_TYPE_AGENT);
  guint stream = (guint)js_number(env, args[1]);
  guint lowest = (guint)js_number(env, args[2]), highest = (guint)js_number(env, args[3]);
  nice_agent_set_port_range(agent, stream, NICE_COMPONENT_TYPE_RTP, lowest, highest);
  if (!nice_agent_gather_candidates(agent, stream)) return throw_error(env, "no UDP port is free on the addresses that are offered");
  return NULL;
}

// iceHalf(agent, stream) -> {ufrag, pwd, candidates}: ours, as far as they are gathered.
static napi_value ice_half(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(agent, 0, NICE_TYPE_AGENT);
  return half_to_js(env, agent, (guint)js_number(env, args[1]));
}

// False with an error thrown.
static bool take_credentials(napi_env env, NiceAgent *agent, guint stream, napi_value *credentials) {
  g_autofree char *ufrag = js_string(env, credentials[0]);
  g_autofree char *pwd = js_string(env, credentials[1]);
  if (ufrag != NULL && pwd != NULL && nice_agent_set_remote_credentials(agent, stream, ufrag, pwd)) return true;
  throw_error(env, "the ICE agent does not take the peer's credentials");
  return false;
}

// setIcePeer(agent, stream, ufrag, pwd): the peer's credentials.
static napi_value set_ice_peer(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  OBJECT(agent, 0, NICE_TYPE_AGENT);
  take_credentials(env, agent, (guint)js_number(env, args[1]), &args[2]);
  return NULL;
}

// restartIce(agent, stream, ufrag, pwd) -> {ufrag, pwd, candidates}: takes the peer's new credentials, gives our new half.
static napi_value restart_ice(napi_env env, napi_callback_info info) {
  ARGUMENTS(4);
  OBJECT(agent, 0, NICE_TYPE_AGENT);
  guint stream = (guint)js_number(env, args[1]);
  if (!nice_agent_restart_stream(agent, stream)) return throw_error(env, "the ICE agent has no stream %u", stream);
  return take_credentials(env, agent, stream, &args[2]) ? half_to_js(env, agent, stream) : NULL;
}

// addIceCandidate(agent, stream, "a=candidate:..."): false when the line is not understood.
static napi_value add_ice_candidate(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(agent, 0, NICE_TYPE_AGENT);
  guint stream = (guint)js_number(env, args[1]);
  STRING(line, 2);
  NiceCandidate *candidate = line ? nice_agent_parse_remote_candidate_sdp(agent, stream, line) : NULL;
  if (candidate == NULL) return to_js_bool(env, FALSE);
  GSList list = {.data = candidate};
  int added = nice_agent_set_remote_candidates(agent, stream, NICE_COMPONENT_TYPE_RTP, &list);
  nice_candidate_free(candidate);
  return to_js_bool(env, added > 0);
}

// addLocalAddress(agent, "192.0.2.1"): only addresses given so are offered.
static napi_value add_local_address(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  OBJECT(agent, 0, NICE_TYPE_AGENT);
  STRING(text, 1);
  NiceAddress address;
  nice_address_init(&address);
  if (text == NULL || !nice_address_set_from_string(&address, text)) return throw_error(env, "\"%s\" is not an address", text);
  return to_js_bool(env, nice_agent_add_local_address(agent, &address));
}

// setReceiveBuffer(agent, stream, bytes): of every socket that the stream has by now. The kernel gives less where its limit is lower.
static napi_value set_receive_buffer(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  OBJECT(agent, 0, NICE_TYPE_AGENT);
  guint stream = (guint)js_number(env, args[1]);
  g_autoptr(GPtrArray) sockets = nice_agent_get_sockets(agent, stream, NICE_COMPONENT_TYPE_RTP);
  if (sockets == NULL) return throw_error(env, "the ICE agent has no stream %u", stream);
  for (guint i = 0; i < sockets->len; i++) g_socket_set_option(sockets->pdata[i], SOL_SOCKET, SO_RCVBUF, (gint)js_number(env, args[2]), NULL);
  return NULL;
}

void export_ice(napi_env env, napi_value exports) {
  export_function(env, exports, "gather", gather);
  export_function(env, exports, "iceHalf", ice_half);
  export_function(env, exports, "setIcePeer", set_ice_peer);
  export_function(env, exports, "restartIce", restart_ice);
  export_function(env, exports, "addIceCandidate", add_ice_candidate);
  export_function(env, exports, "addLocalAddress", add_local_address);
  export_function(env, exports, "setReceiveBuffer", set_receive_buffer);
}
