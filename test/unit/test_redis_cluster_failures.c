/* SPDX-License-Identifier: MIT
 *
 * test_redis_cluster_failures.c - a Redis Cluster that answers oddly, that changes while commands
 * and subscriptions are on their way, and whose servers leave.
 */
#include "redis_cluster_rig.h"

static void broadcast_to(const char *room) {
  const char *const rooms[] = { room, NULL };
  sio_broadcast((sio_target){ .nsp = root, .rooms = rooms }, "ev", SIO_NONE);
}

/* The table: each range is "first last host port-of-node". */
static char table_text[4000];
static void begin_table(int ranges) {
  snprintf(table_text, sizeof table_text, "*%d\r\n", ranges);
  table = table_text;
}
static void add_range(int first, int last, const char *host, int node) {
  size_t n = strlen(table_text);
  snprintf(table_text + n, sizeof table_text - n, "*3\r\n:%d\r\n:%d\r\n*2\r\n$%zu\r\n%s\r\n:%u\r\n",
           first, last, strlen(host), host, fake_ports[node]);
}

/* A command that is answered with a text; others by the rig. */
static const char *odd_verb, *odd_reply;
static int odd_node, odd_times;
static struct fake_conn *odd; /* that asked last */

static bool odd_special(struct fake_conn *c, const sio_slice *w, size_t n) {
  bool is_odd =
      odd_times && slice_equals_str(w[0], odd_verb) && (odd_node < 0 || odd_node == c->node);
  if (!is_odd) return special(c, w, n);
  if (odd_times > 0) odd_times--;
  odd = c;
  if (odd_reply) fake_say(c, odd_reply);
  return true;
}

static void answer_oddly(const char *verb, int node, const char *reply, int times) {
  odd_verb = verb;
  odd_node = node;
  odd_reply = reply;
  odd_times = times;
  odd = NULL;
  fake_special = odd_special;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Asks for the table again, over a connection that is there. */
static void ask_for_table(void) {
  sio__cluster_request_slot_table_later(redis);
  UNTIL(redis->cluster.asking);
  UNTIL(!redis->cluster.asking);
  settle();
}

static void table_is_ignored(const char *text) {
  begin_cluster(true);
  table = text;
  ask_for_table();
  EQ(redis_stats().state, SIO_REDIS_READY);
  broadcast_to("c");
  broadcast_to("a");
  UNTIL(nsaid == 2);
  CHECK(strstr(seen, line(0, "SPUBLISH", ROOM0)) && strstr(seen, line(1, "SPUBLISH", ROOM1)));
  table = NULL;
  end_cluster();
}

/* It keeps the table that it has. */
TEST(a_malformed_table_of_a_server_that_is_connected_changes_nothing) {
  static char long_host[400];
  static const char *const bad[] = {
    "-ERR no\r\n",
    "*1\r\n*3\r\n:0\r\n+1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
    "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n$1\r\n1\r\n",
    long_host,
  };
  size_t n =
      (size_t)snprintf(long_host, sizeof long_host, "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$256\r\n");
  memset(long_host + n, 'h', 256);
  snprintf(long_host + n + 256, sizeof long_host - n - 256, "\r\n:1\r\n");
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) table_is_ignored(bad[i]);
}

static void say_nul(struct fake_conn *c) {
  static const char text[] = "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$3\r\nh\0h\r\n:1\r\n";
  fake_put(c, text, sizeof text - 1);
}

static bool nul_special(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (!slice_equals_str(w[0], "CLUSTER")) return special(c, w, n);
  say_nul(c);
  return true;
}

TEST(a_name_with_a_nul_is_no_host) {
  begin_cluster(true);
  fake_special = nul_special;
  ask_for_table();
  broadcast_to("c");
  UNTIL(nsaid == 1);
  EQ(redis_stats().dropped, 0);
  end_cluster();
}

/* ElastiCache says "?" for a node that does not know its own address yet. */
TEST(a_host_that_is_unknown_is_the_one_that_was_asked) {
  begin_cluster_code(true, (sio_redis_options){ 0 });
  begin_table(2);
  add_range(0, HALF - 1, "?", 0);
  add_range(HALF, 16383, "127.0.0.1", 1);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  broadcast_to("c");
  UNTIL(nsaid == 1);
  end_cluster();
}

