/* SPDX-License-Identifier: MIT
 *
 * test_ws_conn.c - a WebSocket on one end of a socketpair, the test on the other.
 */
#include "ws/conn.h"

#include <fcntl.h>
#include <poll.h>
#include <sio/error.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "test.h"
#include "ws_client.h"

static uv_loop_t uv;
static struct loop loop;
static struct log quiet;
static struct ws_pool *pool;
static struct ws_shared shared;
static struct ws_conn *w; /* NULL once closed or dropped */
static int fd;            /* the peer's end */
static struct wire got;   /* what the peer read, without what it has looked at */
static bool got_fin;

static struct wire seen; /* messages, T or B before each, | behind */
static unsigned closed_count, drained_count;
static struct ws_close why;
static char why_reason[130];
static bool in_call; /* inside a call of the owner's, where `closed` must not come */
static void (*on_text)(void);
static void (*on_closed)(struct ws_conn *from);

/* ---- the owner ---- */

static char owner_tag;

static void message(struct ws_conn *from, bool binary, char *p, size_t n) {
  CHECK(from == w);
  wire_put(&seen, binary ? "B" : "T", 1);
  wire_put(&seen, p, n);
  wire_put(&seen, "|", 1);
  if (on_text) on_text();
}

static void closed(struct ws_conn *from, void *owner, const struct ws_close *info) {
  CHECK(from == w);
  CHECK(owner == &owner_tag);
  CHECK(from->owner == NULL);
  CHECK(!in_call);
  CHECK(info->detail && *info->detail);
  closed_count++;
  why = *info;
  memcpy(why_reason, info->reason, info->reason_len);
  why_reason[info->reason_len] = '\0';
  w = NULL;
  if (on_closed) on_closed(from);
}

static void drained(struct ws_conn *from) {
  CHECK(from == w);
  CHECK(ws_is_idle(from));
  drained_count++;
}

static const struct ws_conn_ops ops = { .message = message, .closed = closed, .drained = drained };

static int send_msg(const char *text, bool binary) {
  struct msg *m = sio__msg_copy(&loop.msgs, text, strlen(text));
  if (!m) return UV_ENOMEM;
  m->binary = binary;
  in_call = true;
  int err = sio__ws_send(w, m);
  in_call = false;
  msg_unref(m);
  return err;
}

static void close_ws(unsigned code, const char *reason) {
  in_call = true;
  sio__ws_close(w, code, reason);
  in_call = false;
}

static void drop_ws(void) {
  in_call = true;
  sio__ws_drop(w);
  in_call = false;
  w = NULL;
}

/* ---- the rig ---- */

static const struct conn_ops no_ops;

static int open_ws(void) {
  int pair[2];
  struct conn *c;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) abort();
  fd = pair[1];
  int err = sio__conn_new(&c, &loop, pair[0], &no_ops, NULL);
  return err ? err : sio__ws_conn_new(&w, &shared, c, &ops, &owner_tag);
}

/* Without a WebSocket yet. */
static bool begin_bare(void) {
  w = NULL;
  fd = -1;
  closed_count = drained_count = 0;
  why = (struct ws_close){ 0 };
  got_fin = false;
  on_text = NULL;
  on_closed = NULL;
  uv_loop_init(&uv);
  sio__log_init(&quiet, NULL, NULL, SIO_LOG_WARN);
  if (sio__loop_init(&loop, &uv, &quiet) != 0) return false;
  loop.high_water = 1 << 20;
  pool = sio__ws_pool_new();
  shared = (struct ws_shared){ .loop = &loop, .log = &quiet, .close_ms = 1000000 };
  shared.recv = (struct ws_recv_shared){
    .ops = &sio__ws_conn_recv_ops,
    .pool = pool,
    .limits = { .max_message = 100000, .max_fragments = 16 },
  };
  return pool != NULL;
}

static void begin(void) {
  alloc_install();
  if (!begin_bare()) abort();
  EQ(open_ws(), 0);
}

static void nothing(struct loop *l) { (void)l; }

static void end_bare(void) {
  if (w) drop_ws();
  if (fd >= 0) close(fd);
  if (loop.rbuf) {
    sio__loop_close(&loop, nothing);
    uv_run(&uv, UV_RUN_DEFAULT);
  }
  EQ(uv_loop_close(&uv), 0);
  sio__ws_pool_free(pool);
  loop = (struct loop){ 0 };
  pool = NULL;
  wire_clear(&seen);
  wire_clear(&got);
}

static void end(void) {
  end_bare();
  EQ(alloc_live, 0);
}

