/* SPDX-License-Identifier: MIT
 *
 * host_act.c - what a host may do in any callback: every public call. To add one, write a function
 * and name it in the table at the end.
 */
#include "host.h"

#include "crossing.h"
#include "draw.h"
#include "fault.h"
#include "loop.h"
#include "memory.h"
#include "redis.h"
#include "stats.h"
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { PAD = 40000, COST = 700, REQUEST_TIMEOUT_MS = 5000 };

static const char *const rooms[] = { "x", "y", "z", "empty" };

static const char *some_room(void) { return rooms[draw(4)]; }

unsigned host_room(const char *name) {
  for (unsigned i = 0; i < 4; i++)
    if (strcmp(rooms[i], name) == 0) return 1u << i;
  return 0;
}

unsigned host_rooms_of(const sio_socket *s) {
  unsigned all = 0;
  for (unsigned i = 0; i < 4; i++) all |= (unsigned)sio_in_room(s, rooms[i]) << i;
  return all;
}

static sio_socket *some_socket(sio_socket *s) {
  if (s && !draw_one_in(3)) return s;
  return host.here->nsockets ? host.here->sockets[draw((uint32_t)host.here->nsockets)].s : NULL;
}

static sio_nsp *some_nsp(sio_socket *s, bool parents) {
  if (s && draw(2) == 0) return sio_socket_nsp(s);
  int i = (int)draw((uint32_t)host.here->nnsps);
  return host.here->parent[i] && !parents ? host.here->nsps[0] : host.here->nsps[i];
}

static void charge(size_t bytes) {
  host.caused[memory.owner] += bytes + COST;
  host.turn_work += 50;
}

#define SENDING(call)  \
  __extension__({      \
    host.sending++;    \
    int err_ = (call); \
    host.sending--;    \
    err_;              \
  })

/* ---- events ------------------------------------------------------------------------- */

/* What the event carries follows from its number: peers know what to expect. */
size_t host_pad_of(uint64_t number) { return number % 7 ? number % 50 : number * 31 % 3000; }

static sio_val pad(uint64_t number, size_t n) {
  static char text[PAD];
  memset(text, 'a' + (int)(number % 26), n);
  return number % 5 == 0 ? sio_bin(text, n) : sio_strn(text, n);
}

static enum entry_kind kind_of(unsigned flags) {
  return flags & SIO_VOLATILE || host.opts.queue_high ? ENTRY_OPTIONAL : ENTRY_DUE;
}

static void emit(sio_socket *s) {
  struct host_socket *h = host_find(s);
  uint64_t n = ++host.number;
  unsigned flags = draw(4) == 3 ? draw(8) : 0;
  sio_val v[] = { sio_uint(n), pad(n, host_pad_of(n)) };
  charge(host_pad_of(n));
  bool ready = !sio_socket_session(s) || sio_session_info_of(sio_socket_session(s)).writable;
  sio_emit_options o = { .flags = flags, .key = draw(8) == 7 ? "k" : NULL };
  int err = SENDING(sio_emit_with(s, &o, "m", sio_argv(v, 2)));
  TELL("emit %llu flags %u to %.4s: %d", (unsigned long long)n, flags, sio_socket_id(s), err);
  if (err == 0 && (flags & SIO_VOLATILE) && !ready)
    fault("a volatile event is queued", "number %llu", (unsigned long long)n);
  if (err == 0 && h) ledger_sent(h->ledger, n, kind_of(flags));
  /* It is in the namespace's log, and may come when its socket is back. */
  if (err && h && host.opts.recovery && !(flags & SIO_VOLATILE))
    ledger_sent(h->ledger, n, ENTRY_OPTIONAL);
}

static void act_emit(sio_socket *s) {
  s = some_socket(s);
  for (unsigned i = draw_size(40) + 1; s && i > 0; i--) emit(s);
}

static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  if ((status == 0) != (reply != NULL)) fault("a reply without an event, or with", "%d", status);
  host_answered(user);
  host_called("reply", s);
}

