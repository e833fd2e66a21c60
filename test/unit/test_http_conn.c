/* SPDX-License-Identifier: MIT
 *
 * test_http_conn.c - connections: when they are kept, what is pipelined on them, timeouts,
 * upgrades and their end. What is said on them is in test_http_messages.c.
 */
#include "http_rig.h"

/* ---- keeping the connection -------------------------------------------------------- */

TEST(a_connection_serves_one_request_after_another) {
  rig_open();
  for (int i = 0; i < 5; i++) IS(body_of(ask(GET("/a"))), "GET /a? ");
  EQ(rig->http.stats.requests, 5);
  EQ(rig->http.nconns, 1);
  rig_close();
}

TEST(who_keeps_the_connection) {
  static const struct {
    const char *request;
    bool keeps;
  } t[] = {
    { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false },
    { "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false },
    { "GET / HTTP/1.0\r\n\r\n", false },
    { "GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", true },
    { "GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", false },
  };
  rig_open();
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    rig_connect();
    const char *a = ask(t[i].request);
    EQ(status_of(a), 200);
    CHECK(says(a, t[i].keeps ? "Connection: keep-alive\r\n" : "Connection: close\r\n"));
    EQ(rig->fin, !t[i].keeps);
  }
  rig_close();
}

static void answer_last(sio_request *r) {
  sio__request_disable_keep_alive(r);
  rig_echo(r);
}

TEST(a_mount_can_make_it_the_last_answer) {
  rig_open();
  rig->at_request = answer_last;
  CHECK(says(ask(GET("/")), "Connection: close\r\n"));
  CHECK(rig->fin);
  rig_close();
}

