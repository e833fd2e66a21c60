/* SPDX-License-Identifier: MIT
 *
 * admin.h - serves the Admin UI of Socket.IO (the npm package @socket.io/admin-ui).
 *
 * The functions are in a library of their own, libsio-admin (pkg-config libsio-admin). The UI is a
 * web page that connects to a namespace of the server. It shows the servers of the cluster and the
 * number of their clients, events and bytes. In development mode it also shows each socket, room
 * and event. With its buttons a user can send events, make sockets join and leave rooms, and
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

/* An action of a user of the UI. It is valid until the callback returns. */
typedef struct sio_admin_action {
  const char *name;   /* "emit", "join", "leave" or "_disconnect"                          */
  const char *nsp;    /* the namespace of the sockets                                      */
  const char *filter; /* a room, or the id of a socket; NULL: all sockets of the namespace */
  const char *what;   /* the event, or the room to join or leave; NULL for "_disconnect"   */
  int err;            /* 0: the action was done; otherwise the error                       */
} sio_admin_action;

/* Zero is the default of every field, but either username and password or no_auth must be set.
 * Strings are copied. */
typedef struct sio_admin_options {
  /* sizeof(sio_admin_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* "/admin": the namespace that the UI connects to. */
  const char *nsp;
  /* The name that a user must enter, and a bcrypt hash of the password ("$2a$", "$2b$" or "$2y$"),
   * such as "htpasswd -nbBC 10 admin PASSWORD" prints after the name and a ':'. Passwords are
   * checked in libuv's thread pool, one at a time. */
  const char *username;
  const char *password;
  /* Users need no password. Set it to authenticate users in another way: with middleware that the
   * program registers on the namespace with sio_use(). */
  bool no_auth;
  /* The buttons of the UI have no effect. */
  bool readonly;
  /* Show each socket, room and event ("mode: development"). For each of them the server sends one
   * more broadcast. A member "_admin" is added to the shared data of each socket
   * (sio_socket_set_shared()), because the servers of a cluster read there what the UI shows. When
   * the host sets the shared data again, a Node.js server that reads it shows the socket without
   * its client and transport. */
  bool development;
  /* The name of this server in the UI; NULL: the name of the machine. Each server of a cluster must
   * have another name. */
  const char *server_id;
  /* After a user has entered the password, the browser keeps the id of a session, so that the page
   * can be loaded again without the password. NULL: up to 64 ids are kept in the memory of this
   * server, for a day each. With several threads or servers, these two callbacks keep them in a
   * place that all of them share. save_session stores an id; has_session says whether an id was
   * stored. Set both or none. */
  void (*save_session)(const char *id, void *user);
  bool (*has_session)(const char *id, void *user);
  /* Runs after each action of a user, also after one that was refused, for an audit log. s is the
   * socket of the UI. NULL: not called. */
  void (*action)(sio_socket *s, const sio_admin_action *action, void *user);
  /* Passed to the callbacks. */
  void *user;
} sio_admin_options;

/* Serves the Admin UI on a server until the server closes. Call it once for each server, after
 * sio_server_new(); with several threads (threads.h), in setup. UV_EINVAL: neither username and
 * password nor no_auth are set, or all of them are; password is not a bcrypt hash; only one of
 * save_session and has_session is set; or a field is set that this version does not know.
 * UV_ENOTSUP: crypt(3) of the system cannot check such a hash. SIO_ENAME: nsp is not a valid name.
 * UV_ENOMEM. */
SIO_EXTERN int sio_admin_attach(sio_server *srv, const sio_admin_options *options);

#ifdef __cplusplus
}
#endif
#endif
