/* SPDX-License-Identifier: MIT
 *
 * test_ws_recv.c - bytes in, messages out, whatever the pieces they come in. What is noted stands
 * in ws_vectors.h.
 */
#include "ws_vectors.h"

#include "alloc.h"

static struct ws_pool *pool;
static bool (*on_message)(struct ws_recv *r); /* what a callback does besides, or NULL */

/* The bytes may be changed, so they are. */
static bool message(struct ws_recv *r, bool binary, char *p, size_t n) {
  note(binary ? 'B' : 'T', 0, p, n);
  bool more = !on_message || on_message(r);
  if (n) memset(p, 0x55, n);
  return more;
}
static bool ping(struct ws_recv *r, const char *p, size_t n) {
  note('P', 0, p, n);
  return !on_message || on_message(r);
}
static bool pong(struct ws_recv *r, const char *p, size_t n) {
  note('O', 0, p, n);
  return !on_message || on_message(r);
}
static void closed(struct ws_recv *r, unsigned code, const char *reason, size_t n) {
  if (on_message) on_message(r);
  note('C', code, reason, n);
}
static void failed(struct ws_recv *r, unsigned code, const char *detail) {
  if (on_message) on_message(r);
  CHECK(detail && *detail);
  note('F', code, NULL, 0);
}

static const struct ws_recv_ops ops = { message, ping, pong, closed, failed, NULL };
static const struct ws_limits roomy = { .max_message = 1 << 20, .max_fragments = 1024 };

static struct ws_recv_shared shared;

static void start_with(struct ws_recv *r, const struct ws_recv_ops *with,
                       const struct ws_limits *limits) {
  shared = (struct ws_recv_shared){ .ops = with, .pool = pool, .limits = *limits };
  sio__ws_recv_init(r, &shared);
}

static void start(struct ws_recv *r, const struct ws_limits *limits) {
  start_with(r, &ops, limits);
}

static void begin(void) {
  alloc_install();
  wire_clear(&seen);
  on_message = NULL;
  pool = sio__ws_frame_parser_pool_new();
}

/* Nothing may be left over. */
static void end(void) {
  sio__ws_frame_parser_pool_free(pool);
  EQ(alloc_live, 0);
  wire_clear(&seen);
}

static void vector_start(struct ws_recv *r) { start(r, &roomy); }

/* ---- every vector whole, cut at every position, and byte by byte ---- */

