/* SPDX-License-Identifier: MIT
 *
 * nsp_hooks.c - registers the host's callbacks of a namespace, and runs them.
 */
#include "base/mem.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "core/core.h"
#include "core/event.h"
#include "core/nsp.h"
#include "core/room_hooks.h"
#include "core/socket.h"
#include "packet/packet.h"

/* ---- handlers of events by name ------------------------------------------------------------- */

struct event_handlers {
  struct hooks hooks;
  size_t n;     /* length of the name */
  char event[]; /* the name of the event */
};

static sio_slice event_handlers_get_event_name_key(const void *p) {
  const struct event_handlers *h = p;
  return slice(h->event, h->n);
}

static void free_handlers_of_event(struct event_handlers *h) {
  sio__hooks_clear(&h->hooks);
  sio__free(h);
}

static struct event_handlers *add_event_to_handler_map(struct map *all, sio_slice event) {
  struct event_handlers *h = sio__malloc(sizeof *h + event.n);
  if (!h) return NULL;
  sio__hooks_init(&h->hooks);
  h->n = event.n;
  memcpy(h->event, event.p, event.n);
  if (sio__map_put(all, h) == 0) return h;
  sio__free(h);
  return NULL;
}

/* If the list h->hooks is empty, removes h from the map `all` and frees h. A handler that was
 * removed while handlers of the event were being called may still be in the list. It leaves the
 * list when no walk over the list is in progress any more (hooks.h). */
static void remove_event_if_no_handler_left(struct map *all, struct event_handlers *h) {
  if (!hooks_is_empty(&h->hooks)) return;
  sio__map_del(all, slice(h->event, h->n));
  free_handlers_of_event(h);
}

/* The name of an event, in which each "\xC0\x80" of the host's string was replaced by a NUL. */
struct event_name {
  sio_slice s;
  char *copy; /* NULL if s points to the host's string */
};

static int event_name_unescape_nuls(struct event_name *name, const char *text) {
  *name = (struct event_name){ .s = slice_str(text) };
  if (!sio__utf8_find_escaped_nul(text, name->s.n)) return 0;
  name->copy = sio__malloc(name->s.n);
  if (!name->copy) return UV_ENOMEM;
  name->s = slice(name->copy, sio__utf8_unescape_nuls(name->copy, text, name->s.n));
  return 0;
}

static int add_event_handler(struct map *handlers, sio_slice event, hook_fn fn, void *user) {
  struct event_handlers *h = sio__map_get(handlers, event);
  if (!h && !(h = add_event_to_handler_map(handlers, event))) return UV_ENOMEM;
  int err = sio__hooks_add(&h->hooks, fn, user);
  if (err) remove_event_if_no_handler_left(handlers, h);
  return err;
}

int sio__nsp_add_event_handler(struct map *handlers, const char *event, hook_fn fn, void *user) {
  struct event_name name;
  int err = event_name_unescape_nuls(&name, event);
  if (!err) err = add_event_handler(handlers, name.s, fn, user);
  sio__free(name.copy);
  return err;
}

/* Logs that no handler can be registered for this name, and what to use instead. This function is
 * called for "connection" too, for which programs for the Node.js server register a handler. Many
 * programs that get this error exit before their loop runs, so the line is passed to the log
 * callback at once, if sio_log_flush() is allowed here. */
static void log_reserved_event_name(const sio_nsp *nsp, const char *event) {
  static const char *const functions[][2] = {
    { "connection", "sio_on_connect()" },
    { "connect", "sio_on_connect()" },
    { "disconnect", "sio_on_disconnect()" },
    { "disconnecting", "sio_on_disconnecting()" },
  };
  const char *instead = "another name";
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (strcmp(event, functions[i][0]) == 0) instead = functions[i][1];
  LOG(&nsp->core->log, SIO_LOG_ERROR, SIO_PART_SIO,
      "sio_on(\"%s\") is refused: the name of the event is reserved; use %s instead", event,
      instead);
  sio_log_flush(sio_nsp_server(nsp));
}

