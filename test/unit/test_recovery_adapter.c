/* SPDX-License-Identifier: MIT
 *
 * test_recovery_adapter.c - recovery with an adapter that keeps lost sockets, or finds them
 * elsewhere. The answer to a restore may come later.
 */
#include "adapters/memory.h"
#include "core/out_packet.h"
#include "core/recovery_socket.h"
#include "core/restore.h"
#include "recovery_rig.h"

/* ---- a store outside of the server ----------------------------------------------------------- */

static struct {
  sio_restore *asked;   /* the restore that waits for an answer */
  char saved[512];      /* what persist was given last: "id pid room,room shared" */
  char id[24], pid[24]; /* of it */
  char forgotten[24];   /* the pid that forget was given last */
  unsigned persisted, over;
  unsigned offset; /* of the next event */
} store;

static void store_persist(sio_adapter *a, const sio_saved_socket *s) {
  char *at = store.saved;
  (void)a;
  for (const char *const *r = s->rooms; *r; r++) at += sprintf(at, "%s,", *r);
  sprintf(at, " %.*s", (int)s->shared.n, s->shared.p);
  snprintf(store.id, sizeof store.id, "%s", s->id);
  snprintf(store.pid, sizeof store.pid, "%s", s->pid);
  store.persisted++;
}

static void store_forget(sio_adapter *a, const char *pid) {
  (void)a;
  snprintf(store.forgotten, sizeof store.forgotten, "%s", pid);
}

static void store_restore(sio_adapter *a, sio_restore *r) {
  (void)a;
  store.asked = r;
}

static void store_restore_over(sio_adapter *a, sio_restore *r) {
  (void)a;
  if (store.asked == r) store.asked = NULL;
  store.over++;
}

static void store_shared_changed(sio_adapter *a, sio_socket *s) {
  (void)a;
  trace("shared of %s ", sio__recovery_pid_of_socket(s) ? "one that can be recovered" : "another");
}

/* Delivers at once. What is kept gets the next offset. */
static int store_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  char offset[16];
  sio_packet *kept;
  sio_packet_info info = { .size = sizeof info };
  bool keeps = !sio__packet_get_info(p, &info) && !info.query;
  if (!keeps || (to->flags & (SIO_LOCAL | SIO_VOLATILE)))
    return sio__adapter_memory.broadcast(a, to, p);
  snprintf(offset, sizeof offset, "at-%u", ++store.offset);
  int err =
      sio__packet_new_from_remote_event(to, info.json, NULL, 0, NULL, slice_str(offset), &kept);
  if (!err) err = sio__adapter_memory.broadcast(a, to, kept);
  if (!err) sio__remote_packet_free(kept);
  return err;
}

static sio_adapter_ops keeper(void) {
  sio_adapter_ops ops = sio__adapter_memory;
  memset(&store, 0, sizeof store);
  ops.flags = SIO_ADAPTER_RECOVERS;
  ops.broadcast = store_broadcast;
  ops.persist = store_persist;
  ops.forget = store_forget;
  ops.restore = store_restore;
  ops.restore_over = store_restore_over;
  ops.shared_changed = store_shared_changed;
  return ops;
}

/* Keeps nothing, but can be asked. */
static sio_adapter_ops finder(void) {
  sio_adapter_ops ops = keeper();
  ops.flags = 0;
  ops.broadcast = sio__adapter_memory.broadcast;
  return ops;
}

static const char id_there[] = "idididididididididid", pid_there[] = "pidpidpidpidpidpidpi";

static sio_saved_socket there(void) {
  static const char *const rooms[] = { "one", "two", NULL };
  return (sio_saved_socket){
    .id = id_there, .pid = pid_there, .rooms = rooms, .shared = SLICE("{\"a\":1}")
  };
}

static void event_there(const char *name, const char *offset) {
  char json[64];
  snprintf(json, sizeof json, "[\"%s\"]", name);
  sio__socket_restore_add_missed_event(store.asked, slice_str(json), NULL, 0, slice_str(offset));
}

static sio_restore_info asked_for(void) {
  sio_restore_info info = { .size = sizeof info };
  sio__socket_restore_get_info(store.asked, &info);
  return info;
}

