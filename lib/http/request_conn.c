/* SPDX-License-Identifier: MIT
 *
 * request_conn.c - what a request needs from its connection: the client's address, the TLS state,
 * and ways to read the body, drop the connection or take it over.
 */
#include "base/sized.h"
#include "http/conn.h"
#include "net/tls.h"
#include <assert.h>

/* ---- the client ---------------------------------------------------------------------------- */

const char *sio__request_client_address(const sio_request *r) {
  return r->conn ? r->conn->address : "";
}

const char *sio__request_peer_address(const sio_request *r) {
  return r->conn && r->conn->proxy ? r->conn->proxy->direct : sio__request_client_address(r);
}

struct addr sio__request_parse_client_address(const sio_request *r) {
  struct addr a = { ADDR_NONE, { 0 } };
  if (!sio__addr_parse(&a, slice_str(sio__request_client_address(r)))) a.kind = ADDR_NONE;
  return a;
}

bool sio__request_is_secure(const sio_request *r) {
  const struct http_conn *c = r->conn;
  return c && (c->conn->secure || (c->proxy && c->proxy->request_secure));
}

struct tls_info *sio__request_tls_info(const sio_request *r) {
  return r->conn ? sio__tls_get_info(r->conn->conn) : NULL;
}

/* ---- what happens to the connection ---------------------------------------------------------- */

void sio__request_allow_reading_body(sio_request *r) {
  struct http_conn *c = r->conn;
  if (!c || c->state != HTTP_HELD) return;
  c->state = HTTP_READY;
  if (!c->reading) sio__loop_defer(c->http->loop, &c->read_task);
}

void sio__request_close_without_answer(sio_request *r) {
  struct http_conn *c = r->conn;
  if (r->answered) return;
  r->answered = true;
  if (c) {
    assert(c->req == r);
    c->http->stats.aborted++;
    c->req = NULL;
    sio__http_conn_close(c);
  }
  sio__request_free_or_recycle_later(r);
}

struct conn *sio__request_detach_conn_for_upgrade(sio_request *r, sio_slice *rest) {
  struct http_conn *c = r->conn;
  *rest = slice(NULL, 0);
  if (!c || r->answered) return NULL;
  *rest = c->reading ? slice(c->input, c->input_len) : slice(c->stash.p, c->stash.n);
  if (c->conn->paused) sio__conn_resume_reading(c->conn);
  r->answered = true;
  c->req = NULL;
  sio__conn_clear_owner(c->conn);
  sio__http_conn_unlist_and_free_later(c);
  sio__request_free_or_recycle_later(r);
  return c->conn;
}

void sio__http_count_upgrade(struct http *h, int err) {
  if (err)
    h->stats.aborted++;
  else
    h->stats.answers[0]++;
}

/* ---- public -------------------------------------------------------------------------------- */

void sio_request_get_info(const sio_request *r, sio_request_info *out) {
  struct tls_info *tls = sio__request_tls_info(r);
  const sio_request_info info = {
    .method = r->method_text,
    .url = r->url,
    .path = r->path,
    .body = slice(r->body.p, r->body.n),
    .address = sio__request_client_address(r),
    .peer = sio__request_peer_address(r),
    .tls = tls ? &tls->pub : NULL,
    .secure = sio__request_is_secure(r),
  };
  sio__fill_sized_struct(out, &info, sizeof info);
}
