/* SPDX-License-Identifier: MIT
 *
 * test_msgpack.c - packets as socket.io-msgpack-parser was seen to send them, and as nobody
 * should. Every message ends at a guard page.
 */
#include "alloc.h"
#include "guard.h"
#include "packet/msgpack.h"
#include "test.h"

#include <sio/parser.h>
#include <sio/sio.h>
#include <uv.h>

static struct guard guard;
static struct msgs home;
static struct decode_scratch scratch;
static struct sio_parser_out own;
static struct packet packet;
static const char *why;
static struct decoder_limits limits = { .max_attachments = 10,
                                        .max_depth = 512,
                                        .max_packet = 10000000 };

static size_t from_hex(char *out, const char *hex) {
  size_t n = 0;
  unsigned c;
  for (; sscanf(hex + 2 * n, "%2x", &c) == 1; n++) out[n] = (char)c;
  return n;
}

static int decode_n(const void *p, size_t n) {
  sio__parser_out_clear(&own);
  return sio__custom_parser_decode_packet(sio_parser_msgpack, &home, &scratch, &limits, true,
                                          slice(guard_put(&guard, p, n), n), &own, &packet, &why);
}

static int decode(const char *hex) {
  char bytes[1024];
  return decode_n(bytes, from_hex(bytes, hex));
}

static void done(void) {
  sio__parser_out_clear(&own);
  sio__decode_scratch_clear(&scratch);
  sio__msg_allocator_clear(&home);
  sio__msg_allocator_init(&home);
}

__attribute__((constructor)) static void begin(void) { sio__msg_allocator_init(&home); }

static void decodes(const char *hex, enum packet_type type, const char *nsp, int64_t id,
                    const char *json) {
  int got = decode(hex);
  if (got != DECODE_PACKET) fprintf(stderr, "%s: %s\n", hex, why);
  REQUIRE(got == DECODE_PACKET);
  EQ(packet.type, type);
  EQ_MEM(packet.nsp.p, packet.nsp.n, nsp, strlen(nsp));
  EQ(packet.id, id);
  EQ_MEM(packet.json.p, packet.json.n, json, strlen(json));
  done();
}

/* The value as the argument of an event "a". */
static int decode_value(const char *hex) {
  char all[1024];
  snprintf(all, sizeof all, "83a47479706502a46461746192a161%sa36e7370a12f", hex);
  return decode(all);
}

static void is_read_as(const char *hex, const char *json) {
  char want[256];
  int got = decode_value(hex);
  if (got != DECODE_PACKET) fprintf(stderr, "%s: %s\n", hex, why);
  REQUIRE(got == DECODE_PACKET);
  snprintf(want, sizeof want, "[\"a\",%s]", json);
  EQ_MEM(packet.json.p, packet.json.n, want, strlen(want));
  done();
}

static void refused(int got, int err, const char *because) {
  EQ(got, err);
  EQ_STR(why, because);
  done();
}

/* ---- in ------------------------------------------------------------------------------------- */

TEST(what_the_javascript_client_sends_is_read) {
  decodes("83a47479706500a46461746181a17401a36e7370a12f", PACKET_CONNECT, "/", -1, "{\"t\":1}");
  decodes("83a47479706500a464617461d40000a36e7370a22f78", PACKET_CONNECT, "/x", -1, "");
  decodes("85a47479706502a46461746192a361736b81a17101a76f7074696f6e7381a8636f6d7072657373c3a26964"
          "00a36e7370a12f",
          PACKET_EVENT, "/", 0, "[\"ask\",{\"q\":1}]");
  decodes("84a47479706502a46461746193a5706c61696ec40105c0a76f7074696f6e7381a8636f6d7072657373c3a3"
          "6e7370a12f",
          PACKET_EVENT, "/", -1, "[\"plain\",{\"_placeholder\":true,\"num\":0},null]");
  decodes("84a47479706503a2696400a46461746191a4646f6e65a36e7370a12f", PACKET_ACK, "/", 0,
          "[\"done\"]");
  decodes("82a47479706501a36e7370a12f", PACKET_DISCONNECT, "/", -1, "");
}

TEST(every_form_of_a_value_is_read) {
  is_read_as("c0", "null");
  is_read_as("92c2c3", "[false,true]");
  is_read_as("9a7fe0ccffcdffffceffffffffcfffffffffffffffffd080d18000d280000000d38000000000000000",
             "[127,-32,255,65535,4294967295,18446744073709551615,-128,-32768,-2147483648,"
             "-9223372036854775808]");
  is_read_as("d3000000000000000a", "10");
  is_read_as("95ca3fc00000cb3fb999999999999acb7ff0000000000000cb7ff8000000000000ca80000000",
             "[1.5,0.1,null,null,0]");
  is_read_as("93a0d90161da000162", "[\"\",\"a\",\"b\"]");
  is_read_as("db0000000463220a00", "\"c\\\"\\n\\u0000\"");
  is_read_as("a2c328", "\"\xef\xbf\xbd(\"");
  is_read_as("92dc0001dd00000000de0001a16101", "[[[]],{\"a\":1}]");
  done();
}

