/* SPDX-License-Identifier: MIT
 *
 * threads.c - a program of its own: servers on several threads on one port, for threads.mjs. It
 * ends when its standard input ends.
 *
 *     threads N [CERTIFICATE KEY]
 *
 * RECOVERY in the environment turns connection state recovery on.
 * With REDIS_URL in the environment the first thread connects all of them with a cluster; the key
 * is REDIS_KEY, REDIS_SHARDED stands for the sharded adapter, and REDIS_STREAMS for the streams
 * adapter, whose stream has the name REDIS_KEY, too. NAME is what a server answers to
 * "hello" of another one.
 *
 * What clients may send, all of it with an ack:
 *
 *     "where"              the number of the thread
 *     "echo", x            x, and the event "echo" with x
 *     "all", x             everyone gets "all" with x
 *     "join", room         to a room
 *     "to", room, x        its sockets get "to" with x
 *     "ask", x             how many answered "question" with x
 *     "fetch"              the number of sockets there are
 *     "servers", x         how many other servers answered
 *     "count"              how many servers there are
 *     "stats"              connections of this thread, and those that it handed over
 *     "sum"                statistics of all threads: see on_sum()
 */
#include <sio/sio.h>
#include <sio/threads.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef HOST_TLS
#include <sio/openssl.h>
#endif
#ifdef HOST_REDIS
#include <sio/redis.h>
#endif

static const sio_tls *tls;
static int port;

static unsigned number_of(sio_socket *s) {
  return (unsigned)(uintptr_t)sio_server_data(sio_nsp_server(sio_socket_nsp(s)));
}

static void on_where(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_reply(e, SIO_ARGS(number_of(s)));
}

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  sio_val all = sio_event_args(e);
  (void)user;
  sio_emit(s, "echo", sio_argv(&all, 1));
  sio_reply(e, sio_argv(&all, 1));
}

static void on_all(sio_socket *s, sio_event *e, void *user) {
  sio_val all = sio_event_args(e);
  (void)user;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "all", sio_argv(&all, 1));
  sio_reply(e, SIO_NONE);
}

static void on_join(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_reply(e, SIO_ARGS(sio_join(s, sio_event_str(e, 0))));
}

static void on_to(sio_socket *s, sio_event *e, void *user) {
  const char *room = sio_event_str(e, 0);
  sio_val x = sio_arg(e, 1);
  (void)user;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s), .rooms = SIO_ROOMS(room) }, "to",
                sio_argv(&x, 1));
  sio_reply(e, SIO_NONE);
}

static void on_replies(int status, sio_replies *r, void *user) {
  char text[80];
  snprintf(text, sizeof text, "[%d,%zu,%zu]", status, r->count, r->expected);
  sio_ack_send(user, SIO_ARGS(sio_json(sio_text(text))));
}

static void on_ask(sio_socket *s, sio_event *e, void *user) {
  sio_val all = sio_event_args(e);
  sio_ack *ack = sio_event_take_ack(e);
  (void)user;
  if (sio_broadcast_ack((sio_target){ .nsp = sio_socket_nsp(s) }, "question", sio_argv(&all, 1),
                        20000, on_replies, ack))
    sio_ack_drop(ack);
}

static void on_servers(sio_socket *s, sio_event *e, void *user) {
  sio_val all = sio_event_args(e);
  sio_ack *ack = sio_event_take_ack(e);
  (void)user;
  if (sio_server_side_emit(sio_socket_nsp(s), "hello", sio_argv(&all, 1), 20000, on_replies, ack))
    sio_ack_drop(ack);
}

static void on_hello(sio_nsp *nsp, sio_event *e, void *user) {
  const char *name = getenv("NAME");
  (void)nsp, (void)user;
  sio_reply(e, SIO_ARGS(name ? name : "hello"));
}

static void on_counted(int status, size_t n, void *user) {
  char text[80];
  snprintf(text, sizeof text, "[%d,%zu]", status, n);
  sio_ack_send(user, SIO_ARGS(sio_json(sio_text(text))));
}

static void on_count(sio_socket *s, sio_event *e, void *user) {
  sio_ack *ack = sio_event_take_ack(e);
  (void)user;
  if (sio_server_count(sio_socket_nsp(s), 0, on_counted, ack)) sio_ack_drop(ack);
}

static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  char text[80];
  (void)list;
  snprintf(text, sizeof text, "[%d,%zu]", status, n);
  sio_ack_send(user, SIO_ARGS(sio_json(sio_text(text))));
}

static void on_fetch(sio_socket *s, sio_event *e, void *user) {
  sio_ack *ack = sio_event_take_ack(e);
  (void)user;
  if (sio_all_fetch((sio_target){ .nsp = sio_socket_nsp(s) }, 20000, on_fetched, ack))
    sio_ack_drop(ack);
}

static void on_stats(sio_socket *s, sio_event *e, void *user) {
  sio_stats st;
  char text[120];
  (void)user;
  sio_server_get_stats(sio_nsp_server(sio_socket_nsp(s)), &st, sizeof st);
  snprintf(text, sizeof text, "[%u,%llu,%llu]", number_of(s), (unsigned long long)st.connections,
           (unsigned long long)st.connections_handed_over);
  sio_reply(e, SIO_ARGS(sio_json(sio_text(text))));
}

