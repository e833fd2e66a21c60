/* SPDX-License-Identifier: MIT
 *
 * coding.h - content codings (RFC 9110 section 8.4): which one a request takes, and
 * answers in it. Compressing happens on the spot, so the length is known, and no
 * answer is chunked.
 */
#ifndef SIO_HTTP_CODING_H
#define SIO_HTTP_CODING_H

#include "base/deflate.h"
#include "http/request.h"

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE };

/* By Accept-Encoding: the one it weighs most, gzip before deflate where they weigh the same; none
 * that it weighs 0, or less than "identity". */
enum coding sio__coding_choose(sio_slice accept_encoding);
enum coding sio__coding_for_request(const sio_request *r);

/* 1: *out is the text in that coding, one reference. 0: it stays as it is, because nothing is
 * compressed here or it does not shrink. UV_ENOMEM. */
int sio__coding_compress(struct http *h, enum coding coding, sio_slice text, struct msg **out);

/* sio__request_answer_msg() for a body that is compressed already. */
int sio__coding_answer_compressed(sio_request *r, int status, const char *type, enum coding coding,
                                  struct msg *body);
/* The same for one that is not: it is compressed when it has http->compress_from bytes or more and
 * the request takes it. Without memory for that it leaves as it is. */
int sio__coding_answer(sio_request *r, int status, const char *type, struct msg *body);

#endif
