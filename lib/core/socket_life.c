/* SPDX-License-Identifier: MIT
 *
 * socket_life.c - creates and frees sockets, reads their ids, auth, state and data, and sets their
 * shared data.
 */
#include "base/public_id.h"
#include "base/utf8.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "packet/tree.h"
#include <assert.h>
#include <stdalign.h>
#include <stdio.h>

/* Where sio_socket_data() is in the memory block of a socket: after struct sio_socket, aligned for
 * any type. */
#define DATA_OFFSET                                                                \
  ((sizeof(struct sio_socket) + alignof(max_align_t) - 1) / alignof(max_align_t) * \
   alignof(max_align_t))

static size_t get_host_data_size_of_socket(const sio_socket *s) {
  return s->nsp->core->opts->socket_data_size;
}

/* ---- creating and freeing ------------------------------------------------------------------- */

struct auth {
  struct cJSON *tree; /* NULL until sio_socket_auth_tree() is called */
  char text[];
};

static int socket_store_auth(sio_socket *s, sio_slice auth) {
  s->auth = sio__malloc(sizeof *s->auth + auth.n + 1);
  if (!s->auth) return UV_ENOMEM;
  s->auth->tree = NULL;
  memcpy(s->auth->text, auth.p, auth.n);
  s->auth->text[auth.n] = '\0';
  return 0;
}

/* Makes the ids of a socket of a Socket.IO 2 client. s->id is what the client computes itself: the
 * name of the namespace and '#' (but not for the namespace "/"), followed by the session id.
 * Because the session id is secret, the public id (s->own_id) is a digest of s->id. */
static int set_ids_of_socketio2_socket(sio_socket *s, const sio_nsp *nsp,
                                       const sio_session *session) {
  const char *sid = sio__session_id(session);
  bool root = strcmp(nsp->name, "/") == 0;
  size_t size = strlen(nsp->name) + strlen(sid) + 2;
  char *id = sio__malloc(size);
  if (!id) return UV_ENOMEM;
  snprintf(id, size, "%s%s%s", root ? "" : nsp->name, root ? "" : "#", sid);
  s->id = id;
  sio__make_public_id(s->own_id, slice_str(id));
  return 0;
}

static int socket_set_ids(sio_socket *s, const sio_nsp *nsp, const sio_session *session) {
  if (sio__session_protocol_version(session) == 3)
    return set_ids_of_socketio2_socket(s, nsp, session);
  s->id = s->own_id;
  return sio__make_random_id(s->own_id);
}

/* Overwrites the auth before it is freed, because it may contain a password or a token. */
static void socket_wipe_and_free_auth(struct auth *auth) {
  if (!auth) return;
  sio__tree_wipe_and_free(auth->tree);
  sio__wipe_and_free(auth, sizeof *auth + strlen(auth->text));
}

static void socket_free(sio_socket *s) {
  if (s->id != s->own_id) sio__free((void *)(uintptr_t)s->id);
  socket_wipe_and_free_auth(s->auth);
  sio__free(s->shared);
  sio__free(s);
}

int sio__socket_new(sio_socket **out, sio_nsp *nsp, sio_session *session, sio_slice auth) {
  size_t data = nsp->core->opts->socket_data_size;
  size_t size = data ? size_add(DATA_OFFSET, data) : sizeof(struct sio_socket);
  sio_socket *s = sio__calloc(1, size);
  if (!s) return UV_ENOMEM;
  /* If the peer has sent no auth or "{}", s->auth stays NULL, to save memory. */
  bool has_auth = auth.n > 0 && !slice_equals_str(auth, "{}");
  int err = has_auth ? socket_store_auth(s, auth) : 0;
  if (!err) err = socket_set_ids(s, nsp, session);
  if (err) {
    socket_free(s);
    return err;
  }
  s->session = session;
  s->nsp = nsp;
  s->refs = 1;
  list_init(&s->core_link);
  sio__nsp_and_core_ref(nsp);
  *out = s;
  return 0;
}

sio_socket *sio_socket_ref(sio_socket *s) {
  s->refs++;
  return s;
}

void sio_socket_unref(sio_socket *s) {
  assert(s->refs > 0);
  if (--s->refs) return;
  sio_nsp *nsp = s->nsp;
  socket_free(s);
  sio__nsp_and_core_unref(nsp);
}

/* ---- reading -------------------------------------------------------------------------------- */

const char *sio_socket_id(const sio_socket *s) { return s->id; }
const char *sio_socket_public_id(const sio_socket *s) { return s->own_id; }
sio_nsp *sio_socket_nsp(const sio_socket *s) { return s->nsp; }
sio_session *sio_socket_session(const sio_socket *s) { return s->session; }

bool sio_socket_connected(const sio_socket *s) {
  return s->state == SOCKET_CONNECTED && sio__session_is_open(s->session);
}

void *sio_socket_data(sio_socket *s) {
  return get_host_data_size_of_socket(s) ? (char *)s + DATA_OFFSET : NULL;
}

sio_slice sio_socket_auth(const sio_socket *s) { return slice_str(s->auth ? s->auth->text : "{}"); }

const struct cJSON *sio_socket_auth_tree(sio_socket *s) {
  if (!s->auth && socket_store_auth(s, SLICE("{}"))) return NULL;
  if (!s->auth->tree) s->auth->tree = sio__tree_from_json(sio_socket_auth(s));
  return s->auth->tree;
}

sio_slice sio_socket_shared(const sio_socket *s) { return slice_str(s->shared ? s->shared : "{}"); }

static int check_json_of_shared_socket_data(sio_slice json) {
  struct json_scan scan = { 0 };
  int err = sio__utf8_is_valid(json.p, json.n) ? 0 : SIO_EJSON;
  if (!err) err = sio__json_scan_text(&scan, json, JSON_DEPTH_MAX, NULL);
  sio__json_scan_clear(&scan);
  return err;
}

int sio_socket_set_shared(sio_socket *s, sio_slice json) {
  int err = json.n ? check_json_of_shared_socket_data(json) : 0;
  if (err) return err;
  if (!socket_can_join_rooms(s)) return SIO_ECLOSED;
  char *copy = json.n ? sio__strndup(json.p, json.n) : NULL;
  if (json.n && !copy) return UV_ENOMEM;
  sio__free(s->shared);
  s->shared = copy;
  if (s->nsp->ops->shared_changed) s->nsp->ops->shared_changed(s->nsp->adapter, s);
  return 0;
}
