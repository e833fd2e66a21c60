/* SPDX-License-Identifier: MIT */
#include "core/recovery.h"
#include "peer.h"

static sio_socket *first(void) { return root->members[0]; }

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  trace("connect%s ", sio_socket_recovered(s) ? "(recovered)" : "");
}

static void on_gone(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  trace("left: %s ", sio_reason_str(why->reason));
}

static const sio_recovery normal;

static void begin_with(const sio_options *opts) {
  start(opts);
  sio_on_connect(root, on_connect, NULL);
  sio_on_disconnect(root, on_gone, NULL);
}

static void begin(void) { begin_with(&(sio_options){ .recovery = &normal }); }

/* ---- what a peer hears ---------------------------------------------------------------------- */

/* A peer as a program: it keeps what a client keeps. */
struct client4 {
  struct peer *p;
  char id[24], pid[24], offset[64];
  char got[HEARD];
};

static void take(char *out, size_t size, const char *text, const char *key) {
  const char *at = strstr(text, key);
  if (!at) return;
  at += strlen(key);
  snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

/* Offsets become "@<number>"; CONNECT becomes "40", with a pid or without. */
static const char *told(struct client4 *c) {
  char tag[REPLAY_TAG + 2] = "";
  size_t n = 0;
  if (root->recovery) snprintf(tag, sizeof tag, "%.*s.", REPLAY_TAG, root->recovery->log.tag);
  c->p->out[c->p->n] = '\0';
  for (const char *at = c->p->out; *at;) {
    if (strncmp(at, "40{", 3) == 0) {
      take(c->id, sizeof c->id, at, "\"sid\":\"");
      c->pid[0] = '\0';
      take(c->pid, sizeof c->pid, at, "\"pid\":\"");
      n += (size_t)sprintf(c->got + n, "40%s", c->pid[0] ? "+pid" : "");
      at += strcspn(at, " ");
    } else if (tag[0] && strncmp(at, tag, REPLAY_TAG + 1) == 0) {
      snprintf(c->offset, sizeof c->offset, "%.*s", (int)strcspn(at, "\""), at);
      at += REPLAY_TAG + 1;
      c->got[n++] = '@';
    } else {
      c->got[n++] = *at++;
    }
  }
  c->got[n] = '\0';
  c->p->n = 0;
  return c->got;
}

#define GOT(c, text)            \
  do {                          \
    const char *got_ = told(c); \
    EQ_STR(got_, text);         \
  } while (0)

static struct client4 *come(void) {
  static struct client4 all[32];
  static unsigned n;
  struct client4 *c = &all[n++ % 32];
  memset(c, 0, sizeof *c);
  c->p = peer_new();
  say(c->p, "40");
  told(c);
  return c;
}

static void ask_back(struct client4 *c, const char *offset) {
  char text[256];
  size_t n = (size_t)snprintf(text, sizeof text, "40{\"pid\":\"%s\"", c->pid);
  if (offset) n += (size_t)snprintf(text + n, sizeof text - n, ",\"offset\":\"%s\"", offset);
  snprintf(text + n, sizeof text - n, ",\"token\":1}");
  c->p = peer_new();
  if (c->p) say(c->p, text);
}

/* As the JavaScript client does. */
static void come_back(struct client4 *c) { ask_back(c, c->offset[0] ? c->offset : NULL); }

static void to_all(const char *event) {
  sio_broadcast((sio_target){ .nsp = root }, event, SIO_NONE);
}
static void to_room(const char *room, const char *event) {
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS(room) }, event, SIO_NONE);
}

static uint64_t failed(int cause) { return srv->core.stats.recovery_failed[cause]; }

/* ---- offsets --------------------------------------------------------------------------------- */

