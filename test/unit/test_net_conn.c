/* SPDX-License-Identifier: MIT
 *
 * test_net_conn.c - bytes in and out of a connection, with a kernel that takes few of them,
 * takes none, and fails.
 */
#include "net_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/uio.h>

/* ---- the kernel's part ------------------------------------------------------------------- */

/* What the next calls do: a negative errno fails, 1 and more takes at most so many bytes. Once
 * they are used up the kernel itself is asked. */
struct faults {
  int v[64];
  unsigned n, at, calls;
};
static struct faults sends, recvs;
static size_t sent_pieces; /* iovecs of the last sendmsg() */
static bool sigpipe_asked; /* one came without MSG_NOSIGNAL */

static void script(struct faults *f, unsigned n, ...) {
  va_list ap;
  *f = (struct faults){ .n = n };
  va_start(ap, n);
  for (unsigned i = 0; i < n; i++) f->v[i] = va_arg(ap, int);
  va_end(ap);
}

static int next_fault(struct faults *f) {
  f->calls++;
  return f->at < f->n ? f->v[f->at++] : 0;
}

ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *mh, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *mh, int flags);

/* At most so many bytes of what mh names. */
static ssize_t send_few(int fd, const struct msghdr *mh, size_t most, int flags) {
  char few[256];
  size_t n = 0;
  if (most > sizeof few) abort();
  for (size_t i = 0; i < mh->msg_iovlen && n < most; i++) {
    size_t len = mh->msg_iov[i].iov_len;
    if (len > most - n) len = most - n;
    memcpy(few + n, mh->msg_iov[i].iov_base, len);
    n += len;
  }
  return __real_send(fd, few, n, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *mh, int flags) {
  int fault = next_fault(&sends);
  sent_pieces = mh->msg_iovlen;
  sigpipe_asked |= !(flags & MSG_NOSIGNAL);
  if (fault == 0) return __real_sendmsg(fd, mh, flags);
  if (fault > 0) return send_few(fd, mh, (size_t)fault, flags);
  errno = -fault;
  return -1;
}

ssize_t __wrap_send(int fd, const void *p, size_t n, int flags) {
  struct iovec piece = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
  return __wrap_sendmsg(fd, &(struct msghdr){ .msg_iov = &piece, .msg_iovlen = 1 }, flags);
}

ssize_t __real_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags) {
  int fault = next_fault(&recvs);
  if (fault < 0) {
    errno = -fault;
    return -1;
  }
  return __real_recv(fd, p, fault && (size_t)fault < n ? (size_t)fault : n, flags);
}

/* ---- the connection's owner ------------------------------------------------------------------ */

static struct conn *conn;
static int peer;
static char seen[8192];              /* what it was told */
static void (*also)(struct conn *c); /* what it does then, once */

static void note_n(const char *p, size_t n) {
  size_t have = strlen(seen);
  if (have + n + 2 > sizeof seen) abort();
  if (have) seen[have++] = ' ';
  memcpy(seen + have, p, n);
  seen[have + n] = '\0';
}
static void note(const char *s) { note_n(s, strlen(s)); }

static void do_also(struct conn *c) {
  void (*f)(struct conn *) = also;
  also = NULL;
  if (f) f(c);
}

static void on_read(struct conn *c, char *p, size_t n) {
  note_n(p, n);
  do_also(c);
}
static void on_eof(struct conn *c) {
  note("eof");
  do_also(c);
}
static void on_failed(struct conn *c, int err) {
  CHECK(c->closed);
  note("failed");
  note(uv_err_name(err));
  do_also(c);
}
static void on_drained(struct conn *c) {
  note("drained");
  do_also(c);
}
static void on_lighter(struct conn *c) {
  note("lighter");
  do_also(c);
}
static void on_passed(struct conn *c, unsigned n) {
  char text[32];
  (void)c;
  snprintf(text, sizeof text, "passed:%u", n);
  note(text);
}
static void on_flushing(struct conn *c) {
  note("flushing");
  do_also(c);
}
static const struct conn_ops ops = { on_read,    on_eof,    on_failed,  on_drained,
                                     on_lighter, on_passed, on_flushing };

/* What was noted since the last look. */
static const char *saw(void) {
  static char copy[sizeof seen];
  memcpy(copy, seen, sizeof copy);
  seen[0] = '\0';
  return copy;
}

