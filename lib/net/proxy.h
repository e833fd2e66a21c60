/* SPDX-License-Identifier: MIT
 *
 * proxy.h - the PROXY protocol, versions 1 and 2: a header that a proxy sends before the client's
 * first byte, to tell the server the client's address
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt).
 *
 * The header is not optional: input that is neither version is malformed from its first wrong byte
 * on.
 */
#ifndef SIO_NET_PROXY_H
#define SIO_NET_PROXY_H

#include "net/addr.h"

enum {
  PROXY_V1_MAX = 107, /* one line including CR LF, as specified */
  PROXY_V2_MAX = 1024 /* our limit for a header with addresses and TLVs */
};

struct proxied {
  /* The client's address. It has the kind ADDR_NONE if the proxy sent no IP address (LOCAL,
   * UNKNOWN, UNSPEC, AF_UNIX). */
  struct addr from;
  bool secure; /* The proxy says that the client used TLS to reach it (version 2). */
};

/* Returns the length of the header, and fills in *out; 0 if the header is incomplete; or SIO_EPROTO
 * or SIO_ETOOBIG, and sets *why to a static string that says what is wrong. */
int sio__proxy_parse_header(const char *p, size_t n, struct proxied *out, const char **why);

#endif