static int found(void) {
  const sio_saved_socket s = there();
  return sio__socket_restore_add_found_socket(store.asked, &s);
}

/* A client that says it was connected somewhere else. */
static struct client4 *come_from_elsewhere(void) {
  static struct client4 c;
  memset(&c, 0, sizeof c);
  strcpy(c.pid, pid_there);
  ask_back(&c, "at-7");
  return &c;
}

static void begin_with_adapter(const sio_adapter_ops *ops, const sio_recovery *r) {
  begin_with(&(sio_options){ .recovery = r, .adapter = ops });
}

/* ---- persist and forget ---------------------------------------------------------------------- */

TEST(an_adapter_that_recovers_is_given_each_lost_socket) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come();
  sio_join(first(), "room");
  sio_join(first(), "other");
  EQ(sio_socket_set_shared(first(), SLICE("{\"x\":2}")), 0);
  SAW("connect shared of one that can be recovered ");
  hang_up(c->p);
  EQ_STR(store.saved, "room,other, {\"x\":2}");
  EQ_STR(store.id, c->id);
  EQ_STR(store.pid, c->pid);
  EQ_STR(store.forgotten, "");
  EQ(root->recovery->by_pid.n, 0);
  EQ(root->recovery->away.n, 0);
  stop();
}

TEST(a_socket_that_is_disconnected_is_forgotten_and_not_kept) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come();
  sio_disconnect(first(), false);
  turn();
  EQ_STR(store.forgotten, c->pid);
  EQ(store.persisted, 0);
  stop();
}

TEST(sockets_are_kept_when_their_server_closes) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come();
  stop();
  EQ(store.persisted, 1);
  EQ_STR(store.pid, c->pid);
}

TEST(every_event_that_may_be_missed_goes_through_the_adapter_and_gets_its_offset) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come();
  to_all("1");
  sio_emit(first(), "2", SIO_NONE);
  sio_emit_with(first(), &(sio_emit_options){ .flags = SIO_VOLATILE }, "3", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_LOCAL }, "4", SIO_NONE);
  GOT(c, "42[\"1\",\"at-1\"] 42[\"2\",\"at-2\"] 42[\"3\"] 42[\"4\"] ");
  EQ(root->recovery->log.bytes, 0);
  stop();
}

static void ignore_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)reply, (void)user;
}

TEST(what_is_not_kept_goes_through_the_adapter_for_this_server_alone) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come();
  EQ(sio_emit_ack(first(), "1", SIO_NONE, 100, ignore_reply, NULL), 0);
  EQ(sio_emit_with(first(), &(sio_emit_options){ .flags = SIO_VOLATILE, .cb = ignore_reply }, "2",
                   SIO_NONE),
     0);
  GOT(c, "420[\"1\"] 421[\"2\"] ");
  EQ(store.offset, 0);
  struct peer *old = peer_new3();
  if (old) hang_up(old);
  stop();
}

static void must_not_run(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)reply, (void)user;
  trace("reply(%d) ", status);
}

TEST(a_volatile_event_for_a_client_that_is_not_ready_is_dropped_at_once) {
  const sio_adapter_ops ops = keeper();
  const sio_emit_options asks = { .flags = SIO_VOLATILE, .timeout_ms = 100, .cb = must_not_run };
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come();
  SAW("connect ");
  c->p->busy = true;
  EQ(sio_emit_with(first(), &asks, "1", SIO_NONE), SIO_EDROPPED);
  EQ(sio_emit_with(first(), &(sio_emit_options){ .flags = SIO_VOLATILE }, "2", SIO_NONE),
     SIO_EDROPPED);
  EQ(srv->core.stats.volatile_dropped, 2);
  EQ(srv->core.stats.acks_asked, 0);
  later(200);
  SAW("");
  EQ(sio_emit(first(), "3", SIO_NONE), 0);
  GOT(c, "42[\"3\",\"at-1\"] ");
  stop();
}

TEST(an_event_with_an_ack_for_a_client_that_reads_too_slowly_fails_at_once) {
  const sio_adapter_ops ops = keeper();
  begin_with(&(sio_options){ .recovery = &normal, .adapter = &ops, .max_queued = 1000 });
  struct client4 *c = come();
  c->p->queued = 2000;
  EQ(sio_emit_ack(first(), "1", SIO_NONE, 100, must_not_run, NULL), SIO_ETOOBIG);
  SAW("connect ");
  later(200);
  SAW("left: forced close ");
  stop();
}

