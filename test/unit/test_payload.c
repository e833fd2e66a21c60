/* SPDX-License-Identifier: MIT
 *
 * test_payload.c - packets in and out of a polling body. Input ends at a guard page, and is
 * cut at every place.
 */
#include "eio/payload.h"

#include "base/base64.h"
#include "guard.h"
#include "test.h"
#include <sio/error.h>

#define SEP "\x1e"

static struct guard page;

/* A body as a string literal, right before the forbidden page. */
static sio_slice body_of(const char *p, size_t n) { return slice(guard_put(&page, p, n), n); }
#define BODY(text) body_of(text, sizeof(text) - 1)

/* The next packet of *rest is this one. */
#define PACKET(rest, want_type, text)                       \
  do {                                                      \
    struct eio_in in_;                                      \
    EQ(sio__payload4_take_next_packet(rest, &in_), 1);      \
    EQ(in_.binary, false);                                  \
    EQ(in_.type, want_type);                                \
    EQ_MEM(in_.data.p, in_.data.n, text, sizeof(text) - 1); \
  } while (0)

#define BINARY(rest, bytes)                                   \
  do {                                                        \
    struct eio_in in_;                                        \
    EQ(sio__payload4_take_next_packet(rest, &in_), 1);        \
    EQ(in_.binary, true);                                     \
    EQ(in_.type, EIO_MESSAGE);                                \
    EQ_MEM(in_.data.p, in_.data.n, bytes, sizeof(bytes) - 1); \
  } while (0)

#define END(rest)                                      \
  do {                                                 \
    struct eio_in in_;                                 \
    EQ(sio__payload4_take_next_packet(rest, &in_), 0); \
  } while (0)

#define BAD(rest)                                               \
  do {                                                          \
    struct eio_in in_;                                          \
    EQ(sio__payload4_take_next_packet(rest, &in_), SIO_EPROTO); \
  } while (0)

/* ---- one packet ------------------------------------------------------------------ */

TEST(a_text_packet_is_its_type_and_its_data) {
  struct eio_in in;
  EQ(sio__packet4_parse_text(BODY("4test"), &in), 1);
  EQ(in.type, EIO_MESSAGE);
  CHECK(!in.binary);
  EQ_MEM(in.data.p, in.data.n, "test", 4);
}

TEST(every_type_may_be_without_data) {
  for (char ch = '0'; ch <= '6'; ch++) {
    struct eio_in in;
    EQ(sio__packet4_parse_text(body_of(&ch, 1), &in), 1);
    EQ(in.type, ch - '0');
    EQ(in.data.n, 0);
  }
}

TEST(empty_text_and_unknown_types_are_refused) {
  struct eio_in in;
  EQ(sio__packet4_parse_text(BODY(""), &in), SIO_EPROTO);
  for (int ch = 0; ch < 256; ch++) {
    char text[] = { (char)ch, '1' };
    bool known = (ch >= '0' && ch <= '6') || ch == 'b';
    EQ(sio__packet4_parse_text(body_of(text, 2), &in), known ? 1 : SIO_EPROTO);
  }
}

TEST(a_packet_may_hold_the_separator_when_it_comes_alone) {
  struct eio_in in;
  EQ(sio__packet4_parse_text(BODY("4a" SEP "4b"), &in), 1);
  EQ_MEM(in.data.p, in.data.n, "a" SEP "4b", 4);
}

TEST(base64_is_decoded_where_it_lies) {
  sio_slice text = BODY("bAQIDBA==");
  struct eio_in in;
  EQ(sio__packet4_parse_text(text, &in), 1);
  CHECK(in.binary);
  EQ(in.type, EIO_MESSAGE);
  EQ_MEM(in.data.p, in.data.n, "\1\2\3\4", 4);
  CHECK(in.data.p >= text.p && in.data.p + in.data.n <= text.p + text.n);
}

TEST(base64_of_nothing_is_an_empty_message) {
  struct eio_in in;
  EQ(sio__packet4_parse_text(BODY("b"), &in), 1);
  CHECK(in.binary);
  EQ(in.data.n, 0);
}

/* ---- bodies ---------------------------------------------------------------------- */

TEST(a_body_is_packets_between_separators) {
  sio_slice rest = BODY("0" SEP "1" SEP "2probe" SEP "3probe" SEP "4test");
  PACKET(&rest, EIO_OPEN, "");
  PACKET(&rest, EIO_CLOSE, "");
  PACKET(&rest, EIO_PING, "probe");
  PACKET(&rest, EIO_PONG, "probe");
  PACKET(&rest, EIO_MESSAGE, "test");
  END(&rest);
  END(&rest);
}

TEST(text_and_binary_may_be_mixed) {
  sio_slice rest = BODY("4test" SEP "bAQIDBA==" SEP "4" SEP "bAQ");
  PACKET(&rest, EIO_MESSAGE, "test");
  BINARY(&rest, "\1\2\3\4");
  PACKET(&rest, EIO_MESSAGE, "");
  BINARY(&rest, "\1");
  END(&rest);
}

TEST(what_is_no_packet_is_refused) {
  static const char *const bad[] = { "", "{", "{}", "[\"a123\", \"a456\"]", "a123", " 4" };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sio_slice rest = body_of(bad[i], strlen(bad[i]));
    BAD(&rest);
  }
}

TEST(a_separator_too_many_is_an_empty_packet) {
  sio_slice rest = BODY("4a" SEP);
  PACKET(&rest, EIO_MESSAGE, "a");
  BAD(&rest);
  END(&rest);
  rest = BODY(SEP "4a");
  BAD(&rest);
  rest = BODY("4a" SEP SEP "4b");
  PACKET(&rest, EIO_MESSAGE, "a");
  BAD(&rest);
}

