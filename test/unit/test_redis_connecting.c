/* SPDX-License-Identifier: MIT
 *
 * test_redis_connecting.c - how the connections to Redis are made: over TCP, with a resolver that
 * answers what the test says, and under TLS, with a provider that hides nothing (veil.h).
 */
#include "redis_questions.h"
#include "veil.h"
#include <netdb.h>
#include <netinet/in.h>

/* ---- the resolver ---------------------------------------------------------------------------- */

static struct {
  uv_getaddrinfo_t *req;
  uv_getaddrinfo_cb cb;
} lookups[2];
static int lookup_fails; /* the call itself, with this code */

static unsigned nlookups;
static char asked_for[100];

int __wrap_uv_getaddrinfo(uv_loop_t *l, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb,
                          const char *host, const char *port, const struct addrinfo *hints);
int __wrap_uv_getaddrinfo(uv_loop_t *l, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb,
                          const char *host, const char *port, const struct addrinfo *hints) {
  (void)l;
  EQ(hints->ai_socktype, SOCK_STREAM);
  snprintf(asked_for, sizeof asked_for, "%s %s", host, port);
  if (lookup_fails) return lookup_fails;
  if (nlookups >= 2) abort();
  lookups[nlookups].req = req;
  lookups[nlookups++].cb = cb;
  return 0;
}

static unsigned freed_lists;
void __wrap_uv_freeaddrinfo(struct addrinfo *ai);
void __wrap_uv_freeaddrinfo(struct addrinfo *ai) { freed_lists += ai != NULL; }

static unsigned canceled;
int __wrap_uv_cancel(uv_req_t *req);
int __wrap_uv_cancel(uv_req_t *req) {
  (void)req;
  canceled++;
  return UV_EBUSY;
}

/* Up to two addresses of this machine, with these ports; 0: none. */
static struct sockaddr_in places[2];
static struct addrinfo found[2];
static struct addrinfo *addresses(int port, int port2) {
  const int ports[] = { port, port2 };
  for (int i = 0; i < 2; i++) {
    places[i] = (struct sockaddr_in){ .sin_family = AF_INET,
                                      .sin_addr = { htonl(INADDR_LOOPBACK) },
                                      .sin_port = htons((uint16_t)ports[i]) };
    found[i] = (struct addrinfo){ .ai_family = AF_INET,
                                  .ai_addr = (struct sockaddr *)&places[i],
                                  .ai_addrlen = sizeof places[i] };
  }
  found[0].ai_next = port2 ? &found[1] : NULL;
  return &found[0];
}

/* Answers all lookups that wait. */
static void resolve(int status, struct addrinfo *list) {
  unsigned n = nlookups;
  nlookups = 0;
  for (unsigned i = 0; i < n; i++) lookups[i].cb(lookups[i].req, status, status ? NULL : list);
}

/* ---- a fake over TCP ------------------------------------------------------------------------- */

static int tcp_port;

static int tcp_listen(int *port) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
  socklen_t n = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(fd, (struct sockaddr *)&a, n) || getsockname(fd, (struct sockaddr *)&a, &n) ||
      listen(fd, 8))
    abort();
  *port = ntohs(a.sin_port);
  return fd;
}

/* A port that nobody listens on. */
static int closed_port(void) {
  int port;
  close(tcp_listen(&port));
  return port;
}

static void begin_tcp(sio_redis_options o) {
  static const char *const first[] = { "w1gYUz", NULL };
  ids = first;
  nlookups = freed_lists = canceled = 0;
  lookup_fails = 0;
  if (!o.url) o.url = "redis://redis.example:7000";
  EQ(begin_code(&o), 0);
  fake_stop_listening();
  fake_listener = tcp_listen(&tcp_port);
}

static void be_ready(void) {
  for (int i = 0; i < 50000 && redis_stats().state != SIO_REDIS_READY; i++) {
    if (nlookups) resolve(0, addresses(tcp_port, 0));
    pump();
    if (i > 50) usleep(100);
  }
  EQ(redis_stats().state, SIO_REDIS_READY);
}

TEST(it_connects_to_the_address_that_its_host_has) {
  begin_tcp((sio_redis_options){ 0 });
  be_ready();
  EQ_STR(asked_for, "redis.example 7000");
  EQ(redis_stats().failures, 0);
  EQ(freed_lists, 2);
  sio_broadcast(ALL, "ev", SIO_NONE);
  PUBLISHED("socket.io#/#",
            "93a677316759557a83a47479706502a46461746191a26576a36e7370a12f83a5726f6f6d7390a6657863"
            "65707490a5666c61677380");
  end();
}

