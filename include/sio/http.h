/* SPDX-License-Identifier: MIT
 *
 * http.h - what else is served from the same port: routes, files, embedded
 * assets, plain WebSockets; and the hooks on Socket.IO's own requests.
 *
 * A request is a handle that lives until it is answered, now or later, exactly
 * once. If its peer leaves first the answer is still owed, and thrown away. All on
 * the loop thread.
 */
#ifndef SIO_HTTP_H
#define SIO_HTTP_H

#include <sio/error.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading a request: slices are valid until it is answered ------------- */

SIO_EXTERN sio_slice sio_request_method(const sio_request *r); /* "GET"                          */
/* Path and query as they came: "/a%20b?x=1"; "*" of OPTIONS. A target that names a host, as proxies
 * are sent it ("http://a/b"), is "/b" here, and the Host header is "a", whatever its line said. */
SIO_EXTERN sio_slice sio_request_url(const sio_request *r);
SIO_EXTERN sio_slice sio_request_path(const sio_request *r); /* before the '?', not decoded    */
/* {NULL,0}: absent. What came in several lines is one value, joined as Node does it: with ", ",
 * those of Cookie with "; "; of Authorization, Content-Type, From, If-Modified-Since,
 * If-Unmodified-Since, Max-Forwards, Proxy-Authorization, Referer and User-Agent the first counts.
 * A second Host, Content-Length or Transfer-Encoding is refused. */
SIO_EXTERN sio_slice sio_request_header(const sio_request *r, const char *name);
/* Last value of a query key, percent-decoded, NUL-terminated in out. Its length, or
 * UV_ENOENT when the key is absent, SIO_ETOOBIG when it does not fit. "%00" is a NUL within the
 * value: compare lengths too where that matters. */
SIO_EXTERN long sio_request_query(const sio_request *r, const char *key, char *out, size_t size);
SIO_EXTERN sio_slice sio_request_body(const sio_request *r);
/* The client's address without its port: "127.0.0.1", "::1"; "" on a Unix socket. Behind a proxy
 * it is the one that a trusted proxy names (sio_options.trusted_proxies). */
SIO_EXTERN const char *sio_request_address(const sio_request *r);
/* The address that connected: the proxy's, or the same. */
SIO_EXTERN const char *sio_request_peer(const sio_request *r);
/* It came over TLS, as far as a trusted proxy says. */
SIO_EXTERN bool sio_request_secure(const sio_request *r);

/* ---- answering ------------------------------------------------------------- */

/* Adds a header to the answer. UV_EINVAL: name is no token, or value holds a control character.
 * Content-Length, Transfer-Encoding, Connection and Keep-Alive are the library's (UV_EINVAL); so is
 * Date, unless it is set here. */
SIO_EXTERN int sio_request_set(sio_request *r, const char *name, const char *value);
/* The answer; type may be NULL. Content-Length is counted. SIO_ESTATE: already answered. */
SIO_EXTERN int sio_respond(sio_request *r, int status, const char *type, sio_slice body);

/* ---- routes ------------------------------------------------------------------ */

typedef void (*sio_request_cb)(sio_request *r, void *user);

/* method: "GET" (HEAD too), "POST", ... or NULL for any. path: "/api/state", or a prefix that ends
 * in '*': "/api/" "*". The longest pattern wins; Socket.IO's own path is looked at first. The body
 * is complete when cb runs; one over max_body bytes is refused with 413 (0: the server's
 * max_payload). UV_EINVAL, SIO_EEXISTS, UV_ENOMEM. Strings are copied. */
SIO_EXTERN int sio_route(sio_server *srv, const char *method, const char *path, size_t max_body,
                         sio_request_cb cb, void *user);

/* Serves the files below dir under a URL prefix ("/"): GET and HEAD, index.html for a directory,
 * type by ending, no dot files, nothing outside dir whatever the links say. Conditional requests
 * (ETag, Last-Modified) and a Range of one part are answered as RFC 9110 has it, several parts with
 * the whole file. The ETag is strong once the file is two seconds old.
 * A file is read on the loop's thread in pieces of 64 KiB, each when the peer has taken the one
 * before it; its length has no limit, and a slow disk delays everybody for one piece at a time. If
 * it is written to meanwhile the connection is closed: replace files by renaming. UV_ENOENT and its
 * kin when dir is not there. */
SIO_EXTERN int sio_static(sio_server *srv, const char *prefix, const char *dir);

/* The same from memory: a table that stays where it is as long as the server lives. Texts are
 * compressed when first asked for by one who takes gzip, and kept so. */
