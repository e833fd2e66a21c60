/* SPDX-License-Identifier: MIT
 *
 * test_sio_metrics.c - the text, read back by a parser that takes nothing but the format; what it
 * says against what was done; and the route.
 */
#include "base/utf8.h"
#include "peer.h"
#include <ctype.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a strict reader ---------------------------------------------------------------------- */

enum { SERIES = 1024, KEY = 1200 };

static struct series {
  char key[KEY]; /* name{labels}, escapes and all */
  double v;
} series[SERIES];
static int nseries;
static char families[256][64];
static int nfamilies;
static const char *at;
static const char *fault;

static bool wrong(const char *why) {
  if (!fault) fault = why;
  return false;
}

static bool take(const char *s) {
  size_t n = strlen(s);
  if (strncmp(at, s, n) != 0) return false;
  at += n;
  return true;
}

static bool take_name(char out[64]) {
  size_t n = 0;
  while (isalnum((unsigned char)at[n]) || at[n] == '_') n++;
  if (n == 0 || n > 63 || isdigit((unsigned char)*at)) return wrong("no name");
  memcpy(out, at, n);
  out[n] = '\0';
  at += n;
  return true;
}

static bool take_label(void) {
  char name[64];
  if (!take_name(name) || !take("=\"")) return wrong("a label");
  for (; *at != '"'; at++) {
    if (*at == '\0' || *at == '\n') return wrong("an open label");
    if (*at == '\\' && !strchr("\\\"n", *++at)) return wrong("an escape");
  }
  at++;
  return true;
}

static bool take_labels(void) {
  if (!take("{")) return true;
  do {
    if (!take_label()) return false;
  } while (take(","));
  return take("}") || wrong("labels");
}

static double *find(const char *key) {
  for (int i = 0; i < nseries; i++)
    if (strcmp(series[i].key, key) == 0) return &series[i].v;
  return NULL;
}

static bool ends(const char *s, const char *with) {
  size_t n = strlen(s), m = strlen(with);
  return n >= m && strcmp(s + n - m, with) == 0;
}

static bool is_of(const char *name, const char *family, const char *type) {
  size_t n = strlen(family);
  if (strcmp(type, "histogram") != 0) return strcmp(name, family) == 0;
  return strncmp(name, family, n) == 0 &&
         (strcmp(name + n, "_bucket") == 0 || strcmp(name + n, "_sum") == 0 ||
          strcmp(name + n, "_count") == 0);
}

static bool take_sample(const char *family, const char *type) {
  const char *from = at;
  char name[64], *end;
  if (!take_name(name) || !is_of(name, family, type)) return wrong("a sample of another family");
  if (!take_labels() || *at != ' ' || at - from >= KEY) return wrong("a sample");
  struct series *s = &series[nseries++];
  snprintf(s->key, KEY, "%.*s", (int)(at - from), from);
  if (find(s->key) != &s->v) return wrong("a series twice");
  s->v = strtod(++at, &end);
  if (end == at || *end != '\n') return wrong("a value");
  at = end + 1;
  return true;
}

static bool take_family(void) {
  char name[64], again[64], type[64];
  if (!take("# HELP ") || !take_name(name) || !take(" ")) return wrong("no HELP");
  for (int i = 0; i < nfamilies; i++)
    if (strcmp(families[i], name) == 0) return wrong("a family twice");
  strcpy(families[nfamilies++], name);
  while (*at && *at != '\n')
    if (*at++ == '\\') return wrong("an escape in a HELP");
  if (!take("\n# TYPE ") || !take_name(again) || strcmp(name, again) != 0 || !take(" "))
    return wrong("no TYPE");
  if (!take_name(type) || !take("\n")) return wrong("a TYPE");
  bool counter = strcmp(type, "counter") == 0;
  if (!counter && strcmp(type, "gauge") != 0 && strcmp(type, "histogram") != 0)
    return wrong("a type");
  if (counter != ends(name, "_total")) return wrong("_total is for counters");
  while (*at && *at != '#')
    if (!take_sample(name, type)) return false;
  return true;
}

