/* SPDX-License-Identifier: MIT
 *
 * test_sio_look.c - callbacks that run inside a call of the library may look, and change nothing.
 */
#include "peer.h"

static char said[1 << 14];
static unsigned tries;
static sio_socket *one;
static sio_session *session;

static void on_log(const sio_log_line *l, void *user) {
  size_t n = strlen(said);
  (void)user;
  if (l->level == SIO_LOG_ERROR) snprintf(said + n, sizeof said - n, "%s: %s\n", l->part, l->text);
}

static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)reply, (void)user;
  abort();
}
static void on_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)r, (void)user;
  abort();
}
static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)status, (void)list, (void)n, (void)user;
  abort();
}
static void on_count(int status, size_t n, void *user) {
  (void)status, (void)n, (void)user;
  abort();
}
static void visit(sio_socket *s, void *user) {
  (void)s, (void)user;
  abort();
}

static void send_things(sio_target all) {
  EQ(sio_emit(one, "x", SIO_NONE), SIO_ESTATE);
  EQ(sio_emit_with(one, &(sio_emit_options){ .flags = SIO_VOLATILE }, "x", SIO_NONE), SIO_ESTATE);
  EQ(sio_emit_with(one, &(sio_emit_options){ .key = "k" }, "x", SIO_NONE), SIO_ESTATE);
  EQ(sio_emit_ack(one, "x", SIO_NONE, 0, on_reply, NULL), SIO_ESTATE);
  EQ(sio_broadcast(all, "x", SIO_NONE), SIO_ESTATE);
  EQ(sio_broadcast_ack(all, "x", SIO_NONE, 0, on_replies, NULL), SIO_ESTATE);
  EQ(sio_session_send(session, 0, false, SLICE("x")), SIO_ESTATE);
}

static void change_things(sio_target all) {
  EQ(sio_join(one, "room"), SIO_ESTATE);
  EQ(sio_leave(one, "here"), SIO_ESTATE);
  EQ(sio_all_join(all, SIO_ROOMS("room")), SIO_ESTATE);
  EQ(sio_all_leave(all, SIO_ROOMS("here")), SIO_ESTATE);
  EQ(sio_all_disconnect(all, true), SIO_ESTATE);
  sio_disconnect(one, false);
  sio_disconnect(one, true);
  sio_session_close(session, NULL);
  sio_session_close(session, &(sio_session_close_options){ .discard = true });
  EQ(sio_log_flush(srv), SIO_ESTATE);
  EQ(sio_server_drain(srv, NULL, NULL, NULL), SIO_ESTATE);
  EQ(sio_server_close(srv, NULL, NULL), SIO_ESTATE);
}

static void visit_things(sio_target all) {
  EQ(sio_all_each(all, visit, NULL), SIO_ESTATE);
  EQ(sio_all_fetch(all, 0, on_fetched, NULL), SIO_ESTATE);
}

static void ask_servers(void) {
  EQ(sio_server_count(root, 0, on_count, NULL), SIO_ESTATE);
  EQ(sio_server_side_emit(root, "x", SIO_NONE, 0, NULL, NULL), SIO_ESTATE);
  EQ(sio_server_side_emit(root, "x", SIO_NONE, 0, on_replies, NULL), SIO_ESTATE);
}

enum { CHANGES = 12, CALLS = 7 + CHANGES + 2 + 3 };

static void try_all(void) {
  sio_target all = { .nsp = root };
  tries++;
  send_things(all);
  change_things(all);
  visit_things(all);
  ask_servers();
}

static void on_outgoing(sio_socket *s, const char *event, sio_args args, void *user) {
  (void)s, (void)event, (void)args, (void)user;
  try_all();
}
static void on_create(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)c, (void)p, (void)user;
  if (one) try_all();
}
static struct peer *begin(void) {
  said[0] = '\0';
  tries = 0;
  one = NULL;
  start(&(sio_options){ .log = on_log });
  struct peer *p = joined();
  turn();
  session = p->session;
  sio_join(root->members[0], "here");
  return p;
}

/* Nothing has changed, and every refused call was logged. */
static void end(struct peer *p, const char *where, const char *call, unsigned calls,
                const char *want) {
  char text[100];
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  CHECK(tries > 0);
  EQ(st.calls_refused, tries * calls);
  turn();
  snprintf(text, sizeof text, "sio: %s is refused: it was called inside %s\n", call, where);
  CHECK(strstr(said, text) == said);
  HEARD(p, want);
  CHECK(one && sio_socket_connected(one) && sio_in_room(one, "here") && !sio_in_room(one, "room"));
  one = NULL;
  stop();
}

TEST(a_callback_that_observes_sending_can_change_nothing) {
  struct peer *p = begin();
  one = root->members[0];
  sio_on_any_outgoing(root, on_outgoing, NULL);
  EQ(sio_emit(one, "a", SIO_NONE), 0);
  EQ(sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("here") }, "b", SIO_NONE), 0);
  EQ(tries, 2);
  end(p, "the callback of sio_on_any_outgoing()", "sending", CALLS, "42[\"a\"] 42[\"b\"] ");
}

TEST(a_hook_that_observes_packets_can_change_nothing) {
  struct peer *p = begin();
  sio_on_engine(srv, &(sio_engine_hooks){ .packet_create = on_create }, NULL);
  one = root->members[0];
  EQ(sio_emit(one, "a", SIO_NONE), 0);
  EQ(tries, 1);
  end(p, "packet_create", "sending", CALLS, "42[\"a\"] ");
}

TESTS_BEGIN
T(a_callback_that_observes_sending_can_change_nothing)
T(a_hook_that_observes_packets_can_change_nothing)
TESTS_END
