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
#include <sio/tls.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading a request -------------------------------------------------------------------- */

/* What is known of a request. Slices are valid until the request is answered. */
typedef struct sio_request_info {
  /* Set by the caller to sizeof(sio_request_info); 0 stands for the size of version 0.1. */
  size_t size;
  /* "GET" */
  sio_slice method;
  /* Path and query as the client sent them: "/a%20b?x=1"; "*" of OPTIONS. If the request line names
   * a host ("http://a/b"), this is "/b", and the Host header is "a". */
  sio_slice url;
  /* The url up to the '?', not decoded. */
  sio_slice path;
  sio_slice body;
  /* The client's address without its port: "127.0.0.1", "::1"; "" on a Unix socket. Behind a
   * trusted proxy it is the address that the proxy names (sio_options.trusted_proxies). */
  const char *address;
  /* The address that connected: that of the proxy, or the same. */
  const char *peer;
  /* The client's connection is secure: by TLS on this server, or as a trusted proxy says. */
  bool secure;
} sio_request_info;

/* Fills in the first out->size bytes of *out. */
SIO_EXTERN void sio_request_get_info(const sio_request *r, sio_request_info *out);

/* The same as a value: sio_request_info_of(r).path. */
static inline sio_request_info sio_request_info_of(const sio_request *r) {
  sio_request_info info;
  info.size = sizeof info;
  sio_request_get_info(r, &info);
  return info;
}

/* The value of a header; {NULL,0}: it is absent. If the header came more than once, the values are
 * joined as Node.js does it: with ", ", those of Cookie with "; ". Of Authorization, Content-Type,
 * From, If-Modified-Since, If-Unmodified-Since, Max-Forwards, Proxy-Authorization, Referer and
 * User-Agent only the first counts. A request with two Host, Content-Length or Transfer-Encoding
 * headers is refused. */
SIO_EXTERN sio_slice sio_request_header(const sio_request *r, const char *name);
/* Writes the last value of a query parameter into out, percent-decoded and NUL-terminated, and
 * returns its length. UV_ENOENT: the parameter is absent; SIO_ETOOBIG: the value does not fit.
 * "%00" becomes a NUL within the value: compare the length too where that matters. */
SIO_EXTERN long sio_request_query(const sio_request *r, const char *key, char *out, size_t size);
/* The TLS of the request's connection; NULL: it has none on this server, whatever a proxy says, or
 * there is no memory. Valid until the request is answered. To admit clients by their certificates,
 * look at it in allow_request or in sio_use_request(), or at sio_session_info.tls in the middleware
 * of a namespace. */
SIO_EXTERN const sio_tls_info *sio_request_tls(const sio_request *r);

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
 * a session: max_payload, max_fragments, packet_timeout_ms, packets_per_s and bytes_per_s,
 * connects_per_s and max_per_address, and max_queued, past which it is closed (queue_high and
 * when_full are not for it: sio_ws_queued() tells how much waits). UV_EINVAL (also a time over
 * INT_MAX, a protocol that is no token), SIO_EEXISTS, UV_ENOMEM. */
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
