/* SPDX-License-Identifier: MIT
 *
 * connect.c - connects a peer to a namespace.
 *
 * The new socket is added to its client before any middleware runs, so that a second CONNECT packet
 * for the same namespace finds it.
 */
#include "core/connect.h"

#include "core/chain.h"
#include "core/client_timeout.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/recovery_socket.h"
#include "core/restore.h"
#include "core/socket.h"
#include "packet/parser.h"
#include <assert.h>

/* A PENDING socket that waits for the adapter to find its recovery record (restore.h), or for the
 * middleware to accept or refuse the socket (chain); if for both, for the adapter first. */
struct pending_join {
  struct chain chain;
  sio_socket *socket; /* one reference */
  /* Limits the time for the middleware to accept or refuse (middleware_timeout_ms, if that is not
   * 0). Starts when a middleware function has returned without having done so. */
  struct timer timeout_timer;
  bool extended; /* the limit was restarted because the host blocked the loop, which is done once */
  /* If the middleware has refused the socket, or the time limit is over: the CONNECT_ERROR packet
   * to send, or NULL if that could not be encoded because of refusal_err. */
  struct msg *refusal;
  int refusal_err;
  /* The question to the adapter, which looks for the lost socket of this client; NULL if the
   * adapter was not asked, or the question has ended. */
  sio_restore *restore;
  char *newer_auth; /* the auth of a later CONNECT packet that has another auth, or NULL */
  bool withdrawn;   /* the peer has sent DISCONNECT for the namespace after its last CONNECT */
};

static struct msgs *msg_pool_of_socket(const sio_socket *s) { return &s->nsp->core->loop.msgs; }

/* ---- accepting ------------------------------------------------------------------------------ */

/* For a Socket.IO 2 client the answer to CONNECT contains no socket id, because that client
 * computes the id itself (set_ids_of_socketio2_socket()). */
static int encode_connect_answer(sio_socket *s, struct msg **m) {
  const char *id = sio__session_protocol_version(s->session) == 4 ? s->id : NULL;
  int err = sio__encode_connect_packet(msg_pool_of_socket(s), m, s->nsp->name, id,
                                       sio__recovery_pid_of_socket(s));
  return err ? err
             : sio__custom_parser_reencode_packet_if_set(s->nsp->core->opts->parser,
                                                         msg_pool_of_socket(s), m, PACKET_CONNECT,
                                                         slice_str(s->nsp->name));
}

/* Sends the answer to CONNECT. After an error the session is closed or is about to close. */
static int send_connect_answer(sio_socket *s) {
  struct msg *m;
  int err = encode_connect_answer(s, &m);
  if (err) {
    sio__client_disconnect_for_encoding_error(client_of_session(s->session), err);
    return err;
  }
  err = sio__session_send(s->session, m, 0);
  msg_unref(m);
  return err;
}

/* Adds the socket to core->just_connected until the end of the loop's turn. While the socket is in
 * this list, sio__connect_resend_answer_unless_just_sent() does nothing: an answer to CONNECT was
 * sent in the same turn. */
static void mark_socket_just_connected_until_turn_end(sio_socket *s) {
  struct core *core = s->nsp->core;
  list_append(&core->just_connected, &s->core_link);
  sio__loop_defer(&core->loop, &core->clear_just_connected);
}

void sio__connect_clear_just_connected_list(struct task *t) {
  struct core *core = container_of(t, struct core, clear_just_connected);
  while (!list_is_empty(&core->just_connected)) list_take_first(&core->just_connected);
}

void sio__connect_resend_answer_unless_just_sent(sio_socket *s) {
  if (!list_is_empty(&s->core_link)) return;
  if (send_connect_answer(s)) return;
  s->answered_twice = true;
  mark_socket_just_connected_until_turn_end(s);
}

/* Sends the answer to CONNECT. Before that, sends a recovered socket the events that it missed; any
 * other socket may get a recovery record. */
