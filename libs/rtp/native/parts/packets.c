#include "../entry-points.h"
#include "../packet.h"
#include "../rtcp-reader.h"
#include "../rtcp-writer.h"
#include "parts.h"

// parseRtp(bytes): marker, payload type, sequence, timestamp, SSRC, where the payload begins and ends; undefined: no RTP packet.
static napi_value parse_rtp(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  size_t length;
  const uint8_t *bytes = buffer_at(&arguments, 0, &length);
  RtpHeader header;
  if (!arguments.ok || !rtp_parse(bytes, length, &header)) return NULL;
  double start = (double)(header.payload.at - bytes);
  double fields[] = {header.marker, header.payload_type, header.sequence, header.timestamp, header.ssrc, start, start + (double)header.payload.left};
  return to_numbers(env, fields, sizeof fields / sizeof *fields);
}

// element(bytes, id): what it holds; undefined: there is none.
static napi_value element(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  size_t length;
  const uint8_t *bytes = buffer_at(&arguments, 0, &length);
  uint8_t id = (uint8_t)wrapped(number_at(&arguments, 1));
  RtpHeader header;
  Cursor content;
  if (!arguments.ok || !rtp_parse(bytes, length, &header) || !rtp_element(&header, id, &content)) return NULL;
  Bytes copy = {0};
  bytes_add(&copy, content.at, content.left);
  return to_buffer(env, &copy);
}

// elementNumber(bytes, id): undefined: there is none.
static napi_value element_number(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  size_t length;
  const uint8_t *bytes = buffer_at(&arguments, 0, &length);
  uint8_t id = (uint8_t)wrapped(number_at(&arguments, 1));
  RtpHeader header;
  uint16_t number;
  return arguments.ok && rtp_parse(bytes, length, &header) && rtp_number(&header, id, &number) ? to_number(env, number) : NULL;
}

// isEntryPoint(codec, payload)
static napi_value entry_point(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  Codec codec = (Codec)wrapped(number_at(&arguments, 0));
  size_t length;
  const uint8_t *bytes = buffer_at(&arguments, 1, &length);
  return arguments.ok ? to_bool(env, is_entry_point(codec, cursor_of(bytes, length))) : NULL;
}

typedef struct {
  napi_env env;
  napi_value list;
  uint32_t count;
} Messages;

static void note_message(void *user, const RtcpMessage *message) {
  Messages *messages = user;
  double fields[] = {message->type, message->ssrc, message->ntp_ms, message->compact_ntp, message->timestamp, message->last_report, message->delay};
  napi_set_element(messages->env, messages->list, messages->count++, to_numbers(messages->env, fields, sizeof fields / sizeof *fields));
}

// parseRtcp(bytes): the fields of RtcpMessage, in their order, of each.
static napi_value parse_rtcp(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  size_t length;
  const uint8_t *bytes = buffer_at(&arguments, 0, &length);
  if (!arguments.ok) return NULL;
  Messages messages = {.env = env};
  napi_create_array(env, &messages.list);
  rtcp_read(bytes, length, note_message, &messages);
  return messages.list;
}

// receiverReport(sender, fields of ReportBlock, in their order, of all blocks)
static napi_value receiver_report(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  uint32_t sender = wrapped(number_at(&arguments, 0));
  double fields[MAX_NUMBERS];
  size_t count = numbers_at(&arguments, 1, fields) / 7;
  ReportBlock blocks[31] = {0};
  if (!arguments.ok || count > 31) return NULL;
  for (size_t i = 0; i < count; i++) {
    const double *each = &fields[7 * i];
    blocks[i] = (ReportBlock){wrapped(each[0]), (uint8_t)wrapped(each[1]), (int64_t)each[2], wrapped(each[3]), wrapped(each[4]), wrapped(each[5]), wrapped(each[6])};
  }
  Bytes out = {0};
  rtcp_receiver_report(&out, sender, blocks, count);
  return to_buffer(env, &out);
}

// sourceDescription(sender, cname)
static napi_value source_description(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  uint32_t sender = wrapped(number_at(&arguments, 0));
  char cname[256];
  text_at(&arguments, 1, cname, sizeof cname);
  Bytes out = {0};
  if (!arguments.ok) return NULL;
  rtcp_source_description(&out, sender, cname);
  return to_buffer(env, &out);
}

// referenceTime(sender, wall)
static napi_value reference_time(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  uint32_t sender = wrapped(number_at(&arguments, 0));
  double wall = number_at(&arguments, 1);
  Bytes out = {0};
  if (!arguments.ok) return NULL;
  rtcp_reference_time(&out, sender, wall);
  return to_buffer(env, &out);
}

// compactNtp(wall)
static napi_value compact(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  double wall = number_at(&arguments, 0);
  return arguments.ok ? to_number(env, compact_ntp(wall)) : NULL;
}

// genericNack(sender, media, sequences)
static napi_value generic_nack(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  uint32_t sender = wrapped(number_at(&arguments, 0)), media = wrapped(number_at(&arguments, 1));
  double numbers[MAX_NUMBERS];
  uint16_t sequences[MAX_NUMBERS];
  size_t count = numbers_at(&arguments, 2, numbers);
  for (size_t i = 0; i < count; i++) sequences[i] = (uint16_t)wrapped(numbers[i]);
  Bytes out = {0};
  if (!arguments.ok) return NULL;
  rtcp_generic_nack(&out, sender, media, sequences, count);
  return to_buffer(env, &out);
}

// pictureLoss(sender, media)
static napi_value picture_loss(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  uint32_t sender = wrapped(number_at(&arguments, 0)), media = wrapped(number_at(&arguments, 1));
  Bytes out = {0};
  if (!arguments.ok) return NULL;
  rtcp_picture_loss(&out, sender, media);
  return to_buffer(env, &out);
}

// transportWide(sender, media, content)
static napi_value transport_wide(napi_env env, napi_callback_info info) {
  Arguments arguments = arguments_of(env, info);
  uint32_t sender = wrapped(number_at(&arguments, 0)), media = wrapped(number_at(&arguments, 1));
  size_t length;
  const uint8_t *content = buffer_at(&arguments, 2, &length);
  Bytes out = {0};
  if (!arguments.ok) return NULL;
  rtcp_transport_wide(&out, sender, media, content, length);
  return to_buffer(env, &out);
}

void export_packets(napi_env env, napi_value exports) {
  export_function(env, exports, "parseRtp", parse_rtp);
  export_function(env, exports, "element", element);
  export_function(env, exports, "elementNumber", element_number);
  export_function(env, exports, "isEntryPoint", entry_point);
  export_function(env, exports, "parseRtcp", parse_rtcp);
  export_function(env, exports, "receiverReport", receiver_report);
  export_function(env, exports, "sourceDescription", source_description);
  export_function(env, exports, "referenceTime", reference_time);
  export_function(env, exports, "compactNtp", compact);
  export_function(env, exports, "genericNack", generic_nack);
  export_function(env, exports, "pictureLoss", picture_loss);
  export_function(env, exports, "transportWide", transport_wide);
}
