/* SPDX-License-Identifier: MIT
 *
 * threads.h - the adapter of servers on several threads, which serve together as one.
 */
#ifndef SIO_ADAPTERS_THREADS_H
#define SIO_ADAPTERS_THREADS_H

#include "core/core.h"
#include <sio/adapter.h>

/* The adapter of a server that is one of several threads. An adapter below it keeps the rooms of
 * this server's sockets: the memory adapter or that of core->cluster. Calls that concern the
 * sockets of other threads reach their servers in messages (core->threads). */
extern const sio_adapter_ops sio__adapter_threads;

/* Sets core->cluster: the adapter through which this server reaches other processes. In namespaces
 * that are created from now on, it is the adapter below the adapter for threads, in place of the
 * memory adapter. */
void sio__threads_set_cluster_adapter_of_core(struct core *core, const sio_adapter_ops *ops,
                                              void *user);
/* Replaces the adapter to which the adapter for threads of this namespace passes its calls (the
 * adapter below). The namespace must have no sockets. If ops->open() fails, returns its error and
 * changes nothing; otherwise returns 0. */
int sio__threads_adapter_replace_adapter_below(sio_nsp *nsp, const sio_adapter_ops *ops,
                                               void *user);

#endif
