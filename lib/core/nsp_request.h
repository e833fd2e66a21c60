/* SPDX-License-Identifier: MIT
 *
 * nsp_request.h - a CONNECT packet for a namespace that does not exist, but that a parent may
 * create.
 *
 * The request asks one parent after the other whether it accepts the name. A parent may answer
 * later. Then the peer is connected to the new child namespace, or refused.
 */
#ifndef SIO_CORE_NSP_REQUEST_H
#define SIO_CORE_NSP_REQUEST_H

#include "core/client.h"

/* True if the name is valid and there are parents to ask. */
bool sio__can_nsp_be_requested(const struct core *core, sio_slice name);
void sio__nsp_request_start(struct client *cl, sio_slice name, sio_slice auth);
/* Handle another CONNECT packet, or a DISCONNECT packet, for the name of a request. Both return
 * false if there is no request for this name. See sio__connect_on_second_connect() and
 * sio__connect_withdraw_pending(). */
bool sio__nsp_request_on_second_connect(struct client *cl, sio_slice name, sio_slice auth);
bool sio__nsp_request_withdraw(struct client *cl, sio_slice name);
/* Ends all requests of a client that is gone. Must be called from the loop. */
void sio__client_abandon_nsp_requests(struct client *cl);

#endif
