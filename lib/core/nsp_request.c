/* SPDX-License-Identifier: MIT
 *
 * nsp_request.c - asks the parent namespaces one after the other whether one of them accepts the
 * name of a new namespace.
 *
 * The match functions of the parents are run as a middleware chain. A chain calls the next function
 * if the one before it has accepted, but here the next parent has to be asked if the one before it
 * has refused. So each answer is inverted before it is passed to the chain.
 */
#include "core/nsp_request.h"

#include "base/mem.h"
#include "core/chain.h"
#include "core/child.h"
#include "core/connect.h"
#include "core/core.h"
#include "core/nsp_note.h"
#include "core/parent.h"

struct nsp_request {
  struct chain chain;
  struct sio_next verdict; /* passed to the match functions, which answer with it */
  /* Limits the time that all match functions together have to answer, if middleware_timeout_ms is
   * not 0. Starts when the first of them has returned without having answered. */
  struct timer timeout_timer;
  bool extended; /* the limit was restarted because the host blocked the loop, which is done once */
  struct core *core;        /* one reference */
  struct client *client;    /* NULL after nsp_request_abandon() */
  struct nsp_note nsp_note; /* in client->nsp_notes */
  sio_nsp *parent;          /* the parent that has accepted the name, or NULL */
  sio_slice name, auth;     /* stored after the struct, each with a NUL */
  char *newer_auth;         /* the different auth of a later CONNECT packet, or NULL */
  bool withdrawn;           /* the peer has sent DISCONNECT for this name after its last CONNECT */
};

static struct nsp_request *nsp_request_of_chain(const struct chain *c) {
  return container_of(c, struct nsp_request, chain);
}

/* ---- the end of a request ------------------------------------------------------------------- */

static void nsp_request_unlink_from_client(struct nsp_request *r) {
  struct nsp_note **at = &r->client->nsp_notes;
  while (*at != &r->nsp_note) at = &(*at)->next;
  *at = r->nsp_note.next;
}

static void nsp_request_refuse_connect_for_error(struct client *cl, const struct nsp_request *r,
                                                 int err) {
  if (err == UV_ENOMEM)
    sio__client_disconnect_out_of_memory(cl);
  else if (err == SIO_ETOOBIG)
    sio__connect_refuse_without_log(cl, r->name, SIO_REFUSED_TOO_MANY);
  else
    sio__connect_log_and_refuse(cl, r->name, SIO_REFUSED_NO_NSP);
}

/* Begins to connect the peer to the namespace. If the namespace does not exist and a parent has
 * accepted its name, creates it first. If no parent has, or creating it fails, refuses the peer, or
 * ends the session if memory ran out. sio_nsp_ref() and sio_nsp_unref() are called because a new
 * namespace that the peer does not join has to be removed (child.h). */
static void nsp_request_connect_or_refuse_peer(struct client *cl, const struct nsp_request *r) {
  sio_nsp *nsp = sio__nsp_find(r->core, r->name);
  int err = !nsp && r->parent ? sio__child_namespace_new(&nsp, r->parent, r->name, cl->session) : 0;
  if (!nsp || err) {
    nsp_request_refuse_connect_for_error(cl, r, err);
    return;
  }
  sio_nsp_ref(nsp);
  sio__connect_new_socket(cl, nsp, r->auth);
  sio_nsp_unref(nsp);
}

static void nsp_request_free_newer_auth(struct nsp_request *r) {
  sio__auth_wipe_and_free(r->newer_auth);
  r->newer_auth = NULL;
}

static void nsp_request_restart_with_newer_auth(struct client *cl, const struct nsp_request *r) {
  sio_slice auth = slice_str(r->newer_auth);
  sio_nsp *nsp = sio__nsp_find(r->core, r->name);
  if (nsp)
    sio__connect_new_socket(cl, nsp, auth);
  else
    sio__nsp_request_start(cl, r->name, auth);
}

/* Ends a request early. If a match function has still to answer, its later answer is ignored. */
static void nsp_request_abandon(struct nsp_request *r) {
  sio__loop_stop_timer(r->chain.loop, &r->timeout_timer);
  nsp_request_unlink_from_client(r);
  r->client = NULL;
  nsp_request_free_newer_auth(r);
  sio__middleware_chain_abandon(&r->chain);
}

