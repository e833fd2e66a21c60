/* SPDX-License-Identifier: MIT
 *
 * options.c - a table of the flags that are one field each, and a function for each struct.
 */
#include "options.h"

#include "bounds.h"
#include "flags.h"
#include "requests.h"

#include <sio/parser.h>
#include <stdio.h>
#include <string.h>

enum kind { TEXT, YES, NUMBER, SIZE };

struct field {
  const char *flag;
  enum kind kind;
  size_t at;
};

#define FIELD(flag, kind, name) \
  { flag, kind, offsetof(sio_options, name) }

static const struct field fields[] = {
  FIELD("path", TEXT, path),
  FIELD("no-slash", YES, no_trailing_slash),
  FIELD("no-upgrades", YES, no_upgrades),
  FIELD("ping-interval", NUMBER, ping_interval_ms),
  FIELD("ping-timeout", NUMBER, ping_timeout_ms),
  FIELD("upgrade-timeout", NUMBER, upgrade_timeout_ms),
  FIELD("connect-timeout", NUMBER, connect_timeout_ms),
  FIELD("close-timeout", NUMBER, close_timeout_ms),
  FIELD("max-payload", SIZE, max_payload),
  FIELD("max-queued", SIZE, max_queued),
  FIELD("high-water", SIZE, high_water),
  FIELD("max-attachments", NUMBER, max_attachments),
  FIELD("max-nsps", NUMBER, max_nsps),
  FIELD("max-connections", NUMBER, max_connections),
  FIELD("head-timeout", NUMBER, head_timeout_ms),
  FIELD("body-timeout", NUMBER, body_timeout_ms),
  FIELD("keep-alive", NUMBER, keep_alive_ms),
  FIELD("no-client", YES, no_serve_client),
  FIELD("eio3", YES, allow_eio3),
  FIELD("drop-handshake", YES, drop_handshake),
  FIELD("no-gzip", YES, no_http_compression),
  FIELD("gzip-from", SIZE, http_compression_threshold),
  FIELD("data", SIZE, socket_data_size),
  FIELD("queue-high", SIZE, queue_high),
  FIELD("queue-low", SIZE, queue_low),
  FIELD("middleware-timeout", NUMBER, middleware_timeout_ms),
  FIELD("packet-timeout", NUMBER, packet_timeout_ms),
  FIELD("keep-empty", YES, keep_empty_nsps),
  FIELD("max-children", NUMBER, max_child_nsps),
  FIELD("packets-per-s", NUMBER, packets_per_s),
  FIELD("packets-burst", NUMBER, packets_burst),
  FIELD("bytes-per-s", SIZE, bytes_per_s),
  FIELD("bytes-burst", SIZE, bytes_burst),
  FIELD("connects-per-s", NUMBER, connects_per_s),
  FIELD("connects-burst", NUMBER, connects_burst),
  FIELD("requests-per-s", NUMBER, requests_per_s),
  FIELD("requests-burst", NUMBER, requests_burst),
  FIELD("max-per-address", NUMBER, max_per_address),
  FIELD("max-pending", NUMBER, max_pending),
  FIELD("proxy-protocol", YES, proxy_protocol),
  FIELD("tls-timeout", NUMBER, tls_timeout_ms),
  FIELD("max-tls-handshakes", NUMBER, max_tls_handshakes),
};

static void set_field(sio_options *o, const struct field *f) {
  char *at = (char *)o + f->at;
  unsigned n = flag_number(f->flag);
  switch (f->kind) {
    case TEXT: *(const char **)(void *)at = flag(f->flag); break;
    case YES: *(bool *)at = flag(f->flag) != NULL; break;
    case NUMBER: *(unsigned *)(void *)at = n; break;
    case SIZE: *(size_t *)(void *)at = n; break;
  }
}

static const sio_cors *cors_from_flags(void) {
  static sio_cors cors;
  if (!flag("cors")) return NULL;
  cors = (sio_cors){ .methods = flag("cors-methods"),
                     .allowed_headers = flag("cors-headers"),
                     .exposed_headers = flag("cors-exposed"),
                     .credentials = flag("cors-credentials") != NULL,
                     .max_age_s = flag_number("cors-max-age"),
                     .preflight_status = (int)flag_number("cors-status"),
                     .reflect_origin = flag_is("cors", "reflect") };
  if (!cors.reflect_origin && !flag_is("cors", "any")) cors.origins = flag_list("cors");
  return &cors;
}

static const sio_cookie *cookie_from_flags(void) {
  static sio_cookie cookie;
  if (!flag("cookie")) return NULL;
  if (!flag_is("cookie", "default")) cookie.name = flag("cookie");
  cookie.path = flag("cookie-path");
  cookie.no_http_only = flag("cookie-js") != NULL;
  if (flag_is("cookie-same-site", "strict")) cookie.same_site = SIO_SAMESITE_STRICT;
  return &cookie;
}

static const sio_deflate *deflate_from_flags(void) {
  static sio_deflate deflate;
  if (!flag("deflate")) return NULL;
  deflate.threshold = flag_number("deflate");
  deflate.window_bits = (int)flag_number("deflate-window");
  return &deflate;
}

/* "on" or how long, in ms */
static const sio_recovery *recovery_from_flags(void) {
  static sio_recovery recovery;
  if (!flag("recovery")) return NULL;
  recovery.max_disconnection_ms = flag_number("recovery");
  recovery.run_middlewares = flag("recovery-middleware") != NULL;
  recovery.max_log_bytes = flag_number("recovery-log");
  return &recovery;
}

static int when_full_from_flags(void) {
  static const char *const names[] = { "drop-volatile", "drop-oldest", "keep-latest", "close" };
  for (int i = 0; i < 4; i++)
    if (flag_is("when-full", names[i])) return i;
  return 0;
}

static unsigned transports_from_flags(void) {
  if (flag_is("transports", "polling")) return SIO_POLLING;
  return flag_is("transports", "websocket") ? SIO_WEBSOCKET : 0;
}

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  fprintf(stderr, "[%d %s] %s\n", l->level, l->part, l->text);
}

sio_options options_from_flags(void) {
  sio_options o = { .transports = transports_from_flags(),
                    .cors = cors_from_flags(),
                    .cookie = cookie_from_flags(),
                    .per_message_deflate = deflate_from_flags(),
                    .recovery = recovery_from_flags(),
                    .when_full = when_full_from_flags(),
                    .allowed_origins = flag_list("origins"),
                    .trusted_proxies = flag_list("proxies"),
                    .forwarded = flag_is("forwarded", "rfc7239") ? SIO_FORWARDED_RFC7239 : 0,
                    .when_limited = flag_is("when-limited", "close") ? SIO_LIMITED_CLOSE : 0,
                    .connection_error = on_connection_error,
                    .on_reject = on_refused,
                    .on_limited = on_limited,
                    .allow_request = flag("allow") ? on_allow : NULL,
                    .generate_id = flag("id") ? on_id : NULL,
                    .parser = flag_is("parser", "msgpack") ? sio_parser_msgpack : NULL,
                    .initial_packet = sio_text(flag("initial")),
                    .log = on_log,
                    .log_level = (int)flag_number("log") };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) set_field(&o, &fields[i]);
  return o;
}
