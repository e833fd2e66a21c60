/* SPDX-License-Identifier: MIT
 *
 * adapter.h - who is in which room, and how a broadcast finds its receivers.
 *
 * Each namespace has one adapter. The one in the library keeps rooms in memory and
 * reaches the sockets of this process. An adapter that spans servers fills the same table, keeps
 * the local part by calling the memory adapter's functions (sio_adapter_memory), and adds what it
 * exchanges with the other servers:
 *
 *     host calls            slot            travels                     and there
 *     sio_broadcast         broadcast       target, sio_packet_info     sio_packet_new(), then
 *                                                                       memory's broadcast
 *     sio_broadcast_ack     broadcast       the same, and a number      sio_query_new() first; the
 *                                                                       count and the replies back
 *     sio_all_join, _leave  all_join ...    target, rooms               memory's all_join ...
 *     sio_all_disconnect    all_disconnect  target, session             memory's all_disconnect
 *     sio_all_fetch         fetch           target, and a number        sio_all_fetch() with
 *                                                                       SIO_LOCAL; the list back
 *     sio_server_side_emit  server_emit     sio_packet_info, a number   sio_server_side_receive();
 *                                                                       the ack back
 *     sio_server_count      server_count    nothing, or a question
 *
 * A target travels as its rooms, its except with the id of `skip` added, its flags and its key;
 * with SIO_LOCAL it does not.
 *
 * All slots are called on the loop's thread, and so is everything below. No slot may call the
 * host's handlers but through sio_room_tell(). Arguments are borrowed for the call.
 */
#ifndef SIO_ADAPTER_H
#define SIO_ADAPTER_H

#include <sio/emit.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sio_adapter
    sio_adapter;                      /* the adapter's own struct for one namespace               */
typedef struct sio_packet sio_packet; /* one encoded event, shared by all receivers            */

typedef struct sio_adapter_ops {
  /* sizeof(sio_adapter_ops); 0: the size that the table had in version 0.1. */
  size_t size;
  /* A namespace was made: makes the adapter for it. user is sio_options.adapter_user. The library
   * passes *out to the other functions, until close. After an error sio_of() fails with it. What
   * takes time, such as connecting, goes on after the call; the adapter itself logs its failure. */
  int (*open)(sio_nsp *nsp, void *user, sio_adapter **out);
  /* The last call; for a child of a parent (nsp.h) it comes when it is empty, right after shut.
   * Sockets have left, every query is over: the adapter releases those it holds. */
  void (*close)(sio_adapter *a);
  /* Called once for each change, with a valid name, and not for the room of a socket's own id (see
   * arrive). join returns 0, or UV_ENOMEM if the socket has not joined. Both report the change to
   * the host with sio_room_tell(). */
  int (*join)(sio_adapter *a, sio_socket *s, const char *room);
  void (*leave)(sio_adapter *a, sio_socket *s, const char *room);
  /* Removes a socket that leaves the namespace from every room; also one that never connected. */
  void (*leave_all)(sio_adapter *a, sio_socket *s);
  bool (*in_room)(const sio_adapter *a, const sio_socket *s, const char *room);
  void (*rooms)(const sio_adapter *a, const sio_socket *s, void (*cb)(const char *room, void *user),
                void *user);
  /* Sends p to whom the target names, with sio_packet_deliver() for each local socket. If
   * sio_packet_info.query is not NULL acks are asked for: local ones come by themselves; for other
   * servers the adapter holds the query, and hands it what they answer. An error: nothing was sent,
   * and the query is over. */
  int (*broadcast)(sio_adapter *a, const sio_target *to, const sio_packet *p);
  /* Calls visit once for each local socket that the target names. visit may make this socket join
   * or leave rooms, and disconnect it. */
  int (*each)(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *s, void *user),
              void *user);
  /* The bulk verbs, on every server unless SIO_LOCAL. The rooms' names are not checked yet. */
  int (*all_join)(sio_adapter *a, const sio_target *to, const char *const *rooms);
  int (*all_leave)(sio_adapter *a, const sio_target *to, const char *const *rooms);
  int (*all_disconnect)(sio_adapter *a, const sio_target *to, bool session);

  /* ---- these may be NULL: one server, that tells of no rooms ---- */

  /* arrive: the socket has connected and is in the room of its own id. depart: it has left that
   * room, after leave_all. */
  void (*arrive)(sio_adapter *a, sio_socket *s);
  void (*depart)(sio_adapter *a, sio_socket *s);
  /* Rooms with members here, own ones included, each once. */
  void (*all_rooms)(const sio_adapter *a, void (*cb)(const char *room, size_t members, void *user),
                    void *user);
  size_t (*room_size)(const sio_adapter *a, const char *room);
  /* Asks the OTHER servers which sockets of theirs the target names. The sockets of this server are
   * in q already. The adapter calls sio_query_hold() for each server that it asks and, when the
   * server answers, sio_query_remote() for each socket and then sio_query_release(). Not called
   * with SIO_LOCAL. If it returns an error, sio_all_fetch() fails with that error. */
  int (*fetch)(sio_adapter *a, const sio_target *to, sio_query *q);
  /* Sends an event to the other servers. q is NULL if no acks are wanted. Otherwise the adapter
   * calls sio_query_expect() with the number of servers, and sio_query_reply() for each answer. */
  int (*server_emit)(sio_adapter *a, const sio_packet *p, sio_query *q);
  /* Adds the number of OTHER servers to q with sio_query_expect(), at once or, if the adapter holds
   * q, later. */
  int (*server_count)(sio_adapter *a, sio_query *q);
  /* q has ended, by its timeout or because the server closes, while the adapter still holds it. The
   * adapter releases its holds and ignores answers that come later. */
  void (*query_over)(sio_adapter *a, sio_query *q);
  /* The server begins to close, or the namespace, a parent's child, is gone: what keeps the loop
   * busy, as connections, is ended. close follows, turns later in the first case. */
  void (*shut)(sio_adapter *a);
  /* How many rooms have members here, own ones not counted: for sio_stats. */
  size_t (*room_count)(const sio_adapter *a);
} sio_adapter_ops;

