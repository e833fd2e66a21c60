/* SPDX-License-Identifier: MIT
 *
 * via.h - a connection that a trusted proxy made: who is behind it, by the PROXY header before its
 * first byte, or by each request's own headers.
 */
#ifndef SIO_HTTP_VIA_H
#define SIO_HTTP_VIA_H

#include "http/request.h"
#include "net/addr.h"
#include "net/proxy.h"

/* Which proxies are believed, and what. */
struct proxies {
  const struct addr_set *trusted;
  bool header;  /* their connections begin with a PROXY header         */
  bool rfc7239; /* Forwarded is read, not X-Forwarded-For and its kin  */
};

struct via {
  char direct[CONN_ADDRESS]; /* the proxy that connected                          */
  char own[CONN_ADDRESS];    /* whom the connection is for, as far as it is known */
  bool believes;             /* requests may say for whom they are                */
  bool tls;                  /* the PROXY header says so                          */
  bool secure;               /* so does the request in hand                       */
};

struct via *sio__proxy_info_new(const char *peer, bool believes); /* NULL: no memory */
/* The PROXY header was read. Further proxies before this one are believed where they are
 * trusted. */
void sio__proxy_info_set_header(struct via *v, const struct proxied *p,
                                const struct addr_set *trusted);
/* A head is complete: peer is whose request it is. */
void sio__proxy_info_read_request(struct via *v, const sio_request *r, const struct proxies *p,
                                  char *peer);

#endif
