/* SPDX-License-Identifier: MIT
 *
 * dispatch.h - passes an EVENT packet to the catch-all callbacks, the packet middleware and the
 * handlers of its name.
 */
#ifndef SIO_CORE_DISPATCH_H
#define SIO_CORE_DISPATCH_H

#include "packet/packet.h"
#include <sio/types.h>

/* Handles an EVENT for a connected socket. */
void sio__dispatch_event(sio_socket *s, const struct packet *p);
/* The socket has left: drops its queued events. If a middleware has still to give its verdict, the
 * queue is freed when it does. Must be called from the loop. */
void sio__event_queue_close(sio_socket *s);

#endif
