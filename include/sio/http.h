/* SPDX-License-Identifier: MIT
 *
 * http.h - what the server's port serves besides Socket.IO: routes, files, WebSockets; and hooks on
 * the requests of Socket.IO.
 *
 * The request that a callback of sio_route() gets is valid until it is answered. It must be
 * answered exactly once, at once or later. If the client disconnects first, the program must still
 * answer the request; the answer is discarded then. The request that another callback gets is valid
 * until the callback returns or, if the callback decides with a sio_next, until the decision, but
 * not after it was answered. All functions are called on the loop's thread.
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

/* The properties of a request. The slices in this struct are valid until the request is answered.
 * What the pointers point to belongs to the connection, which may end before that: it is valid only
 * until the callback returns that has called sio_request_get_info(). After the client has
 * disconnected, address and peer are "", tls is NULL, and secure is false. */
typedef struct sio_request_info {
  /* Set by the caller to sizeof(sio_request_info); 0 stands for the size of version 0.1. */
  size_t size;
  /* The method, for example "GET". */
  sio_slice method;
  /* The path and the query as the client sent them: "/a%20b?x=1". For "OPTIONS *" it is "*". If the
   * request line contains a host ("GET http://a/b"), url is "/b", and the Host header is "a". */
  sio_slice url;
  /* The part of url before the '?' or '#', not decoded. */
  sio_slice path;
  sio_slice body;
  /* The client's address without its port: "127.0.0.1", "::1"; "" for a client of a Unix socket. A
   * client that connects by IPv4 to a listener for all addresses has "::ffff:127.0.0.1". If the
   * connection comes from a trusted proxy (sio_options.trusted_proxies), it is the address that the
   * proxy names, if it names one. */
  const char *address;
  /* The address from which the connection comes: that of the trusted proxy or, without a proxy, the
   * same as `address`. */
  const char *peer;
  /* The TLS of the connection. NULL: the connection to this server does not use TLS (even if it
   * comes from a proxy that says that the client's connection does), or the library could not read
   * its state, for example because memory ran out. To admit clients by their certificates, read
   * this field in allow_request or in a callback of sio_use_engine_request(), or read
   * sio_session_info.tls in the middleware of a namespace. */
  const sio_tls_info *tls;
  /* True if the client's connection uses TLS on this server, or if a trusted proxy says that it is
   * secure. */
  bool secure;
} sio_request_info;

/* Fills in the first out->size bytes of *out. */
SIO_EXTERN void sio_request_get_info(const sio_request *r, sio_request_info *out);

/* Returns the properties of a request as a struct: sio_request_info_of(r).path. */
static inline sio_request_info sio_request_info_of(const sio_request *r) {
  sio_request_info info;
  info.size = sizeof info;
  sio_request_get_info(r, &info);
  return info;
}

/* Returns the value of a header, or {NULL,0} if the request does not have it. If the header came
 * more than once, the values are joined with ", ", those of Cookie with "; ". Of Authorization,
 * Content-Type, From, If-Modified-Since, If-Unmodified-Since, Max-Forwards, Proxy-Authorization,
 * Referer and User-Agent only the first value is returned. The server refuses a request with more
 * than one Host, Content-Length or Transfer-Encoding header. */
SIO_EXTERN sio_slice sio_request_header(const sio_request *r, const char *name);
/* Writes the value of the query parameter `key` to out, decoded ("%2F" is '/', '+' is a space) and
 * with a NUL at its end, and returns its length without the NUL. If the parameter came more than
 * once, the last value is used. url is sio_request_info.url, or sio_session_info.url for the first
 * request of a session. UV_ENOENT: the parameter is absent; SIO_ETOOBIG: the value and its NUL do
 * not fit into size bytes. "%00" in the query becomes a NUL within the value, so the result may be
 * longer than strlen(out). */
SIO_EXTERN long sio_url_param(sio_slice url, const char *key, char *out, size_t size);

/* ---- answering a request ------------------------------------------------------------------- */

