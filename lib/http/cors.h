/* SPDX-License-Identifier: MIT
 *
 * cors.h - the headers that let pages of other origins read answers
 * (https://fetch.spec.whatwg.org/#http-cors-protocol). They keep nobody from asking.
 *
 * "*" is answered as "*"; otherwise the request's own Origin is echoed if it may read, and left
 * out, together with Access-Control-Allow-Credentials, if not; Vary says so in both cases. What
 * is echoed was checked first: an Origin has only visible ASCII, requested headers are a list of
 * tokens.
 */
#ifndef SIO_HTTP_CORS_H
#define SIO_HTTP_CORS_H

#include "http/request.h"
#include <sio/server.h>

/* A deep copy with the defaults filled in: free it with sio__cors_free. UV_EINVAL for
 * texts that cannot stand in a header or a status that is none; UV_ENOMEM. */
int sio__cors_copy(sio_cors **out, const sio_cors *from);
void sio__cors_free(sio_cors *c); /* NULL is fine */

/* Adds the headers to r's answer, whichever it will be. 1: r was a preflight (any OPTIONS) and is
 * answered now. 0: go on. Or UV_ENOMEM. Once per request. */
int sio__cors_apply(const sio_cors *c, sio_request *r);

#endif
