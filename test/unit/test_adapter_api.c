/* SPDX-License-Identifier: MIT
 *
 * test_adapter_api.c - the functions that adapters of a host call, used as no adapter of the
 * library uses them; adapters that leave optional functions out, or fail; and memory that ends in
 * calls of an adapter.
 */
#include "fake_adapter.h"

static int number = 0;
static sio_adapter_ops ops;
static sio_options options;
static struct peer *p;
static sio_socket *s;

static void begin(void) {
  options = (sio_options){ .adapter = &ops, .adapter_user = &number };
  memset(nodes, 0, sizeof nodes);
  start(&options);
  p = joined();
  s = root->members[0];
}

static void begin_with_fake(void) {
  ops = fake;
  begin();
}

/* The memory adapter alone, which a test changes before begin_alone(). */
static int alone_open(sio_nsp *nsp, const sio_adapter_api *calls, void *user, sio_adapter **out) {
  api = calls;
  return calls->memory->open(nsp, calls, user, out);
}

static void prepare_alone(void) {
  begin_with_fake();
  stop();
  ops = *api->memory;
  ops.open = alone_open;
}

static sio_target here(void) { return (sio_target){ .nsp = root, .flags = SIO_LOCAL }; }

static int packet_of(sio_slice json, const sio_slice *bins, size_t nbins, const char *offset,
                     sio_packet **out) {
  sio_target to = here();
  *out = NULL;
  return api->packet_new(&to, json, bins, nbins, NULL, text(offset), out);
}

/* ---- what is checked ------------------------------------------------------------------------- */

TEST(an_event_of_another_server_may_have_a_number_as_its_name) {
  static const struct {
    const char *json;
    int err;
  } all[] = { { "[\"a\"]", 0 },     { "[-1]", 0 },           { "[0,1]", 0 },
              { "[9]", 0 },         { "[true]", SIO_EJSON }, { "[[1]]", SIO_EJSON },
              { "[/]", SIO_EJSON }, { "[:]", SIO_EJSON } };
  begin_with_fake();
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    sio_packet *made;
    EQ(packet_of(text(all[i].json), NULL, 0, NULL, &made), all[i].err);
    api->packet_free(made);
  }
  stop();
}

TEST(an_offset_must_be_printable_and_short) {
  static const char *const bad[] = {
    "a b",   "a\"b", "a\\b",
    "a\x7f", "a\n",  "0123456789012345678901234567890123456789012345678901234567890123"
  };
  begin_with_fake();
  sio_packet *made;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    EQ(packet_of(text("[\"a\"]"), NULL, 0, bad[i], &made), SIO_EPROTO);
    CHECK(!made);
  }
  EQ(packet_of(text("[\"a\"]"), NULL, 0, "!~[]", &made), 0);
  sio_target to = here();
  EQ(api->packet_broadcast(made, &to), 0);
  HEARD(p, "42[\"a\",\"!~[]\"] ");
  api->packet_free(made);
  stop();
}

TEST(attachments_that_no_message_can_have_are_refused) {
  begin_with_fake();
  sio_packet *made;
  sio_slice bin = SLICE("x");
  if (SIZE_MAX > UINT32_MAX) /* no size_t of 32 bits can say so many */
    EQ(packet_of(text("[\"a\"]"), &bin, (size_t)UINT32_MAX + 1, NULL, &made), SIO_ETOOBIG);
  static const char negative[] = "[\"a\",{\"_placeholder\":true,\"num\":-1}]";
  EQ(packet_of(text(negative), &bin, 1, NULL, &made), SIO_EPLACEHOLDER);
  stop();
}

static int status_of_end;
static char replies_of_end[200];

static void on_replies(int status, sio_replies *r, void *user) {
  (void)user;
  status_of_end = status;
  replies_of_end[0] = '\0';
  for (size_t i = 0; i < r->count; i++) {
    size_t n = strlen(replies_of_end);
    snprintf(replies_of_end + n, sizeof replies_of_end - n, "%.*s ", (int)r->list[i].json.n,
             r->list[i].json.p);
  }
  snprintf(replies_of_end + strlen(replies_of_end), 20, "-%zu", r->gone);
}

/* The query of the next broadcast or server-side emit. */
static sio_query *asked;
static unsigned expected;

static int ask_emit(sio_adapter *a, const sio_packet *packet, sio_query *q) {
  (void)a, (void)packet;
  if (!q) return 0;
  asked = q;
  api->query_hold(q);
  api->query_expect(q, expected);
  return 0;
}

static void begin_asking(unsigned answers) {
  prepare_alone();
  ops.server_emit = ask_emit;
  ops.flags = 0;
  begin();
  expected = answers;
  status_of_end = 1;
  EQ(sio_server_side_emit(root, "q", SIO_NONE, 1000, on_replies, NULL), 0);
}

