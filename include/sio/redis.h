/* SPDX-License-Identifier: MIT
 *
 * redis.h - adapters that connect servers over Redis, so that they serve as one.
 *
 * The functions are in a library of their own, libsio-redis (pkg-config libsio-redis). The servers
 * of a cluster may be libsio's and Node.js servers with @socket.io/redis-adapter, mixed.
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
 * servers publish. In a Redis Cluster there are two to each node that is needed. They are opened
 * when the first namespace of a server is created, and closed when the last server that uses them
 * closes. Broken connections are opened again. The log, sio_redis_stats and on_state report errors.
 * What servers send to their own clients does not depend on Redis (sio_redis_streams_adapter: see
 * there). While a connection is broken:
 *
 *  - Commands wait in memory, up to max_queued bytes. Commands for which there is no room are
 *    dropped and counted.
 *  - Questions to other servers (acks, sio_all_fetch(), ...) end at once, with the answers of this
 *    server and the status UV_ENOTCONN.
 *  - What other servers publish is lost for this server, because Redis does not keep messages of
 *    channels. Commands that Redis had not answered when the connection broke may be lost; they are
 *    counted.
 *
 * A program that can publish in this Redis can send everything that the servers can send. Protect
 * Redis with a password, and let only the servers reach it. What is received from Redis is checked
 * and limited like what clients send.
 *
 * All calls are made on the loop's thread.
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
/* Called from the loop when the state has changed. why is one line of English that says why a
 * connection is missing; "" in the state READY. It may make any call except sio_redis_free(). */
typedef void (*sio_redis_state_cb)(sio_redis *redis, enum sio_redis_state state, const char *why,
                                   void *user);

/* Zero is the default of every field. The struct is only read during the call. */
typedef struct sio_redis_options {
  /* sizeof(sio_redis_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Where Redis is; NULL: "redis://localhost:6379". One of these forms:
   *
   *   redis://[user[:password]@]host[:port][/database]
   *       One server; the port is 6379 if it is left out.
   *   unix:///path/of/socket
   *       One server, through a Unix socket.
   *   redis+sentinel://[user[:password]@]host[:port][,host[:port]...]/name[/database]
   *       The master that the sentinels know by this name. The hosts are sentinels; their port is
   *       26379 if it is left out. They are asked before each attempt to connect, and a server that
   *       is not a master is not used. user and password are for the master.
   *   redis+cluster://[user[:password]@]host[:port][,host[:port]...]
   *       A Redis Cluster. The hosts are some of its nodes, from which the library learns the
   *       others.
   *
   * At most 16 hosts. "rediss" in place of "redis" means TLS to all servers, sentinels included
   * (see tls). %XX is decoded in user, password, name and path. An IPv6 address is written in
   * brackets. Servers with different databases are not separated, because channels of Redis belong
   * to no database: use sio_redis_adapter_options.key. */
  const char *url;
  /* Used instead of the user and the password in url. NULL: those of url, or none. */
  const char *username, *password;
  /* "libsio": the name that CLIENT LIST of Redis shows (CLIENT SETNAME); without spaces. */
  const char *client_name;
  /* 5000: the time until a new connection is ready for commands, in milliseconds. */
  unsigned connect_timeout_ms;
  /* 10000: on a connection on which nothing was received for this time, a PING is sent. If nothing
   * is received for the same time again, the connection is closed and opened anew. The first of
   * these times may be a quarter longer. */
  unsigned ping_interval_ms;
  /* 50: the time before the first attempt to connect again. It is doubled for each further attempt,
   * up to retry_max_ms. Each of these times is shortened by up to a half, at random. */
  unsigned retry_min_ms;
  /* 5000 */
  unsigned retry_max_ms;
  /* 4 MiB: how many bytes of commands may wait for each server of Redis, until it takes them; in a
   * Redis Cluster until it has answered them. */
  size_t max_queued;
  /* 32 MiB: the longest message that is read from Redis. */
  size_t max_message;
  /* NULL: not called. */
  sio_redis_state_cb on_state;
  void *on_state_user;
  /* As sio_options.log, for the lines of this library, whose room is "redis"; NULL: nothing is
   * logged. It is called from the loop, and not inside a call. Each kind of line is logged at most
   * once a second; later lines say how many were left out. */
  sio_log_cb log;
  void *log_user;
  /* enum sio_log_level; 0: SIO_LOG_WARN. */
  int log_level;
  /* TLS for a url that begins with "rediss", and for no other: a provider for clients, such as
   * sio_openssl_client_new() of libsio-openssl makes. All servers of Redis must have its
   * server_name in their certificates. It is borrowed, and must live until the loop has closed the
   * handles of the sio_redis. */
  const sio_tls *tls;
  /* The login for the sentinels of a url of redis+sentinel://; NULL: none. */
  const char *sentinel_username, *sentinel_password;
} sio_redis_options;