TEST(the_login_of_the_url_is_decoded_before_it_is_sent) {
  begin_tcp((sio_redis_options){ .url = "redis://u%2a%4A%c3%9f:p%2F%3a@redis.example:7000/3" });
  be_ready();
  EQ_STR(asked_for, "redis.example 7000");
  EQ_STR(login, "AUTH u*J\xc3\x9f p/:\nSELECT 3\nCLIENT SETNAME libsio\n"
                "AUTH u*J\xc3\x9f p/:\nSELECT 3\nCLIENT SETNAME libsio\n");
  end();
}

TEST(a_url_with_a_password_alone_names_no_user) {
  begin_tcp((sio_redis_options){ .url = "redis://:secret@[2001:db8::1]:7001" });
  be_ready();
  EQ_STR(asked_for, "2001:db8::1 7001");
  EQ_STR(login, "AUTH secret\nCLIENT SETNAME libsio\nAUTH secret\nCLIENT SETNAME libsio\n");
  end();
}

TEST(of_several_addresses_the_next_is_tried_when_one_refuses) {
  begin_tcp((sio_redis_options){ 0 });
  UNTIL(nlookups == 2);
  resolve(0, addresses(closed_port(), tcp_port));
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  EQ(redis_stats().failures, 0);
  EQ(freed_lists, 2);
  end();
}

/* As those of IPv6 are on a machine that has none. */
TEST(an_address_that_this_machine_has_no_way_to_does_not_keep_it_from_the_next) {
  begin_tcp((sio_redis_options){ 0 });
  UNTIL(nlookups == 2);
  struct addrinfo *list = addresses(closed_port(), tcp_port);
  places[0].sin_family = AF_UNSPEC;
  resolve(0, list);
  EQ(redis_stats().failures, 0);
  be_ready();
  EQ(redis_stats().failures, 0);
  EQ(freed_lists, 2);
  end();
}

TEST(addresses_that_this_machine_has_no_way_to_are_asked_for_again) {
  begin_tcp((sio_redis_options){ 0 });
  UNTIL(nlookups == 2);
  struct addrinfo *list = addresses(closed_port(), closed_port());
  places[0].sin_family = places[1].sin_family = AF_UNSPEC;
  resolve(0, list);
  UNTIL(redis_stats().failures == 2);
  settle();
  CHECK(strstr(lines, "cannot connect: invalid argument; next attempt in"));
  be_ready();
  end();
}

TEST(when_all_addresses_refuse_it_tries_again) {
  begin_tcp((sio_redis_options){ 0 });
  UNTIL(nlookups == 2);
  resolve(0, addresses(closed_port(), closed_port()));
  UNTIL(redis_stats().failures == 2);
  settle();
  CHECK(strstr(lines, "cannot connect: connection refused; next attempt in"));
  be_ready();
  end();
}

TEST(a_host_without_an_address_is_asked_for_again) {
  begin_tcp((sio_redis_options){ 0 });
  UNTIL(nlookups == 2);
  resolve(UV_EAI_NONAME, NULL);
  EQ(redis_stats().failures, 2);
  settle();
  CHECK(strstr(lines, "cannot resolve the host: unknown node or service"));
  be_ready();
  end();
}

TEST(a_lookup_that_cannot_begin_is_tried_again) {
  begin_tcp((sio_redis_options){ 0 });
  lookup_fails = UV_ENOMEM;
  UNTIL(redis_stats().failures >= 2);
  pump(); /* since libuv 1.45 timers run last in a turn, after the log lines were delivered */
  CHECK(strstr(lines, "cannot connect: not enough memory"));
  lookup_fails = 0;
  be_ready();
  end();
}

TEST(a_resolver_that_does_not_answer_is_given_up_in_time_and_its_answer_is_ignored) {
  uv_getaddrinfo_t *late[2];
  begin_tcp((sio_redis_options){ .connect_timeout_ms = 5, .retry_min_ms = 3600000 });
  UNTIL(nlookups == 2);
  late[0] = lookups[0].req, late[1] = lookups[1].req;
  UNTIL(redis_stats().failures == 2);
  settle();
  CHECK(strstr(lines, "cannot resolve the host: connection timed out"));
  EQ(canceled, 2);
  EQ(freed_lists, 0);
  for (int i = 0; i < 2; i++) lookups[i].cb(late[i], 0, addresses(tcp_port, 0));
  nlookups = 0;
  EQ(freed_lists, 2);
  settle();
  EQ(redis_stats().connects, 0);
  end();
}

