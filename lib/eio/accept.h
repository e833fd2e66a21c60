/* SPDX-License-Identifier: MIT
 *
 * accept.h - from an HTTP request to a WebSocket: the checks, the 101, the new owner.
 */
#ifndef SIO_EIO_ACCEPT_H
#define SIO_EIO_ACCEPT_H

#include "http/request.h"
#include "ws/conn.h"

/* Answers 400 and returns false when the handshake is not one we can accept. */
bool sio__ws_handshake_ok(sio_request *r);

/* Sends the 101 with the headers set on r, and opens the WebSocket. rest: bytes that came with the
 * handshake, to be fed when the owner is ready. 0, UV_ENOMEM, SIO_ECLOSED: the connection is gone
 * and r with it. */
int sio__ws_accept_request(struct ws_conn **out, sio_request *r, struct ws_shared *shared,
                           const struct ws_conn_ops *ops, void *owner, sio_slice *rest);

#endif
