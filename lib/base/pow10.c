/* SPDX-License-Identifier: MIT
 *
 * pow10.c - powers of ten with 128 bits. Every 27th power is stored with 192 bits. The others are a
 * stored power times 10^n, of which only 5^n changes the bits, and that fits into 64 bits. The
 * first 128 bits of the product are exact, which the unit test checks for each power. For the small
 * integer powers they would not be, so those have a table of their own.
 */
#include "base/pow10.h"

enum { STEP = 27 };

/* The first 192 bits of 10^(POW10_MIN + 27 i), most significant word first. */
static const uint64_t kept[][3] = {
  { 0xeef453d6923bd65a, 0x113faa2906a13b3f, 0xdfbc7e99bdd50e9b }, /* -342 */
  { 0xc1069cd4eabe89f8, 0x999ec0bb696e840a, 0x7730425cb755eef8 }, /* -315 */
  { 0x9becce62836ac577, 0x4ee367f9430aec32, 0xbefa78253027da9d }, /* -288 */
  { 0xfbe9141915d7a922, 0x4bf1ff9f0062baa8, 0x70628b31d862d72f }, /* -261 */
  { 0xcb7ddcdda26da268, 0xa9942f5dcf7dfd09, 0xa65b51e266e44dbc }, /* -234 */
  { 0xa46116538d0deb78, 0x52d9be85f074e608, 0xd6e59609b01cf8f3 }, /* -207 */
  { 0x84c8d4dfd2c63f3b, 0x29ecd9f40041e073, 0x75a99f7943138e73 }, /* -180 */
  { 0xd686619ba27255a2, 0xc80a537b0efefebd, 0xd3a7f737776be8aa }, /* -153 */
  { 0xad4ab7112eb3929d, 0x86c16c98d2c953c6, 0x20e4e1b4d8ec8ffb }, /* -126 */
  { 0x8bfbea76c619ef36, 0x57eb4edb3c55b65a, 0x883d7eaa3b8ca1b9 }, /* -99 */
  { 0xe2280b6c20dd5232, 0x25c6da63c38de1b0, 0x165da29e9c9c1184 }, /* -72 */
  { 0xb6b00d69bb55c8d1, 0x3d607b97c5fd0d22, 0x4d04d354f598a367 }, /* -45 */
  { 0x9392ee8e921d5d07, 0x3aff322e62439fcf, 0x32d7f344649470f9 }, /* -18 */
  { 0xee6b280000000000, 0x0000000000000000, 0x0000000000000000 }, /* 9 */
  { 0xc097ce7bc90715b3, 0x4b9f100000000000, 0x0000000000000000 }, /* 36 */
  { 0x9b934c3b330c8577, 0x63cc55f49f88eb2f, 0x73f9a00000000000 }, /* 63 */
  { 0xfb5878494ace3a5f, 0x04ab48a04065c723, 0xe64cd7818d59b87f }, /* 90 */
  { 0xcb090c8001ab551c, 0x5cadf5bfd3072cc5, 0x6000bf11cf47baf0 }, /* 117 */
  { 0xa402b9c5a8d3a6e7, 0x5f16206c9c6209a6, 0x39caef6ed62f905b }, /* 144 */
  { 0x847c9b5d7c2e09b7, 0x69956135febada11, 0x692f266b078b1407 }, /* 171 */
  { 0xd60b3bd56a5586f1, 0x8a71e223d8d3b074, 0xcd9ad624ee401914 }, /* 198 */
  { 0xace73cbfdc0bfb7b, 0x636cc64d1001550b, 0xab14f7374113dbb1 }, /* 225 */
  { 0x8bab8eefb6409c1a, 0x1ad089b6c2f7548e, 0x25c7b885ba466e37 }, /* 252 */
  { 0xe1a63853bbd26451, 0x5e7873f8a0396973, 0xfe09f1e7ee678671 }, /* 279 */
  { 0xb6472e511c81471d, 0xe0133fe4adf8e952, 0x5dede5861d36aec1 }, /* 306 */
};

/* The element n is 5^n, shifted left until the highest bit is 1. */
static const uint64_t small[STEP] = {
  0x8000000000000000, 0xa000000000000000, 0xc800000000000000, 0xfa00000000000000,
  0x9c40000000000000, 0xc350000000000000, 0xf424000000000000, 0x9896800000000000,
  0xbebc200000000000, 0xee6b280000000000, 0x9502f90000000000, 0xba43b74000000000,
  0xe8d4a51000000000, 0x9184e72a00000000, 0xb5e620f480000000, 0xe35fa931a0000000,
  0x8e1bc9bf04000000, 0xb1a2bc2ec5000000, 0xde0b6b3a76400000, 0x8ac7230489e80000,
  0xad78ebc5ac620000, 0xd8d726b7177a8000, 0x878678326eac9000, 0xa968163f0a57b400,
  0xd3c21bcecceda100, 0x84595161401484a0, 0xa56fa5b99019a5c8,
};

struct u128 sio__multiply_u64_to_u128(uint64_t a, uint64_t b) {
  uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
  uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32);
  uint64_t other = a0 * b1 + (uint32_t)middle;
  struct u128 p = { a1 * b1 + (middle >> 32) + (other >> 32), other << 32 | (uint32_t)low };
  return p;
}

/* Multiplies g, an element of kept[], by `five`, an element of small[]. Returns the first 128 bits
 * of the product. The highest bit of the product may be 0; then it is shifted left by one. */
static struct u128 multiply_by_power_of_five(const uint64_t g[3], uint64_t five) {
  struct u128 p2 = sio__multiply_u64_to_u128(g[0], five),
              p1 = sio__multiply_u64_to_u128(g[1], five);
  struct u128 r = { p2.hi, p2.lo + p1.hi };
  r.hi += r.lo < p1.hi;
  uint64_t third = p1.lo + sio__multiply_u64_to_u128(g[2], five).hi;
  if (third < p1.lo && ++r.lo == 0) r.hi++;
  if (r.hi >> 63) return r;
  r.hi = r.hi << 1 | r.lo >> 63;
  r.lo = r.lo << 1 | third >> 63;
  return r;
}

struct u128 sio__power_of_ten_in_128_bits(int k) {
  if (k >= 0 && k < STEP) return (struct u128){ small[k], 0 };
  int i = (k - POW10_MIN) / STEP, n = (k - POW10_MIN) % STEP;
  if (n == 0) return (struct u128){ kept[i][0], kept[i][1] };
  return multiply_by_power_of_five(kept[i], small[n]);
}
