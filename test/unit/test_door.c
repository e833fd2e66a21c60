/* SPDX-License-Identifier: MIT
 *
 * test_door.c - who is let in, who is remembered, and what is told of the others.
 */
#include "net_rig.h"

static struct door door;
static unsigned told;
static sio_rejection last;
static char said[512];
static unsigned lines;

static void on_tell(struct door *d, const sio_rejection *r) {
  CHECK(d == &door);
  told++;
  last = *r;
}

static void on_line(int level, const char *room, const char *line, void *user) {
  (void)user;
  EQ(level, SIO_LOG_WARN);
  EQ_STR(room, "net");
  snprintf(said, sizeof said, "%s", line);
  lines++;
}

static void open_door(unsigned per_s, unsigned burst, unsigned open, unsigned max) {
  told = lines = 0;
  sio__log_init(&net_log, on_line, NULL, SIO_LOG_WARN);
  net_open();
  sio__door_init(&door, &loop, &net_log);
  door.rate = (struct rate){ per_s, burst };
  door.max_open = open;
  door.max_visitors = max;
  door.tell = on_tell;
}

static void close_door(void) {
  sio__door_clear(&door);
  net_close();
}

static struct addr address(const char *text) {
  struct addr a;
  if (!sio__addr_read(&a, slice_str(text))) abort();
  return a;
}

