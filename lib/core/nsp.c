/* SPDX-License-Identifier: MIT
 *
 * nsp.c - namespaces: making and finding them, their members, and registering and running what
 * the host wants to hear.
 */
#include "core/nsp.h"

#include "base/mem.h"
#include "core/core.h"
#include "core/dynamic.h"
#include "core/recovery.h"
#include "core/room_hooks.h"
#include "core/socket.h"
#include "packet/packet.h"

/* ---- members ------------------------------------------------------------------------- */

enum { MEMBERS_MIN = 16 };

static int resize(sio_nsp *nsp, uint32_t cap) {
  sio_socket **p = sio__realloc(nsp->members, cap * sizeof(sio_socket *));
  if (!p) return UV_ENOMEM;
  nsp->members = p;
  nsp->members_cap = cap;
  return 0;
}

int sio__nsp_add_member(sio_nsp *nsp, sio_socket *s) {
  uint32_t cap = nsp->members_cap;
  if (cap > UINT32_MAX / 2) return UV_ENOMEM;
  int err = nsp->nmembers < cap ? 0 : resize(nsp, cap ? cap * 2 : MEMBERS_MIN);
  if (!err) err = sio__map_put(&nsp->by_id, s);
  if (err) return err;
  s->index = nsp->nmembers;
  nsp->members[nsp->nmembers++] = s;
  return 0;
}

void sio__nsp_remove_member(sio_nsp *nsp, sio_socket *s) {
  sio_socket *last = nsp->members[--nsp->nmembers];
  nsp->members[s->index] = last;
  last->index = s->index;
  sio__map_del(&nsp->by_id, slice_str(s->id));
  /* Without memory it stays roomy, which is fine too. */
  if (nsp->members_cap > MEMBERS_MIN && nsp->nmembers < nsp->members_cap / 4)
    (void)resize(nsp, nsp->members_cap / 2);
}

static sio_slice socket_key(const void *s) { return slice_str(((const sio_socket *)s)->id); }

size_t sio_nsp_count(const sio_nsp *nsp) { return nsp->nmembers; }

sio_socket *sio_socket_find(const sio_nsp *nsp, const char *id) {
  return sio__map_get(&nsp->by_id, slice_str(id));
}

void sio_nsp_each(const sio_nsp *nsp, void (*visit)(sio_socket *s, void *user), void *user) {
  for (uint32_t i = 0; visit && i < nsp->nmembers; i++) visit(nsp->members[i], user);
}

/* ---- handlers by event ------------------------------------------------------------------- */

struct handlers {
  struct hooks hooks;
  size_t n;
  char event[];
};

static sio_slice handlers_key(const void *p) {
  const struct handlers *h = p;
  return slice(h->event, h->n);
}

static void free_handlers(struct handlers *h) {
  sio__hooks_clear(&h->hooks);
  sio__free(h);
}

static struct handlers *handlers_new(struct map *all, sio_slice event) {
  struct handlers *h = sio__malloc(sizeof *h + event.n);
  if (!h) return NULL;
  sio__hooks_init(&h->hooks);
  h->n = event.n;
  if (event.n) memcpy(h->event, event.p, event.n);
  if (sio__map_put(all, h) == 0) return h;
  sio__free(h);
  return NULL;
}

/* The row of an event goes with its last handler, unless it is being run. */
static void trim(struct map *all, struct handlers *h) {
  if (!hooks_empty(&h->hooks) || h->hooks.walks) return;
  sio__map_del(all, slice(h->event, h->n));
  free_handlers(h);
}

int sio__nsp_add_handler(struct map *handlers, sio_slice event, hook_fn fn, void *user) {
  struct handlers *h = sio__map_get(handlers, event);
  if (!h && !(h = handlers_new(handlers, event))) return UV_ENOMEM;
  int err = sio__hooks_add(&h->hooks, fn, user, false);
  if (err) trim(handlers, h);
  return err;
}

int sio_on_slice(sio_nsp *nsp, sio_slice event, sio_event_cb cb, void *user) {
  if (!event.p || sio__name_reserved(event)) return SIO_ENAME;
  return sio__nsp_add_handler(&nsp->handlers, event, (hook_fn)cb, user);
}

int sio_on(sio_nsp *nsp, const char *event, sio_event_cb cb, void *user) {
  return sio_on_slice(nsp, slice_str(event), cb, user);
}

int sio_off(sio_nsp *nsp, const char *event, sio_event_cb cb, void *user) {
  return sio_off_slice(nsp, slice_str(event), cb, user);
}

