/* SPDX-License-Identifier: MIT
 *
 * drain.h - sets up and stops the timer that sio_server_drain() uses.
 */
#ifndef SIO_SERVER_DRAIN_H
#define SIO_SERVER_DRAIN_H

#include "server/server.h"

void sio__drain_timer_init(sio_server *srv);
void sio__drain_timer_stop(sio_server *srv);

#endif
