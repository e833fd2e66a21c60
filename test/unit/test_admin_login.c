/* SPDX-License-Identifier: MIT
 *
 * test_admin_login.c - with which options libsio-admin starts, and who may sign in: passwords, ids
 * of sessions, and what happens if the system fails. Pages of the UI are test clients, the clock is
 * a variable.
 */
#include "admin_rig.h"
#include "clock.h"
#include <crypt.h>
#include <sio/error.h>

enum { DAY_MS = 24 * 60 * 60 * 1000, SESSIONS = 64 };

/* ---- replaced functions ---------------------------------------------------------------------- */

static int random_error; /* what uv_random() returns; 0: it works */

int __real_uv_random(uv_loop_t *l, uv_random_t *r, void *p, size_t n, unsigned f, uv_random_cb cb);
int __wrap_uv_random(uv_loop_t *l, uv_random_t *r, void *p, size_t n, unsigned f, uv_random_cb cb);
int __wrap_uv_random(uv_loop_t *l, uv_random_t *r, void *p, size_t n, unsigned f, uv_random_cb cb) {
  return random_error ? random_error : __real_uv_random(l, r, p, n, f, cb);
}

static const char *crypt_result; /* what crypt_r() returns, unless crypt_works */
static bool crypt_works = true;

char *__real_crypt_r(const char *password, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *password, const char *setting, struct crypt_data *data);
char *__wrap_crypt_r(const char *password, const char *setting, struct crypt_data *data) {
  return crypt_works ? __real_crypt_r(password, setting, data) : (char *)(uintptr_t)crypt_result;
}

/* ---- clients --------------------------------------------------------------------------------- */

static const sio_admin_options with_password = { .username = "admin", .password = HASH };

static void admin_start(const sio_admin_options *o) {
  whole_start(NULL);
  EQ(sio_admin_attach(srv, o), 0);
}

static sio_test_peer *page_with(const char *auth) {
  sio_test_peer *p = NULL;
  if (sio_test_connect(srv, "/admin", auth, &p)) abort();
  return p;
}

#define RIGHT "{\"username\":\"admin\",\"password\":\"changeit\"}"

/* Signs in with the password, and stores the id of the session that the page is sent. */
static sio_test_peer *sign_in_for_session(char id[17]) {
  sio_test_peer *p = page_with(RIGHT);
  const char *text;
  *id = '\0';
  finish_check();
  EQ_STR(answer(p), "connect");
  text = answer(p);
  if (sscanf(text, "[\"session\",\"%16[0-9a-f]\"]", id) != 1) *id = '\0';
  EQ(strlen(id), 16);
  return p;
}

static sio_test_peer *page_with_session(const char *id) {
  char auth[64];
  snprintf(auth, sizeof auth, "{\"sessionId\":\"%s\"}", id);
  return page_with(auth);
}

/* Returns true if a page with this id of a session is admitted without a password. */
static bool is_session_admitted(const char *id) {
  sio_test_peer *p = page_with_session(id);
  turn();
  const char *said = answer(p);
  bool admitted = strcmp(said, "connect") == 0;
  if (!admitted) EQ_STR(said, INVALID);
  CHECK(!job);
  sio_test_free(p);
  return admitted;
}

/* ---- options --------------------------------------------------------------------------------- */

static void store_nothing(const char *id, void *user) { (void)id, (void)user; }

static bool know_nothing(const char *id, void *user) {
  (void)id, (void)user;
  return false;
}

TEST(options_that_contradict_each_other_or_are_incomplete_are_refused) {
  const sio_admin_options bad[] = {
    { 0 },
    { .size = sizeof(sio_admin_options) - 1, .no_auth = true },
    { .username = "admin" },
    { .password = HASH },
    { .username = "admin", .no_auth = true },
    { .username = "admin", .password = HASH, .no_auth = true },
    { .no_auth = true, .save_session = store_nothing },
    { .no_auth = true, .has_session = know_nothing },
  };
  whole_start(NULL);
  EQ(sio_admin_attach(srv, NULL), UV_EINVAL);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    EQ(sio_admin_attach(srv, &bad[i]), UV_EINVAL);
  EQ(sio_nsp_find(srv, "/admin") != NULL, false);
  whole_stop();
}

