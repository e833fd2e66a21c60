/* SPDX-License-Identifier: MIT
 *
 * nsp.h - namespaces: where handlers are registered and sockets gather.
 *
 * Handlers belong to the namespace, never to one socket, so that a peer costs no
 * handler memory. Several handlers for one event all run, in order of registration.
 * A handler added while an event is being dispatched sees the next one. Loop thread only.
 */
#ifndef SIO_NSP_H
#define SIO_NSP_H

#include <sio/error.h>
#include <sio/types.h>
#include <sio/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*sio_connect_cb)(sio_socket *s, void *user);
typedef void (*sio_disconnect_cb)(sio_socket *s, const sio_close_info *why, void *user);
typedef void (*sio_event_cb)(sio_socket *s, sio_event *e, void *user);
typedef void (*sio_middleware_cb)(sio_socket *s, sio_next *next, void *user);
typedef void (*sio_packet_cb)(sio_socket *s, sio_event *e, sio_next *next, void *user);
typedef void (*sio_error_cb)(sio_socket *s, int err, const char *message, void *user);
typedef void (*sio_outgoing_cb)(sio_socket *s, const char *event, sio_args args, void *user);
typedef void (*sio_writable_cb)(sio_socket *s, void *user);
typedef void (*sio_drop_cb)(sio_socket *s, const sio_drop *d, void *user);
typedef void (*sio_nsp_cb)(sio_nsp *nsp, void *user);

/* The namespace of that name, made if it is new: "chat" is "/chat", "" is "/". Peers can join from
 * now on. SIO_ENAME: over 255 bytes, or it holds a ',', '?' or control character. SIO_ETOOBIG: it
 * would be a parent's child (below) past max_child_nsps. */
SIO_EXTERN int sio_of(sio_server *srv, const char *name, sio_nsp **out);

/* ---- parents: namespaces that are made when a peer asks for them ------------------------------
 *
 * A CONNECT to a name that there is no namespace of goes to the parents, in the order they were
 * made. The first that takes the name makes a namespace of it, its child, once, however many peers
 * ask; if none does the peer is told "Invalid namespace". Nobody joins a parent itself: what is
 * registered on it (middleware, handlers, callbacks of every kind) each child gets, as it is when
 * the child is made. The callbacks of sio_on_new_nsp() run before the first peer is admitted.
 *
 * With a parent as its nsp, a target is everybody in its children: sio_broadcast(), sio_all_join(),
 * sio_all_leave() and sio_all_disconnect(), of which the first error is answered and the other
 * children are served all the same. Whatever counts, lists or asks (sio_all_each(),
 * sio_all_fetch(), sio_broadcast_ack(), ...) is UV_ENOTSUP there.
 *
 * A child is gone at the end of the turn in which its last socket left, or was refused, and comes
 * back, as its parent is then, when a peer asks again; with sio_options.recovery not before nobody
 * may come back as who they were. sio_options.keep_empty_nsps keeps it. Its handle is valid as long
 * as a socket of it is, in sio_on_new_nsp() and, from sio_of(), until the turn's end at least;
 * sio_nsp_ref() makes it last. */

/* Takes every name that fits: a '*' stands for any characters or none, all others for themselves.
 * "room-*" is "/room-*". SIO_ENAME: nothing could fit. sio_of() of a name that fits makes a child
 * too. SIO_ESTATE: the server closes. UV_ENOMEM. */
SIO_EXTERN int sio_of_pattern(sio_server *srv, const char *pattern, sio_nsp **parent);

/* Shall there be a namespace of this name? End it with sio_next_ok(), or with sio_next_fail(),
 * which leaves the name to the next parent and whose message nobody sees; now or later, exactly
 * once. auth is the JSON text of the peer's CONNECT. Both are borrowed for the call. If the peer
 * leaves meanwhile the verdict is still owed, and ignored. */
typedef void (*sio_match_cb)(sio_server *srv, const char *name, sio_slice auth, sio_next *next,
                             void *user);
