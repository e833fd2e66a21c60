/* SPDX-License-Identifier: MIT
 *
 * transfer.c - moves a connection to the loop of another thread.
 */
#include "net/transfer.h"

#include <assert.h>
#include <sys/uio.h>
#include <unistd.h>

static int copy_unsent_bytes(const struct conn *c, struct buf *out) {
  buf_init(out, c->out.bytes);
  int err = sio__buf_reserve(out, c->out.bytes);
  if (err) return err;
  for (struct queue_place at = send_queue_iter_begin(&c->out); at.k;
       sio__send_queue_iter_next(&at)) {
    struct iovec v = queue_iter_get_iovec(&at);
    (void)sio__buf_put(out, v.iov_base, v.iov_len); /* the memory was reserved above */
  }
  return 0;
}

int sio__conn_detach_from_loop(struct conn *c, struct conn_transfer *out) {
  assert(!c->closed && !c->ending);
  *out = (struct conn_transfer){ .fd = c->fd };
  int err = copy_unsent_bytes(c, &out->unsent);
  if (err) return err;
  if (c->secure) out->tls = c->extra[1].tls->ops->detach(c);
  sio__conn_remove_from_loop_and_free_later(c);
  sio__conn_clear_owner(c);
  return 0;
}

static int queue_transferred_bytes(struct conn *c, const struct buf *unsent) {
  if (unsent->n == 0) return 0;
  struct msg *m = sio__msg_from_bytes(&conn_loop(c)->msgs, unsent->p, unsent->n);
  int err = m ? conn_queue_msg_without_frame_header(c, m) : UV_ENOMEM;
  msg_unref(m);
  return err;
}

int sio__conn_attach_to_loop(struct conn **out, struct loop *l, struct conn_transfer *t,
                             const struct conn_ops *ops, void *owner, enum conn_kind kind) {
  struct conn *c;
  assert(!t->tls || kind == CONN_TLS);
  int err = sio__conn_new_of_kind(&c, l, t->fd, ops, owner, kind);
  t->fd = err ? -1 : t->fd;
  if (err) {
    sio__conn_transfer_discard(t);
    return err;
  }
  if (t->tls) t->tls->ops->attach(c, t->tls);
  t->tls = NULL;
  err = queue_transferred_bytes(c, &t->unsent);
  sio__buf_clear(&t->unsent);
  if (err)
    sio__conn_close(c);
  else
    *out = c;
  return err;
}

void sio__conn_transfer_discard(struct conn_transfer *t) {
  if (t->tls) t->tls->ops->discard(t->tls);
  sio__buf_clear(&t->unsent);
  if (t->fd >= 0) close(t->fd);
}
