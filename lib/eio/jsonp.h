/* SPDX-License-Identifier: MIT
 *
 * jsonp.h - long-polling through <script> tags and forms, for browsers of the days of
 * Engine.IO 3. Only where the host allows that protocol, only for requests with a `j`.
 */
#ifndef SIO_EIO_JSONP_H
#define SIO_EIO_JSONP_H

#include "eio/eio.h"

bool sio__jsonp_is_requested(const struct eio *e, const sio_request *r);
/* ___eio[<digits of j>]("<body as a JavaScript string>"); NULL: no memory. */
struct msg *sio__jsonp_wrap(sio_request *r, const struct msg *body);
/* s inside a JavaScript, or JSON, string, without the quotes around it; out NULL: its length. */
size_t sio__jsonp_quote(char *out, sio_slice s);
/* Takes field d out of a posted form, decoding it where it lies; empty when there is none. */
void sio__jsonp_decode_body(sio_slice *body);

#endif
