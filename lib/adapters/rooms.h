/* SPDX-License-Identifier: MIT
 *
 * rooms.h - which sockets are in which rooms. To join a room, to leave it and to look for a socket
 * in it takes constant time on average.
 *
 * Each room has an array of its sockets without gaps, because broadcasts walk it. Each socket has a
 * hash table of its rooms (sio_socket.slot). The entries of the two refer to each other by index. A
 * socket without rooms has no table, and a room without sockets does not exist.
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
  uint32_t number; /* a number for each room, in the order of creation; used to compute its hash */
  char name[];     /* NUL-terminated */
};

struct rooms {
  struct map by_name;
  uint32_t created; /* room.number of the room that is created next */
};

void sio__rooms_init(struct rooms *r);
struct room *sio__rooms_find(const struct rooms *r, const char *name); /* NULL: it has no sockets */

/* Adds a socket to a room in which it is not yet. Returns 0; or UV_ENOMEM, and then the socket was
 * not added. */
int sio__rooms_add_socket(struct rooms *r, sio_socket *s, const char *name);
/* Removes a socket from a room. Does nothing if the socket is not in the room. */
void sio__rooms_remove_socket(struct rooms *r, sio_socket *s, const char *name);
void sio__rooms_remove_socket_from_all(struct rooms *r, sio_socket *s);
bool sio__is_socket_in_room(const sio_socket *s, const struct room *room); /* room may be NULL */
/* Returns the rooms of a socket one by one, then NULL. *i must be 0 in the first call. */
const struct room *sio__rooms_next_of_socket(const sio_socket *s, uint32_t *i);

#endif
