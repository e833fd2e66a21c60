/* SPDX-License-Identifier: MIT
 *
 * test_parser_failures.c - a parser of the host that cannot write a packet. A peer that would wait
 * for that packet forever is disconnected, and the reason says so.
 */
#include "peer.h"

static int failing; /* the type of packet that the parser cannot write; -1: none */

/* "type nsp json" */
static int plain_encode(const sio_parts *p, sio_parser_out *out) {
  if (p->type == failing) return SIO_ETOOBIG;
  char type = (char)('0' + p->type);
  int err = sio_parser_put(out, &type, 1);
  if (!err) err = sio_parser_put(out, p->nsp.p, p->nsp.n);
  return err ? err : sio_parser_put(out, p->json.p, p->json.n);
}

static int plain_decode(bool binary, sio_slice message, sio_parts *p, sio_parser_out *out,
                        const char **why) {
  (void)binary, (void)out, (void)why;
  p->type = message.p[0] - '0';
  p->nsp = (sio_slice){ message.p + 1, message.n - 1 };
  return 0;
}

static const sio_parser_ops plain = { .name = "plain",
                                      .encode = plain_encode,
                                      .decode = plain_decode };

static void on_close(sio_session *c, const sio_close_info *why, void *user) {
  (void)c, (void)user;
  trace("closed:%s:%s ", why->err == SIO_ETOOBIG ? "too big" : "other", why->detail);
}

static void on_connect(sio_socket *s, void *user) {
  (void)s, (void)user;
  trace("connect ");
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  trace("disconnect:%s ", sio_reason_str(why->reason));
}

static void begin(void) {
  failing = -1;
  start(&(sio_options){ .parser = &plain });
  sio_on_engine(srv, &(sio_engine_hooks){ .close = on_close }, NULL);
  sio_on_connect(root, on_connect, NULL);
  sio_on_disconnect(root, on_disconnect, NULL);
}

#define TOO_BIG "closed:too big:a packet for the client could not be encoded "

TEST(a_connect_whose_answer_cannot_be_written_ends_the_session) {
  begin();
  failing = SIO_PACKET_CONNECT;
  struct peer *p = peer_new();
  say(p, "40/");
  CHECK(!p->session);
  turn();
  SAW(TOO_BIG);
  EQ(root->nmembers, 0);
  EQ(srv->core.stats.sockets_opened, 0);
  stop();
}

TEST(a_second_connect_whose_answer_cannot_be_written_ends_the_session) {
  begin();
  struct peer *p = peer_new();
  say(p, "40/");
  HEARD(p, "40/{\"sid\":\"?\"} ");
  turn();
  failing = SIO_PACKET_CONNECT;
  say(p, "40/");
  CHECK(!p->session);
  turn();
  SAW("connect disconnect:transport error " TOO_BIG);
  stop();
}

TEST(a_refusal_that_cannot_be_written_ends_the_session) {
  begin();
  failing = SIO_PACKET_CONNECT_ERROR;
  struct peer *p = peer_new();
  say(p, "40/nowhere");
  CHECK(!p->session);
  turn();
  SAW(TOO_BIG);
  stop();
}

static void refuse(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  sio_next_fail(next, "no", sio_null());
}

TEST(a_refusal_by_middleware_that_cannot_be_written_ends_the_session) {
  begin();
  sio_use(root, refuse, NULL);
  failing = SIO_PACKET_CONNECT_ERROR;
  struct peer *p = peer_new();
  say(p, "40/");
  CHECK(!p->session);
  turn();
  SAW(TOO_BIG);
  EQ(srv->core.stats.connects_refused[SIO_REFUSED_BY_MIDDLEWARE], 1);
  stop();
}

TEST(a_disconnect_that_cannot_be_written_ends_the_session) {
  begin();
  struct peer *p = peer_new();
  say(p, "40/");
  failing = SIO_PACKET_DISCONNECT;
  sio_disconnect(root->members[0], false);
  CHECK(!p->session);
  turn();
  SAW("connect disconnect:server namespace disconnect " TOO_BIG);
  stop();
}

TEST(an_event_that_cannot_be_written_is_an_error_of_the_call_alone) {
  begin();
  struct peer *p = peer_new();
  say(p, "40/");
  heard(p);
  failing = SIO_PACKET_EVENT;
  EQ(sio_emit(root->members[0], "news", SIO_NONE), SIO_ETOOBIG);
  EQ(sio_broadcast((sio_target){ .nsp = root }, "news", SIO_NONE), SIO_ETOOBIG);
  failing = -1;
  EQ(sio_emit(root->members[0], "news", SIO_NONE), 0);
  HEARD(p, "42/[\"news\"] ");
  stop();
}

TESTS_BEGIN
T(a_connect_whose_answer_cannot_be_written_ends_the_session)
T(a_second_connect_whose_answer_cannot_be_written_ends_the_session)
T(a_refusal_that_cannot_be_written_ends_the_session)
T(a_refusal_by_middleware_that_cannot_be_written_ends_the_session)
T(a_disconnect_that_cannot_be_written_ends_the_session)
T(an_event_that_cannot_be_written_is_an_error_of_the_call_alone)
TESTS_END
