/* SPDX-License-Identifier: MIT
 *
 * metrics.c - sio_metrics_text(): a table of every counter in sio_stats, and its text in the
 * format of Prometheus.
 */
#include <sio/metrics.h>

#include "base/num.h"
#include "base/utf8.h"
#include "core/parent.h"
#include "http/coding.h"
#include "server/server.h"
#include <inttypes.h>
#include <sio/version.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- the table -------------------------------------------------------------------------- */

enum kind {
  COUNTER,
  GAUGE,
  BYTES,
  SECONDS
}; /* BYTES and SECONDS are histograms; SECONDS counts us */

/* One family of series. text is name|help, or name|help|label|value|value..., with one value for
 * each consecutive field of the struct. A field whose value is called "none" is left out. */
struct metric {
  const char *text;
  uint16_t at; /* of the first field, in sio_stats or nsp_stats */
  uint8_t kind;
};

#define SERVER(kind, field, text) \
  { text, offsetof(sio_stats, field), kind }
#define NSP(kind, field, text) \
  { text, offsetof(struct nsp_stats, field), kind }

#define SIO_XX(name, code, text) "|" text
#define REASONS "|reason" SIO_REASON_MAP(SIO_XX)
#define DIRECTIONS "|direction|in|out"
#define TRANSPORTS "|transport|polling|websocket"
#define LAYERS "|layer|http|websocket"

