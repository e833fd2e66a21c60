/* SPDX-License-Identifier: MIT
 *
 * test_probe.c - a polling session and the WebSockets that want it: who gets it, and what is said
 * of the others.
 */
#include "poll_client.h"
#include "sio/server.h"
#include "trace.h"
#include "whole.h"

static struct poller poller;
static struct raw w, v;
static sio_session *session;

static void on_log(int level, const char *room, const char *text, void *user) {
  (void)room, (void)user;
  if (level == SIO_LOG_WARN) trace("%s\n", text);
}

static void on_open(sio_session *c, void *user) {
  (void)user;
  session = c;
}

static bool start(void) {
  traced[0] = '\0';
  w.fd = v.fd = -1;
  poller = (struct poller)POLLER;
  whole_start(&(sio_options){ .log = on_log });
  sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open }, NULL);
  return poller_open(&poller, srv, "/socket.io/");
}

static void stop(void) {
  raw_close(&w);
  raw_close(&v);
  poller_close(&poller);
  whole_stop();
}

static bool wants(struct raw *c) { return poller_upgrade(&poller, c, "/socket.io/"); }

TEST(a_websocket_that_is_on_trial_is_not_disturbed) {
  REQUIRE(start() && wants(&w) && wants(&v));
  SAW("a WebSocket of  is closed: another one is on trial\n");
  CHECK(raw_expect_n(&v, "\x88\0", 2));
  REQUIRE(raw_text(&w, "2probe") && raw_expect(&w, "3probe") && raw_text(&w, "5"));
  stop();
}

TEST(nor_is_one_that_has_the_session) {
  REQUIRE(start() && wants(&w) && raw_text(&w, "2probe") && raw_expect(&w, "3probe") &&
          raw_text(&w, "5"));
  turn();
  CHECK(sio_session_upgraded(session));
  REQUIRE(wants(&v));
  SAW("a WebSocket of  is closed: the session has moved to one already\n");
  CHECK(raw_expect_n(&v, "\x88\0", 2));
  REQUIRE(raw_text(&w, "40") && raw_expect(&w, "40{"));
  stop();
}

TEST(what_stands_behind_the_five_means_nothing) {
  REQUIRE(start() && wants(&w) && raw_text(&w, "2probe") && raw_expect(&w, "3probe") &&
          raw_text(&w, "52"));
  turn();
  CHECK(sio_session_upgraded(session));
  REQUIRE(raw_text(&w, "40") && raw_expect(&w, "40{"));
  stop();
}

TEST(a_session_that_is_over_wants_none) {
  REQUIRE(start());
  sio_session_close(session);
  REQUIRE(wants(&w));
  SAW("a WebSocket of  is closed: the session is over\n");
  CHECK(raw_expect_n(&w, "\x88\0", 2));
  stop();
}

TESTS_BEGIN
T(a_websocket_that_is_on_trial_is_not_disturbed)
T(nor_is_one_that_has_the_session)
T(what_stands_behind_the_five_means_nothing)
T(a_session_that_is_over_wants_none)
TESTS_END
