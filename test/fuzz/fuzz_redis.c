/* SPDX-License-Identifier: MIT
 *
 * fuzz_redis.c - what comes from Redis: replies, and what other servers publish. The input is
 * steps: a byte that says what, two bytes of length, and so many bytes.
 *
 *     R   bytes of a connection, for the parser of replies; fed whole and in pieces
 *     b   a broadcast on the channel of all; r on that of a room that a peer is in
 *     q   a request of another server
 *     a   an answer to a question
 *     s   any message of the sharded adapter, for a second server
 *     ?   nothing: the host asks the others (the ids of the questions are id0000, id0001, ...)
 *     t   nothing: a turn of the loop
 *
 * Whatever it says, the peer of this server is only sent JSON, each question ends once, and what is
 * read in pieces is what is read whole.
 */
#include "fuzz.h"

#include "alloc.h"
#include "base/utf8.h"
#include "packet/json.h"
#include "redis/receive_request.h"
#include "redis/reply.h"
#include <sio/adapter.h>
#include <sio/sio.h>
#include <sio/test.h>
#include <uv.h>

static uv_loop_t uv;
static sio_redis *redis;
static sio_redis_adapter_options options, of_second;
static sio_server *srv, *second;
static sio_nsp *root;
static sio_adapter *adapter, *sharded; /* of "/" */
static sio_test_peer *peer;
static unsigned still_open, drawn;
static bool closed;

int __wrap_sio__random_alphanumeric_id(char out[CLASSIC_UID + 2]);
int __wrap_sio__random_alphanumeric_id(char out[CLASSIC_UID + 2]) {
  memset(out, 0, CLASSIC_UID + 2);
  snprintf(out, CLASSIC_UID + 1, "id%04u", drawn++ % 10000);
  return 0;
}

/* ---- replies --------------------------------------------------------------------------------- */

static void digest_reply(uint64_t *d, const redisReply *r) {
  digest(d, &r->type, sizeof r->type);
  digest(d, &r->integer, sizeof r->integer);
  if (r->str) digest(d, r->str, (size_t)r->len);
  for (size_t i = 0; i < r->elements; i++) digest_reply(d, r->element[i]);
}

static uint64_t read_replies(sio_slice bytes, size_t step) {
  struct reply_reader reader;
  redisReply *r;
  uint64_t d = 0;
  int err = 0;
  DEMAND(sio__reply_reader_init(&reader, 1000, REPLY_ELEMENTS) == 0);
  while (!err && bytes.n) {
    size_t n = bytes.n < step ? bytes.n : step;
    char *copy = piece(bytes.p, n);
    err = sio__reply_reader_feed(&reader, copy, n);
    free(copy);
    bytes = slice(bytes.p + n, bytes.n - n);
    while (!err && (err = sio__reply_reader_next(&reader, &r)) == 0 && r) {
      digest_reply(&d, r);
      freeReplyObject(r);
    }
  }
  DEMAND(err == 0 || err == SIO_EPROTO || err == SIO_ETOOBIG);
  sio__reply_reader_clear(&reader);
  return d;
}

static void hear_replies(sio_slice bytes) {
  if (bytes.n < 1000) DEMAND(read_replies(bytes, SIZE_MAX) == read_replies(bytes, 1));
  read_replies(bytes, 100);
}

/* ---- the host -------------------------------------------------------------------------------- */

static void check_json(sio_slice text) {
  struct json_scan scan = { 0 };
  DEMAND(sio__utf8_is_valid(text.p, text.n));
  DEMAND(sio__json_scan_text(&scan, text, JSON_DEPTH_MAX, NULL) == 0);
  sio__json_scan_clear(&scan);
}

static void on_said(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  for (size_t i = 0; i < sio_event_count(e); i++) check_json(sio_event_json(e, i));
  sio_reply(e, SIO_ARGS(sio_arg(e, 0)));
}

static void on_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)user;
  still_open--;
  for (size_t i = 0; i < r->count; i++) check_json(r->list[i].json);
}

static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)status, (void)user;
  still_open--;
  for (size_t i = 0; i < n; i++) {
    check_json(list[i].auth);
    check_json(list[i].data);
  }
}

