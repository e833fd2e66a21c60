/* SPDX-License-Identifier: MIT
 *
 * members_kept_rig.h - servers that serve as one (sio/threads.h), of which one has an adapter that
 * keeps the lost sockets of all of them (SIO_ADAPTER_RECOVERS). The adapter answers when the test
 * says so, and delivers events when the test says so.
 */
#ifndef SIO_TEST_MEMBERS_KEPT_RIG_H
#define SIO_TEST_MEMBERS_KEPT_RIG_H

#include "clock.h"
#include "core/nsp.h"

#include "members_recovery_rig.h"
#include <sio/adapter.h>

enum { CONNECTED = 1 }; /* the member with the adapter */

/* ---- the adapter ----------------------------------------------------------------------------- */

struct sio_adapter {
  sio_nsp *nsp;
  sio_adapter *local;
};

struct held_event {
  uint64_t origin;
  unsigned flags;
  sio_nsp *nsp;
  char json[80], room[24], except[24];
};

static struct {
  const sio_adapter_api *api;
  sio_restore *asked[4]; /* restores that wait for an answer */
  unsigned nasked, over, persisted, offset;
  char saved[160]; /* what persist was called with last: "pid room,room, shared" */
  char forgotten[24];
  bool hold; /* events are delivered by store_deliver() alone */
  struct held_event held[16];
  unsigned nheld;
  bool is_shut;
  unsigned after_shut; /* events that it was passed when it had been stopped */
} store;

static inline int store_open(sio_nsp *nsp, const sio_adapter_api *calls, void *user,
                             sio_adapter **out) {
  sio_adapter *a = calloc(1, sizeof *a);
  (void)user;
  a->nsp = nsp;
  *out = a;
  store.api = calls;
  return calls->memory->open(nsp, calls, NULL, &a->local);
}

static inline void store_close(sio_adapter *a) {
  store.api->memory->close(a->local);
  free(a);
}

static inline int store_join(sio_adapter *a, sio_socket *s, const char *room) {
  return store.api->memory->join(a->local, s, room);
}
static inline void store_leave(sio_adapter *a, sio_socket *s, const char *room) {
  store.api->memory->leave(a->local, s, room);
}
static inline void store_leave_all(sio_adapter *a, sio_socket *s) {
  store.api->memory->leave_all(a->local, s);
}
static inline bool store_in_room(const sio_adapter *a, const sio_socket *s, const char *room) {
  return store.api->memory->in_room(a->local, s, room);
}
static inline void store_rooms(const sio_adapter *a, const sio_socket *s,
                               void (*cb)(const char *room, void *user), void *user) {
  store.api->memory->rooms(a->local, s, cb, user);
}
static inline int store_each(sio_adapter *a, const sio_target *to,
                             void (*visit)(sio_socket *, void *), void *user) {
  return store.api->memory->each(a->local, to, visit, user);
}
static inline int store_all_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  return store.api->memory->all_join(a->local, to, rooms);
}
static inline int store_all_leave(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  return store.api->memory->all_leave(a->local, to, rooms);
}
static inline int store_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  return store.api->memory->all_disconnect(a->local, to, session);
}

static inline void store_deliver(const struct held_event *e) {
  char offset[16];
  sio_packet *p;
  const sio_target to = { .nsp = e->nsp,
                          .flags = e->flags | SIO_PROCESS,
                          .rooms = *e->room ? SIO_ROOMS(e->room) : NULL,
                          .except = *e->except ? SIO_ROOMS(e->except) : NULL };
  snprintf(offset, sizeof offset, "at.%u", ++store.offset);
  if (store.api->packet_new(&to, slice_str(e->json), NULL, 0, NULL, slice_str(offset), &p)) return;
  (void)store.api->packet_broadcast_own(p, &to, e->origin);
  store.api->packet_free(p);
}

static inline void store_deliver_held(void) {
  unsigned n = store.nheld;
  store.nheld = 0;
  for (unsigned i = 0; i < n; i++) store_deliver(&store.held[i]);
}

static inline void copy_name(char out[24], const char *const *names) {
  snprintf(out, 24, "%s", names && names[0] ? names[0] : "");
}

