/* SPDX-License-Identifier: MIT
 *
 * threads_requests.c - the member that is asked: does its part of a call that concerns the sockets
 * of all members, and answers.
 *
 * In the member that has the adapter of a cluster below, a request of another member is passed on
 * to that adapter, which reaches the other processes. In all other members it concerns only their
 * own sockets.
 */
#include "adapters/threads_requests.h"
#include "adapters/memory.h"
#include "adapters/threads_questions.h"
#include "adapters/threads_recovery.h"
#include "base/mem.h"
#include "core/out_packet.h"
#include "core/query.h"
#include "core/server_side.h"

/* A query of another member that sockets of this member have still to answer. */
struct asked {
  sio_nsp *nsp;
  struct member_id from;
  uint64_t number;
  sio_query *q;    /* the query here, which collects the acks of a broadcast */
  size_t expected; /* the sum of the numbers in the ANSWER_EXPECT messages that were sent */
  bool counted;    /* an ANSWER_EXPECT was sent */
  int err;         /* the error if an answer could not be sent, otherwise 0 */
};

static struct asked *asked_question_new(sio_nsp *nsp, const struct request *r) {
  struct asked *k = sio__malloc(sizeof *k);
  if (k) *k = (struct asked){ .nsp = sio_nsp_ref(nsp), .from = r->from, .number = r->number };
  return k;
}

static void asked_question_free(struct asked *k) {
  sio_nsp_unref(k->nsp);
  sio__free(k);
}

static int asked_question_send_answer(struct asked *k, struct answer a) {
  a.nsp = k->nsp->name;
  a.number = k->number;
  int err = sio__thread_answer_send(k->nsp->core, k->from, &a);
  if (!k->err) k->err = err;
  return err;
}

static void asked_question_send_end(struct asked *k, int status, size_t lost) {
  asked_question_send_answer(
      k, (struct answer){ .kind = ANSWER_END, .status = k->err ? k->err : status, .n = lost });
  asked_question_free(k);
}

/* Sends ANSWER_END for a request for which no socket was asked here. */
static void send_end_without_asking(struct core *core, const struct request *r, int status) {
  struct answer a = { .kind = ANSWER_END,
                      .status = status,
                      .number = r->number,
                      .nsp = r->nsp,
                      .n = r->kind == REQUEST_SERVER_EMIT,
                      .counted = true };
  if (r->number) sio__thread_answer_send(core, r->from, &a);
}

/* True if the request has to be sent to other processes, through the adapter below. */
static bool should_request_leave_process(const struct threads_adapter *a, const struct request *r) {
  return a->below != &sio__adapter_memory && !(r->flags & SIO_LOCAL);
}

static sio_target target_of_request(const struct threads_adapter *a, const struct request *r) {
  unsigned flags = r->flags & ~(unsigned)SIO_PROCESS;
  return (sio_target){ .nsp = a->nsp,
                       .rooms = r->rooms,
                       .except = r->except,
                       .flags = should_request_leave_process(a, r) ? flags : flags | SIO_LOCAL,
                       .key = r->key };
}

/* ---- requests for broadcasts ----------------------------------------------------------------- */

static int broadcast_through_adapter_below(struct threads_adapter *a, const struct request *r,
                                           sio_query *q) {
  sio_target to = target_of_request(a, r);
  sio_packet *p;
  int err =
      sio__packet_new_from_remote_event(&to, r->json, r->bins, r->nbins, q, slice(NULL, 0), &p);
  if (err) return err;
  err = a->below->broadcast(a->under, &to, p);
  sio__packet_free(p);
  return err;
}

static void on_ack_reply(const char *id, sio_slice json, const sio_slice *bins, size_t nbins,
                         void *user) {
  asked_question_send_answer(
      user, (struct answer){
                .kind = ANSWER_REPLY, .id = id, .json = json, .bins = bins, .nbins = nbins });
}

/* Tells the member that has asked how many more sockets were asked here. If this message is lost,
 * the next one contains the number. */
static void send_count_of_newly_asked(struct asked *k) {
  size_t all = k->q->replies.expected, more = all - k->expected;
  if (k->counted && !more) return;
  if (asked_question_send_answer(k, (struct answer){
                                        .kind = ANSWER_EXPECT, .n = more, .counted = !k->counted }))
    return;
  k->expected = all;
  k->counted = true;
}

