/* SPDX-License-Identifier: MIT
 *
 * test_http_fields.c - headers that come in several lines, as a host, the engine and the limits see
 * them: whole servers over real bytes.
 */
#include "base/slice.h"
#include "raw_client.h"
#include "trace.h"
#include "whole.h"

static struct raw c;

/* All that is answered to these bytes. */
static const char *answer_to(const char *request) {
  raw_close(&c);
  CHECK(raw_open(&c, srv) && raw_send(&c, request, strlen(request)));
  for (int i = 0; i < 5; i++) raw_turn(&c);
  c.in[c.n] = '\0';
  return c.in;
}

#define REQUEST(lines) "GET /see HTTP/1.1\r\nHost: a\r\n" lines "\r\n"

static const char *const names[] = { "Accept", "Authorization", "Cookie", "X-Many", "Referer" };

static void on_see(sio_request *r, void *user) {
  (void)user;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    sio_slice v = sio_request_header(r, names[i]);
    if (v.p) trace("%s: %.*s|", names[i], (int)v.n, v.p);
  }
  trace("%s ", sio_request_info_of(r).address);
  sio_respond(r, 200, NULL, SLICE(""));
}

static void on_open(sio_session *s, void *user) {
  (void)user;
  sio_slice v = sio_session_header(s, "X-Forwarded-For");
  trace("%.*s ", (int)v.n, v.p);
}

static void start(const sio_options *o) {
  traced[0] = '\0';
  c.fd = -1;
  whole_start(o);
  EQ(sio_route(srv, NULL, "/see", 0, on_see, NULL), 0);
  EQ(sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open }, NULL), 0);
}

static void stop(void) {
  raw_close(&c);
  whole_stop();
}

static void sees(const char *request, const char *want) {
  traced[0] = '\0';
  answer_to(request);
  EQ_STR(traced, want);
}

TEST(lines_of_one_name_are_one_list) {
  start(NULL);
  sees(REQUEST("Accept: a\r\nAccept: b\r\n"), "Accept: a, b| ");
  sees(REQUEST("Accept: a\r\nX-Many: 1\r\naccept: b\r\nx-many: 2\r\nACCEPT: c, d\r\n"),
       "Accept: a, b, c, d|X-Many: 1, 2| ");
  sees(REQUEST("Accept:\r\nAccept: b\r\nAccept:\r\n"), "Accept: , b, | ");
  sees(REQUEST("Cookie: a=1\r\nAccept: a\r\nCookie: b=2\r\n"), "Accept: a|Cookie: a=1; b=2| ");
  stop();
}

TEST(of_a_field_that_is_no_list_the_first_line_counts) {
  start(NULL);
  sees(REQUEST(
           "Authorization: Basic a\r\nReferer: /a\r\nauthorization: Basic b\r\nReferer: /b\r\n"),
       "Authorization: Basic a|Referer: /a| ");
  stop();
}

static int status_of(const char *request) {
  const char *answer = answer_to(request);
  return strncmp(answer, "HTTP/1.1 ", 9) ? 0 : atoi(answer + 9);
}

