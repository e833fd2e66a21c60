/* SPDX-License-Identifier: MIT
 *
 * test_redis_sentinel.c - the master that sentinels name is found and followed. Node 0 of the rig
 * is a sentinel; 1 and 2 are servers of Redis.
 */
#include "redis_questions.h"

static int master;                /* that the sentinel names */
static bool is_replica[3];        /* what a server says of itself */
static const char *sentinel_says; /* in place of an address */
static char sentinel_url[100], sentinel_login[300];

static void say_address(struct fake_conn *c, int node) {
  char port[10];
  snprintf(port, sizeof port, "%u", fake_ports[node]);
  fake_say(c, "*2\r\n$9\r\n127.0.0.1\r\n");
  fake_bulk(c, slice_str(port));
}

static size_t sentinel_says_n; /* its bytes, if it contains a NUL; else 0 */
static const char *role;       /* in place of what a server says of itself */

static bool special(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (c->node == 0 && (slice_equals_str(w[0], "AUTH") || slice_equals_str(w[0], "SELECT"))) {
    fake_note(sentinel_login, sizeof sentinel_login, w, n);
    fake_say(c, "+OK\r\n");
  } else if (slice_equals_str(w[0], "SENTINEL")) {
    CHECK(slice_equals_str(w[1], "GET-MASTER-ADDR-BY-NAME") && slice_equals_str(w[2], "mymaster"));
    if (sentinel_says)
      fake_put(c, sentinel_says, sentinel_says_n ? sentinel_says_n : strlen(sentinel_says));
    else
      say_address(c, master);
  } else if (slice_equals_str(w[0], "ROLE")) {
    if (role)
      fake_say(c, role);
    else
      fake_say(c, is_replica[c->node] ? "*1\r\n$5\r\nslave\r\n" : "*1\r\n$6\r\nmaster\r\n");
  } else {
    return false;
  }
  return true;
}

static void begin_sentinel_code(sio_redis_options o) {
  for (int i = 0; i < 3; i++) fake_open_node(i);
  fake_special = special;
  master = 1;
  sentinel_says = role = NULL;
  is_replica[1] = is_replica[2] = false;
  sentinel_login[0] = '\0';
  snprintf(sentinel_url, sizeof sentinel_url, "redis+sentinel://127.0.0.1:%u/mymaster/3",
           fake_ports[0]);
  o.url = sentinel_url;
  EQ(begin_code(&o), 0);
}

static void begin_sentinel(sio_redis_options o) {
  begin_sentinel_code(o);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
}

static void end_sentinel(void) {
  fake_special = NULL;
  for (int i = 0; i < 3; i++) fake_close_node(i);
  end();
}

static unsigned conns_of(int node) {
  unsigned n = 0;
  for (int i = 0; i < FAKE_CONNS; i++) n += conns[i].fd >= 0 && conns[i].node == node;
  return n;
}

TEST(the_master_is_asked_for_and_each_login_is_its_own) {
  begin_sentinel((sio_redis_options){
      .username = "u", .password = "p", .sentinel_username = "su", .sentinel_password = "sp" });
  EQ(conns_of(1), 2);
  EQ(conns_of(2), 0);
  UNTIL(conns_of(0) == 0); /* the sentinel is left when it has answered */
  CHECK(strstr(sentinel_login, "AUTH su sp\n"));
  CHECK(!strstr(sentinel_login, "SELECT"));
  CHECK(strstr(login, "AUTH u p\nSELECT 3\n"));
  EQ(redis_stats().switches, 0);
  end_sentinel();
}

TEST(a_new_master_is_followed) {
  begin_sentinel((sio_redis_options){ 0 });
  struct peer *p = joined();
  master = 2;
  fake_close_node(1);
  UNTIL(redis_stats().state == SIO_REDIS_CONNECTING);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  EQ(conns_of(2), 2);
  EQ(redis_stats().switches, 1);
  CHECK(strstr(lines, "the Redis master is now 127.0.0.1 port "));
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(nsaid);
  HEARD(p, "42[\"ev\"] ");
  end_sentinel();
}

TEST(a_server_that_is_no_master_is_not_used) {
  begin_sentinel_code((sio_redis_options){ 0 });
  is_replica[1] = true;
  UNTIL(redis_stats().failures > 4);
  EQ(subscribed[0], '\0');
  CHECK(strstr(lines, "the server does not say that it is a master"));
  is_replica[1] = false;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end_sentinel();
}

