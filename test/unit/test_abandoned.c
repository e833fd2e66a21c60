/* SPDX-License-Identifier: MIT
 *
 * test_abandoned.c - WebSockets that outlive what they belonged to: bytes wait for a peer that does
 * not read, and it breaks a rule, or its session ends. What happens to them afterwards must not
 * reach the session, the probe or the route's handle, which are freed by then.
 */
#include "poll_client.h"
#include "server/server.h"
#include "trace.h"
#include "whole.h"

static struct poller poller;
static struct raw w;
static sio_session *session;
static sio_ws *plain;
static const char *const proxies[] = { "unix", NULL };

#define SOCK "/socket.io/?EIO=4&transport=websocket"

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  if (l->level == SIO_LOG_WARN && strcmp(l->part, "ws") == 0) trace("%.37s\n", l->text);
}

static void on_open(sio_session *c, void *user) {
  (void)user;
  session = c;
}

static void on_close(sio_session *c, const sio_close_info *why, void *user) {
  (void)c, (void)why, (void)user;
  session = NULL;
}

static void on_sent(int status, void *user) { trace("%s%d ", (const char *)user, status); }

static void plain_open(sio_ws *ws, void *user) {
  (void)user;
  plain = ws;
}

static void plain_close(sio_ws *ws, const sio_close_info *why, void *user) {
  (void)ws, (void)why, (void)user;
  plain = NULL;
}

static void start(const sio_options *o) {
  static const sio_ws_callbacks cbs = { .open = plain_open, .close = plain_close };
  sio_options all = o ? *o : (sio_options){ 0 };
  all.log = on_log;
  traced[0] = '\0';
  w.fd = -1;
  session = NULL;
  plain = NULL;
  poller = (struct poller)POLLER;
  whole_start(&all);
  sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open, .close = on_close }, NULL);
  EQ(sio_ws_route(srv, "/plain", &cbs, NULL), 0);
}

static void stop(void) {
  raw_close(&w);
  poller_close(&poller);
  whole_stop();
}

static void later(uint64_t ms) {
  sio__timers_fire_due(&srv->core.loop.timers, uv_now(&uv) + ms);
  turn();
}

static void turns(void) {
  for (int i = 0; i < 8; i++) turn();
}

/* What comes through is thrown away. */
static void read_all(void) {
  for (int i = 0; i < 400; i++) {
    raw_turn(&w);
    w.n = w.seen = 0;
  }
}

static size_t waiting(void) {
  size_t n = 0;
  list_each (it, next, &srv->core.loop.conns) n += container_of(it, struct conn, link)->out.bytes;
  return n;
}

/* A frame without a mask. */
static void break_a_rule(void) { CHECK(send(w.fd, "\x81\1x", 3, MSG_NOSIGNAL) == 3); }

/* The names of namespaces there are none of, until the refusals wait for a peer that reads none. */
static void be_refused_until_bytes_wait(void) {
  static char text[300000];
  memset(text, 'x', sizeof text);
  memcpy(text, "40/", 3);
  text[sizeof text - 1] = ',';
  w.wire.n = 0;
  wire_frame(&w.wire, 0x81, text, sizeof text);
  for (int i = 0; i < 60 && !waiting(); i++)
    for (size_t at = 0; at < w.wire.n && !waiting();) {
      ssize_t k = send(w.fd, w.wire.p + at, w.wire.n - at, MSG_NOSIGNAL);
      if (k > 0) at += (size_t)k;
      turn();
    }
  CHECK(waiting() > 0);
}

/* ---- a session ------------------------------------------------------------------------------- */

TEST(a_peer_that_did_not_join_breaks_a_rule_while_bytes_wait_for_it) {
  start(&(sio_options){ .max_unjoined = 16 << 20 });
  REQUIRE(raw_open(&w, srv) && raw_upgrade(&w, SOCK) && raw_expect(&w, "0{"));
  be_refused_until_bytes_wait();
  break_a_rule();
  turns();
  CHECK(session == NULL);
  later(31000);
  EQ(srv->core.loop.nconns, 0);
  stop();
}

static bool over_websocket(const sio_options *o) {
  start(o);
  return raw_open(&w, srv) && raw_upgrade(&w, SOCK) && raw_expect(&w, "0{") && session;
}

/* More than the kernel takes, and less than stops the reading from the peer. */
static void flood(void) {
  static char text[1 << 16];
  memset(text, 'x', sizeof text);
  for (int i = 0; i < 12; i++) EQ(sio_session_send(session, 0, false, slice(text, sizeof text)), 0);
  turn();
  CHECK(waiting() > 0);
}

TEST(its_lost_bytes_are_told_of_when_its_session_is_freed_already) {
  REQUIRE(over_websocket(NULL));
  flood();
  break_a_rule();
  turns();
  CHECK(session == NULL);
  later(31000);
  CHECK(strstr(saw(), ": the WebSocket is closed, and ") != NULL);
  EQ(srv->core.loop.nconns, 0);
  stop();
}

