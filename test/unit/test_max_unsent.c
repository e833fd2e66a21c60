/* SPDX-License-Identifier: MIT
 *
 * test_max_unsent.c - a peer that stops reading while a value is sent 5000 times, over real
 * sockets: how many old values the kernel holds for it.
 */
#include "eio/session.h"
#include "raw_client.h"
#include "test.h"
#include "whole.h"
#include <arpa/inet.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <sys/un.h>

enum { SAMPLES = 5000, SAMPLE_SIZE = 1000 };

static struct raw peer;
static sio_socket *sock;
static char path[64];

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  sock = s;
}

static int dial_tcp(void) {
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)sio_port(srv)) };
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) abort();
  return fd;
}

static int dial_unix(void) {
  struct sockaddr_un to = { .sun_family = AF_UNIX };
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) abort();
  return fd;
}

static bool join(int fd) {
  peer = (struct raw){ .loop = &uv, .fd = fd };
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return raw_upgrade(&peer, "/socket.io/?EIO=4&transport=websocket") && raw_text(&peer, "40") &&
         raw_expect(&peer, "40{");
}

/* Each sample begins with a '#' and its number. */
static void send_samples(void) {
  static char sample[SAMPLE_SIZE + 1];
  memset(sample, 'x', SAMPLE_SIZE);
  for (int i = 0; i < SAMPLES; i++) {
    int n = snprintf(sample, sizeof sample, "#%d,", i);
    sample[n] = 'x';
    sio_emit_with(sock, &(sio_emit_options){ .key = "position" }, "position",
                  SIO_ARGS((const char *)sample));
    turn();
  }
}

/* Reads until the newest sample has arrived; returns how many samples arrived before it. */
static int count_stale_samples(void) {
  static char in[1 << 16];
  char newest[16];
  int stale = 0;
  size_t kept = 0;
  snprintf(newest, sizeof newest, "#%d,", SAMPLES - 1);
  for (int idle = 0; idle < 1000; idle++) {
    ssize_t n = recv(peer.fd, in + kept, sizeof in - kept, 0);
    turn();
    if (n <= 0) continue;
    idle = 0;
    size_t have = kept + (size_t)n;
    if (memmem(in, have, newest, strlen(newest))) return stale;
    kept = have < 16 ? have : 16;
    for (size_t i = 0; i + kept < have; i++) stale += in[i] == '#';
    memmove(in, in + have - kept, kept);
  }
  return -1;
}

static sio_options latest_only(size_t max_unsent) {
  return (sio_options){ .when_full = SIO_FULL_KEEP_LATEST,
                        .queue_high = 16 * 1024,
                        .max_unsent = max_unsent };
}

static int stale_samples(const sio_options *o, const sio_listen_options *where, int (*dial)(void)) {
  int stale = -1;
  whole_start(o);
  EQ(sio_on_connect(root, on_connect, NULL), 0);
  EQ(sio_listen_with(srv, where), 0);
  if (join(dial())) {
    send_samples();
    stale = count_stale_samples();
  }
  raw_close(&peer);
  whole_stop();
  return stale;
}

static const sio_listen_options loopback = { .host = "127.0.0.1" };

TEST(a_peer_that_stops_reading_is_sent_few_old_values_afterwards) {
  sio_options fresh = latest_only(0), unbounded = latest_only(INT_MAX);
  int few = stale_samples(&fresh, &loopback, dial_tcp);
  int many = stale_samples(&unbounded, &loopback, dial_tcp);
  CHECK(few >= 0 && many > 0);
  CHECK(few < many / 2);
}

TEST(on_a_unix_socket_the_bound_is_that_of_the_send_buffer) {
  sio_options fresh = latest_only(8192), unbounded = latest_only(INT_MAX);
  snprintf(path, sizeof path, "/tmp/sio-unsent-%d", (int)getpid());
  const sio_listen_options where = { .path = path };
  int few = stale_samples(&fresh, &where, dial_unix);
  int many = stale_samples(&unbounded, &where, dial_unix);
  CHECK(few >= 0 && many > 0);
  CHECK(few < many / 2);
}

/* ---- when it is on --------------------------------------------------------------------------- */

static int low_water_mark(const sio_options *o) {
  int v = 0;
  socklen_t n = sizeof v;
  whole_start(o);
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  EQ(sio_on_connect(root, on_connect, NULL), 0);
  CHECK(join(dial_tcp()));
  struct conn *c = sio_socket_session(sock)->ws->conn;
  EQ(getsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &v, &n), 0);
  raw_close(&peer);
  whole_stop();
  return v;
}

TEST(the_bound_is_64_kib_where_the_latest_is_kept_and_off_elsewhere) {
  sio_options o = latest_only(0);
  EQ(low_water_mark(&o), 65536);
  o.max_unsent = 10000;
  EQ(low_water_mark(&o), 10000);
  o.when_full = SIO_FULL_DROP_OLDEST;
  EQ(low_water_mark(&o), 10000);
  o.max_unsent = 0;
  EQ(low_water_mark(&o), 0);
}

TESTS_BEGIN
T(a_peer_that_stops_reading_is_sent_few_old_values_afterwards)
T(on_a_unix_socket_the_bound_is_that_of_the_send_buffer)
T(the_bound_is_64_kib_where_the_latest_is_kept_and_off_elsewhere)
TESTS_END
