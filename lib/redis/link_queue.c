/* SPDX-License-Identifier: MIT
 *
 * link_queue.c - a ring has an entry for each command that has no reply yet: first those that were
 * written, then those whose bytes are in link.out.
 */
#include "redis/link_queue.h"

#include "base/err.h"
#include "base/mem.h"
#include "redis/command.h"
#include "redis/link_socket.h"

size_t sio__link_queued_bytes(const struct link *l) {
  return l->out.n + l->kept + (l->socket && l->state == LINK_READY ? l->socket->unsent_bytes : 0);
}

bool sio__link_pop_expected_reply(struct link *l, struct link_expect *out) {
  if (!l->nexpects) return false;
  *out = l->expects[l->first];
  l->first = (l->first + 1) & (l->cap_expects - 1);
  l->nexpects--;
  if (l->nwritten) l->nwritten--;
  if (out->kept) l->kept -= out->kept->n;
  return true;
}

static struct link_expect *expected_reply_at(struct link *l, uint32_t i) {
  return &l->expects[(l->first + i) & (l->cap_expects - 1)];
}

/* ---- adding ---------------------------------------------------------------------------------- */

static int link_grow_expected_replies(struct link *l) {
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

/* Copies the bytes of the command that was written last. */
static struct link_kept *copy_command_bytes(const struct buf *b, size_t before) {
  size_t n = b->n - before;
  struct link_kept *k = sio__malloc(sizeof *k + n);
  if (!k) return NULL;
  *k = (struct link_kept){ .n = n };
  memcpy(k->bytes, b->p + before, n);
  return k;
}

static void link_push_expected_reply(struct link *l, const struct link_expect *expect) {
  *expected_reply_at(l, l->nexpects++) = *expect;
  if (expect->kept) l->kept += expect->kept->n;
}

int sio__link_queue_command(struct link *l, const struct link_expect *expect,
                            const sio_slice *words, size_t n) {
  size_t size = sio__link_queued_bytes(l) + 64, before = l->out.n;
  for (size_t i = 0; i < n; i++) size = size_add(size, size_add(words[i].n, 32));
  if (size > l->max_out) return UV_ENOBUFS;
  int err = expect ? link_grow_expected_replies(l) : 0;
  if (!err) err = sio__write_command(&l->out, words, n);
  if (err || !expect) return err;
  struct link_expect e = *expect;
  if (e.slot != LINK_NO_SLOT && !(e.kept = copy_command_bytes(&l->out, before))) {
    l->out.n = before;
    return UV_ENOMEM;
  }
  link_push_expected_reply(l, &e);
  return 0;
}

int sio__link_requeue_command(struct link *l, struct link_expect *expect, bool asking) {
  static const sio_slice words[] = { { "ASKING", 6 } };
  static const struct link_expect nobody = { .slot = LINK_NO_SLOT };
  const struct link_kept *k = expect->kept;
  if (size_add(sio__link_queued_bytes(l), size_add(k->n, k->n)) > l->max_out) return UV_ENOBUFS;
  int err = asking ? sio__link_queue_command(l, &nobody, words, 1) : 0;
  if (!err) err = link_grow_expected_replies(l);
  if (!err) err = sio__buf_put(&l->out, k->bytes, k->n);
  if (err) return err;
  link_push_expected_reply(l, expect);
  expect->kept = NULL;
  return 0;
}

/* ---- taking out ------------------------------------------------------------------------------ */

bool sio__link_take_command_of_slot(struct link *l, int slot, struct link_expect *out) {
  for (uint32_t i = 0; i < l->nexpects; i++) {
    struct link_expect *e = expected_reply_at(l, i);
    if (!e->kept || e->slot != slot) continue;
    *out = *e;
    l->kept -= e->kept->n;
    *e = (struct link_expect){ .slot = LINK_SENT_ON };
    return true;
  }
  return false;
}

void sio__link_take_unwritten_commands(struct link *l,
                                       void (*take)(struct link *l, struct link_expect *e)) {
  uint32_t n = l->nexpects - l->nwritten;
  l->out.n = 0;
  l->nexpects = l->nwritten;
  for (uint32_t i = 0; i < n; i++) {
    struct link_expect e = *expected_reply_at(l, l->nwritten + i);
    if (e.kept) l->kept -= e.kept->n;
    take(l, &e);
  }
}

static void link_report_lost_reply(struct link *l, struct link_expect *expect) {
  l->ops->lost(l, expect);
  sio__free(expect->kept);
}

void sio__link_drop_unanswered_commands(struct link *l) {
  struct link_expect expect;
  for (uint32_t n = l->nwritten; n && sio__link_pop_expected_reply(l, &expect); n--) {
    if (l->unanswered) ++*l->unanswered;
    link_report_lost_reply(l, &expect);
  }
}

void sio__link_drop_queue(struct link *l) {
  struct link_expect expect;
  l->out.n = 0;
  while (sio__link_pop_expected_reply(l, &expect)) link_report_lost_reply(l, &expect);
}
