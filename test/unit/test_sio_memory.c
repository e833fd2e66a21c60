/* SPDX-License-Identifier: MIT
 *
 * test_sio_memory.c - memory that ends while an event is handled. Each allocation is made to fail
 * once: either the host's handler gets the whole event, or the session ends and says why.
 */
#include "dispatch_rig.h"

static char long_name[1500]; /* does not fit into the memory inside an event */

static void name_with(const char *part) {
  memset(long_name, 'n', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  memcpy(long_name + 700, part, strlen(part));
}

static unsigned handled;
static size_t names, counts; /* the length of the name, and the number of arguments */

static void on_event(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  handled++;
  names = strlen(sio_event_name(e));
  counts = sio_event_count(e);
}

/* ---- the sweep ------------------------------------------------------------------------------- */

/* Makes allocation `at` of the message fail. Returns false if there is no such allocation. */
static bool try_message(size_t at, void (*prepare)(void), void (*act)(struct peer *p)) {
  handled = 0;
  begin();
  prepare();
  struct peer *p = joined();
  uint64_t lost = srv->core.stats.out_of_memory;
  alloc_fail_in(at);
  act(p);
  bool failed = alloc_fuse == 0;
  alloc_fail_in(0);
  turn();
  lost = srv->core.stats.out_of_memory - lost;
  CHECK(failed ? handled + lost == 1 && (lost == 0 || !p->session) : handled == 1);
  stop();
  return failed;
}

/* Returns how many allocations there are. */
static size_t sweep(void (*prepare)(void), void (*act)(struct peer *p)) {
  size_t at = 1;
  while (at < 100 && try_message(at, prepare, act)) at++;
  CHECK(at < 100);
  return at - 1;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void with_any_handler(void) { sio_on_any(root, on_event, NULL); }

static void with_middleware(void) {
  sio_on_any(root, on_event, NULL);
  sio_use_packet(root, pass, "m");
}

static void speak_long(struct peer *p) {
  char text[2000];
  snprintf(text, sizeof text, "42[\"%s\"]", long_name);
  say(p, text);
}

TEST(a_long_name_reaches_the_handler_whole_or_the_session_ends) {
  name_with("");
  CHECK(sweep(with_any_handler, speak_long) > 0);
  EQ(names, sizeof long_name - 1);
}

static void speak_number(struct peer *p) {
  char text[2000];
  memset(long_name, '7', sizeof long_name - 1);
  snprintf(text, sizeof text, "42[%s]", long_name);
  say(p, text);
}

TEST(a_number_of_many_digits_reaches_the_handler_as_a_name_or_the_session_ends) {
  CHECK(sweep(with_any_handler, speak_number) > 0);
  EQ(names, sizeof long_name - 1);
}

TEST(an_event_of_the_host_has_its_whole_name_or_is_not_made) {
  sio_event *e = NULL;
  size_t at = 1;
  name_with("");
  begin();
  for (; !e && at < 20; at++) {
    alloc_fail_in(at);
    e = sio_event_new(long_name, SIO_ARGS(1));
    alloc_fail_in(0);
  }
  CHECK(at > 3);
  EQ_STR(sio_event_name(e), long_name);
  sio_event_free(e);
  stop();
}

TEST(a_long_name_reaches_packet_middleware_whole_or_the_session_ends) {
  name_with("");
  CHECK(sweep(with_middleware, speak_long) > 1);
  EQ(names, sizeof long_name - 1);
}

TEST(a_name_with_a_nul_reaches_the_handler_or_the_session_ends) {
  name_with("\\u0000");
  CHECK(sweep(with_any_handler, speak_long) > 1);
  EQ(names, sizeof long_name - 1 - strlen("\\u0000") + 2); /* a NUL is shown as two bytes */
}

/* ---- events that wait for packet middleware ------------------------------------------------- */

static void with_slow_middleware(void) { sio_use_packet(root, hold, NULL); }

/* The second event waits until the first one has its verdict. It has so many arguments that the
 * memory for them is not kept. */
static void speak_while_one_waits(struct peer *p) {
  size_t fuse = alloc_fuse;
  static char text[20000];
  char *end = text + sprintf(text, "42[\"second\"");
  for (int i = 0; i < 5000; i++) end = stpcpy(end, ",1");
  strcpy(end, "]");
  alloc_fail_in(0);
  say(p, "42[\"first\"]");
  say(p, text);
  sio_on(root, "second", on_event, NULL);
  sio_next_ok(held[0]);
  alloc_fail_in(fuse);
  turn();
  fuse = alloc_fuse;
  alloc_fail_in(0);
  if (nheld > 1) sio_next_ok(held[1]);
  turn();
  alloc_fuse = fuse;
}

TEST(an_event_that_waited_for_middleware_is_handled_whole_or_the_session_ends) {
  CHECK(sweep(with_slow_middleware, speak_while_one_waits) > 1);
  EQ(counts, 5000);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool text_was_missing, tree_was_missing;

/* The cache for so many decoded arguments does not fit into the event. */
static void read_late_arguments(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  alloc_fail_all();
  text_was_missing = !sio_event_str(e, 99) && !sio_event_strn(e, 99).p;
  tree_was_missing = !sio_event_tree(e, 99);
  alloc_fail_in(0);
  EQ_STR(sio_event_str(e, 99), "last");
  CHECK(sio_event_tree(e, 99) != NULL);
}

TEST(without_memory_to_decode_an_argument_it_is_missing_and_found_later) {
  char text[2000] = "42[\"many\"";
  for (int i = 0; i < 99; i++) strcat(text, ",1");
  strcat(text, ",\"last\"]");
  begin();
  sio_on(root, "many", read_late_arguments, NULL);
  say(joined(), text);
  CHECK(text_was_missing && tree_was_missing);
  stop();
}

/* ---- handlers -------------------------------------------------------------------------------- */

static const char name_with_nul[] = "a\xc0\x80z";

TEST(a_handler_for_a_name_with_a_nul_needs_memory_to_be_added_found_and_removed) {
  begin();
  alloc_fail_all();
  EQ(sio_on(root, name_with_nul, on_event, NULL), UV_ENOMEM);
  alloc_fail_in(0);
  EQ(sio_on(root, name_with_nul, on_event, NULL), 0);
  alloc_fail_all();
  CHECK(!sio_has_handler(root, name_with_nul));
  EQ(sio_off(root, name_with_nul, on_event, NULL), UV_ENOMEM);
  alloc_fail_in(0);
  CHECK(sio_has_handler(root, name_with_nul));
  EQ(sio_off(root, name_with_nul, on_event, NULL), 0);
  CHECK(!sio_has_handler(root, name_with_nul));
  CHECK(!sio_has_handler(root, NULL));
  stop();
}

TEST(an_empty_name_is_a_name) {
  begin();
  handled = 0;
  EQ(sio_on(root, "", on_event, NULL), 0);
  say(joined(), "42[\"\",1]");
  EQ(handled, 1);
  EQ(sio_off(root, "", on_event, NULL), 0);
  stop();
}

TESTS_BEGIN
T(a_long_name_reaches_the_handler_whole_or_the_session_ends)
T(a_number_of_many_digits_reaches_the_handler_as_a_name_or_the_session_ends)
T(an_event_of_the_host_has_its_whole_name_or_is_not_made)
T(a_long_name_reaches_packet_middleware_whole_or_the_session_ends)
T(a_name_with_a_nul_reaches_the_handler_or_the_session_ends)
T(an_event_that_waited_for_middleware_is_handled_whole_or_the_session_ends)
T(without_memory_to_decode_an_argument_it_is_missing_and_found_later)
T(a_handler_for_a_name_with_a_nul_needs_memory_to_be_added_found_and_removed)
T(an_empty_name_is_a_name)
TESTS_END
