/* SPDX-License-Identifier: MIT
 *
 * routing.h - which part of the server answers a request: the files of the client, an engine, or a
 * route of the host.
 */
#ifndef SIO_SERVER_ROUTING_H
#define SIO_SERVER_ROUTING_H

#include "server/server.h"

/* Fills srv->http, its routes and mounts, from the options. */
void sio__routing_init(sio_server *srv);
/* The server closes: sends the answers under way, closes the WebSockets of routes, and accepts no
 * new request. */
void sio__routing_close(sio_server *srv);
void sio__routing_clear(sio_server *srv); /* after the loop has closed */

#endif
