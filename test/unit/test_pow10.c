/* SPDX-License-Identifier: MIT
 *
 * test_pow10.c - each power of ten against a long multiplication.
 */
#include "base/pow10.h"

#include "test.h"

enum { WORDS = 48 };

struct big {
  uint32_t w[WORDS]; /* least significant first */
};

static void times(struct big *b, uint32_t by) {
  uint64_t carry = 0;
  for (int i = 0; i < WORDS; i++) {
    carry += (uint64_t)b->w[i] * by;
    b->w[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

static struct big times_ten_to(struct u128 g, int n) {
  struct big b = { { (uint32_t)g.lo, (uint32_t)(g.lo >> 32), (uint32_t)g.hi,
                     (uint32_t)(g.hi >> 32) } };
  while (n-- > 0) times(&b, 10);
  return b;
}

static int bits_of(const struct big *b) {
  int i = WORDS - 1;
  while (i > 0 && !b->w[i]) i--;
  return 32 * i + 32 - (b->w[i] ? __builtin_clz(b->w[i]) : 32);
}

static bool bit_of(const struct big *b, int i) { return i >= 0 && b->w[i / 32] >> (i % 32) & 1; }

TEST(whole_powers_of_ten_are_their_first_128_bits) {
  for (int k = 0; k <= POW10_MAX; k++) {
    struct u128 g = sio__power_of_ten_in_128_bits(k);
    struct big b = times_ten_to((struct u128){ 0, 1 }, k);
    int top = bits_of(&b) - 1, rest = 0;
    EQ(log2_of_power_of_ten(k), top);
    for (int i = 0; i < 64; i++) {
      EQ((int)(g.hi >> (63 - i) & 1), bit_of(&b, top - i));
      EQ((int)(g.lo >> (63 - i) & 1), bit_of(&b, top - 64 - i));
    }
    for (int i = 0; i < top - 127; i++) rest += bit_of(&b, i);
    EQ(is_power_of_ten_exact(k), rest == 0);
  }
}

/* g * 10^n is the last multiple of 10^n below a power of two. */
TEST(other_powers_of_ten_are_rounded_down) {
  for (int k = -1; k >= POW10_MIN; k--) {
    struct u128 g = sio__power_of_ten_in_128_bits(k),
                next = { g.hi + (g.lo == UINT64_MAX), g.lo + 1 };
    struct big below = times_ten_to(g, -k), above = times_ten_to(next, -k);
    CHECK(g.hi >> 63);
    EQ(bits_of(&below), 127 - log2_of_power_of_ten(k));
    EQ(bits_of(&above), 128 - log2_of_power_of_ten(k));
    CHECK(!is_power_of_ten_exact(k));
  }
}

TEST(products_of_64_bits_are_whole) {
  struct u128 p = sio__multiply_u64_to_u128(UINT64_MAX, UINT64_MAX);
  EQ(p.hi, UINT64_MAX - 1);
  EQ(p.lo, 1);
  p = sio__multiply_u64_to_u128(UINT64_C(0x123456789abcdef0), UINT64_C(0xfedcba9876543210));
  EQ(p.hi, UINT64_C(0x121fa00ad77d7422));
  EQ(p.lo, UINT64_C(0x236d88fe5618cf00));
}

TESTS_BEGIN
T(whole_powers_of_ten_are_their_first_128_bits)
T(other_powers_of_ten_are_rounded_down)
T(products_of_64_bits_are_whole)
TESTS_END
