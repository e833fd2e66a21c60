/* SPDX-License-Identifier: MIT
 *
 * test_misuse.c - calls with NULL where something is wanted, and calls in states in which they
 * mean nothing any more: each answers a code, changes nothing and keeps no memory.
 */
#include "core/out_packet.h"
#include "whole.h"
#include <sio/adapter.h>
#include <sio/limits.h>
#include <sio/metrics.h>
#include <sio/test.h>
#include <sio/tls.h>

static sio_test_peer *peer;
static sio_socket *sock;

static void begin(void) {
  whole_start(NULL);
  if (sio_test_connect(srv, "/", NULL, &peer)) abort();
  sock = sio_test_socket(peer);
}

static void end(void) {
  sio_test_free(peer);
  whole_stop();
}

#define EVERYONE ((sio_target){ .nsp = root })
#define NOWHERE ((sio_target){ 0 })
#define NEEDS(call) EQ(call, UV_EINVAL)

/* ---- NULL -------------------------------------------------------------------------------- */

TEST(without_a_callback_nothing_is_registered) {
  sio_nsp *nsp;
  begin();
  size_t blocks = alloc_live;
  NEEDS(sio_on(root, "x", NULL, NULL));
  NEEDS(sio_on_any(root, NULL, NULL));
  NEEDS(sio_on_any_outgoing(root, NULL, NULL));
  NEEDS(sio_on_connect(root, NULL, NULL));
  NEEDS(sio_on_disconnecting(root, NULL, NULL));
  NEEDS(sio_on_disconnect(root, NULL, NULL));
  NEEDS(sio_on_error(root, NULL, NULL));
  NEEDS(sio_on_writable(root, NULL, NULL));
  NEEDS(sio_on_drop(root, NULL, NULL));
  NEEDS(sio_on_server_side(root, "x", NULL, NULL));
  NEEDS(sio_on_room(root, NULL, NULL));
  NEEDS(sio_on_nsp(srv, NULL, NULL));
  NEEDS(sio_on_close(srv, NULL, NULL, NULL));
  NEEDS(sio_on_engine(srv, NULL, NULL));
  NEEDS(sio_on_engine_headers(srv, NULL, NULL));
  NEEDS(sio_use(root, NULL, NULL));
  NEEDS(sio_use_packet(root, NULL, NULL));
  NEEDS(sio_use_engine_request(srv, NULL, NULL));
  NEEDS(sio_of_match(srv, NULL, NULL, &nsp));
  NEEDS(sio_route(srv, "GET", "/x", 0, NULL, NULL));
  NEEDS(sio_ws_route(srv, "/x", NULL, NULL));
  NEEDS(sio_engine_route(srv, "/x/", NULL, NULL));
  NEEDS(sio_metrics_text(srv, NULL, NULL));
  NEEDS(sio_post(srv, NULL, NULL));
  EQ(alloc_live, blocks);
  end();
}

TEST(a_question_without_a_callback_is_not_asked) {
  begin();
  size_t blocks = alloc_live;
  NEEDS(sio_emit_ack(sock, "x", SIO_NONE, 0, NULL, NULL));
  NEEDS(sio_broadcast_ack(EVERYONE, "x", SIO_NONE, 0, NULL, NULL));
  NEEDS(sio_all_fetch(EVERYONE, 0, NULL, NULL));
  NEEDS(sio_all_each(EVERYONE, NULL, NULL));
  NEEDS(sio_server_count(root, 0, NULL, NULL));
  NEEDS(sio_session_on_sent(sio_socket_session(sock), NULL, NULL));
  EQ(sio_session_on_sent(NULL, (sio_sent_cb)abort, NULL), SIO_ECLOSED);
  EQ(alloc_live, blocks);
  end();
}

