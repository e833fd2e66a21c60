/* SPDX-License-Identifier: MIT
 *
 * test_members.c - servers that serve as one (sio/threads.h). test_threads.c has them on threads,
 * and test_members_failures.c has messages between them that are lost.
 */
#include "adapters/memory.h"
#include "members_rig.h"
#include <unistd.h>

/* ---- requests for sessions of other members ---------------------------------------- */

TEST(a_poll_for_a_session_of_another_member_is_answered_there) {
  struct poller p = POLLER;
  begin();
  REQUIRE(poller_open(&p, members[0], "/socket.io/"));
  p.server = members[1];
  CHECK(poller_post(&p, "40"));
  p.server = members[2];
  CHECK(poller_get(&p) && raw_expect(&p.get, "40{\"sid\""));
  EQ(sio_nsp_count_sockets(roots[0], NULL), 1);
  EQ(sio_nsp_count_sockets(roots[1], NULL) + sio_nsp_count_sockets(roots[2], NULL), 0);
  poller_close(&p);
  end();
}

TEST(a_session_is_upgraded_by_a_websocket_that_came_to_another_member) {
  struct poller p = POLLER;
  struct raw w = { .fd = -1 };
  begin();
  REQUIRE(poller_open(&p, members[0], "/socket.io/"));
  p.server = members[1];
  CHECK(poller_upgrade(&p, &w, "/socket.io/"));
  CHECK(raw_text(&w, "2probe") && raw_expect(&w, "3probe") && raw_text(&w, "5"));
  CHECK(raw_text(&w, "40") && raw_expect(&w, "40{\"sid\""));
  EQ(sio_nsp_count_sockets(roots[0], NULL), 1);
  raw_close(&w);
  poller_close(&p);
  end();
}

TEST(one_connection_brings_requests_for_sessions_of_several_members) {
  struct poller a = POLLER, b = POLLER;
  struct raw c;
  begin();
  REQUIRE(poller_open(&a, members[0], "/socket.io/"));
  REQUIRE(poller_open(&b, members[1], "/socket.io/"));
  REQUIRE(raw_open(&c, members[2]));
  CHECK(raw_request(&c, "POST", a.path, "", "40") && raw_expect(&c, "ok"));
  CHECK(raw_request(&c, "POST", b.path, "", "40") && raw_expect(&c, "ok"));
  CHECK(raw_get(&c, a.path) && raw_expect(&c, "40{\"sid\""));
  CHECK(raw_get(&c, b.path) && raw_expect(&c, "40{\"sid\""));
  raw_close(&c);
  poller_close(&a);
  poller_close(&b);
  end();
}

TEST(requests_that_were_sent_together_are_answered_in_order) {
  struct poller a = POLLER, b = POLLER;
  struct raw c;
  char both[1024];
  begin();
  REQUIRE(poller_open(&a, members[0], "/socket.io/"));
  REQUIRE(poller_open(&b, members[1], "/socket.io/"));
  int n = snprintf(both, sizeof both,
                   "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n40"
                   "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n40"
                   "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
                   a.path, b.path, a.path);
  REQUIRE(raw_open(&c, members[2]));
  CHECK(raw_send(&c, both, (size_t)n));
  CHECK(raw_expect(&c, "ok") && raw_expect(&c, "ok") && raw_expect(&c, "40{\"sid\""));
  raw_close(&c);
  poller_close(&a);
  poller_close(&b);
  end();
}

TEST(a_body_that_has_partly_arrived_moves_with_its_request) {
  struct poller p = POLLER;
  struct raw c;
  char head[512];
  begin();
  REQUIRE(poller_open(&p, members[0], "/socket.io/"));
  int n = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n4",
                   p.path);
  REQUIRE(raw_open(&c, members[1]));
  CHECK(raw_send(&c, head, (size_t)n));
  turns(4);
  CHECK(raw_send(&c, "0", 1) && raw_expect(&c, "ok"));
  raw_close(&c);
  poller_close(&p);
  end();
}

TEST(a_session_id_that_no_member_knows_is_refused_where_it_came) {
  struct raw c;
  begin();
  REQUIRE(raw_open(&c, members[1]));
  CHECK(raw_get(&c, "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA"));
  CHECK(raw_expect(&c, "{\"code\":1,\"message\":\"Session ID unknown\"}"));
  raw_close(&c);
  end();
}