TEST(when_it_is_off_nothing_is_different) {
  begin_with(NULL);
  struct client4 *c = come();
  CHECK(root->recovery == NULL && first()->recoverable == NULL);
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
  sio_emit_flags(first(), SIO_VOLATILE, "v", SIO_NONE);
  to_all("a");
  sio_emit_flags(first(), SIO_VOLATILE, "v", SIO_ARGS("text"));
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

TEST(who_comes_back_is_who_it_was_and_hears_what_it_missed_before_the_reply) {
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

TEST(it_can_come_back_any_number_of_times_and_hears_each_event_once) {
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
  offset[sio__replay_write(&root->recovery->log, 0, offset)] = '\0';
  ask_back(c, offset);
  GOT(c, "42[\"its own\",\"@2\"] 40+pid ");
  stop();
}

/* The JavaScript client keeps the offset of a session that is gone. */
TEST(an_offset_of_another_server_says_nothing) {
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
  offset[sio__replay_write(&root->recovery->log, 1, offset)] = '\0';
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

TEST(who_sent_it_does_not_hear_it_later_either) {
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

TEST(a_target_of_no_rooms_is_nobody) {
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

static int note_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  sio_slice json = sio_packet_json(p);
  trace("%.*s ", (int)json.n, json.p);
  return sio_adapter_memory.broadcast(a, to, p);
}

static sio_adapter_ops noting;

static void begin_noting(void) {
  noting = sio_adapter_memory;
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
  EQ(sio_packet_new(&p, &to, SLICE("[\"far\",1]"), NULL, 0, NULL), 0);
  EQ(sio_adapter_memory.broadcast(root->adapter, &to, p), 0);
  sio_packet_free(p);
  come_back(c);
  GOT(c, "42[\"far\",1,\"@1\"] 40+pid ");
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

TEST(each_namespace_has_pids_and_numbers_of_its_own) {
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

/* ---- one pid, one socket --------------------------------------------------------------------- */

TEST(who_comes_back_before_the_old_connection_is_noticed_to_be_dead_takes_it_over) {
  begin();
  struct client4 *c = come();
  struct peer *old = c->p;
  char id[24];
  strcpy(id, c->id);
  sio_join(first(), "room");
  to_all("seen");
  told(c);
  sio_emit(first(), "into the void", SIO_NONE);
  old->n = 0;
  come_back(c);
  GOT(c, "42[\"into the void\",\"@2\"] 40+pid ");
  EQ_STR(c->id, id);
  EQ(root->nmembers, 1);
  CHECK(sio_in_room(first(), "room"));
  SAW("connect left: transport close connect(recovered) ");
  HEARD(old, "cut ");
  turn();
  EQ(root->nmembers, 1);
  EQ(srv->core.stats.sockets, 1);
  SAW("");
  to_all("new");
  GOT(c, "42[\"new\",\"@3\"] ");
  stop();
}

static void on_texts(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  trace("'%s' '%s' ", why->detail ? why->detail : "NULL", why->ws_text ? why->ws_text : "NULL");
}

TEST(the_end_of_a_connection_that_is_taken_over_has_its_texts) {
  begin();
  struct client4 *c = come();
  sio_on_disconnecting(root, on_texts, NULL);
  to_all("seen");
  told(c);
  traced[0] = '\0';
  come_back(c);
  SAW("'its peer is back over another connection' '' left: transport close connect(recovered) ");
  stop();
}

TEST(a_connection_that_is_taken_over_keeps_its_other_namespaces_for_their_return) {
  begin();
  sio_nsp *chat;
  sio_of(srv, "chat", &chat);
  struct client4 *c = come();
  char pid[24];
  strcpy(pid, c->pid);
  say(c->p, "40/chat,");
  c->p->out[c->p->n] = '\0';
  char chat_pid[24] = "", text[128];
  take(chat_pid, sizeof chat_pid, c->p->out, "\"pid\":\"");
  come_back(c);
  GOT(c, "40+pid ");
  snprintf(text, sizeof text, "40/chat,{\"pid\":\"%s\"}", chat_pid);
  say(c->p, text);
  CHECK(sio_socket_recovered(chat->members[0]));
  turn();
  EQ(chat->nmembers, 1);
  EQ(srv->core.stats.recovered, 2);
  stop();
}

TEST(two_who_show_the_same_pid_are_never_both_the_same_socket) {
  begin();
  struct client4 *c = come();
  hang_up(c->p);
  come_back(c);
  GOT(c, "40+pid ");
  struct peer *before = c->p;
  come_back(c);
  GOT(c, "40+pid ");
  HEARD(before, "cut ");
  turn();
  EQ(root->nmembers, 1);
  EQ(root->recovery->by_pid.n, 1);
  stop();
}

/* ---- who does not come back ------------------------------------------------------------------ */

static void leaves_for_good(void (*leave)(struct client4 *c)) {
  begin();
  struct client4 *c = come();
  leave(c);
  turn();
  EQ(root->recovery->by_pid.n, 0);
  hang_up(c->p);
  come_back(c);
  told(c);
  CHECK(!sio_socket_recovered(first()));
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  stop();
}

static void says_so(struct client4 *c) { say(c->p, "41"); }
static void is_disconnected(struct client4 *c) {
  (void)c;
  sio_disconnect(first());
}
static void is_thrown_out(struct client4 *c) {
  (void)c;
  sio_disconnect_session(first());
}
static void breaks_the_engine(struct client4 *c) { sio__session_end_bad_packet(c->p->session); }

TEST(who_leaves_the_namespace_does_not_come_back) { leaves_for_good(says_so); }
TEST(who_is_disconnected_does_not_come_back) { leaves_for_good(is_disconnected); }
TEST(whose_session_is_disconnected_does_not_come_back) { leaves_for_good(is_thrown_out); }
TEST(who_breaks_the_engines_protocol_does_not_come_back) { leaves_for_good(breaks_the_engine); }

TEST(what_breaks_a_connection_can_be_recovered_from) {
  static const int reasons[] = { SIO_REASON_TRANSPORT_ERROR, SIO_REASON_TRANSPORT_CLOSE,
                                 SIO_REASON_FORCED_CLOSE, SIO_REASON_PING_TIMEOUT };
  begin();
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
    struct client4 *c = come();
    sio__session_end(c->p->session, true, reasons[i], 0, "test");
    turn();
    come_back(c);
    EQ(srv->core.stats.recovered, i + 1);
    say(c->p, "41");
    hang_up(c->p);
  }
  struct client4 *c = come();
  sio__session_end(c->p->session, true, SIO_REASON_PARSE_ERROR, 0, "test");
  turn();
  come_back(c);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  stop();
}

TEST(who_is_away_too_long_is_forgotten) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_disconnection_ms = 1000 } });
  struct client4 *c = come(), *d = come();
  to_all("a");
  told(c);
  hang_up(c->p);
  hang_up(d->p);
  later(1000);
  come_back(c);
  EQ(srv->core.stats.recovered, 1);
  told(c);
  clock_ms += 1;
  come_back(d);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  hang_up(c->p);
  hang_up(d->p);
  EQ(root->recovery->by_pid.n, 2);
  for (int i = 0; i < 100; i++) later(1000);
  EQ(root->recovery->by_pid.n, 0);
  EQ(root->recovery->log.bytes, 0);
  CHECK(!timer_active(&root->recovery->sweep));
  stop();
}

TEST(events_are_kept_as_long_as_a_dead_connection_may_go_unnoticed_and_be_away) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_disconnection_ms = 1000 },
                             .ping_interval_ms = 300000,
                             .ping_timeout_ms = 300000 });
  struct client4 *c = come();
  to_all("lost");
  c->p->n = 0;
  later(250000);
  hang_up(c->p);
  later(999);
  come_back(c);
  GOT(c, "42[\"lost\",\"@1\"] 40+pid ");
  stop();
}

