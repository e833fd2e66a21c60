/* SPDX-License-Identifier: MIT
 *
 * stream.h - opens a stream for an adapter, and closes it with the last adapter.
 */
#ifndef SIO_REDIS_STREAM_H
#define SIO_REDIS_STREAM_H

#include "redis/stream_types.h"

/* Adds the adapter to the stream with the name o->name, and opens the stream if no adapter uses it.
 * Returns 0, UV_EEXIST (an adapter of the same namespace uses the stream), UV_ENOTSUP
 * (sio_redis_free() was called) or UV_ENOMEM. */
int sio__stream_open_for_adapter(sio_redis *r, const struct stream_options *o,
                                 const struct stream_ops *ops, sio_adapter *a, struct stream **out);
/* Delivers the entries of the stream that still wait for their ids; they are delivered without ids.
 * Then removes the adapter from the stream, and closes the stream if no other adapter uses it. */
void sio__stream_remove_adapter_and_close_if_last(struct stream *st, sio_adapter *a);

#endif
