/* SPDX-License-Identifier: MIT
 *
 * test_recovery.c - connection state recovery: offsets, coming back, several servers.
 */
#include "adapters/memory.h"
#include "core/out_packet.h"
#include "recovery_rig.h"

/* ---- offsets --------------------------------------------------------------------------------- */

TEST(when_it_is_off_nothing_is_different) {
  begin_with(NULL);
  struct client4 *c = come();
  CHECK(root->recovery == NULL && first()->recovery_record == NULL);
  EQ_STR(c->pid, "");
  to_all("a");
  sio_emit(first(), "b", SIO_ARGS("x"));
  GOT(c, "42[\"a\"] 42[\"b\",\"x\"] ");
  hang_up(c->p);
  snprintf(c->pid, sizeof c->pid, "00000000000000000000");
  ask_back(c, "aaaaaa.1");
  GOT(c, "40 ");
  CHECK(!sio_socket_recovered(first()));
  EQ(failed(SIO_RECOVERY_NO_SESSION), 0);
  stop();
}

TEST(connect_brings_a_pid_and_events_an_offset) {
  begin();
  struct client4 *c = come();
  EQ(strlen(c->pid), SIO__ID_LEN);
  CHECK(strcmp(c->pid, c->id) != 0);
  to_all("a");
  sio_emit(first(), "b", SIO_ARGS(1, "x"));
  sio_emit(first(), "c", SIO_ARGS(sio_bin("\1", 1)));
  GOT(c, "42[\"a\",\"@1\"] 42[\"b\",1,\"x\",\"@2\"] "
         "451-[\"c\",{\"_placeholder\":true,\"num\":0},\"@3\"] b:01 ");
  stop();
}

static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)reply, (void)user;
}

TEST(questions_and_replies_carry_no_offset_and_are_not_kept) {
  begin();
  struct client4 *c = come();
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, NULL);
  GOT(c, "420[\"q\"] ");
  EQ(root->recovery->log.bytes, 0);
  EQ(root->recovery->log.seq, 0);
  stop();
}

TEST(a_volatile_event_carries_the_number_of_the_last_event_and_is_not_kept) {
  begin();
  struct client4 *c = come();
  sio_emit_with(first(), &(sio_emit_options){ .flags = SIO_VOLATILE }, "v", SIO_NONE);
  to_all("a");
  sio_emit_with(first(), &(sio_emit_options){ .flags = SIO_VOLATILE }, "v", SIO_ARGS("text"));
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "w", SIO_NONE);
  GOT(c, "42[\"v\",\"@0\"] 42[\"a\",\"@1\"] 42[\"v\",\"text\",\"@1\"] 42[\"w\",\"@1\"] ");
  hang_up(c->p);
  to_all("b");
  come_back(c);
  GOT(c, "42[\"b\",\"@2\"] 40+pid ");
  stop();
}

TEST(an_event_that_cannot_be_encoded_takes_no_number) {
  begin();
  struct client4 *c = come();
  EQ(sio_emit(first(), "a", SIO_ARGS(sio_json(SLICE("{")))), SIO_EJSON);
  to_all("b");
  GOT(c, "42[\"b\",\"@1\"] ");
  stop();
}

/* ---- coming back ----------------------------------------------------------------------------- */

TEST(a_recovered_socket_has_its_id_and_gets_missed_events_before_the_reply) {
  begin();
  struct client4 *c = come();
  char id[24], pid[24];
  strcpy(id, c->id);
  strcpy(pid, c->pid);
  sio_join(first(), "room");
  to_all("seen");
  GOT(c, "42[\"seen\",\"@1\"] ");
  sio_emit(first(), "lost", SIO_NONE);
  c->p->n = 0;
  hang_up(c->p);
  to_all("1");
  to_room("room", "2");
  to_room("other", "no");
  to_room(id, "3");
  sio_broadcast((sio_target){ .nsp = root, .except = SIO_ROOMS("room") }, "no", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("x", "room") }, "4",
                SIO_ARGS(sio_bin("\7", 1)));
  come_back(c);
  GOT(c, "42[\"lost\",\"@2\"] 42[\"1\",\"@3\"] 42[\"2\",\"@4\"] 42[\"3\",\"@6\"] "
         "451-[\"4\",{\"_placeholder\":true,\"num\":0},\"@8\"] b:07 40+pid ");
  EQ_STR(c->id, id);
  EQ_STR(c->pid, pid);
  CHECK(sio_socket_recovered(first()));
  CHECK(sio_in_room(first(), "room") && sio_in_room(first(), id));
  CHECK(sio_socket_find(root, id) == first());
  SAW("connect left: transport close connect(recovered) ");
  EQ(srv->core.stats.recovered, 1);
  to_room("room", "now");
  GOT(c, "42[\"now\",\"@9\"] ");
  stop();
}