static char copied[1 << 18];

static void copy(sio_slice text, void *user) {
  (void)user;
  if (text.n >= sizeof copied) abort();
  memcpy(copied, text.p, text.n);
  copied[text.n] = '\0';
}

static void read_text(void) {
  nseries = nfamilies = 0;
  fault = NULL;
  at = copied;
  CHECK(sio__utf8_is_valid(copied, strlen(copied)));
  while (*at && take_family()) continue;
  if (fault) fprintf(stderr, "%s: %.80s\n", fault, at);
  CHECK(!fault && nseries > 0);
}

static void scrape(void) {
  EQ(sio_metrics_text(srv, copy, NULL), 0);
  read_text();
}

/* Returns -1 if there is no such series. */
static double value(const char *key) {
  const double *v = find(key);
  return v ? *v : -1;
}

/* ---- the format ------------------------------------------------------------------------------ */

static void visit(struct peer *p) {
  say(p, "421[\"hi\"]");
  turn();
}

static void on_hi(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_join(s, "room");
  sio_reply(e, SIO_NONE);
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "all", SIO_NONE);
}

TEST(every_family_has_its_two_lines_and_its_samples_and_comes_once) {
  start(NULL);
  scrape();
  CHECK(nfamilies > 50);
  char key[64];
  snprintf(key, sizeof key, "sio_info{version=\"%s\"}", sio_version());
  EQ(value(key), 1);
  EQ(value("sio_sessions{transport=\"polling\"}"), 0);
  EQ(value("sio_sockets{namespace=\"/\"}"), 0);
  stop();
}

TEST(every_reason_except_none_is_a_label) {
  char key[100];
  start(NULL);
  scrape();
  for (int i = SIO_REASON_NONE; i < SIO_REASON_END; i++) {
    snprintf(key, sizeof key, "sio_sockets_closed_total{reason=\"%s\"}", sio_reason_str(i));
    EQ(value(key), i == SIO_REASON_NONE ? -1 : 0);
  }
  stop();
}

TEST(arrays_have_a_series_for_each_value) {
  start(NULL);
  uint64_t *causes = srv->core.stats.engine_refused;
  for (unsigned i = 0; i < SIO_ENGINE_REFUSED_END; i++) causes[i] = i + 1;
  for (unsigned i = 0; i < SIO_REFUSED_END; i++) srv->core.stats.connects_refused[i] = i + 1;
  for (unsigned i = 0; i < SIO_IGNORED_END; i++) srv->core.stats.packets_ignored[i] = i + 1;
  for (unsigned i = 0; i < SIO_RECOVERY_END; i++) srv->core.stats.recovery_failed[i] = i;
  for (unsigned i = 0; i < SIO_HTTP_REFUSED_END; i++) srv->http.stats.refused[i] = i + 1;
  for (unsigned i = 0; i < SIO_WS_CLOSE_END; i++) srv->ws.stats.closed[i] = i + 1;
  scrape();
  EQ(value("sio_engine_refused_total{cause=\"transport_unknown\"}"), 1);
  EQ(value("sio_engine_refused_total{cause=\"draining\"}"), SIO_ENGINE_REFUSED_DRAINING + 1);
  EQ(value("sio_connects_refused_total{cause=\"middleware\"}"), 1);
  EQ(value("sio_connects_refused_total{cause=\"too_many\"}"), SIO_REFUSED_TOO_MANY + 1);
  EQ(value("sio_packets_ignored_total{cause=\"left\"}"), 1);
  EQ(value("sio_packets_ignored_total{cause=\"empty\"}"), SIO_IGNORED_EMPTY + 1);
  EQ(value("sio_recovery_failed_total{cause=\"none\"}"), -1);
  EQ(value("sio_recovery_failed_total{cause=\"no_memory\"}"), SIO_RECOVERY_NO_MEMORY);
  EQ(value("sio_http_refused_total{cause=\"timeout\"}"), SIO_HTTP_TIMEOUT + 1);
  EQ(value("sio_websockets_closed_total{code=\"application\"}"), SIO_WS_CLOSE_APPLICATION + 1);
  memset(&srv->ws.stats, 0, sizeof srv->ws.stats);
  stop();
}

