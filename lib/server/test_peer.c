/* SPDX-License-Identifier: MIT
 *
 * test_peer.c - a session on a transport that keeps what it is given, for hosts' tests.
 */
#include "core/client.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "eio/sent.h"
#include "eio/session.h"
#include "packet/parser.h"
#include "server/server.h"
#include <sio/test.h>

/* What was sent, one msg each. */
struct heard {
  struct list link;
  bool binary;
  size_t n;
  char data[];
};

struct sio_test_peer {
  struct transport transport; /* the session's way back to us */
  sio_server *server;
  sio_session *session; /* NULL once it is over */
  struct list heard;
  struct decoder decoder;
  struct decode_scratch scratch;
  struct sio_parser_out own;
  struct heard *shown;  /* the msg shown last, or its last part */
  struct packet packet; /* made of it */
  struct buf line;
  int64_t asked;
  char nsp[];
};

static struct sio_test_peer *peer_of(const sio_session *c) {
  return container_of((struct transport *)(uintptr_t)c->transport, struct sio_test_peer, transport);
}

/* ---- the transport ----------------------------------------------------------------------- */

static int keep(sio_session *c, struct msg *m) {
  struct heard *h = sio__malloc(sizeof *h + m->len);
  if (!h) return UV_ENOMEM;
  *h = (struct heard){ .binary = m->binary, .n = m->len };
  memcpy(h->data, msg_data(m), m->len);
  list_push(&peer_of(c)->heard, &h->link);
  return 0;
}

static bool is_ready(const sio_session *c) {
  (void)c;
  return true;
}

static size_t nothing(const sio_session *c) {
  (void)c;
  return 0;
}

static int pass(sio_session *c) {
  sio__sent_passed(c, 1);
  return 0;
}

static void remove_if(sio_session *c, conn_drop_fn drop, void *user) {
  (void)c, (void)drop, (void)user;
}

static const struct transport over = { .name = "memory" };

static bool end(sio_session *c, bool graceful) {
  (void)graceful;
  peer_of(c)->session = NULL;
  c->transport = &over;
  return false;
}

static const struct transport memory = { .name = "memory",
                                         .send = keep,
                                         .ready = is_ready,
                                         .queued = nothing,
                                         .held = nothing,
                                         .end = end,
                                         .mark = pass,
                                         .remove_if = remove_if };

/* ---- what the peer says ---------------------------------------------------------------------- */

static void feed(struct sio_test_peer *p, const struct msg *chain) {
  for (const struct msg *m = chain; m && p->session; m = m->next) {
    sio_slice all = slice(msg_data(m), m->len);
    sio_slice data = m->binary ? all : slice(all.p + 1, all.n - 1);
    sio__session_packet(p->session, &(struct eio_in){ m->binary, EIO_MESSAGE, data });
  }
}

/* err is of the encoding; m is used up. */
static int say(struct sio_test_peer *p, int err, struct msg *m, enum packet_type type, int64_t id) {
  sio_server *srv = p->server;
  const sio_parser_ops *parser = srv->opts.o.parser;
  struct msg *own = NULL;
  if (!err && parser)
    err = sio__parser_encode(parser, &srv->core.loop.msgs, m, type, slice_str(p->nsp), id, &own);
  if (!err) feed(p, own ? own : m);
  msg_unref(own);
  msg_unref(m);
  return err;
}

static int say_event(struct sio_test_peer *p, const char *event, sio_args args, int64_t id) {
  struct msg *m = NULL;
  if (!p->session) return SIO_ECLOSED;
  int err = sio__encode(&p->server->core.loop.msgs, &p->server->core.scratch, &m, p->nsp, event,
                        args, id);
  return say(p, err, m, event ? PACKET_EVENT : PACKET_ACK, id);
}

int sio_test_emit(sio_test_peer *p, const char *event, sio_args args) {
  return event ? say_event(p, event, args, PACKET_NO_ID) : SIO_ENAME;
}

int sio_test_ask(sio_test_peer *p, const char *event, sio_args args) {
  return event ? say_event(p, event, args, p->asked++) : SIO_ENAME;
}

int sio_test_answer(sio_test_peer *p, sio_args args) {
  bool asks = p->packet.type == PACKET_EVENT && p->packet.id != PACKET_NO_ID;
  return asks ? say_event(p, NULL, args, p->packet.id) : SIO_ESTATE;
}

