/* SPDX-License-Identifier: MIT
 *
 * test_redis_lives.c - a dynamic namespace ends and begins again while messages that it published
 * in its first life are on their way: they are this server's own.
 */
#include "redis_streams_rig.h"

static sio_nsp *parent;

static void in_child(void (*use)(sio_target to)) {
  sio_nsp *child = sio_nsp_find(srv, "/d-1");
  CHECK(child != NULL);
  if (child) use((sio_target){ .nsp = child });
}

static struct peer *joined_child(void) {
  struct peer *p = peer_new();
  say(p, "40/d-1,");
  settle();
  CHECK(strncmp(heard(p), "40/d-1,", 7) == 0);
  return p;
}

static void leave_child(struct peer *p) {
  say(p, "41/d-1,");
  settle();
  CHECK(sio_nsp_find(srv, "/d-1") == NULL);
}

static void broadcast(sio_target to) { sio_broadcast(to, "ev", SIO_NONE); }
static void disconnect_all(sio_target to) { sio_all_disconnect(to, false); }

/* ---- streams --------------------------------------------------------------------------------- */

static void entry_is_not_read_as_another_servers(const sio_recovery *recovery) {
  sharded = false;
  begin_streams(recovery);
  EQ(sio_of_pattern(srv, "/d-*", &parent), 0);
  struct peer *p = joined_child();
  hold_reads = true;
  in_child(broadcast);
  UNTIL(nentries == 1);
  leave_child(p);
  p = joined_child();
  hold_reads = false;
  feed_reader();
  settle();
  EQ(redis_stats().received, 1);
  HEARD(p, "");
  in_child(broadcast);
  UNTIL(redis_stats().received == 2);
  settle();
  HEARD(p, recovery ? "42/d-1,[\"ev\",\"7-2\"] " : "42/d-1,[\"ev\"] ");
  EQ(redis_stats().queued, 0);
  end();
}

TEST(an_entry_of_the_first_life_is_not_delivered_once_more) {
  entry_is_not_read_as_another_servers(NULL);
}

TEST(an_entry_of_the_first_life_is_not_delivered_once_more_with_recovery) {
  entry_is_not_read_as_another_servers(&normal);
}

TEST(a_disconnect_of_the_first_life_does_not_end_sockets_of_the_second) {
  sharded = false;
  begin_streams(NULL);
  EQ(sio_of_pattern(srv, "/d-*", &parent), 0);
  struct peer *p = joined_child();
  hold_reads = true;
  in_child(disconnect_all);
  UNTIL(nentries == 1);
  settle();
  HEARD(p, "41/d-1, ");
  p = joined_child();
  hold_reads = false;
  feed_reader();
  settle();
  EQ(redis_stats().received, 1);
  HEARD(p, "");
  end();
}

/* The namespace is not there when its entry is read. */
TEST(an_entry_of_a_namespace_that_has_ended_is_forgotten_when_it_is_read) {
  sharded = false;
  begin_streams(NULL);
  EQ(sio_of_pattern(srv, "/d-*", &parent), 0);
  struct peer *p = joined_child();
  hold_reads = true;
  in_child(broadcast);
  UNTIL(nentries == 1);
  settle();
  leave_child(p);
  hold_reads = false;
  feed_reader();
  UNTIL(redis_stats().received == 1);
  EQ(redis_stats().queued, 0);
  end();
}

/* The stream closes with its last adapter. Other servers remember the last number of this one. */
TEST(entries_are_numbered_on_when_the_stream_is_opened_again) {
  static sio_options o;
  sharded = false;
  begin_streams(NULL);
  broadcast((sio_target){ .nsp = root });
  UNTIL(nentries == 1);
  server_gone();
  closed = false;
  o = (sio_options){ .adapter = sio_redis_streams_adapter, .adapter_user = &cluster };
  EQ(sio_server_new(&loop, &o, &srv), 0);
  EQ(sio_of(srv, "/", &root), 0);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  broadcast((sio_target){ .nsp = root });
  UNTIL(nentries == 2);
  EQ_STR(entries[0].uid, entries[1].uid);
  CHECK(strtoul(entries[1].seq, NULL, 10) > strtoul(entries[0].seq, NULL, 10));
  settle();
  end();
}

/* ---- channels -------------------------------------------------------------------------------- */

static void message_is_not_taken_for_another_servers(bool of_sharded) {
  static struct published sent;
  streams = false;
  fake_special = NULL;
  sharded = of_sharded;
  cluster.subscription_mode = SIO_REDIS_STATIC;
  begin(NULL);
  EQ(sio_of_pattern(srv, "/d-*", &parent), 0);
  struct peer *p = joined_child();
  in_child(broadcast);
  UNTIL(nsaid == 1);
  HEARD(p, "42/d-1,[\"ev\"] ");
  sent = said[0];
  leave_child(p);
  p = joined_child();
  uint64_t before = redis_stats().received;
  if (of_sharded) {
    push(sent.channel, slice_str(sent.payload));
  } else {
    static char bytes[2048];
    size_t n = strlen(sent.payload) / 2;
    for (size_t i = 0; i < n; i++) {
      unsigned byte;
      sscanf(sent.payload + 2 * i, "%2x", &byte);
      bytes[i] = (char)byte;
    }
    struct fake_conn *c = subscriber();
    fake_say(c, "*4\r\n");
    fake_bulk(c, SLICE("pmessage"));
    fake_bulk(c, SLICE("socket.io#/d-1#*"));
    fake_bulk(c, slice_str(sent.channel));
    fake_bulk(c, slice(bytes, n));
  }
  UNTIL(redis_stats().received == before + 1);
  settle();
  EQ(redis_stats().malformed, 0);
  HEARD(p, "");
  end();
}

TEST(a_classic_message_of_the_first_life_is_not_delivered_once_more) {
  message_is_not_taken_for_another_servers(false);
}

TEST(a_sharded_message_of_the_first_life_is_not_delivered_once_more) {
  message_is_not_taken_for_another_servers(true);
}

TESTS_BEGIN
T(an_entry_of_the_first_life_is_not_delivered_once_more)
T(an_entry_of_the_first_life_is_not_delivered_once_more_with_recovery)
T(a_disconnect_of_the_first_life_does_not_end_sockets_of_the_second)
T(an_entry_of_a_namespace_that_has_ended_is_forgotten_when_it_is_read)
T(entries_are_numbered_on_when_the_stream_is_opened_again)
T(a_classic_message_of_the_first_life_is_not_delivered_once_more)
T(a_sharded_message_of_the_first_life_is_not_delivered_once_more)
TESTS_END
