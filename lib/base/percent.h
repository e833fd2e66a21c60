/* SPDX-License-Identifier: MIT
 *
 * percent.h - percent-decoding (RFC 3986 section 2.1).
 */
#ifndef SIO_BASE_PERCENT_H
#define SIO_BASE_PERCENT_H

#include "base/slice.h"

/* Decodes the first byte of *s, which may be written as an escape such as "%2F", and removes it
 * from *s. *s must not be empty. An invalid escape is not decoded: its '%' is returned. If `plus`
 * is true, '+' stands for a space, as in a query. */
unsigned char sio__percent_decode_byte(sio_slice *s, bool plus);
/* Returns true if `raw` is equal to `text` after percent-decoding. */
bool sio__percent_decoded_equals(sio_slice raw, const char *text, bool plus);

/* Decodes a URL path to the path of a file, without the leading '/', and adds a NUL. A '/' at the
 * end stays. Returns the length; or -1 if the URL path cannot name a file or does not fit into
 * `out`. It cannot name a file if it does not begin with '/', or contains an invalid escape, an
 * escaped '/', a NUL, an empty segment, or a segment that begins with '.'. */
long sio__percent_decode_path(char *out, size_t size, sio_slice raw);

#endif
