/* SPDX-License-Identifier: MIT
 *
 * options.c - defaults and bounds, in two tables.
 */
#include "server/options.h"

#include "base/bucket.h"
#include "base/deflate.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/cookie.h"
#include "http/cors.h"
#include "packet/json.h"
#include <sio/adapter.h>
#include <sio/parser.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define PATH_MAX_LEN 255
#define MS_MAX 0x7fffffffu
#define SHUTDOWN_MS 5000

/* Between 1 and most; 0 is the default. */
static const struct count_field {
  const char *name;
  size_t at;
  unsigned normal, most;
} counts[] = {
#define FIELD(f, normal, most) \
  { #f, offsetof(sio_options, f), normal, most }
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
  size_t normal, most;
} sizes[] = {
  FIELD(max_payload, 1000000, 1024 * MIB),
  FIELD(max_queued, 16 * MIB, SIZE_MAX / 2),
  FIELD(max_head, 16384, 16 * MIB),
  FIELD(socket_data_size, 0, 1024 * MIB),
  FIELD(http_compression_threshold, 1024, SIZE_MAX / 2),
  FIELD(max_answers, 64 * MIB, SIZE_MAX / 2),
  FIELD(max_unjoined, 256 * KIB, SIZE_MAX / 2),
#undef FIELD
};

static int option_is_invalid(struct log *log, const char *field, const char *why) {
  LOG(log, SIO_LOG_ERROR, SIO_ROOM_SIO, "sio_options.%s %s", field, why);
  return SIO__EINVAL;
}

static int complete_counts(sio_options *o, struct log *log) {
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    unsigned v;
    memcpy(&v, (char *)o + counts[i].at, sizeof v);
    if (v > counts[i].most) return option_is_invalid(log, counts[i].name, "is too big");
    if (!v) memcpy((char *)o + counts[i].at, &counts[i].normal, sizeof v);
  }
  return 0;
}

static int complete_sizes(sio_options *o, struct log *log) {
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t v;
    memcpy(&v, (char *)o + sizes[i].at, sizeof v);
    if (v > sizes[i].most) return option_is_invalid(log, sizes[i].name, "is too big");
    if (!v) memcpy((char *)o + sizes[i].at, &sizes[i].normal, sizeof v);
  }
  return 0;
}

static int complete_queue(sio_options *o, struct log *log) {
  if (o->queue_high > o->max_queued)
    return option_is_invalid(log, "queue_high", "is over max_queued");
  if (!o->queue_low) o->queue_low = o->queue_high / 2;
  if (o->queue_low > o->queue_high)
    return option_is_invalid(log, "queue_low", "is over queue_high");
  if (o->when_full < SIO_FULL_DROP_VOLATILE || o->when_full > SIO_FULL_CLOSE)
    return option_is_invalid(log, "when_full", "is none");
  return o->when_full && !o->queue_high ? option_is_invalid(log, "when_full", "needs queue_high")
                                        : 0;
}

/* Those whose default hangs on another field. */
static int complete_dependent(sio_options *o, struct log *log) {
  if (!o->high_water) o->high_water = o->max_queued < MIB ? o->max_queued : MIB;
  if (o->high_water > o->max_queued)
    return option_is_invalid(log, "high_water", "is over max_queued");
  if (o->shutdown_timeout_ms > MS_MAX)
    return option_is_invalid(log, "shutdown_timeout_ms", "is too big");
  if (!o->shutdown_timeout_ms)
    o->shutdown_timeout_ms = o->close_timeout_ms < SHUTDOWN_MS ? o->close_timeout_ms : SHUTDOWN_MS;
  if (!o->max_packet) o->max_packet = 10 * o->max_payload;
  if (o->max_unjoined < 16 * KIB) return option_is_invalid(log, "max_unjoined", "is under 16 KiB");
  if (!o->transports) o->transports = SIO_POLLING | SIO_WEBSOCKET;
  if (o->transports > (SIO_POLLING | SIO_WEBSOCKET))
    return option_is_invalid(log, "transports", "names one that there is not");
  if (!o->log_level) o->log_level = SIO_LOG_WARN;
  if (o->log_level < SIO_LOG_OFF || o->log_level > SIO_LOG_TRACE)
    return option_is_invalid(log, "log_level", "is none");
  if (!o->adapter) o->adapter = &sio_adapter_memory;
  return 0;
}

