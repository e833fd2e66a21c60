/* SPDX-License-Identifier: MIT
 *
 * hooks.c - lists of callbacks (hooks). While a list is being walked, a hook that is removed is
 * only marked. It is unlinked and freed when no walk over the list is in progress any more.
 */
#include "core/hooks.h"

#include "base/err.h"
#include "base/mem.h"
#include <assert.h>

static struct hook *hook_of_link(struct list *link) {
  return container_of(link, struct hook, link);
}

static void unlink_and_free_hook(struct hook *k) {
  list_remove(&k->link);
  sio__free(k);
}

void sio__hooks_init(struct hooks *h) {
  *h = (struct hooks){ .added = 0 };
  list_init(&h->list);
}

void sio__hooks_clear(struct hooks *h) {
  list_each (it, tmp, &h->list) unlink_and_free_hook(hook_of_link(it));
}

int sio__hooks_add(struct hooks *h, hook_fn fn, void *user) {
  if (!fn) return UV_EINVAL;
  struct hook *k = sio__malloc(sizeof *k);
  if (!k) return UV_ENOMEM;
  *k = (struct hook){ .number = ++h->added, .fn = fn, .user = user };
  list_append(&h->list, &k->link);
  return 0;
}

int sio__hooks_copy(struct hooks *h, const struct hooks *from) {
  int err = 0;
  for (const struct list *it = from->list.next; it != &from->list && !err; it = it->next) {
    const struct hook *k = container_of(it, const struct hook, link);
    if (k->fn) err = sio__hooks_add(h, k->fn, k->user); /* NULL: k was removed */
  }
  return err;
}

int sio__hooks_remove(struct hooks *h, hook_fn fn, void *user) {
  list_each (it, tmp, &h->list) {
    struct hook *k = hook_of_link(it);
    if (!fn || k->fn != fn || k->user != user) continue;
    k->fn = NULL;
    if (h->walks)
      h->has_removed = true;
    else
      unlink_and_free_hook(k);
    return 0;
  }
  return UV_ENOENT;
}

struct hook_walk sio__hooks_start_walk(struct hooks *h) {
  h->walks++;
  return (struct hook_walk){ .hooks = h, .at = &h->list, .last_number = h->added };
}

static void hooks_free_removed(struct hooks *h) {
  h->has_removed = false;
  list_each (it, tmp, &h->list) {
    if (!hook_of_link(it)->fn) unlink_and_free_hook(hook_of_link(it));
  }
}

void sio__hooks_stop_walk(struct hook_walk *w) {
  assert(w->hooks->walks > 0);
  if (--w->hooks->walks == 0 && w->hooks->has_removed) hooks_free_removed(w->hooks);
}

const struct hook *sio__hooks_next_in_walk(struct hook_walk *w) {
  while ((w->at = w->at->next) != &w->hooks->list) {
    const struct hook *k = hook_of_link(w->at);
    if (k->fn && k->number <= w->last_number) return k;
  }
  sio__hooks_stop_walk(w);
  return NULL;
}

const struct hook *sio__hooks_next_after(const struct hooks *h, const struct hook *at,
                                         uint64_t last_number) {
  struct list *it = at ? at->link.next : h->list.next;
  for (; it != &h->list; it = it->next)
    if (hook_of_link(it)->number <= last_number) return hook_of_link(it);
  return NULL;
}
