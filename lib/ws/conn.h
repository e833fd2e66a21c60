/* SPDX-License-Identifier: MIT
 *
 * conn.h - a WebSocket on a connection: receiving, sending, and the closing
 * handshake, for whoever speaks through it (Engine.IO, or a plain route).
 *
 *   OPEN ---- sio__ws_close ----> CLOSING --- peer's close frame or FIN, or 30 s ---> CLOSED
 *   OPEN ---- peer's close frame: echoed, FIN after it ---> CLOSED
 *   any ----- the stream breaks ---> CLOSED
 *
 * `closed` comes exactly once, from the loop, unless the owner itself calls sio__ws_drop().
 */
#ifndef SIO_WS_CONN_H
#define SIO_WS_CONN_H

#include "net/conn.h"
#include "ws/recv.h"

struct ws_conn;

struct ws_close {
  unsigned code;      /* received, else the one we sent, 1006 when the stream just ended */
  int err;            /* a libuv code when the stream broke, SIO_EPROTO / SIO_ETOOBIG when the peer broke a rule */
  bool by_peer;       /* the peer's close frame or FIN came before ours  */
  const char *detail; /* one line, static or borrowed for the call       */
  const char *reason; /* the close frame's text, borrowed, may be ""     */
  size_t reason_len;
};

struct ws_conn_ops {
  void (*message)(struct ws_conn *w, bool binary, char *p, size_t n); /* borrowed bytes */
  void (*closed)(struct ws_conn *w, const struct ws_close *why); /* w is freed at the end of the turn */
  void (*drained)(struct ws_conn *w);                            /* may be NULL */
};

/* What all WebSockets of a loop share. */
struct ws_shared {
  struct loop *loop;
  struct log *log;
  struct ws_pool *pool;
  unsigned close_ms; /* how long to wait for the peer's half of a close */
};

struct ws_conn {
  struct ws_recv recv; /* first: the ops get back to ws_conn by container_of */
  struct conn *conn;
  struct ws_shared *shared;
  const struct ws_conn_ops *ops;
  void *owner;
  struct timer timer;
  struct grave grave;
  uint16_t code_sent;
  uint8_t state;
  uint8_t pong_queued; /* one pong waits: the next replaces it rather than joining it */
};

/* Takes c over from HTTP after the 101 is queued. 0 or UV_ENOMEM (c is then closed). */
int sio__ws_conn_new(struct ws_conn **out, struct ws_shared *shared, struct conn *c,
                     const struct ws_limits *limits, const struct ws_conn_ops *ops, void *owner);
/* Bytes that came in the same segment as the handshake. */
void sio__ws_conn_feed(struct ws_conn *w, sio_slice rest);
/* Queues m as one data frame (binary or text as m says); the chain behind it is not followed. 0, UV_ENOMEM, SIO_ECLOSED. */
int sio__ws_send(struct ws_conn *w, struct msg *m);
static inline size_t ws_queued(const struct ws_conn *w) { return w->conn ? w->conn->queued : 0; }
static inline bool ws_idle(const struct ws_conn *w) { return w->conn && conn_idle(w->conn); }
/* Starts the closing handshake: what is queued leaves first, then a close frame (code 0: one without a code).
 * No message comes any more; `closed` will. */
void sio__ws_close(struct ws_conn *w, unsigned code, const char *reason);
/* Ends it at once without `closed`: bytes not yet sent are lost. */
void sio__ws_drop(struct ws_conn *w);

#endif
