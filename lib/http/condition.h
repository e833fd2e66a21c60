/* SPDX-License-Identifier: MIT
 *
 * condition.h - conditional requests (RFC 9110 section 13) for GET and HEAD of something that is
 * there.
 */
#ifndef SIO_HTTP_CONDITION_H
#define SIO_HTTP_CONDITION_H

#include "http/request.h"

/* What tells one version from another. */
struct validators {
  sio_slice etag; /* with its quotes, and W/ if it is weak            */
  bool has_date;  /* it is known when it was last modified:           */
  int64_t modified;
};

/* By If-Match or If-Unmodified-Since, and If-None-Match or If-Modified-Since: 0, go on; or the
 * status to answer with, 304 or 412. Dates that are none are ignored. */
int sio__condition_status(const sio_request *r, const struct validators *v);

/* May a Range be answered, of what is dated? True without If-Range; else only if it names this very
 * version: by a strong tag, or by the date of one whose tag is strong. */
bool sio__condition_allows_range(const sio_request *r, const struct validators *v);

#endif