TEST(a_socket_can_be_recovered_often_and_gets_each_event_once) {
  begin();
  struct client4 *c = come();
  char want[64];
  for (unsigned i = 0; i < 20; i++) {
    char name[8];
    snprintf(name, sizeof name, "e%u", i);
    if (i % 3) to_all(name); /* sent, and lost or not */
    if (i % 3 == 1) told(c);
    hang_up(c->p);
    if (!(i % 3)) to_all(name);
    come_back(c);
    if (i % 3 == 1)
      snprintf(want, sizeof want, "40+pid ");
    else
      snprintf(want, sizeof want, "42[\"e%u\",\"@%u\"] 40+pid ", i, i + 1);
    GOT(c, want);
  }
  EQ(srv->core.stats.recovered, 20);
  EQ(root->recovery->by_pid.n, 1);
  stop();
}

TEST(a_peer_that_never_heard_an_event_comes_back_too) {
  begin();
  struct client4 *early = come(), *c = come();
  to_all("before");
  told(early);
  c->p->n = 0;
  hang_up(c->p);
  come_back(c);
  GOT(c, "42[\"before\",\"@1\"] 40+pid ");
  struct client4 *quiet = come();
  hang_up(quiet->p);
  to_all("away");
  come_back(quiet);
  GOT(quiet, "42[\"away\",\"@2\"] 40+pid ");
  EQ(srv->core.stats.recovered, 2);
  stop();
}

TEST(nothing_from_before_its_time_is_sent_whatever_offset_it_shows) {
  begin();
  struct client4 *first_one = come();
  to_all("secret");
  told(first_one);
  struct client4 *c = come();
  to_all("its own");
  c->p->n = 0;
  hang_up(c->p);
  char offset[REPLAY_OFFSET_MAX];
  offset[sio__replay_log_format_event_offset(&root->recovery->log, 0, offset)] = '\0';
  ask_back(c, offset);
  GOT(c, "42[\"its own\",\"@2\"] 40+pid ");
  stop();
}

/* The JavaScript client keeps the offset of a session that is gone. */
TEST(an_offset_of_another_server_is_ignored) {
  begin();
  struct client4 *c = come();
  to_all("lost");
  c->p->n = 0;
  hang_up(c->p);
  ask_back(c, "//////.99");
  GOT(c, "42[\"lost\",\"@1\"] 40+pid ");
  stop();
}

TEST(an_offset_that_was_never_given_out_makes_a_new_socket) {
  static const char *const bad[] = {
    "", "x", "a text", "aaaaaa", "aaaaaa.", "aaaaaa.x", "aaaaaa.-1", "aaaaaa.99999999999999999999"
  };
  begin();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct client4 *c = come();
    char id[24];
    strcpy(id, c->id);
    hang_up(c->p);
    ask_back(c, bad[i]);
    GOT(c, "40+pid ");
    CHECK(strcmp(c->id, id) != 0);
    EQ(failed(SIO_RECOVERY_BAD_OFFSET), i + 1);
    hang_up(c->p);
  }
  struct client4 *c = come();
  hang_up(c->p);
  char offset[REPLAY_OFFSET_MAX];
  offset[sio__replay_log_format_event_offset(&root->recovery->log, 1, offset)] = '\0';
  ask_back(c, offset);
  GOT(c, "40+pid ");
  CHECK(!sio_socket_recovered(first()));
  stop();
}

TEST(pid_and_offset_are_strings) {
  begin();
  static const char *const odd[] = { "40{\"pid\":1,\"offset\":\"a\"}",
                                     "40{\"pid\":{},\"offset\":2}", "40{\"pid\":\"\"}",
                                     "40{\"x\":\"pid\"}", "40{\"x\":{\"pid\":\"a\"}}" };
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    struct client4 c = { .p = peer_new() };
    say(c.p, odd[i]);
    GOT(&c, "40+pid ");
  }
  struct client4 *c = come();
  char text[128];
  hang_up(c->p);
  snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":7}", c->pid);
  c->p = peer_new();
  say(c->p, text);
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_BAD_OFFSET), 1);
  EQ(srv->core.stats.recovered, 0);
  stop();
}

