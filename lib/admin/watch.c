/* SPDX-License-Identifier: MIT
 *
 * watch.c - the development mode: shows sockets, rooms and events in the UI.
 *
 * The shared JSON of each socket gets a member "_admin". It contains what the other servers of a
 * cluster need in order to list the socket.
 */
#include "admin/admin.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How many characters of the session's public id the UI shows as the id of a client. */
enum { CLIENT_ID_LENGTH = 12 };

#define OWN_MEMBER "_admin"

/* ---- pieces of JSON -------------------------------------------------------------------------- */

static cJSON *make_json_timestamp_of_now(void) {
  uv_timeval64_t now;
  uv_gettimeofday(&now);
  time_t seconds = (time_t)now.tv_sec;
  struct tm tm;
  char day[32], text[48];
  gmtime_r(&seconds, &tm);
  strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(text, sizeof text, "%s.%03dZ", day, (int)(now.tv_usec / 1000));
  return cJSON_CreateString(text);
}

static cJSON *parse_json_object_or_empty(sio_slice text) {
  cJSON *tree = text.n ? cJSON_ParseWithLength(text.p, text.n) : NULL;
  if (cJSON_IsObject(tree)) return tree;
  cJSON_Delete(tree);
  return cJSON_CreateObject();
}

static cJSON *room_names_to_json_array(const char *const *names) {
  cJSON *list = cJSON_CreateArray();
  for (; names && *names; names++)
    sio__admin_json_add_element_or_free_item(list, cJSON_CreateString(*names));
  return list;
}

static void copy_start_of_session_public_id(const sio_session *c, char out[CLIENT_ID_LENGTH + 1]) {
  sio_session_info info = sio_session_info_of(c);
  memcpy(out, info.public_id, CLIENT_ID_LENGTH);
  out[CLIENT_ID_LENGTH] = '\0';
}

/* Makes the JSON object that the UI shows for a socket, which may be on another server. */
static cJSON *make_json_of_socket_for_ui(const char *id, const char *nsp, sio_slice shared,
                                         sio_slice handshake, const char *const *rooms) {
  cJSON *out = cJSON_CreateObject(), *data = parse_json_object_or_empty(shared),
        *head = parse_json_object_or_empty(handshake);
  cJSON *own = cJSON_DetachItemFromObjectCaseSensitive(data, OWN_MEMBER);
  cJSON_DeleteItemFromObjectCaseSensitive(head, "auth");
  cJSON_AddStringToObject(out, "id", id);
  static const char *const facts[] = { "clientId", "transport" };
  for (size_t i = 0; i < 2; i++) {
    const cJSON *fact = cJSON_GetObjectItemCaseSensitive(own, facts[i]);
    if (cJSON_IsString(fact)) cJSON_AddStringToObject(out, facts[i], fact->valuestring);
  }
  cJSON_Delete(own);
  cJSON_AddStringToObject(out, "nsp", nsp);
  sio__admin_json_add_member_or_free_item(out, "data", data);
  sio__admin_json_add_member_or_free_item(out, "handshake", head);
  sio__admin_json_add_member_or_free_item(out, "rooms", room_names_to_json_array(rooms));
  return out;
}

/* ---- the member "_admin" of a socket's shared JSON ------------------------------------------- */

/* If *text begins with `start`, removes `start` from the beginning of *text and returns true. */
static bool skip_text_if_present(sio_slice *text, const char *start) {
  size_t n = strlen(start);
  if (text->n < n || memcmp(text->p, start, n) != 0) return false;
  *text = (sio_slice){ text->p + n, text->n - n };
  return true;
}

static void skip_letters(sio_slice *text) {
  while (text->n && *text->p >= 'a' && *text->p <= 'z') text->p++, text->n--;
}

/* If *shared begins with a member "_admin" exactly as set_admin_member_of_shared_json() writes it,
 * removes the '{' and this member from the beginning of *shared and returns true. */
static bool skip_admin_member_of_shared_json(sio_slice *shared) {
  sio_slice at = *shared;
  if (!skip_text_if_present(&at, "{\"" OWN_MEMBER "\":{\"clientId\":\"") || at.n < CLIENT_ID_LENGTH)
    return false;
  at = (sio_slice){ at.p + CLIENT_ID_LENGTH, at.n - CLIENT_ID_LENGTH };
  if (!skip_text_if_present(&at, "\",\"transport\":\"")) return false;
  skip_letters(&at);
  if (!skip_text_if_present(&at, "\"}")) return false;
  *shared = at;
  return true;
}

