/* SPDX-License-Identifier: MIT
 *
 * slice.c - compares, trims, splits and parses text, for example the values of HTTP headers.
 */
#include "base/slice.h"

static unsigned char ascii_lower(char c) {
  unsigned char u = (unsigned char)c;
  return (unsigned char)(u >= 'A' && u <= 'Z' ? u + 32 : u);
}

bool sio__slice_equals_ignore_case(sio_slice a, sio_slice b) {
  if (a.n != b.n) return false;
  for (size_t i = 0; i < a.n; i++)
    if (a.p[i] != b.p[i] && ascii_lower(a.p[i]) != ascii_lower(b.p[i])) return false;
  return true;
}

const char *sio__find_value_in_pairs(const char *pairs, sio_slice key) {
  for (const char *at = pairs, *value; *at; at = value + strlen(value) + 1) {
    value = at + strlen(at) + 1;
    if (sio__slice_equals_ignore_case(key, slice_str(at))) return value;
  }
  return NULL;
}

static bool is_space_or_tab(char c) { return c == ' ' || c == '\t'; }

sio_slice sio__slice_trim(sio_slice s) {
  while (s.n && is_space_or_tab(s.p[0])) s.p++, s.n--;
  while (s.n && is_space_or_tab(s.p[s.n - 1])) s.n--;
  return s;
}

bool sio__slice_split(sio_slice *rest, char sep, sio_slice *part) {
  if (rest->n == 0) return false;
  const char *end = memchr(rest->p, (unsigned char)sep, rest->n);
  size_t n = end ? (size_t)(end - rest->p) : rest->n;
  *part = slice(rest->p, n);
  size_t taken = end ? n + 1 : n;
  *rest = slice(rest->p + taken, rest->n - taken);
  return true;
}

bool sio__slice_has_token(sio_slice header, sio_slice token) {
  sio_slice part;
  while (sio__slice_split(&header, ',', &part)) {
    part = sio__slice_trim(part);
    if (part.n && sio__slice_equals_ignore_case(part, token)) return true;
  }
  return false;
}

bool sio__slice_parse_u64(sio_slice s, uint64_t *out) {
  uint64_t v = 0;
  if (s.n == 0) return false;
  for (size_t i = 0; i < s.n; i++) {
    unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
    if (digit > 9) return false;
    if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v)) return false;
  }
  *out = v;
  return true;
}
