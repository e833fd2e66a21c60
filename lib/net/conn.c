/* SPDX-License-Identifier: MIT
 *
 * conn.c - a descriptor under uv_poll_t: one read per event, one gathered write per turn.
 */
#include "net/conn.h"
#include "base/cold.h"
#include "net/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sio/error.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  IOV_BATCH = 128,
  JOIN_MAX = 2048 /* so few bytes are cheaper to join here than to have gathered by the kernel */
};

/* What a queued msg costs beyond itself. */
#define ENTRY_COST (sizeof(struct conn_chunk) / 7)

static void on_poll(uv_poll_t *h, int status, int events);

/* ---- what uv watches ---------------------------------------------------------- */

static unsigned wanted_events(const struct conn *c) {
  unsigned want = 0;
  if (!c->eof && !c->paused && !c->throttled) want |= UV_READABLE;
  if (c->blocked) want |= UV_WRITABLE;
  return want;
}

static COLD void watch(struct conn *c) {
  unsigned want = wanted_events(c);
  if (c->closed || want == c->polling) return;
  c->polling = want & 7;
  if (want) {
    uv_poll_start(&c->poll, (int)want, on_poll);
    sio__loop_rewatch(conn_loop(c));
  } else {
    uv_poll_stop(&c->poll);
  }
}

/* ---- birth ------------------------------------------------------------------------ */

COLD int sio__conn_new_kind(struct conn **out, struct loop *l, int fd, const struct conn_ops *ops,
                            void *owner, enum conn_kind kind) {
  struct conn *c = sio__calloc(1, sizeof *c + kind * sizeof *c->extra);
  int err = c ? uv_poll_init(l->uv, &c->poll, fd) : UV_ENOMEM;
  if (err) {
    sio__free(c);
    close(fd);
    return err;
  }
  l->open_handles++;
  c->poll.data = l;
  c->ops = ops;
  c->owner = owner;
  c->fd = fd;
  c->counted = kind != CONN_PLAIN;
  list_init(&c->dirty);
  list_push(&l->conns, &c->link);
  l->nconns++;
  l->stats.accepted++;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)); /* no Unix socket minds */
  watch(c);
  *out = c;
  return 0;
}

COLD int sio__conn_new(struct conn **out, struct loop *l, int fd, const struct conn_ops *ops,
                       void *owner) {
  return sio__conn_new_kind(out, l, fd, ops, owner, CONN_PLAIN);
}

COLD void sio__conn_owner(struct conn *c, const struct conn_ops *ops, void *owner) {
  c->ops = ops;
  c->owner = owner;
}

static void ignore_read(struct conn *c, char *p, size_t n) { (void)c, (void)p, (void)n; }
static void ignore_eof(struct conn *c) { (void)c; }
static void ignore_failed(struct conn *c, int err) { (void)c, (void)err; }
static void ignore_refused(struct conn *c, const char *why) { (void)c, (void)why; }

static const struct conn_ops abandoned_ops = { .read = ignore_read,
                                               .eof = ignore_eof,
                                               .failed = ignore_failed,
                                               .secured = ignore_eof,
                                               .refused = ignore_refused };

COLD void sio__conn_abandon(struct conn *c) { sio__conn_owner(c, &abandoned_ops, NULL); }

COLD const char *sio__conn_address(const struct conn *c, char out[CONN_ADDRESS]) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
  } a;
  socklen_t len = sizeof a;
  *out = '\0';
  if (getpeername(c->fd, &a.any, &len)) return out;
  if (a.any.sa_family == AF_INET) inet_ntop(AF_INET, &a.v4.sin_addr, out, CONN_ADDRESS);
  if (a.any.sa_family == AF_INET6) inet_ntop(AF_INET6, &a.v6.sin6_addr, out, CONN_ADDRESS);
  return out;
}

/* ---- the queue ----------------------------------------------------------------------- */

static struct conn_chunk *chunk_with_room(struct conn *c) {
  if (c->out_tail && c->out_tail->tail < 7) return c->out_tail;
  struct conn_chunk *k = sio__pool_get(&conn_loop(c)->chunks);
  if (!k) return NULL;
  k->next = NULL;
  k->head = k->tail = 0;
  if (c->out_tail)
    c->out_tail->next = k;
  else
    c->out = k;
  c->out_tail = k;
  return k;
}

static void drop_first_chunk(struct conn *c) {
  struct conn_chunk *k = c->out;
  c->out = k->next;
  if (!c->out) c->out_tail = NULL;
  sio__pool_put(&conn_loop(c)->chunks, k);
}

