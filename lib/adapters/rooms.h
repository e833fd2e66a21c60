/* SPDX-License-Identifier: MIT
 *
 * rooms.h - who is in which room: joining, leaving and asking in O(1), and a dense
 * array of members for each room.
 *
 * A room knows its members, each with the seat it has in that member's table; a table
 * (the socket's adapter slot) knows its rooms, each with the index of the member there. An
 * empty room and an empty table cost nothing.
 */
#ifndef SIO_ADAPTERS_ROOMS_H
#define SIO_ADAPTERS_ROOMS_H

#include "base/map.h"
#include <sio/types.h>

struct place {
  sio_socket *socket;
  uint32_t seat; /* in the socket's table */
};

struct room {
  struct place *places; /* [0, n) */
  uint32_t n, cap;
  uint32_t name_len;
  uint32_t number; /* in the order of making; decides where the room sits in members' tables */
  char name[];     /* NUL-terminated */
};

struct rooms {
  struct map by_name;
  uint32_t made; /* rooms, ever */
};

void sio__rooms_init(struct rooms *r);
void sio__rooms_clear(struct rooms *r);                                /* everybody has left */
struct room *sio__rooms_find(const struct rooms *r, const char *name); /* NULL: nobody is in it */

/* It must not be in the room yet. 0, or UV_ENOMEM, and then nothing changed. */
int sio__rooms_join(struct rooms *r, sio_socket *s, const char *name);
/* No-op when it is not in it. */
void sio__rooms_leave(struct rooms *r, sio_socket *s, const char *name);
void sio__rooms_leave_all(struct rooms *r, sio_socket *s);
bool sio__rooms_has(const sio_socket *s, const struct room *room); /* room may be NULL */
/* The socket's rooms one by one; *i starts at 0, NULL at the end. */
const struct room *sio__rooms_next(const sio_socket *s, uint32_t *i);

#endif
