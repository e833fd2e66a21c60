/* SPDX-License-Identifier: MIT
 *
 * memory.h - the adapter for a single server. Other adapters use it for the rooms of their own
 * server's sockets (sio_adapter_api.memory).
 */
#ifndef SIO_ADAPTERS_MEMORY_H
#define SIO_ADAPTERS_MEMORY_H

#include <sio/adapter.h>

extern const sio_adapter_ops sio__adapter_memory;

#endif