int sio_off_slice(sio_nsp *nsp, sio_slice event, sio_event_cb cb, void *user) {
  struct handlers *h = sio__map_get(&nsp->handlers, event);
  int err = h ? sio__hooks_remove(&h->hooks, (hook_fn)cb, user) : UV_ENOENT;
  if (!err) trim(&nsp->handlers, h);
  return err;
}

void sio__nsp_run_handlers(sio_nsp *nsp, sio_socket *s, sio_event *e, sio_slice name) {
  struct handlers *h = sio__map_get(&nsp->handlers, name);
  if (!h) return;
  struct hook_walk w = sio__hooks_walk(&h->hooks);
  for (const struct hook *k; (k = sio__hooks_next(&w));) {
    ((sio_event_cb)k->fn)(s, e, k->user);
    if (s->state == SOCKET_CONNECTED) continue;
    sio__hooks_stop(&w);
    break;
  }
  trim(&nsp->handlers, h);
}

void sio__nsp_run_server_side_handlers(sio_nsp *nsp, sio_event *e) {
  struct handlers *h = sio__map_get(&nsp->server_side, sio_event_name_slice(e));
  if (!h) return;
  struct hook_walk w = sio__hooks_walk(&h->hooks);
  for (const struct hook *k; (k = sio__hooks_next(&w));)
    ((sio_server_side_cb)k->fn)(nsp, e, k->user);
}

/* ---- other callbacks ------------------------------------------------------------------------ */

#define EACH_HOOK(k, row)                        \
  struct hook_walk walk_ = sio__hooks_walk(row); \
  for (const struct hook *k; (k = sio__hooks_next(&walk_));)

void sio__nsp_run_any_hooks(sio_nsp *nsp, sio_socket *s, sio_event *e) {
  EACH_HOOK(k, &nsp->any)((sio_event_cb)k->fn)(s, e, k->user);
}

void sio__nsp_run_connect_hooks(sio_nsp *nsp, sio_socket *s) {
  EACH_HOOK(k, &nsp->connect)((sio_connect_cb)k->fn)(s, k->user);
}

void sio__nsp_run_disconnect_hooks(struct hooks *h, sio_socket *s, const sio_close_info *why) {
  EACH_HOOK(k, h)((sio_disconnect_cb)k->fn)(s, why, k->user);
}

void sio__nsp_run_error_hooks(sio_nsp *nsp, sio_socket *s, int err, const char *message) {
  EACH_HOOK(k, &nsp->error)((sio_error_cb)k->fn)(s, err, message, k->user);
}

void sio__nsp_run_outgoing_hooks(sio_nsp *nsp, sio_socket *s, const char *event, sio_args args) {
  struct loop *l = &nsp->core->loop;
  const char *outer = l->watcher;
  l->watcher = "the callback of sio_on_any_outgoing()";
  EACH_HOOK(k, &nsp->outgoing)((sio_outgoing_cb)k->fn)(s, event, args, k->user);
  l->watcher = outer;
}

void sio__nsp_run_writable_hooks(sio_nsp *nsp, sio_socket *s) {
  EACH_HOOK(k, &nsp->writable)((sio_writable_cb)k->fn)(s, k->user);
}

void sio__nsp_run_drop_hooks(sio_nsp *nsp, sio_socket *s, const sio_drop *d) {
  EACH_HOOK(k, &nsp->drop)((sio_drop_cb)k->fn)(s, d, k->user);
}

void sio__nsp_run_new_hooks(sio_nsp *nsp) {
  EACH_HOOK(k, &nsp->core->new_nsp)((sio_nsp_cb)k->fn)(nsp, k->user);
}