TEST(maps_have_strings_or_integers_for_keys) {
  is_read_as("82a1610105c0", "{\"a\":1,\"5\":null}");
  is_read_as("df00000001ffc3", "{\"-1\":true}");
  refused(decode_value("81c001"), SIO_EPROTO, "invalid payload");
  refused(decode_value("819001"), SIO_EPROTO, "invalid payload");
  refused(decode_value("81c0d40000"), SIO_EPROTO, "invalid payload");
  refused(decode_value("8191d4000001"), SIO_EPROTO, "invalid payload");
}

TEST(undefined_is_left_out_of_maps_and_null_elsewhere) {
  is_read_as("d40000", "null");
  is_read_as("83a161d40000a16201a163d40000", "{\"b\":1}");
  is_read_as("81a161d40000", "{}");
}

TEST(dates_become_what_to_json_makes_of_them) {
  is_read_as("d7000000000000000000", "\"1970-01-01T00:00:00.000Z\"");
  is_read_as("d700ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\"");
  is_read_as("d700000000dd9aa6e000", "\"2000-02-29T00:00:00.000Z\"");
  is_read_as("d700001eb208c2dc0000", "\"+275760-09-13T00:00:00.000Z\"");
  is_read_as("d700001eb208c2dc0001", "null");
  is_read_as("d6ff65000000", "\"2023-09-12T06:06:56.000Z\"");
  is_read_as("c70cff0000000000000000ffffffff", "\"2106-02-07T06:28:15.000Z\"");
  is_read_as("d7ff076417000000000a", "\"1970-01-01T00:00:10.031Z\"");
  is_read_as("d700ffffc77590fba000", "\"0000-01-01T00:00:00.000Z\"");
  is_read_as("d700ffffc77590fb9fff", "\"-000001-12-31T23:59:59.999Z\"");
  is_read_as("d7000000e677d21fdc00", "\"+010000-01-01T00:00:00.000Z\"");
  is_read_as("d700ffe14df73d240000", "\"-271821-04-20T00:00:00.000Z\"");
  is_read_as("d700ffe14df73d23ffff", "null");
}

TEST(binary_and_the_clients_array_buffers_are_attachments) {
  EQ(decode_value("93c40101c70200aabbc50000"), DECODE_PACKET);
  EQ(packet.nbins, 3);
  EQ_MEM(packet.bins[0].p, packet.bins[0].n, "\x01", 1);
  EQ_MEM(packet.bins[1].p, packet.bins[1].n, "\xaa\xbb", 2);
  EQ(packet.bins[2].n, 0);
  EQ(packet.scan->nplaceholders, 3);
  done();
  is_read_as("c70200aabb", "{\"_placeholder\":true,\"num\":0}");
}

TEST(an_unknown_extension_becomes_its_type_and_a_binary) {
  is_read_as("d505abcd", "[5,{\"_placeholder\":true,\"num\":0}]");
  is_read_as("c80001fb00", "[-5,{\"_placeholder\":true,\"num\":0}]");
  is_read_as("d5ffabcd", "[-1,{\"_placeholder\":true,\"num\":0}]");
  is_read_as("d500abcd", "[0,{\"_placeholder\":true,\"num\":0}]");
}

TEST(what_the_reference_refuses_is_refused_in_its_words) {
  refused(decode("82a47479706505a36e7370a12f"), SIO_EPROTO, "invalid packet type");
  refused(decode("82a474797065a130a36e7370a12f"), SIO_EPROTO, "invalid packet type");
  refused(decode("81a36e7370a12f"), SIO_EPROTO, "invalid packet type");
  refused(decode("93010203"), SIO_EPROTO, "invalid packet type");
  refused(decode("81a47479706501"), SIO_EPROTO, "invalid namespace");
  refused(decode("82a47479706501a36e737001"), SIO_EPROTO, "invalid namespace");
  refused(decode("83a47479706501a464617461c0a36e7370a12f"), SIO_EPROTO, "invalid payload");
  refused(decode("83a47479706500a46461746190a36e7370a12f"), SIO_EPROTO, "invalid payload");
  refused(decode("82a47479706502a36e7370a12f"), SIO_EPROTO, "invalid payload");
  refused(decode("83a47479706502a46461746180a36e7370a12f"), SIO_EPROTO, "invalid payload");
  refused(decode("83a47479706504a46461746101a36e7370a12f"), SIO_EPROTO, "invalid payload");
  refused(decode("83a47479706501a26964c0a36e7370a12f"), SIO_EPROTO, "invalid packet id");
  refused(decode("83a47479706501a26964cb3ff8000000000000a36e7370a12f"), SIO_EPROTO,
          "invalid packet id");
}

