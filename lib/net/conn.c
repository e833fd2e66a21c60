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

static void on_conn_poll(uv_poll_t *h, int status, int events);

/* ---- what uv watches ---------------------------------------------------------- */

static unsigned wanted_events(const struct conn *c) {
  unsigned want = 0;
  if (!c->eof && !c->paused && !c->throttled) want |= UV_READABLE;
  if (c->blocked) want |= UV_WRITABLE;
  /* Only errors come with this: a peer that has said all is heard of when it resets. */
  if (c->eof) want |= UV_PRIORITIZED;
  return want;
}

/* Without it the connection would be silent for ever. Its owner hears of that at the end of the
 * turn: this may be inside a sending call. */
static void conn_start_poll(struct conn *c, int want) {
  if (uv_poll_start(&c->poll, want, on_conn_poll) == 0) return;
  c->polling = 0;
  conn_loop(c)->unwatched = true;
}

static COLD void conn_update_poll(struct conn *c) {
  unsigned want = wanted_events(c);
  if (c->closed || want == c->polling) return;
  c->polling = want & 15;
  if (want) {
    conn_start_poll(c, (int)want);
    sio__loop_note_poll_start(conn_loop(c));
  } else {
    uv_poll_stop(&c->poll);
  }
}

static struct conn *find_unwatched(struct loop *l) {
  list_each (it, tmp, &l->conns) {
    struct conn *c = container_of(it, struct conn, link);
    if (c->polling != wanted_events(c)) return c;
  }
  return NULL;
}

COLD void sio__conn_fail_unwatched(struct loop *l) {
  struct conn *c;
  l->unwatched = false;
  while ((c = find_unwatched(l))) sio__conn_fail(c, UV_ENOMEM);
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
  conn_update_poll(c);
  *out = c;
  return 0;
}

COLD int sio__conn_new(struct conn **out, struct loop *l, int fd, const struct conn_ops *ops,
                       void *owner) {
  return sio__conn_new_kind(out, l, fd, ops, owner, CONN_PLAIN);
}

