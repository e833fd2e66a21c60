/* SPDX-License-Identifier: MIT
 *
 * polling.c - the long-polling transport.
 *
 * What is sent waits in a queue until a GET is there and the turn ends; then all of it leaves in
 * one body. A session that the server closes lingers until a GET has taken the rest, or
 * close_timeout passes; what is lost then is counted, and told of. The queue's first is never a
 * mark: with nothing before it a mark has passed already.
 */
#include "eio/polling.h"
#include "base/utf8.h"
#include "eio/answer.h"
#include "eio/backpressure.h"
#include "eio/jsonp.h"
#include "eio/probe.h"
#include "eio/sent.h"
#include "eio/session_limits.h"
#include "eio/trace.h"
#include <assert.h>
#include <sio/emit.h>

enum { UNJOINED_LINGER_MS = 5000 };

struct polling {
  sio_session *session;
  sio_request *get;  /* parked until there is something to say */
  sio_request *post; /* its body is still coming, or: */
  bool waits;        /* the packets of the POST before it have to be handled first */
  bool holds;        /* it has come, and its answer waits: see sio__session_must_stop_reading() */
  struct backlog *backlog; /* mostly NULL */
  struct out_node *first, **last;
  size_t queued, held; /* bytes, and the memory they take */
  struct task flush;
  struct timer linger;
  bool excused;  /* that time was given once more                           */
  bool ending;   /* the session has ended, and its requests are to be answered */
  bool graceful; /* ... and what is queued may still be fetched             */
};

/* Packets of a POST that are not handled yet. */
struct reading {
  const struct payload_form *form;
  sio_slice rest;
  unsigned left; /* of max_payload_packets */
};

/* They wait until the peer takes its replies, or may send again. A handler reads its event where it
 * lies in the body, also after it has ended the session: while a packet is handled the body stays,
 * and on_backlog_task() frees it. */
struct backlog {
  sio_session *session;
  struct task task; /* goes on reading */
  struct buf body;
  struct reading reading;
  bool busy; /* one of its packets is being handled */
};

/* ---- the queue -------------------------------------------------------------------- */

static void add_held_bytes(struct polling *p, size_t bytes) {
  p->held += bytes;
  p->session->eio->loop->stats.held += bytes;
}

static void subtract_held_bytes(struct polling *p, size_t bytes) {
  p->held -= bytes;
  p->session->eio->loop->stats.held -= bytes;
}

static struct out_node *last_node(struct polling *p) {
  return p->first ? container_of(p->last, struct out_node, next) : NULL;
}

static bool try_extend_run(struct polling *p, struct msg *m) {
  struct out_node *n = last_node(p);
  if (!n || m->refs < RUN_REFS || !msg_try_link(n->last, m)) return false;
  n->last = m;
  return true;
}

static void add_node(struct polling *p, struct out_node *n, struct msg *m) {
  *n = (struct out_node){ .m = m, .last = m };
  *p->last = n;
  p->last = &n->next;
}

static int append_msg(struct polling *p, struct msg *m) {
  if (try_extend_run(p, m)) return 0;
  struct out_node *n = sio__pool_get(&p->session->eio->nodes);
  if (!n) return UV_ENOMEM;
  add_node(p, n, m);
  return 0;
}

static int queue_msg(sio_session *c, struct msg *m) {
  struct polling *p = c->polling;
  if (append_msg(p, m)) return UV_ENOMEM;
  msg_ref(m);
  p->queued += m->len;
  add_held_bytes(p, msg_memory_size(m) + sizeof(struct out_node));
  if (p->get) sio__loop_defer(c->eio->loop, &p->flush);
  return 0;
}

