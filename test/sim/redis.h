/* SPDX-License-Identifier: MIT
 *
 * redis.h - a server of Redis in the simulated world: the commands that lib/redis sends, over wires
 * of the simulated kernel, and what a real one does to its clients. It is slow, refuses commands,
 * cuts connections, stops, restarts with its memory or without, and does not read.
 */
#ifndef SIO_SIM_REDIS_H
#define SIO_SIM_REDIS_H

#include "peer.h"
#include <stdbool.h>
#include <stdint.h>

struct redis {
  bool on;
  uint32_t lookup_fails; /* a name is not resolved, or a descriptor is missing: once in so many  */
  uint32_t errors;       /* a command is answered with an error: once in so many; 0: never       */
  uint32_t slow;         /* a connection is slow before a command                                */
  uint32_t breaks;       /* a connection is cut when an entry for a stream comes: once in so many */
  uint32_t split;        /* a reply arrives in two parts                                         */
  uint32_t peace_ms;     /* at most so long between two troubles; 0: there are none              */
  uint32_t delay_us, jitter_us;
  uint32_t detours;       /* a connection has a longer delay: once in so many                     */
  size_t room;            /* bytes that a connection takes before it is read                      */
  uint64_t trouble_at;    /* NEVER: there is no more                                              */
  uint64_t down_until;    /* nobody listens                                                       */
  uint64_t silent_until;  /* nothing answers a connection                                         */
  uint64_t stopped_until; /* no command is executed                                               */
  unsigned troubles;      /* ever, errors included                                                */
  unsigned losses;        /* restarts without the memory, and entries that were trimmed           */
  unsigned connections;   /* ever */
};
extern struct redis redis;
extern struct peer redis_peer; /* for its wires; it is none of those in peer.c */

void redis_begin(void);
void redis_draw(void); /* this life has one; how it behaves */
void redis_calm(void); /* it behaves as well as it can */
void redis_end(void);

/* For the loop. */
uint32_t redis_delay_us(void);
/* What becomes of an attempt to connect is decided; it is made: 0 or UV_ECONNREFUSED. */
bool redis_decides(void);
int redis_accept(struct wire *w);
uint64_t redis_next(void);
void redis_step(void);

#endif