/* Returns those members of a socket's shared JSON that the program has set, and the final '}'. If
 * the JSON begins with the member "_admin" that set_admin_member_of_shared_json() has inserted,
 * this is the text after that member, otherwise the text after the '{'. A member "_admin" of
 * another form counts as one of the program. The JSON is not parsed into a cJSON tree, because a
 * tree would round large numbers of the program. */
static sio_slice find_shared_json_after_admin_member(sio_slice shared) {
  if (skip_admin_member_of_shared_json(&shared)) {
    skip_text_if_present(&shared, ",");
    return shared;
  }
  const char *p = memchr(shared.p, '{', shared.n), *end = shared.p + shared.n;
  return p ? (sio_slice){ p + 1, (size_t)(end - p - 1) } : sio_text("}");
}

static bool is_rest_of_json_object_empty(sio_slice members) {
  while (members.n && strchr(" \t\r\n", *members.p)) members.p++, members.n--;
  return members.n == 0 || *members.p == '}';
}

static void set_admin_member_of_shared_json(sio_socket *s) {
  char id[CLIENT_ID_LENGTH + 1];
  const sio_session *c = sio_socket_session(s);
  if (!c) return;
  copy_start_of_session_public_id(c, id);
  sio_slice others = find_shared_json_after_admin_member(sio_socket_shared(s));
  size_t size = others.n + 128;
  char *text = malloc(size);
  if (!text) return;
  int n =
      snprintf(text, size, "{\"" OWN_MEMBER "\":{\"clientId\":\"%s\",\"transport\":\"%s\"}%s", id,
               sio_session_info_of(c).transport, is_rest_of_json_object_empty(others) ? "" : ",");
  memcpy(text + n, others.p, others.n);
  sio_socket_set_shared(s, (sio_slice){ text, (size_t)n + others.n });
  free(text);
}

/* ---- sockets and rooms ----------------------------------------------------------------------- */

static void watch_send_connected_socket_to_ui(sio_socket *s, void *user) {
  size_t n = sio_rooms(s, NULL, 0);
  const char **rooms = calloc(n + 1, sizeof *rooms);
  set_admin_member_of_shared_json(s);
  if (rooms) sio_rooms(s, rooms, n);
  cJSON *args[] = { make_json_of_socket_for_ui(sio_socket_id(s), sio_nsp_name(sio_socket_nsp(s)),
                                               sio_socket_shared(s), sio_socket_handshake(s),
                                               rooms),
                    make_json_timestamp_of_now() };
  sio__admin_send_event_to_ui_and_free_args(user, "socket_connected", args, 2);
  free(rooms);
}

static void watch_send_disconnected_socket_to_ui(sio_socket *s, const sio_close_info *why,
                                                 void *user) {
  cJSON *args[] = { cJSON_CreateString(sio_nsp_name(sio_socket_nsp(s))),
                    cJSON_CreateString(sio_socket_id(s)),
                    cJSON_CreateString(sio_reason_str(why->reason)), make_json_timestamp_of_now() };
  sio__admin_send_event_to_ui_and_free_args(user, "socket_disconnected", args, 4);
}

static void send_room_event_to_ui(struct admin *a, const char *event, const sio_nsp *nsp,
                                  const char *room, const sio_socket *s) {
  cJSON *args[] = { cJSON_CreateString(sio_nsp_name(nsp)), cJSON_CreateString(room),
                    cJSON_CreateString(sio_socket_id(s)), make_json_timestamp_of_now() };
  sio__admin_send_event_to_ui_and_free_args(a, event, args, 4);
}

static void watch_send_room_join_to_ui(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  send_room_event_to_ui(user, "room_joined", nsp, room, s);
}

static void watch_send_room_leave_to_ui(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  send_room_event_to_ui(user, "room_left", nsp, room, s);
}

/* ---- a session has moved to a WebSocket ------------------------------------------------------ */

struct upgrade {
  struct admin *admin;
  const sio_session *session;
};