TEST(answers_of_other_servers_are_checked) {
  static const char *const bad[] = { "1,2", "", "[1", "\xff", "{\"_placeholder\":true,\"num\":1}" };
  static const sio_slice bin = { "x", 1 };
  begin_asking(6);
  for (size_t i = 0; i < 5; i++)
    api->query_reply(asked, NULL, *bad[i] ? text(bad[i]) : SLICE(" "), &bin, 1);
  api->query_reply(asked, NULL, slice(NULL, 0), NULL, 0);
  api->query_release(asked, 0);
  turn();
  EQ(status_of_end, SIO_EJSON);
  EQ_STR(replies_of_end, "null -5");
  EQ(srv->core.stats.answers_dropped, 5);
  stop();
}

static void read_replies_without_memory(int status, sio_replies *r, void *user) {
  size_t at = 1;
  sio_event *e = NULL;
  (void)user;
  EQ(status, 0);
  EQ(r->count, 1);
  for (; !e && at < 10; at++) {
    alloc_fail_in(at);
    e = sio_replies_event(r, 0);
    alloc_fail_in(0);
  }
  CHECK(at > 3);
  EQ_MEM(sio_event_json(e, 0).p, sio_event_json(e, 0).n, "[1,2]", 5);
  CHECK(!sio_replies_event(r, 1));
  status_of_end = status;
}

TEST(a_reply_without_memory_to_read_it_can_be_read_later) {
  begin_asking(1);
  api->query_release(asked, 0);
  turn();
  status_of_end = 1;
  expected = 1;
  EQ(sio_server_side_emit(root, "q", SIO_NONE, 1000, read_replies_without_memory, NULL), 0);
  api->query_reply(asked, NULL, text("[1,2]"), NULL, 0);
  api->query_release(asked, 0);
  turn();
  EQ(status_of_end, 0);
  stop();
}

TEST(a_query_may_be_released_by_an_adapter_that_is_not_told_of_its_end) {
  begin_asking(1);
  later(1001);
  EQ(status_of_end, SIO_ETIMEOUT);
  EQ_STR(replies_of_end, "-0");
  status_of_end = 1;
  api->query_lost(asked, 1); /* too late: ignored */
  turn();
  EQ(status_of_end, 1);
  api->query_release(asked, 0);
  stop();
}

static void on_reply(const char *id, sio_slice json, const sio_slice *bins, size_t n, void *user) {
  (void)id, (void)json, (void)bins, (void)n, (void)user;
}
static void on_end(int status, size_t lost, void *user) { (void)status, (void)lost, (void)user; }

static size_t counted;
static void on_counted(size_t n, void *user) {
  (void)user;
  counted = n + 1;
}

TEST(a_query_of_another_server_needs_a_namespace_and_both_callbacks) {
  static const sio_query_watch good = { .reply = on_reply, .end = on_end };
  begin_with_fake();
  sio_query *q;
  EQ(api->query_new(NULL, 10, &good, NULL, &q), UV_EINVAL);
  EQ(api->query_new(root, 10, NULL, NULL, &q), UV_EINVAL);
  EQ(api->query_new(root, 10, &(sio_query_watch){ .size = 1 }, NULL, &q), UV_EINVAL);
  EQ(api->query_new(root, 10, &(sio_query_watch){ .reply = on_reply }, NULL, &q), UV_EINVAL);
  EQ(api->query_new(root, 10, &(sio_query_watch){ .end = on_end }, NULL, &q), UV_EINVAL);
  EQ(api->query_new(root, 10, &good, NULL, &q), 0);
  counted = 0;
  api->query_when_counted(q, on_counted);
  EQ(counted, 1); /* no other thread has to count: at once */
  CHECK(!api->has_threads(root));
  api->query_release(q, 0);
  turn();
  stop();
}

static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)user;
  status_of_end = status;
  for (size_t i = 0; i < n; i++) trace("%s(%s) ", list[i].id, list[i].rooms[0]);
}

static int answer_fetch(sio_adapter *a, const sio_target *to, sio_query *q) {
  static const char *const rooms[] = { "", NULL };
  (void)a, (void)to;
  api->query_remote(q, &(sio_remote){ .id = NULL });
  api->query_remote(q, &(sio_remote){ .id = "", .rooms = rooms });
  return 0;
}

TEST(a_socket_without_an_id_is_dropped_from_what_is_fetched) {
  prepare_alone();
  ops.fetch = answer_fetch;
  ops.flags = 0;
  begin();
  sio_target to = { .nsp = root, .rooms = SIO_ROOMS("nobody") };
  EQ(sio_all_fetch(to, 100, on_fetched, NULL), 0);
  turn();
  EQ(status_of_end, SIO_EJSON);
  SAW("() ");
  EQ(srv->core.stats.answers_dropped, 1);
  to.flags = SIO_PROCESS; /* the servers of other threads, of which there are none */
  EQ(sio_all_fetch(to, 100, on_fetched, NULL), 0);
  turn();
  EQ(status_of_end, 0);
  SAW("");
  stop();
}

