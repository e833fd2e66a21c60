/* SPDX-License-Identifier: MIT
 *
 * opening.c - opens a session, or accepts the WebSocket to which a polling session upgrades.
 */
#include "eio/opening.h"

#include "eio/answer.h"
#include "eio/handshake_query.h"
#include "eio/polling.h"
#include "eio/probe.h"
#include "eio/session_limits.h"
#include "eio/websocket.h"
#include "http/cookie.h"
#include "ws/upgrade.h"
#include <stdio.h>

static const struct refusal no_id = { EIO_BAD_REQUEST, "ID_GENERATION_ERROR", { NULL, 0 }, NULL };

/* Answers 503, because the server drains or closes and opens no session any more. */
static void answer_503_while_draining_or_closing(struct eio *e, sio_request *r) {
  char seconds[16];
  snprintf(seconds, sizeof seconds, "%u", e->group->retry_after_s);
  if (e->group->retry_after_s) sio__request_add_answer_header(r, "Retry-After", slice_str(seconds));
  r->log_reason = "the server is draining or closing";
  sio__request_disable_keep_alive(r);
  sio__answer_status_and_count_refusal(e, r, 503);
}

static sio_session *session_new_or_refuse_request(struct eio *e, sio_request *r) {
  if (e->group->closing || e->group->draining) {
    answer_503_while_draining_or_closing(e, r);
    return NULL;
  }
  struct kept_head *head = sio__kept_request_head_new(r);
  sio_session *c = NULL;
  int err = head ? sio__session_new(&c, e, r, head, sio__handshake_query_protocol_version(e, r))
                 : UV_ENOMEM;
  if (!err && !sio__session_count_for_address_or_answer_429(c, r)) {
    sio__session_discard_unopened(c);
    return NULL;
  }
  if (!err) {
    char flag[2];
    c->base64 = sio__request_copy_decoded_query_parameter(r, "b64", flag, sizeof flag) != 0 &&
                sio__request_copy_decoded_query_parameter(r, "b64", flag, sizeof flag) != UV_ENOENT;
    c->xdomain = sio__request_header(r, "origin").p != NULL;
    return c;
  }
  sio__kept_request_head_free(head);
  if (err == UV_ENOMEM)
    sio__request_close_without_answer(r);
  else
    sio__report_and_answer_refusal(e, r, &no_id);
  return NULL;
}

static void add_session_cookie_header_if_set(struct eio *e, sio_request *r, const char *sid) {
  char value[COOKIE_SIZE];
  if (!e->opts->cookie) return;
  long n = sio__cookie_write_set_cookie_value(value, sizeof value, e->opts->cookie, slice_str(sid));
  if (n > 0) sio__request_add_answer_header(r, "Set-Cookie", slice(value, (size_t)n));
}

void sio__open_polling_session(struct eio *e, sio_request *r) {
  sio_session *c = session_new_or_refuse_request(e, r);
  if (!c) return;
  add_session_cookie_header_if_set(e, r, c->sid);
  int err = sio__polling_init_for_session(c);
  if (!err) err = sio__session_send_handshake(c);
  if (err) {
    sio__session_discard_unopened(c);
    sio__request_close_without_answer(r);
    return;
  }
  sio__polling_answer_first_get(c, r);
  sio__session_count_and_report_open(c);
}

static void feed_websocket_bytes_after_handshake(struct ws_conn *w, sio_slice rest) {
  if (rest.n) sio__ws_conn_feed_bytes(w, rest);
}

/* Returns the first subprotocol that the client offers, which is accepted, as Node.js's server
 * does: a browser fails the connection if none of its offers is accepted. */
static sio_slice first_offered_subprotocol(const sio_request *r) {
  struct subprotocol_iter o = { .r = r };
  sio_slice name = slice(NULL, 0);
  sio__ws_next_offered_subprotocol(&o, &name);
  return name;
}

void sio__open_websocket_session(struct eio *e, sio_request *r) {
  sio_session *c = session_new_or_refuse_request(e, r);
  if (!c) return;
  struct ws_conn *w;
  sio_slice rest;
  sio__run_response_header_hooks(e, r, true);
  if (sio__ws_accept_request(&w, r, e->ws, &sio__websocket_ops, c, first_offered_subprotocol(r),
                             &rest)) {
    sio__session_discard_unopened(c);
    return;
  }
  sio__websocket_attach_to_session(c, w);
  int err = sio__session_send_handshake(c);
  if (err) {
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, err, "out of memory");
    return;
  }
  sio__session_count_and_report_open(c);
  feed_websocket_bytes_after_handshake(w, rest);
}

/* Returns why a new WebSocket cannot take over the session, or NULL if it can. */
static const char *why_upgrade_is_refused(const sio_session *c) {
  if (c->state != SESSION_OPEN) return "the session is over";
  if (!c->transport->polls) return "the session uses a WebSocket already";
  return c->probe ? "another WebSocket is upgrading the session already" : NULL;
}

void sio__accept_websocket_and_start_upgrade(struct eio *e, sio_request *r, sio_session *c) {
  struct ws_conn *w;
  sio_slice rest;
  sio__run_response_header_hooks(e, r, false);
  /* This is checked after the header hooks, because they may have ended the session. */
  const char *why = why_upgrade_is_refused(c);
  if (sio__ws_accept_request(&w, r, e->ws, &sio__ws_no_owner_ops, NULL,
                             first_offered_subprotocol(r), &rest))
    return;
  e->stats->upgrades_started++;
  if (why) {
    e->stats->upgrades_failed++;
    LOG_RATED_ABOUT(e->log, SIO_LOG_WARN, SIO_PART_EIO, LOG_UPGRADE_FAILED,
                    sio__session_client_address(c), ABOUT_SESSION(c),
                    "a WebSocket of %s cannot upgrade its session and is closed: %s",
                    sio__session_client_address(c), why);
    sio__websocket_detach_session_and_close(w, 0, "");
  } else if (sio__start_upgrade_probe(c, w) == 0) {
    feed_websocket_bytes_after_handshake(w, rest);
  }
}
