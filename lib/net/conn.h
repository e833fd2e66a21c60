/* SPDX-License-Identifier: MIT
 *
 * conn.h - one byte stream to one peer: a TCP or Unix socket that a uv_poll_t polls, with a queue
 * of msgs (base/msg.h) to send.
 *
 * The owner (an HTTP connection, or after an upgrade a WebSocket) is called through a table of
 * functions when bytes arrive, when the stream ends and when the queue has been sent. The owner can
 * be replaced while the connection lives. Received bytes are in the loop's one read buffer and are
 * valid only until `read` returns.
 *
 * Sending queues a reference to a msg. At the end of the turn the queue is sent, usually with one
 * gathered write. What the kernel does not accept then is sent when the socket becomes writable.
 * All writes use MSG_NOSIGNAL (see base/os.h), so that writing to a peer that has disconnected is
 * an error and raises no SIGPIPE.
 */
#ifndef SIO_NET_CONN_H
#define SIO_NET_CONN_H

#include "base/buf.h"
#include "net/addr_limits.h"
#include "net/loop.h"
#include "net/queue.h"

struct conn;

struct conn_ops {
  /* n > 0 bytes were received, which the owner may modify. It may send, end or close the
   * connection, or give it a new owner. */
  void (*read)(struct conn *c, char *p, size_t n);
  /* The peer has ended its stream, and nothing more will be read. The owner must end or close the
   * connection, now or later. The peer may still receive. `failed` is called if a reset by the peer
   * is noticed. */
  void (*eof)(struct conn *c);
  /* The connection has failed. It is closed already, and this is the last callback. err is a libuv
   * code, or a code of sio/error.h: an error of TLS, or SIO_ETIMEOUT if the connection was still
   * open when the time for closing the server was over. */
  void (*failed)(struct conn *c, int err);
  /* The kernel has accepted all bytes that were queued. May be NULL. */
  void (*drained)(struct conn *c);
  /* Called when the queue has become short: reports_low_mark was set, and the memory of the queue
   * is now at most loop->low_mark. reports_low_mark is cleared before this callback runs. May be
   * NULL if the owner never sets reports_low_mark. */
  void (*below_low_mark)(struct conn *c);
  /* n more sent marks (conn_queue_sent_mark()) have reached the beginning of the queue: nothing
   * that was queued before them is left in it. May be NULL if the owner queues no sent marks. */
  void (*marks_passed)(struct conn *c, unsigned n);
  /* The queued bytes of a CONN_WATCHED connection are about to be written. The owner may send and
   * close. sio__conn_write_queue_now() writes without this call. May be NULL if the connection is
   * never CONN_WATCHED. */
  void (*flushing)(struct conn *c);
  /* The TLS handshake is complete, and `read` receives plaintext from now on. Only for
   * connections with TLS. */
  void (*secured)(struct conn *c);
  /* The TLS handshake has failed, and `read` is not called any more. The owner must end or close
   * the connection. `why` is valid during the call. Only for connections with TLS. */
  void (*refused)(struct conn *c, const char *why);
};

/* How conn.c and transfer.c call TLS (net/tls.c), which lies between the queue and the
 * descriptor. */
struct conn_tls_ops {
  /* The offset in the loop's read buffer at which ciphertext is received. The plaintext is written
   * from the beginning of the buffer on. */
  size_t gap;
  /* n bytes of ciphertext are in the loop's read buffer, from the offset `gap` on. May close c. */
  void (*read)(struct conn *c, size_t n);
  /* The peer has ended its stream. Returns true if it did so during the handshake: then `refused`
   * was called, and `eof` must not be called. */
  bool (*on_eof)(struct conn *c);
  /* Sends ciphertext. If none waits to be sent, encrypts bytes from the beginning of the queue
   * first. Sets *offered to the number of bytes of the queue that the ciphertext contains. Returns
   * that number if all ciphertext was sent, otherwise a libuv code, or a code of sio/error.h if TLS
   * has failed. */
  ssize_t (*write)(struct conn *c, size_t *offered);
  /* Returns true if there is ciphertext to send. Once the queue of an ending connection is empty,
   * first makes the end-of-stream message of TLS (close_notify), if that is still due. */
  bool (*has_output)(struct conn *c);
  /* Returns true if the TLS session has reported an error: writing again later would not help. */
  bool (*has_failed)(const struct conn *c);
  /* Returns true if too much ciphertext waits to be sent. While the connection is blocked, the peer
   * is then not read from. So a peer that does not read cannot make TLS send ever more (alerts, key
   * updates). */
  bool (*is_over_limit)(const struct conn *c);
  /* Returns how many bytes at the beginning of the queue are encrypted already. */
  size_t (*encrypted_bytes)(const struct conn *c);
  /* Called before the descriptor is closed. Frees the TLS state. If no ciphertext and no queued
   * bytes are left, first tries to send close_notify, if that is still due. */
  void (*close)(struct conn *c);
  /* The connection is moved to another loop: takes the TLS state from c and returns it. */
  struct conn_tls *(*detach)(struct conn *c);
  /* Gives c, the connection on the new loop, the TLS state that `detach` has returned. Schedules a
   * flush if ciphertext has not been sent yet. */
  void (*attach)(struct conn *c, struct conn_tls *t);
  /* Frees a TLS state that `detach` has returned and that is not attached again. */
  void (*discard)(struct conn_tls *t);
};

