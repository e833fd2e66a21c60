/* SPDX-License-Identifier: MIT
 *
 * endpoint.c - WebSocket routes of the host: one struct sio_ws for each peer.
 */
#include "ws/endpoint.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "http/admit.h"
#include "http/head.h"
#include "http/origin.h"
#include "ws/upgrade.h"
#include <limits.h>
#include <sio/error.h>

struct sio_ws {
  struct endpoint *endpoint;
  struct ws_conn *ws;                    /* NULL after the WebSocket has ended */
  struct addr_record *addr_record;       /* NULL: the address is not counted */
  struct endpoint_meter *endpoint_meter; /* NULL: no rate limits */
  struct list link;
  /* At the end of the turn, closes the WebSocket of a peer that has exceeded a limit. */
  struct task close_task;
  struct timer ping_timer; /* fires when the next ping, or the pong for the last one, is due */
  struct deferred_free deferred_free;
  void *data;
  const char
      *protocol; /* the subprotocol that the 101 announces, stored after `address`; "": none */
  int64_t queued_ever;     /* how many bytes were ever queued, without pongs and close frames */
  int64_t ping_end;        /* the value of queued_ever after the newest ping was queued */
  int64_t taken_by_kernel; /* how much of queued_ever the kernel had taken at the last check */
  bool over_rate;          /* the peer sends too much and will be closed */
  bool ping_pending;       /* a ping was sent, and nothing was received since then */
  bool ping_delayed;       /* the newest ping had to wait for bytes queued before it */
  char address[];          /* the client's address; the subprotocol is stored after its NUL */
};

/* Counts the packets and bytes that a peer sends, for the rate limits. */
struct endpoint_meter {
  struct meter meter;
  sio_ws *ws;
};

static void endpoint_peer_free_deferred(struct deferred_free *g) {
  sio_ws *w = container_of(g, sio_ws, deferred_free);
  sio__free(w->endpoint_meter);
  sio__free(w);
}

static void endpoint_end_peer_and_call_close_callback(sio_ws *w, const sio_close_info *why) {
  struct endpoint *e = w->endpoint;
  w->ws = NULL;
  list_remove(&w->link);
  task_cancel(&w->close_task);
  sio__loop_stop_timer(e->shared->ws->loop, &w->ping_timer);
  if (w->endpoint_meter) sio__meter_stop_timer(&w->endpoint_meter->meter);
  sio__addr_record_decrement_open_count(w->addr_record, ADDR_SESSIONS);
  if (e->cbs.close) e->cbs.close(w, why, e->user);
  sio__loop_free_later(e->shared->ws->loop, &w->deferred_free, endpoint_peer_free_deferred);
}

static void endpoint_deliver_message_to_host(struct ws_conn *c, bool binary, char *p, size_t n) {
  sio_ws *w = c->owner;
  struct endpoint *e = w->endpoint;
  if (e->cbs.message) e->cbs.message(w, binary, slice(p, n), e->user);
}

/* Returns the reason for the host's close callback. If a message or frame stayed incomplete for too
 * long, the reason is a forced close. If the peer did not answer our close frame in time, the
 * reason is an ordinary close, because our side has closed the WebSocket. */
static int endpoint_get_close_reason(const struct ws_close *why) {
  if (why->message_late) return SIO_REASON_FORCED_CLOSE;
  bool error = why->err == SIO_EPROTO || why->err == SIO_ETOOBIG || why->err == UV_ENOMEM;
  return error ? SIO_REASON_TRANSPORT_ERROR : SIO_REASON_TRANSPORT_CLOSE;
}

static void endpoint_end_peer_of_closed_websocket(struct ws_conn *c, void *owner,
                                                  const struct ws_close *why) {
  (void)c;
  endpoint_end_peer_and_call_close_callback(owner, &(sio_close_info){
                                                       endpoint_get_close_reason(why), why->err,
                                                       (int)why->code, why->detail, why->reason });
}

static const char *endpoint_peer_address(const struct ws_conn *c) {
  const sio_ws *w = c->owner;
  return w->address;
}

static void endpoint_stop_awaiting_pong_and_schedule_ping(sio_ws *w);

static void endpoint_stop_awaiting_pong_on_bytes(struct ws_conn *c, size_t bytes, unsigned pings) {
  sio_ws *w = c->owner;
  (void)bytes, (void)pings;
  if (w->ping_pending) endpoint_stop_awaiting_pong_and_schedule_ping(w);
}

