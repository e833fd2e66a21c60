/* SPDX-License-Identifier: MIT
 *
 * test_redis_cluster.c - each channel is on the server that has its slot, and follows the slot.
 */
#include "redis_cluster_rig.h"

/* ---- slots ----------------------------------------------------------------------------------- */

TEST(slots_are_those_of_redis) {
  EQ(slot_of("123456789"), 0x31c3);
  EQ(slot_of(""), 0);
  EQ(slot_of("foo"), 12182);
  EQ(slot_of("{user1000}.following"), slot_of("user1000"));
  EQ(slot_of("x{user1000}y{z}"), slot_of("user1000"));
  CHECK(slot_of("{}user1000") != slot_of("user1000"));
  EQ(slot_of("{{bar}}zap"), slot_of("{bar"));
  CHECK(slot_of("{foo") != slot_of("foo"));
  EQ(slot_of(ROOM0) >= HALF, 0);
  EQ(slot_of(ROOM1) >= HALF, 1);
}

TEST(each_channel_is_on_the_server_of_its_slot) {
  begin_cluster(true);
  struct peer *p = joined();
  sio_join(root->members[0], "a");
  sio_join(root->members[0], "c");
  settle();
  CHECK(strstr(seen, line(0, "SSUBSCRIBE", ROOM0)) && strstr(seen, line(1, "SSUBSCRIBE", ROOM1)));
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, "ev", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("c") }, "ev", SIO_NONE);
  settle();
  CHECK(strstr(seen, line(1, "SPUBLISH", ROOM1)) && strstr(seen, line(0, "SPUBLISH", ROOM0)));
  HEARD(p, "42[\"ev\"] 42[\"ev\"] ");
  push_to_room(0, ROOM0);
  push_to_room(1, ROOM1);
  HEARD(p, "42[\"ev\"] 42[\"ev\"] ");
  saw();
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("all 2 ");
  EQ(redis_stats().redirected, 0);
  sio_leave(root->members[0], "a");
  settle();
  CHECK(strstr(seen, line(1, "SUNSUBSCRIBE", ROOM1)));
  end_cluster();
}

TEST(the_classic_adapter_uses_one_server_and_counts_on_all) {
  begin_cluster(false);
  saw();
  sio_broadcast(ALL, "ev", SIO_NONE);
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("all 4 "); /* two on each */
  CHECK(!strstr(seen, "0 PUBLISH") || !strstr(seen, "1 PUBLISH"));
  EQ(subscriber_of(0) && subscriber_of(1), 0);
  end_cluster();
}

TEST(the_classic_adapter_takes_another_server_if_its_own_is_gone) {
  begin_cluster(false);
  struct peer *p = joined();
  int first = subscriber_of(1) != NULL;
  unsigned port = fake_ports[first];
  fake_close_node(first);
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  CHECK(subscriber_of(!first) != NULL);
  UNTIL(nsaid == 1);
  HEARD(p, "42[\"ev\"] ");
  saw();
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  fake_ports[first] = port;
  end_cluster();
  fake_ports[first] = 0;
}

/* ---- a slot moves ---------------------------------------------------------------------------- */

TEST(messages_follow_a_slot_in_their_order) {
  begin_cluster(true);
  moved_slot = slot_of(ROOM0);
  owner = 1;
  for (int i = 0; i < 3; i++)
    sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("c") }, "ev", SIO_ARGS(i));
  UNTIL(nsaid == 3);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("c") }, "ev", SIO_ARGS(3));
  for (int i = 0; i < 4; i++) {
    char text[300];
    snprintf(
        text, sizeof text,
        "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"ev\",%d]},\"opts\":{\"rooms\":"
        "[\"c\"],\"except\":[],\"flags\":{}}},\"uid\":\"%s\",\"nsp\":\"/\"}",
        i, root->adapter->uid);
    PUBLISHED(ROOM0, text);
  }
  NOTHING_PUBLISHED();
  CHECK(strstr(seen, line(1, "SPUBLISH", ROOM0)));
  EQ(redis_stats().dropped, 0);
  EQ(redis_stats().errors, 0);
  EQ(redis_stats().queued, 0);
  end_cluster();
}

