/* SPDX-License-Identifier: MIT
 *
 * options.c - checks sio_options and fills in the defaults. Two tables contain the default and the
 * maximum of most numbers; functions check the other fields. If a value is invalid, the name of the
 * field and what is wrong with its value are logged.
 */
#include "server/options.h"

#include "adapters/memory.h"
#include "adapters/threads.h"
#include "base/bucket.h"
#include "base/deflate.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/utf8.h"
#include "http/cookie.h"
#include "http/cors.h"
#include "packet/json.h"
#include <limits.h>
#include <sio/parser.h>
#include <stdarg.h>
#include <stdio.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define PATH_MAX_LEN 255
#define MS_MAX 0x7fffffffu
#define SHUTDOWN_MS 5000
#define UNSENT (64 * KIB)

/* Options of the type unsigned that have a constant default. A value of 0 is replaced by
 * default_value; a value above max is refused. */
static const struct count_field {
  const char *name;
  size_t at;
  unsigned default_value, max;
} count_fields[] = {
#define FIELD(f, default_value, max) \
  { #f, offsetof(sio_options, f), default_value, max }
  FIELD(ping_interval_ms, 25000, MS_MAX),    FIELD(ping_timeout_ms, 20000, MS_MAX),
  FIELD(upgrade_timeout_ms, 10000, MS_MAX),  FIELD(connect_timeout_ms, 45000, MS_MAX),
  FIELD(close_timeout_ms, 30000, MS_MAX),    FIELD(max_attachments, 10, 999999999),
  FIELD(max_depth, 512, JSON_DEPTH_MAX),     FIELD(max_fragments, 1024, MS_MAX),
  FIELD(max_payload_packets, 16384, MS_MAX), FIELD(max_nsps, 64, MS_MAX),
  FIELD(max_acks, 4096, 1u << 24),           FIELD(max_headers, 100, 10000),
  FIELD(head_timeout_ms, 10000, MS_MAX),     FIELD(body_timeout_ms, 30000, MS_MAX),
  FIELD(max_child_nsps, 10000, MS_MAX),      FIELD(request_timeout_ms, 5000, MS_MAX),
  FIELD(keep_alive_ms, 5000, MS_MAX),        FIELD(max_addresses, 65536, 1u << 24),
  FIELD(tls_timeout_ms, 10000, MS_MAX),      FIELD(packet_timeout_ms, 60000, MS_MAX),
  FIELD(max_tls_handshakes, 4096, MS_MAX),
};

static const struct size_field {
  const char *name;
  size_t at;
  size_t default_value, max;
} size_fields[] = {
  FIELD(max_payload, 1000000, 1024 * MIB),
  FIELD(max_queued, 16 * MIB, SIZE_MAX / 2),
  FIELD(max_head, 16384, 16 * MIB),
  FIELD(socket_data_size, 0, 1024 * MIB),
  FIELD(http_compression_threshold, 1024, SIZE_MAX / 2),
  FIELD(max_answers, 64 * MIB, SIZE_MAX / 2),
  FIELD(max_unjoined, 256 * KIB, SIZE_MAX / 2),
#undef FIELD
};

/* ---- errors ------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int log_invalid_option(struct log *log,
                                                                    const char *field,
                                                                    const char *fmt, ...) {
  char text[256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  LOG(log, SIO_LOG_ERROR, SIO_PART_SIO, "sio_options.%s: %s", field, text);
  return UV_EINVAL;
}

static int log_option_over_maximum(struct log *log, const char *field, size_t v, size_t max) {
  return log_invalid_option(log, field, "%zu is more than the maximum, %zu", v, max);
}

static int log_option_over_other_option(struct log *log, const char *field, size_t v,
                                        const char *other, size_t max) {
  return log_invalid_option(log, field, "%zu is more than sio_options.%s, which is %zu", v, other,
                            max);
}

static int log_option_out_of_range(struct log *log, const char *field, int v, int min, int max) {
  return log_invalid_option(log, field, "%d is not in the range %d to %d", v, min, max);
}

static int log_option_needs_other_option(struct log *log, const char *field, const char *other) {
  return log_invalid_option(log, field, "needs sio_options.%s, which is not set", other);
}

static int log_option_not_built_in(struct log *log, const char *field, const char *library) {
  log_invalid_option(log, field, "needs %s, which this build of libsio does not have", library);
  return UV_ENOTSUP;
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* Copies a struct to which an option points, and whose first field is its size. field is the name
 * of the option, for the log. */
static int copy_option_struct(void *out, size_t size, const void *in, struct log *log,
                              const char *field) {
  return sio__read_sized_struct(out, size, in, size)
             ? log_invalid_option(
                   log, field,
                   "its size is less than in version 0.1, or a field of a newer version is set")
             : 0;
}

#define COPY_OPTION_STRUCT(out, in, log, field) \
  copy_option_struct(out, sizeof *(out), in, log, field)

/* Checks `size`, a field of a table of functions to which the library keeps a pointer. min is the
 * size that the table had in version 0.1. If the field is 0, the table has that size. */
static bool is_valid_function_table_size(size_t size, size_t min) {
  return size == 0 || size >= min;
}

static int check_threads_option_and_set_adapter(sio_options *o, struct log *log) {
  if (!o->threads) return 0;
  if (o->adapter)
    return log_invalid_option(
        log, "adapter", "cannot be set together with threads; call sio_threads_set_adapter()");
  o->adapter = &sio__adapter_threads;
  return 0;
}

static int check_adapter_option_or_set_default(sio_options *o, struct log *log) {
  if (!o->adapter) o->adapter = &sio__adapter_memory;
  const sio_adapter_ops *a = o->adapter;
  if (!is_valid_function_table_size(a->size, sizeof *a))
    return log_invalid_option(log, "adapter",
                              "the field size of sio_adapter_ops is less than in version 0.1");
  if ((a->flags & SIO_ADAPTER_RECOVERS) && (!a->persist || !a->restore))
    return log_invalid_option(log, "adapter", "SIO_ADAPTER_RECOVERS needs persist and restore");
  return 0;
}

static int check_unsigned_options_and_set_defaults(sio_options *o, struct log *log) {
  for (size_t i = 0; i < sizeof count_fields / sizeof *count_fields; i++) {
    unsigned v;
    memcpy(&v, (char *)o + count_fields[i].at, sizeof v);
    if (v > count_fields[i].max)
      return log_option_over_maximum(log, count_fields[i].name, v, count_fields[i].max);
    if (!v) memcpy((char *)o + count_fields[i].at, &count_fields[i].default_value, sizeof v);
  }
  return 0;
}

static int check_size_t_options_and_set_defaults(sio_options *o, struct log *log) {
  for (size_t i = 0; i < sizeof size_fields / sizeof *size_fields; i++) {
    size_t v;
    memcpy(&v, (char *)o + size_fields[i].at, sizeof v);
    if (v > size_fields[i].max)
      return log_option_over_maximum(log, size_fields[i].name, v, size_fields[i].max);
    if (!v) memcpy((char *)o + size_fields[i].at, &size_fields[i].default_value, sizeof v);
  }
  return 0;
}

static int check_queue_options_and_set_defaults(sio_options *o, struct log *log) {
  if (o->queue_high > o->max_queued)
    return log_option_over_other_option(log, "queue_high", o->queue_high, "max_queued",
                                        o->max_queued);
  if (!o->queue_low) o->queue_low = o->queue_high / 2;
  if (o->queue_low > o->queue_high)
    return log_option_over_other_option(log, "queue_low", o->queue_low, "queue_high",
                                        o->queue_high);
  if (o->when_full < SIO_FULL_DROP_VOLATILE || o->when_full > SIO_FULL_CLOSE)
    return log_option_out_of_range(log, "when_full", (int)o->when_full, SIO_FULL_DROP_VOLATILE,
                                   SIO_FULL_CLOSE);
  return o->when_full && !o->queue_high
             ? log_option_needs_other_option(log, "when_full", "queue_high")
             : 0;
}

/* Checks max_unsent and sets its default. Afterwards 0 means that there is no limit. */
static int check_max_unsent_option_and_set_default(sio_options *o, struct log *log) {
  if (o->max_unsent > INT_MAX)
    return log_option_over_maximum(log, "max_unsent", o->max_unsent, INT_MAX);
  if (o->when_full == SIO_FULL_KEEP_LATEST && !o->max_unsent) o->max_unsent = UNSENT;
  if (o->max_unsent == INT_MAX) o->max_unsent = 0;
  return 0;
}

/* Sets the defaults of high_water, shutdown_timeout_ms and max_packet, which depend on other
 * fields, and of transports and log_level. Checks these fields, except max_packet, and
 * max_unjoined. */
static int check_dependent_options_and_set_defaults(sio_options *o, struct log *log) {
  if (!o->high_water) o->high_water = o->max_queued < MIB ? o->max_queued : MIB;
  if (o->high_water > o->max_queued)
    return log_option_over_other_option(log, "high_water", o->high_water, "max_queued",
                                        o->max_queued);
  if (o->shutdown_timeout_ms > MS_MAX)
    return log_option_over_maximum(log, "shutdown_timeout_ms", (size_t)o->shutdown_timeout_ms,
                                   MS_MAX);
  if (!o->shutdown_timeout_ms)
    o->shutdown_timeout_ms = o->close_timeout_ms < SHUTDOWN_MS ? o->close_timeout_ms : SHUTDOWN_MS;
  if (!o->max_packet)
    o->max_packet = o->max_payload > SIZE_MAX / 10 ? SIZE_MAX : 10 * o->max_payload;
  if (o->max_unjoined < 16 * KIB)
    return log_invalid_option(log, "max_unjoined", "%zu is less than the minimum, 16384",
                              o->max_unjoined);
  if (!o->transports) o->transports = SIO_POLLING | SIO_WEBSOCKET;
  if (o->transports > (SIO_POLLING | SIO_WEBSOCKET))
    return log_invalid_option(log, "transports",
                              "%u has bits other than SIO_POLLING and SIO_WEBSOCKET",
                              (unsigned)o->transports);
  if (!o->log_level) o->log_level = SIO_LOG_WARN;
  if (o->log_level < SIO_LOG_OFF || o->log_level > SIO_LOG_TRACE)
    return log_option_out_of_range(log, "log_level", o->log_level, SIO_LOG_OFF, SIO_LOG_TRACE);
  return 0;
}

/* The parameter is a uint64_t also for fields of the type size_t. Where size_t has 32 bits, such a
 * field cannot exceed RATE_MAX, and the compiler would warn about comparing it directly. */
static bool is_rate_over_maximum(uint64_t rate) { return rate > RATE_MAX; }

static int check_rate_options_and_set_defaults(sio_options *o, struct log *log) {
  if (!o->packets_burst) o->packets_burst = o->packets_per_s;
  if (!o->bytes_burst) o->bytes_burst = o->bytes_per_s;
  if (!o->connects_burst) o->connects_burst = o->connects_per_s;
  if (!o->requests_burst) o->requests_burst = o->requests_per_s;
  if (is_rate_over_maximum(o->bytes_per_s))
    return log_option_over_maximum(log, "bytes_per_s", o->bytes_per_s, (size_t)RATE_MAX);
  if (is_rate_over_maximum(o->bytes_burst))
    return log_option_over_maximum(log, "bytes_burst", o->bytes_burst, (size_t)RATE_MAX);
  if (o->packets_burst && !o->packets_per_s)
    return log_option_needs_other_option(log, "packets_burst", "packets_per_s");
  if (o->bytes_burst && !o->bytes_per_s)
    return log_option_needs_other_option(log, "bytes_burst", "bytes_per_s");
  if (o->connects_burst && !o->connects_per_s)
    return log_option_needs_other_option(log, "connects_burst", "connects_per_s");
  if (o->requests_burst && !o->requests_per_s)
    return log_option_needs_other_option(log, "requests_burst", "requests_per_s");
  if (o->when_limited < SIO_LIMITED_PAUSE || o->when_limited > SIO_LIMITED_CLOSE)
    return log_option_out_of_range(log, "when_limited", (int)o->when_limited, SIO_LIMITED_PAUSE,
                                   SIO_LIMITED_CLOSE);
  return 0;
}

static int check_and_parse_proxy_options(struct options *opts, struct log *log) {
  const sio_options *o = &opts->o;
  const char *which = "";
  if (o->forwarded < SIO_FORWARDED_X || o->forwarded > SIO_FORWARDED_RFC7239)
    return log_option_out_of_range(log, "forwarded", (int)o->forwarded, SIO_FORWARDED_X,
                                   SIO_FORWARDED_RFC7239);
  if (o->proxy_protocol && (!o->trusted_proxies || !*o->trusted_proxies))
    return log_option_needs_other_option(log, "proxy_protocol", "trusted_proxies");
  if (!o->trusted_proxies) return 0;
  int err = sio__addr_set_parse(&opts->trusted, o->trusted_proxies, &which);
  if (err == UV_EINVAL)
    LOG(log, SIO_LOG_ERROR, SIO_PART_SIO,
        "sio_options.trusted_proxies: \"%s\" is not an IP address, address/bits or \"unix\"",
        which);
  opts->o.trusted_proxies = NULL;
  return err;
}

static int check_parser_option(sio_options *o, struct log *log) {
  if (!o->parser) return 0;
  if (!is_valid_function_table_size(o->parser->size, sizeof *o->parser))
    return log_invalid_option(log, "parser",
                              "the field size of sio_parser_ops is less than in version 0.1");
  if (!o->parser->encode || !o->parser->decode)
    return log_invalid_option(log, "parser", "encode or decode is NULL; both are needed");
  return o->allow_eio3
             ? log_invalid_option(log, "parser", "cannot be combined with sio_options.allow_eio3")
             : 0;
}

static bool is_valid_url_path(const char *p, size_t n) {
  if (n == 0 || n > PATH_MAX_LEN || p[0] != '/') return false;
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)p[i] <= ' ' || p[i] == 0x7f || p[i] == '?' || p[i] == '#') return false;
  return true;
}