static int send_missed_events_and_connect_answer(sio_socket *s) {
  int err = sio__recovery_send_missed_or_add_record(s);
  return err ? err : send_connect_answer(s);
}

/* Makes the socket a member of its namespace, and sends the answer to CONNECT. Returns false if
 * that fails; then the session is closed or is about to close. */
static bool add_member_and_answer_connect(sio_socket *s) {
  assert(s->state == SOCKET_PENDING);
  if (sio__nsp_add_connected_socket(s->nsp, s)) {
    sio__client_disconnect_out_of_memory(client_of_session(s->session));
    return false;
  }
  if (send_missed_events_and_connect_answer(s)) {
    sio__nsp_remove_connected_socket(s->nsp, s);
    return false;
  }
  s->state = SOCKET_CONNECTED;
  mark_socket_just_connected_until_turn_end(s);
  sio__recovery_finish_after_connect_answer(s);
  s->nsp->core->stats.sockets++;
  s->nsp->core->stats.sockets_opened++;
  if (s->nsp->ops->arrive) s->nsp->ops->arrive(s->nsp->adapter, s);
  return true;
}

/* Makes a PENDING socket CONNECTED and runs the connect callbacks. If that fails, the session is
 * closed or is about to close, which discards the socket. */
static void connect_pending_socket_and_run_hooks(sio_socket *s) {
  struct core *core = s->nsp->core;
  if (!sio__session_is_open(s->session) || !add_member_and_answer_connect(s)) return;
  sio__client_set_joined_and_end_join_timeout(client_of_session(s->session));
  LOG_RATED_ABOUT(&core->log, SIO_LOG_INFO, SIO_PART_SIO, LOG_SOCKET_JOINED,
                  sio__session_client_address(s->session), ABOUT_SOCKET(s),
                  "socket %s joined namespace %s from %s", s->own_id, s->nsp->name,
                  sio__session_client_address(s->session));
  sio__nsp_run_connect_hooks(s->nsp, s);
  if (core->opts->drop_handshake) sio__session_free_request_url_and_headers(s->session);
}

/* ---- refusing ------------------------------------------------------------------------------- */

static const char *const refusal_texts[SIO_REFUSED_END] = { "refused", "timeout",
                                                            "Invalid namespace",
                                                            "Too many namespaces" };

void sio__connect_refuse_without_log(struct client *cl, sio_slice nsp, enum sio_refusal why) {
  struct core *core = core_of_client(cl);
  const char *message = refusal_texts[why];
  struct msg *m = NULL;
  core->stats.connects_refused[why]++;
  int err = sio__encode_connect_error_packet(&core->loop.msgs, &core->scratch, &m, nsp, message,
                                             sio_null());
  if (!err)
    err = sio__custom_parser_reencode_packet_if_set(core->opts->parser, &core->loop.msgs, &m,
                                                    PACKET_CONNECT_ERROR, nsp);
  if (err)
    sio__client_disconnect_for_encoding_error(cl, err);
  else
    sio__session_send(cl->session, m, 0);
  msg_unref(m);
}

void sio__connect_log_and_refuse(struct client *cl, sio_slice nsp, enum sio_refusal why) {
  LOG_RATED_ABOUT(&core_of_client(cl)->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_NSP_REFUSED,
                  sio__session_client_address(cl->session), ABOUT_SESSION_OF(cl->session),
                  "CONNECT to namespace %.*s refused: %s", LOG_SLICE(nsp), refusal_texts[why]);
  sio__connect_refuse_without_log(cl, nsp, why);
}

static void refuse_and_discard_pending_socket(struct pending_join *p, enum sio_refusal why) {
  sio_socket *s = p->socket;
  s->nsp->core->stats.connects_refused[why]++;
  if (p->refusal)
    sio__session_send(s->session, p->refusal, 0);
  else
    sio__client_disconnect_for_encoding_error(client_of_session(s->session), p->refusal_err);
  msg_unref(p->refusal);
  p->refusal = NULL;
  sio__recovery_free_record_of_refused_socket(s);
  sio__socket_discard_pending(s);
}

