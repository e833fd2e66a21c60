/* SPDX-License-Identifier: MIT
 *
 * redis_rig.h - a server, and a Redis that does what the test says, on a Unix socket.
 *
 *     begin(NULL);
 *     sio_broadcast(all, "ev", SIO_NONE);
 *     PUBLISHED("socket.io#/#", "93a6...");      hexadecimal, or the text of a request in JSON
 *     push("socket.io#/#", SLICE("..."));        what another server has published
 *     end();
 */
#ifndef SIO_TEST_REDIS_RIG_H
#define SIO_TEST_REDIS_RIG_H

#include "peer.h"
#include "redis/publish.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sio/redis.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FAKE_CONNS = 24, FAKE_BYTES = 1 << 17, FAKE_NODES = 4 };

struct fake_conn {
  int fd;   /* -1: free                                    */
  int node; /* that it is connected to; -1: the Unix socket */
  bool subscribed;
  size_t n;
  char in[FAKE_BYTES];
};

struct published {
  char channel[300];
  char payload[4096]; /* hexadecimal, unless it is JSON */
};

static struct fake_conn conns[FAKE_CONNS];
static int fake_listener = -1;
/* Further servers, on TCP ports of their own: fake_open_node(). */
static int fake_nodes[FAKE_NODES] = { -1, -1, -1, -1 };
static unsigned fake_ports[FAKE_NODES];
/* Answers in place of all that follows; false: it does not know the command. */
static bool (*fake_special)(struct fake_conn *c, const sio_slice *words, size_t n);
static char fake_path[100], fake_url[120], why[256];
static struct published said[64];
static unsigned nsaid, next_said;
static unsigned greetings;  /* connections that logged in */
static long long servers;   /* what PUBSUB NUMSUB answers; -1: an error */
static const char *refusal; /* of AUTH, or of PING at the login */
static bool mute;           /* answers nothing */
static bool no_subscribers; /* refuses subscriptions */
static char subscribed[2000], login[500];
static sio_redis *redis;
static sio_redis_adapter_options cluster;
static char lines[4000];

/* The ids that are drawn, in order; then "id0000" and so on. */
static const char *const *ids;
static unsigned drawn;

int __wrap_sio__random_alphanumeric_id(char out[CLASSIC_UID + 2]);
int __wrap_sio__random_alphanumeric_id(char out[CLASSIC_UID + 2]) {
  memset(out, 0, CLASSIC_UID + 2);
  if (ids && *ids)
    memcpy(out, *ids++, CLASSIC_UID);
  else
    snprintf(out, CLASSIC_UID + 1, "id%04u", drawn++ % 10000);
  return 0;
}

int __wrap_sio__random_hex_id(char out[LINK_ID]);
int __wrap_sio__random_hex_id(char out[LINK_ID]) {
  memset(out, 0, LINK_ID);
  if (ids && *ids)
    memcpy(out, *ids++, SHARDED_UID);
  else
    snprintf(out, SHARDED_UID + 1, "%016u", drawn++);
  return 0;
}

static bool sharded; /* with the sharded adapter */
static bool streams; /* with the streams adapter */
static const sio_recovery *rig_recovery;
static unsigned rig_max_acks; /* of the server; 0: the default */

/* What a connection to the fake is wrapped in; NULL: nothing. fake_unwrap replaces the bytes of
 * c->in from `from` on; fake_wrap sends n bytes. */
static void (*fake_unwrap)(struct fake_conn *c, size_t from);
static void (*fake_wrap)(struct fake_conn *c, const char *p, size_t n);

/* ---- what it answers ------------------------------------------------------------------------- */

static inline void fake_put_raw(struct fake_conn *c, const char *p, size_t n) {
  while (n) {
    ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);
    if (k < 0 && errno == EAGAIN) continue;
    if (k <= 0) return;
    p += k;
    n -= (size_t)k;
  }
}
static inline void fake_put(struct fake_conn *c, const char *p, size_t n) {
  if (fake_wrap)
    fake_wrap(c, p, n);
  else
    fake_put_raw(c, p, n);
}
static inline void fake_say(struct fake_conn *c, const char *s) { fake_put(c, s, strlen(s)); }

static inline void fake_bulk(struct fake_conn *c, sio_slice s) {
  char head[40];
  snprintf(head, sizeof head, "$%zu\r\n", s.n);
  fake_say(c, head);
  fake_put(c, s.p, s.n);
  fake_say(c, "\r\n");
}

