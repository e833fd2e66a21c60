/* SPDX-License-Identifier: MIT
 *
 * check.h - what must hold in every life.
 *
 * Each event that the host sends to a socket is numbered and noted in the socket's ledger, in the
 * order of the calls. An honest peer that receives one has it looked up: what was before it and did
 * not come is lost, unless the ledger says that it may be.
 */
#ifndef SIO_SIM_CHECK_H
#define SIO_SIM_CHECK_H

#include "kernel.h"
#include <sio/sio.h>

enum { ID_SIZE = 300 };

/* What may become of an event. */
enum entry_kind {
  ENTRY_DUE,      /* it must come                                                  */
  ENTRY_QUESTION, /* it must come, but is not sent again after a break (recovery)  */
  ENTRY_OPTIONAL  /* it is volatile, or of a kind that when_full may drop          */
};

struct entry {
  uint64_t number;
  enum entry_kind kind;
};

struct ledger {
  struct ledger *next;
  char id[ID_SIZE];  /* the socket's                                       */
  struct peer *peer; /* who has it; NULL: its CONNECT reply is not here yet */
  struct entry *entries;
  size_t n, room, seen; /* entries before seen have come, or were passed over */
  /* Broadcasts that the host could not note, as it did not know the socket: until `since`, and
   * while it was away. The last of them that came is `unnoted`. */
  uint64_t since, away_from, away_to, unnoted;
  bool skips;        /* what the peer says may have a gap: the connection broke */
  uint64_t heard;    /* how many numbered events of the peer the host heard */
  bool open, closed; /* its connect callbacks ran; its disconnect callbacks did */
  bool strict;       /* nothing was lost on the way: no reset, no lack of memory */
};

void check_begin(void);
void check_end(void);

struct ledger *ledger_of(const char *id); /* made if there is none */
struct ledger *ledger_find(const char *id, size_t n);
/* The socket has disconnected, or is back as who it was. */
void ledger_broken(struct ledger *l);
/* Its socket ends; what is said of its peer must be true. */
void ledger_accused(const struct ledger *l, const sio_close_info *why, const sio_options *o);
void ledger_mended(struct ledger *l);
/* Another socket with the id of one that has left. */
struct ledger *ledger_again(struct ledger *l);
/* The host has sent event `number`. */
void ledger_sent(struct ledger *l, uint64_t number, enum entry_kind kind);
/* The peer has received it. */
void ledger_received(struct ledger *l, uint64_t number);
/* What was sent so far may have come while its peer did not listen to that namespace. */
void ledger_excuse(struct ledger *l);
/* All that had to come has come. */
void ledger_settled(const struct ledger *l);
/* The host hears the n-th numbered event of the peer. */
void ledger_heard(struct ledger *l, uint64_t n);

/* After each turn, while the server is there. */
void check_turn(const sio_server *srv, const sio_options *o);
/* When the server is there, and everybody has left. */
void check_rest(const sio_server *srv);
/* When all is over. */
/* Peers that went without a word have been noticed. */
void check_no_ghosts(const sio_server *srv, unsigned plain);
void check_nothing_left(void);

#endif
