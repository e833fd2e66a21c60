/* SPDX-License-Identifier: MIT
 *
 * handshake.c - decides what happens to an HTTP request under the path of an engine.
 *
 *   CORS -> the host's request hooks -> verification -> one of: a new session, a GET or POST of a
 *   polling session, a WebSocket, a refusal.
 *
 * The hooks and allow_request may answer later. Until then a struct admission keeps the request;
 * the admission lives on if the peer disconnects meanwhile.
 */
#include "eio/handshake.h"
#include "eio/answer.h"
#include "eio/jsonp.h"
#include "eio/next.h"
#include "eio/polling.h"
#include "eio/polling_post.h"
#include "eio/probe.h"
#include "eio/session_limits.h"
#include "eio/websocket.h"
#include "http/admit.h"
#include "http/cookie.h"
#include "http/cors.h"
#include "http/origin.h"
#include "ws/upgrade.h"
#include <assert.h>
#include <stdio.h>

struct admission {
  sio_next next; /* first: the host's handle is this struct */
  struct eio *eio;
  sio_request *r;        /* NULL if the host has answered it */
  struct list *at;       /* the hook that has to decide next */
  unsigned waited : 1;   /* on_head has returned, so the request has to be continued */
  unsigned allowing : 1; /* allow_request decides now, after the hooks */
};

static const struct http_mount admission_mount;

/* ---- the query --------------------------------------------------------------------- */

/* The value of a query key, copied into text; empty if it is missing or too long. May hold a
 * NUL. */
static sio_slice query_get_value(const sio_request *r, const char *key, char *text, size_t size) {
  long n = sio__request_query_parameter(r, key, text, size);
  return slice(text, n > 0 ? (size_t)n : 0);
}

static bool query_equals(const sio_request *r, const char *key, const char *value) {
  char text[16];
  return slice_equals_str(query_get_value(r, key, text, sizeof text), value);
}

static unsigned requested_protocol(const struct eio *e, const sio_request *r) {
  if (query_equals(r, "EIO", "4")) return 4;
  return e->opts->allow_eio3 && query_equals(r, "EIO", "3") ? 3 : 0;
}

/* ---- opening a session ------------------------------------------------------------ */

static const struct refusal no_id = { EIO_BAD_REQUEST, "ID_GENERATION_ERROR", { NULL, 0 }, NULL };

/* Answers 503: the server closes, perhaps since a hook of the host began to decide. */
static void reject_while_closing(struct eio *e, sio_request *r) {
  char seconds[16];
  snprintf(seconds, sizeof seconds, "%u", e->group->retry_after_s);
  if (e->group->retry_after_s) sio__request_set_header(r, "Retry-After", slice_str(seconds));
  r->log_reason = "the server drains or closes";
  sio__request_disable_keep_alive(r);
  sio__answer_empty(e, r, 503);
}

static sio_session *session_new_for_request(struct eio *e, sio_request *r) {
  if (e->group->closing || e->group->draining) {
    reject_while_closing(e, r);
    return NULL;
  }
  struct kept_head *head = sio__kept_head_new(r);
  sio_session *c = NULL;
  int err = head ? sio__session_new(&c, e, r, head, requested_protocol(e, r)) : UV_ENOMEM;
  if (!err && !sio__session_limits_count_session(c, r)) {
    sio__session_discard(c);
    return NULL;
  }
  if (!err) {
    char flag[2];
    c->base64 = sio__request_query_parameter(r, "b64", flag, sizeof flag) != 0 &&
                sio__request_query_parameter(r, "b64", flag, sizeof flag) != UV_ENOENT;
    c->xdomain = sio__request_header(r, "origin").p != NULL;
    return c;
  }
  sio__kept_head_free(head);
  if (err == UV_ENOMEM)
    sio__request_drop(r);
  else
    sio__refuse_request(e, r, &no_id);
  return NULL;
}

static void set_session_cookie(struct eio *e, sio_request *r, const char *sid) {
  char value[COOKIE_SIZE];
  if (!e->opts->cookie) return;
  long n = sio__cookie_write(value, sizeof value, e->opts->cookie, slice_str(sid));
  assert(n > 0); /* checked with the options */
  sio__request_set_header(r, "Set-Cookie", slice(value, (size_t)n));
}