TEST(a_server_that_does_not_say_that_it_is_a_master_is_not_used) {
  static const char *const roles[] = { "+master\r\n", "*0\r\n", "*1\r\n:1\r\n", "*-1\r\n",
                                       "*1\r\n$8\r\nsentinel\r\n" };
  for (unsigned i = 0; i < sizeof roles / sizeof *roles; i++) {
    begin_sentinel_code((sio_redis_options){ 0 });
    role = roles[i];
    UNTIL(redis_stats().failures > 2);
    EQ(redis_stats().state, SIO_REDIS_CONNECTING);
    EQ(subscribed[0], '\0');
    role = NULL;
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    end_sentinel();
  }
}

/* A status is a text as well: no Redis says so, but it means the same. */
TEST(a_role_that_is_a_status_is_understood) {
  begin_sentinel_code((sio_redis_options){ 0 });
  role = "*1\r\n+master\r\n";
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end_sentinel();
}

static unsigned longest_wait(void) {
  unsigned most = 0;
  for (const char *at = lines; (at = strstr(at, "ttempt in ")); at++) {
    unsigned ms = (unsigned)strtoul(at + 10, NULL, 10);
    if (ms > most) most = ms;
  }
  return most;
}

/* So that a new master is found soon, however long retry_max_ms is. */
TEST(sentinels_are_asked_once_a_second_at_least) {
  begin_sentinel((sio_redis_options){ .retry_min_ms = 1500, .retry_max_ms = 60000 });
  for (int i = 0; i < 3; i++) {
    clock_ms += 2000;
    lines[0] = '\0';
    fake_cut_node(1);
    UNTIL(strstr(lines, "ttempt in "));
    CHECK(longest_wait() <= 1000 && longest_wait() >= 500);
    UNTIL(redis_stats().state == SIO_REDIS_READY);
  }
  end_sentinel();
}

TEST(a_master_that_becomes_a_replica_without_a_break_is_left) {
  begin_sentinel((sio_redis_options){ .ping_interval_ms = 5 });
  is_replica[1] = true;
  master = 2;
  UNTIL(conns_of(2) == 2 && redis_stats().state == SIO_REDIS_READY);
  CHECK(strstr(lines, "the server does not say any more that it is a master"));
  end_sentinel();
}

/* Redis answers so while a script runs for long: it is still the master. */
TEST(a_master_that_answers_with_an_error_is_not_left) {
  begin_sentinel((sio_redis_options){ .ping_interval_ms = 5 });
  uint64_t connects = redis_stats().connects;
  role = "-BUSY Redis is busy running a script.\r\n";
  UNTIL(redis_stats().errors >= 3);
  EQ(redis_stats().failures, 0);
  EQ(redis_stats().connects, connects);
  EQ(redis_stats().state, SIO_REDIS_READY);
  role = NULL;
  is_replica[1] = true;
  master = 2;
  UNTIL(conns_of(2) == 2 && redis_stats().state == SIO_REDIS_READY);
  end_sentinel();
}

TEST(both_connections_go_to_the_same_master) {
  begin_sentinel((sio_redis_options){ 0 });
  master = 2;
  clock_ms += 2000;
  for (int i = 0; i < FAKE_CONNS; i++)
    if (conns[i].fd >= 0 && conns[i].node == 1 && !conns[i].subscribed) fake_close(&conns[i]);
  UNTIL(conns_of(2) == 2 && redis_stats().state == SIO_REDIS_READY);
  EQ(conns_of(1), 0);
  EQ(redis_stats().switches, 1);
  end_sentinel();
}

static void sentinel_is_refused(const char *answer, const char *line) {
  begin_sentinel_code((sio_redis_options){ 0 });
  sentinel_says = answer;
  UNTIL(strstr(lines, line));
  sentinel_says = NULL;
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  end_sentinel();
}

