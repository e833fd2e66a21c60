/* SPDX-License-Identifier: MIT
 *
 * stream.c - writes and reads the entries of a stream, across lost connections.
 */
#include "redis/stream.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

enum { TIMER_MS = 250, KEY_BYTES = 64 };

/* Kinds of expected replies, the first character of link_expect.id. */
enum { EXPECT_ADD = 'x', EXPECT_KEY = 'k', EXPECT_FENCE = 'f' };

/* ---- ids ------------------------------------------------------------------------------------- */

bool sio__stream_id_parse(struct stream_id *id, sio_slice text) {
  const char *dash = text.n ? memchr(text.p, '-', text.n) : NULL;
  if (!dash) return false;
  size_t n = (size_t)(dash - text.p);
  return sio__slice_parse_u64(slice(text.p, n), &id->ms) &&
         sio__slice_parse_u64(slice(dash + 1, text.n - n - 1), &id->seq);
}

sio_slice sio__stream_id_format(struct stream_id id, char out[STREAM_ID_MAX]) {
  size_t n = sio__u64_to_text(out, id.ms);
  out[n++] = '-';
  return slice(out, n + sio__u64_to_text(out + n, id.seq));
}

static uint64_t stream_now_ms(const struct stream *st) { return uv_now(st->redis->loop); }

/* ---- adapters -------------------------------------------------------------------------------- */

/* An adapter that uses the stream, as an item of the map stream.adapters, whose key is the name of
 * the adapter's namespace. */
struct stream_member {
  sio_adapter *adapter;
  sio_slice nsp; /* the adapter's */
};

static sio_slice stream_member_key(const void *item) {
  return ((const struct stream_member *)item)->nsp;
}

sio_adapter *sio__stream_find_adapter(struct stream *st, sio_slice nsp) {
  const struct stream_member *m = sio__map_get(&st->adapters, nsp);
  return m ? m->adapter : NULL;
}

sio_adapter *sio__stream_next_adapter(const struct stream *st, uint32_t *i) {
  const struct stream_member *m = sio__map_next(&st->adapters, i);
  return m ? m->adapter : NULL;
}

static int stream_add_member(struct stream *st, sio_adapter *a) {
  struct stream_member *m = sio__calloc(1, sizeof *m);
  if (!m) return UV_ENOMEM;
  m->adapter = a;
  m->nsp = st->ops->nsp(a);
  int err = sio__map_put(&st->adapters, m);
  if (err) sio__free(m);
  return err;
}

/* ---- entries --------------------------------------------------------------------------------- */

struct stream_entry *sio__stream_entry_new(sio_adapter *a, enum stream_entry_kind kind,
                                           size_t bytes, char **at) {
  struct stream_entry *e = sio__calloc(1, size_add(sizeof *e, bytes));
  if (!e) return NULL;
  list_init(&e->link);
  e->adapter = a;
  e->kind = (uint8_t)kind;
  e->bytes = size_add(sizeof *e, bytes);
  *at = (char *)(e + 1);
  return e;
}

void sio__stream_entry_free(struct stream *st, struct stream_entry *e) {
  if (e->local) st->ops->free_local(e);
  sio__free(e->key);
  sio__free(e);
}

static struct stream_entry *stream_entry_of_list_node(struct list *it) {
  return container_of(it, struct stream_entry, link);
}

static bool is_entry_waiting_for_delivery(const struct stream_entry *e) {
  return e->kind == ENTRY_ADD && !e->delivered;
}

static void stream_remove_entry(struct stream *st, struct stream_entry *e) {
  list_remove(&e->link);
  st->bytes -= e->bytes;
  sio__stream_entry_free(st, e);
}

static void stream_deliver_entry(struct stream *st, struct stream_entry *e,
                                 const struct stream_id *id) {
  if (e->delivered) return;
  e->delivered = true;
  if (e->kind == ENTRY_ADD) st->waiting--;
  if (e->adapter) st->ops->deliver(e, id);
}

static void stream_deliver_entry_without_id(struct stream *st, struct stream_entry *e) {
  stream_deliver_entry(st, e, NULL);
  if (e->kind == ENTRY_LOCAL) stream_remove_entry(st, e);
}

