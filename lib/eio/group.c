/* SPDX-License-Identifier: MIT
 *
 * group.c - struct eio_group, the engines of one server with their hooks, and the setup of an
 * engine.
 */
#include "eio/handshake.h"
#include "eio/polling_queue.h"
#include "eio/session.h"

enum {
  NODES_KEPT = 4096, /* how many unused nodes of polling queues are kept for reuse, at most */
  /* Without queue_high: if reading from a WebSocket was stopped because too many replies were
   * queued, reading may resume when the queue takes at most this many bytes of memory. */
  LOW_MARK = 4096
};

static sio_slice get_map_key_of_session(const void *session) {
  return slice_str(((const sio_session *)session)->sid);
}

/* The on_request and on_abort of the engine's mount (struct http_mount) are never called: its
 * on_head answers each request, closes or hands over its connection, or gives it another mount. */
static void unreachable_on_request(sio_request *r) { (void)r; }
static void unreachable_on_abort(sio_request *r, int err, const char *detail) {
  (void)r, (void)err, (void)detail;
}

static void free_shared_packets(struct eio *e) {
  msg_unref(e->ping);
  msg_unref(e->pong);
  msg_unref(e->noop);
  msg_unref(e->close);
  msg_unref(e->initial);
  msg_unref(e->mark);
  e->ping = e->pong = e->noop = e->close = e->initial = e->mark = NULL;
}

struct msg *sio__eio_message_packet_new(struct eio *e, bool binary, sio_slice data) {
  struct msg *m = sio__msg_new(&e->loop->msgs, data.n + !binary);
  if (!m) return NULL;
  if (!binary) sio__msg_put(&m, "4", 1);
  sio__msg_put(&m, data.p, data.n);
  m->binary = binary;
  return m;
}

/* Makes the msg that is queued as a sent mark: a placeholder without bytes, whose callback runs
 * when everything that was queued before it has been sent. */
static struct msg *sent_callback_marker_msg_new(struct eio *e) {
  struct msg *m = sio__msg_new_without_text(&e->loop->msgs);
  if (m) m->plain = true;
  return m;
}

static bool make_shared_packets(struct eio *e) {
  struct msgs *home = &e->loop->msgs;
  sio_slice first = e->opts->initial_packet;
  e->ping = sio__msg_from_bytes(home, "2", 1);
  e->pong = sio__msg_from_bytes(home, "3", 1);
  e->noop = sio__msg_from_bytes(home, "6", 1);
  e->close = sio__msg_from_bytes(home, "1", 1);
  e->initial = first.n ? sio__eio_message_packet_new(e, e->opts->initial_binary, first) : NULL;
  e->mark = sent_callback_marker_msg_new(e);
  return e->ping && e->pong && e->noop && e->close && e->mark && (e->initial || !first.n);
}

int sio__eio_init(struct eio *e, const struct eio_plan *plan) {
  const sio_options *opts = plan->opts;
  struct loop *l = plan->loop;
  *e = (struct eio){ .loop = l,
                     .log = plan->log,
                     .opts = opts,
                     .ws = plan->ws,
                     .ops = plan->ops,
                     .owner = plan->owner,
                     .stats = plan->stats,
                     .group = plan->group,
                     .wants = plan->group->wants };
  e->ws->recv.ops = &sio__ws_conn_recv_ops;
  e->unjoined_unread_replies_max = opts->max_unjoined / 16;
  e->unjoined_message_max = opts->max_unjoined / 4;
  if (e->unjoined_message_max > opts->max_payload) e->unjoined_message_max = opts->max_payload;
  e->ws->recv.limits =
      (struct ws_limits){ opts->max_payload, opts->max_fragments, e->unjoined_message_max };
  e->mount = (struct http_mount){ .on_head = sio__handshake_verify_and_route_request,
                                  .on_request = unreachable_on_request,
                                  .on_abort = unreachable_on_abort,
                                  .owner = e };
  e->full_bytes = opts->queue_high ? opts->queue_high : opts->max_queued;
  l->low_mark = opts->queue_high ? opts->queue_low : LOW_MARK;
  sio__map_init(&e->sessions, get_map_key_of_session);
  list_init(&e->all);
  list_init(&e->link);
  sio__pool_init(&e->nodes, sizeof(struct out_node), NODES_KEPT);
  if (!make_shared_packets(e)) {
    free_shared_packets(e);
    return UV_ENOMEM;
  }
  list_append(&e->group->engines, &e->link);
  return 0;
}

static void close_engine_sessions(struct eio *e, int reason) {
  struct list *it;
  /* Takes the first session each time: sio__session_remove_and_schedule_close() removes it from
   * the list. */
  while ((it = list_first(&e->all))) {
    sio_session *c = container_of(it, sio_session, link);
    sio__session_end(c, true, reason, 0, "the server is closing");
    /* Without this call a polling session that has ended before would go on waiting for a GET. */
    sio__session_remove_and_schedule_close(c);
  }
}

