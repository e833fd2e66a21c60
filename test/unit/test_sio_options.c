/* SPDX-License-Identifier: MIT */
#include "adapters/memory.h"
#include "alloc.h"
#include "base/deflate.h"
#include "server/options.h"
#include "test.h"
#include <limits.h>
#include <sio/adapter.h>
#include <sio/emit.h>
#include <sio/parser.h>
#include <uv.h>

static char said[1024];
static struct options opts;

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  EQ(l->level, SIO_LOG_ERROR);
  strncat(said, l->text, sizeof said - strlen(said) - 1);
}

static int settle(const sio_options *in) {
  struct log log;
  said[0] = '\0';
  sio__log_init(&log, on_log, NULL, SIO_LOG_WARN);
  int err = sio__options_check_and_copy(&opts, in, &log);
  sio__log_deliver_lines(&log);
  return err;
}

static void refused(const sio_options *in, const char *field) {
  alloc_install();
  EQ(settle(in), UV_EINVAL);
  CHECK(strstr(said, field) != NULL);
  EQ(alloc_live, 0);
}

static void path_becomes(const char *path, bool no_slash, const char *want) {
  EQ(settle(&(sio_options){ .path = path, .no_trailing_slash = no_slash }), 0);
  EQ_STR(opts.o.path, want);
  sio__options_clear(&opts);
}

TEST(an_initial_packet_is_text_and_no_longer_than_a_message) {
  refused(&(sio_options){ .initial_packet = sio_text("\xff") }, "initial_packet");
  refused(&(sio_options){ .initial_packet = sio_text("abc"), .max_payload = 2 }, "initial_packet");
  EQ(settle(&(sio_options){ .initial_packet = sio_text("\xff"), .initial_binary = true }), 0);
  sio__options_clear(&opts);
}

TEST(options_that_are_not_set_have_their_defaults) {
  EQ(settle(&(sio_options){ 0 }), 0);
  const sio_options *o = &opts.o;
  EQ_STR(o->path, "/socket.io/");
  EQ(o->transports, SIO_POLLING | SIO_WEBSOCKET);
  EQ(o->ping_interval_ms, 25000);
  EQ(o->ping_timeout_ms, 20000);
  EQ(o->upgrade_timeout_ms, 10000);
  EQ(o->connect_timeout_ms, 45000);
  EQ(o->close_timeout_ms, 30000);
  EQ(o->shutdown_timeout_ms, 5000);
  EQ(o->max_payload, 1000000);
  EQ(o->max_queued, 16 << 20);
  EQ(o->high_water, 1 << 20);
  EQ(o->max_attachments, 10);
  EQ(o->max_packet, 10000000);
  EQ(o->max_depth, 512);
  EQ(o->max_fragments, 1024);
  EQ(o->max_payload_packets, 16384);
  EQ(o->max_nsps, 64);
  EQ(o->max_acks, 4096);
  EQ(o->queue_high, 0);
  EQ(o->when_full, SIO_FULL_DROP_VOLATILE);
  EQ(o->max_connections, 0);
  EQ(o->max_head, 16384);
  EQ(o->max_headers, 100);
  EQ(o->head_timeout_ms, 10000);
  EQ(o->body_timeout_ms, 30000);
  EQ(o->keep_alive_ms, 5000);
  EQ(o->http_compression_threshold, 1024);
  EQ(o->request_timeout_ms, 5000);
  EQ(o->max_answers, 64 << 20);
  EQ(o->max_unjoined, 256 << 10);
  EQ(o->max_child_nsps, 10000);
  EQ(o->max_addresses, 65536);
  EQ(o->middleware_timeout_ms, 0);
  EQ(o->ack_timeout_ms, 0);
  EQ(o->packet_timeout_ms, 60000);
  EQ(o->socket_data_size, 0);
  CHECK(o->adapter == &sio__adapter_memory);
  EQ(o->log_level, SIO_LOG_WARN);
  CHECK(!o->cors && !o->cookie);
  sio__options_clear(&opts);
}

TEST(options_that_are_set_are_kept) {
  EQ(settle(&(sio_options){ .max_payload = 64,
                            .max_queued = 1000,
                            .max_depth = 900,
                            .ping_interval_ms = 1,
                            .transports = SIO_POLLING }),
     0);
  EQ(opts.o.max_payload, 64);
  EQ(opts.o.max_packet, 640);
  EQ(opts.o.max_queued, 1000);
  EQ(opts.o.high_water, 1000);
  EQ(opts.o.max_depth, 900);
  EQ(opts.o.ping_interval_ms, 1);
  EQ(opts.o.transports, SIO_POLLING);
  sio__options_clear(&opts);
}

