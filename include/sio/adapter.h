/* SPDX-License-Identifier: MIT
 *
 * adapter.h - how to write an adapter, which keeps the rooms of a namespace and finds the receivers
 * of a broadcast.
 *
 * Each namespace has one adapter. The adapter that is part of the library, the memory adapter,
 * keeps the rooms in memory and reaches the sockets of one server. An adapter that connects several
 * servers is a table of functions (sio_adapter_ops), which the program passes in
 * sio_options.adapter or to sio_threads_set_adapter(). It leaves the sockets of its own server to
 * the memory adapter, whose functions it calls, and exchanges messages with the other servers:
 *
 *   call of the program     function        message to the         a server that receives it
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
 *   sio_server_count()      server_count    number, or no message  nothing; sends the number back
 *
 * The functions without "sio_" in the last column are members of sio_adapter_api, a table that the
 * library passes to the adapter's open function. The number in a message is chosen by the adapter,
 * to recognise the answers to this message.
 *
 * A message with a target contains the names in its rooms and except, the id of its skip (as one
 * more name in except), its flags and its key. A call with SIO_LOCAL is not sent to other servers.
 * The server that receives the message sets SIO_PROCESS in the flags of the target, so that the
 * call is for all threads of its process (threads.h) and for no other process.
 *
 * The library calls the functions of the table on the loop's thread, and the adapter calls all
 * functions of this header on that thread. While a function of the table runs, callbacks of the
 * program run only if it calls visit (see `each`) or a function of the library, for example
 * packet_deliver() or room_changed(). What the arguments of the function point to is valid at least
 * until it returns.
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
  /* The adapter connects no other servers: after this server has begun to close, broadcasts return
   * SIO_ECLOSED. */
  SIO_ADAPTER_ONE_SERVER = 1,
  /* The adapter, instead of the library, keeps the sockets whose connection broke and the events
   * that they miss, and gives the events their offsets. See "recovery" below. */
  SIO_ADAPTER_RECOVERS = 2
};

/* The functions of an adapter. The table must outlive the servers that use it. `arrive` and the
 * functions after it may be NULL, but SIO_ADAPTER_RECOVERS needs persist and restore. */
