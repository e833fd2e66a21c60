/* SPDX-License-Identifier: MIT
 *
 * answer.h - the HTTP answers Engine.IO gives, with the headers that go on all of them.
 */
#ifndef SIO_EIO_ANSWER_H
#define SIO_EIO_ANSWER_H

#include "eio/eio.h"

/* 200 with packets for a body, compressed if it is long and not plain: text, or protocol 3's binary
 * form; to a JSONP request as a script. initial: the first answer of a session. */
void sio__answer_packets(struct eio *e, sio_request *r, struct msg *body, bool binary,
                         bool initial);
void sio__answer_ok(struct eio *e, sio_request *r); /* 200 "ok", to a POST */
/* A status alone, to what is misuse, or to who comes while the server drains (503). */
void sio__answer_empty(struct eio *e, sio_request *r, int status);

/* Engine.IO's error codes; 3 carries a name for what kind of bad it was. */
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
  const char *name;    /* "TRANSPORT_MISMATCH", or "" */
  sio_slice detail;    /* what was sent               */
  const char *message; /* instead of the code's own text; NULL or "": that */
};

/* Tells the host's connection_error and answers: {"code":n,"message":s}, or plain text to a
 * WebSocket handshake. */
void sio__refuse_request(struct eio *e, sio_request *r, const struct refusal *why);

/* Runs the header hooks for an answer about to be sent. */
void sio__run_header_hooks(struct eio *e, sio_request *r, bool initial);

#endif
