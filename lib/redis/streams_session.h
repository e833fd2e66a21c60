/* SPDX-License-Identifier: MIT
 *
 * streams_session.h - sockets that may be recovered: a key of Redis for each, which any Socket.IO
 * server may take.
 *
 * A key is written when a socket connects, after changes of its rooms and shared data, again before
 * the key expires, when the connection of the client breaks, and when a recovery has taken the key
 * but failed. So a client can return although its server was killed.
 */
#ifndef SIO_REDIS_STREAMS_SESSION_H
#define SIO_REDIS_STREAMS_SESSION_H

#include "redis/publish.h"
#include "redis/stream_types.h"

enum { SESSION_PREFIX_MAX = 255 /* the longest session_key_prefix */, PID_MAX = 24 };

struct streams {
  sio_adapter *adapter;
  struct stream *stream;
  unsigned recovery_ms; /* 0: recovery is off */
  struct map live;      /* struct live_session by pid: connected sockets that may be recovered */
  /* struct live_session.by_age: in the order in which the sessions were created, or their keys were
   * last queued to be written */
  struct list by_age;
  /* struct live_session.dirty: sessions whose keys are still to be written */
  struct list dirty;
  struct list restores; /* struct stream_restore: see streams_restore.c */
  char prefix[];        /* the prefix of the keys: the option session_key_prefix */
};

void sio__streams_init_sessions(struct streams *x);
void sio__streams_clear_sessions(struct streams *x);

/* Queues a command for the key of the session with this pid: SET with the value, or DEL if value.p
 * is NULL. encoded: true if the value is base64 already; otherwise this function encodes it.
 * Returns 0, UV_ENOTCONN, UV_ENOBUFS or UV_ENOMEM. */
int sio__streams_queue_set_or_del_of_session_key(struct streams *x, const char *pid,
                                                 sio_slice value, bool encoded);
/* Queues commands that write the keys of the sessions in x->dirty. Keys whose command cannot be
 * queued now are written at a later flush. */
void sio__streams_save_dirty_sessions(struct streams *x);
/* Makes the next flush write each key again that was written a third of recovery_ms ago or earlier,
 * so that the keys of connected sockets do not expire. */
void sio__streams_mark_expiring_sessions_dirty(struct streams *x);

/* Functions for the sio_adapter_ops of the streams adapter. */
int sio__streams_join_room_and_mark_session_dirty(sio_adapter *a, sio_socket *s, const char *room);
void sio__streams_leave_room_and_mark_session_dirty(sio_adapter *a, sio_socket *s,
                                                    const char *room);
void sio__streams_on_connect_create_live_session(sio_adapter *a, sio_socket *s);
void sio__streams_mark_session_of_socket_dirty(sio_adapter *a, sio_socket *s);
void sio__streams_save_socket(sio_adapter *a, const sio_saved_socket *s);
void sio__streams_delete_saved_socket(sio_adapter *a, const char *pid);

/* A function for stream_ops.flush: calls sio__streams_save_dirty_sessions() for each adapter of the
 * stream. */
void sio__streams_save_dirty_sessions_on_flush(struct stream *st);

#endif
