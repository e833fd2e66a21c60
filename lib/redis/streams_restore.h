/* SPDX-License-Identifier: MIT
 *
 * streams_restore.h - sockets that are being restored: their clients have come to this server.
 */
#ifndef SIO_REDIS_STREAMS_RESTORE_H
#define SIO_REDIS_STREAMS_RESTORE_H

#include "redis/receive_event.h"
#include "redis/streams_session.h"

void sio__streams_clear_restores(struct streams *x);

/* Called when the event of an entry was delivered to the local sockets. If the event is for a
 * socket that is being restored, and the restore has handled all pages of missed entries, adds the
 * event to the restore. offset is empty if the event was delivered without the id of its entry. */
void sio__streams_add_delivered_event_to_restores(sio_adapter *a, const struct received_event *ev,
                                                  sio_slice offset);

/* A restore deletes the session's key in Redis when it reads the key. This function is called when
 * the adapter stops. For each restore that has received the value of its key and has not ended, it
 * queues a command that writes the key again. */
void sio__streams_queue_write_back_of_taken_keys(struct streams *x);

/* Functions for the sio_adapter_ops of the streams adapter. */
void sio__streams_start_socket_restore(sio_adapter *a, sio_restore *r);
void sio__streams_forget_ended_restore(sio_adapter *a, sio_restore *r);

/* Functions for stream_ops. */
void sio__streams_on_restore_reply(struct stream *st, char kind, uint64_t number,
                                   const redisReply *reply);
void sio__streams_continue_restores_and_refresh_keys(struct stream *st);

#endif
