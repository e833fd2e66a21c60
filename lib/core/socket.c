/* SPDX-License-Identifier: MIT
 *
 * socket.c - the handle: its memory, its place, its rooms, its handshake.
 */
#include "core/socket.h"

#include "base/public_id.h"
#include "base/utf8.h"
#include "core/client.h"
#include "core/core.h"
#include "core/nsp.h"
#include "packet/tree.h"
#include <stdalign.h>
#include <stdio.h>

enum { ROOM_NAME_MAX = 255 };

/* The host's bytes stand behind the struct, aligned for anything. */
#define DATA_OFFSET                                                                \
  ((sizeof(struct sio_socket) + alignof(max_align_t) - 1) / alignof(max_align_t) * \
   alignof(max_align_t))

static size_t data_size(const sio_socket *s) { return s->nsp->core->opts->socket_data_size; }

/* ---- life ---------------------------------------------------------------------- */

struct auth {
  struct cJSON *tree; /* NULL until asked for */
  char text[];
};

static int keep_auth(sio_socket *s, sio_slice auth) {
  s->auth = sio__malloc(sizeof *s->auth + auth.n + 1);
  if (!s->auth) return UV_ENOMEM;
  s->auth->tree = NULL;
  memcpy(s->auth->text, auth.p, auth.n);
  s->auth->text[auth.n] = '\0';
  return 0;
}

/* Clients of Socket.IO 2 know their id without being told: the sid, behind the namespace's name if
 * it is not "/". */
static int derive_id(sio_socket *s, const sio_nsp *nsp, const sio_session *session) {
  const char *sid = sio_session_id(session);
  bool root = strcmp(nsp->name, "/") == 0;
  size_t size = strlen(nsp->name) + strlen(sid) + 2;
  char *id = sio__malloc(size);
  if (!id) return UV_ENOMEM;
  snprintf(id, size, "%s%s%s", root ? "" : nsp->name, root ? "" : "#", sid);
  s->id = id;
  sio__public_id(s->own_id, slice_str(id)); /* what others may see of it */
  return 0;
}

static int make_id(sio_socket *s, const sio_nsp *nsp, const sio_session *session) {
  if (sio_session_protocol(session) == 3) return derive_id(s, nsp, session);
  s->id = s->own_id;
  return sio__random_id(s->own_id);
}

static void free_socket(sio_socket *s) {
  if (s->id != s->own_id) sio__free((void *)(uintptr_t)s->id);
  if (s->auth) sio__tree_free(s->auth->tree);
  sio__free(s->auth);
  sio__free(s->shared);
  sio__free(s);
}

int sio__socket_new(sio_socket **out, sio_nsp *nsp, sio_session *session, sio_slice auth) {
  size_t data = nsp->core->opts->socket_data_size, size = sizeof(struct sio_socket);
  if (data > 0 && add_overflows(DATA_OFFSET, data, &size)) return UV_ENOMEM;
  sio_socket *s = sio__calloc(1, size);
  if (!s) return UV_ENOMEM;
  /* Most peers send no auth, or an empty one: that costs nothing. */
  bool says = auth.n > 0 && !slice_is(auth, "{}");
  int err = says ? keep_auth(s, auth) : 0;
  if (!err) err = make_id(s, nsp, session);
  if (err) {
    free_socket(s);
    return err;
  }
  s->session = session;
  s->nsp = nsp;
  s->refs = 1;
  list_init(&s->leaving);
  sio__nsp_memory_ref(nsp);
  *out = s;
  return 0;
}

sio_socket *sio_socket_ref(sio_socket *s) {
  s->refs++;
  return s;
}

void sio_socket_unref(sio_socket *s) {
  if (--s->refs) return;
  sio_nsp *nsp = s->nsp;
  free_socket(s);
  sio__nsp_memory_unref(nsp);
}

/* ---- reading it ------------------------------------------------------------------- */

const char *sio_socket_id(const sio_socket *s) { return s->id; }
const char *sio_socket_public_id(const sio_socket *s) { return s->own_id; }
sio_nsp *sio_socket_nsp(const sio_socket *s) { return s->nsp; }
sio_server *sio_socket_server(const sio_socket *s) { return core_server(s->nsp->core); }
size_t sio_socket_queued(const sio_socket *s) {
  return s->session ? sio_session_queued(s->session) : 0;
}
sio_session *sio_socket_session(const sio_socket *s) { return s->session; }

int sio_socket_on_sent(sio_socket *s, sio_sent_cb cb, void *user) {
  return sio_socket_connected(s) ? sio_session_on_sent(s->session, cb, user) : SIO_ECLOSED;
}

bool sio_socket_connected(const sio_socket *s) {
  return s->state == SOCKET_CONNECTED && sio__session_open(s->session);
}

