/* SPDX-License-Identifier: MIT
 *
 * routing.h - decides what answers a request: a file of the JavaScript client, an engine, or a
 * route of the host.
 */
#ifndef SIO_SERVER_ROUTING_H
#define SIO_SERVER_ROUTING_H

#include "server/server.h"

/* Initialises srv->http, srv->routes, srv->client_mount and srv->endpoints from the options. */
void sio__routing_init_http_and_routes(sio_server *srv);
/* Called when the server closes: closes the WebSockets of sio_ws_route(), and makes the HTTP
 * connections accept no further request. Answers that are being sent may still be completed. */
void sio__routing_close_ws_peers_and_drain_http(sio_server *srv);
/* Frees the routes of the host, the endpoints, and the memory of srv->http. Must be called after
 * the loop has closed. */
void sio__routing_clear_http_and_routes(sio_server *srv);

#endif
