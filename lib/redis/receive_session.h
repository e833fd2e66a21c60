/* SPDX-License-Identifier: MIT
 *
 * receive_session.h - a socket that this or another Socket.IO server has saved, so that any server
 * can recover it.
 */
#ifndef SIO_REDIS_RECEIVE_SESSION_H
#define SIO_REDIS_RECEIVE_SESSION_H

#include "redis/publish.h"
#include "redis/unpack.h"

/* A socket that may be recovered. The caller of sio__received_session_parse() must call
 * sio__received_session_clear(), also after an error. */
struct received_session {
  struct unpacked message;
  char id[24], pid[24];
  struct unpacked_names rooms;
  struct unpacked_json data;
};
int sio__received_session_parse(struct received_session *s, sio_adapter *a, sio_slice message);
void sio__received_session_clear(struct received_session *s);

#endif
