/* SPDX-License-Identifier: MIT
 *
 * host_callbacks.c - every handler of the host, what all of them have in common, and what each of
 * them owes.
 */
#include "host.h"

#include "base/utf8.h"
#include "cluster.h"
#include "disk.h"
#include "draw.h"
#include "fault.h"
#include "loop.h"
#include "memory.h"
#include "peer.h"
#include "redis.h"
#include <stdio.h>
#include <string.h>

/* ---- what all callbacks have in common ---------------------------------------------- */

static void look(const char *what) {
  if (!host.here->srv && !host.starting)
    fault("a callback runs when the server is gone", "%s", what);
}

void host_looked_at(const char *what) { look(what); }

/* A socket is connected a little before its connect callbacks run, and others may see it. */
static void meet(sio_socket *s) {
  if (!s || !sio_socket_connected(s) || host_find(s) || host.here->nsockets == SOCKETS) return;
  struct ledger *l = ledger_of(sio_socket_id(s));
  if (l->closed && !sio_socket_recovered(s)) l = ledger_again(l);
  host.here->sockets[host.here->nsockets++] = (struct host_socket){ s, l };
}

/* As much as a host does in one turn, in the unit of charge(). The inbox of another thread has room
 * for it. */
enum { HOST_WORK_MAX = 1 << 18 };

void host_called(const char *what, sio_socket *s) {
  look(what);
  meet(s);
  if (host.sending) fault("a callback runs inside a call that sends", "%s", what);
  if (host.calm || host.starting) return;
  loop_stall();
  /* Each thing it does logs lines, which are callbacks, too: a host must not go on for ever. */
  if (host.depth > 2 || host.turn_work > HOST_WORK_MAX || !draw_one_in(host.acts)) return;
  host.depth++;
  TELL("in %s:", what);
  draw_span();
  host_act(s);
  host.depth--;
}

struct question *host_ask(const char *what) {
  for (int i = 0; i < QUESTIONS; i++) {
    struct question *q = &host.questions[i];
    if (q->open) continue;
    *q = (struct question){ .open = true, .what = what, .member = host_member() };
    return q;
  }
  return NULL;
}

bool host_asks_still(const struct ledger *l) {
  for (int i = 0; i < QUESTIONS; i++)
    if (host.questions[i].open && host.questions[i].until_sent == l) return true;
  return false;
}

void host_answered(struct question *q) {
  if (!q->open) fault("a callback that is due once runs twice", "%s", q->what);
  if (q->member != host_member()) fault("a callback runs on another thread", "%s", q->what);
  q->open = false;
}

void host_check_settled(void) {
  for (int i = 0; i < QUESTIONS; i++)
    if (host.questions[i].open && host.questions[i].must_end)
      fault("a question to other servers does not end", "%s", host.questions[i].what);
}

/* When a question to other servers has ended. If the loop was kept after it was asked, or so
 * shortly before that the library counts the deadline as late, its time may begin once more when it
 * is over (docs/limits.md). */
static uint64_t end_of_question(const struct question *q) {
  enum { STALL_MAX_US = 1000000, LATE_US = 1000000 };
  uint64_t end = q->asked_us + q->time_us;
  if (loop.paused_until[q->member]) return NEVER;
  if (loop.last_stall + STALL_MAX_US < q->asked_us) return end + LATE_US;
  return (end > loop.last_stall ? end : loop.last_stall) + q->time_us + LATE_US;
}

void host_check_questions(void) {
  for (int i = 0; i < QUESTIONS; i++) {
    const struct question *q = &host.questions[i];
    if (q->open && q->time_us && kernel.now > end_of_question(q))
      fault("a question to other servers takes longer than its time", "%s", q->what);
  }
}

struct host_socket *host_find(const sio_socket *s) {
  for (int i = 0; i < host.here->nsockets; i++)
    if (host.here->sockets[i].s == s) return &host.here->sockets[i];
  return NULL;
}

/* ---- what is owed ------------------------------------------------------------------- */

static void verdict(sio_next *next) {
  unsigned v = host.calm ? 0 : draw(8);
  host.depth++;
  if (v == 7)
    sio_next_fail(next, "no", SIO_VAL("because"));
  else
    sio_next_ok(next);
  host.depth--;
}

void host_owe_next(sio_next *next) {
  if (host.calm || host.here->nnexts == OWED ||
      !draw_one_in(host.settles_late || host.full_returns ? 2 : 3))
    verdict(next);
  else
    host.here->nexts[host.here->nnexts++] = next;
}

