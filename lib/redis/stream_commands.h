/* SPDX-License-Identifier: MIT
 *
 * stream_commands.h - commands for the stream and for keys, and how their replies are recognised.
 */
#ifndef SIO_REDIS_STREAM_COMMANDS_H
#define SIO_REDIS_STREAM_COMMANDS_H

#include "redis/stream_types.h"

/* The kind of a command, which is the first character of link_expect.id. The number of the command
 * follows, unless it is 0. Callers of sio__stream_send_command() use kinds of their own. */
enum { EXPECT_ADD = 'x', EXPECT_KEY = 'k', EXPECT_FENCE = 'f' };

/* Queues a command on the connection of the writer. Returns 0, UV_ENOBUFS or UV_ENOMEM. */
int sio__stream_writer_send_command(struct stream *st, char kind, uint64_t number,
                                    const sio_slice *words, size_t n);
uint64_t sio__stream_decode_command_number(const struct link_expect *expect);

/* Sends the command of an ENTRY_KEY. If it gets no reply, the entry is queued again. Returns 0 or
 * an error. */
int sio__stream_send_key_command(struct stream *st, struct stream_entry *e);
/* Called when Redis has answered an ENTRY_KEY command on the connection of the writer: removes and
 * frees the oldest ENTRY_KEY in the state ENTRY_WRITTEN. */
void sio__stream_remove_oldest_written_key_entry(struct stream *st);

/* Sends a command for the Redis key `key`. The reply is passed to st->ops->reply with `kind` and
 * `number`; the caller gets a new number by incrementing sio_redis.last_number. If `kind` is '\0',
 * the reply is ignored. In a Redis Cluster replies to commands for different keys come in any
 * order. Returns 0, UV_ENOTCONN (stream.open is false, or the server of the key is not known),
 * UV_ENOBUFS or UV_ENOMEM. */
int sio__stream_send_command(struct stream *st, char kind, uint64_t number, sio_slice key,
                             const sio_slice *words, size_t n);

#endif
