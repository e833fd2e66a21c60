/* SPDX-License-Identifier: MIT
 *
 * stats.c - sio_server_get_stats(): collects the counters of all parts of the library, each of
 * which counts in a struct of its own. Values that can be computed from other counters are computed
 * here.
 */
#include "server/server.h"

#include "core/nsp.h"
#include <sio/metrics.h>

static uint64_t sum_counter_array(const uint64_t *v, size_t n) {
  uint64_t total = 0;
  while (n) total += v[--n];
  return total;
}

static void fill_net_stats(sio_stats *st, const struct loop *l) {
  const struct net_stats *net = &l->stats;
  st->connections = l->nconns;
  st->connections_accepted = net->accepted;
  st->connections_closed = net->accepted - l->nconns;
  st->net_bytes_in = net->bytes_in;
  st->net_bytes_out = net->wrote.sum;
  st->net_reads = net->reads;
  st->net_writes = sio_histogram_total(&net->wrote);
  st->net_blocked = net->blocked;
  st->queued_bytes = net->held;
  st->message_bytes = l->msgs.bytes;
  st->bytes_lost += net->lost;
  st->write_bytes = net->wrote;
  st->turn_us = net->turns;
}

static void fill_tls_stats(sio_stats *st, const struct net_stats *net, uint64_t hellos) {
  st->tls_connections = net->tls_connections;
  st->tls_resumed = net->tls_resumed;
  st->tls_displaced = net->tls_displaced;
  memcpy(st->tls_handshakes, net->tls_handshakes, sizeof net->tls_handshakes);
  memcpy(st->tls_failed, net->tls_failed, sizeof net->tls_failed);
  st->tls_failed[SIO_TLS_FAILED_PORT] += hellos;
}

static void fill_http_stats(sio_stats *st, const struct http_stats *http) {
  st->http_requests = http->requests;
  st->http_aborted = http->aborted;
  st->requests_refused = http->answers[3] + http->answers[4];
  memcpy(st->http_responses, http->answers, sizeof http->answers);
  memcpy(st->http_refused, http->refused, sizeof http->refused);
  st->websockets_refused = http->handshakes_refused;
}

static void fill_ws_stats(sio_stats *st, const struct ws_shared *ws) {
  const struct ws_stats *from = &ws->stats;
  struct deflate_count in = sio__ws_pool_inflate_stats(ws->recv.pool);
  st->websockets_opened = from->opened;
  st->websockets = from->opened - sum_counter_array(from->closed, SIO_WS_CLOSE_END);
  memcpy(st->websockets_closed, from->closed, sizeof from->closed);
  st->ws_messages_in = from->messages_in;
  st->ws_messages_out = from->messages_out;
  st->inflated = in.texts;
  st->inflated_plain = in.plain;
  st->inflated_packed = in.packed;
}

static void fill_compression_stats(sio_stats *st, int i, const struct deflater *z) {
  struct deflate_count out = sio__deflater_get_counts(z);
  st->compressed += out.texts;
  st->compressed_plain[i] = out.plain;
  st->compressed_packed[i] = out.packed;
}

static void compute_sums_in_session_stats(sio_stats *st) {
  st->packets_in = sio_histogram_total(&st->packet_bytes_in);
  st->packets_out = sio_histogram_total(&st->packet_bytes_out);
  st->bytes_in = st->packet_bytes_in.sum;
  st->bytes_out = st->packet_bytes_out.sum;
  st->acks_pending = st->acks_asked - sum_counter_array(&st->acks_received, 3);
  for (int i = 0; i < SIO_REASON_END; i++)
    st->closed[i] = st->sessions_closed[i] + st->sockets_closed[i];
}

static void fill_namespace_stats(sio_stats *st, const sio_server *srv) {
  struct nsp_stats all = { 0 };
  const sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));)
    sio__nsp_add_to_stats(&all, nsp);
  const struct hook *k = NULL;
  while ((k = sio__hooks_next_after(&srv->core.parents, k, UINT64_MAX)))
    sio__nsp_add_to_stats(&all, k->user);
  st->nsps = srv->core.nsps.n;
  st->child_nsps = srv->core.nchildren;
  st->rooms = all.rooms;
  st->events_in = all.events_in;
  st->events_out = all.events_out;
}

static void fill_limit_stats(sio_stats *st, const struct addr_limits *d) {
  memcpy(st->rejected, d->refused, sizeof d->refused);
  st->addresses = sio__addr_limits_count_known_addresses(d);
  st->addresses_uncounted = d->not_counted;
}

void sio_server_get_stats(const sio_server *srv, sio_stats *out, size_t size) {
  sio_stats st = srv->core.stats;
  fill_net_stats(&st, &srv->core.loop);
  fill_tls_stats(&st, &srv->core.loop.stats, srv->http.stats.tls_hellos);
  fill_http_stats(&st, &srv->http.stats);
  fill_compression_stats(&st, 0, srv->deflater);
  fill_ws_stats(&st, &srv->ws);
  fill_compression_stats(&st, 1, srv->ws.deflate.deflater);
  compute_sums_in_session_stats(&st);
  fill_namespace_stats(&st, srv);
  fill_limit_stats(&st, &srv->addr_limits);
  st.tls_handshaking = srv->core.loop.nhandshakes;
  st.log_lines_lost = srv->core.log.lost;
  st.calls_refused = srv->core.loop.refused;
  st.log_lines_left_out = srv->core.log.left_out;
  memset(out, 0, size);
  memcpy(out, &st, size < sizeof st ? size : sizeof st);
}
