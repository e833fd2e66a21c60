/* SPDX-License-Identifier: MIT
 *
 * redis.h - adapters that connect servers over Redis, so that they serve as one.
 *
 * The functions are in a library of their own, libsio-redis (pkg-config libsio-redis). The servers
 * of a cluster may be servers of libsio and Node.js servers (with @socket.io/redis-adapter or
 * @socket.io/redis-streams-adapter), mixed; all of them have to use the same kind of adapter.
 *
 *     sio_redis *redis;
 *     char why[256];
 *     if (sio_redis_new(loop, &(sio_redis_options){ .url = "redis://localhost:6379" }, why,
 *                       sizeof why, &redis))
 *       fprintf(stderr, "%s\n", why);
 *     sio_redis_adapter_options a = { .redis = redis };
 *     sio_options o = { .adapter = sio_redis_adapter, .adapter_user = &a };
 *     sio_server_new(loop, &o, &srv);
 *
 * Then sio_broadcast(), sio_all_join(), sio_all_fetch(), sio_server_side_emit() and the other calls
 * for many sockets or servers reach the whole cluster, unless SIO_LOCAL is set.
 *
 * A sio_redis has two connections to Redis: one for commands, and one that receives what other
 * servers publish. In a Redis Cluster it has two connections to each node that it needs. To find
 * the master or the nodes it opens one more for a short time, and sio_redis_streams_adapter needs
 * two more for each stream. The connections are opened when the first namespace of a server is
 * created, and closed when the last server that uses them closes. Broken connections are opened
 * again. The log, sio_redis_stats and on_state report errors. What a server sends to its own
 * clients does not depend on Redis, except with sio_redis_streams_adapter (see there). While a
 * connection is broken:
 *
 *  - Commands wait in memory, up to max_queued bytes. Further commands are dropped and counted.
 *  - New queries that ask other servers (sio_broadcast_ack(), sio_all_fetch() and so on) ask only
 *    this server, and get its answers and usually the status UV_ENOTCONN.
 *  - What other servers publish is lost for this server, because Redis does not keep messages of
 *    channels. Commands that Redis had not answered when the connection broke may be lost; they are
 *    counted.
 *
 * A program that can publish in this Redis can send everything that the servers can send. Protect
 * Redis with a password, and let only the servers reach it. What is received from Redis is checked,
 * and max_message limits its length.
 *
 * All functions are called on the loop's thread.
 */
#ifndef SIO_REDIS_H
#define SIO_REDIS_H

#include <sio/adapter.h>
#include <sio/log.h>
#include <sio/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sio_redis sio_redis;

enum sio_redis_state {
  SIO_REDIS_IDLE,       /* no server uses it, and there are no connections             */
  SIO_REDIS_CONNECTING, /* a connection is missing, or a subscription is not confirmed */
  SIO_REDIS_READY       /* messages are sent and received                              */
};
/* Called on the loop's thread when the state of a sio_redis has changed. why is one line of English
 * that says what has happened, for example why a connection broke; or "". The callback may call
 * every function except sio_redis_free(). */
typedef void (*sio_redis_state_cb)(sio_redis *redis, enum sio_redis_state state, const char *why,
                                   void *user);

/* The options of sio_redis_new(). A field that is 0 or NULL selects its default. The struct is only
 * read during the call. */
