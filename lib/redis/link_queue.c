/* SPDX-License-Identifier: MIT
 *
 * link_queue.c - the ring link.expects has a struct link_expect for each command whose reply is to
 * be matched and has not come: first for commands that were written, then for those in link.out.
 */
#include "redis/link_queue.h"

#include "base/err.h"
#include "base/mem.h"
#include "redis/command.h"
#include "redis/link_socket.h"
#include <assert.h>

size_t sio__link_queued_bytes(const struct link *l) {
  return l->out.n + l->kept + (l->socket && l->state == LINK_READY ? l->socket->unsent_bytes : 0);
}

/* Removes the oldest command from the ring, whether it was written or not. */
static bool link_pop_oldest_command(struct link *l, struct link_expect *out) {
  if (!l->nexpects) return false;
  *out = l->expects[l->first];
  l->first = (l->first + 1) & (l->cap_expects - 1);
  l->nexpects--;
  if (l->nwritten) l->nwritten--;
  if (out->kept) l->kept -= out->kept->n;
  return true;
}

const struct link_expect *sio__link_first_expected_reply(const struct link *l) {
  return l->nwritten ? &l->expects[l->first] : NULL;
}

bool sio__link_pop_expected_reply(struct link *l, struct link_expect *out) {
  return l->nwritten && link_pop_oldest_command(l, out);
}

static struct link_expect *expected_reply_at(struct link *l, uint32_t i) {
  return &l->expects[(l->first + i) & (l->cap_expects - 1)];
}

/* ---- adding ---------------------------------------------------------------------------------- */

static int link_grow_expected_replies_if_full(struct link *l) {
  uint32_t cap = l->cap_expects ? l->cap_expects * 2 : 64;
  if (l->nexpects < l->cap_expects) return 0;
  struct link_expect *v = cap ? sio__malloc(size_mul(cap, sizeof *v)) : NULL;
  if (!v) return UV_ENOMEM;
  for (uint32_t i = 0; i < l->nexpects; i++)
    v[i] = l->expects[(l->first + i) & (l->cap_expects - 1)];
  sio__free(l->expects);
  l->expects = v;
  l->cap_expects = cap;
  l->first = 0;
  return 0;
}

/* Returns a copy of the command at the end of the buffer, or NULL if memory ran out. before: the
 * length of the buffer before the command was appended. */
static struct link_kept *copy_command_bytes(const struct buf *b, size_t before) {
  size_t n = b->n - before;
  struct link_kept *k = sio__malloc(sizeof *k + n);
  if (!k) return NULL;
  *k = (struct link_kept){ .n = n };
  memcpy(k->bytes, b->p + before, n);
  return k;
}

/* Appends *expect to the ring l->expects, after its command was appended to l->out. before: the
 * length of l->out without the command. */
static void link_push_expected_reply(struct link *l, const struct link_expect *expect,
                                     size_t before) {
  struct link_expect *e = expected_reply_at(l, l->nexpects++);
  *e = *expect;
  e->size = l->out.n - before;
  if (expect->kept) l->kept += expect->kept->n;
}

int sio__link_queue_command(struct link *l, const struct link_expect *expect,
                            const sio_slice *words, size_t n) {
  size_t size = sio__link_queued_bytes(l) + 64, before = l->out.n;
  for (size_t i = 0; i < n; i++) size = size_add(size, size_add(words[i].n, 32));
  if (size > l->max_out) return UV_ENOBUFS;
  int err = expect ? link_grow_expected_replies_if_full(l) : 0;
  if (!err) err = sio__write_resp_command(&l->out, words, n);
  if (err || !expect) return err;
  struct link_expect e = *expect;
  if (e.slot != LINK_NO_SLOT && !(e.kept = copy_command_bytes(&l->out, before))) {
    l->out.n = before;
    return UV_ENOMEM;
  }
  link_push_expected_reply(l, &e, before);
  return 0;
}

static int link_write_asking_and_kept_command(struct link *l, const struct link_kept *k,
                                              bool asking) {
  static const sio_slice words[] = { { "ASKING", 6 } };
  static const struct link_expect nobody = { .slot = LINK_NO_SLOT };
  int err = asking ? sio__link_queue_command(l, &nobody, words, 1) : 0;
  if (!err) err = link_grow_expected_replies_if_full(l);
  return err ? err : sio__buf_put(&l->out, k->bytes, k->n);
}

