/* SPDX-License-Identifier: MIT
 *
 * stream_writer.c - the connection that adds entries to the stream, and when they are written.
 */
#include "redis/stream_writer.h"

#include "base/err.h"
#include "base/num.h"
#include "redis/stream_commands.h"
#include "redis/stream_entries.h"
#include "redis/stream_parse.h"
#include "redis/stream_server.h"

/* An upper bound for the bytes that a command has in addition to those of its entry and of the name
 * of the stream: words such as XADD and MAXLEN, and what sio__link_queue_command() counts in
 * addition for each word. */
enum { COMMAND_BYTES = 768 };

/* ---- writing --------------------------------------------------------------------------------- */

static int stream_send_xadd(struct stream *st, struct stream_entry *e) {
  char digits[NUM_MAX], seq[NUM_MAX];
  const sio_slice max = slice(digits, sio__u64_to_text(digits, st->max_len));
  const sio_slice words[] = { SLICE("XADD"),
                              slice(st->name, st->name_len),
                              SLICE("MAXLEN"),
                              SLICE("~"),
                              max,
                              SLICE("*"),
                              SLICE("uid"),
                              e->uid,
                              SLICE("nsp"),
                              e->nsp,
                              SLICE("type"),
                              e->type,
                              SLICE("seq"),
                              slice(seq, sio__u64_to_text(seq, e->seq)),
                              SLICE("data"),
                              e->data };
  e->number = ++st->redis->last_number;
  return sio__stream_writer_send_command(st, EXPECT_ADD, e->number, words, 16);
}

void sio__stream_write_queued_entries(struct stream *st) {
  struct list *it;
  if (!st->open) return;
  list_each (k, tmp, &st->keys) {
    struct stream_entry *e = stream_entry_of_list_node(k);
    if (e->state != ENTRY_QUEUED) continue;
    if (sio__stream_send_key_command(st, e)) return;
    e->state = ENTRY_WRITTEN;
  }
  while ((it = list_first(&st->queued))) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->kind == ENTRY_ADD && stream_send_xadd(st, e)) return;
    e->state = ENTRY_WRITTEN;
    list_remove(it);
    list_append(&st->sent, it);
    st->redis->stats.published += e->kind == ENTRY_ADD;
  }
}

/* Returns true if the command of the entry surely fits into an empty queue of the writer. A command
 * that does not fit would never be sent, and the entries after it would wait for ever. */
static bool can_entry_fit_into_empty_queue(const struct stream *st, const struct stream_entry *e) {
  return e->kind == ENTRY_LOCAL ||
         size_add(e->bytes, st->name_len + COMMAND_BYTES) <= st->redis->options.max_queued;
}

int sio__stream_queue_entry(struct stream *st, struct stream_entry *e, bool wait) {
  if (st->closed) return UV_ENOTCONN;
  if (st->bytes + e->bytes > st->redis->options.max_queued) return UV_ENOBUFS;
  if (!can_entry_fit_into_empty_queue(st, e)) return UV_ENOBUFS;
  e->since_ms = stream_now_ms(st);
  if (e->kind == ENTRY_ADD) e->seq = ++st->redis->last_seq;
  e->delivered = !wait && e->kind == ENTRY_ADD;
  list_append(e->kind == ENTRY_KEY ? &st->keys : &st->queued, &e->link);
  st->bytes += e->bytes;
  st->locals += e->kind == ENTRY_LOCAL;
  if (is_entry_waiting_for_delivery(e)) st->waiting++;
  if (is_entry_waiting_for_delivery(e)) sio__stream_start_delivery_timer(st);
  if (is_entry_waiting_for_delivery(e) && !st->open)
    sio__stream_deliver_entries_older_than(st, UINT64_MAX);
  sio__stream_write_queued_entries(st);
  return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Called when the reader has read all that was in the stream when the writer connected. Entries
 * that an earlier connection has written and that were not read back are not in the stream, unless
 * Redis executes their commands later: they are moved to the start of the queue. If an entry is
 * added twice, readers of libsio ignore the second copy (stream_repeats.h). Confirmed entries that
 * were not read back were trimmed from the stream, or Redis has lost them: they are delivered
 * without ids. */
static void stream_requeue_unconfirmed_entries(struct stream *st) {
  struct list again;
  list_init(&again);
  list_each (it, tmp, &st->sent) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->kind == ENTRY_LOCAL) continue;
    if (e->state == ENTRY_CONFIRMED) {
      sio__stream_deliver_entry(st, e, NULL);
      sio__stream_remove_and_free_entry(st, e);
      continue;
    }
    e->state = ENTRY_QUEUED;
    list_remove(it);
    list_append(&again, it);
  }
  list_splice(&again, &st->queued);
  list_splice(&st->queued, &again);
}

static bool is_stream_connected(const struct stream *st) {
  return st->writer.state == LINK_READY && st->reader.state == LINK_READY;
}

void sio__stream_open_if_caught_up(struct stream *st) {
  if (st->open || !is_stream_connected(st) || !st->has_position || !st->has_fence) return;
  if (stream_id_compare(st->last, st->fence) < 0) return;
  if (st->writer_is_new) stream_requeue_unconfirmed_entries(st);
  st->writer_is_new = false;
  st->open = true;
  sio__stream_write_queued_entries(st);
  sio__redis_update_state(st->redis, "");
}

void sio__stream_mark_not_open_and_deliver_all(struct stream *st) {
  st->open = false;
  sio__stream_deliver_entries_older_than(st, UINT64_MAX);
}

/* ---- the connection -------------------------------------------------------------------------- */

