/* SPDX-License-Identifier: MIT
 *
 * client.h - the browser client of Socket.IO as files in memory: socket.io.js, its variants and
 * their source maps. tools/client-bundle generates the table when the library is built. Without the
 * JavaScript package the table is empty.
 */
#ifndef SIO_HTTP_CLIENT_H
#define SIO_HTTP_CLIENT_H

#include <sio/http.h>

/* The files of the browser client. `path` is the name of a file without a directory, such as
 * "socket.io.min.js", and `etag` is the version of the client in quotes. */
extern const sio_asset sio__client_assets[];
extern const size_t sio__client_assets_count;
/* The version of the client, such as "4.8.1"; "" without the JavaScript package. */
extern const char sio__client_version[];

#endif