static void begin_with(const struct conn_ops *with) {
  int pair[2];
  net_open();
  script(&sends, 0);
  script(&recvs, 0);
  sigpipe_asked = false;
  seen[0] = '\0';
  also = NULL;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  peer = pair[1];
  if (sio__conn_new(&conn, &loop, pair[0], with, NULL)) abort();
}
static void begin(void) { begin_with(&ops); }

/* A test that gave the connection up says so by conn = NULL. */
static void end(void) {
  if (conn) sio__conn_close(conn);
  if (peer >= 0) close(peer);
  CHECK(!sigpipe_asked);
  EQ(loop.nconns, 0);
  net_close();
}

/* ---- sending --------------------------------------------------------------------------------- */

TEST(sending_writes_nothing_before_the_end_of_the_turn) {
  begin();
  EQ(say(conn, "a"), 0);
  IS(hear(peer), "");
  EQ(sends.calls, 0);
  EQ(conn->queued, 1);
  CHECK(!conn_idle(conn));
  turn();
  IS(hear(peer), "a");
  CHECK(conn_idle(conn));
  IS(saw(), "drained");
  end();
}

TEST(all_that_was_queued_in_a_turn_leaves_in_one_write) {
  begin();
  for (int i = 0; i < 100; i++) say(conn, "xy");
  turn();
  EQ(sends.calls, 1);
  EQ(sent_pieces, 1); /* joined: it is little */
  EQ(strlen(hear(peer)), 200);
  turns(3);
  EQ(sends.calls, 1);
  end();
}

TEST(much_that_was_queued_in_a_turn_is_gathered_not_copied) {
  static char kilobyte[1024 + 1];
  memset(kilobyte, 'k', 1024);
  begin();
  for (int i = 0; i < 3; i++) say(conn, kilobyte);
  turn();
  EQ(sends.calls, 1);
  EQ(sent_pieces, 3);
  EQ(strlen(hear(peer)), 3072);
  end();
}

TEST(more_pieces_than_a_write_takes_leave_in_their_order_and_turn) {
  char want[4 * 1000 + 1], one[16];
  begin();
  for (int i = 0; i < 1000; i++) {
    snprintf(one, sizeof one, "%03d,", i);
    memcpy(want + 4 * i, one, 5);
    say(conn, one);
  }
  turn();
  IS(hear(peer), want);
  EQ(sends.calls, 8);
  EQ(conn->queued, 0);
  IS(saw(), "drained");
  end();
}

TEST(a_part_of_a_msg_may_be_sent_from_its_headroom_on) {
  struct msg *m;
  begin();
  m = text("0123456789");
  memcpy(msg_data(m) - MSG_HEADROOM, "..........", MSG_HEADROOM);
  EQ(sio__conn_send(conn, m, MSG_HEADROOM - 2, 5), 0);
  EQ(sio__conn_send(conn, m, MSG_HEADROOM + 7, 3), 0);
  EQ(sio__conn_send(conn, m, MSG_HEADROOM, 0), 0);
  EQ(m->refs, 3);
  turn();
  IS(hear(peer), "..012789");
  EQ(m->refs, 1);
  msg_unref(m);
  end();
}

TEST(a_kernel_that_takes_single_bytes_gets_them_all_in_order) {
  begin();
  script(&sends, 0);
  for (sends.n = 0; sends.n < 60; sends.n++) sends.v[sends.n] = 1;
  for (int i = 0; i < 20; i++) say(conn, "abc");
  turns(10);
  EQ(conn->queued, 60 - sends.calls);
  CHECK(!conn_idle(conn));
  IS(saw(), "");
  turns(60);
  EQ(sends.calls, 60);
  IS(hear(peer), "abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc");
  IS(saw(), "drained");
  end();
}

static void mark(unsigned n) {
  struct msg *m = text("");
  while (n--) EQ(conn_mark(conn, m), 0);
  msg_unref(m);
}

TEST(a_mark_passes_with_what_stands_before_it) {
  begin();
  script(&sends, 4, 1, -EAGAIN, 1, -EAGAIN);
  mark(2);
  say(conn, "ab");
  mark(1);
  say(conn, "c");
  mark(3);
  turn();
  IS(saw(), "passed:2");
  turns(5);
  IS(saw(), "passed:1 passed:3 drained");
  IS(hear(peer), "abc");
  end();
}

