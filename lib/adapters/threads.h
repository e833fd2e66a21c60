/* SPDX-License-Identifier: MIT
 *
 * threads.h - the adapter of servers on several threads, which serve together as one.
 */
#ifndef SIO_ADAPTERS_THREADS_H
#define SIO_ADAPTERS_THREADS_H

#include "core/core.h"
#include <sio/adapter.h>

/* Passes each call on to the other members of core->threads (net/members.h), and to the adapter
 * below. The adapter below keeps the rooms of this server's sockets; it is the memory adapter or
 * core->cluster. */
extern const sio_adapter_ops sio__adapter_threads;

/* Sets core->cluster. Namespaces that are created from now on have this adapter below. */
void sio__threads_adapter_set_cluster(struct core *core, const sio_adapter_ops *ops, void *user);
/* Replaces the adapter below, in a namespace without sockets. Returns 0; or the error of
 * ops->open(), and nothing has changed. */
int sio__threads_adapter_replace_below(sio_nsp *nsp, const sio_adapter_ops *ops, void *user);

#endif
