/* SPDX-License-Identifier: MIT
 *
 * test_ws_closing.c - the closing handshake of a WebSocket, from either side.
 */
#include "ws_conn_rig.h"

/* ---- the closing handshake ------------------------------------------------------------------- */

TEST(our_close_comes_after_what_is_queued_and_ends_with_the_peers_answer) {
  begin();
  EQ(send_msg("last", false), 0);
  close_ws(1001, "bye");
  EQ(send_msg("too late", false), SIO_ECLOSED);
  close_ws(1000, "twice");
  turn();
  HEARD("\x81\x04last\x88\x05\x03\xe9"
        "bye");
  CHECK(!got_fin);
  EQ(closed_count, 0);
  SAY(0x88, "\x03\xe9");
  HEARD("");
  CHECK(got_fin);
  EQ(closed_count, 1);
  fin();
  EQ(closed_count, 1);
  EQ(why.code, 1001);
  EQ(why.err, 0);
  CHECK(!why.by_peer);
  end();
}

TEST(a_close_without_a_code_is_an_empty_frame) {
  static const unsigned codes[] = { 0, 1005, 1006, 999, 5000 };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    begin();
    close_ws(codes[i], "not sent");
    turn();
    HEARD("\x88\x00");
    fin();
    EQ(closed_count, 1);
    EQ(why.code, 1005);
    end();
  }
}

TEST(a_reason_too_long_is_cut_between_characters) {
  begin();
  char reason[200];
  for (size_t i = 0; i + 3 < sizeof reason; i += 3) memcpy(reason + i, "\xe2\x82\xac", 4);
  memcpy(reason, "a", 1); /* "a" and what is not a character any more */
  close_ws(1000, reason);
  turn();
  HEARD("\x88\x03\x03\xe8"
        "a");
  end();

  begin();
  memcpy(reason, "abc", 3);
  close_ws(1000, reason);
  turn();
  read_all();
  EQ(got.n, 2 + 2 + 123);
  EQ((uint8_t)got.p[1], 125);
  EQ_MEM(got.p + got.n - 3, 3, "\xe2\x82\xac", 3);
  end();
}

TEST(the_peers_close_is_echoed_before_the_fin) {
  begin();
  EQ(send_msg("x", false), 0);
  SAY(0x88, "\x0f\xa0going\0home");
  HEARD("\x81\x01x\x88\x02\x0f\xa0");
  CHECK(got_fin);
  EQ(closed_count, 1);
  fin();
  HEARD("");
  EQ(closed_count, 1);
  EQ(why.code, 4000);
  EQ(why.err, 0);
  CHECK(why.by_peer);
  EQ_STR(why_reason, "going\xef\xbf\xbdhome");
  end();
}

TEST(an_empty_close_is_echoed_empty) {
  begin();
  SAY(0x88, "");
  HEARD("\x88\x00");
  fin();
  EQ(closed_count, 1);
  EQ(why.code, 1005);
  end();
}

TEST(a_close_frame_with_the_fin_behind_it_is_still_echoed) {
  begin();
  struct wire out = { 0 };
  wire_frame(&out, 0x88, "\x03\xe8", 2);
  EQ(send(fd, out.p, out.n, 0), out.n);
  wire_clear(&out);
  fin();
  HEARD("\x88\x02\x03\xe8");
  CHECK(got_fin);
  EQ(closed_count, 1);
  EQ(why.code, 1000);
  end();
}

TEST(a_fin_without_a_close_frame_is_1006) {
  begin();
  fin();
  HEARD("");
  CHECK(got_fin);
  EQ(closed_count, 1);
  EQ(why.code, 1006);
  EQ(why.err, 0);
  CHECK(why.by_peer);
  end();
}

static void answer(void) { EQ(send_msg("answer", false), 0); }

