/* SPDX-License-Identifier: MIT
 *
 * polling_queue.h - the state of the long-polling transport, and its queue of messages that wait
 * for a GET.
 *
 * The queue is a list of nodes. Each node holds a run: one msg, or a series of msgs that are linked
 * by msg.follow. Many peers that wait for the same messages share these links.
 */
#ifndef SIO_EIO_POLLING_QUEUE_H
#define SIO_EIO_POLLING_QUEUE_H

#include "eio/payload.h"
#include "eio/session_types.h"

struct out_node {
  struct out_node *next;
  struct msg *m, *last; /* the first and the last msg of the run */
};

/* How far the packets in the body of a POST have been handled. */
struct post_reader {
  const struct payload_form *form;
  sio_slice rest;        /* the part of the body not handled yet; p is NULL after the last packet */
  unsigned packets_left; /* how many more packets max_payload_packets allows */
};

/* The packets of a POST that were received and wait to be handled, because
 * sio__session_must_stop_reading() is true, or packets of an earlier POST wait. The host's handler
 * of an event reads the data of the event directly in `body`, even after the handler has ended the
 * session. So `body` is not freed while a packet is handled. */
struct backlog {
  sio_session *session;
  struct backlog *next; /* the packets of the next POST that wait, or NULL */
  struct task task;     /* handles the packets that wait */
  struct buf body;
  struct post_reader reader;
  bool busy; /* a packet of this body is being handled */
};

struct polling {
  sio_session *session;
  sio_request *get;  /* the GET that waits for something to send, or NULL */
  sio_request *post; /* the POST that is not answered yet, or NULL */
  /* The body of `post` is complete, but packets of the POST before it have to be handled first. */
  bool post_waits;
  /* The body of `post` is complete. Its answer is held back, so that the peer sends no further
   * POST. */
  bool post_answer_waits;
  struct backlog *backlog; /* POSTs whose packets wait to be handled, in order; mostly NULL */
  struct out_node *first, **last;
  size_t queued, held; /* the bytes of the queued messages, and the memory that these take */
  struct task flush;   /* answers `get` at the end of the turn; if `ending`, also `post` */
  struct timer linger; /* limits how long a closed session waits for a GET that fetches its queue */
  bool linger_extended; /* the timer `linger` was restarted once, because the loop was blocked */
  bool ending;          /* the session is over, and `get` or `post` is not answered yet */
  bool graceful;        /* the session is over, but the peer may still fetch its queue */
};

/* Queues m. If a GET waits, it is answered at the end of the turn. Returns 0 or UV_ENOMEM. */
int sio__polling_append_msg_to_queue(sio_session *c, struct msg *m);
/* Removes the first msg from the list of nodes that begins at *first, and returns it. The caller
 * gets the reference that the list held. p->queued and p->held are not changed. */
struct msg *sio__polling_take_first_msg(struct polling *p, struct out_node **first);
/* Empties the queue. Returns how many sent marks (sent.h) were in the queue. */
unsigned sio__polling_drop_queue(struct polling *p);
void sio__polling_queue_remove_msgs_if(sio_session *c, queue_drop_fn drop, void *user);
void sio__polling_queue_visit_msgs(const sio_session *c, queue_visit_fn visit, void *user);
void sio__polling_subtract_queue_memory(struct polling *p, size_t bytes);
/* Call this when the queue has become shorter, or a pause has ended: packets of a POST that wait
 * (the backlog) are handled at the end of the turn, if sio__session_must_stop_reading() is false
 * then. */
void sio__polling_schedule_backlog_handling(struct polling *p);

/* An iterator over the queued messages; m is NULL at the end. */
struct queue_walk {
  const struct out_node *n;
  const struct msg *m;
};
static inline struct queue_walk polling_queue_iter_begin(const struct polling *p) {
  return (struct queue_walk){ p->first, p->first ? p->first->m : NULL };
}
static inline void polling_queue_iter_next(struct queue_walk *at) {
  if (at->m != at->n->last)
    at->m = at->m->follow;
  else
    at->m = (at->n = at->n->next) ? at->n->m : NULL;
}

static inline bool is_sent_callback_marker_msg(const struct polling *p, const struct msg *m) {
  return m == p->session->eio->mark;
}

#endif
