/* SPDX-License-Identifier: MIT
 *
 * test_ws_conn.c - a WebSocket while it is open: messages, pings, broken rules, calls from inside
 * callbacks.
 */
#include "ws_conn_rig.h"

/* ---- messages -------------------------------------------------------------------------------- */

TEST(messages_go_both_ways) {
  begin();
  SAY(0x81, "hello");
  SAY(0x82, "\1\2");
  SAW("Thello|B\1\2|");
  EQ(send_msg("4hi", false), 0);
  EQ(send_msg("\3\4", true), 0);
  EQ(ws_queued_bytes(w), 9);
  CHECK(!ws_is_queue_empty_and_socket_writable(w));
  EQ(drained_count, 0);
  turn();
  EQ(drained_count, 1);
  CHECK(ws_is_queue_empty_and_socket_writable(w));
  HEARD("\x81\x03"
        "4hi"
        "\x82\x02\3\4");
  end();
}

TEST(a_raw_msg_leaves_as_it_is) {
  begin();
  struct msg *m = sio__msg_from_bytes(&loop.msgs, "\x81\x01x", 3);
  m->raw = true;
  EQ(sio__ws_send(w, m), 0);
  msg_unref(m);
  turn();
  HEARD("\x81\x01x");
  end();
}

TEST(bytes_behind_the_handshake_are_read) {
  begin();
  struct wire out = { 0 };
  wire_frame(&out, 0x81, "early", 5);
  sio__ws_conn_feed_bytes(w, slice(out.p, out.n - 2));
  SAW("");
  say(out.p + out.n - 2, 2);
  SAW("Tearly|");
  sio__ws_conn_feed_bytes(w, slice(NULL, 0));
  wire_clear(&out);
  end();
}

/* ---- broken rules ---------------------------------------------------------------------------- */

static void check_violation(unsigned code, int err) {
  char want[4] = { '\x88', 2, (char)(code >> 8), (char)code };
  heard(want, 4);
  CHECK(got_fin);
  EQ(closed_count, 1);
  EQ(why.code, code);
  EQ(why.err, err);
  CHECK(!why.by_peer);
  EQ(loop.nconns, 1);
  SAY(0x81, "not read");
  SAW("");
  fin();
  EQ(closed_count, 1);
  EQ(loop.nconns, 0);
}

TEST(a_broken_rule_is_answered_with_its_code_and_a_fin) {
  static const struct {
    unsigned first;
    const char *text;
    unsigned code;
    int err;
  } v[] = { { 0xc1, "x", 1002, SIO_EPROTO },
            { 0x81, "\xff", 1007, SIO_EPROTO },
            { 0x88, "x", 1002, SIO_EPROTO } };
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    begin();
    say_frame(v[i].first, v[i].text, 1);
    check_violation(v[i].code, v[i].err);
    end();
  }
}

TEST(too_big_and_too_many_are_answered_with_their_codes) {
  begin();
  struct wire out = { 0 };
  wire_header(&out, 0x82, shared.recv.limits.max_message + 1);
  say_wire(&out);
  check_violation(1009, SIO_ETOOBIG);
  end();

  begin();
  for (unsigned i = 0; i <= shared.recv.limits.max_fragments; i++)
    wire_frame(&out, i ? 0x00 : 0x01, "", 0);
  say_wire(&out);
  check_violation(1008, SIO_ETOOBIG);
  end();
}

TEST(a_peer_that_broke_a_rule_and_keeps_the_stream_open_is_closed_by_the_timer) {
  begin();
  shared.close_ms = 1;
  SAY(0xc1, "x");
  EQ(closed_count, 1);
  wait_for_no_conns();
  EQ(closed_count, 1);
  end();
}

static void drop_it(struct ws_conn *from) {
  sio__ws_close_immediately(from);
  sio__ws_close_immediately(from);
}

TEST(whoever_is_told_of_the_end_may_drop_what_is_left) {
  static const struct {
    unsigned first;
    const char *text;
  } v[] = { { 0xc1, "x" }, { 0x88, "\x03\xe8" }, { 0, NULL } };
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    begin();
    on_closed = drop_it;
    if (v[i].text)
      say_frame(v[i].first, v[i].text, strlen(v[i].text));
    else
      fin();
    EQ(closed_count, 1);
    EQ(loop.nconns, 0);
    end();
  }
}

TEST(a_pong_without_memory_is_told_at_once) {
  begin();
  struct wire out = { 0 };
  wire_frame(&out, 0x89, "ping", 4);
  EQ(send(fd, out.p, out.n, MSG_NOSIGNAL), out.n);
  wire_clear(&out);
  alloc_fail_all();
  turn();
  alloc_fail_in(0);
  EQ(closed_count, 1);
  EQ(why.err, UV_ENOMEM);
  fin();
  EQ(loop.nconns, 0);
  end();
}

