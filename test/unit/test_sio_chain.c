/* SPDX-License-Identifier: MIT */
#include "core/chain.h"
#include "peer.h"

/* What a middleware does is its name: "yes", "no", "bare" (no, with nothing), "both" (yes, then
 * no), "late" (nothing yet), "leave" (yes, but the peer has gone), "more" (adds "yes", and says
 * yes); "" says yes quietly. */
static struct chain *c;
static struct hooks row;
static bool may_continue, frees;

static void fn(void) {}

static void add(const char *how) { EQ(sio__hooks_add(&row, fn, (void *)(uintptr_t)how), 0); }

static void call(struct chain *ch, const struct hook *k) {
  const char *how = k->user;
  CHECK(ch == c && ch->state == CHAIN_CALLING);
  if (how[0]) trace("%s ", how);
  if (strcmp(how, "more") == 0) add("yes");
  if (strcmp(how, "leave") == 0) may_continue = false;
  if (strcmp(how, "no") == 0)
    sio_next_fail(&ch->next, "why", sio_int(7));
  else if (strcmp(how, "bare") == 0)
    sio_next_fail(&ch->next, NULL, sio_null());
  else if (strcmp(how, "late") != 0)
    sio_next_ok(&ch->next);
  if (strcmp(how, "both") == 0) sio_next_fail(&ch->next, "too late", sio_null());
}

static void verdict_deferred(struct chain *ch) {
  (void)ch;
  trace("parked ");
}

static void refused(struct chain *ch, const char *message, sio_val data) {
  (void)ch, (void)data;
  trace("refused:%s ", message);
}

static bool is_wanted(const struct chain *ch) {
  (void)ch;
  return may_continue;
}

static void finish(struct chain *ch, bool ok) {
  trace("end:%d ", ok);
  EQ(ch->state, CHAIN_IDLE);
  if (frees) {
    sio__free(ch);
    c = NULL;
  }
}

static const struct chain_ops ops = { call, verdict_deferred, refused, is_wanted, finish };

static void begin(const char *const *hows) {
  start(NULL);
  sio__hooks_init(&row);
  for (; *hows; hows++) add(*hows);
  may_continue = true;
  frees = false;
  c = sio__malloc(sizeof *c);
  sio__middleware_chain_init(c, &srv->core.loop, &row, &ops);
  EQ(c->state, CHAIN_IDLE);
}

#define BEGIN(...) begin((const char *const[]){ __VA_ARGS__, NULL })

static void finish_test(void) {
  sio__free(c);
  sio__hooks_clear(&row);
  stop();
}

/* ---- at once --------------------------------------------------------------------------------- */

TEST(without_middleware_the_end_is_there_at_once) {
  begin((const char *const[]){ NULL });
  sio__middleware_chain_start(c);
  SAW("end:1 ");
  finish_test();
}

TEST(each_middleware_runs_after_the_one_before_has_accepted) {
  BEGIN("yes", "yes", "yes");
  sio__middleware_chain_start(c);
  SAW("yes yes yes end:1 ");
  finish_test();
}

TEST(the_first_no_is_the_end) {
  BEGIN("yes", "no", "yes");
  sio__middleware_chain_start(c);
  SAW("yes no refused:why end:0 ");
  finish_test();
}

TEST(a_no_without_a_message_has_an_empty_one) {
  BEGIN("bare");
  sio__middleware_chain_start(c);
  SAW("bare refused: end:0 ");
  finish_test();
}

TEST(only_the_first_verdict_counts) {
  BEGIN("both", "yes");
  sio__middleware_chain_start(c);
  SAW("both yes end:1 ");
  finish_test();
}

TEST(no_middleware_runs_for_a_socket_that_has_left) {
  BEGIN("leave", "yes");
  sio__middleware_chain_start(c);
  SAW("leave end:1 ");
  finish_test();
}

TEST(what_is_added_meanwhile_waits_for_the_next_time) {
  BEGIN("more");
  sio__middleware_chain_start(c);
  SAW("more end:1 ");
  sio__middleware_chain_start(c);
  SAW("more yes end:1 ");
  finish_test();
}

