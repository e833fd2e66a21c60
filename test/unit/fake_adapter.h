/* SPDX-License-Identifier: MIT
 *
 * fake_adapter.h - an adapter between servers of one process, written against the public header
 * alone: what each says waits in a row until pump() lets the others hear it.
 */
#ifndef SIO_TEST_FAKE_ADAPTER_H
#define SIO_TEST_FAKE_ADAPTER_H

#include "core/query.h"
#include "peer.h"

/* ---- the bus --------------------------------------------------------------------------------- */

enum { NODES = 3, LIST = 8, WAITS = 8 };

enum kind { CAST, COUNT, ACK, LOST, JOIN, LEAVE, KICK, FETCH, FOUND, FETCHED, SAY, ANSWER };

struct message {
  struct message *next;
  enum kind kind;
  int from, to; /* to: -1: all others */
  unsigned number, flags, ms;
  size_t n; /* a count, or whether to close sessions */
  bool all; /* the target has no rooms: everyone */
  char *rooms[LIST], *except[LIST], *more[LIST];
  char *json, *id, *auth, *data, *handshake;
  sio_slice bins[LIST];
  size_t nbins;
};

struct waiting {
  unsigned number; /* 0: free */
  sio_query *q;
  int servers; /* that owe an end */
  size_t acks[NODES];
};

struct sio_adapter {
  sio_nsp *nsp;
  sio_adapter *local; /* the memory adapter's */
  int node;
  bool deaf, shut;
  unsigned last;
  struct waiting waits[WAITS];
};

static sio_adapter *nodes[NODES];
static struct message *first, **last = &first;
static const sio_adapter_api *api; /* as the library passes it to fake_open() */

static inline char *copy_of(const char *s, size_t n) {
  char *p = malloc(n + 1);
  if (n) memcpy(p, s, n);
  p[n] = '\0';
  return p;
}

static inline void copy_list(char *out[LIST], const char *const *list) {
  for (size_t i = 0; list && list[i]; i++) out[i] = copy_of(list[i], strlen(list[i]));
}

static inline struct message *message(const sio_adapter *a, enum kind kind, int to,
                                      unsigned number) {
  struct message *m = calloc(1, sizeof *m);
  *m = (struct message){ .kind = kind, .from = a->node, .to = to, .number = number };
  *last = m;
  last = &m->next;
  return m;
}

static inline void free_message(struct message *m) {
  char **lists[] = { m->rooms, m->except, m->more };
  for (int l = 0; l < 3; l++)
    for (int i = 0; i < LIST; i++) free(lists[l][i]);
  char *texts[] = { m->json, m->id, m->auth, m->data, m->handshake };
  for (int i = 0; i < 5; i++) free(texts[i]);
  for (size_t i = 0; i < m->nbins; i++) free((char *)(uintptr_t)m->bins[i].p);
  free(m);
}

static inline void put_target(struct message *m, const sio_target *to) {
  m->flags = to->flags;
  m->all = !to->rooms;
  copy_list(m->rooms, to->rooms);
  copy_list(m->except, to->except);
  size_t n = 0;
  while (m->except[n]) n++;
  if (to->skip) m->except[n] = copy_of(sio_socket_id(to->skip), strlen(sio_socket_id(to->skip)));
}

static inline void put_json(struct message *m, sio_slice json, const sio_slice *bins,
                            size_t nbins) {
  m->json = copy_of(json.p, json.n);
  m->nbins = nbins;
  for (size_t i = 0; i < nbins; i++)
    m->bins[i] = (sio_slice){ copy_of(bins[i].p, bins[i].n), bins[i].n };
}

static inline void put_packet(struct message *m, const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  EQ(api->packet_get_info(p, &info), 0);
  put_json(m, info.json, info.bins, info.nbins);
}

static inline sio_slice text(const char *s) { return (sio_slice){ s, s ? strlen(s) : 0 }; }

static inline sio_query_info query_info(const sio_query *q) {
  sio_query_info info = { .size = sizeof info };
  api->query_get_info(q, &info);
  return info;
}