static int pending_join_encode_refusal(struct pending_join *p, const char *message, sio_val data) {
  struct core *core = p->socket->nsp->core;
  sio_slice nsp = slice_str(p->socket->nsp->name);
  bool v3 = sio__session_protocol_version(p->socket->session) == 3;
  int err = (v3 ? sio__encode_socketio2_error_packet : sio__encode_connect_error_packet)(
      &core->loop.msgs, &core->scratch, &p->refusal, nsp, message, data);
  if (!err)
    err = sio__custom_parser_reencode_packet_if_set(core->opts->parser, &core->loop.msgs,
                                                    &p->refusal, PACKET_CONNECT_ERROR, nsp);
  p->refusal_err = err;
  return err;
}

static void pending_join_log_refusal(const struct pending_join *p, const char *why) {
  const sio_socket *s = p->socket;
  const char *peer = sio__session_client_address(s->session);
  LOG_RATED_ABOUT(&s->nsp->core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_NSP_REFUSED, peer,
                  ABOUT_SOCKET(s),
                  "socket %s from %s refused by the middleware of namespace %s: %s", s->own_id,
                  peer, s->nsp->name, why);
}

/* ---- running the middleware ----------------------------------------------------------------- */

static struct pending_join *pending_join_of_middleware_chain(const struct chain *c) {
  return container_of(c, struct pending_join, chain);
}

static void pending_join_call_one_middleware(struct chain *c, const struct hook *k) {
  ((sio_middleware_cb)k->fn)(pending_join_of_middleware_chain(c)->socket, &c->next, k->user);
}

/* True if the peer's newest CONNECT or DISCONNECT packet for the namespace is a DISCONNECT, or a
 * CONNECT with another auth than that of the socket. Then it does not matter whether the middleware
 * accepts or refuses the socket. */
static bool pending_join_is_withdrawn_or_replaced(const struct pending_join *p) {
  return p->newer_auth || p->withdrawn;
}

static void pending_join_log_and_encode_refusal(struct chain *c, const char *message,
                                                sio_val data) {
  struct pending_join *p = pending_join_of_middleware_chain(c);
  struct core *core = p->socket->nsp->core;
  if (!pending_join_is_withdrawn_or_replaced(p)) pending_join_log_refusal(p, message);
  int err = pending_join_encode_refusal(p, message, data);
  if (!err || err == UV_ENOMEM) return;
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_NSP_REFUSED, NULL,
            "CONNECT is refused without the data of sio_next_fail(), which cannot be encoded: %s",
            sio_strerror(err));
  (void)pending_join_encode_refusal(p, message, sio_null());
}

static void pending_join_free_newer_auth(struct pending_join *p) {
  sio__auth_wipe_and_free(p->newer_auth);
  p->newer_auth = NULL;
}

static void pending_join_end_adapter_lookup(struct pending_join *p) {
  if (p->restore) sio__socket_restore_end_and_free(p->restore);
  p->restore = NULL;
}

/* Discards the socket. If the peer has sent CONNECT with another auth, begins to connect a new
 * socket with that auth. */
static void pending_join_discard_and_maybe_connect_anew(struct pending_join *p) {
  sio_socket *s = p->socket;
  struct client *cl = client_of_session(s->session);
  sio_nsp *nsp = s->nsp;
  char *auth = p->newer_auth;
  p->newer_auth = NULL;
  sio_nsp_ref(nsp);
  pending_join_end_adapter_lookup(p);
  sio__socket_discard_pending(s);
  if (auth && sio__session_is_open(cl->session)) sio__connect_new_socket(cl, nsp, slice_str(auth));
  sio_nsp_unref(nsp);
  sio__auth_wipe_and_free(auth);
}

/* Called when a middleware function that has returned has still to accept or refuse. Starts the
 * time limit, unless it is running or middleware_timeout_ms is 0. Nothing has to be copied for the
 * function: its argument is the socket, which stays valid. */