TEST(answers_leave_even_if_the_fin_came_with_the_question) {
  begin();
  on_text = answer;
  struct wire out = { 0 };
  wire_frame(&out, 0x81, "question", 8);
  EQ(send(fd, out.p, out.n, 0), out.n);
  wire_clear(&out);
  fin();
  HEARD("\x81\x06"
        "answer");
  CHECK(got_fin);
  EQ(closed_count, 1);
  end();
}

TEST(after_our_close_only_the_peers_close_frame_counts) {
  begin();
  close_ws(1000, NULL);
  turn();
  HEARD("\x88\x02\x03\xe8");
  SAY(0x81, "ignored");
  SAY(0x89, "ignored");
  SAY(0x01, "ignored");
  SAY(0x88, "\x0b\xb8");
  SAW("");
  HEARD("");
  CHECK(got_fin);
  fin();
  EQ(closed_count, 1);
  EQ(why.code, 3000);
  CHECK(!why.by_peer);
  end();
}

TEST(a_fin_in_place_of_the_peers_close_frame_will_do) {
  begin();
  close_ws(1000, NULL);
  turn();
  fin();
  EQ(closed_count, 1);
  EQ(why.code, 1000);
  EQ(why.err, 0);
  CHECK(!why.by_peer);
  end();
}

TEST(after_the_peers_fin_all_that_is_queued_still_leaves) {
  enum { MUCH = 4 << 20 };
  begin();
  loop.high_water = 2 * MUCH;
  struct msg *m = sio__msg_new(&loop.msgs, MUCH);
  REQUIRE(m);
  m->len = MUCH;
  memset(msg_data(m), 'x', m->len);
  EQ(sio__ws_send(w, m), 0);
  msg_unref(m);
  fin();
  EQ(closed_count, 1);
  for (int i = 0; i < 1000 && !got_fin; i++) {
    read_all();
    turn();
  }
  CHECK(got_fin);
  EQ(got.n, MUCH + 10);
  EQ(closed_count, 1);
  EQ(why.code, 1006);
  end();
}

TEST(a_peer_that_does_not_answer_is_closed_by_the_timer) {
  begin();
  shared.close_ms = 1;
  close_ws(1000, NULL);
  wait_for_closed();
  HEARD("\x88\x02\x03\xe8");
  CHECK(got_fin);
  EQ(closed_count, 1);
  EQ(why.code, 1000);
  EQ(why.err, SIO_ETIMEOUT);
  end();
}

TEST(once_both_close_frames_are_there_no_fin_of_the_peers_is_waited_for) {
  begin();
  SAY(0x88, "\x03\xe8");
  HEARD("\x88\x02\x03\xe8");
  CHECK(got_fin);
  EQ(loop.nconns, 0);
  EQ(closed_count, 1);
  EQ(why.code, 1000);
  EQ(why.err, 0);
  CHECK(why.by_peer);
  end();
}

TEST(nor_is_it_when_ours_was_the_first) {
  begin();
  close_ws(1001, NULL);
  turn();
  EQ(loop.nconns, 1);
  SAY(0x88, "\x03\xe9");
  HEARD("\x88\x02\x03\xe9");
  CHECK(got_fin);
  EQ(loop.nconns, 0);
  EQ(closed_count, 1);
  EQ(why.code, 1001);
  end();
}

TEST(a_peer_that_takes_nothing_is_closed_by_the_timer) {
  begin();
  shared.close_ms = 1;
  loop.high_water = 8 << 20;
  struct msg *m = sio__msg_new(&loop.msgs, 4 << 20);
  REQUIRE(m);
  m->len = 4 << 20;
  memset(msg_data(m), 'x', m->len);
  EQ(sio__ws_send(w, m), 0);
  msg_unref(m);
  turn();
  CHECK(ws_queued_bytes(w) > 0);
  close_ws(1000, NULL);
  wait_for_closed();
  EQ(closed_count, 1);
  EQ(why.err, SIO_ETIMEOUT);
  end();
}

TEST(closing_reads_on_although_the_owner_had_paused) {
  begin();
  sio__conn_pause_reading(w->conn);
  close_ws(1000, NULL);
  turn();
  SAY(0x88, "\x03\xe8");
  fin();
  EQ(closed_count, 1);
  end();
}

