/* SPDX-License-Identifier: MIT
 *
 * admin.h - serves the Admin UI of Socket.IO (the npm package @socket.io/admin-ui).
 *
 * The functions are in a library of their own, libsio-admin (pkg-config libsio-admin). The UI is a
 * web page that connects to a namespace of the server. It shows the servers of the cluster and the
 * number of their clients, packets and bytes. In development mode it also shows the sockets, rooms
 * and events. With its buttons a user can send events, make sockets join and leave rooms, and
 * disconnect them.
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

/* An action that a user took in the UI. It is valid until the callback returns. */
typedef struct sio_admin_action {
  const char *name;   /* "emit", "join", "leave" or "_disconnect"                          */
  const char *nsp;    /* the namespace of the sockets; "": the page named none             */
  const char *filter; /* a room, or the id of a socket; NULL: all sockets of the namespace, or an
                         invalid filter (see err)                                          */
  const char *what;   /* the event, or the room to join or leave; NULL: the page named none */
  int err;            /* 0: the action was done; otherwise the error                       */
} sio_admin_action;

/* The options of sio_admin_attach(). Either username and password or no_auth must be set; for the
 * other fields, 0 or NULL selects the default. Strings are copied. */
typedef struct sio_admin_options {
  /* sizeof(sio_admin_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The namespace that the UI connects to. Default: "/admin". */
  const char *nsp;
  /* The name that a user must enter, and a bcrypt hash of the password ("$2a$", "$2b$" or "$2y$").
   * "htpasswd -nbBC 10 admin PASSWORD" prints both, with a ':' between them. Passwords are checked
   * in libuv's thread pool, one at a time. */
  const char *username;
  const char *password;
  /* Users need no password. Set no_auth if users are to be authenticated in another way, by
   * middleware that the program registers on the namespace of the UI with sio_use(). */
  bool no_auth;
  /* Disable the buttons of the UI: it only shows. */
  bool readonly;
  /* Show the sockets, rooms and events ("mode: development"), except the events in the namespace of
   * the UI. For each event, and each time that a socket connects, disconnects, joins or leaves a
   * room, the server usually sends one more broadcast. libsio-admin adds a member "_admin" to the
   * shared data of each socket (sio_socket_set_shared()), in which the other servers of a cluster
   * find the client and the transport to show. If the program sets the shared data of a socket
   * again, a page of the UI that is loaded later shows this socket without its client and
   * transport. */
  bool development;
  /* The name of this server in the UI; NULL: the name of the machine. Each server of a cluster, and
   * each thread, must have a different name. */
  const char *server_id;
  /* After a user has entered the password, the browser keeps the id of a session, so that the user
   * can load the page again without the password. save_session stores an id, and has_session
   * returns true if an id was stored before. With several threads or servers, these two callbacks
   * have to store the ids in a place that all of them share. NULL: up to 64 ids are kept in the
   * memory of this server, each for at most a day. Set both or neither. */
  void (*save_session)(const char *id, void *user);
  bool (*has_session)(const char *id, void *user);
  /* For an audit log: runs after each action of a user, also after an action that was refused (see
   * action->err). s is the socket of the user's page. NULL: not called. */
  void (*action)(sio_socket *s, const sio_admin_action *action, void *user);
  /* The last argument of the callbacks. */
  void *user;
} sio_admin_options;

/* Serves the Admin UI on a server, until the server closes. Call it once for each server, after
 * sio_server_new(); with several threads (threads.h), in setup. UV_EINVAL: options is NULL;
 * options->size is invalid; neither no_auth nor both username and password are set; no_auth is set
 * together with username or password; password is not a bcrypt hash; only one of save_session and
 * has_session is set; or *options sets a field that this version of the library does not know.
 * UV_ENOTSUP: crypt(3) of this system does not support bcrypt; SIO_ENAME: nsp is not a valid name;
 * UV_ENOMEM; or another error of sio_of(). */
SIO_EXTERN int sio_admin_attach(sio_server *srv, const sio_admin_options *options);

#ifdef __cplusplus
}
#endif
#endif
