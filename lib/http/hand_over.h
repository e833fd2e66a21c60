/* SPDX-License-Identifier: MIT
 *
 * hand_over.h - moves a connection to the server of another thread when the request that it brings
 * concerns a session there. The other server reads the request from its first byte.
 */
#ifndef SIO_HTTP_HAND_OVER_H
#define SIO_HTTP_HAND_OVER_H

#include "http/http.h"
#include "http/proxy_info.h"

/* A connection on its way to another server. */
struct http_transfer {
  struct conn_transfer conn;
  struct buf input; /* the head of the request, and all that was received after it */
  struct proxy_info *proxy;
  const sio_tls *tls;
};

/* Takes the connection of r; to be called from on_head of its mount. r is freed, and counts as not
 * received here. 0 and *out, or UV_ENOMEM: nothing has changed. */
int sio__request_hand_over_conn(sio_request *r, struct http_transfer **out);
/* The memory of t, in bytes. */
size_t sio__http_transfer_memory_size(const struct http_transfer *t);
/* Serves the connection on h, on the thread of h. Frees t. Returns as sio__http_serve_socket(). */
int sio__http_serve_transfer(struct http *h, struct http_transfer *t);
/* Closes the connection. Frees t. */
void sio__http_transfer_discard(struct http_transfer *t);

#endif
