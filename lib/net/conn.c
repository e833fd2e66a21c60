/* SPDX-License-Identifier: MIT
 *
 * conn.c - the descriptor of a connection under a uv_poll_t: one read per readable event, and
 * usually one gathered write per turn.
 */
#include "net/conn.h"
#include "base/os.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sio/error.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  IOV_BATCH = 128,
  JOIN_MAX = 2048 /* Copying up to this many bytes together is cheaper than a gathered write. */
};

static inline struct pool *conn_chunk_pool(const struct conn *c) { return &conn_loop(c)->chunks; }

static inline const struct conn_tls_ops *conn_tls_ops(const struct conn *c) {
  return c->extra[1].tls->ops;
}

static void on_conn_poll_event(uv_poll_t *h, int status, int events);

/* ---- events to poll for ---------------------------------------------------- */

static unsigned choose_events_to_poll_for(const struct conn *c) {
  unsigned want = 0;
  if (!c->eof && !c->paused && !c->throttled) want |= UV_READABLE;
  if (c->blocked) want |= UV_WRITABLE;
  /* After the end of its stream a peer can still reset the connection. If libuv polls only for
   * UV_PRIORITIZED, it reports such errors, but no readable bytes. It also reports urgent data
   * (MSG_OOB), which is ignored: see fail_conn_unless_event_is_urgent_data(). */
  if (c->eof) want |= UV_PRIORITIZED;
  return want;
}

/* A connection that libuv cannot poll would wait for ever. So sio__conn_fail() is called for it,
 * but only at the end of the turn: the current call may be sio__conn_queue_msg_range(), which must
 * not call a callback. */
static void conn_start_poll(struct conn *c, int want) {
  if (uv_poll_start(&c->poll, want, on_conn_poll_event) == 0) return;
  c->polling = 0;
  conn_loop(c)->unwatched = true;
}

static void conn_update_poll(struct conn *c) {
  unsigned want = choose_events_to_poll_for(c);
  if (c->closed || want == c->polling) return;
  c->polling = want & 15;
  if (want) {
    conn_start_poll(c, (int)want);
    sio__loop_mark_new_poll_handle(conn_loop(c));
  } else {
    uv_poll_stop(&c->poll);
  }
}

static struct conn *find_conn_with_failed_poll_start(struct loop *l) {
  list_each (it, tmp, &l->conns) {
    struct conn *c = container_of(it, struct conn, link);
    if (c->polling != choose_events_to_poll_for(c)) return c;
  }
  return NULL;
}

static void fail_conns_that_cannot_be_polled(struct loop *l) {
  struct conn *c;
  l->unwatched = false;
  while ((c = find_conn_with_failed_poll_start(l))) sio__conn_fail(c, UV_ENOMEM);
}

static void conn_flush(struct conn *c);

static void flush_conn_of_dirty_link(struct list *dirty) {
  conn_flush(container_of(dirty, struct conn, dirty));
}

static const struct loop_conn_ops loop_ops = { flush_conn_of_dirty_link,
                                               fail_conns_that_cannot_be_polled };

/* ---- creation -------------------------------------------------------------- */

static void set_open_conn_count(struct loop *l, unsigned n) {
  l->nconns = n;
  if (l->shared_conns) atomic_store(l->shared_conns, n);
}

int sio__conn_new_of_kind(struct conn **out, struct loop *l, int fd, const struct conn_ops *ops,
                          void *owner, enum conn_kind kind) {
  struct conn *c = sio__calloc(1, sizeof *c + kind * sizeof *c->extra);
  int err = c ? uv_poll_init(l->uv, &c->poll, fd) : UV_ENOMEM;
  if (err) {
    sio__free(c);
    close(fd);
    return err;
  }
  l->open_handles++;
  l->conn_ops = &loop_ops;
  c->poll.data = l;
  c->ops = ops;
  c->owner = owner;
  c->fd = fd;
  c->counted = kind != CONN_PLAIN;
  list_init(&c->dirty);
  list_append(&l->conns, &c->link);
  set_open_conn_count(l, l->nconns + 1);
  l->stats.accepted++;
  /* This fails on a Unix socket, which does no harm. */
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
  conn_update_poll(c);
  *out = c;
  return 0;
}

