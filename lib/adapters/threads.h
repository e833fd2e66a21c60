/* SPDX-License-Identifier: MIT
 *
 * threads.h - the adapter of a server that serves together with those of other threads.
 */
#ifndef SIO_ADAPTERS_THREADS_H
#define SIO_ADAPTERS_THREADS_H

#include <sio/adapter.h>

/* Rooms are those of the memory adapter. What concerns the other members of core->threads is sent
 * to them as messages (net/members.h). */
extern const sio_adapter_ops sio__adapter_threads;

#endif
