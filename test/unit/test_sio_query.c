/* SPDX-License-Identifier: MIT */
#include "adapters/memory.h"
#include "core/pending_acks.h"
#include "core/query.h"
#include "peer.h"

/* ---- the host ---------------------------------------------------------------------------- */

static void on_replies(int status, sio_replies *r, void *user) {
  trace("%s:%d", user ? (const char *)user : "end", status);
  for (size_t i = 0; i < r->count; i++) {
    sio_slice json = r->list[i].json;
    trace(",%.*s", (int)json.n, json.p);
  }
  trace("/%zu-%zu ", r->expected, r->gone);
}

static int ask(sio_target to, unsigned ms, void *user) {
  to.nsp = root;
  return sio_broadcast_ack(to, "q", SIO_NONE, ms, on_replies, user);
}

static void begin(unsigned n, const sio_options *o) {
  start(o);
  while (n--) joined();
}

/* ---- broadcasts with acks -------------------------------------------------------------------- */

TEST(all_answers_come_in_the_order_of_their_arrival) {
  begin(3, NULL);
  EQ(ask((sio_target){ 0 }, 10000, NULL), 0);
  for (int i = 0; i < 3; i++) HEARD(peers[i], "420[\"q\"] ");
  say(peers[2], "430[\"c\",\"only the first\"]");
  say(peers[0], "430[{\"a\":[1]}]");
  turn();
  SAW("");
  say(peers[1], "430[]");
  SAW(""); /* from the loop */
  turn();
  SAW("end:0,\"c\",{\"a\":[1]},null/3-0 ");
  later(11000);
  SAW("");
  EQ(root->nqueries, 0);
  for (uint32_t i = 0; i < 3; i++) CHECK(root->members[i]->ack_waits == NULL);
  stop();
}

TEST(without_receivers_a_query_ends_after_the_call_without_answers) {
  begin(1, NULL);
  EQ(ask((sio_target){ .rooms = SIO_ROOMS("empty") }, 0, NULL), 0);
  SAW("");
  turn();
  SAW("end:0/0-0 ");
  stop();
}

TEST(the_time_of_a_query_starts_once_more_after_a_stall) {
  begin(2, NULL);
  EQ(ask((sio_target){ 0 }, 50, NULL), 0);
  srv->core.loop.late = true;
  later(51);
  SAW("");
  say(peers[0], "430[1]");
  later(200);
  SAW("end:-10002,1/2-0 ");
  srv->core.loop.late = false;
  stop();
}

TEST(a_late_answer_counts_as_missing_and_is_ignored) {
  begin(3, NULL);
  EQ(ask((sio_target){ 0 }, 5000, NULL), 0);
  say(peers[0], "430[1]");
  say(peers[1], "430[2]");
  later(2000);
  SAW("");
  later(5100);
  SAW("end:-10002,1,2/3-0 ");
  say(peers[2], "430[3]");
  turn();
  SAW("");
  CHECK(root->members[2]->ack_waits == NULL);
  stop();
}

/* A fault of ours must not keep the loop for ever. */
TEST(an_ack_wait_that_its_socket_does_not_know_is_freed_with_the_query) {
  begin(2, NULL);
  EQ(ask((sio_target){ 0 }, 5000, NULL), 0);
  root->members[0]->ack_waits->n = 0;
  later(5100);
  SAW("end:-10002/2-0 ");
  say(peers[0], "430[]");
  say(peers[1], "430[]");
  turn();
  SAW("");
  stop();
}

TEST(a_socket_that_leaves_is_not_waited_for) {
  begin(3, NULL);
  EQ(ask((sio_target){ 0 }, 0, NULL), 0);
  say(peers[0], "430[1]");
  hang_up(peers[1]);
  SAW("");
  say(peers[2], "41");
  turn();
  turn();
  SAW("end:0,1/3-2 ");
  stop();
}

TEST(without_a_timeout_it_waits_as_long_as_the_peers_stay) {
  begin(1, NULL);
  EQ(ask((sio_target){ 0 }, 0, NULL), 0);
  later(24000);
  SAW("");
  say(peers[0], "430[true]");
  turn();
  SAW("end:0,true/1-0 ");
  stop();
}

TEST(one_peer_is_asked_by_its_id) {
  begin(2, NULL);
  const char *id = sio_socket_id(root->members[1]);
  EQ(ask((sio_target){ .rooms = SIO_ROOMS(id) }, 0, NULL), 0);
  heard(peers[0]);
  say(peers[1], "430[\"me\"]");
  turn();
  SAW("end:0,\"me\"/1-0 ");
  stop();
}

