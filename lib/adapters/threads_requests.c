/* SPDX-License-Identifier: MIT
 *
 * threads_requests.c - handles a request of the server of another thread (a member): does this
 * member's part of a call that concerns the sockets of all members, and answers.
 *
 * In the member that has the adapter of a cluster below, a request of another member is passed on
 * to that adapter, which reaches the other processes, unless the request is for this process alone.
 * In all other members it concerns only their own sockets.
 */
#include "adapters/threads_requests.h"
#include "adapters/threads_kept.h"
#include "adapters/threads_kept_restore.h"
#include "adapters/threads_order.h"
#include "adapters/threads_queries.h"
#include "adapters/threads_recovery.h"
#include "base/mem.h"
#include "core/out_packet.h"
#include "core/query.h"
#include "core/server_side.h"

/* A query of another thread's server that sockets of this server, or servers of other processes,
 * have still to answer. */
struct received_query {
  sio_nsp *nsp;
  struct member_id from;
  uint64_t number;
  sio_query *q;    /* a query of this server for acks and replies; NULL for a fetch or a count */
  size_t expected; /* the sum of the counts in all ANSWER_EXPECT messages sent so far */
  bool counted;    /* true: an ANSWER_EXPECT is sent only if its count is not 0 */
  int err;         /* the first error of an answer that could not be sent, or 0 */
};

static struct received_query *received_query_new(sio_nsp *nsp, const struct request *r) {
  struct received_query *k = sio__malloc(sizeof *k);
  if (k)
    *k = (struct received_query){ .nsp = sio_nsp_ref(nsp), .from = r->from, .number = r->number };
  return k;
}

static void received_query_free(struct received_query *k) {
  sio_nsp_unref(k->nsp);
  sio__free(k);
}

static int received_query_send_answer(struct received_query *k, struct answer a) {
  a.nsp = k->nsp->name;
  a.number = k->number;
  int err = sio__thread_answer_send(k->nsp->core, k->from, &a);
  if (!k->err) k->err = err;
  return err;
}

static void received_query_send_end_and_free(struct received_query *k, int status, size_t lost) {
  received_query_send_answer(
      k, (struct answer){ .kind = ANSWER_END, .status = k->err ? k->err : status, .n = lost });
  received_query_free(k);
}

/* Sends ANSWER_END, because no socket and no handler of this server will answer the request. Sends
 * nothing if the request wants no answer. */
static void send_answer_end_if_wanted(struct core *core, const struct request *r, int status) {
  struct answer a = { .kind = ANSWER_END,
                      .status = status,
                      .number = r->number,
                      .nsp = r->nsp,
                      .n = r->kind == REQUEST_SERVER_EMIT,
                      .counted = true };
  if (r->number) sio__thread_answer_send(core, r->from, &a);
}

/* Returns true if the request has to be sent to other processes, through the adapter below. */
static bool should_request_leave_process(const struct threads_adapter *a, const struct request *r) {
  bool stays = r->kind == REQUEST_BROADCAST && does_cluster_keep_lost_sockets(a);
  return has_cluster_adapter_below(a) && !stays && !(r->flags & SIO_LOCAL);
}

static sio_target make_target_of_thread_request(const struct threads_adapter *a,
                                                const struct request *r) {
  unsigned flags = r->flags & ~(unsigned)SIO_PROCESS;
  if (r->route == ROUTE_TO_CLUSTER)
    return (sio_target){
      .nsp = a->nsp, .rooms = r->rooms, .except = r->except, .flags = r->flags, .key = r->key
    };
  return (sio_target){ .nsp = a->nsp,
                       .rooms = r->rooms,
                       .except = r->except,
                       .flags = should_request_leave_process(a, r) ? flags : flags | SIO_LOCAL,
                       .key = r->key };
}

/* ---- requests for broadcasts ----------------------------------------------------------------- */

static int broadcast_through_adapter_below(struct threads_adapter *a, const struct request *r,
                                           sio_query *q) {
  sio_target to = make_target_of_thread_request(a, r);
  sio_packet *p;
  int err = sio__packet_new_from_remote_event(&to, r->json, r->bins, r->nbins, q, r->offset, &p);
  if (err) return err;
  p->origin = r->origin;
  err = r->route == ROUTE_TO_CLUSTER && (a->is_shut || !has_cluster_adapter_below(a))
            ? sio__threads_order_deliver_to_all_threads(a, &to, p, r->origin)
            : a->below->broadcast(a->under, &to, p);
  sio__remote_packet_free(p);
  return err;
}

static void send_query_reply_to_requester(const char *id, sio_slice json, const sio_slice *bins,
                                          size_t nbins, void *user) {
  received_query_send_answer(
      user, (struct answer){
                .kind = ANSWER_REPLY, .id = id, .json = json, .bins = bins, .nbins = nbins });
}

/* Tells the requester (k->from) how many answers it has to expect in addition to those announced
 * before: one for each further socket or server to which the event was sent. If this message cannot
 * be sent, the number is included in the next one. */
