/* SPDX-License-Identifier: MIT
 *
 * test_half_closed.c - peers that send a request and then shut their half of the stream down: they
 * are answered, however late. Those that are gone altogether are noticed at once, as before.
 */
#include "clock.h"
#include "poll_client.h"
#include "server/server.h"
#include "trace.h"
#include "whole.h"
#include <arpa/inet.h>

static struct poller poller;
static struct raw c;
static sio_request *asked;
static sio_next *verdict;
static sio_session *session;

static void on_open(sio_session *s, void *user) {
  (void)user;
  session = s;
}

static void on_close(sio_session *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  session = NULL;
  trace("%s (%s) ", sio_reason_str(why->reason), why->detail);
}

static void on_route(sio_request *r, void *user) {
  (void)user;
  asked = r;
}

static void allow(sio_request *r, sio_next *next, void *user) {
  (void)r, (void)user;
  verdict = next;
}

static void start(const sio_options *o) {
  traced[0] = '\0';
  c.fd = -1;
  asked = NULL;
  verdict = NULL;
  session = NULL;
  poller = (struct poller)POLLER;
  whole_start(o);
  sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open, .close = on_close }, NULL);
  EQ(sio_route(srv, "GET", "/later", 0, on_route, NULL), 0);
}

static void stop(void) {
  raw_close(&c);
  poller_close(&poller);
  whole_stop();
}

static void turns(void) {
  for (int i = 0; i < 8; i++) turn();
}

static void half_close(struct raw *of) {
  shutdown(of->fd, SHUT_WR);
  turns();
}

TEST(a_route_that_answers_later_does) {
  start(NULL);
  REQUIRE(raw_open(&c, srv) && raw_get(&c, "/later"));
  half_close(&c);
  REQUIRE(asked != NULL);
  EQ(sio_respond(asked, 200, "text/plain", sio_text("at last")), 0);
  CHECK(raw_expect(&c, "HTTP/1.1 200 OK") && raw_expect(&c, "at last") && raw_expect_end(&c));
  EQ(srv->core.loop.nconns, 0);
  stop();
}

TEST(a_poll_that_waits_is_answered_when_there_is_something_to_say) {
  start(NULL);
  REQUIRE(poller_open(&poller, srv, "/socket.io/") && poller_get(&poller));
  half_close(&poller.get);
  CHECK(session != NULL);
  EQ(sio_session_send(session, 0, false, sio_text("news")), 0);
  CHECK(raw_expect(&poller.get, "200 OK") && raw_expect(&poller.get, "4news"));
  CHECK(raw_expect_end(&poller.get));
  REQUIRE(poller_get(&poller));
  EQ(sio_session_send(session, 0, false, sio_text("more")), 0);
  CHECK(raw_expect(&poller.get, "4more"));
  SAW("");
  stop();
}

TEST(so_is_a_post_that_waits_until_its_peer_is_within_its_limits) {
  start(&(sio_options){ .packets_per_s = 1 });
  REQUIRE(poller_open(&poller, srv, "/socket.io/"));
  REQUIRE(raw_open(&c, srv) && raw_request(&c, "POST", poller.path, "",
                                           "40\x1e"
                                           "3\x1e"
                                           "3"));
  half_close(&c);
  CHECK(session != NULL && !memmem(c.in, c.n, "200 OK", 6));
  /* One packet a second is read, and the answer is owed until the last one was. */
  for (int i = 0; i < 5; i++) {
    clock_ms += 1000;
    sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
    turns();
  }
  CHECK(raw_expect(&c, "200 OK") && raw_expect(&c, "ok") && raw_expect_end(&c));
  CHECK(session != NULL);
  stop();
}

TEST(so_is_a_handshake_that_the_host_decides_later) {
  start(&(sio_options){ .allow_request = allow });
  REQUIRE(raw_open(&c, srv) && raw_get(&c, "/socket.io/?EIO=4&transport=polling"));
  half_close(&c);
  REQUIRE(verdict != NULL);
  sio_next_ok(verdict);
  CHECK(raw_expect(&c, "200 OK") && raw_expect(&c, "0{\"sid\":") && raw_expect_end(&c));
  CHECK(session != NULL);
  REQUIRE(raw_open(&c, srv) && raw_get(&c, "/socket.io/?EIO=4&transport=polling"));
  half_close(&c);
  sio_next_fail(verdict, "no", sio_null());
  CHECK(raw_expect(&c, "403 ") && raw_expect(&c, "\"no\"") && raw_expect_end(&c));
  stop();
}

TEST(a_websocket_that_half_closes_is_over) {
  start(NULL);
  REQUIRE(raw_open(&c, srv) && raw_upgrade(&c, "/socket.io/?EIO=4&transport=websocket") &&
          raw_expect(&c, "0{"));
  half_close(&c);
  SAW("transport close (the peer ended the connection without a close frame) ");
  CHECK(raw_expect_end(&c));
  stop();
}

TEST(and_one_whose_handshake_waits_opens_none) {
  start(&(sio_options){ .allow_request = allow });
  REQUIRE(raw_open(&c, srv) &&
          raw_request(&c, "GET", "/socket.io/?EIO=4&transport=websocket",
                      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                      NULL));
  turns();
  half_close(&c);
  REQUIRE(verdict != NULL);
  sio_next_ok(verdict);
  turns();
  CHECK(session == NULL);
  EQ(srv->core.loop.nconns, 0);
  stop();
}

