/* SPDX-License-Identifier: MIT
 *
 * range.h - the Range of a request (RFC 9110 section 14): one range of bytes.
 */
#ifndef SIO_HTTP_RANGE_H
#define SIO_HTTP_RANGE_H

#include "base/slice.h"

enum range_kind {
  RANGE_ALL,    /* none, several, or none that we understand: the whole is answered */
  RANGE_PART,   /* n bytes from `from` on, at least one of them                      */
  RANGE_OUTSIDE /* it begins after the end: 416                                       */
};

struct range {
  enum range_kind kind;
  uint64_t from, n;
};

/* What value asks for of something that has `size` bytes. */
struct range sio__range_parse(sio_slice value, uint64_t size);

#endif
