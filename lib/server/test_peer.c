/* SPDX-License-Identifier: MIT
 *
 * test_peer.c - sio_test_peer: a session without a network, for the tests of hosts. Its transport
 * keeps every message in memory until the test reads it.
 */
#include "core/client.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "eio/sent.h"
#include "eio/session.h"
#include "packet/parser.h"
#include "server/server.h"
#include <sio/test.h>

/* A copy of a message that the server has sent to the test client. */
struct received_msg {
  struct list link;
  bool binary;
  size_t n;
  char data[];
};

struct sio_test_peer {
  /* An open session points to this field. container_of() finds the test client from it. */
  struct transport transport;
  sio_server *server;
  sio_session *session; /* NULL after the session has ended */
  struct list received;
  struct decoder decoder;
  struct decode_scratch scratch;
  struct sio_parser_out parser_out;
  struct received_msg *last_msg; /* the last message of `packet` */
  struct packet packet;          /* the packet that sio_test_next() has returned as text */
  struct buf line;
  int64_t next_ack_id;
  char nsp[];
};

static struct sio_test_peer *test_peer_of_session(const sio_session *c) {
  return container_of((struct transport *)(uintptr_t)c->transport, struct sio_test_peer, transport);
}

/* ---- the transport ----------------------------------------------------------------------- */

static int test_transport_store_sent_msg(sio_session *c, struct msg *m) {
  struct received_msg *h = sio__malloc(sizeof *h + m->len);
  if (!h) return UV_ENOMEM;
  *h = (struct received_msg){ .binary = m->binary, .n = m->len };
  memcpy(h->data, msg_data(m), m->len);
  list_append(&test_peer_of_session(c)->received, &h->link);
  return 0;
}

static bool test_transport_is_always_ready(const sio_session *c) {
  (void)c;
  return true;
}

static size_t test_transport_get_zero_queued_bytes(const sio_session *c) {
  (void)c;
  return 0;
}

static int test_transport_schedule_sent_callback(sio_session *c) {
  sio__sent_callbacks_schedule_oldest(c, 1);
  return 0;
}

static void test_transport_remove_nothing(sio_session *c, queue_drop_fn drop, void *user) {
  (void)c, (void)drop, (void)user;
}

static void test_transport_visit_nothing(const sio_session *c, queue_visit_fn visit, void *user) {
  (void)c, (void)visit, (void)user;
}

static const struct transport closed_test_transport = { .name = "memory" };

static bool test_transport_clear_session_on_close(sio_session *c, bool graceful) {
  (void)graceful;
  test_peer_of_session(c)->session = NULL;
  c->transport = &closed_test_transport;
  return false;
}

static const struct transport test_transport = { .name = "memory",
                                                 .send = test_transport_store_sent_msg,
                                                 .ready = test_transport_is_always_ready,
                                                 .queued = test_transport_get_zero_queued_bytes,
                                                 .held = test_transport_get_zero_queued_bytes,
                                                 .end = test_transport_clear_session_on_close,
                                                 .queue_sent_mark =
                                                     test_transport_schedule_sent_callback,
                                                 .remove_if = test_transport_remove_nothing,
                                                 .visit = test_transport_visit_nothing };

/* ---- packets to the server ------------------------------------------------------------------ */

static void test_peer_pass_msgs_to_server(struct sio_test_peer *p, const struct msg *chain) {
  for (const struct msg *m = chain; m && p->session; m = m->next) {
    sio_slice all = slice(msg_data(m), m->len);
    sio_slice data = m->binary ? all : slice(all.p + 1, all.n - 1);
    sio__session_handle_packet(p->session, &(struct eio_in){ m->binary, EIO_MESSAGE, data });
  }
}

/* Sends an encoded packet to the server, and frees it. err is the result of encoding the packet: if
 * it is not 0, this function sends nothing and returns err. */
static int test_peer_send_unless_error_and_free_packet(struct sio_test_peer *p, int err,
                                                       struct msg *m, enum packet_type type,
                                                       int64_t id) {
  sio_server *srv = p->server;
  const sio_parser_ops *parser = srv->opts.o.parser;
  struct msg *parser_out = NULL;
  if (!err && parser)
    err = sio__custom_parser_encode_packet(parser, &srv->core.loop.msgs, m, type, slice_str(p->nsp),
                                           id, &parser_out);
  if (!err) test_peer_pass_msgs_to_server(p, parser_out ? parser_out : m);
  msg_unref(parser_out);
  msg_unref(m);
  return err;
}

static int test_peer_send_event_or_ack(struct sio_test_peer *p, const char *event, sio_args args,
                                       int64_t id) {
  struct msg *m = NULL;
  if (!p->session) return SIO_ECLOSED;
  int err = sio__encode_event_or_ack(&p->server->core.loop.msgs, &p->server->core.scratch, &m,
                                     p->nsp, event, args, id);
  return test_peer_send_unless_error_and_free_packet(p, err, m, event ? PACKET_EVENT : PACKET_ACK,
                                                     id);
}

int sio_test_emit(sio_test_peer *p, const char *event, sio_args args) {
  return event ? test_peer_send_event_or_ack(p, event, args, PACKET_NO_ID) : SIO_ENAME;
}

int sio_test_ask(sio_test_peer *p, const char *event, sio_args args) {
  return event ? test_peer_send_event_or_ack(p, event, args, p->next_ack_id++) : SIO_ENAME;
}

int sio_test_answer(sio_test_peer *p, sio_args args) {
  bool asks = p->packet.type == PACKET_EVENT && p->packet.id != PACKET_NO_ID;
  return asks ? test_peer_send_event_or_ack(p, NULL, args, p->packet.id) : SIO_ESTATE;
}