TEST(a_peer_that_has_all_comes_back_though_its_last_event_is_not_kept_any_more) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_log_bytes = 2000 } });
  struct client4 *c = come(), *other = come();
  to_all("seen");
  told(c);
  for (int i = 0; i < 50; i++) to_room(other->id, "not for it");
  CHECK(root->recovery->log.dropped > 1);
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  GOT(c, "42[\"missed\",\"@52\"] 40+pid ");
  stop();
}

TEST(what_was_dropped_for_its_size_cannot_be_recovered_and_is_counted) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_log_bytes = 4000 } });
  struct client4 *c = come();
  to_all("seen");
  told(c);
  hang_up(c->p);
  for (int i = 0; i < 50; i++) {
    to_all("missed");
    CHECK(root->recovery->log.bytes <= 4000);
  }
  come_back(c);
  GOT(c, "40+pid ");
  CHECK(!sio_socket_recovered(first()));
  EQ(failed(SIO_RECOVERY_LOG_GONE), 1);
  EQ(root->recovery->by_pid.n, 1);
  stop();
}

TEST(an_event_bigger_than_the_log_drops_all) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_log_bytes = 1000 } });
  struct client4 *c = come();
  static char big[2000];
  memset(big, 'x', sizeof big - 1);
  sio_emit(first(), "big", SIO_ARGS(big));
  EQ(root->recovery->log.bytes, 0);
  EQ(root->recovery->log.dropped, 1);
  told(c);
  hang_up(c->p);
  come_back(c);
  GOT(c, "40+pid ");
  EQ(srv->core.stats.recovered, 1);
  stop();
}