TEST(we_are_stricter_where_a_handler_would_be_misled) {
  refused(decode("83a47479706502a46461746190a36e7370a12f"), SIO_EPROTO, "invalid payload");
  refused(decode("83a47479706502a46461746191a7636f6e6e656374a36e7370a12f"), SIO_EPROTO,
          "invalid payload");
  refused(decode("83a47479706501a26964ffa36e7370a12f"), SIO_EPROTO, "invalid packet id");
  refused(decode("83a47479706501a26964cf0020000000000000a36e7370a12f"), SIO_EPROTO,
          "invalid packet id");
  refused(decode("82a474797065cfffffffffffffffffa36e7370a12f"), SIO_EPROTO, "invalid packet type");
  refused(decode("82a47479706504a36e7370a12f"), SIO_EPROTO, "invalid payload");
  refused(decode_value("83ac5f706c616365686f6c646572c3a36e756d05a178c40101"), SIO_EPROTO,
          "the placeholders do not match the attachments");
  refused(decode("82a47479706501a36e7370a2c328"), SIO_EPROTO, "invalid namespace");
  refused(decode("82a47479706501a36e7370a178"), SIO_EPROTO, "invalid namespace");
  refused(decode("82a47479706501a36e7370a0"), SIO_EPROTO, "invalid namespace");
  refused(decode_value("9282ac5f706c616365686f6c646572c3a36e756d00c40101"), SIO_EPROTO,
          "the placeholders do not match the attachments");
  refused(decode_value("9bc400c400c400c400c400c400c400c400c400c400c400"), SIO_EPROTO,
          "too many attachments");
}

TEST(of_equal_keys_the_last_counts) {
  decodes("84a47479706501a47479706500a36e7370a12fa36e7370a22f78", PACKET_CONNECT, "/x", -1, "");
}

TEST(a_message_has_one_value_and_no_bytes_after_it) {
  refused(decode("82a47479706501a36e7370a12fc0"), SIO_EPROTO,
          "bytes follow the packet in the message");
  refused(decode("c1"), SIO_EPROTO, "not MessagePack");
  refused(decode(""), SIO_EPROTO, "not MessagePack");
}

TEST(text_is_from_a_client_with_another_parser) {
  int got = sio__custom_parser_decode_packet(sio_parser_msgpack, &home, &scratch, &limits, false,
                                             SLICE("0"), &own, &packet, &why);
  refused(got, SIO_EPROTO, "plaintext data: the client uses another parser");
}

TEST(a_message_cut_anywhere_is_refused) {
  char bytes[256];
  size_t n = from_hex(bytes, "85a47479706502a46461746195a361736bc70200abcdd70000000000000000008"
                             "1a17101dc0001cb3fb999999999999aa26964ccfea36e7370a12fa178c0");
  EQ(decode_n(bytes, n), DECODE_PACKET);
  for (size_t cut = 0; cut < n; cut++) EQ(decode_n(bytes, cut), SIO_EPROTO);
  done();
}

TEST(counts_without_as_many_bytes_take_no_memory) {
  refused(decode_value("ddffffffff"), SIO_EPROTO, "not MessagePack");
  refused(decode_value("dfffffffff"), SIO_EPROTO, "not MessagePack");
  refused(decode_value("dbffffffff"), SIO_EPROTO, "not MessagePack");
  refused(decode_value("c6ffffffff"), SIO_EPROTO, "not MessagePack");
  refused(decode_value("c9ffffffff00"), SIO_EPROTO, "not MessagePack");
  refused(decode("dfffffffff"), SIO_EPROTO, "not MessagePack");
}

static int nested(unsigned levels) {
  char all[4096], *p = all + 15;
  from_hex(all, "83a47479706502a46461746192a161");
  memset(p, (char)0x91, levels);
  p += levels;
  memcpy(p, "\xc0\xa3nsp\xa1/", 7);
  return decode_n(all, (size_t)(p + 7 - all));
}

TEST(nesting_has_the_limit_that_json_has) {
  EQ(nested(511), DECODE_PACKET);
  refused(nested(512), SIO_EDEPTH, "payload nested too deep");
  refused(nested(3000), SIO_EDEPTH, "payload nested too deep");
}

TEST(the_text_that_comes_of_it_is_limited) {
  limits.max_packet = 60;
  EQ(decode_value("a4000000"
                  "00"),
     DECODE_PACKET);
  refused(decode_value("ac000000000000000000000000"), SIO_ETOOBIG, "packet too big");
  limits.max_packet = 10000000;
}

/* The bare value, into at most so many bytes of text. */
static int value_to_json(const char *bytes, size_t n, size_t max, struct sio_parser_out *out) {
  sio_slice in = slice(guard_put(&guard, bytes, n), n);
  *out = (struct sio_parser_out){ .home = &home, .max = max, .max_bins = 10 };
  out->text = sio__msg_new(&home, 16);
  return sio__msgpack_to_json(in, out);
}

static void fits_exactly(const char *hex, const char *json) {
  char bytes[256];
  size_t n = from_hex(bytes, hex), len = strlen(json);
  struct sio_parser_out out;
  for (size_t max = 0; max <= len; max++) {
    EQ(value_to_json(bytes, n, max, &out), max < len ? SIO_ETOOBIG : 0);
    if (max == len) EQ_MEM(msg_data(out.text), out.text->len, json, len);
    CHECK(out.text->len <= max);
    sio__parser_out_clear(&out);
  }
}