TEST(marks_alone_are_no_bytes) {
  begin();
  mark(300);
  CHECK(conn_idle(conn));
  turn();
  IS(saw(), "passed:300");
  EQ(sends.calls, 0);
  EQ(conn->held, 0);
  mark(300);
  say(conn, "a");
  turn();
  IS(saw(), "passed:300 drained");
  IS(hear(peer), "a");
  mark(1);
  sio__conn_close(conn);
  EQ(conn_mark(conn, NULL), SIO_ECLOSED);
  conn = NULL;
  turn();
  IS(saw(), "");
  end();
}

TEST(marks_that_pass_before_the_turns_end_can_be_taken) {
  begin();
  say(conn, "a");
  mark(2);
  sio__conn_push(conn);
  EQ(conn_take_marks(conn), 2);
  mark(200);
  say(conn, "b");
  sio__conn_push(conn);
  EQ(conn_take_marks(conn), 200);
  turn();
  IS(hear(peer), "ab");
  IS(saw(), "drained");
  end();
}

static void say_more(struct conn *c) { say(c, "b"); }
static void close_now(struct conn *c) { sio__conn_close(c); }

TEST(who_watches_hears_before_each_write_and_may_send_or_close) {
  begin();
  say(conn, "a");
  turn();
  IS(saw(), "drained");
  conn_watch(conn);
  script(&sends, 1, 1);
  also = say_more;
  say(conn, "a");
  turns(3);
  IS(saw(), "flushing flushing drained");
  IS(hear(peer), "aab");
  also = close_now;
  say(conn, "c");
  turn();
  IS(saw(), "flushing");
  IS(hear(peer), "");
  conn = NULL;
  end();
}

TEST(what_is_queued_behind_a_short_write_waits_for_room) {
  begin();
  script(&sends, 2, 2, -EAGAIN);
  say(conn, "abcd");
  turn();
  EQ(conn->queued, 2);
  say(conn, "ef");
  EQ(sends.calls, 2);
  turns(2);
  EQ(sends.calls, 3);
  IS(hear(peer), "abcdef");
  end();
}

TEST(a_full_kernel_is_tried_again_when_it_has_room) {
  static const int full[] = { EAGAIN, ENOBUFS, ENOMEM };
  for (unsigned i = 0; i < 3; i++) {
    begin();
    script(&sends, 2, -full[i], -full[i]);
    say(conn, "late");
    turn(); /* its end, and the news that there is room */
    EQ(sends.calls, 2);
    CHECK(conn->blocked);
    IS(saw(), "");
    turn();
    IS(hear(peer), "late");
    IS(saw(), "drained");
    end();
  }
}

TEST(an_interrupted_call_is_made_again_at_once) {
  begin();
  script(&sends, 2, -EINTR, -EINTR);
  script(&recvs, 2, -EINTR, -EINTR);
  say(conn, "out");
  tell(peer, "in");
  turn();
  EQ(sends.calls, 3);
  EQ(recvs.calls, 3);
  IS(hear(peer), "out");
  IS(saw(), "drained in");
  end();
}

TEST(a_broken_stream_is_told_once_and_what_waited_is_let_go) {
  static const struct {
    int err;
    const char *want;
  } v[] = { { EPIPE, "failed EPIPE" },
            { ECONNRESET, "failed ECONNRESET" },
            { ETIMEDOUT, "failed ETIMEDOUT" } };
  for (unsigned i = 0; i < 3; i++) {
    begin();
    struct msg *m = text("never heard");
    script(&sends, 2, 3, -v[i].err);
    EQ(conn_send_text(conn, m), 0);
    EQ(conn_send_text(conn, m), 0);
    tell(peer, "unread");
    int fd = conn->fd;
    sio__conn_pause(conn);
    turns(2);
    IS(saw(), v[i].want);
    EQ(m->refs, 1);
    CHECK(!is_open(fd));
    msg_unref(m);
    conn = NULL;
    turns(3);
    IS(saw(), "");
    end();
  }
}

TEST(a_closed_connection_takes_nothing_more) {
  begin();
  struct msg *m = text("x");
  sio__conn_close(conn);
  EQ(conn_send_text(conn, m), SIO_ECLOSED);
  EQ(m->refs, 1);
  sio__conn_close(conn);
  sio__conn_end(conn);
  sio__conn_pause(conn);
  sio__conn_resume(conn);
  msg_unref(m);
  end();
}

