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
 *                                                                       sio_packet_broadcast()
 *     sio_broadcast_ack     broadcast       the same, and a number      sio_query_new() first; the
 *                                                                       count and the replies back
 *     sio_all_join, _leave  all_join ...    target, rooms               sio_all_join() ...
 *     sio_all_disconnect    all_disconnect  target, session             sio_all_disconnect()
 *     sio_all_fetch         fetch           target, and a number        sio_all_fetch(); the list
 *                                                                       back
 *     sio_server_side_emit  server_emit     sio_packet_info, a number   sio_server_side_receive();
 *                                                                       the ack back
 *     sio_server_count      server_count    nothing, or a question
 *
 * A target travels as its rooms, its except with the id of `skip` added, its flags and its key;
 * with SIO_LOCAL it does not.
 *
 * What comes from another server is for all threads of this process (threads.h): it is applied with
 * sio_packet_broadcast(), sio_all_join() ..., and with a target that has SIO_PROCESS.
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
typedef struct sio_restore sio_restore;           /* see "recovery" below */
typedef struct sio_saved_socket sio_saved_socket; /* see "recovery" below */

enum sio_adapter_flags {
  /* There is no other server: broadcasts fail with SIO_ECLOSED while this one closes. */
  SIO_ADAPTER_ONE_SERVER = 1,
  /* The adapter, not the library, keeps lost sockets and the events that they miss, and gives
   * events their offsets. persist and restore must be set. See "recovery" below. */
  SIO_ADAPTER_RECOVERS = 2
};

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
  /* The bulk verbs, on every server unless SIO_LOCAL. The rooms' names are valid. */
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
  unsigned flags; /* enum sio_adapter_flags */

  /* ---- connection state recovery; see "recovery" below ---- */

  /* With SIO_ADAPTER_RECOVERS: keeps a socket whose connection broke, or which was found by restore
   * and did not join after all. */
  void (*persist)(sio_adapter *a, const sio_saved_socket *s);
  /* With SIO_ADAPTER_RECOVERS: the socket with this pid will not be recovered any more: it was
   * disconnected, or refused. */
  void (*forget)(sio_adapter *a, const char *pid);
  /* A client asks for a socket that this server does not have. The adapter looks for it, and
   * answers with sio_restore_done(), at once or later. */
  void (*restore)(sio_adapter *a, sio_restore *r);
  /* Called once for each restore: the client has joined, or never will. r is freed afterwards. */
  void (*restore_over)(sio_adapter *a, sio_restore *r);
  /* sio_socket_set_shared() has changed the data of a socket. */
  void (*shared_changed)(sio_adapter *a, sio_socket *s);
  /* The host disconnects the socket, and it is about to be told: an adapter that delays events
   * sends it those that it has for it now. */
  void (*leaving)(sio_adapter *a, sio_socket *s);
} sio_adapter_ops;

SIO_EXTERN extern const sio_adapter_ops sio_adapter_memory;

/* True if the server is one of several threads (threads.h): other threads may have sockets in rooms
 * that the memory adapter of this one does not know. */
SIO_EXTERN bool sio_adapter_has_threads(const sio_nsp *nsp);

/* ---- packets ------------------------------------------------------------------------- */

/* Queues the packet for one socket, and with it the question, if it is one. Answers as sio_emit()
 * does. */
SIO_EXTERN int sio_packet_deliver(const sio_packet *p, sio_socket *s, unsigned flags);
/* The event in a packet, as an adapter sends it to other servers. Its fields are valid as long as
 * the packet. */
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
/* Makes a packet of an event that another server sent. json and bins are borrowed until
 * sio_packet_free(). `to` is the target that the packet will be sent to. Its nsp, flags and key are
 * used; with connection state recovery also its rooms and except, because this call then keeps the
 * event for sockets of the target that return later: make one packet for each target. q is the
 * query that collects the acks (sio_query_new()), or NULL. SIO_EJSON: json is not an event.
 * SIO_ENAME, SIO_EPLACEHOLDER, SIO_EDEPTH, SIO_ETOOBIG, UV_ENOMEM. */
SIO_EXTERN int sio_packet_new(const sio_target *to, sio_slice json, const sio_slice *bins,
                              size_t nbins, sio_query *q, sio_packet **out);
SIO_EXTERN void sio_packet_free(sio_packet *p); /* NULL is fine */
/* Sends a packet of sio_packet_new() to the sockets of this process that the target names, those of
 * other threads included. to->flags must contain SIO_PROCESS. The same as the memory adapter's
 * broadcast, unless the server is one of several threads. */
SIO_EXTERN int sio_packet_broadcast(const sio_packet *p, const sio_target *to);

/* The same with an offset, for adapters with SIO_ADAPTER_RECOVERS: clients get it as one more
 * argument. It has at most 63 characters, which are printable ASCII without '"' and '\\'. {NULL,0}:
 * none. SIO_EPROTO: it has others. */
SIO_EXTERN int sio_packet_new_at(const sio_target *to, sio_slice json, const sio_slice *bins,
                                 size_t nbins, sio_query *q, sio_slice offset, sio_packet **out);
/* A copy that outlives the call of broadcast(), to be sent later and freed with sio_packet_free().
 * The encoded bytes are shared. If the packet has a query, the caller holds it as long as it keeps
 * the copy (sio_query_hold()). UV_ENOMEM. */
