/* SPDX-License-Identifier: MIT
 *
 * stream_commands.h - commands for the stream and for keys, and how their replies are recognised.
 */
#ifndef SIO_REDIS_STREAM_COMMANDS_H
#define SIO_REDIS_STREAM_COMMANDS_H

#include "redis/stream_types.h"

/* Kinds of expected replies, the first character of link_expect.id. The number follows. Commands of
 * sio__stream_send_command() have kinds of their own. */
enum { EXPECT_ADD = 'x', EXPECT_KEY = 'k', EXPECT_FENCE = 'f' };

/* Queues a command on the connection of the writer. UV_ENOBUFS or UV_ENOMEM. */
int sio__stream_writer_send_command(struct stream *st, char kind, uint64_t number,
                                    const sio_slice *words, size_t n);
uint64_t sio__stream_decode_reply_number(const struct link_expect *expect);

/* Sends the command of an ENTRY_KEY. In a cluster it is queued again if no reply comes. */
int sio__stream_send_key_command(struct stream *st, struct stream_entry *e);
/* The reply to the oldest command of an ENTRY_KEY on the connection of the writer. */
void sio__stream_on_key_command_reply(struct stream *st);

/* A command for this key, whose reply goes to ops->reply with this kind and number, which is a new
 * sio_redis.last_number. In a cluster the replies to commands for several keys come in any order.
 * UV_ENOTCONN. */
int sio__stream_send_command(struct stream *st, char kind, uint64_t number, sio_slice key,
                             const sio_slice *words, size_t n);

#endif