TEST(sending_without_memory_queues_nothing) {
  begin();
  struct msg *m = text("x");
  alloc_fail_in(1);
  EQ(conn_send_text(conn, m), UV_ENOMEM);
  EQ(m->refs, 1);
  EQ(conn->queued, 0);
  for (int i = 0; i < 7; i++) EQ(conn_send_text(conn, m), 0);
  alloc_fail_in(1);
  EQ(conn_send_text(conn, m), UV_ENOMEM);
  EQ(m->refs, 8);
  turn();
  IS(hear(peer), "xxxxxxx");
  msg_unref(m);
  end();
}

/* ---- SIGPIPE --------------------------------------------------------------------------------- */

/* Both ends of a TCP connection over loopback. */
static void tcp_pair(int family, int pair[2]) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } a = { .v4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } } };
  socklen_t len = family == AF_INET ? sizeof a.v4 : sizeof a.v6;
  if (family == AF_INET6)
    a.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  pair[0] = pair[1] = -1;
  int ln = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (ln < 0 || bind(ln, &a.any, len) || listen(ln, 1) || getsockname(ln, &a.any, &len)) {
    close(ln);
    return;
  }
  pair[1] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(pair[1], &a.any, len)) abort();
  pair[0] = accept4(ln, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  close(ln);
}

static void begin_tcp(void) {
  int pair[2];
  begin();
  sio__conn_close(conn);
  close(peer);
  tcp_pair(AF_INET, pair);
  if (pair[0] < 0 || sio__conn_new(&conn, &loop, pair[0], &ops, NULL)) abort();
  peer = pair[1];
}

static void reset_by_peer(void) {
  struct linger now = { .l_onoff = 1, .l_linger = 0 };
  setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(peer);
  peer = -1;
}

TEST(a_write_after_the_peers_reset_is_an_error_and_no_signal) {
  void (*before)(int) = signal(SIGPIPE, SIG_DFL);
  begin_tcp();
  reset_by_peer();
  say(conn, "to nobody");
  turn();
  IS(saw(), "failed ECONNRESET");
  conn = NULL;
  end();
  signal(SIGPIPE, before);
}

TEST(a_write_behind_our_own_end_of_the_pipe_is_an_error_and_no_signal) {
  void (*before)(int) = signal(SIGPIPE, SIG_DFL);
  begin();
  close(peer);
  peer = -1;
  say(conn, "to nobody");
  turn();
  IS(saw(), "failed EPIPE");
  conn = NULL;
  end();
  signal(SIGPIPE, before);
}

TEST(a_reset_is_told_to_who_only_listens) {
  begin_tcp();
  reset_by_peer();
  turns(2);
  IS(saw(), "failed ECONNRESET");
  conn = NULL;
  end();
}

/* ---- receiving ------------------------------------------------------------------------------- */

TEST(bytes_are_handed_over_as_they_come) {
  begin();
  tell(peer, "one");
  turn();
  tell(peer, "two");
  turn();
  IS(saw(), "one two");
  EQ(recvs.calls, 2);
  end();
}

TEST(a_turn_reads_once_so_that_others_get_theirs) {
  begin();
  script(&recvs, 3, 1, 1, 1);
  tell(peer, "abc");
  turn();
  IS(saw(), "a");
  turns(3);
  IS(saw(), "b c");
  end();
}

TEST(an_event_without_bytes_is_nothing) {
  begin();
  script(&recvs, 1, -EAGAIN);
  tell(peer, "x");
  turn();
  IS(saw(), "");
  turn();
  IS(saw(), "x");
  end();
}

TEST(a_read_that_fails_ends_the_connection) {
  begin();
  script(&recvs, 1, -ECONNRESET);
  tell(peer, "x");
  turns(2);
  IS(saw(), "failed ECONNRESET");
  conn = NULL;
  end();
}

TEST(the_end_is_told_once_and_writing_goes_on) {
  begin();
  tell(peer, "bye");
  shutdown(peer, SHUT_WR);
  turns(4);
  IS(saw(), "bye eof");
  EQ(say(conn, "answer"), 0);
  turns(2);
  IS(hear(peer), "answer");
  IS(saw(), "drained");
  end();
}

