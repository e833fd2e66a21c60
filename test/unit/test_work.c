/* SPDX-License-Identifier: MIT
 *
 * test_work.c - the work of reading what a peer sends grows as its length does, and no faster. It
 * is counted in instructions (steps.h): no clock is asked.
 */
#include "alloc.h"
#include "base/num.h"
#include "core/event.h"
#include "eio/payload.h"
#include "http/coding.h"
#include "http/forwarded.h"
#include "http/range.h"
#include "packet/json.h"
#include "packet/parser.h"
#include "steps.h"
#include "test.h"
#include "ws/extension.h"

/* A text that is made of parts. */
struct text {
  char p[4096];
  size_t n;
};

static struct text text;

static void put_bytes(const char *part, size_t n) {
  if (text.n + n >= sizeof text.p) abort();
  memcpy(text.p + text.n, part, n);
  text.n += n;
}

static void put(const char *part) { put_bytes(part, strlen(part)); }

static void put_times(const char *first, const char *part, unsigned times, const char *last) {
  text.n = 0;
  put(first);
  for (unsigned i = 0; i < times; i++) put(part);
  put(last);
}

static sio_slice all(void) { return slice(text.p, text.n); }

/* Twice as many parts more cost about twice as much more: where the work is quadratic, it is four
 * times as much. Where reading ends at the first part, more parts cost nothing. 0 steps: they
 * cannot be counted here. */
static void grows_evenly(void (*read)(void *), const char *first, const char *part,
                         const char *last) {
  enum { FEW = 4 };
  uint64_t steps[3];
  put_times(first, part, FEW << 2, last);
  read(NULL); /* so that memory which is kept has been taken */
  for (unsigned i = 0; i < 3; i++) {
    put_times(first, part, (unsigned)FEW << i, last);
    steps[i] = steps_of(read, NULL);
    if (!steps[i]) return;
  }
  uint64_t once = steps[1] - steps[0], twice = steps[2] - steps[1];
  CHECK(twice <= once * 3);
  if (twice > once * 3)
    fprintf(stderr, "%s: %llu, %llu, %llu\n", part, (unsigned long long)steps[0],
            (unsigned long long)steps[1], (unsigned long long)steps[2]);
}

/* ---- packets --------------------------------------------------------------------------------- */

static struct json_scan kept;

static void scan_json(void *unused) {
  (void)unused;
  sio__json_scan_text(&kept, all(), 512, NULL);
}

TEST(json_of_many_arguments_and_of_many_levels) {
  grows_evenly(scan_json, "[0", ",1", "]");
  grows_evenly(scan_json, "[{\"a\":0", ",\"_placeholder\":true,\"num\":0", "}]");
  grows_evenly(scan_json, "[", "[", "");
  grows_evenly(scan_json, "[0", ",4.9406564584124654e-324", "]");
}

static void read_each_argument(void *unused) {
  struct sio_event e;
  int64_t n;
  (void)unused;
  if (sio__json_scan_text(&kept, all(), 512, NULL)) abort();
  struct packet p = { .type = PACKET_EVENT, .id = PACKET_NO_ID, .json = all(), .scan = &kept };
  if (sio__event_init(&e, NULL, &p)) abort();
  for (size_t i = 0; i < sio_event_count(&e); i++) sio_event_int(&e, i, &n);
  sio__event_clear(&e);
}

TEST(a_handler_that_reads_each_of_many_arguments) {
  grows_evenly(read_each_argument, "[\"name\"", ",12", "]");
  sio__json_scan_clear(&kept);
}

static void split_body(void *unused) {
  sio_slice rest = all();
  struct eio_in in;
  (void)unused;
  while (sio__payload4_take_next_packet(&rest, &in) > 0) continue;
}

TEST(a_body_of_many_packets) {
  grows_evenly(split_body, "4x",
               "\x1e"
               "3",
               "");
  grows_evenly(split_body, "4x",
               "\x1e"
               "bAAAA",
               "");
}

/* ---- what a byte costs at most -------------------------------------------------------------- */

/* Instructions, with and without the sanitizers' own. A byte of a short message costs more than
 * one of a long message, whose milliseconds bench/content.c measures: the byte of MessagePack that
 * says "nil" is read, written as JSON and scanned in 400 instructions. */
#ifdef __SANITIZE_ADDRESS__
enum { BYTE_MAX = 4000 };
#else
enum { BYTE_MAX = 700 };
#endif

