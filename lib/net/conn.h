/* SPDX-License-Identifier: MIT
 *
 * conn.h - one byte stream to one peer: a TCP or Unix descriptor, watched by a
 * uv_poll_t, with a queue of msgs to send.
 *
 * The owner (an HTTP connection, later a WebSocket one) is told of bytes, of the
 * end and of room through a table of callbacks, and can be replaced while the
 * connection lives. Reading lands in the loop's one buffer; what is not used by
 * the time `read` returns is gone. Sending queues a reference; the end of the turn
 * makes one gathered write (MSG_NOSIGNAL) of it, so that a peer that went away
 * costs an error and never a SIGPIPE, and the host's signals stay as they are.
 */
#ifndef SIO_NET_CONN_H
#define SIO_NET_CONN_H

#include "net/addr_limits.h"
#include "net/loop.h"
#include "net/queue.h"

struct conn;

struct conn_ops {
  /* n > 0 bytes; they may be changed in place. May send, end, close, or give the connection a new
   * owner. */
  void (*read)(struct conn *c, char *p, size_t n);
  /* The peer sends no more. The owner closes or ends it, now or later; nothing more will be
   * read. It may still read: `failed` comes when it resets the connection. */
  void (*eof)(struct conn *c);
  /* The stream broke (err: a libuv code). The connection is closed already; let go of it. */
  void (*failed)(struct conn *c, int err);
  /* The kernel has taken everything that was queued. May be NULL. */
  void (*drained)(struct conn *c);
  /* It was heavy, and it holds no more than loop->low_mark now. May be NULL. */
  void (*lighter)(struct conn *c);
  /* The kernel has what was queued before the oldest n marks. May be NULL. */
  void (*passed)(struct conn *c, unsigned n);
  /* It is CONN_WATCHED, and what is queued is about to be written. May send and close. May be
   * NULL. */
  void (*flushing)(struct conn *c);
  /* Its TLS handshake is complete; what comes next is plaintext. For those that speak TLS, like
   * the next. */
  void (*secured)(struct conn *c);
  /* ... came to nothing. Nothing more will be read; the owner ends it or closes it. why is
   * borrowed. */
  void (*refused)(struct conn *c, const char *why);
};

/* How conn.c calls TLS (net/tls.c), which lies between the queue and the descriptor. */
struct conn_tls_ops {
  /* Where ciphertext is received in the loop's buffer: plaintext is written before it. */
  size_t gap;
  /* n bytes of ciphertext are in the loop's buffer at `gap`. May close c. */
  void (*read)(struct conn *c, size_t n);
  /* The stream ended. True: it ended within the handshake, and the owner was told. */
  bool (*on_eof)(struct conn *c);
  /* Makes one send() of ciphertext. Returns how many bytes of the queue have been sent with it, of
   * *offered, or a libuv code. */
  ssize_t (*write)(struct conn *c, size_t *offered);
  /* Is there ciphertext to send? Once the queue of an ending connection is empty, this includes
   * the message that nothing more follows. */
  bool (*has_output)(struct conn *c);
  /* It can no longer encrypt; trying again later would not help. */
  bool (*has_failed)(const struct conn *c);
  /* The peer does not read what TLS itself has to send to it (alerts, key updates). */
  bool (*is_over_limit)(const struct conn *c);
  /* How many bytes at the beginning of the queue are encrypted already. */
  size_t (*encrypted_bytes)(const struct conn *c);
  /* Called before the descriptor is closed. Frees the TLS state. */
  void (*close)(struct conn *c);
};

/* The beginning of TLS's state. */
struct conn_tls {
  const struct conn_tls_ops *ops;
};

/* What most connections never are. */
enum {
  CONN_MARKED = 1,  /* there may be marks in its queue, or such as are not told yet */
  CONN_WATCHED = 2, /* the owner wants to hear before writes                        */
  CONN_RUNS = 4     /* there may be runs in its queue                               */
};