TEST(an_unknown_pid_makes_a_new_socket_and_is_counted) {
  begin();
  struct client4 *c = come();
  hang_up(c->p);
  memset(c->pid, 'x', SIO__ID_LEN);
  come_back(c);
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  stop();
}

TEST(an_event_is_not_replayed_to_its_sender) {
  begin();
  struct client4 *c = come();
  sio_broadcast((sio_target){ .nsp = root, .skip = first() }, "mine", SIO_NONE);
  to_all("all");
  hang_up(c->p);
  c->p->n = 0;
  come_back(c);
  GOT(c, "42[\"all\",\"@2\"] 40+pid ");
  stop();
}

TEST(an_event_to_an_empty_list_of_rooms_is_replayed_to_no_socket) {
  begin();
  struct client4 *c = come();
  hang_up(c->p);
  sio_broadcast((sio_target){ .nsp = root, .rooms = (const char *const[]){ NULL } }, "a", SIO_NONE);
  come_back(c);
  GOT(c, "40+pid ");
  stop();
}

TEST(events_sent_in_the_turn_in_which_the_connection_breaks_are_missed_not_lost) {
  begin();
  struct client4 *c = come();
  to_all("seen");
  told(c);
  sio__session_end_by_peer(c->p->session, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "hung up");
  to_all("between");
  EQ(sio_emit(first(), "refused", SIO_NONE), SIO_ECLOSED);
  turn();
  come_back(c);
  GOT(c, "42[\"between\",\"@2\"] 40+pid ");
  stop();
}

TEST(the_bytes_of_the_host_are_handed_over_as_its_callbacks_left_them) {
  begin_with(&(sio_options){ .recovery = &normal, .socket_data_size = 8 });
  struct client4 *c = come();
  memcpy(sio_socket_data(first()), "8 bytes", 8);
  hang_up(c->p);
  come_back(c);
  EQ_STR((char *)sio_socket_data(first()), "8 bytes");
  struct client4 *d = come();
  EQ(*(char *)sio_socket_data(sio_socket_find(root, d->id)), 0);
  stop();
}

static char seen_on_join[8];
static bool recovered_on_join;

static void look_on_join(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)user;
  if (strcmp(room, "lounge") != 0) return;
  memcpy(seen_on_join, sio_socket_data(s), sizeof seen_on_join);
  recovered_on_join = sio_socket_recovered(s);
}

TEST(the_callback_for_a_room_sees_the_bytes_of_a_socket_that_is_recovered) {
  begin_with(&(sio_options){ .recovery = &normal, .socket_data_size = 8 });
  struct client4 *c = come();
  memcpy(sio_socket_data(first()), "8 bytes", 8);
  EQ(sio_join(first(), "lounge"), 0);
  hang_up(c->p);
  EQ(sio_on_room(root, &(sio_room_hooks){ .join = look_on_join }, NULL), 0);
  come_back(c);
  EQ_STR(seen_on_join, "8 bytes");
  CHECK(recovered_on_join);
  stop();
}

static bool hooks_skip_the_socket;

static void say_in_lounge(sio_nsp *nsp, const char *room, sio_socket *s, const char *event) {
  sio_target lounge = { .nsp = nsp, .rooms = SIO_ROOMS(room) };
  if (strcmp(room, "lounge") != 0) return;
  if (hooks_skip_the_socket) lounge.skip = s;
  sio_broadcast(lounge, event, SIO_NONE);
}

static void say_came(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)user;
  say_in_lounge(nsp, room, s, "came");
}

static void say_went(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)user;
  say_in_lounge(nsp, room, s, "went");
}

TEST(what_room_hooks_broadcast_about_a_returning_client_reaches_it_unless_it_is_skipped) {
  begin();
  EQ(sio_on_room(root, &(sio_room_hooks){ .join = say_came, .leave = say_went }, NULL), 0);
  hooks_skip_the_socket = false;
  struct client4 *c = come();
  EQ(sio_join(first(), "lounge"), 0);
  GOT(c, "42[\"came\",\"@1\"] ");
  hang_up(c->p);
  come_back(c);
  GOT(c, "42[\"went\",\"@2\"] 42[\"came\",\"@3\"] 40+pid ");
  hooks_skip_the_socket = true;
  hang_up(c->p);
  come_back(c);
  GOT(c, "40+pid ");
  stop();
}