TEST(a_subscription_follows_its_slot) {
  begin_cluster(true);
  struct peer *p = joined();
  sio_join(root->members[0], "c");
  settle();
  seen[0] = '\0';
  moved_slot = slot_of(ROOM0);
  owner = 1;
  kick(0, ROOM0);
  UNTIL(strstr(seen, line(1, "SSUBSCRIBE", ROOM0)));
  CHECK(strstr(seen, line(0, "SSUBSCRIBE", ROOM0))); /* it says where to */
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  EQ(redis_stats().interrupted, 1);
  push_to_room(1, ROOM0);
  HEARD(p, "42[\"ev\"] ");
  seen[0] = '\0';
  known_owner = 0; /* an old table takes no subscription away */
  for (int i = 0; i < 100; i++) pump();
  EQ_STR(seen, "");
  end_cluster();
}

/* The room is left while the subscription that its slot ended is made again. */
TEST(a_subscription_that_is_not_needed_any_more_is_not_waited_for) {
  begin_cluster(true);
  joined();
  sio_join(root->members[0], "c");
  settle();
  seen[0] = '\0';
  kick(0, ROOM0);
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  sio_leave(root->members[0], "c");
  settle();
  EQ(redis_stats().state, SIO_REDIS_READY);
  end_cluster();
}

static unsigned count_of(const char *what) {
  unsigned n = 0;
  for (const char *p = seen; (p = strstr(p, what)); p++) n++;
  return n;
}

TEST(an_unsubscription_of_ours_is_not_taken_for_a_slot_that_has_moved) {
  begin_cluster(true);
  joined();
  for (int i = 0; i < 3; i++) {
    sio_join(root->members[0], "c");
    if (i < 2) sio_leave(root->members[0], "c");
  }
  settle();
  EQ(count_of(line(0, "SSUBSCRIBE", ROOM0)), 3);
  EQ(count_of(line(0, "SUNSUBSCRIBE", ROOM0)), 2);
  EQ(redis_stats().interrupted, 0);
  EQ(redis_stats().state, SIO_REDIS_READY);
  kick(0, ROOM0); /* this one says that the slot has moved */
  UNTIL(count_of(line(0, "SSUBSCRIBE", ROOM0)) == 4);
  EQ(redis_stats().interrupted, 1);
  end_cluster();
}

static bool refuse_unsubscriptions(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (!slice_equals_str(w[0], "SUNSUBSCRIBE") || owner != 1) return special(c, w, n);
  see(c, w, n);
  say_elsewhere(c, "MOVED", (int)sio__cluster_slot_of_key(w[1]), 1);
  return true;
}

TEST(an_unsubscription_that_is_refused_is_over) {
  static const char *const other = "socket.io#/#d#";
  begin_cluster(true);
  fake_special = refuse_unsubscriptions;
  joined();
  sio_join(root->members[0], "c");
  settle();
  moved_slot = slot_of(ROOM0);
  owner = 1;
  sio_leave(root->members[0], "c");
  settle();
  owner = 0;
  for (int i = 0; i < 2; i++) {
    sio_join(root->members[0], "d");
    if (!i) sio_leave(root->members[0], "d");
  }
  settle();
  EQ(count_of(line(0, "SUNSUBSCRIBE", ROOM0)), 1);
  EQ(count_of(line(0, "SSUBSCRIBE", other)), 2);
  EQ(redis_stats().interrupted, 0);
  end_cluster();
}

TEST(a_server_may_ask_for_one_command_elsewhere) {
  begin_cluster(true);
  asking_slot = slot_of(ROOM0);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("c") }, "ev", SIO_NONE);
  UNTIL(nsaid == 1);
  char *at = strstr(seen, "1 ASKING\n");
  CHECK(at && strstr(at, line(1, "SPUBLISH", ROOM0)));
  asking_slot = -1;
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("c") }, "ev", SIO_NONE);
  UNTIL(nsaid == 2);
  EQ(redis_stats().redirected, 1);
  end_cluster();
}