/* ---- adapters that do less ------------------------------------------------------------------- */

TEST(an_adapter_that_does_not_count_rooms_has_none_in_the_statistics) {
  sio_stats st;
  prepare_alone();
  ops.room_count = NULL;
  ops.room_size = NULL;
  ops.all_rooms = NULL;
  begin();
  EQ(sio_join(s, "room"), 0);
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.rooms, 0);
  EQ(sio_nsp_count_sockets(root, "room"), 0);
  EQ(sio_nsp_rooms(root, NULL, 0), 0);
  CHECK(sio_in_room(s, "room"));
  stop();
}

static const char *left_by;
static void on_leaving(sio_adapter *a, sio_socket *socket) {
  (void)a;
  left_by = sio_socket_connected(socket) ? "still connected" : "gone";
}

TEST(an_adapter_is_told_before_the_host_disconnects_a_socket) {
  prepare_alone();
  ops.leaving = on_leaving;
  begin();
  left_by = "";
  sio_disconnect(s, false);
  EQ_STR(left_by, "still connected");
  HEARD(p, "41 ");
  stop();
}

/* ---- adapters that fail ---------------------------------------------------------------------- */

static unsigned attempts;

static int fail_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *packet) {
  (void)a, (void)to, (void)packet;
  attempts++;
  return UV_EIO;
}
static int fail_rooms(sio_adapter *a, const sio_target *to, const char *const *rooms) {
  (void)a, (void)to, (void)rooms;
  attempts++;
  return UV_EIO;
}
static int fail_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  (void)a, (void)to, (void)session;
  attempts++;
  return UV_EIO;
}

TEST(a_call_for_a_parent_reaches_all_children_and_returns_the_first_error) {
  sio_nsp *parent;
  prepare_alone();
  ops.broadcast = fail_broadcast;
  ops.all_join = ops.all_leave = fail_rooms;
  ops.all_disconnect = fail_disconnect;
  begin();
  EQ(sio_of_pattern(srv, "/room-*", &parent), 0);
  EQ(sio_of(srv, "/room-1", NULL), 0);
  EQ(sio_of(srv, "/room-2", NULL), 0);
  sio_target to = { .nsp = parent };
  attempts = 0;
  EQ(sio_broadcast(to, "e", SIO_NONE), UV_EIO);
  EQ(sio_all_join(to, SIO_ROOMS("r")), UV_EIO);
  EQ(sio_all_leave(to, SIO_ROOMS("r")), UV_EIO);
  EQ(sio_all_disconnect(to, false), UV_EIO);
  EQ(attempts, 8);
  stop();
}

TEST(an_event_that_is_larger_than_the_replay_log_and_fails_is_discarded_once) {
  static const sio_recovery small = { .max_log_bytes = 100 };
  prepare_alone();
  ops.broadcast = fail_broadcast;
  options = (sio_options){ .adapter = &ops, .recovery = &small };
  start(&options);
  p = joined();
  char big[300];
  memset(big, 'x', sizeof big - 1);
  big[sizeof big - 1] = '\0';
  EQ(sio_broadcast((sio_target){ .nsp = root }, "e", SIO_ARGS(big)), UV_EIO);
  HEARD(p, "");
  stop();
}

/* ---- packets --------------------------------------------------------------------------------- */

static int broadcast_twice(sio_adapter *a, const sio_target *to, const sio_packet *packet) {
  int err = api->memory->broadcast(a, to, packet);
  return err ? err : api->memory->broadcast(a, to, packet);
}

TEST(an_ack_without_an_argument_or_with_a_late_attachment_answers_with_the_first) {
  static const struct {
    const char *head, *json, *want;
    bool attachment;
  } all[] = { { "43", "", "null -0", false },
              { "43", "[]", "null -0", false },
              { "43", "[1,2]", "1 -0", false },
              { "461-", "[3,{\"_placeholder\":true,\"num\":0}]", "3 -0", true },
              { "461-", "[4]", "4 -0", true } };
  begin_with_fake();
  for (int i = 0; i < 5; i++) {
    char said[100];
    status_of_end = 1;
    EQ(sio_broadcast_ack(here(), "q", SIO_NONE, 1000, on_replies, NULL), 0);
    snprintf(said, sizeof said, "%s%d%s", all[i].head, i, all[i].json);
    say(p, said);
    if (all[i].attachment) say_bin(p, "x", 1);
    turn();
    EQ(status_of_end, 0);
    EQ_STR(replies_of_end, all[i].want);
  }
  stop();
}

