/* SPDX-License-Identifier: MIT
 *
 * test_json.c - what is JSON and what is not, where the elements and placeholders of a text
 * lie, and strings in and out of it. Every text ends at a guard page.
 */
#include "packet/json.h"
#include "packet/json_string.h"

#include <sio/error.h>

#include "alloc.h"
#include "guard.h"
#include "test.h"

#include <uv.h>

static struct guard guard;
static struct json_scan scan;

static int scan_bytes(const void *p, size_t n, unsigned max_depth, size_t *at) {
  return sio__json_scan_text(&scan, slice(guard_put(&guard, p, n), n), max_depth, at);
}

static int scan_text(const char *text) { return scan_bytes(text, strlen(text), 512, NULL); }

static const char *const valid[] = {
  "[]",
  "{}",
  " [ ] ",
  "\t{\n}\r",
  "[1]",
  "[1,2]",
  "[ 1 , 2 ]",
  "[[]]",
  "[[],[]]",
  "[{}]",
  "{\"a\":1}",
  "{\"a\":1,\"b\":2}",
  "{ \"a\" : 1 , \"b\" : 2 }",
  "{\"a\":{}}",
  "{\"a\":[]}",
  "{\"\":0}",
  "{\"a\":1,\"a\":2}",
  "{\"a\":{\"a\":{\"a\":[1,{\"a\":null}]}}}",
  "{\"\\u0000\":1}",
  "{\"\xc3\xa9\":\"\xe2\x82\xac\"}",
  "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
  "[true]",
  "[false]",
  "[null]",
  "[true,false,null]",
  "true",
  "false",
  "null",
  " null ",
  "\"\"",
  "\"a\"",
  "\"abcdefg\"",
  "\"abcdefgh\"",
  "\"abcdefghi\"",
  "\"abcdefghijklmnopqrstuvwxyz0123456789\"",
  "\"\\\"\"",
  "\"\\\\\"",
  "\"\\/\"",
  "\"\\b\\f\\n\\r\\t\"",
  "\"\\u0000\"",
  "\"\\u00e9\"",
  "\"\\uABCD\\uabcd\\uAbCd\"",
  "\"\\ud83d\\ude00\"",
  "\"\\ud83d\"",
  "\"\\ude00\"",
  "\"\\ude00\\ud83d\"",
  "\"\\ud800x\"",
  "\"\\uFFFF\"",
  "\"\x7f\"",
  "\"\xc3\xa9\"",
  "\"\xe2\x82\xac\"",
  "\"\xf0\x9f\x98\x80\"",
  "\"\xe2\x80\xa8\xe2\x80\xa9\"",
  "\"/* no comment */\"",
  "\"\\\\\\\\\\\\\\\\\\\\\"",
  "\"1234567\\\"1234567\\\"\"",
  "\"'\"",
  "0",
  "-0",
  "1",
  "-1",
  "10",
  "1234567890",
  "0.0",
  "0.5",
  "-0.5",
  "1.25",
  "0e0",
  "0E0",
  "1e1",
  "1E1",
  "1e+1",
  "1e-1",
  "1E+01",
  "-1.5e-10",
  "1e999",
  "-1e-999",
  "9007199254740993",
  "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
  "0.00000000000000000000000000000000000000000000000000000000000000000000000000000001",
  "[0,-0,1.0,1e2]",
  "[1\n]",
  "[\n1]",
  "[1,\r\n2]",
  "[\"a\",{\"b\":[1,2,{\"c\":null}]},[[[\"d\"]]]]",
  "[\"echo\",{\"a\":1,\"b\":\"hello world\"}]",
};