TEST(servers_of_another_name_and_the_same_port_are_others) {
  begin_cluster_code(true, (sio_redis_options){ 0 });
  begin_table(3);
  add_range(0, HALF - 1, "127.0.0.1", 0);
  add_range(HALF, 16000, "127.0.0.1", 1);
  add_range(16001, 16383, "127.0.0.2", 1);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  unsigned n = 0;
  redis_servers_each(p, redis) n++;
  EQ(n, 3);
  end_cluster();
}

TEST(ports_are_from_1_to_65535) {
  static const char text[] = "*3\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n"
                             "*3\r\n:1\r\n:1\r\n*2\r\n$9\r\n127.0.0.9\r\n:65535\r\n"
                             "*3\r\n:2\r\n:2\r\n*2\r\n$9\r\n127.0.0.9\r\n:1\r\n";
  begin_cluster(true);
  snprintf(table_text, sizeof table_text, text, fake_ports[0]);
  table = table_text;
  each_has_all = true;
  ask_for_table();
  unsigned n = 0;
  redis_servers_each(p, redis) n++;
  CHECK(n >= 3); /* those of the old table may still be there */
  CHECK(sio__cluster_find_server_of_slot(redis, 1) != sio__cluster_find_server_of_slot(redis, 3));
  table = NULL;
  end_cluster();
}

TEST(no_more_than_a_thousand_servers_are_remembered) {
  static char many[100000];
  begin_cluster(true);
  size_t n = (size_t)snprintf(many, sizeof many, "*1002\r\n");
  n += (size_t)snprintf(many + n, sizeof many - n,
                        "*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n", fake_ports[0]);
  for (int i = 0; i < 1001; i++)
    n += (size_t)snprintf(many + n, sizeof many - n,
                          "*3\r\n:%d\r\n:%d\r\n*2\r\n$9\r\n127.0.0.9\r\n:%d\r\n", i, i, i + 1);
  one_has_all = true;
  table = many;
  ask_for_table();
  n = 0;
  redis_servers_each(p, redis) n++;
  CHECK(n <= 1000);
  broadcast_to("a"); /* its slot is another server's */
  UNTIL(nsaid == 1);
  table = NULL;
  end_cluster();
}

TEST(a_table_request_whose_answer_is_lost_is_repeated) {
  begin_cluster(true);
  answer_oddly("CLUSTER", -1, NULL, 1);
  sio__cluster_request_slot_table_later(redis);
  UNTIL(odd != NULL);
  fake_close(odd);
  UNTIL(!redis->cluster.asking);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end_cluster();
}

/* The host of the url is away, and the connections to the other server are not ready. */
TEST(servers_that_are_known_are_asked_for_the_table_too) {
  begin_cluster(true);
  unsigned port = fake_ports[0];
  fake_close_node(0);
  answer_oddly("PING", 1, NULL, -1); /* so that only the question for the table can be answered */
  each_has_all = true;
  begin_table(1);
  add_range(0, 16383, "127.0.0.1", 2);
  fake_cut_node(1);
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  CHECK(strstr(lines, "the cluster node 127.0.0.1 port "));
  fake_ports[0] = port;
  end_cluster();
  fake_ports[0] = 0;
}

TEST(any_allocation_of_a_new_context_may_fail) {
  int err = UV_ENOMEM;
  for (size_t at = 1; err; at++) {
    sio_redis *r;
    alloc_install();
    uv_loop_init(&loop);
    alloc_fail_in(at);
    err = sio_redis_new(&loop, &(sio_redis_options){ .url = "redis+cluster://h" }, why, sizeof why,
                        &r);
    alloc_fail_in(0);
    EQ(err, err ? UV_ENOMEM : 0);
    EQ_STR(why, err ? "not enough memory" : "");
    if (!err) sio_redis_free(r);
    uv_run(&loop, UV_RUN_DEFAULT);
    EQ(uv_loop_close(&loop), 0);
    EQ(alloc_live, 0);
  }
}

/* ---- commands -------------------------------------------------------------------------------- */

static void broadcast_long_text_to(const char *room) {
  static char text[700];
  const char *const rooms[] = { room, NULL };
  memset(text, 'x', sizeof text - 1);
  sio_broadcast((sio_target){ .nsp = root, .rooms = rooms }, "ev", SIO_ARGS(text));
}

/* Otherwise the next command of the server, whose slot is not moving, would be executed under
 * ASKING, or a command for the slot that moves would be executed without it. */
