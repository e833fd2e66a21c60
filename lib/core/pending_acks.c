/* SPDX-License-Identifier: MIT
 *
 * pending_acks.c - waits for acks of peers. A socket that waits for acks has a table of struct
 * ack_wait, sorted by id. The timer of an ack_wait is used if the ack has a timeout and does not
 * belong to a query.
 */
#include "core/pending_acks.h"

#include "core/core.h"
#include "core/event.h"
#include "core/ignored.h"
#include "core/nsp.h"
#include "core/query.h"
#include "core/socket.h"

/* One ack that a socket waits for. */
struct ack_wait {
  int64_t id;
  /* Not a counted reference: a socket ends all its ack_waits before it is freed. */
  sio_socket *socket;
  sio_reply_cb cb; /* NULL if the ack belongs to `query` */
  void *user;
  union {
    sio_query *query; /* cb is NULL */
    struct {          /* cb is set */
      unsigned timeout_ms;
      bool extended; /* the timeout was restarted once because the host blocked the loop */
    };
  };
  struct list in_query; /* links query->ack_waits */
  struct timer timer;
  uint64_t asked_us; /* loop_now_us() when the wait began */
};

static struct loop *loop_of_socket(const sio_socket *s) { return &s->nsp->core->loop; }

static void count_ack_as_timed_out_or_lost(const sio_socket *s, int status) {
  sio_stats *st = &s->nsp->core->stats;
  (*(status == SIO_ETIMEOUT ? &st->acks_timed_out : &st->acks_lost))++;
}

static uint32_t count_pending_acks_of_socket(const sio_socket *s) {
  return s->ack_waits ? s->ack_waits->n : 0;
}

static int reserve_pending_ack_slot(sio_socket *s) {
  struct ack_waits *old = s->ack_waits;
  if (old && old->n < old->cap) return 0;
  uint32_t cap = old ? old->cap * 2 : 4;
  struct ack_waits *t = sio__realloc(old, sizeof *t + cap * sizeof(struct ack_wait *));
  if (!t) return UV_ENOMEM;
  if (!old) t->n = 0;
  t->cap = cap;
  s->ack_waits = t;
  return 0;
}

static void free_ack_table_if_empty(sio_socket *s) {
  if (count_pending_acks_of_socket(s)) return;
  sio__free(s->ack_waits);
  s->ack_waits = NULL;
}

/* Returns the index of the ack_wait with this id, or t->n if there is none. */
static uint32_t find_pending_ack_index(const struct ack_waits *t, int64_t id) {
  uint32_t lo = 0, hi = t->n;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (t->v[mid]->id < id)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < t->n && t->v[lo]->id == id ? lo : t->n;
}

static struct ack_wait *unlink_pending_ack_of_socket(sio_socket *s, int64_t id) {
  struct ack_waits *t = s->ack_waits;
  uint32_t i = t ? find_pending_ack_index(t, id) : 0;
  if (!t || i == t->n) return NULL;
  struct ack_wait *w = t->v[i];
  t->n--;
  memmove(&t->v[i], &t->v[i + 1], (t->n - i) * sizeof(struct ack_wait *));
  free_ack_table_if_empty(s);
  list_remove(&w->in_query);
  sio__loop_stop_timer(loop_of_socket(s), &w->timer);
  return w;
}

/* Calls the callback of an ack_wait that was removed from its socket, or, if the ack belongs to a
 * query, counts it there as lost. Frees the ack_wait. Holds a reference to the socket meanwhile,
 * because the callback may release the last reference that somebody else holds. */
static void call_ack_callback_or_count_lost_and_free(struct ack_wait *w, int status,
                                                     sio_event *reply) {
  sio_socket *s = sio_socket_ref(w->socket);
  if (!reply) count_ack_as_timed_out_or_lost(s, status);
  if (w->cb)
    w->cb(s, status, reply, w->user);
  else
    sio__query_count_lost_answers(w->query, 1);
  sio__free(w);
  sio_socket_unref(s);
}

/* If the host has blocked the loop while the timeout ran, the reply may have arrived and not been
 * read yet: then restarts the timeout and returns true, but only once for each ack. */
static bool restart_ack_timeout_once_if_loop_stalled(struct ack_wait *w) {
  struct loop *l = loop_of_socket(w->socket);
  if (!loop_should_restart_deadline(l, w->extended)) return false;
  w->extended = true;
  sio__loop_start_timer(l, &w->timer, w->timeout_ms);
  return true;
}

static void end_or_extend_pending_ack_on_timeout(struct timer *t) {
  struct ack_wait *w = container_of(t, struct ack_wait, timer);
  if (!restart_ack_timeout_once_if_loop_stalled(w))
    call_ack_callback_or_count_lost_and_free(unlink_pending_ack_of_socket(w->socket, w->id),
                                             SIO_ETIMEOUT, NULL);
}

/* ---- adding ------------------------------------------------------------------------------ */

/* Inserts w into t->v, which is sorted by id. A new ack_wait has the highest id, unless it belongs
 * to a query, whose ack id was assigned when the query was opened. */
static void insert_pending_ack_by_id(struct ack_waits *t, struct ack_wait *w) {
  uint32_t i = t->n++;
  for (; i > 0 && t->v[i - 1]->id > w->id; i--) t->v[i] = t->v[i - 1];
  t->v[i] = w;
}

