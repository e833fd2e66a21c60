/* SPDX-License-Identifier: MIT
 *
 * dispatch.h - an event on its way in: catch-all handlers, packet middleware, the
 * handlers of its name.
 */
#ifndef SIO_CORE_DISPATCH_H
#define SIO_CORE_DISPATCH_H

#include "packet/packet.h"
#include <sio/types.h>

/* An EVENT for a connected socket. */
void sio__dispatch_event(sio_socket *s, const struct packet *p);
/* The socket has left: what waits is dropped; a verdict still owed is waited for. From the loop
 * only. */
void sio__event_queue_close(sio_socket *s);

#endif
