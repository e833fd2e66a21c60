/* SPDX-License-Identifier: MIT
 *
 * stream_entries.c - the entries that this server adds to a stream, and when each is delivered to
 * the local sockets.
 */
#include "redis/stream_entries.h"

#include "base/mem.h"

enum { TIMER_MS = 250 };

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

void sio__stream_remove_and_free_entry(struct stream *st, struct stream_entry *e) {
  list_remove(&e->link);
  st->bytes -= e->bytes;
  st->locals -= e->kind == ENTRY_LOCAL;
  sio__stream_entry_free(st, e);
}

void sio__stream_free_entries(struct stream *st, struct list *list) {
  struct list *it;
  while ((it = list_first(list)))
    sio__stream_remove_and_free_entry(st, stream_entry_of_list_node(it));
}

void sio__stream_clear_adapter_of_entries(struct list *list, const sio_adapter *a) {
  list_each (it, tmp, list) {
    if (stream_entry_of_list_node(it)->adapter == a) stream_entry_of_list_node(it)->adapter = NULL;
  }
}

void sio__stream_deliver_entry(struct stream *st, struct stream_entry *e,
                               const struct stream_id *id) {
  if (e->delivered) return;
  e->delivered = true;
  if (e->kind == ENTRY_ADD) st->waiting--;
  e->early = e->kind == ENTRY_ADD && !id;
  if (e->adapter) st->ops->deliver(e, id);
}

static void stream_deliver_entry_early(struct stream *st, struct stream_entry *e) {
  sio__stream_deliver_entry(st, e, NULL);
  if (e->kind == ENTRY_LOCAL) sio__stream_remove_and_free_entry(st, e);
}

void sio__stream_make_refused_entry_local(struct stream *st, struct stream_entry *e) {
  if (is_entry_waiting_for_delivery(e)) st->waiting--;
  e->kind = ENTRY_LOCAL;
  st->locals++;
}

/* Delivers and frees each ENTRY_LOCAL of the list before the first entry that waits for its
 * delivery. Returns false if there is such an entry. */
static bool stream_deliver_local_entries_at_front_of_list(struct stream *st, struct list *list) {
  list_each (it, tmp, list) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (is_entry_waiting_for_delivery(e)) return false;
    if (e->kind == ENTRY_LOCAL) stream_deliver_entry_early(st, e);
  }
  return true;
}

void sio__stream_deliver_local_entries_at_front(struct stream *st) {
  if (st->locals && stream_deliver_local_entries_at_front_of_list(st, &st->sent))
    (void)stream_deliver_local_entries_at_front_of_list(st, &st->queued);
}

void sio__stream_deliver_entries_older_than(struct stream *st, uint64_t then) {
  list_each (it, tmp, &st->sent) {
    struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->since_ms > then) return;
    stream_deliver_entry_early(st, e);
  }
  list_each (it, tmp, &st->queued) {
    if (stream_entry_of_list_node(it)->since_ms > then) return;
    stream_deliver_entry_early(st, stream_entry_of_list_node(it));
  }
}

static bool has_list_entries_delivered_early(const struct list *list, const sio_adapter *a) {
  for (struct list *it = list->next; it != list; it = it->next) {
    const struct stream_entry *e = stream_entry_of_list_node(it);
    if (e->early && e->adapter == a) return true;
  }
  return false;
}

bool sio__stream_has_entries_delivered_early(const struct stream *st, const sio_adapter *a) {
  return has_list_entries_delivered_early(&st->sent, a) ||
         has_list_entries_delivered_early(&st->queued, a);
}

static void on_timer_deliver_overdue_entries(uv_timer_t *t) {
  struct stream *st = t->data;
  uint64_t now = stream_now_ms(st);
  if (now >= STREAM_WAIT_MS) sio__stream_deliver_entries_older_than(st, now - STREAM_WAIT_MS);
  sio__stream_deliver_local_entries_at_front(st);
  if (!st->waiting) uv_timer_stop(t);
}

void sio__stream_start_delivery_timer(struct stream *st) {
  if (!uv_is_active((uv_handle_t *)&st->timer))
    uv_timer_start(&st->timer, on_timer_deliver_overdue_entries, TIMER_MS, TIMER_MS);
}
