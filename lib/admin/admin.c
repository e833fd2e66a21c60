/* SPDX-License-Identifier: MIT
 *
 * admin.c - lets the Admin UI watch a server: attaches it, and detaches it when the server closes.
 */
#include "admin/admin.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* ---- sending --------------------------------------------------------------------------------- */

void sio__admin_broadcast_to_ui_or_count_drop(struct admin *a, const char *event, sio_args args) {
  if (a->closing) return;
  if (sio_broadcast((sio_target){ .nsp = a->nsp }, event, args)) a->events_dropped++;
}

void sio__admin_send_event_to_ui_and_free_args(struct admin *a, const char *event,
                                               struct cJSON **args, size_t n) {
  sio_val values[8];
  bool complete = true;
  for (size_t i = 0; i < n; i++) {
    complete = complete && args[i];
    values[i] = sio_tree(args[i]);
  }
  if (complete)
    sio__admin_broadcast_to_ui_or_count_drop(a, event, sio_argv(values, n));
  else
    a->events_dropped++;
  for (size_t i = 0; i < n; i++) cJSON_Delete(args[i]);
}

void sio__admin_json_add_member_or_free_item(cJSON *object, const char *key, cJSON *item) {
  if (!cJSON_AddItemToObject(object, key, item)) cJSON_Delete(item);
}

void sio__admin_json_add_element_or_free_item(cJSON *array, cJSON *item) {
  if (!cJSON_AddItemToArray(array, item)) cJSON_Delete(item);
}

/* ---- a socket of the UI has connected -------------------------------------------------------- */

static void send_config_to_ui_socket(struct admin *a, sio_socket *s) {
  static const char *const all[] = { "EMIT",      "JOIN",   "LEAVE",       "DISCONNECT",
                                     "MJOIN",     "MLEAVE", "MDISCONNECT", "AGGREGATED_EVENTS",
                                     "ALL_EVENTS" };
  enum { ACTIONS = 7, ALL = sizeof all / sizeof *all };
  sio_val features[ALL];
  size_t n = 0, end = a->development ? ALL : ALL - 1;
  for (size_t i = a->readonly ? ACTIONS : 0; i < end; i++) features[n++] = sio_str(all[i]);
  sio_val list = sio_array(sio_argv(features, n));
  sio_emit(s, "config", SIO_ARGS(SIO_OBJECT({ "supportedFeatures", list })));
}