static const struct metric server_metrics[] = {
  SERVER(GAUGE, connections, "connections|Connections open."),
  SERVER(COUNTER, connections_accepted, "connections_accepted|Connections taken."),
  SERVER(COUNTER, connections_closed, "connections_closed|Connections ended."),
  SERVER(COUNTER, connections_handed_over,
         "connections_handed_over|Connections that moved to the server of another thread."),
  SERVER(COUNTER, connections_refused,
         "connections_refused|Connections closed at once: no memory."),
  SERVER(COUNTER, rejected,
         "rejected|Connections and sessions past a limit.|cause|connections|pending|connects|"
         "open|sessions|open_sessions|proxy|requests"),
  SERVER(COUNTER, limited, "limited|Peers that sent too much.|how|paused|closed"),
  SERVER(GAUGE, addresses, "addresses|Addresses remembered for limits."),
  SERVER(COUNTER, addresses_uncounted, "addresses_uncounted|There was no room to remember."),
  SERVER(COUNTER, accept_failures, "accept_failures|Times that no connection could be accepted."),
  SERVER(COUNTER, net_bytes_in, "net_bytes|Bytes on the wire." DIRECTIONS),
  SERVER(COUNTER, net_reads, "net_calls|System calls that move bytes.|call|read|write"),
  SERVER(COUNTER, bytes_lost, "lost_bytes|Bytes that waited for a peer when it went."),
  SERVER(COUNTER, net_blocked, "net_blocked|Writes of which not all was taken."),
  SERVER(GAUGE, queued_bytes, "queued_bytes|What waits for peers; a broadcast counts for each."),
  SERVER(GAUGE, message_bytes, "message_bytes|Memory of encoded messages, each once."),
  SERVER(BYTES, write_bytes, "write_bytes|Bytes per write."),
  SERVER(SECONDS, turn_us, "turn_seconds|Work between two waits of the loop."),
  SERVER(GAUGE, tls_connections, "tls_connections|Connections that speak TLS."),
  SERVER(COUNTER, tls_handshakes, "tls_handshakes|TLS handshakes.|version|1.2|1.3|other"),
  SERVER(COUNTER, tls_resumed, "tls_resumed|Those of them that a ticket made short."),
  SERVER(COUNTER, tls_failed,
         "tls_failed|TLS that came to nothing, or broke.|cause|"
         "plain|port|timeout|closed|version|cipher|alpn|certificate|alert|protocol|memory|broken"),
  SERVER(COUNTER, tls_displaced, "tls_displaced|TLS handshakes closed to make room for others."),
  SERVER(GAUGE, tls_handshaking, "tls_handshaking|TLS handshakes under way."),
  SERVER(COUNTER, log_lines_lost, "log_lines_lost|Lines of the log that found no room."),
  SERVER(COUNTER, log_lines_left_out,
         "log_lines_left_out|Lines that peers cause, past their rate."),
  SERVER(COUNTER, calls_refused,
         "calls_refused|Calls made inside a callback where they are not allowed."),
  SERVER(COUNTER, stalls, "stalls|Times the loop was kept from its deadlines."),

  SERVER(COUNTER, http_requests, "http_requests|HTTP requests begun."),
  SERVER(COUNTER, http_responses, "http_responses|Answers.|class|1xx|2xx|3xx|4xx|5xx"),
  SERVER(COUNTER, http_aborted, "http_aborted|Requests that ended without an answer."),
  SERVER(COUNTER, http_refused,
         "http_refused|Requests that are none, or too big or slow.|cause|"
         "malformed|head_size|body_size|timeout"),
  SERVER(COUNTER, engine_refused,
         "engine_refused|Requests that the engine refused.|cause|"
         "transport_unknown|session_unknown|bad_method|bad_request|"
         "forbidden|bad_version|misuse|draining"),
  SERVER(COUNTER, compressed, "compressed|Answers and messages compressed."),
  SERVER(COUNTER, compressed_plain, "compressed_plain_bytes|Their bytes before." LAYERS),
  SERVER(COUNTER, compressed_packed, "compressed_packed_bytes|Their bytes after." LAYERS),

  SERVER(GAUGE, websockets, "websockets|WebSockets open."),
  SERVER(COUNTER, websockets_opened, "websockets_opened|WebSockets accepted."),
  SERVER(COUNTER, websockets_refused, "websockets_refused|WebSocket handshakes refused."),
  SERVER(COUNTER, websockets_closed,
         "websockets_closed|WebSockets ended, by close code.|code|"
         "normal|abnormal|error|application"),
  SERVER(COUNTER, ws_messages_in, "websocket_messages|WebSocket messages." DIRECTIONS),
  SERVER(COUNTER, inflated, "inflated|WebSocket messages that came compressed."),
  SERVER(COUNTER, inflated_plain, "inflated_plain_bytes|Their bytes inflated."),
  SERVER(COUNTER, inflated_packed, "inflated_packed_bytes|Their bytes as they came."),

  SERVER(GAUGE, sessions_now, "sessions|Engine.IO sessions open." TRANSPORTS),
  SERVER(COUNTER, sessions_polling, "sessions_opened|By what they began with." TRANSPORTS),
  SERVER(COUNTER, sessions_closed, "sessions_closed|Sessions ended." REASONS),
  SERVER(COUNTER, upgrades_started, "upgrades_started|Upgrades begun."),
  SERVER(COUNTER, upgrades, "upgrades|Upgrades ended.|result|ok|failed"),
  SERVER(COUNTER, pings_sent, "pings_sent|Heartbeats asked for."),
  SERVER(COUNTER, heartbeats_missed, "heartbeats_missed|Heartbeats that did not come in time."),
  SERVER(SECONDS, heartbeat_us, "heartbeat_seconds|From ping to pong."),
  SERVER(BYTES, packet_bytes_in, "packet_bytes|Engine.IO packets." DIRECTIONS),
  SERVER(COUNTER, parse_errors, "parse_errors|Packets that broke the protocol."),
  SERVER(COUNTER, overflows, "overflows|Peers closed because too much waited for them."),
  SERVER(COUNTER, out_of_memory, "out_of_memory|Peers closed for want of memory."),

  SERVER(COUNTER, sockets_opened, "sockets_opened|Sockets connected."),
  SERVER(COUNTER, sockets_closed, "sockets_closed|Sockets disconnected." REASONS),
  SERVER(COUNTER, connects_refused,
         "connects_refused|Peers not let into a namespace.|cause|"
         "middleware|timeout|no_namespace|too_many"),
  SERVER(GAUGE, nsps, "namespaces|Namespaces."),
  SERVER(GAUGE, child_nsps, "child_namespaces|Those of them made because a peer asked."),
  SERVER(COUNTER, nsps_refused, "namespaces_refused|Those not made: there were too many."),
  SERVER(COUNTER, events_refused, "events_refused|Events that middleware refused."),
  SERVER(COUNTER, broadcasts, "broadcasts|Events to many."),
  SERVER(COUNTER, volatile_dropped, "volatile_dropped|Volatile events not sent."),
  SERVER(COUNTER, events_dropped, "events_dropped|Events dropped for peers that read slowly."),
  SERVER(COUNTER, bytes_dropped, "dropped_bytes|Memory of the events dropped."),
  SERVER(COUNTER, acks_sent, "acks_sent|Replies to peers."),
  SERVER(COUNTER, acks_asked, "acks_asked|Replies asked of peers."),
  SERVER(COUNTER, acks_received, "acks_ended|What became of them.|how|received|timed_out|lost"),
  SERVER(GAUGE, acks_pending, "acks_pending|Replies still owed."),
  SERVER(SECONDS, ack_us, "ack_seconds|From asking to the reply."),
  SERVER(COUNTER, answers_dropped, "answers_dropped|Replies to questions to many not kept."),
  SERVER(COUNTER, thread_messages_lost,
         "thread_messages_lost|Messages to servers of other threads that could not be sent."),
  SERVER(COUNTER, recovered, "recovered|Sockets that came back."),
  SERVER(COUNTER, recovery_failed,
         "recovery_failed|Sockets that could not.|cause|none|"
         "no_session|bad_offset|log_gone|too_much|no_memory"),
};

