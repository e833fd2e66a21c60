/* SPDX-License-Identifier: MIT
 *
 * connect.c - letting a peer into a namespace.
 *
 * The socket takes its client's place for the namespace before any middleware runs, so
 * that a second CONNECT finds it taken.
 */
#include "core/connect.h"

#include "base/cold.h"
#include "core/chain.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/recovery.h"
#include "core/socket.h"
#include "packet/parser.h"

/* A socket before the door. */
struct pending_join {
  struct chain chain;
  sio_socket *socket;      /* one reference */
  struct timer wait_timer; /* with middleware */
  bool excused;            /* its time was given once more */
  struct msg *refusal;     /* CONNECT_ERROR, once refused; NULL then: no memory for it */
  char *newer;             /* the auth of a later CONNECT; NULL: there was none */
  bool withdrawn;          /* its peer has sent DISCONNECT */
};

static struct msgs *msgs_of(const sio_socket *s) { return &s->nsp->core->loop.msgs; }

/* ---- yes ------------------------------------------------------------------------- */

static int send_connect(sio_socket *s) {
  struct msg *m;
  bool told = sio_session_protocol(s->session) == 4;
  int err =
      sio__encode_connect(msgs_of(s), &m, s->nsp->name, told ? s->id : NULL, sio__recovery_pid(s));
  if (!err)
    err = sio__parser_recode(s->nsp->core->opts->parser, msgs_of(s), &m, PACKET_CONNECT,
                             slice_str(s->nsp->name));
  if (err) return err;
  err = sio__session_send(s->session, m, 0);
  msg_unref(m);
  return err;
}

/* In this turn the peer cannot have missed it. */
static void note_welcomed(sio_socket *s) {
  struct core *core = s->nsp->core;
  list_push(&core->welcomed, &s->leaving);
  sio__loop_defer(&core->loop, &core->forget_welcomed);
}

void sio__connect_on_turn_end(struct task *t) {
  struct core *core = container_of(t, struct core, forget_welcomed);
  while (!list_empty(&core->welcomed)) list_pop(&core->welcomed);
}

void sio__connect_resend_answer(sio_socket *s) {
  if (!list_empty(&s->leaving)) return;
  int err = send_connect(s);
  if (err == UV_ENOMEM)
    sio__client_end_no_memory(client_of(s->session));
  else if (!err)
    note_welcomed(s);
}

/* What it missed comes before the reply. */
static int welcome(sio_socket *s) {
  int err = sio__recovery_welcome(s);
  return err ? err : send_connect(s);
}

/* A member from the reply on; if there is no memory for either the peer goes. */
static bool become_member(sio_socket *s) {
  int err = sio__nsp_add_member(s->nsp, s);
  if (!err && (err = welcome(s))) sio__nsp_remove_member(s->nsp, s);
  if (err == UV_ENOMEM) sio__client_end_no_memory(client_of(s->session));
  if (err) return false;
  s->state = SOCKET_CONNECTED;
  note_welcomed(s);
  sio__recovery_joined(s);
  s->nsp->core->stats.sockets++;
  s->nsp->core->stats.sockets_opened++;
  if (s->nsp->ops->arrive) s->nsp->ops->arrive(s->nsp->adapter, s);
  return true;
}

/* Where it fails the session is over or about to be, and its close drops the socket. */
static void let_in(sio_socket *s) {
  struct core *core = s->nsp->core;
  if (!sio__session_open(s->session) || !become_member(s)) return;
  sio__client_on_joined(client_of(s->session));
  LOG_RATED(&core->log, SIO_LOG_INFO, SIO_ROOM_SIO, LOG_SOCKET_JOINED,
            sio_session_address(s->session), "socket %s joined %s from %s", s->own_id, s->nsp->name,
            sio_session_address(s->session));
  sio__nsp_run_connect_hooks(s->nsp, s);
  if (core->opts->drop_handshake) sio__session_forget(s->session);
}

/* ---- no -------------------------------------------------------------------------- */

static void send_refusal(struct client *cl, struct msg *m) {
  if (m)
    sio__session_send(cl->session, m, 0);
  else
    sio__client_end_no_memory(cl);
  msg_unref(m);
}

