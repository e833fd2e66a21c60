/* SPDX-License-Identifier: MIT
 *
 * hostile.c - how an honest peer fares while others misbehave, and what the server holds.
 *
 *     bench_hostile [--deaf 10000] [--slow 2000] [--resets 100000] [--seconds 10]
 *                   [--rate 10] SERVER
 *
 * Starts SERVER (bench_server) and a canary, one WebSocket that asks for an echo every 5 ms, and
 * measures its round trips while it is alone, and then in turn while
 *
 *   deaf     so many WebSockets have joined and never read, and `rate` broadcasts a second of 1 KiB
 *            go to all, the canary included
 *   slow     so many connections send one byte of a request's head every 100 ms
 *   resets   so many connections are made, send a piece of a request and are reset
 *
 * A row for each says what the canary saw (ms), the server's memory and descriptors at their peak
 * and two seconds after the last of those peers has gone, and its CPU time. Nothing is judged.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "meter.h"

enum { PAUSE_MS = 5, EVENT_SIZE = 1024, MAX_PEERS = 100000, SETTLE_MS = 2000 };

static const char upgrade[] =
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static unsigned deaf_peers = 10000, slow_peers = 2000, resets = 100000, seconds = 10, rate = 10;
static pid_t server;
static int port;
static int fds[MAX_PEERS];

static void die(const char *what) {
  perror(what);
  if (server) kill(server, SIGKILL);
  exit(1);
}

static void sleep_ms(long ms) {
  nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* ---- the server -------------------------------------------------------------------------- */

static void start_server(char *program) {
  int out[2];
  char line[64] = "";
  if (pipe(out) || (server = fork()) < 0) die("fork");
  if (server == 0) {
    dup2(out[1], 1);
    execl(program, program, "0", (char *)NULL);
    die(program);
  }
  close(out[1]);
  FILE *f = fdopen(out[0], "r");
  if (!f || !fgets(line, sizeof line, f) || sscanf(line, "listening %d", &port) != 1) die(program);
  fclose(f);
}

static unsigned count_fds(void) {
  char path[64];
  unsigned n = 0;
  snprintf(path, sizeof path, "/proc/%d/fd", (int)server);
  DIR *d = opendir(path);
  while (d && readdir(d)) n++;
  if (d) closedir(d);
  return n > 2 ? n - 2 : 0;
}

/* ---- peers --------------------------------------------------------------------------------- */

static int dial(int rcvbuf) {
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0) die("socket");
  if (rcvbuf) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
  return fd;
}

static void reset(int fd) {
  struct linger now = { 1, 0 };
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

static void say(int fd, const void *p, size_t n) {
  if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n) die("send");
}

/* A text frame with a masking key of zero. */
static void say_text(int fd, const char *text, size_t n) {
  char frame[8 + EVENT_SIZE + 64] = { (char)0x81 };
  size_t head = n < 126 ? 6 : 8;
  frame[1] = (char)(0x80 | (n < 126 ? n : 126));
  if (n >= 126) frame[2] = (char)(n >> 8), frame[3] = (char)n;
  memcpy(frame + head, text, n);
  say(fd, frame, head + n);
}

static const char ping[] = "\x81\x01"
                           "2",
                  pong[] = "3";

/* Reads until these bytes have arrived, answers pings, and discards what follows. */
static void hear(int fd, const char *want) {
  static _Thread_local char buf[1 << 18];
  size_t held = 0, keep = strlen(want) - 1;
  for (;;) {
    ssize_t n = recv(fd, buf + held, sizeof buf - held, 0);
    if (n <= 0) die("recv");
    if (memmem(buf, held + (size_t)n, ping, sizeof ping - 1)) say_text(fd, pong, sizeof pong - 1);
    if (memmem(buf, held + (size_t)n, want, keep + 1)) return;
    held += (size_t)n;
    if (held > keep) memmove(buf, buf + held - keep, keep), held = keep;
  }
}

static int join_nsp(int rcvbuf) {
  int fd = dial(rcvbuf);
  say(fd, upgrade, sizeof upgrade - 1);
  hear(fd, "maxPayload");
  say_text(fd, "40", 2);
  hear(fd, "40{");
  return fd;
}

/* ---- the canary ---------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the meter */
static atomic_bool over;
static double worst;

static void *sing(void *arg) {
  int fd = join_nsp(0);
  (void)arg;
  for (unsigned n = 0; !over; n = (n + 1) % 10000) {
    char ask[64], answer[32];
    int len = snprintf(ask, sizeof ask, "42%u[\"echo\",\"tweet\"]", 10000 + n);
    snprintf(answer, sizeof answer, "43%u[", 10000 + n);
    uint64_t begun = meter_now();
    say_text(fd, ask, (size_t)len);
    hear(fd, answer);
    uint64_t took = meter_now() - begun;
    pthread_mutex_lock(&lock);
    meter_record(took);
    if ((double)took / 1e6 > worst) worst = (double)took / 1e6;
    pthread_mutex_unlock(&lock);
    sleep_ms(PAUSE_MS);
  }
  close(fd);
  return NULL;
}

/* ---- measuring ----------------------------------------------------------------------------- */

