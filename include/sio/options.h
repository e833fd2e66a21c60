/* SPDX-License-Identifier: MIT
 *
 * options.h - everything that is set when a server is made.
 *
 * Zero is the default of every field, so a program names only what it wants to change:
 *
 *     sio_options opts = { .ping_interval_ms = 10000, .max_payload = 65536 };
 *     sio_server_new(loop, &opts, &srv);
 *
 * Times are in milliseconds and sizes in bytes, unless the name of a field says otherwise. Where a
 * comment names a default, a field that is 0 has this value. Strings, lists, and structs of this
 * header that fields point to are copied. Tables of functions (adapter, parser), and what the user
 * pointers point to, are not: they must outlive the server. When a value is invalid,
 * sio_server_new() returns UV_EINVAL and logs the name of the field and what is wrong with its
 * value; it returns UV_ENOTSUP when the library was built without the feature. Most time limits
 * start anew, once, if the program has blocked the loop while they ran.
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
 * The first field of each struct is its size. It has the same meaning as sio_options.size. */

/* The CORS headers of responses of Engine.IO and of the files of the JavaScript client, which say
 * to browsers which web pages may read a response of another origin
 * (https://fetch.spec.whatwg.org/#http-cors-protocol). The server refuses no request because of
 * them: sio_options.allowed_origins and sio_options.allow_request are for that. The fields
 * correspond to the cors option of the Node.js server. */
typedef struct sio_cors {
  size_t size;
  /* NULL-terminated list of the origins that may read responses; NULL: the list "*". An entry "*"
   * stands for every origin. */
  const char *const *origins;
  /* Ignore the list `origins`: the header Access-Control-Allow-Origin repeats the Origin header of
   * the request, so that every origin is allowed ("origin: true"). Has no effect if origin_ok is
   * set. */
  bool reflect_origin;
  /* If set, origin_ok decides instead of the list `origins`: if it returns true for the Origin
   * header of a request, the response allows this origin. */
  bool (*origin_ok)(sio_slice origin, void *user);
  void *user;
  /* The header Access-Control-Allow-Methods. Default: "GET,HEAD,PUT,PATCH,POST,DELETE". */
  const char *methods;
  /* The header Access-Control-Allow-Headers; NULL: the headers that the request lists in
   * Access-Control-Request-Headers. */
  const char *allowed_headers;
  /* The header Access-Control-Expose-Headers; NULL: it is not sent. */
  const char *exposed_headers;
  /* Send "Access-Control-Allow-Credentials: true" to origins that are allowed. */
  bool credentials;
  /* The header Access-Control-Max-Age: for how many seconds a browser may cache the response to a
   * preflight request; 0: it is not sent. */
  unsigned max_age_s;
  /* The status of the response to a preflight request, from 200 to 299. Default: 204. */
  int preflight_status;
} sio_cors;

/* For sio_cookie.same_site. */
enum { SIO_SAMESITE_LAX, SIO_SAMESITE_STRICT, SIO_SAMESITE_NONE, SIO_SAMESITE_UNSET };

/* A cookie that contains the id of the session, so that a load balancer can send all requests of a
 * session to the same server. The library sets the cookie in the first polling response of a
 * session, and never reads it. With all attributes and an id of 63 characters it may have at most
 * 511 bytes. */
typedef struct sio_cookie {
  size_t size;
  const char *name;    /* default: "io"                               */
  const char *path;    /* default: "/"; "" leaves the attribute out   */
  const char *domain;  /* NULL leaves the attribute out               */
  long max_age_s;      /* 0 leaves the attribute out                  */
  const char *expires; /* an HTTP date; NULL leaves the attribute out */
  bool no_http_only;   /* leave HttpOnly out                          */
  bool secure;
  /* SIO_SAMESITE_...; default: SIO_SAMESITE_LAX. SIO_SAMESITE_NONE needs `secure`.
   * SIO_SAMESITE_UNSET leaves the attribute out. */
  int same_site;
} sio_cookie;

/* Compression of WebSocket messages (permessage-deflate, RFC 7692), for Socket.IO,
 * sio_engine_route() and sio_ws_route(). Each message is compressed independently of the messages
 * before it (no context takeover, on either side). So a broadcast is usually compressed once for
 * all clients of a server that agreed to compression, and an idle connection holds no memory for
 * it. Compressing 1 MB takes about 20 ms on the loop's thread. */
