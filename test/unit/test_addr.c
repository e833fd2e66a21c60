/* SPDX-License-Identifier: MIT */
#include "alloc.h"
#include "guard.h"
#include "net/addr.h"
#include "test.h"
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

static struct guard guard;

/* What it is printed as again; NULL: it is none. */
static const char *again(const char *text) {
  static char out[ADDR_TEXT];
  struct addr a;
  size_t n = strlen(text);
  if (!sio__addr_parse(&a, slice(guard_put(&guard, text, n), n))) return NULL;
  return sio__addr_to_text(&a, out);
}

static void reads(const char *text, const char *want) {
  const char *is = again(text);
  if (!is) fprintf(stderr, "%s is not read\n", text);
  REQUIRE(is != NULL);
  EQ_STR(is, want);
}

TEST(addresses_are_read_and_written_in_their_shortest_form) {
  reads("127.0.0.1", "127.0.0.1");
  reads("255.255.255.255", "255.255.255.255");
  reads("::", "::");
  reads("::1", "::1");
  reads("2001:DB8:0:0:0:0:0:1", "2001:db8::1");
  reads("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
  reads("::ffff:192.0.2.1", "192.0.2.1");
  reads("::FFFF:c000:201", "192.0.2.1");
  reads("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
}

TEST(what_is_no_address_is_not_read) {
  static const char *const bad[] = {
    "",
    " ",
    "127.0.0",
    "127.0.0.1 ",
    " 127.0.0.1",
    "127.0.0.256",
    "127.0.0.01",
    "1.2.3.4.5",
    "0x7f.0.0.1",
    "127.1",
    "2130706433",
    "localhost",
    "[::1]",
    "::1%lo",
    "1::2::3",
    ":::",
    "::g",
    "12345::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "127.0.0.1:80",
    "unknown",
    "unix",
    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
    "::ffff:1.2.3.4.5",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (again(bad[i])) fprintf(stderr, "read: %s\n", bad[i]);
    CHECK(!again(bad[i]));
  }
  struct addr a;
  CHECK(!sio__addr_parse(&a, SLICE("127.0.0.1\0")));
}

TEST(an_address_of_a_socket_is_the_same_one) {
  struct sockaddr_in v4 = { .sin_family = AF_INET };
  struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
  struct addr a, b, c;
  inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
  inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6.sin6_addr);
  a = sio__addr_from_sockaddr((struct sockaddr *)&v4);
  b = sio__addr_from_sockaddr((struct sockaddr *)&v6);
  CHECK(sio__addr_parse(&c, SLICE("192.0.2.1")));
  EQ_MEM(a.b, 16, b.b, 16);
  EQ_MEM(a.b, 16, c.b, 16);
  EQ(a.kind, ADDR_IP);
  EQ(sio__addr_from_sockaddr(&(struct sockaddr){ .sa_family = AF_UNIX }).kind, ADDR_UNIX);
  EQ(sio__addr_from_sockaddr(&(struct sockaddr){ .sa_family = AF_UNSPEC }).kind, ADDR_NONE);
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  EQ(sio__addr_get_socket_peer(pair[0]).kind, ADDR_UNIX);
  close(pair[0]);
  close(pair[1]);
  EQ(sio__addr_get_socket_peer(-1).kind, ADDR_NONE);
}

static const char *group(const char *text) {
  static char out[ADDR_TEXT];
  struct addr a;
  if (!sio__addr_parse(&a, slice_str(text))) return "";
  a = sio__addr_clear_ipv6_host_bits(&a);
  return sio__addr_to_text(&a, out);
}

TEST(a_site_of_ipv6_is_one) {
  EQ_STR(group("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
  EQ_STR(group("2001:db8:1:2::"), "2001:db8:1:2::");
  EQ_STR(group("192.0.2.77"), "192.0.2.77");
  EQ_STR(group("::ffff:192.0.2.77"), "192.0.2.77");
}

static bool has(const char *net, const char *text) {
  const char *const nets[] = { net, NULL }, *bad;
  struct addr_set set;
  struct addr a;
  if (sio__addr_set_parse(&set, nets, &bad) || !sio__addr_parse(&a, slice_str(text))) {
    fprintf(stderr, "not read: %s, %s\n", net, text);
    abort();
  }
  bool found = sio__addr_set_contains(&set, &a);
  sio__addr_set_clear(&set);
  return found;
}

TEST(a_network_holds_what_begins_as_it_does) {
  CHECK(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.0"));
  CHECK(has("192.0.2.128/25", "192.0.2.128") && !has("192.0.2.128/25", "192.0.2.127"));
  CHECK(has("192.0.2.6/31", "192.0.2.7") && !has("192.0.2.6/31", "192.0.2.8"));
  CHECK(has("0.0.0.0/0", "8.8.8.8") && !has("0.0.0.0/0", "::1"));
  CHECK(has("127.0.0.1", "127.0.0.1") && !has("127.0.0.1", "127.0.0.2"));
  CHECK(has("127.0.0.1/32", "::ffff:127.0.0.1"));
  CHECK(has("fd00::/8", "fdff::1") && !has("fd00::/8", "fe00::1"));
  CHECK(has("2001:db8::/33", "2001:db8:7fff::") && !has("2001:db8::/33", "2001:db8:8000::"));
  CHECK(has("::/0", "::1") && has("::/0", "1.2.3.4"));
  CHECK(has("::ffff:0:0/96", "1.2.3.4") && !has("::ffff:0:0/96", "::1.2.3.4"));
  CHECK(has("::1/128", "::1") && !has("::1", "::2"));
}

TEST(unix_sockets_are_named_by_a_word) {
  static const char *const texts[] = { "unix", "10.0.0.0/8", NULL };
  const char *bad;
  struct addr_set set;
  struct addr peer = { .kind = ADDR_UNIX }, none = { .kind = ADDR_NONE },
              zero = { .kind = ADDR_IP };
  alloc_install();
  REQUIRE(sio__addr_set_parse(&set, texts, &bad) == 0);
  CHECK(sio__addr_set_contains(&set, &peer));
  CHECK(!sio__addr_set_contains(&set, &none) && !sio__addr_set_contains(&set, &zero));
  sio__addr_set_clear(&set);
  EQ(alloc_live, 0);
}

TEST(what_is_no_network_is_named) {
  static const char *const wrong[] = {
    "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",  "10.0.0.0/08x",
    "10.0.0/8",   "::/129",      "fd00::1/8", "10.0.0.0/8/8", "/8",
    "",           "localhost",   "Unix",      "10.0.0.0 /8",  "10.0.0.0/0008",
    "[::1]"
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const char *const texts[] = { "10.0.0.0/8", wrong[i], NULL };
    const char *bad = "";
    struct addr_set set;
    alloc_install();
    EQ(sio__addr_set_parse(&set, texts, &bad), UV_EINVAL);
    EQ_STR(bad, wrong[i]);
    EQ(alloc_live, 0);
  }
}

TEST(a_set_without_memory_is_none) {
  static const char *const texts[] = { "::1", NULL };
  const char *bad;
  struct addr_set set;
  alloc_install();
  alloc_fail_in(1);
  EQ(sio__addr_set_parse(&set, texts, &bad), UV_ENOMEM);
  EQ(alloc_live, 0);
}

TESTS_BEGIN
T(addresses_are_read_and_written_in_their_shortest_form)
T(what_is_no_address_is_not_read)
T(an_address_of_a_socket_is_the_same_one)
T(a_site_of_ipv6_is_one)
T(a_network_holds_what_begins_as_it_does)
T(unix_sockets_are_named_by_a_word)
T(what_is_no_network_is_named)
T(a_set_without_memory_is_none)
TESTS_END