static const struct metric nsp_metrics[] = {
  NSP(GAUGE, sockets, "sockets|Sockets connected."),
  NSP(GAUGE, rooms, "rooms|Rooms with members, but each socket's own."),
  NSP(COUNTER, events_in, "events_received|Events from peers."),
  NSP(COUNTER, events_out, "events_sent|Events to peers, once for each."),
};

/* ---- writing ------------------------------------------------------------------------------ */

enum { TEXT_MAX = 64 * 1024 * 1024, PIECE = 320 };

struct out {
  struct buf text;
  int err;
};

static void metrics_put(struct out *o, const char *p, size_t n) {
  if (!o->err) o->err = sio__buf_put(&o->text, p, n);
}

/* Writes at most PIECE bytes, which is enough for every format used here. */
__attribute__((format(printf, 2, 3))) static void metrics_printf(struct out *o, const char *fmt,
                                                                 ...) {
  char piece[PIECE];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(piece, sizeof piece, fmt, ap);
  va_end(ap);
  metrics_put(o, piece, (size_t)n);
}

/* Writes a label's value; bytes that are not valid UTF-8 are written in hexadecimal. */
static void put_label_value(struct out *o, sio_slice s) {
  while (s.n) {
    size_t n = sio__utf8_sequence_length(s.p, s.n);
    if (n == 0)
      metrics_printf(o, "\\\\x%02x", (unsigned char)*s.p);
    else if (*s.p == '\n')
      metrics_put(o, "\\n", 2);
    else
      metrics_printf(o, "%s%.*s", *s.p == '"' || *s.p == '\\' ? "\\" : "", (int)n, s.p);
    s.p += n + !n;
    s.n -= n + !n;
  }
}

struct label {
  sio_slice name, value; /* an empty name: no label */
};

struct family {
  sio_slice name, help;
  const struct metric *metric;
};

static void put_metric_name(struct out *o, const struct family *f, const char *suffix) {
  metrics_printf(o, "sio_%.*s%s", (int)f->name.n, f->name.p, suffix);
}

