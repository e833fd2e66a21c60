/* SPDX-License-Identifier: MIT
 *
 * test_held.c - the memory a whole server holds because of one peer that takes nothing of what it
 * asks for, measured by the allocator, against the bytes that the server has read from it.
 */
#include "poll_client.h"
#include "server/server.h"
#include "whole.h"

enum {
  KIB = 1024,
  OBJECTS = 64 * KIB, /* connections, session, up to 64 sockets under way, the first replies */
  PER_BYTE = 4,
  UNJOINED_MAX = 256 * KIB,
  SEND_MAX = 600 * KIB,
  NSPS = 64,
  CONTINUATION = 0x70 /* the first byte is 0 */
};

static sio_next *parked[1024];
static size_t nparked;

/* ---- the host ----------------------------------------------------------------------------- */

static void park(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  if (nparked == sizeof parked / sizeof *parked) abort();
  parked[nparked++] = next;
}

static unsigned asked;

static void on_question(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  asked++;
  if (sio_event_wants_ack(e)) sio_reply(e, SIO_ARGS(true));
}

static void set_up(void) {
  char name[24];
  sio_nsp *nsp;
  if (sio_on(root, "q", on_question, NULL)) abort();
  for (int i = 0; i < NSPS; i++) {
    snprintf(name, sizeof name, "/slow%d", i);
    if (sio_of(srv, name, &nsp) || sio_use(nsp, park, NULL)) abort();
  }
}

/* Blocks that lie ready for anybody are held because of nobody. */
static size_t at_rest(void) {
  size_t n = 0;
  const struct pool *pools[] = { &srv->core.loop.msgs.small, &srv->core.loop.chunks,
                                 &srv->http.parsers };
  for (size_t i = 0; i < sizeof pools / sizeof *pools; i++) n += pools[i]->held * pools[i]->size;
  list_each (it, next, &srv->http.spare_requests) {
    const sio_request *r = container_of(it, sio_request, link);
    n += sizeof *r + r->head.cap + r->body.cap + r->extra_headers.cap;
  }
  return n;
}

/* ---- one peer ------------------------------------------------------------------------------- */

struct input {
  const char *name;
  bool ws, joined;
  uint8_t op, first_op; /* of the frames; 0: a whole text */
  unsigned protocol;    /* 0: 4 */
  const char *first;    /* sent once, before; NULL: nothing */
  const char *unit;     /* sent over and over; # is counted up, $ is `pad` bytes */
  unsigned units;       /* at most; 0: SEND_MAX bytes */
  size_t pad;
};

static struct wire text;
static struct raw w;

static size_t one_unit(const struct input *in, unsigned i) {
  char digits[16];
  int n = snprintf(digits, sizeof digits, "%u", i % NSPS);
  text.n = 0;
  for (const char *p = in->unit; *p; p++)
    if (*p == '#')
      wire_put(&text, digits, (size_t)n);
    else if (*p != '$')
      wire_byte(&text, (unsigned char)*p);
    else
      for (size_t k = 0; k < in->pad; k++) wire_byte(&text, 'x');
  return text.n;
}

static unsigned units_of(const struct input *in) {
  return in->units ? in->units : SEND_MAX / (unsigned)(one_unit(in, 0) + (in->ws ? 6 : 1));
}

static size_t before, peak;

static void tick(void) {
  turn();
  size_t held = alloc_bytes - at_rest() - before;
  if (held > peak) peak = held;
}

/* As much as the server reads; what it does not read stays in the kernel. */
static void push(struct raw *c, const char *p, size_t n) {
  for (unsigned idle = 0; n > 0 && idle < 8;) {
    ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);
    idle = k > 0 ? 0 : idle + 1;
    if (k > 0) p += k, n -= (size_t)k;
    if (k < 0 && errno != EAGAIN) break;
    tick();
  }
  for (int i = 0; i < 8; i++) tick();
}