TEST(who_is_paused_hears_nothing_until_resumed) {
  begin();
  sio__conn_pause(conn);
  sio__conn_pause(conn);
  tell(peer, "early");
  shutdown(peer, SHUT_WR);
  turns(3);
  IS(saw(), "");
  EQ(recvs.calls, 0);
  EQ(say(conn, "x"), 0);
  turn();
  IS(hear(peer), "x");
  sio__conn_resume(conn);
  turns(2);
  IS(saw(), "drained early eof");
  end();
}

TEST(who_pauses_while_reading_hears_the_rest_later) {
  begin();
  script(&recvs, 1, 1);
  also = sio__conn_pause;
  tell(peer, "abc");
  turns(3);
  IS(saw(), "a");
  sio__conn_resume(conn);
  turn();
  IS(saw(), "bc");
  end();
}

/* ---- a peer that asks and does not read ------------------------------------------------------ */

static void say_bytes(size_t n) {
  char *p = calloc(1, n + 1);
  memset(p, 'z', n);
  say(conn, p);
  free(p);
}

/* The memory that a short message takes while it waits: a whole block. */
enum { BLOCK = sizeof(struct msg) + MSG_HEADROOM + MSG_SMALL + sizeof(struct conn_chunk) / 7 };

TEST(short_messages_count_with_the_memory_they_take) {
  begin();
  for (int i = 0; i < 10; i++) say_bytes(3);
  EQ(conn->queued, 30);
  EQ(conn->held, 10 * BLOCK);
  turn();
  EQ(conn->held, 0);
  end();
}

TEST(a_peer_that_does_not_read_is_not_read_from_until_half_has_left) {
  begin();
  loop.high_water = 2 * BLOCK;
  script(&sends, 4, -EAGAIN, 50, 50, -EAGAIN);
  for (int i = 0; i < 3; i++) say_bytes(50);
  CHECK(!conn->throttled);
  turn(); /* the kernel refuses, and says at once that it has room: one leaves */
  EQ(conn->queued, 100);
  CHECK(conn->throttled);
  tell(peer, "more please");
  EQ(recvs.calls, 0);
  turn(); /* one more */
  EQ(conn->queued, 50);
  CHECK(!conn->throttled);
  EQ(recvs.calls, 0);
  turn();
  EQ(recvs.calls, 1);
  IS(saw(), "more please");
  end();
}

TEST(a_peer_that_reads_is_read_from_however_much_a_turn_queues) {
  begin();
  loop.high_water = 100;
  for (int i = 0; i < 50; i++) say_bytes(99);
  tell(peer, "more please");
  turn();
  IS(saw(), "drained more please");
  end();
}

TEST(what_is_sent_to_a_blocked_peer_throttles_it_at_once) {
  begin();
  loop.high_water = BLOCK;
  script(&sends, 2, -EAGAIN, -EAGAIN);
  say_bytes(100);
  turn();
  CHECK(!conn->throttled);
  say_bytes(1);
  CHECK(conn->throttled);
  turns(2);
  CHECK(!conn->throttled);
  IS(saw(), "drained");
  end();
}

TEST(pausing_and_throttling_each_keep_it_from_reading) {
  begin();
  loop.high_water = 10;
  script(&sends, 3, -EAGAIN, -EAGAIN, -EAGAIN);
  say_bytes(11);
  turn();
  CHECK(conn->throttled);
  sio__conn_pause(conn);
  tell(peer, "x");
  sio__conn_resume(conn);
  turn();
  IS(saw(), "");
  sio__conn_pause(conn);
  turns(3);
  CHECK(!conn->throttled);
  IS(saw(), "drained");
  sio__conn_resume(conn);
  turn();
  IS(saw(), "x");
  end();
}

/* ---- the end --------------------------------------------------------------------------------- */

TEST(ending_sends_what_is_queued_then_a_fin) {
  begin();
  say(conn, "last words");
  sio__conn_end(conn);
  EQ(say(conn, "too late"), SIO_ECLOSED);
  turn();
  IS(hear(peer), "last words");
  CHECK(fin);
  tell(peer, "heard");
  turns(2);
  IS(saw(), "drained heard");
  end();
}

