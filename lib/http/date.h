/* SPDX-License-Identifier: MIT
 *
 * date.h - times in HTTP (RFC 9110 section 5.6.7): seconds since 1970, always in GMT.
 */
#ifndef SIO_HTTP_DATE_H
#define SIO_HTTP_DATE_H

#include "base/slice.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
enum { DATE_LEN = 29 };

/* Writes at and a NUL. A time outside the years 0 to 9999 is written as the nearest in them. */
void sio__date_write(char out[DATE_LEN + 1], int64_t at);

/* Reads that form and the two obsolete ones: "Sunday, 06-Nov-94 08:49:37 GMT" and
 * "Sun Nov  6 08:49:37 1994". A year of two digits is one of the century that ends in 2069. False:
 * it is no date. */
bool sio__date_parse(sio_slice s, int64_t *at);

#endif
