/* SPDX-License-Identifier: MIT
 *
 * socket.h - one peer in one namespace, from inside.
 *
 *  PENDING --- middleware says yes ---> CONNECTED
 *  PENDING --- it says no, or the peer goes ---> LEFT
 *  CONNECTED --- sio__socket_start_leaving() ---> LEAVING --- from the loop: sio__socket_finish_leaving() ---> LEFT
 *
 * The library holds one reference until LEFT is done with; each ref of the host, each ack it took
 * and each verdict it owes hold one more. The last one frees it, and with the last socket of a
 * closed server goes the server's memory.
 */
#ifndef SIO_CORE_SOCKET_H
#define SIO_CORE_SOCKET_H

#include "base/list.h"
#include "base/random.h"
#include "core/pending.h"
#include "eio/eio.h"
#include <sio/engine.h>
#include <sio/socket.h>

struct auth;
struct pending_join;
struct gate;
struct recoverable;

enum socket_state {
  SOCKET_PENDING,   /* may join rooms, gets no events, is not a member yet                 */
  SOCKET_CONNECTED, /* a member of its namespace                                           */
  SOCKET_LEAVING,   /* over for host and peer; disconnect callbacks owed, rooms still read */
  SOCKET_LEFT       /* rooms are left; after the last callbacks only the handle is left    */
};

struct sio_socket {
  sio_session *session; /* NULL once it is gone                                 */
  sio_nsp *nsp;
  uint64_t stamp;               /* the adapter's: which broadcast looked at it last     */
  uint8_t state;                /* enum socket_state                                    */
  uint8_t reason;               /* enum sio_reason: why it is LEAVING                   */
  bool expired : 1;             /* ... because its deadline passed                      */
  bool recovered : 1;           /* it is one that came back                             */
  char own_id[SIO__ID_LEN + 1]; /* public: for protocol 3 a digest of its id   */
  uint32_t index;               /* in nsp->members                                      */
  uint32_t refs;
  const char *id;                  /* own_id, or for protocol 3 one that follows from the sid */
  void *slot;                      /* the adapter's                                        */
  sio_socket *next;                /* of the same client                                   */
  struct recoverable *recoverable; /* NULL: it cannot come back                            */
  struct list leaving;             /* server->leaving, or ->welcomed while CONNECTED       */
  struct pending pending;
  union {
    struct pending_join *pending_join; /* while PENDING behind middleware                  */
    struct gate *gate;                 /* later: while an event is before packet middleware */
  };
  struct auth *auth; /* NULL: "{}", and nobody asked for its tree            */
  char *shared;      /* JSON text of the host's; NULL: "{}"                     */
};

/* Its deadline, if it has one, means nothing any more. */
void sio__socket_clear_deadline(sio_socket *s);
sio_slice sio__deadline_key(const void *d);

/* PENDING, with the library's reference, in no list. 0, UV_ENOMEM, or what the random source
 * says. */
int sio__socket_new(sio_socket **out, sio_nsp *nsp, sio_session *session, sio_slice auth);

/* CONNECTED to LEAVING: it is no member any more at once; the callbacks run at the end of the
 * turn. */
void sio__socket_start_leaving(sio_socket *s, int reason);
/* LEAVING to LEFT: runs the callbacks. From the loop only. why NULL: s->reason says it all. */
void sio__socket_finish_leaving(sio_socket *s, const sio_close_info *why);
/* PENDING to LEFT: it never connected, nobody is told. From the loop only. */
void sio__socket_discard_pending(sio_socket *s);
/* The task behind server->leaving. */
void sio__finish_leaving_sockets(struct task *t);

/* Does a call on it still mean anything? */
static inline bool socket_is_open(const sio_socket *s) {
  return s->state <= SOCKET_CONNECTED && sio__session_open(s->session);
}

#endif
