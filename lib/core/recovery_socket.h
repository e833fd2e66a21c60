/* SPDX-License-Identifier: MIT
 *
 * recovery_socket.h - connection state recovery at each step of a socket's life, for connect.c and
 * disconnect.c. If recovery is off, these functions do nothing.
 */
#ifndef SIO_CORE_RECOVERY_SOCKET_H
#define SIO_CORE_RECOVERY_SOCKET_H

#include <sio/socket.h>

/* Must be called before the answer to CONNECT is sent. Sends a recovered socket the events that its
 * client has missed. Creates a recovery record for any other socket, unless its client is one of
 * Socket.IO 2; if that fails, the socket has none. Returns 0 or an error of sending. If an event
 * that a returning client may have missed was not kept until now, ends the session and returns
 * SIO_ETOOBIG. */
int sio__recovery_send_missed_or_add_record(sio_socket *s);
void sio__recovery_finish_after_connect_answer(sio_socket *s); /* the answer was sent or queued */
/* Called when the middleware has refused the socket, or the time limit for the middleware is over.
 * Frees the record. */
void sio__recovery_free_record_of_refused_socket(sio_socket *s);
/* Called when a PENDING socket is discarded. If the socket has the record of a returning client,
 * calls sio__recovery_return_record_to_lost_sockets(). If the record was made for this socket,
 * frees the record. */
void sio__recovery_return_or_free_pending_record(sio_socket *s);

/* The next three functions are called in this order when a connected socket leaves. reason is an
 * enum sio_reason. The record is freed if sockets that left for this reason are not recovered: for
 * example because the peer or the host has disconnected the socket from its namespace. If this
 * server is closing, it is also freed unless the adapter keeps lost sockets. */
void sio__recovery_free_record_unless_recoverable(sio_socket *s, int reason);
void sio__recovery_save_socket_rooms(sio_socket *s); /* called before the socket leaves its rooms */
/* Saves the data, and keeps the record. Called after the callbacks of sio_on_disconnect(), which
 * may change the data, and before those of pending acks. */
void sio__recovery_save_data_and_keep_record(sio_socket *s);

/* Implements sio_adapter_api.socket_pid. Returns NULL if the socket cannot be recovered. */
const char *sio__recovery_pid_of_socket(const sio_socket *s);

#endif
