/* SPDX-License-Identifier: MIT
 *
 * test_backpressure.c - what is dropped for clients that do not poll: a real polling queue, no GET.
 */
#include "eio/backpressure.h"
#include "eio/polling.h"
#include "eio/polling_queue.h"
#include "peer.h"

static sio_socket *first(void) { return root->members[0]; }

static void on_writable(sio_socket *s, void *user) {
  trace("%s:%zu ", user ? (const char *)user : "writable",
        sio_session_info_of(sio_socket_session(s)).queued);
}

static void on_drop(sio_socket *s, const sio_drop *d, void *user) {
  (void)s;
  CHECK(d->bytes >= d->events * sizeof(struct msg));
  trace("%s:%d ", user ? (const char *)user : "drop", (int)d->events);
}

/* A peer in "/" that does not poll. */
static struct peer *idler(const sio_options *o) {
  start(o);
  struct peer *p = joined();
  if (sio__polling_init_for_session(p->session)) abort();
  sio_on_writable(root, on_writable, NULL);
  sio_on_drop(root, on_drop, NULL);
  return p;
}

static bool show(const struct msg *m, size_t bytes, void *user) {
  (void)bytes, (void)user;
  if (m->binary)
    trace("b:%.*s ", (int)m->len, msg_data(m));
  else
    trace("%.*s ", (int)m->len, msg_data(m));
  return false;
}

static bool drop_all(const struct msg *m, size_t bytes, void *user) {
  (void)m, (void)bytes, (void)user;
  return true;
}

/* What waits, but the first. */
static void show_queue(struct peer *p) { p->session->transport->remove_if(p->session, show, NULL); }

/* As if a GET had taken all but the first. */
static void taken(struct peer *p) {
  p->session->transport->remove_if(p->session, drop_all, NULL);
  sio__backpressure_report_writable_if_was_full(p->session);
}

/* Each takes a block, and a place in the queue. */
static int emit_n(int n) { return sio_emit(first(), "e", SIO_ARGS(1000 + n % 9000)); }
enum { ONE = sizeof(struct msg) + MSG_HEADROOM + MSG_SMALL + sizeof(struct out_node), TEXT = 12 };

static const sio_options oldest = { .queue_high = 10 * ONE,
                                    .queue_low = 5 * ONE,
                                    .when_full = SIO_FULL_DROP_OLDEST };

TEST(nothing_goes_up_to_the_high_mark) {
  struct peer *p = idler(&oldest);
  for (int i = 0; i < 10; i++) EQ(emit_n(i), 0);
  EQ(sio_session_info_of(sio_socket_session(first())).queued, 10 * TEXT);
  turn();
  SAW("");
  EQ(srv->core.stats.events_dropped, 0);
  CHECK(p->session->backpressure == NULL);
  stop();
}

TEST(past_it_the_oldest_go_down_to_the_low_mark_but_for_the_first) {
  struct peer *p = idler(&oldest);
  for (int i = 0; i < 11; i++) EQ(emit_n(i), 0);
  sio_session_info info = sio_session_info_of(sio_socket_session(first()));
  EQ(info.queued, 5 * TEXT);
  EQ(info.queued_memory, 5 * ONE);
  show_queue(p);
  SAW("42[\"e\",1007] 42[\"e\",1008] 42[\"e\",1009] 42[\"e\",1010] ");
  turn();
  SAW("drop:6 ");
  EQ(srv->core.stats.events_dropped, 6);
  EQ(srv->core.stats.bytes_dropped, 6 * ONE);
  stop();
}

TEST(attachments_go_with_their_event) {
  struct peer *p = idler(&oldest);
  for (int i = 0; i < 4; i++)
    EQ(sio_emit(first(), "b", SIO_ARGS(sio_bin("xy", 2), sio_bin("z", 1))), 0);
  show_queue(p);
  SAW("b:xy b:z 452-[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}] "
      "b:xy b:z ");
  turn();
  EQ(srv->core.stats.events_dropped, 2);
  stop();
}

static void answer(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  EQ(sio_reply(e, SIO_ARGS(1)), 0);
}

static void ignore_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)reply, (void)user;
}

