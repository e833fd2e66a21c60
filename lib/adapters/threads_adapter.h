/* SPDX-License-Identifier: MIT
 *
 * threads_adapter.h - the struct of the adapter for several threads (threads.c), for the files that
 * implement it.
 */
#ifndef SIO_ADAPTERS_THREADS_ADAPTER_H
#define SIO_ADAPTERS_THREADS_ADAPTER_H

#include "adapters/memory.h"
#include "adapters/threads_message.h"
#include "core/core.h"
#include "core/nsp.h"

/* The adapter of a namespace whose server is one of several threads. The sio_adapter pointer of
 * such a namespace points to this struct. The struct is not called sio_adapter, because the memory
 * adapter defines a struct of that name, and all source files can also be compiled as one. */
struct threads_adapter {
  sio_nsp *nsp;
  /* The functions of the adapter below, which keeps the rooms of this server's sockets. It is the
   * memory adapter or, if sio_threads_set_adapter() was called for this server, the adapter of a
   * cluster. */
  const sio_adapter_ops *below;
  sio_adapter *under;                /* what the functions of `below` are called with */
  struct list sent_queries;          /* struct sent_query (threads_queries.c) */
  struct threads_recovery *recovery; /* NULL if recovery is off (threads_recovery.c) */
  struct threads_order *order;       /* NULL if recovery is off (threads_order.c) */
  struct threads_kept *kept;         /* NULL if recovery is off (threads_kept.c) */
  bool is_shut; /* `shut` was called: the server is closing, or the namespace is being removed */
  /* True while this server calls sio_all_fetch() or sio_server_count() for a request of another
   * thread. These functions must then ask only `below`, and not the servers of other threads. */
  bool asks_below_only;
  /* The function that is sent with each request: the thread of the receiving server calls it. */
  void (*run_request)(void *server, void *request);
  /* Runs a request that sio__threads_order_hold_request_if_too_early() has kept waiting. */
  void (*run_held_request)(struct threads_adapter *a, struct request *r);
  /* Called when this server sends other threads a broadcast that recovery may have to send again
   * (request.serial is not 0). */
  void (*note_broadcast)(struct threads_adapter *a, struct request *r);
};

static inline struct threads_adapter *to_threads_adapter(const sio_adapter *a) {
  return (struct threads_adapter *)(void *)a;
}

static inline struct core *core_of_threads_adapter(const struct threads_adapter *a) {
  return a->nsp->core;
}

/* Returns the adapter of an open namespace, or NULL if nsp is NULL or has been closed. The server
 * must be one of several threads. */
static inline struct threads_adapter *threads_adapter_of_nsp(const sio_nsp *nsp) {
  return nsp && nsp->adapter ? to_threads_adapter(nsp->adapter) : NULL;
}

/* Returns true if a->below is the adapter of a cluster, and not the memory adapter. */
static inline bool has_cluster_adapter_below(const struct threads_adapter *a) {
  return a->below != &sio__adapter_memory;
}

/* Returns true if a->below is the adapter of a cluster that keeps lost sockets. If this server is
 * closing, and another one has connected to a cluster in its place, this may be false although
 * does_cluster_keep_lost_sockets() is true. While it is false, requests that only such an adapter
 * can handle may still arrive: they were meant for a server that has closed since. */
static inline bool has_keeping_adapter_below(const struct threads_adapter *a) {
  return a->kept && (a->below->flags & SIO_ADAPTER_RECOVERS);
}

/* Returns true if the adapter of the cluster, whose server may have closed since, keeps the lost
 * sockets of all threads, and the events that they miss. See threads_order.h for how broadcasts are
 * then delivered. */
static inline bool does_cluster_keep_lost_sockets(const struct threads_adapter *a) {
  return sio__threads_does_cluster_keep_lost_sockets(core_of_threads_adapter(a)->threads);
}

/* Returns true if a call with these flags concerns only the sockets of this thread's server. */
static inline bool is_for_this_thread_only(unsigned flags) {
  return (flags & SIO_PROCESS) == SIO_LOCAL;
}

#endif
