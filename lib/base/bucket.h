/* SPDX-License-Identifier: MIT
 *
 * bucket.h - token buckets: limits to a number of units per second, with a burst.
 *
 * A bucket counts its debt: what was taken and is not refilled yet, in thousandths of a unit. In
 * these units a rate per second is a whole number per millisecond, so nothing is lost by rounding.
 * The caller passes the clock. If it goes backwards, no time has passed. Sums saturate instead of
 * overflowing.
 */
#ifndef SIO_BASE_BUCKET_H
#define SIO_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* per_s 0: no limit. Both are at most RATE_MAX. */
struct rate {
  uint64_t per_s, burst;
};
#define RATE_MAX (UINT64_C(1) << 40)

/* All zero: nothing was taken. */
struct bucket {
  uint64_t debt; /* in thousandths of a unit */
  uint64_t at;   /* the clock at the last call, in ms */
};

/* Takes n units even if they are not available. Returns the ms until the debt is within the
 * burst again. */
uint64_t sio__bucket_charge(struct bucket *b, const struct rate *r, uint64_t now, uint64_t n);
/* Takes one unit if one is available and returns 0. Otherwise returns the ms until there is one. */
uint64_t sio__bucket_try_take_one(struct bucket *b, const struct rate *r, uint64_t now);
/* The longest time, in ms, after which an unused bucket is full again. */
uint64_t sio__bucket_refill_ms(const struct rate *r);

#endif
