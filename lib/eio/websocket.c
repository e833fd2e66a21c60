/* SPDX-License-Identifier: MIT
 *
 * websocket.c - the WebSocket transport.
 */
#include "eio/websocket.h"
#include "eio/payload.h"

static void on_message(struct ws_conn *w, bool binary, char *p, size_t n) {
  sio_session *c = w->owner;
  if (binary)
    sio__session_packet(c, &(struct eio_in){ true, EIO_MESSAGE, slice(p, n) });
  else
    sio__session_text(c, slice(p, n));
}

/* A stream that just breaks is the ordinary way for a peer to leave; a broken rule is an error. */
static bool broke_a_rule(const struct ws_close *why) {
  return why->err == SIO_EPROTO || why->err == SIO_ETOOBIG || why->err == UV_ENOMEM;
}

static void on_closed(struct ws_conn *w, const struct ws_close *why) {
  sio_session *c = w->owner;
  c->ws = NULL;
  bool bad = broke_a_rule(why);
  sio__session_ended_by_peer(c, bad ? SIO_REASON_TRANSPORT_ERROR : SIO_REASON_TRANSPORT_CLOSE,
                             why->err, (int)why->code,
                             why->err == SIO_ETOOBIG ? "Max payload size exceeded" : why->detail);
}

static void on_drained(struct ws_conn *w) {
  sio_session *c = w->owner;
  if (c->state == SESSION_OPEN) SESSION_HOOKS(c, drain)
}

const struct ws_conn_ops sio__websocket_ops = { .message = on_message,
                                                .closed = on_closed,
                                                .drained = on_drained };

static void ignore_message(struct ws_conn *w, bool binary, char *p, size_t n) {
  (void)w, (void)binary, (void)p, (void)n;
}

static void ignore_closed(struct ws_conn *w, const struct ws_close *why) { (void)w, (void)why; }

const struct ws_conn_ops sio__orphan_ops = { .message = ignore_message, .closed = ignore_closed };

void sio__websocket_abandon(struct ws_conn *w, unsigned code) {
  w->ops = &sio__orphan_ops;
  w->owner = NULL;
  /* A peer that does not read will not answer a close frame either. */
  if (w->conn->blocked)
    sio__ws_drop(w);
  else
    sio__ws_close(w, code, "");
}

void sio__websocket_adopt(sio_session *c, struct ws_conn *w) {
  w->ops = &sio__websocket_ops;
  w->owner = c;
  c->ws = w;
  c->transport = &sio__transport_websocket;
}

/* For a client that asked for b64: binary as text. */
static int send_base64(sio_session *c, const struct msg *m) {
  struct msg *text = sio__msg_new(&c->eio->loop->msgs, sio__payload_len(m));
  if (!text) return UV_ENOMEM;
  text->len = (uint32_t)(sio__payload_put(msg_data(text), m) - msg_data(text));
  int err = sio__ws_send(c->ws, text);
  msg_unref(text);
  return err;
}

int sio__websocket_send(sio_session *c, struct msg *m) {
  return m->binary && c->base64 ? send_base64(c, m) : sio__ws_send(c->ws, m);
}

static bool ready(const sio_session *c) { return ws_idle(c->ws); }
static size_t queued(const sio_session *c) { return c->ws ? ws_queued(c->ws) : 0; }

static bool end_websocket(sio_session *c, bool graceful) {
  struct ws_conn *w = c->ws;
  (void)graceful;
  c->ws = NULL;
  if (w) sio__websocket_abandon(w, 0);
  return false;
}

const struct transport sio__transport_websocket = { .name = "websocket",
                                                    .send = sio__websocket_send,
                                                    .ready = ready,
                                                    .queued = queued,
                                                    .end = end_websocket };
