/* SPDX-License-Identifier: MIT
 *
 * oom_answers.c - what a call says when there is no memory for it. Each public call that allocates
 * is made once for each of its allocations, with that one failing: it answers UV_ENOMEM, what can
 * be seen of the server is as before, and the same call works when there is memory again.
 *
 *     oom_answers               all calls
 *     oom_answers broadcast     those whose name contains that
 */
#include "alloc.h"
#include "base/slice.h"
#include "core/out_packet.h"
#include "core/query.h"
#include "core/server_side.h"
#include "test.h"
#include <fcntl.h>
#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>
#include <sio/test.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

static uv_loop_t uv;
static uv_async_t alive;
static sio_server *srv;
static sio_nsp *root;
static sio_test_peer *peer, *other;
static sio_socket *sock;
static sio_event *event; /* inside its handler */
static sio_query *query; /* held */
static int query_status;
static bool closed;

static void on_closed(void *user) {
  (void)user;
  closed = true;
}
static void turn(void) { uv_run(&uv, UV_RUN_NOWAIT); }

/* ---- callbacks that do nothing ----------------------------------------------------------- */

static void on_socket(sio_socket *s, void *user) { (void)s, (void)user; }
static void on_end(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
}
static void on_event(sio_socket *s, sio_event *e, void *user) { (void)s, (void)e, (void)user; }
static void on_packet(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)e, (void)user;
  sio_next_ok(next);
}
static void on_gate(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  sio_next_ok(next);
}
static void on_outgoing(sio_socket *s, const char *name, sio_args args, void *user) {
  (void)s, (void)name, (void)args, (void)user;
}
static void on_error(sio_socket *s, const sio_error_info *error, void *user) {
  (void)s, (void)error, (void)user;
}
static void on_drop(sio_socket *s, const sio_drop *d, void *user) { (void)s, (void)d, (void)user; }
static void on_nsp(sio_nsp *nsp, void *user) { (void)nsp, (void)user; }
static void on_server_side(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)e, (void)user;
}
static void on_match(sio_server *s, const char *name, sio_slice auth, sio_next *next, void *user) {
  (void)s, (void)name, (void)auth, (void)user;
  sio_next_ok(next);
}
static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)reply, (void)user;
}
static void on_replies(int status, sio_replies *r, void *user) {
  (void)r, (void)user;
  query_status = status;
}
static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)list, (void)n, (void)user;
  query_status = status;
}
static void on_count(int status, size_t n, void *user) { (void)status, (void)n, (void)user; }
static void on_sent(int status, void *user) { (void)status, (void)user; }
static void on_request(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 204, NULL, (sio_slice){ 0 });
}
static void on_use(sio_request *r, sio_next *next, void *user) {
  (void)r, (void)user;
  sio_next_ok(next);
}
static void on_headers(sio_request *r, bool initial, void *user) {
  (void)r, (void)initial, (void)user;
}
static void on_room(sio_nsp *nsp, const char *room, void *user) {
  (void)nsp, (void)room, (void)user;
}
static void on_foreign_reply(const char *id, sio_slice json, const sio_slice *b, size_t n,
                             void *user) {
  (void)id, (void)json, (void)b, (void)n, (void)user;
}
static void on_foreign_end(int status, size_t lost, void *user) {
  (void)status, (void)lost, (void)user;
}
static void on_post(sio_server *s, void *arg) { (void)s, (void)arg; }
static void on_text(sio_slice text, void *user) { (void)text, (void)user; }

/* ---- the calls ---------------------------------------------------------------------------- */

static char long_text[3000]; /* more than a recycled block holds */
static const char long_name[] = "a room whose name is too long for a block that is at hand already";
static const sio_slice bins[] = { { "one", 3 }, { "two", 3 } };
static const char foreign[] = "[\"said\",{\"_placeholder\":true,\"num\":0},1.5,\"text\"]";

#define LONG_ARGS SIO_ARGS(long_text, sio_bin("\1\2", 2), 2.5)
#define EVERYONE ((sio_target){ .nsp = root })