static void open_polling_session(struct eio *e, sio_request *r) {
  sio_session *c = session_new_for_request(e, r);
  if (!c) return;
  set_session_cookie(e, r, c->sid);
  int err = sio__polling_open(c);
  if (!err) err = sio__session_send_handshake(c);
  if (err) {
    sio__session_discard(c);
    sio__request_drop(r);
    return;
  }
  sio__polling_answer_first_get(c, r);
  sio__session_start(c);
}

static void feed_bytes_after_handshake(struct ws_conn *w, sio_slice rest) {
  if (rest.n) sio__ws_conn_feed_bytes(w, rest);
}

/* The first subprotocol offered is accepted, as in the reference: a browser fails the connection if
 * none of its offers is. */
static sio_slice first_offered_subprotocol(const sio_request *r) {
  struct subprotocol_iter o = { .r = r };
  sio_slice name = slice(NULL, 0);
  sio__ws_next_subprotocol(&o, &name);
  return name;
}

static void open_websocket_session(struct eio *e, sio_request *r) {
  sio_session *c = session_new_for_request(e, r);
  if (!c) return;
  struct ws_conn *w;
  sio_slice rest;
  sio__run_header_hooks(e, r, true);
  if (sio__ws_accept_request(&w, r, e->ws, &sio__websocket_ops, c, first_offered_subprotocol(r),
                             &rest)) {
    sio__session_discard(c);
    return;
  }
  sio__websocket_attach_to_session(c, w);
  int err = sio__session_send_handshake(c);
  if (err) {
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, err, "out of memory");
    return;
  }
  sio__session_start(c);
  feed_bytes_after_handshake(w, rest);
}

/* Why the session cannot be upgraded over another WebSocket; NULL if it can. */
static const char *why_upgrade_is_refused(const sio_session *c) {
  if (c->state != SESSION_OPEN) return "the session is over";
  if (!c->polling) return "the session uses a WebSocket already";
  return c->probe ? "another WebSocket is upgrading the session already" : NULL;
}

/* Accepts a WebSocket for a polling session, and starts the upgrade if the session can be upgraded.
 * Otherwise closes the WebSocket. */
static void accept_upgrade_websocket(struct eio *e, sio_request *r, sio_session *c) {
  struct ws_conn *w;
  sio_slice rest;
  sio__run_header_hooks(e, r, false);
  /* checked after the hooks, which may have ended the session */
  const char *why = why_upgrade_is_refused(c);
  if (sio__ws_accept_request(&w, r, e->ws, &sio__ws_no_owner_ops, NULL,
                             first_offered_subprotocol(r), &rest))
    return;
  e->stats->upgrades_started++;
  if (why) {
    e->stats->upgrades_failed++;
    LOG_RATED_ABOUT(e->log, SIO_LOG_WARN, SIO_ROOM_EIO, LOG_UPGRADE_FAILED, sio__session_address(c),
                    ABOUT_SESSION(c), "a WebSocket of %s is closed: %s", sio__session_address(c),
                    why);
    sio__websocket_detach_and_close(w, 0, "");
  } else if (sio__start_upgrade_probe(c, w) == 0) {
    feed_bytes_after_handshake(w, rest);
  }
}

/* ---- verification -------------------------------------------------------------------- */

/* The parameters in the query of a request. */
struct handshake_query {
  char sid_text[64];
  sio_slice sid; /* empty if it is longer than any session id */
  bool has_sid;
  bool polling;      /* the requested transport is polling */
  unsigned protocol; /* 3 or 4; 0 if the version is not supported */
  bool websocket;    /* the requested transport is WebSocket */
};

static bool is_transport_enabled(const struct eio *e, const struct handshake_query *q) {
  unsigned bit = q->websocket ? SIO_WEBSOCKET : SIO_POLLING;
  return (q->websocket || q->polling) && (e->opts->transports & bit);
}

