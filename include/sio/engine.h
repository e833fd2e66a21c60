/* SPDX-License-Identifier: MIT
 *
 * engine.h - Engine.IO sessions (https://socket.io/docs/v4/engine-io-protocol). A client of
 * Socket.IO has one session, which carries its sockets of all namespaces.
 *
 * A session is valid from its open hook until its close hooks have returned. A program without
 * hooks gets the session of a socket from sio_socket_session(). All functions are called on the
 * loop's thread.
 */
#ifndef SIO_ENGINE_H
#define SIO_ENGINE_H

#include <sio/error.h>
#include <sio/tls.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- all sessions ------------------------------------------------------------------------ */

/* Calls cb once for each open session of the server, sessions of sio_engine_route() included. cb
 * may close the session that it is called for, but no other session. */
SIO_EXTERN void sio_sessions(const sio_server *srv, void (*cb)(sio_session *c, void *user),
                             void *user);

/* ---- reading a session ------------------------------------------------------------------- */

/* The state of a session ("readyState"). When a session is not open any more, its close hooks have
 * run, or will run soon, usually at the end of the current turn of the loop. */
enum sio_session_state {
  SIO_SESSION_OPEN,
  SIO_SESSION_CLOSING, /* closed, but a polling client may still fetch what was queued */
  SIO_SESSION_CLOSED
};

enum { SIO_PUBLIC_ID_SIZE = 21 };

/* The properties of a session. Pointers and slices in it are valid as long as the session; with
 * sio_options.drop_handshake, only until the callback returns. */
typedef struct sio_session_info {
  /* Set by the caller to sizeof(sio_session_info); 0 stands for the size of version 0.1. */
  size_t size;
  sio_server *server;
  /* The id of the session. Whoever knows the id of a session on polling can send and receive in it:
   * do not show ids to others. */
  const char *id;
  /* "polling" or "websocket"; for a client of test.h, "memory" */
  const char *transport;
  /* The client's address when the session began, as sio_request_info.address; "" for a client of
   * test.h. */
  const char *address;
  /* The address from which the first connection came: that of a trusted proxy or, without a proxy,
   * the same as `address`. */
  const char *peer;
  /* The path and query of the first request, which sio_url_param() (http.h) can read. Empty for a
   * client of test.h, and after sio_options.drop_handshake has freed it. */
  sio_slice url;
  /* The TLS of the first request's connection. NULL: that connection did not use TLS on this server
   * (even if a proxy says that the client's connection does), or the library could not read or keep
   * its state, for example because memory ran out. It is kept after an upgrade and with
   * sio_options.drop_handshake. */
  const sio_tls_info *tls;
  size_t queued;      /* bytes of messages that wait; see queued_memory, too    */
  uint64_t rtt_us;    /* time from the last ping to its pong; 0: not known      */
  uint64_t opened_ms; /* when the session began: Unix time ("issued")           */
  int state;          /* enum sio_session_state                                 */
  int protocol;       /* version of Engine.IO: 4, or 3 (allow_eio3)             */
  bool secure;        /* the client's connection is secure, as sio_request_info.secure */
  bool xdomain;       /* the first request had an Origin header                 */
  bool writable;      /* a volatile event would be sent now                     */
  bool upgrading;     /* the client is trying a WebSocket                       */
  bool upgraded;      /* the session has moved to a WebSocket                   */
  bool ping_pending;  /* a ping was sent, and its pong has not been received    */
  /* An id of the session that is not secret: a digest of the secret id, which does not change as
   * long as the session exists. 20 characters of [A-Za-z0-9_-] and a NUL. The log shows the first
   * eight characters. */
  char public_id[SIO_PUBLIC_ID_SIZE];
  /* The memory that the messages of `queued` take, in bytes: a short message takes about 500. The
   * options max_queued, high_water, queue_high and queue_low count this memory. */
  size_t queued_memory;
} sio_session_info;

/* Fills in the first out->size bytes of *out. c may be NULL (see sio_socket_session()): then the
 * texts are "", state is SIO_SESSION_CLOSED, and the other fields are zero. */
SIO_EXTERN void sio_session_get_info(const sio_session *c, sio_session_info *out);

/* Returns the properties of a session as a struct: sio_session_info_of(c).address. */
static inline sio_session_info sio_session_info_of(const sio_session *c) {
  sio_session_info info;
  info.size = sizeof info;
  sio_session_get_info(c, &info);
  return info;
}

/* Returns a header of the session's first request, with the rules of sio_request_header(). Returns
 * {NULL,0} if the request did not have the header, if sio_options.drop_handshake has freed it, if
 * the client is one of test.h, or if it is one of the headers that are not kept: Connection,
 * Upgrade, Sec-WebSocket-Key and Sec-WebSocket-Version. */