int sio_test_leave(sio_test_peer *p) {
  struct msg *m = NULL;
  if (!p->session) return SIO_ECLOSED;
  int err = sio__encode_disconnect(&p->server->core.loop.msgs, &m, p->nsp);
  return say(p, err, m, PACKET_DISCONNECT, PACKET_NO_ID);
}

static int put(struct msg **m, const char *text) { return sio__msg_put(m, text, strlen(text)); }

static int say_connect(struct sio_test_peer *p, const char *auth) {
  bool root = strcmp(p->nsp, "/") == 0;
  struct msg *m = sio__msg_new(&p->server->core.loop.msgs, 0);
  int err = m ? put(&m, "40") : UV_ENOMEM;
  if (!err && !root) err = put(&m, p->nsp);
  if (!err && !root) err = put(&m, ",");
  if (!err && auth) err = put(&m, auth);
  return say(p, err, m, PACKET_CONNECT, PACKET_NO_ID);
}

/* ---- what it hears --------------------------------------------------------------------------- */

static void forget_shown(struct sio_test_peer *p) {
  sio__decoder_release(&p->decoder);
  sio__parser_out_clear(&p->own);
  sio__free(p->shown);
  p->shown = NULL;
  p->packet = (struct packet){ .type = PACKET_CONNECT, .id = PACKET_NO_ID };
}

static int decode(struct sio_test_peer *p, bool binary, sio_slice data) {
  static const struct decoder_limits any = { UINT32_MAX, JSON_DEPTH_MAX, SIZE_MAX / 2 };
  const sio_parser_ops *parser = p->server->opts.o.parser;
  const char *why;
  if (parser)
    return sio__parser_decode(parser, &p->server->core.loop.msgs, &p->scratch, &any, binary, data,
                              &p->own, &p->packet, &why);
  return binary ? sio__decode_binary(&p->decoder, &p->scratch, &any, data, &p->packet, &why)
                : sio__decode_text(&p->decoder, &p->scratch, &any, data, &p->packet, &why);
}

static const char *show(struct sio_test_peer *p) {
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

/* One msg more. True: it made a packet whole. */
static bool look(struct sio_test_peer *p, const struct heard *h) {
  sio_slice data = slice(h->data, h->n);
  if (!h->binary && h->data[0] != '4') return false;
  if (!h->binary) data = slice(data.p + 1, data.n - 1);
  return decode(p, h->binary, data) == DECODE_PACKET;
}

static struct heard *take_first(struct sio_test_peer *p) {
  struct list *it = list_pop(&p->heard);
  return it ? container_of(it, struct heard, link) : NULL;
}

const char *sio_test_next(sio_test_peer *p) {
  forget_shown(p);
  while ((p->shown = take_first(p))) {
    if (look(p, p->shown)) return show(p);
    sio__free(p->shown);
  }
  return NULL;
}

sio_slice sio_test_bin(const sio_test_peer *p, size_t k) {
  return k < p->packet.nbins ? p->packet.bins[k] : slice(NULL, 0);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static int open_session(struct sio_test_peer *p) {
  int err = sio__session_new(&p->session, &p->server->eio, NULL, NULL, 4);
  if (err) return err;
  sio_session *c = p->session;
  c->transport = &p->transport;
  sio__session_start(c);
  if (!p->session) return UV_ENOMEM;
  sio__loop_untimer(c->eio->loop, &c->heartbeat);
  return 0;
}

int sio_test_connect(sio_server *srv, const char *nsp, const char *auth, sio_test_peer **out) {
  char room[NSP_NAME_MAX + 1];
  sio_slice name;
  if (!sio__nsp_full_name(room, nsp, &name)) return SIO_ENAME;
  if (srv->core.closing) return SIO_ECLOSED;
  struct sio_test_peer *p = sio__calloc(1, sizeof *p + name.n + 1);
  if (!p) return UV_ENOMEM;
  p->transport = memory;
  p->server = srv;
  list_init(&p->heard);
  buf_init(&p->line, SIZE_MAX / 2);
  memcpy(p->nsp, name.p, name.n);
  forget_shown(p);
  int err = open_session(p);
  if (!err) err = say_connect(p, auth);
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
    sio__session_ended_by_peer(p->session, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "the test peer left");
  forget_shown(p);
  for (struct heard *h; (h = take_first(p));) sio__free(h);
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
