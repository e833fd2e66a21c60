/* SPDX-License-Identifier: MIT
 *
 * threads_order.h - broadcasts of several threads, if one of them is connected to a cluster by an
 * adapter that keeps events and lost sockets for all of them (SIO_ADAPTER_RECOVERS).
 *
 * Such an adapter decides when an event is delivered, and with which offset. So each broadcast goes
 * to the member that has the adapter (ROUTE_TO_CLUSTER). When the adapter delivers it, that member
 * sends it to its own sockets and to all other members (ROUTE_DELIVERY), also to the one from which
 * it came. So all members deliver the same events in the same order:
 *
 *   a member           the member with the adapter         the cluster
 *     broadcast    -->   adapter: broadcast           -->   keeps the event
 *                        adapter: packet_broadcast_own <--  gives it an offset
 *     sockets      <--   sockets
 *
 * A member keeps what it has sent until it is delivered (`sent`): events for this thread alone wait
 * behind it, and a socket that the host disconnects is sent it first. A disconnect for all threads
 * waits until the member to which it was sent has delivered the broadcasts before it.
 *
 * If the member with the adapter has left, or its inbox is full, a broadcast is delivered to all
 * threads at once, without an offset.
 */
#ifndef SIO_ADAPTERS_THREADS_ORDER_H
#define SIO_ADAPTERS_THREADS_ORDER_H

#include "adapters/threads_adapter.h"

/* The number of a broadcast, and the place of the member that has made it. The numbers of a member
 * grow. */
static inline uint64_t make_event_origin(uint64_t number, unsigned place) {
  return number * MEMBERS_MAX + place;
}
static inline unsigned place_of_event_origin(uint64_t origin) {
  return (unsigned)(origin % MEMBERS_MAX);
}

/* Sets *out to a new struct, or to NULL if recovery is off: then no adapter recovers. Returns 0 or
 * UV_ENOMEM. */
int sio__threads_order_new(struct threads_order **out, struct threads_adapter *a);
/* Called when the server begins to close: nothing waits any more. a->order may be NULL, if recovery
 * is off, here and in all functions that do not send or deliver a broadcast. */
void sio__threads_order_stop(struct threads_adapter *a);
void sio__threads_order_free(struct threads_adapter *a);

/* The function `broadcast` of sio__adapter_threads, if does_cluster_recover(). */
int sio__threads_order_broadcast(struct threads_adapter *a, const sio_target *to,
                                 const sio_packet *p);
/* For cluster_adapter.deliver: sends the event to the sockets of all threads now. */
int sio__threads_order_deliver(struct threads_adapter *a, const sio_target *to, const sio_packet *p,
                               uint64_t origin);
/* Called after a ROUTE_DELIVERY was delivered to the sockets of this thread. */
void sio__threads_order_on_delivered(struct threads_adapter *a, const struct request *r);
/* Delivers a broadcast for a namespace that does not exist in this member, which has the adapter:
 * passes it on to all other members. */
void sio__threads_order_pass_on(struct core *core, const struct request *r,
                                void (*run_request)(void *server, void *request));

/* The host disconnects the socket: sends it the broadcasts of this member that were not delivered
 * yet. */
void sio__threads_order_on_socket_disconnecting(struct threads_adapter *a, sio_socket *s);
/* Returns the origin of the last broadcast of this member; 0 if all were delivered here. */
uint64_t sio__threads_order_last_sent(const struct threads_adapter *a);
/* If the disconnect request has to wait for a broadcast that was not delivered here yet, keeps it
 * and returns true. a->run_held_request() runs it then. */
bool sio__threads_order_hold_request(struct threads_adapter *a, struct request *r);
/* A query has ended, so that an event which waits with it must not be sent any more. */
void sio__threads_order_on_query_end(struct threads_adapter *a, const sio_query *q);

#endif
