/* SPDX-License-Identifier: MIT
 *
 * server.h - the server: options, listening, accepting, closing.
 *
 * One server belongs to one uv loop and to the thread that runs it. Only
 * sio_post() may be called from elsewhere. Several servers may share a loop, and a
 * process; the library has no global state but the allocator.
 *
 * Contracts that hold for every call of the library:
 *  - 0 is success, a negative code an error (error.h).
 *  - If a call fails its callback never runs; if it succeeds the callback runs
 *    exactly once (or, for handlers, every time the thing happens).
 *  - Arguments are borrowed for the call; callback arguments until the callback returns.
 *  - Any call may be made from inside any callback, but for four that run inside another call.
 *    sio_on_any_outgoing() and packet_create may only look: there every call that sends, closes,
 *    joins, leaves or visits does nothing, is answered SIO_ESTATE, and leaves a line in the log.
 *    What sio_rooms() and sio_nsp_rooms() call may send and visit, but not close, join or leave.
 *  - Closing and disconnecting take effect at once for the caller, but the callbacks they cause run
 *    later, from the loop.
 *  - Sending only queues. No user code ever runs inside a sending call.
 *  - SIGPIPE: no write of the library raises it (MSG_NOSIGNAL); the host's signal
 *    dispositions and masks are left as they are.
 */
#ifndef SIO_SERVER_H
#define SIO_SERVER_H

#include <sio/error.h>
#include <sio/limits.h>
#include <sio/log.h>
#include <sio/tls.h>
#include <sio/types.h>
#include <sio/value.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SIO_POLLING = 1, SIO_WEBSOCKET = 2 };

/* ---- cross-origin requests (https://fetch.spec.whatwg.org/#http-cors-protocol) --- */

/* Which origins may read responses. CORS does not keep anybody from connecting: see
 * sio_options.allow_request for that. Names and defaults are those of Node's cors option. */
typedef struct sio_cors {
  const char *const *origins; /* NULL-terminated; NULL: "*". "*" in the list: any        */
  bool reflect_origin;        /* answer with the request's own Origin (origin: true)     */
  bool (*origin_ok)(sio_slice origin,
                    void *user); /* decides instead of the list; reflects if true */
  void *user;
  const char *methods;         /* "GET,HEAD,PUT,PATCH,POST,DELETE"                        */
  const char *allowed_headers; /* NULL: what Access-Control-Request-Headers asks for      */
  const char *exposed_headers; /* NULL: none                                              */
  bool credentials;
  unsigned max_age_s;   /* 0: not sent                                             */
  int preflight_status; /* 204                                                     */
} sio_cors;

/* ---- the cookie a load balancer may stick to -------------------------------------- */

enum { SIO_SAMESITE_LAX, SIO_SAMESITE_STRICT, SIO_SAMESITE_NONE, SIO_SAMESITE_UNSET };

/* Sent with the first polling response; never read back. */
typedef struct sio_cookie {
  const char *name;    /* "io"                           */
  const char *path;    /* "/"; "" leaves it out          */
  const char *domain;  /* NULL: left out                 */
  long max_age_s;      /* 0: left out                    */
  const char *expires; /* an HTTP date; NULL: left out   */
  bool no_http_only;
  bool secure;
  int same_site; /* SIO_SAMESITE_...               */
} sio_cookie;

/* ---- compression of WebSocket messages (RFC 7692) ------------------------------------ */

/* permessage-deflate, for Socket.IO and for sio_ws_route(). Neither side keeps its window from one
 * message to the next: a broadcast is compressed once for all who agreed to it, and a connection
 * that is idle holds no memory for it. Compressing takes some 20 ms a MB on the loop's thread. Zero
 * means the default in every field. */
typedef struct sio_deflate {
  size_t threshold; /* 1024: shorter messages are sent as they are             */
  int level;        /* 6; 1 (fast) to 9 (small)                                */
  int window_bits;  /* 15; 9 to 15. A client that can take only less goes without */
  int mem_level;    /* 8; 1 to 9                                               */
} sio_deflate;

/* ---- connection state recovery -------------------------------------------------------- */