static void pending_join_start_timeout_for_late_verdict(struct chain *c) {
  struct pending_join *p = pending_join_of_middleware_chain(c);
  struct core *core = p->socket->nsp->core;
  unsigned ms = core->opts->middleware_timeout_ms;
  if (ms && !timer_is_active(&p->timeout_timer))
    sio__loop_start_timer(&core->loop, &p->timeout_timer, ms);
}

/* Called when the time limit for the middleware is over. If the host has blocked the loop, restarts
 * the limit, once. Otherwise refuses the socket; but if the peer has withdrawn or replaced its
 * CONNECT packet, only discards the socket, and connects a new one if necessary. If the middleware
 * has accepted or refused the socket earlier in the same turn of the loop, the state is not
 * CHAIN_WAITING any more, and this function does nothing. */
static void pending_join_refuse_or_discard_on_timeout(struct timer *t) {
  struct pending_join *p = container_of(t, struct pending_join, timeout_timer);
  if (p->chain.state != CHAIN_WAITING) return;
  if (loop_should_restart_deadline(p->chain.loop, p->extended)) {
    p->extended = true;
    pending_join_start_timeout_for_late_verdict(&p->chain);
    return;
  }
  p->socket->pending_join = NULL;
  if (pending_join_is_withdrawn_or_replaced(p)) {
    pending_join_discard_and_maybe_connect_anew(p);
  } else {
    pending_join_log_refusal(p, "no verdict within middleware_timeout_ms");
    (void)pending_join_encode_refusal(p, "timeout", sio_null());
    refuse_and_discard_pending_socket(p, SIO_REFUSED_TIMEOUT);
  }
  pending_join_end_adapter_lookup(p);
  sio__middleware_chain_abandon(&p->chain);
}

static bool pending_join_is_socket_still_pending(const struct chain *c) {
  return socket_can_join_rooms(pending_join_of_middleware_chain(c)->socket);
}

static void pending_join_accept_or_refuse_and_free(struct chain *c, bool ok) {
  struct pending_join *p = pending_join_of_middleware_chain(c);
  sio_socket *s = p->socket;
  s->pending_join = NULL;
  sio__loop_stop_timer(c->loop, &p->timeout_timer);
  if (s->state == SOCKET_PENDING) {
    if (pending_join_is_withdrawn_or_replaced(p))
      pending_join_discard_and_maybe_connect_anew(p);
    else if (ok)
      connect_pending_socket_and_run_hooks(s);
    else
      refuse_and_discard_pending_socket(p, SIO_REFUSED_BY_MIDDLEWARE);
  }
  pending_join_end_adapter_lookup(p);
  pending_join_free_newer_auth(p);
  msg_unref(p->refusal);
  sio__free(p);
  sio_socket_unref(s);
}

static const struct chain_ops pending_join_chain_ops = {
  .call = pending_join_call_one_middleware,
  .verdict_deferred = pending_join_start_timeout_for_late_verdict,
  .refused = pending_join_log_and_encode_refusal,
  .may_continue = pending_join_is_socket_still_pending,
  .finish = pending_join_accept_or_refuse_and_free,
};

static struct pending_join *pending_join_new(sio_socket *s) {
  struct pending_join *p = sio__calloc(1, sizeof *p);
  if (!p) return NULL;
  sio__middleware_chain_init(&p->chain, &s->nsp->core->loop, &s->nsp->middleware,
                             &pending_join_chain_ops);
  p->socket = sio_socket_ref(s);
  timer_init(&p->timeout_timer, pending_join_refuse_or_discard_on_timeout);
  s->pending_join = p;
  return p;
}

static int pending_join_start_middleware(sio_socket *s) {
  struct pending_join *p = pending_join_new(s);
  if (!p) return UV_ENOMEM;
  sio__middleware_chain_start(&p->chain);
  return 0;
}

