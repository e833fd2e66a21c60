/* SPDX-License-Identifier: MIT
 *
 * coding.h - content codings (RFC 9110 section 8.4): which one a request accepts, and answers that
 * use it. A body is compressed as a whole before the answer begins, so its length is known and no
 * answer is chunked.
 */
#ifndef SIO_HTTP_CODING_H
#define SIO_HTTP_CODING_H

#include "base/deflate.h"
#include "http/request.h"

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE };

/* Returns gzip or deflate, whichever has the higher weight in the Accept-Encoding header; gzip if
 * the weights are equal. Returns CODING_NONE if the higher weight is 0, or less than the weight of
 * "identity". */
enum coding sio__coding_choose_for_accept_encoding(sio_slice accept_encoding);
enum coding sio__coding_choose_for_request(const sio_request *r);

/* Compresses `text`. Returns 1 and sets *out to a new msg with one reference; or returns 0 if the
 * text is to be sent as it is, for example because `coding` is CODING_NONE or the text would not
 * become shorter; or UV_ENOMEM. */
int sio__coding_compress_text_to_msg(struct http *h, enum coding coding, sio_slice text,
                                     struct msg **out);

/* Answers r with the text of `body`, which was compressed with `coding` already. Returns 0, or an
 * error of sio__request_add_answer_header() or sio__request_answer_msg(). */
int sio__coding_answer_with_precompressed_body(sio_request *r, int status, const char *type,
                                               enum coding coding, struct msg *body);
/* Answers with `body`. Compresses the body if the server compresses answers, the body has at least
 * http->compress_from bytes, and the request accepts a coding. If that would not make the body
 * shorter, or memory runs out, the body is sent without compression. */
int sio__coding_answer_compressed_if_accepted(sio_request *r, int status, const char *type,
                                              struct msg *body);

#endif
