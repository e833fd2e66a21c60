/* SPDX-License-Identifier: MIT
 *
 * polling_queue.c - the messages that wait for a GET.
 *
 * The first msg of the queue is never a sent mark (sent.h): if nothing is queued before a mark, its
 * callback is due at once, and no mark is queued.
 */
#include "eio/polling_queue.h"
#include <assert.h>

static void polling_add_queue_memory(struct polling *p, size_t bytes) {
  p->held += bytes;
  p->session->eio->loop->stats.held += bytes;
}

void sio__polling_subtract_queue_memory(struct polling *p, size_t bytes) {
  assert(p->held >= bytes);
  p->held -= bytes;
  p->session->eio->loop->stats.held -= bytes;
}

static struct out_node *last_queue_node(struct polling *p) {
  return p->first ? container_of(p->last, struct out_node, next) : NULL;
}

/* Appends m to the last run, which is the series of msgs in one node. Returns false if m needs a
 * node of its own. */
static bool append_msg_to_last_node_if_possible(struct polling *p, struct msg *m) {
  struct out_node *n = last_queue_node(p);
  if (!n || m->refs < RUN_REFS || !msg_try_link_next(n->last, m)) return false;
  n->last = m;
  return true;
}

static void append_queue_node(struct polling *p, struct out_node *n, struct msg *m) {
  *n = (struct out_node){ .m = m, .last = m };
  *p->last = n;
  p->last = &n->next;
}

static int append_msg_to_last_or_new_node(struct polling *p, struct msg *m) {
  if (append_msg_to_last_node_if_possible(p, m)) return 0;
  struct out_node *n = sio__pool_get(&p->session->eio->nodes);
  if (!n) return UV_ENOMEM;
  append_queue_node(p, n, m);
  return 0;
}

int sio__polling_append_msg_to_queue(sio_session *c, struct msg *m) {
  struct polling *p = c->polling;
  if (append_msg_to_last_or_new_node(p, m)) return UV_ENOMEM;
  msg_ref(m);
  p->queued += m->len;
  polling_add_queue_memory(p, msg_memory_size(m) + sizeof(struct out_node));
  if (p->get) sio__loop_defer(c->eio->loop, &p->flush);
  return 0;
}

struct msg *sio__polling_take_first_msg(struct polling *p, struct out_node **first) {
  struct out_node *n = *first;
  struct msg *m = n->m;
  if (m != n->last) {
    n->m = m->follow;
    return m;
  }
  *first = n->next;
  sio__pool_put(&p->session->eio->nodes, n);
  return m;
}

void sio__polling_schedule_backlog_handling(struct polling *p) {
  if (p->backlog) sio__loop_defer(p->session->eio->loop, &p->backlog->task);
}

/* Call this when m was removed from the queue: subtracts its size, and releases the reference that
 * the queue held. */
static void release_queued_msg(struct polling *p, struct msg *m) {
  p->queued -= m->len;
  sio__polling_subtract_queue_memory(p, msg_memory_size(m) + sizeof(struct out_node));
  msg_unref(m);
}

unsigned sio__polling_drop_queue(struct polling *p) {
  unsigned marks = 0;
  while (p->first) {
    struct msg *m = sio__polling_take_first_msg(p, &p->first);
    marks += is_sent_callback_marker_msg(p, m);
    release_queued_msg(p, m);
  }
  p->last = &p->first;
  return marks;
}

void sio__polling_queue_visit_msgs(const sio_session *c, queue_visit_fn visit, void *user) {
  const struct out_node *first = c->polling->first;
  for (const struct out_node *n = first; n; n = n->next) {
    if (n != first) visit(n->m, user); /* the first msg of the queue always stays */
    for (const struct msg *m = n->m; m != n->last; visit(m, user)) m = m->follow;
  }
}

/* Builds a new queue: a node may hold several msgs that are linked to each other, and becomes
 * several nodes if msgs between them are removed. If there is no memory for a node, the rest of the
 * queue stays as it is. */
void sio__polling_queue_remove_msgs_if(sio_session *c, queue_drop_fn drop, void *user) {
  struct polling *p = c->polling;
  struct out_node *rest = p->first, **last = p->last, *spare = NULL;
  p->first = NULL;
  p->last = &p->first;
  while (rest && (spare || (spare = sio__pool_get(&c->eio->nodes)))) {
    struct msg *m = sio__polling_take_first_msg(p, &rest);
    if (p->first && drop(m, msg_memory_size(m) + sizeof *rest, user)) {
      release_queued_msg(p, m);
    } else if (!append_msg_to_last_node_if_possible(p, m)) {
      append_queue_node(p, spare, m);
      spare = NULL;
    }
  }
  if (spare) sio__pool_put(&c->eio->nodes, spare);
  if (rest) {
    *p->last = rest;
    p->last = last;
  }
  sio__polling_schedule_backlog_handling(p);
}
