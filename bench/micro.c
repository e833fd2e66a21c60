/* SPDX-License-Identifier: MIT
 *
 * micro.c - the hot paths in memory, for counting instructions: a change's cost is seen on a
 * noisy machine too. tools/bench --micro runs it under callgrind.
 *
 *     micro           lists the benchmarks: name, operations, what one is
 *     micro echo      runs one; what counts is what happens inside measure_echo()
 *
 * The peers are the other ends of socket pairs in the same process; what they do is outside of
 * what is measured, and so are the kernel's instructions.
 */
#include <fcntl.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "packet/packet.h"

enum { RECEIVERS = 1000, WARM = 50 };

static const char event_text[] = "20[\"chat\",\"hello\",{\"a\":1,\"b\":[true,null,\"x\"]}]";
static const char event_frame[] = "\x81\x96\0\0\0\0"
                                  "420[\"echo\",\"hello...\"]";
static const char upgrade[] =
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
static const char join_frame[] = "\x81\x82\0\0\0\0"
                                 "40";

static uv_loop_t *loop;
static sio_server *server;
static sio_nsp *root;
static sio_socket *sockets[RECEIVERS];
static int nsockets;
static int peers[RECEIVERS];

static void expect(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "micro: %s\n", what);
  exit(1);
}

/* ---- a server and peers ------------------------------------------------------------------- */

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, sio_argv((sio_val[]){ sio_event_args(e) }, 1));
}

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  sockets[nsockets++ % RECEIVERS] = s;
}

/* Lets the server write what the last pass queued, then reads. */
static void pass(void) { uv_run(loop, UV_RUN_NOWAIT); }

static void turn(void) {
  pass();
  pass();
}

static void start_server(void) {
  loop = uv_default_loop();
  expect(sio_server_new(loop, NULL, &server) == 0, "no server");
  expect(sio_of(server, "/", &root) == 0, "no namespace");
  sio_on(root, "echo", on_echo, NULL);
  sio_on_connect(root, on_connect, NULL);
}

static void say(int fd, const char *p, size_t n) {
  expect(write(fd, p, n) == (ssize_t)n, "the server takes no bytes");
}

static size_t hear(int fd) {
  static char heard[65536];
  ssize_t n = read(fd, heard, sizeof heard);
  return n > 0 ? (size_t)n : 0;
}

static int new_peer(void) {
  int fds[2];
  expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "no pair");
  expect(sio_accept(server, &(sio_accept_options){ .fd = fds[0] }) == 0, "not accepted");
  return fds[1];
}

static int open_peer(void) {
  int fd = new_peer();
  say(fd, upgrade, sizeof upgrade - 1);
  turn();
  expect(hear(fd) > 0, "no upgrade");
  say(fd, join_frame, sizeof join_frame - 1);
  turn();
  expect(hear(fd) > 0, "not joined");
  return fd;
}

static void one_peer(void) {
  start_server();
  peers[0] = open_peer();
}

static void all_peers(void) {
  start_server();
  for (int i = 0; i < RECEIVERS; i++) peers[i] = open_peer();
}

static void hear_all(void) {
  for (int i = 0; i < RECEIVERS; i++) expect(hear(peers[i]) > 0, "not delivered");
}

/* ---- the benchmarks -------------------------------------------------------------------- */

static struct msgs home;
static struct decode_scratch scratch;
static const struct decoder_limits limits = { 10, 512, 1000000 };

static void step_decode(void) {
  struct decoder d = { NULL };
  struct packet out;
  const char *why;
  sio_slice text = { event_text, sizeof event_text - 1 };
  expect(sio__decode_packet_text(&d, &scratch, &limits, text, &out, &why) == DECODE_PACKET,
         "not decoded");
}

static void step_encode(void) {
  struct msg *m;
  expect(sio__encode_event_or_ack(&home, &scratch, &m, "/", "chat", SIO_ARGS("hello", 42, true),
                                  7) == 0,
         "not encoded");
  msg_unref(m);
}

static void before_echo(void) { say(peers[0], event_frame, sizeof event_frame - 1); }
/* Reads this event and writes the ack of the previous one, as a busy server does. */
static void step_echo(void) { pass(); }
static void after_echo(void) {
  static int times;
  expect(hear(peers[0]) > 0 || times == 0, "no ack");
  times++;
}

static void step_fanout(void) {
  sio_broadcast((sio_target){ .nsp = root }, "chat", SIO_ARGS("hello"));
  pass();
}

static void step_fanout8(void) {
  for (int i = 0; i < 8; i++) sio_broadcast((sio_target){ .nsp = root }, "chat", SIO_ARGS("hello"));
  pass();
}

static void step_rooms(void) {
  for (int i = 0; i < RECEIVERS; i++) sio_join(sockets[i], "room");
  for (int i = 0; i < RECEIVERS; i++) sio_leave(sockets[i], "room");
}

/* Accepts, upgrades and joins; closing is not counted. */
static void step_open(void) { peers[0] = open_peer(); }
static void after_open(void) {
  close(peers[0]);
  turn();
}

/* ---- what is counted ------------------------------------------------------------------- */

#define MEASURED(name) \
  __attribute__((noinline)) static void measure_##name(void) { step_##name(); }
MEASURED(decode)
MEASURED(encode)
MEASURED(echo)
MEASURED(fanout)
MEASURED(fanout8)
MEASURED(rooms)
MEASURED(open)

static void nothing(void) {}
static void init_home(void) { sio__msg_allocator_init(&home); }

static const struct bench {
  const char *name, *what;
  int steps, units; /* operations of one step */
  void (*setup)(void), (*before)(void), (*step)(void), (*measured)(void), (*after)(void);
} benches[] = {
  { "decode", "an event of 42 bytes taken apart", 1000, 1, nothing, nothing, step_decode,
    measure_decode, nothing },
  { "encode", "an event with three arguments put together", 1000, 1, init_home, nothing,
    step_encode, measure_encode, nothing },
  { "echo", "a turn: an event read, handled, acked, written", 1000, 1, one_peer, before_echo,
    step_echo, measure_echo, after_echo },
  { "fanout", "a broadcast to 1000, per receiver", 20, RECEIVERS, all_peers, nothing, step_fanout,
    measure_fanout, hear_all },
  { "fanout8", "eight broadcasts to 1000 in a turn, per delivery", 10, 8 * RECEIVERS, all_peers,
    nothing, step_fanout8, measure_fanout8, hear_all },
  { "rooms", "join and leave a room of 1000", 20, RECEIVERS, all_peers, nothing, step_rooms,
    measure_rooms, nothing },
  { "open", "a connection accepted, upgraded, joined", 200, 1, start_server, nothing, step_open,
    measure_open, after_open },
};

static void run(const struct bench *b) {
  b->setup();
  for (int i = 0; i < WARM + b->steps; i++) {
    b->before();
    if (i < WARM)
      b->step();
    else
      b->measured();
    b->after();
  }
}

static void allow_many_descriptors(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv) {
  allow_many_descriptors();
  for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
    const struct bench *b = &benches[i];
    if (argc < 2)
      printf("%s\t%d\t%s\n", b->name, b->steps * b->units, b->what);
    else if (strcmp(argv[1], b->name) == 0)
      run(b);
  }
  return 0;
}
