/* SPDX-License-Identifier: MIT
 *
 * login.c - decides, unless no_auth is set, who may connect to the namespace of the UI: who knows
 * the user name and the password, or the id of a session. Computing a bcrypt hash is slow, so
 * passwords are checked in libuv's thread pool, one at a time. A password is checked also if the
 * user name is wrong, so that the time that a refusal takes does not tell which name is right.
 */
#include "admin/admin.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_CRYPT_R
#include <crypt.h>
#endif

enum { PASSWORD_MAX = 1024, HASH_LENGTH = 60, SESSION_LIFE_MS = 24 * 60 * 60 * 1000 };

/* The same text as in the Node.js package. When the UI is refused with this text, it asks the user
 * for the password again. */
static const char invalid[] = "invalid credentials";
const char sio__admin_busy[] = "too many attempts, try again later";

/* ---- bcrypt ---------------------------------------------------------------------------------- */

static bool are_bytes_equal_in_constant_time(const char *a, const char *b, size_t n) {
  unsigned char differences = 0;
  for (size_t i = 0; i < n; i++) differences |= (unsigned char)(a[i] ^ b[i]);
  return differences == 0;
}

/* Returns 0 if the password matches the hash, UV_EACCES if it does not or if the system cannot
 * compute the hash, or UV_ENOMEM. */
#ifdef HAVE_CRYPT_R
static int compare_password_with_hash(const char *password, const char *hash) {
  struct crypt_data *data = calloc(1, sizeof *data);
  if (!data) return UV_ENOMEM;
  const char *computed = crypt_r(password, hash, data);
  bool matches = computed && strlen(computed) == HASH_LENGTH &&
                 are_bytes_equal_in_constant_time(computed, hash, HASH_LENGTH);
  sio__admin_overwrite_secret(data, sizeof *data);
  free(data);
  return matches ? 0 : UV_EACCES;
}
#else
static int compare_password_with_hash(const char *password, const char *hash) {
  (void)password, (void)hash;
  return UV_EACCES;
}
#endif

/* Tests whether this system has a crypt_r() that supports bcrypt, by computing a hash of the empty
 * password at the lowest cost. Returns 0, UV_ENOTSUP or UV_ENOMEM. */
static int test_whether_bcrypt_works(void) {
  int err =
      compare_password_with_hash("",
                                 "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq");
  return err == UV_EACCES ? UV_ENOTSUP : err;
}

static bool is_bcrypt_hash(const char *hash) {
  return strlen(hash) == HASH_LENGTH && strncmp(hash, "$2", 2) == 0 && strchr("aby", hash[2]) &&
         hash[3] == '$' && hash[6] == '$';
}

/* ---- sessions -------------------------------------------------------------------------------- */

static bool is_ui_session_id_known_and_unexpired(struct admin *a, const char *id) {
  bool found = false;
  if (strlen(id) != SESSION_ID_SIZE - 1) return false;
  if (a->has_session) return a->has_session(id, a->user);
  uint64_t now = uv_now(sio_server_loop(a->srv));
  for (size_t i = 0; i < SESSIONS_MAX; i++) {
    const struct session *s = &a->sessions[i];
    bool alive = s->saved_ms && now - s->saved_ms < SESSION_LIFE_MS;
    found |= alive && are_bytes_equal_in_constant_time(s->id, id, SESSION_ID_SIZE - 1);
  }
  return found;
}

static void save_ui_session_id(struct admin *a, const char *id) {
  struct session *oldest = &a->sessions[0];
  if (a->save_session) {
    a->save_session(id, a->user);
    return;
  }
  for (size_t i = 1; i < SESSIONS_MAX; i++)
    if (a->sessions[i].saved_ms < oldest->saved_ms) oldest = &a->sessions[i];
  memcpy(oldest->id, id, SESSION_ID_SIZE);
  oldest->saved_ms = uv_now(sio_server_loop(a->srv));
}

