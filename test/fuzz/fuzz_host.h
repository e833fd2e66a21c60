/* SPDX-License-Identifier: MIT
 *
 * fuzz_host.h - the server that fuzz_server.c attacks: a host that uses much of the library, with
 * options drawn by two bytes of the input. Ids are counted, not random, so that an input can name
 * them: sessions are S0, S1, ..., all other ids I00000000000000000000, I00000000000000000001, ...
 */
#ifndef SIO_TEST_FUZZ_HOST_H
#define SIO_TEST_FUZZ_HOST_H

#include "fuzz.h"

#include "base/deflate.h"
#include "base/random.h"
#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/limits.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

enum { OWED = 32 };

static struct fuzz_host {
  sio_server *srv;
  sio_nsp *root;
  sio_next *nexts[OWED];
  sio_ack *acks[OWED];
  unsigned sessions, ids, nnexts, nacks, connected, sent;
  bool closed;
} h;

/* The linker puts this in the place of the library's (see meson.build). */
int __wrap_sio__make_random_id(char out[SIO__ID_LEN + 1]);
int __wrap_sio__make_random_id(char out[SIO__ID_LEN + 1]) {
  snprintf(out, SIO__ID_LEN + 1, "I%019u", h.ids++ % 10000);
  return 0;
}

/* ---- options ------------------------------------------------------------------------------- */

enum option_bit {
  /* the first byte */
  WITH_EIO3 = 1,
  WITH_RECOVERY = 2,
  WITH_DEFLATE = 4,
  WITH_LIMITS = 8,
  WITH_PROXIES = 16,
  WITH_PROXY_PROTOCOL = 32,
  WITH_MSGPACK = 64,
  WITH_QUEUE_HIGH = 128,
  /* the second */
  FULL_MASK = 3 << 8, /* enum sio_when_full */
  LIMITED_CLOSES = 4 << 8,
  ADDRESS_LIMITS = 8 << 8,
  WITH_TIMEOUTS = 16 << 8,
  WITH_CORS = 32 << 8,
  WITH_FIRST_PACKET = 64 << 8,
  BY_DRAINING = 128 << 8 /* how the server ends */
};

static const char *const proxies[] = { "unix", "10.0.0.0/8", NULL };
static const char *const origins[] = { "http://good.example", "null", NULL };

static bool asks_for(sio_request *r, const char *key, const char *value) {
  char text[16];
  return sio_url_param(sio_request_info_of(r).url, key, text, sizeof text) >= 0 &&
         strcmp(text, value) == 0;
}

static int name_session(sio_request *r, char out[64], void *user) {
  (void)user;
  if (asks_for(r, "id", "none")) return -1;
  snprintf(out, 64, "S%u", h.sessions++);
  return 0;
}

static void owe_verdict(sio_next *next) {
  if (h.nnexts == OWED)
    sio_next_fail(next, "too many", sio_null());
  else
    h.nexts[h.nnexts++] = next;
}

/* "&allow=no", "&allow=later" */
static void allow(sio_request *r, sio_next *next, void *user) {
  (void)user;
  if (asks_for(r, "allow", "no"))
    sio_next_fail(next, "not you", sio_null());
  else if (asks_for(r, "allow", "later"))
    owe_verdict(next);
  else
    sio_next_ok(next);
}

/* "&use=no", "&use=later", "&use=answer" */
static void use_request(sio_request *r, sio_next *next, void *user) {
  (void)user;
  if (asks_for(r, "use", "answer")) sio_respond(r, 202, "text/plain", sio_text("by the host"));
  if (asks_for(r, "use", "no"))
    sio_next_fail(next, NULL, sio_null());
  else if (asks_for(r, "use", "later"))
    owe_verdict(next);
  else
    sio_next_ok(next);
}

static void discard_line(const sio_log_line *l, void *user) {
  (void)user;
  DEMAND(l->level > SIO_LOG_OFF && *l->part && strlen(l->text) <= 512);
}

static void set_limits(sio_options *o, unsigned bits) {
  if (bits & WITH_LIMITS) o->packets_per_s = 20, o->bytes_per_s = 3000;
  if (bits & LIMITED_CLOSES) o->when_limited = SIO_LIMITED_CLOSE;
  if (bits & ADDRESS_LIMITS)
    o->connects_per_s = 5, o->max_per_address = 2, o->max_addresses = 3, o->max_pending = 2;
  if (bits & WITH_QUEUE_HIGH) o->queue_high = 6000, o->when_full = (int)(bits & FULL_MASK) >> 8;
  if (bits & WITH_TIMEOUTS)
    o->packet_timeout_ms = o->middleware_timeout_ms = o->ack_timeout_ms = 5000;
}