TEST(a_value_is_read_up_to_the_last_byte_that_its_text_may_have) {
  fits_exactly("82a161920105a162c3", "{\"a\":[1,5],\"b\":true}");
  fits_exactly("8105a26162", "{\"5\":\"ab\"}");
  fits_exactly("92d505abcdc0", "[[5,{\"_placeholder\":true,\"num\":0}],null]");
  fits_exactly("d700ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\"");
  done();
}

TEST(half_a_value_is_never_taken_for_a_whole_one) {
  char bytes[64];
  size_t n = from_hex(bytes, "82a161920105a162c3");
  struct sio_parser_out out;
  for (size_t cut = 0; cut < n; cut++) {
    EQ(value_to_json(bytes, cut, 1000, &out), SIO_EPROTO);
    sio__parser_out_clear(&out);
  }
  done();
}

/* ---- out ------------------------------------------------------------------------------------ */

static void is_written(struct msg *json, enum packet_type type, const char *nsp, int64_t id,
                       const char *hex) {
  char want[1024];
  struct msg *m = NULL;
  EQ(sio__custom_parser_encode_packet(sio_parser_msgpack, &home, json, type, slice_str(nsp), id,
                                      &m),
     0);
  CHECK(m && m->binary && !m->next);
  size_t n = from_hex(want, hex);
  if (m) EQ_MEM(msg_data(m), m->len, want, n);
  msg_unref(m);
  msg_unref(json);
}

static struct msg *json_of(const char *nsp, const char *name, sio_args args, int64_t id) {
  struct msg *m = NULL;
  EQ(sio__encode_event_or_ack(&home, &scratch, &m, nsp, name, args, id), 0);
  return m;
}

TEST(packets_are_written_as_the_reference_writes_them) {
  struct msg *m;
  unsigned char b[] = { 1, 2 }, nine = 9;
  EQ(sio__encode_connect_packet(&home, &m, "/", "zqhxAJjg9URU_-eKAAAA", NULL), 0);
  is_written(m, PACKET_CONNECT, "/", -1,
             "83a47479706500a46461746181a3736964b47a716878414a6a67395552555f2d654b41414141a36e7370"
             "a12f");
  sio_val args[] = { sio_bin(b, 2), sio_json(SLICE("{\"n\":1.5}")), sio_str("Q830sAE") };
  is_written(json_of("/", "hi", sio_argv(args, 3), -1), PACKET_EVENT, "/", -1,
             "83a47479706502a46461746194a26869c402010281a16ecb3ff8000000000000a751383330734145a36e"
             "7370a12f");
  sio_val one = sio_int(1);
  is_written(json_of("/", "need", sio_argv(&one, 1), 0), PACKET_EVENT, "/", 0,
             "84a47479706502a46461746192a46e65656401a2696400a36e7370a12f");
  EQ(sio__encode_connect_error_packet(&home, &scratch, &m, SLICE("/x"), "nope",
                                      sio_json(SLICE("{\"code\":7}"))),
     0);
  is_written(m, PACKET_CONNECT_ERROR, "/x", -1,
             "83a47479706504a46461746182a76d657373616765a46e6f7065a46461746181a4636f646507a36e7370"
             "a22f78");
  sio_val ok[] = { sio_str("ok"), sio_bin(&nine, 1) };
  is_written(json_of("/", NULL, sio_argv(ok, 2), 0), PACKET_ACK, "/", 0,
             "84a2696400a47479706503a46461746192a26f6bc40109a36e7370a12f");
  EQ(sio__encode_disconnect_packet(&home, &m, "/"), 0);
  is_written(m, PACKET_DISCONNECT, "/", -1, "82a47479706501a36e7370a12f");
  done();
}

TEST(a_namespace_of_digits_and_brackets_is_not_taken_for_the_payload) {
  sio_val one = sio_int(1);
  is_written(json_of("/5[{-", "a", sio_argv(&one, 1), 7), PACKET_EVENT, "/5[{-", 7,
             "84a47479706502a46461746192a16101a2696407a36e7370a52f355b7b2d");
  done();
}

TEST(integers_of_64_bits_and_texts_of_any_form_are_written) {
  sio_val v = sio_json(SLICE("[ -9223372036854775808\t,\r\n18446744073709551615,1e3,-0,1e400,"
                             "\"\\u00e9\\n\\ud83d\\ude00\", { } ,[ ],true,false,null]"));
  is_written(json_of("/", "a", sio_argv(&v, 1), -1), PACKET_EVENT, "/", -1,
             "83a47479706502a46461746192a1619bd38000000000000000cfffffffffffffffffcd03e800cb7ff000"
             "0000000000a7c3a90af09f98808090c3c2c0a36e7370a12f");
  done();
}

/* The start of an event "a" with one argument, which is appended. */
static const char before[] = "\x83\xa4type\2\xa4"
                             "data\x92\xa1"
                             "a";
enum { BEFORE = sizeof before - 1 };

