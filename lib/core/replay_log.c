/* SPDX-License-Identifier: MIT
 *
 * replay_log.c - a list of numbered events, each with the target to which it was sent.
 */
#include "core/replay_log.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"

int sio__replay_log_init(struct replay_log *log, size_t max_bytes) {
  char id[SIO__ID_LEN + 1];
  int err = sio__make_random_id(id);
  *log = (struct replay_log){ .max_bytes = max_bytes };
  list_init(&log->entries);
  memcpy(log->tag, id, REPLAY_TAG_LEN);
  return err;
}

static struct replay_log_entry *replay_entry_of_link(struct list *it) {
  return container_of(it, struct replay_log_entry, link);
}

static void free_replay_entry(struct replay_log_entry *e) {
  msg_unref(e->msg);
  msg_unref(e->text);
  sio__free(e);
}

static void drop_oldest_replay_entry(struct replay_log *log) {
  struct replay_log_entry *e = replay_entry_of_link(list_take_first(&log->entries));
  log->bytes -= e->bytes;
  log->last_dropped = e->seq;
  free_replay_entry(e);
}

void sio__replay_log_clear(struct replay_log *log) {
  while (!list_is_empty(&log->entries)) drop_oldest_replay_entry(log);
}

/* Returns the newest entry if it is event seq. Otherwise returns NULL. */
static struct replay_log_entry *get_newest_replay_entry_if_number_is(struct replay_log *log,
                                                                     uint64_t seq) {
  if (list_is_empty(&log->entries)) return NULL;
  struct replay_log_entry *e = replay_entry_of_link(log->entries.prev);
  return e->seq == seq ? e : NULL;
}

void sio__replay_log_remove_event_if_newest(struct replay_log *log, uint64_t seq) {
  struct replay_log_entry *e = get_newest_replay_entry_if_number_is(log, seq);
  if (!e) return;
  list_remove(&e->link);
  log->bytes -= e->bytes;
  free_replay_entry(e);
}

void sio__replay_log_drop_older_than(struct replay_log *log, uint64_t ms) {
  while (!list_is_empty(&log->entries) && replay_entry_of_link(log->entries.next)->added_ms < ms)
    drop_oldest_replay_entry(log);
}

/* ---- offsets -------------------------------------------------------------------------- */

size_t sio__replay_log_format_event_offset(const struct replay_log *log, uint64_t seq,
                                           char out[REPLAY_OFFSET_MAX]) {
  memcpy(out, log->tag, REPLAY_TAG_LEN);
  out[REPLAY_TAG_LEN] = '.';
  return REPLAY_TAG_LEN + 1 + sio__u64_to_text(out + REPLAY_TAG_LEN + 1, seq);
}

enum replay_offset_kind sio__replay_log_parse_client_offset(const struct replay_log *log,
                                                            sio_slice offset, uint64_t *seq) {
  const size_t head = REPLAY_TAG_LEN + 1;
  if (offset.n <= head || offset.p[REPLAY_TAG_LEN] != '.') return REPLAY_OFFSET_INVALID;
  if (!sio__slice_parse_u64(slice(offset.p + head, offset.n - head), seq))
    return REPLAY_OFFSET_INVALID;
  if (memcmp(offset.p, log->tag, REPLAY_TAG_LEN) != 0) return REPLAY_OFFSET_FOREIGN;
  return *seq <= log->seq ? REPLAY_OFFSET_VALID : REPLAY_OFFSET_INVALID;
}

/* ---- adding ---------------------------------------------------------------------------- */

static size_t sum_room_name_sizes(const char *const *names) {
  size_t n = 0;
  for (; names && *names; names++) n += strlen(*names) + 1;
  return n;
}

static char *copy_room_name_and_return_end(char *at, const char *name) {
  size_t n = strlen(name) + 1;
  memcpy(at, name, n);
  return at + n;
}

static char *copy_and_count_room_names(char *at, const char *const *names, uint32_t *count) {
  for (; names && *names; names++, ++*count) at = copy_room_name_and_return_end(at, *names);
  return at;
}

/* Returns the memory of a message and its attachments. The length of each one counts twice, because
 * its compressed form, which may be added later, takes memory too. */
static size_t sum_msg_chain_memory_with_compressed(const struct msg *chain) {
  size_t n = 0;
  for (const struct msg *m = chain; m; m = m->next) n += msg_memory_size(m) + m->len;
  return n;
}

