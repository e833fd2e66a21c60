/* SPDX-License-Identifier: MIT
 *
 * crossing.h - events that one member of a sio_threads sends to the others. Each other member gets
 * each of them once, and those of one sender in the order in which they were sent. What a member
 * gets it broadcasts to its own sockets, whose ledgers note it then (check.h).
 */
#ifndef SIO_SIM_CROSSING_H
#define SIO_SIM_CROSSING_H

#include <sio/emit.h>
#include <stdbool.h>
#include <stdint.h>

void crossings_begin(void);
void crossings_end(void);
/* The server of host.here was asked for a broadcast with this number. certain: it did not fail, and
 * no limit of another server may refuse it. */
void crossings_sent(const sio_target *to, uint64_t number, bool certain);
/* All that was sent to servers that are still there has come. */
void crossings_settled(void);

#endif