int sio_use(sio_nsp *nsp, sio_middleware_cb cb, void *user) {
  return sio__hooks_add(&nsp->middleware, (hook_fn)cb, user, false);
}
int sio_use_packet(sio_nsp *nsp, sio_packet_cb cb, void *user) {
  return sio__hooks_add(&nsp->packet_middleware, (hook_fn)cb, user, false);
}
int sio_on_connect(sio_nsp *nsp, sio_connect_cb cb, void *user) {
  return sio__hooks_add(&nsp->connect, (hook_fn)cb, user, false);
}
int sio_on_disconnecting(sio_nsp *nsp, sio_disconnect_cb cb, void *user) {
  return sio__hooks_add(&nsp->disconnecting, (hook_fn)cb, user, false);
}
int sio_on_disconnect(sio_nsp *nsp, sio_disconnect_cb cb, void *user) {
  return sio__hooks_add(&nsp->disconnect, (hook_fn)cb, user, false);
}
int sio_on_any(sio_nsp *nsp, sio_event_cb cb, void *user) {
  return sio__hooks_add(&nsp->any, (hook_fn)cb, user, false);
}
int sio_on_any_front(sio_nsp *nsp, sio_event_cb cb, void *user) {
  return sio__hooks_add(&nsp->any, (hook_fn)cb, user, true);
}
int sio_off_any(sio_nsp *nsp, sio_event_cb cb, void *user) {
  return sio__hooks_remove(&nsp->any, (hook_fn)cb, user);
}
int sio_on_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user) {
  return sio__hooks_add(&nsp->outgoing, (hook_fn)cb, user, false);
}
int sio_off_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user) {
  return sio__hooks_remove(&nsp->outgoing, (hook_fn)cb, user);
}
int sio_on_error(sio_nsp *nsp, sio_error_cb cb, void *user) {
  return sio__hooks_add(&nsp->error, (hook_fn)cb, user, false);
}
int sio_on_writable(sio_nsp *nsp, sio_writable_cb cb, void *user) {
  return sio__hooks_add(&nsp->writable, (hook_fn)cb, user, false);
}
int sio_on_drop(sio_nsp *nsp, sio_drop_cb cb, void *user) {
  return sio__hooks_add(&nsp->drop, (hook_fn)cb, user, false);
}
int sio_on_new_nsp(sio_server *srv, sio_nsp_cb cb, void *user) {
  return sio__hooks_add(&core_of(srv)->new_nsp, (hook_fn)cb, user, false);
}

/* ---- namespaces ----------------------------------------------------------------------------- */

bool sio__nsp_name_valid(sio_slice s) {
  if (s.n > NSP_NAME_MAX) return false;
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c < 0x20 || c == 0x7f || c == ',' || c == '?') return false;
  }
  return true;
}

bool sio__nsp_full_name(char out[NSP_NAME_MAX + 1], const char *name, sio_slice *full) {
  size_t n = name ? strnlen(name, NSP_NAME_MAX + 1) : 0;
  bool bare = n == 0 || name[0] != '/';
  if (n + bare > NSP_NAME_MAX) return false;
  out[0] = '/';
  if (n) memcpy(out + bare, name, n);
  out[n + bare] = '\0';
  *full = slice(out, n + bare);
  return sio__nsp_name_valid(*full);
}

sio_slice sio__nsp_key(const void *nsp) { return slice_str(((const sio_nsp *)nsp)->name); }

/* All rows but the one of rooms, whose hooks own something. */
enum { ROWS = 10 };

struct rows {
  struct hooks *row[ROWS];
};

static struct rows rows_of(sio_nsp *nsp) {
  return (struct rows){ { &nsp->middleware, &nsp->packet_middleware, &nsp->connect,
                          &nsp->disconnecting, &nsp->disconnect, &nsp->any, &nsp->outgoing,
                          &nsp->error, &nsp->writable, &nsp->drop } };
}

static void init_hooks(sio_nsp *nsp) {
  struct rows all = rows_of(nsp);
  for (size_t i = 0; i < ROWS; i++) sio__hooks_init(all.row[i]);
  sio__hooks_init(&nsp->rooms);
}

static void clear_handlers(struct map *all) {
  struct handlers *h;
  for (uint32_t i = 0; (h = sio__map_next(all, &i));) free_handlers(h);
  sio__map_clear(all);
}

static void clear_hooks(sio_nsp *nsp) {
  struct rows all = rows_of(nsp);
  for (size_t i = 0; i < ROWS; i++) sio__hooks_clear(all.row[i]);
  clear_handlers(&nsp->handlers);
  clear_handlers(&nsp->server_side);
  sio__room_hooks_clear(nsp);
}

void sio__nsp_close(sio_nsp *nsp) {
  sio__recovery_free(nsp->recovery);
  nsp->recovery = NULL;
  nsp->ops->close(nsp->adapter);
  nsp->adapter = NULL;
  nsp->ops = &sio__closed_adapter;
}

void sio__nsp_free(sio_nsp *nsp) {
  sio__recovery_free(nsp->recovery);
  clear_hooks(nsp);
  sio__map_clear(&nsp->by_id);
  sio__free(nsp->members);
  sio__free(nsp);
}

int sio__nsp_new(sio_nsp **out, struct core *core, sio_slice name, const sio_adapter_ops *ops) {
  sio_nsp *nsp = sio__calloc(1, sizeof *nsp + name.n + 1);
  if (!nsp) return UV_ENOMEM;
  nsp->core = core;
  nsp->ops = ops;
  nsp->refs = 1;
  memcpy(nsp->name, name.p, name.n);
  sio__map_init(&nsp->by_id, socket_key);
  sio__map_init(&nsp->handlers, handlers_key);
  sio__map_init(&nsp->server_side, handlers_key);
  list_init(&nsp->queries);
  list_init(&nsp->sibling);
  task_init(&nsp->vacate, sio__child_vacate);
  init_hooks(nsp);
  *out = nsp;
  return 0;
}

