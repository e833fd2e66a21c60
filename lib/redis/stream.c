/* SPDX-License-Identifier: MIT
 *
 * stream.c - opens and closes a stream, which is a struct redis_part of a sio_redis.
 */
#include "redis/stream.h"

#include "base/err.h"
#include "base/mem.h"
#include "redis/stream_adapter_map.h"
#include "redis/stream_entries.h"
#include "redis/stream_reader.h"
#include "redis/stream_repeats.h"
#include "redis/stream_server.h"
#include "redis/stream_writer.h"

/* ---- the struct redis_part of the stream ----------------------------------------------------- */

static bool is_stream_part_open_for_adding_entries(const struct redis_part *p) {
  return stream_of_part(p)->open;
}

static void on_flush_connect_and_write_stream_queue(struct redis_part *p) {
  struct stream *st = stream_of_part(p);
  sio__stream_connect_link_if_server_known(st, &st->writer);
  sio__stream_connect_link_if_server_known(st, &st->reader);
  st->ops->flush(st);
  sio__stream_write_queued_entries(st);
  sio__link_flush(&st->writer);
  sio__link_flush(&st->reader);
}

static size_t stream_count_queued_bytes(const struct redis_part *p) {
  const struct stream *st = stream_of_part(p);
  return st->bytes + sio__link_queued_bytes(&st->writer);
}

static void stream_free_if_closed_and_unused(struct stream *st) {
  sio_redis *r = st->redis;
  if (!st->closed || st->handles || st->adapters.n) return;
  sio__map_clear(&st->adapters);
  sio__stream_clear_duplicate_detection(st);
  sio__free(st);
  sio__redis_unref(r);
}

static void free_stream_after_writer_link_closed(struct link *l) {
  stream_free_if_closed_and_unused(stream_of_writer_link(l));
}
static void free_stream_after_reader_link_closed(struct link *l) {
  stream_free_if_closed_and_unused(stream_of_reader_link(l));
}

static void free_stream_after_timer_closed(uv_handle_t *h) {
  struct stream *st = h->data;
  st->handles--;
  stream_free_if_closed_and_unused(st);
}

static void stream_close(struct stream *st) {
  if (st->closed) return;
  on_flush_connect_and_write_stream_queue(&st->part);
  sio__stream_mark_not_open_and_deliver_all(st);
  st->closed = true;
  list_remove(&st->part.link);
  sio__stream_free_entries(st, &st->sent);
  sio__stream_free_entries(st, &st->queued);
  sio__stream_free_entries(st, &st->keys);
  sio__link_disconnect_and_close_timer(&st->writer);
  sio__link_disconnect_and_close_timer(&st->reader);
  uv_close((uv_handle_t *)&st->timer, free_stream_after_timer_closed);
}

static void close_stream_of_part(struct redis_part *p) { stream_close(stream_of_part(p)); }

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
  st->part = (struct redis_part){ .is_ready = is_stream_part_open_for_adding_entries,
                                  .flush = on_flush_connect_and_write_stream_queue,
                                  .queued = stream_count_queued_bytes,
                                  .close = close_stream_of_part };
  st->redis = r;
  st->ops = ops;
  st->read_count = o->read_count;
  st->read_next = 1;
  /* If XREAD blocked for longer, the link could take the silent connection for a broken one. */
  unsigned most = r->options.ping_interval_ms / 2 + 1;
  st->block_ms = o->block_ms < most ? o->block_ms : most;
  st->max_len = o->max_len;
  st->name_len = o->name.n;
  memcpy(st->name, o->name.p, o->name.n);
  list_init(&st->queued);
  list_init(&st->sent);
  list_init(&st->keys);
  sio__stream_init_adapter_map(st);
  sio__stream_init_duplicate_detection(st);
  return st;
}

static void stream_open_connections(struct stream *st) {
  sio_redis *r = st->redis;
  sio__redis_ref(r);
  list_append(&r->parts, &st->part.link);
  sio__link_init(&st->writer, r->loop, &sio__stream_writer_ops, &r->options, &st->handles,
                 free_stream_after_writer_link_closed);
  sio__link_init(&st->reader, r->loop, &sio__stream_reader_ops, &r->options, &st->handles,
                 free_stream_after_reader_link_closed);
  st->writer.expects_replies = true;
  st->writer.unanswered = &r->stats.unanswered;
  uv_timer_init(r->loop, &st->timer);
  st->timer.data = st;
  st->handles++;
  sio__link_start_connecting_if_down(&st->writer);
  sio__link_start_connecting_if_down(&st->reader);
  sio__redis_update_state(r, "");
}

int sio__stream_open_for_adapter(sio_redis *r, const struct stream_options *o,
                                 const struct stream_ops *ops, sio_adapter *a,
                                 struct stream **out) {
  struct stream *st = stream_find_by_name(r, o->name);
  bool is_new = !st;
  if (r->freed) return UV_ENOTSUP;
  if (is_new && !(st = stream_new(r, o, ops))) return UV_ENOMEM;
  int err = sio__stream_add_adapter_to_map(st, a);
  if (err && is_new) sio__free(st);
  if (err) return err;
  if (is_new) stream_open_connections(st);
  *out = st;
  return 0;
}

void sio__stream_remove_adapter_and_close_if_last(struct stream *st, sio_adapter *a) {
  sio__stream_deliver_entries_older_than(st, UINT64_MAX);
  sio__stream_remove_adapter_from_map(st, a);
  sio__stream_clear_adapter_of_entries(&st->sent, a);
  sio__stream_clear_adapter_of_entries(&st->queued, a);
  sio__stream_clear_adapter_of_entries(&st->keys, a);
  if (st->adapters.n) return;
  stream_close(st);
  stream_free_if_closed_and_unused(st);
}