int sio_on(sio_nsp *nsp, const char *event, sio_event_cb cb, void *user) {
  if (!event) return SIO_ENAME;
  if (sio__is_reserved_event_name(slice_str(event)) || strcmp(event, "connection") == 0) {
    log_reserved_event_name(nsp, event);
    return SIO_ENAME;
  }
  return sio__nsp_add_event_handler(&nsp->handlers, event, (hook_fn)cb, user);
}

static int remove_event_handler(struct map *handlers, sio_slice event, hook_fn fn, void *user) {
  struct event_handlers *h = sio__map_get(handlers, event);
  int err = h ? sio__hooks_remove(&h->hooks, fn, user) : UV_ENOENT;
  if (!err) remove_event_if_no_handler_left(handlers, h);
  return err;
}

int sio_off(sio_nsp *nsp, const char *event, sio_event_cb cb, void *user) {
  struct event_name name;
  if (!event) return sio__hooks_remove(&nsp->any, (hook_fn)cb, user);
  int err = event_name_unescape_nuls(&name, event);
  if (!err) err = remove_event_handler(&nsp->handlers, name.s, (hook_fn)cb, user);
  sio__free(name.copy);
  return err;
}

static bool has_event_any_registered_handler(const struct event_handlers *h) {
  for (const struct list *it = h->hooks.list.next; it != &h->hooks.list; it = it->next)
    if (container_of(it, const struct hook, link)->fn) return true;
  return false;
}

bool sio_has_handler(const sio_nsp *nsp, const char *event) {
  struct event_name name;
  if (!event || event_name_unescape_nuls(&name, event)) return false;
  const struct event_handlers *h = sio__map_get(&nsp->handlers, name.s);
  sio__free(name.copy);
  return h && has_event_any_registered_handler(h);
}

/* ---- running callbacks while a socket is connected ------------------------------------------ */

static const struct hook *get_next_hook_if_socket_connected(struct hook_walk *walk,
                                                            const sio_socket *s) {
  if (sio_socket_connected(s)) return sio__hooks_next_in_walk(walk);
  sio__hooks_stop_walk(walk);
  return NULL;
}

/* Runs the statement that follows the macro for each hook k of h, but only until one of the hooks
 * has ended the socket s or its session (see the top of include/sio/nsp.h). s has to be connected
 * at the start. */
#define HOOKS_EACH_WHILE_CONNECTED(k, walk, h, s)                    \
  struct hook_walk walk = sio__hooks_start_walk(h);                  \
  for (const struct hook *k = sio__hooks_next_in_walk(&(walk)); (k); \
       (k) = get_next_hook_if_socket_connected(&(walk), s))

void sio__nsp_run_event_handlers(sio_nsp *nsp, sio_socket *s, sio_event *e, sio_slice name) {
  struct event_handlers *h = sio__map_get(&nsp->handlers, name);
  if (!h) return;
  HOOKS_EACH_WHILE_CONNECTED(k, walk, &h->hooks, s)((sio_event_cb)k->fn)(s, e, k->user);
  remove_event_if_no_handler_left(&nsp->handlers, h);
}

void sio__nsp_run_catch_all_hooks(sio_nsp *nsp, sio_socket *s, sio_event *e) {
  HOOKS_EACH_WHILE_CONNECTED(k, walk, &nsp->any, s)((sio_event_cb)k->fn)(s, e, k->user);
}

void sio__nsp_run_writable_hooks(sio_nsp *nsp, sio_socket *s) {
  HOOKS_EACH_WHILE_CONNECTED(k, walk, &nsp->writable, s)((sio_writable_cb)k->fn)(s, k->user);
}

/* ---- running other callbacks ---------------------------------------------------------------- */

void sio__nsp_run_server_side_handlers(sio_nsp *nsp, sio_event *e) {
  struct event_handlers *h = sio__map_get(&nsp->server_side, e->name);
  if (!h) return;
  HOOKS_EACH(k, walk, &h->hooks)((sio_server_side_cb)k->fn)(nsp, e, k->user);
}

