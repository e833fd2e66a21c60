/* SPDX-License-Identifier: MIT
 *
 * raw.c - echoes messages, but for some words: "close", "close 4001 why", "discard", "state",
 * "burst 3" (so many numbers, each with its callback), "volatile", "shut".
 */
#include "raw.h"

#include "flags.h"
#include "host.h"

#include <stdio.h>
#include <stdlib.h>

static int send_text(sio_session *c, unsigned flags, const char *text) {
  return sio_session_send(c, flags, false, sio_text(text));
}

static void on_sent(int status, void *user) {
  say("sent %d %s", (int)(uintptr_t)user, status ? sio_strerror(status) : "");
}

static void burst(sio_session *c, int n) {
  char text[16];
  for (int i = 1; i <= n; i++) {
    snprintf(text, sizeof text, "%d", i);
    send_text(c, 0, text);
    sio_session_on_sent(c, on_sent, (void *)(uintptr_t)i);
  }
}

static void tell_state(sio_session *c) {
  char text[128];
  snprintf(text, sizeof text, "state=%d protocol=%d transport=%s upgraded=%d queued=%zu",
           sio_session_info_of(c).state, sio_session_info_of(c).protocol,
           sio_session_info_of(c).transport, sio_session_info_of(c).upgraded,
           sio_session_info_of(c).queued);
  send_text(c, 0, text);
}

/* Whether the text was one of the words. */
static bool obey(sio_session *c, const char *text) {
  unsigned code;
  char why[64];
  int n;
  if (sscanf(text, "close %u %63[^\n]", &code, why) == 2)
    sio_session_close(c, &(sio_session_close_options){ .ws_code = code, .ws_text = why });
  else if (strcmp(text, "close") == 0)
    sio_session_close(c, NULL);
  else if (strcmp(text, "discard") == 0)
    sio_session_close(c, &(sio_session_close_options){ .discard = true });
  else if (strcmp(text, "state") == 0)
    tell_state(c);
  else if (strcmp(text, "volatile") == 0)
    say("volatile %d", send_text(c, SIO_VOLATILE, "volatile"));
  else if (strcmp(text, "shut") == 0)
    host_stop();
  else if (sscanf(text, "burst %d", &n) == 1)
    burst(c, n);
  else
    return false;
  return true;
}

static void on_message(sio_session *c, bool binary, sio_slice data, void *user) {
  char text[128];
  (void)user;
  snprintf(text, sizeof text, "%.*s", data.n < 127 ? (int)data.n : 127, data.n ? data.p : "");
  if (!binary && obey(c, text)) return;
  sio_session_send(c, 0, binary, data);
}

static void on_open(sio_session *c, void *user) {
  (void)user;
  say("raw open %s", sio_session_info_of(c).transport);
  if (flag("greeting")) send_text(c, 0, flag("greeting"));
}

static void on_close(sio_session *c, const sio_close_info *why, void *user) {
  (void)c, (void)user;
  say("raw close %s code=%d text=%s (%s)", sio_reason_str(why->reason), why->ws_code, why->ws_text,
      why->detail);
}

int add_raw_engine(void) {
  static const sio_engine_callbacks cbs = { .open = on_open,
                                            .message = on_message,
                                            .close = on_close };
  if (!flag("raw")) return 0;
  bool own_path = strcmp(flag("raw"), "instead") != 0;
  return sio_engine_route(host.server, own_path ? flag("raw") : NULL, &cbs, NULL);
}