TEST(a_path_is_stored_with_one_slash_at_its_end_or_without) {
  path_becomes("/a", false, "/a/");
  path_becomes("/a//", false, "/a/");
  path_becomes("/a/", true, "/a");
  path_becomes("/", false, "/");
  path_becomes("/", true, "/");
}

TEST(a_value_without_sense_is_refused_by_name) {
  char path[300];
  memset(path, 'a', sizeof path);
  path[0] = '/';
  path[299] = '\0';
  refused(&(sio_options){ .max_depth = 901 }, "max_depth");
  refused(&(sio_options){ .ping_interval_ms = 0x80000000u }, "ping_interval_ms");
  refused(&(sio_options){ .max_payload = (size_t)2 << 30 }, "max_payload");
  refused(&(sio_options){ .socket_data_size = SIZE_MAX }, "socket_data_size");
  refused(&(sio_options){ .high_water = 2000, .max_queued = 1000 }, "high_water");
  refused(&(sio_options){ .queue_high = 2000, .max_queued = 1000 }, "queue_high");
  refused(&(sio_options){ .queue_high = 10, .queue_low = 11 }, "queue_low");
  refused(&(sio_options){ .queue_high = 10, .when_full = 7 },
          "sio_options.when_full: 7 is not in the range 0 to 3");
  refused(&(sio_options){ .queue_high = 10, .when_full = -1 }, "when_full");
  refused(&(sio_options){ .when_full = SIO_FULL_CLOSE }, "when_full");
  refused(&(sio_options){ .max_unsent = (size_t)INT_MAX + 1 }, "max_unsent");
  refused(&(sio_options){ .allowed_origins = SIO_ROOMS("a.example") }, "allowed_origins");
  refused(&(sio_options){ .allowed_origins = SIO_ROOMS("null", "https://a/") }, "allowed_origins");
  refused(&(sio_options){ .allowed_origins = SIO_ROOMS("://a") }, "allowed_origins");
  refused(&(sio_options){ .allowed_origins = SIO_ROOMS("https://") }, "allowed_origins");
  refused(&(sio_options){ .allowed_origins = SIO_ROOMS("https://a b") }, "allowed_origins");
  refused(&(sio_options){ .transports = 4 }, "transports");
  refused(&(sio_options){ .log_level = 9 }, "log_level");
  refused(&(sio_options){ .log_level = -1 }, "log_level");
  refused(&(sio_options){ .path = "a" }, "path");
  refused(&(sio_options){ .path = "" }, "path");
  refused(&(sio_options){ .path = "/a?b" }, "path");
  refused(&(sio_options){ .path = "/a b" }, "path");
  refused(&(sio_options){ .path = "/a\x7f" }, "path");
  refused(&(sio_options){ .path = "/a\n" }, "path");
  refused(&(sio_options){ .path = path }, "path");
  refused(&(sio_options){ .cookie = &(sio_cookie){ .name = "a b" } }, "cookie");
  refused(&(sio_options){ .cors = &(sio_cors){ .methods = "GET\r\n" } }, "cors");
}

static void ignore_saved(sio_adapter *a, const sio_saved_socket *s) { (void)a, (void)s; }

TEST(an_adapter_that_recovers_needs_the_functions_for_it) {
  sio_adapter_ops half = sio__adapter_memory;
  half.flags |= SIO_ADAPTER_RECOVERS;
  refused(&(sio_options){ .adapter = &half }, "adapter: SIO_ADAPTER_RECOVERS needs persist");
  half.persist = ignore_saved;
  refused(&(sio_options){ .adapter = &half }, "adapter: SIO_ADAPTER_RECOVERS needs persist");
}

TEST(structs_of_another_size_are_refused_by_name) {
  refused(&(sio_options){ .cors = &(sio_cors){ .size = 1 } }, "cors: its size is less");
  refused(&(sio_options){ .cookie = &(sio_cookie){ .size = 1 } }, "cookie: its size is less");
  if (sio__deflate_is_available())
    refused(&(sio_options){ .per_message_deflate = &(sio_deflate){ .size = 1 } },
            "per_message_deflate: its size is less");
  refused(&(sio_options){ .recovery = &(sio_recovery){ .size = 1 } }, "recovery: its size is less");
}

