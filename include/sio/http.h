/* SPDX-License-Identifier: MIT
 *
 * http.h - what the server's port serves besides Socket.IO: routes, files, WebSockets; and hooks on
 * the requests of Socket.IO.
 *
 * A request is a handle that is valid until it is answered. It must be answered exactly once, now
 * or later. If the client disconnects first, the request must still be answered, and the answer is
 * discarded. All calls are made on the loop's thread.
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

/* The properties of a request. Pointers and slices in it are valid until the request is
 * answered. */
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
  /* The TLS of the connection; NULL: it has none on this server, whatever a proxy says, or there is
   * no memory. To admit clients by their certificates, look at it in allow_request or in
   * sio_use_request(), or at sio_session_info.tls in the middleware of a namespace. */
  const sio_tls_info *tls;
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
 * returns its length. url is sio_request_info.url, or sio_session_info.url for a session's first
 * request. UV_ENOENT: the parameter is absent; SIO_ETOOBIG: the value does not fit. "%00" becomes a
 * NUL within the value: compare the length too where that matters. */
SIO_EXTERN long sio_url_param(sio_slice url, const char *key, char *out, size_t size);

/* ---- answering a request ------------------------------------------------------------------- */

/* Adds a header to the answer. UV_EINVAL: name is not a token, or value contains a control
 * character, or the header is one that the library sets: Content-Length, Transfer-Encoding,
 * Connection, Keep-Alive. The library sets Date, too, unless it is set here. */
SIO_EXTERN int sio_respond_header(sio_request *r, const char *name, const char *value);
/* Sends the answer. type is its Content-Type and may be NULL; the library adds Content-Length.
 * SIO_ESTATE: the request is answered already. */
SIO_EXTERN int sio_respond(sio_request *r, int status, const char *type, sio_slice body);

/* ---- routes --------------------------------------------------------------------------------- */

typedef void (*sio_request_cb)(sio_request *r, void *user);

/* Calls cb for each request with this method and path. method: "GET" (which includes HEAD), "POST",
 * ...; NULL: every method. path: "/api/state", or a prefix that ends with '*', such as
 * "/api/" "*". If several paths match, the longest one is used; the path of Socket.IO comes
 * before all of them. The body has been received when cb runs. A body of more than max_body bytes
 * (0: max_payload of the server) is refused with status 413. Strings are copied. UV_EINVAL: path is
 * invalid or cb is NULL; SIO_EEXISTS: the route exists; UV_ENOMEM. */
SIO_EXTERN int sio_route(sio_server *srv, const char *method, const char *path, size_t max_body,
                         sio_request_cb cb, void *user);

/* Serves the files below the directory dir under a URL prefix such as "/". A request for a
 * directory gets its index.html. The Content-Type depends on the ending of the name. Files whose
 * name begins with a dot, and files outside dir (also by symbolic links), are not served.
 * Conditional requests (ETag, Last-Modified) and a Range of one part are answered as RFC 9110
 * describes; a Range of several parts is answered with the whole file. The ETag is a strong one
 * once the file is two seconds old.
 * A file is read on the loop's thread in pieces of 64 KiB, each after the client has taken the one
 * before, so a file may have any length. If a file changes while it is sent, the connection is
 * closed: replace files by renaming. UV_ENOENT, UV_ENOTDIR, ...: dir cannot be opened. */
SIO_EXTERN int sio_static(sio_server *srv, const char *prefix, const char *dir);

/* A file in memory, for sio_assets(). */
typedef struct sio_asset {
  const char *path; /* "/index.html"; a request for "/" gets "/index.html" */
  const char *type; /* the Content-Type: "text/html; charset=utf-8"        */
  const void *data;
  size_t size;
  const char *etag; /* with its quotes: "\"v1\""; NULL: one is computed from the bytes */
} sio_asset;

/* Serves files from memory as sio_static() does from a directory. The table and all that it points
 * to must outlive the server. Text files are compressed at the first request that accepts gzip, and
 * the compressed form is kept. */
SIO_EXTERN int sio_assets(sio_server *srv, const char *prefix, const sio_asset *table,
                          size_t count);

/* ---- WebSockets without Socket.IO ------------------------------------------------------------ */

