/* SPDX-License-Identifier: MIT
 *
 * head.h - what a request's head says: lines into slices, and the checks that llhttp leaves
 * to us (RFC 9112). Its bytes stand in r->head, from the method to the blank line.
 *
 * Stricter than llhttp: every line ends in CRLF and holds no other CR or LF, no line is folded,
 * one blank stands between the request line's three parts, the version is 1.0 or 1.1, HTTP/1.1
 * has exactly one Host, and it is one; the body's length is said once, or is chunked and nothing
 * else.
 */
#ifndef SIO_HTTP_HEAD_H
#define SIO_HTTP_HEAD_H

#include "http/request.h"

/* Fills r's slices and facts. 0, or the status to refuse with: 400, 417, 431, 501, 503, 505;
 * *why is then one line, static. */
int sio__head_parse(sio_request *r, unsigned max_headers, const char **why);

bool sio__http_is_token(sio_slice s);       /* RFC 9110 5.6.2: not empty, only token characters */
bool sio__http_is_field_value(sio_slice s); /* no control characters but tab                    */

#endif