static void on_sum(const sio_stats *sum, unsigned servers, void *user) {
  char text[400];
  int n =
      snprintf(text, sizeof text,
               "{\"servers\":%u,\"sessions\":%llu,\"sockets\":%llu,\"lost\":%llu,"
               "\"recovered\":%llu,\"failed\":[0",
               servers, (unsigned long long)sum->sessions, (unsigned long long)sum->sockets,
               (unsigned long long)sum->thread_messages_lost, (unsigned long long)sum->recovered);
  for (int i = 1; i < SIO_RECOVERY_END; i++)
    n += snprintf(text + n, sizeof text - (size_t)n, ",%llu",
                  (unsigned long long)sum->recovery_failed[i]);
  snprintf(text + n, sizeof text - (size_t)n, "]}");
  sio_ack_send(user, SIO_ARGS(sio_json(sio_text(text))));
}

static void on_get_sum(sio_socket *s, sio_event *e, void *user) {
  sio_ack *ack = sio_event_take_ack(e);
  (void)user;
  if (sio_threads_fetch_stats(sio_nsp_server(sio_socket_nsp(s)), on_sum, ack)) sio_ack_drop(ack);
}

/* ---- other processes --------------------------------------------------------------------- */

#ifdef HOST_REDIS
static sio_redis *redis;
static sio_redis_adapter_options adapter;

static void on_redis_state(sio_redis *r, enum sio_redis_state state, const char *why, void *user) {
  (void)r, (void)why, (void)user;
  if (state != SIO_REDIS_READY) return;
  printf("redis ready\n");
  fflush(stdout);
}

static void free_redis(sio_server *srv, void *user) {
  (void)srv, (void)user;
  sio_redis_free(redis);
}

static int connect_to_redis(sio_server *srv) {
  char why[256];
  const sio_redis_options o = { .url = getenv("REDIS_URL"), .on_state = on_redis_state };
  if (!o.url) return 0;
  int err = sio_redis_new(sio_server_loop(srv), &o, why, sizeof why, &redis);
  if (err) return err;
  adapter = (sio_redis_adapter_options){ .redis = redis,
                                         .key = getenv("REDIS_KEY"),
                                         .stream_name = getenv("REDIS_KEY"),
                                         .subscription_mode = SIO_REDIS_STATIC };
  err = sio_on_close(srv, free_redis, NULL, NULL);
  return err ? err
             : sio_threads_set_adapter(srv,
                                       getenv("REDIS_STREAMS")   ? sio_redis_streams_adapter
                                       : getenv("REDIS_SHARDED") ? sio_redis_sharded_adapter
                                                                 : sio_redis_adapter,
                                       &adapter);
}
#else
static int connect_to_redis(sio_server *srv) {
  (void)srv;
  return 0;
}
#endif

static int listen_here(sio_server *srv) {
  int err = sio_listen_with(srv, &(sio_listen_options){ .host = "127.0.0.1", .tls = tls });
  port = sio_port(srv);
  return err;
}

static int setup(sio_server *srv, unsigned number, void *user) {
  static const struct {
    const char *name;
    sio_event_cb cb;
  } handlers[] = { { "where", on_where }, { "echo", on_echo },   { "all", on_all },
                   { "join", on_join },   { "to", on_to },       { "ask", on_ask },
                   { "fetch", on_fetch }, { "stats", on_stats }, { "servers", on_servers },
                   { "count", on_count }, { "sum", on_get_sum } };
  sio_nsp *root;
  int err = sio_of(srv, "/", &root);
  (void)user;
  sio_server_set_data(srv, (void *)(uintptr_t)number);
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers && !err; i++)
    err = sio_on(root, handlers[i].name, handlers[i].cb, NULL);
  if (!err) err = sio_on_server_side(root, "hello", on_hello, NULL);
  if (!err && number == 0) err = connect_to_redis(srv);
  return err || number ? err : listen_here(srv);
}

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  fprintf(stderr, "%s: %s\n", l->part, l->text);
}

int main(int argc, char **argv) {
  sio_threads *threads;
  static const sio_recovery recovery = { .max_sessions = 20000 };
  sio_options server = { .log = on_log,
                         .log_level = SIO_LOG_WARN,
                         .ping_interval_ms = 2000,
                         .recovery = getenv("RECOVERY") ? &recovery : NULL };
  sio_threads_options o = { .count = argc > 1 ? (unsigned)atoi(argv[1]) : 0,
                            .server = &server,
                            .setup = setup };
#ifdef HOST_TLS
  char why[256];
  sio_tls *context = NULL;
  sio_openssl_options t = { .identity = { .cert_file = argc > 3 ? argv[2] : NULL,
                                          .key_file = argc > 3 ? argv[3] : NULL } };
  if (argc > 3 && sio_openssl_new(&t, why, sizeof why, &context)) {
    fprintf(stderr, "%s\n", why);
    return 1;
  }
  tls = context;
#endif
  int err = sio_threads_start(&o, &threads);
  if (err) {
    fprintf(stderr, "%s\n", sio_strerror(err));
    return 1;
  }
  printf("listening %d\n", port);
  fflush(stdout);
  char ignored[64];
  while (read(0, ignored, sizeof ignored) > 0) {}
  sio_threads_stop(threads);
  printf("stopped\n");
#ifdef HOST_TLS
  sio_openssl_free(context);
#endif
  return 0;
}
