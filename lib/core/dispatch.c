/* SPDX-License-Identifier: MIT
 *
 * dispatch.c - events to handlers, through a gate where packet middleware stands.
 *
 * A gate exists while an event of the socket is on its way through the middleware. Events
 * that come meanwhile wait behind it as copies, so that order holds.
 */
#include "core/dispatch.h"

#include "base/cold.h"
#include "base/mem.h"
#include "core/chain.h"
#include "core/client.h"
#include "core/core.h"
#include "core/event.h"
#include "core/nsp.h"
#include "core/socket.h"

/* An event that waits: its packet's bytes stand behind the bins. */
struct held {
  struct held *next;
  int64_t id;
  size_t size;
  sio_slice json;
  uint32_t nbins;
  sio_slice bins[];
};

struct gate {
  struct chain chain;
  sio_socket *socket; /* one reference */
  struct held *first, **last;
  size_t bytes;     /* of all that are held */
  char *refusal;    /* the message of a refusal; NULL: no memory */
  struct msg *data; /* its data as JSON text; NULL: none         */
  bool passing;     /* a caller up the stack handles the queue   */
  bool telling;     /* the callbacks of sio_on_error() run       */
  struct sio_event event;
};

/* ---- what waits ---------------------------------------------------------------------- */

static bool held_size(const struct packet *p, size_t *out) {
  size_t size = sizeof(struct held) + p->nbins * sizeof(sio_slice);
  bool over = add_overflows(size, p->json.n, &size);
  for (uint32_t i = 0; i < p->nbins && !over; i++) over = add_overflows(size, p->bins[i].n, &size);
  *out = size;
  return !over;
}

static sio_slice copy_to(char **at, sio_slice s) {
  char *p = *at;
  if (s.n) memcpy(p, s.p, s.n);
  *at += s.n;
  return slice(p, s.n);
}

static struct held *held_new(const struct packet *p, size_t size) {
  struct held *h = sio__malloc(size);
  if (!h) return NULL;
  *h = (struct held){ .id = p->id, .size = size, .nbins = p->nbins };
  char *at = (char *)(h->bins + p->nbins);
  h->json = copy_to(&at, p->json);
  for (uint32_t i = 0; i < p->nbins; i++) h->bins[i] = copy_to(&at, p->bins[i]);
  return h;
}

static void hold(struct gate *g, const struct packet *p) {
  size_t size;
  struct core *core = g->socket->nsp->core;
  struct client *cl = client_of(g->socket->session);
  if (!held_size(p, &size) || size > core->opts->max_queued - g->bytes) {
    core->stats.overflows++;
    sio__session_end(cl->session, false, SIO_REASON_FORCED_CLOSE, SIO_ETOOBIG,
                     "more than max_queued bytes wait behind packet middleware");
    return;
  }
  struct held *h = held_new(p, size);
  if (!h) {
    sio__client_end_no_memory(cl);
    return;
  }
  g->bytes += size;
  *g->last = h;
  g->last = &h->next;
}

static struct held *unhold(struct gate *g) {
  struct held *h = g->first;
  g->first = h->next;
  if (!g->first) g->last = &g->first;
  g->bytes -= h->size;
  return h;
}

static void drop_held(struct gate *g) {
  while (g->first) sio__free(unhold(g));
}

/* ---- one event passes ------------------------------------------------------------------ */

static void pass(struct gate *g, const struct packet *p) {
  sio_socket *s = g->socket;
  if (sio__event_init(&g->event, s, p)) {
    sio__client_end_no_memory(client_of(s->session));
    return;
  }
  sio__nsp_run_any_hooks(s->nsp, s, &g->event);
  sio__chain_start(&g->chain);
}

/* It was checked when it came, so that only memory can fail. */
static void pass_held(struct gate *g, struct held *h) {
  struct core *core = g->socket->nsp->core;
  struct packet p = { .type = PACKET_EVENT,
                      .nsp = slice_str(g->socket->nsp->name),
                      .id = h->id,
                      .json = h->json,
                      .scan = &core->scratch.scan,
                      .bins = h->bins,
                      .nbins = h->nbins };
  if (sio__json_scan(&core->scratch.scan, h->json, core->limits.max_depth, NULL))
    sio__client_end_no_memory(client_of(g->socket->session));
  else
    pass(g, &p);
  sio__free(h);
}

static void gate_free(struct gate *g) {
  sio_socket *s = g->socket;
  if (s->gate == g) s->gate = NULL;
  drop_held(g);
  sio__free(g);
  sio_socket_unref(s);
}

/* What waits passes too, until one of them is held up. */
static void pass_on(struct gate *g) {
  g->passing = true;
  while (g->chain.state == CHAIN_IDLE && g->first && sio_socket_connected(g->socket))
    pass_held(g, unhold(g));
  g->passing = false;
  if (g->chain.state == CHAIN_IDLE) gate_free(g);
}