/* Delivers the local entries at the beginning of the list, up to the first entry of the stream that
 * still waits for its id. */
static void stream_deliver_local_entries(struct stream *st) {
  list_each (it, tmp, &st->sent) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (is_entry_waiting_for_delivery(e)) return;
    if (e->kind == ENTRY_LOCAL) stream_deliver_entry_without_id(st, e);
  }
}

/* Delivers, without ids, all entries that were queued at the time `then` or earlier. */
static void stream_deliver_entries_older_than(struct stream *st, uint64_t then) {
  list_each (it, tmp, &st->sent) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->since_ms > then) return;
    stream_deliver_entry_without_id(st, e);
  }
  list_each (it, tmp, &st->queued) {
    if (stream_entry_of_list_node(it)->since_ms > then) return;
    stream_deliver_entry_without_id(st, stream_entry_of_list_node(it));
  }
}

static void on_stream_delivery_timeout(uv_timer_t *t) {
  struct stream *st = t->data;
  uint64_t now = stream_now_ms(st);
  if (now >= STREAM_WAIT_MS) stream_deliver_entries_older_than(st, now - STREAM_WAIT_MS);
  if (!st->waiting) uv_timer_stop(t);
}

static void stream_start_delivery_timer(struct stream *st) {
  if (!uv_is_active((uv_handle_t *)&st->timer))
    uv_timer_start(&st->timer, on_stream_delivery_timeout, TIMER_MS, TIMER_MS);
}

/* ---- writing --------------------------------------------------------------------------------- */

static struct link_expect make_stream_expect(char kind, uint64_t number) {
  struct link_expect expect = { .id = { kind }, .slot = LINK_NO_SLOT };
  for (int i = 0; number; number >>= 6, i++) expect.id[i + 1] = (char)('0' + (number & 63));
  return expect;
}

static int stream_writer_send_command(struct stream *st, char kind, uint64_t number,
                                      const sio_slice *words, size_t n) {
  const struct link_expect expect = make_stream_expect(kind, number);
  int err = sio__link_queue_command(&st->writer, &expect, words, n);
  sio__redis_schedule_flush(st->redis);
  return err;
}

static uint64_t decode_reply_number(const struct link_expect *expect) {
  uint64_t n = 0;
  for (size_t i = strlen(expect->id); i-- > 1;) n = n << 6 | (uint64_t)(expect->id[i] - '0');
  return n;
}

static int stream_send_xadd(struct stream *st, struct stream_entry *e) {
  char digits[NUM_MAX];
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
                              SLICE("data"),
                              e->data };
  e->number = ++st->redis->last_number;
  return stream_writer_send_command(st, EXPECT_ADD, e->number, words, e->data.n ? 14 : 12);
}

/* ---- keys in a cluster: their slots are on any server ---------------------------------------- */

static struct stream_entry *stream_find_key_entry(const struct stream *st, uint64_t number) {
  for (struct list *it = st->keys.next; it != &st->keys; it = it->next)
    if (stream_entry_of_list_node(it)->number == number) return stream_entry_of_list_node(it);
  return NULL;
}

static struct stream *stream_of_part(const struct redis_part *p) {
  return container_of(p, struct stream, part);
}

/* Without a reply the command is sent again. */
static void on_cluster_key_reply(struct link *l, const struct link_expect *expect,
                                 const redisReply *reply) {
  sio_redis *r = sio__redis_server_of_link(l)->redis;
  uint64_t number = decode_reply_number(expect);
  list_each (it, tmp, &r->parts) {
    struct stream *st = stream_of_part(container_of(it, struct redis_part, link));
    struct stream_entry *e = stream_find_key_entry(st, number);
    if (e && reply) stream_remove_entry(st, e);
    if (e && !reply) e->state = ENTRY_QUEUED;
  }
  sio__redis_schedule_flush(r);
}