typedef struct sio_adapter_ops {
  /* sizeof(sio_adapter_ops); 0: the size that the table had in version 0.1. */
  size_t size;

  /* Creates the adapter of a namespace. *out is the pointer that the library passes as `a` to the
   * other functions, until it calls close. api is valid as long as the library is loaded. user is
   * sio_options.adapter_user, or the last argument of sio_threads_set_adapter(). If open returns an
   * error, close is not called, and a call of the program that needed the adapter returns this
   * error: for example sio_of(), or sio_server_new() for the namespace "/". open must not block: it
   * may begin to connect, and the adapter itself logs it if connecting fails later. */
  int (*open)(sio_nsp *nsp, const sio_adapter_api *api, void *user, sio_adapter **out);
  /* Frees the adapter a. The library calls no function for it afterwards. At that time all sockets
   * have left the namespace and all queries have ended, but close must still call query_release()
   * for the queries that the adapter holds. If creating the server or the namespace fails after
   * open, close is called without shut. */
  void (*close)(sio_adapter *a);

  /* Make a socket join or leave a room. The library calls join and leave only if the name of the
   * room is valid and in_room() says that the call changes something. join returns 0, or UV_ENOMEM
   * if the socket has not joined the room. Both functions have to call room_changed(). */
  int (*join)(sio_adapter *a, sio_socket *s, const char *room);
  void (*leave)(sio_adapter *a, sio_socket *s, const char *room);
  /* Removes a socket from all its rooms, because it leaves the namespace, never connected (for
   * example because middleware refused it), or could not be recovered. */
  void (*leave_all)(sio_adapter *a, sio_socket *s);
  bool (*in_room)(const sio_adapter *a, const sio_socket *s, const char *room);
  /* Calls cb for each room that the socket is in because of join. */
  void (*rooms)(const sio_adapter *a, const sio_socket *s, void (*cb)(const char *room, void *user),
                void *user);

  /* Sends p to the sockets of the target: to those of this server with packet_deliver() or with the
   * broadcast function of the memory adapter, and to those of other servers with a message. If
   * sio_packet_info.query is not NULL, the event asks for acks. The library itself collects the
   * acks of this server's sockets. For the sockets of other servers, the adapter holds the query
   * and adds their replies to it. broadcast must not return an error if it has sent something:
   * after an error the call of the program fails, and a query of that call ends. */
  int (*broadcast)(sio_adapter *a, const sio_target *to, const sio_packet *p);
  /* Calls visit once for each connected socket of the target that is on this server. visit may make
   * sockets join and leave rooms, and may disconnect them. */
  int (*each)(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *s, void *user),
              void *user);
  /* Do what sio_all_join(), sio_all_leave() and sio_all_disconnect() do: for the sockets of the
   * target on all servers or, if to->flags contains SIO_LOCAL, for those on this server. rooms is a
   * NULL-terminated list of valid names. */
  int (*all_join)(sio_adapter *a, const sio_target *to, const char *const *rooms);
  int (*all_leave)(sio_adapter *a, const sio_target *to, const char *const *rooms);
  int (*all_disconnect)(sio_adapter *a, const sio_target *to, bool session);

  /* ---- functions that may be NULL ---- */

  /* arrive is called when a socket has connected, and is in the room of its own id. depart is
   * called when the socket has disconnected, after leave_all. */
  void (*arrive)(sio_adapter *a, sio_socket *s);
  void (*depart)(sio_adapter *a, sio_socket *s);
  /* Calls cb once for each room that has members on this server. The rooms of the sockets' own ids
   * are included. NULL: sio_nsp_rooms() returns 0. */
  void (*all_rooms)(const sio_adapter *a, void (*cb)(const char *room, size_t members, void *user),
                    void *user);
  /* Returns how many members a room has on this server. NULL: sio_nsp_count_sockets() of a room
   * returns 0. */
  size_t (*room_size)(const sio_adapter *a, const char *room);

  /* Asks the other servers which of their sockets the target contains. The sockets of this server
   * are in q already. The adapter calls query_hold() for each server that it asks. For each answer
   * it calls query_remote() once for each socket in the answer, and then query_release(). fetch is
   * not called if to->flags contains SIO_LOCAL. Returns 0 or an error. */
  int (*fetch)(sio_adapter *a, const sio_target *to, sio_query *q);
  /* Sends an event to the other servers. q is NULL if no acks are asked for. Otherwise the adapter
   * holds q, calls query_expect() with the number of servers, query_reply() for each answer, and at
   * last query_release(). Returns 0 or an error. */
  int (*server_emit)(sio_adapter *a, const sio_packet *p, sio_query *q);
  /* Adds the number of other servers to q with query_expect(): before it returns, or later if the
   * adapter holds q. Returns 0 or an error. */
  int (*server_count)(sio_adapter *a, sio_query *q);
  /* A query that is held has ended, usually because its time is up or the server closes. The
   * adapter calls query_release() for each of its own holds, of which there may be none, and
   * ignores answers that arrive later. */
  void (*query_over)(sio_adapter *a, sio_query *q);

  /* The server begins to close; or the namespace is the child of a parent (nsp.h) and is removed.
   * The adapter closes its handles on the loop, for example its connections. The library calls
   * close afterwards: when the server closes, some turns of the loop later; for a child,
   * immediately after shut. */
  void (*shut)(sio_adapter *a);
  /* Returns how many rooms have members on this server, for sio_stats. The rooms of the sockets'
   * own ids do not count. */
  size_t (*room_count)(const sio_adapter *a);
  unsigned flags; /* enum sio_adapter_flags */

  /* ---- connection state recovery, see "recovery" below; they may be NULL ---- */

  /* Keeps a socket whose connection has ended; or puts back a socket that the adapter passed to
   * restore_found() and whose client left before it joined. With several threads it is also called
   * for connected sockets of the other threads, again when their rooms or shared data have changed,
   * and from time to time. Only called if flags contains SIO_ADAPTER_RECOVERS. */
  void (*persist)(sio_adapter *a, const sio_saved_socket *s);
  /* The socket with this pid cannot be recovered any more, for example because it was disconnected.
   * Only called if flags contains SIO_ADAPTER_RECOVERS. */
  void (*forget)(sio_adapter *a, const char *pid);
  /* A client that reconnects wants its old socket back, and this server does not know the pid that
   * the client sent. The adapter looks for the socket, and answers with restore_done(), before it
   * returns or later, unless restore_over is called first. */
  void (*restore)(sio_adapter *a, sio_restore *r);
  /* Called once for each call of restore, unless close is called first: when the client has joined,
   * or when it is certain that it will not join. r is not valid after restore_over or close has
   * returned. */
  void (*restore_over)(sio_adapter *a, sio_restore *r);
  /* sio_socket_set_shared() has changed the shared data of a socket. */
  void (*shared_changed)(sio_adapter *a, sio_socket *s);
  /* The server disconnects the socket, and the client is about to be sent a DISCONNECT packet. An
   * adapter that delays events now sends the socket the delayed events that are for it. */
  void (*leaving)(sio_adapter *a, sio_socket *s);
} sio_adapter_ops;