TEST(after_the_last_answer_bytes_are_dropped_until_the_peer_ends) {
  rig_open();
  ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EQ(rig->http.nconns, 1);
  EQ(strlen(ask(GET("/"))), 0);
  EQ(rig->http.stats.requests, 1);
  shutdown(rig->fd, SHUT_WR);
  rig_turns();
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(a_peer_that_does_not_end_after_the_last_answer_is_cut) {
  rig_open();
  ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EQ(rig->http.nconns, 1);
  rig_wait(1999);
  EQ(rig->http.nconns, 1);
  rig_wait(2);
  EQ(rig->http.nconns, 0);
  rig_close();
}

static void answer_500_bytes(sio_request *r) {
  static const char body[500];
  sio__request_answer(r, 200, NULL, slice(body, sizeof body));
}

/* Answers that the kernel has taken do not count. */
TEST(no_request_is_handled_while_64_kib_of_answers_wait) {
  rig_open();
  rig->at_request = answer_500_bytes;
  for (int i = 0; i < 3000; i++) {
    if (send(rig->fd, GET("/"), strlen(GET("/")), MSG_NOSIGNAL) < 0) break;
    rig_turns();
  }
  size_t waits = container_of(rig->loop.conns.next, struct conn, link)->out.bytes;
  CHECK(waits >= 64 * 1024 && waits < 64 * 1024 + 1000);
  rig_close();
}

TEST(blank_lines_between_requests_are_skipped) {
  rig_open();
  EQ(status_of(ask("\r\n\r\n" GET("/"))), 200);
  EQ(strlen(ask("\r")), 0);
  EQ(strlen(ask("\n")), 0);
  EQ(status_of(ask(GET("/"))), 200);
  rig_close();
}

TEST(a_fin_after_the_request_closes_after_the_answer) {
  rig_open();
  send(rig->fd, GET("/"), strlen(GET("/")), 0);
  shutdown(rig->fd, SHUT_WR);
  EQ(status_of(hear()), 200);
  CHECK(rig->fin);
  EQ(rig->http.nconns, 0);
  IS(rig->notes, "head request");
  rig_close();
}

/* ---- pipelining ----------------------------------------------------------------------- */

TEST(pipelined_requests_are_answered_in_order) {
  rig_open();
  const char *a =
      ask(GET("/1") "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc" GET("/3"));
  const char *one = strstr(a, "GET /1? "), *two = strstr(a, "POST /2? abc"),
             *three = strstr(a, "GET /3? ");
  CHECK(one && two && three && one < two && two < three);
  IS(rig->notes, "head request head request head request");
  rig_close();
}

TEST(a_pipelined_request_waits_for_the_answer_before_it) {
  rig_open();
  rig->park = true;
  ask(GET("/1") GET("/2"));
  IS(rig->notes, "head request");
  sio_request *first = rig->req;
  rig->park = false;
  rig_echo(first);
  IS(rig->notes, "head request"); /* not from within the answer */
  const char *a = hear();
  CHECK(says(a, "GET /1? ") && says(a, "GET /2? "));
  IS(rig->notes, "head request head request");
  rig_close();
}

TEST(reading_pauses_when_too_much_is_pipelined) {
  rig_open();
  rig->park = true;
  ask(GET("/1"));
  static char flood[4 * HTTP_STASH];
  for (size_t i = 0; i + 1 < sizeof flood; i++) flood[i] = GET("/n")[i % strlen(GET("/n"))];
  size_t whole = (sizeof flood - 1) / strlen(GET("/n")) * strlen(GET("/n"));
  size_t sent = 0;
  for (int i = 0; i < 1000 && sent < whole; i++) {
    ssize_t n =
        send(rig->fd, flood + sent, whole - sent > 1024 ? 1024 : whole - sent, MSG_NOSIGNAL);
    if (n > 0) sent += (size_t)n;
    rig_turns();
  }
  EQ(sent, whole);
  CHECK(rig->loop.stats.bytes_in < HTTP_STASH + NET_RBUF);
  rig->park = false;
  rig_echo(rig->req);
  rig->n = 0;
  for (int i = 0; i < 200; i++) {
    uv_run(&rig->uv, UV_RUN_NOWAIT);
    rig_read();
  }
  EQ(count_of(rig->out, "HTTP/1.1 200"), 1 + whole / strlen(GET("/n")));
  rig_close();
}

static void answer_40k(sio_request *r) {
  static char big[40000];
  memset(big, 'b', sizeof big);
  sio__request_answer(r, 200, NULL, slice(big, sizeof big));
}

TEST(requests_wait_while_earlier_answers_are_not_taken) {
  rig_open();
  rig->at_request = answer_40k;
  char many[3000] = "";
  for (int i = 0; i < 100; i++) strcat(many, GET("/"));
  send(rig->fd, many, strlen(many), 0);
  for (int i = 0; i < 20; i++) uv_run(&rig->uv, UV_RUN_NOWAIT);
  CHECK(rig->http.stats.requests < 30); /* the pair's own buffers take some */
  rig->n = 0;
  size_t total = 0;
  for (int i = 0; i < 2000; i++) {
    uv_run(&rig->uv, UV_RUN_NOWAIT);
    rig->n = 0;
    rig_read();
    total += rig->n;
  }
  EQ(rig->http.stats.requests, 100);
  CHECK(total > 100 * 40000);
  rig_close();
}

/* ---- answering early, holding, dropping ---------------------------------------------------- */

TEST(an_early_answer_lets_the_body_pass_and_the_next_request_in) {
  rig_open();
  rig->at_head = rig_echo;
  const char *a = ask(POST("Content-Length: 5\r\n", "he"));
  EQ(status_of(a), 200);
  CHECK(says(a, "keep-alive"));
  IS(body_of(ask("llo" GET("/next"))), "GET /next? ");
  ask(POST(CHUNKED, "1\r\na\r\n0\r\n\r\n") GET("/two"));
  CHECK(says(rig->out, "POST /? "));
  CHECK(says(rig->out, "GET /two? "));
  IS(rig->notes, "head head head head");
  rig_close();
}

TEST(an_early_answer_to_a_body_over_the_limit_closes) {
  rig_open();
  rig->at_head = rig_echo;
  CHECK(says(ask(POST("Content-Length: 1001\r\n", "")), "Connection: close\r\n"));
  rig_connect();
  CHECK(says(ask(POST(CHUNKED, "400\r\n")), "Connection: keep-alive\r\n"));
  static char big[1024];
  memset(big, 'x', sizeof big);
  ask_n(big, sizeof big);
  CHECK(rig->fin);
  IS(rig->notes, "head head");
  rig_close();
}

TEST(a_held_body_waits_for_the_verdict) {
  rig_open();
  rig->hold = true;
  ask(POST("Content-Length: 3\r\n", "abc"));
  IS(rig->notes, "head");
  sio__request_allow_reading_body(rig->req);
  IS(rig->notes, "head");
  IS(body_of(hear()), "POST /? abc");
  rig_close();
}

static void go_on(sio_request *r) { sio__request_allow_reading_body(r); }

TEST(a_verdict_may_come_before_the_hold) {
  rig_open();
  rig->hold = true;
  rig->at_head = go_on;
  IS(body_of(ask(POST("Content-Length: 3\r\n", "abc"))), "POST /? abc");
  IS(rig->notes, "head request");
  rig_close();
}

TEST(a_held_request_may_be_answered_instead) {
  rig_open();
  rig->hold = true;
  ask(POST("Content-Length: 3\r\n", ""));
  rig_echo(rig->req);
  EQ(status_of(hear()), 200);
  rig->hold = false;
  IS(body_of(ask("abc" GET("/n"))), "GET /n? ");
  rig_close();
}

TEST(an_async_answer_comes_when_it_comes) {
  rig_open();
  rig->park = true;
  EQ(strlen(ask(GET("/"))), 0);
  rig_echo(rig->req);
  EQ(status_of(hear()), 200);
  rig->park = false;
  EQ(status_of(ask(GET("/"))), 200);
  rig_close();
}

static void drop(sio_request *r) { sio__request_close_without_answer(r); }

TEST(a_drop_ends_it_without_a_word) {
  rig_open();
  rig->at_head = drop;
  EQ(strlen(ask(GET("/"))), 0);
  CHECK(rig->fin);
  rig->at_head = NULL;
  rig->at_request = drop;
  rig_connect();
  EQ(strlen(ask(GET("/") GET("/"))), 0);
  CHECK(rig->fin);
  rig->at_request = NULL;
  rig->park = true;
  rig_connect();
  ask(GET("/"));
  sio__request_close_without_answer(rig->req);
  hear();
  CHECK(rig->fin);
  IS(rig->notes, "head head request head request");
  EQ(rig->http.nconns, 0);
  rig_close();
}

/* ---- times --------------------------------------------------------------------------------- */

TEST(a_head_that_takes_too_long_is_answered_408) {
  rig_open();
  ask("GET / HTTP/1.1\r\n");
  rig_wait(6000);
  rig_send("Host: a\r\n", 9);
  EQ(rig->n, 0);
  rig_wait(4001); /* bytes do not buy time */
  EQ(status_of(rig->out), 408);
  CHECK(rig->fin);
  IS(rig->notes, "");
  rig_close();
}

TEST(a_body_that_takes_too_long_is_answered_408) {
  rig_open();
  ask(POST("Content-Length: 3\r\n", "a"));
  rig_wait(29000);
  EQ(rig->n, 0);
  rig_wait(1001);
  EQ(status_of(rig->out), 408);
  IS(rig->notes, "head abort");
  EQ(rig->err, SIO_ETIMEOUT);
  rig_close();
}

TEST(an_idle_connection_is_closed_silently) {
  rig_open();
  ask(GET("/"));
  rig->n = 0;
  rig_wait(4900);
  CHECK(!rig->fin);
  rig_wait(200);
  CHECK(rig->fin);
  EQ(rig->n, 0);
  EQ(rig->http.nconns, 0);
  rig_close();
}

TEST(a_connection_that_says_nothing_is_closed_silently) {
  rig_open();
  rig_turns();
  rig_wait(9900);
  CHECK(!rig->fin);
  rig_wait(200);
  CHECK(rig->fin);
  EQ(rig->n, 0);
  rig_close();
}

TEST(a_parked_request_has_all_the_time) {
  rig_open();
  rig->park = true;
  ask(GET("/"));
  rig_wait(1000000);
  CHECK(!rig->fin);
  IS(rig->notes, "head request");
  rig_close();
}

static void answer_900k(sio_request *r) {
  static char big[900000];
  memset(big, 'b', sizeof big);
  sio__request_answer(r, 200, NULL, slice(big, sizeof big));
}

TEST(a_peer_that_takes_its_answer_slowly_is_waited_for_and_one_that_does_not_is_cut) {
  rig_open();
  rig->at_request = answer_900k;
  send(rig->fd, GET("/"), strlen(GET("/")), 0);
  rig_turns();
  rig_pass(5001);
  EQ(rig->http.nconns, 1);
  CHECK(recv(rig->fd, rig->out, 200000, 0) > 0); /* it takes some */
  rig_turns();
  rig_pass(30001);
  EQ(rig->http.nconns, 1);
  rig_pass(30001);
  rig_turns();
  EQ(rig->http.nconns, 0);
  rig_close();
}

/* ---- upgrades ------------------------------------------------------------------------------ */

#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"

static struct conn *taken;
static char rest_text[64];

static void no_bytes(struct conn *c, char *p, size_t n) {
  (void)c;
  snprintf(rest_text + strlen(rest_text), sizeof rest_text - strlen(rest_text), "|%.*s", (int)n, p);
}
static void on_end(struct conn *c) { sio__conn_close(c); }
static void on_fail(struct conn *c, int err) {
  (void)c;
  (void)err;
}
static const struct conn_ops taker = { .read = no_bytes, .eof = on_end, .failed = on_fail };

static void take(sio_request *r) {
  sio_slice rest;
  taken = sio__request_detach_conn_for_upgrade(r, &rest);
  REQUIRE(taken != NULL);
  snprintf(rest_text, sizeof rest_text, "%.*s", (int)rest.n, rest.n ? rest.p : "");
  sio__conn_set_owner(taken, &taker, NULL);
}

TEST(an_upgrade_takes_the_connection_and_the_bytes_behind_the_head) {
  rig_open();
  rig->at_request = take;
  ask("GET / HTTP/1.1\r\n" HOST UPGRADE "\r\nframes");
  IS(rest_text, "frames");
  EQ(rig->http.nconns, 0);
  ask("more");
  IS(rest_text, "frames|more");
  sio__conn_close(taken);
  IS(rig->notes, "head request");
  rig_close();
}

TEST(an_upgrade_may_be_taken_at_the_head_or_later) {
  rig_open();
  rig->at_head = take;
  ask("GET / HTTP/1.1\r\n" HOST UPGRADE "\r\nab");
  IS(rest_text, "ab");
  sio__conn_close(taken);
  rig_connect();
  rig->at_head = NULL;
  rig->park = true;
  ask("GET / HTTP/1.1\r\n" HOST UPGRADE "\r\nab");
  ask("cd");
  take(rig->req);
  IS(rest_text, "abcd");
  ask("ef");
  IS(rest_text, "abcd|ef");
  sio__conn_close(taken);
  rig_close();
}

TEST(the_body_of_an_upgrade_is_not_a_body) {
  rig_open();
  rig->at_request = take;
  ask("GET / HTTP/1.1\r\n" HOST UPGRADE "Content-Length: 4\r\n\r\nabcd");
  IS(rest_text, "abcd");
  sio__conn_close(taken);
  rig_connect();
  rig->at_request = NULL;
  const char *a = ask("POST / HTTP/1.1\r\n" HOST UPGRADE "Content-Length: 4\r\n\r\nabcd" GET("/x"));
  IS(body_of(a), "POST /? ");
  CHECK(says(a, "Connection: close\r\n"));
  rig_close();
}

static bool was_upgrade;
static void look(sio_request *r) { was_upgrade = r->upgrade; }

TEST(what_is_an_upgrade) {
  static const struct {
    const char *request;
    bool upgrade;
  } t[] = {
    { "GET / HTTP/1.1\r\n" HOST UPGRADE "\r\n", true },
    { "GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: h2c, websocket\r\n\r\n", true },
    { "GET / HTTP/1.1\r\n" HOST
      "Connection: a\r\nConnection: UPGRADE\r\nUpgrade: websocket\r\n\r\n",
      true },
    { "GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n", false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\n\r\n", false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: IRC/6.9\r\n\r\n", false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
      false },
    { "GET / HTTP/1.0\r\n" UPGRADE "\r\n", false },
  };
  rig_open();
  rig->at_head = look;
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    rig_connect();
    EQ(status_of(ask(t[i].request)), 200);
    EQ(was_upgrade, t[i].upgrade);
  }
  rig_close();
}