static void answer(sio_request *r) {
  sio_respond_header(r, "X-Sim", "1");
  sio_respond(r, 200, "text/plain", draw(2) ? sio_request_info_of(r).body : sio_text("hello"));
}

static void pay_ack(sio_ack *a) {
  host.sending++;
  if (draw(8) == 7)
    sio_ack_drop(a);
  else
    sio_ack_send(a, SIO_ARGS("later", 1));
  host.sending--;
}

/* The one that has waited longest, or another. */
static void *take(void **list, int *n) {
  int i = (int)draw((uint32_t)*n);
  void *p = list[i];
  list[i] = list[--*n];
  return p;
}

bool host_keeps_waiting(uint64_t since) {
  for (int i = 0; i < host.nmembers; i++)
    if (host.members[i].nnexts + host.members[i].nrequests > 0) return true;
  return host.paid_at >= since;
}

void host_settle_one(void) {
  if (host.here->nnexts + host.here->nrequests) host.paid_at = kernel.now;
  if (host.full_returns && host.here->nnexts && !host.calm && !host.sending) host_fill_queues();
  if (host.here->nnexts)
    verdict(take((void **)host.here->nexts, &host.here->nnexts));
  else if (host.here->nacks)
    pay_ack(take((void **)host.here->acks, &host.here->nacks));
  else if (host.here->nrequests)
    answer(take((void **)host.here->requests, &host.here->nrequests));
}

void host_settle_all(void) {
  while (host.here->nheld) verdict(host.here->held[--host.here->nheld]);
  while (host.here->nnexts + host.here->nacks + host.here->nrequests) host_settle_one();
}

bool host_holds_events(void) { return host.here->nnexts + host.here->nheld > 0; }

/* A program that gives up what it was busy with when its user goes. */
void host_settle_at_an_end(void) {
  if (host.settles_late && !host.sending) host_settle_all();
}

/* ---- sockets ------------------------------------------------------------------------ */

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  struct ledger *l = ledger_of(sio_socket_id(s));
  if (l->open) fault("a socket connects twice", "%s", l->id);
  if (l->closed && !sio_socket_recovered(s)) l = ledger_again(l);
  if (l->closed) ledger_mended(l, host_rooms_of(s));
  l->open = true;
  l->closed = false;
  host.connects++;
  meet(s);
  TELL("socket %.4s joins %s", l->id, sio_nsp_name(sio_socket_nsp(s)));
  if (sio_nsp_find(host.here->srv, sio_nsp_name(sio_socket_nsp(s))) != sio_socket_nsp(s))
    fault("a namespace that is not to be found", "%s", sio_nsp_name(sio_socket_nsp(s)));
  host_called("connect", s);
}

static void on_disconnecting(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user;
  if (!why->detail || !why->ws_text) fault("a close without a text", "%d", why->reason);
  host_called("disconnecting", s);
  struct ledger *l = ledger_find(sio_socket_id(s), strlen(sio_socket_id(s)));
  if (!l) return;
  l->rooms = host_rooms_of(s);
  snprintf(l->nsp, sizeof l->nsp, "%s", sio_nsp_name(sio_socket_nsp(s)));
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  struct host_socket *h = host_find(s);
  (void)user;
  host.disconnects++;
  if (!sio_reason_str(why->reason)) fault("a reason without a name", "%d", why->reason);
  TELL("socket %.4s leaves: %s, %s", sio_socket_id(s), sio_reason_str(why->reason), why->detail);
  struct ledger *l = ledger_find(sio_socket_id(s), strlen(sio_socket_id(s)));
  if (!l || !l->open) fault("a socket disconnects that did not connect", "%s", sio_socket_id(s));
  ledger_accused(l, sio_session_info_of(sio_socket_session(s)).protocol, why, &host.opts);
  ledger_broken(l, l->rooms);
  if (h) *h = host.here->sockets[--host.here->nsockets];
  host_settle_at_an_end();
  host_called("disconnect", NULL);
}

static void on_any(sio_socket *s, sio_event *e, void *user) {
  int64_t n;
  (void)user;
  const struct host_socket *h = host_find(s);
  TELL("socket %.4s: event %s", sio_socket_id(s), sio_event_name(e));
  if (h && strcmp(sio_event_name(e), "u") == 0 && sio_event_int(e, 0, &n))
    ledger_heard(h->ledger, (uint64_t)n);
  host_called("any", s);
}

