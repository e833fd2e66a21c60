/* SPDX-License-Identifier: MIT
 *
 * threads_order.c - broadcasts of several threads that go through the adapter of a cluster.
 */
#include "adapters/threads_order.h"
#include "adapters/threads_queries.h"
#include "base/mem.h"
#include "core/out_packet.h"
#include "core/query.h"
#include <sio/socket.h>

/* Nothing waits longer than about ORDER_WAIT_MS for a broadcast: after that time the message that
 * delivers it is probably lost. */
enum { ORDER_WAIT_MS = 5000, ORDER_TIMER_MS = 1000, EVENTS_MAX = 4 << 20 };

struct threads_order {
  /* For each member (the server of one thread), the number (sio_packet_info.origin) of its last
   * broadcast that was delivered here. A broadcast of this member also counts as delivered if its
   * delivery takes too long. */
  uint64_t delivered[MEMBERS_MAX];
  uint64_t last_sent;   /* the number of the last broadcast of this member */
  struct list sent;     /* struct sent_event: broadcasts of this member, not delivered yet */
  struct list events;   /* struct waiting_event, in ascending order of `after` */
  struct list requests; /* struct waiting_request */
  size_t event_bytes;   /* memory of `events`; if it reaches EVENTS_MAX, no event is added */
  struct timer timer;   /* runs while one of the lists is not empty */
  struct threads_adapter *adapter;
};

struct sent_event {
  struct list link;
  struct request *request; /* this struct holds one reference */
  uint64_t since_ms;
};

/* An event for sockets of this thread alone, which waits for an earlier broadcast of this
 * thread. */
struct waiting_event {
  struct list link;
  uint64_t after;         /* the origin of the broadcast after which it is delivered */
  struct request *target; /* a copy of the sio_target, in the form of a request */
  sio_packet *packet;     /* a copy, which this struct owns */
  sio_query *query;       /* the query for the acks, which this struct holds open; or NULL */
};

/* A REQUEST_DISCONNECT that waits for an earlier broadcast of its sender. */
struct waiting_request {
  struct list link;
  struct request *request; /* this struct holds one reference */
  uint64_t since_ms;
};

static uint64_t broadcast_order_now_ms(const struct threads_adapter *a) {
  return loop_now(&core_of_threads_adapter(a)->loop);
}

static bool is_nothing_waiting_for_delivery(const struct threads_order *o) {
  return list_is_empty(&o->sent) && list_is_empty(&o->events) && list_is_empty(&o->requests);
}

static void broadcast_order_start_timer(struct threads_adapter *a) {
  if (!timer_is_active(&a->order->timer))
    sio__loop_start_timer(&core_of_threads_adapter(a)->loop, &a->order->timer, ORDER_TIMER_MS);
}

/* ---- what waits ------------------------------------------------------------------------------ */

static void waiting_event_free(struct threads_order *o, struct waiting_event *e) {
  list_remove(&e->link);
  o->event_bytes -= e->target->size;
  if (e->query) sio__query_release_and_end_if_complete(e->query, 0);
  sio__remote_packet_free(e->packet);
  sio__thread_request_unref(e->target);
  sio__free(e);
}

static void waiting_event_deliver_and_free(struct threads_adapter *a, struct waiting_event *e) {
  const struct request *r = e->target;
  const sio_target to = {
    .nsp = a->nsp, .rooms = r->rooms, .except = r->except, .flags = r->flags, .key = r->key
  };
  (void)a->below->broadcast(a->under, &to, e->packet);
  waiting_event_free(a->order, e);
}

static void deliver_events_waiting_for_broadcast(struct threads_adapter *a, uint64_t delivered) {
  list_each (it, next, &a->order->events) {
    struct waiting_event *e = container_of(it, struct waiting_event, link);
    if (e->after > delivered) return;
    waiting_event_deliver_and_free(a, e);
  }
}

