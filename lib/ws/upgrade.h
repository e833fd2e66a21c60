/* SPDX-License-Identifier: MIT
 *
 * upgrade.h - turns an HTTP request into a WebSocket: checks the handshake, sends the 101, and sets
 * the new owner.
 */
#ifndef SIO_WS_UPGRADE_H
#define SIO_WS_UPGRADE_H

#include "http/request.h"
#include "ws/conn.h"

/* Checks the handshake. Returns NULL if it is valid, otherwise the error as a static text of one
 * line: then the caller has to answer 400. If the version is wrong, adds Sec-WebSocket-Version to
 * the answer. */
const char *sio__ws_find_error_and_add_version_header(sio_request *r);

/* The subprotocols that a client offers (RFC 6455 section 11.3.4), in its order.
 *
 *     struct subprotocol_iter o = { .r = r };
 *     while (sio__ws_next_offered_subprotocol(&o, &name)) ...
 */
struct subprotocol_iter {
  const sio_request *r;
  uint32_t line;  /* the header line to read next */
  sio_slice rest; /* the unread part of the last Sec-WebSocket-Protocol line that was found */
};
bool sio__ws_next_offered_subprotocol(struct subprotocol_iter *o, sio_slice *name);

/* Returns true if the answer headers of r announce a subprotocol. Then *name is the subprotocol,
 * which may be empty, and is valid until a header is added to r. */
bool sio__ws_find_announced_subprotocol(const sio_request *r, sio_slice *name);

/* Opens the WebSocket: queues the answer 101 with the headers set on r. protocol: the subprotocol
 * to announce, empty for none; if a header set on r announces one, that is used instead. *rest:
 * bytes that arrived with the handshake; feed them with sio__ws_conn_feed_bytes() before returning
 * to the loop. Returns 0, UV_ENOMEM or SIO_ECLOSED. After an error the connection was closed,
 * unless r was answered before. In each case the caller must not use r any more. */
int sio__ws_accept_request(struct ws_conn **out, sio_request *r, struct ws_shared *shared,
                           const struct ws_conn_ops *ops, void *owner, sio_slice protocol,
                           sio_slice *rest);

#endif
