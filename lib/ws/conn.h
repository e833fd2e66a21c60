/* SPDX-License-Identifier: MIT
 *
 * conn.h - a WebSocket on a connection: receiving, sending, and the closing
 * handshake, for its owner: an Engine.IO session, or an endpoint of a route.
 *
 *   OPEN --- sio__ws_close ---> CLOSING --- peer's close frame ---> ENDING
 *   OPEN --- peer's close frame, which is echoed ---> ENDING
 *   OPEN --- peer breaks a rule: close frame with the code for it ---> ENDING
 *   OPEN, CLOSING --- peer's FIN ---> ENDING
 *   ENDING --- all is sent, and the peer's close frame or FIN is here ---> CLOSED
 *   any --- the stream breaks, or close_ms have passed since OPEN ---> CLOSED
 *   CLOSING, ENDING --- the peer goes on sending (WS_LATE_BYTES) ---> CLOSED
 *
 * `closed` comes exactly once, unless the owner itself calls sio__ws_drop(): on the way to ENDING,
 * for a peer that keeps its stream open must not hold up the news, or else with CLOSED. It comes
 * from the loop or from inside sio__ws_conn_feed(), from no other call made here. From then on
 * what is queued, the FINs and their time are no concern of the owner.
 */
#ifndef SIO_WS_CONN_H
#define SIO_WS_CONN_H

#include "net/conn.h"
#include "ws/extension.h"
#include "ws/recv.h"
#include <sio/server.h>

struct ws_conn;

struct ws_close {
  unsigned code;      /* received, else the one we sent, 1006 when the stream just ended      */
  int err;            /* 0 after a close frame or FIN of the peer; a libuv code when the stream
                         broke, SIO_EPROTO or SIO_ETOOBIG when the peer broke a rule, UV_ENOMEM,
                         SIO_ETIMEOUT when the peer did not answer our close frame            */
  bool by_peer;       /* the peer's close frame or FIN came before ours                       */
  const char *detail; /* one line, static                                                     */
  const char *reason; /* the close frame's text, borrowed; "" without one                        */
};

struct ws_conn_ops {
  /* A whole message; the bytes are borrowed and may be changed. May send, close and drop. */
  void (*message)(struct ws_conn *w, bool binary, char *p, size_t n);
  /* Let go of w: it is freed at the end of a turn, this one's at the earliest. w has forgotten its
   * owner already and calls it no more. */
  void (*closed)(struct ws_conn *w, void *owner, const struct ws_close *why);
  /* The kernel has taken everything. May be NULL. */
  void (*drained)(struct ws_conn *w);
  /* It was heavy (net/conn.h), and it holds no more than loop->low_mark now. May be NULL. */
  void (*below_low_mark)(struct ws_conn *w);
  /* What stood before the oldest n marks has left. May be NULL. Only tells: w is not to be
   * touched. */
  void (*marks_passed)(struct ws_conn *w, unsigned n);
  /* What is queued is about to be written; only where conn_watch_flushes() said so. May be NULL. */
  void (*flushing)(struct ws_conn *w);
  /* So many bytes of the stream were read and handled, or a message was inflated to so many more
   * than came, or a ping was handled. May pause w->conn, and
   * close. May be NULL. */
  void (*received)(struct ws_conn *w, size_t bytes, unsigned pings);
  /* Whose it is, for the log. NULL: it says who connected, and that may be a proxy. */
  const char *(*address)(const struct ws_conn *w);
};

/* For a WebSocket that belongs to nobody: what it receives is dropped. Its owner must be NULL. */
extern const struct ws_conn_ops sio__ws_no_owner_ops;

extern const struct ws_recv_ops sio__ws_conn_recv_ops;

struct ws_stats {
  uint64_t opened, messages_in, messages_out;
  uint64_t closed[SIO_WS_CLOSE_END];
};

/* What all WebSockets of a loop share. */
struct ws_shared {
  struct loop *loop;
  struct log *log;
  struct ws_recv_shared recv; /* its ops: sio__ws_conn_recv_ops */
  unsigned close_ms;          /* how long to wait for the peer's half of a close */
  unsigned message_ms;        /* ... and for the next piece of a message; 0: without end */
  struct ws_deflate deflate;
  struct ws_stats stats;
};

/* So much more than one message may arrive after our close frame, which the peer may not have read
 * yet: nobody meters it. */