struct conn {
  const struct conn_ops *ops;
  void *owner;
  union {
    struct {             /* while it is open  */
      struct list link;  /* loop->conns       */
      struct list dirty; /* loop->dirty       */
    };
    struct deferred_free deferred_free; /* once it is closed */
  };
  struct send_queue out; /* what the kernel has not taken yet */
  int fd;
  unsigned closed : 1;
  unsigned ending : 1;    /* shut down writing once the queue is empty        */
  unsigned is_write_shut : 1;      /* writing is shut down                            */
  unsigned eof : 1;       /* the peer sends no more                          */
  unsigned paused : 1;    /* the owner wants no bytes now                    */
  unsigned throttled : 1; /* it does not read what it asked for: nor do we   */
  unsigned blocked : 1;   /* the kernel took less than all: waiting for room */
  unsigned polling : 4;   /* the events uv_poll watches now                  */
  unsigned secure : 1;    /* it speaks TLS (net/tls.h)                       */
  unsigned heavy : 1;     /* the owner wants to hear when it is lighter again  */
  unsigned wrote_early : 1;    /* bytes left in this turn before its end            */
  unsigned marks : 15;    /* passed, and not told yet                          */
  unsigned rare_flags : 3;      /* CONN_MARKED, CONN_WATCHED, CONN_RUNS              */
  unsigned counted : 1;
  uv_poll_t poll; /* begins with its data, which is the loop           */
  union {
    struct addr_record *addr_record; /* [0], if it is counted: its address's, or NULL */
    struct conn_tls *tls;            /* [1], if it is made for TLS                    */
  } extra[];
};

/* What there is room for behind it. */
enum conn_kind { CONN_PLAIN, CONN_COUNTED, CONN_TLS };

static inline struct loop *conn_loop(const struct conn *c) { return c->poll.data; }

/* Takes fd over (also on error, when it is closed). Must be non-blocking.
 * 0 and *out, or UV_ENOMEM or what uv says. */
int sio__conn_new(struct conn **out, struct loop *l, int fd, const struct conn_ops *ops,
                  void *owner);
/* One that an address may have to answer for (conn_visitor()), or, that too, that can speak TLS. */
int sio__conn_new_kind(struct conn **out, struct loop *l, int fd, const struct conn_ops *ops,
                       void *owner, enum conn_kind kind);
/* v is left when it closes. Only of one that is counted. */
static inline void conn_set_addr_record(struct conn *c, struct addr_record *v) {
  c->extra[0].addr_record = v;
}
void sio__conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner);
/* The owner lets go of it: no callback reaches it any more. For one that is about to get another
 * owner, or to be closed; closing does the same. */
void sio__conn_clear_owner(struct conn *c);

/* The peer's address without its port: "127.0.0.1", "::1"; "" on a Unix socket, and once the kernel
 * does not know it any more. */
enum { CONN_ADDRESS = 54 };
const char *sio__conn_address(const struct conn *c, char out[CONN_ADDRESS]);

/* Queues bytes [off, off+len) of m counted from its first headroom byte, taking a reference
 * of its own. 0, or UV_ENOMEM (nothing queued), SIO_ECLOSED. Never writes, never calls back. */
int sio__conn_send(struct conn *c, struct msg *m, uint32_t off, uint32_t len);
/* Queues a place: `passed` says when all before it has left. Of m only its memory counts. As above.
 * At most CONN_MARKS may be under way. */
enum { CONN_MARKS = 32767 };
static inline int conn_queue_mark(struct conn *c, struct msg *m) {
  c->rare_flags |= CONN_MARKED;
  return sio__conn_send(c, m, 0, 0);
}
static inline void conn_watch_flushes(struct conn *c) { c->rare_flags |= CONN_WATCHED; }
/* Marks passed that `passed` has not told of; it will not. */
static inline unsigned conn_take_marks(struct conn *c) {
  unsigned n = c->marks;
  c->marks = 0;
  return n;
}
/* Before the turn's end: gives the kernel what it takes, and calls nobody; the turn's end does,
 * also for what went wrong here. For a sender who must know how much of a long queue is the peer's
 * fault. */
void sio__conn_write_now(struct conn *c);
/* Removes queued msgs: see sio__queue_remove_if(). */
void sio__conn_remove_if(struct conn *c, queue_drop_fn drop, void *user);
/* The whole text of m: no frame header. */
static inline int conn_send_text(struct conn *c, struct msg *m) {
  return sio__conn_send(c, m, MSG_HEADROOM, m->len);
}
/* Nothing waits to be sent: what a volatile packet wants to know. */
static inline bool conn_is_idle(const struct conn *c) { return c->out.bytes == 0 && !c->blocked; }

void sio__conn_pause(struct conn *c);
void sio__conn_resume(struct conn *c);

/* Sends what is queued, then shuts writing down; closing stays the owner's duty. */
void sio__conn_end(struct conn *c);
/* Ends it now: unlinks, drops the queue, closes the descriptor, calls nobody.
 * The struct stays until the end of the turn. Safe twice. */
void sio__conn_close(struct conn *c);

/* For tls.c: there is something to write; the peer has ended its half; the stream broke. */
void sio__conn_schedule_flush(struct conn *c);
void sio__conn_report_eof(struct conn *c);
void sio__conn_fail(struct conn *c, int err);

#endif
