/* SPDX-License-Identifier: MIT
 *
 * sent.c - the callbacks of sio_session_on_sent(), in the order of their marks.
 */
#include "eio/sent.h"
#include <assert.h>

/* The most callbacks that may wait in one session. */
enum { SENT_CALLBACKS_MAX = 4096 };

struct sent_callback {
  struct list link;
  sio_sent_cb cb;
  void *user;
};

struct sent_callbacks {
  sio_session *session;
  struct list list;
  unsigned waiting; /* the length of `list` */
  unsigned passed;  /* how many callbacks at the beginning of `list` have to run now */
  struct task run_task;
};

static void run_first_sent_callback(struct sent_callbacks *f, int status) {
  assert(f->waiting > 0);
  struct sent_callback *first = container_of(list_take_first(&f->list), struct sent_callback, link);
  sio_sent_cb cb = first->cb;
  void *user = first->user;
  f->waiting--;
  sio__free(first);
  cb(status, user);
}

static void run_due_sent_callbacks(struct sent_callbacks *f) {
  while (f->passed) {
    f->passed--;
    run_first_sent_callback(f, 0);
  }
}

static void run_due_sent_callbacks_task(struct task *t) {
  run_due_sent_callbacks(container_of(t, struct sent_callbacks, run_task));
}

static struct sent_callbacks *sent_callbacks_get_or_new(sio_session *c) {
  struct sent_callbacks *f = c->sent_callbacks;
  if (f) return f;
  f = c->sent_callbacks = sio__calloc(1, sizeof *f);
  if (!f) return NULL;
  f->session = c;
  list_init(&f->list);
  task_init(&f->run_task, run_due_sent_callbacks_task);
  return f;
}

/* If all callbacks have to run already, run_task is not queued, because the session may be about to
 * be freed. */
void sio__sent_callbacks_schedule_oldest(sio_session *c, unsigned n) {
  struct sent_callbacks *f = c->sent_callbacks;
  if (!f || !n || f->passed == f->waiting) return;
  f->passed += n < f->waiting - f->passed ? n : f->waiting - f->passed;
  sio__loop_defer(c->eio->loop, &f->run_task);
}

/* The callbacks that have to run because the bytes before them were sent get the status 0, the
 * others SIO_ECLOSED. While a callback runs, more bytes may be sent. So after each callback that
 * gets SIO_ECLOSED, the function looks again for callbacks that get 0. */
void sio__sent_callbacks_run_all_at_close(sio_session *c) {
  struct sent_callbacks *f = c->sent_callbacks;
  if (!f) return;
  while (f->waiting) {
    run_due_sent_callbacks(f);
    if (f->waiting) run_first_sent_callback(f, SIO_ECLOSED);
  }
  task_cancel(&f->run_task);
}

static int add_sent_callback(sio_session *c, struct sent_callbacks *f, sio_sent_cb cb, void *user) {
  struct sent_callback *added = sio__malloc(sizeof *added);
  if (!added) return UV_ENOMEM;
  *added = (struct sent_callback){ .cb = cb, .user = user };
  list_append(&f->list, &added->link);
  f->waiting++;
  int err = c->transport->queue_sent_mark(c);
  if (!err) return 0;
  list_remove(&added->link);
  f->waiting--;
  sio__free(added);
  return err;
}

int sio_session_on_sent(sio_session *c, sio_sent_cb cb, void *user) {
  if (!cb) return UV_EINVAL;
  if (!c || c->state != SESSION_OPEN) return SIO_ECLOSED;
  struct sent_callbacks *f = sent_callbacks_get_or_new(c);
  if (!f) return UV_ENOMEM;
  return f->waiting < SENT_CALLBACKS_MAX ? add_sent_callback(c, f, cb, user) : SIO_ETOOBIG;
}
