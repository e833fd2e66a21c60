/* SPDX-License-Identifier: MIT
 *
 * gather.h - adds up the statistics of all members of a sio_threads.
 */
#ifndef SIO_SERVER_GATHER_H
#define SIO_SERVER_GATHER_H

#include "server/nsp_rows.h"

/* The sum of the statistics that have arrived. err is UV_ENOMEM if rows are missing because memory
 * ran out. */
struct gathered {
  sio_stats stats;
  unsigned servers;
  struct map nsps; /* struct nsp_row by name; empty unless with_nsps was true */
  int err;
};

/* Calls done(sum, user) once, from the loop of srv, when all members have answered or srv closes.
 * If with_nsps is true, the counters of namespaces are added up too. Returns 0, SIO_ECLOSED or
 * UV_ENOMEM. */
int sio__stats_sum_start(sio_server *srv, bool with_nsps,
                         void (*done)(const struct gathered *sum, void *user), void *user);

/* Ends all sums with the statistics that have arrived, because the server closes. Must be called
 * from the loop. */
void sio__report_incomplete_stats_sums(sio_server *srv);

#endif