static void ask(sio_socket *s) {
  struct question *q = host_ask("reply");
  struct host_socket *h = s ? host_find(s) : NULL;
  if (!s || !q) {
    if (q) q->open = false;
    return;
  }
  uint64_t n = ++host.number;
  charge(100);
  int err = SENDING(
      sio_emit_ack(s, "m", SIO_ARGS(n, "x"), draw(2) ? draw_between(10, 5000) : 0, on_reply, q));
  TELL("ask %llu of %.4s: %d", (unsigned long long)n, sio_socket_id(s), err);
  if (err) q->open = false;
  if (err == 0 && h) ledger_sent(h->ledger, n, ENTRY_QUESTION);
  if (err == 0 && draw_one_in(10) && sio_cancel_ack(s, on_reply, q) == 0) q->open = false;
}

static void act_ask(sio_socket *s) {
  s = some_socket(s);
  for (unsigned i = host.full_returns ? draw_size(15) + 1 : 1; i > 0; i--) ask(s);
}

void host_fill_queues(void) {
  for (int i = 0; i < host.here->nsockets; i++)
    if (draw(2)) act_ask(host.here->sockets[i].s);
}

/* ---- broadcasts --------------------------------------------------------------------- */

/* From another server, the socket to leave out comes as its id among the rooms. */
struct aim host_aim_of(const sio_target *to, const sio_socket *s) {
  struct aim aim = { .skipped = s && s == to->skip };
  for (const char *const *r = to->rooms; r && *r; r++) aim.rooms |= host_room(*r);
  for (const char *const *r = to->except; r && *r; r++) {
    aim.except |= host_room(*r);
    aim.skipped |= s && strcmp(*r, sio_socket_id(s)) == 0;
  }
  return aim;
}

/* Is the namespace that of the target, or a child of it? */
static bool is_there(const char *name, const sio_target *to) {
  if (strcmp(name, sio_nsp_name(to->nsp)) == 0) return true;
  for (int i = 0; i < host.here->nnsps; i++)
    if (host.here->nsps[i] == to->nsp && host.here->parent[i]) {
      bool fits = strncmp(name, "/d-", 3) == 0;
      return strcmp(name, "/") != 0 && strcmp(name, "/a") != 0 && fits == (i == 2);
    }
  return false;
}

static bool is_known(const struct ledger *l) {
  for (int i = 0; i < host.here->nsockets; i++)
    if (host.here->sockets[i].ledger == l) return true;
  return false;
}

/* Those who have left may come back, and are sent then what they missed. */
static void note_for_absent(const sio_target *to, uint64_t n, enum entry_kind kind) {
  struct aim aim = host_aim_of(to, NULL);
  for (struct ledger *l = ledger_first(); l; l = l->next) {
    if (!l->closed || !is_there(l->nsp, to) || is_known(l)) continue;
    /* It may be coming back just now, and be the one that the host leaves out. */
    aim.skipped = to->skip && strcmp(sio_socket_id(to->skip), l->id) == 0;
    ledger_broadcast(l, n, aim_includes(aim, l->rooms) ? kind : ENTRY_ELSEWHERE, aim);
  }
}

static void note_broadcast(const sio_target *to, uint64_t n, enum entry_kind kind, bool is_kept) {
  is_kept = is_kept && host.opts.recovery && !(to->flags & SIO_VOLATILE);
  for (int i = 0; i < host.here->nsockets; i++) {
    const sio_socket *s = host.here->sockets[i].s;
    struct aim aim = host_aim_of(to, s);
    host.turn_work += 20;
    if (!is_there(sio_nsp_name(sio_socket_nsp(s)), to)) continue;
    bool is_meant = sio_socket_connected(s) && aim_includes(aim, host_rooms_of(s));
    if (!is_meant && !is_kept) continue;
    ledger_broadcast(host.here->sockets[i].ledger, n, is_meant ? kind : ENTRY_ELSEWHERE, aim);
    if (is_meant) host.caused[memory.owner] += 100;
  }
  if (is_kept) note_for_absent(to, n, kind);
}

static sio_target some_target(sio_socket *s, const char *list[4], bool parents) {
  sio_target to = { .nsp = some_nsp(s, parents) };
  list[0] = list[2] = some_room();
  list[1] = list[3] = NULL;
  if (draw(3)) to.rooms = list;
  if (draw(4) == 3) {
    list[2] = some_room();
    to.except = list + 2;
  }
  if (s && draw(2)) to.skip = s;
  if (draw(4) == 3) to.flags = draw(8);
  if (draw(8) == 7) to.key = "k";
  return to;
}

