/* SPDX-License-Identifier: MIT
 *
 * options.h - everything that is set when a server is made.
 *
 * Zero is the default of every field, so a program names only what it wants to change:
 *
 *     sio_options opts = { .ping_interval_ms = 10000, .max_payload = 65536 };
 *     sio_server_new(loop, &opts, &srv);
 *
 * Times are in milliseconds and sizes in bytes, unless the name of a field says otherwise. The
 * number at the beginning of a comment is the default. Strings, lists and structs that fields point
 * to are copied, except for tables of functions (adapter, parser), which must outlive the server.
 * When a value is invalid, sio_server_new() returns UV_EINVAL and logs the field, the value and
 * what is allowed; it returns UV_ENOTSUP when the library was built without the feature.
 *
 * docs/limits.md lists every limit with what happens when it is reached.
 */
#ifndef SIO_OPTIONS_H
#define SIO_OPTIONS_H

#include <sio/limits.h>
#include <sio/log.h>
#include <sio/types.h>
#include <sio/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For sio_options.transports. */
enum { SIO_POLLING = 1, SIO_WEBSOCKET = 2 };

/* ---- structs that fields of sio_options point to ------------------------------------------
 *
 * Each begins with its size, as sio_options does. */

/* CORS headers: which web pages may read responses from another origin
 * (https://fetch.spec.whatwg.org/#http-cors-protocol). CORS does not stop a client from connecting;
 * allowed_origins and allow_request do. Names and defaults are those of the cors option of the
 * Node.js server. */
typedef struct sio_cors {
  size_t size;
  /* NULL-terminated list of origins; NULL is "*". An entry "*" stands for every origin. */
  const char *const *origins;
  /* Answer with the Origin of the request instead of the list ("origin: true"). */
  bool reflect_origin;
  /* Decides instead of the list: true answers with the Origin of the request. */
  bool (*origin_ok)(sio_slice origin, void *user);
  void *user;
  /* "GET,HEAD,PUT,PATCH,POST,DELETE" */
  const char *methods;
  /* NULL: the headers that Access-Control-Request-Headers asks for. */
  const char *allowed_headers;
  /* NULL: the header is not sent. */
  const char *exposed_headers;
  bool credentials;
  /* How long a browser may cache the answer to a preflight request, in seconds; 0: not sent. */
  unsigned max_age_s;
  /* 204: the status of the answer to a preflight request. */
  int preflight_status;
} sio_cors;

/* For sio_cookie.same_site. */
enum { SIO_SAMESITE_LAX, SIO_SAMESITE_STRICT, SIO_SAMESITE_NONE, SIO_SAMESITE_UNSET };

/* A cookie with the session's id, by which a load balancer can send all requests of a session to
 * the same server. It is set with the first polling response. The library never reads it. */
typedef struct sio_cookie {
  size_t size;
  const char *name;    /* "io"                                        */
  const char *path;    /* "/"; the empty string leaves the attribute out */
  const char *domain;  /* NULL leaves the attribute out               */
  long max_age_s;      /* 0 leaves the attribute out                  */
  const char *expires; /* an HTTP date; NULL leaves the attribute out */
  bool no_http_only;   /* leave HttpOnly out                          */
  bool secure;
  int same_site; /* SIO_SAMESITE_...                            */
} sio_cookie;

/* Compression of WebSocket messages (permessage-deflate, RFC 7692), for Socket.IO and for
 * sio_ws_route(). Neither side keeps its compression window from one message to the next. So a
 * broadcast is compressed once for all clients that agreed to compression, and an idle connection
 * holds no memory for it. Compressing 1 MB takes about 20 ms on the loop's thread. */
typedef struct sio_deflate {
  size_t size;
  size_t threshold; /* 1024: shorter messages are sent uncompressed */
  int level;        /* 6, of 1 (fast) to 9 (small)                  */
  /* 15, of 9 to 15. A client that supports only a smaller window is served uncompressed. */
  int window_bits;
  int mem_level; /* 8, of 1 to 9                                 */
} sio_deflate;