static int call_of(void) {
  sio_nsp *nsp;
  return sio_of(srv, "/new", &nsp);
}
static int call_of_pattern(void) {
  sio_nsp *nsp;
  return sio_of_pattern(srv, "/room-*", &nsp);
}
static int call_of_match(void) {
  sio_nsp *nsp;
  return sio_of_match(srv, on_match, NULL, &nsp);
}
static int call_on_nsp(void) {
  return sio_on_nsp(srv, &(sio_nsp_hooks){ .create = on_nsp, .remove = on_nsp }, NULL);
}
static void on_closing(sio_server *server, void *user) { (void)server, (void)user; }
static void on_ended(void *user) { (void)user; }
static int call_on_close(void) { return sio_on_close(srv, on_closing, on_ended, NULL); }
static int call_use(void) { return sio_use(root, on_gate, NULL); }
static int call_use_packet(void) { return sio_use_packet(root, on_packet, NULL); }
static int call_on_connect(void) { return sio_on_connect(root, on_socket, NULL); }
static int call_on_disconnecting(void) { return sio_on_disconnecting(root, on_end, NULL); }
static int call_on_disconnect(void) { return sio_on_disconnect(root, on_end, NULL); }
static int call_on(void) { return sio_on(root, long_name, on_event, NULL); }
static int call_on_any(void) { return sio_on_any(root, on_event, NULL); }
static int call_on_any_outgoing(void) { return sio_on_any_outgoing(root, on_outgoing, NULL); }
static int call_on_error(void) { return sio_on_error(root, on_error, NULL); }
static int call_on_writable(void) { return sio_on_writable(root, on_socket, NULL); }
static int call_on_drop(void) { return sio_on_drop(root, on_drop, NULL); }
static int call_on_server_side(void) { return sio_on_server_side(root, "x", on_server_side, NULL); }
static int call_on_room(void) {
  return sio_on_room(root, &(sio_room_hooks){ .create = on_room }, NULL);
}
static int call_on_engine(void) { return sio_on_engine(srv, &(sio_engine_hooks){ 0 }, NULL); }
static int call_on_headers(void) { return sio_on_engine_headers(srv, on_headers, NULL); }
static int call_use_request(void) { return sio_use_engine_request(srv, on_use, NULL); }

static int call_emit(void) { return sio_emit(sock, "event", LONG_ARGS); }
static int call_emit_keyed(void) {
  return sio_emit_with(sock, &(sio_emit_options){ .key = "key" }, "event", LONG_ARGS);
}
static int call_emit_ack(void) {
  return sio_emit_ack(sock, "event", LONG_ARGS, 1000, on_reply, NULL);
}
static int call_broadcast(void) { return sio_broadcast(EVERYONE, "event", LONG_ARGS); }
static int call_broadcast_ack(void) {
  return sio_broadcast_ack(EVERYONE, "event", LONG_ARGS, 1000, on_replies, NULL);
}
static int call_all_fetch(void) { return sio_all_fetch(EVERYONE, 1000, on_fetched, NULL); }
static int call_server_count(void) { return sio_server_count(root, 1000, on_count, NULL); }
static int call_server_side_emit(void) {
  return sio_server_side_emit(root, "event", LONG_ARGS, 1000, on_replies, NULL);
}
static int call_all_join(void) { return sio_all_join(EVERYONE, SIO_ROOMS(long_name)); }
static int call_join(void) { return sio_join(sock, long_name); }
static int call_set_shared(void) { return sio_socket_set_shared(sock, sio_text("{\"a\":[1,2]}")); }
static int call_deadline(void) { return sio_socket_set_deadline(sock, 1000); }
static int call_session_on_sent(void) {
  return sio_session_on_sent(sio_socket_session(sock), on_sent, NULL);
}
static int call_socket_on_sent(void) {
  return sio_session_on_sent(sio_socket_session(sock), on_sent, NULL);
}
static int call_session_send(void) {
  return sio_session_send(sio_socket_session(sock), 0, false, sio_text(long_text));
}

static int call_route(void) { return sio_route(srv, "GET", "/x", 100, on_request, NULL); }
static int call_static(void) { return sio_static(srv, "/files", "/"); }
static int call_assets(void) {
  static const sio_asset table[] = { { "/a", "text/plain", "a", 1, NULL } };
  return sio_assets(srv, "/assets", table, 1);
}
static const sio_header headers_of_files[] = { { "X-A", "1" }, { 0 } };
static const sio_files_options files_options = { .headers = headers_of_files };
static int call_static_with(void) { return sio_static_with(srv, "/with", "/", &files_options); }
static int call_assets_with(void) {
  static const sio_asset table[] = { { "/a", "text/plain", "a", 1, NULL } };
  return sio_assets_with(srv, "/assets_with", table, 1, &files_options);
}
static int call_ws_route(void) {
  return sio_ws_route(srv, "/plain", &(sio_ws_callbacks){ 0 }, NULL);
}
static int call_ws_route_with_protocols(void) {
  return sio_ws_route(srv, "/spoken", &(sio_ws_callbacks){ .protocols = SIO_ROOMS("a", "b") },
                      NULL);
}
static int call_engine_route(void) {
  return sio_engine_route(srv, "/engine/", &(sio_engine_callbacks){ 0 }, NULL);
}
static int call_metrics_route(void) { return sio_metrics_route(srv, "/metrics"); }
static int call_metrics_text(void) { return sio_metrics_text(srv, on_text, NULL); }
static int call_listen(void) { return sio_listen(srv, "127.0.0.1", 0); }
static int call_accept_fd(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  close(pair[1]);
  return sio_accept(srv, &(sio_accept_options){ .fd = pair[0], .read = sio_text("GET /x HT") });
}
static int call_post(void) { return sio_post(srv, on_post, NULL); }
static int call_test_connect(void) {
  sio_test_free(other);
  other = NULL;
  return sio_test_connect(srv, "/", "{\"a\":1}", &other);
}
static int call_server_new(void) {
  static const char *const list[] = { "10.0.0.0/8", NULL };
  sio_server *second;
  const sio_options o = { .cors = &(sio_cors){ 0 },
                          .cookie = &(sio_cookie){ 0 },
                          .recovery = &(sio_recovery){ 0 },
                          .allowed_origins = SIO_ROOMS("http://a"),
                          .trusted_proxies = list,
                          .initial_packet = { "x", 1 },
                          .connects_per_s = 5 };
  int err = sio_server_new(&uv, &o, &second);
  if (!err) sio_server_close(second, NULL, NULL);
  return err;
}