static int copy_handlers(struct map *to, const struct map *from) {
  const struct handlers *h;
  int err = 0;
  for (uint32_t i = 0; !err && (h = sio__map_next(from, &i));) {
    struct handlers *own = handlers_new(to, slice(h->event, h->n));
    err = own ? sio__hooks_copy(&own->hooks, &h->hooks) : UV_ENOMEM;
  }
  return err;
}

int sio__nsp_copy_hooks(sio_nsp *nsp, const sio_nsp *from) {
  struct rows own = rows_of(nsp), theirs = rows_of((sio_nsp *)(uintptr_t)from);
  int err = 0;
  for (size_t i = 0; i < ROWS && !err; i++) err = sio__hooks_copy(own.row[i], theirs.row[i]);
  if (!err) err = sio__room_hooks_copy(nsp, from);
  if (!err) err = copy_handlers(&nsp->handlers, &from->handlers);
  return err ? err : copy_handlers(&nsp->server_side, &from->server_side);
}

int sio__nsp_open(sio_nsp *nsp) {
  int err = sio__recovery_new(&nsp->recovery, nsp);
  if (!err) err = nsp->ops->open(&nsp->adapter, nsp);
  if (!err && (err = sio__map_put(&nsp->core->nsps, nsp))) sio__nsp_close(nsp);
  return err;
}

/* ---- who uses it, and who only names it ----------------------------------------------------- */

void sio__nsp_drop_library_ref(sio_nsp *nsp) {
  if (--nsp->refs == 0) sio__nsp_free(nsp);
}

void sio__nsp_memory_ref(sio_nsp *nsp) {
  nsp->refs++;
  sio__core_ref(nsp->core);
}

void sio__nsp_memory_unref(sio_nsp *nsp) {
  struct core *core = nsp->core;
  sio__nsp_drop_library_ref(nsp);
  sio__core_unref(core);
}

sio_nsp *sio_nsp_ref(sio_nsp *nsp) {
  nsp->users++;
  sio__nsp_memory_ref(nsp);
  return nsp;
}

void sio_nsp_unref(sio_nsp *nsp) {
  if (--nsp->users == 0) sio__child_look(nsp);
  sio__nsp_memory_unref(nsp);
}

void sio__nsp_stats_add(struct nsp_stats *st, const sio_nsp *nsp) {
  st->sockets += nsp->nmembers;
  if (nsp->adapter && nsp->ops->room_count) st->rooms += nsp->ops->room_count(nsp->adapter);
  st->events_in += nsp->events_in;
  st->events_out += nsp->events_out;
}

/* ---- by name -------------------------------------------------------------------------------- */

sio_nsp *sio__nsp_find(const struct core *core, sio_slice name) {
  return name.n <= NSP_NAME_MAX ? sio__map_get(&core->nsps, name) : NULL;
}

sio_nsp *sio_nsp_find(sio_server *srv, const char *name) {
  char room[NSP_NAME_MAX + 1];
  sio_slice full;
  return sio__nsp_full_name(room, name, &full) ? sio__nsp_find(core_of(srv), full) : NULL;
}

static int static_new(sio_nsp **out, struct core *core, sio_slice name) {
  int err = sio__nsp_new(out, core, name, core->opts->adapter);
  if (!err && (err = sio__nsp_open(*out))) sio__nsp_free(*out);
  if (!err) sio__nsp_run_new_hooks(*out);
  return err;
}

int sio_of(sio_server *srv, const char *name, sio_nsp **out) {
  struct core *core = core_of(srv);
  char room[NSP_NAME_MAX + 1];
  sio_slice full;
  if (!sio__nsp_full_name(room, name, &full)) return SIO_ENAME;
  sio_nsp *nsp = sio__nsp_find(core, full);
  if (!nsp) {
    if (core->closing) return SIO_ESTATE;
    sio_nsp *parent = sio__parent_find_by_name(core, full);
    int err = parent ? sio__child_new(&nsp, parent, full, NULL) : static_new(&nsp, core, full);
    if (err) return err;
  }
  if (out) *out = nsp;
  return 0;
}

void *sio_adapter_user(const sio_nsp *nsp) { return nsp->core->opts->adapter_user; }
unsigned sio_adapter_timeout(const sio_nsp *nsp) { return nsp->core->opts->request_timeout_ms; }
const char *sio_nsp_name(const sio_nsp *nsp) { return nsp->name; }
sio_server *sio_nsp_server(const sio_nsp *nsp) { return core_server(nsp->core); }
