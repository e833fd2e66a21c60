/* SPDX-License-Identifier: MIT
 *
 * conn.h - HTTP/1.x on one connection: one request at a time, in order, until the
 * peer or an upgrade ends it.
 *
 * Requests that come while one is being answered wait. Once HTTP_STASH bytes are kept (what came
 * in the last read may reach beyond) or HTTP_BACKLOG bytes of answers are not taken, reading or
 * answering pauses. A mount whose answers may take long hears of a request that waits (on_next).
 * While a request waits for its answer the connection goes on reading, so an
 * abort is seen at once. Limits (head bytes, header count, times) come from struct
 * http_limits. Every refusal is answered (400, 408, 413, 417, 431, 501, 503, 505), logged,
 * and counted, and closes the connection: the rest of the stream cannot be trusted.
 */
#ifndef SIO_HTTP_CONN_H
#define SIO_HTTP_CONN_H

#include "http/date.h"
#include "http/request.h"
#include "http/via.h"
#include "net/addr_limits.h"
#include <sio/server.h>
#include <sio/tls.h>

enum {
  HTTP_STASH = 16 * 1024,
  HTTP_BACKLOG = 64 * 1024,
  HTTP_LINGER_MS = 2000 /* how long a peer has to take our FIN and send its own */
};

/* Who handles requests for a part of the URL space. All callbacks on the loop thread. Each may
 * answer, drop or detach r. */
struct http_mount {
  /* The head is complete. May answer now (a body still to come is then read and dropped up to
   * max_body, past that the connection closes), set r->max_body (default: the limits' max_body)
   * and r->user. Returning false holds the body back until sio__request_continue(r). */
  bool (*on_head)(sio_request *r);
  /* Head and body are complete, and it has not been answered. */
  void (*on_request)(sio_request *r);
  /* The peer went away, sent too much (SIO_ETOOBIG, after our 413), too slowly (SIO_ETIMEOUT,
   * after our 408) or broke the protocol (SIO_EPROTO), before the answer. r must not be answered
   * any more, unless this sets r->kept; it is freed at the end of the turn. detail: why. */
  void (*on_abort)(sio_request *r, int err, const char *detail);
  /* Another request has come on the same connection, and waits for the answer to r. May answer it.
   * May be NULL. */
  void (*on_next)(sio_request *r);
  /* It was answered, by whomever, or the answer owed after on_abort was thrown away: let go of r.
   * Not for a refusal of our own (on_abort comes), nor for what the mount drops or detaches. May be
   * NULL; a mount that has it outlives the server (see sio__request_outlive_server()). */
  void (*on_answered)(sio_request *r);
  void *owner;
};

struct http_limits {
  size_t max_head; /* request line and headers, trailers and chunk extensions too */
  unsigned max_headers;
  size_t max_body;        /* where a mount sets none */
  unsigned head_ms;       /* first byte of a head to its last   */
  unsigned body_ms;       /* end of the head to end of the body */
  unsigned keep_alive_ms; /* between two requests               */
  unsigned max_pending;   /* connections of which no request came yet; 0: no limit */
  unsigned tls_ms;        /* the TLS handshake                  */
};

/* What all HTTP connections of a server share. */
struct http {
  struct loop *loop;
  struct log *log;
  struct http_limits limits;
  /* Chooses the mount when a head is complete (upgrades too). Never NULL: 404 has a mount too. */
  const struct http_mount *(*route)(struct http *h, sio_request *r);
  void *owner;
  struct list conns; /* struct http_conn                                          */
  struct list fresh; /* those of which no request's head is complete, oldest first */
  unsigned nfresh;
  struct addr_limits *addr_limits; /* the owner's; NULL: everyone may come in                   */
  struct proxies proxies;
  struct list kept;  /* requests whose peer is gone and whose answer is owed      */
  struct list spare; /* requests with their buffers, ready for use                */
  unsigned nspare;
  int64_t date_at;           /* the second that `date` names              */
  char date[DATE_LEN + 1];   /* of answers                                */
  struct deflater *deflater; /* the owner's; NULL: no answer is compressed */
  size_t compress_from;      /* bytes of body                             */
  struct pool parsers;       /* a connection borrows one while a request arrives          */
  unsigned nconns;
  bool draining;
  struct task emptied_task;
  void (*emptied)(struct http *h); /* no connection is left while draining; may be NULL */
  struct http_stats {
    uint64_t requests, aborted;
    uint64_t hellos;                        /* of TLS, where plain HTTP is spoken */
    uint64_t answers[5];                    /* by the first digit of the status, from 1 */
    uint64_t refused[SIO_HTTP_REFUSED_END]; /* those of them that the host never saw    */
    uint64_t handshakes_refused;            /* of WebSockets: no 101                    */
  } stats;
};

void sio__http_init(struct http *h, struct loop *l, struct log *log,
                    const struct http_limits *limits);
/* Serves a descriptor just accepted (takes it over, also on error). 0, a libuv code, or
 * SIO_ELIMIT: it was turned away, which is told already. */
int sio__http_serve(struct http *h, int fd, const sio_tls *tls); /* NULL: it is plain */
/* The connection served last: what was read from it already. SIO_ETOOBIG, UV_ENOMEM: it is
 * closed. */
int sio__http_feed_newest(struct http *h, sio_slice read);
void sio__request_continue(sio_request *r); /* after on_head returned false */
/* Idle connections close now, the others after their answer; `emptied` follows from the loop. */
void sio__http_drain(struct http *h);
/* Closes every connection that is still HTTP's; requests get on_abort(UV_ECANCELED). */
void sio__http_close(struct http *h);
/* Frees what is kept for reuse; after the loop is closed. Requests still owed an answer live until
 * it comes. */
void sio__http_clear(struct http *h);

/* For respond.c: will the connection go on after the answer to r? */
bool sio__http_keeps(const sio_request *r);
/* Queues the pieces of an answer (body may be NULL; both references are taken over) and moves on.
 * */
int sio__http_answered(sio_request *r, struct msg *head, struct msg *body, int status, bool keep);
/* Before the two above: what follows the answer's first piece, taken over. */
void sio__http_source(sio_request *r, struct http_source *src);
/* Reads the next piece of src. 0 and *out, one reference, or an error: UV_EOF if there is none. */
int sio__http_piece(struct loop *l, struct http_source *src, struct msg **out);
/* The answer could not be made: ends the connection. */
void sio__http_failed(sio_request *r, int err);

#endif