TEST(it_is_closed_while_its_host_is_looked_up) {
  begin_tcp((sio_redis_options){ 0 });
  UNTIL(nlookups == 2);
  server_gone();
  sio_redis_free(redis);
  EQ(canceled, 2);
  resolve(UV_ECANCELED, NULL);
  fake_cut();
  fake_stop_listening();
  nothing_left();
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static char raw_in[FAKE_CONNS][FAKE_BYTES];
static size_t raw_n[FAKE_CONNS];
static int greeting; /* the type of the record that answers the first one; -1: none, -2: never */

static void veiled_put(struct fake_conn *c, int type, const char *p, size_t n) {
  static char record[VEIL_HEAD + 16384];
  for (size_t k; n || type != VEIL_DATA; p += k, n -= k) {
    k = n < 16384 ? n : 16384;
    fake_put_raw(c, record, veil_n(record, type, p, k));
    if (type != VEIL_DATA) return;
  }
}

static void veiled_wrap(struct fake_conn *c, const char *p, size_t n) {
  veiled_put(c, VEIL_DATA, p, n);
}

static void veiled_record(struct fake_conn *c, int type, const char *p, size_t n) {
  if (type == VEIL_HELLO && greeting >= 0) veiled_put(c, greeting, "welcome", 7);
  if (type == VEIL_HELLO && greeting != -2) greeting = -1; /* the provider answers with one more */
  if (type != VEIL_DATA) return;
  for (size_t i = 0; i < n; i++) c->in[c->n + i] = (char)(p[i] ^ 0x5a);
  c->n += n;
}

static void veiled_unwrap(struct fake_conn *c, size_t from) {
  size_t i = (size_t)(c - conns), at = 0;
  memcpy(raw_in[i] + raw_n[i], c->in + from, c->n - from);
  raw_n[i] += c->n - from;
  c->n = from;
  while (raw_n[i] - at >= VEIL_HEAD) {
    const unsigned char *head = (unsigned char *)raw_in[i] + at;
    size_t n = (size_t)head[1] << 8 | head[2];
    if (raw_n[i] - at < VEIL_HEAD + n) break;
    if (head[0] == VEIL_HELLO && n && raw_in[i][at + VEIL_HEAD] == ('c' ^ 0x5a))
      greeting = greeting == -1 ? VEIL_HELLO : greeting;
    veiled_record(c, head[0], raw_in[i] + at + VEIL_HEAD, n);
    at += VEIL_HEAD + n;
  }
  raw_n[i] -= at;
  memmove(raw_in[i], raw_in[i] + at, raw_n[i]);
}

/* A client says hello first. */
static int client_open(void *context, const sio_tls_wire *wire, void **session) {
  int err = veil_open(context, wire, session);
  if (err) return err;
  err = veil_put(*session, VEIL_HELLO, "client", 6);
  if (err) veil_close(*session);
  return err;
}

static sio_tls_ops client_ops;
static sio_tls client_tls;

static void begin_tls(void) {
  client_ops = veil_ops;
  client_ops.open = client_open;
  client_ops.size = sizeof client_ops;
  client_tls = (sio_tls){ &client_ops, NULL };
  memset(&veil_does, 0, sizeof veil_does);
  memset(raw_n, 0, sizeof raw_n);
  greeting = -1;
  fake_wrap = veiled_wrap;
  fake_unwrap = veiled_unwrap;
  begin_tcp((sio_redis_options){ .url = "rediss://redis.example", .tls = &client_tls });
}

static void end_tls(void) {
  end();
  EQ(veil_does.open, 0);
  fake_wrap = NULL;
  fake_unwrap = NULL;
}

TEST(under_tls_it_publishes_and_hears_as_in_the_open) {
  static char much[100000];
  begin_tls();
  be_ready();
  EQ_STR(asked_for, "redis.example 6379");
  struct peer *p = joined();
  sio_broadcast(ALL, "ev", SIO_NONE);
  PUBLISHED("socket.io#/#",
            "93a677316759557a83a47479706502a46461746191a26576a36e7370a12f83a5726f6f6d7390a6657863"
            "65707490a5666c61677380");
  push_hex("socket.io#/#", "93a677777777777783a47479706502a46461746191a3666172a36e7370a12f80");
  HEARD(p, "42[\"ev\"] 42[\"far\"] ");
  memset(much, 'x', sizeof much);
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("r") }, "big",
                SIO_ARGS(sio_strn(much, sizeof much)));
  UNTIL(nsaid == 2); /* in pieces of 16 KiB */
  EQ(redis_stats().failures, 0);
  end_tls();
}

