/* SPDX-License-Identifier: MIT
 *
 * fields.h - header fields that a request says in several lines (RFC 9110 section 5.3).
 *
 * The rule is Node's: lines of one name are one value, joined with ", ", those of Cookie with "; ".
 * Of a field that is no list and may stand once, the first line counts: Authorization,
 * Content-Type, From, If-Modified-Since, If-Unmodified-Since, Max-Forwards, Proxy-Authorization,
 * Referer, User-Agent. What says where a request goes or ends may not be said twice at all: Host,
 * Content-Length and Transfer-Encoding are left as they are, for head.c to refuse.
 */
#ifndef SIO_HTTP_FIELDS_H
#define SIO_HTTP_FIELDS_H

#include "http/request.h"

/* Makes the lines of each name one, where the first of them stands. 0 or UV_ENOMEM. */
int sio__fields_join_repeated(sio_request *r);

#endif