/* If the command cannot be queued after ASKING, ASKING is removed again: Redis would apply it to
 * the next command. */
int sio__link_requeue_command(struct link *l, struct link_kept *k, bool asking) {
  size_t bytes = l->out.n;
  uint32_t replies = l->nexpects;
  if (size_add(sio__link_queued_bytes(l), size_add(k->n, k->n)) > l->max_out) return UV_ENOBUFS;
  int err = link_write_asking_and_kept_command(l, k, asking);
  if (err) {
    sio__link_undo_queued_commands(l, bytes, replies);
    return err;
  }
  list_remove(&k->in_list);
  k->expect.asking = asking;
  link_push_expected_reply(l, &k->expect, l->out.n - k->n);
  return 0;
}

/* ---- taking out ------------------------------------------------------------------------------ */

void sio__link_save_command_in_list(struct link *l, const struct link_expect *e,
                                    struct list *list) {
  struct link_kept *k = e->kept;
  k->expect = *e;
  k->from = l;
  list_append(list, &k->in_list);
}

static void link_uncount_and_save_command_in_list(struct link *l, const struct link_expect *e,
                                                  struct list *list) {
  l->kept -= e->kept->n;
  sio__link_save_command_in_list(l, e, list);
}

/* The commands that are not removed move forward, so that the removed ones leave no gaps in the
 * ring l->expects and in l->out. */
void sio__link_move_matching_unwritten_to_list(struct link *l, int slot, link_pick pick,
                                               struct list *list) {
  uint32_t left = l->nwritten;
  size_t from = 0, to = 0;
  for (uint32_t i = l->nwritten; i < l->nexpects; i++) {
    const struct link_expect e = *expected_reply_at(l, i);
    if (e.kept && pick(l, &e, slot)) {
      link_uncount_and_save_command_in_list(l, &e, list);
    } else {
      if (to < from) memmove(l->out.p + to, l->out.p + from, e.size);
      *expected_reply_at(l, left++) = e;
      to += e.size;
    }
    from += e.size;
  }
  l->nexpects = left;
  l->out.n = to;
}

static bool is_command_for_slot(struct link *l, const struct link_expect *e, int slot) {
  (void)l;
  return e->slot == slot;
}

void sio__link_move_commands_of_slot_to_list(struct link *l, int slot, struct list *list) {
  for (uint32_t i = 0; i < l->nwritten; i++) {
    struct link_expect *e = expected_reply_at(l, i);
    if (!e->kept || e->slot != slot) continue;
    link_uncount_and_save_command_in_list(l, e, list);
    *e = (struct link_expect){ .slot = LINK_SENT_ON };
  }
  sio__link_move_matching_unwritten_to_list(l, slot, is_command_for_slot, list);
}

uint32_t sio__link_count_replies_until_last_match(struct link *l, link_pick pick) {
  for (uint32_t i = l->nwritten; i; i--) {
    const struct link_expect *e = expected_reply_at(l, i - 1);
    if (e->kept && pick(l, e, e->slot)) return i;
  }
  return 0;
}

static void link_report_lost_reply_and_free_command(struct link *l, struct link_expect *expect) {
  l->ops->lost(l, expect);
  sio__free(expect->kept);
}

void sio__link_drop_written_commands(struct link *l) {
  struct link_expect expect;
  for (uint32_t n = l->nwritten; n && link_pop_oldest_command(l, &expect); n--) {
    if (l->unanswered) ++*l->unanswered;
    link_report_lost_reply_and_free_command(l, &expect);
  }
}

void sio__link_undo_queued_commands(struct link *l, size_t bytes, uint32_t replies) {
  assert(l->nwritten <= replies && replies <= l->nexpects);
  l->out.n = bytes;
  l->nexpects = replies;
}

void sio__link_drop_all_commands(struct link *l) {
  struct link_expect expect;
  l->out.n = 0;
  while (link_pop_oldest_command(l, &expect)) link_report_lost_reply_and_free_command(l, &expect);
}
