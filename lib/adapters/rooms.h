/* SPDX-License-Identifier: MIT
 *
 * rooms.h - which sockets are in which rooms. Joining a room, leaving it and testing membership
 * take constant time.
 *
 * Each room has a dense array of its members, because a broadcast walks it. Each socket has a hash
 * table of the rooms that it has joined (its adapter slot). The entries of the two refer to each
 * other by index. A socket without rooms has no table, and a room without members does not exist.
 */
#ifndef SIO_ADAPTERS_ROOMS_H
#define SIO_ADAPTERS_ROOMS_H

#include "base/map.h"
#include <sio/types.h>

struct room_member {
  sio_socket *socket;
  uint32_t slot; /* the index of the room in the socket's table of joined rooms */
};

struct room {
  struct room_member *members;
  uint32_t n, cap;
  uint32_t name_len;
  uint32_t number; /* the rooms are numbered in the order of creation; used as hash value */
  char name[];     /* NUL-terminated */
};

struct rooms {
  struct map by_name;
  uint32_t created; /* the number of rooms that were ever created */
};

void sio__rooms_init(struct rooms *r);
struct room *sio__rooms_find(const struct rooms *r, const char *name); /* NULL: no members */

/* The socket must not be in the room yet. 0 or UV_ENOMEM; after an error nothing has changed. */
int sio__rooms_add_socket(struct rooms *r, sio_socket *s, const char *name);
/* Does nothing if the socket is not in the room. */
void sio__rooms_remove_socket(struct rooms *r, sio_socket *s, const char *name);
void sio__rooms_remove_socket_from_all(struct rooms *r, sio_socket *s);
bool sio__is_socket_in_room(const sio_socket *s, const struct room *room); /* room may be NULL */
/* Walks the rooms of a socket: *i must be 0 at the start. Returns NULL at the end. */
const struct room *sio__rooms_next_of_socket(const sio_socket *s, uint32_t *i);

#endif
