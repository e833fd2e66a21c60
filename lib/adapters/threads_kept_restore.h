/* SPDX-License-Identifier: MIT
 *
 * threads_kept_restore.h - clients that return to one of several threads, if an adapter of a
 * cluster keeps lost sockets for all of them (SIO_ADAPTER_RECOVERS).
 *
 *   the member to which        another member           the member that has
 *   the client returns                                  the adapter
 *     RELEASE            --->  closes the old socket
 *                              of this pid: SAVE  --->  adapter: persist
 *     all have answered  <---  RELEASED
 *     KEPT_RESTORE       ------------------------->     adapter: restore
 *                        <-------------------------     RESTORE_FOUND, _EVENT ..., _DONE
 *     RESTORE_OVER       ------------------------->     adapter: restore_over
 *
 * Messages of one member to another keep their order. So the adapter has been given the old socket
 * before it is asked for it. An event that the adapter delivers before RESTORE_DONE is among those
 * of RESTORE_EVENT if the client has missed it. Later events are added by the member to which the
 * client returns, as they are delivered there, until the client has joined.
 */
#ifndef SIO_ADAPTERS_THREADS_KEPT_RESTORE_H
#define SIO_ADAPTERS_THREADS_KEPT_RESTORE_H

#include "adapters/threads_kept.h"

/* The function `restore` of sio__adapter_threads, if does_cluster_keep_lost_sockets() returns
 * true. */
void sio__threads_restore_socket_from_cluster(struct threads_adapter *a, sio_restore *r);
/* Called by the function `restore_over` of sio__adapter_threads. */
void sio__threads_end_restore_from_cluster(struct threads_adapter *a, sio_restore *r);

/* Called before the broadcast r, a ROUTE_DELIVERY, is delivered to the sockets of this thread. Some
 * clients have not joined the namespace yet, but their lost sockets were found. If r is for such a
 * client, its event is added to the events that the client has missed. Does nothing if r is
 * volatile or asks for acks. */
void sio__threads_add_event_to_found_restores(struct threads_adapter *a, const struct request *r);
/* Handles a request of another thread about a lost socket that the adapter of the cluster keeps.
 * The kind of the request is REQUEST_RELEASE or one after it in enum request_kind. */
void sio__threads_run_request_about_kept_lost_socket(struct threads_adapter *a, struct request *r);
/* Called with a request of one of the kinds from REQUEST_RELEASE on, if its namespace does not
 * exist in this server: answers a REQUEST_RELEASE or a REQUEST_KEPT_RESTORE, and ignores the other
 * kinds, which want no answer. */
void sio__threads_answer_recovery_request_of_unknown_nsp(struct core *core, const struct request *r,
                                                         void (*run_request)(void *server,
                                                                             void *request));

/* a->kept may be NULL. */
void sio__threads_free_restores_from_cluster(struct threads_adapter *a);

#endif
