/* SPDX-License-Identifier: MIT
 *
 * json.h - scans a JSON text (RFC 8259, strict) in one pass: checks its syntax and depth, finds
 * where the elements of its outer array are, and finds the objects that stand for attachments.
 *
 * A scan does not recurse and builds no tree. It allocates only the two arrays of its result, which
 * the caller reuses. It does not check UTF-8: the transport has done that.
 */
#ifndef SIO_PACKET_JSON_H
#define SIO_PACKET_JSON_H

#include "base/slice.h"

enum { JSON_DEPTH_MAX = 900 };

/* A placeholder: an object with the member "_placeholder": true, which stands for an attachment.
 * The key may be written with escapes. If a key occurs twice, the last one counts, as in
 * JavaScript. A placeholder inside another one is ignored. Unlike in JavaScript, a placeholder is
 * found even if a later member with the same key replaces its value. */
struct json_placeholder {
  uint32_t off, len; /* the position of the object in the text */
  uint32_t arg;      /* the index of the element of the outer array that contains the placeholder */
  int64_t num; /* the value of "num"; -1 if that is missing or not an integer from 0 to 2^31 - 1 */
};

/* The result of a scan. It must be zero before the first scan, can be reused, and must be cleared
 * at the end. */
struct json_scan {
  struct {
    uint32_t off, len;
  } * args;                              /* the elements of the outer array */
  struct json_placeholder *placeholders; /* all placeholders, in the order of the text */
  uint32_t nargs, args_cap;
  uint32_t nplaceholders, placeholders_cap;
  char first; /* the first character of the text that is not blank */
};

/* Scans a JSON text. Returns 0; SIO_EJSON, and *at is the offset of the error; SIO_EDEPTH;
 * UV_ENOMEM; or SIO_ETOOBIG for a text of 4 GiB or more. at may be NULL. After an error the result
 * in *s is not valid. */
int sio__json_scan(struct json_scan *s, sio_slice text, unsigned max_depth, size_t *at);
/* Scans the text between the brackets of an array: one or more elements, with commas between them.
 * The missing brackets count as one level of depth. The errors are those of sio__json_scan(). */
int sio__json_scan_unbracketed_list(struct json_scan *s, sio_slice text, unsigned max_depth,
                                    size_t *at);
void sio__json_scan_clear(struct json_scan *s);

static inline sio_slice json_scanned_element(const struct json_scan *s, sio_slice text, size_t i) {
  return slice(text.p + s->args[i].off, s->args[i].len);
}

/* Unescapes a valid JSON string, given with its quotes, into out, which must have room for text.n
 * bytes. A lone surrogate becomes U+FFFD. Returns the number of bytes written. */
size_t sio__json_unescape_string(char *out, sio_slice text);
/* Returns the length of s as a JSON string with quotes. Malformed UTF-8 becomes U+FFFD. Only
 * quotes, backslashes and control characters are escaped. */
size_t sio__json_quoted_length(sio_slice s);
/* Writes s as a JSON string, and returns its length. */
size_t sio__json_quote_string(char *out, sio_slice s);

#endif
