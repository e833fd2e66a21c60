/* SPDX-License-Identifier: MIT
 *
 * test_listening.c - real sockets: what a server listens on, what it says about it, and who is
 * taken in by it; descriptors and listeners of the host's.
 */
#include "veil.h"
#include "whole.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sio/tls.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char said[4096], path[64];
static const char ask[] = "GET /none HTTP/1.1\r\nHost: a\r\n\r\n";

static void on_log(const sio_log_line *l, void *user) {
  size_t n = strlen(said);
  (void)user;
  snprintf(said + n, sizeof said - n, "%s %s\n", l->part, l->text);
}

static void begin(sio_options o) {
  said[0] = '\0';
  o.log = on_log;
  o.log_level = SIO_LOG_INFO;
  whole_start(&o);
  turn();
}

/* The log's lines come by the end of the turn. */
static bool says(const char *text) {
  turn();
  return strstr(said, text) != NULL;
}

static int dial_tcp(int port) {
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) abort();
  return fd;
}

static int dial_unix(void) {
  struct sockaddr_un to = { .sun_family = AF_UNIX };
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) abort();
  return fd;
}

/* What comes back within some turns; the connection is closed then. */
static const char *answer(int fd, const char *p, size_t n) {
  static char in[1024];
  size_t got = 0;
  for (int i = 0; i < 50 && got == 0; i++) {
    if (n && send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n) n = 0;
    turn();
    ssize_t k = recv(fd, in + got, sizeof in - 1 - got, 0);
    if (k > 0) got += (size_t)k;
  }
  in[got] = '\0';
  close(fd);
  turn();
  return in;
}

static bool is_served(int fd) {
  return strncmp(answer(fd, ask, sizeof ask - 1), "HTTP/1.1 404", 12) == 0;
}

/* ---- listeners of ours ----------------------------------------------------------------------- */

TEST(a_port_takes_connections_and_the_log_says_on_what) {
  begin((sio_options){ 0 });
  EQ(sio_port(srv), 0);
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  CHECK(sio_port(srv) > 0);
  CHECK(says("path /socket.io/, polling and websocket"));
  CHECK(is_served(dial_tcp(sio_port(srv))));
  whole_stop();
}

TEST(all_addresses_are_listened_on_when_none_is_named) {
  begin((sio_options){ .transports = SIO_WEBSOCKET });
  EQ(sio_listen(srv, NULL, 0), 0);
  CHECK(says("all addresses") && says(", websocket"));
  CHECK(is_served(dial_tcp(sio_port(srv))));
  whole_stop();
}

TEST(a_server_of_one_transport_says_which) {
  begin((sio_options){ .transports = SIO_POLLING });
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  CHECK(says(", polling") && !says("websocket"));
  whole_stop();
}

TEST(a_unix_socket_takes_connections_and_is_gone_afterwards) {
  struct stat st;
  snprintf(path, sizeof path, "/tmp/sio-listening-%d", (int)getpid());
  begin((sio_options){ 0 });
  EQ(sio_listen_with(srv, &(sio_listen_options){ .path = path }), 0);
  EQ(sio_port(srv), 0);
  CHECK(says(path));
  CHECK(is_served(dial_unix()));
  EQ(sio_listen_with(srv, &(sio_listen_options){ .path = path }), UV_EADDRINUSE);
  whole_stop();
  CHECK(stat(path, &st) != 0);
}

TEST(what_is_in_the_way_is_not_removed) {
  snprintf(path, sizeof path, "/tmp/sio-listening-%d", (int)getpid());
  int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  begin((sio_options){ 0 });
  EQ(sio_listen_with(srv, &(sio_listen_options){ .path = path }), UV_EADDRINUSE);
  EQ(unlink(path), 0);
  EQ(sio_listen_with(srv, &(sio_listen_options){ .path = "/nowhere/at/all" }), UV_ENOENT);
  whole_stop();
  close(fd);
}

