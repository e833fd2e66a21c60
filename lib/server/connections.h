/* SPDX-License-Identifier: MIT
 *
 * connections.h - serving a connection that was accepted.
 */
#ifndef SIO_SERVER_CONNECTIONS_H
#define SIO_SERVER_CONNECTIONS_H

#include "server/server.h"

/* Both take ownership of a non-blocking descriptor, and close it on failure. tls may be NULL. */

/* Serves the connection on this server. 0, SIO_ETOOBIG (max_connections), SIO_ELIMIT, or a libuv
 * error. */
int sio__serve_connection(sio_server *srv, int fd, const sio_tls *tls);
/* Serves the connection on this server, or on another member of srv->core.threads that has fewer
 * connections. */
void sio__assign_connection_to_thread(sio_server *srv, int fd, const sio_tls *tls);

#endif
