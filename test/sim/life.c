/* SPDX-License-Identifier: MIT
 *
 * life.c - a life in three parts: everything happens; it grows calm, and what is owed must arrive;
 * all leave, the server closes, and nothing may be left.
 */
#include "life.h"

#include "base/random.h"
#include "check.h"
#include "cluster.h"
#include "crossing.h"
#include "disk.h"
#include "fault.h"
#include "host.h"
#include "kernel.h"
#include "loop.h"
#include "memory.h"
#include "peer.h"
#include "redis.h"
#include "tls.h"

enum { LIVE_US = 1200000000, CALM_US = 60000000, TURNS_MAX = 20000 };

struct shared *shared;

/* The library draws ids in batches. One left over from the last life would change this one. */
static void forget_random(void) {
  char id[SIO__ID_LEN + 1];
  uint64_t before = kernel.random;
  while (kernel.random == before) sio__make_random_id(id);
}

/* Which troubles this life has: a few of them, so that each can be seen without the others. */
static void draw_troubles(void) {
  if (draw(4) == 3) kernel.eintr = draw_between(3, 50);
  if (draw(4) == 3) kernel.spurious = draw_between(3, 50);
  if (draw(4) == 3) kernel.nobufs = draw_between(3, 50);
  if (draw(3) == 2) kernel.short_reads = draw_between(2, 20);
  if (draw(3) == 2) kernel.short_writes = draw_between(2, 20);
  if (draw(6) == 5) kernel.accept_fails = draw_between(2, 10);
  if (draw(6) == 5) kernel.poll_init_fails = draw_between(2, 20);
  if (draw(6) == 5) disk.fails = draw_between(2, 30);
  if (draw(6) == 5) disk.changes = draw_between(2, 30);
  if (draw(6) == 5) kernel.aborted = draw_between(2, 10);
  if (draw(6) == 5) {
    loop.stalls = draw_between(20, 300);
    loop.timer_stalls = draw(2) ? draw_between(3, 60) : 0;
    loop.ping_stalls = draw(2) ? draw_between(1, 10) : 0;
  }
  if (draw(6) == 5) loop.pauses = draw_between(5, 200);
  if (draw(4) == 3) memory.fail_one_in = 50 + draw_size(5000);
  loop.timers_last = draw(4) == 3;
  loop.outside = draw(4) == 3;
}

/* One whose limits pause it is read a packet at a time. */
static int turns_max(void) {
  bool limited = host.opts.packets_per_s || host.opts.bytes_per_s;
  return (limited ? 10 * TURNS_MAX : TURNS_MAX) * host.nmembers;
}

static void turn(uint64_t limit) {
  host_idle();
  loop_turn_until(limit);
  shared->steps++;
  check_turn(host.here->srv, &host.opts);
  loop_check_watches();
  host_end_turn();
}

/* ---- everything happens ------------------------------------------------------------- */

static void live(void) {
  unsigned turns = draw_size(600), come = draw_between(1, 12);
  if (redis.on) turns = turns * 4 + 100; /* connections come and go, and that takes turns */
  if (host.upgraders || host.full_returns) turns += 200;
  if (loop.ping_stalls) turns = turns * 2 + 100; /* and so do pings */
  uint64_t until = kernel.now + LIVE_US;         /* a slow reader alone reads ten times a second */
  for (unsigned i = 0; i < turns && host_lives() && kernel.now < until; i++) {
    draw_span();
    if (peers_count() < come && draw(4) > 0) peers_invite();
    turn(kernel.now + 30000000);
  }
}

/* ---- it grows calm ------------------------------------------------------------------ */

/* What peers have sent must be answered. A limit of bytes makes the server handle it late. Looked
 * at again after a while, it includes what peers had not sent yet when all grew calm. */
static uint64_t calm_us(void) {
  uint64_t per_s = host.opts.bytes_per_s;
  return CALM_US + (per_s ? peers_most_sent() * 1000000 / per_s : 0);
}

static void grow_calm(void) {
  TELL("it grows calm");
  memory.fail_one_in = 0;
  loop.stalls = loop.timer_stalls = loop.ping_stalls = loop.pauses = 0;
  disk.fails = disk.changes = 0;
  kernel_calm();
  host_calm();
  redis_calm();
  peers_calm();
  uint64_t began = kernel.now, half = began + CALM_US / 2, until = began + calm_us();
  for (int i = 0; host_lives() && kernel.now < until; i++) {
    if (i == turns_max()) fault("the loop does not come to rest", "%d turns", i);
    bool was_early = kernel.now < half;
    turn(until);
    if (was_early && kernel.now >= half) until = began + calm_us();
  }
  if (!host_is_ending()) {
    peers_settled();
    crossings_settled();
    host_redis_check_settled();
    host_check_settled();
    /* What a peer has sent may be handled slowly, by its limits, when it is gone. */
    if (!host.opts.packets_per_s && !host.opts.bytes_per_s) check_no_ghosts();
  }
}

/* ---- the end ------------------------------------------------------------------------ */

static unsigned longest_timeout(void) {
  const sio_options *o = &host.opts;
  unsigned close = o->close_timeout_ms ? o->close_timeout_ms : 30000;
  return close + 60000;
}

static void end(void) {
  bool leave_first = draw(2) == 0;
  TELL("the end begins");
  if (leave_first) peers_leave();
  host_close();
  uint64_t until = kernel.now + (uint64_t)longest_timeout() * 1000;
  for (int i = 0; host_lives() && kernel.now < until; i++) {
    if (i == turns_max()) fault("the loop does not come to rest", "%d turns, closing", i);
    turn(until);
  }
  if (host_lives()) fault("the server does not close", "in %u ms", longest_timeout());
  peers_leave();
}

static void take_print(void) {
  const uint64_t did[] = { kernel.calls, kernel.bytes_in, kernel.now, memory.calls,
                           memory.peak,  loop.callbacks,  loop.turns, shared->log.n };
  shared->print = 0;
  for (size_t i = 0; i < sizeof did / sizeof *did; i++)
    shared->print = (shared->print ^ did[i]) * 0x100000001b3u;
}

static void begin_life(void) {
  sio__hash_bytes("", 0); /* its key is drawn once in a process, before any life */
  kernel_begin();
  disk_begin();
  memory_begin();
  loop_begin_life();
  peers_begin();
  redis_begin();
  check_begin();
  crossings_begin();
  cluster_begin();
  sim_tls_begin();
  forget_random();
  draw_troubles();
}

static void end_life(void) {
  for (int i = 0; i < 3 * LOOPS; i++) loop_turn_until(kernel.now);
  host_check_end();
  take_print();
  peers_end();
  redis_end();
  check_nothing_left();
  if (sim_tls_open()) fault("a TLS session is left open", "%u", sim_tls_open());
  check_end();
  crossings_end();
  kernel_end();
}

void life_run(void) {
  begin_life();
  if (host_start() == 0) {
    live();
    grow_calm();
  }
  memory.fail_one_in = 0;
  host_calm();
  end();
  end_life();
}