/* ---- histograms ------------------------------------------------------------------------------ */

static void bucket(char out[100], const char *name, const char *le) {
  snprintf(out, 100, "sio_%s_bucket{%sle=\"%s\"}", name,
           strcmp(name, "packet_bytes") == 0 ? "direction=\"out\"," : "", le);
}

TEST(buckets_are_cumulative_and_end_in_the_count) {
  char key[100], le[32];
  start(NULL);
  sio_histogram *h = &srv->core.stats.packet_bytes_out;
  for (uint64_t v = 1; v; v <<= 1) histogram_add(h, v);
  scrape();
  for (int i = 0; i < SIO_BUCKETS - 1; i++) {
    snprintf(le, sizeof le, "%" PRIu64, sio_bucket_bound(i));
    bucket(key, "packet_bytes", le);
    EQ(value(key), 7 + i);
  }
  bucket(key, "packet_bytes", "+Inf");
  EQ(value(key), 64);
  EQ(value("sio_packet_bytes_count{direction=\"out\"}"), 64);
  CHECK(value("sio_packet_bytes_sum{direction=\"out\"}") == (double)UINT64_MAX);
  EQ(value("sio_packet_bytes_count{direction=\"in\"}"), 0);
  stop();
}

TEST(times_are_in_seconds) {
  start(NULL);
  histogram_add(&srv->core.stats.ack_us, 64);
  histogram_add(&srv->core.stats.ack_us, 1500000);
  scrape();
  EQ(value("sio_ack_seconds_bucket{le=\"0.000064\"}"), 1);
  EQ(value("sio_ack_seconds_bucket{le=\"1.048576\"}"), 1);
  EQ(value("sio_ack_seconds_bucket{le=\"2.097152\"}"), 2);
  EQ(value("sio_ack_seconds_bucket{le=\"16.777216\"}"), 2);
  EQ(value("sio_ack_seconds_bucket{le=\"+Inf\"}"), 2);
  CHECK(value("sio_ack_seconds_sum") == 1.500064);
  EQ(value("sio_ack_seconds_count"), 2);
  stop();
}

/* ---- namespaces ------------------------------------------------------------------------------ */

TEST(each_namespace_of_the_host_has_its_series) {
  sio_nsp *chat;
  start(NULL);
  EQ(sio_of(srv, "/chat", &chat), 0);
  sio_on(chat, "hi", on_hi, NULL);
  struct peer *p = joined(), *q = joined();
  say(p, "40/chat,");
  say(q, "40/chat,");
  say(p, "42/chat,1[\"hi\"]");
  scrape();
  EQ(value("sio_sockets{namespace=\"/\"}"), 2);
  EQ(value("sio_sockets{namespace=\"/chat\"}"), 2);
  EQ(value("sio_rooms{namespace=\"/\"}"), 0);
  EQ(value("sio_rooms{namespace=\"/chat\"}"), 1);
  EQ(value("sio_events_received_total{namespace=\"/chat\"}"), 1);
  EQ(value("sio_events_sent_total{namespace=\"/chat\"}"), 2);
  EQ(value("sio_events_sent_total{namespace=\"/\"}"), 0);
  EQ(value("sio_broadcasts_total"), 1);
  EQ(value("sio_acks_sent_total"), 1);
  EQ(value("sio_namespaces"), 2);
  stop();
}

static void join_child(struct peer *p, int i) {
  char text[64];
  snprintf(text, sizeof text, "40/doc-%d,", i);
  say(p, text);
  snprintf(text, sizeof text, "42/doc-%d,[\"hi\"]", i);
  say(p, text);
}