static int call_packet_new(void) {
  sio_packet *p;
  sio_target to = EVERYONE;
  int err =
      sio__packet_new_from_remote_event(&to, sio_text(foreign), bins, 1, NULL, slice(NULL, 0), &p);
  if (!err) sio__remote_packet_free(p);
  return err;
}
static int call_query_new(void) {
  static const sio_query_watch watch = { .reply = on_foreign_reply, .end = on_foreign_end };
  int err = sio__query_new_with_adapter_callbacks(root, 1000, &watch, NULL, &query);
  if (!err) sio__query_release_and_end_if_complete(query, 0);
  return err;
}
static int call_server_side_receive(void) {
  return sio__server_side_relay_and_handle_event(root, sio_text(foreign), bins, 1, NULL, NULL);
}

/* Inside a handler. */
static int call_reply(void) { return sio_reply(event, LONG_ARGS); }
static int call_event_replace(void) {
  return sio_event_set_name_and_args(event, "other", LONG_ARGS);
}
static int call_event_str(void) { return sio_event_str(event, 0) ? 0 : UV_ENOMEM; }
static int call_event_tree(void) { return sio_event_tree(event, 1) ? 0 : UV_ENOMEM; }
static int call_auth_tree(void) { return sio_socket_auth_tree(sock) ? 0 : UV_ENOMEM; }

/* What else a call may do than answer UV_ENOMEM and change nothing. */
enum {
  IN_EVENT = 1,     /* (it is made inside a handler)                                             */
  CLOSES_PEER = 2,  /* a peer that would miss something is closed, and sio_stats counts it       */
  ENDS_QUERY = 4,   /* it has begun, and the end of the question says UV_ENOMEM                  */
  DONE_IN_PART = 8, /* some receivers are served, the others are not                             */
  ASKS_FEWER = 16,  /* who could not be asked is not, and not waited for                          */
};

struct call {
  const char *name;
  int (*make)(void);
  int flags;
};

