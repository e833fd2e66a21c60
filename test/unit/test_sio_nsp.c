/* SPDX-License-Identifier: MIT */
#include "peer.h"
#include <stdalign.h>
#include <stddef.h>

static void on_new(sio_nsp *nsp, void *user) {
  (void)user;
  trace("%s ", sio_nsp_name(nsp));
}

TEST(names_are_completed_and_the_same_name_is_the_same_namespace) {
  start(NULL);
  sio_nsp *a, *b;
  EQ(sio_of(srv, "", &a), 0);
  CHECK(a == root);
  EQ(sio_of(srv, "abc", &a), 0);
  EQ(sio_of(srv, "/abc", &b), 0);
  CHECK(a == b && a != root);
  EQ_STR(sio_nsp_name(a), "/abc");
  CHECK(sio_nsp_find(srv, "abc") == a);
  CHECK(sio_nsp_find(srv, "none") == NULL);
  CHECK(sio_nsp_server(a) == srv);
  stop();
}

TEST(names_that_cannot_travel_are_refused) {
  start(NULL);
  sio_nsp *n;
  char name[257];
  static const char *const bad[] = { "a,b", "/a?b", "/a\n", "/\x7f" };
  for (size_t i = 0; i < 4; i++) EQ(sio_of(srv, bad[i], &n), SIO_ENAME);
  memset(name, 'x', 256);
  name[255] = '\0'; /* and the '/' makes 256 */
  EQ(sio_of(srv, name, &n), SIO_ENAME);
  name[254] = '\0';
  EQ(sio_of(srv, name, &n), 0);
  stop();
}

TEST(a_session_lists_its_sockets_that_are_connected) {
  start(NULL);
  sio_socket *list[4] = { NULL };
  sio_nsp *more;
  EQ(sio_of(srv, "more", &more), 0);
  struct peer *p = joined();
  sio_session *c = p->session;
  EQ(sio_session_sockets(c, list, 4), 1);
  CHECK(list[0] == root->members[0]);
  say(p, "40/more,");
  EQ(sio_session_sockets(c, list, 4), 2);
  CHECK(list[0] != list[1] && list[0] && list[1]);
  CHECK(sio_socket_session(list[0]) == c && sio_socket_session(list[1]) == c);
  list[1] = NULL;
  EQ(sio_session_sockets(c, list, 1), 2);
  CHECK(list[1] == NULL);
  say(p, "41/more,");
  EQ(sio_session_sockets(c, list, 4), 1);
  CHECK(list[0] == root->members[0]);
  stop();
}

TEST(new_namespaces_are_reported_once) {
  start(NULL);
  sio_nsp *n;
  sio_on_nsp(srv, &(sio_nsp_hooks){ .create = on_new }, NULL);
  sio_of(srv, "a", &n);
  sio_of(srv, "/a", &n);
  sio_of(srv, "/", &n);
  sio_of(srv, "b", NULL);
  SAW("/a /b ");
  stop();
}

TEST(a_socket_is_found_by_its_id_while_it_is_connected) {
  start(NULL);
  struct peer *p = joined();
  sio_socket *s = root->members[0];
  CHECK(sio_socket_find(root, sio_socket_id(s)) == s);
  CHECK(sio_socket_find(root, "nobody") == NULL);
  CHECK(sio_socket_nsp(s) == root);
  CHECK(sio_nsp_server(sio_socket_nsp(s)) == srv);
  CHECK(sio_socket_session(s) == p->session);
  char id[32];
  strcpy(id, sio_socket_id(s));
  hang_up(p);
  CHECK(sio_socket_find(root, id) == NULL);
  stop();
}

static void count(sio_socket *s, void *user) {
  CHECK(sio_socket_connected(s));
  ++*(unsigned *)user;
}