/* ---- asking the parents --------------------------------------------------------------------- */

static void nsp_request_call_match_callback(struct chain *c, const struct hook *k) {
  struct nsp_request *r = nsp_request_of_chain(c);
  sio_nsp *parent = k->user;
  parent->as_parent->match(server_of_core(r->core), r->name.p, r->auth, &r->verdict,
                           parent->as_parent->user);
}

/* Called when a match function has returned and has not answered yet. Starts the time limit, unless
 * it is running or middleware_timeout_ms is 0. Nothing has to be copied for the function: the name
 * and the auth are copies in the request. */
static void nsp_request_start_timeout_for_late_answer(struct chain *c) {
  struct nsp_request *r = nsp_request_of_chain(c);
  unsigned ms = r->core->opts->middleware_timeout_ms;
  if (ms && !timer_is_active(&r->timeout_timer))
    sio__loop_start_timer(c->loop, &r->timeout_timer, ms);
}

/* Called when a parent has accepted the name. For the chain this is a refusal, which ends it:
 * nsp_request_pass_inverted_answer_to_chain() inverts the answers, so that no other parent is asked
 * after this one. */
static void nsp_request_store_accepting_parent(struct chain *c, const char *message, sio_val data) {
  struct nsp_request *r = nsp_request_of_chain(c);
  (void)message, (void)data;
  r->parent = c->at->user;
}

static bool nsp_request_is_client_connected(const struct chain *c) {
  const struct nsp_request *r = nsp_request_of_chain(c);
  return r->client && sio__session_is_open(r->client->session);
}

/* Called when a match function accepts or refuses the name. Passes the opposite answer to the
 * chain: a chain goes on after an acceptance, but here the next parent is asked after a refusal. */
static void nsp_request_pass_inverted_answer_to_chain(struct sio_next *n, bool ok,
                                                      const char *message, sio_val data) {
  struct chain *c = &container_of(n, struct nsp_request, verdict)->chain;
  (void)message, (void)data;
  c->next.done(&c->next, !ok, NULL, sio_null());
}

static void nsp_request_connect_refuse_or_restart(struct chain *c, bool ok) {
  struct nsp_request *r = nsp_request_of_chain(c);
  (void)ok;
  sio__loop_stop_timer(c->loop, &r->timeout_timer);
  if (r->client) nsp_request_unlink_from_client(r);
  if (nsp_request_is_client_connected(c) && r->newer_auth)
    nsp_request_restart_with_newer_auth(r->client, r);
  else if (nsp_request_is_client_connected(c) && !r->withdrawn)
    nsp_request_connect_or_refuse_peer(r->client, r);
  sio__auth_wipe_and_free(r->newer_auth);
  sio__core_unref(r->core);
  sio__wipe_and_free(r, sizeof *r + r->name.n + 1 + r->auth.n);
}

static const struct chain_ops nsp_request_chain_ops = {
  .call = nsp_request_call_match_callback,
  .verdict_deferred = nsp_request_start_timeout_for_late_answer,
  .refused = nsp_request_store_accepting_parent,
  .may_continue = nsp_request_is_client_connected,
  .finish = nsp_request_connect_refuse_or_restart,
};

/* Called when the time limit for the match functions is over. If the host has blocked the loop,
 * restarts the limit, once. Otherwise ends the request: if the peer has sent CONNECT with another
 * auth, starts again with that auth; if not, refuses the peer. Does neither if the peer has sent
 * DISCONNECT, or if its session is closing. If the match function has answered earlier in the same
 * turn of the loop, the state is not CHAIN_WAITING any more, and that answer counts. */