/* Adds a header to the answer of a request. A header that is added twice is sent twice: this is
 * right for Set-Cookie, and wrong for most others. Bytes from 0x80 on are sent as they are, and
 * clients read them differently: encode such a text, for example the name of a file in
 * Content-Disposition, as "attachment; filename*=UTF-8''caf%C3%A9.csv" (RFC 8187). UV_EINVAL: name
 * is not a token; value contains a control character other than a tab; name or value is NULL; or
 * the library sets the header itself: Content-Length, Transfer-Encoding, Connection or Keep-Alive.
 * SIO_ESTATE: the request is answered already; SIO_ETOOBIG: more than 64 KiB of headers;
 * UV_ENOMEM. The library adds a Date header to answers, except those with status 101, unless the
 * program adds one. */
SIO_EXTERN int sio_respond_header(sio_request *r, const char *name, const char *value);
/* Sends the answer of a request and ends the request: do not use r after a call that returns 0,
 * SIO_ECLOSED, UV_ENOMEM or SIO_ETOOBIG. type is the Content-Type of the body, and may be NULL. The
 * library adds Content-Length, unless status is 204 or 304; an answer with these statuses, and the
 * answer to a HEAD request, is sent without the body. body is copied. SIO_ESTATE: the request is
 * answered already; UV_EINVAL: status is not in the range 200 to 599, or type is invalid;
 * SIO_ECLOSED: the client has disconnected, and the answer is discarded; UV_ENOMEM, or SIO_ETOOBIG
 * for an answer of 4 GiB or more: the connection is closed instead. */
SIO_EXTERN int sio_respond(sio_request *r, int status, const char *type, sio_slice body);
/* Answers a request with the file `name` below the directory `dir`, in the way of sio_static(): the
 * file is read in pieces while the client takes them, and conditional requests and Range requests
 * are answered. name may have several parts ("2026/report.pdf"). A file outside dir (also one that
 * a symbolic link in dir leads to), and a name with a part that is empty or begins with a dot, is
 * refused with an error, so that a client may be allowed to choose the name. A Cache-Control,
 * Content-Type or X-Content-Type-Options header that the program has added replaces that of
 * sio_static(): add "Cache-Control: private" to files that not everybody may have.
 *
 * Do not use r after a call that returns 0, SIO_ECLOSED (the client has disconnected) or UV_ENOMEM
 * (the connection is closed instead). After other errors the request still has to be answered.
 * UV_ENOENT, UV_EISDIR, UV_EACCES and others: there is no such file, or it cannot be read;
 * UV_EINVAL: dir is NULL; SIO_ETOOBIG: more than 64 KiB of headers; SIO_ESTATE: the request is
 * answered already. */
SIO_EXTERN int sio_respond_file(sio_request *r, const char *dir, const char *name);

/* ---- routes ---------------------------------------------------------------------------------
 *
 * If one of the functions that add a route fails, a line of the log at level ERROR says which path
 * or directory, and why. The log callback has got the line when the function returns, unless
 * sio_log_flush() is not allowed there. */

typedef void (*sio_request_cb)(sio_request *r, void *user);

/* Calls cb for requests with this method and path, except WebSocket handshakes and requests that
 * the server itself refuses. method is "GET" (which includes HEAD), "POST" and so on; NULL: every
 * method. path is a whole path such as "/api/state", or the beginning of a path followed by '*':
 * "/files*" is for all paths that begin with "/files". If the paths of several routes match a
 * request, the longest path is used; if no route with this path has the method of the request, the
 * answer is status 405. Requests below sio_options.path, or below the path of a sio_engine_route(),
 * never come to a route. The whole body has been received when cb runs. A request whose body is
 * longer than max_body bytes (0: sio_options.max_payload) gets status 413. The strings are copied.
 * UV_EINVAL: method or path is invalid, or cb is NULL; SIO_EEXISTS: a route with this method and
 * path exists; UV_ENOMEM. */
SIO_EXTERN int sio_route(sio_server *srv, const char *method, const char *path, size_t max_body,
                         sio_request_cb cb, void *user);

