/* SPDX-License-Identifier: MIT
 *
 * handshake.h - decides what happens to an HTTP request under the path of an engine.
 */
#ifndef SIO_EIO_HANDSHAKE_H
#define SIO_EIO_HANDSHAKE_H

#include "eio/eio.h"

/* The on_head callback of eio->mount (struct http_mount, whose owner is the struct eio): answers
 * the request, closes its connection, hands the connection over to the server of another thread, or
 * sets r->mount to the callbacks that go on with the request. Returns false if a hook of the host
 * or allow_request has not decided yet: then the body is not read before the decision. */
bool sio__handshake_verify_and_route_request(sio_request *r);

#endif