TEST(what_somebody_waits_for_is_never_dropped) {
  struct peer *p = idler(&oldest);
  sio_on(root, "ask", answer, NULL);
  EQ(emit_n(0), 0);
  say(p, "427[\"ask\"]");
  EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, ignore_reply, NULL), 0);
  for (int i = 1; i < 40; i++) EQ(emit_n(i), 0);
  show_queue(p);
  const char *seen = saw();
  CHECK(strncmp(seen, "437[1] 420[\"q\"] 42[\"e\",10", 24) == 0);
  stop();
}

TEST(what_cannot_be_dropped_leaves_no_room_until_some_of_it_has_left) {
  struct peer *p = idler(&oldest);
  for (int i = 0; i < 10; i++)
    EQ(sio_emit_ack(first(), "question", SIO_NONE, 0, ignore_reply, NULL), 0);
  EQ(emit_n(1), SIO_EDROPPED);
  size_t before = sio_session_info_of(sio_socket_session(first())).queued;
  EQ(emit_n(2), SIO_EDROPPED);
  EQ(emit_n(3), SIO_EDROPPED);
  EQ(sio_session_info_of(sio_socket_session(first())).queued, before);
  EQ(srv->core.stats.volatile_dropped, 0);
  turn();
  SAW("drop:3 ");
  taken(p);
  SAW("writable:15 ");
  EQ(emit_n(4), 0);
  stop();
}

static bool drop_two(const struct msg *m, size_t bytes, void *user) {
  unsigned *n = user;
  (void)m, (void)bytes;
  return ++*n <= 2;
}

TEST(there_is_room_again_halfway_between_the_marks) {
  struct peer *p = idler(&(sio_options){
      .queue_high = 10 * ONE, .queue_low = 6 * ONE, .when_full = SIO_FULL_DROP_OLDEST });
  unsigned n = 0;
  for (int i = 0; i < 10; i++) EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, ignore_reply, NULL), 0);
  EQ(emit_n(1), SIO_EDROPPED);
  EQ(emit_n(2), SIO_EDROPPED);
  p->session->transport->remove_if(p->session, drop_two, &n);
  EQ(emit_n(3), 0);
  stop();
}

TEST(the_host_hears_once_that_there_is_room) {
  struct peer *p = idler(&(sio_options){ .queue_high = 10 * ONE });
  for (int i = 0; i < 30; i++) EQ(emit_n(i), 0);
  EQ(sio_session_info_of(sio_socket_session(first())).queued, 30 * TEXT);
  turn();
  SAW("");
  taken(p);
  SAW("writable:12 ");
  taken(p);
  for (int i = 0; i < 9; i++) EQ(emit_n(i), 0);
  taken(p);
  SAW("");
  EQ(srv->core.stats.events_dropped, 0);
  stop();
}

TEST(each_socket_of_the_peer_is_told) {
  struct peer *p = idler(&oldest);
  sio_nsp *chat;
  sio_of(srv, "chat", &chat);
  static char chats[] = "chat";
  sio_on_drop(chat, on_drop, chats);
  sio_on_writable(chat, on_writable, chats);
  say(p, "40/chat,");
  for (int i = 0; i < 40; i++) emit_n(i);
  turn();
  const char *seen = saw();
  CHECK(strstr(seen, "drop:") && strstr(seen, "chat:"));
  taken(p);
  seen = saw();
  CHECK(strstr(seen, "writable:") && strstr(seen, "chat:"));
  stop();
}

TEST(of_one_key_the_newest_stays_in_its_place) {
  struct peer *p = idler(&(sio_options){
      .queue_high = 10 * ONE, .queue_low = 6 * ONE, .when_full = SIO_FULL_KEEP_LATEST });
  static const char *const keys[] = { "a", "b", "a", "a", NULL, "b", "a", "b", "a", "a", "a" };
  for (int i = 0; i < 11; i++)
    EQ(sio_emit_with(first(), &(sio_emit_options){ .key = keys[i] }, "e", SIO_ARGS(1000 + i)), 0);
  show_queue(p);
  SAW("42[\"e\",1004] 42[\"e\",1007] 42[\"e\",1010] ");
  turn();
  SAW("drop:7 ");
  stop();
}

TEST(without_doubles_of_a_key_the_oldest_go) {
  struct peer *p = idler(&(sio_options){
      .queue_high = 10 * ONE, .queue_low = 3 * ONE, .when_full = SIO_FULL_KEEP_LATEST });
  char key[2] = "a";
  for (int i = 0; i < 11; i++, key[0]++) {
    sio_target all = { .nsp = root, .key = key };
    EQ(sio_broadcast(all, "e", SIO_ARGS(1000 + i)), 0);
  }
  show_queue(p);
  SAW("42[\"e\",1009] 42[\"e\",1010] ");
  stop();
}

