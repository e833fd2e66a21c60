/* SPDX-License-Identifier: MIT
 *
 * forwarded.h - the client's address as proxies report it: in X-Forwarded-For and
 * X-Forwarded-Proto, or in Forwarded (RFC 7239).
 *
 * Each proxy appends the address of its own peer to the list. So the list is read backwards from
 * its end, until an address that is not a trusted proxy's: that is the client. The elements before
 * it may have been forged by the client, and are not parsed. If all addresses are those of trusted
 * proxies, the first one counts as the client.
 */
#ifndef SIO_HTTP_FORWARDED_H
#define SIO_HTTP_FORWARDED_H

#include "http/request.h"
#include "net/addr.h"

struct forwarded {
  struct addr from; /* the client; ADDR_NONE if missing, hidden ("unknown", "_x") or malformed */
  bool secure;      /* the client used TLS */
};

/* Finds the client in the headers of r: in Forwarded if rfc7239 is true, otherwise in
 * X-Forwarded-For and X-Forwarded-Proto. `trusted` contains the addresses of the trusted
 * proxies. */
struct forwarded sio__forwarded_headers_find_client(const sio_request *r,
                                                    const struct addr_set *trusted, bool rfc7239);

#endif
