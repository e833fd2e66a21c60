/* SPDX-License-Identifier: MIT
 *
 * threads.h - the adapter of a server that serves together with those of other threads.
 */
#ifndef SIO_ADAPTERS_THREADS_H
#define SIO_ADAPTERS_THREADS_H

#include "core/core.h"
#include <sio/adapter.h>

/* Keeps the rooms of this server's sockets with the adapter below, which is the memory adapter or
 * core->cluster, and sends messages to the other members of core->threads (net/members.h). */
extern const sio_adapter_ops sio__adapter_threads;

/* Sets core->cluster: namespaces that are made from now on have this adapter below. */
void sio__threads_adapter_set_cluster(struct core *core, const sio_adapter_ops *ops, void *user);
/* Replaces the adapter below the threads adapter in a namespace without sockets. 0, or the error of
 * ops->open(): then nothing has changed. */
int sio__threads_adapter_replace_below(sio_nsp *nsp, const sio_adapter_ops *ops, void *user);

#endif
