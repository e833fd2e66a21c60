/* SPDX-License-Identifier: MIT
 *
 * query.c - opens queries, counts their answers and ends them.
 */
#include "core/query.h"

#include "base/sized.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/remote_event.h"

static struct loop *loop_of_query(const sio_query *q) { return &q->nsp->core->loop; }

/* ---- ending ---------------------------------------------------------------------------- */

static void query_unref(sio_query *q) {
  if (--q->holds) return;
  sio__replies_clear(&q->replies);
  sio__query_free_remote_sockets(q);
  sio_nsp_unref(q->nsp);
  sio__free(q);
}

/* Marks the query as ended, stops its timer, unlinks it from the namespace, and frees its
 * ack_waits: sockets that have not answered are not waited for any more. */
static void query_close_and_cancel_pending_acks(sio_query *q, int status) {
  q->over = true;
  q->nsp->nqueries--;
  list_remove(&q->link);
  sio__loop_stop_timer(loop_of_query(q), &q->timer);
  task_cancel(&q->end_task);
  if (q->cancel_ack_waits) q->cancel_ack_waits(q, status);
}

static void query_report_expected_count(sio_query *q) {
  void (*counted)(size_t, void *) = q->counted;
  q->counted = NULL;
  if (counted) counted(q->replies.expected, q->user);
}

static void query_end_and_run_callback(sio_query *q, int status) {
  const sio_adapter_ops *ops = q->nsp->ops;
  q->holds++;
  query_report_expected_count(q);
  query_close_and_cancel_pending_acks(q, status);
  q->end(q, status);
  if (q->holds > 1 && ops->query_over) ops->query_over(q->nsp->adapter, q);
  query_unref(q);
}

static void query_end_with_status_in_task(struct task *t) {
  sio_query *q = container_of(t, sio_query, end_task);
  query_end_and_run_callback(q, q->status);
}

static void query_start_timeout(sio_query *q) {
  sio__loop_start_timer(loop_of_query(q), &q->timer, q->timeout_ms);
}

/* Ends the query when its time is up. But if the host has blocked the loop during that time,
 * answers may have arrived that were not read yet: then restarts the timeout, once. */
static void query_end_or_extend_on_timeout(struct timer *t) {
  sio_query *q = container_of(t, sio_query, timer);
  if (!loop_should_restart_deadline(loop_of_query(q), q->extended)) {
    query_end_and_run_callback(q, SIO_ETIMEOUT);
    return;
  }
  q->extended = true;
  query_start_timeout(q);
}

static bool is_query_awaiting_answers(const sio_query *q) {
  size_t expected = q->replies.expected;
  return q->answered < expected && q->replies.gone < expected - q->answered;
}

/* If nothing holds the query and no more answers are expected, ends it at the end of the loop's
 * turn. Stops its timer at once: a complete query must not time out, even if the turn is a long
 * one. */
static void query_schedule_end_if_complete(sio_query *q) {
  if (q->over || q->holds > 0 || is_query_awaiting_answers(q)) return;
  sio__loop_stop_timer(loop_of_query(q), &q->timer);
  sio__loop_defer(loop_of_query(q), &q->end_task);
}

void sio__queries_end_all_of_nsp(sio_nsp *nsp) {
  while (!list_is_empty(&nsp->queries))
    query_end_and_run_callback(container_of(list_first(&nsp->queries), sio_query, link),
                               SIO_ECLOSED);
}

/* ---- opening ------------------------------------------------------------------------------ */

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
  list_init(&q->ack_waits);
  task_init(&q->end_task, query_end_with_status_in_task);
  timer_init(&q->timer, query_end_or_extend_on_timeout);
  list_append(&nsp->queries, &q->link);
  nsp->nqueries++;
  *out = q;
  return 0;
}

void sio__query_start_timeout_and_end_hold(sio_query *q, bool only_if_held) {
  if (!only_if_held || q->holds > 1) query_start_timeout(q);
  sio__query_release_and_end_if_complete(q, 0);
}

void sio__query_discard_without_callback(sio_query *q) {
  query_close_and_cancel_pending_acks(q, SIO_ECLOSED);
  query_unref(q);
}

/* ---- answers --------------------------------------------------------------------------------- */

bool sio__query_reserve_answer_bytes_or_drop(sio_query *q, size_t n) {
  if (n > q->nsp->core->opts->max_answers - q->answer_bytes) {
    sio__query_count_dropped_answer(q, SIO_ETOOBIG);
    return false;
  }
  q->answer_bytes += n;
  return true;
}

