/* SPDX-License-Identifier: MIT */
#include "core/pending_acks.h"
#include "core/query.h"
#include "peer.h"

static sio_socket *first(void) { return root->members[0]; }

static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  trace("%s:%d", user ? (const char *)user : "reply", status);
  CHECK(s != NULL);
  CHECK((reply != NULL) == (status == 0));
  for (size_t i = 0; reply && i < sio_event_count(reply); i++) {
    sio_val v = sio_arg(reply, i);
    trace(",%.*s", (int)v.n, (const char *)v.u.p);
  }
  trace(" ");
}

/* ---- one question and its ends ------------------------------------------------------------ */

TEST(a_reply_comes_back_once) {
  start(NULL);
  struct peer *p = joined();
  EQ(sio_emit_ack(first(), "q", SIO_ARGS(1), 0, on_reply, NULL), 0);
  HEARD(p, "420[\"q\",1] ");
  say(p, "430[\"yes\",{\"a\":1}]");
  SAW("reply:0,\"yes\",{\"a\":1} ");
  say(p, "430[\"again\"]");
  SAW("");
  CHECK(first()->ack_waits == NULL);
  stop();
}

TEST(questions_and_replies_may_be_binary) {
  start(NULL);
  struct peer *p = joined();
  EQ(sio_emit_ack(first(), "q", SIO_ARGS(sio_bin("\1", 1)), 0, on_reply, NULL), 0);
  HEARD(p, "451-0[\"q\",{\"_placeholder\":true,\"num\":0}] b:01 ");
  say(p, "461-0[{\"_placeholder\":true,\"num\":0}]");
  SAW("");
  say_bin(p, "\2", 1);
  SAW("reply:0,{\"_placeholder\":true,\"num\":0} ");
  stop();
}

TEST(replies_find_their_questions_in_any_order) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "0");
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "1");
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "2");
  say(p, "431[]");
  say(p, "432[]");
  say(p, "433[]");
  say(p, "430[]");
  SAW("1:0 2:0 0:0 ");
  stop();
}

TEST(a_question_times_out_once_and_a_late_reply_is_ignored) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, NULL);
  later(49);
  SAW("");
  later(51);
  SAW("reply:-10002 ");
  say(p, "430[]");
  SAW("");
  CHECK(p->session != NULL);
  stop();
}

/* The host kept the loop while the time ran out: the reply may be on its way. */
TEST(the_time_of_a_query_starts_once_more_after_a_stall) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, "0");
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, "1");
  srv->core.loop.late = true;
  later(51);
  SAW("");
  say(p, "430[]");
  SAW("0:0 ");
  later(200);
  SAW("1:-10002 ");
  srv->core.loop.late = false;
  stop();
}

TEST(a_question_without_a_time_takes_the_servers) {
  start(&(sio_options){ .ack_timeout_ms = 50 });
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "0");
  sio_emit_ack(first(), "q", SIO_NONE, 80, on_reply, "1");
  later(51);
  SAW("0:-10002 ");
  later(81);
  SAW("1:-10002 ");
  heard(p);
  stop();
}

TEST(a_question_may_be_taken_back) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "0");
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, "1");
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, "1");
  EQ(sio_cancel_ack(first(), on_reply, "1"), 0);
  say(p, "431[]"); /* nobody waits for it */
  SAW("");
  say(p, "430[]");
  SAW("0:0 ");
  EQ(sio_cancel_ack(first(), on_reply, "0"), UV_ENOENT);
  later(51);
  SAW("1:-10002 ");
  EQ(sio_cancel_ack(first(), on_reply, "1"), UV_ENOENT);
  EQ(srv->core.stats.acks_lost, 1);
  stop();
}

static void take_next_back(sio_socket *s, int status, sio_event *reply, void *user) {
  on_reply(s, status, reply, user);
  trace("%d ", sio_cancel_ack(s, on_reply, "next"));
}

TEST(at_the_end_it_is_too_late_to_take_one_back) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 0, take_next_back, "one");
  sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "next");
  hang_up(p);
  SAW("one:-10001 -2 next:-10001 ");
  stop();
}

TEST(a_reply_in_time_stops_the_clock) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 50, on_reply, NULL);
  say(p, "430[42]");
  later(100);
  SAW("reply:0,42 ");
  stop();
}

