/* SPDX-License-Identifier: MIT
 *
 * dispatch_rig.h - handlers and packet middleware that write to the trace what they were called
 * with.
 */
#ifndef SIO_TEST_DISPATCH_RIG_H
#define SIO_TEST_DISPATCH_RIG_H

#include "peer.h"

static sio_next *held[64];
static unsigned nheld;

static inline void args_text(sio_event *e) {
  for (size_t i = 0; i < sio_event_count(e); i++) {
    sio_val v = sio_arg(e, i);
    trace("%s%.*s", i ? "," : "", (int)v.n, (const char *)v.u.p);
  }
}

/* Traces "tag:name(args) ". */
static inline void tell(sio_socket *s, sio_event *e, void *user) {
  (void)s;
  trace("%s:%s(", (const char *)user, sio_event_name(e));
  args_text(e);
  trace(") ");
}

static inline void echo(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_val all = sio_event_args(e);
  EQ(sio_emit(s, "back", sio_argv(&all, 1)), 0);
}

/* Twice: the second time is refused. */
static inline void reply(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  trace("%s ", sio_event_wants_ack(e) ? "asked" : "not asked");
  sio_val all = sio_event_args(e);
  trace("%d ", sio_reply(e, sio_argv(&all, 1)));
  trace("%d ", sio_reply(e, SIO_NONE));
}

static inline void leave(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s, false);
}

static inline void pass(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s;
  trace("%s:%s ", (const char *)user, sio_event_name(e));
  sio_next_ok(next);
}

static inline void refuse(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)e, (void)user;
  char message[] = "not you";
  sio_next_fail(next, message, sio_null());
  memset(message, '#', sizeof message);
}

static inline void hold(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)user;
  trace("hold:%s ", sio_event_name(e));
  if (nheld == 64) abort();
  held[nheld++] = next;
}

static inline void on_error(sio_socket *s, const sio_error_info *error, void *user) {
  (void)s, (void)user;
  trace("error:%s(%d) ", error->message, error->err == UV_ECANCELED);
}

static inline void on_log(const sio_log_line *l, void *user) {
  (void)user;
  if (strstr(l->text, "refus")) trace("log:%d:%s:%s ", l->level == SIO_LOG_WARN, l->part, l->text);
}

static inline void begin(void) {
  nheld = 0;
  start(NULL);
  sio_on_error(root, on_error, NULL);
}

#endif