static void send_count_of_sockets_newly_asked(struct received_query *k) {
  size_t all = k->q->replies.expected, more = all - k->expected;
  if (k->counted && !more) return;
  if (received_query_send_answer(k, (struct answer){
                                        .kind = ANSWER_EXPECT, .n = more, .counted = !k->counted }))
    return;
  k->expected = all;
  k->counted = true;
}

/* Called when the query k->q of this server has ended. The number of expected answers may have
 * grown until now, because other processes report it late. So the requester is told first how many
 * more answers to expect, and then how many are lost, which is at most the number it expects. */
static void send_query_end_to_requester(int status, size_t lost, void *user) {
  struct received_query *k = user;
  send_count_of_sockets_newly_asked(k);
  received_query_send_end_and_free(k, status, lost < k->expected ? lost : k->expected);
}

static void run_broadcast_request_with_acks(struct threads_adapter *a, const struct request *r) {
  static const sio_query_watch watch = { .reply = send_query_reply_to_requester,
                                         .end = send_query_end_to_requester };
  struct received_query *k = received_query_new(a->nsp, r);
  int err = k ? sio__query_new_with_adapter_callbacks(a->nsp, r->timeout_ms, &watch, k, &k->q)
              : UV_ENOMEM;
  if (err) {
    if (k) received_query_free(k);
    send_answer_end_if_wanted(a->nsp->core, r, err);
    return;
  }
  sio_query *q = k->q;
  err = broadcast_through_adapter_below(a, r, q);
  send_count_of_sockets_newly_asked(k);
  sio__query_release_and_end_if_complete(q, err);
}

static void run_broadcast_request(struct threads_adapter *a, struct request *r) {
  int err = 0;
  sio__threads_recovery_remember_broadcast(a, r);
  if (r->route == ROUTE_DELIVERY) sio__threads_add_event_to_found_restores(a, r);
  if (r->number)
    run_broadcast_request_with_acks(a, r);
  else
    err = broadcast_through_adapter_below(a, r, NULL);
  if (err) sio__thread_message_report_lost(a->nsp->core, err, a->nsp->name);
  if (r->route == ROUTE_DELIVERY) sio__threads_order_mark_delivered_and_resume(a, r);
}

/* ---- other requests ------------------------------------------------------------------------ */

static void run_join_leave_or_disconnect_request(struct threads_adapter *a,
                                                 const struct request *r) {
  sio_target to = make_target_of_thread_request(a, r);
  int err = r->kind == REQUEST_JOIN    ? a->below->all_join(a->under, &to, r->changed)
            : r->kind == REQUEST_LEAVE ? a->below->all_leave(a->under, &to, r->changed)
                                       : a->below->all_disconnect(a->under, &to, r->session);
  if (err && err != SIO_ECLOSED) sio__thread_message_report_lost(a->nsp->core, err, a->nsp->name);
}

static void send_fetched_sockets_to_requester(int status, sio_remote *list, size_t n, void *user) {
  struct received_query *k = user;
  for (size_t i = 0; i < n; i++) {
    struct answer a = { .kind = ANSWER_REMOTE, .remote = list[i] };
    a.remote.handshake = sio_remote_handshake(&list[i]);
    received_query_send_answer(k, a);
  }
  received_query_send_end_and_free(k, status, 0);
}

static void run_fetch_request(struct threads_adapter *a, const struct request *r) {
  struct received_query *k = received_query_new(a->nsp, r);
  a->asks_below_only = true;
  int err = k ? sio_all_fetch(make_target_of_thread_request(a, r), r->timeout_ms,
                              send_fetched_sockets_to_requester, k)
              : UV_ENOMEM;
  a->asks_below_only = false;
  if (!err) return;
  if (k) received_query_free(k);
  send_answer_end_if_wanted(a->nsp->core, r, err);
}

static void send_other_process_server_count(int status, size_t n, void *user) {
  struct received_query *k = user;
  if (n > 1) received_query_send_answer(k, (struct answer){ .kind = ANSWER_EXPECT, .n = n - 1 });
  received_query_send_end_and_free(k, status, 0);
}

/* Counts the servers of other processes: those of the threads are known to the requester. */
static void run_server_count_request(struct threads_adapter *a, const struct request *r) {
  if (!should_request_leave_process(a, r)) {
    send_answer_end_if_wanted(a->nsp->core, r, 0);
    return;
  }
  struct received_query *k = received_query_new(a->nsp, r);
  a->asks_below_only = true;
  int err =
      k ? sio_server_count(a->nsp, r->timeout_ms, send_other_process_server_count, k) : UV_ENOMEM;
  a->asks_below_only = false;
  if (!err) return;
  if (k) received_query_free(k);
  send_answer_end_if_wanted(a->nsp->core, r, err);
}

/* ---- server side emits ----------------------------------------------------------------------- */

/* Identifies the query to which a handler of a server-side emit replies: the server that has sent
 * the event, and the number of the query there. It is stored in the bytes of a sio_return. */
struct return_address {
  struct member_id from;
  uint64_t number;
};
_Static_assert(sizeof(struct return_address) <= sizeof(sio_return),
               "a sio_return must have room for a struct return_address");

