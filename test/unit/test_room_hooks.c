/* SPDX-License-Identifier: MIT */
#include "peer.h"

static const char *shown(const char *room) { return strlen(room) == SIO__ID_LEN ? "own" : room; }

static void on_create(sio_nsp *nsp, const char *room, void *user) {
  (void)nsp, (void)user;
  trace("create:%s ", shown(room));
}
static void on_join(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)user;
  CHECK(sio_in_room(s, room));
  trace("join:%s ", shown(room));
}
static void on_leave(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)user;
  CHECK(!sio_in_room(s, room));
  CHECK(sio_socket_id(s)[0]);
  trace("leave:%s ", shown(room));
}
static void on_remove(sio_nsp *nsp, const char *room, void *user) {
  (void)nsp, (void)user;
  trace("remove:%s ", shown(room));
}

static const sio_room_hooks all = {
  .create = on_create, .join = on_join, .leave = on_leave, .remove = on_remove
};

static void begin(void) {
  start(NULL);
  EQ(sio_on_room(root, &all, NULL), 0);
}

TEST(a_room_is_created_by_its_first_member_and_removed_behind_its_last) {
  begin();
  joined();
  joined();
  SAW("create:own join:own create:own join:own ");
  sio_join(root->members[0], "a");
  sio_join(root->members[0], "a");
  sio_join(root->members[1], "a");
  SAW("create:a join:a join:a ");
  sio_leave(root->members[0], "a");
  sio_leave(root->members[0], "a");
  sio_leave(root->members[0], "never");
  SAW("leave:a ");
  sio_leave(root->members[1], "a");
  SAW("leave:a remove:a ");
  stop();
}

TEST(who_goes_leaves_every_room_its_own_last) {
  begin();
  struct peer *p = joined();
  sio_join(root->members[0], "a");
  sio_join(root->members[0], "b");
  saw();
  hang_up(p);
  const char *t = saw();
  CHECK(strcmp(t, "leave:a remove:a leave:b remove:b leave:own remove:own ") == 0 ||
        strcmp(t, "leave:b remove:b leave:a remove:a leave:own remove:own ") == 0);
  stop();
}

TEST(bulk_verbs_tell_of_rooms_too) {
  begin();
  joined();
  joined();
  saw();
  sio_all_join((sio_target){ .nsp = root }, SIO_ROOMS("x"));
  sio_all_leave((sio_target){ .nsp = root }, SIO_ROOMS("x"));
  SAW("create:x join:x join:x leave:x leave:x remove:x ");
  stop();
}

TEST(a_room_named_like_a_socket_is_there_as_long_as_either) {
  begin();
  struct peer *p = joined();
  char id[SIO__ID_LEN + 1];
  strcpy(id, root->members[0]->id);
  joined();
  saw();
  sio_join(root->members[1], id);
  EQ(sio_nsp_count_sockets(root, id), 2);
  SAW("join:own ");
  hang_up(p);
  SAW("leave:own ");
  EQ(sio_nsp_count_sockets(root, id), 1);
  sio_leave(root->members[0], id);
  SAW("leave:own remove:own ");
  EQ(sio_nsp_count_sockets(root, id), 0);
  stop();
}

static sio_socket *waiting;
static sio_next *verdict;

static void keep_waiting(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  waiting = s;
  verdict = next;
}

TEST(one_that_is_there_before_its_socket_is_made_once) {
  begin();
  joined();
  sio_use(root, keep_waiting, NULL);
  saw();
  say(peer_new(), "40");
  sio_join(root->members[0], waiting->id);
  SAW("create:own join:own ");
  sio_next_ok(verdict);
  turn();
  SAW("join:own ");
  EQ(sio_nsp_count_sockets(root, waiting->id), 2);
  stop();
}

static void leave_again(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)user;
  trace("again:%s ", room);
  sio_leave(s, room);
  sio_leave(s, "b");
  if (root->nmembers > 1) sio_leave(root->members[1], "a");
}

TEST(a_leave_hook_may_leave_again) {
  start(NULL);
  sio_on_room(root, &(sio_room_hooks){ .leave = leave_again }, NULL);
  joined();
  joined();
  for (int i = 0; i < 2; i++) {
    sio_join(root->members[i], "a");
    sio_join(root->members[i], "b");
  }
  sio_leave(root->members[0], "a");
  const char *t = saw();
  size_t n = 0;
  for (const char *at = t; (at = strstr(at, "again:")); at++) n++;
  EQ(n, 4); /* both out of both */
  EQ(sio_nsp_count_sockets(root, "a"), 0);
  EQ(sio_nsp_count_sockets(root, "b"), 0);
  stop();
}

static void let_the_other_join(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  sio_socket *other = nsp->members[s == nsp->members[0]];
  (void)user;
  if (nsp->nmembers == 2 && strcmp(room, "a") == 0) sio_join(other, room);
}

