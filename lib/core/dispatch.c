/* SPDX-License-Identifier: MIT
 *
 * dispatch.c - passes events to the host's handlers, with or without packet middleware.
 *
 * Packet middleware may accept or refuse an event after it has returned. Until then the socket has
 * a struct event_queue. Further events of the socket are copied into that queue, so that they are
 * handled in the order in which they arrived.
 */
#include "core/dispatch.h"

#include "base/mem.h"
#include "core/chain.h"
#include "core/client.h"
#include "core/core.h"
#include "core/event.h"
#include "core/held_events.h"
#include "core/ignored.h"
#include "core/nsp.h"
#include "core/socket.h"
#include <assert.h>

/* A copy of an EVENT packet in an event_queue. The bytes to which json and bins point follow the
 * array bins in the same block of memory. */
struct queued_event {
  struct queued_event *next;
  int64_t id;
  size_t size;
  sio_slice json;
  uint32_t nbins;
  sio_slice bins[];
};

/* The events of a socket that wait for packet middleware. `event` is the one for which the
 * middleware functions are running (chain). The list that starts at `first` contains the events
 * that have arrived after `event`. */
struct event_queue {
  struct chain chain;
  sio_socket *socket; /* one reference */
  struct queued_event *first, **last;
  /* The counter to which held_bytes were added; NULL if held_bytes is 0. */
  struct held_events *held;
  size_t held_bytes; /* memory of the events in the list, and event_bytes */
  /* If the middleware decides about `event` later: the bytes that were counted for the copied
   * event, for this struct, and for the socket, which this struct keeps alive. Otherwise 0. */
  size_t event_bytes;
  /* Both are NULL unless the middleware has refused `event`. refusal is a copy of the message that
   * the middleware passed to sio_next_fail(); NULL also if memory ran out. data is the JSON text of
   * the data that it passed; NULL also if there is no data, or the data could not be encoded. */
  char *refusal;
  struct msg *data;
  /* True while an event is being passed to the middleware. If the chain ends during that time,
   * event_queue_end_event_and_start_next() does not pass on the next event: the loop in
   * event_queue_run_waiting_and_free_if_done() does that. */
  bool passing;
  struct sio_event event;
};

/* ---- queued events -------------------------------------------------------------------------- */

static size_t queued_event_size(const struct packet *p) {
  size_t size = size_add(sizeof(struct queued_event) + p->nbins * sizeof(sio_slice), p->json.n);
  for (uint32_t i = 0; i < p->nbins; i++) size = size_add(size, p->bins[i].n);
  return size;
}

/* Copies s to *at, moves *at to the end of the copy, and returns the copy. */
static sio_slice copy_event_slice_and_advance(char **at, sio_slice s) {
  char *p = *at;
  if (s.n) memcpy(p, s.p, s.n);
  *at += s.n;
  return slice(p, s.n);
}

static struct queued_event *queued_event_new(const struct packet *p, size_t size) {
  struct queued_event *ev = sio__malloc(size);
  if (!ev) return NULL;
  *ev = (struct queued_event){ .id = p->id, .size = size, .nbins = p->nbins };
  char *at = (char *)(ev->bins + p->nbins);
  ev->json = copy_event_slice_and_advance(&at, p->json);
  for (uint32_t i = 0; i < p->nbins; i++)
    ev->bins[i] = copy_event_slice_and_advance(&at, p->bins[i]);
  return ev;
}

/* Counts the memory of an event that has to wait for the middleware. If memory ran out, or if other
 * events of the client wait already and the total would exceed max_queued, ends the session and
 * returns false. */
static bool event_queue_count_bytes_or_end_session(struct event_queue *q, size_t bytes) {
  struct client *cl = client_of_session(q->socket->session);
  int err = sio__held_events_add_bytes_within_limit(cl, bytes, &q->held);
  if (!err) q->held_bytes += bytes;
  if (err == UV_ENOMEM) sio__client_disconnect_out_of_memory(cl);
  if (err != SIO_ETOOBIG) return !err;
  core_of_client(cl)->stats.overflows++;
  sio__session_end(cl->session, false, SIO_REASON_FORCED_CLOSE, SIO_ETOOBIG,
                   "events that wait for packet middleware take more than max_queued bytes");
  return false;
}

static void event_queue_uncount_bytes(struct event_queue *q, size_t bytes) {
  if (!bytes) return;
  assert(q->held_bytes >= bytes);
  q->held_bytes -= bytes;
  sio__held_events_subtract_and_free_if_zero(q->held, bytes);
  if (!q->held_bytes) q->held = NULL;
}

static void event_queue_copy_and_append_packet(struct event_queue *q, const struct packet *p) {
  size_t size = queued_event_size(p);
  if (!event_queue_count_bytes_or_end_session(q, size)) return;
  struct queued_event *ev = queued_event_new(p, size);
  if (!ev) {
    event_queue_uncount_bytes(q, size);
    sio__client_disconnect_out_of_memory(client_of_session(q->socket->session));
    return;
  }
  *q->last = ev;
  q->last = &ev->next;
}