TEST(what_is_no_answer_of_a_sentinel_is_said_and_asked_for_again) {
  static char long_host[400];
  static const char *const addresses[] = {
    "*2\r\n$1\r\nh\r\n$0\r\n\r\n", /* no port */
    "*2\r\n$1\r\nh\r\n$2\r\n1/\r\n",
    "*2\r\n$1\r\nh\r\n$2\r\n1:\r\n",
    long_host,
  };
  size_t n = (size_t)snprintf(long_host, sizeof long_host, "*2\r\n$256\r\n");
  memset(long_host + n, 'h', 256);
  snprintf(long_host + n + 256, sizeof long_host - n - 256, "\r\n$1\r\n1\r\n");
  for (int i = 0; i < 4; i++)
    sentinel_is_refused(addresses[i], "the sentinel gave an invalid address for the master");
  static const char with_nul[] = "*2\r\n$3\r\nh\0h\r\n$1\r\n1\r\n";
  sentinel_says_n = sizeof with_nul - 1;
  sentinel_is_refused(with_nul, "the sentinel gave an invalid address for the master");
  sentinel_says_n = 0;
  sentinel_is_refused("*2\r\n$1\r\nh\r\n:1\r\n", "the server does not answer as a sentinel");
  sentinel_is_refused("*1\r\n$1\r\nh\r\n", "the server does not answer as a sentinel");
  sentinel_is_refused("*-1\r\n", "the sentinel watches no master with the name in the url");
  sentinel_is_refused("+OK\r\n", "the server does not answer as a sentinel");
  sentinel_is_refused("*2\r\n:1\r\n:2\r\n", "the server does not answer as a sentinel");
  sentinel_is_refused("*2\r\n$1\r\nh\r\n$1\r\nx\r\n",
                      "the sentinel gave an invalid address for the master");
  sentinel_is_refused("*2\r\n$1\r\nh\r\n$6\r\n123456\r\n",
                      "the sentinel gave an invalid address for the master");
  sentinel_is_refused("*2\r\n$0\r\n\r\n$1\r\n1\r\n",
                      "the sentinel gave an invalid address for the master");
  sentinel_is_refused("-ERR no\r\n", "Redis answers with an error: ERR no");
}

TEST(a_master_whose_host_is_not_printable_or_whose_port_is_no_port_is_refused) {
  static const char *const addresses[] = {
    "*2\r\n$3\r\nh\nh\r\n$1\r\n1\r\n",       "*2\r\n$3\r\nh\033h\r\n$1\r\n1\r\n",
    "*2\r\n$3\r\nh h\r\n$1\r\n1\r\n",        "*2\r\n$3\r\nh\x7fh\r\n$1\r\n1\r\n",
    "*2\r\n$2\r\n\xc3\xa4\r\n$1\r\n1\r\n",   "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n",
    "*2\r\n$9\r\n127.0.0.1\r\n$2\r\n01\r\n", "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n65536\r\n",
  };
  for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++)
    sentinel_is_refused(addresses[i], "the sentinel gave an invalid address for the master");
}

TEST(the_next_sentinel_is_asked_if_one_is_away) {
  begin_sentinel_code((sio_redis_options){ 0 });
  end_sentinel();
  for (int i = 0; i < 3; i++) fake_open_node(i);
  fake_special = special;
  char url[100];
  snprintf(url, sizeof url, "redis+sentinel://127.0.0.1:1,127.0.0.1:%u/mymaster", fake_ports[0]);
  EQ(begin_code(&(sio_redis_options){ .url = url }), 0);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  CHECK(strstr(lines,
               "the sentinel 127.0.0.1 port 1 failed: cannot connect: connection refused; next "
               "attempt in"));
  end_sentinel();
}

TEST(it_may_end_at_any_time) {
  for (int turns = 0; turns < 40; turns++) {
    begin_sentinel_code((sio_redis_options){ 0 });
    for (int i = 0; i < turns; i++) pump();
    end_sentinel();
  }
}

TEST(any_allocation_may_fail) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    begin_sentinel_code((sio_redis_options){ .retry_max_ms = 1, .ping_interval_ms = 1 });
    alloc_fail_in(at);
    for (int i = 0; i < 60; i++) pump();
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    UNTIL(redis_stats().state == SIO_REDIS_READY);
    end_sentinel();
  }
}

TESTS_BEGIN
T(the_master_is_asked_for_and_each_login_is_its_own)
T(a_new_master_is_followed)
T(a_server_that_is_no_master_is_not_used)
T(a_server_that_does_not_say_that_it_is_a_master_is_not_used)
T(a_role_that_is_a_status_is_understood)
T(sentinels_are_asked_once_a_second_at_least)
T(a_master_that_becomes_a_replica_without_a_break_is_left)
T(a_master_that_answers_with_an_error_is_not_left)
T(both_connections_go_to_the_same_master)
T(what_is_no_answer_of_a_sentinel_is_said_and_asked_for_again)
T(a_master_whose_host_is_not_printable_or_whose_port_is_no_port_is_refused)
T(the_next_sentinel_is_asked_if_one_is_away)
T(it_may_end_at_any_time)
T(any_allocation_may_fail)
TESTS_END