int sio__url_path_check_and_copy_normalized(char **out, const char *p, bool slash) {
  size_t n = strlen(p);
  *out = NULL;
  if (!is_valid_url_path(p, n)) return UV_EINVAL;
  while (n > 1 && p[n - 1] == '/') n--;
  char *own = *out = sio__malloc(n + 2);
  if (!own) return UV_ENOMEM;
  memcpy(own, p, n);
  if (slash && p[n - 1] != '/') own[n++] = '/';
  own[n] = '\0';
  return 0;
}

static int check_and_copy_path_option(struct options *opts, struct log *log) {
  const char *p = opts->o.path ? opts->o.path : "/socket.io/";
  int err = sio__url_path_check_and_copy_normalized(&opts->path, p, !opts->o.no_trailing_slash);
  if (err == UV_EINVAL)
    return log_invalid_option(log, "path",
                              "\"%.100s\" is not a path of 1 to %d bytes that begins with '/', "
                              "without control characters, ' ', '?' and '#'",
                              p, PATH_MAX_LEN);
  opts->o.path = opts->path;
  return err;
}

static int check_and_copy_cors_option(struct options *opts, struct log *log) {
  sio_cors cors;
  if (!opts->o.cors) return 0;
  int err = COPY_OPTION_STRUCT(&cors, opts->o.cors, log, "cors");
  if (err) return err;
  err = sio__cors_options_validate_and_copy(&opts->cors, &cors);
  if (err == UV_EINVAL)
    return log_invalid_option(log, "cors",
                              "invalid origin, method or header, or preflight_status is not 2xx");
  opts->o.cors = opts->cors;
  return err;
}

