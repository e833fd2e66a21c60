/* SPDX-License-Identifier: MIT
 *
 * fuzz_server.c - a whole server and what three peers send it. The input is a row of steps: 0xFF
 * and a command, then bytes up to the next 0xFF.
 *
 *     0xFF 'a'..'c'   the bytes go to this peer, which connects if it has not
 *     0xFF 'A'..'C'   the same, one byte a turn
 *     0xFF 'x'..'z'   peer a..c hangs up
 *     0xFF 't'        time passes, in which nothing comes
 *     0xFF 'v'        verdicts and replies that the host owes are given
 *
 * Sessions are called S0, S1, ...; so the bytes can name them. In the end the server closes,
 * and nothing may be left of it.
 */
#include "fuzz.h"

#include "alloc.h"
#include "clock.h"
#include "sio/server.h"
#include "stats.h"
#include <errno.h>
#include <sio/sio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 3, OWED = 32, STEP = 256 };

static uv_loop_t uv;
static uv_async_t alive;
static sio_server *srv;
static int fds[PEERS];
static unsigned sessions, nnexts, nacks;
static sio_next *nexts[OWED];
static sio_ack *acks[OWED];
static int connected;
static bool closed;

/* ---- the host ------------------------------------------------------------------------------ */

static int name_session(sio_request *r, char out[64], void *user) {
  (void)r, (void)user;
  snprintf(out, 64, "S%u", sessions++);
  return 0;
}

static void owe(sio_next *next) {
  if (nnexts == OWED)
    sio_next_fail(next, "too many", sio_null());
  else
    nexts[nnexts++] = next;
}

static void settle(void) {
  while (nnexts) sio_next_ok(nexts[--nnexts]);
  while (nacks) sio_ack_send(acks[--nacks], SIO_ARGS("at last"));
}

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  connected++;
  sio_socket_auth_tree(s);
  sio_join(s, "all");
  sio_emit(s, "hi", SIO_ARGS(1));
}
static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  connected--;
}
static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)user;
  if (reply) sio_event_tree(reply, 0);
}
static void on_any(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  for (size_t i = 0; i < sio_event_count(e); i++) {
    sio_event_tree(e, i);
    sio_event_strn(e, i);
  }
}
static void on_echo(sio_socket *s, sio_event *e, void *user) {
  sio_val all[] = { sio_event_args(e) };
  (void)user;
  sio_emit(s, "echo", sio__args(all, 1));
  sio_reply(e, sio__args(all, 1));
}
static void on_share(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_target to = { .nsp = sio_socket_nsp(s), .rooms = SIO_ROOMS("all") };
  sio_broadcast(to, "shared", SIO_ARGS(sio_arg(e, 0), sio_bin("\1", 1)));
}
static void on_ask(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_ack *ack = sio_event_take_ack(e);
  if (ack && nacks < OWED)
    acks[nacks++] = ack;
  else if (ack)
    sio_ack_drop(ack);
  sio_emit_ack(s, "ask", SIO_NONE, 100, on_reply, NULL);
}
static void on_leave(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s);
}
static void on_end(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect_session(s);
}
static void gate(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  owe(next);
}
static void packet_gate(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)user;
  if (sio_event_count(e) == 3)
    owe(next);
  else
    sio_next_ok(next);
}
static void on_api(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 200, "text/plain", sio_request_body(r));
}
static void plain_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)user;
  sio_ws_send(w, binary, data);
}
static void on_closed(void *user) {
  (void)user;
  closed = true;
}

