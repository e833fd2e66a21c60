/* SPDX-License-Identifier: MIT
 *
 * test_admin_ui.c - what libsio-admin shows pages of the Admin UI, and what their buttons do. Pages
 * are test clients; clients that poll are peers on a socket pair. The test fires the timer of the
 * counters itself.
 */
#include "server/server.h"

#include "raw_client.h"

#include "admin_rig.h"
#include "clock.h"
#include <cjson/cJSON.h>
#include <sio/error.h>

enum { EVENTS_SHOWN = 1000, SOCKETS_SHOWN = 10000, SECONDS = 8 };

/* ---- replaced functions ---------------------------------------------------------------------- */

static uv_timer_t *stats_timer;
static uv_timer_cb send_stats;

int __real_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t repeat) {
  if (!repeat) return __real_uv_timer_start(t, cb, ms, repeat); /* not that of libsio-admin */
  EQ(repeat, 2000);
  stats_timer = t;
  send_stats = cb;
  return 0;
}

static int64_t unix_seconds = 1700000000;

int __wrap_uv_gettimeofday(uv_timeval64_t *out);
int __wrap_uv_gettimeofday(uv_timeval64_t *out) {
  *out = (uv_timeval64_t){ .tv_sec = unix_seconds, .tv_usec = 42000 };
  return 0;
}

static int hostname_error; /* what uv_os_gethostname() returns; 0: the name is "box" */

int __wrap_uv_os_gethostname(char *out, size_t *size);
int __wrap_uv_os_gethostname(char *out, size_t *size) {
  if (hostname_error) return hostname_error;
  *size = (size_t)snprintf(out, *size, "box");
  return 0;
}

static unsigned calloc_fuse; /* the calloc() that fails, counted from 1; libsio-admin's alone */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
  return calloc_fuse && --calloc_fuse == 0 ? NULL : __real_calloc(count, size);
}

static int broadcast_error; /* what sio_broadcast() returns; 0: it works */

int __real_sio_broadcast(sio_target to, const char *event, sio_args args);
int __wrap_sio_broadcast(sio_target to, const char *event, sio_args args);
int __wrap_sio_broadcast(sio_target to, const char *event, sio_args args) {
  return broadcast_error ? broadcast_error : __real_sio_broadcast(to, event, args);
}

/* What happens to a query for the sockets of a namespace. */
static enum { FETCH, FETCH_FAILS, FETCH_FINDS_MANY, FETCH_IS_SLOW } fetch;
static sio_fetch_cb slow_cb;
static void *slow_user[4];
static size_t nslow;

static void answer_with_many_sockets(sio_fetch_cb cb, void *user) {
  static const char *const rooms[] = { "x", NULL };
  static sio_remote many[SOCKETS_SHOWN - 1];
  for (size_t i = 0; i < sizeof many / sizeof *many; i++)
    many[i] = (sio_remote){ .id = "x", .rooms = rooms, .data = sio_text("{}") };
  cb(0, many, sizeof many / sizeof *many, user);
}

int __real_sio_all_fetch(sio_target to, unsigned timeout_ms, sio_fetch_cb cb, void *user);
int __wrap_sio_all_fetch(sio_target to, unsigned timeout_ms, sio_fetch_cb cb, void *user);
int __wrap_sio_all_fetch(sio_target to, unsigned timeout_ms, sio_fetch_cb cb, void *user) {
  switch (fetch) {
    case FETCH: return __real_sio_all_fetch(to, timeout_ms, cb, user);
    case FETCH_FAILS: return UV_ENOMEM;
    case FETCH_FINDS_MANY: answer_with_many_sockets(cb, user); break;
    case FETCH_IS_SLOW: slow_user[nslow++] = user;
  }
  slow_cb = cb;
  return 0;
}

/* The handshakes of sockets that were not really found. */
sio_slice __real_sio_remote_handshake(sio_remote *r);
sio_slice __wrap_sio_remote_handshake(sio_remote *r);
sio_slice __wrap_sio_remote_handshake(sio_remote *r) {
  return r->socket ? __real_sio_remote_handshake(r) : sio_text("not JSON");
}

/* ---- a server, pages and clients ------------------------------------------------------------- */

static const sio_admin_options production = { .no_auth = true };
static const sio_admin_options development = { .no_auth = true, .development = true };

static void ui_start(const sio_admin_options *o) {
  fetch = FETCH;
  nslow = 0;
  whole_start(NULL);
  EQ(sio_listen(srv, "127.0.0.1", 0), 0); /* keeps the loop alive, so that it takes posted calls */
  EQ(sio_admin_attach(srv, o), 0);
}

