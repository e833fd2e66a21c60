/* SPDX-License-Identifier: MIT */
#include "ws/extension.h"

#include "guard.h"
#include "test.h"

#define PLAIN "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

static const char *negotiate(unsigned bits, const char *header) {
  static char out[WS_ANSWER_MAX];
  struct guard g = { 0 };
  struct ws_deflate have = { .window_bits = bits };
  size_t n = strlen(header);
  bool got = sio__ws_write_answer_to_deflate_offers(&have, slice(guard_put(&g, header, n), n), out);
  guard_clear(&g);
  return got ? out : "none";
}

struct row {
  const char *header, *answer;
};

static void check(unsigned bits, const struct row *rows, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const char *answer = negotiate(bits, rows[i].header);
    EQ_STR(answer, rows[i].answer);
    if (strcmp(answer, rows[i].answer) != 0)
      test__print("for", rows[i].header, strlen(rows[i].header));
  }
}
#define CHECK_ROWS(bits, rows) check(bits, rows, sizeof(rows) / sizeof *(rows))

TEST(what_clients_offer_is_taken_without_context_takeover) {
  static const struct row rows[] = {
    { "permessage-deflate", PLAIN },
    { "permessage-deflate; client_max_window_bits", PLAIN },
    { "permessage-deflate;client_max_window_bits=10", PLAIN },
    { "permessage-deflate; client_max_window_bits=\"15\"", PLAIN },
    { "permessage-deflate; server_no_context_takeover", PLAIN },
    { "permessage-deflate; client_no_context_takeover", PLAIN },
    { " permessage-deflate \t;  server_no_context_takeover ; client_no_context_takeover ", PLAIN },
    { "permessage-deflate; server_max_window_bits=15", PLAIN "; server_max_window_bits=15" },
    { "permessage-deflate; server_max_window_bits = \"1\\5\"",
      PLAIN "; server_max_window_bits=15" },
  };
  CHECK_ROWS(15, rows);
}

TEST(an_offer_that_says_what_it_may_not_is_passed_over) {
  static const struct row rows[] = {
    { "permessage-deflate; server_no_context_takeover=1", "none" },
    { "permessage-deflate; client_no_context_takeover=\"true\"", "none" },
    { "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "none" },
    { "permessage-deflate; client_no_context_takeover; client_no_context_takeover", "none" },
    { "permessage-deflate; client_max_window_bits; client_max_window_bits=9", "none" },
    { "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15", "none" },
    { "permessage-deflate; server_max_window_bits", "none" },
    { "permessage-deflate; server_max_window_bits=7", "none" },
    { "permessage-deflate; server_max_window_bits=16", "none" },
    { "permessage-deflate; server_max_window_bits=1a", "none" },
    { "permessage-deflate; server_max_window_bits=1.", "none" },
    { "permessage-deflate; server_max_window_bits=1\x7f", "none" },
    { "permessage-deflate; server_max_window_bits=015", "none" },
    { "permessage-deflate; server_max_window_bits=1", "none" },
    { "permessage-deflate; server_max_window_bits=150", "none" },
    { "permessage-deflate; server_max_window_bits=-9", "none" },
    { "permessage-deflate; server_max_window_bits=15000000000", "none" },
    { "permessage-deflate; client_max_window_bits=7", "none" },
    { "permessage-deflate; client_max_window_bits=16", "none" },
    { "permessage-deflate; client_max_window_bits=x", "none" },
    { "permessage-deflate; no_such_parameter", "none" },
    { "permessage-deflate; Server_No_Context_Takeover", "none" },
    { "x-webkit-deflate-frame", "none" },
    { "permessage-deflate2", "none" },
    { "Permessage-Deflate", "none" },
  };
  CHECK_ROWS(15, rows);
}

TEST(the_first_offer_that_can_be_taken_is) {
  static const struct row rows[] = {
    { "permessage-deflate; server_max_window_bits=99, permessage-deflate", PLAIN },
    { "x-other; a=b; c, permessage-deflate; client_max_window_bits, permessage-deflate", PLAIN },
    { "permessage-deflate; server_max_window_bits=15, permessage-deflate",
      PLAIN "; server_max_window_bits=15" },
    { "permessage-deflate; unknown=\"x\" , , permessage-deflate", PLAIN },
    { ",permessage-deflate", PLAIN },
    { "a, b, c", "none" },
  };
  CHECK_ROWS(15, rows);
}

TEST(past_broken_grammar_nothing_is_read) {
  static const struct row rows[] = {
    { "", "none" },
    { ",", "none" },
    { ";", "none" },
    { "permessage-deflate;", "none" },
    { "permessage-deflate; =x", "none" },
    { "permessage-deflate; client_max_window_bits=", "none" },
    { "permessage-deflate; client_max_window_bits=\"", "none" },
    { "permessage-deflate; client_max_window_bits=\"10", "none" },
    { "permessage-deflate; client_max_window_bits=\"1\\", "none" },
    { "permessage-deflate; client_max_window_bits=\"\"", "none" },
    { "permessage-deflate; client_max_window_bits=\"1 0\"", "none" },
    { "permessage-deflate client_max_window_bits", "none" },
    { "permessage-deflate; a==b, permessage-deflate", "none" },
    { "x y, permessage-deflate", "none" },
    { "\"permessage-deflate\"", "none" },
    { "permessage-deflate\x01", "none" },
    { "permessage-deflate\xc3\xa9", "none" },
  };
  CHECK_ROWS(15, rows);
}

TEST(a_smaller_window_of_ours_is_said_and_a_smaller_one_of_theirs_declined) {
  static const struct row rows[] = {
    { "permessage-deflate", PLAIN "; server_max_window_bits=10" },
    { "permessage-deflate; server_max_window_bits=15", PLAIN "; server_max_window_bits=10" },
    { "permessage-deflate; server_max_window_bits=10", PLAIN "; server_max_window_bits=10" },
    { "permessage-deflate; server_max_window_bits=9", "none" },
    { "permessage-deflate; server_max_window_bits=8", "none" },
    { "permessage-deflate; server_max_window_bits=9, permessage-deflate",
      PLAIN "; server_max_window_bits=10" },
  };
  CHECK_ROWS(10, rows);
}

TESTS_BEGIN
T(what_clients_offer_is_taken_without_context_takeover)
T(an_offer_that_says_what_it_may_not_is_passed_over)
T(the_first_offer_that_can_be_taken_is)
T(past_broken_grammar_nothing_is_read)
T(a_smaller_window_of_ours_is_said_and_a_smaller_one_of_theirs_declined)
TESTS_END
