/* SPDX-License-Identifier: MIT
 *
 * polling.c - the long-polling transport: the GETs of a session, and its end.
 *
 * Messages wait in a queue (polling_queue.h). At the end of a turn in which a GET waits, the whole
 * queue is sent in one response. A session that ends without discarding its queue stays in
 * SESSION_CLOSING until a GET has been answered with the close packet, an upgrade has completed, a
 * timeout has passed, or the server closes. What is still queued after the timeout is lost, counted
 * and logged.
 */
#include "eio/polling.h"
#include "eio/answer.h"
#include "eio/backpressure.h"
#include "eio/polling_post.h"
#include "eio/polling_queue.h"
#include "eio/sent.h"
#include "eio/session_limits.h"
#include "eio/trace.h"
#include <assert.h>

/* How long a session that never joined a namespace waits for a GET after its end, unless
 * close_timeout is less. */
enum { UNJOINED_LINGER_MS = 5000 };

static const struct http_mount get_mount;

static int polling_append_marker_or_schedule_sent_callback(sio_session *c) {
  if (c->polling->first) return sio__polling_append_msg_to_queue(c, c->eio->mark);
  sio__sent_callbacks_schedule_oldest(c, 1);
  return 0;
}

/* ---- answering a GET ------------------------------------------------------------------ */

static const struct payload_form *payload_encoding_of_get_answer(const sio_session *c) {
  if (c->protocol == 4) return &sio__payload4;
  for (struct queue_walk o = polling_queue_iter_begin(c->polling); o.m && !c->base64;
       polling_queue_iter_next(&o))
    if (o.m->binary) return &sio__payload3_binary;
  return &sio__payload3_text;
}

static size_t compute_answer_body_len_of_queue(const struct polling *p,
                                               const struct payload_form *f) {
  size_t n = 0;
  for (struct queue_walk o = polling_queue_iter_begin(p); o.m; polling_queue_iter_next(&o))
    if (!is_sent_callback_marker_msg(p, o.m)) n += f->len(o.m) + (f->separated && n > 0);
  return n;
}

static void write_queue_to_answer_body(const struct polling *p, const struct payload_form *f,
                                       char *out) {
  const char *start = out;
  for (struct queue_walk o = polling_queue_iter_begin(p); o.m; polling_queue_iter_next(&o)) {
    if (is_sent_callback_marker_msg(p, o.m)) continue;
    if (f->separated && out > start) *out++ = EIO_SEPARATOR;
    out = f->put(out, o.m);
  }
}

/* Returns true if no queued msg may be compressed. */
static bool should_queue_stay_uncompressed(const struct polling *p) {
  for (struct queue_walk o = polling_queue_iter_begin(p); o.m; polling_queue_iter_next(&o))
    if (!o.m->plain) return false;
  return true;
}

static struct msg *encode_queue_as_answer_body(sio_session *c, const struct payload_form *f) {
  struct polling *p = c->polling;
  size_t n = compute_answer_body_len_of_queue(p, f);
  struct msg *body = sio__msg_new(&c->eio->loop->msgs, n);
  if (!body) return NULL;
  write_queue_to_answer_body(p, f, msg_data(body));
  body->len = (uint32_t)n;
  body->plain = should_queue_stay_uncompressed(p);
  return body;
}

/* Answers the waiting GET with the whole queue. While `ending` is set, the task p->flush stays
 * queued, because it has to answer the last requests of the session. */
static void answer_get_with_queue(sio_session *c, bool initial) {
  struct polling *p = c->polling;
  sio_request *r = p->get;
  const struct payload_form *f = payload_encoding_of_get_answer(c);
  p->get = NULL;
  r->user = NULL;
  if (!p->ending) task_cancel(&p->flush);
  struct msg *body = encode_queue_as_answer_body(c, f);
  size_t bytes = p->queued;
  unsigned marks = sio__polling_drop_queue(p);
  sio__polling_schedule_backlog_handling(p);
  if (!body) {
    c->eio->stats->bytes_lost += bytes;
    sio__request_close_without_answer(r);
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a poll");
    return;
  }
  sio__answer_request_with_packets(c->eio, r, body, f == &sio__payload3_binary, initial);
  msg_unref(body);
  if (marks) sio__sent_callbacks_schedule_oldest(c, marks);
}

static void answer_waiting_get_with_queue(sio_session *c) { answer_get_with_queue(c, false); }

/* Calls the flush hooks, and answers the GET unless a hook has answered it or ended the session.
 * Then reports that the queue is empty or short, if it is: a hook may have filled it again. */
static void answer_get_with_queue_and_call_hooks(sio_session *c) {
  struct polling *p = c->polling;
  if (c->eio->wants & WANT_FLUSH) sio__trace_call_flush_hooks(c);
  if (p->get && c->state == SESSION_OPEN) answer_waiting_get_with_queue(c);
  if (!p->first && c->state == SESSION_OPEN) CALL_ENGINE_HOOKS(c, drain);
  sio__backpressure_report_writable_if_was_full(c);
}

/* Adds one packet to the queue and answers the GET. If there is no memory to add the packet, the
 * queue is sent without it. */