static sio_test_peer *connect_to(const char *nsp, const char *auth) {
  sio_test_peer *p = NULL;
  if (sio_test_connect(srv, nsp, auth, &p)) abort();
  turn();
  EQ_STR(answer(p), "connect");
  return p;
}

static sio_test_peer *open_page(void) { return connect_to("/admin", NULL); }

/* Returns the last packet with this event that a page was sent, or "". */
static const char *last_event(sio_test_peer *ui, const char *event) {
  static char last[4096];
  char start[64];
  snprintf(start, sizeof start, "[\"%s\",", event);
  last[0] = '\0';
  for (const char *text; (text = sio_test_next(ui));)
    if (strncmp(text, start, strlen(start)) == 0) snprintf(last, sizeof last, "%s", text);
  return last;
}

/* The counters as the page is sent them now. The caller frees the tree. */
static cJSON *stats_sent_to(sio_test_peer *ui) {
  send_stats(stats_timer);
  cJSON *packet = cJSON_Parse(last_event(ui, "server_stats"));
  cJSON *stats = cJSON_DetachItemFromArray(packet, 1);
  cJSON_Delete(packet);
  if (!stats) abort();
  return stats;
}

static double number(const cJSON *stats, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(stats, name);
  return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

/* The sum of the counters of this type, and into how many seconds it is divided. */
static double sum_of(const cJSON *stats, const char *type, const char *sub, unsigned *seconds) {
  const cJSON *item;
  double sum = 0;
  unsigned n = 0;
  cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(stats, "aggregatedEvents")) {
    const char *t = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "type"));
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "subType"));
    if (strcmp(t, type) || (sub && (!s || strcmp(s, sub)))) continue;
    sum += number(item, "count");
    n++;
  }
  if (seconds) *seconds = n;
  return sum;
}

/* ---- commands -------------------------------------------------------------------------------- */

static struct done {
  char name[32], nsp[32], filter[32], what[32];
  int err;
  unsigned count;
} done;

static void copy_or_dash(char out[32], const char *text) {
  snprintf(out, 32, "%s", text ? text : "-");
}

static void on_action(sio_socket *s, const sio_admin_action *action, void *user) {
  CHECK(s && user == &done);
  copy_or_dash(done.name, action->name);
  copy_or_dash(done.nsp, action->nsp);
  copy_or_dash(done.filter, action->filter);
  copy_or_dash(done.what, action->what);
  done.err = action->err;
  done.count++;
}

static sio_test_peer *page, *app[3];

static void commands_start(const sio_admin_options *o) {
  sio_admin_options with_log = *o;
  with_log.action = on_action;
  with_log.user = &done;
  done = (struct done){ 0 };
  ui_start(&with_log);
  page = open_page();
  for (size_t i = 0; i < 3; i++) app[i] = connect_to("/", NULL);
}

static void commands_stop(void) {
  sio_test_free(page);
  free_all(app, 3);
  whole_stop();
}

static const char *id_of(size_t i) { return sio_socket_id(sio_test_socket(app[i])); }

/* Which clients were sent this text alone, as a number of three binary digits: 101 is the first and
 * the third. */
static unsigned who_got(const char *text) {
  unsigned got = 0;
  turn();
  for (size_t i = 0; i < 3; i++) {
    const char *said = answer(app[i]);
    got = 10 * got + (strcmp(said, text) == 0);
    EQ_STR(said, *said ? text : "");
    EQ_STR(answer(app[i]), "");
  }
  return got;
}

TEST(events_of_a_page_reach_a_namespace_a_room_or_one_socket) {
  commands_start(&production);
  sio_join(sio_test_socket(app[0]), "r");
  sio_join(sio_test_socket(app[2]), "r");
  sio_test_emit(page, "emit", SIO_ARGS("/", sio_null(), "x", 1, "two"));
  EQ(who_got("[\"x\",1,\"two\"]"), 111);
  EQ_STR(done.filter, "-");
  sio_test_emit(page, "emit", SIO_ARGS("/", "", "x"));
  EQ(who_got("[\"x\"]"), 111);
  EQ_STR(done.filter, "-");
  sio_test_emit(page, "emit", SIO_ARGS("/", "r", "x", sio_null()));
  EQ(who_got("[\"x\",null]"), 101);
  EQ_STR(done.name, "emit");
  EQ_STR(done.nsp, "/");
  EQ_STR(done.filter, "r");
  EQ_STR(done.what, "x");
  EQ(done.err, 0);
  sio_test_emit(page, "emit", SIO_ARGS("/", id_of(1), "x"));
  EQ(who_got("[\"x\"]"), 10);
  EQ(done.count, 4);
  commands_stop();
}