/* Data frames, so many bytes of them at least. */
static void send_on(size_t bytes) {
  static char text[60000];
  struct wire out = { 0 };
  wire_frame(&out, 0x82, text, sizeof text);
  for (size_t n = 0; n < bytes && send(fd, out.p, out.n, MSG_NOSIGNAL) > 0; n += out.n) turn();
  wire_clear(&out);
}

TEST(a_peer_that_goes_on_sending_after_our_close_is_cut_off) {
  begin();
  close_ws(1000, "enough");
  send_on(WS_LATE_BYTES);
  EQ(closed_count, 0);
  send_on(300000);
  EQ(closed_count, 1);
  EQ(why.err, SIO_ETOOBIG);
  EQ_STR(why.detail, "the peer sends too much while the WebSocket closes");
  EQ(loop.nconns, 0);
  SAW("");
  end();
}

static char line[200];
static void on_line(const sio_log_line *l, void *user) {
  (void)user;
  snprintf(line, sizeof line, "%s", l->text);
}

TEST(a_peer_that_goes_on_sending_is_named_in_the_log_for_debugging) {
  begin();
  sio__log_init(&quiet, on_line, NULL, SIO_LOG_DEBUG);
  close_ws(1000, "enough");
  send_on(WS_LATE_BYTES + 300000);
  EQ(closed_count, 1);
  CHECK(strstr(line, ": the peer sends too much while the WebSocket closes"));
  end();
}

TEST(so_is_one_that_broke_a_rule_and_goes_on) {
  begin();
  SAY(0xc1, "x");
  EQ(closed_count, 1);
  EQ(loop.nconns, 1);
  send_on(WS_LATE_BYTES + 300000);
  EQ(closed_count, 1);
  EQ(loop.nconns, 0);
  end();
}

TEST(a_broken_stream_closes_with_its_error) {
  begin();
  EQ(send_msg("not read", false), 0);
  turn();
  close(fd);
  fd = -1;
  turn();
  EQ(closed_count, 1);
  EQ(why.code, 1006);
  EQ(why.err, UV_ECONNRESET);
  CHECK(!why.by_peer);
  end();
}

TEST(a_reset_after_the_close_frames_is_no_error) {
  begin();
  SAY(0x88, "\x03\xe8");
  close(fd); /* the echo was not read */
  fd = -1;
  turn();
  EQ(closed_count, 1);
  EQ(why.code, 1000);
  EQ(why.err, 0);
  end();
}

TESTS_BEGIN
T(our_close_comes_after_what_is_queued_and_ends_with_the_peers_answer)
T(a_close_without_a_code_is_an_empty_frame)
T(a_reason_too_long_is_cut_between_characters)
T(the_peers_close_is_echoed_before_the_fin)
T(an_empty_close_is_echoed_empty)
T(a_close_frame_with_the_fin_behind_it_is_still_echoed)
T(a_fin_without_a_close_frame_is_1006)
T(answers_leave_even_if_the_fin_came_with_the_question)
T(after_our_close_only_the_peers_close_frame_counts)
T(a_fin_in_place_of_the_peers_close_frame_will_do)
T(after_the_peers_fin_all_that_is_queued_still_leaves)
T(a_peer_that_does_not_answer_is_closed_by_the_timer)
T(once_both_close_frames_are_there_no_fin_of_the_peers_is_waited_for)
T(nor_is_it_when_ours_was_the_first)
T(a_peer_that_takes_nothing_is_closed_by_the_timer)
T(closing_reads_on_although_the_owner_had_paused)
T(a_peer_that_goes_on_sending_after_our_close_is_cut_off)
T(a_peer_that_goes_on_sending_is_named_in_the_log_for_debugging)
T(so_is_one_that_broke_a_rule_and_goes_on)
T(a_broken_stream_closes_with_its_error)
T(a_reset_after_the_close_frames_is_no_error)
TESTS_END