static void store_and_send_transport_if_session_upgraded(sio_socket *s, void *user) {
  const struct upgrade *u = user;
  if (sio_socket_session(s) != u->session) return;
  set_admin_member_of_shared_json(s);
  cJSON *update = cJSON_CreateObject();
  cJSON_AddStringToObject(update, "id", sio_socket_id(s));
  cJSON_AddStringToObject(update, "nsp", sio_nsp_name(sio_socket_nsp(s)));
  cJSON_AddStringToObject(update, "transport", sio_session_info_of(u->session).transport);
  sio__admin_send_event_to_ui_and_free_args(u->admin, "socket_updated", &update, 1);
}

static void send_upgraded_session_transport_in_nsp_to_ui(sio_nsp *nsp, void *user) {
  sio_all_each((sio_target){ .nsp = nsp }, store_and_send_transport_if_session_upgraded, user);
}

static void watch_send_upgraded_session_transport_to_ui(sio_session *c, void *user) {
  struct upgrade u = { user, c };
  sio_nsps(u.admin->srv, send_upgraded_session_transport_in_nsp_to_ui, &u);
}

/* ---- events ---------------------------------------------------------------------------------- */

struct shown_event {
  struct shown_event *next;
  sio_event *event;
  const char *id; /* stored after nsp and its NUL */
  char nsp[];
};

static void send_observed_event_to_ui(struct admin *a, const char *what, const char *nsp,
                                      const char *id, const sio_event *e) {
  sio_val array[] = { sio_str(sio_event_name(e)), sio_event_args(e) };
  cJSON *time = make_json_timestamp_of_now();
  sio__admin_broadcast_to_ui_or_count_drop(a, what,
                                           SIO_ARGS(nsp, id, sio_array(sio_argv(array, 2)), time));
  cJSON_Delete(time);
}

static void watch_send_received_event_to_ui(sio_socket *s, sio_event *e, void *user) {
  send_observed_event_to_ui(user, "event_received", sio_nsp_name(sio_socket_nsp(s)),
                            sio_socket_id(s), e);
}

static struct shown_event *sent_event_copy_new(const sio_socket *s, const char *event,
                                               sio_args args) {
  const char *nsp = sio_nsp_name(sio_socket_nsp(s)), *id = sio_socket_id(s);
  size_t n = strlen(nsp) + 1, id_n = strlen(id) + 1;
  struct shown_event *shown = calloc(1, sizeof *shown + n + id_n);
  if (!shown) return NULL;
  memcpy(shown->nsp, nsp, n);
  shown->id = memcpy(shown->nsp + n, id, id_n);
  shown->event = sio_event_new(event, args);
  if (shown->event) return shown;
  free(shown);
  return NULL;
}

static void sent_event_copy_free(struct shown_event *shown) {
  sio_event_free(shown->event);
  free(shown);
}

static struct shown_event *detach_queued_sent_events(struct admin *a) {
  struct shown_event *first = a->events;
  a->events = NULL;
  a->last_event = &a->events;
  a->nevents = 0;
  return first;
}

static void send_and_free_queued_events_to_ui(sio_server *srv, void *user) {
  struct admin *a = user;
  (void)srv;
  for (struct shown_event *e = detach_queued_sent_events(a), *next; e; e = next) {
    next = e->next;
    send_observed_event_to_ui(a, "event_sent", e->nsp, e->id, e->event);
    sent_event_copy_free(e);
  }
  sio__admin_unref(a);
}

/* Queues a copy of the event that is being sent. A function posted to the loop shows it in the UI
 * later, because in a callback of sio_on_any_outgoing() nothing may be sent. */
static void watch_queue_copy_of_sent_event(sio_socket *s, const char *event, sio_args args,
                                           void *user) {
  struct admin *a = user;
  if (a->closing) return;
  struct shown_event *shown = a->nevents < EVENTS_MAX ? sent_event_copy_new(s, event, args) : NULL;
  if (!shown) {
    a->events_dropped++;
    return;
  }
  bool first = !a->events;
  *a->last_event = shown;
  a->last_event = &shown->next;
  a->nevents++;
  if (!first) return;
  a->refs++;
  if (!sio_post(a->srv, send_and_free_queued_events_to_ui, a)) return;
  /* sio_post() has failed. It is called only when an event is added to an empty list, so an event
   * that stayed in the list would never be sent, nor would later ones. */
  sio__admin_free_queued_sent_events(a);
  a->events_dropped++;
  sio__admin_unref(a);
}

void sio__admin_free_queued_sent_events(struct admin *a) {
  for (struct shown_event *e = detach_queued_sent_events(a), *next; e; e = next) {
    next = e->next;
    sent_event_copy_free(e);
  }
}