static const char *const invalid[] = {
  "",
  " ",
  "\n",
  "[",
  "]",
  "{",
  "}",
  "[}",
  "{]",
  "[1}",
  "{\"a\":1]",
  "[]]",
  "{}}",
  "[][]",
  "{}{}",
  "[],",
  "1 2",
  "1,2",
  "[1 2]",
  "[1,]",
  "[,1]",
  "[,]",
  "[1,,2]",
  "[1;2]",
  "[\"a\" \"b\"]",
  "[\"a\":1]",
  "{1}",
  "{1:1}",
  "{a:1}",
  "{'a':1}",
  "{\"a\"}",
  "{\"a\":}",
  "{\"a\":1,}",
  "{,\"a\":1}",
  "{\"a\" 1}",
  "{\"a\"::1}",
  "{\"a\":1 \"b\":2}",
  "{\"a\":1,,\"b\":2}",
  "{\"a\",\"b\"}",
  "{\"a\":1:2}",
  "{null:1}",
  "{[]:1}",
  "{\"a\":1,2}",
  "tru",
  "truE",
  "True",
  "truee",
  "true1",
  "fals",
  "falsee",
  "nul",
  "nulll",
  "Null",
  "undefined",
  "NaN",
  "-NaN",
  "Infinity",
  "-Infinity",
  "inf",
  "nan",
  "\"",
  "\"a",
  "a\"",
  "\"\\\"",
  "\"\\",
  "\"\\a\"",
  "\"\\'\"",
  "\"\\x41\"",
  "\"\\0\"",
  "\"\\v\"",
  "\"\\B\"",
  "\"\\u\"",
  "\"\\u1\"",
  "\"\\u12\"",
  "\"\\u123\"",
  "\"\\u123g\"",
  "\"\\u 123\"",
  "\"\\u+123\"",
  "\"\\U0041\"",
  "\"\\u00",
  "\"\n\"",
  "\"\t\"",
  "\"\r\"",
  "\"\x01\"",
  "\"\x1f\"",
  "\"1234567\n\"",
  "\"12345678\x1f\"",
  "\"\xc3\xa9\x02\"",
  "'a'",
  "\"a\"b\"",
  "\"a\"\"b\"",
  "-",
  "+1",
  "--1",
  "-a",
  "01",
  "-01",
  "00",
  "0x1",
  "1a",
  "1.",
  ".5",
  "-.5",
  "1..2",
  "1.e1",
  "1.2.3",
  "1e",
  "1E",
  "1e+",
  "1e-",
  "1e1.5",
  "1e1e1",
  "1e+-1",
  "1_000",
  "1,000",
  "[1e]",
  "[-]",
  "[01]",
  "[1.]",
  "[.1]",
  "[tru]",
  "[nul",
  "[\"a]",
  "[\"a\",",
  "[\"a\"",
  "{\"a",
  "{\"a\"",
  "{\"a\":",
  "{\"a\":1",
  "{\"a\":1,",
  "/**/1",
  "1//",
  "[1/**/]",
  "#",
  "\xef\xbb\xbf[]",
  "[]\x0c",
  "\x0b[]",
  "[\xc2\xa0]",
  "\xe2\x80\xa8[]",
  "[\x01]",
  "\x01",
  "*",
  "(1)",
  "[1:2]",
  "[1=2]",
  "@",
  "`a`",
  "[${a}]",
  "{\"a\":1}}",
  "[[1]",
  "[[1]]]",
  "[{]}",
  "{\"a\":[}]",
  "[\"\\\"]",
};

TEST(every_json_text_is_accepted) {
  for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
    int err = scan_text(valid[i]);
    if (err) fprintf(stderr, "%s\n", valid[i]);
    EQ(err, 0);
  }
}

TEST(whatever_is_not_json_is_refused) {
  for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
    int err = scan_text(invalid[i]);
    if (err != SIO_EJSON) fprintf(stderr, "%s\n", invalid[i]);
    EQ(err, SIO_EJSON);
  }
}

TEST(a_nul_neither_ends_a_text_nor_counts_as_blank) {
  EQ(scan_bytes("[]\0", 3, 9, NULL), SIO_EJSON);
  EQ(scan_bytes("\0[]", 3, 9, NULL), SIO_EJSON);
  EQ(scan_bytes("[\0]", 3, 9, NULL), SIO_EJSON);
  EQ(scan_bytes("\"\0\"", 3, 9, NULL), SIO_EJSON);
  EQ(scan_bytes("\"\\\0\"", 4, 9, NULL), SIO_EJSON);
  EQ(scan_bytes("1\0", 2, 9, NULL), SIO_EJSON);
}

