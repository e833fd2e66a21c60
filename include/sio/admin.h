/* SPDX-License-Identifier: MIT
 *
 * admin.h - lets the Admin UI of Socket.IO (the npm package @socket.io/admin-ui) watch a server and
 * act on it: the library libsio-admin, beside libsio (pkg-config libsio-admin).
 *
 * The UI is a web page that connects to a namespace of the server. It shows the servers of a
 * cluster, and how many clients, events and bytes there are; in development mode also each socket,
 * room and event. Its buttons make sockets join and leave rooms, and disconnect them.
 *
 *     sio_admin_attach(srv, &(sio_admin_options){ .username = "admin", .password = "$2b$10$..." });
 *     sio_static(srv, "/admin/", "node_modules/@socket.io/admin-ui/ui/dist");
 *
 * All calls are made on the loop's thread.
 */
#ifndef SIO_ADMIN_H
#define SIO_ADMIN_H

#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One action of a user of the UI. It is valid until the callback returns. */
typedef struct sio_admin_action {
  const char *name;   /* "emit", "join", "leave" or "_disconnect"                        */
  const char *nsp;    /* the namespace it is about                                       */
  const char *filter; /* a room or the id of a socket; NULL: the whole namespace         */
  const char *what;   /* the event, or the room to join or leave; NULL for "_disconnect" */
  int err;            /* 0: it was done; otherwise why not                               */
} sio_admin_action;

/* Zero means the default in every field. Strings are copied. */
typedef struct sio_admin_options {
  /* sizeof(sio_admin_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* "/admin": the namespace that the UI connects to. */
  const char *nsp;
  /* The name and a bcrypt hash of the password that a user must enter ("$2a$", "$2b$" or "$2y$";
   * for example from "htpasswd -nbBC 10 admin PASSWORD"). Hashes are checked in libuv's thread
   * pool, one at a time. */
  const char *username;
  const char *password;
  /* Nobody is asked for a password. Without username and password this must be set. It is also the
   * way to another authentication: register middleware of your own on the namespace with
   * sio_use(). */
  bool no_auth;
  /* The buttons of the UI do nothing. */
  bool readonly;
  /* "mode: development": each socket, room and event is shown. It costs one more broadcast for each
   * of them. Members "_admin" are then added to the shared JSON of each socket
   * (sio_socket_set_shared()), by which the servers of a cluster tell each other what the UI shows.
   * In the UI of a Node.js server the client and the transport of a socket are empty once the host
   * has set that JSON anew. */
  bool development;
  /* The name of this server in the UI; NULL: the name of the machine. Servers of one cluster need
   * different names. */
  const char *server_id;
  /* Who has signed in need not enter the password again when the page is loaded anew. Up to 64 such
   * sessions are kept in memory, for a day. These callbacks keep them elsewhere, for servers of
   * several threads or machines. Both or none. */
  void (*save_session)(const char *id, void *user);
  bool (*has_session)(const char *id, void *user);
  /* Runs after each thing that was done, or refused, at the UI: for an audit log. NULL: none. */
  void (*action)(sio_socket *s, const sio_admin_action *action, void *user);
  void *user; /* for the callbacks */
} sio_admin_options;

/* Attaches the Admin UI's side to a server, until the server closes. Call it once for each server,
 * after sio_server_new(); for several threads, in the setup function of each. UV_EINVAL: the
 * options name no way to authenticate, or name two, or password is not a bcrypt hash; UV_ENOTSUP:
 * the system's crypt(3) cannot check such a hash; SIO_ENAME, UV_ENOMEM. */
SIO_EXTERN int sio_admin_attach(sio_server *srv, const sio_admin_options *options);

#ifdef __cplusplus
}
#endif
#endif
