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
  char direct[CONN_ADDRESS]; /* the address of the proxy that connected                         */
  char client[CONN_ADDRESS]; /* the client's address; the proxy's until a PROXY header names it */
  bool trusts_headers;       /* X-Forwarded-For or Forwarded of a request are believed          */
  bool header_secure;        /* the PROXY header says that the client uses TLS                  */
  bool request_secure; /* the client uses TLS, by the PROXY header or the headers of the request */
};

struct proxy_info *sio__proxy_info_new(const char *peer, bool trusts_headers); /* NULL: no memory */
/* Stores the client that the PROXY header names. Request headers are believed only if that address
 * is a trusted proxy, too. */
void sio__proxy_info_set_header(struct proxy_info *v, const struct proxied *p,
                                const struct addr_set *trusted);
/* Reads the headers of a request whose head is complete, and writes the client's address to
 * `client`, which has CONN_ADDRESS bytes. */
void sio__proxy_info_read_request(struct proxy_info *v, const sio_request *r,
                                  const struct proxies *p, char *client);

#endif
