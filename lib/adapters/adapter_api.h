/* SPDX-License-Identifier: MIT
 *
 * adapter_api.h - the table of functions that an adapter may call. Each adapter gets it when it is
 * opened.
 */
#ifndef SIO_ADAPTERS_ADAPTER_API_H
#define SIO_ADAPTERS_ADAPTER_API_H

#include <sio/adapter.h>

extern const sio_adapter_api sio__adapter_api;

#endif