typedef struct sio_deflate {
  size_t size;
  size_t threshold; /* shorter messages are sent uncompressed; default: 1024 bytes   */
  int level;        /* from 1 (fast) to 9 (small); default: 6                        */
  /* log2 of the compression window, 9 to 15. Default: 15. Messages to a client that supports only a
   * smaller window are not compressed. */
  int window_bits;
  int mem_level; /* how much memory compressing takes, from 1 to 9; default: 8 */
} sio_deflate;

/* Connection state recovery (https://socket.io/docs/v4/connection-state-recovery). When the
 * connection of a client breaks and the client reconnects in time, its new socket gets the id, the
 * rooms and the data of the old one (the bytes of socket_data_size, which sio_redis_streams_adapter
 * does not keep, and the shared data). Before the response to its CONNECT packet the client is sent
 * the events that it missed, in order. The callbacks of sio_on_connect() run again, and
 * sio_socket_recovered() returns true in them.
 *
 *  - A socket can be recovered if the reason of its end is SIO_REASON_TRANSPORT_ERROR,
 *    SIO_REASON_TRANSPORT_CLOSE, SIO_REASON_PING_TIMEOUT or SIO_REASON_FORCED_CLOSE and, if the
 *    adapter keeps the sockets, SIO_REASON_SERVER_SHUTTING_DOWN. A socket that left its namespace,
 *    or was disconnected from it, is not recovered.
 *  - A lost socket leaves its rooms at once, and joins them again when it is recovered: the
 *    callbacks of sio_on_room() run both times.
 *  - The library appends an offset, which is a string, to the arguments of events. Events that ask
 *    for an ack, and events to a single client that cannot be recovered, have none (with
 *    sio_redis_streams_adapter some others have none, too). Events that ask for an ack, and
 *    volatile events, are not sent again to a recovered client.
 *  - Which events a client missed is decided by the rooms that it was in when its connection broke.
 *    So they include what a `leave` callback of sio_on_room() broadcast to the room about this very
 *    client.
 *  - A client that was the sio_target.skip of a broadcast does not get that event when it returns
 *    either. A `leave` callback that tells the others about s can thus set .skip = s.
 *  - Events that the program sends to a room or to the room of a socket id while the client is away
 *    are sent when the client is back. sio_emit() with the sio_socket pointer of the broken
 *    connection returns SIO_ECLOSED.
 *  - The response to CONNECT contains a secret id, the "pid", with which the client proves its
 *    identity when it reconnects. If its old connection to this server, or to another thread, is
 *    still open then, the library closes that connection.
 *  - The bytes of socket_data_size are kept as they are after the disconnect callbacks have run. A
 *    client may never come back, so free in the disconnect callback the memory that these bytes
 *    point to.
 *  - Everything is kept in the memory of one server process, unless the adapter keeps it
 *    (sio_redis_streams_adapter).
 *  - The deadline of a socket (sio_socket_set_deadline()) ends with its connection.
 *  - Events that sio_options.when_full dropped for a slow client are not sent again if the client
 *    has received a later event that has an offset. If it has not, they count as missed.
 *  - All events with the same key (sio_emit_options.key) that the client missed are sent again, and
 *    not only the newest of them.
 *  - The missed events together must fit into the client's queue: if they and what is queued
 *    already, for other namespaces of the same connection too, take more memory than
 *    sio_options.queue_high, or than max_queued if queue_high is 0, the client is not recovered.
 *
 * A client that cannot be recovered gets a new socket, and sio_stats.recovery_failed counts the
 * cause. Clients of Engine.IO 3 are never recovered. If events that a returning client missed are
 * lost while middleware runs for it, or no longer fit into its queue when middleware has accepted
 * it, its connection is closed: "forced close" with SIO_ETOOBIG. The client is then sent none of
 * the missed events, and may still be recovered when it returns. */
