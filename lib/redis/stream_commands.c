/* SPDX-License-Identifier: MIT
 *
 * stream_commands.c - commands for the stream and for keys. A kind and a number in link_expect.id
 * say what a command was sent for. In a Redis Cluster each key has a slot of its own, which may be
 * on any server.
 */
#include "redis/stream_commands.h"

#include "base/err.h"
#include "redis/stream_entries.h"

static struct link_expect make_expected_reply_with_kind_and_number(char kind, uint64_t number) {
  struct link_expect expect = { .id = { kind }, .slot = LINK_NO_SLOT };
  for (int i = 0; number; number >>= 6, i++) expect.id[i + 1] = (char)('0' + (number & 63));
  return expect;
}

int sio__stream_writer_send_command(struct stream *st, char kind, uint64_t number,
                                    const sio_slice *words, size_t n) {
  const struct link_expect expect = make_expected_reply_with_kind_and_number(kind, number);
  int err = sio__link_queue_command(&st->writer, &expect, words, n);
  sio__redis_schedule_flush(st->redis);
  return err;
}

uint64_t sio__stream_decode_command_number(const struct link_expect *expect) {
  uint64_t n = 0;
  for (size_t i = strlen(expect->id); i-- > 1;) n = n << 6 | (uint64_t)(expect->id[i] - '0');
  return n;
}

static struct stream_entry *stream_find_key_entry(const struct stream *st, uint64_t number) {
  for (struct list *it = st->keys.next; it != &st->keys; it = it->next)
    if (stream_entry_of_list_node(it)->number == number) return stream_entry_of_list_node(it);
  return NULL;
}

/* Removes the entry whose command Redis has answered. If no reply will come (`reply` is NULL),
 * queues the entry again. */
static void on_key_command_reply_in_cluster(struct link *l, const struct link_expect *expect,
                                            const redisReply *reply) {
  sio_redis *r = sio__redis_server_of_link(l)->redis;
  uint64_t number = sio__stream_decode_command_number(expect);
  list_each (it, tmp, &r->parts) {
    struct stream *st = stream_of_part(container_of(it, struct redis_part, link));
    struct stream_entry *e = stream_find_key_entry(st, number);
    if (e && reply) sio__stream_remove_and_free_entry(st, e);
    if (e && !reply) e->state = ENTRY_QUEUED;
  }
  sio__redis_schedule_flush(r);
}

int sio__stream_send_key_command(struct stream *st, struct stream_entry *e) {
  if (!redis_is_cluster(st->redis))
    return sio__stream_writer_send_command(st, EXPECT_KEY, 0, e->words, e->nwords);
  e->number = ++st->redis->last_number;
  struct link_expect expect = make_expected_reply_with_kind_and_number(EXPECT_KEY, e->number);
  expect.on_reply = on_key_command_reply_in_cluster;
  return sio__redis_send_command(st->redis, e->words[1], e->words, e->nwords, &expect);
}

void sio__stream_remove_oldest_written_key_entry(struct stream *st) {
  list_each (it, tmp, &st->keys) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->state != ENTRY_WRITTEN) continue;
    sio__stream_remove_and_free_entry(st, e);
    return;
  }
}

static void on_cluster_command_reply(struct link *l, const struct link_expect *expect,
                                     const redisReply *reply) {
  const sio_redis *r = sio__redis_server_of_link(l)->redis;
  list_each (it, tmp, &r->parts) {
    struct stream *st = stream_of_part(container_of(it, struct redis_part, link));
    st->ops->reply(st, expect->id[0], sio__stream_decode_command_number(expect), reply);
  }
}

int sio__stream_send_command(struct stream *st, char kind, uint64_t number, sio_slice key,
                             const sio_slice *words, size_t n) {
  if (!st->open) return UV_ENOTCONN;
  if (!redis_is_cluster(st->redis))
    return sio__stream_writer_send_command(st, kind, number, words, n);
  struct link_expect expect = make_expected_reply_with_kind_and_number(kind, number);
  expect.on_reply = on_cluster_command_reply;
  return sio__redis_send_command(st->redis, key, words, n, &expect);
}