/* For sio_ws_route(). Each callback may be NULL. */
typedef struct sio_ws_callbacks {
  /* sizeof(sio_ws_callbacks); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Decides about a request whose origin sio_options.allowed_origins allows. 0 accepts it; an HTTP
   * status from 400 to 599 refuses it. NULL accepts all requests. r is borrowed. */
  int (*accept)(sio_request *r, void *user);
  void (*open)(sio_ws *w, void *user);
  void (*message)(sio_ws *w, bool binary, sio_slice data, void *user);
  /* The WebSocket has ended. w is not valid after the callback has returned. */
  void (*close)(sio_ws *w, const sio_close_info *why, void *user);
  bool any_origin; /* pages of all origins may connect, whatever allowed_origins says */
  bool no_pings;   /* do not send pings: a client that vanishes is noticed by TCP alone */
  /* 25000: a ping (RFC 6455 section 5.5.2) is sent when the WebSocket has been open for this time,
   * and then this time after each answer. */
  unsigned ping_interval_ms;
  /* 20000: the client must send something within this time after a ping. While the ping has not
   * been sent yet, because data before it is still queued, it is enough that the client takes some
   * of that data. Otherwise the WebSocket is closed: SIO_REASON_PING_TIMEOUT with SIO_ETIMEOUT. */
  unsigned ping_timeout_ms;
  /* NULL-terminated list of the subprotocols that the route speaks (RFC 6455 section 1.9); it is
   * copied. NULL: none. Of the subprotocols that a client offers, the first one that the list
   * contains is used. If the list contains none of them, the WebSocket opens without a subprotocol,
   * and a browser that offered some closes it. accept can choose another subprotocol with
   * sio_respond_header(r, "Sec-WebSocket-Protocol", ...). */
  const char *const *protocols;
} sio_ws_callbacks;

/* Accepts WebSockets that do not speak Socket.IO on a path. cbs is copied. The limits of the server
 * hold for them as for sessions: max_payload, max_fragments, packets_per_s, bytes_per_s,
 * connects_per_s, max_per_address, and max_queued, at which the WebSocket is closed. queue_high and
 * when_full do not hold: sio_ws_info.queued says how much is queued. UV_EINVAL: path or a field is
 * invalid; SIO_EEXISTS: the route exists; UV_ENOMEM. */
SIO_EXTERN int sio_ws_route(sio_server *srv, const char *path, const sio_ws_callbacks *cbs,
                            void *user);
/* Queues one message. SIO_ECLOSED: the WebSocket has ended; SIO_ETOOBIG: max_queued is exceeded,
 * and the WebSocket will be closed; UV_ENOMEM. */
SIO_EXTERN int sio_ws_send(sio_ws *w, bool binary, sio_slice data);
/* Closes the WebSocket after everything queued has been sent, with this code and text (NULL:
 * none). */
SIO_EXTERN void sio_ws_close(sio_ws *w, unsigned code, const char *reason);

/* The properties of a WebSocket. The texts are valid as long as the WebSocket. */
typedef struct sio_ws_info {
  /* Set by the caller to sizeof(sio_ws_info); 0 stands for the size of version 0.1. */
  size_t size;
  /* The client's address, as sio_request_info.address. */
  const char *address;
  /* The subprotocol that is used; "": none. */
  const char *protocol;
  /* The number of bytes that are queued and that the kernel has not taken yet. */
  size_t queued;
} sio_ws_info;
/* Fills in the first out->size bytes of *out. */
SIO_EXTERN void sio_ws_get_info(const sio_ws *w, sio_ws_info *out);

/* The same as a value: sio_ws_info_of(w).queued. */
static inline sio_ws_info sio_ws_info_of(const sio_ws *w) {
  sio_ws_info info;
  info.size = sizeof info;
  sio_ws_get_info(w, &info);
  return info;
}

/* A pointer of the host; NULL at first. */
SIO_EXTERN void *sio_ws_data(const sio_ws *w);
SIO_EXTERN void sio_ws_set_data(sio_ws *w, void *data);

/* ---- hooks on the requests of Socket.IO ------------------------------------------------------ */

/* Decides about a request whose path is Socket.IO's or that of another engine, before the engine
 * handles it: with sio_next_ok(), or with sio_next_fail(), which refuses the request with status
 * 400 and code 3. It may decide later. It may also answer the request and then call sio_next_ok():
 * the engine does not get the request then. */
typedef void (*sio_request_use_cb)(sio_request *r, sio_next *next, void *user);
/* Registers a callback for all such requests, polling and WebSocket. Callbacks run in the order of
 * registration. UV_EINVAL: cb is NULL; UV_ENOMEM. */
SIO_EXTERN int sio_use_request(sio_server *srv, sio_request_use_cb cb, void *user);

/* Called before the head of an answer is written, for these answers: polling responses with
 * packets, the "ok" to each POST, and the 101 of each WebSocket. initial is true for the first
 * answer of a session. The callback may add headers with sio_respond_header(). */
typedef void (*sio_headers_cb)(sio_request *r, bool initial, void *user);
/* Registers such a callback. UV_EINVAL: cb is NULL; UV_ENOMEM. */
SIO_EXTERN int sio_on_headers(sio_server *srv, sio_headers_cb cb, void *user);

#ifdef __cplusplus
}
#endif
#endif
