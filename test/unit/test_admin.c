/* SPDX-License-Identifier: MIT
 *
 * test_admin.c - how libsio-admin checks passwords: whose turn it is, who is refused when too many
 * wait, and that no password stays in memory.
 */
#include "admin_rig.h"

enum { PLACES = 16 };

/* ---- replaced functions ---------------------------------------------------------------------- */

static const char *address = "10.0.0.1"; /* of the clients that connect now */

void __real_sio_session_get_info(const sio_session *c, sio_session_info *out);
void __wrap_sio_session_get_info(const sio_session *c, sio_session_info *out);
void __wrap_sio_session_get_info(const sio_session *c, sio_session_info *out) {
  __real_sio_session_get_info(c, out);
  out->address = address;
}

static size_t leaks; /* blocks with a password that were freed */

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p) {
  size_t n = p ? malloc_usable_size(p) : 0;
  leaks += n && memmem(p, n, "secret-", 7) != NULL;
  __real_free(p);
}

static void *last_calloc; /* libsio-admin allocates a check with calloc(), and libsio nothing */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) { return last_calloc = __real_calloc(count, size); }

static int post_error; /* what sio_post() returns; 0: it works */

int __real_sio_post(sio_server *server, void (*cb)(sio_server *, void *), void *user);
int __wrap_sio_post(sio_server *server, void (*cb)(sio_server *, void *), void *user);
int __wrap_sio_post(sio_server *server, void (*cb)(sio_server *, void *), void *user) {
  return post_error ? post_error : __real_sio_post(server, cb, user);
}

/* ---- clients --------------------------------------------------------------------------------- */

static void admin_start(void) {
  whole_start(NULL);
  EQ(sio_admin_attach(srv, &(sio_admin_options){ .username = "admin", .password = HASH }), 0);
}

static sio_test_peer *sign_in(const char *from, const char *password) {
  sio_test_peer *p = NULL;
  char auth[128];
  snprintf(auth, sizeof auth, "{\"username\":\"admin\",\"password\":\"%s\"}", password);
  address = from;
  if (sio_test_connect(srv, "/admin", auth, &p)) abort();
  return p;
}

/* ---- the sentences --------------------------------------------------------------------------- */

TEST(options_of_a_newer_program_are_taken_if_what_is_not_known_is_zero) {
  struct {
    sio_admin_options known;
    uint64_t more;
  } newer = { .known = { .size = sizeof newer, .no_auth = true } };
  whole_start(NULL);
  newer.more = 1;
  EQ(sio_admin_attach(srv, &newer.known), UV_EINVAL);
  newer.more = 0;
  EQ(sio_admin_attach(srv, &newer.known), 0);
  newer.known.size = sizeof newer.known - 1;
  EQ(sio_admin_attach(srv, &newer.known), UV_EINVAL);
  whole_stop();
}

TEST(one_address_cannot_take_the_places_of_others) {
  sio_test_peer *guesser[PLACES + 4], *owner;
  admin_start();
  for (size_t i = 0; i < PLACES; i++) guesser[i] = sign_in("10.0.0.1", "wrong");
  for (size_t i = PLACES; i < PLACES + 4; i++) {
    guesser[i] = sign_in("10.0.0.1", "wrong");
    turn();
    EQ_STR(answer(guesser[i]), BUSY);
  }
  owner = sign_in("10.0.0.2", "changeit");
  turn();
  EQ_STR(answer(owner), "");
  EQ_STR(answer(guesser[PLACES - 1]), BUSY); /* its place is the owner's now */
  finish_check();
  EQ_STR(answer(guesser[0]), INVALID);
  finish_check(); /* the owner comes before the other guesses */
  EQ_STR(answer(owner), "connect");
  EQ_STR(answer(guesser[1]), "");
  free_all(guesser, PLACES + 4);
  sio_test_free(owner);
  admin_stop();
}

TEST(an_ipv6_address_counts_as_its_64) {
  sio_test_peer *guesser[PLACES], *other;
  admin_start();
  for (size_t i = 0; i < PLACES; i++) {
    char from[64];
    snprintf(from, sizeof from, "2001:db8:1:2::%zx", i + 1);
    guesser[i] = sign_in(from, "wrong");
  }
  other = sign_in("2001:db8:1:2:ffff::1", "wrong");
  turn();
  EQ_STR(answer(other), BUSY);
  sio_test_free(other);
  other = sign_in("2001:db8:1:3::1", "wrong");
  turn();
  EQ_STR(answer(other), "");
  EQ_STR(answer(guesser[PLACES - 1]), BUSY);
  free_all(guesser, PLACES);
  sio_test_free(other);
  admin_stop();
}

TEST(sixteen_addresses_have_a_place_each_and_keep_it) {
  sio_test_peer *first[PLACES], *late;
  admin_start();
  for (size_t i = 0; i < PLACES; i++) {
    char from[64];
    snprintf(from, sizeof from, "10.0.1.%zu", i);
    first[i] = sign_in(from, "wrong");
  }
  late = sign_in("10.0.2.1", "wrong");
  turn();
  EQ_STR(answer(late), BUSY);
  for (size_t i = 0; i < PLACES; i++) {
    finish_check();
    EQ_STR(answer(first[i]), INVALID);
  }
  free_all(first, PLACES);
  sio_test_free(late);
  admin_stop();
}

