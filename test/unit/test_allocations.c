/* SPDX-License-Identifier: MIT
 *
 * test_allocations.c - a whole server: what a small event costs in allocations, of ours and of
 * libuv's, once it is warm; and what an idle peer holds.
 */
#include "raw_client.h"
#include "test.h"
#include <malloc.h>

enum { PEERS = 3, TIMES = 200, IDLE = 32 };

/* An idle WebSocket's structs, a short handshake, its share of the tables, as the C library rounds
 * the blocks. (AddressSanitizer's allocator does not round them and counts 5 bytes less.) With the
 * allocator's own bytes and libuv's table this is less than 1 KiB of resident memory. */
enum { IDLE_BYTES = 904 };

static uv_loop_t uv;
static sio_server *srv;
static struct raw peers[2 * IDLE];

/* ---- memory ------------------------------------------------------------------------------- */

static size_t sio_calls, uv_calls;
static size_t live; /* bytes of ours */

static void *sio_malloc(size_t n) {
  void *p = malloc(n);
  sio_calls++;
  live += malloc_usable_size(p);
  return p;
}
static void *sio_realloc(void *p, size_t n) {
  live -= malloc_usable_size(p);
  p = realloc(p, n);
  sio_calls++;
  live += malloc_usable_size(p);
  return p;
}
static void sio_free(void *p) {
  live -= malloc_usable_size(p);
  free(p);
}

static void *uv_malloc(size_t n) {
  uv_calls++;
  return malloc(n);
}
static void *uv_realloc(void *p, size_t n) {
  uv_calls++;
  return realloc(p, n);
}
static void *uv_calloc(size_t count, size_t n) {
  uv_calls++;
  return calloc(count, n);
}

/* ---- the host ----------------------------------------------------------------------------- */

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  if (sio_nsp_count_sockets(sio_socket_nsp(s), NULL) <= PEERS) sio_join(s, "room");
}

static void on_relay(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s), .rooms = SIO_ROOMS("room") }, "relayed",
                SIO_ARGS(sio_arg(e, 0)));
}

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, sio_argv((sio_val[]){ sio_event_args(e) }, 1));
}

static void on_visit(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_join(s, "a room that is new each time");
  sio_leave(s, "a room that is new each time");
  sio_emit(s, "visited", SIO_NONE);
}

static bool join(struct raw *c) {
  return raw_open(c, srv) && raw_upgrade(c, "/socket.io/?EIO=4&transport=websocket") &&
         raw_expect(c, "0{") && raw_text(c, "40") && raw_expect(c, "40{");
}

static bool join_some(int from, int to) {
  for (int i = from; i < to; i++)
    if (!join(&peers[i])) return false;
  return true;
}

static bool start(void) {
  sio_nsp *root;
  sio_set_allocator(sio_malloc, sio_realloc, sio_free);
  uv_replace_allocator(uv_malloc, uv_realloc, uv_calloc, free);
  for (int i = 0; i < 2 * IDLE; i++) peers[i].fd = -1;
  if (uv_loop_init(&uv) || sio_server_new(&uv, NULL, &srv) || sio_of(srv, "/", &root)) return false;
  sio_on_connect(root, on_connect, NULL);
  sio_on(root, "relay", on_relay, NULL);
  sio_on(root, "echo", on_echo, NULL);
  sio_on(root, "visit", on_visit, NULL);
  return join_some(0, PEERS);
}

static void stop(void) {
  for (int i = 0; i < 2 * IDLE; i++) raw_close(&peers[i]);
  sio_server_close(srv, NULL, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&uv), 0);
  EQ(live, 0);
}

/* Every peer sees `want`, and has room for more. */
static bool all_hear(const char *want) {
  for (int i = 0; i < PEERS; i++) {
    if (!raw_expect(&peers[i], want)) return false;
    peers[i].n = peers[i].seen = 0;
  }
  return true;
}

static bool one_hears(const char *want) {
  if (!raw_expect(&peers[0], want)) return false;
  peers[0].n = peers[0].seen = 0;
  return true;
}

static bool relay(void) {
  return raw_text(&peers[0], "42[\"relay\",{\"text\":\"hello\",\"n\":[1,2.5,null]}]") &&
         all_hear("42[\"relayed\",{\"text\":\"hello\",\"n\":[1,2.5,null]}]");
}

static bool echo(void) {
  return raw_text(&peers[0], "427[\"echo\",\"hello\",1]") && one_hears("437[\"hello\",1]");
}

static bool visit(void) {
  return raw_text(&peers[0], "42[\"visit\"]") && one_hears("42[\"visited\"]");
}

/* Allocations in so many events, once everything that is kept for reuse is there. */
static size_t allocations(bool (*event)(void)) {
  for (int i = 0; i < TIMES; i++) CHECK(event());
  size_t before = sio_calls + uv_calls;
  for (int i = 0; i < TIMES; i++) CHECK(event());
  return sio_calls + uv_calls - before;
}

/* ---- the sentences --------------------------------------------------------------------------- */

TEST(a_small_relayed_event_allocates_nothing) {
  REQUIRE(start());
  EQ(allocations(relay), 0);
  stop();
}

TEST(a_small_acked_event_allocates_nothing) {
  REQUIRE(start());
  EQ(allocations(echo), 0);
  stop();
}

TEST(allocations_are_counted_where_there_are_any) {
  REQUIRE(start());
  CHECK(allocations(visit) >= TIMES);
  stop();
}

/* A turn after the last peer's, for what is freed late. */
static size_t live_with(int from, int to) {
  CHECK(join_some(from, to));
  for (int i = 0; i < 4; i++) uv_run(&uv, UV_RUN_NOWAIT);
  return live;
}

TEST(an_idle_websocket_holds_little) {
  REQUIRE(start());
  size_t half = live_with(PEERS, IDLE), all = live_with(IDLE, 2 * IDLE);
  size_t each = (all - half) / IDLE;
  if (each > IDLE_BYTES) EQ(each, IDLE_BYTES);
  CHECK(each > 400);
  stop();
}

TESTS_BEGIN
T(a_small_relayed_event_allocates_nothing)
T(a_small_acked_event_allocates_nothing)
T(allocations_are_counted_where_there_are_any)
T(an_idle_websocket_holds_little)
TESTS_END