TEST(a_peer_may_be_closed_instead) {
  start(&(sio_options){ .queue_high = 10 * ONE, .when_full = SIO_FULL_CLOSE });
  struct peer *p = joined();
  p->queued = 10 * ONE + 1;
  EQ(emit_n(1), SIO_ETOOBIG);
  EQ(srv->core.stats.overflows, 1);
  CHECK(!p->session);
  stop();
}

TEST(max_queued_ends_what_no_policy_can) {
  struct peer *p = idler(&(sio_options){
      .max_queued = 20 * ONE, .queue_high = 10 * ONE, .when_full = SIO_FULL_DROP_OLDEST });
  int err = 0;
  for (int i = 0; i < 21 && !err; i++)
    err = sio_emit_ack(first(), "e", SIO_ARGS("12345"), 0, ignore_reply, NULL);
  EQ(err, SIO_ETOOBIG);
  EQ(srv->core.stats.overflows, 1);
  (void)p;
  stop();
}

static void leave(sio_socket *s, const sio_drop *d, void *user) {
  (void)d, (void)user;
  trace("leave ");
  sio_disconnect(s, true);
}

TEST(who_is_told_may_disconnect) {
  struct peer *p = idler(&oldest);
  sio_on_drop(root, leave, NULL);
  for (int i = 0; i < 11; i++) emit_n(i);
  turn();
  SAW("drop:6 leave ");
  EQ(root->nmembers, 0);
  (void)p;
  stop();
}

static void close_session_on_drop(sio_socket *s, const sio_drop *d, void *user) {
  (void)d, (void)user;
  trace("close ");
  sio_session_close(sio_socket_session(s), NULL);
}

TEST(all_callbacks_of_dropped_events_run_also_if_one_closes_the_session) {
  idler(&oldest);
  sio_on_drop(root, close_session_on_drop, NULL);
  sio_on_drop(root, leave, NULL);
  for (int i = 0; i < 11; i++) emit_n(i);
  turn();
  SAW("drop:6 close leave ");
  stop();
}

static void close_session_when_writable(sio_socket *s, void *user) {
  (void)user;
  trace("close ");
  sio_session_close(sio_socket_session(s), NULL);
}

TEST(no_callback_of_a_short_queue_runs_after_one_that_closes_the_session) {
  struct peer *p = idler(&oldest);
  sio_on_writable(root, close_session_when_writable, NULL);
  sio_on_writable(root, close_session_when_writable, NULL);
  for (int i = 0; i < 11; i++) emit_n(i);
  turn();
  SAW("drop:6 ");
  taken(p);
  SAW("writable:12 close ");
  stop();
}

TEST(what_was_dropped_is_told_before_the_end) {
  struct peer *p = idler(&oldest);
  for (int i = 0; i < 11; i++) emit_n(i);
  sio__session_end_by_peer(p->session, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "gone");
  turn();
  EQ(srv->core.stats.events_dropped, 6);
  stop();
}

/* ---- the log --------------------------------------------------------------------------------- */

static int nlines, last_level;
static char last_line[256];

static void on_line(const sio_log_line *l, void *user) {
  (void)user;
  if (l->level > SIO_LOG_INFO || !strstr(l->text, "dropped")) return;
  nlines++;
  last_level = l->level;
  snprintf(last_line, sizeof last_line, "%s", l->text);
}

static struct peer *logged_idler_with(sio_options o) {
  o.log = on_line;
  o.log_level = SIO_LOG_INFO;
  o.ping_interval_ms = 1000000;
  nlines = 0;
  last_line[0] = '\0';
  return idler(&o);
}

static struct peer *logged_idler(void) { return logged_idler_with(oldest); }

static void drop_some(void) {
  for (int i = 0; i < 20; i++) emit_n(i);
  turn();
}

TEST(a_slow_peer_logs_when_it_begins_to_lose_events_and_when_that_has_ended) {
  logged_idler();
  drop_some();
  EQ(nlines, 1);
  EQ(last_level, SIO_LOG_WARN);
  CHECK(strstr(last_line, "events for it are dropped") != NULL);
  for (int i = 0; i < 5; i++) {
    later(9000);
    drop_some();
  }
  EQ(nlines, 1);
  uint64_t lost = srv->core.stats.events_dropped;
  later(10000);
  EQ(nlines, 2);
  char want[64];
  snprintf(want, sizeof want, "%d events (", (int)lost);
  CHECK(strstr(last_line, want) != NULL);
  CHECK(strstr(last_line, " were dropped in 45 s") != NULL);
  later(100000);
  EQ(nlines, 2);
  drop_some();
  EQ(nlines, 3);
  stop();
}