typedef struct sio_recovery {
  size_t size;
  /* How many milliseconds a client may be away before it cannot be recovered any more. Default:
   * 120000. */
  unsigned max_disconnection_ms;
  /* Run the middleware of the namespace for recovered sockets, too ("skipMiddlewares: false"). The
   * socket has its rooms then. Missed events are sent when middleware has admitted it; if it is
   * refused, they are not sent, and the client cannot be recovered any more. */
  bool run_middlewares;
  /* How many bytes of memory each namespace of the server may use for the events that it keeps for
   * clients that may return; the oldest events are dropped. Default: 4 MiB. Not used if the adapter
   * keeps the events. */
  size_t max_log_bytes;
  /* How many clients of each namespace may be away and recoverable. Default: 10000. When one more
   * client goes away, the one that has been away longest is forgotten. But if more clients are away
   * from the address of the newest one than from the address of that oldest one, the oldest client
   * of the newest one's address is forgotten instead. Not used if the adapter keeps the clients. */
  unsigned max_sessions;
} sio_recovery;

/* ---- callbacks and enums that fields of sio_options have ------------------------------------ */

/* Decides whether a session may begin. Called once for each HTTP request that would open a session,
 * polling or WebSocket, and that the library does not refuse before. The callback calls
 * sio_next_ok(next) to allow the session, or sio_next_fail(next, message, sio_null()) to refuse it,
 * at once or later. A client that is refused gets status 403 and the message, or "Forbidden" if the
 * message is NULL or empty: over polling in JSON with Engine.IO's error code 4, for a WebSocket as
 * the body of the response. (The callback sio_options.connection_error may answer differently.) */
typedef void (*sio_allow_cb)(sio_request *r, sio_next *next, void *user);

/* Writes the id of a new session into out, with a NUL at its end. The id has at most 63 characters
 * of [A-Za-z0-9_-], and nobody may be able to guess it. Returns 0, or a negative code if it cannot
 * make an id. After an error, or if the id is invalid or is that of another session, the session is
 * refused with status 400, and over polling with Engine.IO's error code 3. (The callback
 * sio_options.connection_error may answer differently.) */
typedef int (*sio_id_cb)(sio_request *r, char out[64], void *user);

/* An HTTP request that Engine.IO refused
 * (https://socket.io/docs/v4/server-api/#event-connection_error). Valid until the callback
 * returns. */
typedef struct sio_connection_error {
  int code;            /* Engine.IO's code: 0 is "Transport unknown", ... */
  const char *message; /* the text that belongs to the code               */
  const char *name;    /* the kind: "TRANSPORT_MISMATCH"; "" where the code says everything */
  /* Details of the refusal: a part of the request, the transport of the session, what is wrong with
   * a WebSocket handshake, or the message of the program that refused the request; may be empty. If
   * code is 1 ("Session ID unknown"), this is a session id, which may be valid on another server:
   * do not show it to users. */
  sio_slice detail;
} sio_connection_error;
typedef void (*sio_connection_error_cb)(sio_request *r, const sio_connection_error *e, void *user);

/* Which of the queued events are dropped when more than queue_high bytes of memory are queued for
 * one client. Only events that do not ask for an ack are dropped, each with all its attachments,
 * and never an event of which a part has been sent. Replies (sio_reply()) are never dropped. The
 * events that stay queued keep their order. sio_on_drop(), sio_stats and the log report what was
 * dropped. What cannot be dropped stays queued; if it exceeds max_queued, the connection is closed.
 * The event that is being sent is dropped only if dropping older ones did not make enough room;
 * what sio_emit() returns then is explained there. */
enum sio_when_full {
  /* No queued event. A volatile event is not queued for a client that is not ready for it, but that
   * is so without queue_high, too. */
  SIO_FULL_DROP_VOLATILE,
  /* The oldest events, until not more than queue_low bytes are left. */
  SIO_FULL_DROP_OLDEST,
  /* Of all events with the same key (sio_emit_options.key) all but the newest. If that is not
   * enough, the oldest events, until not more than queue_low bytes are left. */
  SIO_FULL_KEEP_LATEST,
  /* No event: the session is closed, with the reason "forced close" and SIO_ETOOBIG. */
  SIO_FULL_CLOSE
};

