/* SPDX-License-Identifier: MIT
 *
 * test_net_runs.c - many peers that wait for the same messages: what a reference costs, and that
 * each peer gets its bytes, whatever the kernel takes at a time and whatever is dropped in between.
 *
 * The kernel is the test's: each descriptor has a number of bytes that it takes, and what it took
 * is compared with a model of the peer's queue.
 */
#include "net_rig.h"

#include "ws/frame.h"
#include <sys/uio.h>

enum { PEERS = 8, LENGTH = 700 };

struct item {
  char *bytes;
  size_t n;
  unsigned id; /* 0: a mark */
};

static struct peer_model {
  struct conn *conn;
  int fd;
  size_t takes; /* bytes that the kernel takes now */
  struct item *items;
  size_t first, n, cap, sent; /* sent: of the first item's bytes */
  unsigned marks;             /* of those that are to be told of */
  unsigned skipped;           /* marks before bytes that have left, and not told of yet */
} peers[PEERS];
static unsigned npeers, last_id;
static struct msg *mark;
static bool scarce; /* memory: the next chunk may not be had */

/* ---- the kernel ---------------------------------- */

static void item_left(struct peer_model *p) {
  free(p->items[p->first++].bytes);
  p->sent = 0;
}

static void skip_marks(struct peer_model *p) {
  for (; p->first < p->n && p->items[p->first].n == 0; item_left(p)) p->skipped++;
}

static void compare(struct peer_model *p, const char *bytes, size_t n) {
  for (skip_marks(p); n > 0 && p->first < p->n; skip_marks(p)) {
    struct item *i = &p->items[p->first];
    size_t part = i->n - p->sent < n ? i->n - p->sent : n;
    CHECK(memcmp(i->bytes + p->sent, bytes, part) == 0);
    p->sent += part;
    bytes += part;
    n -= part;
    if (p->sent == i->n) item_left(p);
  }
  EQ(n, 0);
}

static struct peer_model *peer_of(int fd) {
  for (unsigned i = 0; i < npeers; i++)
    if (peers[i].conn && peers[i].conn->fd == fd) return &peers[i];
  abort();
}

ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t n, int flags) {
  struct peer_model *p = peer_of(fd);
  (void)flags;
  if (n > 0 && p->takes == 0) {
    errno = EAGAIN;
    return -1;
  }
  if (n > p->takes) n = p->takes;
  p->takes -= n;
  compare(p, bytes, n);
  return (ssize_t)n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *mh, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *mh, int flags) {
  ssize_t sum = 0;
  for (size_t i = 0; i < (size_t)mh->msg_iovlen; i++) {
    ssize_t n = __wrap_send(fd, mh->msg_iov[i].iov_base, mh->msg_iov[i].iov_len, flags);
    if (n < 0) return sum ? sum : n;
    sum += n;
    if ((size_t)n < mh->msg_iov[i].iov_len) break;
  }
  return sum;
}

ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags) {
  (void)fd, (void)p, (void)n, (void)flags;
  errno = EAGAIN;
  return -1;
}

/* ---- peers ---------------------------------- */

static void on_read(struct conn *c, char *p, size_t n) { (void)c, (void)p, (void)n; }
static void on_eof(struct conn *c) { (void)c; }
static void on_failed(struct conn *c, int err) { (void)c, (void)err; }
static void on_passed(struct conn *c, unsigned n) {
  struct peer_model *p = c->owner;
  skip_marks(p);
  EQ(n, p->skipped);
  p->skipped = 0;
  p->marks -= n;
}
static const struct conn_ops ops = {
  .read = on_read, .eof = on_eof, .failed = on_failed, .marks_passed = on_passed
};

