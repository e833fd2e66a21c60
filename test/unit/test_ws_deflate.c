/* SPDX-License-Identifier: MIT
 *
 * test_ws_deflate.c - compressed messages on their way in (ws/recv.c) and the compressed form of
 * a msg on its way out (ws/conn.c). What is noted stands in ws_vectors.h.
 */
#include "base/deflate.h"
#include "ws/conn.h"
#include "ws_vectors.h"
#include <malloc.h>
#include <sio/server.h>

/* ---- an allocator that knows how much is out ---- */

static size_t blocks, bytes, peak, fuse;

static void *count_in(void *p) {
  if (!p) return NULL;
  blocks++;
  bytes += malloc_usable_size(p);
  if (bytes > peak) peak = bytes;
  return p;
}
static void count_out(void *p) {
  if (!p) return;
  blocks--;
  bytes -= malloc_usable_size(p);
}
static bool fails(void) { return fuse > 0 && fuse-- == 1; }
static void *my_malloc(size_t n) { return fails() ? NULL : count_in(malloc(n)); }
static void my_free(void *p) {
  count_out(p);
  free(p);
}
static void *my_realloc(void *p, size_t n) {
  if (fails()) return NULL;
  void *q = malloc(n);
  if (q && p) memcpy(q, p, malloc_usable_size(p) < n ? malloc_usable_size(p) : n);
  count_in(q);
  if (q) my_free(p);
  return q;
}

/* ---- the receiving half ---- */

static struct ws_pool *pool;

static bool message(struct ws_recv *r, bool binary, char *p, size_t n) {
  (void)r;
  note(binary ? 'B' : 'T', 0, p, n);
  if (n) memset(p, 0x55, n);
  return true;
}
static bool ping(struct ws_recv *r, const char *p, size_t n) {
  (void)r;
  note('P', 0, p, n);
  return true;
}
static void closed(struct ws_recv *r, unsigned code, const char *reason, size_t n) {
  (void)r;
  note('C', code, reason, n);
}
static void failed(struct ws_recv *r, unsigned code, const char *detail) {
  (void)r;
  CHECK(detail && *detail);
  note('F', code, NULL, 0);
}

static const struct ws_recv_ops ops = { message, ping, ping, closed, failed, NULL };
static struct ws_recv_shared recv_shared;

static void start(struct ws_recv *r) {
  sio__ws_recv_init(r, &recv_shared);
  r->deflate_agreed = true;
}

static void begin(void) {
  sio_set_allocator(my_malloc, my_realloc, my_free);
  blocks = bytes = peak = fuse = 0;
  seen.n = 0;
  pool = sio__ws_frame_parser_pool_new();
  recv_shared = (struct ws_recv_shared){ .ops = &ops, .pool = pool };
  recv_shared.limits = (struct ws_limits){ .max_message = 1 << 20, .max_fragments = 64 };
}

static void end(void) {
  sio__ws_frame_parser_pool_free(pool);
  EQ(blocks, 0);
  wire_clear(&seen);
}

static void vector_start(struct ws_recv *r) { start(r); }

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"

TEST(a_compressed_message_comes_out_inflated_whatever_the_cut) {
  static const struct vector v[] = {
    { { FRAME(0xc1, HELLO) }, "T5:Hello|" },
    { { FRAME(0xc2, HELLO) }, "B5:Hello|" },
    { { FRAME(0xc1, "\x00") }, "T0:|" },
    { { FRAME(0xc1, HELLO), FRAME(0xc1, HELLO) }, "T5:Hello|T5:Hello|" },
    { { FRAME(0xc1, HELLO), FRAME(0x81, "plain"), FRAME(0xc1, HELLO) },
      "T5:Hello|T5:plain|T5:Hello|" },
    { { FRAME(0x41, "\xf2\x48\xcd"), FRAME(0x80, "\xc9\xc9\x07\x00") }, "T5:Hello|" },
    { { FRAME(0x42, ""), FRAME(0x00, HELLO), FRAME(0x80, "") }, "B5:Hello|" },
    { { FRAME(0x41, "\xf2\x48"), FRAME(0x89, "ping"), FRAME(0x80, "\xcd\xc9\xc9\x07\x00") },
      "P4:ping|T5:Hello|" },
  };
  CHECK_VECTORS(v);
}