TEST(messages_come_out_whatever_the_cut) {
  static const struct vector v[] = {
    { { FRAME(0x81, "hello") }, "T5:hello|" },
    { { FRAME(0x81, "") }, "T0:|" },
    { { FRAME(0x82, "") }, "B0:|" },
    { { FRAME(0x82, "\1\2\3\4") }, "B4:\1\2\3\4|" },
    { { FRAME(0x81, "a"), FRAME(0x82, "b"), FRAME(0x81, "") }, "T1:a|B1:b|T0:|" },
    { { FRAME(0x81, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") },
      "T9:\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80|" },
  };
  CHECK_VECTORS(v);
}

TEST(fragments_are_put_together_and_control_frames_pass_between_them) {
  static const struct vector v[] = {
    { { FRAME(0x01, "Hel"), FRAME(0x80, "lo") }, "T5:Hello|" },
    { { FRAME(0x01, "H"), FRAME(0x00, "el"), FRAME(0x00, ""), FRAME(0x80, "lo") }, "T5:Hello|" },
    { { FRAME(0x02, ""), FRAME(0x00, ""), FRAME(0x80, "") }, "B0:|" },
    { { FRAME(0x02, ""), FRAME(0x80, "xyz") }, "B3:xyz|" },
    { { FRAME(0x01, "a"), FRAME(0x89, "ping"), FRAME(0x00, "b"), FRAME(0x8a, "pong"),
        FRAME(0x80, "c"), FRAME(0x89, "") },
      "P4:ping|O4:pong|T3:abc|P0:|" },
    { { FRAME(0x01, "a"), FRAME(0x80, "b"), FRAME(0x02, "c"), FRAME(0x80, "d") }, "T2:ab|B2:cd|" },
    { { FRAME(0x01, "\xf0\x9f"), FRAME(0x89, "x"), FRAME(0x00, "\x98"), FRAME(0x80, "\x80") },
      "P1:x|T4:\xf0\x9f\x98\x80|" },
    { { FRAME(0x02, "\xf0\x9f"), FRAME(0x80, "\xff") }, "B3:\xf0\x9f\xff|" },
  };
  CHECK_VECTORS(v);
}

TEST(the_close_frame_is_the_last_thing_read) {
  static const struct vector v[] = {
    { { FRAME(0x88, "") }, "C1005,0:|" },
    { { FRAME(0x88, "\x03\xe8") }, "C1000,0:|" },
    { { FRAME(0x88, "\x03\xe9gone"), FRAME(0x81, "not read") }, "C1001,4:gone|" },
    { { FRAME(0x88, "\x0b\xb8\xe2\x82\xac"), FRAME(0x88, "") }, "C3000,3:\xe2\x82\xac|" },
    { { FRAME(0x01, "half"), FRAME(0x88, "\x13\x87") }, "C4999,0:|" },
    { { FRAME(0x81, "x"), FRAME(0x88, "\x03\xf3") }, "T1:x|C1011,0:|" },
  };
  CHECK_VECTORS(v);
}

TEST(every_violation_has_its_code) {
  static const struct vector v[] = {
    /* Reserved bits. */
    { { FRAME(0xc1, "x") }, "F1002,0:|" },
    { { FRAME(0xa1, "x") }, "F1002,0:|" },
    { { FRAME(0x91, "x") }, "F1002,0:|" },
    { { FRAME(0xc9, "x") }, "F1002,0:|" },
    /* Reserved opcodes. */
    { { FRAME(0x83, "x") }, "F1002,0:|" },
    { { FRAME(0x84, "x") }, "F1002,0:|" },
    { { FRAME(0x85, "x") }, "F1002,0:|" },
    { { FRAME(0x86, "x") }, "F1002,0:|" },
    { { FRAME(0x87, "x") }, "F1002,0:|" },
    { { FRAME(0x8b, "x") }, "F1002,0:|" },
    { { FRAME(0x8c, "x") }, "F1002,0:|" },
    { { FRAME(0x8d, "x") }, "F1002,0:|" },
    { { FRAME(0x8e, "x") }, "F1002,0:|" },
    { { FRAME(0x8f, "x") }, "F1002,0:|" },
    /* Control frames in fragments. */
    { { FRAME(0x09, "x") }, "F1002,0:|" },
    { { FRAME(0x0a, "") }, "F1002,0:|" },
    { { FRAME(0x08, "\x03\xe8") }, "F1002,0:|" },
    /* The order of fragments. */
    { { FRAME(0x80, "x") }, "F1002,0:|" },
    { { FRAME(0x00, "x") }, "F1002,0:|" },
    { { FRAME(0x81, "a"), FRAME(0x80, "x") }, "T1:a|F1002,0:|" },
    { { FRAME(0x01, "a"), FRAME(0x81, "x") }, "F1002,0:|" },
    { { FRAME(0x01, ""), FRAME(0x02, "x") }, "F1002,0:|" },
    { { FRAME(0x02, "a"), FRAME(0x89, "p"), FRAME(0x82, "x") }, "P1:p|F1002,0:|" },
    /* Close frames; what an earlier frame left in a buffer completes none. */
    { { FRAME(0x89, "\x03\xe8"), FRAME(0x88, "\x03") }, "P2:\x03\xe8|F1002,0:|" },
    { { FRAME(0x88, "x") }, "F1002,0:|" },
    { { FRAME(0x88, "\x00\x00") }, "F1002,0:|" },
    { { FRAME(0x88, "\x03\xe7") }, "F1002,0:|" },
    { { FRAME(0x88, "\x03\xec") }, "F1002,0:|" },
    { { FRAME(0x88, "\x03\xed") }, "F1002,0:|" },
    { { FRAME(0x88, "\x03\xee") }, "F1002,0:|" },
    { { FRAME(0x88, "\x03\xf7") }, "F1002,0:|" },
    { { FRAME(0x88, "\x0b\xb7") }, "F1002,0:|" },
    { { FRAME(0x88, "\x13\x88") }, "F1002,0:|" },
    { { FRAME(0x88, "\xff\xff") }, "F1002,0:|" },
    { { FRAME(0x88, "\x03\xe8\xff") }, "F1007,0:|" },
    { { FRAME(0x88, "\x03\xe8\xe2\x82") }, "F1007,0:|" },
    /* Text. */
    { { FRAME(0x81, "\xff") }, "F1007,0:|" },
    { { FRAME(0x81, "ab\xc3") }, "F1007,0:|" },
    { { FRAME(0x81, "\xc0\xaf") }, "F1007,0:|" },
    { { FRAME(0x81, "\xed\xa0\x80") }, "F1007,0:|" },
    { { FRAME(0x81, "\xf4\x90\x80\x80") }, "F1007,0:|" },
    { { FRAME(0x01, "\xe2\x82"), FRAME(0x80, "") }, "F1007,0:|" },
    { { FRAME(0x01, "\xe2\x82"), FRAME(0x00, "\xac"), FRAME(0x80, "\x80") }, "F1007,0:|" },
    { { FRAME(0x01, "\xe2"), FRAME(0x89, "p"), FRAME(0x80, "x") }, "P1:p|F1007,0:|" },
  };
  CHECK_VECTORS(v);
}

/* What no well-made frame can show. */
TEST(every_malformed_header_has_its_code) {
  static const struct {
    const char *p;
    size_t n;
    const char *want;
  } v[] = {
#define RAW(text, want) { text, sizeof(text) - 1, want }
    RAW("\x81\x05hello", "F1002,0:|"),                        /* not masked          */
    RAW("\x88\x00", "F1002,0:|"),                             /* not masked          */
    RAW("\x82\xfe\x00\x7d\0\0\0\0", "F1002,0:|"),             /* 125 in two bytes    */
    RAW("\x82\xfe\x00\x00\0\0\0\0", "F1002,0:|"),             /* 0 in two bytes      */
    RAW("\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", "F1002,0:|"), /* 65535 in eight      */
    RAW("\x82\xff\0\0\0\0\0\0\0\1\0\0\0\0", "F1002,0:|"),     /* 1 in eight          */
    RAW("\x82\xff\x80\0\0\0\0\0\0\1\0\0\0\0", "F1002,0:|"),   /* the 64th bit        */
    RAW("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", "F1002,0:|"),
    RAW("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", "F1009,0:|"),
    RAW("\x89\xfe\x00\x7e\0\0\0\0", "F1002,0:|"),         /* a ping of 126       */
    RAW("\x8a\xff\0\0\0\0\0\1\0\0\0\0\0\0", "F1002,0:|"), /* a pong of 65536     */
    RAW("\x88\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", "F1002,0:|"),
#undef RAW
  };
  begin();
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) check_all(v[i].p, v[i].n, v[i].want);
  end();
}

TEST(the_first_two_bytes_fail_without_the_rest) {
  static const char *const bad[] = { "\xc1", "\x83", "\x80", "\x81\x05", "\x89\x05" };
  begin();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct ws_recv r;
    start(&r, &roomy);
    seen.n = 0;
    sio__ws_recv_feed(&r, bad[i], strlen(bad[i]));
    SAW("F1002,0:|");
    sio__ws_recv_free_and_stop(&r);
  }
  end();
}

