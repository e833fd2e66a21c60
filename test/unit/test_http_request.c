/* SPDX-License-Identifier: MIT */
#include "base/percent.h"
#include "guard.h"
#include "http/kept_head.h"
#include "http_rig.h"

/* ---- queries ---------------------------------------------------------------------- */

static const struct {
  const char *query, *key;
  long n; /* or an error */
  const char *value;
} queries[] = {
  { "EIO=4&transport=polling", "EIO", 1, "4" },
  { "EIO=4&transport=polling", "transport", 7, "polling" },
  { "EIO=4&transport=polling", "sid", UV_ENOENT, "" },
  { "", "EIO", UV_ENOENT, "" },
  { "a=1&a=2&a=3", "a", 1, "3" },
  { "a=1&a=", "a", 0, "" },
  { "a", "a", 0, "" },
  { "a&b=1", "a", 0, "" },
  { "a=", "a", 0, "" },
  { "=1", "", 1, "1" },
  { "a=b=c", "a", 3, "b=c" },
  { "a=%20b+c%2Bd", "a", 6, " b c+d" },
  { "%61%62=1", "ab", 1, "1" },
  { "a+b=1", "a b", 1, "1" },
  { "a=%", "a", 1, "%" },
  { "a=%4", "a", 2, "%4" },
  { "a=%zz%41", "a", 4, "%zzA" },
  { "ab=1", "a", UV_ENOENT, "" },
  { "a=1", "ab", UV_ENOENT, "" },
  { "&&a=1&&", "a", 1, "1" },
  { "a=%c3%a4", "a", 2, "\xc3\xa4" },
  { "a=1234567", "a", 7, "1234567" },
  { "a=12345678", "a", SIO_ETOOBIG, "1234567" },
  { "a=%31%32%33%34%35%36%37", "a", 7, "1234567" },
};

TEST(queries_are_decoded_and_the_last_value_wins) {
  struct guard g = { 0 };
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    sio_request r = { 0 };
    char out[8], url[64];
    size_t n = strlen(queries[i].query);
    r.query = slice(guard_put(&g, queries[i].query, n), n);
    EQ(sio__request_copy_decoded_query_parameter(&r, queries[i].key, out, sizeof out),
       queries[i].n);
    EQ_STR(out, queries[i].value);
    n = (size_t)snprintf(url, sizeof url, "/a?%s", queries[i].query);
    EQ(sio_url_param(slice(guard_put(&g, url, n), n), queries[i].key, out, sizeof out),
       queries[i].n);
    EQ_STR(out, queries[i].value);
  }
  guard_clear(&g);
}

TEST(a_query_value_may_hold_any_byte_and_a_buffer_may_be_none) {
  sio_slice url = SLICE("/?a=x%00y#&b=1");
  char out[8];
  EQ(sio_url_param(url, "a", out, sizeof out), 3);
  EQ_MEM(out, 3, "x\0y", 3);
  EQ(sio_url_param(url, "a", NULL, 0), SIO_ETOOBIG);
  EQ(sio_url_param(url, "b", NULL, 0), UV_ENOENT);
  EQ(sio_url_param(url, "a", out, 1), SIO_ETOOBIG);
  EQ(sio_url_param(SLICE("a=1"), "a", out, sizeof out), UV_ENOENT);
  EQ(sio_url_param(slice(NULL, 0), "a", out, sizeof out), UV_ENOENT);
}

/* ---- file paths --------------------------------------------------------------------- */

TEST(url_paths_that_mean_a_file) {
  static const struct {
    const char *raw;
    const char *path; /* NULL: none */
  } t[] = {
    { "/a", "a" },
    { "/a/b.js", "a/b.js" },
    { "/", "" },
    { "/a/", "a/" },
    { "/a%20b", "a b" },
    { "/%61", "a" },
    { "/a%5Cb", "a\\b" },
    { "/a..b", "a..b" },
    { "/12345678901234", "12345678901234" },
    { "/12345678901/4", "12345678901/4" },
    { "", NULL },
    { "a", NULL },
    { "*", NULL },
    { "//a", NULL },
    { "/a//b", NULL },
    { "/a//", NULL },
    { "/..", NULL },
    { "/../a", NULL },
    { "/a/../b", NULL },
    { "/a/..", NULL },
    { "/.", NULL },
    { "/./a", NULL },
    { "/.git/config", NULL },
    { "/a/.env", NULL },
    { "/%2e%2e/a", NULL },
    { "/%2E./a", NULL },
    { "/.%2e/a", NULL },
    { "/a%2fb", NULL },
    { "/..%2fa", NULL },
    { "/a%00", NULL },
    { "/a%00.html", NULL },
    { "/a%", NULL },
    { "/a%4", NULL },
    { "/a%zz", NULL },
    { "/123456789012345", NULL },
    { "/12345678901234/", NULL },
    { "/1234567/890123", "1234567/890123" },
    { "/1234567/8901234", NULL },
    { "/1234567/890123456789", NULL },
  };
  struct guard g = { 0 };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char *out = calloc(1, 15); /* so that a byte written behind it is seen */
    size_t n = strlen(t[i].raw);
    long k = sio__percent_decode_path(out, 15, slice(guard_put(&g, t[i].raw, n), n));
    EQ(k, t[i].path ? (long)strlen(t[i].path) : -1);
    if (t[i].path && k >= 0) EQ_STR(out, t[i].path);
    free(out);
  }
  guard_clear(&g);
}