TEST(another_upgrade_is_an_ordinary_request_with_its_body) {
  rig_open();
  const char *a =
      ask(POST("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n", "abc") GET("/2"));
  CHECK(says(a, "POST /? abc"));
  CHECK(says(a, "GET /2? "));
  rig_close();
}

/* ---- the end ------------------------------------------------------------------------------- */

static bool emptied;
static void on_emptied(struct http *h) {
  (void)h;
  emptied = true;
}

TEST(draining_closes_what_is_idle_and_ends_the_rest_with_its_answer) {
  rig_open();
  rig->http.on_all_closed = on_emptied;
  emptied = false;
  rig->park = true;
  ask(GET("/"));
  int parked = rig->fd;
  rig->fd = -1;
  rig_connect();
  rig_turns();
  EQ(rig->http.nconns, 2);
  sio__http_close_conns_after_answers(&rig->http);
  hear();
  CHECK(rig->fin);
  close(rig->fd);
  rig->fd = parked;
  rig->fin = false;
  rig_turns();
  EQ(rig->http.nconns, 1);
  rig_echo(rig->req);
  CHECK(says(hear(), "Connection: close\r\n"));
  CHECK(rig->fin);
  CHECK(!emptied);
  shutdown(rig->fd, SHUT_WR);
  rig_turns();
  CHECK(emptied);
  rig_close();
}

