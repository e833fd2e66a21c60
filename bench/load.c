/* SPDX-License-Identifier: MIT
 *
 * load.c - puts a Socket.IO server under load and prints one JSON line of what it cost.
 *
 *     load --mode echo --port 3000 --pid 1234 [--clients 100] [--outstanding 1] [--size 32]
 *          [--seconds 3] [--warmup 1] [--rate 0] [--event echo]
 *
 * Modes: echo     events with an ack, so many outstanding on each connection
 *        rate     open loop: so many events a second over all connections, each sent at its
 *                 due time whether or not the last was answered; latency counts from that time
 *        fanout   client 0 emits "bcast", so many in flight; everybody receives
 *        connect  opens, joins "/", closes
 *        idle     holds connections open, and says what the server's memory grew by
 *        polling  the echo over HTTP long-polling, one GET and one POST connection a client
 *        pollidle as idle, over polling
 *        binary   events with one attachment, acked with it
 *
 * The server's CPU time and memory are read from /proc/<pid>. One thread, epoll, no allocation
 * in the measured part: it says "saturated" when it used more than 95 % of its own core.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { RBUF = 256 * 1024, KEEP = 8192 };

enum phase {
  CONNECTING, /* TCP                                     */
  UPGRADING,  /* waiting for the 101                     */
  OPENING,    /* waiting for Engine.IO's open packet     */
  JOINING,    /* waiting for Socket.IO's CONNECT         */
  READY,
  POLL_OPEN,  /* polling: waiting for the handshake      */
  POLL_JOIN,  /* polling: "40" posted                    */
  POLL_READY
};

struct client {
  int fd, fd2; /* fd2: the POST connection of a polling client */
  enum phase phase;
  int inflight;
  size_t held;        /* bytes of an incomplete frame or response in buf */
  size_t skip;        /* payload bytes still to pass over               */
  size_t held2;
  char *buf, *buf2;
  uint64_t due[64];   /* open loop: when what is in flight was due      */
  unsigned first, last;
  char sid[32];
  int part;           /* binary: which half of the reply came           */
};

static struct {
  const char *mode, *event;
  int port, pid, clients, outstanding, size;
  double seconds, warmup, rate;
} opt = { "echo", "echo", 3000, 0, 100, 1, 32, 3, 1, 0 };

static int ep;
static struct client *clients;
static int ready_count;
static uint64_t done_count;     /* operations, or deliveries */
static bool measuring;
static char rbuf[RBUF];
static char *request;           /* the frames of one operation */
static size_t request_len;
static char *bcast;
static size_t bcast_len;
static uint64_t connects;

/* ---- clocks ------------------------------------------------------------------------ */

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct usage {
  double user, sys; /* seconds */
  long rss;         /* bytes   */
  unsigned long switches;
};

static struct usage server_usage(void) {
  struct usage u = { 0 };
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", opt.pid);
  FILE *f = fopen(path, "r");
  if (!f) return u;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = 0;
  unsigned long ut = 0, st = 0;
  long rss = 0;
  char *p = strrchr(text, ')');
  if (p)
    sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
           &ut, &st, &rss);
  double tick = (double)sysconf(_SC_CLK_TCK);
  u.user = (double)ut / tick;
  u.sys = (double)st / tick;
  u.rss = rss * sysconf(_SC_PAGESIZE);
  return u;
}