static void push_frames(const struct input *in) {
  static struct wire frames;
  frames.n = 0;
  for (unsigned i = 0, n = units_of(in); i < n; i++) {
    one_unit(in, i);
    wire_frame(&frames, in->op ? in->op & 0x8f : 0x81, text.p, text.n);
  }
  push(&w, frames.p, frames.n);
  wire_clear(&frames);
}

static void put_packet(struct wire *body, const struct input *in) {
  char length[24];
  if (in->protocol == 3)
    wire_put(body, length, (size_t)snprintf(length, sizeof length, "%zu:", text.n));
  else if (body->n)
    wire_byte(body, 0x1e);
  wire_put(body, text.p, text.n);
}

/* Bodies of 60 kB, each on a connection of its own once the one before is answered. */
static void push_posts(const struct input *in, struct poller *p) {
  static struct wire body;
  char head[400];
  for (unsigned i = 0, n = units_of(in); i < n;) {
    for (body.n = 0; i < n && body.n < 60000; i++) {
      one_unit(in, i);
      put_packet(&body, in);
    }
    int k = snprintf(head, sizeof head,
                     "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", p->path, body.n);
    if (p->post.fd >= 0) raw_close(&p->post);
    if (!raw_open(&p->post, srv)) abort();
    push(&p->post, head, (size_t)k);
    push(&p->post, body.p, body.n);
    raw_read(&p->post);
    if (!p->post.n) break;
  }
  wire_clear(&body);
}

static struct poller p = POLLER;

static bool open_polling(const struct input *in) {
  char url[100];
  if (in->protocol != 3) return poller_open(&p, srv, "/socket.io/");
  snprintf(url, sizeof url, "/socket.io/?EIO=3&transport=polling");
  p.server = srv;
  if (!raw_open(&p.get, srv) || !raw_get(&p.get, url) || !raw_expect(&p.get, "0{\"sid\":\"") ||
      !raw_take(&p.get, '"', p.sid, sizeof p.sid))
    return false;
  snprintf(p.path, sizeof p.path, "%s&sid=%s", url, p.sid);
  return true;
}

static bool open_ws(const struct input *in) {
  return raw_open(&w, srv) &&
         raw_upgrade(&w, in->protocol == 3 ? "/socket.io/?EIO=3&transport=websocket"
                                           : "/socket.io/?EIO=4&transport=websocket") &&
         (!in->joined || in->protocol == 3 || (raw_text(&w, "40") && raw_expect(&w, "40{")));
}

static bool open_peer(const struct input *in) {
  p = (struct poller)POLLER;
  w.fd = -1;
  if (in->ws) return open_ws(in);
  return open_polling(in) &&
         (!in->joined || (poller_post(&p, "40") && poller_get(&p) && raw_expect(&p.get, "40{")));
}

