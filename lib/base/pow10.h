/* SPDX-License-Identifier: MIT
 *
 * pow10.h - powers of ten to 128 bits, for converting numbers to text and back.
 */
#ifndef SIO_BASE_POW10_H
#define SIO_BASE_POW10_H

#include <stdbool.h>
#include <stdint.h>

enum {
  POW10_MIN =
      -342, /* A smaller power times any 64-bit integer is less than half of the smallest double. */
  POW10_MAX = 324,
  POW10_EXACT_MAX = 55 /* from 10^0 up to this power 128 bits are exact */
};

struct u128 {
  uint64_t hi, lo;
};

struct u128 sio__mul_64(uint64_t a, uint64_t b);

/* Returns g, the first 128 bits of 10^k, rounded down: 2^127 <= g < 2^128, and 10^k is about g *
 * 2^(pow10_log2(k) - 127). */
struct u128 sio__pow10(int k);

/* The integer parts of log2(10^k), exact for k from -1233 to 1233, and of log10(2^e), exact for
 * e from -1500 to 1500. */
static inline int pow10_log2(int k) { return (k * 1741647) >> 19; }
static inline int pow2_log10(int e) { return (e * 1262611) >> 22; }

static inline bool pow10_exact(int k) { return k >= 0 && k <= POW10_EXACT_MAX; }

#endif
