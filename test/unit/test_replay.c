/* SPDX-License-Identifier: MIT
 *
 * test_replay.c - which events of the log a client has missed that returns with an offset.
 */
#include "alloc.h"
#include "core/replay.h"
#include "test.h"
#include <sio/stats.h>

enum { MUCH = 1 << 20 };

static struct replay_log log_;
static struct replay client;
static struct msgs home;

static void begin(size_t max_bytes) {
  alloc_install();
  sio__msg_allocator_init(&home);
  EQ(sio__replay_log_init(&log_, max_bytes), 0);
  client = (struct replay){ 0 };
  sio__replay_set_start_to_newest_event(&client, &log_);
}

static void end(void) {
  sio__replay_free_missed_events(&client);
  sio__replay_log_clear(&log_);
  sio__msg_allocator_clear(&home);
  EQ(alloc_live, 0);
}

/* An event for this room, which the client is sent if it is connected and in the room. */
static void event(const char *room, bool is_sent) {
  struct msg *m = sio__msg_from_bytes(&home, "text", 4);
  const sio_target to = { .rooms = SIO_ROOMS(room) };
  sio__replay_log_add_event(&log_, ++log_.seq, 0, m, &to, NULL);
  msg_unref(m);
  if (is_sent) client.last_sent = log_.seq;
}

static bool is_room_r(const char *room, const void *user) {
  (void)user;
  return strcmp(room, "r") == 0;
}

static int return_with(uint64_t seq) {
  char text[REPLAY_OFFSET_MAX];
  sio_slice offset = slice(text, sio__replay_log_format_event_offset(&log_, seq, text));
  return sio__replay_choose_start(&client, &log_, &offset, is_room_r, NULL);
}

/* Lists the numbers of the missed events, which have one digit. */
static const char *missed(void) {
  static char list[32];
  size_t n = 0;
  const struct replay_log_entry *e = NULL;
  while ((e = sio__replay_find_next_missed(&client, &log_, e, is_room_r, NULL)))
    list[n++] = (char)('0' + e->seq);
  list[n] = '\0';
  return list;
}

TEST(a_client_is_replayed_what_came_after_its_offset_and_is_for_it) {
  begin(MUCH);
  event("r", true);  /* 1 */
  event("r", true);  /* 2 */
  event("r", true);  /* 3: was sent, and did not arrive */
  event("q", false); /* 4 */
  event("r", false); /* 5 */
  EQ(return_with(2), 0);
  EQ_STR(missed(), "35");
  CHECK(sio__replay_has_all_missed_events(&client, &log_));
  end();
}

TEST(a_client_that_received_all_misses_only_what_came_after_it_left) {
  begin(MUCH);
  event("r", true);
  event("q", false);
  sio__replay_set_leave_to_newest_event(&client, &log_);
  event("r", false);
  EQ(return_with(1), 0);
  EQ(client.from, 2);
  EQ_STR(missed(), "3");
  end();
}

TEST(a_client_without_an_offset_is_replayed_everything_since_it_connected) {
  begin(MUCH);
  event("r", false);
  sio__replay_set_start_to_newest_event(&client, &log_);
  event("r", true);
  event("r", true);
  EQ(sio__replay_choose_start(&client, &log_, NULL, is_room_r, NULL), 0);
  EQ_STR(missed(), "23");
  end();
}

TEST(an_offset_before_the_last_replay_does_not_go_back_further_than_the_connection) {
  begin(MUCH);
  event("r", false);
  event("r", false);
  sio__replay_set_start_to_newest_event(&client, &log_);
  event("r", true);
  EQ(return_with(1), 0);
  EQ_STR(missed(), "3");
  end();
}

TEST(an_offset_of_the_future_or_of_no_number_is_refused) {
  const sio_slice none = SLICE("nothing");
  begin(MUCH);
  event("r", true);
  EQ(return_with(2), SIO_RECOVERY_BAD_OFFSET);
  EQ(sio__replay_choose_start(&client, &log_, &none, is_room_r, NULL), SIO_RECOVERY_BAD_OFFSET);
  end();
}

TEST(events_that_were_dropped_are_missed_only_by_clients_that_needed_them) {
  begin(2000);
  for (int i = 0; i < 8; i++) event("r", true);
  CHECK(log_.last_dropped > 1);
  EQ(return_with(1), SIO_RECOVERY_LOG_GONE);
  EQ(return_with(log_.last_dropped), 0);
  CHECK(sio__replay_has_all_missed_events(&client, &log_));
  for (int i = 0; i < 8; i++) event("q", false);
  CHECK(!sio__replay_has_all_missed_events(&client, &log_));
  end();
}

TESTS_BEGIN
T(a_client_is_replayed_what_came_after_its_offset_and_is_for_it)
T(a_client_that_received_all_misses_only_what_came_after_it_left)
T(a_client_without_an_offset_is_replayed_everything_since_it_connected)
T(an_offset_before_the_last_replay_does_not_go_back_further_than_the_connection)
T(an_offset_of_the_future_or_of_no_number_is_refused)
T(events_that_were_dropped_are_missed_only_by_clients_that_needed_them)
TESTS_END