static int complete_limits(sio_options *o, struct log *log) {
  if (!o->packets_burst) o->packets_burst = o->packets_per_s;
  if (!o->bytes_burst) o->bytes_burst = o->bytes_per_s;
  if (!o->connects_burst) o->connects_burst = o->connects_per_s;
  if (o->bytes_per_s > RATE_MAX) return option_is_invalid(log, "bytes_per_s", "is too big");
  if (o->bytes_burst > RATE_MAX) return option_is_invalid(log, "bytes_burst", "is too big");
  if (o->packets_burst && !o->packets_per_s)
    return option_is_invalid(log, "packets_burst", "needs packets_per_s");
  if (o->bytes_burst && !o->bytes_per_s)
    return option_is_invalid(log, "bytes_burst", "needs bytes_per_s");
  if (o->connects_burst && !o->connects_per_s)
    return option_is_invalid(log, "connects_burst", "needs connects_per_s");
  if (o->when_limited < SIO_LIMITED_PAUSE || o->when_limited > SIO_LIMITED_CLOSE)
    return option_is_invalid(log, "when_limited", "is none");
  return 0;
}

static int complete_proxies(struct options *opts, struct log *log) {
  const sio_options *o = &opts->o;
  const char *which = "";
  if (o->forwarded < SIO_FORWARDED_X || o->forwarded > SIO_FORWARDED_RFC7239)
    return option_is_invalid(log, "forwarded", "is none");
  if (o->proxy_protocol && (!o->trusted_proxies || !*o->trusted_proxies))
    return option_is_invalid(log, "proxy_protocol", "needs trusted_proxies");
  if (!o->trusted_proxies) return 0;
  int err = sio__addr_set_parse(&opts->trusted, o->trusted_proxies, &which);
  if (err == SIO__EINVAL)
    LOG(log, SIO_LOG_ERROR, SIO_ROOM_SIO,
        "sio_options.trusted_proxies: \"%s\" is no address and no network", which);
  opts->o.trusted_proxies = NULL;
  return err;
}

/* NULL stands for the one that is built in. */
static int complete_parser(sio_options *o, struct log *log) {
  if (o->parser == &sio_parser_json) o->parser = NULL;
  if (!o->parser) return 0;
  if (!o->parser->encode || !o->parser->decode)
    return option_is_invalid(log, "parser", "lacks a function");
  return o->allow_eio3 ? option_is_invalid(log, "parser", "cannot be chosen with allow_eio3") : 0;
}

static bool is_url_path(const char *p, size_t n) {
  if (n == 0 || n > PATH_MAX_LEN || p[0] != '/') return false;
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)p[i] <= ' ' || p[i] == 0x7f || p[i] == '?' || p[i] == '#') return false;
  return true;
}

/* One '/' at the end, or none. */
int sio__url_path_new(char **out, const char *p, bool slash) {
  size_t n = strlen(p);
  *out = NULL;
  if (!is_url_path(p, n)) return SIO__EINVAL;
  while (n > 1 && p[n - 1] == '/') n--;
  char *own = *out = sio__malloc(n + 2);
  if (!own) return SIO__ENOMEM;
  memcpy(own, p, n);
  if (slash && p[n - 1] != '/') own[n++] = '/';
  own[n] = '\0';
  return 0;
}

static int complete_path(struct options *opts, struct log *log) {
  const char *p = opts->o.path ? opts->o.path : "/socket.io/";
  int err = sio__url_path_new(&opts->path, p, !opts->o.no_trailing_slash);
  if (err == SIO__EINVAL) return option_is_invalid(log, "path", "is no path");
  opts->o.path = opts->path;
  return err;
}

static int copy_cors_and_cookie(struct options *opts, struct log *log) {
  sio_options *o = &opts->o;
  int err = o->cors ? sio__cors_copy(&opts->cors, o->cors) : 0;
  if (err == SIO__EINVAL)
    return option_is_invalid(log, "cors", "holds what cannot stand in a header");
  if (err) return err;
  err = o->cookie ? sio__cookie_copy(&opts->cookie, o->cookie) : 0;
  if (err == SIO__EINVAL)
    return option_is_invalid(log, "cookie", "holds what cannot stand in a cookie");
  o->cors = opts->cors;
  o->cookie = opts->cookie;
  return err;
}

/* "https://a.example": a scheme and a host, no path; or "null". */
static bool is_origin(const char *s) {
  const char *host = strstr(s, "://");
  return strcmp(s, "null") == 0 || (host && host > s && host[3] && !strpbrk(host + 3, "/?# "));
}