TEST(sockets_join_and_leave_rooms_when_a_page_says_so) {
  commands_start(&production);
  sio_test_emit(page, "join", SIO_ARGS("/", "all"));
  EQ(sio_nsp_count_sockets(root, "all"), 3);
  EQ_STR(done.what, "all");
  EQ_STR(done.filter, "-");
  sio_test_emit(page, "join", SIO_ARGS("/", "some", id_of(1)));
  EQ(sio_nsp_count_sockets(root, "some"), 1);
  CHECK(sio_in_room(sio_test_socket(app[1]), "some"));
  sio_test_emit(page, "leave", SIO_ARGS("/", "all", "some"));
  EQ(sio_nsp_count_sockets(root, "all"), 2);
  CHECK(!sio_in_room(sio_test_socket(app[1]), "all"));
  sio_test_emit(page, "leave", SIO_ARGS("/", "all", sio_null()));
  EQ(sio_nsp_count_sockets(root, "all"), 0);
  EQ_STR(done.name, "leave");
  EQ(done.err, 0);
  commands_stop();
}

TEST(a_page_disconnects_a_socket_alone_or_with_its_session) {
  commands_start(&production);
  sio_test_emit(page, "_disconnect", SIO_ARGS("/", sio_bool(false), id_of(0)));
  EQ(who_got("disconnect"), 100);
  CHECK(sio_test_is_open(app[0]) && !sio_test_socket(app[0]));
  sio_test_emit(page, "_disconnect", SIO_ARGS("/", sio_null(), id_of(1)));
  EQ(who_got("disconnect"), 10);
  CHECK(sio_test_is_open(app[1]) && !sio_test_socket(app[1]));
  sio_test_emit(page, "_disconnect", SIO_ARGS("/", sio_bool(true)));
  turn();
  CHECK(!sio_test_is_open(app[2]));
  EQ_STR(done.name, "_disconnect");
  EQ_STR(done.what, "-");
  EQ(done.err, 0);
  EQ(done.count, 3);
  CHECK(sio_test_is_open(page));
  commands_stop();
}

TEST(a_command_that_makes_no_sense_changes_nothing_and_is_reported_with_its_reason) {
  const struct {
    const char *event;
    sio_args args;
    int err;
  } bad[] = {
    { "emit", SIO_NONE, UV_ENOENT },
    { "emit", SIO_ARGS("/"), SIO_ENAME },
    { "emit", SIO_ARGS("/", sio_null()), SIO_ENAME },
    { "emit", SIO_ARGS("/", sio_null(), 5), SIO_ENAME },
    { "emit", SIO_ARGS("/", sio_null(), "disconnect"), SIO_ENAME },
    { "emit", SIO_ARGS("/", 7, "x"), UV_EINVAL },
    { "emit", SIO_ARGS("/", sio_bool(false), "x"), UV_EINVAL },
    { "emit", SIO_ARGS("/nowhere", sio_null(), "x"), UV_ENOENT },
    { "emit", SIO_ARGS(5, sio_null(), "x"), UV_ENOENT },
    { "join", SIO_ARGS("/", 7), SIO_ENAME },
    { "join", SIO_ARGS("/", "r", 7), UV_EINVAL },
    { "join", SIO_ARGS("/nowhere", "r"), UV_ENOENT },
    { "leave", SIO_ARGS(5, "r"), UV_ENOENT },
    { "leave", SIO_ARGS("/", sio_null()), SIO_ENAME },
    { "_disconnect", SIO_ARGS("/", "yes"), UV_EINVAL },
    { "_disconnect", SIO_ARGS("/", sio_bool(true), 1), UV_EINVAL },
    { "_disconnect", SIO_ARGS("/nowhere", sio_bool(true)), UV_ENOENT },
  };
  commands_start(&production);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sio_test_emit(page, bad[i].event, bad[i].args);
    EQ_STR(done.name, bad[i].event);
    EQ(done.err, bad[i].err);
    EQ(done.count, i + 1);
    EQ(who_got(""), 111);
    for (size_t k = 0; k < 3; k++) EQ(sio_rooms(sio_test_socket(app[k]), NULL, 0), 1);
  }
  commands_stop();
}

TEST(a_command_for_which_memory_runs_out_is_reported) {
  commands_start(&production);
  calloc_fuse = 1;
  sio_test_emit(page, "emit", SIO_ARGS("/", sio_null(), "x", 1));
  EQ(done.err, UV_ENOMEM);
  EQ(who_got(""), 111);
  sio_test_emit(page, "emit", SIO_ARGS("/", sio_null(), "x", 1));
  EQ(done.err, 0);
  EQ(who_got("[\"x\",1]"), 111);
  commands_stop();
}

