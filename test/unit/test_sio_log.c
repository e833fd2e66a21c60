/* SPDX-License-Identifier: MIT
 *
 * test_sio_log.c - when the log callback runs, and what it may do then.
 */
#include "peer.h"

#include "base/utf8.h"

#include <cJSON.h>

static char said[1 << 16];
static unsigned nsaid;
static bool in_call; /* a sending call of the test is under way */
static void (*meddle)(const char *text);

static void on_log(const sio_log_line *l, void *user) {
  size_t n = strlen(said);
  (void)user;
  CHECK(!in_call);
  nsaid++;
  snprintf(said + n, sizeof said - n, "%s: %s\n", l->part, l->text);
  if (meddle) meddle(l->text);
}

static void begin(int level, void (*f)(const char *text)) {
  said[0] = '\0';
  nsaid = 0;
  in_call = false;
  meddle = NULL;
  start(&(sio_options){ .log = on_log, .log_level = level });
  meddle = f;
}

/* ---- when --------------------------------------------------------------------------------- */

TEST(no_line_is_delivered_inside_a_sending_call) {
  begin(SIO_LOG_TRACE, NULL);
  joined();
  turn();
  sio_socket *s = root->members[0];
  said[0] = '\0';
  in_call = true;
  sio_emit(s, "one", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root }, "many", SIO_NONE);
  sio_join(s, "room");
  in_call = false;
  EQ_STR(said, "");
  turn();
  const char *one = strstr(said, "sending event \"one\"");
  const char *many = strstr(said, "sending event \"many\"");
  const char *join = strstr(said, "joins room");
  CHECK(one && many && join && one < many && many < join);
  stop();
}

TEST(a_line_comes_before_the_callbacks_that_the_end_of_the_turn_owes) {
  begin(SIO_LOG_INFO, NULL);
  struct peer *p = joined();
  turn();
  said[0] = '\0';
  sio__session_end_by_peer(p->session, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "hung up");
  EQ_STR(said, "");
  turn();
  const char *over = strstr(said, "closed: transport close (hung up)");
  const char *left = strstr(said, "left namespace /: transport close");
  CHECK(over && left && over < left);
  stop();
}

TEST(the_first_and_the_last_line_of_a_server_are_delivered) {
  begin(SIO_LOG_INFO, NULL);
  CHECK(strstr(said, "sio: libsio ") == said);
  EQ(nsaid, 1);
  stop();
  CHECK(strstr(said, "the server closes") != NULL);
  CHECK(strstr(said, "sio: the server has closed\n") != NULL);
}

static char about[200];

static void note_about(const sio_log_line *l, void *user) {
  (void)user;
  if (strstr(l->text, " joined "))
    snprintf(about, sizeof about, "%s %s %s %d", l->level_name, l->session, l->nsp, l->fd);
}

TEST(a_line_about_a_socket_names_its_session_by_the_public_id_and_its_namespace) {
  char want[200];
  about[0] = '\0';
  start(&(sio_options){ .log = note_about, .log_level = SIO_LOG_INFO });
  joined();
  turn();
  sio_session_info info = sio_session_info_of(sio_socket_session(root->members[0]));
  snprintf(want, sizeof want, "info %.8s / -1", info.public_id);
  EQ_STR(about, want);
  CHECK(strncmp(info.public_id, info.id, 8) != 0);
  stop();
}

/* Names of a client reach the log: of an event, of a namespace, and what breaks the protocol. */
static unsigned named;

static void on_named(const sio_log_line *l, void *user) {
  (void)user;
  if (strncmp(l->text, "session ", 8) != 0) return;
  CHECK(l->session && strncmp(l->text + 8, l->session, 8) == 0);
  named++;
}

TEST(the_text_of_a_line_names_the_session_that_the_line_is_about) {
  named = 0;
  start(&(sio_options){ .log = on_named, .log_level = SIO_LOG_INFO });
  struct peer *p = joined(), *q = joined();
  turn();
  sio__session_end_by_peer(p->session, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "hung up");
  sio__session_end_by_peer(q->session, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "hung up");
  turn();
  CHECK(named >= 2);
  stop();
}

TEST(the_log_as_json_is_valid_whatever_a_client_sends) {
  static const char *const packets[] = { "42[\"\\\"}{\\\\\"]",         "40/\"},{\"x\":\"\\",
                                         "42[\"\xc2\x9b\\u001b[2J\"]", "42[\"\xed\xa0\x80\"]",
                                         "40/\xff\xfe\x80,",           "9\x1b\"" };
  char *all = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&all, &n);
  sio_log_file to = { .file = f, .json = true };
  start(&(sio_options){ .log = sio_log_to_file, .log_user = &to, .log_level = SIO_LOG_TRACE });
  for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
    say(joined(), packets[i]);
    turn();
  }
  stop();
  fclose(f);
  CHECK(sio__utf8_is_valid(all, n));
  int lines = 0;
  for (char *line = all, *end; line < all + n; line = end + 1, lines++) {
    end = strchr(line, '\n');
    if (!end) abort();
    *end = '\0';
    cJSON *tree = cJSON_ParseWithOpts(line, NULL, true);
    CHECK(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(tree, "message")));
    CHECK(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(tree, "time")));
    cJSON_Delete(tree);
  }
  CHECK(lines > 20);
  free(all);
}

TEST(a_host_that_is_about_to_end_has_what_waits_delivered_at_once) {
  begin(SIO_LOG_DEBUG, NULL);
  joined();
  turn();
  said[0] = '\0';
  sio_emit(root->members[0], "last words", SIO_NONE);
  EQ_STR(said, "");
  EQ(sio_log_flush(srv), 0);
  CHECK(strstr(said, "sending event \"last words\"") != NULL);
  stop();
}

