/* SPDX-License-Identifier: MIT
 *
 * transfer.h - moves a connection to the loop of another thread, with the bytes that wait to be
 * sent.
 */
#ifndef SIO_NET_TRANSFER_H
#define SIO_NET_TRANSFER_H

#include "net/conn.h"

/* A connection that was detached from one loop and is not yet attached to another. */
struct conn_transfer {
  int fd;
  struct conn_tls *tls; /* its TLS state; NULL if it has no TLS */
  struct buf unsent;    /* a copy of the bytes in the send queue, not encrypted */
};

/* Detaches an open connection from its loop: c is closed as by sio__conn_close(), but the
 * descriptor and the TLS session stay open, and the queued bytes are copied to *out. Writing must
 * not have been ended, and no TLS handshake may be in progress. Returns 0, or UV_ENOMEM, and then c
 * is unchanged. */
int sio__conn_detach_from_loop(struct conn *c, struct conn_transfer *out);
/* Attaches the detached connection *t to the loop l, as a new struct conn *out of this kind with
 * this owner. kind must be CONN_TLS if t->tls is set. Takes *t over: after an error the connection
 * is closed. Returns 0, UV_ENOMEM or another libuv code. */
int sio__conn_attach_to_loop(struct conn **out, struct loop *l, struct conn_transfer *t,
                             const struct conn_ops *ops, void *owner, enum conn_kind kind);
/* Closes a detached connection. May be called on any thread. */
void sio__conn_transfer_discard(struct conn_transfer *t);

#endif
