/* SPDX-License-Identifier: MIT
 *
 * stream_entries.h - the entries that this server adds to a stream, and when each is delivered to
 * the local sockets.
 */
#ifndef SIO_REDIS_STREAM_ENTRIES_H
#define SIO_REDIS_STREAM_ENTRIES_H

#include "redis/stream_types.h"

/* Allocates an entry with `bytes` bytes after the struct, and sets *at to the first of them. The
 * caller copies the texts there that the slices of the entry point to. Returns NULL if memory ran
 * out. */
struct stream_entry *sio__stream_entry_new(sio_adapter *a, enum stream_entry_kind kind,
                                           size_t bytes, char **at);
void sio__stream_entry_free(struct stream *st, struct stream_entry *e);
/* Removes an entry from its list and frees it. */
void sio__stream_remove_and_free_entry(struct stream *st, struct stream_entry *e);
void sio__stream_free_entries(struct stream *st, struct list *list);
void sio__stream_clear_adapter_of_entries(struct list *list, const sio_adapter *a);

/* Delivers the entry to the local sockets, unless stream_entry.delivered is true or the adapter has
 * closed. id: the id of the entry; NULL: deliver the event without its id. */
void sio__stream_deliver_entry(struct stream *st, struct stream_entry *e,
                               const struct stream_id *id);
/* Delivers and frees each ENTRY_LOCAL in st->sent and st->queued that comes before the first
 * ENTRY_ADD which is not delivered yet. Must be called after an ENTRY_ADD was delivered, because
 * later events are delivered at once when no ENTRY_ADD waits any more. */
void sio__stream_deliver_local_entries_at_front(struct stream *st);
/* Called when Redis has refused the entry, so that no other server gets it. Turns the entry into an
 * ENTRY_LOCAL, whose event is still in e->data. If the event was not delivered yet, it is delivered
 * to the local sockets alone, after the entries before it. */
void sio__stream_make_refused_entry_local(struct stream *st, struct stream_entry *e);
/* Delivers, without ids, the entries in st->sent and st->queued that were queued at or before the
 * time `then` (a value of uv_now()). */
void sio__stream_deliver_entries_older_than(struct stream *st, uint64_t then);
/* Starts the timer that delivers entries, before their ids are known, when they have waited about
 * STREAM_WAIT_MS. The timer stops when no ENTRY_ADD waits. */
void sio__stream_start_delivery_timer(struct stream *st);

/* Returns true if an event of this adapter was delivered to the local sockets without its id, and
 * was not read back yet. */
bool sio__stream_has_entries_delivered_early(const struct stream *st, const sio_adapter *a);

static inline struct stream_entry *stream_entry_of_list_node(struct list *it) {
  return container_of(it, struct stream_entry, link);
}
static inline bool is_entry_waiting_for_delivery(const struct stream_entry *e) {
  return e->kind == ENTRY_ADD && !e->delivered;
}
/* Returns true if entries of this server wait for their delivery to the local sockets, because they
 * were not read back from the stream. An event that is for local sockets only is then queued as
 * ENTRY_LOCAL, so that it is delivered after these entries. */
static inline bool has_stream_undelivered_entries(const struct stream *st) {
  return st->waiting > 0;
}

#endif
