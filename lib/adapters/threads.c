/* SPDX-License-Identifier: MIT
 *
 * threads.c - the adapter of servers on several threads that serve as one (sio/threads.h).
 *
 * Each member keeps the rooms of its own sockets with the memory adapter. A call that concerns the
 * sockets of all members does its local part, and sends one request to each other member, which
 * does the same part there. A request that asks something is answered with messages to the member
 * that asked, which holds the query until each member has sent ANSWER_END.
 *
 *   asking member                                   another member
 *     broadcast with acks   --- REQUEST_BROADCAST -->  sends the event to its sockets
 *                           <-- ANSWER_EXPECT ------  so many of them are asked
 *                           <-- ANSWER_REPLY -------  for each ack
 *                           <-- ANSWER_END ---------  all have answered, or the time is up
 *     fetch                 --- REQUEST_FETCH ------>
 *                           <-- ANSWER_REMOTE ------  for each socket
 *                           <-- ANSWER_END ---------
 *     server side emit      --- REQUEST_SERVER_EMIT ->  runs the handlers
 *                           <-- ANSWER_REPLY, ANSWER_END
 *
 * A member that leaves runs the messages that wait for it first, so each question that reached it
 * is answered.
 */
#include "adapters/threads.h"
#include "adapters/threads_message.h"
#include "base/mem.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"

/* A sio_adapter of this kind points to one of these. The memory adapter alone defines the type of
 * that name, so that all sources can also be compiled as one. */
struct threads_adapter {
  sio_nsp *nsp;
  sio_adapter *memory;   /* the memory adapter's part */
  struct list questions; /* struct question */
};

/* A query of this member that other members have yet to answer. */
struct question {
  struct list link;
  uint64_t number;
  sio_query *q;  /* held once for each member in `open` */
  unsigned open; /* members that have not sent ANSWER_END */
};

static struct threads_adapter *threads_adapter(const sio_adapter *a) {
  return (struct threads_adapter *)(void *)a;
}

static struct core *adapter_core(const sio_adapter *a) { return threads_adapter(a)->nsp->core; }

static bool is_threads_adapter(const sio_nsp *nsp) { return nsp->ops == &sio__adapter_threads; }

/* ---- sending requests ---------------------------------------------------------------------- */

static void run_request(void *server, void *arg);

static void note_lost_message(struct core *core, int err, const char *nsp) {
  core->stats.thread_messages_lost++;
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_ROOM_ADAPTER, LOG_THREAD_MESSAGE_LOST, NULL,
            "a message to the server of another thread is lost, namespace %s: %s", nsp,
            sio_strerror(err));
}

/* A member that leaves in this moment is not an error: its sockets leave too. */
static int send_request(struct core *core, struct member_id to, struct request *r) {
  atomic_fetch_add(&r->refs, 1);
  int err = sio__threads_send(core->threads, to, run_request, r, r->size);
  if (!err) return 0;
  sio__thread_request_unref(r);
  if (err != SIO_ECLOSED) note_lost_message(core, err, r->nsp);
  return err;
}

static struct question *question_new(sio_adapter *a, sio_query *q) {
  struct question *k = sio__calloc(1, sizeof *k);
  if (!k) return NULL;
  k->number = sio__threads_next_number(adapter_core(a)->threads);
  k->q = q;
  list_push(&threads_adapter(a)->questions, &k->link);
  return k;
}

static void question_free_if_answered(struct question *k) {
  if (k->open > 0) return;
  list_remove(&k->link);
  sio__free(k);
}

/* Takes a reference to the query for a member that will answer. The query ends with an error if the
 * request to a member was lost, since answers are missing then. */
static void question_note_sent(struct question *k, int err) {
  sio_query_hold(k->q);
  if (!err)
    k->open++;
  else
    sio_query_release(k->q, err == SIO_ECLOSED ? 0 : err);
}

/* Sends a copy of *from to all other members. If q is not NULL, it takes one reference to q
 * (sio_query_hold()) for each member, which the member's ANSWER_END gives back. */
