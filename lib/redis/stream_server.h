/* SPDX-License-Identifier: MIT
 *
 * stream_server.h - which Redis server has the stream, for both connections of the stream.
 */
#ifndef SIO_REDIS_STREAM_SERVER_H
#define SIO_REDIS_STREAM_SERVER_H

#include "redis/stream_types.h"

bool sio__stream_set_link_address_if_known(const struct stream *st, struct link *l);
/* Continues an attempt to connect that waits for the address of the server, if the address is known
 * now. */
void sio__stream_connect_link_if_server_known(const struct stream *st, struct link *l);
/* If the url names sentinels, checks the reply to ROLE. Returns NULL if the Redis server may be
 * used. Returns a text for the log if the server must not be used, because it is not a master. */
const char *sio__stream_check_server_role(const struct stream *st, struct link *l,
                                          const redisReply *reply);
/* Returns true if the reply is a redirection or a temporary error of a Redis Cluster; handles it:
 * see sio__cluster_handle_redirect_or_temporary_error(). */
bool sio__stream_handle_redirect_or_temporary_error(const struct stream *st, const struct link *l,
                                                    const redisReply *reply);
/* Requests the last entry of the stream with XREVRANGE. The caller passes the reply to
 * sio__stream_parse_last_id(). Returns 0, UV_ENOBUFS or UV_ENOMEM. */
int sio__stream_request_last_id(struct stream *st, struct link *l,
                                const struct link_expect *expect);

#endif
