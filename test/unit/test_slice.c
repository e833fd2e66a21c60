/* SPDX-License-Identifier: MIT
 *
 * test_slice.c - comparing and cutting borrowed bytes.
 */
#include "base/slice.h"
#include "guard.h"
#include "test.h"

TEST(equality_looks_at_bytes_and_length) {
  CHECK(slice_eq(SLICE("abc"), SLICE("abc")));
  CHECK(!slice_eq(SLICE("abc"), SLICE("abd")));
  CHECK(!slice_eq(SLICE("abc"), SLICE("ab")));
  CHECK(slice_eq(slice(NULL, 0), SLICE("")));
  CHECK(!slice_equals_str(SLICE("a\0"), "a"));
  CHECK(slice_starts_with(SLICE("abc"), SLICE("ab")));
  CHECK(slice_starts_with(SLICE("abc"), slice(NULL, 0)));
  CHECK(!slice_starts_with(SLICE("ab"), SLICE("abc")));
}

TEST(case_is_ignored_for_ascii_letters_only) {
  CHECK(sio__slice_equals_ignore_case(SLICE("WebSocket"), SLICE("wEBsOCKET")));
  CHECK(sio__slice_equals_ignore_case(SLICE(""), slice(NULL, 0)));
  CHECK(!sio__slice_equals_ignore_case(SLICE("a"), SLICE("ab")));
  for (int c = 0; c < 256; c++) {
    char a = (char)c, b = (char)(c ^ 0x20);
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    EQ(sio__slice_equals_ignore_case(slice(&a, 1), slice(&b, 1)), letter);
  }
}

TEST(a_pair_is_found_by_its_first_half) {
  static const char pairs[] = "js\0text\0"
                              "201\0Created\0"
                              "empty\0\0"
                              "css\0style\0";
  EQ_STR(sio__find_value_in_pairs(pairs, SLICE("js")), "text");
  EQ_STR(sio__find_value_in_pairs(pairs, SLICE("JS")), "text");
  EQ_STR(sio__find_value_in_pairs(pairs, SLICE("201")), "Created");
  EQ_STR(sio__find_value_in_pairs(pairs, SLICE("empty")), "");
  EQ_STR(sio__find_value_in_pairs(pairs, SLICE("css")), "style");
  CHECK(sio__find_value_in_pairs(pairs, SLICE("text")) == NULL);
  CHECK(sio__find_value_in_pairs(pairs, SLICE("j")) == NULL);
  CHECK(sio__find_value_in_pairs(pairs, SLICE("")) == NULL);
  CHECK(sio__find_value_in_pairs("", SLICE("js")) == NULL);
}

TEST(trimming_takes_spaces_and_tabs_off_both_ends) {
  CHECK(slice_equals_str(sio__slice_trim(SLICE(" \t a b\t ")), "a b"));
  CHECK(slice_equals_str(sio__slice_trim(SLICE("ab")), "ab"));
  EQ(sio__slice_trim(SLICE(" \t ")).n, 0);
  EQ(sio__slice_trim(slice(NULL, 0)).n, 0);
  CHECK(slice_equals_str(sio__slice_trim(SLICE("\r\n")), "\r\n"));
}

TEST(splitting_gives_each_part_once) {
  sio_slice rest = SLICE("a,,bc,"), part;
  CHECK(sio__slice_split(&rest, ',', &part) && slice_equals_str(part, "a"));
  CHECK(sio__slice_split(&rest, ',', &part) && slice_equals_str(part, ""));
  CHECK(sio__slice_split(&rest, ',', &part) && slice_equals_str(part, "bc"));
  CHECK(!sio__slice_split(&rest, ',', &part));
  rest = SLICE("x");
  CHECK(sio__slice_split(&rest, ',', &part) && slice_equals_str(part, "x"));
  CHECK(!sio__slice_split(&rest, ',', &part));
  rest = slice(NULL, 0);
  CHECK(!sio__slice_split(&rest, ',', &part));
  rest = SLICE("\xff"
               "a");
  CHECK(sio__slice_split(&rest, (char)0xff, &part) && part.n == 0);
  CHECK(slice_equals_str(rest, "a"));
}

TEST(a_token_is_found_as_a_whole_element) {
  sio_slice h = SLICE("keep-alive , \tUpgrade,,x");
  CHECK(sio__slice_has_token(h, SLICE("upgrade")));
  CHECK(sio__slice_has_token(h, SLICE("Keep-Alive")));
  CHECK(sio__slice_has_token(h, SLICE("x")));
  CHECK(!sio__slice_has_token(h, SLICE("grade")));
  CHECK(!sio__slice_has_token(h, SLICE("upgrade,")));
  CHECK(!sio__slice_has_token(h, SLICE("")));
  CHECK(!sio__slice_has_token(slice(NULL, 0), SLICE("x")));
}

TEST(a_number_is_digits_that_fit) {
  uint64_t v = 7;
  CHECK(sio__slice_parse_u64(SLICE("0"), &v) && v == 0);
  CHECK(sio__slice_parse_u64(SLICE("00042"), &v) && v == 42);
  CHECK(sio__slice_parse_u64(SLICE("18446744073709551615"), &v) && v == UINT64_MAX);
  v = 7;
  const char *bad[] = { "",
                        "-1",
                        "+1",
                        " 1",
                        "1 ",
                        "0x1",
                        "1.0",
                        "1\xb2",
                        "18446744073709551616",
                        "184467440737095516150",
                        "99999999999999999999999" };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(!sio__slice_parse_u64(slice_str(bad[i]), &v));
  CHECK(!sio__slice_parse_u64(SLICE("1\0"), &v));
  EQ(v, 7);
}

TEST(nothing_past_the_end_is_read) {
  struct guard g = { 0 };
  sio_slice part, h = SLICE("gzip, a");
  h.p = guard_put(&g, h.p, h.n);
  CHECK(!sio__slice_has_token(h, SLICE("ab")));
  CHECK(sio__slice_has_token(h, SLICE("a")));
  while (sio__slice_split(&h, ',', &part)) CHECK(sio__slice_trim(part).n > 0);
  uint64_t v;
  CHECK(sio__slice_parse_u64(slice(guard_put(&g, "123", 3), 3), &v) && v == 123);
  CHECK(sio__slice_equals_ignore_case(slice(guard_put(&g, "ab", 2), 2), SLICE("AB")));
  guard_clear(&g);
}

TEST(a_c_string_is_a_slice_and_null_an_empty_one) {
  EQ_MEM(sio_text("abc").p, sio_text("abc").n, "abc", 3);
  EQ(sio_text("").n, 0);
  EQ(sio_text(NULL).n, 0);
}

TESTS_BEGIN
T(a_c_string_is_a_slice_and_null_an_empty_one)
T(equality_looks_at_bytes_and_length)
T(case_is_ignored_for_ascii_letters_only)
T(a_pair_is_found_by_its_first_half)
T(trimming_takes_spaces_and_tabs_off_both_ends)
T(splitting_gives_each_part_once)
T(a_token_is_found_as_a_whole_element)
T(a_number_is_digits_that_fit)
T(nothing_past_the_end_is_read)
TESTS_END