static double own_cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
         (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* ---- latency: buckets of 1/32 of a power of two, in ns ------------------------------- */

static uint64_t histogram[64 * 32];

static void record(uint64_t ns) {
  if (!measuring) return;
  unsigned top = ns < 32 ? 5 : 63 - (unsigned)__builtin_clzll(ns);
  histogram[top * 32 + ((ns >> (top - 5)) & 31)]++;
}

static double percentile(double p) {
  uint64_t total = 0, seen = 0;
  for (size_t i = 0; i < 64 * 32; i++) total += histogram[i];
  for (size_t i = 0; i < 64 * 32; i++) {
    seen += histogram[i];
    if (total && (double)seen >= p * (double)total) {
      unsigned top = (unsigned)(i / 32);
      return (double)((32ull + i % 32) << (top - 5)) / 1000.0;
    }
  }
  return 0;
}

/* ---- frames: masked with a key of zero, which leaves the bytes as they are ------------- */

static size_t put_frame(char *out, int opcode, const char *p, size_t n) {
  size_t h = 2;
  out[0] = (char)(0x80 | opcode);
  if (n < 126) {
    out[1] = (char)(0x80 | n);
  } else if (n < 65536) {
    out[1] = (char)(0x80 | 126);
    out[2] = (char)(n >> 8);
    out[3] = (char)n;
    h = 4;
  } else {
    out[1] = (char)(0x80 | 127);
    for (int i = 0; i < 8; i++) out[2 + i] = (char)((uint64_t)n >> (56 - 8 * i));
    h = 10;
  }
  memset(out + h, 0, 4);
  memcpy(out + h + 4, p, n);
  return h + 4 + n;
}

static void build_requests(void) {
  size_t size = (size_t)opt.size;
  char *text = malloc(size + 128), *fill = malloc(size + 1);
  memset(fill, 'x', size);
  fill[size] = 0;
  request = malloc(2 * size + 512);
  bcast = malloc(size + 256);
  if (strcmp(opt.mode, "binary") == 0) {
    int n = sprintf(text, "451-0[\"bin\",{\"_placeholder\":true,\"num\":0}]");
    request_len = put_frame(request, 1, text, (size_t)n);
    request_len += put_frame(request + request_len, 2, fill, size);
  } else {
    int n = sprintf(text, "420[\"%s\",\"%s\"]", opt.event, fill);
    request_len = put_frame(request, 1, text, (size_t)n);
  }
  int n = sprintf(text, "42[\"bcast\",\"%s\"]", fill);
  bcast_len = put_frame(bcast, 1, text, (size_t)n);
  free(text);
  free(fill);
}

/* ---- sockets ------------------------------------------------------------------------------ */

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void send_all(int fd, const char *p, size_t n) {
  while (n > 0) {
    ssize_t w = send(fd, p, n, MSG_NOSIGNAL);
    if (w < 0 && errno == EAGAIN) continue;
    if (w < 0) die("send");
    p += w;
    n -= (size_t)w;
  }
}

static int dial(void) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port) };
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  /* More connections than one address has ports: the source address varies. */
  static unsigned nth;
  struct sockaddr_in from = { .sin_family = AF_INET };
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + nth++ / 8000 % 8);
  int one = 1;
  setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
  bind(fd, (struct sockaddr *)&from, sizeof from);
  if (connect(fd, (struct sockaddr *)&a, sizeof a)) die("connect");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static void watch(struct client *c, int fd, int second) {
  struct epoll_event ev = { .events = EPOLLIN };
  ev.data.u64 = (uint64_t)(c - clients) * 2 + (unsigned)second;
  if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)) die("epoll_ctl");
}

static void open_websocket(struct client *c) {
  static const char hello[] =
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  c->fd = dial();
  c->phase = UPGRADING;
  c->held = c->skip = 0;
  c->inflight = 0;
  watch(c, c->fd, 0);
  send_all(c->fd, hello, sizeof hello - 1);
}

/* ---- operations ------------------------------------------------------------------------------- */

static void send_operation(struct client *c, int how_many) {
  char batch[65536];
  c->inflight += how_many;
  if (request_len * (size_t)how_many <= sizeof batch) {
    for (int i = 0; i < how_many; i++) memcpy(batch + (size_t)i * request_len, request, request_len);
    send_all(c->fd, batch, request_len * (size_t)how_many);
    return;
  }
  for (int i = 0; i < how_many; i++) send_all(c->fd, request, request_len);
}

