/* SPDX-License-Identifier: MIT
 *
 * client.h - the browser's side of Socket.IO as files in memory: socket.io.js, its
 * builds and their source maps. tools/client-bundle makes the table when the
 * library is built; without the JavaScript package it is empty.
 */
#ifndef SIO_HTTP_CLIENT_H
#define SIO_HTTP_CLIENT_H

#include <sio/http.h>

/* path is the bare file name, "socket.io.min.js"; etag is the version in quotes. */
extern const sio_asset sio__client_assets[];
extern const size_t sio__client_assets_count;
extern const char sio__client_version[]; /* "4.8.1"; "" when the table is empty */

#endif
