/* SPDX-License-Identifier: MIT
 *
 * test_sio_tls.c - TLS as a host meets it, with a provider of its own: who is taken over, what can
 * be seen of it, what is counted.
 */
#include "../veil.h"
#include "pair.h"

static char seen[64];
static unsigned turned_away;
static char reason[64];

static void on_who(sio_request *r, void *user) {
  const sio_tls_info *i = sio_request_info_of(r).tls;
  (void)user;
  snprintf(seen, sizeof seen, "%s %s", sio_request_info_of(r).secure ? "secure" : "plain",
           i ? i->subject : "nobody");
  sio_respond(r, 200, "text/plain", sio_text("told"));
}

static void on_reject(sio_server *from, const sio_rejection *r, void *user) {
  (void)from, (void)user;
  EQ(r->cause, SIO_REJECT_TLS);
  turned_away++;
  snprintf(reason, sizeof reason, "%s", r->detail);
}

static void begin(const sio_options *o) {
  memset(&veil_does, 0, sizeof veil_does);
  *seen = *reason = '\0';
  turned_away = 0;
  sio_options all = o ? *o : (sio_options){ 0 };
  all.on_reject = on_reject;
  start(&all);
  EQ(sio_route(srv, "GET", "/who", 0, on_who, NULL), 0);
}

static sio_stats stats(void) {
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  return st;
}

/* The far end; what the server said to it in *err. */
static int dial_tls(sio_slice read, int *err) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) abort();
  *err = sio_accept(srv, &(sio_accept_options){ .fd = pair[1], .tls = &veil_tls, .read = read });
  return pair[0];
}

static int dial_veiled(void) {
  int err, fd = dial_tls((sio_slice){ NULL, 0 }, &err);
  EQ(err, 0);
  return fd;
}

static const char get_who[] = "GET /who HTTP/1.1\r\nHost: a\r\n\r\n";

static void tell(int fd, const char *p, size_t n) {
  if (write(fd, p, n) != (ssize_t)n) abort();
  for (int i = 0; i < 10; i++) turn();
}

/* What came back, unveiled; records of other types as "<22>". */
static const char *hear(int fd) {
  static char in[8192], out[8192];
  ssize_t got = recv(fd, in, sizeof in, MSG_DONTWAIT);
  size_t n = 0, m;
  for (ssize_t at = 0; got > 0 && at + VEIL_HEAD <= got; at += (ssize_t)(VEIL_HEAD + m)) {
    m = (size_t)(unsigned char)in[at + 1] << 8 | (unsigned char)in[at + 2];
    if (in[at] != VEIL_DATA) n += (size_t)snprintf(out + n, 8, "<%d>", in[at]);
    for (size_t i = 0; in[at] == VEIL_DATA && i < m; i++)
      out[n++] = (char)(in[at + VEIL_HEAD + (ssize_t)i] ^ 0x5a);
  }
  out[n] = '\0';
  return out;
}

/* ---- coming in ------------------------------------------------------------------------------ */

TEST(a_request_right_after_the_handshake_is_answered) {
  char out[256];
  begin(NULL);
  int fd = dial_veiled();
  size_t n = veil(out, VEIL_HELLO, "");
  tell(fd, out, n + veil(out + n, VEIL_DATA, get_who));
  CHECK(strstr(hear(fd), "told"));
  EQ_STR(seen, "secure CN=anybody");
  EQ(stats().tls_connections, 1);
  EQ(stats().tls_handshakes[SIO_TLS_1_2], 1);
  EQ(stats().tls_resumed, 1);
  close(fd);
  stop();
  EQ(veil_does.open, 0);
}

TEST(on_a_plain_connection_there_is_nothing_to_see) {
  int err;
  begin(NULL);
  int fd = dial(&err);
  CHECK(strstr(ask(fd, get_who), "told"));
  EQ_STR(seen, "plain nobody");
  EQ(stats().tls_connections, 0);
  close(fd);
  stop();
}

/* Whole, and cut at every place. */
TEST(what_the_host_has_read_already_is_the_first_of_it) {
  char out[256];
  int err;
  size_t n = veil(out, VEIL_HELLO, "");
  n += veil(out + n, VEIL_DATA, get_who);
  for (size_t cut = 0; cut <= n; cut++) {
    begin(NULL);
    char *early = malloc(cut + 1);
    REQUIRE(early);
    memcpy(early, out, cut);
    int fd = dial_tls((sio_slice){ early, cut }, &err);
    free(early);
    EQ(err, 0);
    turn();
    tell(fd, out + cut, n - cut);
    EQ_STR(seen, "secure CN=anybody");
    close(fd);
    stop();
  }
}

