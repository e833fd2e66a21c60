/* SPDX-License-Identifier: MIT
 *
 * test_abi.c - programs built against other headers: structs that grow come with their size, and
 * all others stay as they are.
 */
#include "adapters/memory.h"
#include "base/sized.h"
#include "guard.h"
#include "raw_client.h"
#include "server/options.h"
#include "trace.h"
#include "whole.h"

static struct guard before_the_end;

/* The struct as an older program has it: nothing lies behind its first n bytes. */
static const void *older(const void *all, size_t n) { return guard_put(&before_the_end, all, n); }

/* ---- what an older program does not say, and a newer one does -------------------------------- */

TEST(an_older_program_says_less) {
  sio_options in, out;
  const size_t first = offsetof(sio_options, transports);
  memset(&in, 0xee, sizeof in);
  in.path = "/x";
  in.size = first;
  EQ(sio__read_sized_struct(&out, sizeof out, older(&in, first), first), 0);
  CHECK(out.path == in.path);
  EQ(out.max_payload, 0);
  in.size = 0;
  EQ(sio__read_sized_struct(&out, sizeof out, older(&in, first), first), 0);
  CHECK(out.path == in.path);
  EQ(out.max_payload, 0);
  EQ(sio__read_sized_struct(&out, sizeof out, NULL, first), 0);
  CHECK(out.path == NULL);
  guard_clear(&before_the_end);
}

TEST(a_newer_program_may_not_say_what_we_do_not_know) {
  struct {
    sio_options o;
    uint64_t more;
  } in = { .o = { .size = sizeof in } };
  sio_options out;
  EQ(sio__read_sized_struct(&out, sizeof out, &in, sizeof out), 0);
  in.more = 1;
  EQ(sio__read_sized_struct(&out, sizeof out, &in, sizeof out), UV_EINVAL);
}

/* ---- the host's tables ----------------------------------------------------------------------- */

static void on_open(sio_session *c, void *user) {
  (void)c;
  trace("open%s ", (const char *)user);
}

static void on_create(sio_nsp *nsp, const char *room, void *user) {
  (void)nsp, (void)user;
  trace("create:%s ", room);
}

static void on_new_nsp(sio_nsp *nsp, void *user) {
  (void)user;
  trace("%s ", sio_nsp_name(nsp));
}

static void on_ws_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)binary, (void)user;
  trace("ws:%.*s ", (int)data.n, data.p);
  sio_ws_send(w, false, data);
}

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  sio_join(s, "room");
}

static bool talk(struct raw *c, const char *path, const char *say, const char *want) {
  return raw_open(c, srv) && raw_upgrade(c, path) && raw_text(c, say) && raw_expect(c, want);
}

/* A field of a later version is not read where the program says that it has none. */
TEST(tables_of_an_older_program_are_read_as_far_as_they_go) {
  const sio_engine_hooks hooks = { .open = on_open };
  const sio_engine_callbacks raw = { .open = on_open };
  const sio_ws_callbacks plain = { .message = on_ws_message };
  const sio_room_hooks rooms = { .create = on_create };
  const sio_nsp_hooks nsps = { .create = on_new_nsp };
  struct raw a, b, c;
  traced[0] = '\0';
  whole_start(NULL);
  sio_on_connect(root, on_connect, NULL);
  EQ(sio_on_engine(srv, older(&hooks, sizeof hooks), "ed"), 0);
  EQ(sio_engine_route(srv, "/raw", older(&raw, sizeof raw), "!"), 0);
  EQ(sio_ws_route(srv, "/plain", older(&plain, sizeof plain), NULL), 0);
  EQ(sio_on_room(root, older(&rooms, sizeof rooms), NULL), 0);
  EQ(sio_on_nsp(srv, older(&nsps, sizeof nsps), NULL), 0);
  guard_clear(&before_the_end);
  EQ(sio_of(srv, "/more", NULL), 0);
  SAW("/more ");
  CHECK(talk(&a, "/plain", "hi", "hi"));
  SAW("ws:hi ");
  CHECK(talk(&b, "/raw/?EIO=4&transport=websocket", "3", "0{"));
  SAW("opened open! ");
  CHECK(talk(&c, "/socket.io/?EIO=4&transport=websocket", "40", "40{"));
  const char *saw_all = saw();
  CHECK(strstr(saw_all, "opened ") && strstr(saw_all, "create:room "));
  raw_close(&a);
  raw_close(&b);
  raw_close(&c);
  whole_stop();
}

