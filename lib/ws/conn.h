/* SPDX-License-Identifier: MIT
 *
 * conn.h - a WebSocket on a connection: receiving, sending, and the closing handshake. Its owner is
 * a session of Engine.IO, the upgrade of one, or a peer of a WebSocket route. "FIN" stands for the
 * end of one direction of the stream; with TLS also for close_notify.
 *
 *   OPEN --- sio__ws_close() queues a close frame ---> CLOSING
 *   OPEN --- sio__ws_close() has no memory for a close frame ---> ENDING
 *   OPEN, CLOSING --- the peer's close frame or FIN arrives ---> ENDING
 *   OPEN, CLOSING --- the peer breaks a rule or a limit ---> ENDING
 *   OPEN, CLOSING --- there is no memory for what is received, or for a pong ---> ENDING
 *   ENDING --- all is sent, and the peer's close frame was read or its FIN has arrived ---> CLOSED
 *   CLOSING, ENDING --- the peer is too slow (close_ms) or sends too much ---> CLOSED
 *   any --- the stream fails, or sio__ws_close_immediately() is called ---> CLOSED
 *
 * When OPEN becomes ENDING for another reason than a FIN, a close frame is queued, if there is
 * memory for one. In the state ENDING our FIN is sent after the queue. After an error that the
 * receiver (recv.h) has found, nothing more is parsed, so the peer's close frame is not read.
 *
 * The callback `closed` is called exactly once, unless the owner calls sio__ws_close_immediately()
 * or sio__ws_conn_clear_owner() before. It is called when OPEN or CLOSING becomes ENDING or CLOSED;
 * so a peer that keeps its stream open does not delay the callback. But if sio__ws_close() has no
 * memory for a close frame, `closed` is called later: when the peer's close frame or FIN arrives,
 * or when an error or a timeout ends the WebSocket. `closed` is called from the loop or from
 * sio__ws_conn_feed_bytes(), and from no other function of this header. After the callback the
 * owner must not use the WebSocket. If the state is ENDING then, conn.c still sends what is queued
 * and closes the stream.
 */
#ifndef SIO_WS_CONN_H
#define SIO_WS_CONN_H

#include "net/conn.h"
#include "ws/extension.h"
#include "ws/recv.h"
#include <sio/server.h>

struct ws_conn;

struct ws_close {
  /* The code of the close frame that was received; without one, the code of the close frame that we
   * sent. 1005 if the frame has no code; 1006 if there was no close frame. */
  unsigned code;
  /* The first reason for the end: 0 for the peer's close frame or FIN; the error of the stream;
   * SIO_EPROTO or SIO_ETOOBIG if the peer violated the protocol or a limit; UV_ENOMEM; SIO_ETIMEOUT
   * if a message or frame stayed incomplete, or our close frame was not answered, for too long. */
  int err;
  bool by_peer;       /* the peer's close frame or FIN arrived in the state OPEN */
  bool message_late;  /* `err` is SIO_ETIMEOUT because a message or frame stayed incomplete */
  const char *detail; /* one line, in static storage */
  const char *reason; /* the text of the peer's close frame; borrowed, may be "" */
};