/* Copies the target of an event. The text of the event is included in request.size of the copy, so
 * that threads_order.event_bytes limits the memory for texts, too. */
static struct request *copy_target_of_waiting_event(struct threads_adapter *a, const sio_target *to,
                                                    const sio_packet *p) {
  const char *skip = to->skip ? sio_socket_id(to->skip) : NULL;
  const struct request from = { .nsp = a->nsp->name,
                                .flags = to->flags,
                                .key = to->key,
                                .rooms = to->rooms,
                                .except = to->except };
  struct request *copy = sio__thread_request_copy(&from, skip);
  if (copy) copy->size += p->msg->len;
  return copy;
}

/* Keeps the event until the last broadcast of this thread is delivered. Returns false if there is
 * no memory, or if the events that are kept already take EVENTS_MAX bytes. */
static bool queue_event_after_last_broadcast(struct threads_adapter *a, const sio_target *to,
                                             const sio_packet *p) {
  struct threads_order *o = a->order;
  struct waiting_event *e = o->event_bytes < EVENTS_MAX ? sio__calloc(1, sizeof *e) : NULL;
  if (!e) return false;
  e->target = copy_target_of_waiting_event(a, to, p);
  if (!e->target || sio__packet_copy(p, &e->packet)) {
    if (e->target) sio__thread_request_unref(e->target);
    sio__free(e);
    return false;
  }
  e->after = o->last_sent;
  e->query = p->query;
  if (e->query) sio__query_hold_open(e->query);
  o->event_bytes += e->target->size;
  list_append(&o->events, &e->link);
  return true;
}

void sio__threads_order_free_events_of_query(struct threads_adapter *a, const sio_query *q) {
  if (!a->order) return;
  list_each (it, next, &a->order->events) {
    struct waiting_event *e = container_of(it, struct waiting_event, link);
    if (e->query == q) waiting_event_free(a->order, e);
  }
}

bool sio__threads_order_hold_request_if_too_early(struct threads_adapter *a, struct request *r) {
  struct threads_order *o = a->order;
  if (!o || !r->origin || has_cluster_adapter_below(a) || a->is_shut) return false;
  if (o->delivered[member_place_of_event_origin(r->origin)] >= r->origin) return false;
  struct waiting_request *w = sio__malloc(sizeof *w);
  if (!w) return false;
  atomic_fetch_add(&r->refs, 1);
  w->request = r;
  w->since_ms = broadcast_order_now_ms(a);
  list_append(&o->requests, &w->link);
  broadcast_order_start_timer(a);
  return true;
}

/* Runs each held request if the broadcast that it waits for was delivered here, or if the request
 * was received at the time `then` or before. */
static void run_due_held_requests(struct threads_adapter *a, uint64_t then) {
  struct threads_order *o = a->order;
  list_each (it, next, &o->requests) {
    struct waiting_request *w = container_of(it, struct waiting_request, link);
    struct request *r = w->request;
    if (o->delivered[member_place_of_event_origin(r->origin)] < r->origin && w->since_ms > then)
      continue;
    list_remove(it);
    sio__free(w);
    a->run_held_request(a, r);
    sio__thread_request_unref(r);
  }
}

/* ---- what was sent --------------------------------------------------------------------------- */

static void sent_broadcast_free(struct sent_event *s) {
  list_remove(&s->link);
  sio__thread_request_unref(s->request);
  sio__free(s);
}

static void free_delivered_sent_broadcasts(struct threads_order *o, uint64_t origin) {
  list_each (it, next, &o->sent) {
    struct sent_event *s = container_of(it, struct sent_event, link);
    if (s->request->origin > origin) return;
    sent_broadcast_free(s);
  }
}

