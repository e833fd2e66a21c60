/* SPDX-License-Identifier: MIT
 *
 * upgrade.h - from an HTTP request to a WebSocket: the checks, the 101, the new owner.
 */
#ifndef SIO_WS_UPGRADE_H
#define SIO_WS_UPGRADE_H

#include "http/request.h"
#include "ws/conn.h"

/* NULL, or what is wrong with the handshake, one line, static: to be answered with 400, and with
 * the headers set on r. */
const char *sio__ws_handshake_error(sio_request *r);

/* The subprotocols that a client offers (RFC 6455 section 11.3.4), in its order.
 *
 *     struct offered o = { .r = r };
 *     while (sio__ws_next_subprotocol(&o, &name)) ...
 */
struct subprotocol_iter {
  const sio_request *r;
  uint32_t line;  /* the header line to look at next */
  sio_slice rest; /* of the one before that          */
};
bool sio__ws_next_subprotocol(struct subprotocol_iter *o, sio_slice *name);

/* Sends the 101 with the headers set on r, and opens the WebSocket. protocol: the subprotocol that
 * it will speak, n 0 for none; unless a header set on r names one already. rest: bytes that came
 * with the handshake, to be fed when the owner is ready. 0, UV_ENOMEM, SIO_ECLOSED: the connection
 * is gone and r with it. */
int sio__ws_accept_request(struct ws_conn **out, sio_request *r, struct ws_shared *shared,
                           const struct ws_conn_ops *ops, void *owner, sio_slice protocol,
                           sio_slice *rest);

#endif
