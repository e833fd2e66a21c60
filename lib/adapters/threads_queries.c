/* SPDX-License-Identifier: MIT
 *
 * threads_queries.c - sends requests to the servers of other threads, and adds their answers to the
 * query that caused the request.
 */
#include "adapters/threads_queries.h"
#include "base/mem.h"
#include "core/query.h"
#include <sio/socket.h>

/* A query of this server that servers of other threads have still to answer. */
struct sent_query {
  struct list link;
  uint64_t number;
  sio_query *q;  /* this struct holds q open as many times as `open` says */
  unsigned open; /* the number of expected ANSWER_END that have not arrived yet */
};

/* ---- sending ------------------------------------------------------------------------------- */

void sio__thread_message_report_lost(struct core *core, int err, const char *nsp) {
  core->stats.thread_messages_lost++;
  LOG_RATED(
      &core->log, SIO_LOG_WARN, SIO_PART_ADAPTER, LOG_THREAD_MESSAGE_LOST, NULL,
      "a message about namespace %s from one thread to another is lost or cannot be handled: %s",
      nsp, sio_strerror(err));
}

/* Sends a request to the server of one other thread. An error is logged, unless that server is
 * being closed: then its sockets are leaving, and need no request. */
static int send_request_to_thread(struct threads_adapter *a, struct member_id to,
                                  struct request *r) {
  struct core *core = core_of_threads_adapter(a);
  atomic_fetch_add(&r->refs, 1);
  int err = sio__threads_send(core->threads, to, a->run_request, r, r->size);
  if (!err) return 0;
  sio__thread_request_unref(r);
  if (err != SIO_ECLOSED) sio__thread_message_report_lost(core, err, r->nsp);
  return err;
}

static struct sent_query *sent_query_new(struct threads_adapter *a, sio_query *q) {
  struct sent_query *k = sio__calloc(1, sizeof *k);
  if (!k) return NULL;
  k->number = sio__threads_next_number(core_of_threads_adapter(a)->threads);
  k->q = q;
  list_append(&a->sent_queries, &k->link);
  return k;
}

static void sent_query_free_if_answered(struct sent_query *k) {
  if (k->open > 0) return;
  list_remove(&k->link);
  sio__free(k);
}

/* Called after each attempt to send the request to the server of another thread. err is the error
 * of sending, or 0. If err is 0, the query is held open for the answers of that server. Otherwise
 * these are missing, and err becomes the status of the query if it has none; except if that server
 * is being closed. */
static void sent_query_expect_answer_or_note_error(struct sent_query *k, int err) {
  sio__query_hold_open(k->q);
  if (err) {
    sio__query_release_and_end_if_complete(k->q, err == SIO_ECLOSED ? 0 : err);
    return;
  }
  k->open++;
  sio__query_await_socket_count_of_thread(k->q);
}

/* Sends a request to the n servers `others`. If the request is a broadcast with a serial number,
 * the two calls around the loop make sio__threads_block_until_broadcasts_queued() wait until the
 * loop has ended. Returns 0 or the last error. */
static int send_request_to_threads(struct threads_adapter *a, const struct member_id *others,
                                   unsigned n, struct request *r, struct sent_query *k) {
  sio_threads *t = core_of_threads_adapter(a)->threads;
  int last = 0;
  if (r->serial) sio__threads_begin_broadcast(t);
  for (unsigned i = 0; i < n; i++) {
    int err = send_request_to_thread(a, others[i], r);
    if (err) last = err;
    if (k) sent_query_expect_answer_or_note_error(k, err);
  }
  if (r->serial) sio__threads_end_broadcast(t);
  return last;
}

int sio__thread_request_send_to_members(struct threads_adapter *a, struct request *r,
                                        const sio_target *target, sio_query *q,
                                        const struct member_id *to, unsigned n,
                                        struct request **sent) {
  *sent = NULL;
  if (n == 0) return 0;
  struct sent_query *k = q ? sent_query_new(a, q) : NULL;
  const char *skip = target && target->skip ? sio_socket_id(target->skip) : NULL;
  r->from = core_of_threads_adapter(a)->member;
  r->nsp = a->nsp->name;
  r->number = k ? k->number : 0;
  struct request *copy = q && !k ? NULL : sio__thread_request_copy(r, skip);
  int err = copy ? send_request_to_threads(a, to, n, copy, k) : UV_ENOMEM;
  if (copy && copy->serial) a->note_broadcast(a, copy);
  if (k && r->kind == REQUEST_SERVER_EMIT) sio__query_expect_more_answers(q, k->open);
  if (k) sent_query_free_if_answered(k);
  *sent = copy;
  return err;
}