static int send_to_others(sio_adapter *a, struct request *from, const sio_target *to,
                          sio_query *q) {
  struct core *core = adapter_core(a);
  struct member_id others[MEMBERS_MAX];
  unsigned n = sio__threads_list_others(core->threads, core->member, others);
  if (n == 0) return 0;
  struct question *k = q ? question_new(a, q) : NULL;
  from->from = core->member;
  from->nsp = threads_adapter(a)->nsp->name;
  from->number = k ? k->number : 0;
  struct request *r =
      q && !k ? NULL : sio__request_copy(from, to && to->skip ? to->skip->id : NULL);
  for (unsigned i = 0; i < n && r; i++) {
    int err = send_request(core, others[i], r);
    if (k) question_note_sent(k, err);
  }
  if (k && from->kind == REQUEST_SERVER_EMIT) sio_query_expect(q, k->open);
  if (k) question_free_if_answered(k);
  if (!r) return UV_ENOMEM;
  sio__thread_request_unref(r);
  return 0;
}

static struct request request_for_target(int kind, const sio_target *to) {
  return (struct request){
    .kind = kind, .flags = to->flags, .key = to->key, .rooms = to->rooms, .except = to->except
  };
}

/* ---- the calls of the host ----------------------------------------------------------------- */

static int send_packet(sio_adapter *a, struct request *r, const sio_target *to,
                       const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  int err = sio_packet_get_info(p, &info);
  if (err) return err;
  r->json = info.json;
  r->bins = info.bins;
  r->nbins = info.nbins;
  if (info.query) r->timeout_ms = sio_query_info_of(info.query).timeout_ms;
  return send_to_others(a, r, to, info.query);
}

static int threads_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  struct request r = request_for_target(REQUEST_BROADCAST, to);
  int err = to->flags & SIO_LOCAL ? 0 : send_packet(a, &r, to, p);
  return err ? err : sio_adapter_memory.broadcast(threads_adapter(a)->memory, to, p);
}

static int change_rooms(sio_adapter *a, int kind, const sio_target *to, const char *const *rooms) {
  struct request r = request_for_target(kind, to);
  r.changed = rooms;
  return to->flags & SIO_LOCAL ? 0 : send_to_others(a, &r, to, NULL);
}

static int threads_all_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  int err = change_rooms(a, REQUEST_JOIN, to, rooms);
  return err ? err : sio_adapter_memory.all_join(threads_adapter(a)->memory, to, rooms);
}

static int threads_all_leave(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  int err = change_rooms(a, REQUEST_LEAVE, to, rooms);
  return err ? err : sio_adapter_memory.all_leave(threads_adapter(a)->memory, to, rooms);
}

static int threads_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  struct request r = request_for_target(REQUEST_DISCONNECT, to);
  r.session = session;
  int err = to->flags & SIO_LOCAL ? 0 : send_to_others(a, &r, to, NULL);
  return err ? err : sio_adapter_memory.all_disconnect(threads_adapter(a)->memory, to, session);
}

static int threads_fetch(sio_adapter *a, const sio_target *to, sio_query *q) {
  struct request r = request_for_target(REQUEST_FETCH, to);
  r.timeout_ms = sio_query_info_of(q).timeout_ms;
  return send_to_others(a, &r, to, q);
}

static unsigned count_others(const sio_adapter *a) {
  struct member_id others[MEMBERS_MAX];
  return sio__threads_list_others(adapter_core(a)->threads, adapter_core(a)->member, others);
}

static int threads_server_emit(sio_adapter *a, const sio_packet *p, sio_query *q) {
  struct request r = { .kind = REQUEST_SERVER_EMIT };
  (void)q; /* sio_packet_info.query is the same */
  return send_packet(a, &r, NULL, p);
}

static int threads_server_count(sio_adapter *a, sio_query *q) {
  sio_query_expect(q, count_others(a));
  return 0;
}

/* ---- answering, on the thread of the member that is asked ---------------------------------- */

static void run_answer(void *server, void *arg);

static int send_answer(struct core *core, struct member_id to, const struct answer *from) {
  struct answer *a = sio__answer_copy(from);
  int err = a ? sio__threads_send(core->threads, to, run_answer, a, a->size) : UV_ENOMEM;
  if (!err) return 0;
  sio__free(a);
  if (err != SIO_ECLOSED) note_lost_message(core, err, from->nsp);
  return err;
}

