/* SPDX-License-Identifier: MIT
 *
 * adapter.h - how to write an adapter: it keeps the rooms, and finds the receivers of a broadcast.
 *
 * Each namespace has one adapter. That of the library, the memory adapter, keeps the rooms in
 * memory and reaches the sockets of one server. An adapter that connects several servers is a table
 * of functions (sio_adapter_ops), which sio_options.adapter names. It leaves the sockets of its own
 * server to the memory adapter, whose functions it calls, and exchanges messages with the other
 * servers:
 *
 *   call of the host        function        message to the         a server that receives it
 *                           of the table    other servers          calls
 *   ----------------------  --------------  ---------------------  -------------------------------
 *   sio_broadcast()         broadcast       target, event          packet_new(), packet_broadcast()
 *   sio_broadcast_ack()     broadcast       target, event, number  query_new() first; sends the
 *                                                                  count and the replies back
 *   sio_all_join(),         all_join,       target, rooms          sio_all_join(),
 *   sio_all_leave()         all_leave                              sio_all_leave()
 *   sio_all_disconnect()    all_disconnect  target, session        sio_all_disconnect()
 *   sio_all_fetch()         fetch           target, number         sio_all_fetch(); sends the list
 *                                                                  back
 *   sio_server_side_emit()  server_emit     event, number          server_side_receive(); sends
 *                                                                  the ack back
 *   sio_server_count()      server_count    number, or none        nothing; sends the number back
 *
 * The calls without "sio_" in the last column are members of sio_adapter_api, which the library
 * passes to the adapter's open function. The number in a message is one that the adapter chooses,
 * to recognise the answers.
 *
 * A message that contains a target contains its rooms, its except together with the id of its skip,
 * its flags and its key. A call with SIO_LOCAL is not sent to other servers. The server that
 * receives the message sets SIO_PROCESS in the flags of the target, so that the call is for all
 * threads of its process (threads.h) and for no other process.
 *
 * The library calls the functions of the table on the loop's thread, and the adapter makes all
 * calls of this header on that thread. A function of the table must not run handlers of the host,
 * except by room_changed(). Arguments are borrowed until the function returns.
 */
#ifndef SIO_ADAPTER_H
#define SIO_ADAPTER_H

#include <sio/emit.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sio_adapter sio_adapter; /* what the adapter keeps for one namespace          */
typedef struct sio_packet sio_packet;   /* one encoded event, which all receivers share      */
typedef struct sio_restore sio_restore; /* a client that returns, see "recovery" below       */
typedef struct sio_adapter_api sio_adapter_api;
typedef struct sio_saved_socket sio_saved_socket;

/* For sio_adapter_ops.flags. */
enum sio_adapter_flags {
  /* There are no other servers: once this server closes, broadcasts return SIO_ECLOSED. */
  SIO_ADAPTER_ONE_SERVER = 1,
  /* The adapter, and not the library, keeps lost sockets and the events that they miss, and gives
   * events their offsets. Needs persist and restore. See "recovery" below. */
  SIO_ADAPTER_RECOVERS = 2
};

/* The functions of an adapter. The table must outlive the servers that use it. Those from `arrive`
 * on may be NULL. */