/* Serves the files below the directory dir under a prefix of URLs, such as "/" or "/files", which
 * is for "/files" and all paths below "/files/". A route of sio_route() for one of these paths
 * below the prefix, such as "/files/list", is used instead. Answers with a file have the headers
 * "Cache-Control: public, max-age=0" and "X-Content-Type-Options: nosniff". A browser runs the
 * scripts of a page that is served: do not serve files that clients have uploaded from the origin
 * of your own pages. The path is decoded: "%20" in it is a space in the name of the file. A request
 * for a directory gets the file index.html in it; if the path has no '/' at its end, the answer is
 * first a redirection (301) to the path with it. The Content-Type depends on the ending of the
 * file's name. Files and directories whose name begins with a dot, and files outside dir (also
 * those that a symbolic link in dir leads to), are not served. Other symbolic links in dir are
 * followed only where the system has openat2() (Linux 5.6). Conditional requests (ETag,
 * Last-Modified) and Range requests for one part are answered as RFC 9110 describes; a Range
 * request for several parts gets the whole file. The ETag of a file that was modified in the last
 * two to three seconds is weak.
 *
 * A file may have any length: it is read on the loop's thread in pieces of 64 KiB, each when the
 * kernel has taken the piece before. A piece that is not in the page cache blocks the loop, and so
 * all clients, as long as the disk takes: on a busy disk some tenths of a second. For large files,
 * or a slow disk, use a web server or a CDN, a server with a thread of its own, or read the file
 * into the page cache before (posix_fadvise() or readahead() in another thread).
 *
 * If a file changes while it is sent, the connection is closed. So replace files by renaming other
 * files to their names. UV_ENOENT, UV_ENOTDIR and others: dir cannot be opened; UV_EINVAL: prefix
 * is invalid, or dir is NULL; SIO_EEXISTS: files are served under this prefix already;
 * UV_ENOMEM. */
SIO_EXTERN int sio_static(sio_server *srv, const char *prefix, const char *dir);

/* A header of an answer. */
typedef struct sio_header {
  const char *name, *value;
} sio_header;

/* Says how sio_static_with() and sio_assets_with() serve files. A field that is 0 selects the
 * default. */
typedef struct sio_files_options {
  /* sizeof(sio_files_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Headers of the library's answers with the file or a part of it, and of those with the statuses
   * 301, 304, 412 and 416: "Content-Security-Policy", for example. The array ends with an element
   * whose name is NULL; it is copied. Cache-Control, Content-Type and X-Content-Type-Options
   * replace those of the library. NULL: no more headers than those of the library. */
  const sio_header *headers;
  /* Decides about a GET or HEAD request, before the file is looked up. Returns 0 to serve the file,
   * or an HTTP status from 300 to 599 with which the request is answered, without a body. It may
   * also answer the request itself with sio_respond(). r is valid until the callback returns: a
   * program that has to decide later uses sio_route() and sio_respond_file(). NULL: all requests
   * are served.
   *
   * sio_request_info.path is not decoded here, but it is decoded when the file is looked up:
   * "/%6donday.csv" is the file "monday.csv". So do not decide by comparing paths: serve the files
   * that need permission from a directory of their own.
   *
   * The callback may add headers with sio_respond_header(). Answers with the file, and with the
   * statuses 301, 304, 412 and 416, have them; they replace headers of the list `headers`. An
   * answer with a status that the callback returned has the headers of the callback, and not those
   * of the list. If the file does not exist (404), cannot be read (503), or would be answered with
   * more than 64 KiB of headers (500), the answer has neither. */
  int (*on_request)(sio_request *r, void *user);
  void *user;
} sio_files_options;

/* Like sio_static(), with headers of the program and a callback that decides about each request:
 *
 *     static const sio_header headers[] = { { "Cache-Control", "max-age=3600" }, { 0 } };
 *     sio_static_with(srv, "/img", "images", &(sio_files_options){ .headers = headers });
 *
 * options is copied, and may be NULL. UV_EINVAL also means: options->size is invalid; *options sets
 * a field that this version of the library does not know; or a header is not valid for
 * sio_respond_header(). */
SIO_EXTERN int sio_static_with(sio_server *srv, const char *prefix, const char *dir,
                               const sio_files_options *options);

