/* SPDX-License-Identifier: MIT
 *
 * test_peer.c - sio_test_peer: a session without a network, for the tests of hosts. Its transport
 * keeps every message in memory.
 */
#include "core/client.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "eio/sent.h"
#include "eio/session.h"
#include "packet/parser.h"
#include "server/server.h"
#include <sio/test.h>

/* One msg that the server has sent. */
struct received_msg {
  struct list link;
  bool binary;
  size_t n;
  char data[];
};

struct sio_test_peer {
  struct transport transport; /* the session's transport; peer_of() finds the peer by it */
  sio_server *server;
  sio_session *session; /* NULL once it is over */
  struct list heard;
  struct decoder decoder;
  struct decode_scratch scratch;
  struct sio_parser_out own;
  struct received_msg *shown; /* the last msg of the packet that sio_test_next() returned */
  struct packet packet;       /* decoded from it */
  struct buf line;
  int64_t asked;
  char nsp[];
};

static struct sio_test_peer *peer_of(const sio_session *c) {
  return container_of((struct transport *)(uintptr_t)c->transport, struct sio_test_peer, transport);
}

/* ---- the transport ----------------------------------------------------------------------- */

static int memory_send(sio_session *c, struct msg *m) {
  struct received_msg *h = sio__malloc(sizeof *h + m->len);
  if (!h) return UV_ENOMEM;
  *h = (struct received_msg){ .binary = m->binary, .n = m->len };
  memcpy(h->data, msg_data(m), m->len);
  list_push(&peer_of(c)->heard, &h->link);
  return 0;
}

static bool memory_is_ready(const sio_session *c) {
  (void)c;
  return true;
}

static size_t memory_queued_bytes(const sio_session *c) {
  (void)c;
  return 0;
}

static int memory_queue_sent_mark(sio_session *c) {
  sio__sent_on_marks_passed(c, 1);
  return 0;
}

static void memory_remove_if(sio_session *c, queue_drop_fn drop, void *user) {
  (void)c, (void)drop, (void)user;
}

static const struct transport closed_transport = { .name = "memory" };

static bool memory_end(sio_session *c, bool graceful) {
  (void)graceful;
  peer_of(c)->session = NULL;
  c->transport = &closed_transport;
  return false;
}

static const struct transport memory_transport = { .name = "memory",
                                                   .send = memory_send,
                                                   .ready = memory_is_ready,
                                                   .queued = memory_queued_bytes,
                                                   .held = memory_queued_bytes,
                                                   .end = memory_end,
                                                   .queue_sent_mark = memory_queue_sent_mark,
                                                   .remove_if = memory_remove_if };

/* ---- packets to the server ------------------------------------------------------------------ */

static void peer_feed_chain(struct sio_test_peer *p, const struct msg *chain) {
  for (const struct msg *m = chain; m && p->session; m = m->next) {
    sio_slice all = slice(msg_data(m), m->len);
    sio_slice data = m->binary ? all : slice(all.p + 1, all.n - 1);
    sio__session_on_packet(p->session, &(struct eio_in){ m->binary, EIO_MESSAGE, data });
  }
}

/* Sends an encoded packet and frees it. err is the result of the encoding, and is returned. */
static int peer_send_packet(struct sio_test_peer *p, int err, struct msg *m, enum packet_type type,
                            int64_t id) {
  sio_server *srv = p->server;
  const sio_parser_ops *parser = srv->opts.o.parser;
  struct msg *own = NULL;
  if (!err && parser)
    err = sio__parser_encode(parser, &srv->core.loop.msgs, m, type, slice_str(p->nsp), id, &own);
  if (!err) peer_feed_chain(p, own ? own : m);
  msg_unref(own);
  msg_unref(m);
  return err;
}

static int peer_send_event(struct sio_test_peer *p, const char *event, sio_args args, int64_t id) {
  struct msg *m = NULL;
  if (!p->session) return SIO_ECLOSED;
  int err = sio__encode(&p->server->core.loop.msgs, &p->server->core.scratch, &m, p->nsp, event,
                        args, id);
  return peer_send_packet(p, err, m, event ? PACKET_EVENT : PACKET_ACK, id);
}

int sio_test_emit(sio_test_peer *p, const char *event, sio_args args) {
  return event ? peer_send_event(p, event, args, PACKET_NO_ID) : SIO_ENAME;
}

int sio_test_ask(sio_test_peer *p, const char *event, sio_args args) {
  return event ? peer_send_event(p, event, args, p->asked++) : SIO_ENAME;
}

int sio_test_answer(sio_test_peer *p, sio_args args) {
  bool asks = p->packet.type == PACKET_EVENT && p->packet.id != PACKET_NO_ID;
  return asks ? peer_send_event(p, NULL, args, p->packet.id) : SIO_ESTATE;
}

int sio_test_leave(sio_test_peer *p) {
  struct msg *m = NULL;
  if (!p->session) return SIO_ECLOSED;
  int err = sio__encode_disconnect(&p->server->core.loop.msgs, &m, p->nsp);
  return peer_send_packet(p, err, m, PACKET_DISCONNECT, PACKET_NO_ID);
}

static int append_text(struct msg **m, const char *text) {
  return sio__msg_put(m, text, strlen(text));
}

