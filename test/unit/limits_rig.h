/* SPDX-License-Identifier: MIT
 *
 * limits_rig.h - a whole server under limits: peers over socket pairs, which count as "unix", a
 * clock that is a variable, and a host that notes what it is told.
 *
 *     start((sio_options){ .packets_per_s = 10 });
 *     struct raw *c = joined(0);
 *     count_to(c, 1, 10);   ten events
 *     later(1000);
 *     stop();               nothing may be left
 */
#ifndef SIO_TEST_LIMITS_RIG_H
#define SIO_TEST_LIMITS_RIG_H

#include "alloc.h"
#include "base/deflate.h"
#include "clock.h"
#include "eio/session.h"
#include "raw_client.h"
#include "server/server.h"
#include "test.h"

static uv_loop_t uv;
static uv_async_t alive;
static sio_server *srv;
static struct raw peers[4];
static unsigned got, disconnects, sessions;
static int last_n;
static bool in_order, done;
static sio_close_info left;
static char told[4096], logged[8192], address[64], direct[64];

static const char *const unix_proxies[] = { "unix", "10.0.0.0/8", NULL };

/* ---- the host -------------------------------------------------------------------------------- */

static inline void wake(uv_async_t *a) { (void)a; }

static inline void add(char *to, size_t size, const char *what) {
  if (strlen(to) + strlen(what) + 2 < size) strcat(strcat(to, what), " ");
}

static inline void on_n(sio_socket *s, sio_event *e, void *user) {
  long long n = strtoll(sio_event_json(e, 0).p, NULL, 10);
  (void)s, (void)user;
  in_order &= n == last_n + 1;
  last_n = (int)n;
  got++;
}

static inline void on_connect(sio_socket *s, void *user) {
  (void)user;
  snprintf(address, sizeof address, "%s", sio_session_info_of(sio_socket_session(s)).address);
  snprintf(direct, sizeof direct, "%s", sio_session_info_of(sio_socket_session(s)).peer);
}

static inline void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  static char detail[100];
  (void)s, (void)user;
  disconnects++;
  left = *why;
  snprintf(detail, sizeof detail, "%s", why->detail);
  left.detail = detail;
}

static inline void on_open(sio_session *c, void *user) {
  (void)c, (void)user;
  sessions++;
}

static bool ends_who_is_limited;
static const sio_session_close_options *how_it_ends;

static inline void on_limited(sio_server *server, const sio_limited *l, void *user) {
  (void)server, (void)user;
  CHECK(!l->session != !l->ws);
  if (ends_who_is_limited && l->session) sio_session_close(l->session, how_it_ends);
  if (ends_who_is_limited && l->ws) sio_ws_close(l->ws, 1008, NULL);
  add(told, sizeof told, l->limit);
  add(told, sizeof told, l->wait_ms ? "paused" : "closed");
}

static inline void on_refused(sio_server *server, const sio_rejection *r, void *user) {
  char text[64];
  CHECK(server == srv && !user);
  snprintf(text, sizeof text, "%d:%s", r->cause, r->address);
  add(told, sizeof told, text);
}

static inline void on_log(const sio_log_line *l, void *user) {
  (void)user;
  add(logged, sizeof logged, l->text);
}

static inline void on_route(sio_request *r, void *user) {
  char text[200];
  (void)user;
  snprintf(text, sizeof text, "[%s|%s|%s]", sio_request_info_of(r).address,
           sio_request_info_of(r).peer, sio_request_info_of(r).secure ? "tls" : "plain");
  sio_respond(r, 200, "text/plain", sio_text(text));
}

static inline void plain_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)binary, (void)user;
  got++;
  sio_ws_send(w, false, data);
}

static inline void plain_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)w, (void)user;
  disconnects++;
  left = *why;
}

static inline int welcome_all(sio_request *r, void *user) {
  (void)r, (void)user;
  return 0;
}

static inline void set_up(void) {
  static const sio_ws_callbacks plain = { .message = plain_message, .close = plain_close };
  static const sio_ws_callbacks open = { .accept = welcome_all,
                                         .message = plain_message,
                                         .any_origin = true };
  sio_nsp *root;
  if (sio_of(srv, "/", &root) || sio_on(root, "n", on_n, NULL) ||
      sio_on_connect(root, on_connect, NULL) || sio_on_disconnect(root, on_disconnect, NULL) ||
      sio_route(srv, "GET", "/who", 0, on_route, NULL) ||
      sio_ws_route(srv, "/plain", &plain, NULL) || sio_ws_route(srv, "/open", &open, NULL) ||
      sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open }, NULL))
    abort();
}