TEST(a_room_is_removed_before_a_leave_hook_makes_another_socket_create_it_again) {
  begin();
  sio_on_room(root, &(sio_room_hooks){ .leave = let_the_other_join }, NULL);
  joined();
  joined();
  sio_join(root->members[0], "a");
  saw();
  sio_leave(root->members[0], "a");
  SAW("leave:a remove:a create:a join:a ");
  EQ(sio_nsp_count_sockets(root, "a"), 1);
  sio_leave(root->members[1], "a");
  SAW("leave:a remove:a create:a join:a ");
  stop();
}

static void leave_others(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)s, (void)user;
  sio_all_leave((sio_target){ .nsp = nsp, .rooms = SIO_ROOMS(room) }, SIO_ROOMS("a", "b", "c"));
  EQ(sio_join(s, "d"), sio_socket_connected(s) ? 0 : SIO_ECLOSED);
}

TEST(hooks_change_rooms_while_a_socket_goes) {
  start(NULL);
  sio_on_room(root, &(sio_room_hooks){ .leave = leave_others }, NULL);
  struct peer *p = joined();
  joined();
  for (uint32_t i = 0; i < 2; i++)
    for (const char *const *r = SIO_ROOMS("a", "b", "c"); *r; r++) sio_join(root->members[i], *r);
  hang_up(p);
  EQ(sio_nsp_count_sockets(root, "a") + sio_nsp_count_sockets(root, "b") +
         sio_nsp_count_sockets(root, "c"),
     0);
  stop();
}

static void enter_room(sio_socket *s, sio_next *next, void *user) {
  (void)user;
  sio_join(s, "lobby");
  sio_next_fail(next, "no", sio_null());
}

TEST(who_never_connected_leaves_the_rooms_it_joined_but_had_none_of_its_own) {
  begin();
  sio_use(root, enter_room, NULL);
  say(peer_new(), "40");
  turn();
  SAW("create:lobby join:lobby leave:lobby remove:lobby ");
  stop();
}

TEST(rooms_can_be_listed) {
  start(NULL);
  joined();
  joined();
  sio_join(root->members[0], "a");
  sio_join(root->members[1], "a");
  const char *rooms[3], *untouched = rooms[2] = "untouched";
  EQ(sio_nsp_rooms(root, rooms, 2), 3);
  CHECK(rooms[2] == untouched);
  EQ(sio_nsp_rooms(root, rooms, 3), 3);
  for (size_t i = 0; i < 3; i++)
    trace("%s=%zu ", shown(rooms[i]), sio_nsp_count_sockets(root, rooms[i]));
  SAW("a=2 own=1 own=1 ");
  EQ(sio_nsp_count_sockets(root, NULL), 2);
  EQ(sio_nsp_count_sockets(root, "a"), 2);
  EQ(sio_nsp_count_sockets(root, "none"), 0);
  EQ(sio_nsp_count_sockets(root, ""), 0);
  stop();
}

TEST(hooks_without_slots_and_without_memory) {
  start(NULL);
  EQ(sio_on_room(root, &(sio_room_hooks){ .leave = NULL }, NULL), 0);
  EQ(sio_on_room(root, NULL, NULL), UV_EINVAL);
  for (size_t i = 1; i < 3; i++) {
    alloc_fail_in(i);
    EQ(sio_on_room(root, &all, NULL), UV_ENOMEM);
  }
  alloc_fail_in(0);
  joined();
  sio_join(root->members[0], "a");
  alloc_fail_all(); /* even so everything is left */
  hang_up(peers[0]);
  alloc_fail_in(0);
  EQ(sio_nsp_count_sockets(root, "a"), 0);
  SAW("");
  stop();
}

static void count_room(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)room, (void)s;
  ++*(unsigned *)user;
}

/* Each is found where the last one was: a search from the start would take minutes under
 * valgrind. */
TEST(who_goes_is_told_to_leave_each_of_very_many_rooms) {
  static const sio_room_hooks counting = { .leave = count_room };
  enum { ROOMS = 100000 };
  unsigned left = 0;
  char name[16];
  start(NULL);
  EQ(sio_on_room(root, &counting, &left), 0);
  struct peer *p = joined();
  for (unsigned i = 0; i < ROOMS; i++) {
    snprintf(name, sizeof name, "%u", i);
    REQUIRE(sio_join(root->members[0], name) == 0);
  }
  hang_up(p);
  EQ(left, ROOMS + 1);
  stop();
}

TESTS_BEGIN
T(a_room_is_created_by_its_first_member_and_removed_behind_its_last)
T(who_goes_leaves_every_room_its_own_last)
T(bulk_verbs_tell_of_rooms_too)
T(a_room_named_like_a_socket_is_there_as_long_as_either)
T(one_that_is_there_before_its_socket_is_made_once)
T(a_leave_hook_may_leave_again)
T(a_room_is_removed_before_a_leave_hook_makes_another_socket_create_it_again)
T(hooks_change_rooms_while_a_socket_goes)
T(who_never_connected_leaves_the_rooms_it_joined_but_had_none_of_its_own)
T(rooms_can_be_listed)
T(who_goes_is_told_to_leave_each_of_very_many_rooms)
T(hooks_without_slots_and_without_memory)
TESTS_END
