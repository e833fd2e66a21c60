/* SPDX-License-Identifier: MIT
 *
 * server_close.h - prepares the closing of a server, and frees its parts. server_start.c uses these
 * functions too, also if the start fails.
 */
#ifndef SIO_SERVER_SERVER_CLOSE_H
#define SIO_SERVER_SERVER_CLOSE_H

#include "server/server.h"

/* Sets up the hooks, the task and the timer that sio_server_close() uses. */
void sio__server_init_close_task_and_hooks(sio_server *srv);
/* Frees the server. core->free points to this function, which is called when the last reference to
 * the core is released. */
void sio__server_free(struct core *core);
void sio__server_close_adapters_and_recovery(sio_server *srv);
void sio__server_free_compressors(sio_server *srv);

#endif