/* What waits is part of the loop's sum while the connection is blocked: what leaves in the turn in
 * which it was queued costs nothing for it. Around whatever changes the queue of one that is, or
 * that may be afterwards. */
static inline void uncount(const struct conn *c) {
  if (c->blocked) conn_loop(c)->stats.held -= c->held;
}
static inline void recount(const struct conn *c) {
  if (c->blocked) conn_loop(c)->stats.held += c->held;
}

static inline void let_go(struct conn *c, struct msg *m) {
  c->held -= msg_held(m) + ENTRY_COST;
  msg_unref(m);
}

static COLD void drop_queue(struct conn *c) {
  while (c->out) {
    struct conn_chunk *k = c->out;
    for (unsigned i = k->head; i < k->tail; i++) let_go(c, k->e[i].m);
    drop_first_chunk(c);
  }
  c->queued = 0;
}

static void mark_dirty(struct conn *c) {
  if (!list_empty(&c->dirty) || c->blocked) return;
  list_push(&conn_loop(c)->dirty, &c->dirty);
  sio__loop_rouse(conn_loop(c));
}

void sio__conn_dirty(struct conn *c) { mark_dirty(c); }

/* Only once the kernel has refused some of it: until the turn's flush nobody knows how fast the
 * peer is. */
static COLD void throttle(struct conn *c) {
  size_t limit = c->throttled ? conn_loop(c)->high_water / 2 : conn_loop(c)->high_water;
  bool over = c->blocked && (c->held > limit || (c->secure && sio__tls_swollen(c)));
  if (over == c->throttled) return;
  c->throttled = over;
  watch(c);
}

static void wait_longer(struct conn *c, const struct msg *m) {
  conn_loop(c)->stats.held += msg_held(m) + ENTRY_COST;
  throttle(c);
}

/* A mark is no bytes at offset 0. */
int sio__conn_send(struct conn *c, struct msg *m, uint32_t off, uint32_t len) {
  if (c->closed || c->ending) return SIO_ECLOSED;
  if (len == 0 && off > 0) return 0;
  struct conn_chunk *k = chunk_with_room(c);
  if (!k) return UV_ENOMEM;
  k->e[k->tail].m = msg_ref(m);
  k->e[k->tail].off = off;
  k->e[k->tail].len = len;
  k->tail++;
  c->queued += len;
  c->held += msg_held(m) + ENTRY_COST;
  mark_dirty(c);
  if (c->blocked) wait_longer(c, m);
  return 0;
}

static void put_entry(struct conn_chunk **to, uint8_t *at, const struct conn_chunk *from,
                      unsigned i) {
  if (*at == 7) {
    *to = (*to)->next;
    (*to)->head = *at = 0;
  }
  (*to)->e[(*at)++] = from->e[i];
}

static void end_queue(struct conn *c, struct conn_chunk *last, uint8_t tail) {
  struct conn_chunk *k = last->next;
  last->tail = tail;
  last->next = NULL;
  c->out_tail = last;
  for (struct conn_chunk *next; k; k = next) {
    next = k->next;
    sio__pool_put(&conn_loop(c)->chunks, k);
  }
}

/* Takes the entry off the bytes that are encrypted already, if it begins in them. */
static bool is_sealed(size_t *sealed, size_t len) {
  if (*sealed == 0) return false;
  *sealed -= len < *sealed ? len : *sealed;
  return true;
}

/* What stays moves up; where it is written never overtakes where it is read. */
COLD void sio__conn_sift(struct conn *c, conn_drop_fn drop, void *user) {
  struct conn_chunk *to = c->out;
  if (!to) return;
  uncount(c);
  uint8_t at = (uint8_t)(to->head + 1);
  size_t sealed = c->secure ? sio__tls_sealed(c) : 0;
  is_sealed(&sealed, to->e[to->head].len);
  for (struct conn_chunk *k = to; k; k = k->next)
    for (unsigned i = k == c->out ? k->head + 1u : k->head; i < k->tail; i++) {
      if (is_sealed(&sealed, k->e[i].len) ||
          !drop(k->e[i].m, msg_held(k->e[i].m) + ENTRY_COST, user)) {
        put_entry(&to, &at, k, i);
        continue;
      }
      c->queued -= k->e[i].len;
      let_go(c, k->e[i].m);
    }
  end_queue(c, to, at);
  recount(c);
  throttle(c);
}

/* ---- writing ----------------------------------------------------------------------------- */

