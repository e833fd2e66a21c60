/* SPDX-License-Identifier: MIT
 *
 * peer.h - who talks to the server. A peer is a table of functions and a block of state; what it
 * is told comes between two turns of the loop, or while the loop waits.
 *
 * To add a kind: fill in a struct peer_kind in a file of its own, declare it below, and name it in
 * the table of peer.c with its weight.
 */
#ifndef SIO_SIM_PEER_H
#define SIO_SIM_PEER_H

#include "kernel.h"

enum { PEERS = 24 };

/* How a peer's own end behaves, whatever it says. */
enum reading { READS_ALL, READS_SLOWLY, READS_NOTHING };

struct peer;
struct peer_kind {
  const char *name;
  size_t size;                                   /* of its state, zeroed                         */
  void (*start)(struct peer *p);                 /* it comes                                     */
  void (*step)(struct peer *p);                  /* its time has come: see wake                  */
  void (*data)(struct peer *p, struct wire *w);  /* something can be read                        */
  void (*ended)(struct peer *p, struct wire *w); /* the server ended this wire; not told twice   */
  void (*stop)(struct peer *p);                  /* the last call: frees what its state points to */
  void (*calm)(struct peer *p);    /* from now on it behaves as well as it can; may be NULL      */
  void (*settled)(struct peer *p); /* time enough has passed: has it all it waits for? Or NULL   */
};

struct peer {
  const struct peer_kind *kind;
  void *state;
  unsigned number; /* from 1                                                   */
  uint64_t wake;   /* when its next step is due; NEVER                         */
  uint64_t sip_at; /* when it reads a little again; NEVER                      */
  bool here;       /* false: it has gone, or has not come                      */
  uint64_t left_at;
  enum reading reading;
  uint32_t breaks;  /* it breaks a rule once in so many chances; 0: it is honest */
  uint32_t leaves;  /* it goes away once in so many steps, in whatever way      */
  unsigned port;    /* PORT_PLAIN, PORT_TLS, PORT_UNIX */
  unsigned server;  /* whose, where each listens for itself */
  uint32_t address; /* IPv4                                                     */
  uint32_t delay_us, jitter_us;
  uint64_t line_since; /* when its line became as it is */
  size_t room;
  bool crooked;  /* it has broken a rule: nothing is owed to it any more     */
  uint64_t sent; /* bytes it has written                                     */
};

void peers_begin(void);
void peers_end(void);
unsigned peer_number(const struct peer *p); /* 0 for NULL */
struct peer *peer_by_number(unsigned number);
unsigned peers_count(void);
/* Those who are here, and those who left since then. */
unsigned peers_here_since(uint64_t then);
/* How many bytes the one that has sent most has sent, of those who are here. */
uint64_t peers_most_sent(void);

/* A new peer of a drawn kind. */
void peers_invite(void);
void peers_calm(void);
void peers_settled(void);
void peers_leave(void); /* all go, one way or another */
bool peers_gone(void);

/* For the loop. */
uint64_t peers_next(void);
void peers_step(void);

/* For the kernel. */
void peer_data(struct peer *p, struct wire *w);
void peer_ended(struct peer *p, struct wire *w);

/* For kinds. */
struct wire *peer_connect(struct peer *p);
void peer_say(struct peer *p, struct wire *w, const void *bytes, size_t n);
void peer_sleep(struct peer *p, uint64_t us);
/* It hangs up every wire, in a drawn way, and is no longer here. */
void peer_leave(struct peer *p);
/* A chance to break a rule: true once in a while for one that does; then it is crooked. */
bool peer_breaks(struct peer *p);

extern const struct peer_kind
    peer_socketio;                        /* peer_socketio.c: Engine.IO and Socket.IO, all ways */
extern const struct peer_kind peer_hasty; /* the same, that joins twice in a row */
extern const struct peer_kind peer_restless; /* the same, with unusual use of its connections */
extern const struct peer_kind peer_half;  /* peer_half.c: half-closes behind its request         */
extern const struct peer_kind peer_crowd; /* peer_crowd.c: one in many namespaces                */
extern const struct peer_kind peer_files; /* peer_files.c: files of the host's                   */
extern const struct peer_kind peer_restless_raw; /* the same, as peer_restless */
extern const struct peer_kind peer_raw; /* peer_raw.c: Engine.IO without Socket.IO             */
extern const struct peer_kind peer_returning; /* peer_returning.c: breaks off and comes back */
extern const struct peer_kind peer_plain; /* peer_plain.c: routes and plain WebSockets           */
extern const struct peer_kind peer_hoarder; /* peer_hoarder.c: makes the server keep things      */

#endif
