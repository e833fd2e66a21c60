/* SPDX-License-Identifier: MIT
 *
 * bucket.h - token buckets: limit the number of units per second, and allow a burst.
 *
 * A bucket counts its debt, which is what was taken and has not been refilled, in thousandths of a
 * unit. A rate of n units per second is n thousandths per millisecond, so nothing is lost by
 * rounding. The caller passes the time; a time earlier than that of the last call counts as no time
 * passing. Sums stop at their maximum instead of overflowing.
 */
#ifndef SIO_BASE_BUCKET_H
#define SIO_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* A rate limit: per_s units are refilled each second, up to `burst` units. If per_s is 0, there is
 * no limit. Both fields are at most RATE_MAX. */
struct rate {
  uint64_t per_s, burst;
};
#define RATE_MAX (UINT64_C(1) << 40)

/* A bucket whose fields are all 0 is full. */
struct bucket {
  uint64_t debt; /* what was taken and is not refilled yet, in thousandths of a unit */
  uint64_t at;   /* when `debt` was last updated, in ms */
};

/* Takes n units, even if fewer are left. Returns 0 if the debt is then at most r->burst units,
 * otherwise the time in ms until it is. */
uint64_t sio__bucket_charge(struct bucket *b, const struct rate *r, uint64_t now, uint64_t n);
/* Takes one unit and returns 0 if a unit is left. Otherwise takes nothing and returns the time in
 * ms until a unit is left. */
uint64_t sio__bucket_try_take_one(struct bucket *b, const struct rate *r, uint64_t now);
/* Returns how many ms an empty bucket takes to become full; 0 if there is no limit. */
uint64_t sio__bucket_refill_ms(const struct rate *r);

#endif
