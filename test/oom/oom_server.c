/* SPDX-License-Identifier: MIT
 *
 * oom_server.c - a whole server's life, once for each of its allocations, with that one failing;
 * and once more with all failing from there to the end of the peers' scripts.
 *
 * Whatever fails: nothing crashes, nothing leaks, nothing hangs, callbacks come as often as
 * promised, and a peer that comes when there is memory again is served as if nothing had been.
 *
 *     oom_server            all of them
 *     oom_server 17         only the 17th, both ways
 */
#include "life.h"
#include "stats.h"

static const char *check_stats(void) {
  sio_stats st;
  sio_server_get_stats(h.srv, &st, sizeof st);
  return stats_fault_at_rest(&st);
}

/* Peers that are there when the server closes are told. */
static const char *check_close(struct peers *p, bool told) {
  sio_server_close(h.srv, on_closed, NULL);
  if (told && !raw_expect_n(&p->ws, "\x88", 1)) return "the close frame";
  hang_up(p);
  for (int i = 0; i < RAW_TURNS && !h.closed; i++) {
    settle();
    turn();
  }
  return h.closed ? NULL : "the close";
}

/* What was missing, or NULL. With faults the scripts may break off, never what follows. */
static const char *live_once(size_t at, bool and_on) {
  const char *missing = NULL;
  h = (struct host){ 0 };
  oom_begin(at, and_on);
  uv_loop_init(&h.uv);
  uv_async_init(&h.uv, &h.alive, wake);
  int err = set_up();
  if (err && (err != UV_ENOMEM || !at)) missing = sio_strerror(err);
  if (!err) {
    const char *broken = run_scripts(&peers);
    if (!at) missing = broken;
    hang_up(&peers);
    settle();
    if (!missing) missing = check_stats();
    oom_end_of_script();
    if ((broken = run_scripts(&peers))) missing = broken;
    if (!missing) missing = check_stats();
  }
  fail_at = 0;
  const char *close = h.srv ? check_close(&peers, !err && !missing) : NULL;
  const char *left = leave_host();
  return missing ? missing : close ? close : left;
}

int main(int argc, char **argv) {
  write_file();
  oom_sweep("a server", live_once, argc > 1 ? strtoul(argv[1], NULL, 10) : 0);
  remove_file();
  return oom_result();
}