TEST(members_come_and_go_in_any_number) {
  start(NULL);
  unsigned n = 0;
  for (int i = 0; i < 100; i++) joined();
  EQ(sio_nsp_count_sockets(root, NULL), 100);
  EQ(srv->core.stats.sockets, 100);
  for (int i = 0; i < 100; i++)
    if (i % 7) hang_up(peers[i]);
  EQ(sio_nsp_count_sockets(root, NULL), 15);
  EQ(sio_all_each((sio_target){ .nsp = root }, count, &n), 0);
  EQ(n, 15);
  CHECK(root->members_cap <= 64);
  stop();
}

TEST(user_bytes_start_as_zeros_and_are_aligned) {
  start(&(sio_options){ .socket_data_size = 33 });
  joined();
  unsigned char *data = sio_socket_data(root->members[0]);
  EQ((uintptr_t)data % alignof(max_align_t), 0);
  for (int i = 0; i < 33; i++) EQ(data[i], 0);
  memset(data, 'x', 33);
  stop();
}

TEST(without_a_size_there_are_no_user_bytes) {
  start(NULL);
  joined();
  CHECK(sio_socket_data(root->members[0]) == NULL);
  stop();
}

TEST(a_namespace_that_cannot_be_made_leaves_nothing) {
  bool failed = true;
  for (size_t i = 1; failed && i < 20; i++) {
    start(NULL);
    sio_nsp *n;
    size_t live = alloc_live, before = alloc_calls;
    alloc_fail_in(i);
    int err = sio_of(srv, "a", &n);
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    if (err) {
      EQ(err, UV_ENOMEM);
      EQ(alloc_live, live);
      CHECK(sio_nsp_find(srv, "a") == NULL);
    }
    stop();
  }
  CHECK(!failed);
}

static void nothing(sio_socket *s, sio_event *e, void *user) { (void)s, (void)e, (void)user; }

TEST(a_handler_that_cannot_be_registered_leaves_nothing) {
  bool failed = true;
  for (size_t i = 1; failed && i < 20; i++) {
    start(NULL);
    size_t live = alloc_live, before = alloc_calls;
    alloc_fail_in(i);
    int err = sio_on(root, "a", nothing, NULL);
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    if (!err) EQ(sio_off(root, "a", nothing, NULL), 0);
    EQ(alloc_live, live);
    stop();
  }
  CHECK(!failed);
}

TEST(without_memory_the_list_of_members_keeps_its_size) {
  struct peer *many[100];
  start(NULL);
  for (int i = 0; i < 100; i++) many[i] = joined();
  alloc_fail_all();
  for (int i = 0; i < 99; i++) hang_up(many[i]);
  alloc_fail_in(0);
  EQ(root->nmembers, 1);
  CHECK(root->members_cap >= 100);
  sio_broadcast((sio_target){ .nsp = root }, "x", SIO_NONE);
  HEARD(many[99], "42[\"x\"] ");
  HEARD(joined(), "");
  stop();
}

TEST(a_namespace_that_was_full_gives_the_memory_of_its_list_back) {
  struct peer *many[100];
  start(NULL);
  for (int i = 0; i < 100; i++) many[i] = joined();
  CHECK(root->members_cap >= 100);
  for (int i = 0; i < 100; i++) hang_up(many[i]);
  EQ(root->nmembers, 0);
  CHECK(root->members_cap <= 16);
  stop();
}

TESTS_BEGIN
T(without_memory_the_list_of_members_keeps_its_size)
T(a_namespace_that_was_full_gives_the_memory_of_its_list_back)
T(names_are_completed_and_the_same_name_is_the_same_namespace)
T(names_that_cannot_travel_are_refused)
T(a_session_lists_its_sockets_that_are_connected)
T(new_namespaces_are_reported_once)
T(a_socket_is_found_by_its_id_while_it_is_connected)
T(members_come_and_go_in_any_number)
T(user_bytes_start_as_zeros_and_are_aligned)
T(without_a_size_there_are_no_user_bytes)
T(a_namespace_that_cannot_be_made_leaves_nothing)
T(a_handler_that_cannot_be_registered_leaves_nothing)
TESTS_END
