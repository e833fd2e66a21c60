/* SPDX-License-Identifier: MIT
 *
 * gather.h - adds up the statistics of all members of a sio_threads.
 */
#ifndef SIO_SERVER_GATHER_H
#define SIO_SERVER_GATHER_H

#include "server/nsp_rows.h"

/* The sum of the statistics of several servers: of the one that adds them up, and of the servers of
 * other threads that have answered it. err is UV_ENOMEM if the counters of some namespaces are
 * missing because memory ran out. */
struct gathered {
  sio_stats stats;
  unsigned servers;
  struct map nsps; /* struct nsp_row by name; empty unless with_nsps was true */
  int err;
};

/* Adds up the statistics of srv and of all other members of its sio_threads. Calls done(sum, user)
 * once, later and on the thread of srv: when all members that could be asked have answered, or when
 * srv closes. If with_nsps is true, the counters of namespaces are added up, too. Returns 0; or
 * SIO_ECLOSED or UV_ENOMEM, and then done is not called. */
int sio__start_stats_sum(sio_server *srv, bool with_nsps,
                         void (*done)(const struct gathered *sum, void *user), void *user);

/* Called when srv closes, on its thread: calls done for each sum for which it was not called yet,
 * with the statistics that have arrived. */
void sio__finish_incomplete_stats_sums(sio_server *srv);

#endif
