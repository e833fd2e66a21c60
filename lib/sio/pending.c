/* SPDX-License-Identifier: MIT
 *
 * pending.c - questions and their ends.
 */
#include "sio/pending.h"

#include "sio/event.h"
#include "sio/nsp.h"
#include "sio/server.h"
#include "sio/socket.h"

struct wait {
  int64_t id;
  sio_socket *socket; /* not counted: a socket ends its waits before it goes */
  sio_reply_cb cb;
  void *user;
  struct timer timer;
};

static struct loop *loop_of(const sio_socket *s) { return &s->nsp->server->loop; }

static int make_room(struct pending *p) {
  if (p->n < p->cap) return 0;
  uint32_t cap = p->cap ? p->cap * 2 : 4;
  struct wait **v = sio__realloc(p->v, cap * sizeof *v);
  if (!v) return UV_ENOMEM;
  p->v = v;
  p->cap = cap;
  return 0;
}

static void forget_table(struct pending *p) {
  sio__free(p->v);
  p->v = NULL;
  p->n = p->cap = 0;
}

/* Index of the id, or n. */
static uint32_t find(const struct pending *p, int64_t id) {
  uint32_t lo = 0, hi = p->n;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (p->v[mid]->id < id)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < p->n && p->v[lo]->id == id ? lo : p->n;
}

static struct wait *take(sio_socket *s, int64_t id) {
  struct pending *p = &s->pending;
  uint32_t i = find(p, id);
  if (i == p->n) return NULL;
  struct wait *w = p->v[i];
  p->n--;
  memmove(&p->v[i], &p->v[i + 1], (p->n - i) * sizeof(struct wait *));
  if (p->n == 0) forget_table(p);
  sio__loop_untimer(loop_of(s), &w->timer);
  return w;
}

/* The socket may be let go of by the host inside the callback. */
static void tell(struct wait *w, int status, sio_event *reply) {
  sio_socket *s = sio_socket_ref(w->socket);
  w->cb(s, status, reply, w->user);
  sio__free(w);
  sio_socket_unref(s);
}

static void on_timeout(struct timer *t) {
  struct wait *w = container_of(t, struct wait, timer);
  tell(take(w->socket, w->id), SIO_ETIMEOUT, NULL);
}

int sio__pending_add(sio_socket *s, unsigned timeout_ms, sio_reply_cb cb, void *user, int64_t *id) {
  struct pending *p = &s->pending;
  if (p->n >= s->nsp->server->opts.o.max_acks) return SIO_ETOOBIG;
  struct wait *w = make_room(p) ? NULL : sio__malloc(sizeof *w);
  if (!w) {
    if (p->n == 0) forget_table(p);
    return UV_ENOMEM;
  }
  *w = (struct wait){ .id = p->next_id++, .socket = s, .cb = cb, .user = user };
  timer_init(&w->timer, on_timeout);
  if (timeout_ms) sio__loop_timer(loop_of(s), &w->timer, timeout_ms);
  p->v[p->n++] = w;
  *id = w->id;
  return 0;
}

void sio__pending_undo(sio_socket *s, int64_t id) { sio__free(take(s, id)); }

void sio__pending_reply(sio_socket *s, const struct packet *p) {
  struct wait *w = take(s, p->id);
  if (!w) return;
  struct sio_event reply;
  sio__event_init(&reply, s, p);
  tell(w, 0, &reply);
  sio__event_clear(&reply);
}

void sio__pending_close(sio_socket *s) {
  struct pending all = s->pending;
  s->pending = (struct pending){ .next_id = all.next_id };
  for (uint32_t i = 0; i < all.n; i++) sio__loop_untimer(loop_of(s), &all.v[i]->timer);
  for (uint32_t i = 0; i < all.n; i++) tell(all.v[i], SIO_ECLOSED, NULL);
  sio__free(all.v);
}
