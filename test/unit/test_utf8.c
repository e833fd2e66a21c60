/* SPDX-License-Identifier: MIT
 *
 * test_utf8.c - good and bad text; whole, cut at every position, byte by byte; and every
 * sequence of up to three bytes.
 */
#include "base/utf8.h"
#include "guard.h"
#include "test.h"

#define TEXT(s) \
  { s, sizeof(s) - 1 }
struct text {
  const char *p;
  size_t n;
};

static const struct text good[] = {
  TEXT(""),
  TEXT("a"),
  TEXT("\0"),
  TEXT("\x7f"),
  TEXT("plain text of some length, eight by eight"),
  TEXT("\xc2\x80"),
  TEXT("\xdf\xbf"),
  TEXT("\xe0\xa0\x80"),
  TEXT("\xed\x9f\xbf"),
  TEXT("\xee\x80\x80"),
  TEXT("\xef\xbb\xbf"),
  TEXT("\xef\xbf\xbe"),
  TEXT("\xef\xbf\xbf"),
  TEXT("\xf0\x90\x80\x80"),
  TEXT("\xf4\x8f\xbf\xbf"),
  TEXT("\xf3\xa0\x80\x81"),
  TEXT("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"),
  TEXT("1234567\xe2\x82\xac"
       "1234567\xf0\x9f\x98\x80"
       "12345678"),
};

static const struct text bad[] = {
  /* tails without a lead */
  TEXT("\x80"),
  TEXT("\xbf"),
  TEXT("\x80\xbf\x80"),
  TEXT("a\x80"),
  /* overlong */
  TEXT("\xc0\x80"),
  TEXT("\xc0\xaf"),
  TEXT("\xc1\xbf"),
  TEXT("\xe0\x80\x80"),
  TEXT("\xe0\x80\xaf"),
  TEXT("\xe0\x9f\xbf"),
  TEXT("\xf0\x80\x80\x80"),
  TEXT("\xf0\x80\x80\xaf"),
  TEXT("\xf0\x8f\xbf\xbf"),
  TEXT("\xf8\x80\x80\x80\xaf"),
  TEXT("\xfc\x80\x80\x80\x80\xaf"),
  /* surrogates, alone and in pairs */
  TEXT("\xed\xa0\x80"),
  TEXT("\xed\xad\xbf"),
  TEXT("\xed\xae\x80"),
  TEXT("\xed\xaf\xbf"),
  TEXT("\xed\xb0\x80"),
  TEXT("\xed\xbe\x80"),
  TEXT("\xed\xbf\xbf"),
  TEXT("\xed\xa0\x80\xed\xb0\x80"),
  TEXT("\xed\xaf\xbf\xed\xbf\xbf"),
  /* past U+10FFFF */
  TEXT("\xf4\x90\x80\x80"),
  TEXT("\xf5\x80\x80\x80"),
  TEXT("\xf7\xbf\xbf\xbf"),
  TEXT("\xf8\x88\x80\x80\x80"),
  TEXT("\xfb\xbf\xbf\xbf\xbf"),
  TEXT("\xfc\x84\x80\x80\x80\x80"),
  TEXT("\xfd\xbf\xbf\xbf\xbf\xbf"),
  TEXT("\xfe"),
  TEXT("\xff"),
  TEXT("\xfe\xfe\xff\xff"),
  /* leads without their tails */
  TEXT("\xc2 "),
  TEXT("\xc3\xc3\xa9"),
  TEXT("\xe0\xa0 "),
  TEXT("\xe2\x82\xe2\x82\xac"),
  TEXT("\xf0\x90\x80 "),
  TEXT("\xf0\x9f \x98\x80"),
  TEXT("\xf0\x9f\x98\xc2\x80"),
  /* behind text long enough for the fast way */
  TEXT("0123456789abcdef\xff"),
  TEXT("0123456\x80"
       "89abcdef"),
  TEXT("01234567\xc0\x80"
       "01234567"),
  TEXT("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
       "edited"),
};

static utf8_state feed_bytewise(const char *p, size_t n) {
  utf8_state s = 0;
  for (size_t i = 0; i < n; i++) s = sio__utf8_validate_piece(s, p + i, 1);
  return s;
}

/* What feeding gives, whole; and it must not matter how the text is cut. */
static utf8_state feed_all_ways(const struct text *t) {
  struct guard g = { 0 };
  const char *p = guard_put(&g, t->p, t->n);
  utf8_state whole = sio__utf8_validate_piece(0, p, t->n);
  EQ(feed_bytewise(p, t->n), whole);
  EQ(sio__utf8_is_valid(p, t->n), whole == 0);
  guard_clear(&g);
  for (size_t cut = 0; cut <= t->n; cut++) {
    utf8_state s = sio__utf8_validate_piece(0, guard_put(&g, t->p, cut), cut);
    s = sio__utf8_validate_piece(s, NULL, 0);
    EQ(sio__utf8_validate_piece(s, guard_put(&g, t->p + cut, t->n - cut), t->n - cut), whole);
  }
  guard_clear(&g);
  return whole;
}

