/* SPDX-License-Identifier: MIT */
#include "peer.h"

static unsigned n_joined;
static sio_socket *sockets[PEERS]; /* in order of joining */

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  sockets[n_joined++] = s;
}

static void begin(unsigned n) {
  n_joined = 0;
  start(NULL);
  sio_on_connect(root, on_connect, NULL);
  for (unsigned i = 0; i < n; i++) joined();
}

/* Who heard "m" how often: "0 2 2 " is peer 0 once and 2 twice. */
static const char *receivers(void) {
  static char text[4096];
  text[0] = '\0';
  for (unsigned i = 0; i < npeers; i++)
    for (const char *h = heard(peers[i]); (h = strstr(h, "42[\"m\"] ")); h++)
      snprintf(text + strlen(text), sizeof text - strlen(text), "%u ", i);
  return text;
}

static const char *cast(sio_target to) {
  to.nsp = root;
  EQ(sio_broadcast(to, "m", SIO_NONE), 0);
  return receivers();
}

/* ---- audiences ----------------------------------------------------------------------------- */

TEST(a_broadcast_without_rooms_reaches_all_sockets) {
  begin(3);
  const char *r = cast((sio_target){ 0 });
  EQ_STR(r, "0 1 2 ");
  stop();
}

TEST(the_sender_may_be_skipped) {
  begin(3);
  const char *r = cast((sio_target){ .skip = sockets[1] });
  EQ_STR(r, "0 2 ");
  sio_join(sockets[0], "a");
  sio_join(sockets[1], "a");
  r = cast((sio_target){ .rooms = SIO_ROOMS("a"), .skip = sockets[1] });
  EQ_STR(r, "0 ");
  stop();
}

TEST(a_socket_in_several_rooms_gets_one_copy) {
  begin(3);
  sio_join(sockets[0], "a");
  sio_join(sockets[1], "a");
  sio_join(sockets[1], "b");
  const char *r = cast((sio_target){ .rooms = SIO_ROOMS("a", "b", "a", "none") });
  EQ_STR(r, "0 1 ");
  stop();
}

TEST(except_wins_over_rooms) {
  begin(3);
  for (int i = 0; i < 3; i++) sio_join(sockets[i], "a");
  sio_join(sockets[2], "b");
  const char *r = cast((sio_target){ .rooms = SIO_ROOMS("a", "b"), .except = SIO_ROOMS("b") });
  EQ_STR(r, "0 1 ");
  r = cast((sio_target){ .except = SIO_ROOMS("b", "none") });
  EQ_STR(r, "0 1 ");
  stop();
}

TEST(a_broadcast_to_an_empty_list_of_rooms_reaches_no_socket) {
  begin(2);
  const char *const none[] = { NULL };
  const char *r = cast((sio_target){ .rooms = none });
  EQ_STR(r, "");
  stop();
}

TEST(the_room_named_by_its_id_is_the_socket) {
  begin(3);
  const char *id = sio_socket_id(sockets[1]);
  const char *r = cast((sio_target){ .rooms = SIO_ROOMS(id) });
  EQ_STR(r, "1 ");
  r = cast((sio_target){ .except = SIO_ROOMS(id) });
  EQ_STR(r, "0 2 ");
  sio_join(sockets[2], id); /* others may be in it too */
  r = cast((sio_target){ .rooms = SIO_ROOMS(id, id) });
  EQ_STR(r, "1 2 ");
  CHECK(sio_in_room(sockets[1], id));
  EQ(sio_join(sockets[1], id), 0);
  CHECK(sockets[1]->slot == NULL); /* and costs nothing */
  stop();
}

