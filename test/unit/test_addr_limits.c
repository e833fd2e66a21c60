/* SPDX-License-Identifier: MIT
 *
 * test_door.c - who is let in, who is remembered, and what is told of the others.
 */
#include "net_rig.h"

static struct addr_limits addr_limits;
static unsigned told;
static sio_rejection last;
static char said[512];
static unsigned lines;

static void on_tell(struct addr_limits *d, const sio_rejection *r) {
  CHECK(d == &addr_limits);
  told++;
  last = *r;
}

static void on_line(const sio_log_line *l, void *user) {
  (void)user;
  EQ(l->level, SIO_LOG_WARN);
  EQ_STR(l->part, "net");
  snprintf(said, sizeof said, "%s", l->text);
  lines++;
}

static void open_door(unsigned per_s, unsigned burst, unsigned open, unsigned max) {
  told = lines = 0;
  sio__log_init(&net_log, on_line, NULL, SIO_LOG_WARN);
  net_open();
  sio__addr_limits_init(&addr_limits, &loop, &net_log);
  addr_limits.rate = (struct rate){ per_s, burst };
  addr_limits.max_open = open;
  addr_limits.max_records = max;
  addr_limits.on_rejected = on_tell;
}

static void close_door(void) {
  sio__addr_limits_clear(&addr_limits);
  net_close();
}

static struct addr address(const char *text) {
  struct addr a;
  if (!sio__addr_parse(&a, slice_str(text))) abort();
  return a;
}

