/* SPDX-License-Identifier: MIT
 *
 * test_net_conn.c - bytes into a connection, peers that do not read, and its ends. What leaves it
 * is in test_net_send.c.
 */
#include "conn_rig.h"
#include "net/transfer.h"
#include <poll.h>

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
  sio__conn_pause_reading(conn);
  sio__conn_pause_reading(conn);
  tell(peer, "early");
  shutdown(peer, SHUT_WR);
  turns(3);
  IS(saw(), "");
  EQ(recvs.calls, 0);
  EQ(say(conn, "x"), 0);
  turn();
  IS(hear(peer), "x");
  sio__conn_resume_reading(conn);
  turns(2);
  IS(saw(), "drained early eof");
  end();
}

TEST(who_pauses_while_reading_hears_the_rest_later) {
  begin();
  script(&recvs, 1, 1);
  also = sio__conn_pause_reading;
  tell(peer, "abc");
  turns(3);
  IS(saw(), "a");
  sio__conn_resume_reading(conn);
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
enum { BLOCK = sizeof(struct msg) + MSG_HEADROOM + MSG_SMALL + QUEUE_ENTRY_COST };

TEST(short_messages_count_with_the_memory_they_take) {
  begin();
  for (int i = 0; i < 10; i++) say_bytes(3);
  EQ(conn->out.bytes, 30);
  EQ(conn->out.memory, 10 * BLOCK);
  turn();
  EQ(conn->out.memory, 0);
  end();
}

TEST(a_peer_that_does_not_read_is_not_read_from_until_half_has_left) {
  begin();
  loop.high_water = 2 * BLOCK;
  script(&sends, 4, -EAGAIN, 50, 50, -EAGAIN);
  for (int i = 0; i < 3; i++) say_bytes(50);
  CHECK(!conn->throttled);
  turn(); /* the kernel refuses, and says at once that it has room: one leaves */
  EQ(conn->out.bytes, 100);
  CHECK(conn->throttled);
  tell(peer, "more please");
  EQ(recvs.calls, 0);
  turn(); /* one more */
  EQ(conn->out.bytes, 50);
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
  sio__conn_pause_reading(conn);
  tell(peer, "x");
  sio__conn_resume_reading(conn);
  turn();
  IS(saw(), "");
  sio__conn_pause_reading(conn);
  turns(3);
  CHECK(!conn->throttled);
  IS(saw(), "drained");
  sio__conn_resume_reading(conn);
  turn();
  IS(saw(), "x");
  end();
}

/* ---- the end --------------------------------------------------------------------------------- */

TEST(ending_sends_what_is_queued_then_a_fin) {
  begin();
  say(conn, "last words");
  sio__conn_end_writing(conn);
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
  sio__conn_end_writing(conn);
  sio__conn_end_writing(conn);
  hear(peer);
  CHECK(!fin);
  turn();
  hear(peer);
  CHECK(fin);
  EQ(sends.calls, 0);
  IS(saw(), "");
  end();
}

/* Its descriptor may be another's by then. */
TEST(ending_a_closed_connection_does_nothing) {
  int pair[2], fd;
  char c;
  begin();
  fd = conn->fd;
  sio__conn_close(conn);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair)) abort();
  CHECK(pair[0] == fd || pair[1] == fd);
  sio__conn_end_writing(conn);
  turns(2);
  EQ(read(fd == pair[0] ? pair[1] : pair[0], &c, 1), -1); /* nothing came, and no end */
  close(pair[0]);
  close(pair[1]);
  conn = NULL;
  end();
}

TEST(ending_while_the_kernel_is_full_waits_for_room) {
  begin();
  script(&sends, 2, 1, -EAGAIN);
  say(conn, "abc");
  turn();
  sio__conn_end_writing(conn);
  turns(3);
  IS(hear(peer), "abc");
  CHECK(fin);
  IS(saw(), "drained");
  end();
}

