/* SPDX-License-Identifier: MIT
 *
 * test_server_setup.c - setting a server up: what is wrong with the arguments of a call, what is
 * said when memory ends, and what is done without a log.
 */
#include "engine_rig.h"
#include <sio/test.h>

/* ---- listening and accepting -------------------------------------------------------------- */

static char logged[2000];
static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  size_t n = strlen(logged);
  snprintf(logged + n, sizeof logged - n, "%s\n", l->text);
}

TEST(listening_needs_options_that_make_sense) {
  logged[0] = '\0';
  start(&(sio_options){ .log = on_log });
  EQ(sio_listen_with(srv, NULL), UV_EINVAL);
  EQ(sio_listen_with(srv, &(sio_listen_options){ .size = 1 }), UV_EINVAL);
  EQ(sio_listen_with(srv, &(sio_listen_options){ .port = 65536 }), UV_EINVAL);
  CHECK(strstr(logged, "the port is not in the range 0 to 65535"));
  EQ(sio_listen_with(srv, &(sio_listen_options){ .host = "127.0.0.1", .backlog = 3 }), 0);
  CHECK(sio_port(srv) > 0);
  stop();
}

static int no_tls(void) { return 0; }

TEST(a_provider_of_tls_needs_all_its_functions) {
  enum { SLOTS = sizeof(sio_tls_ops) / sizeof(void *) };
  start(NULL);
  unsigned refused = 0;
  for (size_t missing = 0; missing < SLOTS; missing++) {
    void (*slots[SLOTS])(void);
    sio_tls_ops ops;
    for (size_t i = 0; i < SLOTS; i++) slots[i] = i == missing ? NULL : (void (*)(void))no_tls;
    memcpy(&ops, slots, sizeof ops);
    ops.size = sizeof ops;
    ops.name = "none";
    sio_tls provider = { .ops = &ops };
    int err = sio_listen_with(srv, &(sio_listen_options){ .host = "127.0.0.1", .tls = &provider });
    CHECK(err == 0 || err == UV_EINVAL);
    refused += err != 0;
  }
  EQ(refused, 8);
  static const sio_tls_ops older = { .size = 1 };
  EQ(sio_listen_with(srv, &(sio_listen_options){ .tls = &(sio_tls){ .ops = &older } }), UV_EINVAL);
  EQ(sio_listen_with(srv, &(sio_listen_options){ .tls = &(sio_tls){ 0 } }), UV_EINVAL);
  stop();
}

TEST(without_a_log_a_listener_that_fails_is_an_error_without_a_line) {
  logged[0] = '\0';
  start(&(sio_options){ .log = on_log });
  EQ(sio_log_set(srv, "off"), 0);
  EQ(sio_listen_with(srv, &(sio_listen_options){ .backlog = -1 }), UV_EINVAL);
  EQ_STR(logged, "");
  stop();
}

static void ignore_stream(uv_stream_t *s, int status) { (void)s, (void)status; }

