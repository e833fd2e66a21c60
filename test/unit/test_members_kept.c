/* SPDX-License-Identifier: MIT
 *
 * test_members_kept.c - servers that serve as one (sio/threads.h), of which one has an adapter that
 * keeps the lost sockets of all of them (SIO_ADAPTER_RECOVERS). The adapter here answers when the
 * test says so, and delivers events when the test says so.
 */
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

static int store_open(sio_nsp *nsp, const sio_adapter_api *calls, void *user, sio_adapter **out) {
  sio_adapter *a = calloc(1, sizeof *a);
  (void)user;
  a->nsp = nsp;
  *out = a;
  store.api = calls;
  return calls->memory->open(nsp, calls, NULL, &a->local);
}

static void store_close(sio_adapter *a) {
  store.api->memory->close(a->local);
  free(a);
}

static int store_join(sio_adapter *a, sio_socket *s, const char *room) {
  return store.api->memory->join(a->local, s, room);
}
static void store_leave(sio_adapter *a, sio_socket *s, const char *room) {
  store.api->memory->leave(a->local, s, room);
}
static void store_leave_all(sio_adapter *a, sio_socket *s) {
  store.api->memory->leave_all(a->local, s);
}
static bool store_in_room(const sio_adapter *a, const sio_socket *s, const char *room) {
  return store.api->memory->in_room(a->local, s, room);
}
static void store_rooms(const sio_adapter *a, const sio_socket *s,
                        void (*cb)(const char *room, void *user), void *user) {
  store.api->memory->rooms(a->local, s, cb, user);
}
static int store_each(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *, void *),
                      void *user) {
  return store.api->memory->each(a->local, to, visit, user);
}
static int store_all_join(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  return store.api->memory->all_join(a->local, to, rooms);
}
static int store_all_leave(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  return store.api->memory->all_leave(a->local, to, rooms);
}
static int store_all_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  return store.api->memory->all_disconnect(a->local, to, session);
}