TEST(closing_drops_the_queue_and_the_descriptor_at_once) {
  begin();
  struct msg *m = text("x");
  for (int i = 0; i < 20; i++) conn_queue_msg_without_frame_header(conn, m);
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
  sio__conn_end_writing(conn);
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
static const struct conn_ops heir_ops = { .read = heir_read, .eof = heir_eof, .failed = on_failed };

static char heir[] = "heir";
static void bequeath(struct conn *c) {
  say(c, "x");
  sio__conn_set_owner(c, &heir_ops, heir);
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

/* ---- urgent data (TCP's URG, MSG_OOB) ------------------------------------------------------ */

static void begin_tcp(void) {
  int pair[2];
  begin();
  sio__conn_close(conn);
  close(peer);
  tcp_pair(AF_INET, pair);
  if (pair[0] < 0 || sio__conn_new(&conn, &loop, pair[0], &ops, NULL)) abort();
  peer = pair[1];
  fcntl(peer, F_SETFL, O_NONBLOCK);
  turns(3);
}

static void send_urgent_byte(void) { EQ(__real_send(peer, "x", 1, MSG_OOB), 1); }

/* True if libuv would wait now, because the kernel reports no event. */
static bool is_loop_waiting(void) {
  struct pollfd p = { .fd = uv_backend_fd(&uv), .events = POLLIN };
  turns(3);
  return poll(&p, 1, 0) == 0;
}

TEST(urgent_data_does_no_harm_and_does_not_keep_the_loop_busy) {
  begin_tcp();
  send_urgent_byte();
  CHECK(is_loop_waiting());
  IS(saw(), "");
  tell(peer, "one");
  turns(3);
  IS(saw(), "one"); /* the urgent byte is not a part of the stream */
  tell(peer, "two");
  send_urgent_byte();
  tell(peer, "three");
  turns(5);
  IS(saw(), "two three");
  CHECK(is_loop_waiting());
  EQ(say(conn, "answer"), 0);
  turns(2);
  IS(hear(peer), "answer");
  end();
}

TEST(urgent_data_before_the_fin_does_not_keep_the_answer_back) {
  begin_tcp();
  tell(peer, "ask");
  send_urgent_byte();
  shutdown(peer, SHUT_WR);
  turns(5);
  IS(saw(), "ask eof");
  CHECK(is_loop_waiting());
  EQ(say(conn, "answer"), 0);
  turns(3);
  IS(hear(peer), "answer");
  IS(saw(), "drained");
  end();
}

/* As a kernel does that still reports the urgent data when the end of the stream was read. */
static void report_urgent_data(int events) { conn->poll.poll_cb(&conn->poll, 0, events); }

TEST(urgent_data_that_is_reported_after_the_fin_is_not_taken_for_a_reset) {
  begin_tcp();
  shutdown(peer, SHUT_WR);
  turns(5);
  IS(saw(), "eof");
  report_urgent_data(UV_PRIORITIZED);
  IS(saw(), "");
  CHECK(!uv_is_active((uv_handle_t *)&conn->poll)); /* it would be reported in every turn */
  turns(3);
  EQ(say(conn, "answer"), 0);
  turns(3);
  IS(hear(peer), "answer");
  IS(saw(), "drained");
  end();
}

TEST(a_blocked_write_goes_on_although_urgent_data_stays) {
  begin_tcp();
  shutdown(peer, SHUT_WR);
  turns(5);
  script(&sends, 4, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN);
  EQ(say(conn, "answer"), 0);
  turn();
  report_urgent_data(UV_PRIORITIZED | UV_WRITABLE);
  CHECK(conn->blocked && uv_is_active((uv_handle_t *)&conn->poll));
  turns(8);
  IS(hear(peer), "answer");
  IS(saw(), "eof drained");
  end();
}

TEST(a_reset_is_noticed_after_urgent_data_and_the_fin) {
  begin_tcp();
  tell(peer, "ask");
  send_urgent_byte();
  shutdown(peer, SHUT_WR);
  turns(5);
  setsockopt(peer, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
  close(peer);
  peer = -1;
  turns(5);
  CHECK(strstr(saw(), "ask eof failed E"));
  conn = NULL;
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
  EQ_STR(sio__conn_peer_address_text(c, address), want);
  EQ_STR(sio__conn_peer_address_text(conn, address), "");
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

int __real_uv_poll_start(uv_poll_t *h, int events, uv_poll_cb cb);
int __wrap_uv_poll_start(uv_poll_t *h, int events, uv_poll_cb cb);
static int poll_start_code;
int __wrap_uv_poll_start(uv_poll_t *h, int events, uv_poll_cb cb) {
  int err = poll_start_code;
  poll_start_code = 0;
  return err ? err : __real_uv_poll_start(h, events, cb);
}

TEST(one_that_cannot_be_watched_fails_at_the_end_of_the_turn) {
  begin();
  sio__conn_pause_reading(conn);
  poll_start_code = UV_ENOMEM;
  sio__conn_resume_reading(conn);
  IS(saw(), "");
  turn();
  IS(saw(), "failed ENOMEM");
  conn = NULL;
  end();
}

/* ---- moving ---------------------------------------------------------------------------------- */

static struct conn_transfer transfer;

static void begin_with_unsent_bytes(void) {
  begin();
  script(&sends, 8, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN);
  EQ(say(conn, "unsent"), 0);
  turn();
  IS(hear(peer), "");
  CHECK(sends.at < sends.n);
  script(&sends, 0); /* from now on the kernel takes what it is given */
}

TEST(a_connection_moves_with_its_unsent_bytes) {
  begin_with_unsent_bytes();
  EQ(sio__conn_detach_from_loop(conn, &transfer), 0);
  EQ(transfer.unsent.n, 6);
  turn();
  EQ(loop.nconns, 0);
  EQ(sio__conn_attach_to_loop(&conn, &loop, &transfer, &ops, NULL, CONN_PLAIN), 0);
  EQ(say(conn, ", then sent"), 0);
  turns(2);
  IS(hear(peer), "unsent, then sent");
  end();
}

TEST(without_memory_for_its_unsent_bytes_a_connection_stays_where_it_is) {
  begin_with_unsent_bytes();
  alloc_fail_in(1);
  EQ(sio__conn_detach_from_loop(conn, &transfer), UV_ENOMEM);
  EQ(loop.nconns, 1);
  turns(2);
  IS(hear(peer), "unsent");
  end();
}

TEST(a_moved_connection_that_finds_no_memory_is_closed) {
  int err = UV_ENOMEM;
  for (size_t at = 1; err; at++) {
    begin_with_unsent_bytes();
    EQ(sio__conn_detach_from_loop(conn, &transfer), 0);
    sio__pool_clear(&loop.msgs.small);
    alloc_fail_in(at);
    err = sio__conn_attach_to_loop(&conn, &loop, &transfer, &ops, NULL, CONN_PLAIN);
    alloc_fail_in(0);
    CHECK(err == 0 || err == UV_ENOMEM);
    turns(2);
    IS(hear(peer), err ? "" : "unsent");
    EQ(fin, err != 0);
    REQUIRE(at < 10);
    if (err) conn = NULL;
    end();
  }
}

static void close_when_drained(struct conn *c) {
  sio__conn_close(c);
  conn = NULL;
}

TEST(one_that_is_closed_when_it_is_drained_is_not_told_that_its_queue_is_short) {
  begin();
  loop.low_mark = 100;
  conn->reports_low_mark = 1;
  also = close_when_drained;
  EQ(say(conn, "x"), 0);
  turn();
  IS(saw(), "drained");
  end();
}

TESTS_BEGIN
T(a_connection_moves_with_its_unsent_bytes)
T(without_memory_for_its_unsent_bytes_a_connection_stays_where_it_is)
T(a_moved_connection_that_finds_no_memory_is_closed)
T(one_that_is_closed_when_it_is_drained_is_not_told_that_its_queue_is_short)
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
T(ending_a_closed_connection_does_nothing)
T(ending_while_the_kernel_is_full_waits_for_room)
T(closing_drops_the_queue_and_the_descriptor_at_once)
T(it_may_be_closed_inside_read)
T(it_may_be_closed_inside_read_when_it_may_write_as_well)
T(it_may_be_closed_inside_eof_drained_and_failed)
T(a_drained_connection_may_close_one_that_was_to_be_flushed_next)
T(one_that_reads_may_close_one_that_was_to_read_next)
T(a_new_owner_hears_what_comes_after_it_took_over)
T(nobody_need_hear_of_room)
T(urgent_data_does_no_harm_and_does_not_keep_the_loop_busy)
T(urgent_data_before_the_fin_does_not_keep_the_answer_back)
T(urgent_data_that_is_reported_after_the_fin_is_not_taken_for_a_reset)
T(a_blocked_write_goes_on_although_urgent_data_stays)
T(a_reset_is_noticed_after_urgent_data_and_the_fin)
T(a_peers_address_is_known)
T(a_descriptor_that_cannot_be_served_is_closed)
T(one_that_cannot_be_watched_fails_at_the_end_of_the_turn)
TESTS_END