TEST(who_leaves_ends_its_questions_in_order_after_its_disconnect_handlers) {
  start(NULL);
  struct peer *p = joined();
  for (int i = 0; i < 3; i++) sio_emit_ack(first(), "q", SIO_NONE, 1000, on_reply, i ? "b" : "a");
  hang_up(p);
  SAW("a:-10001 b:-10001 b:-10001 ");
  later(2000);
  SAW("");
  stop();
}

TEST(a_question_that_cannot_be_sent_has_no_end) {
  start(NULL);
  joined();
  EQ(sio_emit_ack(first(), "disconnect", SIO_NONE, 10, on_reply, NULL), SIO_ENAME);
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 10, NULL, NULL), UV_EINVAL);
  sio_socket *s = first();
  sio_disconnect(s, false);
  EQ(sio_emit_ack(s, "q", SIO_NONE, 10, on_reply, NULL), SIO_ECLOSED);
  later(100);
  SAW("");
  stop();
}

TEST(questions_are_limited) {
  start(&(sio_options){ .max_acks = 2 });
  struct peer *p = joined();
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, NULL), 0);
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, NULL), 0);
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, NULL), SIO_ETOOBIG);
  say(p, "431[]");
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, NULL), 0);
  stop();
}

static void ask_again(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)reply, (void)user;
  trace("%d ", status);
  if (status) EQ(sio_emit_ack(s, "q", SIO_NONE, 0, on_reply, NULL), SIO_ECLOSED);
  if (!status) sio_disconnect(s, false);
}

TEST(a_reply_handler_may_ask_and_disconnect) {
  start(NULL);
  struct peer *p = joined();
  sio_emit_ack(first(), "q", SIO_NONE, 0, ask_again, NULL);
  sio_emit_ack(first(), "q", SIO_NONE, 0, ask_again, NULL);
  say(p, "430[]");
  turn();
  SAW("0 -10001 ");
  stop();
}

TEST(no_failing_allocation_leaks_or_crashes_when_asking) {
  bool failed = true;
  for (size_t i = 1; failed && i < 100; i++) {
    start(NULL);
    struct peer *p = joined();
    size_t before = alloc_calls;
    alloc_fail_in(i);
    int ok = 0;
    for (int k = 0; k < 6; k++)
      ok += sio_emit_ack(first(), "q", SIO_ARGS(sio_bin("x", 1)), 5, on_reply, NULL) == 0;
    if (p->session) say(p, "430[1]");
    failed = alloc_calls - before >= i;
    hang_up(p);
    int ends = 0;
    for (const char *t = saw(); (t = strstr(t, "reply:")); t++) ends++;
    EQ(ends, ok);
    stop();
  }
  CHECK(!failed);
}

/* ---- the table --------------------------------------------------------------------------- */

static void on_end(sio_socket *s, int status, sio_event *reply, void *user) {
  int *ends = user;
  (void)s;
  CHECK((reply != NULL) == (status == 0));
  ends[0]++;
  ends[1] = status;
}

static void answer(struct peer *p, unsigned id) {
  char text[32];
  snprintf(text, sizeof text, "43%u[]", id);
  say(p, text);
}

enum { MANY = 300 };

/* A walk through all ids below MANY, which is no multiple of 7. */
static unsigned shuffled(unsigned i) { return i * 7 % MANY; }

TEST(each_of_many_is_found_whatever_was_taken_out_before) {
  int ends[MANY][2] = { { 0 } };
  start(NULL);
  struct peer *p = joined();
  for (int i = 0; i < MANY; i++) EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_end, ends[i]), 0);
  EQ(first()->ack_waits->n, MANY);
  for (unsigned i = 0; i < MANY; i++) {
    unsigned id = shuffled(i);
    answer(p, id);
    EQ(ends[id][0], 1);
    answer(p, id); /* nobody waits for it any more */
    EQ(ends[id][0], 1);
  }
  CHECK(first()->ack_waits == NULL);
  stop();
}

TEST(answers_times_and_leaving_end_each_question_once) {
  int ends[MANY][2] = { { 0 } };
  start(NULL);
  struct peer *p = joined();
  for (unsigned i = 0; i < MANY; i++)
    EQ(sio_emit_ack(first(), "q", SIO_NONE, i % 3 == 1 ? 100 : 0, on_end, ends[i]), 0);
  for (unsigned i = 0; i < MANY; i++)
    if (shuffled(i) % 3 == 0) answer(p, shuffled(i));
  later(200);
  hang_up(p);
  for (unsigned i = 0; i < MANY; i++) {
    EQ(ends[i][0], 1);
    EQ(ends[i][1], i % 3 == 0 ? 0 : i % 3 == 1 ? SIO_ETIMEOUT : SIO_ECLOSED);
  }
  stop();
}