/* Connection state recovery (https://socket.io/docs/v4/connection-state-recovery). A client whose
 * connection broke and that reconnects in time becomes the same socket again: the same id, rooms
 * and data (socket_data_size bytes, and shared data), and it is sent the events that it missed, in
 * order, before the answer to its CONNECT. The connect callbacks run again, and
 * sio_socket_recovered() is true in them.
 *
 *  - A connection breaks by a transport error, a transport close, a ping timeout or a forced close.
 *    A socket that left its namespace, or was disconnected from it, is not recovered.
 *  - Each event carries its offset, a string, as one more argument after the others. Events of
 *    sio_emit_ack() carry none and are not sent again. Volatile events carry one and are not sent
 *    again. Events to a single client that cannot be recovered carry none.
 *  - Which events a client missed is decided by the rooms that it was in when its connection broke.
 *  - Events sent to a room or to an id while its client is away are sent when the client is back.
 *    sio_emit() on the old handle returns SIO_ECLOSED.
 *  - The pid in the answer to CONNECT proves the client's identity. If its old connection is still
 *    open, that connection is closed.
 *  - The bytes of socket_data_size are kept as the disconnect callbacks leave them. A client may
 *    never come back: memory that these bytes point to must be freed in the disconnect callback.
 *  - Everything is kept in the memory of one server process, unless the adapter keeps it
 *    (sio_redis_streams_adapter).
 *  - The deadline of a socket (sio_socket_deadline()) ends with its connection.
 *  - Events that when_full dropped for a slow client are not sent again.
 *
 * A client that cannot be recovered gets a new socket, and sio_stats.recovery_failed counts the
 * cause. */
typedef struct sio_recovery {
  size_t size;
  /* 120000: a client that is away longer is forgotten. */
  unsigned max_disconnection_ms;
  /* Run the namespace's middleware for recovered sockets too ("skipMiddlewares: false"). */
  bool run_middlewares;
  /* 4 MiB of events are kept for each namespace; the oldest ones are dropped. */
  size_t max_log_bytes;
  /* 10000 clients of each namespace may be away. When one more goes away, one is forgotten: the one
   * that has been away longest or, if another address has more clients away than the address of
   * that one, the oldest of that other address. */
  unsigned max_sessions;
} sio_recovery;

/* ---- callbacks and enums that fields of sio_options have ------------------------------------ */

/* Decides whether a session may begin. Called once for each session, on either transport, with the
 * request that would open it. End it with sio_next_ok() or with sio_next_fail(next, message,
 * sio_null()), now or later; the client then gets status 403 with code 4 and the message. */
typedef void (*sio_allow_cb)(sio_request *r, sio_next *next, void *user);

/* Writes a NUL-terminated session id into out: at most 63 characters of [A-Za-z0-9_-] that nobody
 * can guess. Returns 0; a negative code refuses the handshake with code 3. */
typedef int (*sio_id_cb)(sio_request *r, char out[64], void *user);

/* A request that the engine refused
 * (https://socket.io/docs/v4/server-api/#event-connection_error). */
typedef struct sio_connection_error {
  int code;            /* Engine.IO's code: 0 is "Transport unknown", ... */
  const char *message; /* the text that belongs to the code               */
  const char *name;    /* the kind: "TRANSPORT_MISMATCH"; "" where the code says everything */
  /* What the request contained. With code 1 it is a session id, which may be valid on another
   * server: do not show it. */
  sio_slice detail;
} sio_connection_error;
typedef void (*sio_connection_error_cb)(sio_request *r, const sio_connection_error *e, void *user);

/* Which events are dropped when more than queue_high bytes of memory are queued for one client.
 * Only events that do not ask for an ack are dropped, each with all its attachments, and never one
 * that is partly sent. Replies (sio_reply()) are never dropped. The other events keep their order.
 * sio_on_drop(), sio_stats and the log report what was dropped. What cannot be dropped stays queued
 * until max_queued is reached. */
enum sio_when_full {
  /* Only volatile events, as without queue_high. */
  SIO_FULL_DROP_VOLATILE,
  /* The oldest events, until queue_low bytes are left. */
  SIO_FULL_DROP_OLDEST,
  /* Of events with the same key all but the newest; then the oldest, if that is not enough. */
  SIO_FULL_KEEP_LATEST,
  /* No event: the connection is closed, reason "forced close" with SIO_ETOOBIG. */
  SIO_FULL_CLOSE
};

/* Which headers of a trusted proxy are read. */
enum sio_forwarded {
  SIO_FORWARDED_X,      /* X-Forwarded-For and X-Forwarded-Proto */
  SIO_FORWARDED_RFC7239 /* Forwarded                             */
};

struct sio_adapter_ops;
struct sio_parser_ops;

/* ---- the options ------------------------------------------------------------------------ */

