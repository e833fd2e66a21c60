/* SPDX-License-Identifier: MIT
 *
 * stats.h - what a server has counted since its start.
 *
 *     sio_stats st;
 *     sio_server_get_stats(srv, &st, sizeof st);
 *     printf("%" PRIu64 " sockets\n", st.sockets);
 *
 * metrics.h writes the same as text for Prometheus.
 */
#ifndef SIO_STATS_H
#define SIO_STATS_H

#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A histogram: how many values fell into each range of sizes or durations. count[0] counts the
 * values up to 64, count[1] those from 65 to 128, count[2] those from 129 to 256, and so on; the
 * last element counts all greater values. */
enum { SIO_BUCKETS = 20 };
typedef struct sio_histogram {
  uint64_t sum; /* of all values */
  uint64_t count[SIO_BUCKETS];
} sio_histogram;

/* Returns the greatest value that count[i] of a histogram counts: 64, 128, ..., 16 Mi. Returns
 * UINT64_MAX for the last element. */
static inline uint64_t sio_bucket_bound(int i) {
  return i < SIO_BUCKETS - 1 ? (uint64_t)64 << i : UINT64_MAX;
}

/* Returns how many values the histogram has counted. */
static inline uint64_t sio_histogram_total(const sio_histogram *h) {
  uint64_t n = 0;
  int i;
  for (i = 0; i < SIO_BUCKETS; i++) n += h->count[i];
  return n;
}

/* The HTTP requests that the server refused because of their form, length or duration, or for lack
 * of memory, by their status. The values are indexes of sio_stats.http_refused. */
enum sio_http_refusal {
  SIO_HTTP_MALFORMED, /* 400, 417, 501 or 505                   */
  SIO_HTTP_HEAD_SIZE, /* 431: over max_head or max_headers      */
  SIO_HTTP_BODY_SIZE, /* 413                                    */
  SIO_HTTP_TIMEOUT,   /* 408: the request took too long to come */
  SIO_HTTP_NO_MEMORY, /* 503: memory ran out                    */
  SIO_HTTP_REFUSED_END
};

/* Why Engine.IO refused a request. The values are indexes of sio_stats.engine_refused. The first
 * six are the error codes of Engine.IO (sio_connection_error.code); the others have no such
 * code. */
enum sio_engine_refusal {
  SIO_ENGINE_REFUSED_TRANSPORT,
  SIO_ENGINE_REFUSED_SESSION,
  SIO_ENGINE_REFUSED_METHOD,
  SIO_ENGINE_REFUSED_REQUEST,
  SIO_ENGINE_REFUSED_FORBIDDEN,
  SIO_ENGINE_REFUSED_VERSION,
  SIO_ENGINE_REFUSED_MISUSE,   /* for example two polls at once, or a DELETE */
  SIO_ENGINE_REFUSED_DRAINING, /* 503                                        */
  SIO_ENGINE_REFUSED_END
};

/* How a WebSocket ended: by the code of the close frame that was received or, if none was received,
 * of the one that was sent. The values are indexes of sio_stats.websockets_closed. */
enum sio_ws_ending {
  SIO_WS_CLOSE_NORMAL,      /* 1000, 1001, or a close frame without a code */
  SIO_WS_CLOSE_ABNORMAL,    /* 1006: there was no close frame              */
  SIO_WS_CLOSE_ERROR,       /* other codes below 3000                      */
  SIO_WS_CLOSE_APPLICATION, /* 3000 to 4999                                */
  SIO_WS_CLOSE_END
};

/* Why a client was not admitted to a namespace. The values are indexes of
 * sio_stats.connects_refused. */
enum sio_refusal {
  SIO_REFUSED_BY_MIDDLEWARE,
  SIO_REFUSED_TIMEOUT,  /* middleware_timeout_ms passed, for middleware or sio_of_match() */
  SIO_REFUSED_NO_NSP,   /* there is no namespace of this name, or it cannot be made       */
  SIO_REFUSED_TOO_MANY, /* max_nsps or max_child_nsps is reached                          */
  SIO_REFUSED_END
};

/* Why a client that asked for the recovery of its socket was not recovered. The values are indexes
 * of sio_stats.recovery_failed. */
