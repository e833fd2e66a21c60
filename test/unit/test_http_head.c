/* SPDX-License-Identifier: MIT
 *
 * head.c alone, without the parser before it: the two check a head by themselves, so that what one
 * lets through the other refuses.
 */
#include "guard.h"
#include "http/head.h"
#include "http/request.h"
#include "test.h"
#include <uv.h>

static sio_request req;
static const char *why;

static void forget(void) {
  sio__buf_clear(&req.head);
  sio__buf_clear(&req.joined_values);
}

/* The status that a head is refused with; 0: it is sound. */
static int read_bytes(const char *p, size_t n) {
  memset(&req, 0, sizeof req);
  buf_init(&req.head, 4096);
  buf_init(&req.joined_values, 4096);
  if (sio__buf_put(&req.head, p, n)) abort();
  why = "";
  return sio__request_parse_head(&req, 10, &why);
}

static void refuses(const char *p, size_t n, int status, const char *text) {
  EQ(read_bytes(p, n), status);
  EQ_STR(why, text);
  if (strcmp(why, text) != 0) test__print("of", p, n);
  forget();
}
#define REFUSES(head, status, text) refuses(head, sizeof(head) - 1, status, text)

TEST(a_sound_head_is_read) {
  static const char head[] = "GET /a?b#c HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  EQ(read_bytes(head, sizeof head - 1), 0);
  EQ_MEM(req.path.p, req.path.n, "/a", 2);
  EQ_MEM(req.query.p, req.query.n, "b", 1);
  EQ(req.nheaders, 2);
  forget();
}

TEST(a_line_ends_in_crlf_and_holds_no_other) {
  static const char text[] = "a line contains CR or LF alone, or does not end in CRLF";
  REFUSES("GET / HTTP/1.1\nHost: a\r\n\r\n", 400, text);
  REFUSES("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, text);
  REFUSES("GET / HTTP/1.1\r\nHost: a\n\r\n", 400, text);
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ: 1\r\n\r\n", 400, text);
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\n\n", 400, text);
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nX: y", 400, text);
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ\r\n", 400, text);
  REFUSES("GET / HTTP/1.1", 400, text);
}

TEST(a_request_line_has_three_parts_of_visible_characters) {
  REFUSES("GET\r\n\r\n", 400, "malformed request line");
  REFUSES("GET /\r\n\r\n", 400, "malformed request line");
  REFUSES("\r\n\r\n", 400, "malformed request line");
  REFUSES("GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target");
  REFUSES("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target");
  REFUSES("GET /\0a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target");
  REFUSES("GET /\ta HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target");
  REFUSES("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target");
  REFUSES("G\0T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target");
}

TEST(a_header_is_a_token_and_a_value_without_control_characters) {
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nX\0: 1\r\n\r\n", 400, "malformed header");
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400, "malformed header");
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", 400, "malformed header");
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, "malformed header");
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400, "malformed header");
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400, "malformed header");
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400, "malformed header");
}

TEST(a_length_that_is_no_number_is_refused) {
  static const char text[] = "malformed Content-Length";
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 400, text);
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1a\r\n\r\n", 400, text);
  REFUSES("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, text);
}

TESTS_BEGIN
T(a_sound_head_is_read)
T(a_line_ends_in_crlf_and_holds_no_other)
T(a_request_line_has_three_parts_of_visible_characters)
T(a_header_is_a_token_and_a_value_without_control_characters)
T(a_length_that_is_no_number_is_refused)
TESTS_END
