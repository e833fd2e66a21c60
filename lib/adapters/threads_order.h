/* SPDX-License-Identifier: MIT
 *
 * threads_order.h - broadcasts of several threads, if one of them is connected to a cluster by an
 * adapter that keeps events and lost sockets for all of them (SIO_ADAPTER_RECOVERS).
 *
 * Such an adapter decides when an event is delivered, and with which offset. So a broadcast that is
 * not for one thread alone goes to the member that has the adapter (ROUTE_TO_CLUSTER). When the
 * adapter delivers it, that member sends it to its own sockets and to all other members
 * (ROUTE_DELIVERY), also to the one from which it came. So all members deliver these broadcasts in
 * the same order:
 *
 *   a member           the member with the adapter         the cluster
 *     broadcast    -->   adapter: broadcast           -->   keeps the event
 *                        adapter: packet_broadcast_own <--  gives it an offset
 *     sockets      <--   sockets
 *
 * Each other member keeps the broadcasts that it has sent to that member until they are delivered
 * (`sent`): later events for this thread alone are delivered after them, and a socket that the host
 * disconnects is sent them first. A disconnect for all threads waits, in each other member without
 * the adapter, until the broadcasts that the sender made before it are delivered there. Nothing
 * waits longer than some seconds.
 *
 * If a broadcast cannot be sent to the member with the adapter, for example because that member has
 * left or its inbox is full, it is delivered to all threads at once, without an offset.
 */
#ifndef SIO_ADAPTERS_THREADS_ORDER_H
#define SIO_ADAPTERS_THREADS_ORDER_H

#include "adapters/threads_adapter.h"

/* Combines the number of a broadcast with the place (member_id.place) of the member that has made
 * it. A later broadcast of the same member has a higher result. */
static inline uint64_t make_event_origin(uint64_t number, unsigned place) {
  return number * MEMBERS_MAX + place;
}
static inline unsigned member_place_of_event_origin(uint64_t origin) {
  return (unsigned)(origin % MEMBERS_MAX);
}

/* Sets *out to a new struct, or to NULL if connection state recovery is off. Of the functions
 * below, those that are called for a broadcast must not be called if a->order is NULL; the others
 * allow that. Returns 0 or UV_ENOMEM. */
int sio__threads_delivery_order_new(struct threads_order **out, struct threads_adapter *a);
/* Called when the server begins to close, or the namespace is removed: delivers the events, and
 * runs the requests, that still wait for the delivery of a broadcast. */
void sio__threads_order_deliver_all_and_stop(struct threads_adapter *a);
void sio__threads_delivery_order_free(struct threads_adapter *a);

/* The function `broadcast` of sio__adapter_threads, if does_cluster_keep_lost_sockets(). */
int sio__threads_broadcast_in_cluster_order(struct threads_adapter *a, const sio_target *to,
                                            const sio_packet *p);
/* Sends the event to the sockets of all threads now: called by cluster_adapter.deliver, and when
 * the adapter of the cluster cannot be reached. */
int sio__threads_order_deliver_to_all_threads(struct threads_adapter *a, const sio_target *to,
                                              const sio_packet *p, uint64_t origin);
/* Called after the broadcast r, a ROUTE_DELIVERY, was delivered to the sockets of this thread:
 * delivers the events, and runs the requests, that have waited for this broadcast. */
void sio__threads_order_mark_delivered_and_resume(struct threads_adapter *a,
                                                  const struct request *r);
/* Called in the member (the server of one thread) that has the adapter of the cluster, for a
 * broadcast to a namespace that does not exist in this member: sends the broadcast to all other
 * members. */
void sio__threads_order_pass_broadcast_to_other_threads(struct core *core, const struct request *r,
                                                        void (*run_request)(void *server,
                                                                            void *request));

/* Called when the host disconnects the socket: sends it those broadcasts of this member that are
 * for the socket and were not delivered yet, except volatile ones and those that ask for acks. */
void sio__threads_order_send_own_events_to_leaving_socket(struct threads_adapter *a, sio_socket *s);
/* Each member numbers its broadcasts to all threads; the number is sio_packet_info.origin. Returns
 * the number of the last one of this member; or 0 if nothing has to wait for the last one, for
 * example because it was delivered here. */
uint64_t sio__threads_order_last_undelivered_broadcast(const struct threads_adapter *a);
/* If the REQUEST_DISCONNECT r has to wait for a broadcast that was not delivered here yet, keeps r
 * and returns true; a->run_held_request() is called for r later. Returns false if r need not wait,
 * or if memory ran out. */
bool sio__threads_order_hold_request_if_too_early(struct threads_adapter *a, struct request *r);
/* Called when the query q has ended: drops the events that still wait for the delivery of a
 * broadcast, and whose acks q would collect. */
void sio__threads_order_free_events_of_query(struct threads_adapter *a, const sio_query *q);

#endif