TEST(children_are_summed_under_their_parents_pattern_also_after_their_removal) {
  sio_nsp *parent;
  start(NULL);
  EQ(sio_of_pattern(srv, "/doc-*", &parent), 0);
  sio_on(parent, "hi", on_hi, NULL);
  struct peer *p = joined(), *q = joined();
  scrape();
  int before = nseries;
  for (int i = 0; i < 20; i++) join_child(p, i);
  join_child(q, 0);
  scrape();
  EQ(nseries, before);
  EQ(value("sio_sockets{namespace=\"/doc-*\"}"), 21);
  EQ(value("sio_rooms{namespace=\"/doc-*\"}"), 20);
  EQ(value("sio_events_received_total{namespace=\"/doc-*\"}"), 21);
  EQ(value("sio_events_sent_total{namespace=\"/doc-*\"}"), 22);
  EQ(value("sio_child_namespaces"), 20);
  hang_up(p);
  turn();
  scrape();
  EQ(value("sio_sockets{namespace=\"/doc-*\"}"), 1);
  EQ(value("sio_child_namespaces"), 1);
  EQ(value("sio_events_received_total{namespace=\"/doc-*\"}"), 21);
  EQ(value("sio_events_sent_total{namespace=\"/doc-*\"}"), 22);
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  EQ(st.events_in, 21);
  EQ(st.events_out, 22);
  stop();
}

static void yes(sio_server *server, const char *name, sio_slice auth, sio_next *next, void *user) {
  (void)server, (void)auth, (void)user;
  if (strcmp(name, "/x") == 0)
    sio_next_ok(next);
  else
    sio_next_fail(next, "", sio_null());
}

TEST(namespaces_with_the_same_name_are_one_series) {
  sio_nsp *n;
  start(NULL);
  EQ(sio_of(srv, "/a-*", &n), 0);
  EQ(sio_of_pattern(srv, "/a-*", NULL), 0);
  EQ(sio_of_pattern(srv, "/a-*", NULL), 0);
  EQ(sio_of_match(srv, yes, NULL, NULL), 0);
  EQ(sio_of_match(srv, yes, NULL, NULL), 0);
  struct peer *p = joined();
  say(p, "40/a-*,");
  say(p, "40/a-1,");
  say(p, "40/x,");
  scrape();
  EQ(value("sio_sockets{namespace=\"/a-*\"}"), 2);
  EQ(value("sio_sockets{namespace=\"*\"}"), 1);
  EQ(value("sio_sockets{namespace=\"/\"}"), 1);
  stop();
}

TEST(names_are_escaped) {
  sio_nsp *n;
  start(NULL);
  EQ(sio_of(srv, "/say \"\\n\" \xc3\xa4 {}=", &n), 0);
  EQ(sio_of(srv, "/\xff\xc3", &n), 0);
  char longest[256];
  memset(longest, '"', 255);
  longest[0] = '/';
  longest[255] = '\0';
  EQ(sio_of(srv, longest, &n), 0);
  scrape();
  EQ(value("sio_rooms{namespace=\"/say \\\"\\\\n\\\" \xc3\xa4 {}=\"}"), 0);
  EQ(value("sio_rooms{namespace=\"/\\\\xff\\\\xc3\"}"), 0);
  char key[KEY] = "sio_rooms{namespace=\"/";
  for (int i = 1; i < 255; i++) strcat(key, "\\\"");
  EQ(value(strcat(key, "\"}")), 0);
  stop();
}

/* ---- memory ---------------------------------------------------------------------------------- */

TEST(without_memory_there_is_no_text_and_no_leak) {
  start(NULL);
  size_t live = alloc_live;
  bool failed = true;
  int failures = 0;
  for (size_t i = 1; failed && i < 100; i++) {
    copied[0] = '\0';
    size_t before = alloc_calls;
    alloc_fail_in(i);
    int err = sio_metrics_text(srv, copy, NULL);
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    EQ(err, failed ? UV_ENOMEM : 0);
    CHECK(failed == (copied[0] == '\0'));
    EQ(alloc_live, live);
    failures += failed;
  }
  CHECK(!failed && failures > 2);
  stop();
}

/* ---- the route ------------------------------------------------------------------------------- */