static void send_initial_state_to_connected_ui(sio_socket *s, void *user) {
  struct admin *a = user;
  sio__admin_send_session_id_after_login(a, s);
  send_config_to_ui_socket(a, s);
  if (a->development) sio__admin_fetch_and_send_socket_list(a, s);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void admin_free(struct admin *a) {
  free(a->username);
  free(a->password);
  free(a->server_id);
  free(a);
}

void sio__admin_unref(struct admin *a) {
  if (--a->refs == 0) admin_free(a);
}

static void admin_unref_on_timer_closed(uv_handle_t *timer) { sio__admin_unref(timer->data); }

/* Releases the server's reference to the struct admin when the server has ended, not when it begins
 * to close: sessions that end in between call hooks of this library, which use the struct. */
static void unref_admin_on_server_ended(void *user) { sio__admin_unref(user); }

static void admin_send_stats_on_timer(uv_timer_t *timer) {
  sio__admin_send_stats_to_ui(timer->data);
}

static void stop_admin_on_server_close(sio_server *srv, void *user) {
  struct admin *a = user;
  (void)srv;
  a->closing = true;
  sio__admin_login_refuse_pending_and_clear(a);
  sio__admin_free_queued_sent_events(a);
  uv_close((uv_handle_t *)&a->timer, admin_unref_on_timer_closed);
}

static bool duplicate_admin_option_text_unless_null(char **out, const char *text) {
  if (!text) return true;
  *out = strdup(text);
  return *out != NULL;
}

static struct admin *admin_new(sio_server *srv, const sio_admin_options *o) {
  struct admin *a = calloc(1, sizeof *a);
  size_t size = sizeof a->host;
  if (!a) return NULL;
  *a = (struct admin){ .srv = srv,
                       .refs = 2, /* one for the timer and one for the server */
                       .readonly = o->readonly,
                       .development = o->development,
                       .save_session = o->save_session,
                       .has_session = o->has_session,
                       .action = o->action,
                       .user = o->user,
                       .started_ms = uv_hrtime() / 1000000,
                       .last_event = &a->events };
  if (uv_os_gethostname(a->host, &size)) strcpy(a->host, "localhost");
  if (duplicate_admin_option_text_unless_null(&a->username, o->username) &&
      duplicate_admin_option_text_unless_null(&a->password, o->password) &&
      duplicate_admin_option_text_unless_null(&a->server_id, o->server_id ? o->server_id : a->host))
    return a;
  admin_free(a);
  return NULL;
}

/* Copies the options of a program that may have been compiled with another version of the header.
 * Fields that the program's struct does not have become zero. Returns false if the program's struct
 * has fields that this library does not know and one of them is not zero, or if it is smaller than
 * in version 0.1. */
static bool check_size_and_copy_admin_options(sio_admin_options *ours,
                                              const sio_admin_options *in) {
  const size_t first = sizeof *ours; /* the size in version 0.1 */
  const size_t size = in->size ? in->size : first;
  if (size < first) return false;
  for (size_t i = sizeof *ours; i < size; i++)
    if (((const char *)in)[i]) return false;
  memset(ours, 0, sizeof *ours);
  memcpy(ours, in, size < sizeof *ours ? size : sizeof *ours);
  return true;
}

static bool is_valid_admin_options(const sio_admin_options *o) {
  bool password = o->username && o->password;
  if (!o->username != !o->password || !o->save_session != !o->has_session) return false;
  return password != o->no_auth;
}

/* Creates the namespace of the UI, and registers the callbacks of this library except those for the
 * end of the server. If one cannot be registered, returns the error; those before it stay
 * registered. sio_admin_attach() then sets a->closing, after which no password is accepted and
 * nothing is broadcast to the UI. */
static int create_ui_namespace_and_register_callbacks(struct admin *a, const sio_admin_options *o) {
  int err = sio_of(a->srv, o->nsp ? o->nsp : "/admin", &a->nsp);
  if (!err) err = sio__admin_login_register_unless_no_auth(a, o);
  if (!err) err = sio_on_connect(a->nsp, send_initial_state_to_connected_ui, a);
  if (!err && !a->readonly) err = sio__admin_register_command_handlers(a);
  if (!err && a->development) err = sio__admin_watch_all_namespaces(a);
  if (!err) err = sio__admin_count_sessions_and_register_stats_hooks(a);
  return err;
}

static void start_admin_stats_timer(struct admin *a) {
  uv_timer_init(sio_server_loop(a->srv), &a->timer);
  a->timer.data = a;
  uv_timer_start(&a->timer, admin_send_stats_on_timer, STATS_EVERY_MS, STATS_EVERY_MS);
  uv_unref((uv_handle_t *)&a->timer); /* so that this timer does not keep the loop running */
}

int sio_admin_attach(sio_server *srv, const sio_admin_options *options) {
  sio_admin_options o;
  if (!options || !check_size_and_copy_admin_options(&o, options) || !is_valid_admin_options(&o))
    return UV_EINVAL;
  struct admin *a = admin_new(srv, &o);
  if (!a) return UV_ENOMEM;
  /* The callbacks for the end of the server are registered first, so that they free everything that
   * is set up below. */
  int err = sio_on_close(srv, stop_admin_on_server_close, unref_admin_on_server_ended, a);
  if (err) {
    admin_free(a);
    return err;
  }
  start_admin_stats_timer(a);
  err = create_ui_namespace_and_register_callbacks(a, &o);
  if (!err) sio__admin_send_stats_to_ui(a);
  a->closing = err != 0;
  return err;
}
