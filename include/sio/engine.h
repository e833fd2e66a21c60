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

/* ---- what it is --------------------------------------------------------------------- */

SIO_EXTERN const char *sio_session_id(const sio_session *c); /* a bearer token: do not show it */
SIO_EXTERN int sio_session_protocol(const sio_session *c);   /* 4; with allow_eio3 maybe 3 */
SIO_EXTERN const char *sio_session_transport(const sio_session *c); /* "polling" or "websocket" */
/* TCP peer, "" for Unix sockets. */
SIO_EXTERN const char *sio_session_address(const sio_session *c);
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
/* The same of a socket's session: call it behind sio_emit(). SIO_ECLOSED: it is not connected. */
SIO_EXTERN int sio_socket_on_sent(sio_socket *s, sio_sent_cb cb, void *user);

/* ---- what happens to it ----------------------------------------------------------------- */

/* What happens to sessions, as it happens; each may be NULL. Copied. */
typedef struct sio_engine_hooks {
  void (*open)(sio_session *c, void *user);      /* the handshake is queued             */
  void (*upgrading)(sio_session *c, void *user); /* a probe came on a second transport  */
  void (*upgrade)(sio_session *c, void *user);   /* it took over                        */
  void (*heartbeat)(sio_session *c, void *user); /* a pong came                         */
  void (*drain)(sio_session *c, void *user);     /* nothing is queued any more          */
  void (*close)(sio_session *c, const sio_close_info *why, void *user); /* last word on c */
} sio_engine_hooks;
SIO_EXTERN int sio_on_engine(sio_server *srv, const sio_engine_hooks *hooks, void *user);

/* After what is queued has been sent: "forced close". */
SIO_EXTERN void sio_session_close(sio_session *c);

#ifdef __cplusplus
}
#endif
#endif