TEST(bad_text_fails_with_its_first_bad_byte) {
  begin();
  struct ws_recv r;
  struct wire w = { 0 };
  start(&r, &roomy);
  wire_frame(&w, 0x01, "ok\xe2\x82\xac\xe2\x28 and much that does not come", 35);
  size_t bad = 6 + 6; /* header, and the bytes before the 0x28 */
  sio__ws_recv_feed(&r, w.p, bad);
  SAW("");
  sio__ws_recv_feed(&r, w.p + bad, 1);
  SAW("F1007,0:|");
  CHECK(r.ctx == NULL && r.msg == NULL);
  wire_clear(&w);
  end();
}

TEST(a_control_frame_of_125_bytes_comes_out_whole) {
  begin();
  struct wire w = { 0 };
  char p[125];
  memset(p, 'p', sizeof p);
  wire_frame(&w, 0x89, p, sizeof p);
  note('P', 0, p, sizeof p);
  struct wire want = seen;
  seen = (struct wire){ 0 };
  wire_put(&want, "", 1);
  check_all(w.p, w.n, want.p);
  wire_clear(&want);
  wire_clear(&w);
  end();
}

/* ---- sizes and limits ---- */

static void feed(struct ws_recv *r, unsigned first, const char *text) {
  struct wire w = { 0 };
  wire_frame(&w, first, text, strlen(text));
  sio__ws_recv_feed(r, w.p, w.n);
  wire_clear(&w);
}