/* Takes the names that cb says yes to. UV_EINVAL without cb, SIO_ESTATE, UV_ENOMEM. */
SIO_EXTERN int sio_of_match(sio_server *srv, sio_match_cb cb, void *user, sio_nsp **parent);

/* The namespace stays, open to peers, even when nobody is in it. A child that was gone already
 * stays gone: only its handle is kept, and sending to it is SIO_ECLOSED. */
SIO_EXTERN sio_nsp *sio_nsp_ref(sio_nsp *nsp);
SIO_EXTERN void sio_nsp_unref(sio_nsp *nsp);

SIO_EXTERN sio_nsp *sio_nsp_find(sio_server *srv, const char *name); /* NULL: there is none */
SIO_EXTERN const char *sio_nsp_name(const sio_nsp *nsp);
SIO_EXTERN sio_server *sio_nsp_server(const sio_nsp *nsp);
SIO_EXTERN size_t sio_nsp_count(const sio_nsp *nsp); /* sockets connected on this node */
/* Runs for every namespace made after it ("new_namespace"). */
SIO_EXTERN int sio_on_new_nsp(sio_server *srv, sio_nsp_cb cb, void *user);

/* Middleware: runs before a peer may join, in order; the socket is not connected yet, but may join
 * rooms. End it with sio_next_ok() or sio_next_fail(), now or later, exactly once. If the peer
 * leaves meanwhile the verdict is still owed, and ignored. */
SIO_EXTERN int sio_use(sio_nsp *nsp, sio_middleware_cb cb, void *user);

/* next is used up by either call. */
SIO_EXTERN void sio_next_ok(sio_next *next);
/* message and data are borrowed for the call. Namespace middleware: the peer gets connect_error
 * with this message, and err.data unless data is null. Packet middleware: the event is dropped, and
 * the callbacks of sio_on_error() get UV_ECANCELED, the message and sio_error_data(). The peer is
 * sent nothing; the middleware can answer the ack of the event before (sio_reply()). Both
 * refusals are in the log at WARN, with the message and without the data. data can have no
 * attachments: such data, and data that is not valid JSON, is left out, which is logged as well.
 * Request hooks: see server.h, http.h. */
SIO_EXTERN void sio_next_fail(sio_next *next, const char *message, sio_val data);

/* "connection": the CONNECT reply is queued, s is in its own room. */
SIO_EXTERN int sio_on_connect(sio_nsp *nsp, sio_connect_cb cb, void *user);
/* "disconnecting": rooms can still be read. */
SIO_EXTERN int sio_on_disconnecting(sio_nsp *nsp, sio_disconnect_cb cb, void *user);
/* "disconnect": rooms are left; the last callback that gets s. Runs once for each socket that
 * connected. */
SIO_EXTERN int sio_on_disconnect(sio_nsp *nsp, sio_disconnect_cb cb, void *user);

/* An event by name. SIO_ENAME for the reserved ones (connect, connect_error, disconnect,
 * disconnecting, newListener, removeListener). A peer's number as event name matches its text. */
SIO_EXTERN int sio_on(sio_nsp *nsp, const char *event, sio_event_cb cb, void *user);
SIO_EXTERN int sio_off(sio_nsp *nsp, const char *event, sio_event_cb cb,
                       void *user); /* UV_ENOENT */
/* The same for names that may hold NULs. sio_on() ends a name at the first one, and so a peer's
 * "chat\u0000" is not an event of sio_on(nsp, "chat", ...). Copied. */
SIO_EXTERN int sio_on_slice(sio_nsp *nsp, sio_slice event, sio_event_cb cb, void *user);
SIO_EXTERN int sio_off_slice(sio_nsp *nsp, sio_slice event, sio_event_cb cb, void *user);
/* Every event, before sio_use_packet() and the handlers by name ("onAny"); front: before those
 * registered so far ("prependAny"). */