static int stream_send_key_command(struct stream *st, struct stream_entry *e) {
  if (!redis_is_cluster(st->redis))
    return stream_writer_send_command(st, EXPECT_KEY, 0, e->words, e->nwords);
  e->number = ++st->redis->last_number;
  struct link_expect expect = make_stream_expect(EXPECT_KEY, e->number);
  expect.on_reply = on_cluster_key_reply;
  return sio__redis_send_command(st->redis, e->words[1], e->words, e->nwords, &expect);
}

static void on_cluster_command_reply(struct link *l, const struct link_expect *expect,
                                     const redisReply *reply) {
  const sio_redis *r = sio__redis_server_of_link(l)->redis;
  list_each (it, tmp, &r->parts) {
    struct stream *st = stream_of_part(container_of(it, struct redis_part, link));
    st->ops->reply(st, expect->id[0], decode_reply_number(expect), reply);
  }
}

int sio__stream_send_command(struct stream *st, char kind, uint64_t number, sio_slice key,
                             const sio_slice *words, size_t n) {
  if (!st->open) return UV_ENOTCONN;
  if (!redis_is_cluster(st->redis)) return stream_writer_send_command(st, kind, number, words, n);
  struct link_expect expect = make_stream_expect(kind, number);
  expect.on_reply = on_cluster_command_reply;
  return sio__redis_send_command(st->redis, key, words, n, &expect);
}

/* ---- what waits is sent ---------------------------------------------------------------------- */

static void stream_write_queued_entries(struct stream *st) {
  struct list *it;
  if (!st->open) return;
  list_each (k, tmp, &st->keys) {
    struct stream_entry *e = stream_entry_of_list_node(k);
    if (e->state != ENTRY_QUEUED) continue;
    if (stream_send_key_command(st, e)) return;
    e->state = ENTRY_WRITTEN;
  }
  while ((it = list_first(&st->queued))) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->kind == ENTRY_ADD && stream_send_xadd(st, e)) return;
    e->state = ENTRY_WRITTEN;
    list_remove(it);
    list_push(&st->sent, it);
    st->redis->stats.published += e->kind == ENTRY_ADD;
  }
}

int sio__stream_queue_entry(struct stream *st, struct stream_entry *e, bool wait) {
  if (st->closed) return UV_ENOTCONN;
  if (st->bytes + e->bytes > st->redis->options.max_queued) return UV_ENOBUFS;
  e->since_ms = stream_now_ms(st);
  e->delivered = !wait && e->kind == ENTRY_ADD;
  list_push(e->kind == ENTRY_KEY ? &st->keys : &st->queued, &e->link);
  st->bytes += e->bytes;
  if (is_entry_waiting_for_delivery(e)) st->waiting++;
  if (is_entry_waiting_for_delivery(e)) stream_start_delivery_timer(st);
  if (is_entry_waiting_for_delivery(e) && !st->open)
    stream_deliver_entries_older_than(st, UINT64_MAX);
  stream_write_queued_entries(st);
  return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Entries that were written to a connection that broke and have not been read back are not in the
 * stream. They are written again, before the entries that are queued. */
static void stream_requeue_unconfirmed_entries(struct stream *st) {
  struct list again;
  list_init(&again);
  list_each (it, tmp, &st->sent) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->kind == ENTRY_LOCAL) continue;
    if (e->state == ENTRY_CONFIRMED) {
      stream_deliver_entry(st, e, NULL);
      stream_remove_entry(st, e);
      continue;
    }
    e->state = ENTRY_QUEUED;
    list_remove(it);
    list_push(&again, it);
  }
  list_splice(&again, &st->queued);
  list_splice(&st->queued, &again);
}

static bool is_stream_connected(const struct stream *st) {
  return st->writer.state == LINK_READY && st->reader.state == LINK_READY;
}

static void stream_open_if_caught_up(struct stream *st) {
  if (st->open || !is_stream_connected(st) || !st->has_position || !st->has_fence) return;
  if (stream_id_compare(st->last, st->fence) < 0) return;
  if (st->writer_is_new) stream_requeue_unconfirmed_entries(st);
  st->writer_is_new = false;
  st->open = true;
  stream_write_queued_entries(st);
  sio__redis_update_state(st->redis, "");
}