int sio_test_disconnect(sio_test_peer *p) {
  struct msg *m = NULL;
  if (!p->session) return SIO_ECLOSED;
  int err = sio__encode_disconnect_packet(&p->server->core.loop.msgs, &m, p->nsp);
  return test_peer_send_unless_error_and_free_packet(p, err, m, PACKET_DISCONNECT, PACKET_NO_ID);
}

static int test_peer_append_text_to_msg(struct msg **m, const char *text) {
  return sio__msg_put(m, text, strlen(text));
}

static int test_peer_send_connect(struct sio_test_peer *p, const char *auth) {
  bool root = strcmp(p->nsp, "/") == 0;
  struct msg *m = sio__msg_new(&p->server->core.loop.msgs, 0);
  int err = m ? test_peer_append_text_to_msg(&m, "40") : UV_ENOMEM;
  if (!err && !root) err = test_peer_append_text_to_msg(&m, p->nsp);
  if (!err && !root) err = test_peer_append_text_to_msg(&m, ",");
  if (!err && auth) err = test_peer_append_text_to_msg(&m, auth);
  return test_peer_send_unless_error_and_free_packet(p, err, m, PACKET_CONNECT, PACKET_NO_ID);
}

/* ---- packets from the server ---------------------------------------------------------------- */

static void test_peer_free_current_packet(struct sio_test_peer *p) {
  sio__decoder_free_packet(&p->decoder);
  sio__parser_out_clear(&p->parser_out);
  sio__free(p->last_msg);
  p->last_msg = NULL;
  p->packet = (struct packet){ .type = PACKET_CONNECT, .id = PACKET_NO_ID };
}

static int test_peer_decode_msg_with_parser_if_set(struct sio_test_peer *p, bool binary,
                                                   sio_slice data) {
  static const struct decoder_limits any = { UINT32_MAX, JSON_DEPTH_MAX, SIZE_MAX / 2 };
  const sio_parser_ops *parser = p->server->opts.o.parser;
  const char *why;
  if (parser)
    return sio__custom_parser_decode_packet(parser, &p->server->core.loop.msgs, &p->scratch, &any,
                                            binary, data, &p->parser_out, &p->packet, &why);
  return binary
             ? sio__decode_packet_attachment(&p->decoder, &p->scratch, &any, data, &p->packet, &why)
             : sio__decode_packet_text(&p->decoder, &p->scratch, &any, data, &p->packet, &why);
}

static const char *test_peer_format_packet_as_line(struct sio_test_peer *p) {
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

/* Decodes one received message. Returns true if it completes a packet. */
static bool test_peer_decode_msg_and_tell_if_complete(struct sio_test_peer *p,
                                                      const struct received_msg *h) {
  sio_slice data = slice(h->data, h->n);
  if (!h->binary) data = slice(data.p + 1, data.n - 1);
  return test_peer_decode_msg_with_parser_if_set(p, h->binary, data) == DECODE_PACKET;
}

static struct received_msg *test_peer_take_received_msg(struct sio_test_peer *p) {
  struct list *it = list_take_first(&p->received);
  return it ? container_of(it, struct received_msg, link) : NULL;
}

const char *sio_test_next(sio_test_peer *p) {
  test_peer_free_current_packet(p);
  while ((p->last_msg = test_peer_take_received_msg(p))) {
    if (test_peer_decode_msg_and_tell_if_complete(p, p->last_msg))
      return test_peer_format_packet_as_line(p);
    sio__free(p->last_msg);
  }
  return NULL;
}

sio_slice sio_test_bin(const sio_test_peer *p, size_t k) {
  return k < p->packet.nbins ? p->packet.bins[k] : slice(NULL, 0);
}

/* ---- connecting and leaving ------------------------------------------------------------------ */

static int test_peer_open_session(struct sio_test_peer *p) {
  int err = sio__session_new(&p->session, &p->server->eio, NULL, NULL, 4);
  if (err) return err;
  sio_session *c = p->session;
  c->transport = &p->transport;
  sio__session_count_and_report_open(c);
  if (!p->session) return UV_ENOMEM;
  sio__loop_stop_timer(c->eio->loop, &c->heartbeat);
  return 0;
}

int sio_test_connect(sio_server *srv, const char *nsp, const char *auth, sio_test_peer **out) {
  char room[NSP_NAME_MAX + 1];
  sio_slice name;
  if (!sio__nsp_make_and_check_full_name(room, nsp, &name)) return SIO_ENAME;
  if (srv->core.closing) return SIO_ECLOSED;
  struct sio_test_peer *p = sio__calloc(1, sizeof *p + name.n + 1);
  if (!p) return UV_ENOMEM;
  p->transport = test_transport;
  p->server = srv;
  list_init(&p->received);
  buf_init(&p->line, SIZE_MAX / 2);
  memcpy(p->nsp, name.p, name.n);
  test_peer_free_current_packet(p);
  int err = test_peer_open_session(p);
  if (!err) err = test_peer_send_connect(p, auth);
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
  test_peer_free_current_packet(p);
  for (struct received_msg *h; (h = test_peer_take_received_msg(p));) sio__free(h);
  sio__decode_scratch_clear(&p->scratch);
  sio__buf_clear(&p->line);
  sio__free(p);
}

sio_socket *sio_test_socket(const sio_test_peer *p) {
  sio_socket *s = p->session ? client_of_session(p->session)->sockets : NULL;
  while (s && s->state != SOCKET_CONNECTED) s = s->next;
  return s;
}

bool sio_test_is_open(const sio_test_peer *p) { return p->session != NULL; }