/* The value of a query key without decoding, for the log and the host's callback. */
static sio_slice raw_query_value(const sio_request *r, const char *key) {
  sio_slice rest = r->query, part, found = slice("", 0);
  size_t n = strlen(key);
  while (sio__slice_split(&rest, '&', &part))
    if (part.n > n && part.p[n] == '=' && memcmp(part.p, key, n) == 0)
      found = slice(part.p + n + 1, part.n - n - 1);
  return found;
}

static bool has_sid_query(const sio_request *r) {
  char some[2];
  long n = sio__request_query_parameter(r, "sid", some, sizeof some);
  return n > 0 || n == SIO_ETOOBIG;
}

static void read_handshake_query(const struct eio *e, const sio_request *r,
                                 struct handshake_query *q) {
  char text[16];
  sio_slice transport = query_get_value(r, "transport", text, sizeof text);
  q->websocket = slice_equals_str(transport, "websocket");
  q->polling = slice_equals_str(transport, "polling");
  q->has_sid = has_sid_query(r);
  q->sid = query_get_value(r, "sid", q->sid_text, sizeof q->sid_text);
  q->protocol = requested_protocol(e, r);
}

/* Charges a refused request to its address. False: the address is over its limit, and 429 was sent.
 * A request without a session id was charged before. */
static bool charge_refused_request(const struct eio *e, sio_request *r) {
  struct addr_limits *addr_limits = e->group->addr_limits;
  if (!addr_limits_active(addr_limits) || !has_sid_query(r)) return true;
  return sio__admit_charge_refused_request(addr_limits, r);
}

static bool refuse_handshake(struct eio *e, sio_request *r, enum eio_error code, const char *name,
                             sio_slice detail) {
  if (charge_refused_request(e, r))
    sio__refuse_request(e, r, &(struct refusal){ code, name, detail, NULL });
  return false;
}

static bool verify_session_request(struct eio *e, sio_request *r, const struct handshake_query *q,
                                   sio_session **session) {
  sio_session *c = sio__session_find(e, q->sid);
  if (!c) return refuse_handshake(e, r, EIO_UNKNOWN_SID, "", raw_query_value(r, "sid"));
  bool same = (q->websocket ? &sio__transport_websocket : &sio__transport_polling) == c->transport;
  if (!r->upgrade && !same)
    return refuse_handshake(e, r, EIO_BAD_REQUEST, "TRANSPORT_MISMATCH",
                            slice_str(c->transport->name));
  if (!r->upgrade && q->websocket)
    return refuse_handshake(e, r, EIO_BAD_REQUEST, "TRANSPORT_HANDSHAKE_ERROR", slice("", 0));
  if (q->protocol != c->protocol)
    return refuse_handshake(e, r, EIO_BAD_REQUEST, "PROTOCOL_MISMATCH", raw_query_value(r, "EIO"));
  *session = c;
  return true;
}

static bool verify_open_request(struct eio *e, sio_request *r, const struct handshake_query *q) {
  if (r->method != HTTP_GET) return refuse_handshake(e, r, EIO_BAD_METHOD, "", r->method_text);
  if (q->websocket && !r->upgrade)
    return refuse_handshake(e, r, EIO_BAD_REQUEST, "TRANSPORT_HANDSHAKE_ERROR", slice("", 0));
  return true;
}

static bool verify_request(struct eio *e, sio_request *r, struct handshake_query *q,
                           sio_session **session) {
  *session = NULL;
  read_handshake_query(e, r, q);
  if (!is_transport_enabled(e, q))
    return refuse_handshake(e, r, EIO_UNKNOWN_TRANSPORT, "", raw_query_value(r, "transport"));
  if (!sio__origin_is_allowed(e->opts->allowed_origins, r, sio__jsonp_is_requested(e, r)))
    return refuse_handshake(e, r, EIO_FORBIDDEN, "ORIGIN", sio__origin_of_request(r));
  if (r->upgrade && !q->websocket)
    return refuse_handshake(e, r, EIO_BAD_REQUEST, "TRANSPORT_HANDSHAKE_ERROR", slice("", 0));
  return q->has_sid ? verify_session_request(e, r, q, session) : verify_open_request(e, r, q);
}

