/* SPDX-License-Identifier: MIT
 *
 * queue.c - the parts of the send queue that are not on the hot path: runs (entries for several
 * msgs), which form in long queues, and the removal of msgs from the middle.
 */
#include "net/queue.h"

/* ---- runs ------------------------------------------------------------------ */

bool sio__queue_try_append_to_run(struct send_queue *q, struct msg *m) {
  struct queue_chunk *k = q->last;
  if (!k || k->tail < 2) return false;
  unsigned i = k->tail - 1u;
  struct queue_entry *e = &k->e[i];
  bool run = queue_chunk_entry_is_run(k, i);
  if (!run && !queue_range_is_whole_ws_frame(e->m, e->off, e->len)) return false;
  if (!msg_try_link_next(run ? e->last : e->m, m)) return false;
  k->runs |= (uint8_t)(1u << i);
  e->last = m;
  return true;
}

static struct queue_entry make_whole_frame_entry(struct msg *m) {
  return (struct queue_entry){ m, { { MSG_HEADROOM - m->ws_head, msg_frame_len_with_header(m) } } };
}

/* A run of one msg becomes an ordinary entry. */
static void convert_run_to_entry_if_one_msg(struct queue_chunk *k, unsigned i) {
  struct queue_entry *e = &k->e[i];
  if (e->m != e->last) return;
  k->runs &= (uint8_t) ~(1u << i);
  *e = make_whole_frame_entry(e->m);
}

/* Removes the first msg of the run that is the first used entry of k, and returns it. */
static struct msg *take_msg_from_run_at_chunk_head(struct queue_chunk *k) {
  assert(queue_chunk_entry_is_run(k, k->head));
  struct queue_entry *e = &k->e[k->head];
  struct msg *m = e->m;
  e->m = m->follow;
  convert_run_to_entry_if_one_msg(k, k->head);
  return m;
}

bool sio__queue_consume_from_first_run(struct send_queue *q, struct pool *chunks, size_t *n) {
  struct queue_chunk *k = q->first;
  struct msg *m = take_msg_from_run_at_chunk_head(k);
  assert(k->head > 0);
  k->e[--k->head] = make_whole_frame_entry(m);
  return queue_consume_from_first_entry(q, chunks, n);
}

void sio__send_queue_iter_next(struct queue_place *at) {
  if (queue_chunk_entry_is_run(at->k, at->i) && at->m != at->k->e[at->i].last) {
    at->m = at->m->follow;
    return;
  }
  if (++at->i == at->k->tail && (at->k = at->k->next)) at->i = at->k->head;
  if (at->k) at->m = at->k->e[at->i].m;
}

void sio__queue_visit_msgs(const struct send_queue *q, size_t encrypted, queue_visit_fn visit,
                           void *user) {
  bool first = true;
  for (struct queue_place at = send_queue_iter_begin(q); at.k; sio__send_queue_iter_next(&at)) {
    bool must_stay = first || encrypted > 0;
    size_t len = queue_iter_get_iovec(&at).iov_len;
    encrypted -= len < encrypted ? len : encrypted;
    first = false;
    if (!must_stay) visit(at.m, user);
  }
}

/* ---- removing -------------------------------------------------------------- */

void sio__queue_clear(struct send_queue *q, struct pool *chunks) {
  while (q->first) {
    if (queue_is_first_entry_run(q))
      queue_uncount_and_unref_msg(q, take_msg_from_run_at_chunk_head(q->first));
    else
      queue_remove_first_entry(q, chunks);
  }
  q->bytes = 0;
  assert(q->memory == 0);
}

/* The state of sio__queue_remove_msgs_if(), which takes the queue apart and builds it again from
 * the msgs that stay. */
struct removal {
  struct send_queue *q; /* the new queue */
  struct pool *chunks;
  struct queue_chunk *old;   /* the chunks with msgs that are not yet visited     */
  struct queue_chunk *spare; /* a chunk for the next msg that stays and needs one */
  size_t encrypted;          /* how many of the unvisited bytes are encrypted     */
  bool is_first_done;        /* The first msg of the queue has been visited.      */
};

static bool reserve_spare_chunk(struct removal *r) {
  if (!r->spare) r->spare = sio__pool_get(r->chunks);
  return r->spare;
}

static void free_visited_chunk(struct removal *r) {
  struct queue_chunk *k = r->old;
  r->old = k->next;
  sio__pool_put(r->chunks, k);
}

/* Takes the next msg out of the old chunks, as a separate entry even if it is in a run. */
static struct queue_entry removal_take_next_entry_of_old_queue(struct removal *r) {
  struct queue_chunk *k = r->old;
  struct queue_entry e = k->e[k->head];
  if (queue_chunk_entry_is_run(k, k->head))
    return make_whole_frame_entry(take_msg_from_run_at_chunk_head(k));
  if (++k->head == k->tail) free_visited_chunk(r);
  return e;
}

/* The first r->encrypted of the bytes that are not yet visited are encrypted. Returns true if the
 * next entry, which has len bytes, begins among these, and subtracts those of its bytes that are
 * encrypted from r->encrypted. */
static bool subtract_entry_from_encrypted_bytes(struct removal *r, size_t len) {
  if (r->encrypted == 0) return false;
  r->encrypted -= len < r->encrypted ? len : r->encrypted;
  return true;
}

static bool removal_advance_past_entry_and_check_must_stay(struct removal *r, size_t len) {
  bool first = !r->is_first_done;
  r->is_first_done = true;
  return subtract_entry_from_encrypted_bytes(r, len) || first;
}

static void append_kept_entry(struct removal *r, struct queue_entry e) {
  if (queue_may_join_run(e.m, e.off, e.len) && sio__queue_try_append_to_run(r->q, e.m)) return;
  struct queue_chunk *k = r->q->last;
  if (!k || queue_is_last_chunk_full(r->q)) {
    k = queue_add_chunk(r->q, r->spare);
    r->spare = NULL;
  }
  queue_append_entry(k, e.m, e.off, e.len);
}

static void keep_or_remove_next_msg(struct removal *r, queue_drop_fn drop, void *user) {
  struct queue_entry e = removal_take_next_entry_of_old_queue(r);
  if (removal_advance_past_entry_and_check_must_stay(r, e.len) ||
      !drop(e.m, msg_memory_size(e.m) + QUEUE_ENTRY_COST, user)) {
    append_kept_entry(r, e);
    return;
  }
  r->q->bytes -= e.len;
  queue_uncount_and_unref_msg(r->q, e.m);
}

/* Ends sio__queue_remove_msgs_if(): frees the spare chunk, and appends the chunks that were not
 * visited because memory ran out. old_last is the last chunk of the old queue. */
static void append_unvisited_chunks_after_removal(struct removal *r, struct queue_chunk *old_last) {
  if (r->spare) sio__pool_put(r->chunks, r->spare);
  if (!r->old) return;
  if (r->q->last)
    r->q->last->next = r->old;
  else
    r->q->first = r->old;
  r->q->last = old_last;
}

void sio__queue_remove_msgs_if(struct send_queue *q, struct pool *chunks, size_t encrypted,
                               queue_drop_fn drop, void *user) {
  struct removal r = { .q = q, .chunks = chunks, .old = q->first, .encrypted = encrypted };
  struct queue_chunk *old_last = q->last;
  q->first = q->last = NULL;
  while (r.old && reserve_spare_chunk(&r)) keep_or_remove_next_msg(&r, drop, user);
  append_unvisited_chunks_after_removal(&r, old_last);
}