/* A question of another member that sockets of this one have yet to answer. */
struct asked {
  sio_nsp *nsp;
  struct member_id from;
  uint64_t number;
  int err; /* why an answer could not be sent */
};

static struct asked *asked_new(sio_nsp *nsp, const struct request *r) {
  struct asked *k = sio__malloc(sizeof *k);
  if (k) *k = (struct asked){ sio_nsp_ref(nsp), r->from, r->number, 0 };
  return k;
}

static void asked_free(struct asked *k) {
  sio_nsp_unref(k->nsp);
  sio__free(k);
}

static void asked_answer(struct asked *k, struct answer a) {
  a.nsp = k->nsp->name;
  a.number = k->number;
  int err = send_answer(k->nsp->core, k->from, &a);
  if (!k->err) k->err = err;
}

static void asked_end(struct asked *k, int status, size_t lost) {
  asked_answer(k, (struct answer){
                      .kind = ANSWER_END, .status = k->err ? k->err : status, .n = lost });
  asked_free(k);
}

/* The question cannot be put to any socket here. */
static void end_without_asking(struct core *core, const struct request *r, int status) {
  struct answer a = { .kind = ANSWER_END,
                      .status = status,
                      .number = r->number,
                      .nsp = r->nsp,
                      .n = r->kind == REQUEST_SERVER_EMIT };
  if (r->number) send_answer(core, r->from, &a);
}

static sio_target request_target(sio_nsp *nsp, const struct request *r) {
  return (sio_target){
    .nsp = nsp, .rooms = r->rooms, .except = r->except, .flags = r->flags | SIO_LOCAL, .key = r->key
  };
}

/* ---- requests for broadcasts ----------------------------------------------------------------- */

static int broadcast_here(sio_nsp *nsp, const struct request *r, sio_query *q) {
  sio_target to = request_target(nsp, r);
  sio_packet *p;
  int err = sio_packet_new(&to, r->json, r->bins, r->nbins, q, &p);
  if (err) return err;
  err = sio_adapter_memory.broadcast(threads_adapter(nsp->adapter)->memory, &to, p);
  sio_packet_free(p);
  return err;
}

static void on_ack_reply(const char *id, sio_slice json, const sio_slice *bins, size_t nbins,
                         void *user) {
  asked_answer(user,
               (struct answer){
                   .kind = ANSWER_REPLY, .id = id, .json = json, .bins = bins, .nbins = nbins });
}

static void on_ack_end(int status, size_t lost, void *user) { asked_end(user, status, lost); }

static void run_broadcast_with_acks(sio_nsp *nsp, const struct request *r) {
  static const sio_query_watch watch = { on_ack_reply, on_ack_end };
  sio_query *q;
  struct asked *k = asked_new(nsp, r);
  int err = k ? sio_query_new(nsp, r->timeout_ms, &watch, k, &q) : UV_ENOMEM;
  if (err) {
    if (k) asked_free(k);
    end_without_asking(nsp->core, r, err);
    return;
  }
  err = broadcast_here(nsp, r, q);
  asked_answer(k, (struct answer){ .kind = ANSWER_EXPECT, .n = sio_query_info_of(q).expected });
  sio_query_release(q, err);
}

static void run_broadcast(sio_nsp *nsp, const struct request *r) {
  int err = 0;
  if (r->number)
    run_broadcast_with_acks(nsp, r);
  else
    err = broadcast_here(nsp, r, NULL);
  if (err) note_lost_message(nsp->core, err, nsp->name);
}

/* ---- other requests ------------------------------------------------------------------------ */

static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  struct asked *k = user;
  for (size_t i = 0; i < n; i++) {
    struct answer a = { .kind = ANSWER_REMOTE, .remote = list[i] };
    a.remote.handshake = sio_remote_handshake(&list[i]);
    asked_answer(k, a);
  }
  asked_end(k, status, 0);
}