/* For sio_options.forwarded: from which HTTP headers of a trusted proxy the address of the client
 * is read. */
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

  /* Requests whose URL begins with this text are requests of Socket.IO, except those for a file of
   * the JavaScript client, and those for a sio_engine_route() whose path is at least as long. A '/'
   * is added at the end, unless no_trailing_slash is set. Default: "/socket.io/". */
  const char *path;
  /* Accept the path without a '/' at its end, too. All paths that begin with the same text, such as
   * "/socket.iox", are then paths of Socket.IO. */
  bool no_trailing_slash;
  /* Do not serve socket.io.js and the other files of the JavaScript client below the path. */
  bool no_serve_client;
  /* Do not offer an upgrade to WebSocket to clients that began with polling. */
  bool no_upgrades;
  /* Serve Engine.IO 3 too: clients of Socket.IO 2, and JSONP. */
  bool allow_eio3;
  /* Which transports clients may use. Default: SIO_POLLING | SIO_WEBSOCKET. */
  unsigned transports;
  /* How many milliseconds after the handshake, and then after each pong, a client of Engine.IO 4 is
   * sent the next ping. Default: 25000. */
  unsigned ping_interval_ms;
  /* A client that does not answer a ping within this time is disconnected. Default: 20000 ms. If it
   * sends another packet in this time, it has the same time once more from then on. Clients of
   * Engine.IO 3 send the pings: one that sends none for ping_interval_ms + ping_timeout_ms is
   * disconnected. A client has more time if the program has blocked the loop, or if a rate limit
   * stops the server from reading. */
  unsigned ping_timeout_ms;
  /* How long an upgrade to WebSocket may take: from the response with status 101 until the session
   * has moved to the WebSocket, after the client's Engine.IO packet "5" (upgrade). Default: 10000
   * ms. */
  unsigned upgrade_timeout_ms;
  /* A session of Socket.IO that has joined no namespace within this time is closed. Default: 45000
   * ms. Sessions of sio_engine_route() join none, so this does not apply to them. */
  unsigned connect_timeout_ms;
  /* How long the server waits, when it closes a session or a WebSocket, until the client has read
   * what is queued and has closed its side. Default: 30000 ms. For a polling session that has
   * joined no namespace the time is at most 5000 ms. */
  unsigned close_timeout_ms;
  /* How long sio_server_close() waits until the clients have closed their side; then it cuts their
   * connections. Default: 5000 ms, or close_timeout_ms if that is less. */
  uint64_t shutdown_timeout_ms;
  /* A message that each session is sent right after its handshake; {NULL,0}: no such message. It
   * has at most max_payload bytes, and has to be UTF-8 text unless initial_binary is set. A client
   * of Socket.IO decodes this message as a packet, before it gets the response to its CONNECT
   * packet, and disconnects if the message is not a valid packet. */
  sio_slice initial_packet;
  bool initial_binary;

  /* -- Which clients may connect -- */

  /* NULL-terminated list of the origins whose web pages may connect, as browsers write them:
   * "https://a.example", "http://localhost:8080", "null"; NULL: all origins. Include the origin of
   * your own page. The list holds for requests of Engine.IO (sio_engine_route() included), on
   * either transport, whatever the option cors says; and for sio_ws_route() without any_origin. It
   * does not hold for routes, files and the JavaScript client, nor for preflight requests that the
   * option cors answers. A request that is refused because of the list gets status 403.
   *  - A request with an Origin header is allowed if the list contains this origin.
   *  - Browsers send no Origin header when a page only loads something: a script (JSONP, with
   *    allow_eio3), an image, or another page. If such a request has a Sec-Fetch-Site header
   *    (browsers send it over https and to localhost), it is allowed if the value is "same-origin"
   *    or "none", and otherwise if the list contains the origin of the Referer header.
   *  - A JSONP request that has neither Origin nor Sec-Fetch-Site is allowed if the list contains
   *    the origin of its Referer header, because any page that loads the response could read it.
   *  - Other requests that have neither Origin nor Sec-Fetch-Site are allowed, because programs
   *    that are not browsers send such requests. Browsers older than 2023, and all browsers over
   *    plain http, send them too when a page loads an image or another page. The page cannot read
   *    the responses, but it can open a session in this way.
   *
   * The list stops web pages. It does not stop programs, which can send any Origin: use
   * allow_request for these. */
  const char *const *allowed_origins;
  /* Decides whether a session may begin; NULL: not called. */
  sio_allow_cb allow_request;
  void *allow_request_user;
  /* The CORS headers that are sent; NULL: none. */
  const sio_cors *cors;
  /* The cookie that is set; NULL: none. */
  const sio_cookie *cookie;
  /* Makes the ids of sessions; NULL: an id is 15 random bytes as base64url. */
  sio_id_cb generate_id;
  void *generate_id_user;
  /* Called for each HTTP request that Engine.IO refuses with one of its error codes, before the
   * request is answered; NULL: not called. The callback may answer the request itself. It is not
   * called for requests that get status 429 because of a limit, or 503 because the server drains or
   * closes. */
  sio_connection_error_cb connection_error;
  void *connection_error_user;
  /* Called for each refusal that limits.h lists; NULL: not called. */
  sio_reject_cb on_reject;
  void *on_reject_user;

  /* -- Proxies -- */

  /* NULL-terminated list of trusted proxies: addresses ("192.0.2.7"), networks ("10.0.0.0/8",
   * "fd00::/8"), or "unix" for connections to Unix sockets; NULL: no proxy is trusted. Only trusted
   * proxies may say what the address of the client is, in one of two ways:
   *  - In the HTTP headers that the option `forwarded` selects. The client's address is the last
   *    one in these headers that is not a trusted proxy; if all are trusted proxies, the first one.
   *    If that address is hidden, malformed or missing, the proxy's own address is used.
   *    X-Forwarded-Proto, or proto of Forwarded, says whether the client's connection is secure.
   *  - If proxy_protocol is set, in a PROXY header before the first byte of a connection
   *    (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, versions 1 and 2). A
   *    connection of a trusted proxy must then begin with a PROXY header within head_timeout_ms;
   *    other connections must not contain one. The HTTP headers are read only if the address in the
   *    PROXY header belongs to a trusted proxy, too. If the PROXY header says LOCAL or UNKNOWN, or
   *    names a Unix socket, the proxy's own address is used.
   *
   * sio_request_info.address, sio_session_info.address, the handshake, the log and the limits use
   * the client's address; sio_request_info.peer and sio_session_info.peer are the proxy's. */
  const char *const *trusted_proxies;
  /* enum sio_forwarded: which HTTP headers of a trusted proxy contain the client's address. */
  int forwarded;
  /* Require a PROXY header at the beginning of each connection of a trusted proxy. */
  bool proxy_protocol;

  /* -- Sockets, namespaces and events -- */

  /* How many bytes each sio_socket has for data of the program (sio_socket_data()). They are zero
   * at first, unless the socket is recovered. Default: 0. */
  size_t socket_data_size;
  /* Free the URL and headers of the first request of a session, to save memory, when the callbacks
   * of sio_on_connect() have run for its first namespace (for sio_engine_route(), after open). */
  bool drop_handshake;
  /* The settings of connection state recovery; NULL: it is off. */
  const sio_recovery *recovery;
  /* How Socket.IO packets are encoded; NULL: as JSON. See parser.h. Cannot be combined with
   * allow_eio3. */
  const struct sio_parser_ops *parser;
  /* Knows which sockets are in which rooms, and connects several servers (adapter.h); NULL: the
   * library's own adapter, which keeps the rooms in memory and connects the servers of `threads`,
   * if that is set. */
  const struct sio_adapter_ops *adapter;
  /* A pointer that the library passes to sio_adapter_ops.open. */
  void *adapter_user;
  /* NULL: the server serves alone. Otherwise the server serves together with the other servers that
   * were created with the same sio_threads (threads.h). The limits max_connections,
   * max_per_address, connects_per_s and requests_per_s then hold for all of them together. Cannot
   * be combined with adapter. */
  sio_threads *threads;
  /* How long all middleware of sio_use() of a namespace together may take to decide about one
   * client; after this time the client gets connect_error "timeout". The callbacks of
   * sio_of_match() together have a limit of their own, which is as long. Default: 0, no limit. */
  unsigned middleware_timeout_ms;
  /* How long sio_emit_ack(), sio_emit_with() and sio_broadcast_ack() wait for acks if their
   * timeout_ms is 0. Default: 0, no limit; but a sio_broadcast_ack() that asks other servers then
   * waits for request_timeout_ms. */
  unsigned ack_timeout_ms;
  /* How long a query (emit.h) waits for answers of other servers if its timeout_ms is 0 (for
   * sio_broadcast_ack() only if ack_timeout_ms is 0, too), and how long a returning client waits
   * for the adapter to find its socket (sio_recovery). Default: 5000 ms. */
  unsigned request_timeout_ms;
  /* Do not remove child namespaces (nsp.h) when their last socket has left. */
  bool keep_empty_nsps;

  /* -- Compression -- */

  /* Do not compress HTTP responses. */
  bool no_http_compression;
  /* HTTP responses that are shorter than this are not compressed. Default: 1024 bytes. */
  size_t http_compression_threshold;
  /* The compression of WebSocket messages; NULL: they are not compressed. */
  const sio_deflate *per_message_deflate;

  /* -- Log -- */

  /* Called for each line of the log; NULL: nothing is logged. */
  sio_log_cb log;
  void *log_user;
  /* enum sio_log_level: the lines that are logged. Default: SIO_LOG_WARN. */
  int log_level;

  /* -- Limits on what one client may send -- */

  /* The maximum length of one WebSocket message of a client, and of the body of one POST of
   * Engine.IO. Default: 1000000 bytes. A larger WebSocket message closes the connection (code
   * 1009), and a larger POST gets status 413. The server tells its clients this limit as
   * "maxPayload".
   *
   * Over polling, binary data is sent as base64: one binary needs a max_payload of 4/3 of its
   * length, and some bytes more. A JavaScript client that has several packets to send puts as many
   * into one POST as fit into maxPayload, but it counts 1.33 instead of 4/3 for base64: 876 bytes
   * too few for 256 KiB. So it sends three binaries of 256 KiB, 1048584 bytes of base64 and their
   * events, in one POST although max_payload is 1 << 20, and gets status 413, as from a Node.js
   * server. To rule this out, make max_payload larger than all binaries together that a client may
   * have sent before it gets the acks of the first ones: eight of 256 KiB need 8 x (4/3 x 256 KiB +
   * the length of the event), so 3 << 20 is enough. Until a client has joined a namespace, the
   * limit is at most a quarter of max_unjoined. */
  size_t max_payload;
  /* The maximum length of one packet of a client together with all its attachments. Default: 10 x
   * max_payload. */
  size_t max_packet;
  /* How many attachments one packet of a client may have. A client that sends more is disconnected.
   * Default: 10. JavaScript clients refuse packets with more than 10 attachments, too: if events of
   * clients are sent on to other clients, raise both limits. What the program itself sends is not
   * limited by max_attachments. */
  unsigned max_attachments;
  /* How long the server waits for the next piece of an incomplete WebSocket message, or for the
   * next attachment of an incomplete packet. Default: 60000 ms. If nothing more comes, the
   * connection is closed when one to two times this time has passed, or later if the program blocks
   * the loop: "forced close" with SIO_ETIMEOUT. But it is not closed while the server does not read
   * from the client because of a rate limit or of high_water. Until a client has joined a
   * namespace, connect_timeout_ms limits the time for attachments instead. */
  unsigned packet_timeout_ms;
  /* How many levels of [ and { one packet of a client may have: at most 900. Default: 512. What the
   * program sends may have 899 levels, whatever the value of max_depth. */
  unsigned max_depth;
  /* How many frames one WebSocket message may have. Default: 1024. */
  unsigned max_fragments;
  /* How many packets the body of one polling POST may have. Default: 16384. */
  unsigned max_payload_packets;
  /* How many namespaces one client may be in. A namespace counts from the client's CONNECT packet
   * on, also before the server has admitted the client. Default: 64. */
  unsigned max_nsps;
  /* The maximum number of child namespaces of all parents (nsp.h). Default: 10000. To keep one
   * address from using up all of them, a client gets a new child namespace only if fewer exist for
   * clients of its address than can still be created. So clients of a single address can have half
   * of the maximum. */
  unsigned max_child_nsps;
  /* Limits the memory for what a client sends before it has joined a namespace, and for the
   * replies. Default: 256 KiB; at least 16 KiB. One message or POST may use a quarter of
   * max_unjoined, one packet with its attachments a quarter, and the auth data of all CONNECT
   * packets of the client a quarter. While the queued replies to the client take more than a
   * sixteenth of max_unjoined, the server handles nothing more from the client. The limit does not
   * apply to sessions of sio_engine_route(). */
  size_t max_unjoined;
  /* How many Engine.IO packets, WebSocket messages and WebSocket pings one client may send each
   * second. Default: 0, no limit. An event counts as one packet, and each of its attachments as one
   * more. A packet is counted after it has been read, so a client can exceed packets_burst by one
   * packet; further packets that were read with it are handled later. With SIO_LIMITED_PAUSE, while
   * a client is over this rate, the server does not read its WebSocket, answers its POSTs later,
   * and does not treat a missing pong as a ping timeout. */
  unsigned packets_per_s;
  /* How many packets may come at once before packets_per_s limits them. Default: packets_per_s. */
  unsigned packets_burst;
  /* How many bytes one client may send each second. Default: 0, no limit. The bytes are counted as
   * they are received (binary data over polling usually as base64); for a compressed message, the
   * bytes by which it grows when it is decompressed count as well. */
  size_t bytes_per_s;
  /* How many bytes may come at once before bytes_per_s limits them. Default: bytes_per_s. Set it to
   * at least max_payload; otherwise the response to a long POST is delayed. */
  size_t bytes_burst;
  /* enum sio_when_limited: what happens to a client that exceeds packets_per_s or bytes_per_s. */
  int when_limited;
  /* Called for a client that exceeds packets_per_s or bytes_per_s (see limits.h); NULL: not
   * called. */
  sio_limited_cb on_limited;
  void *on_limited_user;

  /* -- Limits on what waits for one client (backpressure) --
   *
   * max_queued, high_water, queue_high and queue_low count the memory of queued messages, in bytes,
   * and not the bytes that they have on the wire. A short event takes a block of about 500 bytes,
   * so 16 KiB are about 30 of them. What is sent to many clients is in memory once, and counts for
   * each of them. sio_session_info.queued_memory is what these options count. */

  /* How much memory may be queued for one client; if more is queued, the connection is closed.
   * Default: 16 MiB. The replies of sio_reply() and sio_ack_send() count, too, and are never
   * dropped: make max_queued several times as large as the largest of them. Events of the client
   * that wait for packet middleware (sio_use_packet()) may take as much memory again; if several
   * events take more, the connection is closed, too. */
  size_t max_queued;
  /* When more than this is queued for one client: if the client polls, the server handles no
   * further packets of it; from a WebSocket whose client does not read, the server reads nothing
   * more until only half of this is queued. Default: 1 MiB, or max_queued if that is less. In a
   * session, replies have a lower limit of their own: the server also handles no further packets of
   * the client while more than 128 KiB of them are queued (max_unjoined / 16 before the client has
   * joined a namespace). Replies are what was queued for the client while packets of the client
   * itself were handled. */
  size_t high_water;
  /* When more memory than this is queued for one client, when_full applies. Default: 0, when_full
   * never applies; then sio_server_new() accepts no other when_full than SIO_FULL_DROP_VOLATILE,
   * its default. */
  size_t queue_high;
  /* When when_full drops events, it drops until at most queue_low bytes of memory are queued. With
   * SIO_FULL_KEEP_LATEST make it several times as large as one event of each key. After the queue
   * was longer than queue_high, the callbacks of sio_on_writable() run when it has become as short
   * as this. Default: queue_high / 2. */
  size_t queue_low;
  /* enum sio_when_full: which events are dropped when more than queue_high bytes are queued. It
   * needs queue_high. What sio_emit() returns then is explained there. */
  int when_full;
  /* How many bytes of a session's WebSocket the kernel of this machine may hold that it has not
   * sent yet. Default: 64 KiB if when_full is SIO_FULL_KEEP_LATEST, otherwise no limit; INT_MAX: no
   * limit. Without a limit, the kernel takes megabytes for a client that does not read. These bytes
   * do not count for queue_high and cannot be dropped, so the client first receives old values when
   * it reads again. What the kernel of the client's machine has received is not limited. The
   * library sets the socket option TCP_NOTSENT_LOWAT if the system has it, otherwise SO_SNDBUF
   * (also on Unix sockets). */
  size_t max_unsent;
  /* How many acks may be pending for one socket, and how many queries (emit.h) for one namespace.
   * Further calls return SIO_ETOOBIG; but sio_broadcast_ack() leaves out the sockets that wait for
   * so many acks, and counts their answers as missing. Default: 4096. */
  unsigned max_acks;
  /* How many bytes of answers are kept for one query, for example for one sio_broadcast_ack() or
   * sio_all_fetch() (the sockets of this server do not count there). Further answers are dropped,
   * and the callback of the query gets the status SIO_ETOOBIG, unless it gets another error, for
   * example because the timeout runs out. Default: 64 MiB. */
  size_t max_answers;

  /* -- Limits on connections -- */

  /* How many connections may be open. Further connections are closed as soon as they are accepted.
   * Default: 0, no limit. */
  unsigned max_connections;
  /* How many connections may be open that have not sent a complete request head yet. When there is
   * one more, the oldest of them is closed. Default: 0, no limit. */
  unsigned max_pending;
  /* How many connections the clients of one address may open each second. Default: 0, no limit. New
   * sessions, and WebSockets of sio_ws_route(), are counted separately with the same limit, so that
   * clients that share a connection of a trusted proxy are limited, too. A request for a new
   * session counts even if it is refused; most other requests that Engine.IO refuses count as well.
   * Above the limit a new connection is closed at once, and a request that counts gets status 429.
   * IPv6 addresses with the same first 64 bits count as one address. Clients of Unix sockets are
   * not counted. A connection of a trusted proxy counts for the client that its PROXY header names,
   * if it names one. */
  unsigned connects_per_s;
  /* How many connections of one address may come at once before connects_per_s limits them.
   * Default: connects_per_s. */
  unsigned connects_burst;
  /* How many connections of one address may be open at the same time. Default: 0, no limit.
   * Sessions are counted separately, with the same limit. A client that polls without keep-alive
   * opens a new connection for each request. */
  unsigned max_per_address;
  /* How many addresses are remembered for connects_per_s, max_per_address and requests_per_s.
   * Default: 65536. When there is one more, the address that has been unused for the longest time
   * is forgotten. If all of them are in use, the new client is admitted, and its address is not
   * counted. */
  unsigned max_addresses;
  /* How long a TLS handshake may take (tls.h). Default: 10000 ms. */
  unsigned tls_timeout_ms;
  /* How many TLS handshakes may be in progress. Default: 4096. When there is one more, the
   * connection whose handshake is the oldest is closed. To keep one address from using up all
   * places, an address may have as many handshakes in progress as there are free places (half of
   * the maximum, if no other address has any); when it has more, its own oldest one is closed. With
   * libsio-openssl a handshake takes up to 44 KB of memory. Clients of Unix sockets, and trusted
   * proxies that name no client, are not counted for an address. */
  unsigned max_tls_handshakes;

  /* -- Limits on HTTP requests -- */

  /* The maximum length of the head of an HTTP request: request line and headers. Default: 16384
   * bytes. */
  size_t max_head;
  /* How many header lines an HTTP request may have. Default: 100. */
  unsigned max_headers;
  /* How long the head of an HTTP request may take to arrive: then the answer is status 408. A new
   * connection that begins no request within this time (after its TLS handshake, if it uses TLS) is
   * closed, without a line of the log unless a PROXY header is missing. Default: 10000 ms. */
  unsigned head_timeout_ms;
  /* How long the body of an HTTP request may take to arrive. Default: 30000 ms. */
  unsigned body_timeout_ms;
  /* How long an HTTP connection may be idle between a response and the next request. Default: 5000
   * ms. */
  unsigned keep_alive_ms;
  /* How many requests the clients of one address may send each second for routes (sio_route()),
   * files, those of the JavaScript client included, and paths that do not exist. Other requests
   * below sio_options.path, and those below the path of a sio_engine_route(), do not count. Further
   * requests get status 429, and their connections are closed. What counts as one address is
   * explained for connects_per_s. Default: 0, no limit. */
  unsigned requests_per_s;
  /* How many requests of one address may come at once before requests_per_s limits them. Default:
   * requests_per_s. */
  unsigned requests_burst;
} sio_options;

#ifdef __cplusplus
}
#endif
#endif