/* ---- routing of a verified request --------------------------------------------------------- */

/* The request of a WebSocket is complete. The session that it names may have ended meanwhile. */
static void on_upgrade_request_complete(sio_request *r) {
  struct eio *e = r->user;
  struct handshake_query q;
  read_handshake_query(e, r, &q);
  sio_session *c = q.has_sid ? sio__session_find(e, q.sid) : NULL;
  if (c)
    accept_upgrade_websocket(e, r, c);
  else if (q.has_sid)
    refuse_handshake(e, r, EIO_UNKNOWN_SID, "", raw_query_value(r, "sid"));
  else
    open_websocket_session(e, r);
}

static void on_open_request_complete(sio_request *r) { open_polling_session(r->user, r); }

static void ignore_request_abort(sio_request *r, int err, const char *detail) {
  (void)r, (void)err, (void)detail;
}

static const struct http_mount open_mount = { .on_request = on_open_request_complete,
                                              .on_abort = ignore_request_abort };
static const struct http_mount upgrade_mount = { .on_request = on_upgrade_request_complete,
                                                 .on_abort = ignore_request_abort };

static void set_request_mount(sio_request *r, const struct http_mount *mount, struct eio *e) {
  r->mount = mount;
  r->user = e;
}

static void route_upgrade_request(struct eio *e, sio_request *r) {
  const char *fault = r->method == HTTP_GET ? sio__ws_handshake_error(r) : NULL;
  if (r->method != HTTP_GET)
    refuse_handshake(e, r, EIO_BAD_METHOD, "", r->method_text);
  else if (fault)
    sio__refuse_request(e, r,
                        &(struct refusal){ EIO_BAD_REQUEST, "TRANSPORT_HANDSHAKE_ERROR",
                                           slice_str(fault), fault });
  else
    set_request_mount(r, &upgrade_mount, e);
}

static void route_session_request(struct eio *e, sio_request *r, sio_session *c) {
  if (r->upgrade)
    route_upgrade_request(e, r);
  else if (r->method == HTTP_GET)
    sio__polling_on_get(c, r);
  else if (r->method == HTTP_POST)
    sio__polling_on_post(c, r);
  else
    sio__answer_empty(e, r, 500);
}

static void handle_opening_request(struct eio *e, sio_request *r) {
  if (!requested_protocol(e, r))
    refuse_handshake(e, r, EIO_BAD_VERSION, "", raw_query_value(r, "EIO"));
  else if (r->upgrade)
    route_upgrade_request(e, r);
  else
    set_request_mount(r, &open_mount, e);
}

/* ---- admission: the hooks of the host decide ------------------------------------------------ */

static void admission_run_next_hook(struct admission *a);

static void admission_finish(struct admission *a) {
  if (a->r && a->waited && !a->r->answered) sio__request_allow_body(a->r);
  sio__free(a);
}

static void admission_refuse_request(struct admission *a, const char *message) {
  if (a->allowing)
    sio__refuse_request(a->eio, a->r,
                        &(struct refusal){ EIO_FORBIDDEN, "", slice_str(message), message });
  else
    refuse_handshake(a->eio, a->r, EIO_BAD_REQUEST, "MIDDLEWARE_FAILURE", slice_str(message));
}

static void admission_on_hook_verdict(sio_next *n, bool ok, const char *message, sio_val data) {
  struct admission *a = (struct admission *)n;
  (void)data;
  if (!a->r) {
    admission_finish(a);
  } else if (!a->r->conn) {
    sio__request_drop(a->r);
    a->r = NULL;
    admission_finish(a);
  } else if (!ok) {
    admission_refuse_request(a, message ? message : "");
    admission_finish(a);
  } else if (a->allowing) {
    handle_opening_request(a->eio, a->r);
    admission_finish(a);
  } else {
    a->at = a->at->next;
    admission_run_next_hook(a);
  }
}

/* The peer has disconnected. The host may still read the request until it has decided. */
static void admission_on_request_aborted(sio_request *r, int err, const char *detail) {
  (void)err, (void)detail;
  r->answer_owed = true;
}

