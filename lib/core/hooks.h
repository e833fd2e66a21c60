/* SPDX-License-Identifier: MIT
 *
 * hooks.h - the host's callbacks for one occasion, in order.
 *
 * They may be added and removed while they are being run, by each other too: what is
 * removed does not run any more, what is added waits for the next occasion.
 */
#ifndef SIO_CORE_HOOKS_H
#define SIO_CORE_HOOKS_H

#include "base/list.h"
#include <stdint.h>

typedef void (*hook_fn)(void); /* cast back to what the occasion calls */

struct hook {
  struct list link;
  uint64_t born; /* the count of hooks ever added, this one included */
  hook_fn fn;    /* NULL: removed while the row was being run        */
  void *user;
};

struct hooks {
  struct list row;
  uint64_t added;
  unsigned walks; /* under way */
  bool holes;     /* members whose fn is NULL wait for the last walk's end */
};

void sio__hooks_init(struct hooks *h);
void sio__hooks_clear(struct hooks *h);
int sio__hooks_add(struct hooks *h, hook_fn fn, void *user, bool front); /* UV_EINVAL, UV_ENOMEM */
/* What is in `from` goes behind what is here. UV_ENOMEM: some of it did. */
int sio__hooks_copy(struct hooks *h, const struct hooks *from);
int sio__hooks_remove(struct hooks *h, hook_fn fn, void *user); /* UV_ENOENT */

static inline bool hooks_empty(const struct hooks *h) { return list_empty(&h->row); }

/* Runs over those that were there when it began. next answers NULL at the end and ends the walk;
 * leave it earlier with sio__hooks_stop(). */
struct hook_walk {
  struct hooks *hooks;
  struct list *at;
  uint64_t until;
};
struct hook_walk sio__hooks_walk(struct hooks *h);
const struct hook *sio__hooks_next(struct hook_walk *w);
void sio__hooks_stop(struct hook_walk *w);

/* For rows that nothing is ever removed from: the first hook behind `at` (NULL: of all) that was
 * there when `added` was `until`. */
const struct hook *sio__hooks_next_after(const struct hooks *h, const struct hook *at,
                                         uint64_t until);

#endif