TEST(a_password_that_is_not_a_bcrypt_hash_is_refused) {
  static const char *const bad[] = {
    "",
    "changeit",
    "$2b$04$abcdefghijklmnopqrstuudwGrhhx5JklpO9.j/ckWDCf3exvs1/",
    "$2b$04$abcdefghijklmnopqrstuudwGrhhx5JklpO9.j/ckWDCf3exvs1/22",
    "$1b$04$abcdefghijklmnopqrstuudwGrhhx5JklpO9.j/ckWDCf3exvs1/2",
    "$2c$04$abcdefghijklmnopqrstuudwGrhhx5JklpO9.j/ckWDCf3exvs1/2",
    "$2b.04$abcdefghijklmnopqrstuudwGrhhx5JklpO9.j/ckWDCf3exvs1/2",
    "$2b$04.abcdefghijklmnopqrstuudwGrhhx5JklpO9.j/ckWDCf3exvs1/2",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    whole_start(NULL);
    sio_admin_options o = { .username = "admin", .password = bad[i] };
    EQ(sio_admin_attach(srv, &o), UV_EINVAL);
    whole_stop();
  }
}

TEST(a_system_without_bcrypt_is_an_error_at_once) {
  static const char *const results[] = {
    NULL, "*0", "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjix"
  };
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    whole_start(NULL);
    crypt_works = false;
    crypt_result = results[i];
    EQ(sio_admin_attach(srv, &with_password), UV_ENOTSUP);
    crypt_works = true;
    whole_stop();
  }
}

TEST(the_namespace_of_the_ui_must_have_a_valid_name) {
  whole_start(NULL);
  EQ(sio_admin_attach(srv, &(sio_admin_options){ .no_auth = true, .nsp = "ad,min" }), SIO_ENAME);
  whole_stop();
  whole_start(NULL);
  EQ(sio_admin_attach(srv, &(sio_admin_options){ .no_auth = true, .nsp = "/back/stage" }), 0);
  sio_test_peer *p = NULL;
  EQ(sio_test_connect(srv, "/back/stage", NULL, &p), 0);
  EQ_STR(answer(p), "connect");
  sio_test_free(p);
  whole_stop();
}

/* The allocations of libsio fail here; oom_admin fails those of libsio-admin, too. */
TEST(a_page_is_sent_nothing_if_the_ui_could_only_be_attached_in_part) {
  sio_admin_options o = with_password;
  int err = UV_ENOMEM;
  unsigned errors = 0, reached = 0;
  o.development = true;
  for (size_t at = 1; err; at++) {
    sio_test_peer *p;
    whole_start(NULL);
    alloc_fail_in(at);
    err = sio_admin_attach(srv, &o);
    alloc_fail_in(0);
    errors += err == UV_ENOMEM;
    if (err) {
      EQ(err, UV_ENOMEM);
      p = page_with(RIGHT);
      turn();
      CHECK(!job);
      reached += strcmp(answer(p), INVALID) == 0;
      EQ_STR(answer(p), ""); /* nothing is sent also if the namespace could only be created */
      sio_test_free(p);
    }
    whole_stop();
  }
  CHECK(errors > 10 && reached > 3);
}

/* ---- passwords ------------------------------------------------------------------------------- */

TEST(a_name_or_password_that_is_missing_or_no_text_is_refused_without_a_check) {
  static const char *const auths[] = {
    NULL,
    "{}",
    "{\"username\":\"admin\"}",
    "{\"password\":\"changeit\"}",
    "{\"username\":1,\"password\":\"changeit\"}",
    "{\"username\":\"admin\",\"password\":null}",
    "{\"username\":\"admin\",\"password\":[\"changeit\"]}",
    "{\"USERNAME\":\"admin\",\"Password\":\"changeit\"}",
    "{\"sessionId\":7}",
  };
  admin_start(&with_password);
  for (size_t i = 0; i < sizeof auths / sizeof *auths; i++) {
    sio_test_peer *p = page_with(auths[i]);
    turn();
    EQ_STR(answer(p), INVALID);
    CHECK(!job);
    sio_test_free(p);
  }
  whole_stop();
}

TEST(a_password_above_1024_bytes_is_refused_without_a_check) {
  char auth[1200];
  admin_start(&with_password);
  for (int n = 1024; n <= 1025; n++) {
    snprintf(auth, sizeof auth, "{\"username\":\"admin\",\"password\":\"%0*d\"}", n, 0);
    sio_test_peer *p = page_with(auth);
    turn();
    EQ(job != NULL, n == 1024);
    if (job) finish_check();
    EQ_STR(answer(p), INVALID);
    sio_test_free(p);
  }
  whole_stop();
}

TEST(an_unknown_name_is_refused_after_its_password_was_checked_like_that_of_a_known_one) {
  admin_start(&with_password);
  sio_test_peer *p = page_with("{\"username\":\"root\",\"password\":\"changeit\"}");
  turn();
  EQ_STR(answer(p), "");
  finish_check();
  EQ_STR(answer(p), INVALID);
  sio_test_free(p);
  whole_stop();
}

TEST(a_right_password_is_refused_if_no_thread_checked_it) {
  admin_start(&with_password);
  queue_error = UV_ENOMEM;
  sio_test_peer *p = page_with(RIGHT);
  turn();
  queue_error = 0;
  EQ_STR(answer(p), INVALID);
  sio_test_free(p);
  p = page_with(RIGHT);
  finish_check_with(UV_ECANCELED);
  EQ_STR(answer(p), INVALID);
  sio_test_free(p);
  whole_stop();
}

