/* SPDX-License-Identifier: MIT
 *
 * nsp.h - namespaces: the program registers its callbacks on a namespace, and sockets connect to
 * it.
 *
 * Callbacks belong to a namespace, not to one socket, so a socket needs no memory for them. The
 * callbacks for one event run in the order in which they were registered. A callback that is
 * registered while others of its kind run is called from the next time on. The functions of this
 * header may be called only on the loop's thread.
 *
 * If a callback ends its socket or the session, for example with sio_disconnect() or
 * sio_session_close(), what is called after it depends on the kind of callback:
 *  - Those of sio_on_any(), sio_use_packet(), sio_on() and sio_on_writable() get a socket that is
 *    connected (sio_socket_connected()). So the ones after it are not called for this event.
 *    Middleware of sio_use() is called only while the session is open.
 *  - Those of sio_on_connect(), sio_on_disconnecting(), sio_on_disconnect(), sio_on_error() and
 *    sio_on_drop() report what has happened. All of them are called, also those after it. So each
 *    call of a callback of sio_on_connect() has its counterpart in sio_on_disconnect().
 *
 * The functions that register a callback return 0, UV_EINVAL if the callback is NULL, UV_ENOMEM, or
 * an error that the comment of the function names.
 */
#ifndef SIO_NSP_H
#define SIO_NSP_H

#include <sio/error.h>
#include <sio/types.h>
#include <sio/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Finds the namespace with this name, or creates it, so that clients can connect to it. "chat"
 * stands for "/chat", and "" for "/". The namespace is valid until the server has closed; a child
 * namespace may become invalid earlier (see "parents" below). SIO_ENAME: the name, with its '/',
 * has more than 255 bytes, or contains ',', '?' or a control character; SIO_ETOOBIG: the namespace
 * would be a child of a parent, and sio_options.max_child_nsps children exist; SIO_ESTATE: the
 * namespace does not exist, and the server is closing; UV_ENOMEM; or another error, for example of
 * the adapter. */
SIO_EXTERN int sio_of(sio_server *srv, const char *name, sio_nsp **out);

/* Returns the namespace with this name, or NULL if it does not exist. It is never created. */
SIO_EXTERN sio_nsp *sio_nsp_find(sio_server *srv, const char *name);
/* Returns the name of the namespace, which begins with '/'; "*" for a parent that sio_of_match()
 * has created. The text is valid as long as the namespace. */
SIO_EXTERN const char *sio_nsp_name(const sio_nsp *nsp);
/* Returns the server that the namespace belongs to. */
SIO_EXTERN sio_server *sio_nsp_server(const sio_nsp *nsp);
/* Calls cb once for each namespace of the server, child namespaces included, but not for parents.
 * cb must not create a namespace. */
SIO_EXTERN void sio_nsps(sio_server *srv, void (*cb)(sio_nsp *nsp, void *user), void *user);
/* Returns how many sockets of this server are connected to the namespace; or, if room is not NULL,
 * how many are in this room. A room may also contain sockets that are not connected yet, and
 * sockets that are disconnected already. */
SIO_EXTERN size_t sio_nsp_count_sockets(const sio_nsp *nsp, const char *room);
/* Lists the rooms of the namespace that have members on this server; a parent has no rooms. The
 * room of each connected socket's id is one of them. Writes at most max names to out, and returns
 * the number of rooms, which may be greater than max. A name is valid until a socket leaves this
 * room. */
SIO_EXTERN size_t sio_nsp_rooms(const sio_nsp *nsp, const char **out, size_t max);

/* ---- sockets that connect and disconnect --------------------------------------------------- */

typedef void (*sio_connect_cb)(sio_socket *s, void *user);
typedef void (*sio_disconnect_cb)(sio_socket *s, const sio_close_info *why, void *user);

/* Registers a callback that runs when a socket has connected ("connection"). At that time the
 * response to the client's CONNECT packet has been queued, and the socket is in the room of its own
 * id. */
SIO_EXTERN int sio_on_connect(sio_nsp *nsp, sio_connect_cb cb, void *user);
/* Registers a callback that runs when a connected socket disconnects, while its rooms can still be
 * read ("disconnecting"). */
