/* SPDX-License-Identifier: MIT
 *
 * routes.c - the host's own HTTP and WebSocket routes.
 */
#include "routes.h"

#include "flags.h"
#include "host.h"

#include <cjson/cJSON.h>
#include <string.h>

/* Counters and gauges that are one field each. */
static const struct {
  const char *name;
  size_t at;
} shown[] = {
#define SHOWN(name, field) \
  { name, offsetof(sio_stats, field) }
  SHOWN("connections", connections),
  SHOWN("sessions", sessions),
  SHOWN("sockets", sockets),
  SHOWN("websockets", websockets),
  SHOWN("queued_bytes", queued_bytes),
  SHOWN("acks_pending", acks_pending),
  SHOWN("rooms", rooms),
  SHOWN("overflows", overflows),
  SHOWN("parse_errors", parse_errors),
  SHOWN("volatile_dropped", volatile_dropped),
  SHOWN("upgrades", upgrades),
  SHOWN("upgrades_failed", upgrades_failed),
  SHOWN("requests_refused", requests_refused),
  SHOWN("opened", sessions_opened),
  SHOWN("compressed", compressed),
  SHOWN("events_dropped", events_dropped),
  SHOWN("bytes_dropped", bytes_dropped),
  SHOWN("stalls", stalls),
  SHOWN("recovered", recovered),
  SHOWN("limited", limited),
  SHOWN("limited_closed", limited_closed),
  SHOWN("addresses", addresses),
  SHOWN("tls_connections", tls_connections),
  SHOWN("tls_1_2", tls_handshakes[SIO_TLS_1_2]),
  SHOWN("tls_1_3", tls_handshakes[SIO_TLS_1_3]),
  SHOWN("tls_resumed", tls_resumed),
  SHOWN("tls_plain", tls_failed[SIO_TLS_FAILED_PLAIN]),
  SHOWN("tls_port", tls_failed[SIO_TLS_FAILED_PORT]),
  SHOWN("tls_timeout", tls_failed[SIO_TLS_FAILED_TIMEOUT]),
  SHOWN("tls_closed", tls_failed[SIO_TLS_FAILED_CLOSED]),
  SHOWN("tls_version", tls_failed[SIO_TLS_FAILED_VERSION]),
  SHOWN("tls_alpn", tls_failed[SIO_TLS_FAILED_ALPN]),
  SHOWN("tls_certificate", tls_failed[SIO_TLS_FAILED_CERTIFICATE]),
  SHOWN("tls_alert", tls_failed[SIO_TLS_FAILED_ALERT]),
  SHOWN("tls_protocol", tls_failed[SIO_TLS_FAILED_PROTOCOL]),
  SHOWN("tls_broken", tls_failed[SIO_TLS_FAILED_BROKEN]),
#undef SHOWN
};

static void on_stats(sio_request *r, void *user) {
  sio_stats st;
  (void)user;
  sio_server_get_stats(host.server, &st, sizeof st);
  cJSON *all = cJSON_CreateObject();
  for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
    cJSON_AddNumberToObject(all, shown[i].name,
                            (double)*(uint64_t *)(void *)((char *)&st + shown[i].at));
  uint64_t unrecovered = 0;
  for (int i = 0; i < SIO_RECOVERY_END; i++) unrecovered += st.recovery_failed[i];
  cJSON_AddNumberToObject(all, "unrecovered", (double)unrecovered);
  char *text = cJSON_PrintUnformatted(all);
  sio_respond(r, 200, "application/json", (sio_slice){ text, strlen(text) });
  cJSON_free(text);
  cJSON_Delete(all);
}

/* Who reads this line has read all before it. */
static void on_mark(sio_request *r, void *user) {
  char n[16] = "";
  (void)user;
  sio_url_param(sio_request_info_of(r).url, "n", n, sizeof n);
  say("mark %s", n);
  sio_respond(r, 200, "text/plain", sio_text("marked"));
}

/* A page of 4000 times '-'. */
static char page_text[4000];
static const sio_asset page = { "/page.html", "text/html", page_text, sizeof page_text, NULL };

static void on_post_back(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 200, "application/octet-stream", sio_request_info_of(r).body);
}

static void on_ws_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)user;
  sio_ws_send(w, binary, data);
}

static void on_ws_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)w, (void)user;
  say("ws-closed %d %s", why->ws_code, why->detail);
}

int add_routes(void) {
  static const sio_ws_callbacks ws = { .message = on_ws_message, .close = on_ws_close };
  memset(page_text, '-', sizeof page_text);
  int err = sio_route(host.server, "GET", "/stats", 0, on_stats, NULL);
  if (!err) err = sio_route(host.server, "GET", "/mark", 0, on_mark, NULL);
  if (!err) err = sio_metrics_route(host.server, "/metrics");
  if (!err) err = sio_route(host.server, "POST", "/echo", 1000, on_post_back, NULL);
  if (!err) err = sio_ws_route(host.server, "/ws", &ws, NULL);
  if (!err && flag("assets")) err = sio_assets(host.server, "/assets/", &page, 1);
  if (!err && flag("static")) err = sio_static(host.server, "/files/", flag("static"));
  return err;
}
