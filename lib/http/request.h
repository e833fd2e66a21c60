/* SPDX-License-Identifier: MIT
 *
 * request.h - one HTTP/1.x request, and the answer being made for it.
 *
 * The head's bytes are copied once into one block that the slices point into, so
 * a request can outlive the read that brought it. It lives until it is answered.
 * If its peer leaves first, on_abort says so; then it goes at the end of the turn, unless
 * on_abort set `kept`: then an answer is still owed, is thrown away, and ends it.
 *
 * An answer is, byte for byte:
 *
 *     HTTP/1.1 200 OK\r\n
 *     Content-Type: ...\r\n            unless the type is NULL
 *     Content-Length: n\r\n            not with 1xx, 204 and 304
 *     <lines added with set>
 *     Date: ...\r\n                    unless one was set
 *     Connection: keep-alive\r\n       or "close"
 *     Keep-Alive: timeout=5\r\n        only when kept alive for a second or more
 *     \r\n
 *
 * No byte of a request enters an answer's head, but for an Origin and a list of header names that
 * cors.c has checked, and the name of a WebSocket subprotocol, which is a token.
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
  struct http *http;              /* NULL: an orphan                                       */
  struct http_conn *conn;         /* NULL once the peer is gone, and after the answer      */
  const struct http_mount *mount; /* who handles it; NULL until on_head                    */
  void *user;                     /* the mount's                                           */
  struct http_header *headers;    /* names as they came, values without outer blanks       */
  uint32_t nheaders;
  enum http_method method;
  unsigned minor; /* HTTP/1.minor                                              */
  bool keep_alive;
  bool upgrade;       /* Connection: upgrade and Upgrade: websocket, on HTTP/1.1     */
  bool upgrade_other; /* the same to something else: answer as if it had not asked   */
  bool dated;         /* the answer has a Date of its host's                        */
  bool answered;
  bool kept;             /* see above                                                   */
  bool has_body;         /* Content-Length > 0 or chunked                               */
  bool expects;          /* Expect: 100-continue                                        */
  sio_slice path, query; /* what stands before '?' and after it, both raw               */
  size_t max_body;       /* on_head sets it; past it the answer is 413, then on_abort   */
  /* Why a WebSocket handshake is refused, static, for the log; "": the log says it already. */
  const char *why;
  uint64_t content_length; /* 0 when chunked                                              */
  sio_slice url;           /* path and query                                              */
  sio_slice authority;     /* of a target that named one; {NULL,0}: it did not            */
  sio_slice method_text;
  struct buf head;   /* n bytes as they came; the headers' array behind them        */
  struct buf joined; /* values that came in several lines                          */
  struct buf body;
  struct buf extra; /* header lines of the answer so far: "Name: value\r\n"...     */
  struct list link; /* http->kept                                                  */
  struct deferred_free deferred_free;
};

/* Bytes of a body that are read piece by piece. */
struct http_source {
  /* Puts the next bytes, at most n, to p, and says how many. 0 before `left` bytes have come: there
   * are no more; or a libuv code. On the loop's thread, which it may block for as long as it takes
   * to read a local file. */
  long (*read)(struct http_source *s, char *p, size_t n);
  void (*free)(struct http_source *s);
  uint64_t left; /* bytes not read yet; counted by the reader */
};
enum { HTTP_PIECE = 64 * 1024 };

/* ---- reading --------------------------------------------------------------------- */

/* The header of that name, case-insensitive; {NULL,0} if there is none. Lines of one name are one
 * value already (fields.h). */
sio_slice sio__request_header(const sio_request *r, const char *name);
/* The last `key` in the query, percent-decoded with '+' as blank into out (n bytes, always
 * NUL-terminated when n > 0); its length, UV_ENOENT if the key is absent, SIO_ETOOBIG if it does
 * not fit. Keys are compared decoded. What looks like an escape and is none stays as it is. */
long sio__request_query_value(const sio_request *r, const char *key, char *out, size_t n);
/* The client's address; "" for Unix sockets, and when it is gone. */
const char *sio__request_client_address(const sio_request *r);
/* The address that connected: a trusted proxy's, or the same. */
const char *sio__request_direct_address(const sio_request *r);
struct addr sio__request_client_addr(const sio_request *r); /* the client's, as bytes */
bool sio__request_is_secure(const sio_request *r);
struct tls_info *sio__request_tls_info(const sio_request *r); /* NULL: none of ours; borrowed */
struct loop *sio__request_loop(const sio_request *r);