static inline void start(sio_options o) {
  alloc_install();
  o.log = on_log;
  o.on_limited = on_limited;
  o.on_reject = on_refused;
  got = disconnects = sessions = 0;
  last_n = 0;
  in_order = true;
  done = ends_who_is_limited = false;
  how_it_ends = NULL;
  told[0] = logged[0] = address[0] = direct[0] = '\0';
  left = (sio_close_info){ 0 };
  for (size_t i = 0; i < 4; i++) peers[i].fd = -1;
  if (uv_loop_init(&uv) || uv_async_init(&uv, &alive, wake) || sio_server_new(&uv, &o, &srv))
    abort();
  set_up();
}

static inline void on_done(void *user) {
  (void)user;
  done = true;
}

static inline void turns(void) {
  for (int i = 0; i < 10; i++) uv_run(&uv, UV_RUN_NOWAIT);
}

static inline void later(unsigned ms) {
  while (ms > 0 && !done) {
    unsigned step = ms < 10 ? ms : 10;
    ms -= step;
    clock_ms += step;
    sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
    turns();
  }
}

static inline void stop(void) {
  for (size_t i = 0; i < 4; i++) raw_close(&peers[i]);
  turns();
  sio_server_close(srv, on_done, NULL);
  for (int i = 0; i < 50 && !done; i++) later(1000);
  CHECK(done);
  uv_close((uv_handle_t *)&alive, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

static inline sio_stats stats(void) {
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  return st;
}

/* ---- peers ----------------------------------------------------------------------------------- */

#define WS "/socket.io/?EIO=4&transport=websocket"
#define POLL "/socket.io/?EIO=4&transport=polling"

/* It has joined "/". */
static inline struct raw *joined(int i) {
  struct raw *c = &peers[i];
  bool ok = raw_open(c, srv) && raw_upgrade(c, WS) && raw_text(c, "40") && raw_expect(c, "40{");
  CHECK(ok);
  return c;
}

static inline void count_to(struct raw *c, int from, int to) {
  char text[40];
  for (int i = from; i <= to; i++) {
    snprintf(text, sizeof text, "42[\"n\",%d]", i);
    CHECK(raw_text(c, text));
  }
  turns();
}

static inline void get_as(struct raw *c, const char *path, const char *lines) {
  CHECK(raw_request(c, "GET", path, lines, NULL));
}

/* A polling session, joined; the query that names it. */
static inline const char *polling(struct raw *c) {
  static char query[120];
  char sid[64];
  CHECK(raw_open(c, srv) && raw_get(c, POLL) && raw_expect(c, "\"sid\":\"") &&
        raw_take(c, '"', sid, sizeof sid));
  snprintf(query, sizeof query, POLL "&sid=%s", sid);
  CHECK(raw_request(c, "POST", query, "", "40") && raw_expect(c, "ok"));
  CHECK(raw_get(c, query) && raw_expect(c, "40{\"sid\""));
  return query;
}

/* ---- behind proxies -------------------------------------------------------------------------- */

static inline void upgrade_for(int i, const char *path, const char *from, const char *want) {
  char lines[300];
  struct raw *c = &peers[i];
  CHECK(raw_open(c, srv));
  snprintf(lines, sizeof lines,
           "X-Forwarded-For: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
           from);
  get_as(c, path, lines);
  CHECK(raw_expect(c, want));
}

/* ---- PROXY headers --------------------------------------------------------------------------- */

static inline void is_from(struct raw *c, const char *lines, const char *want) {
  get_as(c, "/who", lines);
  bool heard = raw_expect(c, want);
  if (!heard) fprintf(stderr, "not %s in %s\n", want, c->in);
  CHECK(heard);
}

/* ---- requests that are refused --------------------------------------------------------------- */

static inline unsigned count_lines(const char *text) {
  unsigned n = 0;
  for (const char *at = logged; (at = strstr(at, text)); at++) n++;
  return n;
}

#endif