typedef struct sio_redis_options {
  /* sizeof(sio_redis_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Where Redis is, in one of the forms below; NULL: "redis://localhost:6379".
   *
   *   redis://[user[:password]@]host[:port][/database]
   *       One Redis server. Without a port: 6379.
   *   unix:///path/of/socket
   *       One Redis server, through a Unix socket.
   *   redis+sentinel://[user[:password]@]host[:port][,host[:port]...]/name[/database]
   *       The master that Redis Sentinel knows by this name. The hosts are sentinels; without a
   *       port: 26379. The sentinels are asked for the master before each attempt to connect, and
   *       a server that is not a master is not used. user and password are for the master.
   *   redis+cluster://[user[:password]@]host[:port][,host[:port]...]
   *       A Redis Cluster. The hosts are some of its nodes; the library learns the other nodes from
   *       them.
   *
   * A url has at most 16 hosts. If it begins with "rediss" instead of "redis", the connections to
   * all servers use TLS, also those to sentinels (see the field tls). %XX is decoded in user,
   * password, name and path. An IPv6 address is written in brackets. A different database does not
   * separate two clusters of servers, because channels of Redis do not belong to a database: use
   * different values of sio_redis_adapter_options.key. */
  const char *url;
  /* The user and the password for Redis. If password is set, both replace those in url, and
   * username may be NULL: none. If password is NULL, username has to be NULL, too, and those in url
   * are used. */
  const char *username, *password;
  /* The name of the connections in the output of CLIENT LIST of Redis (CLIENT SETNAME): one or more
   * printable characters of ASCII, without spaces. Default: "libsio". */
  const char *client_name;
  /* How many milliseconds it may take until a new connection is ready for commands; the time to
   * find the master through Redis Sentinel does not count. Default: 5000. */
  unsigned connect_timeout_ms;
  /* If nothing is received on a connection for this time, a PING is sent. If nothing is received
   * for the same time again, the connection is closed and opened anew. The first of these two times
   * may be a quarter longer, and both are longer if the program blocks the loop. A subscription
   * that Redis has refused is tried again about every ping_interval_ms. Default: 10000 ms. */
  unsigned ping_interval_ms;
  /* How long to wait, after a connection broke, before the first attempt to connect again. For each
   * further attempt the time is doubled, up to retry_max_ms; also after a connection that lasted no
   * longer than retry_max_ms. Each of these times is shortened at random by up to a half. Default:
   * 50 ms. */
  unsigned retry_min_ms;
  /* The longest of these times; at least retry_min_ms. Default: 5000 ms. With Redis Sentinel it is
   * at most 1000 ms. */
  unsigned retry_max_ms;
  /* How many bytes of commands may be queued for each Redis server, and in addition for each stream
   * of sio_redis_streams_adapter. A command counts until the kernel has taken it, an entry of a
   * stream until it has been read back. In a Redis Cluster a copy counts as well, until the server
   * has answered; so a command counts twice until the kernel has taken it. Commands that subscribe
   * or unsubscribe do not count here; their limit is 1 GiB. Default: 4 MiB. */
  size_t max_queued;
  /* The length of the longest element of a reply of Redis, such as a published message. A whole
   * reply, such as several entries of a stream, may take 96 MiB of memory more. A longer reply
   * breaks the connection. Default: 32 MiB. */
  size_t max_message;
  /* Called when the state of the sio_redis changes; NULL: not called. */
  sio_redis_state_cb on_state;
  void *on_state_user;
  /* Called for each line that libsio-redis logs, as sio_options.log is; the room of these lines is
   * "redis". NULL: nothing is logged. It runs on the loop's thread, and not inside a call of the
   * program. Each kind of line is logged at most once a second; a later line of this kind says how
   * many were left out. */
  sio_log_cb log;
  void *log_user;
  /* enum sio_log_level: the lines that are logged. Default: SIO_LOG_WARN. */
  int log_level;
  /* The TLS of the connections; set it if and only if url begins with "rediss". It must be for
   * clients, such as sio_openssl_client_new() of libsio-openssl makes. The certificates of all
   * Redis servers must be valid for its server_name, unless it accepts every certificate. The
   * library keeps the pointer: *tls must stay valid until the loop has closed the handles of the
   * sio_redis. */
  const sio_tls *tls;
  /* The user and the password for the sentinels, if url begins with redis+sentinel:// or
   * rediss+sentinel://; NULL: none. */
  const char *sentinel_username, *sentinel_password;
} sio_redis_options;

/* Creates a sio_redis for servers on this loop. It opens no connection yet. If it fails, why
 * becomes one line of text that says what is wrong; otherwise why becomes "". why has room for size
 * bytes, and may be NULL if size is 0. UV_EINVAL: loop or out is NULL, an option is invalid, or two
 * options contradict each other; UV_ENOMEM. */
SIO_EXTERN int sio_redis_new(struct uv_loop_s *loop, const sio_redis_options *o, char *why,
                             size_t size, sio_redis **out);
/* Frees a sio_redis. Call it after done() of the last server that uses it has run: a server that
 * still uses it loses its connection to the other servers. The handles of the sio_redis on the loop
 * are closed in the next turns of the loop, as by uv_close(). redis may be NULL. */
SIO_EXTERN void sio_redis_free(sio_redis *redis);

/* The statistics of a sio_redis. A field is a counter, which only grows; or it is a gauge, which is
 * the number at this moment, if its comment says so. New fields are added at the end in later
 * versions. */
