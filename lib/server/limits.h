/* SPDX-License-Identifier: MIT
 *
 * limits.h - sets up the limits per address and the rate limits, and reports to the host what they
 * refuse.
 */
#ifndef SIO_SERVER_LIMITS_H
#define SIO_SERVER_LIMITS_H

#include "server/server.h"

void sio__limits_init(sio_server *srv); /* after sio__loop_init(), before sio__routing_init() */
void sio__limits_clear(sio_server *srv);
/* Closes a descriptor that was accepted while max_connections are open, and reports it. */
void sio__limits_reject_connection(sio_server *srv, int fd);

#endif