static void broadcast_order_mark_delivered_and_resume(struct threads_adapter *a, uint64_t origin) {
  struct threads_order *o = a->order;
  uint64_t *last = &o->delivered[member_place_of_event_origin(origin)];
  if (!origin || origin <= *last) return;
  *last = origin;
  if (member_place_of_event_origin(origin) == core_of_threads_adapter(a)->member.place) {
    free_delivered_sent_broadcasts(o, origin);
    deliver_events_waiting_for_broadcast(a, origin);
  }
  run_due_held_requests(a, 0);
}

void sio__threads_order_mark_delivered_and_resume(struct threads_adapter *a,
                                                  const struct request *r) {
  broadcast_order_mark_delivered_and_resume(a, r->origin);
}

uint64_t sio__threads_order_last_undelivered_broadcast(const struct threads_adapter *a) {
  const struct threads_order *o = a->order;
  if (!o) return 0;
  bool all = o->delivered[core_of_threads_adapter(a)->member.place] >= o->last_sent;
  return does_cluster_keep_lost_sockets(a) && !all ? o->last_sent : 0;
}

/* Treats the broadcasts that this thread sent at the time `then` or before as delivered: the
 * messages that deliver them are probably lost. */
static void treat_old_events_as_delivered(struct threads_adapter *a, uint64_t then) {
  uint64_t origin = 0;
  list_each (it, next, &a->order->sent) {
    const struct sent_event *s = container_of(it, struct sent_event, link);
    if (s->since_ms <= then) origin = s->request->origin;
  }
  broadcast_order_mark_delivered_and_resume(a, origin);
}

static void on_timer_stop_waiting_for_old_broadcasts(struct timer *t) {
  struct threads_order *o = container_of(t, struct threads_order, timer);
  struct threads_adapter *a = o->adapter;
  uint64_t now = broadcast_order_now_ms(a), then = now > ORDER_WAIT_MS ? now - ORDER_WAIT_MS : 0;
  treat_old_events_as_delivered(a, then);
  run_due_held_requests(a, then);
  if (!is_nothing_waiting_for_delivery(o)) broadcast_order_start_timer(a);
}

/* ---- sockets that are disconnected ----------------------------------------------------------- */

static bool is_id_or_room_of_socket_in_list(const struct threads_adapter *a, const sio_socket *s,
                                            const char *const *rooms) {
  for (; rooms && *rooms; rooms++)
    if (strcmp(*rooms, sio_socket_id(s)) == 0 || a->below->in_room(a->under, s, *rooms))
      return true;
  return false;
}

static void send_undelivered_event_to_socket(struct threads_adapter *a, const struct request *r,
                                             sio_socket *s) {
  sio_packet *p;
  const sio_target to = {
    .nsp = a->nsp, .rooms = SIO_ROOMS(sio_socket_id(s)), .flags = r->flags, .key = r->key
  };
  int err =
      sio__packet_new_from_remote_event(&to, r->json, r->bins, r->nbins, NULL, slice(NULL, 0), &p);
  if (err) {
    sio__thread_message_report_lost(core_of_threads_adapter(a), err, r->nsp);
    return;
  }
  (void)sio__packet_deliver_to_socket(p, s, r->flags);
  sio__remote_packet_free(p);
}

void sio__threads_order_send_own_events_to_leaving_socket(struct threads_adapter *a,
                                                          sio_socket *s) {
  if (!a->order) return;
  list_each (it, next, &a->order->sent) {
    const struct request *r = container_of(it, struct sent_event, link)->request;
    if (r->number || (r->flags & SIO_VOLATILE)) continue;
    if ((!r->rooms || is_id_or_room_of_socket_in_list(a, s, r->rooms)) &&
        !is_id_or_room_of_socket_in_list(a, s, r->except))
      send_undelivered_event_to_socket(a, r, s);
  }
}

/* ---- broadcasts ------------------------------------------------------------------------------ */

