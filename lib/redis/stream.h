/* SPDX-License-Identifier: MIT
 *
 * stream.h - opens a stream for an adapter, and closes it with the last adapter.
 */
#ifndef SIO_REDIS_STREAM_H
#define SIO_REDIS_STREAM_H

#include "redis/stream_types.h"

/* Finds the stream of this name, or opens it, and adds an adapter to it. UV_EEXIST: it has one of
 * the same namespace. UV_ENOMEM. */
int sio__stream_open_for_adapter(sio_redis *r, const struct stream_options *o,
                                 const struct stream_ops *ops, sio_adapter *a, struct stream **out);
/* The last adapter that leaves closes the stream. */
void sio__stream_remove_adapter(struct stream *st, sio_adapter *a);

#endif
