/* SPDX-License-Identifier: MIT
 *
 * metrics.c - sio_metrics_text(): writes the statistics of a server in the text format of
 * Prometheus. Two tables describe the fields of sio_stats and nsp_stats that are written.
 */
#include <sio/metrics.h>

#include "base/num.h"
#include "base/utf8.h"
#include "http/coding.h"
#include "server/gather.h"
#include "server/route_log.h"
#include <inttypes.h>
#include <sio/threads.h>
#include <sio/version.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- the table -------------------------------------------------------------------------- */

enum kind {
  COUNTER,
  GAUGE,
  BYTES,  /* a histogram of sizes */
  SECONDS /* a histogram of times, which the field counts in microseconds */
};

/* A metric of Prometheus. `text` is "name|help" for a metric without a label. For a metric with a
 * label, `text` is "name|help|label|value|value...": sio_stats or nsp_stats has one field for each
 * value of the label, in the same order, beginning at offset `at`. The field of the value "none" is
 * not reported. */
struct metric {
  const char *text;
  uint16_t at; /* the offset of the first field in sio_stats or nsp_stats */
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
  SERVER(GAUGE, connections, "connections|Number of TCP and Unix connections that are open."),
  SERVER(COUNTER, connections_accepted,
         "connections_accepted|Number of connections accepted, or taken over from another thread."),
  SERVER(COUNTER, connections_closed,
         "connections_closed|Number of connections closed, or passed to another thread."),
  SERVER(COUNTER, connections_refused,
         "connections_refused|Number of connections closed after accept() because of an error."),
  SERVER(
      COUNTER, connections_handed_over,
      "connections_handed_over|Number of open connections passed to the thread of their session."),
  SERVER(COUNTER, rejected,
         "rejected|Number of connections, requests and sessions that were rejected, by the cause."
         "|cause|connections|pending|connects|open|sessions|open_sessions|proxy|requests|tls"),
  SERVER(COUNTER, limited,
         "limited|Number of times a peer exceeded its rate of packets or bytes."
         "|how|paused|closed"),
  SERVER(GAUGE, addresses, "addresses|Number of peer addresses that are remembered for limits."),
  SERVER(COUNTER, addresses_uncounted,
         "addresses_uncounted|Number of times a peer was not counted: table of addresses full, or "
         "no memory."),
  SERVER(COUNTER, accept_failures,
         "accept_failures|Number of times accept() failed for lack of descriptors or memory."),
  SERVER(COUNTER, net_bytes_in,
         "net_bytes|Number of bytes read from and written to connections." DIRECTIONS),
  SERVER(COUNTER, net_reads,
         "net_calls|Number of system calls that read from or wrote to connections."
         "|call|read|write"),
  SERVER(
      COUNTER, bytes_lost,
      "lost_bytes|Number of bytes queued for peers and lost when a connection or session ended."),
  SERVER(COUNTER, net_blocked,
         "net_blocked|Number of writes of which the kernel took only a part, or nothing."),
  SERVER(GAUGE, queued_bytes,
         "queued_bytes|Memory in bytes of queued messages, counted for each receiver."),
  SERVER(GAUGE, message_bytes,
         "message_bytes|Memory in bytes of encoded messages, each counted once."),
  SERVER(BYTES, write_bytes, "write_bytes|Number of bytes of each write to a connection."),
  SERVER(SECONDS, turn_us, "turn_seconds|Seconds that each turn of the event loop took."),
  SERVER(GAUGE, tls_connections, "tls_connections|Number of open connections that use TLS."),
  SERVER(COUNTER, tls_handshakes,
         "tls_handshakes|Number of completed TLS handshakes."
         "|version|1.2|1.3|other"),
  SERVER(COUNTER, tls_resumed,
         "tls_resumed|Number of TLS handshakes that resumed an earlier session."),
  SERVER(COUNTER, tls_failed,
         "tls_failed|Number of TLS handshakes and TLS connections that failed."
         "|cause|plain|port|timeout|closed|version|cipher|alpn|certificate|alert|protocol"
         "|memory|broken"),
  SERVER(COUNTER, tls_displaced,
         "tls_displaced|Number of TLS handshakes closed to make room for newer ones."),
  SERVER(GAUGE, tls_handshaking, "tls_handshaking|Number of TLS handshakes in progress."),
  SERVER(
      COUNTER, log_lines_lost,
      "log_lines_lost|Number of log lines lost because the log buffer was full or memory ran out."),
  SERVER(COUNTER, log_lines_left_out,
         "log_lines_left_out|Number of log lines left out because there were too many of a kind in "
         "a second."),
  SERVER(COUNTER, calls_refused,
         "calls_refused|Number of library calls refused in callbacks that must not make them."),
  SERVER(COUNTER, stalls,
         "stalls|Number of times the event loop was found blocked for half of ping_timeout_ms or "
         "longer (this limit is at least 100 ms and at most 1 s)."),

