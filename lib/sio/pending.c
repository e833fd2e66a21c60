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

static uint32_t count(const struct pending *p) { return p->waits ? p->waits->n : 0; }

static int make_room(struct pending *p) {
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

static void forget_empty(struct pending *p) {
  if (count(p)) return;
  sio__free(p->waits);
  p->waits = NULL;
}

/* Index of the id, or n. */
static uint32_t find(const struct waits *t, int64_t id) {
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

static struct wait *take(sio_socket *s, int64_t id) {
  struct waits *t = s->pending.waits;
  uint32_t i = t ? find(t, id) : 0;
  if (!t || i == t->n) return NULL;
  struct wait *w = t->v[i];
  t->n--;
  memmove(&t->v[i], &t->v[i + 1], (t->n - i) * sizeof(struct wait *));
  forget_empty(&s->pending);
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
  if (count(p) >= s->nsp->server->opts.o.max_acks) return SIO_ETOOBIG;
  struct wait *w = make_room(p) ? NULL : sio__malloc(sizeof *w);
  if (!w) {
    forget_empty(p);
    return UV_ENOMEM;
  }
  *w = (struct wait){ .id = p->next_id++, .socket = s, .cb = cb, .user = user };
  timer_init(&w->timer, on_timeout);
  if (timeout_ms) sio__loop_timer(loop_of(s), &w->timer, timeout_ms);
  p->waits->v[p->waits->n++] = w;
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
  struct waits *all = s->pending.waits;
  if (!all) return;
  s->pending.waits = NULL;
  for (uint32_t i = 0; i < all->n; i++) sio__loop_untimer(loop_of(s), &all->v[i]->timer);
  for (uint32_t i = 0; i < all->n; i++) tell(all->v[i], SIO_ECLOSED, NULL);
  sio__free(all);
}
