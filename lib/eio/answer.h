/* SPDX-License-Identifier: MIT
 *
 * answer.h - the HTTP answers of Engine.IO, with their headers.
 */
#ifndef SIO_EIO_ANSWER_H
#define SIO_EIO_ANSWER_H

#include "eio/eio.h"

/* Answers 200 with packets as the body: text, the binary form of protocol 3, or a script for a
 * JSONP request. The body may be compressed unless body->plain is set. `initial` is true for the
 * first answer of a session. */
void sio__answer_request_with_packets(struct eio *e, sio_request *r, struct msg *body, bool binary,
                                      bool initial);
void sio__answer_post_with_ok(struct eio *e, sio_request *r); /* 200 "ok", to a POST */
/* Answers with `status` and no body, and counts r as refused. The reason that is counted depends on
 * the status. 503: the server drains or closes. Another status: r misuses its session. */
void sio__answer_status_and_count_refusal(struct eio *e, sio_request *r, int status);

/* The error codes of Engine.IO. Some have several causes, which refusal.name tells apart. */
enum eio_error {
  EIO_UNKNOWN_TRANSPORT,
  EIO_UNKNOWN_SID,
  EIO_BAD_METHOD,
  EIO_BAD_REQUEST,
  EIO_FORBIDDEN,
  EIO_BAD_VERSION
};

struct refusal {
  enum eio_error code;
  const char *name; /* the cause, such as "TRANSPORT_MISMATCH"; "" if the code says enough */
  sio_slice detail; /* more about the cause, such as the refused value; for the log and the host */
  const char *message; /* the text for the client; if NULL or "", the default text of `code` */
};

/* Counts and logs the refusal, calls the host's connection_error, and answers with
 * {"code":n,"message":s}, or with the message alone if r asks for a WebSocket. Does not answer if
 * connection_error has answered r. */
void sio__report_and_answer_refusal(struct eio *e, sio_request *r, const struct refusal *why);

/* Calls the hooks of sio_on_engine_headers() for an answer that is about to be sent. */
void sio__run_response_header_hooks(struct eio *e, sio_request *r, bool initial);

#endif
