/* SPDX-License-Identifier: MIT
 *
 * test_stalled.c - deadlines of peers that were met while the host kept the loop: each is given
 * once more, once; those of the host's own are not.
 */
#include "clock.h"
#include "core/nsp.h"
#include "eio/session.h"
#include "poll_client.h"
#include "server/server.h"
#include "whole.h"

static struct poller p = POLLER;
static struct raw w;
static sio_next *parked;
static unsigned connects, disconnects;

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  connects++;
  sio_socket_set_deadline(s, 10000);
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  disconnects++;
}

static void park(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  parked = next;
}

static void park_match(sio_server *server, const char *name, sio_slice auth, sio_next *next,
                       void *user) {
  (void)server, (void)name, (void)auth, (void)user;
  parked = next;
}

static void start(void) {
  sio_nsp *slow;
  connects = disconnects = 0;
  parked = NULL;
  w.fd = -1;
  whole_start(&(sio_options){ .middleware_timeout_ms = 5000,
                              .packet_timeout_ms = 5000,
                              .connect_timeout_ms = 10000,
                              .upgrade_timeout_ms = 10000,
                              .close_timeout_ms = 10000,
                              .ping_interval_ms = 1000000 });
  if (sio_on_connect(root, on_connect, NULL) || sio_on_disconnect(root, on_disconnect, NULL) ||
      sio_of(srv, "/slow", &slow) || sio_use(slow, park, NULL) ||
      sio_of_match(srv, park_match, NULL, NULL))
    abort();
}

static void turns(void) {
  for (int i = 0; i < 10; i++) turn();
}

/* So much passes in which the loop is blocked; then the deadlines are met. */
static void blocked_for(unsigned ms) {
  clock_ms += ms;
  srv->core.loop.late = true;
  sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
  srv->core.loop.late = false;
  turns();
}

static void later(unsigned ms) {
  clock_ms += ms;
  sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
  turns();
}

static void stop(void) {
  poller_close(&p);
  raw_close(&w);
  turns();
  if (parked) sio_next_fail(parked, "no", sio_null());
  sio_server_close(srv, on_done, NULL);
  for (int i = 0; i < 50 && !closed; i++) later(1000);
  whole_gone();
}

static size_t sessions(void) {
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  return (size_t)st.sessions;
}

static bool open_ws(void) {
  return raw_open(&w, srv) && raw_upgrade(&w, "/socket.io/?EIO=4&transport=websocket") &&
         raw_expect(&w, "0{");
}

static bool join(void) { return open_ws() && raw_text(&w, "40") && raw_expect(&w, "40{"); }

static bool is_left_open(struct raw *c) {
  turns();
  raw_read(c);
  return !c->fin;
}

TEST(to_join_a_namespace) {
  start();
  CHECK(open_ws());
  blocked_for(10001);
  EQ(sessions(), 1);
  later(9999);
  EQ(sessions(), 1);
  later(2);
  EQ(sessions(), 0);
  stop();
}

TEST(it_is_given_once) {
  start();
  CHECK(open_ws());
  blocked_for(10001);
  EQ(sessions(), 1);
  blocked_for(10001);
  EQ(sessions(), 0);
  stop();
}

TEST(to_upgrade) {
  start();
  CHECK(poller_open(&p, srv, "/socket.io/") && poller_post(&p, "40") &&
        poller_upgrade(&p, &w, "/socket.io/"));
  blocked_for(10001);
  CHECK(is_left_open(&w));
  CHECK(raw_text(&w, "2probe") && raw_expect(&w, "3probe"));
  later(9999);
  CHECK(is_left_open(&w));
  later(2);
  CHECK(raw_expect(&w, "\x88"));
  stop();
}

TEST(for_the_attachments_of_a_packet) {
  start();
  CHECK(join() && raw_text(&w, "451-[\"x\",{\"_placeholder\":true,\"num\":0}]"));
  turns();
  blocked_for(5001);
  EQ(sessions(), 1);
  later(5001);
  EQ(sessions(), 0);
  stop();
}

TEST(for_middleware) {
  start();
  CHECK(join() && raw_text(&w, "40/slow,"));
  turns();
  CHECK(parked != NULL);
  blocked_for(5001);
  CHECK(!raw_expect(&w, "44/slow,"));
  later(5001);
  CHECK(raw_expect(&w, "44/slow,{\"message\":\"timeout\"}"));
  stop();
}

TEST(for_a_namespace_to_be_made) {
  start();
  CHECK(join() && raw_text(&w, "40/asked,"));
  turns();
  CHECK(parked != NULL);
  blocked_for(5001);
  CHECK(!raw_expect(&w, "44/asked,"));
  later(5001);
  CHECK(raw_expect(&w, "44/asked,{\"message\":\"timeout\"}"));
  stop();
}

