/* SPDX-License-Identifier: MIT
 *
 * bucket.h - token buckets: limit the number of units per second, and allow a burst.
 *
 * A bucket counts its debt in thousandths of a unit: what was taken and has not been refilled. In
 * this unit a rate per second is an integer per millisecond, so nothing is lost by rounding. The
 * caller passes the time; if it is earlier than that of the last call, no time has passed. Sums
 * stop at their maximum instead of overflowing.
 */
#ifndef SIO_BASE_BUCKET_H
#define SIO_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* per_s 0 means that there is no limit. Both are at most RATE_MAX. */
struct rate {
  uint64_t per_s, burst;
};
#define RATE_MAX (UINT64_C(1) << 40)

/* If all is zero, nothing was taken. */
struct bucket {
  uint64_t debt; /* in thousandths of a unit */
  uint64_t at;   /* the time of the last call, in ms */
};

/* Takes n units even if fewer are available. Returns the time in ms until the debt is not more than
 * the burst. */
uint64_t sio__bucket_charge(struct bucket *b, const struct rate *r, uint64_t now, uint64_t n);
/* Takes one unit and returns 0, if one is available. Otherwise returns the time in ms until there
 * is one. */
uint64_t sio__bucket_try_take_one(struct bucket *b, const struct rate *r, uint64_t now);
/* Returns the longest time, in ms, until a bucket that is not used is full. */
uint64_t sio__bucket_refill_ms(const struct rate *r);

#endif
