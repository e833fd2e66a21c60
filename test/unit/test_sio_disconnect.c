/* SPDX-License-Identifier: MIT */
#include "peer.h"

static sio_nsp *chat;
static sio_socket *kept;

static void trace_rooms(const sio_socket *s) {
  const char *rooms[8];
  size_t n = sio_rooms(s, rooms, 8);
  for (size_t i = 0; i < n; i++) trace("%s,", strcmp(rooms[i], s->id) == 0 ? "own" : rooms[i]);
}

static void on_disconnecting(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user;
  trace("disconnecting(%s%s):", sio_socket_connected(s) ? "connected" : "",
        sio_reason_str(why->reason));
  trace_rooms(s);
  CHECK(sio_socket_session(s) != NULL);
  trace(" ");
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user;
  trace("disconnect(%s):", why->detail);
  trace_rooms(s);
  CHECK(sio_socket_session(s) != NULL);
  CHECK(!sio_in_room(s, "a"));
  CHECK(!sio_in_room(s, s->id));
  EQ(sio_emit(s, "x", SIO_NONE), SIO_ECLOSED);
  EQ(sio_join(s, "x"), SIO_ECLOSED);
  EQ(sio_leave(s, "x"), SIO_ECLOSED);
  trace(" ");
}

static void begin(const sio_options *opts) {
  kept = NULL;
  start(opts);
  sio_of(srv, "chat", &chat);
  sio_on_disconnecting(root, on_disconnecting, NULL);
  sio_on_disconnect(root, on_disconnect, NULL);
  sio_on_disconnecting(chat, on_disconnecting, NULL);
  sio_on_disconnect(chat, on_disconnect, NULL);
}

TEST(rooms_can_be_read_in_disconnecting_but_not_in_disconnect) {
  begin(NULL);
  struct peer *p = joined();
  sio_join(root->members[0], "a");
  hang_up(p);
  SAW("disconnecting(transport close):own,a, disconnect(hung up): ");
  stop();
}

TEST(a_disconnect_takes_effect_at_once_and_is_reported_at_the_end_of_the_turn) {
  begin(NULL);
  struct peer *p = joined();
  sio_socket *s = root->members[0];
  sio_disconnect(s, false);
  CHECK(!sio_socket_connected(s));
  EQ(sio_nsp_count_sockets(root, NULL), 0);
  CHECK(sio_socket_find(root, s->id) == NULL);
  HEARD(p, "41 ");
  SAW("");
  sio_disconnect(s, false);
  turn();
  SAW("disconnecting(server namespace disconnect):own, disconnect(the server disconnected the "
      "socket): ");
  HEARD(p, "");
  CHECK(p->session != NULL);
  stop();
}

TEST(disconnecting_the_session_leaves_all_namespaces_then_closes) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "40/chat,");
  heard(p);
  sio_disconnect(root->members[0], true);
  const char *h = heard(p);
  CHECK(strstr(h, "41 ") && strstr(h, "41/chat, ") && strcmp(h + strlen(h) - 4, "end ") == 0);
  turn();
  const char *t = saw();
  CHECK(strstr(t, "server namespace disconnect") && !strstr(t, "forced close"));
  stop();
}

TEST(a_handle_that_is_kept_answers_closed) {
  begin(&(sio_options){ .socket_data_size = 8 });
  struct peer *p = joined();
  kept = sio_socket_ref(root->members[0]);
  memcpy(sio_socket_data(kept), "12345678", 8);
  hang_up(p);
  EQ(sio_emit(kept, "x", SIO_NONE), SIO_ECLOSED);
  EQ(sio_join(kept, "x"), SIO_ECLOSED);
  CHECK(sio_socket_session(kept) == NULL);
  CHECK(!sio_socket_connected(kept));
  CHECK(!sio_in_room(kept, "x"));
  sio_disconnect(kept, false);
  sio_disconnect(kept, true);
  trace_rooms(kept);
  EQ_MEM(sio_socket_data(kept), 8, "12345678", 8);
  sio_socket_unref(kept);
  stop();
}

TEST(a_handle_may_outlive_the_server) {
  begin(NULL);
  joined();
  kept = sio_socket_ref(root->members[0]);
  server_gone();
  CHECK(sio_socket_nsp(kept) == root);
  EQ(sio_emit(kept, "x", SIO_NONE), SIO_ECLOSED);
  sio_socket_unref(kept);
  nothing_left();
}

static void kick_all(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  trace("kick ");
  while (root->nmembers) sio_disconnect(root->members[0], false);
}

TEST(a_disconnect_handler_may_disconnect_the_others) {
  begin(NULL);
  struct peer *p = joined(), *q = joined(), *r = joined();
  sio_on_disconnecting(root, kick_all, NULL);
  hang_up(q);
  HEARD(p, "41 ");
  HEARD(r, "41 ");
  int n = 0;
  for (const char *t = saw(); (t = strstr(t, "kick")); t++) n++;
  EQ(n, 3);
  stop();
}

static void close_server(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  sio_server_close(srv, on_done, NULL);
}

TEST(a_disconnect_handler_may_close_the_server) {
  begin(NULL);
  struct peer *p = joined();
  joined();
  sio_on_disconnect(root, close_server, NULL);
  hang_up(p);
  stop();
}

static void drop_ref(sio_socket *s, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  if (kept == s) sio_socket_unref(s);
  kept = NULL;
}

TEST(the_last_reference_of_the_host_may_go_in_the_disconnect_handler) {
  begin(NULL);
  struct peer *p = joined();
  kept = sio_socket_ref(root->members[0]);
  sio_on_disconnecting(root, drop_ref, NULL);
  hang_up(p);
  CHECK(kept == NULL);
  stop();
}

TEST(the_reason_of_the_first_end_is_reported) {
  begin(NULL);
  struct peer *p = joined();
  say(p, "41");
  hang_up(p);
  SAW("disconnecting(client namespace disconnect):own, disconnect(the client left the "
      "namespace): ");
  EQ(srv->core.stats.sockets_closed[SIO_REASON_CLIENT_NSP_DISCONNECT], 1);
  stop();
}

TEST(without_memory_for_the_packet_the_connection_is_closed) {
  begin(NULL);
  struct peer *p = joined();
  sio__msg_allocator_clear(&srv->core.loop.msgs);
  alloc_fail_all();
  sio_disconnect(root->members[0], false);
  alloc_fail_in(0);
  HEARD(p, "cut ");
  turn();
  SAW("disconnecting(server namespace disconnect):own, disconnect(the server disconnected the "
      "socket): ");
  stop();
}

TESTS_BEGIN
T(rooms_can_be_read_in_disconnecting_but_not_in_disconnect)
T(a_disconnect_takes_effect_at_once_and_is_reported_at_the_end_of_the_turn)
T(disconnecting_the_session_leaves_all_namespaces_then_closes)
T(a_handle_that_is_kept_answers_closed)
T(a_handle_may_outlive_the_server)
T(a_disconnect_handler_may_disconnect_the_others)
T(a_disconnect_handler_may_close_the_server)
T(the_last_reference_of_the_host_may_go_in_the_disconnect_handler)
T(the_reason_of_the_first_end_is_reported)
T(without_memory_for_the_packet_the_connection_is_closed)
TESTS_END