TEST(ids_are_the_namespaces_and_questions_do_not_mix) {
  begin(2, NULL);
  EQ(ask((sio_target){ 0 }, 0, "a"), 0);
  EQ(ask((sio_target){ .skip = root->members[1] }, 0, "b"), 0);
  HEARD(peers[0], "420[\"q\"] 421[\"q\"] ");
  HEARD(peers[1], "420[\"q\"] ");
  say(peers[1], "431[\"not asked\"]");
  say(peers[0], "431[1]");
  turn();
  SAW("b:0,1/1-0 ");
  say(peers[0], "430[2]");
  say(peers[0], "430[\"again\"]");
  say(peers[1], "430[3]");
  turn();
  SAW("a:0,2,3/2-0 ");
  stop();
}

TEST(a_volatile_query_waits_only_for_sockets_that_it_was_sent_to) {
  begin(2, NULL);
  peers[0]->busy = true;
  EQ(ask((sio_target){ .flags = SIO_VOLATILE }, 0, NULL), 0);
  say(peers[1], "430[1]");
  turn();
  SAW("end:0,1/1-0 ");
  EQ(srv->core.stats.volatile_dropped, 1);
  stop();
}

TEST(a_socket_with_too_many_pending_acks_counts_as_lost) {
  begin(2, &(sio_options){ .max_acks = 1 });
  EQ(sio_emit_ack(root->members[0], "x", SIO_NONE, 0, (sio_reply_cb)(void (*)(void))on_replies,
                  NULL),
     0);
  heard(peers[0]);
  EQ(ask((sio_target){ 0 }, 0, NULL), 0);
  HEARD(peers[0], "");
  EQ(ask((sio_target){ 0 }, 0, NULL), SIO_ETOOBIG); /* questions to many are limited as well */
  say(peers[1], "431[1]");
  turn();
  SAW("end:0,1/2-1 ");
  sio__pending_ack_free_without_callback(root->members[0], 0);
  stop();
}

TEST(a_query_that_cannot_be_sent_is_an_error_and_has_no_end) {
  begin(1, NULL);
  EQ(sio_broadcast_ack((sio_target){ 0 }, "q", SIO_NONE, 0, on_replies, NULL), UV_EINVAL);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "q", SIO_NONE, 0, NULL, NULL), UV_EINVAL);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, NULL, SIO_NONE, 0, on_replies, NULL),
     SIO_ENAME);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "disconnect", SIO_NONE, 0, on_replies, NULL),
     SIO_ENAME);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "q", SIO_ARGS(sio_json(SLICE("{"))), 0,
                       on_replies, NULL),
     SIO_EJSON);
  HEARD(peers[0], "");
  EQ(root->nqueries, 0);
  turn();
  SAW("");
  stop();
}

TEST(an_open_question_ends_when_the_server_closes) {
  begin(1, NULL);
  EQ(ask((sio_target){ 0 }, 0, "a"), 0);
  sio_server_close(srv, on_done, NULL);
  EQ(ask((sio_target){ 0 }, 0, "b"), SIO_ECLOSED);
  turn();
  const char *t = saw();
  CHECK(strcmp(t, "a:0/1-1 ") == 0 || strcmp(t, "a:-10001/1-1 ") == 0);
  stop();
}

static void see_event(int status, sio_replies *r, void *user) {
  (void)user;
  EQ(status, 0);
  sio_event *e = sio_replies_event(r, 0);
  REQUIRE(e != NULL);
  CHECK(e == sio_replies_event(r, 0));
  CHECK(sio_replies_event(r, 1) == NULL);
  EQ(sio_event_count(e), 1);
  trace("%s %s ", sio_event_name(e), r->list[0].id[0] ? "id" : "none");
  sio_slice bin = sio_event_bin(e, 0);
  trace("%u %.*s ", sio_event_args(e).nbins, (int)bin.n, bin.p);
  sio_broadcast((sio_target){ .nsp = root }, "seen", SIO_ARGS(sio_arg(e, 0)));
}

TEST(an_answer_is_read_as_an_event_with_its_attachments) {
  begin(1, NULL);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "q", SIO_ARGS(sio_bin("\1", 1)), 0, see_event,
                       NULL),
     0);
  HEARD(peers[0], "451-0[\"q\",{\"_placeholder\":true,\"num\":0}] b:01 ");
  say(peers[0], "461-0[{\"_placeholder\":true,\"num\":0}]");
  say_bin(peers[0], "xyz", 3);
  turn();
  SAW(" id 1 xyz ");
  HEARD(peers[0], "451-[\"seen\",{\"_placeholder\":true,\"num\":0}] b:78797a ");
  stop();
}