static int make_broadcast_request(struct request *r, const sio_target *to, const sio_packet *p,
                                  sio_packet_info *info) {
  *info = (sio_packet_info){ .size = sizeof *info };
  int err = sio__packet_get_info(p, info);
  *r = (struct request){ .kind = REQUEST_BROADCAST,
                         .flags = to->flags,
                         .key = to->key,
                         .rooms = to->rooms,
                         .except = to->except,
                         .json = info->json,
                         .bins = info->bins,
                         .nbins = info->nbins,
                         .timeout_ms = info->query ? info->query->timeout_ms : 0 };
  return err;
}

int sio__threads_order_deliver_to_all_threads(struct threads_adapter *a, const sio_target *to,
                                              const sio_packet *p, uint64_t origin) {
  struct request r;
  sio_packet_info info;
  sio_target here = *to;
  int err = make_broadcast_request(&r, to, p, &info);
  r.route = ROUTE_DELIVERY;
  r.origin = origin;
  r.offset = sio__packet_get_replay_offset(p);
  if (!err) err = sio__thread_request_send_to_others(a, &r, to, info.query);
  if (err) sio__thread_message_report_lost(core_of_threads_adapter(a), err, a->nsp->name);
  here.flags = (to->flags & ~(unsigned)SIO_PROCESS) | SIO_LOCAL;
  err = a->below->broadcast(a->under, &here, p);
  broadcast_order_mark_delivered_and_resume(a, origin);
  return err;
}

static uint64_t make_and_store_next_broadcast_origin(struct threads_adapter *a) {
  const struct core *core = core_of_threads_adapter(a);
  return a->order->last_sent =
             make_event_origin(sio__threads_next_number(core->threads), core->member.place);
}

static int broadcast_through_own_cluster_adapter(struct threads_adapter *a, const sio_target *to,
                                                 const sio_packet *packet) {
  /* The cast makes it possible to set p->origin: the parameter is const only because adapters must
   * not change a packet. */
  sio_packet *p = (sio_packet *)(uintptr_t)packet;
  if (a->is_shut) return sio__threads_order_deliver_to_all_threads(a, to, p, 0);
  p->origin = make_and_store_next_broadcast_origin(a);
  return a->below->broadcast(a->under, to, p);
}

/* Keeps the request, with the caller's reference to it, until the broadcast is delivered. If the
 * request cannot be kept, a later event for this thread alone is perhaps delivered before this
 * broadcast, and a socket that is disconnected perhaps misses this broadcast. */
static void remember_sent_broadcast_until_delivered(struct threads_adapter *a, struct request *r) {
  struct sent_event *s = a->is_shut ? NULL : sio__malloc(sizeof *s);
  if (!s) {
    sio__thread_request_unref(r);
    return;
  }
  s->request = r;
  s->since_ms = broadcast_order_now_ms(a);
  list_append(&a->order->sent, &s->link);
  broadcast_order_start_timer(a);
}

static int send_broadcast_to_cluster_member(struct threads_adapter *a, const sio_target *to,
                                            const sio_packet *p, struct member_id cluster) {
  struct request r, *sent;
  sio_packet_info info;
  int err = make_broadcast_request(&r, to, p, &info);
  if (err) return err;
  const uint64_t sent_before = a->order->last_sent;
  r.route = ROUTE_TO_CLUSTER;
  r.origin = make_and_store_next_broadcast_origin(a);
  err = sio__thread_request_send_to_members(a, &r, to, info.query, &cluster, 1, &sent);
  if (!err) {
    remember_sent_broadcast_until_delivered(a, sent);
    return 0;
  }
  /* The broadcast was not sent, so it is never delivered under the number r.origin: nothing may
   * wait for this number. */
  a->order->last_sent = sent_before;
  if (sent) sio__thread_request_unref(sent);
  return sio__threads_order_deliver_to_all_threads(a, to, p, 0);
}

