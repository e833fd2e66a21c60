/* SPDX-License-Identifier: MIT
 *
 * recovery_socket.h - connection state recovery at each step of a socket's life. connect.c and
 * disconnect.c call these functions, which do nothing if recovery is off.
 */
#ifndef SIO_CORE_RECOVERY_SOCKET_H
#define SIO_CORE_RECOVERY_SOCKET_H

#include <sio/socket.h>

/* Must be called before CONNECT is answered. Replays the missed events to a returning socket; for a
 * new socket, creates a record if there is memory. Returns 0; SIO_ETOOBIG if a missed event has
 * been dropped from the replay log meanwhile; or an error of sending. */
int sio__recovery_before_connect_answer(sio_socket *s);
void sio__recovery_after_connect_answer(sio_socket *s); /* called when the answer was queued */
void sio__recovery_on_connect_refused(sio_socket *s);   /* middleware refused the socket */
/* Called when the connection broke before CONNECT was answered. */
void sio__recovery_on_pending_socket_lost(sio_socket *s);

/* Called in this order when a connected socket leaves; reason is an enum sio_reason. */
void sio__recovery_on_socket_leave(sio_socket *s, int reason);
void sio__recovery_save_socket_rooms(sio_socket *s); /* called before the socket leaves its rooms */
void sio__recovery_save_socket_data(sio_socket *s);  /* called after the socket's last callback */

/* Implements sio_adapter_api.socket_pid. Returns NULL if the socket cannot be recovered. */
const char *sio__recovery_pid_of_socket(const sio_socket *s);

#endif
