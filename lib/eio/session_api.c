/* SPDX-License-Identifier: MIT
 *
 * session_api.c - functions that read a session's properties or close it, some of them public.
 */
#include "base/sized.h"
#include "eio/backpressure.h"
#include "eio/session.h"
#include "net/tls.h"

/* ---- properties that other folders of lib/ read, too ---------------------------------------- */

const char *sio__session_id(const sio_session *c) { return c->sid; }
int sio__session_protocol_version(const sio_session *c) { return c->protocol; }
uint64_t sio__session_opened_at_unix_ms(const sio_session *c) { return c->opened_ms; }
bool sio__session_is_secure(const sio_session *c) { return c->head && c->head->secure; }
bool sio__session_first_request_had_origin(const sio_session *c) { return c->xdomain; }

const char *sio__session_client_address(const sio_session *c) {
  return c->head ? kept_request_head_client_address(c->head) : "";
}

size_t sio__session_queue_room(const sio_session *c) {
  return c->state == SESSION_OPEN ? sio__backpressure_queue_room(c) : 0;
}

sio_slice sio__session_url(const sio_session *c) {
  return c->head ? sio__kept_request_head_url(c->head) : slice(NULL, 0);
}

const char *sio__session_write_public_id(const sio_session *c, char buffer[PUBLIC_ID_LEN + 1]) {
  return sio__make_public_id(buffer, slice_str(c->sid));
}

/* ---- the public struct ----------------------------------------------------------------------- */

static int session_public_state(const sio_session *c) {
  switch (c->state) {
    case SESSION_OPEN: return SIO_SESSION_OPEN;
    case SESSION_CLOSING: return SIO_SESSION_CLOSING;
    default: return SIO_SESSION_CLOSED;
  }
}

static const sio_tls_info *session_tls_info(const sio_session *c) {
  struct tls_info *tls = c->head ? sio__kept_request_head_tls_info(c->head) : NULL;
  return tls ? &tls->pub : NULL;
}

static sio_session_info make_session_info(const sio_session *c) {
  return (sio_session_info){
    .server = c->eio->owner,
    .id = c->sid,
    .transport = c->transport ? c->transport->name : "",
    .address = sio__session_client_address(c),
    .peer = c->head ? kept_request_head_peer_address(c->head) : "",
    .url = sio__session_url(c),
    .tls = session_tls_info(c),
    .queued = c->state == SESSION_OPEN ? c->transport->queued(c) : 0,
    .queued_memory = c->state == SESSION_OPEN ? c->transport->held(c) : 0,
    .rtt_us = c->rtt_us,
    .opened_ms = c->opened_ms,
    .state = session_public_state(c),
    .protocol = c->protocol,
    .secure = sio__session_is_secure(c),
    .xdomain = c->xdomain,
    .writable = sio__session_can_send_now(c),
    .upgrading = c->probe != NULL,
    .upgraded = c->upgraded,
    .ping_pending = c->pong_due,
  };
}

void sio_session_get_info(const sio_session *c, sio_session_info *out) {
  sio_session_info info = {
    .id = "", .transport = "", .address = "", .peer = "", .state = SIO_SESSION_CLOSED
  };
  if (c) {
    info = make_session_info(c);
    sio__make_public_id(info.public_id, slice_str(c->sid));
  }
  sio__fill_sized_struct(out, &info, sizeof info);
}

sio_slice sio_session_header(const sio_session *c, const char *name) {
  return c->head ? sio__kept_request_head_header(c->head, name) : slice(NULL, 0);
}

/* ---- closing --------------------------------------------------------------------------------- */

void sio_session_close(sio_session *c, const sio_session_close_options *how) {
  sio_session_close_options o = { 0 };
  if (loop_refuse_call_inside_observer_callback(c->eio->loop, "sio_session_close()")) return;
  if (how) sio__read_sized_struct(&o, sizeof o, how, sizeof o);
  sio__session_end_by_host(c, o.discard, o.ws_code, o.ws_text ? o.ws_text : "");
}
