/* SPDX-License-Identifier: MIT
 *
 * test_redis_cluster_moves.c - a slot of a Redis Cluster moves while commands for it wait to be
 * written, or for their replies.
 */
#include "redis_cluster_rig.h"

static int silent = -1;          /* a node that answers nothing: nobody can log in there */
static int late = -1;            /* a node that does not answer SPUBLISH yet */
static struct fake_conn *late_c; /* the connection that waits for these answers */
static unsigned nlate;           /* how many */

static bool slow(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (c->node == silent) return true;
  if (c->node != late || !slice_equals_str(w[0], "SPUBLISH")) return special(c, w, n);
  late_c = c;
  nlate++;
  return true;
}

/* The node answers now what it has not answered yet: the slot of ROOM0 has moved. */
static void answer_late(void) {
  late = -1;
  for (; nlate; nlate--) say_elsewhere(late_c, "MOVED", moved_slot, owner);
}

/* The room c is subscribed to, on node 0. */
static void begin_move(const sio_redis_options *o) {
  silent = late = -1;
  nlate = 0;
  begin_cluster_code(true, o ? *o : (sio_redis_options){ 0 });
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  joined();
  sio_join(root->members[0], "c");
  settle();
  fake_special = slow;
  seen[0] = '\0';
  moved_slot = slot_of(ROOM0);
  owner = 0;
}

static void emit(int i) {
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("c") }, "ev", SIO_ARGS(i));
}

/* The slot is on this node now, which the subscription learns first. */
static void move_subscription(int node) {
  uint64_t before = redis_stats().redirected;
  owner = node;
  kick(0, ROOM0);
  UNTIL(redis_stats().redirected > before);
}

/* The events 0 to n - 1 were published, each once and in this order. */
static void came(int n) {
  char event[20];
  UNTIL(nsaid >= (unsigned)n);
  settle();
  EQ(nsaid, n);
  for (int i = 0; i < n; i++) {
    snprintf(event, sizeof event, "[\"ev\",%d]", i);
    CHECK(strstr(said[i].payload, event));
  }
  EQ(redis_stats().dropped, 0);
  EQ(redis_stats().unanswered, 0);
  EQ(redis_stats().errors, 0);
  UNTIL(redis_stats().queued == 0);
}

static unsigned times(const char *what) {
  unsigned n = 0;
  for (const char *p = seen; (p = strstr(p, what)); p++) n++;
  return n;
}

/* ---- not written yet ------------------------------------------------------------------------- */

/* The slot has moved to node 2, where two commands wait for a connection that is not answered. */
static void begin_move_to_silent_node(void) {
  begin_move(NULL);
  silent = owner = 2;
  emit(0);
  emit(1);
  UNTIL(redis_stats().redirected >= 1);
  settle();
}

TEST(commands_that_wait_for_the_new_node_move_on_with_their_slot) {
  begin_move_to_silent_node();
  move_subscription(1);
  emit(2);
  came(3);
  CHECK(!strstr(seen, line(2, "SPUBLISH", ROOM0)));
  silent = -1;
  settle();
  CHECK(!strstr(seen, line(2, "SPUBLISH", ROOM0)));
  end_cluster();
}

/* Node 2 has slot 0, so that it stays in the cluster. */
static const char *table_with_node_2(void) {
  static const char *const range = "*3\r\n:%d\r\n:%d\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n";
  static char text[500];
  const int parts[][3] = {
    { 0, 0, 2 }, { 1, HALF - 1, 0 }, { HALF, 16383, 1 }, { moved_slot, moved_slot, owner }
  };
  size_t n = (size_t)snprintf(text, sizeof text, "*4\r\n");
  for (int i = 0; i < 4; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, range, parts[i][0], parts[i][1],
                          fake_ports[parts[i][2]]);
  return text;
}

TEST(commands_that_wait_for_the_new_node_follow_the_table) {
  begin_move_to_silent_node();
  owner = 1;
  table = table_with_node_2();
  /* The table comes a second after the redirection. */
  UNTIL(sio__cluster_find_server_of_slot(redis, moved_slot)->commands.state == LINK_READY);
  emit(2);
  came(3);
  end_cluster();
}

TEST(commands_that_are_held_move_with_their_slot) {
  begin_move(&(sio_redis_options){ .retry_max_ms = 1000 });
  fake_cut_node(0);
  UNTIL(redis_stats().state != SIO_REDIS_READY);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  emit(0);
  emit(1);
  move_subscription(1);
  emit(2);
  came(3);
  EQ(times(line(0, "SPUBLISH", ROOM0)), 0);
  end_cluster();
}