TEST(without_a_log_options_are_refused_all_the_same) {
  static const char *const proxies[] = { "nobody", NULL };
  struct log log;
  said[0] = '\0';
  sio__log_init(&log, on_log, NULL, SIO_LOG_OFF);
  EQ(sio__options_check_and_copy(&opts, &(sio_options){ .path = "a" }, &log), UV_EINVAL);
  EQ(sio__options_check_and_copy(&opts, &(sio_options){ .trusted_proxies = proxies }, &log),
     UV_EINVAL);
  sio__log_deliver_lines(&log);
  EQ_STR(said, "");
}

TEST(a_cookie_that_would_be_too_long_to_be_set_is_refused) {
  char domain[600];
  memset(domain, 'd', sizeof domain - 1);
  domain[sizeof domain - 1] = '\0';
  refused(
      &(sio_options){ .cookie = &(sio_cookie){ .domain = domain } },
      "cookie: with a session id of 63 characters and all attributes, the cookie is longer than "
      "511 bytes");
  domain[380] = '\0';
  EQ(settle(&(sio_options){ .cookie = &(sio_cookie){ .domain = domain } }), 0);
  sio__options_clear(&opts);
}

TEST(origins_are_copied) {
  char origin[] = "https://a.example";
  EQ(settle(&(sio_options){ .allowed_origins = SIO_ROOMS(origin, "null") }), 0);
  memset(origin, '#', sizeof origin - 1);
  EQ_STR(opts.o.allowed_origins[0], "https://a.example");
  EQ_STR(opts.o.allowed_origins[1], "null");
  CHECK(opts.o.allowed_origins[2] == NULL);
  sio__options_clear(&opts);
}

TEST(what_is_pointed_to_is_copied) {
  char path[] = "/live", name[] = "io2";
  sio_cookie cookie = { .name = name };
  EQ(settle(&(sio_options){ .path = path, .cookie = &cookie }), 0);
  memset(path, '#', 5);
  memset(name, '#', 3);
  EQ_STR(opts.o.path, "/live/");
  EQ_STR(opts.o.cookie->name, "io2");
  sio__options_clear(&opts);
}

TEST(no_failing_allocation_leaks) {
  static const char *const origins[] = { "http://a", NULL };
  bool failed = true;
  for (size_t i = 1; failed && i < 50; i++) {
    alloc_install();
    alloc_fail_in(i);
    int err = settle(&(sio_options){ .path = "/x",
                                     .cookie = &(sio_cookie){ .name = "n" },
                                     .cors = &(sio_cors){ .origins = origins } });
    failed = alloc_calls >= i;
    CHECK(failed ? err == UV_ENOMEM : err == 0);
    sio__options_clear(&opts);
    EQ(alloc_live, 0);
  }
  CHECK(!failed);
}

/* ---- recovery ---- */

TEST(recovery_is_off_has_its_defaults_and_is_copied) {
  sio_recovery r = { .run_middlewares = true };
  alloc_install();
  EQ(settle(&(sio_options){ 0 }), 0);
  CHECK(opts.o.recovery == NULL);
  sio__options_clear(&opts);
  EQ(settle(&(sio_options){ .recovery = &r }), 0);
  r.run_middlewares = false;
  EQ(opts.o.recovery->max_disconnection_ms, 120000);
  EQ(opts.o.recovery->max_log_bytes, 4 << 20);
  EQ(opts.o.recovery->max_sessions, 10000);
  CHECK(opts.o.recovery->run_middlewares);
  sio__options_clear(&opts);
}

TEST(recovery_out_of_range_is_refused_by_name) {
  refused(&(sio_options){ .recovery = &(sio_recovery){ .max_disconnection_ms = 1u << 31 } },
          "recovery");
  refused(&(sio_options){ .recovery = &(sio_recovery){ .max_log_bytes = SIZE_MAX } }, "recovery");
}

/* ---- compression ---- */