SIO_EXTERN int sio_on_disconnecting(sio_nsp *nsp, sio_disconnect_cb cb, void *user);
/* Registers a callback that runs once for each socket that was connected, when it has disconnected
 * and has left its rooms ("disconnect"). After that, the callbacks of its pending acks run, with
 * SIO_ECLOSED. */
SIO_EXTERN int sio_on_disconnect(sio_nsp *nsp, sio_disconnect_cb cb, void *user);

/* ---- events -------------------------------------------------------------------------------- */

typedef void (*sio_event_cb)(sio_socket *s, sio_event *e, void *user);

/* Registers a callback that runs for each event with this name that a client sends, unless packet
 * middleware refuses the event or changes its name. Names are compared byte by byte. A client can
 * send a name that contains U+0000; in C strings the two bytes "\xC0\x80" stand for it, here, in
 * sio_event_name(), and in the calls that send events. If a client sends a number instead of a
 * name, the text of the number is compared.
 *
 * SIO_ENAME: event is NULL; it is one of the reserved names, which nobody can send: "connect",
 * "connect_error", "disconnect", "disconnecting", "newListener" or "removeListener"; or it is
 * "connection". Unless it is NULL, a log line says what to use instead: for example
 * sio_on_connect(), or another name. */
SIO_EXTERN int sio_on(sio_nsp *nsp, const char *event, sio_event_cb cb, void *user);
/* Removes the first callback that was registered by sio_on() with this event, cb and user. If event
 * is NULL, removes the first one that was registered by sio_on_any() with this cb and user.
 * UV_ENOENT: there is no such callback; UV_ENOMEM. */
SIO_EXTERN int sio_off(sio_nsp *nsp, const char *event, sio_event_cb cb, void *user);
/* Returns true if a callback of sio_on() is registered for this event name. */
SIO_EXTERN bool sio_has_handler(const sio_nsp *nsp, const char *event);

/* Registers a callback that runs for the events of clients whatever their names, also if sio_on()
 * registered no callback for the name. It runs before packet middleware and before the callbacks of
 * sio_on() ("onAny"). sio_off() with a NULL event removes it. */
SIO_EXTERN int sio_on_any(sio_nsp *nsp, sio_event_cb cb, void *user);

typedef void (*sio_outgoing_cb)(sio_socket *s, const char *event, sio_args args, void *user);
/* Registers a callback that runs for every event that is sent to a socket, and for a broadcast once
 * for each receiver, but not for acks, nor for events that a recovered client missed
 * ("onAnyOutgoing"). It runs just before the library queues the event for the client, also if the
 * event is then dropped. The callback can only observe: functions that send to or close sockets or
 * sessions, visit the sockets of a target, or make sockets join or leave, do nothing when they are
 * called in it; those that return an error code return an error such as SIO_ESTATE. */
SIO_EXTERN int sio_on_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user);
/* Removes the first callback that was registered by sio_on_any_outgoing() with this cb and user.
 * UV_ENOENT: there is no such callback. */
SIO_EXTERN int sio_off_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user);

/* An error, for a callback of sio_on_error(). It is valid until the callback returns. */
typedef struct sio_error_info {
  int err;
  const char *message; /* one English line, or the message of the packet middleware */
  /* If packet middleware refused an event: the JSON text of the data that it passed to
   * sio_next_fail(). {NULL,0}: it passed no data, the data cannot be sent, or the error is another
   * one. */
  sio_slice data;
} sio_error_info;
typedef void (*sio_error_cb)(sio_socket *s, const sio_error_info *error, void *user);
/* Registers a callback that runs in one of these cases ("error"); error->err is given in
 * parentheses:
 *  - A Socket.IO packet of the client could not be decoded (SIO_EPROTO, SIO_ETOOBIG and others, but
 *    not UV_ENOMEM). The callback runs for each connected socket of the client; then the client's
 *    session is closed.
 *  - Packet middleware refused an event of the client (UV_ECANCELED).
 *  - The client sent a POST whose body is longer than max_payload (SIO_ETOOBIG). The callback runs
 *    for each connected socket of the client. The request gets status 413, and most clients then
 *    close the session. A WebSocket message that is too long ends the session itself: the callback
 *    of sio_on_disconnect() gets SIO_ETOOBIG. */