TEST(a_session_of_a_member_that_has_closed_is_unknown) {
  struct poller p = POLLER;
  begin();
  REQUIRE(poller_open(&p, members[0], "/socket.io/"));
  sio_server_close(members[0], NULL, NULL);
  turns(20);
  p.server = members[1];
  CHECK(poller_get(&p) && raw_expect(&p.get, "Session ID unknown"));
  poller_close(&p);
  nclosed = 0;
  for (int i = 1; i < MEMBERS; i++) sio_server_close(members[i], on_member_closed, NULL);
  for (int i = 0; i < 40 && nclosed < MEMBERS - 1; i++) turn();
  EQ(nclosed, MEMBERS - 1);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

/* ---- placement ---------------------------------------- */

static unsigned connections_of(sio_server *member) {
  sio_stats st;
  sio_server_get_stats(member, &st, sizeof st);
  return (unsigned)st.connections;
}

static unsigned connections_of_all(void) {
  unsigned n = 0;
  for (int i = 0; i < MEMBERS; i++) n += connections_of(members[i]);
  return n;
}

/* How many of the connections the server has closed. */
static int count_closed(const int *fds, int n) {
  char byte;
  int closed_by_server = 0;
  for (int i = 0; i < n; i++) closed_by_server += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
  return closed_by_server;
}

TEST(connections_that_one_member_accepts_are_spread_over_all) {
  int fds[9];
  begin();
  EQ(sio_listen(members[1], "127.0.0.1", 0), 0);
  for (int i = 0; i < 9; i++) fds[i] = tcp_client(sio_port(members[1]));
  for (int i = 0; i < MEMBERS; i++) UNTIL(connections_of(members[i]) == 3);
  for (int i = 0; i < 9; i++) close(fds[i]);
  for (int i = 0; i < MEMBERS; i++) UNTIL(connections_of(members[i]) == 0);
  end();
}

TEST(max_connections_counts_those_of_all_members) {
  int fds[6];
  sio_options o = options();
  o.max_connections = 4;
  begin_with(o);
  EQ(sio_listen(members[0], "127.0.0.1", 0), 0);
  for (int i = 0; i < 6; i++) fds[i] = tcp_client(sio_port(members[0]));
  UNTIL(count_closed(fds, 6) == 2);
  EQ(connections_of_all(), 4);
  for (int i = 0; i < 6; i++) close(fds[i]);
  end();
}

TEST(a_member_that_drains_gets_no_new_connections) {
  int fds[4];
  sio_test_peer *p;
  begin();
  EQ(sio_listen(members[0], "127.0.0.1", 0), 0);
  EQ(sio_test_connect(members[1], "/", NULL, &p), 0);
  EQ(sio_server_drain(members[1], &(sio_drain_options){ .spread_ms = 10000 }, NULL, NULL), 0);
  for (int i = 0; i < 4; i++) fds[i] = tcp_client(sio_port(members[0]));
  UNTIL(connections_of_all() == 4);
  EQ(connections_of(members[0]), 2);
  EQ(connections_of(members[1]), 0);
  EQ(connections_of(members[2]), 2);
  for (int i = 0; i < 4; i++) close(fds[i]);
  sio_test_free(p);
  end();
}

TEST(limits_per_address_hold_for_all_members_together) {
  int fds[5];
  sio_options o = options();
  o.max_per_address = 3;
  begin_with(o);
  EQ(sio_listen(members[0], "127.0.0.1", 0), 0);
  for (int i = 0; i < 5; i++) fds[i] = tcp_client(sio_port(members[0]));
  UNTIL(count_closed(fds, 5) == 2);
  CHECK(strstr(log_text, "max_per_address"));
  for (int i = 0; i < 5; i++) close(fds[i]);
  UNTIL(connections_of_all() == 0);
  int again = tcp_client(sio_port(members[0]));
  UNTIL(connections_of_all() == 1);
  EQ(count_closed(&again, 1), 0);
  close(again);
  end();
}

/* The connection is counted again by the member that it moves to, and by no other one. */
TEST(a_connection_that_moves_counts_once_for_its_address) {
  struct raw c;
  struct poller p = POLLER;
  sio_options o = options();
  o.max_per_address = 1;
  begin_with(o);
  EQ(sio_listen(members[0], "127.0.0.1", 0), 0);
  REQUIRE(poller_open(&p, members[0], "/socket.io/"));
  c = (struct raw){ .loop = &uv, .fd = tcp_client(sio_port(members[0])) };
  fcntl(c.fd, F_SETFL, O_NONBLOCK);
  CHECK(raw_request(&c, "POST", p.path, "", "40"));
  UNTIL(raw_expect(&c, "ok"));
  for (int i = 0; i < 3; i++) {
    CHECK(raw_request(&c, "POST", p.path, "", "42[\"x\"]"));
    UNTIL(raw_expect(&c, "ok"));
  }
  raw_close(&c);
  poller_close(&p);
  end();
}

/* A connection of two TCP sockets, whose server end was accepted here. */
static void tcp_pair(int *client, int *server) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
  socklen_t n = sizeof a;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&a, n) || listen(listener, 1) ||
      getsockname(listener, (struct sockaddr *)&a, &n))
    abort();
  *client = tcp_client(ntohs(a.sin_port));
  *server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (*server < 0) abort();
  close(listener);
}

