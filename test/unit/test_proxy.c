/* SPDX-License-Identifier: MIT
 *
 * test_proxy.c - PROXY headers: whole, cut at each byte, and what is none.
 */
#include "guard.h"
#include "net/proxy.h"
#include "test.h"
#include <sio/error.h>

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define HEX(s) s, sizeof(s) - 1

static struct guard guard;
static struct proxied got;
static const char *why;

static int read_n(const void *p, size_t n) {
  return sio__proxy_parse_header(guard_put(&guard, p, n), n, &got, &why);
}

/* Whole, and with a request behind it, it is read; cut short anywhere it wants more. */
static void is(const void *p, size_t n, const char *from, bool secure) {
  char more[2048], text[ADDR_TEXT];
  memcpy(more, p, n);
  memcpy(more + n, "GET / HTTP/1.1\r\n", 16);
  EQ(read_n(more, n + 16), n);
  EQ(read_n(p, n), n);
  EQ_STR(sio__addr_to_text(&got.from, text), from);
  EQ(got.from.kind, *from ? ADDR_IP : ADDR_NONE);
  EQ(got.secure, secure);
  for (size_t i = 0; i < n; i++) EQ(read_n(p, i), 0);
}

static void v1(const char *line, const char *from) { is(line, strlen(line), from, false); }

static void is_bad(const void *p, size_t n, int err) {
  int is_ = read_n(p, n);
  if (is_ != err) test__print("read: ", p, n);
  EQ(is_, err);
  CHECK(*why);
}

TEST(a_line_names_the_client) {
  v1("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1");
  v1("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255");
  v1("PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", "1.2.3.4");
  v1("PROXY TCP6 2001:db8::1 ::1 4124 443\r\n", "2001:db8::1");
  v1("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff1 "
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff1");
}

TEST(or_does_not_know_it) {
  v1("PROXY UNKNOWN\r\n", "");
  v1("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "");
}

TEST(a_line_of_107_bytes_is_the_longest) {
  char line[200];
  memset(line, 'x', sizeof line);
  memcpy(line, "PROXY UNKNOWN ", 14);
  memcpy(line + 105, "\r\n", 2);
  is(line, 107, "", false);
  memset(line + 14, 'x', 150);
  memcpy(line + 106, "\r\n", 2);
  is_bad(line, 108, SIO_ETOOBIG);
  is_bad(line, 106, SIO_ETOOBIG);
  EQ(read_n(line, 105), 0);
}

TEST(a_malformed_line_is_refused) {
  static const char *const bad[] = {
    "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 1\r\n",
    "PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 56324 65536\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2  443\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 56324 \r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 56324 123456\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 056324 443\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 00 443\r\n",
    "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
    "PROXY TCP4 ::1 ::1 1 2\r\n",
    "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXY TCP6 [::1] ::1 1 2\r\n",
    "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXY UNKNOWNS\r\n",
    "PROXY \r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rx",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\r\n",
    "PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXYTCP4",
    "GET / HTTP/1.1\r\n",
    " PROXY",
    "\r\n\r\nGET",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) is_bad(bad[i], strlen(bad[i]), SIO_EPROTO);
}

TEST(a_binary_header_names_the_client) {
  is(HEX(SIG "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb"), "192.0.2.1", false);
  is(HEX(SIG "\x21\x21\0\x24"
             "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
             "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xdc\4\1\xbb"),
     "2001:db8::1", false);
}

TEST(or_that_there_is_none_to_name) {
  is(HEX(SIG "\x20\0\0\0"), "", false);
  is(HEX(SIG "\x20\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb"), "", false);
  is(HEX(SIG "\x20\xff\0\3abc"), "", false);
  is(HEX(SIG "\x21\0\0\0"), "", false);
  is(HEX(SIG "\x21\0\0\3abc"), "", false);
  char path[16 + 216] = SIG "\x21\x31\0\xd8/run/client.sock";
  is(path, sizeof path, "", false);
}

TEST(behind_the_addresses_stands_more) {
  is(HEX(SIG "\x21\x11\0\x14\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb\1\0\2h2\4\0\0"), "192.0.2.1", false);
  is(HEX(SIG "\x21\x11\0\x14\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb\x20\0\5\1\0\0\0\0"), "192.0.2.1",
     true);
  is(HEX(SIG "\x21\x11\0\x14\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb\x20\0\5\0\0\0\0\0"), "192.0.2.1",
     false);
}

TEST(a_malformed_header_is_refused) {
  is_bad(HEX(SIG "\x11"), SIO_EPROTO);
  is_bad(HEX(SIG "\x31"), SIO_EPROTO);
  is_bad(HEX(SIG "\x22"), SIO_EPROTO);
  is_bad(HEX(SIG "\x2f\x11\0\x0c"), SIO_EPROTO);
  is_bad(HEX("\r\n\r\n\0\r\nQUIT\r"), SIO_EPROTO);
  is_bad(HEX(SIG "\x21\x11\0\x0b\xc0\0\2\1\xc0\0\2\2\xdc\4\1"), SIO_EPROTO);
  is_bad(HEX(SIG "\x21\x12\0\x0c\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb"), SIO_EPROTO);
  is_bad(HEX(SIG "\x21\x10\0\x0c\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb"), SIO_EPROTO);
  is_bad(HEX(SIG "\x21\x41\0\0"), SIO_EPROTO);
  is_bad(HEX(SIG "\x21\x31\0\0"), SIO_EPROTO);
  /* A TLV that reaches beyond, one cut short, and TLS that does not say what it must. */
  is_bad(HEX(SIG "\x21\x11\0\x11\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb\1\0\3h2"), SIO_EPROTO);
  is_bad(HEX(SIG "\x21\x11\0\x0e\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb\1\0"), SIO_EPROTO);
  is_bad(HEX(SIG "\x21\x11\0\x13\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb\x20\0\4\1\0\0\0"), SIO_EPROTO);
}

TEST(a_header_of_1024_bytes_is_the_longest) {
  char h[1100] = SIG "\x21\0\3\xf0";
  is(h, 1024, "", false);
  h[15] = (char)0xf1;
  is_bad(h, 16, SIO_ETOOBIG);
  memcpy(h + 14, "\xff\xff", 2);
  is_bad(h, 16, SIO_ETOOBIG);
}

TESTS_BEGIN
T(a_line_names_the_client)
T(or_does_not_know_it)
T(a_line_of_107_bytes_is_the_longest)
T(a_malformed_line_is_refused)
T(a_binary_header_names_the_client)
T(or_that_there_is_none_to_name)
T(behind_the_addresses_stands_more)
T(a_malformed_header_is_refused)
T(a_header_of_1024_bytes_is_the_longest)
TESTS_END
