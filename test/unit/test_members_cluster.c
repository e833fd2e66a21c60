/* SPDX-License-Identifier: MIT
 *
 * test_members_cluster.c - servers that serve as one (sio/threads.h), of which one is connected to
 * other processes by an adapter (sio_threads_set_adapter()). The adapter here plays one other
 * process with one socket, and notes what it is asked to send there.
 */
#include "clock.h"
#include "core/nsp.h"
#include "server/server.h"

#include "members_rig.h"
#include <sio/adapter.h>

enum { CONNECTED = 1 }; /* the member with the adapter */

/* ---- the adapter ----------------------------------------------------------------------------- */

struct sio_adapter {
  sio_nsp *nsp;
  sio_adapter *local;
};

static char sent[1000]; /* what the other process was sent */
static sio_adapter *outside;
static const sio_adapter_api *api; /* as the library passes it to spy_open() */
static bool is_shut;

static void note(const char *what, sio_slice json) {
  size_t n = strlen(sent);
  snprintf(sent + n, sizeof sent - n, "%s%.*s ", what, (int)json.n, json.p);
}

static void note_packet(const char *what, const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  if (api->packet_get_info(p, &info) == 0) note(what, info.json); /* unless memory ended */
}

static int spy_open(sio_nsp *nsp, const sio_adapter_api *calls, void *user, sio_adapter **out) {
  sio_adapter *a = calloc(1, sizeof *a);
  EQ(user == sent, true);
  a->nsp = nsp;
  *out = outside = a;
  api = calls;
  return api->memory->open(nsp, api, NULL, &a->local);
}

static void spy_close(sio_adapter *a) {
  api->memory->close(a->local);
  free(a);
}

static int spy_join(sio_adapter *a, sio_socket *s, const char *room) {
  return api->memory->join(a->local, s, room);
}
static void spy_leave(sio_adapter *a, sio_socket *s, const char *room) {
  api->memory->leave(a->local, s, room);
}
static void spy_leave_all(sio_adapter *a, sio_socket *s) { api->memory->leave_all(a->local, s); }
static bool spy_in_room(const sio_adapter *a, const sio_socket *s, const char *room) {
  return api->memory->in_room(a->local, s, room);
}
static void spy_rooms(const sio_adapter *a, const sio_socket *s,
                      void (*cb)(const char *room, void *user), void *user) {
  api->memory->rooms(a->local, s, cb, user);
}
static int spy_each(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *, void *),
                    void *user) {
  return api->memory->each(a->local, to, visit, user);
}

/* The other process has one socket, which answers "outside". */
static int spy_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  (void)api->packet_get_info(p, &info);
  if (!(to->flags & SIO_LOCAL)) note_packet("", p);
  if (!(to->flags & SIO_LOCAL) && info.query) {
    api->query_expect(info.query, 1);
    api->query_reply(info.query, NULL, SLICE("\"outside\""), NULL, 0);
  }
  return api->memory->broadcast(a->local, to, p);
}
static int spy_all_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  if (!(to->flags & SIO_LOCAL)) note("join ", slice_str(rooms[0]));
  return api->memory->all_join(a->local, to, rooms);
}
static int spy_all_leave(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  if (!(to->flags & SIO_LOCAL)) note("leave ", slice_str(rooms[0]));
  return api->memory->all_leave(a->local, to, rooms);
}
static int spy_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  if (!(to->flags & SIO_LOCAL)) note("disconnect", SLICE(""));
  return api->memory->all_disconnect(a->local, to, session);
}
static int spy_fetch(sio_adapter *a, const sio_target *to, sio_query *q) {
  (void)a, (void)to;
  note("fetch", SLICE(""));
  api->query_remote(q, &(sio_remote){ .id = "outside" });
  return 0;
}
static int spy_server_emit(sio_adapter *a, const sio_packet *p, sio_query *q) {
  (void)a;
  note_packet("servers ", p);
  if (!q) return 0;
  api->query_expect(q, 1);
  api->query_reply(q, NULL, SLICE("\"outside\""), NULL, 0);
  return 0;
}
static int spy_server_count(sio_adapter *a, sio_query *q) {
  (void)a;
  note("count", SLICE(""));
  api->query_expect(q, 1);
  return 0;
}
static void spy_shut(sio_adapter *a) {
  (void)a;
  is_shut = true;
}