/* A file in memory, for sio_assets(). */
typedef struct sio_asset {
  const char *path; /* "/index.html"; a request for "/" gets "/index.html" */
  const char *type; /* the Content-Type: "text/html; charset=utf-8"        */
  const void *data;
  size_t size;
  const char *etag; /* with its quotes: "\"v1\""; NULL: one is computed from the bytes */
} sio_asset;

/* Serves files from memory, as sio_static() serves them from a directory, but without Range
 * requests, Last-Modified, X-Content-Type-Options and the redirection of directories. table has
 * count elements; table and everything that it points to must outlive the server. A file of a type
 * that compresses well, such as text, is compressed when the first client that prefers gzip
 * requests it, and the compressed form is kept (sio_options.no_http_compression). A file that is
 * shorter than http_compression_threshold, or longer than 8 MiB, is not compressed. UV_EINVAL:
 * prefix or a field of an element is invalid, or table is NULL and count is not 0; SIO_EEXISTS:
 * files are served under this prefix already; UV_ENOMEM. */
SIO_EXTERN int sio_assets(sio_server *srv, const char *prefix, const sio_asset *table,
                          size_t count);
/* Like sio_assets(), with the options of sio_static_with(). */
SIO_EXTERN int sio_assets_with(sio_server *srv, const char *prefix, const sio_asset *table,
                               size_t count, const sio_files_options *options);

/* ---- WebSockets without Socket.IO ------------------------------------------------------------ */

/* The callbacks and settings of a route of sio_ws_route(). Each callback may be NULL. */
typedef struct sio_ws_callbacks {
  /* sizeof(sio_ws_callbacks); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Decides about a valid handshake from an origin that sio_options.allowed_origins allows (with
   * any_origin: from any origin) and from an address that is within its limits. Returns 0 to
   * accept the WebSocket, or an HTTP status from 400 to 599 to refuse it with this status. NULL:
   * all are accepted. r is valid until accept returns. */
  int (*accept)(sio_request *r, void *user);
  void (*open)(sio_ws *w, void *user);
  void (*message)(sio_ws *w, bool binary, sio_slice data, void *user);
  /* The WebSocket has ended. w is not valid after close has returned. */
  void (*close)(sio_ws *w, const sio_close_info *why, void *user);
  bool any_origin; /* pages of all origins may connect, whatever allowed_origins says */
  bool no_pings;   /* do not send pings: a client that vanishes is noticed by TCP alone */
  /* How many milliseconds after the WebSocket opened, and then after each answer to a ping, the
   * next ping (RFC 6455 section 5.5.2) is sent. Default: 25000. Whatever the client sends counts as
   * an answer. */
  unsigned ping_interval_ms;
  /* If the server reads nothing from the client within this time after a ping, the WebSocket is
   * closed: SIO_REASON_PING_TIMEOUT with SIO_ETIMEOUT. Default: 20000 ms. The server waits longer
   * if the program has blocked the loop, while a rate limit stops it from reading, and while data
   * that was queued before the ping is unsent and the client takes some of it. */
  unsigned ping_timeout_ms;
  /* NULL-terminated list of the subprotocols that the route supports (RFC 6455 section 1.9); NULL:
   * none. The list is copied. A client offers subprotocols in the order of its preference; the
   * first of them that is in the list is used. If none is, the WebSocket opens without a
   * subprotocol; a browser that offered some then closes it. To choose the subprotocol itself,
   * accept calls sio_respond_header(r, "Sec-WebSocket-Protocol", ...). */
  const char *const *protocols;
} sio_ws_callbacks;

/* Accepts WebSockets that do not use Socket.IO on this path, which may end with '*' like that of
 * sio_route(). *cbs is copied. These options of the server limit them as they limit sessions:
 * max_payload, max_fragments, packet_timeout_ms, packets_per_s, bytes_per_s, connects_per_s and
 * max_per_address. If more than max_queued bytes of memory are queued for a client, its WebSocket
 * is closed. The options queue_high and when_full do not apply; sio_ws_info says how much is
 * queued. UV_EINVAL: path or a field of *cbs is invalid, or cbs is NULL; SIO_EEXISTS: the route
 * exists; UV_ENOMEM. */