/* Numbers are the only texts whose beginning is a text. */
TEST(a_text_cut_anywhere_is_refused) {
  for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
    size_t n = strlen(valid[i]);
    while (n && strchr(" \t\r\n", valid[i][n - 1])) n--;
    if (!strchr("[{\"tfn", valid[i][0])) continue;
    for (size_t cut = 0; cut < n; cut++) {
      int err = scan_bytes(valid[i], cut, 512, NULL);
      if (err != SIO_EJSON) fprintf(stderr, "%.*s\n", (int)cut, valid[i]);
      EQ(err, SIO_EJSON);
    }
  }
}

/* The eight-byte steps see each place of a string once at each place of a step. */
TEST(a_string_ends_where_its_quote_is_wherever_that_is) {
  char text[80];
  for (size_t n = 0; n < 40; n++) {
    for (size_t lead = 0; lead < 9; lead++) {
      memset(text, ' ', lead);
      text[lead] = '"';
      memset(text + lead + 1, 'x', n);
      text[lead + 1 + n] = '"';
      EQ(scan_bytes(text, lead + n + 2, 9, NULL), 0);
      EQ(scan_bytes(text, lead + n + 1, 9, NULL), SIO_EJSON);
      for (size_t i = 0; i < n; i++) {
        size_t at;
        text[lead + 1 + i] = 0x1f;
        EQ(scan_bytes(text, lead + n + 2, 9, &at), SIO_EJSON);
        EQ(at, lead + 1 + i);
        text[lead + 1 + i] = (char)0xc3;
        EQ(scan_bytes(text, lead + n + 2, 9, &at), 0);
        text[lead + 1 + i] = 'x';
      }
    }
  }
}

TEST(an_error_names_the_place) {
  size_t at;
  EQ(scan_bytes("[1,2 x]", 7, 9, &at), SIO_EJSON);
  EQ(at, 5);
  EQ(scan_bytes("[1,[2,", 6, 9, &at), SIO_EJSON);
  EQ(at, 6);
  EQ(scan_bytes("", 0, 9, &at), SIO_EJSON);
  EQ(at, 0);
  EQ(scan_bytes("[[[1]]]", 7, 2, &at), SIO_EDEPTH);
  EQ(at, 2);
}

static size_t nest(char *out, size_t depth) {
  for (size_t i = 0; i < depth; i++) out[i] = '[', out[depth + i] = ']';
  return 2 * depth;
}

TEST(depth_is_counted_to_the_level) {
  char text[4096];
  EQ(scan_bytes(text, nest(text, 512), 512, NULL), 0);
  EQ(scan_bytes(text, nest(text, 513), 512, NULL), SIO_EDEPTH);
  EQ(scan_bytes(text, nest(text, 1), 1, NULL), 0);
  EQ(scan_bytes(text, nest(text, 1), 0, NULL), SIO_EDEPTH);
  EQ(scan_bytes("1", 1, 0, NULL), 0);
  EQ(scan_bytes(text, nest(text, 900), 900, NULL), 0);
  EQ(scan_bytes(text, nest(text, 901), 100000, NULL), SIO_EDEPTH);
  EQ(scan_bytes("[[1],[2],[[3]],{\"a\":[]}]", 24, 3, NULL), 0);
  EQ(scan_bytes("[[1],[2],[[3]],{\"a\":[[]]}]", 26, 3, NULL), SIO_EDEPTH);
}

TEST(a_number_may_have_any_length) {
  static char text[200000];
  memset(text, '7', sizeof text);
  EQ(scan_bytes(text, sizeof text, 9, NULL), 0);
  text[1] = '.';
  text[100000] = 'e';
  EQ(scan_bytes(text, sizeof text, 9, NULL), 0);
  text[150000] = 'e';
  EQ(scan_bytes(text, sizeof text, 9, NULL), SIO_EJSON);
}

#define ARG_IS(text, i, want) \
  EQ_MEM((text) + scan.args[i].off, scan.args[i].len, want, strlen(want))