SIO_EXTERN extern const sio_adapter_ops sio_adapter_memory;

/* ---- packets ------------------------------------------------------------------------- */

/* Queues the packet for one socket, and with it the question, if it is one. Answers as sio_emit()
 * does. */
SIO_EXTERN int sio_packet_deliver(const sio_packet *p, sio_socket *s, unsigned flags);
/* What an adapter sends to other servers. Everything is valid as long as the packet. */
typedef struct sio_packet_info {
  /* Set by the caller to sizeof(sio_packet_info); 0 stands for the size of version 0.1. */
  size_t size;
  /* The event as a JSON array: ["event",arguments...]. {"_placeholder":true,"num":k} stands for
   * bins[k]. */
  sio_slice json;
  /* The attachments. */
  const sio_slice *bins;
  size_t nbins;
  /* Collects the acks; NULL: no acks are asked for. */
  sio_query *query;
} sio_packet_info;
/* Fills in the first out->size bytes of *out. UV_ENOMEM: json and bins are empty, and only query is
 * set. The first call for a packet allocates memory if the packet has attachments, or if connection
 * state recovery is on. */
SIO_EXTERN int sio_packet_get_info(const sio_packet *p, sio_packet_info *out);
/* A packet out of what another server sent; json and bins are borrowed until sio_packet_free(). to
 * is the target that the packet will be sent to: its nsp, flags and key are used, and with
 * connection state recovery its rooms and except as well, since the packet is kept here, once, for
 * sockets of this target that return later. q: of sio_query_new(), or NULL. SIO_EJSON: it is no
 * event. SIO_ENAME, SIO_EPLACEHOLDER, SIO_EDEPTH, SIO_ETOOBIG, UV_ENOMEM. */
SIO_EXTERN int sio_packet_new(const sio_target *to, sio_slice json, const sio_slice *bins,
                              size_t nbins, sio_query *q, sio_packet **out);
SIO_EXTERN void sio_packet_free(sio_packet *p); /* NULL is fine */

/* ---- queries: questions to many, while they are open --------------------------------------------
 *
 * A query ends by itself once nobody holds it and as many have answered or are lost as were
 * expected; or when its time is up, or the server closes: then query_over says so to who still
 * holds it, and what comes later is ignored. It may be used as long as it is held, so an adapter
 * that asks other servers holds it until all has come that it waits for. Nothing here calls the
 * host. */

