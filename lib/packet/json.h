/* SPDX-License-Identifier: MIT
 *
 * json.h - one pass over a JSON text (RFC 8259, strict): is it valid, how deep is it,
 * where do the elements of its outer array lie, and which objects claim to be placeholders.
 *
 * No recursion, no tree, no allocation but for the two result arrays, which the
 * caller reuses. UTF-8 is the transport's duty: bytes here are valid UTF-8 already.
 */
#ifndef SIO_PACKET_JSON_H
#define SIO_PACKET_JSON_H

#include "base/slice.h"

enum { JSON_DEPTH_MAX = 900 };

/* An object with "_placeholder": true, whatever way the key is escaped. As in JavaScript the last
 * of equal keys counts, and what lies inside a hole is no hole: an attachment takes its place.
 * Unlike there, a hole is still found in the value of a key that an equal one overrides later. */
struct json_hole {
  uint32_t off, len; /* of the object in the text                                         */
  uint32_t arg;      /* index of the outer array's element it lies in                     */
  int64_t num;       /* its "num": -1 when absent, not an integer, negative or past 2^31  */
};

/* What a scan finds. Zero-initialise; reuse; clear. */
struct json_scan {
  struct {
    uint32_t off, len;
  } * args;                /* elements of the outer array             */
  struct json_hole *holes; /* in the order of the text                */
  uint32_t nargs, args_cap;
  uint32_t nholes, holes_cap;
  char first; /* first character of the text: { [ " t f n or a digit or '-' */
};

/* 0; SIO_EJSON with *at the offending offset; SIO_EDEPTH; UV_ENOMEM; SIO_ETOOBIG for texts of 4 GiB
 * and over. at may be NULL. After an error nothing but clearing and scanning again is of use. */
int sio__json_scan(struct json_scan *s, sio_slice text, unsigned max_depth, size_t *at);
/* The same for what stands between the brackets of an array: one element or more, and their
 * commas. The missing brackets count as a level. */
int sio__json_scan_list(struct json_scan *s, sio_slice text, unsigned max_depth, size_t *at);
void sio__json_scan_clear(struct json_scan *s);

static inline sio_slice json_arg(const struct json_scan *s, sio_slice text, size_t i) {
  return slice(text.p + s->args[i].off, s->args[i].len);
}

/* Unescapes a valid JSON string (quotes included in text) into out, which has room for text.n
 * bytes; a lone surrogate becomes U+FFFD. The bytes written. */
size_t sio__json_unescape(char *out, sio_slice text);
/* Length that s takes as a JSON string, quotes included; and the writing of it. Malformed UTF-8
 * becomes U+FFFD. Escapes what must be: quote, backslash, controls; U+2028 and U+2029 travel as
 * they are. */
size_t sio__json_quoted_len(sio_slice s);
size_t sio__json_quote(char *out, sio_slice s);

#endif
