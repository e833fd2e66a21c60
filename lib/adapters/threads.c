/* SPDX-License-Identifier: MIT
 *
 * threads.c - the adapter of servers on several threads that serve as one (sio/threads.h).
 *
 * Each of these servers, the members, keeps the rooms of its own sockets with the memory adapter. A
 * call that concerns the sockets of all members does its local part, and sends one request to each
 * other member, which does the same part there (threads_requests.c). A request of a query (a call
 * that asks something) is answered with messages to the member that asked. That member keeps the
 * query open until each other member has sent ANSWER_END, or the time is up.
 *
 *   asking member                                   another member
 *     broadcast with acks   --- REQUEST_BROADCAST -->  sends the event to its sockets
 *                           <-- ANSWER_EXPECT ------  how many of them are asked
 *                           <-- ANSWER_REPLY -------  for each ack
 *                           <-- ANSWER_END ---------  all have answered, or the time is up
 *     fetch                 --- REQUEST_FETCH ------>
 *                           <-- ANSWER_REMOTE ------  for each socket
 *                           <-- ANSWER_END ---------
 *     server side emit      --- REQUEST_SERVER_EMIT ->  runs the handlers
 *                           <-- ANSWER_REPLY, ANSWER_END
 *
 * Before a member has closed, it handles the messages that wait for it.
 *
 * One member may have the adapter of a cluster of processes below, in place of the memory adapter
 * (if that adapter recovers sockets, broadcasts take another way: threads_order.h):
 *
 *   a call of the host in that member     -> all other members; the adapter below, which reaches
 *                                            the other processes and the sockets of this member
 *   a request of another member           -> the adapter below
 *   a message of another process, which the adapter below passes on with SIO_PROCESS
 *                                         -> all other members; the sockets of this member
 *
 * So each message goes once to the other processes, and once to each member.
 */
#include "adapters/threads.h"
#include "adapters/memory.h"
#include "adapters/threads_kept.h"
#include "adapters/threads_kept_restore.h"
#include "adapters/threads_order.h"
#include "adapters/threads_queries.h"
#include "adapters/threads_recovery.h"
#include "adapters/threads_requests.h"
#include "base/mem.h"
#include "core/out_packet.h"
#include "core/query.h"
#include "core/server_side.h"

static struct request make_request_for_target(int kind, const sio_target *to) {
  return (struct request){
    .kind = kind, .flags = to->flags, .key = to->key, .rooms = to->rooms, .except = to->except
  };
}

/* ---- the calls of the host ----------------------------------------------------------------- */

static int send_packet_request_to_other_threads(struct threads_adapter *a, struct request *r,
                                                const sio_target *to, const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  int err = sio__packet_get_info(p, &info);
  if (err) return err;
  r->json = info.json;
  r->bins = info.bins;
  r->nbins = info.nbins;
  if (info.query)
    r->timeout_ms = info.query->timeout_ms;
  else if (r->kind == REQUEST_BROADCAST)
    sio__threads_recovery_set_serial_of_kept_broadcast(a, r);
  return sio__thread_request_send_to_others(a, r, to, info.query);
}

static int threads_adapter_broadcast(sio_adapter *adapter, const sio_target *to,
                                     const sio_packet *p) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  if (does_cluster_keep_lost_sockets(a)) return sio__threads_broadcast_in_cluster_order(a, to, p);
  struct request r = make_request_for_target(REQUEST_BROADCAST, to);
  int err =
      is_for_this_thread_only(to->flags) ? 0 : send_packet_request_to_other_threads(a, &r, to, p);
  return err ? err : a->below->broadcast(a->under, to, p);
}

static int send_room_change_to_other_threads(struct threads_adapter *a, int kind,
                                             const sio_target *to, const char *const *rooms) {
  struct request r = make_request_for_target(kind, to);
  r.changed = rooms;
  return is_for_this_thread_only(to->flags) ? 0
                                            : sio__thread_request_send_to_others(a, &r, to, NULL);
}

static int threads_adapter_make_sockets_join_rooms(sio_adapter *adapter, const sio_target *to,
                                                   const char *const *rooms) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  int err = send_room_change_to_other_threads(a, REQUEST_JOIN, to, rooms);
  return err ? err : a->below->all_join(a->under, to, rooms);
}

static int threads_adapter_make_sockets_leave_rooms(sio_adapter *adapter, const sio_target *to,
                                                    const char *const *rooms) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  int err = send_room_change_to_other_threads(a, REQUEST_LEAVE, to, rooms);
  return err ? err : a->below->all_leave(a->under, to, rooms);
}

