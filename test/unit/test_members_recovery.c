/* SPDX-License-Identifier: MIT
 *
 * test_members_recovery.c - clients that lose their connection and return to another one of several
 * servers that serve as one (sio/threads.h).
 */
#include "members_recovery_rig.h"

/* ---- one return ------------------------------------------------------------------------------ */

TEST(a_client_returns_to_another_member_and_is_sent_what_it_missed) {
  struct client c;
  start_members();
  client_start(&c, 0);
  sio_socket *s = sio_test_socket(c.peer);
  EQ(sio_join(s, "red"), 0);
  EQ(sio_socket_set_shared(s, slice_str("{\"name\":\"x\"}")), 0);
  memcpy(sio_socket_data(s), "1234567", 8);
  EQ(sio_broadcast(all_of(2), "seen", SIO_NONE), 0);
  turns(2);
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"seen\"]");
  client_break(&c);
  turns(2);
  sio_target red = all_of(1), blue = all_of(1), but_red = all_of(2), one = all_of(2);
  red.rooms = SIO_ROOMS("red");
  blue.rooms = SIO_ROOMS("blue");
  but_red.except = SIO_ROOMS("red");
  one.rooms = SIO_ROOMS(c.id);
  EQ(sio_broadcast(all_of(0), "a", SIO_ARGS(1)), 0);
  EQ(sio_broadcast(red, "b", SIO_ARGS(sio_bin("\1", 1))), 0);
  EQ(sio_broadcast(blue, "blue", SIO_NONE), 0);
  EQ(sio_broadcast(but_red, "but red", SIO_NONE), 0);
  turns(2);
  EQ(sio_broadcast(one, "c", SIO_NONE), 0);
  turns(2);
  REQUIRE(client_return(&c, 1));
  EXPECT_TEXTS(&c, "[\"a\",1]", "[\"b\",{\"_placeholder\":true,\"num\":0}]", "[\"c\"]");
  s = sio_test_socket(c.peer);
  CHECK(sio_in_room(s, "red") && !sio_in_room(s, "blue"));
  CHECK(slice_equals_str(sio_socket_shared(s), "{\"name\":\"x\"}"));
  EQ_STR((const char *)sio_socket_data(s), "1234567");
  EQ(sio_broadcast(red, "d", SIO_NONE), 0);
  turns(2);
  client_read(&c);
  EXPECT_TEXTS(&c, "[\"d\"]");
  client_break(&c);
  end();
}

TEST(with_messagepack_a_client_is_sent_what_it_missed_by_another_member_too) {
  struct client c;
  how = options();
  how.recovery = &recovery;
  how.parser = sio_parser_msgpack;
  begin_with(how);
  client_start_and_break(&c, 1);
  EQ(sio_broadcast(all_of(0), "a", SIO_ARGS(1, "two", sio_json(SLICE("{\"x\":[null]}")))), 0);
  EQ(sio_broadcast(all_of(2), "b", SIO_ARGS(sio_bin("\1", 1))), 0);
  turns(2);
  REQUIRE(client_return(&c, 1));
  EXPECT_TEXTS(&c, "[\"a\",1,\"two\",{\"x\":[null]}]", "[\"b\",{\"_placeholder\":true,\"num\":0}]");
  client_break(&c);
  turns(2);
  EQ(sio_broadcast(all_of(0), "c", SIO_NONE), 0);
  turns(2);
  REQUIRE(client_return(&c, 2));
  EXPECT_TEXTS(&c, "[\"c\"]");
  client_break(&c);
  end();
}

TEST(a_client_returns_although_its_old_connection_looks_alive) {
  struct client c;
  start_members();
  client_start(&c, 0);
  sio_test_peer *old = c.peer;
  EQ(sio_broadcast(all_of(0), "a", SIO_NONE), 0);
  turns(2);
  REQUIRE(client_return(&c, 2));
  EXPECT_TEXTS(&c, "[\"a\"]");
  CHECK(!sio_test_is_open(old));
  EQ(sio_nsp_count_sockets(roots[0], NULL), 0);
  client_break(&c);
  sio_test_free(old);
  end();
}

TEST(a_client_that_no_member_knows_is_a_new_one) {
  struct client c = { .pid = "AAAAAAAAAAAAAAAAAAAA" }, odd = { .pid = "A" };
  start_members();
  CHECK(!client_return(&c, 0));
  CHECK(sio_test_socket(c.peer));
  EQ(failures(0, SIO_RECOVERY_NO_SESSION), 1);
  CHECK(!client_return(&odd, 1));
  EQ(failures(1, SIO_RECOVERY_NO_SESSION), 1);
  client_break(&c);
  client_break(&odd);
  end();
}

TEST(an_invalid_offset_is_refused_by_the_member_that_has_the_socket) {
  struct client c;
  start_members();
  client_start(&c, 0);
  client_break(&c);
  turns(2);
  strcpy(c.offset, "nonsense");
  CHECK(!client_return(&c, 1));
  EQ(failures(1, SIO_RECOVERY_BAD_OFFSET), 1);
  client_break(&c);
  end();
}

TEST(a_client_that_the_server_disconnected_is_not_recovered) {
  struct client c;
  start_members();
  client_start(&c, 0);
  sio_disconnect(sio_test_socket(c.peer), false);
  turns(2);
  client_break(&c);
  CHECK(!client_return(&c, 1));
  client_break(&c);
  end();
}

/* ---- several returns ------------------------------------------------------------------------- */

