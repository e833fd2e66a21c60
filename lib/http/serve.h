/* SPDX-License-Identifier: MIT
 *
 * serve.h - all HTTP connections of a server: accepting, draining and closing them.
 */
#ifndef SIO_HTTP_SERVE_H
#define SIO_HTTP_SERVE_H

#include "http/http.h"
#include <sio/tls.h>

void sio__http_init(struct http *h, struct loop *l, struct log *log,
                    const struct http_limits *limits);
/* Serves a descriptor that was just accepted, and takes it over, also on error. tls: the provider,
 * or NULL for plain HTTP. 0, a libuv code, or SIO_ELIMIT: its address is over a limit, which has
 * been logged and reported. */
int sio__http_serve_socket(struct http *h, int fd, const sio_tls *tls);
/* Feeds bytes that the host had already read to the connection that was accepted last. SIO_ETOOBIG
 * or UV_ENOMEM: that connection was closed. */
int sio__http_feed_newest_conn(struct http *h, sio_slice read);
/* Closes idle connections now and the others after their answer. When all are closed,
 * h->on_all_closed is called from the loop. */
void sio__http_begin_drain(struct http *h);
/* Closes all connections that still speak HTTP. Their requests get on_abort(UV_ECANCELED). */
void sio__http_close(struct http *h);
/* Frees the pools. Call this after the loop has closed. Requests that the host has yet to answer
 * stay valid until it does. */
void sio__http_clear(struct http *h);

#endif