static struct ack_wait *alloc_and_insert_pending_ack(sio_socket *s, const struct ack_wait *init) {
  struct ack_wait *w = reserve_pending_ack_slot(s) ? NULL : sio__malloc(sizeof *w);
  if (!w) {
    free_ack_table_if_empty(s);
    return NULL;
  }
  *w = *init;
  list_init(&w->in_query);
  timer_init(&w->timer, end_or_extend_pending_ack_on_timeout);
  w->asked_us = loop_now_us(loop_of_socket(s));
  insert_pending_ack_by_id(s->ack_waits, w);
  return w;
}

static bool has_socket_max_pending_acks(const sio_socket *s) {
  return count_pending_acks_of_socket(s) >= s->nsp->core->opts->max_acks;
}

int sio__pending_ack_add(sio_socket *s, unsigned timeout_ms, sio_reply_cb cb, void *user,
                         int64_t *id) {
  if (has_socket_max_pending_acks(s)) return SIO_ETOOBIG;
  struct ack_wait *w = alloc_and_insert_pending_ack(
      s, &(struct ack_wait){ .id = s->nsp->next_ack, .socket = s, .cb = cb, .user = user });
  if (!w) return UV_ENOMEM;
  *id = s->nsp->next_ack++;
  w->timeout_ms = timeout_ms;
  if (timeout_ms) sio__loop_start_timer(loop_of_socket(s), &w->timer, timeout_ms);
  return 0;
}

/* Removes and frees the ack_waits of a query that has ended. ACK packets that arrive for them later
 * are ignored. */
static void cancel_pending_acks_of_query(sio_query *q, int status) {
  struct list *it;
  while ((it = list_take_first(&q->ack_waits))) {
    struct ack_wait *w = container_of(it, struct ack_wait, in_query);
    count_ack_as_timed_out_or_lost(w->socket, status);
    unlink_pending_ack_of_socket(w->socket, w->id);
    sio__free(w);
  }
}

int sio__pending_ack_add_for_query(sio_socket *s, sio_query *q) {
  const struct ack_waits *t = s->ack_waits;
  if (t && find_pending_ack_index(t, q->ack_id) < t->n) return SIO_EEXISTS;
  if (has_socket_max_pending_acks(s)) return SIO_ETOOBIG;
  struct ack_wait *w =
      alloc_and_insert_pending_ack(s,
                                   &(struct ack_wait){ .id = q->ack_id, .socket = s, .query = q });
  if (!w) return UV_ENOMEM;
  list_append(&q->ack_waits, &w->in_query);
  q->cancel_ack_waits = cancel_pending_acks_of_query;
  return 0;
}

void sio__pending_ack_free_without_callback(sio_socket *s, int64_t id) {
  sio__free(unlink_pending_ack_of_socket(s, id));
}

int sio_cancel_ack(sio_socket *s, sio_reply_cb cb, void *user) {
  const struct ack_waits *t = s->ack_waits;
  uint32_t i = 0, n = cb ? count_pending_acks_of_socket(s) : 0;
  while (i < n && (t->v[i]->cb != cb || t->v[i]->user != user)) i++;
  if (i == n) return UV_ENOENT;
  count_ack_as_timed_out_or_lost(s, SIO_ECLOSED);
  sio__pending_ack_free_without_callback(s, t->v[i]->id);
  return 0;
}

/* ---- ending ------------------------------------------------------------------------------- */

/* Adds the first argument of the received ACK packet p to the query as an answer, with the
 * attachments of the packet if that argument contains a placeholder; null if there is no argument.
 * Frees w. */
static void add_received_ack_to_query_and_free_wait(struct ack_wait *w, const sio_socket *s,
                                                    const struct packet *p) {
  bool has_arg = p->json.n && p->scan->nargs > 0;
  bool has_bins =
      has_arg && p->nbins && p->scan->nplaceholders > 0 && p->scan->placeholders[0].arg == 0;
  sio__query_add_answer(w->query, s->id,
                        has_arg ? json_scanned_element(p->scan, p->json, 0) : SLICE("null"),
                        p->bins, has_bins ? p->nbins : 0);
  sio__free(w);
}

void sio__pending_ack_handle_received_ack(sio_socket *s, const struct packet *p) {
  struct ack_wait *w = unlink_pending_ack_of_socket(s, p->id);
  if (!w) {
    sio__count_and_log_ignored_packet(s->nsp->core, sio__session_client_address(s->session), p->nsp,
                                      SIO_IGNORED_ACK);
    return;
  }
  sio_stats *st = &s->nsp->core->stats;
  st->acks_received++;
  histogram_add(&st->ack_us, loop_now_us(loop_of_socket(s)) - w->asked_us);
  if (!w->cb) {
    add_received_ack_to_query_and_free_wait(w, s, p);
    return;
  }
  struct sio_event reply;
  sio__event_init(&reply, s, p);
  call_ack_callback_or_count_lost_and_free(w, 0, &reply);
  sio__event_clear(&reply);
}

/* All ack_waits are unlinked from their queries, and their timers are stopped, before the first
 * callback is called. So neither the callbacks nor a timeout can end an ack_wait that is still in
 * `all`. */
void sio__pending_acks_fail_all_of_socket(sio_socket *s) {
  struct ack_waits *all = s->ack_waits;
  if (!all) return;
  s->ack_waits = NULL;
  for (uint32_t i = 0; i < all->n; i++) {
    list_remove(&all->v[i]->in_query);
    sio__loop_stop_timer(loop_of_socket(s), &all->v[i]->timer);
  }
  for (uint32_t i = 0; i < all->n; i++)
    call_ack_callback_or_count_lost_and_free(all->v[i], SIO_ECLOSED, NULL);
  sio__free(all);
}
