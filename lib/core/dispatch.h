/* SPDX-License-Identifier: MIT
 *
 * dispatch.h - passes an EVENT packet to the callbacks of sio_on_any(), to the packet middleware,
 * and to the handlers for its event name.
 */
#ifndef SIO_CORE_DISPATCH_H
#define SIO_CORE_DISPATCH_H

#include "packet/packet.h"
#include <sio/types.h>

/* Handles an EVENT packet of a connected socket. */
void sio__dispatch_event(sio_socket *s, const struct packet *p);
/* Discards the queued events of a socket that has left, and frees the queue; if the middleware has
 * still to accept or refuse an event, the queue is freed when the middleware does so. Must be
 * called by the loop, not by code that the host has called. */
void sio__event_queue_close(sio_socket *s);

#endif
