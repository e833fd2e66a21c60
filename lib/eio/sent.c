/* SPDX-License-Identifier: MIT
 *
 * sent.c - who waits for which mark, first in first out.
 */
#include "eio/sent.h"

/* So many may wait in one session. */
enum { SENT_CALLBACKS_MAX = 4096 };

struct sent_callback {
  struct list link;
  sio_sent_cb cb;
  void *user;
};

struct sent_callbacks {
  sio_session *session;
  struct list list;
  unsigned waiting; /* members of list           */
  unsigned passed;  /* of them, not called yet */
  struct task run_task;
};

static void run_first_callback(struct sent_callbacks *f, int status) {
  struct sent_callback *one = container_of(list_pop(&f->list), struct sent_callback, link);
  sio_sent_cb cb = one->cb;
  void *user = one->user;
  f->waiting--;
  sio__free(one);
  cb(status, user);
}

static void run_passed_callbacks(struct sent_callbacks *f) {
  while (f->passed) {
    f->passed--;
    run_first_callback(f, 0);
  }
}

static void on_sent_task(struct task *t) {
  run_passed_callbacks(container_of(t, struct sent_callbacks, run_task));
}

static struct sent_callbacks *sent_callbacks_get_or_new(sio_session *c) {
  struct sent_callbacks *f = c->sent_callbacks;
  if (f) return f;
  f = c->sent_callbacks = sio__calloc(1, sizeof *f);
  if (!f) return NULL;
  f->session = c;
  list_init(&f->list);
  task_init(&f->run_task, on_sent_task);
  return f;
}

/* Of a session that is over nobody waits any more, and no task may be left when it is freed. */
void sio__sent_on_marks_passed(sio_session *c, unsigned n) {
  struct sent_callbacks *f = c->sent_callbacks;
  if (!f || !n || f->passed == f->waiting) return;
  f->passed += n < f->waiting - f->passed ? n : f->waiting - f->passed;
  sio__loop_defer(c->eio->loop, &f->run_task);
}

void sio__sent_on_close(sio_session *c) {
  struct sent_callbacks *f = c->sent_callbacks;
  if (!f) return;
  task_cancel(&f->run_task);
  run_passed_callbacks(f);
  while (f->waiting) run_first_callback(f, SIO_ECLOSED);
}

static int add_sent_callback(sio_session *c, struct sent_callbacks *f, sio_sent_cb cb, void *user) {
  struct sent_callback *one = sio__malloc(sizeof *one);
  if (!one) return UV_ENOMEM;
  *one = (struct sent_callback){ .cb = cb, .user = user };
  list_push(&f->list, &one->link);
  f->waiting++;
  int err = c->transport->mark(c);
  if (!err) return 0;
  list_remove(&one->link);
  f->waiting--;
  sio__free(one);
  return err;
}

int sio_session_on_sent(sio_session *c, sio_sent_cb cb, void *user) {
  if (!cb) return UV_EINVAL;
  if (c->state != SESSION_OPEN) return SIO_ECLOSED;
  struct sent_callbacks *f = sent_callbacks_get_or_new(c);
  if (!f) return UV_ENOMEM;
  return f->waiting < SENT_CALLBACKS_MAX ? add_sent_callback(c, f, cb, user) : SIO_ETOOBIG;
}