static void on_count(int status, size_t n, void *user) {
  (void)status, (void)n, (void)user;
  still_open--;
}

static void on_closed(void *user) {
  (void)user;
  closed = true;
}

static void ask(void) {
  sio_target all = { .nsp = root };
  still_open += sio_server_side_emit(root, "asked", SIO_NONE, 0, on_replies, NULL) == 0;
  still_open += sio_all_fetch(all, 0, on_fetched, NULL) == 0;
  still_open += sio_broadcast_ack(all, "asked", SIO_NONE, 0, on_replies, NULL) == 0;
  still_open += sio_server_count(root, 0, on_count, NULL) == 0;
}

/* ---- a life ---------------------------------------------------------------------------------- */

static void hear_on(int which, const char *channel, sio_slice payload) {
  struct subscription *s = &adapter->subscriptions[which];
  s->on_message(s, slice_str(channel), payload);
}

static void hear_sharded(sio_slice payload) {
  struct subscription *s = &sharded->subscriptions[SHARDED_ALL];
  s->on_message(s, slice_str("s#/#"), payload);
}

static void hear(char what, sio_slice bytes) {
  switch (what) {
    case 'R': hear_replies(bytes); break;
    case 'b': hear_on(CLASSIC_BROADCASTS, "socket.io#/#", bytes); break;
    case 'r': hear_on(CLASSIC_BROADCASTS, "socket.io#/#room#", bytes); break;
    case 'q': hear_on(CLASSIC_REQUESTS, "socket.io-request#/#", bytes); break;
    case 'a': hear_on(CLASSIC_RESPONSES, "socket.io-response#/#", bytes); break;
    case 's': hear_sharded(bytes); break;
    case '?': ask(); break;
    case 't': uv_run(&uv, UV_RUN_NOWAIT); break;
    default: break;
  }
}

static sio_adapter *adapter_with(const char *name) {
  const struct subscription *s = sio__map_get(&redis->subscriptions, slice_str(name));
  DEMAND(s);
  return s->adapter;
}

static void begin(void) {
  static bool begun;
  if (!begun) DEMAND(uv_loop_init(&uv) == 0);
  begun = true;
  alloc_install();
  still_open = drawn = 0;
  closed = false;
  sio_redis_options r = { .url = "unix:///nowhere/at/all", .max_queued = 4000 };
  DEMAND(sio_redis_new(&uv, &r, NULL, 0, &redis) == 0);
  options.redis = redis;
  sio_options o = { .adapter = sio_redis_adapter, .adapter_user = &options, .max_answers = 4000 };
  DEMAND(sio_server_new(&uv, &o, &srv) == 0 && sio_of(srv, "/", &root) == 0);
  of_second = (sio_redis_adapter_options){ .redis = redis, .key = "s" };
  o = (sio_options){ .adapter = sio_redis_sharded_adapter, .adapter_user = &of_second };
  DEMAND(sio_server_new(&uv, &o, &second) == 0);
  adapter = adapter_with("socket.io-request#/#");
  sharded = adapter_with("s#/#");
  redis->state = SIO_REDIS_READY;
  DEMAND(sio_on_server_side(root, "said", on_said, NULL) == 0);
  DEMAND(sio_test_connect(srv, "/", NULL, &peer) == 0);
  if (sio_test_socket(peer)) DEMAND(sio_join(sio_test_socket(peer), "room") == 0);
}

static void finish(void) {
  const char *text;
  while ((text = sio_test_next(peer)))
    if (*text == '[') check_json(slice_str(text));
  sio_test_free(peer);
  sio_server_close(second, NULL, NULL);
  sio_server_close(srv, on_closed, NULL);
  for (int i = 0; i < 10 && !closed; i++) uv_run(&uv, UV_RUN_NOWAIT);
  sio_redis_free(redis);
  for (int i = 0; i < 3; i++) uv_run(&uv, UV_RUN_NOWAIT);
  DEMAND(closed && still_open == 0 && alloc_live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct command k;
  begin();
  while (take_command(&data, &size, &k)) {
    hear(k.what, slice(k.bytes, k.n));
    free(k.bytes);
  }
  finish();
  return 0;
}
