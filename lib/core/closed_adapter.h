/* SPDX-License-Identifier: MIT
 *
 * closed_adapter.h - the adapter of a namespace that was closed while the host still references
 * it. Each of its functions returns SIO_ECLOSED.
 */
#ifndef SIO_CORE_CLOSED_ADAPTER_H
#define SIO_CORE_CLOSED_ADAPTER_H

#include <sio/adapter.h>

extern const sio_adapter_ops sio__closed_adapter;

#endif