static struct queued_event *event_queue_pop(struct event_queue *q) {
  struct queued_event *ev = q->first;
  assert(ev);
  q->first = ev->next;
  if (!q->first) q->last = &q->first;
  event_queue_uncount_bytes(q, ev->size);
  return ev;
}

/* The session of a socket that has left may be over, so no address of the client is passed. */
static void count_and_log_event_of_left_socket(const sio_socket *s) {
  sio__count_and_log_ignored_packet(s->nsp->core, "", slice_str(s->nsp->name), SIO_IGNORED_LEFT);
}

static void event_queue_log_and_free_waiting_events(struct event_queue *q) {
  while (q->first) {
    count_and_log_event_of_left_socket(q->socket);
    sio__free(event_queue_pop(q));
  }
}

/* ---- passing one event to the middleware ---------------------------------------------------- */

static void event_queue_run_catch_all_and_middleware(struct event_queue *q,
                                                     const struct packet *p) {
  sio_socket *s = q->socket;
  if (sio__event_init(&q->event, s, p)) {
    sio__client_disconnect_out_of_memory(client_of_session(s->session));
    return;
  }
  sio__nsp_run_catch_all_hooks(s->nsp, s, &q->event);
  sio__middleware_chain_start(&q->chain);
}

/* Passes an event from the queue to the middleware. Its JSON was checked when it arrived, so the
 * second scan can fail only if memory runs out. */
static void event_queue_start_middleware_for_queued(struct event_queue *q,
                                                    struct queued_event *ev) {
  struct core *core = q->socket->nsp->core;
  struct packet p = { .type = PACKET_EVENT,
                      .nsp = slice_str(q->socket->nsp->name),
                      .id = ev->id,
                      .json = ev->json,
                      .scan = &core->scratch.scan,
                      .bins = ev->bins,
                      .nbins = ev->nbins };
  if (sio__json_scan_text(&core->scratch.scan, ev->json, core->limits.max_depth, NULL))
    sio__client_disconnect_out_of_memory(client_of_session(q->socket->session));
  else
    event_queue_run_catch_all_and_middleware(q, &p);
  sio__free(ev);
}

static void event_queue_free(struct event_queue *q) {
  sio_socket *s = q->socket;
  if (s->event_queue == q) s->event_queue = NULL;
  event_queue_log_and_free_waiting_events(q);
  sio__free(q);
  sio_socket_unref(s);
}

/* Passes the queued events to the middleware, one after the other, until the middleware returns
 * without accepting or refusing an event, or the socket is not connected any more. Then frees the
 * queue, unless the middleware has still to accept or refuse an event. */
static void event_queue_run_waiting_and_free_if_done(struct event_queue *q) {
  q->passing = true;
  while (q->chain.state == CHAIN_IDLE && q->first && sio_socket_connected(q->socket))
    event_queue_start_middleware_for_queued(q, event_queue_pop(q));
  q->passing = false;
  if (q->chain.state == CHAIN_IDLE) event_queue_free(q);
}

/* ---- callbacks of the chain ----------------------------------------------------------------- */

static struct event_queue *event_queue_of_middleware_chain(const struct chain *c) {
  return container_of(c, struct event_queue, chain);
}

static void event_queue_call_one_middleware(struct chain *c, const struct hook *k) {
  struct event_queue *q = event_queue_of_middleware_chain(c);
  ((sio_packet_cb)k->fn)(q->socket, &q->event, &c->next, k->user);
}

static void event_queue_copy_event_for_later_verdict(struct chain *c) {
  struct event_queue *q = event_queue_of_middleware_chain(c);
  if (sio__event_is_copied(&q->event)) return;
  if (sio__event_copy_borrowed_data(&q->event)) {
    sio__client_disconnect_out_of_memory(client_of_session(q->socket->session));
    return;
  }
  size_t bytes = sizeof *q + sizeof *q->socket + sio__event_copies_memory_size(&q->event);
  if (event_queue_count_bytes_or_end_session(q, bytes)) q->event_bytes = bytes;
}

static void event_queue_keep_refusal_of_middleware(struct chain *c, const char *message,
                                                   sio_val data) {
  struct event_queue *q = event_queue_of_middleware_chain(c);
  struct core *core = q->socket->nsp->core;
  q->refusal = sio__strndup(message, strlen(message));
  int err =
      sio__encode_event_refusal_data_as_json(&core->loop.msgs, &core->scratch, &q->data, data);
  if (!err) return;
  LOG_RATED(&core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_EVENT_REFUSED, NULL,
            "an event is refused without the data of sio_next_fail(), which cannot be encoded: %s",
            sio_strerror(err));
}