static void run_fetch(sio_nsp *nsp, const struct request *r) {
  struct asked *k = asked_new(nsp, r);
  int err = k ? sio_all_fetch(request_target(nsp, r), r->timeout_ms, on_fetched, k) : UV_ENOMEM;
  if (!err) return;
  if (k) asked_free(k);
  end_without_asking(nsp->core, r, err);
}

/* What identifies the question of a server side emit, in the bytes of sio_return. */
struct return_address {
  struct member_id from;
  uint64_t number;
};
_Static_assert(sizeof(struct return_address) <= sizeof(sio_return), "it is kept in sio_return");

static void answer_server_side(sio_adapter *a, const sio_return *to, sio_slice json,
                               const sio_slice *bins, size_t nbins) {
  struct return_address at;
  memcpy(&at, to->bytes, sizeof at);
  struct answer reply = { .kind = ANSWER_REPLY,
                          .number = at.number,
                          .nsp = threads_adapter(a)->nsp->name,
                          .json = json,
                          .bins = bins,
                          .nbins = nbins };
  struct answer end = { .kind = ANSWER_END,
                        .number = at.number,
                        .nsp = threads_adapter(a)->nsp->name };
  end.status = send_answer(adapter_core(a), at.from, &reply);
  end.n = end.status != 0;
  send_answer(adapter_core(a), at.from, &end);
}

static void run_server_emit(sio_nsp *nsp, const struct request *r) {
  struct return_address at = { r->from, r->number };
  sio_return to = { { 0 } };
  memcpy(to.bytes, &at, sizeof at);
  int err = sio_server_side_receive(nsp, r->json, r->bins, r->nbins,
                                    r->number ? answer_server_side : NULL, &to);
  if (!err) return;
  if (r->number)
    end_without_asking(nsp->core, r, err);
  else
    note_lost_message(nsp->core, err, nsp->name);
}

static void run_for_namespace(sio_nsp *nsp, const struct request *r) {
  sio_target to = request_target(nsp, r);
  sio_adapter *memory = threads_adapter(nsp->adapter)->memory;
  switch (r->kind) {
    case REQUEST_BROADCAST: run_broadcast(nsp, r); return;
    case REQUEST_JOIN: sio_adapter_memory.all_join(memory, &to, r->changed); return;
    case REQUEST_LEAVE: sio_adapter_memory.all_leave(memory, &to, r->changed); return;
    case REQUEST_DISCONNECT: sio_adapter_memory.all_disconnect(memory, &to, r->session); return;
    case REQUEST_FETCH: run_fetch(nsp, r); return;
    case REQUEST_SERVER_EMIT: run_server_emit(nsp, r); return;
  }
}

/* A namespace that does not exist here has no sockets here. */
static void run_request(void *server, void *arg) {
  sio_server *srv = server;
  struct request *r = arg;
  sio_nsp *nsp = sio_nsp_find(srv, r->nsp);
  if (nsp && is_threads_adapter(nsp)) {
    sio_nsp_ref(nsp);
    run_for_namespace(nsp, r);
    sio_nsp_unref(nsp);
  } else {
    end_without_asking(core_of(srv), r, 0);
  }
  sio__thread_request_unref(r);
}

/* ---- receiving answers ----------------------------------------------------------------------- */

static struct question *find_question(const sio_nsp *nsp, uint64_t number) {
  if (!nsp || !is_threads_adapter(nsp)) return NULL;
  list_each (it, next, &threads_adapter(nsp->adapter)->questions) {
    struct question *k = container_of(it, struct question, link);
    if (k->number == number) return k;
  }
  return NULL;
}

/* A member that closes loses its sockets, which is not an error of the question. */
static void on_answer_end(struct question *k, const struct answer *a) {
  sio_query *q = k->q;
  k->open--;
  question_free_if_answered(k);
  if (a->n) sio_query_lost(q, a->n);
  sio_query_release(q, a->status == SIO_ECLOSED ? 0 : a->status);
}

static void run_answer(void *server, void *arg) {
  struct answer *a = arg;
  struct question *k = find_question(sio_nsp_find(server, a->nsp), a->number);
  if (k && a->kind == ANSWER_EXPECT) sio_query_expect(k->q, a->n);
  if (k && a->kind == ANSWER_REPLY) sio_query_reply(k->q, a->id, a->json, a->bins, a->nbins);
  if (k && a->kind == ANSWER_REMOTE) sio_query_remote(k->q, &a->remote);
  if (k && a->kind == ANSWER_END) on_answer_end(k, a);
  sio__free(a);
}

