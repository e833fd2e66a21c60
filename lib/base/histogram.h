/* SPDX-License-Identifier: MIT
 *
 * histogram.h - counting a value into one of a few buckets of sizes that double: a handful of
 * instructions, no memory. What is read of it stands in <sio/types.h>.
 */
#ifndef SIO_BASE_HISTOGRAM_H
#define SIO_BASE_HISTOGRAM_H

#include <sio/types.h>

/* The same value n times. */
static inline void histogram_add_n(sio_histogram *h, uint64_t v, uint64_t n) {
  /* The highest bit of what does not fit into 64; below that all are alike. */
  unsigned bit = 63u - (unsigned)__builtin_clzll((v - (v > 0)) | 63), i = bit - 5;
  h->sum += v * n;
  h->count[i < SIO_BUCKETS ? i : SIO_BUCKETS - 1] += n;
}

static inline void histogram_add(sio_histogram *h, uint64_t v) { histogram_add_n(h, v, 1); }

#endif