/* Answers now, later, or never. */
static void on_u(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  host_called("event", s);
  if (!sio_event_wants_ack(e)) return;
  unsigned how = draw(4);
  host.caused[memory.owner] += 700;
  if (how == 0) {
    host.sending++;
    sio_reply(e, SIO_ARGS(sio_arg(e, 0), "now"));
    host.sending--;
  } else if (how < 3 && host.here->nacks < OWED) {
    sio_ack *a = sio_event_take_ack(e);
    if (a) host.here->acks[host.here->nacks++] = a;
  }
}

/* Somebody waits for this one: it is answered whatever else happens. */
static void on_canary(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  host.sending++;
  sio_reply(e, SIO_ARGS(sio_arg(e, 0)));
  host.sending--;
}

static void on_outgoing(sio_socket *s, const char *event, sio_args args, void *user) {
  (void)s, (void)event, (void)args, (void)user;
  host_looked_at("any outgoing");
}

static void on_error(sio_socket *s, const sio_error_info *error, void *user) {
  (void)error, (void)user;
  host_called("error", s);
}
static void on_writable(sio_socket *s, void *user) {
  (void)user;
  host_called("writable", s);
}
static void on_drop(sio_socket *s, const sio_drop *d, void *user) {
  (void)user;
  if (d->events == 0) fault("a drop of nothing", "%s", sio_socket_id(s));
  host_called("drop", s);
}

static void middleware(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  host_called("middleware", s);
  host_owe_next(next);
}
/* A block of about 1500 bytes for each. */
static void hold_event(sio_next *next) {
  host.here->held[host.here->nheld++] = next;
  host.caused[memory.owner] += 2000;
}

static void packet_middleware(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)user;
  host_called("packet middleware", s);
  if (strcmp(sio_event_name(e), "c") == 0)
    sio_next_ok(next); /* canaries must come back */
  else if (host.holds_events && !host.calm && host.here->nheld < HELD)
    hold_event(next);
  else
    host_owe_next(next);
}

/* ---- rooms -------------------------------------------------------------------------- */

/* One that comes back is in its rooms and connected when the room of its own is made. */
static void on_room(sio_nsp *nsp, const char *room, void *user) {
  (void)user;
  meet(sio_socket_find(nsp, room));
  host_called("room", NULL);
}
static void on_room_member(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)room, (void)user;
  host_called("room member", s);
}

/* ---- sessions ----------------------------------------------------------------------- */

static void forget_session(const sio_session *c) {
  for (int i = 0; i < host.here->nsessions; i++)
    if (host.here->sessions[i] == c) {
      host.here->sessions[i] = host.here->sessions[--host.here->nsessions];
      return;
    }
  if (host.here->nsessions < SESSIONS - 1)
    fault("a session closes that was not open", "%p", (void *)c);
}

static void session_open(sio_session *c, void *user) {
  (void)user;
  if (host.here->nsessions < SESSIONS) host.here->sessions[host.here->nsessions++] = c;
  host_called("session open", NULL);
}
static void session_close(sio_session *c, const sio_close_info *why, void *user) {
  (void)user;
  TELL("session %.4s closes: %s, %s", sio_session_info_of(c).id, sio_reason_str(why->reason),
       why->detail);
  forget_session(c);
  host_settle_at_an_end();
  host_called("session close", NULL);
}
static void session_called(sio_session *c, void *user) {
  host_called(user ? user : "session", NULL);
  (void)c;
}

/* Past high_water nothing is read from it, and of a POST no packet more is handled. What a host
 * says when it hears of a limit may come between. */
static void look_if_held_up(const sio_session *c, const sio_engine_packet *p) {
  size_t most = host.opts.high_water ? host.opts.high_water : 1 << 20;
  bool limited = host.opts.packets_per_s || host.opts.bytes_per_s;
  if (p->type != SIO_ENGINE_MESSAGE || limited ||
      strcmp(sio_session_info_of(c).transport, "polling") != 0)
    return;
  if (sio_session_info_of(c).queued > most)
    fault("a peer that does not poll is read on", "%zu bytes wait for it",
          sio_session_info_of(c).queued);
}

static void session_packet(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)user;
  look_if_held_up(c, p);
  host_called("packet", NULL);
}
static void session_packet_create(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)c, (void)user;
  loop.pinged[loop.current] |= p->type == SIO_ENGINE_PING;
  host_looked_at("packet create");
}
/* An event that comes while packet middleware has another is held, with 48 bytes beside its text.
 * max_queued ends that, at much more than is allowed for so few bytes sent. */
