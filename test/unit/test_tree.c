/* SPDX-License-Identifier: MIT
 *
 * test_tree.c - cJSON trees from text that peers send, and text from trees that hosts build.
 */
#include "packet/tree.h"

#include <limits.h>
#include <locale.h>
#include <math.h>
#include <sio/error.h>

#include "alloc.h"
#include "guard.h"
#include "test.h"

#include <cjson/cJSON.h>
#include <uv.h>

static struct guard guard;
static struct msgs home;
static struct json_scan scan;

static cJSON *parse(const char *text) {
  size_t n = strlen(text);
  return sio__tree_from_json(slice(guard_put(&guard, text, n), n));
}

static int print(const cJSON *t, unsigned depth, struct msg **m) {
  *m = sio__msg_new(&home, 1);
  return sio__tree_append_as_json_to_msg(m, t, &scan, depth, false);
}

static void prints_as(const cJSON *t, const char *want) {
  struct msg *m;
  sio__msg_allocator_init(&home);
  EQ(print(t, JSON_DEPTH_MAX, &m), 0);
  EQ_MEM(msg_data(m), m->len, want, strlen(want));
  msg_unref(m);
  sio__msg_allocator_clear(&home);
  sio__json_scan_clear(&scan);
}

static void fails_with(const cJSON *t, unsigned depth, int want) {
  struct msg *m;
  sio__msg_allocator_init(&home);
  EQ(print(t, depth, &m), want);
  msg_unref(m);
  sio__msg_allocator_clear(&home);
  sio__json_scan_clear(&scan);
}

static void round_trip(const char *text, const char *want) {
  cJSON *t = parse(text);
  if (!t) fprintf(stderr, "%s\n", text);
  REQUIRE(t != NULL);
  prints_as(t, want);
  sio__tree_free(t);
}

TEST(trees_come_back_as_compact_text) {
  round_trip(" { \"a\" : [ 1 , 2.5 , { } , [ ] ] , \"b\" : { \"c\" : null } } ",
             "{\"a\":[1,2.5,{},[]],\"b\":{\"c\":null}}");
  round_trip("[true,false,\"x\\ny\",[[[]]],{\"\":0}]", "[true,false,\"x\\ny\",[[[]]],{\"\":0}]");
  round_trip("\"only\"", "\"only\"");
  round_trip("-1.5e300", "-1.5e+300");
  round_trip("[]", "[]");
}

TEST(a_lone_surrogate_does_not_fail_the_tree) {
  round_trip("[\"\\ud83d\"]", "[\"\xef\xbf\xbd\"]");
  round_trip("[\"a\\ude00b\"]", "[\"a\xef\xbf\xbd"
                                "b\"]");
  round_trip("{\"\\uD83D\":\"\\ud83d\\ud83d\\ude00\"}",
             "{\"\xef\xbf\xbd\":\"\xef\xbf\xbd\xf0\x9f\x98\x80\"}");
  round_trip("[\"\\ud83d\\n\",\"\\ud83d\\\\\",\"\\ud83d\\u0041\"]",
             "[\"\xef\xbf\xbd\\n\",\"\xef\xbf\xbd\\\\\",\"\xef\xbf\xbd"
             "A\"]");
  round_trip("[\"\\\\ud83d\"]", "[\"\\\\ud83d\"]");
  round_trip("[\"\\ud83d\\ude00\"]", "[\"\xf0\x9f\x98\x80\"]");
  round_trip("\"\\udfff\"", "\"\xef\xbf\xbd\"");
}

TEST(a_long_number_does_not_fail_the_tree) {
  round_trip("[1000000000000000000000000000000000000000000000000000000000000000000000000]",
             "[1e+72]");
  round_trip("[0.3333333333333333333333333333333333333333333333333333333333333333333333333,\"x\"]",
             "[0.3333333333333333,\"x\"]");
  cJSON *t = parse("[-1000000000000000000000000000000000000000000000000000000000000000000e999]");
  REQUIRE(t != NULL);
  CHECK(isinf(t->child->valuedouble) && t->child->valuedouble < 0);
  sio__tree_free(t);
  round_trip(
      "\"aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\"",
      "\"aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\"");
}

