/* SPDX-License-Identifier: MIT
 *
 * drain.h - the timer of sio_server_drain().
 */
#ifndef SIO_SERVER_DRAIN_H
#define SIO_SERVER_DRAIN_H

#include "server/server.h"

void sio__drain_timer_init(sio_server *srv);
void sio__drain_timer_stop(sio_server *srv);

#endif
