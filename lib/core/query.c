/* SPDX-License-Identifier: MIT
 *
 * query.c - opening, counting and ending questions to many.
 */
#include "core/query.h"

#include "core/core.h"
#include "core/foreign_json.h"
#include "core/nsp.h"

static struct loop *loop_of(const sio_query *q) { return &q->nsp->core->loop; }

/* ---- the end --------------------------------------------------------------------------- */

static void give_back(sio_query *q) {
  if (--q->holds) return;
  sio__replies_clear(&q->replies);
  sio__remotes_clear(q);
  sio_nsp_unref(q->nsp);
  sio__free(q);
}

/* Nothing of it is left on the loop or with a socket. */
static void shut(sio_query *q, int status) {
  q->over = true;
  q->nsp->nqueries--;
  list_remove(&q->link);
  sio__loop_stop_timer(loop_of(q), &q->timer);
  task_cancel(&q->settle);
  if (q->cancel_waits) q->cancel_waits(q, status);
}

static void finish(sio_query *q, int status) {
  const sio_adapter_ops *ops = q->nsp->ops;
  q->holds++;
  shut(q, status);
  q->end(q, status);
  if (q->holds > 1 && !q->watch.reply && ops->query_over) ops->query_over(q->nsp->adapter, q);
  give_back(q);
}

static void on_settled(struct task *t) {
  sio_query *q = container_of(t, sio_query, settle);
  finish(q, q->status);
}

static void start_clock(sio_query *q) {
  sio__loop_start_timer(loop_of(q), &q->timer, q->timeout_ms);
}

/* Once more if the host kept the loop while it ran out: answers may be on their way. */
static void on_timeout(struct timer *t) {
  sio_query *q = container_of(t, sio_query, timer);
  if (!loop_extends_deadline(loop_of(q), q->excused)) {
    finish(q, SIO_ETIMEOUT);
    return;
  }
  q->excused = true;
  start_clock(q);
}

static bool owed(const struct sio_replies *r) {
  return r->answered < r->expected && r->gone < r->expected - r->answered;
}

/* Once settled it is in time, however late its turn ends. */
static void look(sio_query *q) {
  if (q->over || q->holds > 0 || owed(&q->replies)) return;
  sio__loop_stop_timer(loop_of(q), &q->timer);
  sio__loop_defer(loop_of(q), &q->settle);
}

void sio__queries_close(sio_nsp *nsp) {
  while (!list_empty(&nsp->queries))
    finish(container_of(list_first(&nsp->queries), sio_query, link), SIO_ECLOSED);
}

/* ---- the beginning ------------------------------------------------------------------------ */

int sio__query_new(sio_query **out, sio_nsp *nsp, unsigned timeout_ms,
                   void (*end)(sio_query *q, int status), void *user) {
  const sio_options *o = nsp->core->opts;
  if (nsp->core->closing) return SIO_ECLOSED;
  if (nsp->nqueries >= o->max_acks) return SIO_ETOOBIG;
  sio_query *q = sio__calloc(1, sizeof *q);
  if (!q) return UV_ENOMEM;
  q->nsp = sio_nsp_ref(nsp);
  q->end = end;
  q->user = user;
  q->ack_id = nsp->next_ack++;
  q->timeout_ms = timeout_ms ? timeout_ms : o->request_timeout_ms;
  q->holds = 1;
  list_init(&q->waits);
  task_init(&q->settle, on_settled);
  timer_init(&q->timer, on_timeout);
  list_push(&nsp->queries, &q->link);
  nsp->nqueries++;
  *out = q;
  return 0;
}

void sio__query_begin(sio_query *q, bool patient) {
  if (!patient || q->holds > 1) start_clock(q);
  sio_query_release(q, 0);
}

void sio__query_discard(sio_query *q) {
  shut(q, SIO_ECLOSED);
  give_back(q);
}

/* ---- answers --------------------------------------------------------------------------------- */

bool sio__query_admit(sio_query *q, size_t n) {
  if (n > q->nsp->core->opts->max_answers - q->bytes) {
    sio__query_drop(q, SIO_ETOOBIG);
    return false;
  }
  q->bytes += n;
  return true;
}

void sio__query_drop(sio_query *q, int err) {
  struct core *core = q->nsp->core;
  core->stats.answers_dropped++;
  if (q->status) return;
  q->status = err;
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_ANSWER_DROPPED, NULL,
            "an answer to a question to many in %s is dropped: %s", q->nsp->name,
            sio_strerror(err));
}

void sio__query_answer(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                       uint32_t nbins) {
  q->holds++;
  q->replies.answered++;
  if (q->watch.reply) {
    q->watch.reply(id, json, bins, nbins, q->user);
  } else {
    int err = sio__replies_add(q, id, json, bins, nbins);
    if (err) sio__query_drop(q, err);
  }
  sio_query_release(q, 0);
}

/* ---- for adapters ---------------------------------------------------------------------------- */

void sio_query_hold(sio_query *q) { q->holds++; }

void sio_query_release(sio_query *q, int err) {
  if (q->over) {
    give_back(q);
    return;
  }
  if (!q->status) q->status = err;
  q->holds--;
  look(q);
}

bool sio_query_over(const sio_query *q) { return q->over; }
unsigned sio_query_timeout(const sio_query *q) { return q->timeout_ms; }
size_t sio_query_expected(const sio_query *q) { return q->replies.expected; }

void sio_query_expect(sio_query *q, size_t n) {
  q->replies.expected = size_add(q->replies.expected, n);
}

void sio_query_lost(sio_query *q, size_t n) {
  q->replies.gone = size_add(q->replies.gone, n);
  look(q);
}

void sio_query_reply(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                     size_t nbins) {
  if (q->over) return;
  if (json.n == 0) json = SLICE("null");
  if (sio__foreign_is_value(json, nbins))
    sio__query_answer(q, id, json, bins, (uint32_t)nbins);
  else
    sio_query_lost(q, 1);
}

static void end_watched(sio_query *q, int status) {
  const struct sio_replies *r = &q->replies;
  q->watch.end(status, r->expected > r->answered ? r->expected - r->answered : 0, q->user);
}

int sio_query_new(sio_query **out, sio_nsp *nsp, unsigned timeout_ms, const sio_query_watch *watch,
                  void *user) {
  if (!nsp || !watch || !watch->reply || !watch->end) return UV_EINVAL;
  int err = sio__query_new(out, nsp, timeout_ms, end_watched, user);
  if (err) return err;
  (*out)->watch = *watch;
  start_clock(*out);
  return 0;
}

/* ---- how many servers ------------------------------------------------------------------------ */

static void end_count(sio_query *q, int status) {
  q->cb.count(status, q->replies.expected, q->user);
}

int sio_server_count(sio_nsp *nsp, unsigned timeout_ms, sio_server_count_cb cb, void *user) {
  sio_query *q;
  if (!nsp || !cb) return UV_EINVAL;
  int err = sio__query_new(&q, nsp, timeout_ms, end_count, user);
  if (err) return err;
  q->cb.count = cb;
  q->replies.expected = 1;        /* this one */
  q->replies.answered = SIZE_MAX; /* the number is all that is asked for */
  if (nsp->ops->server_count) err = nsp->ops->server_count(nsp->adapter, q);
  if (err)
    sio__query_discard(q);
  else
    sio__query_begin(q, false);
  return err;
}
