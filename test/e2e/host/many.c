/* SPDX-License-Identifier: MIT
 *
 * many.c - broadcasts with acks, fetching, other servers, rooms: each handler does what its event's
 * arguments ask for, and answers with what came back.
 */
#include "many.h"

#include "handlers.h"
#include "host.h"
#include "target.h"

#include <string.h>

static unsigned ms_of(const cJSON *how) {
  const cJSON *ms = cJSON_GetObjectItemCaseSensitive(how, "ms");
  return cJSON_IsNumber(ms) ? (unsigned)ms->valuedouble : 0;
}

static const char *word_for(int status) {
  switch (status) {
    case 0: return "ok";
    case SIO_ETIMEOUT: return "timeout";
    case SIO_ETOOBIG: return "too big";
    default: return "other";
  }
}

/* Answers what, count, expected, gone, then the replies. */
static void on_replies(int status, sio_replies *r, void *user) {
  sio_val v[16] = { sio_str(word_for(status)), sio_uint(r->count), sio_uint(r->expected),
                    sio_uint(r->gone) };
  size_t n = 4;
  for (size_t i = 0; i < r->count && n < 16; i++) v[n++] = sio_arg(sio_replies_event(r, i), 0);
  sio_ack_send(user, sio_argv(v, n));
}

static void refuse(sio_ack *ack, int err) { sio_ack_send(ack, SIO_ARGS(sio_strerror(err))); }

/* target with "ms", event, one argument */
static void on_ask_all(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  struct names names;
  const cJSON *how = sio_event_tree(e, 0);
  sio_target to = target_of(s, how, &names);
  sio_ack *ack = sio_event_take_ack(e);
  int err = sio_broadcast_ack(to, sio_event_str(e, 1), SIO_ARGS(sio_arg(e, 2)), ms_of(how),
                              on_replies, ack);
  if (err) refuse(ack, err);
}

static void add_raw(cJSON *o, const char *key, sio_slice json) {
  cJSON_AddItemToObject(o, key, cJSON_ParseWithLength(json.p, json.n));
}

static void on_list(int status, sio_remote *list, size_t n, void *user) {
  cJSON *all = cJSON_CreateArray();
  for (size_t i = 0; i < n; i++) {
    cJSON *o = cJSON_CreateObject(), *rooms = cJSON_AddArrayToObject(o, "rooms");
    cJSON_AddStringToObject(o, "id", list[i].id);
    for (const char *const *r = list[i].rooms; *r; r++)
      cJSON_AddItemToArray(rooms, cJSON_CreateString(*r));
    add_raw(o, "data", list[i].data);
    add_raw(o, "handshake", sio_remote_handshake(&list[i]));
    cJSON_AddItemToArray(all, o);
  }
  sio_ack_send(user, SIO_ARGS(word_for(status), all));
  cJSON_Delete(all);
}

static void on_fetch(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  struct names names;
  const cJSON *how = sio_event_tree(e, 0);
  sio_target to = target_of(s, how, &names);
  sio_ack *ack = sio_event_take_ack(e);
  int err = sio_all_fetch(to, ms_of(how), on_list, ack);
  if (err) refuse(ack, err);
}

static void on_set_shared(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_reply(e, SIO_ARGS(sio_socket_set_shared(s, sio_event_json(e, 0))));
}

static void on_count(int status, size_t n, void *user) {
  sio_ack_send(user, SIO_ARGS(word_for(status), n));
}

static void on_servers(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_ack *ack = sio_event_take_ack(e);
  int err = sio_server_count(sio_socket_nsp(s), 0, on_count, ack);
  if (err) refuse(ack, err);
}

/* event, one argument */
static void on_tell_servers(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_ack *ack = sio_event_take_ack(e);
  int err = sio_server_side_emit(sio_socket_nsp(s), sio_event_str(e, 0), SIO_ARGS(sio_arg(e, 1)), 0,
                                 on_replies, ack);
  if (err) refuse(ack, err);
}

static void on_room_size(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_reply(e, SIO_ARGS(sio_nsp_count_sockets(sio_socket_nsp(s), sio_event_str(e, 0))));
}

const struct handler many_handlers[] = {
  { "ask-all", on_ask_all },
  { "fetch", on_fetch },
  { "set-shared", on_set_shared },
  { "servers", on_servers },
  { "tell-servers", on_tell_servers },
  { "room-size", on_room_size },
  { NULL, NULL },
};

/* ---- rooms ------------------------------------------------------------------------------ */

static void say_room(const char *what, const char *room) {
  say("room %s %s", what, strlen(room) == 20 ? "own" : room);
}

static void on_create(sio_nsp *nsp, const char *room, void *user) {
  (void)nsp, (void)user;
  say_room("create", room);
}
static void on_join(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)s, (void)user;
  say_room("join", room);
}
static void on_leave(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  (void)nsp, (void)s, (void)user;
  say_room("leave", room);
}
static void on_remove(sio_nsp *nsp, const char *room, void *user) {
  (void)nsp, (void)user;
  say_room("remove", room);
}

int say_rooms(sio_nsp *nsp) {
  static const sio_room_hooks hooks = {
    .create = on_create, .join = on_join, .leave = on_leave, .remove = on_remove
  };
  return sio_on_room(nsp, &hooks, NULL);
}