static void store_deliver(const struct held_event *e) {
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

static void store_deliver_held(void) {
  unsigned n = store.nheld;
  store.nheld = 0;
  for (unsigned i = 0; i < n; i++) store_deliver(&store.held[i]);
}

static void copy_name(char out[24], const char *const *names) {
  snprintf(out, 24, "%s", names && names[0] ? names[0] : "");
}

static int store_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
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

static void store_persist(sio_adapter *a, const sio_saved_socket *s) {
  int n = snprintf(store.saved, sizeof store.saved, "%s ", s->pid);
  (void)a;
  for (const char *const *r = s->rooms; *r; r++)
    n += snprintf(store.saved + n, sizeof store.saved - (size_t)n, "%s,", *r);
  snprintf(store.saved + n, sizeof store.saved - (size_t)n, " %.*s", (int)s->shared.n, s->shared.p);
  store.persisted++;
}

static void store_forget(sio_adapter *a, const char *pid) {
  (void)a;
  snprintf(store.forgotten, sizeof store.forgotten, "%s", pid);
}

static void store_restore(sio_adapter *a, sio_restore *r) {
  (void)a;
  if (store.nasked == 4) abort();
  store.asked[store.nasked++] = r;
}

static void store_restore_over(sio_adapter *a, sio_restore *r) {
  (void)a;
  for (unsigned i = 0; i < store.nasked; i++)
    if (store.asked[i] == r) store.asked[i] = NULL;
  store.over++;
}

static void store_shut(sio_adapter *a) {
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

static void start_kept_with(const sio_adapter_ops *ops) {
  memset(&store, 0, sizeof store);
  start_members();
  EQ(sio_threads_set_adapter(members[CONNECTED], ops, NULL), 0);
}

static void start_kept(void) { start_kept_with(&keeper); }

/* ---- what the adapter answers ---------------------------------------------------------------- */

static const char id_there[] = "idididididididididid", pid_there[] = "pidpidpidpidpidpidpi";

static int find_socket_with_pid(unsigned i, const char *pid) {
  static const char *const rooms[] = { "one", "two", NULL };
  const sio_saved_socket s = {
    .id = id_there, .pid = pid, .rooms = rooms, .shared = SLICE("{\"a\":1}")
  };
  return store.api->restore_found(store.asked[i], &s);
}

static int find_socket(unsigned i) { return find_socket_with_pid(i, pid_there); }

static void find_event(unsigned i, const char *json, const char *offset) {
  EQ(store.api->restore_event(store.asked[i], slice_str(json), NULL, 0, slice_str(offset)), 0);
}

static void end_answer(unsigned i, int cause) { store.api->restore_done(store.asked[i], cause); }

/* A client of another process comes to this member. The adapter is asked in a few turns. */
static void come_from_elsewhere(struct client *c, int member) {
  memset(c, 0, sizeof *c);
  strcpy(c->pid, pid_there);
  strcpy(c->offset, "at.7");
  client_open(c, member);
  turns(4);
}

static sio_socket *socket_of(const struct client *c) { return sio_test_socket(c->peer); }

static bool is_recovered(const struct client *c) {
  turns(4);
  return socket_of(c) && sio_socket_recovered(socket_of(c));
}

static void later(uint64_t ms) {
  clock_ms += ms;
  for (int i = 0; i < MEMBERS; i++) sio__timers_fire_due(&members[i]->core.loop.timers, clock_ms);
  turns(4);
}

/* ---- sockets that the adapter keeps ---------------------------------------------------------- */

TEST(sockets_of_all_threads_are_kept_by_the_adapter_and_forgotten_when_disconnected) {
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    char want[160];
    start_kept();
    client_start(&c, i);
    EQ(sio_join(socket_of(&c), "red"), 0);
    EQ(sio_socket_set_shared(socket_of(&c), SLICE("{\"x\":1}")), 0);
    turns(3);
    client_break(&c);
    turns(3);
    snprintf(want, sizeof want, "%s red, {\"x\":1}", c.pid);
    EQ_STR(store.saved, want);
    EQ_STR(store.forgotten, "");
    client_start(&c, i);
    turns(3);
    sio_disconnect(socket_of(&c), false);
    turns(3);
    EQ_STR(store.forgotten, c.pid);
    client_break(&c);
    end();
  }
}

TEST(an_adapter_that_need_not_forget_nor_hear_of_ends_serves_all_threads) {
  sio_adapter_ops ops = keeper;
  ops.forget = NULL;
  ops.restore_over = NULL;
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    start_kept_with(&ops);
    client_start(&c, i);
    turns(3);
    sio_disconnect(socket_of(&c), false);
    turns(3);
    client_break(&c);
    come_from_elsewhere(&c, i);
    EQ(store.nasked, 1);
    EQ(find_socket(0), 0);
    end_answer(0, 0);
    CHECK(is_recovered(&c));
    EQ_STR(sio_socket_id(socket_of(&c)), id_there);
    client_break(&c);
    turns(3);
    CHECK(strncmp(store.saved, pid_there, 20) == 0);
    end();
  }
}

TEST(a_socket_is_sent_again_until_it_is_disconnected_and_then_no_more) {
  struct client c;
  recovery.max_disconnection_ms = 60000;
  start_kept();
  client_start(&c, 0);
  turns(3);
  unsigned before = store.persisted;
  CHECK(before > 0);
  later(10001);
  EQ(store.persisted, before); /* not yet a third of the time */
  later(10001);
  EQ(store.persisted, before + 1);
  client_break(&c);
  turns(3);
  before = store.persisted;
  for (int i = 0; i < 3; i++) later(20001);
  EQ(store.persisted, before);
  end();
  recovery.max_disconnection_ms = 0;
}

TEST(a_socket_that_could_not_be_sent_is_sent_when_the_timer_fires) {
  struct client c;
  recovery.max_disconnection_ms = 60000;
  start_kept();
  client_start(&c, 0);
  turns(3);
  size_t max = members[0]->core.threads->inbox_max;
  unsigned before = store.persisted;
  members[0]->core.threads->inbox_max = 1;
  EQ(sio_join(socket_of(&c), "red"), 0);
  turns(3);
  EQ(store.persisted, before);
  members[0]->core.threads->inbox_max = max;
  later(10001);
  EQ(store.persisted, before + 1);
  CHECK(strstr(store.saved, " red,"));
  client_break(&c);
  end();
  recovery.max_disconnection_ms = 0;
}

/* ---- clients that return --------------------------------------------------------------------- */

TEST(what_the_adapter_finds_is_checked_by_the_thread_of_the_client) {
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    start_kept();
    come_from_elsewhere(&c, i);
    REQUIRE(store.nasked == 1);
    (void)find_socket_with_pid(0, "another pid of 20 by");
    end_answer(0, 0);
    CHECK(!is_recovered(&c));
    CHECK(socket_of(&c)); /* it is a new one */
    EQ(failures(i, SIO_RECOVERY_NO_SESSION), 1);
    client_break(&c);
    end();
  }
}

