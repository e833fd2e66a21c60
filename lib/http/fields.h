/* SPDX-License-Identifier: MIT
 *
 * fields.h - header fields that a request repeats on several lines (RFC 9110 section 5.3).
 *
 * Lines with the same name become one value, joined with ", ", or with "; " for Cookie. For these
 * fields only the first line counts: Authorization, Content-Type, From, If-Modified-Since,
 * If-Unmodified-Since, Max-Forwards, Proxy-Authorization, Referer and User-Agent. Host,
 * Content-Length and Transfer-Encoding must not be repeated: they are left as they are, and head.c
 * refuses the request.
 */
#ifndef SIO_HTTP_FIELDS_H
#define SIO_HTTP_FIELDS_H

#include "http/request.h"

/* Makes one header of lines that have the same name, in the place of the first line, by joining
 * their values. The comment at the top of fields.h lists exceptions. Returns 0 or UV_ENOMEM. */
int sio__request_merge_repeated_headers(sio_request *r);

#endif
