/* SPDX-License-Identifier: MIT
 *
 * host.h - the program that uses the library: options, handlers, and what they do.
 *
 * Every callback goes through host_called(), which checks the contract that all callbacks have and
 * then lets the host do something (host_act.c): any public call there is.
 */
#ifndef SIO_SIM_HOST_H
#define SIO_SIM_HOST_H

#include "check.h"
#include "draw.h"
#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/redis.h>
#include <sio/sio.h>
#include <sio/threads.h>

enum {
  OWED = 64,
  SOCKETS = 1024,
  QUESTIONS = 512,
  SESSIONS = 128,
  PLAIN = 64,
  NSPS = 16,
  HELD = 512,
  MEMBERS = 4
};

struct host_socket {
  sio_socket *s;
  struct ledger *ledger;
};

/* A callback that must run exactly once. */
struct question {
  bool open;
  unsigned runs;
  const struct ledger *until_sent; /* it runs when all that this one is sent before has left */
  const char *what;
  int member;                 /* who asked, and is to be answered */
  uint64_t asked_us, time_us; /* it ends in time_us, see end_of_question(); 0: it may take longer */
  bool must_end;              /* no peer can keep it open */
};

/* A server and what the host has of it. A life has one server, or several that are members of one
 * sio_threads, or that meet on a Redis as servers of several processes do: then each has a loop of
 * its own. */
struct member {
  sio_server *srv;  /* NULL: it is gone */
  sio_redis *redis; /* NULL: there is none, or the host has freed it */
  sio_redis_adapter_options adapter;
  bool closing, draining;
  sio_nsp *nsps[NSPS];
  int nnsps;
  bool parent[NSPS];
  sio_next *nexts[OWED];
  sio_ack *acks[OWED];
  sio_request *requests[OWED];
  int nnexts, nacks, nrequests;
  sio_next *held[HELD]; /* verdicts of packet middleware that holds_events */
  int nheld;
  struct host_socket sockets[SOCKETS];
  int nsockets;
  sio_session *sessions[SESSIONS];
  int nsessions;
  sio_ws *plain[PLAIN];
  int nplain;
  unsigned raws; /* sessions of the engine without Socket.IO that are open */
};

struct host {
  struct member members[MEMBERS];
  int nmembers;
  struct member *here;  /* whose callback runs */
  sio_threads *threads; /* NULL: there is one server, or the host needs it no more */
  sio_options opts;
  bool starting;
  bool calm;         /* settles what it owes at once, and does nothing of its own accord */
  unsigned sending;  /* > 0: inside a call that sends, where nothing of the host's may run */
  unsigned depth;    /* of callbacks within callbacks     */
  uint32_t acts;     /* does something once in so many callbacks      */
  bool settles_late; /* what it owes it pays when something ends */
  bool holds_events; /* its packet middleware answers when it grows calm */
  bool clustered;    /* cluster.h: one sio_threads, connected with a Redis */
  bool upgraders;    /* most peers upgrade while limits keep the server from handling POSTs */
  bool full_returns; /* clients return while their queues are full (draw_full_returns()) */
  bool proxied;      /* a PROXY header stands before all that comes */
  uint32_t violence; /* ... and of that once in so many, it ends something */
  struct question questions[QUESTIONS];
  int nquestions;
  uint64_t paid_at;           /* when a verdict was last given later */
  unsigned named;             /* sessions, by generate_id */
  uint64_t number;            /* of the last event sent */
  uint64_t posted, posts_run; /* to all threads */
  uint64_t connects, disconnects;
  uint64_t turn_work; /* what the host asked for in this turn */
  uint64_t turn_bytes;
  size_t sent_bytes;  /* that its own events hold at most, ever */
  size_t caused[128]; /* the same, asked for while the server was busy with that peer */
};
extern struct host host;
/* For all lives of the process: servers meet on threads instead; a life without Redis ends before
 * its servers are made. */
extern bool without_redis, only_redis;

/* 0, or a code: then there is no server. */
int host_start(void);
void host_calm(void);
void host_close(void);
int host_member(void);
/* Is a server there? Is one about to end, or has one ended? */
bool host_lives(void);
bool host_is_ending(void);
/* Calls fn for every server that is there, as if a callback of it ran. */
void host_for_each_member(void (*fn)(void));
/* What it does by itself, between two turns. */
void host_idle(void);
void host_end_turn(void);
/* All that callbacks owe has been paid. */
void host_check_end(void);

/* How long the content of an event is, by its number. */
size_t host_pad_of(uint64_t number);

size_t host_memory_bound(void);
size_t host_caused_bound(unsigned peer);
uint64_t host_turn_work(void);
/* Has it owed a verdict since then? */
bool host_keeps_waiting(uint64_t since);

/* ---- between the files of the host -------------------------------------------------- */

static inline bool often(void) { return draw(2); }
static inline bool seldom(void) { return draw(6) == 5; }

/* host_options.c */
void host_draw_options(void);

/* host_callbacks.c */
/* names: sessions get their ids from the host. asks: it decides on each first request. */
void host_handle_options(sio_options *o, bool names, bool asks);
int host_make_nsps(void);
void host_handle_sessions(void);
void host_handle_requests(void);

/* host_redis.c */
void host_redis_draw(void);         /* how they meet, if they do */
bool host_redis_draw_cluster(void); /* members of one sio_threads have one; false: there is none */
void host_redis_connect_threads(void); /* host.here is the one that has it */
bool host_each_listens(void);          /* each server has listeners of its own */
void host_redis_start(sio_options *o); /* of the server that is about to be made */
void host_redis_idle(void);            /* between two turns */
void host_redis_act(void);             /* what only such a host does */
void host_redis_gone(void);            /* the server of host.here is */
void host_redis_check_settled(void);
void host_redis_check_end(void);
uint64_t host_redis_counted(int member);   /* events that it counts as lost */
bool host_redis_is_sure(int from, int to); /* what one sends now has to reach the other */

/* Something calls the host: what; s may be NULL. */
void host_called(const char *what, sio_socket *s);
/* The same where nothing may be done. */
void host_looked_at(const char *what);
/* s may be NULL. */
void host_act(sio_socket *s);
void host_post(void);
struct question *host_ask(const char *what);
/* Is an on_sent() of this socket's open? */
bool host_asks_still(const struct ledger *l);
void host_answered(struct question *q);
/* Questions that must have ended by now have. */
void host_check_settled(void);
/* To whom a target goes; s may be NULL. */
struct aim host_aim_of(const sio_target *to, const sio_socket *s);
struct host_socket *host_find(const sio_socket *s);
/* Of a name, or of all that the socket is in: bits. */
unsigned host_room(const char *name);
unsigned host_rooms_of(const sio_socket *s);
void host_owe_next(sio_next *next);
void host_settle_one(void);
/* A broadcast to everybody. */
void host_send_canary(void);
/* None is open for longer than it may be. */
void host_check_questions(void);
void host_settle_all(void);
/* Where its user has gone, if it is such a host. */
void host_settle_at_an_end(void);
/* An event of another member is broadcast to the sockets that are here. */
void host_note_foreign(const sio_target *to, uint64_t number, bool asks);
/* Events of peers wait for packet middleware. */
bool host_holds_events(void);
void host_fill_queues(void); /* with questions, to some of the sockets */

#endif