TEST(a_client_that_the_adapter_does_not_know_is_a_new_one_with_that_reason) {
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    start_kept();
    come_from_elsewhere(&c, i);
    end_answer(0, SIO_RECOVERY_LOG_GONE);
    CHECK(!is_recovered(&c));
    EQ(failures(i, SIO_RECOVERY_LOG_GONE), 1);
    client_break(&c);
    end();
  }
}

TEST(a_socket_that_is_found_for_a_client_that_has_left_is_kept_again) {
  struct client c;
  start_kept();
  come_from_elsewhere(&c, 0);
  REQUIRE(store.nasked == 1);
  client_break(&c);
  EQ(find_socket(0), 0); /* before the message that the client has left */
  end_answer(0, 0);
  EQ(store.persisted, 0);
  turns(4);
  EQ(store.persisted, 1);
  CHECK(strncmp(store.saved, pid_there, 20) == 0);
  EQ(store.over, 1);
  end();
}

TEST(a_client_is_new_if_the_connected_thread_closes_before_it_is_asked) {
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    start_kept();
    memset(&c, 0, sizeof c);
    strcpy(c.pid, pid_there);
    strcpy(c.offset, "at.7");
    client_open(&c, i);
    sio_server_close(members[CONNECTED], on_member_closed, NULL);
    turns(6);
    EQ(store.nasked, 0);
    if (i != CONNECTED) CHECK(socket_of(&c) && !sio_socket_recovered(socket_of(&c)));
    if (i != CONNECTED) EQ(failures(i, SIO_RECOVERY_NO_ANSWER), 1);
    client_break(&c);
    nclosed = 0;
    for (int k = 0; k < MEMBERS; k++)
      if (k != CONNECTED) sio_server_close(members[k], on_member_closed, NULL);
    for (int k = 0; k < 40 && nclosed < MEMBERS - 1; k++) turn();
    nclosed = MEMBERS;
    wait_until_closed();
  }
}

TEST(a_namespace_that_the_connected_thread_lacks_has_no_lost_sockets) {
  sio_nsp *own;
  sio_test_peer *p;
  start_kept();
  EQ(sio_of(members[0], "/own", &own), 0);
  EQ(sio_test_connect(members[0], "/own", "{\"pid\":\"pidpidpidpidpidpidpi\",\"offset\":\"at.7\"}",
                      &p),
     0);
  turns(6);
  CHECK(sio_test_socket(p) && !sio_socket_recovered(sio_test_socket(p)));
  EQ(failures(0, SIO_RECOVERY_NO_SESSION), 1);
  EQ(store.nasked, 0);
  sio_test_free(p);
  end();
}

TEST(a_restore_whose_end_was_lost_ends_with_a_later_one) {
  struct client c[2];
  start_kept();
  come_from_elsewhere(&c[0], 0);
  end_answer(0, SIO_RECOVERY_NO_SESSION);
  size_t max = members[0]->core.threads->inbox_max;
  turn();
  members[0]->core.threads->inbox_max = 1; /* the message that it is over is lost */
  turns(3);
  members[0]->core.threads->inbox_max = max;
  CHECK(socket_of(&c[0]) != NULL);
  unsigned over = store.over;
  later(2 * (uint64_t)members[0]->core.opts->request_timeout_ms + 1);
  come_from_elsewhere(&c[1], 2);
  EQ(store.over, over == 0 ? 1 : over);
  end_answer(1, SIO_RECOVERY_NO_SESSION);
  turns(4);
  EQ(store.over, 2);
  client_break(&c[0]);
  client_break(&c[1]);
  end();
}

/* ---- events for a client that waits for middleware ------------------------------------------- */

static sio_next *verdict;
static void decide_later(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  verdict = next;
}

static int questions;
static void on_any_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)r, (void)user;
  questions++;
}