static int answer_at_once(sio_adapter *a, const sio_packet *p, sio_query *q) {
  static const sio_slice bins[] = { { NULL, 0 }, { "x", 1 } };
  (void)a, (void)p;
  sio__query_expect_more_answers(q, 1);
  sio__query_check_and_add_remote_answer(q, NULL, SLICE("[{\"_placeholder\":true,\"num\":0}]"),
                                         bins, 2);
  return 0;
}

static void see_empty_attachment(int status, sio_replies *r, void *user) {
  (void)user;
  sio_event *e = sio_replies_event(r, 0);
  REQUIRE(e != NULL);
  trace("%d:%u,%zu ", status, sio_event_args(e).nbins, sio_event_bin(e, 0).n);
}

TEST(an_attachment_without_bytes_may_have_no_address) {
  sio_adapter_ops quick = sio__adapter_memory;
  quick.server_emit = answer_at_once;
  begin(0, &(sio_options){ .adapter = &quick });
  EQ(sio_server_side_emit(root, "x", SIO_NONE, 0, see_empty_attachment, NULL), 0);
  turn();
  SAW("0:2,0 ");
  stop();
}

TEST(what_is_kept_of_answers_is_limited) {
  begin(2, &(sio_options){ .max_answers = 200 });
  static char big[300] = "430[\"";
  memset(big + 5, 'x', 250);
  strcpy(big + 255, "\"]");
  EQ(ask((sio_target){ 0 }, 0, NULL), 0);
  say(peers[0], big);
  say(peers[1], "430[1]");
  turn();
  SAW("end:-10004,1/2-0 ");
  EQ(srv->core.stats.answers_dropped, 1);
  stop();
}

static void ask_again(int status, sio_replies *r, void *user) {
  (void)r, (void)user;
  trace("%d ", status);
  if (!status) EQ(ask((sio_target){ 0 }, 0, "again"), 0);
  if (!status) sio_disconnect(root->members[0], false);
}

TEST(an_end_may_ask_and_disconnect) {
  begin(2, NULL);
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "q", SIO_NONE, 0, ask_again, NULL), 0);
  say(peers[0], "430[]");
  say(peers[1], "430[]");
  turn();
  SAW("0 ");
  say(peers[1], "431[7]");
  turn();
  turn();
  SAW("again:0,7/2-1 ");
  stop();
}

TEST(no_failing_allocation_leaks_or_crashes_when_asking_many) {
  bool failed = true;
  for (size_t i = 1; failed && i < 100; i++) {
    begin(3, NULL);
    size_t before = alloc_calls;
    alloc_fail_in(i);
    int ok = 0;
    for (int k = 0; k < 3; k++) ok += ask((sio_target){ 0 }, 5000, NULL) == 0;
    for (int k = 0; k < 3; k++) {
      say(peers[k], "430[1]");
      say(peers[k], "431[1]");
    }
    turn();
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    later(5100);
    int ends = 0;
    for (const char *t = saw(); (t = strstr(t, "end:")); t++) ends++;
    EQ(ends, ok);
    EQ(root->nqueries, 0);
    stop();
  }
  CHECK(!failed);
}

/* ---- fetching -------------------------------------------------------------------------------- */

static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)user;
  trace("%d:%zu", status, n);
  for (size_t i = 0; i < n; i++) {
    const sio_remote *r = &list[i];
    size_t rooms = 0;
    bool own = false;
    for (; r->rooms[rooms]; rooms++) own |= strcmp(r->rooms[rooms], r->id) == 0;
    CHECK(own);
    CHECK(r->socket && strcmp(r->id, sio_socket_id(r->socket)) == 0);
    trace(",%zu rooms %.*s %.*s", rooms, (int)r->auth.n, r->auth.p, (int)r->data.n, r->data.p);
  }
  trace(" ");
}

TEST(fetching_shows_ids_rooms_auth_and_data) {
  start(NULL);
  struct peer *p = peer_new(), *q = joined();
  say(p, "40{\"token\":1}");
  sio_socket *a = root->members[1], *b = root->members[0];
  sio_join(a, "r1");
  sio_join(a, "r2");
  EQ(sio_socket_set_shared(a, SLICE("{\"name\":\"x\"}")), 0);
  EQ(sio_all_fetch((sio_target){ .nsp = root }, 0, on_fetched, NULL), 0);
  EQ(sio_all_fetch((sio_target){ .nsp = root, .skip = a }, 0, on_fetched, NULL), 0);
  EQ(sio_all_fetch((sio_target){ .nsp = root, .rooms = SIO_ROOMS("r1") }, 0, on_fetched, NULL), 0);
  EQ(sio_all_fetch((sio_target){ .nsp = root, .rooms = SIO_ROOMS("none") }, 0, on_fetched, NULL),
     0);
  SAW("");
  hang_up(q); /* what was found stays valid */
  SAW("0:2,1 rooms {} {},3 rooms {\"token\":1} {\"name\":\"x\"} 0:1,1 rooms {} {} "
      "0:1,3 rooms {\"token\":1} {\"name\":\"x\"} 0:0 ");
  (void)b;
  stop();
}

