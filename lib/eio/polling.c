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
  sio_request *get;        /* parked until there is something to say */
  sio_request *post;       /* its body is still coming, or: */
  bool waits;              /* the packets of the POST before it have to be handled first */
  bool holds;              /* it has come, and its answer waits: see sio__session_stops() */
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

/* They wait until the peer takes its replies, or may send again. */
struct backlog {
  sio_session *session;
  struct task task; /* goes on reading */
  struct buf body;
  struct reading reading;
};

/* ---- the queue -------------------------------------------------------------------- */

static void hold(struct polling *p, size_t bytes) {
  p->held += bytes;
  p->session->eio->loop->stats.held += bytes;
}

static void let_go(struct polling *p, size_t bytes) {
  p->held -= bytes;
  p->session->eio->loop->stats.held -= bytes;
}

static struct out_node *last_node(struct polling *p) {
  return p->first ? container_of(p->last, struct out_node, next) : NULL;
}

static bool extends_run(struct polling *p, struct msg *m) {
  struct out_node *n = last_node(p);
  if (!n || m->refs < RUN_REFS || !msg_link(n->last, m)) return false;
  n->last = m;
  return true;
}

static void add_node(struct polling *p, struct out_node *n, struct msg *m) {
  *n = (struct out_node){ .m = m, .last = m };
  *p->last = n;
  p->last = &n->next;
}

static int append(struct polling *p, struct msg *m) {
  if (extends_run(p, m)) return 0;
  struct out_node *n = sio__pool_get(&p->session->eio->nodes);
  if (!n) return UV_ENOMEM;
  add_node(p, n, m);
  return 0;
}

static int enqueue(sio_session *c, struct msg *m) {
  struct polling *p = c->polling;
  if (append(p, m)) return UV_ENOMEM;
  msg_ref(m);
  p->queued += m->len;
  hold(p, msg_held(m) + sizeof(struct out_node));
  if (p->get) sio__loop_defer(c->eio->loop, &p->flush);
  return 0;
}

