/* SPDX-License-Identifier: MIT
 *
 * jsonp.h - long-polling through <script> tags and forms, for browsers that cannot send requests to
 * another origin. Used only if the host allows Engine.IO 3, and only for requests with a `j` in
 * their query.
 */
#ifndef SIO_EIO_JSONP_H
#define SIO_EIO_JSONP_H

#include "eio/eio.h"

bool sio__jsonp_is_requested(const struct eio *e, const sio_request *r);
/* Makes the script ___eio[<digits of the query parameter j>]("<body as a JavaScript string>");
 * Returns NULL on failure. */
struct msg *sio__jsonp_wrap_body_in_script(sio_request *r, const struct msg *body);
/* Writes s escaped for a JavaScript or JSON string, without the quotes, and returns the length. If
 * out is NULL, only computes the length. */
size_t sio__jsonp_write_escaped_string(char *out, sio_slice s);
/* Sets *body, a posted form, to the value of its field "d", which is decoded in place; or to an
 * empty slice if the form has no such field. */
void sio__jsonp_decode_form_body_in_place(sio_slice *body);

#endif
