/* SPDX-License-Identifier: MIT
 *
 * transfer.h - moves a connection to the loop of another thread, with everything that waits to be
 * sent.
 */
#ifndef SIO_NET_TRANSFER_H
#define SIO_NET_TRANSFER_H

#include "net/conn.h"

/* A connection on its way. */
struct conn_transfer {
  int fd;
  struct conn_tls *tls; /* NULL: no TLS */
  struct buf unsent;    /* what was queued and not sent yet */
};

/* Takes the connection from its loop, as sio__conn_close() does, but without closing the descriptor
 * and without losing what is queued. The TLS handshake, if there is one, must be complete. 0, or
 * UV_ENOMEM: nothing has changed. */
int sio__conn_detach_from_loop(struct conn *c, struct conn_transfer *out);
/* Makes a connection of it on the loop l, with the arguments of sio__conn_new_kind(). kind must be
 * CONN_TLS for a connection with TLS. Takes *t over: on error it is discarded. */
int sio__conn_attach_to_loop(struct conn **out, struct loop *l, struct conn_transfer *t,
                             const struct conn_ops *ops, void *owner, enum conn_kind kind);
/* Closes a connection that is on its way, on any thread. */
void sio__conn_transfer_discard(struct conn_transfer *t);

#endif