TEST(closing_aborts_what_is_unanswered) {
  rig_open();
  rig->park = true;
  ask(GET("/"));
  sio__http_close_all_conns_and_abort_requests(&rig->http);
  IS(rig->notes, "head request abort");
  EQ(rig->err, UV_ECANCELED);
  EQ(rig->http.nconns, 0);
  rig_close();
}

/* ---- memory -------------------------------------------------------------------------------- */

static unsigned allocations;
static void *counting_malloc(size_t n) {
  allocations++;
  return malloc(n);
}
static void *counting_realloc(void *p, size_t n) {
  allocations++;
  return realloc(p, n);
}

extern int sio_set_allocator(void *(*)(size_t), void *(*)(void *, size_t), void (*)(void *));

static void poll_answer(sio_request *r) {
  sio__request_add_answer_header(r, "Cache-Control", SLICE("no-store"));
  sio__request_answer(r, 200, "text/plain; charset=UTF-8", SLICE("4hello"));
}

TEST(the_steady_state_allocates_nothing) {
  rig_open();
  rig->at_request = poll_answer;
  for (int i = 0; i < 3; i++) {
    ask(GET("/"));
    ask(POST("Content-Length: 5\r\n", "hello"));
  }
  sio_set_allocator(counting_malloc, counting_realloc, free);
  allocations = 0;
  for (int i = 0; i < 20; i++) {
    ask(GET("/"));
    ask(POST("Content-Length: 5\r\n", "hello"));
  }
  EQ(allocations, 0);
  sio_set_allocator(NULL, NULL, NULL);
  rig_close();
}