TEST(a_port_can_be_under_tls) {
  char hello[256];
  size_t n = veil(hello, VEIL_HELLO, "");
  n += veil(hello + n, VEIL_DATA, ask);
  begin((sio_options){ 0 });
  EQ(sio_listen_with(srv, &(sio_listen_options){ .host = "127.0.0.1", .tls = &veil_tls }), 0);
  CHECK(says("TLS"));
  CHECK(answer(dial_tcp(sio_port(srv)), hello, n)[0] == VEIL_HELLO);
  whole_stop();
  EQ(veil_does.open, 0);
}

TEST(a_unix_socket_can_be_under_tls) {
  char hello[256];
  snprintf(path, sizeof path, "/tmp/sio-listening-%d", (int)getpid());
  size_t n = veil(hello, VEIL_HELLO, "");
  n += veil(hello + n, VEIL_DATA, ask);
  begin((sio_options){ 0 });
  EQ(sio_listen_with(srv, &(sio_listen_options){ .path = path, .tls = &veil_tls }), 0);
  CHECK(answer(dial_unix(), hello, n)[0] == VEIL_HELLO);
  whole_stop();
}

/* ---- listeners that fail --------------------------------------------------------------------- */

/* Does the call fail with this error, and has it logged this line when it returns? */
static bool fails_with(const sio_listen_options *o, int want, const char *line) {
  said[0] = '\0';
  int err = sio_listen_with(srv, o);
  bool logged = strcmp(said, line) == 0;
  if (err != want || !logged) fprintf(stderr, "%d, %s", err, said);
  return err == want && logged;
}

TEST(a_failure_to_listen_names_the_address_the_port_and_the_reason) {
  char line[160];
  begin((sio_options){ 0 });
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  int port = sio_port(srv);
  turn();
  snprintf(line, sizeof line, "net cannot listen on 127.0.0.1 port %d: address already in use\n",
           port);
  const sio_listen_options taken_port = { .host = "127.0.0.1", .port = port };
  CHECK(fails_with(&taken_port, UV_EADDRINUSE, line));
  said[0] = '\0';
  EQ(sio_listen(srv, "127.0.0.1", port), UV_EADDRINUSE);
  EQ_STR(said, line);
  CHECK(
      fails_with(&(sio_listen_options){ .path = "/nowhere/at/all" }, UV_ENOENT,
                 "net cannot listen on Unix socket /nowhere/at/all: no such file or directory\n"));
  whole_stop();
}

TEST(an_invalid_field_is_refused_and_the_log_says_which) {
  sio_tls_ops ops = veil_ops;
  ops.read = NULL;
  const sio_tls lacking = { &ops, NULL };
  begin((sio_options){ 0 });
  CHECK(fails_with(
      &(sio_listen_options){ .path = "/x", .port = 80 }, UV_EINVAL,
      "net cannot listen on Unix socket /x: path cannot be set together with host or port\n"));
  CHECK(fails_with(
      &(sio_listen_options){ .path = "/x", .host = "::1" }, UV_EINVAL,
      "net cannot listen on Unix socket /x: path cannot be set together with host or port\n"));
  CHECK(fails_with(&(sio_listen_options){ .port = -1 }, UV_EINVAL,
                   "net cannot listen on all addresses port -1: the port is not in the "
                   "range 0 to 65535\n"));
  EQ(sio_listen_with(srv, NULL), UV_EINVAL);
  CHECK(fails_with(&(sio_listen_options){ .port = 70000 }, UV_EINVAL,
                   "net cannot listen on all addresses port 70000: the port is not in the "
                   "range 0 to 65535\n"));
  CHECK(fails_with(&(sio_listen_options){ .backlog = -1 }, UV_EINVAL,
                   "net cannot listen on all addresses port 0: the backlog is negative\n"));
  CHECK(fails_with(&(sio_listen_options){ .tls = &lacking }, UV_EINVAL,
                   "net cannot listen on all addresses port 0: tls lacks a function of "
                   "sio_tls_ops\n"));
  sio_server_close(srv, on_done, NULL);
  sio_log_flush(srv);
  CHECK(fails_with(&(sio_listen_options){ .port = 80 }, SIO_ESTATE,
                   "net cannot listen on all addresses port 80: the server is closing\n"));
  whole_gone();
}