int sio__conn_new(struct conn **out, struct loop *l, int fd, const struct conn_ops *ops,
                  void *owner) {
  return sio__conn_new_of_kind(out, l, fd, ops, owner, CONN_PLAIN);
}

void sio__conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner) {
  c->ops = ops;
  c->owner = owner;
}

static void ignore_received_bytes(struct conn *c, char *p, size_t n) { (void)c, (void)p, (void)n; }
static void ignore_conn_event(struct conn *c) { (void)c; }
static void ignore_conn_failed(struct conn *c, int err) { (void)c, (void)err; }
static void ignore_tls_refused(struct conn *c, const char *why) { (void)c, (void)why; }

static const struct conn_ops abandoned_ops = { .read = ignore_received_bytes,
                                               .eof = ignore_conn_event,
                                               .failed = ignore_conn_failed,
                                               .secured = ignore_conn_event,
                                               .refused = ignore_tls_refused };

void sio__conn_clear_owner(struct conn *c) { sio__conn_set_owner(c, &abandoned_ops, NULL); }

const char *sio__conn_peer_address_text(const struct conn *c, char out[CONN_ADDRESS]) {
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

/* ---- accounting of queued memory ------------------------------------------- */

/* Of all send queues, stats.held contains only those of blocked connections, so that messages that
 * are sent in the turn in which they were queued cost nothing here. Before the queue of a
 * connection changes, its memory is subtracted if the connection is blocked; after the change, its
 * new memory is added if the connection is blocked then. append_to_long_queue() calls neither of
 * these functions: it adds the memory of the appended msg itself. */
static inline void uncount_send_queue_as_held_if_blocked(const struct conn *c) {
  if (c->blocked) conn_loop(c)->stats.held -= c->out.memory;
}
static inline void count_send_queue_as_held_if_blocked(const struct conn *c) {
  if (c->blocked) conn_loop(c)->stats.held += c->out.memory;
}

static void conn_schedule_flush(struct conn *c) {
  if (!list_is_empty(&c->dirty) || c->blocked) return;
  list_append(&conn_loop(c)->dirty, &c->dirty);
  sio__loop_request_turn_end(conn_loop(c));
}

void sio__conn_schedule_flush(struct conn *c) { conn_schedule_flush(c); }

/* Pauses reading from a peer that reads too slowly, or resumes it. Reading is paused only while a
 * write is blocked: before the first write a slow peer cannot be told from a fast one. */
static void conn_update_read_throttle(struct conn *c) {
  size_t limit = c->throttled ? conn_loop(c)->high_water / 2 : conn_loop(c)->high_water;
  bool over =
      c->blocked && (c->out.memory > limit || (c->secure && conn_tls_ops(c)->is_over_limit(c)));
  if (over == c->throttled) return;
  c->throttled = over;
  conn_update_poll(c);
}

/* Appends a byte range of m to a long queue: the connection is blocked, or the queue has several
 * chunks and the last one is full. A whole WebSocket message may join a run, which is a series of
 * messages that share one entry of the queue (net/queue.h). */
static int append_to_long_queue(struct conn *c, struct msg *m, uint32_t off, uint32_t len) {
  if (queue_may_join_run(m, off, len) && sio__queue_try_append_to_run(&c->out, m)) {
    c->rare_flags |= CONN_RUNS;
  } else {
    struct queue_chunk *k = queue_find_or_add_free_chunk(&c->out, conn_chunk_pool(c));
    if (!k) return UV_ENOMEM;
    queue_append_entry(k, m, off, len);
  }
  queue_count_and_ref_msg(&c->out, m, len);
  if (!c->blocked) return 0;
  conn_loop(c)->stats.held += msg_memory_size(m) + QUEUE_ENTRY_COST;
  conn_update_read_throttle(c);
  return 0;
}

/* An empty byte range with offset 0 is queued, because it is a sent mark (conn_queue_sent_mark()).
 * An empty byte range with another offset is not queued. */
int sio__conn_queue_msg_range(struct conn *c, struct msg *m, uint32_t off, uint32_t len) {
  if (c->closed || c->ending) return SIO_ECLOSED;
  if (len == 0 && off > 0) return 0;
  if (c->blocked || (c->out.first != c->out.last && c->out.last->tail == QUEUE_CHUNK_ENTRIES))
    return append_to_long_queue(c, m, off, len);
  struct queue_chunk *k = queue_find_or_add_free_chunk(&c->out, conn_chunk_pool(c));
  if (!k) return UV_ENOMEM;
  queue_append_entry(k, m, off, len);
  queue_count_and_ref_msg(&c->out, m, len);
  conn_schedule_flush(c);
  return 0;
}

/* ---- removing queued messages ---------------------------------------------- */

static size_t encrypted_queue_bytes(const struct conn *c) {
  return c->secure ? conn_tls_ops(c)->encrypted_bytes(c) : 0;
}

void sio__conn_visit_queued_msgs(const struct conn *c, queue_visit_fn visit, void *user) {
  sio__queue_visit_msgs(&c->out, encrypted_queue_bytes(c), visit, user);
}

void sio__conn_remove_queued_msgs_if(struct conn *c, queue_drop_fn drop, void *user) {
  if (!c->out.first) return;
  uncount_send_queue_as_held_if_blocked(c);
  sio__queue_remove_msgs_if(&c->out, conn_chunk_pool(c), encrypted_queue_bytes(c), drop, user);
  c->rare_flags |= CONN_RUNS;
  count_send_queue_as_held_if_blocked(c);
  conn_update_read_throttle(c);
}

/* ---- writing --------------------------------------------------------------- */

static int gather_queue_with_runs_into_iovecs(const struct conn *c, struct iovec *iov,
                                              size_t *bytes) {
  int n = 0;
  for (struct queue_place at = send_queue_iter_begin(&c->out); at.k && n < IOV_BATCH;
       sio__send_queue_iter_next(&at)) {
    iov[n] = queue_iter_get_iovec(&at);
    *bytes += iov[n++].iov_len;
  }
  return n;
}

static int gather_queue_into_iovecs(const struct conn *c, struct iovec *iov, size_t *bytes) {
  int n = 0;
  *bytes = 0;
  if (c->rare_flags & CONN_RUNS) return gather_queue_with_runs_into_iovecs(c, iov, bytes);
  for (const struct queue_chunk *k = c->out.first; k; k = k->next)
    for (unsigned i = k->head; i < k->tail; i++) {
      if (n == IOV_BATCH) return n;
      iov[n].iov_base = msg_data(k->e[i].m) - MSG_HEADROOM + k->e[i].off;
      iov[n++].iov_len = k->e[i].len;
      *bytes += k->e[i].len;
    }
  return n;
}

/* Removes the sent marks (entries of length 0) at the beginning of the queue, and counts them. */
static inline void remove_and_count_passed_sent_marks(struct conn *c) {
  struct send_queue *q = &c->out;
  while (q->first && !queue_is_first_entry_run(q) && q->first->e[q->first->head].len == 0) {
    queue_remove_first_entry(q, conn_chunk_pool(c));
    c->marks++;
  }
}

static void remove_written_runs_and_marks_from_queue(struct conn *c, size_t n) {
  bool all = false;
  for (remove_and_count_passed_sent_marks(c); !all; remove_and_count_passed_sent_marks(c))
    all = queue_is_first_entry_run(&c->out)
              ? sio__queue_consume_from_first_run(&c->out, conn_chunk_pool(c), &n)
              : queue_consume_from_first_entry(&c->out, conn_chunk_pool(c), &n);
}

/* Removes from the queue the n bytes that were sent. */
static void remove_written_bytes_from_queue(struct conn *c, size_t n) {
  struct pool *chunks = conn_chunk_pool(c);
  c->out.bytes -= n;
  if (c->rare_flags)
    remove_written_runs_and_marks_from_queue(c, n);
  else
    while (!queue_consume_from_first_entry(&c->out, chunks, &n)) {}
}

static ssize_t write_iovecs_joined(struct conn *c, const struct iovec *iov, size_t pieces) {
  char joined[JOIN_MAX], *at = joined;
  for (size_t i = 0; i < pieces; at += iov[i++].iov_len)
    memcpy(at, iov[i].iov_base, iov[i].iov_len);
  return send(c->fd, joined, (size_t)(at - joined), MSG_NOSIGNAL);
}

static ssize_t write_iovecs(struct conn *c, struct iovec *iov, size_t pieces, size_t bytes) {
  struct msghdr mh = { .msg_iov = iov };
  mh.msg_iovlen = (__typeof__(mh.msg_iovlen))pieces; /* POSIX has an int there, glibc a size_t */
  if (pieces == 1) return send(c->fd, iov->iov_base, bytes, MSG_NOSIGNAL);
  if (bytes <= JOIN_MAX) return write_iovecs_joined(c, iov, pieces);
  return sendmsg(c->fd, &mh, MSG_NOSIGNAL);
}

/* Sends bytes from the beginning of the queue. Returns how many bytes can now be removed from the
 * queue, or an error. Sets *offered to how many it tried to send. */
static ssize_t write_queue_once(struct conn *c, size_t *offered) {
  if (c->secure) return conn_tls_ops(c)->write(c, offered);
  struct iovec iov[IOV_BATCH];
  int pieces = gather_queue_into_iovecs(c, iov, offered);
  ssize_t n;
  do {
    n = write_iovecs(c, iov, (size_t)pieces, *offered);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  histogram_add(&conn_loop(c)->stats.wrote, (uint64_t)n);
  return n;
}

static void close_conn_without_clearing_owner(struct conn *c);

void sio__conn_fail(struct conn *c, int err) {
  if (c->closed) return;
  close_conn_without_clearing_owner(c);
  c->ops->failed(c, err);
  sio__conn_clear_owner(c);
}

static void shut_down_socket_writing(struct conn *c) {
  c->is_write_shut = 1;
  shutdown(c->fd, SHUT_WR);
}

static void notify_owner_if_below_low_mark(struct conn *c) {
  if (c->out.memory > conn_loop(c)->low_mark) return;
  c->reports_low_mark = 0;
  c->ops->below_low_mark(c);
}

static void notify_owner_of_passed_sent_marks(struct conn *c) {
  unsigned n = conn_take_unreported_sent_mark_count(c);
  if (!c->out.first) c->rare_flags &= CONN_WATCHED;
  if (n) c->ops->marks_passed(c, n);
}

static void conn_stop_waiting_to_write(struct conn *c) {
  c->blocked = 0;
  conn_update_read_throttle(c);
  conn_update_poll(c);
}

static void conn_on_drained(struct conn *c, bool wrote) {
  c->wrote_early = 0;
  if (c->blocked) conn_stop_waiting_to_write(c);
  if (c->ending) shut_down_socket_writing(c);
  if (c->rare_flags) notify_owner_of_passed_sent_marks(c);
  if (wrote && c->ops->drained) c->ops->drained(c);
  if (c->reports_low_mark && !c->closed) notify_owner_if_below_low_mark(c);
}

/* ENOBUFS and ENOMEM are a lack of kernel memory and not an error of the connection: writing is
 * tried again when libuv reports that the socket is writable. */
static bool is_write_error_temporary(const struct conn *c, ssize_t n) {
  if (c->secure && conn_tls_ops(c)->has_failed(c)) return false;
  return n == UV_EAGAIN || n == UV_ENOBUFS || n == UV_ENOMEM;
}

/* Calls `flushing` if the owner wants it and bytes are queued. Returns false if that has closed the
 * connection. */
static bool call_flushing_callback_if_wanted(struct conn *c) {
  bool asks = (c->rare_flags & CONN_WATCHED) && c->out.bytes > 0;
  if (asks) c->ops->flushing(c);
  return !c->closed;
}

/* Returns 1 if everything was sent; 0 if the kernel cannot accept more bytes now, and then
 * c->blocked is set; or an error. */
static inline int write_queue_until_blocked(struct conn *c) {
  while (c->out.bytes > 0 || (c->secure && conn_tls_ops(c)->has_output(c))) {
    size_t offered;
    ssize_t n = write_queue_once(c, &offered);
    if (n < 0 && !is_write_error_temporary(c, n)) return (int)n;
    if (n > 0) remove_written_bytes_from_queue(c, (size_t)n);
    if (n == (ssize_t)offered) continue;
    c->blocked = 1;
    conn_loop(c)->stats.blocked++;
    return 0;
  }
  return 1;
}

static void conn_on_blocked_update_poll_and_notify_owner(struct conn *c) {
  conn_update_read_throttle(c);
  conn_update_poll(c);
  if (c->rare_flags) notify_owner_of_passed_sent_marks(c);
  if (c->reports_low_mark) notify_owner_if_below_low_mark(c);
}

static void conn_flush(struct conn *c) {
  if (c->rare_flags && !call_flushing_callback_if_wanted(c)) return;
  bool wrote = c->out.bytes > 0 || c->wrote_early;
  uncount_send_queue_as_held_if_blocked(c);
  if (c->rare_flags) remove_and_count_passed_sent_marks(c);
  int all = write_queue_until_blocked(c);
  if (all > 0) {
    conn_on_drained(c, wrote);
    return;
  }
  count_send_queue_as_held_if_blocked(c);
  if (all)
    sio__conn_fail(c, all);
  else
    conn_on_blocked_update_poll_and_notify_owner(c);
}

void sio__conn_write_queue_now(struct conn *c) {
  if (c->blocked || c->closed) return;
  if (c->rare_flags) remove_and_count_passed_sent_marks(c);
  c->wrote_early |= c->out.bytes > 0;
  if (write_queue_until_blocked(c) < 0) return;
  count_send_queue_as_held_if_blocked(c);
  if (c->rare_flags) remove_and_count_passed_sent_marks(c);
  conn_update_read_throttle(c);
  conn_update_poll(c);
}

/* An error of setsockopt() is ignored: the kernel then holds more unsent bytes, and no caller
 * could change that. */
void sio__conn_limit_unsent_bytes(struct conn *c, int bytes) {
  if (c->closed) return;
#ifdef TCP_NOTSENT_LOWAT
  if (!setsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes)) return;
#endif
  int now = 0;
  socklen_t n = sizeof now;
  bool known = getsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &now, &n) == 0;
  if (known && now > bytes) setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/* ---- reading --------------------------------------------------------------- */

void sio__conn_report_end_of_stream(struct conn *c) {
  c->eof = 1;
  conn_update_poll(c);
  c->ops->eof(c);
}

static void pass_received_bytes_to_owner_or_tls(struct conn *c, char *p, size_t n) {
  if (!c->secure) {
    c->ops->read(c, p, n);
    return;
  }
  conn_tls_ops(c)->read(c, n);
  if (!c->closed) conn_update_read_throttle(c);
}

static void read_socket_once_and_deliver(struct conn *c) {
  struct loop *l = conn_loop(c);
  size_t gap = c->secure ? conn_tls_ops(c)->gap : 0;
  ssize_t n;
  do {
    n = recv(c->fd, l->rbuf + gap, NET_RBUF - gap, 0);
  } while (n < 0 && errno == EINTR);
  l->stats.reads++;
  if (n > 0) {
    l->stats.bytes_in += (size_t)n;
    if ((size_t)n == NET_RBUF - gap) l->has_unread_bytes = true;
    pass_received_bytes_to_owner_or_tls(c, l->rbuf + gap, (size_t)n);
  } else if (n == 0) {
    c->eof = 1;
    conn_update_poll(c);
    if (!c->secure || !conn_tls_ops(c)->on_eof(c)) c->ops->eof(c);
  } else if (errno != EAGAIN) {
    sio__conn_fail(c, -errno);
  }
}

/* Fails the connection with the error that the kernel has recorded for the socket, or with
 * UV_ECONNRESET if it has recorded none. */
static void fail_conn_with_socket_error(struct conn *c) {
  int err = 0;
  socklen_t len = sizeof err;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
  sio__conn_fail(c, err ? -err : UV_ECONNRESET);
}

/* Returns true if the kernel reports an error, or that both directions have ended. */
static bool has_socket_failed_or_hung_up(const struct conn *c) {
  struct pollfd p = { .fd = c->fd };
  return poll(&p, 1, 0) > 0 && p.revents;
}

/* Stops polling for UV_PRIORITIZED, and goes on polling for the other events in c->polling.
 * c->polling itself is not changed, so that UV_PRIORITIZED is polled for again as soon as the
 * events to watch change. */
static void stop_polling_for_urgent_data(struct conn *c) {
  unsigned want = c->polling & ~(unsigned)UV_PRIORITIZED;
  if (want)
    conn_start_poll(c, (int)want);
  else
    uv_poll_stop(&c->poll);
}

/* Called for UV_PRIORITIZED, which libuv reports if the connection has failed, but also for urgent
 * data (MSG_OOB) of the peer. Urgent data is ignored: recv() leaves it out of the stream. But some
 * kernels report it again and again when the stream was read to its end, so polling for it stops. A
 * reset by the peer may then be noticed only when something is written. */
static void fail_conn_unless_event_is_urgent_data(struct conn *c) {
  if (has_socket_failed_or_hung_up(c))
    fail_conn_with_socket_error(c);
  else
    stop_polling_for_urgent_data(c);
}

static void on_conn_poll_event(uv_poll_t *h, int status, int events) {
  struct conn *c = container_of(h, struct conn, poll);
  loop_begin_turn(conn_loop(c));
  if (status < 0) {
    c->polling = 0; /* libuv has stopped polling. */
    fail_conn_with_socket_error(c);
    return;
  }
  if (events & UV_READABLE) read_socket_once_and_deliver(c);
  if ((events & UV_WRITABLE) && !c->closed) conn_flush(c);
  if ((events & UV_PRIORITIZED) && !c->closed) fail_conn_unless_event_is_urgent_data(c);
}

void sio__conn_pause_reading(struct conn *c) {
  c->paused = 1;
  conn_update_poll(c);
}

void sio__conn_resume_reading(struct conn *c) {
  c->paused = 0;
  conn_update_poll(c);
}

/* ---- closing --------------------------------------------------------------- */

void sio__conn_end_writing(struct conn *c) {
  if (c->closed || c->ending) return;
  c->ending = 1;
  conn_schedule_flush(c);
}

static void free_conn_of_deferred_free(struct deferred_free *g) {
  sio__free(container_of(g, struct conn, deferred_free));
}

/* c is freed at the end of the turn and not here: libuv may call this before the turn ends, and
 * until then callers further up may still use c. */
static void on_conn_poll_handle_closed(uv_handle_t *h) {
  struct conn *c = container_of(h, struct conn, poll);
  struct loop *l = conn_loop(c);
  sio__loop_free_later(l, &c->deferred_free, free_conn_of_deferred_free);
  sio__loop_uncount_handle_and_end_if_last(l);
}

void sio__conn_remove_from_loop_and_free_later(struct conn *c) {
  c->closed = 1;
  list_remove(&c->link);
  set_open_conn_count(conn_loop(c), conn_loop(c)->nconns - 1);
  list_remove(&c->dirty);
  uncount_send_queue_as_held_if_blocked(c);
  sio__queue_clear(&c->out, conn_chunk_pool(c));
  if (c->counted) sio__addr_record_decrement_open_count(c->extra[0].addr_record, ADDR_CONNS);
  /* uv_close() stops polling the descriptor immediately, so the descriptor can be closed now. */
  uv_close((uv_handle_t *)&c->poll, on_conn_poll_handle_closed);
}

static void close_conn_without_clearing_owner(struct conn *c) {
  conn_loop(c)->stats.lost += c->out.bytes;
  if (c->secure) conn_tls_ops(c)->close(c);
  sio__conn_remove_from_loop_and_free_later(c);
  close(c->fd);
}

void sio__conn_close(struct conn *c) {
  if (c->closed) return;
  close_conn_without_clearing_owner(c);
  sio__conn_clear_owner(c);
}
