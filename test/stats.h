/* SPDX-License-Identifier: MIT
 *
 * stats.h - do a server's counters add up, as <sio/server.h> says? To be asked at any time, also
 * by programs in which nobody knows what was counted.
 */
#ifndef SIO_TEST_STATS_H
#define SIO_TEST_STATS_H

#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

static inline uint64_t stats_sum(const uint64_t *v, size_t n) {
  uint64_t total = 0;
  while (n) total += v[--n];
  return total;
}

#define STATS_SUM(array) stats_sum(array, sizeof(array) / sizeof *(array))

/* The first rule that does not hold; NULL: all do. */
static inline const char *stats_fault(const sio_stats *st) {
#define RULE(rule) \
  if (!(rule)) return #rule
  uint64_t answered = STATS_SUM(st->http_responses) + st->http_aborted;
  uint64_t refused = STATS_SUM(st->http_refused) + STATS_SUM(st->engine_refused);
  uint64_t acks = st->acks_received + st->acks_timed_out + st->acks_lost;
  RULE(st->connections_accepted == st->connections + st->connections_closed);
  RULE(st->http_requests >= answered);
  RULE(st->http_requests - answered <= st->connections);
  RULE(st->requests_refused == st->http_responses[3] + st->http_responses[4]);
  RULE(refused <= st->http_requests);
  RULE(st->websockets_opened == st->websockets + STATS_SUM(st->websockets_closed));
  RULE(st->websockets <= st->connections);
  RULE(st->sessions_opened == st->sessions + STATS_SUM(st->sessions_closed));
  RULE(st->sessions_opened == st->sessions_polling + st->sessions_websocket);
  RULE(st->sessions == st->sessions_now[0] + st->sessions_now[1]);
  RULE(st->upgrades_started >= st->upgrades + st->upgrades_failed);
  RULE(st->upgrades_started - st->upgrades - st->upgrades_failed <= st->websockets);
  RULE(st->sockets_opened == st->sockets + STATS_SUM(st->sockets_closed));
  for (int i = 0; i < SIO_REASON_END; i++)
    RULE(st->closed[i] == st->sessions_closed[i] + st->sockets_closed[i]);
  RULE(st->acks_asked == acks + st->acks_pending);
  RULE(st->acks_pending <= st->acks_asked);
  RULE(st->acks_received == sio_histogram_total(&st->ack_us));
  RULE(st->packets_in == sio_histogram_total(&st->packet_bytes_in));
  RULE(st->bytes_in == st->packet_bytes_in.sum);
  RULE(st->packets_out == sio_histogram_total(&st->packet_bytes_out));
  RULE(st->bytes_out == st->packet_bytes_out.sum);
  RULE(st->net_writes == sio_histogram_total(&st->write_bytes));
  RULE(st->net_bytes_out == st->write_bytes.sum);
  RULE(st->queued_bytes <= (uint64_t)1 << 40);
  return NULL;
#undef RULE
}

/* The same; and of a server whose peers are all gone nothing is left. (But for what waits for the
 * last poll of a session that is over.) */
static inline const char *stats_fault_at_rest(const sio_stats *st) {
  const char *fault = stats_fault(st);
  if (fault || st->connections || st->sessions) return fault;
  if (st->websockets) return "websockets == 0";
  if (st->sockets || st->rooms) return "sockets == 0 and rooms == 0";
  if (st->acks_pending) return "acks_pending == 0";
  if (st->upgrades_started != st->upgrades + st->upgrades_failed) return "all upgrades ended";
  return NULL;
}

#endif
