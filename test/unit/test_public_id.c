/* SPDX-License-Identifier: MIT
 *
 * test_public_id.c - what is shown of a session never lets anybody speak for it.
 */
#include "base/public_id.h"
#include "pair.h"

static char said[1 << 16];

static void on_log(const sio_log_line *l, void *user) {
  size_t n = strlen(said);
  (void)user;
  snprintf(said + n, sizeof said - n, "%s: %s\n", l->part, l->text);
}

static void begin(void) {
  said[0] = '\0';
  start(&(sio_options){ .log = on_log, .log_level = SIO_LOG_TRACE, .allow_eio3 = true });
}

/* In "/" and in /b. */
static struct peer *old_client(void) {
  struct peer *p = calloc(1, sizeof *p);
  if (!p || sio__session_new(&p->session, &srv->eio, NULL, NULL, 3)) abort();
  peers[npeers++] = p;
  p->session->transport = &fake_transport;
  sio__session_count_and_report_open(p->session);
  return p;
}

TEST(a_digest_has_twenty_characters_that_any_url_takes_and_follows_from_the_secret) {
  char a[PUBLIC_ID_LEN + 1], b[PUBLIC_ID_LEN + 1], big[1000];
  EQ_STR(sio__make_public_id(a, SLICE("secret")), sio__make_public_id(b, SLICE("secret")));
  EQ(strlen(a), 20);
  EQ(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 20);
  CHECK(strcmp(a, sio__make_public_id(b, SLICE("secreT"))) != 0);
  EQ(strlen(sio__make_public_id(b, slice(NULL, 0))), 20);
  memset(big, 'x', sizeof big);
  EQ(strlen(sio__make_public_id(b, slice(big, sizeof big))), 20);
}

TEST(a_session_has_a_public_id_that_stays_and_is_not_its_secret) {
  begin();
  struct peer *p = joined(), *q = joined();
  sio_session_info a = sio_session_info_of(p->session), b = sio_session_info_of(p->session);
  EQ(strlen(a.public_id), SIO_PUBLIC_ID_SIZE - 1);
  EQ_STR(a.public_id, b.public_id);
  CHECK(strcmp(a.public_id, a.id) != 0);
  b = sio_session_info_of(q->session);
  CHECK(strcmp(a.public_id, b.public_id) != 0);
  stop();
}

TEST(the_public_id_of_a_socket_is_its_id_where_that_is_no_secret) {
  begin();
  joined();
  EQ_STR(sio_socket_public_id(root->members[0]), sio_socket_id(root->members[0]));
  stop();
}

TEST(with_protocol_3_the_public_id_of_a_socket_tells_nothing_of_the_sid) {
  sio_nsp *other;
  begin();
  sio_of(srv, "/b", &other);
  struct peer *p = old_client();
  turn();
  say(p, "40/b,");
  turn();
  REQUIRE(root->nmembers == 1 && other->nmembers == 1);
  const sio_socket *s = root->members[0], *t = other->members[0];
  const char *sid = sio_session_info_of(p->session).id;
  EQ_STR(sio_socket_id(s), sid);
  CHECK(strstr(sio_socket_id(t), sid) != NULL);
  CHECK(strstr(sio_socket_public_id(s), sid) == NULL);
  CHECK(strcmp(sio_socket_public_id(s), sio_socket_public_id(t)) != 0);
  EQ(strlen(sio_socket_public_id(s)), 20);
  stop();
}

TEST(no_line_of_the_log_shows_a_sid_at_any_level) {
  sio_nsp *other;
  char sids[2][SIO__ID_LEN + 1];
  begin();
  sio_of(srv, "/b", &other);
  struct peer *p = joined(), *q = old_client();
  snprintf(sids[0], sizeof sids[0], "%s", sio_session_info_of(p->session).id);
  snprintf(sids[1], sizeof sids[1], "%s", sio_session_info_of(q->session).id);
  turn();
  say(q, "40/b,");
  turn();
  sio_join((sio_socket *)root->members[1], "room");
  sio_emit(root->members[1], "news", SIO_ARGS(1));
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("room") }, "news", SIO_NONE);
  turn();
  hang_up(p);
  hang_up(q);
  stop();
  CHECK(strstr(said, "joined namespace /b") != NULL && strstr(said, "left namespace /b") != NULL);
  CHECK(strstr(said, "opened over") != NULL && strstr(said, "closed: transport close") != NULL);
  CHECK(strstr(said, sids[0]) == NULL);
  CHECK(strstr(said, sids[1]) == NULL);
}

/* It may be live on another server of the same cluster. */
TEST(a_sid_that_is_not_known_here_is_not_shown_either) {
  char digest[PUBLIC_ID_LEN + 1];
  begin();
  int err, fd = dial(&err);
  const char *answer = ask(fd, "GET /socket.io/?EIO=4&transport=polling&sid=AAAABBBBCCCCDDDDEEEE "
                               "HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(strstr(answer, "Session ID unknown") != NULL);
  turn();
  CHECK(strstr(said, "AAAABBBB") == NULL);
  sio__make_public_id(digest, SLICE("AAAABBBBCCCCDDDDEEEE"));
  digest[8] = '\0';
  CHECK(strstr(said, "Session ID unknown") != NULL && strstr(said, digest) != NULL);
  close(fd);
  stop();
}

TESTS_BEGIN
T(a_digest_has_twenty_characters_that_any_url_takes_and_follows_from_the_secret)
T(a_session_has_a_public_id_that_stays_and_is_not_its_secret)
T(the_public_id_of_a_socket_is_its_id_where_that_is_no_secret)
T(with_protocol_3_the_public_id_of_a_socket_tells_nothing_of_the_sid)
T(no_line_of_the_log_shows_a_sid_at_any_level)
T(a_sid_that_is_not_known_here_is_not_shown_either)
TESTS_END
