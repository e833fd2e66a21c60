/* SPDX-License-Identifier: MIT
 *
 * threads_adapter.h - the struct of the adapter for several threads (threads.c), for the files that
 * implement it.
 */
#ifndef SIO_ADAPTERS_THREADS_ADAPTER_H
#define SIO_ADAPTERS_THREADS_ADAPTER_H

#include "adapters/threads_message.h"
#include "core/core.h"
#include "core/nsp.h"

/* A sio_adapter of this kind points to such a struct. struct sio_adapter itself is defined only by
 * the memory adapter, so that all source files can also be compiled as one. */
struct threads_adapter {
  sio_nsp *nsp;
  /* The adapter below, which keeps the rooms of this member's sockets. It is the memory adapter, or
   * in one member the adapter of a cluster (sio_threads_set_adapter()). */
  const sio_adapter_ops *below;
  sio_adapter *under;                /* the struct of the adapter below, for this namespace */
  struct list questions;             /* struct question (threads_questions.c) */
  struct threads_recovery *recovery; /* NULL if recovery is off (threads_recovery.c) */
  /* Set while this member handles a query for another member. The calls it makes then ask only the
   * adapter below, and not the other members. */
  bool asks_below_only;
  /* Handles a request in the member to which it was sent. */
  void (*run_request)(void *server, void *request);
  /* Called after a request with a serial number was sent. */
  void (*note_broadcast)(struct threads_adapter *a, struct request *r);
};

static inline struct threads_adapter *to_threads_adapter(const sio_adapter *a) {
  return (struct threads_adapter *)(void *)a;
}

static inline struct core *core_of_threads_adapter(const struct threads_adapter *a) {
  return a->nsp->core;
}

/* In a member each open namespace has the adapter for several threads. Returns NULL if nsp is NULL
 * or has been closed. */
static inline struct threads_adapter *threads_adapter_of_nsp(const sio_nsp *nsp) {
  return nsp && nsp->adapter ? to_threads_adapter(nsp->adapter) : NULL;
}

/* True if a call concerns only the sockets of this member. */
static inline bool is_for_this_thread_only(unsigned flags) {
  return (flags & SIO_PROCESS) == SIO_LOCAL;
}
static inline bool is_for_this_process(unsigned flags) {
  return (flags & SIO_PROCESS) == SIO_PROCESS;
}

#endif
