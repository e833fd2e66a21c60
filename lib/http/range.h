/* SPDX-License-Identifier: MIT
 *
 * range.h - parses the Range header (RFC 9110 section 14): one range of bytes.
 */
#ifndef SIO_HTTP_RANGE_H
#define SIO_HTTP_RANGE_H

#include "base/slice.h"

enum range_kind {
  RANGE_ALL,    /* the answer is the whole file, for example to several ranges or an invalid one */
  RANGE_PART,   /* the answer is `n` bytes of the file, at least one, from the offset `from` on */
  RANGE_OUTSIDE /* the range contains no byte of the file: the answer is 416 */
};

struct range {
  enum range_kind kind;
  uint64_t from, n;
};

/* Parses the value of a Range header for a file of `size` bytes. */
struct range sio__range_header_parse(sio_slice value, uint64_t size);

#endif