static bool event_queue_is_socket_connected(const struct chain *c) {
  return sio_socket_connected(event_queue_of_middleware_chain(c)->socket);
}

static void count_log_and_report_refused_event(struct event_queue *q, sio_socket *s) {
  struct core *core = s->nsp->core;
  const char *message =
      q->refusal ? q->refusal : "no memory to copy the message of sio_next_fail()";
  const char *peer = sio__session_client_address(s->session);
  core->stats.events_refused++;
  LOG_RATED_ABOUT(&core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_EVENT_REFUSED, peer, ABOUT_SOCKET(s),
                  "socket %s from %s: event \"%.*s\" refused by packet middleware: %s", s->own_id,
                  peer, LOG_SLICE(q->event.name), message);
  sio_error_info info = { UV_ECANCELED, message, slice(NULL, 0) };
  if (q->data) info.data = slice(msg_data(q->data), q->data->len);
  sio__nsp_run_error_hooks(s->nsp, s, &info);
}

static void event_queue_run_handlers_or_report_refusal(struct event_queue *q, bool ok) {
  sio_socket *s = q->socket;
  if (!sio_socket_connected(s))
    count_and_log_event_of_left_socket(s);
  else if (ok)
    sio__nsp_run_event_handlers(s->nsp, s, &q->event, q->event.name);
  else
    count_log_and_report_refused_event(q, s);
  sio__event_clear(&q->event);
  event_queue_uncount_bytes(q, q->event_bytes);
  q->event_bytes = 0;
  sio__free(q->refusal);
  msg_unref(q->data);
  q->refusal = NULL;
  q->data = NULL;
}

static void event_queue_end_event_and_start_next(struct chain *c, bool ok) {
  struct event_queue *q = event_queue_of_middleware_chain(c);
  event_queue_run_handlers_or_report_refusal(q, ok);
  if (!q->passing) event_queue_run_waiting_and_free_if_done(q);
}

static const struct chain_ops event_queue_chain_ops = {
  .call = event_queue_call_one_middleware,
  .verdict_deferred = event_queue_copy_event_for_later_verdict,
  .refused = event_queue_keep_refusal_of_middleware,
  .may_continue = event_queue_is_socket_connected,
  .finish = event_queue_end_event_and_start_next,
};

static struct event_queue *event_queue_new(sio_socket *s) {
  struct event_queue *q = sio__malloc(sizeof *q);
  if (!q) return NULL;
  sio__middleware_chain_init(&q->chain, &s->nsp->core->loop, &s->nsp->packet_middleware,
                             &event_queue_chain_ops);
  q->socket = sio_socket_ref(s);
  q->first = NULL;
  q->last = &q->first;
  q->held = NULL;
  q->held_bytes = 0;
  q->event_bytes = 0;
  q->refusal = NULL;
  q->data = NULL;
  s->event_queue = q;
  return q;
}

static void dispatch_event_with_middleware(sio_socket *s, const struct packet *p) {
  struct event_queue *q = event_queue_new(s);
  if (!q) {
    sio__client_disconnect_out_of_memory(client_of_session(s->session));
    return;
  }
  q->passing = true;
  event_queue_run_catch_all_and_middleware(q, p);
  event_queue_run_waiting_and_free_if_done(q);
}

void sio__event_queue_close(sio_socket *s) {
  struct event_queue *q = s->event_queue;
  assert(s->state == SOCKET_LEFT); /* in this state the union of sio_socket contains event_queue */
  if (!q) return;
  s->event_queue = NULL;
  event_queue_log_and_free_waiting_events(q);
  sio__middleware_chain_abandon(&q->chain);
}

/* ---- dispatching ---------------------------------------------------------------------------- */

static void dispatch_event_without_middleware(sio_socket *s, const struct packet *p) {
  struct sio_event e;
  if (sio__event_init(&e, s, p)) {
    sio__client_disconnect_out_of_memory(client_of_session(s->session));
    return;
  }
  sio__nsp_run_catch_all_hooks(s->nsp, s, &e);
  if (sio_socket_connected(s)) sio__nsp_run_event_handlers(s->nsp, s, &e, e.name);
  sio__event_clear(&e);
}

void sio__dispatch_event(sio_socket *s, const struct packet *p) {
  if (p->json.n == 0) { /* an EVENT without a payload has no name */
    sio__count_and_log_ignored_packet(s->nsp->core, sio__session_client_address(s->session), p->nsp,
                                      SIO_IGNORED_EMPTY);
    return;
  }
  s->nsp->events_in++;
  if (s->event_queue)
    event_queue_copy_and_append_packet(s->event_queue, p);
  else if (hooks_is_empty(&s->nsp->packet_middleware))
    dispatch_event_without_middleware(s, p);
  else
    dispatch_event_with_middleware(s, p);
}
