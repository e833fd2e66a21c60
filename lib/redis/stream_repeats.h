/* SPDX-License-Identifier: MIT
 *
 * stream_repeats.h - recognises entries that a Socket.IO server has added to the stream twice.
 *
 * When the connection of a writer breaks, Redis may still execute an XADD that has left this
 * machine, after the writer has found that the entry is not in the stream and has added it again.
 * So each server of libsio numbers its entries (the field `seq`). A reader remembers the last
 * number of each server, up to a maximum of servers, and ignores entries whose numbers are not
 * greater. Entries without a number, such as those of Node.js, do not count as repeated.
 */
#ifndef SIO_REDIS_STREAM_REPEATS_H
#define SIO_REDIS_STREAM_REPEATS_H

#include "redis/stream_types.h"

void sio__stream_init_duplicate_detection(struct stream *st);
void sio__stream_clear_duplicate_detection(struct stream *st);

/* Called when an entry was read. If its number `seq` is greater than the last number of the server
 * that added the entry, remembers `seq` as the server's last number, and returns false. Otherwise
 * the entry is a duplicate, which the caller must ignore: remembers its id, and returns true. But
 * if the entry has no `seq` or no valid `uid`, or if memory ran out, remembers nothing, and returns
 * false. */
bool sio__stream_check_duplicate_and_remember_entry(struct stream *st,
                                                    const struct stream_fields *f,
                                                    struct stream_id id);
/* Returns true if sio__stream_check_duplicate_and_remember_entry() has returned true for the entry
 * with this id. Only the ids of the last STREAM_REPEATS such entries are remembered. */
bool sio__stream_is_id_of_recent_duplicate(const struct stream *st, struct stream_id id);

#endif
