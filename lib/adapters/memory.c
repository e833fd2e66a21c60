/* SPDX-License-Identifier: MIT
 *
 * memory.c - the adapter of one process: rooms in memory, receivers in a loop.
 *
 * A broadcast visits each receiver once without building a set: it takes a number, and
 * stamps it on every socket it must not look at again. Nothing the host wrote runs while a
 * stamp counts, except sio_on_any_outgoing(), which cannot send.
 */
#include "adapters/rooms.h"
#include "base/mem.h"
#include "core/nsp.h"
#include "core/socket.h"
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

static void visit_if_not_excluded(struct walk *w, sio_socket *s) {
  if (s->stamp == w->turn || s == w->skip || s->state != SOCKET_CONNECTED) return;
  s->stamp = w->turn;
  w->visit->to(w->visit, s);
}

static void mark_as_excluded(struct walk *w, sio_socket *s) { s->stamp = w->turn; }

/* Everybody in a room of that name: who joined it, and the socket whose id it is. */
static void walk_room(struct walk *w, const char *name, void (*f)(struct walk *, sio_socket *)) {
  const struct room *room = sio__rooms_find(&w->adapter->rooms, name);
  for (uint32_t i = 0; room && i < room->n; i++) f(w, room->places[i].socket);
  sio_socket *own = sio_socket_find(w->adapter->nsp, name);
  if (own) f(w, own);
}

static void walk_all(struct walk *w) {
  sio_nsp *nsp = w->adapter->nsp;
  for (uint32_t i = 0; i < nsp->nmembers; i++) visit_if_not_excluded(w, nsp->members[i]);
}

static void walk_audience(sio_adapter *a, const sio_target *to, struct visit *visit) {
  struct walk w = { .adapter = a, .skip = to->skip, .turn = ++a->turn, .visit = visit };
  for (const char *const *r = to->except; r && *r; r++) walk_room(&w, *r, mark_as_excluded);
  if (!to->rooms) walk_all(&w);
  for (const char *const *r = to->rooms; r && *r; r++) walk_room(&w, *r, visit_if_not_excluded);
}

/* ---- broadcasting ------------------------------------------------------------------------- */

/* A receiver that has left or reads slowly does not make the broadcast fail. */
static void deliver_to_receiver(struct visit *v, sio_socket *s) {
  sio_packet_deliver(v->packet, s, v->flags);
}

static int memory_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  struct visit v = { .to = deliver_to_receiver, .packet = p, .flags = to->flags };
  walk_audience(a, to, &v);
  return 0;
}

/* ---- visiting with the host's code: on a list made before ------------------------------------ */

static void collect_receiver(struct visit *v, sio_socket *s) {
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
  struct visit v = { .to = collect_receiver };
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

/* ---- one socket ------------------------------------------------------------------------------ */

static bool memory_in_room(const sio_adapter *a, const sio_socket *s, const char *room) {
  return sio__rooms_has(s, sio__rooms_find(&a->rooms, room));
}

/* Does a socket go by that name? Then there is such a room even without members. */
static bool adapter_is_own_room(const sio_adapter *a, const char *room) {
  return sio_socket_find(a->nsp, room);
}

static bool room_exists(const sio_adapter *a, const char *room) {
  return sio__rooms_find(&a->rooms, room) || adapter_is_own_room(a, room);
}

static int memory_join(sio_adapter *a, sio_socket *s, const char *room) {
  bool watched = sio_room_watched(a->nsp), is_new = watched && !room_exists(a, room);
  int err = sio__rooms_join(&a->rooms, s, room);
  if (err) return err;
  if (is_new) sio_room_tell(a->nsp, SIO_ROOM_CREATED, room, NULL);
  if (watched) sio_room_tell(a->nsp, SIO_ROOM_JOINED, room, s);
  return 0;
}

static void report_left_room(sio_adapter *a, sio_socket *s, const char *room) {
  if (!sio_room_watched(a->nsp)) return;
  bool removed = !room_exists(a, room);
  sio_room_tell(a->nsp, SIO_ROOM_LEFT, room, s);
  if (removed) sio_room_tell(a->nsp, SIO_ROOM_REMOVED, room, NULL);
}

static void memory_leave(sio_adapter *a, sio_socket *s, const char *room) {
  sio__rooms_leave(&a->rooms, s, room);
  report_left_room(a, s, room);
}

/* One by one, for whoever is told may change anything but this socket's rooms. The name goes with
 * the room: a copy. Another seat may have moved up into the one that gets free, never before it:
 * with a search from the start each time, a peer in very many rooms would keep the loop when it
 * leaves. */
static void leave_and_report(sio_adapter *a, sio_socket *s) {
  const struct room *room;
  for (uint32_t i = 0; (room = sio__rooms_next(s, &i)); i--) {
    char *name = sio__strndup(room->name, room->name_len);
    if (!name) return;
    memory_leave(a, s, name);
    sio__free(name);
  }
}

/* Without memory for a name the rest is left in silence. */
static void memory_leave_all(sio_adapter *a, sio_socket *s) {
  if (sio_room_watched(a->nsp)) leave_and_report(a, s);
  sio__rooms_leave_all(&a->rooms, s);
}

static void memory_arrive(sio_adapter *a, sio_socket *s) {
  const char *id = sio_socket_id(s);
  if (!sio_room_watched(a->nsp)) return;
  if (!sio__rooms_find(&a->rooms, id)) sio_room_tell(a->nsp, SIO_ROOM_CREATED, id, NULL);
  sio_room_tell(a->nsp, SIO_ROOM_JOINED, id, s);
}

static void memory_depart(sio_adapter *a, sio_socket *s) {
  report_left_room(a, s, sio_socket_id(s));
}

static void memory_rooms(const sio_adapter *a, const sio_socket *s,
                         void (*cb)(const char *room, void *user), void *user) {
  uint32_t i = 0;
  (void)a;
  for (const struct room *r; (r = sio__rooms_next(s, &i));) cb(r->name, user);
}

/* ---- all rooms ------------------------------------------------------------------------------- */

static size_t memory_room_size(const sio_adapter *a, const char *name) {
  const struct room *room = sio__rooms_find(&a->rooms, name);
  return (room ? room->n : 0u) + adapter_is_own_room(a, name);
}

static size_t memory_room_count(const sio_adapter *a) { return a->rooms.by_name.n; }

static void memory_all_rooms(const sio_adapter *a, void (*cb)(const char *, size_t, void *),
                             void *user) {
  const struct room *room;
  for (uint32_t i = 0; (room = sio__map_next(&a->rooms.by_name, &i));)
    cb(room->name, room->n + (size_t)adapter_is_own_room(a, room->name), user);
  for (uint32_t i = 0; i < a->nsp->nmembers; i++) {
    const char *id = sio_socket_id(a->nsp->members[i]);
    if (!sio__rooms_find(&a->rooms, id)) cb(id, 1, user);
  }
}

/* ---- the adapter ----------------------------------------------------------------------------- */

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
  .size = sizeof sio_adapter_memory,
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
  .arrive = memory_arrive,
  .depart = memory_depart,
  .all_rooms = memory_all_rooms,
  .room_size = memory_room_size,
  .room_count = memory_room_count,
};
