/* SPDX-License-Identifier: MIT
 *
 * room_hooks.h - the callbacks of sio_on_room(), which run when rooms are created, joined, left and
 * removed.
 */
#ifndef SIO_CORE_ROOM_HOOKS_H
#define SIO_CORE_ROOM_HOOKS_H

#include <sio/adapter.h>
#include <sio/nsp.h>

/* Copies the callbacks of `from` to nsp. Returns 0 or UV_ENOMEM; after an error, nsp may have
 * copies of some of them. */
int sio__room_hooks_copy(sio_nsp *nsp, const sio_nsp *from);
void sio__room_hooks_clear(sio_nsp *nsp);
bool sio__has_room_hooks(const sio_nsp *nsp); /* true if nsp has callbacks of sio_on_room() */
/* Implements sio_adapter_api.room_changed: runs the callbacks for this change. */
void sio__run_room_change_hooks(sio_nsp *nsp, enum sio_room_change change, const char *room,
                                sio_socket *s);

#endif