TEST(passwords_that_wait_are_refused_if_threads_fail_meanwhile) {
  sio_test_peer *p[3];
  admin_start(&with_password);
  for (size_t i = 0; i < 3; i++) p[i] = page_with(RIGHT);
  queue_error = UV_ENOMEM;
  finish_check();
  queue_error = 0;
  EQ_STR(answer(p[0]), "connect");
  EQ_STR(answer(p[1]), INVALID);
  EQ_STR(answer(p[2]), INVALID);
  CHECK(!job);
  free_all(p, 3);
  whole_stop();
}

TEST(without_random_bytes_nobody_gets_a_session_and_nobody_connects) {
  char id[17];
  admin_start(&with_password);
  random_error = UV_EIO;
  sio_test_peer *p = page_with(RIGHT);
  finish_check();
  random_error = 0;
  EQ_STR(answer(p), INVALID);
  CHECK(!is_session_admitted("0000000000000000"));
  sio_test_free(p);
  sio_test_free(sign_in_for_session(id));
  whole_stop();
}

/* ---- sessions -------------------------------------------------------------------------------- */

TEST(the_id_of_a_session_stands_for_the_password_for_a_day) {
  char id[17], other[18];
  admin_start(&with_password);
  sio_test_free(sign_in_for_session(id));
  CHECK(is_session_admitted(id));
  strcpy(other, id);
  other[15] = other[15] == '0' ? '1' : '0';
  CHECK(!is_session_admitted(other));
  strcpy(other, id);
  strcat(other, "0");
  CHECK(!is_session_admitted(other));
  CHECK(!is_session_admitted(""));
  clock_ms += DAY_MS - 1;
  CHECK(is_session_admitted(id));
  clock_ms += 1;
  CHECK(!is_session_admitted(id));
  whole_stop();
}

TEST(an_unknown_session_does_not_hinder_a_right_password) {
  admin_start(&with_password);
  sio_test_peer *p = page_with("{\"sessionId\":\"0123456789abcdef\",\"username\":\"admin\","
                               "\"password\":\"changeit\"}");
  finish_check();
  EQ_STR(answer(p), "connect");
  EQ(strncmp(answer(p), "[\"session\",\"", 12), 0);
  sio_test_free(p);
  whole_stop();
}

TEST(the_oldest_of_65_sessions_is_forgotten) {
  char id[SESSIONS + 1][17];
  admin_start(&with_password);
  for (size_t i = 0; i <= SESSIONS; i++, clock_ms++) sio_test_free(sign_in_for_session(id[i]));
  CHECK(!is_session_admitted(id[0]));
  for (size_t i = 1; i <= SESSIONS; i++) CHECK(is_session_admitted(id[i]));
  whole_stop();
}

static struct store {
  char id[17];
  unsigned saved, asked;
  bool refuse;
} store;

static void store_session(const char *id, void *user) {
  EQ(user == &store, true);
  snprintf(store.id, sizeof store.id, "%s", id);
  store.saved++;
}

static bool is_session_stored(const char *id, void *user) {
  EQ(user == &store, true);
  store.asked++;
  return !store.refuse && strcmp(id, store.id) == 0;
}

TEST(sessions_that_the_program_stores_are_admitted_as_long_as_it_says) {
  char id[17];
  sio_admin_options o = with_password;
  o.save_session = store_session;
  o.has_session = is_session_stored;
  o.user = &store;
  store = (struct store){ 0 };
  admin_start(&o);
  sio_test_free(sign_in_for_session(id));
  EQ_STR(store.id, id);
  EQ(store.saved, 1);
  clock_ms += 2 * (uint64_t)DAY_MS;
  CHECK(is_session_admitted(id));
  CHECK(!is_session_admitted("0123456789abcdef"));
  EQ(store.asked, 2);
  CHECK(!is_session_admitted("short"));
  EQ(store.asked, 2); /* the program is asked only for ids of the right length */
  store.refuse = true;
  CHECK(!is_session_admitted(id));
  EQ(store.saved, 1);
  whole_stop();
}

/* ---- pages that wait for other middleware ---------------------------------------------------- */

static sio_next *verdicts[4];
static size_t nverdicts;

static void decide_later(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  verdicts[nverdicts++] = next;
}

static void admin_start_with_slow_middleware(void) {
  sio_nsp *nsp;
  nverdicts = 0;
  admin_start(&with_password);
  EQ(sio_of(srv, "/admin", &nsp), 0);
  EQ(sio_use(nsp, decide_later, NULL), 0);
}