TEST(a_long_row_takes_no_stack) {
  begin((const char *const[]){ NULL });
  for (int i = 0; i < 100000; i++) add("");
  sio__middleware_chain_start(c);
  CHECK(strstr(saw(), "end:1") != NULL);
  finish_test();
}

/* ---- later ----------------------------------------------------------------------------------- */

TEST(after_a_late_yes_the_chain_goes_on_at_the_end_of_the_turn) {
  BEGIN("late", "late", "yes");
  sio__middleware_chain_start(c);
  SAW("late parked ");
  EQ(c->state, CHAIN_WAITING);
  turn();
  SAW("");
  sio_next_ok(&c->next);
  SAW("");
  turn();
  SAW("late parked ");
  sio_next_ok(&c->next);
  turn();
  SAW("yes end:1 ");
  finish_test();
}

TEST(a_late_no_is_reported_at_once_and_ends_the_chain_at_the_end_of_the_turn) {
  BEGIN("late", "yes");
  sio__middleware_chain_start(c);
  SAW("late parked ");
  sio_next_fail(&c->next, "no", sio_null());
  SAW("refused:no ");
  sio_next_ok(&c->next); /* it was said already */
  turn();
  SAW("end:0 ");
  finish_test();
}

TEST(no_middleware_runs_if_the_socket_leaves_after_a_late_verdict) {
  BEGIN("late", "yes");
  sio__middleware_chain_start(c);
  sio_next_ok(&c->next);
  may_continue = false;
  turn();
  SAW("late parked end:1 ");
  finish_test();
}

/* ---- abandoned ------------------------------------------------------------------------------- */

TEST(an_abandoned_chain_ends_with_the_outstanding_verdict) {
  for (int ok = 0; ok < 2; ok++) {
    BEGIN("late", "yes");
    sio__middleware_chain_start(c);
    SAW("late parked ");
    sio__middleware_chain_abandon(c);
    turn();
    SAW("");
    EQ(c->state, CHAIN_ABANDONED);
    if (ok)
      sio_next_ok(&c->next);
    else
      sio_next_fail(&c->next, "unheard", sio_null());
    SAW("end:0 ");
    turn();
    SAW("");
    finish_test();
  }
}

TEST(abandoned_between_verdict_and_turn_it_ends_at_once) {
  BEGIN("late", "yes");
  sio__middleware_chain_start(c);
  sio_next_ok(&c->next);
  sio__middleware_chain_abandon(c);
  SAW("late parked end:0 ");
  turn();
  SAW("");
  finish_test();
}

TEST(the_end_may_free_it) {
  static const char *const rows[][2] = { { "yes", NULL }, { "no", NULL }, { "late", NULL } };
  for (int way = 0; way < 5; way++) {
    begin(rows[way < 2 ? way : 2]);
    frees = true;
    sio__middleware_chain_start(c);
    if (way == 4) sio__middleware_chain_abandon(c);
    if (way == 3) sio_next_fail(&c->next, "no", sio_null());
    if (way == 2 || way == 4) sio_next_ok(&c->next);
    turn();
    CHECK(c == NULL);
    saw();
    finish_test();
  }
}

TESTS_BEGIN
T(without_middleware_the_end_is_there_at_once)
T(each_middleware_runs_after_the_one_before_has_accepted)
T(the_first_no_is_the_end)
T(a_no_without_a_message_has_an_empty_one)
T(only_the_first_verdict_counts)
T(no_middleware_runs_for_a_socket_that_has_left)
T(what_is_added_meanwhile_waits_for_the_next_time)
T(a_long_row_takes_no_stack)
T(after_a_late_yes_the_chain_goes_on_at_the_end_of_the_turn)
T(a_late_no_is_reported_at_once_and_ends_the_chain_at_the_end_of_the_turn)
T(no_middleware_runs_if_the_socket_leaves_after_a_late_verdict)
T(an_abandoned_chain_ends_with_the_outstanding_verdict)
T(abandoned_between_verdict_and_turn_it_ends_at_once)
T(the_end_may_free_it)
TESTS_END
