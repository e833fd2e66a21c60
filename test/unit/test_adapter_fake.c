/* SPDX-License-Identifier: MIT
 *
 * test_adapter_fake.c - two servers behind one adapter.
 */
#include "fake_adapter.h"

/* ---- servers --------------------------------------------------------------------------------- */

static sio_server *servers[NODES];
static sio_nsp *spaces[NODES];    /* "/" of each */
static struct peer *pa, *pb, *pc; /* pa with the first server, the others with the second */
static sio_socket *sa, *sb, *sc;
static int numbers[NODES] = { 0, 1, 2 };

static sio_options options_of(int node) {
  return (
      sio_options){ .adapter = &fake, .adapter_user = &numbers[node], .request_timeout_ms = 5000 };
}

static struct peer *peer_at(int node) {
  sio_server *first_server = srv;
  srv = servers[node];
  struct peer *p = joined();
  srv = first_server;
  return p;
}

static sio_socket *newest(int node) { return spaces[node]->members[spaces[node]->nmembers - 1]; }

static void add_server(int node) {
  sio_options o = options_of(node);
  EQ(sio_server_new(&loop, &o, &servers[node]), 0);
  EQ(sio_of(servers[node], "/", &spaces[node]), 0);
}

static void begin(void) {
  sio_options o = options_of(0);
  memset(nodes, 0, sizeof nodes);
  start(&o);
  servers[0] = srv;
  spaces[0] = root;
  add_server(1);
  pa = peer_at(0);
  sa = newest(0);
  pb = peer_at(1);
  sb = newest(1);
  pc = peer_at(1);
  sc = newest(1);
}

static void on_other_done(void *user) { *(bool *)user = true; }

static void drop_server(int node) {
  bool gone = false;
  sio_server_close(servers[node], on_other_done, &gone);
  for (int i = 0; i < 20 && !gone; i++) turn();
  CHECK(gone);
}

static void end(void) {
  for (int i = 1; i < NODES; i++)
    if (nodes[i]) drop_server(i);
  stop();
  for (struct message *m; (m = first);) {
    first = m->next;
    free_message(m);
  }
  last = &first;
}

static void wait_ms(int node, uint64_t ms) {
  sio__timers_fire_due(&servers[node]->core.loop.timers, uv_now(&loop) + ms);
  turn();
}

/* ---- broadcasts ------------------------------------------------------------------------------ */

static void reaches(sio_target to, const char *want) {
  char who[8] = "";
  to.nsp = root;
  EQ(sio_broadcast(to, "m", SIO_NONE), 0);
  pump();
  if (strcmp(heard(pa), "42[\"m\"] ") == 0) strcat(who, "a");
  if (strcmp(heard(pb), "42[\"m\"] ") == 0) strcat(who, "b");
  if (strcmp(heard(pc), "42[\"m\"] ") == 0) strcat(who, "c");
  EQ_STR(who, want);
}

TEST(a_broadcast_reaches_both_servers) {
  begin();
  reaches((sio_target){ 0 }, "abc");
  reaches((sio_target){ .skip = sa }, "bc");
  reaches((sio_target){ .flags = SIO_LOCAL }, "a");
  sio_join(sb, "r");
  sio_join(sa, "r");
  reaches((sio_target){ .rooms = SIO_ROOMS("r") }, "ab");
  reaches((sio_target){ .except = SIO_ROOMS("r") }, "c");
  reaches((sio_target){ .rooms = SIO_ROOMS(sio_socket_id(sc)) }, "c");
  const char *const none[] = { NULL };
  reaches((sio_target){ .rooms = none }, "");
  end();
}

TEST(arguments_and_attachments_travel) {
  begin();
  EQ(sio_broadcast((sio_target){ .nsp = root }, "n\"",
                   SIO_ARGS(sio_bin("\1\2", 2), "x", sio_bin("\3", 1))),
     0);
  EQ(sio_broadcast((sio_target){ .nsp = root }, "t", SIO_ARGS(sio_json(SLICE("{\"a\":[1.50]}")))),
     0);
  pump();
  static const char want[] =
      "452-[\"n\\\"\",{\"_placeholder\":true,\"num\":0},\"x\",{\"_placeholder\":true,\"num\":1}] "
      "b:0102 b:03 42[\"t\",{\"a\":[1.50]}] ";
  HEARD(pa, want);
  HEARD(pb, want);
  end();
}