static void append_packet_and_answer_waiting_get(sio_session *c, struct msg *last) {
  sio__polling_append_msg_to_queue(c, last);
  answer_waiting_get_with_queue(c);
}

static void answer_requests_of_ended_session(sio_session *c);

static void polling_answer_waiting_requests_task(struct task *t) {
  struct polling *p = container_of(t, struct polling, flush);
  sio_session *c = p->session;
  if (p->ending) {
    answer_requests_of_ended_session(c);
    return;
  }
  if (p->get && p->first) answer_get_with_queue_and_call_hooks(c);
}

/* ---- closing ------------------------------------------------------------------------------ */

/* Drops the queue, which no GET will fetch any more, and counts and logs the lost bytes. */
static void drop_unfetched_queue(struct polling *p, int level) {
  sio_session *c = p->session;
  size_t bytes = p->queued;
  c->eio->stats->bytes_lost += bytes;
  sio__polling_drop_queue(p);
  if (bytes)
    LOG_RATED_ABOUT(c->eio->log, level, SIO_PART_EIO, LOG_NOT_READING,
                    sio__session_client_address(c), ABOUT_SESSION(c),
                    "%s did not fetch %zu bytes: they are lost", sio__session_client_address(c),
                    bytes);
}

/* Returns how long a session that has ended waits for a GET that fetches its queue. */
static unsigned closing_poll_timeout_ms(const sio_session *c) {
  unsigned ms = c->eio->opts->close_timeout_ms;
  return c->joined || ms < UNJOINED_LINGER_MS ? ms : UNJOINED_LINGER_MS;
}

static void start_closing_poll_timer(struct polling *p) {
  sio__loop_start_timer(p->session->eio->loop, &p->linger, closing_poll_timeout_ms(p->session));
}

static void drop_session_or_extend_on_poll_timeout(struct timer *t) {
  struct polling *p = container_of(t, struct polling, linger);
  if (loop_should_restart_deadline(p->session->eio->loop, p->linger_extended)) {
    p->linger_extended = true;
    start_closing_poll_timer(p);
    return;
  }
  drop_unfetched_queue(p, SIO_LOG_WARN);
  sio__session_remove_and_schedule_close(p->session);
}

/* Answers or drops the waiting POST of a session that has ended, and answers the waiting GET: with
 * the queue or, if nothing is queued, with the close packet (a noop if the client has ended the
 * session). The queue and the close packet are not sent in one response, because the client would
 * close before it handles the queue. It would then reconnect, although a queued packet may tell it
 * that it was disconnected. */
static void answer_requests_of_ended_session(sio_session *c) {
  struct polling *p = c->polling;
  p->ending = false;
  sio__polling_answer_or_drop_post(p, p->graceful);
  bool is_last = p->get && !p->first;
  if (is_last)
    append_packet_and_answer_waiting_get(c, c->ended_by == ENDED_BY_CLIENT ? c->eio->noop
                                                                           : c->eio->close);
  if (p->get) answer_waiting_get_with_queue(c);
  if (is_last || !p->graceful)
    sio__session_remove_and_schedule_close(c);
  else if (!c->removed)
    start_closing_poll_timer(p);
}

/* The waiting GET and POST are answered at the end of the turn, because an answer runs the host's
 * header hooks. These must not run inside the call that ended the session, which may be a call of
 * the host that sends something. */
static bool polling_close_for_ended_session(sio_session *c, bool graceful) {
  struct polling *p = c->polling;
  task_cancel(&p->flush);
  sio__polling_free_post_backlog(p);
  if (!graceful) drop_unfetched_queue(p, SIO_LOG_INFO);
  p->ending = p->get || p->post;
  p->graceful = graceful;
  if (p->ending)
    sio__loop_defer(c->eio->loop, &p->flush);
  else if (graceful)
    start_closing_poll_timer(p);
  return p->ending || graceful;
}

/* ---- a GET ----------------------------------------------------------------------------------- */

static void store_waiting_get(sio_session *c, sio_request *r) {
  c->polling->get = r;
  r->user = c;
  r->mount = &get_mount;
}

static void answer_get_while_closing(sio_session *c, sio_request *r) {
  struct polling *p = c->polling;
  store_waiting_get(c, r);
  if (p->first) {
    answer_waiting_get_with_queue(c);
    return;
  }
  sio__polling_append_msg_to_queue(c, c->eio->noop);
  sio__loop_stop_timer(c->eio->loop, &p->linger);
  append_packet_and_answer_waiting_get(c, c->eio->close);
  sio__session_remove_and_schedule_close(c);
}

void sio__polling_answer_store_or_refuse_get(sio_session *c, sio_request *r) {
  struct polling *p = c->polling;
  if (p->get) {
    sio__polling_refuse_request_and_end_session(
        c, r, "overlap from client: a poll (GET) arrived while another one was waiting");
  } else if (c->state == SESSION_CLOSING) {
    answer_get_while_closing(c, r);
  } else {
    store_waiting_get(c, r);
    if (p->first) sio__loop_defer(c->eio->loop, &p->flush);
    if (c->probe) c->probe->ops->on_get(c);
  }
}