typedef struct sio_asset {
  const char *path; /* "/index.html"; "/" is looked up as "/index.html" too */
  const char *type; /* "text/html; charset=utf-8"                           */
  const void *data;
  size_t size;
  const char *etag; /* with its quotes: "\"v1\""; NULL: one is made from the bytes */
} sio_asset;
SIO_EXTERN int sio_assets(sio_server *srv, const char *prefix, const sio_asset *table,
                          size_t count);

/* ---- plain WebSockets --------------------------------------------------------- */

typedef struct sio_ws_callbacks {
  /* Called for a request whose origin sio_options.allowed_origins allows. 0 accepts it; an HTTP
   * status (400 to 599) refuses it. NULL accepts all of them. r is borrowed. */
  int (*accept)(sio_request *r, void *user);
  void (*open)(sio_ws *w, void *user);
  void (*message)(sio_ws *w, bool binary, sio_slice data, void *user);
  void (*close)(sio_ws *w, const sio_close_info *why, void *user); /* last word on w */
  bool any_origin; /* allowed_origins does not hold here: pages of all origins may connect */
  bool no_pings;   /* peers are not pinged; one that vanishes is noticed by TCP alone */
  /* An open WebSocket is sent a ping (RFC 6455 section 5.5.2) this long after it has opened, and
   * after each sign of life that followed a ping. Milliseconds; 0: 25000. */
  unsigned ping_interval_ms;
  /* ... and has so long to send anything, or, while the ping waits behind what the peer is slow to
   * read, to read on. Then it is closed: SIO_REASON_PING_TIMEOUT, SIO_ETIMEOUT. Milliseconds; 0:
   * 20000. */
  unsigned ping_timeout_ms;
  /* The subprotocols it speaks (RFC 6455 section 1.9), NULL-terminated and copied; NULL: none. The
   * first of those that a client offers and that are listed here is agreed on. Where none is the
   * WebSocket opens without one, and a browser that offered some closes it. `accept` may choose
   * otherwise: sio_request_set(r, "Sec-WebSocket-Protocol", ...). */
  const char *const *protocols;
} sio_ws_callbacks;

SIO_EXTERN int sio_ws_route_sized(sio_server *srv, const char *path, const sio_ws_callbacks *cbs,
                                  size_t size, void *user);
/* A WebSocket endpoint beside Socket.IO's. cbs is copied. The server's limits hold for it as for
 * a session: max_payload, max_fragments, packets_per_s and bytes_per_s, connects_per_s and
 * max_per_address, and max_queued, past which it is closed (queue_high and when_full are not for
 * it: sio_ws_queued() tells how much waits). UV_EINVAL (also a time over INT_MAX, a protocol that
 * is no token), SIO_EEXISTS, UV_ENOMEM. */
static inline int sio_ws_route(sio_server *srv, const char *path, const sio_ws_callbacks *cbs,
                               void *user) {
  return sio_ws_route_sized(srv, path, cbs, sizeof(sio_ws_callbacks), user);
}
/* 0, SIO_ECLOSED, SIO_ETOOBIG, UV_ENOMEM. */
SIO_EXTERN int sio_ws_send(sio_ws *w, bool binary, sio_slice data);
SIO_EXTERN size_t sio_ws_queued(const sio_ws *w); /* bytes the kernel has not taken yet */
SIO_EXTERN void sio_ws_close(sio_ws *w, unsigned code, const char *reason);
/* The one of its route's `protocols` that was agreed on, or "". */
SIO_EXTERN const char *sio_ws_protocol(const sio_ws *w);
SIO_EXTERN void *sio_ws_data(const sio_ws *w);
SIO_EXTERN void sio_ws_set_data(sio_ws *w, void *data);

/* ---- hooks on Socket.IO's own requests ------------------------------------------ */

/* Runs before the engine sees a request under its path, in order of registration; both for polling
 * and for WebSocket handshakes. Finish with sio_next_ok(next), or sio_next_fail() (400, code 3),
 * now or later, or answer the request yourself and then call sio_next_ok(): it goes no further. */
typedef void (*sio_request_use_cb)(sio_request *r, sio_next *next, void *user);
SIO_EXTERN int sio_use_request(sio_server *srv, sio_request_use_cb cb, void *user);

/* Called once before the head of each answer with packets, of each "ok" to a POST, and of each 101;
 * `initial`: it is the first answer of a session. Add headers with sio_request_set(). */
typedef void (*sio_headers_cb)(sio_request *r, bool initial, void *user);
SIO_EXTERN int sio_on_headers(sio_server *srv, sio_headers_cb cb, void *user);

#ifdef __cplusplus
}
#endif
#endif
