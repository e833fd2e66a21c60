/* SPDX-License-Identifier: MIT
 *
 * nsp.h - namespaces: the host registers its callbacks on a namespace, and sockets connect to it.
 *
 * Callbacks belong to a namespace, not to one socket, so a socket needs no memory for them. All
 * callbacks for one event run, in the order in which they were registered. A callback that is
 * registered while an event is being handled is called from the next event on. Loop thread only.
 *
 * The calls that register a callback return 0, UV_EINVAL if it is NULL, or UV_ENOMEM.
 */
#ifndef SIO_NSP_H
#define SIO_NSP_H

#include <sio/error.h>
#include <sio/types.h>
#include <sio/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Finds the namespace of this name, or creates it: "chat" is "/chat", and "" is "/". Clients can
 * connect to it from now on. SIO_ENAME: the name has more than 255 bytes, or contains a ',', a '?'
 * or a control character. SIO_ETOOBIG: it would be the child of a parent (see below) and there are
 * max_child_nsps children. SIO_ESTATE: the server closes. UV_ENOMEM. The
 * namespace is valid until the server has closed; a child namespace of a parent, see below. */
SIO_EXTERN int sio_of(sio_server *srv, const char *name, sio_nsp **out);

/* Returns the namespace of this name, or NULL if it does not exist. */
SIO_EXTERN sio_nsp *sio_nsp_find(sio_server *srv, const char *name);
/* The name of the namespace, which begins with a '/'. Valid as long as the namespace. */
SIO_EXTERN const char *sio_nsp_name(const sio_nsp *nsp);
/* The server that the namespace belongs to. */
SIO_EXTERN sio_server *sio_nsp_server(const sio_nsp *nsp);
/* Calls cb for each namespace of the server, children included and parents not. cb may not create a
 * namespace. */
SIO_EXTERN void sio_nsps(sio_server *srv, void (*cb)(sio_nsp *nsp, void *user), void *user);
/* The number of sockets of this server that are connected to the namespace or, if room is not NULL,
 * are in this room of it. */
SIO_EXTERN size_t sio_nsp_count(const sio_nsp *nsp, const char *room);
/* Lists the rooms that have members on this server, among them the room of each socket's id. Writes
 * at most max names to out and returns the number of rooms. A name is valid as long as the room
 * exists. */
SIO_EXTERN size_t sio_nsp_rooms(const sio_nsp *nsp, const char **out, size_t max);

/* ---- sockets that connect and disconnect --------------------------------------------------- */

typedef void (*sio_connect_cb)(sio_socket *s, void *user);
typedef void (*sio_disconnect_cb)(sio_socket *s, const sio_close_info *why, void *user);

/* Runs when a socket has connected ("connection"). The answer to CONNECT is queued, and the socket
 * is in the room of its own id. */
SIO_EXTERN int sio_on_connect(sio_nsp *nsp, sio_connect_cb cb, void *user);
/* Runs when a socket is disconnected, while its rooms can still be read ("disconnecting"). */
SIO_EXTERN int sio_on_disconnecting(sio_nsp *nsp, sio_disconnect_cb cb, void *user);
/* Runs when a socket has left its rooms ("disconnect"): once for each socket that connected, and
 * after all other callbacks for it. */
SIO_EXTERN int sio_on_disconnect(sio_nsp *nsp, sio_disconnect_cb cb, void *user);

/* ---- events -------------------------------------------------------------------------------- */

typedef void (*sio_event_cb)(sio_socket *s, sio_event *e, void *user);

/* Runs for each event of this name that a client sends. The name is compared byte by byte. In a C
 * string the two bytes "\xC0\x80" stand for U+0000; sio_event_name() and the calls that send write
 * and read names in the same way. If a client sends a number as the name, its text is compared.
 *
 * SIO_ENAME: clients cannot send this event. These names are "connection", "connect",
 * "connect_error", "disconnect", "disconnecting", "newListener" and "removeListener". The log then
 * names the call to use: sio_on_connect(), sio_on_disconnect() or sio_on_disconnecting(). */
SIO_EXTERN int sio_on(sio_nsp *nsp, const char *event, sio_event_cb cb, void *user);
/* Removes the first callback that was registered with this name, cb and user; with event NULL, the
 * first one of sio_on_any(). UV_ENOENT: there is none. */
SIO_EXTERN int sio_off(sio_nsp *nsp, const char *event, sio_event_cb cb, void *user);
/* Is a callback of sio_on() registered for this name? */
SIO_EXTERN bool sio_has_handler(const sio_nsp *nsp, const char *event);

/* Runs for every event, also for those without a handler, before packet middleware and the handlers
 * of sio_on() ("onAny"). sio_off() with event NULL removes it. */
SIO_EXTERN int sio_on_any(sio_nsp *nsp, sio_event_cb cb, void *user);