static inline void fake_keep_published(sio_slice channel, sio_slice payload) {
  struct published *p = &said[nsaid++ % 64];
  snprintf(p->channel, sizeof p->channel, "%.*s", (int)channel.n, channel.p);
  if (payload.n && *payload.p == '{') {
    snprintf(p->payload, sizeof p->payload, "%.*s", (int)payload.n, payload.p);
    return;
  }
  p->payload[0] = '\0';
  for (size_t i = 0; i < payload.n && 2 * i + 3 < sizeof p->payload; i++)
    snprintf(p->payload + 2 * i, 3, "%02x", (unsigned)(unsigned char)payload.p[i]);
}

/* Appends the words to a text, with a newline. What finds no room is left out. */
static inline void fake_note(char *text, size_t size, const sio_slice *w, size_t n) {
  for (size_t i = 0; i < n; i++) {
    size_t at = strlen(text);
    snprintf(text + at, size - at, "%.*s%s", (int)w[i].n, w[i].p, i + 1 < n ? " " : "\n");
  }
}

static inline void fake_subscribe(struct fake_conn *c, const sio_slice *w) {
  if (no_subscribers) {
    fake_say(c, "-NOPERM no channels\r\n");
    return;
  }
  size_t n = strlen(subscribed);
  snprintf(subscribed + n, sizeof subscribed - n, "%.*s %.*s\n", (int)w[0].n, w[0].p, (int)w[1].n,
           w[1].p);
  c->subscribed = true;
  fake_say(c, "*3\r\n");
  fake_bulk(c, slice_equals_str(w[0], "PSUBSCRIBE")     ? SLICE("psubscribe")
               : slice_equals_str(w[0], "SSUBSCRIBE")   ? SLICE("ssubscribe")
               : slice_equals_str(w[0], "SUNSUBSCRIBE") ? SLICE("sunsubscribe")
                                                        : SLICE("subscribe"));
  fake_bulk(c, w[1]);
  fake_say(c, ":1\r\n");
}

static inline void fake_count(struct fake_conn *c, sio_slice channel) {
  char number[40];
  if (servers < 0) {
    fake_say(c, "-NOPERM this user has no permissions\r\n");
    return;
  }
  snprintf(number, sizeof number, ":%lld\r\n", servers);
  fake_say(c, "*2\r\n");
  fake_bulk(c, channel);
  fake_say(c, number);
}

