/* SPDX-License-Identifier: MIT
 *
 * receive_request.h - requests of other Socket.IO servers, and the responses to them.
 */
#ifndef SIO_REDIS_RECEIVE_REQUEST_H
#define SIO_REDIS_RECEIVE_REQUEST_H

#include "redis/receive_target.h"

/* A callback for subscription.on_message. */
void sio__on_request_message(struct subscription *s, sio_slice channel, sio_slice payload);

/* The uid of the Socket.IO server that has sent a request, and the id of the request. Each may be
 * "". */
struct requester {
  sio_adapter *adapter;
  char uid[SERVER_UID_MAX], id[ID_MAX];
};

struct request_fields {
  sio_slice uid, id, type, opts, rooms, close, data, packet, sid, room;
};

/* Each of these functions returns 0, or an error if the request is malformed or cannot be
 * handled. */
int sio__handle_broadcast_with_acks(struct requester *k, sio_slice packet, sio_slice opts);
int sio__handle_fetch_sockets_request(struct requester *k, sio_slice opts);
int sio__handle_join_leave_or_disconnect(sio_adapter *a, enum message_type type,
                                         const struct request_fields *f);
int sio__pass_server_event_to_host(const struct requester *k, sio_slice data);

#endif