TEST(ending_with_nothing_queued_sends_a_fin_at_the_end_of_the_turn) {
  begin();
  sio__conn_end(conn);
  sio__conn_end(conn);
  hear(peer);
  CHECK(!fin);
  turn();
  hear(peer);
  CHECK(fin);
  EQ(sends.calls, 0);
  IS(saw(), "");
  end();
}

TEST(ending_while_the_kernel_is_full_waits_for_room) {
  begin();
  script(&sends, 2, 1, -EAGAIN);
  say(conn, "abc");
  turn();
  sio__conn_end(conn);
  turns(3);
  IS(hear(peer), "abc");
  CHECK(fin);
  IS(saw(), "drained");
  end();
}

TEST(closing_drops_the_queue_and_the_descriptor_at_once) {
  begin();
  struct msg *m = text("x");
  for (int i = 0; i < 20; i++) conn_send_text(conn, m);
  EQ(m->refs, 21);
  int fd = conn->fd;
  sio__conn_close(conn);
  EQ(m->refs, 1);
  CHECK(!is_open(fd));
  hear(peer);
  CHECK(fin);
  turns(3);
  IS(saw(), "");
  msg_unref(m);
  conn = NULL;
  end();
}

static void close_it(struct conn *c) {
  sio__conn_close(c);
  conn = NULL;
}

TEST(it_may_be_closed_inside_read) {
  begin();
  also = close_it;
  say(conn, "x");
  tell(peer, "abc");
  turns(3);
  IS(saw(), "drained");
  end();
  begin();
  also = close_it;
  tell(peer, "abc");
  turns(3);
  IS(saw(), "abc");
  end();
}

TEST(it_may_be_closed_inside_read_when_it_may_write_as_well) {
  begin();
  script(&sends, 1, -EAGAIN);
  say(conn, "x");
  also = close_it;
  tell(peer, "abc");
  turns(3);
  IS(saw(), "abc");
  EQ(sends.calls, 1);
  end();
}

TEST(it_may_be_closed_inside_eof_drained_and_failed) {
  begin();
  also = close_it;
  shutdown(peer, SHUT_WR);
  turns(3);
  IS(saw(), "eof");
  end();
  begin();
  also = close_it;
  say(conn, "x");
  sio__conn_end(conn);
  turns(3);
  IS(saw(), "drained");
  end();
  begin();
  also = close_it;
  script(&sends, 1, -EPIPE);
  say(conn, "x");
  turns(3);
  IS(saw(), "failed EPIPE");
  end();
}

static struct conn *other;
static void close_other(struct conn *c) {
  (void)c;
  if (other) sio__conn_close(other);
  other = NULL;
}

TEST(a_drained_connection_may_close_one_that_was_to_be_flushed_next) {
  int pair[2];
  begin();
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  if (sio__conn_new(&other, &loop, pair[0], &ops, NULL)) abort();
  EQ(loop.nconns, 2);
  say(conn, "x");
  say(other, "y");
  also = close_other;
  turns(3);
  IS(saw(), "drained");
  IS(hear(pair[1]), "");
  CHECK(fin);
  close(pair[1]);
  end();
}

TEST(one_that_reads_may_close_one_that_was_to_read_next) {
  int pair[2];
  begin();
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  if (sio__conn_new(&other, &loop, pair[0], &ops, NULL)) abort();
  tell(peer, "x");
  tell(pair[1], "x");
  also = close_other;
  /* Whichever the kernel names first reads; if that is `other` itself it goes by its own hand. */
  turns(3);
  CHECK(other == NULL);
  EQ(loop.nconns, 1);
  close(pair[1]);
  end();
}

/* ---- long queues ----------------------------------------------------------------------------- */

static bool drop_marked(const struct msg *m, size_t held, void *user) {
  CHECK(held >= sizeof *m + m->len);
  *(size_t *)user += 1;
  return msg_data(m)[0] == '-';
}

TEST(what_is_sifted_out_is_never_sent_and_the_rest_keeps_its_order) {
  for (unsigned drops = 0; drops < 1u << 9; drops++) {
    char want[64] = "a";
    size_t asked = 0;
    begin();
    say(conn, "a");
    for (unsigned i = 0; i < 18; i++) {
      bool drop = drops >> (i / 2) & 1;
      say(conn, drop ? "-" : (char[]){ (char)('b' + i), 0 });
      if (!drop) strncat(want, (char[]){ (char)('b' + i), 0 }, 2);
    }
    sio__conn_sift(conn, drop_marked, &asked);
    EQ(asked, 18);
    EQ(conn->queued, strlen(want));
    say(conn, "!");
    strcat(want, "!");
    turn();
    IS(hear(peer), want);
    end();
  }
}