/* ---- packets ------------------------------------------------------------------------------- */

/* The event in a packet, in the form in which an adapter sends it to other servers. Pointers in the
 * struct are valid as long as the packet. */
typedef struct sio_packet_info {
  /* Set by the caller to sizeof(sio_packet_info); 0 stands for the size of version 0.1. */
  size_t size;
  /* The event as a JSON array: ["event",arguments...]. In it, {"_placeholder":true,"num":k} stands
   * for the attachment bins[k]. */
  sio_slice json;
  /* The attachments. */
  const sio_slice *bins;
  size_t nbins;
  /* The query that collects the acks; NULL: no acks are asked for. */
  sio_query *query;
  /* Says which thread has sent the event; to be passed to packet_broadcast_own(). */
  uint64_t origin;
} sio_packet_info;

/* ---- queries -------------------------------------------------------------------------------
 *
 * A query is a call that sockets or other servers answer: sio_broadcast_ack(), sio_all_fetch(),
 * sio_server_side_emit() or sio_server_count(). The query ends
 *
 *  - when it is complete: nobody holds it, and each socket or server that was expected to answer
 *    has answered, or is known not to answer;
 *  - when its time is up, or when the server closes. If the adapter holds the query then, the
 *    library calls query_over.
 *
 * An adapter may use a query only in the function that gets it, or while it holds the query
 * (query_hold()). So it holds a query as long as it waits for an answer. Answers that are added
 * after the end of the query are ignored. Answers to a call of the program that would exceed
 * sio_options.max_answers, or for which memory runs out, are dropped. */

/* The state of a query. */
typedef struct sio_query_info {
  /* Set by the caller to sizeof(sio_query_info); 0 stands for the size of version 0.1. */
  size_t size;
  /* How many sockets or servers the query counts as asked so far; of sio_server_count(), the number
   * of servers, this one included. */
  size_t expected;
  /* How many milliseconds the query waits for the answers that the adapter adds: the time that the
   * program passed, or a default. Never 0. */
  unsigned timeout_ms;
  /* The query has ended; answers are ignored. */
  bool over;
} sio_query_info;

/* Callbacks for a query of sio_adapter_api.query_new(). Both are required. They run on the loop's
 * thread. */
typedef struct sio_query_watch {
  /* sizeof(sio_query_watch); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Called for each ack of a socket. id is the id of the socket; json, bins and nbins are the ack
   * in the form that query_reply() takes. */
  void (*reply)(const char *id, sio_slice json, const sio_slice *bins, size_t nbins, void *user);
  /* Called once, when the query has ended. status is 0, SIO_ETIMEOUT, SIO_ECLOSED or another error.
   * lost is how many of the sockets that were asked have not answered. */
  void (*end)(int status, size_t lost, void *user);
} sio_query_watch;