static bool make_random_ui_session_id(char out[SESSION_ID_SIZE]) {
  static const char digits[] = "0123456789abcdef";
  unsigned char bytes[(SESSION_ID_SIZE - 1) / 2];
  if (uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL)) return false;
  for (size_t i = 0; i < sizeof bytes; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
  out[SESSION_ID_SIZE - 1] = '\0';
  return true;
}

/* ---- verdicts -------------------------------------------------------------------------------- */

/* Keeps the check of a client that is admitted: the check contains the id of the new UI session,
 * which can be sent only when the client's socket has connected. Also frees older checks whose
 * sockets have disconnected. */
static void store_passed_check_and_free_disconnected(struct admin *a, struct check *c) {
  for (struct check **at = &a->signed_in, *old; (old = *at);) {
    if (sio_socket_session(old->socket)) {
      at = &old->next;
      continue;
    }
    *at = old->next;
    sio__admin_password_check_wipe_and_free(old);
  }
  c->next = a->signed_in;
  a->signed_in = c;
}

bool sio__admin_is_correct_password(const struct admin *a, const char *password) {
  return compare_password_with_hash(password, a->password) == 0;
}

void sio__admin_accept_or_refuse_checked_login(struct check *c) {
  struct admin *a = c->admin;
  if (a->closing || !c->name_ok || !c->password_ok || !make_random_ui_session_id(c->session_id)) {
    sio_next_fail(c->verdict, invalid, sio_null());
    sio__admin_password_check_wipe_and_free(c);
    return;
  }
  save_ui_session_id(a, c->session_id);
  store_passed_check_and_free_disconnected(a, c);
  sio_next_ok(c->verdict);
}

/* ---- the middleware -------------------------------------------------------------------------- */

static const char *get_json_string_member_or_null(const cJSON *auth, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(auth, name);
  return cJSON_IsString(item) ? item->valuestring : NULL;
}

static void accept_ui_session_or_queue_password_check(sio_socket *s, sio_next *next, void *user) {
  struct admin *a = user;
  const cJSON *auth = sio_socket_auth_tree(s);
  const char *session = get_json_string_member_or_null(auth, "sessionId"),
             *name = get_json_string_member_or_null(auth, "username");
  const char *password = get_json_string_member_or_null(auth, "password");
  if (session && is_ui_session_id_known_and_unexpired(a, session)) {
    sio_next_ok(next);
    return;
  }
  if (!name || !password || strlen(password) > PASSWORD_MAX || a->closing) {
    sio_next_fail(next, invalid, sio_null());
    return;
  }
  sio__admin_queue_or_refuse_password_check(a, s, name, password, next);
}

/* Refuses the waiting password checks of a client that has disconnected, so that its passwords are
 * removed from memory. */
static void refuse_password_checks_on_session_close(sio_session *session, const sio_close_info *why,
                                                    void *user) {
  (void)why;
  sio__admin_refuse_queued_checks_of_session(user, session,
                                             "the client left before its password was checked");
}

int sio__admin_login_register_unless_no_auth(struct admin *a, const sio_admin_options *o) {
  if (o->no_auth) return 0;
  if (!is_bcrypt_hash(a->password)) return UV_EINVAL;
  static const sio_engine_hooks hooks = { .close = refuse_password_checks_on_session_close };
  int err = test_whether_bcrypt_works();
  if (!err) err = sio_on_engine(a->srv, &hooks, a);
  return err ? err : sio_use(a->nsp, accept_ui_session_or_queue_password_check, a);
}

void sio__admin_send_session_id_after_login(struct admin *a, sio_socket *s) {
  struct check **at = &a->signed_in, *c;
  while ((c = *at) && c->socket != s) at = &c->next;
  if (!c) return;
  *at = c->next;
  sio_emit(s, "session", SIO_ARGS(c->session_id));
  sio__admin_password_check_wipe_and_free(c);
}

void sio__admin_login_refuse_pending_and_clear(struct admin *a) {
  sio__admin_refuse_queued_checks_of_session(a, NULL, invalid);
  for (struct check *c = a->signed_in, *next; c; c = next) {
    next = c->next;
    sio__admin_password_check_wipe_and_free(c);
  }
  a->signed_in = NULL;
}
