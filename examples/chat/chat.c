/* SPDX-License-Identifier: MIT
 *
 * chat.c - rooms, private messages, typing hints, and a page to use them with.
 *
 * A peer says who it is when it connects, io({ auth: { nick, key } }), and then:
 *
 *   the page emits                          and gets in its ack
 *     join(room, since)                       error     messages later than `since` come first
 *     leave(room)                             error
 *     say(room, text, id)                     error, at
 *     whisper(nick, text, id)                 error     once the other page has it
 *     typing(room or nick)                    -
 *   the server emits
 *     rooms([{ name, members }])              to all, when one of them changed
 *     members(room, [nick])                   to a room, when it changed
 *     message(room, nick, text, id, at)       to a room
 *     whisper(nick, text, id, at)             to one peer, which acks it
 *     typing(room or nick, nick)              volatile: peers that are behind do without
 *
 * error is null when all went well. at is the time in ms and rises with each message, so "what did
 * I miss since" needs nothing else. id is the sender's own name for a message: after a lost
 * connection it tells which of its messages had arrived. Rooms are called "#name", nicknames never
 * begin with '#'. Environment: PORT (3000), HOST (all addresses), LOG ("json": the log is JSON).
 */
#include <cjson/cJSON.h>
#include <sio/http.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "chat_page.h" /* page[]: the files of this folder, made by tools/embed-assets */

enum {
  NAME_SIZE = 32,
  ID_SIZE = 40,
  TEXT_SIZE = 2000,
  ROOM_COUNT = 32,   /* all that can be open at once */
  HISTORY_COUNT = 50 /* messages kept per room       */
};

#define LOBBY "#lobby" /* always open */

/* The data of each socket, zeroed: see socket_data_size below. */
struct user {
  char nick[NAME_SIZE];
  char key[ID_SIZE]; /* a secret of the page: a peer that knows it may take the nickname over */
};

struct message {
  int64_t at;
  char nick[NAME_SIZE];
  char id[ID_SIZE];
  char text[];
};

/* An empty name: the slot is free. */
struct room {
  char name[NAME_SIZE];
  int members;
  struct message *history[HISTORY_COUNT]; /* a ring: message i is in slot i % HISTORY_COUNT */
  size_t said;
};

struct chat {
  sio_server *srv;
  sio_nsp *nsp;
  sio_log_file log_file;
  struct room rooms[ROOM_COUNT];
  int64_t last_at;
  uv_signal_t sigint, sigterm;
};

/* ---- what peers send is checked here ------------------------------------------------------- */

/* Returns true for 1 to size - 1 bytes without blanks and control characters. */
static bool is_word(const char *s, size_t size) {
  if (!s || !*s || strlen(s) >= size) return false;
  for (; *s; s++)
    if ((unsigned char)*s <= ' ' || *s == 0x7f) return false;
  return true;
}

static bool is_nick(const char *s) { return is_word(s, NAME_SIZE) && s[0] != '#'; }
static bool is_room(const char *s) { return is_word(s, NAME_SIZE) && s[0] == '#' && s[1]; }
static bool is_text(const char *s) { return s && *s && strlen(s) < TEXT_SIZE; }

/* ---- rooms and their history --------------------------------------------------------------- */

static void room_clear(struct room *room) {
  for (size_t i = 0; i < HISTORY_COUNT; i++) free(room->history[i]);
  *room = (struct room){ .members = 0 };
}

static struct room *room_find(struct chat *chat, const char *name) {
  for (struct room *r = chat->rooms; r < chat->rooms + ROOM_COUNT; r++)
    if (strcmp(r->name, name) == 0) return r;
  return NULL;
}

/* Finds the room or creates it, if necessary in place of an empty one. NULL: all are in use. */
static struct room *room_open(struct chat *chat, const char *name) {
  struct room *room = room_find(chat, name);
  if (!room) {
    room = room_find(chat, "");
    for (size_t i = 1; !room && i < ROOM_COUNT; i++)
      if (chat->rooms[i].members == 0) room = &chat->rooms[i];
    if (!room) return NULL;
    room_clear(room);
    snprintf(room->name, sizeof room->name, "%s", name);
  }
  return room;
}

