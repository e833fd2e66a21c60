/* SPDX-License-Identifier: MIT
 *
 * socket.h - a socket: one client in one namespace.
 *
 * A socket is valid from the first callback that gets it until its disconnect callbacks, and after
 * them the callbacks of its pending acks (with SIO_ECLOSED), have returned. A socket that does not
 * connect is valid until its middleware has called sio_next_ok() or sio_next_fail().
 * sio_socket_ref() keeps the pointer valid longer; calls that need a connection then return
 * SIO_ECLOSED, and sio_socket_data() can still be used. All functions are called on the loop's
 * thread.
 */
#ifndef SIO_SOCKET_H
#define SIO_SOCKET_H

#include <sio/error.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a socket is ---------------------------------------------------------------------- */

/* Returns the id of the socket, which the client knows as socket.id: 20 characters of
 * [A-Za-z0-9_-]. It is also the name of the socket's own room.
 *
 * For a client of Engine.IO 3 (sio_options.allow_eio3) the id is the id of its session; in a
 * namespace other than "/", the name of the namespace and a '#' come before it. This id is secret,
 * because a program that knows it can send and receive as this client while the client polls: show
 * sio_socket_public_id() to others instead. */
SIO_EXTERN const char *sio_socket_id(const sio_socket *s);
/* Returns an id that is not secret: 20 characters of [A-Za-z0-9_-]. For a client of Engine.IO 4
 * this is the id that sio_socket_id() returns. For a client of Engine.IO 3 it is a digest of that
 * id, and not the name of the socket's own room. The id does not change any more when the first
 * middleware or connect callback runs; before that, callbacks of sio_on_room() may see the id of a
 * lost socket that cannot be recovered after all.
 *
 * The texts of the log name a socket by its public id ("socket ID joined namespace / ..."). The
 * "session=" of a line is the beginning of another id, sio_session_info.public_id. The line that
 * says "joined" has both. */
SIO_EXTERN const char *sio_socket_public_id(const sio_socket *s);
/* Returns the namespace that the socket is in or, after it has disconnected, was in. */
SIO_EXTERN sio_nsp *sio_socket_nsp(const sio_socket *s);
/* Returns true if the socket is connected: false in middleware, where it has not connected yet, and
 * false after it has disconnected. */
SIO_EXTERN bool sio_socket_connected(const sio_socket *s);
/* Returns true if connection state recovery (sio_options.recovery) has restored this socket. The
 * result is the same in the middleware, in the connect callbacks and after them. */
SIO_EXTERN bool sio_socket_recovered(const sio_socket *s);
/* Returns the session of the socket's client (engine.h). Returns NULL after the last callback of
 * the disconnected socket, and for a socket in middleware whose client has gone.
 * sio_session_info_of(sio_socket_session(s)) contains the client's address, transport and TLS, and
 * how many bytes are queued for the client. */
SIO_EXTERN sio_session *sio_socket_session(const sio_socket *s);
/* Returns the socket of this server that has this id in the namespace, or NULL if there is no such
 * socket. A socket is not found before it has connected. */
SIO_EXTERN sio_socket *sio_socket_find(const sio_nsp *nsp, const char *id);
/* sio_socket_ref() returns s, and keeps the memory of the socket valid after the socket has
 * disconnected, and after the server has closed: then sending to the socket returns SIO_ECLOSED.
 * Each call has to be followed by one call of sio_socket_unref(), after which s may be invalid. */
SIO_EXTERN sio_socket *sio_socket_ref(sio_socket *s);
SIO_EXTERN void sio_socket_unref(sio_socket *s);

/* ---- data of the program ------------------------------------------------------------------- */

/* Returns the sio_options.socket_data_size bytes that the socket has for the program, aligned for
 * any type. They are zero at first (those of a recovered socket are as they were, except with
 * sio_redis_streams_adapter), and are freed together with the socket: they can be read and written
 * as long as the pointer s is valid, so after sio_socket_ref() until the last sio_socket_unref().
 * Returns NULL if socket_data_size is 0. */
SIO_EXTERN void *sio_socket_data(sio_socket *s);
/* Sets the shared data of a socket: one JSON value that sio_all_fetch() passes on together with the
 * socket, to other servers, too ("socket.data"). The text is checked and copied. If it is empty,
 * the shared data becomes "{}". SIO_EJSON: the text is not valid JSON; SIO_EDEPTH: it is nested too
 * deeply; SIO_ECLOSED: as for sio_join(); UV_ENOMEM. */
