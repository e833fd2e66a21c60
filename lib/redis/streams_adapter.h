/* SPDX-License-Identifier: MIT
 *
 * streams_adapter.h - functions that only the streams adapter has. It writes events that ask for no
 * acks, joins, leaves and disconnects as entries of a stream, and keeps sockets that may be
 * recovered as keys of Redis.
 */
#ifndef SIO_REDIS_STREAMS_ADAPTER_H
#define SIO_REDIS_STREAMS_ADAPTER_H

#include "redis/publish.h"
#include "redis/stream_types.h"

/* Allocates a->streams. Returns 0, UV_EINVAL (an option is out of range) or UV_ENOMEM. */
int sio__streams_new(sio_adapter *a, const sio_redis_adapter_options *o);
int sio__streams_start(sio_adapter *a, const sio_redis_adapter_options *o);
void sio__streams_stop(sio_adapter *a);
void sio__streams_free(sio_adapter *a);

/* Adds an event for sockets of this and other Socket.IO servers to the stream. With connection
 * state recovery the stream delivers the event to the local sockets: see stream_types.h. Volatile
 * events, events that cannot be added, and events without recovery are delivered by
 * sio__streams_deliver_after_waiting_entries(). */
int sio__streams_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p,
                           const sio_packet_info *info);
/* Delivers an event to the local sockets: after the events of this server that wait until they are
 * read back from the stream, or at once if no events wait, the event cannot be queued or the
 * adapter has stopped. */
int sio__streams_deliver_after_waiting_entries(sio_adapter *a, const sio_target *to,
                                               const sio_packet *p);
/* Adds an entry that makes sockets of other servers join or leave rooms, or disconnect. type:
 * MESSAGE_JOIN, MESSAGE_LEAVE or MESSAGE_DISCONNECT. session: used for MESSAGE_DISCONNECT; true if
 * the connections of the clients are closed, too. */
void sio__streams_queue_join_leave_or_disconnect(sio_adapter *a, enum message_type type,
                                                 const struct message_target *to,
                                                 const char *const *rooms, bool session);
void sio__streams_drop_local_events_of_ended_query(sio_adapter *a, const sio_query *query);

/* A function for the sio_adapter_ops of the streams adapter. */
void sio__streams_send_waiting_events_to_leaving_socket(sio_adapter *a, sio_socket *s);

#endif