/* True if the Set-Cookie value fits into COOKIE_SIZE bytes with the longest session id that
 * generate_id can make, which has 63 characters. */
static bool is_cookie_header_short_enough(const sio_cookie *c) {
  char text[COOKIE_SIZE], sid[63];
  memset(sid, 'x', sizeof sid);
  return sio__cookie_write_set_cookie_value(text, sizeof text, c, slice(sid, sizeof sid)) > 0;
}

static int check_and_copy_cookie_option(struct options *opts, struct log *log) {
  sio_cookie cookie;
  if (!opts->o.cookie) return 0;
  int err = COPY_OPTION_STRUCT(&cookie, opts->o.cookie, log, "cookie");
  if (err) return err;
  err = sio__cookie_options_validate_and_copy(&opts->cookie, &cookie);
  if (err == UV_EINVAL)
    return log_invalid_option(
        log, "cookie",
        "an attribute has an invalid character or value, or SIO_SAMESITE_NONE lacks secure");
  opts->o.cookie = opts->cookie;
  if (!err && !is_cookie_header_short_enough(opts->cookie))
    return log_invalid_option(log, "cookie",
                              "with a session id of 63 characters and all attributes, the cookie "
                              "is longer than %d bytes",
                              COOKIE_SIZE - 1);
  return err;
}

