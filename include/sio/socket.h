/* SPDX-License-Identifier: MIT
 *
 * socket.h - a socket: one client in one namespace.
 *
 * A socket is valid from its first middleware or connect callback until its disconnect callbacks
 * have returned. sio_socket_ref() keeps the pointer valid longer; calls that need a connection then
 * return SIO_ECLOSED. Loop thread only.
 */
#ifndef SIO_SOCKET_H
#define SIO_SOCKET_H

#include <sio/error.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a socket is ---------------------------------------------------------------------- */

/* The id that the client knows as socket.id: 20 characters of [A-Za-z0-9_-]. It is also the name of
 * the socket's own room.
 * For a client of Engine.IO 3 (allow_eio3) it is the id of the session, preceded in a namespace
 * other than "/" by the namespace's name and a '#'. That id is secret, because it is enough to send
 * and receive as this client: show sio_socket_public_id() to others. */
SIO_EXTERN const char *sio_socket_id(const sio_socket *s);
/* An id of 20 characters of the same alphabet that is not secret. The log shows it. It is the same
 * as long as the socket exists. With Engine.IO 4 it is the same as sio_socket_id(); for a client of
 * Engine.IO 3 it is a digest of that id, and there is no room of this name. */
SIO_EXTERN const char *sio_socket_public_id(const sio_socket *s);
/* The namespace that the socket is in, or was in when it left. */
SIO_EXTERN sio_nsp *sio_socket_nsp(const sio_socket *s);
/* Has the socket connected, and not left since? In middleware it has not connected yet. */
SIO_EXTERN bool sio_socket_connected(const sio_socket *s);
/* Did connection state recovery restore this socket (sio_options.recovery)? Known from the first
 * middleware on. */
SIO_EXTERN bool sio_socket_recovered(const sio_socket *s);
/* The session of its client (engine.h); NULL once the socket has left. sio_session_info_of() of it
 * has the client's address, transport and TLS, and how many bytes are queued. */
SIO_EXTERN sio_session *sio_socket_session(const sio_socket *s);
/* The connected socket of this server that has this id in the namespace, or NULL. */
SIO_EXTERN sio_socket *sio_socket_find(const sio_nsp *nsp, const char *id);
/* sio_socket_ref() keeps the memory of the socket beyond its disconnection, and returns s. Each
 * call needs one call of sio_socket_unref(), after which s may be invalid. */
SIO_EXTERN sio_socket *sio_socket_ref(sio_socket *s);
SIO_EXTERN void sio_socket_unref(sio_socket *s);

/* ---- data of the host ---------------------------------------------------------------------- */

/* socket_data_size bytes, zero at first. They are freed together with the socket. */
SIO_EXTERN void *sio_socket_data(sio_socket *s);
/* A JSON value that sio_all_fetch() shows, on other servers too ("socket.data"). The text is
 * checked and copied; an empty text sets "{}". SIO_EJSON, SIO_EDEPTH, SIO_ECLOSED, UV_ENOMEM. */
SIO_EXTERN int sio_socket_set_shared(sio_socket *s, sio_slice json);
/* That value; "{}" if none was set. Valid until it is set again. */
SIO_EXTERN sio_slice sio_socket_shared(const sio_socket *s);

/* ---- rooms --------------------------------------------------------------------------------- */

/* The name of a room is any text of 1 to 255 bytes. Each socket is always in the room of its id. To
 * join a room twice, or to leave a room that the socket is not in, is not an error. SIO_ECLOSED,
 * SIO_ENAME, UV_ENOMEM. */
SIO_EXTERN int sio_join(sio_socket *s, const char *room);
SIO_EXTERN int sio_leave(sio_socket *s, const char *room);
SIO_EXTERN bool sio_in_room(const sio_socket *s, const char *room);
/* Lists the rooms of the socket, the room of its id first. Writes at most max names to out and
 * returns the number of rooms. A name is valid until the socket leaves that room. */
SIO_EXTERN size_t sio_rooms(const sio_socket *s, const char **out, size_t max);

/* ---- disconnecting ------------------------------------------------------------------------- */

/* session false: the socket leaves its namespace. The client is sent DISCONNECT and stays connected
 * to its other namespaces. Events that it sends to this one before it has received the DISCONNECT
 * are dropped.
 * session true: all sockets of the client leave, and its connection is closed after everything that
 * is queued has been sent.
 * The disconnect callbacks run at the end of the turn. */
SIO_EXTERN void sio_disconnect(sio_socket *s, bool session);

/* Sets a deadline: in_ms milliseconds from now the socket is disconnected from its namespace. Use
 * it for credentials that expire. The deadline replaces an earlier one; 0 removes it. The
 * disconnect callbacks get SIO_ETIMEOUT and the text "the deadline of the socket passed".
 * SIO_ECLOSED: the socket is disconnected; UV_ENOMEM: an earlier deadline remains. */
SIO_EXTERN int sio_socket_deadline(sio_socket *s, unsigned in_ms);

/* ---- the handshake ------------------------------------------------------------------------- */

/* The whole handshake as a JSON object, with the members of socket.handshake in the Node.js server:
 *     {"headers":{},"time":"","address":"","xdomain":false,"secure":false,"issued":0,"url":"",
 *      "query":{},"auth":{}}
 * Valid until the function is called again for any socket of the server. {NULL,0}: the socket has
 * left, or memory ran out. */
SIO_EXTERN sio_slice sio_socket_handshake(const sio_socket *s);
/* The JSON text that the client sent with CONNECT; "{}" if it sent none. Valid as long as the
 * socket. */
SIO_EXTERN sio_slice sio_socket_auth(const sio_socket *s);
/* The same as a cJSON tree, which is made at the first call and belongs to the socket. NULL: memory
 * ran out. */
SIO_EXTERN const struct cJSON *sio_socket_auth_tree(sio_socket *s);

#ifdef __cplusplus
}
#endif
#endif
