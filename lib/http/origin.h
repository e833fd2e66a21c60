/* SPDX-License-Identifier: MIT
 *
 * origin.h - which pages may send requests: sio_options.allowed_origins.
 *
 * A browser sends Origin with every WebSocket handshake, every POST, and every request whose answer
 * a page of another origin may read. It sends no Origin when a page only loads something: a script
 * (as JSONP does), an image, a navigation. For these, Sec-Fetch-Site says whether another site has
 * caused the request (over https and on localhost), and Referer says which one, unless the page has
 * suppressed it.
 */
#ifndef SIO_HTTP_ORIGIN_H
#define SIO_HTTP_ORIGIN_H

#include "http/request.h"

/* Returns true if the page that has sent r may use the server. `allowed` is a list of origins that
 * ends with NULL; if it is NULL itself, every page may. If `script` is true, every page can load
 * the answer as a script and read it. So a request without Origin and Sec-Fetch-Site is then
 * allowed only if the origin of its Referer is on the list. If `script` is false, a request without
 * these two headers is allowed. */
bool sio__origin_is_allowed(const char *const *allowed, const sio_request *r, bool script);

/* Returns the origin of r for the log and the host: the Origin header; without it, the origin in
 * the Referer; without that, Sec-Fetch-Site; otherwise "". */
sio_slice sio__request_origin_referer_or_fetch_site(const sio_request *r);

#endif