static struct eio *engine_from_link(struct list *it) { return container_of(it, struct eio, link); }

void sio__eio_close_all_sessions(struct eio_group *g, int reason) {
  g->closing = true;
  list_each (it, next, &g->engines) close_engine_sessions(engine_from_link(it), reason);
}

static void free_hooks(struct list *hooks) {
  struct list *it;
  while ((it = list_take_first(hooks))) {
    struct eio_hook *h = container_of(it, struct eio_hook, link);
    sio__free((void *)(uintptr_t)h->engine);
    sio__free(h);
  }
}

static void engine_free_contents_and_release(struct eio *e) {
  sio__map_clear(&e->sessions);
  sio__pool_clear(&e->nodes);
  free_shared_packets(e);
  if (e->release) e->release(e);
}

void sio__eio_group_free_engines_and_hooks(struct eio_group *g) {
  struct list *it;
  while ((it = list_take_first(&g->engines)))
    engine_free_contents_and_release(engine_from_link(it));
  free_hooks(&g->use_hooks);
  free_hooks(&g->header_hooks);
  free_hooks(&g->engine_hooks);
}

void sio__eio_group_init(struct eio_group *g) {
  *g = (struct eio_group){ 0 };
  list_init(&g->engines);
  list_init(&g->use_hooks);
  list_init(&g->header_hooks);
  list_init(&g->engine_hooks);
}

/* The path is compared as a prefix of the raw URL, as Node.js's server does, so "/socket.io/x?..."
 * belongs to the engine with the path "/socket.io/", too. */
struct eio *sio__eio_find_engine_by_url(const struct eio_group *g, sio_slice url) {
  struct eio *found = NULL;
  size_t longest = 0;
  list_each (it, next, &g->engines) {
    sio_slice path = slice_str(engine_from_link(it)->opts->path);
    if (path.n < longest || !slice_starts_with(url, path)) continue;
    found = engine_from_link(it);
    longest = path.n;
  }
  return found;
}

static void set_wanted_events_of_all_engines(struct eio_group *g, unsigned wants) {
  g->wants = wants;
  list_each (it, next, &g->engines) engine_from_link(it)->wants = wants;
}

void sio__eio_update_packet_tracing(struct eio_group *g, const struct log *log) {
  bool talks = log->cb && log->level[SIO_PART_EIO] >= SIO_LOG_DEBUG;
  set_wanted_events_of_all_engines(g, (g->wants & ~(unsigned)WANT_LOG) | (talks ? WANT_LOG : 0));
}

/* ---- hooks ---------------------------------------------------------------------------- */

static struct eio_hook *append_new_host_hook(struct list *to, void *user) {
  struct eio_hook *h = sio__calloc(1, sizeof *h);
  if (!h) return NULL;
  h->user = user;
  list_append(to, &h->link);
  return h;
}

int sio__eio_add_request_hook(struct eio_group *g, sio_request_use_cb cb, void *user) {
  struct eio_hook *h = cb ? append_new_host_hook(&g->use_hooks, user) : NULL;
  if (!h) return cb ? UV_ENOMEM : UV_EINVAL;
  h->use = cb;
  return 0;
}

int sio__eio_add_header_hook(struct eio_group *g, sio_headers_cb cb, void *user) {
  struct eio_hook *h = cb ? append_new_host_hook(&g->header_hooks, user) : NULL;
  if (!h) return cb ? UV_ENOMEM : UV_EINVAL;
  h->headers = cb;
  return 0;
}

static unsigned wanted_events_of_hooks(const sio_engine_hooks *h) {
  return (h->packet ? WANT_PACKET : 0u) | (h->packet_create ? WANT_CREATE : 0u) |
         (h->flush ? WANT_FLUSH : 0u) | (h->message ? WANT_MESSAGE : 0u);
}

/* Makes WebSockets that are open already call the flush hook too. */
static void enable_flushing_callback_of_open_websockets(const struct eio_group *g) {
  list_each (it, next, &g->engines) {
    list_each (at, next_session, &engine_from_link(it)->all) {
      sio_session *c = container_of(at, sio_session, link);
      if (c->ws) conn_enable_flushing_callback(c->ws->conn);
    }
  }
}

int sio__eio_add_engine_hooks(struct eio_group *g, const sio_engine_hooks *hooks, void *user) {
  sio_engine_hooks *copy = sio__malloc(sizeof *copy);
  if (!copy) return UV_ENOMEM;
  *copy = *hooks;
  struct eio_hook *h = append_new_host_hook(&g->engine_hooks, user);
  if (!h) {
    sio__free(copy);
    return UV_ENOMEM;
  }
  h->engine = copy;
  set_wanted_events_of_all_engines(g, g->wants | wanted_events_of_hooks(copy));
  if (copy->flush) enable_flushing_callback_of_open_websockets(g);
  return 0;
}
