/* SPDX-License-Identifier: MIT
 *
 * test_limits_trial.c - limits on those who have not come in yet: a WebSocket that may take a
 * session over, and sessions that join no namespace.
 */
#include "limits_rig.h"

/* ---- polling sessions that join nothing ------------------------------------------------------ */

/* Opened and never polled; the query that names it. */
static const char *silent(struct raw *c) {
  static char query[120];
  char sid[64];
  CHECK(raw_open(c, srv) && raw_get(c, POLL) && raw_expect(c, "\"sid\":\"") &&
        raw_take(c, '"', sid, sizeof sid));
  snprintf(query, sizeof query, POLL "&sid=%s", sid);
  return query;
}

TEST(a_silent_polling_session_that_joins_nothing_is_gone_with_its_connect_timeout) {
  start((sio_options){ .connect_timeout_ms = 10000 });
  silent(&peers[0]);
  later(9990);
  EQ(stats().sessions, 1);
  later(20);
  EQ(stats().sessions, 0);
  CHECK(list_is_empty(&srv->eio.all));
  stop();
}

TEST(one_that_polls_is_told_of_it) {
  start((sio_options){ .connect_timeout_ms = 10000 });
  const char *query = silent(&peers[0]);
  CHECK(raw_get(&peers[0], query));
  later(10010);
  CHECK(raw_expect(&peers[0], "\r\n\r\n1"));
  CHECK(list_is_empty(&srv->eio.all));
  stop();
}

TEST(what_is_left_for_one_that_never_joined_is_kept_for_five_seconds) {
  start((sio_options){ 0 });
  const char *query = silent(&peers[0]);
  CHECK(raw_request(&peers[0], "POST", query, "",
                    "40/x,\x1e"
                    "42[\"stray\"]") &&
        raw_expect(&peers[0], "ok"));
  later(4900);
  CHECK(!list_is_empty(&srv->eio.all));
  EQ(stats().sessions, 0);
  later(200);
  CHECK(list_is_empty(&srv->eio.all));
  CHECK(strstr(logged, "did not fetch") != NULL);
  stop();
}

/* ---- a WebSocket on trial -------------------------------------------------------------------- */

/* A polling session and the WebSocket that may take it over. */
static struct raw *on_trial(sio_options o) {
  char path[200];
  start(o);
  snprintf(path, sizeof path, WS "%s", strstr(polling(&peers[0]), "&sid="));
  CHECK(raw_open(&peers[1], srv) && raw_upgrade(&peers[1], path));
  told[0] = '\0';
  return &peers[1];
}

/* As much as the kernel takes. */
static void send_for_long(struct raw *c, const char *text) {
  struct wire one = { 0 };
  wire_frame(&one, 0x81, text, strlen(text));
  for (int i = 0; i < 20; i++) {
    while (send(c->fd, one.p, one.n, MSG_NOSIGNAL) == (ssize_t)one.n) continue;
    turns();
  }
  wire_clear(&one);
}

TEST(a_websocket_on_trial_is_metered_like_one_that_has_the_session) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 100 });
  CHECK(raw_text(w, "2probe") && raw_expect(w, "3probe"));
  uint64_t before = srv->core.loop.stats.bytes_in;
  send_for_long(w, "2probe");
  EQ_STR(told, "packets_per_s paused ");
  CHECK(srv->core.loop.stats.bytes_in - before < 2 * NET_RBUF);
  before = srv->core.loop.stats.bytes_in;
  turns();
  EQ(srv->core.loop.stats.bytes_in, before);
  EQ(disconnects, 0);
  stop();
}

TEST(so_are_its_pings_and_its_bytes) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 100 });
  for (int i = 0; i < 120; i++) CHECK(raw_frame(w, 0x89, "p", 1));
  turns();
  EQ_STR(told, "packets_per_s paused ");
  stop();
  w = on_trial((sio_options){ .bytes_per_s = 2000 });
  for (int i = 0; i < 30; i++) CHECK(raw_frame(w, 0x8a, "an unasked pong, which may be", 29));
  turns();
  for (int i = 0; i < 70; i++) CHECK(raw_frame(w, 0x8a, "an unasked pong, which may be", 29));
  turns();
  EQ_STR(told, "bytes_per_s paused ");
  stop();
}

