/* SPDX-License-Identifier: MIT
 *
 * threads_kept.h - sockets of several threads that may be recovered, if an adapter of a cluster
 * keeps them (SIO_ADAPTER_RECOVERS).
 *
 * One member (the server of one thread) has that adapter. The other members send it the pid, the
 * id, the rooms and the shared data of each socket that has a pid: when the socket connects, after
 * its rooms or shared data have changed, again before the adapter would forget it, and when the
 * connection breaks. So a client can return although the process was killed.
 */
#ifndef SIO_ADAPTERS_THREADS_KEPT_H
#define SIO_ADAPTERS_THREADS_KEPT_H

#include "adapters/threads_adapter.h"

struct threads_kept {
  struct threads_adapter *adapter;
  /* struct kept_socket, by pid: connected sockets of this thread, whose data is sent to the server
   * of the one thread that has the adapter of the cluster. Empty if this is that thread. */
  struct map sockets;
  struct list by_age;    /* struct kept_socket.by_age, in the order in which they were sent last */
  struct list dirty;     /* struct kept_socket.dirty: the sockets whose data is to be sent */
  struct task send_task; /* sends the data of the sockets in `dirty` */
  struct timer timer;    /* runs at least while `sockets` is not empty */
  struct list restores;  /* struct kept_restore (threads_kept_restore.c) */
  struct list relays;    /* struct relayed_restore (threads_kept_restore.c) */
};

/* Sets *out to a new struct, or to NULL if recovery is off. Returns 0 or UV_ENOMEM. */
int sio__threads_recoverable_sockets_new(struct threads_kept **out, struct threads_adapter *a);
/* Called when the server begins to close, or the namespace is removed: sends the data of the
 * sockets that have changed to the member with the adapter of the cluster. a->kept may be NULL. */
void sio__threads_save_changed_sockets_at_stop(struct threads_adapter *a);
void sio__threads_recoverable_sockets_free(struct threads_adapter *a);

void sio__threads_start_saving_connected_socket(struct threads_adapter *a, sio_socket *s);
/* Called when the rooms or the shared data of the socket s change. If s is in a->kept->sockets, its
 * data is sent to the member with the adapter of the cluster at the end of this turn of the loop,
 * or later if that fails. */
void sio__threads_schedule_save_of_socket(struct threads_adapter *a, const sio_socket *s);
/* The functions `persist` and `forget` of sio__adapter_threads. */
void sio__threads_save_lost_socket_in_cluster(struct threads_adapter *a, const sio_saved_socket *s);
void sio__threads_delete_saved_socket_in_cluster(struct threads_adapter *a, const char *pid);

/* Sends a request to the member that has the adapter of the cluster. Returns 0 or an error, which
 * was logged and counted unless it is SIO_ECLOSED. */
int sio__threads_send_request_to_cluster_member(struct threads_adapter *a, struct request *r);
/* These functions handle a REQUEST_SAVE and a REQUEST_FORGET of another member (the server of
 * another thread): if this member has the adapter of the cluster, they call the adapter's `persist`
 * or `forget`. */
void sio__threads_save_socket_of_other_thread(struct threads_adapter *a, const struct request *r);
void sio__threads_delete_saved_socket_of_other_thread(struct threads_adapter *a,
                                                      const struct request *r);

#endif
