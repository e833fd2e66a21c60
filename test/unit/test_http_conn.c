/* SPDX-License-Identifier: MIT */
#include "http_rig.h"

#define HOST "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

/* ---- answers ---------------------------------------------------------------------- */

TEST(an_answer_has_this_exact_form) {
  rig_open();
  const char *a = ask(GET("/x?y=1"));
  IS(a, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: keep-alive\r\n"
        "Keep-Alive: timeout=5\r\n\r\nGET /x?y=1 ");
  IS(rig->notes, "head request");
  rig_close();
}

static void answer_with_headers(sio_request *r) {
  EQ(sio_request_set(r, "X-One", "1"), 0);
  EQ(sio_request_set(r, "Set-Cookie", "a=b"), 0);
  EQ(sio_request_set(r, "X Bad", "1"), UV_EINVAL);
  EQ(sio_request_set(r, "X-Bad", "1\r\nEvil: 1"), UV_EINVAL);
  EQ(sio_request_set(r, "Content-Length", "7"), UV_EINVAL);
  EQ(sio_request_set(r, "transfer-encoding", "chunked"), UV_EINVAL);
  EQ(sio_respond(r, 99, NULL, slice("", 0)), UV_EINVAL);
  EQ(sio_respond(r, 200, "text/x\r\nEvil: 1", slice("", 0)), UV_EINVAL);
  EQ(sio_respond(r, 404, "text/plain", SLICE("gone")), 0);
  EQ(sio_respond(r, 200, NULL, SLICE("again")), SIO_ESTATE);
  EQ(sio_request_set(r, "X-Late", "1"), SIO_ESTATE);
}

TEST(headers_set_by_the_host_stand_between_length_and_connection) {
  rig_open();
  rig->at_request = answer_with_headers;
  IS(ask(GET("/")), "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"
                    "X-One: 1\r\nSet-Cookie: a=b\r\nConnection: keep-alive\r\n"
                    "Keep-Alive: timeout=5\r\n\r\ngone");
  EQ(rig->http.stats.answers[3], 1);
  rig_close();
}

TEST(head_is_answered_with_the_length_alone) {
  rig_open();
  const char *a = ask("HEAD /abc HTTP/1.1\r\n" HOST "\r\n");
  CHECK(says(a, "Content-Length: 11\r\n"));
  IS(body_of(a), "");
  rig_close();
}

static void answer_204(sio_request *r) { sio_respond(r, 204, NULL, SLICE("no")); }
static void answer_304(sio_request *r) { sio_respond(r, 304, NULL, SLICE("no")); }

TEST(some_statuses_have_neither_body_nor_length) {
  rig_open();
  rig->at_request = answer_204;
  IS(ask(GET("/")),
     "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n");
  rig->at_request = answer_304;
  IS(ask(GET("/")),
     "HTTP/1.1 304 Not Modified\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n");
  rig_close();
}

static void answer_msg(sio_request *r) {
  size_t n = (size_t)atoi(r->path.p + 1);
  struct msg *m = sio__msg_new(&rig->loop.msgs, n);
  memset(msg_data(m), 'x', n);
  m->len = (uint32_t)n;
  EQ(sio__request_answer_msg(r, 200, NULL, m), 0);
  EQ(m->refs, n > 224 ? 2 : 1);
  msg_unref(m);
}

TEST(a_big_msg_is_sent_without_a_copy_and_a_small_one_in_one_piece) {
  rig_open();
  rig->at_request = answer_msg;
  EQ(strlen(body_of(ask(GET("/10")))), 10);
  EQ(strlen(body_of(ask(GET("/100000")))), 100000);
  rig_close();
}

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
  sio__request_last(r);
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
  rig_wait(HTTP_LINGER_MS + 1);
  EQ(rig->http.nconns, 0);
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

/* ---- bodies ------------------------------------------------------------------------------ */

#define POST(headers, body) "POST / HTTP/1.1\r\n" HOST headers "\r\n" body
#define CHUNKED "Transfer-Encoding: chunked\r\n"