typedef void (*sio_outgoing_cb)(sio_socket *s, const char *event, sio_args args, void *user);
/* Runs for every event that is sent to a socket, also for each receiver of a broadcast, but not for
 * acks ("onAnyOutgoing"). It runs inside the call that sends. It can only observe: calls that send,
 * close, join or leave return SIO_ESTATE in it. */
SIO_EXTERN int sio_on_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user);
/* Removes the first callback that was registered with this cb and user. UV_ENOENT: there is none.
 */
SIO_EXTERN int sio_off_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user);

/* An error of a socket. Valid until the callback returns. */
typedef struct sio_error_info {
  int err;
  const char *message; /* one English line, or the message of the packet middleware */
  /* The JSON text of the data that packet middleware gave to sio_next_fail(). {NULL,0}: it gave
   * none, or another error happened. */
  sio_slice data;
} sio_error_info;
typedef void (*sio_error_cb)(sio_socket *s, const sio_error_info *error, void *user);
/* Runs when one of these happened ("error"):
 *  - A packet of the client could not be decoded. Its connection is closed after the callback.
 *  - Packet middleware refused an event: UV_ECANCELED.
 *  - The body of a POST was larger than max_payload: SIO_ETOOBIG. The request gets status 413, and
 *    most clients then close the session. */
SIO_EXTERN int sio_on_error(sio_nsp *nsp, sio_error_cb cb, void *user);

/* ---- middleware ---------------------------------------------------------------------------- */

typedef void (*sio_middleware_cb)(sio_socket *s, sio_next *next, void *user);
typedef void (*sio_packet_cb)(sio_socket *s, sio_event *e, sio_next *next, void *user);

/* Runs before a socket connects. The socket can join rooms already, but cannot be sent events. Each
 * middleware calls sio_next_ok() or sio_next_fail() exactly once, in the callback or later; then
 * the next one runs. If the client leaves before that, the call is still necessary and has no
 * effect. */
SIO_EXTERN int sio_use(sio_nsp *nsp, sio_middleware_cb cb, void *user);
/* Packet middleware: runs for each event of a connected socket, before the handlers of sio_on()
 * ("socket.use"), and ends with sio_next_ok() or sio_next_fail() like other middleware. Later
 * events of the socket wait until all packet middleware has ended. sio_event_replace() changes what
 * the next middleware and the handlers see. */
SIO_EXTERN int sio_use_packet(sio_nsp *nsp, sio_packet_cb cb, void *user);

/* Lets the next middleware run, or what follows after the last one. `next` is not valid after this
 * call or sio_next_fail(). */
SIO_EXTERN void sio_next_ok(sio_next *next);
/* Refuses. message and data are copied.
 *  - From sio_use(): the client gets connect_error with the message, and with err.data unless data
 *    is null.
 *  - From sio_use_packet(): the event is dropped, and the callbacks of sio_on_error() get the
 *    message and the data. The client is sent nothing; to answer its ack, call sio_reply() before.
 *  - From other callbacks that get a sio_next: see there.
 * The log has a line of level WARN with the message, without the data. Data cannot have
 * attachments. Data with attachments or with invalid JSON is left out, and the log says so. */
SIO_EXTERN void sio_next_fail(sio_next *next, const char *message, sio_val data);

/* ---- slow clients -------------------------------------------------------------------------- */

typedef void (*sio_writable_cb)(sio_socket *s, void *user);
typedef void (*sio_drop_cb)(sio_socket *s, const sio_drop *d, void *user);

/* Runs when at most queue_low bytes are queued for the client of s after more than queue_high were:
 * the host can send again. Called from the loop. */
SIO_EXTERN int sio_on_writable(sio_nsp *nsp, sio_writable_cb cb, void *user);
/* Runs when sio_options.when_full made room by dropping events for the client of s. Called from the
 * loop, once for all events that were dropped in a turn. The namespaces of a client share one
 * connection: the callback runs for each socket of the client, with the total of all. */
SIO_EXTERN int sio_on_drop(sio_nsp *nsp, sio_drop_cb cb, void *user);

/* ---- rooms --------------------------------------------------------------------------------- */

/* Callbacks for changes of the rooms of this server, those of the sockets' own ids included. A
 * field may be NULL. `create` runs before the first socket joins, and `remove` after the last one
 * has left ("create-room", "join-room", "leave-room", "delete-room"). They run inside the call that
 * changes the room and can do anything, even leave that room. In `leave` and `remove` the socket
 * may have left the namespace already. */
typedef struct sio_room_hooks {
  /* sizeof(sio_room_hooks); 0: the size that the struct had in version 0.1. */
  size_t size;
  void (*create)(sio_nsp *nsp, const char *room, void *user);
  void (*join)(sio_nsp *nsp, const char *room, sio_socket *s, void *user);
  void (*leave)(sio_nsp *nsp, const char *room, sio_socket *s, void *user);
  void (*remove)(sio_nsp *nsp, const char *room, void *user);
} sio_room_hooks;
/* hooks is copied. */
SIO_EXTERN int sio_on_room(sio_nsp *nsp, const sio_room_hooks *hooks, void *user);

