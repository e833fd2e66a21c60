/* SPDX-License-Identifier: MIT
 *
 * accept.c - the opening handshake of RFC 6455 section 4.2, on an HTTP request.
 */
#include "eio/accept.h"
#include "ws/extension.h"
#include "ws/handshake.h"
#include <stdio.h>

static void refuse(sio_request *r, const char *text) {
  sio__request_last(r);
  sio__request_answer(r, 400, "text/html", slice_str(text));
}

bool sio__ws_handshake_ok(sio_request *r) {
  struct ws_offer offer = { .method = r->method_text,
                            .connection = sio__request_header(r, "connection"),
                            .upgrade = sio__request_header(r, "upgrade"),
                            .key = sio__request_header(r, "sec-websocket-key"),
                            .version = sio__request_header(r, "sec-websocket-version") };
  switch (sio__ws_check(&offer)) {
    case WS_OK: return true;
    case WS_BAD_METHOD: refuse(r, "Bad handshake method"); break;
    case WS_BAD_UPGRADE: refuse(r, "Not a WebSocket upgrade"); break;
    case WS_BAD_KEY: refuse(r, "Missing or invalid Sec-WebSocket-Key header"); break;
    case WS_BAD_VERSION:
      sio__request_set(r, "Sec-WebSocket-Version", SLICE("13, 8"));
      refuse(r, "Missing or invalid Sec-WebSocket-Version header");
      break;
  }
  return false;
}

/* Without memory for the answer there is none. */
static bool agree_on_deflate(sio_request *r, const struct ws_deflate *have) {
  char answer[WS_ANSWER_MAX];
  sio_slice offers = sio__request_header(r, "sec-websocket-extensions");
  if (!have->deflater || !sio__ws_negotiate(have, offers, answer)) return false;
  return sio__request_set(r, "Sec-WebSocket-Extensions", slice_str(answer)) == 0;
}

static struct msg *switching(sio_request *r, struct msgs *msgs) {
  char accept[WS_ACCEPT_LEN + 1];
  sio__ws_accept(accept, sio__request_header(r, "sec-websocket-key"));
  char head[160];
  int n = snprintf(head, sizeof head,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                   accept);
  struct msg *m = sio__msg_new(msgs, (size_t)n + r->extra.n + 2);
  if (!m) return NULL;
  sio__msg_put(&m, head, (size_t)n);
  sio__msg_put(&m, r->extra.p, r->extra.n);
  sio__msg_put(&m, "\r\n", 2);
  return m;
}

int sio__ws_accept_request(struct ws_conn **out, sio_request *r, struct ws_shared *shared,
                           const struct ws_conn_ops *ops, void *owner, sio_slice *rest) {
  bool deflate = agree_on_deflate(r, &shared->deflate);
  struct msg *head = switching(r, &shared->loop->msgs);
  if (!head) {
    sio__request_drop(r);
    return UV_ENOMEM;
  }
  LOG(shared->log, SIO_LOG_DEBUG, SIO_ROOM_WS, "%s: a WebSocket opens", sio__request_peer(r));
  struct conn *c = sio__request_detach(r, rest);
  int err = c ? conn_send_text(c, head) : SIO_ECLOSED;
  msg_unref(head);
  if (err) {
    if (c) sio__conn_close(c);
    return err;
  }
  err = sio__ws_conn_new(out, shared, c, ops, owner);
  if (!err && deflate) ws_conn_deflate(*out);
  return err;
}
