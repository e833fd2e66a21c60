/* SPDX-License-Identifier: MIT
 *
 * load.c - puts a Socket.IO server under load and prints one JSON line of what it cost.
 *
 *     load --mode echo --port 3000 --pid 1234 [--clients 100] [--outstanding 1] [--size 32]
 *          [--seconds 3] [--warmup 1] [--rate 0] [--event echo] [--steps 1000,2000]
 *
 * Modes: echo      events with an ack, so many outstanding on each connection
 *        rate      open loop: so many events a second over all connections, each due at its
 *                  time whether or not the last was answered; latency counts from that time
 *        fanout    client 0 emits "bcast", so many in flight; everybody receives
 *        connect   opens, joins "/", closes
 *        idle      holds connections open, and says what the server's memory grew by, at each step
 *        polling   the echo over HTTP long-polling, one GET and one POST connection a client
 *        pollidle  as idle, over polling, each with a GET that waits
 *        binary    events with one attachment, acked with it
 *
 * The server's CPU time and memory are read from outside. One thread, epoll, no allocation in the
 * measured part. Because a load generator that cannot keep up measures itself, it says
 * "saturated": true when its own core was busy for more than 95 % of the time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "meter.h"

enum { RBUF = 256 * 1024, KEEP = 8192, DUE = 1024, MAX_SIZE = 60000, SETTLE_MS = 300 };

enum phase {
  UPGRADING, /* waiting for the 101                              */
  OPENING,   /* expects Engine.IO's open packet */
  JOINING,   /* expects the answer to CONNECT */
  READY
};

struct stream {
  int fd;
  size_t held, cap; /* bytes of an incomplete frame or response */
  char *buf;
};

struct client {
  struct stream main; /* the WebSocket, or the connection for GETs */
  struct stream posts;
  enum phase phase;
  int inflight;
  bool got_ok, got_ack; /* polling: which of the two parts of an answer have arrived */
  char sid[32];
  uint64_t *due; /* open loop: when the pending operations were due */
  unsigned first, last;
};

static struct {
  const char *mode, *event, *steps;
  int port, pid, clients, outstanding, size;
  double seconds, warmup, rate;
} opt = { "echo", "echo", "", 3000, 0, 100, 1, 32, 3, 1, 0 };

static int ep;
static struct client *clients;
static int ready_count;
static uint64_t done_count; /* operations, or deliveries */
static uint64_t dropped;    /* open loop: due, but not sent because too many are unanswered */
static uint64_t idle_ns;    /* open loop: idle time */
static bool measuring;
static char rbuf[RBUF];
static char *request; /* the bytes of one operation */
static size_t request_len;

static bool is_mode(const char *name) { return strcmp(opt.mode, name) == 0; }
static bool polls(void) { return is_mode("polling") || is_mode("pollidle"); }

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* ---- what is sent: masked with a key of zero, which leaves the bytes as they are ------- */

static size_t put_frame(char *out, int opcode, const char *p, size_t n) {
  size_t h = 2;
  out[0] = (char)(0x80 | opcode);
  out[1] = (char)(0x80 | (n < 126 ? n : 126));
  if (n >= 126) {
    out[2] = (char)(n >> 8);
    out[3] = (char)n;
    h = 4;
  }
  memset(out + h, 0, 4);
  memcpy(out + h + 4, p, n);
  return h + 4 + n;
}

static void build_request(void) {
  static char fill[MAX_SIZE + 1], text[MAX_SIZE + 128];
  size_t n;
  memset(fill, 'x', (size_t)opt.size);
  request = malloc((size_t)opt.size + 256);
  if (is_mode("binary")) {
    n = (size_t)sprintf(text, "451-0[\"bin\",{\"_placeholder\":true,\"num\":0}]");
    request_len = put_frame(request, 1, text, n);
    request_len += put_frame(request + request_len, 2, fill, (size_t)opt.size);
    return;
  }
  if (is_mode("fanout"))
    n = (size_t)sprintf(text, "42[\"bcast\",\"%s\"]", fill);
  else
    n = (size_t)sprintf(text, "420[\"%s\",\"%s\"]", opt.event, fill);
  if (polls())
    memcpy(request, text, request_len = n);
  else
    request_len = put_frame(request, 1, text, n);
}