static const sio_adapter_ops spy = {
  .size = sizeof spy,
  .open = spy_open,
  .close = spy_close,
  .join = spy_join,
  .leave = spy_leave,
  .leave_all = spy_leave_all,
  .in_room = spy_in_room,
  .rooms = spy_rooms,
  .broadcast = spy_broadcast,
  .each = spy_each,
  .all_join = spy_all_join,
  .all_leave = spy_all_leave,
  .all_disconnect = spy_all_disconnect,
  .fetch = spy_fetch,
  .server_emit = spy_server_emit,
  .server_count = spy_server_count,
  .shut = spy_shut,
};

/* ---- the start and the end ------------------------------------------------------------------- */

static void start_cluster(void) {
  is_shut = false;
  begin();
  EQ(sio_threads_set_adapter(members[CONNECTED], &spy, sent), 0);
  connect_peers();
  sent[0] = '\0';
}

static void stop_cluster(void) {
  free_peers();
  end();
  CHECK(is_shut);
}

static sio_target all_of(int member) { return (sio_target){ .nsp = roots[member] }; }

static void expect_each_peer_gets(const char *text) {
  for (int i = 0; i < MEMBERS; i++) {
    expect_next(peers[i], text);
    CHECK(!sio_test_next(peers[i]));
  }
}

/* ---- from this process ----------------------------------------------------------------------- */

TEST(a_broadcast_of_any_member_leaves_the_process_once_and_reaches_each_peer_once) {
  start_cluster();
  for (int i = 0; i < MEMBERS; i++) {
    EQ(sio_broadcast(all_of(i), "news", SIO_ARGS(i)), 0);
    turns(3);
  }
  EQ_STR(sent, "[\"news\",0] [\"news\",1] [\"news\",2] ");
  for (int i = 0; i < MEMBERS; i++) {
    expect_next(peers[i], "[\"news\",0]");
    expect_next(peers[i], "[\"news\",1]");
    expect_next(peers[i], "[\"news\",2]");
    CHECK(!sio_test_next(peers[i]));
  }
  stop_cluster();
}

TEST(what_is_for_a_thread_or_for_the_process_does_not_leave_it) {
  start_cluster();
  for (int i = 0; i < MEMBERS; i++) {
    sio_target to = all_of(i);
    to.flags = SIO_PROCESS;
    EQ(sio_broadcast(to, "process", SIO_NONE), 0);
    turns(3);
    expect_each_peer_gets("[\"process\"]");
    to.flags = SIO_LOCAL;
    EQ(sio_broadcast(to, "thread", SIO_NONE), 0);
    turns(3);
    for (int k = 0; k < MEMBERS; k++) {
      const char *text = sio_test_next(peers[k]);
      EQ_STR(text ? text : "nothing", k == i ? "[\"thread\"]" : "nothing");
    }
  }
  EQ_STR(sent, "");
  stop_cluster();
}

TEST(sockets_of_all_processes_join_leave_and_are_disconnected) {
  start_cluster();
  for (int i = 0; i < MEMBERS; i++) {
    EQ(sio_all_join(all_of(i), SIO_ROOMS("red")), 0);
    turns(3);
    for (int k = 0; k < MEMBERS; k++) CHECK(sio_in_room(sio_test_socket(peers[k]), "red"));
    EQ(sio_all_leave(all_of(i), SIO_ROOMS("red")), 0);
    turns(3);
    for (int k = 0; k < MEMBERS; k++) CHECK(!sio_in_room(sio_test_socket(peers[k]), "red"));
  }
  EQ(sio_all_disconnect(all_of(2), false), 0);
  turns(3);
  expect_each_peer_gets("disconnect");
  EQ_STR(sent, "join red leave red join red leave red join red leave red disconnect ");
  stop_cluster();
}

static struct {
  int runs, status;
  size_t n, expected, outside;
} asked;

static void on_replies(int status, sio_replies *r, void *user) {
  (void)user;
  asked.runs++;
  asked.status = status;
  asked.n = r->count;
  asked.expected = r->expected;
  asked.outside = 0;
  for (size_t i = 0; i < r->count; i++)
    if (slice_equals_str(r->list[i].json, "\"outside\"")) asked.outside++;
}

