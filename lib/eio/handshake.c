/* SPDX-License-Identifier: MIT
 *
 * handshake.c - decides what happens to an HTTP request under the path of an engine.
 *
 *   CORS -> limits per address -> the host's request hooks -> verification -> the host's
 *   allow_request (for a new session) -> one of: a new session, a GET or POST of a polling session,
 *   a WebSocket, a refusal.
 *
 * Before all this, a request for a session on another thread is handed over. The hooks and
 * allow_request may decide later. Until then a struct admission keeps the request, also if the peer
 * disconnects.
 */
#include "eio/handshake.h"
#include "eio/answer.h"
#include "eio/handshake_query.h"
#include "eio/jsonp.h"
#include "eio/next.h"
#include "eio/opening.h"
#include "eio/polling.h"
#include "eio/polling_post.h"
#include "eio/websocket.h"
#include "http/admit.h"
#include "http/cors.h"
#include "http/origin.h"
#include "ws/upgrade.h"

/* A request about which callbacks of the host decide: its request hooks, and then allow_request. */
struct admission {
  sio_next next; /* must be the first member: the host gets a pointer to it, which is cast back */
  struct eio *eio;
  sio_request *r;  /* NULL after the request was answered or dropped */
  struct list *at; /* the link of the request hook that decides now */
  /* on_head has returned false, because the host had not decided yet: the body is read after the
   * host has decided. */
  unsigned waited : 1;
  unsigned allowing : 1; /* all request hooks have decided, and allow_request decides now */
};

static const struct http_mount admission_mount;

/* ---- verification -------------------------------------------------------------------- */

static bool is_requested_transport_enabled(const struct eio *e, const struct handshake_query *q) {
  unsigned bit = q->websocket ? SIO_WEBSOCKET : SIO_POLLING;
  return (q->websocket || q->polling) && (e->opts->transports & bit);
}

/* Counts a refused request against the limits of its client's address. Returns false if the address
 * is over a limit, and 429 was sent. A request that names no session is not counted here, because
 * sio__admit_session_request_or_answer_429() has counted it. */
static bool charge_refused_request_or_answer_429(const struct eio *e, sio_request *r) {
  struct addr_limits *addr_limits = e->group->addr_limits;
  if (!addr_limits_has_rate_or_max_open(addr_limits) || !sio__handshake_query_has_sid(r))
    return true;
  return sio__count_refused_session_or_answer_429(addr_limits, r);
}

static bool charge_and_refuse_engine_request(struct eio *e, sio_request *r, enum eio_error code,
                                             const char *name, sio_slice detail) {
  if (charge_refused_request_or_answer_429(e, r))
    sio__report_and_answer_refusal(e, r, &(struct refusal){ code, name, detail, NULL });
  return false;
}

static bool verify_session_request_or_refuse(struct eio *e, sio_request *r,
                                             const struct handshake_query *q,
                                             sio_session **session) {
  sio_session *c = sio__session_find_by_sid(e, q->sid);
  if (!c) return charge_and_refuse_engine_request(e, r, EIO_UNKNOWN_SID, "", q->raw_sid);
  bool same = (q->websocket ? &sio__transport_websocket : &sio__transport_polling) == c->transport;
  if (!r->upgrade && !same)
    return charge_and_refuse_engine_request(e, r, EIO_BAD_REQUEST, "TRANSPORT_MISMATCH",
                                            slice_str(c->transport->name));
  if (!r->upgrade && q->websocket)
    return charge_and_refuse_engine_request(e, r, EIO_BAD_REQUEST, "TRANSPORT_HANDSHAKE_ERROR",
                                            slice("", 0));
  if (q->protocol != c->protocol)
    return charge_and_refuse_engine_request(e, r, EIO_BAD_REQUEST, "PROTOCOL_MISMATCH",
                                            q->raw_version);
  *session = c;
  return true;
}

static bool verify_opening_request_or_refuse(struct eio *e, sio_request *r,
                                             const struct handshake_query *q) {
  if (r->method != HTTP_GET)
    return charge_and_refuse_engine_request(e, r, EIO_BAD_METHOD, "", r->method_text);
  if (q->websocket && !r->upgrade)
    return charge_and_refuse_engine_request(e, r, EIO_BAD_REQUEST, "TRANSPORT_HANDSHAKE_ERROR",
                                            slice("", 0));
  return true;
}

static bool verify_engine_request_or_refuse(struct eio *e, sio_request *r,
                                            struct handshake_query *q, sio_session **session) {
  *session = NULL;
  sio__handshake_query_parse(e, r, q);
  if (!is_requested_transport_enabled(e, q))
    return charge_and_refuse_engine_request(e, r, EIO_UNKNOWN_TRANSPORT, "", q->raw_transport);
  if (!sio__origin_is_allowed(e->opts->allowed_origins, r, sio__jsonp_is_requested(e, r)))
    return charge_and_refuse_engine_request(e, r, EIO_FORBIDDEN, "ORIGIN",
                                            sio__request_origin_referer_or_fetch_site(r));
  if (r->upgrade && !q->websocket)
    return charge_and_refuse_engine_request(e, r, EIO_BAD_REQUEST, "TRANSPORT_HANDSHAKE_ERROR",
                                            slice("", 0));
  return q->has_sid ? verify_session_request_or_refuse(e, r, q, session)
                    : verify_opening_request_or_refuse(e, r, q);
}