static void admission_on_request_answered(sio_request *r) {
  struct admission *a = r->user;
  a->r = NULL;
}

static void admission_on_request_complete(sio_request *r) { (void)r; }

static const struct http_mount admission_mount = { .on_request = admission_on_request_complete,
                                                   .on_abort = admission_on_request_aborted,
                                                   .on_answered = admission_on_request_answered };

/* All request hooks have allowed the request. */
static void admission_verify_request(struct admission *a) {
  struct eio *e = a->eio;
  struct handshake_query q;
  sio_session *c;
  bool ok = verify_request(e, a->r, &q, &c);
  if (ok && c) route_session_request(e, a->r, c);
  if (ok && !c && e->opts->allow_request) {
    a->allowing = 1;
    e->opts->allow_request(a->r, &a->next, e->opts->allow_request_user);
    return;
  }
  if (ok && !c) handle_opening_request(e, a->r);
  admission_finish(a);
}

static void admission_run_next_hook(struct admission *a) {
  if (a->at == &a->eio->group->use_hooks) {
    admission_verify_request(a);
    return;
  }
  struct eio_hook *h = container_of(a->at, struct eio_hook, link);
  h->use(a->r, &a->next, h->user);
}

static bool start_request_admission(struct eio *e, sio_request *r) {
  struct admission *a = sio__calloc(1, sizeof *a);
  if (!a) {
    sio__request_drop(r);
    return true;
  }
  a->next.done = admission_on_hook_verdict;
  a->eio = e;
  a->r = r;
  a->at = e->group->use_hooks.next;
  r->mount = &admission_mount;
  r->user = a;
  admission_run_next_hook(a);
  if (r->answered || r->mount != &admission_mount) return true;
  a->waited = 1;
  return false;
}

/* Logs that a page of another origin cannot read the answer. The request is answered as usual: it
 * is the browser that hides the answer from the page, and reports this in its console only. */
__attribute__((cold)) static void log_cors_fault(struct eio *e, const sio_request *r) {
  const char *fault = sio__cors_describe_missing_permission(e->opts->cors, r);
  if (!fault) return;
  LOG_RATED(e->log, SIO_LOG_WARN, SIO_ROOM_EIO, LOG_ENGINE_REFUSED, sio__request_client_address(r),
            "a page of %.*s cannot read the answer to %s: %s",
            LOG_SLICE(sio__request_header(r, "Origin")), sio__request_client_address(r), fault);
}

static bool apply_cors_to_request(struct eio *e, sio_request *r) {
  int err = sio__cors_add_headers_or_answer_preflight(e->opts->cors, r);
  if (err < 0) sio__request_drop(r);
  return err == 0;
}

/* If the session belongs to another thread's server, hands the connection over: that server reads
 * the request from its first byte, so no hook here may have seen it. */
static bool hand_over_if_other_thread_has_session(struct eio *e, sio_request *r) {
  struct eio_group *g = e->group;
  struct handshake_query q;
  struct member_id to;
  read_handshake_query(e, r, &q);
  if (!q.has_sid || sio__session_find(e, q.sid)) return false;
  if (!sio__threads_find_sid(g->threads, q.sid, &to) || to.place == g->member.place) return false;
  g->hand_over(g, r, to);
  return true;
}

bool sio__handshake_on_head(sio_request *r) {
  struct eio *e = r->mount->owner;
  struct handshake_query q;
  sio_session *c;
  if (e->group->threads && hand_over_if_other_thread_has_session(e, r)) return true;
  if (!r->upgrade && !has_sid_query(r)) log_cors_fault(e, r);
  if (e->opts->cors && !apply_cors_to_request(e, r)) return true;
  struct addr_limits *addr_limits = e->group->addr_limits;
  if (addr_limits_active(addr_limits) && !has_sid_query(r) &&
      !sio__admit_new_session(addr_limits, r))
    return true;
  if (!list_empty(&e->group->use_hooks) || e->opts->allow_request)
    return start_request_admission(e, r);
  if (!verify_request(e, r, &q, &c)) return true;
  if (c)
    route_session_request(e, r, c);
  else
    handle_opening_request(e, r);
  return true;
}