TEST(a_page_that_may_only_read_has_no_commands) {
  sio_admin_options o = production;
  o.readonly = true;
  commands_start(&o);
  sio_test_emit(page, "emit", SIO_ARGS("/", sio_null(), "x"));
  sio_test_emit(page, "join", SIO_ARGS("/", "r"));
  sio_test_emit(page, "_disconnect", SIO_ARGS("/", sio_bool(true)));
  EQ(who_got(""), 111);
  EQ(sio_nsp_count_sockets(root, "r"), 0);
  EQ(done.count, 0);
  commands_stop();
}

TEST(commands_work_without_an_audit_log) {
  ui_start(&production);
  sio_test_peer *ui = open_page(), *client = connect_to("/", NULL);
  sio_test_emit(ui, "emit", SIO_ARGS("/", sio_null(), "x"));
  EQ_STR(answer(client), "[\"x\"]");
  sio_test_emit(ui, "emit", SIO_ARGS("/nowhere", sio_null(), "x"));
  EQ_STR(answer(client), "");
  sio_test_free(ui);
  sio_test_free(client);
  whole_stop();
}

TEST(a_page_is_told_which_features_the_options_allow) {
#define ACTIONS "\"EMIT\",\"JOIN\",\"LEAVE\",\"DISCONNECT\",\"MJOIN\",\"MLEAVE\",\"MDISCONNECT\","
  static const char *const want[] = { ACTIONS "\"AGGREGATED_EVENTS\"", "\"AGGREGATED_EVENTS\"",
                                      ACTIONS "\"AGGREGATED_EVENTS\",\"ALL_EVENTS\"",
                                      "\"AGGREGATED_EVENTS\",\"ALL_EVENTS\"" };
  for (unsigned i = 0; i < 4; i++) {
    char config[256];
    sio_admin_options o = { .no_auth = true, .readonly = i & 1, .development = i & 2 };
    ui_start(&o);
    sio_test_peer *ui = open_page();
    snprintf(config, sizeof config, "[\"config\",{\"supportedFeatures\":[%s]}]", want[i]);
    EQ_STR(last_event(ui, "config"), config);
    sio_test_free(ui);
    whole_stop();
  }
}

/* ---- counters -------------------------------------------------------------------------------- */

#define POLL "/socket.io/?EIO=4&transport=polling"
#define SOCK "/socket.io/?EIO=4&transport=websocket"

/* A client that polls, and has joined "/". path gets the path of its further requests. */
static void poll_open(struct raw *c, char path[128]) {
  char sid[64];
  CHECK(raw_open(c, srv) && raw_get(c, POLL) && raw_expect(c, "\"sid\":\"") &&
        raw_take(c, '"', sid, sizeof sid));
  snprintf(path, 128, POLL "&sid=%s", sid);
  CHECK(raw_request(c, "POST", path, "", "40") && raw_expect(c, "\r\n\r\nok"));
  CHECK(raw_get(c, path) && raw_expect(c, "40{\"sid\":\""));
}

/* The client opens a WebSocket, and moves its session to it. */
static void poll_upgrade(struct raw *polling, struct raw *ws, const char *path) {
  char target[160];
  snprintf(target, sizeof target, SOCK "%s", strstr(path, "&sid="));
  CHECK(raw_get(polling, path) && raw_open(ws, srv) && raw_upgrade(ws, target) &&
        raw_text(ws, "2probe") && raw_expect(ws, "3probe") && raw_expect(polling, "\r\n\r\n6") &&
        raw_text(ws, "5"));
  raw_turn(ws);
}

static void check_clients(sio_test_peer *ui, int clients, int polling) {
  cJSON *stats = stats_sent_to(ui);
  EQ(number(stats, "clientsCount"), clients);
  EQ(number(stats, "pollingClientsCount"), polling);
  cJSON_Delete(stats);
}

TEST(clients_are_counted_by_transport_also_those_that_came_before) {
  static struct raw polling, ws, leaving;
  char path[128], other[128];
  whole_start(NULL);
  sio_test_peer *early = connect_to("/", NULL);
  poll_open(&polling, path);
  EQ(sio_admin_attach(srv, &production), 0);
  sio_test_peer *ui = open_page();
  check_clients(ui, 3, 1);
  poll_open(&leaving, other);
  check_clients(ui, 4, 2);
  CHECK(raw_request(&leaving, "POST", other, "", "1") && raw_expect(&leaving, "\r\n\r\nok"));
  turn();
  check_clients(ui, 3, 1);
  poll_upgrade(&polling, &ws, path);
  check_clients(ui, 3, 0);
  sio_test_free(early);
  turn();
  check_clients(ui, 2, 0);
  raw_close(&polling);
  raw_close(&leaving);
  raw_close(&ws);
  sio_test_free(ui);
  whole_stop();
}