/* ---- recovery ------------------------------------------------------------------------------
 *
 * With sio_options.recovery, a client whose connection broke can get the same socket again. The
 * library keeps the sockets of such clients ("lost sockets") and a log of events in the memory of
 * the server. An adapter can take part in this in one of two ways:
 *
 * 1. The adapter finds lost sockets on other servers: it sets `restore`. The library still keeps
 *    the lost sockets of this server. When a client sends a pid that is not known here, the library
 *    calls restore, and the adapter asks the other servers. The library gives the events that the
 *    adapter passes to restore_event() offsets of its own, and adds the events that this server
 *    broadcasts after restore_found() itself.
 *
 * 2. The adapter keeps everything: it sets the flag SIO_ADAPTER_RECOVERS, too. The library then has
 *    no log, and calls persist when a connection breaks. It passes every event that may have to be
 *    sent again to `broadcast` without SIO_LOCAL; for sio_emit() the target is the room of the
 *    socket's id. The adapter keeps such an event and delivers it, at once or later, with an offset
 *    that it passes to packet_new(). Events that it does not keep are delivered without an offset:
 *    volatile events, events with SIO_LOCAL, and events that ask for acks. Events to a single
 *    client that need not be kept go through `broadcast` too, with SIO_LOCAL, so that all events to
 *    a client stay in order.
 *
 * An adapter with SIO_ADAPTER_RECOVERS may be the one of several threads
 * (sio_threads_set_adapter()). It then keeps the lost sockets of all threads: `broadcast`, persist,
 * forget and restore are also called for sockets of other threads, and sio_packet_info.origin is
 * not 0. It delivers each event that it was given without SIO_LOCAL with packet_broadcast_own().
 *
 * The adapter answers a call of restore with
 *
 *     api->restore_found(r, &saved);                     the socket
 *     api->restore_event(r, json, bins, nbins, offset);  each event that it missed, in order
 *     api->restore_done(r, 0);
 *
 * or with restore_done() alone, which then has a cause. Until restore_done() the CONNECT packet of
 * the client waits, but not longer than sio_options.request_timeout_ms. After restore_done() the
 * client may still have to wait for middleware. If, before restore_over is called, events are
 * broadcast that the client is to receive, an adapter with SIO_ADAPTER_RECOVERS adds them with
 * restore_event(), in the order in which other clients are sent them.
 *
 * The library may call restore_over at any time, because the client can leave and the time can run
 * out. A socket that the adapter passed to restore_found(), and whose client left before it joined,
 * is kept again: with SIO_ADAPTER_RECOVERS the library calls persist; without it the library keeps
 * the socket. If the adapter has removed a socket from its store, and has not passed it to
 * restore_found() before restore_over, the adapter must put it back itself. */

/* A socket that the library passes to persist, or a lost socket that the adapter passes to
 * restore_found(). What the pointers refer to is valid during that call. */
struct sio_saved_socket {
  /* Set to sizeof(sio_saved_socket) by the library before it calls persist, and by the adapter
   * before it calls restore_found(); 0 stands for the size of version 0.1. */
  size_t size;
  const char *id, *pid;
  const char *const *rooms; /* NULL-terminated, without the room of its own id               */
  sio_slice shared;         /* sio_socket_shared()                                           */
  /* The bytes of sio_socket_data(). If data is NULL, or data_size is not
   * sio_options.socket_data_size, all bytes of the recovered socket will be zero. */
  const void *data;
  size_t data_size;
};

/* The pid and the offset in the CONNECT packet of a client that wants its socket recovered. The
 * adapter has to check both, because a client can send any text. The slices are valid until
 * restore_over has returned. */
typedef struct sio_restore_info {
  /* Set by the caller to sizeof(sio_restore_info); 0 stands for the size of version 0.1. */
  size_t size;
  sio_slice pid;
  sio_slice offset; /* the offset of the last event that it received          */
  bool has_offset;  /* false: it has sent no offset                           */
} sio_restore_info;

/* ---- events of other servers, rooms -------------------------------------------------------- */

/* Bytes that the adapter chooses, to find the server that waits for the ack of a server-side event.
 * They are copied. */