TEST(for_the_last_poll_of_a_session_that_ends) {
  start();
  CHECK(poller_open(&p, srv, "/socket.io/") && poller_post(&p, "40"));
  turns();
  sio_session_close(container_of(srv->eio.all.next, sio_session, link), NULL);
  turns();
  blocked_for(10001);
  CHECK(!list_is_empty(&srv->eio.all));
  CHECK(poller_get(&p) && raw_expect(&p.get, "40{"));
  stop();
}

TEST(for_a_websocket_s_close_frame) {
  start();
  CHECK(join());
  sio_session_close(container_of(srv->eio.all.next, sio_session, link), NULL);
  turns();
  blocked_for(10001);
  CHECK(is_left_open(&w));
  later(10001);
  CHECK(raw_expect_end(&w));
  stop();
}

TEST(for_a_head_and_for_a_body) {
  static const char head[] = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
  start();
  CHECK(raw_open(&w, srv) && raw_send(&w, head, 10));
  turns();
  blocked_for(10001);
  CHECK(is_left_open(&w));
  CHECK(raw_send(&w, head + 10, sizeof head - 11) && is_left_open(&w));
  later(9999);
  CHECK(is_left_open(&w));
  stop();
}

TEST(not_what_the_host_said_of_a_socket) {
  start();
  CHECK(join());
  EQ(connects, 1);
  blocked_for(10001);
  EQ(disconnects, 1);
  stop();
}

TEST(for_the_rest_of_a_message) {
  start();
  CHECK(join());
  CHECK(raw_frame(&w, 0x01, "42[", 3));
  turns();
  blocked_for(5001);
  later(4999);
  EQ(sessions(), 1);
  CHECK(raw_frame(&w, 0x80, "\"a\"]", 4));
  turns();
  later(10000);
  EQ(sessions(), 1);
  CHECK(raw_frame(&w, 0x01, "42[", 3));
  turns();
  later(5001);
  EQ(sessions(), 0);
  stop();
}

/* ---- attachments over polling --------------------------------------------------------------- */

/* The head of a POST of 5 bytes; they come later. */
static bool begin_post(struct raw *c) {
  char head[400];
  int n = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
                   p.path);
  return raw_open(c, srv) && raw_send(c, head, (size_t)n);
}

static bool wait_for_attachment(void) {
  return poller_open(&p, srv, "/socket.io/") && poller_post(&p, "40") &&
         poller_post(&p, "451-[\"x\",{\"_placeholder\":true,\"num\":0}]") && begin_post(&w);
}

TEST(each_byte_of_a_post_gives_its_attachment_more_time) {
  static const char body[] = "bAAEC";
  start();
  REQUIRE(wait_for_attachment());
  for (size_t i = 0; i < 5; i++) {
    CHECK(raw_send(&w, body + i, 1));
    turns();
    EQ(sessions(), 1);
    if (i < 4) later(4000);
  }
  CHECK(raw_expect(&w, "ok"));
  later(6000);
  EQ(sessions(), 1);
  stop();
}

TEST(a_post_that_does_not_go_on_gives_it_none) {
  start();
  REQUIRE(wait_for_attachment() && raw_send(&w, "bA", 2));
  turns();
  later(5001);
  later(5001);
  EQ(sessions(), 0);
  stop();
}

/* The session may end in the turn in which the time is up, and its client be freed after that. */
TEST(not_a_session_that_has_ended_already) {
  start();
  REQUIRE(join());
  CHECK(raw_text(&w, "451-[\"b\",{\"_placeholder\":true,\"num\":0}]"));
  turns();
  sio_session_close(sio_socket_session(root->members[0]),
                    &(sio_session_close_options){ .discard = true });
  later(5001);
  EQ(sessions(), 0);
  EQ(disconnects, 1);
  stop();
}

TESTS_BEGIN
T(to_join_a_namespace)
T(it_is_given_once)
T(to_upgrade)
T(for_the_attachments_of_a_packet)
T(for_middleware)
T(for_a_namespace_to_be_made)
T(for_the_last_poll_of_a_session_that_ends)
T(for_a_websocket_s_close_frame)
T(for_a_head_and_for_a_body)
T(not_what_the_host_said_of_a_socket)
T(for_the_rest_of_a_message)
T(each_byte_of_a_post_gives_its_attachment_more_time)
T(a_post_that_does_not_go_on_gives_it_none)
T(not_a_session_that_has_ended_already)
TESTS_END