static int stream_request_last_id(struct stream *st, struct link *l,
                                  const struct link_expect *expect) {
  const sio_slice words[] = { SLICE("XREVRANGE"), slice(st->name, st->name_len),
                              SLICE("+"),         SLICE("-"),
                              SLICE("COUNT"),     SLICE("1") };
  sio__redis_schedule_flush(st->redis);
  return sio__link_queue_command(l, expect, words, 6);
}

/* Reads the reply to XREVRANGE with COUNT 1. *id becomes the id of the entry, or 0-0 if the stream
 * is empty. */
static bool parse_last_id(const redisReply *reply, struct stream_id *id) {
  *id = (struct stream_id){ 0, 0 };
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements > 1) return false;
  if (!reply->elements) return true;
  const redisReply *e = reply->element[0];
  return e->type == REDIS_REPLY_ARRAY && e->elements == 2 && is_text_reply(e->element[0]) &&
         sio__stream_id_parse(id, reply_text(e->element[0]));
}

/* ---- the writer ------------------------------------------------------------------------------ */

static struct stream *stream_of_writer_link(struct link *l) {
  return container_of(l, struct stream, writer);
}

static void on_stream_writer_ready(struct link *l) {
  struct stream *st = stream_of_writer_link(l);
  const struct link_expect expect = { .id = { EXPECT_FENCE }, .slot = LINK_NO_SLOT };
  st->redis->stats.connects++;
  st->writer_is_new = true;
  st->has_fence = false;
  if (stream_request_last_id(st, l, &expect))
    sio__link_break_and_reconnect(l, "no memory for a command");
}

/* The entry whose XADD has this number. NULL: it was read back before the reply came. */
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
  } else {
    sio__redis_count_dropped_message(st->redis, UV_EIO);
  }
  stream_deliver_entry(st, e, NULL);
  stream_remove_entry(st, e);
  stream_deliver_local_entries(st);
}

static void on_key_command_reply(struct stream *st) {
  list_each (it, tmp, &st->keys) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->state != ENTRY_WRITTEN) continue;
    stream_remove_entry(st, e);
    return;
  }
}

static void on_writer_last_id_reply(struct stream *st, const redisReply *reply) {
  if (!parse_last_id(reply, &st->fence)) {
    sio__link_break_and_reconnect(&st->writer, "XREVRANGE is refused, or its answer is malformed");
    return;
  }
  st->has_fence = true;
  stream_open_if_caught_up(st);
}

/* An error that says that the slot of the stream is on another server, or on none for a while. */
static bool is_stream_on_other_server(const struct stream *st, const struct link *l,
                                      const redisReply *reply) {
  return redis_is_cluster(st->redis) && is_error_reply(reply) &&
         sio__cluster_is_slot_on_other_server(st->redis, l, reply_text(reply));
}

/* Entries that the server has refused are not in the stream. For entries that were sent later it is
 * not known whether they are. */
static void stream_writer_follow_slot(struct stream *st, const struct link_expect *expect) {
  struct stream_entry *e = expect->id[0] == EXPECT_ADD
                               ? stream_find_written_entry(st, decode_reply_number(expect))
                               : NULL;
  if (e) e->state = ENTRY_QUEUED;
  sio__link_break_and_reconnect(&st->writer,
                                "the slot of the stream is on another server of the cluster");
}

static void on_stream_writer_reply(struct link *l, const redisReply *reply) {
  struct stream *st = stream_of_writer_link(l);
  struct link_expect expect;
  if (!sio__link_pop_expected_reply(l, &expect)) return;
  if (is_stream_on_other_server(st, l, reply)) {
    stream_writer_follow_slot(st, &expect);
    return;
  }
  if (is_error_reply(reply)) sio__redis_log_error_reply(st->redis, reply);
  switch (expect.id[0]) {
    case EXPECT_ADD: on_xadd_reply(st, decode_reply_number(&expect), reply); break;
    case EXPECT_KEY: on_key_command_reply(st); break;
    case EXPECT_FENCE: on_writer_last_id_reply(st, reply); break;
    case '\0': break;
    default: st->ops->reply(st, expect.id[0], decode_reply_number(&expect), reply);
  }
  stream_write_queued_entries(st);
}

