/* SPDX-License-Identifier: MIT
 *
 * other_loop.h - scenes of a server whose uv loop is turned in pieces by a main loop that is not
 * libuv's. The program that includes this says how that main loop waits:
 *
 *     static void host_wait(int fd);   until `fd` is readable or the uv loop asks to be run, for
 *                                      ever if need be; then, if it asks, runs it once
 *
 * A reply that is late by a tick never comes here: nothing else happens that would wake the host.
 * The program ends by SIGALRM then.
 */
#ifndef SIO_TEST_OTHER_LOOP_H
#define SIO_TEST_OTHER_LOOP_H

#include "raw_client.h"
#include "whole.h"
#include <netinet/in.h>
#include <pthread.h>

enum {
  PATIENCE_S = 20, /* before a host that waits for ever is ended             */
  SHORT_MS = 200   /* deadlines up to here are a scene's; later ones are not */
};

static void host_wait(int fd);
static void host_open(void);
static void host_close(void);

static char heard[1 << 16];
static size_t nheard;

/* Waits until the text has come. */
static bool expect(int fd, const char *want) {
  while (!memmem(heard, nheard, want, strlen(want))) {
    if (nheard == sizeof heard) nheard = 0;
    ssize_t n = recv(fd, heard + nheard, sizeof heard - nheard, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return false;
    if (n < 0)
      host_wait(fd);
    else
      nheard += (size_t)n;
  }
  nheard = 0;
  return true;
}

static bool put(int fd, const void *p, size_t n) {
  return send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static const char upgrade_request[] =
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n";
static const char poll_request[] =
    "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";
static const char join[] = "\x81\x82\0\0\0\0"
                           "40";

static bool handshake(int fd) {
  return put(fd, upgrade_request, sizeof upgrade_request - 1) && expect(fd, "\"sid\"") &&
         put(fd, join, sizeof join - 1) && expect(fd, "40{\"sid\"");
}

static sio_socket *newest;
static void on_connect(sio_socket *s, void *user) {
  (void)user;
  newest = s;
}

static void begin(void) {
  alarm(PATIENCE_S);
  newest = NULL;
  nheard = 0;
  whole_start(NULL);
  host_open();
  EQ(sio_on_connect(root, on_connect, NULL), 0);
}

/* The server says that it ends, and its peers leave: the rest comes without an event. */
static void end(int fd) {
  sio_server_close(srv, on_done, NULL);
  if (fd >= 0) {
    CHECK(expect(fd, "\x88"));
    close(fd);
  }
  while (!closed) host_wait(-1);
  host_close();
  whole_gone();
  alarm(0);
}

static int accepted_pair(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) abort();
  fcntl(pair[0], F_SETFL, O_NONBLOCK);
  EQ(sio_accept(srv, &(sio_accept_options){ .fd = pair[0] }), 0);
  return pair[1];
}

static int tcp_client(int port) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  a.sin_port = htons((uint16_t)port);
  if (connect(fd, (struct sockaddr *)&a, sizeof a)) abort();
  return fd;
}

/* ---- scenes -------------------------------------------------------------------------------- */

TEST(a_handshake_is_answered_when_it_has_come) {
  begin();
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  int fd = tcp_client(sio_port(srv));
  CHECK(put(fd, poll_request, sizeof poll_request - 1) && expect(fd, "\"sid\""));
  close(fd);
  fd = tcp_client(sio_port(srv));
  CHECK(handshake(fd));
  end(fd);
}

TEST(a_descriptor_that_is_handed_over_between_two_runs_is_watched) {
  begin();
  int fd = accepted_pair();
  CHECK(handshake(fd));
  end(fd);
}

TEST(what_is_sent_between_two_runs_leaves) {
  begin();
  int fd = accepted_pair();
  REQUIRE(handshake(fd));
  EQ(sio_emit(newest, "one", SIO_NONE), 0);
  CHECK(expect(fd, "42[\"one\"]"));
  EQ(sio_broadcast((sio_target){ .nsp = root }, "two", SIO_NONE), 0);
  CHECK(expect(fd, "42[\"two\"]"));
  sio_disconnect(newest, false);
  CHECK(expect(fd, "41"));
  end(fd);
}

static int acked;
static void on_ack(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)reply, (void)user;
  acked = status;
}

TEST(a_deadline_that_is_set_between_two_runs_is_met) {
  begin();
  int fd = accepted_pair();
  REQUIRE(handshake(fd));
  acked = 0;
  EQ(sio_emit_ack(newest, "asked", SIO_NONE, SHORT_MS / 10, on_ack, NULL), 0);
  while (acked == 0) host_wait(-1);
  EQ(acked, SIO_ETIMEOUT);
  end(fd);
}

TEST(what_waited_for_a_slow_peer_leaves_when_it_reads) {
  static char big[1 << 22];
  begin();
  int fd = accepted_pair();
  REQUIRE(handshake(fd));
  memset(big, 'x', sizeof big - 1);
  EQ(sio_emit(newest, "big", SIO_ARGS(big)), 0);
  EQ(sio_emit(newest, "last", SIO_NONE), 0);
  CHECK(expect(fd, "42[\"last\"]"));
  end(fd);
}

static int posted;
static void on_post(sio_server *server, void *arg) {
  (void)server, (void)arg;
  posted++;
}
static void *poster(void *arg) {
  (void)arg;
  while (sio_post(srv, on_post, NULL)) {}
  return NULL;
}

TEST(what_another_thread_posts_before_the_first_run_is_run) {
  pthread_t t;
  uv_async_t own; /* without a listener, something of the host's must keep the loop alive */
  begin();
  uv_async_init(&uv, &own, NULL);
  posted = 0;
  /* The host has run what it was asked to, and waits when the post comes. */
  while (uv_backend_timeout(&uv) == 0) host_wait(-1);
  if (pthread_create(&t, NULL, poster, NULL)) abort();
  while (posted == 0) host_wait(-1);
  pthread_join(t, NULL);
  uv_close((uv_handle_t *)&own, NULL);
  end(-1);
}

static void on_event(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s, true);
}

TEST(a_session_that_a_handler_ends_is_ended_without_another_event) {
  static const char frame[] = "\x81\x89\0\0\0\0"
                              "42[\"end\"]";
  begin();
  EQ(sio_on(root, "end", on_event, NULL), 0);
  int fd = accepted_pair();
  REQUIRE(handshake(fd));
  CHECK(put(fd, frame, sizeof frame - 1));
  CHECK(expect(fd, "\x88"));
  close(fd);
  end(-1);
}

#define OTHER_LOOP_SCENES                                         \
  T(a_handshake_is_answered_when_it_has_come)                     \
  T(a_descriptor_that_is_handed_over_between_two_runs_is_watched) \
  T(what_is_sent_between_two_runs_leaves)                         \
  T(a_deadline_that_is_set_between_two_runs_is_met)               \
  T(what_waited_for_a_slow_peer_leaves_when_it_reads)             \
  T(what_another_thread_posts_before_the_first_run_is_run)        \
  T(a_session_that_a_handler_ends_is_ended_without_another_event)

#endif