SIO_EXTERN int sio_on_any(sio_nsp *nsp, sio_event_cb cb, void *user);
SIO_EXTERN int sio_on_any_front(sio_nsp *nsp, sio_event_cb cb, void *user);
SIO_EXTERN int sio_off_any(sio_nsp *nsp, sio_event_cb cb, void *user);
/* Every event that leaves for s, direct or broadcast; acks are not events ("onAnyOutgoing"). Runs
 * inside the sending call, the one exception to "sending never calls user code": it may only
 * look: what sends, closes, joins or leaves is SIO_ESTATE in there. */
SIO_EXTERN int sio_on_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user);
SIO_EXTERN int sio_off_any_outgoing(sio_nsp *nsp, sio_outgoing_cb cb, void *user); /* UV_ENOENT */
/* Per-packet middleware ("socket.use"), now or later; a later event of the same socket waits its
 * turn. The event may be renamed or given other arguments with sio_event_replace(). */
SIO_EXTERN int sio_use_packet(sio_nsp *nsp, sio_packet_cb cb, void *user);
/* "error": a packet of s could not be decoded (the connection is closed after this), packet
 * middleware refused one, or a POST of its peer was over max_payload (413, SIO_ETOOBIG; a client
 * ends its session over that, as a rule). */
SIO_EXTERN int sio_on_error(sio_nsp *nsp, sio_error_cb cb, void *user);
/* For a callback of sio_on_error() when packet middleware refused: the JSON text of the data that
 * sio_next_fail() was given ("err.data"). Valid until that callback returns. {NULL,0}: there was
 * none (sio_null()), it was left out, it is another error, or no such callback of s runs. */
SIO_EXTERN sio_slice sio_error_data(const sio_socket *s);

/* More than queue_high bytes were queued for the client of s, and now at most queue_low are: the
 * host can go on sending. Called from the loop. */
SIO_EXTERN int sio_on_writable(sio_nsp *nsp, sio_writable_cb cb, void *user);
/* Events for the client of s were dropped by sio_options.when_full. Called from the loop, once for
 * all events dropped in a turn. A client's namespaces share one connection, so the callback runs
 * for each of its sockets, with the total of all of them. d is borrowed. */
SIO_EXTERN int sio_on_drop(sio_nsp *nsp, sio_drop_cb cb, void *user);

/* What another server says with sio_server_side_emit(). e is read, answered and its ack taken like
 * any event; it has no socket: sio_ack_socket() is NULL. SIO_ENAME for connect, connection,
 * new_namespace. */
typedef void (*sio_server_side_cb)(sio_nsp *nsp, sio_event *e, void *user);
SIO_EXTERN int sio_on_server_side(sio_nsp *nsp, const char *event, sio_server_side_cb cb,
                                  void *user);

/* Rooms on this node as they change, sockets' own included; each slot may be NULL. create comes
 * before the first join, remove after the last leave ("create-room", "join-room", "leave-room",
 * "delete-room"). They run inside the call that changes the room and may do anything, leave that
 * room too; in leave and remove s may have left the namespace already. Copied. */
typedef struct sio_room_hooks {
  void (*create)(sio_nsp *nsp, const char *room, void *user);
  void (*join)(sio_nsp *nsp, const char *room, sio_socket *s, void *user);
  void (*leave)(sio_nsp *nsp, const char *room, sio_socket *s, void *user);
  void (*remove)(sio_nsp *nsp, const char *room, void *user);
} sio_room_hooks;
SIO_EXTERN int sio_on_room_sized(sio_nsp *nsp, const sio_room_hooks *hooks, size_t size,
                                 void *user);
static inline int sio_on_room(sio_nsp *nsp, const sio_room_hooks *hooks, void *user) {
  return sio_on_room_sized(nsp, hooks, sizeof(sio_room_hooks), user);
}
/* The rooms that have members on this node, sockets' own included; cb as for sio_rooms(). */
SIO_EXTERN void sio_nsp_rooms(const sio_nsp *nsp,
                              void (*cb)(const char *room, size_t members, void *user), void *user);
SIO_EXTERN size_t sio_room_size(const sio_nsp *nsp, const char *room); /* 0: there is none */

#ifdef __cplusplus
}
#endif
#endif