/* One block: the pointers, then the texts. */
static int copy_origins(struct options *opts, struct log *log) {
  const char *const *from = opts->o.allowed_origins;
  size_t n = 0, bytes = 0;
  if (!from) return 0;
  for (; from[n]; n++) {
    if (!is_origin(from[n]))
      return option_is_invalid(log, "allowed_origins", "holds what is no origin");
    bytes += strlen(from[n]) + 1;
  }
  opts->origins = sio__malloc((n + 1) * sizeof *from + bytes);
  if (!opts->origins) return SIO__ENOMEM;
  char *text = (char *)(opts->origins + n + 1);
  for (size_t i = 0; i < n; i++) {
    opts->origins[i] = text;
    text = stpcpy(text, from[i]) + 1;
  }
  opts->origins[n] = NULL;
  opts->o.allowed_origins = opts->origins;
  return 0;
}

static int option_is_not_built(struct log *log, const char *field, const char *part) {
  LOG(log, SIO_LOG_ERROR, SIO_ROOM_SIO, "sio_options.%s needs %s, which is not built in", field,
      part);
  return SIO__ENOTSUP;
}

/* Before the defaults: what was not asked for is just not done. */
static int check_built_features(const sio_options *o, struct log *log) {
  if (sio__deflate_is_available()) return 0;
  if (o->per_message_deflate) return option_is_not_built(log, "per_message_deflate", "zlib");
  bool asked = o->http_compression_threshold && !o->no_http_compression;
  return asked ? option_is_not_built(log, "http_compression_threshold", "zlib") : 0;
}

static bool is_unset_or_within(int v, int least, int most) {
  return v == 0 || (v >= least && v <= most);
}

static int complete_deflate(struct options *opts, struct log *log) {
  sio_deflate *d = &opts->deflate;
  if (!opts->o.per_message_deflate) return 0;
  *d = *opts->o.per_message_deflate;
  opts->o.per_message_deflate = d;
  if (!is_unset_or_within(d->level, 1, 9) || !is_unset_or_within(d->window_bits, 9, 15) ||
      !is_unset_or_within(d->mem_level, 1, 9))
    return option_is_invalid(log, "per_message_deflate", "holds a value out of its range");
  if (!d->threshold) d->threshold = 1024;
  if (!d->window_bits) d->window_bits = 15;
  return 0;
}

static int complete_recovery(struct options *opts, struct log *log) {
  sio_recovery *r = &opts->recovery;
  if (!opts->o.recovery) return 0;
  *r = *opts->o.recovery;
  opts->o.recovery = r;
  if (r->max_disconnection_ms > MS_MAX || r->max_log_bytes > SIZE_MAX / 2)
    return option_is_invalid(log, "recovery", "holds a value that is too big");
  if (!r->max_disconnection_ms) r->max_disconnection_ms = 120000;
  if (!r->max_log_bytes) r->max_log_bytes = 4 * MIB;
  if (!r->max_sessions) r->max_sessions = 10000;
  return 0;
}

/* Copied where it is encoded: sio__eio_init(). */
static int check_initial_packet(const sio_options *o, struct log *log) {
  sio_slice s = o->initial_packet;
  if (s.n > o->max_payload) return option_is_invalid(log, "initial_packet", "is over max_payload");
  if (!s.n || o->initial_binary || sio__utf8_valid(s.p, s.n)) return 0;
  return option_is_invalid(log, "initial_packet", "is no UTF-8");
}

int sio__options_init(struct options *opts, const sio_options *in, struct log *log) {
  *opts = (struct options){ .o = *in };
  int err = check_built_features(&opts->o, log);
  if (!err) err = complete_counts(&opts->o, log);
  if (!err) err = complete_sizes(&opts->o, log);
  if (!err) err = complete_dependent(&opts->o, log);
  if (!err) err = complete_queue(&opts->o, log);
  if (!err) err = complete_limits(&opts->o, log);
  if (!err) err = complete_parser(&opts->o, log);
  if (!err) err = complete_path(opts, log);
  if (!err) err = complete_deflate(opts, log);
  if (!err) err = complete_recovery(opts, log);
  if (!err) err = check_initial_packet(&opts->o, log);
  if (!err) err = copy_cors_and_cookie(opts, log);
  if (!err) err = copy_origins(opts, log);
  if (!err) err = complete_proxies(opts, log);
  if (err) sio__options_clear(opts);
  return err;
}

void sio__options_clear(struct options *opts) {
  sio__free(opts->path);
  sio__cors_free(opts->cors);
  sio__cookie_free(opts->cookie);
  sio__free(opts->origins);
  sio__addr_set_clear(&opts->trusted);
  opts->path = NULL;
  opts->origins = NULL;
  opts->cors = NULL;
  opts->cookie = NULL;
}
