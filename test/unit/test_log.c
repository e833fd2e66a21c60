/* SPDX-License-Identifier: MIT
 *
 * test_log.c - levels, specs, and lines that a peer cannot forge.
 */
#include "base/log.h"
#include "base/random.h"
#include "base/utf8.h"
#include "test.h"

#include <uv.h>

static int lines, last_level;
static char last_part[16], last_text[2000];

static void on_line(const sio_log_line *l, void *user) {
  ++*(int *)user;
  last_level = l->level;
  snprintf(last_part, sizeof last_part, "%s", l->part);
  snprintf(last_text, sizeof last_text, "%s", l->text);
}

static struct log begin(int level) {
  struct log log;
  lines = 0;
  sio__log_init(&log, on_line, &lines, level);
  return log;
}

TEST(a_line_passes_up_to_the_level_of_its_room) {
  struct log log = begin(SIO_LOG_WARN);
  LOG(&log, SIO_LOG_INFO, SIO_PART_NET, "no");
  sio__log_deliver_lines(&log);
  EQ(lines, 0);
  LOG(&log, SIO_LOG_WARN, SIO_PART_EIO, "peer %d is %s", 7, "gone");
  EQ(lines, 0);
  sio__log_deliver_lines(&log);
  EQ(lines, 1);
  EQ(last_level, SIO_LOG_WARN);
  EQ_STR(last_part, "eio");
  EQ_STR(last_text, "peer 7 is gone");
  log.cb = NULL;
  LOG(&log, SIO_LOG_ERROR, SIO_PART_NET, "no");
  sio__log_deliver_lines(&log);
  EQ(lines, 1);
}

TEST(a_level_out_of_range_is_the_nearest_one) {
  struct log log = begin(-5);
  LOG(&log, SIO_LOG_ERROR, SIO_PART_NET, "no");
  sio__log_deliver_lines(&log);
  EQ(lines, 0);
  log = begin(1000);
  EQ(log.level[SIO_PART_WS], SIO_LOG_TRACE);
}

TEST(every_room_has_a_name) {
  EQ_STR(sio__name_of_log_part(SIO_PART_NET), "net");
  EQ_STR(sio__name_of_log_part(SIO_PART_HTTP), "http");
  EQ_STR(sio__name_of_log_part(SIO_PART_WS), "ws");
  EQ_STR(sio__name_of_log_part(SIO_PART_EIO), "eio");
  EQ_STR(sio__name_of_log_part(SIO_PART_SIO), "sio");
  EQ_STR(sio__name_of_log_part(SIO_PART_ADAPTER), "adapter");
  EQ_STR(sio__name_of_log_part(-1), "?");
  EQ_STR(sio__name_of_log_part(SIO_PART_COUNT), "?");
}

TEST(a_spec_is_read_from_left_to_right) {
  struct log log = begin(SIO_LOG_ERROR);
  EQ(sio__log_set_levels(&log, "info,eio=debug, http = off"), 0);
  for (int part = 0; part < SIO_PART_COUNT; part++)
    EQ(log.level[part], part == SIO_PART_EIO    ? SIO_LOG_DEBUG
                        : part == SIO_PART_HTTP ? SIO_LOG_OFF
                                                : SIO_LOG_INFO);
  EQ(sio__log_set_levels(&log, "adapter=trace"), 0);
  EQ(log.level[SIO_PART_ADAPTER], SIO_LOG_TRACE);
  EQ(log.level[SIO_PART_EIO], SIO_LOG_DEBUG);
  EQ(sio__log_set_levels(&log, "net=error,warn"), 0);
  for (int part = 0; part < SIO_PART_COUNT; part++) EQ(log.level[part], SIO_LOG_WARN);
}

TEST(one_unknown_word_leaves_every_level_as_it_was) {
  static const char *const bad[] = {
    "",
    ",",
    "loud",
    "debug,loud",
    "debug,eio",
    "debug,eio=",
    "debug,=info",
    "trace,door=info",
    "trace,eio=loud",
    "trace,eio=info=info",
    "trace,,info",
    "Debug",
    "trace,eio",
  };
  struct log log = begin(SIO_LOG_ERROR);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    EQ(sio__log_set_levels(&log, bad[i]), UV_EINVAL);
    for (int part = 0; part < SIO_PART_COUNT; part++) EQ(log.level[part], SIO_LOG_ERROR);
  }
  EQ(sio__log_set_levels(&log, NULL), UV_EINVAL);
}

static const char *shown(const char *text) {
  struct log log = begin(SIO_LOG_TRACE);
  LOG(&log, SIO_LOG_TRACE, SIO_PART_SIO, "%s", text);
  sio__log_deliver_lines(&log);
  return last_text;
}

