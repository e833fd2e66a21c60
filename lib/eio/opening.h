/* SPDX-License-Identifier: MIT
 *
 * opening.h - what the engine does with a request that was verified and is complete: it opens a
 * session, or begins the upgrade of one. Each call answers the request or closes its connection.
 */
#ifndef SIO_EIO_OPENING_H
#define SIO_EIO_OPENING_H

#include "eio/eio.h"

void sio__open_polling_session(struct eio *e, sio_request *r);
void sio__open_websocket_session(struct eio *e, sio_request *r);
/* Accepts a WebSocket for a session that exists, and starts the upgrade if the session can be
 * upgraded. Otherwise closes the WebSocket. */
void sio__accept_websocket_and_start_upgrade(struct eio *e, sio_request *r, sio_session *c);

#endif