typedef struct sio_adapter_ops {
  /* sizeof(sio_adapter_ops); 0: the size that the table had in version 0.1. */
  size_t size;

  /* Creates the adapter of a namespace that has just been created. The library passes *out to the
   * other functions until close. api is valid as long as the library is loaded. user is
   * sio_options.adapter_user. If open returns an error, sio_of() fails with this error, and close
   * is not called. Open must not wait: it may begin to connect, and what fails later is for the
   * adapter itself to log. */
  int (*open)(sio_nsp *nsp, const sio_adapter_api *api, void *user, sio_adapter **out);
  /* Frees the adapter. No function is called after it. All sockets have left and all queries are
   * over, but the adapter must release those that it still holds. */
  void (*close)(sio_adapter *a);

  /* A socket joins or leaves a room. Only called if this changes something, with a valid name, and
   * never for the room of the socket's own id. join returns 0, or UV_ENOMEM if the socket has not
   * joined. Both call room_changed(). */
  int (*join)(sio_adapter *a, sio_socket *s, const char *room);
  void (*leave)(sio_adapter *a, sio_socket *s, const char *room);
  /* Removes a socket that leaves the namespace from all its rooms. Also called for a socket that
   * never connected. */
  void (*leave_all)(sio_adapter *a, sio_socket *s);
  bool (*in_room)(const sio_adapter *a, const sio_socket *s, const char *room);
  /* Calls cb for each room that the socket has joined. */
  void (*rooms)(const sio_adapter *a, const sio_socket *s, void (*cb)(const char *room, void *user),
                void *user);

  /* Sends p to the sockets of the target: to those of this server with packet_deliver() or the
   * broadcast of the memory adapter, to those of other servers with a message. If
   * sio_packet_info.query is not NULL, the event asks for acks. The acks of this server's sockets
   * are then collected without the adapter; for those of other servers it holds the query and adds
   * their replies. After an error nothing was sent, and the query is over. */
  int (*broadcast)(sio_adapter *a, const sio_target *to, const sio_packet *p);
  /* Calls visit once for each socket of the target that is on this server. visit may make this
   * socket join and leave rooms, and disconnect it. */
  int (*each)(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *s, void *user),
              void *user);
  /* These do what the calls of emit.h with the same names do: for the sockets of the target on all
   * servers, or on this server alone if SIO_LOCAL is set. rooms is a NULL-terminated list of valid
   * names. */
  int (*all_join)(sio_adapter *a, const sio_target *to, const char *const *rooms);
  int (*all_leave)(sio_adapter *a, const sio_target *to, const char *const *rooms);
  int (*all_disconnect)(sio_adapter *a, const sio_target *to, bool session);

  /* ---- functions that may be NULL ---- */

  /* arrive: the socket has connected, and is in the room of its own id. depart: it has left that
   * room; called after leave_all. */
  void (*arrive)(sio_adapter *a, sio_socket *s);
  void (*depart)(sio_adapter *a, sio_socket *s);
  /* Calls cb once for each room that has members on this server, also for those of the sockets'
   * own ids. */
  void (*all_rooms)(const sio_adapter *a, void (*cb)(const char *room, size_t members, void *user),
                    void *user);
  /* The number of members that a room has on this server. */
  size_t (*room_size)(const sio_adapter *a, const char *room);

  /* Asks the other servers which of their sockets the target contains; those of this server are in
   * q already. The adapter calls query_hold() for each server that it asks. When that server
   * answers, it calls query_remote() for each socket, and then query_release(). Not called with
   * SIO_LOCAL. If fetch returns an error, sio_all_fetch() fails with this error. */
  int (*fetch)(sio_adapter *a, const sio_target *to, sio_query *q);
  /* Sends an event to the other servers. q is NULL if no acks are asked for. Otherwise the adapter
   * holds q, calls query_expect() with the number of servers, and query_reply() for each answer. */
  int (*server_emit)(sio_adapter *a, const sio_packet *p, sio_query *q);
  /* Adds the number of other servers to q with query_expect(): at once, or later if the adapter
   * holds q. */
  int (*server_count)(sio_adapter *a, sio_query *q);
  /* A query that the adapter holds has ended: its time is up, or the server closes. The adapter
   * releases its holds, and ignores answers that arrive later. */
  void (*query_over)(sio_adapter *a, sio_query *q);

  /* The server begins to close, or the namespace is the child of a parent (nsp.h) and is removed.
   * The adapter closes its handles on the loop, such as connections. close follows: some turns of
   * the loop later when the server closes, at once for a child. */
  void (*shut)(sio_adapter *a);
  /* How many rooms have members on this server, for sio_stats. The rooms of the sockets' own ids do
   * not count. */
  size_t (*room_count)(const sio_adapter *a);
  unsigned flags; /* enum sio_adapter_flags */

  /* ---- connection state recovery, see "recovery" below; they may be NULL ---- */

  /* Keeps a socket whose connection broke, or which restore_found() handed over and which did not
   * join. Only called with SIO_ADAPTER_RECOVERS. */
  void (*persist)(sio_adapter *a, const sio_saved_socket *s);
  /* The socket with this pid will not be recovered any more, because it was disconnected or
   * refused. Only called with SIO_ADAPTER_RECOVERS. */
  void (*forget)(sio_adapter *a, const char *pid);
  /* A client asks for a socket that this server does not know. The adapter looks for it and answers
   * with restore_done(), now or later. */
  void (*restore)(sio_adapter *a, sio_restore *r);
  /* Called once for each call of restore, when the client has joined or never will. r is not valid
   * after it has returned. */
  void (*restore_over)(sio_adapter *a, sio_restore *r);
  /* sio_socket_set_shared() has changed the data of a socket. */
  void (*shared_changed)(sio_adapter *a, sio_socket *s);
  /* The host disconnects the socket, and the client is about to be sent the DISCONNECT. An adapter
   * that delays events sends the socket those that wait for it. */
  void (*leaving)(sio_adapter *a, sio_socket *s);
} sio_adapter_ops;