/* ---- out -------------------------------------------------------------------------- */

static struct msgs home;

static struct msg *message(const void *p, size_t n, bool binary) {
  struct msg *m = sio__msg_from_bytes(&home, p, n);
  if (!m) abort();
  m->binary = binary;
  return m;
}

static void written_is(const struct msg *m, const char *want) {
  char *out = guard_put(&page, want, strlen(want));
  memset(out, 0, strlen(want));
  EQ(sio__payload4_packet_len(m), strlen(want));
  char *end = sio__payload4_write_packet(out, m);
  EQ_MEM(out, (size_t)(end - out), want, strlen(want));
}

TEST(text_is_written_as_it_is_and_binary_as_base64) {
  static const struct {
    const char *bytes;
    size_t n;
    bool binary;
    const char *want;
  } cases[] = { { "4test", 5, false, "4test" },     { "", 0, true, "b" },
                { "\1", 1, true, "bAQ==" },         { "\1\2", 2, true, "bAQI=" },
                { "\1\2\3", 3, true, "bAQID" },     { "\1\2\3\4", 4, true, "bAQIDBA==" },
                { "\0\xff\xfe", 3, true, "bAP/+" }, { "2", 1, false, "2" } };
  sio__msg_allocator_init(&home);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct msg *m = message(cases[i].bytes, cases[i].n, cases[i].binary);
    written_is(m, cases[i].want);
    msg_unref(m);
  }
  sio__msg_allocator_clear(&home);
}

/* ---- there and back, and cut ---------------------------------------------------------- */

enum { PACKETS = 6, LONGEST = 40 };

static uint32_t seed = 1;
static unsigned draw(unsigned below) {
  seed = seed * 1664525u + 1013904223u;
  return (unsigned)((uint64_t)seed * below >> 32);
}

static struct msg *draw_message(void) {
  char bytes[LONGEST];
  bool binary = draw(2);
  size_t n = draw(LONGEST);
  for (size_t i = 0; i < n; i++) bytes[i] = (char)draw(256);
  /* In text the separator cannot stand, and the first character is the type. */
  for (size_t i = 0; i < n && !binary; i++)
    if (bytes[i] == EIO_SEPARATOR) bytes[i] = ' ';
  if (!binary) bytes[0] = (char)('0' + draw(7));
  return message(bytes, !binary && n == 0 ? 1 : n, binary);
}

static size_t join(char *out, struct msg *const m[PACKETS]) {
  char *end = out;
  for (int i = 0; i < PACKETS; i++) {
    if (i > 0) *end++ = EIO_SEPARATOR;
    end = sio__payload4_write_packet(end, m[i]);
  }
  return (size_t)(end - out);
}

static void read_back(sio_slice rest, struct msg *const m[PACKETS]) {
  struct eio_in in;
  for (int i = 0; i < PACKETS; i++) {
    unsigned type = m[i]->binary ? 0 : 1; /* bytes before the data */
    EQ(sio__payload4_take_next_packet(&rest, &in), 1);
    EQ(in.binary, m[i]->binary);
    if (type) EQ(in.type, msg_data(m[i])[0] - '0');
    EQ_MEM(in.data.p, in.data.n, msg_data(m[i]) + type, m[i]->len - type);
  }
  END(&rest);
}

TEST(what_is_written_is_read_back) {
  sio__msg_allocator_init(&home);
  for (int round = 0; round < 500; round++) {
    struct msg *m[PACKETS];
    char text[PACKETS * (2 + BASE64_LEN(LONGEST))];
    for (int i = 0; i < PACKETS; i++) m[i] = draw_message();
    size_t n = join(text, m);
    read_back(body_of(text, n), m);
    for (int i = 0; i < PACKETS; i++) msg_unref(m[i]);
  }
  sio__msg_allocator_clear(&home);
}

/* The plain way to say what a body holds: text up to the next separator, whatever it is. */
static void reads_as_split(const char *text, size_t n) {
  sio_slice rest = body_of(text, n);
  for (const char *p = text, *end = text + n; p;) {
    const char *sep = memchr(p, EIO_SEPARATOR, (size_t)(end - p));
    size_t len = (size_t)((sep ? sep : end) - p);
    struct eio_in in;
    int got = sio__payload4_take_next_packet(&rest, &in);
    bool good = len > 0 && strchr("0123456b", *p);
    EQ(got, good ? 1 : SIO_EPROTO);
    if (good && *p != 'b') EQ_MEM(in.data.p, in.data.n, p + 1, len - 1);
    p = sep ? sep + 1 : NULL;
  }
  END(&rest);
}

TEST(a_body_cut_anywhere_is_what_is_left_of_it) {
  static const char text[] =
      "0{}" SEP "4test" SEP "bAQIDBA==" SEP "2probe" SEP SEP "x" SEP "4\xe2\x82\xac";
  for (size_t n = 0; n < sizeof text; n++) reads_as_split(text, n);
}

TESTS_BEGIN
T(a_text_packet_is_its_type_and_its_data)
T(every_type_may_be_without_data)
T(empty_text_and_unknown_types_are_refused)
T(a_packet_may_hold_the_separator_when_it_comes_alone)
T(base64_is_decoded_where_it_lies)
T(base64_of_nothing_is_an_empty_message)
T(a_body_is_packets_between_separators)
T(text_and_binary_may_be_mixed)
T(what_is_no_packet_is_refused)
T(a_separator_too_many_is_an_empty_packet)
T(text_is_written_as_it_is_and_binary_as_base64)
T(what_is_written_is_read_back)
T(a_body_cut_anywhere_is_what_is_left_of_it)
TESTS_END
