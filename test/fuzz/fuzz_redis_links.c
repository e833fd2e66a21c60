/* SPDX-License-Identifier: MIT
 *
 * fuzz_redis_links.c - replies of Redis to what the connections ask: the entries of a stream, and
 * the answers of a Redis Cluster and of sentinels, which say where to connect. Nothing connects
 * anywhere: sio__link_start_connecting_if_down() does nothing here. The input is steps: a byte that
 * says what, two bytes of length, and so many bytes, which are one reply or several.
 *
 *     r   to XREAD, or XREVRANGE, on the connection that reads the stream
 *     w   to XADD, or to the fence, on the one that adds to it; there is always an XADD that waits
 *     p   to the oldest question about a client that returns: XRANGE for its offset, EXEC of GET
 *         and DEL, XRANGE for what it missed. Commands before it are answered with "9-9"
 *     c   of a node of a cluster to a command that can follow its slot (MOVED, ASK)
 *     s   of a node to a subscription; sunsubscribe
 *     t   CLUSTER SLOTS, from the node that the url names
 *     m   SENTINEL GET-MASTER-ADDR-BY-NAME
 *     g   ROLE, from what is said to be the master
 *
 * Whatever they say, a peer is only sent JSON, at most 1000 nodes are known, and nothing is left.
 */
#include "fuzz.h"

#include "alloc.h"
#include "base/utf8.h"
#include "packet/json.h"
#include "redis/context.h"
#include "redis/stream.h"
#include <sio/adapter.h>
#include <sio/sio.h>
#include <sio/test.h>

enum { SERVERS_MAX = 1000 };

static uv_loop_t uv;
static sio_redis *single, *nodes, *sentinels;
static sio_redis_adapter_options of_single, of_nodes, of_sentinels;
static sio_server *servers[3];
static sio_test_peer *peer, *back;
static unsigned nclosed;

void __wrap_sio__link_start_connecting_if_down(struct link *l);
void __wrap_sio__link_start_connecting_if_down(struct link *l) { (void)l; }

/* ---- a life ---------------------------------------------------------------------------------- */

static sio_redis *redis_with(const char *url) {
  sio_redis *r;
  DEMAND(sio_redis_new(&uv, &(sio_redis_options){ .url = url, .max_queued = 20000 }, NULL, 0, &r) ==
         0);
  return r;
}

static sio_server *server_with(const sio_adapter_ops *ops, sio_redis_adapter_options *a,
                               sio_redis *r) {
  static const sio_recovery recovery;
  sio_server *srv;
  sio_nsp *root;
  *a = (sio_redis_adapter_options){ .redis = r };
  sio_options o = { .adapter = ops, .adapter_user = a, .recovery = &recovery };
  DEMAND(sio_server_new(&uv, &o, &srv) == 0 && sio_of(srv, "/", &root) == 0);
  return srv;
}

static struct stream *the_stream(const sio_redis *r) {
  DEMAND(!list_is_empty(&r->parts));
  return container_of(r->parts.next, struct stream, part.link);
}

static void begin(void) {
  static bool begun;
  if (!begun) DEMAND(uv_loop_init(&uv) == 0);
  begun = true;
  alloc_install();
  nclosed = 0;
  single = redis_with("unix:///nowhere/at/all");
  nodes = redis_with("redis+cluster://127.0.0.1:1");
  sentinels = redis_with("redis+sentinel://127.0.0.1:1/name");
  servers[0] = server_with(sio_redis_streams_adapter, &of_single, single);
  servers[1] = server_with(sio_redis_sharded_adapter, &of_nodes, nodes);
  servers[2] = server_with(sio_redis_adapter, &of_sentinels, sentinels);
  the_stream(single)->open = true;
  DEMAND(sio_test_connect(servers[0], "/", NULL, &peer) == 0);
  DEMAND(sio_test_connect(servers[0], "/", "{\"pid\":\"30W7ZDd8ZgFjh8FkAAAB\",\"offset\":\"7-1\"}",
                          &back) == 0);
}

static void check_peer(sio_test_peer *p) {
  const char *text;
  while ((text = sio_test_next(p))) {
    struct json_scan scan = { 0 };
    if (*text != '[') continue;
    DEMAND(sio__utf8_is_valid(text, strlen(text)));
    DEMAND(sio__json_scan_text(&scan, slice_str(text), JSON_DEPTH_MAX, NULL) == 0);
    sio__json_scan_clear(&scan);
  }
  sio_test_free(p);
}