static void begin(unsigned n) {
  net_open();
  npeers = n;
  last_id = 0;
  scarce = false;
  mark = text("");
  for (unsigned i = 0; i < n; i++) {
    int pair[2];
    peers[i] = (struct peer_model){ .fd = -1 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
    peers[i].fd = pair[1];
    if (sio__conn_new(&peers[i].conn, &loop, pair[0], &ops, &peers[i])) abort();
  }
}

static void peer_left(struct peer_model *p) {
  sio__conn_close(p->conn);
  p->conn = NULL;
  close(p->fd);
  while (p->first < p->n) item_left(p);
  free(p->items);
  p->items = NULL;
}

static void end(void) {
  for (unsigned i = 0; i < npeers; i++)
    if (peers[i].conn) peer_left(&peers[i]);
  msg_unref(mark);
  EQ(loop.stats.held, 0);
  EQ(loop.msgs.bytes, 0);
  net_close();
}

/* ---- what is sent ---------------------------------- */

static void memory_fails(void) {
  if (!scarce) return;
  if (rand() % 2) sio__pool_clear(&loop.chunks);
  if (rand() % 4 == 0) alloc_fail_in(1 + (size_t)rand() % 3);
}

static struct item *add_item(struct peer_model *p) {
  if (p->n == p->cap) {
    p->cap = p->cap ? 2 * p->cap : 64;
    p->items = realloc(p->items, p->cap * sizeof *p->items);
    if (!p->items) abort();
  }
  p->items[p->n] = (struct item){ .id = 0 };
  return &p->items[p->n++];
}

static struct msg *make(size_t n) {
  char bytes[LENGTH];
  memset(bytes, 'a' + (int)(last_id % 26), sizeof bytes);
  snprintf(bytes, sizeof bytes, "%u;", ++last_id);
  struct msg *m = text_n(bytes, n);
  sio__ws_write_message_header_once(m);
  return m;
}

static void give(struct peer_model *p, struct msg *m, unsigned id) {
  memory_fails();
  int err = sio__conn_queue_msg_range(p->conn, m, ws_frame_offset_in_msg_block(m),
                                      msg_frame_len_with_header(m));
  alloc_fail_in(0);
  if (err) return;
  struct item *i = add_item(p);
  i->id = id;
  i->n = msg_frame_len_with_header(m);
  i->bytes = malloc(i->n);
  if (!i->bytes) abort();
  memcpy(i->bytes, msg_frame_data(m), i->n);
}

static void give_mark(struct peer_model *p) {
  if (conn_queue_sent_mark(p->conn, mark) == 0) add_item(p), p->marks++;
}

static void flush(struct peer_model *p, size_t takes) {
  p->takes = takes;
  loop.conn_ops->flush(&p->conn->dirty);
}

static unsigned marks_left(const struct peer_model *p) {
  unsigned n = 0;
  for (size_t i = p->first; i < p->n; i++) n += p->items[i].n == 0;
  return n;
}

static void check_sums(const struct peer_model *p) {
  size_t bytes = 0;
  for (size_t i = p->first; i < p->n; i++) bytes += p->items[i].n;
  EQ(p->conn->out.bytes, bytes - p->sent);
  EQ(p->skipped + marks_left(p), p->marks);
}

/* ---- what is dropped ---------------------------------- */

struct dropping {
  struct peer_model *p;
  size_t at, to; /* in p->items: what is looked at, where what stays goes */
  unsigned one_in;
};

static void stay(struct dropping *d) { d->p->items[d->to++] = d->p->items[d->at++]; }

static bool drop(const struct msg *m, size_t held, void *user) {
  struct dropping *d = user;
  struct item *i = &d->p->items[d->at];
  CHECK(held >= msg_memory_size(m));
  if (i->id) EQ(i->id, strtoul(msg_data(m), NULL, 10)); /* what has none holds no number */
  if (i->id == 0 || rand() % (int)d->one_in) {
    stay(d);
    return false;
  }
  free(i->bytes);
  d->at++;
  return true;
}

static void visit_next(const struct msg *m, void *user) {
  struct dropping *d = user;
  const struct item *i = &d->p->items[d->at++];
  if (i->id) EQ(i->id, strtoul(msg_data(m), NULL, 10));
}

/* Each message but the first is visited, in order, although there is no memory. */
static void check_visit_sees_all(struct peer_model *p) {
  struct dropping d = { .p = p, .at = p->first + 1 };
  alloc_fail_all();
  sio__conn_visit_queued_msgs(p->conn, visit_next, &d);
  alloc_fail_in(0);
  EQ(d.at, p->n);
}

static void remove_if(struct peer_model *p, unsigned one_in) {
  struct dropping d = { p, p->first + 1, p->first + 1, one_in };
  if (p->first == p->n) return;
  check_visit_sees_all(p);
  memory_fails();
  sio__conn_remove_queued_msgs_if(p->conn, drop, &d);
  alloc_fail_in(0);
  while (d.at < p->n) stay(&d); /* for want of memory they were not asked about */
  p->n = d.to;
}

/* ---- one life after another ---------------------------------- */

/* To all of a random set, or to one, or with a hole. */
static void broadcast(void) {
  struct msg *m = make(10 + (size_t)(rand() % (LENGTH - 10)));
  unsigned id = last_id, but = (unsigned)rand() % (2 * PEERS),
           only = (unsigned)rand() % (3 * PEERS);
  for (unsigned i = 0; i < npeers; i++)
    if (only < npeers ? i == only : i != but) give(&peers[i], m, id);
  msg_unref(m);
}

static void step(void) {
  struct peer_model *p = &peers[(unsigned)rand() % npeers];
  int what = rand() % 20;
  if (what < 12)
    broadcast();
  else if (what < 17)
    flush(p, (size_t)(rand() % 1500));
  else if (what == 17)
    remove_if(p, 1 + (unsigned)rand() % 4);
  else if (what == 18)
    give_mark(p);
  else
    turn();
  check_sums(p);
}

static void life(unsigned seed, unsigned steps, bool is_scarce) {
  srand(seed);
  begin(PEERS);
  scarce = is_scarce;
  for (unsigned i = 0; i < npeers; i++) flush(&peers[i], 0);
  for (unsigned i = 0; i < steps; i++) {
    step();
  }
  for (unsigned i = 0; i < npeers; i++) {
    flush(&peers[i], SIZE_MAX);
    check_sums(&peers[i]);
    EQ(peers[i].first, peers[i].n);
  }
  end();
}

TEST(each_peer_gets_its_bytes_whatever_is_taken_at_a_time_and_whatever_is_dropped) {
  for (unsigned seed = 1; seed <= 60; seed++) life(seed, 400, false);
}

TEST(each_peer_gets_its_bytes_also_when_there_is_no_memory_for_the_queue) {
  for (unsigned seed = 1; seed <= 60; seed++) life(seed, 400, true);
}

/* ---- what a reference costs ---------------------------------- */

static size_t chunks_of(const struct conn *c) {
  size_t n = 0;
  for (const struct queue_chunk *k = c->out.first; k; k = k->next) n++;
  return n;
}

static void many(unsigned n, unsigned audience) {
  for (unsigned i = 0; i < n; i++) {
    struct msg *m = make(100);
    for (unsigned k = 0; k < npeers; k++)
      if (k % audience == i % audience) give(&peers[k], m, last_id);
    msg_unref(m);
  }
}

static void deaf(void) {
  for (unsigned i = 0; i < npeers; i++) {
    struct msg *m = make(10);
    give(&peers[i], m, last_id);
    msg_unref(m);
    flush(&peers[i], 0);
    CHECK(peers[i].conn->blocked);
  }
}

/* The first receivers know nothing of the others, and each takes an entry a message. */
enum { FIRST = 3 };

TEST(what_many_wait_for_costs_each_of_them_next_to_nothing) {
  begin(PEERS);
  deaf();
  many(1000, 1);
  for (unsigned i = FIRST; i < npeers; i++) EQ(chunks_of(peers[i].conn), 1);
  CHECK(chunks_of(peers[0].conn) > 100);
  for (unsigned i = 0; i < npeers; i++) flush(&peers[i], SIZE_MAX);
  for (unsigned i = 0; i < npeers; i++) EQ(peers[i].first, peers[i].n);
  end();
}

TEST(what_is_queued_in_one_turn_costs_no_more) {
  begin(PEERS);
  many(1000, 1);
  for (unsigned i = FIRST; i < npeers; i++) CHECK(chunks_of(peers[i].conn) <= 2);
  for (unsigned i = 0; i < npeers; i++) flush(&peers[i], SIZE_MAX);
  for (unsigned i = 0; i < npeers; i++) EQ(peers[i].first, peers[i].n);
  end();
}

/* Two rooms, sent to in turn. */
TEST(audiences_that_alternate_have_runs_of_their_own) {
  begin(PEERS);
  deaf();
  many(1000, 2);
  EQ(chunks_of(peers[6].conn), 1);
  EQ(chunks_of(peers[7].conn), 1);
  end();
}

TEST(a_message_of_its_own_costs_a_peer_one_entry_and_the_others_none) {
  begin(PEERS);
  deaf();
  many(10, 1);
  give(&peers[7], mark, 0);
  struct msg *m = make(20);
  give(&peers[7], m, last_id);
  msg_unref(m);
  many(1000, 1);
  EQ(chunks_of(peers[6].conn), 1);
  EQ(chunks_of(peers[7].conn), 1);
  end();
}

/* As a ping does, which is one message for all. */
TEST(a_message_that_is_sent_again_and_again_is_in_the_queue_as_often) {
  begin(PEERS);
  deaf();
  struct msg *again = make(30);
  unsigned id = last_id;
  for (unsigned i = 0; i < 20; i++) {
    for (unsigned k = 0; k < npeers; k++) give(&peers[k], again, id);
    many(2, 1);
  }
  msg_unref(again);
  for (unsigned i = 0; i < npeers; i++) {
    check_sums(&peers[i]);
    flush(&peers[i], SIZE_MAX);
    EQ(peers[i].first, peers[i].n);
  }
  end();
}

TESTS_BEGIN
T(each_peer_gets_its_bytes_whatever_is_taken_at_a_time_and_whatever_is_dropped)
T(each_peer_gets_its_bytes_also_when_there_is_no_memory_for_the_queue)
T(what_many_wait_for_costs_each_of_them_next_to_nothing)
T(what_is_queued_in_one_turn_costs_no_more)
T(audiences_that_alternate_have_runs_of_their_own)
T(a_message_of_its_own_costs_a_peer_one_entry_and_the_others_none)
T(a_message_that_is_sent_again_and_again_is_in_the_queue_as_often)
TESTS_END