/* ---- an answer that comes later -------------------------------------------------------------- */

TEST(a_client_waits_until_the_adapter_has_found_its_socket) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  turn();
  GOT(c, "");
  CHECK(store.asked);
  CHECK(slice_equals_str(asked_for().pid, pid_there));
  CHECK(slice_equals_str(asked_for().offset, "at-7") && asked_for().has_offset);
  EQ(found(), 0);
  event_there("m1", "at-8");
  event_there("m2", "at-9");
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  GOT(c, "");
  turn();
  GOT(c, "42[\"m1\",\"at-8\"] 42[\"m2\",\"at-9\"] 40+pid ");
  EQ_STR(c->id, id_there);
  EQ_STR(c->pid, pid_there);
  CHECK(sio_in_room(first(), "one") && sio_in_room(first(), "two"));
  CHECK(slice_equals_str(sio_socket_shared(first()), "{\"a\":1}"));
  SAW("connect(recovered) ");
  EQ(store.over, 1);
  EQ(srv->core.stats.recovered, 1);
  hang_up(c->p);
  EQ_STR(store.saved, "one,two, {\"a\":1}");
  stop();
}

/* The Node.js server saves the room of the socket's id with the others. */
TEST(a_restored_socket_whose_saved_rooms_contain_its_id_is_in_it_once) {
  const sio_adapter_ops ops = keeper();
  static const char *const saved[] = { id_there, "one", NULL };
  const char *rooms[3] = { "", "", "" };
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  sio_saved_socket s = there();
  s.rooms = saved;
  EQ(sio__socket_restore_add_found_socket(store.asked, &s), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  GOT(c, "40+pid ");
  EQ(sio_rooms(first(), rooms, 3), 2);
  EQ_STR(rooms[0], id_there);
  EQ_STR(rooms[1], "one");
  EQ(sio_nsp_count_sockets(root, id_there), 1);
  hang_up(c->p);
  EQ_STR(store.saved, "one, {\"a\":1}");
  stop();
}

TEST(a_client_that_is_not_found_is_new) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  sio__socket_restore_end_answer_of_adapter(store.asked, SIO_RECOVERY_NO_SESSION);
  turn();
  GOT(c, "40+pid ");
  CHECK(strcmp(c->pid, pid_there) != 0);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  EQ(store.over, 1);
  stop();
}

TEST(a_client_is_new_when_the_adapter_does_not_answer_in_time) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  later(5000);
  GOT(c, "40+pid ");
  CHECK(strcmp(c->pid, pid_there) != 0);
  EQ(failed(SIO_RECOVERY_NO_ANSWER), 1);
  EQ(store.over, 1);
  stop();
}

TEST(a_client_that_vanishes_while_the_adapter_looks_is_over_for_the_adapter) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  hang_up(c->p);
  CHECK(!store.asked);
  EQ(store.over, 1);
  EQ(store.persisted, 0);
  stop();
}

TEST(what_was_found_for_a_client_that_vanished_is_kept_again) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  event_there("m1", "at-8");
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  hang_up(c->p);
  EQ(store.persisted, 1);
  EQ_STR(store.saved, "one,two, {\"a\":1}");
  EQ_STR(store.pid, pid_there);
  EQ(store.over, 1);
  EQ(root->recovery->by_pid.n, 0);
  stop();
}

static void end_session_of_joining_socket(sio_nsp *nsp, const char *room, sio_socket *s,
                                          void *user) {
  (void)nsp, (void)room, (void)user;
  sio_disconnect(s, true);
}

TEST(a_found_socket_whose_connection_is_closed_as_it_joins_its_rooms_is_kept_again) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  sio_on_room(root, &(sio_room_hooks){ .join = end_session_of_joining_socket }, NULL);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  CHECK(!c->p->session);
  EQ(root->nmembers, 0);
  EQ(failed(SIO_RECOVERY_NO_MEMORY), 0);
  EQ(store.persisted, 1);
  EQ_STR(store.saved, "one,two, {\"a\":1}");
  EQ_STR(store.forgotten, "");
  stop();
}