TEST(the_mark_stands_on_a_message_s_first_frame_only) {
  static const struct vector v[] = {
    { { FRAME(0x41, "\xf2\x48\xcd"), FRAME(0xc0, "\xc9\xc9\x07\x00") }, "F1002,0:|" },
    { { FRAME(0x01, "abc"), FRAME(0xc0, HELLO) }, "F1002,0:|" },
    { { FRAME(0xc9, "ping") }, "F1002,0:|" },
    { { FRAME(0xca, "pong") }, "F1002,0:|" },
    { { FRAME(0xc8, "") }, "F1002,0:|" },
    { { FRAME(0xa1, "a") }, "F1002,0:|" },
    { { FRAME(0x91, "a") }, "F1002,0:|" },
    { { FRAME(0xe1, HELLO) }, "F1002,0:|" },
  };
  CHECK_VECTORS(v);
}

TEST(text_is_checked_after_it_is_inflated) {
  static const struct vector v[] = {
    { { FRAME(0xc1, "\x00\x02\x00\xfd\xff\xc3\xa9\x00") }, "T2:\xc3\xa9|" },
    { { FRAME(0xc1, "\x00\x02\x00\xfd\xff\xc3\x28\x00") }, "F1007,0:|" },
    { { FRAME(0xc1, "\x00\x01\x00\xfe\xff\xc3\x00") }, "F1007,0:|" },
    { { FRAME(0xc2, "\x00\x01\x00\xfe\xff\xc3\x00") }, "B1:\xc3|" },
    { { FRAME(0xc1, HELLO), FRAME(0x81, "\xc3\x28") }, "T5:Hello|F1007,0:|" },
  };
  CHECK_VECTORS(v);
}

TEST(what_does_not_inflate_fails) {
  static const struct vector v[] = {
    { { FRAME(0xc1, "Hello") }, "F1007,0:|" },
    { { FRAME(0xc1, "") }, "F1007,0:|" },
    { { FRAME(0xc1, "\xf2\x48\xcd") }, "F1007,0:|" },
    { { FRAME(0xc1, HELLO), FRAME(0xc1, "\xf2\x00\x11\x00\x00") }, "T5:Hello|F1007,0:|" },
  };
  CHECK_VECTORS(v);
}

TEST(who_did_not_agree_may_not_compress) {
  begin();
  struct ws_recv r;
  struct wire w = { 0 };
  start(&r);
  r.deflate_agreed = false;
  wire_frame(&w, 0xc1, HELLO, 7);
  sio__ws_recv_feed(&r, w.p, w.n);
  SAW("F1002,0:|");
  wire_clear(&w);
  end();
}

/* ---- bombs ---- */

static struct msg *bomb(struct msgs *home, size_t n) {
  struct msg *m = NULL;
  char *zeros = calloc(1, n);
  struct deflater *z = sio__deflater_new(&(struct deflate_settings){ 0 });
  sio__deflate(z, DEFLATE_MESSAGE, home, slice(zeros, n), &m);
  sio__deflater_free(z);
  free(zeros);
  return m;
}

TEST(a_bomb_stops_at_the_limit_and_takes_little_memory) {
  static const size_t maxima[] = { 1100, 5000, 100000, 999999 };
  begin();
  struct msgs home;
  sio__msg_allocator_init(&home);
  struct msg *m = bomb(&home, 1000000);
  REQUIRE(m && m->len < 1100);
  for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
    struct ws_recv r;
    struct wire w = { 0 };
    recv_shared.limits.max_message = maxima[i];
    start(&r);
    seen.n = 0;
    size_t before = peak = bytes;
    wire_frame(&w, 0x42, msg_data(m), 500);
    wire_frame(&w, 0x80, msg_data(m) + 500, m->len - 500);
    sio__ws_recv_feed(&r, w.p, w.n);
    SAW("F1009,0:|");
    CHECK(peak - before < 2 * maxima[i] + 64 * 1024); /* zlib's window and wslay's buffer too */
    CHECK(!r.ctx && !r.msg);
    wire_clear(&w);
  }
  recv_shared.limits.max_message = 1000000;
  struct ws_recv r;
  struct wire w = { 0 };
  start(&r);
  seen.n = 0;
  wire_frame(&w, 0xc2, msg_data(m), m->len);
  sio__ws_recv_feed(&r, w.p, w.n);
  CHECK(seen.n > 10 && memcmp(seen.p, "B1000000:", 9) == 0);
  wire_clear(&w);
  msg_unref(m);
  sio__msg_allocator_clear(&home);
  end();
}

