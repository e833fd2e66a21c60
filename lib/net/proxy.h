/* SPDX-License-Identifier: MIT
 *
 * proxy.h - the header a proxy puts before a connection's first byte to say for whom it speaks: the
 * PROXY protocol, versions 1 and 2 (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt).
 *
 * Nothing is guessed: what does not begin as one of the two is malformed, at its first wrong byte.
 */
#ifndef SIO_NET_PROXY_H
#define SIO_NET_PROXY_H

#include "net/addr.h"

enum {
  PROXY_V1_MAX = 107, /* a line, CR LF included, as the protocol has it              */
  PROXY_V2_MAX = 1024 /* a header with its addresses and TLVs; longer ones are refused */
};

struct proxied {
  struct addr from; /* ADDR_IP: the client. Else it is not told (LOCAL, UNKNOWN, UNSPEC, AF_UNIX) */
  bool secure;      /* it came to the proxy over TLS                                              */
};

/* The bytes the header takes, 0 while more are needed, SIO_EPROTO or SIO_ETOOBIG. *why is
 * static. */
int sio__proxy_read(const char *p, size_t n, struct proxied *out, const char **why);

#endif
