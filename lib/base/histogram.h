/* SPDX-License-Identifier: MIT
 *
 * histogram.h - adds values to a sio_histogram, in which the greatest value of a bucket is twice
 * that of the bucket before it; the last bucket has no greatest value. <sio/stats.h> documents how
 * a histogram is read.
 */
#ifndef SIO_BASE_HISTOGRAM_H
#define SIO_BASE_HISTOGRAM_H

#include <sio/stats.h>

/* Adds the value v to the histogram n times. */
static inline void histogram_add_n_times(sio_histogram *h, uint64_t v, uint64_t n) {
  /* `bit` is the position of the highest bit that is set in v - 1, but at least 5, so that all
   * values up to 64 fall into the first bucket. */
  unsigned bit = 63u - (unsigned)__builtin_clzll((v - (v > 0)) | 63), i = bit - 5;
  h->sum += v * n;
  h->count[i < SIO_BUCKETS ? i : SIO_BUCKETS - 1] += n;
}

static inline void histogram_add(sio_histogram *h, uint64_t v) { histogram_add_n_times(h, v, 1); }

#endif