TEST(a_packet_shows_its_values_whatever_stands_before_them) {
  begin();
  sio_nsp *odd;
  EQ(sio_of(servers[1], "/a[-1[", &odd), 0);
  sio_broadcast((sio_target){ .nsp = odd }, "e[", SIO_ARGS(sio_bin("x", 1), "-"));
  EQ_STR(first->json, "[\"e[\",{\"_placeholder\":true,\"num\":0},\"-\"]");
  EQ(first->nbins, 1);
  end();
}

TEST(invalid_events_are_refused) {
  begin();
  sio_packet *p;
  sio_target here = { .nsp = root, .flags = SIO_NO_COMPRESS };
  sio_slice bin = SLICE("x");
  static const char *const bad[] = {
    "", "{}", "[]", "[null]", "[{}]", "[\"a\"", "[\"a\",\"\xff\"]", "\"a\""
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    EQ(api->packet_new(&here, text(bad[i]), NULL, 0, NULL, slice(NULL, 0), &p), SIO_EJSON);
  EQ(api->packet_new(&here, text("[\"disconnect\"]"), NULL, 0, NULL, slice(NULL, 0), &p),
     SIO_ENAME);
  EQ(api->packet_new(&here, text("[\"a\\u0000b\"]"), NULL, 0, NULL, slice(NULL, 0), &p), SIO_ENAME);
  EQ(api->server_side_receive(root, text("[\"a\\u0000b\"]"), NULL, 0, NULL, NULL), SIO_ENAME);
  EQ(api->packet_new(&here, text("[\"a\",{\"_placeholder\":true,\"num\":1}]"), &bin, 1, NULL,
                     slice(NULL, 0), &p),
     SIO_EPLACEHOLDER);
  static const char past[] = "[\"a\",{\"_placeholder\":true,\"num\":1}]";
  EQ(api->server_side_receive(root, text(past), &bin, 1, NULL, NULL), SIO_EPLACEHOLDER);
  EQ(api->server_side_receive(root, text("[1,"), NULL, 0, NULL, NULL), SIO_EJSON);
  EQ(api->packet_new(&here, text("[7]"), NULL, 0, NULL, slice(NULL, 0), &p), 0);
  sio_packet_info info = { 0 };
  EQ(api->packet_get_info(p, &info), 0);
  EQ_MEM(info.json.p, info.json.n, "[\"7\"]", 5);
  api->packet_free(p);
  api->packet_free(NULL);
  end();
}

/* ---- acks ------------------------------------------------------------------------------------ */

static void on_replies(int status, sio_replies *r, void *user) {
  (void)user;
  trace("%d", status);
  for (size_t i = 0; i < r->count; i++) {
    sio_slice json = r->list[i].json, bin = sio_event_bin(sio_replies_event(r, i), 0);
    const char *id = r->list[i].id;
    const char *who = strcmp(id, sa->id) == 0 ? "a" : *id ? "other" : "";
    trace(",%s:%.*s", who, bin.p ? (int)bin.n : (int)json.n, bin.p ? bin.p : json.p);
  }
  trace("/%zu-%zu ", r->expected, r->gone);
}

static void ask(sio_target to, unsigned ms) {
  to.nsp = root;
  EQ(sio_broadcast_ack(to, "q", SIO_ARGS(1), ms, on_replies, NULL), 0);
}

TEST(acks_come_from_both_servers_one_by_one) {
  begin();
  ask((sio_target){ 0 }, 0);
  HEARD(pa, "420[\"q\",1] ");
  pump();
  HEARD(pb, "420[\"q\",1] ");
  HEARD(pc, "420[\"q\",1] ");
  say(pb, "430[\"b\",2]");
  pump();
  say(pa, "430[\"a\"]");
  SAW("");
  say(pc, "461-0[{\"_placeholder\":true,\"num\":0}]");
  say_bin(pc, "bytes", 5);
  pump();
  SAW("0,other:\"b\",a:\"a\",other:bytes/3-0 ");
  end();
}

TEST(a_question_to_one_peer_elsewhere) {
  begin();
  ask((sio_target){ .rooms = SIO_ROOMS(sc->id) }, 10000);
  pump();
  HEARD(pa, "");
  HEARD(pb, "");
  say(pc, "430[7]");
  pump();
  SAW("0,other:7/1-0 ");
  ask((sio_target){ .rooms = SIO_ROOMS("nobody") }, 10000);
  pump();
  SAW("0/0-0 ");
  end();
}

TEST(a_socket_that_leaves_another_server_is_not_waited_for) {
  begin();
  ask((sio_target){ .skip = sa }, 10000);
  pump();
  say(pb, "430[1]");
  hang_up(pc);
  pump();
  SAW("0,other:1/2-1 ");
  end();
}

TEST(a_silent_server_means_what_came_and_a_timeout) {
  begin();
  nodes[1]->deaf = true;
  ask((sio_target){ 0 }, 0); /* 0: the default where other servers take part */
  pump();
  say(pa, "430[1]");
  wait_ms(0, 2000);
  SAW("");
  wait_ms(0, 5100);
  SAW("-10002,a:1/1-0 over ");
  nodes[1]->deaf = false;
  pump();
  SAW("");
  end();
}

TEST(a_silent_peer_elsewhere_means_what_came_and_a_timeout_here_and_there) {
  begin();
  ask((sio_target){ 0 }, 5000);
  pump();
  say(pa, "430[1]");
  say(pb, "430[2]");
  pump();
  wait_ms(1, 5100);
  CHECK(sc->ack_waits == NULL);
  pump(); /* the other server says how many it has lost, which ends the question in time */
  SAW("0,a:1,other:2/3-1 ");
  end();
}

TEST(open_questions_end_when_their_server_closes) {
  begin();
  ask((sio_target){ 0 }, 10000);
  pump();
  sio_server_close(srv, on_done, NULL);
  turn();
  const char *t = saw();
  CHECK(strncmp(t, "-10001/3-", 9) == 0 && strstr(t, "over "));
  say(pb, "430[1]");
  pump();
  SAW("");
  end();
}

TEST(a_server_closes_while_anothers_question_runs_there) {
  begin();
  ask((sio_target){ 0 }, 10000);
  pump();
  drop_server(1);
  say(pa, "430[1]");
  pump();
  SAW("0,a:1/3-2 ");
  end();
}

/* ---- bulk verbs ------------------------------------------------------------------------------ */

TEST(bulk_verbs_reach_both_servers) {
  begin();
  sio_all_join((sio_target){ .nsp = root }, SIO_ROOMS("x", "y"));
  pump();
  CHECK(sio_in_room(sa, "x") && sio_in_room(sb, "x") && sio_in_room(sc, "y"));
  sio_all_leave((sio_target){ .nsp = root, .rooms = SIO_ROOMS(sb->id) }, SIO_ROOMS("x"));
  sio_all_leave((sio_target){ .nsp = root, .flags = SIO_LOCAL }, SIO_ROOMS("y"));
  pump();
  CHECK(sio_in_room(sa, "x") && !sio_in_room(sb, "x") && sio_in_room(sc, "x"));
  CHECK(!sio_in_room(sa, "y") && sio_in_room(sc, "y"));
  end();
}

TEST(a_packet_comes_before_the_disconnect_that_was_called_after_it) {
  begin();
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS(sb->id) }, "bye", SIO_NONE);
  sio_all_disconnect((sio_target){ .nsp = root, .rooms = SIO_ROOMS(sb->id) }, false);
  sio_all_disconnect((sio_target){ .nsp = root, .skip = sa }, true);
  pump();
  HEARD(pb, "42[\"bye\"] 41 ");
  HEARD(pc, "41 end ");
  HEARD(pa, "");
  end();
}