/* A server joins a socket to twenty rooms; the names in the order in which it leaves them. */
static void order_of_rooms(char out[400], size_t blocks_before) {
  void *block[10];
  begin(1);
  out[0] = '\0';
  for (int i = 0; i < 20; i++) {
    char name[16];
    for (size_t k = 0; k < blocks_before; k++) block[k] = sio__malloc(100);
    snprintf(name, sizeof name, "r%d", i);
    EQ(sio_join(sockets[0], name), 0);
    for (size_t k = 0; k < blocks_before; k++) sio__free(block[k]);
  }
  const char *rooms[21];
  EQ(sio_rooms(sockets[0], rooms, 21), 21);
  for (int i = 1; i <= 20; i++) strcat(strcat(out, rooms[i]), " ");
  stop();
}

TEST(the_order_of_a_sockets_rooms_does_not_depend_on_addresses) {
  char first[400], again[400];
  order_of_rooms(first, 0);
  order_of_rooms(again, 7);
  EQ_STR(first, again);
}

TEST(a_broadcast_to_the_id_of_a_socket_that_left_reaches_no_socket) {
  begin(2);
  char id[SIO__ID_LEN + 1];
  strcpy(id, sio_socket_id(sockets[0]));
  hang_up(peers[0]);
  const char *r = cast((sio_target){ .rooms = SIO_ROOMS(id) });
  EQ_STR(r, "");
  stop();
}

TEST(an_empty_room_is_removed) {
  begin(2);
  size_t before = alloc_live;
  sio_join(sockets[0], "a");
  sio_join(sockets[0], "b");
  sio_join(sockets[1], "b");
  CHECK(alloc_live > before);
  EQ(sio_leave(sockets[0], "a"), 0);
  EQ(sio_leave(sockets[0], "never"), 0);
  EQ(sio_leave(sockets[0], "b"), 0);
  hang_up(peers[1]);
  CHECK(alloc_live < before);
  stop();
}

TEST(names_of_rooms_are_1_to_255_bytes) {
  begin(1);
  char name[257];
  memset(name, 'x', 256);
  name[256] = '\0';
  EQ(sio_join(sockets[0], name), SIO_ENAME);
  EQ(sio_leave(sockets[0], name), SIO_ENAME);
  CHECK(!sio_in_room(sockets[0], name));
  name[255] = '\0';
  EQ(sio_join(sockets[0], name), 0);
  CHECK(sio_in_room(sockets[0], name));
  EQ(sio_join(sockets[0], ""), SIO_ENAME);
  EQ(sio_join(sockets[0], NULL), SIO_ENAME);
  stop();
}

/* ---- bulk verbs ------------------------------------------------------------------------------ */

