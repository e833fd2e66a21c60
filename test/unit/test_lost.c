/* SPDX-License-Identifier: MIT
 *
 * test_lost.c - what waits for a peer when it goes: it is counted, and told of where nobody else
 * would tell.
 */
#include "poll_client.h"
#include "server/server.h"
#include "trace.h"
#include "whole.h"

static struct poller poller;
static struct raw w;
static sio_session *session;
static sio_socket *sock;

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  if (l->level <= SIO_LOG_WARN) trace("%s: %s\n", l->part, l->text);
}

static void on_open(sio_session *c, void *user) {
  (void)user;
  session = c;
}

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  sock = s;
}

static void start(void) {
  traced[0] = '\0';
  w.fd = -1;
  poller = (struct poller)POLLER;
  whole_start(&(sio_options){ .log = on_log, .close_timeout_ms = 1000 });
  sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open }, NULL);
  sio_on_connect(root, on_connect, NULL);
}

static void stop(void) {
  raw_close(&w);
  poller_close(&poller);
  whole_stop();
}

static bool over_polling(void) {
  start();
  return poller_open(&poller, srv, "/socket.io/") && poller_post(&poller, "40") &&
         poller_get(&poller) && raw_expect(&poller.get, "40{");
}

static bool over_websocket(void) {
  start();
  return raw_open(&w, srv) && raw_upgrade(&w, "/socket.io/?EIO=4&transport=websocket") &&
         raw_expect(&w, "0{") && raw_text(&w, "40") && raw_expect(&w, "40{");
}

static void later(uint64_t ms) {
  sio__timers_fire_due(&srv->core.loop.timers, uv_now(&uv) + ms);
  turn();
}

static uint64_t lost(void) {
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  return st.bytes_lost;
}

/* More than the kernel takes, so that the rest waits here. */
static void flood(void) {
  static char text[1 << 16];
  memset(text, 'x', sizeof text - 1);
  for (int i = 0; i < 60; i++) EQ(sio_emit(sock, "big", SIO_ARGS(text)), 0);
  turn();
}

/* ---- over polling -------------------------------------------------------------------------- */

TEST(what_is_fetched_after_the_close_is_not_lost) {
  REQUIRE(over_polling());
  EQ(sio_emit(sock, "bye", SIO_NONE), 0);
  sio_session_close(session, NULL);
  CHECK(poller_get(&poller) && raw_expect(&poller.get, "42[\"bye\"]"));
  CHECK(poller_get(&poller) && raw_expect(&poller.get, "\r\n\r\n6\x1e"
                                                       "1"));
  later(2000);
  EQ(lost(), 0);
  SAW("");
  stop();
}

TEST(what_nobody_fetches_until_the_close_times_out_is) {
  REQUIRE(over_polling());
  EQ(sio_emit(sock, "bye", SIO_NONE), 0);
  sio_session_close(session, NULL);
  turn();
  EQ(lost(), 0);
  later(2000);
  EQ(lost(), strlen("42[\"bye\"]"));
  SAW("eio:  did not fetch 9 bytes: they are lost\n");
  stop();
}

TEST(what_waits_for_a_client_that_goes_is_counted_and_its_end_is_told_anyway) {
  REQUIRE(over_polling());
  EQ(sio_emit(sock, "bye", SIO_NONE), 0);
  REQUIRE(poller_post(&poller, "1"));
  turn();
  EQ(lost(), 9);
  SAW("");
  stop();
}

TEST(without_memory_for_the_answer_all_of_it_is) {
  char text[5000];
  memset(text, 'x', sizeof text);
  REQUIRE(over_polling());
  REQUIRE(poller_get(&poller));
  turn();
  EQ(sio_emit(sock, "bye", SIO_ARGS(sio_strn(text, sizeof text))), 0);
  alloc_fail_all();
  turn();
  alloc_fail_in(0);
  turn();
  EQ(lost(), strlen("42[\"bye\",\"\"]") + sizeof text);
  CHECK(strstr(saw(), "lost: out of memory\n"));
  stop();
}

/* ---- over WebSocket ------------------------------------------------------------------------ */

TEST(a_websocket_that_is_not_read_loses_what_waits_when_the_close_times_out) {
  REQUIRE(over_websocket());
  flood();
  sio_session_close(session, NULL);
  turn();
  EQ(lost(), 0);
  later(2000);
  CHECK(lost() > 1 << 20);
  CHECK(strstr(saw(), "ws: : the WebSocket is closed, and ") != NULL);
  stop();
}

TEST(and_at_once_when_its_session_breaks) {
  REQUIRE(over_websocket());
  flood();
  later(25000);
  later(25000 + 20001);
  CHECK(lost() > 1 << 20);
  CHECK(strstr(saw(), "ping timeout"));
  stop();
}

TEST(a_stream_that_breaks_loses_what_waits) {
  REQUIRE(over_websocket());
  flood();
  raw_close(&w);
  for (int i = 0; i < 5; i++) turn();
  CHECK(lost() > 1 << 20);
  stop();
}

TESTS_BEGIN
T(what_is_fetched_after_the_close_is_not_lost)
T(what_nobody_fetches_until_the_close_times_out_is)
T(what_waits_for_a_client_that_goes_is_counted_and_its_end_is_told_anyway)
T(without_memory_for_the_answer_all_of_it_is)
T(a_websocket_that_is_not_read_loses_what_waits_when_the_close_times_out)
T(and_at_once_when_its_session_breaks)
T(a_stream_that_breaks_loses_what_waits)
TESTS_END
