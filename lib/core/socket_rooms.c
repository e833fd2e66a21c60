/* SPDX-License-Identifier: MIT
 *
 * socket_rooms.c - rooms: joins and leaves them, and lists rooms and members.
 */
#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"

enum { ROOM_NAME_MAX = 255 };

static bool is_room_name(const char *room) {
  size_t n = room ? strnlen(room, ROOM_NAME_MAX + 1) : 0;
  return n > 0 && n <= ROOM_NAME_MAX;
}

/* True if the room is that of the socket's own id. A socket is in it from the time it connects
 * until it leaves its rooms. */
static bool is_own_room(const sio_socket *s, const char *room) {
  bool has_own_room = s->state == SOCKET_CONNECTED || s->state == SOCKET_LEAVING;
  return has_own_room && strcmp(room, s->id) == 0;
}

/* verb is "joins" or "leaves". */
static void log_room_change(const sio_socket *s, const char *verb, const char *room) {
  LOG(&s->nsp->core->log, SIO_LOG_DEBUG, SIO_ROOM_ADAPTER, "socket %s %s room \"%s\" of %s",
      s->own_id, verb, room, s->nsp->name);
}

int sio_join(sio_socket *s, const char *room) {
  if (loop_refuses_room_change(&s->nsp->core->loop, "sio_join()")) return SIO_ESTATE;
  if (!is_room_name(room)) return SIO_ENAME;
  if (!socket_is_open(s)) return SIO_ECLOSED;
  sio_nsp *nsp = s->nsp;
  if (is_own_room(s, room) || nsp->ops->in_room(nsp->adapter, s, room)) return 0;
  log_room_change(s, "joins", room);
  return nsp->ops->join(nsp->adapter, s, room);
}

int sio_leave(sio_socket *s, const char *room) {
  if (loop_refuses_room_change(&s->nsp->core->loop, "sio_leave()")) return SIO_ESTATE;
  if (!is_room_name(room)) return SIO_ENAME;
  if (!socket_is_open(s)) return SIO_ECLOSED;
  sio_nsp *nsp = s->nsp;
  if (!nsp->ops->in_room(nsp->adapter, s, room)) return 0;
  log_room_change(s, "leaves", room);
  nsp->ops->leave(nsp->adapter, s, room);
  return 0;
}

bool sio_in_room(const sio_socket *s, const char *room) {
  if (!is_room_name(room) || s->state == SOCKET_LEFT) return false;
  return is_own_room(s, room) || s->nsp->ops->in_room(s->nsp->adapter, s, room);
}

/* While loop->walker is set, calls that would change rooms are refused. */
void sio_nsp_rooms(const sio_nsp *nsp, void (*cb)(const char *room, size_t members, void *user),
                   void *user) {
  struct loop *l = &nsp->core->loop;
  const char *outer = l->walker;
  l->walker = "the callback of sio_nsp_rooms()";
  if (cb && nsp->ops->all_rooms) nsp->ops->all_rooms(nsp->adapter, cb, user);
  l->walker = outer;
}

size_t sio_room_size(const sio_nsp *nsp, const char *room) {
  return is_room_name(room) && nsp->ops->room_size ? nsp->ops->room_size(nsp->adapter, room) : 0;
}

void sio_rooms(const sio_socket *s, void (*cb)(const char *room, void *user), void *user) {
  if (!cb || s->state == SOCKET_LEFT) return;
  struct loop *l = &s->nsp->core->loop;
  const char *outer = l->walker;
  l->walker = "the callback of sio_rooms()";
  if (is_own_room(s, s->id)) cb(s->id, user);
  s->nsp->ops->rooms(s->nsp->adapter, s, cb, user);
  l->walker = outer;
}