static void start(void) {
  static const sio_options options = { .generate_id = name_session,
                                       .max_payload = 2000,
                                       .max_queued = 65536,
                                       .max_head = 2048,
                                       .max_nsps = 3 };
  static const sio_ws_callbacks plain = { .message = plain_message };
  sio_nsp *root, *gated;
  DEMAND(sio_server_new(&srv, &uv, &options) == 0);
  DEMAND(sio_of(srv, "/", &root) == 0 && sio_of(srv, "/g", &gated) == 0);
  sio_on_connect(root, on_connect, NULL);
  sio_on_disconnect(root, on_disconnect, NULL);
  sio_on_any(root, on_any, NULL);
  sio_on(root, "echo", on_echo, NULL);
  sio_on(root, "share", on_share, NULL);
  sio_on(root, "ask", on_ask, NULL);
  sio_on(root, "leave", on_leave, NULL);
  sio_on(root, "end", on_end, NULL);
  sio_use_packet(root, packet_gate, NULL);
  sio_use(gated, gate, NULL);
  sio_route(srv, NULL, "/api/*", 500, on_api, NULL);
  sio_ws_route(srv, "/plain", &plain, NULL);
}

/* ---- the peers ------------------------------------------------------------------------------- */

static void hang_up(unsigned i) {
  if (fds[i] >= 0) close(fds[i]);
  fds[i] = -1;
}

static void listen_to_all(void) {
  static char sink[65536];
  for (unsigned i = 0; i < PEERS; i++)
    while (fds[i] >= 0 && recv(fds[i], sink, sizeof sink, 0) > 0) continue;
}

static void turn(void) {
  uv_run(&uv, UV_RUN_NOWAIT);
  listen_to_all();
}

static void connect_peer(unsigned i) {
  int pair[2];
  if (fds[i] >= 0) return;
  DEMAND(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
  fds[i] = pair[1];
  DEMAND(sio_accept_fd(srv, pair[0]) == 0);
}

/* What a server that has stopped listening does not take is lost. */
static void say(unsigned i, const uint8_t *p, size_t n, size_t step) {
  connect_peer(i);
  for (size_t at = 0; at < n; at += step) {
    size_t some = n - at < step ? n - at : step;
    if (send(fds[i], p + at, some, MSG_NOSIGNAL) < 0 && errno != EAGAIN) break;
    turn();
  }
  turn();
}

static void pass_time(void) {
  clock_ms += 6000;
  sio__timers_run(&srv->loop.timers, clock_ms);
  turn();
}

static void obey(unsigned command, const uint8_t *p, size_t n) {
  if (command >= 'a' && command < 'a' + PEERS) say(command - 'a', p, n, n + 1);
  if (command >= 'A' && command < 'A' + PEERS) say(command - 'A', p, n < STEP ? n : STEP, 1);
  if (command >= 'x' && command < 'x' + PEERS) hang_up(command - 'x');
  if (command == 't') pass_time();
  if (command == 'v') settle();
  turn();
}

static void add_up(void) {
  sio_stats st;
  sio_server_stats(srv, &st, sizeof st);
  DEMAND(stats_fault_at_rest(&st) == NULL);
}

static void finish(void) {
  add_up();
  sio_server_close(srv, on_closed, NULL);
  turn();
  for (unsigned i = 0; i < PEERS; i++) hang_up(i);
  for (unsigned i = 0; i < 50 && !closed; i++) {
    settle();
    turn();
  }
  settle();
  DEMAND(closed);
  DEMAND(connected == 0);
  DEMAND(alloc_live == 0);
}

static void begin(void) {
  static bool begun;
  if (!begun) DEMAND(!uv_loop_init(&uv) && !uv_async_init(&uv, &alive, NULL));
  begun = true;
  alloc_install();
  sessions = nnexts = nacks = 0;
  closed = false;
  for (unsigned i = 0; i < PEERS; i++) fds[i] = -1;
  start();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *at = data, *end = data + size;
  begin();
  while (at < end) {
    unsigned command = 'a';
    if (*at == 0xff && at + 1 < end) {
      command = at[1];
      at += 2;
    }
    const uint8_t *next = memchr(at, 0xff, (size_t)(end - at));
    if (!next) next = end;
    if (next + 1 == end) end = next;
    obey(command, at, (size_t)(next - at));
    at = next;
  }
  finish();
  return 0;
}