static int threads_adapter_disconnect_sockets(sio_adapter *adapter, const sio_target *to,
                                              bool session) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  struct request r = make_request_for_target(REQUEST_DISCONNECT, to);
  r.session = session;
  r.origin = sio__threads_order_last_undelivered_broadcast(a);
  int err =
      is_for_this_thread_only(to->flags) ? 0 : sio__thread_request_send_to_others(a, &r, to, NULL);
  return err ? err : a->below->all_disconnect(a->under, to, session);
}

static int threads_adapter_ask_others_for_sockets(sio_adapter *adapter, const sio_target *to,
                                                  sio_query *q) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  struct request r = make_request_for_target(REQUEST_FETCH, to);
  r.timeout_ms = q->timeout_ms;
  int err = a->asks_below_only ? 0 : sio__thread_request_send_to_others(a, &r, to, q);
  bool only_here = !a->below->fetch || (to->flags & SIO_LOCAL);
  return err || only_here ? err : a->below->fetch(a->under, to, q);
}

static int threads_adapter_emit_to_other_servers(sio_adapter *adapter, const sio_packet *p,
                                                 sio_query *q) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  struct request r = { .kind = REQUEST_SERVER_EMIT };
  int err = send_packet_request_to_other_threads(a, &r, NULL, p);
  return err || !a->below->server_emit ? err : a->below->server_emit(a->under, p, q);
}

static unsigned count_other_thread_servers(const struct core *core) {
  struct member_id others[MEMBERS_MAX];
  return sio__threads_list_other_members(core->threads, core->member, others);
}

/* Adds the number of servers of other threads and other processes to q. If the server of another
 * thread has the adapter that reaches other processes, all other threads are asked, and that server
 * counts the other processes' servers. While a->asks_below_only is true, the servers of threads are
 * neither added nor asked. */
static int threads_adapter_count_other_servers(sio_adapter *adapter, sio_query *q) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  const struct core *core = core_of_threads_adapter(a);
  struct request r = { .kind = REQUEST_SERVER_COUNT };
  int err = 0;
  r.timeout_ms = q->timeout_ms;
  if (!a->asks_below_only) sio__query_expect_more_answers(q, count_other_thread_servers(core));
  if (!a->asks_below_only && sio__threads_find_cluster_member(core->threads, NULL) &&
      a->below == &sio__adapter_memory)
    err = sio__thread_request_send_to_others(a, &r, NULL, q);
  return err || !a->below->server_count ? err : a->below->server_count(a->under, q);
}

static void threads_adapter_forget_ended_query(sio_adapter *adapter, sio_query *q) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  sio__query_hold_open(q);
  sio__thread_query_forget_and_release(a, q);
  sio__threads_order_free_events_of_query(a, q);
  if (a->below->query_over) a->below->query_over(a->under, q);
  sio__query_release_and_end_if_complete(q, 0);
}

/* Sends the servers of the other threads a server-side event that this server has received from
 * another process. They run their handlers, but only this server answers the event. */
static void pass_server_event_to_other_threads(sio_nsp *nsp, sio_slice json, const sio_slice *bins,
                                               size_t nbins) {
  struct request r = {
    .kind = REQUEST_SERVER_EMIT, .flags = SIO_PROCESS, .json = json, .bins = bins, .nbins = nbins
  };
  struct threads_adapter *a = threads_adapter_of_nsp(nsp);
  int err = a ? sio__thread_request_send_to_others(a, &r, NULL, NULL) : 0;
  if (err) sio__thread_message_report_lost(nsp->core, err, nsp->name);
}

static int deliver_cluster_event_to_all_threads(const sio_target *to, const sio_packet *p,
                                                uint64_t origin) {
  struct threads_adapter *a = threads_adapter_of_nsp(to->nsp);
  return does_cluster_keep_lost_sockets(a)
             ? sio__threads_order_deliver_to_all_threads(a, to, p, origin)
             : threads_adapter_broadcast((sio_adapter *)a, to, p);
}

/* ---- opening ------------------------------------------------------------------------------- */

static int threads_adapter_open_adapter_below(struct threads_adapter *a,
                                              const struct cluster_adapter *c) {
  a->below = c->ops ? c->ops : &sio__adapter_memory;
  return a->below->open(a->nsp, a->nsp->core->adapter_api, c->ops ? c->user : NULL, &a->under);
}

