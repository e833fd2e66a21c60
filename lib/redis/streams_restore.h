/* SPDX-License-Identifier: MIT
 *
 * streams_restore.h - sockets that are being restored: their clients have come to this server.
 */
#ifndef SIO_REDIS_STREAMS_RESTORE_H
#define SIO_REDIS_STREAMS_RESTORE_H

#include "redis/receive_event.h"
#include "redis/streams_session.h"

void sio__streams_clear_restores(struct streams *x);

/* Called when an event was delivered to the local sockets: adds the event to each restore that has
 * handled all pages of missed entries, if the event is for the socket that is restored. offset is
 * empty if the event was delivered without the id of its entry. */
void sio__streams_add_delivered_event_to_restores(sio_adapter *a, const struct received_event *ev,
                                                  sio_slice offset);

/* A restore deletes the session's key in Redis when it reads the key. When the adapter stops, this
 * function writes these keys again for the restores that have not ended. */
void sio__streams_queue_write_back_of_taken_keys(struct streams *x);

/* Functions for the sio_adapter_ops of the streams adapter. */
void sio__streams_start_socket_restore(sio_adapter *a, sio_restore *r);
void sio__streams_forget_ended_restore(sio_adapter *a, sio_restore *r);

/* Functions for stream_ops. */
void sio__streams_on_restore_reply(struct stream *st, char kind, uint64_t number,
                                   const redisReply *reply);
void sio__streams_continue_restores_and_refresh_keys(struct stream *st);

#endif
