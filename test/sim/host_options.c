/* SPDX-License-Identifier: MIT
 *
 * host_options.c - the options of the servers of a life, and the line of its story for each.
 */
#include "draw.h"
#include "fault.h"
#include "host.h"
#include "loop.h"
#include "memory.h"

/* ---- options ------------------------------------------------------------------------ */

static void draw_times(sio_options *o) {
  if (often() || loop.ping_stalls) o->ping_interval_ms = draw_between(300, 5000);
  if (often() || loop.ping_stalls) o->ping_timeout_ms = draw_between(200, 5000);
  if (seldom()) o->upgrade_timeout_ms = draw_between(100, 3000);
  if (seldom()) o->connect_timeout_ms = draw_between(100, 5000);
  if (often()) o->close_timeout_ms = draw_between(100, 5000);
  if (seldom()) o->head_timeout_ms = draw_between(100, 5000);
  if (seldom()) o->body_timeout_ms = draw_between(100, 5000);
  if (seldom()) o->keep_alive_ms = draw_between(50, 5000);
  if (seldom()) o->middleware_timeout_ms = draw_between(50, 3000);
  if (seldom()) o->ack_timeout_ms = draw_between(50, 3000);
  if (seldom()) o->packet_timeout_ms = draw_between(50, 3000);
}

static void draw_sizes(sio_options *o) {
  if (often()) o->max_payload = draw_between(8000, 100000);
  if (often()) o->max_queued = draw_between(32768, 1 << 20);
  if (often()) o->high_water = draw_between(1000, 65536);
  if (seldom()) o->max_attachments = draw_between(1, 4);
  if (seldom()) o->max_depth = draw_between(4, 100);
  if (seldom()) o->max_fragments = draw_between(3, 20);
  if (seldom()) o->max_payload_packets = draw_between(50, 1000);
  if (often()) o->max_unjoined = draw_between(16384, 100000);
  if (seldom()) o->max_nsps = draw_between(2, 8);
  if (seldom()) o->max_acks = draw_between(1, 10);
  if (seldom()) o->max_connections = draw_between(2, 30);
  if (seldom()) o->max_head = draw_between(1024, 4000);
  if (seldom()) o->max_answers = draw_between(100, 10000);
  if (seldom()) o->max_child_nsps = draw_between(1, 3);
  if (often()) o->socket_data_size = draw(100);
}

static void draw_queue(sio_options *o) {
  if (!seldom()) return;
  o->queue_high = draw_between(2000, 30000);
  o->when_full = (int)draw(4);
}

static void draw_limits(sio_options *o) {
  if (seldom()) o->packets_per_s = draw_between(5, 200);
  if (seldom()) o->bytes_per_s = draw_between(2000, 100000);
  if (seldom()) o->when_limited = (int)draw(2);
  if (seldom()) o->connects_per_s = draw_between(2, 50);
  if (seldom()) o->max_per_address = draw_between(1, 10);
  if (seldom()) o->max_pending = draw_between(1, 5);
  if (seldom()) o->requests_per_s = draw_between(1, 20);
  if (seldom()) o->max_tls_handshakes = draw_between(1, 4);
}

/* All peers come from there. */
static const char *const proxies[] = { "10.0.0.0/8", "unix", NULL };

/* A pause for one packet of a limit of packets is shorter than the time in which a POST must be
 * answered. With a limit of bytes it may be longer. */
static void draw_upgraders_limit(sio_options *o) {
  o->packets_per_s = 0;
  o->bytes_per_s = 0;
  o->when_limited = SIO_LIMITED_PAUSE;
  switch (draw(3)) {
    case 1: o->packets_per_s = draw_between(3, 12); break;
    case 2: o->bytes_per_s = draw_between(200, 600); break;
  }
}

/* A server that handles POSTs late, because of a rate limit or a low high_water. Its peers say more
 * than that while they upgrade. */
static void draw_upgraders(sio_options *o) {
  host.upgraders = draw(8) == 7;
  if (!host.upgraders) return;
  draw_upgraders_limit(o);
  o->high_water = 1000 + draw_size(9000);
  o->max_queued = o->upgrade_timeout_ms = o->requests_per_s = o->max_per_address = 0;
}

/* Clients that return while middleware keeps them waiting, and while questions of another
 * namespace, which cannot be dropped, fill their queues. */
static void draw_full_returns(sio_options *o) {
  sio_recovery *recovery = (sio_recovery *)(uintptr_t)o->recovery;
  host.full_returns = recovery && !host.clustered && draw(2);
  if (!host.full_returns) return;
  recovery->max_disconnection_ms = 60000;
  recovery->max_log_bytes = 100000;
  recovery->max_sessions = 20;
  recovery->run_middlewares = true;
  o->queue_high = draw_between(3000, 8000);
  o->when_full = draw(4) ? SIO_FULL_DROP_OLDEST : SIO_FULL_KEEP_LATEST;
  o->max_acks = o->middleware_timeout_ms = o->max_per_address = o->max_connections = 0;
  o->packets_per_s = o->connects_per_s = o->requests_per_s = 0;
  o->bytes_per_s = 0;
}

static void draw_proxies(sio_options *o) {
  if (!seldom()) return;
  o->trusted_proxies = proxies;
  host.proxied = o->proxy_protocol = draw(2);
}

