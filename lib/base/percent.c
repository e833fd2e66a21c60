/* SPDX-License-Identifier: MIT
 *
 * percent.c - percent-decoding: lenient for queries, as browsers are, and strict for file paths.
 */
#include "base/percent.h"

static int hex_digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool starts_with_percent_escape(sio_slice s) {
  return s.n >= 3 && s.p[0] == '%' && hex_digit_value(s.p[1]) >= 0 && hex_digit_value(s.p[2]) >= 0;
}

unsigned char sio__percent_decode_byte(sio_slice *s, bool plus) {
  size_t n = starts_with_percent_escape(*s) ? 3 : 1;
  int c =
      n == 3 ? hex_digit_value(s->p[1]) * 16 + hex_digit_value(s->p[2]) : (unsigned char)s->p[0];
  if (n == 1 && plus && c == '+') c = ' ';
  *s = slice(s->p + n, s->n - n);
  return (unsigned char)c;
}

bool sio__percent_decoded_equals(sio_slice raw, const char *text, bool plus) {
  for (; raw.n && *text; text++)
    if (sio__percent_decode_byte(&raw, plus) != (unsigned char)*text) return false;
  return raw.n == 0 && !*text;
}

/* Decodes one segment of a path to `out`, which has room for `room` bytes. Returns the length, or
 * -1 if the segment does not fit or sio__percent_decode_path() does not allow it. */
static long decode_path_segment(char *out, size_t room, sio_slice raw) {
  size_t n = 0;
  while (raw.n) {
    if (raw.p[0] == '%' && !starts_with_percent_escape(raw)) return -1;
    unsigned char c = sio__percent_decode_byte(&raw, false);
    if (c == '/' || c == 0 || n == room) return -1;
    out[n++] = (char)c;
  }
  return n > 0 && out[0] != '.' ? (long)n : -1;
}

long sio__percent_decode_path(char *out, size_t size, sio_slice raw) {
  size_t n = 0;
  if (size == 0 || raw.n == 0 || raw.p[0] != '/') return -1;
  sio_slice segment, rest = slice(raw.p + 1, raw.n - 1);
  while (sio__slice_split(&rest, '/', &segment)) {
    long len = decode_path_segment(out + n, size - 1 - n, segment);
    if (len < 0) return -1;
    n += (size_t)len;
    bool more = segment.p + segment.n < raw.p + raw.n;
    if (more && n == size - 1) return -1;
    if (more) out[n++] = '/';
  }
  out[n] = '\0';
  return (long)n;
}