enum sio_recovery_failure {
  SIO_RECOVERY_NONE,
  /* The pid is not known: it came too late or is of another server; or it is in use; or what the
   * adapter has saved for it is malformed. */
  SIO_RECOVERY_NO_SESSION,
  SIO_RECOVERY_BAD_OFFSET, /* the offset is invalid                                              */
  SIO_RECOVERY_LOG_GONE,   /* events that it may have missed are not kept (see max_log_bytes)    */
  /* The events that the client missed take more memory than max_queued or queue_high allows,
   * together with what is queued for it already; or the client has asked for the same events too
   * often: the events that it is sent again may have twice as many bytes as those it was sent the
   * first time, and 16 KiB more; or the server of its thread was too far behind to be sent what the
   * adapter of another thread has found. */
  SIO_RECOVERY_TOO_MUCH,
  SIO_RECOVERY_NO_MEMORY,
  SIO_RECOVERY_NO_ANSWER, /* the adapter could not look for the socket, or not in time */
  SIO_RECOVERY_END
};

/* Why a packet of a client was ignored, although it broke no rule. The values are indexes of
 * sio_stats.packets_ignored. */
enum sio_ignored {
  /* An EVENT, an ACK or a DISCONNECT for a namespace that the client has left, or was disconnected
   * from before it knew: the packet had been sent already, or was waiting for packet middleware. */
  SIO_IGNORED_LEFT,
  SIO_IGNORED_ACK,   /* an ACK that nobody waits for, for example because it came too late */
  SIO_IGNORED_EMPTY, /* an EVENT without a name                                            */
  SIO_IGNORED_END
};

/* The length of the arrays in sio_stats that are indexed by an enum. Only the indexes below the
 * ..._END value of that enum are used. */
enum { SIO_STATS_SLOTS = 16 };

/* The statistics of a server. A field is a counter, which only grows, unless its comment says that
 * it is a gauge, which is the number at this moment. Every field is a uint64_t or consists of
 * several, so that the statistics of several servers can be added (sio_stats_add()). New fields
 * are added at the end in later versions. These equations hold between two turns of the loop, and
 * inside every callback except those of sio_on_any_outgoing() and packet_create:
 *
 *   connections_accepted = connections + connections_closed
 *   http_requests        = the sum of http_responses + http_aborted + those not answered yet
 *   requests_refused     = http_responses[3] + http_responses[4]
 *   websockets_opened    = websockets + the sum of websockets_closed
 *   sessions_opened      = sessions + the sum of sessions_closed
 *                        = sessions_polling + sessions_websocket
 *   sessions             = sessions_now[0] + sessions_now[1]
 *   upgrades_started     = upgrades + upgrades_failed + those in progress
 *   sockets_opened       = sockets + the sum of sockets_closed
 *   closed[i]            = sessions_closed[i] + sockets_closed[i]
 *   acks_asked           = acks_received + acks_timed_out + acks_lost + acks_pending
 *   packets_in           = sio_histogram_total(&packet_bytes_in)
 *   bytes_in             = packet_bytes_in.sum
 *   packets_out          = sio_histogram_total(&packet_bytes_out)
 *   bytes_out            = packet_bytes_out.sum
 */
