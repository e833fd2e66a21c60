/* SPDX-License-Identifier: MIT
 *
 * upgrade.c - the opening handshake (RFC 6455 section 4.2) of an HTTP request.
 */
#include "ws/upgrade.h"
#include "http/head.h"
#include "ws/extension.h"
#include "ws/handshake.h"
#include <stdio.h>

/* ---- subprotocols ------------------------------------------------------------------ */

static bool find_next_subprotocol_header(struct subprotocol_iter *o) {
  while (o->line < o->r->nheaders) {
    const struct http_header *h = &o->r->headers[o->line++];
    if (!sio__slice_equals_ignore_case(h->name, SLICE("sec-websocket-protocol"))) continue;
    o->rest = h->value;
    return true;
  }
  return false;
}

/* Several header lines form one list, and empty elements are ignored (RFC 9110 section 5.6.1). */
bool sio__ws_next_offered_subprotocol(struct subprotocol_iter *o, sio_slice *name) {
  do {
    while (sio__slice_split(&o->rest, ',', name)) {
      *name = sio__slice_trim(*name);
      if (name->n) return true;
    }
  } while (find_next_subprotocol_header(o));
  return false;
}

static bool are_subprotocols_tokens(const sio_request *r) {
  struct subprotocol_iter o = { .r = r };
  sio_slice name;
  while (sio__ws_next_offered_subprotocol(&o, &name))
    if (!sio__http_is_token(name)) return false;
  return true;
}

bool sio__ws_find_announced_subprotocol(const sio_request *r, sio_slice *name) {
  sio_slice rest = slice(r->extra_headers.p, r->extra_headers.n), line, key;
  while (sio__slice_split(&rest, '\n', &line)) {
    if (!sio__slice_split(&line, ':', &key) ||
        !sio__slice_equals_ignore_case(key, SLICE("sec-websocket-protocol")))
      continue;
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    *name = sio__slice_trim(line);
    return true;
  }
  return false;
}

static int set_subprotocol_header_unless_host_did(sio_request *r, sio_slice name) {
  sio_slice announced;
  if (!name.n || sio__ws_find_announced_subprotocol(r, &announced)) return 0;
  return sio__request_add_answer_header(r, "Sec-WebSocket-Protocol", name);
}

/* ---- the handshake ----------------------------------------------------------------- */

const char *sio__ws_find_error_and_add_version_header(sio_request *r) {
  struct ws_offer offer = { .method = r->method_text,
                            .connection = sio__request_header(r, "connection"),
                            .upgrade = sio__request_header(r, "upgrade"),
                            .key = sio__request_header(r, "sec-websocket-key"),
                            .version = sio__request_header(r, "sec-websocket-version") };
  switch (sio__ws_check_handshake(&offer)) {
    case WS_OK: break;
    case WS_BAD_METHOD: return "Bad handshake method";
    case WS_BAD_UPGRADE: return "Not a WebSocket upgrade";
    case WS_BAD_KEY: return "Missing or invalid Sec-WebSocket-Key header";
    case WS_BAD_VERSION:
      sio__request_add_answer_header(r, "Sec-WebSocket-Version", SLICE("13, 8"));
      return "Missing or invalid Sec-WebSocket-Version header";
  }
  return are_subprotocols_tokens(r) ? NULL : "Invalid Sec-WebSocket-Protocol header";
}

/* Returns true if compression was negotiated; false also if the header cannot be added. */
static bool negotiate_deflate_and_set_header(sio_request *r, const struct ws_deflate *have) {
  char answer[WS_ANSWER_MAX];
  sio_slice offers = sio__request_header(r, "sec-websocket-extensions");
  if (!have->deflater || !sio__ws_write_answer_to_deflate_offers(have, offers, answer))
    return false;
  return sio__request_add_answer_header(r, "Sec-WebSocket-Extensions", slice_str(answer)) == 0;
}

static struct msg *switching_protocols_msg_new(sio_request *r, struct msgs *msgs) {
  char accept[WS_ACCEPT_LEN + 1];
  sio__ws_compute_accept_key(accept, sio__request_header(r, "sec-websocket-key"));
  char head[160];
  int n = snprintf(head, sizeof head,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                   accept);
  struct msg *m = sio__msg_new(msgs, (size_t)n + r->extra_headers.n + 2);
  if (!m) return NULL;
  sio__msg_put(&m, head, (size_t)n);
  sio__msg_put(&m, r->extra_headers.p, r->extra_headers.n);
  sio__msg_put(&m, "\r\n", 2);
  return m;
}

static int queue_msg_and_make_ws_conn(struct ws_conn **out, struct ws_shared *shared,
                                      struct conn *c, const struct ws_conn_ops *ops, void *owner,
                                      struct msg *head) {
  int err = conn_queue_msg_without_frame_header(c, head);
  if (!err) return sio__ws_conn_new(out, shared, c, ops, owner);
  sio__conn_close(c);
  return err;
}

int sio__ws_accept_request(struct ws_conn **out, sio_request *r, struct ws_shared *shared,
                           const struct ws_conn_ops *ops, void *owner, sio_slice protocol,
                           sio_slice *rest) {
  bool deflate = negotiate_deflate_and_set_header(r, &shared->deflate);
  int no_room = set_subprotocol_header_unless_host_did(r, protocol);
  struct msg *head = no_room ? NULL : switching_protocols_msg_new(r, &shared->loop->msgs);
  if (!head) {
    sio__request_close_without_answer(r);
    return UV_ENOMEM;
  }
  LOG(shared->log, SIO_LOG_DEBUG, SIO_PART_WS, "%s: a WebSocket is being opened",
      sio__request_client_address(r));
  struct http *h = r->http;
  struct conn *c = sio__request_detach_conn_for_upgrade(r, rest);
  int err = c ? queue_msg_and_make_ws_conn(out, shared, c, ops, owner, head) : SIO_ECLOSED;
  msg_unref(head);
  if (c) sio__http_count_upgrade(h, err);
  if (!err && deflate) ws_conn_enable_deflate(*out);
  return err;
}