static const struct ws_conn_ops endpoint_ops = { .message = endpoint_deliver_message_to_host,
                                                 .closed = endpoint_end_peer_of_closed_websocket,
                                                 .received = endpoint_stop_awaiting_pong_on_bytes,
                                                 .address = endpoint_peer_address };

static void endpoint_task_close_peer_over_limit(struct task *t) {
  sio_ws *w = container_of(t, sio_ws, close_task);
  if (!w->over_rate) w->endpoint->shared->stats->overflows++;
  sio__ws_close_immediately(w->ws);
  endpoint_end_peer_and_call_close_callback(
      w, &(sio_close_info){
             SIO_REASON_FORCED_CLOSE, w->over_rate ? SIO_ELIMIT : SIO_ETOOBIG, 0,
             w->over_rate ? "the peer sends more than packets_per_s or bytes_per_s"
                          : "the messages queued for the peer take more memory than max_queued",
             "" });
}

/* ---- rate limits ------------------------------------------------------------------------ */

static sio_ws *endpoint_peer_of_meter(struct meter *m) {
  return container_of(m, struct endpoint_meter, meter)->ws;
}

static void endpoint_pause_reading_of_peer(struct meter *m) {
  if (endpoint_peer_of_meter(m)->ws) sio__ws_pause_reading(endpoint_peer_of_meter(m)->ws);
}

static void endpoint_resume_reading_of_peer(struct meter *m) {
  if (endpoint_peer_of_meter(m)->ws) sio__ws_resume_reading(endpoint_peer_of_meter(m)->ws);
}

static void endpoint_log_and_report_rate_limit(struct meter *m, const char *limit,
                                               uint64_t wait_ms) {
  sio_ws *w = endpoint_peer_of_meter(m);
  LOG_RATED(w->endpoint->shared->ws->log, SIO_LOG_WARN, SIO_PART_EIO, LOG_LIMITED, w->address,
            "%s sends more than %s", w->address, limit);
  m->how->on_limited(m->how->owner, &(sio_limited){ NULL, w, limit, wait_ms });
}

static const struct meter_ops endpoint_meter_ops = { endpoint_pause_reading_of_peer,
                                                     endpoint_resume_reading_of_peer,
                                                     endpoint_log_and_report_rate_limit };

/* Counts received packets and bytes against the rate limits. Returns false if the WebSocket has
 * ended, or will be closed because a limit is exceeded: then no message of the peer must be
 * delivered. */
static bool endpoint_charge_rate_limits_or_close(sio_ws *w, uint64_t packets, uint64_t bytes) {
  if (w->over_rate || !w->ws) return false;
  if (sio__meter_charge(&w->endpoint_meter->meter, packets, bytes)) return w->ws;
  w->over_rate = true;
  sio__loop_defer(w->endpoint->shared->ws->loop, &w->close_task);
  return false;
}

static void endpoint_charge_received_bytes_and_pings(struct ws_conn *c, size_t bytes,
                                                     unsigned pings) {
  endpoint_stop_awaiting_pong_on_bytes(c, bytes, pings);
  endpoint_charge_rate_limits_or_close(c->owner, pings, bytes);
}

static void endpoint_charge_and_deliver_message(struct ws_conn *c, bool binary, char *p, size_t n) {
  /* The callback that reports the limit may have closed the WebSocket. */
  if (endpoint_charge_rate_limits_or_close(c->owner, 1, 0) && sio__ws_is_open(c))
    endpoint_deliver_message_to_host(c, binary, p, n);
}

static const struct ws_conn_ops endpoint_counted_ops = {
  .message = endpoint_charge_and_deliver_message,
  .closed = endpoint_end_peer_of_closed_websocket,
  .received = endpoint_charge_received_bytes_and_pings,
  .address = endpoint_peer_address
};

/* ---- pings ------------------------------------------------------------------------------- */

static void endpoint_set_ping_timer(sio_ws *w, unsigned ms) {
  sio__loop_start_timer(w->endpoint->shared->ws->loop, &w->ping_timer, ms);
}

static void endpoint_stop_awaiting_pong_and_schedule_ping(sio_ws *w) {
  w->ping_pending = false;
  endpoint_set_ping_timer(w, w->endpoint->cbs.ping_interval_ms);
}

/* Returns how many of the bytes in queued_ever the kernel has accepted. Pongs are not in
 * queued_ever, so queued pongs make the result smaller by their few bytes. */
static int64_t endpoint_bytes_accepted_by_kernel(const sio_ws *w) {
  return w->queued_ever - (int64_t)ws_queued_bytes(w->ws);
}

