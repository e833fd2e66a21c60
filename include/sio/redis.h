/* SPDX-License-Identifier: MIT
 *
 * redis.h - servers that work as one over Redis: the library libsio-redis, beside libsio
 * (pkg-config libsio-redis). The servers may be libsio's and Node.js servers with
 * @socket.io/redis-adapter (createAdapter()), mixed.
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
 * Then sio_broadcast(), sio_all_join(), sio_all_fetch(), sio_server_side_emit() ... reach the
 * clients and the servers of the whole cluster, unless the target has SIO_LOCAL.
 *
 * Two connections are opened, one for commands and one that is subscribed, when the first namespace
 * of a server is made; they are closed when the last server that uses them closes. In a Redis
 * Cluster there are two to each node that is needed. What goes wrong
 * with Redis is logged, counted (sio_redis_stats) and told to on_state; the clients of this server
 * do not notice: what is sent to them goes on.
 *
 *  - Commands wait in memory while a connection is being made, up to max_queued bytes; what does
 *    not fit is dropped and counted. Questions to other servers (acks, sio_all_fetch(), ...) that
 *    find no connection end at once with what this server knows, and status UV_ENOTCONN.
 *  - What other servers published while this one was not subscribed is lost: Redis keeps no message
 *    of a channel. The same holds for commands that were sent and not answered when the connection
 *    broke; they are counted.
 *  - Whoever can publish in this Redis can do what the servers can do. Use a password, and a Redis
 *    that only the servers reach. What comes from it is checked and bounded all the same.
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
  SIO_REDIS_IDLE,       /* no server uses it                                         */
  SIO_REDIS_CONNECTING, /* one of the two connections is not there, or not subscribed */
  SIO_REDIS_READY       /* messages go in and out                                    */
};
/* why: one line, "" for READY. Called from the loop, never inside a call. It may make any call but
 * sio_redis_free(). */
typedef void (*sio_redis_state_cb)(sio_redis *redis, enum sio_redis_state state, const char *why,
                                   void *user);

/* Zero means the default in every field. Only read during the call. */
typedef struct sio_redis_options {
  /* sizeof(sio_redis_options); 0: the size that the struct had in version 0.1. */
  size_t size;
  /* "redis://localhost:6379". One of
   *
   *   redis://[user[:password]@]host[:port][/database]
   *   unix:///path/of/socket
   *   redis+sentinel://[user[:password]@]host[:port][,host[:port]...]/name[/database]
   *   redis+cluster://[user[:password]@]host[:port][,host[:port]...]
   *
   * The hosts of the third are sentinels (port 26379), which are asked for the master of this name
   * before each attempt to connect; a server that is not the master is not used. The login is for
   * the master; that for the sentinels is in sentinel_username and sentinel_password. The hosts of
   * the fourth are some nodes of a Redis Cluster; the others are learnt from them. At most 16
   * hosts. With rediss in place of redis for TLS (see tls), to all servers, sentinels included. %XX
   * is decoded in user, password, name and path. An IPv6 address stands in brackets. The database
   * does not separate clusters: channels belong to the whole server; use
   * sio_redis_adapter_options.key. */
  const char *url;
  const char *username, *password; /* in place of those in url; NULL: those, or none */
  const char *client_name;         /* "libsio": CLIENT SETNAME; no spaces             */
  unsigned connect_timeout_ms;     /* 5000: until a connection is ready for commands  */
  /* 10000: a connection that was silent for so long is sent a PING; it is given up if nothing comes
   * for as long again. */
  unsigned ping_interval_ms;
  unsigned retry_min_ms; /* 50: before the first new attempt; doubled for each further one */
  unsigned retry_max_ms; /* 5000; each wait is shortened by up to a half at random         */
  /* 4 MiB: commands that wait until Redis takes them, and, in a cluster, until it has answered; for
   * each server of Redis. */
  size_t max_queued;
  size_t max_message;          /* 32 MiB: the longest message that is read from Redis            */
  sio_redis_state_cb on_state; /* NULL: not called */
  void *on_state_user;
  /* NULL: nothing is logged. Lines of levels up to log_level (0: SIO_LOG_WARN), room "redis". As
   * sio_options.log: from the loop, never inside a call; of each kind of line one a second, and how
   * many were left out. */
  sio_log_cb log;
  void *log_user;
  int log_level;
  /* For rediss://, and only for that: a client's, as of sio_openssl_client_new() (libsio-openssl),
   * whose server_name all servers of Redis must have in their certificates.
   * Borrowed; it must outlive the handles of the sio_redis. libsio-redis is linked to no TLS. */
  const sio_tls *tls;
  /* For the sentinels of a url of redis+sentinel://; NULL: none. The login of the url, or username
   * and password, is for the master. */
  const char *sentinel_username, *sentinel_password;
} sio_redis_options;

/* uv: the loop of the servers. Opens no connection yet. UV_EINVAL: the options contradict each
 * other, UV_ENOMEM; why gets one line, as in sio_openssl_new(). */
SIO_EXTERN int sio_redis_new(struct uv_loop_s *uv, const sio_redis_options *o, char *why,
                             size_t size, sio_redis **out);
/* When nothing uses it any more: after done() of the last server. Before that the servers go on,
 * and are alone. Its handles are closed in the turns of the loop
 * that follow, as by uv_close(). NULL is fine. */
SIO_EXTERN void sio_redis_free(sio_redis *redis);