TEST(a_subscription_that_the_cluster_refuses_for_a_while_is_tried_again) {
  begin_cluster(true);
  joined();
  is_down = true;
  sio_join(root->members[0], "c");
  UNTIL(redis_stats().errors > 1);
  is_down = false;
  seen[0] = '\0';
  UNTIL(strstr(seen, line(0, "SSUBSCRIBE", ROOM0)));
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end_cluster();
}

TEST(a_server_that_the_table_does_not_name_any_more_is_left) {
  begin_cluster(true);
  joined();
  sio_join(root->members[0], "a");
  settle();
  char text[200];
  snprintf(text, sizeof text, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:%u\r\n", fake_ports[0]);
  table = text;
  fake_close_node(1);
  UNTIL(redis_stats().failures == 2);
  for (int i = 0; i < 3; i++)
    sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, "ev", SIO_ARGS(i));
  one_has_all = true;
  UNTIL(strstr(seen, line(0, "SSUBSCRIBE", ROOM1)));
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  UNTIL(nsaid == 3); /* what waited for it goes to the other one */
  EQ(redis_stats().dropped, 0);
  end_cluster();
}

/* ---- what nobody expects --------------------------------------------------------------------- */

static void table_is_refused(const char *text) {
  begin_cluster_code(true, (sio_redis_options){ 0 });
  table = text;
  UNTIL(strstr(lines, "the server is not a node of a Redis Cluster, or no slots are assigned"));
  table = NULL;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end_cluster();
}

TEST(tables_are_checked) {
  static const char *const bad[] = {
    "+OK\r\n",
    "*0\r\n",
    "*1\r\n:1\r\n",
    "*1\r\n*2\r\n:0\r\n:1\r\n",
    "*1\r\n*3\r\n+0\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
    "*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
    "*1\r\n*3\r\n:2\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
    "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
    "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\nh\r\n",
    "*1\r\n*3\r\n:0\r\n:1\r\n:7\r\n",
    "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:0\r\n",
    "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:65536\r\n",
    "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n:5\r\n:1\r\n",
    "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$3\r\nh\nh\r\n:1\r\n",
    "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$3\r\nh\033h\r\n:1\r\n",
  };
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) table_is_refused(bad[i]);
}

static const char *bad_redirect;

static bool redirect_badly(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (!slice_equals_str(w[0], "SPUBLISH")) return special(c, w, n);
  fake_say(c, bad_redirect);
  return true;
}

TEST(redirects_are_checked) {
  static const char *const bad[] = {
    "-MOVED \r\n",        "-MOVED 1\r\n",         "-MOVED x h:1\r\n",      "-MOVED 16384 h:1\r\n",
    "-MOVED 1 h\r\n",     "-ASK 1 h\r\n",         "-MOVED 1 h:123456\r\n", "-MOVED -1 h:1\r\n",
    "-ASK 16384 h:1\r\n", "-MOVEDX 1 h:1\r\n",    "-MOVED 1 h\nh:1\r\n",   "-ASK 1 h\033[2J:1\r\n",
    "-MOVED 1 h h:1\r\n", "-MOVED 1 h:1\n2\r\n",  "-MOVED 1 h:http\r\n",   "-MOVED 1 h:0\r\n",
    "-MOVED 1 h:01\r\n",  "-MOVED 1 h:65536\r\n",
  };
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    begin_cluster(true);
    bad_redirect = bad[i];
    fake_special = redirect_badly;
    sio_broadcast(ALL, "ev", SIO_NONE);
    UNTIL(redis_stats().errors == 1);
    EQ(redis_stats().redirected, 0);
    end_cluster();
  }
}

TEST(a_command_is_not_sent_on_for_ever) {
  char text[100];
  begin_cluster(true);
  snprintf(text, sizeof text, "-MOVED %d :%u\r\n", slot_of("socket.io#/#"), fake_ports[0]);
  bad_redirect = text;
  fake_special = redirect_badly;
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().errors == 1);
  EQ(redis_stats().redirected, 6);
  EQ(redis_stats().queued, 0);
  end_cluster();
}