static struct msgs home;
static struct decode_scratch scratch;

static void scan_json_once(void *unused) {
  (void)unused;
  if (sio__json_scan_text(&kept, all(), 512, NULL)) abort();
}

static void read_msgpack(void *unused) {
  static const struct decoder_limits limits = { .max_attachments = 10,
                                                .max_packet = 1 << 20,
                                                .max_depth = 512 };
  struct sio_parser_out own = { 0 };
  struct packet p;
  const char *why = "";
  (void)unused;
  int got = sio__custom_parser_decode_packet(sio_parser_msgpack, &home, &scratch, &limits, true,
                                             all(), &own, &p, &why);
  if (got != DECODE_PACKET) abort();
  sio__parser_out_clear(&own);
}

/* Something of which there may be many in a message. */
struct item {
  const char *name, *bytes;
  size_t n;
};

static void make_json(const struct item *item, unsigned times) {
  put_times("[0", item->bytes, times, "]");
}

/* An event with an array of so many. */
static void make_msgpack(const struct item *item, unsigned times) {
  text.n = 0;
  put_bytes("\x83\xa4type\x02\xa4"
            "data\x92\xa1"
            "e\xdc",
            16);
  put_bytes((char[]){ (char)(times >> 8), (char)times }, 2);
  for (unsigned i = 0; i < times; i++) put_bytes(item->bytes, item->n);
  put_bytes("\xa3nsp\xa1/", 6);
}

/* The work for a message without items. */
static uint64_t work_without(void (*make)(const struct item *, unsigned), void (*read)(void *),
                             const struct item *item) {
  make(item, 0);
  read(NULL); /* so that memory which is kept has been taken */
  return steps_of(read, NULL);
}

/* What each byte of some 24 bytes costs. */
static void costs_little(void (*make)(const struct item *, unsigned), void (*read)(void *),
                         const struct item *item, uint64_t none) {
  unsigned times = 1 + 24 / (unsigned)item->n;
  make(item, times);
  read(NULL);
  uint64_t all_steps = steps_of(read, NULL), each = (all_steps - none) / (times * item->n);
  CHECK(each <= BYTE_MAX);
  if (each > BYTE_MAX || getenv("TEST_WORK_TELLS"))
    fprintf(stderr, "%s: %llu a byte\n", item->name, (unsigned long long)each);
}

#define JSON_ITEM(s) \
  { s, s, sizeof(s) - 1 }

TEST(no_content_of_a_json_message_costs_much_for_its_bytes) {
  static const struct item items[] = {
    JSON_ITEM(",1"),           JSON_ITEM(",\"\""),
    JSON_ITEM(",[]"),          JSON_ITEM(",{}"),
    JSON_ITEM(",1e-300"),      JSON_ITEM(",2.4703282292062327209e-324"),
    JSON_ITEM(",\"\\ud83d\""), JSON_ITEM(",\"\xc3\xa4\""),
    JSON_ITEM(",{\"num\":0}"), JSON_ITEM(",{\"_placeholder\":true,\"num\":0}"),
    JSON_ITEM(", \n0"),
  };
  uint64_t none = work_without(make_json, scan_json_once, &items[0]);
  for (size_t i = 0; i < sizeof items / sizeof *items; i++)
    costs_little(make_json, scan_json_once, &items[i], none);
  sio__json_scan_clear(&kept);
}

TEST(no_content_of_a_messagepack_message_costs_much_for_its_bytes) {
  static const struct item items[] = {
    { "denormal", "\xcb\0\0\0\0\0\0\0\1", 9 },
    { "double", "\xcb\x3f\xf1\x99\x99\x99\x99\x99\x9a", 9 },
    { "float", "\xca\x3d\xcc\xcc\xcd", 5 },
    { "nil", "\xc0", 1 },
    { "number", "\x7f", 1 },
    { "negative number", "\xe0", 1 },
    { "control character", "\xa1\x01", 2 },
    { "not UTF-8", "\xa1\xff", 2 },
    { "empty array", "\x90", 1 },
    { "empty map", "\x80", 1 },
    { "date", "\xd6\xff\x12\x34\x56\x78", 6 },
  };
  alloc_install();
  sio__msg_allocator_init(&home);
  uint64_t none = work_without(make_msgpack, read_msgpack, &items[0]);
  for (size_t i = 0; i < sizeof items / sizeof *items; i++)
    costs_little(make_msgpack, read_msgpack, &items[i], none);
  sio__decode_scratch_clear(&scratch);
  sio__msg_allocator_clear(&home);
}