TEST(a_question_is_answered_by_the_sockets_of_all_processes) {
  start_cluster();
  for (int i = 0; i < MEMBERS; i++) {
    asked.runs = 0;
    EQ(sio_broadcast_ack(all_of(i), "q", SIO_NONE, 5000, on_replies, NULL), 0);
    turns(3);
    for (int k = 0; k < MEMBERS; k++) {
      expect_next(peers[k], "ask [\"q\"]");
      EQ(sio_test_answer(peers[k], SIO_ARGS(k)), 0);
    }
    turns(4);
    EQ(asked.runs, 1);
    EQ(asked.status, 0);
    EQ(asked.n, 4);
    EQ(asked.expected, 4);
    EQ(asked.outside, 1);
  }
  EQ_STR(sent, "[\"q\"] [\"q\"] [\"q\"] ");
  stop_cluster();
}

static size_t fetched;
static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)list, (void)user;
  EQ(status, 0);
  fetched = n;
}

TEST(the_sockets_of_all_processes_are_fetched) {
  start_cluster();
  for (int i = 0; i < MEMBERS; i++) {
    EQ(sio_all_fetch(all_of(i), 0, on_fetched, NULL), 0);
    turns(4);
    EQ(fetched, 4);
    sio_target to = all_of(i);
    to.flags = SIO_PROCESS;
    EQ(sio_all_fetch(to, 0, on_fetched, NULL), 0);
    turns(4);
    EQ(fetched, 3);
  }
  EQ_STR(sent, "fetch fetch fetch ");
  stop_cluster();
}

static size_t servers;
static void on_count(int status, size_t n, void *user) {
  (void)user;
  EQ(status, 0);
  servers = n;
}

TEST(servers_of_other_processes_are_counted) {
  start_cluster();
  for (int i = 0; i < MEMBERS; i++) {
    servers = 0;
    EQ(sio_server_count(roots[i], 0, on_count, NULL), 0);
    turns(4);
    EQ(servers, MEMBERS + 1);
  }
  EQ_STR(sent, "count count count ");
  stop_cluster();
}

static unsigned heard;
static void on_server_event(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  heard++;
  sio_reply(e, SIO_ARGS("inside"));
}

TEST(an_event_to_servers_leaves_the_process_once) {
  start_cluster();
  for (int i = 0; i < MEMBERS; i++)
    EQ(sio_on_server_side(roots[i], "ping", on_server_event, NULL), 0);
  for (int i = 0; i < MEMBERS; i++) {
    heard = 0;
    asked.runs = 0;
    EQ(sio_server_side_emit(roots[i], "ping", SIO_ARGS(sio_bin("x", 1)), 0, on_replies, NULL), 0);
    turns(4);
    EQ(heard, MEMBERS - 1);
    EQ(asked.runs, 1);
    EQ(asked.status, 0);
    EQ(asked.n, MEMBERS);
    EQ(asked.outside, 1);
    EQ(sio_server_side_emit(roots[i], "ping", SIO_NONE, 0, NULL, NULL), 0);
    turns(3);
    EQ(heard, 2 * (MEMBERS - 1));
  }
  const char *bin = "servers [\"ping\",{\"_placeholder\":true,\"num\":0}] ", *at = sent;
  for (int i = 0; i < MEMBERS; i++) {
    REQUIRE(strncmp(at, bin, strlen(bin)) == 0);
    at += strlen(bin);
    REQUIRE(strncmp(at, "servers [\"ping\"] ", 17) == 0);
    at += 17;
  }
  EQ_STR(at, "");
  stop_cluster();
}

static int ended; /* questions of call_everything() without replies */
static void on_fetched_or_not(int status, sio_remote *list, size_t n, void *user) {
  (void)status, (void)list, (void)n, (void)user;
  ended++;
}
static void on_count_or_not(int status, size_t n, void *user) {
  (void)status, (void)n, (void)user;
  ended++;
}

