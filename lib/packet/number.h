/* SPDX-License-Identifier: MIT
 *
 * number.h - what a JSON number of any length is worth.
 *
 * The text must be one valid JSON value, as a scan has found it; anything that is not a number
 * is answered with false.
 */
#ifndef SIO_PACKET_NUMBER_H
#define SIO_PACKET_NUMBER_H

#include "base/slice.h"

/* Exact: "1e3" is 1000 and "5.0" is 5; false when it is not integral or not in range. */
bool sio__number_int(sio_slice text, int64_t *out);
/* The nearest double; an infinity when it is too big, as in JavaScript. */
bool sio__number_double(sio_slice text, double *out);

#endif
