/* SPDX-License-Identifier: MIT
 *
 * test_poll_host.c - a host whose main loop is poll(2), and one that has a tick.
 */
#include "other_loop.h"

#include <poll.h>

static void host_open(void) {}
static void host_close(void) {}

/* The recipe of docs/guide.md; deadlines that are no part of a scene are left out. */
static void host_wait(int fd) {
  int ms = uv_backend_timeout(&uv);
  struct pollfd p[2] = { { .fd = uv_backend_fd(&uv), .events = POLLIN },
                         { .fd = fd, .events = POLLIN } };
  int n = poll(p, 2, ms > SHORT_MS ? -1 : ms);
  if (n == 0 || p[0].revents) uv_run(&uv, UV_RUN_NOWAIT);
}

/* ---- a host with a tick ---------------------------------------------------------------------- */

static bool has(int fd, const char *want) {
  ssize_t n = recv(fd, heard, sizeof heard, MSG_DONTWAIT);
  return n > 0 && memmem(heard, (size_t)n, want, strlen(want));
}

TEST(a_tick_answers_what_it_has_read) {
  begin();
  int fd = accepted_pair();
  CHECK(put(fd, upgrade_request, sizeof upgrade_request - 1));
  turn();
  CHECK(has(fd, "\"sid\""));
  CHECK(put(fd, join, sizeof join - 1));
  turn();
  CHECK(has(fd, "40{\"sid\""));
  end(fd);
}

TEST(a_tick_sends_what_was_sent_before_it) {
  begin();
  int fd = accepted_pair();
  REQUIRE(handshake(fd));
  EQ(sio_emit(newest, "one", SIO_NONE), 0);
  turn();
  CHECK(has(fd, "42[\"one\"]"));
  end(fd);
}

TESTS_BEGIN
OTHER_LOOP_SCENES
T(a_tick_answers_what_it_has_read)
T(a_tick_sends_what_was_sent_before_it)
TESTS_END
