// What the kernel knows of a TCP connection of Node's (tcp(7), linux/tcp.h): how much the other side has taken.
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "addon.h"

static int integer(napi_env env, napi_value value) {
  int32_t number = -1;
  napi_get_value_int32(env, value, &number);
  return number;
}

// tcpProgress(fd): [bytes that the other side has acknowledged so far, bytes given to the kernel that it has not]; null for what is no TCP connection.
static napi_value tcp_progress(napi_env env, napi_callback_info info) {
  size_t given = 1;
  napi_value args[1], result, acked, unacknowledged;
  napi_get_cb_info(env, info, &given, args, NULL, NULL);
  int fd = integer(env, args[0]);
  struct tcp_info tcp = {0};
  socklen_t length = sizeof tcp;
  int waiting = 0;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &length) != 0 || length < offsetof(struct tcp_info, tcpi_bytes_received) || ioctl(fd, SIOCOUTQ, &waiting) != 0) {
    napi_get_null(env, &result);
    return result;
  }
  napi_create_double(env, (double)tcp.tcpi_bytes_acked, &acked);
  napi_create_int32(env, waiting, &unacknowledged);
  napi_create_array_with_length(env, 2, &result);
  napi_set_element(env, result, 0, acked);
  napi_set_element(env, result, 1, unacknowledged);
  return result;
}

// limitUnsent(fd, bytes): the kernel takes no more while so much waits to be sent (TCP_NOTSENT_LOWAT). False for what is no TCP connection.
static napi_value limit_unsent(napi_env env, napi_callback_info info) {
  size_t given = 2;
  napi_value args[2], done;
  napi_get_cb_info(env, info, &given, args, NULL, NULL);
  int bytes = integer(env, args[1]);
  napi_get_boolean(env, setsockopt(integer(env, args[0]), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes) == 0, &done);
  return done;
}

void export_tcp(napi_env env, napi_value exports) {
  export_function(env, exports, "tcpProgress", tcp_progress);
  export_function(env, exports, "limitUnsent", limit_unsent);
}
