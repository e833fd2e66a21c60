/* SPDX-License-Identifier: MIT
 *
 * base64.c - converts groups of three bytes to four characters and back.
 */
#include "base/base64.h"

#include <stdbool.h>
#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Maps each character of the alphabet, and '-' and '_' of base64url, to VALID plus the six bits
 * that it stands for, and every other byte to 0. */
enum { VALID = 64 };
#define V(c, bits) [c] = VALID + (bits)
static const uint8_t value[256] = {
  V('A', 0),  V('B', 1),  V('C', 2),  V('D', 3),  V('E', 4),  V('F', 5),  V('G', 6),  V('H', 7),
  V('I', 8),  V('J', 9),  V('K', 10), V('L', 11), V('M', 12), V('N', 13), V('O', 14), V('P', 15),
  V('Q', 16), V('R', 17), V('S', 18), V('T', 19), V('U', 20), V('V', 21), V('W', 22), V('X', 23),
  V('Y', 24), V('Z', 25), V('a', 26), V('b', 27), V('c', 28), V('d', 29), V('e', 30), V('f', 31),
  V('g', 32), V('h', 33), V('i', 34), V('j', 35), V('k', 36), V('l', 37), V('m', 38), V('n', 39),
  V('o', 40), V('p', 41), V('q', 42), V('r', 43), V('s', 44), V('t', 45), V('u', 46), V('v', 47),
  V('w', 48), V('x', 49), V('y', 50), V('z', 51), V('0', 52), V('1', 53), V('2', 54), V('3', 55),
  V('4', 56), V('5', 57), V('6', 58), V('7', 59), V('8', 60), V('9', 61), V('+', 62), V('-', 62),
  V('/', 63), V('_', 63),
};
#undef V

size_t sio__base64_encode(char *out, const void *data, size_t n) {
  const uint8_t *p = data;
  char *o = out;
  for (; n >= 3; n -= 3, p += 3, o += 4) {
    uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    o[0] = alphabet[bits >> 18];
    o[1] = alphabet[bits >> 12 & 63];
    o[2] = alphabet[bits >> 6 & 63];
    o[3] = alphabet[bits & 63];
  }
  if (n > 0) {
    uint32_t bits = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
    o[0] = alphabet[bits >> 18];
    o[1] = alphabet[bits >> 12 & 63];
    o[2] = n == 2 ? alphabet[bits >> 6 & 63] : '=';
    o[3] = '=';
    o += 4;
  }
  return (size_t)(o - out);
}

/* Decodes four characters to three bytes. Returns false if one of them has no value. */
static inline bool base64_decode_quad_without_padding(uint8_t out[3], const uint8_t p[4]) {
  uint32_t a = value[p[0]], b = value[p[1]], c = value[p[2]], d = value[p[3]];
  if (!(a & b & c & d & VALID)) return false;
  uint32_t bits = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
  out[0] = (uint8_t)(bits >> 16);
  out[1] = (uint8_t)(bits >> 8);
  out[2] = (uint8_t)bits;
  return true;
}

/* Decodes one character at a time until the end or a '=', and skips bytes that are not in the
 * alphabet. This is slow, so it decodes only the rest of a text: what follows the last group of
 * four characters that base64_decode_quad_without_padding() has decoded. Bits at the end that do
 * not fill a byte are dropped. */
static size_t base64_decode_leniently(uint8_t *out, const uint8_t *p, size_t n) {
  uint32_t bits = 0;
  unsigned have = 0;
  size_t written = 0;
  for (size_t i = 0; i < n && p[i] != '='; i++) {
    if (!value[p[i]]) continue;
    bits = bits << 6 | (value[p[i]] & 63);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out[written++] = (uint8_t)(bits >> have);
  }
  return written;
}

size_t sio__base64_decode(void *out, const char *text, size_t n) {
  const uint8_t *p = (const uint8_t *)text;
  uint8_t *o = out;
  for (; n >= 4 && base64_decode_quad_without_padding(o, p); n -= 4, p += 4) o += 3;
  o += base64_decode_leniently(o, p, n);
  return (size_t)(o - (uint8_t *)out);
}