TEST(of_too_many_who_left_first_is_forgotten) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .max_sessions = 2 } });
  struct client4 *c[3] = { come(), come(), come() };
  for (int i = 0; i < 3; i++) hang_up(c[i]->p);
  EQ(root->recovery->by_pid.n, 2);
  for (int i = 0; i < 3; i++) come_back(c[i]);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  EQ(srv->core.stats.recovered, 2);
  stop();
}

TEST(more_than_may_wait_for_a_peer_is_not_replayed) {
  begin_with(&(sio_options){ .recovery = &normal, .max_queued = 1000, .high_water = 1000 });
  struct client4 *c = come();
  sio_join(first(), "room");
  hang_up(c->p);
  for (int i = 0; i < 30; i++) to_all("many many many bytes");
  come_back(c);
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 1);
  CHECK(!sio_in_room(first(), "room"));
  CHECK(sio_socket_find(root, c->id) == first());
  stop();
}

static void big_to_all(int n) {
  static char bytes[1001];
  memset(bytes, 'x', sizeof bytes - 1);
  while (n--) sio_broadcast((sio_target){ .nsp = root }, "big", SIO_ARGS(bytes));
}

/* Each request of it is some 100 bytes. */
TEST(who_says_an_old_offset_for_ever_is_sent_what_it_missed_three_times) {
  char old[64];
  size_t sent = 0;
  begin();
  struct client4 *c = come();
  to_all("a");
  told(c);
  snprintf(old, sizeof old, "%s", c->offset);
  hang_up(c->p);
  big_to_all(30);
  for (int i = 0; i < 20; i++) {
    ask_back(c, old);
    sent += c->p->n;
    told(c);
    hang_up(c->p);
  }
  CHECK(sent > 3 * 30000 && sent < 100000);
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 1);
  stop();
}

/* The connection breaks before all is there: each time a few more events have come. */
TEST(who_is_sent_the_rest_again_and_again_comes_back_as_long_as_it_gets_on) {
  char place[64];
  begin();
  struct client4 *c = come();
  hang_up(c->p);
  big_to_all(30);
  for (uint64_t seq = 1; seq < 30; seq += 6) {
    size_t n = sio__replay_write(&root->recovery->log, seq, place);
    place[n] = '\0';
    ask_back(c, place);
    CHECK(sio_socket_recovered(first()));
    told(c);
    hang_up(c->p);
  }
  stop();
}

TEST(who_misses_little_may_break_off_as_often_as_it_likes) {
  char old[64];
  begin();
  struct client4 *c = come();
  to_all("a");
  told(c);
  snprintf(old, sizeof old, "%s", c->offset);
  hang_up(c->p);
  to_all("b");
  for (int i = 0; i < 50; i++) {
    ask_back(c, old);
    GOT(c, "42[\"b\",\"@2\"] 40+pid ");
    hang_up(c->p);
  }
  EQ(srv->core.stats.recovered, 50);
  stop();
}

TEST(new_events_are_replayed_to_one_that_breaks_off_each_time) {
  begin();
  struct client4 *c = come();
  for (int i = 0; i < 20; i++) {
    hang_up(c->p);
    big_to_all(30);
    come_back(c);
    CHECK(sio_socket_recovered(first()));
    told(c);
  }
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 0);
  stop();
}

TEST(nothing_is_kept_for_nobody) {
  begin();
  to_all("a");
  EQ(root->recovery->log.seq, 1);
  EQ(root->recovery->log.bytes, 0);
  struct client4 *c = come();
  to_all("b");
  CHECK(root->recovery->log.bytes > 0);
  say(c->p, "41");
  turn();
  for (int i = 0; i < 8; i++) later(30001);
  EQ(root->recovery->log.bytes, 0);
  stop();
}

/* ---- middleware ------------------------------------------------------------------------------ */

static sio_next *held;
static bool held_recovered;

static void hold(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  held = next;
  held_recovered = sio_socket_recovered(s);
}