/* ---- routing of a verified request --------------------------------------------------------- */

/* Called when the whole request of a WebSocket handshake was received. The session that the request
 * names may have ended since the head of the request was verified. */
static void open_websocket_session_or_start_upgrade(sio_request *r) {
  struct eio *e = r->user;
  struct handshake_query q;
  sio__handshake_query_parse(e, r, &q);
  sio_session *c = q.has_sid ? sio__session_find_by_sid(e, q.sid) : NULL;
  if (c)
    sio__accept_websocket_and_start_upgrade(e, r, c);
  else if (q.has_sid)
    charge_and_refuse_engine_request(e, r, EIO_UNKNOWN_SID, "", q.raw_sid);
  else
    sio__open_websocket_session(e, r);
}

static void open_polling_session_of_request(sio_request *r) {
  sio__open_polling_session(r->user, r);
}

static void ignore_request_abort(sio_request *r, int err, const char *detail) {
  (void)r, (void)err, (void)detail;
}

static const struct http_mount open_mount = { .on_request = open_polling_session_of_request,
                                              .on_abort = ignore_request_abort };
static const struct http_mount upgrade_mount = { .on_request =
                                                     open_websocket_session_or_start_upgrade,
                                                 .on_abort = ignore_request_abort };

static void set_request_handlers(sio_request *r, const struct http_mount *mount, struct eio *e) {
  r->mount = mount;
  r->user = e;
}

static void route_websocket_request_or_refuse(struct eio *e, sio_request *r) {
  const char *fault = r->method == HTTP_GET ? sio__ws_find_error_and_add_version_header(r) : NULL;
  if (r->method != HTTP_GET)
    charge_and_refuse_engine_request(e, r, EIO_BAD_METHOD, "", r->method_text);
  else if (fault)
    sio__report_and_answer_refusal(e, r,
                                   &(struct refusal){ EIO_BAD_REQUEST, "TRANSPORT_HANDSHAKE_ERROR",
                                                      slice_str(fault), fault });
  else
    set_request_handlers(r, &upgrade_mount, e);
}

static void route_session_request(struct eio *e, sio_request *r, sio_session *c) {
  if (r->upgrade)
    route_websocket_request_or_refuse(e, r);
  else if (r->method == HTTP_GET)
    sio__polling_answer_store_or_refuse_get(c, r);
  else if (r->method == HTTP_POST)
    sio__polling_accept_or_refuse_post(c, r);
  else
    sio__answer_status_and_count_refusal(e, r, 500);
}

/* If sio_options.cors does not let the page that has sent r read the answer, logs this. The request
 * is answered as usual: it is the browser that hides the answer from the page, and reports this in
 * its console only. */
__attribute__((cold)) static void log_cors_fault(struct eio *e, const sio_request *r) {
  const char *fault = sio__cors_describe_refused_origin(e->opts->cors, r);
  if (!fault) return;
  LOG_RATED(e->log, SIO_LOG_WARN, SIO_PART_EIO, LOG_ENGINE_REFUSED, sio__request_client_address(r),
            "the browser at %s must hide the answer from a page of origin %.*s: %s",
            sio__request_client_address(r), LOG_SLICE(sio__request_header(r, "Origin")), fault);
}

static void route_polling_opening_and_log_cors_fault(struct eio *e, sio_request *r) {
  set_request_handlers(r, &open_mount, e);
  log_cors_fault(e, r);
}

static void check_version_and_route_opening_request(struct eio *e, sio_request *r) {
  struct handshake_query q;
  sio__handshake_query_parse(e, r, &q);
  if (!q.protocol)
    charge_and_refuse_engine_request(e, r, EIO_BAD_VERSION, "", q.raw_version);
  else if (r->upgrade)
    route_websocket_request_or_refuse(e, r);
  else
    route_polling_opening_and_log_cors_fault(e, r);
}

/* ---- admission: the hooks of the host decide ------------------------------------------------ */

static void admission_run_next_hook_or_verify(struct admission *a);

static void admission_allow_body_and_free(struct admission *a) {
  if (a->r && a->waited && !a->r->answered) sio__request_allow_reading_body(a->r);
  sio__free(a);
}

static void admission_refuse_request(struct admission *a, const char *message) {
  if (a->allowing)
    sio__report_and_answer_refusal(
        a->eio, a->r, &(struct refusal){ EIO_FORBIDDEN, "", slice_str(message), message });
  else
    charge_and_refuse_engine_request(a->eio, a->r, EIO_BAD_REQUEST, "MIDDLEWARE_FAILURE",
                                     slice_str(message));
}

