/* SPDX-License-Identifier: MIT
 *
 * engine.c - a line for each thing that happens to a session.
 */
#include "engine.h"

#include "flags.h"
#include "host.h"

static void on_open(sio_session *c, void *user) {
  char text[64];
  (void)user;
  sio_slice h = sio_session_header(c, "x-custom");
  long n = sio_url_param(sio_session_info_of(c).url, "a", text, sizeof text);
  say("open %s address=%s x-custom=%.*s a=%s", sio_session_info_of(c).transport,
      sio_session_info_of(c).address, (int)h.n, h.n ? h.p : "", n < 0 ? "-" : text);
}

static void on_upgrading(sio_session *c, void *user) {
  (void)user;
  say("engine upgrading %s", sio_session_info_of(c).transport);
}

static void on_upgrade(sio_session *c, void *user) {
  (void)user;
  say("engine upgrade %s", sio_session_info_of(c).transport);
}

static void on_heartbeat(sio_session *c, void *user) {
  (void)user;
  say("engine heartbeat %s", sio_session_info_of(c).transport);
}

static void on_close(sio_session *c, const sio_close_info *why, void *user) {
  (void)c, (void)user;
  say("closed %s err=%d code=%d (%s)", sio_reason_str(why->reason), why->err, why->ws_code,
      why->detail);
}

static void tell_packet(const char *way, const sio_engine_packet *p) {
  say("tap %s %d %.*s", way, p->type, (int)p->data.n, p->data.n ? p->data.p : "");
}

static void on_packet(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)c, (void)user;
  tell_packet("in", p);
}

static void on_packet_create(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)c, (void)user;
  tell_packet("out", p);
}

static void on_flush(sio_session *c, void *user) {
  (void)user;
  say("tap flush %d", sio_session_info_of(c).queued > 0);
}

static void on_drain(sio_session *c, void *user) {
  (void)user;
  say("tap drain %d", sio_session_info_of(c).queued > 0);
}

static int add_taps(void) {
  static const sio_engine_hooks taps = {
    .packet = on_packet, .packet_create = on_packet_create, .flush = on_flush, .drain = on_drain
  };
  return sio_on_engine(host.server, &taps, NULL);
}

int add_engine_hooks(void) {
  static const sio_engine_hooks hooks = { .open = on_open,
                                          .upgrading = on_upgrading,
                                          .upgrade = on_upgrade,
                                          .heartbeat = on_heartbeat,
                                          .close = on_close };
  int err = sio_on_engine(host.server, &hooks, NULL);
  return !err && flag("taps") ? add_taps() : err;
}