static int peer_send_connect(struct sio_test_peer *p, const char *auth) {
  bool root = strcmp(p->nsp, "/") == 0;
  struct msg *m = sio__msg_new(&p->server->core.loop.msgs, 0);
  int err = m ? append_text(&m, "40") : UV_ENOMEM;
  if (!err && !root) err = append_text(&m, p->nsp);
  if (!err && !root) err = append_text(&m, ",");
  if (!err && auth) err = append_text(&m, auth);
  return peer_send_packet(p, err, m, PACKET_CONNECT, PACKET_NO_ID);
}

/* ---- packets from the server ---------------------------------------------------------------- */

static void release_shown_packet(struct sio_test_peer *p) {
  sio__decoder_release(&p->decoder);
  sio__parser_out_clear(&p->own);
  sio__free(p->shown);
  p->shown = NULL;
  p->packet = (struct packet){ .type = PACKET_CONNECT, .id = PACKET_NO_ID };
}

static int peer_decode_packet(struct sio_test_peer *p, bool binary, sio_slice data) {
  static const struct decoder_limits any = { UINT32_MAX, JSON_DEPTH_MAX, SIZE_MAX / 2 };
  const sio_parser_ops *parser = p->server->opts.o.parser;
  const char *why;
  if (parser)
    return sio__parser_decode(parser, &p->server->core.loop.msgs, &p->scratch, &any, binary, data,
                              &p->own, &p->packet, &why);
  return binary ? sio__decode_binary(&p->decoder, &p->scratch, &any, data, &p->packet, &why)
                : sio__decode_text(&p->decoder, &p->scratch, &any, data, &p->packet, &why);
}

static const char *format_shown_packet(struct sio_test_peer *p) {
  static const char *const heads[] = { [PACKET_CONNECT] = "connect",
                                       [PACKET_DISCONNECT] = "disconnect",
                                       [PACKET_EVENT] = "",
                                       [PACKET_ACK] = "ack ",
                                       [PACKET_CONNECT_ERROR] = "connect_error " };
  const struct packet *k = &p->packet;
  const char *head = heads[k->type];
  if (k->type == PACKET_EVENT && k->id != PACKET_NO_ID) head = "ask ";
  p->line.n = 0;
  int err = sio__buf_put(&p->line, head, strlen(head));
  if (!err && k->type != PACKET_CONNECT) err = sio__buf_put(&p->line, k->json.p, k->json.n);
  if (!err) err = sio__buf_put(&p->line, "", 1);
  return err ? NULL : p->line.p;
}

/* Decodes one more msg. True: it completes a packet. */
static bool peer_read_msg(struct sio_test_peer *p, const struct received_msg *h) {
  sio_slice data = slice(h->data, h->n);
  if (!h->binary && h->data[0] != '4') return false;
  if (!h->binary) data = slice(data.p + 1, data.n - 1);
  return peer_decode_packet(p, h->binary, data) == DECODE_PACKET;
}

static struct received_msg *take_first_received(struct sio_test_peer *p) {
  struct list *it = list_pop(&p->heard);
  return it ? container_of(it, struct received_msg, link) : NULL;
}

const char *sio_test_next(sio_test_peer *p) {
  release_shown_packet(p);
  while ((p->shown = take_first_received(p))) {
    if (peer_read_msg(p, p->shown)) return format_shown_packet(p);
    sio__free(p->shown);
  }
  return NULL;
}

sio_slice sio_test_bin(const sio_test_peer *p, size_t k) {
  return k < p->packet.nbins ? p->packet.bins[k] : slice(NULL, 0);
}

/* ---- connecting and leaving ------------------------------------------------------------------ */

static int peer_open_session(struct sio_test_peer *p) {
  int err = sio__session_new(&p->session, &p->server->eio, NULL, NULL, 4);
  if (err) return err;
  sio_session *c = p->session;
  c->transport = &p->transport;
  sio__session_start(c);
  if (!p->session) return UV_ENOMEM;
  sio__loop_stop_timer(c->eio->loop, &c->heartbeat);
  return 0;
}

int sio_test_connect(sio_server *srv, const char *nsp, const char *auth, sio_test_peer **out) {
  char room[NSP_NAME_MAX + 1];
  sio_slice name;
  if (!sio__nsp_full_name(room, nsp, &name)) return SIO_ENAME;
  if (srv->core.closing) return SIO_ECLOSED;
  struct sio_test_peer *p = sio__calloc(1, sizeof *p + name.n + 1);
  if (!p) return UV_ENOMEM;
  p->transport = memory_transport;
  p->server = srv;
  list_init(&p->heard);
  buf_init(&p->line, SIZE_MAX / 2);
  memcpy(p->nsp, name.p, name.n);
  release_shown_packet(p);
  int err = peer_open_session(p);
  if (!err) err = peer_send_connect(p, auth);
  if (err) {
    sio_test_free(p);
    return err;
  }
  *out = p;
  return 0;
}

void sio_test_free(sio_test_peer *p) {
  if (!p) return;
  if (p->session)
    sio__session_end_by_peer(p->session, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "the test peer left");
  release_shown_packet(p);
  for (struct received_msg *h; (h = take_first_received(p));) sio__free(h);
  sio__decode_scratch_clear(&p->scratch);
  sio__buf_clear(&p->line);
  sio__free(p);
}

sio_socket *sio_test_socket(const sio_test_peer *p) {
  sio_socket *s = p->session ? client_of(p->session)->sockets : NULL;
  while (s && s->state != SOCKET_CONNECTED) s = s->next;
  return s;
}

bool sio_test_open(const sio_test_peer *p) { return p->session != NULL; }