static bool session_message(sio_session *c, bool binary, sio_slice data, void *user) {
  (void)c, (void)user;
  if (host_holds_events()) host.caused[memory.owner] += 64;
  if (!binary && !sio__utf8_is_valid(data.p, data.n))
    fault("the host gets text that is not UTF-8", "%s", tell_bytes(data.p, data.n));
  host_called("message", NULL);
  return false;
}

/* ---- requests ----------------------------------------------------------------------- */

static void on_request(sio_request *r, void *user) {
  (void)user;
  host_called("request", NULL);
  if (!host.calm && host.here->nrequests < OWED && draw_one_in(3))
    host.here->requests[host.here->nrequests++] = r;
  else
    answer(r);
}

static void request_hook(sio_request *r, sio_next *next, void *user) {
  (void)r, (void)user;
  host_called("request hook", NULL);
  host_owe_next(next);
}
static void allow(sio_request *r, sio_next *next, void *user) {
  (void)r, (void)user;
  host_called("allow request", NULL);
  host_owe_next(next);
}
static int name_session(sio_request *r, char out[64], void *user) {
  (void)r, (void)user;
  host_called("generate id", NULL);
  snprintf(out, 64, "S%u-%llu", host.named++, (unsigned long long)kernel.now);
  return draw_one_in(20) ? -1 : 0;
}
static void on_headers(sio_request *r, bool initial, void *user) {
  (void)initial, (void)user;
  host_called("headers", NULL);
  sio_respond_header(r, "X-Sim", "1");
}
static void on_connection_error(sio_request *r, const sio_connection_error *e, void *user) {
  (void)r, (void)user;
  TELL("refused: %d %s %s", e->code, e->message, e->name);
  host_called("connection error", NULL);
}
static void on_reject(sio_server *srv, const sio_rejection *r, void *user) {
  (void)srv, (void)user;
  TELL("rejected: %s, %s", r->address, r->detail);
  host_called("reject", NULL);
}
static void on_limited(sio_server *srv, const sio_limited *l, void *user) {
  (void)srv, (void)l, (void)user;
  host_called("limited", NULL);
}
/* Another server speaks. */
static void on_server_side(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  host_called("server side", NULL);
  if (!sio_event_wants_ack(e) || draw(4) == 3) return;
  host.sending++;
  char name[] = "server-0";
  name[7] = (char)('0' + host_member());
  sio_reply(e, SIO_ARGS(name));
  host.sending--;
}
/* Over Redis a namespace has subscriptions, which wait to be sent. */
static void on_new_nsp(sio_nsp *nsp, void *user) {
  (void)nsp, (void)user;
  if (redis.on) host.caused[memory.owner] += 12000;
  host_called("new namespace", NULL);
}
static void on_match(sio_server *srv, const char *name, sio_slice auth, sio_next *next,
                     void *user) {
  (void)srv, (void)auth, (void)user;
  host_called("match", NULL);
  if (strcmp(name, "/never") == 0)
    sio_next_fail(next, "no such namespace", sio_null());
  else
    host_owe_next(next);
}
static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  TELL("log: %s: %s", l->part, l->text);
  host_called("log", NULL);
}

/* ---- plain WebSockets --------------------------------------------------------------- */

static int plain_accept(sio_request *r, void *user) {
  (void)r, (void)user;
  host_called("plain accept", NULL);
  return draw_one_in(8) ? 403 : 0;
}
static void plain_open(sio_ws *w, void *user) {
  (void)user;
  if (host.here->nplain < PLAIN) host.here->plain[host.here->nplain++] = w;
  host_called("plain open", NULL);
}
static bool plain_known(const sio_ws *w) {
  for (int i = 0; i < host.here->nplain; i++)
    if (host.here->plain[i] == w) return true;
  return false;
}
static void plain_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)user;
  if (host.here->nplain < PLAIN && !plain_known(w))
    fault("a message of a plain WebSocket that is over", "%zu bytes", data.n);
  host.sending++;
  host.caused[memory.owner] += data.n + 600;
  sio_ws_send(w, binary, data);
  host.sending--;
  host_called("plain message", NULL);
}
static void plain_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  for (int i = 0; i < host.here->nplain; i++)
    if (host.here->plain[i] == w) {
      host.here->plain[i] = host.here->plain[--host.here->nplain];
      break;
    }
  host_called("plain close", NULL);
}

/* ---- an engine without Socket.IO ---------------------------------------------------- */

