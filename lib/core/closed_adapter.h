/* SPDX-License-Identifier: MIT
 *
 * closed_adapter.h - the adapter functions that a namespace gets when its adapter is closed: the
 * host may still have a reference to the namespace. Each of these functions returns SIO_ECLOSED.
 */
#ifndef SIO_CORE_CLOSED_ADAPTER_H
#define SIO_CORE_CLOSED_ADAPTER_H

#include <sio/adapter.h>

extern const sio_adapter_ops sio__closed_adapter;

#endif
