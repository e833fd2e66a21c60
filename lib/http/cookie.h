/* SPDX-License-Identifier: MIT
 *
 * cookie.h - the Set-Cookie header (RFC 6265 section 4.1) with a session's id, for load balancers
 * with sticky sessions: "io=<sid>; Path=/; HttpOnly; SameSite=Lax".
 */
#ifndef SIO_HTTP_COOKIE_H
#define SIO_HTTP_COOKIE_H

#include "base/slice.h"
#include <sio/server.h>

/* Makes a deep copy with the defaults filled in. Returns 0; UV_ENOMEM; or UV_EINVAL if the name is
 * not a token, a text contains ';' or a control character other than tab, max_age_s is negative,
 * same_site is unknown, or SameSite=None is set without Secure. */
int sio__cookie_options_validate_and_copy(sio_cookie **out, const sio_cookie *from);
void sio__cookie_options_free(sio_cookie *c); /* c may be NULL */

enum { COOKIE_SIZE = 512 }; /* the most bytes of a session's Set-Cookie value, with its NUL */
/* Writes the value of a Set-Cookie header to `out`, NUL-terminated: the cookie c with the content
 * `value`. Returns the length, or SIO_ETOOBIG if the value and its NUL do not fit. */
long sio__cookie_write_set_cookie_value(char *out, size_t size, const sio_cookie *c,
                                        sio_slice value);

#endif
