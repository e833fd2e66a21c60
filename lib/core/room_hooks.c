/* SPDX-License-Identifier: MIT
 *
 * room_hooks.c - adds the host's sio_room_hooks to a namespace, and runs them.
 */
#include "core/room_hooks.h"

#include "base/mem.h"
#include "base/sized.h"
#include "core/nsp.h"

/* The size of sio_room_hooks in version 0.1 of the library. sio__read_sized_struct() assumes it if
 * the host has not set the member `size`. */
enum { ROOM_HOOKS_0_1 = sizeof(sio_room_hooks) };

struct room_hook {
  sio_room_hooks on;
  void *user;
};

/* The function of each hook in nsp->rooms, which is never called: the functions that are called are
 * in the struct room_hook to which the hook's user pointer points. */
static void room_hook_no_op(void) {}

int sio_on_room(sio_nsp *nsp, const sio_room_hooks *hooks, void *user) {
  if (!hooks) return UV_EINVAL;
  struct room_hook *h = sio__malloc(sizeof *h);
  if (!h) return UV_ENOMEM;
  h->user = user;
  int err = sio__read_sized_struct(&h->on, sizeof h->on, hooks, ROOM_HOOKS_0_1);
  if (!err) err = sio__hooks_add(&nsp->rooms, room_hook_no_op, h);
  if (err) sio__free(h);
  return err;
}

int sio__room_hooks_copy(sio_nsp *nsp, const sio_nsp *from) {
  const struct hook *k = NULL;
  int err = 0;
  while (!err && (k = sio__hooks_next_after(&from->rooms, k, UINT64_MAX))) {
    const struct room_hook *h = k->user;
    err = sio_on_room(nsp, &h->on, h->user);
  }
  return err;
}

void sio__room_hooks_clear(sio_nsp *nsp) {
  const struct hook *k = NULL;
  while ((k = sio__hooks_next_after(&nsp->rooms, k, UINT64_MAX))) sio__free(k->user);
  sio__hooks_clear(&nsp->rooms);
}

bool sio__has_room_hooks(const sio_nsp *nsp) { return !hooks_is_empty(&nsp->rooms); }

static void run_one_room_hook(sio_nsp *nsp, const struct room_hook *h, enum sio_room_change change,
                              const char *room, sio_socket *s) {
  switch (change) {
    case SIO_ROOM_CREATED:
      if (h->on.create) h->on.create(nsp, room, h->user);
      break;
    case SIO_ROOM_JOINED:
      if (h->on.join) h->on.join(nsp, room, s, h->user);
      break;
    case SIO_ROOM_LEFT:
      if (h->on.leave) h->on.leave(nsp, room, s, h->user);
      break;
    case SIO_ROOM_REMOVED:
      if (h->on.remove) h->on.remove(nsp, room, h->user);
      break;
  }
}

void sio__run_room_change_hooks(sio_nsp *nsp, enum sio_room_change change, const char *room,
                                sio_socket *s) {
  HOOKS_EACH(k, walk, &nsp->rooms) run_one_room_hook(nsp, k->user, change, room, s);
}