  SERVER(COUNTER, http_requests, "http_requests|Number of HTTP requests begun."),
  SERVER(COUNTER, http_responses,
         "http_responses|Number of HTTP responses sent."
         "|class|1xx|2xx|3xx|4xx|5xx"),
  SERVER(COUNTER, http_aborted,
         "http_aborted|Number of HTTP requests that ended without a response."),
  SERVER(COUNTER, http_refused,
         "http_refused|Number of HTTP requests refused: malformed, too large, slow, or no memory."
         "|cause|malformed|head_size|body_size|timeout|no_memory"),
  SERVER(COUNTER, engine_refused,
         "engine_refused|Number of HTTP requests refused by Engine.IO."
         "|cause|transport_unknown|session_unknown|bad_method|bad_request|forbidden"
         "|bad_version|misuse|draining"),
  SERVER(COUNTER, compressed,
         "compressed|Number of HTTP responses, files and WebSocket messages compressed."),
  SERVER(COUNTER, compressed_plain,
         "compressed_plain_bytes|Bytes of what was compressed, before compression." LAYERS),
  SERVER(COUNTER, compressed_packed,
         "compressed_packed_bytes|Bytes of what was compressed, after compression." LAYERS),

  SERVER(GAUGE, websockets, "websockets|Number of WebSockets that are open."),
  SERVER(COUNTER, websockets_opened, "websockets_opened|Number of WebSockets accepted."),
  SERVER(COUNTER, websockets_refused, "websockets_refused|Number of WebSocket handshakes refused."),
  SERVER(COUNTER, websockets_closed,
         "websockets_closed|Number of WebSockets closed, by the class of their close code."
         "|code|normal|abnormal|error|application"),
  SERVER(COUNTER, ws_messages_in,
         "websocket_messages|Number of WebSocket messages received and sent." DIRECTIONS),
  SERVER(COUNTER, inflated, "inflated|Number of WebSocket messages received compressed."),
  SERVER(COUNTER, inflated_plain,
         "inflated_plain_bytes|Bytes of compressed WebSocket messages after decompression."),
  SERVER(COUNTER, inflated_packed,
         "inflated_packed_bytes|Bytes of compressed WebSocket messages as received."),

  SERVER(GAUGE, sessions_now,
         "sessions|Number of open Engine.IO sessions, by their current transport." TRANSPORTS),
  SERVER(
      COUNTER, sessions_polling,
      "sessions_opened|Number of Engine.IO sessions opened, by their first transport." TRANSPORTS),
  SERVER(COUNTER, sessions_closed, "sessions_closed|Number of Engine.IO sessions closed." REASONS),
  SERVER(COUNTER, upgrades_started,
         "upgrades_started|Number of upgrades from polling to WebSocket begun."),
  SERVER(COUNTER, upgrades,
         "upgrades|Number of upgrades from polling to WebSocket that succeeded or failed."
         "|result|ok|failed"),
  SERVER(COUNTER, pings_sent, "pings_sent|Number of Engine.IO pings sent."),
  SERVER(COUNTER, heartbeats_missed,
         "heartbeats_missed|Number of pongs (with Engine.IO 3: pings) that did not come in time."),
  SERVER(SECONDS, heartbeat_us, "heartbeat_seconds|Seconds from each Engine.IO ping to its pong."),
  SERVER(BYTES, packet_bytes_in,
         "packet_bytes|Number of bytes of each Engine.IO packet received and sent." DIRECTIONS),
  SERVER(COUNTER, parse_errors,
         "parse_errors|Number of received packets that violated the protocol or a limit."),
  SERVER(COUNTER, overflows,
         "overflows|Number of peers disconnected because a queue of theirs exceeded its limit."),
  SERVER(COUNTER, out_of_memory, "out_of_memory|Number of sessions closed because memory ran out."),

