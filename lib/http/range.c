/* SPDX-License-Identifier: MIT
 *
 * range.c - parses "bytes=0-99", "bytes=100-" and "bytes=-100". Several ranges in one request are
 * answered with the whole file, as RFC 9110 section 14.2 allows: few clients ask for several
 * ranges, and bytes in overlapping ranges would be sent several times.
 */
#include "http/range.h"

static const struct range all = { .kind = RANGE_ALL };

/* Parses a number that consists of digits. A number of more than 64 bits becomes UINT64_MAX, which
 * is after the end of every file. Returns false if s is empty or contains another character. */
static bool parse_byte_position(sio_slice s, uint64_t *out) {
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] < '0' || s.p[i] > '9') return false;
  if (s.n && !sio__slice_parse_u64(s, out)) *out = UINT64_MAX;
  return s.n > 0;
}

static struct range parse_range_of_last_bytes(sio_slice s, uint64_t size) {
  uint64_t n;
  if (!parse_byte_position(s, &n)) return all;
  if (n == 0) return (struct range){ .kind = RANGE_OUTSIDE };
  if (size == 0) return all;
  if (n > size) n = size;
  return (struct range){ RANGE_PART, size - n, n };
}

static struct range parse_range_of_first_and_last_byte(sio_slice first, sio_slice last,
                                                       uint64_t size) {
  uint64_t from, to = UINT64_MAX;
  if (!parse_byte_position(first, &from) || (last.n && !parse_byte_position(last, &to)) ||
      from > to)
    return all;
  if (from >= size) return (struct range){ .kind = RANGE_OUTSIDE };
  if (to >= size) to = size - 1;
  return (struct range){ RANGE_PART, from, to - from + 1 };
}

struct range sio__range_header_parse(sio_slice value, uint64_t size) {
  sio_slice unit, first;
  if (!value.n || !memchr(value.p, '=', value.n) || memchr(value.p, ',', value.n)) return all;
  sio__slice_split(&value, '=', &unit);
  value = sio__slice_trim(value);
  if (!sio__slice_equals_ignore_case(unit, SLICE("bytes")) || !value.n ||
      !memchr(value.p, '-', value.n))
    return all;
  sio__slice_split(&value, '-', &first);
  return first.n ? parse_range_of_first_and_last_byte(first, value, size)
                 : parse_range_of_last_bytes(value, size);
}
