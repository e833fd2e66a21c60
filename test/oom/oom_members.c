/* SPDX-License-Identifier: MIT
 *
 * oom_members.c - servers that serve as one (sio/threads.h), a whole life for each of its
 * allocations: requests and WebSockets for a session of another member, broadcasts, questions,
 * rooms, statistics and posts to all members. They share one loop.
 *
 * Whatever fails: nothing crashes, leaks or hangs, each callback runs once if its call
 * was accepted, and peers that come when there is memory again are served by all members.
 *
 *     oom_members         all allocations
 *     oom_members 17      the 17th, both ways
 */
#include "server/server.h"

#include "oom.h"
#include "poll_client.h"
#include <sio/threads.h>

enum { MEMBERS = 2 };

static struct host {
  uv_loop_t uv;
  uv_async_t alive;
  sio_threads *threads;
  sio_server *members[MEMBERS];
  sio_nsp *roots[MEMBERS];
  int connected, asked, posts; /* must come to 0 */
  unsigned closed;
} h;

static struct poller poller;
static struct raw sock, upgraded;

static void wake(uv_async_t *a) { (void)a; }

/* ---- the host ------------------------------------------------------------------------------ */

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  h.connected++;
  sio_join(s, "room");
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  h.connected--;
}

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_val all = sio_event_args(e);
  sio_reply(e, sio_argv(&all, 1));
}

static void on_server_side(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  sio_reply(e, SIO_ARGS("yes"));
}

static void on_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)r, (void)user;
  h.asked--;
}

static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)status, (void)user;
  for (size_t i = 0; i < n; i++) sio_remote_handshake(&list[i]);
  h.asked--;
}

static void on_sum(const sio_stats *sum, unsigned n, void *user) {
  (void)sum, (void)n, (void)user;
  h.asked--;
}

static void on_posted(sio_server *member, void *arg) {
  (void)member, (void)arg;
  h.posts--;
}

#define TRY(call)          \
  do {                     \
    int err_ = (call);     \
    if (err_) return err_; \
  } while (0)

static int set_up_member(int i) {
  const sio_options o = { .threads = h.threads };
  TRY(sio_server_new(&h.uv, &o, &h.members[i]));
  TRY(sio_of(h.members[i], "/", &h.roots[i]));
  TRY(sio_on_connect(h.roots[i], on_connect, NULL));
  TRY(sio_on_disconnect(h.roots[i], on_disconnect, NULL));
  TRY(sio_on(h.roots[i], "echo", on_echo, NULL));
  return sio_on_server_side(h.roots[i], "ask", on_server_side, NULL);
}

static int set_up(void) {
  TRY(sio_threads_new(&h.threads));
  for (int i = 0; i < MEMBERS; i++) TRY(set_up_member(i));
  return 0;
}

static void turns(void) {
  for (int i = 0; i < 4; i++) uv_run(&h.uv, UV_RUN_NOWAIT);
}

/* ---- the script ---------------------------------------------------------------------------- */

static bool poll_through_another(void) {
  if (!poller_open(&poller, h.members[0], "/socket.io/")) return false;
  poller.server = h.members[1];
  return poller_post(&poller, "40") && poller_get(&poller) &&
         raw_expect(&poller.get, "40{\"sid\"") &&
         poller_upgrade(&poller, &upgraded, "/socket.io/") && raw_text(&upgraded, "2probe") &&
         raw_expect(&upgraded, "3probe") && raw_text(&upgraded, "5");
}

static bool join_websocket(struct raw *c, int member) {
  return raw_open(c, h.members[member]) &&
         raw_upgrade(c, "/socket.io/?EIO=4&transport=websocket") && raw_text(c, "40") &&
         raw_expect(c, "40{\"sid\"");
}

static int counted(int err) {
  h.asked += err == 0;
  return err;
}

static void call_all_members(void) {
  sio_target all = { .nsp = h.roots[0] }, room = { .nsp = h.roots[0], .rooms = SIO_ROOMS("room") };
  unsigned count = 0;
  sio_broadcast(room, "news", SIO_ARGS("text", sio_bin("\1\2", 2)));
  sio_all_join(all, SIO_ROOMS("red", "blue"));
  sio_all_leave(all, SIO_ROOMS("red"));
  counted(sio_broadcast_ack(all, "q", SIO_ARGS(1), 100, on_replies, NULL));
  counted(sio_all_fetch(all, 100, on_fetched, NULL));
  counted(sio_server_side_emit(h.roots[0], "ask", SIO_ARGS("x"), 100, on_replies, NULL));
  counted(sio_threads_fetch_stats(h.members[1], on_sum, NULL));
  if (sio_threads_post(h.threads, on_posted, NULL, &count) == 0 || count) h.posts += (int)count;
  turns();
}

static bool script(void) {
  bool ok = poll_through_another() && join_websocket(&sock, 1);
  call_all_members();
  return ok && raw_expect(&sock, "[\"news\",") && raw_text(&sock, "421[\"echo\",1]") &&
         raw_expect(&sock, "431[1]");
}

/* ---- one life -------------------------------------------------------------------------------- */

static void hang_up(void) {
  raw_close(&sock);
  raw_close(&upgraded);
  poller_close(&poller);
  turns();
}

/* Questions wait at most 100 ms for what got lost. */
static const char *after(void) {
  clock_ms += 200;
  for (int i = 0; i < MEMBERS; i++) sio__timers_fire_due(&h.members[i]->core.loop.timers, clock_ms);
  turns();
  if (h.asked) return "the end of a question";
  if (h.posts) return "a posted call";
  bool ok = join_websocket(&sock, 1);
  if (ok) sio_broadcast((sio_target){ .nsp = h.roots[0] }, "later", SIO_NONE);
  turns();
  return ok && raw_expect(&sock, "[\"later\"]") ? NULL : "a peer that came later";
}

static void on_closed(void *user) {
  (void)user;
  h.closed++;
}

static const char *end_of_members(void) {
  unsigned n = 0;
  for (int i = 0; i < MEMBERS; i++)
    if (h.members[i] && sio_server_close(h.members[i], on_closed, NULL) == 0) n++;
  sio_threads_unref(h.threads);
  hang_up();
  for (int i = 0; i < RAW_TURNS && h.closed < n; i++) uv_run(&h.uv, UV_RUN_NOWAIT);
  if (h.closed < n) return "the close";
  uv_close((uv_handle_t *)&h.alive, NULL);
  for (int i = 0; i < RAW_TURNS && uv_loop_alive(&h.uv); i++) uv_run(&h.uv, UV_RUN_NOWAIT);
  if (uv_loop_close(&h.uv)) return "an empty loop";
  if (live) return "freed memory";
  return h.connected ? "callbacks in equal numbers" : NULL;
}

static const char *live_once(size_t at, bool and_on) {
  h = (struct host){ 0 };
  poller = (struct poller)POLLER;
  sock.fd = upgraded.fd = -1;
  if (uv_loop_init(&h.uv) || uv_async_init(&h.uv, &h.alive, wake)) abort();
  oom_begin(at, and_on);
  int err = set_up();
  bool ok = !err && script();
  oom_end_of_script();
  hang_up();
  const char *missing = !err ? after() : NULL;
  const char *end = end_of_members();
  if (!at && !ok) return "the script";
  return missing ? missing : end;
}

int main(int argc, char **argv) {
  oom_sweep("members", live_once, argc > 1 ? strtoul(argv[1], NULL, 10) : 0);
  return oom_result();
}