  SERVER(COUNTER, sockets_opened, "sockets_opened|Number of Socket.IO sockets connected."),
  SERVER(COUNTER, sockets_closed,
         "sockets_closed|Number of Socket.IO sockets disconnected." REASONS),
  SERVER(COUNTER, connects_refused,
         "connects_refused|Number of Socket.IO CONNECT packets refused."
         "|cause|middleware|timeout|no_namespace|too_many"),
  SERVER(GAUGE, nsps, "namespaces|Number of namespaces, child namespaces included."),
  SERVER(GAUGE, child_nsps,
         "child_namespaces|Number of open namespaces that parent namespaces have created."),
  SERVER(COUNTER, nsps_refused,
         "namespaces_refused|Number of namespaces not created because of max_child_nsps."),
  SERVER(COUNTER, events_refused,
         "events_refused|Number of received events that packet middleware refused."),
  SERVER(COUNTER, packets_ignored,
         "packets_ignored|Number of received packets ignored, although they broke no rule."
         "|cause|left|ack|empty"),
  SERVER(COUNTER, broadcasts, "broadcasts|Number of events broadcast by the server program."),
  SERVER(COUNTER, volatile_dropped,
         "volatile_dropped|Number of volatile events not sent, counted for each receiver."),
  SERVER(COUNTER, events_dropped,
         "events_dropped|Number of events that when_full dropped for slow receivers."),
  SERVER(COUNTER, bytes_dropped,
         "dropped_bytes|Memory in bytes of events that when_full dropped for slow receivers."),
  SERVER(COUNTER, acks_sent, "acks_sent|Number of acks sent to peers."),
  SERVER(COUNTER, acks_asked, "acks_asked|Number of acks requested from peers."),
  SERVER(COUNTER, acks_received,
         "acks_ended|Number of requested acks that were received, timed out or were lost."
         "|how|received|timed_out|lost"),
  SERVER(GAUGE, acks_pending, "acks_pending|Number of acks that peers have not sent yet."),
  SERVER(SECONDS, ack_us, "ack_seconds|Seconds from each request for an ack to the ack."),
  SERVER(
      COUNTER, answers_dropped,
      "answers_dropped|Number of answers to broadcasts, fetches and server-side events that could "
      "not be kept."),
  SERVER(COUNTER, thread_messages_lost,
         "thread_messages_lost|Number of messages between servers of threads that were lost or "
         "could not be handled."),
  SERVER(COUNTER, recovered, "recovered|Number of sockets restored by connection state recovery."),
  SERVER(COUNTER, recovery_failed[SIO_RECOVERY_NO_SESSION],
         "recovery_failed|Number of sockets that connection state recovery could not restore."
         "|cause|no_session|bad_offset|log_gone|too_much|no_memory|no_answer"),
};

static const struct metric nsp_metrics[] = {
  NSP(GAUGE, sockets, "sockets|Number of sockets connected to the namespace."),
  NSP(GAUGE, rooms, "rooms|Number of rooms in the namespace, without the rooms of socket ids."),
  NSP(COUNTER, events_in, "events_received|Number of events received in the namespace."),
  NSP(COUNTER, events_out,
      "events_sent|Number of events sent in the namespace, counted for each receiver."),
};

/* ---- writing ------------------------------------------------------------------------------ */

enum { TEXT_MAX = 64 * 1024 * 1024, PIECE = 320 };

struct out {
  struct buf text;
  int err;
};

static void metrics_append_text(struct out *o, const char *p, size_t n) {
  if (!o->err) o->err = sio__buf_put(&o->text, p, n);
}

/* Appends formatted text. The buffer has PIECE bytes, which is enough for each format that is used
 * below. */
__attribute__((format(printf, 2, 3))) static void metrics_printf(struct out *o, const char *fmt,
                                                                 ...) {
  char piece[PIECE];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(piece, sizeof piece, fmt, ap);
  va_end(ap);
  metrics_append_text(o, piece, (size_t)n);
}

/* Writes the value of a label, with escapes. Each byte that is not valid UTF-8 is written as \xNN.
 * Control characters need no escape, because names of namespaces contain none. */
static void put_escaped_label_value(struct out *o, sio_slice s) {
  while (s.n) {
    size_t n = sio__utf8_sequence_length(s.p, s.n);
    if (n == 0)
      metrics_printf(o, "\\\\x%02x", (unsigned char)*s.p);
    else
      metrics_printf(o, "%s%.*s", *s.p == '"' || *s.p == '\\' ? "\\" : "", (int)n, s.p);
    s.p += n + !n;
    s.n -= n + !n;
  }
}

