// The round trip of an RTP session that only receives. Reports tell it to those who send; a receiver has to ask for it with an
// extended report of its own time, which the sender gives back with the time that it kept it (RFC 3611, sections 4.4 and 4.5).
// GStreamer 1.22 knows these reports, but neither sends nor uses them. Chromium answers them unasked.
#include <gst/rtp/gstrtcpbuffer.h>

#include "addon.h"

#define XR_BYTES 20
#define XR_WORDS_BUT_ONE 4
#define BLOCK_WORDS_BUT_ONE 2
// A sender that says otherwise is not believed.
#define MOST_MS 60000.0

typedef struct {
  GMutex lock;
  guint32 ssrc;
  double ms;
} RoundTrip;

static GQuark round_trip_quark(void) { return g_quark_from_static_string("manycast-round-trip"); }

static void round_trip_free(gpointer data) {
  RoundTrip *trip = data;
  g_mutex_clear(&trip->lock);
  g_free(trip);
}

// As NTP writes time: seconds, and their 2^32nd parts. Only we read it again, so any clock will do.
static guint64 ntp_now(void) { return gst_util_uint64_scale((guint64)g_get_monotonic_time(), G_GUINT64_CONSTANT(1) << 32, G_USEC_PER_SEC); }

static gboolean add_our_time(GObject *session, GstBuffer *report, gboolean early, gpointer data) {
  (void)session;
  RoundTrip *trip = data;
  guint8 sender[4];
  // Early reports are requests that must be short.
  if (early || !gst_buffer_is_writable(report) || gst_buffer_extract(report, 4, sender, sizeof sender) != sizeof sender) return FALSE;
  guint8 *packet = g_malloc0(XR_BYTES);
  packet[0] = 2 << 6;
  packet[1] = GST_RTCP_TYPE_XR;
  GST_WRITE_UINT16_BE(packet + 2, XR_WORDS_BUT_ONE);
  memcpy(packet + 4, sender, sizeof sender);
  packet[8] = GST_RTCP_XR_TYPE_RRT;
  GST_WRITE_UINT16_BE(packet + 10, BLOCK_WORDS_BUT_ONE);
  GST_WRITE_UINT64_BE(packet + 12, ntp_now());
  gst_buffer_append_memory(report, gst_memory_new_wrapped(0, packet, XR_BYTES, 0, XR_BYTES, packet, g_free));
  g_mutex_lock(&trip->lock);
  trip->ssrc = GST_READ_UINT32_BE(sender);
  g_mutex_unlock(&trip->lock);
  // Whether the report is needed at all is not ours to say.
  return FALSE;
}

static void read_reply(GstRTCPPacket *packet, RoundTrip *trip) {
  guint32 now = (guint32)(ntp_now() >> 16);
  for (gboolean more = gst_rtcp_packet_xr_first_rb(packet); more; more = gst_rtcp_packet_xr_next_rb(packet)) {
    guint32 ssrc, sent, kept;
    for (guint i = 0; gst_rtcp_packet_xr_get_dlrr_block(packet, i, &ssrc, &sent, &kept); i++) {
      // In 65,536ths of a second.
      double ms = (gint32)(now - sent - kept) / 65.536;
      g_mutex_lock(&trip->lock);
      if (ssrc == trip->ssrc && sent != 0 && ms <= MOST_MS) trip->ms = MAX(0, ms);
      g_mutex_unlock(&trip->lock);
    }
  }
}

static void look_for_reply(GObject *session, GstBuffer *report, gpointer data) {
  (void)session;
  GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
  if (!gst_rtcp_buffer_validate_reduced(report) || !gst_rtcp_buffer_map(report, GST_MAP_READ, &rtcp)) return;
  GstRTCPPacket packet;
  for (gboolean more = gst_rtcp_buffer_get_first_packet(&rtcp, &packet); more; more = gst_rtcp_packet_move_to_next(&packet)) {
    if (gst_rtcp_packet_get_type(&packet) == GST_RTCP_TYPE_XR) read_reply(&packet, data);
  }
  gst_rtcp_buffer_unmap(&rtcp);
}

// watchRoundTrip(session): from now on, readRoundTrip(session) tells it. Of an RTPSession (rtpsession's internal-session).
static napi_value watch_round_trip(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(session, 0, G_TYPE_OBJECT);
  if (g_signal_lookup("on-sending-rtcp", G_OBJECT_TYPE(session)) == 0) return throw_error(env, "%s is no RTP session", G_OBJECT_TYPE_NAME(session));
  if (g_object_get_qdata(session, round_trip_quark()) != NULL) return NULL;
  RoundTrip *trip = g_new0(RoundTrip, 1);
  g_mutex_init(&trip->lock);
  trip->ms = -1;
  // The session owns it, and emits nothing once it is disposed of.
  g_object_set_qdata_full(session, round_trip_quark(), trip, round_trip_free);
  g_signal_connect(session, "on-sending-rtcp", G_CALLBACK(add_our_time), trip);
  g_signal_connect(session, "on-receiving-rtcp", G_CALLBACK(look_for_reply), trip);
  return NULL;
}

// readRoundTrip(session) -> ms | null while the sender has not answered
static napi_value read_round_trip(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  OBJECT(session, 0, G_TYPE_OBJECT);
  RoundTrip *trip = g_object_get_qdata(session, round_trip_quark());
  if (trip == NULL) return throw_error(env, "%s is not watched", G_OBJECT_TYPE_NAME(session));
  g_mutex_lock(&trip->lock);
  double ms = trip->ms;
  g_mutex_unlock(&trip->lock);
  return ms < 0 ? to_js_string(env, NULL) : to_js_number(env, ms);
}

void export_rtcp(napi_env env, napi_value exports) {
  export_function(env, exports, "watchRoundTrip", watch_round_trip);
  export_function(env, exports, "readRoundTrip", read_round_trip);
}