TEST(a_frame_far_over_the_limit_is_refused_on_its_header) {
  begin();
  struct ws_recv r;
  struct wire w = { 0 };
  recv_shared.limits.max_message = 1000;
  start(&r);
  wire_header(&w, 0xc1, 1000 + 1000 / 64 + 64 + 1);
  sio__ws_recv_feed(&r, w.p, w.n);
  SAW("F1009,0:|");
  wire_clear(&w);
  end();
}

TEST(what_does_not_shrink_may_be_as_long_as_the_limit) {
  begin();
  struct ws_recv r;
  struct wire w = { 0 };
  char block[1006] = "\x00\xe8\x03\x17\xfc"; /* stored, 1000 bytes; the last byte closes it */
  recv_shared.limits.max_message = 1000;
  start(&r);
  wire_frame(&w, 0xc2, block, sizeof block);
  sio__ws_recv_feed(&r, w.p, w.n);
  CHECK(seen.n > 6 && memcmp(seen.p, "B1000:", 6) == 0);
  sio__ws_recv_free_and_stop(&r);
  wire_clear(&w);
  end();
}

TEST(between_messages_a_connection_holds_nothing) {
  begin();
  struct ws_recv r[20];
  struct wire w = { 0 };
  wire_frame(&w, 0xc1, HELLO, 7);
  start(&r[0]);
  sio__ws_recv_feed(&r[0], w.p, w.n);
  size_t before = bytes;
  for (size_t i = 1; i < 20; i++) {
    start(&r[i]);
    sio__ws_recv_feed(&r[i], w.p, w.n);
    EQ(bytes, before);
  }
  wire_clear(&w);
  end();
}

TEST(every_allocation_that_fails_is_a_close_with_1011) {
  bool done = false;
  for (size_t at = 1; !done; at++) {
    begin();
    struct ws_recv r;
    struct wire w = { 0 };
    start(&r);
    wire_frame(&w, 0x41, "\xf2\x48\xcd", 3);
    wire_frame(&w, 0x80, "\xc9\xc9\x07\x00", 4);
    fuse = at;
    sio__ws_recv_feed(&r, w.p, w.n);
    done = fuse > 0;
    const char *want = done ? "T5:Hello|" : "F1011,0:|";
    saw(want, strlen(want));
    fuse = 0;
    sio__ws_recv_free_and_stop(&r);
    wire_clear(&w);
    end();
  }
}

/* ---- sending ---- */

static uv_loop_t uv;
static struct loop loop;
static struct log quiet;
static struct ws_shared shared;

static void never_message(struct ws_conn *w, bool binary, char *p, size_t n) {
  (void)w, (void)binary, (void)p, (void)n;
}
static void never_closed(struct ws_conn *w, void *owner, const struct ws_close *why) {
  (void)w, (void)owner, (void)why;
}
static const struct ws_conn_ops conn_ops = { .message = never_message, .closed = never_closed };

/* One of two ends; the other one is *fd. */
static struct ws_conn *open_ws(int *fd, bool deflate) {
  static const struct conn_ops none = { 0 };
  int pair[2];
  struct conn *c;
  struct ws_conn *w;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair)) abort();
  if (sio__conn_new(&c, &loop, pair[0], &none, NULL)) abort();
  if (sio__ws_conn_new(&w, &shared, c, &conn_ops, NULL)) abort();
  if (deflate) ws_conn_enable_deflate(w);
  *fd = pair[1];
  return w;
}

static void begin_sending(void) {
  begin();
  uv_loop_init(&uv);
  sio__log_init(&quiet, NULL, NULL, SIO_LOG_WARN);
  if (sio__loop_init(&loop, &uv, &quiet)) abort();
  loop.high_water = 1 << 20;
  shared = (struct ws_shared){ .loop = &loop, .log = &quiet, .close_ms = 1000 };
  shared.recv = recv_shared;
  shared.recv.ops = &sio__ws_conn_recv_ops;
  shared.deflate =
      (struct ws_deflate){ .deflater = sio__deflater_new(&(struct deflate_settings){ 0 }),
                           .threshold = 1024,
                           .window_bits = 15 };
}