static void on_stream_writer_reply_lost(struct link *l, struct link_expect *expect) {
  struct stream *st = stream_of_writer_link(l);
  bool asked = expect->id[0] && !strchr("xkf", expect->id[0]);
  if (asked && !st->closed) st->ops->reply(st, expect->id[0], decode_reply_number(expect), NULL);
}

/* One of the two connections has failed, so no entry can be read back for now. Entries that wait
 * for their ids are delivered without ids. */
static void stream_mark_unavailable(struct stream *st) {
  st->open = false;
  stream_deliver_entries_older_than(st, UINT64_MAX);
}

static void on_stream_writer_failed(struct link *l, const char *why, unsigned wait_ms) {
  struct stream *st = stream_of_writer_link(l);
  sio__link_drop_queue(l);
  list_each (it, tmp, &st->sent) {
    if (stream_entry_of_list_node(it)->state == ENTRY_WRITTEN)
      stream_entry_of_list_node(it)->state = ENTRY_UNKNOWN;
  }
  if (!redis_is_cluster(st->redis)) {
    list_each (it, tmp, &st->keys) stream_entry_of_list_node(it)->state = ENTRY_QUEUED;
  }
  st->has_fence = false;
  stream_mark_unavailable(st);
  if (redis_is_cluster(st->redis)) sio__cluster_request_slot_table_later(st->redis);
  sio__redis_log_connection_failure(st->redis, "that adds to the stream", why, wait_ms);
}

/* With sentinels a server that does not call itself a master is refused. */
static const char *stream_check_server_role(const struct stream *st, struct link *l,
                                            const redisReply *reply) {
  return redis_has_sentinels(st->redis) ? sio__sentinel_check_role(l, reply) : NULL;
}

static bool stream_find_server(const struct stream *st, struct link *l) {
  return sio__redis_find_server_of_key(st->redis, slice(st->name, st->name_len), l);
}

static bool stream_writer_find_server(struct link *l) {
  return stream_find_server(stream_of_writer_link(l), l);
}

static const char *stream_writer_check_server_role(struct link *l, const redisReply *reply) {
  return stream_check_server_role(stream_of_writer_link(l), l, reply);
}

static const struct link_ops writer_ops = {
  .ready = on_stream_writer_ready,
  .reply = on_stream_writer_reply,
  .lost = on_stream_writer_reply_lost,
  .down = on_stream_writer_failed,
  .locate = stream_writer_find_server,
  .greeted = stream_writer_check_server_role,
};

/* ---- the reader ------------------------------------------------------------------------------ */

static struct stream *stream_of_reader_link(struct link *l) {
  return container_of(l, struct stream, reader);
}

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
  if (err) sio__link_break_and_reconnect(&st->reader, "no memory for a command");
}

static void on_stream_reader_ready(struct link *l) {
  struct stream *st = stream_of_reader_link(l);
  st->redis->stats.connects++;
  sio__link_drop_queue(l);
  if (st->has_position) {
    stream_send_xread(st);
    stream_open_if_caught_up(st);
  } else if (stream_request_last_id(st, l, NULL)) {
    sio__link_break_and_reconnect(l, "no memory for a command");
  }
}

bool sio__stream_parse_entry(struct stream_fields *f, const redisReply *entry,
                             struct stream_id *id) {
  const struct {
    const char *name;
    sio_slice *to;
  } known[] = {
    { "uid", &f->uid }, { "nsp", &f->nsp }, { "type", &f->type }, { "data", &f->data }
  };
  *f = (struct stream_fields){ 0 };
  if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2) return false;
  const redisReply *text = entry->element[0], *list = entry->element[1];
  if (!is_text_reply(text) || !sio__stream_id_parse(id, reply_text(text))) return false;
  if (list->type != REDIS_REPLY_ARRAY) return false;
  for (size_t i = 0; i + 1 < list->elements; i += 2) {
    if (!is_text_reply(list->element[i]) || !is_text_reply(list->element[i + 1])) return false;
    for (size_t k = 0; k < 4; k++)
      if (slice_equals_str(reply_text(list->element[i]), known[k].name))
        *known[k].to = reply_text(list->element[i + 1]);
  }
  return true;
}

