/* SPDX-License-Identifier: MIT
 *
 * streams_session.h - sockets that may be recovered: a key of Redis for each, which any server of
 * the cluster may take.
 *
 * A key is written when a socket connects, and after each change of its rooms and shared data, and
 * again before it expires: so a client can return although its server was killed.
 */
#ifndef SIO_REDIS_STREAMS_SESSION_H
#define SIO_REDIS_STREAMS_SESSION_H

#include "redis/receive_event.h"
#include "redis/receive_session.h"
#include "redis/stream_types.h"

enum { SESSION_PREFIX_MAX = 255 /* the longest session_key_prefix */ };

struct streams {
  sio_adapter *adapter;
  struct stream *stream;
  unsigned recovery_ms; /* 0: recovery is off */
  struct map live;      /* struct live_session by pid: connected sockets that have one */
  struct list by_age;   /* struct live_session.by_age, the one written first at the start */
  struct list dirty;    /* struct live_session.dirty: to be written at the end of the turn */
  struct list restores; /* struct stream_restore */
  char prefix[];        /* of keys */
};

void sio__streams_init_sessions(struct streams *x);
void sio__streams_clear_sessions(struct streams *x);

/* An event was delivered to the local sockets: sockets that are being restored have missed it. */
void sio__streams_add_delivered_event_to_restores(sio_adapter *a, const struct received_event *ev,
                                                  sio_slice offset);

/* What was taken out of Redis for sockets that have not joined is written again. */
void sio__streams_write_back_unused_keys(struct streams *x);

/* Functions of the table. */
int sio__streams_join_room(sio_adapter *a, sio_socket *s, const char *room);
void sio__streams_leave_room(sio_adapter *a, sio_socket *s, const char *room);
void sio__streams_on_socket_connected(sio_adapter *a, sio_socket *s);
void sio__streams_on_shared_data_changed(sio_adapter *a, sio_socket *s);
void sio__streams_save_socket(sio_adapter *a, const sio_saved_socket *s);
void sio__streams_delete_saved_socket(sio_adapter *a, const char *pid);
void sio__streams_restore_socket(sio_adapter *a, sio_restore *r);
void sio__streams_on_restore_end(sio_adapter *a, sio_restore *r);

/* For stream_ops. */
void sio__streams_on_restore_reply(struct stream *st, char kind, uint64_t number,
                                   const redisReply *reply);
void sio__streams_on_entries_read(struct stream *st);
void sio__streams_on_flush(struct stream *st);

#endif