/* A table of a newer program; what of it we do not know says something or nothing. */
#define NEWER(type, ...)                                                    \
  &(struct {                                                                \
    type known;                                                             \
    void (*more)(void);                                                     \
  }) {                                                                      \
    .known = { .size = sizeof(type) + sizeof(void *) }, .more = __VA_ARGS__ \
  }

static void more(void) {}

TEST(a_table_that_begins_with_its_size_may_be_longer_and_not_shorter) {
  struct {
    sio_room_hooks known;
    void (*more)(void);
  } newer = { .known = { .size = sizeof newer } };
  whole_start(NULL);
  EQ(sio_on_room(root, &newer.known, NULL), 0);
  newer.more = more;
  EQ(sio_on_room(root, &newer.known, NULL), UV_EINVAL);
  newer.known.size = sizeof(size_t);
  EQ(sio_on_room(root, &newer.known, NULL), UV_EINVAL);
  whole_stop();
}

TEST(tables_of_a_newer_program_may_be_longer_but_not_say_more) {
  whole_start(NULL);
  const void *hooks = NEWER(sio_engine_hooks, NULL), *raw = NEWER(sio_engine_callbacks, NULL),
             *plain = NEWER(sio_ws_callbacks, NULL), *nsps = NEWER(sio_nsp_hooks, NULL);
  EQ(sio_on_engine(srv, hooks, NULL), 0);
  EQ(sio_engine_route(srv, "/raw", raw, NULL), 0);
  EQ(sio_ws_route(srv, "/plain", plain, NULL), 0);
  EQ(sio_on_nsp(srv, nsps, NULL), 0);
  hooks = NEWER(sio_engine_hooks, more), raw = NEWER(sio_engine_callbacks, more),
  plain = NEWER(sio_ws_callbacks, more), nsps = NEWER(sio_nsp_hooks, more);
  EQ(sio_on_engine(srv, hooks, NULL), UV_EINVAL);
  EQ(sio_engine_route(srv, "/raw2", raw, NULL), UV_EINVAL);
  EQ(sio_ws_route(srv, "/plain2", plain, NULL), UV_EINVAL);
  EQ(sio_on_nsp(srv, nsps, NULL), UV_EINVAL);
  whole_stop();
}

/* ---- enumerators ---------------------------------------------------------------------------- */

/* A program that was compiled with an older header compares with these numbers. New enumerators get
 * the next number, before ..._END. */
TEST(enumerators_keep_their_numbers) {
  EQ(SIO_REJECT_CONNECTIONS, 0);
  EQ(SIO_REJECT_TLS, 8);
  EQ(SIO_REASON_SERVER_NSP_DISCONNECT, 9);
  EQ(SIO_ELIMIT, -10012);
  EQ(SIO_SPREAD, 12);
  EQ(SIO_TLS_OTHER, 2);
  EQ(SIO_TLS_FAILED_BROKEN, 11);
  EQ(SIO_HTTP_TIMEOUT, 3);
  EQ(SIO_HTTP_NO_MEMORY, 4);
  EQ(SIO_ENGINE_REFUSED_DRAINING, 7);
  EQ(SIO_WS_CLOSE_APPLICATION, 3);
  EQ(SIO_REFUSED_TOO_MANY, 3);
  EQ(SIO_PART_ADAPTER, 5);
  EQ(SIO_LOG_TRACE, 5);
  EQ(SIO_FULL_CLOSE, 3);
  EQ(SIO_LIMITED_CLOSE, 1);
  EQ(SIO_FORWARDED_RFC7239, 1);
  EQ(SIO_SESSION_CLOSED, 2);
  EQ(SIO_ENGINE_NOOP, 6);
  EQ(SIO_PACKET_CONNECT_ERROR, 4);
  EQ(SIO_ROOM_REMOVED, 3);
  EQ(SIO_SAMESITE_UNSET, 3);
}