TEST(what_a_slow_peer_has_lost_is_logged_when_its_session_ends) {
  struct peer *p = logged_idler();
  drop_some();
  sio__session_end_by_peer(p->session, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "gone");
  turn();
  EQ(nlines, 2);
  CHECK(strstr(last_line, " were dropped in 0 s") != NULL);
  stop();
}

static const sio_options latest = { .queue_high = 10 * ONE,
                                    .queue_low = 5 * ONE,
                                    .when_full = SIO_FULL_KEEP_LATEST };

static void emit_keyed(int n, const char *key) {
  for (int i = 0; i < n; i++)
    sio_emit_with(first(), &(sio_emit_options){ .key = key }, "e", SIO_ARGS(1000 + i));
}

TEST(values_that_newer_ones_replace_are_an_info_line_and_not_a_warning) {
  logged_idler_with(latest);
  emit_keyed(30, "a");
  turn();
  EQ(nlines, 1);
  EQ(last_level, SIO_LOG_INFO);
  CHECK(strstr(last_line, "values that newer ones replace are dropped (SIO_FULL_KEEP_LATEST)") !=
        NULL);
  uint64_t lost = srv->core.stats.events_dropped;
  CHECK(lost > 0);
  later(10000);
  EQ(nlines, 2);
  EQ(last_level, SIO_LOG_INFO);
  char want[96];
  snprintf(want, sizeof want, "%d replaced values (", (int)lost);
  CHECK(strstr(last_line, want) != NULL);
  CHECK(strstr(last_line, " were dropped in 0 s") != NULL);
  stop();
}

TEST(values_that_nothing_replaces_are_a_warning_also_while_others_are_replaced) {
  struct peer *p = logged_idler_with(latest);
  emit_keyed(30, "a");
  turn();
  EQ(last_level, SIO_LOG_INFO);
  for (int i = 0; i < 15; i++) emit_keyed(1, (char[2]){ (char)('b' + i) });
  turn();
  EQ(nlines, 2);
  EQ(last_level, SIO_LOG_WARN);
  CHECK(strstr(last_line, "events for it are dropped") != NULL);
  emit_keyed(30, "a");
  drop_some();
  EQ(nlines, 2);
  later(10000);
  EQ(nlines, 3);
  EQ(last_level, SIO_LOG_WARN);
  CHECK(strstr(last_line, " events (") && !strstr(last_line, "replaced"));
  taken(p);
  emit_keyed(30, "a");
  turn();
  EQ(nlines, 4);
  EQ(last_level, SIO_LOG_INFO);
  stop();
}

TEST(an_event_for_which_the_queue_has_no_room_is_a_warning) {
  logged_idler_with(latest);
  for (int i = 0; i < 10; i++) EQ(sio_emit_ack(first(), "q", SIO_NONE, 0, ignore_reply, NULL), 0);
  emit_keyed(3, "a");
  turn();
  EQ(nlines, 1);
  EQ(last_level, SIO_LOG_WARN);
  stop();
}

TEST(no_failing_allocation_leaks_or_crashes_when_dropping) {
  bool failed = true;
  for (unsigned i = 1; failed; i++) {
    struct peer *p = idler(&(sio_options){
        .queue_high = 5 * ONE, .queue_low = 2 * ONE, .when_full = SIO_FULL_KEEP_LATEST });
    size_t before = alloc_calls;
    alloc_fail_in(i);
    for (int k = 0; k < 12 && p->session->state == SESSION_OPEN; k++)
      sio_emit_with(first(), &(sio_emit_options){ .key = k & 1 ? "a" : "b" }, "e",
                    SIO_ARGS(1000 + k));
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    if (p->session->state == SESSION_OPEN)
      CHECK(sio_session_info_of(sio_socket_session(first())).queued <= 5 * TEXT);
    turn();
    saw();
    stop();
  }
}

/* ---- memory that ends during a pass over the queue ----------------------------------------- */

enum { SHARERS = 4 /* the queue of the last one has runs, each of which takes one node */ };

