/* SPDX-License-Identifier: MIT
 *
 * num.h - numbers as JSON text, whatever locale the host has set.
 */
#ifndef SIO_BASE_NUM_H
#define SIO_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUM_MAX = 32 };                     /* `out` below has this much room */
size_t sio__num_i64(char *out, int64_t v); /* no NUL; the bytes written */
size_t sio__num_u64(char *out, uint64_t v);
/* The shortest digits that read back as v, written as JSON.stringify() writes them: -0 is "0",
 * what is not finite "null". */
size_t sio__num_double(char *out, double v);
/* A whole JSON number, at most 1100 bytes long; false if it is not one. Too big a number gives
 * an infinity, too small a one 0, as in JavaScript. */
bool sio__num_parse(const char *p, size_t n, double *out);

#endif
