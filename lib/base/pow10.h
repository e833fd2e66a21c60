/* SPDX-License-Identifier: MIT
 *
 * pow10.h - powers of ten to 128 bits, for numbers that go to text and back.
 */
#ifndef SIO_BASE_POW10_H
#define SIO_BASE_POW10_H

#include <stdbool.h>
#include <stdint.h>

enum {
  POW10_MIN = -342, /* below, times any 64-bit integer: less than half of the smallest double */
  POW10_MAX = 324,
  POW10_EXACT_MAX = 55 /* from 10^0 to this one 128 bits hold all of it */
};

struct u128 {
  uint64_t hi, lo;
};

struct u128 sio__mul_64(uint64_t a, uint64_t b);

/* The first 128 bits of 10^k, rounded down: 2^127 <= g < 2^128, and 10^k is about
 * g * 2^(pow10_log2(k) - 127). */
struct u128 sio__pow10(int k);

/* Of 10^k and of 2^e: the whole part of the logarithm to the other base. Exact from -1233 to 1233
 * and from -1500 to 1500. */
static inline int pow10_log2(int k) { return (k * 1741647) >> 19; }
static inline int pow2_log10(int e) { return (e * 1262611) >> 22; }

static inline bool pow10_exact(int k) { return k >= 0 && k <= POW10_EXACT_MAX; }

#endif