/* A peer whose connection broke comes back as the socket it was: same id, rooms, data (socket_data
 * and shared), and sent what it missed, in order, before its CONNECT reply
 * (https://socket.io/docs/v4/connection-state-recovery). Its connect callbacks run again;
 * sio_socket_recovered() tells. What breaks a connection: transport error, transport close, ping
 * timeout, forced close; who leaves a namespace, or is made to, does not come back.
 *  - Events carry one argument more, their offset, behind the others: a string. All but those of
 *    sio_emit_ack(), which are not sent again, and those for one peer that cannot come back.
 *    Volatile events carry one but are not sent again.
 *  - Which events a peer missed is decided by the rooms it was in when it left.
 *  - What was sent to a room, or to an id, while a peer was away is sent to it when it is back;
 *    sio_emit() to its old handle is SIO_ECLOSED.
 *  - The pid in its CONNECT reply proves who it is. If the old connection has not ended yet it is
 *    ended: one pid, one socket. A session that was restored is not kept: it is live again.
 *  - The socket_data bytes are taken as the disconnect callbacks leave them. A peer need not come
 *    back: a pointer in them to what those callbacks did not free is lost.
 *  - One server's memory: nothing survives it. A deadline (sio_socket_deadline()) does not survive
 *    the connection.
 *  - What sio_options.when_full dropped for a slow peer is dropped, not missed.
 * Who cannot be recovered gets a socket of its own like anybody else, and sio_stats.recovery_failed
 * says why. Without memory a peer is not recovered; nothing worse. Zero means the default in every
 * field. */
typedef struct sio_recovery {
  unsigned
      max_disconnection_ms; /* 120000: who is away longer is forgotten                        */
  bool run_middlewares;     /* middleware runs for who comes back too ("skipMiddlewares: false") */
  size_t max_log_bytes;     /* 4 MiB of events kept per namespace; the oldest are dropped     */
  /* 10000 away per namespace. Then who left first is forgotten; or of an address that has more of
   * them than the address of that one, the first of its own. */
  unsigned max_sessions;
} sio_recovery;

/* Why a peer that asked for it was not recovered. */
enum sio_recovery_failure {
  SIO_RECOVERY_NONE,
  SIO_RECOVERY_NO_SESSION, /* the pid is of nobody: too late, or of another server */
  SIO_RECOVERY_BAD_OFFSET, /* the offset was never given out                       */
  SIO_RECOVERY_LOG_GONE,   /* what it missed was dropped: max_log_bytes            */
  SIO_RECOVERY_TOO_MUCH,   /* it missed more than max_queued, or queue_high, takes; or it says an
                              offset again for which it was sent the same already: that is done
                              twice, on the whole, and 16 KiB are free */
  SIO_RECOVERY_NO_MEMORY,
  SIO_RECOVERY_END
};

/* ---- options ------------------------------------------------------------------------ */

/* May a session begin? Called once per session, for the request that would open it, on either
 * transport. Finish with sio_next_ok() or sio_next_fail(next, message, sio_null()), now or later:
 * 403, code 4. */
typedef void (*sio_allow_cb)(sio_request *r, sio_next *next, void *user);

/* Writes a NUL-terminated id of at most 63 characters out of [A-Za-z0-9_-] into out: an id that a
 * peer cannot guess. 0, or any negative code: the handshake is refused with code 3. */
typedef int (*sio_id_cb)(sio_request *r, char out[64], void *user);

/* A request that the engine refused. code and text are Engine.IO's (0 "Transport unknown" ...);
 * name is what kind: "TRANSPORT_MISMATCH", "" where the code says all; detail is what was sent:
 * with code 1 an id, which may be that of a live session of another server: do not show it. */
typedef struct sio_connection_error {
  int code;
  const char *message;
  const char *name;
  sio_slice detail;
} sio_connection_error;
typedef void (*sio_connection_error_cb)(sio_request *r, const sio_connection_error *e, void *user);

/* What is dropped when what waits for one peer takes more than queue_high bytes of memory. Dropped
 * are only events sent without asking for an ack, each whole with its attachments, never one of
 * which a part may have left; the events that stay keep their order. sio_on_drop(), sio_stats and
 * the log tell of it. What cannot be dropped waits until max_queued. */
enum sio_when_full {
  /* Only volatile ones, as always: the rest waits until max_queued closes the peer. */
  SIO_FULL_DROP_VOLATILE,
  /* The oldest, until queue_low bytes are left. */
  SIO_FULL_DROP_OLDEST,
  /* Of those with one key all but the newest; then the oldest, if that is not enough. */
  SIO_FULL_KEEP_LATEST,
  /* Nothing: the peer is closed, "forced close" with SIO_ETOOBIG. */
  SIO_FULL_CLOSE
};

