/* SPDX-License-Identifier: MIT
 *
 * stream_parse.h - the ids of entries, and the entries in the replies of Redis.
 */
#ifndef SIO_REDIS_STREAM_PARSE_H
#define SIO_REDIS_STREAM_PARSE_H

#include "redis/stream_types.h"

/* Returns false if text is not "N-N", where each N is a decimal number of at most 64 bits. */
bool sio__stream_id_parse(struct stream_id *id, sio_slice text);
/* Writes the id as text to out. Returns that text. */
sio_slice sio__stream_id_format(struct stream_id id, char out[STREAM_ID_MAX]);
static inline int stream_id_compare(struct stream_id a, struct stream_id b) {
  if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
  return a.seq == b.seq ? 0 : a.seq < b.seq ? -1 : 1;
}

/* Reads the reply to XREVRANGE with COUNT 1. Sets *id to the id of the entry, or to 0-0 if the
 * stream is empty. Returns false if the reply is an error or malformed. */
bool sio__stream_parse_last_id(const redisReply *reply, struct stream_id *id);
/* Parses an entry of the form [id, [name, value, ...]]. Fields with unknown names are ignored, and
 * missing fields are empty. Returns false if the entry has another form; *id may be set
 * nevertheless. */
bool sio__stream_parse_entry(struct stream_fields *f, const redisReply *entry,
                             struct stream_id *id);

#endif