/* ---- fetching -------------------------------------------------------------------------------- */

static void on_list(int status, sio_remote *list, size_t n, void *user) {
  (void)user;
  trace("%d:", status);
  for (size_t i = 0; i < n; i++) {
    size_t rooms = 0;
    while (list[i].rooms[rooms]) rooms++;
    sio_slice h = sio_remote_handshake(&list[i]);
    CHECK(h.n > 50 && memcmp(h.p, "{\"headers\":{}", 13) == 0);
    trace("%s%zu%.*s ", list[i].socket ? "here" : "there", rooms, (int)list[i].data.n,
          list[i].data.p);
  }
}

TEST(fetching_finds_sockets_of_both_servers) {
  begin();
  sio_join(sc, "r");
  sio_socket_set_shared(sc, SLICE("{\"n\":1}"));
  EQ(sio_all_fetch((sio_target){ .nsp = root }, 0, on_list, NULL), 0);
  pump();
  SAW("0:here1{} there1{} there2{\"n\":1} ");
  EQ(sio_all_fetch((sio_target){ .nsp = root, .rooms = SIO_ROOMS("r") }, 0, on_list, NULL), 0);
  pump();
  SAW("0:there2{\"n\":1} ");
  EQ(sio_all_fetch((sio_target){ .nsp = root, .flags = SIO_LOCAL }, 0, on_list, NULL), 0);
  pump();
  SAW("0:here1{} ");
  end();
}