/* allowed_origins: NULL-terminated, as browsers send them: "https://a.example",
 * "http://localhost:8080", "null". The page's own origin is one of them. Copied. It holds for
 * every request under path, on either transport, whatever CORS says, and for plain WebSockets
 * (sio_ws_route()); what sio_route() and sio_static() serve is open to all pages. A request that
 * is not allowed gets 403.
 *  - With an Origin it is allowed if the Origin is in the list.
 *  - Browsers send no Origin with what a page only loads: scripts (JSONP, with allow_eio3), images,
 *    navigation. Where they send Sec-Fetch-Site (https, and localhost), "same-origin" and "none"
 *    are allowed, and others only if the Referer's origin is in the list.
 *  - JSONP without Origin and Sec-Fetch-Site is allowed only if the Referer's origin is in the
 *    list: its answer can be read by every page that loads it.
 *  - Other requests without both, as programs send them that are no browsers, are allowed. So are
 *    images and navigation of browsers older than 2023, or over plain http: their answers cannot be
 *    read, but they may open a session.
 * The list keeps pages out, and not programs, which send what they like: see allow_request. */

/* Limits on what comes in, all off by default; sio_on_limited() and sio_on_reject() (limits.h),
 * the log and sio_stats tell of what they do.
 *  - packets_per_s, bytes_per_s: what one session, or one peer of sio_ws_route(), may send:
 *    Engine.IO packets, or messages, pings of WebSocket included; bytes as they come, over
 *    polling those of the bodies, and what compressed messages have more once inflated. It is
 *    counted packet by packet: one may go past the burst, and the rest of what was read, or has
 *    come in the POST, waits. Then a WebSocket is not read; over polling the answer to the POST
 *    waits, which keeps a client from the next one. No heartbeat
 *    is missed for it. A burst should let max_payload through within what proxies wait for an
 *    answer.
 *  - connects_per_s: connections of one address, and, apart from them, sessions and plain
 *    WebSockets it opens, so that clients behind a trusted proxy are counted too. A request for
 *    a session that is refused counts as one that opens a session: past the limit it is
 *    answered 429, and its connection ends.
 *    max_per_address: as many of either may be open. A client that polls without keep-alive
 *    makes a connection for each request.
 *  - IPv6 addresses count by their first 64 bits. Unix sockets and trusted_proxies do not
 *    count. At most max_addresses are remembered: past it the one longest unused is forgotten,
 *    and when all of them are in use who else comes is let in and not counted.
 *  - max_pending: connections that have not asked for anything yet (a whole head). Past it the
 *    oldest is closed.
 *
 * trusted_proxies: NULL-terminated: "192.0.2.7", "10.0.0.0/8", "fd00::/8", "unix" for Unix
 * sockets. Copied. From them, and nobody else, it is believed for whom they speak:
 *  - by each request's headers, which `forwarded` names; the others are not looked at, as any
 *    client may send them. The client is the last address in X-Forwarded-For that is no trusted
 *    proxy's (the first, if all are); one that is hidden or malformed leaves the proxy's own.
 *    X-Forwarded-Proto, or proto, says if it is secure.
 *  - with proxy_protocol by the header before a connection's first byte
 *    (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, versions 1 and 2), which
 *    their connections must have, within head_timeout_ms, and others must not. Then the headers
 *    above are read only where the address it names is a trusted proxy's in turn. LOCAL,
 *    UNKNOWN and Unix sockets leave the proxy's own address.
 * sio_request_address(), sio_session_address(), the handshake, the log and the limits take the
 * client's address; sio_request_peer() and sio_session_peer() tell the proxy's. */
enum sio_forwarded {
  SIO_FORWARDED_X,      /* X-Forwarded-For, X-Forwarded-Proto */
  SIO_FORWARDED_RFC7239 /* Forwarded                          */
};

/* Zero means the default in every field; new fields are only added at the end. Times are in ms,
 * sizes in bytes. sio_server_new() answers UV_EINVAL, and logs which field, when a value makes no
 * sense, and UV_ENOTSUP when the library was built without what a field asks for. */
