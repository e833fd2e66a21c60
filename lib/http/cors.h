/* SPDX-License-Identifier: MIT
 *
 * cors.h - the headers that let pages of other origins read answers
 * (https://fetch.spec.whatwg.org/#http-cors-protocol). They do not stop pages from sending
 * requests.
 *
 * If every origin is allowed, the answer says "*". Otherwise the Origin of the request is echoed if
 * it is allowed; if not, this header and Access-Control-Allow-Credentials are left out. In both
 * cases Vary lists Origin. Echoed values are checked first: an Origin must be visible ASCII, and
 * the requested headers must be a list of tokens.
 */
#ifndef SIO_HTTP_CORS_H
#define SIO_HTTP_CORS_H

#include "http/request.h"
#include <sio/server.h>

/* Makes a deep copy with the defaults filled in, to be freed with sio__cors_free(). UV_ENOMEM, or
 * UV_EINVAL: a text has characters that a header must not have, or the status is not 2xx. */
int sio__cors_copy(sio_cors **out, const sio_cors *from);
void sio__cors_free(sio_cors *c); /* NULL is fine */

/* Adds the CORS headers to r's answer. Call it once per request. 1: r was a preflight request (any
 * OPTIONS) and has been answered. 0: go on with r. Or UV_ENOMEM. */
int sio__cors_add_headers_or_answer_preflight(const sio_cors *c, sio_request *r);
/* Returns why a page cannot read the answer to r, as words about sio_options.cors for the log;
 * NULL: it can, or r does not come from a page of another origin. c may be NULL. */
const char *sio__cors_describe_missing_permission(const sio_cors *c, const sio_request *r);

#endif
