/* SPDX-License-Identifier: MIT
 *
 * recovery.h - connection state recovery: a client that lost its connection becomes the same socket
 * again, and is sent the events that it missed.
 *
 * Each socket that was sent a pid has a struct recoverable, in one of three states:
 *
 *  LIVE --- connection broke ---> AWAY --- client is back ---> RETURNING --- admitted ---> LIVE
 *  LIVE --- disconnected ---> freed RETURNING --- connection broke ---> AWAY AWAY --- too long, or
 *  too many ---> freed RETURNING --- refused ---> freed
 *
 * A record has at most one socket. If a client is back before the end of its old connection has
 * been noticed, the old socket is disconnected first.
 *
 * A client's offset names the last event that it has. The client is sent the later events that are
 * addressed to it. If that is also the last event that it was sent, only events after the break are
 * looked at, so a client that received few events does not depend on old events being kept.
 */
#ifndef SIO_CORE_RECOVERY_H
#define SIO_CORE_RECOVERY_H

#include "base/map.h"
#include "base/random.h"
#include "base/timer.h"
#include "core/recovery_queue.h"
#include "core/out_packet.h"
#include "core/replay_log.h"

struct recoverable {
  sio_socket *socket; /* LIVE or RETURNING; NULL: AWAY                               */
  struct recovery_queue_entry
      away;           /* in recovery->away                                           */
  uint64_t first;     /* the client needs no event up to this number                */
  uint64_t last;      /* the last event that the client was sent                     */
  uint64_t left;      /* the newest event when the connection broke                  */
  uint64_t from;      /* RETURNING: events after this number are sent                */
  uint64_t left_at;   /* ms, the loop's clock                                        */
  uint64_t replayed;  /* the last event that was replayed                            */
  uint64_t new_bytes; /* of events that were replayed to it, counted once            */
  uint64_t old_bytes; /* of those that were replayed again                           */
  char pid[SIO__ID_LEN + 1];
  char id[SIO__ID_LEN + 1];
  char *rooms; /* unless LIVE: names of the rooms, each with a NUL after it   */
  size_t rooms_size;
  void *data;   /* unless LIVE: the host's bytes                               */
  char *shared; /* unless LIVE: the shared data, or NULL                       */
};

/* One per namespace. */
struct recovery {
  sio_nsp *nsp;
  struct replay_log log;
  struct map by_pid; /* struct recoverable, in every state */
  struct recovery_queue away;
  struct timer sweep;
};

int sio__recovery_new(struct recovery **out, sio_nsp *nsp); /* NULL when the option is off */
void sio__recovery_free(struct recovery *r); /* after all sockets have left; NULL is allowed */

/* ---- events ----------------------------------------------------------------------------- */

/* The offset for an event that is about to be encoded. Nothing is taken yet. A volatile one carries
 * the number of the last event: its receivers were sent everything up to there. */
size_t sio__recovery_offset(const struct recovery *r, bool is_volatile,
                            char out[REPLAY_OFFSET_MAX]);
/* It was encoded: it takes the number. */
static inline uint64_t sio__recovery_number(struct recovery *r) { return ++r->log.seq; }
/* Keeps a numbered packet, before it is sent to anyone. */
void sio__recovery_keep(const sio_packet *p, const sio_target *to);
/* The packet that was kept last has been sent to no socket: removes it. */
void sio__recovery_discard(const sio_packet *p);
static inline void recovery_sent(struct recoverable *b, uint64_t seq) {
  if (b) b->last = seq;
}

/* ---- sockets: all of them no-ops when it is off ------------------------------------------- */

/* For a PENDING socket with its auth: if the client proves its identity, the socket takes over id,
 * rooms and data. Called from the loop only, because it may run the callbacks of the old socket. */
void sio__recovery_arrive(sio_socket *s);
/* Called before CONNECT is answered. A returning socket is sent the events that it missed; another
 * socket gets a record, if there is memory. 0, SIO_ETOOBIG if events that it needs were dropped
 * meanwhile, or an error of sending. */
int sio__recovery_welcome(sio_socket *s);
const char *sio__recovery_pid(const sio_socket *s); /* NULL: none */
void sio__recovery_joined(sio_socket *s);           /* CONNECT is queued */
void sio__recovery_refused(sio_socket *s);          /* the host refused the socket */
void sio__recovery_dropped(sio_socket *s);          /* the socket was never connected */
void sio__recovery_leave(sio_socket *s, int reason);
void sio__recovery_pack(sio_socket *s); /* before its rooms are left */
void sio__recovery_stow(sio_socket *s); /* after the host's last word */

#endif