/* Called when the query here has ended. Other processes may have said late how many of their
 * sockets they have asked. The number of lost answers must not exceed what the other member was
 * told to expect. */
static void on_acks_complete(int status, size_t lost, void *user) {
  struct asked *k = user;
  send_count_of_newly_asked(k);
  asked_question_send_end(k, status, lost < k->expected ? lost : k->expected);
}

static void run_broadcast_request_with_acks(struct threads_adapter *a, const struct request *r) {
  static const sio_query_watch watch = { .reply = on_ack_reply, .end = on_acks_complete };
  struct asked *k = asked_question_new(a->nsp, r);
  int err = k ? sio__remote_query_new(a->nsp, r->timeout_ms, &watch, k, &k->q) : UV_ENOMEM;
  if (err) {
    if (k) asked_question_free(k);
    send_end_without_asking(a->nsp->core, r, err);
    return;
  }
  sio_query *q = k->q;
  err = broadcast_through_adapter_below(a, r, q);
  send_count_of_newly_asked(k);
  sio__query_release(q, err);
}

static void run_broadcast_request(struct threads_adapter *a, struct request *r) {
  int err = 0;
  sio__threads_recovery_record_broadcast(a, r);
  if (r->number)
    run_broadcast_request_with_acks(a, r);
  else
    err = broadcast_through_adapter_below(a, r, NULL);
  if (err) sio__thread_message_report_lost(a->nsp->core, err, a->nsp->name);
}

/* ---- other requests ------------------------------------------------------------------------ */

static void on_sockets_fetched(int status, sio_remote *list, size_t n, void *user) {
  struct asked *k = user;
  for (size_t i = 0; i < n; i++) {
    struct answer a = { .kind = ANSWER_REMOTE, .remote = list[i] };
    a.remote.handshake = sio_remote_handshake(&list[i]);
    asked_question_send_answer(k, a);
  }
  asked_question_send_end(k, status, 0);
}

static void run_fetch_request(struct threads_adapter *a, const struct request *r) {
  struct asked *k = asked_question_new(a->nsp, r);
  a->asks_below_only = true;
  int err =
      k ? sio_all_fetch(target_of_request(a, r), r->timeout_ms, on_sockets_fetched, k) : UV_ENOMEM;
  a->asks_below_only = false;
  if (!err) return;
  if (k) asked_question_free(k);
  send_end_without_asking(a->nsp->core, r, err);
}

static void on_servers_counted(int status, size_t n, void *user) {
  struct asked *k = user;
  if (n > 1) asked_question_send_answer(k, (struct answer){ .kind = ANSWER_EXPECT, .n = n - 1 });
  asked_question_send_end(k, status, 0);
}

/* Counts the servers of other processes only. */
static void run_server_count_request(struct threads_adapter *a, const struct request *r) {
  if (!should_request_leave_process(a, r)) {
    send_end_without_asking(a->nsp->core, r, 0);
    return;
  }
  struct asked *k = asked_question_new(a->nsp, r);
  a->asks_below_only = true;
  int err = k ? sio_server_count(a->nsp, r->timeout_ms, on_servers_counted, k) : UV_ENOMEM;
  a->asks_below_only = false;
  if (!err) return;
  if (k) asked_question_free(k);
  send_end_without_asking(a->nsp->core, r, err);
}

/* ---- server side emits ----------------------------------------------------------------------- */

/* Identifies the query of a server-side emit; stored in the bytes of a sio_return. */
struct return_address {
  struct member_id from;
  uint64_t number;
};
_Static_assert(sizeof(struct return_address) <= sizeof(sio_return), "it is kept in sio_return");

static void send_server_side_answer(sio_adapter *a, const sio_return *to, sio_slice json,
                                    const sio_slice *bins, size_t nbins) {
  const sio_nsp *nsp = to_threads_adapter(a)->nsp;
  struct return_address at;
  memcpy(&at, to->bytes, sizeof at);
  struct answer reply = { .kind = ANSWER_REPLY,
                          .number = at.number,
                          .nsp = nsp->name,
                          .json = json,
                          .bins = bins,
                          .nbins = nbins };
  struct answer end = { .kind = ANSWER_END, .number = at.number, .nsp = nsp->name };
  end.status = sio__thread_answer_send(nsp->core, at.from, &reply);
  end.n = end.status != 0;
  sio__thread_answer_send(nsp->core, at.from, &end);
}

