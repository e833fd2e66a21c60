/* SPDX-License-Identifier: MIT
 *
 * streams_adapter.h - functions that only the streams adapter has. It writes events, joins, leaves
 * and disconnects as entries of a stream, and keeps sockets that may be recovered as keys of Redis.
 */
#ifndef SIO_REDIS_STREAMS_ADAPTER_H
#define SIO_REDIS_STREAMS_ADAPTER_H

#include "redis/publish.h"
#include "redis/stream_types.h"

/* UV_EINVAL: an option is out of range. UV_ENOMEM. */
int sio__streams_new(sio_adapter *a, const sio_redis_adapter_options *o);
int sio__streams_start(sio_adapter *a, const sio_redis_adapter_options *o);
void sio__streams_stop(sio_adapter *a);
void sio__streams_free(sio_adapter *a);

/* An event for all servers. It is delivered here now, or when its id is known. */
int sio__streams_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p,
                           const sio_packet_info *info);
/* An event for local sockets alone, in its turn. */
int sio__streams_deliver_in_order(sio_adapter *a, const sio_target *to, const sio_packet *p);
/* MESSAGE_JOIN, _LEAVE or _DISCONNECT. */
void sio__streams_publish_join_leave_or_disconnect(sio_adapter *a, enum message_type type,
                                                   const struct message_target *to,
                                                   const char *const *rooms, bool session);
void sio__streams_on_query_end(sio_adapter *a, const sio_query *query);

/* A function of the table. */
void sio__streams_on_socket_disconnecting(sio_adapter *a, sio_socket *s);

#endif