static inline int others(const sio_adapter *a) {
  int n = 0;
  for (int i = 0; i < NODES; i++) n += nodes[i] && nodes[i] != a;
  return n;
}

/* ---- who waits for whom ---------------------------------------------------------------------- */

static inline struct waiting *wait_for(sio_adapter *a, sio_query *q) {
  if (others(a) == 0) return NULL;
  for (int i = 0; i < WAITS; i++) {
    if (a->waits[i].number) continue;
    a->waits[i] = (struct waiting){ .number = ++a->last, .q = q, .servers = others(a) };
    for (int k = 0; k < others(a); k++) api->query_hold(q);
    return &a->waits[i];
  }
  abort();
}

static inline struct waiting *find_wait(sio_adapter *a, unsigned number) {
  for (int i = 0; i < WAITS; i++)
    if (number && a->waits[i].number == number) return &a->waits[i];
  return NULL;
}

/* One server has said all it had to say. */
static inline void done_with(struct waiting *w, int err) {
  sio_query *q = w->q;
  if (--w->servers == 0) w->number = 0;
  api->query_release(q, err);
}

static inline void fake_query_over(sio_adapter *a, sio_query *q) {
  for (int i = 0; i < WAITS; i++) {
    struct waiting *w = &a->waits[i];
    if (!w->number || w->q != q) continue;
    CHECK(query_info(q).over);
    trace("over ");
    api->query_reply(q, NULL, SLICE("1"), NULL, 0); /* ignored */
    api->query_remote(q, &(sio_remote){ .id = "x" });
    while (w->number) done_with(w, SIO_ETIMEOUT);
    return;
  }
}

/* ---- the slots ------------------------------------------------------------------------------- */

static inline int fake_open(sio_nsp *nsp, const sio_adapter_api *calls, void *user,
                            sio_adapter **out) {
  sio_adapter *a = calloc(1, sizeof *a);
  int err = calls->memory->open(nsp, calls, NULL, &a->local);
  if (err) {
    free(a);
    return err;
  }
  api = calls;
  a->nsp = nsp;
  a->node = *(int *)user;
  if (strcmp(sio_nsp_name(nsp), "/") == 0) nodes[a->node] = a;
  *out = a;
  return 0;
}

static inline void fake_close(sio_adapter *a) {
  CHECK(a->shut);
  for (int i = 0; i < WAITS; i++) CHECK(a->waits[i].number == 0);
  api->memory->close(a->local);
  if (nodes[a->node] == a) nodes[a->node] = NULL;
  free(a);
}

static inline void fake_shut(sio_adapter *a) { a->shut = true; }

static inline int fake_join(sio_adapter *a, sio_socket *s, const char *room) {
  return api->memory->join(a->local, s, room);
}
static inline void fake_leave(sio_adapter *a, sio_socket *s, const char *room) {
  api->memory->leave(a->local, s, room);
}
static inline void fake_leave_all(sio_adapter *a, sio_socket *s) {
  api->memory->leave_all(a->local, s);
}
static inline bool fake_in_room(const sio_adapter *a, const sio_socket *s, const char *room) {
  return api->memory->in_room(a->local, s, room);
}
static inline void fake_rooms(const sio_adapter *a, const sio_socket *s,
                              void (*cb)(const char *room, void *user), void *user) {
  api->memory->rooms(a->local, s, cb, user);
}
static inline int fake_each(sio_adapter *a, const sio_target *to,
                            void (*visit)(sio_socket *, void *), void *user) {
  return api->memory->each(a->local, to, visit, user);
}

static inline int fake_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  EQ(api->packet_get_info(p, &info), 0);
  sio_query *q = info.query;
  if (!(to->flags & SIO_LOCAL) && others(a)) {
    struct waiting *w = q ? wait_for(a, q) : NULL;
    struct message *m = message(a, CAST, -1, w ? w->number : 0);
    put_target(m, to);
    put_packet(m, p);
    if (q) m->ms = query_info(q).timeout_ms;
  }
  return api->memory->broadcast(a->local, to, p);
}