/* ---- answering --------------------------------------------------------------------- */

/* Adds a response header. Names must be tokens, values without control characters: UV_EINVAL. */
int sio__request_set_header(sio_request *r, const char *name, sio_slice value);

/* Answers: head and body (copied; for HEAD only counted). Exactly once; later calls are
 * SIO_ESTATE. After it the request is only valid until the end of the turn. 0, UV_ENOMEM (the
 * connection is closed), SIO_ETOOBIG (4 GiB; the same), SIO_ECLOSED (peer gone). */
int sio__request_answer(sio_request *r, int status, const char *type, sio_slice body);
/* The same with a body of other hands: a msg whose text is the body, sent without a copy unless
 * it is so small that one piece is cheaper. Takes its own reference. */
int sio__request_answer_msg(sio_request *r, int status, const char *type, struct msg *body);
/* The same with a body that is read while the peer takes it: at most HTTP_PIECE bytes of it are in
 * memory. Takes src over. For HEAD nothing is read. If the first piece cannot be read the request
 * is not answered, and src's error returned; later the connection is closed, since the length was
 * announced. */
int sio__request_answer_source(sio_request *r, int status, const char *type,
                               struct http_source *src);
/* Ends the TCP connection after the answer, whatever the request said. Before answering. */
void sio__request_disable_keep_alive(sio_request *r);
/* Ends it at once, without an answer; on_abort does not come. */
void sio__request_drop(sio_request *r);
/* Takes the TCP connection out of HTTP's hands, for an upgrade, once the request is complete: it
 * counts as answered, `rest` are bytes already read that belong to the new protocol (valid until
 * the end of the turn, or of the read callback when called within; the caller feeds them). The
 * caller writes the 101 itself, r->extra included, and names the new owner. NULL: the peer is
 * gone. */
struct conn *sio__request_detach(sio_request *r, sio_slice *rest);

/* ---- keeping ------------------------------------------------------------------------- */

/* What a session keeps of its first request, in one block: the client's address, the proxy's,
 * the URL and the header lines, but for the four that made it a WebSocket. It is all that an
 * idle peer costs in this room, so it holds no slices, only text: the address, that of the proxy
 * before it if there is one, from url_at on url_len bytes of URL, then name, value, name,
 * value..., each NUL-terminated (none of them can hold a NUL). */
struct kept_head {
  uint32_t url_len;
  uint16_t nheaders;
  bool secure : 1;
  bool tls : 1; /* text begins with a struct tls_info * */
  uint8_t url_at;
  char text[];
};
struct kept_head *sio__kept_head_new(const sio_request *r);     /* NULL: no memory */
void sio__kept_head_free(struct kept_head *h);                  /* NULL is fine */
struct tls_info *sio__kept_head_tls(const struct kept_head *h); /* NULL: none   */
/* All but the address; h itself may move. */
struct kept_head *sio__kept_head_drop_headers(struct kept_head *h);
static inline const char *kept_head_address(const struct kept_head *h) {
  return h->text + (h->tls ? sizeof(void *) : 0);
}
static inline const char *kept_head_direct_address(const struct kept_head *h) {
  const char *own = kept_head_address(h), *proxy = own + strlen(own) + 1;
  return proxy < h->text + h->url_at ? proxy : own;
}
sio_slice sio__kept_head_url(const struct kept_head *h);
sio_slice sio__kept_head_header(const struct kept_head *h, const char *name);
long sio__kept_head_query(const struct kept_head *h, const char *key, char *out, size_t n);

/* ---- for conn.c ------------------------------------------------------------------------ */

sio_request *sio__request_new(struct http *h); /* NULL: no memory */
/* Gives it up: freed, or made ready for the next, when the turn ends; an orphan at once. */
void sio__request_free_later(sio_request *r);
/* The same once it is answered: its mount is told. */
void sio__request_finish(sio_request *r);
/* The server goes, and the host still owes a kept request its answer: that frees it. */
void sio__request_outlive_server(sio_request *r);
void sio__request_free(sio_request *r);

#endif