static void read_all(void) {
  char buf[70000];
  ssize_t n;
  while ((n = recv(fd, buf, sizeof buf, 0)) > 0) wire_put(&got, buf, (size_t)n);
  if (n == 0) got_fin = true;
}

static void turn(void) {
  for (int i = 0; i < 4; i++) uv_run(&uv, UV_RUN_NOWAIT);
}

static void say(const char *bytes, size_t n) {
  EQ(send(fd, bytes, n, MSG_NOSIGNAL), n);
  turn();
}

static void say_wire(struct wire *out) {
  say(out->p, out->n);
  wire_clear(out);
}

static void say_frame(unsigned first, const char *text, size_t n) {
  struct wire out = { 0 };
  wire_frame(&out, first, text, n);
  say_wire(&out);
}
#define SAY(first, text) say_frame(first, text, sizeof(text) - 1)

/* The peer's half of the stream. */
static void fin(void) {
  shutdown(fd, SHUT_WR);
  turn();
}

static void heard(const char *want, size_t n) {
  read_all();
  EQ_MEM(got.p, got.n, want, n);
  got.n = 0;
}
#define HEARD(want) heard(want, sizeof(want) - 1)
#define SAW(want) EQ_MEM(seen.p, seen.n, want, sizeof(want) - 1)

/* ---- messages ---- */

TEST(messages_go_both_ways) {
  begin();
  SAY(0x81, "hello");
  SAY(0x82, "\1\2");
  SAW("Thello|B\1\2|");
  EQ(send_msg("4hi", false), 0);
  EQ(send_msg("\3\4", true), 0);
  EQ(ws_queued(w), 9);
  CHECK(!ws_is_idle(w));
  EQ(drained_count, 0);
  turn();
  EQ(drained_count, 1);
  CHECK(ws_is_idle(w));
  HEARD("\x81\x03"
        "4hi"
        "\x82\x02\3\4");
  end();
}

TEST(a_raw_msg_leaves_as_it_is) {
  begin();
  struct msg *m = sio__msg_copy(&loop.msgs, "\x81\x01x", 3);
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
  sio__ws_conn_feed(w, slice(out.p, out.n - 2));
  SAW("");
  say(out.p + out.n - 2, 2);
  SAW("Tearly|");
  sio__ws_conn_feed(w, slice(NULL, 0));
  wire_clear(&out);
  end();
}

/* ---- the closing handshake ---- */

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
  EQ_MEM(why_reason, why.reason_len, "going\0home", 10);
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

static void wait_for_closed(void) {
  for (int i = 0; i < 1000 && !closed_count; i++) uv_run(&uv, UV_RUN_ONCE);
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

static void wait_for_no_conns(void) {
  for (int i = 0; i < 1000 && loop.nconns; i++) uv_run(&uv, UV_RUN_ONCE);
  EQ(loop.nconns, 0);
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
  CHECK(ws_queued(w) > 0);
  close_ws(1000, NULL);
  wait_for_closed();
  EQ(closed_count, 1);
  EQ(why.err, SIO_ETIMEOUT);
  end();
}

TEST(closing_reads_on_although_the_owner_had_paused) {
  begin();
  sio__conn_pause(w->conn);
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
  EQ_STR(why.detail, "it goes on sending after the close");
  EQ(loop.nconns, 0);
  SAW("");
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

/* ---- broken rules ---- */

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
  sio__ws_drop(from);
  sio__ws_drop(from);
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
  sio__ws_conn_feed(w, SLICE("GET / HTTP/1.1\r\n"));
  turn();
  check_violation(1002, SIO_EPROTO);
  end();
}

TEST(a_close_frame_behind_the_handshake_closes_it) {
  begin();
  struct wire out = { 0 };
  wire_frame(&out, 0x88, "\x03\xe8", 2);
  sio__ws_conn_feed(w, slice(out.p, out.n));
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

/* ---- from inside callbacks ---- */

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
  sio__timers_run(&loop.timers, loop_now(&loop) + 2 * shared.close_ms);
  EQ(closed_count, 0);
  end();
}

/* ---- pings ---- */

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
  sio__ws_conn_feed(w, slice(out.p, out.n));
  wire_clear(&out);
  CHECK(w->pong != NULL);
  drop_ws();
  end();
}

/* ---- without memory ---- */

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

TESTS_BEGIN
T(messages_go_both_ways)
T(a_raw_msg_leaves_as_it_is)
T(bytes_behind_the_handshake_are_read)
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
T(so_is_one_that_broke_a_rule_and_goes_on)
T(a_broken_stream_closes_with_its_error)
T(a_reset_after_the_close_frames_is_no_error)
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