TEST(fetching_from_a_silent_server_gives_what_is_there) {
  begin();
  nodes[1]->deaf = true;
  EQ(sio_all_fetch((sio_target){ .nsp = root }, 2000, on_list, NULL), 0);
  pump();
  SAW("");
  wait_ms(0, 2100);
  SAW("-10002:here1{} over ");
  end();
}

static void on_any_list(int status, sio_remote *list, size_t n, void *user) {
  (void)list, (void)user;
  trace("%d:%zu ", status, n);
}

TEST(invalid_and_too_large_answers_are_dropped) {
  begin();
  server_of_core(spaces[0]->core)->opts.o.max_answers = 100;
  EQ(sio_all_fetch((sio_target){ .nsp = root }, 0, on_any_list, NULL), 0);
  sio_query *q = container_of(list_first(&root->queries), sio_query, link);
  api->query_remote(q, &(sio_remote){ .id = "1", .data = SLICE("{") });
  api->query_remote(q, &(sio_remote){ .id = "2", .data = SLICE("[1]") });
  api->query_remote(q,
                    &(sio_remote){ .id = "3",
                                   .data = SLICE("\"0123456789012345678901234567890123456789"
                                                 "0123456789012345678901234567890123456789\"") });
  EQ(srv->core.stats.answers_dropped, 2);
  nodes[1]->deaf = true;
  pump();
  wait_ms(0, 5100);
  SAW("-10002:2 over ");
  end();
}

/* ---- server side ----------------------------------------------------------------------------- */

static sio_ack *kept;

static void on_hello(sio_nsp *nsp, sio_event *e, void *user) {
  sio_slice json = sio_event_json(e, 0);
  trace("%s/%d:%s,%.*s ", user ? (const char *)user : "", nsp == spaces[0] ? 0 : 1,
        sio_event_name(e), (int)json.n, json.p);
  if (!sio_event_wants_ack(e)) return;
  sio_slice bin = sio_event_bin(e, 1);
  if (bin.p)
    sio_reply(e, SIO_ARGS(sio_arg(e, 1), "second"));
  else
    EQ(sio_reply(e, SIO_ARGS("yes", 2)), 0);
  EQ(sio_reply(e, SIO_NONE), SIO_ESTATE);
}

static void on_later(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  kept = sio_event_take_ack(e);
  CHECK(kept != NULL);
}