TEST(of_the_events_that_come_while_a_client_waits_it_is_sent_those_for_its_socket) {
  recovery.run_middlewares = true;
  for (int i = 0; i < MEMBERS; i++) {
    struct client c;
    verdict = NULL;
    questions = 0;
    start_kept();
    EQ(sio_use(roots[i], decide_later, NULL), 0);
    come_from_elsewhere(&c, i);
    EQ(find_socket(0), 0);
    find_event(0, "[\"missed\"]", "at.8");
    end_answer(0, 0);
    turns(4);
    REQUIRE(verdict);
    int from = i == 2 ? 0 : 2;
    sio_target to = all_of(from);
    EQ(sio_broadcast(to, "all", SIO_NONE), 0);
    to.rooms = SIO_ROOMS("one");
    EQ(sio_broadcast(to, "room", SIO_NONE), 0);
    to.rooms = SIO_ROOMS("three");
    EQ(sio_broadcast(to, "no: other room", SIO_NONE), 0);
    to.rooms = SIO_ROOMS(id_there);
    EQ(sio_broadcast(to, "id", SIO_NONE), 0);
    to.rooms = NULL;
    to.except = SIO_ROOMS("two");
    EQ(sio_broadcast(to, "no: except", SIO_NONE), 0);
    to.except = SIO_ROOMS("three");
    EQ(sio_broadcast(to, "not except", SIO_NONE), 0);
    to = all_of(from);
    to.flags = SIO_VOLATILE;
    EQ(sio_broadcast(to, "no: volatile", SIO_NONE), 0);
    EQ(sio_broadcast_ack(all_of(from), "no: ack", SIO_NONE, 100, on_any_replies, NULL), 0);
    turns(4);
    EQ(sio_test_next(c.peer) != NULL, false);
    sio_next_ok(verdict);
    CHECK(is_recovered(&c));
    client_read(&c);
    if (i == CONNECTED) /* there the adapter adds events, which this one does not do */
      EXPECT_TEXTS(&c, "[\"missed\"]");
    else
      EXPECT_TEXTS(&c, "[\"missed\"]", "[\"all\"]", "[\"room\"]", "[\"id\"]", "[\"not except\"]");
    client_break(&c);
    later(200);
    EQ(questions, 1);
    end();
  }
  recovery.run_middlewares = false;
}

/* ---- the order of events --------------------------------------------------------------------- */

static sio_target here(int member) {
  return (sio_target){ .nsp = roots[member], .flags = SIO_LOCAL };
}

TEST(a_question_that_waits_for_an_earlier_event_and_ends_meanwhile_is_not_asked) {
  struct client c;
  questions = 0;
  start_kept();
  client_start(&c, 0);
  store.hold = true;
  EQ(sio_broadcast(all_of(0), "first", SIO_NONE), 0);
  EQ(sio_broadcast_ack(here(0), "q", SIO_NONE, 1000, on_any_replies, NULL), 0);
  EQ(sio_broadcast(here(0), "own", SIO_NONE), 0);
  turns(3);
  later(1001);
  EQ(questions, 1);
  store_deliver_held();
  turns(3);
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"first\"]", "[\"own\"]");
  client_break(&c);
  end();
}

TEST(events_of_more_than_four_megabytes_do_not_wait_for_an_earlier_one) {
  static char big[900000];
  struct client c;
  start_kept();
  client_start(&c, 0);
  memset(big, 'x', sizeof big - 1);
  store.hold = true;
  EQ(sio_broadcast(all_of(0), "first", SIO_NONE), 0);
  for (int i = 0; i < 6; i++)
    EQ(sio_broadcast(here(0), "big", SIO_ARGS(i, sio_json(SLICE("1")), big)), 0);
  turns(3);
  int at_once = 0, waited = 0;
  bool first = false;
  for (const char *text; (text = sio_test_next(c.peer));)
    at_once += strncmp(text, "[\"big\"", 6) == 0;
  CHECK(at_once > 0 && at_once < 6);
  store_deliver_held();
  turns(3);
  for (const char *text; (text = sio_test_next(c.peer));) {
    first |= strncmp(text, "[\"first\"", 8) == 0;
    waited += first && strncmp(text, "[\"big\"", 6) == 0;
  }
  EQ(at_once + waited, 6);
  client_break(&c);
  end();
}