static void later(uint64_t ms) {
  clock_ms += ms;
  for (int i = 0; i < MEMBERS; i++) sio__timers_fire_due(&members[i]->core.loop.timers, clock_ms);
  turns(2);
}

/* ---- from other processes -------------------------------------------------------------------- */

static void receive_broadcast(const sio_target *to, const char *json, sio_query *q) {
  sio_packet *p;
  EQ(api->packet_new(to, slice_str(json), NULL, 0, q, slice(NULL, 0), &p), 0);
  EQ(api->packet_broadcast(p, to), 0);
  api->packet_free(p);
}

TEST(what_comes_from_another_process_reaches_each_member_once) {
  sio_target to;
  start_cluster();
  to = (sio_target){ .nsp = roots[CONNECTED], .flags = SIO_PROCESS };
  receive_broadcast(&to, "[\"news\",1]", NULL);
  EQ(sio_all_join(to, SIO_ROOMS("red")), 0);
  turns(3);
  expect_each_peer_gets("[\"news\",1]");
  for (int i = 0; i < MEMBERS; i++) CHECK(sio_in_room(sio_test_socket(peers[i]), "red"));
  to.rooms = SIO_ROOMS("red");
  receive_broadcast(&to, "[\"red\"]", NULL);
  turns(3);
  expect_each_peer_gets("[\"red\"]");
  EQ_STR(sent, "");
  stop_cluster();
}

static struct {
  size_t expected, replies, counts, ends, lost;
  int status;
} inbound;

static void on_inbound_reply(const char *id, sio_slice json, const sio_slice *bins, size_t nbins,
                             void *user) {
  (void)id, (void)json, (void)bins, (void)nbins, (void)user;
  inbound.replies++;
}
static void on_inbound_end(int status, size_t lost, void *user) {
  (void)user;
  inbound.status = status;
  inbound.lost = lost;
  inbound.ends++;
}
static void on_inbound_count(size_t expected, void *user) {
  EQ_STR(user, "user");
  inbound.counts++;
  inbound.expected = expected;
}

TEST(a_question_of_another_process_is_answered_with_one_count) {
  static const sio_query_watch watch = { .reply = on_inbound_reply, .end = on_inbound_end };
  sio_query *q;
  memset(&inbound, 0, sizeof inbound);
  start_cluster();
  sio_target to = { .nsp = roots[CONNECTED], .flags = SIO_PROCESS };
  EQ(api->query_new(roots[CONNECTED], 5000, &watch, (char *)"user", &q), 0);
  receive_broadcast(&to, "[\"q\"]", q);
  api->query_when_counted(q, on_inbound_count);
  EQ(inbound.counts, 0);
  api->query_release(q, 0);
  turns(4);
  EQ(inbound.counts, 1);
  EQ(inbound.expected, 3);
  for (int i = 0; i < MEMBERS; i++) {
    expect_next(peers[i], "ask [\"q\"]");
    EQ(sio_test_answer(peers[i], SIO_NONE), 0);
  }
  turns(4);
  EQ(inbound.replies, 3);
  EQ(inbound.ends, 1);
  EQ(inbound.status, 0);
  EQ(inbound.lost, 0);
  EQ_STR(sent, "");
  stop_cluster();
}

TEST(a_question_of_another_process_that_the_server_ends_is_counted_before) {
  static const sio_query_watch watch = { .reply = on_inbound_reply, .end = on_inbound_end };
  sio_query *q;
  memset(&inbound, 0, sizeof inbound);
  start_cluster();
  sio_target to = { .nsp = roots[CONNECTED], .flags = SIO_PROCESS };
  EQ(api->query_new(roots[CONNECTED], 5000, &watch, (char *)"user", &q), 0);
  receive_broadcast(&to, "[\"q\"]", q);
  api->query_when_counted(q, on_inbound_count);
  api->query_release(q, 0);
  free_peers();
  end();
  EQ(inbound.counts, 1);
  EQ(inbound.ends, 1);
  EQ(inbound.status, SIO_ECLOSED);
}

static sio_adapter *answered_to;
static void on_inbound_answer(sio_adapter *a, const sio_return *to, sio_slice json,
                              const sio_slice *bins, size_t nbins) {
  (void)bins, (void)nbins;
  answered_to = a;
  EQ(to->bytes[0], 7);
  CHECK(slice_equals_str(json, "\"inside\""));
  inbound.replies++;
}

