/* SPDX-License-Identifier: MIT
 *
 * test_sio_dynamic_failures.c - dynamic namespaces when memory or time runs out, when the server
 * closes, or when the peer is gone.
 */
#include "dynamic_rig.h"

static void pass_socket(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  sio_next_ok(next);
}

static void ignore_room(sio_nsp *nsp, const char *room, void *user) {
  (void)nsp, (void)room, (void)user;
}

static void hi_too(sio_socket *s, sio_event *e, void *user) { (void)s, (void)e, (void)user; }

TEST(a_child_has_all_callbacks_of_its_parent_or_is_not_made) {
  begin_pattern(NULL);
  sio_nsp *child = NULL;
  for (int i = 0; i < 3; i++) EQ(sio_use(parent, pass_socket, NULL), 0);
  EQ(sio_on(parent, "hi", hi_too, NULL), 0);
  EQ(sio_on(parent, "bye", hi_too, NULL), 0);
  for (int i = 0; i < 2; i++)
    EQ(sio_on_room(parent, &(sio_room_hooks){ .create = ignore_room }, NULL), 0);
  int err = UV_ENOMEM;
  for (size_t at = 1; err; at++) {
    alloc_fail_in(at);
    err = sio_of(srv, "/room-1", &child);
    alloc_fail_in(0);
    CHECK(err == 0 || (err == UV_ENOMEM && !child && !sio_nsp_find(srv, "/room-1")));
    REQUIRE(at < 60);
  }
  SAW("new(/room-1) ");
  CHECK(sio_has_handler(child, "hi") && sio_has_handler(child, "bye"));
  struct peer *p = peer_new();
  say(p, "40/room-1,");
  say(p, "42/room-1,[\"hi\"]");
  SAW("connect(/room-1) hi(/room-1) ");
  stop();
}

TEST(a_child_that_the_host_makes_needs_no_place_for_its_address) {
  begin_pattern(NULL);
  EQ(sio_of_child(parent, "/room-1", NULL), 0);
  CHECK(sio_nsp_find(srv, "/room-1") != NULL);
  alloc_fail_in(1);
  EQ(sio_of_child(parent, "/room-2", NULL), UV_ENOMEM);
  CHECK(!sio_nsp_find(srv, "/room-2"));
  CHECK(!sio_nsp_find(srv, "/no,name"));
  stop();
}

TEST(a_closing_server_makes_no_children_for_its_host) {
  sio_nsp *child;
  begin_pattern(NULL);
  sio_server_close(srv, on_done, NULL);
  EQ(sio_of_child(parent, "/room-1", &child), SIO_ESTATE);
  EQ(sio_of(srv, "/room-1", &child), SIO_ESTATE);
  EQ(sio_of(srv, "/other", &child), SIO_ESTATE);
  stop();
}

TEST(what_is_between_stars_is_found_and_what_is_after_the_last_one_ends_the_name) {
  static const struct {
    const char *pattern, *name;
    bool fits;
  } all[] = { { "/a-*-z", "/a-b-z", true },   { "/a-*-z", "/a-b-y", false },
              { "/a-*-z", "/a-z", false },    { "/a*b*c", "/axxbxxc", true },
              { "/a*b*c", "/axxxxc", false }, { "/a*b*", "/ac", false },
              { "/abc", "/abc", true },       { "/abc", "/abd", false } };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    begin(NULL);
    EQ(sio_of_pattern(srv, all[i].pattern, &parent), 0);
    struct peer *p = peer_new();
    char text[60];
    snprintf(text, sizeof text, "40%s,", all[i].name);
    say(p, text);
    bool in = strncmp(heard(p), "40", 2) == 0;
    if (in != all[i].fits) fprintf(stderr, "%s %s\n", all[i].pattern, all[i].name);
    CHECK(in == all[i].fits);
    stop();
  }
}