struct label {
  sio_slice name, value; /* name is empty if the metric has no label */
};

struct family {
  sio_slice name, help;
  const struct metric *metric;
};

static void put_metric_name(struct out *o, const struct family *f, const char *suffix) {
  metrics_printf(o, "sio_%.*s%s", (int)f->name.n, f->name.p, suffix);
}

static void put_metric_labels(struct out *o, const struct label *l, const char *le) {
  if (!l->name.n && !le) return;
  metrics_append_text(o, "{", 1);
  if (l->name.n) {
    metrics_printf(o, "%.*s=\"", (int)l->name.n, l->name.p);
    put_escaped_label_value(o, l->value);
    metrics_append_text(o, "\"", 1);
  }
  if (le) metrics_printf(o, "%sle=\"%s\"", l->name.n ? "," : "", le);
  metrics_append_text(o, "}", 1);
}

static void format_metric_number(char out[NUM_MAX], uint64_t v, bool us) {
  if (us)
    snprintf(out, NUM_MAX, "%" PRIu64 ".%06" PRIu64, v / 1000000, v % 1000000);
  else
    snprintf(out, NUM_MAX, "%" PRIu64, v);
}

static void put_metric_sample_line(struct out *o, const struct family *f, const char *suffix,
                                   const struct label *l, const char *le, uint64_t v, bool us) {
  char text[NUM_MAX];
  format_metric_number(text, v, us);
  put_metric_name(o, f, suffix);
  put_metric_labels(o, l, le);
  metrics_printf(o, " %s\n", text);
}

static void put_histogram_samples(struct out *o, const struct family *f, const struct label *l,
                                  const sio_histogram *h) {
  bool us = f->metric->kind == SECONDS;
  char le[NUM_MAX];
  uint64_t n = 0;
  for (int i = 0; i < SIO_BUCKETS; i++) {
    bool last = i == SIO_BUCKETS - 1;
    n += h->count[i];
    format_metric_number(le, sio_bucket_bound(i), us);
    put_metric_sample_line(o, f, "_bucket", l, last ? "+Inf" : le, n, false);
  }
  put_metric_sample_line(o, f, "_sum", l, NULL, h->sum, us);
  put_metric_sample_line(o, f, "_count", l, NULL, n, false);
}

static bool is_histogram_metric(const struct metric *m) { return m->kind >= BYTES; }

static void put_metric_samples_by_kind(struct out *o, const struct family *f, const struct label *l,
                                       const void *v) {
  if (is_histogram_metric(f->metric))
    put_histogram_samples(o, f, l, v);
  else
    put_metric_sample_line(o, f, f->metric->kind == COUNTER ? "_total" : "", l, NULL,
                           *(const uint64_t *)v, false);
}

/* Writes the HELP and TYPE lines of a metric. Sets *rest to what follows the help in m->text: the
 * label and its values. */
static struct family put_metric_help_and_type_lines(struct out *o, const struct metric *m,
                                                    sio_slice *rest) {
  static const char *const types[] = { "counter", "gauge", "histogram", "histogram" };
  struct family f = { .metric = m };
  const char *suffix = m->kind == COUNTER ? "_total" : "";
  *rest = slice_str(m->text);
  sio__slice_split(rest, '|', &f.name);
  sio__slice_split(rest, '|', &f.help);
  metrics_append_text(o, "# HELP ", 7);
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
  struct family f = put_metric_help_and_type_lines(o, m, &rest);
  if (!sio__slice_split(&rest, '|', &l.name)) put_metric_samples_by_kind(o, &f, &l, at);
  while (sio__slice_split(&rest, '|', &l.value)) {
    if (!slice_equals_str(l.value, "none")) put_metric_samples_by_kind(o, &f, &l, at);
    at += is_histogram_metric(m) ? sizeof(sio_histogram) : sizeof(uint64_t);
  }
}

/* ---- namespaces ----------------------------------------------------------------------------- */

static void put_metric_of_all_namespaces(struct out *o, const struct metric *m,
                                         const struct map *nsps) {
  sio_slice rest;
  const struct nsp_row *row;
  struct family f = put_metric_help_and_type_lines(o, m, &rest);
  for (uint32_t i = 0; (row = sio__map_next(nsps, &i));) {
    struct label l = { SLICE("namespace"), slice_str(row->name) };
    put_metric_samples_by_kind(o, &f, &l, (const char *)&row->stats + m->at);
  }
}

