/* SPDX-License-Identifier: MIT
 *
 * server_close.h - the steps that free a server. server_start.c uses them too, if the start fails.
 */
#ifndef SIO_SERVER_SERVER_CLOSE_H
#define SIO_SERVER_SERVER_CLOSE_H

#include "server/server.h"

void sio__server_init_closing(
    sio_server *srv); /* sets up the task and the timer that sio_server_close() uses */
/* For core->free, which is called when no reference is left. */
void sio__server_free(struct core *core);
void sio__server_close_adapters(sio_server *srv);
void sio__server_free_compressors(sio_server *srv);

#endif