struct ws_conn_ops {
  /* A complete message. The bytes are borrowed and may be modified. May send, and may close w in
   * any way. */
  void (*message)(struct ws_conn *w, bool binary, char *p, size_t n);
  /* The WebSocket is over. w has forgotten its owner and makes no further callbacks. The owner must
   * drop its pointer to w, because w will be freed at the end of a turn (this one at the
   * earliest). */
  void (*closed)(struct ws_conn *w, void *owner, const struct ws_close *why);
  /* The kernel has accepted everything that was queued. Called only in the state OPEN. May be
   * NULL. */
  void (*drained)(struct ws_conn *w);
  /* The memory of the queue is at most loop->low_mark. Called only in the state OPEN, and only if
   * conn->reports_low_mark was set. NULL for owners that never set it. */
  void (*below_low_mark)(struct ws_conn *w);
  /* Nothing that was queued before the next n sent marks (placeholders, see conn_queue_sent_mark())
   * is queued any more. Each mark is reported at most once, the oldest first. Must not send on w or
   * close it. May be NULL. */
  void (*marks_passed)(struct ws_conn *w, unsigned n);
  /* The queue is about to be written. Called only in the state OPEN, and only after
   * conn_enable_flushing_callback(). NULL for owners that never call that function. */
  void (*flushing)(struct ws_conn *w);
  /* Called in the state OPEN, so that the owner can count what the peer sends. Each call reports
   * one of three things: `bytes` bytes were read from the stream; a message has become `bytes`
   * bytes longer when it was inflated; or `pings` pings were received. The bytes that are passed to
   * sio__ws_conn_feed_bytes() are not reported as read. May pause w and close it. May be NULL. */
  void (*received)(struct ws_conn *w, size_t bytes, unsigned pings);
  /* Returns the client's address for the log. If this pointer is NULL, the log shows the address of
   * the TCP peer, which may be a proxy. */
  const char *(*address)(const struct ws_conn *w);
  /* True if the callback `closed` logs the error that ends the WebSocket. Then conn.c logs this
   * error at the level DEBUG, and not as a warning. */
  bool closed_logs_errors;
};

/* For a WebSocket without an owner: received messages are discarded. `owner` must be NULL. */
extern const struct ws_conn_ops sio__ws_no_owner_ops;

extern const struct ws_recv_ops sio__ws_conn_recv_ops;

struct ws_stats {
  uint64_t opened, messages_in, messages_out;
  uint64_t closed[SIO_WS_CLOSE_END];
};

/* State shared by all WebSockets of a server. */
struct ws_shared {
  struct loop *loop;
  struct log *log;
  struct ws_recv_shared recv; /* with the ops sio__ws_conn_recv_ops */
  unsigned close_ms;          /* time for the closing handshake */
  unsigned message_ms;        /* time for the next piece of a message; 0: no limit */
  struct ws_deflate deflate;
  struct ws_stats stats;
};

/* After the state OPEN has ended, the peer is cut off if it sends more than WS_LATE_BYTES plus
 * max_message bytes. The limit is this high because the peer may not have read our close frame yet.
 * The rate limits do not count these bytes. */
enum { WS_LATE_BYTES = 4 << 20 };

struct ws_conn {     /* The fields used by every send come first. */
  struct conn *conn; /* NULL after the stream was closed */
  struct ws_shared *shared;
  const struct ws_conn_ops *ops;
  void *owner;
  /* The pong for the newest ping, if PONGS_MAX pongs were queued already. It is queued when the
   * queue has become empty. */
  struct msg *pong;
  int err;
  /* codes of the close frames sent and received; 0: no close frame yet, 1005: one without a code */
  uint16_t code_sent, code_got;
  uint8_t state;
  uint8_t pongs_queued; /* pongs queued since the queue was last reported empty */
  bool by_peer : 1;     /* as in struct ws_close */
  bool eof : 1;         /* the peer's FIN has arrived */
  /* The timer was started once more, because it had fired while the host kept the loop busy: see
   * loop_should_restart_deadline(). */
  bool timer_extended : 1;
  bool close_timed : 1;  /* the timer limits the closing handshake, not a message */
  bool got_message : 1;  /* a message was completed since the message timer was last started */
  bool message_late : 1; /* as in struct ws_close */
  union {
    /* in WS_OPEN: bytes of the incomplete message when the timer was started */
    uint32_t bytes_at_check;
    uint32_t bytes_after_close; /* bytes received since the state WS_OPEN ended */
  };
  struct ws_recv recv;
  union {
    struct timer timer;                 /* limits the time of a message or a close */
    struct deferred_free deferred_free; /* in the state CLOSED */
  };
  struct ws_unread *unread; /* received bytes that wait because the owner has paused w; or NULL */
  const char *detail;       /* why w ends, once that is known */
  char *reason;             /* text of the peer's close frame */
};