/* ---- structs that options point to ---------------------------------------------------------- */

static int try_options(const sio_options *opts) {
  sio_server *s = NULL;
  uv_loop_t l;
  uv_loop_init(&l);
  int err = sio_server_new(&l, opts, &s);
  if (s) sio_server_close(s, NULL, NULL);
  uv_run(&l, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&l), 0);
  return err;
}

TEST(structs_that_options_point_to_say_how_long_they_are) {
  struct {
    sio_recovery known;
    uint64_t more;
  } recovery = { .known = { .size = sizeof recovery } };
  sio_options opts = { .recovery = &recovery.known };
  EQ(try_options(&opts), 0);
  recovery.more = 1;
  EQ(try_options(&opts), UV_EINVAL);
  recovery.known.size = sizeof recovery.known;
  EQ(try_options(&opts), 0);
  recovery.known.size--;
  EQ(try_options(&opts), UV_EINVAL);
}

TEST(a_table_that_says_it_is_shorter_than_the_first_version_is_refused) {
  sio_adapter_ops adapter = sio__adapter_memory;
  adapter.size = 0;
  EQ(try_options(&(sio_options){ .adapter = &adapter }), 0);
  adapter.size = sizeof adapter - 1;
  EQ(try_options(&(sio_options){ .adapter = &adapter }), UV_EINVAL);
  sio_parser_ops parser = *sio_parser_msgpack;
  parser.size = sizeof parser - 1;
  EQ(try_options(&(sio_options){ .parser = &parser }), UV_EINVAL);
}

/* ---- statistics ----------------------------------------------------------------------------- */

/* A new reason or cause must not move the fields after it. */
TEST(arrays_of_the_statistics_have_room_for_more_causes) {
  const int ends[] = { SIO_REASON_END,      SIO_REJECT_END,       SIO_TLS_FAILED_END,
                       SIO_TLS_VERSION_END, SIO_HTTP_REFUSED_END, SIO_ENGINE_REFUSED_END,
                       SIO_WS_CLOSE_END,    SIO_REFUSED_END,      SIO_RECOVERY_END };
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) CHECK(ends[i] < SIO_STATS_SLOTS);
}

TEST(statistics_are_filled_as_far_as_an_older_program_has_room) {
  sio_stats old = { 0 };
  whole_start(NULL);
  sio_stats *st =
      (sio_stats *)(void *)(uintptr_t)older(&old, offsetof(sio_stats, connections_accepted));
  sio_server_get_stats(srv, st, offsetof(sio_stats, connections_accepted));
  EQ(st->connections, 0);
  guard_clear(&before_the_end);
  whole_stop();
}

/* ---- structs that the library fills in ------------------------------------------------------- */

static char url_seen[32], address_seen[8];
static size_t size_after;
static uint64_t beyond;

/* A request reads itself with the struct of an older, of a newer and of this program. */
static void on_info(sio_request *r, void *user) {
  struct {
    sio_request_info known;
    uint64_t more;
  } newer = { .known = { .size = sizeof newer }, .more = 7 };
  sio_request_info old = { .size = offsetof(sio_request_info, path) };
  (void)user;
  sio_request_info *cut = (sio_request_info *)(void *)(uintptr_t)older(&old, old.size);
  sio_request_get_info(r, cut);
  snprintf(url_seen, sizeof url_seen, "%.*s", (int)cut->url.n, cut->url.p);
  size_after = cut->size;
  sio_request_get_info(r, &newer.known);
  beyond = newer.more;
  memset(&old, 0xee, sizeof old);
  old.size = 0;
  sio_request_get_info(r, &old);
  snprintf(address_seen, sizeof address_seen, "<%s>", old.address);
  guard_clear(&before_the_end);
  sio_respond(r, 200, "text/plain", sio_text("seen"));
}