/* Creates a sio_redis for servers on this loop. It opens no connection yet. After an error why is
 * one line that says what is wrong, as for sio_openssl_new(); why may be NULL if size is 0.
 * UV_EINVAL: an option is invalid, or options contradict each other; UV_ENOMEM. */
SIO_EXTERN int sio_redis_new(struct uv_loop_s *loop, const sio_redis_options *o, char *why,
                             size_t size, sio_redis **out);
/* Frees it. Call it after done() of the last server that uses it: servers that still use it lose
 * their connection to the others. Its handles on the loop are closed in the next turns, as by
 * uv_close(). NULL is allowed. */
SIO_EXTERN void sio_redis_free(sio_redis *redis);

/* Numbers that only grow, unless the comment says that it is a gauge, which is the number now. New
 * fields are added at the end. */
typedef struct sio_redis_stats {
  int state;           /* enum sio_redis_state, now                                        */
  uint64_t connects;   /* connections that became ready                                    */
  uint64_t failures;   /* attempts to connect that failed, and connections that broke      */
  uint64_t published;  /* messages that were sent to Redis                                 */
  uint64_t received;   /* messages that were received                                      */
  uint64_t dropped;    /* messages not sent: max_queued, no connection, or no memory       */
  uint64_t unanswered; /* commands that were sent and not answered when a connection broke */
  uint64_t errors;     /* commands that Redis answered with an error                       */
  uint64_t malformed;  /* messages that were received and are invalid                      */
  size_t queued;       /* gauge: bytes of commands that wait                               */
  uint64_t redirected; /* answers of a Redis Cluster that another server has the slot      */
  /* Messages that were published while fewer servers were subscribed than before the connection
   * broke, so that some servers have missed them. Redis does not tell this for the channels of
   * rooms (sio_redis_sharded_adapter), and in a Redis Cluster not for sio_redis_adapter; those
   * messages are not counted. */
  uint64_t missed;
  uint64_t switches; /* how often the sentinels named another master than before           */
  /* How often a subscription of this server was interrupted, because its connection broke or its
   * slot of a Redis Cluster moved. What other servers published on this channel until the server
   * was subscribed again was lost for its clients. Redis does not say how much that was. */
  uint64_t interrupted;
  /* Entries of a stream that were ignored, because their server had added them twice: see
   * sio_redis_streams_adapter. */
  uint64_t repeated;
} sio_redis_stats;
/* Fills in the first size bytes of *out; pass sizeof *out. */
SIO_EXTERN void sio_redis_get_stats(const sio_redis *r, sio_redis_stats *out, size_t size);

/* ---- the adapters ---------------------------------------------------------------------------- */

/* For sio_redis_adapter_options.subscription_mode: which rooms have a channel of their own
 * ("subscriptionMode"). All servers of a cluster must use the same. */
enum sio_redis_subscription_mode {
  SIO_REDIS_DYNAMIC,        /* all rooms but those of the sockets' own ids          */
  SIO_REDIS_STATIC,         /* no room: each server is sent every broadcast         */
  SIO_REDIS_DYNAMIC_PRIVATE /* all rooms                                            */
};

/* For sio_options.adapter_user. The struct must outlive the server. The fields are named like the
 * options of the Node.js adapters. Zero is the default of every field, except for redis. */