static struct replay_log_entry *replay_entry_new(struct msg *msg, const sio_target *to,
                                                 const char *skip_id) {
  size_t size = sizeof(struct replay_log_entry) + sum_room_name_sizes(to->rooms) +
                sum_room_name_sizes(to->except) + (skip_id ? strlen(skip_id) + 1 : 0);
  struct replay_log_entry *e = sio__malloc(size);
  if (!e) return NULL;
  *e = (struct replay_log_entry){ .bytes = size + sum_msg_chain_memory_with_compressed(msg),
                                  .to_all = !to->rooms };
  char *at = copy_and_count_room_names(e->names, to->rooms, &e->nrooms);
  at = copy_and_count_room_names(at, to->except, &e->nexcept);
  if (!skip_id) return e;
  copy_room_name_and_return_end(at, skip_id);
  e->nexcept++;
  return e;
}

void sio__replay_log_add_event(struct replay_log *log, uint64_t seq, uint64_t now_ms,
                               struct msg *msg, const sio_target *to, const char *skip_id) {
  struct replay_log_entry *e = replay_entry_new(msg, to, skip_id);
  if (!e) {
    sio__replay_log_clear(log);
    log->last_dropped = seq;
    return;
  }
  e->seq = seq;
  e->added_ms = now_ms;
  e->msg = msg_ref(msg);
  list_append(&log->entries, &e->link);
  log->bytes += e->bytes;
  while (log->bytes > log->max_bytes) drop_oldest_replay_entry(log);
}

void sio__replay_log_set_text_of_newest_event(struct replay_log *log, uint64_t seq,
                                              struct msg *text, uint32_t offset_len) {
  struct replay_log_entry *e = get_newest_replay_entry_if_number_is(log, seq);
  if (!e) return;
  size_t bytes = sum_msg_chain_memory_with_compressed(text);
  e->text = text ? msg_ref(text) : NULL;
  e->offset_len = offset_len;
  e->bytes += bytes;
  log->bytes += bytes;
  while (log->bytes > log->max_bytes) drop_oldest_replay_entry(log);
}

void sio__replay_log_set_former_offset_of_newest(struct replay_log *log, uint64_t seq,
                                                 const char *tag, uint64_t former_seq) {
  struct replay_log_entry *e = get_newest_replay_entry_if_number_is(log, seq);
  if (!e) return;
  memcpy(e->former_tag, tag, REPLAY_TAG_LEN);
  e->former_seq = former_seq;
}

bool sio__is_moved_replay_entry_up_to_offset(const struct replay_log_entry *e, sio_slice offset,
                                             uint64_t number) {
  return e->former_seq && e->former_seq <= number &&
         memcmp(e->former_tag, offset.p, REPLAY_TAG_LEN) == 0;
}

/* ---- reading ---------------------------------------------------------------------------- */

static bool is_in_any_listed_room_and_advance_past_list(const char **at, uint32_t n,
                                                        in_room_cb in_room, const void *user) {
  bool found = false;
  for (; n > 0; n--, *at += strlen(*at) + 1) found = found || in_room(*at, user);
  return found;
}

bool sio__replay_log_entry_matches_rooms(const struct replay_log_entry *e, in_room_cb in_room,
                                         const void *user) {
  const char *at = e->names;
  bool in_target = is_in_any_listed_room_and_advance_past_list(&at, e->nrooms, in_room, user);
  return (e->to_all || in_target) &&
         !is_in_any_listed_room_and_advance_past_list(&at, e->nexcept, in_room, user);
}

const struct replay_log_entry *sio__replay_log_next_entry(const struct replay_log *log,
                                                          const struct replay_log_entry *e) {
  const struct list *next = e ? e->link.next : log->entries.next;
  return next == &log->entries ? NULL : container_of(next, struct replay_log_entry, link);
}

/* Searches from the end, because a returning client has usually missed only the last events. */
const struct replay_log_entry *sio__replay_log_first_entry_after(const struct replay_log *log,
                                                                 uint64_t seq) {
  const struct list *it = log->entries.prev;
  while (it != &log->entries && container_of(it, struct replay_log_entry, link)->seq > seq)
    it = it->prev;
  it = it->next;
  return it == &log->entries ? NULL : container_of(it, struct replay_log_entry, link);
}
