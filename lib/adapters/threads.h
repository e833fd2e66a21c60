/* SPDX-License-Identifier: MIT
 *
 * threads.h - the adapter of a server that serves together with those of other threads.
 */
#ifndef SIO_ADAPTERS_THREADS_H
#define SIO_ADAPTERS_THREADS_H

#include <sio/adapter.h>

/* Keeps the rooms of this server's sockets with the memory adapter, and sends messages to the other
 * members of core->threads (net/members.h). */
extern const sio_adapter_ops sio__adapter_threads;

#endif