static int64_t next_at(struct chat *chat) {
  uv_timeval64_t now;
  uv_gettimeofday(&now);
  int64_t ms = now.tv_sec * 1000 + now.tv_usec / 1000;
  return chat->last_at = ms > chat->last_at ? ms : chat->last_at + 1;
}

/* Replaces the oldest message. NULL: no memory. */
static struct message *room_keep(struct room *room, const struct user *from, const char *text,
                                 const char *id, int64_t at) {
  struct message *m = malloc(sizeof *m + strlen(text) + 1);
  if (!m) return NULL;
  m->at = at;
  memcpy(m->nick, from->nick, sizeof m->nick);
  snprintf(m->id, sizeof m->id, "%s", id);
  strcpy(m->text, text);
  struct message **slot = &room->history[room->said++ % HISTORY_COUNT];
  free(*slot);
  *slot = m;
  return m;
}

static void room_replay(const struct room *room, sio_socket *s, int64_t since) {
  size_t first = room->said > HISTORY_COUNT ? room->said - HISTORY_COUNT : 0;
  for (size_t i = first; i < room->said; i++) {
    const struct message *m = room->history[i % HISTORY_COUNT];
    if (m->at > since) sio_emit(s, "message", SIO_ARGS(room->name, m->nick, m->text, m->id, m->at));
  }
}

/* ---- telling who is where ------------------------------------------------------------------ */

static void add_nick(sio_socket *s, void *nicks) {
  const struct user *u = sio_socket_data(s);
  cJSON_AddItemToArray(nicks, cJSON_CreateString(u->nick));
}

/* Sends the list of members to the room, without a socket that is just leaving. The same target
 * lists and receives them. */
static void tell_members(struct chat *chat, const char *room, const sio_socket *leaving) {
  sio_target to = { .nsp = chat->nsp, .rooms = SIO_ROOMS(room), .skip = leaving };
  cJSON *nicks = cJSON_CreateArray();
  if (!nicks) return;
  sio_all_each(to, add_nick, nicks);
  sio_broadcast(to, "members", SIO_ARGS(room, nicks));
  cJSON_Delete(nicks);
}

/* A cJSON tree is an argument like any other: the page sees an array of objects. */
static cJSON *rooms_tree(const struct chat *chat) {
  cJSON *list = cJSON_CreateArray();
  for (const struct room *r = chat->rooms; r < chat->rooms + ROOM_COUNT; r++) {
    if (!r->name[0]) continue;
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", r->name);
    cJSON_AddNumberToObject(item, "members", r->members);
    cJSON_AddItemToArray(list, item);
  }
  return list;
}

static void tell_rooms(struct chat *chat) {
  cJSON *list = rooms_tree(chat);
  if (list) sio_broadcast((sio_target){ .nsp = chat->nsp }, "rooms", SIO_ARGS(list));
  cJSON_Delete(list);
}

static void member_left(struct chat *chat, sio_socket *s, const char *name) {
  struct room *room = room_find(chat, name);
  if (!room) return;
  room->members--;
  tell_members(chat, name, s);
}

/* ---- coming and going ---------------------------------------------------------------------- */

struct search {
  const char *nick;
  sio_socket *found;
};

static void compare_nick(sio_socket *s, void *user) {
  struct search *search = user;
  const struct user *u = sio_socket_data(s);
  if (strcasecmp(u->nick, search->nick) == 0) search->found = s;
}

/* Visits every socket, which is fine for a few hundred. A bigger chat keeps a table. */
static sio_socket *find_nick(struct chat *chat, const char *nick) {
  struct search search = { .nick = nick };
  sio_all_each((sio_target){ .nsp = chat->nsp }, compare_nick, &search);
  return search.found;
}

static const char *auth_word(sio_socket *s, const char *name) {
  const cJSON *auth = sio_socket_auth_tree(s);
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(auth, name));
}

/* Middleware, io.use() in JavaScript: each client needs a unique nickname. A page that reconnects
 * before its old connection was noticed to be gone takes its nickname over. */
