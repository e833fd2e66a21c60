/* SPDX-License-Identifier: MIT
 *
 * json_bytes.h - looks for the bytes that are special in a JSON string, eight at a time.
 */
#ifndef SIO_PACKET_JSON_BYTES_H
#define SIO_PACKET_JSON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EVERY_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

static inline uint64_t load_8_bytes_little_endian(const char *p) {
  uint64_t w;
  memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  w = __builtin_bswap64(w);
#endif
  return w;
}

/* Returns a word in which bit 7 is set in each byte that is a quote, a backslash or a control
 * character (below 0x20) in w. Bytes after the first such byte may be marked although they are
 * none of these, which does no harm: only the first mark is used. (The XOR with 2 turns the
 * quote, 0x22, into 0x20, and keeps control characters below 0x20, so both are found as the bytes
 * below 0x21.) */
static inline uint64_t mark_special_json_string_bytes_of_word(uint64_t w) {
  uint64_t quote_or_control = (w ^ EVERY_BYTE(2)) - EVERY_BYTE(0x21);
  uint64_t backslash = (w ^ EVERY_BYTE('\\')) - EVERY_BYTE(1);
  return (quote_or_control | backslash) & ~w & EVERY_BYTE(0x80);
}

static inline bool is_byte_special_in_json_strings(char c) {
  return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

static inline size_t index_of_first_marked_byte(uint64_t marks) {
  return (size_t)__builtin_ctzll(marks) >> 3;
}

static inline bool is_json_digit(char c) { return (unsigned char)(c - '0') < 10; }

#endif