/* Sends a ping. If that fails, the next one is sent after the usual interval. */
static void endpoint_send_ping(sio_ws *w) {
  int err = sio__ws_send_ping(w->ws);
  w->ping_pending = err == 0;
  if (!err) w->queued_ever += WS_PING_LEN;
  w->ping_end = w->queued_ever;
  w->taken_by_kernel = endpoint_bytes_accepted_by_kernel(w);
  w->ping_delayed = w->ws->conn->blocked;
  endpoint_set_ping_timer(w, err ? w->endpoint->cbs.ping_interval_ms
                                 : w->endpoint->cbs.ping_timeout_ms);
}

/* Returns true if the pong may have arrived but was not read, because the host has kept the loop
 * busy or because reading is paused for a rate limit. */
static bool endpoint_may_pong_have_arrived_unread(const sio_ws *w) {
  if (w->endpoint->shared->ws->loop->late) return true;
  return w->endpoint_meter && (meter_is_paused(&w->endpoint_meter->meter) || w->ws->conn->paused);
}

/* Returns true if bytes that were queued before the newest ping delayed it, and the kernel has
 * accepted some bytes since the last check: the peer is slow, but it reads. Remembers how many
 * bytes the kernel has accepted, for the next check. */
static bool endpoint_check_if_slow_peer_made_progress(sio_ws *w) {
  int64_t before = w->taken_by_kernel;
  w->taken_by_kernel = endpoint_bytes_accepted_by_kernel(w);
  if (before >= w->ping_end) return false;
  /* At the last check the kernel had accepted all bytes before the ping, so nothing delayed the
   * ping. If the kernel has accepted bytes of the ping itself since then, that does not show that
   * the peer reads. */
  if (!w->ping_delayed && before >= w->ping_end - WS_PING_LEN) return false;
  if (w->taken_by_kernel >= w->ping_end) return w->ping_delayed;
  w->ping_delayed = true;
  return w->taken_by_kernel > before;
}

static void endpoint_close_peer_for_ping_timeout(sio_ws *w) {
  const struct endpoint_shared *shared = w->endpoint->shared;
  shared->stats->heartbeats_missed++;
  LOG_RATED(shared->ws->log, SIO_LOG_INFO, SIO_PART_WS, LOG_WS_CLOSED, w->address,
            "%s: the WebSocket is closed: no pong within ping_timeout_ms", w->address);
  sio__ws_close_immediately(w->ws);
  endpoint_end_peer_and_call_close_callback(w, &(sio_close_info){
                                                   SIO_REASON_PING_TIMEOUT, SIO_ETIMEOUT, 0,
                                                   "no pong within ping_timeout_ms", "" });
}

static void endpoint_on_timer_ping_or_close(struct timer *t) {
  sio_ws *w = container_of(t, sio_ws, ping_timer);
  if (!w->ping_pending)
    endpoint_send_ping(w);
  else if (endpoint_may_pong_have_arrived_unread(w) || endpoint_check_if_slow_peer_made_progress(w))
    endpoint_set_ping_timer(w, w->endpoint->cbs.ping_timeout_ms);
  else
    endpoint_close_peer_for_ping_timeout(w);
}

/* ---- accepting a handshake --------------------------------------------------------------- */

/* Answers r with a refusal, after which the connection is closed, and returns false. why: the text
 * for the log. text: the body of the answer, or NULL. */
static bool endpoint_refuse_request(sio_request *r, int status, const char *why, const char *text) {
  r->log_reason = why;
  sio__request_disable_keep_alive(r);
  sio__request_answer(r, status, text ? "text/html" : NULL, slice_str(text));
  return false;
}

static bool endpoint_check_handshake_or_refuse(sio_request *r) {
  const char *fault = sio__ws_find_error_and_add_version_header(r);
  if (fault) endpoint_refuse_request(r, 400, fault, fault);
  return !fault;
}

/* Checks allowed_origins, unless any_origin is set for the route, and then calls the host's accept
 * callback. Returns false if r was refused. */
static bool endpoint_check_origin_and_ask_host_or_refuse(struct endpoint *e, sio_request *r) {
  const char *const *allowed = e->cbs.any_origin ? NULL : e->shared->opts->allowed_origins;
  if (!sio__origin_is_allowed(allowed, r, false))
    return endpoint_refuse_request(r, 403, "sio_options.allowed_origins does not list the origin",
                                   NULL);
  int status = e->cbs.accept ? e->cbs.accept(r, e->user) : 0;
  if (status == 0) return true;
  return endpoint_refuse_request(r, status >= 400 && status <= 599 ? status : 403,
                                 "the accept callback of the route refused the WebSocket", NULL);
}

