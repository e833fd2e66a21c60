/* SPDX-License-Identifier: MIT
 *
 * number.h - converts JSON numbers of any length to int64_t or double.
 *
 * The text must be one valid JSON value, or empty. The functions return false if it is not a
 * number.
 */
#ifndef SIO_PACKET_NUMBER_H
#define SIO_PACKET_NUMBER_H

#include "base/slice.h"

/* Converts the JSON number `text` exactly: "1e3" is 1000 and "5.0" is 5. Returns false if `text` is
 * not a number, or not an integer that fits into an int64_t. */
bool sio__json_number_to_int64(sio_slice text, int64_t *out);
/* Sets *out to the double that is nearest to the JSON number `text`, or to an infinity if the
 * number is too large, as JavaScript does. Returns false if `text` is not a number. */
bool sio__json_number_to_double(sio_slice text, double *out);

#endif
