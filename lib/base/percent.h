/* SPDX-License-Identifier: MIT
 *
 * percent.h - percent-decoding (RFC 3986 section 2.1).
 */
#ifndef SIO_BASE_PERCENT_H
#define SIO_BASE_PERCENT_H

#include "base/slice.h"

/* Decodes one byte and removes it from *s, which must not be empty. An invalid escape is taken
 * literally. plus: '+' means a space, as in a query. */
unsigned char sio__percent_decode_byte(sio_slice *s, bool plus);
/* Is the decoded text equal to `text`? */
bool sio__percent_decoded_equals(sio_slice raw, const char *text, bool plus);

/* Decodes a URL path to a file path without the leading '/', NUL-terminated. Returns its length;
 * a '/' at the end stays. -1: the path cannot name a file, because it contains an invalid
 * escape, an escaped '/' or NUL, an empty segment, "." or "..", or a name that begins with '.';
 * or because it does not begin with '/' or does not fit. */
long sio__percent_decode_path(char *out, size_t size, sio_slice raw);

#endif