/* ---- the text -------------------------------------------------------------------------------- */

static void put_all_metrics(struct out *o, const sio_stats *st, const struct map *nsps) {
  static const struct metric info = { "info|The version of libsio; the value is always 1.", 0,
                                      GAUGE };
  struct label version = { SLICE("version"), slice_str(sio_version()) };
  sio_slice rest;
  struct family f = put_metric_help_and_type_lines(o, &info, &rest);
  put_metric_samples_by_kind(o, &f, &version, &(uint64_t){ 1 });
  for (size_t i = 0; i < sizeof nsp_metrics / sizeof *nsp_metrics; i++)
    put_metric_of_all_namespaces(o, &nsp_metrics[i], nsps);
  for (size_t i = 0; i < sizeof server_metrics / sizeof *server_metrics; i++)
    put_server_metric(o, &server_metrics[i], st);
}

/* Writes all metrics and calls cb with the text. Returns 0; or UV_ENOMEM, or SIO_ETOOBIG if the
 * text is longer than TEXT_MAX, and cb is not called then. */
static int write_metrics_text_and_call_callback(const sio_stats *st, const struct map *nsps,
                                                sio_metrics_cb cb, void *user) {
  struct out o = { 0 };
  buf_init(&o.text, TEXT_MAX);
  put_all_metrics(&o, st, nsps);
  if (!o.err) cb(slice(o.text.p, o.text.n), user);
  sio__buf_clear(&o.text);
  return o.err;
}

int sio_metrics_text(const sio_server *srv, sio_metrics_cb cb, void *user) {
  struct map nsps;
  sio_stats st;
  if (!cb) return UV_EINVAL;
  sio__nsp_stats_rows_init(&nsps);
  sio_server_get_stats(srv, &st, sizeof st);
  int err = sio__nsp_stats_rows_collect(&nsps, srv);
  if (!err) err = write_metrics_text_and_call_callback(&st, &nsps, cb, user);
  sio__nsp_stats_rows_clear(&nsps);
  return err;
}

/* ---- the whole of several threads ------------------------------------------------------------ */

struct metrics_call {
  sio_metrics_cb cb;
  void *user;
};

static void call_host_callback_with_metrics_sum(const struct gathered *sum, void *user) {
  struct metrics_call *call = user;
  int err = sum->err ? sum->err
                     : write_metrics_text_and_call_callback(&sum->stats, &sum->nsps, call->cb,
                                                            call->user);
  if (err) call->cb(slice(NULL, 0), call->user);
  sio__free(call);
}

int sio_threads_fetch_metrics(sio_server *srv, sio_metrics_cb cb, void *user) {
  if (!cb) return UV_EINVAL;
  struct metrics_call *call = sio__malloc(sizeof *call);
  if (!call) return UV_ENOMEM;
  *call = (struct metrics_call){ cb, user };
  int err = sio__start_stats_sum(srv, true, call_host_callback_with_metrics_sum, call);
  if (err) sio__free(call);
  return err;
}

/* ---- the route ------------------------------------------------------------------------------- */

/* Answers a request for the metrics. If the text is empty, because it could not be made, or if
 * memory runs out, the connection is closed without an answer. */
static void answer_metrics_request(sio_slice text, void *request) {
  sio_request *r = request;
  struct msg *m = text.n ? sio__msg_from_bytes(&sio__request_loop(r)->msgs, text.p, text.n) : NULL;
  if (m)
    sio__coding_answer_compressed_if_accepted(r, 200, SIO_METRICS_TYPE, m);
  else
    sio__request_close_without_answer(r);
  msg_unref(m);
}

static void collect_and_answer_metrics_request(sio_request *r, void *server) {
  sio_server *srv = server;
  int err = srv->core.threads ? sio_threads_fetch_metrics(srv, answer_metrics_request, r)
                              : sio_metrics_text(srv, answer_metrics_request, r);
  if (err) sio__request_close_without_answer(r);
}

static int add_metrics_route(sio_server *srv, const char *path) {
  if (!path || strchr(path, '*') || sio__eio_find_engine_by_url(&srv->engines, slice_str(path)))
    return UV_EINVAL;
  return sio__routes_add_callback(&srv->routes, "GET", path, 0, collect_and_answer_metrics_request,
                                  srv);
}

int sio_metrics_route(sio_server *srv, const char *path) {
  int err = add_metrics_route(srv, path);
  return err ? sio__log_refused_metrics_route(srv, err, path) : 0;
}