SIO_EXTERN int sio_packet_copy(const sio_packet *p, sio_packet **out);

/* ---- recovery -----------------------------------------------------------------------------------
 *
 * sio_options.recovery lets a client whose connection broke become the same socket again. Without
 * an adapter's help the library keeps lost sockets, and a log of events, in the memory of this
 * server. An adapter can take part in two ways.
 *
 * 1. It sets `restore` alone. The library keeps its own sockets as before. If a client names a pid
 *    that is not known here, the adapter asks the others. The library gives the events that
 *    sio_restore_event() adds offsets of its own.
 *
 * 2. It has SIO_ADAPTER_RECOVERS as well, and keeps everything. The library has no log then. It
 *    calls `persist` when a connection breaks. Every event that a client may have to be sent again,
 *    also one of sio_emit(), goes through `broadcast` without SIO_LOCAL, to the room of the
 *    client's id; the adapter delivers it with its offset (sio_packet_new_at()), now or later, and
 *    an event that it does not keep (volatile ones, those with SIO_LOCAL, those with acks) with
 *    none. For the order of events all others to a single client go through `broadcast` as well,
 *    with SIO_LOCAL.
 *
 * The answer to a restore:
 *
 *     sio_restore_found(r, &saved);                    the socket; then, in order,
 *     sio_restore_event(r, json, bins, nbins, offset); each event that it missed
 *     sio_restore_done(r, 0);
 *
 * or sio_restore_done() with a cause. The CONNECT of the client waits meanwhile, at most
 * sio_options.request_timeout_ms. Between sio_restore_done() and restore_over the client may wait
 * for middleware: events for it that are broadcast meanwhile are added with sio_restore_event(), in
 * the order in which others are sent them. restore_over may come at any time: the client is gone,
 * or the time is up. If the adapter has called sio_restore_found(), the library calls persist
 * before it, unless the client has joined or was refused; with an adapter of the first kind it
 * keeps the socket itself. What the adapter took out of its store and has not handed over with
 * sio_restore_found() it puts back by itself. */

/* All is borrowed for the call. */
struct sio_saved_socket {
  const char *id, *pid;
  const char *const *rooms; /* NULL-terminated, without the room of its own id */
  sio_slice shared;         /* sio_socket_shared() */
  const void *data;         /* the bytes of sio_socket_data(), or NULL: they become zero */
  size_t data_size;
};

/* The pid and the offset that the client sent, unchecked. They are valid until restore_over has
 * returned. */
typedef struct sio_restore_info {
  /* Set by the caller to sizeof(sio_restore_info); 0 stands for the size of version 0.1. */
  size_t size;
  sio_slice pid;
  sio_slice offset; /* of the last event that it received */
  bool has_offset;  /* false: it has received none */
} sio_restore_info;
/* Fills in the first out->size bytes of *out. */
SIO_EXTERN void sio_restore_get_info(const sio_restore *r, sio_restore_info *out);
/* Hands over the socket. SIO_EPROTO: the ids are malformed. SIO_EEXISTS: it is connected to this
 * server. UV_EINVAL: one was found before. UV_ENOMEM. After an error the adapter calls
 * sio_restore_done() with a cause. */
SIO_EXTERN int sio_restore_found(sio_restore *r, const sio_saved_socket *s);
/* After sio_restore_found(). offset: as for sio_packet_new_at(); not used without
 * SIO_ADAPTER_RECOVERS. The library notes errors, so they can be ignored: the client is not
 * recovered, since an event would be missing. SIO_ETOOBIG: more was missed than may wait for a peer
 * (max_queued, queue_high). */
SIO_EXTERN int sio_restore_event(sio_restore *r, sio_slice json, const sio_slice *bins,
                                 size_t nbins, sio_slice offset);
/* Ends the answer: 0 after sio_restore_found(), or why the socket is not recovered: of enum
 * sio_recovery_failure (stats.h). The client joins, or the middleware runs, at the end of the turn.
 */
SIO_EXTERN void sio_restore_done(sio_restore *r, int cause);
/* The pid of a socket, or NULL: it cannot be recovered. */
SIO_EXTERN const char *sio_socket_pid(const sio_socket *s);
/* sio_options.recovery.max_disconnection_ms, or 0: recovery is off. */
SIO_EXTERN unsigned sio_adapter_recovery_ms(const sio_nsp *nsp);

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
 * into sio_packet_broadcast(); then sio_query_when_counted() tells the count to send back, and
 * sio_query_release() ends the asking. reply runs for each ack; end once, with 0, SIO_ETIMEOUT or
 * SIO_ECLOSED. Both run from the loop. timeout_ms 0: the default. */
typedef struct sio_query_watch {
  void (*reply)(const char *id, sio_slice json, const sio_slice *bins, size_t nbins, void *user);
  void (*end)(int status, size_t lost, void *user); /* lost: who was asked and did not answer */
} sio_query_watch;
SIO_EXTERN int sio_query_new(sio_nsp *nsp, unsigned timeout_ms, const sio_query_watch *watch,
                             void *user, sio_query **out);

/* Calls cb(expected, user) once, with the user of sio_query_new(), when all threads of this process
 * have asked their sockets: at once, if there is only this thread; later from the loop, and before
 * `end`, if there are others. expected is the count to send back. */
SIO_EXTERN void sio_query_when_counted(sio_query *q, void (*cb)(size_t expected, void *user));

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
