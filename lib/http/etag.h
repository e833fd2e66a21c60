/* SPDX-License-Identifier: MIT
 *
 * etag.h - conditional requests (RFC 9110 13.1.2).
 */
#ifndef SIO_HTTP_ETAG_H
#define SIO_HTTP_ETAG_H

#include "http/request.h"

/* Does If-None-Match, "*" or a list, name etag (with its quotes, W/ or not)? Weak comparison. */
bool sio__etag_matches(const sio_request *r, sio_slice etag);

#endif