TEST(a_fence_that_passes_after_that_is_told_to_nobody) {
  REQUIRE(over_websocket(NULL));
  flood();
  EQ(sio_session_on_sent(session, on_sent, "sent"), 0);
  break_a_rule();
  turns();
  CHECK(session == NULL);
  CHECK(strstr(saw(), "sent-") != NULL);
  read_all();
  SAW("");
  stop();
}

TEST(a_close_frame_of_the_peer_that_leaves_bytes_waiting_is_the_same) {
  REQUIRE(over_websocket(NULL));
  flood();
  EQ(sio_session_on_sent(session, on_sent, "sent"), 0);
  REQUIRE(raw_frame(&w, 0x88, "\3\xe8", 2));
  turns();
  CHECK(session == NULL);
  saw();
  later(31000);
  EQ(srv->core.loop.nconns, 0);
  stop();
}

/* ---- a route's own --------------------------------------------------------------------------- */

static void flood_plain(void) {
  static char text[1 << 16];
  for (int i = 0; i < 12; i++) EQ(sio_ws_send(plain, true, slice(text, sizeof text)), 0);
  turn();
  CHECK(waiting() > 0);
}

TEST(a_plain_websocket_outlives_its_handle) {
  start(NULL);
  REQUIRE(raw_open(&w, srv) && raw_upgrade(&w, "/plain") && plain);
  flood_plain();
  break_a_rule();
  turns();
  CHECK(plain == NULL);
  later(31000);
  CHECK(strstr(saw(), ": the WebSocket is closed, and ") != NULL);
  EQ(srv->core.loop.nconns, 0);
  stop();
}

/* ---- a probe --------------------------------------------------------------------------------- */

static void long_answer(sio_request *r, bool initial, void *user) {
  static char value[4000];
  char name[16];
  (void)initial, (void)user;
  memset(value, 'v', sizeof value - 1);
  for (int i = 0; i < 12; i++) {
    snprintf(name, sizeof name, "x-%d", i);
    EQ(sio_respond_header(r, name, value), 0);
  }
}

/* A connection whose kernel buffer takes little. */
static bool open_narrow(void) {
  int pair[2];
  w = (struct raw){ .loop = &uv, .fd = -1 };
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int));
  w.fd = pair[1];
  return sio_accept(srv, &(sio_accept_options){ .fd = pair[0] }) == 0;
}

static bool on_trial(void) {
  char url[240];
  start(NULL);
  bool ok = poller_open(&poller, srv, "/socket.io/");
  sio_on_engine_headers(srv, long_answer, NULL);
  snprintf(url, sizeof url, SOCK "&sid=%s", poller.sid);
  return ok && open_narrow() &&
         raw_request(&w, "GET", url,
                     "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                     NULL);
}

TEST(a_websocket_on_trial_outlives_its_probe) {
  REQUIRE(on_trial());
  turns();
  CHECK(waiting() > 0);
  break_a_rule();
  turns();
  CHECK(session != NULL);
  saw();
  later(31000);
  CHECK(strstr(saw(), ": the WebSocket is closed, and ") != NULL);
  stop();
}

/* ---- what it is called afterwards ---------------------------------------------------------- */

TEST(it_keeps_the_address_that_its_client_has_behind_a_proxy) {
  start(&(sio_options){ .trusted_proxies = proxies });
  REQUIRE(raw_open(&w, srv) &&
          raw_request(&w, "GET", SOCK,
                      "X-Forwarded-For: 1.2.3.4\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      "Sec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                      NULL) &&
          raw_expect(&w, "0{"));
  flood();
  break_a_rule();
  turns();
  later(31000);
  SAW("1.2.3.4: the WebSocket is closed, and\n");
  stop();
}

TEST(also_when_its_host_closes_it) {
  start(&(sio_options){ .trusted_proxies = proxies });
  REQUIRE(raw_open(&w, srv) &&
          raw_request(&w, "GET", SOCK,
                      "X-Forwarded-For: 1.2.3.4\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      "Sec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                      NULL) &&
          raw_expect(&w, "0{"));
  flood();
  sio_session_close(session, NULL);
  turns();
  later(31000);
  SAW("1.2.3.4: the WebSocket is closed, and\n");
  stop();
}

TESTS_BEGIN
T(a_peer_that_did_not_join_breaks_a_rule_while_bytes_wait_for_it)
T(its_lost_bytes_are_told_of_when_its_session_is_freed_already)
T(a_fence_that_passes_after_that_is_told_to_nobody)
T(a_close_frame_of_the_peer_that_leaves_bytes_waiting_is_the_same)
T(a_plain_websocket_outlives_its_handle)
T(a_websocket_on_trial_outlives_its_probe)
T(it_keeps_the_address_that_its_client_has_behind_a_proxy)
T(also_when_its_host_closes_it)
TESTS_END