static const char *ask(const char *request) {
  static char got[sizeof copied];
  size_t n = 0;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) abort();
  if (sio_accept(srv, &(sio_accept_options){ .fd = pair[1] })) {
    close(pair[0]);
    return "";
  }
  if (write(pair[0], request, strlen(request)) < 0) abort();
  for (int i = 0; i < 20; i++) {
    turn();
    ssize_t k = recv(pair[0], got + n, sizeof got - 1 - n, MSG_DONTWAIT);
    if (k > 0) n += (size_t)k;
  }
  got[n] = '\0';
  close(pair[0]);
  return got;
}

TEST(the_route_answers_with_the_text_and_its_type) {
  start(NULL);
  sio_on(root, "hi", on_hi, NULL);
  EQ(sio_metrics_route(srv, "/metrics"), 0);
  visit(joined());
  const char *got = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(strncmp(got, "HTTP/1.1 200 OK\r\n", 17) == 0);
  CHECK(strstr(got, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n") != NULL);
  const char *body = strstr(got, "\r\n\r\n");
  REQUIRE(body != NULL);
  copy(slice_str(body + 4), NULL);
  read_text();
  EQ(value("sio_sockets{namespace=\"/\"}"), 1);
  EQ(value("sio_http_requests_total"), 1);
  EQ(value("sio_http_responses_total{class=\"2xx\"}"), 0); /* this one is not sent yet */
  CHECK(strstr(ask("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), " 405 ") != NULL);
  CHECK(strstr(ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "version=0.0.4") != NULL);
  CHECK(strstr(ask("GET /metrics/x HTTP/1.1\r\nHost: x\r\n\r\n"), " 404 ") != NULL);
  stop();
}

TEST(a_path_that_is_the_engines_or_no_path_or_taken_is_refused) {
  start(NULL);
  EQ(sio_metrics_route(srv, NULL), UV_EINVAL);
  EQ(sio_metrics_route(srv, "metrics"), UV_EINVAL);
  EQ(sio_metrics_route(srv, "/metrics*"), UV_EINVAL);
  EQ(sio_metrics_route(srv, "/metrics?x"), UV_EINVAL);
  EQ(sio_metrics_route(srv, "/socket.io/"), UV_EINVAL);
  EQ(sio_metrics_route(srv, "/socket.io/metrics"), UV_EINVAL);
  EQ(sio_engine_route(srv, "/raw/", &(sio_engine_callbacks){ .open = NULL }, NULL), 0);
  EQ(sio_metrics_route(srv, "/raw/metrics"), UV_EINVAL);
  EQ(sio_metrics_route(srv, "/socket.io"), 0);
  EQ(sio_metrics_route(srv, "/metrics"), 0);
  EQ(sio_metrics_route(srv, "/metrics"), SIO_EEXISTS);
  alloc_fail_in(1);
  EQ(sio_metrics_route(srv, "/more"), UV_ENOMEM);
  stop();
}

TEST(without_memory_the_scraper_is_cut_off_and_nothing_is_left) {
  start(NULL);
  EQ(sio_metrics_route(srv, "/metrics"), 0);
  bool failed = true;
  int cut = 0;
  for (size_t i = 1; failed && i < 100; i++) {
    size_t before = alloc_calls;
    alloc_fail_in(i);
    const char *got = ask("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    cut += !*got;
    turn();
    CHECK(failed || strncmp(got, "HTTP/1.1 200 OK\r\n", 17) == 0);
  }
  CHECK(!failed && cut > 2);
  stop();
}

TESTS_BEGIN
T(every_family_has_its_two_lines_and_its_samples_and_comes_once)
T(every_reason_except_none_is_a_label)
T(arrays_have_a_series_for_each_value)
T(buckets_are_cumulative_and_end_in_the_count)
T(times_are_in_seconds)
T(each_namespace_of_the_host_has_its_series)
T(children_are_summed_under_their_parents_pattern_also_after_their_removal)
T(namespaces_with_the_same_name_are_one_series)
T(names_are_escaped)
T(without_memory_there_is_no_text_and_no_leak)
T(the_route_answers_with_the_text_and_its_type)
T(a_path_that_is_the_engines_or_no_path_or_taken_is_refused)
T(without_memory_the_scraper_is_cut_off_and_nothing_is_left)
TESTS_END