TEST(a_socket_that_is_disconnected_is_sent_of_what_waits_that_which_is_for_it) {
  for (int i = 0; i < MEMBERS; i += 2) {
    struct client c;
    start_kept();
    client_start(&c, i);
    EQ(sio_join(socket_of(&c), "red"), 0);
    turns(3);
    store.hold = true;
    sio_target to = all_of(i);
    EQ(sio_broadcast(to, "all", SIO_NONE), 0);
    to.rooms = SIO_ROOMS("blue", "red");
    EQ(sio_broadcast(to, "room", SIO_NONE), 0);
    to.rooms = SIO_ROOMS("blue");
    EQ(sio_broadcast(to, "other room", SIO_NONE), 0);
    to.rooms = SIO_ROOMS(sio_socket_id(socket_of(&c)));
    EQ(sio_broadcast(to, "id", SIO_NONE), 0);
    to.rooms = NULL;
    to.except = SIO_ROOMS("red");
    EQ(sio_broadcast(to, "except", SIO_NONE), 0);
    to = all_of(i);
    to.flags = SIO_VOLATILE;
    EQ(sio_broadcast(to, "volatile", SIO_NONE), 0);
    EQ(sio_broadcast_ack(all_of(i), "q", SIO_NONE, 100, on_any_replies, NULL), 0);
    sio_disconnect(socket_of(&c), false);
    turns(3);
    client_read(&c);
    EXPECT_TEXTS(&c, "[\"all\"]", "[\"room\"]", "[\"id\"]", "disconnect");
    store_deliver_held();
    later(200);
    client_break(&c);
    end();
  }
}

/* ---- the connected thread closes ------------------------------------------------------------- */

static unsigned goodbyes;
static void say_goodbye(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user, (void)why;
  goodbyes += !sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "goodbye", SIO_NONE);
}

TEST(an_adapter_is_passed_no_event_after_its_thread_has_stopped_it) {
  struct client c;
  goodbyes = 0;
  start_kept();
  EQ(sio_on_disconnect(roots[CONNECTED], say_goodbye, NULL), 0);
  client_start(&c, CONNECTED);
  store.hold = true;
  close_members();
  client_break(&c);
  wait_until_closed();
  EQ(goodbyes, 1);
  EQ(store.after_shut, 0);
}

/* ---- memory ---------------------------------------------------------------------------------- */

TEST(any_allocation_may_fail_while_a_client_is_restored_and_it_is_recovered_whole_or_new) {
  for (int i = 0; i < MEMBERS; i++) {
    bool failed = true;
    for (size_t at = 1; failed && at < 300; at++) {
      struct client c = { .n = 0 };
      start_kept();
      alloc_fail_in(at);
      (void)sio_test_connect(members[i], "/",
                             "{\"pid\":\"pidpidpidpidpidpidpi\",\"offset\":\"at.7\"}", &c.peer);
      turns(4);
      if (store.nasked && store.asked[0]) {
        int err = find_socket(0);
        if (!err)
          err = store.api->restore_event(store.asked[0], SLICE("[\"missed\"]"), NULL, 0,
                                         SLICE("at.8"));
        end_answer(0, err ? SIO_RECOVERY_NO_MEMORY : 0);
      }
      turns(4);
      failed = alloc_fuse == 0;
      alloc_fail_in(0);
      later(members[0]->core.opts->request_timeout_ms + 1u);
      if (c.peer && is_recovered(&c)) {
        client_read(&c);
        EXPECT_TEXTS(&c, "[\"missed\"]");
      }
      if (c.peer) client_break(&c);
      end();
    }
  }
}

TESTS_BEGIN
T(sockets_of_all_threads_are_kept_by_the_adapter_and_forgotten_when_disconnected)
T(an_adapter_that_need_not_forget_nor_hear_of_ends_serves_all_threads)
T(a_socket_is_sent_again_until_it_is_disconnected_and_then_no_more)
T(a_socket_that_could_not_be_sent_is_sent_when_the_timer_fires)
T(what_the_adapter_finds_is_checked_by_the_thread_of_the_client)
T(a_client_that_the_adapter_does_not_know_is_a_new_one_with_that_reason)
T(a_socket_that_is_found_for_a_client_that_has_left_is_kept_again)
T(a_client_is_new_if_the_connected_thread_closes_before_it_is_asked)
T(a_namespace_that_the_connected_thread_lacks_has_no_lost_sockets)
T(a_restore_whose_end_was_lost_ends_with_a_later_one)
T(of_the_events_that_come_while_a_client_waits_it_is_sent_those_for_its_socket)
T(a_question_that_waits_for_an_earlier_event_and_ends_meanwhile_is_not_asked)
T(events_of_more_than_four_megabytes_do_not_wait_for_an_earlier_one)
T(a_socket_that_is_disconnected_is_sent_of_what_waits_that_which_is_for_it)
T(an_adapter_is_passed_no_event_after_its_thread_has_stopped_it)
T(any_allocation_may_fail_while_a_client_is_restored_and_it_is_recovered_whole_or_new)
TESTS_END