static void feed_header(struct ws_recv *r, unsigned first, uint64_t n) {
  struct wire w = { 0 };
  wire_header(&w, first, n);
  sio__ws_recv_feed(r, w.p, w.n);
  wire_clear(&w);
}

TEST(a_message_over_the_limit_is_refused_on_its_header) {
  static const struct ws_limits ten = { .max_message = 10, .max_fragments = 9 };
  begin();
  struct ws_recv r;
  start(&r, &ten);
  feed(&r, 0x81, "0123456789");
  SAW("T10:0123456789|");
  seen.n = 0;
  size_t before = alloc_calls;
  feed_header(&r, 0x82, 11);
  SAW("F1009,0:|");
  EQ(alloc_calls, before);
  sio__ws_recv_free_and_stop(&r);
  end();
}

TEST(the_limit_holds_for_the_sum_of_fragments) {
  static const struct ws_limits ten = { .max_message = 10, .max_fragments = 9 };
  begin();
  struct ws_recv r;
  start(&r, &ten);
  feed(&r, 0x01, "01234");
  feed(&r, 0x89, "control frames do not count");
  feed(&r, 0x80, "56789");
  SAW("P27:control frames do not count|T10:0123456789|");
  seen.n = 0;
  feed(&r, 0x01, "01234");
  feed(&r, 0x00, "5678");
  feed_header(&r, 0x80, 2);
  SAW("F1009,0:|");
  sio__ws_recv_free_and_stop(&r);
  end();
}

TEST(an_announced_length_costs_no_memory_until_bytes_come) {
  begin();
  struct ws_recv r;
  start(&r, &roomy);
  feed_header(&r, 0x82, roomy.max_message);
  CHECK(r.msg == NULL);
  sio__ws_recv_free_and_stop(&r);
  end();
}

TEST(a_buffer_is_never_64_kib_ahead_of_what_has_come) {
  begin();
  struct ws_recv r;
  char bytes[777];
  size_t come = 0, max = roomy.max_message;
  memset(bytes, 'b', sizeof bytes);
  start(&r, &roomy);
  feed_header(&r, 0x82, max);
  while (come + sizeof bytes < max) {
    sio__ws_recv_feed(&r, bytes, sizeof bytes);
    come += sizeof bytes;
    REQUIRE(r.msg && r.msg->n == come);
    CHECK(r.msg->cap <= come + 64 * 1024 && r.msg->cap <= max);
  }
  EQ(seen.n, 0);
  sio__ws_recv_feed(&r, bytes, max - come);
  EQ(seen.n, strlen("B1048576:|") + max);
  CHECK(r.msg == NULL && r.ctx == NULL);
  sio__ws_recv_free_and_stop(&r);
  end();
}

TEST(too_many_fragments_are_refused_empty_ones_too) {
  static const struct ws_limits three = { .max_message = 100, .max_fragments = 3 };
  begin();
  struct ws_recv r;
  start(&r, &three);
  for (int i = 0; i < 2; i++) {
    feed(&r, 0x01, "");
    feed(&r, 0x00, "");
    feed(&r, 0x89, "");
    feed(&r, 0x80, "x");
  }
  SAW("P0:|T1:x|P0:|T1:x|");
  seen.n = 0;
  feed(&r, 0x02, "");
  feed(&r, 0x00, "");
  feed(&r, 0x00, "");
  SAW("");
  feed(&r, 0x80, "");
  SAW("F1008,0:|");
  sio__ws_recv_free_and_stop(&r);
  end();
}

