/* SPDX-License-Identifier: MIT
 *
 * stream_entries.h - the entries that a server adds to a stream, and when each is delivered to the
 * local sockets.
 */
#ifndef SIO_REDIS_STREAM_ENTRIES_H
#define SIO_REDIS_STREAM_ENTRIES_H

#include "redis/stream_types.h"

/* Allocates an entry with room for its words: each is copied to *at, which moves. */
struct stream_entry *sio__stream_entry_new(sio_adapter *a, enum stream_entry_kind kind,
                                           size_t bytes, char **at);
void sio__stream_entry_free(struct stream *st, struct stream_entry *e);
/* Removes an entry from its list and frees it. */
void sio__stream_remove_entry(struct stream *st, struct stream_entry *e);
void sio__stream_free_entries(struct stream *st, struct list *list);
void sio__stream_clear_adapter_of_entries(struct list *list, const sio_adapter *a);

/* Delivers an entry, unless it is delivered already. id: NULL if it has none. */
void sio__stream_deliver_entry(struct stream *st, struct stream_entry *e,
                               const struct stream_id *id);
/* Delivers the local entries at the beginning of the list, up to the first entry of the stream that
 * still waits for its id. */
void sio__stream_deliver_local_entries(struct stream *st);
/* Delivers, without ids, all entries that were queued at the time `then` or earlier. */
void sio__stream_deliver_entries_older_than(struct stream *st, uint64_t then);
/* From now on entries are delivered without ids after STREAM_WAIT_MS, while some wait. */
void sio__stream_start_delivery_timer(struct stream *st);

static inline struct stream_entry *stream_entry_of_list_node(struct list *it) {
  return container_of(it, struct stream_entry, link);
}
static inline bool is_entry_waiting_for_delivery(const struct stream_entry *e) {
  return e->kind == ENTRY_ADD && !e->delivered;
}
/* True if entries wait for their ids: then an event for the local sockets alone has to be queued as
 * ENTRY_LOCAL, so that the order is kept. */
static inline bool has_stream_waiting_entries(const struct stream *st) { return st->waiting > 0; }

#endif