static void threads_adapter_free(struct threads_adapter *a) {
  sio__threads_free_restores_from_cluster(a);
  sio__threads_recoverable_sockets_free(a);
  sio__threads_delivery_order_free(a);
  sio__threads_recovery_free(a->recovery);
  sio__free(a);
}

static int threads_adapter_open(sio_nsp *nsp, const sio_adapter_api *api, void *user,
                                sio_adapter **out) {
  struct threads_adapter *a = sio__calloc(1, sizeof *a);
  (void)api, (void)user;
  if (!a) return UV_ENOMEM;
  a->nsp = nsp;
  a->run_request = sio__thread_request_handle_and_unref;
  a->run_held_request = sio__thread_request_run_now;
  a->note_broadcast = sio__threads_recovery_remember_broadcast;
  list_init(&a->sent_queries);
  int err = sio__threads_recovery_new(&a->recovery, nsp->core);
  if (!err) err = sio__threads_delivery_order_new(&a->order, a);
  if (!err) err = sio__threads_recoverable_sockets_new(&a->kept, a);
  if (!err) err = threads_adapter_open_adapter_below(a, &nsp->core->cluster);
  if (!err) {
    *out = (sio_adapter *)a;
    return 0;
  }
  threads_adapter_free(a);
  return err;
}

static void threads_adapter_close(sio_adapter *adapter) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  assert(list_is_empty(&a->sent_queries));
  a->below->close(a->under);
  threads_adapter_free(a);
}

static void threads_adapter_stop_and_shut_adapter_below(sio_adapter *adapter) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  if (a->below->shut) a->below->shut(a->under);
  a->is_shut = true;
  sio__threads_order_deliver_all_and_stop(a);
  sio__threads_save_changed_sockets_at_stop(a);
}

static sio_adapter *threads_adapter_find_adapter_below(const sio_nsp *nsp) {
  struct threads_adapter *a = threads_adapter_of_nsp(nsp);
  return a ? a->under : NULL;
}

int sio__threads_adapter_replace_adapter_below(sio_nsp *nsp, const sio_adapter_ops *ops,
                                               void *user) {
  struct threads_adapter *a = threads_adapter_of_nsp(nsp), old = *a;
  int err =
      threads_adapter_open_adapter_below(a, &(struct cluster_adapter){ .ops = ops, .user = user });
  if (err) {
    a->below = old.below;
    a->under = old.under;
    return err;
  }
  old.below->close(old.under);
  return 0;
}

void sio__threads_set_cluster_adapter_of_core(struct core *core, const sio_adapter_ops *ops,
                                              void *user) {
  core->cluster = (struct cluster_adapter){ ops, user, threads_adapter_find_adapter_below,
                                            pass_server_event_to_other_threads,
                                            deliver_cluster_event_to_all_threads };
}

/* ---- rooms, which the adapter below keeps ---------------------------------------------------- */

static int threads_adapter_join_room(sio_adapter *adapter, sio_socket *s, const char *room) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  int err = a->below->join(a->under, s, room);
  if (!err) sio__threads_schedule_save_of_socket(a, s);
  return err;
}

static void threads_adapter_leave_room(sio_adapter *adapter, sio_socket *s, const char *room) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  sio__threads_schedule_save_of_socket(a, s);
  a->below->leave(a->under, s, room);
}

static void threads_adapter_leave_all_rooms(sio_adapter *a, sio_socket *s) {
  to_threads_adapter(a)->below->leave_all(to_threads_adapter(a)->under, s);
}

static bool threads_adapter_is_socket_in_room(const sio_adapter *a, const sio_socket *s,
                                              const char *room) {
  return to_threads_adapter(a)->below->in_room(to_threads_adapter(a)->under, s, room);
}

static void threads_adapter_visit_rooms_of_socket(const sio_adapter *a, const sio_socket *s,
                                                  void (*cb)(const char *room, void *user),
                                                  void *user) {
  to_threads_adapter(a)->below->rooms(to_threads_adapter(a)->under, s, cb, user);
}

static int threads_adapter_visit_local_sockets_of_target(sio_adapter *a, const sio_target *to,
                                                         void (*visit)(sio_socket *s, void *user),
                                                         void *user) {
  return to_threads_adapter(a)->below->each(to_threads_adapter(a)->under, to, visit, user);
}