static uint64_t handed_over_by(sio_server *member) {
  sio_stats st;
  sio_server_get_stats(member, &st, sizeof st);
  return st.connections_handed_over;
}

/* While a connection is on its way to another member, it does not count for its address. */
TEST(a_moved_connection_whose_place_was_taken_is_rejected_and_frees_its_request) {
  struct raw c;
  struct poller p = POLLER;
  int client, server;
  sio_options o = options();
  o.max_per_address = 1;
  begin_with(o);
  REQUIRE(poller_open(&p, members[0], "/socket.io/"));
  tcp_pair(&client, &server);
  EQ(sio_accept(members[1], &(sio_accept_options){ .fd = server }), 0);
  c = (struct raw){ .loop = &uv, .fd = client };
  fcntl(c.fd, F_SETFL, O_NONBLOCK);
  CHECK(raw_request(&c, "POST", p.path, "", "40"));
  UNTIL(handed_over_by(members[1]) == 1);
  tcp_pair(&client, &server);
  EQ(sio_accept(members[2], &(sio_accept_options){ .fd = server }), 0);
  UNTIL(count_closed(&c.fd, 1) == 1);
  EQ(count_closed(&client, 1), 0);
  CHECK(strstr(log_text, "max_per_address"));
  close(client);
  raw_close(&c);
  poller_close(&p);
  end();
}

/* ---- broadcasts and questions ---------------------------------------- */

TEST(a_broadcast_reaches_the_sockets_of_all_members) {
  begin();
  connect_peers();
  sio_target to = { .nsp = roots[0], .skip = sio_test_socket(peers[0]) };
  sio_val bytes[] = { sio_str("x"), sio_bin("\1\2", 2) };
  EQ(sio_broadcast(to, "news", sio_argv(bytes, 2)), 0);
  turns(2);
  CHECK(!sio_test_next(peers[0]));
  for (int i = 1; i < MEMBERS; i++) {
    expect_next(peers[i], "[\"news\",\"x\",{\"_placeholder\":true,\"num\":0}]");
    EQ(sio_test_bin(peers[i], 0).n, 2);
  }
  free_peers();
  end();
}

TEST(a_local_broadcast_stays_on_its_member) {
  begin();
  connect_peers();
  EQ(sio_broadcast((sio_target){ .nsp = roots[1], .flags = SIO_LOCAL }, "here", SIO_NONE), 0);
  turns(2);
  CHECK(!sio_test_next(peers[0]));
  expect_next(peers[1], "[\"here\"]");
  CHECK(!sio_test_next(peers[2]));
  free_peers();
  end();
}

TEST(rooms_are_joined_and_left_on_all_members) {
  begin();
  connect_peers();
  sio_target all = { .nsp = roots[0] }, red = { .nsp = roots[2], .rooms = SIO_ROOMS("red") };
  EQ(sio_all_join(all, SIO_ROOMS("red", "blue")), 0);
  turns(2);
  EQ(sio_broadcast(red, "seen", SIO_NONE), 0);
  turns(2);
  for (int i = 0; i < MEMBERS; i++) expect_next(peers[i], "[\"seen\"]");
  EQ(sio_all_leave(all, SIO_ROOMS("red")), 0);
  turns(2);
  for (int i = 0; i < MEMBERS; i++) CHECK(!sio_in_room(sio_test_socket(peers[i]), "red"));
  red.except = SIO_ROOMS("blue");
  red.rooms = NULL;
  EQ(sio_broadcast(red, "nobody", SIO_NONE), 0);
  turns(2);
  for (int i = 0; i < MEMBERS; i++) CHECK(!sio_test_next(peers[i]));
  EQ(sio_all_disconnect(all, false), 0);
  turns(3);
  for (int i = 0; i < MEMBERS; i++) expect_next(peers[i], "disconnect");
  free_peers();
  end();
}