TEST(control_characters_and_bytes_that_are_not_utf8_are_escaped) {
  EQ_STR(shown("a\r\nb"), "a\\x0d\\x0ab");
  EQ_STR(shown("\x1b[2J\x7f\t"), "\\x1b[2J\\x7f\\x09");
  EQ_STR(shown("\xc2\x9b"
               "2J\xc2\xa0"),
         "\\xc2\\x9b"
         "2J\xc2\xa0");
  EQ_STR(shown("h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EQ_STR(shown("\xff\xc0\xaf\xed\xa0\x80\xe2\x82"), "\\xff\\xc0\\xaf\\xed\\xa0\\x80\\xe2\\x82");
  EQ_STR(shown(""), "");
}

TEST(a_long_line_is_cut_between_characters) {
  char text[1200];
  for (size_t before = LOG_LINE - 5; before <= LOG_LINE + 1; before++) {
    memset(text, 'a', before);
    strcpy(text + before, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80 and more");
    const char *line = shown(text);
    size_t n = strlen(line);
    CHECK(n <= LOG_LINE && n > LOG_LINE - 4);
    CHECK(sio__utf8_is_valid(line, n));
    CHECK(strchr(line, '\\') == NULL);
  }
  memset(text, '\n', 600);
  text[600] = '\0';
  EQ(strlen(shown(text)), LOG_LINE);
  memset(text, 'a', LOG_LINE);
  text[LOG_LINE] = '\0';
  EQ(strlen(shown(text)), LOG_LINE);
}

TEST(at_most_64_bytes_of_a_slice_are_shown) {
  struct log log = begin(SIO_LOG_TRACE);
  sio_slice none = { 0 }, some = SLICE("abc");
  char bytes[200];
  memset(bytes, 'x', sizeof bytes);
  sio_slice many = slice(bytes, sizeof bytes);
  LOG(&log, SIO_LOG_INFO, SIO_PART_WS, "<%.*s> <%.*s>", LOG_SLICE(none), LOG_SLICE(some));
  sio__log_deliver_lines(&log);
  EQ_STR(last_text, "<> <abc>");
  LOG(&log, SIO_LOG_INFO, SIO_PART_WS, "%.*s", LOG_SLICE(many));
  sio__log_deliver_lines(&log);
  EQ(strlen(last_text), 64);
}

/* ---- lines that peers cause ---------------------------------------------------------------- */

static void cause(struct log *log, int level, const char *peer, int times) {
  while (times-- > 0)
    LOG_RATED(log, level, SIO_PART_EIO, LOG_ENGINE_REFUSED, peer, "%s", peer ? peer : "");
  sio__log_deliver_lines(log);
}

TEST(what_peers_cause_has_a_rate_and_one_line_says_what_was_left_out) {
  struct log log = begin(SIO_LOG_INFO);
  for (int i = 0; i < 100; i++) {
    char peer[32];
    snprintf(peer, sizeof peer, "10.0.0.%d", i);
    cause(&log, SIO_LOG_WARN, peer, 10);
  }
  EQ(lines, LOG_RATE);
  EQ(log.left_out, 1000 - LOG_RATE);
  CHECK(log.counting);
  sio__log_report_left_out_lines(&log);
  CHECK(!log.counting);
  sio__log_deliver_lines(&log);
  EQ(lines, LOG_RATE + 1);
  EQ(last_level, SIO_LOG_WARN);
  EQ_STR(last_part, "eio");
  EQ_STR(last_text, "refused Engine.IO requests: 990 more log lines of this kind were left out in "
                    "the last second");
  cause(&log, SIO_LOG_WARN, "10.0.0.1", 1);
  EQ(lines, LOG_RATE + 2);
  sio__log_report_left_out_lines(&log);
  sio__log_deliver_lines(&log);
  EQ(lines, LOG_RATE + 2);
}

TEST(one_noisy_address_leaves_lines_for_the_others) {
  struct log log = begin(SIO_LOG_INFO);
  cause(&log, SIO_LOG_WARN, "10.0.0.1", 1000);
  EQ(lines, LOG_RATE_PEER);
  int n = 2;
  char other[32];
  do snprintf(other, sizeof other, "10.0.0.%d", n++);
  while (sio__hash_bytes(other, strlen(other)) % LOG_PEERS ==
         sio__hash_bytes("10.0.0.1", 8) % LOG_PEERS);
  cause(&log, SIO_LOG_WARN, other, 1);
  EQ(lines, LOG_RATE_PEER + 1);
  EQ_STR(last_text, other);
}

TEST(one_kind_of_line_takes_nothing_from_the_others) {
  struct log log = begin(SIO_LOG_INFO);
  cause(&log, SIO_LOG_WARN, NULL, 1000);
  EQ(lines, LOG_RATE);
  LOG_RATED(&log, SIO_LOG_WARN, SIO_PART_HTTP, LOG_REQUEST_REFUSED, NULL, "another");
  sio__log_deliver_lines(&log);
  EQ_STR(last_text, "another");
}

TEST(what_ordinary_peers_do_has_a_higher_rate) {
  struct log log = begin(SIO_LOG_INFO);
  cause(&log, SIO_LOG_INFO, "10.0.0.1", 1000);
  EQ(lines, LOG_RATE_INFO_PEER);
  cause(&log, SIO_LOG_INFO, NULL, 1000);
  EQ(lines, LOG_RATE_INFO);
}

TESTS_BEGIN
T(a_line_passes_up_to_the_level_of_its_room)
T(a_level_out_of_range_is_the_nearest_one)
T(every_room_has_a_name)
T(a_spec_is_read_from_left_to_right)
T(one_unknown_word_leaves_every_level_as_it_was)
T(control_characters_and_bytes_that_are_not_utf8_are_escaped)
T(a_long_line_is_cut_between_characters)
T(at_most_64_bytes_of_a_slice_are_shown)
T(what_peers_cause_has_a_rate_and_one_line_says_what_was_left_out)
T(one_noisy_address_leaves_lines_for_the_others)
T(one_kind_of_line_takes_nothing_from_the_others)
T(what_ordinary_peers_do_has_a_higher_rate)
TESTS_END
