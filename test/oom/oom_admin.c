/* SPDX-License-Identifier: MIT
 *
 * oom_admin.c - the life of a server that the Admin UI watches, once for each of its allocations
 * with that one failing: those of libsio, of libsio-admin and of cJSON.
 *
 * Whatever fails: nothing crashes, nothing leaks, nobody without the password is shown anything,
 * and a page that signs in when there is memory again is shown everything.
 *
 *     oom_admin          the whole sweep
 *     oom_admin 17       without its 17th allocation, both ways
 */
#include "server/server.h"

#include "raw_client.h"

#include "unit/admin_rig.h"
#include <cjson/cJSON.h>

/* What libsio allocates is counted once, in oom.h, and not in the replaced malloc() too. */
void *__real_malloc(size_t size);
#define malloc __real_malloc
#include "oom.h"
#undef malloc

/* ---- memory of libsio-admin and cJSON -------------------------------------------------------- */

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
  return fails() ? NULL : __real_calloc(count, size);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text) { return fails() ? NULL : __real_strdup(text); }

static void *cjson_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }

/* ---- the timer of the counters --------------------------------------------------------------- */

static uv_timer_t *stats_timer;
static uv_timer_cb send_stats;

int __real_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t repeat) {
  if (!repeat) return __real_uv_timer_start(t, cb, ms, repeat);
  stats_timer = t;
  send_stats = cb;
  return 0;
}

/* ---- the host -------------------------------------------------------------------------------- */

static uv_async_t alive;
static unsigned actions; /* how many commands of pages were reported */

static void wake(uv_async_t *a) { (void)a; }

static void on_action(sio_socket *s, const sio_admin_action *action, void *user) {
  (void)user;
  if (!s || !action->name || !action->nsp) abort();
  actions++;
}

static void on_hello(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_val all[] = { sio_event_args(e) };
  sio_emit(s, "hello", sio_argv(all, 1));
}

static int attach(void) {
  return sio_admin_attach(srv, &(sio_admin_options){ .username = "admin",
                                                     .password = HASH,
                                                     .development = true,
                                                     .server_id = "one",
                                                     .action = on_action });
}

static int set_up(void) {
  int err = sio_server_new(&uv, NULL, &srv);
  if (!err) err = sio_of(srv, "/", &root);
  if (!err) err = sio_on(root, "hello", on_hello, NULL);
  return err ? err : attach();
}

/* ---- clients and pages ----------------------------------------------------------------------- */

#define RIGHT "{\"username\":\"admin\",\"password\":\"changeit\"}"
#define POLL "/socket.io/?EIO=4&transport=polling"
#define SOCK "/socket.io/?EIO=4&transport=websocket"

static void turns(void) {
  for (int i = 0; i < 4; i++) turn();
}

static sio_test_peer *client_of(const char *nsp, const char *auth) {
  sio_test_peer *p = NULL;
  if (sio_test_connect(srv, nsp, auth, &p)) return NULL;
  turns();
  return p;
}

static sio_test_peer *sign_in(void) {
  sio_test_peer *p = client_of("/admin", RIGHT);
  while (job) finish_check();
  turns();
  return p;
}

static void leave(sio_test_peer *p) {
  if (p) sio_test_free(p);
  turns();
}

/* Gives commands to the client, and disconnects it. */
static void use_buttons(sio_test_peer *page) {
  sio_test_emit(page, "emit", SIO_ARGS("/", sio_null(), "x", 1, "two"));
  sio_test_emit(page, "join", SIO_ARGS("/", "r"));
  sio_test_emit(page, "leave", SIO_ARGS("/", "r", "r"));
  sio_test_emit(page, "_disconnect", SIO_ARGS("/", sio_null()));
  turns();
}

/* A client that polls, and moves to a WebSocket. */
static bool upgrade_script(struct raw *polling, struct raw *ws) {
  char sid[64], path[128];
  if (!raw_open(polling, srv) || !raw_get(polling, POLL) || !raw_expect(polling, "\"sid\":\"") ||
      !raw_take(polling, '"', sid, sizeof sid))
    return false;
  snprintf(path, sizeof path, POLL "&sid=%s", sid);
  if (!raw_request(polling, "POST", path, "", "40") || !raw_expect(polling, "\r\n\r\nok") ||
      !raw_get(polling, path) || !raw_expect(polling, "40{\"sid\":\"") || !raw_get(polling, path))
    return false;
  snprintf(path, sizeof path, SOCK "&sid=%s", sid);
  return raw_open(ws, srv) && raw_upgrade(ws, path) && raw_text(ws, "2probe") &&
         raw_expect(ws, "3probe") && raw_expect(polling, "\r\n\r\n6") && raw_text(ws, "5") &&
         raw_text(ws, "42[\"hello\",3]") && raw_expect(ws, "42[\"hello\",3]");
}