TEST(an_event_of_another_process_runs_the_handlers_of_all_members_and_is_answered_once) {
  const sio_return to = { { 7 } };
  memset(&inbound, 0, sizeof inbound);
  heard = 0;
  start_cluster();
  for (int i = 0; i < MEMBERS; i++)
    EQ(sio_on_server_side(roots[i], "ping", on_server_event, NULL), 0);
  EQ(api->server_side_receive(roots[CONNECTED], SLICE("[\"ping\"]"), NULL, 0, on_inbound_answer,
                              &to),
     0);
  turns(3);
  EQ(heard, 3);
  EQ(inbound.replies, 1);
  CHECK(answered_to == outside);
  EQ(api->server_side_receive(roots[CONNECTED], SLICE("[\"ping\"]"), NULL, 0, NULL, NULL), 0);
  turns(3);
  EQ(heard, 6);
  EQ_STR(sent, "");
  stop_cluster();
}

/* Each member has run the handler, or a message was counted as lost, or the adapter was told. */
TEST(an_event_of_another_process_that_a_member_misses_for_want_of_memory_is_counted) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    uint64_t lost = 0;
    heard = 0;
    start_cluster();
    for (int i = 0; i < MEMBERS; i++)
      EQ(sio_on_server_side(roots[i], "ping", on_server_event, NULL), 0);
    alloc_fail_in(at);
    int err = api->server_side_receive(roots[CONNECTED], SLICE("[\"ping\"]"), NULL, 0, NULL, NULL);
    turns(3);
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    for (int i = 0; i < MEMBERS; i++) lost += members[i]->core.stats.thread_messages_lost;
    CHECK(heard == MEMBERS || lost > 0 || err);
    stop_cluster();
  }
}

/* ---- the call -------------------------------------------------------------------------------- */

TEST(one_member_before_it_has_sockets_may_be_connected) {
  sio_nsp *late;
  sio_adapter_ops small = spy;
  small.size = 8;
  begin();
  EQ(sio_threads_set_adapter(members[0], NULL, sent), UV_EINVAL);
  EQ(sio_threads_set_adapter(members[0], &small, sent), UV_EINVAL);
  EQ(sio_threads_set_adapter(members[0], &spy, sent), 0);
  EQ(sio_threads_set_adapter(members[1], &spy, sent), SIO_EEXISTS);
  EQ(sio_of(members[0], "/late", &late), 0);
  CHECK(outside->nsp == late);
  sent[0] = '\0';
  EQ(sio_broadcast((sio_target){ .nsp = late }, "x", SIO_NONE), 0);
  EQ_STR(sent, "[\"x\"] ");
  end();
  begin();
  connect_peers();
  EQ(sio_threads_set_adapter(members[0], &spy, sent), SIO_ESTATE);
  free_peers();
  end();
}

TEST(a_member_that_had_sockets_may_be_connected_once_they_have_left) {
  begin();
  connect_peers();
  EQ(sio_threads_set_adapter(members[0], &spy, sent), SIO_ESTATE);
  free_peers();
  turns(3);
  EQ(sio_threads_set_adapter(members[0], &spy, sent), 0);
  end();
}

static sio_next *held;
static void join_red_and_hold(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  EQ(sio_join(s, "red"), 0);
  held = next;
}

TEST(a_member_with_a_socket_that_waits_in_middleware_cannot_be_connected) {
  begin();
  EQ(sio_use(roots[0], join_red_and_hold, NULL), 0);
  EQ(sio_test_connect(members[0], "/", NULL, &peers[0]), 0);
  EQ(sio_threads_set_adapter(members[0], &spy, sent), SIO_ESTATE);
  sio_next_ok(held);
  turns(2);
  expect_next(peers[0], "connect");
  CHECK(sio_in_room(sio_test_socket(peers[0]), "red"));
  sio_test_free(peers[0]);
  turns(3);
  EQ(sio_threads_set_adapter(members[0], &spy, sent), 0);
  end();
}

