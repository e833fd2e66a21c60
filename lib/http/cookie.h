/* SPDX-License-Identifier: MIT
 *
 * cookie.h - the Set-Cookie value (RFC 6265 4.1) that a load balancer may stick to:
 * "io=<sid>; Path=/; HttpOnly; SameSite=Lax".
 */
#ifndef SIO_HTTP_COOKIE_H
#define SIO_HTTP_COOKIE_H

#include "base/slice.h"
#include <sio/server.h>

/* A deep copy with the defaults filled in. UV_EINVAL for a name that is no token, a text that
 * holds a ';' or a control character, a negative age, SameSite=None without Secure; UV_ENOMEM. */
int sio__cookie_copy(sio_cookie **out, const sio_cookie *from);
void sio__cookie_free(sio_cookie *c); /* NULL is fine */

/* The header's value, NUL-terminated in out; its length, or SIO_ETOOBIG when it does not fit. */
long sio__cookie_write(char *out, size_t size, const sio_cookie *c, sio_slice value);

#endif