TEST(garbage_behind_the_handshake_closes_it) {
  begin();
  sio__ws_conn_feed_bytes(w, SLICE("GET / HTTP/1.1\r\n"));
  turn();
  check_violation(1002, SIO_EPROTO);
  end();
}

TEST(a_close_frame_behind_the_handshake_closes_it) {
  begin();
  struct wire out = { 0 };
  wire_frame(&out, 0x88, "\x03\xe8", 2);
  sio__ws_conn_feed_bytes(w, slice(out.p, out.n));
  wire_clear(&out);
  turn();
  HEARD("\x88\x02\x03\xe8");
  CHECK(got_fin);
  fin();
  EQ(closed_count, 1);
  end();
}

TEST(a_broken_rule_after_our_close_sends_no_second_close_frame) {
  begin();
  close_ws(1000, NULL);
  turn();
  SAY(0xf1, "x");
  HEARD("\x88\x02\x03\xe8");
  CHECK(got_fin);
  fin();
  EQ(closed_count, 1);
  EQ(why.code, 1000);
  EQ(why.err, SIO_EPROTO);
  end();
}

/* ---- from inside callbacks ------------------------------------------------------------------- */

static void close_inside(void) { close_ws(1000, NULL); }

TEST(after_a_close_inside_a_message_the_next_is_not_seen) {
  begin();
  on_text = close_inside;
  struct wire out = { 0 };
  wire_frame(&out, 0x81, "a", 1);
  wire_frame(&out, 0x81, "b", 1);
  wire_frame(&out, 0x88, "\x03\xe8", 2);
  say_wire(&out);
  SAW("Ta|");
  HEARD("\x88\x02\x03\xe8");
  CHECK(got_fin);
  fin();
  EQ(closed_count, 1);
  end();
}

TEST(a_drop_inside_a_message_ends_it_without_closed) {
  begin();
  on_text = drop_ws;
  struct wire out = { 0 };
  wire_frame(&out, 0x01, "a", 1);
  wire_frame(&out, 0x80, "a", 1);
  wire_frame(&out, 0x81, "b", 1);
  wire_header(&out, 0x81, 10); /* the start of one more */
  wire_byte(&out, 'c');
  say_wire(&out);
  SAW("Taa|");
  HEARD("");
  CHECK(got_fin);
  EQ(closed_count, 0);
  end();
}

TEST(a_drop_loses_what_was_queued) {
  begin();
  EQ(send_msg("lost", false), 0);
  drop_ws();
  turn();
  HEARD("");
  CHECK(got_fin);
  EQ(closed_count, 0);
  end();
}

TEST(half_a_frame_does_not_outlive_the_connection) {
  begin();
  SAY(0x01, "a fragment");
  say("\x80\x85\0\0\0\0ab", 8);
  CHECK(w->recv.ctx && w->recv.msg);
  fin();
  EQ(closed_count, 1);
  EQ(why.code, 1006);
  end();
}

TEST(a_dropped_websocket_leaves_no_timer_behind) {
  begin();
  close_ws(1000, NULL);
  turn();
  drop_ws();
  turn();
  sio__timers_fire_due(&loop.timers, loop_now(&loop) + 2 * shared.close_ms);
  EQ(closed_count, 0);
  end();
}

/* ---- pings ----------------------------------------------------------------------------------- */

TEST(a_ping_is_answered_with_its_payload) {
  begin();
  SAY(0x89, "are you there");
  SAY(0x89, "");
  SAY(0x8a, "unasked");
  HEARD("\x8a\x0d"
        "are you there\x8a\x00");
  end();
}

/* 10 at once are all answered; of 100 some, and the newest. */
static void ping_burst(unsigned count) {
  struct wire out = { 0 };
  for (unsigned i = 0; i < count; i++) wire_frame(&out, 0x89, &(uint8_t){ (uint8_t)i }, 1);
  say_wire(&out);
  read_all();
}

TEST(a_few_pings_at_once_are_all_answered_in_order) {
  begin();
  ping_burst(10);
  EQ(got.n, 30);
  for (size_t i = 0; i < got.n / 3; i++)
    EQ_MEM(got.p + 3 * i, 3, ((char[]){ '\x8a', 1, (char)i }), 3);
  end();
}

TEST(of_many_pings_the_newest_is_answered_and_few_others) {
  begin();
  for (int round = 0; round < 3; round++) {
    got.n = 0;
    ping_burst(200);
    CHECK(got.n <= 3 * 20 && got.n >= 3);
    EQ_MEM(got.p + got.n - 3, 3, "\x8a\x01\xc7", 3);
  }
  end();
}