static void send_reply_and_end_of_server_event(sio_adapter *a, const sio_return *to, sio_slice json,
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

static int send_server_event_through_adapter_below(struct threads_adapter *a,
                                                   const struct request *r, sio_query *q) {
  sio_packet *p;
  int err = sio__packet_new_for_other_servers(&p, a->nsp, r->json, r->bins, r->nbins, q);
  if (err) return err;
  err = a->below->server_emit(a->under, p, q);
  sio__remote_packet_free(p);
  return err;
}

/* Sends a server-side event to other processes through the adapter below. This server sends one
 * ANSWER_END when the query for their answers has ended, and another one with the reply of its own
 * handlers. ANSWER_MORE tells the requester to wait for both. */
static int send_server_event_and_forward_answers(struct threads_adapter *a,
                                                 const struct request *r) {
  static const sio_query_watch watch = { .reply = send_query_reply_to_requester,
                                         .end = send_query_end_to_requester };
  struct received_query *k = received_query_new(a->nsp, r);
  if (!k) return UV_ENOMEM;
  int err = sio__query_new_with_adapter_callbacks(a->nsp, r->timeout_ms, &watch, k, &k->q);
  if (err) {
    received_query_free(k);
    return err;
  }
  k->counted = true; /* ANSWER_EXPECT is then sent only if servers of other processes will answer */
  sio_query *q = k->q;
  received_query_send_answer(k, (struct answer){ .kind = ANSWER_MORE });
  err = send_server_event_through_adapter_below(a, r, q);
  sio__query_release_and_end_if_complete(q, err);
  return 0;
}

static void send_server_event_to_other_processes(struct threads_adapter *a,
                                                 const struct request *r) {
  if (!a->below->server_emit || !should_request_leave_process(a, r)) return;
  int err = r->number ? send_server_event_and_forward_answers(a, r)
                      : send_server_event_through_adapter_below(a, r, NULL);
  if (err) sio__thread_message_report_lost(a->nsp->core, err, a->nsp->name);
}

static void run_server_emit_request(struct threads_adapter *a, const struct request *r) {
  struct return_address at = { r->from, r->number };
  sio_return to = { { 0 } };
  memcpy(to.bytes, &at, sizeof at);
  send_server_event_to_other_processes(a, r);
  int err = sio__server_side_handle_event_on_this_server(
      a->nsp, r->json, r->bins, r->nbins, r->number ? send_reply_and_end_of_server_event : NULL,
      &to);
  if (!err) return;
  if (r->number)
    send_answer_end_if_wanted(a->nsp->core, r, err);
  else
    sio__thread_message_report_lost(a->nsp->core, err, a->nsp->name);
}

/* ---- all requests ---------------------------------------------------------------------------- */

void sio__thread_request_run_now(struct threads_adapter *a, struct request *r) {
  switch (r->kind) {
    case REQUEST_BROADCAST: run_broadcast_request(a, r); return;
    case REQUEST_JOIN:
    case REQUEST_LEAVE:
    case REQUEST_DISCONNECT: run_join_leave_or_disconnect_request(a, r); return;
    case REQUEST_FETCH: run_fetch_request(a, r); return;
    case REQUEST_SERVER_EMIT: run_server_emit_request(a, r); return;
    case REQUEST_SERVER_COUNT: run_server_count_request(a, r); return;
    case REQUEST_RESTORE: sio__threads_recovery_answer_or_defer_request(a, r); return;
    default: sio__threads_run_request_about_kept_lost_socket(a, r); return;
  }
}

static void run_or_hold_request_for_namespace(struct threads_adapter *a, struct request *r) {
  if (r->kind == REQUEST_DISCONNECT && sio__threads_order_hold_request_if_too_early(a, r)) return;
  sio__thread_request_run_now(a, r);
}

static void answer_or_pass_on_for_unknown_namespace(struct core *core, struct request *r) {
  if (r->kind == REQUEST_RESTORE)
    sio__threads_recovery_answer_without_record(core, r);
  else if (r->kind >= REQUEST_RELEASE)
    sio__threads_answer_recovery_request_of_unknown_nsp(core, r,
                                                        sio__thread_request_handle_and_unref);
  else {
    if (r->route == ROUTE_TO_CLUSTER)
      sio__threads_order_pass_broadcast_to_other_threads(core, r,
                                                         sio__thread_request_handle_and_unref);
    send_answer_end_if_wanted(core, r, 0);
  }
}

/* If the namespace of a request does not exist in this server, no sockets here are concerned, so
 * the request is answered at once if it wants an answer. A broadcast that this server should have
 * passed to the adapter of the cluster is then also sent on to the servers of all other threads. */
void sio__thread_request_handle_and_unref(void *server, void *request) {
  sio_server *srv = server;
  struct request *r = request;
  sio_nsp *nsp = sio_nsp_find(srv, r->nsp);
  struct threads_adapter *a = threads_adapter_of_nsp(nsp);
  if (a) {
    sio_nsp_ref(nsp);
    run_or_hold_request_for_namespace(a, r);
    sio_nsp_unref(nsp);
  } else {
    answer_or_pass_on_for_unknown_namespace(core_of_server(srv), r);
  }
  sio__thread_request_unref(r);
}
