/* SPDX-License-Identifier: MIT
 *
 * request.h - one HTTP/1.x request, and the answer that is being made for it.
 *
 * The head's bytes are copied once into one block that the slices point into, so a request can
 * outlive the read that brought it. It lives until it is answered. If its peer disconnects first,
 * on_abort is called and the request is freed at the end of the turn, unless on_abort set
 * `answer_owed`: then the host still holds the request and frees it with its answer, which is
 * discarded.
 *
 * An answer is, byte for byte:
 *
 *     HTTP/1.1 200 OK\r\n
 *     Content-Type: ...\r\n            unless the type is NULL
 *     Content-Length: n\r\n            not with 1xx, 204 and 304
 *     <lines added with sio__request_set_header()>
 *     Date: ...\r\n                    unless one was set
 *     Connection: keep-alive\r\n       or "close"
 *     Keep-Alive: timeout=5\r\n        only when kept alive for a second or more
 *     \r\n
 *
 * No byte of a request is copied into an answer's head, except an Origin and a list of header names
 * that cors.c has checked, and the name of a WebSocket subprotocol, which is a token.
 */
#ifndef SIO_HTTP_REQUEST_H
#define SIO_HTTP_REQUEST_H

#include "base/buf.h"
#include "base/slice.h"
#include "net/conn.h"
#include <sio/http.h>

struct http;
struct http_conn;
struct http_mount;

struct http_header {
  sio_slice name, value;
};

enum http_method {
  HTTP_OTHER,
  HTTP_GET,
  HTTP_POST,
  HTTP_HEAD,
  HTTP_OPTIONS,
  HTTP_PUT,
  HTTP_DELETE,
  HTTP_PATCH
};

struct sio_request {
  struct http *http;              /* NULL after the server was freed */
  struct http_conn *conn;         /* NULL after the peer has disconnected, and after the answer */
  const struct http_mount *mount; /* the handler; NULL before on_head                          */
  void *user;                     /* the mount's data                                          */
  struct http_header *headers;    /* names as received, values without surrounding blanks      */
  uint32_t nheaders;
  enum http_method method;
  unsigned minor_version; /* 0 or 1: HTTP/1.0 or HTTP/1.1                                      */
  bool keep_alive;
  bool upgrade;       /* Connection: upgrade and Upgrade: websocket, on HTTP/1.1               */
  bool upgrade_other; /* an upgrade to another protocol: answer as if it were not requested    */
  bool has_date;      /* the host has set the answer's Date header                             */
  bool answered;
  bool answer_owed;      /* the host holds the request and will answer it, see above           */
  bool has_body;         /* Content-Length > 0, or chunked                                     */
  bool expects_continue; /* Expect: 100-continue                                               */
  sio_slice path, query; /* the URL before and after '?', not decoded                          */
  size_t max_body;       /* set by on_head; a longer body is answered 413, then on_abort       */
  /* Why a WebSocket handshake is refused, for the log; static. "": it was logged already. */
  const char *log_reason;
  uint64_t content_length; /* 0 if the body is chunked                                         */
  sio_slice url;           /* path and query                                                   */
  sio_slice authority;     /* of an absolute target ("http://host/path"); else {NULL, 0}       */
  sio_slice method_text;
  struct buf head;          /* n received bytes, followed by the array of headers              */
  struct buf joined_values; /* values that were joined from several lines                      */
  struct buf body;
  struct buf extra_headers; /* the answer's header lines so far: "Name: value\r\n"...          */
  struct list link;         /* http->owed_requests or http->spare_requests                     */
  struct deferred_free deferred_free;
};

/* The bytes of a body that is read piece by piece. */
struct http_source {
  /* Writes the next bytes, at most n, to p, and returns how many: 0 if there are no more although
   * `left` bytes have not been read, or a libuv code. Runs on the loop thread, which it may block
   * for as long as it takes to read a local file. */
  long (*read)(struct http_source *s, char *p, size_t n);
  void (*free)(struct http_source *s);
  uint64_t left; /* bytes not read yet; counted down by the reader */
};
enum { HTTP_PIECE = 64 * 1024 };

