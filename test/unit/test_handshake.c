/* SPDX-License-Identifier: MIT
 *
 * test_handshake.c - a socket's handshake as a JSON object: its headers, its query and its auth.
 */
#include "poll_client.h"
#include "whole.h"

static struct poller p;
static char shown[2048];
static uint64_t opened_ms;
static size_t fuse; /* the allocation that fails while it is put together */

static void start(void) {
  p = (struct poller)POLLER;
  shown[0] = '\0';
  fuse = 0;
  whole_start(NULL);
}

static void stop(void) {
  poller_close(&p);
  whole_stop();
}

static void on_list(int status, sio_remote *list, size_t n, void *user) {
  (void)user;
  EQ(status, 0);
  REQUIRE(n == 1);
  alloc_fail_in(fuse);
  sio_slice h = sio_remote_handshake(&list[0]);
  fuse = alloc_fuse;
  alloc_fail_in(0);
  snprintf(shown, sizeof shown, "%.*s", h.n ? (int)h.n : 7, h.n ? h.p : "nothing");
  sio_slice own = sio_socket_handshake(list[0].socket); /* the same without fetching */
  if (h.n) EQ_MEM(own.p, own.n, h.p, h.n);
  alloc_fail_all();
  CHECK(!sio_socket_handshake(list[0].socket).p);
  alloc_fail_in(0);
  opened_ms = sio_session_info_of(sio_socket_session(list[0].socket)).opened_ms;
}

/* Joins with this query and these header lines, and shows the handshake. */
static void join(const char *query, const char *lines, const char *packet) {
  char url[240];
  p.server = srv;
  snprintf(url, sizeof url, "/socket.io/?EIO=4&transport=polling%s", query);
  REQUIRE(raw_open(&p.get, srv) && raw_request(&p.get, "GET", url, lines, NULL) &&
          raw_expect(&p.get, "0{\"sid\":\"") && raw_take(&p.get, '"', p.sid, sizeof p.sid));
  snprintf(p.path, sizeof p.path, "/socket.io/?EIO=4&transport=polling&sid=%s", p.sid);
  REQUIRE(poller_post(&p, packet));
  EQ(sio_all_fetch((sio_target){ .nsp = root }, 0, on_list, NULL), 0);
  for (int i = 0; i < 10 && !shown[0]; i++) turn();
}

/* The text of a member, from its name to what begins the next one. */
static const char *member(const char *name, const char *next) {
  static char text[512];
  const char *from = strstr(shown, name), *to = from ? strstr(from, next) : NULL;
  snprintf(text, sizeof text, "%.*s", to ? (int)(to - from) : 0, from ? from : "");
  return text;
}

TEST(headers_are_shown_with_names_in_lower_case_in_the_order_they_came) {
  start();
  join("", "X-Zed: Az[ \"q\"\r\nACCEPT: text\r\n", "40");
  EQ_STR(member("{\"headers\"", ",\"time\""),
         "{\"headers\":{\"host\":\"a\",\"origin\":\"http://b\",\"x-zed\":\"Az[ \\\"q\\\"\","
         "\"accept\":\"text\"}");
  stop();
}

TEST(the_query_is_decoded_and_an_empty_part_of_it_is_left_out) {
  start();
  join("&x=a%20b+c&&y&q%22=%c3%a9&=v&z=1=2", "", "40");
  EQ_STR(member("\"url\"", ",\"query\""),
         "\"url\":\"/socket.io/?EIO=4&transport=polling&x=a%20b+c&&y&q%22=%c3%a9&=v&z=1=2\"");
  EQ_STR(member("\"query\"", ",\"auth\""),
         "\"query\":{\"EIO\":\"4\",\"transport\":\"polling\",\"x\":\"a b c\",\"y\":\"\","
         "\"q\\\"\":\"\xc3\xa9\",\"\":\"v\",\"z\":\"1=2\"}");
  stop();
}

TEST(auth_is_what_the_peer_sent_or_an_empty_object) {
  start();
  join("", "", "40{\"token\":[1]}");
  EQ_STR(member("\"auth\"", "}}") + strlen("\"auth\":"), "{\"token\":[1]");
  stop();
  start();
  join("", "", "40");
  EQ_STR(strstr(shown, "\"auth\""), "\"auth\":{}}");
  stop();
}

TEST(the_time_is_the_sessions_as_a_number_and_as_javascript_writes_it) {
  char number[64], text[128];
  start();
  join("", "", "40");
  snprintf(number, sizeof number, "\"issued\":%llu", (unsigned long long)opened_ms);
  EQ_STR(member("\"issued\"", ",\"url\""), number);
  time_t at = (time_t)(opened_ms / 1000);
  strftime(text, sizeof text,
           "\"time\":\"%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)\"", gmtime(&at));
  EQ_STR(member("\"time\"", ",\"address\""), text);
  EQ_STR(member("\"xdomain\"", ",\"issued\""), "\"xdomain\":true,\"secure\":false");
  stop();
}

/* ---- without memory ------------------------------------------------------------------------ */

static void show_with_failing_allocation(size_t at) {
  shown[0] = '\0';
  fuse = at;
  EQ(sio_all_fetch((sio_target){ .nsp = root }, 0, on_list, NULL), 0);
  for (int k = 0; k < 10 && !shown[0]; k++) turn();
}

static void show_whole_or_nothing(size_t fill) {
  char line[700] = "X-Fill: ", whole[sizeof shown];
  memset(line + 8, 'a', fill);
  strcpy(line + 8 + fill, "\r\nX-Last: z\r\n");
  start();
  join("&x=a%20b&y=1", line, "40{\"a\":1}");
  memcpy(whole, shown, sizeof whole);
  bool failed = true;
  for (size_t i = 1; failed && i < 40; i++) {
    show_with_failing_allocation(i);
    failed = fuse == 0;
    CHECK(strcmp(shown, failed ? "nothing" : whole) == 0);
  }
  CHECK(!failed);
  stop();
}

/* The text is put into a buffer that doubles, so each of its parts is once the one that does not
 * fit. */
TEST(without_memory_for_all_of_it_nothing_is_shown) {
  for (size_t fill = 0; fill < 520; fill += 4) show_whole_or_nothing(fill);
}

TESTS_BEGIN
T(without_memory_for_all_of_it_nothing_is_shown)
T(headers_are_shown_with_names_in_lower_case_in_the_order_they_came)
T(the_query_is_decoded_and_an_empty_part_of_it_is_left_out)
T(auth_is_what_the_peer_sent_or_an_empty_object)
T(the_time_is_the_sessions_as_a_number_and_as_javascript_writes_it)
TESTS_END
