/* SPDX-License-Identifier: MIT
 *
 * crossing.h - events that one server of a life sends to the others, as a member of a sio_threads
 * or over Redis. Each other server gets each of them once, and those of one sender in the order in
 * which they were sent. What a server gets it broadcasts to its own sockets, whose ledgers note it
 * then (check.h).
 *
 * Over Redis an event may be lost: before Redis has it, which the sender counts; and after Redis
 * has sent it, if the connection is cut. A server that reads a stream loses nothing that Redis has.
 * Events published over one connection of their sender keep their order, and so do all entries of a
 * stream. If the sender has closed a connection, Redis may execute what was written to it later
 * than what comes over the next one; each connection of a receiver keeps the order of Redis.
 */
#ifndef SIO_SIM_CROSSING_H
#define SIO_SIM_CROSSING_H

#include <limits.h>
#include <sio/emit.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void crossings_begin(void);
void crossings_end(void);
/* The server of host.here was asked for a broadcast with this number. certain: it did not fail, and
 * no limit of another server may refuse it. asks: it is one with acks. */
void crossings_sent(const sio_target *to, uint64_t number, bool certain, bool asks);
/* All that was sent to servers that are still there has come. */
void crossings_settled(void);

/* ---- what the simulated Redis tells ------------------------------------------------- */

/* The number of the event in a message; 0: there is none. */
uint64_t crossings_number_in(const char *p, size_t n);
/* Redis has it, from this server, over this connection; 0: as an entry of the stream. late: the
 * server has closed the connection already. */
void crossings_published(uint64_t number, int from, unsigned connection, bool late);
/* Redis has sent it to this server, on this connection. */
void crossings_pushed(uint64_t number, int member, unsigned connection);
/* What was sent on that connection may be lost. */
void crossings_cut(unsigned connection);
/* This server reads the stream from now on. */
void crossings_reads(int member);
/* It is in the stream; these members ignore it (bits), because they have been sent a later entry of
 * the same server, or everybody does, because a later one is before it in the stream. */
#define EVERYBODY UINT_MAX
void crossings_added(uint64_t number, unsigned ignore);
/* It is not there any more (0: none is). */
void crossings_lost(uint64_t number);

#endif
