/* SPDX-License-Identifier: MIT
 *
 * websocket.h - the WebSocket transport: one Engine.IO packet in each message.
 */
#ifndef SIO_EIO_WEBSOCKET_H
#define SIO_EIO_WEBSOCKET_H

#include "eio/session.h"

extern const struct transport sio__transport_websocket;
extern const struct ws_conn_ops sio__websocket_ops; /* the owner is the session */

/* Makes w the session's transport, and starts reading from it unless a rate limit pauses c. */
void sio__websocket_attach_to_session(sio_session *c, struct ws_conn *w);
/* Queues one packet, encoded for the client's version of the protocol. Returns 0, UV_ENOMEM or
 * SIO_ECLOSED. */
int sio__websocket_send_packet(sio_session *c, struct msg *m);
/* Detaches the WebSocket from its session or upgrade, and starts the closing handshake. The
 * WebSocket still sends its queue, if the peer reads it in time, and frees itself later. */
void sio__websocket_detach_session_and_close(struct ws_conn *w, unsigned code, const char *text);

#endif
