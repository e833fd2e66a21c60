/* SPDX-License-Identifier: MIT
 *
 * pending.c - questions and their ends.
 */
#include "core/pending.h"

#include "core/core.h"
#include "core/event.h"
#include "core/nsp.h"
#include "core/query.h"
#include "core/socket.h"

struct wait {
  int64_t id;
  sio_socket *socket; /* not counted: a socket ends its waits before it goes */
  sio_reply_cb cb;    /* NULL: it is a part of query */
  void *user;
  union {
    sio_query *query;
    struct {
      unsigned timeout_ms;
      bool excused; /* its time was given to it once more already */
    };
  };
  struct list part; /* query->waits */
  struct timer timer;
  uint64_t asked; /* loop_now_us() */
};

static struct loop *socket_loop(const sio_socket *s) { return &s->nsp->core->loop; }

static void count_ended_wait(const sio_socket *s, int status) {
  sio_stats *st = &s->nsp->core->stats;
  (*(status == SIO_ETIMEOUT ? &st->acks_timed_out : &st->acks_lost))++;
}

static uint32_t count_waits(const struct pending *p) { return p->waits ? p->waits->n : 0; }

static int reserve_wait_slot(struct pending *p) {
  struct waits *old = p->waits;
  if (old && old->n < old->cap) return 0;
  uint32_t cap = old ? old->cap * 2 : 4;
  struct waits *t = sio__realloc(old, sizeof *t + cap * sizeof(struct wait *));
  if (!t) return UV_ENOMEM;
  if (!old) t->n = 0;
  t->cap = cap;
  p->waits = t;
  return 0;
}

static void free_empty_table(struct pending *p) {
  if (count_waits(p)) return;
  sio__free(p->waits);
  p->waits = NULL;
}

