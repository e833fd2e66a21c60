/* SPDX-License-Identifier: MIT
 *
 * loop_libevent.c - a program of libevent: the uv loop is one of its events. The first part can be
 * copied as it is.
 *
 * libevent 2.1 does not tell anybody that it is about to wait, so the program asks for one round
 * after the other instead of calling event_base_dispatch(): calls of the library in any of its
 * events may give the uv loop something to do.
 */
#include "echo.h"
#include <event2/event.h>

/* ---- one round of libevent and of the uv loop ----------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg; /* it is enough that the wait has ended */
}

/* The event for rounds of this loop; to be freed with event_free(). */
static struct event *uv_event_new(struct event_base *base, uv_loop_t *loop) {
  return event_new(base, uv_backend_fd(loop), EV_READ, on_readable, NULL);
}

/* Waits until an event of libevent or of the uv loop is due, and runs both. */
static void uv_event_round(struct event_base *base, struct event *e, uv_loop_t *loop) {
  uv_update_time(loop);
  int ms = uv_backend_timeout(loop);
  struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
  event_add(e, ms >= 0 ? &time : NULL);
  event_base_loop(base, EVLOOP_ONCE);
  uv_run(loop, UV_RUN_NOWAIT);
}

/* ---- the program ---------------------------------------------------------------------------- */

static bool closed;

static void on_signal(evutil_socket_t signum, short what, void *srv) {
  (void)signum, (void)what;
  sio_server_close(srv, echo_on_closed, &closed);
}

int main(void) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  sio_server *srv = echo_serve(&loop, NULL, echo_port());
  struct event_base *base = event_base_new();
  struct event *e = uv_event_new(base, &loop), *term = evsignal_new(base, SIGTERM, on_signal, srv);
  event_add(term, NULL);
  while (!closed) uv_event_round(base, e, &loop);
  event_free(term);
  event_free(e);
  event_base_free(base);
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) ? 1 : 0;
}
