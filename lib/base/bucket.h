/* SPDX-License-Identifier: MIT
 *
 * bucket.h - a token bucket: so many units a second, and so many at once.
 *
 * It counts what was taken and not given back yet, in thousandths of a unit, so that a rate a
 * second is a whole number a millisecond and nothing is lost by rounding. The clock is passed in;
 * one that goes back is taken as standing still, and sums that would overflow stop at the top.
 */
#ifndef SIO_BASE_BUCKET_H
#define SIO_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* per_s 0: no limit. At most RATE_MAX each. */
struct rate {
  uint64_t per_s, burst;
};
#define RATE_MAX (UINT64_C(1) << 40)

/* All zero: nothing was taken. */
struct bucket {
  uint64_t debt; /* thousandths of a unit */
  uint64_t at;   /* the clock then, in ms */
};

/* Takes n whether they are there or not. The ms until the debt is within the burst again; 0: it
 * is. */
uint64_t sio__bucket_charge(struct bucket *b, const struct rate *r, uint64_t now, uint64_t n);
/* Takes one if it is there: 0. Otherwise takes none: the ms until there is one. */
uint64_t sio__bucket_take(struct bucket *b, const struct rate *r, uint64_t now);
/* The ms an untouched bucket takes at most to be full again. */
uint64_t sio__rate_refill_ms(const struct rate *r);

#endif
