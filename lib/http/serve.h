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
/* Serves the connection whose descriptor fd was just accepted. Closes fd after an error. tls is the
 * TLS provider, or NULL for plain HTTP. Returns 0; a libuv error; or SIO_ELIMIT if the peer's
 * address has exceeded a limit, which was logged and reported to the host. */
int sio__http_serve_accepted_socket(struct http *h, int fd, const sio_tls *tls);
/* Passes bytes that the host has already read to the connection that was accepted last. Returns 0;
 * or SIO_ETOOBIG or UV_ENOMEM, and the connection was closed. */
int sio__http_feed_newest_conn(struct http *h, sio_slice read);
/* Ends the connections without a request after what is queued for them, and the others after the
 * answer to their current request. When no HTTP connection is left, h->on_all_closed is called from
 * the loop. */
void sio__http_close_conns_after_answers(struct http *h);
/* Closes all connections that have not become WebSockets, and calls on_abort for their requests,
 * with UV_ECANCELED. */
void sio__http_close_all_conns_and_abort_requests(struct http *h);
/* Frees the memory of h. Must be called after the loop was closed. Requests that the host has not
 * answered yet stay valid until it answers them. */
void sio__http_clear(struct http *h);

#endif
