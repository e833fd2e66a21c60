/* SPDX-License-Identifier: MIT
 *
 * sharded.h - what differs in the sharded adapter: the messages, and channels for rooms.
 */
#ifndef SIO_REDIS_SHARDED_H
#define SIO_REDIS_SHARDED_H

#include "redis/publish.h"

extern const struct message_format sio__sharded_message_format;

/* The types of messages of the sharded and streams adapters; the protocol defines the numbers. */
enum sharded_type {
  SHARDED_BROADCAST = 3,
  SHARDED_JOIN,
  SHARDED_LEAVE,
  SHARDED_DISCONNECT,
  SHARDED_FETCH,
  SHARDED_FETCHED,
  SHARDED_SERVER_EMIT,
  SHARDED_SERVER_ANSWER,
  SHARDED_COUNT,
  SHARDED_ACK
};

/* Functions for the sio_adapter_ops of the sharded adapter. If a room has a channel of its own
 * (sio_redis_subscription_mode), they subscribe to the channel when the room gets its first member
 * on this server, and unsubscribe when the last member leaves. */
int sio__sharded_join_room_and_subscribe_if_first(sio_adapter *a, sio_socket *s, const char *room);
void sio__sharded_leave_room_and_unsubscribe_if_last(sio_adapter *a, sio_socket *s,
                                                     const char *room);
void sio__sharded_leave_all_rooms_and_unsubscribe_if_last(sio_adapter *a, sio_socket *s);
void sio__sharded_on_connect_subscribe_socket_room(sio_adapter *a, sio_socket *s);
void sio__sharded_on_leave_unsubscribe_socket_room(sio_adapter *a, sio_socket *s);

void sio__room_channels_init(sio_adapter *a,
                             void (*on_message)(struct subscription *s, sio_slice channel,
                                                sio_slice payload));
void sio__room_channels_unsubscribe_and_free(sio_adapter *a);

#endif
