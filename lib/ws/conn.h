/* SPDX-License-Identifier: MIT
 *
 * conn.h - a WebSocket on a connection: receiving, sending, and the closing handshake. Its owner is
 * a session or an upgrade of Engine.IO, or an endpoint of a route.
 *
 *   OPEN --- sio__ws_close() ---> CLOSING --- the peer's close frame arrives ---> ENDING
 *   OPEN --- the peer's close frame arrives and is echoed ---> ENDING
 *   OPEN --- the peer breaks a rule, and is sent a close frame with the code for it ---> ENDING
 *   OPEN, CLOSING --- the peer's FIN arrives ---> ENDING
 *   ENDING --- all is sent, and the peer's close frame or FIN has arrived ---> CLOSED
 *   any --- the stream fails, or close_ms have passed since the state OPEN ended ---> CLOSED
 *   CLOSING, ENDING --- the peer sends more than WS_LATE_BYTES beyond a message ---> CLOSED
 *
 * The callback `closed` is made exactly once, unless the owner calls sio__ws_close_immediately() or
 * sio__ws_conn_clear_owner(). It is made when the state becomes ENDING, because a peer that keeps
 * its stream open must not delay it, or else when the state becomes CLOSED. If sio__ws_close() has
 * no memory for a close frame, it is made when the peer's close frame or FIN arrives, or when the
 * state becomes CLOSED. It is called from the loop or from inside sio__ws_conn_feed_bytes(), and
 * from no other function of this file. After it the owner has nothing to do with the WebSocket:
 * queued bytes, the FINs and the timeout are handled here.
 */
#ifndef SIO_WS_CONN_H
#define SIO_WS_CONN_H

#include "net/conn.h"
#include "ws/extension.h"
#include "ws/recv.h"
#include <sio/server.h>

struct ws_conn;

struct ws_close {
  /* the code received, otherwise the one we sent; 1006 if the stream ended without either */
  unsigned code;
  /* 0 after the peer's close frame or FIN; a libuv code if the stream failed; SIO_EPROTO or
   * SIO_ETOOBIG if the peer violated the protocol; UV_ENOMEM; SIO_ETIMEOUT if the peer did not
   * complete a message in time, or did not answer our close frame */
  int err;
  bool by_peer;       /* the peer's close frame or FIN arrived before we sent ours */
  const char *detail; /* one line, in static storage */
  const char *reason; /* the text of the peer's close frame; borrowed, may be "" */
};

struct ws_conn_ops {
  /* A complete message. The bytes are borrowed and may be modified. May send, and may close w in
   * any way. */
  void (*message)(struct ws_conn *w, bool binary, char *p, size_t n);
  /* The WebSocket is over, and the owner must drop its pointer to w, which is freed at the end of
   * a turn (this one at the earliest). w has forgotten its owner and makes no further callbacks. */
  void (*closed)(struct ws_conn *w, void *owner, const struct ws_close *why);
  /* The kernel has accepted everything that was queued. May be NULL. */
  void (*drained)(struct ws_conn *w);
  /* The memory of the queue is at most loop->low_mark again. Called only if conn->reports_low_mark
   * was set, and NULL for owners that never set it. */
  void (*below_low_mark)(struct ws_conn *w);
  /* Everything queued before the n oldest sent marks (conn_queue_sent_mark()) that were not
   * reported yet has been passed to the kernel. Must not send on w or close it. May be NULL. */
  void (*marks_passed)(struct ws_conn *w, unsigned n);
  /* The queue is about to be written. Called only after conn_enable_flushing_callback(),
   * and NULL for owners that never call that. */
  void (*flushing)(struct ws_conn *w);
  /* For rate limits: `bytes` bytes of the stream were received, or inflating a message has added
   * `bytes` to its compressed size, or `pings` pings were received. May pause w and close it. May
   * be NULL. */
  void (*received)(struct ws_conn *w, size_t bytes, unsigned pings);
  /* Returns the client's address for the log. NULL: the log shows the address of the TCP peer,
   * which may be a proxy. */
  const char *(*address)(const struct ws_conn *w);
  /* `closed` logs the error for which the WebSocket ends, so that it is not logged here as well,
   * except at the level DEBUG. */
  bool closed_logs_errors;
};

/* For a WebSocket without an owner: received messages are discarded. `owner` must be NULL. */
extern const struct ws_conn_ops sio__ws_no_owner_ops;

extern const struct ws_recv_ops sio__ws_conn_recv_ops;

struct ws_stats {
  uint64_t opened, messages_in, messages_out;
  uint64_t closed[SIO_WS_CLOSE_END];
};

/* State shared by all WebSockets of a loop. */
struct ws_shared {
  struct loop *loop;
  struct log *log;
  struct ws_recv_shared recv; /* with the ops sio__ws_conn_recv_ops */
  unsigned close_ms;          /* time for the peer's close frame and FIN */
  unsigned message_ms;        /* time for the next piece of a message; 0: no limit */
  struct ws_deflate deflate;
  struct ws_stats stats;
};