TEST(memory_that_runs_out_after_an_ask_leaves_no_asking_for_another_command) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_cluster(true);
    broadcast_to("a");
    UNTIL(nsaid == 1);
    settle();
    asking_slot = slot_of(ROOM0);
    broadcast_long_text_to("c");
    UNTIL(strstr(seen, line(0, "SPUBLISH", ROOM0)));
    seen[0] = '\0';
    alloc_fail_in(at);
    turn();
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    broadcast_to("a");
    UNTIL(strstr(seen, line(1, "SPUBLISH", ROOM1)));
    CHECK(!strstr(seen, "1 ASKING\n1 SPUBLISH " ROOM1));
    EQ(strstr(seen, "1 ASKING\n1 SPUBLISH " ROOM0) != NULL, redis_stats().dropped == 0);
    end_cluster();
  }
}

TEST(only_commands_of_the_slot_that_has_moved_follow_it) {
  begin_cluster(true);
  saw();
  moved_slot = slot_of(ROOM0);
  owner = 1;
  broadcast_to("c");
  sio_server_count(root, 0, on_count, NULL); /* on the channel of the namespace */
  broadcast_to("k");                         /* another slot of node 0, or 1 */
  broadcast_to("c");
  UNTIL(nsaid == 3);
  UNTIL(*traced);
  SAW("all 2 ");
  EQ(redis_stats().redirected, 1);
  EQ(redis_stats().errors, 0);
  end_cluster();
}

TEST(a_redirect_to_a_server_whose_queue_is_full_drops_the_command) {
  static char text[700];
  memset(text, 'x', sizeof text - 1);
  begin_cluster_code(true, (sio_redis_options){ .max_queued = 2000 });
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
  answer_oddly("SPUBLISH", 1, NULL, -1); /* node 1 does not answer: it keeps what it has */
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, "ev", SIO_ARGS(text));
  settle();
  moved_slot = slot_of(ROOM0);
  owner = 1;
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("c") }, "ev", SIO_ARGS(text));
  UNTIL(redis_stats().redirected == 1);
  EQ(redis_stats().dropped, 1);
  settle();
  CHECK(strstr(lines, "is dropped: max_queued leaves no room for it"));
  end_cluster();
}

TEST(a_count_that_is_redirected_ends_the_question) {
  char text[100];
  begin_cluster(true);
  saw();
  snprintf(text, sizeof text, "-MOVED 1 127.0.0.1:%u\r\n", fake_ports[1]);
  answer_oddly("PUBSUB", -1, text, 7);
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("i/o error 1 ");
  EQ(redis_stats().redirected, 6);
  odd_times = 0;
  end_cluster();
}

TEST(errors_that_are_shorter_than_a_redirect_are_errors) {
  begin_cluster(true);
  answer_oddly("SPUBLISH", -1, "-NO\r\n", 1);
  broadcast_to("c");
  UNTIL(redis_stats().errors == 1);
  char text[400] = "-MOVED 1 ";
  memset(text + 9, 'h', 256);
  snprintf(text + 265, sizeof text - 265, ":1\r\n");
  answer_oddly("SPUBLISH", -1, text, 1);
  broadcast_to("c");
  UNTIL(redis_stats().errors == 2);
  EQ(redis_stats().redirected, 0);
  end_cluster();
}

TEST(a_command_whose_slot_has_no_server_any_more_is_counted_as_dropped) {
  begin_cluster(true);
  joined();
  fake_close_node(1);
  UNTIL(redis_stats().failures >= 2);
  begin_table(1);
  add_range(0, HALF - 1, "127.0.0.1", 0);
  broadcast_to("a"); /* waits for node 1, which leaves the cluster */
  UNTIL(redis_stats().dropped == 1);
  broadcast_to("a");
  EQ(redis_stats().dropped, 2);
  table = NULL;
  fake_open_node(1);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end_cluster();
}

TEST(a_question_to_a_server_that_leaves_is_not_waited_for) {
  begin_cluster(false);
  saw();
  answer_oddly("PUBSUB", 1, NULL, 1);
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(odd != NULL);
  fake_close_node(1);
  UNTIL(strstr(traced, "all 2 ")); /* of node 0 */
  end_cluster();
}

TEST(a_count_needs_one_server_that_can_be_asked) {
  begin_cluster(false);
  saw();
  answer_oddly("PUBSUB", -1, "-ERR no\r\n", -1);
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("i/o error 1 ");
  answer_oddly("PUBSUB", 0, "-ERR no\r\n", -1);
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("all 2 ");
  end_cluster();
}

