/* SPDX-License-Identifier: MIT
 *
 * meddle_server.c - a whole server's life, once for each callback of the host, which there pulls
 * things from under everybody: closes the server, ends sessions, hangs up its peers.
 *
 *     meddle_server         all of it
 *     meddle_server 3 17    the third way, in the 17th callback
 */
#include "life.h"
#include "stats.h"

/* ---- the ways ------------------------------------------------------------------------------ */

static void each_socket(void (*visit)(sio_socket *s, void *user)) {
  sio_nsp *all[] = { h.root, h.later };
  for (int i = 0; i < 2; i++)
    if (all[i]) sio_all_each((sio_target){ .nsp = all[i] }, visit, NULL);
}

static void close_server(void) { sio_server_close(h.srv, on_closed, NULL); }
static void drain_server(void) { sio_server_drain(h.srv, NULL, on_closed, NULL); }

static void leave_one(sio_socket *s, void *user) {
  (void)user;
  sio_disconnect(s, false);
}
static void leave_all(void) { each_socket(leave_one); }

static void end_one(sio_socket *s, void *user) {
  (void)user;
  sio_disconnect(s, true);
}
static void end_all(void) { each_socket(end_one); }

static void end_session(sio_socket *s, void *user) {
  (void)user;
  sio_session_close(sio_socket_session(s), NULL);
}
static void end_sessions(void) { each_socket(end_session); }

static void ignore_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)reply, (void)user;
}
static void hurry_one(sio_socket *s, void *user) {
  (void)user;
  sio_socket_set_deadline(s, 1);
  sio_emit_ack(s, "question", SIO_NONE, 1, ignore_reply, NULL);
}
static void hurry_all(void) { each_socket(hurry_one); }

static void empty_rooms(void) {
  sio_all_leave((sio_target){ .nsp = h.root }, SIO_ROOMS("everyone", "x", "y"));
}

static void talk(void) {
  sio_broadcast((sio_target){ .nsp = h.root }, "more", SIO_ARGS(sio_bin("x", 1)));
  sio_all_join((sio_target){ .nsp = h.root }, SIO_ROOMS("more"));
}

static void cut_peers(void) {
  struct raw *all[] = { &peers.polling, &peers.ws,    &peers.rude,
                        &peers.http,    &peers.plain, &peers.raw };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i]->fd >= 0) shutdown(all[i]->fd, SHUT_RDWR);
}

static void cut_and_close(void) {
  cut_peers();
  close_server();
}

static void (*const ways[])(void) = { close_server, drain_server, leave_all,   end_all,
                                      end_sessions, hurry_all,    empty_rooms, talk,
                                      cut_peers,    cut_and_close };
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- one life ------------------------------------------------------------------------------ */

static size_t meddle_at, callbacks;
static void (*way)(void); /* NULL: none */
static const char *fault; /* of the counters, seen in a callback */

static void add_up(void) {
  sio_stats st;
  sio_server_get_stats(h.srv, &st, sizeof st);
  fault = stats_fault(&st);
}

static void meddle_look(void) {
  if (++callbacks == meddle_at && way) way();
}

static void meddle(void) {
  meddle_look();
  if (!h.closed && !fault) add_up();
}

static const char *end_life(void) {
  if (!h.closed) sio_server_close(h.srv, on_closed, NULL);
  for (int i = 0; i < 3 * RAW_TURNS && !h.closed; i++) {
    settle();
    turn();
  }
  settle(); /* verdicts and answers are owed to a server that is gone, too */
  return h.closed ? NULL : "the close";
}

/* What was missing, or NULL. */
static const char *live_once(void) {
  h = (struct host){ .meddle = meddle, .look = meddle_look };
  callbacks = 0;
  fault = NULL;
  oom_begin(0, false);
  uv_loop_init(&h.uv);
  uv_async_init(&h.uv, &h.alive, wake);
  if (set_up()) return "the start";
  /* The scripts ask for it, also when it has closed. */
  sio_nsp *keeps_server = sio_nsp_ref(h.root);
  const char *broken = run_scripts(&peers);
  size_t met = callbacks;
  hang_up(&peers);
  const char *missing = end_life();
  sio_nsp_unref(keeps_server);
  const char *left = leave_host();
  callbacks = met;
  if (!way && broken) return broken;
  return missing ? missing : left ? left : fault;
}

static void try_one(size_t number, size_t at) {
  way = number ? ways[number - 1] : NULL;
  meddle_at = at;
  const char *missing = live_once();
  passed_runs += !missing;
  failed_runs += missing != NULL;
  if (missing)
    fprintf(stderr, "meddling way %zu, callback %zu: %s was missing\n", number, at, missing);
}

int main(int argc, char **argv) {
  size_t only_way = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
  size_t only_at = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
  write_file();
  try_one(0, 0);
  size_t total = only_at ? only_at : callbacks;
  for (size_t w = only_way ? only_way : 1; w <= (only_way ? only_way : WAYS); w++)
    for (size_t at = only_at ? only_at : 1; at <= total; at++) try_one(w, at);
  remove_file();
  return oom_result();
}