TEST(the_counters_name_the_server_the_machine_and_the_namespaces) {
  for (int i = 0; i < 2; i++) {
    sio_admin_options o = production;
    if (i) o.server_id = "server 1";
    hostname_error = i ? UV_EIO : 0;
    ui_start(&o);
    sio_test_peer *ui = open_page(), *client = connect_to("/", NULL);
    cJSON *stats = stats_sent_to(ui);
    EQ_STR(cJSON_GetStringValue(cJSON_GetObjectItem(stats, "serverId")), i ? "server 1" : "box");
    EQ_STR(cJSON_GetStringValue(cJSON_GetObjectItem(stats, "hostname")), i ? "localhost" : "box");
    EQ(number(stats, "pid"), getpid());
    EQ(number(stats, "eventsDropped"), -1);
    char *nsps = cJSON_PrintUnformatted(cJSON_GetObjectItem(stats, "namespaces"));
    EQ(cJSON_GetArraySize(cJSON_GetObjectItem(stats, "namespaces")), 2);
    CHECK(strstr(nsps, "{\"name\":\"/\",\"socketsCount\":1}"));
    CHECK(strstr(nsps, "{\"name\":\"/admin\",\"socketsCount\":1}"));
    free(nsps);
    cJSON_Delete(stats);
    sio_test_free(ui);
    sio_test_free(client);
    whole_stop();
  }
  hostname_error = 0;
}

TEST(packets_connections_and_ends_are_counted_for_each_second) {
  unsigned seconds;
  ui_start(&production);
  sio_test_peer *ui = open_page(), *client[2];
  cJSON_Delete(stats_sent_to(ui));
  unix_seconds++; /* the packet with the counters belongs to the second before */
  for (size_t i = 0; i < 2; i++) {
    client[i] = connect_to("/", NULL);
    sio_test_emit(client[i], "x", SIO_NONE);
    unix_seconds++;
  }
  sio_test_free(client[0]);
  turn();
  cJSON *stats = stats_sent_to(ui);
  EQ(sum_of(stats, "rawConnection", NULL, &seconds), 2);
  EQ(seconds, 2);
  EQ(sum_of(stats, "packetsIn", NULL, &seconds), 4);
  EQ(seconds, 2);
  EQ(sum_of(stats, "bytesIn", NULL, NULL), 2 * (strlen("0") + strlen("2[\"x\"]")));
  EQ(sum_of(stats, "rawDisconnection", NULL, &seconds), 1);
  EQ(seconds, 1);
  EQ(sum_of(stats, "rawDisconnection", "transport close", NULL), 1);
  cJSON_Delete(stats);
  stats = stats_sent_to(ui); /* they start again from 0 */
  EQ(sum_of(stats, "rawConnection", NULL, NULL), 0);
  EQ(sum_of(stats, "packetsIn", NULL, NULL), 0);
  cJSON_Delete(stats);
  sio_test_free(client[1]);
  sio_test_free(ui);
  whole_stop();
}

TEST(nothing_is_lost_if_the_counters_are_not_sent_for_long) {
  unsigned seconds;
  ui_start(&production);
  sio_test_peer *ui = open_page(), *client = connect_to("/", NULL);
  cJSON_Delete(stats_sent_to(ui));
  unix_seconds++;
  cJSON_Delete(stats_sent_to(ui));
  for (int i = 0; i < 3 * SECONDS; i++, unix_seconds++) sio_test_emit(client, "x", SIO_NONE);
  cJSON *stats = stats_sent_to(ui);
  EQ(sum_of(stats, "packetsIn", NULL, &seconds), 3 * SECONDS);
  CHECK(seconds <= SECONDS && seconds > 1);
  cJSON_Delete(stats);
  sio_test_free(client);
  sio_test_free(ui);
  whole_stop();
}

TEST(pings_and_pongs_are_not_counted_as_packets) {
  static struct raw ws;
  ui_start(&production);
  sio_test_peer *ui = open_page();
  CHECK(raw_open(&ws, srv) && raw_upgrade(&ws, SOCK) && raw_expect(&ws, "0{\"sid\""));
  cJSON_Delete(stats_sent_to(ui));
  unix_seconds++;
  cJSON_Delete(stats_sent_to(ui)); /* what it sent itself, into the second before */
  unix_seconds++;
  clock_ms += 25000;
  sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
  CHECK(raw_expect_n(&ws, "\x81\0012", 3) && raw_text(&ws, "3"));
  raw_turn(&ws);
  cJSON *stats = stats_sent_to(ui);
  EQ(sum_of(stats, "packetsIn", NULL, NULL), 0);
  EQ(sum_of(stats, "packetsOut", NULL, NULL), 1); /* the counters before these */
  cJSON_Delete(stats);
  raw_close(&ws);
  sio_test_free(ui);
  whole_stop();
}