TEST(the_first_msg_may_have_begun_to_leave_and_stays) {
  size_t asked = 0;
  begin();
  script(&sends, 2, 2, -EAGAIN);
  say(conn, "-bcd");
  turn();
  for (int i = 0; i < 9; i++) say(conn, "-");
  say(conn, "e");
  sio__conn_sift(conn, drop_marked, &asked);
  EQ(asked, 10);
  EQ(conn->queued, 3);
  turns(2);
  IS(hear(peer), "-bcde");
  sio__conn_sift(conn, drop_marked, &asked);
  EQ(asked, 10);
  end();
}

TEST(pushing_writes_at_once_and_calls_nobody_before_the_end_of_the_turn) {
  begin();
  say(conn, "abc");
  sio__conn_push(conn);
  IS(hear(peer), "abc");
  EQ(conn->queued, 0);
  IS(saw(), "");
  turn();
  IS(saw(), "drained");
  EQ(sends.calls, 1);
  end();
}

TEST(pushing_stops_where_the_kernel_does) {
  begin();
  script(&sends, 2, 2, -EAGAIN);
  say(conn, "abcd");
  sio__conn_push(conn);
  sio__conn_push(conn);
  EQ(sends.calls, 1);
  EQ(conn->queued, 2);
  CHECK(conn->blocked);
  turns(3);
  IS(hear(peer), "abcd");
  IS(saw(), "drained");
  end();
}

TEST(what_goes_wrong_in_a_push_is_told_at_the_end_of_the_turn) {
  begin();
  script(&sends, 2, -EPIPE, -EPIPE);
  say(conn, "abcd");
  sio__conn_push(conn);
  IS(saw(), "");
  turn();
  IS(saw(), "failed EPIPE");
  conn = NULL;
  end();
}

TEST(a_heavy_connection_says_once_when_it_is_light) {
  begin();
  loop.low_mark = 2 * sizeof(struct msg) + MSG_SMALL; /* more than one, less than two */
  script(&sends, 2, 1, -EAGAIN);
  for (int i = 0; i < 3; i++) say(conn, "a");
  conn->heavy = 1;
  turn();
  IS(saw(), "");
  turns(3);
  IS(saw(), "drained lighter");
  script(&sends, 2, 2, -EAGAIN);
  for (int i = 0; i < 3; i++) say(conn, "a");
  conn->heavy = 1;
  turn();
  IS(saw(), "lighter");
  turns(3);
  IS(saw(), "drained");
  end();
}

/* ---- owners ---------------------------------------------------------------------------------- */

static void heir_read(struct conn *c, char *p, size_t n) {
  EQ_STR(c->owner, "heir");
  note("heir:");
  note_n(p, n);
}
static void heir_eof(struct conn *c) {
  (void)c;
  note("heir:eof");
}
static const struct conn_ops heir_ops = { heir_read, heir_eof, on_failed, NULL, NULL, NULL, NULL };

static char heir[] = "heir";
static void bequeath(struct conn *c) {
  say(c, "x");
  sio__conn_owner(c, &heir_ops, heir);
}

TEST(a_new_owner_hears_what_comes_after_it_took_over) {
  begin();
  script(&recvs, 1, 3);
  also = bequeath;
  tell(peer, "oldnew");
  shutdown(peer, SHUT_WR);
  turns(4);
  IS(saw(), "old heir: new heir:eof");
  IS(hear(peer), "x");
  end();
}

TEST(nobody_need_hear_of_room) {
  begin_with(&heir_ops);
  say(conn, "x");
  turn();
  IS(hear(peer), "x");
  end();
}

/* ---- birth ----------------------------------------------------------------------------------- */

static void check_peer_name(int family, const char *want) {
  int pair[2];
  tcp_pair(family, pair);
  if (pair[0] < 0) return; /* no such family here */
  begin();
  struct conn *c;
  EQ(sio__conn_new(&c, &loop, pair[0], &ops, NULL), 0);
  char address[CONN_ADDRESS];
  EQ_STR(sio__conn_address(c, address), want);
  EQ_STR(sio__conn_address(conn, address), "");
  sio__conn_close(c);
  close(pair[1]);
  end();
}

