/* SPDX-License-Identifier: MIT
 *
 * socket.h - struct sio_socket: one peer in one namespace.
 *
 *  PENDING --- accepted by the middleware ---------------------> CONNECTED
 *  PENDING --- refused, withdrawn or replaced by the peer, or the session is closed --> LEFT
 *  CONNECTED --- sio__socket_start_leaving() ------------------> LEAVING
 *  LEAVING --- sio__socket_finish_leaving_and_run_hooks(), from the loop ----> LEFT
 *
 * The library holds one reference until the socket has LEFT and its callbacks have run. The host
 * may hold more (sio_socket_ref()), and so may a sio_ack, a result of sio_all_fetch(), and code
 * that waits for middleware. A socket keeps the memory of its namespace and server
 * (sio__nsp_and_core_ref()).
 *
 * socket_life.c creates and frees sockets and reads their state; socket_rooms.c joins and leaves
 * rooms; connect.c and disconnect.c make the transitions; deadline.c keeps deadlines.
 */
#ifndef SIO_CORE_SOCKET_H
#define SIO_CORE_SOCKET_H

#include "base/list.h"
#include "base/random.h"
#include "eio/eio.h"
#include <sio/engine.h>
#include <sio/socket.h>

/* Arguments for LOG_ABOUT() that say what a log line is about: the session session_, or the socket
 * s, which may have left. */
#define ABOUT_SESSION_OF(session_)       \
  (&(const struct log_about){ .session = \
                                  sio__session_write_public_id((session_), (char[21]){ "" }) })
#define ABOUT_SOCKET(s)                                                                       \
  (&(const struct log_about){                                                                 \
      .session =                                                                              \
          (s)->session ? sio__session_write_public_id((s)->session, (char[21]){ "" }) : NULL, \
      .nsp = (s)->nsp->name,                                                                  \
  })

struct auth;
struct pending_join;
struct event_queue;
struct recovery_record;
struct ack_waits;

enum socket_state {
  SOCKET_PENDING,   /* CONNECT is not answered yet. The socket may join rooms already. */
  SOCKET_CONNECTED, /* the socket is a member of its namespace */
  /* Disconnected; its disconnect callbacks have still to run, and its rooms can be read. */
  SOCKET_LEAVING,
  SOCKET_LEFT /* the last state: the socket leaves its rooms, and the list of its client */
};

struct sio_socket {
  /* NULL once the socket has LEFT and the library has dropped its reference. */
  sio_session *session;
  sio_nsp *nsp;
  /* Used by the adapter. Each time that it looks for the sockets of a target (sio_target), it takes
   * a new number, and stores it here when it visits or excludes this socket, so that it visits no
   * socket twice. */
  uint64_t stamp;
  uint8_t state;      /* enum socket_state */
  uint8_t reason;     /* enum sio_reason, set when the socket is LEAVING */
  bool expired : 1;   /* the deadline set with sio_socket_set_deadline() has passed */
  bool recovered : 1; /* the socket was given the recovery record of a lost one */
  /* The socket loses the rooms and the data of a recovery record that it cannot be given after all:
   * the callbacks for rooms that it leaves must not change its rooms or data. */
  bool undoing : 1;
  /* The peer has sent CONNECT again, and the server has sent a second answer. */
  bool answered_twice : 1;
  char own_id[SIO__ID_LEN + 1]; /* the public id; for a Socket.IO 2 client it is a digest of `id` */
  uint32_t index;               /* the index of the socket in nsp->members */
  uint32_t refs;
  /* Points to own_id, unless the client is one of Socket.IO 2. Then the id is derived from the
   * session id, and this points to a string that the socket owns. */
  const char *id;
  void *slot;                              /* used by the adapter only */
  sio_socket *next;                        /* in client->sockets */
  struct recovery_record *recovery_record; /* NULL if the socket cannot be recovered */
  /* Links the socket into one of two lists of struct core: into `leaving` until its disconnect
   * callbacks run, and into `just_connected` until the end of the loop's turn in which CONNECT was
   * answered. */
  struct list core_link;
  struct ack_waits *ack_waits; /* see pending_acks.h; NULL if the socket waits for no ack */
  union {
    struct pending_join *pending_join; /* used while the state is SOCKET_PENDING; see connect.c */
    /* The events of the socket that wait for packet middleware. Used in the states after
     * SOCKET_PENDING. NULL if no event waits, and after sio__event_queue_close(). */
    struct event_queue *event_queue;
  };
  struct auth *auth; /* NULL means "{}" */
  char *shared;      /* the JSON text of sio_socket_set_shared(); NULL means "{}" */
};

/* Calls cb for each room of s. If s is CONNECTED or LEAVING, the first one is the room whose name
 * is the id of s. */
void sio__socket_each_room(const sio_socket *s, void (*cb)(const char *room, void *user),
                           void *user);

/* Removes the deadline that sio_socket_set_deadline() has set for the socket, if there is one. */
void sio__socket_clear_deadline(sio_socket *s);
sio_slice sio__get_map_key_of_socket_deadline(
    const void *d); /* the key function of core->deadlines */

/* Creates a PENDING socket with one reference, which the library holds. The caller has to call
 * sio__client_add_socket(). Returns 0, UV_ENOMEM, or the error of the random source. */
int sio__socket_new(sio_socket **out, sio_nsp *nsp, sio_session *session, sio_slice auth);

/* Changes the state from CONNECTED to LEAVING, and removes the socket from the members of its
 * namespace. The disconnect callbacks run at the end of the loop's turn, unless
 * sio__socket_finish_leaving_and_run_hooks() is called before. reason is an enum sio_reason. */
void sio__socket_start_leaving(sio_socket *s, int reason);
/* Changes the state from LEAVING to LEFT. Runs the callbacks of sio_on_disconnecting() before that,
 * and those of sio_on_disconnect() and of pending acks after that. If why is NULL, the disconnect
 * callbacks get a sio_close_info that is made from s->reason and s->expired. Must be called by the
 * loop, not by code that the host has called. */
void sio__socket_finish_leaving_and_run_hooks(sio_socket *s, const sio_close_info *why);
/* Changes the state from PENDING to LEFT. No disconnect callback runs, because the socket never
 * connected; the callbacks of sio_on_room() run for the rooms that it had joined. Must be called by
 * the loop, not by code that the host has called. */
void sio__socket_discard_pending(sio_socket *s);
/* The task function of core->finish_leaving. */
void sio__finish_all_leaving_sockets(struct task *t);

/* True if the name has 1 to 255 bytes; false for NULL. */
bool sio__is_valid_room_name(const char *room);

/* True while the socket can join rooms: it is PENDING or CONNECTED, its session is open, and it is
 * not losing the rooms of a recovery record (`undoing`). It can be sent events only if it is
 * CONNECTED. */
static inline bool socket_can_join_rooms(const sio_socket *s) {
  return s->state <= SOCKET_CONNECTED && !s->undoing && sio__session_is_open(s->session);
}

#endif