/* ---- packets ------------------------------------------------------------------------------- */

/* The event in a packet, as an adapter sends it to other servers. Pointers in it are valid as long
 * as the packet. */
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

/* ---- queries -------------------------------------------------------------------------------
 *
 * A query is a question that sockets or servers answer: a broadcast with acks, sio_all_fetch(),
 * sio_server_side_emit(), sio_server_count(). It ends
 *
 *  - when it is complete: nothing holds it, and the sockets or servers that were expected have
 *    answered or are lost;
 *  - when its time is up, or the server closes. If the adapter holds it then, query_over is called.
 *
 * An adapter holds a query as long as it waits for something, because a query may only be used
 * while it is held. Answers that are added after its end are ignored. */

/* The state of a query. */
typedef struct sio_query_info {
  /* Set by the caller to sizeof(sio_query_info); 0 stands for the size of version 0.1. */
  size_t size;
  /* How many sockets, or servers, have been asked. */
  size_t expected;
  /* How long to wait for the answers, in milliseconds: the time that the host has given, or the
   * default. Never 0. */
  unsigned timeout_ms;
  /* The query has ended, and answers are ignored. */
  bool over;
} sio_query_info;

/* Callbacks for a query of sio_adapter_api.query_new(). Both are required. They run from the
 * loop. */
typedef struct sio_query_watch {
  /* sizeof(sio_query_watch); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Called for each ack: the id of the socket, and the ack as query_reply() has it. */
  void (*reply)(const char *id, sio_slice json, const sio_slice *bins, size_t nbins, void *user);
  /* Called once, when the query ends. status is 0, SIO_ETIMEOUT or SIO_ECLOSED. lost is the number
   * of sockets that were asked and have not answered. */
  void (*end)(int status, size_t lost, void *user);
} sio_query_watch;

/* ---- recovery ------------------------------------------------------------------------------
 *
 * With sio_options.recovery, a client whose connection broke can become the same socket again. The
 * library keeps lost sockets, and a log of events, in the memory of the server. An adapter can take
 * part in one of two ways:
 *
 * 1. It finds sockets of other servers: it sets `restore`. The library keeps the sockets of this
 *    server itself. When a client names a pid that is not known here, it calls restore, and the
 *    adapter asks the other servers. The library gives the events of restore_event() offsets of its
 *    own.
 *
 * 2. It keeps everything: it also has the flag SIO_ADAPTER_RECOVERS. The library then has no log,
 *    and calls persist when a connection breaks. It passes every event that may have to be sent
 *    again to `broadcast` without SIO_LOCAL; sio_emit() has the room of the client's id as its
 *    target. The adapter keeps such an event and delivers it, now or later, with the offset that it
 *    gives to packet_new(). Events that it does not keep are delivered without an offset: volatile
 *    events, those with SIO_LOCAL, and those that ask for acks. So that events to a client stay in
 *    order, events to a single client that need not be kept go through `broadcast` too, with
 *    SIO_LOCAL.
 *
 * The answer to a call of restore:
 *
 *     api->restore_found(r, &saved);                     the socket
 *     api->restore_event(r, json, bins, nbins, offset);  each event that it missed, in order
 *     api->restore_done(r, 0);
 *
 * or restore_done() alone, with a cause. Until then the CONNECT of the client waits, at most for
 * sio_options.request_timeout_ms. After restore_done() the client may still wait for middleware.
 * Until restore_over is called the adapter adds the events that are broadcast for the client
 * meanwhile, with restore_event(), in the order in which the others are sent them.
 *
 * restore_over can be called at any time, because the client can leave and the time can run out. A
 * socket of restore_found() that did not join, and was not refused, is kept again: with
 * SIO_ADAPTER_RECOVERS persist is called before restore_over, without it the library keeps the
 * socket. A socket that the adapter has taken out of its store, and not yet handed over with
 * restore_found(), must be put back by the adapter. */

/* A socket that was or will be kept. Everything is borrowed for the call. */
struct sio_saved_socket {
  /* Set to sizeof(sio_saved_socket) by the side that fills it in; 0 stands for the size of version
   * 0.1. */
  size_t size;
  const char *id, *pid;
  const char *const *rooms; /* NULL-terminated, without the room of its own id               */
  sio_slice shared;         /* sio_socket_shared()                                           */
  const void *data;         /* the bytes of sio_socket_data(); NULL: all bytes will be zero  */
  size_t data_size;
};

