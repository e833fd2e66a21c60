/* SPDX-License-Identifier: MIT
 *
 * engine.h - the Engine.IO sessions below Socket.IO, one for each peer's connection
 * (https://socket.io/docs/v4/engine-io-protocol).
 *
 * A session is valid from the open hook until the close hooks have returned; for who holds
 * only a socket, as long as sio_socket_session() answers it. Loop thread only.
 */
#ifndef SIO_ENGINE_H
#define SIO_ENGINE_H

#include <sio/error.h>
#include <sio/tls.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- finding sessions -------------------------------------------------------------------- */

/* The open session with this id; NULL: there is none. */
SIO_EXTERN sio_session *sio_session_find(const sio_server *srv, const char *id);
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

/* What is known of a session. Pointers and slices are valid as long as the session. */
typedef struct sio_session_info {
  /* Set by the caller to sizeof(sio_session_info); 0 stands for the size of version 0.1. */
  size_t size;
  sio_server *server;
  /* The session's id. Whoever knows it can speak for the session: do not show it. See
   * sio_session_public_id(). */
  const char *id;
  /* "polling" or "websocket" */
  const char *transport;
  /* The client's address when the session began, as sio_request_info.address; "" for Unix sockets.
   */
  const char *address;
  /* The address that connected: that of a trusted proxy, or the same. */
  const char *peer;
  /* Path and query of the first request; empty after drop_handshake. */
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
} sio_session_info;

/* Fills in the first out->size bytes of *out. */
SIO_EXTERN void sio_session_get_info(const sio_session *c, sio_session_info *out);

/* The same as a value: sio_session_info_of(c).address. */
static inline sio_session_info sio_session_info_of(const sio_session *c) {
  sio_session_info info;
  info.size = sizeof info;
  sio_session_get_info(c, &info);
  return info;
}

/* An id that everybody may see: a digest of the session's id, which stays the same as long as the
 * session lives. 20 characters of [A-Za-z0-9_-] and a NUL; the log shows the first eight. */
enum { SIO_PUBLIC_ID_SIZE = 21 };
SIO_EXTERN void sio_session_public_id(const sio_session *c, char out[SIO_PUBLIC_ID_SIZE]);

/* A header of the first request; {NULL,0}: it is absent, was not kept, or is gone after
 * drop_handshake. Not kept are Connection, Upgrade, Sec-WebSocket-Key and Sec-WebSocket-Version. */
SIO_EXTERN sio_slice sio_session_header(const sio_session *c, const char *name);
/* A query parameter of the first request, as sio_request_query(). */
SIO_EXTERN long sio_session_query(const sio_session *c, const char *key, char *out, size_t size);

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

/* ---- what happens to it ----------------------------------------------------------------- */

/* Packets of https://socket.io/docs/v4/engine-io-protocol/#packet-types, by their numbers. */
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
  sio_slice data; /* after the type; borrowed */
} sio_engine_packet;

/* What happens to sessions, as it happens; each may be NULL. Copied. From the loop, and they may
 * do anything, but for packet_create. A slot that is set costs a call for each packet; one that
 * is not, nothing. The probe's packets and the handshake are not packets of a session yet. */
typedef struct sio_engine_hooks {
  void (*open)(sio_session *c, void *user);      /* the handshake is queued             */
  void (*upgrading)(sio_session *c, void *user); /* a probe came on a second transport  */
  void (*upgrade)(sio_session *c, void *user);   /* it took over                        */
  void (*heartbeat)(sio_session *c, void *user); /* a pong came                         */
  void (*drain)(sio_session *c, void *user);     /* nothing is queued any more          */
  void (*close)(sio_session *c, const sio_close_info *why, void *user); /* last word on c */
  /* One came; nothing was done about it yet. */
  void (*packet)(sio_session *c, const sio_engine_packet *p, void *user);
  /* One is about to be queued ("packetCreate"). Runs inside the call that sends, and may only
   * look: what sends, closes, joins or leaves is SIO_ESTATE in there. */
  void (*packet_create)(sio_session *c, const sio_engine_packet *p, void *user);
  /* What is queued is about to be written, or to be a poll's answer. drain says when it was. */
  void (*flush)(sio_session *c, void *user);
  /* A message came. True: it was for the host; nobody behind this hook, Socket.IO included, sees
   * it. */
  bool (*message)(sio_session *c, bool binary, sio_slice data, void *user);
} sio_engine_hooks;
SIO_EXTERN int sio_on_engine_sized(sio_server *srv, const sio_engine_hooks *hooks, size_t size,
                                   void *user);
/* UV_EINVAL: no hooks. UV_ENOMEM. Inline, as sio_server_new(). */
static inline int sio_on_engine(sio_server *srv, const sio_engine_hooks *hooks, void *user) {
  return sio_on_engine_sized(srv, hooks, sizeof(sio_engine_hooks), user);
}

/* ---- ending it -------------------------------------------------------------------------- */

/* For sio_session_close(). */
typedef struct sio_session_close_options {
  /* As in options.h: 0 stands for the size that the struct had in version 0.1. */
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

/* ---- Engine.IO alone --------------------------------------------------------------------
 * Sessions that carry the host's own messages, without Socket.IO: for npm's engine.io-client and
 * its like. All options hold for them (transports, heartbeat, limits, CORS, allow_request,
 * when_full for whole messages, ...) and so do the hooks of the server; connect_timeout_ms does
 * not. */

/* Each may be NULL. As everywhere, close comes once for each open. */
typedef struct sio_engine_callbacks {
  void (*open)(sio_session *c, void *user);
  /* Text is UTF-8. Borrowed. */
  void (*message)(sio_session *c, bool binary, sio_slice data, void *user);
  void (*writable)(sio_session *c, void *user);                         /* as sio_on_writable() */
  void (*drop)(sio_session *c, const sio_drop *d, void *user);          /* as sio_on_drop()     */
  void (*close)(sio_session *c, const sio_close_info *why, void *user); /* last word on c   */
} sio_engine_callbacks;

SIO_EXTERN int sio_engine_route_sized(sio_server *srv, const char *path,
                                      const sio_engine_callbacks *cbs, size_t size, void *user);
/* An engine on a path of its own ("/engine.io/"; of two that fit a request the longer is asked),
 * or, with NULL, in place of Socket.IO's. Copied. UV_EINVAL: no path, or no cbs. SIO_EEXISTS,
 * SIO_ESTATE (the server closes), UV_ENOMEM. */
static inline int sio_engine_route(sio_server *srv, const char *path,
                                   const sio_engine_callbacks *cbs, void *user) {
  return sio_engine_route_sized(srv, path, cbs, sizeof(sio_engine_callbacks), user);
}

/* One message. flags: SIO_VOLATILE, SIO_NO_COMPRESS. Only queues. On a session of Socket.IO's it
 * is what its client takes for a packet. UV_EINVAL: text that is not UTF-8. SIO_ECLOSED,
 * SIO_EDROPPED, SIO_ETOOBIG, UV_ENOMEM as sio_emit(). */
SIO_EXTERN int sio_session_send(sio_session *c, unsigned flags, bool binary, sio_slice data);

/* The host's pointer beside a session of sio_engine_route(). Other sessions have none: NULL,
 * UV_ENOTSUP. */
SIO_EXTERN void *sio_session_data(const sio_session *c);
SIO_EXTERN int sio_session_set_data(sio_session *c, void *data);

#ifdef __cplusplus
}
#endif
#endif
