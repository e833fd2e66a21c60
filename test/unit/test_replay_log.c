/* SPDX-License-Identifier: MIT */
#include "alloc.h"
#include "core/replay_log.h"
#include "test.h"
#include <sio/emit.h>

static struct replay_log log_;
static struct msgs home;

static void begin(size_t max_bytes) {
  alloc_install();
  sio__msg_allocator_init(&home);
  EQ(sio__replay_log_init(&log_, max_bytes), 0);
}

static void end(void) {
  sio__replay_log_clear(&log_);
  sio__msg_allocator_clear(&home);
  EQ(log_.bytes, 0);
  EQ(alloc_live, 0);
}

static void add(uint64_t now, const char *const *rooms, const char *const *except,
                const char *skip) {
  struct msg *m = sio__msg_from_bytes(&home, "text", 4);
  sio_target to = { .rooms = rooms, .except = except };
  sio__replay_log_add_event(&log_, ++log_.seq, now, m, &to, skip);
  msg_unref(m);
}

static bool is_the_room(const char *room, const void *user) { return strcmp(room, user) == 0; }

static bool concerns(const char *room) {
  const struct replay_log_entry *e = sio__replay_log_next_entry(&log_, NULL);
  return sio__replay_log_entry_matches_rooms(e, is_the_room, room);
}

TEST(an_offset_is_read_as_it_was_written) {
  begin(1000);
  static const uint64_t seqs[] = { 0, 1, 9, 10, UINT32_MAX, UINT64_MAX };
  log_.seq = UINT64_MAX;
  for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++) {
    char text[REPLAY_OFFSET_MAX];
    uint64_t got = 1234;
    size_t n = sio__replay_log_format_event_offset(&log_, seqs[i], text);
    CHECK(n <= sizeof text);
    EQ(sio__replay_log_parse_client_offset(&log_, slice(text, n), &got), REPLAY_OFFSET_VALID);
    CHECK(got == seqs[i]);
    for (size_t cut = 0; cut < REPLAY_TAG_LEN + 2; cut++)
      EQ(sio__replay_log_parse_client_offset(&log_, slice(text, cut), &got), REPLAY_OFFSET_INVALID);
  }
  end();
}

TEST(an_offset_of_the_future_is_none_and_another_tag_is_another_log) {
  begin(1000);
  char text[REPLAY_OFFSET_MAX];
  uint64_t seq;
  size_t n = sio__replay_log_format_event_offset(&log_, 1, text);
  EQ(sio__replay_log_parse_client_offset(&log_, slice(text, n), &seq), REPLAY_OFFSET_INVALID);
  log_.seq = 1;
  EQ(sio__replay_log_parse_client_offset(&log_, slice(text, n), &seq), REPLAY_OFFSET_VALID);
  text[0] = '!';
  EQ(sio__replay_log_parse_client_offset(&log_, slice(text, n), &seq), REPLAY_OFFSET_FOREIGN);
  text[REPLAY_TAG_LEN] = '-';
  EQ(sio__replay_log_parse_client_offset(&log_, slice(text, n), &seq), REPLAY_OFFSET_INVALID);
  end();
}

TEST(an_entry_concerns_its_rooms_but_for_those_left_out) {
  begin(1 << 20);
  add(0, NULL, NULL, NULL);
  CHECK(concerns("a"));
  sio__replay_log_clear(&log_);
  add(0, NULL, SIO_ROOMS("a", "b"), "me");
  CHECK(!concerns("a") && !concerns("b") && !concerns("me") && concerns("c"));
  sio__replay_log_clear(&log_);
  add(0, SIO_ROOMS("a", "b"), SIO_ROOMS("b"), NULL);
  CHECK(concerns("a") && !concerns("b") && !concerns("c"));
  sio__replay_log_clear(&log_);
  add(0, (const char *const[]){ NULL }, NULL, NULL);
  CHECK(!concerns("a"));
  end();
}

TEST(entries_are_found_by_number_and_walked_in_order) {
  begin(1 << 20);
  CHECK(sio__replay_log_first_entry_after(&log_, 0) == NULL);
  for (int i = 0; i < 5; i++) add(0, NULL, NULL, NULL);
  for (uint64_t from = 0; from < 5; from++) {
    uint64_t next = from + 1;
    for (const struct replay_log_entry *e = sio__replay_log_first_entry_after(&log_, from); e;
         e = sio__replay_log_next_entry(&log_, e))
      EQ(e->seq, next++);
    EQ(next, 6);
  }
  CHECK(sio__replay_log_first_entry_after(&log_, 5) == NULL);
  end();
}

TEST(the_oldest_are_dropped_first_by_bytes_and_by_time) {
  begin(3000);
  for (uint64_t i = 1; i <= 20; i++) {
    add(i, NULL, NULL, NULL);
    CHECK(log_.bytes <= 3000);
  }
  const struct replay_log_entry *e = sio__replay_log_next_entry(&log_, NULL);
  EQ(e->seq, log_.last_dropped + 1);
  CHECK(log_.last_dropped > 0);
  sio__replay_log_drop_older_than(&log_, 20);
  EQ(log_.last_dropped, 19);
  EQ(sio__replay_log_next_entry(&log_, NULL)->seq, 20);
  end();
}

TEST(what_attachments_take_counts) {
  begin(3000);
  struct msg *m = sio__msg_from_bytes(&home, "text", 4);
  m->next = sio__msg_new(&home, 5000);
  sio__replay_log_add_event(&log_, ++log_.seq, 0, m, &(sio_target){ 0 }, NULL);
  EQ(log_.bytes, 0);
  EQ(log_.last_dropped, 1);
  msg_unref(m);
  end();
}

TEST(without_memory_all_is_dropped) {
  begin(1 << 20);
  add(0, NULL, NULL, NULL);
  struct msg *m = sio__msg_from_bytes(&home, "text", 4);
  alloc_fail_all();
  sio__replay_log_add_event(&log_, ++log_.seq, 0, m, &(sio_target){ 0 }, NULL);
  alloc_fail_in(0);
  EQ(log_.last_dropped, 2);
  EQ(log_.bytes, 0);
  msg_unref(m);
  end();
}

TESTS_BEGIN
T(an_offset_is_read_as_it_was_written)
T(an_offset_of_the_future_is_none_and_another_tag_is_another_log)
T(an_entry_concerns_its_rooms_but_for_those_left_out)
T(entries_are_found_by_number_and_walked_in_order)
T(the_oldest_are_dropped_first_by_bytes_and_by_time)
T(what_attachments_take_counts)
T(without_memory_all_is_dropped)
TESTS_END