TEST(a_provider_that_lacks_a_function_is_refused) {
  static const size_t slots[] = {
    offsetof(sio_tls_ops, open),        offsetof(sio_tls_ops, read),
    offsetof(sio_tls_ops, write),       offsetof(sio_tls_ops, end),
    offsetof(sio_tls_ops, established), offsetof(sio_tls_ops, info),
    offsetof(sio_tls_ops, failure),     offsetof(sio_tls_ops, close)
  };
  begin(NULL);
  for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
    sio_tls_ops ops = veil_ops;
    int pair[2];
    memset((char *)&ops + slots[i], 0, sizeof ops.open);
    sio_tls lacking = { &ops, NULL };
    EQ(sio_listen_with(srv, &(sio_listen_options){ .host = "127.0.0.1", .tls = &lacking }),
       UV_EINVAL);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) abort();
    EQ(sio_accept(srv, &(sio_accept_options){ .fd = pair[1], .tls = &lacking }), UV_EINVAL);
    EQ(close(pair[1]), -1);
    close(pair[0]);
  }
  EQ(sio_listen_with(srv, &(sio_listen_options){ .host = "127.0.0.1", .tls = &veil_tls }), 0);
  stop();
}

TEST(without_a_session_the_connection_is_closed_and_counted) {
  int err;
  begin(NULL);
  veil_does.open_fails = UV_ENOMEM;
  int fd = dial_tls((sio_slice){ NULL, 0 }, &err);
  EQ(err, UV_ENOMEM);
  EQ(stats().connections_refused, 1);
  EQ(stats().tls_connections, 0);
  char c;
  turn();
  EQ(recv(fd, &c, 1, MSG_DONTWAIT), 0);
  close(fd);
  stop();
}

static char logged[1000];

static void on_line(const sio_log_line *l, void *user) {
  size_t n = strlen(logged);
  (void)user;
  snprintf(logged + n, sizeof logged - n, "%s\n", l->text);
}

static const char *const unix_proxies[] = { "unix", NULL };

TEST(why_a_provider_opens_no_session_is_logged_and_returned) {
  int err;
  begin(&(sio_options){ .log = on_line });
  *logged = '\0';
  veil_does.open_fails = UV_EMFILE;
  int fd = dial_tls((sio_slice){ NULL, 0 }, &err);
  EQ(err, UV_EMFILE);
  turn();
  CHECK(strstr(logged, "the connection is closed because TLS cannot be started: too many open"));
  CHECK(!strstr(logged, "memory"));
  close(fd);
  stop();
}

TEST(why_a_provider_opens_no_session_after_a_proxy_header_is_logged) {
  char c;
  begin(&(sio_options){ .log = on_line, .trusted_proxies = unix_proxies, .proxy_protocol = true });
  *logged = '\0';
  veil_does.open_fails = UV_EMFILE;
  int fd = dial_veiled();
  tell(fd, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 36);
  CHECK(strstr(logged, "192.0.2.1: the connection is closed because TLS cannot be started: too"));
  CHECK(!strstr(logged, "memory"));
  EQ(recv(fd, &c, 1, MSG_DONTWAIT), 0);
  close(fd);
  stop();
}

TEST(without_memory_for_it_a_secure_request_shows_nothing) {
  char out[256];
  begin(NULL);
  veil_does.info_fails = UV_ENOMEM;
  int fd = dial_veiled();
  size_t n = veil(out, VEIL_HELLO, "");
  tell(fd, out, n + veil(out + n, VEIL_DATA, get_who));
  EQ_STR(seen, "secure nobody");
  close(fd);
  stop();
}

/* ---- staying out ---------------------------------------------------------------------------- */

TEST(a_failed_handshake_is_reported_with_its_reason) {
  char out[16];
  begin(NULL);
  veil_does.kind = SIO_TLS_FAILED_CIPHER;
  int fd = dial_veiled();
  tell(fd, "\x16\xff\xff", 3);
  EQ(turned_away, 1);
  EQ_STR(reason, "the veil is torn");
  EQ(stats().tls_failed[SIO_TLS_FAILED_CIPHER], 1);
  EQ(veil_does.open, 0); /* the connection stays until the alert is taken, the session does not */
  EQ(stats().connections, 1);
  tell(fd, out, veil(out, VEIL_HELLO, "")); /* is not heard any more */
  EQ(stats().tls_handshakes[SIO_TLS_1_2], 0);
  close(fd);
  stop();
}