static long peak_rss;
static unsigned peak_fds;
static struct usage usage_before;

static void look(void) {
  long rss = meter_rss(server);
  unsigned n = count_fds();
  if (rss > peak_rss) peak_rss = rss;
  if (n > peak_fds) peak_fds = n;
}

static void begin(void) {
  pthread_mutex_lock(&lock);
  meter_forget();
  worst = 0;
  pthread_mutex_unlock(&lock);
  peak_rss = 0;
  peak_fds = 0;
  usage_before = meter_usage(server);
  look();
}

/* Prints the canary's round trips during the attack; then the attackers disconnect. */
static void end(const char *what, unsigned peers, void (*leave)(void)) {
  pthread_mutex_lock(&lock);
  double p50 = meter_percentile(0.5) / 1e3, p99 = meter_percentile(0.99) / 1e3, most = worst;
  pthread_mutex_unlock(&lock);
  look();
  double cpu = meter_usage(server).cpu - usage_before.cpu;
  if (leave) leave();
  sleep_ms(SETTLE_MS);
  printf("%-8s %7u %8.2f %8.2f %8.2f %9.1f %9.1f %7u %7u %7.1f\n", what, peers, p50, p99, most,
         (double)peak_rss / 1048576, (double)meter_rss(server) / 1048576, peak_fds, count_fds(),
         cpu);
  fflush(stdout);
}

/* ---- attacks ------------------------------------------------------------------------------- */

static void leave_all(void) {
  for (unsigned i = 0; i < MAX_PEERS; i++) {
    if (fds[i] > 0) reset(fds[i]);
    fds[i] = 0;
  }
}

static void alone(void) {
  begin();
  sleep_ms(1000L * seconds / 2);
  end("alone", 0, NULL);
}

/* All attackers have joined before the measurement begins. */
static void be_deaf(void) {
  static char event[EVENT_SIZE + 32];
  if (!deaf_peers) return;
  for (unsigned i = 0; i < deaf_peers; i++) fds[i] = join_nsp(4096);
  int teller = join_nsp(4096);
  int n = snprintf(event, sizeof event, "42[\"bcast\",\"%0*d\"]", EVENT_SIZE - 14, 0);
  begin();
  for (unsigned i = 0; i < rate * seconds; i++) {
    say_text(teller, event, (size_t)n);
    sleep_ms(1000 / rate);
    if (i % 5 == 0) look();
  }
  reset(teller);
  end("deaf", deaf_peers, leave_all);
}

/* Sends request heads one byte at a time, and reconnects peers that the server has closed. */
static void be_slow(void) {
  static const char head[] = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nX: ";
  if (!slow_peers) return;
  begin();
  for (unsigned i = 0; i < slow_peers; i++) fds[i] = dial(0);
  for (unsigned at = 0; at < 10 * seconds; at++) {
    const char *byte = at < sizeof head - 1 ? head + at : "x";
    for (unsigned i = 0; i < slow_peers; i++) {
      if (send(fds[i], byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 || errno == EAGAIN) continue;
      reset(fds[i]);
      fds[i] = dial(0);
    }
    look();
    sleep_ms(100);
  }
  end("slow", slow_peers, leave_all);
}

static void be_reset(void) {
  if (!resets) return;
  begin();
  for (unsigned i = 0; i < resets; i++) {
    int fd = dial(0);
    send(fd, "GET / HT", 8, MSG_NOSIGNAL);
    reset(fd);
    if (i % 5000 == 0) look();
  }
  end("resets", resets, NULL);
}

/* ---- the program ----------------------------------------------------------------------------- */

static unsigned *option(const char *name) {
  if (strcmp(name, "--deaf") == 0) return &deaf_peers;
  if (strcmp(name, "--slow") == 0) return &slow_peers;
  if (strcmp(name, "--resets") == 0) return &resets;
  if (strcmp(name, "--seconds") == 0) return &seconds;
  if (strcmp(name, "--rate") == 0) return &rate;
  return NULL;
}

int main(int argc, char **argv) {
  struct rlimit files;
  pthread_t canary;
  int i = 1;
  for (; i + 1 < argc && option(argv[i]); i += 2) *option(argv[i]) = (unsigned)atoi(argv[i + 1]);
  if (i != argc - 1 || deaf_peers > MAX_PEERS || slow_peers > MAX_PEERS || !rate) {
    fprintf(stderr,
            "usage: %s [--deaf N] [--slow N] [--resets N] [--seconds N]\n"
            "       [--rate N] SERVER\n",
            argv[0]);
    return 2;
  }
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  start_server(argv[i]);
  if (pthread_create(&canary, NULL, sing, NULL)) die("pthread_create");
  printf("%-8s %7s %8s %8s %8s %9s %9s %7s %7s %7s\n", "attack", "peers", "p50 ms", "p99 ms",
         "max ms", "MiB peak", "after", "fds", "after", "CPU s");
  alone();
  be_deaf();
  be_slow();
  be_reset();
  over = true;
  pthread_join(canary, NULL);
  kill(server, SIGTERM);
  waitpid(server, NULL, 0);
  return 0;
}
