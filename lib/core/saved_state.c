/* SPDX-License-Identifier: MIT
 *
 * saved_state.c - copies the rooms and the data of a socket, and gives them to another one.
 */
#include "core/saved_state.h"

#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"

static size_t socket_data_size(const sio_nsp *nsp) { return nsp->core->opts->socket_data_size; }

static void *copy_bytes_to_new_memory(const void *p, size_t n) {
  void *copy = sio__malloc(n);
  if (copy) memcpy(copy, p, n);
  return copy;
}

/* Returns the room name that follows `room` in st->rooms, or NULL after the last one. */
static const char *get_next_saved_room_name(const struct saved_state *st, const char *room) {
  room += strlen(room) + 1;
  return room < st->rooms + st->rooms_size ? room : NULL;
}

/* ---- copying from a socket ------------------------------------------------------------------ */

struct room_copy {
  char *rooms;
  size_t at;
};

static void add_size_of_room_name_to_save(const char *room, void *user) {
  ((struct room_copy *)user)->at += strlen(room) + 1;
}

static void append_room_name_to_saved_rooms(const char *room, void *user) {
  struct room_copy *p = user;
  size_t n = strlen(room) + 1;
  memcpy(p->rooms + p->at, room, n);
  p->at += n;
}

int sio__saved_state_copy_rooms_of_socket(struct saved_state *st, sio_socket *s) {
  struct room_copy p = { .at = 0 };
  s->nsp->ops->rooms(s->nsp->adapter, s, add_size_of_room_name_to_save, &p);
  if (p.at == 0) return 0;
  p.rooms = sio__malloc(p.at);
  if (!p.rooms) return UV_ENOMEM;
  st->rooms = p.rooms;
  st->rooms_size = p.at;
  p.at = 0;
  s->nsp->ops->rooms(s->nsp->adapter, s, append_room_name_to_saved_rooms, &p);
  return 0;
}

int sio__saved_state_copy_data_of_socket(struct saved_state *st, sio_socket *s) {
  size_t n = socket_data_size(s->nsp);
  if (n && !(st->data = copy_bytes_to_new_memory(sio_socket_data(s), n))) return UV_ENOMEM;
  if (s->shared && !(st->shared = copy_bytes_to_new_memory(s->shared, strlen(s->shared) + 1)))
    return UV_ENOMEM;
  return 0;
}

/* ---- copying from and to an adapter --------------------------------------------------------- */

static int saved_state_copy_room_list(struct saved_state *st, const char *const *rooms) {
  size_t n = 0;
  for (const char *const *p = rooms; p && *p; p++) n += strlen(*p) + 1;
  if (!n) return 0;
  struct room_copy copy = { .rooms = sio__malloc(n) };
  if (!copy.rooms) return UV_ENOMEM;
  st->rooms = copy.rooms;
  st->rooms_size = n;
  for (const char *const *p = rooms; *p; p++) append_room_name_to_saved_rooms(*p, &copy);
  return 0;
}

int sio__saved_state_copy_from_adapter(struct saved_state *st, const sio_nsp *nsp,
                                       const sio_saved_socket *from) {
  size_t n = socket_data_size(nsp);
  int err = saved_state_copy_room_list(st, from->rooms);
  if (!err && from->shared.n && !slice_equals_str(from->shared, "{}") &&
      !(st->shared = sio__strndup(from->shared.p, from->shared.n)))
    err = UV_ENOMEM;
  if (!err && from->data && from->data_size == n && n &&
      !(st->data = copy_bytes_to_new_memory(from->data, n)))
    err = UV_ENOMEM;
  return err;
}

/* Returns an array of pointers to the saved room names, with NULL at its end. The caller frees the
 * array. Returns NULL if memory runs out. */
static const char **make_array_of_saved_room_names(const struct saved_state *st) {
  size_t n = 0;
  for (const char *room = st->rooms; room; room = get_next_saved_room_name(st, room)) n++;
  const char **list = sio__calloc(n + 1, sizeof *list);
  if (!list) return NULL;
  n = 0;
  for (const char *room = st->rooms; room; room = get_next_saved_room_name(st, room))
    list[n++] = room;
  return list;
}

int sio__saved_state_describe_for_adapter(const struct saved_state *st, const sio_nsp *nsp,
                                          sio_saved_socket *out) {
  out->rooms = make_array_of_saved_room_names(st);
  if (!out->rooms) return UV_ENOMEM;
  out->shared = slice_str(st->shared ? st->shared : "{}");
  out->data = st->data;
  out->data_size = st->data ? socket_data_size(nsp) : 0;
  return 0;
}

/* ---- giving the state to a new socket -------------------------------------------------------- */

int sio__saved_state_apply_to_socket(const struct saved_state *st, sio_socket *s) {
  int err = 0;
  if (st->data) memcpy(sio_socket_data(s), st->data, socket_data_size(s->nsp));
  if (st->shared && !(s->shared = sio__strndup(st->shared, strlen(st->shared)))) return UV_ENOMEM;
  for (const char *room = st->rooms; room && !err; room = get_next_saved_room_name(st, room))
    err = sio_join(s, room);
  return err;
}

void sio__saved_state_undo_apply_to_socket(sio_socket *s) {
  s->undoing = true;
  s->nsp->ops->leave_all(s->nsp->adapter, s);
  s->undoing = false;
  sio__free(s->shared);
  s->shared = NULL;
  if (socket_data_size(s->nsp)) memset(sio_socket_data(s), 0, socket_data_size(s->nsp));
}

bool sio__saved_state_has_room(const struct saved_state *st, const char *room) {
  for (const char *r = st->rooms; r; r = get_next_saved_room_name(st, r))
    if (strcmp(room, r) == 0) return true;
  return false;
}

void sio__saved_state_clear(struct saved_state *st) {
  sio__free(st->rooms);
  sio__free(st->data);
  sio__free(st->shared);
  *st = (struct saved_state){ 0 };
}
