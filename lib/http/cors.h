/* SPDX-License-Identifier: MIT
 *
 * cors.h - the headers that let pages of other origins read answers
 * (https://fetch.spec.whatwg.org/#http-cors-protocol). They do not stop pages from sending
 * requests.
 *
 * Access-Control-Allow-Origin is "*" if sio_cors.origins is NULL or contains "*", unless
 * reflect_origin or origin_ok is set. Otherwise Vary lists Origin, and Access-Control-Allow-Origin
 * repeats the Origin of the request if that is allowed; if it is not, this header and
 * Access-Control-Allow-Credentials are left out. Values of the request are checked before they are
 * repeated: an Origin must be visible ASCII, and the requested headers must be a list of tokens.
 */
#ifndef SIO_HTTP_CORS_H
#define SIO_HTTP_CORS_H

#include "http/request.h"
#include <sio/server.h>

/* Makes a deep copy with the defaults filled in; sio__cors_options_free() frees it. Returns 0;
 * UV_ENOMEM; or UV_EINVAL if a text is empty or contains characters that a header must not have,
 * or preflight_status is neither 0 nor 2xx. */
int sio__cors_options_validate_and_copy(sio_cors **out, const sio_cors *from);
void sio__cors_options_free(sio_cors *c); /* c may be NULL */

/* Adds the CORS headers to the answer to r. Must not be called twice for one request. Takes every
 * OPTIONS request for a preflight request, answers it and returns 1. Returns 0 if r is still to be
 * answered; or an error of sio__request_add_answer_header() or sio__request_answer(). */
int sio__cors_add_headers_or_answer_preflight(const sio_cors *c, sio_request *r);
/* If r seems to come from a page of another origin that cannot read the answer, returns the reason,
 * a text for the log. Otherwise returns NULL, also for a WebSocket handshake, if sio_cors.origin_ok
 * decides, and if c is NULL and the browser sends no Sec-Fetch-Site. */
const char *sio__cors_describe_refused_origin(const sio_cors *c, const sio_request *r);

#endif