/* It asks each server for its own number, so another one cannot answer for it. */
TEST(a_server_that_sends_its_count_elsewhere_does_not_count) {
  char text[60];
  begin_cluster(false);
  saw();
  snprintf(text, sizeof text, "-MOVED 1 127.0.0.1:%u\r\n", fake_ports[1]);
  answer_oddly("PUBSUB", 0, text, 1);
  sio_server_count(root, 0, on_count, NULL);
  UNTIL(*traced);
  SAW("all 2 "); /* of node 1 */
  end_cluster();
}

/* ---- subscriptions --------------------------------------------------------------------------- */

TEST(a_subscription_leaves_a_server_that_is_not_in_the_table_any_more) {
  begin_cluster(true);
  struct peer *p = joined();
  sio_join(root->members[0], "a");
  UNTIL(strstr(seen, line(1, "SSUBSCRIBE", ROOM1)));
  push_to_room(1, ROOM1);
  HEARD(p, "42[\"ev\"] ");
  seen[0] = '\0';
  one_has_all = true;
  begin_table(1);
  add_range(0, 16383, "127.0.0.1", 0);
  ask_for_table();
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  CHECK(strstr(seen, line(1, "SUNSUBSCRIBE", ROOM1)));
  CHECK(strstr(seen, line(0, "SSUBSCRIBE", ROOM1)));
  push_to_room(0, ROOM1);
  HEARD(p, "42[\"ev\"] ");
  CHECK(redis_stats().interrupted > 0);
  end_cluster();
}

TEST(a_subscription_that_is_on_its_way_is_not_sent_again_with_each_table) {
  begin_cluster(true);
  joined();
  answer_oddly("SSUBSCRIBE", 0, NULL, 1);
  sio_join(root->members[0], "c");
  UNTIL(odd != NULL);
  seen[0] = '\0';
  for (int i = 0; i < 3; i++) ask_for_table();
  CHECK(!strstr(seen, line(0, "SSUBSCRIBE", ROOM0)));
  fake_say(odd, "*3\r\n$10\r\nssubscribe\r\n");
  fake_bulk(odd, SLICE(ROOM0));
  fake_say(odd, ":1\r\n");
  settle();
  EQ(redis_stats().state, SIO_REDIS_READY);
  end_cluster();
}

static unsigned conns_of(int node) {
  unsigned n = 0;
  for (int i = 0; i < FAKE_CONNS; i++) n += conns[i].fd >= 0 && conns[i].node == node;
  return n;
}

/* A subscription that was counted for ever would keep its server, which has left the cluster. */
TEST(a_subscription_that_could_not_be_sent_keeps_no_server) {
  begin_cluster(true);
  joined();
  for (size_t at = 1; !sio_in_room(root->members[0], "c"); at++) {
    alloc_fail_in(at);
    (void)sio_join(root->members[0], "c");
    alloc_fail_in(0);
  }
  sio_leave(root->members[0], "c");
  settle();
  each_has_all = true;
  begin_table(1);
  add_range(0, 16383, "127.0.0.1", 1);
  ask_for_table();
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  UNTIL(conns_of(0) == 0);
  end_cluster();
}

TEST(a_subscription_waits_while_its_slot_has_no_server) {
  begin_cluster(true);
  struct peer *p = joined();
  sio_join(root->members[0], "a");
  settle();
  begin_table(1);
  add_range(0, HALF - 1, "127.0.0.1", 0);
  ask_for_table();
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  table = NULL;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  push_to_room(1, ROOM1);
  HEARD(p, "42[\"ev\"] ");
  end_cluster();
}

TEST(the_end_of_a_subscription_is_believed_of_its_own_server_alone) {
  begin_cluster(true);
  joined();
  sio_join(root->members[0], "c");
  sio_join(root->members[0], "a");
  settle();
  seen[0] = '\0';
  kick(1, ROOM0);
  kick(0, "socket.io#/#unknown#");
  settle();
  EQ_STR(seen, "");
  EQ(redis_stats().interrupted, 0);
  kick(0, ROOM0);
  kick(0, ROOM0); /* before it is confirmed again */
  UNTIL(redis_stats().interrupted == 1);
  settle();
  EQ_STR(seen, line(0, "SSUBSCRIBE", ROOM0));
  EQ(redis_stats().interrupted, 1);
  end_cluster();
}

