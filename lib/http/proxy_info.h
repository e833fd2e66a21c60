/* SPDX-License-Identifier: MIT
 *
 * proxy_info.h - the client of a connection that a trusted proxy has made. The PROXY header before
 * the first request names the client, or the headers of each request do.
 */
#ifndef SIO_HTTP_PROXY_INFO_H
#define SIO_HTTP_PROXY_INFO_H

#include "http/http.h"
#include "net/conn.h"
#include "net/proxy.h"

struct proxy_info {
  char direct[CONN_ADDRESS]; /* the address of the proxy that has connected */
  /* The address that the PROXY header names; if no header names one, the address of the proxy. */
  char client[CONN_ADDRESS];
  bool trusts_headers; /* the headers X-Forwarded-... or Forwarded of requests are believed */
  bool header_secure;  /* the PROXY header says that the client uses TLS */
  /* The PROXY header or the headers of the current request say that the client uses TLS. */
  bool request_secure;
};

/* Returns NULL if memory runs out. */
struct proxy_info *sio__proxy_info_new(const char *peer, bool trusts_headers);
/* Stores what the PROXY header says. The headers of requests are believed only if the address in
 * the PROXY header is that of a trusted proxy. */
void sio__proxy_info_store_proxy_header(struct proxy_info *v, const struct proxied *p,
                                        const struct addr_set *trusted);
/* Finds out the client of the request r, from its headers if they are believed. Writes the client's
 * address to `client`, which has CONN_ADDRESS bytes, and sets v->request_secure. */
void sio__proxy_info_find_client_and_set_secure(struct proxy_info *v, const sio_request *r,
                                                const struct proxies *p, char *client);

#endif