/* Takes the first msg of a list of nodes off it. */
static struct msg *take_msg(struct polling *p, struct out_node **first) {
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
static struct out_place first_place(const struct polling *p) {
  return (struct out_place){ p->first, p->first ? p->first->m : NULL };
}
static void next_place(struct out_place *at) {
  if (at->m != at->n->last)
    at->m = at->m->follow;
  else
    at->m = (at->n = at->n->next) ? at->n->m : NULL;
}

static bool is_mark(const struct polling *p, const struct msg *m) {
  return m == p->session->eio->mark;
}

static int mark(sio_session *c) {
  if (c->polling->first) return enqueue(c, c->eio->mark);
  sio__sent_passed(c, 1);
  return 0;
}

/* Room was made. */
static void wake_backlog(struct polling *p) {
  if (p->backlog) sio__loop_defer(p->session->eio->loop, &p->backlog->task);
}

static void forget(struct polling *p, struct msg *m) {
  p->queued -= m->len;
  let_go(p, msg_held(m) + sizeof(struct out_node));
  msg_unref(m);
}

/* How many marks were among it. */
static unsigned drop_queue(struct polling *p) {
  unsigned marks = 0;
  while (p->first) {
    struct msg *m = take_msg(p, &p->first);
    marks += is_mark(p, m);
    forget(p, m);
  }
  p->last = &p->first;
  return marks;
}

/* ---- answering a GET ------------------------------------------------------------------ */

static const struct payload_form *form_of_answer(const sio_session *c) {
  if (c->protocol == 4) return &sio__payload4;
  for (struct out_place o = first_place(c->polling); o.m && !c->base64; next_place(&o))
    if (o.m->binary) return &sio__payload3_binary;
  return &sio__payload3_text;
}

static size_t body_len(const struct polling *p, const struct payload_form *f) {
  size_t n = 0;
  for (struct out_place o = first_place(p); o.m; next_place(&o))
    if (!is_mark(p, o.m)) n += f->len(o.m) + (f->separated && n > 0);
  return n;
}

static void write_body(const struct polling *p, const struct payload_form *f, char *out) {
  const char *start = out;
  for (struct out_place o = first_place(p); o.m; next_place(&o)) {
    if (is_mark(p, o.m)) continue;
    if (f->separated && out > start) *out++ = EIO_SEPARATOR;
    out = f->put(out, o.m);
  }
}

/* No packet of it wants to be compressed. */
static bool all_plain(const struct polling *p) {
  for (struct out_place o = first_place(p); o.m; next_place(&o))
    if (!o.m->plain) return false;
  return true;
}

static struct msg *take_body(sio_session *c, const struct payload_form *f) {
  struct polling *p = c->polling;
  size_t n = body_len(p, f);
  struct msg *body = sio__msg_new(&c->eio->loop->msgs, n);
  if (!body) return NULL;
  write_body(p, f, msg_data(body));
  body->len = (uint32_t)n;
  body->plain = all_plain(p);
  return body;
}

/* Answers with everything queued. The last answers of a session that ends are still owed. */
static void answer(sio_session *c, bool initial) {
  struct polling *p = c->polling;
  sio_request *r = p->get;
  const struct payload_form *f = form_of_answer(c);
  p->get = NULL;
  r->user = NULL;
  if (!p->ending) task_cancel(&p->flush);
  struct msg *body = take_body(c, f);
  size_t bytes = p->queued;
  unsigned marks = drop_queue(p);
  wake_backlog(p);
  if (!body) {
    c->eio->stats->bytes_lost += bytes;
    sio__request_drop(r);
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a poll");
    return;
  }
  sio__answer_packets(c->eio, r, body, f == &sio__payload3_binary, initial);
  msg_unref(body);
  if (marks) sio__sent_passed(c, marks);
}

static void answer_get(sio_session *c) { answer(c, false); }

/* The same in the ordinary course of things; the hook may have closed the session. */
static void flush(sio_session *c) {
  struct polling *p = c->polling;
  if (c->eio->wants & WANT_FLUSH) sio__trace_flush(c);
  if (p->get && c->state == SESSION_OPEN) answer_get(c);
}

/* Without memory for the packet what is queued goes alone. */
static void answer_with(sio_session *c, struct msg *last) {
  enqueue(c, last);
  answer_get(c);
}

static void answer_last(sio_session *c);

static void on_flush(struct task *t) {
  struct polling *p = container_of(t, struct polling, flush);
  sio_session *c = p->session;
  if (p->ending) {
    answer_last(c);
    return;
  }
  if (!p->get || !p->first) return;
  flush(c);
  if (c->state == SESSION_OPEN) SESSION_HOOKS(c, drain)
  sio__backpressure_eased(c);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* Nobody will fetch it. */
static void lose_queue(struct polling *p, int level) {
  sio_session *c = p->session;
  size_t bytes = p->queued;
  c->eio->stats->bytes_lost += bytes;
  drop_queue(p);
  if (bytes)
    LOG_RATED(c->eio->log, level, SIO_ROOM_EIO, LOG_NOT_READING, sio_session_address(c),
              "%s did not fetch %zu bytes: they are lost", sio_session_address(c), bytes);
}

/* Replies to one that never joined are not worth keeping for long. */
static unsigned linger_ms(const sio_session *c) {
  unsigned ms = c->eio->opts->close_timeout_ms;
  return c->joined || ms < UNJOINED_LINGER_MS ? ms : UNJOINED_LINGER_MS;
}

static void linger(struct polling *p) {
  sio__loop_timer(p->session->eio->loop, &p->linger, linger_ms(p->session));
}

static void on_linger(struct timer *t) {
  struct polling *p = container_of(t, struct polling, linger);
  if (loop_excuses(p->session->eio->loop, p->excused)) {
    p->excused = true;
    linger(p);
    return;
  }
  lose_queue(p, SIO_LOG_WARN);
  sio__session_gone(p->session);
}

static sio_request *take_post_back(struct polling *p) {
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
  if (p->holds) sio__answer_ok(c->eio, take_post_back(p));
}

static void backlog_drop(struct polling *p) {
  struct backlog *b = p->backlog;
  if (!b) return;
  p->backlog = NULL;
  task_cancel(&b->task);
  sio__buf_clear(&b->body);
  sio__free(b);
}

/* One that the host ends: its client must hear of the end, not of a POST that failed. */
static void end_post(struct polling *p, bool graceful) {
  bool ok = graceful || p->holds;
  sio_request *r = take_post_back(p);
  if (r && ok)
    sio__answer_ok(p->session->eio, r);
  else if (r)
    sio__request_drop(r);
}

/* What is queued leaves in a response of its own: a client that finds the close behind it in the
 * same one has closed before it looks at the rest, and comes back although it was told to go. */
static void answer_last(sio_session *c) {
  struct polling *p = c->polling;
  p->ending = false;
  end_post(p, p->graceful);
  bool is_last = p->get && !p->first;
  if (is_last) answer_with(c, c->cause == CAUSE_CLIENT ? c->eio->noop : c->eio->close);
  if (p->get) answer_get(c);
  if (is_last || !p->graceful)
    sio__session_gone(c);
  else if (!c->gone)
    linger(p);
}

/* The answers run the host's header hooks, which must not run inside the call that ended the
 * session, as that may be one that sends. */
static bool end_polling(sio_session *c, bool graceful) {
  struct polling *p = c->polling;
  task_cancel(&p->flush);
  backlog_drop(p);
  if (!graceful) lose_queue(p, SIO_LOG_INFO);
  p->ending = p->get || p->post;
  p->graceful = graceful;
  if (p->ending)
    sio__loop_defer(c->eio->loop, &p->flush);
  else if (graceful)
    linger(p);
  return p->ending || graceful;
}

/* ---- a GET ----------------------------------------------------------------------------------- */

static void overlap(sio_session *c, sio_request *r, const char *detail) {
  sio__answer_empty(c->eio, r, 400);
  sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, SIO_EPROTO, detail);
}

static void park(sio_session *c, sio_request *r) {
  c->polling->get = r;
  r->user = c;
  r->mount = &sio__polling_get_mount;
}

static void get_from_closing(sio_session *c, sio_request *r) {
  struct polling *p = c->polling;
  park(c, r);
  if (p->first) {
    answer_get(c);
    return;
  }
  enqueue(c, c->eio->noop);
  sio__loop_untimer(c->eio->loop, &p->linger);
  answer_with(c, c->eio->close);
  sio__session_gone(c);
}

void sio__polling_get(sio_session *c, sio_request *r) {
  struct polling *p = c->polling;
  if (p->get) {
    overlap(c, r, "overlap from client");
  } else if (c->state == SESSION_CLOSING) {
    get_from_closing(c, r);
  } else {
    park(c, r);
    if (p->first) sio__loop_defer(c->eio->loop, &p->flush);
    if (c->probe) sio__probe_poll_came(c->probe);
  }
}

static void get_aborted(sio_request *r, int err, const char *detail) {
  sio_session *c = r->user;
  (void)detail;
  if (!c) return;
  c->polling->get = NULL;
  sio__session_ended_by_peer(c, SIO_REASON_TRANSPORT_ERROR, err, 0,
                             "poll connection closed prematurely");
}

/* By the host, which had been given it before us. */
static void get_answered(sio_request *r) {
  sio_session *c = r->user;
  if (c) c->polling->get = NULL;
}

/* A GET is parked when its head is done; if it has a body, that is ignored. */
static void get_complete(sio_request *r) { (void)r; }

/* A POST of the same peer, perhaps, which must not wait until there is something to say. */
static void get_next(sio_request *r) {
  sio_session *c = r->user;
  if (c && c->polling && c->polling->get == r) sio__polling_release_get(c);
}

const struct http_mount sio__polling_get_mount = { .on_request = get_complete,
                                                   .on_abort = get_aborted,
                                                   .on_next = get_next,
                                                   .on_answered = get_answered };

/* ---- a POST ---------------------------------------------------------------------------------- */

static bool is_octet_stream(const sio_request *r) {
  return slice_starts(sio__request_header(r, "content-type"), SLICE("application/octet-stream"));
}

static void keep_post(sio_session *c, sio_request *r, bool holds) {
  c->polling->post = r;
  c->polling->holds = holds;
  r->user = c;
}

/* One that closes listens no more, and may be gone before the body is here. */
static void take_post(sio_session *c, sio_request *r) {
  if (c->state != SESSION_OPEN) {
    sio__answer_ok(c->eio, r);
    return;
  }
  keep_post(c, r, false);
  r->mount = &sio__polling_post_mount;
}

void sio__polling_post(sio_session *c, sio_request *r) {
  struct polling *p = c->polling;
  if (p->post) {
    overlap(c, r, "data request overlap from client");
  } else if (c->protocol == 4 && is_octet_stream(r)) {
    overlap(c, r, "invalid content");
  } else {
    r->max_body = c->joined ? c->eio->opts->max_payload : c->eio->unjoined_message;
    take_post(c, r);
  }
}

static const struct payload_form *form_of_body(const sio_session *c, const sio_request *r) {
  if (c->protocol == 4) return &sio__payload4;
  return is_octet_stream(r) ? &sio__payload3_binary : &sio__payload3_text;
}

/* Text must be UTF-8; in a binary body each text packet is looked at by itself. */
static bool is_text(const struct payload_form *f, const struct eio_in *in) {
  return f != &sio__payload3_binary || in->binary || sio__utf8_valid(in->data.p, in->data.n);
}

/* The next one. False: the session is over, or that was all. */
static bool read_packet(sio_session *c, struct reading *rd) {
  struct eio_in in;
  size_t before = rd->rest.n;
  int got = rd->form->next(&rd->rest, &in);
  if (got == 0) return false;
  if (got < 0 || !is_text(rd->form, &in)) {
    sio__session_bad_packet(c);
    return false;
  }
  if (rd->left-- == 0) {
    sio__session_end(c, true, SIO_REASON_PARSE_ERROR, SIO_ETOOBIG,
                     "more than max_payload_packets in one request");
    return false;
  }
  if (c->guarded && !sio__session_limits_count(c, 0, before - rd->rest.n)) return false;
  return sio__session_packet(c, &in);
}

/* True: that was all, or the session is over; false: the rest has to wait. */
static bool read_on(sio_session *c, struct reading *rd) {
  while (!rd->rest.p || !sio__session_stops(c))
    if (!read_packet(c, rd)) return true;
  return false;
}

static void on_backlog(struct task *t);

void sio__polling_go_on(sio_session *c) {
  if (c->polling->backlog)
    wake_backlog(c->polling);
  else if (!session_is_paused(c))
    answer_post(c);
}

bool sio__polling_unread(const sio_session *c) { return c->polling->backlog; }

/* The body is the backlog's from now on. */
static void keep_reading(sio_session *c, sio_request *r, const struct reading *rd) {
  struct backlog *b = c->polling->backlog = sio__malloc(sizeof *b);
  if (!b) {
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a POST");
    return;
  }
  *b = (struct backlog){ .session = c, .body = r->body, .reading = *rd };
  buf_init(&r->body, r->body.max);
  task_init(&b->task, on_backlog);
}

static void read_body(sio_session *c, sio_request *r) {
  sio_slice body = slice(r->body.p ? r->body.p : "", r->body.n);
  if (sio__jsonp_asked(c->eio, r)) sio__jsonp_body(&body);
  struct reading rd = { form_of_body(c, r), body, c->eio->opts->max_payload_packets };
  /* The escapes of JSONP; the packets are counted one by one. */
  if (c->guarded && !sio__session_limits_count(c, 0, r->body.n - body.n)) return;
  if (rd.form != &sio__payload3_binary && !sio__utf8_valid(body.p, body.n))
    sio__session_bad_packet(c);
  else if (!read_on(c, &rd))
    keep_reading(c, r, &rd);
}

static void handle_post(sio_session *c, sio_request *r) {
  read_body(c, r);
  if (c->state == SESSION_OPEN && (c->polling->backlog || session_is_paused(c)))
    keep_post(c, r, true);
  else
    sio__answer_ok(c->eio, r);
}

static void on_backlog(struct task *t) {
  struct backlog *b = container_of(t, struct backlog, task);
  sio_session *c = b->session;
  if (!read_on(c, &b->reading) || !c->polling->backlog) return;
  backlog_drop(c->polling);
  if (c->polling->waits) handle_post(c, take_post_back(c->polling));
  sio__session_go_on(c);
}

static void post_complete(sio_request *r) {
  sio_session *c = r->user;
  if (!c) {
    sio__request_drop(r);
    return;
  }
  struct polling *p = c->polling;
  take_post_back(p);
  if (!p->backlog) {
    handle_post(c, r);
    return;
  }
  keep_post(c, r, true);
  p->waits = true;
}

/* What waits may be a GET, without which the replies that this one waits for are never taken. */
static void post_next(sio_request *r) {
  sio_session *c = r->user;
  if (c && c->polling && c->polling->backlog && !c->polling->waits && !session_is_paused(c))
    answer_post(c);
}

static void post_aborted(sio_request *r, int err, const char *detail) {
  sio_session *c = r->user;
  (void)detail;
  if (!c) return;
  take_post_back(c->polling);
  /* Too much is that request's trouble alone: it got its 413. */
  if (err == SIO_ETOOBIG) {
    if (c->eio->ops->refused) c->eio->ops->refused(c, err, "a request over max_payload");
    return;
  }
  sio__session_ended_by_peer(c, SIO_REASON_TRANSPORT_ERROR, err, 0,
                             "data request connection closed prematurely");
}

static void post_answered(sio_request *r) {
  sio_session *c = r->user;
  if (c) take_post_back(c->polling);
}

const struct http_mount sio__polling_post_mount = { .on_request = post_complete,
                                                    .on_abort = post_aborted,
                                                    .on_next = post_next,
                                                    .on_answered = post_answered };

/* ---- open, hand over ------------------------------------------------------------------------- */

int sio__polling_open(sio_session *c) {
  struct polling *p = sio__calloc(1, sizeof *p);
  if (!p) return UV_ENOMEM;
  p->session = c;
  p->last = &p->first;
  task_init(&p->flush, on_flush);
  timer_init(&p->linger, on_linger);
  c->polling = p;
  c->transport = &sio__transport_polling;
  return 0;
}

void sio__polling_first(sio_session *c, sio_request *r) {
  c->polling->get = r;
  answer(c, true);
}

void sio__polling_release_get(sio_session *c) {
  struct polling *p = c->polling;
  if (!p->get) return;
  if (p->first)
    flush(c);
  else
    answer_with(c, c->eio->noop);
  sio__backpressure_eased(c);
}

/* The queue first: the answers run the host's header hooks, and what those send goes behind it. */
void sio__polling_hand_over(sio_session *c, void (*take)(sio_session *c, struct msg *m)) {
  struct polling *p = c->polling;
  struct out_node *queue = p->first;
  task_cancel(&p->flush);
  sio__loop_untimer(c->eio->loop, &p->linger);
  p->first = NULL;
  p->last = &p->first;
  while (queue) {
    struct msg *m = take_msg(p, &queue);
    take(c, m);
    msg_unref(m);
  }
  let_go(p, p->held);
  if (p->get) answer_with(c, c->eio->noop);
  answer_post(c);
  take_post_back(p);
  c->polling = NULL;
  sio__free(p);
}

void sio__polling_free(struct polling *p) {
  if (!p) return;
  assert(!p->get && !p->post); /* they know the session */
  sio__loop_untimer(p->session->eio->loop, &p->linger);
  lose_queue(p, SIO_LOG_INFO);
  backlog_drop(p);
  sio__free(p);
}

/* ---- the transport --------------------------------------------------------------------------- */

static bool ready(const sio_session *c) { return c->polling->get && !c->polling->first; }
static size_t queued(const sio_session *c) { return c->polling->queued; }
static size_t held(const sio_session *c) { return c->polling->held; }

/* The queue is built anew, for a run of which some go takes more nodes than before. Without memory
 * for one the rest stays as it is. */
static void remove_if(sio_session *c, conn_drop_fn drop, void *user) {
  struct polling *p = c->polling;
  struct out_node *rest = p->first, **last = p->last, *spare = NULL;
  if (!rest) return;
  p->first = NULL;
  p->last = &p->first;
  while (rest && (spare || (spare = sio__pool_get(&c->eio->nodes)))) {
    struct msg *m = take_msg(p, &rest);
    if (p->first && drop(m, msg_held(m) + sizeof *rest, user)) {
      forget(p, m);
    } else if (!extends_run(p, m)) {
      add_node(p, spare, m);
      spare = NULL;
    }
  }
  if (spare) sio__pool_put(&c->eio->nodes, spare);
  if (rest) {
    *p->last = rest;
    p->last = last;
  }
  wake_backlog(p);
}

const struct transport sio__transport_polling = { .name = "polling",
                                                  .send = enqueue,
                                                  .ready = ready,
                                                  .queued = queued,
                                                  .held = held,
                                                  .mark = mark,
                                                  .end = end_polling,
                                                  .remove_if = remove_if };