TEST(a_listener_of_the_host_without_a_connection_gives_none) {
  uv_tcp_t listener;
  struct sockaddr_in addr;
  start(NULL);
  EQ(uv_tcp_init(&uv, &listener), 0);
  EQ(uv_ip4_addr("127.0.0.1", 0, &addr), 0);
  EQ(uv_tcp_bind(&listener, (const struct sockaddr *)&addr, 0), 0);
  EQ(uv_listen((uv_stream_t *)&listener, 5, ignore_stream), 0);
  CHECK(sio_accept(srv, &(sio_accept_options){ .listener = (uv_stream_t *)&listener }) < 0);
  EQ(sio_accept(srv, NULL), UV_EINVAL);
  uv_close((uv_handle_t *)&listener, NULL);
  stop();
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void on_closing(sio_server *server, void *user) { (void)server, (void)user; }

TEST(a_callback_for_the_close_alone_needs_memory_too) {
  start(NULL);
  alloc_fail_in(1);
  EQ(sio_on_close(srv, on_closing, NULL, NULL), UV_ENOMEM);
  EQ(sio_on_close(srv, on_closing, NULL, NULL), 0);
  stop();
}

static unsigned listed;
static void count_session(sio_session *c, void *user) {
  (void)c, (void)user;
  listed++;
}
static void list_sessions(sio_request *r, bool initial, void *user) {
  (void)r, (void)user;
  if (initial) sio_sessions(srv, count_session, NULL);
}

TEST(a_session_is_not_listed_before_it_is_open) {
  start(NULL);
  listed = 0;
  EQ(sio_on_engine_headers(srv, list_sessions, NULL), 0);
  REQUIRE(open_ws(&a, "/socket.io/"));
  EQ(listed, 0);
  sio_sessions(srv, count_session, NULL);
  EQ(listed, 1);
  stop();
}

/* ---- files of the client --------------------------------------------------------------------- */

TEST(a_preflight_request_for_a_file_of_the_client_is_answered) {
  static const char lines[] = "Access-Control-Request-Method: GET\r\n";
  start(&(sio_options){ .cors = &(sio_cors){ .origins = SIO_ROOMS("http://b") } });
  REQUIRE(raw_open(&a, srv) && raw_request(&a, "OPTIONS", "/socket.io/socket.io.js", lines, NULL));
  CHECK(raw_expect(&a, "HTTP/1.1 2") && raw_expect(&a, "http://b"));
  stop();
}

TEST(a_request_for_a_file_of_the_client_may_break_off) {
  start(NULL);
  REQUIRE(raw_open(&a, srv) &&
          raw_request(&a, "GET", "/socket.io/socket.io.js", "Content-Length: 4\r\n", NULL));
  turns();
  raw_close(&a);
  turns();
  EQ(srv->core.stats.sessions_opened, 0);
  EQ(srv->core.loop.nconns, 0);
  stop();
}

/* ---- metrics --------------------------------------------------------------------------------- */

TEST(the_page_of_metrics_is_whole_or_its_connection_is_closed) {
  bool failed = true;
  for (size_t at = 1; failed; at++) {
    start(NULL);
    EQ(sio_metrics_route(srv, "/metrics"), 0);
    EQ(sio_of_pattern(srv, "/room-*", NULL), 0);
    EQ(sio_of(srv, "/other\"name\\", NULL), 0);
    REQUIRE(raw_open(&a, srv) && raw_get(&a, "/metrics"));
    alloc_fail_in(at);
    turn();
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    bool answered = raw_expect(&a, "200 OK") && raw_expect(&a, "sio_info{version=");
    CHECK(answered || (failed && a.fin));
    if (!failed) CHECK(raw_expect(&a, "namespace=\"/other\\\"name\\\\\""));
    REQUIRE(at < 200);
    stop();
  }
}

/* ---- clients in memory ----------------------------------------------------------------------- */

TEST(a_client_in_memory_answers_only_an_event_that_asks) {
  sio_test_peer *p;
  start(NULL);
  REQUIRE(sio_test_connect(srv, "/", NULL, &p) == 0);
  EQ(sio_test_answer(p, SIO_NONE), SIO_ESTATE);
  EQ_STR(sio_test_next(p), "connect");
  EQ(sio_test_answer(p, SIO_NONE), SIO_ESTATE);
  EQ(sio_emit(sio_test_socket(p), "news", SIO_NONE), 0);
  EQ_STR(sio_test_next(p), "[\"news\"]");
  EQ(sio_test_answer(p, SIO_NONE), SIO_ESTATE);
  sio_test_free(p);
  stop();
}

TEST(a_client_in_memory_that_is_being_disconnected_has_no_socket) {
  sio_test_peer *p;
  start(NULL);
  REQUIRE(sio_test_connect(srv, "/", NULL, &p) == 0);
  CHECK(sio_test_socket(p) != NULL);
  sio_disconnect(sio_test_socket(p), false);
  CHECK(!sio_test_socket(p) && sio_test_is_open(p));
  turn();
  CHECK(!sio_test_socket(p) && sio_test_is_open(p));
  sio_test_free(p);
  stop();
}

static int refuse_id(sio_request *r, char id[64], void *user) {
  (void)r, (void)id, (void)user;
  return 1;
}

TEST(a_client_in_memory_has_no_headers_no_limits_and_an_id_of_the_library) {
  sio_test_peer *p;
  start(&(sio_options){ .generate_id = refuse_id, .drop_handshake = true, .packets_per_s = 1 });
  REQUIRE(sio_test_connect(srv, "/", NULL, &p) == 0);
  sio_session *c = sio_socket_session(sio_test_socket(p));
  CHECK(!sio_session_header(c, "host").p);
  EQ(strlen(sio_session_info_of(c).id), 20);
  for (int i = 0; i < 20; i++) sio_test_emit(p, "e", SIO_NONE);
  CHECK(sio_test_is_open(p));
  later(5000);
  CHECK(sio_test_is_open(p));
  sio_test_free(p);
  stop();
}

/* ---- a provider of TLS that says odd things ------------------------------------------------ */

static long odd_result;
static sio_tls_done odd_done;
static int odd_failure_kind;

static int odd_open(void *context, const sio_tls_wire *wire, void **made) {
  (void)wire;
  *made = context;
  return 0;
}
static long odd_read(void *of, sio_slice *in, char *out, size_t size) {
  (void)of, (void)out, (void)size;
  *in = slice(in->p + in->n, 0);
  return odd_result;
}
static int odd_write(void *of, const char *p, size_t n) {
  (void)of, (void)p, (void)n;
  return 0;
}
static void odd_end(void *of) { (void)of; }
static bool odd_established(void *of, sio_tls_done *out) {
  (void)of;
  *out = odd_done;
  return odd_result == 0;
}
static int odd_info(void *of, sio_tls_info *out) {
  (void)of, (void)out;
  return UV_ENOMEM;
}
static int odd_failure(void *of, const char **text) {
  (void)of;
  *text = "odd";
  return odd_failure_kind;
}

static const sio_tls_ops odd_ops = { .name = "odd",
                                     .open = odd_open,
                                     .read = odd_read,
                                     .write = odd_write,
                                     .end = odd_end,
                                     .established = odd_established,
                                     .info = odd_info,
                                     .failure = odd_failure,
                                     .close = odd_end };
static int odd_context;
static const sio_tls odd = { .ops = &odd_ops, .context = &odd_context };

static sio_stats after_hello(const char *hello) {
  sio_stats st;
  int pair[2];
  start(NULL);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  EQ(sio_accept(srv, &(sio_accept_options){ .fd = pair[0], .tls = &odd }), 0);
  EQ(write(pair[1], hello, strlen(hello)), (ssize_t)strlen(hello));
  turns();
  sio_server_get_stats(srv, &st, sizeof st);
  close(pair[1]);
  stop();
  return st;
}

TEST(failures_and_versions_that_nobody_knows_count_as_others) {
  static const int kinds[] = { -1, SIO_TLS_FAILED_END, 99 };
  odd_result = SIO_EPROTO;
  for (size_t i = 0; i < 3; i++) {
    odd_failure_kind = kinds[i];
    EQ(after_hello("\x16hello").tls_failed[SIO_TLS_FAILED_PROTOCOL], 1);
  }
  odd_result = 0;
  static const int versions[] = { -1, SIO_TLS_VERSION_END };
  for (size_t i = 0; i < 2; i++) {
    odd_done.version = versions[i];
    EQ(after_hello("\x16hello").tls_handshakes[SIO_TLS_OTHER], 1);
  }
}

TEST(text_on_a_port_of_tls_is_plain_http_or_no_protocol) {
  EQ(after_hello("GET / HTTP/1.1\r\n\r\n").tls_failed[SIO_TLS_FAILED_PLAIN], 1);
  EQ(after_hello("hello").tls_failed[SIO_TLS_FAILED_PROTOCOL], 1);
  EQ(after_hello("\x15\3\1").tls_failed[SIO_TLS_FAILED_PROTOCOL], 1);
}

TESTS_BEGIN
T(failures_and_versions_that_nobody_knows_count_as_others)
T(text_on_a_port_of_tls_is_plain_http_or_no_protocol)
T(listening_needs_options_that_make_sense)
T(a_provider_of_tls_needs_all_its_functions)
T(without_a_log_a_listener_that_fails_is_an_error_without_a_line)
T(a_listener_of_the_host_without_a_connection_gives_none)
T(a_callback_for_the_close_alone_needs_memory_too)
T(a_session_is_not_listed_before_it_is_open)
T(a_preflight_request_for_a_file_of_the_client_is_answered)
T(a_request_for_a_file_of_the_client_may_break_off)
T(the_page_of_metrics_is_whole_or_its_connection_is_closed)
T(a_client_in_memory_answers_only_an_event_that_asks)
T(a_client_in_memory_that_is_being_disconnected_has_no_socket)
T(a_client_in_memory_has_no_headers_no_limits_and_an_id_of_the_library)
TESTS_END
