/* SPDX-License-Identifier: MIT
 *
 * gather.h - adds up the statistics of all members of a sio_threads.
 */
#ifndef SIO_SERVER_GATHER_H
#define SIO_SERVER_GATHER_H

#include "server/nsp_rows.h"

/* The sum of what has come. err is UV_ENOMEM if the rows are not complete for want of memory. */
struct gathered {
  sio_stats stats;
  unsigned servers;
  struct map nsps; /* struct nsp_row; empty if they were not asked for */
  int err;
};

/* Calls done(sum, user) once, from the loop of srv, when all members have answered or srv closes.
 * with_nsps: the counters of namespaces are added up too. 0, SIO_ECLOSED, UV_ENOMEM. */
int sio__stats_sum_start(sio_server *srv, bool with_nsps,
                         void (*done)(const struct gathered *sum, void *user), void *user);

/* The server closes: ends all sums with what has come. From the loop only. */
void sio__stats_sums_finish_all(sio_server *srv);

#endif