TEST(the_elements_of_the_outer_array_are_found) {
  const char *text = " [ \"a,]\" ,1.5e3,[1,[2]] , {\"x\":[1,2]},null]";
  REQUIRE(scan_text(text) == 0);
  EQ(scan.first, '[');
  REQUIRE(scan.nargs == 5);
  ARG_IS(text, 0, "\"a,]\"");
  ARG_IS(text, 1, "1.5e3");
  ARG_IS(text, 2, "[1,[2]]");
  ARG_IS(text, 3, "{\"x\":[1,2]}");
  ARG_IS(text, 4, "null");
}

TEST(an_object_outside_has_no_elements) {
  EQ(scan_text("{\"a\":[1,2],\"b\":3}"), 0);
  EQ(scan.nargs, 0);
  EQ(scan.first, '{');
  EQ(scan_text(" \"a\""), 0);
  EQ(scan.first, '"');
  EQ(scan_text("[]"), 0);
  EQ(scan.nargs, 0);
}

static void has_hole(const char *text, unsigned arg, int64_t num) {
  int err = scan_text(text);
  if (err || scan.nplaceholders != 1 || scan.placeholders[0].num != num)
    fprintf(stderr, "%s\n", text);
  EQ(err, 0);
  REQUIRE(scan.nplaceholders == 1);
  EQ(scan.placeholders[0].arg, arg);
  EQ(scan.placeholders[0].num, num);
}

static void has_no_hole(const char *text) {
  int err = scan_text(text);
  if (err || scan.nplaceholders) fprintf(stderr, "%s\n", text);
  EQ(err, 0);
  EQ(scan.nplaceholders, 0);
}

TEST(placeholders_are_found_in_any_depth) {
  const char *text = "[\"a\",{\"x\":[{\"_placeholder\":true,\"num\":3}]}]";
  has_hole(text, 1, 3);
  EQ_MEM(text + scan.placeholders[0].off, scan.placeholders[0].len,
         "{\"_placeholder\":true,\"num\":3}", 29);
  EQ(scan_text("[{\"_placeholder\":true,\"num\":1},{\"num\":0,\"_placeholder\":true}]"), 0);
  REQUIRE(scan.nplaceholders == 2);
  EQ(scan.placeholders[0].arg, 0);
  EQ(scan.placeholders[0].num, 1);
  EQ(scan.placeholders[1].arg, 1);
  EQ(scan.placeholders[1].num, 0);
}

TEST(a_placeholder_is_known_however_it_is_written) {
  has_hole("[{\"\\u005fplaceholder\":true,\"num\":0}]", 0, 0);
  has_hole(
      "[{\"\\u005f\\u0070\\u006c\\u0061\\u0063\\u0065\\u0068\\u006f\\u006c\\u0064\\u0065\\u0072\""
      ":true,\"\\u006e\\u0075\\u006D\":5}]",
      0, 5);
  has_hole(" [ { \"num\" : 2 , \"_placeholder\" : true } ] ", 0, 2);
  has_hole("[{\"_placeholder\":true,\"num\":1,\"more\":[{}]}]", 0, 1);
  has_hole("{\"_placeholder\":true,\"num\":1}", 0, 1);
}

TEST(objects_that_resemble_a_placeholder_are_not_placeholders) {
  has_no_hole("[{\"_placeholder\":false,\"num\":0}]");
  has_no_hole("[{\"_placeholder\":1,\"num\":0}]");
  has_no_hole("[{\"_placeholder\":\"true\",\"num\":0}]");
  has_no_hole("[{\"_placeholder\":[true],\"num\":0}]");
  has_no_hole("[{\"_Placeholder\":true,\"num\":0}]");
  has_no_hole("[{\"_placeholder \":true,\"num\":0}]");
  has_no_hole("[{\"_placeholder\\u0000\":true,\"num\":0}]");
  has_no_hole("[\"_placeholder\",true]");
  has_no_hole("[{\"a\":\"_placeholder\",\"b\":true}]");
}