typedef struct sio_options {
  const char *path;             /* "/socket.io/": requests whose path starts with it are ours   */
  bool no_trailing_slash;       /* path is taken without a '/' at its end                       */
  unsigned transports;          /* SIO_POLLING | SIO_WEBSOCKET                                  */
  bool no_upgrades;             /* do not offer WebSocket to polling clients                    */
  unsigned ping_interval_ms;    /* 25000                                                        */
  unsigned ping_timeout_ms;     /* 20000                                                        */
  unsigned upgrade_timeout_ms;  /* 10000: from the second transport's 101 to its "5"            */
  unsigned connect_timeout_ms;  /* 45000: a session that joins no namespace is closed           */
  unsigned close_timeout_ms;    /* 30000: for the peer's half of any graceful close             */
  size_t max_payload;           /* 1000000 per message received; sent to clients as maxPayload  */
  size_t max_queued;            /* 16 MiB of memory waiting per peer; past it the peer is closed */
  size_t high_water;            /* 1 MiB of it: past that we read nothing more from the peer     */
  unsigned max_attachments;     /* 10 per packet                                                */
  size_t max_packet;            /* 10 x max_payload: a packet with all its attachments          */
  unsigned max_depth;           /* 512 levels of [ and { in one packet; at most 900             */
  unsigned max_fragments;       /* 1024 frames per WebSocket message                            */
  unsigned max_payload_packets; /* 16384 packets per polling POST                               */
  unsigned max_nsps;            /* 64 namespaces per connection                                 */
  unsigned max_acks;            /* 4096 replies a socket may owe; past it sio_emit_ack() fails  */
  unsigned max_connections;     /* 0: no limit. Past it new connections are closed at once      */
  size_t max_head;              /* 16384: request line and headers                              */
  unsigned max_headers;         /* 100                                                          */
  unsigned head_timeout_ms;     /* 10000: a request's head                                      */
  unsigned body_timeout_ms;     /* 30000: a request's body                                      */
  unsigned keep_alive_ms;       /* 5000 between two requests on a connection                    */
  const sio_cors *cors;         /* NULL: no CORS headers. Copied                                */
  const sio_cookie *cookie;     /* NULL: none. Copied                                           */
  sio_allow_cb allow_request;   /* NULL: all                                                    */
  void *allow_user;
  sio_id_cb generate_id; /* NULL: 15 random bytes                                        */
  void *id_user;
  sio_connection_error_cb connection_error;
  void *connection_error_user;
  bool no_serve_client;    /* do not serve socket.io.js and its kin under path             */
  bool drop_handshake;     /* forget a handshake's headers once its connect handlers ran   */
  size_t socket_data_size; /* zeroed bytes kept beside each sio_socket                     */
  const struct sio_adapter_ops *adapter; /* NULL: in memory                                      */
  sio_log_cb log; /* NULL: silent                                                 */
  void *log_user;
  int log_level;            /* enum sio_log_level; 0 is SIO_LOG_WARN                        */
  bool no_http_compression; /* polling responses and files in memory leave as they are      */
  size_t http_compression_threshold; /* 1024: shorter ones do anyway. gzip, else deflate         */
  const sio_deflate *per_message_deflate; /* NULL: off. Copied                                   */
  bool allow_eio3;    /* serve Engine.IO 3 too: clients of Socket.IO 2, JSONP         */
  size_t queue_high;  /* 0: off. Past so much memory waiting per peer when_full applies   */
  size_t queue_low;   /* queue_high / 2. Down to it is dropped; sio_on_writable() then    */
  int when_full;      /* enum sio_when_full                                              */
  void *adapter_user; /* for the adapter: sio_adapter_user()                          */
  unsigned request_timeout_ms; /* 5000 for other servers to answer, where a call says 0        */
  size_t max_answers;          /* 64 MiB: what may come back to one question to many           */
  const char *const *allowed_origins; /* NULL: any. Requests of other origins get 403, code 4    */
  unsigned
      middleware_timeout_ms; /* 0: none. For all of a namespace's: then connect_error "timeout". As
                                long for sio_of_match() to say whether there is one */
  const sio_recovery *recovery; /* NULL: off. Copied                                       */
  const struct sio_parser_ops
      *parser;             /* NULL: sio_parser_json. <sio/parser.h>; not with allow_eio3 */
  bool keep_empty_nsps;    /* children of a parent (nsp.h) stay when their last socket left */
  unsigned max_child_nsps; /* 10000 of them; past it none is made. For peers of one address no
                              more than are still free: half of them if it is the only one */
  /* An Engine.IO message for each session, right behind its handshake and in the same response or
   * write; {NULL,0}: none. Text (UTF-8) unless initial_binary. Copied. It comes before CONNECT: a
   * Socket.IO client takes it for a packet, and closes on what is none. */
  sio_slice initial_packet;
  bool initial_binary;
  unsigned packets_per_s;   /* 0: no limit. From one peer                                   */
  unsigned packets_burst;   /* packets_per_s                                                */
  size_t bytes_per_s;       /* 0: no limit                                                  */
  size_t bytes_burst;       /* bytes_per_s                                                  */
  int when_limited;         /* enum sio_when_limited                                        */
  unsigned connects_per_s;  /* 0: no limit. From one address: connections, and sessions     */
  unsigned connects_burst;  /* connects_per_s                                               */
  unsigned max_per_address; /* 0: no limit. Connections open from one address, and sessions */
  unsigned max_addresses;   /* 65536 of them are remembered                                 */
  unsigned max_pending;     /* 0: no limit. Connections that have asked for nothing yet     */
  const char *const *trusted_proxies; /* NULL: none                                         */
  int forwarded;           /* enum sio_forwarded: what they set                                 */
  bool proxy_protocol;     /* their connections begin with a PROXY header                       */
  unsigned ack_timeout_ms; /* 0: none. For questions (emit.h) whose timeout_ms is 0       */
  /* 60000: for attachments of a packet to come. Once nothing of them has come for that long (at
   * most twice), the peer is closed: "forced close" with SIO_ETIMEOUT. A slow one that sends on,
   * an attachment or a part of one, is waited for. */
  unsigned packet_timeout_ms;
  unsigned tls_timeout_ms; /* 10000: a TLS handshake (tls.h)                                */
  /* 5000, or close_timeout_ms if that is less: how long sio_server_close() waits for peers. */
  uint64_t shutdown_timeout_ms;
  /* 256 KiB, at least 16: the memory held for a session that has never joined a namespace. A
   * quarter of it bounds one message or POST (instead of max_payload), a quarter one packet with
   * its attachments, a quarter all that it sends as auth; past a sixteenth of replies that it does
   * not take nothing more is read from it. Not for engines of the host's own. */
  size_t max_unjoined;
  /* 4096 TLS handshakes under way (tls.h): past it the oldest one is closed. Of one address no
   * more than are still free, half of them if it is the only one: past that its own oldest. With
   * libsio-openssl each takes up to 44 KB until it is complete. Unix sockets, and trusted_proxies
   * that do not say for whom they connect, do not count for an address. */
  unsigned max_tls_handshakes;
} sio_options;

