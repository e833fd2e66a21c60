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
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- which there are ----------------------------------------------------------------- */

/* The open session with this id; NULL: none. */
SIO_EXTERN sio_session *sio_session_find(const sio_server *srv, const char *id);
/* cb for each open session; it may close c, and no other. How many: sio_stats.sessions. */
SIO_EXTERN void sio_sessions(const sio_server *srv, void (*cb)(sio_session *c, void *user),
                             void *user);

/* ---- what it is --------------------------------------------------------------------- */

SIO_EXTERN const char *sio_session_id(const sio_session *c); /* a bearer token: do not show it */
/* An id that anybody may see: a digest of the secret one, the same as long as the session lives. 20
 * characters of [A-Za-z0-9_-] and a NUL; the log shows the first eight. */
enum { SIO_PUBLIC_ID_SIZE = 21 };
SIO_EXTERN void sio_session_public_id(const sio_session *c, char out[SIO_PUBLIC_ID_SIZE]);
SIO_EXTERN int sio_session_protocol(const sio_session *c);          /* 4; with allow_eio3 maybe 3 */
SIO_EXTERN const char *sio_session_transport(const sio_session *c); /* "polling" or "websocket" */
/* The client's address as it first came, "" for Unix sockets; as sio_request_address(). */
SIO_EXTERN const char *sio_session_address(const sio_session *c);
/* The address that connected: a trusted proxy's, or the same. */
SIO_EXTERN const char *sio_session_peer(const sio_session *c);
SIO_EXTERN size_t sio_session_queued(const sio_session *c);   /* bytes waiting to be sent */
SIO_EXTERN uint64_t sio_session_rtt_us(const sio_session *c); /* last ping to pong; 0: none yet */
/* What the first request said; empty after drop_handshake. Not kept: Connection, Upgrade,
 * Sec-WebSocket-Key, Sec-WebSocket-Version. */
SIO_EXTERN sio_slice sio_session_header(const sio_session *c, const char *name);
SIO_EXTERN long sio_session_query(const sio_session *c, const char *key, char *out, size_t size);
SIO_EXTERN sio_slice sio_session_url(const sio_session *c);
SIO_EXTERN uint64_t sio_session_opened_ms(const sio_session *c); /* Unix time ("issued") */
SIO_EXTERN bool sio_session_secure(const sio_session *c);
SIO_EXTERN bool sio_session_xdomain(const sio_session *c); /* an Origin header was present */

/* "readyState". A session that leaves OPEN is over for its host: its close hooks are on their
 * way. */
enum sio_session_state {
  SIO_SESSION_OPEN,
  SIO_SESSION_CLOSING, /* a polling client may still fetch what was queued */
  SIO_SESSION_CLOSED
};
SIO_EXTERN int sio_session_state(const sio_session *c);
SIO_EXTERN bool sio_session_writable(const sio_session *c);  /* SIO_VOLATILE would leave now */
SIO_EXTERN bool sio_session_upgrading(const sio_session *c); /* a second transport is there  */
SIO_EXTERN bool sio_session_upgraded(const sio_session *c);  /* ... and took over            */
SIO_EXTERN sio_server *sio_session_server(const sio_session *c);

/* ---- when it has left ------------------------------------------------------------------ */

/* status 0: it has left; SIO_ECLOSED: the session was over first. */
typedef void (*sio_sent_cb)(int status, void *user);

/* cb runs once, from the loop, when all that was queued for the peer before this call has left: the
 * kernel has taken it (WebSocket), or an answer to a poll carries it. That says nothing of its
 * arrival; an ack does. Callbacks run in the order of the calls, across an upgrade too; what
 * when_full drops counts as gone. When the session ends first cb runs with SIO_ECLOSED, before the
 * disconnect callbacks; what a polling client still fetches afterwards is not told.
 * SIO_ECLOSED: it is over already. SIO_ETOOBIG: 4096 wait. UV_EINVAL without cb, UV_ENOMEM. */
SIO_EXTERN int sio_session_on_sent(sio_session *c, sio_sent_cb cb, void *user);
/* The same of a socket's session: call it after sio_emit(). SIO_ECLOSED: it is not connected. */
SIO_EXTERN int sio_socket_on_sent(sio_socket *s, sio_sent_cb cb, void *user);

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

/* Closes the session after everything queued has been sent; the reason is "forced close". */
SIO_EXTERN void sio_session_close(sio_session *c);
/* Closes the session as sio_session_close() does. On WebSocket the close frame has this code (1000,
 * or 3000 to 4999, RFC 6455 section 7.4; 0: no code) and this text (at most 123 bytes; NULL: no
 * text). discard drops what is queued; on WebSocket everything queued is on its way to the kernel
 * already, and is sent. */
SIO_EXTERN void sio_session_close_with(sio_session *c, bool discard, unsigned ws_code,
                                       const char *ws_text);

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