TEST(the_last_of_equal_keys_counts) {
  has_no_hole("[{\"_placeholder\":true,\"_placeholder\":false}]");
  has_hole("[{\"_placeholder\":false,\"_placeholder\":true,\"num\":0}]", 0, 0);
  has_no_hole("[{\"_placeholder\":true,\"\\u005fplaceholder\":null}]");
  has_hole("[{\"_placeholder\":true,\"num\":0,\"num\":7}]", 0, 7);
  has_hole("[{\"_placeholder\":true,\"num\":0,\"num\":\"x\"}]", 0, -1);
}

TEST(the_number_of_a_placeholder_must_be_an_integer) {
  has_hole("[{\"_placeholder\":true}]", 0, -1);
  has_hole("[{\"_placeholder\":true,\"num\":\"splice\"}]", 0, -1);
  has_hole("[{\"_placeholder\":true,\"num\":-1}]", 0, -1);
  has_hole("[{\"_placeholder\":true,\"num\":0.5}]", 0, -1);
  has_hole("[{\"_placeholder\":true,\"num\":1e300}]", 0, -1);
  has_hole("[{\"_placeholder\":true,\"num\":4294967296}]", 0, -1);
  has_hole("[{\"_placeholder\":true,\"num\":2147483648}]", 0, -1);
  has_hole("[{\"_placeholder\":true,\"num\":null}]", 0, -1);
  has_hole("[{\"_placeholder\":true,\"num\":[0]}]", 0, -1);
  has_hole("[{\"_placeholder\":true,\"num\":2147483647}]", 0, 2147483647);
  has_hole("[{\"_placeholder\":true,\"num\":-0}]", 0, 0);
  has_hole("[{\"_placeholder\":true,\"num\":1e0}]", 0, 1);
  has_hole("[{\"_placeholder\":true,\"num\":20e-1}]", 0, 2);
}

TEST(a_placeholder_inside_another_one_is_ignored) {
  has_hole("[{\"_placeholder\":true,\"num\":1,\"x\":{\"_placeholder\":true,\"num\":2}}]", 0, 1);
  has_hole(
      "[{\"x\":[{\"_placeholder\":true},{\"_placeholder\":true}],\"_placeholder\":true,\"num\":9}]",
      0, 9);
  EQ(scan_text("[{\"_placeholder\":true,\"num\":0},{\"x\":{\"_placeholder\":true},"
               "\"_placeholder\":true,\"num\":1}]"),
     0);
  REQUIRE(scan.nplaceholders == 2);
  EQ(scan.placeholders[0].num, 0);
  EQ(scan.placeholders[1].num, 1);
}

TEST(a_list_is_an_array_without_its_brackets) {
  const char *text = "1,{\"a\":[2]} , \"x\"";
  size_t n = strlen(text);
  REQUIRE(sio__json_scan_unbracketed_list(&scan, slice(guard_put(&guard, text, n), n), 3, NULL) ==
          0);
  REQUIRE(scan.nargs == 3);
  ARG_IS(text, 1, "{\"a\":[2]}");
  EQ(sio__json_scan_unbracketed_list(&scan, slice(text, n), 2, NULL), SIO_EDEPTH);
  EQ(sio__json_scan_unbracketed_list(&scan, slice(text, n), 0, NULL), SIO_EDEPTH);
  EQ(sio__json_scan_unbracketed_list(&scan, SLICE("1]"), 9, NULL), SIO_EJSON);
  EQ(sio__json_scan_unbracketed_list(&scan, SLICE("1,"), 9, NULL), SIO_EJSON);
  EQ(sio__json_scan_unbracketed_list(&scan, SLICE("],[1"), 9, NULL), SIO_EJSON);
  EQ(sio__json_scan_unbracketed_list(&scan, SLICE(""), 9, NULL), SIO_EJSON);
  EQ(sio__json_scan_unbracketed_list(&scan, SLICE("[1],[2]"), 9, NULL), 0);
}

