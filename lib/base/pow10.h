/* SPDX-License-Identifier: MIT
 *
 * pow10.h - powers of ten with 128 bits, for converting numbers to text and back.
 */
#ifndef SIO_BASE_POW10_H
#define SIO_BASE_POW10_H

#include <stdbool.h>
#include <stdint.h>

enum {
  /* A smaller power of ten times any 64-bit integer is less than half of the smallest positive
   * double. */
  POW10_MIN = -342,
  POW10_MAX = 324,
  POW10_EXACT_MAX = 55 /* the powers from 10^0 to 10^55 have at most 128 significant bits */
};

struct u128 {
  uint64_t hi, lo;
};

struct u128 sio__multiply_u64_to_u128(uint64_t a, uint64_t b);

/* Returns g, the first 128 bits of 10^k, rounded down, for k from POW10_MIN to POW10_MAX: 2^127 <=
 * g < 2^128, and 10^k is about g * 2^(log2_of_power_of_ten(k) - 127). */
struct u128 sio__power_of_ten_in_128_bits(int k);

/* Return log2(10^k) and log10(2^e), rounded down. The results are correct for k from -1233 to 1233
 * and for e from -1500 to 1500. */
static inline int log2_of_power_of_ten(int k) { return (k * 1741647) >> 19; }
static inline int log10_of_power_of_two(int e) { return (e * 1262611) >> 22; }

static inline bool is_power_of_ten_exact(int k) { return k >= 0 && k <= POW10_EXACT_MAX; }

#endif