/* Makes a WebSocket of c and takes c over. The 101 of HTTP is queued already. Returns 0, or
 * UV_ENOMEM after it has closed c. */
int sio__ws_conn_new(struct ws_conn **out, struct ws_shared *shared, struct conn *c,
                     const struct ws_conn_ops *ops, void *owner);
/* Enables the compression that the handshake has negotiated. Call this before anything is fed or
 * sent. */
static inline void ws_conn_enable_deflate(struct ws_conn *w) { w->recv.deflate_agreed = true; }
/* If `joined` is false, received messages may have at most max_unjoined bytes from now on. */
static inline void ws_conn_set_has_joined_namespace(struct ws_conn *w, bool joined) {
  w->recv.unjoined = !joined;
}
/* Stops reading, and handling what was read, until sio__ws_resume_reading() is called or the state
 * OPEN ends. Bytes that were read already are kept until reading resumes. If a callback calls this
 * function, at most the message that the callback is about is still delivered. No effect unless the
 * state is OPEN. */
void sio__ws_pause_reading(struct ws_conn *w);
void sio__ws_resume_reading(struct ws_conn *w);
/* Feeds bytes that arrived together with the handshake. May call `message`, `received` and
 * `closed`. */
void sio__ws_conn_feed_bytes(struct ws_conn *w, sio_slice rest);
/* Queues m as one data frame: binary or text according to m->binary. If m->raw is set, m is queued
 * without a frame. Attachments of m are not sent. If compression was negotiated, m is long enough,
 * and neither m->plain nor m->raw is set, the compressed form is sent, if it is shorter and there
 * is memory for it. The compressed form is kept in m for other receivers. Returns 0, UV_ENOMEM or
 * SIO_ECLOSED. */
int sio__ws_send(struct ws_conn *w, struct msg *m);
int sio__ws_queue_sent_mark(struct ws_conn *w, struct msg *m); /* see conn_queue_sent_mark() */
enum { WS_PING_LEN = 2 };
/* Queues a ping frame of WS_PING_LEN bytes. No callback reports the pong, but `received` counts its
 * bytes. Returns 0, UV_ENOMEM or SIO_ECLOSED. */
int sio__ws_send_ping(struct ws_conn *w);
/* ws_queued_bytes(), ws_queued_memory() and ws_is_queue_empty_and_socket_writable() must not be
 * called in the state CLOSED. */
static inline size_t ws_queued_bytes(const struct ws_conn *w) { return w->conn->out.bytes; }
/* The memory of the queue, which for short messages is much more than their bytes. */
static inline size_t ws_queued_memory(const struct ws_conn *w) { return w->conn->out.memory; }
static inline bool ws_is_queue_empty_and_socket_writable(const struct ws_conn *w) {
  return conn_is_idle(w->conn);
}
/* True until one side has begun to close the WebSocket, or it has failed. */
bool sio__ws_is_open(const struct ws_conn *w);
/* Starts the closing handshake: queues a close frame or, if there is no memory for one, a FIN. The
 * close frame has neither code nor reason if `code` must not be sent (0, for example). reason may
 * be NULL; it is cut to 123 bytes, and where it is not valid UTF-8. `message` is not called any
 * more, `closed` will be. No effect unless the state is OPEN. */
void sio__ws_close(struct ws_conn *w, unsigned code, const char *reason);
/* Closes the stream immediately, without calling `closed`, and removes the owner. Unsent bytes are
 * lost. */
void sio__ws_close_immediately(struct ws_conn *w);
/* Removes the owner: its callbacks are not called any more. If the callback `address` is set, w
 * keeps a copy of the address for the log, unless w is closed or memory runs out. Does not close
 * w. */
void sio__ws_conn_clear_owner(struct ws_conn *w);

#endif