TEST(what_a_provider_calls_by_no_name_is_counted_all_the_same) {
  char out[16];
  begin(NULL);
  veil_does.kind = 99;
  veil_does.version = -3;
  int fd = dial_veiled(), other = dial_veiled();
  tell(fd, "\x16\xff\xff", 3);
  tell(other, out, veil(out, VEIL_HELLO, ""));
  EQ(stats().tls_failed[SIO_TLS_FAILED_PROTOCOL], 1);
  EQ(stats().tls_handshakes[SIO_TLS_OTHER], 1);
  close(fd);
  close(other);
  stop();
}

TEST(a_peer_whose_handshake_takes_too_long_is_disconnected) {
  begin(&(sio_options){ .tls_timeout_ms = 700 });
  int fd = dial_veiled();
  later(699);
  EQ(turned_away, 0);
  later(701);
  EQ(turned_away, 1);
  EQ_STR(reason, "the TLS handshake was not complete within tls_timeout_ms");
  EQ(stats().tls_failed[SIO_TLS_FAILED_TIMEOUT], 1);
  close(fd);
  stop();
}

/* The time for the handshake is over; that for the first head begins. */
TEST(after_the_handshake_a_head_has_its_own_time) {
  char out[256];
  begin(&(sio_options){ .tls_timeout_ms = 700, .head_timeout_ms = 5000 });
  int fd = dial_veiled();
  tell(fd, out, veil(out, VEIL_HELLO, ""));
  later(4000);
  tell(fd, out, veil(out, VEIL_DATA, get_who));
  CHECK(strstr(hear(fd), "told"));
  EQ(turned_away, 0);
  close(fd);
  stop();
}

/* ---- handshakes under way ------------------------------------------------------------------- */

TEST(past_max_tls_handshakes_the_oldest_makes_room) {
  int fd[5];
  char out[16];
  begin(&(sio_options){ .max_tls_handshakes = 3 });
  for (int i = 0; i < 5; i++) fd[i] = dial_veiled();
  EQ(stats().tls_handshaking, 0); /* a silent peer takes no memory */
  for (int i = 0; i < 3; i++) tell(fd[i], "\x16", 1);
  EQ(stats().tls_handshaking, 3);
  EQ(turned_away, 0);
  tell(fd[3], "\x16", 1);
  EQ(turned_away, 1);
  CHECK(strstr(reason, "max_tls_handshakes"));
  EQ(stats().tls_handshaking, 3);
  EQ(stats().tls_displaced, 1);
  EQ(veil_does.open, 4);
  EQ(recv(fd[0], out, sizeof out, MSG_DONTWAIT), 0);
  for (int i = 1; i < 4; i++) tell(fd[i], "\0", 2);
  EQ(stats().tls_handshaking, 0);
  EQ(stats().tls_handshakes[SIO_TLS_1_2], 3);
  tell(fd[4], out, veil(out, VEIL_HELLO, ""));
  EQ(turned_away, 1);
  for (int i = 0; i < 5; i++) close(fd[i]);
  stop();
  EQ(veil_does.open, 0);
}

TEST(a_handshake_that_ends_in_any_way_makes_room) {
  begin(&(sio_options){ .max_tls_handshakes = 1, .tls_timeout_ms = 700 });
  int left = dial_veiled(), torn = dial_veiled(), late = dial_veiled(), last = dial_veiled();
  tell(left, "\x16", 1);
  close(left);
  for (int i = 0; i < 5; i++) turn();
  EQ(stats().tls_handshaking, 0);
  tell(torn, "\x16\xff\xff", 3);
  EQ(stats().tls_handshaking, 0);
  tell(late, "\x16", 1);
  EQ(stats().tls_handshaking, 1);
  later(701);
  EQ(stats().tls_handshaking, 0);
  EQ(stats().tls_displaced, 0);
  close(torn);
  close(late);
  close(last);
  stop();
}

/* ---- afterwards ----------------------------------------------------------------------------- */

TEST(a_write_that_fails_ends_the_connection) {
  char out[256];
  begin(NULL);
  int fd = dial_veiled();
  veil_does.write_fails = UV_ENOMEM;
  size_t n = veil(out, VEIL_HELLO, "");
  tell(fd, out, n + veil(out + n, VEIL_DATA, get_who));
  EQ_STR(seen, "secure CN=anybody");
  EQ(stats().connections, 0);
  EQ(stats().tls_failed[SIO_TLS_FAILED_BROKEN], 1);
  close(fd);
  stop();
}