typedef struct sio_stats {
  /* -- Connections, TCP and Unix -- */
  uint64_t connections; /* gauge: open */
  uint64_t connections_accepted, connections_closed;
  /* Open connections that this server passed to the server of another thread (threads.h), which has
   * their session. This server counts such a connection as closed; the other one counts it as
   * accepted, unless it cannot take it over. */
  uint64_t connections_handed_over;
  /* closed at once because of an error, such as a lack of memory; see rejected for limits */
  uint64_t connections_refused;
  uint64_t accept_failures; /* no descriptor or no memory to accept one                 */
  uint64_t net_bytes_in, net_bytes_out;
  uint64_t net_reads, net_writes; /* system calls                                           */
  uint64_t net_blocked;           /* writes of which the kernel took only a part, or nothing */
  uint64_t bytes_lost;            /* queued and not sent when the connection ended          */
  /* Gauge: the memory of everything that is queued for clients, as max_queued counts it. A
   * broadcast counts once for each receiver. What was queued for a WebSocket in this turn of the
   * loop does not count. */
  uint64_t queued_bytes;
  /* Gauge: the memory of encoded messages and HTTP responses, each counted once, including messages
   * that are kept for recovery. */
  uint64_t message_bytes;
  sio_histogram write_bytes; /* bytes of each write */
  /* How many microseconds each turn of the loop took. A turn begins with the first event of this
   * server in a pass of the loop: bytes of a client, a connection, a timer of the library, or a
   * call of another thread. It ends when what was queued has been written, before the loop waits
   * again. All callbacks that run in this time count, also those of the program's own handles.
   * Callbacks that run in a pass before the turn begins, or in a pass without a turn, do not; what
   * they queue is written in a turn that begins after them. */
  sio_histogram turn_us;
  /* How often the server found that the loop had been blocked for half of ping_timeout_ms, or for
   * one second if that is less, but for at least 100 ms. Counted are turns that took as long, and
   * timers of the library that fired as late for another reason. So a callback of the program that
   * blocks the loop outside a turn, while no timer of the library is due, as is usual with few
   * clients, does not count. The guide shows how to find such callbacks ("Metrics and
   * monitoring"). */
  uint64_t stalls;
  /* Calls that were refused because they were made in a callback of sio_on_any_outgoing() or
   * packet_create, where they are not allowed (server.h). */
  uint64_t calls_refused;

  /* -- TLS (tls.h) -- */
  uint64_t tls_connections;                 /* gauge: open                                        */
  uint64_t tls_handshaking;                 /* gauge: handshakes under way                        */
  uint64_t tls_handshakes[SIO_STATS_SLOTS]; /* completed, by enum sio_tls_version */
  uint64_t tls_resumed;                     /* of these: a session was resumed    */
  uint64_t tls_failed[SIO_STATS_SLOTS];     /* by enum sio_tls_failure            */
  uint64_t tls_displaced; /* handshakes closed because max_tls_handshakes were under way */

  /* -- HTTP -- */
  uint64_t http_requests;                 /* begun                                   */
  uint64_t http_responses[5];             /* 1xx to 5xx; an upgrade is a 1xx         */
  uint64_t requests_refused;              /* 4xx and 5xx                             */
  uint64_t http_aborted;                  /* ended without a response                */
  uint64_t http_refused[SIO_STATS_SLOTS]; /* by enum sio_http_refusal                */
  /* How many HTTP responses, files and WebSocket messages were compressed; a broadcast counts
   * once. */
  uint64_t compressed;
  uint64_t compressed_plain[2], compressed_packed[2]; /* bytes before and after: HTTP, WebSocket */

  /* -- WebSocket: of sessions, of upgrades under way, and of sio_ws_route() -- */
  uint64_t websockets; /* gauge: open */
  uint64_t websockets_opened;
  uint64_t websockets_closed[SIO_STATS_SLOTS]; /* by enum sio_ws_ending                       */
  uint64_t websockets_refused;                 /* handshakes that were answered with an error */
  uint64_t ws_messages_in, ws_messages_out;
  uint64_t inflated, inflated_plain, inflated_packed; /* compressed messages received, bytes  */

  /* -- Engine.IO sessions -- */
  uint64_t sessions;        /* gauge: open                              */
  uint64_t sessions_now[2]; /* gauges: on polling, on WebSocket         */
  uint64_t sessions_opened;
  uint64_t sessions_polling, sessions_websocket; /* opened, by the transport they began with */
  uint64_t sessions_closed[SIO_STATS_SLOTS];     /* by enum sio_reason      */
  uint64_t engine_refused[SIO_STATS_SLOTS];      /* by enum sio_engine_refusal */
  uint64_t upgrades_started, upgrades, upgrades_failed;
  uint64_t pings_sent;
  uint64_t heartbeats_missed; /* pongs, or pings of Engine.IO 3, that did not come in time */
  sio_histogram heartbeat_us; /* microseconds from ping to pong                            */
  uint64_t packets_in, packets_out, bytes_in, bytes_out;
  sio_histogram packet_bytes_in, packet_bytes_out; /* bytes of each Engine.IO packet         */
  uint64_t parse_errors; /* packets that broke the protocol, or a limit such as max_packet */
  /* Sessions and WebSockets of sio_ws_route() that were closed because more than max_queued or,
   * with SIO_FULL_CLOSE, more than queue_high was queued for them; and sessions whose events that
   * waited for packet middleware took more than max_queued. */
  uint64_t overflows;
  uint64_t out_of_memory; /* sessions closed because an allocation failed                   */

  /* -- Socket.IO -- */
  uint64_t sockets; /* gauge: connected */
  uint64_t sockets_opened;
  uint64_t sockets_closed[SIO_STATS_SLOTS];   /* by enum sio_reason                          */
  uint64_t closed[SIO_STATS_SLOTS];           /* sessions and sockets, by enum sio_reason    */
  uint64_t connects_refused[SIO_STATS_SLOTS]; /* by enum sio_refusal                         */
  uint64_t recovered;                         /* sockets recovered                           */
  uint64_t recovery_failed[SIO_STATS_SLOTS];  /* by enum sio_recovery_failure                */
  uint64_t nsps;                              /* gauge: namespaces, child namespaces included */
  uint64_t child_nsps;                        /* gauge: namespaces that parents made (nsp.h) */
  uint64_t nsps_refused;                      /* not made because of max_child_nsps          */
  uint64_t rooms;      /* gauge: rooms with members; the room of each socket's id is not counted */
  uint64_t events_in;  /* received from clients                                              */
  uint64_t events_out; /* queued for clients; a broadcast counts for each receiver           */
  uint64_t events_refused;                /* by packet middleware                            */
  uint64_t broadcasts;                    /* sio_broadcast() and similar calls               */
  uint64_t volatile_dropped;              /* volatile events not sent, for each receiver     */
  uint64_t events_dropped, bytes_dropped; /* by when_full                                    */
  uint64_t acks_sent;
  uint64_t acks_asked; /* of clients; a broadcast with acks counts for each receiver         */
  uint64_t acks_received, acks_timed_out;
  uint64_t acks_lost;    /* the client left, the query had ended, or sio_cancel_ack()        */
  uint64_t acks_pending; /* gauge                                                            */
  sio_histogram ack_us;  /* microseconds from asking to the ack                              */
  /* Answers to queries (emit.h) that were dropped, for example because of max_answers. */
  uint64_t answers_dropped;
  /* Messages from the server of one thread to that of another (threads.h) that were lost or could
   * not be carried out, for example because more than 64 MiB of messages were waiting for the
   * receiver, or because memory ran out. Most connections that could not be handed over count,
   * too. */
  uint64_t thread_messages_lost;

  /* -- Limits (limits.h) -- */
  uint64_t rejected[SIO_STATS_SLOTS]; /* rejected peers and requests, by enum sio_reject_cause */
  uint64_t limited, limited_closed;   /* clients paused, and closed, for sending too much    */
  uint64_t addresses;                 /* gauge: addresses remembered                         */
  /* how often a peer was not counted: max_addresses were in use, or memory ran out */
  uint64_t addresses_uncounted;

  /* -- The log (log.h) -- */
  uint64_t log_lines_lost;     /* no memory, or too many in one turn                         */
  uint64_t log_lines_left_out; /* over the rate of lines that clients cause                  */

  /* -- Socket.IO, continued -- */
  uint64_t packets_ignored[SIO_STATS_SLOTS]; /* by enum sio_ignored */
} sio_stats;

/* Fills in the first `size` bytes of *out; pass sizeof *out as size. The call takes time in
 * proportion to the number of namespaces. Must be called on the loop's thread. */
SIO_EXTERN void sio_server_get_stats(const sio_server *srv, sio_stats *out, size_t size);

/* Adds the statistics *more of another server to *sum, gauges included. May be called on any
 * thread, because both are copies. */
static inline void sio_stats_add(sio_stats *sum, const sio_stats *more) {
  uint64_t *to = (uint64_t *)sum;
  const uint64_t *from = (const uint64_t *)more;
  size_t i;
  for (i = 0; i < sizeof *sum / sizeof *to; i++) to[i] += from[i];
}

#ifdef __cplusplus
}
#endif
#endif