static inline int store_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  if (to->flags & SIO_LOCAL) return store.api->memory->broadcast(a->local, to, p);
  store.after_shut += store.is_shut;
  int err = store.api->packet_get_info(p, &info);
  if (err) return err;
  if (info.query) {
    sio_target here = *to;
    here.flags |= SIO_PROCESS;
    return store.api->packet_broadcast_own(p, &here, info.origin);
  }
  struct held_event e = { .origin = info.origin, .flags = to->flags, .nsp = a->nsp };
  snprintf(e.json, sizeof e.json, "%.*s", (int)info.json.n, info.json.p);
  copy_name(e.room, to->rooms);
  copy_name(e.except, to->except);
  if (store.hold && store.nheld < 16)
    store.held[store.nheld++] = e;
  else
    store_deliver(&e);
  return 0;
}

static inline void store_persist(sio_adapter *a, const sio_saved_socket *s) {
  int n = snprintf(store.saved, sizeof store.saved, "%s ", s->pid);
  (void)a;
  for (const char *const *r = s->rooms; *r; r++)
    n += snprintf(store.saved + n, sizeof store.saved - (size_t)n, "%s,", *r);
  snprintf(store.saved + n, sizeof store.saved - (size_t)n, " %.*s", (int)s->shared.n, s->shared.p);
  store.persisted++;
}

static inline void store_forget(sio_adapter *a, const char *pid) {
  (void)a;
  snprintf(store.forgotten, sizeof store.forgotten, "%s", pid);
}

static inline void store_restore(sio_adapter *a, sio_restore *r) {
  (void)a;
  if (store.nasked == 4) abort();
  store.asked[store.nasked++] = r;
}

static inline void store_restore_over(sio_adapter *a, sio_restore *r) {
  (void)a;
  for (unsigned i = 0; i < store.nasked; i++)
    if (store.asked[i] == r) store.asked[i] = NULL;
  store.over++;
}

static inline void store_shut(sio_adapter *a) {
  (void)a;
  store.is_shut = true;
}

static const sio_adapter_ops keeper = {
  .size = sizeof keeper,
  .flags = SIO_ADAPTER_RECOVERS,
  .open = store_open,
  .close = store_close,
  .join = store_join,
  .leave = store_leave,
  .leave_all = store_leave_all,
  .in_room = store_in_room,
  .rooms = store_rooms,
  .broadcast = store_broadcast,
  .each = store_each,
  .all_join = store_all_join,
  .all_leave = store_all_leave,
  .all_disconnect = store_all_disconnect,
  .persist = store_persist,
  .forget = store_forget,
  .restore = store_restore,
  .restore_over = store_restore_over,
  .shut = store_shut,
};

static inline void start_kept_with(const sio_adapter_ops *ops) {
  memset(&store, 0, sizeof store);
  start_members();
  EQ(sio_threads_set_adapter(members[CONNECTED], ops, NULL), 0);
}

static inline void start_kept(void) { start_kept_with(&keeper); }

/* ---- what the adapter answers ---------------------------------------------------------------- */

static const char id_there[] = "idididididididididid", pid_there[] = "pidpidpidpidpidpidpi";

static inline int find_socket_with_pid(unsigned i, const char *pid) {
  static const char *const rooms[] = { "one", "two", NULL };
  const sio_saved_socket s = {
    .id = id_there, .pid = pid, .rooms = rooms, .shared = SLICE("{\"a\":1}")
  };
  return store.api->restore_found(store.asked[i], &s);
}

static inline int find_socket(unsigned i) { return find_socket_with_pid(i, pid_there); }

static inline void find_event(unsigned i, const char *json, const char *offset) {
  EQ(store.api->restore_event(store.asked[i], slice_str(json), NULL, 0, slice_str(offset)), 0);
}

static inline void end_answer(unsigned i, int cause) {
  store.api->restore_done(store.asked[i], cause);
}

/* A client of another process comes to this member. The adapter is asked in a few turns. */
static inline void come_from_elsewhere(struct client *c, int member) {
  memset(c, 0, sizeof *c);
  strcpy(c->pid, pid_there);
  strcpy(c->offset, "at.7");
  client_open(c, member);
  turns(4);
}

static inline sio_socket *socket_of(const struct client *c) { return sio_test_socket(c->peer); }

static inline bool is_recovered(const struct client *c) {
  turns(4);
  return socket_of(c) && sio_socket_recovered(socket_of(c));
}

static inline void later(uint64_t ms) {
  clock_ms += ms;
  for (int i = 0; i < MEMBERS; i++) sio__timers_fire_due(&members[i]->core.loop.timers, clock_ms);
  turns(4);
}

static int questions;
static inline void on_any_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)r, (void)user;
  questions++;
}

#endif
