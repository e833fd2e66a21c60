/* SPDX-License-Identifier: MIT
 *
 * json.h - scans a JSON text (RFC 8259, strict) in one pass: checks its syntax and depth, finds
 * where the elements of its outer array are, and finds the objects that stand for attachments.
 *
 * A scan does not recurse, builds no tree, and does not check UTF-8.
 */
#ifndef SIO_PACKET_JSON_H
#define SIO_PACKET_JSON_H

#include "base/slice.h"

enum { JSON_DEPTH_MAX = 900 };

/* A placeholder is an object that stands for an attachment: its member "_placeholder" is true. The
 * key may be written with escapes. If "_placeholder" or "num" occurs twice in the object, the last
 * one counts, as in JavaScript. A placeholder inside another placeholder is ignored. A placeholder
 * counts even if it is the value of a key that occurs again later; in JavaScript the later value
 * would replace it. */
struct json_placeholder {
  uint32_t off, len; /* the position of the object in the text */
  /* The index of the element of the outermost array that contains the object; 0 if the text is not
   * an array. */
  uint32_t arg;
  int64_t num; /* the value of "num"; -1 if that is missing or not an integer from 0 to 2^31 - 1 */
};

/* The result of a scan. The struct must be zero before the first scan. Further scans can use the
 * same struct, and replace the result. It must be cleared at the end. */
struct json_scan {
  struct {
    uint32_t off, len;
  } * args;                              /* the positions of the elements of the outermost array */
  struct json_placeholder *placeholders; /* all placeholders, in the order of the text */
  uint32_t nargs, args_cap;
  uint32_t nplaceholders, placeholders_cap;
  char first; /* the first character of the text that is not white space */
};

/* Scans a JSON text and fills *s. Returns 0; SIO_EJSON, and sets *at to the offset of the error;
 * SIO_EDEPTH if the text is more than max_depth or JSON_DEPTH_MAX levels deep; UV_ENOMEM; or
 * SIO_ETOOBIG for a text of 4 GiB or more. at may be NULL. After an error the result in *s is not
 * valid. */
int sio__json_scan_text(struct json_scan *s, sio_slice text, unsigned max_depth, size_t *at);
/* Scans the inside of an array: one or more elements, with commas between them and without the
 * brackets around them. The missing brackets count as one level of depth. Returns the same values
 * as sio__json_scan_text(). */
int sio__json_scan_unbracketed_list(struct json_scan *s, sio_slice text, unsigned max_depth,
                                    size_t *at);
void sio__json_scan_clear(struct json_scan *s);

static inline sio_slice json_scanned_element(const struct json_scan *s, sio_slice text, size_t i) {
  return slice(text.p + s->args[i].off, s->args[i].len);
}

#endif
