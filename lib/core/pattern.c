/* SPDX-License-Identifier: MIT
 *
 * pattern.c - matches names against patterns with '*', without recursion and without backtracking.
 */
#include "core/pattern.h"

#include <string.h>

static sio_slice pattern_part_before_star(sio_slice pattern) {
  const char *star = memchr(pattern.p, '*', pattern.n);
  return slice(pattern.p, star ? (size_t)(star - pattern.p) : pattern.n);
}

static sio_slice slice_skip_bytes(sio_slice s, size_t n) { return slice(s.p + n, s.n - n); }

static bool slice_has_prefix(sio_slice s, sio_slice prefix) {
  return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

static bool slice_has_suffix(sio_slice s, sio_slice suffix) {
  return s.n >= suffix.n && memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0;
}

/* Looks for each part between two stars at its first occurrence in the rest of the name: a later
 * occurrence would leave less of the name for the parts after it. */
bool sio__pattern_matches(sio_slice pattern, sio_slice name) {
  sio_slice part = pattern_part_before_star(pattern);
  if (part.n == pattern.n) return part.n == name.n && slice_has_prefix(name, part);
  if (!slice_has_prefix(name, part)) return false;
  name = slice_skip_bytes(name, part.n);
  for (;;) {
    pattern = slice_skip_bytes(pattern, part.n + 1);
    part = pattern_part_before_star(pattern);
    if (part.n == pattern.n) return slice_has_suffix(name, part);
    const char *at = memmem(name.p, name.n, part.p, part.n);
    if (!at) return false;
    name = slice_skip_bytes(name, (size_t)(at - name.p) + part.n);
  }
}