static void flush_again(const char *text) {
  (void)text;
  EQ(sio_log_flush(srv), SIO_ESTATE);
}

TEST(the_log_callback_cannot_ask_for_lines) {
  begin(SIO_LOG_INFO, flush_again);
  joined();
  turn();
  CHECK(nsaid > 1);
  stop();
}

/* ---- what it may do -------------------------------------------------------------------------- */

static void close_session(const char *text) {
  if (strstr(text, "sending event") && root->nmembers)
    sio_session_close(sio_socket_session(root->members[0]), NULL);
}

TEST(the_log_callback_may_close_the_session_that_was_sent_to) {
  begin(SIO_LOG_TRACE, close_session);
  struct peer *p = joined();
  EQ(sio_emit(root->members[0], "news", SIO_NONE), 0);
  turn();
  HEARD(p, "42[\"news\"] end ");
  CHECK(root->nmembers == 0);
  stop();
}

static void close_server(const char *text) {
  if (strstr(text, "sending event")) sio_server_close(srv, on_done, NULL);
}

TEST(the_log_callback_may_close_the_server) {
  begin(SIO_LOG_TRACE, close_server);
  joined();
  sio_emit(root->members[0], "news", SIO_NONE);
  stop();
}

static void tell_all(const char *text) {
  if (strstr(text, "\"secret\"")) sio_broadcast((sio_target){ .nsp = root }, "logged", SIO_NONE);
}

TEST(a_broadcast_from_the_log_callback_does_not_change_the_receivers_of_another) {
  begin(SIO_LOG_DEBUG, tell_all);
  struct peer *in = joined(), *out = joined();
  sio_join(root->members[1], "outsiders");
  sio_target to = { .nsp = root, .except = SIO_ROOMS("outsiders") };
  sio_broadcast(to, "secret", SIO_NONE);
  turn();
  CHECK(strstr(heard(in), "42[\"secret\"] 42[\"logged\"] ") == in->last);
  heard(out);
  CHECK(strstr(out->last, "secret") == NULL && strstr(out->last, "42[\"logged\"] ") == out->last);
  stop();
}

static void talk(const char *text) {
  (void)text;
  if (root->nmembers) sio_emit(root->members[0], "line", SIO_NONE);
}

TEST(what_the_log_callback_itself_does_makes_no_line_at_debug) {
  begin(SIO_LOG_TRACE, talk);
  joined();
  turn();
  unsigned n = nsaid;
  turn();
  turn();
  EQ(nsaid, n);
  CHECK(n > 1 && n < 20);
  stop();
}

static void make_nsp(const char *text) {
  static unsigned n;
  char name[24];
  sio_nsp *made;
  (void)text;
  snprintf(name, sizeof name, "/made/%u", ++n);
  if (n < 100000) sio_of(srv, name, &made);
}

TEST(a_log_callback_that_makes_another_line_each_time_leaves_the_loop_its_turns) {
  sio_nsp *parent;
  begin(SIO_LOG_INFO, NULL);
  sio_of_pattern(srv, "/made/*", &parent);
  meddle = make_nsp;
  joined();
  turn();
  CHECK(nsaid < 300);
  meddle = NULL;
  stop();
}

/* ---- what finds no room ------------------------------------------------------------------ */

TEST(lines_without_memory_are_counted_and_reported) {
  begin(SIO_LOG_DEBUG, NULL);
  sio_stats st;
  turn();
  said[0] = '\0';
  alloc_fail_all();
  sio_broadcast((sio_target){ .nsp = root }, "a", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root }, "b", SIO_NONE);
  alloc_fail_in(0);
  turn();
  CHECK(strstr(said, "2 log lines were lost: out of memory\n") != NULL);
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.log_lines_lost, 2);
  stop();
}

TEST(a_turn_keeps_so_many_bytes_of_lines_and_tells_how_many_were_more) {
  begin(SIO_LOG_DEBUG, NULL);
  sio_stats st;
  turn();
  said[0] = '\0';
  nsaid = 0;
  for (int i = 0; i < 100000; i++) sio_broadcast((sio_target){ .nsp = root }, "a", SIO_NONE);
  CHECK(srv->core.log.held <= LOG_HELD);
  turn();
  EQ(srv->core.log.held, 0);
  sio_server_get_stats(srv, &st, sizeof st);
  CHECK(st.log_lines_lost > 0);
  EQ(nsaid + st.log_lines_lost, 2 * 100000 + 1);
  stop();
}

TESTS_BEGIN
T(no_line_is_delivered_inside_a_sending_call)
T(a_line_comes_before_the_callbacks_that_the_end_of_the_turn_owes)
T(the_first_and_the_last_line_of_a_server_are_delivered)
T(a_line_about_a_socket_names_its_session_by_the_public_id_and_its_namespace)
T(the_text_of_a_line_names_the_session_that_the_line_is_about)
T(the_log_as_json_is_valid_whatever_a_client_sends)
T(a_host_that_is_about_to_end_has_what_waits_delivered_at_once)
T(the_log_callback_cannot_ask_for_lines)
T(the_log_callback_may_close_the_session_that_was_sent_to)
T(the_log_callback_may_close_the_server)
T(a_broadcast_from_the_log_callback_does_not_change_the_receivers_of_another)
T(what_the_log_callback_itself_does_makes_no_line_at_debug)
T(a_log_callback_that_makes_another_line_each_time_leaves_the_loop_its_turns)
T(lines_without_memory_are_counted_and_reported)
T(a_turn_keeps_so_many_bytes_of_lines_and_tells_how_many_were_more)
TESTS_END