static int emit_to_servers_below(struct threads_adapter *a, const struct request *r, sio_query *q) {
  sio_packet *p;
  int err = sio__packet_new_for_other_servers(&p, a->nsp, r->json, r->bins, r->nbins, q);
  if (err) return err;
  err = a->below->server_emit(a->under, p, q);
  sio__packet_free(p);
  return err;
}

/* Asks the servers of other processes through the adapter below. This member sends one ANSWER_END
 * for them, when they have answered or the time limit has passed, and another one for its own
 * handlers. ANSWER_MORE announces that there are two. */
static int ask_servers_below(struct threads_adapter *a, const struct request *r) {
  static const sio_query_watch watch = { .reply = on_ack_reply, .end = on_acks_complete };
  struct asked *k = asked_question_new(a->nsp, r);
  if (!k) return UV_ENOMEM;
  int err = sio__remote_query_new(a->nsp, r->timeout_ms, &watch, k, &k->q);
  if (err) {
    asked_question_free(k);
    return err;
  }
  k->counted = true; /* run_server_emit_request() ends the part that the other member has counted */
  sio_query *q = k->q;
  asked_question_send_answer(k, (struct answer){ .kind = ANSWER_MORE });
  err = emit_to_servers_below(a, r, q);
  sio__query_release(q, err);
  return 0;
}

static void pass_server_emit_below(struct threads_adapter *a, const struct request *r) {
  if (!a->below->server_emit || !should_request_leave_process(a, r)) return;
  int err = r->number ? ask_servers_below(a, r) : emit_to_servers_below(a, r, NULL);
  if (err) sio__thread_message_report_lost(a->nsp->core, err, a->nsp->name);
}

static void run_server_emit_request(struct threads_adapter *a, const struct request *r) {
  struct return_address at = { r->from, r->number };
  sio_return to = { { 0 } };
  memcpy(to.bytes, &at, sizeof at);
  pass_server_emit_below(a, r);
  int err = sio__server_side_run_handlers(a->nsp, r->json, r->bins, r->nbins,
                                          r->number ? send_server_side_answer : NULL, &to);
  if (!err) return;
  if (r->number)
    send_end_without_asking(a->nsp->core, r, err);
  else
    sio__thread_message_report_lost(a->nsp->core, err, a->nsp->name);
}

/* ---- all requests ---------------------------------------------------------------------------- */

static void run_request_for_namespace(struct threads_adapter *a, struct request *r) {
  sio_target to = target_of_request(a, r);
  switch (r->kind) {
    case REQUEST_BROADCAST: run_broadcast_request(a, r); return;
    case REQUEST_JOIN: a->below->all_join(a->under, &to, r->changed); return;
    case REQUEST_LEAVE: a->below->all_leave(a->under, &to, r->changed); return;
    case REQUEST_DISCONNECT: a->below->all_disconnect(a->under, &to, r->session); return;
    case REQUEST_FETCH: run_fetch_request(a, r); return;
    case REQUEST_SERVER_EMIT: run_server_emit_request(a, r); return;
    case REQUEST_SERVER_COUNT: run_server_count_request(a, r); return;
    case REQUEST_RESTORE: sio__threads_recovery_run_request(a, r); return;
  }
}

/* Handles a request from another member. A namespace that does not exist here has no sockets
 * here. */
void sio__thread_request_run(void *server, void *request) {
  sio_server *srv = server;
  struct request *r = request;
  sio_nsp *nsp = sio_nsp_find(srv, r->nsp);
  struct threads_adapter *a = threads_adapter_of_nsp(nsp);
  if (a) {
    sio_nsp_ref(nsp);
    run_request_for_namespace(a, r);
    sio_nsp_unref(nsp);
  } else if (r->kind == REQUEST_RESTORE) {
    sio__threads_recovery_answer_unknown(core_of_server(srv), r);
  } else {
    send_end_without_asking(core_of_server(srv), r, 0);
  }
  sio__thread_request_unref(r);
}