/* Returns true if s looks like an origin: "://" with something before and after it, but no path, as
 * in "https://a.example", or the text "null". */
static bool is_valid_origin(const char *s) {
  const char *host = strstr(s, "://");
  return strcmp(s, "null") == 0 || (host && host > s && host[3] && !strpbrk(host + 3, "/?# "));
}

/* Copies allowed_origins into one block of memory: first the pointers, then the texts. */
static int check_and_copy_allowed_origins_option(struct options *opts, struct log *log) {
  const char *const *from = opts->o.allowed_origins;
  size_t n = 0, bytes = 0;
  if (!from) return 0;
  for (; from[n]; n++) {
    if (!is_valid_origin(from[n]))
      return log_invalid_option(
          log, "allowed_origins",
          "\"%.100s\" is not an origin: expected scheme://host[:port] or null", from[n]);
    bytes += strlen(from[n]) + 1;
  }
  opts->origins = sio__malloc((n + 1) * sizeof *from + bytes);
  if (!opts->origins) return UV_ENOMEM;
  char *text = (char *)(opts->origins + n + 1);
  for (size_t i = 0; i < n; i++) {
    opts->origins[i] = text;
    text = stpcpy(text, from[i]) + 1;
  }
  opts->origins[n] = NULL;
  opts->o.allowed_origins = opts->origins;
  return 0;
}