TEST(shared_data_is_one_json_text) {
  begin(1, NULL);
  sio_socket *s = root->members[0];
  EQ(sio_socket_set_shared(s, SLICE("{")), SIO_EJSON);
  EQ(sio_socket_set_shared(s, SLICE("\"\xff\"")), SIO_EJSON);
  EQ(sio_socket_set_shared(s, SLICE("[1]")), 0);
  EQ(sio_socket_set_shared(s, SLICE("nope")), SIO_EJSON);
  sio_slice v = sio_socket_shared(s);
  EQ_MEM(v.p, v.n, "[1]", 3);
  EQ(sio_socket_set_shared(s, SLICE("")), 0);
  v = sio_socket_shared(s);
  EQ_MEM(v.p, v.n, "{}", 2);
  alloc_fail_all();
  EQ(sio_socket_set_shared(s, SLICE("1")), UV_ENOMEM);
  alloc_fail_in(0);
  sio_socket_ref(s);
  hang_up(peers[0]);
  EQ(sio_socket_set_shared(s, SLICE("1")), SIO_ECLOSED);
  sio_socket_unref(s);
  stop();
}

TEST(no_failing_allocation_leaks_or_crashes_when_fetching) {
  bool failed = true;
  for (size_t i = 1; failed && i < 100; i++) {
    begin(2, NULL);
    size_t before = alloc_calls;
    alloc_fail_in(i);
    int err = sio_all_fetch((sio_target){ .nsp = root }, 0, on_fetched, NULL);
    failed = alloc_calls - before >= i;
    turn();
    const char *t = saw();
    CHECK(err ? !*t
              : strcmp(t, failed ? "-12:1,1 rooms {} {} " : "0:2,1 rooms {} {},1 rooms {} {} ") ==
                        0 ||
                    strcmp(t, "-12:0 ") == 0);
    stop();
  }
  CHECK(!failed);
}

/* ---- other servers: there are none ----------------------------------------------------------- */

static void on_any_list(int status, sio_remote *list, size_t n, void *user) {
  (void)list, (void)user;
  trace("list:%d,%zu ", status, n);
}

static void on_count(int status, size_t n, void *user) {
  (void)user;
  trace("servers:%d,%zu ", status, n);
}

TEST(a_single_server_counts_itself_and_does_not_get_its_own_events) {
  begin(1, NULL);
  EQ(sio_server_count(root, 0, on_count, NULL), 0);
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS(1), 0, on_replies, NULL), 0);
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS(1), 0, NULL, NULL), 0);
  EQ(sio_server_side_emit(root, "disconnect", SIO_NONE, 0, NULL, NULL), 0);
  SAW("");
  turn();
  SAW("servers:0,1 end:0/0-0 ");
  HEARD(peers[0], "");
  stop();
}

static void no_event(sio_nsp *nsp, sio_event *e, void *user) { (void)nsp, (void)e, (void)user; }

/* ---- an adapter that fails ------------------------------------------------------------------- */

static int fail_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  sio__adapter_memory.broadcast(a, to, p); /* even after asking */
  return UV_ENOTCONN;
}
static int fail_fetch(sio_adapter *a, const sio_target *to, sio_query *q) {
  (void)a, (void)to, (void)q;
  return UV_ENOTCONN;
}
static int fail_emit(sio_adapter *a, const sio_packet *p, sio_query *q) {
  (void)a, (void)p, (void)q;
  return UV_ENOTCONN;
}
static int fail_count(sio_adapter *a, sio_query *q) {
  (void)a, (void)q;
  return UV_ENOTCONN;
}

