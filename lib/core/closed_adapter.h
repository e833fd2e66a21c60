/* SPDX-License-Identifier: MIT
 *
 * closed_adapter.h - the adapter functions that a namespace gets when it is closed while the host
 * still has a reference to it. Each of these functions returns SIO_ECLOSED.
 */
#ifndef SIO_CORE_CLOSED_ADAPTER_H
#define SIO_CORE_CLOSED_ADAPTER_H

#include <sio/adapter.h>

extern const sio_adapter_ops sio__closed_adapter;

#endif