static void reply_with_history(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  EQ(sio_join(s, "board"), 0);
  if (sio_event_count(e) == 1) to_room("board", "came");
  sio_reply(e, SIO_ARGS("history"));
}

/* A client that has joined, and has not received the last event when its connection breaks. */
static void lose_an_event_and_come_back(struct client4 *c) {
  to_room("board", "lost");
  c->p->n = 0;
  hang_up(c->p);
  come_back(c);
}

TEST(after_a_history_nothing_older_is_replayed_if_an_event_to_the_client_came_before_it) {
  begin();
  EQ(sio_on(root, "open", reply_with_history, NULL), 0);
  struct client4 *c = come();
  to_all("seen");
  GOT(c, "42[\"seen\",\"@1\"] ");
  to_room("board", "old");
  say(c->p, "420[\"open\"]");
  GOT(c, "430[\"history\"] ");
  lose_an_event_and_come_back(c);
  GOT(c, "42[\"old\",\"@2\"] 42[\"lost\",\"@3\"] 40+pid ");
  sio_leave(first(), "board");
  to_room("board", "older");
  say(c->p, "421[\"open\",true]");
  GOT(c, "42[\"came\",\"@5\"] 431[\"history\"] ");
  lose_an_event_and_come_back(c);
  GOT(c, "42[\"lost\",\"@6\"] 40+pid ");
  stop();
}

static size_t visited;

static void count_visited(sio_socket *s, void *user) {
  (void)s, (void)user;
  visited++;
}

static void note_visited(sio_socket *s, void *user) {
  (void)s, (void)user;
  visited = 0;
  EQ(sio_all_each((sio_target){ .nsp = root, .rooms = SIO_ROOMS("lounge") }, count_visited, NULL),
     0);
  trace("visits %zu ", visited);
}

static void try_all_on_join(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp;
  if (strcmp(room, "lounge") != 0) return;
  note_visited(s, user);
  CHECK(!sio_socket_connected(s));
  EQ(sio_nsp_count_sockets(root, room), 1);
  EQ(sio_emit(s, "emitted", SIO_NONE), SIO_ECLOSED);
  to_room(room, "broadcast");
}

TEST(a_socket_in_its_join_hook_that_is_being_recovered_gets_only_broadcasts) {
  begin();
  struct client4 *c = come();
  EQ(sio_join(first(), "lounge"), 0);
  hang_up(c->p);
  EQ(sio_on_room(root, &(sio_room_hooks){ .join = try_all_on_join }, NULL), 0);
  EQ(sio_on_connect(root, note_visited, NULL), 0);
  come_back(c);
  GOT(c, "42[\"broadcast\",\"@1\"] 40+pid ");
  SAW("connect left: transport close visits 0 connect(recovered) visits 1 ");
  stop();
}

static void join_lounge(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  EQ(sio_join(s, "lounge"), 0);
  sio_next_ok(next);
}

TEST(a_new_socket_gets_nothing_in_middleware_not_even_what_its_room_gets) {
  begin();
  EQ(sio_use(root, join_lounge, NULL), 0);
  EQ(sio_on_room(root, &(sio_room_hooks){ .join = try_all_on_join }, NULL), 0);
  struct client4 *c = &(struct client4){ .p = peer_new() };
  say(c->p, "40");
  GOT(c, "40+pid ");
  SAW("visits 0 connect ");
  stop();
}

TEST(shared_data_is_handed_over) {
  begin();
  struct client4 *c = come();
  EQ(sio_socket_set_shared(first(), SLICE("{\"a\":1}")), 0);
  hang_up(c->p);
  come_back(c);
  sio_slice json = sio_socket_shared(first());
  EQ_MEM(json.p, json.n, "{\"a\":1}", 7);
  stop();
}

/* ---- several servers ------------------------------------------------------------------------- */

static sio_packet_info info_of(const sio_packet *p, int err) {
  sio_packet_info info = { .size = sizeof info };
  EQ(sio__packet_get_info(p, &info), err);
  return info;
}

static int note_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  sio_packet_info info = { 0 };
  int err = sio__packet_get_info(p, &info);
  if (err) return err;
  sio_slice json = info.json;
  trace("%.*s ", (int)json.n, json.p);
  return sio__adapter_memory.broadcast(a, to, p);
}

static sio_adapter_ops noting;

static void begin_noting(void) {
  noting = sio__adapter_memory;
  noting.broadcast = note_broadcast;
  begin_with(&(sio_options){ .recovery = &normal, .adapter = &noting });
}