typedef struct sio_redis_stats {
  int state;          /* enum sio_redis_state, now                                        */
  uint64_t connects;  /* connections that became ready, except those that find servers    */
  uint64_t failures;  /* attempts to connect that failed, and connections that broke      */
  uint64_t published; /* messages that were queued for Redis; some may still be lost      */
  uint64_t received;  /* messages that were received                                      */
  /* Messages, keys of sockets that may be recovered and other commands that were not sent, for
   * example because of max_queued, a missing connection or missing memory; and entries of a stream
   * that Redis refused or that were lost. */
  uint64_t dropped;
  /* Commands that were sent and not answered when their connection broke or was closed. Those that
   * log in, subscribe or read a stream do not count. Redis may have executed them, and may still do
   * so later. */
  uint64_t unanswered;
  uint64_t errors;     /* commands that Redis answered with an error                       */
  uint64_t malformed;  /* messages that were received and are invalid                      */
  size_t queued;       /* gauge: bytes that wait, as max_queued counts them                */
  uint64_t redirected; /* answers of a Redis Cluster that another server has the slot      */
  /* Counter: messages that reached fewer servers, in the first seconds after a connection broke or
   * a slot of a Redis Cluster moved, than before, so that some servers have missed them. Messages
   * on the channels of rooms (sio_redis_sharded_adapter) are not counted, nor in a Redis Cluster
   * those of sio_redis_adapter. */
  uint64_t missed;
  uint64_t switches; /* how often the sentinels led to another master than before          */
  /* Counter: how often a subscription of this server to a channel was interrupted, because the
   * connection ended, or because the slot of the channel moved to another node of a Redis Cluster.
   * What other servers published on the channel until this server was subscribed again did not
   * reach this server. Redis does not report how much that was. */
  uint64_t interrupted;
  /* Counter: entries of a stream that this server ignored, because it had read them or later ones
   * of the same server before (see sio_redis_streams_adapter). */
  uint64_t repeated;
  /* Counter: messages that were received and ignored, because memory ran out, or because
   * sio_options.max_acks queries were pending. */
  uint64_t unhandled;
} sio_redis_stats;
/* Fills in the first `size` bytes of *out. Pass sizeof *out as size. */
SIO_EXTERN void sio_redis_get_stats(const sio_redis *r, sio_redis_stats *out, size_t size);

/* ---- the adapters ---------------------------------------------------------------------------- */

/* For sio_redis_adapter_options.subscription_mode: which rooms have a channel of their own
 * ("subscriptionMode"). All servers of a cluster must use the same mode. */
enum sio_redis_subscription_mode {
  SIO_REDIS_DYNAMIC,        /* all rooms, except names of 20 bytes, such as ids     */
  SIO_REDIS_STATIC,         /* no room: each server is sent every broadcast         */
  SIO_REDIS_DYNAMIC_PRIVATE /* all rooms                                            */
};

/* Options of the adapters of this header: set sio_options.adapter_user, or the last argument of
 * sio_threads_set_adapter(), to a pointer to this struct. The struct must outlive the server. If an
 * option is invalid, sio_server_new() or sio_threads_set_adapter() returns UV_EINVAL. The fields
 * are named like the options of the Node.js adapters. A field that is 0 or NULL selects its
 * default, except for redis. */
typedef struct sio_redis_adapter_options {
  /* sizeof(sio_redis_adapter_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* The connection to Redis. Required. */
  sio_redis *redis;
  /* The beginning of the names of all channels. All servers of a cluster must use the same.
   * Default: "socket.io". */
  const char *key;
  /* Send the answer to a query on a channel of the server that asked, instead of one that all
   * servers read. All servers of the cluster must be servers of libsio, or Node.js servers with
   * @socket.io/redis-adapter 7.1 or newer. */
  bool publish_on_specific_response_channel;
  /* enum sio_redis_subscription_mode, for sio_redis_sharded_adapter. If the server is one of
   * several threads (sio_threads_set_adapter()), it has to be SIO_REDIS_STATIC. */
  int subscription_mode;

  /* -- for sio_redis_streams_adapter; all servers of a cluster must use the same -- */

  /* The name of the stream. Default: "socket.io". */
  const char *stream_name;
  /* If it is greater than 1, the namespaces are spread over several streams, as in Node.js: the
   * name of a stream is "<stream_name>-N", where N is a hash of the name of the namespace modulo
   * stream_count, and may be negative. Default: 1, all namespaces use one stream. */
  unsigned stream_count;
  /* The beginning of the names of the keys for sockets that may be recovered, at most 255 bytes.
   * Default: "sio:session:". */
  const char *session_key_prefix;
  /* Send queries and their answers through sharded channels (SPUBLISH; Redis 7). */
  bool use_sharded_pub_sub;
  /* About how many entries of a stream Redis keeps. Default: 10000. */
  size_t max_len;
  /* How many entries of a stream are read at a time, at most 300. Default: 100. */
  unsigned read_count;
  /* How many milliseconds Redis waits for a new entry before it answers a read (BLOCK). Default:
   * 5000. A value of more than half of ping_interval_ms is reduced to that. */
  unsigned block_time_in_ms;
} sio_redis_adapter_options;