void sio__connect_refuse(struct client *cl, sio_slice nsp, enum sio_refusal why) {
  struct core *core = client_core(cl);
  static const char *const texts[SIO_REFUSED_END] = { "refused", "timeout", "Invalid namespace",
                                                      "Too many namespaces" };
  const char *message = texts[why];
  struct msg *m = NULL;
  core->stats.connects_refused[why]++;
  int err =
      sio__encode_connect_error(&core->loop.msgs, &core->scratch, &m, nsp, message, sio_null());
  if (!err) sio__parser_recode(core->opts->parser, &core->loop.msgs, &m, PACKET_CONNECT_ERROR, nsp);
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NSP_REFUSED,
            sio_session_address(cl->session), "CONNECT to %.*s refused: %s", LOG_SLICE(nsp),
            message);
  send_refusal(cl, m);
}

static void reject(struct pending_join *k, enum sio_refusal why) {
  sio_socket *s = k->socket;
  s->nsp->core->stats.connects_refused[why]++;
  if (sio__session_open(s->session)) {
    send_refusal(client_of(s->session), k->refusal);
    k->refusal = NULL;
  }
  sio__recovery_refused(s);
  sio__socket_discard_pending(s);
}

/* ---- the way through the middleware ----------------------------------------------- */

static struct pending_join *pending_join_of(const struct chain *c) {
  return container_of(c, struct pending_join, chain);
}

static void call(struct chain *c, const struct hook *k) {
  ((sio_middleware_cb)k->fn)(pending_join_of(c)->socket, &c->next, k->user);
}

static int encode_refusal(struct pending_join *k, const char *message, sio_val data) {
  struct core *core = k->socket->nsp->core;
  sio_slice nsp = slice_str(k->socket->nsp->name);
  const sio_session *c = k->socket->session;
  bool v3 = c && sio_session_protocol(c) == 3;
  int err = (v3 ? sio__encode_error3 : sio__encode_connect_error)(&core->loop.msgs, &core->scratch,
                                                                  &k->refusal, nsp, message, data);
  if (err) return err;
  return sio__parser_recode(core->opts->parser, &core->loop.msgs, &k->refusal, PACKET_CONNECT_ERROR,
                            nsp);
}

static COLD void log_refusal(const struct pending_join *k, const char *message) {
  const sio_socket *s = k->socket;
  const char *peer = s->session ? sio_session_address(s->session) : "a peer that left";
  LOG_RATED(&s->nsp->core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NSP_REFUSED, peer,
            "socket %s of %s refused by middleware of %s: %s", s->own_id, peer, s->nsp->name,
            message);
}

/* The peer has sent another CONNECT, or DISCONNECT, while the host thought about the first. */
static bool is_outdated(const struct pending_join *k) { return k->newer || k->withdrawn; }

static void on_refused(struct chain *c, const char *message, sio_val data) {
  struct pending_join *k = pending_join_of(c);
  struct core *core = k->socket->nsp->core;
  if (!is_outdated(k)) log_refusal(k, message);
  int err = encode_refusal(k, message, data);
  if (!err || err == UV_ENOMEM) return;
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_NSP_REFUSED, NULL,
            "the data of a refusal is left out: %s", sio_strerror(err));
  (void)encode_refusal(k, message, sio_null());
}

static void forget_newer(struct pending_join *k) {
  sio__free(k->newer);
  k->newer = NULL;
}

static void start_over(struct pending_join *k) {
  sio_socket *s = k->socket;
  struct client *cl = client_of(s->session);
  sio_nsp *nsp = s->nsp;
  char *auth = k->newer;
  k->newer = NULL;
  sio_nsp_ref(nsp);
  sio__socket_discard_pending(s);
  if (auth && sio__session_open(cl->session)) sio__connect_start(cl, nsp, slice_str(auth));
  sio_nsp_unref(nsp);
  sio__free(auth);
}

static void on_parked(struct chain *c);