TEST(a_question_that_is_delivered_twice_is_asked_once) {
  prepare_alone();
  ops.broadcast = broadcast_twice;
  begin();
  status_of_end = 1;
  EQ(sio_broadcast_ack((sio_target){ .nsp = root }, "q", SIO_NONE, 1000, on_replies, NULL), 0);
  HEARD(p, "420[\"q\"] ");
  EQ(srv->core.stats.acks_asked, 1);
  say(p, "430[5]");
  turn();
  EQ(status_of_end, 0);
  EQ_STR(replies_of_end, "5 -0");
  stop();
}

static sio_socket *pending;
static void keep_waiting(sio_socket *socket, sio_next *next, void *user) {
  *(sio_next **)user = next;
  pending = socket;
}

TEST(a_packet_is_not_delivered_to_a_socket_that_is_not_connected) {
  sio_next *verdict = NULL;
  sio_packet *made;
  begin_with_fake();
  sio_use(root, keep_waiting, &verdict);
  struct peer *second = peer_new();
  say(second, "40");
  EQ(packet_of(text("[\"a\"]"), NULL, 0, NULL, &made), 0);
  EQ(api->packet_deliver(made, pending, 0), SIO_ECLOSED);
  EQ(api->packet_deliver(made, s, 0), 0);
  HEARD(second, "");
  HEARD(p, "42[\"a\"] ");
  api->packet_free(made);
  sio_next_ok(verdict);
  turn();
  stop();
}

/* ---- memory ---------------------------------------------------------------------------------- */

static char long_event[1500];

static void make_long_event(void) {
  memset(long_event, 'n', sizeof long_event - 1);
  memcpy(long_event, "[\"", 2);
  static const char end[] = "\",{\"_placeholder\":true,\"num\":0},1,2,3,4,5,6,7,8,9,10,11]";
  memcpy(long_event + sizeof long_event - sizeof end, end, sizeof end);
}

static const sio_slice one_bin = { long_event, 600 };

static int make_packet(void) {
  sio_packet *made;
  int err = packet_of(text(long_event), &one_bin, 1, NULL, &made);
  if (!err) api->packet_free(made);
  return err;
}

static sio_packet *original;
static int copy_packet(void) {
  sio_packet *copy = NULL;
  int err = api->packet_copy(original, &copy);
  if (err) return err;
  sio_packet_info info = { .size = sizeof info };
  EQ(api->packet_get_info(copy, &info), 0);
  EQ_MEM(info.json.p, info.json.n, long_event, strlen(long_event));
  EQ(info.nbins, 1);
  api->packet_free(copy);
  return 0;
}

static int emit_to_servers(void) {
  static char name[700];
  memset(name, 'n', sizeof name - 1);
  return sio_server_side_emit(root, name, SIO_ARGS(sio_bin(long_event, 600)), 0, NULL, NULL);
}

static void fails_without_memory(int (*call)(void)) {
  int err = UV_ENOMEM;
  size_t at = 1;
  for (; err; at++) {
    alloc_fail_in(at);
    err = call();
    alloc_fail_in(0);
    CHECK(err == 0 || err == UV_ENOMEM);
    REQUIRE(at < 50);
  }
  CHECK(at > 2);
}

TEST(packets_of_adapters_need_memory_and_say_so) {
  make_long_event();
  prepare_alone();
  ops.server_emit = ask_emit;
  ops.flags = 0;
  begin();
  fails_without_memory(make_packet);
  EQ(packet_of(text(long_event), &one_bin, 1, NULL, &original), 0);
  fails_without_memory(copy_packet);
  api->packet_free(original);
  fails_without_memory(emit_to_servers);
  stop();
}

TESTS_BEGIN
T(an_event_of_another_server_may_have_a_number_as_its_name)
T(an_offset_must_be_printable_and_short)
T(attachments_that_no_message_can_have_are_refused)
T(answers_of_other_servers_are_checked)
T(a_reply_without_memory_to_read_it_can_be_read_later)
T(a_query_may_be_released_by_an_adapter_that_is_not_told_of_its_end)
T(a_query_of_another_server_needs_a_namespace_and_both_callbacks)
T(a_socket_without_an_id_is_dropped_from_what_is_fetched)
T(an_adapter_that_does_not_count_rooms_has_none_in_the_statistics)
T(an_adapter_is_told_before_the_host_disconnects_a_socket)
T(a_call_for_a_parent_reaches_all_children_and_returns_the_first_error)
T(an_event_that_is_larger_than_the_replay_log_and_fails_is_discarded_once)
T(an_ack_without_an_argument_or_with_a_late_attachment_answers_with_the_first)
T(a_question_that_is_delivered_twice_is_asked_once)
T(a_packet_is_not_delivered_to_a_socket_that_is_not_connected)
T(packets_of_adapters_need_memory_and_say_so)
TESTS_END