static void admit(sio_socket *s, sio_next *next, void *user) {
  const char *nick = auth_word(s, "nick");
  const char *key = auth_word(s, "key");
  if (!is_nick(nick) || !is_word(key, ID_SIZE)) {
    sio_next_fail(next, "A nickname is short, without blanks, and with no # in front.", sio_null());
    return;
  }
  sio_socket *other = find_nick(user, nick);
  if (other) {
    const struct user *holder = sio_socket_data(other);
    if (strcmp(holder->key, key) != 0) {
      sio_next_fail(next, "Somebody else is called that.", sio_null());
      return;
    }
    sio_disconnect(other, true);
  }
  struct user *u = sio_socket_data(s);
  snprintf(u->nick, sizeof u->nick, "%s", nick);
  snprintf(u->key, sizeof u->key, "%s", key);
  sio_next_ok(next);
}

static void on_connect(sio_socket *s, void *user) {
  cJSON *list = rooms_tree(user);
  if (list) sio_emit(s, "rooms", SIO_ARGS(list));
  cJSON_Delete(list);
}

/* "disconnecting" runs while the rooms can still be read, "disconnect" afterwards. */
static void on_disconnecting(sio_socket *s, const sio_close_info *why, void *user) {
  (void)why;
  const char *rooms[ROOM_COUNT + 1];
  size_t n = sio_rooms(s, rooms, ROOM_COUNT + 1);
  for (size_t i = 1; i < n; i++) member_left(user, s, rooms[i]); /* 0 is the room of its own id */
  tell_rooms(user);
}

static void on_join(sio_socket *s, sio_event *e, void *user) {
  struct chat *chat = user;
  const char *name = sio_event_str(e, 0); /* NULL unless argument 0 is a string */
  int64_t since = 0;
  sio_event_int(e, 1, &since);
  struct room *room = is_room(name) ? room_open(chat, name) : NULL;
  if (!room) {
    sio_reply(e, SIO_ARGS("That room cannot be opened."));
    return;
  }
  bool again = sio_in_room(s, name);
  int err = sio_join(s, name);
  if (err) {
    sio_reply(e, SIO_ARGS(sio_strerror(err)));
    return;
  }
  room_replay(room, s, since);
  sio_reply(e, SIO_ARGS(sio_null()));
  if (again) return;
  room->members++;
  tell_members(chat, name, NULL);
  tell_rooms(chat);
}

static void on_leave(sio_socket *s, sio_event *e, void *user) {
  const char *name = sio_event_str(e, 0);
  if (!is_room(name) || !sio_in_room(s, name)) {
    sio_reply(e, SIO_ARGS("You are not in that room."));
    return;
  }
  sio_leave(s, name);
  sio_reply(e, SIO_ARGS(sio_null()));
  member_left(user, s, name);
  tell_rooms(user);
}

/* ---- messages ------------------------------------------------------------------------------ */

static void on_say(sio_socket *s, sio_event *e, void *user) {
  struct chat *chat = user;
  const char *name = sio_event_str(e, 0), *text = sio_event_str(e, 1), *id = sio_event_str(e, 2);
  struct room *room = is_room(name) && sio_in_room(s, name) ? room_find(chat, name) : NULL;
  if (!room || !is_text(text) || !is_word(id, ID_SIZE)) {
    sio_reply(e, SIO_ARGS("That could not be said here."));
    return;
  }
  const struct message *m = room_keep(room, sio_socket_data(s), text, id, next_at(chat));
  if (!m) {
    sio_reply(e, SIO_ARGS(sio_strerror(UV_ENOMEM)));
    return;
  }
  sio_broadcast((sio_target){ .nsp = chat->nsp, .rooms = SIO_ROOMS(name), .skip = s }, "message",
                SIO_ARGS(name, m->nick, m->text, m->id, m->at));
  sio_reply(e, SIO_ARGS(sio_null(), m->at));
}

/* The addressee's page has the message, or has disconnected, or did not answer in time: now the
 * sender gets its ack. */
static void on_delivered(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)s, (void)reply;
  sio_ack *ack = user;
  if (ack) sio_ack_send(ack, SIO_ARGS(sio_str(status ? sio_strerror(status) : NULL)));
}