TEST(a_server_may_close_while_the_adapter_looks) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  come_from_elsewhere();
  EQ(found(), 0);
  stop();
  EQ(store.over, 1);
  EQ(store.persisted, 1);
}

TEST(a_client_that_connects_again_while_the_adapter_looks_is_asked_for_again) {
  const sio_adapter_ops ops = keeper();
  char text[128];
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"at-7\",\"token\":2}", pid_there);
  say(c->p, text);
  EQ(found(), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  EQ(store.persisted, 1);
  CHECK(store.asked);
  GOT(c, "");
  EQ(found(), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  GOT(c, "40+pid ");
  EQ_STR(c->id, id_there);
  EQ(store.over, 2);
  stop();
}

TEST(a_client_that_leaves_while_the_adapter_looks_is_kept) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  say(c->p, "41");
  EQ(found(), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  GOT(c, "");
  EQ(store.over, 1);
  EQ(store.persisted, 1);
  EQ(root->nmembers, 0);
  stop();
}

TEST(a_client_that_returns_before_its_end_was_noticed_is_kept_and_asked_for) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come();
  char pid[24];
  strcpy(pid, c->pid);
  struct peer *old = c->p;
  ask_back(c, "at-1");
  HEARD(old, "cut ");
  EQ(store.persisted, 1);
  CHECK(slice_equals_str(asked_for().pid, pid));
  sio__socket_restore_end_answer_of_adapter(store.asked, SIO_RECOVERY_NO_SESSION);
  turn();
  GOT(c, "40+pid ");
  stop();
}

/* ---- middleware ------------------------------------------------------------------------------ */

static sio_next *held;

static void hold(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  held = next;
}

static const sio_recovery with_middleware = { .run_middlewares = true };

TEST(what_is_added_while_middleware_runs_is_sent_after_the_rest) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &with_middleware);
  sio_use(root, hold, NULL);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  event_there("m1", "at-8");
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  event_there("m2", "at-9");
  sio_next_ok(held);
  turn();
  GOT(c, "42[\"m1\",\"at-8\"] 42[\"m2\",\"at-9\"] 40+pid ");
  EQ(store.over, 1);
  stop();
}

TEST(a_socket_whose_client_is_lost_while_middleware_runs_is_kept_again) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &with_middleware);
  sio_use(root, hold, NULL);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  hang_up(c->p);
  EQ(store.over, 1);
  EQ(store.persisted, 1);
  EQ_STR(store.saved, "one,two, {\"a\":1}");
  sio_next_ok(held);
  turn();
  stop();
}

/* What the adapter adds finds no memory. The adapter keeps nothing itself, so the record is here
 * when the client returns. */
TEST(a_client_that_a_lack_of_memory_costs_an_event_is_new_and_the_cause_is_no_memory) {
  const sio_adapter_ops ops = finder();
  begin_with_adapter(&ops, &with_middleware);
  sio_use(root, hold, NULL);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  alloc_fail_in(1);
  event_there("m1", "at-8");
  CHECK(alloc_fuse == 0);
  sio_next_ok(held);
  turn();
  GOT(c, "cut ");
  EQ(failed(SIO_RECOVERY_NO_MEMORY), 1);
  come_back(c);
  sio_next_ok(held);
  turn();
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_NO_MEMORY), 2);
  stop();
}

TEST(a_socket_that_middleware_refuses_is_forgotten) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &with_middleware);
  sio_use(root, hold, NULL);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  sio_next_fail(held, "no", sio_null());
  turn();
  GOT(c, "44{\"message\":\"no\"} ");
  EQ(store.persisted, 0);
  EQ_STR(store.forgotten, pid_there);
  EQ(store.over, 1);
  stop();
}

TEST(what_comes_after_the_answer_is_too_late) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  sio_restore *r = store.asked;
  sio__socket_restore_end_answer_of_adapter(r, 0);
  EQ(found(), UV_EINVAL);
  sio__socket_restore_end_answer_of_adapter(r, 0);
  clock_ms += 6000;
  sio__timers_fire_due(&srv->core.loop.timers, clock_ms); /* its time is up as well */
  turn();
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  EQ(failed(SIO_RECOVERY_NO_ANSWER), 0);
  stop();
}

