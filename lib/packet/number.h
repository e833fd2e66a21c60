/* SPDX-License-Identifier: MIT
 *
 * number.h - converts JSON numbers of any length to int64_t or double.
 *
 * The text must be one valid JSON value, checked by a scan. The functions return false if it is not
 * a number.
 */
#ifndef SIO_PACKET_NUMBER_H
#define SIO_PACKET_NUMBER_H

#include "base/slice.h"

/* Exact: "1e3" is 1000 and "5.0" is 5. Returns false if the number has a fraction or does not
 * fit. */
bool sio__number_to_int64(sio_slice text, int64_t *out);
/* The nearest double, or an infinity if the number is too large, as in JavaScript. */
bool sio__number_to_double(sio_slice text, double *out);

#endif