/* Checks the options that need zlib, which the library may have been built without. This has to run
 * before zeros are replaced by defaults: the lack of zlib is an error only if the program itself
 * has asked for compression. */
static int check_zlib_options_are_built_in(const sio_options *o, struct log *log) {
  if (sio__deflate_is_available()) return 0;
  if (o->per_message_deflate) return log_option_not_built_in(log, "per_message_deflate", "zlib");
  bool asked = o->http_compression_threshold && !o->no_http_compression;
  return asked ? log_option_not_built_in(log, "http_compression_threshold", "zlib") : 0;
}

static int check_deflate_option_field(struct log *log, const char *field, int v, int min, int max) {
  if (v == 0 || (v >= min && v <= max)) return 0;
  return log_invalid_option(log, "per_message_deflate",
                            "%s: %d is neither 0 nor in the range %d to %d", field, v, min, max);
}

static int check_and_copy_deflate_options(struct options *opts, struct log *log) {
  sio_deflate *d = &opts->deflate;
  if (!opts->o.per_message_deflate) return 0;
  int err = COPY_OPTION_STRUCT(d, opts->o.per_message_deflate, log, "per_message_deflate");
  if (err) return err;
  opts->o.per_message_deflate = d;
  err = check_deflate_option_field(log, "level", d->level, 1, 9);
  if (!err) err = check_deflate_option_field(log, "window_bits", d->window_bits, 9, 15);
  if (!err) err = check_deflate_option_field(log, "mem_level", d->mem_level, 1, 9);
  if (err) return err;
  if (!d->threshold) d->threshold = 1024;
  if (!d->window_bits) d->window_bits = 15;
  return 0;
}