static bool check_and_charge_session_or_answer_429(struct endpoint *e, sio_request *r) {
  struct addr_limits *g = e->shared->addr_limits;
  return !addr_limits_has_rate_or_max_open(g) || sio__admit_session_request_or_answer_429(g, r);
}

/* Counts the WebSocket as a session of its address. Returns false after r was answered with 429,
 * because the address has too many sessions. */
static bool count_session_of_address_or_answer_429(sio_ws *w, sio_request *r) {
  struct addr_limits *g = w->endpoint->shared->addr_limits;
  struct addr a = sio__request_parse_client_address(r);
  if (sio__addr_limits_count_open_if_below_max(g, &a, ADDR_SESSIONS, &w->addr_record)) return true;
  sio__answer_429_and_report_rejection(g, r, SIO_REJECT_OPEN_SESSIONS, UINT64_MAX);
  return false;
}

/* Returns the first subprotocol in the client's offer that the route supports, or "". */
static const char *choose_supported_subprotocol(const struct endpoint *e, const sio_request *r) {
  struct subprotocol_iter o = { .r = r };
  sio_slice name;
  while (e->protocols && sio__ws_next_offered_subprotocol(&o, &name))
    for (const char *const *p = e->protocols; *p; p++)
      if (slice_equals_str(name, *p)) return *p;
  return "";
}

/* Returns the subprotocol for the answer: the value of Sec-WebSocket-Protocol if the host has set
 * that header on r, otherwise the first offered one that the route supports, or "". */
static sio_slice choose_subprotocol(const struct endpoint *e, const sio_request *r) {
  sio_slice announced;
  return sio__ws_find_announced_subprotocol(r, &announced)
             ? announced
             : slice_str(choose_supported_subprotocol(e, r));
}

static void endpoint_peer_free_before_opening(sio_ws *w) {
  sio__addr_record_decrement_open_count(w->addr_record, ADDR_SESSIONS);
  sio__free(w->endpoint_meter);
  sio__free(w);
}

static sio_ws *endpoint_peer_new(struct endpoint *e, sio_slice address, sio_slice protocol) {
  const struct meter_settings *how = e->shared->meters;
  sio_ws *w = sio__calloc(1, sizeof *w + address.n + 1 + protocol.n + 1);
  if (!w) return NULL;
  memcpy(w->address, address.p, address.n);
  w->protocol = memcpy(w->address + address.n + 1, protocol.p, protocol.n);
  w->endpoint = e;
  task_init(&w->close_task, endpoint_task_close_peer_over_limit);
  timer_init(&w->ping_timer, endpoint_on_timer_ping_or_close);
  if (!meter_settings_have_limits(how)) return w;
  w->endpoint_meter = sio__calloc(1, sizeof *w->endpoint_meter);
  if (!w->endpoint_meter) {
    sio__free(w);
    return NULL;
  }
  w->endpoint_meter->ws = w;
  sio__meter_init(&w->endpoint_meter->meter, how, &endpoint_meter_ops);
  return w;
}

void sio__endpoint_accept_or_refuse_upgrade(sio_request *r, void *endpoint) {
  struct endpoint *e = endpoint;
  sio_slice rest;
  if (!endpoint_check_handshake_or_refuse(r) || !check_and_charge_session_or_answer_429(e, r) ||
      !endpoint_check_origin_and_ask_host_or_refuse(e, r))
    return;
  sio_ws *w =
      endpoint_peer_new(e, slice_str(sio__request_client_address(r)), choose_subprotocol(e, r));
  if (!w) {
    sio__request_close_without_answer(r);
    return;
  }
  if (!count_session_of_address_or_answer_429(w, r) ||
      sio__ws_accept_request(&w->ws, r, e->shared->ws,
                             w->endpoint_meter ? &endpoint_counted_ops : &endpoint_ops, w,
                             slice_str(w->protocol), &rest)) {
    endpoint_peer_free_before_opening(w);
    return;
  }
  list_append(&e->peers, &w->link);
  w->queued_ever = (int64_t)ws_queued_bytes(w->ws); /* with the answer 101 */
  if (!e->cbs.no_pings) endpoint_set_ping_timer(w, e->cbs.ping_interval_ms);
  if (e->cbs.open) e->cbs.open(w, e->user);
  if (rest.n && w->ws) sio__ws_conn_feed_bytes(w->ws, rest);
}