static unsigned fail_at;
static void *failing_malloc(size_t n) { return ++allocations >= fail_at ? NULL : malloc(n); }
static void *failing_realloc(void *p, size_t n) {
  return ++allocations >= fail_at ? NULL : realloc(p, n);
}

/* Every allocation fails in turn, and all after it: what is open ends, and nothing leaks. */
TEST(without_memory_a_connection_ends_and_the_server_lives) {
  for (fail_at = 1; fail_at < 24; fail_at++) {
    rig_open();
    allocations = 0;
    sio_set_allocator(failing_malloc, failing_realloc, free);
    ask(POST("Content-Length: 5\r\n", "he"));
    ask("llo" GET("/a") GET("/b"));
    sio_set_allocator(NULL, NULL, NULL);
    rig_connect();
    EQ(status_of(ask(GET("/"))), 200);
    rig_close();
  }
}

TESTS_BEGIN
T(a_connection_serves_one_request_after_another)
T(who_keeps_the_connection)
T(a_mount_can_make_it_the_last_answer)
T(after_the_last_answer_bytes_are_dropped_until_the_peer_ends)
T(a_peer_that_does_not_end_after_the_last_answer_is_cut)
T(no_request_is_handled_while_64_kib_of_answers_wait)
T(blank_lines_between_requests_are_skipped)
T(a_fin_after_the_request_closes_after_the_answer)
T(pipelined_requests_are_answered_in_order)
T(a_pipelined_request_waits_for_the_answer_before_it)
T(reading_pauses_when_too_much_is_pipelined)
T(requests_wait_while_earlier_answers_are_not_taken)
T(an_early_answer_lets_the_body_pass_and_the_next_request_in)
T(an_early_answer_to_a_body_over_the_limit_closes)
T(a_held_body_waits_for_the_verdict)
T(a_verdict_may_come_before_the_hold)
T(a_held_request_may_be_answered_instead)
T(an_async_answer_comes_when_it_comes)
T(a_drop_ends_it_without_a_word)
T(a_head_that_takes_too_long_is_answered_408)
T(a_body_that_takes_too_long_is_answered_408)
T(an_idle_connection_is_closed_silently)
T(a_connection_that_says_nothing_is_closed_silently)
T(a_parked_request_has_all_the_time)
T(a_peer_that_takes_its_answer_slowly_is_waited_for_and_one_that_does_not_is_cut)
T(an_upgrade_takes_the_connection_and_the_bytes_behind_the_head)
T(an_upgrade_may_be_taken_at_the_head_or_later)
T(the_body_of_an_upgrade_is_not_a_body)
T(what_is_an_upgrade)
T(another_upgrade_is_an_ordinary_request_with_its_body)
T(draining_closes_what_is_idle_and_ends_the_rest_with_its_answer)
T(closing_aborts_what_is_unanswered)
T(the_steady_state_allocates_nothing)
T(without_memory_a_connection_ends_and_the_server_lives)
TESTS_END
