/* SPDX-License-Identifier: MIT
 *
 * saved_state.h - what a socket had when its connection was lost: its rooms and its data. A socket
 * that takes its place is given both.
 */
#ifndef SIO_CORE_SAVED_STATE_H
#define SIO_CORE_SAVED_STATE_H

#include "base/slice.h"
#include <sio/adapter.h>

/* All zeros is an empty state. */
struct saved_state {
  char *rooms; /* the names of the socket's rooms, each with a NUL; NULL if there are none */
  size_t rooms_size;
  void *data;   /* a copy of the bytes of sio_socket_data(), or NULL */
  char *shared; /* a copy of sio_socket_shared(), or NULL, which means "{}" */
};

/* The first copies the rooms of a socket, the second its data. Both return 0 or UV_ENOMEM. */
int sio__saved_state_copy_rooms(struct saved_state *st, sio_socket *s);
int sio__saved_state_copy_data(struct saved_state *st, sio_socket *s);
/* Copies what an adapter has kept for a socket of this namespace. Data of another size than the
 * namespace's sockets have is ignored. Returns 0 or UV_ENOMEM. */
int sio__saved_state_copy_from_adapter(struct saved_state *st, const sio_nsp *nsp,
                                       const sio_saved_socket *from);
void sio__saved_state_clear(struct saved_state *st);

/* Gives the rooms and the shared data to a new socket. Returns 0, or the error of sio_join();
 * after an error the caller has to call sio__saved_state_take_back(). */
int sio__saved_state_give_rooms(const struct saved_state *st, sio_socket *s);
/* Undoes sio__saved_state_give_rooms(). */
void sio__saved_state_take_back(sio_socket *s);
void sio__saved_state_give_data(const struct saved_state *st, sio_socket *s);

/* True if one of the rooms has this name. */
bool sio__saved_state_has_room(const struct saved_state *st, const char *room);
/* Describes the state to an adapter. The rooms are a list that the caller frees; all else points
 * into *st. Returns 0 or UV_ENOMEM. */
int sio__saved_state_describe(const struct saved_state *st, const sio_nsp *nsp,
                              sio_saved_socket *out);

#endif