/* Answers each lookup until connecting has failed n times. */
static void fail_times(uint64_t n) {
  for (int i = 0; i < 2000 && redis_stats().failures < n; i++) {
    if (nlookups) resolve(0, addresses(tcp_port, 0));
    pump();
    usleep(100);
  }
}

TEST(a_handshake_that_fails_is_said_with_the_providers_reason) {
  begin_tls();
  greeting = VEIL_BAD;
  fail_times(1);
  settle();
  CHECK(strstr(lines, "the veil is torn"));
  greeting = -1;
  be_ready();
  end_tls();
}

TEST(a_provider_that_cannot_begin_is_tried_again) {
  begin_tls();
  veil_does.open_fails = UV_ENOMEM;
  fail_times(2);
  settle();
  CHECK(strstr(lines, "cannot begin TLS: not enough memory"));
  veil_does.open_fails = 0;
  be_ready();
  end_tls();
}

TEST(a_provider_that_cannot_write_ends_the_connection) {
  begin_tls();
  be_ready();
  veil_does.write_fails = UV_ENOMEM;
  sio_broadcast(ALL, "ev", SIO_NONE);
  UNTIL(redis_stats().failures > 0);
  settle();
  CHECK(strstr(lines, "the connection broke: not enough memory"));
  veil_does.write_fails = 0;
  be_ready();
  end_tls();
}

TEST(a_server_that_ends_tls_ends_the_connection) {
  begin_tls();
  be_ready();
  veiled_put(subscriber(), VEIL_END, "", 0);
  UNTIL(redis_stats().failures > 0);
  settle();
  CHECK(strstr(lines, "the connection broke: Redis closed the connection"));
  be_ready();
  end_tls();
}

TEST(a_record_that_is_no_tls_ends_the_connection) {
  begin_tls();
  be_ready();
  veiled_put(subscriber(), VEIL_BAD, "x", 1);
  UNTIL(redis_stats().failures > 0);
  settle();
  CHECK(strstr(lines, "the veil is torn"));
  be_ready();
  end_tls();
}

TEST(a_login_that_is_refused_under_tls_is_tried_again) {
  begin_tls();
  refusal = "-WRONGPASS no\r\n+OK\r\n"; /* and more, which is not read any longer */
  fail_times(2);
  settle();
  CHECK(strstr(lines, "Redis answers with an error: WRONGPASS no"));
  refusal = NULL;
  be_ready();
  end_tls();
}

/* The record that completes the handshake comes in two parts. */
TEST(a_handshake_may_take_several_reads) {
  char record[20];
  begin_tls();
  greeting = -2; /* the test answers itself */
  for (int i = 0; i < 2000 && (raw_n[0] || raw_n[1] || !conns[1].n); i++) {
    if (nlookups) resolve(0, addresses(tcp_port, 0));
    pump();
    if (conns[0].fd >= 0 && conns[1].fd >= 0) break;
  }
  settle();
  size_t n = veil(record, VEIL_HELLO, "hello");
  for (int i = 0; i < 2; i++) fake_put_raw(&conns[i], record, 4);
  settle();
  EQ(greetings, 0);
  EQ(redis_stats().failures, 0);
  for (int i = 0; i < 2; i++) fake_put_raw(&conns[i], record + 4, n - 4);
  greeting = -1;
  be_ready();
  EQ(redis_stats().failures, 0);
  end_tls();
}

TEST(a_large_message_that_cannot_be_encrypted_ends_the_connection) {
  static char much[60000];
  memset(much, 'x', sizeof much);
  begin_tls();
  be_ready();
  veil_does.write_fails = UV_ENOMEM;
  sio_broadcast(ALL, "big", SIO_ARGS(sio_strn(much, sizeof much)));
  UNTIL(redis_stats().failures > 0);
  settle();
  CHECK(strstr(lines, "the connection broke: not enough memory"));
  veil_does.write_fails = 0;
  be_ready();
  end_tls();
}

/* The provider answers the next record itself, and the kernel does not accept the answer. */
static bool answers;
static int send_fails;

ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags) {
  if (!send_fails) return __real_send(fd, p, n, flags);
  errno = send_fails;
  send_fails = 0;
  return -1;
}