static void put_labels(struct out *o, const struct label *l, const char *le) {
  if (!l->name.n && !le) return;
  metrics_put(o, "{", 1);
  if (l->name.n) {
    metrics_printf(o, "%.*s=\"", (int)l->name.n, l->name.p);
    put_label_value(o, l->value);
    metrics_put(o, "\"", 1);
  }
  if (le) metrics_printf(o, "%sle=\"%s\"", l->name.n ? "," : "", le);
  metrics_put(o, "}", 1);
}

static void format_number(char out[NUM_MAX], uint64_t v, bool us) {
  if (us)
    snprintf(out, NUM_MAX, "%" PRIu64 ".%06" PRIu64, v / 1000000, v % 1000000);
  else
    snprintf(out, NUM_MAX, "%" PRIu64, v);
}

static void put_series(struct out *o, const struct family *f, const char *suffix,
                       const struct label *l, const char *le, uint64_t v, bool us) {
  char text[NUM_MAX];
  format_number(text, v, us);
  put_metric_name(o, f, suffix);
  put_labels(o, l, le);
  metrics_printf(o, " %s\n", text);
}

static void put_histogram(struct out *o, const struct family *f, const struct label *l,
                          const sio_histogram *h) {
  bool us = f->metric->kind == SECONDS;
  char le[NUM_MAX];
  uint64_t n = 0;
  for (int i = 0; i < SIO_BUCKETS; i++) {
    bool last = i == SIO_BUCKETS - 1;
    n += h->count[i];
    format_number(le, sio_bucket_bound(i), us);
    put_series(o, f, "_bucket", l, last ? "+Inf" : le, n, false);
  }
  put_series(o, f, "_sum", l, NULL, h->sum, us);
  put_series(o, f, "_count", l, NULL, n, false);
}

static bool is_histogram(const struct metric *m) { return m->kind >= BYTES; }

static void put_metric_value(struct out *o, const struct family *f, const struct label *l,
                             const void *v) {
  if (is_histogram(f->metric))
    put_histogram(o, f, l, v);
  else
    put_series(o, f, f->metric->kind == COUNTER ? "_total" : "", l, NULL, *(const uint64_t *)v,
               false);
}

/* Writes the HELP and TYPE lines of a family. *rest is set to the part of its text after the
 * help. */
static struct family put_family_header(struct out *o, const struct metric *m, sio_slice *rest) {
  static const char *const types[] = { "counter", "gauge", "histogram", "histogram" };
  struct family f = { .metric = m };
  const char *suffix = m->kind == COUNTER ? "_total" : "";
  *rest = slice_str(m->text);
  sio__slice_split(rest, '|', &f.name);
  sio__slice_split(rest, '|', &f.help);
  metrics_put(o, "# HELP ", 7);
  put_metric_name(o, &f, suffix);
  metrics_printf(o, " %.*s\n# TYPE ", (int)f.help.n, f.help.p);
  put_metric_name(o, &f, suffix);
  metrics_printf(o, " %s\n", types[m->kind]);
  return f;
}

static void put_server_metric(struct out *o, const struct metric *m, const sio_stats *st) {
  const char *at = (const char *)st + m->at;
  struct label l = { 0 };
  sio_slice rest;
  struct family f = put_family_header(o, m, &rest);
  if (!sio__slice_split(&rest, '|', &l.name)) put_metric_value(o, &f, &l, at);
  while (sio__slice_split(&rest, '|', &l.value)) {
    if (!slice_is(l.value, "none")) put_metric_value(o, &f, &l, at);
    at += is_histogram(m) ? sizeof(sio_histogram) : sizeof(uint64_t);
  }
}

/* ---- namespaces ----------------------------------------------------------------------------- */

struct row {
  const char *name;
  struct nsp_stats stats;
};

struct rows {
  size_t n;
  struct row v[];
};

static const sio_nsp *next_parent_nsp(const sio_server *srv, const struct hook **k) {
  *k = sio__hooks_next_after(&srv->core.parents, *k, UINT64_MAX);
  return *k ? (*k)->user : NULL;
}

