/* SPDX-License-Identifier: MIT
 *
 * threads_questions.c - the member that asks: sends requests to all other members, and adds their
 * answers to the query.
 */
#include "adapters/threads_questions.h"
#include "base/mem.h"
#include "core/query.h"
#include <sio/socket.h>

/* A query of this member that other members have still to answer. */
struct question {
  struct list link;
  uint64_t number;
  sio_query *q;  /* held once for each member that is counted in `open` */
  unsigned open; /* how many members have not sent ANSWER_END yet */
};

/* ---- sending ------------------------------------------------------------------------------- */

void sio__thread_message_report_lost(struct core *core, int err, const char *nsp) {
  core->stats.thread_messages_lost++;
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_ROOM_ADAPTER, LOG_THREAD_MESSAGE_LOST, NULL,
            "a message about namespace %s to the server of another thread is lost: %s", nsp,
            sio_strerror(err));
}

/* Sends a request to one member. If that member is leaving, this is not logged, because its sockets
 * leave too. */
static int send_request_to_member(struct threads_adapter *a, struct member_id to,
                                  struct request *r) {
  struct core *core = core_of_threads_adapter(a);
  atomic_fetch_add(&r->refs, 1);
  int err = sio__threads_send(core->threads, to, a->run_request, r, r->size);
  if (!err) return 0;
  sio__thread_request_unref(r);
  if (err != SIO_ECLOSED) sio__thread_message_report_lost(core, err, r->nsp);
  return err;
}

static struct question *question_new(struct threads_adapter *a, sio_query *q) {
  struct question *k = sio__calloc(1, sizeof *k);
  if (!k) return NULL;
  k->number = sio__threads_next_number(core_of_threads_adapter(a)->threads);
  k->q = q;
  list_push(&a->questions, &k->link);
  return k;
}

static void question_free_if_answered(struct question *k) {
  if (k->open > 0) return;
  list_remove(&k->link);
  sio__free(k);
}

/* Called for each member when the request was sent to it, or err says why not. The query is held
 * until the member has answered. If the request was lost, answers will be missing, so the query
 * ends with an error. */
static void question_count_asked_member(struct question *k, int err) {
  sio__query_hold(k->q);
  if (err) {
    sio__query_release(k->q, err == SIO_ECLOSED ? 0 : err);
    return;
  }
  k->open++;
  sio__query_await_thread_count(k->q);
}

/* Sends a request to all other members. If it has a serial number, that happens between two calls
 * which ensure that broadcasts arrive in the order of their numbers. */
static void send_request_to_members(struct threads_adapter *a, const struct member_id *others,
                                    unsigned n, struct request *r, struct question *k) {
  sio_threads *t = core_of_threads_adapter(a)->threads;
  if (r->serial) sio__threads_begin_broadcast(t);
  for (unsigned i = 0; i < n; i++) {
    int err = send_request_to_member(a, others[i], r);
    if (k) question_count_asked_member(k, err);
  }
  if (r->serial) sio__threads_end_broadcast(t);
}

int sio__thread_request_send_to_others(struct threads_adapter *a, struct request *from,
                                       const sio_target *to, sio_query *q) {
  struct core *core = core_of_threads_adapter(a);
  struct member_id others[MEMBERS_MAX];
  unsigned n = sio__threads_list_other_members(core->threads, core->member, others);
  if (n == 0) return 0;
  struct question *k = q ? question_new(a, q) : NULL;
  from->from = core->member;
  from->nsp = a->nsp->name;
  from->number = k ? k->number : 0;
  struct request *r =
      q && !k ? NULL
              : sio__thread_request_copy(from, to && to->skip ? sio_socket_id(to->skip) : NULL);
  if (r) send_request_to_members(a, others, n, r, k);
  if (r && r->serial) a->note_broadcast(a, r);
  if (k && from->kind == REQUEST_SERVER_EMIT) sio__query_expect_more_answers(q, k->open);
  if (k) question_free_if_answered(k);
  if (!r) return UV_ENOMEM;
  sio__thread_request_unref(r);
  return 0;
}

/* ---- receiving answers ----------------------------------------------------------------------- */

static struct question *find_question_by_number(const sio_nsp *nsp, uint64_t number) {
  struct threads_adapter *a = threads_adapter_of_nsp(nsp);
  if (!a) return NULL;
  list_each (it, next, &a->questions) {
    struct question *k = container_of(it, struct question, link);
    if (k->number == number) return k;
  }
  return NULL;
}

/* Handles ANSWER_MORE: the member asks other processes too, and will send one more ANSWER_END for
 * them. */
static void on_answer_more(struct question *k) {
  k->open++;
  sio__query_hold(k->q);
}

static void on_answer_expect(struct question *k, const struct answer *a) {
  sio__query_expect_more_answers(k->q, a->n);
  if (a->counted) sio__query_on_thread_counted(k->q);
}

/* Handles ANSWER_END. If the member is closing, its sockets are gone, which is not an error of the
 * query. */
static void on_answer_end(struct question *k, const struct answer *a) {
  sio_query *q = k->q;
  k->open--;
  question_free_if_answered(k);
  if (a->n) sio__query_count_lost_answers(q, a->n);
  if (a->counted) sio__query_on_thread_counted(q);
  sio__query_release(q, a->status == SIO_ECLOSED ? 0 : a->status);
}

static void question_handle_answer(struct question *k, const struct answer *a) {
  switch (a->kind) {
    case ANSWER_MORE: on_answer_more(k); return;
    case ANSWER_EXPECT: on_answer_expect(k, a); return;
    case ANSWER_REPLY:
      sio__query_add_remote_answer(k->q, a->id, a->json, a->bins, a->nbins);
      return;
    case ANSWER_REMOTE: sio__query_add_remote_socket(k->q, &a->remote); return;
    case ANSWER_END: on_answer_end(k, a); return;
  }
}

static void handle_answer_message(void *server, void *arg) {
  struct answer *a = arg;
  struct question *k = find_question_by_number(sio_nsp_find(server, a->nsp), a->number);
  if (k) question_handle_answer(k, a);
  sio__free(a);
}

int sio__thread_answer_send(struct core *core, struct member_id to, const struct answer *from) {
  struct answer *a = sio__thread_answer_copy(from);
  int err = a ? sio__threads_send(core->threads, to, handle_answer_message, a, a->size) : UV_ENOMEM;
  if (!err) return 0;
  sio__free(a);
  if (err != SIO_ECLOSED) sio__thread_message_report_lost(core, err, from->nsp);
  return err;
}

void sio__thread_questions_forget_query(struct threads_adapter *a, sio_query *q) {
  list_each (it, next, &a->questions) {
    struct question *k = container_of(it, struct question, link);
    if (k->q != q) continue;
    unsigned holds = k->open;
    k->open = 0;
    question_free_if_answered(k);
    while (holds-- > 0) sio__query_release(q, 0);
    return;
  }
}
