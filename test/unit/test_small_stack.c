/* SPDX-License-Identifier: MIT
 *
 * test_small_stack.c - the deepest JSON and MessagePack that a server may take, on the stack that a
 * thread has with musl: 128 KiB.
 */
#include "core/event.h"
#include "packet/json.h"
#include "packet/msgpack.h"
#include "packet/tree.h"
#include "test.h"
#include <cjson/cJSON.h>
#include <pthread.h>
#include <sio/error.h>

#if defined(__SANITIZE_ADDRESS__)
enum { STACK = 512 * 1024 }; /* its frames are several times as large */
#else
enum { STACK = 128 * 1024 };
#endif

enum { LEVELS = JSON_DEPTH_MAX - 1, TEXT = 2 * LEVELS + 6 };

static char text[TEXT];
static char packed[2 * JSON_DEPTH_MAX + 64];
static size_t packed_n;

static void *read_and_write(void *unused) {
  struct json_scan scan = { 0 };
  struct decode_scratch scratch = { 0 };
  struct decoder_limits limits = { 10, JSON_DEPTH_MAX, 1 << 20 };
  struct msgs home;
  struct sio_event e;
  struct sio_parser_out out = { 0 };
  struct packet got;
  const char *why = "";
  sio_slice json = slice(text, sizeof text);
  (void)unused;
  sio__msg_allocator_init(&home);
  EQ(sio__json_scan_text(&scan, json, JSON_DEPTH_MAX, NULL), 0);
  struct packet p = { .type = PACKET_EVENT, .id = PACKET_NO_ID, .json = json, .scan = &scan };
  EQ(sio__event_init(&e, NULL, &p), 0);
  const cJSON *tree = sio_event_tree(&e, 0);
  CHECK(tree != NULL);
  struct msg *m = sio__msg_new(&home, 1);
  EQ(sio__tree_append_as_json_to_msg(&m, tree, &scratch.sent, JSON_DEPTH_MAX, false), 0);
  EQ(m->len, json.n - 6); /* the argument, without ["a",] */
  msg_unref(m);
  sio__event_clear(&e);
  EQ(sio__custom_parser_decode_packet(sio_parser_msgpack, &home, &scratch, &limits, true,
                                      slice(packed, packed_n), &out, &got, &why),
     DECODE_PACKET);
  sio__parser_out_clear(&out);
  sio__decode_scratch_clear(&scratch);
  sio__json_scan_clear(&scan);
  sio__msg_allocator_clear(&home);
  return NULL;
}

static void pack(const void *p, size_t n) {
  memcpy(packed + packed_n, p, n);
  packed_n += n;
}

TEST(the_deepest_packet_is_read_and_written_on_a_small_stack) {
  pthread_t thread;
  pthread_attr_t how;
  memcpy(text, "[\"a\",", 5);
  memset(text + 5, '[', LEVELS);
  memset(text + 5 + LEVELS, ']', LEVELS + 1);
  packed_n = 0;
  pack("\x83\xa4type\x02\xa3nsp\xa1/\xa4"
       "data\x92\xa1"
       "a",
       21);
  memset(packed + packed_n, '\x91', JSON_DEPTH_MAX - 2);
  packed_n += JSON_DEPTH_MAX - 2;
  pack("\x90", 1);
  EQ(pthread_attr_init(&how), 0);
  EQ(pthread_attr_setstacksize(&how, STACK), 0);
  EQ(pthread_create(&thread, &how, read_and_write, NULL), 0);
  EQ(pthread_join(thread, NULL), 0);
  pthread_attr_destroy(&how);
}

TESTS_BEGIN
T(the_deepest_packet_is_read_and_written_on_a_small_stack)
TESTS_END
