/* SPDX-License-Identifier: MIT
 *
 * memory.c - the adapter of one process: rooms in memory, receivers in a loop.
 *
 * A broadcast visits each receiver once without building a set: it takes a number, and
 * stamps it on every socket it must not look at again. Nothing the host wrote runs while a
 * stamp counts, except sio_on_any_outgoing(), which may not send.
 */
#include "adapters/rooms.h"
#include "base/mem.h"
#include "sio/nsp.h"
#include "sio/socket.h"
#include <sio/adapter.h>

struct sio_adapter {
  sio_nsp *nsp;
  struct rooms rooms;
  uint64_t turn; /* the last stamp given out */
};

/* ---- the audience ---------------------------------------------------------------------- */

/* What is done with each receiver. */
struct visit {
  void (*to)(struct visit *v, sio_socket *s);
  const sio_packet *packet;
  unsigned flags;
  sio_socket **found; /* for collecting */
  uint32_t n, cap;
  int err;
};

/* One walk over the audience. */
struct walk {
  sio_adapter *adapter;
  const sio_socket *skip;
  uint64_t turn; /* on the sockets that had theirs, or are left out */
  struct visit *visit;
};

static void offer(struct walk *w, sio_socket *s) {
  if (s->stamp == w->turn || s == w->skip || s->state != SOCKET_CONNECTED) return;
  s->stamp = w->turn;
  w->visit->to(w->visit, s);
}

static void leave_out(struct walk *w, sio_socket *s) { s->stamp = w->turn; }

/* Everybody in a room of that name: who joined it, and the socket whose id it is. */
static void walk_room(struct walk *w, const char *name, void (*f)(struct walk *, sio_socket *)) {
  const struct room *room = sio__rooms_find(&w->adapter->rooms, name);
  for (uint32_t i = 0; room && i < room->n; i++) f(w, room->places[i].socket);
  sio_socket *own = sio_socket_find(w->adapter->nsp, name);
  if (own) f(w, own);
}

static void walk_all(struct walk *w) {
  sio_nsp *nsp = w->adapter->nsp;
  for (uint32_t i = 0; i < nsp->nmembers; i++) offer(w, nsp->members[i]);
}

static void walk_audience(sio_adapter *a, const sio_target *to, struct visit *visit) {
  struct walk w = { .adapter = a, .skip = to->skip, .turn = ++a->turn, .visit = visit };
  for (const char *const *r = to->except; r && *r; r++) walk_room(&w, *r, leave_out);
  if (!to->rooms) walk_all(&w);
  for (const char *const *r = to->rooms; r && *r; r++) walk_room(&w, *r, offer);
}

/* ---- broadcasting ------------------------------------------------------------------------- */

/* One receiver that is gone or behind is no failure of the broadcast. */
static void deliver(struct visit *v, sio_socket *s) { sio_packet_deliver(v->packet, s, v->flags); }

static int memory_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  struct visit v = { .to = deliver, .packet = p, .flags = to->flags };
  walk_audience(a, to, &v);
  return 0;
}

/* ---- visiting with the host's code: on a list made before ------------------------------------ */

static void collect(struct visit *v, sio_socket *s) {
  if (v->n == v->cap) {
    uint32_t cap = v->cap ? v->cap * 2 : 16;
    sio_socket **p = v->err ? NULL : sio__realloc(v->found, cap * sizeof *p);
    if (!p) {
      v->err = UV_ENOMEM;
      return;
    }
    v->found = p;
    v->cap = cap;
  }
  v->found[v->n++] = sio_socket_ref(s);
}

static int memory_each(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *, void *),
                       void *user) {
  struct visit v = { .to = collect };
  walk_audience(a, to, &v);
  for (uint32_t i = 0; i < v.n; i++) {
    sio_socket *s = v.found[i];
    if (!v.err && sio_socket_connected(s)) visit(s, user);
    sio_socket_unref(s);
  }
  sio__free(v.found);
  return v.err;
}

struct edit {
  int (*one)(sio_socket *s, const char *room);
  const char *const *rooms;
  int err; /* the first there was */
};

static void edit_rooms(sio_socket *s, void *user) {
  struct edit *e = user;
  for (const char *const *r = e->rooms; *r; r++) {
    int err = e->one(s, *r);
    if (!e->err) e->err = err;
  }
}

static int edit_all(sio_adapter *a, const sio_target *to, struct edit e) {
  int err = memory_each(a, to, edit_rooms, &e);
  return err ? err : e.err;
}

static int memory_all_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  return edit_all(a, to, (struct edit){ .one = sio_join, .rooms = rooms });
}

static int memory_all_leave(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  return edit_all(a, to, (struct edit){ .one = sio_leave, .rooms = rooms });
}

static void disconnect_one(sio_socket *s, void *user) {
  (void)user;
  sio_disconnect(s);
}

static void disconnect_session(sio_socket *s, void *user) {
  (void)user;
  sio_disconnect_session(s);
}

static int memory_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  return memory_each(a, to, session ? disconnect_session : disconnect_one, NULL);
}

/* ---- one socket ----------------------------------------------------------------------------------- */

static int memory_join(sio_adapter *a, sio_socket *s, const char *room) {
  return sio__rooms_join(&a->rooms, s, room);
}

static void memory_leave(sio_adapter *a, sio_socket *s, const char *room) {
  sio__rooms_leave(&a->rooms, s, room);
}

static void memory_leave_all(sio_adapter *a, sio_socket *s) { sio__rooms_leave_all(&a->rooms, s); }

static bool memory_in_room(const sio_adapter *a, const sio_socket *s, const char *room) {
  return sio__rooms_has(s, sio__rooms_find(&a->rooms, room));
}

static void memory_rooms(const sio_adapter *a, const sio_socket *s,
                         void (*cb)(const char *room, void *user), void *user) {
  uint32_t i = 0;
  (void)a;
  for (const struct room *r; (r = sio__rooms_next(s, &i));) cb(r->name, user);
}

/* ---- the adapter -------------------------------------------------------------------------------------- */

static int memory_open(sio_adapter **out, sio_nsp *nsp) {
  sio_adapter *a = sio__calloc(1, sizeof *a);
  if (!a) return UV_ENOMEM;
  a->nsp = nsp;
  sio__rooms_init(&a->rooms);
  *out = a;
  return 0;
}

static void memory_close(sio_adapter *a) {
  sio__rooms_clear(&a->rooms);
  sio__free(a);
}

const sio_adapter_ops sio_adapter_memory = {
  .open = memory_open,
  .close = memory_close,
  .join = memory_join,
  .leave = memory_leave,
  .leave_all = memory_leave_all,
  .in_room = memory_in_room,
  .rooms = memory_rooms,
  .broadcast = memory_broadcast,
  .each = memory_each,
  .all_join = memory_all_join,
  .all_leave = memory_all_leave,
  .all_disconnect = memory_all_disconnect,
};