/* The first member of the TLS state. */
struct conn_tls {
  const struct conn_tls_ops *ops;
};

/* Bits of conn.rare_flags. Most connections never have one, which the hot path finds out with a
 * single test. */
enum {
  CONN_MARKED = 1,  /* Sent marks may be queued, or may have left the queue unreported. */
  CONN_WATCHED = 2, /* The owner wants `flushing` to be called before the queue is written. */
  CONN_RUNS = 4     /* The queue may contain runs: entries for several msgs (net/queue.h). */
};

struct conn {
  const struct conn_ops *ops;
  void *owner;
  union {
    struct {             /* while the connection is open */
      struct list link;  /* loop->conns       */
      struct list dirty; /* loop->dirty       */
    };
    struct deferred_free deferred_free; /* once the connection is closed */
  };
  struct send_queue out; /* the msgs that are not completely sent */
  int fd;
  unsigned closed : 1;
  unsigned ending : 1;           /* Writing is shut down once the queue is empty. */
  unsigned is_write_shut : 1;    /* Writing has been shut down. */
  unsigned eof : 1;              /* The peer has ended its stream. */
  unsigned paused : 1;           /* The owner has paused reading. */
  unsigned throttled : 1;        /* Reading is paused because the peer reads too slowly. */
  unsigned blocked : 1;          /* Writing waits until the socket is writable. */
  unsigned polling : 4;          /* the events that conn_update_poll() has set; 0: none */
  unsigned secure : 1;           /* The connection has TLS (net/tls.h). */
  unsigned reports_low_mark : 1; /* The owner wants `below_low_mark` to be called. */
  /* sio__conn_write_queue_now() has tried to write, and the call of `drained` is still due. */
  unsigned wrote_early : 1;
  unsigned marks : 14;     /* sent marks that have left the queue and are not reported yet */
  unsigned rare_flags : 3; /* CONN_MARKED, CONN_WATCHED, CONN_RUNS              */
  unsigned counted : 1;
  uv_poll_t poll; /* poll.data is the loop. */
  union {
    struct addr_record *addr_record; /* extra[0] of CONN_COUNTED and CONN_TLS; may be NULL */
    struct conn_tls *tls;            /* extra[1] of CONN_TLS */
  } extra[];
};

/* The kind of a connection says how many pointers conn.extra has: none; the address record; or the
 * address record and the TLS state. */
enum conn_kind { CONN_PLAIN, CONN_COUNTED, CONN_TLS };

static inline struct loop *conn_loop(const struct conn *c) { return c->poll.data; }

/* Creates a connection of the kind CONN_PLAIN for a non-blocking socket, and takes the descriptor
 * over: after an error it is closed. Returns 0 and sets *out, or returns UV_ENOMEM or another libuv
 * code. */
int sio__conn_new(struct conn **out, struct loop *l, int fd, const struct conn_ops *ops,
                  void *owner);
/* Creates a connection of the given kind for a non-blocking socket, and takes the descriptor over:
 * after an error it is closed. Returns 0 and sets *out, or returns UV_ENOMEM or another libuv
 * code. */
int sio__conn_new_of_kind(struct conn **out, struct loop *l, int fd, const struct conn_ops *ops,
                          void *owner, enum conn_kind kind);
/* Stores the record in which c is counted as an open connection of its address. c must not be of
 * the kind CONN_PLAIN. When c closes or leaves its loop, the count in the record is decremented. */
