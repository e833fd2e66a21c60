/* SPDX-License-Identifier: MIT
 *
 * test_forwarded.c - lists of proxies that anybody may have begun: only their ends count.
 */
#include "guard.h"
#include "http/forwarded.h"
#include "test.h"

static const char *const texts[] = { "10.0.0.0/8", "fd00::/8", "192.0.2.7", NULL };
static struct addr_set trusted;
static struct guard guards[8];
static struct http_header headers[8];
static sio_request request;
static bool rfc7239;

static void put(const char *name, const char *value) {
  uint32_t i = request.nheaders++;
  size_t n = strlen(value);
  headers[i] = (struct http_header){ slice_str(name), slice(guard_put(&guards[i], value, n), n) };
}

static void open_set(void) {
  const char *bad;
  if (!trusted.nets && sio__addr_set_parse(&trusted, texts, &bad)) abort();
  request = (sio_request){ .headers = headers };
  rfc7239 = false;
}

/* "192.0.2.1", "192.0.2.1 tls", "" */
static const char *client(void) {
  static char out[ADDR_TEXT + 8];
  struct forwarded f = sio__forwarded_headers_find_client(&request, &trusted, rfc7239);
  sio__addr_to_text(&f.from, out);
  if (f.secure) strcat(out, *out ? " tls" : "tls");
  return out;
}

static void x(const char *value, const char *want) {
  open_set();
  put("X-Forwarded-For", value);
  EQ_STR(client(), want);
}

static void fw(const char *value, const char *want) {
  open_set();
  rfc7239 = true;
  put("Forwarded", value);
  EQ_STR(client(), want);
}

/* ---- X-Forwarded-For ------------------------------------------------------------------------ */

TEST(the_last_address_that_is_no_proxys_is_the_clients) {
  x("1.2.3.4", "1.2.3.4");
  x("6.6.6.6, 1.2.3.4", "1.2.3.4");
  x("6.6.6.6, 1.2.3.4, 10.1.1.1, fd00::1,192.0.2.7", "1.2.3.4");
  x("6.6.6.6,10.9.9.9,1.2.3.4\t,10.1.1.1", "1.2.3.4");
}

TEST(if_all_are_proxies_the_first_is_the_client) { x("10.0.0.3, 10.0.0.2, 10.0.0.1", "10.0.0.3"); }

TEST(addresses_come_with_ports_and_brackets) {
  x("1.2.3.4:56789", "1.2.3.4");
  x("2001:db8::5", "2001:db8::5");
  x("[2001:db8::5]", "2001:db8::5");
  x("[2001:db8::5]:443", "2001:db8::5");
  x("::ffff:1.2.3.4", "1.2.3.4");
  x("1.2.3.4:_hidden", "1.2.3.4");
}

TEST(empty_elements_are_none) {
  x("1.2.3.4,, ,", "1.2.3.4");
  x("1.2.3.4, ,10.0.0.1", "1.2.3.4");
  x("", "");
  x(" , ,", "");
}

TEST(what_is_hidden_or_malformed_is_nobody_and_nothing_before_it_is_looked_at) {
  static const char *const bad[] = { "unknown",       "_hidden",   "1.2.3.4.5",      "1.2.3.4:",
                                     "1.2.3.4:65536", "1.2.3.4:x", "[::1",           "::1]",
                                     "[::1]x",        "[::1]:",    "[1.2.3.4]",      "\"1.2.3.4\"",
                                     "1.2.3.4 5",     "[]",        "1.2.3.4:123456", "[:x]" };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char value[100];
    snprintf(value, sizeof value, "9.9.9.9, %s, 10.0.0.1", bad[i]);
    x(value, "");
  }
}

TEST(all_lines_are_one_list) {
  open_set();
  put("X-Forwarded-For", "6.6.6.6, 7.7.7.7");
  put("Other", "8.8.8.8");
  put("x-forwarded-for", "1.2.3.4, 10.0.0.2");
  put("X-FORWARDED-FOR", "10.0.0.1");
  EQ_STR(client(), "1.2.3.4");
}

TEST(without_the_header_nobody_is_named) {
  open_set();
  put("Forwarded", "for=1.2.3.4;proto=https");
  EQ_STR(client(), "");
}

static void proto(const char *whom, const char *how, const char *want) {
  open_set();
  if (whom) put("X-Forwarded-For", whom);
  put("X-Forwarded-Proto", how);
  EQ_STR(client(), want);
}

TEST(how_it_came_stands_where_the_client_does) {
  proto("1.2.3.4", "https", "1.2.3.4 tls");
  proto("1.2.3.4", "WSS", "1.2.3.4 tls");
  proto("1.2.3.4", "http", "1.2.3.4");
  proto("1.2.3.4", "httpsx", "1.2.3.4");
  proto("1.2.3.4, 10.0.0.1", "https", "1.2.3.4 tls");
  proto("1.2.3.4, 10.0.0.1", "https, http", "1.2.3.4 tls");
  proto("6.6.6.6, 1.2.3.4, 10.0.0.1", "https, http, http", "1.2.3.4");
  proto("6.6.6.6, 1.2.3.4", "https, http", "1.2.3.4");
  proto(NULL, "https", "tls");
  proto(NULL, "https, http", "");
}