TEST(a_client_that_breaks_again_before_it_reads_is_sent_all_once_more) {
  struct client c;
  start_members();
  client_start(&c, 0);
  EQ(sio_broadcast(all_of(1), "a", SIO_NONE), 0);
  turns(2);
  client_read(&c);
  client_break(&c);
  turns(2);
  EQ(sio_broadcast(all_of(1), "b", SIO_NONE), 0);
  turns(2);
  for (int i = 0; i < 4; i++) {
    client_open(&c, (i + 1) % MEMBERS);
    turns(4);
    client_break(&c); /* without having read anything */
    EQ(sio_broadcast(all_of(i % MEMBERS), "c", SIO_ARGS(i)), 0);
    turns(2);
  }
  REQUIRE(client_return(&c, 1));
  EXPECT_TEXTS(&c, "[\"b\"]", "[\"c\",0]", "[\"c\",1]", "[\"c\",2]", "[\"c\",3]");
  client_break(&c);
  REQUIRE(client_return(&c, 0));
  EQ(c.n, 0);
  client_break(&c);
  end();
}

TEST(a_client_that_is_gone_when_its_socket_arrives_may_return_once_more) {
  struct client c;
  start_members();
  client_start(&c, 0);
  client_break(&c);
  turns(2);
  EQ(sio_broadcast(all_of(0), "a", SIO_NONE), 0);
  client_open(&c, 1);
  client_break(&c);
  EQ(sio_broadcast(all_of(0), "b", SIO_NONE), 0);
  turns(4);
  REQUIRE(client_return(&c, 2));
  EXPECT_TEXTS(&c, "[\"a\"]", "[\"b\"]");
  client_break(&c);
  end();
}

/* The second member asks while the record is on its way to the first one. */
TEST(a_client_that_returns_twice_in_a_row_is_recovered_by_the_later_connection) {
  for (int second = 0; second < MEMBERS; second++) {
    struct client c;
    start_members();
    client_start(&c, 0);
    client_break(&c);
    turns(2);
    EQ(sio_broadcast(all_of(0), "a", SIO_NONE), 0);
    client_open(&c, 1);
    sio_test_peer *first = c.peer;
    if (second != 1) turn();
    EQ(sio_broadcast(all_of(2), "b", SIO_NONE), 0);
    client_open(&c, second);
    turns(10);
    sio_socket *s = sio_test_socket(c.peer);
    REQUIRE(s && sio_socket_recovered(s));
    EQ_STR(sio_socket_id(s), c.id);
    client_read(&c);
    EXPECT_TEXTS(&c, "[\"a\"]", "[\"b\"]");
    CHECK(!sio_test_socket(first));
    sio_test_free(first);
    client_break(&c);
    end();
  }
}

/* ---- order ----------------------------------------------------------------------------------- */

static unsigned random_state;
static unsigned below(unsigned n) {
  random_state = random_state * 1103515245u + 12345u;
  return (random_state >> 16) % n;
}

/* Members send numbered broadcasts at any time, also while the state of a client is on its way. */
static void check_numbers(const struct client *c, int *last) {
  for (int i = 0; i < c->n; i++) {
    int from, number;
    REQUIRE(sscanf(c->texts[i], "[\"n\",%d,%d]", &from, &number) == 2);
    EQ(number, last[from] + 1);
    last[from] = number;
  }
}

TEST(each_missed_event_comes_once_and_in_order_whatever_crosses_on_its_way) {
  for (unsigned seed = 1; seed <= 100; seed++) {
    struct client c[2];
    int last[2][MEMBERS] = { { 0 } }, sent[MEMBERS] = { 0 };
    random_state = seed;
    start_members();
    for (int i = 0; i < 2; i++) client_start(&c[i], (int)below(MEMBERS));
    for (int step = 0; step < 120; step++) {
      struct client *k = &c[below(2)];
      int from = (int)below(MEMBERS);
      switch (below(6)) {
        case 0:
        case 1:
          sent[from]++;
          EQ(sio_broadcast(all_of(from), "n", SIO_ARGS(from, sent[from])), 0);
          break;
        case 2: turn(); break;
        case 3:
          if (!k->peer) break;
          client_read(k);
          check_numbers(k, last[k - c]);
          break;
        case 4:
          if (k->peer) client_break(k);
          break;
        default:
          if (!k->peer) client_open(k, (int)below(MEMBERS));
      }
    }
    for (int i = 0; i < 2; i++) {
      if (!c[i].peer) client_open(&c[i], (int)below(MEMBERS));
      turns(10);
      REQUIRE(sio_test_socket(c[i].peer));
      EQ_STR(sio_socket_id(sio_test_socket(c[i].peer)), c[i].id);
      client_read(&c[i]);
      check_numbers(&c[i], last[i]);
      for (int m = 0; m < MEMBERS; m++) EQ(last[i][m], sent[m]);
      client_break(&c[i]);
    }
    end();
  }
}

TESTS_BEGIN
T(a_client_returns_to_another_member_and_is_sent_what_it_missed)
T(with_messagepack_a_client_is_sent_what_it_missed_by_another_member_too)
T(a_client_returns_although_its_old_connection_looks_alive)
T(a_client_that_no_member_knows_is_a_new_one)
T(an_invalid_offset_is_refused_by_the_member_that_has_the_socket)
T(a_client_that_the_server_disconnected_is_not_recovered)
T(a_client_that_breaks_again_before_it_reads_is_sent_all_once_more)
T(a_client_that_is_gone_when_its_socket_arrives_may_return_once_more)
T(a_client_that_returns_twice_in_a_row_is_recovered_by_the_later_connection)
T(each_missed_event_comes_once_and_in_order_whatever_crosses_on_its_way)
TESTS_END
