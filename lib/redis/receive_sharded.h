/* SPDX-License-Identifier: MIT
 *
 * receive_sharded.h - the messages of the sharded adapter, and those of the streams adapter that
 * are like them.
 */
#ifndef SIO_REDIS_RECEIVE_SHARDED_H
#define SIO_REDIS_RECEIVE_SHARDED_H

#include "redis/publish.h"

/* A callback for subscription.on_message. It gets all messages of the sharded adapter. */
void sio__on_sharded_message(struct subscription *s, sio_slice channel, sio_slice payload);
/* Handles an entry of the stream that makes sockets join, leave or disconnect, or is an event for
 * servers. type: enum sharded_type. */
int sio__handle_stream_request(sio_adapter *a, unsigned type, sio_slice message);

#endif