/* ---- sockets and rooms ----------------------------------------------------------------------- */

TEST(a_page_is_not_shown_what_clients_authenticate_with) {
  ui_start(&development);
  sio_test_peer *ui = open_page();
  sio_test_peer *client = connect_to("/", "{\"token\":\"secret-1\"}"), *later;
  EQ(count_packets(ui, "socket_connected", "\"nsp\":\"/\",\"data\":{}"), 1);
  later = open_page();
  const char *all = last_event(later, "all_sockets");
  CHECK(strstr(all, "\"nsp\":\"/\",\"data\":{}") && strstr(all, "\"handshake\":{"));
  CHECK(!strstr(all, "secret-1"));
  sio_test_free(client);
  client = connect_to("/", "{\"token\":\"secret-1\"}");
  const char *shown = last_event(ui, "socket_connected");
  CHECK(strstr(shown, "\"handshake\":{"));
  CHECK(!strstr(shown, "secret-1") && !strstr(shown, "\"auth\""));
  sio_test_free(client);
  sio_test_free(ui);
  sio_test_free(later);
  whole_stop();
}

static void join_room(sio_socket *s, void *user) {
  (void)user;
  sio_join(s, "early");
}

TEST(rooms_and_the_end_of_a_socket_are_shown_with_the_time) {
  char id[32], want[160];
  ui_start(&development);
  sio_on_connect(root, join_room, NULL);
  sio_test_peer *ui = open_page(), *client = connect_to("/", NULL);
  snprintf(id, sizeof id, "%s", sio_socket_id(sio_test_socket(client)));
  unix_seconds = 1700000000;
  snprintf(want, sizeof want,
           "[\"room_joined\",\"/\",\"late\",\"%s\",\"2023-11-14T22:13:20.042Z\"]", id);
  sio_join(sio_test_socket(client), "late");
  EQ_STR(last_event(ui, "room_joined"), want);
  sio_leave(sio_test_socket(client), "late");
  snprintf(want, sizeof want, "[\"room_left\",\"/\",\"late\",\"%s\",\"2023-11-14T22:13:20.042Z\"]",
           id);
  EQ_STR(last_event(ui, "room_left"), want);
  sio_test_disconnect(client);
  turn();
  snprintf(want, sizeof want,
           "[\"socket_disconnected\",\"/\",\"%s\",\"client namespace disconnect\","
           "\"2023-11-14T22:13:20.042Z\"]",
           id);
  EQ_STR(last_event(ui, "socket_disconnected"), want);
  sio_test_free(client);
  sio_test_free(ui);
  whole_stop();
}

TEST(a_namespace_that_is_created_later_is_watched_too) {
  sio_nsp *chat;
  ui_start(&development);
  sio_test_peer *ui = open_page();
  EQ(sio_of(srv, "/chat", &chat), 0);
  sio_test_peer *client = connect_to("/chat", NULL);
  EQ(count_packets(ui, "socket_connected", "\"nsp\":\"/chat\""), 1);
  sio_test_emit(client, "hello", SIO_ARGS(1));
  EQ(count_packets(ui, "[\"event_received\",\"/chat\",", "[\"hello\",1]"), 1);
  sio_test_free(client);
  sio_test_free(ui);
  whole_stop();
}

TEST(a_socket_whose_session_moves_to_a_websocket_is_shown_there_and_no_other) {
  static struct raw polling, ws;
  char path[128];
  ui_start(&development);
  sio_test_peer *ui = open_page(), *other = connect_to("/", NULL);
  poll_open(&polling, path);
  EQ(count_packets(ui, "socket_connected", "\"transport\":\"polling\""), 1);
  poll_upgrade(&polling, &ws, path);
  EQ(count_packets(ui,
                   "[\"socket_updated\",{\"id\":", "\"nsp\":\"/\",\"transport\":\"websocket\"}"),
     1);
  sio_test_peer *later = open_page();
  EQ(count_packets(later, "all_sockets", "\"transport\":\"websocket\""), 1);
  CHECK(strstr(sio_socket_shared(sio_test_socket(other)).p, "\"transport\":\"memory\""));
  raw_close(&polling);
  raw_close(&ws);
  sio_test_free(other);
  sio_test_free(later);
  sio_test_free(ui);
  whole_stop();
}