void sio__nsp_run_connect_hooks(sio_nsp *nsp, sio_socket *s) {
  HOOKS_EACH(k, walk, &nsp->connect)((sio_connect_cb)k->fn)(s, k->user);
}

void sio__nsp_run_disconnect_hooks(struct hooks *h, sio_socket *s, const sio_close_info *why) {
  HOOKS_EACH(k, walk, h)((sio_disconnect_cb)k->fn)(s, why, k->user);
}

void sio__nsp_run_error_hooks(sio_nsp *nsp, sio_socket *s, const sio_error_info *info) {
  HOOKS_EACH(k, walk, &nsp->error)((sio_error_cb)k->fn)(s, info, k->user);
}

void sio__nsp_run_drop_hooks(sio_nsp *nsp, sio_socket *s, const sio_drop *d) {
  HOOKS_EACH(k, walk, &nsp->drop)((sio_drop_cb)k->fn)(s, d, k->user);
}

/* Runs the callbacks of sio_on_any_outgoing(). While they run, loop->watcher is set. So functions
 * of the library that check loop_refuse_call_inside_observer_callback(), for example those that
 * send, join, leave or disconnect, do nothing and log that they were called inside this
 * callback. */
void sio__nsp_run_outgoing_hooks(sio_nsp *nsp, sio_socket *s, const char *event, sio_args args) {
  struct loop *l = &nsp->core->loop;
  const char *outer = l->watcher;
  l->watcher = "the callback of sio_on_any_outgoing()";
  HOOKS_EACH(k, walk, &nsp->outgoing)((sio_outgoing_cb)k->fn)(s, event, args, k->user);
  l->watcher = outer;
}

typedef void (*nsp_hook)(sio_nsp *nsp, void *user);

void sio__nsp_run_namespace_created_hooks(sio_nsp *nsp) {
  HOOKS_EACH(k, walk, &nsp->core->new_nsp)((nsp_hook)k->fn)(nsp, k->user);
}

void sio__nsp_run_namespace_removed_hooks(sio_nsp *nsp) {
  HOOKS_EACH(k, walk, &nsp->core->removed_nsp)((nsp_hook)k->fn)(nsp, k->user);
}

/* ---- registering other callbacks ------------------------------------------------------------ */

int sio_use(sio_nsp *nsp, sio_middleware_cb cb, void *user) {
  return sio__hooks_add(&nsp->middleware, (hook_fn)cb, user);
}
int sio_use_packet(sio_nsp *nsp, sio_packet_cb cb, void *user) {
  return sio__hooks_add(&nsp->packet_middleware, (hook_fn)cb, user);
}
int sio_on_connect(sio_nsp *nsp, sio_connect_cb cb, void *user) {
  return sio__hooks_add(&nsp->connect, (hook_fn)cb, user);
}
int sio_on_disconnecting(sio_nsp *nsp, sio_disconnect_cb cb, void *user) {
  return sio__hooks_add(&nsp->disconnecting, (hook_fn)cb, user);
}
int sio_on_disconnect(sio_nsp *nsp, sio_disconnect_cb cb, void *user) {
  return sio__hooks_add(&nsp->disconnect, (hook_fn)cb, user);
}
int sio_on_any(sio_nsp *nsp, sio_event_cb cb, void *user) {
  return sio__hooks_add(&nsp->any, (hook_fn)cb, user);
}
int sio_on_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user) {
  return sio__hooks_add(&nsp->outgoing, (hook_fn)cb, user);
}
int sio_off_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user) {
  return sio__hooks_remove(&nsp->outgoing, (hook_fn)cb, user);
}
int sio_on_error(sio_nsp *nsp, sio_error_cb cb, void *user) {
  return sio__hooks_add(&nsp->error, (hook_fn)cb, user);
}
int sio_on_writable(sio_nsp *nsp, sio_writable_cb cb, void *user) {
  return sio__hooks_add(&nsp->writable, (hook_fn)cb, user);
}
int sio_on_drop(sio_nsp *nsp, sio_drop_cb cb, void *user) {
  return sio__hooks_add(&nsp->drop, (hook_fn)cb, user);
}
int sio_on_nsp(sio_server *srv, const sio_nsp_hooks *hooks, void *user) {
  sio_nsp_hooks ours;
  struct core *core = core_of_server(srv);
  if (!hooks || sio__read_sized_struct(&ours, sizeof ours, hooks, sizeof ours)) return UV_EINVAL;
  int err = ours.create ? sio__hooks_add(&core->new_nsp, (hook_fn)ours.create, user) : 0;
  if (err || !ours.remove) return err;
  err = sio__hooks_add(&core->removed_nsp, (hook_fn)ours.remove, user);
  if (err && ours.create) sio__hooks_remove(&core->new_nsp, (hook_fn)ours.create, user);
  return err;
}