/* ---- events of other servers --------------------------------------------------------------- */

typedef void (*sio_server_side_cb)(sio_nsp *nsp, sio_event *e, void *user);
/* Runs for an event that another server sent with sio_server_side_emit(). The event is read and
 * answered like one of a client. SIO_ENAME: the event is "connect", "connection" or
 * "new_namespace". */
SIO_EXTERN int sio_on_server_side(sio_nsp *nsp, const char *event, sio_server_side_cb cb,
                                  void *user);

/* ---- parents: namespaces that are created when a client asks for them ---------------------------
 *
 * When a client connects to a namespace that does not exist, the parents are asked in the order in
 * which they were created. The first parent that accepts the name creates the namespace, its child.
 * If no parent accepts it, the client gets "Invalid namespace".
 *
 * Sockets never connect to a parent itself. A child gets all callbacks that are registered on its
 * parent when the child is created. The callbacks of sio_on_nsp() run before the first socket
 * connects to it.
 *
 * A target whose nsp is a parent stands for the sockets of all its children in sio_broadcast(),
 * sio_all_join(), sio_all_leave() and sio_all_disconnect(). These serve all children and return the
 * first error. Calls that count, list or ask (sio_all_each(), sio_all_fetch(), sio_broadcast_ack()
 * and so on) return UV_ENOTSUP for a parent.
 *
 * A child is removed at the end of the turn in which its last socket left or was refused; with
 * sio_options.recovery, when no socket can be recovered any more. When a client connects to the
 * name again, a new child is created. sio_options.keep_empty_nsps keeps children. The pointer to a
 * child is valid while a socket is connected to it, in the callbacks of sio_on_nsp(), and at
 * least until the end of the turn in which sio_of() or sio_of_child() returned it. sio_nsp_ref()
 * keeps it valid longer. */

/* Creates a parent that accepts all names that match the pattern. A '*' stands for any characters,
 * also for none; every other character stands for itself. "room-*" is "/room-*". sio_of() of a name
 * that matches creates a child, too. SIO_ENAME: no name can match. SIO_ESTATE: the server closes.
 * UV_ENOMEM. */
SIO_EXTERN int sio_of_pattern(sio_server *srv, const char *pattern, sio_nsp **parent);

/* Decides whether a parent accepts a name. It calls sio_next_ok(), or sio_next_fail() to leave the
 * name to the next parent, exactly once, in the callback or later; message and data are ignored.
 * auth is the JSON text that the client sent with CONNECT. name and auth are valid until the
 * callback returns. If the client leaves before the decision, the call is still necessary and has
 * no effect. */
typedef void (*sio_match_cb)(sio_server *srv, const char *name, sio_slice auth, sio_next *next,
                             void *user);
/* Creates a parent that asks cb. sio_of() does not ask it: it creates a namespace without a parent,
 * see sio_of_child(). UV_EINVAL: cb is NULL. SIO_ESTATE, UV_ENOMEM. */
SIO_EXTERN int sio_of_match(sio_server *srv, sio_match_cb cb, void *user, sio_nsp **parent);

/* Finds the child of this parent with this name, or creates it without asking cb. SIO_ENAME: the
 * name is invalid, or does not match the parent's pattern. SIO_EEXISTS: there is a namespace of
 * this name that is not a child of this parent. UV_EINVAL: parent is not a parent. SIO_ETOOBIG,
 * SIO_ESTATE, UV_ENOMEM as for sio_of(). */
SIO_EXTERN int sio_of_child(sio_nsp *parent, const char *name, sio_nsp **out);

/* Keeps a child namespace from being removed when it has no sockets, until sio_nsp_unref() has been
 * called once for each sio_nsp_ref(). Returns nsp. If the child has been removed already, only the
 * pointer stays valid, and sending to it returns SIO_ECLOSED. */
SIO_EXTERN sio_nsp *sio_nsp_ref(sio_nsp *nsp);
SIO_EXTERN void sio_nsp_unref(sio_nsp *nsp);

/* Callbacks for the namespaces of a server. Each may be NULL. */
typedef struct sio_nsp_hooks {
  /* sizeof(sio_nsp_hooks); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* A namespace has been created ("new_namespace"). */
  void (*create)(sio_nsp *nsp, void *user);
  /* A child has been removed. None of the callbacks that are registered on it runs again, so what
   * their user pointers refer to can be freed. Sending to it returns SIO_ECLOSED. It does not run
   * for the namespaces that exist when the server closes: all of them are gone when done() of
   * sio_server_close() runs. */
  void (*remove)(sio_nsp *nsp, void *user);
} sio_nsp_hooks;
/* Registers hooks for all namespaces that are created or removed after this call. They are copied.
 * UV_EINVAL: hooks is NULL or invalid; UV_ENOMEM. */
SIO_EXTERN int sio_on_nsp(sio_server *srv, const sio_nsp_hooks *hooks, void *user);

#ifdef __cplusplus
}
#endif
#endif