TEST(what_is_kept_for_its_reply_counts) {
  begin_cluster_code(true, (sio_redis_options){ .max_queued = 1000 });
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  mute = true;
  for (int i = 0; i < 20; i++) {
    sio_broadcast(ALL, "ev", SIO_ARGS(i));
    pump();
  }
  CHECK(redis_stats().dropped > 10);
  CHECK(redis_stats().queued > 500 && redis_stats().queued <= 1000);
  mute = false;
  end_cluster();
}

TEST(before_the_cluster_is_known_messages_are_dropped) {
  begin_cluster_code(true, (sio_redis_options){ 0 });
  sio_broadcast(ALL, "ev", SIO_NONE);
  EQ(redis_stats().dropped, 1);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end_cluster();
}

/* ---- lives ----------------------------------------------------------------------------------- */

TEST(it_may_end_at_any_time) {
  for (int turns = 0; turns < 60; turns++) {
    begin_cluster_code(turns & 1, (sio_redis_options){ 0 });
    for (int i = 0; i < turns; i++) pump();
    end_cluster();
  }
}

static void move_slots_about(void) {
  sio_join(root->members[0], "a");
  sio_join(root->members[0], "c");
  for (int i = 0; i < 20; i++) pump();
  moved_slot = slot_of(ROOM0);
  owner = 1;
  if (subscriber_of(0)) kick(0, ROOM0);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("c") }, "ev", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("c") }, "ev", SIO_NONE);
  asking_slot = slot_of(ROOM1);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, "ev", SIO_NONE);
  for (int i = 0; i < 40; i++) pump();
  asking_slot = -1;
  fake_cut_node(1);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, "ev", SIO_NONE);
  for (int i = 0; i < 40; i++) pump();
}

TEST(any_allocation_may_fail) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_cluster_code(true, (sio_redis_options){ .retry_max_ms = 1 });
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    joined();
    alloc_fail_in(at);
    move_slots_about();
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    UNTIL(!redis->cluster.asking);
    end_cluster();
  }
}

TEST(any_allocation_may_fail_while_it_begins) {
  for (int kind = 0; kind < 2; kind++) {
    bool failed = true;
    for (size_t at = 1; failed; at++) {
      begin_cluster_code(kind, (sio_redis_options){ .retry_max_ms = 1 });
      alloc_fail_in(at);
      for (int i = 0; i < 60; i++) pump();
      failed = alloc_fuse == 0;
      alloc_fail_in(0);
      UNTIL(redis_stats().state == SIO_REDIS_READY);
      UNTIL(!redis->cluster.asking);
      end_cluster();
    }
  }
}

TESTS_BEGIN
T(slots_are_those_of_redis)
T(each_channel_is_on_the_server_of_its_slot)
T(the_classic_adapter_uses_one_server_and_counts_on_all)
T(the_classic_adapter_takes_another_server_if_its_own_is_gone)
T(messages_follow_a_slot_in_their_order)
T(a_subscription_follows_its_slot)
T(a_subscription_that_is_not_needed_any_more_is_not_waited_for)
T(an_unsubscription_of_ours_is_not_taken_for_a_slot_that_has_moved)
T(an_unsubscription_that_is_refused_is_over)
T(a_server_may_ask_for_one_command_elsewhere)
T(a_subscription_that_the_cluster_refuses_for_a_while_is_tried_again)
T(a_server_that_the_table_does_not_name_any_more_is_left)
T(tables_are_checked)
T(redirects_are_checked)
T(a_command_is_not_sent_on_for_ever)
T(what_is_kept_for_its_reply_counts)
T(before_the_cluster_is_known_messages_are_dropped)
T(it_may_end_at_any_time)
T(any_allocation_may_fail)
T(any_allocation_may_fail_while_it_begins)
TESTS_END
