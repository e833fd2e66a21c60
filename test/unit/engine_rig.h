/* SPDX-License-Identifier: MIT
 *
 * engine_rig.h - a server with an engine without Socket.IO, at /raw, that echoes its messages.
 */
#ifndef SIO_TEST_ENGINE_RIG_H
#define SIO_TEST_ENGINE_RIG_H

#include "poll_client.h"
#include "server/server.h"
#include "trace.h"
#include "whole.h"

static struct raw a, b;
static struct poller poller;
static sio_session *session;

static inline void on_open(sio_session *c, void *user) {
  session = c;
  EQ(sio_session_set_data(c, user), 0);
  trace("open:%s ", (const char *)sio_session_data(c));
}

static inline void on_message(sio_session *c, bool binary, sio_slice data, void *user) {
  (void)user;
  trace("%s:%.*s ", binary ? "bytes" : "text", (int)data.n, data.p);
  EQ(sio_session_send(c, 0, binary, data), 0);
}

static inline void on_close(sio_session *c, const sio_close_info *why, void *user) {
  (void)user;
  if (c == session) session = NULL;
  trace("close:%s/%d/%s ", sio_reason_str(why->reason), why->ws_code, why->ws_text);
}

static inline void on_drop(sio_session *c, const sio_drop *d, void *user) {
  (void)c, (void)user;
  trace("drop:%d ", (int)d->events);
}

static inline void on_writable(sio_session *c, void *user) {
  (void)c, (void)user;
  trace("writable ");
}

static const sio_engine_callbacks echo = { .open = on_open,
                                           .message = on_message,
                                           .close = on_close,
                                           .drop = on_drop,
                                           .writable = on_writable };

static inline void start(const sio_options *o) {
  traced[0] = '\0';
  a.fd = b.fd = -1;
  poller = (struct poller)POLLER;
  session = NULL;
  whole_start(o);
}

static char name[] = "raw";

static inline void start_raw(const sio_options *o) {
  start(o);
  EQ(sio_engine_route(srv, "/raw", &echo, name), 0);
}

static inline void stop(void) {
  raw_close(&a);
  raw_close(&b);
  poller_close(&poller);
  whole_stop();
}

static inline void turns(void) {
  for (int i = 0; i < 3; i++) turn();
}

static inline void later(uint64_t ms) {
  sio__timers_fire_due(&srv->core.loop.timers, uv_now(&uv) + ms);
  turns();
}

static inline bool open_ws(struct raw *c, const char *path) {
  char url[160];
  snprintf(url, sizeof url, "%s?EIO=4&transport=websocket", path);
  return raw_open(c, srv) && raw_upgrade(c, url) && raw_expect(c, "0{");
}

#endif