SIO_EXTERN sio_slice sio_session_header(const sio_session *c, const char *name);

/* Lists the connected sockets of a session of Socket.IO, one for each namespace that its client is
 * in. Writes at most max of them to out, and returns their number, which may be greater than max.
 * Returns 0 for a session of sio_engine_route(). */
SIO_EXTERN size_t sio_session_sockets(const sio_session *c, sio_socket **out, size_t max);

/* ---- knowing when something has been sent ------------------------------------------------ */

/* A callback of sio_session_on_sent(). status is 0: everything has been sent; or SIO_ECLOSED: the
 * session ended before. */
typedef void (*sio_sent_cb)(int status, void *user);

/* Calls cb once, later and on the loop's thread, when everything that was queued for the client
 * before this call has been sent. On WebSocket that means that the kernel has taken it; over
 * polling, that it is part of a response. It does not mean that the client has received it; only an
 * ack says so. Callbacks run in the order of the calls, also if the session upgrades. An event that
 * sio_options.when_full dropped counts as sent. If the session ends first, cb runs with
 * SIO_ECLOSED, even if a polling client fetches the rest later.
 *
 * For a socket: call sio_session_on_sent(sio_socket_session(s), cb, user) after sio_emit().
 *
 * SIO_ECLOSED: the session has ended, or c is NULL; SIO_ETOOBIG: 4096 callbacks of the session are
 * waiting; UV_EINVAL: cb is NULL; UV_ENOMEM. */
SIO_EXTERN int sio_session_on_sent(sio_session *c, sio_sent_cb cb, void *user);

/* ---- hooks ------------------------------------------------------------------------------- */

/* The types of Engine.IO packets, with the numbers of the protocol
 * (https://socket.io/docs/v4/engine-io-protocol/#packet-types). */
enum sio_engine_type {
  SIO_ENGINE_OPEN,
  SIO_ENGINE_CLOSE,
  SIO_ENGINE_PING,
  SIO_ENGINE_PONG,
  SIO_ENGINE_MESSAGE,
  SIO_ENGINE_UPGRADE,
  SIO_ENGINE_NOOP
};

typedef struct sio_engine_packet {
  int type; /* enum sio_engine_type */
  bool binary;
  sio_slice data; /* what follows the type; borrowed until the hook returns */
} sio_engine_packet;

/* Callbacks for what happens to the sessions of a server. Each may be NULL. They run on the loop's
 * thread and may call every function; packet_create has exceptions. A packet hook that is set costs
 * one call for each packet. packet and packet_create are not called for the packets of the
 * handshake (initial_packet included) and of upgrades, nor for the close and noop packets that the
 * server sends. */
typedef struct sio_engine_hooks {
  /* sizeof(sio_engine_hooks); 0: the size that the struct had in version 0.1. */
  size_t size;
  void (*open)(sio_session *c, void *user);      /* A session begins; its handshake is queued. */
  void (*upgrading)(sio_session *c, void *user); /* The client is trying a WebSocket.          */
  void (*upgrade)(sio_session *c, void *user);   /* The session has moved to a WebSocket.      */
  void (*heartbeat)(sio_session *c, void *user); /* A pong (protocol 3: a ping) was received. */
  void (*drain)(sio_session *c, void *user);     /* Everything that was queued has been sent.  */
  /* The session has ended. c is valid until the close hooks of all registrations have returned. */
  void (*close)(sio_session *c, const sio_close_info *why, void *user);
  /* A packet was received; the library has not handled it yet. */
  void (*packet)(sio_session *c, const sio_engine_packet *p, void *user);
  /* A packet is about to be queued ("packetCreate"). The hook runs inside the call that sends the
   * packet. In this hook, functions that send to or close sockets or sessions, visit the sockets of
   * a target, or make sockets join or leave, do nothing; those that return an error code return an
   * error such as SIO_ESTATE. */
  void (*packet_create)(sio_session *c, const sio_engine_packet *p, void *user);
  /* The queued packets are about to be written to the WebSocket, or to be sent as the response to a
   * poll. Not called for the response that opens a polling session, for packets that are written
   * early because queue_high was exceeded or because the client leaves many replies unread, nor
   * after the session has ended. */
  void (*flush)(sio_session *c, void *user);
  /* A message was received. If the hook returns true, the program has handled the message: the
   * hooks that were registered later, and Socket.IO or the callbacks of sio_engine_route(), do not
   * get it. */
  bool (*message)(sio_session *c, bool binary, sio_slice data, void *user);
} sio_engine_hooks;