TEST(a_second_connect_with_another_auth_without_memory_ends_the_session) {
  begin_held();
  struct peer *p = peer_new();
  say(p, "40/x,{\"a\":1}");
  alloc_fail_in(1);
  say(p, "40/x,{\"a\":2}");
  CHECK(!p->session);
  turn();
  EQ(srv->core.stats.out_of_memory, 1);
  sio_next_ok(held[0]);
  turn();
  CHECK(!sio_nsp_find(srv, "/x"));
  stop();
}

/* Both times are up in the same turn, that of the session first. */
static void session_and_verdict_are_late(const char *more) {
  nheld = 0;
  start(&(sio_options){ .connect_timeout_ms = 1000, .middleware_timeout_ms = 1000 });
  EQ(sio_of_match(srv, hold, NULL, &parent), 0);
  struct peer *p = peer_new();
  clock_ms += 10;
  say(p, "40/x,{\"a\":1}");
  if (more) say(p, more);
  later(5000);
  CHECK(!p->session);
  HEARD(p, "cut ");
  EQ(srv->core.stats.connects_refused[SIO_REFUSED_TIMEOUT], 0);
  EQ(nheld, 1);
  sio_next_ok(held[0]);
  stop();
}

TEST(a_verdict_that_is_late_for_a_session_that_has_ended_is_not_answered) {
  session_and_verdict_are_late(NULL);
  session_and_verdict_are_late("40/x,{\"a\":2}");
  session_and_verdict_are_late("41/x,");
}

static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  trace("%s ", l->text);
}

TEST(a_reserved_name_is_refused_with_the_call_that_is_meant) {
  static const char *const all[][2] = { { "connection", "use sio_on_connect()" },
                                        { "connect", "use sio_on_connect()" },
                                        { "disconnecting", "use sio_on_disconnecting()" },
                                        { "disconnect", "use sio_on_disconnect()" },
                                        { "newListener", "use another name" } };
  start(&(sio_options){ .log = on_log });
  for (size_t i = 0; i < 5; i++) {
    EQ(sio_on(root, all[i][0], hi_too, NULL), SIO_ENAME);
    turn();
    CHECK(strstr(saw(), all[i][1]) != NULL);
  }
  EQ(sio_log_set(srv, "off"), 0);
  EQ(sio_on(root, "connect", hi_too, NULL), SIO_ENAME);
  turn();
  SAW("");
  stop();
}

TEST(hooks_for_removed_namespaces_alone_need_memory_too) {
  begin(NULL);
  alloc_fail_in(1);
  EQ(sio_on_nsp(srv, &(sio_nsp_hooks){ .remove = on_new }, NULL), UV_ENOMEM);
  alloc_fail_in(2);
  EQ(sio_on_nsp(srv, &(sio_nsp_hooks){ .create = on_new, .remove = on_new }, NULL), UV_ENOMEM);
  EQ(sio_of(srv, "/made", NULL), 0);
  SAW("new(/made) ");
  stop();
}

static size_t sockets_at_open = 99;
static void on_open(sio_session *c, void *user) {
  (void)user;
  sockets_at_open = sio_session_sockets(c, NULL, 0);
}

TEST(a_session_that_opens_has_no_sockets_yet) {
  start(NULL);
  sio_on_engine(srv, &(sio_engine_hooks){ .open = on_open }, NULL);
  joined();
  EQ(sockets_at_open, 0);
  EQ(sio_session_sockets(sio_socket_session(root->members[0]), NULL, 0), 1);
  stop();
}

TESTS_BEGIN
T(a_child_has_all_callbacks_of_its_parent_or_is_not_made)
T(a_child_that_the_host_makes_needs_no_place_for_its_address)
T(a_closing_server_makes_no_children_for_its_host)
T(what_is_between_stars_is_found_and_what_is_after_the_last_one_ends_the_name)
T(a_second_connect_with_another_auth_without_memory_ends_the_session)
T(a_verdict_that_is_late_for_a_session_that_has_ended_is_not_answered)
T(a_reserved_name_is_refused_with_the_call_that_is_meant)
T(hooks_for_removed_namespaces_alone_need_memory_too)
T(a_session_that_opens_has_no_sockets_yet)
TESTS_END