/* The adapter that is compatible with createAdapter() of @socket.io/redis-adapter 8. The option
 * "requestsTimeout" of Node.js corresponds to sio_options.request_timeout_ms. If two servers have a
 * namespace of the same name and use the same key, each server needs a sio_redis of its own: with
 * one sio_redis for both, sio_of() of the second server (for the namespace "/" sio_server_new())
 * fails with UV_EEXIST.
 *
 * There are two differences to Node.js. A query (such as sio_all_fetch()) that some servers have
 * not answered in time ends with the answers that came. sio_all_join(), sio_all_leave() and
 * sio_all_disconnect() have changed the sockets of this server when they return, even without a
 * connection to Redis.
 *
 * Events of one server reach another one in the order in which they were sent, unless the
 * connection of the sender breaks or, in a Redis Cluster, the sender begins to publish through
 * another node. Redis may execute what was written to the broken connection after the sender has
 * connected again, so these events may arrive after later ones. */
SIO_EXTERN extern const sio_adapter_ops *const sio_redis_adapter;

/* The adapter that is compatible with createShardedAdapter() of @socket.io/redis-adapter 8, which
 * uses sharded channels (SSUBSCRIBE; Redis 7). The field key corresponds to its option
 * "channelPrefix". If rooms have channels of their own (subscription_mode), sio_broadcast() to one
 * such room sends only to servers that have clients in it. In a Redis Cluster each channel belongs
 * to the node that has its slot. When a slot moves to another node, a server is unsubscribed by the
 * old node and then subscribes on the new node; it misses what is published between. Servers with
 * this adapter and servers with sio_redis_adapter do not receive each other's messages. In a Redis
 * Cluster only events of the same channel keep their order; otherwise what sio_redis_adapter says
 * about the order of events holds here, too. */
SIO_EXTERN extern const sio_adapter_ops *const sio_redis_sharded_adapter;

/* The adapter that is compatible with createAdapter() of @socket.io/redis-streams-adapter 0.3
 * (Redis 5 or newer; 6.2 or newer for recovery in a Redis Cluster). Broadcasts that ask for no ack,
 * and the joins, leaves and disconnects of calls such as sio_all_join(), are entries of a stream
 * (except with SIO_LOCAL), which each server reads in order. After a lost connection a server
 * continues to read at the entry where it stopped, so it misses nothing that Redis still has (see
 * max_len). While Redis cannot be reached, the entries that this server publishes are queued, up to
 * sio_redis_options.max_queued bytes, and are delivered to the clients of this server at once. Each
 * stream needs two more connections.
 *
 * If the connection breaks before Redis has answered an XADD, the server adds the entry again when
 * it is connected again, unless the entry is in the stream by then. But Redis may still execute
 * the first XADD later. So an entry has one field more than those of Node.js, "seq", which counts
 * the entries of its server: servers of libsio ignore an entry whose number is not greater than
 * the last one of the same server (sio_redis_stats.repeated). To servers of libsio each entry is
 * delivered at most once (if no more than 1024 servers use the stream), in the order of the server
 * that added it, and exactly once unless a counter of sio_redis_stats says otherwise or Redis loses
 * the entry. A Node.js server ignores the field, and may get an entry twice in that case.
 *
 * With sio_options.recovery a client can be recovered by any server of the cluster, also by a
 * Node.js server. The offset of an event is the id of its entry. A socket is stored in a key of
 * Redis, with its rooms and its shared data (sio_socket_shared()); the bytes of socket_data_size
 * are not stored, and are zero after the recovery. The key is written when the client connects,
 * when its rooms or its shared data change, and again before it expires, so a client can return
 * even if its server was killed (a Node.js server writes the key only when a connection breaks).
 * With recovery:
 *
 *  - An event that may be sent again after a recovery is delivered to the clients of this server
 *    when its entry has been read back from Redis, about a millisecond later, so that all servers
 *    deliver events in the same order. If Redis cannot be reached, the event is delivered at once;
 *    if Redis is slow, it is delivered after a second. In both cases it has no offset then.
 *  - An event of sio_emit() that may be sent again is an entry, too. The receivers of a broadcast
 *    that may be sent again are the sockets that are in the room when it is delivered, not those
 *    that were in it when sio_broadcast() was called. Replies (sio_reply()) do not wait for Redis.
 *  - A client that has received no event with an offset cannot be recovered, as with Node.js.
 *
 * If the server is one of several threads (sio_threads_set_adapter()), all of this is true for the
 * sockets of all threads. They share the connections. */
SIO_EXTERN extern const sio_adapter_ops *const sio_redis_streams_adapter;

#ifdef __cplusplus
}
#endif
#endif
