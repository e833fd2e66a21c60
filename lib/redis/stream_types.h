/* SPDX-License-Identifier: MIT
 *
 * stream_types.h - struct stream: a stream of Redis that all servers add entries to and read.
 *
 * It has two connections: a writer (stream_writer.c) for XADD and for the keys of sockets that may
 * be recovered, and a reader (stream_reader.c), which waits in XREAD. The reader sees the entries
 * of all servers, its own included, in one order; it goes on after the last entry that it has read
 * whenever its connection was lost. In a Redis Cluster both go to the server that has the slot of
 * the stream; commands for keys, whose slots are others, go through sio__redis_send_command().
 *
 * An entry that this server adds is kept until it has been read back:
 *
 *   QUEUED --- written to the connection ---> WRITTEN --- Redis has said its id ---> CONFIRMED
 *   WRITTEN --- the connection broke ---> UNKNOWN --- not read back by then ---> QUEUED
 *   WRITTEN --- refused because the slot of the stream has moved ---> QUEUED
 *   WRITTEN, CONFIRMED, UNKNOWN --- read back, or refused ---> freed
 *
 * An entry whose local delivery waits for its id is delivered when it is read back: so all entries
 * are delivered in the order of the stream. It is delivered earlier, without an id, when Redis is
 * away or takes longer than STREAM_WAIT_MS.
 */
#ifndef SIO_REDIS_STREAM_TYPES_H
#define SIO_REDIS_STREAM_TYPES_H

#include "redis/context.h"

enum { STREAM_ID_MAX = 44, STREAM_WAIT_MS = 1000, STREAM_REPEATS = 64 };

struct stream_id {
  uint64_t ms, seq;
};

struct stream;

enum stream_entry_state { ENTRY_QUEUED, ENTRY_WRITTEN, ENTRY_UNKNOWN, ENTRY_CONFIRMED };

enum stream_entry_kind {
  ENTRY_ADD,  /* XADD */
  ENTRY_KEY,  /* a command for words[1], a key, which is repeated until Redis has answered */
  ENTRY_LOCAL /* not for Redis: it waits for its turn */
};

/* An entry that is to be added to the stream, or that waits. Its words follow in the same block. */
struct stream_entry {
  struct list link;
  sio_adapter *adapter; /* NULL: it has closed */
  uint8_t kind, state;
  bool delivered; /* to the local sockets, or there is nothing to deliver */
  uint64_t since_ms;
  struct stream_id id;            /* CONFIRMED */
  sio_slice uid, nsp, type, data; /* of ENTRY_ADD; data.n may be 0 */
  sio_slice words[5];             /* of ENTRY_KEY */
  uint64_t number;                /* finds the entry when the reply to its command comes */
  uint64_t seq;                   /* of ENTRY_ADD: see stream_repeats.h */
  unsigned nwords;
  char *key;   /* sio_target.key, or NULL; owned */
  void *local; /* of ENTRY_LOCAL; for stream_ops */
  size_t bytes;
};

/* The fields of an entry that was read; data.n may be 0. */
struct stream_fields {
  sio_slice uid, nsp, type, data;
  uint64_t seq; /* 0: it has none */
};

/* All are called from the loop. */
struct stream_ops {
  /* Delivers an entry of this server to the local sockets. id: NULL if it has none. */
  void (*deliver)(struct stream_entry *e, const struct stream_id *id);
  void (*free_local)(struct stream_entry *e); /* of ENTRY_LOCAL */
  /* An entry of another server. */
  void (*on_remote_entry)(sio_adapter *a, const struct stream_fields *f, struct stream_id id);
  sio_slice (*nsp)(const sio_adapter *a);
  /* The reply to a command of sio__stream_send_command(), or NULL: it will not come. */
  void (*reply)(struct stream *st, char kind, uint64_t number, const redisReply *reply);
  void (*read)(struct stream *st); /* entries were read, after they were delivered */
  void (*flush)(struct stream *st);
};

struct stream_options {
  sio_slice name;
  size_t max_len;
  unsigned read_count, block_ms;
};

struct stream {
  struct redis_part part;
  sio_redis *redis;
  const struct stream_ops *ops;
  struct link writer, reader;
  struct map adapters; /* by the names of their namespaces: stream_members.c */
  struct list queued;  /* struct stream_entry that are not written */
  struct list sent;    /* those that are written, and ENTRY_LOCAL */
  struct list keys;    /* ENTRY_KEY in any state */
  size_t bytes;        /* of all entries */
  unsigned waiting;    /* entries in `sent` that are not delivered, without ENTRY_LOCAL */
  uv_timer_t timer;    /* while some wait */
  unsigned handles;
  unsigned read_count, read_next; /* the most entries that are read at a time, and next */
  unsigned block_ms;
  size_t max_len;
  bool has_position;  /* `last` is known */
  bool has_fence;     /* `fence` is known, on this connection */
  bool writer_is_new; /* entries of the connection before are not settled yet */
  bool open;          /* entries can be written */
  bool closed;
  struct stream_id last;  /* the last entry that was read */
  struct stream_id fence; /* the last entry when the writer was connected */
  struct map senders;     /* the last seq of each server: stream_repeats.c */
  struct list senders_by_age;
  struct stream_id repeats[STREAM_REPEATS]; /* a ring: entries that were added twice */
  unsigned nrepeats;
  size_t name_len;
  char name[];
};

static inline uint64_t stream_now_ms(const struct stream *st) { return uv_now(st->redis->loop); }

static inline struct stream *stream_of_part(const struct redis_part *p) {
  return container_of(p, struct stream, part);
}
static inline struct stream *stream_of_writer_link(struct link *l) {
  return container_of(l, struct stream, writer);
}
static inline struct stream *stream_of_reader_link(struct link *l) {
  return container_of(l, struct stream, reader);
}

#endif