static void draw_features(sio_options *o) {
  static sio_recovery recovery;
  static const sio_deflate deflate = { .threshold = 40 };
  static const sio_cors cors = { .credentials = true };
  static const sio_cookie cookie = { .name = "io" };
  recovery = (sio_recovery){ 0 };
  if (often()) o->allow_eio3 = true;
  if (!o->allow_eio3 && draw(6) == 5) o->parser = sio_parser_msgpack;
  if (seldom()) o->per_message_deflate = &deflate;
  if (seldom()) o->cors = &cors;
  if (seldom()) o->cookie = &cookie;
  if (seldom()) o->drop_handshake = true;
  if (seldom()) o->keep_empty_nsps = true;
  if (seldom()) {
    recovery.max_disconnection_ms = draw_between(100, 60000);
    recovery.max_log_bytes = draw_between(1000, 100000);
    recovery.max_sessions = draw_between(1, 20);
    recovery.run_middlewares = often();
    o->recovery = &recovery;
  }
  bool names = seldom(), asks = seldom();
  host_handle_options(o, names, asks);
  o->log_level = (int)draw_between(SIO_LOG_WARN, SIO_LOG_TRACE);
}

static void draw_threads(sio_options *o) {
  uint32_t fail_one_in = memory.fail_one_in;
  memory.fail_one_in = 0;
  if (sio_threads_new(&host.threads)) fault("no memory where none fails", "sio_threads_new");
  memory.fail_one_in = fail_one_in;
  o->threads = host.threads;
  if (draw(3) == 2) o->max_per_address = draw_between(1, 4); /* also while connections move */
}

/* cluster.h */
static void draw_cluster(sio_options *o) {
  sio_recovery *recovery = (sio_recovery *)(uintptr_t)o->recovery;
  host.nmembers = loop.count = (int)draw_between(2, MEMBERS);
  if (!host_redis_draw_cluster()) return;
  host.clustered = true;
  draw_threads(o);
  o->max_per_address = o->requests_per_s = o->connects_per_s = 0;
  o->parser = NULL;
  recovery->max_disconnection_ms = 60000;
}

/* With recovery there is one server, or a cluster. */
static void draw_members(sio_options *o) {
  if (o->recovery && !without_redis && draw(3) == 2) {
    draw_cluster(o);
    return;
  }
  bool is_alone = o->recovery || draw(8) < 5;
  host.nmembers = loop.count = is_alone ? 1 : (int)draw_between(2, MEMBERS);
  if (host.nmembers == 1) return;
  if (draw(3) == 2 && !without_redis)
    host_redis_draw();
  else
    draw_threads(o);
}

#define TELL_OPTION(name) \
  if (o->name) TELL("option " #name " = %llu", (unsigned long long)o->name)

static void tell_times(const sio_options *o) {
  TELL_OPTION(ping_interval_ms);
  TELL_OPTION(ping_timeout_ms);
  TELL_OPTION(upgrade_timeout_ms);
  TELL_OPTION(connect_timeout_ms);
  TELL_OPTION(close_timeout_ms);
  TELL_OPTION(head_timeout_ms);
  TELL_OPTION(body_timeout_ms);
  TELL_OPTION(keep_alive_ms);
  TELL_OPTION(middleware_timeout_ms);
  TELL_OPTION(ack_timeout_ms);
  TELL_OPTION(packet_timeout_ms);
}

static void tell_sizes(const sio_options *o) {
  TELL_OPTION(max_payload);
  TELL_OPTION(max_queued);
  TELL_OPTION(high_water);
  TELL_OPTION(max_attachments);
  TELL_OPTION(max_depth);
  TELL_OPTION(max_fragments);
  TELL_OPTION(max_payload_packets);
  TELL_OPTION(max_unjoined);
  TELL_OPTION(max_nsps);
  TELL_OPTION(max_acks);
  TELL_OPTION(max_connections);
  TELL_OPTION(max_head);
  TELL_OPTION(max_answers);
  TELL_OPTION(max_child_nsps);
}

static void tell_limits(const sio_options *o) {
  TELL_OPTION(queue_high);
  TELL_OPTION(when_full);
  TELL_OPTION(packets_per_s);
  TELL_OPTION(bytes_per_s);
  TELL_OPTION(when_limited);
  TELL_OPTION(connects_per_s);
  TELL_OPTION(max_per_address);
  TELL_OPTION(max_pending);
  TELL_OPTION(requests_per_s);
  TELL_OPTION(max_tls_handshakes);
  if (host.full_returns) TELL("clients return while their queues are full");
  if (host.upgraders) TELL("most peers upgrade while the server handles POSTs late");
}

static void tell_features(const sio_options *o) {
  TELL_OPTION(allow_eio3);
  TELL_OPTION(drop_handshake);
  TELL_OPTION(keep_empty_nsps);
  if (host.threads) TELL("%d servers on as many threads", host.nmembers);
  if (o->trusted_proxies) TELL("option proxy_protocol = %d, with trusted_proxies", host.proxied);
  if (o->parser) TELL("packets are MessagePack");
  TELL("recovery %d, deflate %d, cors %d, cookie %d, ids of the host's %d, asks who may come %d",
       o->recovery != NULL, o->per_message_deflate != NULL, o->cors != NULL, o->cookie != NULL,
       o->generate_id != NULL, o->allow_request != NULL);
}

static void tell_options(const sio_options *o) {
  tell_times(o);
  tell_sizes(o);
  tell_limits(o);
  tell_features(o);
}

void host_draw_options(void) {
  host.opts = (sio_options){ 0 };
  draw_times(&host.opts);
  draw_sizes(&host.opts);
  draw_queue(&host.opts);
  draw_limits(&host.opts);
  draw_upgraders(&host.opts);
  draw_features(&host.opts);
  draw_proxies(&host.opts);
  draw_members(&host.opts);
  draw_full_returns(&host.opts);
  loop.answer_ms = host.opts.ping_timeout_ms ? host.opts.ping_timeout_ms : 20000;
  tell_options(&host.opts);
}
