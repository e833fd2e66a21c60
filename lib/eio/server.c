/* SPDX-License-Identifier: MIT
 *
 * server.c - what all sessions of a server share, and its end.
 */
#include "eio/handshake.h"
#include "eio/session.h"

enum { NODES_KEPT = 4096 };

static sio_slice sid_of(const void *session) {
  return slice_str(((const sio_session *)session)->sid);
}

/* Every request is answered, dropped or given another mount while its head is looked at. */
static void never_complete(sio_request *r) { (void)r; }
static void never_aborted(sio_request *r, int err, const char *detail) {
  (void)r, (void)err, (void)detail;
}

static void free_packets(struct eio *e) {
  msg_unref(e->ping);
  msg_unref(e->pong);
  msg_unref(e->noop);
  msg_unref(e->close);
  msg_unref(e->initial);
  msg_unref(e->mark);
  e->ping = e->pong = e->noop = e->close = e->initial = e->mark = NULL;
}

/* One Engine.IO message. NULL: no memory. */
static struct msg *message_of(struct eio *e, bool binary, sio_slice data) {
  struct msg *m = sio__msg_new(&e->loop->msgs, data.n + !binary);
  if (!m) return NULL;
  if (!binary) sio__msg_put(&m, "4", 1);
  sio__msg_put(&m, data.p, data.n);
  m->binary = binary;
  return m;
}

/* It holds no text, and is counted as such. */
static struct msg *mark_of(struct eio *e) {
  struct msg *m = sio__msg_new(&e->loop->msgs, 0);
  if (!m) return NULL;
  m->cap = 0;
  m->plain = true;
  return m;
}

static bool make_packets(struct eio *e) {
  struct msgs *home = &e->loop->msgs;
  sio_slice first = e->opts->initial_packet;
  e->ping = sio__msg_copy(home, "2", 1);
  e->pong = sio__msg_copy(home, "3", 1);
  e->noop = sio__msg_copy(home, "6", 1);
  e->close = sio__msg_copy(home, "1", 1);
  e->initial = first.n ? message_of(e, e->opts->initial_binary, first) : NULL;
  e->mark = mark_of(e);
  return e->ping && e->pong && e->noop && e->close && e->mark && (e->initial || !first.n);
}

int sio__eio_init(struct eio *e, struct loop *l, struct log *log, const sio_options *opts,
                  struct ws_shared *ws, const struct eio_ops *ops, void *owner, sio_stats *stats) {
  *e = (struct eio){
    .loop = l, .log = log, .opts = opts, .ws = ws, .ops = ops, .owner = owner, .stats = stats
  };
  ws->recv.ops = &sio__ws_conn_recv_ops;
  ws->recv.limits = (struct ws_limits){ opts->max_payload, opts->max_fragments };
  e->mount = (struct http_mount){ .on_head = sio__handshake_head,
                                  .on_request = never_complete,
                                  .on_abort = never_aborted,
                                  .owner = e };
  e->full_at = opts->queue_high ? opts->queue_high : opts->max_queued;
  l->low_mark = opts->queue_low;
  sio__map_init(&e->sessions, sid_of);
  list_init(&e->all);
  list_init(&e->use_hooks);
  list_init(&e->header_hooks);
  list_init(&e->engine_hooks);
  sio__pool_init(&e->nodes, 2 * sizeof(void *), NODES_KEPT);
  if (make_packets(e)) return 0;
  free_packets(e);
  return UV_ENOMEM;
}

void sio__eio_close_all(struct eio *e, int reason) {
  struct list *it;
  e->closing = true;
  /* Always the first that is left: the host's hooks on a last answer may end others. */
  while ((it = list_first(&e->all))) {
    sio_session *c = container_of(it, sio_session, link);
    sio__session_end(c, true, reason, 0, "the server closes");
    /* One that lingers for its last poll has nothing to wait for any more. */
    sio__session_gone(c);
  }
}

static void free_hooks(struct list *hooks) {
  struct list *it;
  while ((it = list_pop(hooks))) {
    struct eio_hook *h = container_of(it, struct eio_hook, link);
    sio__free((void *)(uintptr_t)h->engine);
    sio__free(h);
  }
}

void sio__eio_clear(struct eio *e) {
  free_hooks(&e->use_hooks);
  free_hooks(&e->header_hooks);
  free_hooks(&e->engine_hooks);
  sio__map_clear(&e->sessions);
  sio__pool_clear(&e->nodes);
  free_packets(e);
}

/* The configured path is a prefix of the raw URL, as in the reference: "/socket.io/x?..." is ours too. */
bool sio__eio_owns(const struct eio *e, const sio_request *r) {
  return slice_starts(r->url, slice_str(e->opts->path));
}

/* ---- hooks ---------------------------------------------------------------------------- */

static struct eio_hook *add_hook(struct list *to, void *user) {
  struct eio_hook *h = sio__calloc(1, sizeof *h);
  if (!h) return NULL;
  h->user = user;
  list_push(to, &h->link);
  return h;
}

int sio__eio_use(struct eio *e, sio_request_use_cb cb, void *user) {
  struct eio_hook *h = cb ? add_hook(&e->use_hooks, user) : NULL;
  if (!h) return cb ? UV_ENOMEM : UV_EINVAL;
  h->use = cb;
  return 0;
}

int sio__eio_on_headers(struct eio *e, sio_headers_cb cb, void *user) {
  struct eio_hook *h = cb ? add_hook(&e->header_hooks, user) : NULL;
  if (!h) return cb ? UV_ENOMEM : UV_EINVAL;
  h->headers = cb;
  return 0;
}

int sio__eio_on_engine(struct eio *e, const sio_engine_hooks *hooks, void *user) {
  sio_engine_hooks *copy = hooks ? sio__malloc(sizeof *copy) : NULL;
  if (!copy) return hooks ? UV_ENOMEM : UV_EINVAL;
  *copy = *hooks;
  struct eio_hook *h = add_hook(&e->engine_hooks, user);
  if (!h) {
    sio__free(copy);
    return UV_ENOMEM;
  }
  h->engine = copy;
  return 0;
}