static void on_closed(void *user) {
  (void)user;
  nclosed++;
}

static void finish(void) {
  check_peer(peer);
  check_peer(back);
  for (int i = 0; i < 3; i++) sio_server_close(servers[i], on_closed, NULL);
  for (int i = 0; i < 10 && nclosed < 3; i++) uv_run(&uv, UV_RUN_NOWAIT);
  sio_redis_free(single);
  sio_redis_free(nodes);
  sio_redis_free(sentinels);
  for (int i = 0; i < 4; i++) uv_run(&uv, UV_RUN_NOWAIT);
  DEMAND(nclosed == 3 && alloc_live == 0);
}

/* ---- what was heard -------------------------------------------------------------------------- */

static struct redis_server *any_node(void) {
  if (list_is_empty(&nodes->pairs)) return NULL;
  return container_of(nodes->pairs.next, struct redis_server, in_pairs);
}

/* As if all queued commands had been written: without this no reply is expected. */
static void write_commands(struct link *l) { l->nwritten = l->nexpects; }

/* There is always an XADD that waits for the reply. */
static void hear_written(const redisReply *r) {
  struct stream *st = the_stream(single);
  sio_nsp *root = sio_nsp_find(servers[0], "/");
  sio_broadcast((sio_target){ .nsp = root }, "ev", SIO_NONE);
  st->open = true;
  write_commands(&st->writer);
  st->writer.ops->reply(&st->writer, r);
}

/* Redis answers each command once, so a restore that has no question open gets no reply. */
static void hear_of_returned_client(const redisReply *r) {
  static char id[] = "9-9";
  static const redisReply other = { .type = REDIS_REPLY_STRING, .str = id, .len = sizeof id - 1 };
  struct link *l = &the_stream(single)->writer;
  write_commands(l);
  for (uint32_t n = l->nexpects; n && l->nwritten; n--) {
    const char kind = l->expects[l->first].id[0];
    bool is_question = kind && strchr("ogp", kind);
    l->ops->reply(l, is_question ? r : &other);
    if (is_question) return;
  }
}

static void hear_of_node(const redisReply *r) {
  static const struct link_expect nobody = { 0 };
  static const sio_slice words[] = { { "SPUBLISH", 8 }, { "key", 3 }, { "x", 1 } };
  struct redis_server *p = any_node();
  if (!p) return;
  struct link_expect e = nobody;
  e.slot = (int)sio__cluster_slot_of_key(words[1]);
  if (p->commands.nexpects == 0) (void)sio__link_queue_command(&p->commands, &e, words, 3);
  write_commands(&p->commands);
  p->commands.ops->reply(&p->commands, r);
}

static void hear_of_subscriber(const redisReply *r) {
  struct redis_server *p = any_node();
  if (p) p->subscriber.ops->reply(&p->subscriber, r);
}

static unsigned count_nodes(void) {
  unsigned n = 0;
  redis_servers_each(p, nodes) n++;
  return n;
}

static void hear_reply(char what, const redisReply *r) {
  struct stream *st = the_stream(single);
  switch (what) {
    case 'r': st->reader.ops->reply(&st->reader, r); break;
    case 'w': hear_written(r); break;
    case 'p': hear_of_returned_client(r); break;
    case 'c': hear_of_node(r); break;
    case 's': hear_of_subscriber(r); break;
    case 't': (void)nodes->discovery.ops->greeted(&nodes->discovery, r); break;
    case 'm': (void)sentinels->discovery.ops->greeted(&sentinels->discovery, r); break;
    case 'g': {
      struct link *l = &sentinels->only_server->commands;
      (void)l->ops->greeted(l, r);
      break;
    }
    default: break;
  }
  DEMAND(count_nodes() <= SERVERS_MAX);
  sio__link_drop_all_commands(&st->reader);
}

static void hear(char what, sio_slice bytes) {
  struct reply_reader reader;
  redisReply *r;
  DEMAND(sio__reply_reader_init(&reader, 100000, REPLY_ELEMENTS) == 0);
  int err = sio__reply_reader_feed(&reader, bytes.p, bytes.n);
  while (!err && (err = sio__reply_reader_next(&reader, &r)) == 0 && r) {
    hear_reply(what, r);
    freeReplyObject(r);
  }
  sio__reply_reader_clear(&reader);
  uv_run(&uv, UV_RUN_NOWAIT);
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