/* ---- a POST whose session is upgraded before its body is complete ---------------------------- */

static struct raw websocket = { .fd = -1 };

/* Leaves c with a POST of 10 bytes, of which two have come, and its session with a WebSocket. */
static bool upgrade_during_post(void) {
  char text[400];
  start(NULL);
  bool ok = poller_open(&poller, srv, "/socket.io/") && raw_open(&c, srv);
  snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n40",
           poller.path);
  ok = ok && raw_send(&c, text, strlen(text));
  turns();
  snprintf(text, sizeof text, "/socket.io/?EIO=4&transport=websocket&sid=%s", poller.sid);
  ok = ok && raw_open(&websocket, srv) && raw_upgrade(&websocket, text) &&
       raw_text(&websocket, "2probe") && raw_expect(&websocket, "3probe") &&
       raw_text(&websocket, "5");
  turns();
  return ok && session;
}

static void stop_upgraded(void) {
  EQ(sio_session_send(session, 0, false, sio_text("news")), 0);
  CHECK(raw_expect(&websocket, "4news"));
  raw_close(&websocket);
  stop();
}

TEST(a_post_of_a_session_that_was_upgraded_may_end_before_its_body) {
  REQUIRE(upgrade_during_post());
  half_close(&c);
  CHECK(raw_expect_end(&c));
  stop_upgraded();
}

TEST(a_post_of_a_session_that_was_upgraded_may_become_complete) {
  REQUIRE(upgrade_during_post());
  REQUIRE(raw_send(&c, "12345678", 8));
  CHECK(raw_expect_end(&c));
  stop_upgraded();
}

TEST(a_request_may_come_behind_a_post_of_a_session_that_was_upgraded) {
  REQUIRE(upgrade_during_post());
  static const char more[] = "12345678GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
  REQUIRE(raw_send(&c, more, sizeof more - 1));
  CHECK(raw_expect_end(&c));
  stop_upgraded();
}

/* ---- peers that are gone --------------------------------------------------------------------- */

TEST(a_poll_whose_peer_is_gone_ends_its_session_at_once) {
  start(NULL);
  REQUIRE(poller_open(&poller, srv, "/socket.io/") && poller_get(&poller));
  turns();
  raw_close(&poller.get);
  turns();
  SAW("transport error (poll connection closed prematurely) ");
  stop();
}

static bool open_tcp(struct raw *r) {
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)sio_port(srv)) };
  *r = (struct raw){ .loop = &uv, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  if (connect(r->fd, (struct sockaddr *)&to, sizeof to)) return false;
  return fcntl(r->fd, F_SETFL, O_NONBLOCK) == 0;
}

TEST(also_over_tcp_where_a_fin_alone_does_not_say_so) {
  start(NULL);
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  REQUIRE(poller_open(&poller, srv, "/socket.io/"));
  REQUIRE(open_tcp(&c) && raw_get(&c, poller.path));
  turns();
  raw_close(&c);
  for (int i = 0; i < 1000 && session; i++) turn();
  SAW("transport error (poll connection closed prematurely) ");
  stop();
}

TEST(and_those_that_wait_there_are_answered) {
  start(NULL);
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  REQUIRE(poller_open(&poller, srv, "/socket.io/"));
  REQUIRE(open_tcp(&c) && raw_get(&c, poller.path));
  half_close(&c);
  for (int i = 0; i < 100; i++) turn();
  REQUIRE(session != NULL);
  EQ(sio_session_send(session, 0, false, sio_text("news")), 0);
  CHECK(raw_expect(&c, "4news") && raw_expect_end(&c));
  stop();
}

/* ---- the log ------------------------------------------------------------------------------- */

static void on_warning(const sio_log_line *l, void *user) {
  (void)user;
  if (l->level <= SIO_LOG_WARN) trace("logged: %s ", l->text);
}

TEST(that_a_client_goes_is_no_warning) {
  start(&(sio_options){ .log = on_warning });
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  REQUIRE(poller_open(&poller, srv, "/socket.io/") && poller_get(&poller));
  turns();
  raw_close(&poller.get);
  turns();
  SAW("transport error (poll connection closed prematurely) ");
  REQUIRE(open_tcp(&c) && raw_upgrade(&c, "/socket.io/?EIO=4&transport=websocket"));
  turns();
  setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
  raw_close(&c); /* sends a reset */
  for (int i = 0; i < 1000 && session; i++) turn();
  CHECK(!strstr(saw(), "logged"));
  stop();
}

TESTS_BEGIN
T(a_route_that_answers_later_does)
T(a_poll_that_waits_is_answered_when_there_is_something_to_say)
T(so_is_a_post_that_waits_until_its_peer_is_within_its_limits)
T(so_is_a_handshake_that_the_host_decides_later)
T(a_websocket_that_half_closes_is_over)
T(and_one_whose_handshake_waits_opens_none)
T(a_post_of_a_session_that_was_upgraded_may_end_before_its_body)
T(a_post_of_a_session_that_was_upgraded_may_become_complete)
T(a_request_may_come_behind_a_post_of_a_session_that_was_upgraded)
T(a_poll_whose_peer_is_gone_ends_its_session_at_once)
T(also_over_tcp_where_a_fin_alone_does_not_say_so)
T(and_those_that_wait_there_are_answered)
T(that_a_client_goes_is_no_warning)
TESTS_END
