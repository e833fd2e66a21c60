/* SPDX-License-Identifier: MIT
 *
 * test_libevent_host.c - a host whose main loop is libevent's: the uv loop is one of its events.
 */
#include "other_loop.h"

#include <event2/event.h>

static struct event_base *base;
static struct event *uv_event;

static void on_event_ready(evutil_socket_t fd, short what, void *user) {
  (void)fd, (void)what, (void)user;
}

static void host_open(void) {
  base = event_base_new();
  uv_event = event_new(base, uv_backend_fd(&uv), EV_READ, on_event_ready, NULL);
}

static void host_close(void) {
  event_free(uv_event);
  event_base_free(base);
}

/* The round of examples/loops; deadlines that are no part of a scene are left out. */
static void host_wait(int fd) {
  struct event *peer = fd >= 0 ? event_new(base, fd, EV_READ, on_event_ready, NULL) : NULL;
  if (peer) event_add(peer, NULL);
  int ms = uv_backend_timeout(&uv);
  struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
  event_del(uv_event);
  event_add(uv_event, ms >= 0 && ms <= SHORT_MS ? &time : NULL);
  event_base_loop(base, EVLOOP_ONCE);
  uv_run(&uv, UV_RUN_NOWAIT);
  if (peer) event_free(peer);
}

TESTS_BEGIN
OTHER_LOOP_SCENES
TESTS_END