TEST(every_length_around_the_steps_comes_out_as_it_went_in) {
  static const size_t around[] = { 125, 126, 4080, 4090, 4096, 8180, 65535, 65536, 131072 };
  begin();
  char *p = malloc(140000);
  for (size_t i = 0; i < 140000; i++) p[i] = (char)(i * 7 % 251);
  struct wire w = { 0 };
  for (size_t i = 0; i < sizeof around / sizeof *around; i++)
    for (size_t n = around[i] - 12; n < around[i] + 12; n++) {
      struct ws_recv r;
      start(&r, &roomy);
      w.n = 0;
      wire_frame(&w, 0x82, p, n);
      seen.n = 0;
      note('B', 0, p, n);
      struct wire want = seen;
      seen = (struct wire){ 0 };
      sio__ws_recv_feed(&r, w.p, w.n);
      saw(want.p, want.n);
      CHECK(r.ctx == NULL && r.msg == NULL);
      wire_clear(&want);
      sio__ws_recv_free_and_stop(&r);
    }
  wire_clear(&w);
  free(p);
  end();
}

/* ---- contexts and buffers ---- */

TEST(a_context_is_held_only_inside_a_payload) {
  static const struct {
    unsigned first;
    size_t header, n;
  } f[] = { { 0x81, 6, 5 }, { 0x01, 8, 200 },    { 0x89, 6, 3 }, { 0x00, 6, 0 },
            { 0x80, 6, 1 }, { 0x82, 14, 70000 }, { 0x8a, 6, 0 } };
  begin();
  struct ws_recv r;
  start(&r, &roomy);
  for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
    struct wire w = { 0 };
    char *zeros = calloc(1, f[i].n + 1);
    wire_frame(&w, f[i].first, zeros, f[i].n);
    for (size_t at = 0; at < w.n; at++) {
      bool inside = at >= f[i].header && at < w.n;
      EQ(r.ctx != NULL, inside);
      sio__ws_recv_feed(&r, w.p + at, 1);
    }
    CHECK(r.ctx == NULL);
    free(zeros);
    wire_clear(&w);
  }
  sio__ws_recv_free_and_stop(&r);
  end();
}

TEST(two_connections_byte_by_byte_do_not_mix) {
  begin();
  struct ws_recv a, b;
  struct wire wa = { 0 }, wb = { .key = 12345 };
  start(&a, &roomy);
  start(&b, &roomy);
  for (int i = 0; i < 3; i++) {
    wire_frame(&wa, 0x81, "from the first", 14);
    wire_frame(&wb, 0x82, "from the 2nd..", 14);
  }
  REQUIRE(wa.n == wb.n);
  for (size_t i = 0; i < wa.n; i++) {
    sio__ws_recv_feed(&a, wa.p + i, 1);
    sio__ws_recv_feed(&b, wb.p + i, 1);
    if (a.ctx || b.ctx) CHECK(a.ctx != b.ctx);
  }
#define ONCE "T14:from the first|B14:from the 2nd..|"
  SAW(ONCE ONCE ONCE);
  sio__ws_recv_free_and_stop(&a);
  sio__ws_recv_free_and_stop(&b);
  wire_clear(&wa);
  wire_clear(&wb);
  end();
}

TEST(small_messages_allocate_nothing_once_a_context_is_there) {
  begin();
  struct ws_recv r[3];
  for (int i = 0; i < 3; i++) start(&r[i], &roomy);
  feed(&r[0], 0x81, "warm up");
  size_t before = alloc_calls;
  for (int i = 0; i < 30; i++) feed(&r[i % 3], 0x81, "a small message");
  EQ(alloc_calls, before);
  for (int i = 0; i < 3; i++) sio__ws_recv_free_and_stop(&r[i]);
  end();
}