#define C(name, flags) \
  { #name, call_##name, flags }
static const struct call calls[] = {
  C(of, 0),
  C(of_pattern, 0),
  C(of_match, 0),
  C(on_nsp, 0),
  C(on_close, 0),
  C(use, 0),
  C(use_packet, 0),
  C(on_connect, 0),
  C(on_disconnecting, 0),
  C(on_disconnect, 0),
  C(on, 0),
  C(on_any, 0),
  C(on_any_outgoing, 0),
  C(on_error, 0),
  C(on_writable, 0),
  C(on_drop, 0),
  C(on_server_side, 0),
  C(on_room, 0),
  C(on_engine, 0),
  C(on_headers, 0),
  C(use_request, 0),
  C(emit, CLOSES_PEER),
  C(emit_keyed, CLOSES_PEER),
  C(emit_ack, CLOSES_PEER),
  C(broadcast, CLOSES_PEER),
  C(broadcast_ack, CLOSES_PEER | ASKS_FEWER),
  C(all_fetch, ENDS_QUERY),
  C(server_count, 0),
  C(server_side_emit, 0),
  C(all_join, DONE_IN_PART),
  C(join, 0),
  C(set_shared, 0),
  C(deadline, 0),
  C(session_on_sent, 0),
  C(socket_on_sent, 0),
  C(session_send, CLOSES_PEER),
  C(route, 0),
  C(static, 0),
  C(assets, 0),
  C(static_with, 0),
  C(assets_with, 0),
  C(ws_route, 0),
  C(ws_route_with_protocols, 0),
  C(engine_route, 0),
  C(metrics_route, 0),
  C(metrics_text, 0),
  C(listen, 0),
  C(accept_fd, 0),
  C(post, 0),
  C(test_connect, CLOSES_PEER),
  C(server_new, 0),
  C(packet_new, 0),
  C(query_new, 0),
  C(server_side_receive, 0),
  C(reply, IN_EVENT | CLOSES_PEER),
  C(event_replace, IN_EVENT),
  C(event_str, IN_EVENT),
  C(event_tree, IN_EVENT),
  C(auth_tree, 0),
};

/* ---- one try ------------------------------------------------------------------------------ */

static const struct call *call;
static size_t fail_at;
static bool blown; /* the allocation was asked for, and failed */
static unsigned passed, failed;

static void complain(const char *what, int got) {
  failed++;
  fprintf(stderr, "%s without its allocation %zu: %s (%d)\n", call->name, fail_at, what, got);
}

/* What a call that fails leaves as it is. */
static bool same_state(const sio_stats *a, const sio_stats *b) {
  return a->sockets == b->sockets && a->sessions == b->sessions && a->nsps == b->nsps &&
         a->rooms == b->rooms && a->child_nsps == b->child_nsps &&
         a->acks_pending == b->acks_pending && a->events_out == b->events_out &&
         a->packets_out == b->packets_out && a->connections == b->connections &&
         a->queued_bytes == b->queued_bytes && a->acks_sent == b->acks_sent &&
         a->out_of_memory == b->out_of_memory;
}

static sio_stats before; /* the call */
static int got;          /* what it answered */
static bool odd;         /* it was not UV_ENOMEM with all as before */

static bool is_open(const sio_test_peer *p) {
  sio_socket *s = sio_test_socket(p);
  return s && sio_session_info_of(sio_socket_session(s)).state == SIO_SESSION_OPEN;
}

static void make_call(void) {
  sio_stats after;
  query_status = 0;
  sio_server_get_stats(srv, &before, sizeof before);
  alloc_fail_in(fail_at);
  got = call->make();
  blown = alloc_fuse == 0;
  alloc_fail_in(0);
  sio_server_get_stats(srv, &after, sizeof after);
  odd = blown && (got != UV_ENOMEM || !same_state(&before, &after) || !is_open(peer));
  if (odd) return;
  int again = blown ? call->make() : got;
  if (again) complain("it fails although there is memory", again);
}

/* One of the call's flags has to say why it was odd. */
static bool is_excused(void) {
  sio_stats after;
  turn();
  sio_server_get_stats(srv, &after, sizeof after);
  if (call->flags & CLOSES_PEER && after.out_of_memory == before.out_of_memory + 1) return true;
  if (call->flags & DONE_IN_PART && got == UV_ENOMEM) return true;
  if (call->flags & ASKS_FEWER && after.acks_asked == before.acks_asked + 1) return true;
  return call->flags & ENDS_QUERY && query_status == UV_ENOMEM;
}

static void on_ask(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  event = e;
  make_call();
}

static void begin(void) {
  alloc_install();
  closed = false;
  if (uv_loop_init(&uv) || uv_async_init(&uv, &alive, NULL)) abort();
  if (sio_server_new(&uv, NULL, &srv) || sio_of(srv, "/", &root) ||
      sio_on(root, "ask", on_ask, NULL) || sio_test_connect(srv, "/", "{\"b\":2}", &peer) ||
      sio_test_connect(srv, "/", NULL, &other))
    abort();
  sock = sio_test_socket(peer);
  turn();
}

static void finish(void) {
  sio_test_free(peer);
  sio_test_free(other);
  other = NULL;
  sio_server_close(srv, on_closed, NULL);
  for (int i = 0; i < 20 && !closed; i++) turn();
  uv_close((uv_handle_t *)&alive, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  if (!closed || uv_loop_close(&uv)) complain("the server does not close", 0);
  if (alloc_live) complain("blocks are left", (int)alloc_live);
}

/* Whether there is another allocation to let fail. */
static bool try_once(void) {
  unsigned faults = failed;
  begin();
  if (call->flags & IN_EVENT)
    sio_test_ask(peer, "ask", SIO_ARGS("text with \\ and more", sio_json(sio_text("{\"a\":[1]}"))));
  else
    make_call();
  if (odd && !is_excused()) complain("neither UV_ENOMEM with all as before, nor explained", got);
  finish();
  passed += blown && failed == faults;
  return blown;
}

int main(int argc, char **argv) {
  memset(long_text, 'x', sizeof long_text - 1);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    call = &calls[i];
    if (argc > 1 && !strstr(call->name, argv[1])) continue;
    fail_at = 1;
    while (try_once()) fail_at++;
    if (fail_at == 1 && argc > 1) fprintf(stderr, "%s allocates nothing\n", call->name);
  }
  printf("%u passed, %u failed\n", passed, failed);
  return failed || !passed;
}