/* The recovery data that a client sent in its CONNECT packet. None of it is checked. The slices are
 * valid until restore_over has returned. */
typedef struct sio_restore_info {
  /* Set by the caller to sizeof(sio_restore_info); 0 stands for the size of version 0.1. */
  size_t size;
  sio_slice pid;
  sio_slice offset; /* the offset of the last event that it received          */
  bool has_offset;  /* false: it has received no event with an offset         */
} sio_restore_info;

/* ---- events of other servers, rooms -------------------------------------------------------- */

/* Bytes by which the adapter finds the server that waits for an ack. They are copied. */
typedef struct sio_return {
  unsigned char bytes[64];
} sio_return;

/* Called when the host answers an event of another server, at most once, possibly inside
 * server_side_receive(), and never after close. json is one JSON text; {"_placeholder":true,
 * "num":k} stands for bins[k]. */
typedef void (*sio_server_side_answer_cb)(sio_adapter *a, const sio_return *to, sio_slice json,
                                          const sio_slice *bins, size_t nbins);

enum sio_room_change { SIO_ROOM_CREATED, SIO_ROOM_JOINED, SIO_ROOM_LEFT, SIO_ROOM_REMOVED };

/* ---- what an adapter calls ----------------------------------------------------------------- */

/* The calls of the library that are for adapters alone; the library passes the table to
 * sio_adapter_ops.open. Later versions add members at the end. An adapter that uses one of them
 * first compares size, because the library that is loaded may be older. */
struct sio_adapter_api {
  /* The size that the table has in the library that is loaded. */
  size_t size;

  /* The memory adapter, for the sockets of this server: all but its optional functions for queries
   * and recovery are set. Its open takes a user of NULL. */
  const sio_adapter_ops *memory;

  /* -- packets -- */

  /* Makes a packet of an event that another server has sent. It is sent to the sockets of the
   * target `to`, and then freed. json is ["event",arguments...] as in sio_packet_info; json and
   * bins are borrowed until packet_free(). q is a query of query_new() that collects the acks;
   * NULL: no acks are asked for. offset is for adapters with SIO_ADAPTER_RECOVERS: clients are sent
   * it as one more argument. It has at most 63 characters of printable ASCII, and neither '"' nor
   * '\\'; {NULL,0}: none.
   * Of the target, nsp, flags and key are used. With connection state recovery, but without
   * SIO_ADAPTER_RECOVERS, also rooms and except, because the call then keeps the event for sockets
   * of the target that return later: make one packet for each target.
   * SIO_EJSON: json is not an event; SIO_EPROTO: offset is invalid; SIO_ENAME, SIO_EPLACEHOLDER,
   * SIO_EDEPTH, SIO_ETOOBIG, UV_ENOMEM. */
  int (*packet_new)(const sio_target *to, sio_slice json, const sio_slice *bins, size_t nbins,
                    sio_query *q, sio_slice offset, sio_packet **out);
  /* A copy that is valid after `broadcast` has returned, to be sent later and freed with
   * packet_free(). The encoded bytes are shared. If the packet has a query, the adapter holds the
   * query as long as it keeps the copy. UV_ENOMEM. */
  int (*packet_copy)(const sio_packet *p, sio_packet **out);
  /* Frees a packet of packet_new() or packet_copy(). NULL is allowed. */
  void (*packet_free)(sio_packet *p);
  /* Fills in the first out->size bytes of *out. The first call for a packet allocates memory if the
   * packet has attachments or connection state recovery is on. UV_ENOMEM: only query is set. */
  int (*packet_get_info)(const sio_packet *p, sio_packet_info *out);
  /* Queues the packet for one socket of this server, and adds the socket to the query of the
   * packet, if it has one. The errors are those of sio_emit(). */
  int (*packet_deliver)(const sio_packet *p, sio_socket *s, unsigned flags);
  /* Sends a packet of packet_new() to the sockets of the target in this process. to->flags must
   * contain SIO_PROCESS. It is the broadcast of the memory adapter, unless the server is one of
   * several threads: then the sockets of the other threads get the packet too. */
  int (*packet_broadcast)(const sio_packet *p, const sio_target *to);

  /* -- queries -- */