/* Each whole, cut at every position, and byte by byte. */
TEST(requests_read_the_same_however_they_are_cut) {
  static const struct {
    const char *request;
    int status;
    const char *body; /* NULL: empty */
  } t[] = {
    { GET("/"), 200, "GET /? " },
    { GET("/a%20b?x=1&y"), 200, "GET /a%20b?x=1&y " },
    { GET("/a?b?c#d?e"), 200, "GET /a?b?c " },
    { GET("http://a:80/p?q"), 200, "GET /p?q " },
    { GET("http://a"), 200, "GET /? " },
    { GET("https://[::1]:443/p"), 200, "GET /p? " },
    { "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 200, "OPTIONS *? " },
    { POST("Content-Length: 5\r\n", "hello"), 200, "POST /? hello" },
    { POST("Content-Length: 0\r\n", ""), 200, "POST /? " },
    { POST("content-length:5 \r\n", "a\r\n\r\n"), 200, "POST /? a\r\n\r\n" },
    { POST(CHUNKED, "5\r\nhello\r\n0\r\n\r\n"), 200, "POST /? hello" },
    { POST("transfer-encoding: CHUNKED\r\n", "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), 200, "POST /? ab" },
    { POST(CHUNKED, "3;x;z=y\r\nabc\r\n0\r\nTrailer: 1\r\nT2: 2\r\n\r\n"), 200, "POST /? abc" },
    { POST(CHUNKED, "0000003\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"), 200,
      "POST /? abc0123456789" },
    { POST(CHUNKED, "0\r\n\r\n"), 200, "POST /? " },
    { "DELETE /x HTTP/1.0\r\n\r\n", 200, "DELETE /x? " },
    { "GET / HTTP/1.1\r\nhost:a\r\nX: \t v \t\r\nY:\r\n\r\n", 200, "GET /? " },
  };
  rig_open();
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    size_t n = strlen(t[i].request);
    for (size_t cut = 0; cut <= n; cut++) {
      rig_connect();
      rig->notes[0] = '\0';
      rig_send(t[i].request, cut);
      if (cut < n) EQ(rig->n, 0);
      rig_send(t[i].request + cut, n - cut);
      rig_turns();
      rig_read();
      EQ(status_of(rig->out), t[i].status);
      IS(body_of(rig->out), t[i].body);
    }
    rig_connect();
    rig->notes[0] = '\0';
    for (size_t at = 0; at < n; at++) rig_send(t[i].request + at, 1);
    IS(body_of(rig->out), t[i].body);
  }
  rig_close();
}

/* What could be read in two ways is not read at all. */
TEST(ambiguous_requests_are_refused_and_end_the_connection) {
  static const struct {
    const char *request;
    int status;
  } t[] = {
    { POST("Content-Length: 3\r\n" CHUNKED, "0\r\n\r\n"), 400 },
    { POST(CHUNKED "Content-Length: 3\r\n", "0\r\n\r\n"), 400 },
    { POST("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400 },
    { POST("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), 400 },
    { POST("Content-Length: 3, 3\r\n", "abc"), 400 },
    { POST("Content-Length: +3\r\n", "abc"), 400 },
    { POST("Content-Length: -1\r\n", "abc"), 400 },
    { POST("Content-Length: 0x3\r\n", "abc"), 400 },
    { POST("Content-Length: 3 4\r\n", "abc"), 400 },
    { POST("Content-Length: \r\n", ""), 400 },
    { POST("Content-Length: 18446744073709551617\r\n", "a"), 400 },
    { POST("Content-Length : 3\r\n", "abc"), 400 },
    { POST("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400 },
    { POST("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501 },
    { POST("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501 },
    { POST("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), 400 },
    { POST("Transfer-Encoding: identity\r\n", "0\r\n\r\n"), 501 },
    { POST("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), 400 },
    { POST(CHUNKED CHUNKED, "0\r\n\r\n"), 400 },
    { POST("Transfer-Encoding:\x0b"
           "chunked\r\n",
           "0\r\n\r\n"),
      400 },
    { POST("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400 },
    { "POST / HTTP/1.0\r\n" CHUNKED "\r\n0\r\n\r\n", 400 },
    { POST(CHUNKED, "3\nabc\r\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, "3\rXabc\r\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, "3;a\nabc\r\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, "3\r\nabc0\r\n\r\n"), 400 },
    { POST(CHUNKED, "3\r\nabc\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, "3\r\nabcd\r\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, " 3\r\nabc\r\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, "3 \r\nabc\r\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, "0x3\r\nabc\r\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, "-1\r\nabc\r\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, "10000000000000001\r\nabc\r\n0\r\n\r\n"), 400 },
    { POST(CHUNKED, "0\r\nTransfer-Encoding: gzip\r\n\r\n"), 400 },
    { POST(CHUNKED, "0\r\nT: v\n\r\n"), 400 },
    { "GET / HTTP/1.1\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
    { GET("http://"), 400 },
    { GET("http:///p"), 400 },
    { GET("http://?q"), 400 },
    { GET("http://:80/p"), 400 },
    { GET("http://a:x/p"), 400 },
    { GET("http://user@a/p"), 400 },
    { GET("http://[::1/p"), 400 },
    { GET("https://a<b/"), 400 },
    { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\tfolded\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\n X: 1\r\nHost: a\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\n\n", 400 },
    { "GET / HTTP/1.1\nHost: a\n\n", 400 },
    { "GET / HTTP/1.1\rHost: a\r\r", 505 }, /* the version goes on */
    { "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01"
      "b\r\n\r\n",
      400 },
    { "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nX y: b\r\n\r\n", 400 },
    { "GET /\r\n\r\n", 400 },
    { "GET / HTTP/0.9\r\n\r\n", 400 },
    { "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
    { "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505 },
    { "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505 },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
    { "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "SOURCE / ICE/1.0\r\nHost: a\r\n\r\n", 400 },
    { "DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n", 400 },
    { "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
    { "get / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
    { "\x16\x03\x01\x02\x00\x01\x00", 400 },
    { "GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", 417 },
  };
  rig_open();
  for (size_t i = 0; i < sizeof t / sizeof *t; i++)
    for (int slowly = 0; slowly < 2; slowly++) {
      rig_connect();
      rig->notes[0] = '\0';
      size_t n = strlen(t[i].request);
      if (i == 71) n = 7;
      if (slowly)
        for (size_t at = 0; at < n; at++) rig_send(t[i].request + at, 1);
      else
        rig_send(t[i].request, n);
      rig_send(GET("/smuggled"), strlen(GET("/smuggled")));
      rig_turns();
      rig_read();
      if (status_of(rig->out) != t[i].status) fprintf(stderr, "vector %zu: %s\n", i, t[i].request);
      EQ(status_of(rig->out), t[i].status);
      EQ(count_of(rig->out, "HTTP/1.1 "), 1);
      CHECK(says(rig->out, "Connection: close\r\n"));
      CHECK(rig->fin);
      CHECK(!strstr(rig->notes, "request"));
    }
  rig_close();
}

TEST(hosts_that_are_hosts) {
  static const char *const hosts[] = { "a",     "a.b:80", "127.0.0.1:1", "[::1]", "[::1]:8080",
                                       "a_b-c", "",       "x:" };
  rig_open();
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    char request[128];
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
    EQ(status_of(ask(request)), 200);
  }
  rig_close();
}

/* ---- limits -------------------------------------------------------------------------------- */

/* A GET whose head is n bytes long. */
static const char *get_of(size_t n) {
  static char text[8192];
  int at = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
  memset(text + at, 'x', n - 4 - (size_t)at);
  strcpy(text + n - 4, "\r\n\r\n");
  return text;
}

TEST(a_head_may_be_as_long_as_the_limit_and_no_byte_longer) {
  rig_open();
  EQ(status_of(ask(get_of(1024))), 200);
  EQ(status_of(ask(get_of(1025))), 431);
  CHECK(rig->fin);
  rig_connect();
  const char *text = get_of(1025);
  for (size_t i = 0; i < 1024; i++) rig_send(text + i, 1);
  rig_turns();
  rig_read();
  EQ(status_of(rig->out), 431);
  rig_close();
}

TEST(a_head_may_have_as_many_headers_as_the_limit) {
  char text[1024];
  rig_open();
  for (int n = 9; n <= 10; n++) {
    strcpy(text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < n; i++) strcat(text, "A: b\r\n");
    strcat(text, "\r\n");
    EQ(status_of(ask(text)), n == 9 ? 200 : 431);
  }
  rig_close();
}

TEST(chunk_extensions_and_trailers_are_limited) {
  static char text[20000];
  rig_open();
  strcpy(text, POST(CHUNKED, "1;"));
  memset(text + strlen(text), 'e', 2000);
  strcat(text, "\r\na\r\n0\r\n\r\n");
  EQ(status_of(ask(text)), 431);
  rig_connect();
  memset(text, 0, sizeof text);
  strcpy(text, POST(CHUNKED, "1\r\na\r\n0\r\n"));
  for (int i = 0; i < 400; i++) strcat(text, "T: v\r\n");
  EQ(status_of(ask(text)), 431);
  rig_close();
}

TEST(many_small_chunks_are_no_offence) {
  static char text[20000];
  rig_open();
  strcpy(text, POST(CHUNKED, ""));
  for (int i = 0; i < 1000; i++) strcat(text, "1\r\na\r\n");
  strcat(text, "0\r\n\r\n");
  const char *a = ask(text);
  EQ(status_of(a), 200);
  EQ(strlen(body_of(a)), strlen("POST /? ") + 1000);
  rig_close();
}

TEST(a_content_length_over_the_limit_is_refused_at_once) {
  rig_open();
  rig->max_body = 10;
  const char *a = ask(POST("Content-Length: 11\r\n", ""));
  IS(a, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  IS(rig->notes, "head abort");
  EQ(rig->err, SIO_ETOOBIG);
  CHECK(rig->fin);
  rig_connect();
  EQ(status_of(ask(POST("Content-Length: 10\r\n", "0123456789"))), 200);
  rig_connect();
  EQ(status_of(ask(POST("Content-Length: 18446744073709551615\r\n", "0123456789"))), 413);
  rig_close();
}

TEST(a_chunked_body_is_refused_at_the_first_byte_too_many) {
  rig_open();
  rig->max_body = 10;
  EQ(status_of(ask(POST(CHUNKED, "a\r\n0123456789\r\n"))), 0);
  EQ(status_of(ask("1\r\n")), 0);
  const char *a = ask("x");
  IS(a, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  IS(rig->notes, "head abort");
  EQ(rig->err, SIO_ETOOBIG);
  rig_connect();
  EQ(status_of(ask(POST(CHUNKED, "a\r\n0123456789\r\n0\r\n\r\n"))), 200);
  rig_close();
}

/* ---- Expect -------------------------------------------------------------------------------- */

#define EXPECT "Expect: 100-continue\r\nContent-Length: 3\r\n"

TEST(continue_is_said_when_the_body_will_be_read) {
  rig_open();
  IS(ask(POST(EXPECT, "")), "HTTP/1.1 100 Continue\r\n\r\n");
  IS(body_of(ask("abc")), "POST /? abc");
  EQ(status_of(ask(POST(EXPECT, "abc"))), 200); /* it did not wait */
  rig_close();
}

TEST(continue_is_not_said_before_a_refusal) {
  rig_open();
  rig->max_body = 2;
  EQ(status_of(ask(POST(EXPECT, ""))), 413);
  rig_connect();
  rig->max_body = 0;
  rig->at_head = rig_echo;
  const char *a = ask(POST(EXPECT, ""));
  EQ(status_of(a), 200);
  CHECK(says(a, "Connection: close\r\n")); /* the body may come, or not */
  rig_close();
}

TEST(continue_is_not_for_http_1_0) {
  rig_open();
  EQ(strlen(ask("POST / HTTP/1.0\r\n" EXPECT "\r\n")), 0);
  EQ(status_of(ask("abc")), 200);
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
  sio__http_continue(rig->req);
  IS(rig->notes, "head");
  IS(body_of(hear()), "POST /? abc");
  rig_close();
}

static void go_on(sio_request *r) { sio__http_continue(r); }

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

static void drop(sio_request *r) { sio__request_drop(r); }

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
  sio__request_drop(rig->req);
  hear();
  CHECK(rig->fin);
  IS(rig->notes, "head head request head request");
  EQ(rig->http.nconns, 0);
  rig_close();
}

/* ---- peers that leave ---------------------------------------------------------------------- */

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

TEST(a_peer_that_half_closes_aborts_its_request) {
  rig_open();
  rig->park = true;
  ask(GET("/"));
  shutdown(rig->fd, SHUT_WR);
  hear();
  IS(rig->notes, "head request abort");
  CHECK(rig->fin);
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
  r->kept = true;
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
  IS(sio_request_address(owed), "");
  EQ(sio_request_set(owed, "X-A", "b"), 0);
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
  IS(sio_request_address(owed), "");
  EQ(sio_respond(owed, 200, NULL, SLICE("late")), SIO_ECLOSED);
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
  taken = sio__request_detach(r, &rest);
  REQUIRE(taken != NULL);
  snprintf(rest_text, sizeof rest_text, "%.*s", (int)rest.n, rest.n ? rest.p : "");
  sio__conn_owner(taken, &taker, NULL);
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

static bool was_upgrade, was_other;
static void look(sio_request *r) {
  was_upgrade = r->upgrade;
  was_other = r->upgrade_other;
}

TEST(what_is_an_upgrade) {
  static const struct {
    const char *request;
    bool upgrade, other;
  } t[] = {
    { "GET / HTTP/1.1\r\n" HOST UPGRADE "\r\n", true, false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: h2c, websocket\r\n\r\n", true,
      false },
    { "GET / HTTP/1.1\r\n" HOST
      "Connection: a\r\nConnection: UPGRADE\r\nUpgrade: websocket\r\n\r\n",
      true, false },
    { "GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n", false, false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\n\r\n", false, false },
    { "GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: IRC/6.9\r\n\r\n", false, true },
    { "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
      false, true },
    { "GET / HTTP/1.0\r\n" UPGRADE "\r\n", false, false },
  };
  rig_open();
  rig->at_head = look;
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    rig_connect();
    EQ(status_of(ask(t[i].request)), 200);
    EQ(was_upgrade, t[i].upgrade);
    EQ(was_other, t[i].other);
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
  rig->http.emptied = on_emptied;
  emptied = false;
  rig->park = true;
  ask(GET("/"));
  int parked = rig->fd;
  rig->fd = -1;
  rig_connect();
  rig_turns();
  EQ(rig->http.nconns, 2);
  sio__http_drain(&rig->http);
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
  sio__http_close(&rig->http);
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
  sio__request_set(r, "Cache-Control", SLICE("no-store"));
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
T(an_answer_has_this_exact_form)
T(headers_set_by_the_host_stand_between_length_and_connection)
T(head_is_answered_with_the_length_alone)
T(some_statuses_have_neither_body_nor_length)
T(a_big_msg_is_sent_without_a_copy_and_a_small_one_in_one_piece)
T(a_connection_serves_one_request_after_another)
T(who_keeps_the_connection)
T(a_mount_can_make_it_the_last_answer)
T(after_the_last_answer_bytes_are_dropped_until_the_peer_ends)
T(a_peer_that_does_not_end_after_the_last_answer_is_cut)
T(blank_lines_between_requests_are_skipped)
T(a_fin_after_the_request_closes_after_the_answer)
T(pipelined_requests_are_answered_in_order)
T(a_pipelined_request_waits_for_the_answer_before_it)
T(reading_pauses_when_too_much_is_pipelined)
T(requests_wait_while_earlier_answers_are_not_taken)
T(requests_read_the_same_however_they_are_cut)
T(ambiguous_requests_are_refused_and_end_the_connection)
T(hosts_that_are_hosts)
T(a_head_may_be_as_long_as_the_limit_and_no_byte_longer)
T(a_head_may_have_as_many_headers_as_the_limit)
T(chunk_extensions_and_trailers_are_limited)
T(many_small_chunks_are_no_offence)
T(a_content_length_over_the_limit_is_refused_at_once)
T(a_chunked_body_is_refused_at_the_first_byte_too_many)
T(continue_is_said_when_the_body_will_be_read)
T(continue_is_not_said_before_a_refusal)
T(continue_is_not_for_http_1_0)
T(an_early_answer_lets_the_body_pass_and_the_next_request_in)
T(an_early_answer_to_a_body_over_the_limit_closes)
T(a_held_body_waits_for_the_verdict)
T(a_verdict_may_come_before_the_hold)
T(a_held_request_may_be_answered_instead)
T(an_async_answer_comes_when_it_comes)
T(a_drop_ends_it_without_a_word)
T(a_peer_that_leaves_a_parked_request_is_noticed_at_once)
T(a_peer_that_half_closes_aborts_its_request)
T(a_peer_that_leaves_in_the_body_is_an_abort_and_in_the_head_is_not)
T(an_answer_still_owed_is_thrown_away)
T(a_refused_request_may_be_kept_too_and_an_owed_one_outlives_the_server)
T(a_mount_hears_of_an_answer_that_somebody_else_gives)
T(a_mount_hears_of_a_refusal_and_of_a_leaving_peer_as_an_abort_alone)
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