typedef struct sio_redis_stats {
  int state;           /* enum sio_redis_state                                            */
  uint64_t connects;   /* connections that became ready, both kinds                       */
  uint64_t failures;   /* attempts that failed, and connections that broke                */
  uint64_t published;  /* messages handed to Redis                                        */
  uint64_t received;   /* messages that came                                              */
  uint64_t dropped;    /* messages that were not sent: max_queued, no connection, no memory */
  uint64_t unanswered; /* commands that were under way when a connection broke            */
  uint64_t errors;     /* commands that Redis answered with an error                      */
  uint64_t malformed;  /* messages that came and could not be understood                  */
  size_t queued;       /* bytes of commands that wait                                     */
  uint64_t redirected; /* answers of a cluster that a slot is on another server (MOVED, ASK) */
  /* Messages that Redis took while fewer servers listened than before the connection broke: those
   * that were not back yet missed them. Without those on the channels of rooms (the sharded
   * adapter), and those of the other adapter in a Redis Cluster, of which Redis does not say it. */
  uint64_t missed;
  uint64_t switches; /* how often the sentinels had another master than before          */
  /* How often a subscription of this server was interrupted: its connection broke, or its slot of a
   * cluster moved. What other servers published in that channel until this server was subscribed
   * again is lost to its clients. Redis does not say how much that was, or whether anything. */
  uint64_t interrupted;
} sio_redis_stats;
/* Fills in the first size bytes of *out; pass sizeof *out. */
SIO_EXTERN void sio_redis_get_stats(const sio_redis *r, sio_redis_stats *out, size_t size);

/* ---- the adapter ----------------------------------------------------------------------------- */

/* Which rooms have a channel of their own in the sharded adapter ("subscriptionMode"). All servers
 * of a cluster must have the same. */
enum sio_redis_subscription_mode {
  SIO_REDIS_DYNAMIC,        /* all but those of a socket's own id       */
  SIO_REDIS_STATIC,         /* none: each server hears every broadcast  */
  SIO_REDIS_DYNAMIC_PRIVATE /* all                                      */
};

/* For sio_options.adapter_user. It must outlive the server. The names are those of Node.js. */
typedef struct sio_redis_adapter_options {
  size_t size; /* sizeof(sio_redis_adapter_options); 0: the size that it had in version 0.1 */
  sio_redis *redis;
  /* "socket.io": the prefix of all channels; the same in all servers of a cluster. */
  const char *key;
  /* Answers to questions go to the asking server alone, not to all. All servers must be libsio's,
   * or @socket.io/redis-adapter 7.1 or newer. */
  bool publish_on_specific_response_channel;
  int subscription_mode; /* enum sio_redis_subscription_mode: for the sharded adapter */

  /* For the streams adapter; the same in all servers of a cluster, as is key ("channelPrefix"). */
  const char *stream_name;        /* "socket.io" */
  unsigned stream_count;          /* 1: with more, the streams are "<name>-0", "<name>-1" ... */
  const char *session_key_prefix; /* "sio:session:"                                           */
  bool use_sharded_pub_sub;       /* questions and answers go through sharded channels        */
  size_t max_len;                 /* 10000: Redis keeps about so many entries of a stream     */
  unsigned read_count;            /* 100, at most 300: entries that are read at a time        */
  unsigned block_time_in_ms;      /* 5000: how long Redis waits for an entry to read          */
} sio_redis_adapter_options;

/* What createAdapter() of @socket.io/redis-adapter 8 speaks. "requestsTimeout" of Node.js is
 * sio_options.request_timeout_ms. A server of it fails to make a namespace with UV_EEXIST if
 * another server has the same one with the same key on the same sio_redis: each needs its own.
 *
 * What differs from Node.js: a question that not everybody answered in time ends with the answers
 * that came; sio_all_join(), _leave() and _disconnect() apply to this server's clients within the
 * call, and work without Redis. */
SIO_EXTERN extern const sio_adapter_ops *const sio_redis_adapter;

/* What createShardedAdapter() of @socket.io/redis-adapter 8 speaks, over sharded channels
 * (SSUBSCRIBE; Redis 7). key is its "channelPrefix". With subscription_mode a server hears only the
 * broadcasts for rooms that its clients are in. In a Redis Cluster each channel is on the server of
 * its slot; while a slot moves, a server misses what is published between the end of its
 * subscription on the old server and the new one. The two adapters do not hear each other. */
SIO_EXTERN extern const sio_adapter_ops *const sio_redis_sharded_adapter;

/* What createAdapter() of @socket.io/redis-streams-adapter 0.3 speaks (Redis 5 or newer). Events,
 * joins, leaves and disconnects are entries of a stream, which each server reads in order; after a
 * lost connection it goes on where it was. Nothing is lost that Redis still has: max_len entries.
 * What is published while Redis is away waits, up to max_queued bytes of sio_redis_options, and is
 * delivered to the clients of this server at once. Each stream needs two more connections.
 *
 * With sio_options.recovery a client is recovered by any server of the cluster, libsio's or
 * Node.js: the offset of an event is the id of its entry, and a socket is a key of Redis, with its
 * rooms and sio_socket_shared(); the bytes of socket_data_size become zero. A key is written when
 * a client connects and its rooms or data change, not only when its connection breaks: so a client
 * returns although its server was killed (from a Node.js server only if that closed). Then:
 *
 *  - An event is delivered to the clients of this server when it has come back from Redis, so that
 *    all see one order: about a millisecond later. It is delivered without an offset, at once, if
 *    Redis is away, and after a second if Redis is slow.
 *  - sio_emit() to a single client is an entry as well. Who is in a room then decides, not who was
 *    when sio_broadcast() was called. Answers to events of clients (sio_reply()) do not wait.
 *  - A client that has received no event with an offset cannot return, as with Node.js. */
SIO_EXTERN extern const sio_adapter_ops *const sio_redis_streams_adapter;

#ifdef __cplusplus
}
#endif
#endif
