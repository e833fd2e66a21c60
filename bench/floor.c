/* SPDX-License-Identifier: MIT
 *
 * floor.c - the least a libuv program can do for the same load: it knows no protocol, only
 * which prebuilt bytes to send back. What a server costs above this is its own making.
 *
 *     floor <port> <payload size> [nocoalesce]
 *
 * WebSocket: upgrade with fixed bytes; a text frame that begins "40" gets a CONNECT answer, one with "42["
 * goes to everybody (once per turn and peer, or at once with nocoalesce), any other data frame gets the
 * prebuilt ack. Polling: the handshake, and for each POST an "ok" and an ack for the waiting GET.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct peer {
  uv_tcp_t tcp;
  struct peer *partner; /* polling: whose GET waits */
  char *held;
  size_t nheld;
  size_t skip;
  int open, index, waiting, nsid;
};

static uv_loop_t *loop;
static char rbuf[65536];
static struct peer **peers;
static int npeers, cap, coalesce = 1, queued;
static char ack[70000], event[70000], *burst, ok[256], poll_ack[70000];
static size_t ack_len, event_len, ok_len, poll_ack_len;
static int binary;

static const char upgraded[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char opened[] = "0{\"sid\":\"aaaaaaaaaaaaaaaaaaaa\",\"upgrades\":[],"
                             "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1}";
static const char connected[] = "40{\"sid\":\"aaaaaaaaaaaaaaaaaaaa\"}";
static char hello[512], joined[64];
static size_t hello_len, joined_len;

static void on_closed(uv_handle_t *h) {
  struct peer *p = h->data;
  free(p->held);
  free(p);
}

static void drop(struct peer *p) {
  if (p->index >= 0) {
    peers[p->index] = peers[--npeers];
    peers[p->index]->index = p->index;
  }
  uv_close((uv_handle_t *)&p->tcp, on_closed);
}

struct pending {
  uv_write_t req;
  char data[];
};

static void on_written(uv_write_t *r, int status) {
  (void)status;
  free(r);
}

static void put(struct peer *p, const char *data, size_t n) {
  uv_buf_t b = uv_buf_init((char *)(uintptr_t)data, (unsigned)n);
  int w = uv_try_write((uv_stream_t *)&p->tcp, &b, 1);
  if (w == (int)n) return;
  if (w < 0) w = 0;
  struct pending *q = malloc(sizeof *q + n);
  memcpy(q->data, data + w, n - (size_t)w);
  b = uv_buf_init(q->data, (unsigned)(n - (size_t)w));
  uv_write(&q->req, (uv_stream_t *)&p->tcp, &b, 1, on_written);
}

static void on_prepare(uv_prepare_t *h) {
  (void)h;
  if (!queued) return;
  for (int i = 0; i < npeers; i++) put(peers[i], burst, event_len * (size_t)queued);
  queued = 0;
}

static void to_everybody(void) {
  if (coalesce) {
    if (++queued == 64) on_prepare(NULL);
    return;
  }
  for (int i = 0; i < npeers; i++) put(peers[i], event, event_len);
}

static void websocket(struct peer *p, const char *d, size_t n) {
  size_t used = 0, out = 0;
  static char answers[200000];
  while (n - used >= 6) {
    const unsigned char *f = (const unsigned char *)d + used;
    size_t h = 6, len = f[1] & 127;
    if (len == 126) {
      if (n - used < 8) break;
      len = (size_t)f[2] << 8 | f[3];
      h = 8;
    }
    if (n - used < h + len) break;
    const char *text = (const char *)f + h;
    used += h + len;
    if ((f[0] & 15) == 8) return drop(p);
    if (len >= 2 && text[0] == '4' && text[1] == '0') {
      memcpy(answers + out, joined, joined_len);
      out += joined_len;
    } else if (len > 2 && text[0] == '4' && text[1] == '2' && text[2] == '[') {
      to_everybody();
    } else if ((f[0] & 15) == 2 || !binary) {
      if (out + ack_len > sizeof answers) {
        put(p, answers, out);
        out = 0;
      }
      memcpy(answers + out, ack, ack_len);
      out += ack_len;
    }
  }
  if (out) put(p, answers, out);
  char *keep = n > used ? malloc(n - used) : NULL;
  if (keep) memcpy(keep, d + used, n - used);
  free(p->held);
  p->held = keep;
  p->nheld = n - used;
}

/* Every polling peer pair shares a number that the sid carries. */
static struct peer *waiting[100000];

static void http(struct peer *p, const char *d, size_t n) {
  const char *sid = memmem(d, n, "sid=", 4);
  int id = sid ? atoi(sid + 4) : 0;
  if (memmem(d, n, "websocket", 9)) {
    p->open = 1;
    peers = npeers == cap ? realloc(peers, sizeof *peers * (size_t)(cap = cap ? cap * 2 : 1024)) : peers;
    p->index = npeers;
    peers[npeers++] = p;
    put(p, hello, hello_len);
  } else if (d[0] == 'G' && !sid) {
    static int next;
    char body[256], text[512];
    int m = sprintf(body, "0{\"sid\":\"%020d\",\"upgrades\":[],\"pingInterval\":25000}", ++next);
    put(p, text, (size_t)sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", m, body));
  } else if (d[0] == 'G') {
    waiting[id] = p;
  } else {
    put(p, ok, ok_len);
    static const char first[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: 2\r\n\r\n40";
    int join = n > 3 && memcmp(d + n - 3, "\n40", 3) == 0;
    if (waiting[id]) put(waiting[id], join ? first : poll_ack, join ? sizeof first - 1 : poll_ack_len);
    waiting[id] = NULL;
  }
}

static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b) {
  struct peer *p = h->data;
  (void)n;
  if (p->nheld) memcpy(rbuf, p->held, p->nheld);
  *b = uv_buf_init(rbuf + p->nheld, (unsigned)(sizeof rbuf - p->nheld));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
  struct peer *p = s->data;
  (void)b;
  if (n < 0) return drop(p);
  if (p->open)
    websocket(p, rbuf, p->nheld + (size_t)n);
  else
    http(p, rbuf, (size_t)n);
}

static void on_connection(uv_stream_t *s, int status) {
  struct peer *p = calloc(1, sizeof *p);
  (void)status;
  uv_tcp_init(loop, &p->tcp);
  p->tcp.data = p;
  p->index = -1;
  if (uv_accept(s, (uv_stream_t *)&p->tcp)) return drop(p);
  uv_tcp_nodelay(&p->tcp, 1);
  uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read);
}

static size_t frame(char *out, int op, const char *p, size_t n) {
  size_t h = 2;
  out[0] = (char)(0x80 | op);
  if (n < 126) {
    out[1] = (char)n;
  } else {
    out[1] = 126;
    out[2] = (char)(n >> 8);
    out[3] = (char)n;
    h = 4;
  }
  memcpy(out + h, p, n);
  return h + n;
}

int main(int argc, char **argv) {
  struct sockaddr_in a;
  uv_tcp_t server;
  uv_prepare_t prepare;
  int size = argc > 2 ? atoi(argv[2]) : 32;
  char *text = malloc((size_t)size + 200), *fill = calloc(1, (size_t)size + 1);
  memset(fill, 'x', (size_t)size);
  for (int i = 3; i < argc; i++) {
    if (strcmp(argv[i], "nocoalesce") == 0) coalesce = 0;
    if (strcmp(argv[i], "binary") == 0) binary = 1;
  }
  memcpy(hello, upgraded, sizeof upgraded - 1);
  hello_len = sizeof upgraded - 1;
  hello_len += frame(hello + hello_len, 1, opened, sizeof opened - 1);
  joined_len = frame(joined, 1, connected, sizeof connected - 1);
  if (binary) {
    const char *head = "461-0[{\"_placeholder\":true,\"num\":0}]";
    ack_len = frame(ack, 1, head, strlen(head));
    ack_len += frame(ack + ack_len, 2, fill, (size_t)size);
  } else {
    ack_len = frame(ack, 1, text, (size_t)sprintf(text, "430[\"%s\"]", fill));
  }
  poll_ack_len = (size_t)sprintf(poll_ack, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: %zu\r\nConnection: keep-alive\r\n\r\n%s", strlen(text), text);
  event_len = frame(event, 1, text, (size_t)sprintf(text, "42[\"bcast\",\"%s\"]", fill));
  burst = malloc(event_len * 64);
  for (int i = 0; i < 64; i++) memcpy(burst + event_len * (size_t)i, event, event_len);
  ok_len = (size_t)sprintf(ok, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok");
  loop = uv_default_loop();
  uv_tcp_init(loop, &server);
  uv_ip4_addr("127.0.0.1", atoi(argv[1]), &a);
  uv_tcp_bind(&server, (struct sockaddr *)&a, 0);
  int err = uv_listen((uv_stream_t *)&server, 4096, on_connection);
  if (err) {
    fprintf(stderr, "floor: %s\n", uv_strerror(err));
    return 1;
  }
  uv_prepare_init(loop, &prepare);
  uv_prepare_start(&prepare, on_prepare);
  printf("listening %s\n", argv[1]);
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
