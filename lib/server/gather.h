/* SPDX-License-Identifier: MIT
 *
 * gather.h - adds up the statistics of all members of a sio_threads, for sio_threads_stats().
 */
#ifndef SIO_SERVER_GATHER_H
#define SIO_SERVER_GATHER_H

#include "server/server.h"

/* The server closes: the callbacks of sums that are not complete are called with what has come.
 * From the loop only. */
void sio__gather_finish_all(sio_server *srv);

#endif