TEST(an_adapter_need_not_be_told_when_looking_is_over) {
  sio_adapter_ops ops = keeper();
  ops.restore_over = NULL;
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  sio__socket_restore_end_answer_of_adapter(store.asked, SIO_RECOVERY_NO_SESSION);
  turn();
  GOT(c, "40+pid ");
  stop();
}

TEST(a_pid_with_an_offset_that_is_no_text_is_not_asked_for) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct peer *p = peer_new();
  say(p, "40{\"pid\":\"pidpidpidpidpidpidpi\",\"offset\":5}");
  CHECK(!store.asked);
  EQ(failed(SIO_RECOVERY_BAD_OFFSET), 1);
  stop();
}

TEST(the_bytes_of_the_host_come_back_if_they_have_the_right_size) {
  static char bytes[] = "12345678";
  static const struct {
    size_t size;
    const char *want;
  } all[] = { { 8, "12345678" }, { 4, "" }, { 0, "" } };
  for (size_t i = 0; i < 3; i++) {
    const sio_adapter_ops ops = keeper();
    begin_with(&(sio_options){ .recovery = &normal, .adapter = &ops, .socket_data_size = 8 });
    struct client4 *c = come_from_elsewhere();
    sio_saved_socket s = { .id = id_there,
                           .pid = pid_there,
                           .shared = SLICE("{}"),
                           .data = bytes,
                           .data_size = all[i].size };
    EQ(sio__socket_restore_add_found_socket(store.asked, &s), 0);
    sio__socket_restore_end_answer_of_adapter(store.asked, 0);
    turn();
    GOT(c, "40+pid ");
    CHECK(sio_socket_recovered(first()));
    EQ_MEM(sio_socket_data(first()), strlen(all[i].want), all[i].want, strlen(all[i].want));
    CHECK(all[i].want[0] || *(char *)sio_socket_data(first()) == 0);
    EQ(sio_rooms(first(), NULL, 0), 1);
    hang_up(c->p);
    stop();
  }
}

TEST(a_found_socket_whose_id_is_taken_meanwhile_is_not_recovered) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *a = come_from_elsewhere();
  sio_restore *first_asked = store.asked;
  sio_saved_socket s = there();
  s.pid = "anotherpidanotherpid";
  EQ(sio__socket_restore_add_found_socket(first_asked, &s), 0);
  struct client4 *b = come_from_elsewhere();
  EQ(found(), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  sio__socket_restore_end_answer_of_adapter(first_asked, 0);
  turn();
  EQ(root->nmembers, 2);
  EQ(srv->core.stats.recovered, 1);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 1);
  (void)a, (void)b;
  stop();
}

TEST(an_adapter_need_not_be_told_whom_to_forget) {
  sio_adapter_ops ops = keeper();
  ops.forget = NULL;
  begin_with_adapter(&ops, &normal);
  come();
  sio_disconnect(first(), false);
  turn();
  EQ(root->nmembers, 0);
  EQ(store.persisted, 0);
  stop();
}

/* ---- answers that cannot be used ------------------------------------------------------------- */

