/* SPDX-License-Identifier: MIT
 *
 * test_pipelined.c - requests of one polling session that follow each other on one connection, the
 * first of which has to wait for its answer.
 */
#include "poll_client.h"
#include "whole.h"

static struct raw c;
static char poll[240], heard[200];

static void on_say(sio_socket *s, sio_event *e, void *user) {
  sio_slice arg = sio_event_json(e, 0);
  (void)s, (void)user;
  strncat(heard, arg.p, arg.n);
}

static void on_many(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, SIO_ARGS("taken"));
}

static void on_route(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 200, "text/plain", sio_text("a plain answer"));
}

/* A session that has joined, and whose queue is empty; its requests go to `poll`. */
static void start(const char *extra) {
  char sid[64], url[100];
  heard[0] = '\0';
  whole_start(&(sio_options){ .allow_eio3 = true });
  if (sio_on(root, "say", on_say, NULL) || sio_on(root, "many", on_many, NULL) ||
      sio_route(srv, "GET", "/plain", 0, on_route, NULL))
    abort();
  snprintf(url, sizeof url, "/socket.io/?EIO=%s&transport=polling", extra);
  CHECK(raw_open(&c, srv) && raw_get(&c, url) && raw_expect(&c, "sid") && raw_expect(&c, ":") &&
        raw_expect(&c, "\"") && raw_take(&c, extra[1] ? '\\' : '"', sid, sizeof sid));
  snprintf(poll, sizeof poll, "%s&sid=%s", url, sid);
  if (*extra == '4') CHECK(raw_request(&c, "POST", poll, "", "40") && raw_expect(&c, "ok"));
  CHECK(raw_get(&c, poll) && raw_expect(&c, "40"));
  turn();
  c.seen = c.n;
}

static void stop(void) {
  raw_close(&c);
  whole_stop();
}

/* Requests in one piece. */
static bool send_together(const char *const bodies[], const char *const paths[], unsigned n) {
  static char all[70000];
  size_t at = 0;
  for (unsigned i = 0; i < n; i++) {
    const char *b = bodies[i] ? bodies[i] : "";
    at += (size_t)snprintf(all + at, sizeof all - at,
                           "%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
                           bodies[i] ? "POST" : "GET", paths[i] ? paths[i] : poll, strlen(b), b);
  }
  return raw_send(&c, all, at);
}
#define TOGETHER(n, ...) send_together((const char *const[]){ __VA_ARGS__ }, paths, n)

static const char *const paths[4];

TEST(a_post_behind_a_poll_is_handled_at_once) {
  start("4");
  CHECK(TOGETHER(2, NULL, "42[\"say\",1]"));
  CHECK(raw_expect(&c, "\r\n\r\n6HTTP") && raw_expect(&c, "ok"));
  EQ_STR(heard, "1");
  stop();
}

TEST(one_that_comes_later_is_handled_at_once_too) {
  start("4");
  CHECK(raw_get(&c, poll));
  for (int i = 0; i < 5; i++) raw_turn(&c);
  EQ(c.seen, c.n);
  CHECK(raw_send(&c, "\r\n", 2)); /* no request yet */
  for (int i = 0; i < 5; i++) raw_turn(&c);
  EQ(c.n - c.seen, 0);
  CHECK(TOGETHER(1, "42[\"say\",2]"));
  CHECK(raw_expect(&c, "\r\n\r\n6HTTP") && raw_expect(&c, "ok"));
  EQ_STR(heard, "2");
  stop();
}

TEST(of_two_polls_the_second_waits) {
  start("4");
  CHECK(TOGETHER(2, NULL, NULL));
  CHECK(raw_expect(&c, "\r\n\r\n6"));
  for (int i = 0; i < 5; i++) raw_turn(&c);
  EQ(c.n - c.seen, 0);
  sio_broadcast((sio_target){ .nsp = root }, "news", SIO_ARGS(7));
  CHECK(raw_expect(&c, "42[\"news\",7]"));
  stop();
}

TEST(a_poll_a_post_and_a_poll_are_answered_in_their_order) {
  start("4");
  CHECK(TOGETHER(3, NULL, "42[\"say\",3]", NULL));
  CHECK(raw_expect(&c, "\r\n\r\n6HTTP") && raw_expect(&c, "ok"));
  sio_broadcast((sio_target){ .nsp = root }, "news", SIO_ARGS(8));
  CHECK(raw_expect(&c, "42[\"news\",8]"));
  EQ_STR(heard, "3");
  stop();
}