/* More than it may make us say while it does not read. */
TEST(a_peer_that_makes_tls_talk_and_does_not_read_is_not_read_from) {
  static char many[3000];
  char out[16];
  size_t sent = 0;
  begin(NULL);
  int fd = dial_veiled();
  tell(fd, out, veil(out, VEIL_HELLO, ""));
  for (size_t i = 0; i < sizeof many; i += VEIL_HEAD) veil(many + i, VEIL_CHATTY, "");
  for (unsigned idle = 0; idle < 20; idle++) {
    ssize_t k = send(fd, many, sizeof many, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (k == sizeof many) idle = 0;
    if (k > 0) sent += (size_t)k;
    if (sent > 64 << 20) break;
    turn();
  }
  CHECK(sent < 16 << 20);
  CHECK(stats().net_bytes_in < sent);
  CHECK(stats().net_blocked > 0);
  close(fd);
  stop();
}

static sio_session *session;
static void on_open(sio_session *c, void *user) {
  (void)user;
  session = c;
}
static void on_connect(sio_socket *s, void *user) {
  (void)user;
  EQ_STR(sio_session_info_of(sio_socket_session(s)).tls->subject, "CN=anybody");
}

static sio_request *asked;

static void on_later(sio_request *r, void *user) {
  (void)user;
  asked = r;
}

TEST(a_peer_that_ends_its_half_of_tls_is_answered_later) {
  static const char get[] = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";
  char out[256];
  begin(NULL);
  EQ(sio_route(srv, "GET", "/later", 0, on_later, NULL), 0);
  int fd = dial_veiled();
  size_t n = veil(out, VEIL_HELLO, "");
  n += veil(out + n, VEIL_DATA, get);
  tell(fd, out, n + veil(out + n, VEIL_END, ""));
  REQUIRE(asked != NULL);
  EQ(sio_respond(asked, 200, "text/plain", sio_text("at last")), 0);
  for (int i = 0; i < 10; i++) turn();
  const char *heard_all = hear(fd);
  CHECK(strstr(heard_all, "100 Continue") && strstr(heard_all, "at last"));
  EQ(stats().connections, 0);
  close(fd);
  stop();
  EQ(veil_does.open, 0);
}

TEST(a_session_keeps_what_its_first_request_came_over) {
  static const sio_engine_hooks hooks = { .open = on_open };
  static const char poll[] = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";
  char out[512], post[300];
  begin(&(sio_options){ .drop_handshake = true });
  EQ(sio_on_engine(srv, &hooks, NULL), 0);
  EQ(sio_on_connect(root, on_connect, NULL), 0);
  int fd = dial_veiled();
  size_t n = veil(out, VEIL_HELLO, "");
  tell(fd, out, n + veil(out + n, VEIL_DATA, poll));
  REQUIRE(session != NULL);
  close(fd);
  for (int i = 0; i < 5; i++) turn();
  EQ(stats().tls_connections, 0);
  EQ_STR(sio_session_info_of(session).tls->version, "veil 1");
  EQ_STR(sio_session_info_of(session).address, "");
  CHECK(sio_session_info_of(session).secure);
  snprintf(post, sizeof post,
           "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
           "Content-Length: 2\r\n\r\n40",
           sio_session_info_of(session).id);
  fd = dial_veiled();
  n = veil(out, VEIL_HELLO, "");
  tell(fd, out, n + veil(out + n, VEIL_DATA, post));
  EQ(sio_session_info_of(session).url.n, 0); /* forgotten */
  EQ_STR(sio_session_info_of(session).tls->subject, "CN=anybody");
  close(fd);
  stop();
}

TESTS_BEGIN
T(a_request_right_after_the_handshake_is_answered)
T(on_a_plain_connection_there_is_nothing_to_see)
T(what_the_host_has_read_already_is_the_first_of_it)
T(a_provider_that_lacks_a_function_is_refused)
T(without_a_session_the_connection_is_closed_and_counted)
T(why_a_provider_opens_no_session_is_logged_and_returned)
T(why_a_provider_opens_no_session_after_a_proxy_header_is_logged)
T(without_memory_for_it_a_secure_request_shows_nothing)
T(a_failed_handshake_is_reported_with_its_reason)
T(what_a_provider_calls_by_no_name_is_counted_all_the_same)
T(a_peer_whose_handshake_takes_too_long_is_disconnected)
T(after_the_handshake_a_head_has_its_own_time)
T(past_max_tls_handshakes_the_oldest_makes_room)
T(a_handshake_that_ends_in_any_way_makes_room)
T(a_write_that_fails_ends_the_connection)
T(a_peer_that_makes_tls_talk_and_does_not_read_is_not_read_from)
T(a_peer_that_ends_its_half_of_tls_is_answered_later)
T(a_session_keeps_what_its_first_request_came_over)
TESTS_END