static void send_all(const struct input *in) {
  if (in->first && !raw_frame(&w, in->first_op ? in->first_op : 0x81, in->first, strlen(in->first)))
    abort();
  if (in->ws)
    push_frames(in);
  else
    push_posts(in, &p);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static void measure(const struct input *in, size_t constant) {
  whole_start(&(sio_options){ .allow_eio3 = true });
  set_up();
  turn();
  before = alloc_bytes - at_rest();
  peak = 0;
  CHECK(open_peer(in));
  uint64_t read = srv->core.loop.stats.bytes_in;
  send_all(in);
  read = srv->core.loop.stats.bytes_in - read;
  size_t most = PER_BYTE * (size_t)read + constant;
  if (!in->joined) most = least(most, UNJOINED_MAX);
  if (peak > most || getenv("HELD"))
    printf("%s, %s: %zu bytes held for %zu read\n", in->ws ? "websocket" : "polling", in->name,
           peak, (size_t)read);
  CHECK(peak <= most);
  CHECK(read > 0);
  poller_close(&p);
  raw_close(&w);
  wire_clear(&text);
  for (size_t i = 0; i < nparked; i++) sio_next_fail(parked[i], "no", sio_null());
  nparked = 0;
  whole_stop();
}

/* ---- what peers send ------------------------------------------------------------------------ */

static const struct input unjoined[] = {
  { .name = "CONNECT to what is not there", .unit = "40/x," },
  { .name = "CONNECT to what is not there", .unit = "40/x,", .ws = true },
  { .name = "a few of them", .unit = "40/x,", .units = 300 },
  { .name = "a few of them", .unit = "40/x,", .units = 300, .ws = true },
  { .name = "long names", .unit = "40/$,", .pad = 3000 },
  { .name = "long names", .unit = "40/$,", .pad = 3000, .ws = true },
  { .name = "CONNECT that waits", .unit = "40/slow#,", .units = NSPS },
  { .name = "CONNECT that waits", .unit = "40/slow#,", .units = NSPS, .ws = true },
  { .name = "auth that waits", .unit = "40/slow#,{\"a\":\"$\"}", .pad = 8000, .units = NSPS },
  { .name = "auth that waits",
    .unit = "40/slow#,{\"a\":\"$\"}",
    .pad = 8000,
    .units = NSPS,
    .ws = true },
  { .name = "one long message", .unit = "40/x,{\"a\":\"$\"}", .pad = 500000, .units = 1 },
  { .name = "one long message",
    .unit = "40/x,{\"a\":\"$\"}",
    .pad = 500000,
    .units = 1,
    .ws = true },
  { .name = "half a packet",
    .first = "451-[\"$\",{\"_placeholder\":true,\"num\":0}]",
    .unit = "40/x,",
    .units = 1,
    .ws = true },
  { .name = "WebSocket pings", .unit = "$", .pad = 125, .op = 0x89, .ws = true },
  { .name = "many fragments",
    .first = "4",
    .first_op = 1,
    .unit = "x",
    .op = CONTINUATION,
    .ws = true },
  { .name = "noop", .unit = "6" },
  { .name = "noop", .unit = "6", .ws = true },
};

static const struct input joined[] = {
  { .name = "replies", .unit = "420[\"q\"]", .joined = true },
  { .name = "replies", .unit = "420[\"q\"]", .joined = true, .ws = true },
  { .name = "refusals", .unit = "40/x,", .joined = true },
  { .name = "refusals", .unit = "40/x,", .joined = true, .ws = true },
  { .name = "pings of protocol 3", .unit = "2", .joined = true, .protocol = 3, .ws = true },
  { .name = "replies of protocol 3",
    .unit = "420[\"q\"]",
    .joined = true,
    .protocol = 3,
    .ws = true },
};

TEST(a_peer_that_joined_nothing_is_held_little_for_whatever_it_sends) {
  for (size_t i = 0; i < sizeof unjoined / sizeof *unjoined; i++) measure(&unjoined[i], OBJECTS);
}

/* What it is owed may be a little more. */
TEST(a_peer_that_takes_no_replies_is_held_four_bytes_a_byte_at_most) {
  for (size_t i = 0; i < sizeof joined / sizeof *joined; i++)
    measure(&joined[i], OBJECTS + 160 * KIB);
}

TEST(a_websocket_on_trial_is_held_little) {
  static struct wire probes;
  whole_start(NULL);
  CHECK(poller_open(&p, srv, "/socket.io/") && poller_upgrade(&p, &w, "/socket.io/"));
  turn();
  before = alloc_bytes - at_rest();
  peak = 0;
  for (int i = 0; i < 50000; i++) wire_frame(&probes, 0x81, "2probe", 6);
  push(&w, probes.p, probes.n);
  CHECK(peak < 16 * KIB);
  wire_clear(&probes);
  poller_close(&p);
  raw_close(&w);
  whole_stop();
}

/* ---- nothing is lost by it ------------------------------------------------------------------- */

enum { QUESTIONS = 60000 };

/* Replies in the order of their ids, in whatever form they come. */
static unsigned answered;

static void count_replies(struct raw *c) {
  char want[24];
  for (char *at = c->in + c->seen, *end;; at = end) {
    int n = snprintf(want, sizeof want, "43%u[1]", answered);
    char *found = memmem(at, (size_t)(c->in + c->n - at), want, (size_t)n);
    if (!found) return;
    end = found + n;
    c->seen = (size_t)(end - c->in);
    answered++;
  }
}

static void ask_by_post(unsigned n) {
  static struct wire body;
  char unit[40], head[400];
  body.n = 0;
  for (unsigned i = 0; i < n; i++)
    wire_put(&body, unit, (size_t)snprintf(unit, sizeof unit, "%s42%u[\"q\"]", i ? "\x1e" : "", i));
  int k = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                   p.path, body.n);
  raw_close(&p.post);
  CHECK(raw_open(&p.post, srv) && raw_send(&p.post, head, (size_t)k) &&
        raw_send(&p.post, body.p, body.n));
  wire_clear(&body);
}

