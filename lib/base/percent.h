/* SPDX-License-Identifier: MIT
 *
 * percent.h - percent-decoding (RFC 3986 section 2.1).
 */
#ifndef SIO_BASE_PERCENT_H
#define SIO_BASE_PERCENT_H

#include "base/slice.h"

/* Decodes one byte and removes it from *s, which must not be empty. An invalid escape is not
 * decoded. If plus is true, '+' stands for a space, as in a query. */
unsigned char sio__percent_decode_byte(sio_slice *s, bool plus);
/* True if `raw`, when it is decoded, is equal to `text`. */
bool sio__percent_decoded_equals(sio_slice raw, const char *text, bool plus);

/* Decodes a URL path to a file path without the leading '/', and adds a NUL. A '/' at the end
 * stays. Returns the length; or -1 if the path cannot name a file. That is so if it contains an
 * invalid escape, an escaped '/' or NUL, an empty segment, "." or "..", or a name that begins with
 * '.'; and also if it does not begin with '/' or does not fit. */
long sio__percent_decode_path(char *out, size_t size, sio_slice raw);

#endif