TEST(results_are_reused_and_big_ones_let_go) {
  static char text[40002] = "[", many[200000] = "[";
  size_t n = 1;
  for (int i = 0; i < 20000; i++) text[n++] = '1', text[n++] = ',';
  text[n - 1] = ']';
  alloc_install();
  struct json_scan s = { 0 };
  EQ(sio__json_scan_text(&s, SLICE("[1,2]"), 9, NULL), 0);
  size_t calls = alloc_calls;
  EQ(sio__json_scan_text(&s, SLICE("[3,4,5]"), 9, NULL), 0);
  EQ(alloc_calls, calls);
  EQ(sio__json_scan_text(&s, slice(text, n), 9, NULL), 0);
  EQ(s.nargs, 20000);
  EQ(sio__json_scan_text(&s, SLICE("[1]"), 9, NULL), 0);
  CHECK(s.args_cap < 100);
  n = 1;
  for (int i = 0; i < 5000; i++)
    n += (size_t)sprintf(many + n, "{\"_placeholder\":true,\"num\":1},");
  many[n - 1] = ']';
  EQ(sio__json_scan_text(&s, slice(many, n), 9, NULL), 0);
  EQ(s.nplaceholders, 5000);
  EQ(sio__json_scan_text(&s, SLICE("[1]"), 9, NULL), 0);
  CHECK(s.placeholders_cap < 100);
  sio__json_scan_clear(&s);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

TEST(without_memory_a_scan_fails_and_can_be_repeated) {
  const char *text = "[1,{\"_placeholder\":true,\"num\":0}]";
  alloc_install();
  struct json_scan s = { 0 };
  alloc_fail_in(1);
  EQ(sio__json_scan_text(&s, slice_str(text), 9, NULL), UV_ENOMEM);
  alloc_fail_in(2);
  EQ(sio__json_scan_text(&s, slice_str(text), 9, NULL), UV_ENOMEM);
  EQ(sio__json_scan_text(&s, slice_str(text), 9, NULL), 0);
  EQ(s.nplaceholders, 1);
  sio__json_scan_clear(&s);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

/* ---- strings ---- */

static void unescapes(const char *text, const char *want, size_t want_n) {
  char out[256];
  size_t n = strlen(text);
  EQ(scan_text(text), 0);
  size_t got = sio__json_unescape_string(out, slice(guard_put(&guard, text, n), n));
  EQ_MEM(out, got, want, want_n);
}
#define UNESCAPES(text, want) unescapes(text, want, sizeof(want) - 1)

TEST(escapes_become_the_characters_they_stand_for) {
  UNESCAPES("\"\"", "");
  UNESCAPES("\"plain\"", "plain");
  UNESCAPES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
  UNESCAPES("\"a\\u0000b\"", "a\0b");
  UNESCAPES("\"\\u0041\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
            "A\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
  UNESCAPES("\"\\u00E9\\u00e9\"", "\xc3\xa9\xc3\xa9");
  UNESCAPES("\"\xc3\xa9\\n\xe2\x82\xac\"", "\xc3\xa9\n\xe2\x82\xac");
  UNESCAPES("\"\\\\u0041\"", "\\u0041");
}

TEST(surrogates_pair_up_or_become_replacement_characters) {
  UNESCAPES("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80");
  UNESCAPES("\"\\uD800\\uDC00\\uDBFF\\uDFFF\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
  UNESCAPES("\"\\ud83d\"", "\xef\xbf\xbd");
  UNESCAPES("\"\\ude00\"", "\xef\xbf\xbd");
  UNESCAPES("\"\\ud83dx\"", "\xef\xbf\xbdx");
  UNESCAPES("\"\\ud83d\\n\"", "\xef\xbf\xbd\n");
  UNESCAPES("\"\\ud83d\\u0041\"", "\xef\xbf\xbd\x41");
  UNESCAPES("\"\\ud83d\\uffff\"", "\xef\xbf\xbd\xef\xbf\xbf");
  UNESCAPES("\"\\ud83d\\n and more text\"", "\xef\xbf\xbd\n and more text");
  UNESCAPES("\"\\ud83d and more text\"", "\xef\xbf\xbd and more text");
  UNESCAPES("\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd");
  UNESCAPES("\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80");
}

static void quotes(const char *s, size_t n, const char *want, size_t want_n) {
  char out[512];
  const char *p = guard_put(&guard, s, n);
  EQ(sio__json_quoted_length(slice(p, n)), want_n);
  size_t got = sio__json_quote_string(out, slice(p, n));
  EQ_MEM(out, got, want, want_n);
  EQ(scan_bytes(out, got, 9, NULL), 0);
}
#define QUOTES(s, want) quotes(s, sizeof(s) - 1, want, sizeof(want) - 1)

TEST(only_what_must_be_is_escaped) {
  QUOTES("", "\"\"");
  QUOTES("plain text", "\"plain text\"");
  QUOTES("\"\\/", "\"\\\"\\\\/\"");
  QUOTES("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
  QUOTES("\0\x01\x1f\x7f", "\"\\u0000\\u0001\\u001f\x7f\"");
  QUOTES("\xe2\x80\xa8\xe2\x80\xa9", "\"\xe2\x80\xa8\xe2\x80\xa9\"");
  QUOTES("caf\xc3\xa9 \xf0\x9f\x98\x80 and 16 more bytes",
         "\"caf\xc3\xa9 \xf0\x9f\x98\x80 and 16 more bytes\"");
}

#define FFFD "\xef\xbf\xbd"

TEST(malformed_utf8_becomes_replacement_characters) {
  QUOTES("a\xff"
         "b",
         "\"a" FFFD "b\"");
  QUOTES("\xc3", "\"" FFFD "\"");
  QUOTES("\xe2\x82", "\"" FFFD "\"");
  QUOTES("\xe2\x82x", "\"" FFFD "x\"");
  QUOTES("\xf0\x9f\x98\xc3\xa9", "\"" FFFD "\xc3\xa9\"");
  QUOTES("\xc0\xaf", "\"" FFFD FFFD "\"");
  QUOTES("\xed\xa0\x80", "\"" FFFD FFFD FFFD "\"");
  QUOTES("\xf5\x80", "\"" FFFD FFFD "\"");
  QUOTES("\x80\x80", "\"" FFFD FFFD "\"");
  QUOTES("1234567\xf0", "\"1234567" FFFD "\"");
}

TEST(each_byte_at_each_place_is_quoted_and_comes_back) {
  char text[24], quoted[200], back[200];
  for (size_t n = 1; n < 20; n++)
    for (size_t at = 0; at < n; at++)
      for (int c = 0; c < 0x80; c++) {
        memset(text, 'x', n);
        text[at] = (char)c;
        size_t len = sio__json_quote_string(quoted, slice(guard_put(&guard, text, n), n));
        EQ(len, sio__json_quoted_length(slice(text, n)));
        EQ(scan_bytes(quoted, len, 9, NULL), 0);
        size_t got = sio__json_unescape_string(back, slice(quoted, len));
        EQ_MEM(back, got, text, n);
      }
}

TESTS_BEGIN
T(every_json_text_is_accepted)
T(whatever_is_not_json_is_refused)
T(a_nul_neither_ends_a_text_nor_counts_as_blank)
T(a_text_cut_anywhere_is_refused)
T(a_string_ends_where_its_quote_is_wherever_that_is)
T(an_error_names_the_place)
T(depth_is_counted_to_the_level)
T(a_number_may_have_any_length)
T(the_elements_of_the_outer_array_are_found)
T(an_object_outside_has_no_elements)
T(placeholders_are_found_in_any_depth)
T(a_placeholder_is_known_however_it_is_written)
T(objects_that_resemble_a_placeholder_are_not_placeholders)
T(the_last_of_equal_keys_counts)
T(the_number_of_a_placeholder_must_be_an_integer)
T(a_placeholder_inside_another_one_is_ignored)
T(a_list_is_an_array_without_its_brackets)
T(results_are_reused_and_big_ones_let_go)
T(without_memory_a_scan_fails_and_can_be_repeated)
T(escapes_become_the_characters_they_stand_for)
T(surrogates_pair_up_or_become_replacement_characters)
T(only_what_must_be_is_escaped)
T(malformed_utf8_becomes_replacement_characters)
T(each_byte_at_each_place_is_quoted_and_comes_back)
TESTS_END
