/* SPDX-License-Identifier: MIT
 *
 * engine.h - Engine.IO sessions (https://socket.io/docs/v4/engine-io-protocol). Each client has
 * one, which carries its sockets of all namespaces.
 *
 * A session is valid from its open hook until its close hooks have returned. A program without
 * hooks gets the session of a socket from sio_socket_session(), which returns NULL once it has
 * ended. All calls are made on the loop's thread.
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

/* Calls cb for each open session. cb may close the session that it is called for, and no other.
 * sio_stats.sessions is their number. */
SIO_EXTERN void sio_sessions(const sio_server *srv, void (*cb)(sio_session *c, void *user),
                             void *user);

/* ---- reading a session ------------------------------------------------------------------- */

/* "readyState". The close hooks of a session that is not open have run or will run in this turn. */
enum sio_session_state {
  SIO_SESSION_OPEN,
  SIO_SESSION_CLOSING, /* closed, but a polling client may still fetch what was queued */
  SIO_SESSION_CLOSED
};

enum { SIO_PUBLIC_ID_SIZE = 21 };

/* The properties of a session. Pointers and slices in it are valid as long as the session. */
typedef struct sio_session_info {
  /* Set by the caller to sizeof(sio_session_info); 0 stands for the size of version 0.1. */
  size_t size;
  sio_server *server;
  /* The session's id. A client that knows it can speak for the session: do not show it. */
  const char *id;
  /* "polling" or "websocket" */
  const char *transport;
  /* The client's address when the session began, as sio_request_info.address; "" for Unix sockets.
   */
  const char *address;
  /* The address that connected: that of a trusted proxy, or the same. */
  const char *peer;
  /* Path and query of the first request; empty after drop_handshake. sio_url_param() (http.h) reads
   * the query. */
  sio_slice url;
  /* The TLS of the first request's connection; NULL: it had none on this server, whatever a proxy
   * says, or there was no memory. It is kept after an upgrade and after drop_handshake. */
  const sio_tls_info *tls;
  size_t queued;      /* bytes that wait to be sent                             */
  uint64_t rtt_us;    /* time from the last ping to its pong; 0: not known yet  */
  uint64_t opened_ms; /* when the session began: Unix time ("issued")           */
  int state;          /* enum sio_session_state                                 */
  int protocol;       /* version of Engine.IO: 4, or 3 (allow_eio3)             */
  bool secure;        /* the client's connection is secure, as sio_request_info.secure */
  bool xdomain;       /* the first request had an Origin header                 */
  bool writable;      /* a volatile event would be sent now                     */
  bool upgrading;     /* the client is trying a WebSocket                       */
  bool upgraded;      /* the session has moved to a WebSocket                   */
  bool ping_pending;  /* a ping was sent, and its pong has not been received    */
  /* An id that everybody may see: a digest of the session's id, which stays the same as long as the
   * session lives. 20 characters of [A-Za-z0-9_-] and a NUL; the log shows the first eight. */
  char public_id[SIO_PUBLIC_ID_SIZE];
} sio_session_info;

/* Fills in the first out->size bytes of *out. If c is NULL, as sio_socket_session() is once the
 * socket has left, the texts are "", state is SIO_SESSION_CLOSED, and everything else is zero. */
SIO_EXTERN void sio_session_get_info(const sio_session *c, sio_session_info *out);

/* The same as a value: sio_session_info_of(c).address. */
static inline sio_session_info sio_session_info_of(const sio_session *c) {
  sio_session_info info;
  info.size = sizeof info;
  sio_session_get_info(c, &info);
  return info;
}

/* A header of the first request; {NULL,0}: it is absent, was not kept, or is gone after
 * drop_handshake. Not kept are Connection, Upgrade, Sec-WebSocket-Key and Sec-WebSocket-Version. */
SIO_EXTERN sio_slice sio_session_header(const sio_session *c, const char *name);

/* Lists the sockets of a session of Socket.IO that are connected, one for each namespace. Writes at
 * most max of them to out and returns their number; 0 for sessions of sio_engine_route(). */
SIO_EXTERN size_t sio_session_sockets(const sio_session *c, sio_socket **out, size_t max);

/* ---- knowing when something has been sent ------------------------------------------------ */

/* status 0: it was sent; SIO_ECLOSED: the session ended before. */
typedef void (*sio_sent_cb)(int status, void *user);

/* Calls cb once, from the loop, when everything that was queued for the client before this call has
 * been sent: the kernel has taken it (WebSocket), or it is in an answer to a poll. That does not
 * say that it has arrived; an ack does. Callbacks run in the order of the calls, also when the
 * session upgrades. What when_full dropped counts as sent. When the session ends, cb runs with
 * SIO_ECLOSED before the disconnect callbacks, even if a polling client fetches the rest later.
 *
 * For a socket: sio_session_on_sent(sio_socket_session(s), cb, user) after sio_emit().
 *
 * SIO_ECLOSED: the session has ended, or is NULL. SIO_ETOOBIG: 4096 callbacks wait. UV_EINVAL: cb
 * is NULL. UV_ENOMEM. */
SIO_EXTERN int sio_session_on_sent(sio_session *c, sio_sent_cb cb, void *user);

/* ---- hooks ------------------------------------------------------------------------------- */