static void send_all(int fd, const char *p, size_t n) {
  while (n > 0) {
    ssize_t w = send(fd, p, n, MSG_NOSIGNAL);
    if (w < 0 && errno == EAGAIN) {
      struct pollfd room = { fd, POLLOUT, 0 };
      if (poll(&room, 1, 10000) != 1) die("the server takes no more bytes");
      continue;
    }
    if (w < 0) die("send");
    p += w;
    n -= (size_t)w;
  }
}

static void send_operations(struct client *c, int how_many) {
  static char batch[RBUF];
  size_t n = 0;
  c->inflight += how_many;
  while (how_many-- > 0) {
    if (n + request_len > sizeof batch) {
      send_all(c->main.fd, batch, n);
      n = 0;
    }
    memcpy(batch + n, request, request_len);
    n += request_len;
  }
  send_all(c->main.fd, batch, n);
}

/* ---- connections ----------------------------------------------------------------------- */

static int dial(void) {
  static unsigned nth; /* more connections than one address has ports: the source address varies */
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port) };
  struct sockaddr_in from = { .sin_family = AF_INET };
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + nth++ / 8000 % 8);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&from, sizeof from)) die("bind");
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static void watch(struct client *c, int fd, bool posts) {
  struct epoll_event ev = { .events = EPOLLIN };
  ev.data.u64 = (uint64_t)(c - clients) * 2 + posts;
  if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)) die("epoll_ctl");
}

static void open_websocket(struct client *c) {
  static const char hello[] =
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  c->main.fd = dial();
  c->phase = UPGRADING;
  c->main.held = 0;
  c->inflight = 0;
  watch(c, c->main.fd, false);
  send_all(c->main.fd, hello, sizeof hello - 1);
}

/* Keeps incomplete bytes until the rest arrives. */
static void hold(struct stream *s, const char *p, size_t n) {
  if (n > s->cap) s->buf = realloc(s->buf, s->cap = n < KEEP ? KEEP : RBUF);
  if (n && !s->buf) die("realloc");
  if (n) memcpy(s->buf, p, n);
  s->held = n;
}

/* Appends what has arrived to the kept bytes in rbuf; 0: nothing new. */
static size_t gather(struct stream *s) {
  if (s->held) memcpy(rbuf, s->buf, s->held);
  ssize_t got = recv(s->fd, rbuf + s->held, RBUF - s->held, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got <= 0) die("the server closed a connection");
  return s->held + (size_t)got;
}

/* ---- WebSocket ------------------------------------------------------------------------- */

