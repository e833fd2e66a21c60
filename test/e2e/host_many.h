/* SPDX-License-Identifier: MIT
 *
 * host_many.h - the part of the host that asks many at once.
 */
#ifndef HOST_MANY_H
#define HOST_MANY_H

#include <sio/sio.h>

/* Handlers "ask-all", "fetch", "set-shared", "servers", "room-size"; with say_rooms, lines "room <what> <name>". */
int add_many_handlers(sio_nsp *nsp, bool say_rooms);

#endif