static struct {
  int runs, status;
  size_t n, expected;
} asked;

static void on_replies(int status, sio_replies *r, void *user) {
  (void)user;
  asked.runs++;
  asked.status = status;
  asked.n = r->count;
  asked.expected = r->expected;
}

TEST(a_question_to_many_is_answered_by_the_sockets_of_all_members) {
  begin();
  connect_peers();
  asked.runs = 0;
  EQ(sio_broadcast_ack((sio_target){ .nsp = roots[1] }, "q", SIO_NONE, 5000, on_replies, NULL), 0);
  turns(2);
  for (int i = 0; i < MEMBERS; i++) {
    expect_next(peers[i], "ask [\"q\"]");
    EQ(sio_test_answer(peers[i], SIO_ARGS(i)), 0);
  }
  turns(4);
  EQ(asked.runs, 1);
  EQ(asked.status, 0);
  EQ(asked.n, 3);
  EQ(asked.expected, 3);
  free_peers();
  end();
}

TEST(a_question_ends_when_the_last_socket_of_another_member_leaves) {
  begin();
  connect_peers();
  asked.runs = 0;
  EQ(sio_broadcast_ack((sio_target){ .nsp = roots[0] }, "q", SIO_NONE, 0, on_replies, NULL), 0);
  turns(2);
  for (int i = 0; i < 2; i++) {
    expect_next(peers[i], "ask [\"q\"]");
    EQ(sio_test_answer(peers[i], SIO_NONE), 0);
  }
  turns(2);
  EQ(asked.runs, 0);
  sio_test_free(peers[2]);
  turns(4);
  EQ(asked.runs, 1);
  EQ(asked.n, 2);
  EQ(asked.expected, 3);
  sio_test_free(peers[0]);
  sio_test_free(peers[1]);
  end();
}

static size_t fetched, with_room;
static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)user;
  EQ(status, 0);
  fetched = n;
  with_room = 0;
  for (size_t i = 0; i < n; i++) {
    for (const char *const *room = list[i].rooms; *room; room++)
      with_room += strcmp(*room, "red") == 0;
    CHECK(sio_remote_handshake(&list[i]).n > 2);
  }
}

TEST(sockets_of_all_members_are_fetched) {
  begin();
  connect_peers();
  EQ(sio_join(sio_test_socket(peers[2]), "red"), 0);
  EQ(sio_all_fetch((sio_target){ .nsp = roots[0] }, 0, on_fetched, NULL), 0);
  turns(4);
  EQ(fetched, 3);
  EQ(with_room, 1);
  free_peers();
  end();
}

static unsigned heard;
static void on_server_side(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  heard++;
  sio_reply(e, SIO_ARGS("yes"));
}

TEST(an_event_to_the_other_servers_reaches_the_other_members) {
  begin();
  heard = 0;
  asked.runs = 0;
  for (int i = 0; i < MEMBERS; i++)
    EQ(sio_on_server_side(roots[i], "ping", on_server_side, NULL), 0);
  EQ(sio_server_side_emit(roots[2], "ping", SIO_NONE, 0, on_replies, NULL), 0);
  turns(4);
  EQ(heard, 2);
  EQ(asked.runs, 1);
  EQ(asked.status, 0);
  EQ(asked.n, 2);
  EQ(sio_server_side_emit(roots[2], "ping", SIO_NONE, 0, NULL, NULL), 0);
  turns(2);
  EQ(heard, 4);
  end();
}

static size_t servers;
static void on_count(int status, size_t n, void *user) {
  (void)user;
  EQ(status, 0);
  servers = n;
}

TEST(members_count_as_servers) {
  begin();
  EQ(sio_server_count(roots[0], 0, on_count, NULL), 0);
  turns(2);
  EQ(servers, 3);
  end();
}

