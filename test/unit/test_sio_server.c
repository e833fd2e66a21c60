/* SPDX-License-Identifier: MIT */
#include "http/client.h"
#include "pair.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/un.h>

/* In the place of the table that the build makes. */
const sio_asset sio__client_assets[] = {
  { "socket.io.js", "application/javascript; charset=utf-8", "io()", 4, "\"9.9.9\"" },
  { NULL, NULL, NULL, 0, NULL },
};
const size_t sio__client_assets_count = 1;
const char sio__client_version[] = "9.9.9";

static char said[4096];

static void on_log(const sio_log_line *l, void *user) {
  size_t n = strlen(said);
  (void)user;
  snprintf(said + n, sizeof said - n, "%d %s %s\n", l->level, l->part, l->text);
}

static const sio_options loud = { .log = on_log, .log_level = SIO_LOG_INFO };

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  trace("left: %s ", sio_reason_str(why->reason));
}

/* ---- connections over a pair of sockets ---------------------------------------------------- */

static bool is_closed(int fd) {
  char c;
  for (int i = 0; i < 20; i++) {
    turn();
    if (recv(fd, &c, 1, MSG_DONTWAIT) == 0) return true;
  }
  return false;
}

/* ---- the start ------------------------------------------------------------------------------- */

TEST(a_new_server_has_the_root_namespace_and_logs_one_line) {
  said[0] = '\0';
  start(&loud);
  CHECK(sio_nsp_find(srv, "/") == root);
  CHECK(strncmp(said, "3 sio libsio ", 13) == 0);
  CHECK(strstr(said, "path /socket.io/") != NULL);
  CHECK(strchr(said, '\n') == said + strlen(said) - 1);
  CHECK(sio_server_loop(srv) == &loop);
  stop();
}

TEST(options_without_sense_are_refused_with_a_line_that_names_the_field) {
  said[0] = '\0';
  alloc_install();
  sio_server *none = (sio_server *)said;
  uv_loop_init(&loop);
  EQ(sio_server_new(&loop, &(sio_options){ .log = on_log, .max_depth = 1000 }, &none), UV_EINVAL);
  CHECK(none == NULL);
  CHECK(strstr(said, "1 sio sio_options.max_depth") == said);
  EQ(sio_server_new(&loop, NULL, NULL), UV_EINVAL);
  EQ(sio_server_new(NULL, NULL, &none), UV_EINVAL);
  EQ(alloc_live, 0);
  EQ(uv_loop_close(&loop), 0);
}

