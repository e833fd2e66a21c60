/* SPDX-License-Identifier: MIT
 *
 * queue.h - the send queue of one connection: references to msgs, in order.
 *
 * The queue is a linked list of chunks, each with an array of entries. An entry is a byte range of
 * one msg, or a run. A run is a series of whole WebSocket messages, from `m` to `last`, in which
 * each msg's `follow` points to the next one: however long it is, a run takes one entry. A run is
 * never the entry 0 of its chunk, because after a partial write the rest of its first msg needs the
 * entry before it.
 *
 * The functions of the hot path are inline.
 */
#ifndef SIO_NET_QUEUE_H
#define SIO_NET_QUEUE_H

#include "base/msg.h"
#include <assert.h>
#include <sys/uio.h>

enum { QUEUE_CHUNK_ENTRIES = 7 };

struct queue_entry {
  struct msg *m;
  union {
    struct {
      uint32_t off, len; /* The offset counts from the first headroom byte of the msg. */
    };
    struct msg *last; /* the last msg of a run */
  };
};

struct queue_chunk {
  struct queue_chunk *next;
  uint8_t head, tail; /* The entries [head, tail) are in use.   */
  uint8_t runs;       /* Bit i is set if the entry i is a run. */
  struct queue_entry e[QUEUE_CHUNK_ENTRIES];
};

_Static_assert(QUEUE_CHUNK_ENTRIES <= 8, "queue_chunk.runs must have a bit for each entry");

/* The memory, in bytes, that is counted for each queued msg in addition to the msg itself: one
 * entry's share of its chunk. */
#define QUEUE_ENTRY_COST (sizeof(struct queue_chunk) / QUEUE_CHUNK_ENTRIES)

struct send_queue {
  struct queue_chunk *first, *last;
  size_t bytes;  /* how many bytes are to be sent */
  size_t memory; /* the sum of msg_memory_size() and QUEUE_ENTRY_COST of all queued msgs */
};

static inline bool queue_chunk_entry_is_run(const struct queue_chunk *k, unsigned i) {
  return k->runs >> i & 1;
}

static inline bool queue_is_first_entry_run(const struct send_queue *q) {
  return queue_chunk_entry_is_run(q->first, q->first->head);
}

/* ---- adding ---------------------------------------------------------------- */

/* Adds the chunk k, which need not be initialized, to the end of the queue. */
static inline struct queue_chunk *queue_add_chunk(struct send_queue *q, struct queue_chunk *k) {
  k->next = NULL;
  k->head = k->tail = k->runs = 0;
  if (q->last)
    q->last->next = k;
  else
    q->first = k;
  return q->last = k;
}

static inline bool queue_is_last_chunk_full(const struct send_queue *q) {
  return q->last && q->last->tail == QUEUE_CHUNK_ENTRIES;
}

/* Returns the last chunk if it has a free entry, otherwise a new one, or NULL if memory ran out. */
static inline struct queue_chunk *queue_find_or_add_free_chunk(struct send_queue *q,
                                                               struct pool *chunks) {
  if (q->last && q->last->tail < QUEUE_CHUNK_ENTRIES) return q->last;
  struct queue_chunk *k = sio__pool_get(chunks);
  return k ? queue_add_chunk(q, k) : NULL;
}

static inline void queue_append_entry(struct queue_chunk *k, struct msg *m, uint32_t off,
                                      uint32_t len) {
  assert(k->tail < QUEUE_CHUNK_ENTRIES);
  struct queue_entry *e = &k->e[k->tail++];
  e->m = m;
  e->off = off;
  e->len = len;
}

/* Takes a reference to a queued msg, adds its memory to q->memory, and adds len, the number of its
 * bytes that are queued, to q->bytes. */
static inline void queue_count_and_ref_msg(struct send_queue *q, struct msg *m, uint32_t len) {
  msg_ref(m);
  q->bytes += len;
  q->memory += msg_memory_size(m) + QUEUE_ENTRY_COST;
}

/* Returns true if the byte range is the whole WebSocket message of m, header included. */
static inline bool queue_range_is_whole_ws_frame(const struct msg *m, uint32_t off, uint32_t len) {
  return m->ws_head && off + m->ws_head == MSG_HEADROOM && len == msg_frame_len_with_header(m);
}

/* Returns true if the byte range of m may join a run: the range is a whole WebSocket message, and m
 * has many references (see RUN_REFS). */
