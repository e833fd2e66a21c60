/* SPDX-License-Identifier: MIT
 *
 * plain_ws.c - the host's own WebSocket routes.
 */
#include "eio/plain_ws.h"
#include "eio/accept.h"
#include <sio/error.h>

struct sio_ws {
  struct plain_ws *endpoint;
  struct ws_conn *ws;
  struct list link;
  struct task overflow; /* closes it at the end of the turn, outside the sending call */
  struct grave grave;
  void *data;
};

static void free_ws(struct grave *g) { sio__free(container_of(g, sio_ws, grave)); }

static void gone(sio_ws *w, const sio_close_info *why) {
  struct plain_ws *e = w->endpoint;
  w->ws = NULL;
  list_remove(&w->link);
  task_cancel(&w->overflow);
  if (e->cbs.close) e->cbs.close(w, why, e->user);
  sio__loop_bury(e->shared->loop, &w->grave, free_ws);
}

static void on_message(struct ws_conn *c, bool binary, char *p, size_t n) {
  sio_ws *w = c->owner;
  struct plain_ws *e = w->endpoint;
  if (e->cbs.message) e->cbs.message(w, binary, slice(p, n), e->user);
}

static void on_closed(struct ws_conn *c, const struct ws_close *why) {
  bool error = why->err == SIO_EPROTO || why->err == SIO_ETOOBIG || why->err == UV_ENOMEM;
  gone(c->owner, &(sio_close_info){ error ? SIO_REASON_TRANSPORT_ERROR : SIO_REASON_TRANSPORT_CLOSE,
                                    why->err, (int)why->code, why->detail, why->reason });
}

static const struct ws_conn_ops ops = { .message = on_message, .closed = on_closed };

static void on_overflow(struct task *t) {
  sio_ws *w = container_of(t, sio_ws, overflow);
  sio__ws_drop(w->ws);
  gone(w, &(sio_close_info){ SIO_REASON_FORCED_CLOSE, SIO_ETOOBIG, 0,
                             "it does not read: more than max_queued bytes wait for it", "" });
}

static bool accepted(struct plain_ws *e, sio_request *r) {
  int status = e->cbs.accept ? e->cbs.accept(r, e->user) : 0;
  if (status == 0) return true;
  sio__request_last(r);
  sio__request_answer(r, status >= 400 && status <= 599 ? status : 403, NULL, slice(NULL, 0));
  return false;
}

void sio__plain_ws_upgrade(sio_request *r, void *endpoint) {
  struct plain_ws *e = endpoint;
  sio_slice rest;
  if (!sio__ws_handshake_ok(r) || !accepted(e, r)) return;
  sio_ws *w = sio__calloc(1, sizeof *w);
  if (!w) {
    sio__request_drop(r);
    return;
  }
  w->endpoint = e;
  if (sio__ws_accept_request(&w->ws, r, e->shared, &ops, w, &rest)) {
    sio__free(w);
    return;
  }
  list_push(&e->peers, &w->link);
  task_init(&w->overflow, on_overflow);
  if (e->cbs.open) e->cbs.open(w, e->user);
  if (rest.n && w->ws) sio__ws_conn_feed(w->ws, rest);
}

struct plain_ws *sio__plain_ws_new(struct ws_shared *shared, size_t max_queued,
                                   const sio_ws_callbacks *cbs, void *user) {
  struct plain_ws *e = sio__calloc(1, sizeof *e);
  if (!e) return NULL;
  list_init(&e->link);
  list_init(&e->peers);
  e->shared = shared;
  e->max_queued = max_queued;
  e->cbs = *cbs;
  e->user = user;
  return e;
}

void sio__plain_ws_close_all(struct plain_ws *e) {
  list_each (it, next, &e->peers)
    sio_ws_close(container_of(it, sio_ws, link), 1001, "server shutting down");
}

void sio__plain_ws_free(struct plain_ws *e) { sio__free(e); }

/* ---- public ---------------------------------------------------------------------- */

int sio_ws_send(sio_ws *w, bool binary, sio_slice data) {
  if (!w->ws) return SIO_ECLOSED;
  struct loop *l = w->endpoint->shared->loop;
  struct msg *m = sio__msg_copy(&l->msgs, data.p, data.n);
  if (!m) return UV_ENOMEM;
  m->binary = binary;
  int err = sio__ws_send(w->ws, m);
  msg_unref(m);
  if (!err && ws_held(w->ws) > w->endpoint->max_queued) {
    sio__loop_defer(l, &w->overflow);
    err = SIO_ETOOBIG;
  }
  return err;
}

size_t sio_ws_queued(const sio_ws *w) { return w->ws ? ws_queued(w->ws) : 0; }

void sio_ws_close(sio_ws *w, unsigned code, const char *reason) {
  if (w->ws) sio__ws_close(w->ws, code, reason ? reason : "");
}

void *sio_ws_data(const sio_ws *w) { return w->data; }
void sio_ws_set_data(sio_ws *w, void *data) { w->data = data; }
