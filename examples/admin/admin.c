/* SPDX-License-Identifier: MIT
 *
 * admin.c - a server that the Admin UI of Socket.IO watches: its clients, sockets, rooms and events
 * are shown at /admin/, where you sign in as "admin" with the password "changeit".
 *
 *   a page emits      the server
 *     enter(room)       moves the page to this room
 *     wave()            emits wave(id) to all pages in the page's room
 *
 * Environment: PORT (3000); ADMIN_UI, the directory with the files of the UI (the one that the
 * build found in the npm package @socket.io/admin-ui); ADMIN_MODE: "production", or "development",
 * which is the default here and shows single sockets, rooms and events; ADMIN_READONLY.
 */
#include <signal.h>
#include <sio/admin.h>
#include <sio/http.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "admin_page.h" /* page[]: the files beside this one, made by tools/embed-assets */

/* The data of each socket (socket_data_size). */
struct place {
  char room[32];
};

static void on_enter(sio_socket *s, sio_event *e, void *user) {
  struct place *place = sio_socket_data(s);
  const char *room = sio_event_str(e, 0);
  (void)user;
  if (!room || !*room || strlen(room) >= sizeof place->room) return;
  if (*place->room) sio_leave(s, place->room);
  strcpy(place->room, room);
  sio_join(s, room);
  sio_reply(e, SIO_ARGS("entered"));
}

static void on_wave(sio_socket *s, sio_event *e, void *user) {
  struct place *place = sio_socket_data(s);
  (void)e, (void)user;
  if (*place->room)
    sio_broadcast(
        (sio_target){ .nsp = sio_socket_nsp(s), .rooms = SIO_ROOMS(place->room), .skip = s },
        "wave", SIO_ARGS(sio_socket_public_id(s)));
}

/* Prints each action of a user of the UI. */
static void on_action(sio_socket *s, const sio_admin_action *action, void *user) {
  (void)user;
  printf("%s: %s in %s, %s: %s\n", sio_socket_public_id(s), action->name, action->nsp,
         action->filter ? action->filter : "everybody",
         action->err ? sio_strerror(action->err) : "done");
  fflush(stdout);
}

static int attach_admin(sio_server *srv) {
  const char *mode = getenv("ADMIN_MODE"), *files = getenv("ADMIN_UI");
  if (!files) files = ADMIN_UI;
  int err = sio_admin_attach(
      srv, &(sio_admin_options){ .username = "admin",
                                 .password =
                                     "$2b$10$DsUMwYtd6qeVRcTSH1vDE.njGR4czSpmzHYFNnqo3UbaENUkAT106",
                                 .development = !mode || strcmp(mode, "production") != 0,
                                 .readonly = getenv("ADMIN_READONLY") != NULL,
                                 .action = on_action });
  if (!err && *files) err = sio_static(srv, "/admin/", files);
  return err;
}

static void on_signal(uv_signal_t *signal, int number) {
  (void)number;
  sio_server_close(signal->data, NULL, NULL);
  uv_close((uv_handle_t *)signal, NULL);
}

int main(void) {
  const char *port = getenv("PORT");
  uv_loop_t *loop = uv_default_loop();
  uv_signal_t stop;
  sio_server *srv;
  sio_nsp *root;
  int err = sio_server_new(loop, &(sio_options){ .socket_data_size = sizeof(struct place) }, &srv);
  if (!err) err = sio_of(srv, "/", &root);
  if (!err) err = sio_on(root, "enter", on_enter, NULL);
  if (!err) err = sio_on(root, "wave", on_wave, NULL);
  if (!err) err = attach_admin(srv);
  if (!err) err = sio_assets(srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = sio_listen(srv, NULL, port ? atoi(port) : 3000);
  if (err) {
    fprintf(stderr, "%s\n", sio_strerror(err));
    return 1;
  }
  printf("http://localhost:%d\n", sio_port(srv));
  fflush(stdout);
  uv_signal_init(loop, &stop);
  stop.data = srv;
  uv_signal_start(&stop, on_signal, SIGTERM);
  return uv_run(loop, UV_RUN_DEFAULT);
}