SIO_EXTERN int sio_ws_route(sio_server *srv, const char *path, const sio_ws_callbacks *cbs,
                            void *user);
/* Queues one message for the client. SIO_ECLOSED: the WebSocket has ended or is closing; UV_EINVAL:
 * binary is false, and data is not valid UTF-8; SIO_ETOOBIG: more than max_queued bytes of memory
 * are queued, and the library will close the WebSocket; UV_ENOMEM. */
SIO_EXTERN int sio_ws_send(sio_ws *w, bool binary, sio_slice data);
/* Closes the WebSocket. What is queued is sent before that, within sio_options.close_timeout_ms.
 * code and reason are those of the close frame. reason may be NULL, which means no text; of a
 * longer text at most 123 bytes are sent. If code is not one that a close frame may contain (RFC
 * 6455 section 7.4), the close frame has neither. */
SIO_EXTERN void sio_ws_close(sio_ws *w, unsigned code, const char *reason);

/* The properties of a WebSocket. The texts are valid as long as the WebSocket. */
typedef struct sio_ws_info {
  /* Set by the caller to sizeof(sio_ws_info); 0 stands for the size of version 0.1. */
  size_t size;
  /* The client's address, as sio_request_info.address. */
  const char *address;
  /* The subprotocol that the answer to the handshake announces, whether the library chose it or
   * the program set the header itself; "" if it announces none. */
  const char *protocol;
  /* How many bytes are queued that the kernel has not taken yet. */
  size_t queued;
  /* The memory that they take, in bytes: a short message takes about 500. sio_options.max_queued
   * counts this memory. */
  size_t queued_memory;
} sio_ws_info;
/* Fills in the first out->size bytes of *out. */
SIO_EXTERN void sio_ws_get_info(const sio_ws *w, sio_ws_info *out);

/* Returns the properties of a WebSocket as a struct: sio_ws_info_of(w).queued. */
static inline sio_ws_info sio_ws_info_of(const sio_ws *w) {
  sio_ws_info info;
  info.size = sizeof info;
  sio_ws_get_info(w, &info);
  return info;
}

/* One pointer that the WebSocket keeps for the program; NULL at first. */
SIO_EXTERN void *sio_ws_data(const sio_ws *w);
SIO_EXTERN void sio_ws_set_data(sio_ws *w, void *data);

/* ---- hooks on the requests of Socket.IO ------------------------------------------------------ */

/* Decides about a request below sio_options.path or below the path of a sio_engine_route(), before
 * Engine.IO handles it. The callback calls, at once or later, sio_next_ok() to let the request be
 * handled, or sio_next_fail() to refuse it: status 400, and code 3 in sio_connection_error (429 if
 * connects_per_s is exceeded). It may also answer the request itself and then call sio_next_ok():
 * then Engine.IO does not handle the request. r is valid until one of these two functions is
 * called, or the request is answered. */
typedef void (*sio_request_use_cb)(sio_request *r, sio_next *next, void *user);
/* Registers a callback for the requests below sio_options.path or below the path of a
 * sio_engine_route(), both of polling and of WebSocket handshakes. It is not called for preflight
 * requests that sio_options.cors answers, for the files of the JavaScript client, nor for a request
 * for a new session if connects_per_s or max_per_address is exceeded when the request arrives.
 * Callbacks run in the order of registration. UV_EINVAL: cb is NULL; UV_ENOMEM. */
SIO_EXTERN int sio_use_engine_request(sio_server *srv, sio_request_use_cb cb, void *user);

/* Called before the head of certain answers of Engine.IO is written, so that it can add headers
 * with sio_respond_header(). These answers are polling responses that contain packets, the "ok" to
 * a POST, and the response with status 101 to a WebSocket handshake. initial is true for the first
 * answer of a session. r is valid until the callback returns. */
typedef void (*sio_headers_cb)(sio_request *r, bool initial, void *user);
/* Registers a callback that adds headers to answers of Engine.IO. UV_EINVAL: cb is NULL;
 * UV_ENOMEM. */
SIO_EXTERN int sio_on_engine_headers(sio_server *srv, sio_headers_cb cb, void *user);

#ifdef __cplusplus
}
#endif
#endif
