/* SPDX-License-Identifier: MIT
 *
 * replay.c - numbered events in a list, with what they were addressed to.
 */
#include "core/replay.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"

int sio__replay_init(struct replay *r, size_t max_bytes) {
  char id[SIO__ID_LEN + 1];
  int err = sio__random_id(id);
  *r = (struct replay){ .max_bytes = max_bytes };
  list_init(&r->entries);
  memcpy(r->tag, id, REPLAY_TAG);
  return err;
}

static struct replay_entry *entry_at(struct list *it) {
  return container_of(it, struct replay_entry, link);
}

static void drop_oldest_entry(struct replay *r) {
  struct replay_entry *e = entry_at(list_pop(&r->entries));
  r->bytes -= e->bytes;
  r->dropped = e->seq;
  msg_unref(e->msg);
  sio__free(e);
}

void sio__replay_clear(struct replay *r) {
  while (!list_empty(&r->entries)) drop_oldest_entry(r);
}

void sio__replay_remove_newest(struct replay *r, uint64_t seq) {
  if (list_empty(&r->entries) || entry_at(r->entries.prev)->seq != seq) return;
  struct replay_entry *e = entry_at(r->entries.prev);
  list_remove(&e->link);
  r->bytes -= e->bytes;
  msg_unref(e->msg);
  sio__free(e);
}

void sio__replay_drop_before(struct replay *r, uint64_t ms) {
  while (!list_empty(&r->entries) && entry_at(r->entries.next)->at < ms) drop_oldest_entry(r);
}

/* ---- offsets -------------------------------------------------------------------------- */

size_t sio__replay_write(const struct replay *r, uint64_t seq, char out[REPLAY_OFFSET_MAX]) {
  memcpy(out, r->tag, REPLAY_TAG);
  out[REPLAY_TAG] = '.';
  return REPLAY_TAG + 1 + sio__num_u64(out + REPLAY_TAG + 1, seq);
}

enum replay_place sio__replay_read(const struct replay *r, sio_slice offset, uint64_t *seq) {
  const size_t head = REPLAY_TAG + 1;
  if (offset.n <= head || offset.p[REPLAY_TAG] != '.') return REPLAY_NOWHERE;
  if (!sio__slice_parse_u64(slice(offset.p + head, offset.n - head), seq)) return REPLAY_NOWHERE;
  if (memcmp(offset.p, r->tag, REPLAY_TAG) != 0) return REPLAY_ELSEWHERE;
  return *seq <= r->seq ? REPLAY_HERE : REPLAY_NOWHERE;
}

/* ---- adding ---------------------------------------------------------------------------- */

static size_t names_size(const char *const *names) {
  size_t n = 0;
  for (; names && *names; names++) n += strlen(*names) + 1;
  return n;
}

static char *put_room_name(char *at, const char *name) {
  size_t n = strlen(name) + 1;
  memcpy(at, name, n);
  return at + n;
}

static char *put_room_names(char *at, const char *const *names, uint32_t *count) {
  for (; names && *names; names++, ++*count) at = put_room_name(at, *names);
  return at;
}

/* Twice the text: its compressed form, made later, hangs on it. */
static size_t msg_size(const struct msg *chain) {
  size_t n = 0;
  for (const struct msg *m = chain; m; m = m->next) n += msg_memory_size(m) + m->len;
  return n;
}

static struct replay_entry *entry_new(struct msg *msg, const sio_target *to, const char *skip_id) {
  size_t size = sizeof(struct replay_entry) + names_size(to->rooms) + names_size(to->except) +
                (skip_id ? strlen(skip_id) + 1 : 0);
  struct replay_entry *e = sio__malloc(size);
  if (!e) return NULL;
  *e = (struct replay_entry){ .bytes = size + msg_size(msg), .everyone = !to->rooms };
  char *at = put_room_names(e->names, to->rooms, &e->nrooms);
  at = put_room_names(at, to->except, &e->nexcept);
  if (!skip_id) return e;
  put_room_name(at, skip_id);
  e->nexcept++;
  return e;
}

void sio__replay_add(struct replay *r, uint64_t seq, uint64_t now, struct msg *msg,
                     const sio_target *to, const char *skip_id) {
  struct replay_entry *e = entry_new(msg, to, skip_id);
  if (!e) {
    sio__replay_clear(r);
    r->dropped = seq;
    return;
  }
  e->seq = seq;
  e->at = now;
  e->msg = msg_ref(msg);
  list_push(&r->entries, &e->link);
  r->bytes += e->bytes;
  while (r->bytes > r->max_bytes) drop_oldest_entry(r);
}

/* ---- reading ---------------------------------------------------------------------------- */

static bool names_any_room(const char **at, uint32_t n, bool (*in_room)(const char *, const void *),
                           const void *user) {
  bool found = false;
  for (; n > 0; n--, *at += strlen(*at) + 1) found = found || in_room(*at, user);
  return found;
}

bool sio__replay_concerns(const struct replay_entry *e,
                          bool (*in_room)(const char *room, const void *user), const void *user) {
  const char *at = e->names;
  bool named = names_any_room(&at, e->nrooms, in_room, user);
  return (e->everyone || named) && !names_any_room(&at, e->nexcept, in_room, user);
}

const struct replay_entry *sio__replay_next(const struct replay *r, const struct replay_entry *e) {
  const struct list *next = e ? e->link.next : r->entries.next;
  return next == &r->entries ? NULL : container_of(next, struct replay_entry, link);
}

/* From the end: who comes back has missed little of what is kept. */
const struct replay_entry *sio__replay_after(const struct replay *r, uint64_t seq) {
  const struct list *it = r->entries.prev;
  while (it != &r->entries && container_of(it, struct replay_entry, link)->seq > seq) it = it->prev;
  it = it->next;
  return it == &r->entries ? NULL : container_of(it, struct replay_entry, link);
}