/* Several parent namespaces, and one that the host has created, may have the same name. */
static struct row *find_or_add_row(struct rows *all, const char *name) {
  size_t i = 0;
  while (i < all->n && strcmp(all->v[i].name, name) != 0) i++;
  if (i == all->n) all->v[all->n++] = (struct row){ .name = name };
  return &all->v[i];
}

static struct rows *nsp_rows_new(const sio_server *srv) {
  size_t n = srv->core.nsps.n - srv->core.nchildren;
  for (const struct hook *k = NULL; next_parent_nsp(srv, &k);) n++;
  struct rows *all = sio__malloc(sizeof *all + n * sizeof(struct row));
  if (all) all->n = 0;
  return all;
}

static struct rows *collect_nsp_rows(const sio_server *srv) {
  struct rows *all = nsp_rows_new(srv);
  const sio_nsp *nsp;
  if (!all) return NULL;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));) {
    if (nsp->parent) continue;
    struct row *r = &all->v[all->n++];
    *r = (struct row){ .name = nsp->name };
    sio__nsp_stats_add(&r->stats, nsp);
  }
  for (const struct hook *k = NULL; (nsp = next_parent_nsp(srv, &k));)
    sio__parent_stats_add(&find_or_add_row(all, nsp->name)->stats, nsp);
  return all;
}

static void put_nsp_metric(struct out *o, const struct metric *m, const struct rows *all) {
  sio_slice rest;
  struct family f = put_family_header(o, m, &rest);
  for (size_t i = 0; i < all->n; i++) {
    struct label l = { SLICE("namespace"), slice_str(all->v[i].name) };
    put_metric_value(o, &f, &l, (const char *)&all->v[i].stats + m->at);
  }
}

/* ---- the text -------------------------------------------------------------------------------- */

static void put_all_metrics(struct out *o, const sio_stats *st, const struct rows *nsps) {
  static const struct metric info = { "info|The library.", 0, GAUGE };
  struct label version = { SLICE("version"), slice_str(sio_version()) };
  sio_slice rest;
  struct family f = put_family_header(o, &info, &rest);
  put_metric_value(o, &f, &version, &(uint64_t){ 1 });
  for (size_t i = 0; i < sizeof nsp_metrics / sizeof *nsp_metrics; i++)
    put_nsp_metric(o, &nsp_metrics[i], nsps);
  for (size_t i = 0; i < sizeof server_metrics / sizeof *server_metrics; i++)
    put_server_metric(o, &server_metrics[i], st);
}

int sio_metrics_text(const sio_server *srv, sio_metrics_cb cb, void *user) {
  struct out o = { 0 };
  sio_stats st;
  struct rows *nsps = cb ? collect_nsp_rows(srv) : NULL;
  if (!nsps) return cb ? UV_ENOMEM : UV_EINVAL;
  buf_init(&o.text, TEXT_MAX);
  sio_server_stats(srv, &st, sizeof st);
  put_all_metrics(&o, &st, nsps);
  sio__free(nsps);
  if (!o.err) cb(slice(o.text.p, o.text.n), user);
  sio__buf_clear(&o.text);
  return o.err;
}

/* ---- the route ------------------------------------------------------------------------------- */

static void answer_scrape(sio_slice text, void *request) {
  sio_request *r = request;
  struct msg *m = sio__msg_copy(&sio__request_loop(r)->msgs, text.p, text.n);
  if (m)
    sio__coding_answer(r, 200, SIO_METRICS_TYPE, m);
  else
    sio__request_drop(r);
  msg_unref(m);
}

static void on_scrape(sio_request *r, void *srv) {
  if (sio_metrics_text(srv, answer_scrape, r)) sio__request_drop(r);
}

int sio_metrics_route(sio_server *srv, const char *path) {
  if (!path || strchr(path, '*') || sio__eio_find_by_url(&srv->engines, slice_str(path)))
    return UV_EINVAL;
  return sio__routes_add(&srv->routes, "GET", path, 0, on_scrape, srv);
}