TEST(a_plain_request_behind_a_poll_is_answered_at_once) {
  start("4");
  CHECK(send_together((const char *const[]){ NULL, NULL }, (const char *const[]){ NULL, "/plain" },
                      2));
  CHECK(raw_expect(&c, "\r\n\r\n6HTTP") && raw_expect(&c, "a plain answer"));
  stop();
}

TEST(what_waits_for_the_poll_leaves_with_it_instead) {
  start("4");
  CHECK(raw_get(&c, poll));
  for (int i = 0; i < 5; i++) raw_turn(&c);
  sio_broadcast((sio_target){ .nsp = root }, "news", SIO_ARGS(9));
  CHECK(TOGETHER(1, "42[\"say\",4]"));
  CHECK(raw_expect(&c, "42[\"news\",9]HTTP") && raw_expect(&c, "ok"));
  EQ_STR(heard, "4");
  stop();
}

TEST(so_it_is_with_jsonp) {
  start("3&j=5");
  CHECK(TOGETHER(2, NULL, "d=12:42%5B%22say%22%2C51%5D"));
  CHECK(raw_expect(&c, "___eio[5](\"1:6\");") && raw_expect(&c, "ok"));
  EQ_STR(heard, "51");
  stop();
}

/* 400 replies are more than a peer is owed: the POST waits for the GET behind it. */
TEST(a_poll_behind_a_post_that_waits_for_it_takes_the_replies) {
  static char body[30000];
  start("4");
  for (unsigned i = 0, n = 0; i < 400; i++)
    n += (unsigned)snprintf(body + n, sizeof body - n, "%s42%u[\"many\"]", i ? "\x1e" : "", i);
  CHECK(TOGETHER(3, body, NULL, NULL));
  CHECK(raw_expect(&c, "ok") && raw_expect(&c, "430[\"taken\"]") &&
        raw_expect(&c, "43399[\"taken\"]"));
  stop();
}

/* The same, and the POST behind it keeps its place. */
TEST(a_post_behind_a_post_that_waits_is_handled_after_it) {
  static char body[30000];
  unsigned n = 0;
  struct raw other;
  start("4");
  for (unsigned i = 0; i < 400; i++)
    n += (unsigned)snprintf(body + n, sizeof body - n, "%s42%u[\"many\"]", i ? "\x1e" : "", i);
  snprintf(body + n, sizeof body - n,
           "\x1e"
           "42[\"say\",1]");
  CHECK(TOGETHER(2, body, "42[\"say\",2]"));
  CHECK(raw_expect(&c, "ok"));
  for (int i = 0; i < 5; i++) raw_turn(&c);
  EQ_STR(heard, "");
  for (int i = 0; i < 2; i++)
    CHECK(raw_open(&other, srv) && raw_get(&other, poll) && raw_expect(&other, "[\"taken\"]") &&
          (raw_close(&other), true));
  CHECK(raw_expect(&c, "ok"));
  EQ_STR(heard, "12");
  stop();
}

TEST(a_poll_behind_two_posts_that_wait_for_it_takes_the_replies_of_both) {
  static char body[30000];
  start("4");
  for (unsigned i = 0, n = 0; i < 400; i++)
    n += (unsigned)snprintf(body + n, sizeof body - n, "%s42%u[\"many\"]", i ? "\x1e" : "", i);
  CHECK(TOGETHER(4, body,
                 "42[\"say\",3]\x1e"
                 "42400[\"many\"]",
                 NULL, NULL));
  CHECK(raw_expect(&c, "ok") && raw_expect(&c, "ok") && raw_expect(&c, "430[\"taken\"]"));
  CHECK(raw_expect(&c, "43399[\"taken\"]") && raw_get(&c, poll));
  CHECK(raw_expect(&c, "43400[\"taken\"]"));
  EQ_STR(heard, "3");
  stop();
}

TESTS_BEGIN
T(a_post_behind_a_poll_is_handled_at_once)
T(one_that_comes_later_is_handled_at_once_too)
T(of_two_polls_the_second_waits)
T(a_poll_a_post_and_a_poll_are_answered_in_their_order)
T(a_plain_request_behind_a_poll_is_answered_at_once)
T(what_waits_for_the_poll_leaves_with_it_instead)
T(so_it_is_with_jsonp)
T(a_poll_behind_a_post_that_waits_for_it_takes_the_replies)
T(a_post_behind_a_post_that_waits_is_handled_after_it)
T(a_poll_behind_two_posts_that_wait_for_it_takes_the_replies_of_both)
TESTS_END