/* Registers hooks for all sessions of the server. *hooks is copied. May be called more than once;
 * the hooks of all calls run, in the order of registration. UV_EINVAL: hooks is NULL, hooks->size
 * is invalid, or *hooks sets a field that this version of the library does not know; UV_ENOMEM. */
SIO_EXTERN int sio_on_engine(sio_server *srv, const sio_engine_hooks *hooks, void *user);

/* ---- closing a session -------------------------------------------------------------------- */

/* Says how sio_session_close() closes a session. A field that is 0 selects the default. */
typedef struct sio_session_close_options {
  /* sizeof(sio_session_close_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Do not send what is queued for a polling client. If the client has a WebSocket that takes no
   * more data at the moment, or for which more than max_queued bytes are queued, close its
   * connection at once; what is queued for another WebSocket is still passed to the kernel. */
  bool discard;
  /* The code of the WebSocket close frame: 1000, or 3000 to 4999 (RFC 6455 section 7.4); 0: the
   * close frame has no code. */
  unsigned ws_code;
  /* The text of the WebSocket close frame, at most 123 bytes; NULL: no text. */
  const char *ws_text;
} sio_session_close_options;

/* Closes the session. It accepts nothing more; what is queued is still sent, if the client takes it
 * in time and how->discard is not set. The close hooks run later, usually at the end of the turn of
 * the loop, with the reason "forced close". how may be NULL: all defaults. Has no effect if the
 * session is closed already, or in a hook packet_create or a callback of sio_on_any_outgoing(). */
SIO_EXTERN void sio_session_close(sio_session *c, const sio_session_close_options *how);

/* ---- Engine.IO without Socket.IO -----------------------------------------------------------
 *
 * Sessions that carry messages of the program instead of Socket.IO packets, for clients such as
 * engine.io-client of npm. The options of the server about sessions (transports, heartbeat, limits,
 * CORS, allow_request and so on) apply, except connect_timeout_ms and max_unjoined; when_full drops
 * whole messages. The hooks of sio_on_engine() are called for these sessions, too. */

/* The callbacks of a path of sio_engine_route(). Each may be NULL. After open, close is called
 * exactly once. */
typedef struct sio_engine_callbacks {
  /* sizeof(sio_engine_callbacks); 0: the size that the struct had in version 0.1. */
  size_t size;
  void (*open)(sio_session *c, void *user);
  /* A message was received. If binary is false, data is valid UTF-8. data is valid until the
   * callback returns. */
  void (*message)(sio_session *c, bool binary, sio_slice data, void *user);
  /* The session's queue has become short again, as for a callback of sio_on_writable(). */
  void (*writable)(sio_session *c, void *user);
  /* Messages that were queued for the client were dropped, as for a callback of sio_on_drop(). */
  void (*drop)(sio_session *c, const sio_drop *d, void *user);
  /* The session has ended. After this callback c is valid only in the close hooks of
   * sio_on_engine(). */
  void (*close)(sio_session *c, const sio_close_info *why, void *user);
} sio_engine_callbacks;

/* Serves Engine.IO sessions on another path, such as "/engine.io/". If the paths of two engines
 * match a request, the longer path is used. If path is NULL, these sessions are served on
 * sio_options.path, instead of Socket.IO's. *cbs is copied. UV_EINVAL: path is invalid; cbs is
 * NULL; cbs->size is invalid; or *cbs sets a field that this version of the library does not know.
 * SIO_EEXISTS: sio_engine_route() was called for this path before; SIO_ESTATE: the server is
 * closing; UV_ENOMEM. */
SIO_EXTERN int sio_engine_route(sio_server *srv, const char *path, const sio_engine_callbacks *cbs,
                                void *user);

/* Queues one message for the client. flags may contain SIO_VOLATILE and SIO_NO_COMPRESS. If the
 * session is one of Socket.IO, the client decodes the message as a Socket.IO packet. UV_EINVAL:
 * binary is false, and data is not valid UTF-8; SIO_ECLOSED, SIO_EDROPPED, SIO_ETOOBIG, SIO_ESTATE
 * and UV_ENOMEM as for sio_emit(). */
SIO_EXTERN int sio_session_send(sio_session *c, unsigned flags, bool binary, sio_slice data);

/* One pointer that each session of sio_engine_route() keeps for the program; NULL at first. For a
 * session of Socket.IO, sio_session_data() returns NULL and sio_session_set_data() returns
 * UV_ENOTSUP. */
SIO_EXTERN void *sio_session_data(const sio_session *c);
SIO_EXTERN int sio_session_set_data(sio_session *c, void *data);

#ifdef __cplusplus
}
#endif
#endif