TEST(what_frames_a_request_is_not_said_twice) {
  start(NULL);
  EQ(status_of(REQUEST("Host: a\r\n")), 400);
  EQ(status_of(REQUEST("Content-Length: 0\r\nContent-Length: 0\r\n")), 400);
  EQ(status_of(REQUEST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n"),
     400);
  EQ(status_of(REQUEST("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n"),
     400);
  EQ(status_of(REQUEST("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n"), 400);
  EQ(status_of(REQUEST("Expect: 100-continue\r\nExpect: 100-continue\r\n")), 200);
  EQ(status_of(REQUEST("Expect: 100-continue\r\nExpect: more\r\n")), 417);
  EQ(status_of(REQUEST("Expect: more\r\nExpect: 100-continue\r\n")), 417);
  stop();
}

#define UPGRADE(lines)                                                      \
  "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n" lines \
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

TEST(an_upgrade_may_be_asked_for_in_several_lines) {
  start(NULL);
  EQ(status_of(UPGRADE("Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")),
     101);
  EQ(status_of(UPGRADE("Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n")), 101);
  EQ(status_of(UPGRADE("Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n")), 101);
  EQ(status_of(UPGRADE("Connection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")),
     400);
  EQ(status_of(UPGRADE("Connection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\n")),
     400);
  stop();
}

TEST(a_connection_is_kept_or_closed_as_any_of_its_lines_says) {
  start(NULL);
  CHECK(strstr(answer_to(REQUEST("Connection: x\r\nConnection: close\r\n")), "Connection: close"));
  CHECK(strstr(answer_to("GET /see HTTP/1.0\r\nConnection: x\r\nConnection: keep-alive\r\n\r\n"),
               "Connection: keep-alive"));
  stop();
}

TEST(a_session_shows_the_line_that_a_proxy_added) {
  start(NULL);
  answer_to("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n"
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n");
  EQ_STR(traced, "192.0.2.1, 192.0.2.2 ");
  stop();
}

TEST(the_address_is_the_one_that_a_trusted_proxy_added_in_a_line_of_its_own) {
  static const char *const proxies[] = { "unix", NULL };
  start(&(sio_options){ .trusted_proxies = proxies });
  sees(REQUEST("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n"), "192.0.2.2 ");
  stop();
  start(&(sio_options){ .trusted_proxies = proxies, .forwarded = SIO_FORWARDED_RFC7239 });
  sees(REQUEST("Forwarded: for=\"\r\nForwarded: for=192.0.2.2\r\n"), "192.0.2.2 ");
  sees(REQUEST("Forwarded: for=192.0.2.1;by=\"a\\\"\r\nForwarded: for=192.0.2.2\r\n"),
       "192.0.2.2 ");
  stop();
}

TEST(codings_and_extensions_are_found_in_any_line) {
  static const sio_deflate deflate = { 0 };
  sio_options o = { 0 };
#ifdef SIO_ZLIB
  o.per_message_deflate = &deflate;
#endif
  (void)deflate;
  start(&o);
  const char *answer = answer_to(
      UPGRADE("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: x-other\r\n"
              "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
#ifdef SIO_ZLIB
  CHECK(strstr(answer, "Sec-WebSocket-Extensions: permessage-deflate;"));
#else
  CHECK(strstr(answer, " 101 "));
#endif
  stop();
}

TEST(a_preflight_may_ask_for_headers_in_several_lines) {
  static const sio_cors cors = { 0 };
  start(&(sio_options){ .cors = &cors });
  CHECK(strstr(answer_to("OPTIONS /socket.io/ HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n"
                         "Access-Control-Request-Headers: one\r\n"
                         "Access-Control-Request-Headers: two\r\n\r\n"),
               "Access-Control-Allow-Headers: one, two\r\n"));
  stop();
}

/* A page cannot send two, and a list of origins is none of those allowed. */
TEST(two_origins_are_none_that_is_allowed) {
  static const char *const origins[] = { "http://b", NULL };
  start(&(sio_options){ .allowed_origins = origins });
  EQ(status_of("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n"
               "Origin: http://b\r\nOrigin: http://c\r\n\r\n"),
     403);
  stop();
}

TEST(without_memory_to_join_lines_the_request_is_refused) {
  bool failed = true, refused = false;
  for (size_t i = 1; failed && i < 60; i++) {
    start(NULL);
    CHECK(raw_open(&c, srv));
    const char *request = REQUEST("Accept: a\r\nAccept: b\r\n");
    CHECK(raw_send(&c, request, strlen(request)));
    alloc_fail_in(i);
    for (int k = 0; k < 5; k++) raw_turn(&c);
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    c.in[c.n] = '\0';
    refused |= strstr(c.in, " 503 ") != NULL;
    CHECK(strstr(c.in, " 503 ") || !traced[0] || strcmp(traced, "Accept: a, b| ") == 0);
    stop();
  }
  CHECK(!failed && refused);
}

TESTS_BEGIN
T(lines_of_one_name_are_one_list)
T(of_a_field_that_is_no_list_the_first_line_counts)
T(what_frames_a_request_is_not_said_twice)
T(an_upgrade_may_be_asked_for_in_several_lines)
T(a_connection_is_kept_or_closed_as_any_of_its_lines_says)
T(a_session_shows_the_line_that_a_proxy_added)
T(the_address_is_the_one_that_a_trusted_proxy_added_in_a_line_of_its_own)
T(codings_and_extensions_are_found_in_any_line)
T(a_preflight_may_ask_for_headers_in_several_lines)
T(two_origins_are_none_that_is_allowed)
T(without_memory_to_join_lines_the_request_is_refused)
TESTS_END