/* Returns the last of several peers that do not poll. What emit_all(i) emits to all for i < n
 * stays queued for this peer only, so that a pass that takes the runs apart needs memory in its
 * course. */
static struct peer *idler_with_runs(const sio_options *o, int (*emit_all)(int i), int n) {
  struct peer *p[SHARERS];
  start(o);
  for (int k = 0; k < SHARERS; k++) {
    p[k] = joined();
    if (sio__polling_init_for_session(p[k]->session)) abort();
  }
  for (int i = 0; i < n; i++) EQ(emit_all(i), 0);
  for (int k = 0; k < SHARERS - 1; k++) taken(p[k]);
  sio__pool_clear(&p[0]->session->eio->nodes);
  return p[SHARERS - 1];
}

static int emit_one(struct peer *p, const char *key) {
  sio_socket *s = root->members[SHARERS - 1];
  CHECK(sio_socket_session(s) == p->session);
  return sio_emit_with(s, &(sio_emit_options){ .key = key }, "e", SIO_ARGS(2000));
}

/* Without memory for what backpressure.c notes about it, a session with a full queue is closed. */
static bool is_open(const struct peer *p) {
  return p->session && p->session->state == SESSION_OPEN;
}

enum { KEYS = 30, REPEATS = 3 };

/* The first event has no key. The next ones have one key, and each of the others its own key. */
static int emit_keyed_to_all(int i) {
  char key[16];
  snprintf(key, sizeof key, "%d", i < REPEATS + 1 ? 1 : i);
  sio_target all = { .nsp = root, .key = i ? key : NULL };
  return sio_broadcast(all, "e", SIO_ARGS(1000 + i));
}

/* Checks that no number above last_number is missing. */
static int last_number;
static bool check_number_follows(const struct msg *m, size_t bytes, void *user) {
  const char *at = memchr(msg_data(m), ',', m->len);
  int number = at ? atoi(at + 1) : 0;
  (void)bytes;
  bool ok = number == 2000 || number <= last_number + 1;
  if (!ok) fprintf(stderr, "%d after %d, failure %u\n", number, last_number, *(unsigned *)user);
  CHECK(ok);
  if (number > last_number && number < 2000) last_number = number;
  return false;
}

/* Two of the three events with the same key are dropped, and that is enough. Whatever allocation
 * fails: the newest event of each key stays. */
static void check_each_failing_allocation(int keys) {
  bool failed = true;
  for (unsigned i = 1; failed; i++) {
    struct peer *p = idler_with_runs(&(sio_options){ .queue_high = (size_t)keys * ONE,
                                                     .queue_low = (size_t)(keys - 1) * ONE,
                                                     .when_full = SIO_FULL_KEEP_LATEST },
                                     emit_keyed_to_all, keys);
    size_t before = alloc_calls;
    alloc_fail_in(i);
    emit_one(p, "2000");
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    last_number = 999 + REPEATS;
    if (is_open(p)) {
      p->session->transport->remove_if(p->session, check_number_follows, &i);
      EQ(last_number, 999 + keys);
    }
    turn();
    saw();
    stop();
  }
}

/* With more keys than the smallest table of keys has slots, and with fewer. */
TEST(no_newest_event_of_a_key_is_dropped_when_memory_ends_during_a_pass) {
  check_each_failing_allocation(8);
  check_each_failing_allocation(KEYS);
}

static int emit_binary_to_all(int i) {
  sio_target all = { .nsp = root };
  return sio_broadcast(all, "e", SIO_ARGS(1000 + i, sio_bin("b", 1)));
}

/* Notes whether each packet has its attachment, which is the next message. */
struct pairs {
  unsigned headers, attachments;
};
static bool count_pairs(const struct msg *m, size_t bytes, void *user) {
  struct pairs *n = user;
  (void)bytes;
  n->headers += !m->binary && m->len > 2 && msg_data(m)[1] == '5';
  n->attachments += m->binary;
  CHECK(n->headers == n->attachments || n->headers == n->attachments + 1);
  return false;
}