static void on_stream_writer_ready(struct link *l) {
  struct stream *st = stream_of_writer_link(l);
  const struct link_expect expect = { .id = { EXPECT_FENCE }, .slot = LINK_NO_SLOT };
  st->redis->stats.connects++;
  st->writer_is_new = true;
  st->has_fence = false;
  if (sio__stream_request_last_id(st, l, &expect))
    sio__link_break_and_reconnect(
        l, "a command cannot be queued: no memory, or max_queued is too small");
}

/* Returns the entry whose XADD has this number and no reply yet. Returns NULL if the entry was
 * freed before, for example because it was read back. */
static struct stream_entry *stream_find_written_entry(struct stream *st, uint64_t number) {
  list_each (it, tmp, &st->sent) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->kind == ENTRY_ADD && e->state == ENTRY_WRITTEN && e->number == number) return e;
  }
  return NULL;
}

static void on_xadd_reply(struct stream *st, uint64_t number, const redisReply *reply) {
  struct stream_id id;
  struct stream_entry *e = stream_find_written_entry(st, number);
  if (!e) return;
  if (is_text_reply(reply) && sio__stream_id_parse(&id, reply_text(reply))) {
    e->state = ENTRY_CONFIRMED;
    e->id = id;
    if (stream_id_compare(id, st->last) > 0) return;
    sio__stream_deliver_entry(st, e, NULL);
    sio__stream_remove_and_free_entry(st, e);
  } else {
    sio__redis_count_and_log_dropped_message(st->redis, UV_EIO);
    sio__stream_make_refused_entry_local(st, e);
  }
  sio__stream_deliver_local_entries_at_front(st);
}

static void on_writer_last_id_reply(struct stream *st, const redisReply *reply) {
  if (!sio__stream_parse_last_id(reply, &st->fence)) {
    sio__link_break_and_reconnect(&st->writer, "XREVRANGE is refused, or its answer is malformed");
    return;
  }
  st->has_fence = true;
  sio__stream_open_if_caught_up(st);
}

/* Called when the reply to a command of the writer is a redirection or a temporary error. If the
 * command was an XADD, its entry is not in the stream and will be added again. It is unknown
 * whether the entries that were written later are in the stream, so this function breaks the
 * connection: after the reconnect, those that are not read back are added again, too. */
static void stream_writer_requeue_entry_and_reconnect(struct stream *st,
                                                      const struct link_expect *expect) {
  struct stream_entry *e =
      expect->id[0] == EXPECT_ADD
          ? stream_find_written_entry(st, sio__stream_decode_command_number(expect))
          : NULL;
  if (e) e->state = ENTRY_QUEUED;
  sio__link_break_and_reconnect(&st->writer,
                                "the slot of the stream has moved, or its server is not ready");
}

static void on_stream_writer_reply(struct link *l, const redisReply *reply) {
  struct stream *st = stream_of_writer_link(l);
  struct link_expect expect;
  if (!sio__link_pop_expected_reply(l, &expect)) return;
  if (sio__stream_handle_redirect_or_temporary_error(st, l, reply)) {
    stream_writer_requeue_entry_and_reconnect(st, &expect);
    return;
  }
  if (is_error_reply(reply)) sio__redis_count_and_log_error_reply(st->redis, reply);
  switch (expect.id[0]) {
    case EXPECT_ADD: on_xadd_reply(st, sio__stream_decode_command_number(&expect), reply); break;
    case EXPECT_KEY: sio__stream_remove_oldest_written_key_entry(st); break;
    case EXPECT_FENCE: on_writer_last_id_reply(st, reply); break;
    case '\0': break;
    default: st->ops->reply(st, expect.id[0], sio__stream_decode_command_number(&expect), reply);
  }
  sio__stream_write_queued_entries(st);
}

static void on_stream_writer_reply_lost(struct link *l, struct link_expect *expect) {
  struct stream *st = stream_of_writer_link(l);
  bool asked = expect->id[0] && !strchr("xkf", expect->id[0]);
  if (asked && !st->closed)
    st->ops->reply(st, expect->id[0], sio__stream_decode_command_number(expect), NULL);
}

static void on_stream_writer_failed(struct link *l, const char *why, unsigned wait_ms) {
  struct stream *st = stream_of_writer_link(l);
  sio__link_drop_all_commands(l);
  list_each (it, tmp, &st->sent) {
    if (stream_entry_of_list_node(it)->state == ENTRY_WRITTEN)
      stream_entry_of_list_node(it)->state = ENTRY_UNKNOWN;
  }
  if (!redis_is_cluster(st->redis)) {
    list_each (it, tmp, &st->keys) stream_entry_of_list_node(it)->state = ENTRY_QUEUED;
  }
  st->has_fence = false;
  sio__stream_mark_not_open_and_deliver_all(st);
  if (redis_is_cluster(st->redis)) sio__cluster_request_slot_table_later(st->redis);
  sio__redis_count_and_log_failed_connection(st->redis, "for adding to a stream", why, wait_ms);
}

static bool stream_writer_set_address_if_known(struct link *l) {
  return sio__stream_set_link_address_if_known(stream_of_writer_link(l), l);
}

static const char *stream_writer_check_server_role(struct link *l, const redisReply *reply) {
  return sio__stream_check_server_role(stream_of_writer_link(l), l, reply);
}

const struct link_ops sio__stream_writer_ops = {
  .ready = on_stream_writer_ready,
  .reply = on_stream_writer_reply,
  .lost = on_stream_writer_reply_lost,
  .down = on_stream_writer_failed,
  .locate = stream_writer_set_address_if_known,
  .greeted = stream_writer_check_server_role,
};