static void end_session_of_aborted_get(sio_request *r, int err, const char *detail) {
  sio_session *c = r->user;
  (void)detail;
  if (!c) return; /* r no longer belongs to a session */
  c->polling->get = NULL;
  sio__session_end_by_peer(c, SIO_REASON_TRANSPORT_ERROR, err, 0,
                           "poll connection closed prematurely");
}

/* Called when the GET r was answered. Before the library answers r, it sets r->user to NULL. So if
 * r->user is set, the host itself has answered r: one of its request hooks has kept a pointer to
 * r. */
static void forget_get_answered_by_host(sio_request *r) {
  sio_session *c = r->user;
  if (c) c->polling->get = NULL;
}

/* Does nothing: a GET is handled when its head is complete, and a body is ignored. */
static void ignore_get_completion(sio_request *r) { (void)r; }

/* Called when another request, perhaps a POST of this session, has arrived on the connection of the
 * waiting GET r. Answers the GET now, instead of when there is something to send. */
static void answer_waiting_get_when_next_request_arrives(sio_request *r) {
  sio_session *c = r->user;
  if (c && c->polling && c->polling->get == r) sio__polling_answer_get_with_queue_or_noop(c);
}

static const struct http_mount get_mount = { .on_request = ignore_get_completion,
                                             .on_abort = end_session_of_aborted_get,
                                             .on_next =
                                                 answer_waiting_get_when_next_request_arrives,
                                             .on_answered = forget_get_answered_by_host };

/* ---- opening, and the upgrade to WebSocket --------------------------------------------------- */

int sio__polling_init_for_session(sio_session *c) {
  struct polling *p = sio__calloc(1, sizeof *p);
  if (!p) return UV_ENOMEM;
  p->session = c;
  p->last = &p->first;
  task_init(&p->flush, polling_answer_waiting_requests_task);
  timer_init(&p->linger, drop_session_or_extend_on_poll_timeout);
  c->polling = p;
  c->transport = &sio__transport_polling;
  return 0;
}

void sio__polling_answer_first_get(sio_session *c, sio_request *r) {
  c->polling->get = r;
  answer_get_with_queue(c, true);
}

void sio__polling_answer_get_with_queue_or_noop(sio_session *c) {
  struct polling *p = c->polling;
  if (!p->get) return;
  if (p->first)
    answer_get_with_queue_and_call_hooks(c);
  else
    append_packet_and_answer_waiting_get(c, c->eio->noop);
}

/* The queue is moved before the GET is answered, because the answer runs the host's header hooks,
 * and messages that a hook sends must be sent after the queue. */
void sio__polling_hand_over_to_websocket(sio_session *c,
                                         void (*take)(sio_session *c, struct msg *m)) {
  struct polling *p = c->polling;
  struct out_node *queue = p->first;
  task_cancel(&p->flush);
  p->ending = false; /* the requests are answered or detached below, and not in a later task */
  sio__loop_stop_timer(c->eio->loop, &p->linger);
  p->first = NULL;
  p->last = &p->first;
  while (queue) {
    struct msg *m = sio__polling_take_first_msg(p, &queue);
    take(c, m);
    msg_unref(m);
  }
  sio__polling_subtract_queue_memory(p, p->held);
  if (p->get) append_packet_and_answer_waiting_get(c, c->eio->noop);
  sio__polling_answer_held_post(c);
  sio__polling_detach_post(p);
  if (!p->backlog) sio__polling_free_after_upgrade(c);
}

static void polling_free(sio_session *c) {
  struct polling *p = c->polling;
  assert(p && !p->get && !p->post); /* a request would point to the freed session */
  sio__loop_stop_timer(c->eio->loop, &p->linger);
  drop_unfetched_queue(p, SIO_LOG_INFO);
  sio__polling_free_post_backlog(p);
  sio__free(p);
}

/* ---- the transport --------------------------------------------------------------------------- */

static bool polling_can_send_now(const sio_session *c) {
  return c->polling->get && !c->polling->first;
}
static size_t polling_queued_bytes(const sio_session *c) { return c->polling->queued; }
static size_t polling_queue_memory(const sio_session *c) { return c->polling->held; }

static bool polling_may_have_unhandled_packets(const sio_session *c) {
  return session_is_paused_by_rate_limit(c) || sio__polling_has_post_backlog(c);
}

static size_t polling_incomplete_post_bytes(const sio_session *c) {
  return sio__polling_incomplete_post_bytes(c->polling);
}

const struct transport sio__transport_polling = {
  .name = "polling",
  .polls = true,
  .send = sio__polling_append_msg_to_queue,
  .ready = polling_can_send_now,
  .queued = polling_queued_bytes,
  .held = polling_queue_memory,
  .queue_sent_mark = polling_append_marker_or_schedule_sent_callback,
  .end = polling_close_for_ended_session,
  .resume = sio__polling_resume_backlog_or_answer_post,
  .has_unread = polling_may_have_unhandled_packets,
  .partial_bytes = polling_incomplete_post_bytes,
  .free = polling_free,
  .remove_if = sio__polling_queue_remove_msgs_if,
  .visit = sio__polling_queue_visit_msgs
};
