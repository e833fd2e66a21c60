/* SPDX-License-Identifier: MIT
 *
 * stream_server.h - which server of Redis has the stream, for both of its connections.
 */
#ifndef SIO_REDIS_STREAM_SERVER_H
#define SIO_REDIS_STREAM_SERVER_H

#include "redis/stream_types.h"

bool sio__stream_find_server(const struct stream *st, struct link *l);
/* Continues an attempt to connect that waits until the address of the server is known. */
void sio__stream_retry_find_server(const struct stream *st, struct link *l);
/* With sentinels a server that does not call itself a master is refused. */
const char *sio__stream_check_server_role(const struct stream *st, struct link *l,
                                          const redisReply *reply);
/* True for an error that says that the slot of the stream is on another server, or on none for a
 * while. */
bool sio__stream_is_on_other_server(const struct stream *st, const struct link *l,
                                    const redisReply *reply);
/* Asks for the id of the last entry: see sio__stream_parse_last_id(). */
int sio__stream_request_last_id(struct stream *st, struct link *l,
                                const struct link_expect *expect);

#endif
