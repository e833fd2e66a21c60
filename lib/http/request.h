/* SPDX-License-Identifier: MIT
 *
 * request.h - one HTTP/1.x request, and the answer that is being made for it.
 *
 * The head's bytes are copied once into one block that the slices point into (values that are
 * joined from several lines are in a second one), so a request can outlive the read that brought
 * it. A request lives until it is answered, or closed without an answer. If its peer disconnects
 * first, on_abort is called and the request is freed at the end of the turn, unless `answer_owed`
 * is true: then the host still holds the request, and it is freed when the host answers; that
 * answer is discarded.
 *
 * An answer, except 100 and 101, is, byte for byte:
 *
 *     HTTP/1.1 200 OK\r\n
 *     Content-Type: ...\r\n            unless the type is NULL
 *     Content-Length: n\r\n            not with 204 and 304
 *     <lines added with sio__request_add_answer_header()>
 *     Date: ...\r\n                    unless one was set
 *     Connection: keep-alive\r\n       or "close"
 *     Keep-Alive: timeout=5\r\n        only when kept alive for a second or more
 *     \r\n
 *
 * The library copies no byte of a request into an answer's head, except an Origin and a list of
 * header names that cors.c has checked, the name of a WebSocket subprotocol, which is a token, and
 * the name of a directory, which static.c percent-encodes.
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
  struct http *http;      /* NULL after the server was freed */
  struct http_conn *conn; /* NULL after the request or its connection has ended */
  /* The callbacks that handle the request; NULL until a valid head has arrived. May be NULL again
   * after the server was freed. */
  const struct http_mount *mount;
  void *user; /* for the callbacks in `mount` */
  /* The names are as received, the values without white space around them. */
  struct http_header *headers;
  uint32_t nheaders;
  enum http_method method;
  unsigned minor_version; /* 0 for HTTP/1.0, 1 for HTTP/1.1 */
  bool keep_alive;
  bool upgrade;  /* the client asks for a WebSocket: "Upgrade: websocket" on HTTP/1.1 */
  bool has_date; /* the answer has a Date header already */
  bool answered;
  /* The host keeps the request and has to answer it, even if the peer disconnects. */
  bool answer_owed;
  bool has_body; /* Content-Length is not 0, or the body is chunked */
  /* This is a request of HTTP/1.1 with the header "Expect: 100-continue", and its body is not being
   * read yet. */
  bool expects_continue;
  /* The parts of `url` before and after the '?', not decoded, without '#' and what follows it. */
  sio_slice path, query;
  /* The limit for the body. A longer body is answered with 413, and then on_abort is called. */
  size_t max_body;
  /* Why a WebSocket handshake is refused, for the log: a static string. "" means that the refusal
   * was logged already. */
  const char *log_reason;
  uint64_t content_length; /* 0 if the body is chunked */
  sio_slice url;           /* the path and the query, and a part after '#' if there is one */
  sio_slice authority; /* "host" in a request target such as "http://host/path"; else {NULL, 0} */
  sio_slice method_text;
  struct buf head;          /* the bytes of the head (head.n), and after them the array `headers` */
  struct buf joined_values; /* values of headers that were on several lines */
  struct buf body;
  struct buf extra_headers; /* lines for the head of the answer: "Name: value\r\n"... */
  struct list link;         /* the link in http->owed_requests or http->spare_requests */
  struct deferred_free deferred_free;
};

/* The source of a body that is read piece by piece. */
struct http_source {
  /* Writes the next bytes of the body, at most n, to p, and returns how many; 0 if the body has
   * ended although `left` is not 0; or a libuv error, which is UV_EOF if the source was modified.
   * Runs on the loop's thread and may block it for as long as it takes to read a local file. */
  long (*read)(struct http_source *s, char *p, size_t n);
  void (*free)(struct http_source *s);
  uint64_t left; /* bytes that were not read yet; the caller of read() counts them down */
};
enum { HTTP_PIECE = 64 * 1024 };

/* ---- reading --------------------------------------------------------------------- */

/* Returns the value of the header with this name, whose case is ignored, or {NULL, 0} if there is
 * none. If the header was on several lines, their values are joined with ", "; for a few headers
 * other rules apply (fields.h). */
sio_slice sio__request_header(const sio_request *r, const char *name);
/* Finds the parameter `key` in the query and writes its value to `out`, which has room for n bytes:
 * percent-decoded, with '+' as a space, and NUL-terminated if n is not 0. If there are several, the
 * last one counts. Returns the length of the value; UV_ENOENT if there is no such parameter; or
 * SIO_ETOOBIG if the value does not fit. The names of parameters are decoded before they are
 * compared. Invalid escapes are copied unchanged. */
long sio__request_copy_decoded_query_parameter(const sio_request *r, const char *key, char *out,
                                               size_t n);
/* Like sio__request_copy_decoded_query_parameter(), for a query that is not part of a request. */
long sio__query_copy_decoded_parameter(sio_slice query, const char *key, char *out, size_t n);
/* Finds several parameters in one pass over the query: sets values[i] to the value of keys[i] as it
 * is in the query, not decoded, or to {NULL, 0} if there is no such parameter. */
void sio__query_find_parameters(sio_slice query, const char *const *keys, size_t n,
                                sio_slice *values);
/* Writes a value that sio__query_find_parameters() has found to `out`, which has room for `size`
 * bytes: percent-decoded, with '+' as a space, and NUL-terminated if size is not 0. Returns the
 * length; UV_ENOENT if `value` is {NULL, 0}; or SIO_ETOOBIG if the decoded value does not fit. */
