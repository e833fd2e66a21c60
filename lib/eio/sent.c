/* SPDX-License-Identifier: MIT
 *
 * sent.c - who waits for which mark, first in first out.
 */
#include "eio/sent.h"

/* So many may wait in one session. */
enum { FENCES_MAX = 4096 };

struct sent_callback {
  struct list link;
  sio_sent_cb cb;
  void *user;
};

struct sent_callbacks {
  sio_session *session;
  struct list row;
  unsigned waiting; /* members of row            */
  unsigned passed;  /* of them, not called yet */
  struct task tell;
};

static void call_first(struct sent_callbacks *f, int status) {
  struct sent_callback *one = container_of(list_pop(&f->row), struct sent_callback, link);
  sio_sent_cb cb = one->cb;
  void *user = one->user;
  f->waiting--;
  sio__free(one);
  cb(status, user);
}

static void tell(struct sent_callbacks *f) {
  while (f->passed) {
    f->passed--;
    call_first(f, 0);
  }
}

static void on_tell(struct task *t) { tell(container_of(t, struct sent_callbacks, tell)); }

static struct sent_callbacks *fences_of(sio_session *c) {
  struct sent_callbacks *f = c->sent_callbacks;
  if (f) return f;
  f = c->sent_callbacks = sio__calloc(1, sizeof *f);
  if (!f) return NULL;
  f->session = c;
  list_init(&f->row);
  task_init(&f->tell, on_tell);
  return f;
}

/* Of a session that is over nobody waits any more, and no task may be left when it is freed. */
void sio__sent_passed(sio_session *c, unsigned n) {
  struct sent_callbacks *f = c->sent_callbacks;
  if (!f || !n || f->passed == f->waiting) return;
  f->passed += n < f->waiting - f->passed ? n : f->waiting - f->passed;
  sio__loop_defer(c->eio->loop, &f->tell);
}

void sio__sent_end(sio_session *c) {
  struct sent_callbacks *f = c->sent_callbacks;
  if (!f) return;
  task_cancel(&f->tell);
  tell(f);
  while (f->waiting) call_first(f, SIO_ECLOSED);
}

static int add(sio_session *c, struct sent_callbacks *f, sio_sent_cb cb, void *user) {
  struct sent_callback *one = sio__malloc(sizeof *one);
  if (!one) return UV_ENOMEM;
  *one = (struct sent_callback){ .cb = cb, .user = user };
  list_push(&f->row, &one->link);
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
  struct sent_callbacks *f = fences_of(c);
  if (!f) return UV_ENOMEM;
  return f->waiting < FENCES_MAX ? add(c, f, cb, user) : SIO_ETOOBIG;
}