TEST(bulk_join_and_leave_take_the_same_audience) {
  begin(3);
  sio_join(sockets[0], "a");
  sio_join(sockets[1], "a");
  EQ(sio_all_join((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, SIO_ROOMS("a", "b")), 0);
  const char *rooms[3];
  EQ(sio_rooms(sockets[0], rooms, 3), 3);
  EQ_STR(rooms[0], sockets[0]->id);
  bool in_order = strcmp(rooms[1], "a") == 0;
  EQ_STR(rooms[in_order ? 1 : 2], "a");
  EQ_STR(rooms[in_order ? 2 : 1], "b");
  const char *r = cast((sio_target){ .rooms = SIO_ROOMS("b") });
  EQ_STR(r, "0 1 ");
  EQ(sio_all_leave((sio_target){ .nsp = root, .rooms = SIO_ROOMS("b"), .skip = sockets[0] },
                   SIO_ROOMS("a", "b")),
     0);
  r = cast((sio_target){ .rooms = SIO_ROOMS("a", "b") });
  EQ_STR(r, "0 ");
  EQ(sio_all_join((sio_target){ .nsp = root }, SIO_ROOMS("")), SIO_ENAME);
  sio_target nobody = { .nsp = root, .rooms = SIO_ROOMS("nobody") };
  EQ(sio_all_join(nobody, SIO_ROOMS("fine", "")), SIO_ENAME);
  EQ(sio_all_leave(nobody, SIO_ROOMS("")), SIO_ENAME);
  stop();
}

TEST(bulk_disconnect_leaves_the_namespace_or_the_session) {
  begin(3);
  sio_join(sockets[0], "a");
  EQ(sio_all_disconnect((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, false), 0);
  HEARD(peers[0], "41 ");
  CHECK(peers[0]->session != NULL);
  EQ(sio_all_disconnect((sio_target){ .nsp = root }, true), 0);
  HEARD(peers[1], "41 end ");
  HEARD(peers[2], "41 end ");
  HEARD(peers[0], "");
  stop();
}

static void churn(sio_socket *s, void *user) {
  (void)user;
  trace("visit ");
  sio_leave(s, "a");
  sio_join(s, "c");
  sio_join(s, "a");
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a", "c") }, "x", SIO_NONE);
  for (unsigned i = 0; i < n_joined; i++) sio_disconnect(sockets[i], false);
}

TEST(a_visitor_may_join_leave_broadcast_and_disconnect) {
  begin(5);
  for (int i = 0; i < 5; i++) sio_join(sockets[i], "a");
  EQ(sio_all_each((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, churn, NULL), 0);
  SAW("visit "); /* the others were gone when their turn came */
  stop();
}

TEST(without_memory_for_the_list_no_socket_is_visited) {
  begin(3);
  alloc_fail_all();
  EQ(sio_all_each((sio_target){ .nsp = root }, churn, NULL), UV_ENOMEM);
  SAW("");
  stop();
}

TEST(a_broadcast_does_not_reach_a_socket_that_leaves_in_this_turn) {
  begin(2);
  sio_join(sockets[0], "a");
  sio_disconnect(sockets[0], false);
  heard(peers[0]);
  const char *r = cast((sio_target){ .rooms = SIO_ROOMS("a") });
  EQ_STR(r, "");
  stop();
}

TEST(joining_without_memory_changes_nothing) {
  bool failed = true;
  for (size_t i = 1; failed && i < 50; i++) {
    begin(2);
    sio_join(sockets[1], "r3");
    size_t before = alloc_calls;
    alloc_fail_in(i);
    char name[16];
    for (int k = 0; k < 8; k++) {
      snprintf(name, sizeof name, "r%d", k);
      int err = sio_join(sockets[0], name);
      EQ(sio_in_room(sockets[0], name), err == 0);
      CHECK(err == 0 || err == UV_ENOMEM);
    }
    failed = alloc_calls - before >= i;
    alloc_fail_in(0);
    const char *r = cast((sio_target){ .rooms = SIO_ROOMS("r3"), .skip = sockets[0] });
    EQ_STR(r, "1 ");
    stop();
  }
  CHECK(!failed);
}

/* ---- against a naive model ------------------------------------------------------------------- */

enum { M_SOCKETS = 24, M_ROOMS = 12, M_STEPS = 6000 };

static bool model[M_SOCKETS][M_ROOMS];
static const char *room_name[M_ROOMS] = {
  "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"
};
static uint64_t seed;

static unsigned draw(unsigned n) {
  seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (unsigned)(seed >> 33) % n;
}

/* NULL-terminated random rooms; the chosen ones as a mask. */
static unsigned draw_rooms(const char *out[4]) {
  unsigned n = draw(4), mask = 0;
  for (unsigned i = 0; i < n; i++) {
    unsigned r = draw(M_ROOMS);
    out[i] = room_name[r];
    mask |= 1u << r;
  }
  out[n] = NULL;
  return mask;
}

static bool in_any(unsigned s, unsigned mask) {
  for (unsigned r = 0; r < M_ROOMS; r++)
    if ((mask >> r & 1) && model[s][r]) return true;
  return false;
}

static void check_broadcast(void) {
  const char *rooms[4], *except[4];
  unsigned in = draw_rooms(rooms), out = draw_rooms(except), skip = draw(M_SOCKETS + 1);
  bool all = draw(3) == 0;
  char want[4096] = "";
  for (unsigned i = 0; i < M_SOCKETS; i++)
    if ((all || in_any(i, in)) && !in_any(i, out) && i != skip)
      snprintf(want + strlen(want), sizeof want - strlen(want), "%u ", i);
  const char *got = cast((sio_target){ .rooms = all ? NULL : rooms,
                                       .except = except,
                                       .skip = skip < M_SOCKETS ? sockets[skip] : NULL });
  EQ_STR(got, want);
}

static void check_socket(unsigned i) {
  unsigned want = 1;
  for (unsigned r = 0; r < M_ROOMS; r++) {
    EQ(sio_in_room(sockets[i], room_name[r]), model[i][r]);
    want += model[i][r];
  }
  EQ(sio_rooms(sockets[i], NULL, 0), want);
}

static void replace_socket(unsigned i) {
  sio_disconnect(sockets[i], false);
  turn();
  say(peers[i], "40");
  sockets[i] = root->members[root->nmembers - 1];
  heard(peers[i]);
  memset(model[i], 0, sizeof model[i]);
}

static void step(void) {
  unsigned s = draw(M_SOCKETS), r = draw(M_ROOMS);
  switch (draw(8)) {
    case 0:
    case 1:
    case 2:
      EQ(sio_join(sockets[s], room_name[r]), 0);
      model[s][r] = true;
      break;
    case 3:
    case 4:
      EQ(sio_leave(sockets[s], room_name[r]), 0);
      model[s][r] = false;
      break;
    case 5: check_socket(s); break;
    case 6:
      if (draw(20) == 0) replace_socket(s);
      break;
    default: check_broadcast();
  }
}

TEST(rooms_behave_like_a_table_of_booleans) {
  for (seed = 1; seed < 4; seed++) {
    uint64_t this = seed;
    memset(model, 0, sizeof model);
    n_joined = 0;
    start(NULL);
    for (unsigned i = 0; i < M_SOCKETS; i++) {
      joined();
      sockets[i] = root->members[root->nmembers - 1];
    }
    for (int i = 0; i < M_STEPS && !test__failed; i++) step();
    stop();
    seed = this;
  }
}

TEST(a_socket_in_thousands_of_rooms_leaves_them_all) {
  begin(2);
  char name[16];
  for (int i = 0; i < 5000; i++) {
    snprintf(name, sizeof name, "room%d", i);
    EQ(sio_join(sockets[0], name), 0);
    if (i % 3 == 0) EQ(sio_join(sockets[1], name), 0);
  }
  for (int i = 0; i < 5000; i += 2) {
    snprintf(name, sizeof name, "room%d", i);
    EQ(sio_leave(sockets[0], name), 0);
    CHECK(!sio_in_room(sockets[0], name));
  }
  CHECK(sio_in_room(sockets[0], "room4999"));
  hang_up(peers[0]);
  CHECK(sio_in_room(sockets[1], "room4998"));
  stop();
}

TEST(a_socket_is_small) { CHECK(sizeof(struct sio_socket) <= 176); }

/* ---- bulk verbs ------------------------------------------------------------------------------ */

static void count_one(sio_socket *s, void *user) {
  (void)s;
  ++*(unsigned *)user;
}

TEST(bulk_verbs_reach_all_of_many) {
  unsigned n = 0;
  begin(70);
  sio_target all = { .nsp = root };
  EQ(sio_all_join(all, SIO_ROOMS("a")), 0);
  EQ(sio_nsp_count_sockets(root, "a"), 70);
  EQ(sio_all_each((sio_target){ .nsp = root, .rooms = SIO_ROOMS("a") }, count_one, &n), 0);
  EQ(n, 70);
  EQ(sio_all_leave(all, SIO_ROOMS("a")), 0);
  EQ(sio_nsp_count_sockets(root, "a"), 0);
  stop();
}

TEST(a_room_with_the_name_of_a_socket_is_listed_once_with_all_its_members) {
  const char *names[4];
  begin(2);
  sio_join(sockets[1], sio_socket_id(sockets[0]));
  EQ(sio_nsp_rooms(root, names, 4), 2);
  EQ_STR(names[0], sio_socket_id(sockets[0]));
  EQ_STR(names[1], sio_socket_id(sockets[1]));
  EQ(sio_nsp_count_sockets(root, sio_socket_id(sockets[0])), 2);
  const char *r = cast((sio_target){ .rooms = SIO_ROOMS(sio_socket_id(sockets[0])) });
  EQ_STR(r, "0 1 ");
  stop();
}

/* The list grows when there are more than sixteen. */
TEST(without_memory_for_a_longer_list_no_socket_is_visited_either) {
  begin(20);
  alloc_fail_in(2);
  EQ(sio_all_each((sio_target){ .nsp = root }, churn, NULL), UV_ENOMEM);
  SAW("");
  alloc_fail_in(0);
  stop();
}

TEST(a_room_that_a_socket_is_not_in_is_left_without_effect) {
  begin(2);
  sio_join(sockets[0], "a");
  EQ(sio_leave(sockets[1], "a"), 0);
  EQ(sio_leave(sockets[1], "none"), 0);
  EQ(sio_nsp_count_sockets(root, "a"), 1);
  stop();
}

TEST(a_room_that_cannot_grow_stays_as_it_was) {
  begin(20);
  for (unsigned i = 0; i < 20; i++) {
    int err = UV_ENOMEM;
    for (size_t at = 1; err; at++) {
      alloc_fail_in(at);
      err = sio_join(sockets[i], "a");
      alloc_fail_in(0);
      EQ(sio_nsp_count_sockets(root, "a"), err ? i : i + 1);
      EQ(sio_in_room(sockets[i], "a"), !err);
    }
  }
  const char *r = cast((sio_target){ .rooms = SIO_ROOMS("a") });
  EQ_STR(r, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 ");
  stop();
}

TEST(a_room_that_cannot_shrink_stays_in_use) {
  begin(40);
  for (unsigned i = 0; i < 40; i++) EQ(sio_join(sockets[i], "a"), 0);
  alloc_fail_all();
  for (unsigned i = 0; i < 39; i++) EQ(sio_leave(sockets[i], "a"), 0);
  alloc_fail_in(0);
  EQ(sio_nsp_count_sockets(root, "a"), 1);
  const char *r = cast((sio_target){ .rooms = SIO_ROOMS("a") });
  EQ_STR(r, "39 ");
  stop();
}

TESTS_BEGIN
T(a_broadcast_without_rooms_reaches_all_sockets)
T(the_sender_may_be_skipped)
T(a_socket_in_several_rooms_gets_one_copy)
T(except_wins_over_rooms)
T(a_broadcast_to_an_empty_list_of_rooms_reaches_no_socket)
T(the_room_named_by_its_id_is_the_socket)
T(the_order_of_a_sockets_rooms_does_not_depend_on_addresses)
T(a_broadcast_to_the_id_of_a_socket_that_left_reaches_no_socket)
T(an_empty_room_is_removed)
T(names_of_rooms_are_1_to_255_bytes)
T(bulk_join_and_leave_take_the_same_audience)
T(bulk_disconnect_leaves_the_namespace_or_the_session)
T(a_visitor_may_join_leave_broadcast_and_disconnect)
T(without_memory_for_the_list_no_socket_is_visited)
T(a_broadcast_does_not_reach_a_socket_that_leaves_in_this_turn)
T(joining_without_memory_changes_nothing)
T(rooms_behave_like_a_table_of_booleans)
T(a_socket_in_thousands_of_rooms_leaves_them_all)
T(a_socket_is_small)
T(bulk_verbs_reach_all_of_many)
T(a_room_with_the_name_of_a_socket_is_listed_once_with_all_its_members)
T(without_memory_for_a_longer_list_no_socket_is_visited_either)
T(a_room_that_a_socket_is_not_in_is_left_without_effect)
T(a_room_that_cannot_grow_stays_as_it_was)
T(a_room_that_cannot_shrink_stays_in_use)
TESTS_END