TEST(good_text_is_whole_however_it_is_cut) {
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) EQ(feed_all_ways(&good[i]), 0);
}

TEST(bad_text_fails_however_it_is_cut_and_stays_failed) {
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    EQ(feed_all_ways(&bad[i]), UTF8_BAD);
    EQ(sio__utf8_validate_piece(UTF8_BAD, "fine", 4), UTF8_BAD);
  }
}

TEST(text_that_ends_inside_a_character_is_open_not_bad) {
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    for (size_t cut = 0; cut < good[i].n; cut++) {
      struct text part = { good[i].p, cut };
      bool inside = ((unsigned char)good[i].p[cut] & 0xc0) == 0x80;
      utf8_state s = feed_all_ways(&part);
      CHECK(s != UTF8_BAD);
      EQ(s != 0, inside);
    }
  }
}

TEST(a_step_is_the_length_of_one_character) {
  EQ(sio__utf8_sequence_length("", 0), 0);
  EQ(sio__utf8_sequence_length("ab", 2), 1);
  EQ(sio__utf8_sequence_length("\0", 1), 1);
  EQ(sio__utf8_sequence_length("\xc3\xa9x", 3), 2);
  EQ(sio__utf8_sequence_length("\xe2\x82\xacx", 4), 3);
  EQ(sio__utf8_sequence_length("\xf0\x9f\x98\x80x", 5), 4);
  EQ(sio__utf8_sequence_length("\xf0\x9f\x98\x80", 3), 0);
}

/* Straight from the definition: decode, then look at the number. */
static size_t plain_step(const unsigned char *p, size_t n) {
  static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  if (n == 0) return 0;
  if (p[0] < 0x80) return 1;
  size_t len = p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
  if (len == 0 || len > n) return 0;
  uint32_t v = p[0] & (0x7fu >> len);
  for (size_t i = 1; i < len; i++) {
    if (p[i] >> 6 != 2) return 0;
    v = v << 6 | (p[i] & 63u);
  }
  return v < least[len] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ? 0 : len;
}

static bool plain_valid(const unsigned char *p, size_t n) {
  size_t len;
  for (; n > 0; p += len, n -= len)
    if ((len = plain_step(p, n)) == 0) return false;
  return true;
}

static bool agrees(const unsigned char *u, size_t n) {
  const char *p = (const char *)u;
  bool valid = plain_valid(u, n);
  return sio__utf8_sequence_length(p, n) == plain_step(u, n) && sio__utf8_is_valid(p, n) == valid &&
         (sio__utf8_validate_piece(0, p, n) == 0) == valid && (feed_bytewise(p, n) == 0) == valid;
}

TEST(every_sequence_of_three_bytes_or_less_agrees_with_the_definition) {
  size_t wrong = 0;
  for (uint32_t v = 0; v < 1u << 24; v++) {
    unsigned char p[3] = { (unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v };
    wrong += !agrees(p, 3);
    if (v < 1u << 16) wrong += !agrees(p + 1, 2);
    if (v < 1u << 8) wrong += !agrees(p + 2, 1);
  }
  EQ(wrong, 0);
}

TEST(every_pair_of_leading_bytes_agrees_for_four) {
  static const unsigned char tails[] = {
    0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff
  };
  size_t wrong = 0, k = sizeof tails;
  for (uint32_t v = 0; v < 65536; v++)
    for (size_t i = 0; i < k * k; i++) {
      unsigned char p[4] = { (unsigned char)(v >> 8), (unsigned char)v, tails[i / k],
                             tails[i % k] };
      wrong += !agrees(p, 4);
    }
  EQ(wrong, 0);
}

/* Bad is told at the first byte that cannot be, not at the end of the character. */
TEST(feeding_fails_at_the_first_impossible_byte) {
  EQ(sio__utf8_validate_piece(0, "\xed\xa0", 2), UTF8_BAD);
  EQ(sio__utf8_validate_piece(0, "\xe0\x9f", 2), UTF8_BAD);
  EQ(sio__utf8_validate_piece(0, "\xf4\x90", 2), UTF8_BAD);
  EQ(sio__utf8_validate_piece(0, "\xf0\x8f", 2), UTF8_BAD);
  EQ(sio__utf8_validate_piece(0, "\xf5", 1), UTF8_BAD);
  EQ(sio__utf8_validate_piece(0, "\xc1", 1), UTF8_BAD);
  CHECK(sio__utf8_validate_piece(0, "\xed\x9f", 2) != UTF8_BAD);
}

TESTS_BEGIN
T(good_text_is_whole_however_it_is_cut)
T(bad_text_fails_however_it_is_cut_and_stays_failed)
T(text_that_ends_inside_a_character_is_open_not_bad)
T(a_step_is_the_length_of_one_character)
T(every_sequence_of_three_bytes_or_less_agrees_with_the_definition)
T(every_pair_of_leading_bytes_agrees_for_four)
T(feeding_fails_at_the_first_impossible_byte)
TESTS_END
