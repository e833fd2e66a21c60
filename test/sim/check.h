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
#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

enum { ID_SIZE = 300 };

/* What may become of an event. */
enum entry_kind {
  ENTRY_DUE,      /* it must come                                                  */
  ENTRY_QUESTION, /* it must come, but is not sent again after a break (recovery)  */
  ENTRY_OPTIONAL, /* it is volatile, or of a kind that when_full may drop          */
  ENTRY_ELSEWHERE /* it was sent to others of the namespace, and must not come     */
};

/* To whom a broadcast goes. Rooms are bits; `rooms` 0: everybody. After a break a socket is sent
 * what goes to the rooms that it was in when it left, as by socket.io-adapter, not what went to
 * those that it was in when the event was sent. */
struct aim {
  unsigned rooms, except;
  bool skipped; /* this socket is left out by name */
};

struct entry {
  uint64_t number;
  enum entry_kind kind;
  struct aim aim;
  bool came;
};

struct ledger {
  struct ledger *next;
  char id[ID_SIZE];  /* the socket's                                       */
  struct peer *peer; /* who has it; NULL: its CONNECT reply is not here yet */
  struct entry *entries;
  size_t n, room, seen; /* entries before seen have come, or were passed over */
  /* Broadcasts until `since` were not noted, as the host did not know the socket. The last of them
   * that came is `unnoted`. */
  uint64_t since, unnoted;
  char nsp[32];      /* of one that has left, and may come back, */
  unsigned rooms;    /* and the rooms that it was in             */
  bool skips;        /* what the peer says may have a gap: the connection broke */
  uint64_t heard;    /* how many numbered events of the peer the host heard */
  bool open, closed; /* its connect callbacks ran; its disconnect callbacks did */
  bool returned;     /* it came back as who it was */
};

void check_begin(void);
void check_end(void);

struct ledger *ledger_of(const char *id); /* made if there is none */
struct ledger *ledger_find(const char *id, size_t n);
struct ledger *ledger_first(void); /* of all, a list */
/* The socket has disconnected, or is back as who it was, in these rooms. */
void ledger_broken(struct ledger *l, unsigned rooms);
void ledger_mended(struct ledger *l, unsigned rooms);
/* Its socket ends; what is said of its peer must be true. */
void ledger_accused(const struct ledger *l, int protocol, const sio_close_info *why,
                    const sio_options *o);
/* Another socket with the id of one that has left. */
struct ledger *ledger_again(struct ledger *l);
/* The host has sent event `number`, to this socket alone. */
void ledger_sent(struct ledger *l, uint64_t number, enum entry_kind kind);
/* The same for a broadcast. */
void ledger_broadcast(struct ledger *l, uint64_t number, enum entry_kind kind, struct aim aim);
/* Does it go to a socket that is in these rooms? */
bool aim_includes(struct aim aim, unsigned rooms);
/* The peer has received it. */
void ledger_received(struct ledger *l, uint64_t number);
/* What was sent so far may have come while its peer did not listen to that namespace. */
void ledger_excuse(struct ledger *l);
/* All that had to come has come. */
void ledger_settled(const struct ledger *l);
/* The host hears the n-th numbered event of the peer. */
void ledger_heard(struct ledger *l, uint64_t n);

/* After each turn. srv: whose turn it was; NULL: it is gone. */
void check_turn(const sio_server *srv, const sio_options *o);
/* When the server is there, and everybody has left. */
void check_rest(const sio_server *srv);
/* When all is over. */
/* Peers that went without a word have been noticed. */
void check_no_ghosts(void);
void check_nothing_left(void);

#endif