/* ---- Forwarded ------------------------------------------------------------------------------- */

TEST(forwarded_is_read_by_its_own_rules) {
  fw("for=1.2.3.4", "1.2.3.4");
  fw("For=\"1.2.3.4:80\";proto=http;by=10.0.0.1", "1.2.3.4");
  fw("by=10.0.0.1;FOR=1.2.3.4;Proto=HTTPS;host=\"a,b;c\"", "1.2.3.4 tls");
  fw("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17");
  fw("for=\"[2001:db8::17]:_port\"", "2001:db8::17");
  fw("for=\"\\1.2.3.4\"", "1.2.3.4");
  fw("for=6.6.6.6;proto=https, for=1.2.3.4, for=10.0.0.1;proto=https", "1.2.3.4");
  fw("for=6.6.6.6, for=1.2.3.4;proto=https, for=10.0.0.1", "1.2.3.4 tls");
  fw("for=10.0.0.2;proto=https, for=10.0.0.1", "10.0.0.2 tls");
}

/* An odd number of '\\' before a quote makes it a part of the text. */
TEST(an_escaped_quote_does_not_end_a_text) {
  fw("for=6.6.6.6, host=\"a\\\",b\";for=1.2.3.4", "1.2.3.4");
  fw("for=6.6.6.6, host=\"a\\\\\\\",b\";for=1.2.3.4", "1.2.3.4");
  fw("for=6.6.6.6, host=\"a\\\\\";for=1.2.3.4", "1.2.3.4");
  fw("\\\"a, for=1.2.3.4", "1.2.3.4");
  fw("\\\"a", "");
}

TEST(what_it_hides_is_nobody) {
  fw("for=6.6.6.6, for=unknown", "");
  fw("for=6.6.6.6, for=_gazonk;proto=https", "tls");
  fw("for=6.6.6.6, proto=https", "tls");
}

TEST(a_malformed_element_is_nobody) {
  static const char *const bad[] = { "for",
                                     "for=",
                                     "for=\"1.2.3.4",
                                     "for=\"1.2.3.4\\",
                                     "for=\"\"",
                                     "fo\xc3r=1.2.3.4",
                                     "for=1.2.3.4;",
                                     "for = 1.2.3.4",
                                     "for=2001:db8::1",
                                     "for=\"2001:db8::1\"",
                                     "for=1.2.3.4;for=1.2.3.5",
                                     "for=1.2.3.4:80",
                                     "=1.2.3.4",
                                     "for=1.2.3.4;proto=https;proto=https",
                                     "for=\"1.2.3.4\"x",
                                     "for=1.2.3.4 ;proto=https",
                                     "for=\"\\",
                                     "1.2.3.4" };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char value[100];
    snprintf(value, sizeof value, "for=9.9.9.9;proto=https, %s", bad[i]);
    fw(value, "");
  }
}

TEST(a_quote_that_a_client_left_open_swallows_nothing) {
  fw("for=\"6.6.6.6, for=1.2.3.4", "1.2.3.4");
  fw("for=\"6.6.6.6\\\", for=1.2.3.4, for=10.0.0.1", "1.2.3.4");
}

TEST(and_x_forwarded_for_is_not_looked_at) {
  open_set();
  rfc7239 = true;
  put("X-Forwarded-For", "6.6.6.6");
  put("X-Forwarded-Proto", "https");
  EQ_STR(client(), "");
}

TEST(long_lists_are_read_no_further_than_needed) {
  static char value[16000];
  open_set();
  for (size_t i = 0; i < sizeof value - 20; i += 2) memcpy(value + i, "\",", 2);
  strcpy(value + sizeof value - 20, ",1.2.3.4");
  x(value, "1.2.3.4");
  memcpy(value + sizeof value - 20, ",for=1.2.3.4", 13);
  fw(value, "1.2.3.4");
}

TESTS_BEGIN
T(the_last_address_that_is_no_proxys_is_the_clients)
T(if_all_are_proxies_the_first_is_the_client)
T(addresses_come_with_ports_and_brackets)
T(empty_elements_are_none)
T(what_is_hidden_or_malformed_is_nobody_and_nothing_before_it_is_looked_at)
T(all_lines_are_one_list)
T(without_the_header_nobody_is_named)
T(how_it_came_stands_where_the_client_does)
T(forwarded_is_read_by_its_own_rules)
T(an_escaped_quote_does_not_end_a_text)
T(what_it_hides_is_nobody)
T(a_malformed_element_is_nobody)
T(a_quote_that_a_client_left_open_swallows_nothing)
T(and_x_forwarded_for_is_not_looked_at)
T(long_lists_are_read_no_further_than_needed)
TESTS_END
