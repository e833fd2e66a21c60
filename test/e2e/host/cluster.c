/* SPDX-License-Identifier: MIT
 *
 * cluster.c - servers that work as one over Redis.
 *
 *     --redis          the URL
 *     --redis-key      sio_redis_adapter_options.key
 *     --redis-sharded  the sharded adapter: dynamic, static, dynamic-private
 *     --redis-streams  the streams adapter: the name of the stream
 *     --redis-own      publish_on_specific_response_channel
 *     --redis-queue    max_queued
 *     --redis-user, --redis-pass
 *     --redis-sentinel-user, --redis-sentinel-pass
 *     --redis-ca       for rediss://: a file, or "any"
 *     --redis-name     the name in the certificate
 *     --name           what this server answers to an event "hello" of another one
 */
#include "cluster.h"

#include "flags.h"
#include "host.h"

#include <sio/openssl.h>
#include <sio/redis.h>
#include <stdio.h>

static sio_redis *redis;
static sio_redis_adapter_options adapter;

/* NULL without its flags, or without OpenSSL. */
static sio_tls *tls;

static int make_tls(void) {
#ifdef HOST_TLS
  char why[256];
  sio_openssl_client_options o = { .ca_file = flag("redis-ca"),
                                   .server_name = flag("redis-name"),
                                   .accept_unauthorized = flag_is("redis-ca", "any") };
  if (o.accept_unauthorized) o.ca_file = NULL;
  if (!flag("redis-ca")) return 0;
  int err = sio_openssl_client_new(&o, why, sizeof why, &tls);
  if (err) fprintf(stderr, "host: %s\n", why);
  return err;
#else
  return 0;
#endif
}

static void on_state(sio_redis *r, enum sio_redis_state state, const char *why, void *user) {
  static const char *const names[] = { "idle", "connecting", "ready" };
  (void)r, (void)user;
  say("redis %s %s", names[state], why);
}

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  say("log [%d %s] %s", l->level, l->part, l->text);
}

int add_redis(sio_options *o, struct uv_loop_s *loop) {
  char why[256];
  if (!flag("redis")) return 0;
  int err = make_tls();
  sio_redis_options options = { .url = flag("redis"),
                                .username = flag("redis-user"),
                                .password = flag("redis-pass"),
                                .max_queued = flag_number("redis-queue"),
                                .ping_interval_ms = 500,
                                .retry_max_ms = 200,
                                .on_state = on_state,
                                .log = on_log,
                                .log_level = SIO_LOG_INFO,
                                .tls = tls,
                                .sentinel_username = flag("redis-sentinel-user"),
                                .sentinel_password = flag("redis-sentinel-pass") };
  if (!err) err = sio_redis_new(loop, &options, why, sizeof why, &redis);
  if (err) fprintf(stderr, "host: %s\n", why);
  adapter.redis = redis;
  adapter.key = flag("redis-key");
  adapter.publish_on_specific_response_channel = flag("redis-own") != NULL;
  adapter.subscription_mode = flag_is("redis-sharded", "static")    ? SIO_REDIS_STATIC
                              : flag_is("redis-sharded", "dynamic") ? SIO_REDIS_DYNAMIC
                              : flag("redis-sharded")               ? SIO_REDIS_DYNAMIC_PRIVATE
                                                                    : 0;
  adapter.stream_name = flag("redis-streams");
  o->adapter = flag("redis-streams")   ? sio_redis_streams_adapter
               : flag("redis-sharded") ? sio_redis_sharded_adapter
                                       : sio_redis_adapter;
  o->adapter_user = &adapter;
  o->request_timeout_ms = flag_number("request-timeout");
  return err;
}

static void on_hello(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  sio_slice arg = sio_event_json(e, 0);
  say("hello %.*s", (int)arg.n, arg.p);
  if (sio_event_wants_ack(e)) sio_reply(e, SIO_ARGS(flag("name"), sio_arg(e, 0)));
}

static void on_stats(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_redis_stats st;
  sio_redis_get_stats(redis, &st, sizeof st);
  sio_reply(e, SIO_ARGS(st.published, st.received, st.dropped, st.unanswered, st.errors,
                        st.malformed, st.failures, st.connects, st.redirected, st.switches,
                        st.missed, st.interrupted));
}

int add_redis_handlers(void) {
  if (!redis) return 0;
  int err = sio_on_server_side(host.root, "hello", on_hello, NULL);
  return err ? err : sio_on(host.root, "redis-stats", on_stats, NULL);
}

void free_redis(void) { sio_redis_free(redis); }