SIO_EXTERN int sio_on_error(sio_nsp *nsp, sio_error_cb cb, void *user);

/* ---- middleware ---------------------------------------------------------------------------- */

typedef void (*sio_middleware_cb)(sio_socket *s, sio_next *next, void *user);
typedef void (*sio_packet_cb)(sio_socket *s, sio_event *e, sio_next *next, void *user);

/* Registers middleware, which runs before a socket connects to the namespace (for recovered sockets
 * only with sio_recovery.run_middlewares). The socket can already join rooms, but events cannot be
 * sent to it yet: sio_emit() returns SIO_ECLOSED, and a broadcast to its rooms does not reach it
 * (for a recovered socket see sio_room_hooks). Each middleware decides by exactly one call of
 * sio_next_ok() or sio_next_fail(), in the callback or later; after sio_next_ok() the next
 * middleware runs. s is valid until the decision. If the client leaves before the decision, or
 * middleware_timeout_ms passes, that call is still necessary and has no effect. */
SIO_EXTERN int sio_use(sio_nsp *nsp, sio_middleware_cb cb, void *user);
/* Registers packet middleware, which runs for each event of a connected socket, before the
 * callbacks of sio_on() ("socket.use"). Like the middleware of sio_use(), it decides by exactly one
 * call of sio_next_ok() or sio_next_fail(). s and e are valid until the decision, but what was read
 * from e is valid only until the callback returns. Until all packet middleware has decided, later
 * events of the same socket wait in memory. The server reads from the client meanwhile: if several
 * events of the client wait and take more than sio_options.max_queued, the session ends with
 * "forced close" and SIO_ETOOBIG. sio_event_set_name_and_args() changes the event that the next
 * middleware and the callbacks of sio_on() get. */
SIO_EXTERN int sio_use_packet(sio_nsp *nsp, sio_packet_cb cb, void *user);

/* Accepts what a callback with a sio_next decides about. In middleware: the next middleware runs
 * or, after the last one, the socket connects or the event is handled, unless the client has left
 * in the meantime. `next` is not valid after a call of sio_next_ok() or sio_next_fail(). */
SIO_EXTERN void sio_next_ok(sio_next *next);
/* Refuses what a callback with a sio_next decides about. message and data are copied.
 *  - In middleware of sio_use(): the client gets connect_error with the message, and with data as
 *    err.data unless data is null. (A client of Engine.IO 3 gets "error" with data or, if data is
 *    null, with the message.)
 *  - In packet middleware of sio_use_packet(): the event is dropped, and the callbacks of
 *    sio_on_error() get the message and data. The client is sent nothing; to send it an ack, call
 *    sio_reply() before sio_next_fail().
 *  - In other callbacks that have a parameter of type sio_next: the comment of the callback's type
 *    says what happens.
 *
 * A line of the log at level WARN contains the beginning of the message, without the data (not for
 * sio_of_match(), nor for a client that has left in the meantime). In middleware, data cannot have
 * attachments: if it has some, or if its JSON is invalid, it is left out, and the log says so. In
 * other callbacks data is ignored. */
SIO_EXTERN void sio_next_fail(sio_next *next, const char *message, sio_val data);

/* ---- slow clients -------------------------------------------------------------------------- */

typedef void (*sio_writable_cb)(sio_socket *s, void *user);
typedef void (*sio_drop_cb)(sio_socket *s, const sio_drop *d, void *user);

/* Registers a callback that runs when the queue of the client of s has become short again: more
 * than queue_high bytes were queued, and now at most queue_low are (both in sio_options). So the
 * program can send to s again. If queue_high is 0, the callback never runs. It runs on the loop's
 * thread, never inside another call. */
SIO_EXTERN int sio_on_writable(sio_nsp *nsp, sio_writable_cb cb, void *user);
/* Registers a callback that runs when sio_options.when_full has dropped events that were queued for
 * the client of s. It runs on the loop's thread, later, once for all events that were dropped since
 * it ran last. A client has one queue for all its namespaces: the callback runs for each socket of
 * the client, and *d counts the dropped events of all of them together. */
SIO_EXTERN int sio_on_drop(sio_nsp *nsp, sio_drop_cb cb, void *user);

/* ---- rooms --------------------------------------------------------------------------------- */