enum { WS_LATE_BYTES = 4 << 20 };

struct ws_conn {     /* what sending looks at comes first */
  struct conn *conn; /* NULL once closed */
  struct ws_shared *shared;
  const struct ws_conn_ops *ops;
  void *owner;
  struct msg *pong; /* the newest ping's answer, while too many others wait to be sent */
  int err;
  uint16_t code_sent, code_got; /* of close frames, 0: none yet */
  uint8_t state;
  uint8_t pongs_queued; /* queued since the kernel last took everything */
  bool by_peer : 1;
  bool eof : 1;
  bool timer_extended : 1; /* the time that runs was given once more, see loop_extends_deadline() */
  bool close_timed : 1;    /* the timer limits the close, and not a message */
  bool got_message : 1;    /* a message was complete since the message's time began */
  union {
    uint32_t bytes_at_check;    /* OPEN: of the incomplete message, when its time began */
    uint32_t bytes_after_close; /* later: bytes that came since */
  };
  struct ws_recv recv;
  union {
    struct timer timer;                 /* the rest of a message, or a close, is awaited */
    struct deferred_free deferred_free; /* CLOSED                                */
  };
  struct ws_unread *unread; /* what was read and not handled while the owner holds it up; or NULL */
  const char *detail;       /* why it ends, once that is known */
  char *reason;             /* the peer's close frame's text   */
};

/* Takes c over from HTTP after the 101 is queued. 0 or UV_ENOMEM (c is then closed). */
int sio__ws_conn_new(struct ws_conn **out, struct ws_shared *shared, struct conn *c,
                     const struct ws_conn_ops *ops, void *owner);
/* Compression was agreed on in the handshake. Before anything is fed or sent. */
static inline void ws_conn_enable_deflate(struct ws_conn *w) { w->recv.deflate_agreed = true; }
/* Messages are bounded by max_unjoined until it is known. */
static inline void ws_conn_set_joined(struct ws_conn *w, bool joined) {
  w->recv.unjoined = !joined;
}
/* No message is taken and nothing is read until sio__ws_resume(); inside `message` that one is the
 * last. What was read already is kept, at most one read. No-ops unless open. */
void sio__ws_pause(struct ws_conn *w);
void sio__ws_resume(struct ws_conn *w);
/* Bytes that came in the same segment as the handshake; messages and `closed` may come from
 * inside. */
void sio__ws_conn_feed(struct ws_conn *w, sio_slice rest);
/* Queues m as one data frame (binary or text as m says, a raw m as it is); the chain after it
 * is not followed. Compressed if that was agreed on and m is long enough: the first such receiver
 * hangs the compressed form on m, for all others. 0, UV_ENOMEM, SIO_ECLOSED. */
int sio__ws_send(struct ws_conn *w, struct msg *m);
int sio__ws_queue_sent_mark(struct ws_conn *w,
                            struct msg *m); /* as conn_queue_sent_mark(); SIO_ECLOSED */
/* Queues a ping of WS_PING_LEN bytes; what the peer answers shows as `came`. 0, UV_ENOMEM,
 * SIO_ECLOSED. */
enum { WS_PING_LEN = 2 };
int sio__ws_ping(struct ws_conn *w);
static inline size_t ws_queued(const struct ws_conn *w) { return w->conn ? w->conn->out.bytes : 0; }
/* The memory that takes: at least as much, and far more when the messages are short. */
static inline size_t ws_queued_memory(const struct ws_conn *w) {
  return w->conn ? w->conn->out.memory : 0;
}
static inline bool ws_is_idle(const struct ws_conn *w) { return w->conn && conn_is_idle(w->conn); }
/* Starts the closing handshake: what is queued leaves first, then a close frame (without a code
 * when this one may not be sent, such as 0; reason may be NULL). No message comes any more;
 * `closed` will. No-op unless open. */
void sio__ws_close(struct ws_conn *w, unsigned code, const char *reason);
/* Ends it at once without `closed`: bytes not yet sent are lost. No-op once closed. */
void sio__ws_drop(struct ws_conn *w);
/* The owner lets go of it: no callback reaches it any more. Of the owner it keeps the address as
 * text, for the log. It still has to be closed. */
void sio__ws_forget_owner(struct ws_conn *w);

#endif