/* {"admin\u0000":...} is not {"admin":...}. */
TEST(a_nul_in_a_string_or_a_key_is_the_replacement_character) {
  round_trip("\"ab\\u0000cd\"", "\"ab\xef\xbf\xbd"
                                "cd\"");
  round_trip("{\"k\\u0000\":\"\\u0000\\u0000x\\u0000\"}",
             "{\"k\xef\xbf\xbd\":\"\xef\xbf\xbd\xef\xbf\xbdx\xef\xbf\xbd\"}");
  cJSON *t = parse("{\"admin\\u0000\":true}");
  REQUIRE(t != NULL);
  CHECK(cJSON_GetObjectItemCaseSensitive(t, "admin") == NULL);
  sio__tree_free(t);
}

TEST(a_comma_of_the_locale_does_not_cut_a_number) {
  static const char *const names[] = { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "ru_RU.UTF-8" };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (setlocale(LC_ALL, names[i])) break;
  round_trip("[1.5,-0.25e2]", "[1.5,-25]");
  setlocale(LC_ALL, "C");
}

TEST(equal_keys_stay_and_integers_are_clipped_as_cjson_does) {
  round_trip("{\"a\":1,\"a\":{\"b\":[]}}", "{\"a\":1,\"a\":{\"b\":[]}}");
  cJSON *t = parse("[3000000000,-3000000000,7]");
  REQUIRE(t != NULL);
  EQ(cJSON_GetArrayItem(t, 0)->valueint, INT_MAX);
  EQ(cJSON_GetArrayItem(t, 1)->valueint, INT_MIN);
  EQ(cJSON_GetArrayItem(t, 2)->valueint, 7);
  sio__tree_free(t);
}

static size_t failures(const char *text) {
  cJSON *t = NULL;
  size_t n = 0;
  alloc_install();
  for (; !t && n < 100; n++) {
    alloc_fail_in(n + 1);
    t = parse(text);
    if (!t) EQ(alloc_live, 0);
  }
  CHECK(t != NULL);
  sio__tree_free(t);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
  return n - 1;
}

TEST(without_memory_there_is_no_tree) {
  static char text[100000];
  EQ(failures("{\"a\":[1,true,\"x\",{\"b\":null}],\"c\":\"d\"}"), 2);
  memset(text, 'x', sizeof text - 1);
  memcpy(text, "[0,[],{\"", 8);
  memcpy(text + 50000, "\":\"", 3);
  memcpy(text + sizeof text - 4, "\"}]", 3);
  EQ(failures(text), 3);
  text[0] = '[';
  for (size_t i = 1; i < sizeof text - 1; i++) text[i] = i % 2 ? '7' : ',';
  text[sizeof text - 2] = ']';
  /* 49999 numbers, in a first block of 512 bytes and further ones of 64 KiB */
  size_t node = (sizeof(cJSON) + 7) & ~(size_t)7, per_block = (64 * 1024 - 64) / node;
  EQ(failures(text), 1 + (49999 - 512 / node + per_block - 1) / per_block);
}

TEST(items_that_hold_nothing_are_null) {
  cJSON *t = cJSON_CreateArray();
  cJSON *text = cJSON_CreateString("x"), *raw = cJSON_CreateRaw("1"), *odd = cJSON_CreateNull();
  cJSON_AddItemToArray(t, text);
  cJSON_AddItemToArray(t, raw);
  cJSON_AddItemToArray(t, odd);
  cJSON_AddItemToArray(t, cJSON_CreateNumber((double)NAN));
  cJSON_AddItemToArray(t, cJSON_CreateNumber((double)INFINITY));
  cJSON_AddItemToArray(t, cJSON_CreateRaw(""));
  free(text->valuestring);
  free(raw->valuestring);
  text->valuestring = raw->valuestring = NULL;
  odd->type = cJSON_Invalid;
  prints_as(t, "[null,null,null,null,null,null]");
  cJSON_Delete(t);
}

TEST(numbers_do_not_follow_the_locale) {
  cJSON *t = cJSON_Parse("[0.5,-1.25e-7,9007199254740991]");
  static const char *const locales[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C" };
  for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
    if (!setlocale(LC_NUMERIC, locales[i])) continue;
    prints_as(t, "[0.5,-1.25e-7,9007199254740991]");
  }
  setlocale(LC_NUMERIC, "C");
  cJSON_Delete(t);
}

TEST(raw_items_are_checked) {
  cJSON *t = cJSON_CreateArray(), *good = cJSON_CreateRaw("{\"a\": [1]}");
  cJSON_AddItemToArray(t, good);
  prints_as(t, "[{\"a\": [1]}]");
  fails_with(t, 3, 0);
  fails_with(t, 2, SIO_EDEPTH);
  cJSON_AddItemToArray(t, cJSON_CreateRaw("1,2"));
  fails_with(t, JSON_DEPTH_MAX, SIO_EJSON);
  cJSON_Delete(t);
}