void *sio_socket_data(sio_socket *s) { return data_size(s) ? (char *)s + DATA_OFFSET : NULL; }

sio_slice sio_socket_auth(const sio_socket *s) { return slice_str(s->auth ? s->auth->text : "{}"); }

const struct cJSON *sio_socket_auth_tree(sio_socket *s) {
  if (!s->auth && keep_auth(s, SLICE("{}"))) return NULL;
  if (!s->auth->tree) s->auth->tree = sio__tree_parse(sio_socket_auth(s));
  return s->auth->tree;
}

sio_slice sio_socket_shared(const sio_socket *s) { return slice_str(s->shared ? s->shared : "{}"); }

static int check_json(sio_slice json) {
  struct json_scan scan = { 0 };
  int err = sio__utf8_valid(json.p, json.n) ? 0 : SIO_EJSON;
  if (!err) err = sio__json_scan(&scan, json, JSON_DEPTH_MAX, NULL);
  sio__json_scan_clear(&scan);
  return err;
}

int sio_socket_set_shared(sio_socket *s, sio_slice json) {
  int err = json.n ? check_json(json) : 0;
  if (err) return err;
  if (!socket_is_open(s)) return SIO_ECLOSED;
  char *copy = json.n ? sio__strndup(json.p, json.n) : NULL;
  if (json.n && !copy) return UV_ENOMEM;
  sio__free(s->shared);
  s->shared = copy;
  return 0;
}

void *sio_adapter_slot(const sio_socket *s) { return s->slot; }
void sio_adapter_set_slot(sio_socket *s, void *p) { s->slot = p; }

/* ---- rooms --------------------------------------------------------------------------- */

static bool is_room_name(const char *room) {
  size_t n = room ? strnlen(room, ROOM_NAME_MAX + 1) : 0;
  return n > 0 && n <= ROOM_NAME_MAX;
}

/* In its own room from connecting until its rooms are left. */
static bool is_own_room(const sio_socket *s, const char *room) {
  bool stands = s->state == SOCKET_CONNECTED || s->state == SOCKET_LEAVING;
  return stands && strcmp(room, s->id) == 0;
}

static void log_room(const sio_socket *s, const char *verb, const char *room) {
  LOG(&s->nsp->core->log, SIO_LOG_DEBUG, SIO_ROOM_ADAPTER, "socket %s %s %s in %s", s->own_id, verb,
      room, s->nsp->name);
}

int sio_join(sio_socket *s, const char *room) {
  if (loop_refuses_moves(&s->nsp->core->loop, "sio_join()")) return SIO_ESTATE;
  if (!is_room_name(room)) return SIO_ENAME;
  if (!socket_is_open(s)) return SIO_ECLOSED;
  sio_nsp *nsp = s->nsp;
  if (is_own_room(s, room) || nsp->ops->in_room(nsp->adapter, s, room)) return 0;
  log_room(s, "joins", room);
  return nsp->ops->join(nsp->adapter, s, room);
}

int sio_leave(sio_socket *s, const char *room) {
  if (loop_refuses_moves(&s->nsp->core->loop, "sio_leave()")) return SIO_ESTATE;
  if (!is_room_name(room)) return SIO_ENAME;
  if (!socket_is_open(s)) return SIO_ECLOSED;
  sio_nsp *nsp = s->nsp;
  if (!nsp->ops->in_room(nsp->adapter, s, room)) return 0;
  log_room(s, "leaves", room);
  nsp->ops->leave(nsp->adapter, s, room);
  return 0;
}

bool sio_in_room(const sio_socket *s, const char *room) {
  if (!is_room_name(room) || s->state == SOCKET_LEFT) return false;
  return is_own_room(s, room) || s->nsp->ops->in_room(s->nsp->adapter, s, room);
}

void sio_nsp_rooms(const sio_nsp *nsp, void (*cb)(const char *room, size_t members, void *user),
                   void *user) {
  struct loop *l = &nsp->core->loop;
  const char *outer = l->walker;
  l->walker = "the callback of sio_nsp_rooms()";
  if (cb && nsp->ops->all_rooms) nsp->ops->all_rooms(nsp->adapter, cb, user);
  l->walker = outer;
}

size_t sio_room_size(const sio_nsp *nsp, const char *room) {
  return is_room_name(room) && nsp->ops->room_size ? nsp->ops->room_size(nsp->adapter, room) : 0;
}

void sio_rooms(const sio_socket *s, void (*cb)(const char *room, void *user), void *user) {
  if (!cb || s->state == SOCKET_LEFT) return;
  struct loop *l = &s->nsp->core->loop;
  const char *outer = l->walker;
  l->walker = "the callback of sio_rooms()";
  if (is_own_room(s, s->id)) cb(s->id, user);
  s->nsp->ops->rooms(s->nsp->adapter, s, cb, user);
  l->walker = outer;
}