static long answering_read(void *session, sio_slice *in, char *out, size_t size) {
  long n = veil_ops.read(session, in, out, size);
  if (!answers || n != 0) return n;
  answers = false;
  send_fails = EPIPE;
  return veil_put(session, VEIL_DATA, "x", 1);
}

TEST(records_that_cannot_be_sent_are_reported_with_the_error_of_the_kernel) {
  begin_tls();
  client_ops.read = answering_read;
  be_ready();
  joined();
  answers = true;
  push_hex("socket.io#/#", "93a677777777777783a47479706502a46461746191a3666172a36e7370a12f80");
  UNTIL(redis_stats().failures > 0);
  settle();
  CHECK(strstr(lines, "cannot send TLS records: broken pipe"));
  be_ready();
  end_tls();
}

static int talkative_open(void *context, const sio_tls_wire *wire, void **session) {
  static char much[130 * 1024];
  int err = veil_open(context, wire, session);
  if (!err && (err = wire->put(wire->to, much, sizeof much))) veil_close(*session);
  return err;
}

TEST(a_provider_that_says_too_much_before_the_handshake_is_given_up) {
  begin_tls();
  client_ops.open = talkative_open;
  fail_times(2);
  settle();
  CHECK(strstr(lines, "cannot begin TLS: over a size limit; next attempt in"));
  EQ(veil_does.open, 0);
  client_ops.open = client_open;
  be_ready();
  end_tls();
}

TEST(a_provider_must_be_complete) {
  sio_redis *r;
  sio_tls tls = { &client_ops, NULL };
  sio_redis_options o = { .url = "rediss://h", .tls = &tls };
  uv_loop_init(&loop);
  for (int i = 0; i < 8; i++) {
    client_ops = veil_ops;
    if (i == 0) tls.ops = NULL;
    if (i == 1) client_ops.size = sizeof client_ops - 1;
    if (i == 2) client_ops.open = NULL;
    if (i == 3) client_ops.read = NULL;
    if (i == 4) client_ops.write = NULL;
    if (i == 5) client_ops.established = NULL;
    if (i == 6) client_ops.failure = NULL;
    if (i == 7) client_ops.close = NULL;
    EQ(sio_redis_new(&loop, &o, why, sizeof why, &r), UV_EINVAL);
    EQ_STR(why, "tls: its table of functions is not complete");
    tls.ops = &client_ops;
  }
  EQ(uv_loop_close(&loop), 0);
}

TEST(any_allocation_may_fail_while_it_connects_under_tls) {
  bool failed = true;
  for (size_t at = 1; failed && at < 300; at++) {
    begin_tls();
    alloc_fail_in(at);
    for (int i = 0; i < 60; i++) {
      if (nlookups) resolve(0, addresses(tcp_port, 0));
      pump();
    }
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    be_ready();
    end_tls();
  }
}

TESTS_BEGIN
T(it_connects_to_the_address_that_its_host_has)
T(the_login_of_the_url_is_decoded_before_it_is_sent)
T(a_url_with_a_password_alone_names_no_user)
T(of_several_addresses_the_next_is_tried_when_one_refuses)
T(an_address_that_this_machine_has_no_way_to_does_not_keep_it_from_the_next)
T(addresses_that_this_machine_has_no_way_to_are_asked_for_again)
T(when_all_addresses_refuse_it_tries_again)
T(a_host_without_an_address_is_asked_for_again)
T(a_lookup_that_cannot_begin_is_tried_again)
T(a_resolver_that_does_not_answer_is_given_up_in_time_and_its_answer_is_ignored)
T(it_is_closed_while_its_host_is_looked_up)
T(under_tls_it_publishes_and_hears_as_in_the_open)
T(a_handshake_that_fails_is_said_with_the_providers_reason)
T(a_provider_that_cannot_begin_is_tried_again)
T(a_provider_that_cannot_write_ends_the_connection)
T(a_server_that_ends_tls_ends_the_connection)
T(a_record_that_is_no_tls_ends_the_connection)
T(a_login_that_is_refused_under_tls_is_tried_again)
T(a_handshake_may_take_several_reads)
T(a_large_message_that_cannot_be_encrypted_ends_the_connection)
T(records_that_cannot_be_sent_are_reported_with_the_error_of_the_kernel)
T(a_provider_that_says_too_much_before_the_handshake_is_given_up)
T(a_provider_must_be_complete)
T(any_allocation_may_fail_while_it_connects_under_tls)
TESTS_END
