/* SPDX-License-Identifier: MIT
 *
 * oom_cluster.c - two servers that serve as one (sio/threads.h), of which the first has an adapter
 * that keeps lost sockets and events for both (SIO_ADAPTER_RECOVERS). A whole life for each of its
 * allocations: events that wait, sockets that are saved, and clients that return to either server.
 *
 * Whatever fails: nothing crashes, leaks or hangs, each question is answered once, and clients that
 * come when there is memory again are served and recovered.
 *
 *     oom_cluster         all allocations
 *     oom_cluster 17      the 17th, both ways
 */
#include "core/nsp.h"
#include "core/recovery_socket.h"
#include "server/server.h"

#include "oom.h"
#include <sio/adapter.h>
#include <sio/sio.h>
#include <sio/test.h>
#include <sio/threads.h>

enum { MEMBERS = 2, EVENTS = 32, TURNS = 6 };

static struct host {
  uv_loop_t uv;
  uv_async_t alive;
  sio_threads *threads;
  sio_server *members[MEMBERS];
  sio_nsp *roots[MEMBERS];
  int asked; /* must come to 0 */
  unsigned closed;
} h;

static void wake(uv_async_t *a) { (void)a; }

static void turns(void) {
  for (int i = 0; i < TURNS; i++) uv_run(&h.uv, UV_RUN_NOWAIT);
}

/* ---- the adapter, which keeps one lost socket ------------------------------------------------ */

struct kept_event {
  sio_packet *packet;
  char room[64]; /* "": all sockets */
  uint64_t origin;
};

struct sio_adapter {
  sio_nsp *nsp;
  sio_adapter *local;
  bool delivers;
  struct kept_event events[EVENTS];
  unsigned nevents;
  unsigned last; /* the number in the last offset */
};

static const sio_adapter_api *api;
static sio_adapter *outside;
static char saved_id[64], saved_pid[64], saved_room[64];

static int keep_open(sio_nsp *nsp, const sio_adapter_api *table, void *user, sio_adapter **out) {
  sio_adapter *a = calloc(1, sizeof *a);
  (void)user;
  a->nsp = nsp;
  api = table;
  int err = api->memory->open(nsp, api, NULL, &a->local);
  if (err)
    free(a);
  else
    *out = outside = a;
  return err;
}

static void keep_drop_events(sio_adapter *a) {
  while (a->nevents) api->packet_free(a->events[--a->nevents].packet);
}

static void keep_shut(sio_adapter *a) { keep_drop_events(a); }

static void keep_close(sio_adapter *a) {
  keep_drop_events(a);
  api->memory->close(a->local);
  free(a);
  outside = NULL;
}

static int keep_join(sio_adapter *a, sio_socket *s, const char *room) {
  return api->memory->join(a->local, s, room);
}
static void keep_leave(sio_adapter *a, sio_socket *s, const char *room) {
  api->memory->leave(a->local, s, room);
}
static void keep_leave_all(sio_adapter *a, sio_socket *s) { api->memory->leave_all(a->local, s); }
static bool keep_in_room(const sio_adapter *a, const sio_socket *s, const char *room) {
  return api->memory->in_room(a->local, s, room);
}
static void keep_rooms(const sio_adapter *a, const sio_socket *s,
                       void (*cb)(const char *room, void *user), void *user) {
  api->memory->rooms(a->local, s, cb, user);
}
static int keep_each(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *s, void *user),
                     void *user) {
  return api->memory->each(a->local, to, visit, user);
}
static int keep_all_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  return api->memory->all_join(a->local, to, rooms);
}
static int keep_all_leave(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  return api->memory->all_leave(a->local, to, rooms);
}
static int keep_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  return api->memory->all_disconnect(a->local, to, session);
}

static int keep_send_now(sio_adapter *a, const sio_target *to, const sio_packet *p,
                         uint64_t origin) {
  sio_target all = *to;
  all.flags |= SIO_PROCESS;
  a->delivers = true;
  int err = api->packet_broadcast_own(p, &all, origin);
  a->delivers = false;
  return err;
}

static int keep_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  struct kept_event *e = &a->events[a->nevents];
  if (a->delivers || (to->flags & SIO_PROCESS) == SIO_LOCAL)
    return api->memory->broadcast(a->local, to, p);
  int err = api->packet_get_info(p, &info);
  if (err || info.query || a->nevents == EVENTS || api->packet_copy(p, &e->packet))
    return keep_send_now(a, to, p, info.origin);
  e->origin = info.origin;
  snprintf(e->room, sizeof e->room, "%s", to->rooms ? to->rooms[0] : "");
  a->nevents++;
  return 0;
}

