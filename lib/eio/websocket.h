/* SPDX-License-Identifier: MIT
 *
 * websocket.h - the WebSocket transport: one packet a message.
 */
#ifndef SIO_EIO_WEBSOCKET_H
#define SIO_EIO_WEBSOCKET_H

#include "eio/session.h"

extern const struct ws_conn_ops sio__websocket_ops; /* owner: the session */

/* w becomes the session's transport. */
void sio__websocket_adopt(sio_session *c, struct ws_conn *w);
int sio__websocket_send(sio_session *c, struct msg *m);
/* Lets go of w: it sends what is queued and finishes its closing handshake by itself, within
 * close_timeout. */
void sio__websocket_close_unowned(struct ws_conn *w, unsigned code, const char *text);

/* What held it up may be over. */
void sio__websocket_go_on(sio_session *c);

#endif