/* Without a cluster nobody but this server ends a subscription. */
TEST(a_single_redis_ends_no_subscription) {
  sharded = true;
  cluster.subscription_mode = SIO_REDIS_DYNAMIC;
  begin(NULL);
  subscribed[0] = '\0';
  struct fake_conn *c = subscriber();
  fake_say(c, "*3\r\n$12\r\nsunsubscribe\r\n$12\r\nsocket.io#/#\r\n:0\r\n");
  settle();
  EQ_STR(subscribed, "");
  EQ(redis_stats().interrupted, 0);
  end();
}

TEST(a_subscription_that_may_not_be_made_is_tried_again) {
  begin_cluster_code(true, (sio_redis_options){ .ping_interval_ms = 20 });
  answer_oddly("SSUBSCRIBE", -1, "-NOPERM no\r\n", -1);
  UNTIL(redis_stats().errors > 10);
  EQ(redis_stats().state, SIO_REDIS_CONNECTING);
  odd_times = 0;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  EQ(redis_stats().failures, 0);
  end_cluster();
}

TEST(a_room_whose_channel_is_refused_is_reported_and_tried_again) {
  begin_cluster_code(true, (sio_redis_options){ .ping_interval_ms = 20 });
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  joined();
  answer_oddly("SSUBSCRIBE", -1, "-NOPERM no\r\n", -1);
  EQ(sio_join(root->members[0], "c"), 0);
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  UNTIL(redis_stats().errors > 10);
  sio_leave(root->members[0], "c"); /* nothing is refused any more */
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  EQ(sio_join(root->members[0], "c"), 0);
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  odd_times = 0;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  EQ(redis_stats().failures, 0);
  end_cluster();
}

TEST(messages_of_an_odd_form_are_ignored) {
  begin_cluster(true);
  struct peer *p = joined();
  struct fake_conn *c = subscriber_of(0) ? subscriber_of(0) : subscriber_of(1);
  fake_say(c, "*3\r\n$8\r\nsmessage\r\n$12\r\nsocket.io#/#\r\n:1\r\n"
              "*4\r\n$8\r\nsmessage\r\n$12\r\nsocket.io#/#\r\n$1\r\nx\r\n$1\r\ny\r\n"
              "*2\r\n$10\r\nssubscribe\r\n$7\r\nunknown\r\n");
  settle();
  EQ(redis_stats().received, 0);
  EQ(redis_stats().state, SIO_REDIS_READY);
  HEARD(p, "");
  end_cluster();
}

TESTS_BEGIN
T(a_malformed_table_of_a_server_that_is_connected_changes_nothing)
T(a_name_with_a_nul_is_no_host)
T(a_host_that_is_unknown_is_the_one_that_was_asked)
T(servers_of_another_name_and_the_same_port_are_others)
T(ports_are_from_1_to_65535)
T(no_more_than_a_thousand_servers_are_remembered)
T(a_table_request_whose_answer_is_lost_is_repeated)
T(servers_that_are_known_are_asked_for_the_table_too)
T(any_allocation_of_a_new_context_may_fail)
T(memory_that_runs_out_after_an_ask_leaves_no_asking_for_another_command)
T(only_commands_of_the_slot_that_has_moved_follow_it)
T(a_redirect_to_a_server_whose_queue_is_full_drops_the_command)
T(a_count_that_is_redirected_ends_the_question)
T(errors_that_are_shorter_than_a_redirect_are_errors)
T(a_command_whose_slot_has_no_server_any_more_is_counted_as_dropped)
T(a_question_to_a_server_that_leaves_is_not_waited_for)
T(a_count_needs_one_server_that_can_be_asked)
T(a_server_that_sends_its_count_elsewhere_does_not_count)
T(a_subscription_leaves_a_server_that_is_not_in_the_table_any_more)
T(a_subscription_that_is_on_its_way_is_not_sent_again_with_each_table)
T(a_subscription_that_could_not_be_sent_keeps_no_server)
T(a_subscription_waits_while_its_slot_has_no_server)
T(the_end_of_a_subscription_is_believed_of_its_own_server_alone)
T(a_single_redis_ends_no_subscription)
T(a_subscription_that_may_not_be_made_is_tried_again)
T(a_room_whose_channel_is_refused_is_reported_and_tried_again)
T(messages_of_an_odd_form_are_ignored)
TESTS_END
