/* SPDX-License-Identifier: MIT
 *
 * stream_types.h - struct stream: a stream of Redis that all Socket.IO servers add entries to and
 * read.
 *
 * It has two connections: a writer (stream_writer.c) for XADD and for the keys of sockets that may
 * be recovered, and a reader (stream_reader.c), which waits in XREAD. The reader gets the entries
 * of all Socket.IO servers, also those of this one, in one order; after its connection was lost,
 * the reader continues after the last entry that it has read. In a Redis Cluster both connections
 * are to the Redis server that has the slot of the stream; commands for keys, which have other
 * slots, are sent with sio__redis_send_command().
 *
 * An entry that this server adds (ENTRY_ADD) is kept until it has been read back, refused, trimmed
 * or lost:
 *
 *   QUEUED --- written to the connection ---> WRITTEN --- Redis has said its id ---> CONFIRMED
 *   WRITTEN --- the connection broke ---> UNKNOWN --- not found in the stream ---> QUEUED
 *   WRITTEN --- refused with a redirection or a temporary error ---> QUEUED
 *   WRITTEN --- refused for another reason ---> freed after its local delivery
 *   CONFIRMED --- trimmed, or lost by Redis, before the reader read it ---> freed
 *   any --- lost: a later entry of this server was read back first ---> freed
 *   any --- read back ---> freed
 *
 * An entry whose local delivery waits for its id is delivered when it is read back, in the order of
 * the stream. But it is delivered without an id if the stream is not open (stream.open), if Redis
 * takes longer than about STREAM_WAIT_MS, if an adapter leaves the stream, or if the entry was
 * refused, trimmed or lost.
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
  ENTRY_KEY,  /* a command that changes one key of Redis; sent again until Redis has answered */
  ENTRY_LOCAL /* an event for local sockets only, delivered after the entries before it */
};

/* An entry of one of the kinds above, before and after it was sent. The bytes that its slices point
 * to are in the same block of memory, after the struct. */
struct stream_entry {
  struct list link;
  sio_adapter *adapter; /* NULL after the adapter has closed */
  uint8_t kind, state;
  bool early;     /* an ENTRY_ADD that was delivered without its id */
  bool delivered; /* the entry was delivered to the local sockets, or need not be */
  uint64_t since_ms;
  struct stream_id id;            /* set in the state ENTRY_CONFIRMED */
  sio_slice uid, nsp, type, data; /* the fields of an ENTRY_ADD */
  sio_slice words[5];             /* the command of an ENTRY_KEY; words[1] is the key */
  /* The number in link_expect.id, by which the entry is found when the reply to its command comes;
   * an ENTRY_KEY has one only in a Redis Cluster. */
  uint64_t number;
  /* The number of an ENTRY_ADD, by which readers recognise that the entry was added twice: see
   * stream_repeats.h. */
  uint64_t seq;
  uint64_t origin; /* sio_packet_info.origin of an event */
  unsigned nwords;
  char *key;   /* sio_target.key, or NULL; owned */
  void *local; /* the event of an ENTRY_LOCAL, used by stream_ops; NULL: it is in `data` */
  size_t bytes;
};

/* The fields of an entry that was read from the stream; data.n may be 0. */
struct stream_fields {
  sio_slice uid, nsp, type, data;
  uint64_t seq; /* 0: the entry has no valid field `seq` */
};

/* The functions of the streams adapter that a stream calls on the thread of the loop. */
struct stream_ops {
  /* Delivers an entry of this server to the local sockets. id: the id of the entry; NULL: the event
   * is delivered without its id. */
  void (*deliver)(struct stream_entry *e, const struct stream_id *id);
  void (*free_local)(struct stream_entry *e); /* frees e->local of an ENTRY_LOCAL */
  /* Called with an entry that another Socket.IO server has added. */
  void (*on_remote_entry)(sio_adapter *a, const struct stream_fields *f, struct stream_id id);
  sio_slice (*nsp)(const sio_adapter *a);
  /* Called with the reply to a command of sio__stream_send_command(), perhaps one for another
   * stream; or with NULL if no reply will come. */
  void (*reply)(struct stream *st, char kind, uint64_t number, const redisReply *reply);
  void (*read)(struct stream *st);  /* called after a reply to XREAD was handled */
  void (*flush)(struct stream *st); /* called by redis_part.flush of the stream */
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
  struct map adapters; /* by the names of their namespaces; see stream_adapter_map.c */
  struct list queued;  /* ENTRY_ADD and ENTRY_LOCAL before they are moved to `sent` */
  struct list sent;    /* ENTRY_ADD that were written, and the ENTRY_LOCAL between and after them */
  struct list keys;    /* ENTRY_KEY in any state */
  size_t bytes;        /* the sum of stream_entry.bytes in the lists queued, sent and keys */
  unsigned waiting;    /* how many ENTRY_ADD are still to be delivered to the local sockets */
  unsigned locals;     /* how many ENTRY_LOCAL are in the lists queued and sent */
  uv_timer_t timer;    /* runs at least while `waiting` is not 0 */
  unsigned handles;
  unsigned read_count, read_next; /* the most entries of one XREAD, and of the next XREAD */
  unsigned block_ms;
  size_t max_len;
  bool has_position;  /* `last` is known */
  bool has_fence;     /* `fence` is known for the current connection of the writer */
  bool writer_is_new; /* entries that a previous connection has written may have to be resent */
  bool open;          /* entries may be written to Redis */
  bool closed;
  struct stream_id last;  /* the id of the entry that was read last; at first: of the newest one */
  struct stream_id fence; /* the id of the last entry when the writer was connected */
  struct map senders;     /* struct stream_sender by uid: see stream_repeats.c */
  struct list senders_by_age;
  /* a ring: the ids of ignored entries, for which sio__stream_check_duplicate_and_remember_entry()
   * returned true */
  struct stream_id repeats[STREAM_REPEATS];
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