static void on_limited(sio_server *srv, const sio_limited *l, void *user) {
  (void)user;
  DEMAND(srv == h.srv && !l->session != !l->ws && *l->limit);
}
static void on_reject(sio_server *srv, const sio_rejection *r, void *user) {
  (void)user;
  DEMAND(srv == h.srv && r->address && *r->detail);
}

static sio_options options_of(unsigned bits) {
  static const sio_deflate deflate = {
    .threshold = 1, .level = 1, .window_bits = 9, .mem_level = 1
  };
  static const sio_recovery recovery = { .max_log_bytes = 20000, .max_sessions = 2 };
  static const sio_cors cors = { .credentials = true };
  static const sio_cookie cookie = { .name = "io" };
  sio_options o = { .generate_id = name_session,
                    .max_payload = 2000,
                    .max_queued = 65536,
                    .on_limited = on_limited,
                    .on_reject = on_reject };
  o.max_head = 2048;
  o.max_nsps = 3;
  o.max_child_nsps = 2;
  o.http_compression_threshold = 100;
  o.allow_request = allow;
  o.log = discard_line;
  o.log_level = SIO_LOG_TRACE;
  o.forwarded = bits & FULL_MASK ? SIO_FORWARDED_RFC7239 : SIO_FORWARDED_X;
  if (bits & WITH_EIO3) o.allow_eio3 = true;
  if (bits & WITH_RECOVERY) o.recovery = &recovery;
  if (bits & WITH_DEFLATE && sio__deflate_is_available()) o.per_message_deflate = &deflate;
  if (bits & (WITH_PROXIES | WITH_PROXY_PROTOCOL)) o.trusted_proxies = proxies;
  if (bits & WITH_PROXY_PROTOCOL) o.proxy_protocol = true;
  if (bits & WITH_MSGPACK && !o.allow_eio3) o.parser = sio_parser_msgpack;
  if (bits & WITH_CORS) o.cors = &cors, o.cookie = &cookie, o.allowed_origins = origins;
  if (bits & WITH_FIRST_PACKET) o.initial_packet = sio_text("0{\"sid\":\"first\"}");
  set_limits(&o, bits);
  return o;
}

/* ---- what the host does ---------------------------------------------------------------------- */

static void settle(void) {
  while (h.nnexts) {
    sio_next *next = h.nexts[--h.nnexts];
    if (h.nnexts % 4 == 3)
      sio_next_fail(next, "no", sio_int(1));
    else
      sio_next_ok(next);
  }
  while (h.nacks) sio_ack_send(h.acks[--h.nacks], SIO_ARGS("at last"));
}