TEST(a_socket_is_shown_without_its_rooms_if_memory_runs_out) {
  ui_start(&development);
  sio_test_peer *ui = open_page(), *client = NULL;
  calloc_fuse = 1;
  EQ(sio_test_connect(srv, "/", NULL, &client), 0);
  turn();
  EQ(calloc_fuse, 0);
  EQ(count_packets(ui, "socket_connected", "\"rooms\":[]"), 1);
  sio_test_free(client);
  sio_test_free(ui);
  whole_stop();
}

/* ---- events ---------------------------------------------------------------------------------- */

TEST(events_of_pages_are_not_shown_to_pages) {
  ui_start(&development);
  sio_test_peer *ui = open_page(), *other = open_page();
  count_packets(ui, "", "");
  sio_test_emit(other, "join", SIO_ARGS("/", "r"));
  turn();
  turn();
  EQ(count_packets(ui, "event_", ""), 0);
  sio_test_free(ui);
  sio_test_free(other);
  whole_stop();
}

TEST(events_that_are_not_shown_are_counted_and_the_page_is_told_how_many) {
  ui_start(&development);
  sio_test_peer *ui = open_page(), *client = connect_to("/", NULL);
  for (int i = 0; i < EVENTS_SHOWN + 3; i++)
    EQ(sio_emit(sio_test_socket(client), "tick", SIO_ARGS(i)), 0);
  turn();
  cJSON *stats = stats_sent_to(ui);
  EQ(number(stats, "eventsDropped"), 3);
  cJSON_Delete(stats);
  EQ(sio_emit(sio_test_socket(client), "tick", SIO_ARGS("again")), 0);
  turn();
  EQ(count_packets(ui, "[\"event_sent\",\"/\",", "[\"tick\",\"again\"]"), 1);
  sio_test_free(client);
  sio_test_free(ui);
  whole_stop();
}

TEST(sent_events_are_shown_in_their_order) {
  int last = -1;
  ui_start(&development);
  sio_test_peer *ui = open_page(), *client = connect_to("/", NULL);
  for (int i = 0; i < EVENTS_SHOWN; i++) sio_emit(sio_test_socket(client), "tick", SIO_ARGS(i));
  turn();
  for (const char *text; (text = sio_test_next(ui));) {
    const char *tick = strstr(text, "[\"tick\",");
    if (tick) EQ(atoi(tick + 8), ++last);
  }
  EQ(last, EVENTS_SHOWN - 1);
  sio_test_free(client);
  sio_test_free(ui);
  whole_stop();
}

TEST(an_event_for_which_memory_runs_out_is_counted_as_not_shown) {
  ui_start(&development);
  sio_test_peer *ui = open_page(), *client = connect_to("/", NULL);
  calloc_fuse = 1;
  sio_emit(sio_test_socket(client), "tick", SIO_ARGS(1));
  turn();
  EQ(count_packets(ui, "event_sent", ""), 0);
  cJSON *stats = stats_sent_to(ui);
  EQ(number(stats, "eventsDropped"), 1);
  cJSON_Delete(stats);
  sio_test_free(client);
  sio_test_free(ui);
  whole_stop();
}

TEST(what_cannot_be_sent_to_pages_is_counted_as_not_shown) {
  ui_start(&development);
  sio_test_peer *ui = open_page(), *client = connect_to("/", NULL);
  broadcast_error = UV_ENOMEM;
  sio_test_emit(client, "received", SIO_NONE);
  sio_emit(sio_test_socket(client), "sent", SIO_NONE);
  sio_join(sio_test_socket(client), "room");
  turn();
  broadcast_error = 0;
  EQ(count_packets(ui, "[\"event_", ""), 0);
  cJSON *stats = stats_sent_to(ui);
  EQ(number(stats, "eventsDropped"), 3);
  cJSON_Delete(stats);
  sio_test_free(client);
  sio_test_free(ui);
  whole_stop();
}

/* ---- the list of all sockets ----------------------------------------------------------------- */

TEST(the_list_of_all_sockets_ends_at_ten_thousand) {
  ui_start(&development);
  fetch = FETCH_FINDS_MANY; /* 9999 in each of the two namespaces */
  sio_test_peer *ui = open_page();
  unsigned listed = 0;
  for (const char *text; (text = sio_test_next(ui));)
    for (const char *at = text; strncmp(text, "[\"all_sockets\"", 14) == 0; at++, listed++)
      if (!(at = strstr(at, "\"id\":\"x\""))) break;
  EQ(listed, SOCKETS_SHOWN);
  sio_test_free(ui);
  whole_stop();
}

TEST(a_namespace_that_cannot_be_listed_does_not_hold_up_the_list) {
  ui_start(&development);
  fetch = FETCH_FAILS;
  sio_test_peer *ui = open_page();
  EQ_STR(last_event(ui, "all_sockets"), "[\"all_sockets\",[]]");
  sio_test_free(ui);
  whole_stop();
}