/* Sets malloc, realloc and free for the whole process; all NULL sets the C library's back.
 * Before anything else of the library is called. libuv's and cJSON's own hooks are left alone.
 * UV_EINVAL when only some are NULL. */
SIO_EXTERN int sio_set_allocator(void *(*malloc_fn)(size_t), void *(*realloc_fn)(void *, size_t),
                                 void (*free_fn)(void *));

SIO_EXTERN int sio_server_new_sized(sio_server **out, struct uv_loop_s *loop,
                                    const sio_options *opts, size_t opts_size);

/* A server on the host's loop; opts may be NULL. Nothing listens yet. Inline so that the caller's
 * sizeof travels with the struct: a program built against an older header keeps working. */
static inline int sio_server_new(sio_server **out, struct uv_loop_s *loop,
                                 const sio_options *opts) {
  return sio_server_new_sized(out, loop, opts, sizeof(sio_options));
}

/* Listens on an address or name (NULL: all addresses) and port (0: any free one). May be called
 * several times. UV_EADDRINUSE, UV_EACCES, ... */
SIO_EXTERN int sio_listen(sio_server *srv, const char *host, int port);
SIO_EXTERN int sio_listen_unix(sio_server *srv, const char *path);
SIO_EXTERN int sio_port(const sio_server *srv); /* of the first TCP listener; 0: none */

/* The host's own listener: call it from its uv_listen() callback. Takes one pending connection. The
 * listener stays the host's. */