int sio__threads_broadcast_in_cluster_order(struct threads_adapter *a, const sio_target *to,
                                            const sio_packet *p) {
  struct member_id cluster;
  bool here_only = is_for_this_thread_only(to->flags);
  if (here_only && !list_is_empty(&a->order->sent) && queue_event_after_last_broadcast(a, to, p))
    return 0;
  if (here_only) return a->below->broadcast(a->under, to, p);
  if (has_cluster_adapter_below(a)) return broadcast_through_own_cluster_adapter(a, to, p);
  return sio__threads_find_cluster_member(core_of_threads_adapter(a)->threads, &cluster)
             ? send_broadcast_to_cluster_member(a, to, p, cluster)
             : sio__threads_order_deliver_to_all_threads(a, to, p, 0);
}

/* ---- namespaces that the member with the adapter does not have ------------------------------- */

typedef void (*run_request_fn)(void *server, void *request);

static int pass_request_on_to_thread(struct core *core, struct member_id to, struct request *copy,
                                     run_request_fn run) {
  struct answer more = { .kind = ANSWER_MORE, .number = copy->number, .nsp = copy->nsp };
  int err = copy->number ? sio__thread_answer_send(core, copy->from, &more) : 0;
  if (err) return err;
  atomic_fetch_add(&copy->refs, 1);
  err = sio__threads_send(core->threads, to, run, copy, copy->size);
  if (!err) return 0;
  struct answer end = { .kind = ANSWER_END, .status = err, .number = copy->number };
  end.nsp = copy->nsp;
  if (copy->number) sio__thread_answer_send(core, copy->from, &end);
  sio__thread_request_unref(copy);
  return err;
}

void sio__threads_order_pass_broadcast_to_other_threads(struct core *core, const struct request *r,
                                                        run_request_fn run_request) {
  struct member_id others[MEMBERS_MAX];
  unsigned n = sio__threads_list_other_members(core->threads, core->member, others);
  struct request from = *r, *copy;
  from.route = ROUTE_DELIVERY;
  copy = sio__thread_request_copy(&from, NULL);
  if (!copy) sio__thread_message_report_lost(core, UV_ENOMEM, r->nsp);
  for (unsigned i = 0; copy && i < n; i++) {
    int err = pass_request_on_to_thread(core, others[i], copy, run_request);
    if (err && err != SIO_ECLOSED) sio__thread_message_report_lost(core, err, r->nsp);
  }
  if (copy) sio__thread_request_unref(copy);
}

/* ---- opening --------------------------------------------------------------------------------- */

int sio__threads_delivery_order_new(struct threads_order **out, struct threads_adapter *a) {
  *out = NULL;
  if (!a->nsp->core->opts->recovery) return 0;
  struct threads_order *o = sio__calloc(1, sizeof *o);
  if (!o) return UV_ENOMEM;
  o->adapter = a;
  list_init(&o->sent);
  list_init(&o->events);
  list_init(&o->requests);
  timer_init(&o->timer, on_timer_stop_waiting_for_old_broadcasts);
  *out = o;
  return 0;
}

void sio__threads_order_deliver_all_and_stop(struct threads_adapter *a) {
  if (!a->order) return;
  deliver_events_waiting_for_broadcast(a, UINT64_MAX);
  free_delivered_sent_broadcasts(a->order, UINT64_MAX);
  run_due_held_requests(a, UINT64_MAX);
  sio__loop_stop_timer(&core_of_threads_adapter(a)->loop, &a->order->timer);
}

void sio__threads_delivery_order_free(struct threads_adapter *a) {
  struct threads_order *o = a->order;
  struct list *it;
  if (!o) return;
  free_delivered_sent_broadcasts(o, UINT64_MAX);
  while ((it = list_first(&o->events)))
    waiting_event_free(o, container_of(it, struct waiting_event, link));
  while ((it = list_take_first(&o->requests))) {
    struct waiting_request *w = container_of(it, struct waiting_request, link);
    sio__thread_request_unref(w->request);
    sio__free(w);
  }
  sio__loop_stop_timer(&core_of_threads_adapter(a)->loop, &o->timer);
  sio__free(o);
  a->order = NULL;
}
