/* SPDX-License-Identifier: MIT
 *
 * floor.c - the least a libuv program can do for the same load: it knows no protocol, only
 * which prebuilt bytes to send back. What a server costs above this is its own making.
 *
 *     floor <port> <payload size> [nocoalesce] [binary]
 *
 * WebSocket: upgrade with fixed bytes; a text frame that begins "40" gets a CONNECT answer, one
 * with "42[" goes to everybody (once per turn and peer, or at once with nocoalesce), any other data
 * frame gets the prebuilt ack (binary: only a binary one, with an attachment). Polling: the
 * handshake, and for each POST an "ok" and an ack for the GET.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct peer {
  uv_tcp_t tcp;
  char *held; /* of an incomplete frame */
  size_t nheld;
  bool open; /* a WebSocket            */
  int index; /* in peers, or -1        */
};

static uv_loop_t *loop;
static char rbuf[65536];
static struct peer **peers;
static int npeers, cap, queued;
static bool coalesce = true;
enum { BURST = 64 };
static char ack[70000], event[70000], *burst, ok[256], poll_ack[70000];
static size_t ack_len, event_len, ok_len, poll_ack_len;
static bool binary;

static const char upgraded[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char opened[] = "0{\"sid\":\"aaaaaaaaaaaaaaaaaaaa\",\"upgrades\":[],"
                             "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1}";
static const char poll_joined[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: 2\r\n\r\n40";
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

static void on_prepare_end_turn(uv_prepare_t *h) {
  (void)h;
  if (!queued) return;
  for (int i = 0; i < npeers; i++) put(peers[i], burst, event_len * (size_t)queued);
  queued = 0;
}

static void to_everybody(void) {
  if (coalesce) {
    if (++queued == BURST) on_prepare_end_turn(NULL);
    return;
  }
  for (int i = 0; i < npeers; i++) put(peers[i], event, event_len);
}

/* Parses the frame at d: returns the offset of its payload and sets its length; 0 if it is
 * incomplete. */
static size_t parse(const unsigned char *d, size_t n, size_t *len) {
  size_t h = 6;
  if (n < 8) return 0;
  *len = d[1] & 127;
  if (*len == 126) {
    *len = (size_t)d[2] << 8 | d[3];
    h = 8;
  }
  return n < h + *len ? 0 : h;
}

static char answers[2 * 70000];
static size_t nanswers;

static void answer(struct peer *p, const char *data, size_t n) {
  if (nanswers + n > sizeof answers) {
    put(p, answers, nanswers);
    nanswers = 0;
  }
  memcpy(answers + nanswers, data, n);
  nanswers += n;
}

static void on_data(struct peer *p, int opcode, const char *text, size_t n) {
  if (n >= 2 && memcmp(text, "40", 2) == 0)
    answer(p, joined, joined_len);
  else if (n > 2 && memcmp(text, "42[", 3) == 0)
    to_everybody();
  else if (opcode == 2 || !binary)
    answer(p, ack, ack_len);
}

static void keep(struct peer *p, const char *d, size_t n) {
  char *copy = n ? malloc(n) : NULL;
  if (n) memcpy(copy, d, n);
  free(p->held);
  p->held = copy;
  p->nheld = n;
}

/* The load generator masks with a key of zero, so nothing is unmasked; short pings are not
 * answered. */
static void websocket(struct peer *p, const char *d, size_t n) {
  size_t used = 0, len, h;
  nanswers = 0;
  while ((h = parse((const unsigned char *)d + used, n - used, &len)) > 0) {
    int opcode = d[used] & 15;
    if (opcode == 8) {
      drop(p);
      return;
    }
    on_data(p, opcode, d + used + h, len);
    used += h + len;
  }
  if (nanswers) put(p, answers, nanswers);
  keep(p, d + used, n - used);
}

/* Both connections of a polling peer find its number in the sid. Whichever comes first, a GET or
 * the packets that answer it, is kept here. */
static struct {
  struct peer *get;
  const char *answer;
  size_t len;
} polls[100000];

static void poll_reply(int id) {
  if (!polls[id].get || !polls[id].answer) return;
  put(polls[id].get, polls[id].answer, polls[id].len);
  polls[id].get = NULL;
  polls[id].answer = NULL;
}

static void poll_handshake(struct peer *p) {
  static int next;
  char body[256], text[512];
  int m = sprintf(body, "0{\"sid\":\"%020d\",\"upgrades\":[],\"pingInterval\":25000}", ++next);
  put(p, text, (size_t)sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", m, body));
}

static void poll_post(struct peer *p, int id, bool join) {
  put(p, ok, ok_len);
  polls[id].answer = join ? poll_joined : poll_ack;
  polls[id].len = join ? sizeof poll_joined - 1 : poll_ack_len;
  poll_reply(id);
}

static void add_peer(struct peer *p) {
  if (npeers == cap) peers = realloc(peers, sizeof *peers * (size_t)(cap = cap ? cap * 2 : 1024));
  p->open = true;
  p->index = npeers;
  peers[npeers++] = p;
  put(p, hello, hello_len);
}

static void http(struct peer *p, const char *d, size_t n) {
  const char *sid = memmem(d, n, "sid=", 4);
  int id = sid ? atoi(sid + 4) : 0;
  if (memmem(d, n, "websocket", 9)) {
    add_peer(p);
  } else if (!sid) {
    poll_handshake(p);
  } else if (d[0] == 'G') {
    polls[id].get = p;
    poll_reply(id);
  } else {
    poll_post(p, id, memcmp(d + n - 3, "\n40", 3) == 0);
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
  if (n < 0) {
    drop(p);
    return;
  }
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
  if (uv_accept(s, (uv_stream_t *)&p->tcp)) {
    drop(p);
    return;
  }
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

static void prepare_answers(size_t size) {
  static const char attachment[] = "461-0[{\"_placeholder\":true,\"num\":0}]";
  char *text = malloc(size + 200), *fill = calloc(1, size + 1);
  memset(fill, 'x', size);
  memcpy(hello, upgraded, sizeof upgraded - 1);
  hello_len = sizeof upgraded - 1;
  hello_len += frame(hello + hello_len, 1, opened, sizeof opened - 1);
  joined_len = frame(joined, 1, connected, sizeof connected - 1);
  event_len = frame(event, 1, text, (size_t)sprintf(text, "42[\"bcast\",\"%s\"]", fill));
  burst = malloc(event_len * BURST);
  for (size_t i = 0; i < BURST; i++) memcpy(burst + event_len * i, event, event_len);
  size_t n = (size_t)sprintf(text, "430[\"%s\"]", fill);
  ack_len = frame(ack, 1, binary ? attachment : text, binary ? sizeof attachment - 1 : n);
  if (binary) ack_len += frame(ack + ack_len, 2, fill, size);
  poll_ack_len = (size_t)sprintf(
      poll_ack,
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: %zu\r\n\r\n%s",
      n, text);
  ok_len =
      (size_t)sprintf(ok,
                      "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok");
  free(text);
  free(fill);
}

static int listen_on(uv_tcp_t *server, int port) {
  struct sockaddr_in a;
  uv_tcp_init(loop, server);
  uv_ip4_addr("127.0.0.1", port, &a);
  uv_tcp_bind(server, (struct sockaddr *)&a, 0);
  return uv_listen((uv_stream_t *)server, 4096, on_connection);
}

int main(int argc, char **argv) {
  uv_tcp_t server;
  uv_prepare_t prepare;
  int port = argc > 1 ? atoi(argv[1]) : 3000, size = argc > 2 ? atoi(argv[2]) : 32;
  for (int i = 3; i < argc; i++) {
    if (strcmp(argv[i], "nocoalesce") == 0) coalesce = false;
    if (strcmp(argv[i], "binary") == 0) binary = true;
  }
  prepare_answers((size_t)(size < 0 || size > 60000 ? 32 : size));
  loop = uv_default_loop();
  uv_prepare_init(loop, &prepare);
  uv_prepare_start(&prepare, on_prepare_end_turn);
  int err = listen_on(&server, port);
  if (err) {
    fprintf(stderr, "floor: %s\n", uv_strerror(err));
    return 1;
  }
  printf("listening %d\n", port);
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