SIO_EXTERN int sio_accept(sio_server *srv, struct uv_stream_s *listener);
/* A connected, stream-type descriptor from anywhere; taken over, also on error. SIO_ETOOBIG:
 * max_connections are open; SIO_ELIMIT: its address is past a limit. */
SIO_EXTERN int sio_accept_fd(sio_server *srv, int fd);
/* The same for a host whose own HTTP server has begun to read from it: `read` is all that came so
 * far, from the first byte of a request on (copied). From here on the connection is the library's,
 * later requests on it included. SIO_ETOOBIG past 80 KiB. */
SIO_EXTERN int sio_accept_fd_read(sio_server *srv, int fd, sio_slice read);

/* Stops listening, disconnects every socket ("server shutting down"), closes every connection, and
 * calls done(user) once nothing of the server is left on the loop; then srv is gone. done may be
 * NULL. A second call is SIO_ESTATE.
 * Peers have shutdown_timeout_ms to take what is queued for them and to answer the close: then the
 * connections that are left are cut. A server with a peer that does not answer takes so long to
 * close; keep it under the time after which your process is killed. */
SIO_EXTERN int sio_server_close(sio_server *srv, void (*done)(void *user), void *user);

/* How to leave in good order. Zero: at once. */
typedef struct sio_drain {
  unsigned spread_ms; /* sessions end one after the other over this time                       */
  unsigned
      retry_after_s;    /* told as Retry-After to those who come meanwhile; 0: nothing is said   */
  uint64_t deadline_ms; /* then all is closed, which may take shutdown_timeout_ms more; 0: after
                           spread_ms and close_timeout_ms                                        */
} sio_drain;

/* Takes no new sessions (503; the listeners stay, so that polling and upgrades of those there go
 * on), ends those there ("server shutting down"; what is queued leaves first), and closes the
 * server, as sio_server_close() does, when none is left or the deadline is there. done as for that.
 * how may be NULL. SIO_ESTATE: it drains or closes already. sio_server_close() may be called
 * meanwhile: then it is now, and both done run. */
SIO_EXTERN int sio_server_drain(sio_server *srv, const sio_drain *how, void (*done)(void *user),
                                void *user);

/* Runs fn(srv, arg) on the loop thread, in the order posted. Any thread, and the only such call.
 * After 0 it runs exactly once, if closing begins meanwhile then before done(). UV_ENOMEM;
 * UV_EINVAL without fn; SIO_ECLOSED once closing has begun. The host makes sure that no thread
 * posts after done() has run. */
SIO_EXTERN int sio_post(sio_server *srv, void (*fn)(sio_server *srv, void *arg), void *arg);

SIO_EXTERN struct uv_loop_s *sio_server_loop(const sio_server *srv);
SIO_EXTERN void *sio_server_data(const sio_server *srv); /* one pointer for the host */
SIO_EXTERN void sio_server_set_data(sio_server *srv, void *data);

/* ---- statistics ----------------------------------------------------------------------- */

/* Requests that HTTP itself answers and ends; the engine's and the host's are not among them. */
enum sio_http_refusal {
  SIO_HTTP_MALFORMED, /* 400, 417, 501, 505       */
  SIO_HTTP_HEAD_SIZE, /* 431: max_head            */
  SIO_HTTP_BODY_SIZE, /* 413                      */
  SIO_HTTP_TIMEOUT,   /* 408: too slow to say it  */
  SIO_HTTP_REFUSED_END
};

/* What the engine refuses: first its codes (sio_connection_error), then what has none. */
enum sio_engine_refusal {
  SIO_ENGINE_REFUSED_TRANSPORT,
  SIO_ENGINE_REFUSED_SESSION,
  SIO_ENGINE_REFUSED_METHOD,
  SIO_ENGINE_REFUSED_REQUEST,
  SIO_ENGINE_REFUSED_FORBIDDEN,
  SIO_ENGINE_REFUSED_VERSION,
  SIO_ENGINE_REFUSED_MISUSE,   /* two polls at once, a DELETE */
  SIO_ENGINE_REFUSED_DRAINING, /* 503                         */
  SIO_ENGINE_REFUSED_END
};

