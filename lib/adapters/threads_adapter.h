/* SPDX-License-Identifier: MIT
 *
 * threads_adapter.h - the struct of the adapter of several threads (threads.c), for the files that
 * implement it.
 */
#ifndef SIO_ADAPTERS_THREADS_ADAPTER_H
#define SIO_ADAPTERS_THREADS_ADAPTER_H

#include "adapters/threads_message.h"
#include "core/core.h"
#include "core/nsp.h"

/* A sio_adapter of this kind points to one of these. The memory adapter alone defines the type of
 * that name, so that all sources can also be compiled as one. */
struct threads_adapter {
  sio_nsp *nsp;
  /* The adapter below keeps the rooms of this member's sockets: the memory adapter, or in one
   * member the adapter of a cluster (sio_threads_set_adapter()). */
  const sio_adapter_ops *below;
  sio_adapter *under;                /* its struct for this namespace */
  struct list questions;             /* struct question (threads_questions.c) */
  struct threads_recovery *recovery; /* NULL: recovery is off (threads_recovery.c) */
  /* This member runs a question for another member: the calls that follow ask the adapter below,
   * and no members. */
  bool asks_below_only;
  void (*run_request)(void *server, void *request); /* sent to other members with each request */
  /* Called with a request that has a serial number after it was sent. */
  void (*note_broadcast)(struct threads_adapter *a, struct request *r);
};

static inline struct threads_adapter *to_threads_adapter(const sio_adapter *a) {
  return (struct threads_adapter *)(void *)a;
}

static inline struct core *core_of_threads_adapter(const struct threads_adapter *a) {
  return a->nsp->core;
}

/* All open namespaces of a member have the adapter of several threads. NULL: nsp is NULL or has
 * been closed. */
static inline struct threads_adapter *threads_adapter_of_nsp(const sio_nsp *nsp) {
  return nsp && nsp->adapter ? to_threads_adapter(nsp->adapter) : NULL;
}

/* True if a call concerns this member only. */
static inline bool is_for_this_thread_only(unsigned flags) {
  return (flags & SIO_PROCESS) == SIO_LOCAL;
}
static inline bool is_for_this_process(unsigned flags) {
  return (flags & SIO_PROCESS) == SIO_PROCESS;
}

#endif