  /* Creates the query for a broadcast with acks that another server has sent. It is held once.
   * timeout_ms 0: sio_options.request_timeout_ms. The adapter makes a packet with it, sends the
   * packet with packet_broadcast(), calls query_when_counted(), and at last query_release(). watch
   * is copied; user is passed to its callbacks. UV_EINVAL: watch is NULL or invalid; SIO_ECLOSED:
   * the server closes; SIO_ETOOBIG: max_acks queries are open in the namespace; UV_ENOMEM. */
  int (*query_new)(sio_nsp *nsp, unsigned timeout_ms, const sio_query_watch *watch, void *user,
                   sio_query **out);
  /* Calls cb(expected, user) once, with the user of query_new(), when all threads of this process
   * have asked their sockets: at once if the server is alone, otherwise later from the loop and
   * before `end`. expected is the count to send back. */
  void (*query_when_counted)(sio_query *q, void (*cb)(size_t expected, void *user));
  /* Keeps q valid until query_release() has been called once for this hold. */
  void (*query_hold)(sio_query *q);
  /* Ends one hold; the caller may not use q any more. err is 0, or the reason why answers did not
   * come (SIO_ETIMEOUT, ...): the first one is the status that the host is given. */
  void (*query_release)(sio_query *q, int err);
  /* Fills in the first out->size bytes of *out. */
  void (*query_get_info)(const sio_query *q, sio_query_info *out);
  /* n more sockets, or servers, have been asked. */
  void (*query_expect)(sio_query *q, size_t n);
  /* n of those that have been asked will not answer. */
  void (*query_lost)(sio_query *q, size_t n);
  /* Adds a reply: one JSON text and its attachments, which are copied. An empty text stands for
   * null. A text that is not JSON counts as lost. id is the socket's; NULL: not known. */
  void (*query_reply)(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                      size_t nbins);
  /* Adds a socket of another server to a query of `fetch`: id, rooms, auth, data and handshake are
   * copied. An empty text stands for "{}". */
  void (*query_remote)(sio_query *q, const sio_remote *r);

  /* -- events of other servers -- */

  /* Runs the callbacks of sio_on_server_side() for an event of another server. answer is called
   * with the host's ack and with a copy of *to; NULL: no ack is asked for, and `to` may be NULL.
   * SIO_EJSON, SIO_EPLACEHOLDER, SIO_EDEPTH, SIO_ENAME, SIO_ETOOBIG, UV_ENOMEM. */
  int (*server_side_receive)(sio_nsp *nsp, sio_slice json, const sio_slice *bins, size_t nbins,
                             sio_server_side_answer_cb answer, const sio_return *to);

  /* -- rooms and sockets -- */

  /* Runs the callbacks of sio_on_room(). They may change any room, so the name must not be freed
   * with the room. s is the socket that has joined or left; NULL for SIO_ROOM_CREATED and
   * SIO_ROOM_REMOVED. The memory adapter calls it for the rooms that it keeps. */
  void (*room_changed)(sio_nsp *nsp, enum sio_room_change change, const char *room, sio_socket *s);
  /* Is the server one of several threads (threads.h)? Then other threads may have sockets in rooms
   * that the memory adapter of this thread does not know. */
  bool (*has_threads)(const sio_nsp *nsp);
  /* The private id by which a client asks to be recovered; NULL: the socket cannot be recovered. */
  const char *(*socket_pid)(const sio_socket *s);

  /* -- recovery -- */

  /* sio_recovery.max_disconnection_ms; 0: recovery is off. */
  unsigned (*recovery_ms)(const sio_nsp *nsp);
  /* Fills in the first out->size bytes of *out. */
  void (*restore_get_info)(const sio_restore *r, sio_restore_info *out);
  /* Hands over the socket. SIO_EPROTO: the ids are malformed; SIO_EEXISTS: the socket is connected
   * to this server; UV_EINVAL: a socket was handed over before, or the size of *s is wrong;
   * UV_ENOMEM. After an error the adapter calls restore_done() with a cause. */
  int (*restore_found)(sio_restore *r, const sio_saved_socket *s);
  /* Adds an event that the client missed; call it after restore_found(). offset is as for
   * packet_new(), and is ignored without SIO_ADAPTER_RECOVERS. After an error the client is not
   * recovered, since it would miss an event; the adapter need not look at the error. SIO_ETOOBIG:
   * the client missed more than may be queued for it (max_queued, queue_high); the errors of
   * packet_new(). */
  int (*restore_event)(sio_restore *r, sio_slice json, const sio_slice *bins, size_t nbins,
                       sio_slice offset);
  /* Ends the answer. cause is 0 after restore_found(), otherwise one of enum sio_recovery_failure
   * (stats.h): why the socket is not recovered. The client joins, or its middleware runs, at the
   * end of the turn. */
  void (*restore_done)(sio_restore *r, int cause);
};

#ifdef __cplusplus
}
#endif
#endif
