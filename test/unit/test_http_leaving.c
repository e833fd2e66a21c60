/* SPDX-License-Identifier: MIT
 *
 * test_http_leaving.c - peers that close or half-close their connection, and requests that are
 * still owed an answer.
 */
#include "http_rig.h"

TEST(a_peer_that_leaves_a_parked_request_is_noticed_at_once) {
  rig_open();
  rig->park = true;
  ask(GET("/"));
  close(rig->fd);
  rig->fd = -1;
  rig_turns();
  IS(rig->notes, "head request abort");
  EQ(rig->err, UV_ECONNABORTED);
  EQ(rig->http.nconns, 0);
  rig_close();
}

static void half_close(void) {
  shutdown(rig->fd, SHUT_WR);
  rig_turns();
}

TEST(a_peer_that_half_closes_is_answered_later) {
  rig_open();
  rig->park = true;
  ask(POST("Content-Length: 2\r\n", "hi"));
  half_close();
  IS(rig->notes, "head request");
  EQ(rig->http.nconns, 1);
  rig_echo(rig->req);
  const char *answer = hear();
  CHECK(strncmp(answer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 42) == 0);
  CHECK(strstr(answer, "Connection: close\r\n") && strstr(answer, "POST /? hi"));
  CHECK(rig->fin);
  IS(rig->notes, "head request");
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(also_where_its_mount_decides_later_and_the_body_is_here) {
  rig_open();
  rig->hold = true;
  ask(POST("Content-Length: 2\r\n", "hi"));
  half_close();
  IS(rig->notes, "head");
  sio__request_allow_reading_body(rig->req);
  CHECK(strstr(hear(), "POST /? hi") != NULL);
  CHECK(rig->fin);
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(a_body_that_will_not_come_any_more_is_an_abort) {
  rig_open();
  rig->hold = true;
  ask(POST("Content-Length: 3\r\n", "hi"));
  half_close();
  sio__request_allow_reading_body(rig->req);
  rig_turns();
  IS(rig->notes, "head abort");
  EQ(rig->err, UV_ECONNABORTED);
  hear();
  CHECK(rig->fin);
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(requests_that_came_before_the_fin_are_all_answered) {
  rig_open();
  rig->park = true;
  ask(GET("/a") GET("/b") "GET /c HT");
  half_close();
  rig_echo(rig->req);
  rig_turns();
  IS(rig->notes, "head request head request");
  rig_echo(rig->req);
  const char *answer = hear();
  CHECK(strstr(answer, "GET /a?") && strstr(answer, "GET /b?"));
  CHECK(rig->fin);
  IS(rig->notes, "head request head request");
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(a_peer_that_half_closes_and_goes_aborts_its_request) {
  rig_open();
  rig->park = true;
  ask(GET("/"));
  half_close();
  IS(rig->notes, "head request");
  close(rig->fd);
  rig->fd = -1;
  rig_turns();
  IS(rig->notes, "head request abort");
  EQ(rig->err, UV_ECONNABORTED);
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(one_that_reads_nothing_does_not_stay) {
  static char big[900000];
  memset(big, 'b', sizeof big);
  rig_open();
  rig->park = true;
  ask(GET("/"));
  half_close();
  sio__request_answer(rig->req, 200, NULL, slice(big, sizeof big));
  rig_turns();
  EQ(rig->http.nconns, 1);
  for (int i = 0; i < 2; i++) rig_pass(30001);
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(of_http_1_0_only_those_wait_whose_answer_is_owed_anyway) {
  rig_open();
  rig->park = true;
  ask("GET / HTTP/1.0\r\n\r\n");
  half_close();
  IS(rig->notes, "head request abort");
  rig_connect();
  ask("GET / HTTP/1.0\r\n\r\n");
  rig->req->answer_owed = true;
  half_close();
  rig_echo(rig->req);
  CHECK(strncmp(hear(), "HTTP/1.1 200 OK\r\n", 17) == 0);
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(a_websocket_handshake_does_not_wait) {
  rig_open();
  rig->park = true;
  ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  half_close();
  IS(rig->notes, "head request abort");
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(a_peer_that_leaves_in_the_body_is_an_abort_and_in_the_head_is_not) {
  rig_open();
  ask(POST("Content-Length: 3\r\n", "a"));
  shutdown(rig->fd, SHUT_WR);
  rig_turns();
  IS(rig->notes, "head abort");
  rig_connect();
  ask("GET / HT");
  shutdown(rig->fd, SHUT_WR);
  EQ(strlen(hear()), 0);
  CHECK(rig->fin);
  IS(rig->notes, "head abort");
  EQ(rig->http.nconns, 0);
  rig_close();
}

static sio_request *owed;

static void keep_it(sio_request *r, int err, const char *detail) {
  (void)err;
  (void)detail;
  note("kept");
  r->answer_owed = true;
  owed = r;
}

static void hear_of_it(sio_request *r) {
  (void)r;
  note("answered");
}

TEST(a_mount_hears_of_an_answer_that_somebody_else_gives) {
  rig_open();
  rig->park = true;
  rig->mount.on_answered = hear_of_it;
  ask(GET("/"));
  IS(rig->notes, "head request");
  EQ(sio_respond(rig->req, 200, NULL, SLICE("")), 0);
  IS(rig->notes, "head request answered");
  EQ(status_of(hear()), 200);
  rig_close();
}

TEST(a_mount_hears_of_a_refusal_and_of_a_leaving_peer_as_an_abort_alone) {
  rig_open();
  rig->max_body = 2;
  rig->mount.on_answered = hear_of_it;
  EQ(status_of(ask(POST("Content-Length: 3\r\n", ""))), 413);
  IS(rig->notes, "head abort");
  rig_connect();
  ask(POST("Content-Length: 2\r\n", "a"));
  close(rig->fd);
  rig->fd = -1;
  rig_turns();
  IS(rig->notes, "head abort head abort");
  rig_close();
}

TEST(an_answer_still_owed_is_thrown_away) {
  rig_open();
  rig->park = true;
  rig->mount.on_abort = keep_it;
  rig->mount.on_answered = hear_of_it;
  ask(GET("/path"));
  close(rig->fd);
  rig->fd = -1;
  rig_turns();
  IS(rig->notes, "head request kept");
  EQ_MEM(owed->path.p, owed->path.n, "/path", 5);
  IS(sio_request_info_of(owed).address, "");
  EQ(sio_respond_header(owed, "X-A", "b"), 0);
  EQ(sio_respond(owed, 200, NULL, SLICE("late")), SIO_ECLOSED);
  EQ(sio_respond(owed, 200, NULL, SLICE("late")), SIO_ESTATE);
  IS(rig->notes, "head request kept answered");
  rig_turns();
  rig_close();
}

TEST(a_refused_request_may_be_kept_too_and_an_owed_one_outlives_the_server) {
  rig_open();
  rig->max_body = 2;
  rig->mount.on_abort = keep_it;
  EQ(status_of(ask(POST("Content-Length: 3\r\n", ""))), 413);
  IS(rig->notes, "head kept");
  EQ(sio_respond(owed, 200, NULL, SLICE("late")), SIO_ECLOSED);
  rig_connect();
  EQ(status_of(ask(POST("Content-Length: 3\r\n", ""))), 413);
  rig_close();
  IS(sio_request_info_of(owed).address, "");
  EQ(sio_respond(owed, 200, NULL, SLICE("late")), SIO_ECLOSED);
}

TESTS_BEGIN
T(a_peer_that_leaves_a_parked_request_is_noticed_at_once)
T(a_peer_that_half_closes_is_answered_later)
T(also_where_its_mount_decides_later_and_the_body_is_here)
T(a_body_that_will_not_come_any_more_is_an_abort)
T(requests_that_came_before_the_fin_are_all_answered)
T(a_peer_that_half_closes_and_goes_aborts_its_request)
T(one_that_reads_nothing_does_not_stay)
T(of_http_1_0_only_those_wait_whose_answer_is_owed_anyway)
T(a_websocket_handshake_does_not_wait)
T(a_peer_that_leaves_in_the_body_is_an_abort_and_in_the_head_is_not)
T(a_mount_hears_of_an_answer_that_somebody_else_gives)
T(a_mount_hears_of_a_refusal_and_of_a_leaving_peer_as_an_abort_alone)
T(an_answer_still_owed_is_thrown_away)
T(a_refused_request_may_be_kept_too_and_an_owed_one_outlives_the_server)
TESTS_END