static void threads_query_over(sio_adapter *a, sio_query *q) {
  list_each (it, next, &threads_adapter(a)->questions) {
    struct question *k = container_of(it, struct question, link);
    if (k->q != q) continue;
    unsigned holds = k->open;
    k->open = 0;
    question_free_if_answered(k);
    while (holds-- > 0) sio_query_release(q, 0);
    return;
  }
}

/* ---- what the memory adapter does --------------------------------------------------------- */

static int threads_open(sio_nsp *nsp, void *user, sio_adapter **out) {
  struct threads_adapter *a = sio__calloc(1, sizeof *a);
  int err = a ? sio_adapter_memory.open(nsp, user, &a->memory) : UV_ENOMEM;
  if (err) {
    sio__free(a);
    return err;
  }
  a->nsp = nsp;
  list_init(&a->questions);
  *out = (sio_adapter *)a;
  return 0;
}

static void threads_close(sio_adapter *a) {
  assert(list_empty(&threads_adapter(a)->questions));
  sio_adapter_memory.close(threads_adapter(a)->memory);
  sio__free(a);
}

static int threads_join(sio_adapter *a, sio_socket *s, const char *room) {
  return sio_adapter_memory.join(threads_adapter(a)->memory, s, room);
}

static void threads_leave(sio_adapter *a, sio_socket *s, const char *room) {
  sio_adapter_memory.leave(threads_adapter(a)->memory, s, room);
}

static void threads_leave_all(sio_adapter *a, sio_socket *s) {
  sio_adapter_memory.leave_all(threads_adapter(a)->memory, s);
}

static bool threads_in_room(const sio_adapter *a, const sio_socket *s, const char *room) {
  return sio_adapter_memory.in_room(threads_adapter(a)->memory, s, room);
}

static void threads_rooms(const sio_adapter *a, const sio_socket *s,
                          void (*cb)(const char *room, void *user), void *user) {
  sio_adapter_memory.rooms(threads_adapter(a)->memory, s, cb, user);
}

static int threads_each(sio_adapter *a, const sio_target *to,
                        void (*visit)(sio_socket *s, void *user), void *user) {
  return sio_adapter_memory.each(threads_adapter(a)->memory, to, visit, user);
}

static void threads_arrive(sio_adapter *a, sio_socket *s) {
  sio_adapter_memory.arrive(threads_adapter(a)->memory, s);
}

static void threads_depart(sio_adapter *a, sio_socket *s) {
  sio_adapter_memory.depart(threads_adapter(a)->memory, s);
}

static void threads_all_rooms(const sio_adapter *a,
                              void (*cb)(const char *room, size_t members, void *user),
                              void *user) {
  sio_adapter_memory.all_rooms(threads_adapter(a)->memory, cb, user);
}

static size_t threads_room_size(const sio_adapter *a, const char *room) {
  return sio_adapter_memory.room_size(threads_adapter(a)->memory, room);
}

static size_t threads_room_count(const sio_adapter *a) {
  return sio_adapter_memory.room_count(threads_adapter(a)->memory);
}

const sio_adapter_ops sio__adapter_threads = {
  .size = sizeof sio__adapter_threads,
  .open = threads_open,
  .close = threads_close,
  .join = threads_join,
  .leave = threads_leave,
  .leave_all = threads_leave_all,
  .in_room = threads_in_room,
  .rooms = threads_rooms,
  .broadcast = threads_broadcast,
  .each = threads_each,
  .all_join = threads_all_join,
  .all_leave = threads_all_leave,
  .all_disconnect = threads_all_disconnect,
  .arrive = threads_arrive,
  .depart = threads_depart,
  .all_rooms = threads_all_rooms,
  .room_size = threads_room_size,
  .fetch = threads_fetch,
  .server_emit = threads_server_emit,
  .server_count = threads_server_count,
  .query_over = threads_query_over,
  .room_count = threads_room_count,
};
