/* SPDX-License-Identifier: MIT
 *
 * connect.h - from CONNECT to connected, or not: the way through the middleware.
 */
#ifndef SIO_SIO_CONNECT_H
#define SIO_SIO_CONNECT_H

#include "sio/client.h"

/* A peer wants into nsp and has no socket there. */
void sio__connect_start(struct client *cl, sio_nsp *nsp, sio_slice auth);
/* The peer of a PENDING socket is gone. From the loop only. */
void sio__connect_abandon(sio_socket *s);
/* CONNECT_ERROR with a message; the connection stays. */
void sio__connect_refuse(struct client *cl, sio_slice nsp, enum sio_refusal why);

#endif