static void end_sending(void) {
  sio__loop_close(&loop, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  sio__deflater_free(shared.deflate.deflater);
  sio__msg_allocator_clear(&loop.msgs);
  end();
}

static struct msg *text_msg(size_t n) {
  struct msg *m = sio__msg_new(&loop.msgs, n);
  memset(msg_data(m), 'a', n);
  m->len = (uint32_t)n;
  return m;
}

/* What a frame for each kind of receiver begins with, and its length on the wire. */
struct got {
  uint8_t plain, deflated;
  ssize_t plain_n, deflated_n;
};

static struct got send_to_both(struct msg *m) {
  static char in[8192];
  int fd[3];
  struct ws_conn *w[3] = { open_ws(&fd[0], false), open_ws(&fd[1], true), open_ws(&fd[2], true) };
  struct got g;
  for (int i = 0; i < 3; i++) EQ(sio__ws_send(w[i], m), 0);
  uv_run(&uv, UV_RUN_NOWAIT);
  g.plain_n = recv(fd[0], in, sizeof in, 0);
  g.plain = (uint8_t)in[0];
  g.deflated_n = recv(fd[1], in, sizeof in, 0);
  g.deflated = (uint8_t)in[0];
  EQ(recv(fd[2], in, sizeof in, 0), g.deflated_n);
  EQ((uint8_t)in[0], g.deflated);
  for (int i = 0; i < 3; i++) {
    sio__ws_close_immediately(w[i]);
    close(fd[i]);
  }
  msg_unref(m);
  return g;
}

TEST(one_compressed_form_serves_all_who_agreed_and_the_others_get_the_plain_one) {
  begin_sending();
  struct got g = send_to_both(text_msg(2000));
  EQ(g.plain, 0x81);
  EQ(g.plain_n, 2004);
  EQ(g.deflated, 0xc1);
  CHECK(g.deflated_n > 2 && g.deflated_n < 50);
  EQ(sio__deflater_get_counts(shared.deflate.deflater).texts, 1);
  struct msg *m = text_msg(2000);
  m->binary = 1;
  EQ(send_to_both(m).deflated, 0xc2);
  EQ(sio__deflater_get_counts(shared.deflate.deflater).texts, 2);
  end_sending();
}

TEST(short_unwanted_and_raw_messages_leave_as_they_are) {
  begin_sending();
  struct got g = send_to_both(text_msg(1023));
  EQ(g.deflated, 0x81);
  EQ(g.deflated_n, g.plain_n);
  EQ(send_to_both(text_msg(1024)).deflated, 0xc1);
  struct msg *m = text_msg(5000);
  m->plain = true;
  EQ(send_to_both(m).deflated, 0x81);
  m = text_msg(5000);
  m->raw = 1;
  EQ(send_to_both(m).deflated, 'a');
  EQ(sio__deflater_get_counts(shared.deflate.deflater).texts, 1);
  end_sending();
}

TEST(without_memory_a_message_leaves_as_it_is) {
  begin_sending();
  int fd;
  struct ws_conn *w = open_ws(&fd, true);
  struct msg *m = text_msg(2000), *first = text_msg(1);
  EQ(sio__ws_send(w, first), 0); /* the queue has its memory now */
  fuse = 1;
  EQ(sio__ws_send(w, m), 0);
  EQ(fuse, 0);
  CHECK(!m->deflated);
  EQ(m->ws_head, 4);
  sio__ws_close_immediately(w);
  close(fd);
  msg_unref(m);
  msg_unref(first);
  end_sending();
}

TESTS_BEGIN
T(a_compressed_message_comes_out_inflated_whatever_the_cut)
T(the_mark_stands_on_a_message_s_first_frame_only)
T(text_is_checked_after_it_is_inflated)
T(what_does_not_inflate_fails)
T(who_did_not_agree_may_not_compress)
T(a_bomb_stops_at_the_limit_and_takes_little_memory)
T(a_frame_far_over_the_limit_is_refused_on_its_header)
T(what_does_not_shrink_may_be_as_long_as_the_limit)
T(between_messages_a_connection_holds_nothing)
T(every_allocation_that_fails_is_a_close_with_1011)
T(one_compressed_form_serves_all_who_agreed_and_the_others_get_the_plain_one)
T(short_unwanted_and_raw_messages_leave_as_they_are)
T(without_memory_a_message_leaves_as_it_is)
TESTS_END