TEST(a_peers_address_is_known) {
  check_peer_name(AF_INET, "127.0.0.1");
  check_peer_name(AF_INET6, "::1");
}

TEST(a_descriptor_that_cannot_be_served_is_closed) {
  struct conn *c;
  begin();
  int file = open("/dev/null", O_RDWR | O_CLOEXEC);
  EQ(sio__conn_new(&c, &loop, file, &ops, NULL), UV_EPERM);
  CHECK(!is_open(file));
  int fd = dup(peer);
  alloc_fail_in(1);
  EQ(sio__conn_new(&c, &loop, fd, &ops, NULL), UV_ENOMEM);
  CHECK(!is_open(fd));
  EQ(sio__conn_new(&c, &loop, -1, &ops, NULL), UV_EBADF);
  EQ(loop.nconns, 1);
  end();
}

TESTS_BEGIN
T(sending_writes_nothing_before_the_end_of_the_turn)
T(all_that_was_queued_in_a_turn_leaves_in_one_write)
T(much_that_was_queued_in_a_turn_is_gathered_not_copied)
T(more_pieces_than_a_write_takes_leave_in_their_order_and_turn)
T(a_part_of_a_msg_may_be_sent_from_its_headroom_on)
T(a_kernel_that_takes_single_bytes_gets_them_all_in_order)
T(a_mark_passes_with_what_stands_before_it)
T(marks_alone_are_no_bytes)
T(marks_that_pass_before_the_turns_end_can_be_taken)
T(who_watches_hears_before_each_write_and_may_send_or_close)
T(what_is_queued_behind_a_short_write_waits_for_room)
T(a_full_kernel_is_tried_again_when_it_has_room)
T(an_interrupted_call_is_made_again_at_once)
T(a_broken_stream_is_told_once_and_what_waited_is_let_go)
T(a_closed_connection_takes_nothing_more)
T(sending_without_memory_queues_nothing)
T(a_write_after_the_peers_reset_is_an_error_and_no_signal)
T(a_write_behind_our_own_end_of_the_pipe_is_an_error_and_no_signal)
T(a_reset_is_told_to_who_only_listens)
T(bytes_are_handed_over_as_they_come)
T(a_turn_reads_once_so_that_others_get_theirs)
T(an_event_without_bytes_is_nothing)
T(a_read_that_fails_ends_the_connection)
T(the_end_is_told_once_and_writing_goes_on)
T(who_is_paused_hears_nothing_until_resumed)
T(who_pauses_while_reading_hears_the_rest_later)
T(short_messages_count_with_the_memory_they_take)
T(a_peer_that_does_not_read_is_not_read_from_until_half_has_left)
T(a_peer_that_reads_is_read_from_however_much_a_turn_queues)
T(what_is_sent_to_a_blocked_peer_throttles_it_at_once)
T(pausing_and_throttling_each_keep_it_from_reading)
T(ending_sends_what_is_queued_then_a_fin)
T(ending_with_nothing_queued_sends_a_fin_at_the_end_of_the_turn)
T(ending_while_the_kernel_is_full_waits_for_room)
T(closing_drops_the_queue_and_the_descriptor_at_once)
T(it_may_be_closed_inside_read)
T(it_may_be_closed_inside_read_when_it_may_write_as_well)
T(it_may_be_closed_inside_eof_drained_and_failed)
T(a_drained_connection_may_close_one_that_was_to_be_flushed_next)
T(one_that_reads_may_close_one_that_was_to_read_next)
T(what_is_sifted_out_is_never_sent_and_the_rest_keeps_its_order)
T(the_first_msg_may_have_begun_to_leave_and_stays)
T(pushing_writes_at_once_and_calls_nobody_before_the_end_of_the_turn)
T(pushing_stops_where_the_kernel_does)
T(what_goes_wrong_in_a_push_is_told_at_the_end_of_the_turn)
T(a_heavy_connection_says_once_when_it_is_light)
T(a_new_owner_hears_what_comes_after_it_took_over)
T(nobody_need_hear_of_room)
T(a_peers_address_is_known)
T(a_descriptor_that_cannot_be_served_is_closed)
TESTS_END
