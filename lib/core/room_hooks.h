/* SPDX-License-Identifier: MIT
 *
 * room_hooks.h - who wants to hear of rooms.
 */
#ifndef SIO_CORE_ROOM_HOOKS_H
#define SIO_CORE_ROOM_HOOKS_H

#include <sio/nsp.h>

int sio__room_hooks_copy(sio_nsp *nsp, const sio_nsp *from); /* UV_ENOMEM: some of them */
void sio__room_hooks_clear(sio_nsp *nsp);

#endif