TEST(what_travels_to_other_servers_has_no_offset) {
  begin_noting();
  struct client4 *c = come();
  SAW("connect ");
  sio_broadcast((sio_target){ .nsp = root }, "a", SIO_ARGS(1, sio_bin("\1", 1)));
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE }, "b", SIO_NONE);
  SAW("[\"a\",1,{\"_placeholder\":true,\"num\":0}] [\"b\"] ");
  GOT(c, "451-[\"a\",1,{\"_placeholder\":true,\"num\":0},\"@1\"] b:01 42[\"b\",\"@1\"] ");
  stop();
}

TEST(what_comes_from_other_servers_is_kept_like_our_own) {
  begin_noting();
  struct client4 *c = come();
  hang_up(c->p);
  sio_packet *p;
  sio_target to = { .nsp = root };
  EQ(sio__packet_new_from_remote_event(&to, SLICE("[\"far\",1]"), NULL, 0, NULL, slice(NULL, 0),
                                       &p),
     0);
  EQ(sio__adapter_memory.broadcast(root->adapter, &to, p), 0);
  sio__remote_packet_free(p);
  come_back(c);
  GOT(c, "42[\"far\",1,\"@1\"] 40+pid ");
  stop();
}

TEST(a_packet_shows_its_event_without_the_offset_whatever_the_adapter) {
  begin();
  sio_packet *p;
  sio_target to = { .nsp = root };
  EQ(sio__packet_new_from_remote_event(&to, SLICE("[\"far\",1]"), NULL, 0, NULL, slice(NULL, 0),
                                       &p),
     0);
  sio_slice json = info_of(p, 0).json, again = info_of(p, 0).json;
  EQ_MEM(json.p, json.n, "[\"far\",1]", 9);
  CHECK(again.p == json.p);
  sio__remote_packet_free(p);
  EQ(sio__packet_new_from_remote_event(&to, SLICE("[\"far\",1]"), NULL, 0, NULL, slice(NULL, 0),
                                       &p),
     0);
  alloc_fail_in(1);
  CHECK(info_of(p, UV_ENOMEM).json.p == NULL);
  alloc_fail_in(0);
  EQ(info_of(p, 0).json.n, 9);
  sio__remote_packet_free(p);
  stop();
}

/* An adapter that sends to each socket itself, not through the memory adapter's broadcast. */
struct delivery {
  const sio_target *to;
  const sio_packet *packet;
};

static void deliver_if_addressed(sio_socket *s, void *user) {
  const struct delivery *d = user;
  const char *const *room = d->to->rooms;
  while (room && *room && !sio_in_room(s, *room)) room++;
  if (!d->to->rooms || *room) sio__packet_deliver_to_socket(d->packet, s, d->to->flags);
}

static int own_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  struct delivery d = { to, p };
  return sio__adapter_memory.each(a, &(sio_target){ .nsp = to->nsp }, deliver_if_addressed, &d);
}

static void begin_with_broadcast(int (*broadcast)(sio_adapter *, const sio_target *,
                                                  const sio_packet *)) {
  static sio_adapter_ops ops;
  ops = sio__adapter_memory;
  ops.broadcast = broadcast;
  begin_with(&(sio_options){ .recovery = &normal, .adapter = &ops });
}

TEST(events_that_a_hosts_own_adapter_sends_are_kept_once) {
  begin_with_broadcast(own_broadcast);
  struct client4 *c = come();
  sio_join(first(), "blue");
  to_all("a");
  GOT(c, "42[\"a\",\"@1\"] ");
  hang_up(c->p);
  to_room("red", "b");
  to_room("blue", "c");
  come_back(c);
  GOT(c, "42[\"c\",\"@3\"] 40+pid ");
  stop();
}

TEST(a_packet_of_another_server_is_kept_once) {
  begin_with_broadcast(own_broadcast);
  struct client4 *c = come();
  sio_join(first(), "blue");
  hang_up(c->p);
  const char *const rooms[] = { "red", "blue" };
  for (int i = 0; i < 2; i++) {
    sio_packet *p;
    sio_target to = { .nsp = root, .rooms = (const char *const[]){ rooms[i], NULL } };
    EQ(sio__packet_new_from_remote_event(&to, SLICE("[\"far\"]"), NULL, 0, NULL, slice(NULL, 0),
                                         &p),
       0);
    EQ(own_broadcast(root->adapter, &to, p), 0);
    sio__remote_packet_free(p);
  }
  come_back(c);
  GOT(c, "42[\"far\",\"@2\"] 40+pid ");
  stop();
}