static enum entry_kind kind_of_question(unsigned flags) {
  if (host.opts.max_acks) return ENTRY_OPTIONAL; /* who owes too many is not asked */
  return kind_of(flags) == ENTRY_DUE ? ENTRY_QUESTION : kind_of(flags);
}

void host_note_foreign(const sio_target *to, uint64_t number, bool asks) {
  charge(host_pad_of(number));
  note_broadcast(to, number, asks ? kind_of_question(to->flags) : kind_of(to->flags), false);
}

struct reached {
  const sio_target *to;
  size_t nsps;
};

static void count_if_reached(sio_nsp *nsp, void *user) {
  struct reached *r = user;
  r->nsps += is_there(sio_nsp_name(nsp), r->to);
}

/* What is sent to a parent is sent to each child alone, in a packet that begins with the child's
 * name. Other servers get one copy of it, which they share. */
static void charge_target(const sio_target *to, size_t bytes) {
  struct reached r = { to, 0 };
  sio_nsps(host.here->srv, count_if_reached, &r);
  size_t packets = r.nsps * (host.nmembers > 1 ? 2 : 1);
  for (size_t i = 0; i < packets; i++) charge(bytes);
}

static void broadcast(sio_target to) {
  uint64_t n = ++host.number;
  sio_val v[] = { sio_uint(n), pad(n, host_pad_of(n)) };
  charge_target(&to, host_pad_of(n));
  note_broadcast(&to, n, kind_of(to.flags), true);
  int err = SENDING(sio_broadcast(to, "m", sio_argv(v, 2)));
  crossings_sent(&to, n, !err, false);
  TELL("broadcast %llu to %s%s%s flags %u: %d", (unsigned long long)n,
       to.rooms ? to.rooms[0] : "all", to.except ? " but " : "", to.except ? to.except[0] : "",
       to.flags, err);
}

static void act_broadcast(sio_socket *s) {
  const char *list[4];
  broadcast(some_target(s, list, true));
}

void host_send_canary(void) { broadcast((sio_target){ .nsp = host.here->nsps[0] }); }

static void must_end_in(struct question *q, uint64_t ms) {
  q->asked_us = kernel.now;
  q->time_us = ms * 1000;
}

static void on_replies(int status, sio_replies *r, void *user) {
  (void)status;
  host_answered(user);
  for (size_t i = 0; i < r->count; i++)
    if (!r->list[i].json.n) fault("a reply without text", "number %zu", i);
  /* The number of those that were asked may be lost on the way, and their answers not: over Redis,
   * and where there was no memory for the message of another thread. */
  if (r->count + r->gone > r->expected && !redis.on && !memory.failed)
    fault("more replies than were asked for", "%zu and %zu of %zu", r->count, r->gone, r->expected);
  host_called("replies", NULL);
}

static void act_ask_all(sio_socket *s) {
  const char *list[4];
  sio_target to = some_target(s, list, false);
  struct question *q = host_ask("replies");
  uint64_t n = ++host.number;
  if (!q) return;
  charge(100);
  note_broadcast(&to, n, kind_of_question(to.flags), false);
  unsigned timeout_ms = draw(2) ? draw_between(10, 5000) : 0;
  int err = SENDING(sio_broadcast_ack(to, "m", SIO_ARGS(n, "x"), timeout_ms, on_replies, q));
  crossings_sent(&to, n, !err && !host.opts.max_acks, true);
  TELL("broadcast %llu with acks to %s: %d", (unsigned long long)n, to.rooms ? to.rooms[0] : "all",
       err);
  if (err) q->open = false;
  if (redis.on && timeout_ms) must_end_in(q, timeout_ms);
}

/* ---- rooms -------------------------------------------------------------------------- */

static void act_join(sio_socket *s) {
  s = some_socket(s);
  charge(300);
  if (s) sio_join(s, some_room());
}
static void act_leave(sio_socket *s) {
  s = some_socket(s);
  if (s) sio_leave(s, some_room());
}
static void act_join_all(sio_socket *s) {
  const char *list[4];
  sio_target to = some_target(s, list, true);
  charge_target(&to, 0);
  charge(300 * (size_t)(host.here->nsockets + 1));
  sio_all_join(to, SIO_ROOMS(some_room()));
}
static void act_leave_all(sio_socket *s) {
  const char *list[4];
  sio_target to = some_target(s, list, true);
  charge_target(&to, 0);
  sio_all_leave(to, SIO_ROOMS(some_room(), some_room()));
}