TEST(what_the_adapter_refuses_is_an_error_without_an_end) {
  sio_adapter_ops failing = sio__adapter_memory;
  failing.broadcast = fail_broadcast;
  failing.fetch = fail_fetch;
  failing.server_emit = fail_emit;
  failing.server_count = fail_count;
  begin(1, &(sio_options){ .adapter = &failing });
  EQ(ask((sio_target){ 0 }, 0, NULL), UV_ENOTCONN);
  CHECK(root->members[0]->ack_waits == NULL);
  EQ(sio_all_fetch((sio_target){ .nsp = root }, 0, on_fetched, NULL), UV_ENOTCONN);
  EQ(sio_server_side_emit(root, "x", SIO_NONE, 0, on_replies, NULL), UV_ENOTCONN);
  EQ(sio_server_side_emit(root, "x", SIO_NONE, 0, NULL, NULL), UV_ENOTCONN);
  EQ(sio_server_count(root, 0, on_count, NULL), UV_ENOTCONN);
  EQ(root->nqueries, 0);
  EQ(sio_all_fetch((sio_target){ .nsp = root, .flags = SIO_LOCAL }, 0, on_any_list, NULL), 0);
  later(6000);
  SAW("list:0,1 ");
  stop();
}

/* An older adapter: nothing of what may be left out. */
TEST(an_adapter_may_leave_out_what_is_of_other_servers_and_of_rooms) {
  sio_adapter_ops bare = sio__adapter_memory;
  bare.arrive = NULL;
  bare.depart = NULL;
  bare.all_rooms = NULL;
  bare.room_size = NULL;
  begin(2, &(sio_options){ .adapter = &bare });
  sio_join(root->members[0], "a");
  EQ(sio_nsp_count_sockets(root, "a"), 0);
  EQ(sio_nsp_rooms(root, NULL, 0), 0);
  EQ(sio_all_fetch((sio_target){ .nsp = root }, 0, on_any_list, NULL), 0);
  turn();
  SAW("list:0,2 ");
  hang_up(peers[0]);
  stop();
}

TEST(names_reserved_for_servers_are_refused) {
  begin(0, NULL);
  static const char *const names[] = { "connect", "connection", "new_namespace", NULL };
  for (int i = 0; i < 4; i++) {
    EQ(sio_server_side_emit(root, names[i], SIO_NONE, 0, NULL, NULL), SIO_ENAME);
    EQ(sio_on_server_side(root, names[i], no_event, NULL), SIO_ENAME);
  }
  EQ(sio_on_server_side(root, "x", NULL, NULL), UV_EINVAL);
  EQ(sio_server_side_emit(NULL, "x", SIO_NONE, 0, NULL, NULL), UV_EINVAL);
  EQ(sio_server_count(NULL, 0, on_count, NULL), UV_EINVAL);
  EQ(sio_all_fetch((sio_target){ .nsp = root }, 0, NULL, NULL), UV_EINVAL);
  EQ(sio__query_new_with_adapter_callbacks(root, 0, NULL, NULL, NULL), UV_EINVAL);
  EQ(sio__query_new_with_adapter_callbacks(root, 0, &(sio_query_watch){ .size = 1 }, NULL, NULL),
     UV_EINVAL);
  EQ(sio__query_new_with_adapter_callbacks(root, 0, &(sio_query_watch){ .size = 0 }, NULL, NULL),
     UV_EINVAL);
  stop();
}

TESTS_BEGIN
T(all_answers_come_in_the_order_of_their_arrival)
T(without_receivers_a_query_ends_after_the_call_without_answers)
T(the_time_of_a_query_starts_once_more_after_a_stall)
T(a_late_answer_counts_as_missing_and_is_ignored)
T(an_ack_wait_that_its_socket_does_not_know_is_freed_with_the_query)
T(a_socket_that_leaves_is_not_waited_for)
T(without_a_timeout_it_waits_as_long_as_the_peers_stay)
T(one_peer_is_asked_by_its_id)
T(ids_are_the_namespaces_and_questions_do_not_mix)
T(a_volatile_query_waits_only_for_sockets_that_it_was_sent_to)
T(a_socket_with_too_many_pending_acks_counts_as_lost)
T(a_query_that_cannot_be_sent_is_an_error_and_has_no_end)
T(an_open_question_ends_when_the_server_closes)
T(an_answer_is_read_as_an_event_with_its_attachments)
T(an_attachment_without_bytes_may_have_no_address)
T(what_is_kept_of_answers_is_limited)
T(an_end_may_ask_and_disconnect)
T(no_failing_allocation_leaks_or_crashes_when_asking_many)
T(fetching_shows_ids_rooms_auth_and_data)
T(shared_data_is_one_json_text)
T(no_failing_allocation_leaks_or_crashes_when_fetching)
T(a_single_server_counts_itself_and_does_not_get_its_own_events)
T(what_the_adapter_refuses_is_an_error_without_an_end)
T(an_adapter_may_leave_out_what_is_of_other_servers_and_of_rooms)
T(names_reserved_for_servers_are_refused)
TESTS_END
