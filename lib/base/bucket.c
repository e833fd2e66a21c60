/* SPDX-License-Identifier: MIT
 *
 * bucket.c - token buckets. In each ms the debt of a bucket decreases by per_s thousandths of a
 * unit.
 */
#include "base/bucket.h"

enum { PARTS = 1000 };

static void bucket_refill_by_elapsed_time(struct bucket *b, const struct rate *r, uint64_t now) {
  uint64_t ms = now > b->at ? now - b->at : 0;
  b->at = now;
  if (ms > b->debt / r->per_s)
    b->debt = 0;
  else
    b->debt -= ms * r->per_s;
}

static uint64_t bucket_ms_until_debt_at_most(uint64_t debt, uint64_t most, const struct rate *r) {
  if (debt <= most) return 0;
  uint64_t over = debt - most;
  return over / r->per_s + (over % r->per_s != 0);
}

uint64_t sio__bucket_charge(struct bucket *b, const struct rate *r, uint64_t now, uint64_t n) {
  uint64_t parts;
  if (!r->per_s) return 0;
  bucket_refill_by_elapsed_time(b, r, now);
  if (__builtin_mul_overflow(n, PARTS, &parts) || __builtin_add_overflow(b->debt, parts, &b->debt))
    b->debt = UINT64_MAX;
  return bucket_ms_until_debt_at_most(b->debt, r->burst * PARTS, r);
}

uint64_t sio__bucket_try_take_one(struct bucket *b, const struct rate *r, uint64_t now) {
  if (!r->per_s) return 0;
  bucket_refill_by_elapsed_time(b, r, now);
  uint64_t wait = bucket_ms_until_debt_at_most(b->debt, (r->burst - 1) * PARTS, r);
  if (!wait) b->debt += PARTS;
  return wait;
}

uint64_t sio__bucket_refill_ms(const struct rate *r) {
  return r->per_s ? bucket_ms_until_debt_at_most(r->burst * PARTS, 0, r) : 0;
}