typedef struct sio_return {
  unsigned char bytes[64];
} sio_return;

/* Called when the program replies to an event of another server: at most once for each event,
 * possibly inside server_side_receive(), and never after sio_adapter_ops.close. json is one JSON
 * text; in it, {"_placeholder":true,"num":k} stands for bins[k]. */
typedef void (*sio_server_side_answer_cb)(sio_adapter *a, const sio_return *to, sio_slice json,
                                          const sio_slice *bins, size_t nbins);

enum sio_room_change { SIO_ROOM_CREATED, SIO_ROOM_JOINED, SIO_ROOM_LEFT, SIO_ROOM_REMOVED };

/* ---- what an adapter calls ----------------------------------------------------------------- */

/* Functions of the library that only adapters use. The library passes this table to
 * sio_adapter_ops.open. Later versions add members at the end: an adapter that uses such a member
 * first checks size, because the library that is loaded may be older than the header. */
struct sio_adapter_api {
  /* The size of this table in the library that is loaded. */
  size_t size;

  /* The table of the memory adapter, for the sockets of this server. Of its optional functions only
   * arrive, depart, all_rooms, room_size and room_count are set. Pass NULL as user to its open
   * function. */
  const sio_adapter_ops *memory;

  /* -- packets -- */

  /* Makes a packet from an event that another server has sent. The adapter sends the packet to the
   * sockets of the target `to` and then calls packet_free(). json is ["event",arguments...] as in
   * sio_packet_info; json and bins must stay valid until packet_free(). q is a query of query_new()
   * that collects the acks; NULL: no acks are asked for.
   *
   * offset is for adapters with SIO_ADAPTER_RECOVERS; clients are sent it as one more argument. It
   * has at most 63 characters from '!' to '~', and neither '"' nor '\\'; {NULL,0}: the event has no
   * offset.
   *
   * packet_new() uses the fields nsp, flags, key and skip of *to. With connection state recovery,
   * but without SIO_ADAPTER_RECOVERS, it also uses rooms and except, because it then keeps the
   * event for lost sockets of the target: make one packet for each target.
   *
   * SIO_EJSON: json is not an event, or not UTF-8; SIO_EPROTO: offset is invalid; SIO_ENAME: the
   * name of the event is reserved (see sio_on()), or contains U+0000; SIO_EPLACEHOLDER: nbins is
   * not 0, and a placeholder in json has a number that is not less than nbins; SIO_EDEPTH: json is
   * nested too deeply; SIO_ETOOBIG: the packet is too large; SIO_ESTATE as for sio_broadcast();
   * UV_ENOMEM; or an error of sio_options.parser. */
  int (*packet_new)(const sio_target *to, sio_slice json, const sio_slice *bins, size_t nbins,
                    sio_query *q, sio_slice offset, sio_packet **out);
  /* Makes a copy of a packet that stays valid after `broadcast` has returned, so that the adapter
   * can send it later. The adapter frees the copy with packet_free(). The encoded bytes are shared
   * with the original. If the packet has a query, the adapter must hold the query until it frees
   * the copy. SIO_ENAME: the name of the event contains U+0000; SIO_EJSON: the event contains JSON
   * text of the program that is not UTF-8; UV_ENOMEM. */
  int (*packet_copy)(const sio_packet *p, sio_packet **out);
  /* Frees a packet of packet_new() or packet_copy(). p may be NULL. */
  void (*packet_free)(sio_packet *p);
  /* Fills in the first out->size bytes of *out. It may have to allocate memory. UV_ENOMEM: json,
   * bins and nbins of *out are zero. */
  int (*packet_get_info)(const sio_packet *p, sio_packet_info *out);
  /* Queues the packet for one socket of this server. If the packet has a query, the ack of the
   * socket is one of those that the query collects. Errors: SIO_ECLOSED, SIO_EDROPPED, SIO_ETOOBIG
   * and UV_ENOMEM as for sio_emit_ack(); SIO_EEXISTS: the query waits for an ack of this socket
   * already. */
  int (*packet_deliver)(const sio_packet *p, sio_socket *s, unsigned flags);
  /* Sends a packet of packet_new() to the sockets of the target in this process, those of other
   * threads included. to->flags must contain SIO_PROCESS. For the sockets of this server it calls
   * `broadcast` with SIO_LOCAL before it returns. Returns 0, or an error such as UV_ENOMEM. */
  int (*packet_broadcast)(const sio_packet *p, const sio_target *to);