TEST(a_member_with_a_socket_whose_disconnect_callbacks_have_still_to_run_cannot_be_connected) {
  begin();
  connect_peers();
  EQ(sio_join(sio_test_socket(peers[0]), "red"), 0);
  sio_disconnect(sio_test_socket(peers[0]), false);
  EQ(sio_nsp_count_sockets(roots[0], NULL), 0);
  EQ(sio_threads_set_adapter(members[0], &spy, sent), SIO_ESTATE);
  turns(1);
  EQ(sio_threads_set_adapter(members[0], &spy, sent), 0);
  free_peers();
  end();
}

/* Its id finds no member any more: the others would send to nobody. */
TEST(a_member_that_is_closing_cannot_be_connected) {
  begin();
  nclosed = 0;
  sio_server_close(members[0], on_member_closed, NULL);
  EQ(sio_threads_set_adapter(members[0], &spy, sent), SIO_ECLOSED);
  sio_server_close(members[1], on_member_closed, NULL);
  sio_server_close(members[2], on_member_closed, NULL);
  wait_until_closed();
}

/* ---- adapters with less or more -------------------------------------------------------------- */

/* It has what it must have, and nothing else. */
static const sio_adapter_ops bare = {
  .size = sizeof bare,
  .open = spy_open,
  .close = spy_close,
  .join = spy_join,
  .leave = spy_leave,
  .leave_all = spy_leave_all,
  .in_room = spy_in_room,
  .rooms = spy_rooms,
  .broadcast = spy_broadcast,
  .each = spy_each,
  .all_join = spy_all_join,
  .all_leave = spy_all_leave,
  .all_disconnect = spy_all_disconnect,
};

static uint64_t rooms_of(int member) {
  sio_stats st;
  sio_server_get_stats(members[member], &st, sizeof st);
  return st.rooms;
}

TEST(an_adapter_may_lack_all_that_is_optional) {
  const char *names[4];
  begin();
  EQ(sio_threads_set_adapter(members[CONNECTED], &bare, sent), 0);
  connect_peers();
  sent[0] = '\0';
  EQ(sio_join(sio_test_socket(peers[CONNECTED]), "red"), 0);
  EQ(sio_nsp_count_sockets(roots[CONNECTED], "red"), 0); /* it does not count */
  EQ(sio_nsp_rooms(roots[CONNECTED], names, 4), 0);
  EQ(rooms_of(CONNECTED), 0);
  for (int i = 0; i < MEMBERS; i++) {
    EQ(sio_all_fetch(all_of(i), 0, on_fetched, NULL), 0);
    turns(4);
    EQ(fetched, MEMBERS);
    servers = 0;
    EQ(sio_server_count(roots[i], 0, on_count, NULL), 0);
    turns(4);
    EQ(servers, MEMBERS);
    asked.runs = 0;
    EQ(sio_server_side_emit(roots[i], "ping", SIO_NONE, 0, on_replies, NULL), 0);
    later(6000);
    EQ(asked.runs, 1);
    EQ(asked.outside, 0);
  }
  EQ_STR(sent, "");
  free_peers();
  end();
}

static unsigned over, arrived, departed;
static void full_query_over(sio_adapter *a, sio_query *q) {
  (void)a, (void)q;
  over++;
}
static void full_arrive(sio_adapter *a, sio_socket *s) {
  arrived++;
  if (api->memory->arrive) api->memory->arrive(a->local, s);
}
static void full_depart(sio_adapter *a, sio_socket *s) {
  departed++;
  if (api->memory->depart) api->memory->depart(a->local, s);
}
static void full_all_rooms(const sio_adapter *a, void (*cb)(const char *, size_t, void *),
                           void *user) {
  api->memory->all_rooms(a->local, cb, user);
}
static size_t full_room_size(const sio_adapter *a, const char *room) {
  return api->memory->room_size(a->local, room);
}
static size_t full_room_count(const sio_adapter *a) { return api->memory->room_count(a->local); }