static bool has_entry_same_fields(const struct stream_entry *e, const struct stream_fields *f) {
  return slice_eq(e->nsp, f->nsp) && slice_eq(e->type, f->type) && slice_eq(e->data, f->data);
}

/* Drops the entries before `found` whose replies have not come. All of them were written to the
 * connection of `found`, which is in the stream; they are not, so they were refused. Added again,
 * they would come after it. */
static void stream_drop_refused_entries_before(struct stream *st,
                                               const struct stream_entry *found) {
  list_each (it, tmp, &st->sent) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e == found) return;
    if (e->kind != ENTRY_ADD || e->state == ENTRY_QUEUED) continue;
    sio__redis_count_dropped_message(st->redis, UV_EIO);
    stream_deliver_entry(st, e, NULL);
    stream_remove_entry(st, e);
  }
}

/* An entry of this server was read back. It is recognised by its id, or, if the reply to its XADD
 * has not arrived, by its content. Confirmed ones before it in the queue have been dropped from the
 * stream. */
static void stream_handle_own_entry(struct stream *st, const struct stream_fields *f,
                                    struct stream_id id) {
  list_each (it, tmp, &st->sent) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    bool confirmed = e->state == ENTRY_CONFIRMED;
    int order = confirmed ? stream_id_compare(e->id, id) : 0;
    if (e->kind != ENTRY_ADD || e->state == ENTRY_QUEUED) continue;
    if (order > 0) break;
    if (!confirmed && !has_entry_same_fields(e, f)) continue;
    if (order == 0) {
      stream_drop_refused_entries_before(st, e);
      stream_deliver_local_entries(st);
    }
    stream_deliver_entry(st, e, order == 0 ? &id : NULL);
    stream_remove_entry(st, e);
    if (order == 0) break;
  }
  stream_deliver_local_entries(st);
}

static void stream_dispatch_entry(struct stream *st, const struct stream_fields *f,
                                  struct stream_id id) {
  sio_adapter *a = sio__stream_find_adapter(st, f->nsp);
  if (!a) return;
  if (slice_equals_str(f->uid, st->ops->uid(a)))
    stream_handle_own_entry(st, f, id);
  else
    st->ops->on_remote_entry(a, f, id);
}

/* False: the entry has no id, or an id that is not greater than the last one. */
static bool stream_receive_entry(struct stream *st, const redisReply *entry) {
  struct stream_fields f;
  struct stream_id id = { 0, 0 };
  bool ok = sio__stream_parse_entry(&f, entry, &id);
  if (stream_id_compare(id, st->last) <= 0) return false;
  st->last = id;
  st->redis->stats.received++;
  if (ok && f.nsp.n)
    stream_dispatch_entry(st, &f, id);
  else
    sio__redis_count_malformed_message(st->redis, slice(st->name, st->name_len), "it is malformed");
  return true;
}

/* Handles the reply to XREAD: [[name, [[id, fields], ...]]]. False: it is malformed. */
static bool stream_receive_entries(struct stream *st, const redisReply *reply) {
  if (reply->type == REDIS_REPLY_NIL) return true;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1) return false;
  const redisReply *one = reply->element[0];
  if (one->type != REDIS_REPLY_ARRAY || one->elements != 2) return false;
  const redisReply *list = one->element[1];
  if (list->type != REDIS_REPLY_ARRAY || !list->elements) return false;
  for (size_t i = 0; i < list->elements && !st->closed; i++)
    if (!stream_receive_entry(st, list->element[i])) return false;
  return true;
}

static void on_reader_last_id_reply(struct stream *st, const redisReply *reply) {
  if (!parse_last_id(reply, &st->last)) {
    sio__link_break_and_reconnect(&st->reader, "XREVRANGE is refused, or its answer is malformed");
    return;
  }
  st->has_position = true;
  stream_send_xread(st);
  stream_open_if_caught_up(st);
}

