/* SPDX-License-Identifier: MIT
 *
 * stream_repeats.c - the last number of each sender, in a map; when the map is full, the sender
 * whose last entry is the oldest is replaced.
 */
#include "redis/stream_repeats.h"

#include "base/mem.h"
#include "redis/stream_parse.h"

enum { SENDERS_MAX = 1024, SENDER_UID_MAX = 32 };

/* A sender of entries with a field `seq`, known by its uid: a server of libsio. */
struct stream_sender {
  struct list by_age; /* in stream.senders_by_age; the sender of the newest entry is the last */
  uint64_t seq;       /* the greatest `seq` of the sender's entries */
  size_t uid_len;
  char uid[SENDER_UID_MAX];
};

static struct stream_sender *sender_of_list_node(struct list *it) {
  return container_of(it, struct stream_sender, by_age);
}

static sio_slice get_map_key_of_stream_sender(const void *item) {
  const struct stream_sender *s = item;
  return slice(s->uid, s->uid_len);
}

void sio__stream_init_duplicate_detection(struct stream *st) {
  sio__map_init(&st->senders, get_map_key_of_stream_sender);
  list_init(&st->senders_by_age);
}

static void remove_and_free_stream_sender(struct stream *st, struct stream_sender *s) {
  sio__map_del(&st->senders, get_map_key_of_stream_sender(s));
  list_remove(&s->by_age);
  sio__free(s);
}

void sio__stream_clear_duplicate_detection(struct stream *st) {
  struct list *it;
  while ((it = list_first(&st->senders_by_age)))
    remove_and_free_stream_sender(st, sender_of_list_node(it));
  sio__map_clear(&st->senders);
}

static struct stream_sender *stream_add_sender_and_drop_oldest_if_full(struct stream *st,
                                                                       sio_slice uid) {
  struct stream_sender *s = sio__calloc(1, sizeof *s);
  if (!s) return NULL;
  list_init(&s->by_age);
  memcpy(s->uid, uid.p, uid.n);
  s->uid_len = uid.n;
  if (st->senders.n == SENDERS_MAX)
    remove_and_free_stream_sender(st, sender_of_list_node(list_first(&st->senders_by_age)));
  if (!sio__map_put(&st->senders, s)) return s;
  sio__free(s);
  return NULL;
}

static struct stream_sender *stream_find_or_add_sender_as_newest(struct stream *st, sio_slice uid) {
  struct stream_sender *s = sio__map_get(&st->senders, uid);
  if (!s) s = stream_add_sender_and_drop_oldest_if_full(st, uid);
  if (!s) return NULL;
  list_remove(&s->by_age);
  list_append(&st->senders_by_age, &s->by_age);
  return s;
}

bool sio__stream_check_duplicate_and_remember_entry(struct stream *st,
                                                    const struct stream_fields *f,
                                                    struct stream_id id) {
  if (!f->seq || !f->uid.n || f->uid.n > SENDER_UID_MAX) return false;
  struct stream_sender *s = stream_find_or_add_sender_as_newest(st, f->uid);
  if (!s) return false;
  if (f->seq > s->seq) {
    s->seq = f->seq;
    return false;
  }
  st->repeats[st->nrepeats++ % STREAM_REPEATS] = id;
  return true;
}

bool sio__stream_is_id_of_recent_duplicate(const struct stream *st, struct stream_id id) {
  for (unsigned i = 0; i < STREAM_REPEATS && i < st->nrepeats; i++)
    if (stream_id_compare(st->repeats[i], id) == 0) return true;
  return false;
}
