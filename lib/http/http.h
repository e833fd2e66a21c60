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

/* Handles the requests for a part of the URL space. All callbacks run on the loop thread. Each may
 * answer, drop or detach r. */
struct http_mount {
  /* The head is complete. The callback may answer already (a body that is still to come is then
   * read and discarded up to max_body; the connection closes if it is longer) and may set
   * r->max_body (default: the limits' max_body) and r->user. If it returns false, the body is not
   * read until sio__request_allow_body(r). */
  bool (*on_head)(sio_request *r);
  /* Head and body are complete, and the request has not been answered. */
  void (*on_request)(sio_request *r);
  /* Before the request was answered, the peer disconnected, sent too much (SIO_ETOOBIG, after our
   * 413), was too slow (SIO_ETIMEOUT, after our 408) or broke the protocol (SIO_EPROTO). r must not
   * be answered any more, unless this callback sets r->answer_owed; otherwise r is freed at the end
   * of the turn. detail: the reason as text. */
  void (*on_abort)(sio_request *r, int err, const char *detail);
  /* Another request has arrived on the same connection and waits for the answer to r. The callback
   * may answer r. May be NULL. */
  void (*on_next)(sio_request *r);
  /* r was answered, or the answer that was owed after on_abort was discarded: forget r. Not called
   * for requests that the connection refuses (on_abort is called), nor for those that the mount
   * drops or detaches. May be NULL; a mount that sets it must outlive the server, see
   * sio__request_detach_from_server(). */
  void (*on_answered)(sio_request *r);
  void *owner;
};

struct http_limits {
  size_t max_head; /* bytes of request line and headers, and of trailers and chunk extensions */
  unsigned max_headers;
  size_t max_body;        /* default for requests whose mount sets no limit          */
  unsigned head_ms;       /* time from the first byte of a head to its last          */
  unsigned body_ms;       /* time from the end of the head to the end of the body    */
  unsigned keep_alive_ms; /* time between two requests                               */
  unsigned max_pending;   /* connections that have sent no request yet; 0: unlimited */
  unsigned tls_ms;        /* time for the TLS handshake                              */
};

/* Which proxies are trusted, and how they name the client. */
struct proxies {
  const struct addr_set *trusted;
  bool header;  /* connections from trusted proxies begin with a PROXY header          */
  bool rfc7239; /* read Forwarded instead of X-Forwarded-For and X-Forwarded-Proto     */
};

/* State shared by all HTTP connections of a server. */
struct http {
  struct loop *loop;
  struct log *log;
  struct http_limits limits;
  /* Chooses the mount when a head is complete, upgrades included. Never returns NULL: a mount
   * answers 404 too. */
  const struct http_mount *(*route)(struct http *h, sio_request *r);
  void *owner;
  struct list conns;   /* struct http_conn that have sent at least one complete head        */
  struct list pending; /* struct http_conn that have not, oldest first                      */
  unsigned npending;   /* length of `pending`                                               */
  struct addr_limits *addr_limits; /* borrowed from the owner; NULL: no limits per address  */
  struct proxies proxies;
  /* requests whose peer has disconnected and that the host has yet to answer */
  struct list owed_requests;
  struct list spare_requests; /* freed requests whose buffers are reused                    */
  unsigned nspare_requests;
  int64_t date_second;       /* the time, in seconds, that `date` shows                      */
  char date[DATE_LEN + 1];   /* the Date header's value, formatted once per second           */
  struct deflater *deflater; /* borrowed from the owner; NULL: answers are not compressed    */
  size_t compress_from;      /* smallest body, in bytes, that is compressed                  */
  struct pool parsers;       /* a connection borrows a parser while a request arrives        */
  unsigned nconns;           /* all open connections                                         */
  bool draining;
  struct task all_closed_task;
  void (*on_all_closed)(struct http *h); /* the last connection closed while draining; or NULL */
  struct http_stats {
    uint64_t requests, aborted;
    uint64_t tls_hellos;                    /* TLS handshakes received on plain connections    */
    uint64_t answers[5];                    /* by the status's first digit; index 0 is 1xx     */
    uint64_t refused[SIO_HTTP_REFUSED_END]; /* requests refused before the host saw them       */
    uint64_t handshakes_refused;            /* WebSocket handshakes not answered with 101      */
  } stats;
};

#endif