TEST(server_side_events_reach_the_other_server_and_not_this_one) {
  begin();
  for (int i = 0; i < 2; i++) EQ(sio_on_server_side(spaces[i], "hello", on_hello, NULL), 0);
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS("w"), 0, NULL, NULL), 0);
  pump();
  SAW("/1:hello,\"w\" ");
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS(sio_json(SLICE("{\"x\":1}"))), 0, on_replies,
                          NULL),
     0);
  pump();
  SAW("/1:hello,{\"x\":1} 0,:\"yes\"/1-0 ");
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS(1, sio_bin("bin", 3)), 0, on_replies, NULL), 0);
  pump();
  SAW("/1:hello,1 0,:bin/1-0 ");
  HEARD(pb, "");
  end();
}

TEST(an_answer_may_come_later_or_never) {
  begin();
  sio_on_server_side(spaces[1], "later", on_later, NULL);
  EQ(sio_server_side_emit(root, "later", SIO_NONE, 0, on_replies, NULL), 0);
  pump();
  SAW("");
  EQ(sio_ack_send(kept, SIO_NONE), 0);
  pump();
  SAW("0,:null/1-0 ");
  EQ(sio_server_side_emit(root, "later", SIO_NONE, 3000, on_replies, NULL), 0);
  pump();
  sio_ack_drop(kept);
  pump();
  wait_ms(0, 3100);
  SAW("-10002/1-0 over ");
  EQ(sio_server_side_emit(root, "unheard", SIO_NONE, 3000, on_replies, NULL), 0);
  pump();
  wait_ms(0, 3100);
  SAW("-10002/1-0 over ");
  end();
}

TEST(an_ack_outlives_its_server) {
  begin();
  sio_on_server_side(spaces[1], "later", on_later, NULL);
  EQ(sio_server_side_emit(root, "later", SIO_NONE, 1000, on_replies, NULL), 0);
  pump();
  drop_server(1);
  EQ(sio_ack_send(kept, SIO_ARGS(1)), SIO_ECLOSED);
  wait_ms(0, 1100);
  SAW("-10002/1-0 over ");
  end();
}

TEST(one_of_three_is_silent) {
  begin();
  add_server(2);
  for (int i = 1; i < 3; i++) sio_on_server_side(spaces[i], "hello", on_hello, NULL);
  nodes[2]->deaf = true;
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS(1), 4000, on_replies, NULL), 0);
  pump();
  SAW("/1:hello,1 ");
  wait_ms(0, 4100);
  SAW("-10002,:\"yes\"/2-0 over ");
  end();
}

static void on_count(int status, size_t n, void *user) {
  (void)user;
  trace("%d:%zu ", status, n);
}

TEST(servers_are_counted) {
  begin();
  add_server(2);
  EQ(sio_server_count(root, 0, on_count, NULL), 0);
  turn();
  SAW("0:3 ");
  drop_server(2);
  EQ(sio_server_count(root, 0, on_count, NULL), 0);
  turn();
  SAW("0:2 ");
  end();
}

TESTS_BEGIN
T(a_broadcast_reaches_both_servers)
T(arguments_and_attachments_travel)
T(a_packet_shows_its_values_whatever_stands_before_them)
T(invalid_events_are_refused)
T(acks_come_from_both_servers_one_by_one)
T(a_question_to_one_peer_elsewhere)
T(a_socket_that_leaves_another_server_is_not_waited_for)
T(a_silent_server_means_what_came_and_a_timeout)
T(a_silent_peer_elsewhere_means_what_came_and_a_timeout_here_and_there)
T(open_questions_end_when_their_server_closes)
T(a_server_closes_while_anothers_question_runs_there)
T(bulk_verbs_reach_both_servers)
T(a_packet_comes_before_the_disconnect_that_was_called_after_it)
T(fetching_finds_sockets_of_both_servers)
T(fetching_from_a_silent_server_gives_what_is_there)
T(invalid_and_too_large_answers_are_dropped)
T(server_side_events_reach_the_other_server_and_not_this_one)
T(an_answer_may_come_later_or_never)
T(an_ack_outlives_its_server)
T(one_of_three_is_silent)
T(servers_are_counted)
TESTS_END