/* Callbacks for changes of the rooms of this server; the room of each socket's id is one of them. A
 * field may be NULL. `create` runs before the `join` of a room's first socket, and `remove` after
 * the `leave` of its last one ("create-room", "join-room", "leave-room", "delete-room"). When they
 * run, the socket is in the room already, or has left it. A client that is lost leaves its rooms at
 * once, although it may be recovered into them later (sio_options.recovery). The callbacks run
 * inside the call that changes the room, and may themselves call any function, even make the socket
 * leave that room again.
 *
 * In `leave` and `remove` the socket may have disconnected already; sio_socket_data() can be read.
 * When a socket disconnects, the callbacks of sio_on_disconnecting() run first, then `leave` once
 * for each of its rooms, the room of its own id last, and then the callbacks of
 * sio_on_disconnect(). If memory runs out, `leave` and `remove` do not run for some of its rooms.
 *
 * In `create` and `join` the socket may not be connected yet: middleware may join rooms, and a
 * socket that is recovered joins its rooms, with its data, before it connects. (If it then cannot
 * be recovered after all, it leaves them again, and sio_join() and sio_leave() return SIO_ECLOSED
 * meanwhile.) Until it connects, sio_all_each() leaves the socket out, and sio_emit() to it returns
 * SIO_ECLOSED. A broadcast to its rooms does not reach it, unless it is recovered: then the event,
 * if it is not volatile and asks for no acks, is one of those that the socket missed, which it is
 * sent before the response to its CONNECT packet. (With sio_redis_streams_adapter it gets the event
 * when this has come back from Redis, usually after it has connected.) */
typedef struct sio_room_hooks {
  /* sizeof(sio_room_hooks); 0: the size that the struct had in version 0.1. */
  size_t size;
  void (*create)(sio_nsp *nsp, const char *room, void *user);
  void (*join)(sio_nsp *nsp, const char *room, sio_socket *s, void *user);
  void (*leave)(sio_nsp *nsp, const char *room, sio_socket *s, void *user);
  void (*remove)(sio_nsp *nsp, const char *room, void *user);
} sio_room_hooks;
/* Registers callbacks for the rooms of a namespace. *hooks is copied. UV_EINVAL: hooks is NULL,
 * hooks->size is invalid, or *hooks sets a field that this version of the library does not know;
 * UV_ENOMEM. */
SIO_EXTERN int sio_on_room(sio_nsp *nsp, const sio_room_hooks *hooks, void *user);

/* ---- events of other servers --------------------------------------------------------------- */

typedef void (*sio_server_side_cb)(sio_nsp *nsp, sio_event *e, void *user);
/* Registers a callback that runs for each event with this name that another server sent with
 * sio_server_side_emit(), or a program with sio_emitter_server_side_emit(). It reads the event with
 * the functions of event.h, and replies to it with sio_reply(), like an event of a client.
 * SIO_ENAME: event is NULL, "connect", "connection" or "new_namespace". */
SIO_EXTERN int sio_on_server_side(sio_nsp *nsp, const char *event, sio_server_side_cb cb,
                                  void *user);

/* ---- parents: they create namespaces when a client asks for them ------------------------------
 *
 * When a client connects to a namespace that does not exist, the parents of the server are asked in
 * the order in which they were created. The first parent that accepts the name creates the
 * namespace, which is then its child, unless sio_options.max_child_nsps forbids it. If no parent
 * accepts the name, the client gets "Invalid namespace".
 *
 * Sockets never connect to a parent itself. A child gets all callbacks that are registered on its
 * parent when the child is created. The callbacks of sio_on_nsp() run before the first socket
 * connects to the child.
 *
 * If the nsp of a sio_target is a parent, the target contains the sockets of all its children. This
 * works for sio_broadcast(), sio_all_join(), sio_all_leave() and sio_all_disconnect(): they handle
 * every child, and return the first error. The other functions that take a target (sio_all_each(),
 * sio_all_fetch(), sio_broadcast_ack()), and sio_server_side_emit() and sio_server_count(), return
 * UV_ENOTSUP for a parent; sio_nsp_count_sockets() and sio_nsp_rooms() return 0.
 *
 * A child is removed at the end of the turn of the loop in which its last socket left or was
 * refused, but not while one of its queries (emit.h) is pending, sio_nsp_ref() holds it or, with
 * sio_options.recovery, this server keeps one of its lost sockets. When a client connects to the
 * same name again, the parents are asked again. If sio_options.keep_empty_nsps is set, children are
 * not removed. The pointer to a child is valid while a socket is connected to it, in the callbacks
 * of sio_on_nsp(), and at least until the end of the turn in which sio_of() or sio_of_child()
 * returned it. sio_nsp_ref() keeps the pointer valid longer. */

