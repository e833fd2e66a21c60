/* SPDX-License-Identifier: MIT
 *
 * connections.h - serves a connection that was accepted.
 */
#ifndef SIO_SERVER_CONNECTIONS_H
#define SIO_SERVER_CONNECTIONS_H

#include "server/server.h"

/* Serves a new connection on this server. Takes ownership of the non-blocking descriptor fd: if it
 * fails, it closes fd. tls may be NULL. Returns 0; SIO_ETOOBIG if max_connections connections or
 * more are open; SIO_ELIMIT if a limit refuses the address; a libuv error; or an error of the
 * provider of TLS. */
int sio__serve_or_reject_connection(sio_server *srv, int fd, const sio_tls *tls);
/* Serves a new connection on one of the members of the server's sio_threads: of those that are not
 * draining, the one with the fewest connections. Serves it on srv itself if there is no such
 * member, or if the connection cannot be sent there. Takes ownership of the non-blocking descriptor
 * fd: if it fails, it closes fd. tls may be NULL. */
void sio__serve_connection_on_least_loaded_thread(sio_server *srv, int fd, const sio_tls *tls);

#endif