static struct client4 *come_held(void) {
  struct client4 *c = come();
  sio_next_ok(held);
  turn();
  told(c);
  held = NULL;
  return c;
}

TEST(middleware_is_skipped_for_who_comes_back) {
  begin();
  sio_use(root, hold, NULL);
  struct client4 *c = come_held();
  hang_up(c->p);
  come_back(c);
  GOT(c, "40+pid ");
  CHECK(!held);
  stop();
}

static void begin_middleware(void) {
  begin_with(&(sio_options){ .recovery = &(sio_recovery){ .run_middlewares = true } });
  sio_use(root, hold, NULL);
}

TEST(middleware_may_be_run_and_what_happens_meanwhile_is_missed_too) {
  begin_middleware();
  struct client4 *c = come_held();
  hang_up(c->p);
  to_all("1");
  come_back(c);
  GOT(c, "");
  CHECK(held && held_recovered);
  to_all("2");
  sio_next_ok(held);
  turn();
  GOT(c, "42[\"1\",\"@1\"] 42[\"2\",\"@2\"] 40+pid ");
  stop();
}

TEST(who_is_refused_by_middleware_is_forgotten) {
  begin_middleware();
  struct client4 *c = come_held();
  hang_up(c->p);
  come_back(c);
  sio_next_fail(held, "no", sio_null());
  turn();
  GOT(c, "44{\"message\":\"no\"} ");
  EQ(root->recovery->by_pid.n, 0);
  stop();
}

TEST(who_is_lost_again_before_middleware_is_done_can_come_back) {
  begin_middleware();
  struct client4 *c = come_held();
  char id[24];
  strcpy(id, c->id);
  sio_join(first(), "room");
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  hang_up(c->p);
  sio_next_ok(held);
  turn();
  EQ(root->nmembers, 0);
  come_back(c);
  sio_next_ok(held);
  turn();
  GOT(c, "42[\"missed\",\"@1\"] 40+pid ");
  EQ_STR(c->id, id);
  CHECK(sio_in_room(first(), "room"));
  stop();
}

/* With another auth the first verdict is not used, and what it had is there for the second. */
TEST(who_says_connect_again_before_middleware_is_done_comes_back_all_the_same) {
  char text[128], id[24];
  begin_middleware();
  struct client4 *c = come_held();
  strcpy(id, c->id);
  sio_join(first(), "room");
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"token\":2}", c->pid);
  say(c->p, text);
  sio_next_fail(held, "no", sio_null());
  turn();
  EQ(root->nmembers, 0);
  CHECK(held_recovered);
  sio_next_ok(held);
  turn();
  GOT(c, "42[\"missed\",\"@1\"] 40+pid ");
  EQ_STR(c->id, id);
  CHECK(sio_in_room(first(), "room"));
  say(c->p, text); /* the answer may have been missed */
  GOT(c, "40+pid ");
  EQ_STR(c->id, id);
  EQ(root->nmembers, 1);
  stop();
}

/* Its own pid with it: a connection does not take itself over. */
TEST(who_shows_its_own_pid_while_it_is_connected_is_a_new_socket) {
  begin();
  struct client4 *c = come();
  char id[24], text[128];
  strcpy(id, c->id);
  turn();
  snprintf(text, sizeof text, "40{\"pid\":\"%s\"}", c->pid);
  say(c->p, text);
  turn();
  GOT(c, "40+pid ");
  CHECK(c->p->session && strcmp(c->id, id) != 0);
  SAW("connect left: client namespace disconnect connect ");
  stop();
}

TEST(a_second_connection_takes_over_from_one_that_waits_for_middleware) {
  begin_middleware();
  struct client4 *c = come_held();
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  sio_next *older = held;
  struct peer *before = c->p;
  come_back(c);
  HEARD(before, "cut ");
  sio_next_ok(held);
  turn();
  GOT(c, "42[\"missed\",\"@1\"] 40+pid ");
  sio_next_ok(older);
  turn();
  EQ(root->nmembers, 1);
  stop();
}

TEST(what_was_dropped_while_middleware_thought_ends_the_connection_and_the_next_is_new) {
  begin_with(&(sio_options){
      .recovery = &(sio_recovery){ .run_middlewares = true, .max_log_bytes = 2000 } });
  sio_use(root, hold, NULL);
  struct client4 *c = come_held();
  hang_up(c->p);
  to_all("missed");
  come_back(c);
  for (int i = 0; i < 30; i++) to_all("more");
  sio_next_ok(held);
  turn();
  GOT(c, "cut ");
  turn();
  come_back(c);
  sio_next_ok(held);
  turn();
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_LOG_GONE), 2);
  EQ(srv->core.stats.recovered, 0);
  stop();
}

