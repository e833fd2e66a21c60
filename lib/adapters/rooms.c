/* SPDX-License-Identifier: MIT
 *
 * rooms.c - keeps an array of the sockets in each room, and a hash table of the rooms of each
 * socket. Their entries refer to each other by index. If an entry moves in one of them, its index
 * in the other is changed too.
 */
#include "adapters/rooms.h"

#include "base/mem.h"
#include "core/socket.h"

enum { MIN_MEMBERS = 4, MIN_SLOTS = 4 };

struct joined_room {
  struct room *room; /* NULL if the slot is free */
  uint32_t member;   /* the index of the socket in room->members */
};

struct joined_rooms {
  uint32_t n, cap; /* cap is a power of two; at most 3/4 of the slots are used */
  struct joined_room v[];
};

/* ---- the rooms of a socket ------------------------------------------------------------------ */

static struct joined_rooms *joined_rooms_of_socket(const sio_socket *s) { return s->slot; }

/* Returns the slot in which a search for the room begins. The hash is computed from the number of
 * the room and not from its address, so that a socket leaves its rooms in the same order each time
 * the program runs. */
static uint32_t joined_rooms_get_first_search_slot(const struct room *room, uint32_t cap) {
  uint64_t h = room->number * UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(h >> 32) & (cap - 1);
}

/* Returns the slot that contains the room, or the free slot for it. */
static uint32_t joined_rooms_find_slot(const struct joined_rooms *t, const struct room *room) {
  uint32_t i = joined_rooms_get_first_search_slot(room, t->cap);
  while (t->v[i].room && t->v[i].room != room) i = (i + 1) & (t->cap - 1);
  return i;
}

static void joined_rooms_store_entry_in_slot(struct joined_rooms *t, uint32_t i,
                                             struct joined_room entry) {
  t->v[i] = entry;
  entry.room->members[entry.member].slot = i;
}

static void joined_rooms_rehash(struct joined_rooms *to, const struct joined_rooms *from) {
  for (uint32_t i = 0; i < from->cap; i++)
    if (from->v[i].room)
      joined_rooms_store_entry_in_slot(to, joined_rooms_find_slot(to, from->v[i].room), from->v[i]);
  to->n = from->n;
}

/* Makes sure that the socket's table has a slot for one more room. At least one slot always stays
 * free, so that searches end. */
static int joined_rooms_reserve_slot(sio_socket *s) {
  struct joined_rooms *old = joined_rooms_of_socket(s);
  if (old && old->n < old->cap / 4 * 3) return 0;
  if (old && old->cap > UINT32_MAX / 2) return UV_ENOMEM;
  uint32_t cap = old ? old->cap * 2 : MIN_SLOTS;
  struct joined_rooms *t = sio__calloc(1, sizeof *t + cap * sizeof(struct joined_room));
  if (!t) return UV_ENOMEM;
  t->cap = cap;
  if (old) joined_rooms_rehash(t, old);
  sio__free(old);
  s->slot = t;
  return 0;
}

static void joined_rooms_free_if_empty(sio_socket *s) {
  struct joined_rooms *t = joined_rooms_of_socket(s);
  if (!t || t->n) return;
  sio__free(t);
  s->slot = NULL;
}

/* Removes the entry of the slot `gap`. A later entry that a search would then not find is moved
 * into the gap, and its old slot is the new gap. */
static void joined_rooms_remove_entry_and_close_gap(struct joined_rooms *t, uint32_t gap) {
  uint32_t mask = t->cap - 1;
  t->n--;
  for (uint32_t i = (gap + 1) & mask; t->v[i].room; i = (i + 1) & mask) {
    uint32_t from_first = (i - joined_rooms_get_first_search_slot(t->v[i].room, t->cap)) & mask;
    if (from_first < ((i - gap) & mask)) continue;
    joined_rooms_store_entry_in_slot(t, gap, t->v[i]);
    gap = i;
  }
  t->v[gap] = (struct joined_room){ 0 };
}

bool sio__is_socket_in_room(const sio_socket *s, const struct room *room) {
  const struct joined_rooms *t = joined_rooms_of_socket(s);
  return t && room && t->v[joined_rooms_find_slot(t, room)].room == room;
}