TEST(the_pool_keeps_some_contexts_and_no_more) {
  enum { MANY = 200 };
  begin();
  struct ws_recv r[MANY];
  size_t before = alloc_live;
  for (int i = 0; i < MANY; i++) {
    start(&r[i], &roomy);
    sio__ws_recv_feed(&r[i], "\x81\x81\0\0\0\0", 6);
  }
  EQ(alloc_live, before + MANY);
  for (int i = 0; i < MANY; i++) sio__ws_recv_feed(&r[i], "x", 1);
  CHECK(alloc_live > before && alloc_live < before + MANY / 2);
  for (int i = 0; i < MANY; i++) sio__ws_recv_free_and_stop(&r[i]);
  end();
}

TEST(a_half_read_frame_does_not_spoil_the_next_connection) {
  begin();
  struct ws_recv r;
  start(&r, &roomy);
  sio__ws_recv_feed(&r, "\x81\x85\0\0\0\0he", 8);
  sio__ws_recv_free_and_stop(&r);
  start(&r, &roomy);
  feed(&r, 0x81, "fresh");
  SAW("T5:fresh|");
  sio__ws_recv_free_and_stop(&r);
  end();
}

/* ---- callbacks that end it ---- */

static bool stop(struct ws_recv *r) {
  (void)r;
  return false;
}

/* The struct itself goes too, so that the sanitizer sees a late touch. */
static bool clear_and_free(struct ws_recv *r) {
  sio__ws_recv_free_and_stop(r);
  free(r);
  return false;
}

static void feed_all_kinds(bool (*then)(struct ws_recv *r), bool gone) {
  static const struct vector v[] = {
    { { FRAME(0x81, "in place"), FRAME(0x81, "never") }, "T8:in place|" },
    { { FRAME(0x02, "in "), FRAME(0x80, "pieces"), FRAME(0x81, "never") }, "B9:in pieces|" },
    { { FRAME(0x89, "ping"), FRAME(0x81, "never") }, "P4:ping|" },
    { { FRAME(0x8a, "pong"), FRAME(0x81, "never") }, "O4:pong|" },
    { { FRAME(0x88, "\x03\xe8"
                    "bye"),
        FRAME(0x81, "never") },
      "C1000,3:bye|" },
    { { FRAME(0x01, "\xff"), FRAME(0x81, "never") }, "F1007,0:|" },
  };
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    struct ws_recv *r = malloc(sizeof *r);
    struct wire w = { 0 };
    for (const struct frame *f = v[i].f; f->p; f++) wire_frame(&w, f->first, f->p, f->n);
    start(r, &roomy);
    on_message = then;
    seen.n = 0;
    sio__ws_recv_feed(r, w.p, w.n);
    if (!gone) sio__ws_recv_feed(r, w.p, w.n);
    saw(v[i].want, strlen(v[i].want));
    wire_clear(&w);
    if (gone) continue;
    sio__ws_recv_free_and_stop(r);
    free(r);
  }
}

TEST(a_callback_that_says_false_hears_no_more) {
  begin();
  feed_all_kinds(stop, false);
  end();
}

TEST(a_callback_may_clear_and_free_the_receiver) {
  begin();
  feed_all_kinds(clear_and_free, true);
  end();
}

TEST(a_ping_between_fragments_may_clear_too) {
  begin();
  struct ws_recv *r = malloc(sizeof *r);
  start(r, &roomy);
  feed(r, 0x01, "half a message");
  on_message = clear_and_free;
  feed(r, 0x89, "ping");
  SAW("P4:ping|");
  end();
}

/* ---- without memory ---- */

static void oom_scenario(struct ws_recv *r) {
  char bytes[3000];
  memset(bytes, 'x', sizeof bytes);
  feed(r, 0x81, "one");
  feed(r, 0x01, "two");
  feed(r, 0x89, "ping");
  for (int i = 0; i < 30; i++) {
    struct wire w = { 0 };
    wire_frame(&w, i == 29 ? 0x80 : 0x00, bytes, sizeof bytes);
    sio__ws_recv_feed(r, w.p, w.n);
    wire_clear(&w);
  }
  feed(r, 0x88, "\x03\xe8");
}