static int check_and_copy_recovery_options(struct options *opts, struct log *log) {
  sio_recovery *r = &opts->recovery;
  if (!opts->o.recovery) return 0;
  int err = COPY_OPTION_STRUCT(r, opts->o.recovery, log, "recovery");
  if (err) return err;
  opts->o.recovery = r;
  if (r->max_disconnection_ms > MS_MAX)
    return log_option_over_maximum(log, "recovery->max_disconnection_ms", r->max_disconnection_ms,
                                   MS_MAX);
  if (r->max_log_bytes > SIZE_MAX / 2)
    return log_option_over_maximum(log, "recovery->max_log_bytes", r->max_log_bytes, SIZE_MAX / 2);
  if (!r->max_disconnection_ms) r->max_disconnection_ms = 120000;
  if (!r->max_log_bytes) r->max_log_bytes = 4 * MIB;
  if (!r->max_sessions) r->max_sessions = 10000;
  return 0;
}

/* Checks initial_packet. Its bytes are not copied here, because sio__eio_init() makes an encoded
 * message of them. */
static int check_initial_packet_option(const sio_options *o, struct log *log) {
  sio_slice s = o->initial_packet;
  if (s.n > o->max_payload)
    return log_option_over_other_option(log, "initial_packet", s.n, "max_payload", o->max_payload);
  if (!s.n || o->initial_binary || sio__utf8_is_valid(s.p, s.n)) return 0;
  return log_invalid_option(log, "initial_packet",
                            "is not valid UTF-8; set sio_options.initial_binary for other bytes");
}

int sio__options_check_and_copy(struct options *opts, const sio_options *in, struct log *log) {
  *opts = (struct options){ .o = *in };
  int err = check_zlib_options_are_built_in(&opts->o, log);
  if (!err) err = check_unsigned_options_and_set_defaults(&opts->o, log);
  if (!err) err = check_size_t_options_and_set_defaults(&opts->o, log);
  if (!err) err = check_dependent_options_and_set_defaults(&opts->o, log);
  if (!err) err = check_queue_options_and_set_defaults(&opts->o, log);
  if (!err) err = check_max_unsent_option_and_set_default(&opts->o, log);
  if (!err) err = check_rate_options_and_set_defaults(&opts->o, log);
  if (!err) err = check_threads_option_and_set_adapter(&opts->o, log);
  if (!err) err = check_adapter_option_or_set_default(&opts->o, log);
  if (!err) err = check_parser_option(&opts->o, log);
  if (!err) err = check_and_copy_path_option(opts, log);
  if (!err) err = check_and_copy_deflate_options(opts, log);
  if (!err) err = check_and_copy_recovery_options(opts, log);
  if (!err) err = check_initial_packet_option(&opts->o, log);
  if (!err) err = check_and_copy_cors_option(opts, log);
  if (!err) err = check_and_copy_cookie_option(opts, log);
  if (!err) err = check_and_copy_allowed_origins_option(opts, log);
  if (!err) err = check_and_parse_proxy_options(opts, log);
  if (err) sio__options_clear(opts);
  return err;
}

void sio__options_clear(struct options *opts) {
  sio__free(opts->path);
  sio__cors_options_free(opts->cors);
  sio__cookie_options_free(opts->cookie);
  sio__free(opts->origins);
  sio__addr_set_clear(&opts->trusted);
  opts->path = NULL;
  opts->origins = NULL;
  opts->cors = NULL;
  opts->cookie = NULL;
}
