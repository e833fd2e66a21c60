/* SPDX-License-Identifier: MIT
 *
 * stream_writer.h - the connection that adds entries to the stream, and when they are written.
 */
#ifndef SIO_REDIS_STREAM_WRITER_H
#define SIO_REDIS_STREAM_WRITER_H

#include "redis/stream_types.h"

extern const struct link_ops sio__stream_writer_ops;

/* Queues an entry. wait (used for ENTRY_ADD): true if the stream is to deliver the entry to the
 * local sockets: see stream_types.h. Returns 0 if the stream now owns the entry. Returns UV_ENOBUFS
 * (more than max_queued bytes would be queued) or UV_ENOTCONN (the stream is closed) if the caller
 * still owns it. */
int sio__stream_queue_entry(struct stream *st, struct stream_entry *e, bool wait);
void sio__stream_write_queued_entries(struct stream *st);
/* Opens the stream, so that entries are written, if both connections are ready, and the reader has
 * read the last entry that was in the stream when the writer was connected. */
void sio__stream_open_if_caught_up(struct stream *st);
/* Called when one of the two connections has failed, or when the stream is closed: no more entries
 * are written. Entries that wait for their ids might wait long now, so they are delivered without
 * ids. */
void sio__stream_mark_not_open_and_deliver_all(struct stream *st);

#endif