typedef struct sio_redis_adapter_options {
  /* sizeof(sio_redis_adapter_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* Required. */
  sio_redis *redis;
  /* "socket.io": the prefix of all channels. All servers of a cluster must use the same. */
  const char *key;
  /* Send the answer to a question to the server that asked, and not to all. All servers must be
   * libsio's, or Node.js servers with @socket.io/redis-adapter 7.1 or newer. */
  bool publish_on_specific_response_channel;
  /* For sio_redis_sharded_adapter: enum sio_redis_subscription_mode. */
  int subscription_mode;

  /* -- for sio_redis_streams_adapter; all servers of a cluster must use the same -- */

  /* "socket.io": the name of the stream. */
  const char *stream_name;
  /* 1: the number of streams. If there are more, their names are "<stream_name>-0",
   * "<stream_name>-1" and so on. */
  unsigned stream_count;
  /* "sio:session:": the prefix of the keys for sockets that may be recovered, at most 255 bytes. */
  const char *session_key_prefix;
  /* Send questions and answers through sharded channels (SPUBLISH; Redis 7). */
  bool use_sharded_pub_sub;
  /* 10000: about how many entries Redis keeps of a stream. */
  size_t max_len;
  /* 100, at most 300: how many entries are read at a time. */
  unsigned read_count;
  /* 5000: how long Redis waits for a new entry before it answers, in milliseconds. */
  unsigned block_time_in_ms;
} sio_redis_adapter_options;

/* Speaks the protocol of createAdapter() of @socket.io/redis-adapter 8. "requestsTimeout" of
 * Node.js is sio_options.request_timeout_ms. Two servers that have a namespace of the same name
 * with the same key need a sio_redis each: on one sio_redis, sio_of() of the second server fails
 * with UV_EEXIST.
 *
 * It differs from Node.js in two things. A question that some servers have not answered in time
 * ends with the answers that came. sio_all_join(), sio_all_leave() and sio_all_disconnect() change
 * the sockets of this server before they return, even without a connection to Redis. */
SIO_EXTERN extern const sio_adapter_ops *const sio_redis_adapter;

/* Speaks the protocol of createShardedAdapter() of @socket.io/redis-adapter 8, which uses sharded
 * channels (SSUBSCRIBE; Redis 7). `key` is its "channelPrefix". If rooms have channels of their own
 * (subscription_mode), a server is sent only the broadcasts for rooms of its clients. In a Redis
 * Cluster each channel is on the node that has its slot. When a slot moves to another node, a
 * server misses what is published between the end of its subscription on the old node and the
 * beginning of that on the new one. Servers with this adapter and servers with sio_redis_adapter do
 * not receive messages of each other. */
SIO_EXTERN extern const sio_adapter_ops *const sio_redis_sharded_adapter;

/* Speaks the protocol of createAdapter() of @socket.io/redis-streams-adapter 0.3 (Redis 5 or
 * newer). Events, joins, leaves and disconnects are entries of a stream, which each server reads in
 * order. After a lost connection a server continues at the entry where it stopped, so it misses
 * nothing that Redis still has (max_len entries). What is published while Redis cannot be reached
 * waits, up to sio_redis_options.max_queued bytes, and is delivered to the clients of this server
 * at once. Each stream needs two more connections.
 *
 * If a connection breaks before Redis has answered, the entry is added again, unless the stream has
 * it by then. Redis may still execute the first XADD later. So an entry has one field more than
 * those of Node.js, "seq", which counts the entries of its server: servers of libsio ignore an
 * entry whose number is not greater than the last one of the same server
 * (sio_redis_stats.repeated). To them each entry is delivered at most once, in the order of its
 * server, and exactly once unless a counter of sio_redis_stats says otherwise or Redis loses it. A
 * Node.js server ignores the field, and may get an entry twice in that case.
 *
 * With sio_options.recovery a client is recovered by any server of the cluster, also a Node.js
 * server. The offset of an event is the id of its entry. A socket is a key of Redis that contains
 * its rooms and sio_socket_shared(); the bytes of socket_data_size become zero. The key is written
 * when the client connects and when its rooms or its data change, so a client can return even if
 * its server was killed (a Node.js server writes it only when a connection breaks). With recovery:
 *
 *  - An event is delivered to the clients of this server when it has been read back from Redis, so
 *    that all servers deliver in the same order: about a millisecond later. If Redis cannot be
 *    reached, it is delivered at once, and if Redis is slow, after a second, both without an
 *    offset.
 *  - An event of sio_emit() is an entry, too. The receivers of a broadcast are the sockets that are
 *    in the room when the entry is read back, not those that were in it when sio_broadcast() was
 *    called. Answers to clients (sio_reply()) do not wait for Redis.
 *  - A client that has received no event with an offset cannot be recovered, as with Node.js. */
SIO_EXTERN extern const sio_adapter_ops *const sio_redis_streams_adapter;

#ifdef __cplusplus
}
#endif
#endif
