/* SPDX-License-Identifier: MIT
 *
 * recovery.h - connection state recovery: a peer that lost its connection comes back as the socket
 * it was, and is sent what it missed.
 *
 * Behind each socket that was told a pid stands a berth:
 *
 *  LIVE --- its connection broke ---> AWAY --- its peer is back ---> RETURNING --- let in ---> LIVE
 *  LIVE --- it, or the host, left for good ---> gone       RETURNING --- its peer is lost ---> AWAY
 *  AWAY --- too long, or too many ---> gone                RETURNING --- refused ---> gone
 *
 * A berth has at most one socket. Who comes back while the old connection has not been noticed to
 * be dead takes it over: the old socket ends first.
 *
 * A peer's offset says what it has. It is sent what was numbered behind that and concerns it now;
 * if it has the last event it was sent, then only what came after it left. So neither a quiet peer
 * nor one that never got an event depends on old events being kept.
 */
#ifndef SIO_CORE_RECOVERY_H
#define SIO_CORE_RECOVERY_H

#include "base/map.h"
#include "base/random.h"
#include "base/timer.h"
#include "core/away.h"
#include "core/out_packet.h"
#include "core/replay.h"

struct recoverable {
  sio_socket *socket;     /* LIVE or RETURNING; NULL: AWAY                               */
  struct away_place away; /* among recovery->away                                        */
  uint64_t first;         /* its peer has everything up to here, or it was not meant for it */
  uint64_t last;          /* the last event it was sent                                  */
  uint64_t left;          /* the last event there was when it left                       */
  uint64_t from;          /* RETURNING: it is sent what is behind this                   */
  uint64_t left_at;       /* ms, the loop's clock                                        */
  uint64_t replayed;      /* the last event that was replayed                            */
  uint64_t new_bytes;     /* of events that were replayed to it, counted once            */
  uint64_t old_bytes;     /* of those that were replayed again                           */
  char pid[SIO__ID_LEN + 1];
  char id[SIO__ID_LEN + 1];
  char *rooms; /* while not LIVE: their names, a NUL behind each              */
  size_t rooms_size;
  void *data;   /* while not LIVE: the host's bytes                            */
  char *shared; /* while not LIVE: its shared data; NULL: none */
};

/* One per namespace. */
struct recovery {
  sio_nsp *nsp;
  struct replay log;
  struct map by_pid; /* struct berth, all of them */
  struct away away;
  struct timer sweep;
};

int sio__recovery_new(struct recovery **out, sio_nsp *nsp); /* NULL when the option is off */
void sio__recovery_free(struct recovery *r);                /* everybody has left; NULL is fine */

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

/* PENDING, with its auth: becomes the socket it was if its peer can prove it. From the loop only:
 * may run the callbacks of a predecessor's end. */
void sio__recovery_arrive(sio_socket *s);
/* Before CONNECT: a returning one is sent what it missed, another gets a berth if there is memory.
 * 0, SIO_ETOOBIG if meanwhile too much was dropped, or what sending says. */
int sio__recovery_welcome(sio_socket *s);
const char *sio__recovery_pid(const sio_socket *s); /* NULL: none */
void sio__recovery_joined(sio_socket *s);           /* CONNECT is queued */
void sio__recovery_refused(sio_socket *s);          /* the host does not want it */
void sio__recovery_dropped(sio_socket *s);          /* it was never let in */
void sio__recovery_leave(sio_socket *s, int reason);
void sio__recovery_pack(sio_socket *s); /* before its rooms are left */
void sio__recovery_stow(sio_socket *s); /* after the host's last word */

#endif