static void reopen(struct client *c) {
  struct linger reset = { 1, 0 }; /* closes with a reset, so that no port stays in TIME_WAIT */
  setsockopt(c->main.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(c->main.fd);
  done_count++;
  open_websocket(c);
}

static void ready(struct client *c) {
  c->phase = READY;
  ready_count++;
  if (is_mode("connect")) reopen(c);
}

static void answered(struct client *c, int *again) {
  c->inflight--;
  done_count++;
  if (!is_mode("rate"))
    ++*again;
  else if (measuring)
    meter_record(meter_now() - c->due[c->first++ % DUE]);
  else
    c->first++;
}

static void on_text(struct client *c, const char *p, size_t n, int *again) {
  char out[16];
  if (n == 0) return;
  if (p[0] == '2') {
    send_all(c->main.fd, out, put_frame(out, 1, "3", 1));
  } else if (c->phase == OPENING && p[0] == '0') {
    c->phase = JOINING;
    send_all(c->main.fd, out, put_frame(out, 1, "40", 2));
  } else if (c->phase == JOINING && n > 1 && p[0] == '4' && p[1] == '0') {
    ready(c);
  } else if (c->phase == READY && n > 1 && p[1] == '3') {
    answered(c, again);
  } else if (c->phase == READY && n > 1 && p[1] == '2') {
    done_count++;
    if (c == clients) c->inflight--;
  }
}

static void on_frame(struct client *c, int opcode, const char *p, size_t n, int *again) {
  if (opcode == 1) on_text(c, p, n, again);
  if (opcode == 2) answered(c, again);
  if (opcode == 8) die("the server sent a close frame");
}

/* Returns the length of the header of the frame at f, or 0 if it is incomplete. */
static size_t frame_head(const unsigned char *f, size_t n, size_t *len) {
  if (n < 2) return 0;
  size_t more = f[1] == 126 ? 2 : f[1] == 127 ? 8 : 0;
  if (n < 2 + more) return 0;
  *len = more ? 0 : f[1];
  for (size_t i = 0; i < more; i++) *len = *len << 8 | f[2 + i];
  return 2 + more;
}

/* The bytes used. */
static size_t read_frames(struct client *c, const char *p, size_t n, int *again) {
  size_t used = 0, len, h;
  while ((h = frame_head((const unsigned char *)p + used, n - used, &len)) > 0) {
    if (n - used < h + len) break;
    on_frame(c, p[used] & 15, p + used + h, len, again);
    used += h + len;
    if (c->phase == UPGRADING) return n; /* reopened */
  }
  return used;
}

static size_t read_upgrade(struct client *c, const char *p, size_t n) {
  const char *end = memmem(p, n, "\r\n\r\n", 4);
  if (!end) return 0;
  if (memcmp(p, "HTTP/1.1 101", 12) != 0) die("the server does not upgrade");
  c->phase = OPENING;
  return (size_t)(end + 4 - p);
}

static void on_websocket(struct client *c) {
  int again = 0;
  size_t n = gather(&c->main), used = 0;
  if (n == 0) return;
  if (c->phase == UPGRADING) used = read_upgrade(c, rbuf, n);
  if (c->phase != UPGRADING) used += read_frames(c, rbuf + used, n - used, &again);
  if (c->phase == UPGRADING && used) return;
  hold(&c->main, rbuf + used, n - used);
  if (again) send_operations(c, again);
}

/* ---- long-polling: a run is shorter than a ping's timeout, so pings need no answer ----- */

static void poll_get(struct client *c) {
  char text[256];
  send_all(c->main.fd, text,
           (size_t)sprintf(
               text,
               "GET /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
               c->sid[0] ? "&sid=" : "", c->sid));
}

static void poll_post(struct client *c, const char *body, size_t len) {
  static char text[MAX_SIZE + 512];
  int n = sprintf(text,
                  "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: localhost\r\n"
                  "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n",
                  c->sid, len);
  memcpy(text + n, body, len);
  send_all(c->posts.fd, text, (size_t)n + len);
}

static void open_polling(struct client *c) {
  c->main.fd = dial();
  c->posts.fd = dial();
  c->phase = OPENING;
  watch(c, c->main.fd, false);
  watch(c, c->posts.fd, true);
  poll_get(c);
}

/* Returns the body of a complete response; NULL: it is incomplete. */
static const char *response_body(char *p, size_t n, size_t *len) {
  p[n] = 0;
  const char *end = strstr(p, "\r\n\r\n"), *field = strcasestr(p, "\r\ncontent-length:");
  if (!end) return NULL;
  if (memcmp(p, "HTTP/1.1 200", 12) != 0) die("the server's answer is not a 200");
  if (!field || field > end) die("the server's answer has no Content-Length");
  *len = strtoul(field + 17, NULL, 10);
  return (size_t)(p + n - (end + 4)) >= *len ? end + 4 : NULL;
}

static void take_sid(struct client *c, const char *p) {
  const char *sid = strstr(p, "\"sid\":\"");
  size_t n = sid ? strcspn(sid + 7, "\"") : 0;
  if (n == 0 || n >= sizeof c->sid) die("the server's handshake has no sid");
  memcpy(c->sid, sid + 7, n);
}

static void poll_next(struct client *c) {
  c->got_ok = c->got_ack = false;
  poll_get(c);
  poll_post(c, request, request_len);
}

/* The POST of "40" is answered, and a GET has brought its answer. */
static void poll_joined(struct client *c) {
  c->phase = READY;
  ready_count++;
  if (is_mode("polling")) {
    poll_next(c);
    return;
  }
  close(c->posts.fd);
  poll_get(c);
}

static void poll_answered(struct client *c) {
  if (!c->got_ok || !c->got_ack) return;
  if (c->phase == JOINING) {
    poll_joined(c);
    return;
  }
  done_count++;
  poll_next(c);
}

static void on_poll_body(struct client *c, const char *p, size_t n) {
  if (c->phase == OPENING) {
    take_sid(c, p);
    c->phase = JOINING;
    poll_get(c);
    poll_post(c, "40", 2);
  } else if (n == 1 && p[0] == '2') {
    poll_get(c);
  } else {
    c->got_ack = true;
    poll_answered(c);
  }
}

static void on_polling(struct client *c, bool posts) {
  struct stream *s = posts ? &c->posts : &c->main;
  size_t len, n = gather(s);
  if (n == 0) return;
  if (n >= RBUF) die("too long an answer");
  const char *body = response_body(rbuf, n, &len);
  hold(s, rbuf, body ? 0 : n);
  if (!body) return;
  if (posts) {
    c->got_ok = true;
    poll_answered(c);
  } else {
    on_poll_body(c, body, len);
  }
}

/* ---- the run --------------------------------------------------------------------------- */

static int turn(int timeout_ms) {
  struct epoll_event ev[512];
  int n = epoll_wait(ep, ev, 512, timeout_ms);
  for (int i = 0; i < n; i++) {
    struct client *c = &clients[ev[i].data.u64 / 2];
    if (polls())
      on_polling(c, ev[i].data.u64 & 1);
    else
      on_websocket(c);
  }
  return n;
}

static void wait_ready(int how_many, int more) {
  uint64_t wait_timer = meter_now() + 30000000000u;
  while (ready_count + more < how_many) {
    if (meter_now() > wait_timer) die("not all clients came up");
    turn(100);
  }
}

static void settle(void) {
  uint64_t end = meter_now() + SETTLE_MS * 1000000u;
  while (meter_now() < end) turn(10);
}

static void open_until(int how_many) {
  static int opened;
  for (; opened < how_many; opened++) {
    struct client *c = &clients[opened];
    if (is_mode("rate")) c->due = malloc(DUE * sizeof *c->due);
    if (polls())
      open_polling(c);
    else
      open_websocket(c);
    if (!is_mode("connect")) wait_ready(opened + 1, 64);
  }
  wait_ready(how_many, 0);
}

static void top_up_fanout(void) {
  int n = opt.outstanding - clients[0].inflight;
  if (n > 0) send_operations(&clients[0], n);
}

/* Sends the events that are due since the last call. `due` is in ns; fractions accumulate. */
static void send_due(double *due) {
  static int next;
  uint64_t now = meter_now();
  for (; (uint64_t)*due <= now; *due += 1e9 / opt.rate) {
    struct client *c = &clients[next++ % opt.clients];
    if (c->last - c->first == DUE) {
      dropped++;
      continue;
    }
    c->due[c->last++ % DUE] = (uint64_t)*due;
    send_operations(c, 1);
  }
}

/* Polls without sleeping, so that nothing is sent late; the time in which it could have slept is
 * counted. */
static void rate_turn(double *due) {
  uint64_t before = meter_now();
  send_due(due);
  if (turn(0) == 0) idle_ns += meter_now() - before;
}

static void run_for(double seconds) {
  uint64_t start = meter_now(), end = start + (uint64_t)(seconds * 1e9);
  double due = (double)start;
  while (meter_now() < end) {
    if (is_mode("rate")) {
      rate_turn(&due);
    } else {
      if (is_mode("fanout")) top_up_fanout();
      turn(1);
    }
  }
}

/* Open loop: unanswered events count with the latency that they have so far. */
static void drain(void) {
  uint64_t end = meter_now() + 500000000u;
  bool open = true;
  while (open && meter_now() < end) {
    turn(1);
    open = false;
    for (int i = 0; i < opt.clients; i++) open |= clients[i].first != clients[i].last;
  }
  for (int i = 0; i < opt.clients; i++)
    while (clients[i].first != clients[i].last)
      meter_record(meter_now() - clients[i].due[clients[i].first++ % DUE]);
}

static void report_rss(long before) {
  char *steps = strdup(opt.steps), *save = NULL;
  printf("\"rss_before\":%ld,\"rss\":[", before);
  for (char *s = strtok_r(steps, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
    if (atoi(s) >= opt.clients) break;
    open_until(atoi(s));
    settle();
    printf("[%d,%ld],", atoi(s), meter_rss(opt.pid));
  }
  open_until(opt.clients);
  settle();
  printf("[%d,%ld]],", opt.clients, meter_rss(opt.pid));
  free(steps);
}

static void measure(void) {
  measuring = true;
  uint64_t ops = done_count, start = meter_now();
  double own = meter_own_cpu();
  struct usage a = meter_usage(opt.pid);
  idle_ns = 0;
  dropped = 0;
  meter_forget();
  run_for(opt.seconds);
  struct usage b = meter_usage(opt.pid);
  double took = (double)(meter_now() - start) / 1e9, cpu = b.cpu - a.cpu, ticks = b.ticks - a.ticks;
  double n = done_count > ops ? (double)(done_count - ops) : 1;
  double busy = is_mode("rate") ? 1 - (double)idle_ns / 1e9 / took : (meter_own_cpu() - own) / took;
  printf("\"mode\":\"%s\",\"clients\":%d,\"outstanding\":%d,\"size\":%d,\"seconds\":%.3f,"
         "\"ops\":%llu,\"per_second\":%.0f,\"cpu_us\":%.4f,\"user_us\":%.4f,\"server_busy\":%.3f,"
         "\"wakeups\":%lu,\"load_busy\":%.3f,\"saturated\":%s",
         opt.mode, opt.clients, opt.outstanding, opt.size, took,
         (unsigned long long)(done_count - ops), n / took, cpu * 1e6 / n,
         ticks > 0 ? cpu * 1e6 / n * (b.user_ticks - a.user_ticks) / ticks : 0, cpu / took,
         b.wakeups - a.wakeups, busy, busy > 0.95 ? "true" : "false");
}

static void report_latency(void) {
  static const double points[] = { .1, .25, .5, .75, .9, .95, .99, .995, .999, .9999, 1 };
  drain();
  printf(",\"rate\":%.0f,\"dropped\":%llu,\"latency_us\":{", opt.rate, (unsigned long long)dropped);
  for (size_t i = 0; i < sizeof points / sizeof *points; i++)
    printf("%s\"%g\":%.1f", i ? "," : "", points[i] * 100, meter_percentile(points[i]));
  printf("}");
}

static void set_option(const char *k, const char *v) {
  if (!strcmp(k, "--mode"))
    opt.mode = v;
  else if (!strcmp(k, "--event"))
    opt.event = v;
  else if (!strcmp(k, "--steps"))
    opt.steps = v;
  else if (!strcmp(k, "--port"))
    opt.port = atoi(v);
  else if (!strcmp(k, "--pid"))
    opt.pid = atoi(v);
  else if (!strcmp(k, "--clients"))
    opt.clients = atoi(v);
  else if (!strcmp(k, "--outstanding"))
    opt.outstanding = atoi(v);
  else if (!strcmp(k, "--size"))
    opt.size = atoi(v);
  else if (!strcmp(k, "--seconds"))
    opt.seconds = atof(v);
  else if (!strcmp(k, "--warmup"))
    opt.warmup = atof(v);
  else if (!strcmp(k, "--rate"))
    opt.rate = atof(v);
  else {
    fprintf(stderr, "load: no such flag: %s\n", k);
    exit(2);
  }
}

static void check_options(void) {
  if (opt.size < 0 || opt.size > MAX_SIZE || opt.clients < 1 ||
      (is_mode("rate") && opt.rate <= 0)) {
    fprintf(stderr, "load: size, clients or rate is out of range\n");
    exit(2);
  }
}

static void allow_many_descriptors(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv) {
  for (int i = 1; i + 1 < argc; i += 2) set_option(argv[i], argv[i + 1]);
  check_options();
  allow_many_descriptors();
  ep = epoll_create1(EPOLL_CLOEXEC);
  clients = calloc((size_t)opt.clients, sizeof *clients);
  build_request();
  long before = meter_rss(opt.pid);
  printf("{");
  if (is_mode("idle") || is_mode("pollidle"))
    report_rss(before);
  else
    open_until(opt.clients);
  if (is_mode("echo") || is_mode("binary"))
    for (int i = 0; i < opt.clients; i++) send_operations(&clients[i], opt.outstanding);
  run_for(opt.warmup);
  measure();
  if (is_mode("rate")) report_latency();
  printf("}\n");
  return 0;
}