/* ---- callbacks that interfere ---------------------------------------------------------------- */

static void close_server(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  if (!srv->core.closing) sio_server_close(srv, on_done, NULL);
}

TEST(the_server_may_be_closed_inside_the_end_of_a_predecessor) {
  begin();
  struct client4 *c = come();
  sio_on_disconnect(root, close_server, NULL);
  come_back(c);
  stop();
}

static struct peer *newcomer;
static void end_newcomer(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  if (newcomer && newcomer->session) sio_session_close(newcomer->session);
}

TEST(the_new_connection_may_be_closed_inside_the_end_of_its_predecessor) {
  begin();
  struct client4 *c = come();
  char text[128];
  sio_on_disconnect(root, end_newcomer, NULL);
  newcomer = peer_new();
  snprintf(text, sizeof text, "40{\"pid\":\"%s\"}", c->pid);
  say(newcomer, text);
  turn();
  newcomer = NULL;
  EQ(root->nmembers, 0);
  come_back(c);
  GOT(c, "40+pid ");
  EQ(srv->core.stats.recovered, 1);
  stop();
}

static void say_farewell(sio_socket *s, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  sio_broadcast((sio_target){ .nsp = root, .skip = s }, "left", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root }, "to all", SIO_NONE);
}

TEST(what_is_said_at_its_end_is_missed_by_it) {
  begin();
  sio_on_disconnecting(root, say_farewell, NULL);
  struct client4 *c = come();
  hang_up(c->p);
  come_back(c);
  GOT(c, "42[\"to all\",\"@2\"] 40+pid ");
  stop();
}

/* ---- without memory -------------------------------------------------------------------------- */

/* What was sent without an error is heard by who comes back, once and in order. */
static void live_without(size_t at) {
  char want[128] = "";
  begin_with(&(sio_options){ .recovery = &normal, .socket_data_size = 16 });
  struct client4 *c = come();
  sio_join(first(), "room");
  sio_socket_set_shared(first(), SLICE("[1]"));
  to_all("seen");
  told(c);
  alloc_fail_in(at);
  sio_target all = { .nsp = root };
  if (sio_broadcast(all, "1", SIO_NONE) == 0) strcat(want, "42[\"1\",\"@2\"] ");
  c->p->n = 0;
  hang_up(c->p);
  if (sio_broadcast(all, "2", SIO_NONE) == 0)
    strcat(want, want[0] ? "42[\"2\",\"@3\"] " : "42[\"2\",\"@2\"] ");
  come_back(c);
  bool was_hit = alloc_fuse == 0;
  alloc_fail_in(0);
  turn();
  bool recovered = root->nmembers && sio_socket_recovered(first());
  if (recovered) {
    strcat(want, "40+pid ");
    GOT(c, want);
    CHECK(sio_in_room(first(), "room"));
    EQ(sio_socket_shared(first()).n, 3);
  }
  CHECK(recovered || was_hit);
  stop();
}

TEST(without_memory_a_peer_is_not_recovered_and_nothing_worse) {
  for (size_t at = 1; at < 60; at++) live_without(at);
}

TEST(a_socket_without_memory_for_a_berth_has_no_pid) {
  begin();
  bool without = false;
  for (size_t at = 1; at < 20 && !without; at++) {
    struct client4 c = { .p = peer_new() };
    alloc_fail_in(at);
    say(c.p, "40");
    alloc_fail_in(0);
    without = strcmp(told(&c), "40 ") == 0;
    if (!without) continue;
    sio_emit(root->members[root->nmembers - 1], "a", SIO_NONE);
    GOT(&c, "42[\"a\"] ");
  }
  CHECK(without);
  stop();
}

