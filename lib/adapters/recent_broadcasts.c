/* SPDX-License-Identifier: MIT
 *
 * recent_broadcasts.c - keeps the newest broadcasts up to a limit of bytes.
 */
#include "adapters/recent_broadcasts.h"

#include "base/mem.h"

void sio__recent_broadcasts_init(struct recent_broadcasts *b, size_t max_bytes) {
  *b = (struct recent_broadcasts){ .max_bytes = max_bytes };
  list_init(&b->list);
}

static struct recent_broadcast *oldest_recent_broadcast(const struct recent_broadcasts *b) {
  return container_of(b->list.next, struct recent_broadcast, link);
}

static void drop_oldest_recent_broadcast(struct recent_broadcasts *b) {
  struct recent_broadcast *oldest = oldest_recent_broadcast(b);
  list_remove(&oldest->link);
  b->bytes -= oldest->request->size;
  sio__thread_request_unref(oldest->request);
  sio__free(oldest);
}

void sio__recent_broadcasts_clear(struct recent_broadcasts *b) {
  while (!list_is_empty(&b->list)) drop_oldest_recent_broadcast(b);
}

void sio__recent_broadcasts_add_and_trim(struct recent_broadcasts *b, struct request *r) {
  struct recent_broadcast *added = sio__malloc(sizeof *added);
  uint64_t position = b->next_position++;
  if (!added) {
    sio__recent_broadcasts_clear(b);
    return;
  }
  atomic_fetch_add(&r->refs, 1);
  *added = (struct recent_broadcast){ .position = position, .request = r };
  list_append(&b->list, &added->link);
  b->bytes += r->size;
  while (b->bytes > b->max_bytes) drop_oldest_recent_broadcast(b);
}

bool sio__recent_broadcasts_has_all_since(const struct recent_broadcasts *b, uint64_t position) {
  uint64_t first =
      list_is_empty(&b->list) ? b->next_position : oldest_recent_broadcast(b)->position;
  return first <= position;
}