static void script(void) {
  static struct raw polling, ws;
  sio_nsp *chat;
  polling.fd = ws.fd = -1;
  sio_test_peer *early = client_of("/", "{\"token\":\"t\"}"), *page = sign_in();
  (void)upgrade_script(&polling, &ws);
  if (early) sio_test_emit(early, "hello", SIO_ARGS("there", sio_bin("\1", 1)));
  sio_test_peer *later = sio_of(srv, "/chat", &chat) ? NULL : client_of("/chat", NULL);
  sio_test_peer *guesser = client_of("/admin", "{\"username\":\"admin\",\"password\":\"guess\"}");
  while (job) finish_check();
  if (page) use_buttons(page);
  send_stats(stats_timer);
  raw_close(&polling);
  raw_close(&ws);
  leave(later);
  leave(early);
  leave(guesser);
  leave(page);
}

/* ---- when there is memory again -------------------------------------------------------------- */

/* What a page is sent that signs in now, or NULL if it is everything. */
static const char *check_page(void) {
  static const char *const want[] = { "connect",
                                      "[\"session\",",
                                      "[\"config\",",
                                      "[\"all_sockets\",[",
                                      "[\"socket_connected\",{",
                                      "[\"event_received\",\"/\",",
                                      "[\"event_sent\",\"/\",",
                                      "[\"room_joined\",\"/\",\"r\",",
                                      "[\"server_stats\",{\"serverId\":\"one\"" };
  enum { WANTED = sizeof want / sizeof *want };
  bool seen[WANTED] = { false };
  sio_test_peer *page = sign_in(), *client = client_of("/", NULL);
  unsigned before = actions;
  if (!page || !client) return "a test client";
  sio_test_emit(client, "hello", SIO_ARGS(1));
  turns();
  sio_test_emit(page, "join", SIO_ARGS("/", "r"));
  send_stats(stats_timer);
  for (const char *text; (text = sio_test_next(page));)
    for (size_t i = 0; i < WANTED; i++) seen[i] |= strncmp(text, want[i], strlen(want[i])) == 0;
  leave(client);
  leave(page);
  for (size_t i = 0; i < WANTED; i++)
    if (!seen[i]) return want[i];
  return actions == before + 1 ? NULL : "the report of a command";
}

/* If attaching has failed, pages are sent nothing. */
static const char *check_not_attached(void) {
  const char *missing = NULL;
  sio_test_peer *page = client_of("/admin", RIGHT);
  if (!page || job) return "a refusal without a check";
  for (const char *text; (text = sio_test_next(page));)
    if (strncmp(text, "connect", 7) != 0) missing = "silence";
  leave(page);
  return missing;
}

static const char *live_once(size_t at, bool and_on) {
  const char *missing = NULL;
  srv = NULL;
  closed = false;
  if (uv_loop_init(&uv) || uv_async_init(&uv, &alive, wake)) abort();
  oom_begin(at, and_on);
  int err = set_up();
  if (!err) script();
  oom_end_of_script();
  if (err && err != UV_ENOMEM) missing = "UV_ENOMEM";
  if (srv && err && !missing) missing = check_not_attached();
  if (srv && !err) missing = check_page();
  if (srv) sio_server_close(srv, on_done, NULL);
  uv_close((uv_handle_t *)&alive, NULL);
  for (int i = 0; i < 60 && uv_loop_alive(&uv); i++) turn();
  if (uv_loop_close(&uv)) return "an empty loop";
  if (srv && !closed) return "the end of the server";
  return live ? "freed memory" : missing;
}

int main(int argc, char **argv) {
  cJSON_InitHooks(&(cJSON_Hooks){ .malloc_fn = cjson_malloc, .free_fn = free });
  oom_sweep("a server with the Admin UI", live_once, argc > 1 ? (size_t)atoi(argv[1]) : 0);
  return oom_result() || test__failed;
}
