/* SPDX-License-Identifier: MIT
 *
 * receive_sharded.h - the messages of the sharded adapter, and those of the streams adapter that
 * are like them.
 */
#ifndef SIO_REDIS_RECEIVE_SHARDED_H
#define SIO_REDIS_RECEIVE_SHARDED_H

#include "redis/publish.h"

/* A callback for subscription.on_message, for all channels of the sharded and streams adapters. */
void sio__on_sharded_message(struct subscription *s, sio_slice channel, sio_slice payload);
/* Handles a stream entry that another Socket.IO server has added. The entry makes sockets join
 * rooms, leave rooms or disconnect, or it is an event for servers. type: enum sharded_type. Returns
 * 0 or an error. */
int sio__handle_stream_request(sio_adapter *a, unsigned type, sio_slice message);

#endif
