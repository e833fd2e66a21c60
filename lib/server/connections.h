/* SPDX-License-Identifier: MIT
 *
 * connections.h - serves a connection that was accepted.
 */
#ifndef SIO_SERVER_CONNECTIONS_H
#define SIO_SERVER_CONNECTIONS_H

#include "server/server.h"

/* Both functions take ownership of a non-blocking descriptor, and close it if they fail. tls may be
 * NULL. */

/* Serves the connection on this server. Returns 0; SIO_ETOOBIG if max_connections are open;
 * SIO_ELIMIT; or a libuv error. */
int sio__serve_connection(sio_server *srv, int fd, const sio_tls *tls);
/* Serves the connection on this server, or on the server of another thread that has fewer
 * connections. */
void sio__assign_connection_to_thread(sio_server *srv, int fd, const sio_tls *tls);

#endif
