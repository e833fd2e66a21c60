/* SPDX-License-Identifier: MIT
 *
 * stream_adapter_map.h - the adapters of a stream, by the names of their namespaces.
 */
#ifndef SIO_REDIS_STREAM_ADAPTER_MAP_H
#define SIO_REDIS_STREAM_ADAPTER_MAP_H

#include "redis/stream_types.h"

void sio__stream_init_adapter_map(struct stream *st);
/* Adds the adapter to the stream. Returns 0, UV_EEXIST (the stream has an adapter of the same
 * namespace) or UV_ENOMEM. */
int sio__stream_add_adapter_to_map(struct stream *st, sio_adapter *a);
void sio__stream_remove_adapter_from_map(struct stream *st, const sio_adapter *a);
sio_adapter *sio__stream_find_adapter(struct stream *st, sio_slice nsp); /* or NULL */
/* Returns the next adapter of the stream; NULL after the last one. *i must be 0 at the first
 * call. */
sio_adapter *sio__stream_next_adapter(const struct stream *st, uint32_t *i);

#endif