/* ---- all callbacks of a namespace ----------------------------------------------------------- */

/* The number of lists that get_hook_lists_of_namespace() returns. nsp->rooms is not among them: the
 * user pointer of each of its hooks is an allocated struct room_hook, which room_hooks.c has to
 * copy and free too. */
enum { HOOK_LISTS = 10 };

struct hook_lists {
  struct hooks *list[HOOK_LISTS];
};

static struct hook_lists get_hook_lists_of_namespace(sio_nsp *nsp) {
  return (struct hook_lists){ { &nsp->middleware, &nsp->packet_middleware, &nsp->connect,
                                &nsp->disconnecting, &nsp->disconnect, &nsp->any, &nsp->outgoing,
                                &nsp->error, &nsp->writable, &nsp->drop } };
}

void sio__nsp_hooks_init(sio_nsp *nsp) {
  struct hook_lists all = get_hook_lists_of_namespace(nsp);
  for (size_t i = 0; i < HOOK_LISTS; i++) sio__hooks_init(all.list[i]);
  sio__hooks_init(&nsp->rooms);
  sio__map_init(&nsp->handlers, event_handlers_get_event_name_key);
  sio__map_init(&nsp->server_side, event_handlers_get_event_name_key);
}

static void event_handlers_free_all(struct map *all) {
  struct event_handlers *h;
  for (uint32_t i = 0; (h = sio__map_next(all, &i));) free_handlers_of_event(h);
  sio__map_clear(all);
}

void sio__nsp_hooks_clear(sio_nsp *nsp) {
  struct hook_lists all = get_hook_lists_of_namespace(nsp);
  for (size_t i = 0; i < HOOK_LISTS; i++) sio__hooks_clear(all.list[i]);
  event_handlers_free_all(&nsp->handlers);
  event_handlers_free_all(&nsp->server_side);
  sio__room_hooks_clear(nsp);
}

static int event_handlers_copy_all(struct map *to, const struct map *from) {
  const struct event_handlers *h;
  int err = 0;
  for (uint32_t i = 0; !err && (h = sio__map_next(from, &i));) {
    struct event_handlers *own = add_event_to_handler_map(to, slice(h->event, h->n));
    err = own ? sio__hooks_copy(&own->hooks, &h->hooks) : UV_ENOMEM;
  }
  return err;
}

int sio__nsp_copy_hooks(sio_nsp *nsp, const sio_nsp *from) {
  struct hook_lists own = get_hook_lists_of_namespace(nsp);
  struct hook_lists theirs = get_hook_lists_of_namespace((sio_nsp *)(uintptr_t)from);
  int err = 0;
  for (size_t i = 0; i < HOOK_LISTS && !err; i++)
    err = sio__hooks_copy(own.list[i], theirs.list[i]);
  if (!err) err = sio__room_hooks_copy(nsp, from);
  if (!err) err = event_handlers_copy_all(&nsp->handlers, &from->handlers);
  return err ? err : event_handlers_copy_all(&nsp->server_side, &from->server_side);
}