TEST(its_pause_ends_and_the_upgrade_goes_on) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 10 });
  for (int i = 0; i < 20; i++) CHECK(raw_text(w, "2probe"));
  CHECK(raw_text(w, "5"));
  turns();
  EQ_STR(told, "packets_per_s paused ");
  for (int i = 0; i < 40; i++) later(100);
  EQ(stats().upgrades, 1);
  EQ(disconnects, 0);
  stop();
}

TEST(the_next_one_has_no_limits_of_its_own) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 10 });
  char path[200];
  snprintf(path, sizeof path, WS "&sid=%s",
           container_of(srv->eio.all.next, sio_session, link)->sid);
  for (int i = 0; i < 50; i++) CHECK(raw_frame(w, 0x89, "p", 1));
  turns();
  raw_close(w);
  later(10500); /* upgrade_timeout_ms: it is not read, so nobody saw that it left */
  CHECK(raw_open(w, srv) && raw_upgrade(w, path));
  for (int i = 0; i < 50; i++) CHECK(raw_frame(w, 0x89, "p", 1));
  turns();
  raw_close(w);
  CHECK(raw_open(&peers[2], srv));
  EQ_STR(told, "packets_per_s paused packets_per_s paused ");
  stop();
}

TEST(where_peers_are_closed_for_it_the_session_of_one_on_trial_stays) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 10, .when_limited = SIO_LIMITED_CLOSE });
  for (int i = 0; i < 20; i++) raw_frame(w, 0x89, "p", 1);
  turns();
  EQ_STR(told, "packets_per_s closed ");
  EQ(stats().upgrades_failed, 1);
  EQ(stats().sessions, 1);
  EQ(disconnects, 0);
  stop();
}

TEST(each_connection_that_is_closed_for_a_limit_is_reported) {
  struct raw *w = on_trial((sio_options){ .packets_per_s = 10, .when_limited = SIO_LIMITED_CLOSE });
  char path[200];
  snprintf(path, sizeof path, WS "&sid=%s",
           container_of(srv->eio.all.next, sio_session, link)->sid);
  for (int i = 0; i < 20; i++) raw_frame(w, 0x89, "p", 1);
  turns();
  EQ_STR(told, "packets_per_s closed ");
  raw_close(w);
  CHECK(raw_open(w, srv) && raw_upgrade(w, path));
  for (int i = 0; i < 20; i++) raw_frame(w, 0x89, "p", 1);
  turns();
  EQ_STR(told, "packets_per_s closed packets_per_s closed ");
  EQ(stats().limited_closed, 2);
  stop();
}

TEST(the_host_may_end_the_session_when_it_hears_of_one_on_trial) {
  for (int close = 0; close < 2; close++) {
    struct raw *w = on_trial((sio_options){
        .packets_per_s = 10, .when_limited = close ? SIO_LIMITED_CLOSE : SIO_LIMITED_PAUSE });
    ends_who_is_limited = true;
    for (int i = 0; i < 30; i++) raw_text(w, "2probe");
    turns();
    EQ(disconnects, 1);
    later(31000);
    EQ(stats().sessions, 0);
    EQ(stats().upgrades_failed, 1);
    stop();
  }
}

TEST(anything_else_than_a_probe_costs_the_websocket_and_not_the_session) {
  static const char *const wrong[] = { "", "2", "2prob", "42[\"n\",1]", "3probe", "6", "x", "1" };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct raw *w = on_trial((sio_options){ .packets_per_s = 1000 });
    CHECK(raw_text(w, wrong[i]));
    turns();
    EQ(stats().upgrades_failed, 1);
    EQ(stats().sessions, 1);
    EQ(got, 0);
    stop();
  }
}

TESTS_BEGIN
T(a_silent_polling_session_that_joins_nothing_is_gone_with_its_connect_timeout)
T(one_that_polls_is_told_of_it)
T(what_is_left_for_one_that_never_joined_is_kept_for_five_seconds)
T(a_websocket_on_trial_is_metered_like_one_that_has_the_session)
T(so_are_its_pings_and_its_bytes)
T(its_pause_ends_and_the_upgrade_goes_on)
T(the_next_one_has_no_limits_of_its_own)
T(where_peers_are_closed_for_it_the_session_of_one_on_trial_stays)
T(each_connection_that_is_closed_for_a_limit_is_reported)
T(the_host_may_end_the_session_when_it_hears_of_one_on_trial)
T(anything_else_than_a_probe_costs_the_websocket_and_not_the_session)
TESTS_END