static cJSON *nested(unsigned depth) {
  cJSON *t = NULL;
  while (depth--) {
    cJSON *outer = cJSON_CreateArray();
    if (t) cJSON_AddItemToArray(outer, t);
    t = outer;
  }
  return t;
}

TEST(depth_is_counted_to_the_level) {
  cJSON *t = nested(JSON_DEPTH_MAX);
  fails_with(t, JSON_DEPTH_MAX, 0);
  fails_with(t, JSON_DEPTH_MAX - 1, SIO_EDEPTH);
  cJSON_Delete(t);
  t = nested(JSON_DEPTH_MAX + 1);
  fails_with(t, 100000, SIO_EDEPTH);
  cJSON_Delete(t);
  t = cJSON_CreateNumber(1);
  fails_with(t, 0, 0);
  cJSON_Delete(t);
}

/* 166 */
TEST(a_circular_tree_is_too_deep) {
  cJSON *t = cJSON_CreateObject();
  cJSON_AddItemReferenceToObject(t, "a", t);
  t->child->child = t->child;
  fails_with(t, JSON_DEPTH_MAX, SIO_EDEPTH);
  t->child->child = NULL;
  cJSON_Delete(t);
}

TEST(siblings_of_the_root_are_not_printed) {
  cJSON *t = cJSON_Parse("[[1],[2]]");
  prints_as(t->child, "[1]");
  prints_as(t->child->child, "1");
  cJSON_Delete(t);
}

TEST(printing_leaves_the_tree_as_it_was) {
  cJSON *t = cJSON_Parse("{\"a\":[1,{\"b\":\"c\"}]}");
  cJSON *copy = cJSON_Duplicate(t, 1);
  prints_as(t, "{\"a\":[1,{\"b\":\"c\"}]}");
  CHECK(cJSON_Compare(t, copy, 1));
  cJSON_Delete(t);
  cJSON_Delete(copy);
}

static bool placeholder(const char *text, uint32_t *num) {
  cJSON *t = cJSON_Parse(text);
  bool is = sio__tree_read_placeholder_number(t, num);
  cJSON_Delete(t);
  return is;
}

TEST(a_placeholder_node_is_known_by_its_exact_keys) {
  uint32_t num = 99;
  CHECK(placeholder("{\"_placeholder\":true,\"num\":3}", &num) && num == 3);
  CHECK(placeholder("{\"num\":0,\"x\":1,\"_placeholder\":true}", &num) && num == 0);
  CHECK(!placeholder("{\"_Placeholder\":true,\"num\":3}", &num));
  CHECK(!placeholder("{\"_placeholder\":true,\"NUM\":3}", &num));
  CHECK(!placeholder("{\"_placeholder\":true,\"_placeholder\":false,\"num\":3}", &num));
  CHECK(!placeholder("{\"_placeholder\":1,\"num\":3}", &num));
  CHECK(!placeholder("{\"_placeholder\":true}", &num));
  CHECK(!placeholder("{\"_placeholder\":true,\"num\":-1}", &num));
  CHECK(!placeholder("{\"_placeholder\":true,\"num\":0.5}", &num));
  CHECK(!placeholder("{\"_placeholder\":true,\"num\":1e300}", &num));
  CHECK(!placeholder("{\"_placeholder\":true,\"num\":\"0\"}", &num));
  CHECK(!placeholder("[true,0]", &num));
  CHECK(!sio__tree_read_placeholder_number(NULL, &num));
}

TESTS_BEGIN
T(trees_come_back_as_compact_text)
T(a_lone_surrogate_does_not_fail_the_tree)
T(a_long_number_does_not_fail_the_tree)
T(a_nul_in_a_string_or_a_key_is_the_replacement_character)
T(a_comma_of_the_locale_does_not_cut_a_number)
T(equal_keys_stay_and_integers_are_clipped_as_cjson_does)
T(without_memory_there_is_no_tree)
T(items_that_hold_nothing_are_null)
T(numbers_do_not_follow_the_locale)
T(raw_items_are_checked)
T(depth_is_counted_to_the_level)
T(a_circular_tree_is_too_deep)
T(siblings_of_the_root_are_not_printed)
T(printing_leaves_the_tree_as_it_was)
T(a_placeholder_node_is_known_by_its_exact_keys)
TESTS_END