TEST(a_server_that_cannot_start_leaves_nothing) {
  bool failed = true;
  for (size_t i = 1; failed && i < 100; i++) {
    alloc_install();
    uv_loop_init(&loop);
    alloc_fail_in(i);
    int err = sio_server_new(&loop, NULL, &srv);
    failed = alloc_calls >= i;
    alloc_fail_in(0);
    CHECK(failed ? err == UV_ENOMEM && !srv : err == 0);
    if (srv) sio_server_close(srv, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    EQ(alloc_live, 0);
    EQ(uv_loop_close(&loop), 0);
  }
  CHECK(!failed);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* What its log callback points to may be gone by then. */
TEST(a_server_that_could_not_be_created_logs_nothing_later) {
  alloc_install();
  uv_loop_init(&loop);
  for (size_t i = 1, err = 1; err; i++) {
    sio_server *none;
    alloc_fail_in(i);
    err = sio_server_new(&loop, &loud, &none) != 0;
    alloc_fail_in(0);
    said[0] = '\0';
    if (!err) sio_server_close(none, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (err) EQ_STR(said, "");
  }
  EQ(uv_loop_close(&loop), 0);
  EQ(alloc_live, 0);
}

TEST(closing_tells_every_socket_and_sends_no_disconnect) {
  start(NULL);
  sio_on_disconnect(root, on_disconnect, NULL);
  struct peer *p = joined();
  joined();
  sio_emit(root->members[0], "last", SIO_NONE);
  heard(p);
  EQ(sio_server_close(srv, on_done, NULL), 0);
  EQ(sio_server_close(srv, on_done, NULL), SIO_ESTATE);
  EQ(sio_nsp_count_sockets(root, NULL), 0);
  SAW("");
  turn();
  SAW("left: server shutting down left: server shutting down ");
  HEARD(p, "cut ");
  stop();
}

static sio_socket *ours;

static void on_close(sio_server *server, void *user) {
  trace("closing(%s %d,%d) ", (const char *)user, sio_emit(ours, "late", SIO_NONE),
        sio_server_close(server, NULL, NULL));
}

static void on_ended(void *user) { *(char *)user = '!'; }

TEST(parts_of_a_host_are_told_when_the_server_begins_to_close) {
  char first[] = "first";
  start(NULL);
  sio_on_disconnect(root, on_disconnect, NULL);
  EQ(sio_on_close(srv, on_close, on_ended, first), 0);
  EQ(sio_on_close(srv, on_close, NULL, "second"), 0);
  joined();
  char want[128];
  EQ_STR(first, "first");
  ours = sio_socket_ref(root->members[0]);
  sio_server_close(srv, on_done, NULL);
  snprintf(want, sizeof want, "closing(first %d,%d) closing(second %d,%d) ", SIO_ECLOSED,
           SIO_ESTATE, SIO_ECLOSED, SIO_ESTATE);
  SAW(want);
  turn();
  SAW("left: server shutting down ");
  sio_socket_unref(ours);
  stop();
  EQ_STR(first, "!irst");
}

static void count_nsp(sio_nsp *nsp, void *user) { *(size_t *)user += strlen(sio_nsp_name(nsp)); }

TEST(a_host_lists_the_namespaces_without_the_parents) {
  start(NULL);
  sio_nsp *parent, *child;
  size_t n = 0;
  sio_nsps(srv, count_nsp, &n);
  EQ(n, strlen("/"));
  EQ(sio_of_pattern(srv, "/room-*", &parent), 0);
  EQ(sio_of_child(parent, "/room-1", &child), 0);
  n = 0;
  sio_nsps(srv, count_nsp, &n);
  EQ(n, strlen("/") + strlen("/room-1"));
  stop();
}

TEST(a_closing_server_takes_nothing_new) {
  start(NULL);
  sio_server_close(srv, on_done, NULL);
  int err, fd = dial(&err);
  EQ(err, SIO_ECLOSED);
  CHECK(is_closed(fd));
  close(fd);
  stop();
}

TEST(a_closing_server_refuses_to_listen_and_to_make_namespaces) {
  start(NULL);
  sio_nsp *n;
  sio_server_close(srv, on_done, NULL);
  EQ(sio_listen(srv, "127.0.0.1", 0), SIO_ESTATE);
  EQ(sio_listen_with(srv, &(sio_listen_options){ .path = "/tmp/x" }), SIO_ESTATE);
  EQ(sio_of(srv, "new", &n), SIO_ESTATE);
  EQ(sio_of(srv, "/", &n), 0);
  stop();
}

static void close_it(void) { sio_server_close(srv, on_done, NULL); }
static void close_on_connect(sio_socket *s, void *user) {
  (void)s, (void)user;
  close_it();
}
static void close_on_event(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  close_it();
}
static void close_on_use(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  close_it();
  sio_next_ok(next);
}
static void close_on_packet(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)e, (void)user;
  close_it();
  sio_next_fail(next, "closing", sio_null());
}
static void close_on_end(sio_session *c, const sio_close_info *why, void *user) {
  (void)c, (void)why, (void)user;
  close_it();
}
static void close_on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)reply, (void)user;
  close_it();
}

TEST(a_server_may_be_closed_in_any_callback) {
  for (int i = 0; i < 6; i++) {
    start(NULL);
    if (i == 0) sio_on_connect(root, close_on_connect, NULL);
    if (i == 1) sio_on(root, "a", close_on_event, NULL);
    if (i == 2) sio_use(root, close_on_use, NULL);
    if (i == 3) sio_use_packet(root, close_on_packet, NULL);
    if (i == 4) sio_on_engine(srv, &(sio_engine_hooks){ .close = close_on_end }, NULL);
    struct peer *p = joined(), *q = joined();
    if (i == 5) sio_emit_ack(root->members[0], "q", SIO_NONE, 0, close_on_reply, NULL);
    say(p, "42[\"a\"]");
    say(q, "42[\"a\"]");
    say(p, "430[]");
    say(q, "430[]");
    hang_up(q);
    stop();
  }
}

/* ---- connections ----------------------------------------------------------------------------- */

TEST(a_port_is_listened_on_and_free_again_after_the_close) {
  said[0] = '\0';
  start(&loud);
  EQ(sio_port(srv), 0);
  EQ(sio_listen(srv, "127.0.0.1", 0), 0);
  int port = sio_port(srv);
  CHECK(port > 0);
  sio_log_flush(srv);
  CHECK(strstr(said, "net listening on 127.0.0.1 port ") != NULL);
  CHECK(strstr(said, "path /socket.io/, polling and websocket") != NULL);
  EQ(sio_listen(srv, "127.0.0.1", port), UV_EADDRINUSE);
  stop();
  start(NULL);
  EQ(sio_listen(srv, "127.0.0.1", port), 0);
  EQ(sio_listen(srv, "127.0.0.1", 70000), UV_EINVAL);
  stop();
}

TEST(connections_past_the_limit_are_closed_at_once) {
  start(&(sio_options){ .max_connections = 2 });
  int err, a = dial(&err), b = dial(&err);
  EQ(err, 0);
  int c = dial(&err);
  EQ(err, SIO_ETOOBIG);
  CHECK(is_closed(c));
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.connections, 2);
  close(a);
  turn();
  turn();
  close(c);
  c = dial(&err);
  EQ(err, 0);
  close(b);
  close(c);
  stop();
}