TEST(commands_of_other_slots_stay_where_they_are) {
  begin_move(&(sio_redis_options){ .retry_max_ms = 1000 });
  fake_cut_node(0);
  UNTIL(redis_stats().state != SIO_REDIS_READY);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  const char *const other = "socket.io#/#d#"; /* on node 0, too */
  CHECK(slot_of(other) < HALF && slot_of(other) != slot_of(ROOM0));
  for (int i = 0; i < 3; i++) {
    emit(i);
    sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("d") }, "other", SIO_ARGS(i));
  }
  move_subscription(1);
  UNTIL(nsaid == 6);
  settle();
  EQ(nsaid, 6);
  EQ(times(line(0, "SPUBLISH", ROOM0)), 0);
  EQ(times(line(1, "SPUBLISH", ROOM0)), 3);
  EQ(times(line(0, "SPUBLISH", other)), 3);
  EQ(redis_stats().errors, 0);
  end_cluster();
}

/* ---- written, and not answered yet ----------------------------------------------------------- */

TEST(commands_that_are_not_answered_yet_are_not_overtaken) {
  begin_move(NULL);
  late = 0;
  emit(0);
  emit(1);
  UNTIL(nlate == 2);
  move_subscription(1);
  emit(2);
  settle();
  answer_late();
  came(3);
  end_cluster();
}

TEST(commands_that_are_not_answered_come_before_those_that_wait_for_the_new_node) {
  begin_move(NULL);
  late = 0;
  emit(0);
  UNTIL(nlate == 1);
  silent = 2;
  move_subscription(2);
  emit(1);
  settle();
  answer_late();
  settle();
  silent = -1;
  fake_cut_node(2); /* it is connected again, and answers then */
  came(2);
  end_cluster();
}

TEST(a_node_that_has_lost_its_slots_is_kept_until_it_has_answered) {
  char text[200];
  begin_move(NULL);
  late = 1;
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, "ev", SIO_ARGS(0));
  UNTIL(nlate == 1);
  snprintf(text, sizeof text, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:%u\r\n", fake_ports[0]);
  table = text;
  moved_slot = slot_of(ROOM1);
  one_has_all = true;
  sio__cluster_request_slot_table_later(redis);
  UNTIL(sio__cluster_find_server_of_slot(redis, 0) ==
        sio__cluster_find_server_of_slot(redis, 16383));
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, "ev", SIO_ARGS(1));
  settle();
  answer_late();
  came(2);
  end_cluster();
}

TEST(a_node_that_does_not_answer_holds_commands_for_a_while_only) {
  begin_move(NULL);
  late = 0;
  emit(0);
  UNTIL(nlate == 1);
  move_subscription(1);
  emit(1);
  settle();
  EQ(nsaid, 0);
  UNTIL(nsaid == 1);
  emit(2);
  UNTIL(nsaid == 2);
  answer_late();
  UNTIL(nsaid == 3);
  CHECK(strstr(said[0].payload, "[\"ev\",1]") && strstr(said[2].payload, "[\"ev\",0]"));
  end_cluster();
}

static struct redis_server *server_of(int slot) {
  return sio__cluster_find_server_of_slot(redis, slot);
}

/* These two decide when a timer fires, however slow the machine is. */
static void fire_now(uv_timer_t *t) { uv_timer_start(t, t->timer_cb, 0, 0); }
static void do_not_fire(uv_timer_t *t) { uv_timer_start(t, t->timer_cb, 1000000, 0); }

/* The commands of the node are held, and stay so. */
static void reconnect_node(int node) {
  fake_cut_node(node);
  UNTIL(redis_stats().state != SIO_REDIS_READY);
  UNTIL(server_of(node * HALF)->commands_held);
  do_not_fire(&server_of(node * HALF)->hold);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
}

TEST(each_new_connection_holds_its_commands_for_its_own_time) {
  begin_move(&(sio_redis_options){ .retry_max_ms = 1000 });
  reconnect_node(0);
  reconnect_node(1);
  fire_now(&server_of(0)->hold);
  UNTIL(!server_of(0)->commands_held);
  CHECK(server_of(HALF)->commands_held);
  fire_now(&server_of(HALF)->hold);
  UNTIL(!server_of(HALF)->commands_held);
  end_cluster();
}

/* The timer of each connection looks whether Redis is there, and sends a PING. */
static void tick(struct link *l) { uv_timer_start(&l->timer, l->timer.timer_cb, 0, 0); }