TEST(a_pong_that_waits_is_freed_with_its_websocket) {
  begin();
  struct wire out = { 0 };
  for (unsigned i = 0; i < 30; i++) wire_frame(&out, 0x89, "", 0);
  sio__ws_conn_feed_bytes(w, slice(out.p, out.n));
  wire_clear(&out);
  CHECK(w->pong != NULL);
  drop_ws();
  end();
}

/* ---- without memory -------------------------------------------------------------------------- */

static bool opened;

static int oom_scenario(void) {
  int err = open_ws();
  opened = !err;
  if (err) return err;
  SAY(0x81, "hello");
  SAY(0x01, "hel");
  SAY(0x80, "lo");
  SAY(0x89, "ping");
  if (w) send_msg("an answer", false);
  turn();
  if (w)
    SAY(0x88, "\x03\xe8"
              "reason");
  if (fd >= 0) fin();
  return 0;
}

TEST(without_memory_it_closes_once_and_leaks_nothing) {
  bool done = false;
  for (size_t i = 1; !done; i++) {
    REQUIRE(i < 100);
    alloc_install();
    if (!begin_bare()) abort();
    alloc_fail_in(i);
    int err = oom_scenario();
    done = alloc_fuse > 0;
    alloc_fail_in(0);
    CHECK(err == 0 || err == UV_ENOMEM);
    EQ(closed_count, opened);
    CHECK(!done || (err == 0 && why.code == 1000));
    end();
  }
}

TEST(a_close_without_memory_still_ends) {
  begin();
  alloc_fail_all();
  close_ws(1000, NULL);
  alloc_fail_in(0);
  turn();
  HEARD("");
  CHECK(got_fin);
  EQ(closed_count, 0);
  fin();
  EQ(closed_count, 1);
  EQ(why.code, 1006);
  EQ(why.err, UV_ENOMEM);
  end();
}

TEST(an_idle_websocket_is_small) {
  CHECK(sizeof(struct ws_conn) <= 208);
  begin();
  SAY(0x81, "hello");
  SAY(0x01, "");
  CHECK(w->recv.ctx == NULL && w->recv.msg == NULL && w->reason == NULL && w->pong == NULL);
  end();
}

TEST(each_ping_of_a_flood_is_answered_or_the_peer_is_closed_for_want_of_memory) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    struct wire pings = { 0 };
    begin();
    for (int i = 0; i < 20; i++) wire_frame(&pings, 0x89, &"abcdefghijklmnopqrst"[i], 1);
    EQ(send(fd, pings.p, pings.n, MSG_NOSIGNAL), pings.n);
    alloc_fail_in(at);
    turn();
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    read_all();
    /* Sixteen are answered one by one, and the newest of the others. */
    bool all = got.n >= 3 && memcmp(got.p + got.n - 3, "\x8a\1t", 3) == 0;
    CHECK(all || (failed && closed_count == 1 && why.err == UV_ENOMEM));
    REQUIRE(at < 60);
    wire_clear(&pings);
    if (closed_count) w = NULL;
    end();
  }
}

TESTS_BEGIN
T(each_ping_of_a_flood_is_answered_or_the_peer_is_closed_for_want_of_memory)
T(messages_go_both_ways)
T(a_raw_msg_leaves_as_it_is)
T(bytes_behind_the_handshake_are_read)
T(a_broken_rule_is_answered_with_its_code_and_a_fin)
T(too_big_and_too_many_are_answered_with_their_codes)
T(a_peer_that_broke_a_rule_and_keeps_the_stream_open_is_closed_by_the_timer)
T(whoever_is_told_of_the_end_may_drop_what_is_left)
T(a_pong_without_memory_is_told_at_once)
T(garbage_behind_the_handshake_closes_it)
T(a_close_frame_behind_the_handshake_closes_it)
T(a_broken_rule_after_our_close_sends_no_second_close_frame)
T(after_a_close_inside_a_message_the_next_is_not_seen)
T(a_drop_inside_a_message_ends_it_without_closed)
T(a_drop_loses_what_was_queued)
T(half_a_frame_does_not_outlive_the_connection)
T(a_dropped_websocket_leaves_no_timer_behind)
T(a_ping_is_answered_with_its_payload)
T(a_few_pings_at_once_are_all_answered_in_order)
T(of_many_pings_the_newest_is_answered_and_few_others)
T(a_pong_that_waits_is_freed_with_its_websocket)
T(without_memory_it_closes_once_and_leaks_nothing)
T(a_close_without_memory_still_ends)
T(an_idle_websocket_is_small)
TESTS_END