  /* -- queries -- */

  /* Creates the query for a broadcast with acks that another server has sent. The new query has one
   * hold, which belongs to the adapter. The adapter passes the query to packet_new(), sends the
   * packet with packet_broadcast(), calls query_when_counted(), and at last calls query_release().
   * timeout_ms is in milliseconds; 0: sio_options.request_timeout_ms. *watch is copied, and user is
   * passed to its callbacks. UV_EINVAL: nsp, watch or one of the callbacks is NULL, watch->size is
   * invalid, or *watch sets a field that this version of the library does not know; SIO_ECLOSED:
   * the server closes; SIO_ETOOBIG: sio_options.max_acks queries of the namespace are pending;
   * UV_ENOMEM. */
  int (*query_new)(sio_nsp *nsp, unsigned timeout_ms, const sio_query_watch *watch, void *user,
                   sio_query **out);
  /* Calls cb(expected, user) once, when all threads of this process have counted the sockets that
   * they sent the packet of q to, or when q ends before that. expected is the sum, which the
   * adapter reports to the server that sent the broadcast. cb is called before this function
   * returns or, if other threads have still to count, later on the loop's thread; always before
   * sio_query_watch.end. user is the pointer that was passed to query_new(). */
  void (*query_when_counted)(sio_query *q, void (*cb)(size_t expected, void *user));
  /* Adds one hold to q, which keeps q valid until query_release() is called for this hold. A query
   * that is held is not complete. */
  void (*query_hold)(sio_query *q);
  /* Ends one hold of q. Without another hold the caller must not use q any more. err is 0, or the
   * reason why some answers did not come (SIO_ETIMEOUT or another error). The first err that is not
   * 0 becomes the status of the query if it has none yet, unless the query ends because its time is
   * up or the server closes. */
  void (*query_release)(sio_query *q, int err);
  /* Fills in the first out->size bytes of *out. */
  void (*query_get_info)(const sio_query *q, sio_query_info *out);
  /* Adds n to the number of sockets or servers that the query has asked. */
  void (*query_expect)(sio_query *q, size_t n);
  /* Says that n of the sockets or servers that the query has asked will not answer. */
  void (*query_lost)(sio_query *q, size_t n);
  /* Adds one reply to q: a JSON text and its attachments, which need not stay valid. An empty text
   * stands for null. A reply is dropped and counts as lost (query_lost()) if it is not valid: if
   * the text is not JSON in UTF-8 or is nested too deeply, or if nbins is not 0 and a placeholder
   * in the text has a number that is not less than nbins. SIO_EJSON then becomes the status of the
   * query if it has none yet. id is the id of the socket that replied; NULL: it is not known. */
  void (*query_reply)(sio_query *q, const char *id, sio_slice json, const sio_slice *bins,
                      size_t nbins);
  /* Adds a socket of another server to a query of `fetch`. id, rooms, auth, data and handshake of
   * *r are copied. An empty JSON text in *r stands for "{}". A socket without an id or with invalid
   * JSON is dropped, and SIO_EJSON becomes the status of the query if it has none yet. */
  void (*query_remote)(sio_query *q, const sio_remote *r);

  /* -- events of other servers -- */

  /* Runs the callbacks of sio_on_server_side() for an event of another server. If one of them
   * replies, answer is called with the reply and with a copy of *to. With several threads the
   * callbacks of the other threads run, too, but their replies are dropped. If answer is NULL, no
   * ack is asked for, and `to` may be NULL. SIO_EJSON: json is not an event, or not UTF-8;
   * SIO_ENAME: the name of the event contains U+0000; SIO_EPLACEHOLDER: nbins is not 0, and a
   * placeholder in json has a number that is not less than nbins; SIO_EDEPTH: json is nested too
   * deeply; SIO_ETOOBIG: there are too many attachments; UV_ENOMEM. */
  int (*server_side_receive)(sio_nsp *nsp, sio_slice json, const sio_slice *bins, size_t nbins,
                             sio_server_side_answer_cb answer, const sio_return *to);