static inline void fake_ping(struct fake_conn *c) {
  if (c->subscribed)
    fake_say(c, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  else if (refusal)
    fake_say(c, refusal);
  else
    fake_say(c, "+PONG\r\n");
  greetings += !c->subscribed && !refusal;
}

static inline void fake_command(struct fake_conn *c, const sio_slice *w, size_t n) {
  if (mute || (fake_special && fake_special(c, w, n))) return;
  if (slice_equals_str(w[0], "PING")) {
    fake_ping(c);
  } else if (slice_equals_str(w[0], "PUBLISH") || slice_equals_str(w[0], "SPUBLISH")) {
    EQ(slice_equals_str(w[0], "SPUBLISH"), sharded);
    fake_keep_published(w[1], w[2]);
    fake_say(c, ":1\r\n");
  } else if (slice_equals_str(w[0], "PUBSUB")) {
    fake_count(c, w[2]);
  } else if (slice_equals_str(w[0], "SUBSCRIBE") || slice_equals_str(w[0], "PSUBSCRIBE") ||
             slice_equals_str(w[0], "SSUBSCRIBE") || slice_equals_str(w[0], "SUNSUBSCRIBE")) {
    fake_subscribe(c, w);
  } else if (slice_equals_str(w[0], "AUTH") || slice_equals_str(w[0], "SELECT") ||
             slice_equals_str(w[0], "CLIENT")) {
    fake_note(login, sizeof login, w, n);
    fake_say(c, refusal && slice_equals_str(w[0], "AUTH") ? refusal : "+OK\r\n");
  }
}

/* One command off the input; false: there is no whole one. */
static inline bool fake_take(struct fake_conn *c) {
  sio_slice w[16];
  char *p = c->in, *end = c->in + c->n, *eol = memchr(p, '\n', c->n);
  if (!eol) return false;
  size_t n = strtoul(p + 1, NULL, 10);
  p = eol + 1;
  for (size_t i = 0; i < n; i++) {
    if (!(eol = memchr(p, '\n', (size_t)(end - p)))) return false;
    size_t len = strtoul(p + 1, NULL, 10);
    if ((size_t)(end - eol) < len + 3) return false;
    w[i] = slice(eol + 1, len);
    p = eol + 1 + len + 2;
  }
  fake_command(c, w, n);
  memmove(c->in, p, (size_t)(end - p));
  c->n = (size_t)(end - p);
  return true;
}

static inline void fake_close(struct fake_conn *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

static inline void fake_read(struct fake_conn *c) {
  ssize_t k = read(c->fd, c->in + c->n, sizeof c->in - c->n);
  if (k == 0 || (k < 0 && errno != EAGAIN)) {
    fake_close(c);
    return;
  }
  size_t from = c->n;
  if (k > 0) c->n += (size_t)k;
  if (k > 0 && fake_unwrap) fake_unwrap(c, from);
  while (c->n && fake_take(c)) continue;
}

static inline void fake_accept(int listener, int node) {
  int fd = listener < 0 ? -1 : accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  for (int i = 0; fd >= 0 && i < FAKE_CONNS; i++) {
    if (conns[i].fd >= 0) continue;
    conns[i] = (struct fake_conn){ .fd = fd, .node = node };
    return;
  }
  if (fd >= 0) abort();
}

static inline void fake_listen(void) {
  struct sockaddr_un a = { .sun_family = AF_UNIX };
  snprintf(fake_path, sizeof fake_path, "/tmp/libsio-redis-%d", (int)getpid());
  snprintf(fake_url, sizeof fake_url, "unix://%s", fake_path);
  memcpy(a.sun_path, fake_path, strlen(fake_path) + 1);
  unlink(fake_path);
  fake_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(fake_listener, (struct sockaddr *)&a, sizeof a) || listen(fake_listener, 8)) abort();
}

static inline void fake_stop_listening(void) {
  if (fake_listener >= 0) close(fake_listener);
  fake_listener = -1;
  unlink(fake_path);
}

static inline void fake_open_node(int i) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)fake_ports[i]) };
  socklen_t size = sizeof a;
  const int on = 1;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  fake_nodes[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(fake_nodes[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fake_nodes[i], (struct sockaddr *)&a, sizeof a) || listen(fake_nodes[i], 8)) abort();
  getsockname(fake_nodes[i], (struct sockaddr *)&a, &size);
  fake_ports[i] = ntohs(a.sin_port);
}

static inline void fake_cut_node(int i) {
  for (int k = 0; k < FAKE_CONNS; k++)
    if (conns[k].fd >= 0 && conns[k].node == i) fake_close(&conns[k]);
}

static inline void fake_close_node(int i) {
  if (fake_nodes[i] >= 0) close(fake_nodes[i]);
  fake_nodes[i] = -1;
  fake_cut_node(i);
}