/* The first message of a queue is never dropped. It is a packet, whose attachment then stays. */
TEST(no_packet_loses_its_attachment_when_memory_ends_during_a_pass) {
  bool failed = true;
  for (unsigned i = 1; failed; i++) {
    struct peer *p = idler_with_runs(&(sio_options){ .queue_high = KEYS * ONE,
                                                     .queue_low = KEYS / 2 * ONE,
                                                     .when_full = SIO_FULL_DROP_OLDEST },
                                     emit_binary_to_all, KEYS / 2);
    size_t before = alloc_calls;
    alloc_fail_in(i);
    emit_one(p, NULL);
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    struct pairs n = { .headers = 1 };
    if (is_open(p)) {
      p->session->transport->remove_if(p->session, count_pairs, &n);
      EQ(n.headers, n.attachments);
    }
    turn();
    saw();
    stop();
  }
}

/* ---- many that do not poll ------------------------------------------------------------------- */

enum { IDLERS = 8, BROADCASTS = 500, FIRST_IDLERS = 3 /* each takes a node a message */ };

struct walk {
  unsigned seen, last, drop_every;
};

/* In order, and none twice. */
static bool see(const struct msg *m, size_t bytes, void *user) {
  struct walk *w = user;
  const char *at = memchr(msg_data(m), ',', m->len);
  unsigned number = at ? (unsigned)strtoul(at + 1, NULL, 10) : 0;
  (void)bytes;
  CHECK(number > w->last);
  w->last = number;
  return ++w->seen % w->drop_every == 0;
}

/* How many wait behind the first; drops some of them. */
static unsigned waiting(struct peer *p, unsigned drop_every) {
  struct walk w = { .drop_every = drop_every };
  p->session->transport->remove_if(p->session, see, &w);
  return w.seen;
}

TEST(what_many_wait_for_that_do_not_poll_costs_each_of_them_next_to_nothing) {
  struct peer *p[IDLERS];
  start(NULL);
  for (unsigned i = 0; i < IDLERS; i++) {
    p[i] = joined();
    if (sio__polling_init_for_session(p[i]->session)) abort();
  }
  size_t before = alloc_live;
  for (unsigned i = 0; i < BROADCASTS; i++)
    sio_broadcast((sio_target){ .nsp = root }, "e", SIO_ARGS((int)i + 1000));
  CHECK(alloc_live - before < BROADCASTS * (1 + FIRST_IDLERS) + 100);
  for (unsigned i = 0; i < IDLERS; i++) EQ(waiting(p[i], UINT32_MAX), BROADCASTS - 1);
  EQ(waiting(p[7], 3), BROADCASTS - 1);
  EQ(waiting(p[7], 5), BROADCASTS - 1 - (BROADCASTS - 1) / 3);
  EQ(waiting(p[6], UINT32_MAX), BROADCASTS - 1);
  alloc_fail_all();
  waiting(p[6], 2);
  alloc_fail_in(0);
  CHECK(waiting(p[6], UINT32_MAX) >= (BROADCASTS - 1) / 2);
  stop();
}

TESTS_BEGIN
T(nothing_goes_up_to_the_high_mark)
T(past_it_the_oldest_go_down_to_the_low_mark_but_for_the_first)
T(attachments_go_with_their_event)
T(what_somebody_waits_for_is_never_dropped)
T(what_cannot_be_dropped_leaves_no_room_until_some_of_it_has_left)
T(there_is_room_again_halfway_between_the_marks)
T(the_host_hears_once_that_there_is_room)
T(each_socket_of_the_peer_is_told)
T(of_one_key_the_newest_stays_in_its_place)
T(without_doubles_of_a_key_the_oldest_go)
T(a_peer_may_be_closed_instead)
T(max_queued_ends_what_no_policy_can)
T(who_is_told_may_disconnect)
T(all_callbacks_of_dropped_events_run_also_if_one_closes_the_session)
T(no_callback_of_a_short_queue_runs_after_one_that_closes_the_session)
T(what_was_dropped_is_told_before_the_end)
T(a_slow_peer_logs_when_it_begins_to_lose_events_and_when_that_has_ended)
T(what_a_slow_peer_has_lost_is_logged_when_its_session_ends)
T(values_that_newer_ones_replace_are_an_info_line_and_not_a_warning)
T(values_that_nothing_replaces_are_a_warning_also_while_others_are_replaced)
T(an_event_for_which_the_queue_has_no_room_is_a_warning)
T(no_failing_allocation_leaks_or_crashes_when_dropping)
T(no_newest_event_of_a_key_is_dropped_when_memory_ends_during_a_pass)
T(no_packet_loses_its_attachment_when_memory_ends_during_a_pass)
T(what_many_wait_for_that_do_not_poll_costs_each_of_them_next_to_nothing)
TESTS_END