static inline void conn_set_addr_record(struct conn *c, struct addr_record *v) {
  c->extra[0].addr_record = v;
}
void sio__conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner);
/* Removes the owner, whose callbacks are not called any more. sio__conn_close() does that, too. */
void sio__conn_clear_owner(struct conn *c);

/* Writes the IP address of the socket's peer to `out`, without the port: "127.0.0.1", "::1"; or ""
 * if the peer has no IP address, or if that is not known. Returns `out`. */
enum { CONN_ADDRESS = 54 };
const char *sio__conn_peer_address_text(const struct conn *c, char out[CONN_ADDRESS]);

/* Queues a reference to the bytes [off, off+len) of m, counted from its first headroom byte. An
 * empty range is queued only if off is 0: it is a sent mark (see below). Returns 0; UV_ENOMEM
 * (nothing was queued); or SIO_ECLOSED if the connection is closed or sio__conn_end_writing() was
 * called. Neither writes nor calls a callback. */
int sio__conn_queue_msg_range(struct conn *c, struct msg *m, uint32_t off, uint32_t len);
/* Queues a sent mark: `marks_passed` is called when everything that was queued before the mark has
 * left the queue. m only stands for the mark in the queue: no bytes of m are sent, but its memory
 * counts as queued. At most CONN_MARKS marks may wait until they are reported. Returns the same
 * values as sio__conn_queue_msg_range(). */
enum { CONN_MARKS = 16383 };
static inline int conn_queue_sent_mark(struct conn *c, struct msg *m) {
  c->rare_flags |= CONN_MARKED;
  return sio__conn_queue_msg_range(c, m, 0, 0);
}
static inline void conn_enable_flushing_callback(struct conn *c) { c->rare_flags |= CONN_WATCHED; }
/* Returns the number of sent marks that have left the queue and were not reported by `marks_passed`
 * yet, and counts them as reported. */
static inline unsigned conn_take_unreported_sent_mark_count(struct conn *c) {
  unsigned n = c->marks;
  c->marks = 0;
  return n;
}
/* Writes the queue now instead of at the end of the turn, unless the connection is blocked. No
 * callback is called before the end of the turn, not even for an error. For example, a sender with
 * a long queue calls this to find out how much of the queue the kernel does not accept. */
void sio__conn_write_queue_now(struct conn *c);
/* Removes the queued msgs for which drop() returns true. The first msg stays, and so do msgs of
 * which a part is encrypted already: drop() is not called for them (see
 * sio__queue_remove_msgs_if()). */
void sio__conn_remove_queued_msgs_if(struct conn *c, queue_drop_fn drop, void *user);
/* Calls visit() for each queued msg that sio__conn_remove_queued_msgs_if() could remove. */
void sio__conn_visit_queued_msgs(const struct conn *c, queue_visit_fn visit, void *user);
/* Queues the whole text of m, without a WebSocket frame header. */
static inline int conn_queue_msg_without_frame_header(struct conn *c, struct msg *m) {
  return sio__conn_queue_msg_range(c, m, MSG_HEADROOM, m->len);
}
/* Returns true if no bytes are queued and no write waits until the socket is writable. */
static inline bool conn_is_idle(const struct conn *c) { return c->out.bytes == 0 && !c->blocked; }

/* Tries to limit how many bytes the kernel holds that it has not sent yet. On a socket without
 * TCP_NOTSENT_LOWAT the send buffer is made smaller instead, unless it is small already. */
void sio__conn_limit_unsent_bytes(struct conn *c, int bytes);

void sio__conn_pause_reading(struct conn *c);
void sio__conn_resume_reading(struct conn *c);

/* Shuts down writing once the queue is sent; nothing more can be queued. The owner must still close
 * the connection. */
void sio__conn_end_writing(struct conn *c);
/* Closes the descriptor immediately and drops the queue, without a callback. The struct stays valid
 * at least until the end of the turn. Has no effect on a closed connection. */
void sio__conn_close(struct conn *c);

/* The following three functions are mainly for tls.c. */

/* Makes the connection write at the end of the turn, unless it is blocked. */
void sio__conn_schedule_flush(struct conn *c);
/* Stops reading, and calls `eof`. */
void sio__conn_report_end_of_stream(struct conn *c);
/* Closes the connection and calls `failed` with err. Has no effect on a closed connection. */
void sio__conn_fail(struct conn *c, int err);

/* For transfer.c: removes c from its loop, drops the queue, and frees c at the end of a turn. The
 * descriptor stays open. */
void sio__conn_remove_from_loop_and_free_later(struct conn *c);

#endif