static void nsp_request_refuse_or_restart_on_timeout(struct timer *t) {
  struct nsp_request *r = container_of(t, struct nsp_request, timeout_timer);
  struct client *cl = r->client;
  if (r->chain.state != CHAIN_WAITING) return;
  if (loop_should_restart_deadline(r->chain.loop, r->extended)) {
    r->extended = true;
    nsp_request_start_timeout_for_late_answer(&r->chain);
    return;
  }
  LOG_RATED(
      &r->core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_NSP_REFUSED, NULL,
      "CONNECT to namespace %.*s: the callbacks of sio_of_match() did not decide about the name "
      "within middleware_timeout_ms",
      LOG_SLICE(r->name));
  if (nsp_request_is_client_connected(&r->chain) && r->newer_auth)
    nsp_request_restart_with_newer_auth(cl, r);
  else if (nsp_request_is_client_connected(&r->chain) && !r->withdrawn)
    sio__connect_refuse_without_log(cl, r->name, SIO_REFUSED_TIMEOUT);
  nsp_request_abandon(r);
}

/* ---- the client's requests ------------------------------------------------------------------ */

static struct nsp_request *nsp_request_new(sio_slice name, sio_slice auth) {
  size_t size = sizeof(struct nsp_request) + name.n + 2; /* 2 for a NUL after each text */
  struct nsp_request *r = sio__calloc(1, size_add(size, auth.n));
  if (!r) return NULL;
  char *text = (char *)(r + 1);
  memcpy(text, name.p, name.n);
  r->name = slice(text, name.n);
  text += name.n + 1;
  memcpy(text, auth.p, auth.n);
  r->auth = slice(text, auth.n);
  return r;
}

void sio__nsp_request_start(struct client *cl, sio_slice name, sio_slice auth) {
  struct core *core = core_of_client(cl);
  struct nsp_request *r = nsp_request_new(name, auth.n ? auth : SLICE("{}"));
  if (!r) {
    sio__client_disconnect_out_of_memory(cl);
    return;
  }
  sio__middleware_chain_init(&r->chain, &core->loop, &core->parents, &nsp_request_chain_ops);
  timer_init(&r->timeout_timer, nsp_request_refuse_or_restart_on_timeout);
  r->verdict.done = nsp_request_pass_inverted_answer_to_chain;
  r->core = core;
  r->client = cl;
  r->nsp_note = (struct nsp_note){ .next = cl->nsp_notes, .nsp = r->name.p, .is_request = true };
  cl->nsp_notes = &r->nsp_note;
  sio__core_ref(core);
  sio__middleware_chain_start(&r->chain);
}

bool sio__can_parents_be_asked_for_nsp(const struct core *core, sio_slice name) {
  bool is_full_name = name.n && name.p[0] == '/' && sio__is_nsp_name_valid(name);
  return is_full_name && !hooks_is_empty(&core->parents);
}

static struct nsp_request *nsp_request_of_note(struct nsp_note *note) {
  return note ? container_of(note, struct nsp_request, nsp_note) : NULL;
}

static struct nsp_request *nsp_request_find_by_nsp_name(struct client *cl, sio_slice name) {
  return nsp_request_of_note(*sio__nsp_note_find(cl, name, true));
}

bool sio__nsp_request_update_by_new_connect(struct client *cl, sio_slice name, sio_slice auth) {
  struct nsp_request *r = nsp_request_find_by_nsp_name(cl, name);
  if (!r) return false;
  nsp_request_free_newer_auth(r);
  r->withdrawn = false;
  if (sio__is_same_auth(r->auth, auth)) return true;
  r->newer_auth = sio__strndup(auth.p, auth.n);
  if (!r->newer_auth) sio__client_disconnect_out_of_memory(cl);
  return true;
}

bool sio__nsp_request_mark_withdrawn(struct client *cl, sio_slice name) {
  struct nsp_request *r = nsp_request_find_by_nsp_name(cl, name);
  if (!r) return false;
  nsp_request_free_newer_auth(r);
  r->withdrawn = true;
  return true;
}

static struct nsp_request *nsp_request_find_first_of_client(const struct client *cl) {
  struct nsp_note *note = cl->nsp_notes;
  while (note && !note->is_request) note = note->next;
  return nsp_request_of_note(note);
}

void sio__client_abandon_nsp_requests(struct client *cl) {
  for (struct nsp_request *r; (r = nsp_request_find_first_of_client(cl));) nsp_request_abandon(r);
}