static bool is_mode(const char *name) { return strcmp(opt.mode, name) == 0; }

static void start(struct client *c) {
  if (is_mode("echo") || is_mode("binary")) send_operation(c, opt.outstanding);
}

static void reopen(struct client *c) {
  connects++;
  epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
  struct linger hard = { 1, 0 };
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(c->fd);
  done_count++;
  open_websocket(c);
}

static void ready(struct client *c) {
  c->phase = READY;
  ready_count++;
  if (is_mode("connect")) reopen(c);
}

/* One answer: the next operation, in closed loop. */
static void answered(struct client *c, int *again) {
  c->inflight--;
  done_count++;
  if (is_mode("rate")) {
    record(now_ns() - c->due[c->first++ % 64]);
    return;
  }
  ++*again;
}

/* p: at least the first bytes of a text message. */
static void on_text(struct client *c, const char *p, size_t n, int *again) {
  if (n == 0) return;
  if (p[0] == '2') {
    char pong[16];
    send_all(c->fd, pong, put_frame(pong, 1, "3", 1));
  } else if (c->phase == OPENING && p[0] == '0') {
    char join[16];
    c->phase = JOINING;
    send_all(c->fd, join, put_frame(join, 1, "40", 2));
  } else if (c->phase == JOINING && n > 1 && p[0] == '4' && p[1] == '0') {
    ready(c);
  } else if (c->phase == READY && n > 1 && p[1] == '3') {
    answered(c, again);
  } else if (c->phase == READY && n > 1 && p[1] == '2') {
    done_count++;
    if (c == clients) c->inflight--;
  }
}

static void on_binary(struct client *c, int *again) { answered(c, again); }

/* Frames of [p, p+n); the bytes used. */
static size_t read_frames(struct client *c, const char *p, size_t n, int *again) {
  size_t used = 0;
  int fd = c->fd;
  while (n - used >= 2) {
    const unsigned char *f = (const unsigned char *)p + used;
    size_t h = 2, len = f[1] & 127;
    if (len == 126) {
      if (n - used < 4) break;
      len = (size_t)f[2] << 8 | f[3];
      h = 4;
    } else if (len == 127) {
      if (n - used < 10) break;
      len = 0;
      for (int i = 0; i < 8; i++) len = len << 8 | f[2 + i];
      h = 10;
    }
    if (n - used < h + len) break;
    used += h + len;
    if ((f[0] & 15) == 1) on_text(c, (const char *)f + h, len, again);
    if ((f[0] & 15) == 2) on_binary(c, again);
    if ((f[0] & 15) == 8) die("the server closed a connection");
    if (c->fd != fd || c->phase == UPGRADING) return n;
  }
  return used;
}

static size_t read_upgrade(struct client *c, const char *p, size_t n) {
  const char *end = memmem(p, n, "\r\n\r\n", 4);
  if (!end) return 0;
  if (memcmp(p, "HTTP/1.1 101", 12)) die("no 101");
  c->phase = OPENING;
  return (size_t)(end + 4 - p);
}

static void on_websocket(struct client *c) {
  int again = 0;
  memcpy(rbuf, c->buf, c->held);
  ssize_t got = recv(c->fd, rbuf + c->held, RBUF - c->held, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) die("recv");
  size_t n = c->held + (size_t)got, used = 0;
  c->held = 0;
  int fd = c->fd;
  if (c->phase == UPGRADING) used = read_upgrade(c, rbuf, n);
  if (c->phase != UPGRADING) used += read_frames(c, rbuf + used, n - used, &again);
  if (c->fd != fd || (c->phase == UPGRADING && used)) return;
  c->held = n - used;
  if (c->held > KEEP) {
    c->buf = realloc(c->buf, RBUF);
  }
  memcpy(c->buf, rbuf + used, c->held);
  if (again) send_operation(c, again);
}

/* ---- long-polling -------------------------------------------------------------------------- */

