/* SPDX-License-Identifier: MIT
 *
 * sha1.c - computes the SHA-1 digest of one complete message.
 */
#include "base/sha1.h"

#include <string.h>

enum { BLOCK = 64 };

static uint32_t rotate_left_32(uint32_t x, int by) { return x << by | x >> (32 - by); }

static uint32_t load_u32_be(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_u32_be(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t sha1_round_function_plus_constant(int t, uint32_t b, uint32_t c, uint32_t d) {
  if (t < 20) return ((b & c) | (~b & d)) + 0x5a827999u;
  if (t < 40) return (b ^ c ^ d) + 0x6ed9eba1u;
  if (t < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
  return (b ^ c ^ d) + 0xca62c1d6u;
}

static void sha1_hash_block(uint32_t h[5], const uint8_t *p) {
  uint32_t w[80];
  for (int t = 0; t < 16; t++) w[t] = load_u32_be(p + 4 * t);
  for (int t = 16; t < 80; t++)
    w[t] = rotate_left_32(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
  for (int t = 0; t < 80; t++) {
    uint32_t sum = rotate_left_32(a, 5) + sha1_round_function_plus_constant(t, b, c, d) + e + w[t];
    e = d, d = c, c = rotate_left_32(b, 30), b = a, a = sum;
  }
  h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

/* Hashes the end of the message: its last `rest` bytes, a 1 bit, zeros, and the length of the whole
 * message in bits. This takes one or two blocks. */
static void sha1_hash_last_blocks(uint32_t h[5], const uint8_t *p, size_t rest, size_t n) {
  uint8_t last[2 * BLOCK] = { 0 };
  if (rest) memcpy(last, p, rest);
  last[rest] = 0x80;
  size_t size = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
  uint64_t bits = (uint64_t)n * 8;
  store_u32_be(last + size - 8, (uint32_t)(bits >> 32));
  store_u32_be(last + size - 4, (uint32_t)bits);
  for (size_t i = 0; i < size; i += BLOCK) sha1_hash_block(h, last + i);
}

void sio__sha1(uint8_t out[20], const void *data, size_t n) {
  const uint8_t *p = data;
  uint32_t h[5] = { 0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u };
  size_t rest = n;
  for (; rest >= BLOCK; rest -= BLOCK, p += BLOCK) sha1_hash_block(h, p);
  sha1_hash_last_blocks(h, p, rest, n);
  for (int i = 0; i < 5; i++) store_u32_be(out + 4 * i, h[i]);
}