TEST(what_an_adapter_finds_is_checked) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come();
  come_from_elsewhere();
  sio_saved_socket s = there();
  s.id = "short";
  s.size = sizeof s - 1;
  EQ(sio__socket_restore_add_found_socket(store.asked, &s), UV_EINVAL);
  s.size = 0;
  EQ(sio__socket_restore_add_found_socket(store.asked, &s), SIO_EPROTO);
  s.id = "with\"quotes\"inside\"it";
  EQ(sio__socket_restore_add_found_socket(store.asked, &s), SIO_EPROTO);
  s.id = "21characters-are-many";
  EQ(sio__socket_restore_add_found_socket(store.asked, &s), SIO_EPROTO);
  s.id = id_there;
  s.pid = "pidpidpidpid+pidpidp";
  EQ(sio__socket_restore_add_found_socket(store.asked, &s), SIO_EPROTO);
  s.pid = pid_there;
  s.id = c->id;
  EQ(sio__socket_restore_add_found_socket(store.asked, &s), SIO_EEXISTS);
  static char long_room[257];
  memset(long_room, 'x', sizeof long_room - 1);
  for (int i = 0; i < 2; i++) {
    const char *const rooms[] = { "one", i ? long_room : "", NULL };
    s = there();
    s.rooms = rooms;
    EQ(sio__socket_restore_add_found_socket(store.asked, &s), SIO_EPROTO);
  }
  s = there();
  s.pid = c->pid;
  EQ(sio__socket_restore_add_found_socket(store.asked, &s), SIO_EEXISTS);
  EQ(found(), 0);
  EQ(found(), UV_EINVAL);
  EQ(sio__socket_restore_add_missed_event(store.asked, SLICE("[\"x\"]"), NULL, 0, SLICE("a\"b")),
     SIO_EPROTO);
  EQ(sio__socket_restore_add_missed_event(store.asked, SLICE("{}"), NULL, 0, SLICE("ab")),
     SIO_EJSON);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  EQ(root->nmembers, 2);
  EQ(failed(SIO_RECOVERY_NO_SESSION), 0);
  stop();
}

TEST(a_client_that_missed_more_than_may_be_queued_is_new) {
  const sio_adapter_ops ops = keeper();
  char json[2100];
  begin_with(&(sio_options){ .recovery = &normal, .adapter = &ops, .max_queued = 64 * 1024 });
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  memset(json, 'x', sizeof json);
  memcpy(json, "[\"", 2);
  memcpy(json + sizeof json - 2, "\"]", 2);
  for (int i = 0; i < 40; i++)
    sio__socket_restore_add_missed_event(store.asked, slice(json, sizeof json), NULL, 0,
                                         SLICE("at-8"));
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 1);
  stop();
}

TEST(a_client_is_new_without_memory_for_an_event_that_it_missed) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  alloc_fail_in(1);
  event_there("m1", "at-8");
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  GOT(c, "40+pid ");
  EQ(failed(SIO_RECOVERY_NO_MEMORY), 1);
  EQ(failed(SIO_RECOVERY_TOO_MUCH), 0);
  stop();
}

TEST(a_pid_that_cannot_be_one_is_not_asked_for) {
  const sio_adapter_ops ops = keeper();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come();
  strcpy(c->pid, "short");
  ask_back(c, "at-1");
  GOT(c, "40+pid ");
  CHECK(!store.asked);
  stop();
}

/* ---- an adapter that only finds -------------------------------------------------------------- */

TEST(an_adapter_can_find_sockets_that_the_library_then_keeps) {
  const sio_adapter_ops ops = finder();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  event_there("m1", "not used");
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  turn();
  GOT(c, "42[\"m1\",\"@1\"] 40+pid ");
  EQ_STR(c->id, id_there);
  hang_up(c->p);
  EQ(store.persisted, 0);
  EQ(root->recovery->away.n, 1);
  to_room("two", "m2");
  come_back(c);
  GOT(c, "42[\"m2\",\"@2\"] 40+pid ");
  EQ_STR(c->id, id_there);
  EQ(store.over, 1);
  stop();
}

TEST(what_such_an_adapter_found_for_a_client_that_vanished_is_kept_here) {
  const sio_adapter_ops ops = finder();
  begin_with_adapter(&ops, &normal);
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  event_there("m1", "not used");
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  hang_up(c->p);
  EQ(root->recovery->away.n, 1);
  ask_back(c, "abcdef.1");
  GOT(c, "42[\"m1\",\"@1\"] 40+pid ");
  EQ_STR(c->id, id_there);
  stop();
}

static void find_for_a_client_that_vanishes(void) {
  struct client4 *c = come_from_elsewhere();
  EQ(found(), 0);
  sio__socket_restore_end_answer_of_adapter(store.asked, 0);
  hang_up(c->p);
}

TEST(sockets_found_for_clients_that_vanished_are_limited_like_others) {
  const sio_adapter_ops ops = finder();
  begin_with_adapter(&ops, &(sio_recovery){ .max_sessions = 1 });
  struct client4 *c = come();
  hang_up(c->p);
  clock_ms += 1;
  find_for_a_client_that_vanishes();
  EQ(root->recovery->away.n, 1);
  CHECK(sio__map_get(&root->recovery->by_pid, slice_str(pid_there)) != NULL);
  stop();
}