TEST(an_owner_is_given_the_last_place_of_the_address_that_has_most) {
  sio_test_peer *many[PLACES - 2], *few[2], *owner;
  admin_start();
  for (size_t i = 0; i < PLACES - 2; i++) many[i] = sign_in("10.0.0.1", "wrong");
  for (size_t i = 0; i < 2; i++) few[i] = sign_in("10.0.0.2", "wrong");
  owner = sign_in("10.0.0.3", "changeit");
  turn();
  EQ_STR(answer(owner), "");
  EQ_STR(answer(many[PLACES - 3]), BUSY);
  for (size_t i = 0; i < PLACES - 3; i++) EQ_STR(answer(many[i]), "");
  for (size_t i = 0; i < 2; i++) EQ_STR(answer(few[i]), "");
  free_all(many, PLACES - 2);
  free_all(few, 2);
  sio_test_free(owner);
  admin_stop();
}

/* 10.0.0.1 is also how the IPv6 address begins, and no address is all zeros. */
TEST(addresses_of_different_kinds_are_different_addresses) {
  static const char *const from[] = { "10.0.0.1", "a00:1::1", "", "0.0.0.0", "::1" };
  enum { KINDS = sizeof from / sizeof *from };
  sio_test_peer *first[KINDS], *again = NULL;
  admin_start();
  sio_test_peer *busy[PLACES];
  for (size_t i = 0; i < PLACES; i++) busy[i] = sign_in(from[0], "wrong");
  for (size_t i = 1; i < KINDS; i++) {
    first[i] = sign_in(from[i], "wrong");
    turn();
    EQ_STR(answer(first[i]), "");
    EQ_STR(answer(busy[PLACES - i]), BUSY);
  }
  again = sign_in(from[0], "wrong");
  turn();
  EQ_STR(answer(again), BUSY);
  free_all(busy, PLACES);
  free_all(first + 1, KINDS - 1);
  sio_test_free(again);
  admin_stop();
}

TEST(addresses_take_turns) {
  sio_test_peer *a[3], *b[2];
  admin_start();
  for (size_t i = 0; i < 3; i++) a[i] = sign_in("10.0.0.1", "wrong");
  b[0] = sign_in("10.0.0.2", "wrong");
  finish_check();
  EQ_STR(answer(a[0]), INVALID);
  b[1] = sign_in("10.0.0.2", "wrong");
  finish_check();
  EQ_STR(answer(b[0]), INVALID);
  finish_check();
  EQ_STR(answer(a[1]), INVALID);
  finish_check();
  EQ_STR(answer(b[1]), INVALID);
  finish_check();
  EQ_STR(answer(a[2]), INVALID);
  free_all(a, 3);
  free_all(b, 2);
  admin_stop();
}

TEST(a_client_that_has_left_holds_no_place) {
  sio_test_peer *gone[PLACES], *owner;
  admin_start();
  for (size_t i = 0; i < PLACES; i++) gone[i] = sign_in("10.0.0.1", "wrong");
  free_all(gone, PLACES);
  turn();
  owner = sign_in("10.0.0.1", "changeit");
  finish_check(); /* the one that had begun */
  finish_check();
  EQ_STR(answer(owner), "connect");
  CHECK(!job);
  sio_test_free(owner);
  admin_stop();
}

/* A password that is checked is read by a thread; every other one is gone at once. */
TEST(a_password_is_overwritten_when_it_has_been_checked_or_its_client_has_left) {
  sio_test_peer *peers[3];
  admin_start();
  for (size_t i = 0; i < 3; i++) peers[i] = sign_in("10.0.0.1", "secret-7261");
  leaks = 0;
  finish_check();
  EQ_STR(answer(peers[0]), INVALID);
  sio_test_disconnect(peers[1]);
  finish_check();
  free_all(peers + 2, 1);
  turn();
  CHECK(!job || job->data);
  while (job) finish_check();
  turn();
  EQ(leaks, 0);
  free_all(peers, 2);
  admin_stop();
}

static sio_next *verdict;

static void decide_later(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  verdict = next;
}

TEST(a_right_password_is_overwritten_before_the_socket_connects) {
  sio_nsp *nsp;
  admin_start();
  sio_of(srv, "/admin", &nsp);
  sio_use(nsp, decide_later, NULL);
  sio_test_peer *p = sign_in("10.0.0.1", "changeit");
  const void *check = last_calloc;
  size_t n = malloc_usable_size(last_calloc);
  CHECK(memmem(check, n, "changeit", 8));
  finish_check();
  CHECK(verdict != NULL);
  CHECK(!memmem(check, n, "changeit", 8));
  sio_next_ok(verdict);
  turn();
  EQ_STR(answer(p), "connect");
  sio_test_free(p);
  admin_stop();
}

