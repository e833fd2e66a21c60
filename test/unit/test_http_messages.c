/* SPDX-License-Identifier: MIT
 *
 * test_http_messages.c - requests and answers as bytes: how they are read however they are cut,
 * what is refused, and what an answer looks like.
 */
#include "http_rig.h"

/* ---- answers ---------------------------------------------------------------------- */

TEST(an_answer_has_this_exact_form) {
  rig_open();
  const char *a = ask(GET("/x?y=1"));
  IS(undated(a), "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: keep-alive\r\n"
                 "Keep-Alive: timeout=5\r\n\r\nGET /x?y=1 ");
  IS(rig->notes, "head request");
  rig_close();
}

static void answer_with_headers(sio_request *r) {
  EQ(sio_respond_header(r, "X-One", "1"), 0);
  EQ(sio_respond_header(r, "Set-Cookie", "a=b"), 0);
  EQ(sio_respond_header(r, "X Bad", "1"), UV_EINVAL);
  EQ(sio_respond_header(r, "X-Bad", "1\r\nEvil: 1"), UV_EINVAL);
  EQ(sio_respond_header(r, "Content-Length", "7"), UV_EINVAL);
  EQ(sio_respond_header(r, "transfer-encoding", "chunked"), UV_EINVAL);
  EQ(sio_respond(r, 99, NULL, slice("", 0)), UV_EINVAL);
  EQ(sio_respond(r, 200, "text/x\r\nEvil: 1", slice("", 0)), UV_EINVAL);
  EQ(sio_respond(r, 404, "text/plain", SLICE("gone")), 0);
  EQ(sio_respond(r, 200, NULL, SLICE("again")), SIO_ESTATE);
  EQ(sio_respond_header(r, "X-Late", "1"), SIO_ESTATE);
}

TEST(headers_set_by_the_host_stand_between_length_and_connection) {
  rig_open();
  rig->at_request = answer_with_headers;
  IS(undated(ask(GET("/"))),
     "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"
     "X-One: 1\r\nSet-Cookie: a=b\r\nConnection: keep-alive\r\n"
     "Keep-Alive: timeout=5\r\n\r\ngone");
  EQ(rig->http.stats.answers[3], 1);
  rig_close();
}

static void answer_with_its_own_date(sio_request *r) {
  EQ(sio_respond_header(r, "date", "Sun, 06 Nov 1994 08:49:37 GMT"), 0);
  EQ(sio_respond(r, 200, NULL, SLICE("")), 0);
}