static void poll_get(struct client *c) {
  char text[256];
  int n = sprintf(text, "GET /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                  c->sid[0] ? "&sid=" : "", c->sid);
  send_all(c->fd, text, (size_t)n);
}

static void poll_post(struct client *c, const char *body, size_t len) {
  static char text[70000];
  int n = sprintf(text,
                  "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: localhost\r\n"
                  "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n",
                  c->sid, len);
  memcpy(text + n, body, len);
  send_all(c->fd2, text, (size_t)n + len);
}

static char poll_event[66000];
static size_t poll_event_len;

static void open_polling(struct client *c) {
  c->fd = dial();
  c->fd2 = dial();
  c->phase = POLL_OPEN;
  watch(c, c->fd, 0);
  watch(c, c->fd2, 1);
  poll_get(c);
}

/* A whole response in p: its body, or NULL when more must come. */
static const char *response_body(const char *p, size_t n, size_t *len) {
  const char *end = memmem(p, n, "\r\n\r\n", 4);
  if (!end) return NULL;
  const char *cl = memmem(p, n, "ontent-Length: ", 15);
  if (!cl) cl = memmem(p, n, "ontent-length: ", 15);
  if (!cl) die("no Content-Length");
  *len = strtoul(cl + 15, NULL, 10);
  end += 4;
  return (size_t)(p + n - end) >= *len ? end : NULL;
}

static void on_poll_body(struct client *c, const char *p, size_t n) {
  if (c->phase == POLL_OPEN) {
    const char *sid = memmem(p, n, "\"sid\":\"", 7);
    if (!sid) die("no sid");
    memcpy(c->sid, sid + 7, 20);
    c->phase = POLL_JOIN;
    poll_post(c, "40", 2);
  } else if (c->phase == POLL_JOIN) {
    c->phase = POLL_READY;
    ready_count++;
    if (is_mode("polling")) poll_post(c, poll_event, poll_event_len);
  } else if (n && p[0] == '4') {
    done_count++;
    poll_post(c, poll_event, poll_event_len);
  } else if (n && p[0] == '2') {
    poll_post(c, "3", 1);
  }
  poll_get(c);
}

static void on_polling(struct client *c, int second) {
  int fd = second ? c->fd2 : c->fd;
  char *buf = second ? c->buf2 : c->buf;
  size_t *held = second ? &c->held2 : &c->held, len;
  ssize_t got = recv(fd, buf + *held, KEEP - *held, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) die("recv (polling)");
  *held += (size_t)got;
  const char *body = response_body(buf, *held, &len);
  if (!body) return;
  if (memcmp(buf, "HTTP/1.1 200", 12)) die("not a 200");
  *held = 0;
  if (!second) on_poll_body(c, body, len);
}

/* ---- the run ---------------------------------------------------------------------------------- */

static bool polls(void) { return is_mode("polling") || is_mode("pollidle"); }

static void turn(int timeout_ms) {
  struct epoll_event ev[512];
  int n = epoll_wait(ep, ev, 512, timeout_ms);
  for (int i = 0; i < n; i++) {
    struct client *c = &clients[ev[i].data.u64 / 2];
    if (polls())
      on_polling(c, (int)(ev[i].data.u64 & 1));
    else
      on_websocket(c);
  }
}

static void open_all(void) {
  for (int i = 0; i < opt.clients; i++) {
    struct client *c = &clients[i];
    c->buf = malloc(KEEP);
    if (polls()) c->buf2 = malloc(KEEP);
    if (polls())
      open_polling(c);
    else
      open_websocket(c);
    while (i - ready_count > 64 && !is_mode("connect")) turn(100);
  }
  uint64_t patience = now_ns() + 30000000000ull;
  while (ready_count < opt.clients && now_ns() < patience) turn(100);
  if (ready_count < opt.clients) die("not all clients came up");
}

static void top_up_fanout(void) {
  struct client *c = &clients[0];
  while (c->inflight < opt.outstanding) {
    c->inflight++;
    send_all(c->fd, bcast, bcast_len);
  }
}

static uint64_t next_due;
static int next_client;

static void send_due(void) {
  uint64_t now = now_ns(), gap = (uint64_t)(1e9 / opt.rate);
  while (next_due <= now) {
    struct client *c = &clients[next_client++ % opt.clients];
    if (c->last - c->first < 64) {
      c->due[c->last++ % 64] = next_due;
      send_operation(c, 1);
    }
    next_due += gap;
  }
}

static void run_for(double seconds) {
  uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
  next_due = now_ns();
  while (now_ns() < end) {
    if (is_mode("fanout")) top_up_fanout();
    if (is_mode("rate")) send_due();
    turn(is_mode("rate") ? 0 : 1);
  }
}

static void report(struct usage a, struct usage b, double secs, uint64_t ops, double own, long rss0) {
  double user = (b.user - a.user) * 1e6, sys = (b.sys - a.sys) * 1e6, n = ops ? (double)ops : 1;
  printf("{\"mode\":\"%s\",\"clients\":%d,\"outstanding\":%d,\"size\":%d,\"ops\":%llu,"
         "\"seconds\":%.3f,\"per_second\":%.0f,\"cpu_us\":%.4f,\"user_us\":%.4f,"
         "\"server_cpu\":%.3f,\"load_cpu\":%.3f,\"saturated\":%s,\"rss\":%ld,\"rss_per_client\":%.1f",
         opt.mode, opt.clients, opt.outstanding, opt.size, (unsigned long long)ops, secs, n / secs,
         (user + sys) / n, user / n, (user + sys) / 1e6 / secs, own / secs,
         own / secs > 0.95 ? "true" : "false", b.rss, (double)(b.rss - rss0) / opt.clients);
  if (is_mode("rate"))
    printf(",\"rate\":%.0f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f", opt.rate,
           percentile(.5), percentile(.9), percentile(.99), percentile(.999));
  printf("}\n");
}

static void parse(int argc, char **argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *k = argv[i] + 2, *v = argv[i + 1];
    if (!strcmp(k, "mode")) opt.mode = v;
    else if (!strcmp(k, "event")) opt.event = v;
    else if (!strcmp(k, "port")) opt.port = atoi(v);
    else if (!strcmp(k, "pid")) opt.pid = atoi(v);
    else if (!strcmp(k, "clients")) opt.clients = atoi(v);
    else if (!strcmp(k, "outstanding")) opt.outstanding = atoi(v);
    else if (!strcmp(k, "size")) opt.size = atoi(v);
    else if (!strcmp(k, "seconds")) opt.seconds = atof(v);
    else if (!strcmp(k, "warmup")) opt.warmup = atof(v);
    else if (!strcmp(k, "rate")) opt.rate = atof(v);
    else {
      fprintf(stderr, "load: no such flag: %s\n", argv[i]);
      exit(2);
    }
  }
}

int main(int argc, char **argv) {
  parse(argc, argv);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  ep = epoll_create1(EPOLL_CLOEXEC);
  clients = calloc((size_t)opt.clients, sizeof *clients);
  build_requests();
  poll_event_len = (size_t)sprintf(poll_event, "420[\"%s\",\"%.*s\"]", opt.event, opt.size,
                                   (char *)memset(malloc((size_t)opt.size + 1), 'x', (size_t)opt.size));
  long rss0 = server_usage().rss;
  open_all();
  for (int i = 0; i < opt.clients; i++) start(&clients[i]);
  run_for(opt.warmup);
  measuring = true;
  uint64_t ops0 = done_count, t0 = now_ns();
  double own0 = own_cpu();
  struct usage a = server_usage();
  run_for(opt.seconds);
  struct usage b = server_usage();
  report(a, b, (double)(now_ns() - t0) / 1e9, done_count - ops0, own_cpu() - own0, rss0);
  return 0;
}