TEST(an_adapter_is_told_of_all_that_it_wants_to_know) {
  const char *names[4];
  sio_adapter_ops full = spy;
  full.query_over = full_query_over;
  full.arrive = full_arrive;
  full.depart = full_depart;
  full.all_rooms = full_all_rooms;
  full.room_size = full_room_size;
  full.room_count = full_room_count;
  over = arrived = departed = 0;
  begin();
  EQ(sio_threads_set_adapter(members[CONNECTED], &full, sent), 0);
  connect_peers();
  EQ(arrived, 1);
  EQ(sio_join(sio_test_socket(peers[CONNECTED]), "red"), 0);
  EQ(sio_nsp_count_sockets(roots[CONNECTED], "red"), 1);
  EQ(sio_nsp_rooms(roots[CONNECTED], names, 4), 2); /* and that of its id */
  EQ(rooms_of(CONNECTED), 1);
  asked.runs = 0;
  EQ(sio_broadcast_ack(all_of(CONNECTED), "q", SIO_NONE, 1000, on_replies, NULL), 0);
  later(1000); /* the sockets do not answer */
  EQ(asked.runs, 1);
  EQ(asked.status, SIO_ETIMEOUT);
  EQ(over, 1);
  free_peers();
  turns(2);
  EQ(departed, 1);
  end();
}

static int join_error;
static int refuse_to_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  (void)a, (void)to, (void)rooms;
  return join_error;
}

TEST(an_error_of_an_adapter_is_counted_as_a_lost_message_unless_the_adapter_has_closed) {
  static const int errors[] = { UV_ENOMEM, SIO_ECLOSED };
  for (int i = 0; i < 2; i++) {
    sio_adapter_ops failing = spy;
    failing.all_join = refuse_to_join;
    join_error = errors[i];
    begin();
    EQ(sio_threads_set_adapter(members[CONNECTED], &failing, sent), 0);
    EQ(sio_all_join(all_of(0), SIO_ROOMS("red")), 0);
    turns(3);
    EQ(members[CONNECTED]->core.stats.thread_messages_lost, errors[i] == UV_ENOMEM);
    end();
  }
}

static int fails_to_open(sio_nsp *nsp, const sio_adapter_api *calls, void *user,
                         sio_adapter **out) {
  (void)nsp, (void)calls, (void)user, (void)out;
  return UV_ENOSPC;
}

/* The host has to close that member; until then it serves. */
TEST(an_adapter_that_cannot_be_opened_is_an_error_and_its_member_serves_alone) {
  sio_adapter_ops failing = spy;
  failing.open = fails_to_open;
  begin();
  EQ(sio_threads_set_adapter(members[CONNECTED], &failing, sent), UV_ENOSPC);
  connect_peers();
  EQ(sio_broadcast(all_of(0), "news", SIO_NONE), 0);
  turns(3);
  expect_each_peer_gets("[\"news\"]");
  free_peers();
  end();
}

/* An adapter may call the memory adapter as it likes. */
TEST(leaving_a_room_that_the_socket_is_not_in_does_nothing) {
  start_cluster();
  sio_socket *s = sio_test_socket(peers[CONNECTED]);
  EQ(sio_join(s, "red"), 0);
  api->memory->leave(outside->local, s, "blue");
  api->memory->leave(outside->local, sio_test_socket(peers[CONNECTED]), "none");
  CHECK(sio_in_room(s, "red"));
  EQ(api->memory->room_size(outside->local, "red"), 1);
  stop_cluster();
}

static sio_ack *kept_ack;
static void on_keep(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  kept_ack = sio_event_take_ack(e);
}

static void no_answer(sio_adapter *a, const sio_return *to, sio_slice json, const sio_slice *bins,
                      size_t nbins) {
  (void)a, (void)to, (void)json, (void)bins, (void)nbins;
  heard++;
}

TEST(an_answer_to_another_process_is_refused_after_the_server_has_closed) {
  static const sio_return to;
  start_cluster();
  heard = 0;
  kept_ack = NULL;
  EQ(sio_on_server_side(roots[CONNECTED], "later", on_keep, NULL), 0);
  EQ(api->server_side_receive(roots[CONNECTED], SLICE("[\"later\"]"), NULL, 0, no_answer, &to), 0);
  REQUIRE(kept_ack != NULL);
  free_peers();
  close_members();
  for (int i = 0; i < 40 && nclosed < MEMBERS; i++) turn();
  EQ(nclosed, MEMBERS);
  EQ(sio_ack_send(kept_ack, SIO_ARGS(1)), SIO_ECLOSED);
  EQ(heard, 0);
  wait_until_closed();
}