static int refuse_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  (void)a, (void)to, (void)p;
  return UV_ENOTCONN;
}

TEST(an_event_that_the_adapter_refuses_is_not_kept) {
  begin_with_broadcast(refuse_broadcast);
  struct client4 *c = come();
  hang_up(c->p);
  EQ(sio_broadcast((sio_target){ .nsp = root }, "a", SIO_NONE), UV_ENOTCONN);
  EQ(root->recovery->log.bytes, 0);
  come_back(c);
  GOT(c, "40+pid ");
  stop();
}

TEST(without_memory_for_what_travels_nothing_is_sent) {
  begin_noting();
  struct client4 *c = come();
  for (size_t at = 1; at < 8; at++) {
    alloc_fail_in(at);
    int err = sio_broadcast((sio_target){ .nsp = root }, "a", SIO_NONE);
    alloc_fail_in(0);
    const char *got = told(c);
    EQ(got[0] != '\0', err == 0);
  }
  stop();
}

TEST(many_rooms_are_joined_again) {
  begin();
  struct client4 *c = come();
  char name[24];
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "room %d", i);
    sio_join(first(), name);
  }
  sio_leave(first(), "room 7");
  hang_up(c->p);
  come_back(c);
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "room %d", i);
    EQ(sio_in_room(first(), name), i != 7);
  }
  stop();
}

TEST(each_namespace_has_separate_pids_and_numbers) {
  begin();
  sio_nsp *chat;
  sio_of(srv, "chat", &chat);
  struct client4 *c = come();
  say(c->p, "40/chat,");
  heard(c->p);
  to_all("a");
  told(c);
  EQ(chat->recovery->log.seq, 0);
  hang_up(c->p);
  char text[128];
  snprintf(text, sizeof text, "40/chat,{\"pid\":\"%s\"}", c->pid);
  c->p = peer_new();
  say(c->p, text);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  EQ(srv->core.stats.recovered, 0);
  stop();
}

TESTS_BEGIN
T(when_it_is_off_nothing_is_different)
T(connect_brings_a_pid_and_events_an_offset)
T(questions_and_replies_carry_no_offset_and_are_not_kept)
T(a_volatile_event_carries_the_number_of_the_last_event_and_is_not_kept)
T(an_event_that_cannot_be_encoded_takes_no_number)
T(a_recovered_socket_has_its_id_and_gets_missed_events_before_the_reply)
T(a_socket_can_be_recovered_often_and_gets_each_event_once)
T(a_peer_that_never_heard_an_event_comes_back_too)
T(nothing_from_before_its_time_is_sent_whatever_offset_it_shows)
T(an_offset_of_another_server_is_ignored)
T(an_offset_that_was_never_given_out_makes_a_new_socket)
T(pid_and_offset_are_strings)
T(an_unknown_pid_makes_a_new_socket_and_is_counted)
T(an_event_is_not_replayed_to_its_sender)
T(an_event_to_an_empty_list_of_rooms_is_replayed_to_no_socket)
T(events_sent_in_the_turn_in_which_the_connection_breaks_are_missed_not_lost)
T(the_bytes_of_the_host_are_handed_over_as_its_callbacks_left_them)
T(the_callback_for_a_room_sees_the_bytes_of_a_socket_that_is_recovered)
T(what_room_hooks_broadcast_about_a_returning_client_reaches_it_unless_it_is_skipped)
T(after_a_history_nothing_older_is_replayed_if_an_event_to_the_client_came_before_it)
T(a_socket_in_its_join_hook_that_is_being_recovered_gets_only_broadcasts)
T(a_new_socket_gets_nothing_in_middleware_not_even_what_its_room_gets)
T(shared_data_is_handed_over)
T(what_travels_to_other_servers_has_no_offset)
T(a_packet_shows_its_event_without_the_offset_whatever_the_adapter)
T(what_comes_from_other_servers_is_kept_like_our_own)
T(events_that_a_hosts_own_adapter_sends_are_kept_once)
T(a_packet_of_another_server_is_kept_once)
T(an_event_that_the_adapter_refuses_is_not_kept)
T(without_memory_for_what_travels_nothing_is_sent)
T(many_rooms_are_joined_again)
T(each_namespace_has_separate_pids_and_numbers)
TESTS_END
