/* SPDX-License-Identifier: MIT
 *
 * bounds.c - a line for who is rejected or slowed down; GET /who says who asks.
 */
#include "bounds.h"

#include "flags.h"
#include "host.h"

#include <stdio.h>

void on_refused(sio_server *srv, const sio_rejection *r, void *user) {
  (void)srv, (void)user;
  say("refused %d %s: %s", r->cause, r->address, r->detail);
}

void on_limited(sio_server *srv, const sio_limited *l, void *user) {
  (void)srv, (void)user;
  say("limited %s %s %s", l->session ? "session" : "ws", l->limit,
      l->wait_ms ? "paused" : "closed");
}

static void on_open(sio_session *c, void *user) {
  (void)user;
  say("from %s by %s%s", sio_session_info_of(c).address, sio_session_info_of(c).peer,
      sio_session_info_of(c).secure ? " secure" : "");
}

static void on_who(sio_request *r, void *user) {
  char text[160];
  (void)user;
  snprintf(text, sizeof text, "%s by %s%s", sio_request_info_of(r).address,
           sio_request_info_of(r).peer, sio_request_info_of(r).secure ? " secure" : "");
  sio_respond(r, 200, "text/plain", sio_text(text));
}

int add_bounds(void) {
  static const sio_engine_hooks hooks = { .open = on_open };
  int err = sio_route(host.server, "GET", "/who", 0, on_who, NULL);
  if (!err && flag("proxies")) err = sio_on_engine(host.server, &hooks, NULL);
  return err;
}