TEST(a_post_is_read_on_when_its_replies_are_polled) {
  enum { N = 3000 };
  whole_start(NULL);
  set_up();
  asked = answered = 0;
  CHECK(open_peer(&(struct input){ .joined = true }));
  ask_by_post(N);
  for (int i = 0; i < 8; i++) tick();
  CHECK(asked > 0 && asked < N);
  raw_read(&p.post);
  EQ(p.post.n, 0);
  for (int i = 0; i < 100 && answered < N; i++) {
    CHECK(poller_get(&p) && raw_expect(&p.get, "\r\n\r\n"));
    for (int k = 0; k < 8; k++) raw_turn(&p.get);
    count_replies(&p.get);
  }
  EQ(asked, N);
  EQ(answered, N);
  CHECK(raw_expect(&p.post, "ok"));
  poller_close(&p);
  whole_stop();
}

/* What is read is thrown away behind the last reply found. */
static void read_replies(struct raw *c) {
  raw_read(c);
  count_replies(c);
  memmove(c->in, c->in + c->seen, c->n - c->seen);
  c->n -= c->seen;
  c->seen = 0;
}

TEST(a_websocket_is_read_on_when_its_replies_are_taken) {
  static struct wire frames;
  char unit[40];
  whole_start(NULL);
  set_up();
  asked = answered = 0;
  CHECK(open_peer(&(struct input){ .ws = true, .joined = true }));
  for (unsigned i = 0; i < QUESTIONS; i++)
    wire_frame(&frames, 0x81, unit, (size_t)snprintf(unit, sizeof unit, "42%u[\"q\"]", i));
  const char *at = frames.p;
  size_t left = frames.n;
  push(&w, at, left);
  CHECK(asked > 0 && asked < QUESTIONS / 2);
  raw_close(&w);
  for (int i = 0; i < 8; i++) tick();
  CHECK(open_peer(&(struct input){ .ws = true, .joined = true }));
  asked = 0;
  for (int i = 0; i < 10000 && answered < QUESTIONS; i++) {
    ssize_t k = left ? send(w.fd, at, left, MSG_NOSIGNAL) : 0;
    if (k > 0) at += k, left -= (size_t)k;
    turn();
    if (i % 16 == 0) read_replies(&w);
  }
  EQ(asked, QUESTIONS);
  EQ(answered, QUESTIONS);
  wire_clear(&frames);
  raw_close(&w);
  whole_stop();
}

TESTS_BEGIN
T(a_websocket_on_trial_is_held_little)
T(a_post_is_read_on_when_its_replies_are_polled)
T(a_websocket_is_read_on_when_its_replies_are_taken)
T(a_peer_that_joined_nothing_is_held_little_for_whatever_it_sends)
T(a_peer_that_takes_no_replies_is_held_four_bytes_a_byte_at_most)
TESTS_END