static struct msg *packed(sio_val v) {
  struct msg *json = json_of("/", "a", sio_argv(&v, 1), -1), *m = NULL;
  EQ(sio__custom_parser_encode_packet(sio_parser_msgpack, &home, json, PACKET_EVENT, SLICE("/"), -1,
                                      &m),
     0);
  if (!m || memcmp(msg_data(m), before, BEFORE) != 0) abort();
  EQ(decode_n(msg_data(m), m->len), DECODE_PACKET);
  msg_unref(json);
  return m;
}

static void begins(sio_val v, const char *head, size_t n) {
  struct msg *m = packed(v);
  EQ_MEM(msg_data(m) + BEFORE, n, head, n);
  msg_unref(m);
}
#define BEGINS(v, head) begins(v, head, sizeof(head) - 1)

TEST(every_length_has_the_shortest_head_and_is_read_again) {
  static char x[65536];
  memset(x, 'x', sizeof x);
  BEGINS(sio_strn(x, 31), "\xbfx");
  BEGINS(sio_strn(x, 32), "\xd9\x20x");
  BEGINS(sio_strn(x, 255), "\xd9\xffx");
  BEGINS(sio_strn(x, 256), "\xda\1\0x");
  BEGINS(sio_strn(x, 65535), "\xda\xff\xffx");
  BEGINS(sio_strn(x, 65536), "\xdb\0\1\0\0x");
  BEGINS(sio_bin(x, 255), "\xc4\xffx");
  BEGINS(sio_bin(x, 256), "\xc5\1\0x");
  BEGINS(sio_bin(x, 65535), "\xc5\xff\xffx");
  BEGINS(sio_bin(x, 65536), "\xc6\0\1\0\0x");
  done();
}

/* n elements of one digit, or pairs. */
static sio_val list_of(char *text, bool map, size_t n) {
  size_t at = 0;
  text[at++] = map ? '{' : '[';
  for (size_t i = 0; i < n; i++) at += (size_t)sprintf(text + at, map ? "\"%zu\":7," : "7,", i);
  text[n ? at - 1 : at++] = map ? '}' : ']';
  return sio_json(slice(text, at));
}

TEST(every_count_has_the_shortest_head_and_is_read_again) {
  char *text = malloc(1 << 20);
  BEGINS(list_of(text, false, 0), "\x90");
  BEGINS(list_of(text, false, 15), "\x9f\7");
  BEGINS(list_of(text, false, 16), "\xdc\0\x10\7");
  BEGINS(list_of(text, false, 65535), "\xdc\xff\xff\7");
  BEGINS(list_of(text, false, 65536), "\xdd\0\1\0\0\7");
  BEGINS(list_of(text, true, 15), "\x8f\xa1"
                                  "0\7");
  BEGINS(list_of(text, true, 16), "\xde\0\x10\xa1"
                                  "0\7");
  BEGINS(list_of(text, true, 65536), "\xdf\0\1\0\0\xa1"
                                     "0\7");
  free(text);
  done();
}

TEST(every_integer_has_the_shortest_form_and_is_read_again) {
  static const struct {
    int64_t i;
    const char *head;
    size_t n;
  } t[] = {
    { 127, "\x7f", 1 },
    { 128, "\xcc\x80", 2 },
    { 255, "\xcc\xff", 2 },
    { 256, "\xcd\1\0", 3 },
    { 65535, "\xcd\xff\xff", 3 },
    { 65536, "\xce\0\1\0\0", 5 },
    { 4294967295, "\xce\xff\xff\xff\xff", 5 },
    { 4294967296, "\xcf\0\0\0\1\0\0\0\0", 9 },
    { -1, "\xff", 1 },
    { -32, "\xe0", 1 },
    { -33, "\xd0\xdf", 2 },
    { -128, "\xd0\x80", 2 },
    { -129, "\xd1\xff\x7f", 3 },
    { -32768, "\xd1\x80\0", 3 },
    { -32769, "\xd2\xff\xff\x7f\xff", 5 },
    { -2147483648, "\xd2\x80\0\0\0", 5 },
    { -2147483649, "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", 9 },
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char want[64];
    begins(sio_int(t[i].i), t[i].head, t[i].n);
    snprintf(want, sizeof want, "[\"a\",%lld]", (long long)t[i].i);
    EQ_MEM(packet.json.p, packet.json.n, want, strlen(want));
  }
  done();
}

TEST(only_a_packet_with_binary_has_placeholders) {
  sio_val v = sio_json(SLICE("{\"_placeholder\":true,\"num\":0}"));
  is_written(json_of("/", "a", sio_argv(&v, 1), -1), PACKET_EVENT, "/", -1,
             "83a47479706502a46461746192a16182ac5f706c616365686f6c646572c3a36e756d00a36e7370a12f");
  done();
}