TEST(compression_has_its_defaults_and_is_copied) {
  if (!sio__deflate_is_available()) return;
  sio_deflate d = { .level = 9 };
  alloc_install();
  EQ(settle(&(sio_options){ .per_message_deflate = &d }), 0);
  d.level = 1;
  EQ(opts.o.http_compression_threshold, 1024);
  EQ(opts.o.per_message_deflate->threshold, 1024);
  EQ(opts.o.per_message_deflate->level, 9);
  EQ(opts.o.per_message_deflate->window_bits, 15);
  EQ(opts.o.per_message_deflate->mem_level, 0); /* zlib's own */
  sio__options_clear(&opts);
}

TEST(compression_out_of_range_is_refused_by_name) {
  static const sio_deflate bad[] = { { .level = 10 },      { .level = -1 },
                                     { .window_bits = 8 }, { .window_bits = 16 },
                                     { .mem_level = 10 },  { .mem_level = -1 } };
  if (!sio__deflate_is_available()) return;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    refused(&(sio_options){ .per_message_deflate = &bad[i] }, "per_message_deflate");
  refused(&(sio_options){ .http_compression_threshold = SIZE_MAX }, "http_compression_threshold");
}

TEST(compression_that_is_not_built_in_is_refused_only_if_requested) {
  static const sio_deflate deflate;
  if (sio__deflate_is_available()) return;
  alloc_install();
  EQ(settle(&(sio_options){ .per_message_deflate = &deflate }), UV_ENOTSUP);
  CHECK(strstr(said, "per_message_deflate") != NULL);
  EQ(settle(&(sio_options){ .http_compression_threshold = 1 }), UV_ENOTSUP);
  CHECK(strstr(said, "http_compression_threshold") != NULL);
  EQ(settle(&(sio_options){ .http_compression_threshold = 1, .no_http_compression = true }), 0);
  sio__options_clear(&opts);
  EQ(settle(&(sio_options){ 0 }), 0);
  sio__options_clear(&opts);
}

static int no_encode(const sio_parts *p, sio_parser_out *out) {
  (void)p, (void)out;
  return UV_ENOTSUP;
}

static int no_decode(bool binary, sio_slice message, sio_parts *p, sio_parser_out *out,
                     const char **why) {
  (void)binary, (void)message, (void)p, (void)out, (void)why;
  return UV_ENOTSUP;
}

TEST(a_parser_is_whole_and_not_for_protocol_3) {
  static const sio_parser_ops half = { .name = "half" };
  refused(&(sio_options){ .parser = &half }, "parser");
  static const sio_parser_ops whole = { .name = "whole", .encode = no_encode, .decode = no_decode };
  EQ(settle(&(sio_options){ .parser = &whole }), 0);
  sio__options_clear(&opts);
  refused(&(sio_options){ .parser = &whole, .allow_eio3 = true }, "parser");
}

/* ---- limits and proxies ------------------------------------------------------------------- */

TEST(limits_are_off_and_a_burst_is_a_second) {
  alloc_install();
  EQ(settle(&(sio_options){ 0 }), 0);
  EQ(opts.o.packets_per_s, 0);
  EQ(opts.o.bytes_per_s, 0);
  EQ(opts.o.connects_per_s, 0);
  EQ(opts.o.requests_per_s, 0);
  EQ(opts.o.max_per_address, 0);
  EQ(opts.o.max_pending, 0);
  EQ(opts.o.max_tls_handshakes, 4096);
  EQ(opts.o.max_addresses, 65536);
  EQ(opts.trusted.n, 0);
  sio__options_clear(&opts);
  EQ(settle(&(sio_options){
         .packets_per_s = 10, .bytes_per_s = 20, .connects_per_s = 30, .requests_per_s = 40 }),
     0);
  EQ(opts.o.packets_burst, 10);
  EQ(opts.o.bytes_burst, 20);
  EQ(opts.o.connects_burst, 30);
  EQ(opts.o.requests_burst, 40);
  sio__options_clear(&opts);
  EQ(settle(&(sio_options){ .packets_per_s = 10, .packets_burst = 100 }), 0);
  EQ(opts.o.packets_burst, 100);
  sio__options_clear(&opts);
}

