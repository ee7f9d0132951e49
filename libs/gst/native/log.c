// Warnings of GLib and what is built on it go to stderr, so many a minute: some are written for each packet or each line of somebody's input.
#include <stdio.h>

#include "addon.h"

#define WINDOW_US (60 * G_USEC_PER_SEC)
#define MESSAGES_PER_WINDOW 30
#define MAX_CHARACTERS 300

static struct {
  GMutex lock;
  gint64 since;
  guint written, left_out;
} window;

// Of those that were left out, the next window's first message tells how many they were.
static GLogWriterOutput write_some(GLogLevelFlags level, const GLogField *fields, gsize count, gpointer data) {
  (void)data;
  if ((level & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) != 0) return G_LOG_WRITER_HANDLED;
  const char *domain = "GLib", *message = "";
  for (gsize i = 0; i < count; i++) {
    if (g_str_equal(fields[i].key, "GLIB_DOMAIN") && fields[i].value != NULL) domain = fields[i].value;
    if (g_str_equal(fields[i].key, "MESSAGE") && fields[i].value != NULL) message = fields[i].value;
  }
  g_mutex_lock(&window.lock);
  gint64 now = g_get_monotonic_time();
  guint left_out = 0;
  if (window.since == 0 || now - window.since > WINDOW_US) {
    left_out = window.left_out;
    window.since = now;
    window.written = window.left_out = 0;
  }
  gboolean is_written = window.written < MESSAGES_PER_WINDOW;
  if (is_written)
    window.written++;
  else
    window.left_out++;
  g_mutex_unlock(&window.lock);
  if (left_out > 0) fprintf(stderr, "%u messages of GLib were left out\n", left_out);
  // What ends the process is said in any case.
  if (is_written || (level & G_LOG_FLAG_FATAL) != 0) fprintf(stderr, "%s: %.*s\n", domain, MAX_CHARACTERS, message);
  return G_LOG_WRITER_HANDLED;
}

void log_init(void) { g_log_set_writer_func(write_some, NULL, NULL); }