TEST(without_memory_nothing_is_read_or_written_and_nothing_leaks) {
  static char many[152] = "[";
  for (int i = 0; i < 50; i++) memcpy(many + 1 + 3 * i, "[],", 3);
  many[150] = ']';
  sio_val v[] = { sio_json(slice(many, 151)), sio_bin("xy", 2) };
  alloc_install();
  for (size_t fuse = 1; fuse < 12; fuse++) {
    struct msg *json = json_of("/", "a", sio_argv(v, 2), -1), *m = NULL;
    alloc_fail_in(fuse);
    int err = sio__custom_parser_encode_packet(sio_parser_msgpack, &home, json, PACKET_EVENT,
                                               SLICE("/"), -1, &m);
    CHECK(err == 0 || err == UV_ENOMEM);
    CHECK((err == 0) == (m != NULL));
    if (m) (void)decode_n(msg_data(m), m->len);
    alloc_fail_in(0);
    msg_unref(m);
    msg_unref(json);
    done();
    EQ(alloc_live, 0);
  }
}

static int write_parts(const sio_parts *p, size_t max, struct sio_parser_out *out) {
  *out = (struct sio_parser_out){ .home = &home, .max = max };
  out->text = sio__msg_new(&home, 16);
  return sio_parser_msgpack->encode(p, out);
}

/* With every maximum that is too small the encoder fails, and writes nothing after it. */
static void is_written_exactly(const sio_parts *p) {
  struct sio_parser_out whole, part;
  EQ(write_parts(p, UINT32_MAX, &whole), 0);
  for (size_t max = 0; max <= whole.text->len; max++) {
    EQ(write_parts(p, max, &part), max < whole.text->len ? SIO_ETOOBIG : 0);
    CHECK(part.text->len <= max);
    sio__parser_out_clear(&part);
  }
  sio__parser_out_clear(&whole);
}

TEST(a_message_takes_its_bytes_and_not_one_less) {
  sio_slice bin = SLICE("xyz");
  is_written_exactly(&(sio_parts){ SIO_PACKET_EVENT, SLICE("/n"), 300,
                                   SLICE("[\"a\\n\",{\"k\":1.5},{\"_placeholder\":true,"
                                         "\"num\":0},null]"),
                                   &bin, 1 });
  is_written_exactly(&(sio_parts){ SIO_PACKET_ACK, SLICE("/n"), 300, SLICE("[-500]"), NULL, 0 });
  is_written_exactly(&(sio_parts){ SIO_PACKET_DISCONNECT, SLICE("/"), -1, SLICE(""), NULL, 0 });
  done();
}

static void json_is(const char *json, const char *hex, int want) {
  struct sio_parser_out out = { .home = &home, .max = 10000, .text = sio__msg_new(&home, 16) };
  char bytes[256];
  sio_slice bin = SLICE("x");
  size_t n = from_hex(bytes, hex);
  EQ(sio__msgpack_from_json(slice_str(json), &bin, 1, &out), want);
  if (!want) EQ_MEM(msg_data(out.text), out.text->len, bytes, n);
  sio__parser_out_clear(&out);
}

TEST(what_only_looks_like_a_placeholder_is_written_as_the_object_it_is) {
  json_is("{\"_placeholder\":true,\"num\":0}", "c40178", 0);
  json_is("{\"_placeholder\":true,\"num\":1}", "82ac5f706c616365686f6c646572c3a36e756d01", 0);
  json_is("{\"_placeholder\":true,\"num\":0.5}",
          "82ac5f706c616365686f6c646572c3a36e756dcb3fe0000000000000", 0);
  json_is("{\"_placeholder\":true,\"num\":0,\"a\":1}",
          "83ac5f706c616365686f6c646572c3a36e756d00a16101", 0);
  json_is("{\"_placeholder\":true,\"num\":-1}", "82ac5f706c616365686f6c646572c3a36e756dff", 0);
  done();
}

TEST(a_lone_number_is_a_value_too) {
  json_is("12", "0c", 0);
  json_is("1E2", "64", 0);
  done();
}

TEST(what_nests_deeper_than_we_read_is_not_written) {
  char text[2 * JSON_DEPTH_MAX + 3] = "";
  memset(text, '[', JSON_DEPTH_MAX + 1);
  memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
  json_is(text, "", SIO_EDEPTH);
  done();
}

TEST(without_memory_for_a_long_string_a_message_is_not_written) {
  static char text[10000];
  memset(text, 'x', sizeof text);
  memcpy(text, "\"\\n", 3);
  text[sizeof text - 1] = '"';
  alloc_install();
  struct sio_parser_out out = { .home = &home, .max = 20000, .text = sio__msg_new(&home, 16) };
  alloc_fail_in(1);
  EQ(sio__msgpack_from_json(slice(text, sizeof text), NULL, 0, &out), UV_ENOMEM);
  EQ(out.text->len, 0);
  EQ(sio__msgpack_from_json(slice(text, sizeof text), NULL, 0, &out), 0);
  EQ(out.text->len, sizeof text - 3 + 3);
  sio__parser_out_clear(&out);
  done();
  EQ(alloc_live, 0);
}

/* ---- a parser of one's own ------------------------------------------------------------------- */

