/* SPDX-License-Identifier: MIT
 *
 * checks.c - the queue of password checks: the first one is in progress, the others wait. It has
 * CHECKS_MAX places for all clients. Addresses take turns. If all places are taken when a client
 * needs one, the last check of the address that has the most checks is refused, provided that the
 * client's address has at least two checks fewer; otherwise the client is refused.
 */
#include "admin/admin.h"

#include <stdlib.h>
#include <string.h>

/* ---- addresses ------------------------------------------------------------------------------- */

/* Returns the key of a session's address, with which the queue of checks is shared among addresses.
 * Of an IPv6 address only the first 64 bits are used, because one client can usually choose the
 * other 64 bits freely. All clients without an address, such as those of Unix sockets, get the same
 * key. */
static struct address_group make_address_group_of_session(const sio_session *session) {
  const char *address = sio_session_info_of(session).address;
  struct address_group key = { .version = 0 };
  unsigned char bytes[16];
  if (uv_inet_pton(AF_INET, address, bytes) == 0) key.version = 4;
  if (uv_inet_pton(AF_INET6, address, bytes) == 0) key.version = 6;
  if (key.version) memcpy(key.bytes, bytes, key.version == 4 ? 4 : 8);
  return key;
}

static bool is_same_address_group(const struct address_group *a, const struct address_group *b) {
  return a->version == b->version && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static size_t count_password_checks_of_address(const struct admin *a,
                                               const struct address_group *from) {
  size_t n = 0;
  for (const struct check *c = a->checks; c; c = c->next)
    n += is_same_address_group(&c->from, from);
  return n;
}

/* ---- one check ------------------------------------------------------------------------------- */

/* This function does not call memset(), because the compiler may remove a call of memset() if the
 * memory is not read afterwards. */
void sio__admin_overwrite_secret(void *p, size_t n) {
  volatile char *bytes = p;
  for (size_t i = 0; i < n; i++) bytes[i] = 0;
}

static struct check *password_check_new(struct admin *a, sio_socket *s, const char *name,
                                        const char *password, sio_next *next) {
  size_t size = strlen(password) + 1;
  struct check *c = calloc(1, sizeof *c + size);
  if (!c) return NULL;
  c->admin = a;
  a->refs++;
  c->socket = sio_socket_ref(s);
  c->session = sio_socket_session(s);
  c->from = make_address_group_of_session(c->session);
  c->verdict = next;
  c->name_ok = strcmp(name, a->username) == 0;
  c->size = size;
  memcpy(c->password, password, size);
  return c;
}

void sio__admin_password_check_wipe_and_free(struct check *c) {
  sio__admin_overwrite_secret(c->password, c->size);
  sio_socket_unref(c->socket);
  sio__admin_unref(c->admin);
  free(c);
}

static void refuse_and_free_password_check(struct check *c, const char *why) {
  sio_next_fail(c->verdict, why, sio_null());
  sio__admin_password_check_wipe_and_free(c);
}

/* ---- the queue ------------------------------------------------------------------------------- */

static struct check *unlink_password_check_from_queue(struct admin *a, struct check **at) {
  struct check *c = *at;
  *at = c->next;
  c->next = NULL;
  a->nchecks--;
  return c;
}

static void append_to_password_check_queue(struct admin *a, struct check *c) {
  struct check **end = &a->checks;
  while (*end) end = &(*end)->next;
  *end = c;
  a->nchecks++;
}

/* Moves all waiting checks of one address to the end of the queue. Called after a check of this
 * address, so that addresses take turns. */
static void move_checks_of_address_to_queue_end(struct admin *a, const struct address_group *from) {
  struct check *moved = NULL, **last = &moved;
  for (struct check **at = &a->checks; *at;) {
    if (!is_same_address_group(&(*at)->from, from)) {
      at = &(*at)->next;
      continue;
    }
    *last = unlink_password_check_from_queue(a, at);
    last = &(*last)->next;
  }
  for (struct check *c = moved, *next; c; c = next) {
    next = c->next;
    c->next = NULL;
    append_to_password_check_queue(a, c);
  }
}

static void check_password_in_thread(uv_work_t *work) {
  struct check *c = work->data;
  c->password_ok = sio__admin_is_correct_password(c->admin, c->password);
}

static void start_first_password_check_in_queue(struct admin *a);

static void finish_checked_password_and_start_next(uv_work_t *work, int status) {
  struct check *c = work->data;
  struct admin *a = c->admin;
  if (status) c->password_ok = false;
  sio__admin_overwrite_secret(c->password, c->size);
  unlink_password_check_from_queue(a, &a->checks);
  move_checks_of_address_to_queue_end(a, &c->from);
  start_first_password_check_in_queue(a);
  sio__admin_accept_or_refuse_checked_login(c);
}

/* Starts the first check of the queue in a thread of libuv's pool. The other checks wait until it
 * has ended. If the first check cannot be started, its client is refused, and the next check is
 * started. */
static void start_first_password_check_in_queue(struct admin *a) {
  struct check *c;
  while ((c = a->checks)) {
    c->work.data = c;
    if (!uv_queue_work(sio_server_loop(a->srv), &c->work, check_password_in_thread,
                       finish_checked_password_and_start_next))
      return;
    sio__admin_accept_or_refuse_checked_login(unlink_password_check_from_queue(a, &a->checks));
  }
}

/* Finds the check that is refused when the queue is full: the last one of the address that has the
 * most checks. The first check of the queue is never chosen, because a thread may be working on it.
 * Sets *most to the number of checks of that address. */
static struct check **find_password_check_to_displace(struct admin *a, size_t *most) {
  struct check **found = NULL;
  *most = 0;
  for (struct check **at = &a->checks->next; *at; at = &(*at)->next) {
    size_t n = count_password_checks_of_address(a, &(*at)->from);
    if (n < *most) continue;
    *most = n;
    found = at;
  }
  return found;
}

/* Makes room for one more check of the address `from`. If the queue is full, a check of the address
 * that has the most checks is refused, provided that this address has at least two checks more than
 * `from`. Returns false if no room could be made. */
static bool make_space_in_password_check_queue(struct admin *a, const struct address_group *from) {
  size_t most;
  if (a->nchecks < CHECKS_MAX) return true;
  struct check **displaced = find_password_check_to_displace(a, &most);
  if (count_password_checks_of_address(a, from) + 1 >= most) return false;
  refuse_and_free_password_check(unlink_password_check_from_queue(a, displaced), sio__admin_busy);
  return true;
}

void sio__admin_queue_or_refuse_password_check(struct admin *a, sio_socket *s, const char *name,
                                               const char *password, sio_next *next) {
  struct check *c = password_check_new(a, s, name, password, next);
  if (!c) {
    sio_next_fail(next, sio__admin_busy, sio_null());
    return;
  }
  if (!make_space_in_password_check_queue(a, &c->from)) {
    refuse_and_free_password_check(c, sio__admin_busy);
    return;
  }
  append_to_password_check_queue(a, c);
  if (a->nchecks == 1) start_first_password_check_in_queue(a);
}

/* Refuses only checks that wait. A thread may be working on the first check of the queue, and that
 * check ends later, in finish_checked_password_and_start_next(). */
void sio__admin_refuse_queued_checks_of_session(struct admin *a, const sio_session *session,
                                                const char *why) {
  struct check **at = a->checks ? &a->checks->next : &a->checks;
  while (*at)
    if (!session || (*at)->session == session)
      refuse_and_free_password_check(unlink_password_check_from_queue(a, at), why);
    else
      at = &(*at)->next;
}