TEST(ids_count_for_each_namespace) {
  sio_nsp *other;
  start(NULL);
  EQ(sio_of(srv, "o", &other), 0);
  struct peer *p = joined();
  say(p, "40/o,");
  heard(p);
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "root"), 0);
  EQ(sio_emit_ack(other->members[0], "q", SIO_NONE, 0, on_reply, "other"), 0);
  HEARD(p, "420[\"q\"] 42/o,0[\"q\"] ");
  say(p, "43/o,0[]");
  SAW("other:0 ");
  say(p, "430[]");
  SAW("root:0 ");
  stop();
}

TEST(what_is_undone_has_no_end) {
  int64_t id[3];
  start(NULL);
  struct peer *p = joined();
  static char names[][2] = { "a", "b", "c" };
  for (int i = 0; i < 3; i++) EQ(sio__pending_ack_add(first(), 50, on_reply, names[i], &id[i]), 0);
  sio__pending_ack_free_without_callback(first(), id[1]);
  sio__pending_ack_free_without_callback(first(), id[1]);
  sio__pending_ack_free_without_callback(first(), 77);
  answer(p, (unsigned)id[1]);
  SAW("");
  answer(p, (unsigned)id[2]);
  later(60);
  SAW("c:0 a:-10002 ");
  CHECK(first()->ack_waits == NULL);
  stop();
}

static void no_end(sio_query *q, int status) {
  (void)q, (void)status;
  bool told_of_its_end = true;
  CHECK(!told_of_its_end);
}

TEST(a_part_of_an_older_query_takes_its_place_among_the_questions) {
  sio_query *q;
  start(NULL);
  struct peer *p = joined();
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "before"), 0);
  EQ(sio__query_new(&q, root, 0, no_end, NULL), 0);
  EQ(q->ack_id, 1);
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, on_reply, "behind"), 0);
  EQ(sio__pending_ack_add_for_query(first(), q), 0);
  EQ(sio__pending_ack_add_for_query(first(), q), SIO_EEXISTS);
  EQ(first()->ack_waits->n, 3);
  answer(p, 1);
  EQ(first()->ack_waits->n, 2);
  answer(p, 2);
  answer(p, 0);
  SAW("behind:0 before:0 ");
  sio__query_discard_without_callback(q);
  stop();
}

TEST(without_memory_what_was_asked_before_stays) {
  start(NULL);
  struct peer *p = joined();
  int64_t id;
  for (int i = 0; i < 4; i++) EQ(sio__pending_ack_add(first(), 0, on_reply, NULL, &id), 0);
  for (unsigned i = 1; i <= 2; i++) { /* the table, what is put into it */
    alloc_fail_in(i);
    EQ(sio__pending_ack_add(first(), 0, on_reply, NULL, &id), UV_ENOMEM);
    alloc_fail_in(0);
    EQ(first()->ack_waits->n, 4);
  }
  EQ(sio__pending_ack_add(first(), 0, on_reply, NULL, &id), 0);
  EQ(id, 4);
  for (unsigned i = 0; i < 5; i++) answer(p, i);
  SAW("reply:0 reply:0 reply:0 reply:0 reply:0 ");
  stop();
}

TESTS_BEGIN
T(a_reply_comes_back_once)
T(questions_and_replies_may_be_binary)
T(replies_find_their_questions_in_any_order)
T(a_question_times_out_once_and_a_late_reply_is_ignored)
T(the_time_of_a_query_starts_once_more_after_a_stall)
T(a_question_without_a_time_takes_the_servers)
T(a_question_may_be_taken_back)
T(at_the_end_it_is_too_late_to_take_one_back)
T(a_reply_in_time_stops_the_clock)
T(who_leaves_ends_its_questions_in_order_after_its_disconnect_handlers)
T(a_question_that_cannot_be_sent_has_no_end)
T(questions_are_limited)
T(a_reply_handler_may_ask_and_disconnect)
T(no_failing_allocation_leaks_or_crashes_when_asking)
T(each_of_many_is_found_whatever_was_taken_out_before)
T(answers_times_and_leaving_end_each_question_once)
T(ids_count_for_each_namespace)
T(what_is_undone_has_no_end)
T(a_part_of_an_older_query_takes_its_place_among_the_questions)
T(without_memory_what_was_asked_before_stays)
TESTS_END
