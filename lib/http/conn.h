/* SPDX-License-Identifier: MIT
 *
 * conn.h - HTTP/1.x on one connection: one request at a time, in order, until the
 * peer or an upgrade ends it.
 *
 * Requests that come while one is being answered wait: at most HTTP_STASH bytes are
 * kept, then reading pauses. Limits (head bytes, header count, times) come from
 * struct http_limits. Every refusal is answered (400, 405, 408, 413, 431, 501, 505), logged,
 * and counted, and closes the connection when the rest of the stream cannot be trusted.
 */
#ifndef SIO_HTTP_CONN_H
#define SIO_HTTP_CONN_H

#include "http/request.h"

enum { HTTP_STASH = 16 * 1024 };

/* Who handles requests for a part of the URL space. All callbacks on the loop thread. */
struct http_mount {
  /* The head is complete. May answer now (a body still to come is then read and dropped up to max_body, past
   * that the connection closes), set r->max_body (default: the limits' max_body) and r->user.
   * Returning false holds the body back until sio__http_continue(r). */
  bool (*on_head)(sio_request *r);
  /* Head and body are complete, and it has not been answered. */
  void (*on_request)(sio_request *r);
  /* The peer went away, or sent too much, or broke the protocol, before the answer. r must
   * not be answered any more; it is freed at the end of the turn. detail: why. */
  void (*on_abort)(sio_request *r, int err, const char *detail);
  void *owner;
};

struct http_limits {
  size_t max_head;           /* request line and headers, trailers and chunk extensions too */
  unsigned max_headers;
  size_t max_body;           /* where a mount sets none */
  unsigned head_ms;          /* first byte of a head to its last   */
  unsigned body_ms;          /* end of the head to end of the body */
  unsigned keep_alive_ms;    /* between two requests               */
};

/* What all HTTP connections of a server share. */
struct http {
  struct loop *loop;
  struct log *log;
  struct http_limits limits;
  /* Chooses the mount when a head is complete (upgrades too). Never NULL: answer 404 through one. */
  const struct http_mount *(*route)(struct http *h, sio_request *r);
  void *owner;
  struct list conns; /* struct http_conn */
  struct pool reqs;
  unsigned nconns;
  struct http_stats {
    uint64_t requests, refused, aborted, timeouts, bytes_in, bytes_out;
  } stats;
};

void sio__http_init(struct http *h, struct loop *l, struct log *log, const struct http_limits *limits);
/* Serves a descriptor just accepted (takes it over, also on error). 0 or a libuv code. */
int sio__http_serve(struct http *h, int fd);
void sio__http_continue(sio_request *r); /* after on_head returned false */
/* Closes every connection that is still HTTP's; requests get on_abort(UV_ECANCELED). */
void sio__http_close(struct http *h);

#endif