/* ---- the list of all sockets ----------------------------------------------------------------- */

struct listing {
  struct admin *admin;
  sio_socket *to; /* referenced */
  cJSON *list;
  size_t count;
  unsigned pending;
};

struct fetch {
  struct listing *listing;
  char nsp[];
};

static void socket_listing_unref_and_send_if_last(struct listing *l) {
  if (--l->pending) return;
  if (!l->admin->closing) sio_emit(l->to, "all_sockets", SIO_ARGS(sio_tree(l->list)));
  cJSON_Delete(l->list);
  sio_socket_unref(l->to);
  sio__admin_unref(l->admin);
  free(l);
}

static void socket_listing_add_fetched_sockets(int status, sio_remote *list, size_t n, void *user) {
  struct fetch *f = user;
  struct listing *l = f->listing;
  (void)status; /* after an error, the sockets of the servers that have answered are shown */
  for (size_t i = 0; i < n && l->count < SOCKETS_MAX; i++, l->count++)
    sio__admin_json_add_element_or_free_item(
        l->list, make_json_of_socket_for_ui(list[i].id, f->nsp, list[i].data,
                                            sio_remote_handshake(&list[i]), list[i].rooms));
  free(f);
  socket_listing_unref_and_send_if_last(l);
}

static void socket_listing_fetch_sockets_of_namespace(sio_nsp *nsp, void *user) {
  struct listing *l = user;
  size_t n = strlen(sio_nsp_name(nsp)) + 1;
  struct fetch *f = calloc(1, sizeof *f + n);
  if (!f) return;
  f->listing = l;
  memcpy(f->nsp, sio_nsp_name(nsp), n);
  l->pending++;
  if (!sio_all_fetch((sio_target){ .nsp = nsp }, 0, socket_listing_add_fetched_sockets, f)) return;
  l->pending--;
  free(f);
}

void sio__admin_fetch_and_send_socket_list(struct admin *a, sio_socket *s) {
  struct listing *l = calloc(1, sizeof *l);
  if (!l) return;
  *l = (struct listing){
    .admin = a, .to = sio_socket_ref(s), .list = cJSON_CreateArray(), .pending = 1
  };
  a->refs++;
  sio_nsps(a->srv, socket_listing_fetch_sockets_of_namespace, l);
  socket_listing_unref_and_send_if_last(l);
}

/* ---- registering ---------------------------------------------------------------------------- */

struct watching {
  struct admin *admin;
  int err;
};

static int watch_register_hooks_in_namespace(struct admin *a, sio_nsp *nsp) {
  static const sio_room_hooks rooms = { .size = sizeof rooms,
                                        .join = watch_send_room_join_to_ui,
                                        .leave = watch_send_room_leave_to_ui };
  int err = sio_on_connect(nsp, watch_send_connected_socket_to_ui, a);
  if (!err) err = sio_on_disconnect(nsp, watch_send_disconnected_socket_to_ui, a);
  if (!err) err = sio_on_room(nsp, &rooms, a);
  /* Events in the namespace of the UI are not shown in the UI, because showing an event sends
   * another event in that namespace. */
  if (!err && nsp != a->nsp) err = sio_on_any(nsp, watch_send_received_event_to_ui, a);
  if (!err && nsp != a->nsp) err = sio_on_any_outgoing(nsp, watch_queue_copy_of_sent_event, a);
  return err;
}

static void watch_register_hooks_in_existing_nsp(sio_nsp *nsp, void *user) {
  struct watching *w = user;
  if (!w->err) w->err = watch_register_hooks_in_namespace(w->admin, nsp);
}

static void watch_register_hooks_in_new_nsp(sio_nsp *nsp, void *user) {
  watch_register_hooks_in_namespace(user, nsp);
}

int sio__admin_watch_all_namespaces(struct admin *a) {
  static const sio_engine_hooks hooks = { .upgrade = watch_send_upgraded_session_transport_to_ui };
  static const sio_nsp_hooks nsps = { .create = watch_register_hooks_in_new_nsp };
  struct watching w = { .admin = a };
  sio_nsps(a->srv, watch_register_hooks_in_existing_nsp, &w);
  if (!w.err) w.err = sio_on_nsp(a->srv, &nsps, a);
  if (!w.err) w.err = sio_on_engine(a->srv, &hooks, a);
  return w.err;
}
