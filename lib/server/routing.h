/* SPDX-License-Identifier: MIT
 *
 * routing.h - decides what answers a request: a file of the JavaScript client, an engine, or a
 * route of the host.
 */
#ifndef SIO_SERVER_ROUTING_H
#define SIO_SERVER_ROUTING_H

#include "server/server.h"

/* Initialises srv->http, srv->routes and the mounts from the options. */
void sio__routing_init(sio_server *srv);
/* Closes the WebSockets of routes and accepts no new request, because the server closes. Answers
 * that are being sent are completed. */
void sio__routing_close(sio_server *srv);
void sio__routing_clear(sio_server *srv); /* call it when the loop has closed */

#endif
