/* SPDX-License-Identifier: MIT
 *
 * test_shutdown.c - how long a server takes to close when its peers do not help: whole servers over
 * real bytes, and a clock that is moved by hand.
 */
#include "clock.h"
#include "poll_client.h"
#include "server/server.h"
#include "trace.h"
#include "whole.h"

static struct raw peers[5];
static sio_session *session;
static uint64_t began;

static void on_open(sio_session *c, void *user) {
  (void)user;
  session = c;
}

static void on_plain_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)w, (void)user;
  trace("plain:%d ", why->err == SIO_ETIMEOUT);
}

static void never(sio_request *r, void *user) {
  (void)r;
  *(sio_request **)user = r;
}

static sio_request *owed;

static void start(const sio_options *o) {
  traced[0] = '\0';
  for (int i = 0; i < 5; i++) peers[i].fd = -1;
  whole_start(o);
  began = clock_ms;
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open }, NULL), 0);
  EQ(sio_ws_route(srv, "/plain", &(sio_ws_callbacks){ .close = on_plain_close }, NULL), 0);
  EQ(sio_route(srv, NULL, "/never", 0, never, &owed), 0);
}

/* So long after the start. */
static void at(uint64_t ms) {
  clock_ms = began + ms;
  sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
  for (int i = 0; i < 5 && !closed; i++) turn();
}

static void finish(void) {
  whole_gone();
  for (int i = 0; i < 5; i++) raw_close(&peers[i]);
}

static void close_server(void) {
  EQ(sio_server_close(srv, on_done, NULL), 0);
  for (int i = 0; i < 3; i++) turn();
}

static bool open_ws(struct raw *c) {
  return raw_open(c, srv) && raw_upgrade(c, "/socket.io/?EIO=4&transport=websocket") &&
         raw_expect(c, "0{");
}

TEST(peers_that_do_not_answer_are_waited_for_five_seconds) {
  start(NULL);
  REQUIRE(open_ws(&peers[0]));
  REQUIRE(raw_open(&peers[1], srv) && raw_upgrade(&peers[1], "/plain"));
  close_server();
  at(4900);
  CHECK(!closed);
  at(5100);
  CHECK(closed);
  SAW("plain:1 ");
  finish();
}

TEST(so_is_one_that_was_closed_before_and_has_more_time_of_its_own) {
  start(NULL);
  REQUIRE(open_ws(&peers[0]));
  sio_session_close(session, NULL);
  for (int i = 0; i < 3; i++) turn();
  close_server();
  at(4900);
  CHECK(!closed);
  at(5100);
  CHECK(closed);
  finish();
}

TEST(a_request_that_is_never_answered_does_not_keep_the_server) {
  start(NULL);
  REQUIRE(raw_open(&peers[0], srv) && raw_get(&peers[0], "/never"));
  for (int i = 0; i < 3; i++) turn();
  close_server();
  at(5100);
  CHECK(closed);
  sio_respond(owed, 200, NULL, (sio_slice){ NULL, 0 });
  finish();
}

TEST(the_time_is_an_option_and_never_more_than_the_close_of_one) {
  start(&(sio_options){ .shutdown_timeout_ms = 20000 });
  REQUIRE(open_ws(&peers[0]));
  close_server();
  at(19900);
  CHECK(!closed);
  at(20100);
  CHECK(closed);
  finish();
  start(&(sio_options){ .close_timeout_ms = 700 });
  EQ(srv->opts.o.shutdown_timeout_ms, 700);
  REQUIRE(raw_open(&peers[0], srv) && raw_get(&peers[0], "/never"));
  for (int i = 0; i < 3; i++) turn();
  close_server();
  at(600);
  CHECK(!closed);
  at(800);
  CHECK(closed);
  sio_respond(owed, 200, NULL, (sio_slice){ NULL, 0 });
  finish();
}

TEST(peers_that_answer_are_not_waited_for) {
  start(NULL);
  REQUIRE(open_ws(&peers[0]));
  close_server();
  CHECK(raw_expect(&peers[0], "\x88"));
  REQUIRE(raw_frame(&peers[0], 0x88, "\x03\xe8", 2));
  for (int i = 0; i < 5 && !closed; i++) raw_turn(&peers[0]);
  raw_close(&peers[0]);
  for (int i = 0; i < 5 && !closed; i++) turn();
  CHECK(closed);
  finish();
}

TESTS_BEGIN
T(peers_that_do_not_answer_are_waited_for_five_seconds)
T(so_is_one_that_was_closed_before_and_has_more_time_of_its_own)
T(a_request_that_is_never_answered_does_not_keep_the_server)
T(the_time_is_an_option_and_never_more_than_the_close_of_one)
T(peers_that_answer_are_not_waited_for)
TESTS_END