static struct addr nth(unsigned n) {
  char text[20];
  snprintf(text, sizeof text, "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
  return address(text);
}

static int cause;

static uint64_t enter(const char *text, enum visit_kind kind, struct visitor **v) {
  struct addr a = address(text);
  return sio__door_enter(&door, &a, kind, v, &cause);
}

TEST(an_open_door_remembers_nobody) {
  struct visitor *v;
  open_door(0, 0, 0, 10);
  CHECK(!door_counts(&door) && !door_looks(&door));
  EQ(enter("1.2.3.4", VISIT_CONN, &v), 0);
  CHECK(v == NULL);
  EQ(door.visitors.n, 0);
  close_door();
}

TEST(an_address_has_so_many_connections_and_so_many_sessions) {
  struct visitor *v[5];
  open_door(0, 0, 2, 10);
  EQ(enter("1.2.3.4", VISIT_CONN, &v[0]), 0);
  EQ(enter("::ffff:1.2.3.4", VISIT_CONN, &v[1]), 0);
  EQ(enter("1.2.3.4", VISIT_CONN, &v[2]), UINT64_MAX);
  EQ(cause, SIO_REJECT_OPEN);
  CHECK(v[2] == NULL);
  EQ(enter("1.2.3.4", VISIT_SESSION, &v[2]), 0);
  EQ(enter("1.2.3.5", VISIT_CONN, &v[3]), 0);
  sio__visitor_leave(v[0], VISIT_CONN);
  EQ(enter("1.2.3.4", VISIT_CONN, &v[0]), 0);
  EQ(enter("1.2.3.4", VISIT_SESSION, &v[4]), 0);
  EQ(enter("1.2.3.4", VISIT_SESSION, &v[4]), UINT64_MAX);
  EQ(cause, SIO_REJECT_OPEN_SESSIONS);
  close_door();
}

TEST(it_connects_so_often) {
  struct visitor *v;
  open_door(2, 3, 0, 10);
  for (int i = 0; i < 3; i++) {
    EQ(enter("1.2.3.4", VISIT_CONN, &v), 0);
    sio__visitor_leave(v, VISIT_CONN);
  }
  EQ(enter("1.2.3.4", VISIT_CONN, &v), 500);
  EQ(cause, SIO_REJECT_CONNECTS);
  EQ(enter("1.2.3.4", VISIT_SESSION, &v), 0);
  sio__visitor_leave(v, VISIT_SESSION);
  EQ(enter("1.2.3.5", VISIT_CONN, &v), 0);
  sio__visitor_leave(v, VISIT_CONN);
  later(500);
  EQ(enter("1.2.3.4", VISIT_CONN, &v), 0);
  sio__visitor_leave(v, VISIT_CONN);
  close_door();
}

TEST(a_site_of_ipv6_is_one_visitor) {
  struct visitor *v;
  open_door(0, 0, 1, 10);
  EQ(enter("2001:db8::1", VISIT_CONN, &v), 0);
  EQ(enter("2001:db8::ffff", VISIT_CONN, &v), UINT64_MAX);
  EQ(enter("2001:db8:0:1::1", VISIT_CONN, &v), 0);
  close_door();
}

TEST(a_session_costs_its_token_before_it_is_one) {
  struct visitor *v;
  struct addr a = address("1.2.3.4");
  open_door(1, 2, 1, 10);
  EQ(sio__door_knock(&door, &a, VISIT_SESSION, &cause), 0);
  EQ(sio__door_knock(&door, &a, VISIT_SESSION, &cause), 0);
  EQ(sio__door_knock(&door, &a, VISIT_SESSION, &cause), 1000);
  EQ(cause, SIO_REJECT_SESSIONS);
  CHECK(sio__door_hold(&door, &a, VISIT_SESSION, &v) && v);
  struct visitor *w;
  CHECK(!sio__door_hold(&door, &a, VISIT_SESSION, &w));
  later(5000);
  EQ(sio__door_knock(&door, &a, VISIT_SESSION, &cause), UINT64_MAX);
  EQ(cause, SIO_REJECT_OPEN_SESSIONS);
  sio__visitor_leave(v, VISIT_SESSION);
  CHECK(sio__door_hold(&door, &a, VISIT_SESSION, &v) && v);
  close_door();
}

TEST(proxies_and_who_has_no_address_do_not_count) {
  static const char *const proxies[] = { "10.0.0.0/8", NULL };
  const char *bad;
  struct visitor *v;
  struct addr unix_peer = { .kind = ADDR_UNIX };
  open_door(1, 1, 1, 10);
  REQUIRE(sio__addr_set_read(&door.trusted, proxies, &bad) == 0);
  for (int i = 0; i < 5; i++) {
    EQ(enter("10.0.0.1", VISIT_CONN, &v), 0);
    CHECK(v == NULL);
    EQ(sio__door_enter(&door, &unix_peer, VISIT_CONN, &v, &cause), 0);
    CHECK(v == NULL);
  }
  EQ(door.visitors.n, 0);
  sio__addr_set_clear(&door.trusted);
  close_door();
}

TEST(who_did_nothing_for_long_is_forgotten) {
  struct visitor *v, *w;
  open_door(1, 5, 0, 10);
  EQ(enter("1.2.3.4", VISIT_CONN, &v), 0);
  EQ(enter("1.2.3.5", VISIT_CONN, &w), 0);
  sio__visitor_leave(v, VISIT_CONN);
  EQ(door.visitors.n, 2);
  later(4999);
  EQ(door.visitors.n, 2);
  later(1);
  EQ(door.visitors.n, 1);
  sio__visitor_leave(w, VISIT_CONN);
  EQ(sio__door_knock(&door, &(struct addr){ .kind = ADDR_IP }, VISIT_CONN, &cause), 0);
  later(5000);
  EQ(door.visitors.n, 0);
  close_door();
}

TEST(when_the_table_is_full_the_one_longest_unused_goes) {
  struct visitor *v;
  open_door(1, 1, 0, 3);
  for (unsigned i = 0; i < 3; i++) {
    struct addr a = nth(i);
    EQ(sio__door_enter(&door, &a, VISIT_CONN, &v, &cause), 0);
    sio__visitor_leave(v, VISIT_CONN);
  }
  struct addr first = nth(0), second = nth(1), new_one = nth(3);
  CHECK(sio__door_knock(&door, &first, VISIT_CONN, &cause) > 0); /* used again */
  EQ(sio__door_knock(&door, &new_one, VISIT_CONN, &cause), 0);
  EQ(door.visitors.n, 3);
  CHECK(sio__door_knock(&door, &first, VISIT_CONN, &cause) > 0);
  EQ(sio__door_knock(&door, &second, VISIT_CONN, &cause), 0);
  EQ(door.visitors.n, 3);
  EQ(door.uncounted, 0);
  close_door();
}

TEST(when_all_of_it_is_in_use_a_newcomer_is_let_in_and_not_counted) {
  struct visitor *v[3], *w;
  open_door(1, 1, 1, 3);
  for (unsigned i = 0; i < 3; i++) {
    struct addr a = nth(i);
    EQ(sio__door_enter(&door, &a, VISIT_CONN, &v[i], &cause), 0);
  }
  for (int i = 0; i < 1000; i++) {
    EQ(enter("1.2.3.4", VISIT_CONN, &w), 0);
    CHECK(w == NULL);
    sio__visitor_leave(w, VISIT_CONN);
  }
  EQ(door.visitors.n, 3);
  EQ(door.uncounted, 1000);
  sio__visitor_leave(v[1], VISIT_CONN);
  EQ(enter("1.2.3.4", VISIT_CONN, &w), 0);
  CHECK(w != NULL);
  EQ(door.visitors.n, 3);
  close_door();
}

TEST(a_flood_of_addresses_grows_nothing) {
  struct visitor *v;
  open_door(10, 10, 10, 100);
  for (unsigned i = 0; i < 20000; i++) {
    struct addr a = nth(i);
    EQ(sio__door_enter(&door, &a, VISIT_CONN, &v, &cause), 0);
    sio__visitor_leave(v, VISIT_CONN);
  }
  EQ(door.visitors.n, 100);
  CHECK(door.visitors.cap <= 256);
  close_door();
}

TEST(without_memory_a_newcomer_is_not_counted) {
  struct visitor *v;
  for (size_t i = 1; i <= 2; i++) {
    open_door(1, 1, 1, 3);
    alloc_fail_in(i);
    EQ(enter("1.2.3.4", VISIT_CONN, &v), 0);
    CHECK(v == NULL);
    EQ(door.uncounted, 1);
    EQ(enter("1.2.3.4", VISIT_CONN, &v), 0);
    CHECK(v != NULL);
    close_door();
  }
}

TEST(every_refusal_is_counted_and_told_and_some_are_logged) {
  open_door(0, 0, 0, 10);
  for (int i = 0; i < 1000; i++) sio__door_refused(&door, SIO_REJECT_OPEN, "1.2.3.4", "too many");
  EQ(door.refused[SIO_REJECT_OPEN], 1000);
  EQ(told, 1000);
  EQ_STR(last.address, "1.2.3.4");
  EQ(last.cause, SIO_REJECT_OPEN);
  turn();
  EQ(lines, 5);
  EQ_STR(said, "turned away 1.2.3.4: too many");
  sio__door_refused(&door, SIO_REJECT_PROXY, "", "no PROXY header");
  turn();
  EQ(lines, 6);
  EQ_STR(said, "turned away a peer: no PROXY header");
  later(1000);
  EQ(lines, 7);
  EQ_STR(said, "peers turned away: 995 more such lines in the last second");
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
