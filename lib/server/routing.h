/* SPDX-License-Identifier: MIT
 *
 * routing.h - which request is whose on the server's port.
 */
#ifndef SIO_SERVER_ROUTING_H
#define SIO_SERVER_ROUTING_H

#include "server/server.h"

/* Fills srv->http, its routes and mounts, from the options. */
void sio__routing_init(sio_server *srv);
/* Answers go out, WebSockets of the host's routes are told; nothing new is taken. */
void sio__routing_close(sio_server *srv);
void sio__routing_clear(sio_server *srv); /* after the loop has closed */

#endif
