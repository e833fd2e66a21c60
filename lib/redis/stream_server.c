/* SPDX-License-Identifier: MIT
 *
 * stream_server.c - which Redis server has the stream.
 */
#include "redis/stream_server.h"

bool sio__stream_set_link_address_if_known(const struct stream *st, struct link *l) {
  return sio__redis_set_link_address_to_server_of_key(st->redis, slice(st->name, st->name_len), l);
}

void sio__stream_connect_link_if_server_known(const struct stream *st, struct link *l) {
  if (l->locating && sio__stream_set_link_address_if_known(st, l))
    sio__link_connect_to_located_address(l);
}

const char *sio__stream_check_server_role(const struct stream *st, struct link *l,
                                          const redisReply *reply) {
  return redis_has_sentinels(st->redis) ? sio__sentinel_check_role_reply(l, reply) : NULL;
}

bool sio__stream_handle_redirect_or_temporary_error(const struct stream *st, const struct link *l,
                                                    const redisReply *reply) {
  return redis_is_cluster(st->redis) && is_error_reply(reply) &&
         sio__cluster_handle_redirect_or_temporary_error(st->redis, l, reply_text(reply));
}

int sio__stream_request_last_id(struct stream *st, struct link *l,
                                const struct link_expect *expect) {
  const sio_slice words[] = { SLICE("XREVRANGE"), slice(st->name, st->name_len),
                              SLICE("+"),         SLICE("-"),
                              SLICE("COUNT"),     SLICE("1") };
  sio__redis_schedule_flush(st->redis);
  return sio__link_queue_command(l, expect, words, 6);
}
