/* SPDX-License-Identifier: MIT
 *
 * deaf.c - what peers cost that are sent broadcasts and read none of them.
 *
 *     deaf [receivers [broadcasts [bytes]]]      1000 1000 1024
 *
 * The receivers are the other ends of socket pairs, held by a process of their own so that each
 * process needs one descriptor a receiver. Prints the memory of the server's process before, while
 * all waits, and after the receivers have left.
 */
#include <signal.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

enum { EVENTS_PER_TURN = 4, AFTER_S = 15 };

static const char hello[] =
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    "\x81\x82\0\0\0\0"
    "40";

static uv_loop_t *loop;
static sio_server *server;
static sio_nsp *root;
static int joined;

static void expect(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static void on_connect(sio_socket *s, void *user) {
  (void)s, (void)user;
  joined++;
}

static double rss_mb(void) {
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f && fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
  if (f) fclose(f);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

/* Sends its request before the descriptor goes to the receivers' process. */
static void open_receiver(int holder) {
  int fds[2];
  expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0,
         "socketpair");
  setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &(int){ 1 }, sizeof(int));
  expect(write(fds[1], hello, sizeof hello - 1) == (ssize_t)sizeof hello - 1, "write");
  char room[CMSG_SPACE(sizeof(int))] = { 0 };
  struct iovec one = { "x", 1 };
  struct msghdr mh = {
    .msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room
  };
  struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
  *cm = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
  memcpy(CMSG_DATA(cm), &fds[1], sizeof(int));
  expect(sendmsg(holder, &mh, 0) == 1, "sendmsg");
  close(fds[1]);
  expect(sio_accept(server, &(sio_accept_options){ .fd = fds[0] }) == 0, "accept");
}

/* Holds the descriptors that it receives until it is killed. */
static void hold(int fd) {
  char room[CMSG_SPACE(sizeof(int))], byte;
  struct iovec one = { &byte, 1 };
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) {
    struct msghdr mh = {
      .msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room
    };
    if (recvmsg(fd, &mh, 0) <= 0) pause();
  }
}

static int start_holder(pid_t *pid) {
  int fds[2];
  expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
  *pid = fork();
  expect(*pid >= 0, "fork");
  if (*pid == 0) hold(fds[1]);
  close(fds[1]);
  return fds[0];
}

static void start_server(void) {
  const sio_options o = { .ping_interval_ms = 86400000, .max_queued = 1u << 30 };
  static uv_async_t alive; /* nothing listens */
  loop = uv_default_loop();
  uv_async_init(loop, &alive, NULL);
  expect(sio_server_new(loop, &o, &server) == 0, "server");
  expect(sio_of(server, "/", &root) == 0, "namespace");
  sio_on_connect(root, on_connect, NULL);
}

static void send_all(int broadcasts, int bytes) {
  char *text = malloc((size_t)bytes + 1);
  expect(text != NULL, "malloc");
  memset(text, 'x', (size_t)bytes);
  text[bytes] = '\0';
  for (int i = 0; i < broadcasts; i++) {
    sio_broadcast((sio_target){ .nsp = root }, "e", SIO_ARGS(text));
    if (i % EVENTS_PER_TURN == 0) uv_run(loop, UV_RUN_NOWAIT);
  }
  free(text);
}

/* Runs the loop for longer than the library waits before it returns memory to the system. */
static void wait_for_the_rest(void) {
  for (uint64_t end = uv_hrtime() + (uint64_t)AFTER_S * 1000000000; uv_hrtime() < end;) {
    uv_run(loop, UV_RUN_NOWAIT);
    usleep(10000);
  }
}

int main(int argc, char **argv) {
  int receivers = argc > 1 ? atoi(argv[1]) : 1000, broadcasts = argc > 2 ? atoi(argv[2]) : 1000;
  int bytes = argc > 3 ? atoi(argv[3]) : 1024;
  struct rlimit files;
  pid_t pid;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int holder = start_holder(&pid);
  start_server();
  double empty = rss_mb();
  for (int i = 0; i < receivers; i++) {
    open_receiver(holder);
    while (joined <= i) uv_run(loop, UV_RUN_ONCE);
  }
  double before = rss_mb();
  uint64_t began = uv_hrtime();
  send_all(broadcasts, bytes);
  double took = (double)(uv_hrtime() - began) / 1e9, full = rss_mb();
  double messages = (double)broadcasts * (double)bytes / 1e6;
  double each = (full - before - messages) * 1e6 / ((double)receivers * (double)broadcasts);
  printf("%d receivers, %d broadcasts of %d bytes: %.1f MB, then %.1f MB; %.2f bytes a reference, "
         "%.0f ns a delivery\n",
         receivers, broadcasts, bytes, before, full, each,
         took * 1e9 / ((double)receivers * (double)broadcasts));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  wait_for_the_rest();
  sio_stats st;
  sio_server_get_stats(server, &st, sizeof st);
  printf("an empty server: %.1f MB; after they have left (%d connections): %.1f MB\n", empty,
         (int)st.connections, rss_mb());
  return 0;
}