/* ---- the middleware ----------------------------------------------------------------------- */

static struct gate *gate_of(const struct chain *c) { return container_of(c, struct gate, chain); }

static void call(struct chain *c, const struct hook *k) {
  struct gate *g = gate_of(c);
  ((sio_packet_cb)k->fn)(g->socket, &g->event, &c->next, k->user);
}

static void on_parked(struct chain *c) {
  struct gate *g = gate_of(c);
  if (sio__event_copy_borrowed(&g->event)) sio__client_end_no_memory(client_of(g->socket->session));
}

static COLD void on_refused(struct chain *c, const char *message, sio_val data) {
  struct gate *g = gate_of(c);
  struct core *core = g->socket->nsp->core;
  g->refusal = sio__strndup(message, strlen(message));
  int err = sio__encode_data(&core->loop.msgs, &core->scratch, &g->data, data);
  if (!err) return;
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_EVENT_REFUSED, NULL,
            "the data of a refusal is left out: %s", sio_strerror(err));
}

static bool is_wanted(const struct chain *c) { return sio_socket_connected(gate_of(c)->socket); }

static COLD void gate_refuse(struct gate *g, sio_socket *s) {
  struct core *core = s->nsp->core;
  const char *message = g->refusal ? g->refusal : "out of memory";
  const char *peer = sio_session_address(s->session);
  core->stats.events_refused++;
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_ROOM_SIO, LOG_EVENT_REFUSED, peer,
            "socket %s of %s: event \"%.*s\" refused by packet middleware: %s", s->own_id, peer,
            LOG_SLICE(g->event.name), message);
  g->telling = true;
  sio__nsp_run_error_hooks(s->nsp, s, UV_ECANCELED, message);
  g->telling = false;
}

sio_slice sio_error_data(const sio_socket *s) {
  const struct gate *g = s->state == SOCKET_PENDING ? NULL : s->gate;
  return g && g->telling && g->data ? slice(msg_data(g->data), g->data->len) : slice(NULL, 0);
}

static void conclude(struct gate *g, bool ok) {
  sio_socket *s = g->socket;
  if (sio_socket_connected(s)) {
    if (ok)
      sio__nsp_run_handlers(s->nsp, s, &g->event, g->event.name);
    else
      gate_refuse(g, s);
  }
  sio__event_clear(&g->event);
  sio__free(g->refusal);
  msg_unref(g->data);
  g->refusal = NULL;
  g->data = NULL;
}

static void on_finish(struct chain *c, bool ok) {
  struct gate *g = gate_of(c);
  conclude(g, ok);
  if (!g->passing) pass_on(g);
}

static const struct chain_ops gate_ops = {
  .call = call,
  .parked = on_parked,
  .refused = on_refused,
  .wanted = is_wanted,
  .finish = on_finish,
};

static struct gate *gate_new(sio_socket *s) {
  struct gate *g = sio__malloc(sizeof *g);
  if (!g) return NULL;
  sio__chain_init(&g->chain, &s->nsp->core->loop, &s->nsp->packet_middleware, &gate_ops);
  g->socket = sio_socket_ref(s);
  g->first = NULL;
  g->last = &g->first;
  g->bytes = 0;
  g->refusal = NULL;
  g->data = NULL;
  g->telling = false;
  s->gate = g;
  return g;
}

static void through_gate(sio_socket *s, const struct packet *p) {
  struct gate *g = gate_new(s);
  if (!g) {
    sio__client_end_no_memory(client_of(s->session));
    return;
  }
  g->passing = true;
  pass(g, p);
  pass_on(g);
}

void sio__event_queue_close(sio_socket *s) {
  struct gate *g = s->gate;
  if (!g) return;
  s->gate = NULL;
  drop_held(g);
  sio__chain_abandon(&g->chain);
}

/* ---- without middleware ---------------------------------------------------------------------- */

static void straight(sio_socket *s, const struct packet *p) {
  struct sio_event e;
  if (sio__event_init(&e, s, p)) {
    sio__client_end_no_memory(client_of(s->session));
    return;
  }
  sio__nsp_run_any_hooks(s->nsp, s, &e);
  if (sio_socket_connected(s)) sio__nsp_run_handlers(s->nsp, s, &e, e.name);
  sio__event_clear(&e);
}

void sio__dispatch_event(sio_socket *s, const struct packet *p) {
  if (p->json.n == 0) return; /* an EVENT without a payload says nothing */
  s->nsp->events_in++;
  if (s->gate)
    hold(s->gate, p);
  else if (hooks_empty(&s->nsp->packet_middleware))
    straight(s, p);
  else
    through_gate(s, p);
}