/* ---- the head -------------------------------------------------------------------------- */

static struct kept_head *kept;

static void inspect(sio_request *r) {
  sio_slice s = sio_request_info_of(r).method;
  EQ_MEM(s.p, s.n, "POST", 4);
  s = sio_request_info_of(r).url;
  EQ_MEM(s.p, s.n, "/a%20b?x=%31&y", 14);
  s = sio_request_info_of(r).path;
  EQ_MEM(s.p, s.n, "/a%20b", 6);
  s = sio_request_header(r, "x-tWo");
  EQ_MEM(s.p, s.n, "two  2", 6);
  s = sio_request_header(r, "x-empty");
  CHECK(s.p != NULL && s.n == 0);
  CHECK(sio_request_header(r, "X-Three").p == NULL);
  s = sio_request_header(r, "dup");
  EQ_MEM(s.p, s.n, "1, 2", 4);
  s = sio_request_info_of(r).body;
  EQ_MEM(s.p, s.n, "hi", 2);
  EQ_STR(sio_request_info_of(r).address, "");
  EQ(r->method, HTTP_POST);
  kept = sio__kept_request_head_new(r);
  rig_echo(r);
}

TEST(a_request_can_be_read_and_its_head_kept) {
  rig_open();
  rig->at_request = inspect;
  EQ(status_of(ask("POST /a%20b?x=%31&y HTTP/1.1\r\nHost: a\r\nX-Two: \t two  2 \r\nX-Empty:\r\n"
                   "Sec-WebSocket-Key: x\r\nDup: 1\r\ndup: 2\r\nContent-Length: 2\r\n\r\nhi")),
     200);
  rig->at_request = NULL;
  ask("GET /overwrites/the/block HTTP/1.1\r\nHost: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\r\n\r\n");
  rig_close();
  REQUIRE(kept != NULL);
  sio_slice s = sio__kept_request_head_url(kept);
  EQ_MEM(s.p, s.n, "/a%20b?x=%31&y", 14);
  EQ(kept->nheaders, 5);
  s = sio__kept_request_head_header(kept, "X-TWO");
  EQ_MEM(s.p, s.n, "two  2", 6);
  CHECK(sio__kept_request_head_header(kept, "nope").p == NULL);
  CHECK(sio__kept_request_head_header(kept, "Sec-WebSocket-Key").p == NULL);
  char out[8];
  EQ(sio_url_param(sio__kept_request_head_url(kept), "x", out, sizeof out), 1);
  EQ_STR(out, "1");
  s = sio__kept_request_head_header(kept, "x-empty");
  CHECK(s.p != NULL && s.n == 0);
  s = sio__kept_request_head_header(kept, "Content-Length"); /* the last */
  EQ_MEM(s.p, s.n, "2", 1);
  EQ_STR(kept_request_head_client_address(kept), "");
  EQ(kept->secure, false);
  kept = sio__kept_request_head_drop_url_and_headers(kept);
  EQ(sio__kept_request_head_url(kept).n, 0);
  CHECK(sio__kept_request_head_header(kept, "X-TWO").p == NULL);
  EQ(sio_url_param(sio__kept_request_head_url(kept), "x", out, sizeof out), UV_ENOENT);
  EQ_STR(kept_request_head_client_address(kept), "");
  sio__free(kept);
}

TESTS_BEGIN
T(queries_are_decoded_and_the_last_value_wins)
T(a_query_value_may_hold_any_byte_and_a_buffer_may_be_none)
T(url_paths_that_mean_a_file)
T(a_request_can_be_read_and_its_head_kept)
TESTS_END