TEST(a_socket_found_later_does_not_delay_the_end_of_those_lost_before) {
  const sio_adapter_ops ops = finder();
  begin_with_adapter(&ops, &(sio_recovery){ .max_disconnection_ms = 1000 });
  struct client4 *c = come();
  hang_up(c->p);
  later(600);
  find_for_a_client_that_vanishes();
  EQ(root->recovery->away.n, 2);
  later(300);
  later(300);
  EQ(root->recovery->away.n, 1);
  CHECK(sio__map_get(&root->recovery->by_pid, slice_str(pid_there)) != NULL);
  stop();
}

/* ---- memory ---------------------------------------------------------------------------------- */

TEST(memory_that_ends_at_any_point_leaks_nothing) {
  for (size_t n = 1; n < 60; n++) {
    const sio_adapter_ops ops = keeper();
    begin_with_adapter(&ops, &normal);
    struct client4 *c = come();
    to_all("x");
    alloc_fail_in(n);
    hang_up(c->p);
    c = come_from_elsewhere();
    if (c->p && store.asked && found() == 0) event_there("m1", "at-8");
    if (store.asked) sio__socket_restore_end_answer_of_adapter(store.asked, 0);
    turn();
    stop();
  }
}

TESTS_BEGIN
T(an_adapter_that_recovers_is_given_each_lost_socket)
T(a_socket_that_is_disconnected_is_forgotten_and_not_kept)
T(sockets_are_kept_when_their_server_closes)
T(every_event_that_may_be_missed_goes_through_the_adapter_and_gets_its_offset)
T(a_client_waits_until_the_adapter_has_found_its_socket)
T(a_restored_socket_whose_saved_rooms_contain_its_id_is_in_it_once)
T(a_client_that_is_not_found_is_new)
T(a_client_is_new_when_the_adapter_does_not_answer_in_time)
T(a_client_that_vanishes_while_the_adapter_looks_is_over_for_the_adapter)
T(what_was_found_for_a_client_that_vanished_is_kept_again)
T(a_found_socket_whose_connection_is_closed_as_it_joins_its_rooms_is_kept_again)
T(a_server_may_close_while_the_adapter_looks)
T(a_client_that_connects_again_while_the_adapter_looks_is_asked_for_again)
T(a_client_that_leaves_while_the_adapter_looks_is_kept)
T(a_client_that_returns_before_its_end_was_noticed_is_kept_and_asked_for)
T(what_is_added_while_middleware_runs_is_sent_after_the_rest)
T(a_socket_whose_client_is_lost_while_middleware_runs_is_kept_again)
T(a_client_that_a_lack_of_memory_costs_an_event_is_new_and_the_cause_is_no_memory)
T(a_socket_that_middleware_refuses_is_forgotten)
T(what_is_not_kept_goes_through_the_adapter_for_this_server_alone)
T(a_volatile_event_for_a_client_that_is_not_ready_is_dropped_at_once)
T(an_event_with_an_ack_for_a_client_that_reads_too_slowly_fails_at_once)
T(what_comes_after_the_answer_is_too_late)
T(an_adapter_need_not_be_told_whom_to_forget)
T(an_adapter_need_not_be_told_when_looking_is_over)
T(a_pid_with_an_offset_that_is_no_text_is_not_asked_for)
T(the_bytes_of_the_host_come_back_if_they_have_the_right_size)
T(a_found_socket_whose_id_is_taken_meanwhile_is_not_recovered)
T(what_an_adapter_finds_is_checked)
T(a_client_that_missed_more_than_may_be_queued_is_new)
T(a_client_is_new_without_memory_for_an_event_that_it_missed)
T(a_pid_that_cannot_be_one_is_not_asked_for)
T(an_adapter_can_find_sockets_that_the_library_then_keeps)
T(what_such_an_adapter_found_for_a_client_that_vanished_is_kept_here)
T(sockets_found_for_clients_that_vanished_are_limited_like_others)
T(a_socket_found_later_does_not_delay_the_end_of_those_lost_before)
T(memory_that_ends_at_any_point_leaks_nothing)
TESTS_END