TEST(a_target_without_a_namespace_reaches_nobody) {
  begin();
  size_t blocks = alloc_live;
  NEEDS(sio_broadcast(NOWHERE, "x", SIO_NONE));
  NEEDS(sio_broadcast_ack(NOWHERE, "x", SIO_NONE, 0, (sio_broadcast_ack_cb)abort, NULL));
  NEEDS(sio_all_join(NOWHERE, SIO_ROOMS("x")));
  NEEDS(sio_all_leave(NOWHERE, SIO_ROOMS("x")));
  NEEDS(sio_all_disconnect(NOWHERE, false));
  NEEDS(sio_all_fetch(NOWHERE, 0, (sio_fetch_cb)abort, NULL));
  NEEDS(sio_all_each(NOWHERE, (void (*)(sio_socket *, void *))abort, NULL));
  EQ(alloc_live, blocks);
  end();
}

TEST(what_has_no_name_is_refused) {
  begin();
  size_t blocks = alloc_live;
  EQ(sio_on(root, NULL, (sio_event_cb)abort, NULL), SIO_ENAME);
  EQ(sio_on_server_side(root, NULL, (sio_server_side_cb)abort, NULL), SIO_ENAME);
  EQ(sio_emit(sock, NULL, SIO_NONE), SIO_ENAME);
  EQ(sio_broadcast(EVERYONE, NULL, SIO_NONE), SIO_ENAME);
  EQ(sio_server_side_emit(root, NULL, SIO_NONE, 0, NULL, NULL), SIO_ENAME);
  EQ(sio_join(sock, NULL), SIO_ENAME);
  EQ(sio_leave(sock, NULL), SIO_ENAME);
  NEEDS(sio_all_join(EVERYONE, NULL));
  NEEDS(sio_all_leave(EVERYONE, NULL));
  NEEDS(sio_route(srv, "GET", NULL, 0, (sio_request_cb)abort, NULL));
  NEEDS(sio_static(srv, NULL, "/"));
  NEEDS(sio_static(srv, "/x", NULL));
  NEEDS(sio_metrics_route(srv, NULL));
  NEEDS(sio_log_set(srv, NULL));
  NEEDS(sio_listen_with(srv, NULL));
  NEEDS(sio_accept(srv, NULL));
  CHECK(sio_socket_find(root, NULL) == NULL);
  CHECK(!sio_in_room(sock, NULL));
  EQ(sio_nsp_count_sockets(root, ""), 0);
  EQ(alloc_live, blocks);
  end();
}

TEST(no_name_is_that_of_the_first_namespace) {
  sio_nsp *nsp = NULL;
  begin();
  EQ(sio_of(srv, NULL, &nsp), 0);
  CHECK(nsp == root && sio_nsp_find(srv, NULL) == root && sio_nsp_find(srv, "") == root);
  end();
}

TEST(null_where_there_may_be_nothing_is_fine) {
  sio_stats st;
  begin();
  sio__remote_packet_free(NULL);
  sio_server_get_stats(srv, &st, 0);
  EQ(sio_emit(sock, "x",
              SIO_ARGS(sio_str(NULL), sio_strn(NULL, 0), sio_bin(NULL, 0), sio_tree(NULL),
                       sio_json(sio_text("1")))),
     0);
  sio_test_next(peer);
  const char *sent = sio_test_next(peer);
  EQ_STR(sent, "[\"x\",null,\"\",{\"_placeholder\":true,\"num\":0},null,1]");
  EQ(sio_socket_set_shared(sock, (sio_slice){ 0 }), 0);
  EQ(sio_off(root, "x", NULL, NULL), UV_ENOENT);
  EQ(sio_off_any_outgoing(root, NULL, NULL), UV_ENOENT);
  EQ(sio_cancel_ack(sock, NULL, NULL), UV_ENOENT);
  sio_rooms(sock, NULL, 0);
  sio_nsp_rooms(root, NULL, 0);
  sio_sessions(srv, NULL, NULL);
  end();
}

/* ---- after the end --------------------------------------------------------------------- */