typedef struct sio_options {
  /* sizeof(sio_options); 0: the size that the struct had in version 0.1. */
  size_t size;

  /* -- Path and transports -- */

  /* "/socket.io/": requests whose path begins with it are Socket.IO's. */
  const char *path;
  /* The path is also accepted without a '/' at its end. */
  bool no_trailing_slash;
  /* Do not serve socket.io.js and the other client files below the path. */
  bool no_serve_client;
  /* Do not offer WebSocket to clients that poll. */
  bool no_upgrades;
  /* Serve Engine.IO 3 too: clients of Socket.IO 2, and JSONP. */
  bool allow_eio3;
  /* SIO_POLLING | SIO_WEBSOCKET */
  unsigned transports;
  /* 25000: how often each client is sent a ping. */
  unsigned ping_interval_ms;
  /* 20000: a client that does not answer a ping in this time is disconnected. */
  unsigned ping_timeout_ms;
  /* 10000: from the 101 of an upgrade to the client's packet "5". */
  unsigned upgrade_timeout_ms;
  /* 45000: a session that joins no namespace in this time is closed. */
  unsigned connect_timeout_ms;
  /* 30000: how long a closing connection waits for the client. */
  unsigned close_timeout_ms;
  /* 5000, or close_timeout_ms if that is less: how long sio_server_close() waits for clients. */
  uint64_t shutdown_timeout_ms;
  /* A message that each session is sent right after its handshake, in the same response or write;
   * {NULL,0}: none. It is UTF-8 text unless initial_binary is set. It arrives before the answer to
   * CONNECT: a Socket.IO client decodes it as a packet and disconnects if it is not one. */
  sio_slice initial_packet;
  bool initial_binary;

  /* -- Which clients may connect -- */

  /* NULL-terminated list of the origins whose web pages may connect, as browsers write them:
   * "https://a.example", "http://localhost:8080", "null"; NULL: all. Include the origin of your own
   * page. The list holds for every request below the path, on either transport and whatever cors
   * says, and for sio_ws_route(). It does not hold for sio_route() and sio_static(). A request that
   * is not allowed gets status 403.
   *  - A request with an Origin header is allowed if the list contains the Origin.
   *  - Browsers send no Origin for what a page only loads: scripts (JSONP, with allow_eio3), images
   *    and navigation. If there is a Sec-Fetch-Site header (https, and localhost), "same-origin"
   *    and "none" are allowed; other values are allowed if the list contains the origin of the
   *    Referer.
   *  - JSONP without Origin and Sec-Fetch-Site is allowed if the list contains the origin of the
   *    Referer, because every page that loads the answer can read it.
   *  - Other requests without Origin and Sec-Fetch-Site are allowed: programs that are not browsers
   *    send them. So do browsers older than 2023, and browsers over plain http, for images and
   *    navigation; a page cannot read those answers, but it can open a session with them.
   * The list stops web pages. It does not stop programs, which send any Origin: use
   * allow_request. */
  const char *const *allowed_origins;
  /* NULL: every session may begin. */
  sio_allow_cb allow_request;
  void *allow_request_user;
  /* NULL: CORS headers are not sent. */
  const sio_cors *cors;
  /* NULL: the cookie is not set. */
  const sio_cookie *cookie;
  /* NULL: 15 random bytes as base64url. */
  sio_id_cb generate_id;
  void *generate_id_user;
  /* Called for each request that the engine refuses; NULL: not called. */
  sio_connection_error_cb connection_error;
  void *connection_error_user;
  /* Called for each connection or session that a limit refuses, see limits.h; NULL: not called. */
  sio_reject_cb on_reject;
  void *on_reject_user;

  /* -- Proxies -- */

  /* NULL-terminated list of proxies: "192.0.2.7", "10.0.0.0/8", "fd00::/8", "unix" for Unix
   * sockets; NULL: none. Connections of these proxies, and no others, may say what the client's
   * address is, in one of two ways:
   *  - In the HTTP headers that the option `forwarded` chooses. The client is the last address in
   *    them that is not a trusted proxy; if all are, the first. If that address is hidden or
   *    malformed, the proxy's own address is used. X-Forwarded-Proto, or proto of Forwarded, says
   *    whether the client's connection is secure.
   *  - If proxy_protocol is set, in a PROXY header before the first byte of a connection
   *    (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, versions 1 and 2). Connections
   *    from trusted proxies must begin with one within head_timeout_ms; other connections must not.
   *    The HTTP headers are then read only if the address in the PROXY header is a trusted proxy
   *    too. With LOCAL, UNKNOWN and Unix sockets the proxy's own address is used.
   * sio_request_info.address, sio_session_info.address, the handshake, the log and the limits use
   * the client's address; sio_request_info.peer and sio_session_info.peer are the proxy's. */
  const char *const *trusted_proxies;
  /* enum sio_forwarded */
  int forwarded;
  /* Connections from trusted proxies begin with a PROXY header. */
  bool proxy_protocol;

  /* -- Sockets, namespaces and events -- */

  /* How many zeroed bytes each sio_socket has for the host: sio_socket_data(). */
  size_t socket_data_size;
  /* Free the headers of a handshake after the connect handlers have run. */
  bool drop_handshake;
  /* NULL: recovery is off. */
  const sio_recovery *recovery;
  /* How packets are written; NULL: the JSON encoding of Socket.IO. See parser.h. Not together with
   * allow_eio3. */
  const struct sio_parser_ops *parser;
  /* NULL: rooms are kept in memory, and there are no other servers. See adapter.h. */
  const struct sio_adapter_ops *adapter;
  /* Passed to the adapter: sio_adapter_ops.open. */
  void *adapter_user;
  /* NULL: the server serves alone. Otherwise it serves together with the other servers of the same
   * sio_threads; see threads.h. Not together with adapter or recovery. */
  sio_threads *threads;
  /* 0: no limit. How long all middleware of a namespace together may take for one client; then the
   * client gets connect_error "timeout". The callback of sio_of_match() has the same time. */
  unsigned middleware_timeout_ms;
  /* 0: no limit. How long a call waits for acks if its timeout_ms is 0. */
  unsigned ack_timeout_ms;
  /* 5000: how long a call waits for other servers if its timeout_ms is 0. */
  unsigned request_timeout_ms;
  /* Keep child namespaces (nsp.h) after their last socket has left. */
  bool keep_empty_nsps;

  /* -- Compression -- */

  /* Do not compress polling responses and files from memory. */
  bool no_http_compression;
  /* 1024: shorter responses are not compressed. */
  size_t http_compression_threshold;
  /* NULL: WebSocket messages are not compressed. */
  const sio_deflate *per_message_deflate;

  /* -- Log -- */

  /* NULL: nothing is logged. */
  sio_log_cb log;
  void *log_user;
  /* enum sio_log_level; 0: SIO_LOG_WARN. */
  int log_level;

  /* -- Limits on what one client may send -- */

  /* 1000000 bytes in one message, or in the body of one POST. Clients are told it as maxPayload.
   * Over polling, binary is sent as base64: allow 4/3 of the largest binary, and some bytes. */
  size_t max_payload;
  /* 10 x max_payload: a packet with all its attachments. */
  size_t max_packet;
  /* 10 attachments in one packet; a client that sends more is disconnected. JavaScript clients
   * refuse packets with more than 10, too: raise both limits together if events are relayed. What
   * the program itself sends is not limited by it. */
  unsigned max_attachments;
  /* 60000: the time for the next piece of a WebSocket message or of an attachment. If nothing of an
   * incomplete message, or of a packet's attachments, has come for this time (at most twice this
   * time), the connection is closed: "forced close" with SIO_ETIMEOUT. */
  unsigned packet_timeout_ms;
  /* 512 levels of [ and { in one packet that a client sends; at most 900. What the program sends
   * may have 899 levels, whatever this is. */
  unsigned max_depth;
  /* 1024 frames in one WebSocket message. */
  unsigned max_fragments;
  /* 16384 packets in one polling POST. */
  unsigned max_payload_packets;
  /* 64: how many namespaces one client may join. */
  unsigned max_nsps;
  /* 10000: the maximum number of namespaces that parents made (nsp.h). Another one is made for a
   * client only while the clients of its address have fewer than can still be made. So one address
   * alone gets half of the maximum. */
  unsigned max_child_nsps;
  /* 256 KiB, at least 16 KiB: the memory held for a session that has never joined a namespace. A
   * message or POST may have a quarter of it, a packet with its attachments a quarter, and all
   * auth that the client has sent a quarter. While more than a sixteenth of it waits to be sent to
   * the client, nothing is read from the client. It does not apply to sio_engine_route(). */
  size_t max_unjoined;
  /* 0: no limit. How many Engine.IO packets, WebSocket messages and WebSocket pings one client may
   * send each second. Each packet is counted when it has been read, so a client may exceed the
   * burst by one packet; the rest of what was read waits. While a client is over its rate, its
   * WebSocket is not read and its POSTs are not answered, and its heartbeat is not missed. An event
   * counts as one packet, and each of its attachments as one more. */
  unsigned packets_per_s;
  /* packets_per_s: how many may come at once. */
  unsigned packets_burst;
  /* 0: no limit. The same for bytes: as received (binary over polling as base64), plus what
   * compressed messages grow by. */
  size_t bytes_per_s;
  /* bytes_per_s. Let it be at least max_payload, or the answer to a long POST is late. */
  size_t bytes_burst;
  /* enum sio_when_limited: what happens to a client that is over its rate. */
  int when_limited;
  /* Called for a client that is over its rate, see limits.h; NULL: not called. */
  sio_limited_cb on_limited;
  void *on_limited_user;

  /* -- Limits on what waits for one client (backpressure) -- */

  /* 16 MiB of memory; then the connection is closed. Answers to acks count, too, and are never
   * dropped: let it be several times as large as the largest of them. */
  size_t max_queued;
  /* 1 MiB of memory; then nothing more is read from the client until it has read. */
  size_t high_water;
  /* 0: off. When more memory waits, when_full applies. */
  size_t queue_high;
  /* queue_high / 2: when_full drops down to it, and sio_on_writable() is called below it. */
  size_t queue_low;
  /* enum sio_when_full */
  int when_full;
  /* 64 KiB with SIO_FULL_KEEP_LATEST, otherwise no limit: how many bytes of a session's WebSocket
   * the kernel may hold that it has not sent yet. The kernel would take megabytes for a client that
   * does not read, and none of them count for queue_high or can be dropped, so that the client is
   * sent old values first when it reads again. What the client's own kernel has received is not
   * bounded. TCP_NOTSENT_LOWAT where the system has it, otherwise SO_SNDBUF (also on Unix sockets);
   * INT_MAX: no limit. */
  size_t max_unsent;
  /* 4096: how many acks may be pending for one socket, and how many calls with acks for a
   * namespace. Further calls return SIO_ETOOBIG. */
  unsigned max_acks;
  /* 64 MiB: how many bytes of replies are kept for one broadcast with acks, or for one question to
   * other servers. Further replies are dropped, and the status is SIO_ETOOBIG. */
  size_t max_answers;

  /* -- Limits on connections -- */

  /* 0: no limit. When as many connections are open, new ones are closed at once. */
  unsigned max_connections;
  /* 0: no limit. How many connections may be open that have not sent a complete request head yet.
   * When there is one more, the oldest of them is closed. */
  unsigned max_pending;
  /* 0: no limit. How many connections one address may open each second. Sessions and WebSockets of
   * sio_ws_route() are counted separately, with the same limit, so that clients behind a trusted
   * proxy are limited too. A request for a session counts even if it is refused. Above the limit a
   * connection is closed; a request for a session gets status 429 first. An IPv6 address counts by
   * its first 64 bits. Unix sockets and trusted proxies are not counted. */
  unsigned connects_per_s;
  /* connects_per_s: how many may come at once. */
  unsigned connects_burst;
  /* 0: no limit. How many connections one address may have open; sessions are counted separately,
   * with the same limit. A client that polls without keep-alive opens a connection for each
   * request. */
  unsigned max_per_address;
  /* 65536 addresses are remembered. When there is one more, the one that has been unused for
   * longest is forgotten; if all are in use, the new one is admitted and not counted. */
  unsigned max_addresses;
  /* 10000: the time for a TLS handshake (tls.h). */
  unsigned tls_timeout_ms;
  /* 4096 TLS handshakes under way; when there is one more, the oldest is closed. One address may
   * have as many as are still free: half of them, if it is the only one; then its own oldest is
   * closed. With libsio-openssl each takes up to 44 KB. Unix sockets, and trusted proxies that name
   * no client, count for no address. */
  unsigned max_tls_handshakes;

  /* -- Limits on HTTP requests -- */

  /* 16384 bytes of request line and headers. */
  size_t max_head;
  /* 100 header lines. */
  unsigned max_headers;
  /* 10000: the time for the head of a request. */
  unsigned head_timeout_ms;
  /* 30000: the time for the body of a request. */
  unsigned body_timeout_ms;
  /* 5000: the time between two requests on one connection. */
  unsigned keep_alive_ms;
  /* 0: no limit. How many requests one address may send each second for routes, files, the script
   * of the client, and paths that do not exist. Requests below the path of an engine do not count.
   * Further requests get status 429, and their connections are closed. Addresses are counted as for
   * connects_per_s. */
  unsigned requests_per_s;
  /* requests_per_s: how many may come at once. */
  unsigned requests_burst;
} sio_options;

#ifdef __cplusplus
}
#endif
#endif
