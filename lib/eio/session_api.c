/* SPDX-License-Identifier: MIT
 *
 * session_api.c - the public functions that read a session's properties or close it.
 */
#include "eio/session.h"
#include "net/tls.h"

const char *sio_session_id(const sio_session *c) { return c->sid; }

void sio_session_public_id(const sio_session *c, char out[SIO_PUBLIC_ID_SIZE]) {
  sio__public_id(out, slice_str(c->sid));
}

const char *sio__session_tag(const sio_session *c, char room[PUBLIC_ID_LEN + 1]) {
  return sio__public_id(room, slice_str(c->sid));
}

int sio_session_protocol(const sio_session *c) { return c->protocol; }

const char *sio_session_transport(const sio_session *c) {
  return c->transport ? c->transport->name : "";
}

const char *sio_session_address(const sio_session *c) {
  return c->head ? kept_head_address(c->head) : "";
}

size_t sio_session_queued(const sio_session *c) {
  return c->state == SESSION_OPEN ? c->transport->queued(c) : 0;
}

uint64_t sio_session_rtt_us(const sio_session *c) { return c->rtt_us; }
const char *sio_session_peer(const sio_session *c) {
  return c->head ? kept_head_direct_address(c->head) : "";
}
uint64_t sio_session_opened_ms(const sio_session *c) { return c->opened_ms; }
bool sio_session_secure(const sio_session *c) { return c->head && c->head->secure; }

const sio_tls_info *sio_session_tls(const sio_session *c) {
  struct tls_info *tls = c->head ? sio__kept_head_tls(c->head) : NULL;
  return tls ? &tls->pub : NULL;
}

bool sio_session_xdomain(const sio_session *c) { return c->xdomain; }

sio_slice sio_session_header(const sio_session *c, const char *name) {
  return c->head ? sio__kept_head_header(c->head, name) : slice(NULL, 0);
}

long sio_session_query(const sio_session *c, const char *key, char *out, size_t size) {
  return c->head ? sio__kept_head_query(c->head, key, out, size) : UV_ENOENT;
}

sio_slice sio_session_url(const sio_session *c) {
  return c->head ? sio__kept_head_url(c->head) : slice(NULL, 0);
}

int sio_session_state(const sio_session *c) {
  switch (c->state) {
    case SESSION_OPEN: return SIO_SESSION_OPEN;
    case SESSION_CLOSING: return SIO_SESSION_CLOSING;
    default: return SIO_SESSION_CLOSED;
  }
}

bool sio_session_writable(const sio_session *c) { return sio__session_can_send_now(c); }
bool sio_session_upgrading(const sio_session *c) { return c->probe != NULL; }
bool sio_session_upgraded(const sio_session *c) { return c->upgraded; }
sio_server *sio_session_server(const sio_session *c) { return c->eio->owner; }

void sio_session_close(sio_session *c) {
  if (loop_refuses_room_change(c->eio->loop, "sio_session_close()")) return;
  sio__session_end_by_host(c, false, 0, "");
}

void sio_session_close_with(sio_session *c, bool discard, unsigned ws_code, const char *ws_text) {
  if (loop_refuses_room_change(c->eio->loop, "sio_session_close_with()")) return;
  sio__session_end_by_host(c, discard, ws_code, ws_text ? ws_text : "");
}