COLD void sio__conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner) {
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

COLD void sio__conn_clear_owner(struct conn *c) { sio__conn_set_owner(c, &abandoned_ops, NULL); }

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

static struct conn_chunk *add_chunk(struct conn *c, struct conn_chunk *k) {
  k->next = NULL;
  k->head = k->tail = k->runs = 0;
  if (c->out_tail)
    c->out_tail->next = k;
  else
    c->out = k;
  return c->out_tail = k;
}

static void drop_first_chunk(struct conn *c) {
  struct conn_chunk *k = c->out;
  c->out = k->next;
  if (!c->out) c->out_tail = NULL;
  sio__pool_put(&conn_loop(c)->chunks, k);
}

static void put_entry(struct conn_chunk *k, struct msg *m, uint32_t off, uint32_t len) {
  struct conn_entry *e = &k->e[k->tail++];
  e->m = m;
  e->off = off;
  e->len = len;
}

/* ---- runs ------------------------------------------------------------------------------- */

static bool is_whole_frame(const struct msg *m, uint32_t off, uint32_t len) {
  return m->ws_head && off + m->ws_head == MSG_HEADROOM && len == msg_frame_len(m);
}

/* Adds m to the end of the queue without taking a slot. */
static COLD bool append_to_run(struct conn *c, struct msg *m) {
  struct conn_chunk *k = c->out_tail;
  if (!k || k->tail < 2) return false;
  unsigned i = k->tail - 1u;
  struct conn_entry *e = &k->e[i];
  bool run = chunk_has_run(k, i);
  if (!run && !is_whole_frame(e->m, e->off, e->len)) return false;
  if (!msg_try_link(run ? e->last : e->m, m)) return false;
  k->runs |= (uint8_t)(1u << i);
  c->rare |= CONN_RUNS;
  e->last = m;
  return true;
}

/* A run of one is an entry like any other. */
static void turn_run_of_one_into_entry(struct conn_chunk *k, unsigned i) {
  struct conn_entry *e = &k->e[i];
  if (e->m != e->last) return;
  k->runs &= (uint8_t) ~(1u << i);
  e->off = MSG_HEADROOM - e->m->ws_head;
  e->len = msg_frame_len(e->m);
}

/* Takes the first msg of the queue's first entry, which is a run, off it. */
static COLD struct msg *take_first_of_run(struct conn_chunk *k) {
  struct conn_entry *e = &k->e[k->head];
  struct msg *m = e->m;
  e->m = m->follow;
  turn_run_of_one_into_entry(k, k->head);
  return m;
}

/* Into the slot before the first entry. */
static void put_before_first_entry(struct conn_chunk *k, struct msg *m) {
  k->e[--k->head] = (struct conn_entry){ m, { { MSG_HEADROOM - m->ws_head, msg_frame_len(m) } } };
}

void sio__queue_next(struct conn_place *at) {
  if (chunk_has_run(at->k, at->i) && at->m != at->k->e[at->i].last) {
    at->m = at->m->follow;
    return;
  }
  if (++at->i == at->k->tail && (at->k = at->k->next)) at->i = at->k->head;
  if (at->k) at->m = at->k->e[at->i].m;
}

/* ---- what the queue holds ------------------------------------------------------------------ */

/* What waits is part of the loop's sum while the connection is blocked: what leaves in the turn in
 * which it was queued costs nothing for it. Around whatever changes the queue of one that is, or
 * that may be afterwards. */
static inline void subtract_blocked_memory(const struct conn *c) {
  if (c->blocked) conn_loop(c)->stats.held -= c->held;
}
static inline void add_blocked_memory(const struct conn *c) {
  if (c->blocked) conn_loop(c)->stats.held += c->held;
}

static inline void release_queued_msg(struct conn *c, struct msg *m) {
  c->held -= msg_memory_size(m) + ENTRY_COST;
  msg_unref(m);
}

static inline void remove_first_entry(struct conn *c) {
  struct conn_chunk *k = c->out;
  release_queued_msg(c, k->e[k->head++].m);
  if (k->head == k->tail) drop_first_chunk(c);
}

static inline bool starts_with_run(const struct conn *c) {
  return chunk_has_run(c->out, c->out->head);
}

static COLD void conn_drop_queue(struct conn *c) {
  while (c->out) {
    if (starts_with_run(c))
      release_queued_msg(c, take_first_of_run(c->out));
    else
      remove_first_entry(c);
  }
  c->queued = 0;
}

static void conn_schedule_flush(struct conn *c) {
  if (!list_empty(&c->dirty) || c->blocked) return;
  list_push(&conn_loop(c)->dirty, &c->dirty);
  sio__loop_request_turn_end(conn_loop(c));
}

void sio__conn_schedule_flush(struct conn *c) { conn_schedule_flush(c); }

/* Only once the kernel has refused some of it: until the turn's flush nobody knows how fast the
 * peer is. */
static COLD void conn_update_throttle(struct conn *c) {
  size_t limit = c->throttled ? conn_loop(c)->high_water / 2 : conn_loop(c)->high_water;
  bool over = c->blocked && (c->held > limit || (c->secure && sio__tls_is_over_limit(c)));
  if (over == c->throttled) return;
  c->throttled = over;
  conn_update_poll(c);
}

static inline struct conn_chunk *chunk_with_room(struct conn *c) {
  if (c->out_tail && c->out_tail->tail < 7) return c->out_tail;
  struct conn_chunk *k = sio__pool_get(&conn_loop(c)->chunks);
  return k ? add_chunk(c, k) : NULL;
}

static void hold_queued_msg(struct conn *c, struct msg *m, uint32_t len) {
  msg_ref(m);
  c->queued += len;
  c->held += msg_memory_size(m) + ENTRY_COST;
}

static bool try_append_to_run(struct conn *c, struct msg *m, uint32_t off, uint32_t len) {
  return m->refs >= RUN_REFS && is_whole_frame(m, off, len) && append_to_run(c, m);
}

/* For a peer that does not read, or past what a turn has for one that does. */
static COLD int append_to_long_queue(struct conn *c, struct msg *m, uint32_t off, uint32_t len) {
  struct conn_chunk *k = NULL;
  if (!try_append_to_run(c, m, off, len)) {
    k = chunk_with_room(c);
    if (!k) return UV_ENOMEM;
    put_entry(k, m, off, len);
  }
  hold_queued_msg(c, m, len);
  if (!c->blocked) return 0;
  conn_loop(c)->stats.held += msg_memory_size(m) + ENTRY_COST;
  conn_update_throttle(c);
  return 0;
}

/* A mark is no bytes at offset 0. */
int sio__conn_send(struct conn *c, struct msg *m, uint32_t off, uint32_t len) {
  if (c->closed || c->ending) return SIO_ECLOSED;
  if (len == 0 && off > 0) return 0;
  if (c->blocked || (c->out != c->out_tail && c->out_tail->tail == 7))
    return append_to_long_queue(c, m, off, len);
  struct conn_chunk *k = chunk_with_room(c);
  if (!k) return UV_ENOMEM;
  put_entry(k, m, off, len);
  hold_queued_msg(c, m, len);
  conn_schedule_flush(c);
  return 0;
}

/* ---- dropping what waits -------------------------------------------------------------------- */

/* A walk over the queue that builds it anew, for a run of which some go takes more entries than
 * before. What stays goes into chunks that are free again, or into the spare one. */
struct removal {
  conn_drop_fn drop;
  void *user;
  struct conn_chunk *rest, *spare;
  size_t sealed; /* bytes of the rest that are encrypted already */
  bool begun;
};

static bool reserve_spare_chunk(struct conn *c, struct removal *s) {
  if (!s->spare) s->spare = sio__pool_get(&conn_loop(c)->chunks);
  return s->spare;
}

static void free_rest_chunk(struct conn *c, struct removal *s) {
  struct conn_chunk *k = s->rest;
  s->rest = k->next;
  sio__pool_put(&conn_loop(c)->chunks, k);
}

static struct conn_entry take_next_entry(struct conn *c, struct removal *s) {
  struct conn_chunk *k = s->rest;
  struct conn_entry e = k->e[k->head];
  if (chunk_has_run(k, k->head)) {
    struct msg *m = take_first_of_run(k);
    return (struct conn_entry){ m, { { MSG_HEADROOM - m->ws_head, msg_frame_len(m) } } };
  }
  if (++k->head == k->tail) free_rest_chunk(c, s);
  return e;
}

/* Takes it off the bytes that are encrypted already, if it begins in them. */
static bool is_encrypted(size_t *sealed, size_t len) {
  if (*sealed == 0) return false;
  *sealed -= len < *sealed ? len : *sealed;
  return true;
}

/* A part of the very first may have left. */
static bool entry_must_stay(struct removal *s, size_t len) {
  bool first = !s->begun;
  s->begun = true;
  return is_encrypted(&s->sealed, len) || first;
}

static void keep_entry(struct conn *c, struct removal *s, struct conn_entry e) {
  if (try_append_to_run(c, e.m, e.off, e.len)) return;
  struct conn_chunk *k = c->out_tail;
  if (!k || k->tail == 7) {
    k = add_chunk(c, s->spare);
    s->spare = NULL;
  }
  put_entry(k, e.m, e.off, e.len);
}

static void remove_one_if(struct conn *c, struct removal *s) {
  struct conn_entry e = take_next_entry(c, s);
  if (entry_must_stay(s, e.len) || !s->drop(e.m, msg_memory_size(e.m) + ENTRY_COST, s->user)) {
    keep_entry(c, s, e);
    return;
  }
  c->queued -= e.len;
  release_queued_msg(c, e.m);
}

/* Without memory for it the rest stays as it is. */
static void end_removal(struct conn *c, struct removal *s, struct conn_chunk *last) {
  if (s->spare) sio__pool_put(&conn_loop(c)->chunks, s->spare);
  if (!s->rest) return;
  if (c->out_tail)
    c->out_tail->next = s->rest;
  else
    c->out = s->rest;
  c->out_tail = last;
}

COLD void sio__conn_remove_if(struct conn *c, conn_drop_fn drop, void *user) {
  struct removal s = { .drop = drop, .user = user, .rest = c->out };
  struct conn_chunk *last = c->out_tail;
  if (!c->out) return;
  subtract_blocked_memory(c);
  s.sealed = c->secure ? sio__tls_encrypted_bytes(c) : 0;
  c->out = c->out_tail = NULL;
  while (s.rest && reserve_spare_chunk(c, &s)) remove_one_if(c, &s);
  end_removal(c, &s, last);
  add_blocked_memory(c);
  conn_update_throttle(c);
}

/* ---- writing ----------------------------------------------------------------------------- */

static COLD int gather_runs(const struct conn *c, struct iovec *iov, size_t *bytes) {
  int n = 0;
  for (struct conn_place at = conn_queue_first(c); at.k && n < IOV_BATCH; sio__queue_next(&at)) {
    iov[n] = conn_queue_bytes(&at);
    *bytes += iov[n++].iov_len;
  }
  return n;
}

static int gather_queue(const struct conn *c, struct iovec *iov, size_t *bytes) {
  int n = 0;
  *bytes = 0;
  if (c->rare & CONN_RUNS) return gather_runs(c, iov, bytes);
  for (const struct conn_chunk *k = c->out; k; k = k->next)
    for (unsigned i = k->head; i < k->tail; i++) {
      if (n == IOV_BATCH) return n;
      iov[n].iov_base = msg_data(k->e[i].m) - MSG_HEADROOM + k->e[i].off;
      iov[n++].iov_len = k->e[i].len;
      *bytes += k->e[i].len;
    }
  return n;
}

/* An entry without bytes is a mark. */
static inline void count_passed_marks(struct conn *c) {
  for (; c->out && !starts_with_run(c) && c->out->e[c->out->head].len == 0; remove_first_entry(c))
    c->marks++;
}

/* Up to n bytes of the first entry have left. True: all of them belong to it. */
static inline bool consume_from_first_entry(struct conn *c, size_t *n) {
  struct conn_entry *e = &c->out->e[c->out->head];
  if (*n < e->len) {
    e->off += (uint32_t)*n;
    e->len -= (uint32_t)*n;
    return true;
  }
  *n -= e->len;
  remove_first_entry(c);
  return *n == 0;
}

/* The same for a run's first msg. */
static COLD bool consume_from_first_run(struct conn *c, size_t *n) {
  struct conn_chunk *k = c->out;
  struct msg *m = take_first_of_run(k);
  put_before_first_entry(k, m);
  return consume_from_first_entry(c, n);
}

static COLD void consume_runs_and_marks(struct conn *c, size_t n) {
  bool all = false;
  for (count_passed_marks(c); !all; count_passed_marks(c))
    all = starts_with_run(c) ? consume_from_first_run(c, &n) : consume_from_first_entry(c, &n);
}

static void consume_written_bytes(struct conn *c, size_t n) {
  c->queued -= n;
  if (c->rare)
    consume_runs_and_marks(c, n);
  else
    while (!consume_from_first_entry(c, &n)) {}
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
static ssize_t write_once(struct conn *c, size_t *offered) {
  if (c->secure) return sio__tls_write(c, offered);
  struct iovec iov[IOV_BATCH];
  int pieces = gather_queue(c, iov, offered);
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
  sio__conn_clear_owner(c);
}

static COLD void shutdown_writing(struct conn *c) {
  if (c->shut) return;
  c->shut = 1;
  shutdown(c->fd, SHUT_WR);
}

static COLD void notify_lighter(struct conn *c) {
  if (c->held > conn_loop(c)->low_mark) return;
  c->heavy = 0;
  if (c->ops->lighter) c->ops->lighter(c);
}

static COLD void notify_passed_marks(struct conn *c) {
  unsigned n = conn_take_marks(c);
  if (!c->out) c->rare &= CONN_WATCHED;
  if (n && c->ops->passed) c->ops->passed(c, n);
}

static COLD void conn_unblock(struct conn *c) {
  c->blocked = 0;
  conn_update_throttle(c);
  conn_update_poll(c);
}

static void conn_on_drained(struct conn *c, bool wrote) {
  c->pushed = 0;
  if (c->blocked) conn_unblock(c);
  if (c->ending) shutdown_writing(c);
  if (c->rare) notify_passed_marks(c);
  if (wrote && c->ops->drained) c->ops->drained(c);
  if (c->heavy && !c->closed) notify_lighter(c);
}

/* ENOBUFS and ENOMEM are the kernel's lack, not the peer's end: the next event tries again. */
static bool should_retry_later(const struct conn *c, ssize_t n) {
  if (c->secure && sio__tls_has_failed(c)) return false;
  return n == UV_EAGAIN || n == UV_ENOBUFS || n == UV_ENOMEM;
}

/* False: it was closed. */
static bool call_flushing(struct conn *c) {
  bool asks = (c->rare & CONN_WATCHED) && c->queued > 0 && c->ops->flushing;
  if (asks) c->ops->flushing(c);
  return !c->closed;
}

/* 1: all has left; 0: the kernel is full; or what went wrong. */
static inline int write_queue(struct conn *c) {
  while (c->queued > 0 || (c->secure && sio__tls_has_output(c))) {
    size_t offered;
    ssize_t n = write_once(c, &offered);
    if (n < 0 && !should_retry_later(c, n)) return (int)n;
    if (n > 0) consume_written_bytes(c, (size_t)n);
    if (n == (ssize_t)offered) continue;
    c->blocked = 1;
    conn_loop(c)->stats.blocked++;
    return 0;
  }
  return 1;
}

static void wait_until_writable(struct conn *c) {
  conn_update_throttle(c);
  conn_update_poll(c);
  if (c->rare) notify_passed_marks(c);
  if (c->heavy) notify_lighter(c);
}

void sio__conn_flush(struct conn *c) {
  if (c->rare && !call_flushing(c)) return;
  bool wrote = c->queued > 0 || c->pushed;
  subtract_blocked_memory(c);
  if (c->rare) count_passed_marks(c);
  int all = write_queue(c);
  if (all > 0) {
    conn_on_drained(c, wrote);
    return;
  }
  add_blocked_memory(c);
  if (all)
    sio__conn_fail(c, all);
  else
    wait_until_writable(c);
}

COLD void sio__conn_write_now(struct conn *c) {
  if (c->blocked || c->closed) return;
  if (c->rare) count_passed_marks(c);
  c->pushed |= c->queued > 0;
  if (write_queue(c) < 0) return;
  add_blocked_memory(c);
  if (c->rare) count_passed_marks(c);
  conn_update_throttle(c);
  conn_update_poll(c);
}

/* ---- reading --------------------------------------------------------------------------------- */

void sio__conn_report_eof(struct conn *c) {
  c->eof = 1;
  conn_update_poll(c);
  c->ops->eof(c);
}

static void conn_deliver_read(struct conn *c, char *p, size_t n) {
  if (!c->secure) {
    c->ops->read(c, p, n);
    return;
  }
  sio__tls_read(c, n);
  if (!c->closed) conn_update_throttle(c);
}

static void read_once(struct conn *c) {
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
    conn_deliver_read(c, l->rbuf + gap, (size_t)n);
  } else if (n == 0) {
    c->eof = 1;
    conn_update_poll(c);
    if (!c->secure || !sio__tls_on_eof(c)) c->ops->eof(c);
  } else if (errno != EAGAIN) {
    sio__conn_fail(c, -errno);
  }
}

/* The descriptor itself knows what is wrong with it. */
static COLD void fail_with_socket_error(struct conn *c) {
  int err = 0;
  socklen_t len = sizeof err;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
  sio__conn_fail(c, err ? -err : UV_ECONNRESET);
}

static void on_conn_poll(uv_poll_t *h, int status, int events) {
  struct conn *c = container_of(h, struct conn, poll);
  loop_begin(conn_loop(c));
  if (status < 0) {
    c->polling = 0; /* uv stopped watching */
    fail_with_socket_error(c);
    return;
  }
  if (events & UV_READABLE) read_once(c);
  if ((events & UV_WRITABLE) && !c->closed) sio__conn_flush(c);
  if (events == UV_PRIORITIZED) fail_with_socket_error(c);
}

COLD void sio__conn_pause(struct conn *c) {
  c->paused = 1;
  conn_update_poll(c);
}

COLD void sio__conn_resume(struct conn *c) {
  c->paused = 0;
  conn_update_poll(c);
}

/* ---- the end --------------------------------------------------------------------------------- */

COLD void sio__conn_end(struct conn *c) {
  if (c->closed || c->ending) return;
  c->ending = 1;
  conn_schedule_flush(c);
}

static void free_conn(struct deferred_free *g) {
  sio__free(container_of(g, struct conn, deferred_free));
}

/* uv may be done before the turn is, and somebody may still look at c until then. */
static COLD void on_conn_closed(uv_handle_t *h) {
  struct conn *c = container_of(h, struct conn, poll);
  struct loop *l = conn_loop(c);
  sio__loop_free_later(l, &c->deferred_free, free_conn);
  sio__loop_handle_closed(l);
}

static COLD void close_conn(struct conn *c) {
  c->closed = 1;
  list_remove(&c->link);
  conn_loop(c)->nconns--;
  list_remove(&c->dirty);
  conn_loop(c)->stats.lost += c->queued;
  if (c->secure) sio__tls_close(c);
  subtract_blocked_memory(c);
  conn_drop_queue(c);
  if (c->counted) sio__addr_record_release(c->extra[0].addr_record, ADDR_CONNS);
  /* uv_close() takes the descriptor out of epoll at once. */
  uv_close((uv_handle_t *)&c->poll, on_conn_closed);
  close(c->fd);
}

COLD void sio__conn_close(struct conn *c) {
  if (c->closed) return;
  close_conn(c);
  sio__conn_clear_owner(c);
}