/* A reply of the type STATUS answers a PING, which is sent after a time of silence. */
static void on_stream_reader_reply(struct link *l, const redisReply *reply) {
  struct stream *st = stream_of_reader_link(l);
  if (reply->type == REDIS_REPLY_STATUS) return;
  if (is_stream_on_other_server(st, l, reply)) {
    sio__link_break_and_reconnect(l, "the slot of the stream is on another server of the cluster");
    return;
  }
  if (is_error_reply(reply)) sio__redis_log_error_reply(st->redis, reply);
  if (!st->has_position) {
    on_reader_last_id_reply(st, reply);
    return;
  }
  bool ok = !is_error_reply(reply) && stream_receive_entries(st, reply);
  if (st->closed) return;
  if (!ok) {
    sio__link_break_and_reconnect(l, "XREAD is refused, or its answer is malformed");
    return;
  }
  st->read_next = st->read_next * 2 < st->read_count ? st->read_next * 2 : st->read_count;
  st->ops->read(st);
  stream_open_if_caught_up(st);
  stream_send_xread(st);
}

static void on_stream_reader_reply_lost(struct link *l, struct link_expect *expect) {
  (void)l, (void)expect;
}

/* The reason may have been a reply over max_message, so the next XREAD asks for one entry only. */
static void on_stream_reader_failed(struct link *l, const char *why, unsigned wait_ms) {
  struct stream *st = stream_of_reader_link(l);
  st->read_next = 1;
  stream_mark_unavailable(st);
  if (redis_is_cluster(st->redis)) sio__cluster_request_slot_table_later(st->redis);
  sio__redis_log_connection_failure(st->redis, "that reads the stream", why, wait_ms);
}

static bool stream_reader_find_server(struct link *l) {
  return stream_find_server(stream_of_reader_link(l), l);
}

static const char *stream_reader_check_server_role(struct link *l, const redisReply *reply) {
  return stream_check_server_role(stream_of_reader_link(l), l, reply);
}

static const struct link_ops reader_ops = {
  .ready = on_stream_reader_ready,
  .reply = on_stream_reader_reply,
  .lost = on_stream_reader_reply_lost,
  .down = on_stream_reader_failed,
  .locate = stream_reader_find_server,
  .greeted = stream_reader_check_server_role,
};

/* ---- a part of the context ------------------------------------------------------------------- */

static bool is_stream_part_ready(const struct redis_part *p) { return stream_of_part(p)->open; }

/* Continues an attempt to connect that waits until the address of the server is known. */
static void stream_retry_find_server(const struct stream *st, struct link *l) {
  if (l->locating && stream_find_server(st, l)) sio__link_resume_with_address(l);
}

static void stream_part_flush(struct redis_part *p) {
  struct stream *st = stream_of_part(p);
  stream_retry_find_server(st, &st->writer);
  stream_retry_find_server(st, &st->reader);
  st->ops->flush(st);
  stream_write_queued_entries(st);
  sio__link_flush(&st->writer);
  sio__link_flush(&st->reader);
}

static size_t stream_part_queued_bytes(const struct redis_part *p) {
  const struct stream *st = stream_of_part(p);
  return st->bytes + sio__link_queued_bytes(&st->writer);
}

static void stream_free_if_closed(struct stream *st) {
  sio_redis *r = st->redis;
  if (!st->closed || st->handles || st->adapters.n) return;
  sio__map_clear(&st->adapters);
  sio__free(st);
  sio__redis_unref(r);
}

static void on_stream_writer_closed(struct link *l) {
  stream_free_if_closed(stream_of_writer_link(l));
}
static void on_stream_reader_closed(struct link *l) {
  stream_free_if_closed(stream_of_reader_link(l));
}

static void on_stream_timer_closed(uv_handle_t *h) {
  struct stream *st = h->data;
  st->handles--;
  stream_free_if_closed(st);
}

static void stream_free_entries(struct stream *st, struct list *list) {
  struct list *it;
  while ((it = list_first(list))) stream_remove_entry(st, stream_entry_of_list_node(it));
}