static void threads_adapter_on_socket_connected(sio_adapter *adapter, sio_socket *s) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  sio__threads_start_saving_connected_socket(a, s);
  if (a->below->arrive) a->below->arrive(a->under, s);
}

static void threads_adapter_on_socket_left(sio_adapter *adapter, sio_socket *s) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  if (a->below->depart) a->below->depart(a->under, s);
}

static void threads_adapter_visit_all_local_rooms(const sio_adapter *adapter,
                                                  void (*cb)(const char *room, size_t members,
                                                             void *user),
                                                  void *user) {
  const struct threads_adapter *a = to_threads_adapter(adapter);
  if (a->below->all_rooms) a->below->all_rooms(a->under, cb, user);
}

static size_t threads_adapter_count_local_room_sockets(const sio_adapter *adapter,
                                                       const char *room) {
  const struct threads_adapter *a = to_threads_adapter(adapter);
  return a->below->room_size ? a->below->room_size(a->under, room) : 0;
}

static size_t threads_adapter_count_local_rooms(const sio_adapter *adapter) {
  const struct threads_adapter *a = to_threads_adapter(adapter);
  return a->below->room_count ? a->below->room_count(a->under) : 0;
}

/* ---- connection state recovery ------------------------------------------------------------ */

static void threads_adapter_restore_socket(sio_adapter *adapter, sio_restore *r) {
  if (does_cluster_keep_lost_sockets(to_threads_adapter(adapter)))
    sio__threads_restore_socket_from_cluster(to_threads_adapter(adapter), r);
  else
    sio__threads_ask_others_for_recovery_record(adapter, r);
}

static void threads_adapter_forget_ended_restore(sio_adapter *adapter, sio_restore *r) {
  sio__threads_end_restore_from_cluster(to_threads_adapter(adapter), r);
  sio__threads_end_restore_from_other_threads(adapter, r);
}

static void threads_adapter_save_socket(sio_adapter *a, const sio_saved_socket *s) {
  sio__threads_save_lost_socket_in_cluster(to_threads_adapter(a), s);
}

static void threads_adapter_delete_saved_socket(sio_adapter *a, const char *pid) {
  sio__threads_delete_saved_socket_in_cluster(to_threads_adapter(a), pid);
}

static void threads_adapter_on_shared_data_changed(sio_adapter *adapter, sio_socket *s) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  sio__threads_schedule_save_of_socket(a, s);
  if (a->below->shared_changed) a->below->shared_changed(a->under, s);
}

static void threads_adapter_on_socket_disconnecting(sio_adapter *adapter, sio_socket *s) {
  struct threads_adapter *a = to_threads_adapter(adapter);
  sio__threads_order_send_own_events_to_leaving_socket(a, s);
  if (a->below->leaving) a->below->leaving(a->under, s);
}

const sio_adapter_ops sio__adapter_threads = {
  .size = sizeof sio__adapter_threads,
  .open = threads_adapter_open,
  .close = threads_adapter_close,
  .join = threads_adapter_join_room,
  .leave = threads_adapter_leave_room,
  .leave_all = threads_adapter_leave_all_rooms,
  .in_room = threads_adapter_is_socket_in_room,
  .rooms = threads_adapter_visit_rooms_of_socket,
  .broadcast = threads_adapter_broadcast,
  .each = threads_adapter_visit_local_sockets_of_target,
  .all_join = threads_adapter_make_sockets_join_rooms,
  .all_leave = threads_adapter_make_sockets_leave_rooms,
  .all_disconnect = threads_adapter_disconnect_sockets,
  .arrive = threads_adapter_on_socket_connected,
  .depart = threads_adapter_on_socket_left,
  .all_rooms = threads_adapter_visit_all_local_rooms,
  .room_size = threads_adapter_count_local_room_sockets,
  .fetch = threads_adapter_ask_others_for_sockets,
  .server_emit = threads_adapter_emit_to_other_servers,
  .server_count = threads_adapter_count_other_servers,
  .query_over = threads_adapter_forget_ended_query,
  .shut = threads_adapter_stop_and_shut_adapter_below,
  .room_count = threads_adapter_count_local_rooms,
  .persist = threads_adapter_save_socket,
  .forget = threads_adapter_delete_saved_socket,
  .restore = threads_adapter_restore_socket,
  .restore_over = threads_adapter_forget_ended_restore,
  .shared_changed = threads_adapter_on_shared_data_changed,
  .leaving = threads_adapter_on_socket_disconnecting,
};