static void on_whisper(sio_socket *s, sio_event *e, void *user) {
  const struct user *from = sio_socket_data(s);
  const char *nick = sio_event_str(e, 0), *text = sio_event_str(e, 1), *id = sio_event_str(e, 2);
  sio_socket *to = is_nick(nick) ? find_nick(user, nick) : NULL;
  if (!to || !is_text(text) || !is_word(id, ID_SIZE)) {
    sio_reply(e, SIO_ARGS(to ? "That could not be said." : "Nobody of that name is here."));
    return;
  }
  sio_ack *ack = sio_event_take_ack(e); /* answered later, after this function has returned */
  int err = sio_emit_ack(to, "whisper", SIO_ARGS(from->nick, text, id, next_at(user)), 5000,
                         on_delivered, ack);
  if (err) on_delivered(to, err, NULL, ack); /* a call that failed never calls back */
}

static void on_typing(sio_socket *s, sio_event *e, void *user) {
  struct chat *chat = user;
  const struct user *from = sio_socket_data(s);
  const char *where = sio_event_str(e, 0);
  if (is_room(where) && sio_in_room(s, where)) {
    sio_target to = {
      .nsp = chat->nsp, .rooms = SIO_ROOMS(where), .skip = s, .flags = SIO_VOLATILE
    };
    sio_broadcast(to, "typing", SIO_ARGS(where, from->nick));
  } else if (is_nick(where)) {
    sio_socket *to = find_nick(chat, where);
    if (to)
      sio_emit_with(to, &(sio_emit_options){ .flags = SIO_VOLATILE }, "typing",
                    SIO_ARGS(from->nick, from->nick));
  }
}

/* ---- the program --------------------------------------------------------------------------- */

/* All handles of the program are closed, so uv_run() returns. */
static void stop(struct chat *chat) {
  if (chat->srv) sio_server_close(chat->srv, NULL, NULL);
  uv_close((uv_handle_t *)&chat->sigint, NULL);
  uv_close((uv_handle_t *)&chat->sigterm, NULL);
}

static void on_signal(uv_signal_t *signal, int signum) {
  (void)signum;
  stop(signal->data);
}

static int watch_signals(struct chat *chat, uv_loop_t *loop) {
  int err = uv_signal_init(loop, &chat->sigint);
  if (!err) err = uv_signal_init(loop, &chat->sigterm);
  chat->sigint.data = chat->sigterm.data = chat;
  if (!err) err = uv_signal_start(&chat->sigint, on_signal, SIGINT);
  if (!err) err = uv_signal_start(&chat->sigterm, on_signal, SIGTERM);
  return err;
}

static int serve(struct chat *chat, uv_loop_t *loop) {
  const char *port = getenv("PORT"), *log = getenv("LOG");
  chat->log_file.json = log && strcmp(log, "json") == 0;
  const sio_options options = {
    .max_payload = 16 * 1024,
    .socket_data_size = sizeof(struct user),
    .log = sio_log_to_file,
    .log_user = &chat->log_file,
  };
  int err = sio_server_new(loop, &options, &chat->srv);
  if (!err) err = sio_assets(chat->srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = sio_of(chat->srv, "/", &chat->nsp);
  if (!err) err = sio_use(chat->nsp, admit, chat);
  if (!err) err = sio_on_connect(chat->nsp, on_connect, chat);
  if (!err) err = sio_on_disconnecting(chat->nsp, on_disconnecting, chat);
  if (!err) err = sio_on(chat->nsp, "join", on_join, chat);
  if (!err) err = sio_on(chat->nsp, "leave", on_leave, chat);
  if (!err) err = sio_on(chat->nsp, "say", on_say, chat);
  if (!err) err = sio_on(chat->nsp, "whisper", on_whisper, chat);
  if (!err) err = sio_on(chat->nsp, "typing", on_typing, chat);
  if (!err) err = sio_listen(chat->srv, getenv("HOST"), port ? atoi(port) : 3000);
  return err;
}

int main(void) {
  static struct chat chat = { .rooms = { { .name = LOBBY } } };
  uv_loop_t *loop = uv_default_loop();
  int err = watch_signals(&chat, loop);
  if (err) {
    fprintf(stderr, "chat: %s\n", uv_strerror(err));
    return 1;
  }
  err = serve(&chat, loop);
  if (err) {
    fprintf(stderr, "chat: %s\n", sio_strerror(err));
    stop(&chat);
  } else {
    printf("chat: http://localhost:%d/\n", sio_port(chat.srv));
    fflush(stdout);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  for (size_t i = 0; i < ROOM_COUNT; i++) room_clear(&chat.rooms[i]);
  return uv_loop_close(loop) || err ? 1 : 0;
}