  /* -- rooms and sockets -- */

  /* Runs the callbacks of sio_on_room(). s is the socket that has joined or left the room; NULL for
   * SIO_ROOM_CREATED and SIO_ROOM_REMOVED. A callback may itself make sockets join or leave this
   * room, so the memory of `room` must stay valid until room_changed() returns, even if the adapter
   * frees the room meanwhile. The memory adapter calls room_changed() for the rooms that it
   * keeps. */
  void (*room_changed)(sio_nsp *nsp, enum sio_room_change change, const char *room, sio_socket *s);
  /* Returns true if the server is one of several threads (threads.h). Then other threads may have
   * sockets in rooms that the memory adapter of this thread does not know. */
  bool (*has_threads)(const sio_nsp *nsp);
  /* Returns the pid: the secret id by which a client asks for its socket when it reconnects.
   * Returns NULL if the socket cannot be recovered. */
  const char *(*socket_pid)(const sio_socket *s);

  /* -- recovery -- */

  /* Returns sio_recovery.max_disconnection_ms, or 0 if recovery is off. */
  unsigned (*recovery_ms)(const sio_nsp *nsp);
  /* Fills in the first out->size bytes of *out. */
  void (*restore_get_info)(const sio_restore *r, sio_restore_info *out);
  /* Passes the lost socket that the adapter has found to the library. SIO_EPROTO: s->id or s->pid
   * is malformed, or sio_join() would refuse the name of a room; SIO_EEXISTS: the socket is
   * connected to this server, or this server keeps a socket with this pid; UV_EINVAL: a socket was
   * passed before for this r, restore_done() was called before, the time is up, or s->size is
   * invalid; UV_ENOMEM. If the client is connected to another thread, the socket is sent there:
   * SIO_ETOOBIG or SIO_ECLOSED if that fails, and the other errors are found there only. After an
   * error the adapter calls restore_done() with a cause. */
  int (*restore_found)(sio_restore *r, const sio_saved_socket *s);
  /* Adds an event that the client missed. The adapter calls it after restore_found(). offset is as
   * for packet_new(), and is ignored without SIO_ADAPTER_RECOVERS. The adapter may ignore the
   * result: after SIO_ETOOBIG, UV_ENOMEM and SIO_ECLOSED the library does not recover the client,
   * because the client would miss an event; after another error of packet_new() the event is left
   * out, because it is invalid. SIO_ETOOBIG: for example, the client missed more than may be queued
   * for it (max_queued, queue_high), or the server of its thread is too far behind; SIO_ECLOSED:
   * that server is closing. */
  int (*restore_event)(sio_restore *r, sio_slice json, const sio_slice *bins, size_t nbins,
                       sio_slice offset);
  /* Ends the answer to a call of restore. cause is 0 after restore_found(); otherwise it is one of
   * enum sio_recovery_failure (stats.h) and says why the socket is not recovered. The client then
   * joins the namespace or, if middleware has to run first, the middleware begins: not before
   * restore_done() has returned, and only if the client is still there. */
  void (*restore_done)(sio_restore *r, int cause);

  /* -- threads -- */

  /* Sends an event that `broadcast` was given, and that the adapter has kept until now
   * (SIO_ADAPTER_RECOVERS), to the sockets of the target in this process, those of other threads
   * included. to->flags must contain SIO_PROCESS. origin is sio_packet_info.origin of the packet
   * that `broadcast` was given. The sockets of this server are sent it as by packet_broadcast():
   * `broadcast` is called with SIO_LOCAL, and then must not keep the packet, but pass it to the
   * memory adapter. */
  int (*packet_broadcast_own)(const sio_packet *p, const sio_target *to, uint64_t origin);
};

#ifdef __cplusplus
}
#endif
#endif