/* The question of one member ends while another of it is open. */
TEST(questions_of_one_member_end_each_in_its_own_time) {
  start_cluster();
  asked.runs = 0;
  EQ(sio_broadcast_ack(all_of(0), "q", SIO_NONE, 3000, on_replies, NULL), 0);
  EQ(sio_broadcast_ack(all_of(0), "r", SIO_NONE, 1000, on_replies, NULL), 0);
  turns(3);
  later(1000);
  EQ(asked.runs, 1);
  EQ(asked.status, SIO_ETIMEOUT);
  later(2000);
  EQ(asked.runs, 2);
  stop_cluster();
}

/* ---- no memory ------------------------------------------------------------------------------- */

static void call_everything(int from) {
  (void)sio_broadcast(all_of(from), "news", SIO_ARGS(sio_bin("x", 1)));
  (void)sio_all_fetch(all_of(from), 1000, on_fetched_or_not, NULL);
  (void)sio_server_count(roots[from], 1000, on_count_or_not, NULL);
  (void)sio_server_side_emit(roots[from], "ping", SIO_NONE, 1000, on_replies, NULL);
  (void)sio_server_side_emit(roots[from], "ping", SIO_NONE, 0, NULL, NULL);
  (void)sio_broadcast_ack(all_of(from), "q", SIO_NONE, 1000, on_replies, NULL);
}

/* Each question that was asked ends, once. */
TEST(any_allocation_of_a_question_to_all_processes_may_fail) {
  for (int from = 0; from < 2; from++) {
    bool failed = true;
    for (size_t at = 1; failed && at < 400; at++) {
      start_cluster();
      for (int i = 0; i < MEMBERS; i++)
        EQ(sio_on_server_side(roots[i], "ping", on_server_event, NULL), 0);
      asked.runs = ended = 0;
      alloc_fail_in(at);
      call_everything(from);
      turns(5);
      failed = alloc_fuse == 0;
      alloc_fail_in(0);
      later(3000);
      later(3000);
      CHECK(asked.runs <= 2 && ended <= 2);
      if (!failed) EQ(asked.runs + ended, 4);
      stop_cluster();
    }
  }
}

TESTS_BEGIN
T(a_broadcast_of_any_member_leaves_the_process_once_and_reaches_each_peer_once)
T(what_is_for_a_thread_or_for_the_process_does_not_leave_it)
T(sockets_of_all_processes_join_leave_and_are_disconnected)
T(a_question_is_answered_by_the_sockets_of_all_processes)
T(the_sockets_of_all_processes_are_fetched)
T(servers_of_other_processes_are_counted)
T(an_event_to_servers_leaves_the_process_once)
T(what_comes_from_another_process_reaches_each_member_once)
T(a_question_of_another_process_is_answered_with_one_count)
T(a_question_of_another_process_that_the_server_ends_is_counted_before)
T(an_event_of_another_process_runs_the_handlers_of_all_members_and_is_answered_once)
T(an_event_of_another_process_that_a_member_misses_for_want_of_memory_is_counted)
T(one_member_before_it_has_sockets_may_be_connected)
T(a_member_that_had_sockets_may_be_connected_once_they_have_left)
T(a_member_with_a_socket_that_waits_in_middleware_cannot_be_connected)
T(a_member_with_a_socket_whose_disconnect_callbacks_have_still_to_run_cannot_be_connected)
T(a_member_that_is_closing_cannot_be_connected)
T(an_adapter_may_lack_all_that_is_optional)
T(an_adapter_is_told_of_all_that_it_wants_to_know)
T(an_error_of_an_adapter_is_counted_as_a_lost_message_unless_the_adapter_has_closed)
T(an_adapter_that_cannot_be_opened_is_an_error_and_its_member_serves_alone)
T(leaving_a_room_that_the_socket_is_not_in_does_nothing)
T(an_answer_to_another_process_is_refused_after_the_server_has_closed)
T(questions_of_one_member_end_each_in_its_own_time)
T(any_allocation_of_a_question_to_all_processes_may_fail)
TESTS_END