/* The packet types of the protocol, with its numbers
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

/* Callbacks for what happens to sessions. Each may be NULL. They run from the loop and may make any
 * call, except for packet_create. A hook that is set costs one call for each packet; one that is
 * NULL costs nothing. The handshake and the packets that test a WebSocket before an upgrade are
 * not shown to the packet hooks. */
typedef struct sio_engine_hooks {
  /* sizeof(sio_engine_hooks); 0: the size that the struct had in version 0.1. */
  size_t size;
  void (*open)(sio_session *c, void *user);      /* A session begins; its handshake is queued. */
  void (*upgrading)(sio_session *c, void *user); /* The client is trying a WebSocket.          */
  void (*upgrade)(sio_session *c, void *user);   /* The session has moved to a WebSocket.      */
  void (*heartbeat)(sio_session *c, void *user); /* A pong was received.                       */
  void (*drain)(sio_session *c, void *user);     /* Everything that was queued has been sent.  */
  /* The session has ended. c is not valid after all close hooks have returned. */
  void (*close)(sio_session *c, const sio_close_info *why, void *user);
  /* A packet was received, and has not been handled yet. */
  void (*packet)(sio_session *c, const sio_engine_packet *p, void *user);
  /* A packet is about to be queued ("packetCreate"). The hook runs inside the call that sends: in
   * it, calls that send, close, join or leave return SIO_ESTATE. */
  void (*packet_create)(sio_session *c, const sio_engine_packet *p, void *user);
  /* The queued packets are about to be written, or to be sent as the answer to a poll. */
  void (*flush)(sio_session *c, void *user);
  /* A message was received. If the hook returns true, the message is the host's alone: later hooks
   * and Socket.IO do not get it. */
  bool (*message)(sio_session *c, bool binary, sio_slice data, void *user);
} sio_engine_hooks;

/* Registers hooks for all sessions of the server; they are copied. May be called more than once:
 * the hooks run in the order of registration. UV_EINVAL: hooks is NULL or sets a field that this
 * version does not know; UV_ENOMEM. */
SIO_EXTERN int sio_on_engine(sio_server *srv, const sio_engine_hooks *hooks, void *user);

/* ---- closing a session -------------------------------------------------------------------- */

/* For sio_session_close(). */
typedef struct sio_session_close_options {
  /* sizeof(sio_session_close_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Drops what is queued. On WebSocket everything queued is on its way to the kernel already, and
   * is sent. */
  bool discard;
  /* The code of the close frame: 1000, or 3000 to 4999 (RFC 6455 section 7.4); 0: no code */
  unsigned ws_code;
  /* The text of the close frame, at most 123 bytes; NULL: none. */
  const char *ws_text;
} sio_session_close_options;

/* Closes the session, after everything queued has been sent; the reason is "forced close". how may
 * be NULL. */
SIO_EXTERN void sio_session_close(sio_session *c, const sio_session_close_options *how);

/* ---- Engine.IO without Socket.IO -----------------------------------------------------------
 *
 * Sessions that carry the host's own messages, for clients such as engine.io-client of npm. The
 * options of the server hold for them (transports, heartbeat, limits, CORS, allow_request,
 * when_full for whole messages, ...), except connect_timeout_ms and max_unjoined. The hooks of the
 * server see them, too. */

/* Each may be NULL. After open, close is called exactly once. */
typedef struct sio_engine_callbacks {
  /* sizeof(sio_engine_callbacks); 0: the size that the struct had in version 0.1. */
  size_t size;
  void (*open)(sio_session *c, void *user);
  /* A message was received. Text is valid UTF-8. data is borrowed until the callback returns. */
  void (*message)(sio_session *c, bool binary, sio_slice data, void *user);
  /* As sio_on_writable(). */
  void (*writable)(sio_session *c, void *user);
  /* As sio_on_drop(). */
  void (*drop)(sio_session *c, const sio_drop *d, void *user);
  /* The session has ended. c is not valid after the callback has returned. */
  void (*close)(sio_session *c, const sio_close_info *why, void *user);
} sio_engine_callbacks;

/* Serves Engine.IO sessions on another path, such as "/engine.io/". If two paths match a request,
 * the longer one is used. With path NULL the sessions take the place of Socket.IO's. cbs is copied.
 * UV_EINVAL: path is invalid, or cbs is NULL or sets a field that this version does not know;
 * SIO_EEXISTS: the path is in use; SIO_ESTATE: the server is closing; UV_ENOMEM. */
SIO_EXTERN int sio_engine_route(sio_server *srv, const char *path, const sio_engine_callbacks *cbs,
                                void *user);

/* Queues one message for the client. flags: SIO_VOLATILE, SIO_NO_COMPRESS. On a session of
 * Socket.IO the client decodes the message as a Socket.IO packet. UV_EINVAL: the text is not valid
 * UTF-8; SIO_ECLOSED, SIO_EDROPPED, SIO_ETOOBIG and UV_ENOMEM as for sio_emit(). */
SIO_EXTERN int sio_session_send(sio_session *c, unsigned flags, bool binary, sio_slice data);

/* A pointer of the host for each session of sio_engine_route(); NULL at first. For sessions of
 * Socket.IO the first call returns NULL and the second UV_ENOTSUP. */
SIO_EXTERN void *sio_session_data(const sio_session *c);
SIO_EXTERN int sio_session_set_data(sio_session *c, void *data);

#ifdef __cplusplus
}
#endif
#endif
