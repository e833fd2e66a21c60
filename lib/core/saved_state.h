/* SPDX-License-Identifier: MIT
 *
 * saved_state.h - a copy of the rooms and the data of a socket. When the client of a lost socket
 * returns, its new socket joins these rooms and gets this data.
 */
#ifndef SIO_CORE_SAVED_STATE_H
#define SIO_CORE_SAVED_STATE_H

#include "base/slice.h"
#include <sio/adapter.h>

/* All zeros is an empty state. */
struct saved_state {
  char *rooms; /* the names of the rooms that the socket has joined, each with a NUL; or NULL */
  size_t rooms_size;
  void *data;   /* a copy of the bytes of sio_socket_data(), or NULL */
  char *shared; /* a copy of sio_socket_shared(), or NULL, which means "{}" */
};

/* Copies the names of the rooms that s has joined to *st. Returns 0 or UV_ENOMEM. */
int sio__saved_state_copy_rooms_of_socket(struct saved_state *st, sio_socket *s);
/* Copies sio_socket_data() and sio_socket_shared() to *st. Returns 0 or UV_ENOMEM. */
int sio__saved_state_copy_data_of_socket(struct saved_state *st, sio_socket *s);
/* Copies to *st what an adapter has kept for a lost socket of this namespace. If from->data_size
 * differs from socket_data_size, from->data is not copied. Returns 0 or UV_ENOMEM. */
int sio__saved_state_copy_from_adapter(struct saved_state *st, const sio_nsp *nsp,
                                       const sio_saved_socket *from);
void sio__saved_state_clear(struct saved_state *st);

/* Sets the data and the shared data of the client's new socket, and then makes it join the saved
 * rooms, so that the room callbacks of the host can read the data. Returns 0; UV_ENOMEM; or
 * SIO_ECLOSED if such a callback has ended the session of s. After an error the caller has to call
 * sio__saved_state_undo_apply_to_socket(), or to leave s to be discarded. */
int sio__saved_state_apply_to_socket(const struct saved_state *st, sio_socket *s);
/* Undoes sio__saved_state_apply_to_socket(): s leaves all its rooms and loses its data. */
void sio__saved_state_undo_apply_to_socket(sio_socket *s);

/* True if one of the saved rooms has this name. */
bool sio__saved_state_has_room(const struct saved_state *st, const char *room);
/* Sets those fields of *out that describe the rooms and the data, so that *out can be passed to an
 * adapter. The caller frees the array out->rooms. The other memory is not copied: *out is valid as
 * long as *st. Returns 0 or UV_ENOMEM. */
int sio__saved_state_describe_for_adapter(const struct saved_state *st, const sio_nsp *nsp,
                                          sio_saved_socket *out);

#endif