static int gather(const struct conn *c, struct iovec *iov, size_t *bytes) {
  int n = 0;
  *bytes = 0;
  for (const struct conn_chunk *k = c->out; k; k = k->next)
    for (unsigned i = k->head; i < k->tail; i++) {
      if (n == IOV_BATCH) return n;
      iov[n].iov_base = msg_data(k->e[i].m) - MSG_HEADROOM + k->e[i].off;
      iov[n++].iov_len = k->e[i].len;
      *bytes += k->e[i].len;
    }
  return n;
}

static inline void take_first(struct conn *c) {
  struct conn_chunk *k = c->out;
  let_go(c, k->e[k->head++].m);
  if (k->head == k->tail) drop_first_chunk(c);
}

/* An entry without bytes is a mark. */
static inline void pass_marks(struct conn *c) {
  for (; c->out && c->out->e[c->out->head].len == 0; take_first(c)) c->marks++;
}

static void taken(struct conn *c, size_t n) {
  c->queued -= n;
  if (c->rare) pass_marks(c);
  while (n > 0) {
    struct conn_chunk *k = c->out;
    if (n < k->e[k->head].len) {
      k->e[k->head].off += (uint32_t)n;
      k->e[k->head].len -= (uint32_t)n;
      return;
    }
    n -= k->e[k->head].len;
    take_first(c);
    if (c->rare) pass_marks(c);
  }
}

static ssize_t write_joined(struct conn *c, const struct iovec *iov, size_t pieces) {
  char joined[JOIN_MAX], *at = joined;
  for (size_t i = 0; i < pieces; i++) at = mempcpy(at, iov[i].iov_base, iov[i].iov_len);
  return send(c->fd, joined, (size_t)(at - joined), MSG_NOSIGNAL);
}

static ssize_t write_pieces(struct conn *c, struct iovec *iov, size_t pieces, size_t bytes) {
  struct msghdr mh = { .msg_iov = iov, .msg_iovlen = pieces };
  if (pieces == 1) return send(c->fd, iov->iov_base, bytes, MSG_NOSIGNAL);
  if (bytes <= JOIN_MAX) return write_joined(c, iov, pieces);
  return sendmsg(c->fd, &mh, MSG_NOSIGNAL);
}