TEST(every_answer_says_when_it_was_made) {
  rig_open();
  CHECK(strcmp(undated(ask(GET("/"))), "no Date") != 0);
  EQ(count_of(rig->out, "Date: "), 1);
  EQ(count_of(ask(GET("/") GET("/") GET("/")), "Date: "), 3);
  EQ(count_of(ask(POST("Expect: 100-continue\r\nContent-Length: 1\r\n", "")), "Date: "), 0);
  CHECK(says(rig->out, "HTTP/1.1 100 Continue\r\n\r\n"));
  EQ(count_of(ask("x"), "Date: "), 1);
  rig->at_request = answer_with_its_own_date;
  CHECK(says(ask(GET("/")), "\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
  EQ(count_of(rig->out, "Date: "), 0);
  rig->at_request = NULL;
  EQ(count_of(ask(GET("/")), "Date: "), 1);
  EQ(count_of(ask("nonsense\r\n\r\n"), "Date: "), 1);
  EQ(status_of(rig->out), 400);
  rig_close();
}

/* It is kept for a second, and not one longer. */
TEST(a_date_is_of_the_second_of_its_answer) {
  rig_open();
  ask(GET("/"));
  CHECK(rig->http.date_second > 0);
  rig->http.date_second -= 100;
  rig->http.date[0] = 'x';
  CHECK(strcmp(undated(ask(GET("/"))), "no Date") != 0);
  CHECK(strcmp(undated(rig->out), "another Date") != 0);
  rig_close();
}

static void answer_strangely(sio_request *r) {
  EQ(sio_respond(r, 199, NULL, sio_text("")), UV_EINVAL);
  EQ(sio_respond(r, 600, NULL, sio_text("")), UV_EINVAL);
  EQ(sio_respond(r, 200, "text/plain\r\nEvil: 1", sio_text("")), UV_EINVAL);
  EQ(sio_respond(r, 599, NULL, sio_text("")), 0);
  EQ(sio_respond(r, 200, NULL, sio_text("")), SIO_ESTATE);
}

TEST(a_status_or_type_that_is_none_is_refused_and_a_second_answer_too) {
  rig_open();
  rig->at_request = answer_strangely;
  EQ(status_of(ask(GET("/"))), 599);
  rig_close();
}

static void set_framing(sio_request *r) {
  static const char *const names[] = { "Content-Length", "transfer-encoding", "CONNECTION",
                                       "Keep-Alive" };
  for (size_t i = 0; i < 4; i++) EQ(sio_respond_header(r, names[i], "1"), UV_EINVAL);
  EQ(sio_respond_header(r, NULL, "1"), UV_EINVAL);
  EQ(sio_respond_header(r, "X", NULL), UV_EINVAL);
  EQ(sio_respond_header(r, "a b", "1"), UV_EINVAL);
  EQ(sio_respond_header(r, "X", "1\n2"), UV_EINVAL);
  EQ(sio_respond_header(r, "X", "1"), 0);
  rig_echo(r);
}

TEST(lines_that_frame_the_message_are_not_the_hosts_to_set) {
  rig_open();
  rig->at_request = set_framing;
  IS(undated(ask(GET("/"))), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX: 1\r\n"
                             "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nGET /? ");
  rig_close();
}

/* Its bytes are not looked at. */
static void answer_huge(sio_request *r) {
  size_t n = rig->hold ? SIZE_MAX : (size_t)UINT32_MAX;
  EQ(sio_respond(r, 200, NULL, (sio_slice){ "", n }), SIO_ETOOBIG);
}

TEST(an_answer_of_4_gib_is_refused_and_the_connection_closed) {
  rig_open();
  rig->at_head = answer_huge;
  for (int i = 0; i < 2; i++) {
    rig->hold = i;
    rig_connect();
    EQ(strlen(ask(GET("/"))), 0);
    CHECK(rig->fin);
  }
  rig_close();
}

TEST(a_time_for_the_next_request_of_less_than_a_second_is_not_told) {
  rig_open();
  rig->http.limits.keep_alive_ms = 999;
  CHECK(says(ask(GET("/")), "\r\nConnection: keep-alive\r\n\r\n"));
  rig_close();
}

static int freed;
static void free_source(struct http_source *s) {
  (void)s;
  freed++;
}

static void answer_twice(sio_request *r) {
  struct http_source source = { .free = free_source, .left = 5 };
  rig_echo(r);
  EQ(sio__request_answer_from_source(r, 200, NULL, &source), SIO_ESTATE);
}

TEST(the_source_of_an_answer_that_comes_too_late_is_freed) {
  rig_open();
  freed = 0;
  rig->at_request = answer_twice;
  EQ(status_of(ask(GET("/"))), 200);
  EQ(freed, 1);
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
  IS(undated(ask(GET("/"))),
     "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n");
  rig->at_request = answer_304;
  IS(undated(ask(GET("/"))),
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

/* ---- bodies ------------------------------------------------------------------------------ */

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
    { POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400 },
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
    { "GET / HTTP/1.1\rHost: a\r\r", 400 },
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

TEST(hosts_that_are_none) {
  static const char *const hosts[] = { "[]",  "[::1", "[a@b]", "[::1]x",
                                       "a:b", "a b",  "a@b",   "\xc3\xa4" };
  rig_open();
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    char request[128];
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
    rig_connect();
    EQ(status_of(ask(request)), 400);
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
  IS(undated(a),
     "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
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
  IS(undated(a),
     "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  IS(rig->notes, "head abort");
  EQ(rig->err, SIO_ETOOBIG);
  rig_connect();
  EQ(status_of(ask(POST(CHUNKED, "a\r\n0123456789\r\n0\r\n\r\n"))), 200);
  rig_close();
}

static size_t body_memory;
static void note_body_memory(sio_request *r) {
  body_memory = r->body.cap;
  rig_echo(r);
}

TEST(a_body_in_pieces_takes_no_more_memory_than_its_limit) {
  char piece[501] = "";
  memset(piece, 'b', sizeof piece - 1);
  rig_open();
  rig->max_body = 1000;
  rig->at_request = note_body_memory;
  EQ(status_of(ask(POST("Content-Length: 1000\r\n", "12345"))), 0);
  EQ(status_of(ask(piece)), 0);
  EQ(status_of(ask(piece + 5)), 200);
  CHECK(body_memory <= 1000);
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

TEST(of_expectations_empty_ones_are_none_and_http_1_0_has_none) {
  rig_open();
  EQ(status_of(ask("GET / HTTP/1.1\r\n" HOST "Expect: ,\r\n\r\n")), 200);
  EQ(status_of(ask("GET / HTTP/1.0\r\n" HOST "Expect: magic\r\n\r\n")), 200);
  rig_close();
}

TEST(continue_is_not_for_http_1_0) {
  rig_open();
  EQ(strlen(ask("POST / HTTP/1.0\r\n" EXPECT "\r\n")), 0);
  EQ(status_of(ask("abc")), 200);
  rig_close();
}

/* The zlib form of 1551 letters y: it is the body as it came. */
TEST(a_compressed_body_is_not_inflated) {
  static const char body[] =
      "\170\332\253\254\034\005\243\140\024\214\202\121\060\012\052\001\265\371\335\066";
  char text[200], want[100];
  EQ(sizeof body - 1, 20);
  snprintf(text, sizeof text, POST("Content-Encoding: deflate\r\nContent-Length: 20\r\n", "%s"),
           body);
  rig_open();
  snprintf(want, sizeof want, "POST /? %s", body);
  CHECK(says(ask(text), want));
  IS(rig->notes, "head request");
  rig_close();
}

TESTS_BEGIN
T(an_answer_has_this_exact_form)
T(headers_set_by_the_host_stand_between_length_and_connection)
T(every_answer_says_when_it_was_made)
T(a_date_is_of_the_second_of_its_answer)
T(a_status_or_type_that_is_none_is_refused_and_a_second_answer_too)
T(lines_that_frame_the_message_are_not_the_hosts_to_set)
T(an_answer_of_4_gib_is_refused_and_the_connection_closed)
T(a_time_for_the_next_request_of_less_than_a_second_is_not_told)
T(the_source_of_an_answer_that_comes_too_late_is_freed)
T(head_is_answered_with_the_length_alone)
T(some_statuses_have_neither_body_nor_length)
T(a_big_msg_is_sent_without_a_copy_and_a_small_one_in_one_piece)
T(requests_read_the_same_however_they_are_cut)
T(ambiguous_requests_are_refused_and_end_the_connection)
T(hosts_that_are_hosts)
T(hosts_that_are_none)
T(a_head_may_be_as_long_as_the_limit_and_no_byte_longer)
T(a_head_may_have_as_many_headers_as_the_limit)
T(chunk_extensions_and_trailers_are_limited)
T(many_small_chunks_are_no_offence)
T(a_content_length_over_the_limit_is_refused_at_once)
T(a_chunked_body_is_refused_at_the_first_byte_too_many)
T(a_body_in_pieces_takes_no_more_memory_than_its_limit)
T(continue_is_said_when_the_body_will_be_read)
T(continue_is_not_said_before_a_refusal)
T(of_expectations_empty_ones_are_none_and_http_1_0_has_none)
T(continue_is_not_for_http_1_0)
T(a_compressed_body_is_not_inflated)
TESTS_END