static void admission_handle_hook_verdict(sio_next *n, bool ok, const char *message, sio_val data) {
  struct admission *a = (struct admission *)n;
  (void)data;
  if (!a->r) {
    admission_allow_body_and_free(a);
  } else if (!a->r->conn) {
    sio__request_close_without_answer(a->r);
    a->r = NULL;
    admission_allow_body_and_free(a);
  } else if (!ok) {
    admission_refuse_request(a, message ? message : "");
    admission_allow_body_and_free(a);
  } else if (a->allowing) {
    check_version_and_route_opening_request(a->eio, a->r);
    admission_allow_body_and_free(a);
  } else {
    a->at = a->at->next;
    admission_run_next_hook_or_verify(a);
  }
}

/* Called when the request ends before the host has decided about it, for example because the peer
 * has disconnected. Keeps the request valid, because the host may still read it to decide. */
static void admission_keep_aborted_request(sio_request *r, int err, const char *detail) {
  (void)err, (void)detail;
  r->answer_owed = true;
}

static void admission_forget_answered_request(sio_request *r) {
  struct admission *a = r->user;
  a->r = NULL;
}

static void admission_ignore_complete_request(sio_request *r) { (void)r; }

static const struct http_mount admission_mount = { .on_request = admission_ignore_complete_request,
                                                   .on_abort = admission_keep_aborted_request,
                                                   .on_answered =
                                                       admission_forget_answered_request };

/* Called when all request hooks have allowed the request. Verifies it, and then refuses it, handles
 * it, or asks the host's allow_request. */
static void admission_verify_and_route_request(struct admission *a) {
  struct eio *e = a->eio;
  struct handshake_query q;
  sio_session *c;
  bool ok = verify_engine_request_or_refuse(e, a->r, &q, &c);
  if (ok && c) route_session_request(e, a->r, c);
  if (ok && !c && e->opts->allow_request) {
    a->allowing = 1;
    e->opts->allow_request(a->r, &a->next, e->opts->allow_request_user);
    return;
  }
  if (ok && !c) check_version_and_route_opening_request(e, a->r);
  admission_allow_body_and_free(a);
}

static void admission_run_next_hook_or_verify(struct admission *a) {
  if (a->at == &a->eio->group->use_hooks) {
    admission_verify_and_route_request(a);
    return;
  }
  struct eio_hook *h = container_of(a->at, struct eio_hook, link);
  h->use(a->r, &a->next, h->user);
}

static bool start_admission_with_host_hooks(struct eio *e, sio_request *r) {
  struct admission *a = sio__calloc(1, sizeof *a);
  if (!a) {
    sio__request_close_without_answer(r);
    return true;
  }
  a->next.done = admission_handle_hook_verdict;
  a->eio = e;
  a->r = r;
  a->at = e->group->use_hooks.next;
  r->mount = &admission_mount;
  r->user = a;
  admission_run_next_hook_or_verify(a);
  if (r->answered || r->mount != &admission_mount) return true;
  a->waited = 1;
  return false;
}

/* Returns true if r is still to be answered; false if it was answered, or its connection closed. */
static bool engine_add_cors_headers_or_answer_preflight(struct eio *e, sio_request *r) {
  if (r->method == HTTP_OPTIONS && !sio__handshake_query_has_sid(r)) log_cors_fault(e, r);
  int err = sio__cors_add_headers_or_answer_preflight(e->opts->cors, r);
  if (err < 0) sio__request_close_without_answer(r);
  return err == 0;
}

/* If the session that r names belongs to the server of another thread, hands the connection over
 * and returns true. The other server reads the request again from its first byte, so this function
 * must be called before any hook has seen r. */
static bool hand_over_if_other_thread_has_session(struct eio *e, sio_request *r) {
  struct eio_group *g = e->group;
  struct handshake_query q;
  struct member_id to;
  sio__handshake_query_parse(e, r, &q);
  if (!q.has_sid || sio__session_find_by_sid(e, q.sid)) return false;
  if (!sio__threads_find_sid(g->threads, q.sid, &to) || to.place == g->member.place) return false;
  g->hand_over(g, r, to);
  return true;
}

bool sio__handshake_verify_and_route_request(sio_request *r) {
  struct eio *e = r->mount->owner;
  struct handshake_query q;
  sio_session *c;
  if (e->group->threads && hand_over_if_other_thread_has_session(e, r)) return true;
  if (e->opts->cors && !engine_add_cors_headers_or_answer_preflight(e, r)) return true;
  struct addr_limits *addr_limits = e->group->addr_limits;
  if (addr_limits_has_rate_or_max_open(addr_limits) && !sio__handshake_query_has_sid(r) &&
      !sio__admit_session_request_or_answer_429(addr_limits, r))
    return true;
  if (!list_is_empty(&e->group->use_hooks) || e->opts->allow_request)
    return start_admission_with_host_hooks(e, r);
  if (!verify_engine_request_or_refuse(e, r, &q, &c)) return true;
  if (c)
    route_session_request(e, r, c);
  else
    check_version_and_route_opening_request(e, r);
  return true;
}
