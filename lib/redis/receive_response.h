/* SPDX-License-Identifier: MIT
 *
 * receive_response.h - responses of other Socket.IO servers to the requests of this one.
 */
#ifndef SIO_REDIS_RECEIVE_RESPONSE_H
#define SIO_REDIS_RECEIVE_RESPONSE_H

#include "redis/publish.h"
#include "redis/unpack.h"

/* A callback for subscription.on_message. */
void sio__on_response_message(struct subscription *s, sio_slice channel, sio_slice payload);

struct response_fields {
  uint64_t type;
  sio_slice sockets, data, packet, count;
};

/* Handles a response of another server. Ignores a response to a request that another server, or an
 * adapter of another namespace, has sent. Returns 0 or an error. */
int sio__handle_response(sio_adapter *a, sio_slice id, const struct response_fields *f);

#endif