static inline bool queue_may_join_run(const struct msg *m, uint32_t off, uint32_t len) {
  return m->refs >= RUN_REFS && queue_range_is_whole_ws_frame(m, off, len);
}

/* Appends the whole WebSocket message m to the last entry, which becomes a run or is one already.
 * Takes no reference. Returns false if this is not possible, and then nothing has changed. */
bool sio__queue_try_append_to_run(struct send_queue *q, struct msg *m);

/* ---- removing -------------------------------------------------------------- */

/* Subtracts a msg that has left the queue from q->memory, and releases it. q->bytes is not
 * changed. */
static inline void queue_uncount_and_unref_msg(struct send_queue *q, struct msg *m) {
  q->memory -= msg_memory_size(m) + QUEUE_ENTRY_COST;
  msg_unref(m);
}

static inline void queue_free_first_chunk(struct send_queue *q, struct pool *chunks) {
  struct queue_chunk *k = q->first;
  q->first = k->next;
  if (!q->first) q->last = NULL;
  sio__pool_put(chunks, k);
}

/* The first entry must not be a run. */
static inline void queue_remove_first_entry(struct send_queue *q, struct pool *chunks) {
  struct queue_chunk *k = q->first;
  queue_uncount_and_unref_msg(q, k->e[k->head++].m);
  if (k->head == k->tail) queue_free_first_chunk(q, chunks);
}

/* Removes up to *n sent bytes from the first entry, which must not be a run. If the entry has at
 * most *n bytes, the whole entry is removed, and its length is subtracted from *n. Returns true if
 * no more of the sent bytes are left to remove. */
static inline bool queue_consume_from_first_entry(struct send_queue *q, struct pool *chunks,
                                                  size_t *n) {
  struct queue_entry *e = &q->first->e[q->first->head];
  if (*n < e->len) {
    e->off += (uint32_t)*n;
    e->len -= (uint32_t)*n;
    return true;
  }
  *n -= e->len;
  queue_remove_first_entry(q, chunks);
  return *n == 0;
}

/* Removes up to *n sent bytes from the first entry, which must be a run. If the first msg of the
 * run has at most *n bytes, only this msg is removed, and its length is subtracted from *n;
 * otherwise *n of its bytes are removed. Returns true if no more of the sent bytes are left to
 * remove. */
bool sio__queue_consume_from_first_run(struct send_queue *q, struct pool *chunks, size_t *n);

/* Removes everything. */
void sio__queue_clear(struct send_queue *q, struct pool *chunks);

/* Calls drop() for each queued msg that may be removed, oldest first, and removes those for which
 * drop() returns true. The first msg must stay, because a part of it may have been sent, and so
 * must msgs that begin in the first `encrypted` bytes. The queue is built anew, because a run from
 * which msgs are removed may become several entries. If there is no memory for a chunk, the rest of
 * the queue stays as it is. */
typedef bool (*queue_drop_fn)(const struct msg *m, size_t memory, void *user);
void sio__queue_remove_msgs_if(struct send_queue *q, struct pool *chunks, size_t encrypted,
                               queue_drop_fn drop, void *user);
/* Calls visit() for each queued msg that may be removed, oldest first: for all msgs except the
 * first one and those that begin in the first `encrypted` bytes. Allocates nothing. */
typedef void (*queue_visit_fn)(const struct msg *m, void *user);
void sio__queue_visit_msgs(const struct send_queue *q, size_t encrypted, queue_visit_fn visit,
                           void *user);

/* ---- iterating ------------------------------------------------------------- */

/* An iterator over the msgs of a queue, oldest first. At the end k is NULL. */
struct queue_place {
  const struct queue_chunk *k;
  unsigned i;
  struct msg *m;
};

static inline struct queue_place send_queue_iter_begin(const struct send_queue *q) {
  const struct queue_chunk *k = q->first;
  return k ? (struct queue_place){ k, k->head, k->e[k->head].m }
           : (struct queue_place){ .k = NULL };
}

void sio__send_queue_iter_next(struct queue_place *at);

/* Returns the bytes that are to be sent of the msg at `at`. */
static inline struct iovec queue_iter_get_iovec(const struct queue_place *at) {
  const struct msg *m = at->m;
  const struct queue_entry *e = &at->k->e[at->i];
  if (queue_chunk_entry_is_run(at->k, at->i))
    return (struct iovec){ msg_frame_data(m), msg_frame_len_with_header(m) };
  return (struct iovec){ msg_data(m) - MSG_HEADROOM + e->off, e->len };
}

#endif