static struct addr nth(unsigned n) {
  char text[20];
  snprintf(text, sizeof text, "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
  return address(text);
}

static int cause;

static uint64_t enter(const char *text, enum addr_count kind, struct addr_record **v) {
  struct addr a = address(text);
  return sio__addr_limits_admit(&addr_limits, &a, kind, v, &cause);
}

TEST(an_open_door_remembers_nobody) {
  struct addr_record *v;
  open_door(0, 0, 0, 10);
  CHECK(!addr_limits_has_rate_or_max_open(&addr_limits) && !addr_limits_need_address(&addr_limits));
  EQ(enter("1.2.3.4", ADDR_CONNS, &v), 0);
  CHECK(v == NULL);
  EQ(addr_limits.own.records.n, 0);
  close_door();
}

TEST(an_address_has_so_many_connections_and_so_many_sessions) {
  struct addr_record *v[5];
  open_door(0, 0, 2, 10);
  EQ(enter("1.2.3.4", ADDR_CONNS, &v[0]), 0);
  EQ(enter("::ffff:1.2.3.4", ADDR_CONNS, &v[1]), 0);
  EQ(enter("1.2.3.4", ADDR_CONNS, &v[2]), UINT64_MAX);
  EQ(cause, SIO_REJECT_OPEN);
  CHECK(v[2] == NULL);
  EQ(enter("1.2.3.4", ADDR_SESSIONS, &v[2]), 0);
  EQ(enter("1.2.3.5", ADDR_CONNS, &v[3]), 0);
  sio__addr_record_decrement_open_count(v[0], ADDR_CONNS);
  EQ(enter("1.2.3.4", ADDR_CONNS, &v[0]), 0);
  EQ(enter("1.2.3.4", ADDR_SESSIONS, &v[4]), 0);
  EQ(enter("1.2.3.4", ADDR_SESSIONS, &v[4]), UINT64_MAX);
  EQ(cause, SIO_REJECT_OPEN_SESSIONS);
  close_door();
}

TEST(it_connects_so_often) {
  struct addr_record *v;
  open_door(2, 3, 0, 10);
  for (int i = 0; i < 3; i++) {
    EQ(enter("1.2.3.4", ADDR_CONNS, &v), 0);
    sio__addr_record_decrement_open_count(v, ADDR_CONNS);
  }
  EQ(enter("1.2.3.4", ADDR_CONNS, &v), 500);
  EQ(cause, SIO_REJECT_CONNECTS);
  EQ(enter("1.2.3.4", ADDR_SESSIONS, &v), 0);
  sio__addr_record_decrement_open_count(v, ADDR_SESSIONS);
  EQ(enter("1.2.3.5", ADDR_CONNS, &v), 0);
  sio__addr_record_decrement_open_count(v, ADDR_CONNS);
  later(500);
  EQ(enter("1.2.3.4", ADDR_CONNS, &v), 0);
  sio__addr_record_decrement_open_count(v, ADDR_CONNS);
  close_door();
}

TEST(a_site_of_ipv6_is_one_visitor) {
  struct addr_record *v;
  open_door(0, 0, 1, 10);
  EQ(enter("2001:db8::1", ADDR_CONNS, &v), 0);
  EQ(enter("2001:db8::ffff", ADDR_CONNS, &v), UINT64_MAX);
  EQ(enter("2001:db8:0:1::1", ADDR_CONNS, &v), 0);
  close_door();
}

TEST(a_session_costs_its_token_before_it_is_one) {
  struct addr_record *v;
  struct addr a = address("1.2.3.4");
  open_door(1, 2, 1, 10);
  EQ(sio__addr_limits_check_and_charge(&addr_limits, &a, ADDR_SESSIONS, &cause), 0);
  EQ(sio__addr_limits_check_and_charge(&addr_limits, &a, ADDR_SESSIONS, &cause), 0);
  EQ(sio__addr_limits_check_and_charge(&addr_limits, &a, ADDR_SESSIONS, &cause), 1000);
  EQ(cause, SIO_REJECT_SESSIONS);
  CHECK(sio__addr_limits_count_open_if_below_max(&addr_limits, &a, ADDR_SESSIONS, &v) && v);
  struct addr_record *w;
  CHECK(!sio__addr_limits_count_open_if_below_max(&addr_limits, &a, ADDR_SESSIONS, &w));
  later(5000);
  EQ(sio__addr_limits_check_and_charge(&addr_limits, &a, ADDR_SESSIONS, &cause), UINT64_MAX);
  EQ(cause, SIO_REJECT_OPEN_SESSIONS);
  sio__addr_record_decrement_open_count(v, ADDR_SESSIONS);
  CHECK(sio__addr_limits_count_open_if_below_max(&addr_limits, &a, ADDR_SESSIONS, &v) && v);
  close_door();
}

TEST(proxies_and_who_has_no_address_do_not_count) {
  static const char *const proxies[] = { "10.0.0.0/8", NULL };
  const char *bad;
  struct addr_record *v;
  struct addr unix_peer = { .kind = ADDR_UNIX };
  open_door(1, 1, 1, 10);
  REQUIRE(sio__addr_set_parse(&addr_limits.trusted, proxies, &bad) == 0);
  for (int i = 0; i < 5; i++) {
    EQ(enter("10.0.0.1", ADDR_CONNS, &v), 0);
    CHECK(v == NULL);
    EQ(sio__addr_limits_admit(&addr_limits, &unix_peer, ADDR_CONNS, &v, &cause), 0);
    CHECK(v == NULL);
  }
  EQ(addr_limits.own.records.n, 0);
  sio__addr_set_clear(&addr_limits.trusted);
  close_door();
}

TEST(who_did_nothing_for_long_is_forgotten) {
  struct addr_record *v, *w;
  open_door(1, 5, 0, 10);
  EQ(enter("1.2.3.4", ADDR_CONNS, &v), 0);
  EQ(enter("1.2.3.5", ADDR_CONNS, &w), 0);
  sio__addr_record_decrement_open_count(v, ADDR_CONNS);
  EQ(addr_limits.own.records.n, 2);
  later(4999);
  EQ(addr_limits.own.records.n, 2);
  later(1);
  EQ(addr_limits.own.records.n, 1);
  sio__addr_record_decrement_open_count(w, ADDR_CONNS);
  EQ(sio__addr_limits_check_and_charge(&addr_limits, &(struct addr){ .kind = ADDR_IP }, ADDR_CONNS,
                                       &cause),
     0);
  later(5000);
  EQ(addr_limits.own.records.n, 0);
  close_door();
}

TEST(when_the_table_is_full_the_one_longest_unused_goes) {
  struct addr_record *v;
  open_door(1, 1, 0, 3);
  for (unsigned i = 0; i < 3; i++) {
    struct addr a = nth(i);
    EQ(sio__addr_limits_admit(&addr_limits, &a, ADDR_CONNS, &v, &cause), 0);
    sio__addr_record_decrement_open_count(v, ADDR_CONNS);
  }
  struct addr first = nth(0), second = nth(1), new_one = nth(3);
  CHECK(sio__addr_limits_check_and_charge(&addr_limits, &first, ADDR_CONNS, &cause) >
        0); /* used again */
  EQ(sio__addr_limits_check_and_charge(&addr_limits, &new_one, ADDR_CONNS, &cause), 0);
  EQ(addr_limits.own.records.n, 3);
  CHECK(sio__addr_limits_check_and_charge(&addr_limits, &first, ADDR_CONNS, &cause) > 0);
  EQ(sio__addr_limits_check_and_charge(&addr_limits, &second, ADDR_CONNS, &cause), 0);
  EQ(addr_limits.own.records.n, 3);
  EQ(addr_limits.not_counted, 0);
  close_door();
}

TEST(when_all_of_it_is_in_use_a_newcomer_is_let_in_and_not_counted) {
  struct addr_record *v[3], *w;
  open_door(1, 1, 1, 3);
  for (unsigned i = 0; i < 3; i++) {
    struct addr a = nth(i);
    EQ(sio__addr_limits_admit(&addr_limits, &a, ADDR_CONNS, &v[i], &cause), 0);
  }
  for (int i = 0; i < 1000; i++) {
    EQ(enter("1.2.3.4", ADDR_CONNS, &w), 0);
    CHECK(w == NULL);
    sio__addr_record_decrement_open_count(w, ADDR_CONNS);
  }
  EQ(addr_limits.own.records.n, 3);
  EQ(addr_limits.not_counted, 1000);
  sio__addr_record_decrement_open_count(v[1], ADDR_CONNS);
  EQ(enter("1.2.3.4", ADDR_CONNS, &w), 0);
  CHECK(w != NULL);
  EQ(addr_limits.own.records.n, 3);
  close_door();
}

TEST(a_flood_of_addresses_grows_nothing) {
  struct addr_record *v;
  open_door(10, 10, 10, 100);
  for (unsigned i = 0; i < 20000; i++) {
    struct addr a = nth(i);
    EQ(sio__addr_limits_admit(&addr_limits, &a, ADDR_CONNS, &v, &cause), 0);
    sio__addr_record_decrement_open_count(v, ADDR_CONNS);
  }
  EQ(addr_limits.own.records.n, 100);
  CHECK(addr_limits.own.records.cap <= 256);
  close_door();
}

TEST(without_memory_a_newcomer_is_not_counted) {
  struct addr_record *v;
  for (size_t i = 1; i <= 2; i++) {
    open_door(1, 1, 1, 3);
    alloc_fail_in(i);
    EQ(enter("1.2.3.4", ADDR_CONNS, &v), 0);
    CHECK(v == NULL);
    EQ(addr_limits.not_counted, 1);
    EQ(enter("1.2.3.4", ADDR_CONNS, &v), 0);
    CHECK(v != NULL);
    close_door();
  }
}

TEST(every_refusal_is_counted_and_told_and_some_are_logged) {
  open_door(0, 0, 0, 10);
  for (int i = 0; i < 1000; i++)
    sio__addr_limits_report_refusal(&addr_limits, SIO_REJECT_OPEN, "1.2.3.4", "too many");
  EQ(addr_limits.refused[SIO_REJECT_OPEN], 1000);
  EQ(told, 1000);
  EQ_STR(last.address, "1.2.3.4");
  EQ(last.cause, SIO_REJECT_OPEN);
  turn();
  EQ(lines, 5);
  EQ_STR(said, "rejected 1.2.3.4: too many");
  sio__addr_limits_report_refusal(&addr_limits, SIO_REJECT_PROXY, "", "no PROXY header");
  turn();
  EQ(lines, 6);
  EQ_STR(said, "rejected a peer: no PROXY header");
  later(1000);
  EQ(lines, 7);
  EQ_STR(said, "rejected peers: 995 more log lines of this kind were left out in the last second");
  later(1000);
  EQ(lines, 7);
  close_door();
}

TESTS_BEGIN
T(an_open_door_remembers_nobody)
T(an_address_has_so_many_connections_and_so_many_sessions)
T(it_connects_so_often)
T(a_site_of_ipv6_is_one_visitor)
T(a_session_costs_its_token_before_it_is_one)
T(proxies_and_who_has_no_address_do_not_count)
T(who_did_nothing_for_long_is_forgotten)
T(when_the_table_is_full_the_one_longest_unused_goes)
T(when_all_of_it_is_in_use_a_newcomer_is_let_in_and_not_counted)
T(a_flood_of_addresses_grows_nothing)
T(without_memory_a_newcomer_is_not_counted)
T(every_refusal_is_counted_and_told_and_some_are_logged)
TESTS_END