/* ---- asking what there is ----------------------------------------------------------- */

static void visit(sio_socket *s, void *user) {
  host_called("visit", s);
  (void)user;
}
static void see_rooms(const sio_nsp *nsp) {
  const char *listed[16];
  size_t n = sio_nsp_rooms(nsp, listed, 16);
  for (size_t i = 0; i < n && i < 16; i++)
    if (sio_nsp_count_sockets(nsp, listed[i]) == 0)
      fault("a room without members", "%s", listed[i]);
}
static void see_own_rooms(const sio_socket *s) {
  const char *listed[16];
  size_t n = sio_rooms(s, listed, 16);
  for (size_t i = 0; i < n && i < 16; i++)
    if (!sio_in_room(s, listed[i])) fault("not in a listed room", "%s", listed[i]);
}
static void see_session(sio_session *c, void *user) {
  (void)user;
  if (sio_session_info_of(c).state != SIO_SESSION_OPEN)
    fault("a listed session is not open", "%d", sio_session_info_of(c).state);
  if (sio_session_info_of(c).server != host.here->srv)
    fault("a session of another server is listed", "%s", "");
}

static void act_look(sio_socket *s) {
  const char *list[4];
  sio_target to = some_target(s, list, false);
  charge(1000);
  sio_all_each(to, visit, NULL);
  sio_sessions(host.here->srv, see_session, NULL);
  see_rooms(host.here->nsps[0]);
  sio_nsp_count_sockets(host.here->nsps[0], some_room());
  s = some_socket(s);
  if (!s) return;
  see_own_rooms(s);
  sio_socket_auth_tree(s);
  (void)sio_session_info_of(sio_socket_session(s)).queued;
  sio_socket_set_shared(s, sio_text(draw(2) ? "{\"a\":1}" : ""));
  sio_session *c = sio_socket_session(s);
  if (c && sio_session_info_of(c).address[0] == 'x')
    fault("an address that is none", "%s", sio_session_info_of(c).address);
}

/* Other servers of this program answer at once. */
static void must_be_in_time(int status) {
  if (status == SIO_ETIMEOUT && !redis.on && !memory.failed && !loop.last_stall &&
      !host_is_ending())
    fault("another thread does not answer", "in time");
}

static void must_be_listed_once(const sio_remote *remotes, size_t n) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < i; k++)
      if (strcmp(remotes[i].id, remotes[k].id) == 0)
        fault("a socket is listed twice", "%s", remotes[i].id);
}

static void on_fetched(int status, sio_remote *remotes, size_t n, void *user) {
  must_be_in_time(status);
  host_answered(user);
  for (size_t i = 0; i < n; i++) sio_remote_handshake(&remotes[i]);
  must_be_listed_once(remotes, n);
  host_called("fetched", NULL);
}
static void on_counted(int status, size_t n, void *user) {
  must_be_in_time(status);
  /* A connection that was lost may listen a while beside the new one. */
  if (status == 0 && (n == 0 || n > (size_t)host.nmembers) && !redis.troubles)
    fault("a wrong number of servers", "%zu", n);
  host_answered(user);
  host_called("counted", NULL);
}

/* Each server answers once, and says which it is. */
static void on_answers(int status, sio_replies *all, void *user) {
  unsigned came = 0;
  for (size_t i = 0; i < all->count; i++) {
    sio_slice json = all->list[i].json;
    const char *at = memmem(json.p, json.n, "server-", 7);
    unsigned bit = at ? 1u << (at[7] - '0') : 0;
    if (!bit || came & bit) fault("a server answers twice", "%.*s", (int)json.n, json.p);
    came |= bit;
  }
  on_replies(status, all, user);
}