TEST(the_server_closes_while_passwords_wait) {
  sio_test_peer *peers[3];
  admin_start();
  for (size_t i = 0; i < 3; i++) peers[i] = sign_in("10.0.0.1", "changeit");
  free_all(peers, 3);
  sio_server_close(srv, on_done, NULL);
  turn();
  finish_check();
  CHECK(!job);
  whole_gone();
}

TEST(sent_events_are_shown_again_after_memory_has_run_out_once) {
  sio_test_peer *ui, *client;
  whole_start(NULL);
  EQ(sio_admin_attach(srv, &(sio_admin_options){ .no_auth = true, .development = true }), 0);
  EQ(sio_listen(srv, "127.0.0.1", 0), 0); /* keeps the loop alive, so that it takes posted calls */
  EQ(sio_test_connect(srv, "/admin", NULL, &ui), 0);
  EQ(sio_test_connect(srv, "/", NULL, &client), 0);
  turn();
  sio_socket *s = sio_test_socket(client);
  post_error = UV_ENOMEM;
  EQ(sio_emit(s, "first", SIO_NONE), 0);
  post_error = 0;
  EQ(sio_emit(s, "second", SIO_NONE), 0);
  turn();
  EQ(count_packets(ui, "event_sent", "second"), 1);
  sio_test_free(ui);
  sio_test_free(client);
  whole_stop();
}

#define OWN "{\"_admin\":{\"clientId\":\""

static void set_shared(sio_socket *s, sio_next *next, void *user) {
  EQ(sio_socket_set_shared(s, (sio_slice){ user, strlen(user) }), 0);
  sio_next_ok(next);
}

TEST(a_socket_is_shown_with_its_transport_also_if_the_program_sets_a_member_named_admin) {
  static const char *const shared[] = {
    "{\"_admin\":{\"a\":{}},\"x\":1}",
    "{\"_admin\":{\"a\":\"}\"},\"x\":1}",
    "{\"_admin\":{\"clientId\":\"0123456789ab\",\"transport\":\"a\\\"}\"},\"x\":1}",
    "{\"_admin\":{\"clientId\":\"0123456789ab\",\"transport\":{}},\"x\":1}",
    "{\"_admin\":{\"clientId\":\"0123456789ab\",\"transport\":\"old\"},\"x\":1}",
    "{\"_admin\":{\"clientId\":\"0123456789ab\",\"transport\":\"old\"}}",
    "{\"_admin\":{\"clientId\":\"0123456789ab\",\"transport\":\"OLD\"},\"x\":1}",
    "{\"_admin\":{\"clientId\":\"0123456789ab\",\"transport\":\"~\"},\"x\":1}",
    "{\"_admin\":{\"clientId\":\"0\"}}",
    "{\"_admin\":{}, \"x\":1}",
    "{ \t\r\n}",
    "{\"_admin\":5,\"x\":1}",
    "{}",
  };
  for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
    sio_test_peer *ui, *client;
    whole_start(NULL);
    EQ(sio_admin_attach(srv, &(sio_admin_options){ .no_auth = true, .development = true }), 0);
    EQ(sio_use(root, set_shared, (void *)(uintptr_t)shared[i]), 0);
    EQ(sio_test_connect(srv, "/admin", NULL, &ui), 0);
    EQ(sio_test_connect(srv, "/", NULL, &client), 0);
    turn();
    sio_slice now = sio_socket_shared(sio_test_socket(client));
    CHECK(strncmp(now.p, OWN, strlen(OWN)) == 0);
    if (strstr(shared[i], "\"x\":1"))
      CHECK(strstr(now.p, ",\"x\":1}") || strstr(now.p, ", \"x\":1}"));
    CHECK(!strstr(now.p, "old"));
    if (i == 0) CHECK(strstr(now.p, "{\"a\":{}}"));
    EQ(count_packets(ui, "\"transport\":\"", "\",\"nsp\":\"/\",\"data\""), 1);
    sio_test_free(ui);
    sio_test_free(client);
    whole_stop();
  }
}

TESTS_BEGIN
T(options_of_a_newer_program_are_taken_if_what_is_not_known_is_zero)
T(one_address_cannot_take_the_places_of_others)
T(an_ipv6_address_counts_as_its_64)
T(sixteen_addresses_have_a_place_each_and_keep_it)
T(an_owner_is_given_the_last_place_of_the_address_that_has_most)
T(addresses_of_different_kinds_are_different_addresses)
T(addresses_take_turns)
T(a_client_that_has_left_holds_no_place)
T(a_password_is_overwritten_when_it_has_been_checked_or_its_client_has_left)
T(a_right_password_is_overwritten_before_the_socket_connects)
T(the_server_closes_while_passwords_wait)
T(sent_events_are_shown_again_after_memory_has_run_out_once)
T(a_socket_is_shown_with_its_transport_also_if_the_program_sets_a_member_named_admin)
TESTS_END
