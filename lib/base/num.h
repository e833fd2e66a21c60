/* SPDX-License-Identifier: MIT
 *
 * num.h - converts numbers to JSON text and back, independent of the locale.
 */
#ifndef SIO_BASE_NUM_H
#define SIO_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUM_MAX = 32 };                         /* the required size of each buffer `out` below */
size_t sio__i64_to_text(char *out, int64_t v); /* returns the length; writes no NUL */
size_t sio__u64_to_text(char *out, uint64_t v);
/* Writes the shortest decimal that parses back to v, as JSON.stringify() does. -0 becomes "0";
 * infinities and NaN become "null". Returns the length; writes no NUL. */
size_t sio__double_to_json_text(char *out, double v);
/* Parses a text that is one JSON number of at most 1100 bytes. Returns false if it is anything
 * else. As in JavaScript, a number that is too large becomes an infinity, and one that is too close
 * to 0 becomes 0. */
bool sio__parse_json_number(const char *p, size_t n, double *out);

#endif
