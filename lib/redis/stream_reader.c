/* SPDX-License-Identifier: MIT
 *
 * stream_reader.c - the connection that reads the stream: the entries of all Socket.IO servers, in
 * one order.
 */
#include "redis/stream_reader.h"

#include "base/err.h"
#include "base/num.h"
#include "redis/stream_adapter_map.h"
#include "redis/stream_entries.h"
#include "redis/stream_parse.h"
#include "redis/stream_repeats.h"
#include "redis/stream_server.h"
#include "redis/stream_writer.h"

static void stream_send_xread(struct stream *st) {
  char count[NUM_MAX], block[NUM_MAX], id[STREAM_ID_MAX];
  const sio_slice words[] = { SLICE("XREAD"),
                              SLICE("COUNT"),
                              slice(count, sio__u64_to_text(count, st->read_next)),
                              SLICE("BLOCK"),
                              slice(block, sio__u64_to_text(block, st->block_ms)),
                              SLICE("STREAMS"),
                              slice(st->name, st->name_len),
                              sio__stream_id_format(st->last, id) };
  int err = sio__link_queue_command(&st->reader, NULL, words, 8);
  sio__redis_schedule_flush(st->redis);
  if (err)
    sio__link_break_and_reconnect(
        &st->reader, "a command cannot be queued: no memory, or max_queued is too small");
}

static void on_stream_reader_ready(struct link *l) {
  struct stream *st = stream_of_reader_link(l);
  st->redis->stats.connects++;
  sio__link_drop_all_commands(l);
  if (st->has_position) {
    stream_send_xread(st);
    sio__stream_open_if_caught_up(st);
  } else if (sio__stream_request_last_id(st, l, NULL)) {
    sio__link_break_and_reconnect(
        l, "a command cannot be queued: no memory, or max_queued is too small");
  }
}

/* Called when another entry of this server, with a greater `seq` and the id *id, was read back, and
 * e was not. Returns true if e counts as lost: probably e is not in the stream, or comes after the
 * other entry, so that servers of libsio ignore e (stream_repeats.h). Returns false if e was
 * confirmed with a smaller id than *id: then e was in the stream, and was probably trimmed. */
static bool is_stream_entry_lost(const struct stream_entry *e, const struct stream_id *id) {
  return e->state != ENTRY_CONFIRMED || stream_id_compare(e->id, *id) > 0;
}

/* Called when the entry with the number `seq` and the id *id was read back: delivers and frees the
 * entries of the list up to this one. Lost entries before it are counted as dropped. */
static void stream_deliver_and_free_entries_up_to(struct stream *st, struct list *list,
                                                  uint64_t seq, const struct stream_id *id) {
  bool found = false;
  list_each (it, tmp, list) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    bool is_add = e->kind == ENTRY_ADD;
    if (found || (is_add && e->seq > seq)) return;
    found = is_add && e->seq == seq;
    if (is_add && !found && is_stream_entry_lost(e, id))
      sio__redis_count_and_log_dropped_message(st->redis, UV_EIO);
    sio__stream_deliver_entry(st, e, found ? id : NULL);
    sio__stream_remove_and_free_entry(st, e);
  }
}

/* Called when an entry of this server was read back. After a connection has broken, the entry may
 * be in st->queued already, to be added a second time. */
static void stream_deliver_own_entry_read_back(struct stream *st, uint64_t seq,
                                               struct stream_id id) {
  stream_deliver_and_free_entries_up_to(st, &st->sent, seq, &id);
  if (list_is_empty(&st->sent)) stream_deliver_and_free_entries_up_to(st, &st->queued, seq, &id);
  sio__stream_deliver_local_entries_at_front(st);
}

/* Called when an entry with this id was read. Confirmed entries of this server with smaller ids
 * were trimmed from the stream, or lost by Redis, before they could be read back: delivers and
 * frees them. */
static void stream_deliver_and_free_trimmed_entries(struct stream *st, struct stream_id id) {
  struct list *it;
  while ((it = list_first(&st->sent))) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->state != ENTRY_CONFIRMED || stream_id_compare(e->id, id) >= 0) return;
    sio__stream_deliver_entry(st, e, NULL);
    sio__stream_remove_and_free_entry(st, e);
    sio__stream_deliver_local_entries_at_front(st);
  }
}

static void stream_dispatch_entry(struct stream *st, const struct stream_fields *f,
                                  struct stream_id id) {
  sio_adapter *a = sio__stream_find_adapter(st, f->nsp);
  if (slice_equals_str(f->uid, st->redis->uid))
    stream_deliver_own_entry_read_back(st, f->seq, id);
  else if (a)
    st->ops->on_remote_entry(a, f, id);
}