TEST(limits_without_sense_are_refused_by_name) {
  refused(&(sio_options){ .packets_burst = 1 }, "packets_burst");
  refused(&(sio_options){ .bytes_burst = 1 }, "bytes_burst");
  refused(&(sio_options){ .connects_burst = 1 }, "connects_burst");
  refused(&(sio_options){ .requests_burst = 1 }, "requests_burst");
#if SIZE_MAX > UINT32_MAX /* otherwise no number reaches the maximum */
  refused(&(sio_options){ .bytes_per_s = ((size_t)1 << 40) + 1 }, "bytes_per_s");
  refused(&(sio_options){ .bytes_per_s = 1, .bytes_burst = ((size_t)1 << 40) + 1 }, "bytes_burst");
#endif
  refused(&(sio_options){ .when_limited = 2 }, "when_limited");
  refused(&(sio_options){ .max_addresses = (1u << 24) + 1 }, "max_addresses");
}

TEST(proxies_are_copied_and_an_invalid_one_is_named) {
  char text[] = "10.0.0.0/8";
  struct addr a;
  CHECK(sio__addr_parse(&a, SLICE("10.1.2.3")));
  EQ(settle(&(sio_options){ .trusted_proxies = SIO_ROOMS(text, "unix"), .proxy_protocol = true }),
     0);
  memset(text, 'x', sizeof text - 1);
  CHECK(sio__addr_set_contains(&opts.trusted, &a) && opts.trusted.has_unix);
  sio__options_clear(&opts);
  refused(&(sio_options){ .trusted_proxies = SIO_ROOMS("::1", "10.0.0.1/8") },
          "sio_options.trusted_proxies: \"10.0.0.1/8\" is not an IP address, "
          "address/bits or \"unix\"");
  refused(&(sio_options){ .proxy_protocol = true },
          "proxy_protocol: needs sio_options.trusted_proxies");
  refused(&(sio_options){ .proxy_protocol = true, .trusted_proxies = (const char *[]){ NULL } },
          "proxy_protocol");
  refused(&(sio_options){ .forwarded = 2 }, "forwarded");
}

TEST(values_out_of_range_are_refused_by_name) {
  sio_parser_ops deaf = { .size = sizeof deaf,
                          .name = "deaf",
                          .encode = sio_parser_msgpack->encode };
  refused(&(sio_options){ .shutdown_timeout_ms = 0x80000000u }, "shutdown_timeout_ms");
  refused(&(sio_options){ .max_unjoined = 16383 }, "max_unjoined");
  refused(&(sio_options){ .when_limited = -1 }, "when_limited");
  refused(&(sio_options){ .forwarded = -1 }, "forwarded");
  refused(&(sio_options){ .parser = &deaf }, "parser");
  refused(&(sio_options){ .path = "/a?b" }, "path");
  refused(&(sio_options){ .path = "/a#b" }, "path");
  EQ(settle(&(sio_options){ .max_packet = 5, .max_unjoined = 16384 }), 0);
  EQ(opts.o.max_packet, 5);
  EQ(opts.o.max_unjoined, 16384);
  sio__options_clear(&opts);
  EQ(settle(&(sio_options){ .max_payload = 512 << 20 }), 0);
  CHECK(opts.o.max_packet > opts.o.max_payload && opts.o.max_packet / 10 <= opts.o.max_payload);
  CHECK(opts.o.max_packet == SIZE_MAX || opts.o.max_packet / 10 == opts.o.max_payload);
  sio__options_clear(&opts);
}

TESTS_BEGIN
T(an_initial_packet_is_text_and_no_longer_than_a_message)
T(a_parser_is_whole_and_not_for_protocol_3)
T(options_that_are_not_set_have_their_defaults)
T(options_that_are_set_are_kept)
T(a_path_is_stored_with_one_slash_at_its_end_or_without)
T(a_value_without_sense_is_refused_by_name)
T(an_adapter_that_recovers_needs_the_functions_for_it)
T(structs_of_another_size_are_refused_by_name)
T(without_a_log_options_are_refused_all_the_same)
T(a_cookie_that_would_be_too_long_to_be_set_is_refused)
T(origins_are_copied)
T(what_is_pointed_to_is_copied)
T(no_failing_allocation_leaks)
T(limits_are_off_and_a_burst_is_a_second)
T(limits_without_sense_are_refused_by_name)
T(proxies_are_copied_and_an_invalid_one_is_named)
T(recovery_is_off_has_its_defaults_and_is_copied)
T(recovery_out_of_range_is_refused_by_name)
T(compression_has_its_defaults_and_is_copied)
T(compression_out_of_range_is_refused_by_name)
T(compression_that_is_not_built_in_is_refused_only_if_requested)
T(values_out_of_range_are_refused_by_name)
TESTS_END