int sio__thread_request_send_to_others(struct threads_adapter *a, struct request *r,
                                       const sio_target *target, sio_query *q) {
  struct core *core = core_of_threads_adapter(a);
  struct member_id others[MEMBERS_MAX];
  unsigned n = sio__threads_list_other_members(core->threads, core->member, others);
  struct request *sent;
  (void)sio__thread_request_send_to_members(a, r, target, q, others, n, &sent);
  if (n > 0 && !sent) return UV_ENOMEM;
  if (sent) sio__thread_request_unref(sent);
  return 0;
}

int sio__thread_request_send_to_one(struct threads_adapter *a, struct member_id to,
                                    struct request *r) {
  r->from = core_of_threads_adapter(a)->member;
  r->nsp = a->nsp->name;
  struct request *copy = sio__thread_request_copy(r, NULL);
  int err = copy ? send_request_to_thread(a, to, copy) : UV_ENOMEM;
  if (!copy) sio__thread_message_report_lost(core_of_threads_adapter(a), err, r->nsp);
  if (copy) sio__thread_request_unref(copy);
  return err;
}

/* ---- receiving answers ----------------------------------------------------------------------- */

static struct sent_query *find_sent_query_by_number(const sio_nsp *nsp, uint64_t number) {
  struct threads_adapter *a = threads_adapter_of_nsp(nsp);
  if (!a) return NULL;
  list_each (it, next, &a->sent_queries) {
    struct sent_query *k = container_of(it, struct sent_query, link);
    if (k->number == number) return k;
  }
  return NULL;
}

/* Handles ANSWER_MORE: the other server passes the request on to other processes or to another
 * thread, so one more ANSWER_END will come. */
static void sent_query_expect_one_more_end(struct sent_query *k) {
  k->open++;
  sio__query_hold_open(k->q);
}

static void sent_query_expect_more_answers(struct sent_query *k, const struct answer *a) {
  sio__query_expect_more_answers(k->q, a->n);
  if (a->counted) sio__query_end_wait_for_socket_count_of_thread(k->q);
}

/* Handles ANSWER_END. If the other server is being closed (SIO_ECLOSED), its sockets are gone,
 * which is not an error of the query. */
static void sent_query_end_answers_of_server(struct sent_query *k, const struct answer *a) {
  sio_query *q = k->q;
  k->open--;
  sent_query_free_if_answered(k);
  if (a->n) sio__query_count_lost_answers(q, a->n);
  if (a->counted) sio__query_end_wait_for_socket_count_of_thread(q);
  sio__query_release_and_end_if_complete(q, a->status == SIO_ECLOSED ? 0 : a->status);
}

static void sent_query_handle_answer(struct sent_query *k, const struct answer *a) {
  switch (a->kind) {
    case ANSWER_MORE: sent_query_expect_one_more_end(k); return;
    case ANSWER_EXPECT: sent_query_expect_more_answers(k, a); return;
    case ANSWER_REPLY:
      sio__query_check_and_add_remote_answer(k->q, a->id, a->json, a->bins, a->nbins);
      return;
    case ANSWER_REMOTE: sio__query_check_and_add_remote_socket(k->q, &a->remote); return;
    case ANSWER_END: sent_query_end_answers_of_server(k, a); return;
  }
}

static void handle_answer_of_other_thread(void *server, void *arg) {
  struct answer *a = arg;
  struct sent_query *k = find_sent_query_by_number(sio_nsp_find(server, a->nsp), a->number);
  if (k) sent_query_handle_answer(k, a);
  sio__free(a);
}

int sio__thread_answer_send(struct core *core, struct member_id to, const struct answer *answer) {
  struct answer *copy = sio__thread_answer_copy(answer);
  int err =
      copy ? sio__threads_send(core->threads, to, handle_answer_of_other_thread, copy, copy->size)
           : UV_ENOMEM;
  if (!err) return 0;
  sio__free(copy);
  if (err != SIO_ECLOSED) sio__thread_message_report_lost(core, err, answer->nsp);
  return err;
}

void sio__thread_query_forget_and_release(struct threads_adapter *a, sio_query *q) {
  list_each (it, next, &a->sent_queries) {
    struct sent_query *k = container_of(it, struct sent_query, link);
    if (k->q != q) continue;
    unsigned holds = k->open;
    k->open = 0;
    sent_query_free_if_answered(k);
    while (holds-- > 0) sio__query_release_and_end_if_complete(q, 0);
    return;
  }
}