/* "<type>;<nsp>;<json>" */
static int own_encode(const sio_parts *p, sio_parser_out *out) {
  char type[2] = { (char)('0' + p->type), ';' };
  int err = sio_parser_put(out, type, 2);
  if (!err) err = sio_parser_put(out, p->nsp.p, p->nsp.n);
  if (!err) err = sio_parser_put(out, ";", 1);
  return err ? err : sio_parser_put(out, p->json.p, p->json.n);
}

static int own_decode(bool binary, sio_slice s, sio_parts *p, sio_parser_out *out,
                      const char **reason) {
  sio_slice part;
  (void)binary, (void)reason;
  if (!sio__slice_split(&s, ';', &part) || part.n != 1) return SIO_EPROTO;
  p->type = part.p[0] - '0';
  sio__slice_split(&s, ';', &p->nsp);
  return sio_parser_put(out, s.p, s.n);
}

static const sio_parser_ops parser_of_ones_own = { .name = "own",
                                                   .encode = own_encode,
                                                   .decode = own_decode };

static int own_read(const char *text) {
  sio__parser_out_clear(&own);
  return sio__custom_parser_decode_packet(&parser_of_ones_own, &home, &scratch, &limits, false,
                                          slice_str(text), &own, &packet, &why);
}

TEST(a_parser_of_ones_own_is_written_with_two_functions) {
  sio_val one = sio_int(1);
  struct msg *json = json_of("/n", "a", sio_argv(&one, 1), -1), *m = NULL;
  EQ(sio__custom_parser_encode_packet(&parser_of_ones_own, &home, json, PACKET_EVENT, SLICE("/n"),
                                      -1, &m),
     0);
  EQ_MEM(msg_data(m), m->len, "42;/n;[\"a\",1]", 13);
  EQ(m->binary, 0);
  msg_unref(m);
  msg_unref(json);
  EQ(own_read("2;/n;[\"a\",1]"), DECODE_PACKET);
  EQ_MEM(packet.json.p, packet.json.n, "[\"a\",1]", 7);
  done();
}

/* Each argument is a byte, '"' or '#', and what it holds: text or bytes. */
static int lines_decode(bool binary, sio_slice s, sio_parts *p, sio_parser_out *out,
                        const char **reason) {
  sio_slice part;
  (void)binary, (void)reason;
  p->type = SIO_PACKET_EVENT;
  p->nsp = SLICE("/");
  int err = sio_parser_put(out, "[", 1);
  for (bool more = false; !err && s.n; more = true) {
    sio__slice_split(&s, ';', &part);
    sio_slice held = slice(part.p + 1, part.n - 1);
    if (more) err = sio_parser_put(out, ",", 1);
    if (!err)
      err = part.p[0] == '#' ? sio_parser_put_bin(out, held) : sio_parser_put_string(out, held);
  }
  return err ? err : sio_parser_put(out, "]", 1);
}

TEST(it_writes_texts_and_bytes_of_any_kind) {
  static const sio_parser_ops lines = {
    .name = "lines", .binary = true, .encode = own_encode, .decode = lines_decode
  };
  static const char message[] = "\"n\";\"a\\\xff\n;#\0\1;#";
  EQ(sio__custom_parser_decode_packet(&lines, &home, &scratch, &limits, true,
                                      slice(message, sizeof message - 1), &own, &packet, &why),
     DECODE_PACKET);
  static const char json[] = "[\"n\\\"\",\"a\\\\\xef\xbf\xbd\\n\","
                             "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]";
  EQ_MEM(packet.json.p, packet.json.n, json, sizeof json - 1);
  EQ(packet.nbins, 2);
  EQ_MEM(packet.bins[0].p, packet.bins[0].n, "\0\1", 2);
  EQ(packet.bins[1].n, 0);
  done();
}

TEST(what_a_parser_of_ones_own_makes_is_checked) {
  refused(own_read("9;/;[\"a\"]"), SIO_EPROTO, "invalid packet type");
  refused(own_read("2;\xff;[\"a\"]"), SIO_EPROTO, "invalid namespace");
  refused(own_read("2;/;[\"a\""), SIO_EPROTO, "invalid payload");
  refused(own_read("2;/;[\"\xff\"]"), SIO_EPROTO, "invalid payload");
  refused(own_read("2;/;"), SIO_EPROTO, "invalid payload");
  refused(own_read("none"), SIO_EPROTO, "invalid payload");
  refused(own_read("/;/;[\"a\"]"), SIO_EPROTO, "invalid packet type");
  refused(own_read("2;;[\"a\"]"), SIO_EPROTO, "invalid namespace");
  refused(own_read("2;x;[\"a\"]"), SIO_EPROTO, "invalid namespace");
}

static int positive_encode(const sio_parts *p, sio_parser_out *out) {
  (void)p, (void)out;
  return 1;
}
static int positive_decode(bool binary, sio_slice s, sio_parts *p, sio_parser_out *out,
                           const char **reason) {
  int err = own_decode(binary, s, p, out, reason);
  return err ? err : DECODE_PACKET;
}