/* How many bytes beyond one message may arrive after our close frame. The peer may not have read
 * it yet, and the rate limits do not count these bytes. */
enum { WS_LATE_BYTES = 4 << 20 };

struct ws_conn {     /* The fields used by every send come first. */
  struct conn *conn; /* NULL after the stream was closed */
  struct ws_shared *shared;
  const struct ws_conn_ops *ops;
  void *owner;
  struct msg *pong; /* the pong for the newest ping, while PONGS_MAX others wait to be sent */
  int err;
  uint16_t code_sent, code_got; /* codes of the close frames sent and received; 0: none yet */
  uint8_t state;
  uint8_t pongs_queued; /* pongs queued since the queue was last empty */
  bool by_peer : 1;
  bool eof : 1;
  /* The deadline passed while the host kept the loop busy, and was started again. This is done only
   * once for each deadline: see loop_should_restart_deadline(). */
  bool timer_extended : 1;
  bool close_timed : 1; /* the timer limits the closing handshake, not a message */
  bool got_message : 1; /* a message was completed since the timer was started */
  union {
    /* in WS_OPEN: bytes of the incomplete message when the timer was started */
    uint32_t bytes_at_check;
    uint32_t bytes_after_close; /* bytes received since the state WS_OPEN ended */
  };
  struct ws_recv recv;
  union {
    struct timer timer;                 /* the rest of a message, or a close, is awaited */
    struct deferred_free deferred_free; /* in the state CLOSED */
  };
  struct ws_unread *unread; /* bytes that were received while the owner has paused w; or NULL */
  const char *detail;       /* why w ends, once that is known */
  char *reason;             /* text of the peer's close frame */
};

/* Makes a WebSocket of c and takes c over. The 101 of HTTP is queued already. Returns 0, or
 * UV_ENOMEM after it has closed c. */
int sio__ws_conn_new(struct ws_conn **out, struct ws_shared *shared, struct conn *c,
                     const struct ws_conn_ops *ops, void *owner);
/* The handshake has negotiated compression. Call this before anything is fed or sent. */
static inline void ws_conn_enable_deflate(struct ws_conn *w) { w->recv.deflate_agreed = true; }
/* Until the session has joined a namespace, messages are limited to max_unjoined bytes. */
static inline void ws_conn_set_has_joined_namespace(struct ws_conn *w, bool joined) {
  w->recv.unjoined = !joined;
}
/* Stops reading and delivering messages until sio__ws_resume_reading() is called. If `message`
 * calls it, no further message is delivered. Bytes that were read already are kept; they are those
 * of one read at most. No effect unless the state is OPEN. */
void sio__ws_pause_reading(struct ws_conn *w);
void sio__ws_resume_reading(struct ws_conn *w);
/* Feeds bytes that arrived together with the handshake. May call `message` and `closed`. */
void sio__ws_conn_feed_bytes(struct ws_conn *w, sio_slice rest);
/* Queues m as one data frame: binary or text according to m->binary, or unchanged if m is raw.
 * Attachments of m are not sent. If compression was negotiated, m is long enough, and neither
 * m->plain nor m->raw is set, the compressed form is sent if that is shorter; it is made once and
 * kept in m for all other receivers. Returns 0, UV_ENOMEM or SIO_ECLOSED. */
int sio__ws_send(struct ws_conn *w, struct msg *m);
int sio__ws_queue_sent_mark(struct ws_conn *w, struct msg *m); /* see conn_queue_sent_mark() */
/* Queues a ping frame of WS_PING_LEN bytes. The pong is not reported, but its bytes are, by
 * `received`. Returns 0, UV_ENOMEM or SIO_ECLOSED. */
enum { WS_PING_LEN = 2 };
int sio__ws_send_ping(struct ws_conn *w);
/* For these three functions w must not be closed. */
static inline size_t ws_queued_bytes(const struct ws_conn *w) { return w->conn->out.bytes; }
/* The memory of the queue, which for short messages is much more than their bytes. */
static inline size_t ws_queued_memory(const struct ws_conn *w) { return w->conn->out.memory; }
static inline bool ws_is_idle(const struct ws_conn *w) { return conn_is_idle(w->conn); }
/* True until one side has begun to close the WebSocket, or it has failed. */
bool sio__ws_is_open(const struct ws_conn *w);
/* Starts the closing handshake: sends the queue and then a close frame, which has no code if this
 * one must not be sent (0, for example). reason may be NULL. `message` is not called any more,
 * `closed` will be. No effect unless the state is OPEN. */
void sio__ws_close(struct ws_conn *w, unsigned code, const char *reason);
/* Closes the stream immediately, without calling `closed`, and removes the owner. Unsent bytes are
 * lost. */
void sio__ws_close_immediately(struct ws_conn *w);
/* Removes the owner: no callback calls it any more. For the log, w keeps a copy of the client's
 * address that the owner's `address` callback returns. The caller must still close w. */
void sio__ws_conn_clear_owner(struct ws_conn *w);

#endif