static void keep_deliver(sio_adapter *a, const struct kept_event *e) {
  char offset[32];
  sio_packet_info info = { .size = sizeof info };
  sio_packet *p = NULL;
  const sio_target to = { .nsp = a->nsp,
                          .rooms = *e->room ? (const char *const[]){ e->room, NULL } : NULL,
                          .flags = SIO_PROCESS };
  int n = snprintf(offset, sizeof offset, "1-%u", ++a->last);
  int err = api->packet_get_info(e->packet, &info);
  if (!err)
    err =
        api->packet_new(&to, info.json, info.bins, info.nbins, NULL, slice(offset, (size_t)n), &p);
  if (!err) (void)keep_send_now(a, &to, p, e->origin);
  api->packet_free(p);
}

/* As when the cluster has given the events their offsets. */
static void keep_deliver_all(void) {
  for (unsigned i = 0; outside && i < outside->nevents; i++)
    keep_deliver(outside, &outside->events[i]);
  if (outside) keep_drop_events(outside);
}

static void keep_persist(sio_adapter *a, const sio_saved_socket *s) {
  (void)a;
  snprintf(saved_id, sizeof saved_id, "%s", s->id);
  snprintf(saved_pid, sizeof saved_pid, "%s", s->pid);
  snprintf(saved_room, sizeof saved_room, "%s", s->rooms && s->rooms[0] ? s->rooms[0] : "");
}

static void keep_forget(sio_adapter *a, const char *pid) {
  (void)a;
  if (strcmp(saved_pid, pid) == 0) saved_pid[0] = '\0';
}

static void keep_restore(sio_adapter *a, sio_restore *r) {
  sio_restore_info info = { .size = sizeof info };
  const char *const rooms[] = { *saved_room ? saved_room : NULL, NULL };
  const sio_saved_socket s = {
    .size = sizeof s, .id = saved_id, .pid = saved_pid, .rooms = rooms, .shared = SLICE("{}")
  };
  (void)a;
  api->restore_get_info(r, &info);
  int err =
      *saved_pid && slice_equals_str(info.pid, saved_pid) ? api->restore_found(r, &s) : SIO_EPROTO;
  if (!err) (void)api->restore_event(r, SLICE("[\"missed\"]"), NULL, 0, SLICE("1-0"));
  api->restore_done(r, err ? SIO_RECOVERY_NO_SESSION : 0);
}

static void keep_restore_over(sio_adapter *a, sio_restore *r) { (void)a, (void)r; }

static const sio_adapter_ops keeps = { .size = sizeof keeps,
                                       .open = keep_open,
                                       .close = keep_close,
                                       .join = keep_join,
                                       .leave = keep_leave,
                                       .leave_all = keep_leave_all,
                                       .in_room = keep_in_room,
                                       .rooms = keep_rooms,
                                       .broadcast = keep_broadcast,
                                       .each = keep_each,
                                       .all_join = keep_all_join,
                                       .all_leave = keep_all_leave,
                                       .all_disconnect = keep_all_disconnect,
                                       .shut = keep_shut,
                                       .flags = SIO_ADAPTER_RECOVERS,
                                       .persist = keep_persist,
                                       .forget = keep_forget,
                                       .restore = keep_restore,
                                       .restore_over = keep_restore_over };

/* ---- the script ------------------------------------------------------------------------------ */

#define TRY(call)          \
  do {                     \
    int err_ = (call);     \
    if (err_) return err_; \
  } while (0)

static int set_up(void) {
  static const sio_recovery recovery = { .run_middlewares = false };
  TRY(sio_threads_new(&h.threads));
  const sio_options o = { .threads = h.threads, .recovery = &recovery };
  for (int i = 0; i < MEMBERS; i++) {
    TRY(sio_server_new(&h.uv, &o, &h.members[i]));
    TRY(sio_of(h.members[i], "/", &h.roots[i]));
  }
  return sio_threads_set_adapter(h.members[0], &keeps, NULL);
}

static void on_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)r, (void)user;
  h.asked--;
}

static bool next_is(sio_test_peer *p, const char *start) {
  const char *text;
  while (p && (text = sio_test_next(p)))
    if (strncmp(text, start, strlen(start)) == 0) return true;
  return false;
}