static void on_sent(int status, void *user) {
  (void)status, (void)user;
  h.sent--;
}
static void on_connect(sio_socket *s, void *user) {
  (void)user;
  h.connected++;
  sio_socket_auth_tree(s);
  if (!sio_socket_recovered(s)) sio_join(s, "all");
  sio_emit(s, "hi", SIO_ARGS(1));
  if (sio_session_on_sent(sio_socket_session(s), on_sent, NULL) == 0) h.sent++;
}
static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)user;
  DEMAND(sio_reason_str(why->reason));
  h.connected--;
}
static void on_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)status, (void)user;
  if (reply) sio_event_tree(reply, 0);
}
static void on_any(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  for (size_t i = 0; i < sio_event_count(e); i++) {
    sio_event_tree(e, i);
    sio_event_strn(e, i);
  }
}
static void on_echo(sio_socket *s, sio_event *e, void *user) {
  sio_val all[] = { sio_event_args(e) };
  (void)user;
  sio_emit_with(s, &(sio_emit_options){ .key = "echo" }, "echo", sio_argv(all, 1));
  sio_reply(e, sio_argv(all, 1));
}
static void on_share(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_target to = { .nsp = sio_socket_nsp(s), .rooms = SIO_ROOMS("all") };
  sio_broadcast(to, "shared", SIO_ARGS(sio_arg(e, 0), sio_bin("\1", 1)));
}
/* The answer is longer than the question, so that a queue can fill. */
static void on_long(sio_socket *s, sio_event *e, void *user) {
  static char text[1500];
  (void)user;
  memset(text, 'x', sizeof text - 1);
  for (int i = 0; i < 8; i++)
    sio_emit_with(s, &(sio_emit_options){ .flags = i % 3 ? 0 : SIO_VOLATILE }, "long",
                  SIO_ARGS(sio_arg(e, 0), text));
}
static void on_ask(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_ack *ack = sio_event_take_ack(e);
  if (ack && h.nacks < OWED)
    h.acks[h.nacks++] = ack;
  else if (ack)
    sio_ack_drop(ack);
  sio_emit_ack(s, "ask", SIO_NONE, 100, on_reply, NULL);
}
static void on_room(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  const char *room = sio_event_str(e, 0);
  if (room && sio_event_count(e) == 1) sio_join(s, room);
  if (room && sio_event_count(e) == 2) sio_leave(s, room);
  sio_socket_set_shared(s, sio_event_json(e, 0));
}
static void on_leave(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s, false);
}
static void on_end(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s, true);
}
static void gate(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  owe_verdict(next);
}
static void packet_gate(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)user;
  if (sio_event_count(e) == 3)
    owe_verdict(next);
  else
    sio_next_ok(next);
}
static void match(sio_server *srv, const char *name, sio_slice auth, sio_next *next, void *user) {
  (void)srv, (void)auth, (void)user;
  if (strlen(name) > 5)
    owe_verdict(next);
  else
    sio_next_ok(next);
}
static void on_api(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 200, "text/plain", sio_request_info_of(r).body);
}
static void plain_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)user;
  sio_ws_send(w, binary, data);
}
static void raw_message(sio_session *c, bool binary, sio_slice data, void *user) {
  (void)user;
  sio_session_send(c, 0, binary, data);
}
static void add_header(sio_request *r, bool initial, void *user) {
  (void)user;
  sio_respond_header(r, "X-Initial", initial ? "yes" : "no");
}
static bool on_engine_message(sio_session *c, bool binary, sio_slice data, void *user) {
  (void)c, (void)binary, (void)user;
  return data.n == 3 && memcmp(data.p, "own", 3) == 0;
}
static void on_writable(sio_socket *s, void *user) {
  (void)user;
  sio_emit(s, "writable", SIO_NONE);
}
static void on_drop(sio_socket *s, const sio_drop *d, void *user) {
  (void)s, (void)user;
  DEMAND(d->events > 0 && d->bytes > 0);
}
static void on_closed(void *user) {
  (void)user;
  h.closed = true;
}

static void host_listen(sio_nsp *nsp) {
  sio_on_connect(nsp, on_connect, NULL);
  sio_on_disconnect(nsp, on_disconnect, NULL);
  sio_on_any(nsp, on_any, NULL);
  sio_on_writable(nsp, on_writable, NULL);
  sio_on_drop(nsp, on_drop, NULL);
  sio_on(nsp, "echo", on_echo, NULL);
  sio_on(nsp, "share", on_share, NULL);
  sio_on(nsp, "long", on_long, NULL);
  sio_on(nsp, "ask", on_ask, NULL);
  sio_on(nsp, "room", on_room, NULL);
  sio_on(nsp, "leave", on_leave, NULL);
  sio_on(nsp, "end", on_end, NULL);
  sio_use_packet(nsp, packet_gate, NULL);
}

static void host_listen_to_server(void) {
  static const sio_engine_hooks hooks = { .message = on_engine_message };
  sio_use_engine_request(h.srv, use_request, NULL);
  sio_on_engine_headers(h.srv, add_header, NULL);
  sio_on_engine(h.srv, &hooks, NULL);
}

static void host_start(uv_loop_t *uv, unsigned bits) {
  static const sio_asset assets[] = {
    { "/index.html", "text/html", "<p>one, two, one, two, one, two, one, two", 41, NULL },
    { "/raw", "image/png", "png", 3, "\"v1\"" },
  };
  static const sio_ws_callbacks plain = { .message = plain_message };
  static const sio_engine_callbacks raw = { .message = raw_message };
  sio_nsp *gated, *parent;
  sio_options options = options_of(bits);
  h = (struct fuzz_host){ 0 };
  DEMAND(sio_server_new(uv, &options, &h.srv) == 0);
  DEMAND(sio_of(h.srv, "/", &h.root) == 0 && sio_of(h.srv, "/g", &gated) == 0);
  DEMAND(sio_of_match(h.srv, match, NULL, &parent) == 0);
  host_listen(h.root);
  host_listen(gated);
  host_listen(parent);
  sio_use(gated, gate, NULL);
  host_listen_to_server();
  DEMAND(sio_route(h.srv, NULL, "/api/*", 500, on_api, NULL) == 0);
  DEMAND(sio_assets(h.srv, "/assets", assets, 2) == 0);
  DEMAND(sio_metrics_route(h.srv, "/metrics") == 0);
  DEMAND(sio_ws_route(h.srv, "/plain", &plain, NULL) == 0);
  DEMAND(sio_engine_route(h.srv, "/engine/", &raw, NULL) == 0);
}

#endif
