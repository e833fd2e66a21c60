/* SPDX-License-Identifier: MIT
 *
 * stream.h - opens a stream for an adapter, and closes it with the last adapter.
 */
#ifndef SIO_REDIS_STREAM_H
#define SIO_REDIS_STREAM_H

#include "redis/stream_types.h"

/* Adds the adapter to the stream of this name, which is opened if no adapter uses it yet. Returns
 * 0, UV_EEXIST (an adapter of the same namespace uses it) or UV_ENOMEM. */
int sio__stream_open_for_adapter(sio_redis *r, const struct stream_options *o,
                                 const struct stream_ops *ops, sio_adapter *a, struct stream **out);
/* Removes the adapter from the stream. The stream is closed when it has no adapter. */
void sio__stream_remove_adapter(struct stream *st, sio_adapter *a);

#endif