static void raw_open(sio_session *c, void *user) {
  (void)user;
  host.here->raws++;
  sio_session_set_data(c, &host.here->raws);
  host_called("raw open", NULL);
}
static void raw_message(sio_session *c, bool binary, sio_slice data, void *user) {
  (void)user;
  if (sio_session_data(c) != &host.here->raws)
    fault("a session has lost its data", "%p", (void *)c);
  host.sending++;
  host.caused[memory.owner] += data.n + 600;
  sio_session_send(c, 0, binary, data);
  host.sending--;
  host_called("raw message", NULL);
}
static void raw_writable(sio_session *c, void *user) {
  (void)c, (void)user;
  host_called("raw writable", NULL);
}
static void raw_close(sio_session *c, const sio_close_info *why, void *user) {
  (void)c, (void)user;
  if (!host.here->raws) fault("a raw session closes that was not open", "%s", why->detail);
  host.here->raws--;
  host_called("raw close", NULL);
}

/* ---- registering -------------------------------------------------------------------- */

void host_handle_options(sio_options *o, bool names, bool asks) {
  if (names) o->generate_id = name_session;
  if (asks) o->allow_request = allow;
  o->connection_error = on_connection_error;
  o->on_reject = on_reject;
  o->on_limited = on_limited;
  o->log = on_log;
}

static void handle_nsp(sio_nsp *nsp, bool parent) {
  static const sio_room_hooks rooms = {
    .create = on_room, .join = on_room_member, .leave = on_room_member, .remove = on_room
  };
  if (host.here->nnsps == NSPS) return;
  host.here->parent[host.here->nnsps] = parent;
  host.here->nsps[host.here->nnsps++] = nsp;
  sio_on_connect(nsp, on_connect, NULL);
  sio_on_disconnecting(nsp, on_disconnecting, NULL);
  sio_on_disconnect(nsp, on_disconnect, NULL);
  sio_on_any(nsp, on_any, NULL);
  sio_on(nsp, "u", on_u, NULL);
  sio_on(nsp, "c", on_canary, NULL);
  if (host.clustered) cluster_handle(nsp);
  sio_on_error(nsp, on_error, NULL);
  sio_on_writable(nsp, on_writable, NULL);
  sio_on_drop(nsp, on_drop, NULL);
  if (host.nmembers > 1) sio_on_server_side(nsp, "s", on_server_side, NULL);
  if (often()) sio_on_any_outgoing(nsp, on_outgoing, NULL);
  if (host.full_returns || seldom()) sio_use(nsp, middleware, NULL);
  if (host.holds_events || seldom()) sio_use_packet(nsp, packet_middleware, NULL);
  if (seldom()) sio_on_room(nsp, &rooms, NULL);
}

void host_handle_sessions(void) {
  static const sio_engine_hooks hooks = { .open = session_open,
                                          .upgrading = session_called,
                                          .upgrade = session_called,
                                          .heartbeat = session_called,
                                          .drain = session_called,
                                          .close = session_close,
                                          .packet = session_packet,
                                          .packet_create = session_packet_create,
                                          .flush = session_called,
                                          .message = session_message };
  sio_on_engine(host.here->srv, &hooks, NULL);
}

void host_handle_requests(void) {
  static const sio_ws_callbacks plain = {
    .accept = plain_accept, .open = plain_open, .message = plain_message, .close = plain_close
  };
  static const sio_engine_callbacks raw = {
    .open = raw_open, .message = raw_message, .writable = raw_writable, .close = raw_close
  };
  if (host.settles_late ? often() : seldom())
    sio_use_engine_request(host.here->srv, request_hook, NULL);
  if (seldom()) sio_on_engine_headers(host.here->srv, on_headers, NULL);
  sio_on_nsp(host.here->srv, &(sio_nsp_hooks){ .create = on_new_nsp }, NULL);
  sio_route(host.here->srv, NULL, "/api/*", 5000, on_request, NULL);
  sio_ws_route(host.here->srv, "/plain", &plain, NULL);
  uint32_t disk_fails = disk.fails;
  disk.fails = 0;
  if (sio_static(host.here->srv, "/files", DISK_DIR))
    fault("the directory is not served", DISK_DIR);
  disk.fails = disk_fails;
  sio_engine_route(host.here->srv, "/raw/", &raw, NULL);
}

int host_make_nsps(void) {
  sio_nsp *n;
  int err = sio_of(host.here->srv, "/", &n);
  if (err) return err;
  handle_nsp(n, false);
  if (sio_of(host.here->srv, "/a", &n) == 0) handle_nsp(n, false);
  if (sio_of_pattern(host.here->srv, "/d-*", &n) == 0) handle_nsp(n, true);
  if (sio_of_match(host.here->srv, on_match, NULL, &n) == 0) handle_nsp(n, true);
  return 0;
}