TEST(a_question_to_a_member_that_closes_ends_without_it) {
  begin();
  connect_peers();
  asked.runs = 0;
  EQ(sio_broadcast_ack((sio_target){ .nsp = roots[0] }, "q", SIO_NONE, 0, on_replies, NULL), 0);
  sio_test_free(peers[2]);
  sio_server_close(members[2], NULL, NULL);
  turns(2);
  for (int i = 0; i < 2; i++) {
    expect_next(peers[i], "ask [\"q\"]");
    EQ(sio_test_answer(peers[i], SIO_NONE), 0);
  }
  turns(8);
  EQ(asked.runs, 1);
  EQ(asked.status, 0);
  EQ(asked.n, 2);
  sio_test_free(peers[0]);
  sio_test_free(peers[1]);
  nclosed = 0;
  for (int i = 0; i < 2; i++) sio_server_close(members[i], on_member_closed, NULL);
  for (int i = 0; i < 40 && nclosed < 2; i++) turn();
  EQ(nclosed, 2);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

static unsigned summed;
static uint64_t sum_of_sessions;
static void on_sum(const sio_stats *sum, unsigned n, void *user) {
  (void)user;
  summed = n;
  sum_of_sessions = sum->sessions;
}

TEST(the_statistics_of_all_members_are_added_up) {
  begin();
  connect_peers();
  summed = 0;
  EQ(sio_threads_fetch_stats(members[1], on_sum, NULL), 0);
  EQ(summed, 0);
  turns(4);
  EQ(summed, 3);
  EQ(sum_of_sessions, 3);
  EQ(sio_threads_fetch_stats(members[1], NULL, NULL), UV_EINVAL);
  free_peers();
  end();
}

/* The memory for the replies is allocated with the questions. */
TEST(the_statistics_of_all_members_come_although_there_is_no_memory_to_reply) {
  begin();
  summed = 0;
  EQ(sio_threads_fetch_stats(members[0], on_sum, NULL), 0);
  alloc_fail_all();
  turns(4);
  alloc_fail_in(0);
  EQ(summed, 3);
  end();
}

TEST(a_member_that_cannot_be_asked_is_left_out_of_the_sum) {
  size_t before;
  begin();
  for (int i = 3; i <= 8; i++) {
    summed = 0;
    before = alloc_live;
    alloc_fail_in((size_t)i);
    EQ(sio_threads_fetch_stats(members[0], on_sum, NULL), 0);
    alloc_fail_in(0);
    turns(4);
    EQ(summed, 2);
    EQ(alloc_live, before);
  }
  end();
}

TEST(a_sum_of_statistics_ends_when_its_server_closes) {
  begin();
  summed = 0;
  EQ(sio_threads_fetch_stats(members[0], on_sum, NULL), 0);
  end();
  CHECK(summed >= 1);
}

TEST(a_server_without_others_is_the_whole_sum) {
  whole_start(NULL);
  summed = 0;
  EQ(sio_threads_fetch_stats(srv, on_sum, NULL), 0);
  turns(2);
  EQ(summed, 1);
  whole_stop();
}

static char metrics_text[200000];
static unsigned metrics_calls;
static void on_metrics(sio_slice text, void *user) {
  (void)user;
  metrics_calls++;
  REQUIRE(text.n < sizeof metrics_text);
  if (text.n) memcpy(metrics_text, text.p, text.n);
  metrics_text[text.n] = '\0';
}

TEST(the_metrics_of_one_member_are_those_of_all) {
  struct raw c;
  sio_nsp *chat;
  begin();
  EQ(sio_metrics_route(members[1], "/metrics"), 0);
  EQ(sio_of(members[2], "/chat", &chat), 0);
  connect_peers();
  EQ(sio_join(sio_test_socket(peers[0]), "red"), 0);
  EQ(sio_join(sio_test_socket(peers[2]), "red"), 0);
  REQUIRE(raw_open(&c, members[1]));
  CHECK(raw_get(&c, "/metrics") && raw_expect(&c, "sio_sockets{namespace=\"/\"} 3\n"));
  raw_close(&c);
  metrics_calls = 0;
  EQ(sio_broadcast((sio_target){ .nsp = roots[1] }, "news", SIO_NONE), 0);
  turns(2);
  EQ(sio_threads_fetch_metrics(members[0], on_metrics, NULL), 0);
  turns(4);
  EQ(metrics_calls, 1);
  CHECK(strstr(metrics_text, "sio_sockets{namespace=\"/chat\"} 0\n"));
  CHECK(strstr(metrics_text, "sio_rooms{namespace=\"/\"} 2\n"));
  CHECK(strstr(metrics_text, "sio_events_sent_total{namespace=\"/\"} 3\n"));
  EQ(sio_threads_fetch_metrics(members[0], NULL, NULL), UV_EINVAL);
  free_peers();
  end();
}

TEST(a_request_for_metrics_is_answered_when_its_server_closes) {
  struct raw c;
  begin();
  metrics_calls = 0;
  EQ(sio_metrics_route(members[1], "/metrics"), 0);
  EQ(sio_threads_fetch_metrics(members[1], on_metrics, NULL), 0);
  REQUIRE(raw_open(&c, members[1]));
  CHECK(raw_request(&c, "GET", "/metrics", "", NULL));
  turn();
  close_members();
  CHECK(raw_expect(&c, "sio_sockets{namespace=\"/\"} 0\n"));
  raw_close(&c);
  wait_until_closed();
  EQ(metrics_calls, 1);
}

/* ---- options and calls ---------------------------------------- */

TEST(an_adapter_cannot_be_set_together_with_threads) {
  sio_server *one;
  sio_options o = options();
  if (uv_loop_init(&uv) || sio_threads_new(&threads)) abort();
  o.threads = threads;
  o.adapter = &sio__adapter_memory;
  log_text[0] = '\0';
  EQ(sio_server_new(&uv, &o, &one), UV_EINVAL);
  CHECK(strstr(log_text, "sio_options.adapter: cannot be set together with threads"));
  sio_threads_unref(threads);
  EQ(uv_loop_close(&uv), 0);
}

static unsigned posted;
static void on_posted(sio_server *member, void *arg) {
  CHECK(member == members[posted++]);
  CHECK(arg == &posted);
}

TEST(a_call_is_posted_to_all_members) {
  unsigned count;
  begin();
  posted = 0;
  EQ(sio_threads_post(threads, on_posted, &posted, &count), 0);
  EQ(count, 3);
  turns(2);
  EQ(posted, 3);
  end();
}

TESTS_BEGIN
T(a_poll_for_a_session_of_another_member_is_answered_there)
T(a_session_is_upgraded_by_a_websocket_that_came_to_another_member)
T(one_connection_brings_requests_for_sessions_of_several_members)
T(requests_that_were_sent_together_are_answered_in_order)
T(a_body_that_has_partly_arrived_moves_with_its_request)
T(a_session_id_that_no_member_knows_is_refused_where_it_came)
T(a_session_of_a_member_that_has_closed_is_unknown)
T(connections_that_one_member_accepts_are_spread_over_all)
T(max_connections_counts_those_of_all_members)
T(a_member_that_drains_gets_no_new_connections)
T(limits_per_address_hold_for_all_members_together)
T(a_connection_that_moves_counts_once_for_its_address)
T(a_moved_connection_whose_place_was_taken_is_rejected_and_frees_its_request)
T(a_broadcast_reaches_the_sockets_of_all_members)
T(a_local_broadcast_stays_on_its_member)
T(rooms_are_joined_and_left_on_all_members)
T(a_question_to_many_is_answered_by_the_sockets_of_all_members)
T(a_question_ends_when_the_last_socket_of_another_member_leaves)
T(sockets_of_all_members_are_fetched)
T(an_event_to_the_other_servers_reaches_the_other_members)
T(members_count_as_servers)
T(a_question_to_a_member_that_closes_ends_without_it)
T(the_statistics_of_all_members_are_added_up)
T(the_statistics_of_all_members_come_although_there_is_no_memory_to_reply)
T(a_member_that_cannot_be_asked_is_left_out_of_the_sum)
T(a_sum_of_statistics_ends_when_its_server_closes)
T(a_server_without_others_is_the_whole_sum)
T(the_metrics_of_one_member_are_those_of_all)
T(a_request_for_metrics_is_answered_when_its_server_closes)
T(an_adapter_cannot_be_set_together_with_threads)
T(a_call_is_posted_to_all_members)
TESTS_END