static inline void say_bulk(sio_adapter *a, enum kind kind, const sio_target *to,
                            const char *const *rooms, bool session) {
  if (to->flags & SIO_LOCAL) return;
  struct message *m = message(a, kind, -1, 0);
  put_target(m, to);
  copy_list(m->more, rooms);
  m->n = session;
}

static inline int fake_all_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  say_bulk(a, JOIN, to, rooms, false);
  return api->memory->all_join(a->local, to, rooms);
}
static inline int fake_all_leave(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  say_bulk(a, LEAVE, to, rooms, false);
  return api->memory->all_leave(a->local, to, rooms);
}
static inline int fake_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  say_bulk(a, KICK, to, NULL, session);
  return api->memory->all_disconnect(a->local, to, session);
}

static inline int fake_fetch(sio_adapter *a, const sio_target *to, sio_query *q) {
  struct waiting *w = wait_for(a, q);
  if (w) put_target(message(a, FETCH, -1, w->number), to);
  return 0;
}

static inline int fake_server_emit(sio_adapter *a, const sio_packet *p, sio_query *q) {
  struct waiting *w = q ? wait_for(a, q) : NULL;
  if (w) api->query_expect(q, (size_t)w->servers);
  put_packet(message(a, SAY, -1, w ? w->number : 0), p);
  return 0;
}

static inline int fake_server_count(sio_adapter *a, sio_query *q) {
  api->query_expect(q, (size_t)others(a));
  return 0;
}

static const sio_adapter_ops fake = { .open = fake_open,
                                      .close = fake_close,
                                      .join = fake_join,
                                      .leave = fake_leave,
                                      .leave_all = fake_leave_all,
                                      .in_room = fake_in_room,
                                      .rooms = fake_rooms,
                                      .broadcast = fake_broadcast,
                                      .each = fake_each,
                                      .all_join = fake_all_join,
                                      .all_leave = fake_all_leave,
                                      .all_disconnect = fake_all_disconnect,
                                      .fetch = fake_fetch,
                                      .server_emit = fake_server_emit,
                                      .server_count = fake_server_count,
                                      .query_over = fake_query_over,
                                      .shut = fake_shut };

/* ---- what is heard --------------------------------------------------------------------------- */

/* A question of another server that runs here. */
struct asked {
  sio_adapter *a;
  int from;
  unsigned number;
  sio_query *q;
};

static inline void on_ack(const char *id, sio_slice json, const sio_slice *bins, size_t nbins,
                          void *user) {
  struct asked *as = user;
  struct message *m = message(as->a, ACK, as->from, as->number);
  m->id = copy_of(id, strlen(id));
  put_json(m, json, bins, nbins);
}

static inline void on_asked(int status, size_t lost, void *user) {
  struct asked *as = user;
  (void)status;
  message(as->a, LOST, as->from, as->number)->n = lost;
  free(as);
}

static inline sio_target target_of(const sio_adapter *a, const struct message *m) {
  return (sio_target){ .nsp = a->nsp,
                       .rooms = m->all ? NULL : (const char *const *)m->rooms,
                       .except = (const char *const *)m->except,
                       .flags = m->flags | SIO_LOCAL };
}

static inline void hear_cast(sio_adapter *a, const struct message *m) {
  static const sio_query_watch watch = { .reply = on_ack, .end = on_asked };
  sio_target to = target_of(a, m);
  sio_packet *p;
  struct asked *as = NULL;
  if (m->number) {
    as = malloc(sizeof *as);
    *as = (struct asked){ .a = a, .from = m->from, .number = m->number };
    EQ(api->query_new(a->nsp, m->ms, &watch, as, &as->q), 0);
  }
  EQ(api->packet_new(&to, text(m->json), m->bins, m->nbins, as ? as->q : NULL, slice(NULL, 0), &p),
     0);
  api->memory->broadcast(a->local, &to, p);
  if (as) {
    message(a, COUNT, m->from, m->number)->n = query_info(as->q).expected;
    api->query_release(as->q, 0);
  }
  api->packet_free(p);
}

