/* SPDX-License-Identifier: MIT
 *
 * stats.h - what a namespace counts for. A child counts for its parent: peers choose the names
 * of children, and there are too many of them to be told of one by one.
 */
#ifndef SIO_SIO_STATS_H
#define SIO_SIO_STATS_H

#include "sio/nsp.h"

struct nsp_stats {
  uint64_t sockets, rooms, events_in, events_out;
};

/* Adds what nsp alone has counted; of a parent what its gone children have. */
void sio__nsp_stats_add(struct nsp_stats *st, const sio_nsp *nsp);

#endif