/* ---- waiting for the adapter ----------------------------------------------------------------- */

static bool can_socket_skip_middleware(const sio_socket *s) {
  return hooks_is_empty(&s->nsp->middleware) ||
         (s->recovered && !s->nsp->core->opts->recovery->run_middlewares);
}

static void pending_join_continue_after_adapter_answer(sio_restore *r) {
  struct pending_join *p = r->owner;
  bool outdated = pending_join_is_withdrawn_or_replaced(p) || !socket_can_join_rooms(p->socket);
  if (!outdated) sio__socket_restore_apply_answer(r);
  if (outdated || can_socket_skip_middleware(p->socket))
    pending_join_accept_or_refuse_and_free(&p->chain, true);
  else
    sio__middleware_chain_start(&p->chain);
}

static int pending_join_ask_adapter_for_lost_socket(sio_socket *s,
                                                    const struct recovery_claim *claim) {
  struct pending_join *p = pending_join_new(s);
  if (!p) return UV_ENOMEM;
  return sio__socket_restore_ask_adapter(s, claim, pending_join_continue_after_adapter_answer, p,
                                         &p->restore);
}

/* ---- CONNECT -------------------------------------------------------------------------------- */

static int begin_connecting_new_socket(sio_socket *s) {
  struct recovery_claim claim;
  bool ask = sio__recovery_restore_or_should_ask_adapter(s, &claim);
  int err = ask ? pending_join_ask_adapter_for_lost_socket(s, &claim) : 0;
  sio__recovery_claim_clear(&claim);
  if (ask) return err;
  if (!can_socket_skip_middleware(s)) return pending_join_start_middleware(s);
  connect_pending_socket_and_run_hooks(s);
  return 0;
}

void sio__connect_new_socket(struct client *cl, sio_nsp *nsp, sio_slice auth) {
  sio_socket *s;
  int err = sio__socket_new(&s, nsp, cl->session, auth);
  if (!err) {
    sio__client_add_socket(cl, s);
    err = begin_connecting_new_socket(s);
  }
  if (err)
    sio__session_end(cl->session, true, SIO_REASON_TRANSPORT_ERROR, err,
                     "a socket could not be created: no memory, or no random id");
}

bool sio__is_same_auth(sio_slice stored, sio_slice received) {
  if (received.n == 0) received = SLICE("{}");
  return stored.n == received.n && memcmp(stored.p, received.p, stored.n) == 0;
}

void sio__auth_wipe_and_free(char *auth) {
  if (auth) sio__wipe_and_free(auth, strlen(auth));
}

/* If the socket has no pending_join, it could not be connected, and its session is about to close:
 * then there is nothing to do. */
int sio__connect_update_pending_by_new_connect(sio_socket *s, sio_slice auth) {
  /* In this state s->pending_join is the valid member of its union. */
  assert(s->state == SOCKET_PENDING);
  struct pending_join *p = s->pending_join;
  if (!p) return 0;
  pending_join_free_newer_auth(p);
  p->withdrawn = false;
  if (sio__is_same_auth(sio_socket_auth(s), auth)) return 0;
  p->newer_auth = sio__strndup(auth.p, auth.n);
  return p->newer_auth ? 0 : UV_ENOMEM;
}

void sio__connect_mark_pending_withdrawn(sio_socket *s) {
  assert(s->state == SOCKET_PENDING);
  if (!s->pending_join) return;
  pending_join_free_newer_auth(s->pending_join);
  s->pending_join->withdrawn = true;
}

void sio__connect_discard_socket_and_stop_join(sio_socket *s) {
  assert(s->state == SOCKET_PENDING);
  struct pending_join *p = s->pending_join;
  sio__socket_discard_pending(s);
  if (!p) return;
  pending_join_end_adapter_lookup(p);
  pending_join_free_newer_auth(p);
  sio__loop_stop_timer(p->chain.loop, &p->timeout_timer);
  sio__middleware_chain_abandon(&p->chain);
}