/* Copies a NULL-terminated array of strings into one block: first the pointers, then the texts.
 * UV_EINVAL: one of them is not a token. */
static int validate_and_copy_subprotocol_names(const char ***out, const char *const *from) {
  size_t n = 0, bytes = 0;
  *out = NULL;
  if (!from) return 0;
  for (; from[n]; bytes += strlen(from[n++]) + 1)
    if (!sio__http_is_token(slice_str(from[n]))) return UV_EINVAL;
  const char **list = *out = sio__malloc((n + 1) * sizeof *from + bytes);
  if (!list) return UV_ENOMEM;
  char *text = (char *)(list + n + 1);
  for (size_t i = 0; i < n; i++) {
    list[i] = text;
    text = stpcpy(text, from[i]) + 1;
  }
  list[n] = NULL;
  return 0;
}

static bool are_ping_times_valid(const sio_ws_callbacks *cbs) {
  return cbs->ping_interval_ms <= INT_MAX && cbs->ping_timeout_ms <= INT_MAX;
}

int sio__endpoint_new(struct endpoint **out, const struct endpoint_shared *shared,
                      const sio_ws_callbacks *cbs, void *user) {
  const char **protocols;
  int err = are_ping_times_valid(cbs)
                ? validate_and_copy_subprotocol_names(&protocols, cbs->protocols)
                : UV_EINVAL;
  if (err) return err;
  struct endpoint *p = *out = sio__calloc(1, sizeof *p);
  if (!p) {
    sio__free(protocols);
    return UV_ENOMEM;
  }
  p->protocols = protocols;
  list_init(&p->link);
  list_init(&p->peers);
  p->shared = shared;
  p->cbs = *cbs;
  if (!cbs->ping_interval_ms) p->cbs.ping_interval_ms = 25000;
  if (!cbs->ping_timeout_ms) p->cbs.ping_timeout_ms = 20000;
  p->user = user;
  return 0;
}

void sio__endpoint_close_peers(struct endpoint *e) {
  list_each (it, next, &e->peers)
    sio_ws_close(container_of(it, sio_ws, link), 1001, "server shutting down");
}

void sio__endpoint_free(struct endpoint *e) {
  sio__free(e->protocols);
  sio__free(e);
}

/* ---- public ---------------------------------------------------------------------- */

static bool is_endpoint_peer_queue_over_maximum(const sio_ws *w) {
  return ws_queued_memory(w->ws) > w->endpoint->shared->opts->max_queued;
}

static int endpoint_send_message_if_queue_has_room(sio_ws *w, bool binary, sio_slice data) {
  if (is_endpoint_peer_queue_over_maximum(w)) return SIO_ETOOBIG;
  struct msg *m = sio__msg_from_bytes(&w->endpoint->shared->ws->loop->msgs, data.p, data.n);
  if (!m) return UV_ENOMEM;
  m->binary = binary;
  size_t before = ws_queued_bytes(w->ws);
  int err = sio__ws_send(w->ws, m);
  w->queued_ever += (int64_t)(ws_queued_bytes(w->ws) - before);
  msg_unref(m);
  return !err && is_endpoint_peer_queue_over_maximum(w) ? SIO_ETOOBIG : err;
}

int sio_ws_send(sio_ws *w, bool binary, sio_slice data) {
  if (!w->ws) return SIO_ECLOSED;
  if (!binary && !sio__utf8_is_valid(data.p, data.n)) return UV_EINVAL;
  int err = endpoint_send_message_if_queue_has_room(w, binary, data);
  if (err == SIO_ETOOBIG) sio__loop_defer(w->endpoint->shared->ws->loop, &w->close_task);
  return err;
}

void sio_ws_get_info(const sio_ws *w, sio_ws_info *out) {
  const sio_ws_info info = { .address = w->address,
                             .protocol = w->protocol,
                             .queued = w->ws ? ws_queued_bytes(w->ws) : 0,
                             .queued_memory = w->ws ? ws_queued_memory(w->ws) : 0 };
  sio__fill_sized_struct(out, &info, sizeof info);
}

void sio_ws_close(sio_ws *w, unsigned code, const char *reason) {
  if (!w->ws) return;
  sio__loop_stop_timer(w->endpoint->shared->ws->loop, &w->ping_timer);
  sio__ws_close(w->ws, code, reason ? reason : "");
}

void *sio_ws_data(const sio_ws *w) { return w->data; }
void sio_ws_set_data(sio_ws *w, void *data) { w->data = data; }
