/* SPDX-License-Identifier: MIT
 *
 * test_net_send.c - bytes out of a connection, with a kernel that takes few of them, takes none,
 * and fails.
 */
#include "conn_rig.h"

#include <signal.h>

/* ---- sending --------------------------------------------------------------------------------- */

TEST(sending_writes_nothing_before_the_end_of_the_turn) {
  begin();
  EQ(say(conn, "a"), 0);
  IS(hear(peer), "");
  EQ(sends.calls, 0);
  EQ(conn->out.bytes, 1);
  CHECK(!conn_is_idle(conn));
  turn();
  IS(hear(peer), "a");
  CHECK(conn_is_idle(conn));
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
  EQ(conn->out.bytes, 0);
  IS(saw(), "drained");
  end();
}

TEST(a_part_of_a_msg_may_be_sent_from_its_headroom_on) {
  struct msg *m;
  begin();
  m = text("0123456789");
  memcpy(msg_data(m) - MSG_HEADROOM, "..........", MSG_HEADROOM);
  EQ(sio__conn_queue_msg_range(conn, m, MSG_HEADROOM - 2, 5), 0);
  EQ(sio__conn_queue_msg_range(conn, m, MSG_HEADROOM + 7, 3), 0);
  EQ(sio__conn_queue_msg_range(conn, m, MSG_HEADROOM, 0), 0);
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
  EQ(conn->out.bytes, 60 - sends.calls);
  CHECK(!conn_is_idle(conn));
  IS(saw(), "");
  turns(60);
  EQ(sends.calls, 60);
  IS(hear(peer), "abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc");
  IS(saw(), "drained");
  end();
}

static void mark(unsigned n) {
  struct msg *m = text("");
  while (n--) EQ(conn_queue_sent_mark(conn, m), 0);
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
  CHECK(conn_is_idle(conn));
  turn();
  IS(saw(), "passed:300");
  EQ(sends.calls, 0);
  EQ(conn->out.memory, 0);
  mark(300);
  say(conn, "a");
  turn();
  IS(saw(), "passed:300 drained");
  IS(hear(peer), "a");
  mark(1);
  sio__conn_close(conn);
  EQ(conn_queue_sent_mark(conn, NULL), SIO_ECLOSED);
  conn = NULL;
  turn();
  IS(saw(), "");
  end();
}

TEST(marks_that_pass_before_the_turns_end_can_be_taken) {
  begin();
  say(conn, "a");
  mark(2);
  sio__conn_write_queue_now(conn);
  EQ(conn_take_unreported_sent_mark_count(conn), 2);
  mark(200);
  say(conn, "b");
  sio__conn_write_queue_now(conn);
  EQ(conn_take_unreported_sent_mark_count(conn), 200);
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
  conn_enable_flushing_callback(conn);
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
  EQ(conn->out.bytes, 2);
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
    EQ(conn_queue_msg_without_frame_header(conn, m), 0);
    EQ(conn_queue_msg_without_frame_header(conn, m), 0);
    tell(peer, "unread");
    int fd = conn->fd;
    sio__conn_pause_reading(conn);
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
  EQ(conn_queue_msg_without_frame_header(conn, m), SIO_ECLOSED);
  EQ(m->refs, 1);
  sio__conn_close(conn);
  sio__conn_end_writing(conn);
  sio__conn_pause_reading(conn);
  sio__conn_resume_reading(conn);
  msg_unref(m);
  end();
}

TEST(sending_without_memory_queues_nothing) {
  begin();
  struct msg *m = text("x");
  alloc_fail_in(1);
  EQ(conn_queue_msg_without_frame_header(conn, m), UV_ENOMEM);
  EQ(m->refs, 1);
  EQ(conn->out.bytes, 0);
  for (int i = 0; i < 7; i++) EQ(conn_queue_msg_without_frame_header(conn, m), 0);
  alloc_fail_in(1);
  EQ(conn_queue_msg_without_frame_header(conn, m), UV_ENOMEM);
  EQ(m->refs, 8);
  turn();
  IS(hear(peer), "xxxxxxx");
  msg_unref(m);
  end();
}

/* ---- SIGPIPE --------------------------------------------------------------------------------- */

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
    sio__conn_remove_queued_msgs_if(conn, drop_marked, &asked);
    EQ(asked, 18);
    EQ(conn->out.bytes, strlen(want));
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
  sio__conn_remove_queued_msgs_if(conn, drop_marked, &asked);
  EQ(asked, 10);
  EQ(conn->out.bytes, 3);
  turns(2);
  IS(hear(peer), "-bcde");
  sio__conn_remove_queued_msgs_if(conn, drop_marked, &asked);
  EQ(asked, 10);
  end();
}

TEST(pushing_writes_at_once_and_calls_nobody_before_the_end_of_the_turn) {
  begin();
  say(conn, "abc");
  sio__conn_write_queue_now(conn);
  IS(hear(peer), "abc");
  EQ(conn->out.bytes, 0);
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
  sio__conn_write_queue_now(conn);
  sio__conn_write_queue_now(conn);
  EQ(sends.calls, 1);
  EQ(conn->out.bytes, 2);
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
  sio__conn_write_queue_now(conn);
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
  conn->reports_low_mark = 1;
  turn();
  IS(saw(), "");
  turns(3);
  IS(saw(), "drained lighter");
  script(&sends, 2, 2, -EAGAIN);
  for (int i = 0; i < 3; i++) say(conn, "a");
  conn->reports_low_mark = 1;
  turn();
  IS(saw(), "lighter");
  turns(3);
  IS(saw(), "drained");
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
T(what_is_sifted_out_is_never_sent_and_the_rest_keeps_its_order)
T(the_first_msg_may_have_begun_to_leave_and_stays)
T(pushing_writes_at_once_and_calls_nobody_before_the_end_of_the_turn)
T(pushing_stops_where_the_kernel_does)
T(what_goes_wrong_in_a_push_is_told_at_the_end_of_the_turn)
T(a_heavy_connection_says_once_when_it_is_light)
TESTS_END
