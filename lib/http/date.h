/* SPDX-License-Identifier: MIT
 *
 * date.h - HTTP dates (RFC 9110 section 5.6.7): seconds since 1970, always in GMT.
 */
#ifndef SIO_HTTP_DATE_H
#define SIO_HTTP_DATE_H

#include "base/slice.h"

/* The length of a date such as "Sun, 06 Nov 1994 08:49:37 GMT". */
enum { DATE_LEN = 29 };

/* Writes the date of `at`, in seconds since 1970, and a NUL. A time before the year 0 or after the
 * year 9999 is clamped. */
void sio__http_date_write(char out[DATE_LEN + 1], int64_t at);

/* Parses a date in the form that sio__http_date_write() writes, or in one of the two obsolete
 * forms, "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov 6 08:49:37 1994". A year of two digits is
 * between 1970 and 2069. Returns false if s has none of these forms. The separators of words and
 * the name of the weekday are not checked strictly. */
bool sio__http_date_parse(sio_slice s, int64_t *at);

#endif
