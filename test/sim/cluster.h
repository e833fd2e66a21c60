/* SPDX-License-Identifier: MIT
 *
 * cluster.h - lives of servers that are members of one sio_threads, and are connected with a Redis
 * through the streams adapter of the first, with recovery. The host only broadcasts numbered
 * events, to everybody or to rooms, and the peers break off and come back to any member. No peer
 * misses an event, gets one twice, or gets two of them in another order than the stream has.
 *
 * The other checks of events (check.h) do not know such lives: an event goes to the sockets when
 * the stream gives it back, not when the host sends it.
 */
#ifndef SIO_SIM_CLUSTER_H
#define SIO_SIM_CLUSTER_H

#include <sio/sio.h>
#include <stdbool.h>
#include <stdint.h>

enum { CLUSTER_ROOMS = 3, CLUSTER_MEMBERS = 4 };

struct cluster_event {
  uint64_t number;
  int from;      /* the member that has sent it */
  unsigned room; /* an index of cluster_rooms; CLUSTER_ROOMS: it is for everybody */
  bool local;    /* it is for the sockets of this member alone, and may be missed */
};

/* What a socket was sent, as its peer knows it; for as long as it is the same socket. */
struct cluster_seen {
  /* Of each member, the numbers of the first and the last event; 0: none has come. */
  uint64_t first[CLUSTER_MEMBERS], last[CLUSTER_MEMBERS];
  /* The last event for its own sockets, since the peer came or came back. */
  uint64_t local[CLUSTER_MEMBERS];
  /* The last event that had no offset: it may come again. */
  uint64_t loose[CLUSTER_MEMBERS];
  uint64_t ms, seq; /* the offset of the last event that had one */
  /* It is in the room for events from this number on; 0: it is not. */
  uint64_t in_since[CLUSTER_ROOMS];
};

void cluster_begin(void);
/* The host of one member sends an event. */
void cluster_broadcast(void);
/* The same from each member, to everybody, when all is calm. */
void cluster_broadcast_all(void);
void cluster_handle(sio_nsp *nsp);
/* Its peer gets this event, with this offset ("": none). */
void cluster_received(unsigned peer, struct cluster_seen *seen, uint64_t number,
                      const char *offset);
/* The peer is connected when all is calm, and was while cluster_broadcast_all() was called. */
void cluster_settled(unsigned peer, const struct cluster_seen *seen);

#endif
