/* SPDX-License-Identifier: MIT
 *
 * heard.h - what other servers publish: for subscription.heard.
 */
#ifndef SIO_REDIS_HEARD_H
#define SIO_REDIS_HEARD_H

#include "redis/question.h"

void sio__heard_broadcast(struct subscription *s, sio_slice channel, sio_slice payload);
void sio__heard_request(struct subscription *s, sio_slice channel, sio_slice payload);
/* All messages of the sharded adapter. */
void sio__heard_sharded(struct subscription *s, sio_slice channel, sio_slice payload);
void sio__heard_response(struct subscription *s, sio_slice channel, sio_slice payload);

#endif
