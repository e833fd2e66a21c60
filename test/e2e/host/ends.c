/* SPDX-License-Identifier: MIT
 *
 * ends.c - every way in which the host ends a socket, a session or itself.
 */
#include "handlers.h"
#include "host.h"

static int64_t int_of(sio_event *e, size_t i) {
  int64_t n = 0;
  sio_event_int(e, i, &n);
  return n;
}

static void on_leave_nsp(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s, false);
  say("emit-after %s", sio_emit(s, "after", SIO_NONE) == SIO_ECLOSED ? "ECLOSED" : "other");
  say("join-after %s", sio_join(s, "x") == SIO_ECLOSED ? "ECLOSED" : "other");
}

static void on_close_me(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_emit(s, "bye", SIO_NONE);
  sio_disconnect(s, true);
}

static void on_engine_close(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_session_close(sio_socket_session(s), NULL);
}

/* ms */
static void on_deadline(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_reply(e, SIO_ARGS(sio_socket_set_deadline(s, (unsigned)int_of(e, 0))));
}

static void on_shut(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  host_stop();
}

/* spread, deadline in ms; Retry-After is 7 */
static void on_drain(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_drain_options how = { .spread_ms = (unsigned)int_of(e, 0),
                            .retry_after_s = 7,
                            .deadline_ms = (uint64_t)int_of(e, 1) };
  host_drain(&how);
}

static void on_close_now(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  host_close();
}

const struct handler end_handlers[] = { { "leave-nsp", on_leave_nsp },
                                        { "close-me", on_close_me },
                                        { "engine-close", on_engine_close },
                                        { "deadline", on_deadline },
                                        { "shut", on_shut },
                                        { "drain", on_drain },
                                        { "close-now", on_close_now },
                                        { NULL, NULL } };