TEST(an_invalid_descriptor_is_an_error) {
  start(NULL);
  CHECK(sio_accept(srv, &(sio_accept_options){ .fd = -1 }) < 0);
  stop();
}

static void on_host_connection(uv_stream_t *listener, int status) {
  EQ(status, 0);
  trace("%d ", sio_accept(srv, &(sio_accept_options){ .listener = listener }));
}

TEST(the_hosts_own_listener_feeds_the_server) {
  start(NULL);
  uv_pipe_t host;
  struct sockaddr_un at = { .sun_family = AF_UNIX };
  snprintf(at.sun_path, sizeof at.sun_path, "/tmp/sio_test_%d", (int)getpid());
  uv_pipe_init(&loop, &host, 0);
  EQ(uv_pipe_bind(&host, at.sun_path), 0);
  EQ(uv_listen((uv_stream_t *)&host, 1, on_host_connection), 0);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  EQ(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  turn();
  SAW("0 ");
  const char *answer =
      ask(fd, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17) == 0);
  close(fd);
  uv_close((uv_handle_t *)&host, NULL);
  turn();
  stop();
}

/* ---- posting --------------------------------------------------------------------------------- */

static void posted(sio_server *s, void *arg) {
  CHECK(s == srv);
  trace("%s ", (const char *)arg);
}

static void *post_two(void *arg) {
  static char one[] = "1", two[] = "2";
  (void)arg;
  sio_post(srv, posted, one);
  sio_post(srv, posted, two);
  return NULL;
}

TEST(posts_from_another_thread_run_in_order_on_the_loop) {
  start(NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, post_two, NULL);
  pthread_join(thread, NULL);
  SAW("");
  for (int i = 0; i < 3; i++) turn();
  SAW("1 2 ");
  stop();
}

TEST(what_was_posted_before_the_close_runs_and_nothing_after) {
  start(NULL);
  static char before[] = "before";
  EQ(sio_post(srv, posted, before), 0);
  sio_server_close(srv, on_done, NULL);
  EQ(sio_post(srv, posted, NULL), SIO_ECLOSED);
  stop();
  SAW("before ");
}

/* ---- the rest -------------------------------------------------------------------------------- */

TEST(statistics_count_and_fit_the_callers_struct) {
  start(NULL);
  struct peer *p = joined();
  say(p, "4abc");
  turn();
  joined();
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.sessions, 1);
  EQ(st.sockets, 1);
  EQ(st.sessions_opened, 2);
  EQ(st.parse_errors, 1);
  EQ(st.packets_out, 2);
  EQ(st.closed[SIO_REASON_FORCED_CLOSE], 2); /* the session and its socket */
  struct {
    sio_stats st;
    uint64_t newer;
  } big = { .newer = 7 };
  sio_server_get_stats(srv, &big.st, sizeof big);
  EQ(big.newer, 0);
  uint64_t first = 7, second = 7;
  sio_server_get_stats(srv, (sio_stats *)&first, sizeof first);
  EQ(first, 0);
  EQ(second, 7);
  stop();
}

TEST(levels_change_while_running) {
  said[0] = '\0';
  start(&(sio_options){ .log = on_log });
  EQ(sio_log_set(srv, "nonsense=1"), UV_EINVAL);
  EQ(sio_log_set(srv, "warn,sio=info"), 0);
  joined();
  turn();
  CHECK(strstr(said, "sio socket ") != NULL);
  CHECK(strstr(said, "eio ") == NULL);
  stop();
}

TEST(a_host_keeps_one_pointer) {
  start(NULL);
  CHECK(sio_server_data(srv) == NULL);
  sio_server_set_data(srv, said);
  CHECK(sio_server_data(srv) == said);
  stop();
}

TESTS_BEGIN
T(a_new_server_has_the_root_namespace_and_logs_one_line)
T(options_without_sense_are_refused_with_a_line_that_names_the_field)
T(a_server_that_cannot_start_leaves_nothing)
T(a_server_that_could_not_be_created_logs_nothing_later)
T(closing_tells_every_socket_and_sends_no_disconnect)
T(parts_of_a_host_are_told_when_the_server_begins_to_close)
T(a_host_lists_the_namespaces_without_the_parents)
T(a_closing_server_takes_nothing_new)
T(a_closing_server_refuses_to_listen_and_to_make_namespaces)
T(a_server_may_be_closed_in_any_callback)
T(a_port_is_listened_on_and_free_again_after_the_close)
T(connections_past_the_limit_are_closed_at_once)
T(an_invalid_descriptor_is_an_error)
T(the_hosts_own_listener_feeds_the_server)
T(posts_from_another_thread_run_in_order_on_the_loop)
T(what_was_posted_before_the_close_runs_and_nothing_after)
T(statistics_count_and_fit_the_callers_struct)
T(levels_change_while_running)
T(a_host_keeps_one_pointer)
TESTS_END