long sio__query_decode_value(sio_slice value, char *out, size_t size);
/* Returns the client's address as text; "" if it is not known, as on a Unix socket without a proxy,
 * or if r has no connection any more. */
const char *sio__request_client_address(const sio_request *r);
/* Returns the address of the peer that has connected, which is the client or a trusted proxy; "" if
 * it is not known, or if r has no connection any more. */
const char *sio__request_peer_address(const sio_request *r);
/* Returns the client's address in binary; its kind is ADDR_NONE if it is not an IP address. */
struct addr sio__request_parse_client_address(const sio_request *r);
bool sio__request_is_secure(const sio_request *r); /* the client is known to use TLS */
/* Returns what the host can learn about the TLS connection, without a new reference. Returns NULL
 * if there is nothing, for example because r has no connection any more or memory ran out. */
struct tls_info *sio__request_tls_info(const sio_request *r);
struct loop *sio__request_loop(const sio_request *r);

/* ---- answering --------------------------------------------------------------------- */

/* Adds a header to the answer. Returns 0; UV_EINVAL if the name is not a token or the value
 * contains a control character other than tab; SIO_ESTATE if r was answered; SIO_ETOOBIG or
 * UV_ENOMEM. */
int sio__request_add_answer_header(sio_request *r, const char *name, sio_slice value);
/* Like sio__request_add_answer_header(), but does nothing if the answer has a header of this
 * name. */
int sio__request_add_answer_header_if_missing(sio_request *r, const char *name, sio_slice value);
/* Returns true if the first n bytes of r->extra_headers have a header of this name. */
bool sio__request_has_answer_header(const sio_request *r, const char *name, size_t n);
/* Returns true for a header that only the library may write, because a wrong value would contradict
 * where the answer ends or whether the connection stays open after it. */
bool sio__is_header_reserved_for_library(const char *name);

/* Answers with a head and a copy of `body`; for HEAD only the length of `body` is used, and for the
 * statuses 204 and 304 nothing of it. Returns 0; SIO_ESTATE if r was answered already; SIO_ECLOSED
 * if r has no connection any more; UV_EINVAL for an invalid status or type. If it returns
 * UV_ENOMEM, or SIO_ETOOBIG for an answer of about 4 GiB or more, the connection was closed. Unless
 * it returns SIO_ESTATE or UV_EINVAL, r is then valid until the end of the loop's turn; if the
 * server was freed, r is freed at once. */
int sio__request_answer(sio_request *r, int status, const char *type, sio_slice body);
/* Answers as sio__request_answer() does, with the text of a msg as the body. The msg is referenced
 * or, if it is short, copied. */
int sio__request_answer_msg(sio_request *r, int status, const char *type, struct msg *body);
/* Answers as sio__request_answer() does, but reads the body from `src` while the peer receives it,
 * so that at most HTTP_PIECE bytes of it are in memory. src is freed when it is no longer needed,
 * also after an error. For HEAD, 204 and 304 nothing is read. If the first piece cannot be read, r
 * is not answered and the error is returned. If a later piece cannot be read, the connection is
 * closed, because the length was announced. */
int sio__request_answer_from_source(sio_request *r, int status, const char *type,
                                    struct http_source *src);
/* Makes the connection close after the answer, even if the client wants to keep it open. Must be
 * called before the answer. */
void sio__request_disable_keep_alive(sio_request *r);
/* Starts reading the body of a request for which on_head has returned false. Does nothing if the
 * body is being read already, or if r has no connection any more. */
void sio__request_allow_reading_body(sio_request *r);
/* Closes the connection of r at once, without an answer, and frees r at the end of the loop's turn;
 * if the server was freed, at once. on_abort is not called. Does nothing if r was answered. */
void sio__request_close_without_answer(sio_request *r);
/* Ends r after an error with which its answer could not be made: answers 500, without the headers
 * that were added, if err is SIO_ETOOBIG (there are too many of them); otherwise closes the
 * connection without an answer. Does nothing if r was answered. */
void sio__request_answer_500_or_close(sio_request *r, int err);
/* Takes the connection of a complete request from HTTP, for an upgrade, and returns it. The request
 * counts as answered: the caller writes the answer 101, with r->extra_headers, and sets the new
 * owner of the connection, or closes it; then it calls sio__http_count_upgrade(). *rest is set to
 * the bytes that were received after the request, which the new owner has to handle. They are valid
 * until the end of the loop's turn or, in a read callback, until the callback returns. Returns NULL
 * if r was answered or has no connection any more. */
struct conn *sio__request_detach_conn_for_upgrade(sio_request *r, sio_slice *rest);
/* Counts the answer 101 in the statistics or, if `err` is not 0, the request as aborted. */
void sio__http_count_upgrade(struct http *h, int err);

/* ---- lifetime ------------------------------------------------------------------------ */

sio_request *sio__request_new(struct http *h); /* returns NULL if memory runs out */
/* Frees r, or keeps it for reuse, at the end of the loop's turn. If the server was freed, frees r
 * at once. */
void sio__request_free_or_recycle_later(sio_request *r);
/* Calls r->mount->on_answered, if that is set, and then sio__request_free_or_recycle_later(). */
void sio__request_call_on_answered_and_free(sio_request *r);
/* Separates r, which the host has not answered yet, from a server that is being freed. The host
 * still has to answer r: the answer is not sent, r->mount->on_answered is called if that is set,
 * and r is freed. */
void sio__request_detach_from_server(sio_request *r);
void sio__request_free(sio_request *r);

#endif