/* Bytes written, or a libuv code. */
static ssize_t write_some(struct conn *c, size_t *offered) {
  if (c->secure) return sio__tls_write(c, offered);
  struct iovec iov[IOV_BATCH];
  int pieces = gather(c, iov, offered);
  ssize_t n;
  do {
    n = write_pieces(c, iov, (size_t)pieces, *offered);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  histogram_add(&conn_loop(c)->stats.wrote, (uint64_t)n);
  return n;
}

static COLD void close_conn(struct conn *c);

COLD void sio__conn_fail(struct conn *c, int err) {
  if (c->closed) return;
  close_conn(c);
  c->ops->failed(c, err);
  sio__conn_abandon(c);
}

static COLD void shut_writing(struct conn *c) {
  if (c->shut) return;
  c->shut = 1;
  shutdown(c->fd, SHUT_WR);
}

static COLD void tell_lighter(struct conn *c) {
  if (c->held > conn_loop(c)->low_mark) return;
  c->heavy = 0;
  if (c->ops->lighter) c->ops->lighter(c);
}

static COLD void tell_marks(struct conn *c) {
  unsigned n = conn_take_marks(c);
  if (!c->out) c->rare &= CONN_WATCHED;
  if (n && c->ops->passed) c->ops->passed(c, n);
}

static COLD void unblock(struct conn *c) {
  c->blocked = 0;
  throttle(c);
  watch(c);
}

static void drained(struct conn *c, bool wrote) {
  c->pushed = 0;
  if (c->blocked) unblock(c);
  if (c->ending) shut_writing(c);
  if (c->rare) tell_marks(c);
  if (wrote && c->ops->drained) c->ops->drained(c);
  if (c->heavy && !c->closed) tell_lighter(c);
}

/* ENOBUFS and ENOMEM are the kernel's lack, not the peer's end: the next event tries again. */
static bool wants_patience(const struct conn *c, ssize_t n) {
  if (c->secure && sio__tls_failed(c)) return false;
  return n == UV_EAGAIN || n == UV_ENOBUFS || n == UV_ENOMEM;
}

/* False: it was closed. */
static bool prepare(struct conn *c) {
  bool asks = (c->rare & CONN_WATCHED) && c->queued > 0 && c->ops->flushing;
  if (asks) c->ops->flushing(c);
  return !c->closed;
}

/* 1: all has left; 0: the kernel is full; or what went wrong. */
static inline int write_queue(struct conn *c) {
  while (c->queued > 0 || (c->secure && sio__tls_pending(c))) {
    size_t offered;
    ssize_t n = write_some(c, &offered);
    if (n < 0 && !wants_patience(c, n)) return (int)n;
    if (n > 0) taken(c, (size_t)n);
    if (n == (ssize_t)offered) continue;
    c->blocked = 1;
    conn_loop(c)->stats.blocked++;
    return 0;
  }
  return 1;
}

static void wait_for_room(struct conn *c) {
  throttle(c);
  watch(c);
  if (c->rare) tell_marks(c);
  if (c->heavy) tell_lighter(c);
}

void sio__conn_flush(struct conn *c) {
  if (c->rare && !prepare(c)) return;
  bool wrote = c->queued > 0 || c->pushed;
  uncount(c);
  if (c->rare) pass_marks(c);
  int all = write_queue(c);
  if (all > 0) {
    drained(c, wrote);
    return;
  }
  recount(c);
  if (all)
    sio__conn_fail(c, all);
  else
    wait_for_room(c);
}

COLD void sio__conn_push(struct conn *c) {
  if (c->blocked || c->closed) return;
  if (c->rare) pass_marks(c);
  c->pushed |= c->queued > 0;
  if (write_queue(c) < 0) return;
  recount(c);
  if (c->rare) pass_marks(c);
  throttle(c);
  watch(c);
}

/* ---- reading --------------------------------------------------------------------------------- */

void sio__conn_ended(struct conn *c) {
  c->eof = 1;
  watch(c);
  c->ops->eof(c);
}

static void deliver(struct conn *c, char *p, size_t n) {
  if (!c->secure) {
    c->ops->read(c, p, n);
    return;
  }
  sio__tls_read(c, n);
  if (!c->closed) throttle(c);
}

static void read_some(struct conn *c) {
  struct loop *l = conn_loop(c);
  size_t gap = c->secure ? TLS_GAP : 0;
  ssize_t n;
  do {
    n = recv(c->fd, l->rbuf + gap, NET_RBUF - gap, 0);
  } while (n < 0 && errno == EINTR);
  l->stats.reads++;
  if (n > 0) {
    l->stats.bytes_in += (size_t)n;
    if ((size_t)n == NET_RBUF - gap) l->unread = true;
    deliver(c, l->rbuf + gap, (size_t)n);
  } else if (n == 0) {
    c->eof = 1;
    watch(c);
    if (!c->secure || !sio__tls_cut(c)) c->ops->eof(c);
  } else if (errno != EAGAIN) {
    sio__conn_fail(c, -errno);
  }
}

static void on_poll(uv_poll_t *h, int status, int events) {
  struct conn *c = container_of(h, struct conn, poll);
  loop_begin(conn_loop(c));
  if (status < 0) {
    /* uv stopped watching; the descriptor itself knows what is wrong with it. */
    c->polling = 0;
    int err = 0;
    socklen_t len = sizeof err;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
    sio__conn_fail(c, err ? -err : UV_ECONNRESET);
    return;
  }
  if (events & UV_READABLE) read_some(c);
  if ((events & UV_WRITABLE) && !c->closed) sio__conn_flush(c);
}

COLD void sio__conn_pause(struct conn *c) {
  c->paused = 1;
  watch(c);
}

COLD void sio__conn_resume(struct conn *c) {
  c->paused = 0;
  watch(c);
}

/* ---- the end --------------------------------------------------------------------------------- */

COLD void sio__conn_end(struct conn *c) {
  if (c->closed || c->ending) return;
  c->ending = 1;
  mark_dirty(c);
}

static void free_conn(struct grave *g) { sio__free(container_of(g, struct conn, grave)); }

/* uv may be done before the turn is, and somebody may still look at c until then. */
static COLD void on_closed(uv_handle_t *h) {
  struct conn *c = container_of(h, struct conn, poll);
  struct loop *l = conn_loop(c);
  sio__loop_bury(l, &c->grave, free_conn);
  sio__loop_handle_closed(l);
}

static COLD void close_conn(struct conn *c) {
  c->closed = 1;
  list_remove(&c->link);
  conn_loop(c)->nconns--;
  list_remove(&c->dirty);
  conn_loop(c)->stats.lost += c->queued;
  if (c->secure) sio__tls_close(c);
  uncount(c);
  drop_queue(c);
  if (c->counted) sio__visitor_leave(c->extra[0].visitor, VISIT_CONN);
  /* uv_close() takes the descriptor out of epoll at once. */
  uv_close((uv_handle_t *)&c->poll, on_closed);
  close(c->fd);
}

COLD void sio__conn_close(struct conn *c) {
  if (c->closed) return;
  close_conn(c);
  sio__conn_abandon(c);
}
