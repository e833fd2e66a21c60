/* SPDX-License-Identifier: MIT
 *
 * hooks.h - a list of callbacks for one kind of event, which are called in the order in which they
 * were added.
 *
 * Callbacks may be added and removed while those in the list are being called, also by the
 * callbacks themselves. A callback that was removed is not called any more; one that was added is
 * first called the next time.
 */
#ifndef SIO_CORE_HOOKS_H
#define SIO_CORE_HOOKS_H

#include "base/list.h"
#include <stdint.h>

typedef void (*hook_fn)(void); /* the caller casts it to the real type of the callback */

/* One callback in a list of callbacks (struct hooks). */
struct hook {
  struct list link;
  uint64_t number; /* hooks of one list are numbered from 1 in the order of adding */
  hook_fn fn;      /* NULL: removed while the list is iterated, and unlinked after that */
  void *user;
};

struct hooks {
  struct list list;
  uint64_t added;   /* the number of the hook that was added last */
  unsigned walks;   /* how many iterations over the list are in progress (struct hook_walk) */
  bool has_removed; /* some hooks have fn NULL, and have to be unlinked when `walks` is 0 */
};

void sio__hooks_init(struct hooks *h);
void sio__hooks_clear(struct hooks *h);
int sio__hooks_add(struct hooks *h, hook_fn fn, void *user); /* 0, UV_EINVAL, UV_ENOMEM */
/* Appends copies of the hooks of `from` to h. Returns 0 or UV_ENOMEM; after an error some copies
 * may have been appended. */
int sio__hooks_copy(struct hooks *h, const struct hooks *from);
int sio__hooks_remove(struct hooks *h, hook_fn fn, void *user); /* 0 or UV_ENOENT */

static inline bool hooks_is_empty(const struct hooks *h) { return list_is_empty(&h->list); }

/* A walk is an iteration over the hooks that are in the list when it starts, without those that
 * are removed before it reaches them. sio__hooks_next_in_walk() returns NULL after the last one
 * and ends the walk; sio__hooks_stop_walk() ends it earlier. */
struct hook_walk {
  struct hooks *hooks;
  struct list *at;
  uint64_t last_number; /* hooks with a higher number were added after the walk began */
};
struct hook_walk sio__hooks_start_walk(struct hooks *h);
const struct hook *sio__hooks_next_in_walk(struct hook_walk *w);
void sio__hooks_stop_walk(struct hook_walk *w);

/* Runs the statement that follows the macro for each hook k of h. The macro declares the variable
 * `walk`, which must be a new name in its block. Call sio__hooks_stop_walk(&walk) before a
 * break. */
#define HOOKS_EACH(k, walk, h)                      \
  struct hook_walk walk = sio__hooks_start_walk(h); \
  for (const struct hook *k; (k = sio__hooks_next_in_walk(&walk));)

/* Finds the next hook after `at`, or the first one of the list if `at` is NULL. Skips hooks with a
 * number higher than last_number. Returns NULL if no hook is left. Must be used only for lists from
 * which no hook is ever removed. */
const struct hook *sio__hooks_next_after(const struct hooks *h, const struct hook *at,
                                         uint64_t last_number);

#endif
