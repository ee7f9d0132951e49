// What the kernel knows of a TCP connection of Node's (tcp(7), linux/tcp.h): how much the other side has taken. Nothing of GStreamer.
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "addon.h"

// tcpProgress(fd): [bytes that the other side has acknowledged so far, bytes given to the kernel that it has not]; null for what is no TCP connection.
static napi_value tcp_progress(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  int fd = (int)js_number(env, args[0]);
  struct tcp_info tcp = {0};
  socklen_t length = sizeof tcp;
  int waiting = 0;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &length) != 0 || length < offsetof(struct tcp_info, tcpi_bytes_received) || ioctl(fd, SIOCOUTQ, &waiting) != 0) return wrap_object(env, NULL);
  napi_value result;
  napi_create_array_with_length(env, 2, &result);
  napi_set_element(env, result, 0, to_js_number(env, (double)tcp.tcpi_bytes_acked));
  napi_set_element(env, result, 1, to_js_number(env, waiting));
  return result;
}

// limitUnsent(fd, bytes): the kernel takes no more while so much waits to be sent (TCP_NOTSENT_LOWAT). False for what is no TCP connection.
static napi_value limit_unsent(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  int bytes = (int)js_number(env, args[1]);
  return to_js_bool(env, setsockopt((int)js_number(env, args[0]), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes) == 0);
}

void export_tcp(napi_env env, napi_value exports) {
  export_function(env, exports, "tcpProgress", tcp_progress);
  export_function(env, exports, "limitUnsent", limit_unsent);
}
