/* SPDX-License-Identifier: MIT
 *
 * request.h - one HTTP/1.x request, and the answer being made for it.
 *
 * The head's bytes are copied once into one block that the slices point into, so
 * a request can outlive the read that brought it. It lives until it is answered;
 * if its peer leaves first, on_abort says so, and the answer still owed is
 * accepted and thrown away.
 */
#ifndef SIO_HTTP_REQUEST_H
#define SIO_HTTP_REQUEST_H

#include "base/buf.h"
#include "base/slice.h"
#include "net/conn.h"
#include <sio/http.h>

struct http_conn;
struct http_mount;

struct http_header {
  sio_slice name, value;
};

enum http_method { HTTP_OTHER, HTTP_GET, HTTP_POST, HTTP_HEAD, HTTP_OPTIONS, HTTP_PUT, HTTP_DELETE, HTTP_PATCH };

struct sio_request {
  struct http_conn *conn;         /* NULL once the peer is gone                                 */
  const struct http_mount *mount; /* who handles it                                             */
  void *user;                     /* the mount's                                                */
  struct buf head;                /* the bytes behind the slices                                */
  struct http_header *headers;    /* names as they came; obs-fold refused by the parser         */
  uint32_t nheaders;
  enum http_method method;
  sio_slice method_text;
  sio_slice url, path, query;     /* url as it came; path before '?', raw; query after it, raw  */
  unsigned minor;                 /* HTTP/1.minor */
  bool keep_alive;
  bool upgrade;                   /* Connection: upgrade and Upgrade: websocket                 */
  bool upgrade_other;             /* Connection: upgrade to something else                      */
  bool answered;
  bool has_body;                  /* Content-Length > 0 or chunked                              */
  uint64_t content_length;        /* 0 when chunked                                             */
  size_t max_body;                /* on_head sets it; past it the answer is 413 and on_abort    */
  struct buf body;
  struct buf extra;               /* response header lines added so far: "Name: value\r\n"...   */
  struct grave grave;
};

/* First header of that name, case-insensitive; {NULL,0} if there is none. */
sio_slice sio__request_header(const sio_request *r, const char *name);
/* Raw value of the last `key` in the query, percent-decoded with '+' as blank into *out (n bytes,
 * always NUL-terminated); its length, -1 if the key is absent, SIO_ETOOBIG if it does not fit. */
long sio__request_query(const sio_request *r, const char *key, char *out, size_t n);

/* Adds a response header. Names must be tokens, values without control characters: UV_EINVAL. */
int sio__request_set(sio_request *r, const char *name, sio_slice value);

/* Answers: status line, Date-free head, Content-Length, extra headers, body (copied; for HEAD only
 * counted). type may be NULL (no Content-Type). Exactly once; later calls are SIO_ESTATE. After it the
 * request is only valid until the end of the turn. 0, UV_ENOMEM (the connection is closed), SIO_ECLOSED (peer gone). */
int sio__request_answer(sio_request *r, int status, const char *type, sio_slice body);
/* The same with a body of other hands: a msg whose text is the body, sent without a copy. Takes its own reference. */
int sio__request_answer_msg(sio_request *r, int status, const char *type, struct msg *body);
/* Ends the TCP connection after the answer, whatever the request said. Before answering. */
void sio__request_last(sio_request *r);
/* Ends it at once, without an answer. */
void sio__request_drop(sio_request *r);
/* Takes the TCP connection out of HTTP's hands, for an upgrade: the request counts as answered, `rest` are bytes
 * already read that belong to the new protocol (valid until the end of the read callback; the caller feeds them). */
struct conn *sio__request_detach(sio_request *r, sio_slice *rest);
const char *sio__request_peer(const sio_request *r); /* address, "" for Unix sockets */
struct loop *sio__request_loop(const sio_request *r);

/* A copy of head and slices that outlives the request (one allocation, conn and body not included): what a
 * handshake keeps. NULL: no memory. Free with sio__free. */
struct http_head {
  sio_slice method, url, path, query;
  uint32_t nheaders;
  struct http_header *headers;
  char peer[54];
  bool secure;
};
struct http_head *sio__request_keep(const sio_request *r);

#endif