static void send_events(sio_socket *s) {
  const sio_target all = { .nsp = h.roots[1] }, first = { .nsp = h.roots[0] };
  const sio_target here = { .nsp = h.roots[1], .flags = SIO_LOCAL };
  sio_broadcast(all, "one", SIO_ARGS(sio_bin("x", 1)));
  sio_broadcast(first, "two", SIO_NONE);
  sio_broadcast(here, "three", SIO_NONE);
  h.asked += sio_broadcast_ack(here, "q", SIO_NONE, 100, on_replies, NULL) == 0;
  if (s) sio_emit(s, "four", SIO_NONE);
  if (s) sio_join(s, "room");
  if (s) sio_socket_set_shared(s, SLICE("{\"a\":1}"));
  turns();
  keep_deliver_all();
  h.asked += sio_broadcast_ack(all, "q", SIO_NONE, 100, on_replies, NULL) == 0;
  turns();
}

/* Returns true if the client is recovered. Its new connection is *p; the last one is closed. */
static bool return_to(int member, sio_test_peer **p) {
  char auth[160];
  snprintf(auth, sizeof auth, "{\"pid\":\"%s\",\"offset\":\"1-0\"}", saved_pid);
  sio_test_free(*p);
  *p = NULL;
  turns();
  if (sio_test_connect(h.members[member], "/", auth, p)) return false;
  turns();
  sio_socket *s = sio_test_socket(*p);
  return s && sio_socket_recovered(s) && next_is(*p, "[\"missed\"");
}

static bool life_of_clients(void) {
  sio_test_peer *peers[MEMBERS] = { NULL };
  bool ok = true;
  for (int i = 0; i < MEMBERS; i++)
    ok = !sio_test_connect(h.members[i], "/", NULL, &peers[i]) && ok;
  turns();
  send_events(peers[1] ? sio_test_socket(peers[1]) : NULL);
  ok = next_is(peers[0], "[\"two\"") && next_is(peers[0], "[\"one\"") && ok;
  ok = next_is(peers[1], "[\"two\"") && next_is(peers[1], "[\"three\"]") && ok;
  ok = return_to(1, &peers[1]) && ok;
  ok = return_to(0, &peers[1]) && ok;
  ok = return_to(1, &peers[1]) && ok;
  sio_broadcast((sio_target){ .nsp = h.roots[0] }, "bye", SIO_NONE);
  sio_all_disconnect((sio_target){ .nsp = h.roots[0] }, false);
  turns();
  keep_deliver_all();
  turns();
  ok = next_is(peers[1], "[\"bye\"") && next_is(peers[1], "disconnect") && ok;
  for (int i = 0; i < MEMBERS; i++) sio_test_free(peers[i]);
  turns();
  return ok;
}

/* ---- one life -------------------------------------------------------------------------------- */

/* What waits for a lost message waits five seconds, and questions 100 ms. */
static const char *after(void) {
  for (int k = 0; k < 8; k++) {
    clock_ms += 1001;
    for (int i = 0; i < MEMBERS; i++)
      sio__timers_fire_due(&h.members[i]->core.loop.timers, clock_ms);
    turns();
  }
  if (h.asked) return "the end of a question";
  return life_of_clients() ? NULL : "what later clients need";
}

static void on_closed(void *user) {
  (void)user;
  h.closed++;
}

static const char *end_of_members(void) {
  unsigned n = 0;
  for (int i = 0; i < MEMBERS; i++)
    if (h.members[i] && sio_server_close(h.members[i], on_closed, NULL) == 0) n++;
  sio_threads_unref(h.threads);
  for (int i = 0; i < 400 && h.closed < n; i++) uv_run(&h.uv, UV_RUN_NOWAIT);
  if (h.closed < n) return "the close";
  uv_close((uv_handle_t *)&h.alive, NULL);
  for (int i = 0; i < 400 && uv_loop_alive(&h.uv); i++) uv_run(&h.uv, UV_RUN_NOWAIT);
  if (uv_loop_close(&h.uv)) return "an empty loop";
  return live ? "freed memory" : NULL;
}

static const char *live_once(size_t at, bool and_on) {
  h = (struct host){ 0 };
  outside = NULL;
  saved_pid[0] = '\0';
  if (uv_loop_init(&h.uv) || uv_async_init(&h.uv, &h.alive, wake)) abort();
  oom_begin(at, and_on);
  int err = set_up();
  bool ok = !err && life_of_clients();
  oom_end_of_script();
  const char *missing = !err ? after() : NULL;
  const char *end = end_of_members();
  if (!at && !ok) return "the script";
  return missing ? missing : end;
}

int main(int argc, char **argv) {
  oom_sweep("a cluster", live_once, argc > 1 ? strtoul(argv[1], NULL, 10) : 0);
  return oom_result();
}
