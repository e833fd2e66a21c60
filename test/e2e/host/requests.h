/* SPDX-License-Identifier: MIT
 *
 * requests.h - what the host says to HTTP requests before they are sessions, and its own routes.
 */
#ifndef HOST_REQUESTS_H
#define HOST_REQUESTS_H

#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

/* For sio_options. */
void on_allow(sio_request *r, sio_next *next, void *user);
int on_id(sio_request *r, char out[64], void *user);
void on_connection_error(sio_request *r, const sio_connection_error *e, void *user);

/* Request middleware and headers, as the flags say. */
int add_request_hooks(void);

#endif