TEST(each_page_is_sent_its_own_session_in_whatever_order_they_connect) {
  sio_test_peer *p[3];
  char id[3][17];
  admin_start_with_slow_middleware();
  for (size_t i = 0; i < 3; i++) {
    p[i] = page_with(RIGHT);
    finish_check();
  }
  EQ(nverdicts, 3);
  for (size_t i = 0; i < 3; i++) {
    static const size_t order[] = { 1, 0, 2 };
    sio_next_ok(verdicts[order[i]]);
    turn();
    sio_test_peer *page = p[order[i]];
    EQ_STR(answer(page), "connect");
    EQ(sscanf(answer(page), "[\"session\",\"%16[0-9a-f]\"]", id[i]), 1);
    EQ(strncmp(answer(page), "[\"config\"", 9), 0);
    EQ(count_packets(page, "session", ""), 0);
  }
  CHECK(strcmp(id[0], id[1]) && strcmp(id[0], id[2]) && strcmp(id[1], id[2]));
  free_all(p, 3);
  whole_stop();
}

TEST(a_page_that_leaves_before_it_has_connected_takes_nothing_from_the_next_one) {
  admin_start_with_slow_middleware();
  sio_test_peer *gone = page_with(RIGHT);
  finish_check();
  sio_test_free(gone);
  turn();
  sio_next_ok(verdicts[0]);
  turn();
  sio_test_peer *p = page_with(RIGHT);
  finish_check();
  sio_next_ok(verdicts[1]);
  turn();
  EQ_STR(answer(p), "connect");
  EQ(count_packets(p, "[\"session\",", ""), 1);
  sio_test_free(p);
  whole_stop();
}

TEST(the_server_closes_while_pages_that_signed_in_wait_for_other_middleware) {
  sio_test_peer *p[2];
  admin_start_with_slow_middleware();
  for (size_t i = 0; i < 2; i++) {
    p[i] = page_with(RIGHT);
    finish_check();
  }
  sio_server_close(srv, on_done, NULL);
  for (size_t i = 0; i < 2; i++) sio_next_ok(verdicts[i]);
  turn();
  CHECK(!sio_test_socket(p[0]) && !sio_test_socket(p[1]));
  free_all(p, 2);
  whole_gone();
}

TEST(a_page_that_leaves_takes_only_its_own_check_along) {
  sio_test_peer *p[4];
  admin_start(&with_password);
  for (size_t i = 0; i < 4; i++) p[i] = page_with(RIGHT);
  sio_test_free(p[2]);
  turn();
  finish_check();
  finish_check();
  finish_check();
  CHECK(!job);
  EQ_STR(answer(p[0]), "connect");
  EQ_STR(answer(p[1]), "connect");
  EQ_STR(answer(p[3]), "connect");
  sio_test_free(p[0]);
  sio_test_free(p[1]);
  sio_test_free(p[3]);
  whole_stop();
}

TEST(with_no_auth_a_page_needs_no_password_and_gets_no_session) {
  sio_admin_options open = { .no_auth = true };
  admin_start(&open);
  sio_test_peer *p = page_with(NULL);
  EQ_STR(answer(p), "connect");
  EQ(strncmp(answer(p), "[\"config\"", 9), 0); /* and no session before it */
  CHECK(!job);
  sio_test_free(p);
  whole_stop();
}

TESTS_BEGIN
T(options_that_contradict_each_other_or_are_incomplete_are_refused)
T(a_password_that_is_not_a_bcrypt_hash_is_refused)
T(a_system_without_bcrypt_is_an_error_at_once)
T(the_namespace_of_the_ui_must_have_a_valid_name)
T(a_page_is_sent_nothing_if_the_ui_could_only_be_attached_in_part)
T(a_name_or_password_that_is_missing_or_no_text_is_refused_without_a_check)
T(a_password_above_1024_bytes_is_refused_without_a_check)
T(an_unknown_name_is_refused_after_its_password_was_checked_like_that_of_a_known_one)
T(a_right_password_is_refused_if_no_thread_checked_it)
T(passwords_that_wait_are_refused_if_threads_fail_meanwhile)
T(without_random_bytes_nobody_gets_a_session_and_nobody_connects)
T(the_id_of_a_session_stands_for_the_password_for_a_day)
T(an_unknown_session_does_not_hinder_a_right_password)
T(the_oldest_of_65_sessions_is_forgotten)
T(sessions_that_the_program_stores_are_admitted_as_long_as_it_says)
T(each_page_is_sent_its_own_session_in_whatever_order_they_connect)
T(a_page_that_leaves_before_it_has_connected_takes_nothing_from_the_next_one)
T(the_server_closes_while_pages_that_signed_in_wait_for_other_middleware)
T(a_page_that_leaves_takes_only_its_own_check_along)
T(with_no_auth_a_page_needs_no_password_and_gets_no_session)
TESTS_END