static void stream_close(struct stream *st) {
  if (st->closed) return;
  stream_part_flush(&st->part);
  stream_mark_unavailable(st);
  st->closed = true;
  list_remove(&st->part.link);
  stream_free_entries(st, &st->sent);
  stream_free_entries(st, &st->queued);
  stream_free_entries(st, &st->keys);
  sio__link_close(&st->writer);
  sio__link_close(&st->reader);
  uv_close((uv_handle_t *)&st->timer, on_stream_timer_closed);
}

static void stream_part_close(struct redis_part *p) { stream_close(stream_of_part(p)); }

/* ---- opening and closing --------------------------------------------------------------------- */

static struct stream *stream_find_by_name(const sio_redis *r, sio_slice name) {
  for (const struct list *it = r->parts.next; it != &r->parts; it = it->next) {
    struct stream *st = container_of(it, struct stream, part.link);
    if (slice_eq(slice(st->name, st->name_len), name)) return st;
  }
  return NULL;
}

static struct stream *stream_new(sio_redis *r, const struct stream_options *o,
                                 const struct stream_ops *ops) {
  struct stream *st = sio__calloc(1, size_add(sizeof *st, o->name.n));
  if (!st) return NULL;
  st->part = (struct redis_part){ .is_ready = is_stream_part_ready,
                                  .flush = stream_part_flush,
                                  .queued = stream_part_queued_bytes,
                                  .close = stream_part_close };
  st->redis = r;
  st->ops = ops;
  st->read_count = o->read_count;
  st->read_next = 1;
  /* The connection must not be silent for so long that it counts as broken. */
  unsigned most = r->options.ping_interval_ms / 2 + 1;
  st->block_ms = o->block_ms < most ? o->block_ms : most;
  st->max_len = o->max_len;
  st->name_len = o->name.n;
  memcpy(st->name, o->name.p, o->name.n);
  list_init(&st->queued);
  list_init(&st->sent);
  list_init(&st->keys);
  sio__map_init(&st->adapters, stream_member_key);
  return st;
}

static void stream_open_connections(struct stream *st) {
  sio_redis *r = st->redis;
  sio__redis_ref(r);
  list_push(&r->parts, &st->part.link);
  sio__link_init(&st->writer, r->loop, &writer_ops, &r->options, &st->handles,
                 on_stream_writer_closed);
  sio__link_init(&st->reader, r->loop, &reader_ops, &r->options, &st->handles,
                 on_stream_reader_closed);
  st->writer.expects_replies = true;
  st->writer.unanswered = &r->stats.unanswered;
  uv_timer_init(r->loop, &st->timer);
  st->timer.data = st;
  st->handles++;
  sio__link_start(&st->writer);
  sio__link_start(&st->reader);
  sio__redis_update_state(r, "");
}

int sio__stream_open_for_adapter(sio_redis *r, const struct stream_options *o,
                                 const struct stream_ops *ops, sio_adapter *a,
                                 struct stream **out) {
  struct stream *st = stream_find_by_name(r, o->name);
  bool is_new = !st;
  if (r->freed) return UV_ENOTSUP;
  if (is_new && !(st = stream_new(r, o, ops))) return UV_ENOMEM;
  int err = stream_add_member(st, a);
  if (err && is_new) sio__free(st);
  if (err) return err;
  if (is_new) stream_open_connections(st);
  *out = st;
  return 0;
}

static void clear_adapter_of_entries(struct list *list, const sio_adapter *a) {
  list_each (it, tmp, list) {
    if (stream_entry_of_list_node(it)->adapter == a) stream_entry_of_list_node(it)->adapter = NULL;
  }
}

void sio__stream_remove_adapter(struct stream *st, sio_adapter *a) {
  stream_deliver_entries_older_than(st, UINT64_MAX);
  struct stream_member *m = sio__map_del(&st->adapters, st->ops->nsp(a));
  sio__free(m);
  clear_adapter_of_entries(&st->sent, a);
  clear_adapter_of_entries(&st->queued, a);
  clear_adapter_of_entries(&st->keys, a);
  if (st->adapters.n) return;
  stream_close(st);
  stream_free_if_closed(st);
}