static inline void fake_cut(void) {
  for (int i = 0; i < FAKE_CONNS; i++) fake_close(&conns[i]);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static inline void pump(void) {
  turn();
  fake_accept(fake_listener, -1);
  for (int i = 0; i < FAKE_NODES; i++) fake_accept(fake_nodes[i], i);
  for (int i = 0; i < FAKE_CONNS; i++)
    if (conns[i].fd >= 0) fake_read(&conns[i]);
}

/* Only against waiting for ever. */
#define UNTIL(cond)                                 \
  do {                                              \
    for (int i_ = 0; !(cond) && i_ < 50000; i_++) { \
      pump();                                       \
      if (i_ > 50) usleep(100);                     \
    }                                               \
    CHECK(cond);                                    \
  } while (0)

static inline void settle(void) {
  for (int i = 0; i < 20; i++) pump();
}

static inline sio_redis_stats redis_stats(void) {
  sio_redis_stats st;
  sio_redis_get_stats(redis, &st, sizeof st);
  return st;
}

/* ---- what came and goes ---------------------------------------------------------------------- */

static inline void published(const char *file, int line, const char *channel, const char *payload) {
  for (int i = 0; next_said == nsaid && i < 200; i++) pump();
  const struct published none = { "nothing", "" };
  const struct published *p = next_said < nsaid ? &said[next_said++ % 64] : &none;
  test__mem(file, line, "channel", p->channel, strlen(p->channel), channel, strlen(channel));
  test__mem(file, line, "payload", p->payload, strlen(p->payload), payload, strlen(payload));
}
#define PUBLISHED(channel, payload) published(__FILE__, __LINE__, channel, payload)
#define NOTHING_PUBLISHED() \
  do {                      \
    settle();               \
    EQ(next_said, nsaid);   \
  } while (0)

static inline struct fake_conn *subscriber(void) {
  for (int i = 0; i < FAKE_CONNS; i++)
    if (conns[i].fd >= 0 && conns[i].subscribed) return &conns[i];
  return NULL;
}

static inline void push(const char *channel, sio_slice payload) {
  struct fake_conn *c = subscriber();
  if (!c) abort();
  bool pattern = !sharded && strncmp(channel, "socket.io#", 10) == 0;
  fake_say(c, pattern ? "*4\r\n" : "*3\r\n");
  fake_bulk(c, pattern ? SLICE("pmessage") : sharded ? SLICE("smessage") : SLICE("message"));
  if (pattern)
    fake_bulk(c, strncmp(channel, "socket.io#/c", 12) == 0 ? SLICE("socket.io#/chat#*")
                                                           : SLICE("socket.io#/#*"));
  fake_bulk(c, slice_str(channel));
  fake_bulk(c, payload);
  settle();
}

static inline void push_hex(const char *channel, const char *hex) {
  static char bytes[4096];
  size_t n = strlen(hex) / 2;
  unsigned byte;
  for (size_t i = 0; i < n; i++) {
    sscanf(hex + 2 * i, "%2x", &byte);
    bytes[i] = (char)byte;
  }
  push(channel, slice(bytes, n));
}

/* ---- a life ---------------------------------------------------------------------------------- */

static void on_line(const sio_log_line *l, void *user) {
  (void)user;
  EQ_STR(l->part, "redis");
  size_t n = strlen(lines);
  snprintf(lines + n, sizeof lines - n, "%s\n", l->text);
}

static void on_redis_state(sio_redis *r, enum sio_redis_state state, const char *text, void *user) {
  static const char *const names[] = { "idle", "connecting", "ready" };
  (void)user;
  CHECK(r == redis);
  trace("%s%s%s ", names[state], *text ? ": " : "", text);
}

static inline void begin_redis(const sio_redis_options *more) {
  sio_redis_options o = more ? *more : (sio_redis_options){ 0 };
  for (int i = 0; i < FAKE_CONNS; i++) conns[i].fd = -1;
  nsaid = next_said = greetings = drawn = 0;
  refusal = NULL;
  mute = no_subscribers = false;
  servers = 2;
  subscribed[0] = login[0] = lines[0] = '\0';
  fake_listen();
  if (!o.url) o.url = fake_url;
  if (!o.retry_min_ms) o.retry_min_ms = 1;
  if (!o.retry_max_ms) o.retry_max_ms = 4;
  o.log = on_line;
  o.log_level = SIO_LOG_INFO;
  o.on_state = on_redis_state;
  EQ(sio_redis_new(&loop, &o, why, sizeof why, &redis), 0);
  cluster.redis = redis;
}

static inline int begin_code(const sio_redis_options *more) {
  alloc_install();
  traced[0] = '\0';
  npeers = 0;
  closed = false;
  uv_loop_init(&loop);
  uv_async_init(&loop, &alive, on_alive);
  begin_redis(more);
  static sio_options o;
  o = (sio_options){ .adapter = streams   ? sio_redis_streams_adapter
                                : sharded ? sio_redis_sharded_adapter
                                          : sio_redis_adapter,
                     .adapter_user = &cluster,
                     .recovery = rig_recovery,
                     .max_acks = rig_max_acks };
  int err = sio_server_new(&loop, &o, &srv);
  return err ? err : sio_of(srv, "/", &root);
}

static inline void begin(const sio_redis_options *more) {
  static const char *const first[] = { "w1gYUz", NULL };
  static const char *const first_sharded[] = { "ea552cd3114e40c2", NULL };
  ids = sharded || streams ? first_sharded : first;
  EQ(begin_code(more), 0);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  settle();
}

static inline void end(void) {
  alloc_fail_in(0);
  server_gone();
  sio_redis_free(redis);
  fake_cut();
  fake_stop_listening();
  nothing_left();
}

#endif
