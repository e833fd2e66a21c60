/* SPDX-License-Identifier: MIT
 *
 * loop_rig.h - tasks that note when they run, and a connection that notes what it hears: for the
 * tests of the loop's turn (test_loop), of its alarm (test_loop_alarm) and of posts
 * (test_loop_posts).
 */
#ifndef SIO_TEST_LOOP_RIG_H
#define SIO_TEST_LOOP_RIG_H

#include "net_rig.h"

/* ---- what happened, in order ------------------------------------------------------------ */

static char seen[4096];

static inline void note(const char *what) {
  if (strlen(seen) + strlen(what) + 2 > sizeof seen) abort();
  if (seen[0]) strcat(seen, " ");
  strcat(seen, what);
}

/* A task that notes its name, and may do one thing more. */
struct step {
  struct task task;
  struct deferred_free deferred_free;
  const char *name;
  struct step *then;
  void (*also)(struct step *s);
  unsigned runs;
};

static inline void step_run(struct task *t) {
  struct step *s = container_of(t, struct step, task);
  s->runs++;
  note(s->name);
  if (s->then) sio__loop_defer(&loop, &s->then->task);
  if (s->also) s->also(s);
}

static inline void step_init(struct step *s, const char *name) {
  *s = (struct step){ .name = name };
  task_init(&s->task, step_run);
}

static inline void step_freed(struct deferred_free *g) {
  note(container_of(g, struct step, deferred_free)->name);
  note("freed");
}

static inline void begin(void) {
  seen[0] = '\0';
  net_open();
}

static inline void on_timer(struct timer *t) {
  (void)t;
  note("timer");
}

/* ---- a connection ---------------------------------------------------------------------- */

static struct conn *conn;
static int peer;

static inline void ignore_read(struct conn *c, char *p, size_t n) {
  (void)c, (void)p, (void)n;
  note("read");
}
static inline void ignore_eof(struct conn *c) {
  (void)c;
  note("eof");
}
static inline void ignore_conn_failed(struct conn *c, int err) {
  (void)c, (void)err;
  note("failed");
}
static inline void conn_open(const struct conn_ops *ops) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  peer = pair[1];
  if (sio__conn_new(&conn, &loop, pair[0], ops, NULL)) abort();
}

static inline void conn_open_quiet(void) {
  static const struct conn_ops quiet = { .read = ignore_read,
                                         .eof = ignore_eof,
                                         .failed = ignore_conn_failed };
  conn_open(&quiet);
}

static inline void conn_shut(void) {
  sio__conn_close(conn);
  close(peer);
}

static inline void note_heard(const char *what) {
  note(hear(peer));
  note(what);
}

#endif