void sio__query_count_dropped_answer(sio_query *q, int err) {
  struct core *core = q->nsp->core;
  core->stats.answers_dropped++;
  if (q->status) return;
  q->status = err;
  LOG_RATED_ABOUT(
      &core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_ANSWER_DROPPED, NULL, ABOUT_NSP(q->nsp->name),
      "an answer to a broadcast, fetch or server-side event in namespace %s is dropped: %s",
      q->nsp->name, sio_strerror(err));
}

void sio__query_add_answer(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                           uint32_t nbins) {
  q->holds++;
  q->answered++;
  if (q->watch.reply) {
    q->watch.reply(id, json, bins, nbins, q->user);
  } else {
    int err = sio__replies_add_reply(q, id, json, bins, nbins);
    if (err) sio__query_count_dropped_answer(q, err);
  }
  sio__query_release_and_end_if_complete(q, 0);
}

/* ---- for adapters ---------------------------------------------------------------------------- */

void sio__query_hold_open(sio_query *q) { q->holds++; }

void sio__query_release_and_end_if_complete(sio_query *q, int err) {
  if (q->over) {
    query_unref(q);
    return;
  }
  if (!q->status) q->status = err;
  q->holds--;
  query_schedule_end_if_complete(q);
}

void sio__query_set_expected_count_callback(sio_query *q, void (*cb)(size_t expected, void *user)) {
  q->counted = cb;
  if (q->uncounted == 0) query_report_expected_count(q);
}

void sio__query_end_wait_for_socket_count_of_thread(sio_query *q) {
  if (--q->uncounted == 0) query_report_expected_count(q);
}

void sio__query_get_info(const sio_query *q, sio_query_info *out) {
  const sio_query_info info = { .expected = q->replies.expected,
                                .timeout_ms = q->timeout_ms,
                                .over = q->over };
  sio__fill_sized_struct(out, &info, sizeof info);
}

void sio__query_expect_more_answers(sio_query *q, size_t n) {
  q->replies.expected = size_add(q->replies.expected, n);
}

void sio__query_count_lost_answers(sio_query *q, size_t n) {
  q->replies.gone = size_add(q->replies.gone, n);
  query_schedule_end_if_complete(q);
}

void sio__query_check_and_add_remote_answer(sio_query *q, const char *id, sio_slice json,
                                            const sio_slice *bins, size_t nbins) {
  if (q->over) return;
  if (json.n == 0) json = SLICE("null");
  if (sio__is_single_remote_json_value_valid(json, nbins)) {
    sio__query_add_answer(q, id, json, bins, (uint32_t)nbins);
    return;
  }
  sio__query_count_dropped_answer(q, SIO_EJSON);
  sio__query_count_lost_answers(q, 1);
}

static void query_call_watch_end_callback(sio_query *q, int status) {
  size_t expected = q->replies.expected;
  q->watch.end(status, expected > q->answered ? expected - q->answered : 0, q->user);
}

int sio__query_new_with_adapter_callbacks(sio_nsp *nsp, unsigned timeout_ms,
                                          const sio_query_watch *watch, void *user,
                                          sio_query **out) {
  sio_query_watch ours;
  if (!nsp || !watch || sio__read_sized_struct(&ours, sizeof ours, watch, sizeof ours))
    return UV_EINVAL;
  if (!ours.reply || !ours.end) return UV_EINVAL;
  int err = sio__query_new(out, nsp, timeout_ms, query_call_watch_end_callback, user);
  if (err) return err;
  (*out)->watch = ours;
  query_start_timeout(*out);
  return 0;
}

/* ---- sio_server_count() ---------------------------------------------------------------------- */

static void query_call_server_count_callback(sio_query *q, int status) {
  q->cb.count(status, q->replies.expected, q->user);
}

int sio_server_count(sio_nsp *nsp, unsigned timeout_ms, sio_server_count_cb cb, void *user) {
  sio_query *q;
  if (!nsp || !cb) return UV_EINVAL;
  if (loop_refuse_call_inside_observer_callback(&nsp->core->loop, "sio_server_count()"))
    return SIO_ESTATE;
  int err = sio__query_new(&q, nsp, timeout_ms, query_call_server_count_callback, user);
  if (err) return err;
  q->cb.count = cb;
  q->replies.expected = 1; /* this server */
  /* The callback gets replies.expected, which is the number of servers: the adapter adds the other
   * servers to it. Answers are not counted, so the query must not wait for any. */
  q->answered = SIZE_MAX;
  if (nsp->ops->server_count) err = nsp->ops->server_count(nsp->adapter, q);
  if (err)
    sio__query_discard_without_callback(q);
  else
    sio__query_start_timeout_and_end_hold(q, false);
  return err;
}
