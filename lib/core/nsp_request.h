/* SPDX-License-Identifier: MIT
 *
 * nsp_request.h - a CONNECT packet for a namespace that does not exist, but may be created as the
 * child of a parent namespace.
 *
 * A parent namespace is made with sio_of_match() or sio_of_pattern(): the host gives it a callback,
 * the match function, or a pattern, which decides which names the parent accepts. A request asks
 * one parent after the other until one accepts the name. A match function may answer after it has
 * returned. When the last one that was asked has answered, and the namespace exists by then, the
 * client begins to join it (connect.h). Otherwise, if a parent has accepted the name, the namespace
 * is created first; if none has, the CONNECT packet is refused. (The client may change the outcome
 * by further packets, see below.)
 */
#ifndef SIO_CORE_NSP_REQUEST_H
#define SIO_CORE_NSP_REQUEST_H

#include "core/client.h"

/* True if `name` is a valid full name, which begins with '/', and the server has at least one
 * parent namespace. */
bool sio__can_parents_be_asked_for_nsp(const struct core *core, sio_slice name);
/* Starts a request because of a CONNECT packet: asks the parent namespaces whether one of them
 * accepts the name. If memory runs out, ends the session. */
void sio__nsp_request_start(struct client *cl, sio_slice name, sio_slice auth);
/* Handles another CONNECT packet for a name while the client's request for that name is running.
 * Cancels an earlier DISCONNECT packet. If the packet has another auth than the request, stores
 * that auth: when the request has ended, connecting starts again with it. If memory runs out, ends
 * the session. Returns false if there is no such request. */
bool sio__nsp_request_update_by_new_connect(struct client *cl, sio_slice name, sio_slice auth);
/* Handles a DISCONNECT packet for a name while the client's request for that name is running. The
 * request goes on, but at its end the client is not connected, unless it has sent CONNECT again.
 * Returns false if there is no such request. */
bool sio__nsp_request_mark_withdrawn(struct client *cl, sio_slice name);
/* Abandons all requests of a client that is gone: later answers of match functions are ignored.
 * Must be called by the loop, not by code that the host has called. */
void sio__client_abandon_nsp_requests(struct client *cl);

#endif