static void act_query(sio_socket *s) {
  const char *list[4];
  sio_target to = some_target(s, list, false);
  struct question *q = host_ask("query");
  if (!q) return;
  charge(2000 + 1000 * (size_t)host.here->nsockets);
  int err;
  unsigned what = draw(3);
  q->must_end = what < 2;
  switch (what) {
    case 0: err = sio_all_fetch(to, 0, on_fetched, q); break;
    case 1: err = sio_server_count(to.nsp, 0, on_counted, q); break;
    default: err = SENDING(sio_server_side_emit(to.nsp, "s", SIO_ARGS(1), 0, on_answers, q)); break;
  }
  if (redis.on) must_end_in(q, REQUEST_TIMEOUT_MS);
  if (err) q->open = false;
}

static void on_posted(sio_server *srv, void *arg) {
  if (srv != host.here->srv) fault("a post of another server", "%p", (void *)srv);
  host_answered(arg);
  host_called("post", NULL);
}

void host_post(void) {
  struct question *q = host_ask("post");
  charge(100);
  if (q && sio_post(host.here->srv, on_posted, q)) q->open = false;
}

static void act_post(sio_socket *s) {
  (void)s;
  host_post();
}

static void on_posted_to_all(sio_server *srv, void *arg) {
  (void)arg;
  if (srv != host.here->srv) fault("a post of another server", "%p", (void *)srv);
  host.posts_run++;
  host_called("post to all threads", NULL);
}

static void on_summed(const sio_stats *sum, unsigned servers, void *user) {
  const char *wrong = stats_fault(sum);
  if (wrong) fault("the counters of all threads do not add up", "%s", wrong);
  if (servers == 0 || servers > (unsigned)host.nmembers)
    fault("a wrong number of servers", "%u", servers);
  host_answered(user);
  host_called("statistics", NULL);
}

static void end_server(void);

static void act_threads(sio_socket *s) {
  unsigned count = 0;
  (void)s;
  if (host.nmembers == 1) return;
  if (host.violence && draw(12) == 11) {
    end_server(); /* the others go on */
    return;
  }
  if (redis.on) {
    host_redis_act();
    return;
  }
  charge(3000 * (size_t)host.nmembers);
  if (host.threads && draw(2)) {
    sio_threads_post(host.threads, on_posted_to_all, NULL, &count);
    host.posted += count;
    return;
  }
  struct question *q = host_ask("statistics");
  if (q) q->must_end = true;
  if (q && sio_threads_fetch_stats(host.here->srv, on_summed, q)) q->open = false;
}

static void on_sent(int status, void *user) {
  if (status != 0 && status != SIO_ECLOSED) fault("on_sent with a status of its own", "%d", status);
  host_answered(user);
  if (status) host_settle_at_an_end();
  host_called("sent", NULL);
}

static void ask_when_sent(sio_session *c, const struct ledger *l) {
  struct question *q = host_ask("on_sent");
  charge(100);
  if (!q) return;
  q->until_sent = l;
  q->open = sio_session_on_sent(c, on_sent, q) == 0;
}

static void act_on_sent(sio_socket *s) {
  s = some_socket(s);
  const struct host_socket *h = s ? host_find(s) : NULL;
  for (unsigned i = draw_size(4) + 1; s && i > 0; i--)
    ask_when_sent(sio_socket_session(s), h ? h->ledger : NULL);
}

/* A host that ends a session, and wants to know whether what it has sent before has left. */
static void say_goodbye(sio_session *c) {
  for (unsigned i = draw(4); c && i > 0; i--) ask_when_sent(c, NULL);
}

static void act_settle(sio_socket *s) {
  (void)s;
  host_settle_one();
}

static void act_settings(sio_socket *s) {
  sio_nsp *n;
  s = some_socket(s);
  charge(20000);
  switch (draw(5)) {
    case 0:
      sio_log_set(host.here->srv, DRAW_OF(char *const, "warn", "info", "trace", "off"));
      break;
    case 1:
      if (sio_of(host.here->srv, DRAW_OF(char *const, "/b", "/d-1", "/c"), &n) == 0 && draw(2)) {
        sio_nsp_ref(n);
        sio_nsp_unref(n);
      }
      break;
    case 2:
      if (s) sio_socket_set_deadline(s, draw(3000));
      break;
    case 3:
      if (s) sio_socket_unref(sio_socket_ref(s));
      break;
    case 4: {
      sio_stats st;
      sio_server_get_stats(host.here->srv, &st, sizeof st);
      break;
    }
  }
}

