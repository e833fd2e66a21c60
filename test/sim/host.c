/* SPDX-License-Identifier: MIT
 *
 * host.c - the life of a host: its servers are started, do something between two turns, and are
 * closed. Its options are in host_options.c, its handlers in host_callbacks.c, and what they do in
 * host_act.c.
 */
#include "host.h"

#include "cluster.h"
#include "draw.h"
#include "fault.h"
#include "loop.h"
#include "memory.h"
#include "redis.h"
#include "tls.h"
#include <string.h>

struct host host;
bool without_redis, only_redis;

/* ---- servers ------------------------------------------------------------------------ */

void host_enter(int member) { host.here = &host.members[member]; }

int host_member(void) { return (int)(host.here - host.members); }

bool host_lives(void) {
  for (int i = 0; i < host.nmembers; i++)
    if (host.members[i].srv) return true;
  return false;
}

bool host_is_ending(void) {
  for (int i = 0; i < host.nmembers; i++) {
    const struct member *m = &host.members[i];
    if (!m->srv || m->closing || m->draining) return true;
  }
  return false;
}

void host_for_each_member(void (*fn)(void)) {
  int before = host_member();
  for (int i = 0; i < host.nmembers; i++) {
    loop_enter(i);
    fn();
  }
  loop_enter(before);
}

/* ---- starting ----------------------------------------------------------------------- */

/* A handler that could not be registered is not called, so here no allocation fails: test/oom. */
static int set_up(void) {
  uint32_t fail_one_in = memory.fail_one_in;
  memory.fail_one_in = 0;
  host_handle_sessions();
  host_handle_requests();
  int err = host_make_nsps();
  memory.fail_one_in = fail_one_in;
  return err;
}

static void let_threads_go(void) {
  sio_threads_unref(host.threads);
  host.threads = NULL;
}

bool host_each_listens(void) { return redis.on && !host.clustered; }

/* Members of one sio_threads serve what any of them accepts. The order is that of the ports in
 * kernel.h. */
static int listen_somewhere(void) {
  const sio_listen_options how[] = { { .port = 80 },
                                     { .port = 443, .tls = &sim_tls },
                                     { .path = "/sim/socket" } };
  uint32_t fail_one_in = memory.fail_one_in;
  int err = 0;
  memory.fail_one_in = 0;
  for (int i = 0; i < (host_each_listens() ? 3 * host.nmembers : 3) && !err; i++) {
    loop_enter(host_each_listens() ? i / 3 : (int)draw((uint32_t)host.nmembers));
    err = sio_listen_with(host.here->srv, &how[i % 3]);
  }
  memory.fail_one_in = fail_one_in;
  return err;
}

static int start_server(void) {
  sio_options o = host.opts;
  host_redis_start(&o);
  int err = sio_server_new(&loop.uv[loop.current], &o, &host.here->srv);
  if (!err && host.clustered && host_member() == 0) host_redis_connect_threads();
  if (!err) return set_up();
  host.here->srv = NULL;
  return err;
}

static int start_servers(void) {
  int err = 0;
  for (int i = 0; i < host.nmembers && !err; i++) {
    loop_enter(i);
    err = start_server();
  }
  if (!err) err = listen_somewhere();
  if (host.threads && draw(2)) let_threads_go();
  loop_enter(0);
  return err;
}

/* See cluster.h. */
static void only_broadcast(void) {
  host.acts = 0;
  host.settles_late = host.holds_events = false;
}

int host_start(void) {
  memset(&host, 0, sizeof host);
  host_enter(0);
  host_draw_options();
  if (only_redis && !redis.on) return UV_ECANCELED;
  host.acts = draw(4) ? draw_between(2, 20) : 0;
  if (host.full_returns) host.acts = draw_between(2, 4);
  TELL("allocations fail 1 in %u", memory.fail_one_in);
  host.violence = draw(2) ? draw_between(2, 30) : 0;
  host.settles_late = draw(6) == 5;
  if (host.settles_late) host.violence = draw_between(2, 5); /* it has to end something */
  host.holds_events = draw(6) == 5;
  if (host.clustered) only_broadcast();
  host.starting = true;
  int err = start_servers();
  host.starting = false;
  return err;
}

/* ---- ending ------------------------------------------------------------------------- */

void host_calm(void) {
  host.calm = true;
  host_for_each_member(host_settle_all);
}

static void on_done(void *user) {
  struct question *q = user;
  if (host.sending) fault("a callback runs inside a call that sends", "done");
  host_answered(q);
  host.here->srv = NULL;
  host_redis_gone();
  TELL("the server is gone");
}

static void close_server(void) {
  if (!host.here->srv || host.here->closing) return;
  struct question *q = host_ask("done");
  if (draw(2)) host_post();
  TELL("the host closes the server");
  if (q && sio_server_close(host.here->srv, on_done, q)) q->open = false;
  host.here->closing = true;
}

void host_close(void) { host_for_each_member(close_server); }

static void check_nothing_open(void) {
  const struct member *m = host.here;
  if (m->nsessions) fault("a session was not closed", "%d", m->nsessions);
  if (m->raws) fault("a raw session was not closed", "%u", m->raws);
  if (m->nplain) fault("a plain WebSocket was not closed", "%d", m->nplain);
}

void host_check_end(void) {
  host_for_each_member(host_settle_all);
  let_threads_go();
  host_redis_check_end();
  for (int i = 0; i < QUESTIONS; i++)
    if (host.questions[i].open)
      fault("a callback that is due once never runs", "%s", host.questions[i].what);
  if (host.connects != host.disconnects)
    fault("connect and disconnect do not balance", "%llu and %llu",
          (unsigned long long)host.connects, (unsigned long long)host.disconnects);
  if (host.posted != host.posts_run)
    fault("a post to all threads is lost", "%llu of %llu ran", (unsigned long long)host.posts_run,
          (unsigned long long)host.posted);
  host_for_each_member(check_nothing_open);
}

/* The host of one server does something when its loop has woken up. */
static void wake_one(void) {
  loop_enter((int)draw((uint32_t)host.nmembers));
  uv_update_time(&loop.uv[loop.current]);
}

void host_idle(void) {
  if (host.calm) {
    host_for_each_member(host_settle_all);
    host_redis_idle();
    return;
  }
  if (host.nmembers > 1) wake_one();
  host_redis_idle();
  if (draw_one_in(host.settles_late ? 40 : host.full_returns ? 12 : 4)) host_settle_one();
  if (draw_one_in(host.acts)) host_act(NULL);
  if (host.clustered && draw_one_in(4)) cluster_broadcast();
}

void host_end_turn(void) {
  host.turn_work = 0;
  host_check_questions();
}

size_t host_memory_bound(void) {
  const sio_recovery *r = host.opts.recovery;
  size_t kept = r ? (r->max_log_bytes + (size_t)r->max_sessions * 4096) * NSPS : 0;
  return host.caused[0] + kept;
}

size_t host_caused_bound(unsigned peer) { return host.caused[peer]; }
uint64_t host_turn_work(void) { return host.turn_work; }
