/* SPDX-License-Identifier: MIT
 *
 * threads.h - the adapter of servers on several threads, which serve together as one.
 */
#ifndef SIO_ADAPTERS_THREADS_H
#define SIO_ADAPTERS_THREADS_H

#include "core/core.h"
#include <sio/adapter.h>

/* The adapter of a server that is one of several threads. It passes each call on to the servers of
 * the other threads (core->threads), and to the adapter below, which keeps the rooms of this
 * server's sockets: the memory adapter or core->cluster. */
extern const sio_adapter_ops sio__adapter_threads;

/* Sets core->cluster: the adapter that namespaces created from now on have below the one for
 * threads. */
void sio__threads_adapter_set_cluster(struct core *core, const sio_adapter_ops *ops, void *user);
/* Replaces the adapter that a namespace without sockets has below the one for threads. If
 * ops->open() fails, returns its error and changes nothing; otherwise 0. */
int sio__threads_adapter_replace_below(sio_nsp *nsp, const sio_adapter_ops *ops, void *user);

#endif
