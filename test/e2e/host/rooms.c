/* SPDX-License-Identifier: MIT
 *
 * rooms.c - joining, leaving, and reaching the sockets of rooms.
 */
#include "handlers.h"
#include "target.h"

#include <string.h>
#include <uv.h>

static void on_join(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  for (size_t i = 0; i < sio_event_count(e); i++) sio_join(s, sio_event_str(e, i));
  sio_reply(e, SIO_ARGS(sio_socket_id(s)));
}

static void on_leave(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_reply(e, SIO_ARGS(sio_leave(s, sio_event_str(e, 0))));
}

static void on_rooms(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  cJSON *rooms = cJSON_CreateArray();
  const char *name[100];
  size_t n = sio_rooms(s, name, 100);
  for (size_t i = 0; i < n && i < 100; i++)
    cJSON_AddItemToArray(rooms, cJSON_CreateString(name[i]));
  sio_reply(e, SIO_ARGS(rooms));
  cJSON_Delete(rooms);
}

/* target, event, one argument */
static void on_broadcast(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  struct names names;
  sio_target to = target_of(s, sio_event_tree(e, 0), &names);
  sio_reply(e, SIO_ARGS(sio_broadcast(to, sio_event_str(e, 1), SIO_ARGS(sio_arg(e, 2)))));
}

/* ---- verbs for many ---------------------------------------------------------------------- */

typedef int verb_fn(sio_target to, const char *room, cJSON *ids);

static int all_join(sio_target to, const char *room, cJSON *ids) {
  (void)ids;
  return sio_all_join(to, SIO_ROOMS(room));
}

static int all_leave(sio_target to, const char *room, cJSON *ids) {
  (void)ids;
  return sio_all_leave(to, SIO_ROOMS(room));
}

static int all_disconnect(sio_target to, const char *room, cJSON *ids) {
  (void)room, (void)ids;
  return sio_all_disconnect(to, false);
}

static int all_close(sio_target to, const char *room, cJSON *ids) {
  (void)room, (void)ids;
  return sio_all_disconnect(to, true);
}

static void add_id(sio_socket *s, void *user) {
  cJSON_AddItemToArray(user, cJSON_CreateString(sio_socket_id(s)));
}

static int all_fetch(sio_target to, const char *room, cJSON *ids) {
  (void)room;
  return sio_all_each(to, add_id, ids);
}

static verb_fn *verb_named(const char *name) {
  static const struct {
    const char *name;
    verb_fn *fn;
  } verbs[] = { { "join", all_join },
                { "leave", all_leave },
                { "disconnect", all_disconnect },
                { "close", all_close },
                { "fetch", all_fetch } };
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (strcmp(verbs[i].name, name) == 0) return verbs[i].fn;
  return NULL;
}

/* verb, target, room: the sender is one of them */
static void on_bulk(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  struct names names;
  sio_target to = target_of(s, sio_event_tree(e, 1), &names);
  to.skip = NULL;
  verb_fn *verb = verb_named(sio_event_str(e, 0));
  cJSON *ids = cJSON_CreateArray();
  int err = verb ? verb(to, sio_event_str(e, 2), ids) : UV_EINVAL;
  sio_reply(e, SIO_ARGS(err, ids));
  cJSON_Delete(ids);
}

const struct handler room_handlers[] = { { "join", on_join },   { "leave", on_leave },
                                         { "rooms", on_rooms }, { "broadcast", on_broadcast },
                                         { "bulk", on_bulk },   { NULL, NULL } };
