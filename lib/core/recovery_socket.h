/* SPDX-License-Identifier: MIT
 *
 * recovery_socket.h - connection state recovery at each step of a socket's life. connect.c and
 * disconnect.c call these functions, which do nothing if recovery is off.
 */
#ifndef SIO_CORE_RECOVERY_SOCKET_H
#define SIO_CORE_RECOVERY_SOCKET_H

#include <sio/socket.h>

/* Must be called before the answer to CONNECT is sent. Sends a recovered socket the events that
 * its client has missed. Creates a recovery record for any other socket; if memory runs out, the
 * socket has none. Returns 0; SIO_ETOOBIG if a missed event was dropped from the replay log while
 * middleware ran; or an error of sending. */
int sio__recovery_before_connect_answer(sio_socket *s);
void sio__recovery_after_connect_answer(sio_socket *s); /* the answer was sent or queued */
void sio__recovery_on_connect_refused(sio_socket *s);   /* middleware refused the socket */
/* Called when the connection broke before CONNECT was answered. */
void sio__recovery_on_pending_socket_lost(sio_socket *s);

/* The next three functions are called in this order when a connected socket leaves. reason is an
 * enum sio_reason; only if it means that the connection was lost, the record is kept. */
void sio__recovery_on_socket_leave(sio_socket *s, int reason);
void sio__recovery_save_socket_rooms(sio_socket *s); /* called before the socket leaves its rooms */
void sio__recovery_save_socket_data(sio_socket *s);  /* called after the socket's last callback */

/* Implements sio_adapter_api.socket_pid. Returns NULL if the socket cannot be recovered. */
const char *sio__recovery_pid_of_socket(const sio_socket *s);

#endif