/* How a WebSocket ended, by the code received, or else sent. */
enum sio_ws_close {
  SIO_WS_CLOSE_NORMAL,      /* 1000, 1001, none            */
  SIO_WS_CLOSE_ABNORMAL,    /* 1006: no close frame        */
  SIO_WS_CLOSE_ERROR,       /* the others below 3000       */
  SIO_WS_CLOSE_APPLICATION, /* 3000 to 4999                */
  SIO_WS_CLOSE_END
};

/* Why a peer was not let into a namespace. */
enum sio_refusal {
  SIO_REFUSED_BY_MIDDLEWARE,
  SIO_REFUSED_TIMEOUT,  /* middleware_timeout_ms, sio_of_match() */
  SIO_REFUSED_NO_NSP,   /* there is none of that name            */
  SIO_REFUSED_TOO_MANY, /* max_nsps, or max_child_nsps           */
  SIO_REFUSED_END
};

/* Counters since the server's start but for the gauges, which say what is now. Every field is
 * a uint64_t or made of them; added up field by field (sio_stats_add()) several servers are one.
 * Between two turns of the loop, and whenever a callback runs but on_any_outgoing's:
 *
 *   connections_accepted = connections + connections_closed
 *   http_requests        = the sum of http_responses + http_aborted + those in hand
 *   requests_refused     = http_responses[3] + http_responses[4]
 *   websockets_opened    = websockets + the sum of websockets_closed
 *   sessions_opened      = sessions + the sum of sessions_closed
 *                        = sessions_polling + sessions_websocket
 *   sessions             = sessions_now[0] + sessions_now[1]
 *   upgrades_started     = upgrades + upgrades_failed + those under way
 *   sockets_opened       = sockets + the sum of sockets_closed
 *   closed[i]            = sessions_closed[i] + sockets_closed[i]
 *   acks_asked           = acks_received + acks_timed_out + acks_lost + acks_pending
 *   packets_in, bytes_in = what packet_bytes_in holds, and so with _out
 */
