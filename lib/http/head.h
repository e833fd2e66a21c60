/* SPDX-License-Identifier: MIT
 *
 * head.h - parses a request's head: splits it into slices, and makes the checks that llhttp does
 * not make (RFC 9112). r->head contains the head from the method to the blank line.
 *
 * This parser is stricter than llhttp. Every line ends with CRLF and contains no other CR or LF. No
 * line is folded. The three parts of the request line are separated by one blank each. The version
 * is 1.0 or 1.1. A request of HTTP/1.1 has exactly one Host, which must be valid. The length of the
 * body is given at most once: by Content-Length, or by "chunked" alone.
 */
#ifndef SIO_HTTP_HEAD_H
#define SIO_HTTP_HEAD_H

#include "http/request.h"

/* Parses the head and sets the fields of r. Returns 0, or the status of the answer that refuses the
 * request: 400, 417, 431, 501, 503 or 505. Then *why is the reason, a static text of one line. */
int sio__request_parse_head(sio_request *r, unsigned max_headers, const char **why);

bool sio__http_is_token(sio_slice s); /* returns true for a token (RFC 9110 section 5.6.2) */
/* Returns true if s contains no control characters except tab. */
bool sio__http_is_field_value(sio_slice s);

#endif
