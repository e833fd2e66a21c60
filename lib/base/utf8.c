/* SPDX-License-Identifier: MIT
 *
 * utf8.c - validates UTF-8, and replaces NULs. Eight bytes of ASCII are checked at once, other
 * characters one by one.
 *
 * If a character is incomplete at the end of a piece of text, the state contains the number of
 * bytes that it still needs, and the range of valid values for its next byte. For all bytes after
 * the second one of a character this range is 80 to BF.
 */
#include "base/utf8.h"

#include <string.h>

static uint8_t unsigned_byte_at(const char *p, size_t i) { return (uint8_t)p[i]; }

static bool is_continuation_byte(uint8_t c) { return (c & 0xc0) == 0x80; }

/* Returns the length of a character whose first byte is c, or 0 if no character begins with c. */
static unsigned utf8_length_from_lead_byte(uint8_t c) {
  if (c < 0x80) return 1;
  if (c < 0xc2) return 0;
  if (c < 0xe0) return 2;
  if (c < 0xf0) return 3;
  return c < 0xf5 ? 4 : 0;
}

/* Return the least and the greatest valid second byte of a character whose first byte is `lead`.
 * The range excludes overlong forms (E0, F0), surrogates (ED), and values above U+10FFFF (F4). */
static uint8_t utf8_second_byte_min(uint8_t lead) {
  return lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
}
static uint8_t utf8_second_byte_max(uint8_t lead) {
  return lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
}

static bool utf8_is_second_byte_valid(uint8_t lead, uint8_t c) {
  return c >= utf8_second_byte_min(lead) && c <= utf8_second_byte_max(lead);
}

static inline size_t utf8_sequence_length(const char *p, size_t n) {
  if (n == 0) return 0;
  unsigned len = utf8_length_from_lead_byte(unsigned_byte_at(p, 0));
  if (len <= 1) return len;
  if (n < len || !utf8_is_second_byte_valid(unsigned_byte_at(p, 0), unsigned_byte_at(p, 1)))
    return 0;
  if (len >= 3 && !is_continuation_byte(unsigned_byte_at(p, 2))) return 0;
  if (len == 4 && !is_continuation_byte(unsigned_byte_at(p, 3))) return 0;
  return len;
}

size_t sio__utf8_sequence_length(const char *p, size_t n) { return utf8_sequence_length(p, n); }

static inline bool are_eight_bytes_ascii(const char *p) {
  uint64_t word;
  memcpy(&word, p, sizeof word);
  return (word & 0x8080808080808080u) == 0;
}

/* Returns the length of the longest prefix of the n bytes at p that is valid UTF-8. */
static size_t utf8_valid_prefix_length(const char *p, size_t n) {
  size_t i = 0, len;
  do {
    while (n - i >= 8 && are_eight_bytes_ascii(p + i)) i += 8;
    len = utf8_sequence_length(p + i, n - i);
    i += len;
  } while (len);
  return i;
}

bool sio__utf8_is_valid(const void *p, size_t n) { return utf8_valid_prefix_length(p, n) == n; }

static utf8_state make_utf8_state_expecting(unsigned missing, uint8_t min, uint8_t max) {
  return missing ? missing << 16 | (utf8_state)min << 8 | max : 0;
}

static utf8_state utf8_validate_next_byte(utf8_state s, uint8_t c) {
  if (s == UTF8_BAD) return UTF8_BAD;
  if (s == 0) {
    unsigned len = utf8_length_from_lead_byte(c);
    return len ? make_utf8_state_expecting(len - 1, utf8_second_byte_min(c),
                                           utf8_second_byte_max(c))
               : UTF8_BAD;
  }
  if (c < (s >> 8 & 0xff) || c > (s & 0xff)) return UTF8_BAD;
  return make_utf8_state_expecting((s >> 16) - 1, 0x80, 0xbf);
}

utf8_state sio__utf8_validate_piece(utf8_state s, const void *data, size_t n) {
  const char *p = data;
  size_t i = 0;
  while (i < n && s != 0 && s != UTF8_BAD) s = utf8_validate_next_byte(s, unsigned_byte_at(p, i++));
  if (s == 0 && i < n) i += utf8_valid_prefix_length(p + i, n - i);
  while (i < n && s != UTF8_BAD) s = utf8_validate_next_byte(s, unsigned_byte_at(p, i++));
  return s;
}

size_t sio__utf8_replace_nuls(char *s, size_t n) {
  size_t nuls = 0;
  for (size_t i = 0; i < n; i++) nuls += s[i] == '\0';
  size_t from = n, to = n + 2 * nuls;
  while (from < to) {
    char c = s[--from];
    to -= c ? 1 : 3;
    memcpy(s + to, c ? &c : "\xef\xbf\xbd", c ? 1 : 3);
  }
  return n + 2 * nuls;
}

/* ---- NULs in event names ------------------------------------------------------------------- */

static bool is_escaped_nul(const char *s, size_t n) {
  return n >= 2 && s[0] == '\xc0' && s[1] == '\x80';
}

size_t sio__utf8_escape_nuls(char *out, const char *s, size_t n) {
  char *o = out;
  for (size_t i = 0; i < n; i++) {
    if (s[i]) {
      *o++ = s[i];
    } else {
      *o++ = '\xc0';
      *o++ = '\x80';
    }
  }
  return (size_t)(o - out);
}

size_t sio__utf8_unescape_nuls(char *out, const char *s, size_t n) {
  char *o = out;
  for (size_t i = 0; i < n; i++) {
    bool nul = is_escaped_nul(s + i, n - i);
    *o++ = nul ? '\0' : s[i];
    i += nul;
  }
  return (size_t)(o - out);
}

const char *sio__utf8_find_escaped_nul(const char *s, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (is_escaped_nul(s + i, n - i)) return s + i;
  return NULL;
}
