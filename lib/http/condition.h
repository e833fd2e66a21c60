/* SPDX-License-Identifier: MIT
 *
 * condition.h - conditional requests (RFC 9110 section 13): GET and HEAD of a file that exists.
 */
#ifndef SIO_HTTP_CONDITION_H
#define SIO_HTTP_CONDITION_H

#include "http/request.h"

/* The properties by which a client recognizes a version of a file. */
struct validators {
  sio_slice etag; /* with its quotes, and with W/ if it is weak */
  bool has_date;  /* `modified` is set */
  int64_t modified;
};

/* Evaluates If-Match (without it, If-Unmodified-Since), and then If-None-Match (without it,
 * If-Modified-Since). Returns 0 if the request is to be answered as usual; otherwise the status of
 * the answer, 304 or 412. Invalid dates are ignored. */
int sio__evaluate_conditional_request(const sio_request *r, const struct validators *v);

/* Returns true if the Range header may be used: if r has no If-Range; if its If-Range is the ETag
 * of the file, and this ETag is strong; or if it is the date of the file, and the ETag of the file
 * is strong. */
bool sio__does_if_range_header_allow_partial_answer(const sio_request *r,
                                                    const struct validators *v);

#endif
