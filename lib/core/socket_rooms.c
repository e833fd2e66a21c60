/* SPDX-License-Identifier: MIT
 *
 * socket_rooms.c - joins and leaves rooms, lists rooms, and counts the members of a room.
 */
#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"

enum { ROOM_NAME_MAX = 255 };

bool sio__is_valid_room_name(const char *room) {
  size_t n = room ? strnlen(room, ROOM_NAME_MAX + 1) : 0;
  return n > 0 && n <= ROOM_NAME_MAX;
}

/* True if the room's name is the id of s, and s is in that room: a socket is in the room with this
 * name while it is CONNECTED or LEAVING. */
static bool is_room_named_by_socket_id_and_joined(const sio_socket *s, const char *room) {
  bool has_own_room = s->state == SOCKET_CONNECTED || s->state == SOCKET_LEAVING;
  return has_own_room && strcmp(room, s->id) == 0;
}

/* Logs that the socket joins or leaves a room: verb is "joins" or "leaves". */
static void log_room_change(const sio_socket *s, const char *verb, const char *room) {
  LOG_ABOUT(&s->nsp->core->log, SIO_LOG_DEBUG, SIO_PART_ADAPTER, ABOUT_SOCKET(s),
            "socket %s %s room \"%s\" of namespace %s", s->own_id, verb, room, s->nsp->name);
}

/* Connecting makes a socket a member of the room that has its id as its name. So a join of this
 * room changes nothing, also while the socket is PENDING: an entry in the adapter's room would
 * count the socket a second time. */
int sio_join(sio_socket *s, const char *room) {
  if (loop_refuse_call_inside_observer_callback(&s->nsp->core->loop, "sio_join()"))
    return SIO_ESTATE;
  if (!sio__is_valid_room_name(room)) return SIO_ENAME;
  if (!socket_can_join_rooms(s)) return SIO_ECLOSED;
  sio_nsp *nsp = s->nsp;
  if (strcmp(room, s->id) == 0 || nsp->ops->in_room(nsp->adapter, s, room)) return 0;
  log_room_change(s, "joins", room);
  return nsp->ops->join(nsp->adapter, s, room);
}

int sio_leave(sio_socket *s, const char *room) {
  if (loop_refuse_call_inside_observer_callback(&s->nsp->core->loop, "sio_leave()"))
    return SIO_ESTATE;
  if (!sio__is_valid_room_name(room)) return SIO_ENAME;
  if (!socket_can_join_rooms(s)) return SIO_ECLOSED;
  sio_nsp *nsp = s->nsp;
  if (!nsp->ops->in_room(nsp->adapter, s, room)) return 0;
  log_room_change(s, "leaves", room);
  nsp->ops->leave(nsp->adapter, s, room);
  return 0;
}

bool sio_in_room(const sio_socket *s, const char *room) {
  if (!sio__is_valid_room_name(room) || s->state == SOCKET_LEFT) return false;
  return is_room_named_by_socket_id_and_joined(s, room) ||
         s->nsp->ops->in_room(s->nsp->adapter, s, room);
}

size_t sio_nsp_count_sockets(const sio_nsp *nsp, const char *room) {
  if (!room) return nsp->nmembers;
  return sio__is_valid_room_name(room) && nsp->ops->room_size
             ? nsp->ops->room_size(nsp->adapter, room)
             : 0;
}

/* ---- lists of rooms -------------------------------------------------------------------------- */

struct room_list {
  const char **out;
  size_t max, n;
};

static void count_room_and_store_name_if_space(const char *room, void *user) {
  struct room_list *list = user;
  if (list->n < list->max) list->out[list->n] = room;
  list->n++;
}

static void count_namespace_room_and_store_name_if_space(const char *room, size_t members,
                                                         void *user) {
  (void)members;
  count_room_and_store_name_if_space(room, user);
}

void sio__socket_each_room(const sio_socket *s, void (*cb)(const char *room, void *user),
                           void *user) {
  if (s->state == SOCKET_LEFT) return;
  if (is_room_named_by_socket_id_and_joined(s, s->id)) cb(s->id, user);
  s->nsp->ops->rooms(s->nsp->adapter, s, cb, user);
}

size_t sio_rooms(const sio_socket *s, const char **out, size_t max) {
  struct room_list list = { out, max, 0 };
  sio__socket_each_room(s, count_room_and_store_name_if_space, &list);
  return list.n;
}

size_t sio_nsp_rooms(const sio_nsp *nsp, const char **out, size_t max) {
  struct room_list list = { out, max, 0 };
  if (nsp->ops->all_rooms)
    nsp->ops->all_rooms(nsp->adapter, count_namespace_room_and_store_name_if_space, &list);
  return list.n;
}