TEST(without_memory_it_fails_with_1011_and_leaks_nothing) {
  static const char all_well[] = "C1000,0:|", no_memory[] = "F1011,0:|";
  size_t n = sizeof all_well - 1, i = 0;
  bool done = false;
  while (!done) {
    begin();
    struct ws_recv r;
    start(&r, &roomy);
    alloc_fail_in(++i);
    oom_scenario(&r);
    done = alloc_fuse > 0;
    alloc_fail_in(0);
    REQUIRE(seen.n >= n);
    EQ_MEM(seen.p + seen.n - n, n, done ? all_well : no_memory, n);
    sio__ws_recv_free_and_stop(&r);
    end();
  }
  CHECK(i > 5);
}

TEST(a_pool_without_memory_is_null) {
  alloc_install();
  alloc_fail_in(1);
  CHECK(sio__ws_frame_parser_pool_new() == NULL);
  sio__ws_frame_parser_pool_free(NULL);
  EQ(alloc_live, 0);
}

/* ---- random streams ---- */

static uint64_t dice = 88172645463325252u;
static size_t roll(size_t sides) {
  dice ^= dice << 13;
  dice ^= dice >> 7;
  dice ^= dice << 17;
  return (size_t)(dice >> 11) % sides;
}

static size_t roll_length(void) {
  static const size_t edges[] = { 0, 1, 124, 125, 126, 127, 4095, 4096, 65535, 65536 };
  switch (roll(8)) {
    case 0: return edges[roll(sizeof edges / sizeof *edges)];
    case 1: return roll(20000);
    default: return roll(60);
  }
}

static void put_char(struct wire *w, unsigned c) {
  if (c < 0x80) {
    wire_byte(w, c);
    return;
  }
  if (c < 0x800) {
    wire_byte(w, 0xc0 | c >> 6);
  } else if (c < 0x10000) {
    wire_byte(w, 0xe0 | c >> 12);
    wire_byte(w, 0x80 | (c >> 6 & 63));
  } else {
    wire_byte(w, 0xf0 | c >> 18);
    wire_byte(w, 0x80 | (c >> 12 & 63));
    wire_byte(w, 0x80 | (c >> 6 & 63));
  }
  wire_byte(w, 0x80 | (c & 63));
}

static void roll_payload(struct wire *w, bool binary) {
  static const unsigned below[] = { 0x80, 0x80, 0x800, 0xd800, 0x110000 };
  w->n = 0;
  for (size_t n = roll_length(); w->n < n;) {
    unsigned c = (unsigned)roll(below[roll(5)]);
    if (binary)
      wire_byte(w, c & 0xff);
    else
      put_char(w, c >= 0xd800 && c < 0xe000 ? 'x' : c);
  }
}

static void roll_control(struct wire *out) {
  char p[125];
  size_t n = roll(sizeof p + 1);
  bool is_ping = roll(2) != 0;
  for (size_t i = 0; i < n; i++) p[i] = (char)roll(256);
  wire_frame(out, is_ping ? 0x89 : 0x8a, p, n);
  note(is_ping ? 'P' : 'O', 0, p, n);
}

/* One message in random fragments; what is to be seen of it goes to `seen`. */
static void roll_message(struct wire *out) {
  struct wire p = { 0 };
  bool binary = roll(2) != 0;
  roll_payload(&p, binary);
  size_t at = 0, left = roll(4) ? 0 : roll(6);
  for (unsigned op = binary ? 2 : 1;; op = 0, left--) {
    size_t n = left ? roll(p.n - at + 1) : p.n - at;
    wire_frame(out, op | (left ? 0 : 0x80), n ? p.p + at : "", n);
    at += n;
    if (!left) break;
    if (roll(2)) roll_control(out);
  }
  note(binary ? 'B' : 'T', 0, p.p, p.n);
  wire_clear(&p);
}

static void feed_in_random_pieces(struct ws_recv *r, const struct wire *w) {
  size_t most = roll(3) ? 1 + roll(40) : 1 + roll(70000);
  for (size_t at = 0; at < w->n;) {
    size_t n = 1 + roll(most);
    if (n > w->n - at) n = w->n - at;
    char *piece = malloc(n); /* its end is watched by the sanitizer */
    memcpy(piece, w->p + at, n);
    sio__ws_recv_feed(r, piece, n);
    free(piece);
    at += n;
  }
}

