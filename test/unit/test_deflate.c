/* SPDX-License-Identifier: MIT
 *
 * test_deflate.c - texts through the compressor and back, and what is no compressed text.
 */
#include "base/deflate.h"

#include "alloc.h"
#include "base/err.h"
#include "guard.h"
#include "test.h"

static struct msgs home;
static struct deflater *packer;
static struct inflater *unpacker;
static struct buf out;

static void begin(void) {
  alloc_install();
  sio__msg_allocator_init(&home);
  packer = sio__deflater_new(&(struct deflate_settings){ 0 });
  unpacker = sio__inflater_new();
  buf_init(&out, 1 << 20);
}

static void end(void) {
  sio__deflater_free(packer);
  sio__inflater_free(unpacker);
  sio__buf_clear(&out);
  sio__msg_allocator_clear(&home);
  EQ(alloc_live, 0);
}

static int inflate_n(const void *p, size_t n) {
  out.n = 0;
  return sio__inflate_and_append(unpacker, slice(p, n), &out);
}

/* Numbers that no compressor can do anything about. */
static void fill_noise(char *p, size_t n) {
  uint64_t x = 88172645463325252u;
  for (size_t i = 0; i < n; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    p[i] = (char)(x >> 32);
  }
}

static void fill_text(char *p, size_t n) {
  static const char words[] = "[\"chat\",{\"from\":\"somebody\",\"text\":\"hello there\"}],";
  for (size_t i = 0; i < n; i++) p[i] = words[(i + i / 1000) % (sizeof words - 1)];
}

/* ---- both ways ---- */

static void check_round(const char *p, size_t n) {
  struct msg *m;
  REQUIRE(sio__deflate(packer, DEFLATE_MESSAGE, &home, slice(p, n), &m) == 1);
  CHECK(m->len < n);
  EQ(inflate_n(msg_data(m), m->len), 0);
  EQ_MEM(out.p, out.n, p, n);
  msg_unref(m);
}

TEST(what_is_deflated_inflates_to_the_same) {
  static const size_t sizes[] = { 60, 100, 4095, 4096, 4097, 65535, 65536, 300000 };
  begin();
  char *p = malloc(300000);
  fill_text(p, 300000);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) check_round(p, sizes[i]);
  memset(p, 0, 300000);
  check_round(p, 300000);
  EQ(sio__deflater_get_counts(packer).texts, 9);
  free(p);
  end();
}

TEST(no_message_leans_on_the_one_before) {
  begin();
  char p[500];
  struct msg *a, *b;
  fill_text(p, sizeof p);
  EQ(sio__deflate(packer, DEFLATE_MESSAGE, &home, slice(p, sizeof p), &a), 1);
  EQ(sio__deflate(packer, DEFLATE_MESSAGE, &home, slice(p, sizeof p), &b), 1);
  EQ_MEM(msg_data(a), a->len, msg_data(b), b->len);
  msg_unref(a);
  msg_unref(b);
  end();
}

TEST(what_does_not_shrink_stays_as_it_is) {
  begin();
  char p[5000];
  struct msg *m;
  fill_noise(p, sizeof p);
  for (int form = DEFLATE_MESSAGE; form <= DEFLATE_GZIP; form++) {
    EQ(sio__deflate(packer, (enum deflate_form)form, &home, slice(p, sizeof p), &m), 0);
    EQ(sio__deflate(packer, (enum deflate_form)form, &home, slice("a", 1), &m), 0);
    EQ(sio__deflate(packer, (enum deflate_form)form, &home, slice(NULL, 0), &m), 0);
  }
  EQ(sio__deflater_get_counts(packer).texts, 0);
  end();
}

TEST(every_window_and_level_is_understood) {
  begin();
  char p[40000];
  struct msg *m;
  fill_text(p, sizeof p);
  for (int bits = 9; bits <= 15; bits++)
    for (int level = 1; level <= 9; level++) {
      struct deflater *z =
          sio__deflater_new(&(struct deflate_settings){ level, bits, 1 + bits % 9 });
      EQ(sio__deflate(z, DEFLATE_MESSAGE, &home, slice(p, sizeof p), &m), 1);
      EQ(inflate_n(msg_data(m), m->len), 0);
      EQ_MEM(out.p, out.n, p, sizeof p);
      msg_unref(m);
      sio__deflater_free(z);
    }
  end();
}

