/* SPDX-License-Identifier: MIT
 *
 * memory.c - the adapter for a single server, which keeps the rooms in memory.
 *
 * A socket that is in several rooms of a target must be visited only once. So each walk over a
 * target has a number, which is written to the `stamp` of each socket that was visited or is in an
 * excluded room. During a walk no callback of the host runs, except those of sio_on_any_outgoing()
 * and sio_engine_hooks.packet_create, which are not allowed to send, join or leave.
 */
#include "adapters/memory.h"

#include "adapters/rooms.h"
#include "base/mem.h"
#include "core/nsp.h"
#include "core/out_packet.h"
#include "core/room_hooks.h"
#include "core/socket.h"

/* A room for which SIO_ROOM_LEFT hooks are running. */
struct leaving_room {
  const char *name;
  bool is_removed_hook_due; /* the room does not exist any more, and SIO_ROOM_REMOVED is to come */
  struct leaving_room *outer; /* the one whose hook has made a socket leave this room; or NULL */
};

struct sio_adapter {
  sio_nsp *nsp;
  struct rooms rooms;
  uint64_t last_stamp;          /* the number of the last walk */
  struct leaving_room *leaving; /* the innermost room for which SIO_ROOM_LEFT hooks run, or NULL */
};

/* ---- walking over the sockets of a target --------------------------------------------------- */

/* A function that is called for each socket that a walk visits, and its data. */
struct visit {
  void (*to)(struct visit *v, sio_socket *s);
  const sio_packet *packet;
  unsigned flags;
  sio_socket **found; /* filled by ref_and_collect_visited_socket() */
  uint32_t n, cap;
  int err;
};

/* A walk over the sockets of a target. */
struct walk {
  sio_adapter *adapter;
  const sio_socket *skip;
  uint64_t stamp; /* the number of this walk, which is set in each socket visited or excluded */
  struct visit *visit;
};

static void visit_connected_socket_once(struct walk *w, sio_socket *s) {
  if (s->stamp == w->stamp || s == w->skip || s->state != SOCKET_CONNECTED) return;
  s->stamp = w->stamp;
  w->visit->to(w->visit, s);
}

static void mark_socket_as_excluded(struct walk *w, sio_socket *s) { s->stamp = w->stamp; }

/* Calls f for each socket that is in the room, and for the connected socket whose id is the name of
 * the room, if there is one. */
static void call_for_sockets_in_room_or_with_id(struct walk *w, const char *name,
                                                void (*f)(struct walk *, sio_socket *)) {
  const struct room *room = sio__rooms_find(&w->adapter->rooms, name);
  for (uint32_t i = 0; room && i < room->n; i++) f(w, room->members[i].socket);
  sio_socket *own = sio_socket_find(w->adapter->nsp, name);
  if (own) f(w, own);
}

static void walk_all_sockets(struct walk *w) {
  sio_nsp *nsp = w->adapter->nsp;
  for (uint32_t i = 0; i < nsp->nmembers; i++) visit_connected_socket_once(w, nsp->members[i]);
}

static void walk_sockets_of_target(sio_adapter *a, const sio_target *to, struct visit *visit) {
  struct walk w = { .adapter = a, .skip = to->skip, .stamp = ++a->last_stamp, .visit = visit };
  for (const char *const *r = to->except; r && *r; r++)
    call_for_sockets_in_room_or_with_id(&w, *r, mark_socket_as_excluded);
  if (!to->rooms) walk_all_sockets(&w);
  for (const char *const *r = to->rooms; r && *r; r++)
    call_for_sockets_in_room_or_with_id(&w, *r, visit_connected_socket_once);
}

/* ---- broadcasting ------------------------------------------------------------------------- */

/* Sends the packet to one socket. An error, for example because the queue of the socket is full,
 * does not end the broadcast. */
static void deliver_packet_to_socket(struct visit *v, sio_socket *s) {
  sio__packet_deliver_to_socket(v->packet, s, v->flags);
}

static int memory_adapter_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  struct visit v = { .to = deliver_packet_to_socket, .packet = p, .flags = to->flags };
  walk_sockets_of_target(a, to, &v);
  return 0;
}

/* ---- calling the host for each socket ------------------------------------------------------- */

/* Adds the socket, with a reference, to v->found; or sets v->err if memory runs out. The callbacks
 * of the host run after the walk, because they may join and leave rooms. */