/* The verdict stays owed, and will be thrown away. One that came in this very turn counts. */
static void on_wait_over(struct timer *t) {
  struct pending_join *k = container_of(t, struct pending_join, wait_timer);
  if (k->chain.state != CHAIN_WAITING) return;
  if (loop_excuses(k->chain.loop, k->excused)) {
    k->excused = true;
    on_parked(&k->chain);
    return;
  }
  k->socket->pending_join = NULL;
  if (is_outdated(k)) {
    start_over(k);
  } else {
    log_refusal(k, "timeout");
    (void)encode_refusal(k, "timeout", sio_null());
    reject(k, SIO_REFUSED_TIMEOUT);
  }
  sio__chain_abandon(&k->chain);
}

/* The socket stays by itself. */
static void on_parked(struct chain *c) {
  struct pending_join *k = pending_join_of(c);
  struct core *core = k->socket->nsp->core;
  unsigned ms = core->opts->middleware_timeout_ms;
  if (ms && !timer_active(&k->wait_timer)) sio__loop_timer(&core->loop, &k->wait_timer, ms);
}

static bool is_wanted(const struct chain *c) { return socket_is_open(pending_join_of(c)->socket); }

static void on_finish(struct chain *c, bool ok) {
  struct pending_join *k = pending_join_of(c);
  sio_socket *s = k->socket;
  s->pending_join = NULL;
  sio__loop_untimer(c->loop, &k->wait_timer);
  if (s->state == SOCKET_PENDING) {
    if (is_outdated(k))
      start_over(k);
    else if (ok)
      let_in(s);
    else
      reject(k, SIO_REFUSED_BY_MIDDLEWARE);
  }
  forget_newer(k);
  msg_unref(k->refusal);
  sio__free(k);
  sio_socket_unref(s);
}

static const struct chain_ops pending_join_ops = {
  .call = call,
  .parked = on_parked,
  .refused = on_refused,
  .wanted = is_wanted,
  .finish = on_finish,
};

static int pending_join(sio_socket *s) {
  struct pending_join *k = sio__calloc(1, sizeof *k);
  if (!k) return UV_ENOMEM;
  sio__chain_init(&k->chain, &s->nsp->core->loop, &s->nsp->middleware, &pending_join_ops);
  k->socket = sio_socket_ref(s);
  timer_init(&k->wait_timer, on_wait_over);
  s->pending_join = k;
  sio__chain_start(&k->chain);
  return 0;
}

static bool is_waved_through(const sio_socket *s) {
  return hooks_empty(&s->nsp->middleware) ||
         (s->recovered && !s->nsp->core->opts->recovery->run_middlewares);
}

void sio__connect_start(struct client *cl, sio_nsp *nsp, sio_slice auth) {
  sio_socket *s;
  int err = sio__socket_new(&s, nsp, cl->session, auth);
  if (!err) {
    sio__client_add_socket(cl, s);
    sio__recovery_arrive(s);
    if (is_waved_through(s))
      let_in(s);
    else
      err = pending_join(s);
  }
  if (err)
    sio__session_end(cl->session, true, SIO_REASON_TRANSPORT_ERROR, err, "no means for a socket");
}

bool sio__auth_equals(sio_slice a, sio_slice b) {
  if (a.n == 0) a = SLICE("{}");
  if (b.n == 0) b = SLICE("{}");
  return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* Without a knock nothing waits for the host. */
int sio__connect_on_second_connect(sio_socket *s, sio_slice auth) {
  struct pending_join *k = s->pending_join;
  if (!k) return 0;
  forget_newer(k);
  k->withdrawn = false;
  if (sio__auth_equals(sio_socket_auth(s), auth)) return 0;
  k->newer = sio__strndup(auth.p, auth.n);
  return k->newer ? 0 : UV_ENOMEM;
}

void sio__connect_withdraw(sio_socket *s) {
  if (!s->pending_join) return;
  forget_newer(s->pending_join);
  s->pending_join->withdrawn = true;
}

void sio__connect_abandon(sio_socket *s) {
  struct pending_join *k = s->pending_join;
  sio__socket_discard_pending(s);
  if (!k) return;
  forget_newer(k);
  sio__loop_untimer(k->chain.loop, &k->wait_timer);
  sio__chain_abandon(&k->chain);
}
