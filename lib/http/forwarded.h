/* SPDX-License-Identifier: MIT
 *
 * forwarded.h - for whom proxies say they speak: X-Forwarded-For and X-Forwarded-Proto, or
 * Forwarded (RFC 7239).
 *
 * Both are lists to whose end each proxy adds the address it was asked from, and whatever stands
 * before the first address that no trusted proxy has, anybody can have made up. So a list is read
 * from its end, and only as far as that address: what stands before it is not even looked at.
 */
#ifndef SIO_HTTP_FORWARDED_H
#define SIO_HTTP_FORWARDED_H

#include "http/request.h"
#include "net/addr.h"

struct forwarded {
  struct addr from; /* ADDR_NONE: not told, hidden ("unknown", "_x") or malformed */
  bool secure;      /* it asked over TLS                                          */
};

/* rfc7239: Forwarded, and not the other two. */
struct forwarded sio__forwarded_read(const sio_request *r, const struct addr_set *trusted,
                                     bool rfc7239);

#endif