TEST(the_timer_of_a_connection_does_not_write_what_is_held) {
  begin_move(NULL);
  late = 0;
  emit(0);
  UNTIL(nlate == 1);
  move_subscription(1);
  emit(1);
  tick(&sio__cluster_find_server_of_slot(redis, moved_slot)->commands);
  settle();
  EQ(nsaid, 0);
  answer_late();
  came(2);
  end_cluster();
}

/* Commands are held for a second, which is many times ping_interval_ms here. */
TEST(a_connection_whose_commands_are_held_is_not_taken_for_silent) {
  begin_move(&(sio_redis_options){ .retry_max_ms = 1000, .ping_interval_ms = 100 });
  fake_cut_node(0);
  UNTIL(redis_stats().state != SIO_REDIS_READY);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  uint64_t failures = redis_stats().failures;
  emit(0);
  came(1);
  EQ(redis_stats().failures, failures);
  end_cluster();
}

TEST(the_end_may_come_while_commands_are_held) {
  begin_move(NULL);
  late = 0;
  emit(0);
  UNTIL(nlate == 1);
  move_subscription(1);
  emit(1);
  settle();
  end_cluster();
}

/* ---- what nobody expects --------------------------------------------------------------------- */

TEST(a_reply_that_was_not_asked_for_is_not_the_reply_to_a_command_that_is_held) {
  begin_move(&(sio_redis_options){ .retry_max_ms = 1000 });
  fake_cut_node(0);
  fake_cut_node(1);
  UNTIL(redis_stats().state != SIO_REDIS_READY);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  saw();
  sio_server_count(root, 0, on_count, NULL);
  for (int i = 0; i < FAKE_CONNS; i++)
    if (conns[i].fd >= 0 && !conns[i].subscribed) fake_say(&conns[i], "+OK\r\n");
  UNTIL(*traced);
  SAW("all 2 ");
  end_cluster();
}

TEST(what_does_not_fit_at_the_new_node_is_counted) {
  begin_move(&(sio_redis_options){ .retry_max_ms = 1000, .max_queued = 3000 });
  silent = 2;
  owner = 2;
  for (int i = 0; i < 20; i++) {
    emit(i);
    settle();
  }
  uint64_t dropped = redis_stats().dropped;
  CHECK(dropped > 5 && dropped < 20);
  move_subscription(1);
  UNTIL(nsaid + dropped == 20);
  EQ(redis_stats().dropped, dropped);
  UNTIL(redis_stats().queued == 0);
  end_cluster();
}

static void move_about(void) {
  silent = owner = 2;
  emit(0);
  emit(1);
  for (int i = 0; i < 10; i++) pump();
  owner = 1;
  if (subscriber_of(0)) kick(0, ROOM0);
  emit(2);
  for (int i = 0; i < 20; i++) pump();
  late = owner;
  emit(3);
  for (int i = 0; i < 5; i++) pump();
  owner = 0;
  if (subscriber_of(1)) kick(1, ROOM0);
  emit(4);
  for (int i = 0; i < 5; i++) pump();
  answer_late();
  for (int i = 0; i < 10; i++) pump();
  silent = -1;
}

TEST(any_allocation_may_fail) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_move(&(sio_redis_options){ .retry_max_ms = 1 });
    alloc_fail_in(at);
    move_about();
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    late = -1;
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    UNTIL(!redis->cluster.asking);
    end_cluster();
  }
}

TESTS_BEGIN
T(commands_that_wait_for_the_new_node_move_on_with_their_slot)
T(commands_that_wait_for_the_new_node_follow_the_table)
T(commands_that_are_held_move_with_their_slot)
T(commands_of_other_slots_stay_where_they_are)
T(commands_that_are_not_answered_yet_are_not_overtaken)
T(commands_that_are_not_answered_come_before_those_that_wait_for_the_new_node)
T(a_node_that_has_lost_its_slots_is_kept_until_it_has_answered)
T(a_node_that_does_not_answer_holds_commands_for_a_while_only)
T(each_new_connection_holds_its_commands_for_its_own_time)
T(the_timer_of_a_connection_does_not_write_what_is_held)
T(a_connection_whose_commands_are_held_is_not_taken_for_silent)
T(the_end_may_come_while_commands_are_held)
T(a_reply_that_was_not_asked_for_is_not_the_reply_to_a_command_that_is_held)
T(what_does_not_fit_at_the_new_node_is_counted)
T(any_allocation_may_fail)
TESTS_END
