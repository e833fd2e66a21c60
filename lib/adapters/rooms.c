/* SPDX-License-Identifier: MIT
 *
 * rooms.c - two tables that point into each other: whatever moves in one tells the other where
 * it went.
 */
#include "adapters/rooms.h"

#include "base/err.h"
#include "base/mem.h"
#include <sio/adapter.h>

enum { MIN_PLACES = 4, MIN_SEATS = 4 };

struct seat {
  struct room *room; /* NULL: free */
  uint32_t place;    /* index in room->places */
};

struct seats {
  uint32_t n, cap; /* cap: a power of two, at most 3/4 taken */
  struct seat v[];
};

/* ---- a socket's table ------------------------------------------------------------------- */

static struct seats *table_of(const sio_socket *s) { return sio_adapter_slot(s); }

/* Of the room's number, not of its address: the order in which a socket leaves its rooms must be
 * the same in each run of the program. */
static uint32_t ideal_slot_of(const struct room *room, uint32_t cap) {
  uint64_t h = room->number * UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(h >> 32) & (cap - 1);
}

/* Where the room sits, or the free seat where it would. */
static uint32_t seat_of(const struct seats *t, const struct room *room) {
  uint32_t i = ideal_slot_of(room, t->cap);
  while (t->v[i].room && t->v[i].room != room) i = (i + 1) & (t->cap - 1);
  return i;
}

static void take_seat(struct seats *t, uint32_t i, struct seat seat) {
  t->v[i] = seat;
  seat.room->places[seat.place].seat = i;
}

static void move_seats(struct seats *to, const struct seats *from) {
  for (uint32_t i = 0; i < from->cap; i++)
    if (from->v[i].room) take_seat(to, seat_of(to, from->v[i].room), from->v[i]);
  to->n = from->n;
}

/* One seat free and one more, so that a search ends. */
static int seats_grow(sio_socket *s) {
  struct seats *old = table_of(s);
  if (old && old->n < old->cap / 4 * 3) return 0;
  if (old && old->cap > UINT32_MAX / 2) return SIO__ENOMEM;
  uint32_t cap = old ? old->cap * 2 : MIN_SEATS;
  struct seats *t = sio__calloc(1, sizeof *t + cap * sizeof(struct seat));
  if (!t) return SIO__ENOMEM;
  t->cap = cap;
  if (old) move_seats(t, old);
  sio__free(old);
  sio_adapter_set_slot(s, t);
  return 0;
}

static void seats_trim(sio_socket *s) {
  struct seats *t = table_of(s);
  if (!t || t->n) return;
  sio__free(t);
  sio_adapter_set_slot(s, NULL);
}

/* Moves back each later entry that lookups would not find across the gap. */
static void free_seat(struct seats *t, uint32_t gap) {
  uint32_t mask = t->cap - 1;
  t->n--;
  for (uint32_t i = (gap + 1) & mask; t->v[i].room; i = (i + 1) & mask) {
    uint32_t from_home = (i - ideal_slot_of(t->v[i].room, t->cap)) & mask;
    if (from_home < ((i - gap) & mask)) continue;
    take_seat(t, gap, t->v[i]);
    gap = i;
  }
  t->v[gap] = (struct seat){ 0 };
}

bool sio__rooms_has(const sio_socket *s, const struct room *room) {
  const struct seats *t = table_of(s);
  return t && room && t->v[seat_of(t, room)].room == room;
}

const struct room *sio__rooms_next(const sio_socket *s, uint32_t *i) {
  const struct seats *t = table_of(s);
  while (t && *i < t->cap) {
    const struct room *room = t->v[(*i)++].room;
    if (room) return room;
  }
  return NULL;
}

/* ---- a room's members --------------------------------------------------------------------- */

static int places_resize(struct room *room, uint32_t cap) {
  struct place *p = sio__realloc(room->places, cap * sizeof *p);
  if (!p) return SIO__ENOMEM;
  room->places = p;
  room->cap = cap;
  return 0;
}

static int places_grow(struct room *room) {
  if (room->n < room->cap) return 0;
  struct place *p = sio__array_grow(room->places, &room->cap, sizeof *p, MIN_PLACES);
  if (!p) return SIO__ENOMEM;
  room->places = p;
  return 0;
}

/* The last member takes the place that gets free. */
static void clear_seat(struct room *room, uint32_t i) {
  struct place last = room->places[--room->n];
  room->places[i] = last;
  table_of(last.socket)->v[last.seat].place = i;
  /* Without memory it stays roomy, which is fine too. */
  if (room->cap > MIN_PLACES && room->n < room->cap / 4) (void)places_resize(room, room->cap / 2);
}

/* ---- rooms ----------------------------------------------------------------------------------- */

static sio_slice key_of(const void *item) {
  const struct room *room = item;
  return slice(room->name, room->name_len);
}

void sio__rooms_init(struct rooms *r) {
  sio__map_init(&r->by_name, key_of);
  r->made = 0;
}

void sio__rooms_clear(struct rooms *r) { sio__map_clear(&r->by_name); }

struct room *sio__rooms_find(const struct rooms *r, const char *name) {
  return sio__map_get(&r->by_name, slice_str(name));
}

static struct room *room_new(struct rooms *r, const char *name) {
  size_t n = strlen(name);
  struct room *room = sio__calloc(1, sizeof *room + n + 1);
  if (!room) return NULL;
  room->name_len = (uint32_t)n;
  room->number = r->made++;
  memcpy(room->name, name, n);
  if (sio__map_put(&r->by_name, room) == 0) return room;
  sio__free(room);
  return NULL;
}

static void room_trim(struct rooms *r, struct room *room) {
  if (room->n) return;
  sio__map_del(&r->by_name, key_of(room));
  sio__free(room->places);
  sio__free(room);
}

int sio__rooms_join(struct rooms *r, sio_socket *s, const char *name) {
  struct room *room = sio__rooms_find(r, name);
  if (!room && !(room = room_new(r, name))) return SIO__ENOMEM;
  if (places_grow(room) || seats_grow(s)) {
    room_trim(r, room);
    seats_trim(s);
    return SIO__ENOMEM;
  }
  struct seats *t = table_of(s);
  room->places[room->n].socket = s;
  take_seat(t, seat_of(t, room), (struct seat){ .room = room, .place = room->n });
  t->n++;
  room->n++;
  return 0;
}

static void leave_seat(struct rooms *r, struct seats *t, uint32_t i) {
  struct seat seat = t->v[i];
  clear_seat(seat.room, seat.place);
  free_seat(t, i);
  room_trim(r, seat.room);
}

void sio__rooms_leave(struct rooms *r, sio_socket *s, const char *name) {
  struct room *room = sio__rooms_find(r, name);
  if (!sio__rooms_has(s, room)) return;
  struct seats *t = table_of(s);
  leave_seat(r, t, seat_of(t, room));
  seats_trim(s);
}

void sio__rooms_leave_all(struct rooms *r, sio_socket *s) {
  struct seats *t = table_of(s);
  for (uint32_t i = 0; t && i < t->cap; i++)
    while (t->v[i].room) leave_seat(r, t, i);
  seats_trim(s);
}