/* Takes the first msg of a list of nodes off it. */
static struct msg *take_first_msg(struct polling *p, struct out_node **first) {
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

/* A walk over what is queued, msg by msg. */
struct out_place {
  const struct out_node *n;
  const struct msg *m; /* NULL at the end */
};
static struct out_place walk_begin(const struct polling *p) {
  return (struct out_place){ p->first, p->first ? p->first->m : NULL };
}
static void walk_next(struct out_place *at) {
  if (at->m != at->n->last)
    at->m = at->m->follow;
  else
    at->m = (at->n = at->n->next) ? at->n->m : NULL;
}

static bool is_mark_msg(const struct polling *p, const struct msg *m) {
  return m == p->session->eio->mark;
}

static int polling_mark(sio_session *c) {
  if (c->polling->first) return queue_msg(c, c->eio->mark);
  sio__sent_on_marks_passed(c, 1);
  return 0;
}

/* Room was made. */
static void resume_backlog_later(struct polling *p) {
  if (p->backlog) sio__loop_defer(p->session->eio->loop, &p->backlog->task);
}

static void release_msg(struct polling *p, struct msg *m) {
  p->queued -= m->len;
  subtract_held_bytes(p, msg_memory_size(m) + sizeof(struct out_node));
  msg_unref(m);
}

/* How many marks were among it. */
static unsigned drop_whole_queue(struct polling *p) {
  unsigned marks = 0;
  while (p->first) {
    struct msg *m = take_first_msg(p, &p->first);
    marks += is_mark_msg(p, m);
    release_msg(p, m);
  }
  p->last = &p->first;
  return marks;
}

/* ---- answering a GET ------------------------------------------------------------------ */

static const struct payload_form *answer_payload_form(const sio_session *c) {
  if (c->protocol == 4) return &sio__payload4;
  for (struct out_place o = walk_begin(c->polling); o.m && !c->base64; walk_next(&o))
    if (o.m->binary) return &sio__payload3_binary;
  return &sio__payload3_text;
}

static size_t answer_body_len(const struct polling *p, const struct payload_form *f) {
  size_t n = 0;
  for (struct out_place o = walk_begin(p); o.m; walk_next(&o))
    if (!is_mark_msg(p, o.m)) n += f->len(o.m) + (f->separated && n > 0);
  return n;
}

static void write_answer_body(const struct polling *p, const struct payload_form *f, char *out) {
  const char *start = out;
  for (struct out_place o = walk_begin(p); o.m; walk_next(&o)) {
    if (is_mark_msg(p, o.m)) continue;
    if (f->separated && out > start) *out++ = EIO_SEPARATOR;
    out = f->put(out, o.m);
  }
}

/* No packet of it wants to be compressed. */
static bool is_queue_uncompressed(const struct polling *p) {
  for (struct out_place o = walk_begin(p); o.m; walk_next(&o))
    if (!o.m->plain) return false;
  return true;
}

static struct msg *answer_body_new(sio_session *c, const struct payload_form *f) {
  struct polling *p = c->polling;
  size_t n = answer_body_len(p, f);
  struct msg *body = sio__msg_new(&c->eio->loop->msgs, n);
  if (!body) return NULL;
  write_answer_body(p, f, msg_data(body));
  body->len = (uint32_t)n;
  body->plain = is_queue_uncompressed(p);
  return body;
}

/* Answers with everything queued. The last answers of a session that ends are still owed. */
static void answer_get_with_queue(sio_session *c, bool initial) {
  struct polling *p = c->polling;
  sio_request *r = p->get;
  const struct payload_form *f = answer_payload_form(c);
  p->get = NULL;
  r->user = NULL;
  if (!p->ending) task_cancel(&p->flush);
  struct msg *body = answer_body_new(c, f);
  size_t bytes = p->queued;
  unsigned marks = drop_whole_queue(p);
  resume_backlog_later(p);
  if (!body) {
    c->eio->stats->bytes_lost += bytes;
    sio__request_drop(r);
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a poll");
    return;
  }
  sio__answer_packets(c->eio, r, body, f == &sio__payload3_binary, initial);
  msg_unref(body);
  if (marks) sio__sent_on_marks_passed(c, marks);
}

static void answer_get(sio_session *c) { answer_get_with_queue(c, false); }

/* The same in the ordinary course of things; the hook may have closed the session. */
static void flush_to_get(sio_session *c) {
  struct polling *p = c->polling;
  if (c->eio->wants & WANT_FLUSH) sio__trace_flush(c);
  if (p->get && c->state == SESSION_OPEN) answer_get(c);
}

/* Without memory for the packet what is queued goes alone. */
static void answer_get_with_last(sio_session *c, struct msg *last) {
  queue_msg(c, last);
  answer_get(c);
}

static void send_last_answers(sio_session *c);

static void on_flush_task(struct task *t) {
  struct polling *p = container_of(t, struct polling, flush);
  sio_session *c = p->session;
  if (p->ending) {
    send_last_answers(c);
    return;
  }
  if (!p->get || !p->first) return;
  flush_to_get(c);
  if (c->state == SESSION_OPEN) SESSION_HOOKS(c, drain)
  sio__backpressure_on_low(c);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* Nobody will fetch it. */
static void drop_unfetched_queue(struct polling *p, int level) {
  sio_session *c = p->session;
  size_t bytes = p->queued;
  c->eio->stats->bytes_lost += bytes;
  drop_whole_queue(p);
  if (bytes)
    LOG_RATED(c->eio->log, level, SIO_ROOM_EIO, LOG_NOT_READING, sio_session_address(c),
              "%s did not fetch %zu bytes: they are lost", sio_session_address(c), bytes);
}

/* Replies to one that never joined are not worth keeping for long. */
static unsigned linger_ms(const sio_session *c) {
  unsigned ms = c->eio->opts->close_timeout_ms;
  return c->joined || ms < UNJOINED_LINGER_MS ? ms : UNJOINED_LINGER_MS;
}

static void start_linger_timer(struct polling *p) {
  sio__loop_start_timer(p->session->eio->loop, &p->linger, linger_ms(p->session));
}

static void on_linger_timeout(struct timer *t) {
  struct polling *p = container_of(t, struct polling, linger);
  if (loop_extends_deadline(p->session->eio->loop, p->excused)) {
    p->excused = true;
    start_linger_timer(p);
    return;
  }
  drop_unfetched_queue(p, SIO_LOG_WARN);
  sio__session_finish_closing(p->session);
}

static sio_request *detach_post(struct polling *p) {
  sio_request *r = p->post;
  p->post = NULL;
  p->holds = p->waits = false;
  if (r) r->user = NULL;
  return r;
}

size_t sio__polling_arriving(const struct polling *p) {
  return p->post && !p->holds ? p->post->body.n : 0;
}

static void answer_post(sio_session *c) {
  struct polling *p = c->polling;
  if (p->holds) sio__answer_ok(c->eio, detach_post(p));
}

static void backlog_delete(struct backlog *b) {
  sio__buf_clear(&b->body);
  sio__free(b);
}

static void backlog_free(struct polling *p) {
  struct backlog *b = p->backlog;
  if (!b) return;
  p->backlog = NULL;
  task_cancel(&b->task);
  if (!b->busy) backlog_delete(b);
}

/* One that the host ends: its client must hear of the end, not of a POST that failed. */
static void answer_post_at_end(struct polling *p, bool graceful) {
  bool ok = graceful || p->holds;
  sio_request *r = detach_post(p);
  if (r && ok)
    sio__answer_ok(p->session->eio, r);
  else if (r)
    sio__request_drop(r);
}

/* What is queued leaves in a response of its own: a client that finds the close behind it in the
 * same one has closed before it looks at the rest, and comes back although it was told to go. */
static void send_last_answers(sio_session *c) {
  struct polling *p = c->polling;
  p->ending = false;
  answer_post_at_end(p, p->graceful);
  bool is_last = p->get && !p->first;
  if (is_last) answer_get_with_last(c, c->cause == CAUSE_CLIENT ? c->eio->noop : c->eio->close);
  if (p->get) answer_get(c);
  if (is_last || !p->graceful)
    sio__session_finish_closing(c);
  else if (!c->gone)
    start_linger_timer(p);
}

/* The answers run the host's header hooks, which must not run inside the call that ended the
 * session, as that may be one that sends. */
static bool polling_end(sio_session *c, bool graceful) {
  struct polling *p = c->polling;
  task_cancel(&p->flush);
  backlog_free(p);
  if (!graceful) drop_unfetched_queue(p, SIO_LOG_INFO);
  p->ending = p->get || p->post;
  p->graceful = graceful;
  if (p->ending)
    sio__loop_defer(c->eio->loop, &p->flush);
  else if (graceful)
    start_linger_timer(p);
  return p->ending || graceful;
}

/* ---- a GET ----------------------------------------------------------------------------------- */

static void refuse_overlapping_request(sio_session *c, sio_request *r, const char *detail) {
  sio__answer_empty(c->eio, r, 400);
  sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, SIO_EPROTO, detail);
}

static void hold_get(sio_session *c, sio_request *r) {
  c->polling->get = r;
  r->user = c;
  r->mount = &sio__polling_get_mount;
}

static void answer_get_while_closing(sio_session *c, sio_request *r) {
  struct polling *p = c->polling;
  hold_get(c, r);
  if (p->first) {
    answer_get(c);
    return;
  }
  queue_msg(c, c->eio->noop);
  sio__loop_stop_timer(c->eio->loop, &p->linger);
  answer_get_with_last(c, c->eio->close);
  sio__session_finish_closing(c);
}

void sio__polling_on_get(sio_session *c, sio_request *r) {
  struct polling *p = c->polling;
  if (p->get) {
    refuse_overlapping_request(c, r, "overlap from client");
  } else if (c->state == SESSION_CLOSING) {
    answer_get_while_closing(c, r);
  } else {
    hold_get(c, r);
    if (p->first) sio__loop_defer(c->eio->loop, &p->flush);
    if (c->probe) sio__probe_poll_came(c->probe);
  }
}

static void on_get_aborted(sio_request *r, int err, const char *detail) {
  sio_session *c = r->user;
  (void)detail;
  if (!c) return;
  c->polling->get = NULL;
  sio__session_end_by_peer(c, SIO_REASON_TRANSPORT_ERROR, err, 0,
                           "poll connection closed prematurely");
}

/* By the host, which had been given it before us. */
static void on_get_answered(sio_request *r) {
  sio_session *c = r->user;
  if (c) c->polling->get = NULL;
}

/* A GET is parked when its head is done; if it has a body, that is ignored. */
static void on_get_complete(sio_request *r) { (void)r; }

/* A POST of the same peer, perhaps, which must not wait until there is something to say. */
static void on_get_followed(sio_request *r) {
  sio_session *c = r->user;
  if (c && c->polling && c->polling->get == r) sio__polling_release_get(c);
}

const struct http_mount sio__polling_get_mount = { .on_request = on_get_complete,
                                                   .on_abort = on_get_aborted,
                                                   .on_next = on_get_followed,
                                                   .on_answered = on_get_answered };

/* ---- a POST ---------------------------------------------------------------------------------- */

static bool is_octet_stream(const sio_request *r) {
  return slice_starts(sio__request_header(r, "content-type"), SLICE("application/octet-stream"));
}

static void hold_post(sio_session *c, sio_request *r, bool holds) {
  c->polling->post = r;
  c->polling->holds = holds;
  r->user = c;
}

/* One that closes listens no more, and may be gone before the body is here. */
static void accept_post(sio_session *c, sio_request *r) {
  if (c->state != SESSION_OPEN) {
    sio__answer_ok(c->eio, r);
    return;
  }
  hold_post(c, r, false);
  r->mount = &sio__polling_post_mount;
}

void sio__polling_on_post(sio_session *c, sio_request *r) {
  struct polling *p = c->polling;
  if (p->post) {
    refuse_overlapping_request(c, r, "data request overlap from client");
  } else if (c->protocol == 4 && is_octet_stream(r)) {
    refuse_overlapping_request(c, r, "invalid content");
  } else {
    r->max_body = c->joined ? c->eio->opts->max_payload : c->eio->unjoined_message;
    accept_post(c, r);
  }
}

static const struct payload_form *post_payload_form(const sio_session *c, const sio_request *r) {
  if (c->protocol == 4) return &sio__payload4;
  return is_octet_stream(r) ? &sio__payload3_binary : &sio__payload3_text;
}

/* Text must be UTF-8; in a binary body each text packet is looked at by itself. */
static bool is_valid_packet_text(const struct payload_form *f, const struct eio_in *in) {
  return f != &sio__payload3_binary || in->binary || sio__utf8_valid(in->data.p, in->data.n);
}

/* The next one. False: the session is over, or that was all. */
static bool handle_next_packet(sio_session *c, struct reading *rd) {
  struct eio_in in;
  size_t before = rd->rest.n;
  int got = rd->form->next(&rd->rest, &in);
  if (got == 0) return false;
  if (got < 0 || !is_valid_packet_text(rd->form, &in)) {
    sio__session_end_bad_packet(c);
    return false;
  }
  if (rd->left-- == 0) {
    sio__session_end(c, true, SIO_REASON_PARSE_ERROR, SIO_ETOOBIG,
                     "more than max_payload_packets in one request");
    return false;
  }
  if (c->guarded && !sio__session_charge(c, 0, before - rd->rest.n)) return false;
  return sio__session_on_packet(c, &in);
}

/* True: that was all, or the session is over; false: the rest has to wait. */
static bool handle_post_packets(sio_session *c, struct reading *rd) {
  while (!rd->rest.p || !sio__session_must_stop_reading(c))
    if (!handle_next_packet(c, rd)) return true;
  return false;
}

static void on_backlog_task(struct task *t);

void sio__polling_go_on(sio_session *c) {
  if (c->polling->backlog)
    resume_backlog_later(c->polling);
  else if (!session_is_paused(c))
    answer_post(c);
}

bool sio__polling_unread(const sio_session *c) { return c->polling->backlog; }

/* The body is the backlog's from now on. */
static void backlog_new(sio_session *c, sio_request *r, const struct reading *rd) {
  struct backlog *b = c->polling->backlog = sio__malloc(sizeof *b);
  if (!b) {
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a POST");
    return;
  }
  *b = (struct backlog){ .session = c, .body = r->body, .reading = *rd };
  buf_init(&r->body, r->body.max);
  task_init(&b->task, on_backlog_task);
}

static void handle_post_body(sio_session *c, sio_request *r) {
  sio_slice body = slice(r->body.p ? r->body.p : "", r->body.n);
  if (sio__jsonp_is_requested(c->eio, r)) sio__jsonp_decode_body(&body);
  struct reading rd = { post_payload_form(c, r), body, c->eio->opts->max_payload_packets };
  /* The escapes of JSONP; the packets are counted one by one. */
  if (c->guarded && !sio__session_charge(c, 0, r->body.n - body.n)) return;
  if (rd.form != &sio__payload3_binary && !sio__utf8_valid(body.p, body.n))
    sio__session_end_bad_packet(c);
  else if (!handle_post_packets(c, &rd))
    backlog_new(c, r, &rd);
}

static void handle_post(sio_session *c, sio_request *r) {
  handle_post_body(c, r);
  if (c->state == SESSION_OPEN && (c->polling->backlog || session_is_paused(c)))
    hold_post(c, r, true);
  else
    sio__answer_ok(c->eio, r);
}

/* False: some of it has to wait again, or the session has ended and let go of it. */
static bool backlog_read(sio_session *c, struct backlog *b) {
  b->busy = true;
  bool all = handle_post_packets(c, &b->reading);
  b->busy = false;
  bool dropped = c->polling->backlog != b;
  if (dropped) backlog_delete(b);
  return all && !dropped;
}

static void on_backlog_task(struct task *t) {
  struct backlog *b = container_of(t, struct backlog, task);
  sio_session *c = b->session;
  if (!backlog_read(c, b)) return;
  backlog_free(c->polling);
  if (c->polling->waits) handle_post(c, detach_post(c->polling));
  sio__session_resume(c);
}

static void on_post_complete(sio_request *r) {
  sio_session *c = r->user;
  if (!c) {
    sio__request_drop(r);
    return;
  }
  struct polling *p = c->polling;
  detach_post(p);
  if (!p->backlog) {
    handle_post(c, r);
    return;
  }
  hold_post(c, r, true);
  p->waits = true;
}

/* What waits may be a GET, without which the replies that this one waits for are never taken. */
static void on_post_followed(sio_request *r) {
  sio_session *c = r->user;
  if (c && c->polling && c->polling->backlog && !c->polling->waits && !session_is_paused(c))
    answer_post(c);
}

static void on_post_aborted(sio_request *r, int err, const char *detail) {
  sio_session *c = r->user;
  (void)detail;
  if (!c) return;
  detach_post(c->polling);
  /* Too much is that request's trouble alone: it got its 413. */
  if (err == SIO_ETOOBIG) {
    if (c->eio->ops->refused) c->eio->ops->refused(c, err, "a request over max_payload");
    return;
  }
  sio__session_end_by_peer(c, SIO_REASON_TRANSPORT_ERROR, err, 0,
                           "data request connection closed prematurely");
}

static void on_post_answered(sio_request *r) {
  sio_session *c = r->user;
  if (c) detach_post(c->polling);
}

const struct http_mount sio__polling_post_mount = { .on_request = on_post_complete,
                                                    .on_abort = on_post_aborted,
                                                    .on_next = on_post_followed,
                                                    .on_answered = on_post_answered };

/* ---- open, hand over ------------------------------------------------------------------------- */

int sio__polling_open(sio_session *c) {
  struct polling *p = sio__calloc(1, sizeof *p);
  if (!p) return UV_ENOMEM;
  p->session = c;
  p->last = &p->first;
  task_init(&p->flush, on_flush_task);
  timer_init(&p->linger, on_linger_timeout);
  c->polling = p;
  c->transport = &sio__transport_polling;
  return 0;
}

void sio__polling_answer_first_get(sio_session *c, sio_request *r) {
  c->polling->get = r;
  answer_get_with_queue(c, true);
}

void sio__polling_release_get(sio_session *c) {
  struct polling *p = c->polling;
  if (!p->get) return;
  if (p->first)
    flush_to_get(c);
  else
    answer_get_with_last(c, c->eio->noop);
  sio__backpressure_on_low(c);
}

/* The queue first: the answers run the host's header hooks, and what those send goes behind it. */
void sio__polling_hand_over_queue(sio_session *c, void (*take)(sio_session *c, struct msg *m)) {
  struct polling *p = c->polling;
  struct out_node *queue = p->first;
  task_cancel(&p->flush);
  sio__loop_stop_timer(c->eio->loop, &p->linger);
  p->first = NULL;
  p->last = &p->first;
  while (queue) {
    struct msg *m = take_first_msg(p, &queue);
    take(c, m);
    msg_unref(m);
  }
  subtract_held_bytes(p, p->held);
  if (p->get) answer_get_with_last(c, c->eio->noop);
  answer_post(c);
  detach_post(p);
  c->polling = NULL;
  sio__free(p);
}

void sio__polling_free(struct polling *p) {
  if (!p) return;
  assert(!p->get && !p->post); /* they know the session */
  sio__loop_stop_timer(p->session->eio->loop, &p->linger);
  drop_unfetched_queue(p, SIO_LOG_INFO);
  backlog_free(p);
  sio__free(p);
}

/* ---- the transport --------------------------------------------------------------------------- */

static bool polling_is_ready(const sio_session *c) { return c->polling->get && !c->polling->first; }
static size_t polling_queued_bytes(const sio_session *c) { return c->polling->queued; }
static size_t polling_held_bytes(const sio_session *c) { return c->polling->held; }

/* The queue is built anew, for a run of which some go takes more nodes than before. Without memory
 * for one the rest stays as it is. */
static void polling_remove_if(sio_session *c, queue_drop_fn drop, void *user) {
  struct polling *p = c->polling;
  struct out_node *rest = p->first, **last = p->last, *spare = NULL;
  if (!rest) return;
  p->first = NULL;
  p->last = &p->first;
  while (rest && (spare || (spare = sio__pool_get(&c->eio->nodes)))) {
    struct msg *m = take_first_msg(p, &rest);
    if (p->first && drop(m, msg_memory_size(m) + sizeof *rest, user)) {
      release_msg(p, m);
    } else if (!try_extend_run(p, m)) {
      add_node(p, spare, m);
      spare = NULL;
    }
  }
  if (spare) sio__pool_put(&c->eio->nodes, spare);
  if (rest) {
    *p->last = rest;
    p->last = last;
  }
  resume_backlog_later(p);
}

const struct transport sio__transport_polling = { .name = "polling",
                                                  .send = queue_msg,
                                                  .ready = polling_is_ready,
                                                  .queued = polling_queued_bytes,
                                                  .held = polling_held_bytes,
                                                  .mark = polling_mark,
                                                  .end = polling_end,
                                                  .remove_if = polling_remove_if };