/* Keeps q valid until sio_query_release() is called once more. */
SIO_EXTERN void sio_query_hold(sio_query *q);
/* Gives one hold back; the caller does not use q afterwards. err is 0, or says why an answer did
 * not come (SIO_ETIMEOUT, ...): the first such error becomes the status that the host gets. */
SIO_EXTERN void sio_query_release(sio_query *q, int err);

/* The state of a query. */
typedef struct sio_query_info {
  /* Set by the caller to sizeof(sio_query_info); 0 stands for the size of version 0.1. */
  size_t size;
  /* How many sockets (or servers) have been asked. */
  size_t expected;
  /* The time for the answers, in milliseconds: as the host gave it, or the default; never 0. */
  unsigned timeout_ms;
  /* The query has ended, and answers are ignored. */
  bool over;
} sio_query_info;
/* Fills in the first out->size bytes of *out. */
SIO_EXTERN void sio_query_get_info(const sio_query *q, sio_query_info *out);

/* The same as a value: sio_query_info_of(q).expected. */
static inline sio_query_info sio_query_info_of(const sio_query *q) {
  sio_query_info info;
  info.size = sizeof info;
  sio_query_get_info(q, &info);
  return info;
}

/* So many more sockets (or servers) are asked; so many of them will not answer. */
SIO_EXTERN void sio_query_expect(sio_query *q, size_t n);
SIO_EXTERN void sio_query_lost(sio_query *q, size_t n);
/* One reply: one JSON text and its attachments, copied; empty is null. id: the socket's; NULL: not
 * known. What is no JSON text counts as lost. */
SIO_EXTERN void sio_query_reply(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                                size_t nbins);
/* For fetch, one socket of another server: id, rooms, auth, data, handshake, copied. Empty texts
 * are "{}". */
SIO_EXTERN void sio_query_remote(sio_query *q, const sio_remote *r);

/* For broadcasts with acks that come from another server: q goes into sio_packet_new(), the packet
 * into the memory adapter's broadcast; then sio_query_info.expected is the count to send back, and
 * sio_query_release() ends the asking. reply runs for each ack; end once, with 0, SIO_ETIMEOUT or
 * SIO_ECLOSED. Both run from the loop. timeout_ms 0: the default. */
typedef struct sio_query_watch {
  void (*reply)(const char *id, sio_slice json, const sio_slice *bins, size_t nbins, void *user);
  void (*end)(int status, size_t lost, void *user); /* lost: who was asked and did not answer */
} sio_query_watch;
SIO_EXTERN int sio_query_new(sio_nsp *nsp, unsigned timeout_ms, const sio_query_watch *watch,
                             void *user, sio_query **out);

/* ---- server side emits ----------------------------------------------------------------------- */

/* What the adapter needs to find the asker again: any bytes, copied. */
typedef struct sio_return {
  unsigned char bytes[64];
} sio_return;
/* The host answers: one JSON text and its attachments. At most once, maybe inside
 * sio_server_side_receive(); never after close. */
typedef void (*sio_server_side_answer)(sio_adapter *a, const sio_return *to, sio_slice json,
                                       const sio_slice *bins, size_t nbins);
/* An event of another server: runs the handlers. answer NULL: no ack is asked for. SIO_EJSON,
 * SIO_EPLACEHOLDER, UV_ENOMEM ... */
SIO_EXTERN int sio_server_side_receive(sio_nsp *nsp, sio_slice json, const sio_slice *bins,
                                       size_t nbins, sio_server_side_answer answer,
                                       const sio_return *to);

/* ---- rooms ----------------------------------------------------------------------------------- */

enum sio_room_change { SIO_ROOM_CREATED, SIO_ROOM_JOINED, SIO_ROOM_LEFT, SIO_ROOM_REMOVED };
/* Runs the host's room hooks, which may change any room: the name must outlive them. */
SIO_EXTERN void sio_room_tell(sio_nsp *nsp, enum sio_room_change change, const char *room,
                              sio_socket *s);

#ifdef __cplusplus
}
#endif
#endif