/* ---- reading --------------------------------------------------------------------- */

/* The value of the header of that name, compared without regard to case; {NULL, 0} if there is
 * none. Lines of one name have been joined to one value (fields.h). */
sio_slice sio__request_header(const sio_request *r, const char *name);
/* Writes the value of the last `key` in the query to out (n bytes, always NUL-terminated when
 * n > 0), percent-decoded, with '+' as blank. Returns its length, UV_ENOENT if there is no such
 * key, SIO_ETOOBIG if it does not fit. Keys are compared decoded. Invalid escapes are copied
 * unchanged. */
long sio__request_query_value(const sio_request *r, const char *key, char *out, size_t n);
/* Like sio__request_query_value(), for a query that belongs to no request. */
long sio__query_find_value(sio_slice query, const char *key, char *out, size_t n);
/* The client's address as text; "" on Unix sockets, and after the peer has disconnected. */
const char *sio__request_client_address(const sio_request *r);
/* The address that connected: a trusted proxy's, or the client's. */
const char *sio__request_direct_address(const sio_request *r);
struct addr sio__request_client_addr(const sio_request *r); /* the client's address, in binary */
bool sio__request_is_secure(const sio_request *r);          /* the client uses TLS */
/* NULL if this server does not decrypt the connection's TLS. Borrowed. */
struct tls_info *sio__request_tls_info(const sio_request *r);
struct loop *sio__request_loop(const sio_request *r);

/* ---- answering --------------------------------------------------------------------- */

/* Adds a response header. Names must be tokens, values without control characters: UV_EINVAL. */
int sio__request_set_header(sio_request *r, const char *name, sio_slice value);

/* Answers with a head and a body, which is copied (for HEAD only its length counts). Exactly once;
 * later calls return SIO_ESTATE. After the answer the request is valid until the end of the turn.
 * 0, UV_ENOMEM (the connection is closed), SIO_ETOOBIG (4 GiB; the same), SIO_ECLOSED (the peer is
 * gone). */
int sio__request_answer(sio_request *r, int status, const char *type, sio_slice body);
/* Like sio__request_answer(), with the text of a msg as body. The msg is referenced and not
 * copied, unless it is so short that copying is cheaper. */
int sio__request_answer_msg(sio_request *r, int status, const char *type, struct msg *body);
/* Like sio__request_answer(), with a body that is read while the peer takes it, so that at most
 * HTTP_PIECE bytes of it are in memory. Takes src over. For HEAD nothing is read. If the first
 * piece cannot be read, the request is not answered and src's error is returned. If a later one
 * cannot be read, the connection is closed, because the length was announced. */
int sio__request_answer_source(sio_request *r, int status, const char *type,
                               struct http_source *src);
/* Closes the TCP connection after the answer, even if the client wants to keep it. Call this
 * before answering. */
void sio__request_disable_keep_alive(sio_request *r);
/* Lets the body be read, after on_head returned false. */
void sio__request_allow_body(sio_request *r);
/* Closes the connection at once, without an answer; on_abort is not called. */
void sio__request_drop(sio_request *r);
/* Takes the TCP connection from HTTP for an upgrade, once the request is complete: the request
 * counts as answered. The caller writes the 101, r->extra_headers included, and sets the new owner.
 * *rest: bytes that were read after the request; the caller passes them to the new owner. They are
 * valid until the turn ends; if this is called by a read callback, until that callback returns.
 * NULL: the peer is gone. */
struct conn *sio__request_detach(sio_request *r, sio_slice *rest);

/* ---- lifetime ------------------------------------------------------------------------ */

sio_request *sio__request_new(struct http *h); /* NULL: no memory */
/* Frees or recycles r at the end of the turn; at once if the server was freed. */
void sio__request_free_later(sio_request *r);
/* Calls on_answered for an answered request, and then sio__request_free_later(). */
void sio__request_notify_mount_and_free(sio_request *r);
/* Detaches r from a server that is being freed, while the host has yet to answer r. The answer
 * then frees r. */
void sio__request_detach_from_server(sio_request *r);
void sio__request_free(sio_request *r);

#endif
