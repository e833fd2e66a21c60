/* SPDX-License-Identifier: MIT
 *
 * flushes.c - lets a server write to few connections in a turn.
 */
#include "flushes.h"

#include "server/server.h"

void limit_flushes(sio_server *srv, unsigned max) { srv->core.loop.max_flushes = max; }