TEST(a_server_without_memory_for_it_is_none) {
  bool made = false;
  for (size_t at = 1; !made; at++) {
    alloc_install();
    uv_loop_init(&loop);
    alloc_fail_in(at);
    int err = sio_server_new(&srv, &loop, &(sio_options){ .recovery = &normal });
    alloc_fail_in(0);
    made = err == 0;
    if (made) {
      closed = false;
      sio_server_close(srv, on_done, NULL);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    EQ(uv_loop_close(&loop), 0);
    EQ(alloc_live, 0);
  }
}
TESTS_BEGIN
T(when_it_is_off_nothing_is_different)
T(connect_brings_a_pid_and_events_an_offset)
T(questions_and_replies_carry_no_offset_and_are_not_kept)
T(a_volatile_event_carries_the_number_of_the_last_event_and_is_not_kept)
T(an_event_that_cannot_be_encoded_takes_no_number)
T(who_comes_back_is_who_it_was_and_hears_what_it_missed_before_the_reply)
T(it_can_come_back_any_number_of_times_and_hears_each_event_once)
T(a_peer_that_never_heard_an_event_comes_back_too)
T(nothing_from_before_its_time_is_sent_whatever_offset_it_shows)
T(an_offset_of_another_server_says_nothing)
T(an_offset_that_was_never_given_out_makes_a_new_socket)
T(pid_and_offset_are_strings)
T(an_unknown_pid_makes_a_new_socket_and_is_counted)
T(who_sent_it_does_not_hear_it_later_either)
T(a_target_of_no_rooms_is_nobody)
T(events_sent_in_the_turn_in_which_the_connection_breaks_are_missed_not_lost)
T(the_bytes_of_the_host_are_handed_over_as_its_callbacks_left_them)
T(shared_data_is_handed_over)
T(what_travels_to_other_servers_has_no_offset)
T(what_comes_from_other_servers_is_kept_like_our_own)
T(without_memory_for_what_travels_nothing_is_sent)
T(many_rooms_are_joined_again)
T(each_namespace_has_pids_and_numbers_of_its_own)
T(who_comes_back_before_the_old_connection_is_noticed_to_be_dead_takes_it_over)
T(the_end_of_a_connection_that_is_taken_over_has_its_texts)
T(a_connection_that_is_taken_over_keeps_its_other_namespaces_for_their_return)
T(two_who_show_the_same_pid_are_never_both_the_same_socket)
T(who_leaves_the_namespace_does_not_come_back)
T(who_is_disconnected_does_not_come_back)
T(whose_session_is_disconnected_does_not_come_back)
T(who_breaks_the_engines_protocol_does_not_come_back)
T(what_breaks_a_connection_can_be_recovered_from)
T(who_is_away_too_long_is_forgotten)
T(events_are_kept_as_long_as_a_dead_connection_may_go_unnoticed_and_be_away)
T(a_peer_that_has_all_comes_back_though_its_last_event_is_not_kept_any_more)
T(what_was_dropped_for_its_size_cannot_be_recovered_and_is_counted)
T(an_event_bigger_than_the_log_drops_all)
T(of_too_many_who_left_first_is_forgotten)
T(more_than_may_wait_for_a_peer_is_not_replayed)
T(who_says_an_old_offset_for_ever_is_sent_what_it_missed_three_times)
T(who_is_sent_the_rest_again_and_again_comes_back_as_long_as_it_gets_on)
T(who_misses_little_may_break_off_as_often_as_it_likes)
T(new_events_are_replayed_to_one_that_breaks_off_each_time)
T(nothing_is_kept_for_nobody)
T(middleware_is_skipped_for_who_comes_back)
T(middleware_may_be_run_and_what_happens_meanwhile_is_missed_too)
T(who_is_refused_by_middleware_is_forgotten)
T(who_is_lost_again_before_middleware_is_done_can_come_back)
T(who_says_connect_again_before_middleware_is_done_comes_back_all_the_same)
T(who_shows_its_own_pid_while_it_is_connected_is_a_new_socket)
T(a_second_connection_takes_over_from_one_that_waits_for_middleware)
T(what_was_dropped_while_middleware_thought_ends_the_connection_and_the_next_is_new)
T(the_server_may_be_closed_inside_the_end_of_a_predecessor)
T(the_new_connection_may_be_closed_inside_the_end_of_its_predecessor)
T(what_is_said_at_its_end_is_missed_by_it)
T(without_memory_a_peer_is_not_recovered_and_nothing_worse)
T(a_socket_without_memory_for_a_berth_has_no_pid)
T(a_server_without_memory_for_it_is_none)
TESTS_END