static inline void hear_bulk(sio_adapter *a, const struct message *m) {
  sio_target to = target_of(a, m);
  const char *const *rooms = (const char *const *)m->more;
  if (m->kind == JOIN) api->memory->all_join(a->local, &to, rooms);
  if (m->kind == LEAVE) api->memory->all_leave(a->local, &to, rooms);
  if (m->kind == KICK) api->memory->all_disconnect(a->local, &to, m->n != 0);
}

static inline void on_found(int status, sio_remote *list, size_t n, void *user) {
  struct asked *as = user;
  EQ(status, 0);
  for (size_t i = 0; i < n; i++) {
    struct message *m = message(as->a, FOUND, as->from, as->number);
    sio_slice h = sio_remote_handshake(&list[i]);
    CHECK(sio_remote_handshake(&list[i]).p == h.p);
    m->id = copy_of(list[i].id, strlen(list[i].id));
    copy_list(m->rooms, list[i].rooms);
    m->auth = copy_of(list[i].auth.p, list[i].auth.n);
    m->data = copy_of(list[i].data.p, list[i].data.n);
    m->handshake = copy_of(h.p, h.n);
  }
  message(as->a, FETCHED, as->from, as->number);
  free(as);
}

static inline void hear_fetch(sio_adapter *a, const struct message *m) {
  struct asked *as = malloc(sizeof *as);
  *as = (struct asked){ .a = a, .from = m->from, .number = m->number };
  EQ(sio_all_fetch(target_of(a, m), 0, on_found, as), 0);
}

static inline void on_answer(sio_adapter *a, const sio_return *to, sio_slice json,
                             const sio_slice *bins, size_t nbins) {
  struct asked as;
  memcpy(&as, to->bytes, sizeof as);
  put_json(message(a, ANSWER, as.from, as.number), json, bins, nbins);
}

static inline void hear_say(sio_adapter *a, const struct message *m) {
  struct asked as = { .from = m->from, .number = m->number };
  sio_return to = { { 0 } };
  memcpy(to.bytes, &as, sizeof as);
  EQ(api->server_side_receive(a->nsp, text(m->json), m->bins, m->nbins,
                              m->number ? on_answer : NULL, &to),
     0);
}

/* The other's answer to a question of ours. */
static inline void hear_answer(struct waiting *w, const struct message *m) {
  switch (m->kind) {
    case COUNT: api->query_expect(w->q, m->n); break;
    case ACK: api->query_reply(w->q, m->id, text(m->json), m->bins, m->nbins); break;
    case LOST:
      api->query_lost(w->q, m->n);
      done_with(w, 0);
      break;
    case FOUND:
      api->query_remote(w->q, &(sio_remote){ .id = m->id,
                                             .rooms = (const char *const *)m->rooms,
                                             .auth = text(m->auth),
                                             .data = text(m->data),
                                             .handshake = text(m->handshake) });
      break;
    case ANSWER:
      api->query_reply(w->q, NULL, text(m->json), m->bins, m->nbins);
      done_with(w, 0);
      break;
    default: done_with(w, 0); break;
  }
}

static inline void hear(sio_adapter *a, const struct message *m) {
  struct waiting *w = find_wait(a, m->number);
  switch (m->kind) {
    case CAST: hear_cast(a, m); break;
    case JOIN:
    case LEAVE:
    case KICK: hear_bulk(a, m); break;
    case FETCH: hear_fetch(a, m); break;
    case SAY: hear_say(a, m); break;
    default:
      if (w) hear_answer(w, m);
  }
}

/* Until nothing is left to say. */
static inline void pump(void) {
  for (int i = 0; i < 10; i++) {
    for (struct message *m; (m = first);) {
      if (!(first = m->next)) last = &first;
      for (int k = 0; k < NODES; k++)
        if (nodes[k] && !nodes[k]->deaf && k != m->from && (m->to < 0 || m->to == k))
          hear(nodes[k], m);
      free_message(m);
    }
    turn();
  }
}

#endif
