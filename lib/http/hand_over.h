/* SPDX-License-Identifier: MIT
 *
 * hand_over.h - moves a connection to the server of another thread when the request that it brings
 * concerns a session there. The other server reads the request from its first byte.
 */
#ifndef SIO_HTTP_HAND_OVER_H
#define SIO_HTTP_HAND_OVER_H

#include "http/http.h"
#include "http/proxy_info.h"
#include "net/transfer.h"

/* A connection that has left one server and is not served by another one yet. */
struct http_conn_transfer {
  struct conn_transfer conn;
  struct buf input; /* the head of the request, and everything that was received after it */
  struct proxy_info *proxy;
  const sio_tls *tls;
};

/* Takes the connection of r from its server. Must be called from the callback r->mount->on_head.
 * Returns UV_ENOMEM and changes nothing; or sets *out and returns 0: then r is freed at the end of
 * the loop's turn, and the statistics of this server do not count r. */
int sio__request_detach_conn_for_other_server(sio_request *r, struct http_conn_transfer **out);
/* Returns how much memory t takes, in bytes, without the TLS state. */
size_t sio__http_conn_transfer_memory_size(const struct http_conn_transfer *t);
/* Serves the connection on the server of h. Must be called on the thread of that server. Frees t.
 * Returns 0; or, after it has closed the connection, a libuv error or SIO_ELIMIT (the client's
 * address has too many connections). */
int sio__http_serve_transferred_conn(struct http *h, struct http_conn_transfer *t);
/* Closes the connection and frees t. */
void sio__http_conn_transfer_discard(struct http_conn_transfer *t);

#endif