/* ---- listeners and descriptors of the host's ------------------------------------------------- */

static bool under_tls;
static int taken;

static void on_connection(uv_stream_t *listener, int status) {
  EQ(status, 0);
  taken = sio_accept(srv, &(sio_accept_options){ .listener = listener,
                                                 .tls = under_tls ? &veil_tls : NULL });
}

static int listen_as_host(uv_tcp_t *host) {
  struct sockaddr_in at;
  int n = sizeof at;
  uv_ip4_addr("127.0.0.1", 0, &at);
  if (uv_tcp_init(&uv, host) || uv_tcp_bind(host, (struct sockaddr *)&at, 0)) abort();
  if (uv_listen((uv_stream_t *)host, 5, on_connection)) abort();
  uv_tcp_getsockname(host, (struct sockaddr *)&at, &n);
  return ntohs(at.sin_port);
}

TEST(the_hosts_own_listener_may_be_under_tls) {
  uv_tcp_t host;
  char hello[64];
  begin((sio_options){ 0 });
  int port = listen_as_host(&host);
  under_tls = true;
  CHECK(answer(dial_tcp(port), hello, veil(hello, VEIL_HELLO, ""))[0] == VEIL_HELLO);
  EQ(taken, 0);
  under_tls = false;
  CHECK(is_served(dial_tcp(port)));
  uv_close((uv_handle_t *)&host, NULL);
  whole_stop();
}

TEST(a_server_that_closes_takes_nobody_from_the_hosts_listener) {
  uv_tcp_t host;
  begin((sio_options){ 0 });
  int port = listen_as_host(&host);
  sio_server_close(srv, on_done, NULL);
  EQ(sio_accept(srv, &(sio_accept_options){ .listener = (uv_stream_t *)&host }), SIO_ECLOSED);
  EQ(sio_accept(srv, &(sio_accept_options){ .listener = (uv_stream_t *)&host, .tls = &veil_tls }),
     SIO_ECLOSED);
  (void)port;
  uv_close((uv_handle_t *)&host, NULL);
  whole_gone();
}

/* Taken over also where it is refused: a second close of it fails. */
TEST(a_descriptor_that_is_none_is_refused_and_one_past_a_limit_is_closed) {
  int pair[2];
  begin((sio_options){ .max_connections = 1 });
  EQ(sio_accept(srv, &(sio_accept_options){ .fd = -1 }), UV_EBADF);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) abort();
  EQ(sio_accept(srv, &(sio_accept_options){ .fd = pair[0] }), 0);
  int kept = pair[1];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) abort();
  EQ(sio_accept(srv, &(sio_accept_options){ .fd = pair[0] }), SIO_ETOOBIG);
  EQ(close(pair[0]), -1);
  close(pair[1]);
  close(kept);
  whole_stop();
}

TEST(a_socket_of_a_host_that_blocked_blocks_no_more) {
  int pair[2];
  begin((sio_options){ 0 });
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) abort();
  EQ(sio_accept(srv, &(sio_accept_options){ .fd = pair[0] }), 0);
  CHECK(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
  fcntl(pair[1], F_SETFL, O_NONBLOCK);
  CHECK(is_served(pair[1]));
  whole_stop();
}

TESTS_BEGIN
T(a_port_takes_connections_and_the_log_says_on_what)
T(all_addresses_are_listened_on_when_none_is_named)
T(a_server_of_one_transport_says_which)
T(a_unix_socket_takes_connections_and_is_gone_afterwards)
T(what_is_in_the_way_is_not_removed)
T(a_port_can_be_under_tls)
T(a_unix_socket_can_be_under_tls)
T(a_failure_to_listen_names_the_address_the_port_and_the_reason)
T(an_invalid_field_is_refused_and_the_log_says_which)
T(the_hosts_own_listener_may_be_under_tls)
T(a_server_that_closes_takes_nobody_from_the_hosts_listener)
T(a_descriptor_that_is_none_is_refused_and_one_past_a_limit_is_closed)
T(a_socket_of_a_host_that_blocked_blocks_no_more)
TESTS_END