/* ---- header fields --------------------------------------------------------------------------- */

static void negotiate(void *unused) {
  char out[WS_ANSWER_MAX];
  (void)unused;
  sio__ws_write_answer_to_deflate_offers(&(struct ws_deflate){ .window_bits = 15 }, all(), out);
}

/* CVE-2021-32640 was a regular expression for this field. */
TEST(websocket_extensions) {
  grows_evenly(negotiate, "a", ", a", "");
  grows_evenly(negotiate, "a", ";b=\"c\"", "");
  grows_evenly(negotiate, "a;b=\"", "\\\"", "");
  grows_evenly(negotiate, "", " ", "x");
  grows_evenly(negotiate, "permessage-deflate", "; client_max_window_bits", "");
}

static void choose_coding(void *unused) {
  (void)unused;
  sio__coding_choose_for_accept_encoding(all());
}

TEST(accepted_codings) {
  grows_evenly(choose_coding, "a", ",b;q=0.001", "");
  grows_evenly(choose_coding, "a", ";", "");
  grows_evenly(choose_coding, "", " ", "");
}

static struct addr_set trusted;
static bool in_rfc7239;

static void find_client(void *unused) {
  struct http_header h = { in_rfc7239 ? SLICE("Forwarded") : SLICE("X-Forwarded-For"), all() };
  sio_request r = { .headers = &h, .nheaders = 1 };
  (void)unused;
  sio__forwarded_headers_find_client(&r, &trusted, in_rfc7239);
}

TEST(lists_of_proxies) {
  static const char *const texts[] = { "10.0.0.0/8", NULL };
  const char *bad;
  alloc_install();
  EQ(sio__addr_set_parse(&trusted, texts, &bad), 0);
  in_rfc7239 = false;
  grows_evenly(find_client, "10.0.0.1", ", 10.0.0.2", "");
  grows_evenly(find_client, "", ",", "10.0.0.1");
  in_rfc7239 = true;
  grows_evenly(find_client, "for=10.0.0.1", ", for=10.0.0.2", "");
  grows_evenly(find_client, "for=10.0.0.1", ";by=\"\\\"\"", "");
  grows_evenly(find_client, "", "\"", "");
  sio__addr_set_clear(&trusted);
}

static void read_range(void *unused) {
  (void)unused;
  sio__range_header_parse(all(), 1000);
}

TEST(ranges) {
  grows_evenly(read_range, "bytes=0-0", ",0-0", "");
  grows_evenly(read_range, "bytes=", "0", "-5");
}

/* ---- numbers --------------------------------------------------------------------------------- */

static double value;

static void print_value(void *unused) {
  char out[64];
  (void)unused;
  sio__double_to_json_text(out, value);
}

/* The shortest decimal of a denormal was once searched by printing: 150 times as much. */
TEST(a_denormal_double_costs_about_what_any_other_does) {
  static const double some[] = { 4.9406564584124654e-324, 2.2250738585072011e-308,
                                 1.7976931348623157e308, 9007199254740993.0, 0.1 + 0.2 };
  value = 3.141592653589793;
  uint64_t common = steps_of(print_value, NULL);
  for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
    value = some[i];
    CHECK(steps_of(print_value, NULL) <= 10 * common);
  }
}

static void parse_number(void *unused) {
  double d;
  (void)unused;
  sio__parse_json_number(text.p, text.n, &d);
}

TEST(numbers_of_many_digits) {
  grows_evenly(parse_number, "1", "0", "");
  grows_evenly(parse_number, "0.", "0", "1");
  grows_evenly(parse_number, "0.", "12345678", "e-300");
}

TESTS_BEGIN
T(json_of_many_arguments_and_of_many_levels)
T(a_handler_that_reads_each_of_many_arguments)
T(a_body_of_many_packets)
T(no_content_of_a_json_message_costs_much_for_its_bytes)
T(no_content_of_a_messagepack_message_costs_much_for_its_bytes)
T(websocket_extensions)
T(accepted_codings)
T(lists_of_proxies)
T(ranges)
T(a_denormal_double_costs_about_what_any_other_does)
T(numbers_of_many_digits)
TESTS_END
