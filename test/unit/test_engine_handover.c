/* SPDX-License-Identifier: MIT
 *
 * test_engine_handover.c - connections that the host has accepted and read from itself.
 */
#include "engine_rig.h"

static bool hand_over(struct raw *c, const char *read, size_t n, int want) {
  int pair[2];
  *c = (struct raw){ .loop = &uv, .fd = -1 };
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) abort();
  c->fd = pair[1];
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  int err = sio_accept(srv, &(sio_accept_options){ .fd = pair[0], .read = (sio_slice){ read, n } });
  EQ(err, want);
  return err == want;
}

TEST(a_connection_may_be_handed_over_in_the_middle_of_a_request) {
  static const char request[] = "GET /raw/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";
  static const char next[] = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
  start_raw(NULL);
  for (size_t cut = 0; cut < sizeof request; cut++) {
    REQUIRE(hand_over(&a, request, cut, 0));
    REQUIRE(raw_send(&a, request + cut, sizeof request - 1 - cut) && raw_expect(&a, "0{\"sid\""));
    REQUIRE(raw_send(&a, next, sizeof next - 1) && raw_expect(&a, "404 Not Found"));
    raw_close(&a);
  }
  stop();
}

TEST(what_was_read_of_it_already_is_bounded) {
  static char much[100000];
  start_raw(NULL);
  REQUIRE(hand_over(&a, much, sizeof much, SIO_ETOOBIG));
  CHECK(raw_expect_end(&a));
  alloc_fail_all();
  REQUIRE(hand_over(&b, "GET", 3, UV_ENOMEM));
  alloc_fail_in(0);
  CHECK(raw_expect_end(&b));
  stop();
}

TESTS_BEGIN
T(a_connection_may_be_handed_over_in_the_middle_of_a_request)
T(what_was_read_of_it_already_is_bounded)
TESTS_END
