/* SPDX-License-Identifier: MIT
 *
 * socket.h - one peer in one namespace.
 *
 * A socket is valid from its first middleware or connect callback until its
 * disconnect callbacks have returned. sio_socket_ref() keeps the handle usable
 * longer: calls on it then answer SIO_ECLOSED. Loop thread only.
 */
#ifndef SIO_SOCKET_H
#define SIO_SOCKET_H

#include <sio/error.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 20 characters of [A-Za-z0-9_-]; what the client knows as socket.id, and the name of its own room.
 * For a client of Engine.IO 3 (allow_eio3) it is the session's secret sid, in a namespace other
 * than "/" with that one's name and a '#' before it: who knows it can speak for the session. Show
 * others the public id instead. */
SIO_EXTERN const char *sio_socket_id(const sio_socket *s);
/* An id that anybody may see, and that the log shows: 20 characters of the same alphabet, the same
 * as long as the socket lives. With Engine.IO 4 it is sio_socket_id(); for a client of Engine.IO 3
 * a digest of it, of which no room is named. */
SIO_EXTERN const char *sio_socket_public_id(const sio_socket *s);
SIO_EXTERN sio_nsp *sio_socket_nsp(const sio_socket *s);
SIO_EXTERN sio_server *sio_socket_server(const sio_socket *s);
SIO_EXTERN bool sio_socket_connected(const sio_socket *s);
/* Is this a peer that came back as who it was (sio_options.recovery)? True from its first
 * middleware on. */
SIO_EXTERN bool sio_socket_recovered(const sio_socket *s);
/* Its connection (engine.h). NULL once it is gone. */
SIO_EXTERN sio_session *sio_socket_session(const sio_socket *s);
/* Bytes that wait to be sent on its connection, for any namespace; 0 once it is gone. */
SIO_EXTERN size_t sio_socket_queued(const sio_socket *s);
/* socket_data_size zeroed bytes; freed with the handle. */
SIO_EXTERN void *sio_socket_data(sio_socket *s);
SIO_EXTERN sio_socket *sio_socket_ref(sio_socket *s);
SIO_EXTERN void sio_socket_unref(sio_socket *s);
/* One JSON value of the host's that travels: whoever fetches the socket sees it, on other servers
 * too ("socket.data"). Checked and copied; an empty text is "{}" again. SIO_EJSON, SIO_EDEPTH,
 * SIO_ECLOSED, UV_ENOMEM. */
SIO_EXTERN int sio_socket_set_shared(sio_socket *s, sio_slice json);
/* "{}" if nothing was set; valid until the next set. */
SIO_EXTERN sio_slice sio_socket_shared(const sio_socket *s);
/* The connected socket with this id in the namespace, on this node; NULL: none. */
SIO_EXTERN sio_socket *sio_socket_find(const sio_nsp *nsp, const char *id);

/* Rooms are any non-empty string up to 255 bytes. A socket is always in the room named by its id.
 * Joining twice, or leaving a room it is not in, is fine. SIO_ECLOSED, SIO_ENAME, UV_ENOMEM. */
SIO_EXTERN int sio_join(sio_socket *s, const char *room);
SIO_EXTERN int sio_leave(sio_socket *s, const char *room);
SIO_EXTERN bool sio_in_room(const sio_socket *s, const char *room);
/* Calls cb for each room, its own id first. cb may send, for instance to the room, but not close,
 * join or leave (SIO_ESTATE). */
SIO_EXTERN void sio_rooms(const sio_socket *s, void (*cb)(const char *room, void *user),
                          void *user);

/* Leaves this namespace: the peer gets DISCONNECT and keeps its connection. Events of it
 * that are still on their way are dropped. The disconnect callbacks run at the end of the turn. */
SIO_EXTERN void sio_disconnect(sio_socket *s);
/* Leaves every namespace and closes the connection, after what is queued has been sent. */
SIO_EXTERN void sio_disconnect_session(sio_socket *s);

/* Leaves this namespace in so many ms, as by sio_disconnect(), unless it is called again before:
 * for credentials that expire. 0: there is no deadline any more. The disconnect callbacks get
 * SIO_ETIMEOUT and "the deadline of the socket passed". SIO_ECLOSED; UV_ENOMEM (what was before
 * stays). */
SIO_EXTERN int sio_socket_deadline(sio_socket *s, unsigned in_ms);

/* ---- the handshake: how the peer first came (slices are valid as long as the session) ---- */

/* JSON text of its CONNECT payload; "{}" if none. */
SIO_EXTERN sio_slice sio_socket_auth(const sio_socket *s);
/* Parsed once, kept; NULL: no memory. */
SIO_EXTERN const struct cJSON *sio_socket_auth_tree(sio_socket *s);

#ifdef __cplusplus
}
#endif
#endif