TEST(random_streams_cut_anywhere_decode_to_what_was_sent) {
  begin();
  for (int round = 0; round < 300 && !test__failed; round++) {
    struct wire out = { .key = (uint32_t)roll(1u << 31) };
    seen.n = 0;
    for (size_t i = 0, n = 1 + roll(10); i < n; i++) {
      if (roll(3) == 0) roll_control(&out);
      roll_message(&out);
    }
    struct wire want = seen;
    seen = (struct wire){ 0 };
    struct ws_recv r;
    start(&r, &roomy);
    feed_in_random_pieces(&r, &out);
    saw(want.p, want.n);
    CHECK(r.ctx == NULL && r.msg == NULL);
    sio__ws_recv_free_and_stop(&r);
    wire_clear(&want);
    wire_clear(&out);
  }
  end();
}

static unsigned ends;
static void count_close(struct ws_recv *r, unsigned code, const char *reason, size_t n) {
  (void)r;
  (void)reason;
  CHECK(code == 1005 || sio__ws_is_valid_close_code(code));
  CHECK(n <= 123);
  ends++;
}
static void count_fail(struct ws_recv *r, unsigned code, const char *detail) {
  (void)r;
  (void)detail;
  CHECK(code == 1002 || code == 1007 || code == 1008 || code == 1009);
  ends++;
}

TEST(damaged_streams_end_at_most_once) {
  static const struct ws_recv_ops count = { message, ping, pong, count_close, count_fail, NULL };
  static const struct ws_limits tight = { .max_message = 5000, .max_fragments = 4 };
  unsigned total = 0;
  begin();
  for (int round = 0; round < 1000 && !test__failed; round++) {
    struct wire out = { .key = (uint32_t)roll(1u << 31) };
    for (int i = 0; i < 4; i++) roll_message(&out);
    for (size_t i = roll(4); i > 0; i--) out.p[roll(out.n)] = (char)roll(256);
    seen.n = 0;
    struct ws_recv r;
    start_with(&r, &count, &tight);
    ends = 0;
    feed_in_random_pieces(&r, &out);
    CHECK(ends <= 1 && r.ended == (ends == 1));
    total += ends;
    sio__ws_recv_free_and_stop(&r);
    wire_clear(&out);
  }
  CHECK(total > 100);
  end();
}

TEST(an_idle_receiver_is_small) { CHECK(sizeof(struct ws_recv) <= 80); }

TESTS_BEGIN
T(messages_come_out_whatever_the_cut)
T(fragments_are_put_together_and_control_frames_pass_between_them)
T(the_close_frame_is_the_last_thing_read)
T(every_violation_has_its_code)
T(every_malformed_header_has_its_code)
T(the_first_two_bytes_fail_without_the_rest)
T(bad_text_fails_with_its_first_bad_byte)
T(a_control_frame_of_125_bytes_comes_out_whole)
T(a_message_over_the_limit_is_refused_on_its_header)
T(the_limit_holds_for_the_sum_of_fragments)
T(an_announced_length_costs_no_memory_until_bytes_come)
T(a_buffer_is_never_64_kib_ahead_of_what_has_come)
T(too_many_fragments_are_refused_empty_ones_too)
T(every_length_around_the_steps_comes_out_as_it_went_in)
T(a_context_is_held_only_inside_a_payload)
T(two_connections_byte_by_byte_do_not_mix)
T(small_messages_allocate_nothing_once_a_context_is_there)
T(the_pool_keeps_some_contexts_and_no_more)
T(a_half_read_frame_does_not_spoil_the_next_connection)
T(a_callback_that_says_false_hears_no_more)
T(a_callback_may_clear_and_free_the_receiver)
T(a_ping_between_fragments_may_clear_too)
T(without_memory_it_fails_with_1011_and_leaks_nothing)
T(a_pool_without_memory_is_null)
T(random_streams_cut_anywhere_decode_to_what_was_sent)
T(damaged_streams_end_at_most_once)
T(an_idle_receiver_is_small)
TESTS_END