/* ---- plain WebSockets --------------------------------------------------------------- */

static void act_plain(sio_socket *s) {
  (void)s;
  if (!host.here->nplain) return;
  sio_ws *w = host.here->plain[draw((uint32_t)host.here->nplain)];
  charge(3000);
  if (draw(6) == 5)
    sio_ws_close(w, draw(2) ? 1000 : 4000, draw(2) ? "bye" : NULL);
  else
    SENDING(sio_ws_send(w, draw(2), sio_text("hello")));
}

/* ---- ending things ------------------------------------------------------------------ */

static void on_done(void *user) {
  if (host.sending) fault("a callback runs inside a call that sends", "done");
  host_answered(user);
  host.here->srv = NULL;
  host_redis_gone();
  TELL("the server is gone");
}

static void end_server(void) {
  struct question *q = host_ask("done");
  sio_drain_options how = { .spread_ms = draw(5000),
                            .retry_after_s = draw(3),
                            .deadline_ms = draw(10000) };
  if (!q) return;
  bool drains = draw(2);
  int err = drains ? sio_server_drain(host.here->srv, draw(2) ? &how : NULL, on_done, q)
                   : sio_server_close(host.here->srv, on_done, q);
  TELL("the host %s the server: %d", drains ? "drains" : "closes", err);
  if (!err && !host.depth && draw(2)) loop_pause();
  if (err) q->open = false;
  if (!err && drains) host.here->draining = true;
  if (!err && !drains) host.here->closing = true;
}

static void end_session(void) {
  if (!host.here->nsessions) return;
  sio_session *c = host.here->sessions[draw((uint32_t)host.here->nsessions)];
  TELL("the host ends session %.4s", sio_session_info_of(c).id);
  say_goodbye(c);
  if (draw(2))
    sio_session_close(c, NULL);
  else
    sio_session_close(c, &(sio_session_close_options){ .discard = draw(2),
                                                       .ws_code = draw(2) ? 1000 : 0,
                                                       .ws_text = draw(2) ? "bye" : NULL });
}

static void act_end(sio_socket *s) {
  const char *list[4];
  if (!draw_one_in(host.violence)) return;
  unsigned what = draw(12);
  s = some_socket(s);
  if (what < 4 && s) {
    TELL("the host disconnects %.4s", sio_socket_id(s));
    sio_disconnect(s, false);
  } else if (what < 7 && s) {
    TELL("the host disconnects the session of %.4s", sio_socket_id(s));
    say_goodbye(sio_socket_session(s));
    sio_disconnect(s, true);
  } else if (what < 9) {
    end_session();
  } else if (what < 11) {
    sio_target to = some_target(s, list, true);
    charge_target(&to, 0);
    sio_all_disconnect(to, draw(2));
  } else if (draw_one_in(4)) {
    end_server();
  }
}

/* ---- one of them -------------------------------------------------------------------- */

static const struct {
  const char *name;
  void (*act)(sio_socket *s);
  unsigned weight;
} acts[] = {
  { "emits", act_emit, 10 },
  { "broadcasts", act_broadcast, 8 },
  { "asks one", act_ask, 4 },
  { "asks many", act_ask_all, 2 },
  { "joins one", act_join, 5 },
  { "takes one out of a room", act_leave, 2 },
  { "joins many", act_join_all, 2 },
  { "takes many out of rooms", act_leave_all, 1 },
  { "looks around", act_look, 2 },
  { "queries", act_query, 2 },
  { "posts", act_post, 2 },
  { "speaks with all servers", act_threads, 2 },
  { "wants to know when it is sent", act_on_sent, 3 },
  { "settles what it owes", act_settle, 6 },
  { "changes settings", act_settings, 3 },
  { "speaks over a plain WebSocket", act_plain, 2 },
  { "may end something", act_end, 6 },
};

void host_act(sio_socket *s) {
  unsigned all = 0;
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) all += acts[i].weight;
  unsigned at = draw(all);
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
    if (at >= acts[i].weight) {
      at -= acts[i].weight;
      continue;
    }
    TELL("the host %s", acts[i].name);
    if (host.here->srv) acts[i].act(s);
    return;
  }
}