/* The host kept a reference: nothing can be done with the socket any more, and all may be tried. */
static void try_all(sio_socket *s) {
  CHECK(!sio_socket_connected(s));
  EQ(sio_emit(s, "x", SIO_NONE), SIO_ECLOSED);
  EQ(sio_emit_with(s, &(sio_emit_options){ .flags = SIO_VOLATILE }, "x", SIO_NONE), SIO_ECLOSED);
  EQ(sio_emit_with(s, &(sio_emit_options){ .key = "k" }, "x", SIO_NONE), SIO_ECLOSED);
  EQ(sio_emit_ack(s, "x", SIO_NONE, 0, (sio_reply_cb)abort, NULL), SIO_ECLOSED);
  EQ(sio_join(s, "room"), SIO_ECLOSED);
  EQ(sio_leave(s, "room"), SIO_ECLOSED);
  EQ(sio_socket_set_shared(s, sio_text("1")), SIO_ECLOSED);
  EQ(sio_socket_set_deadline(s, 1), SIO_ECLOSED);
  EQ(sio_cancel_ack(s, (sio_reply_cb)abort, NULL), UV_ENOENT);
  CHECK(!sio_in_room(s, "room"));
  EQ(sio_session_info_of(sio_socket_session(s)).queued, 0);
  sio_disconnect(s, false);
  sio_disconnect(s, true);
}

TEST(a_socket_that_has_left_answers_every_call_with_closed) {
  begin();
  sio_socket_ref(sock);
  sio_disconnect(sock, false);
  try_all(sock); /* it is leaving */
  turn();
  try_all(sock); /* it has left */
  sio_test_free(peer);
  turn();
  try_all(sock); /* and its session is over */
  EQ(strlen(sio_socket_id(sock)), 20);
  CHECK(sio_socket_nsp(sock) == root && sio_nsp_server(sio_socket_nsp(sock)) == srv);
  CHECK(sio_socket_session(sock) == NULL);
  sio_socket_unref(sock);
  whole_stop();
}

static void on_event(sio_socket *s, sio_event *e, void *user) { (void)s, (void)e, (void)user; }

/* While it closes the server is there until done() has run, and takes nothing new. */
TEST(a_server_that_closes_takes_nothing_new) {
  sio_nsp *nsp;
  sio_test_peer *other;
  begin();
  EQ(sio_server_close(srv, on_done, NULL), 0);
  EQ(sio_server_close(srv, NULL, NULL), SIO_ESTATE);
  EQ(sio_server_drain(srv, NULL, NULL, NULL), SIO_ESTATE);
  EQ(sio_of(srv, "/new", &nsp), SIO_ESTATE);
  EQ(sio_of_pattern(srv, "/p-*", &nsp), SIO_ESTATE);
  EQ(sio_listen(srv, "127.0.0.1", 0), SIO_ESTATE);
  EQ(sio_listen_with(srv, &(sio_listen_options){ .path = "/nowhere/at/all" }), SIO_ESTATE);
  EQ(sio_post(srv, (void (*)(sio_server *, void *))abort, NULL), SIO_ECLOSED);
  EQ(sio_test_connect(srv, "/", NULL, &other), SIO_ECLOSED);
  EQ(sio_accept(srv, &(sio_accept_options){ .fd = -1 }), SIO_ECLOSED);
  EQ(sio_emit(sock, "x", SIO_NONE), SIO_ECLOSED);
  EQ(sio_broadcast_ack(EVERYONE, "x", SIO_NONE, 0, (sio_broadcast_ack_cb)abort, NULL), SIO_ECLOSED);
  EQ(sio_all_fetch(EVERYONE, 0, (sio_fetch_cb)abort, NULL), SIO_ECLOSED);
  EQ(sio_server_count(root, 0, (sio_server_count_cb)abort, NULL), SIO_ECLOSED);
  EQ(sio_broadcast(EVERYONE, "x", SIO_NONE), SIO_ECLOSED);
  EQ(sio_on(root, "x", on_event, NULL), 0);
  EQ(sio_log_set(srv, "warn"), 0);
  sio_test_free(peer);
  whole_gone();
}

TESTS_BEGIN
T(without_a_callback_nothing_is_registered)
T(a_question_without_a_callback_is_not_asked)
T(a_target_without_a_namespace_reaches_nobody)
T(what_has_no_name_is_refused)
T(no_name_is_that_of_the_first_namespace)
T(null_where_there_may_be_nothing_is_fine)
T(a_socket_that_has_left_answers_every_call_with_closed)
T(a_server_that_closes_takes_nothing_new)
TESTS_END
