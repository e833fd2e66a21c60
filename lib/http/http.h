/* SPDX-License-Identifier: MIT
 *
 * http.h - what all HTTP connections of a server share, and the table of callbacks (a mount)
 * through which a part of the URL space handles its requests.
 */
#ifndef SIO_HTTP_HTTP_H
#define SIO_HTTP_HTTP_H

#include "http/date.h"
#include "net/addr_limits.h"
#include <sio/http.h>
#include <sio/server.h>

/* A mount: the callbacks that handle the requests for a part of the URL space. All callbacks run on
 * the loop's thread. on_head, on_request and on_next may answer the request, drop it, or take its
 * connection for an upgrade (request.h). */
struct http_mount {
  /* Called when a valid head has arrived. May set r->max_body, which is http_limits.max_body
   * otherwise, and r->user. May answer r before its body has arrived: then the rest of the body is
   * discarded, or the connection is closed, for example if the body is longer than r->max_body or
   * the client waits for the status 100 (Continue). If the callback returns false, the body is not
   * read until sio__request_allow_reading_body() is called. */
  bool (*on_head)(sio_request *r);
  /* Called when head and body are complete; for an upgrade (r->upgrade), when the head is complete.
   * Not called if the request was answered or has ended before. */
  void (*on_request)(sio_request *r);
  /* Called when a request ends that the mount has not answered: the peer has disconnected
   * (UV_ECONNABORTED), the connection has failed (its error), the peer has sent a body that is too
   * long (SIO_ETOOBIG, after the answer 413), was too slow (SIO_ETIMEOUT, after 408) or has broken
   * the protocol (SIO_EPROTO, after 400 or 431), the server was closed (UV_ECANCELED), or memory
   * ran out (UV_ENOMEM). The mount must not answer r any more, and r is freed at the end of the
   * loop's turn. But if r->answer_owed is true after the callback, the program that uses the
   * library still holds r: r stays valid until the program answers it, and that answer is
   * discarded. `detail` is the reason as text. */
  void (*on_abort)(sio_request *r, int err, const char *detail);
  /* Called while r is complete and not answered, when bytes of the next request have arrived on the
   * same connection. These bytes wait until r is answered. May be called several times for one r.
   * The callback may answer r. May be NULL. */
  void (*on_next)(sio_request *r);
  /* Called when r was answered, also if the answer could not be sent, and when the answer to a
   * request with answer_owed was discarded: the mount must not use r after this call. Not called
   * for a request that the connection itself refuses (then on_abort is called), that is closed
   * without an answer, or whose connection is detached. May be NULL. A mount that sets this
   * callback must outlive the server: see sio__request_detach_from_server(). */
  void (*on_answered)(sio_request *r);
  void *owner;
};

struct http_limits {
  /* The most bytes of the request line, headers, trailers and chunk extensions of a request
   * together. For its own framing, each chunk of the body adds 20 bytes to this limit. */
  size_t max_head;
  unsigned max_headers;
  size_t max_body; /* the most bytes of a body, unless on_head sets r->max_body */
  /* The time for a head or a PROXY header to arrive, and for a new connection to begin its first
   * request. */
  unsigned head_ms;
  /* The time for a body to arrive, and for the peer to receive some bytes of an answer. */
  unsigned body_ms;
  unsigned keep_alive_ms; /* the time between two requests */
  /* If this many connections have sent no valid head yet, the oldest of them is closed when a new
   * one is accepted; 0 means no limit. */
  unsigned max_pending;
  unsigned tls_ms; /* the time for the TLS handshake */
};

/* Which proxies are trusted, and how they report the address of a client. */
struct proxies {
  const struct addr_set *trusted;
  bool header;  /* connections from trusted proxies begin with a PROXY header */
  bool rfc7239; /* proxies send Forwarded, and not X-Forwarded-For and X-Forwarded-Proto */
};

/* State shared by all HTTP connections of a server. */
struct http {
  struct loop *loop;
  struct log *log;
  struct http_limits limits;
  /* Chooses the mount (the callbacks) that handles a request whose head is valid, also an upgrade.
   * Never returns NULL: the answer 404 also comes from a mount. */
  const struct http_mount *(*route)(struct http *h, sio_request *r);
  void *owner;
  struct list conns;   /* the connections that have sent a valid head (struct http_conn) */
  struct list pending; /* the connections that have sent no valid head yet, new ones last */
  unsigned npending;   /* the number of connections in `pending` */
  struct addr_limits *addr_limits; /* owned by the server; NULL only in tests */
  struct proxies proxies;
  /* The requests that were aborted and that the host still has to answer. */
  struct list owed_requests;
  struct list spare_requests; /* requests that are not used and keep their buffers for reuse */
  unsigned nspare_requests;
  int64_t date_second;       /* the time of `date`, in seconds since 1970 */
  char date[DATE_LEN + 1];   /* the value of the Date header at that time */
  struct deflater *deflater; /* owned by the server; NULL if answers are not compressed */
  size_t compress_from;      /* bodies of fewer bytes are not compressed */
  struct pool parsers;       /* a connection takes a parser from here while a request arrives */
  unsigned nconns;           /* the number of connections in `conns` and `pending` */
  bool draining;
  struct task all_closed_task;
  /* Called by the loop when no connection is left after sio__http_close_conns_after_answers(); may
   * be NULL. */
  void (*on_all_closed)(struct http *h);
  struct http_stats {
    uint64_t requests, aborted;
    uint64_t tls_hellos; /* TLS handshakes that arrived in place of an HTTP request */
    uint64_t answers[5]; /* [0] counts the status 101, [1] all 2xx, [2] all 3xx, and so on */
    /* Requests that the connection itself has refused, for example because they were malformed, too
     * long or too slow; the index is an enum sio_http_refusal. */
    uint64_t refused[SIO_HTTP_REFUSED_END];
    /* WebSocket handshakes that were answered with another status than 101, but not because the
     * connection itself has refused them. */
    uint64_t handshakes_refused;
  } stats;
};

#endif
