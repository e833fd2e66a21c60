/* SPDX-License-Identifier: MIT
 *
 * hooks.c - a ring of callbacks; while anybody walks it nothing is unlinked.
 */
#include "core/hooks.h"

#include "base/err.h"
#include "base/mem.h"

static struct hook *hook_at(struct list *link) { return container_of(link, struct hook, link); }

static void drop(struct hook *k) {
  list_remove(&k->link);
  sio__free(k);
}

void sio__hooks_init(struct hooks *h) {
  *h = (struct hooks){ .added = 0 };
  list_init(&h->row);
}

void sio__hooks_clear(struct hooks *h) {
  list_each (it, tmp, &h->row) drop(hook_at(it));
}

int sio__hooks_add(struct hooks *h, hook_fn fn, void *user, bool front) {
  if (!fn) return SIO__EINVAL;
  struct hook *k = sio__malloc(sizeof *k);
  if (!k) return SIO__ENOMEM;
  *k = (struct hook){ .born = ++h->added, .fn = fn, .user = user };
  list_push(front ? h->row.next : &h->row, &k->link);
  return 0;
}

int sio__hooks_copy(struct hooks *h, const struct hooks *from) {
  int err = 0;
  for (const struct list *it = from->row.next; it != &from->row && !err; it = it->next) {
    const struct hook *k = container_of(it, const struct hook, link);
    if (k->fn) err = sio__hooks_add(h, k->fn, k->user, false);
  }
  return err;
}

int sio__hooks_remove(struct hooks *h, hook_fn fn, void *user) {
  list_each (it, tmp, &h->row) {
    struct hook *k = hook_at(it);
    if (!fn || k->fn != fn || k->user != user) continue;
    k->fn = NULL;
    if (h->walks)
      h->holes = true;
    else
      drop(k);
    return 0;
  }
  return SIO__ENOENT;
}

struct hook_walk sio__hooks_walk(struct hooks *h) {
  h->walks++;
  return (struct hook_walk){ .hooks = h, .at = &h->row, .until = h->added };
}

static void sweep(struct hooks *h) {
  h->holes = false;
  list_each (it, tmp, &h->row) {
    if (!hook_at(it)->fn) drop(hook_at(it));
  }
}

void sio__hooks_stop(struct hook_walk *w) {
  if (--w->hooks->walks == 0 && w->hooks->holes) sweep(w->hooks);
}

const struct hook *sio__hooks_next(struct hook_walk *w) {
  while ((w->at = w->at->next) != &w->hooks->row) {
    const struct hook *k = hook_at(w->at);
    if (k->fn && k->born <= w->until) return k;
  }
  sio__hooks_stop(w);
  return NULL;
}

const struct hook *sio__hooks_next_after(const struct hooks *h, const struct hook *at,
                                         uint64_t until) {
  struct list *it = at ? at->link.next : h->row.next;
  for (; it != &h->row; it = it->next)
    if (hook_at(it)->born <= until) return hook_at(it);
  return NULL;
}