/* Index of the id, or n. */
static uint32_t find_wait_index(const struct waits *t, int64_t id) {
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

static struct wait *remove_wait(sio_socket *s, int64_t id) {
  struct waits *t = s->pending.waits;
  uint32_t i = t ? find_wait_index(t, id) : 0;
  if (!t || i == t->n) return NULL;
  struct wait *w = t->v[i];
  t->n--;
  memmove(&t->v[i], &t->v[i + 1], (t->n - i) * sizeof(struct wait *));
  free_empty_table(&s->pending);
  list_remove(&w->part);
  sio__loop_stop_timer(socket_loop(s), &w->timer);
  return w;
}

/* The socket may be let go of by the host inside the callback. */
static void call_ack_callback(struct wait *w, int status, sio_event *reply) {
  sio_socket *s = sio_socket_ref(w->socket);
  if (!reply) count_ended_wait(s, status);
  if (w->cb)
    w->cb(s, status, reply, w->user);
  else
    sio_query_lost(w->query, 1);
  sio__free(w);
  sio_socket_unref(s);
}

/* The host kept the loop while the time ran out: the peer had none of it, or its reply is on its
 * way. */
static bool extend_wait(struct wait *w) {
  struct loop *l = socket_loop(w->socket);
  if (!loop_extends_deadline(l, w->excused)) return false;
  w->excused = true;
  sio__loop_start_timer(l, &w->timer, w->timeout_ms);
  return true;
}

static void wait_on_timeout(struct timer *t) {
  struct wait *w = container_of(t, struct wait, timer);
  if (!extend_wait(w)) call_ack_callback(remove_wait(w->socket, w->id), SIO_ETIMEOUT, NULL);
}

/* ---- asking ------------------------------------------------------------------------------ */

/* In its place: the end, unless the query is older than a question asked since. */
static void insert_wait_by_id(struct waits *t, struct wait *w) {
  uint32_t i = t->n++;
  for (; i > 0 && t->v[i - 1]->id > w->id; i--) t->v[i] = t->v[i - 1];
  t->v[i] = w;
}

static struct wait *add_wait(sio_socket *s, const struct wait *like) {
  struct pending *p = &s->pending;
  struct wait *w = reserve_wait_slot(p) ? NULL : sio__malloc(sizeof *w);
  if (!w) {
    free_empty_table(p);
    return NULL;
  }
  *w = *like;
  list_init(&w->part);
  timer_init(&w->timer, wait_on_timeout);
  w->asked = loop_now_us(socket_loop(s));
  insert_wait_by_id(p->waits, w);
  return w;
}

static bool has_max_acks(const sio_socket *s) {
  return count_waits(&s->pending) >= s->nsp->core->opts->max_acks;
}

int sio__pending_add(sio_socket *s, unsigned timeout_ms, sio_reply_cb cb, void *user, int64_t *id) {
  if (has_max_acks(s)) return SIO_ETOOBIG;
  struct wait *w =
      add_wait(s, &(struct wait){ .id = s->nsp->next_ack, .socket = s, .cb = cb, .user = user });
  if (!w) return UV_ENOMEM;
  *id = s->nsp->next_ack++;
  w->timeout_ms = timeout_ms;
  if (timeout_ms) sio__loop_start_timer(socket_loop(s), &w->timer, timeout_ms);
  return 0;
}

/* The query is over: its sockets owe it nothing. */
static void cancel_query_waits(sio_query *q, int status) {
  struct list *part;
  while ((part = list_pop(&q->waits))) {
    struct wait *w = container_of(part, struct wait, part);
    count_ended_wait(w->socket, status);
    remove_wait(w->socket, w->id);
    sio__free(w);
  }
}

int sio__pending_ask(sio_socket *s, sio_query *q) {
  const struct waits *t = s->pending.waits;
  if (t && find_wait_index(t, q->ack_id) < t->n) return SIO_EEXISTS;
  if (has_max_acks(s)) return SIO_ETOOBIG;
  struct wait *w = add_wait(s, &(struct wait){ .id = q->ack_id, .socket = s, .query = q });
  if (!w) return UV_ENOMEM;
  list_push(&q->waits, &w->part);
  q->cancel_waits = cancel_query_waits;
  return 0;
}

void sio__pending_undo(sio_socket *s, int64_t id) { sio__free(remove_wait(s, id)); }

int sio_cancel_ack(sio_socket *s, sio_reply_cb cb, void *user) {
  const struct waits *t = s->pending.waits;
  uint32_t i = 0, n = cb ? count_waits(&s->pending) : 0;
  while (i < n && (t->v[i]->cb != cb || t->v[i]->user != user)) i++;
  if (i == n) return UV_ENOENT;
  count_ended_wait(s, SIO_ECLOSED);
  sio__pending_undo(s, t->v[i]->id);
  return 0;
}

/* ---- the ends ----------------------------------------------------------------------------- */

static void answer_query(struct wait *w, const sio_socket *s, const struct packet *p) {
  bool some = p->json.n && p->scan->nargs > 0;
  bool refers = some && p->nbins && p->scan->nholes > 0 && p->scan->holes[0].arg == 0;
  sio__query_answer(w->query, s->id, some ? json_arg(p->scan, p->json, 0) : SLICE("null"), p->bins,
                    refers ? p->nbins : 0);
  sio__free(w);
}

void sio__pending_reply(sio_socket *s, const struct packet *p) {
  struct wait *w = remove_wait(s, p->id);
  if (!w) return;
  sio_stats *st = &s->nsp->core->stats;
  st->acks_received++;
  histogram_add(&st->ack_us, loop_now_us(socket_loop(s)) - w->asked);
  if (!w->cb) {
    answer_query(w, s, p);
    return;
  }
  struct sio_event reply;
  sio__event_init(&reply, s, p);
  call_ack_callback(w, 0, &reply);
  sio__event_clear(&reply);
}

void sio__pending_close(sio_socket *s) {
  struct waits *all = s->pending.waits;
  if (!all) return;
  s->pending.waits = NULL;
  for (uint32_t i = 0; i < all->n; i++) {
    list_remove(&all->v[i]->part);
    sio__loop_stop_timer(socket_loop(s), &all->v[i]->timer);
  }
  for (uint32_t i = 0; i < all->n; i++) call_ack_callback(all->v[i], SIO_ECLOSED, NULL);
  sio__free(all);
}