TEST(what_is_known_of_a_request_is_filled_in_as_far_as_a_program_has_room) {
  struct raw c;
  whole_start(NULL);
  EQ(sio_route(srv, "GET", "/info", 0, on_info, NULL), 0);
  CHECK(raw_open(&c, srv));
  CHECK(raw_get(&c, "/info") && raw_expect(&c, "seen"));
  EQ_STR(url_seen, "/info");
  EQ(size_after, offsetof(sio_request_info, path));
  EQ(beyond, 0);
  EQ_STR(address_seen, "<>");
  raw_close(&c);
  whole_stop();
}

/* ---- what stays as it is ---------------------------------------------------------------------*/

#define WORDS(type) (sizeof(type) / sizeof(uint64_t))

/* They come without their size. What they lack is for a new field of sio_options, or a new call. */
TEST(structs_that_come_without_their_size_do_not_grow) {
  if (sizeof(void *) != sizeof(uint64_t)) return;
  EQ(WORDS(sio_slice), 2);
  EQ(WORDS(sio_val), 4);
  EQ(WORDS(sio_args), 2);
  EQ(WORDS(sio_target), 7);
  EQ(WORDS(sio_histogram), 21);
  EQ(offsetof(sio_stats, log_lines_left_out) / sizeof(uint64_t), 388);
  EQ(WORDS(sio_cors), 10);
  EQ(WORDS(sio_cookie), 7);
  EQ(WORDS(sio_deflate), 4);
  EQ(WORDS(sio_recovery), 4);
  EQ(WORDS(sio_drain_options), 3);
  EQ(WORDS(sio_asset), 5);
  EQ(WORDS(sio_header), 2);
  EQ(WORDS(sio_files_options), 4);
  EQ(WORDS(sio_adapter_ops), 30);
  EQ(WORDS(sio_adapter_api), 27);
  EQ(WORDS(sio_query_watch), 3);
  EQ(WORDS(sio_saved_socket), 8);
  EQ(WORDS(sio_parser_ops), 5);
}

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  if (l->level == SIO_LOG_ERROR) trace("%s", l->text);
}

TEST(a_server_that_is_told_what_it_does_not_know_says_so) {
  struct {
    sio_options o;
    uint64_t more;
  } in = { .o = { .size = sizeof in, .log = on_log }, .more = 1 };
  uv_loop_t own;
  sio_server *made = NULL;
  traced[0] = '\0';
  alloc_install();
  EQ(uv_loop_init(&own), 0);
  EQ(sio_server_new(&own, &in.o, &made), UV_EINVAL);
  CHECK(strstr(saw(), "a field of a newer version is set") != NULL);
  EQ(uv_loop_close(&own), 0);
  EQ(alloc_live, 0);
}

TESTS_BEGIN
T(an_older_program_says_less)
T(a_newer_program_may_not_say_what_we_do_not_know)
T(tables_of_an_older_program_are_read_as_far_as_they_go)
T(a_table_that_begins_with_its_size_may_be_longer_and_not_shorter)
T(tables_of_a_newer_program_may_be_longer_but_not_say_more)
T(enumerators_keep_their_numbers)
T(structs_that_options_point_to_say_how_long_they_are)
T(a_table_that_says_it_is_shorter_than_the_first_version_is_refused)
T(arrays_of_the_statistics_have_room_for_more_causes)
T(statistics_are_filled_as_far_as_an_older_program_has_room)
T(what_is_known_of_a_request_is_filled_in_as_far_as_a_program_has_room)
T(structs_that_come_without_their_size_do_not_grow)
T(a_server_that_is_told_what_it_does_not_know_says_so)
TESTS_END