typedef struct sio_stats {
  uint64_t connections; /* a gauge: TCP or Unix, open now                        */
  uint64_t sessions;    /* a gauge: Engine.IO sessions open now                  */
  uint64_t sockets;     /* a gauge: Socket.IO sockets connected now              */
  uint64_t sessions_opened, sessions_polling, sessions_websocket, upgrades, upgrades_failed;
  uint64_t packets_in, packets_out, bytes_in, bytes_out;
  uint64_t requests_refused;              /* HTTP answers that were errors                    */
  uint64_t parse_errors;                  /* packets that broke the protocol                  */
  uint64_t volatile_dropped;              /* volatile packets not sent, per receiver          */
  uint64_t overflows;                     /* peers closed for not reading: past max_queued    */
  uint64_t out_of_memory;                 /* peers closed because an allocation failed        */
  uint64_t closed[SIO_REASON_END];        /* sessions and sockets ended, by reason      */
  uint64_t compressed;                    /* bodies, files and messages; a broadcast counts once */
  uint64_t events_dropped, bytes_dropped; /* by when_full, per receiver; not the volatile ones */
  uint64_t answers_dropped; /* replies to questions to many: past max_answers, or no memory */
  uint64_t
      stalls; /* times the loop was kept from its deadlines, by a second or half of ping_timeout */
  uint64_t recovered; /* sockets that came back                                       */
  uint64_t recovery_failed[SIO_RECOVERY_END]; /* and those that did not, by cause     */
  uint64_t child_nsps;   /* a gauge: namespaces that parents have made (nsp.h)             */
  uint64_t nsps_refused; /* those that were not made: past max_child_nsps, or a share of it */

  /* Connections, TCP and Unix. */
  uint64_t connections_accepted, connections_closed;
  uint64_t connections_refused; /* closed at once: no memory; past a limit: see rejected */
  uint64_t accept_failures;     /* no descriptor or memory to accept one with          */
  uint64_t net_bytes_in, net_bytes_out;
  uint64_t net_reads, net_writes; /* system calls                                        */
  uint64_t net_blocked;           /* writes of which the kernel did not take all         */
  uint64_t queued_bytes;          /* a gauge: what waits for peers to read it, as max_queued counts
                                     it: a broadcast counts for each receiver (message_bytes
                                     counts it once); what the kernel was not offered yet, in
                                     this turn, does not wait */

  /* HTTP. */
  uint64_t http_requests;     /* begun                                               */
  uint64_t http_responses[5]; /* 1xx to 5xx; an upgrade is a 1xx                     */
  uint64_t http_aborted;      /* ended without one: the peer went first, mostly      */
  uint64_t http_refused[SIO_HTTP_REFUSED_END];
  uint64_t engine_refused[SIO_ENGINE_REFUSED_END];

  /* WebSocket, plain ones (sio_ws_route()) and those of upgrades under way included. */
  uint64_t websockets; /* a gauge: open now                                   */
  uint64_t websockets_opened, websockets_closed[SIO_WS_CLOSE_END];
  uint64_t ws_messages_in, ws_messages_out;
  uint64_t compressed_plain[2], compressed_packed[2]; /* bytes before and after: HTTP, WebSocket */
  uint64_t inflated, inflated_plain, inflated_packed; /* messages that came compressed, bytes    */

  /* Engine.IO. */
  uint64_t sessions_now[2]; /* gauges: on polling, on WebSocket                    */
  uint64_t sessions_closed[SIO_REASON_END];
  uint64_t upgrades_started; /* the second transport was accepted, or one too many  */
  uint64_t pings_sent;
  uint64_t heartbeats_missed; /* deadlines that passed, the session's fault or ours  */

  /* Socket.IO. */
  uint64_t sockets_opened, sockets_closed[SIO_REASON_END];
  uint64_t connects_refused[SIO_REFUSED_END];
  uint64_t nsps;                      /* a gauge; children included                          */
  uint64_t rooms;                     /* a gauge: with members; the one of its own that each
                                         socket has is not counted                           */
  uint64_t events_in;                 /* from peers                                          */
  uint64_t events_out;                /* queued for peers: once for each receiver            */
  uint64_t events_refused;            /* by packet middleware                                */
  uint64_t broadcasts;                /* sio_broadcast() and its kin                         */
  uint64_t acks_sent;                 /* our answers                                         */
  uint64_t acks_asked, acks_received; /* sio_emit_ack(), and each peer of a broadcast's      */
  uint64_t acks_timed_out, acks_lost; /* lost: the peer left, or the question was over       */
  uint64_t acks_pending;              /* a gauge                                             */

  sio_histogram packet_bytes_in, packet_bytes_out; /* Engine.IO's packets                     */
  sio_histogram write_bytes;  /* per system call                                     */
  sio_histogram ack_us;       /* from asking to the reply                            */
  sio_histogram heartbeat_us; /* from ping to pong                                   */
  sio_histogram turn_us;      /* a turn of the loop: from its first event of ours to
                                         its end, your handlers included                     */

  /* Limits: see sio_options.packets_per_s and below. */
  uint64_t rejected[SIO_REJECT_END]; /* connections and session opens, by cause (limits.h)  */
  uint64_t limited, limited_closed;  /* peers paused, and closed, for sending too much       */
  uint64_t addresses;                /* a gauge: remembered for limits                       */
  uint64_t addresses_uncounted;      /* came when there was no room to remember them         */

  /* Queued for peers, and not written when their connection or session ended. */
  uint64_t bytes_lost;

  /* TLS (tls.h). */
  uint64_t tls_connections; /* a gauge: open now                                   */
  uint64_t tls_handshakes[SIO_TLS_VERSION_END], tls_resumed; /* complete; by a ticket, of those */
  uint64_t tls_failed[SIO_TLS_FAILED_END]; /* handshakes, and what broke after one */

  /* The log (log.h). */
  uint64_t log_lines_lost; /* no memory for them, or too many in one turn */

  uint64_t message_bytes; /* a gauge: memory of all encoded messages, each once, however many peers
                             wait for it; those kept for recovery included */

  /* WebSocket handshakes that were answered with an error: on Socket.IO's path, on routes, and
   * where there is none. */
  uint64_t websockets_refused;

  uint64_t log_lines_left_out; /* of what peers cause: past so many a second (log.h) */

  uint64_t calls_refused; /* made inside a callback where they are not allowed: SIO_ESTATE */

  uint64_t tls_displaced;   /* TLS handshakes past max_tls_handshakes: closed before they ended */
  uint64_t tls_handshaking; /* a gauge: TLS handshakes under way */
} sio_stats;
/* Fills at most size bytes (pass sizeof *out). Looks at every namespace. */
SIO_EXTERN void sio_server_stats(const sio_server *srv, sio_stats *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
