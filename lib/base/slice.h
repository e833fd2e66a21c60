/* SPDX-License-Identifier: MIT
 *
 * slice.h - functions for slices. A slice is a pointer and a length; it does not own its bytes.
 */
#ifndef SIO_BASE_SLICE_H
#define SIO_BASE_SLICE_H

#include <sio/types.h>

#define SLICE(lit) ((sio_slice){ "" lit, sizeof(lit) - 1 })

static inline sio_slice slice(const char *p, size_t n) { return (sio_slice){ p, n }; }
static inline sio_slice slice_str(const char *s) { return (sio_slice){ s, s ? strlen(s) : 0 }; }

static inline bool slice_eq(sio_slice a, sio_slice b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool slice_equals_str(sio_slice a, const char *s) {
  return slice_eq(a, slice_str(s));
}
static inline bool slice_starts_with(sio_slice a, sio_slice prefix) {
  return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* Compares two slices. The case of ASCII letters is ignored, as in HTTP. */
bool sio__slice_equals_ignore_case(sio_slice a, sio_slice b);
/* Returns the value of `key`, or NULL if it is missing. `pairs` contains keys and values in turn,
 * each with a NUL, and ends with an empty key: "key\0value\0key\0value\0". The case of ASCII
 * letters in keys is ignored. */
const char *sio__find_value_in_pairs(const char *pairs, sio_slice key);
sio_slice sio__slice_trim(sio_slice s); /* removes spaces and tabs at both ends */
/* Splits a list: removes the text before the next separator `sep`, and that separator, from *rest,
 * and sets *part to the text. Returns false if *rest is empty. "a,,b," yields "a", "" and "b": a
 * separator at the end does not yield an empty part. */
bool sio__slice_split(sio_slice *rest, char sep, sio_slice *part);
/* Returns true if `token` is an element of the comma-separated list `header`. The case of ASCII
 * letters is ignored. */
bool sio__slice_has_token(sio_slice header, sio_slice token);
/* Parses decimal digits without a sign or spaces. Returns false if s is empty or contains another
 * character, or if the number does not fit into a uint64_t. */
bool sio__slice_parse_u64(sio_slice s, uint64_t *out);

#endif