/* ---- the frames around it ---- */

static uint32_t crc_of(const char *p, size_t n) {
  uint32_t c = ~0u;
  for (size_t i = 0; i < n; i++) {
    c ^= (uint8_t)p[i];
    for (int k = 0; k < 8; k++) c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
  }
  return ~c;
}

static uint32_t adler_of(const char *p, size_t n) {
  uint32_t a = 1, b = 0;
  for (size_t i = 0; i < n; i++) a = (a + (uint8_t)p[i]) % 65521, b = (b + a) % 65521;
  return b << 16 | a;
}

static uint32_t little(const char *p) {
  const uint8_t *b = (const uint8_t *)p;
  return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

TEST(gzip_has_its_head_and_its_sums) {
  begin();
  char p[3000];
  struct msg *m;
  fill_text(p, sizeof p);
  EQ(sio__deflate(packer, DEFLATE_GZIP, &home, slice(p, sizeof p), &m), 1);
  const char *z = msg_data(m);
  EQ_MEM(z, 10, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  EQ(little(z + m->len - 8), crc_of(p, sizeof p));
  EQ(little(z + m->len - 4), sizeof p);
  EQ(inflate_n(z + 10, m->len - 18), 0);
  EQ_MEM(out.p, out.n, p, sizeof p);
  msg_unref(m);
  end();
}

TEST(zlib_has_its_head_and_its_sum) {
  begin();
  char p[3000];
  struct msg *m;
  fill_text(p, sizeof p);
  EQ(sio__deflate(packer, DEFLATE_ZLIB, &home, slice(p, sizeof p), &m), 1);
  const char *z = msg_data(m);
  EQ_MEM(z, 2, "\x78\x9c", 2);
  EQ(__builtin_bswap32(little(z + m->len - 4)), adler_of(p, sizeof p));
  EQ(inflate_n(z + 2, m->len - 6), 0);
  EQ_MEM(out.p, out.n, p, sizeof p);
  msg_unref(m);
  end();
}

/* ---- what others make: the examples of RFC 7692 section 7.2.3 ---- */

struct example {
  const char *p;
  size_t n;
  const char *text;
};
#define BYTES(lit) "" lit, sizeof(lit) - 1

static const struct example examples[] = {
  { BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello" },
  { BYTES("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), "Hello" },                  /* stored */
  { BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "Hello" },                              /* final  */
  { BYTES("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), "Hello" },          /* two    */
  { BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00"), "HelloHello" }, /* after  */
  { BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00"), "Hello" }, /* final, and no byte behind it */
  { BYTES("\x00"), "" },
};

TEST(every_way_to_write_a_message_is_read) {
  struct guard g = { 0 };
  begin();
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    const struct example *e = &examples[i];
    EQ(inflate_n(guard_put(&g, e->p, e->n), e->n), 0);
    EQ_MEM(out.n ? out.p : "", out.n, e->text, strlen(e->text));
  }
  guard_clear(&g);
  end();
}

TEST(a_message_that_is_cut_off_is_none) {
  struct guard g = { 0 };
  begin();
  for (size_t i = 0; i < 3; i += 2) /* a stored block takes what follows for its own */
    for (size_t n = 0; n < examples[i].n; n++) {
      bool whole = i == 2 && n == 7; /* the final block is all there */
      EQ(inflate_n(guard_put(&g, examples[i].p, n), n), whole ? 0 : SIO_EPROTO);
    }
  guard_clear(&g);
  end();
}

TEST(what_is_no_deflate_is_refused_and_spoils_nothing) {
  static const struct example bad[] = {
    { BYTES("\x06"), NULL },                             /* block type 3                 */
    { BYTES("\xff\xff\xff\xff"), NULL },                 /* the same                     */
    { BYTES("\x00\x05\x00\xfa\xfe\x48\x65"), NULL },     /* a length that denies itself  */
    { BYTES("\xf2\x00\x11\x00\x00"), NULL },             /* looks back to before         */
    { BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00\x01"), NULL }, /* a block begins               */
  };
  begin();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    EQ(inflate_n(bad[i].p, bad[i].n), SIO_EPROTO);
    EQ(inflate_n(examples[0].p, examples[0].n), 0);
    EQ_MEM(out.p, out.n, "Hello", 5);
  }
  end();
}

/* ---- limits ---- */

TEST(inflating_stops_at_the_limit_and_holds_no_more_than_twice_of_it) {
  static const size_t limits[] = { 0, 1, 100, 4096, 10000, 65536, 999999 };
  begin();
  char *zeros = calloc(1, 1000000);
  struct msg *m;
  REQUIRE(sio__deflate(packer, DEFLATE_MESSAGE, &home, slice(zeros, 1000000), &m) == 1);
  CHECK(m->len < 1100);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    struct buf b;
    buf_init(&b, limits[i]);
    EQ(sio__inflate_and_append(unpacker, slice(msg_data(m), m->len), &b), SIO_ETOOBIG);
    CHECK(b.cap <= limits[i] + 1);
    EQ(b.max, limits[i]);
    sio__buf_clear(&b);
  }
  buf_init(&out, 1000000);
  EQ(inflate_n(msg_data(m), m->len), 0);
  EQ(out.n, 1000000);
  msg_unref(m);
  free(zeros);
  end();
}

TEST(after_an_error_the_text_is_as_before) {
  begin();
  EQ(sio__buf_put(&out, "kept", 4), 0);
  out.max = 8;
  EQ(sio__inflate_and_append(unpacker, slice(examples[0].p, examples[0].n), &out), SIO_ETOOBIG);
  EQ_MEM(out.p, out.n, "kept", 4);
  EQ(sio__inflate_and_append(unpacker, slice("\xff", 1), &out), SIO_EPROTO);
  EQ_MEM(out.p, out.n, "kept", 4);
  out.max = 9;
  EQ(sio__inflate_and_append(unpacker, slice(examples[0].p, examples[0].n), &out), 0);
  EQ_MEM(out.p, out.n, "keptHello", 9);
  end();
}

TEST(every_allocation_that_fails_is_answered) {
  begin();
  char p[100000];
  struct msg *m;
  fill_text(p, sizeof p);
  int got = 0;
  for (size_t fuse = 1; got != 1; fuse++) {
    struct deflater *z = sio__deflater_new(&(struct deflate_settings){ 0 });
    alloc_fail_in(fuse);
    got = sio__deflate(z, DEFLATE_MESSAGE, &home, slice(p, sizeof p), &m);
    if (got != 1) EQ(got, UV_ENOMEM);
    sio__deflater_free(z);
    alloc_fail_in(0);
  }
  got = 1;
  for (size_t fuse = 1; got != 0; fuse++) {
    struct inflater *z = sio__inflater_new();
    sio__buf_clear(&out);
    alloc_fail_in(fuse);
    got = sio__inflate_and_append(z, slice(msg_data(m), m->len), &out);
    if (got != 0) EQ(got, UV_ENOMEM);
    sio__inflater_free(z);
    alloc_fail_in(0);
  }
  EQ_MEM(out.p, out.n, p, sizeof p);
  msg_unref(m);
  end();
}

TESTS_BEGIN
T(what_is_deflated_inflates_to_the_same)
T(no_message_leans_on_the_one_before)
T(what_does_not_shrink_stays_as_it_is)
T(every_window_and_level_is_understood)
T(gzip_has_its_head_and_its_sums)
T(zlib_has_its_head_and_its_sum)
T(every_way_to_write_a_message_is_read)
T(a_message_that_is_cut_off_is_none)
T(what_is_no_deflate_is_refused_and_spoils_nothing)
T(inflating_stops_at_the_limit_and_holds_no_more_than_twice_of_it)
T(after_an_error_the_text_is_as_before)
T(every_allocation_that_fails_is_answered)
TESTS_END
