/* SPDX-License-Identifier: MIT
 *
 * commands.c - implements the buttons of the UI: emit, join, leave and disconnect, for all sockets
 * of a namespace, those in a room, or one socket, on all servers.
 */
#include "admin/admin.h"

#include <stdlib.h>

/* A request that a user made with a button of the UI: the action, and the sockets that it applies
 * to. */
struct command {
  sio_admin_action action;
  const char *rooms[2]; /* action.filter as a NULL-terminated list of rooms */
  sio_target to;
};

static int parse_ui_command_from_event(struct admin *a, sio_event *e, size_t filter,
                                       struct command *c) {
  const char *nsp = sio_event_str(e, 0);
  c->action = (sio_admin_action){ .name = sio_event_name(e), .nsp = nsp ? nsp : "" };
  c->action.filter = sio_event_str(e, filter);
  /* The argument with the number `filter` is the name of a room or the id of a socket. If it is
   * empty, null or missing, the command is for the whole namespace. */
  if (!c->action.filter && sio_event_kind(e, filter) != SIO_NULL) return UV_EINVAL;
  if (c->action.filter && !*c->action.filter) c->action.filter = NULL;
  c->rooms[0] = c->action.filter;
  c->rooms[1] = NULL;
  c->to = (sio_target){ .nsp = nsp ? sio_nsp_find(a->srv, nsp) : NULL,
                        .rooms = c->action.filter ? c->rooms : NULL };
  return c->to.nsp ? 0 : UV_ENOENT;
}

static void call_host_callback_for_ui_command(struct admin *a, sio_socket *s, struct command *c,
                                              int err) {
  c->action.err = err;
  if (a->action) a->action(s, &c->action, a->user);
}

static int broadcast_event_of_ui_command(const struct command *c, sio_event *e) {
  enum { FIRST = 3 };
  size_t n = sio_event_count(e) > FIRST ? sio_event_count(e) - FIRST : 0;
  sio_val *args = calloc(n + 1, sizeof *args);
  if (!args) return UV_ENOMEM;
  for (size_t i = 0; i < n; i++) args[i] = sio_arg(e, FIRST + i);
  int err = sio_broadcast(c->to, c->action.what, sio_argv(args, n));
  free(args);
  return err;
}

static void run_ui_emit_command(sio_socket *s, sio_event *e, void *user) {
  struct command c;
  int err = parse_ui_command_from_event(user, e, 1, &c);
  c.action.what = sio_event_str(e, 2);
  if (!err) err = c.action.what ? broadcast_event_of_ui_command(&c, e) : SIO_ENAME;
  call_host_callback_for_ui_command(user, s, &c, err);
}

/* Handles "join" and "leave", which have the same arguments. */
static void run_ui_join_or_leave_command(struct admin *a, sio_socket *s, sio_event *e,
                                         int (*change)(sio_target to, const char *const *rooms)) {
  struct command c;
  int err = parse_ui_command_from_event(a, e, 2, &c);
  c.action.what = sio_event_str(e, 1);
  if (!err && !c.action.what) err = SIO_ENAME;
  if (!err) err = change(c.to, SIO_ROOMS(c.action.what));
  call_host_callback_for_ui_command(a, s, &c, err);
}

static void run_ui_join_command(sio_socket *s, sio_event *e, void *user) {
  run_ui_join_or_leave_command(user, s, e, sio_all_join);
}

static void run_ui_leave_command(sio_socket *s, sio_event *e, void *user) {
  run_ui_join_or_leave_command(user, s, e, sio_all_leave);
}

static void run_ui_disconnect_command(sio_socket *s, sio_event *e, void *user) {
  struct command c;
  bool session = false;
  int err = parse_ui_command_from_event(user, e, 2, &c);
  if (!err && !sio_event_bool(e, 1, &session) && sio_event_kind(e, 1) != SIO_NULL) err = UV_EINVAL;
  if (!err) err = sio_all_disconnect(c.to, session);
  call_host_callback_for_ui_command(user, s, &c, err);
}

int sio__admin_register_command_handlers(struct admin *a) {
  int err = sio_on(a->nsp, "emit", run_ui_emit_command, a);
  if (!err) err = sio_on(a->nsp, "join", run_ui_join_command, a);
  if (!err) err = sio_on(a->nsp, "leave", run_ui_leave_command, a);
  if (!err) err = sio_on(a->nsp, "_disconnect", run_ui_disconnect_command, a);
  return err;
}