TEST(a_parser_of_ones_own_that_returns_a_positive_number_has_failed) {
  static const sio_parser_ops ops = { .name = "positive",
                                      .encode = positive_encode,
                                      .decode = positive_decode };
  sio_val one = sio_int(1);
  struct msg *json = json_of("/", "a", sio_argv(&one, 1), -1), *m = NULL;
  EQ(sio__custom_parser_encode_packet(&ops, &home, json, PACKET_EVENT, SLICE("/"), -1, &m),
     SIO_EPROTO);
  CHECK(!m);
  msg_unref(json);
  EQ(sio__custom_parser_decode_packet(&ops, &home, &scratch, &limits, false, SLICE("2;/;[\"a\"]"),
                                      &own, &packet, &why),
     SIO_EPROTO);
  EQ_STR(why, "invalid payload");
  done();
}

static int64_t id_of_ones_own;
static int id_decode(bool binary, sio_slice s, sio_parts *p, sio_parser_out *out,
                     const char **reason) {
  p->id = id_of_ones_own;
  return own_decode(binary, s, p, out, reason);
}

TEST(an_id_that_a_parser_of_ones_own_finds_is_one_that_javascript_has) {
  static const sio_parser_ops ops = { .name = "ids", .encode = own_encode, .decode = id_decode };
  static const struct {
    int64_t id;
    int want;
  } t[] = { { -2, SIO_EPROTO },
            { -1, DECODE_PACKET },
            { 0, DECODE_PACKET },
            { INT64_C(9007199254740991), DECODE_PACKET },
            { INT64_C(9007199254740992), SIO_EPROTO } };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    id_of_ones_own = t[i].id;
    EQ(sio__custom_parser_decode_packet(&ops, &home, &scratch, &limits, false, SLICE("2;/;[\"a\"]"),
                                        &own, &packet, &why),
       t[i].want);
    if (t[i].want < 0) EQ_STR(why, "invalid packet id");
    done();
  }
}

TEST(a_message_of_the_other_kind_or_too_long_never_reaches_a_parser_of_ones_own) {
  sio_slice text = SLICE("2;/;[\"a\"]");
  int got = sio__custom_parser_decode_packet(&parser_of_ones_own, &home, &scratch, &limits, true,
                                             text, &own, &packet, &why);
  CHECK(got == SIO_EPROTO && strstr(why, "another parser"));
  done();
  limits.max_packet = text.n - 1;
  refused(own_read("2;/;[\"a\"]"), SIO_ETOOBIG, "packet too big");
  limits.max_packet = text.n;
  EQ(own_read("2;/;[\"a\"]"), DECODE_PACKET);
  limits.max_packet = 10000000;
  done();
}

TESTS_BEGIN
T(what_the_javascript_client_sends_is_read)
T(every_form_of_a_value_is_read)
T(maps_have_strings_or_integers_for_keys)
T(undefined_is_left_out_of_maps_and_null_elsewhere)
T(dates_become_what_to_json_makes_of_them)
T(binary_and_the_clients_array_buffers_are_attachments)
T(an_unknown_extension_becomes_its_type_and_a_binary)
T(what_the_reference_refuses_is_refused_in_its_words)
T(we_are_stricter_where_a_handler_would_be_misled)
T(of_equal_keys_the_last_counts)
T(a_message_has_one_value_and_no_bytes_after_it)
T(text_is_from_a_client_with_another_parser)
T(a_message_cut_anywhere_is_refused)
T(counts_without_as_many_bytes_take_no_memory)
T(nesting_has_the_limit_that_json_has)
T(the_text_that_comes_of_it_is_limited)
T(a_value_is_read_up_to_the_last_byte_that_its_text_may_have)
T(half_a_value_is_never_taken_for_a_whole_one)
T(packets_are_written_as_the_reference_writes_them)
T(a_namespace_of_digits_and_brackets_is_not_taken_for_the_payload)
T(integers_of_64_bits_and_texts_of_any_form_are_written)
T(every_length_has_the_shortest_head_and_is_read_again)
T(every_count_has_the_shortest_head_and_is_read_again)
T(every_integer_has_the_shortest_form_and_is_read_again)
T(only_a_packet_with_binary_has_placeholders)
T(without_memory_nothing_is_read_or_written_and_nothing_leaks)
T(a_message_takes_its_bytes_and_not_one_less)
T(what_only_looks_like_a_placeholder_is_written_as_the_object_it_is)
T(a_lone_number_is_a_value_too)
T(what_nests_deeper_than_we_read_is_not_written)
T(without_memory_for_a_long_string_a_message_is_not_written)
T(a_parser_of_ones_own_is_written_with_two_functions)
T(it_writes_texts_and_bytes_of_any_kind)
T(what_a_parser_of_ones_own_makes_is_checked)
T(a_parser_of_ones_own_that_returns_a_positive_number_has_failed)
T(an_id_that_a_parser_of_ones_own_finds_is_one_that_javascript_has)
T(a_message_of_the_other_kind_or_too_long_never_reaches_a_parser_of_ones_own)
TESTS_END