const struct room *sio__rooms_next_of_socket(const sio_socket *s, uint32_t *i) {
  const struct joined_rooms *t = joined_rooms_of_socket(s);
  while (t && *i < t->cap) {
    const struct room *room = t->v[(*i)++].room;
    if (room) return room;
  }
  return NULL;
}

/* ---- the members of a room ------------------------------------------------------------------ */

static int room_members_resize(struct room *room, uint32_t cap) {
  struct room_member *p = sio__realloc(room->members, cap * sizeof *p);
  if (!p) return UV_ENOMEM;
  room->members = p;
  room->cap = cap;
  return 0;
}

static int room_members_reserve_one_more(struct room *room) {
  if (room->n < room->cap) return 0;
  struct room_member *p = sio__array_grow(room->members, &room->cap, sizeof *p, MIN_MEMBERS);
  if (!p) return UV_ENOMEM;
  room->members = p;
  return 0;
}

/* Removes the member with index i. The last member is moved to this index. */
static void room_remove_member_by_index(struct room *room, uint32_t i) {
  struct room_member last = room->members[--room->n];
  room->members[i] = last;
  joined_rooms_of_socket(last.socket)->v[last.slot].member = i;
  /* If the array cannot be reallocated, it keeps its size, which does no harm. */
  if (room->cap > MIN_MEMBERS && room->n < room->cap / 4)
    (void)room_members_resize(room, room->cap / 2);
}

/* ---- rooms ----------------------------------------------------------------------------------- */

static sio_slice get_map_key_of_room(const void *item) {
  const struct room *room = item;
  return slice(room->name, room->name_len);
}

void sio__rooms_init(struct rooms *r) {
  sio__map_init(&r->by_name, get_map_key_of_room);
  r->created = 0;
}

struct room *sio__rooms_find(const struct rooms *r, const char *name) {
  return sio__map_get(&r->by_name, slice_str(name));
}

static struct room *room_new_and_add_to_map(struct rooms *r, const char *name) {
  size_t n = strlen(name);
  struct room *room = sio__calloc(1, sizeof *room + n + 1);
  if (!room) return NULL;
  room->name_len = (uint32_t)n;
  room->number = r->created++;
  memcpy(room->name, name, n);
  if (sio__map_put(&r->by_name, room) == 0) return room;
  sio__free(room);
  return NULL;
}

static void room_free_if_empty(struct rooms *r, struct room *room) {
  if (room->n) return;
  sio__map_del(&r->by_name, get_map_key_of_room(room));
  sio__free(room->members);
  sio__free(room);
}

int sio__rooms_add_socket(struct rooms *r, sio_socket *s, const char *name) {
  struct room *room = sio__rooms_find(r, name);
  if (!room && !(room = room_new_and_add_to_map(r, name))) return UV_ENOMEM;
  if (room_members_reserve_one_more(room) || joined_rooms_reserve_slot(s)) {
    room_free_if_empty(r, room);
    joined_rooms_free_if_empty(s);
    return UV_ENOMEM;
  }
  struct joined_rooms *t = joined_rooms_of_socket(s);
  room->members[room->n].socket = s;
  joined_rooms_store_entry_in_slot(t, joined_rooms_find_slot(t, room),
                                   (struct joined_room){ .room = room, .member = room->n });
  t->n++;
  room->n++;
  return 0;
}

static void remove_socket_from_room_in_slot(struct rooms *r, struct joined_rooms *t, uint32_t i) {
  struct joined_room left = t->v[i];
  room_remove_member_by_index(left.room, left.member);
  joined_rooms_remove_entry_and_close_gap(t, i);
  room_free_if_empty(r, left.room);
}

void sio__rooms_remove_socket(struct rooms *r, sio_socket *s, const char *name) {
  struct room *room = sio__rooms_find(r, name);
  if (!sio__is_socket_in_room(s, room)) return;
  struct joined_rooms *t = joined_rooms_of_socket(s);
  remove_socket_from_room_in_slot(r, t, joined_rooms_find_slot(t, room));
  joined_rooms_free_if_empty(s);
}

void sio__rooms_remove_socket_from_all(struct rooms *r, sio_socket *s) {
  struct joined_rooms *t = joined_rooms_of_socket(s);
  for (uint32_t i = 0; t && i < t->cap; i++)
    while (t->v[i].room) remove_socket_from_room_in_slot(r, t, i);
  joined_rooms_free_if_empty(s);
}