TEST(the_list_is_sent_once_all_namespaces_have_answered) {
  ui_start(&development);
  fetch = FETCH_IS_SLOW;
  sio_test_peer *ui = open_page();
  EQ(nslow, 2);
  slow_cb(SIO_ETIMEOUT, NULL, 0, slow_user[0]);
  EQ_STR(last_event(ui, "all_sockets"), "");
  answer_with_many_sockets(slow_cb, slow_user[1]);
  EQ(count_packets(ui, "[\"all_sockets\",[{\"id\":\"x\",", "\"rooms\":[\"x\"]"), 1);
  sio_test_free(ui);
  whole_stop();
}

TEST(the_page_or_the_server_may_go_before_all_namespaces_have_answered) {
  for (int i = 0; i < 2; i++) {
    ui_start(&development);
    fetch = FETCH_IS_SLOW;
    sio_test_peer *ui = open_page();
    if (i == 0) sio_test_free(ui);
    if (i == 1) sio_server_close(srv, on_done, NULL);
    slow_cb(0, NULL, 0, slow_user[0]);
    answer_with_many_sockets(slow_cb, slow_user[1]);
    if (i == 0) {
      whole_stop();
      continue;
    }
    EQ(count_packets(ui, "all_sockets", ""), 0);
    sio_test_free(ui);
    whole_gone();
  }
}

/* ---- the server closes ----------------------------------------------------------------------- */

static void say_goodbye(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user, (void)why;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "left", SIO_NONE);
}

static void ws_join(struct raw *c, const char *connect) {
  CHECK(raw_open(c, srv) && raw_upgrade(c, SOCK) && raw_expect(c, "0{\"sid\"") &&
        raw_text(c, connect) && raw_expect(c, "{\"sid\":"));
}

TEST(the_server_closes_while_events_wait_to_be_shown_and_while_handlers_send_more) {
  static struct raw ui, client, other;
  ui_start(&development);
  sio_on_disconnecting(root, say_goodbye, NULL);
  ws_join(&client, "40");
  ws_join(&other, "40");
  ws_join(&ui, "40/admin,");
  sio_broadcast((sio_target){ .nsp = root }, "x", SIO_NONE);
  sio_server_close(srv, on_done, NULL);
  CHECK(raw_expect(&other, "[\"x\"]"));
  CHECK(raw_expect_n(&ui, "\x88", 1));
  CHECK(!memmem(ui.in, ui.n, "event_sent", 10));
  raw_close(&ui);
  raw_close(&client);
  raw_close(&other);
  whole_gone();
}

TESTS_BEGIN
T(events_of_a_page_reach_a_namespace_a_room_or_one_socket)
T(sockets_join_and_leave_rooms_when_a_page_says_so)
T(a_page_disconnects_a_socket_alone_or_with_its_session)
T(a_command_that_makes_no_sense_changes_nothing_and_is_reported_with_its_reason)
T(a_command_for_which_memory_runs_out_is_reported)
T(a_page_that_may_only_read_has_no_commands)
T(commands_work_without_an_audit_log)
T(a_page_is_told_which_features_the_options_allow)
T(clients_are_counted_by_transport_also_those_that_came_before)
T(the_counters_name_the_server_the_machine_and_the_namespaces)
T(packets_connections_and_ends_are_counted_for_each_second)
T(nothing_is_lost_if_the_counters_are_not_sent_for_long)
T(pings_and_pongs_are_not_counted_as_packets)
T(a_page_is_not_shown_what_clients_authenticate_with)
T(rooms_and_the_end_of_a_socket_are_shown_with_the_time)
T(a_namespace_that_is_created_later_is_watched_too)
T(a_socket_whose_session_moves_to_a_websocket_is_shown_there_and_no_other)
T(a_socket_is_shown_without_its_rooms_if_memory_runs_out)
T(events_of_pages_are_not_shown_to_pages)
T(events_that_are_not_shown_are_counted_and_the_page_is_told_how_many)
T(sent_events_are_shown_in_their_order)
T(an_event_for_which_memory_runs_out_is_counted_as_not_shown)
T(what_cannot_be_sent_to_pages_is_counted_as_not_shown)
T(the_list_of_all_sockets_ends_at_ten_thousand)
T(a_namespace_that_cannot_be_listed_does_not_hold_up_the_list)
T(the_list_is_sent_once_all_namespaces_have_answered)
T(the_page_or_the_server_may_go_before_all_namespaces_have_answered)
T(the_server_closes_while_events_wait_to_be_shown_and_while_handlers_send_more)
TESTS_END
