/* SPDX-License-Identifier: MIT
 *
 * origin.h - which pages may send requests: sio_options.allowed_origins.
 *
 * A browser sends an Origin with every WebSocket, with every POST and with every request whose
 * answer a page of another origin may read. It sends none for what a page only loads: scripts
 * (which is what JSONP is), images, navigation. There Sec-Fetch-Site says whether another site is
 * behind the request, over https and on localhost, and the Referer says which one, unless the page
 * asks for none to be sent.
 */
#ifndef SIO_HTTP_ORIGIN_H
#define SIO_HTTP_ORIGIN_H

#include "http/request.h"

/* May the page that sent r go on? allowed is NULL (any page may) or ends with NULL. script: the
 * answer can be read by any page that loads it, so that r must prove where it comes from; other
 * requests pass when nothing says that a page sent them. */
bool sio__origin_is_allowed(const char *const *allowed, const sio_request *r, bool script);

/* Where r comes from, for the log and the host: its Origin, or else the Referer's, or else what
 * Sec-Fetch-Site says; "" when it says nothing. */
sio_slice sio__origin_of_request(const sio_request *r);

#endif