/* Creates a parent that accepts all names that match the pattern. A '*' in the pattern stands for
 * any number of any characters, or for none; every other character stands for itself. "room-*" is
 * the same as "/room-*". sio_of() with a name that matches creates a child, too, of the first
 * parent whose pattern matches. parent may be NULL. SIO_ENAME: the pattern itself is not a valid
 * name of a namespace; SIO_ESTATE: the server is closing; UV_ENOMEM. */
SIO_EXTERN int sio_of_pattern(sio_server *srv, const char *pattern, sio_nsp **parent);

/* Decides whether a parent accepts the name of a namespace. The callback calls exactly once, before
 * it returns or later, sio_next_ok() to accept the name, or sio_next_fail() to leave the decision
 * to the next parent; the message and data of sio_next_fail() are ignored. auth is the auth data of
 * the client, as of sio_socket_auth(). name and auth are valid until the callback returns. If the
 * client leaves before the decision, or middleware_timeout_ms passes, the call of sio_next_ok() or
 * sio_next_fail() is still necessary, and has no effect. */
typedef void (*sio_match_cb)(sio_server *srv, const char *name, sio_slice auth, sio_next *next,
                             void *user);
/* Creates a parent that calls cb to decide which names it accepts. cb is called only for names that
 * clients ask for, not by sio_of(). To create a child of this parent, call sio_of_child(). parent
 * may be NULL. UV_EINVAL: cb is NULL; SIO_ESTATE: the server is closing; UV_ENOMEM. */
SIO_EXTERN int sio_of_match(sio_server *srv, sio_match_cb cb, void *user, sio_nsp **parent);

/* Finds the child of this parent with this name, or creates it without calling the callback of
 * sio_of_match(). SIO_ENAME: the name is invalid, or does not match the pattern of the parent;
 * SIO_EEXISTS: a namespace with this name exists that is not a child of this parent; UV_EINVAL:
 * parent is a namespace that is not a parent; other errors as for sio_of(). */
SIO_EXTERN int sio_of_child(sio_nsp *parent, const char *name, sio_nsp **out);

/* sio_nsp_ref() returns nsp, and keeps a child namespace from being removed while it has no
 * sockets. Each call of sio_nsp_ref() has to be followed by one call of sio_nsp_unref(). If the
 * child was removed before sio_nsp_ref() was called, only the pointer stays valid, and sending to
 * the namespace returns SIO_ECLOSED. */
SIO_EXTERN sio_nsp *sio_nsp_ref(sio_nsp *nsp);
SIO_EXTERN void sio_nsp_unref(sio_nsp *nsp);

/* Callbacks for the creation and removal of namespaces. Each may be NULL. */
typedef struct sio_nsp_hooks {
  /* sizeof(sio_nsp_hooks); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Runs when a namespace that is not a parent has been created ("new_namespace"). */
  void (*create)(sio_nsp *nsp, void *user);
  /* Runs when a child namespace has been removed. None of the callbacks that are registered on the
   * child runs after this one, so the program can free what their user pointers refer to. Sending
   * to the child returns SIO_ECLOSED. The callback does not run for the namespaces that exist when
   * the server closes. */
  void (*remove)(sio_nsp *nsp, void *user);
} sio_nsp_hooks;
/* Registers callbacks for all namespaces that are created or removed after this call. *hooks is
 * copied. UV_EINVAL: hooks is NULL, hooks->size is invalid, or *hooks sets a field that this
 * version of the library does not know; UV_ENOMEM. */
SIO_EXTERN int sio_on_nsp(sio_server *srv, const sio_nsp_hooks *hooks, void *user);

#ifdef __cplusplus
}
#endif
#endif
