/* SPDX-License-Identifier: MIT
 *
 * nsp_members.c - the connected sockets of a namespace: an array without gaps, and a map by id.
 */
#include "base/mem.h"
#include "core/nsp.h"
#include "core/socket.h"
#include <assert.h>

enum { MEMBERS_MIN = 16 };

static int nsp_members_resize(sio_nsp *nsp, uint32_t cap) {
  sio_socket **p = sio__realloc(nsp->members, cap * sizeof(sio_socket *));
  if (!p) return UV_ENOMEM;
  nsp->members = p;
  nsp->members_cap = cap;
  return 0;
}

static int nsp_members_reserve_slot(sio_nsp *nsp) {
  if (nsp->nmembers < nsp->members_cap) return 0;
  sio_socket **p =
      sio__array_grow(nsp->members, &nsp->members_cap, sizeof(sio_socket *), MEMBERS_MIN);
  if (!p) return UV_ENOMEM;
  nsp->members = p;
  return 0;
}

int sio__nsp_add_connected_socket(sio_nsp *nsp, sio_socket *s) {
  int err = nsp_members_reserve_slot(nsp);
  if (!err) err = sio__map_put(&nsp->by_id, s);
  if (err) return err;
  s->index = nsp->nmembers;
  nsp->members[nsp->nmembers++] = s;
  return 0;
}

void sio__nsp_remove_connected_socket(sio_nsp *nsp, sio_socket *s) {
  assert(s->index < nsp->nmembers && nsp->members[s->index] == s);
  sio_socket *last = nsp->members[--nsp->nmembers];
  nsp->members[s->index] = last;
  last->index = s->index;
  sio__map_del(&nsp->by_id, slice_str(s->id));
  /* If the array cannot be made smaller because memory runs out, it keeps its size, which does no
   * harm. */
  if (nsp->members_cap > MEMBERS_MIN && nsp->nmembers < nsp->members_cap / 4)
    (void)nsp_members_resize(nsp, nsp->members_cap / 2);
}

sio_slice sio__get_map_key_of_nsp_socket(const void *socket) {
  return slice_str(((const sio_socket *)socket)->id);
}

sio_socket *sio_socket_find(const sio_nsp *nsp, const char *id) {
  return sio__map_get(&nsp->by_id, slice_str(id));
}