/* Handles one entry of a reply to XREAD. Returns false if the entry has no id, or if its id is not
 * greater than st->last, the id of the entry that was read before. */
static bool stream_check_and_dispatch_entry(struct stream *st, const redisReply *entry) {
  struct stream_fields f;
  struct stream_id id = { 0, 0 };
  bool ok = sio__stream_parse_entry(&f, entry, &id);
  if (stream_id_compare(id, st->last) <= 0) return false;
  st->last = id;
  st->redis->stats.received++;
  stream_deliver_and_free_trimmed_entries(st, id);
  if (ok && sio__stream_check_duplicate_and_remember_entry(st, &f, id))
    st->redis->stats.repeated++;
  else if (ok && f.nsp.n)
    stream_dispatch_entry(st, &f, id);
  else
    sio__redis_count_and_log_ignored_message(st->redis, slice(st->name, st->name_len), SIO_EPROTO);
  return true;
}

/* Handles the reply to XREAD, which is [[name, [[id, fields], ...]]], or nil if no new entry came
 * in time. Returns false if the reply is malformed. */
static bool stream_dispatch_entries_of_xread_reply(struct stream *st, const redisReply *reply) {
  if (reply->type == REDIS_REPLY_NIL) return true;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1) return false;
  const redisReply *one = reply->element[0];
  if (one->type != REDIS_REPLY_ARRAY || one->elements != 2) return false;
  const redisReply *list = one->element[1];
  if (list->type != REDIS_REPLY_ARRAY || !list->elements) return false;
  for (size_t i = 0; i < list->elements && !st->closed; i++)
    if (!stream_check_and_dispatch_entry(st, list->element[i])) return false;
  return true;
}

static void on_reader_last_id_reply(struct stream *st, const redisReply *reply) {
  if (!sio__stream_parse_last_id(reply, &st->last)) {
    sio__link_break_and_reconnect(&st->reader, "XREVRANGE is refused, or its answer is malformed");
    return;
  }
  st->has_position = true;
  stream_send_xread(st);
  sio__stream_open_if_caught_up(st);
}

/* Handles a reply to XREVRANGE or XREAD. A reply of the type STATUS is ignored, because it answers
 * the PING that the link sends after a silence. */
static void on_stream_reader_reply(struct link *l, const redisReply *reply) {
  struct stream *st = stream_of_reader_link(l);
  if (reply->type == REDIS_REPLY_STATUS) return;
  if (sio__stream_handle_redirect_or_temporary_error(st, l, reply)) {
    sio__link_break_and_reconnect(l,
                                  "the slot of the stream has moved, or its server is not ready");
    return;
  }
  if (is_error_reply(reply)) sio__redis_count_and_log_error_reply(st->redis, reply);
  if (!st->has_position) {
    on_reader_last_id_reply(st, reply);
    return;
  }
  bool ok = !is_error_reply(reply) && stream_dispatch_entries_of_xread_reply(st, reply);
  if (st->closed) return;
  if (!ok) {
    sio__link_break_and_reconnect(l, "XREAD is refused, or its answer is malformed");
    return;
  }
  st->read_next = st->read_next * 2 < st->read_count ? st->read_next * 2 : st->read_count;
  st->ops->read(st);
  sio__stream_open_if_caught_up(st);
  stream_send_xread(st);
}

static void ignore_lost_stream_reader_reply(struct link *l, struct link_expect *expect) {
  (void)l, (void)expect;
}

/* The connection may have failed because a reply was too large, so the next XREAD asks for one
 * entry only. */
static void on_stream_reader_failed(struct link *l, const char *why, unsigned wait_ms) {
  struct stream *st = stream_of_reader_link(l);
  st->read_next = 1;
  sio__stream_mark_not_open_and_deliver_all(st);
  if (redis_is_cluster(st->redis)) sio__cluster_request_slot_table_later(st->redis);
  sio__redis_count_and_log_failed_connection(st->redis, "for reading a stream", why, wait_ms);
}

static bool stream_reader_set_address_if_known(struct link *l) {
  return sio__stream_set_link_address_if_known(stream_of_reader_link(l), l);
}

static const char *stream_reader_check_server_role(struct link *l, const redisReply *reply) {
  return sio__stream_check_server_role(stream_of_reader_link(l), l, reply);
}

const struct link_ops sio__stream_reader_ops = {
  .ready = on_stream_reader_ready,
  .reply = on_stream_reader_reply,
  .lost = ignore_lost_stream_reader_reply,
  .down = on_stream_reader_failed,
  .locate = stream_reader_set_address_if_known,
  .greeted = stream_reader_check_server_role,
};