SIO_EXTERN int sio_socket_set_shared(sio_socket *s, sio_slice json);
/* Returns the shared data of a socket, or "{}" if none was set. Valid until it is set again or the
 * socket becomes invalid. */
SIO_EXTERN sio_slice sio_socket_shared(const sio_socket *s);

/* ---- rooms --------------------------------------------------------------------------------- */

/* Make the socket join or leave a room. The name of a room is any text of 1 to 255 bytes. A
 * connected socket is always in the room that has the socket's id as its name, and cannot leave
 * this room; a socket in middleware is not in this room yet, and sio_join() of it returns 0 and
 * changes nothing. Joining a room twice, or leaving a room that the socket is not in, returns 0 and
 * changes nothing. SIO_ENAME: room is not a valid name; SIO_ECLOSED: the socket has disconnected,
 * or is leaving its rooms because it cannot be recovered (sio_on_room()); SIO_ESTATE: called inside
 * a callback of sio_on_any_outgoing() or packet_create; UV_ENOMEM; or an error of the adapter. */
SIO_EXTERN int sio_join(sio_socket *s, const char *room);
SIO_EXTERN int sio_leave(sio_socket *s, const char *room);
SIO_EXTERN bool sio_in_room(const sio_socket *s, const char *room);
/* Lists the rooms of the socket; for a connected socket, the room of its id is the first one.
 * Writes at most max names to out, and returns the number of rooms, which may be greater than max.
 * Each name is valid until the socket leaves that room. */
SIO_EXTERN size_t sio_rooms(const sio_socket *s, const char **out, size_t max);

/* ---- disconnecting ------------------------------------------------------------------------- */

/* Disconnects a socket.
 *
 * If session is false, the socket leaves its namespace. The client is sent a DISCONNECT packet, and
 * stays connected to its other namespaces. Events for this namespace that the client sends before
 * it receives the DISCONNECT are dropped.
 *
 * If session is true, all sockets of the client leave their namespaces, and the client's connection
 * is closed after what is queued for it has been sent, at the latest after close_timeout_ms.
 *
 * In both cases the callbacks of sio_on_disconnecting() and sio_on_disconnect() run later, usually
 * at the end of the current turn of the loop. A socket that has not connected yet can only be
 * disconnected with session true. */
SIO_EXTERN void sio_disconnect(sio_socket *s, bool session);

/* Sets the deadline of a socket, for credentials that expire: in_ms milliseconds from now the
 * socket is disconnected from its namespace. A new deadline replaces the one before; in_ms 0
 * removes it. When the deadline has passed, the callbacks of sio_on_disconnect() get the error
 * SIO_ETIMEOUT. SIO_ECLOSED: the socket is not connected; UV_ENOMEM. */
SIO_EXTERN int sio_socket_set_deadline(sio_socket *s, unsigned in_ms);

/* ---- the handshake ------------------------------------------------------------------------- */

/* Returns the handshake of the socket as a JSON object with the members of socket.handshake in the
 * Node.js server:
 *
 *     {"headers":{},"time":"","address":"","xdomain":false,"secure":false,"issued":0,"url":"",
 *      "query":{},"auth":{}}
 *
 * The text is valid until sio_socket_handshake() is called again for any socket of the server.
 * Returns {NULL,0} if sio_socket_session() would return NULL, or if memory ran out. */
SIO_EXTERN sio_slice sio_socket_handshake(const sio_socket *s);
/* Returns the auth data that the client sent with its CONNECT packet, as JSON text; "{}" if the
 * client sent none. It is always an object: a client that sends another type of value, such as an
 * array, is disconnected before any middleware runs ("forced close", SIO_EPROTO). Valid as long as
 * the socket. */
SIO_EXTERN sio_slice sio_socket_auth(const sio_socket *s);
/* Returns the auth data as a cJSON tree, which is made by the first call and belongs to the socket.
 * The tree is always an object. Returns NULL if memory ran out. */
SIO_EXTERN const struct cJSON *sio_socket_auth_tree(sio_socket *s);

#ifdef __cplusplus
}
#endif
#endif