static void ref_and_collect_visited_socket(struct visit *v, sio_socket *s) {
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

static int memory_adapter_visit_sockets_of_target(sio_adapter *a, const sio_target *to,
                                                  void (*visit)(sio_socket *, void *), void *user) {
  struct visit v = { .to = ref_and_collect_visited_socket };
  walk_sockets_of_target(a, to, &v);
  for (uint32_t i = 0; i < v.n; i++) {
    sio_socket *s = v.found[i];
    if (!v.err && sio_socket_connected(s)) visit(s, user);
    sio_socket_unref(s);
  }
  sio__free(v.found);
  return v.err;
}

/* A change that is made to each socket of a target: the socket joins or leaves some rooms. */
struct room_change {
  int (*join_or_leave)(sio_socket *s, const char *room);
  const char *const *rooms;
  int err; /* the first error, or 0 */
};

static void join_or_leave_rooms_of_socket(sio_socket *s, void *user) {
  struct room_change *e = user;
  for (const char *const *r = e->rooms; *r; r++) {
    int err = e->join_or_leave(s, *r);
    if (!e->err) e->err = err;
  }
}

static int join_or_leave_rooms_of_target_sockets(sio_adapter *a, const sio_target *to,
                                                 struct room_change e) {
  int err = memory_adapter_visit_sockets_of_target(a, to, join_or_leave_rooms_of_socket, &e);
  return err ? err : e.err;
}

static int memory_adapter_make_sockets_join_rooms(sio_adapter *a, const sio_target *to,
                                                  const char *const *rooms) {
  return join_or_leave_rooms_of_target_sockets(
      a, to, (struct room_change){ .join_or_leave = sio_join, .rooms = rooms });
}

static int memory_adapter_make_sockets_leave_rooms(sio_adapter *a, const sio_target *to,
                                                   const char *const *rooms) {
  return join_or_leave_rooms_of_target_sockets(
      a, to, (struct room_change){ .join_or_leave = sio_leave, .rooms = rooms });
}

static void disconnect_visited_socket(sio_socket *s, void *user) {
  (void)user;
  sio_disconnect(s, false);
}

static void close_session_of_visited_socket(sio_socket *s, void *user) {
  (void)user;
  sio_disconnect(s, true);
}

static int memory_adapter_disconnect_target_sockets(sio_adapter *a, const sio_target *to,
                                                    bool session) {
  return memory_adapter_visit_sockets_of_target(
      a, to, session ? close_session_of_visited_socket : disconnect_visited_socket, NULL);
}

/* ---- the rooms of one socket ---------------------------------------------------------------- */

static bool memory_adapter_is_socket_in_room(const sio_adapter *a, const sio_socket *s,
                                             const char *room) {
  return sio__is_socket_in_room(s, sio__rooms_find(&a->rooms, room));
}

/* True if the name is the id of a connected socket. Each connected socket is in a room with the
 * name of its id, which struct rooms does not contain. */
static bool is_room_name_id_of_connected_socket(const sio_adapter *a, const char *room) {
  return sio_socket_find(a->nsp, room);
}

static bool is_existing_room(const sio_adapter *a, const char *room) {
  return sio__rooms_find(&a->rooms, room) || is_room_name_id_of_connected_socket(a, room);
}

static void call_room_removed_hook_if_due(sio_adapter *a, struct leaving_room *l) {
  if (!l->is_removed_hook_due) return;
  l->is_removed_hook_due = false;
  sio__run_room_change_hooks(a->nsp, SIO_ROOM_REMOVED, l->name, NULL);
}

/* Returns true if a socket that joins the room now creates it. If the socket joins in the
 * SIO_ROOM_LEFT hook of the room's last member, calls SIO_ROOM_REMOVED first. */
static bool does_join_create_room(sio_adapter *a, const char *room) {
  if (is_existing_room(a, room)) return false;
  for (struct leaving_room *l = a->leaving; l; l = l->outer)
    if (strcmp(l->name, room) == 0) call_room_removed_hook_if_due(a, l);
  return !is_existing_room(a, room);
}

static int memory_adapter_join_room_and_call_hooks(sio_adapter *a, sio_socket *s,
                                                   const char *room) {
  bool watched = sio__has_room_hooks(a->nsp), is_new = watched && does_join_create_room(a, room);
  int err = sio__rooms_add_socket(&a->rooms, s, room);
  if (err) return err;
  if (is_new) sio__run_room_change_hooks(a->nsp, SIO_ROOM_CREATED, room, NULL);
  if (watched) sio__run_room_change_hooks(a->nsp, SIO_ROOM_JOINED, room, s);
  return 0;
}

static void call_room_left_and_removed_hooks(sio_adapter *a, sio_socket *s, const char *room) {
  if (!sio__has_room_hooks(a->nsp)) return;
  struct leaving_room l = { room, !is_existing_room(a, room), a->leaving };
  a->leaving = &l;
  sio__run_room_change_hooks(a->nsp, SIO_ROOM_LEFT, room, s);
  a->leaving = l.outer;
  call_room_removed_hook_if_due(a, &l);
}

static void memory_adapter_leave_room_and_call_hooks(sio_adapter *a, sio_socket *s,
                                                     const char *room) {
  sio__rooms_remove_socket(&a->rooms, s, room);
  call_room_left_and_removed_hooks(a, s, room);
}

/* Leaves the rooms of a socket one by one, and calls the room hooks. The hooks may call any
 * function, but they cannot change the rooms of this socket: socket_can_join_rooms() is false. The
 * name is copied, because it is freed with the room. When a room is left, another room may be moved
 * to its slot, but never to an earlier slot. So the walk continues at the same slot. Starting at
 * the first slot each time would take too long for a socket in very many rooms. */
static void leave_rooms_and_call_hooks(sio_adapter *a, sio_socket *s) {
  const struct room *room;
  for (uint32_t i = 0; (room = sio__rooms_next_of_socket(s, &i)); i--) {
    char *name = sio__strndup(room->name, room->name_len);
    if (!name) return;
    memory_adapter_leave_room_and_call_hooks(a, s, name);
    sio__free(name);
  }
}

/* Leaves all rooms of a socket. If there is no memory for the copy of a name, the remaining rooms
 * are left without calling the room hooks. */
static void memory_adapter_leave_all_rooms(sio_adapter *a, sio_socket *s) {
  if (sio__has_room_hooks(a->nsp)) leave_rooms_and_call_hooks(a, s);
  sio__rooms_remove_socket_from_all(&a->rooms, s);
}

static void memory_adapter_call_join_hooks_of_own_id_room(sio_adapter *a, sio_socket *s) {
  const char *id = sio_socket_id(s);
  if (!sio__has_room_hooks(a->nsp)) return;
  if (!sio__rooms_find(&a->rooms, id))
    sio__run_room_change_hooks(a->nsp, SIO_ROOM_CREATED, id, NULL);
  sio__run_room_change_hooks(a->nsp, SIO_ROOM_JOINED, id, s);
}

static void memory_adapter_call_left_hooks_of_own_id_room(sio_adapter *a, sio_socket *s) {
  call_room_left_and_removed_hooks(a, s, sio_socket_id(s));
}

static void memory_adapter_visit_rooms_of_socket(const sio_adapter *a, const sio_socket *s,
                                                 void (*cb)(const char *room, void *user),
                                                 void *user) {
  uint32_t i = 0;
  (void)a;
  for (const struct room *r; (r = sio__rooms_next_of_socket(s, &i));) cb(r->name, user);
}

/* ---- all rooms ------------------------------------------------------------------------------- */

static size_t memory_adapter_count_room_sockets(const sio_adapter *a, const char *name) {
  const struct room *room = sio__rooms_find(&a->rooms, name);
  return (room ? room->n : 0u) + is_room_name_id_of_connected_socket(a, name);
}

static size_t memory_adapter_count_rooms(const sio_adapter *a) { return a->rooms.by_name.n; }

static void memory_adapter_visit_all_rooms(const sio_adapter *a,
                                           void (*cb)(const char *, size_t, void *), void *user) {
  const struct room *room;
  for (uint32_t i = 0; (room = sio__map_next(&a->rooms.by_name, &i));)
    cb(room->name, room->n + (size_t)is_room_name_id_of_connected_socket(a, room->name), user);
  for (uint32_t i = 0; i < a->nsp->nmembers; i++) {
    const char *id = sio_socket_id(a->nsp->members[i]);
    if (!sio__rooms_find(&a->rooms, id)) cb(id, 1, user);
  }
}

/* ---- the adapter ----------------------------------------------------------------------------- */

static int memory_adapter_open(sio_nsp *nsp, const sio_adapter_api *api, void *user,
                               sio_adapter **out) {
  (void)api, (void)user;
  sio_adapter *a = sio__calloc(1, sizeof *a);
  if (!a) return UV_ENOMEM;
  a->nsp = nsp;
  sio__rooms_init(&a->rooms);
  *out = a;
  return 0;
}

/* Frees the adapter. By now all sockets have left their rooms, and an empty map holds no memory. */
static void memory_adapter_close(sio_adapter *a) { sio__free(a); }

const sio_adapter_ops sio__adapter_memory = {
  .size = sizeof sio__adapter_memory,
  .open = memory_adapter_open,
  .close = memory_adapter_close,
  .join = memory_adapter_join_room_and_call_hooks,
  .leave = memory_adapter_leave_room_and_call_hooks,
  .leave_all = memory_adapter_leave_all_rooms,
  .in_room = memory_adapter_is_socket_in_room,
  .rooms = memory_adapter_visit_rooms_of_socket,
  .broadcast = memory_adapter_broadcast,
  .each = memory_adapter_visit_sockets_of_target,
  .all_join = memory_adapter_make_sockets_join_rooms,
  .all_leave = memory_adapter_make_sockets_leave_rooms,
  .all_disconnect = memory_adapter_disconnect_target_sockets,
  .arrive = memory_adapter_call_join_hooks_of_own_id_room,
  .depart = memory_adapter_call_left_hooks_of_own_id_room,
  .all_rooms = memory_adapter_visit_all_rooms,
  .room_size = memory_adapter_count_room_sockets,
  .room_count = memory_adapter_count_rooms,
  .flags = SIO_ADAPTER_ONE_SERVER,
};
