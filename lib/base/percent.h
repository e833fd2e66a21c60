/* SPDX-License-Identifier: MIT
 *
 * percent.h - percent-encoding (RFC 3986 2.1), read byte by byte.
 */
#ifndef SIO_BASE_PERCENT_H
#define SIO_BASE_PERCENT_H

#include "base/slice.h"

/* Takes one decoded byte off *s, which is not empty. An escape that is none stands for itself;
 * plus: '+' is a blank, as in a query. */
unsigned char sio__percent_decode_byte(sio_slice *s, bool plus);
bool sio__percent_equals(sio_slice raw, const char *text, bool plus); /* decoded, is it text? */

/* The file path that a URL path stands for: decoded, no leading '/', a NUL after it. -1 when no
 * file can be meant: an escape that is none, or stands for '/' or NUL; an empty or a dot segment,
 * "..", a dot file; not beginning with '/', or not fitting. A '/' at the end stays. */
long sio__percent_decode_path(char *out, size_t size, sio_slice raw);

#endif
